/* Workers: threads for slots that have none, how many, and those that come late. */
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/runtime.h"
#include "tests/support/process.h"

/* No more than the configuration allows, or than there are to be had */

enum { MOST_THREADS = 4 };
static _Atomic int in_call, most_in_call;

/* The first wait for as many others as there may be; the rest find out whether there are more. */
static void meet(void *unused) {
    (void)unused;
    int now = atomic_fetch_add(&in_call, 1) + 1, seen = atomic_load(&most_in_call);
    while (now > seen && !atomic_compare_exchange_weak(&most_in_call, &seen, now))
        ;
    wait_until(atomic_load(&most_in_call) >= MOST_THREADS);
    usleep(2000);
    atomic_fetch_sub(&in_call, 1);
}

static void *meet_in_call(void *unused) {
    gate__foreign_call_blocking(gate__m(), meet, NULL, GATE__M_UNTOLD);
    return unused;
}

Test(worker, calls_beyond_the_most_threads_wait_and_all_end) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 2, .most_threads = MOST_THREADS});
    gate_task *tasks[100];
    for (int i = 0; i < 100; i++)
        tasks[i] = spawn("blocks", meet_in_call, NULL);
    for (int i = 0; i < 100; i++)
        join(tasks[i]);
    cr_assert_eq(atomic_load(&most_in_call), MOST_THREADS);
    cr_assert_eq(runtime->workers.count, MOST_THREADS);
    stop(runtime);
}

static void sleep_a_little(void *unused) {
    (void)unused;
    usleep(2000);
}

static void *block_once(void *unused) {
    gate__foreign_call_blocking(gate__m(), sleep_a_little, NULL, GATE__M_UNTOLD);
    return unused;
}

/* Their stacks */

#ifdef GATE_TEST_PLAIN
#define FAR_BELOW ((uintptr_t)0) /* MemorySanitizer leaves no room there */
#else
#define FAR_BELOW ((uintptr_t)1 << 40)
#endif

static void *find_stack(void *region) {
    volatile char here = 0;
    const char *on_system_stack = gate__m()->system_sp;
    cr_assert_eq(gate_region_find(on_system_stack, region), 0);
    cr_assert_lt((uintptr_t)on_system_stack, (uintptr_t)&here - FAR_BELOW);
    return NULL;
}

Test(worker, a_workers_stack_lies_below_the_tasks_is_listed_and_goes_with_the_runtime) {
    struct gate_region region, guard;
    gate_runtime *runtime = start(1);
    if (gate__switch_notices.anybody) { /* under a sanitizer they are the C library's */
        stop(runtime);
        return;
    }
    join(spawn("finds", find_stack, &region));
    cr_assert_str_eq(region.tag, "worker stack");
    cr_assert_eq(gate_region_find((char *)region.base - 1, &guard), 0);
    cr_assert_eq(guard.prot, PROT_NONE);
    stop(runtime);
    cr_assert_eq(gate_region_find(region.base, &region), -ENOENT);
    cr_assert_eq(gate_region_find(guard.base, &guard), -ENOENT);
}

/* Whether the system may put huge pages at address, as far as it says: a stack of which little is used would fill one. */
static bool may_be_huge(const void *address) {
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[512];
    uintptr_t first, end;
    bool inside = false, is_refused = false;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &end) == 2)
            inside = (uintptr_t)address - first < end - first;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            is_refused = strstr(line, " nh") != NULL;
    }
    fclose(file);
    return !is_refused;
}

static void *look_at_own_stack(void *unused) {
    (void)unused;
    return (void *)(intptr_t)may_be_huge(__builtin_frame_address(0));
}

static void *look_at_system_stack(void *unused) {
    (void)unused;
    return (void *)(intptr_t)may_be_huge(gate__m()->system_sp);
}

Test(worker, a_workers_stack_has_huge_pages_where_other_threads_have) {
    void *other;
    pthread_t thread;
    pthread_create(&thread, NULL, look_at_own_stack, NULL);
    pthread_join(thread, &other);
    cr_assert_eq(run_task(look_at_system_stack, NULL), other);
}

/* A thread that is awaited and can't be created, for want of memory that is asked for with leisure */

static _Atomic bool is_in_call, refuses, is_asked, first_ran, second_ran;

static void *allocate_or_refuse(void *unused, size_t size) {
    (void)unused;
    if (!atomic_load(&refuses))
        return malloc(size);
    atomic_store(&is_asked, true);
    wait_until(!atomic_load(&refuses));
    return NULL;
}

static void *note_run(void *to) {
    atomic_store((_Atomic bool *)to, true);
    return NULL;
}

