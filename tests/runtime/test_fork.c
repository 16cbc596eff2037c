/* Forks: who goes on in the child, and in what. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "tests/support/fork.h"

enum { MS = 1000 * 1000, BUSY_FORKS = MAY_FORK_BUSY ? 200 : 10 };
#define HOUR (3600 * 1000ull * MS)

static unsigned count_entries(const char *folder) {
    unsigned count = 0;
    DIR *directory = opendir(folder);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

/* What a runtime that works can do. [task, slot] */

static _Atomic bool over;

static void *tick(void *turns) {
    while (!atomic_load(&over)) {
        gate_task_yield();
        atomic_fetch_add((_Atomic unsigned *)turns, 1);
    }
    return NULL;
}

static void *take_turns(void *argument) {
    for (int i = 0; i < 10; i++) {
        gate_task_ready(gate_task_current());
        gate_task_park("itself");
        gate_task_yield();
    }
    block_ms(1);
    gate_task_sleep(MS);
    return argument;
}

static void wait_for_turns(void *turns) {
    wait_until(atomic_load((_Atomic unsigned *)turns) > 10);
}

/* Tasks are spawned and joined, and one runs beside a call that blocks: workers and monitor are there. */
static void use_tasks(void) {
    gate_task *tasks[20];
    _Atomic unsigned turns = 0;
    for (uintptr_t i = 0; i < 20; i++)
        tasks[i] = spawn("in turns", take_turns, (void *)i);
    for (uintptr_t i = 0; i < 20; i++)
        cr_assert_eq(join(tasks[i]), (void *)i);
    atomic_store(&over, false);
    gate_task *ticking = spawn("ticking", tick, &turns);
    gate__foreign_call(wait_for_turns, &turns);
    atomic_store(&over, true);
    join(ticking);
}

/* The same in a child. */
static void go_on(void) {
    if (MAY_USE_TASKS)
        use_tasks();
}

/* The rest of a child whose task is the one that may stop the runtime. */
static _Noreturn void go_on_and_stop(gate_runtime *runtime) {
    go_on();
    stop(runtime);
    _exit(WELL);
}

/* A runtime whose threads are all there, and wait. */
static gate_runtime *start_quiet(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    use_tasks();
    wait_until_quiet(runtime);
    return runtime;
}

/* Ways to fork */

typedef pid_t way(void);

static void fork_in_call(void *child) {
    *(pid_t *)child = fork_guarded();
}

static pid_t by_call(void) {
    pid_t child = -1;
    gate__foreign_call(fork_in_call, &child);
    return child;
}

static pid_t by_blocking_call(void) {
    pid_t child = -1;
    gate__foreign_call_blocking(gate__m(), fork_in_call, &child, GATE__M_UNTOLD);
    return child;
}

static bool has_slot(gate_m *m) {
    gate__lock(&m->runtime->lock);
    bool has = m->slot != NULL;
    gate__unlock(&m->runtime->lock);
    return has;
}

struct lasting {
    _Atomic unsigned turns;
    pid_t child;
};

static void fork_without_slot(void *data) {
    struct lasting *lasting = data;
    wait_until(!has_slot(gate__m()) && atomic_load(&lasting->turns) > 10);
    lasting->child = fork_guarded();
}

/* Another task wants the slot, and gets it. */
static pid_t by_lasting_call(void) {
    struct lasting lasting = {0, -1};
    atomic_store(&over, false);
    gate_task *ticking = spawn("ticking", tick, &lasting.turns);
    gate__foreign_call(fork_without_slot, &lasting);
    atomic_store(&over, true);
    if (lasting.child)
        join(ticking);
    return lasting.child;
}

/* Who forks */

static void fork_from_root(way *fork_by, uint32_t slots) {
    gate_runtime *runtime = start_quiet(slots);
    pid_t child = fork_by();
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    use_tasks();
    stop(runtime);
}

static void *fork_and_go_on(void *fork_by) {
    pid_t child = (*(way **)fork_by)();
    if (child == 0) {
        go_on();
        _exit(WELL);
    }
    assert_well(child);
    return NULL;
}

static void fork_from_task(way *fork_by, uint32_t slots) {
    gate_runtime *runtime = start_quiet(slots);
    join(spawn("forking", fork_and_go_on, &fork_by));
    use_tasks();
    stop(runtime);
}

