/* The layers, composed by their functions into the one table that a process has: trace > limit > fault > a hook
 * of the test's own. Each test sets up what it needs in a child, where the table is still open. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "callgate.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "tests/support/memory.h"
#include "tests/support/test.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

/* How printf writes NULL, and how other addresses begin; what a sanitizer layer answers above others. */
#ifdef _WIN32
#define NIL "0000000000000000"
#define HEX "00"
enum { NOT_THE_LOWEST = -ENOTSUP }; /* there are no sanitizers at all */
#else
#define NIL "(nil)"
#define HEX "0x"
enum { NOT_THE_LOWEST = -EINVAL };
#endif

static struct gate_mem_hooks empty(void) {
    return (struct gate_mem_hooks){.size = sizeof(struct gate_mem_hooks)};
}

static int map(size_t length, void **at) {
    return gate_mmap(NULL, length, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0, at);
}

#define expect(condition)                                                   \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

/* Runs body in a child: all of its expectations must hold. output has what it wrote to standard error. */
static char output[64 * 1024];

static void in_child(void (*body)(void *)) {
    int status = dies(body, NULL, output, sizeof output);
    cr_assert_eq(status, 0, "%s", output);
}

/* Fault */

static void fail_the_third(void *unused) {
    struct gate_mem_hooks table = empty();
    void *at[3];
    (void)unused;
    expect(gate_hooks_fault(&table, &(struct gate_fault){.nth = 3, .error = EMFILE}) == 0);
    expect(gate_mem_register_hooks(&table) == 0);
    expect(map(PAGE, &at[0]) == 0); /* the table's memory, and the page */
    expect(gate_hooks_fault_calls() == 2);
    expect(map(PAGE, &at[1]) == -EMFILE);
    expect(map(PAGE, &at[2]) == 0);
    expect(gate_hooks_fault_calls() == 4);
    gate_munmap(at[0], PAGE);
    gate_munmap(at[2], PAGE);
    expect(gate_hooks_fault_calls() == 4);
}

Test(hooks, fault_fails_the_nth_call_with_the_chosen_errno) {
    in_child(fail_the_third);
}

static void fail_other_calls(void *unused) {
    struct gate_mem_hooks table = empty();
    void *at;
    (void)unused;
    gate_hooks_fault(&table, &(struct gate_fault){.nth = 4});
    gate_mem_register_hooks(&table);
    expect(map(PAGE, &at) == 0);
    expect(gate_madvise(at, PAGE, MADV_DONTNEED) == 0);
    expect(gate_mprotect(at, PAGE, PROT_READ) == -ENOMEM);
    struct gate_region region;
    expect(gate_region_find(at, &region) == 0 && region.prot == (PROT_READ | PROT_WRITE));
    expect(gate_msync(at, PAGE, MS_ASYNC) == 0);
    gate_munmap(at, PAGE);
}

Test(hooks, fault_counts_every_call_that_can_fail_and_the_default_is_enomem) {
    in_child(fail_other_calls);
}

static int reached_msync;

static int32_t hook_msync(void *address, uintptr_t length, int32_t flags) {
    (void)address, (void)length, (void)flags;
    reached_msync++;
    return 0;
}

static void fail_an_msync(void *unused) {
    struct gate_mem_hooks table = empty();
    void *at;
    (void)unused;
    table.msync = hook_msync;
    gate_hooks_fault(&table, &(struct gate_fault){.nth = 3});
    gate_mem_register_hooks(&table);
    expect(map(PAGE, &at) == 0);
    expect(gate_msync(at, PAGE, MS_ASYNC) == -ENOMEM && reached_msync == 0);
    expect(gate_msync(at, PAGE, MS_ASYNC) == 0 && reached_msync == 1);
}

Test(hooks, a_call_that_fault_fails_is_not_made) {
    in_child(fail_an_msync);
}

static void fail_a_commit(void *unused) {
    struct gate_mem_hooks table = empty();
    struct gate_region region;
    void *base;
    (void)unused;
    gate_hooks_fault(&table, &(struct gate_fault){.nth = 3});
    gate_mem_register_hooks(&table);
    expect(gate_heap_reserve(16 * PAGE, NULL, &base, NULL) == 0); /* the table's memory, and the reservation */
    expect(gate_heap_commit(base, PAGE, NULL) == -ENOMEM);
    expect(gate_region_find(base, &region) == 0 && region.state == GATE_REGION_RESERVED && region.length == 16 * PAGE);
    gate__region_validate();
    expect(gate_heap_commit(base, PAGE, NULL) == 0);
    expect(gate_heap_release(base, 16 * PAGE, NULL) == 0);
    gate__region_validate();
}

