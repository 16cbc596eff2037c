/* Slots: who may run interpreter code, and in which order. */
#include <stdlib.h>

#include "tests/support/runtime.h"

/* How many tasks are in interpreter code now, and the most that ever were. */
static _Atomic int inside, most;

static void enter_interpreter(void) {
    int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
}

static void *work_and_block(void *rounds) {
    for (intptr_t i = 0; i < (intptr_t)rounds; i++) {
        enter_interpreter();
        if (i % 5 == 0)
            usleep(100); /* with the slot, so that they meet however few processors there are */
        atomic_fetch_sub(&inside, 1);
        if (i % 3 == 0)
            block_ms(1);
        else
            gate_task_yield();
    }
    return NULL;
}

static void crowd(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *tasks[50];
    atomic_store(&most, 0);
    for (int i = 0; i < 50; i++)
        tasks[i] = spawn("one of many", work_and_block, (void *)10);
    for (int i = 0; i < 50; i++)
        join(tasks[i]);
    cr_assert_leq(atomic_load(&most), (int)slots);
    stop(runtime);
}

Test(sched, no_more_tasks_run_than_there_are_slots) {
    crowd(1);
    crowd(2);
    crowd(3);
}

/* With one slot, plain data is safe wherever no call or yield comes between. */
static int plain;

static void *add_plainly(void *unused) {
    for (int i = 0; i < 1000; i++) {
        plain++;
        if (i % 100 == 0)
            block_ms(0);
        gate_task_yield();
    }
    return unused;
}

Test(sched, one_slot_makes_plain_data_safe) {
    gate_runtime *runtime = start(1);
    gate_task *tasks[20];
    plain = 0;
    for (int i = 0; i < 20; i++)
        tasks[i] = spawn("adder", add_plainly, NULL);
    for (int i = 0; i < 20; i++)
        join(tasks[i]);
    cr_assert_eq(plain, 20000);
    stop(runtime);
}

static char order[16];
static int turns;

static void *write_turns(void *letter) {
    for (int i = 0; i < 3; i++) {
        order[turns++] = (char)(intptr_t)letter;
        gate_task_yield();
    }
    return NULL;
}

Test(sched, tasks_take_turns_in_the_order_they_became_ready) {
    gate_runtime *runtime = start(1);
    turns = 0;
    gate_task *a = spawn("a", write_turns, (void *)'a');
    gate_task *b = spawn("b", write_turns, (void *)'b');
    gate_task *c = spawn("c", write_turns, (void *)'c');
    join(a);
    join(b);
    join(c);
    cr_assert_str_eq(order, "abcabcabc");
    stop(runtime);
}

static void *meet(void *argument) {
    _Atomic int *arrived = argument;
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < 2)
        ; /* no yield: only another slot can help */
    return NULL;
}

Test(sched, an_idle_slot_takes_work_from_a_busy_ones_queue) {
    gate_runtime *runtime = start(2);
    for (int i = 0; i < 100; i++) {
        _Atomic int arrived = 0;
        gate_task *a = spawn("a", meet, &arrived), *b = spawn("b", meet, &arrived);
        join(a);
        join(b);
    }
    stop(runtime);
}

/* Three slots with a task each. The first spawns three more, and the second ends: its slot takes two of these. The
 * first waits then, and the last of the three runs there; and the third ends while one of the two is in no queue. */

static struct gate__slot *_Atomic slot_of[3];
static _Atomic bool may_end[3], third_ran;

static void *run_until_it_may_end(void *index) {
    intptr_t i = (intptr_t)index;
    atomic_store(&slot_of[i], gate__m()->slot);
    wait_until(atomic_load(&may_end[i]));
    return NULL;
}

static void *note_that_it_ran(void *unused) {
    atomic_store(&third_ran, true);
    return unused;
}

static void *run_until_the_other_ran(void *unused) {
    wait_until(atomic_load(&third_ran)); /* without a yield */
    return unused;
}

static void *spawn_three(void *unused) {
    struct gate__slot *own = gate__m()->slot;
    atomic_store(&slot_of[0], own);
    wait_until(atomic_load(&slot_of[1]) && atomic_load(&slot_of[2]));
    gate_task_main mains[] = {run_until_the_other_ran, note_that_it_ran, run_until_the_other_ran};
    gate_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = spawn("one of three", mains[i], NULL);
    wait_until(atomic_load(&own->ready.tasks.count) == 1);
    for (int i = 0; i < 3; i++)
        join(tasks[i]);
    return unused;
}