Test(fork, a_root_task_goes_on_in_the_child_which_can_stop_the_runtime) {
    fork_from_root(fork_guarded, 1);
    fork_from_root(fork_guarded, 4);
}

Test(fork, a_stackful_task_goes_on_in_the_child) {
    fork_from_task(fork_guarded, 1);
    fork_from_task(fork_guarded, 4);
}

Test(fork, it_may_be_in_a_call) {
    fork_from_root(by_call, 1);
    fork_from_task(by_call, 4);
}

Test(fork, it_may_be_in_a_call_that_has_no_slot) {
    fork_from_root(by_lasting_call, 1);
    fork_from_task(by_lasting_call, 1);
    fork_from_root(by_blocking_call, 2);
    fork_from_task(by_blocking_call, 1);
}

/* Runs body in the child of a root task's fork in a call. */
static void in_child(void (*body)(void *), void *argument) {
    pid_t child = by_call();
    if (child == 0) {
        body(argument);
        _exit(WELL);
    }
    assert_well(child);
}

static void count_threads(void *unused) {
    (void)unused;
    cr_assert_eq(count_entries("/proc/self/task"), 1);
}

Test(fork, creates_no_thread_before_one_is_needed) {
    gate_runtime *runtime = start_quiet(2);
    cr_assert_gt(count_entries("/proc/self/task"), 1);
    in_child(count_threads, NULL);
    stop(runtime);
}

static void fork_again(void *unused) {
    go_on();
    if (MAY_USE_TASKS)
        wait_until_quiet(gate__m()->runtime);
    in_child(count_threads, NULL);
    go_on();
    (void)unused;
}

Test(fork, a_child_forks_too) {
    gate_runtime *runtime = start_quiet(2);
    in_child(fork_again, NULL);
    stop(runtime);
}

/* The main thread, and the world */

static void *fork_as_guest(void *root) {
    gate_task_enter_main();
    pid_t child = by_call();
    if (child == 0) {
        cr_assert_eq(gate_task_ready(root), -ESRCH);
        cr_assert_eq(gate_runtime_stop(gate__m()->runtime, NULL), -EPERM);
        go_on();
        if (MAY_USE_TASKS) /* on another thread, and back */
            gate_task_leave_main(), gate_task_enter_main();
        go_on();
        _exit(WELL);
    }
    assert_well(child);
    return NULL;
}

Test(fork, a_guest_of_the_main_thread_goes_on_there_and_that_threads_task_does_not) {
    gate_runtime *runtime = start_quiet(1);
    join(spawn("guest", fork_as_guest, gate_task_current()));
    use_tasks();
    stop(runtime);
}

static void *park_as_guest(void *unused) {
    gate_task_enter_main();
    gate_task_park("the test's word");
    return unused;
}

static void fork_with_guest_at_the_door(void *child) {
    gate_m *m = gate__m();
    wait_until(atomic_load(&m->later.count) == 1);
    *(pid_t *)child = fork_guarded();
}

Test(fork, guests_that_wait_for_the_main_thread_are_gone) {
    gate_runtime *runtime = start_quiet(1);
    gate_task *guest = spawn("guest", park_as_guest, NULL);
    pid_t child = -1;
    /* Asleep, unlike in a call, this thread lets guests in. */
    wait_until((gate_task_sleep(MS), (atomic_load(&guest->state) & GATE__STATES) == GATE__PARKED));
    gate_task_ready(guest);
    gate__foreign_call(fork_with_guest_at_the_door, &child);
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    join(guest);
    stop(runtime);
}

static void *enter_main_in_child(void *unused) {
    pid_t child = by_call();
    if (child == 0)
        gate_task_enter_main();
    wait_for(child);
    abort();
    return unused;
}

static void enter_main_that_is_gone(void *unused) {
    (void)unused;
    start(1);
    join(spawn("forking", enter_main_in_child, NULL));
}

Test(fork, a_main_thread_that_is_gone_is_not_entered) {
    cr_assert_dies_with(enter_main_that_is_gone, NULL, "gate_task_enter_main: the thread that started the runtime");
}