Test(hooks, a_commit_that_fails_leaves_the_pages_reserved) {
    in_child(fail_a_commit);
}

static uint64_t seed = 42;

static void fail_one_in_four(void *unused) {
    struct gate_mem_hooks table = empty();
    unsigned failures = 0;
    (void)unused;
    gate_hooks_fault(&table, &(struct gate_fault){.one_in = 4, .seed = seed});
    gate_mem_register_hooks(&table);
    for (int i = 0; i < 1000; i++) {
        void *at;
        bool failed = map(PAGE, &at) != 0;
        if (!failed)
            gate_munmap(at, PAGE);
        failures += failed;
        if (i < 64)
            fputc(failed ? 'x' : '.', stderr);
    }
    expect(failures > 150 && failures < 350);
}

Test(hooks, fault_fails_one_in_n_and_the_same_seed_the_same_calls) {
    in_child(fail_one_in_four);
    char first[65] = "";
    snprintf(first, sizeof first, "%.64s", output);
    in_child(fail_one_in_four);
    cr_assert_eq(strncmp(first, output, 64), 0);
    cr_assert(strchr(first, 'x') && strchr(first, '.'));
#ifndef _WIN32 /* a child there begins with the first seed */
    seed = 43;
    in_child(fail_one_in_four);
    cr_assert_neq(strncmp(first, output, 64), 0, "another seed");
#endif
}

/* Limit */

static void stay_in_a_budget(void *unused) {
    struct gate_mem_hooks table = empty();
    size_t budget = (1 << 20) + 8 * PAGE; /* the region table maps a MiB for itself */
    void *at[4], *same = NULL;
    (void)unused;
    expect(gate_hooks_limit(&table, budget) == 0);
    expect(gate_mem_register_hooks(&table) == 0);
    expect(map(5 * PAGE, &at[0]) == 0);
    expect(map(4 * PAGE, &at[1]) == -ENOMEM);
    expect(map(PAGE, &at[1]) == 0 && map(2 * PAGE, &at[3]) == 0);
    expect(map(1, &at[2]) == -ENOMEM);
    expect(map(SIZE_MAX - 100, &at[2]) == -ENOMEM);
    expect(gate_munmap(at[1], PAGE) == 0);
    /* A byte is a page, and what is asked for near a mapping replaces nothing. */
    void *beside = gate__os_unmaps_parts ? at[0] : NULL;
    expect(gate_mmap(beside, 1, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0, &at[2]) == 0);
    expect(map(1, &same) == -ENOMEM);
    gate_munmap(at[2], PAGE);
    /* A fixed mapping counts in place of what it replaces; one that is refused does not count. */
    bool parts = gate__os_unmaps_parts;
    expect(gate_mmap(at[0], PAGE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0, &same) == (parts ? 0 : -ENOTSUP));
    expect(same == (parts ? at[0] : NULL));
    expect(map(PAGE, &at[2]) == 0);
    expect(map(PAGE, &same) == -ENOMEM);
    expect(gate_munmap(at[3], PAGE) == (parts ? 0 : -ENOTSUP));
    expect(map(PAGE, &same) == (parts ? 0 : -ENOMEM));
}

Test(hooks, limit_is_enomem_beyond_the_budget_and_unmapping_gives_back) {
    in_child(stay_in_a_budget);
}

/* Sanitizer */

#ifndef _WIN32

static void fail_in_libc(void *unused) {
    struct gate_mem_hooks table = empty();
    struct sigaction action = {.sa_handler = SIG_IGN};
    void *at, *gone;
    (void)unused;
    expect(gate_hooks_sanitizer(&table) == 0);
    expect(gate_mem_register_hooks(&table) == 0);
    expect(map(PAGE, &at) == 0 && map(PAGE, &gone) == 0);
    errno = 17;
    expect(gate_munmap(gone, PAGE) == 0);
    expect(gate_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 9999, 0, &gone) == -EBADF && errno == 17);
    expect(gate_mprotect(gone, PAGE, PROT_READ) == -ENOMEM && errno == 17);
    expect(gate_madvise(at, PAGE, 9999) == -EINVAL && errno == 17);
    expect(gate_msync(gone, PAGE, MS_SYNC) == -ENOMEM && errno == 17);
    expect(gate__mem_sigaction(SIGKILL, &action, NULL) == -EINVAL && errno == 17);
}