/* Stands for a thief that is not on its processor between the two queues: its own is locked. */
static void *keep_the_thief(void *runtime) {
    wait_until(atomic_load(&slot_of[0]) && atomic_load(&slot_of[0])->ready.tasks.count == 3);
    struct gate__slot *thief = atomic_load(&slot_of[1]);
    gate__lock(&thief->ready.theft);
    atomic_fetch_or(&thief->ready.care, GATE__CARE_THIEF);
    thief->share = 2;
    atomic_store(&may_end[1], true);
    wait_until(atomic_load(&slot_of[0])->ready.tasks.count == 0);
    atomic_store(&may_end[2], true);
    wait_until(atomic_load(&((gate_runtime *)runtime)->idle_slot_count) == 1);
    atomic_fetch_and(&thief->ready.care, ~(uint32_t)GATE__CARE_THIEF);
    gate__unlock(&thief->ready.theft);
    wait_until(atomic_load(&third_ran));
    return NULL;
}

Test(sched, a_task_that_is_taken_with_another_runs_on_a_slot_that_became_idle_meanwhile) {
    if (GATE__MOST_STOLEN < 2)
        return;
    gate_runtime *runtime = start(3);
    gate_task *tasks[3];
    pthread_t thread;
    pthread_create(&thread, NULL, keep_the_thief, runtime);
    tasks[0] = spawn("first", spawn_three, NULL);
    for (intptr_t i = 1; i < 3; i++)
        tasks[i] = spawn("other", run_until_it_may_end, (void *)i);
    gate__foreign_enter_blocking(gate__m(), GATE__M_UNTOLD);
    pthread_join(thread, NULL);
    gate__foreign_leave(gate__m());
    for (int i = 0; i < 3; i++)
        join(tasks[i]);
    stop(runtime);
}

enum { TO_TAKE = 10 };
static _Atomic bool over, yields;
static _Atomic int taken;
static struct gate__slot *_Atomic busy;
static int most_at_once;

static int count_in_busy(void) {
    struct gate__slot *slot = atomic_load(&busy);
    return slot ? (int)gate__queue_count(&slot->ready) : 0;
}

/* However much its slot may take when it has nothing to do. */
static void *yield_all_along(void *unused) {
    while (!atomic_load(&over)) {
        gate__m()->slot->share = GATE__MOST_STOLEN;
        int before = count_in_busy();
        gate_task_yield();
        int fewer = before - count_in_busy();
        if (atomic_load(&busy) && fewer > most_at_once) /* it was busy all the while */
            most_at_once = fewer;
        atomic_store(&yields, true);
    }
    return unused;
}

static void *count_taken(void *unused) {
    atomic_fetch_add(&taken, 1);
    return unused;
}

static void *spawn_and_spin(void *tasks) {
    while (!atomic_load(&yields))
        gate_task_yield();
    atomic_store(&busy, gate__m()->slot);
    for (int i = 0; i < TO_TAKE; i++)
        ((gate_task **)tasks)[i] = spawn("to be taken", count_taken, NULL);
    wait_until(atomic_load(&taken) == TO_TAKE - 1); /* without a yield */
    atomic_store(&busy, NULL);
    return NULL;
}

Test(sched, a_task_that_yields_lets_those_of_a_busy_slot_run_one_at_a_time_but_for_the_last) {
    if (GATE__MOST_STOLEN < 2)
        return;
    gate_runtime *runtime = start(2);
    gate_task *tasks[TO_TAKE], *one = spawn("yields", yield_all_along, NULL);
    gate_task *other = spawn("spins", spawn_and_spin, tasks);
    join(other);
    atomic_store(&over, true);
    join(one);
    cr_assert_leq(most_at_once, 1);
    for (int i = 0; i < TO_TAKE; i++)
        join(tasks[i]);
    stop(runtime);
}

static void *take_much(void *unused) {
    gate__m()->slot->share = GATE__MOST_STOLEN;
    atomic_store(&third_ran, true);
    return unused;
}

Test(sched, a_slot_that_becomes_idle_takes_one_task_at_first_as_before) {
    gate_runtime *runtime = start(2);
    gate_task *task = spawn("takes much", take_much, NULL);
    wait_until(atomic_load(&third_ran) && atomic_load(&runtime->idle_slot_count) == 1); /* without a yield */
    gate__lock(&runtime->lock);
    uint32_t share = runtime->idle_slots->share;
    gate__unlock(&runtime->lock);
    cr_assert_eq(share, 1u);
    join(task);
    stop(runtime);
}

/* Searching. Go lets half of the busy slots' Ms do so at once. Here it is one, which is no more than that: another goes
 * without, when it finds no task. */

static _Atomic bool last_ran, slept;
static _Atomic unsigned most_searching;

static void *note_last(void *unused) {
    atomic_store(&last_ran, true);
    return unused;
}