Test(fork, a_task_that_has_stopped_the_world_starts_it_in_the_child) {
    gate_runtime *runtime = start_quiet(2);
    gate_world_stop();
    pid_t child = by_call();
    gate_world_start();
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    use_tasks();
    stop(runtime);
}

static _Atomic bool stopped, forked;

static void *stop_the_world(void *unused) {
    gate_world_stop();
    atomic_store(&stopped, true);
    wait_until(atomic_load(&forked));
    gate_world_start();
    return unused;
}

static void fork_in_stopped_world(void *child) {
    wait_until(atomic_load(&stopped));
    *(pid_t *)child = fork_guarded();
    atomic_store(&forked, true);
}

Test(fork, the_world_is_not_stopped_in_the_child_by_a_task_that_is_gone) {
    gate_runtime *runtime = start_quiet(2);
    pid_t child = -1;
    atomic_store(&stopped, false);
    atomic_store(&forked, false);
    gate_task *stopping = spawn("stopping", stop_the_world, NULL);
    gate__foreign_call(fork_in_stopped_world, &child);
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    join(stopping);
    stop(runtime);
}

static void *keep_the_slot(void *kept) {
    atomic_store((_Atomic bool *)kept, true);
    wait_until(atomic_load(&forked));
    return NULL;
}

static bool stop_waits(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    bool waits = runtime->world.waits;
    gate__unlock(&runtime->lock);
    return waits;
}

static void fork_while_a_stop_waits(void *child) {
    gate_runtime *runtime = gate__m()->runtime;
    wait_until(stop_waits(runtime));
    *(pid_t *)child = fork_guarded();
    atomic_store(&forked, true);
}

static void assert_no_post(gate_runtime *runtime) {
    int posts = -1;
    cr_assert_eq(sem_getvalue(&runtime->world.stopped.system, &posts), 0);
    cr_assert_eq(posts, 0);
}

Test(fork, a_stop_that_another_task_waits_for_is_over_in_the_child) {
    gate_runtime *runtime = start_quiet(3);
    pid_t child = -1;
    atomic_store(&stopped, false);
    atomic_store(&forked, false);
    _Atomic bool kept = false;
    gate_task *keeping = spawn("keeping", keep_the_slot, &kept);
    wait_until(atomic_load(&kept));
    gate_task *stopping = spawn("stopping", stop_the_world, NULL);
    gate__foreign_call(fork_while_a_stop_waits, &child);
    if (child == 0) {
        go_on();
        assert_no_post(runtime);
        go_on_and_stop(runtime);
    }
    assert_well(child);
    join(keeping);
    join(stopping);
    assert_no_post(runtime);
    stop(runtime);
}

/* The other tasks */

enum { PARKED = 1000 };

static gate_task *parked[PARKED];

static void *park(void *unused) {
    gate_task_park("the test's word");
    return unused;
}

static void *park_for_an_hour(void *unused) {
    cr_assert_eq(gate_task_park_for("the test's word", HOUR), 0);
    return unused;
}

static bool is_in_memory(const void *address) {
    unsigned char resident = 1;
    mincore((void *)((uintptr_t)address & -gate__os_page_size()), 1, &resident);
    return resident & 1;
}

static void look_for_parked(void *runtime) {
    for (int i = 0; i < PARKED; i++)
        cr_assert_not(is_in_memory(parked[i]));
    for (int i = 0; i < PARKED; i++) {
        cr_assert_eq(gate_task_ready(parked[i]), -ESRCH);
        cr_assert_eq(gate_task_join(parked[i], NULL), -ESRCH);
        gate_task_detach(parked[i]);
    }
    uint64_t last = atomic_load(&((gate_runtime *)runtime)->last_number);
    gate_task *task = spawn("task", park, NULL);
    cr_assert_gt(gate_task_number(task), PARKED);
    cr_assert_leq(gate_task_number(task), last + 1);
    for (int i = 0; i < PARKED; i++)
        cr_assert_neq(parked[i], task);
    gate_task_ready(task);
    if (MAY_USE_TASKS)
        join(task), stop(runtime);
}

Test(fork, the_other_tasks_are_gone_and_so_is_their_memory) {
    gate_runtime *runtime = start_quiet(1);
    for (int i = 0; i < PARKED; i++)
        parked[i] = spawn("parked", i % 2 ? park : park_for_an_hour, NULL);
    wait_for_state(parked[PARKED - 1], GATE__PARKED); /* and so are those before it */
    in_child(look_for_parked, runtime);
    for (int i = 0; i < PARKED; i++)
        gate_task_ready(parked[i]);
    for (int i = 0; i < PARKED; i++)
        join(parked[i]);
    stop(runtime);
}

