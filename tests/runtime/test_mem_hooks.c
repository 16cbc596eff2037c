/* The memory entry points with hooks: a table is registered once for a process, so these tests share
 * one, and a program. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/runtime.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

/* What the hooks saw last, and what they are to answer. */
static struct {
    void *address;
    uintptr_t length;
    int32_t option, flags, fd;
    uint32_t offset;
    const char *frame;
    const char *caller;
    int count;
} seen;
static uintptr_t answer;
static bool answers_zero, refuses_the_table; /* the last: memory for the region table's own */

/* What a hook does before anything else, once; and how often one did. */
static void (*meanwhile)(void);
static int waited;

static void note(void *address, uintptr_t length, int32_t option) {
    seen.address = address;
    seen.length = length;
    seen.option = option;
    seen.frame = __builtin_frame_address(0);
    seen.caller = gate_mem_caller();
    seen.count++;
    if (meanwhile)
        meanwhile();
}

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    note(address, length, prot);
    seen.flags = flags;
    seen.fd = fd;
    seen.offset = offset;
    if (answer || answers_zero)
        return answer;
    if (refuses_the_table && !gate_mem_caller())
        return ENOMEM;
    return system_mmap(address, length, prot, flags, fd, offset);
}

static void hook_munmap(void *address, uintptr_t length) {
    note(address, length, 0);
    system_munmap(address, length);
}

static int32_t unknown_option = -1; /* one that the kernel doesn't know */
static int32_t refused_option = -1; /* one for which it has no memory */
static int refusals, protections;   /* of that, and how often no access was asked for */

static int32_t hook_option(void *address, uintptr_t length, int32_t option) {
    note(address, length, option);
    refusals += option == unknown_option;
    protections += option == PROT_NONE;
    if (option == refused_option)
        return ENOMEM;
    return option == unknown_option ? EINVAL : (int32_t)answer;
}

static uint64_t installed; /* the signals whose handlers were installed, a bit for each */

static int32_t hook_sigaction(int32_t number, const struct sigaction *action, struct sigaction *old) {
    struct gate_mem_hooks system = {.size = sizeof system};
    gate_mem_hooks_complete(&system);
    if (action)
        installed |= (uint64_t)1 << number;
    return system.sigaction(number, action, old);
}

static int first_registration = 1;

/* Registers before any test maps anything; a first mapping brings the region table its memory, which is
 * mapped through the hook too. */
__attribute__((constructor)) static void register_hooks(void) {
    struct gate_mem_hooks hooks = {sizeof hooks, hook_mmap,   hook_munmap,   hook_option,
                                   hook_option,  hook_option, hook_sigaction};
    void *at;
    first_registration = gate_mem_register_hooks(&hooks);
    if (gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at) == 0)
        gate_munmap(at, PAGE);
}

Test(mem_hooks, are_accepted_once_and_from_a_constructor) {
    struct gate_mem_hooks none = {.size = sizeof none}, active = {.size = sizeof active};
    cr_assert_eq(first_registration, 0);
    cr_assert_eq(gate_mem_register_hooks(&none), -EBUSY);
    gate_mem_hooks_active(&active);
    cr_assert(active.mmap == hook_mmap && active.munmap == hook_munmap, "the refused table is in force");
}

Test(mem_hooks, are_told_by_active) {
    struct gate_mem_hooks active = {.size = sizeof active};
    gate_mem_hooks_active(&active);
    cr_assert(active.mmap == hook_mmap && active.munmap == hook_munmap && active.msync == hook_option);
}

Test(mem_hooks, partial_or_unknown_tables_are_einval) {
    struct gate_mem_hooks half = {.size = sizeof half, .mmap = hook_mmap};
    struct gate_mem_hooks other = {.size = sizeof other, .munmap = hook_munmap};
    struct gate_mem_hooks newer = {.size = sizeof newer + 8, .mmap = hook_mmap, .munmap = hook_munmap};
    cr_assert_eq(gate_mem_register_hooks(&half), -EINVAL);
    cr_assert_eq(gate_mem_register_hooks(&other), -EINVAL);
    cr_assert_eq(gate_mem_register_hooks(&newer), -EINVAL);
}