/* While one M seems to be searching, until all have given up. */
static void *look_at_searchers(void *runtime) {
    gate_runtime *r = runtime;
    while (!atomic_load(&slept) && !(atomic_load(&last_ran) && atomic_load(&r->idle_slot_count))) {
        unsigned searching = atomic_load(&r->searching);
        if (searching > atomic_load(&most_searching))
            atomic_store(&most_searching, searching);
    }
    cr_assert_eq(atomic_exchange(&r->searching, 0), 1, "another began, and ended it");
    gate__foreign_heavy_barrier();
    gate__sched_wake_all(r); /* as whoever searches does: what became ready meanwhile was left to it */
    return NULL;
}

Test(sched, an_m_that_finds_no_task_does_not_search_beside_another) {
    gate_runtime *runtime = start(1);
    for (int round = 0; round < 20; round++) {
        pthread_t looking;
        atomic_store(&last_ran, false);
        atomic_store(&slept, false);
        atomic_store(&runtime->searching, 1);
        pthread_create(&looking, NULL, look_at_searchers, runtime);
        gate_task *last = spawn("last", note_last, NULL);
        gate_task_sleep(20 * 1000 * 1000);
        atomic_store(&slept, true); /* the slot may not have been idle for long enough to be seen */
        pthread_join(looking, NULL);
        join(last);
    }
    cr_assert_eq(atomic_load(&most_searching), 1);
    stop(runtime);
}

/* Tasks that become ready while an M searches are left to it, or to one that is on its way: it takes one, and has to
 * find threads for the others. None of them yields. */

enum { AT_ONCE = 4 };
static _Atomic int arrived;

static void *end_together(void *unused) {
    atomic_fetch_add(&arrived, 1);
    wait_until(atomic_load(&arrived) == AT_ONCE);
    return unused;
}

Test(sched, of_tasks_that_were_left_to_one_m_none_waits_while_slots_are_idle) {
    gate_runtime *runtime = start(AT_ONCE + 1);
    gate_task *tasks[AT_ONCE];
    for (int round = 0; round < 200; round++) {
        atomic_store(&arrived, 0);
        for (int i = 0; i < AT_ONCE; i++)
            tasks[i] = spawn("one of four", end_together, NULL);
        for (int i = 0; i < AT_ONCE; i++)
            join(tasks[i]);
    }
    stop(runtime);
}

/* A task that becomes ready between the last look of an M for one and its slot's becoming idle is left to the second
 * look of that M: whoever queued it has found no idle slot. The lock keeps the M between the two. */

static _Atomic bool caught, may_catch;

static void *queue_behind_the_look(void *runtime) {
    gate_runtime *r = runtime;
    struct gate_task_config config = {.main = note_last};
    gate_task *task;
    cr_assert_eq(gate__task_make(r, &config, NULL, &task), 0);
    while (!atomic_load(&caught)) {
        gate__lock(&r->lock);
        if (atomic_load(&may_catch) && !r->slots[0].holder && !atomic_load(&r->idle_slot_count)) {
            usleep(2000);
            gate__queue_push_global(r, task);
            atomic_store(&caught, true);
        }
        gate__unlock(&r->lock);
    }
    return NULL;
}

static void wait_for_last(void *seconds) {
    uint64_t give_up = gate__os_now() + (uintptr_t)seconds * 1000 * 1000 * 1000;
    while (atomic_load(&caught) && !atomic_load(&last_ran) && gate__os_now() < give_up)
        usleep(200);
}

Test(sched, a_slot_that_becomes_idle_is_taken_back_for_a_task_that_came_behind_the_last_look) {
    gate_runtime *runtime = start(1);
    pthread_t thread;
    uint64_t give_up = gate__os_now() + 30ull * 1000 * 1000 * 1000;
    atomic_store(&last_ran, false);
    gate_task_sleep(1000 * 1000); /* the worker has come */
    pthread_create(&thread, NULL, queue_behind_the_look, runtime);
    while (!atomic_load(&caught) && gate__os_now() < give_up) {
        atomic_store(&may_catch, true);
        gate__foreign_call_blocking(gate__m(), wait_for_last, (void *)5, GATE__M_UNTOLD);
        atomic_store(&may_catch, false);
    }
    cr_assert(atomic_load(&caught) && atomic_load(&last_ran));
    pthread_join(thread, NULL);
    stop(runtime);
}

/* One thread may be created, and is in a call: a slot is left idle with a task in its queue. When the call is over, it
 * goes on with the other slot, and yields there. */

static _Atomic bool in_the_call;

static void wait_for_an_idle_slot_with_a_task(void *runtime) {
    gate_runtime *r = runtime;
    atomic_store(&in_the_call, true);
    wait_until(atomic_load(&r->idle_slot_count) == 2 && gate__queue_any_waits(r));
}