static void stay(const char *content, size_t size) {
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(content[i], (char)i);
}

static void *fork_and_look_at_stack(void *unused) {
    const gate_task *self = gate_task_current();
    char content[8000];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)i;
    pid_t child = by_call();
    if (child == 0) {
        stay(content, sizeof content);
        cr_assert_eq(gate_task_current(), self);
        cr_assert_str_eq(gate_task_name(self), "forking");
        cr_assert_not(can_read(self->stack.base - 1), "the guard is gone");
        _exit(WELL);
    }
    assert_well(child);
    return unused;
}

Test(fork, the_stack_of_the_task_that_forks_stays_whole_and_guarded) {
    gate_runtime *runtime = start_quiet(1);
    gate_task *before = spawn("parked", park, NULL), *task = spawn("forking", fork_and_look_at_stack, NULL),
              *after = spawn("parked", park, NULL);
    join(task);
    gate_task_ready(before), gate_task_ready(after);
    join(before), join(after);
    stop(runtime);
}

/* Ends */

/* In place of what else is done at an exit: a sanitizer would look for leaks among what gone threads had. */
static void end_well(int status, void *expected) {
    _exit(status == (int)(intptr_t)expected ? WELL : 1);
}

static void *fork_and_return(void *unused) {
    pid_t child = by_call();
    if (child == 0)
        on_exit(end_well, (void *)0);
    else
        assert_well(child);
    return unused;
}

Test(fork, the_child_of_a_stackful_task_exits_with_0_when_the_task_ends) {
    gate_runtime *runtime = start_quiet(1);
    join(spawn("forking", fork_and_return, NULL));
    use_tasks();
    stop(runtime);
}

static void exit_with(void *status) {
    exit((int)(intptr_t)status);
}

static void *fork_and_exit(void *runtime) {
    pid_t child = by_call();
    if (child == 0) {
        on_exit(end_well, (void *)7);
        spawn("parked", park, NULL);
        cr_assert_eq(gate_runtime_stop(runtime, NULL), -EPERM);
        gate__foreign_call(exit_with, (void *)7);
    }
    assert_well(child);
    return NULL;
}

Test(fork, the_child_may_exit_but_stops_no_runtime_that_another_thread_has_started) {
    gate_runtime *runtime = start_quiet(1);
    join(spawn("forking", fork_and_exit, runtime));
    stop(runtime);
}

static void want_a_thread(void *unused) {
    pthread_attr_t attributes;
    (void)unused;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46);
    cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
    join(spawn("task", park, NULL));
}

static void want_a_thread_in_a_child(void *slots) {
    int status;
    start((uint32_t)(uintptr_t)slots);
    pid_t child = fork();
    if (child == 0)
        want_a_thread(NULL);
    waitpid(child, &status, 0);
    abort();
}

Test(fork, a_child_that_gets_no_thread_for_its_tasks_says_so) {
    if (!MAY_FORK_BUSY)
        return;
    for (uintptr_t slots = 1; slots <= 2; slots++) /* the monitor's comes first, and a worker's */
        cr_assert_dies_with(want_a_thread_in_a_child, (void *)slots,
                            "a forked process can't create its runtime's threads");
}

/* Threads of C's own */

struct outsider {
    gate_runtime *runtime;
    void (*then)(gate_runtime *runtime); /* in the child */
};

static void *fork_on_thread(void *data) {
    struct outsider *outsider = data;
    pid_t child = fork_guarded();
    if (child == 0) {
        outsider->then(outsider->runtime);
        _exit(WELL);
    }
    assert_well(child);
    return NULL;
}

static void *fork_on_adopted_thread(void *data) {
    gate_m_release(gate_m_acquire());
    return fork_on_thread(data);
}

static void fork_outside(void *(*body)(void *), void (*then)(gate_runtime *)) {
    struct outsider outsider = {start_quiet(2), then};
    pthread_t thread;
    pthread_create(&thread, NULL, body, &outsider);
    block_ms(1);
    pthread_join(thread, NULL);
    use_tasks();
    stop(outsider.runtime);
}

