/* Where in the program an address of code is: what the loader says, without its lock. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "runtime/os/os.h"
#include "tests/support/loaded.h"
#include "tests/support/refuse.h"

#define LOADED "../../loaded.so"

enum { MOST = 200, KINDS = 8, FRAMES = MOST * KINDS };

static void by_loader(void *const *frames, size_t count) {
    backtrace_symbols_fd(frames, (int)count, STDERR_FILENO);
}

/* What is said of frames on standard error. */
static char *words_of(void (*print)(void *const *frames, size_t count), void *const *frames, size_t count) {
    FILE *file = tmpfile();
    int terminal = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    print(frames, count);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    size_t size = (size_t)lseek(fileno(file), 0, SEEK_END);
    char *words = calloc(1, size + 1);
    cr_assert_eq(pread(fileno(file), words, size, 0), (ssize_t)size);
    fclose(file);
    return words;
}

/* Addresses around code of the program, of libraries, of the kernel's, and around what is none. */
static size_t fill(void *frames[FRAMES], size_t each, void *library) {
    uintptr_t near[KINDS] = {
        (uintptr_t)fill,
        (uintptr_t)gate__os_print_frames,
        (uintptr_t)dlsym(RTLD_DEFAULT, "qsort"),
        (uintptr_t)dlsym(RTLD_DEFAULT, "__tls_get_addr"),
        (uintptr_t)dlsym(library, "loaded_add"),
        getauxval(AT_SYSINFO_EHDR),
        (uintptr_t)frames,
        0,
    };
    for (size_t i = 0; i < KINDS * each; i++) {
        size_t kind = i / each, step = i % each;
        frames[i] = (void *)(near[kind] + step * (kind < 2 || kind == 4 ? 1 : 37));
    }
    return KINDS * each;
}

static char *require_same_words(size_t each) {
    static void *frames[FRAMES];
    void *library = open_beside_program(LOADED);
    size_t count = fill(frames, each, library);
    char *ours = words_of(gate__os_print_frames, frames, count), *theirs = words_of(by_loader, frames, count);
    size_t same = 0, line = 0;
    for (; ours[same] && ours[same] == theirs[same]; same++)
        line = ours[same] == '\n' ? same + 1 : line;
    cr_assert_eq(strcmp(ours, theirs), 0, "'%.200s' and not '%.200s'", ours + line, theirs + line);
    free(theirs);
    dlclose(library);
    return ours;
}

Test(code, of_frames_has_the_lines_of_backtrace_symbols) {
    char *words = require_same_words(MOST);
    cr_assert_not_null(strstr(words, "(loaded_add+0x3)["));
    cr_assert_not_null(strstr(words, "linux-vdso.so.1(__vdso_"));
    cr_assert_not_null(strstr(words, "qsort+0x0)["));
    free(words);
}

static void require_where_refused(void *unused) {
    (void)unused;
    refuse_system_call(SYS_process_vm_readv, EPERM);
    free(require_same_words(10));
    fprintf(stderr, "all is the same\n");
    _exit(1);
}

Test(code, is_found_where_the_system_refuses_to_read) {
    cr_assert_dies_with(require_where_refused, NULL, "all is the same");
}

static unsigned asked;

/* Whatever is asked for is there, but can't be had. */
static void refuse(int number, siginfo_t *info, void *context) {
    (void)number;
    asked++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = info->si_syscall == SYS_process_vm_readv ? -EPERM : -EINVAL;
}

/* libc's symbols are some 9000 words. */
static void ask_little_where_refused(void *unused) {
    char text[4096];
    struct sigaction action = {.sa_sigaction = refuse, .sa_flags = SA_SIGINFO};
    (void)unused;
    cr_assert_eq(sigaction(SIGSYS, &action, NULL), 0);
    filter_system_call(SYS_process_vm_readv, 0, SECCOMP_RET_TRAP);
    filter_system_call(SYS_rt_sigprocmask, 0, SECCOMP_RET_TRAP);
    gate__os_describe_code(dlsym(RTLD_DEFAULT, "qsort"), text, sizeof text);
    fprintf(stderr, "%s, found by %s (%u)\n", strrchr(text, '('), asked < 1000 ? "little" : "much", asked);
    _exit(1);
}

Test(code, is_found_by_little_that_is_asked_of_a_system_that_refuses) {
    cr_assert_dies_with(ask_little_where_refused, NULL, "qsort+0x0), found by little");
}