static void *spawn_first(void *runtime) {
    struct gate_task_config config = {.main = note_run, .argument = &first_ran};
    cr_assert_eq(gate_task_spawn(runtime, &config, NULL), 0);
    return NULL;
}

static void wait_until_asked(void *unused) {
    (void)unused;
    atomic_store(&is_in_call, true);
    wait_until(atomic_load(&is_asked));
}

static void *wait_in_a_call(void *unused) {
    gate__foreign_call_blocking(gate__m(), wait_until_asked, NULL, GATE__M_UNTOLD);
    return unused;
}

static bool has_idle(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    bool has = runtime->workers.idle != NULL;
    gate__unlock(&runtime->lock);
    return has;
}

/* The one worker is in a call, so that one more is to be created for the first task. It is back before that has failed,
 * runs that task, and has nothing more to do. Then the second task comes. */
static void *spawn_second_when_the_worker_is_idle(void *runtime) {
    gate_runtime *r = runtime;
    struct gate_task_config config = {.main = note_run, .argument = &second_ran};
    pthread_t thread;
    wait_until(atomic_load(&is_in_call) && atomic_load(&r->idle_slot_count) == 1); /* the root task joins */
    atomic_store(&refuses, true);
    pthread_create(&thread, NULL, spawn_first, r);
    wait_until(atomic_load(&first_ran) && atomic_load(&r->idle_slot_count) == 1 && has_idle(r));
    cr_assert_eq(gate_task_spawn(r, &config, NULL), 0);
    atomic_store(&refuses, false);
    pthread_join(thread, NULL);
    wait_until(atomic_load(&second_ran));
    return NULL;
}

Test(worker, a_task_that_was_left_to_a_thread_which_could_not_be_created_runs_on_an_idle_one) {
    struct gate_runtime_hooks hooks = {.allocate = allocate_or_refuse, .deallocate = release_memory};
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .hooks = hooks});
    pthread_t thread;
    wait_until(has_idle(runtime)); /* else the task below may have one more started */
    pthread_create(&thread, NULL, spawn_second_when_the_worker_is_idle, runtime);
    join(spawn("calls", wait_in_a_call, NULL));
    gate__foreign_enter_blocking(gate__m(), GATE__M_UNTOLD);
    pthread_join(thread, NULL);
    gate__foreign_leave(gate__m());
    stop(runtime);
}

#ifndef GATE_TEST_PLAIN /* sanitizers need address space of their own */

/* Each M has one. */
static unsigned count_signal_stacks(void) {
    struct gate_region region = {.base = NULL};
    unsigned count = 0;
    while (gate_region_next((char *)region.base + region.length, &region) == 0)
        count += region.tag && strcmp(region.tag, "signal stack") == 0;
    return count;
}

static void run_out_of_threads(void *unused) {
    (void)unused;
    gate_runtime *runtime = start(2);
    gate_task *tasks[20];
    leave_room_for_threads(0);
    unsigned before = count_signal_stacks();
    for (int i = 0; i < 20; i++)
        tasks[i] = spawn("blocks", block_once, NULL);
    for (int i = 0; i < 20; i++)
        join(tasks[i]);
    fprintf(stderr, "all ended, on %s threads, and %s is left of others; %u are awaited\n",
            runtime->workers.count < 15 ? "few" : "many", count_signal_stacks() == before ? "nothing" : "something",
            atomic_load(&runtime->workers.awaited));
    stop(runtime);
    abort();
}

Test(worker, where_no_thread_is_to_be_had_tasks_wait_for_one_and_all_end) {
    cr_assert_dies_with(run_out_of_threads, NULL,
                        "all ended, on few threads, and nothing is left of others; 0 are awaited");
}

#endif

static _Atomic bool ran;

static void *run_at_last(void *unused) {
    atomic_store(&ran, true);
    return unused;
}

/* A slot's thread that does not come. Criterion's builds alone have pthread_create from a library that is asked behind us. */
#ifndef GATE_TEST_PLAIN

static _Atomic bool holds; /* the next thread that is made */
static _Atomic bool let_go;

struct start {
    void *(*run)(void *);
    void *data;
};

static void *start_late(void *data) {
    struct start start = *(struct start *)data;
    free(data);
    wait_until(atomic_load(&let_go));
    return start.run(start.data);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data) {
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    if (!atomic_exchange(&holds, false))
        return create(thread, attributes, run, data);
    struct start *start = malloc(sizeof *start);
    *start = (struct start){run, data};
    return create(thread, attributes, start_late, start);
}