static void start_anew(gate_runtime *gone) {
    cr_assert_null(gate_m_acquire());
    cr_assert_null(gate__init_first());
    cr_assert_eq(gate_runtime_stop(gone, NULL), -EPERM);
    gate_runtime *runtime = start(2);
    go_on();
    stop(runtime);
}

Test(fork, on_a_thread_that_no_runtime_knows_leaves_none) {
    fork_outside(fork_on_thread, start_anew);
}

static _Atomic bool ran;

static void *run(void *unused) {
    atomic_store(&ran, true);
    return unused;
}

static void spawn_from_outside(gate_runtime *runtime) {
    struct gate_task_config config = {.main = run};
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(m);
    cr_assert_eq(m->runtime, runtime);
    cr_assert_eq(gate_runtime_stop(runtime, NULL), -EPERM);
    if (MAY_USE_TASKS) {
        cr_assert_eq(gate_task_spawn(NULL, &config, NULL), 0);
        wait_until(atomic_load(&ran));
    }
    gate_m_release(m);
}

Test(fork, on_an_adopted_thread_leaves_its_runtime) {
    fork_outside(fork_on_adopted_thread, spawn_from_outside);
}

static void *park_in_a_handler(void *unused) {
    gate_m *m = gate_m_acquire();
    gate__foreign_come_in(m, GATE__TIMER_NEVER);
    gate_task_park("the test's word");
    gate__foreign_go_out(m, false);
    gate_m_release(m);
    return unused;
}

static gate_m *another_root(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    gate_m *m = runtime->roots;
    while (m && m == runtime->starter)
        m = m->all_next;
    gate__unlock(&runtime->lock);
    return m;
}

Test(fork, adopted_threads_that_are_gone_are_not_waited_for) {
    gate_runtime *runtime = start_quiet(1);
    pthread_t thread;
    pthread_create(&thread, NULL, park_in_a_handler, NULL);
    wait_until((block_ms(1), another_root(runtime) != NULL));
    gate_task *other = another_root(runtime)->root;
    wait_for_state(other, GATE__PARKED);
    pid_t child = by_call();
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    cr_assert_eq(gate_runtime_stop(runtime, NULL), -EBUSY);
    gate_task_ready(other);
    block_ms(1);
    pthread_join(thread, NULL);
    stop(runtime);
}

static void *fork_in_a_runtime_of_its_own(void *data) {
    struct outsider *outsider = data;
    gate_runtime *runtime = start_quiet(1);
    pid_t child = by_call();
    if (child == 0) {
        gate_runtime *first = gate__init_first();
        cr_assert_eq(first, runtime);
        gate__init_release(first);
        cr_assert_eq(gate_runtime_stop(outsider->runtime, NULL), -EPERM);
        go_on_and_stop(runtime);
    }
    assert_well(child);
    stop(runtime);
    return NULL;
}

Test(fork, the_runtimes_of_other_threads_are_gone) {
    fork_outside(fork_in_a_runtime_of_its_own, NULL);
}

/* The monitor comes back by a thread outside, which is slow at that, while the runtime is stopped. */

static _Thread_local gate_runtime *creates_late; /* once that one is being stopped */
static _Atomic bool created_late;

typedef void *thread_main(void *argument);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *body, void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *body, void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *body, void *argument) {
    bool late = creates_late != NULL;
    for (int i = 0; late && i < 1000 && !atomic_load(&creates_late->stopping); i++)
        usleep(10 * 1000);
    if (late)
        usleep(50 * 1000);
    int failed = __real_pthread_create(thread, attributes, body, argument);
    if (late)
        atomic_store(&created_late, true);
    return failed;
}

static void *spawn_slowly(void *runtime) {
    struct gate_task_config config = {.main = run};
    creates_late = runtime;
    cr_assert_eq(gate_task_spawn(runtime, &config, NULL), 0);
    return NULL;
}