Test(mem_hooks, mmap_gets_its_arguments_in_the_system_calls_order) {
    void *at;
    answer = 0x7000;
    cr_assert_eq(gate_mmap((void *)0x5000, 3 * PAGE, PROT_READ, MAP_SHARED, 17, 0xfffff000, &at), 0);
    answer = 0;
    cr_assert_eq(at, (void *)0x7000);
    cr_assert_eq(seen.address, (void *)0x5000);
    cr_assert_eq(seen.length, (uintptr_t)3 * PAGE);
    cr_assert_eq(seen.option, PROT_READ);
    cr_assert_eq(seen.flags, MAP_SHARED);
    cr_assert_eq(seen.fd, 17);
    cr_assert_eq(seen.offset, 0xfffff000u);
}

Test(mem_hooks, a_result_below_4096_is_an_errno) {
    void *at = &at;
    answer = ENOMEM;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), -ENOMEM);
    answer = 4095;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), -4095);
    cr_assert_eq(at, &at);
    answer = 4096;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    cr_assert_eq(at, (void *)4096);
    answer = 0;
}

Test(mem_hooks, a_result_may_have_any_low_half) {
    void *at = NULL;
    answer = 0x7f0080000000; /* that of the int that has no negative */
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    cr_assert_eq(at, (void *)answer);
    answer = 0;
}

Test(mem_hooks, a_result_of_zero_is_no_address) {
    void *at = &at;
    answers_zero = true;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), -ENOMEM);
    answers_zero = false;
    cr_assert_eq(at, &at);
}

Test(mem_hooks, an_offset_beyond_32_bits_is_eoverflow_and_not_passed_on) {
    void *at;
    int before = seen.count;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, (uint64_t)1 << 32, &at), -EOVERFLOW);
    cr_assert_eq(seen.count, before);
}

Test(mem_hooks, the_other_entry_points_pass_their_arguments_and_errors) {
    answer = EACCES;
    cr_assert_eq(gate_mprotect((void *)PAGE, 2 * PAGE, PROT_EXEC), -EACCES);
    cr_assert(seen.address == (void *)PAGE && seen.length == 2 * PAGE && seen.option == PROT_EXEC);
    answer = EBUSY;
    cr_assert_eq(gate_msync((void *)PAGE, PAGE, MS_ASYNC), -EBUSY);
    cr_assert_eq(seen.option, MS_ASYNC);
    answer = EAGAIN;
    cr_assert_eq(gate_madvise((void *)PAGE, PAGE, MADV_WILLNEED), -EAGAIN);
    cr_assert_eq(seen.option, MADV_WILLNEED);
    answer = 0;
}

/* So many changes are promised that there is no memory left for one more; how many. */
static unsigned promise_all(void) {
    unsigned promised = 0;
    refuses_the_table = true;
    while (gate__region_expect() == 0)
        promised++;
    return promised;
}

static void take_back(unsigned promised) {
    refuses_the_table = false;
    for (; promised > 0; promised--)
        gate__region_forget();
    gate__region_validate();
}

Test(mem_hooks, what_can_not_be_noted_is_unmapped_again_and_enomem) {
    unsigned promised = promise_all();
    void *at = &at;
    cr_assert_eq(gate_mmap(NULL, 3 * PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), -ENOMEM);
    cr_assert_eq(at, &at);
    cr_assert_eq(seen.length, (uintptr_t)3 * PAGE);
    cr_assert_eq(seen.option, 0, "the last that was seen is the unmap");
    cr_assert_not(is_mapped(seen.address));
    take_back(promised);
}

Test(mem_hooks, a_part_of_a_reservation_that_can_not_be_noted_is_enomem_and_stays) {
    gate_error error = {0, ""};
    struct gate_region region;
    void *at;
    cr_assert_eq(gate_heap_reserve(4 * PAGE, NULL, &at, NULL), 0);
    unsigned promised = promise_all();
    cr_assert_eq(gate_heap_release((char *)at + PAGE, PAGE, &error), -ENOMEM);
    cr_assert_eq(error.code, -ENOMEM);
    cr_assert_eq(strncmp(error.message, "release: 4096 bytes at ", 23), 0, "%s", error.message);
    take_back(promised);
    cr_assert_eq(gate_region_find(at, &region), 0);
    cr_assert_eq(region.length, 4u * PAGE);
    cr_assert_eq(gate_heap_release(at, 4 * PAGE, NULL), 0);
}

/* Two pages that have the end of 4 GiB between them, of each 16: the table's index has nothing there yet. */
static void *far_away(unsigned i) {
    return (void *)(((uintptr_t)(i + 16) << 34) - PAGE);
}