static void require_description(const void *code) {
    char text[4096], expected[4096];
    Dl_info info;
    cr_assert_neq(dladdr(code, &info), 0);
    uintptr_t from = (uintptr_t)(info.dli_sname ? info.dli_saddr : info.dli_fbase);
    snprintf(expected, sizeof expected, "%s(%s+0x%zx)", info.dli_fname, info.dli_sname ? info.dli_sname : "",
             (uintptr_t)code - from);
    cr_assert_eq(gate__os_describe_code(code, text, sizeof text), strlen(expected));
    cr_assert_str_eq(text, expected);
    cr_assert_eq(gate__os_describe_code(code, text, 8), 7u);
    cr_assert_eq(strncmp(text, expected, 7), 0);
    cr_assert_eq(text[7], '\0');
}

Test(code, is_described_by_file_function_and_distance) {
    char text[32];
    require_description((char *)dlsym(RTLD_DEFAULT, "qsort") + 5);
    require_description((char *)(uintptr_t)require_description + 5);
    gate__os_describe_code(text, text, sizeof text);
    cr_assert_eq((uintptr_t)strtoull(text, NULL, 16), (uintptr_t)text, "no code, but %s", text);
    gate__os_describe_code(NULL, text, sizeof text);
    cr_assert_str_eq(text, "(nil)");
}

static atomic_bool described;

static void *describe(void *unused) {
    char text[4096];
    gate__os_describe_code((char *)(uintptr_t)describe + 1, text, sizeof text);
    atomic_store(&described, true);
    return unused;
}

/* Whether it is done in that time while another thread has the lock. */
static bool is_described_within(int milliseconds) {
    struct loading loading;
    pthread_t thread;
    begin_loading(&loading, LOADED);
    cr_assert_eq(pthread_create(&thread, NULL, describe, NULL), 0);
    for (int i = 0; i < milliseconds && !atomic_load(&described); i++)
        usleep(1000);
    bool is_described = atomic_load(&described);
    end_loading(&loading);
    pthread_join(thread, NULL);
    return is_described;
}

#ifdef WITHOUT_FIND_OBJECT

Test(code, waits_for_the_loader_where_there_is_no_other_way) {
    cr_assert_not(is_described_within(50));
}

#else

Test(code, is_found_while_another_thread_opens_a_library) {
    cr_assert(is_described_within(10 * 1000));
}

/* The loader writes to what says so, and then nobody may. */
static void begin_hashes_at(struct link_map *map, void *address) {
    size_t page = gate__os_page_size();
    uintptr_t begin = (uintptr_t)map->l_ld / page * page;
    ElfW(Dyn) *entry = map->l_ld;
    cr_assert_eq(mprotect((void *)begin, 2 * page, PROT_READ | PROT_WRITE), 0);
    while (entry->d_tag != DT_HASH)
        entry++;
    entry->d_tag = DT_GNU_HASH;
    entry->d_un.d_ptr = (uintptr_t)address - map->l_addr;
}

/* What C has overwritten of the loader's record of a library. */
static void damage(void *where) {
    void *library = open_beside_program(LOADED), *frame = dlsym(library, "loaded_add");
    struct link_map *map = library;
    void *nowhere = (void *)64, *nonsense = (void *)map->l_addr;
    if (strchr(where, 'n'))
        map->l_name = nowhere;
    if (strchr(where, 'd'))
        map->l_ld = strchr(where, '?') ? nonsense : nowhere;
    if (strchr(where, 'h'))
        begin_hashes_at(map, nowhere);
    if (strchr(where, 'a'))
        map->l_addr = (uintptr_t)nowhere;
    gate__os_print_frames(&frame, 1);
    fprintf(stderr, "said\n");
    abort();
}

Test(code, of_an_object_whose_record_is_damaged_is_told_as_far_as_it_goes) {
    cr_assert_dies_with(damage, (void *)(uintptr_t) "n", "(loaded_add+0x0)[0x");
    cr_assert_dies_with(damage, (void *)(uintptr_t) "d", "loaded.so(+0x");
    cr_assert_dies_with(damage, (void *)(uintptr_t) "d?", "loaded.so(+0x");
    cr_assert_dies_with(damage, (void *)(uintptr_t) "h", "loaded.so(+0x");
    cr_assert_dies_with(damage, (void *)(uintptr_t) "a", "said\n");
    cr_assert_dies_with(damage, (void *)(uintptr_t) "nda?", "said\n");
}

#endif
