/* The world stopped: who runs meanwhile, and that all go on. */
#include "tests/support/runtime.h"

static _Atomic bool stopped, over;
static _Atomic int inside; /* tasks in interpreter code */

/* Interpreter code that polls, as a host's loop does. */
static void run_and_poll(void) {
    atomic_fetch_add(&inside, 1);
    cr_assert_not(atomic_load(&stopped), "interpreter code runs in a stopped world");
    for (int i = 0; i < 200 && !gate_task_should_yield(); i++)
        ;
    atomic_fetch_sub(&inside, 1);
}

static void *poll_and_yield(void *unused) {
    for (int i = 0; !atomic_load(&over); i++) {
        run_and_poll();
        if (gate_task_should_yield() || i % 16 == 0)
            gate_task_yield();
    }
    return unused;
}

static void do_nothing(void *unused) {
    (void)unused;
}

static void *call_and_run(void *milliseconds) {
    while (!atomic_load(&over)) {
        run_and_poll();
        if (milliseconds)
            block_ms(1);
        else
            gate__foreign_call(do_nothing, NULL);
    }
    return NULL;
}

static void *sleep_and_run(void *unused) {
    while (!atomic_load(&over)) {
        run_and_poll();
        gate_task_sleep(100 * 1000);
    }
    return unused;
}

static void *run_once(void *unused) {
    run_and_poll();
    return unused;
}

static void *spawn_and_join(void *unused) {
    while (!atomic_load(&over)) {
        run_and_poll();
        join(spawn("child", run_once, NULL));
    }
    return unused;
}

/* What is left on the semaphore of stops. */
static int posts(void) {
    int value = -1;
    cr_assert_eq(sem_getvalue(&gate__m()->runtime->world.stopped.system, &value), 0);
    return value;
}

/* Stops and starts it so many times; nobody may run in between. */
static void stop_and_start(int times) {
    for (int i = 0; i < times; i++) {
        gate_world_stop();
        cr_assert_eq(atomic_load(&inside), 0);
        cr_assert_eq(posts(), 0);
        atomic_store(&stopped, true);
        if (i % 4 == 0)
            block_ms(1);
        cr_assert_eq(atomic_load(&inside), 0);
        atomic_store(&stopped, false);
        gate_world_start();
        block_ms(0);
    }
}

static void crowd(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *tasks[12];
    int count = 0;
    atomic_store(&over, false);
    for (int i = 0; i < 2; i++) {
        tasks[count++] = spawn("polls", poll_and_yield, NULL);
        tasks[count++] = spawn("calls", call_and_run, NULL);
        tasks[count++] = spawn("blocks", call_and_run, (void *)1);
        tasks[count++] = spawn("sleeps", sleep_and_run, NULL);
        tasks[count++] = spawn("spawns", spawn_and_join, NULL);
    }
    stop_and_start(200);
    atomic_store(&over, true);
    while (count)
        join(tasks[--count]);
    stop(runtime);
}

Test(world, nobody_else_runs_while_it_is_stopped_and_all_go_on_after) {
    crowd(1);
    crowd(2);
    crowd(4);
}

static void *stop_often(void *unused) {
    stop_and_start(100);
    return unused;
}

Test(world, two_tasks_stop_it_by_turns) {
    gate_runtime *runtime = start(3);
    gate_task *one = spawn("one", stop_often, NULL), *other = spawn("other", stop_often, NULL);
    stop_and_start(100);
    join(one);
    join(other);
    stop(runtime);
}

static _Atomic int returned, entered;

/* A stop that waited for this call would wait for ever. */
static void note_and_wait(void *unused) {
    (void)unused;
    atomic_fetch_add(&entered, 1);
    wait_until(atomic_load(&stopped));
    atomic_fetch_add(&returned, 1);
}

static void *note_call(void *unused) {
    gate__foreign_call(note_and_wait, NULL);
    cr_assert_not(atomic_load(&stopped), "a call returned to interpreter code in a stopped world");
    return unused;
}

Test(world, calls_go_on_while_it_is_stopped_and_wait_on_return) {
    gate_runtime *runtime = start(2);
    gate_task *task = spawn("calls", note_call, NULL);
    wait_until(atomic_load(&entered) == 1);
    gate_world_stop();
    atomic_store(&stopped, true);
    wait_until(atomic_load(&returned) == 1);
    usleep(5000);
    atomic_store(&stopped, false);
    gate_world_start();
    join(task);
    stop(runtime);
}