static void yield_until_last_ran(void) {
    uint64_t give_up = gate__os_now() + 5000ull * 1000 * 1000;
    while (!atomic_load(&last_ran) && gate__os_now() < give_up)
        gate_task_yield();
    cr_assert(atomic_load(&last_ran), "a task waited for 5 s beside one that yields");
}

static void *yield_beside(void *unused) {
    yield_until_last_ran();
    return unused;
}

static void *call_and_yield(void *more) {
    gate__foreign_call_blocking(gate__m(), wait_for_an_idle_slot_with_a_task, gate__m()->runtime, GATE__M_UNTOLD);
    gate_task *other = more ? spawn("another", yield_beside, NULL) : NULL;
    yield_until_last_ran();
    if (other)
        join(other);
    return NULL;
}

static void leave_one_without_a_thread(bool more) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 2, .most_threads = 1});
    atomic_store(&last_ran, false);
    atomic_store(&in_the_call, false);
    gate_task *task = spawn("calls", call_and_yield, more ? runtime : NULL);
    wait_until(atomic_load(&in_the_call));
    gate_task *last = spawn("last", note_last, NULL);
    join(last);
    join(task);
    stop(runtime);
}

Test(sched, a_task_without_a_thread_runs_beside_those_that_yield) {
    leave_one_without_a_thread(false);
    leave_one_without_a_thread(true);
}

/* One that is on its way is left to itself: whoever yields takes none that waits for it. */

enum { YIELDS_BESIDE = 20 * GATE__LOOK_AT_RUNTIME_EVERY };
static _Atomic unsigned yielded;

static void *count_yields(void *unused) {
    while (!atomic_load(&over)) {
        gate_task_yield();
        atomic_fetch_add(&yielded, 1);
    }
    return unused;
}

static void wait_for_yields_beside_a_task(void *runtime) {
    gate_runtime *r = runtime;
    wait_until(atomic_load(&r->idle_slot_count) == 1 && gate__queue_any_waits(r));
    unsigned before = atomic_load(&yielded);
    wait_until(atomic_load(&yielded) - before > YIELDS_BESIDE || atomic_load(&last_ran));
    cr_assert(!atomic_load(&last_ran), "taken from the idle slot");
}

/* Keeps its thread, as a thread that was created would be there to find: from here to the end of the call one is awaited,
 * as far as all others know. */
static void *leave_one_to_a_thread_on_its_way(void *unused) {
    gate_runtime *runtime = gate__m()->runtime;
    struct gate__workers *workers = &runtime->workers;
    unsigned before = atomic_load(&yielded);
    wait_until(atomic_load(&yielded) - before > 1); /* on the other slot */
    gate__lock(&runtime->lock);
    workers->patience = 1000ull * 1000 * 1000 * 1000; /* whoever started this thread may yet say when it is late */
    atomic_store(&workers->used_up, false);
    atomic_store(&workers->awaited, 1);
    gate__unlock(&runtime->lock);
    gate_task *last = spawn("last", note_last, NULL);
    gate__foreign_call_blocking(gate__m(), wait_for_yields_beside_a_task, runtime, GATE__M_UNTOLD);
    gate__lock(&runtime->lock);
    workers->patience = GATE__LATE_THREAD;
    atomic_store(&workers->awaited, 0);
    atomic_store(&workers->late_at, GATE__TIMER_NEVER);
    gate__unlock(&runtime->lock);
    atomic_store(&over, true);
    join(last);
    return unused;
}

Test(sched, a_task_whose_thread_is_on_its_way_is_not_taken_by_one_that_yields) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 2, .most_threads = 2});
    atomic_store(&over, false);
    atomic_store(&last_ran, false);
    gate_task *beside = spawn("yields", count_yields, NULL);
    gate_task *leaves = spawn("leaves", leave_one_to_a_thread_on_its_way, NULL);
    join(leaves);
    join(beside);
    stop(runtime);
}

/* Tasks that come while no thread is to be had: the slot picks one again and again, and has to put it back. */

enum { IN_VAIN = GATE__LOOK_AT_RUNTIME_EVERY + 2 };
static _Atomic bool all_have_come;
static _Atomic uintptr_t ran_in_time, ran_at_all;

static void *note_time(void *k) {
    if (atomic_fetch_add(&ran_at_all, 1) <= (uintptr_t)k * GATE__LOOK_AT_RUNTIME_EVERY)
        atomic_fetch_add(&ran_in_time, 1);
    return NULL;
}

