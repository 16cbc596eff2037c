/* The memory entry points, in what Linux can do and not every system. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "runtime/os/os.h"
#include "tests/support/refuse.h"
#include "tests/support/runtime.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(size_t length) {
    void *at = NULL;
    cr_assert_eq(gate_mmap(NULL, length, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0, &at), 0);
    return at;
}

Test(os, unmapped_pages_are_gone_and_the_others_stay) {
    char *at = map(3 * PAGE);
    cr_assert_eq(gate_munmap(at + PAGE, PAGE), 0);
    cr_assert(is_mapped(at));
    cr_assert_not(is_mapped(at + PAGE));
    cr_assert(is_mapped(at + 2 * PAGE));
    gate_munmap(at, PAGE);
    gate_munmap(at + 2 * PAGE, PAGE);
}

Test(os, an_offset_beyond_32_bits_reaches_the_kernel) {
    char name[] = "/tmp/callgate-mem-XXXXXX";
    int fd = mkstemp(name);
    uint64_t far = (uint64_t)8 << 30;
    cr_assert_eq(ftruncate(fd, (off_t)(far + PAGE)), 0);
    cr_assert_eq(pwrite(fd, "far", 4, (off_t)far), 4);
    void *at = NULL;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, far, &at), 0);
    cr_assert_str_eq(at, "far");
    gate_munmap(at, PAGE);
    close(fd);
    unlink(name);
}

static void read_words(void *at) {
    uintptr_t word = 0, other;
    memcpy(at, &(uintptr_t){42}, sizeof word);
    refuse_system_call(SYS_process_vm_readv, EPERM);
    bool is_there = gate__os_read_word((uintptr_t)at, &word);
    fprintf(stderr, "read %d: %d; beyond %d; askew %d\n", is_there, (int)word,
            gate__os_read_word((uintptr_t)at + PAGE, &other), gate__os_read_word((uintptr_t)at + 1, &other));
    abort();
}

Test(os, aligned_words_are_read_where_the_system_refuses_to_read) {
    char *at = map(2 * PAGE);
    gate_munmap(at + PAGE, PAGE);
    cr_assert_dies_with(read_words, at, "read 1: 42; beyond 0; askew 0");
    gate_munmap(at, PAGE);
}

static void read_text(void *at) {
    char text[16] = "";
    memset(at, 'x', 2 * PAGE);
    refuse_system_call(SYS_process_vm_readv, EPERM);
    size_t both = gate__os_read_or_load((uintptr_t)at + PAGE - 3, text, 8);
    size_t last = gate__os_read_or_load((uintptr_t)at + 2 * PAGE - 5, text + 8, 8);
    fprintf(stderr, "%zu and %zu: %s; beyond %zu\n", both, last, text,
            gate__os_read_or_load((uintptr_t)at + 2 * PAGE, text, 8));
    abort();
}

Test(os, memory_is_loaded_as_far_as_it_is_there_where_the_system_refuses_to_read) {
    char *at = map(3 * PAGE);
    gate_munmap(at + 2 * PAGE, PAGE);
    cr_assert_dies_with(read_text, at, "8 and 5: xxxxxxxxxxxxx; beyond 0");
    gate_munmap(at, 2 * PAGE);
}

Test(os, unmap_of_what_is_not_live_is_einval_and_does_nothing) {
    char *at = map(3 * PAGE);
    void *foreign = mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0);
    cr_assert_eq(gate_munmap(foreign, PAGE), -EINVAL, "libc mapped it");
    cr_assert(is_mapped(foreign));
    munmap(foreign, PAGE);
    cr_assert_eq(gate_munmap(at + PAGE, PAGE), 0);
    cr_assert_eq(gate_munmap(at, 3 * PAGE), -EINVAL, "there is a hole in it");
    cr_assert_eq(gate_munmap(at + PAGE, PAGE), -EINVAL, "it is gone already");
    cr_assert(is_mapped(at) && is_mapped(at + 2 * PAGE));
    cr_assert_eq(gate_munmap((void *)PAGE, SIZE_MAX / PAGE * PAGE), -EINVAL);
    gate_munmap(at, PAGE);
    gate_munmap(at + 2 * PAGE, PAGE);
}

static void unmap_against_the_kernels_will(void *at) {
    refuse_system_call(SYS_munmap, EPERM);
    gate_munmap(at, 2 * PAGE);
}

Test(os, a_kernel_that_refuses_a_valid_unmap_is_fatal_and_says_which) {
    char *at = map(2 * PAGE), expected[80];
    snprintf(expected, sizeof expected, "munmap(%p, 8192) failed with errno 1", (void *)at);
    cr_assert_dies_with(unmap_against_the_kernels_will, at, expected);
    gate_munmap(at, 2 * PAGE);
}

Test(os, protection_is_enforced_and_can_be_given_back) {
    char *at = map(PAGE);
    int pipe_ends[2];
    cr_assert_eq(pipe(pipe_ends), 0);
    cr_assert_eq(write(pipe_ends[1], "x", 1), 1);
    cr_assert_eq(gate_mprotect(at, PAGE, PROT_READ), 0);
    cr_assert_eq(read(pipe_ends[0], at, 1), -1, "the kernel wrote to a read-only page");
    cr_assert_eq(errno, EFAULT);
    cr_assert_eq(gate_mprotect(at, PAGE, PROT_READ | PROT_WRITE), 0);
    cr_assert_eq(read(pipe_ends[0], at, 1), 1);
    cr_assert_eq(*at, 'x');
    cr_assert_eq(gate_mprotect(at + 1, PAGE, PROT_READ), -EINVAL);
    gate_munmap(at, PAGE);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

Test(os, sync_takes_mapped_pages_and_refuses_others) {
    char *at = map(2 * PAGE);
    cr_assert_eq(gate_msync(at, PAGE, MS_SYNC), 0);
    gate_munmap(at + PAGE, PAGE);
    cr_assert_eq(gate_msync(at, 2 * PAGE, MS_SYNC), -ENOMEM);
    gate_munmap(at, PAGE);
}

Test(os, huge_pages_of_their_own_kind_are_enotsup) {
    void *at = &at;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0, &at), -ENOTSUP);
    cr_assert_eq(at, &at);
}

/* The kernel unmaps what lies there, and then finds that a socket can't be mapped. */
Test(os, what_a_refused_fixed_mapping_has_unmapped_is_not_live) {
    char *at = map(3 * PAGE);
    void *result;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(gate_mmap(at + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0, &result), -ENODEV);
    struct gate_region region;
    cr_assert_eq(gate_region_find(at + PAGE, &region) == 0, is_mapped(at + PAGE));
    cr_assert_eq(gate_region_find(at, &region), 0);
    cr_assert_eq(gate_region_find(at + 2 * PAGE, &region), 0);
    gate__region_validate();
    gate_munmap(at, PAGE);
    gate_munmap(at + PAGE, PAGE);
    gate_munmap(at + 2 * PAGE, PAGE);
    close(fd);
}