Test(mem_hooks, what_memory_was_promised_for_can_be_noted_wherever_it_is) {
    const struct gate__region_origin origin = {NULL, NULL, GATE_REGION_MAPPED, PROT_READ};
    unsigned promised = promise_all();
    for (unsigned i = 0; i < promised; i++)
        gate__region_add(far_away(i), 2 * PAGE, &origin);
    take_back(0);
    for (unsigned i = 0; i < promised; i++)
        cr_assert_eq(gate__region_remove(far_away(i), 2 * PAGE), 0);
    gate__region_validate();
}

/* Whoever cleans up succeeds. */
Test(mem_hooks, whole_regions_can_be_taken_out_though_there_is_no_memory_to_note_more) {
    const struct gate__region_origin origin = {NULL, NULL, GATE_REGION_MAPPED, PROT_READ};
    char *at = far_away(0);
    cr_assert_eq(gate__region_add_new(at, PAGE, &origin), 0);
    cr_assert_eq(gate__region_add_new(at + PAGE, PAGE, &origin), 0);
    unsigned promised = promise_all();
    cr_assert_eq(gate__region_remove(at, 2 * PAGE), 0);
    take_back(promised);
}

Test(mem_hooks, know_the_caller_and_nobody_does_after_them) {
    const char *here = (const char *)register_hooks;
    void *at;
    cr_assert_null(gate_mem_caller());
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    ptrdiff_t distance = seen.caller - here;
    cr_assert(distance > -100000 && distance < 100000, "the caller is not in this program: %td", distance);
    cr_assert_null(gate_mem_caller());
    cr_assert_eq(gate_munmap(at, PAGE), 0);
    cr_assert_not_null(seen.caller);
    cr_assert_null(gate_mem_caller());
}

Test(mem_hooks, run_in_place_outside_a_task) {
    void *at, *bottom;
    size_t size;
    cr_assert_eq(gate__os_stack_bounds(&bottom, &size), 0);
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    cr_assert(seen.frame > (char *)bottom && seen.frame < (char *)__builtin_frame_address(0));
    gate_munmap(at, PAGE);
}

static void *map_protect_and_unmap(void *unused) {
    void *at;
    cr_assert_eq(gate_mmap(NULL, 2 * PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    cr_assert_eq(gate_mprotect(at, PAGE, PROT_NONE), 0);
    cr_assert_eq(gate_munmap(at, 2 * PAGE), 0);
    return unused;
}

/* While this hook runs, another thread goes through all of the entry points, and a look-up is answered. */
static void wait_for_another_thread(void) {
    pthread_t other;
    struct gate_region region;
    meanwhile = NULL;
    cr_assert_eq(pthread_create(&other, NULL, map_protect_and_unmap, NULL), 0);
    pthread_join(other, NULL);
    cr_assert_eq(gate_region_find(&seen, &region), -ENOENT);
    waited++;
}

Test(mem_hooks, hold_no_lock_of_ours_while_they_run) {
    void *at;
    waited = 0;
    meanwhile = wait_for_another_thread;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    meanwhile = wait_for_another_thread;
    cr_assert_eq(gate_mprotect(at, PAGE, PROT_NONE), 0);
    meanwhile = wait_for_another_thread;
    cr_assert_eq(gate_mmap(at, PAGE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0, &at),
                 gate__os_unmaps_parts ? 0 : -ENOTSUP);
    meanwhile = wait_for_another_thread;
    cr_assert_eq(gate_munmap(at, PAGE), 0);
    cr_assert_eq(waited, 4);
}

#ifndef _WIN32 /* there are no runtimes yet */

Test(mem_hooks, sigaction_sees_the_handlers_that_a_runtime_installs) {
    stop(start(1));
    cr_assert_eq(installed, 1u << SIGSEGV | 1u << SIGBUS | 1u << SIGFPE | 1u << SIGILL);
}

static void *map_and_unmap(void *unused) {
    gate_task *self = gate_task_current();
    void *at;
    (void)unused;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    const char *mapping = seen.frame;
    cr_assert_eq(gate_munmap(at, PAGE), 0);
    cr_assert_eq(seen.address, at);
    const char *low = self->stack.base, *high = low + self->stack.size;
    bool on_task_stack = (mapping >= low && mapping < high) || (seen.frame >= low && seen.frame < high);
    return (void *)(uintptr_t)on_task_stack;
}

Test(mem_hooks, run_on_the_system_stack_when_a_task_maps) {
    cr_assert_null(run_task(map_and_unmap, NULL));
}

Test(mem_hooks, where_the_kernel_does_not_know_guard_pages_stacks_are_guarded_by_mprotect) {
    gate_runtime *runtime = start(1);
    unknown_option = gate__os_guard_advice;
    refusals = protections = 0;
    gate__stack_init();
    gate_task *tasks[GATE__LARGEST_BATCH + 1];
    for (int i = 0; i <= GATE__LARGEST_BATCH; i++)
        tasks[i] = spawn("has a stack", map_and_unmap, NULL);
    cr_assert_geq(protections, GATE__LARGEST_BATCH + 1);
    cr_assert_eq(refusals, 1, "asked for again");
    for (int i = 0; i <= GATE__LARGEST_BATCH; i++)
        join(tasks[i]);
    stop(runtime);
    unknown_option = -1;
    gate__stack_init();
}

/* The next to ask finds the same stacks. */
Test(mem_hooks, stacks_that_can_not_be_guarded_are_an_error_and_not_lost) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = map_and_unmap, .stack_size = 1024 * 1024};
    gate_task *task;
    unknown_option = gate__os_guard_advice;
    gate__stack_init();
    refused_option = PROT_NONE;
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), -ENOMEM);
    int before = seen.count;
    for (int i = 0; i < 100; i++)
        cr_assert_eq(gate_task_spawn(NULL, &config, &task), -ENOMEM);
    cr_assert_eq(seen.count - before, 100, "others were mapped");
    refused_option = -1;
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
    join(task);
    stop(runtime);
    unknown_option = -1;
    gate__stack_init();
}