static void *come_in_vain(void *runtime) {
    wait_until(atomic_load(&in_the_call) && atomic_load(&((gate_runtime *)runtime)->idle_slot_count) == 1);
    for (uintptr_t k = 1; k <= IN_VAIN; k++) {
        struct gate_task_config config = {.main = note_time, .argument = (void *)k, .stack_size = GATE__STACK_LEAST};
        cr_assert_eq(gate_task_spawn(runtime, &config, NULL), 0);
    }
    for (int i = 0; i < IN_VAIN * GATE__LOOK_AT_RUNTIME_EVERY; i++)
        gate__sched_wake_one(runtime); /* as whoever queues one does */
    atomic_store(&all_have_come, true);
    return NULL;
}

static void wait_for_all_to_come(void *unused) {
    (void)unused;
    atomic_store(&in_the_call, true);
    wait_until(atomic_load(&all_have_come));
}

static void *keep_the_only_thread(void *unused) {
    gate__foreign_call_blocking(gate__m(), wait_for_all_to_come, NULL, GATE__M_UNTOLD);
    return unused;
}

Test(sched, tasks_that_are_picked_before_a_thread_is_there_are_not_passed_by_those_behind_them) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .most_threads = 1});
    pthread_t thread;
    atomic_store(&in_the_call, false);
    pthread_create(&thread, NULL, come_in_vain, runtime);
    join(spawn("keeps", keep_the_only_thread, NULL));
    gate__foreign_call(join_thread, &thread);
    wait_until((block_ms(1), atomic_load(&ran_at_all) == IN_VAIN));
    cr_assert_eq(atomic_load(&ran_in_time), IN_VAIN);
    stop(runtime);
}

/* Parks whose wake has come */

static void *park_without_waiting(void *unused) {
    uint64_t give_up = gate__os_now() + 5000ull * 1000 * 1000;
    while (!atomic_load(&last_ran) && gate__os_now() < give_up) {
        gate_task_ready(gate_task_current());
        gate_task_park("nothing");
    }
    cr_assert(atomic_load(&last_ran), "a task waited for 5 s beside one that parks");
    return unused;
}

static void *stop_the_world(void *unused) {
    gate_world_stop();
    atomic_store(&last_ran, true);
    gate_world_start();
    return unused;
}

static void park_beside(uint32_t slots, gate_task_main other) {
    gate_runtime *runtime = start(slots);
    atomic_store(&last_ran, false);
    gate_task *parks = spawn("parks", park_without_waiting, NULL), *waits = spawn("other", other, NULL);
    join(parks);
    join(waits);
    stop(runtime);
}

Test(sched, a_park_whose_wake_has_come_gives_way_when_that_is_asked) {
    park_beside(1, note_last);
    park_beside(2, stop_the_world);
}

static _Atomic bool came;

static void *yield_until_it_came(void *unused) {
    while (!atomic_load(&came))
        gate_task_yield();
    return unused;
}

static void *come(void *unused) {
    atomic_store(&came, true);
    return unused;
}

static void *spawn_from_outside(void *runtime) {
    struct gate_task_config config = {.main = come};
    cr_assert_eq(gate_task_spawn(runtime, &config, NULL), 0);
    return NULL;
}

Test(sched, work_from_outside_runs_though_a_slots_own_queue_is_never_empty) {
    gate_runtime *runtime = start(1);
    gate_task *a = spawn("a", yield_until_it_came, NULL), *b = spawn("b", yield_until_it_came, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, spawn_from_outside, runtime);
    join(a);
    join(b);
    pthread_join(thread, NULL);
    stop(runtime);
}

/* Tasks from outside, in the runtime's queue, while the slot's own is never empty: for how many runs of others each has
 * waited. */

enum { FROM_OUTSIDE = 8 };
enum { OTHERS_AT_MOST = GATE_HOSTILE ? GATE__LOOK_AT_RUNTIME_EVERY : 61 }; /* as gate_task_yield has it in runtime.h */
static _Atomic unsigned runs;                                              /* of all of them */
static struct waiting {
    gate_task *task;
    unsigned queued, ran; /* the runs then */
} waiting[FROM_OUTSIDE];

static void *count_runs_all_along(void *unused) {
    while (!atomic_load(&over)) {
        atomic_fetch_add(&runs, 1);
        gate_task_yield();
    }
    return unused;
}

static void *note_runs(void *one) {
    ((struct waiting *)one)->ran = atomic_fetch_add(&runs, 1);
    return NULL;
}

static void *queue_from_outside(void *runtime) {
    for (int i = 0; i < FROM_OUTSIDE; i++) {
        struct gate_task_config config = {.main = note_runs, .argument = &waiting[i]};
        cr_assert_eq(gate_task_spawn(runtime, &config, &waiting[i].task), 0);
        waiting[i].queued = atomic_load(&runs);
    }
    return NULL;
}