static _Atomic bool let_go;

static void wait_inside(void *unused) {
    (void)unused;
    atomic_fetch_add(&entered, 1);
    wait_until(atomic_load(&let_go));
}

static void *call_until_let_go(void *unused) {
    gate__foreign_call(wait_inside, NULL);
    return unused;
}

Test(world, a_stop_that_need_not_wait_leaves_no_post_for_the_next) {
    gate_runtime *runtime = start(3);
    atomic_store(&entered, 0);
    atomic_store(&let_go, false);
    gate_task *one = spawn("one", call_until_let_go, NULL), *other = spawn("other", call_until_let_go, NULL);
    wait_until(atomic_load(&entered) == 2);
    gate_world_stop();
    cr_assert_eq(posts(), 0);
    gate_world_start();
    atomic_store(&let_go, true);
    join(one);
    join(other);
    stop(runtime);
}

Test(world, its_stopper_keeps_its_slot_in_a_call_however_long) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("waits", run_once, NULL);
    gate_world_stop();
    atomic_store(&stopped, true);
    block_ms(50);
    gate__foreign_call_blocking(gate__m(), sleep_ms, (void *)20, GATE__M_UNTOLD);
    cr_assert_not_null(gate__m()->slot);
    atomic_store(&stopped, false);
    gate_world_start();
    join(task);
    stop(runtime);
}

Test(world, a_stop_is_told_to_the_poll_and_to_no_one_after_the_start) {
    gate_runtime *runtime = start(2);
    cr_assert_not(gate_task_should_yield());
    gate_world_stop();
    cr_assert_not(gate_task_should_yield(), "the stopper itself is asked");
    cr_assert_neq(atomic_load(&runtime->slots[1].poll) & GATE__POLL_STOP, 0);
    gate_world_start();
    cr_assert_eq(atomic_load(&runtime->slots[1].poll) & GATE__POLL_STOP, 0);
    stop(runtime);
}

static void do_nothing_for(uint64_t nanoseconds) {
    for (uint64_t end = gate__os_now() + nanoseconds; gate__os_now() < end;)
        cr_assert_not(gate_task_should_yield(), "to obey is fatal");
}

Test(world, its_stopper_is_not_told_to_yield_though_tasks_wait_for_long) {
    gate_runtime *runtime = start(2);
    gate_world_stop();
    gate_task *task = spawn("waits", run_once, NULL);
    do_nothing_for(50 * 1000 * 1000);
    gate_world_start();
    join(task);
    stop(runtime);
}

Test(world, its_stopper_is_not_told_what_it_was_told_before) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("waits", run_once, NULL);
    wait_until(gate_task_should_yield());
    gate_world_stop();
    do_nothing_for(1000 * 1000);
    gate_world_start();
    join(task);
    stop(runtime);
}

/* Polls, and does nothing else. */
static void *poll_until_told(void *unused) {
    atomic_store(&entered, 1);
    for (uint64_t give_up = gate__os_now() + 5000ull * 1000 * 1000; !gate_task_should_yield();)
        cr_assert_lt(gate__os_now(), give_up, "the world has been stopping for 5 s");
    gate_task_yield();
    return unused;
}

Test(world, a_task_that_polls_and_yields_when_it_is_told_stops_for_it) {
    gate_runtime *runtime = start(2);
    atomic_store(&entered, 0);
    gate_task *task = spawn("polls", poll_until_told, NULL);
    wait_until(atomic_load(&entered) == 1);
    gate_world_stop();
    gate_world_start();
    join(task);
    stop(runtime);
}

/* An M that searches for a task stops that. What it would find is queued once it is asked to stop, and is for nobody;
 * an M that went on would pick in vain until it has looked often enough. */

static gate_task *to_find;
static _Atomic bool is_found;
static uint32_t picked;

static void note_found(void *unused) {
    (void)unused;
    atomic_store(&is_found, true);
}

static uint32_t picks_of_other(void) {
    gate_m *m = gate__m();
    return atomic_load(&m->runtime->slots[1 - m->slot->index].picks);
}

static void have_it_find(void *host, gate_task *task) {
    (void)host;
    (void)task;
    picked = picks_of_other();
    gate__queue_push(&gate__m()->slot->ready, to_find);
}