static void stop_while_the_monitor_comes_back(void *data) {
    gate_runtime *runtime = data;
    pthread_t thread;
    int failed;
    atomic_store(&ran, false);
    pthread_create(&thread, NULL, spawn_slowly, runtime);
    while (!atomic_load(&ran))
        gate_task_yield();
    cr_assert_not(atomic_load(&created_late));
    while ((failed = gate_runtime_stop(runtime, NULL)) == -EBUSY)
        gate_task_yield();
    cr_assert_eq(failed, 0);
    cr_assert(atomic_load(&created_late), "the stop waits for a monitor that is on its way");
    pthread_join(thread, NULL);
}

Test(fork, a_child_can_stop_the_runtime_while_its_monitor_comes_back) {
    char output[4096];
    gate_runtime *runtime = start_quiet(1);
    int status = MAY_USE_TASKS ? dies(stop_while_the_monitor_comes_back, runtime, output, sizeof output) : 0;
    cr_assert_eq(status, 0, "status %#x: %s", status, output);
    stop(runtime);
}

static void wake_a_monitor_that_has_ended(void *data) {
    gate_runtime *runtime = data;
    gate__monitor_stop(runtime);
    gate__monitor_ring(runtime);
    cr_assert_eq(atomic_load(&runtime->monitor.presence), GATE__ABSENT);
}

Test(fork, a_childs_monitor_does_not_come_back_once_the_runtime_stops) {
    gate_runtime *runtime = start_quiet(1);
    in_child(wake_a_monitor_that_has_ended, runtime);
    stop(runtime);
}

/* What other threads were about, as it is for moments. */

static void be_about(gate_runtime *runtime, int change) {
    atomic_fetch_add(&runtime->searching, (uint32_t)change);
    atomic_fetch_add(&runtime->returning, (uint32_t)change);
}

static void fork_while_others_are_about(void *child) {
    gate_runtime *runtime = gate__m()->runtime;
    be_about(runtime, 1);
    *(pid_t *)child = fork_guarded();
    if (*(pid_t *)child)
        be_about(runtime, -1);
}

Test(fork, nobody_searches_or_gives_a_stack_back_in_the_child_who_did_so_before) {
    gate_runtime *runtime = start_quiet(2);
    pid_t child = -1;
    gate__foreign_call(fork_while_others_are_about, &child);
    if (child == 0)
        go_on_and_stop(runtime);
    assert_well(child);
    stop(runtime);
}

/* Locks */

static void for_each_leaf(gate_runtime *runtime, void (*fn)(struct gate__lock *)) {
    fn(&runtime->ready_lock);
    fn(&runtime->timers.lock);
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        fn(&runtime->slots[i].ready.theft);
    for (int class = 0; class < GATE__STACK_CLASSES; class ++)
        fn(&runtime->stacks[class].lock);
}

static void take_and_let_go(struct gate__lock *lock) {
    gate__lock(lock);
    gate__unlock(lock);
}

/* Without an allocation. */
static void take_every_lock(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    gate__sched_validate(runtime);
    gate__unlock(&runtime->lock);
    for_each_leaf(runtime, take_and_let_go);
    gate_runtime *first = gate__init_first();
    cr_assert_eq(first, runtime);
    gate__init_release(first);
    gate_region_find(runtime, &(struct gate_region){.base = NULL});
}

static void *hold_leaves(void *runtime) {
    for_each_leaf(runtime, gate__lock_hold);
    atomic_store(&stopped, true);
    wait_until(atomic_load(&forked));
    for_each_leaf(runtime, gate__lock_let_go);
    return NULL;
}

Test(fork, locks_of_what_is_thrown_away_are_not_waited_for) {
    gate_runtime *runtime = start_quiet(2);
    pthread_t thread;
    atomic_store(&stopped, false);
    atomic_store(&forked, false);
    pthread_create(&thread, NULL, hold_leaves, runtime);
    wait_until(atomic_load(&stopped));
    pid_t child = fork_guarded();
    if (child == 0) {
        take_every_lock(runtime);
        go_on_and_stop(runtime);
    }
    atomic_store(&forked, true);
    assert_well(child);
    pthread_join(thread, NULL);
    stop(runtime);
}

static void *change_for_a_while(void *lock) {
    if (lock)
        gate__lock(lock);
    else
        gate__region_hold();
    atomic_store(&stopped, true);
    usleep(20 * 1000);
    atomic_store(&over, true);
    if (lock)
        gate__unlock(lock);
    else
        gate__region_let_go();
    return NULL;
}