static uint32_t count_idle(gate_runtime *runtime) {
    uint32_t count = 0;
    gate__lock(&runtime->lock);
    for (gate_m *m = runtime->workers.idle; m; m = m->idle_next)
        count++;
    gate__unlock(&runtime->lock);
    return count;
}

static void wait_until_it_ran(void *unused) {
    (void)unused;
    wait_until(atomic_load(&ran));
}

/* Runs on the one worker that the runtime has from its start. */
static void *need_another(void *unused) {
    atomic_store(&holds, true);
    gate_task *other = spawn("other", run_at_last, NULL);
    gate__foreign_call_blocking(gate__m(), wait_until_it_ran, NULL, GATE__M_UNTOLD);
    cr_assert_not(atomic_load(&holds), "the first thread that was started was not held");
    atomic_store(&let_go, true);
    join(other);
    return unused;
}

Test(worker, a_slot_whose_new_thread_does_not_come_is_given_to_another_one) {
    gate_runtime *runtime = start(1);
    join(spawn("first", need_another, NULL));
    cr_assert_geq(runtime->workers.count, 3);
    wait_until(count_idle(runtime) == runtime->workers.count);
    cr_assert_eq(atomic_load(&runtime->workers.awaited), 0u, "that one was awaited no more when it came");
    stop(runtime);
}

#endif

Test(worker, one_that_is_idle_is_woken_though_another_is_awaited) {
    gate_runtime *runtime = start(2);
    atomic_store(&ran, false);
    wait_until(atomic_load(&runtime->workers.idle));
    atomic_store(&runtime->workers.awaited, 1); /* for ever, as far as the monitor knows */
    gate_task *task = spawn("ready", run_at_last, NULL);
    wait_until(atomic_load(&ran)); /* without a yield */
    atomic_store(&runtime->workers.awaited, 0);
    join(task);
    stop(runtime);
}

static void *end_at_once(void *unused) {
    return unused;
}

Test(worker, none_is_awaited_once_all_have_come) {
    gate_runtime *runtime = start(4);
    atomic_store(&runtime->workers.used_up, true); /* as if none had been to be had before */
    for (int round = 0; round < 20; round++) {
        gate_task *tasks[8];
        for (int i = 0; i < 8; i++)
            tasks[i] = spawn("blocks", i % 2 ? block_once : end_at_once, NULL);
        for (int i = 0; i < 8; i++)
            join(tasks[i]);
    }
    wait_until(atomic_load(&runtime->workers.awaited) == 0);
    cr_assert_eq(atomic_load(&runtime->workers.late_at), GATE__TIMER_NEVER);
    cr_assert_not(atomic_load(&runtime->workers.used_up));
    stop(runtime);
}

/* A task for which one is being created may have run elsewhere, and ended, before that one is there. */
Test(worker, a_stop_waits_for_threads_that_are_being_created) {
    for (int round = 0; round < 200; round++) {
        gate_runtime *runtime = start(3);
        gate_task *tasks[6];
        for (int i = 0; i < 6; i++)
            tasks[i] = spawn("blocks", end_at_once, NULL);
        for (int i = 0; i < 6; i++)
            join(tasks[i]);
        stop(runtime);
    }
}

/* Signals */

static void block(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    cr_assert_eq(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

static bool is_blocked(int number) {
    sigset_t set;
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
    return sigismember(&set, number);
}

Test(worker, one_that_has_had_no_task_leaves_signals_to_the_threads_that_were_there) {
    gate_runtime *runtime = start(1);
    wait_until(atomic_load(&runtime->workers.idle));
    block(SIGUSR1);
    kill(getpid(), SIGUSR1); /* it would kill the process */
    sigset_t pending;
    usleep(5000);
    sigpending(&pending);
    cr_assert(sigismember(&pending, SIGUSR1));
    int number;
    sigemptyset(&pending);
    sigaddset(&pending, SIGUSR1);
    cr_assert_eq(sigwait(&pending, &number), 0);
    stop(runtime);
}

static void *look_at_mask(void *masks) {
    ((bool *)masks)[0] = is_blocked(SIGUSR1);
    ((bool *)masks)[1] = is_blocked(SIGUSR2);
    return NULL;
}

Test(worker, one_that_has_a_task_has_the_mask_that_the_starter_had_at_the_start) {
    bool masks[2] = {false, true};
    block(SIGUSR1);
    gate_runtime *runtime = start(1);
    block(SIGUSR2);
    join(spawn("looks", look_at_mask, masks));
    cr_assert(masks[0]);
    cr_assert_not(masks[1]);
    stop(runtime);
}