Test(sched, the_kth_in_the_runtimes_queue_runs_when_it_has_been_looked_at_k_times) {
    gate_runtime *runtime = start(1);
    atomic_store(&over, false);
    gate_task *a = spawn("a", count_runs_all_along, NULL), *b = spawn("b", count_runs_all_along, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, queue_from_outside, runtime);
    gate__foreign_call(join_thread, &thread);
    for (int i = 0; i < FROM_OUTSIDE; i++) {
        join(waiting[i].task);
        cr_assert_leq((int)(waiting[i].ran - waiting[i].queued), OTHERS_AT_MOST * (i + 1), "%d", i);
    }
    atomic_store(&over, true);
    join(a);
    join(b);
    stop(runtime);
}

Test(sched, slots_are_neither_lost_nor_held_twice) {
    gate_runtime *runtime = start(3);
    gate_task *tasks[30];
    for (int i = 0; i < 30; i++)
        tasks[i] = spawn("worker", work_and_block, (void *)6);
    for (int i = 0; i < 30; i++) {
        join(tasks[i]);
        gate__lock(&runtime->lock);
        gate__sched_validate(runtime);
        gate__unlock(&runtime->lock);
    }
    wait_until(atomic_load(&runtime->idle_slot_count) == 2);
    stop(runtime);
}

/* Fairness: how many others run, at most, while a task in its slot's queue is ready. */
enum { CROWD = 50 };

struct turn_taker {
    unsigned *turns; /* of all */
    unsigned longest_wait;
};

static void *take_turns(void *argument) {
    struct turn_taker *taker = argument;
    for (int i = 0; i < 100; i++) {
        unsigned before = ++*taker->turns;
        gate_task_yield();
        unsigned others = *taker->turns - before;
        taker->longest_wait = others > taker->longest_wait ? others : taker->longest_wait;
    }
    return NULL;
}

Test(sched, a_ready_task_waits_for_no_more_turns_than_its_queue_is_long) {
    gate_runtime *runtime = start(1);
    struct turn_taker takers[CROWD];
    gate_task *tasks[CROWD];
    unsigned all = 0;
    for (int i = 0; i < CROWD; i++) {
        takers[i] = (struct turn_taker){&all, 0};
        tasks[i] = spawn("taker", take_turns, &takers[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        join(tasks[i]);
        cr_assert_leq(takers[i].longest_wait, CROWD + CROWD / 60 + 1);
    }
    stop(runtime);
}

#ifdef GATE_TEST_PLAIN
enum { MANY = 1000 }; /* ThreadSanitizer has room for some 8000 fibres */
#else
enum { MANY = 10000 };
#endif

static _Atomic int in_call;

static void sleep_10_ms(void *unused) {
    (void)unused;
    usleep(10 * 1000);
    atomic_fetch_add(&in_call, 1);
}

static void *sleep_in_a_call(void *unused) {
    gate__foreign_call(sleep_10_ms, NULL);
    return unused;
}

static void *tick(void *longest) {
    uint64_t last = gate__os_now();
    while (!atomic_load(&over)) {
        gate_task_yield();
        uint64_t now = gate__os_now();
        if (now - last > *(uint64_t *)longest)
            *(uint64_t *)longest = now - last;
        last = now;
    }
    return NULL;
}

/* The pause is a figure of the bench, on an idle machine; here it only has to be no call's length times some. */
Test(sched, ten_thousand_tasks_block_in_c_and_a_ticking_one_goes_on) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 2, .most_threads = 400});
    gate_task **tasks = calloc(MANY, sizeof *tasks);
    uint64_t longest = 0;
    struct gate_task_config config = {.main = sleep_in_a_call, .stack_size = GATE__STACK_LEAST};
    gate_task *ticking = spawn("ticking", tick, &longest);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(gate_task_spawn(runtime, &config, &tasks[i]), 0);
    for (int i = 0; i < MANY; i++)
        join(tasks[i]);
    atomic_store(&over, true);
    join(ticking);
    cr_assert_eq(atomic_load(&in_call), MANY);
    cr_assert_lt(longest, 2000ull * 1000 * 1000);
    free(tasks);
    stop(runtime);
}

/* Tasks that compute, and yield when they are asked to or after some milliseconds, beside one that becomes ready elsewhere. */

static struct {
    unsigned slice; /* ms; 0: until they are asked */
    unsigned limit;
    _Atomic unsigned yields;
    _Atomic bool over;
} computing;

static void compute_a_slice(void) {
    uint64_t end = gate__os_now() + computing.slice * (uint64_t)(1000 * 1000);
    while (computing.slice ? gate__os_now() < end : !gate_task_should_yield() && !atomic_load(&computing.over))
        ;
    atomic_fetch_add(&computing.yields, 1);
    gate_task_yield();
}