Test(hooks, sanitizer_keeps_the_callers_errno_where_libc_sets_it) {
    in_child(fail_in_libc);
}

#endif

/* Trace */

#ifndef _WIN32

/* In place of libc's, which trace asks for names of code: libc's functions may set errno and succeed. */
int dladdr(const void *address, Dl_info *info) {
    int (*next)(const void *, Dl_info *) = (int (*)(const void *, Dl_info *))dlsym(RTLD_NEXT, "dladdr");
    *info = (Dl_info){NULL, NULL, NULL, NULL};
    int found = next(address, info);
    errno = EIO;
    return found;
}

#endif

static void trace_all(void *unused) {
    struct gate_mem_hooks table = empty();
    void *at;
    (void)unused;
    expect(gate_hooks_trace(&table, 2) == 0);
    expect(gate_mem_register_hooks(&table) == 0);
    errno = 17; /* and what is below trace, the kernel, leaves it */
    expect(map(3 * PAGE, &at) == 0);
    expect(gate_mprotect(at, PAGE, PROT_READ) == 0);
    expect(gate_madvise(at, PAGE, 9999) == -EINVAL);
    expect(gate_msync(at, PAGE, MS_SYNC) == 0);
    expect(gate_munmap(at, 3 * PAGE) == 0);
    expect(gate_mmap(NULL, 0, PROT_READ, ANONYMOUS, -1, 0, &at) == -EINVAL);
    expect(errno == 17);
}

Test(hooks, trace_writes_a_line_for_each_call_with_sizes_results_and_from_where) {
    in_child(trace_all);
    cr_assert_not_null(strstr(output, "callgate: mmap(" NIL ", 12288, 0x3, 0x22, -1, 0) = " HEX), "%s", output);
    cr_assert_not_null(strstr(output, ", 4096, 0x1), from "));
    cr_assert_not_null(strstr(output, ", 4096, 0x270f) = errno 22, from "));
    cr_assert_not_null(strstr(output, "callgate: msync(" HEX));
    cr_assert_not_null(strstr(output, "callgate: munmap(" HEX));
    cr_assert_not_null(strstr(output, "callgate: mmap(" NIL ", 0, 0x1, 0x22, -1, 0) = errno 22, from "));
    unsigned lines = 0, here = 0;
    for (char *at = output; (at = strstr(at, "callgate: ")) != NULL; at++)
        lines++;
    for (char *at = output; (at = strstr(at, "+0x")) != NULL; at++)
        here++;
    cr_assert_eq(lines, 7u, "%s", output);
    cr_assert_eq(here, 6u, "all but one are from a place in this program: %s", output);
    cr_assert_not_null(strstr(output, ", from the region table\n"));
}

/* Composition */

static int reached; /* calls that the lowest hook got */

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    reached++;
    return system_mmap(address, length, prot, flags, fd, offset);
}

static void hook_munmap(void *address, uintptr_t length) {
    system_munmap(address, length);
}

static void compose(void *unused) {
    struct gate_mem_hooks table = empty();
    void *at;
    (void)unused;
    table.mmap = hook_mmap;
    table.munmap = hook_munmap;
    expect(gate_hooks_fault(&table, &(struct gate_fault){.nth = 3, .error = EPERM}) == 0);
    expect(gate_hooks_limit(&table, (1 << 20) + 4 * PAGE) == 0);
    expect(gate_hooks_trace(&table, 2) == 0);
    expect(gate_mem_register_hooks(&table) == 0);
    expect(map(PAGE, &at) == 0 && reached == 2);
    expect(map(PAGE, &at) == -EPERM && reached == 2); /* fault's, passed up by limit, which took nothing for it */
    expect(map(3 * PAGE, &at) == 0 && reached == 3);
    expect(map(PAGE, &at) == -ENOMEM && reached == 3); /* limit's: fault doesn't count it */
    expect(gate_hooks_fault_calls() == 4);
}

Test(hooks, layers_lie_above_each_other_in_the_order_of_the_calls) {
    in_child(compose);
    cr_assert_not_null(strstr(output, "= errno 1,"));
    cr_assert_not_null(strstr(output, "= errno 12,"), "trace is above limit");
}