static _Atomic bool forked;

static void *map_until_forked(void *unused) {
    while (!atomic_load(&forked))
        gate_munmap(map(16 * PAGE), 16 * PAGE);
    return unused;
}

/* A fork in the midst of another thread's change would leave the child a table that nobody unlocks. */
Test(os, a_child_maps_though_it_was_forked_while_other_threads_did) {
    pthread_t threads[2];
    atomic_store(&forked, false);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, map_until_forked, NULL), 0);
    for (int i = 0; i < 100; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            gate_munmap(map(16 * PAGE), 16 * PAGE);
            _exit(0);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0, "child %d hung", i);
    }
    atomic_store(&forked, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

Test(os, the_first_resident_page_is_the_lowest_that_was_touched) {
    enum { COUNT = 700 };
    char *at = map((size_t)COUNT * PAGE), *end = at + (size_t)COUNT * PAGE;
    gate_madvise(at, (size_t)COUNT * PAGE, MADV_NOHUGEPAGE);
    cr_assert_eq(gate__os_first_resident(at, end), end);
    at[600 * PAGE] = 1;
    at[650 * PAGE] = 1;
    cr_assert_eq(gate__os_first_resident(at, end), at + 600 * PAGE);
    cr_assert_eq(gate__os_first_resident(at, at + 600 * PAGE), at + 600 * PAGE);
    gate_munmap(at, (size_t)COUNT * PAGE);
}

/* Descriptors: the next one is the lowest that is free. */

static int next_descriptor(void) {
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

Test(os, advice_on_several_ranges_tells_of_one_that_is_not_mapped_and_keeps_no_descriptor) {
    int fd = next_descriptor();
    char *at = map(3 * PAGE);
    struct gate__os_range ranges[] = {{at, PAGE}, {at + 2 * PAGE, PAGE}};
    cr_assert_eq(gate__mem_advise_all(ranges, 2, MADV_POPULATE_WRITE), 0);
    gate_munmap(at + 2 * PAGE, PAGE);
    cr_assert_eq(gate__mem_advise_all(ranges, 2, MADV_POPULATE_WRITE), -ENOMEM);
    cr_assert_eq(next_descriptor(), fd);
    gate_munmap(at, 2 * PAGE);
}

Test(os, descriptors_are_not_inherited_and_an_event_blocks_nobody) {
    static const char constant[] = "some bytes of this program that are to be found in its file";
    struct gate__os_origin origin = gate__os_origin_of(constant);
    int event = gate__os_event_make(), file = gate__os_open_origin(&origin, constant, sizeof constant);
    cr_assert_geq(event, 0);
    cr_assert_geq(file, 0, "%s", origin.file);
    cr_assert(fcntl(event, F_GETFD) & FD_CLOEXEC && fcntl(file, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(event, F_GETFL) & O_NONBLOCK);
    gate__os_close(event);
    gate__os_close(file);
}

static void draw_without_the_system(void *unused) {
    (void)unused;
    refuse_system_call(SYS_getrandom, ENOSYS);
    uint64_t first = gate__os_random(), second = gate__os_random();
    fprintf(stderr, "%s\n", first && second && first != second ? "two numbers" : "none");
    _exit(1);
}

Test(os, numbers_that_nobody_knows_are_there_though_the_system_gives_none) {
    cr_assert_dies_with(draw_without_the_system, NULL, "two numbers\n");
}

Test(os, memory_is_read_as_far_as_it_is_there) {
    char *at = map(2 * PAGE), read[16] = "";
    gate_munmap(at + PAGE, PAGE);
    memset(at, 'x', PAGE);
    cr_assert_eq(gate__os_read((uintptr_t)at + PAGE - 8, read, sizeof read), 8u);
    cr_assert_str_eq(read, "xxxxxxxx");
    cr_assert_eq(gate__os_read((uintptr_t)at + PAGE, read, sizeof read), 0u);
    gate_munmap(at, PAGE);
}

Test(os, a_handler_that_can_not_be_installed_leaves_errno) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    errno = EXDEV;
    cr_assert_eq(gate__os_sigaction(SIGKILL, &action, NULL), -EINVAL);
    cr_assert_eq(errno, EXDEV);
}

Test(os, frames_that_lead_back_to_themselves_are_followed_once) {
    uintptr_t frames[] = {0, 0x1000, 0, 0x2000};
    void *found[8];
    frames[0] = (uintptr_t)&frames[2];
    frames[2] = (uintptr_t)&frames[0];
    cr_assert_eq(gate__os_follow_frames((uintptr_t)frames, found, 8), 2u);
    cr_assert(found[0] == (void *)0x1000 && found[1] == (void *)0x2000);
    frames[0] = (uintptr_t)frames;
    cr_assert_eq(gate__os_follow_frames((uintptr_t)frames, found, 8), 1u);
}

/* A function that the loader knows no name of is told by its distance from where its file begins. */
Test(os, code_is_described_by_file_and_distance_and_cut) {
    char words[512], few[8];
    size_t length = gate__os_describe_code((const void *)(uintptr_t)next_descriptor, words, sizeof words);
    cr_assert_eq(length, strlen(words));
    cr_assert_not_null(strstr(words, "(+0x"), "%s", words);
    cr_assert_eq(gate__os_describe_code((const void *)(uintptr_t)next_descriptor, few, sizeof few), sizeof few - 1);
    cr_assert_eq(strncmp(few, words, sizeof few - 1), 0);
    length = gate__os_describe_code((const void *)(uintptr_t)getpagesize, words, sizeof words);
    cr_assert_not_null(strstr(words, "libc"), "%s", words);
    cr_assert_eq(gate__os_describe_code(NULL, words, sizeof words), strlen("(nil)"));
}

/* What opening a file for these bytes, at 100, gives once a part of it is this. */
static int open_with(const char *name, const char *bytes, size_t size, const char *part, off_t at) {
    struct gate__os_origin origin = {name, 100};
    int fd = open(name, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(pwrite(fd, bytes, size, 100), (ssize_t)size);
    cr_assert_eq(pwrite(fd, part, strlen(part), at), (ssize_t)strlen(part));
    close(fd);
    fd = gate__os_open_origin(&origin, bytes, size);
    if (fd >= 0)
        gate__os_close(fd);
    return fd;
}

Test(os, a_file_that_was_replaced_is_no_origin) {
    enum { SIZE = 600 };
    int fd = next_descriptor();
    char name[] = "/tmp/callgate-origin-XXXXXX", bytes[SIZE];
    struct gate__os_origin origin = {name, 100};
    memset(bytes, 'a', SIZE);
    close(mkstemp(name));
    cr_assert_eq(gate__os_open_origin(&origin, bytes, SIZE), -ENOENT, "it is shorter");
    cr_assert_geq(open_with(name, bytes, SIZE, "others before", 0), 0);
    cr_assert_geq(open_with(name, bytes, SIZE, "others behind", 100 + SIZE), 0);
    cr_assert_eq(open_with(name, bytes, SIZE, "b", 100), -ENOENT);
    cr_assert_eq(open_with(name, bytes, SIZE, "b", 100 + SIZE - 1), -ENOENT);
    unlink(name);
    cr_assert_eq(gate__os_open_origin(&origin, bytes, SIZE), -ENOENT);
    cr_assert_eq(next_descriptor(), fd, "one is open still");
}