static void *compute(void *unused) {
    while (!atomic_load(&computing.over))
        compute_a_slice();
    return unused;
}

static unsigned yields_at_ready;

static void *ready_from_outside(void *task) {
    usleep(2000);
    yields_at_ready = atomic_load(&computing.yields);
    gate_task_ready(task);
    return NULL;
}

/* Of so many turns so many may be late: a machine that is too busy keeps the monitor, or the thread that readies, off its
 * processor. */
enum { READIES = 20, MAY_BE_LATE = 5 };

/* How often others have yielded more than the limit from when a thread readies this task to when that runs. */
static void *count_late_turns(void *late) {
    for (int i = 0; i < READIES; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, ready_from_outside, gate_task_current());
        gate_task_park("a thread");
        unsigned others = atomic_load(&computing.yields) - yields_at_ready;
        pthread_join(thread, NULL);
        *(unsigned *)late += others > computing.limit;
    }
    atomic_store(&computing.over, true);
    return NULL;
}

static void assert_in_time(unsigned tasks, unsigned slice, unsigned limit) {
    gate_runtime *runtime = start(1);
    gate_task *each[3];
    unsigned late = 0;
    computing.slice = slice;
    computing.limit = limit;
    atomic_store(&computing.over, false);
    for (unsigned i = 0; i < tasks; i++)
        each[i] = spawn("computes", compute, NULL);
    gate_task *sleeps = spawn("sleeps", count_late_turns, &late);
    while (tasks == 0 && !atomic_load(&computing.over))
        compute_a_slice();
    join(sleeps);
    for (unsigned i = 0; i < tasks; i++)
        join(each[i]);
    stop(runtime);
    cr_assert_leq(late, MAY_BE_LATE, "beside %u tasks, %u turns", tasks, late);
}

/* Two that compute until they are asked to yield, and longer, and go into C, from where they come back to the runtime's
 * queue: one of them is there whenever the other leaves. */

enum { LONG_RUNS = 8 };
static _Atomic unsigned long_runs;

static void *compute_and_block(void *unused) {
    for (int i = 0; i < LONG_RUNS; i++) {
        uint64_t end = gate__os_now() + GATE__RUNS_LONG + GATE__LAST_LOOK + 5 * 1000 * 1000;
        atomic_fetch_add(&long_runs, 1);
        while (gate__os_now() < end)
            ;
        gate__foreign_call_blocking(gate__m(), sleep_ms, (void *)1, GATE__M_UNTOLD);
    }
    return unused;
}

/* The most runs of others from one run of this task to the next: the one that it yields to, and then for itself and the
 * other one, which may both be in the slot's queue at first, twice as many. */
static void *yield_beside_long_ones(void *longest) {
    for (unsigned before = 0; before < 2 * LONG_RUNS;) {
        gate_task_yield();
        unsigned now = atomic_load(&long_runs);
        if (now - before > *(unsigned *)longest)
            *(unsigned *)longest = now - before;
        before = now;
    }
    return NULL;
}

Test(sched, one_in_its_slots_queue_is_not_passed_by_all_that_come_from_elsewhere_beside_long_ones) {
    gate_runtime *runtime = start(1);
    unsigned longest = 0;
    atomic_store(&long_runs, 0);
    gate_task *yielding = spawn("yields", yield_beside_long_ones, &longest);
    gate_task *one = spawn("one", compute_and_block, NULL), *other = spawn("other", compute_and_block, NULL);
    join(yielding);
    join(one);
    join(other);
    cr_assert_leq(longest, 1 + 2 * 2, "%u", longest);
    stop(runtime);
}

Test(sched, one_that_becomes_ready_elsewhere_comes_when_the_next_is_asked_to_yield) {
    assert_in_time(0, 0, 3); /* beside the main thread's own task */
    assert_in_time(1, 0, 3);
    assert_in_time(3, 0, 6);
}

Test(sched, one_that_becomes_ready_elsewhere_comes_soon_beside_tasks_that_yield_before_they_are_asked) {
    assert_in_time(0, 4, 10);
    assert_in_time(2, 4, 10);
}

/* The host's hooks: a thread-local that follows the running task. */

static _Thread_local gate_task *resumed __attribute__((tls_model("initial-exec")));
static _Atomic unsigned resumes, suspends;
static int host_data;

static __attribute__((noinline)) void note_resume(void *host, gate_task *task) {
    cr_assert_eq(host, &host_data);
    cr_assert_eq(task, gate_task_current());
    resumed = task;
    atomic_fetch_add(&resumes, 1);
}

static __attribute__((noinline)) void note_suspend(void *host, gate_task *task) {
    (void)host;
    cr_assert_eq(resumed, task);
    resumed = NULL;
    atomic_fetch_add(&suspends, 1);
}