static void refuse(void *unused) {
    struct gate_mem_hooks table = empty(), other = empty();
    (void)unused;
    expect(gate_hooks_fault(&table, &(struct gate_fault){.error = 4096}) == -EINVAL);
    expect(gate_hooks_fault(&table, &(struct gate_fault){.error = -1}) == -EINVAL);
    expect(!table.mmap);
    expect(gate_hooks_fault(&table, &(struct gate_fault){0}) == 0);
    expect(gate_hooks_fault(&other, &(struct gate_fault){0}) == -EBUSY);
    expect(gate_hooks_limit(&table, 1) == 0);
    expect(gate_hooks_limit(&other, 1) == -EBUSY);
    expect(gate_hooks_trace(&table, 2) == 0);
    expect(gate_hooks_trace(&other, 2) == -EBUSY);
    expect(gate_hooks_sanitizer(&table) == NOT_THE_LOWEST);
    expect(!other.mmap);
    struct gate_mem_hooks complete = empty();
    gate_mem_hooks_complete(&complete);
    other.sigaction = complete.sigaction;
    expect(gate_hooks_sanitizer(&other) == NOT_THE_LOWEST);
}

Test(hooks, a_second_layer_of_a_kind_and_a_sanitizer_that_is_not_the_lowest_are_refused) {
    in_child(refuse);
}

static void put_layers_above_halves(void *unused) {
    struct gate_mem_hooks half = empty(), other = empty(), small = empty();
    (void)unused;
    half.mmap = hook_mmap;
    other.munmap = hook_munmap;
    small.size -= sizeof(void *);
    expect(gate_hooks_trace(&half, 2) == -EINVAL && half.munmap == NULL);
    expect(gate_hooks_limit(&other, 1) == -EINVAL && other.mmap == NULL);
    expect(gate_hooks_fault(&half, &(struct gate_fault){0}) == -EINVAL);
    expect(gate_hooks_trace(&small, 2) == -EINVAL);
    expect(gate_hooks_trace(&small, 2) == -EINVAL);
}

Test(hooks, a_partial_table_is_refused_by_the_layers_too) {
    in_child(put_layers_above_halves);
}

static void register_halves(void *unused) {
    struct gate_mem_hooks half = empty(), other = empty(), newer = empty(), odd = empty(), none = {0};
    (void)unused;
    half.mmap = hook_mmap;
    other.munmap = hook_munmap;
    newer.size += sizeof(void *);
    odd.size -= 1;
    expect(gate_mem_register_hooks(&half) == -EINVAL);
    expect(gate_mem_register_hooks(&other) == -EINVAL);
    expect(gate_mem_register_hooks(&newer) == -EINVAL);
    expect(gate_mem_register_hooks(&odd) == -EINVAL);
    expect(gate_mem_register_hooks(&none) == -EINVAL);
    half.munmap = hook_munmap;
    expect(gate_mem_register_hooks(&half) == 0); /* the refused ones left the table open */
}

Test(hooks, a_refused_table_says_why_and_leaves_room_for_another) {
    in_child(register_halves);
    cr_assert_not_null(strstr(output, "mmap without munmap"));
    cr_assert_not_null(strstr(output, "munmap without mmap"));
    cr_assert_not_null(strstr(output, "later version"));
    cr_assert_not_null(strstr(output, "not that of any version"));
    cr_assert_not_null(strstr(output, "size is not set"));
}

static void register_an_old_table(void *unused) {
    struct gate_mem_hooks table = empty(), active = empty(), older = {.size = offsetof(struct gate_mem_hooks, munmap)};
    (void)unused;
    table.mmap = hook_mmap;
    table.munmap = hook_munmap;
    table.msync = (int32_t(*)(void *, uintptr_t, int32_t))(uintptr_t)1; /* beyond what the size says */
    table.size = offsetof(struct gate_mem_hooks, mprotect);
    expect(gate_mem_register_hooks(&table) == 0);
    gate_mem_hooks_active(&active);
    expect(active.size == sizeof active && active.mmap == hook_mmap && !active.mprotect && !active.msync);
    older.munmap = system_munmap;
    gate_mem_hooks_active(&older);
    expect(older.size == offsetof(struct gate_mem_hooks, munmap) && older.mmap == hook_mmap);
    expect(older.munmap == system_munmap); /* beyond the room that it said it has */
}

Test(hooks, a_table_of_an_earlier_version_leaves_the_rest_to_the_kernel) {
    in_child(register_an_old_table);
}