static void fork_during_a_change(struct gate__lock *lock) {
    pthread_t thread;
    atomic_store(&stopped, false);
    atomic_store(&over, false);
    pthread_create(&thread, NULL, change_for_a_while, lock);
    wait_until(atomic_load(&stopped));
    pid_t child = fork_guarded();
    if (child == 0)
        _exit(atomic_load(&over) ? WELL : 1);
    assert_well(child);
    pthread_join(thread, NULL);
}

Test(fork, waits_for_changes_of_what_the_child_keeps) {
    gate_runtime *runtime = start_quiet(1);
    fork_during_a_change(&runtime->lock);
    fork_during_a_change(NULL);
    stop(runtime);
}

/* All that other threads may hold, they do. */

static void *nothing(void *unused) {
    return unused;
}

static void *spawn_and_join(void *unused) {
    struct gate_task_config config = {.main = nothing};
    for (size_t round = 0; !atomic_load(&over); round++) {
        gate_task *task;
        config.stack_size = (size_t)GATE__STACK_LEAST << round % 4;
        cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
        join(task);
    }
    return unused;
}

static void *call_and_yield(void *unused) {
    while (!atomic_load(&over)) {
        block_ms(0);
        gate_task_yield();
    }
    return unused;
}

static void *start_and_stop(void *unused) {
    while (!atomic_load(&over)) {
        gate_runtime *runtime = start(2);
        join(spawn("task", nothing, NULL));
        stop(runtime);
    }
    return unused;
}

static void *ready_and_map(void *task) {
    while (!atomic_load(&over)) {
        void *at;
        gate_task_ready(task);
        if (gate_mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at) == 0)
            gate_munmap(at, 4096);
    }
    return NULL;
}

static void *park_often(void *unused) {
    while (!atomic_load(&over))
        gate_task_park("the next ready");
    return unused;
}

static void use_runtime(gate_runtime *runtime) {
    take_every_lock(runtime);
    if (!MAY_FORK_BUSY)
        return;
    for (int i = 0; i < 3; i++)
        join(spawn("in turns", take_turns, NULL));
    stop(runtime);
}

Test(fork, the_child_waits_for_no_thread_that_is_gone) {
    gate_runtime *runtime = start(2);
    void *(*bodies[])(void *) = {spawn_and_join, call_and_yield, park_often};
    enum { BODIES = sizeof bodies / sizeof *bodies };
    gate_task *tasks[BODIES];
    pthread_t threads[2];
    atomic_store(&over, false);
    for (int i = 0; i < BODIES; i++)
        tasks[i] = spawn("busy", bodies[i], NULL);
    pthread_create(&threads[0], NULL, start_and_stop, NULL);
    pthread_create(&threads[1], NULL, ready_and_map, tasks[2]);
    for (int i = 0; i < BUSY_FORKS; i++) {
        pid_t child = i % 2 ? by_call() : fork_guarded();
        if (child == 0) {
            use_runtime(runtime);
            _exit(WELL);
        }
        assert_well(child);
    }
    atomic_store(&over, true);
    gate_task_ready(tasks[2]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    gate_task_ready(tasks[2]);
    for (int i = 0; i < BODIES; i++)
        join(tasks[i]);
    stop(runtime);
}

/* A thread that is in the midst of its last words while another forks: nobody reads them. */

static int fill_standard_error(void) {
    int ends[2], saved = dup(STDERR_FILENO);
    char text[4096] = {0};
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], text, sizeof text) > 0)
        ;
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    dup2(ends[1], STDERR_FILENO);
    return saved;
}

static void *read_nothing(void *unused) {
    (void)unused;
    volatile int *volatile nowhere = (volatile int *)64;
    return (void *)(intptr_t)*nowhere;
}

Test(fork, a_fault_in_the_child_is_fatal_though_another_thread_was_reporting_one) {
    if (!MAY_FORK_BUSY)
        return;
    signal(SIGSEGV, SIG_DFL);
    start(2);
    int saved = fill_standard_error();
    spawn("dies", read_nothing, NULL);
    usleep(300 * 1000);
    pid_t child = fork_guarded();
    if (child == 0) {
        dup2(saved, STDERR_FILENO);
        read_nothing(NULL);
    }
    dup2(saved, STDERR_FILENO);
    int status = wait_for(child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the child's status is %#x", status);
}