static __attribute__((noinline)) gate_task *in_thread_local(void) {
    return resumed;
}

static void *look_at_thread_local(void *unused) {
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(in_thread_local(), gate_task_current());
        if (i % 4 == 0)
            gate_task_yield();
        else if (i % 4 == 1)
            block_ms(1);
        else if (i % 4 == 2)
            gate_task_sleep(1000);
        else
            gate__foreign_call_blocking(gate__m(), sleep_ms, NULL, GATE__M_UNTOLD);
    }
    return unused;
}

Test(sched, the_host_hears_of_each_task_that_goes_on_and_each_that_leaves) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){
        .slots = 2, .hooks = {.task_resume = note_resume, .task_suspend = note_suspend}, .host = &host_data});
    gate_task *tasks[10];
    note_resume(&host_data, gate_task_current());
    for (int i = 0; i < 10; i++)
        tasks[i] = spawn("looks", look_at_thread_local, NULL);
    look_at_thread_local(NULL);
    for (int i = 0; i < 10; i++)
        join(tasks[i]);
    cr_assert_geq(atomic_load(&suspends), 10u * 25u); /* each sleep, at least */
    cr_assert_geq(atomic_load(&resumes), atomic_load(&suspends));
    stop(runtime);
}

/* What a host keeps for its one state is the task's again, too, that comes back from C to an idle slot on its own thread:
 * others had that slot. */

static gate_task *of_state;

static void make_it_of(void *unused, gate_task *task) {
    (void)unused;
    of_state = task;
}

static void *block_and_look(void *milliseconds) {
    for (int i = 0; i < 20; i++) {
        gate__foreign_call_blocking(gate__m(), sleep_ms, milliseconds, GATE__M_UNTOLD);
        cr_assert_eq(of_state, gate_task_current());
    }
    return NULL;
}

Test(sched, the_host_hears_of_a_task_whose_slot_others_had_while_it_was_in_c) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .hooks = {.task_resume = make_it_of}});
    gate_task *one = spawn("one", block_and_look, (void *)2), *other = spawn("other", block_and_look, (void *)3);
    join(one);
    join(other);
    stop(runtime);
}

/* A task that waits for a slot after its call is on its thread still: it has not left. */

static void *run_until_one_waits(void *unused) {
    wait_until(gate__queue_any_waits(gate__m()->runtime)); /* without a yield */
    return unused;
}

static void *block_once(void *unused) {
    gate__foreign_call_blocking(gate__m(), sleep_ms, (void *)2, GATE__M_UNTOLD);
    return unused;
}

Test(sched, the_host_hears_of_no_leave_when_a_task_waits_for_a_slot_behind_its_call) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){
        .slots = 1, .hooks = {.task_resume = note_resume, .task_suspend = note_suspend}, .host = &host_data});
    note_resume(&host_data, gate_task_current());
    unsigned before = atomic_load(&suspends);
    gate_task *one = spawn("blocks", block_once, NULL), *other = spawn("computes", run_until_one_waits, NULL);
    join(one);
    cr_assert_eq(atomic_load(&suspends) - before, 3u, "the end of each, and the park of the thread's own task");
    join(other);
    stop(runtime);
}

/* Of each kind of leaving, one. */

static unsigned suspends_since(unsigned before) {
    return atomic_load(&suspends) - before;
}

static void *suspend_by_kinds(void *unused) {
    unsigned before = atomic_load(&suspends);
    gate_task *other = spawn("ends at once", note_last, NULL);
    gate_task_yield();
    cr_assert_eq(suspends_since(before), 2u, "a yield, and the other's end");
    gate_m *m = gate_m_acquire();
    gate_task_sleep(10 * 1000 * 1000);
    cr_assert_eq(suspends_since(before), 3u, "a park of one that is pinned");
    gate_task *second = spawn("ends at once", note_last, NULL);
    gate_task_yield();
    cr_assert_eq(suspends_since(before), 5u, "a yield of one that is, and an end");
    gate_m_release(m);
    join(other);
    join(second);
    cr_assert_eq(suspends_since(before), 5u, "no park at all");
    return unused;
}

Test(sched, the_host_hears_of_each_yield_park_and_end) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){
        .slots = 1, .hooks = {.task_resume = note_resume, .task_suspend = note_suspend}, .host = &host_data});
    note_resume(&host_data, gate_task_current());
    unsigned before = atomic_load(&suspends);
    join(spawn("kinds", suspend_by_kinds, NULL));
    cr_assert_eq(suspends_since(before), 7u, "its own end, and the park of the thread's own task");
    suspend_by_kinds(NULL);
    stop(runtime);
}