Test(mem_hooks, see_advice_on_many_ranges_one_by_one) {
    void *at;
    cr_assert_eq(gate_mmap(NULL, 5 * PAGE, PROT_READ, ANONYMOUS, -1, 0, &at), 0);
    struct gate__os_range ranges[] = {{at, PAGE}, {(char *)at + 3 * PAGE, 2 * PAGE}};
    int before = seen.count;
    cr_assert_eq(gate__mem_advise_all(ranges, 2, MADV_WILLNEED), 0);
    cr_assert_eq(seen.count - before, 2);
    cr_assert(seen.address == ranges[1].base && seen.length == 2 * PAGE && seen.option == MADV_WILLNEED);
    cr_assert_eq(gate_munmap(at, 5 * PAGE), 0);
}

/* A thread for which there is no stack for signal handlers. */

static _Atomic int records;

static void *count_and_allocate(void *unused, size_t size) {
    (void)unused;
    atomic_fetch_add(&records, 1);
    return malloc(size);
}

static void count_and_free(void *unused, void *memory, size_t size) {
    (void)unused, (void)size;
    atomic_fetch_sub(&records, 1);
    free(memory);
}

/* The one that was closed last is taken next. */
static struct gate__account *next_account(void) {
    struct gate__account *account = NULL;
    cr_assert_eq(gate__region_open_account(12345, &account), 0);
    gate__region_close_account(account);
    return account;
}

static void *acquire_in_vain(void *unused) {
    int before = atomic_load(&records);
    struct gate__account *account = next_account();
    answer = ENOMEM;
    cr_assert_null(gate_m_acquire());
    answer = 0;
    cr_assert_eq(atomic_load(&records), before);
    cr_assert_eq(next_account(), account);
    gate_m *m = gate_m_acquire();
    cr_assert_eq(m->account, account);
    gate_m_release(m);
    gate__m_drop_root(m);
    cr_assert_eq(next_account(), account, "it was closed with its M");
    return unused;
}

Test(mem_hooks, a_thread_that_can_not_be_adopted_for_want_of_a_mapping_leaves_nothing) {
    struct gate_runtime_hooks hooks = {.allocate = count_and_allocate, .deallocate = count_and_free};
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .hooks = hooks});
    pthread_t thread;
    pthread_create(&thread, NULL, acquire_in_vain, NULL);
    pthread_join(thread, NULL);
    stop(runtime);
}

Test(mem_hooks, see_every_mapping_that_a_runtime_makes) {
    gate_runtime *runtime = start(1);
    int before = seen.count;
    join(spawn("maps a stack", map_and_unmap, NULL));
    cr_assert_gt(seen.count, before);
    before = seen.count;
    stop(runtime);
    cr_assert_gt(seen.count, before, "the stacks were unmapped by another way");
}

#endif