/* Whether one was searching as it was asked to stop; how often it has picked since. */
static bool stop_a_search(gate_runtime *runtime, uint32_t *times) {
    struct gate_task_config config = {.main = run_once};
    atomic_store(&is_found, false);
    cr_assert_eq(gate__task_make(runtime, &config, note_found, &to_find), 0);
    gate_task *ends = spawn("ends", run_once, NULL);
    for (uint64_t end = gate__os_now() + 1000 * 1000; !atomic_load(&runtime->searching) && gate__os_now() < end;)
        ;
    bool searches = atomic_load(&runtime->searching);
    gate_world_stop();
    *times = picks_of_other() - picked;
    gate_world_start();
    join(ends);
    wait_until((gate_task_yield(), atomic_load(&is_found)));
    return searches;
}

Test(world, an_m_that_searches_for_a_task_does_so_no_more) {
    gate_runtime *runtime =
        start_with((struct gate_runtime_config){.slots = 2, .hooks = {.world_stops = have_it_find}});
    const int least = GATE_HOSTILE ? 0 : 1; /* there, a search is one look */
    int searches = 0;
    uint64_t give_up = gate__os_now() + 30ull * 1000 * 1000 * 1000;
    for (int i = 0; searches < 50 && (i < 1000 || searches < least) && gate__os_now() < give_up; i++) {
        uint32_t times;
        searches += stop_a_search(runtime, &times);
        cr_assert_leq(times, 4u);
    }
    cr_assert_geq(searches, least, "none was seen to search in 30 s");
    stop(runtime);
}

/* What the host hears: who stops and starts it, and what the others do then. */
static gate_task *stops_heard[2], *starts_heard[2];
static int stops_count, starts_count;

static void hear_stop(void *host, gate_task *task) {
    cr_assert_eq(host, stops_heard);
    cr_assert_eq(task, gate_task_current());
    stops_heard[stops_count++] = task;
    atomic_store(&over, true); /* the other goes on until then: nobody has been waited for yet */
}

static void hear_start(void *host, gate_task *task) {
    cr_assert_eq(host, stops_heard);
    cr_assert_eq(stops_count, starts_count + 1);
    starts_heard[starts_count++] = task;
}

static void *run_until_a_stop_is_heard(void *unused) {
    atomic_fetch_add(&entered, 1);
    wait_until(atomic_load(&over));
    return unused;
}

static void *stop_once(void *unused) {
    gate_world_stop();
    gate_world_start();
    return unused;
}

Test(world, the_host_hears_of_a_stop_before_the_others_are_waited_for_and_of_the_start) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){
        .slots = 2, .hooks = {.world_stops = hear_stop, .world_starts = hear_start}, .host = stops_heard});
    atomic_store(&over, false);
    atomic_store(&entered, 0);
    gate_task *other = spawn("runs", run_until_a_stop_is_heard, NULL);
    wait_until(atomic_load(&entered) == 1);
    stop_once(NULL);
    gate_task *second = spawn("stops", stop_once, NULL);
    join(other);
    join(second);
    cr_assert(stops_count == 2 && starts_count == 2);
    cr_assert(stops_heard[0] == gate_task_current() && starts_heard[0] == gate_task_current());
    cr_assert(stops_heard[1] == second && starts_heard[1] == second);
    stop(runtime);
}

static void stop_and(void *then) {
    gate_runtime *runtime = start(2);
    gate_world_stop();
    ((void (*)(void))then)();
    stop(runtime);
}

static void park_for_ever(void) {
    gate_task_park("for ever");
}

static void *stop_and_end(void *unused) {
    gate_world_stop();
    return unused;
}

static void end_stopped(void *unused) {
    (void)unused;
    run_task(stop_and_end, NULL);
}

static void start_unasked(void *unused) {
    (void)unused;
    start(1);
    gate_world_start();
}

static void stop_outside(void *unused) {
    (void)unused;
    gate_world_stop();
}

Test(world, misuse_is_fatal_and_named) {
    cr_assert_dies_with(stop_and, (void *)park_for_ever, "gate_world_stop: the task that stopped the world");
    cr_assert_dies_with(stop_and, (void *)gate_world_stop, "gate_world_stop: the task has stopped the world already");
    cr_assert_dies_with(end_stopped, NULL, "gate_world_stop: the task that stopped the world");
    cr_assert_dies_with(start_unasked, NULL, "gate_world_start");
    cr_assert_dies_with(stop_outside, NULL, "gate_world_stop");
}
