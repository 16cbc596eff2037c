/* Tasks: their making, their end, the wakes between them, and what can be seen of them. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/runtime.h"
#include "tests/support/process.h"

static void *give_back(void *argument) {
    return argument;
}

Test(task, join_returns_what_main_returned) {
    int x;
    cr_assert_eq(run_task(give_back, &x), &x);
}

Test(task, join_after_the_end_returns_at_once) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("early", give_back, runtime);
    wait_for_state(task, GATE__DONE);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, spawn_without_main_or_with_a_tiny_stack_is_einval) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    cr_assert_eq(gate_task_spawn(runtime, &(struct gate_task_config){0}, &task), -EINVAL);
    cr_assert_eq(gate_task_spawn(runtime, NULL, &task), -EINVAL);
    struct gate_task_config tiny = {.main = give_back, .stack_size = 4096};
    cr_assert_eq(gate_task_spawn(runtime, &tiny, &task), -EINVAL);
    stop(runtime);
}

Test(task, spawn_without_memory_for_the_stack_is_enomem) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config huge = {.main = give_back, .stack_size = (size_t)1 << 50};
    cr_assert_eq(gate_task_spawn(runtime, &huge, &task), -ENOMEM);
    stop(runtime);
}

static void join_none(void *unused) {
    start(1);
    gate_task_join(unused, NULL);
}

static void detach_none(void *unused) {
    gate_task_detach(unused);
}

static void ready_none(void *unused) {
    gate_task_ready(unused);
}

Test(task, none_where_one_is_needed_is_fatal) {
    cr_assert_dies_with(join_none, NULL, "gate_task_join: no task was given");
    cr_assert_dies_with(detach_none, NULL, "gate_task_detach: no task was given");
    cr_assert_dies_with(ready_none, NULL, "gate_task_ready: no task was given");
}

static void spawn_without_a_runtime(void *unused) {
    (void)unused;
    gate_task_spawn(NULL, &(struct gate_task_config){.main = give_back}, NULL);
}

Test(task, spawn_without_a_runtime_is_fatal) {
    cr_assert_dies_with(spawn_without_a_runtime, NULL, "gate_task_spawn: no runtime");
}

static void *look_at_self(void *argument) {
    gate_task *self = gate_task_current();
    cr_assert_str_eq(gate_task_name(self), "a name that is cut at 31 bytes,");
    cr_assert_gt(gate_task_number(self), 1);
    cr_assert_eq(gate_task_host(self), argument);
    gate_task_set_host(self, self);
    return gate_task_host(self) == self ? argument : NULL;
}

Test(task, has_a_name_a_number_and_a_host_pointer) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config config = {look_at_self, runtime, "a name that is cut at 31 bytes, not 32", 0, runtime};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, of_a_thread_that_no_runtime_knows_is_null) {
    cr_assert_null(gate_task_current());
}

static void *park_once(void *unused) {
    gate_task_park("a wake");
    return unused;
}

Test(task, parks_until_it_is_readied) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("parked", park_once, runtime);
    wait_for_state(task, GATE__PARKED);
    cr_assert_eq(gate_task_ready(task), 0);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, a_ready_that_comes_before_the_park_is_not_lost) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("late", park_once, runtime);
    cr_assert_eq(gate_task_ready(task), 0); /* it has not run yet: this task has the only slot */
    cr_assert_eq(gate_task_ready(task), -EALREADY);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, a_root_task_parks_and_is_readied_by_another) {
    gate_runtime *runtime = start(1);
    gate_task_ready(gate_task_current());
    gate_task_park("nothing: it is ready");
    stop(runtime);
}

static void *ready_it(void *task) {
    gate_task_ready(task);
    return NULL;
}

Test(task, a_parked_root_task_hands_its_slot_on) {
    gate_runtime *runtime = start(1);
    gate_task *other = spawn("other", ready_it, gate_task_current());
    gate_task_park("the other task");
    join(other);
    stop(runtime);
}

/* Some threads give one task the same wake as often as they can, and it parks again when it was woken, or takes a wake
 * that came while it ran: a park ends for the one of them that is told to queue the task. */

enum { WAKERS = 4 };

static struct {
    gate_task task;
    _Atomic bool over;
    _Atomic unsigned queued;
} woken;

static void *wake_often(void *unused) {
    while (!atomic_load(&woken.over)) {
        bool waits = false;
        gate__task_give_wake(&woken.task, GATE__WAKE_HOST, &waits);
        atomic_fetch_add(&woken.queued, waits);
    }
    return unused;
}

static unsigned park_for(uint64_t nanoseconds) {
    const uint32_t parked = GATE__PARKED | GATE__WAKE_HOST << GATE__AWAITS;
    unsigned parks = 0;
    for (uint64_t end = gate__os_now() + nanoseconds; gate__os_now() < end;) {
        uint32_t word = atomic_load(&woken.task.state);
        bool ran = (word & GATE__STATES) == GATE__LIVE;
        if (ran && atomic_compare_exchange_strong(&woken.task.state, &word, word & GATE__WAKES ? GATE__LIVE : parked))
            parks += !(word & GATE__WAKES);
    }
    return parks;
}

Test(task, of_many_wakes_at_once_one_queues_the_task) {
    pthread_t threads[WAKERS];
    unsigned parks = 0;
    atomic_store(&woken.task.state, GATE__LIVE);
    for (int i = 0; i < WAKERS; i++)
        pthread_create(&threads[i], NULL, wake_often, NULL);
    parks = park_for(500 * 1000 * 1000);
    atomic_store(&woken.over, true);
    for (int i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    bool is_parked = (atomic_load(&woken.task.state) & GATE__STATES) == GATE__PARKED;
    cr_assert_eq(atomic_load(&woken.queued), parks - is_parked);
}

/* The others are there for its next park. */
Test(task, a_park_takes_the_first_of_the_wakes_that_came_before_it) {
    static gate_task task;
    const uint32_t wakes = GATE__WAKE_HOST | GATE__WAKE_TIMER;
    atomic_store(&task.state, GATE__LIVE | wakes);
    cr_assert_not(gate__sched_enter_park(&task, wakes));
    cr_assert_eq(atomic_load(&task.state), (uint32_t)(GATE__LIVE | GATE__WAKE_TIMER));
    cr_assert_not(gate__sched_enter_park(&task, wakes));
    cr_assert_eq(atomic_load(&task.state), (uint32_t)GATE__LIVE);
    cr_assert(gate__sched_enter_park(&task, wakes));
    cr_assert_eq(atomic_load(&task.state), GATE__PARKED | wakes << GATE__AWAITS);
}

Test(task, ready_of_one_that_has_ended_is_esrch) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("short", give_back, NULL);
    wait_for_state(task, GATE__DONE);
    cr_assert_eq(gate_task_ready(task), -ESRCH);
    join(task);
    stop(runtime);
}

static void *ready_and_end(void *root) {
    gate_task_ready(root);
    return NULL;
}

Test(task, join_does_not_take_a_ready_meant_for_park) {
    gate_runtime *runtime = start(1);
    join(spawn("readies its joiner", ready_and_end, gate_task_current()));
    gate_task_park("the ready from before"); /* would wait for ever */
    stop(runtime);
}

static void *join_self(void *unused) {
    (void)unused;
    return (void *)(intptr_t)gate_task_join(gate_task_current(), NULL);
}

Test(task, join_of_itself_is_edeadlk) {
    cr_assert_eq((intptr_t)run_task(join_self, NULL), -EDEADLK);
}

static void *join_other(void *other) {
    return (void *)(intptr_t)gate_task_join(other, NULL);
}

Test(task, a_second_join_is_ebusy) {
    gate_runtime *runtime = start(1);
    gate_task *parked = spawn("parked", park_once, NULL);
    gate_task *first = spawn("first", join_other, parked);
    gate_task *second = spawn("second", join_other, parked);
    cr_assert_eq((intptr_t)join(second), -EBUSY);
    gate_task_ready(parked);
    cr_assert_eq((intptr_t)join(first), 0);
    stop(runtime);
}

static void detach_one_that_is_joined(void *unused) {
    start(1);
    gate_task *parked = spawn("parked", park_once, unused), *joiner = spawn("joiner", join_other, parked);
    wait_for_state(joiner, GATE__PARKED);
    gate_task_detach(parked);
}

static void detach_twice(void *unused) {
    start(1);
    gate_task *parked = spawn("parked", park_once, unused);
    wait_for_state(parked, GATE__PARKED);
    gate_task_detach(parked);
    gate_task_detach(parked);
}

Test(task, detach_of_one_that_is_joined_or_detached_is_fatal) {
    cr_assert_dies_with(detach_one_that_is_joined, NULL, "gate_task_detach: the task is being joined, or is detached");
    cr_assert_dies_with(detach_twice, NULL, "gate_task_detach: the task is being joined, or is detached");
}

static _Atomic int ended;

static void *count_end(void *unused) {
    atomic_fetch_add(&ended, 1);
    return unused;
}

/* A thread outside that has freed a task, and waits for the lock of the stacks. */

static _Atomic(struct gate__stack_pool *) pool;
static _Atomic bool locked;

static void *lock_for_a_while(void *unused) {
    gate__lock_hold(&atomic_load(&pool)->lock);
    atomic_store(&locked, true);
    usleep(100 * 1000);
    gate__lock_let_go(&atomic_load(&pool)->lock);
    return unused;
}

static void *detach_from_outside(void *task) {
    gate_task_detach(task);
    return NULL;
}

Test(task, a_stop_waits_for_a_thread_outside_that_gives_back_a_stack) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("ended", give_back, NULL);
    pthread_t locking, detaching;
    wait_for_state(task, GATE__DONE);
    atomic_store(&pool, &runtime->stacks[runtime->usual_class]);
    pthread_create(&locking, NULL, lock_for_a_while, NULL);
    wait_until(atomic_load(&locked));
    pthread_create(&detaching, NULL, detach_from_outside, task);
    wait_until(atomic_load(&task->state) == GATE__FREE);
    stop(runtime);
    pthread_join(detaching, NULL);
    pthread_join(locking, NULL);
}

/* One that ends takes its stack's place among those that are kept, for the next to spawn on; the chain goes on there. */
static int links, places;
static gate_task *met[1000];

static void note_place(void) {
    int i = 0;
    while (i < places && met[i] != gate_task_current())
        i++;
    met[i] = gate_task_current();
    places += i == places;
}

static void *spawn_another(void *left) {
    char local[256];
    memset(local, (int)(intptr_t)left, sizeof local);
    struct gate_task_config config = {.main = spawn_another, .argument = (void *)((intptr_t)left - 1)};
    if (left)
        cr_assert_eq(gate_task_spawn(NULL, &config, NULL), 0);
    for (size_t i = 0; i < sizeof local; i++)
        cr_assert_eq(local[i], (char)(intptr_t)left);
    note_place();
    links++;
    return NULL;
}

Test(task, detached_ones_that_end_leave_their_stack_before_another_begins_there) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = spawn_another, .argument = (void *)(intptr_t)1000};
    links = places = 0;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(gate_task_spawn(NULL, &config, NULL), 0);
    while (links < 3 * 1001)
        gate_task_yield();
    cr_assert_leq(places, 16);
    stop(runtime);
}

/* What has ended is kept for the next to spawn: of one size, and not all of it. */

static size_t size_of_one_that_asks_for(size_t size) {
    gate_task *task;
    struct gate_task_config config = {.main = give_back, .stack_size = size};
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
    size = task->stack.size;
    join(task);
    return size;
}

Test(task, each_has_a_stack_of_the_size_that_it_asks_for_whatever_has_ended_before) {
    gate_runtime *runtime = start(1);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(size_of_one_that_asks_for(0), 256u * 1024);
        cr_assert_eq(size_of_one_that_asks_for(GATE__STACK_LEAST), (size_t)GATE__STACK_LEAST);
        cr_assert_eq(size_of_one_that_asks_for(1024 * 1024), 1024u * 1024);
    }
    stop(runtime);
}

Test(task, of_many_that_have_ended_few_are_kept_with_a_slot) {
    enum { MANY = 2 * GATE__KEPT_WITH_SLOT + 1 };
    gate_runtime *runtime = start(1);
    gate_task *tasks[MANY];
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawn("one of many", give_back, NULL);
    for (int i = 0; i < MANY; i++)
        join(tasks[i]);
    cr_assert_leq(gate__m()->slot->free_count, (uint32_t)GATE__KEPT_WITH_SLOT);
    stop(runtime);
}

/* Whoever made a task without a handle for it may stop its runtime once it is gone. */

static struct {
    gate_task *task;
    _Atomic unsigned times;
    bool was_free;
} gone;

static void note_gone(void *unused) {
    (void)unused;
    gone.was_free = gate__task_is_gone(gone.task);
    atomic_fetch_add(&gone.times, 1);
}

Test(task, its_maker_hears_once_that_it_is_gone_when_nothing_is_left_of_it) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = count_end};
    cr_assert_eq(gate__task_make(runtime, &config, note_gone, &gone.task), 0);
    gate__task_start(gone.task);
    wait_until((block_ms(1), atomic_load(&gone.times) == 1));
    cr_assert(gone.was_free);
    atomic_store(&ended, 0);
    cr_assert_eq(gate_task_spawn(NULL, &config, NULL), 0); /* in its place, and its maker asks for nothing */
    wait_until((block_ms(1), atomic_load(&ended) == 1 && gate_runtime_list(runtime, NULL, 0) == 1));
    cr_assert_eq(atomic_load(&gone.times), 1u);
    stop(runtime);
}

Test(task, neighbours_lie_at_different_places_of_their_pages) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = give_back, .stack_size = GATE__STACK_LEAST};
    gate_task *tasks[16];
    uintptr_t offsets[16];
    int alike = 0;
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(gate_task_spawn(runtime, &config, &tasks[i]), 0);
        offsets[i] = (uintptr_t)tasks[i] % gate__os_page_size();
        for (int k = 0; k < i; k++)
            alike += offsets[k] == offsets[i];
    }
    for (int i = 0; i < 16; i++)
        join(tasks[i]);
    cr_assert_eq(alike, 0);
    stop(runtime);
}

Test(task, detached_ones_free_themselves_before_or_after_their_end) {
    gate_runtime *runtime = start(1);
    atomic_store(&ended, 0);
    gate_task_spawn(runtime, &(struct gate_task_config){.main = count_end}, NULL);
    gate_task_detach(spawn("before", count_end, NULL));
    gate_task *after = spawn("after", count_end, NULL);
    wait_until((block_ms(1), atomic_load(&ended) == 3));
    gate_task_detach(after);
    stop(runtime);
}

static void yield_outside(void *unused) {
    (void)unused;
    gate_task_yield();
}

static void park_outside(void *unused) {
    (void)unused;
    gate_task_park("nothing");
}

static void park_inside_a_call(void *unused) {
    start(1);
    gate__foreign_call(park_outside, unused);
}

Test(task, yield_and_park_without_a_slot_are_fatal_and_name_the_function) {
    cr_assert_dies_with(yield_outside, NULL, "fatal: gate_task_yield: called outside a task\n");
    cr_assert_dies_with(park_outside, NULL, "fatal: gate_task_park: called outside a task\n");
    cr_assert_dies_with(park_inside_a_call, NULL,
                        "fatal: gate_task_park: called from C, without a slot, in task 'main' (#1)\n");
}

/* The slot is this task's still, and is asked for: its code is to hear of that when it goes on. */
static void poll_in_c(void *asked) {
    gate_m *m = gate__m();
    gate__lock(&m->runtime->lock);
    gate__foreign_ask(m->slot, GATE__POLL_YIELD);
    gate__unlock(&m->runtime->lock);
    *(int *)asked = gate_task_should_yield();
}

Test(task, is_not_told_to_yield_in_c_but_behind_it) {
    gate_runtime *runtime = start(1);
    int asked = -1;
    gate__foreign_call(poll_in_c, &asked);
    cr_assert_eq(asked, 0);
    cr_assert_eq(gate_task_should_yield(), 1);
    stop(runtime);
}

enum { ROUNDS = 2000 };

/* Two tasks that wake each other by turns: a lost wake would stop both. */
struct pair {
    gate_task *_Atomic first, *_Atomic second;
};

static void *serve(void *argument) {
    struct pair *pair = argument;
    pair->first = gate_task_current(); /* it may run before its spawn has returned */
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(gate_task_ready(pair->second), 0);
        gate_task_park("the second");
    }
    return NULL;
}

static void *reply(void *argument) {
    struct pair *pair = argument;
    for (int i = 0; i < ROUNDS; i++) {
        gate_task_park("the first");
        cr_assert_eq(gate_task_ready(pair->first), 0);
    }
    return NULL;
}

Test(task, wakes_pass_between_slots_without_one_lost) {
    gate_runtime *runtime = start(2);
    struct pair pair = {NULL, NULL};
    pair.second = spawn("second", reply, &pair);
    join(spawn("first", serve, &pair));
    join(pair.second);
    stop(runtime);
}

/* Lists */

enum { ROOM = 64 };

/* What the list has of the task with that name, which must be in it once. */
static struct gate_task_info info_of(gate_runtime *runtime, const char *name) {
    struct gate_task_info infos[ROOM], found = {.number = 0};
    size_t count = gate_runtime_list(runtime, infos, ROOM);
    cr_assert_leq(count, (size_t)ROOM);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(infos[i].name, name) == 0) {
            cr_assert_eq(found.number, 0u, "'%s' is listed twice", name);
            found = infos[i];
        }
    }
    cr_assert_neq(found.number, 0u, "'%s' is not listed", name);
    return found;
}

static const char *words_of(struct gate_task_info info) {
    static char words[120];
    gate__task_describe(&info, words, sizeof words);
    return strchr(words, ')') + 2;
}

static _Atomic bool may_return;

static int wait_here(void) {
    while (!atomic_load(&may_return))
        usleep(200);
    return 0;
}

static void *call_and_wait(void *function) {
    gate_call(function, NULL, NULL);
    return NULL;
}

static void *stay_outside(void *stage) {
    gate_m_release(gate_m_acquire());
    atomic_store((_Atomic int *)stage, 1);
    wait_until(atomic_load((_Atomic int *)stage) == 2);
    return NULL;
}

static void *sleep_for_long(void *unused) {
    gate_task_sleep(10000ull * 1000 * 1000);
    return unused;
}

Test(task, each_is_listed_with_what_it_does_and_where) {
    gate_runtime *runtime = start(1);
    _Atomic int stage = 0;
    pthread_t thread;
    gate_function function = {.address = (void (*)(void))wait_here, .name = "wait_here"};
    cr_assert_eq(gate_signature_parse("int (void)", (gate_signature **)(uintptr_t)&function.signature, NULL), 0);
    atomic_store(&may_return, false);
    gate_task *caller = spawn("caller", call_and_wait, &function), *parked = spawn("parked", park_once, NULL);
    gate_task *joiner = spawn("joiner", join_other, parked), *finished = spawn("finished", give_back, NULL);
    pthread_create(&thread, NULL, stay_outside, &stage);
    wait_until((block_ms(1), atomic_load(&stage) == 1));
    wait_for_state(finished, GATE__DONE);
    gate_task *sleeper = spawn("sleeper", sleep_for_long, NULL);
    wait_for_state(sleeper, GATE__PARKED);
    gate_task *ready = spawn("ready", give_back, NULL); /* this task has the slot from here on */

    cr_assert_str_eq(words_of(info_of(runtime, "main")), "running");
    cr_assert_str_eq(words_of(info_of(runtime, "ready")), "ready");
    cr_assert_str_eq(words_of(info_of(runtime, "caller")), "in a call of wait_here");
    cr_assert_str_eq(words_of(info_of(runtime, "parked")), "parked: a wake");
    cr_assert_str_eq(words_of(info_of(runtime, "joiner")), "parked: join");
    cr_assert_str_eq(words_of(info_of(runtime, "sleeper")), "parked: sleep");
    cr_assert_str_eq(words_of(info_of(runtime, "thread")), "outside");
    cr_assert_str_eq(words_of(info_of(runtime, "finished")), "ended, not joined");

    atomic_store(&may_return, true);
    atomic_store(&stage, 2);
    gate_task_ready(parked);
    cr_assert(gate__timer_cancel(sleeper));
    gate__timer_set(sleeper, gate__os_now());
    gate_task *tasks[] = {caller, joiner, finished, sleeper, ready};
    for (int i = 0; i < 5; i++)
        join(tasks[i]);
    pthread_join(thread, NULL);
    stop(runtime);
    gate_signature_free((gate_signature *)(uintptr_t)function.signature);
}

Test(task, is_listed_with_its_number_stack_thread_and_host_pointer) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config config = {.main = park_once, .name = "one", .stack_size = 20000, .host = &config};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    gate_task_set_host(gate_task_current(), &task);
    struct gate_task_info root = info_of(runtime, "main"), one = info_of(runtime, "one");
    cr_assert_eq(root.number, 1u);
    cr_assert_eq(root.stack_size, 0u);
    cr_assert_eq(root.thread, gate_m_number(gate__m()));
    cr_assert_eq(root.host, &task);
    cr_assert_eq(one.number, gate_task_number(task));
    cr_assert_eq(one.stack_size, 32768u);
    cr_assert_eq(one.thread, 0u);
    cr_assert_eq(one.host, &config);
    gate_task_ready(task);
    join(task);
    stop(runtime);
}

Test(task, a_list_takes_no_more_than_it_has_room_for_and_says_how_many_there_are) {
    gate_runtime *runtime = start(1);
    struct gate_task_info infos[4] = {[3] = {.number = 12345}};
    gate_task *tasks[10];
    cr_assert_eq(gate_runtime_list(runtime, NULL, 0), 1u);
    for (int i = 0; i < 10; i++)
        tasks[i] = spawn("one of ten", give_back, NULL);
    cr_assert_eq(gate_runtime_list(runtime, infos, 3), 11u);
    cr_assert_str_eq(infos[0].name, "main");
    cr_assert_str_eq(infos[2].name, "one of ten");
    cr_assert_eq(infos[3].number, 12345u);
    for (int i = 0; i < 10; i++)
        join(tasks[i]);
    cr_assert_eq(gate_runtime_list(runtime, infos, 4), 1u);
    stop(runtime);
}

static void *yield_and_look(void *unused) {
    for (int i = 0; i < 10; i++) {
        struct gate_task_info info = own_info();
        cr_assert_eq(info.state, GATE_TASK_RUNNING);
        cr_assert_eq(info.thread, gate_m_number(gate__m()));
        gate_task_yield();
    }
    return unused;
}

Test(task, is_listed_as_running_on_its_thread_when_another_has_yielded_to_it) {
    gate_runtime *runtime = start(1);
    gate_task *one = spawn("one", yield_and_look, NULL), *other = spawn("other", yield_and_look, NULL);
    join(one);
    join(other);
    stop(runtime);
}

/* Tasks that come and go while they are listed, each with its name as its host pointer, so that one which is seen
 * half as one task and half as the next is found out. */

enum { CHURNERS = 4, LISTING_MS = 700 };

static char a_name[] = "short", another_name[] = "one with a longer name";
static _Atomic bool enough;

static void spawn_and_join(char *name) {
    gate_task *task;
    struct gate_task_config config = {.main = park_once, .name = name, .host = name};
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
    gate_task_yield();
    gate_task_ready(task);
    join(task);
}

static void *churn(void *unused) {
    struct gate_task_config detached = {.main = give_back, .name = another_name, .host = another_name};
    while (!atomic_load(&enough)) {
        spawn_and_join(a_name);
        spawn_and_join(another_name);
        cr_assert_eq(gate_task_spawn(NULL, &detached, NULL), 0);
        gate_task_yield();
    }
    return unused;
}

static void check_info(const struct gate_task_info *info) {
    if (info->host)
        cr_assert_str_eq(info->name, info->host);
    switch (info->state) {
    case GATE_TASK_PARKED:
        cr_assert(strcmp(info->where, info->host ? "a wake" : "join") == 0, "%s waits for %s", info->name, info->where);
        break;
    case GATE_TASK_RUNNING:
        cr_assert_neq(info->thread, 0u);
        cr_assert_null(info->where);
        break;
    default:
        cr_assert(info->state == GATE_TASK_READY || info->state == GATE_TASK_ENDED);
        cr_assert_eq(info->thread, 0u);
        cr_assert_null(info->where);
        break;
    }
}

static void *list_often(void *runtime) {
    struct gate_task_info infos[ROOM];
    for (uint64_t end = gate__os_now() + LISTING_MS * 1000 * 1000ull; gate__os_now() < end;) {
        size_t count = gate_runtime_list(runtime, infos, ROOM), churners = 0;
        for (size_t k = 0; k < count; k++) {
            check_info(&infos[k]);
            churners += strcmp(infos[k].name, "churner") == 0;
            for (size_t other = 0; other < k; other++)
                cr_assert_neq(infos[other].number, infos[k].number, "a task is listed twice");
        }
        cr_assert_eq(churners, (size_t)CHURNERS);
    }
    atomic_store(&enough, true);
    return NULL;
}

Test(task, each_is_listed_as_one_thing_while_others_come_and_go) {
    gate_runtime *runtime = start(2);
    gate_task *churners[CHURNERS];
    pthread_t thread;
    atomic_store(&enough, false);
    for (int i = 0; i < CHURNERS; i++)
        churners[i] = spawn("churner", churn, NULL);
    pthread_create(&thread, NULL, list_often, runtime);
    for (int i = 0; i < CHURNERS; i++)
        join(churners[i]);
    pthread_join(thread, NULL);
    wait_until((block_ms(1), gate_runtime_list(runtime, NULL, 0) == 1)); /* the detached ones */
    stop(runtime);
}

/* How much of its stack a task has used */

enum { FRAME = 1024, DEPTH = 20, PAGE = 4096, LITTLE = 3 * 1024 };

static void use_setting(const char *setting) {
    setenv("GATE_DEBUG", setting, 1);
    gate__init_read_settings();
}

/* Goes down depth frames and back, and stores where the lowest one ends. AddressSanitizer would put room elsewhere. */
static __attribute__((noinline, no_sanitize("address"))) int go_down(int depth, const volatile char **lowest) {
    volatile char room[FRAME];
    for (size_t i = 0; i < sizeof room; i++)
        room[i] = (char)depth;
    *lowest = room;
    return depth > 1 ? go_down(depth - 1, lowest) + room[0] : room[0];
}

static void *park_go_down_and_park(void *lowest) {
    gate_task_park("the first look");
    go_down(DEPTH, lowest);
    gate_task_park("the second look");
    return NULL;
}

/* What is used of the stack of a task, before it goes down and after. The second is no less than bytes down to
 * *lowest. */
struct use {
    size_t before, after, depth;
};

static struct use use_stack(void) {
    const volatile char *lowest = NULL;
    gate_task *task = spawn("deep", park_go_down_and_park, &lowest);
    struct use use = {0, 0, 0};
    wait_for_state(task, GATE__PARKED);
    use.before = gate_task_stack_used(task);
    gate_task_ready(task);
    wait_until((block_ms(1), lowest != NULL));
    wait_for_state(task, GATE__PARKED);
    use.after = gate_task_stack_used(task);
    use.depth = (size_t)(task->stack.base + task->stack.size - lowest);
    gate_task_ready(task);
    join(task);
    return use;
}

enum { LARGE = 4 * 1024 * 1024 };

static void *fill_the_stack(void *used) {
    volatile char room[LARGE - 64 * 1024];
    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 1;
    *(size_t *)used = gate_task_stack_used(gate_task_current());
    return NULL;
}

Test(task, it_may_use_all_of_a_stack_that_is_larger_than_the_others) {
    gate_runtime *runtime = start(1);
    size_t used = 0;
    gate_task *task = NULL;
    struct gate_task_config config = {.main = fill_the_stack, .argument = &used, .stack_size = LARGE};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    join(task);
    cr_assert_geq(used, LARGE - 64u * 1024);
    stop(runtime);
}

Test(task, its_use_of_the_stack_is_known_in_pages_and_what_was_there_before_counts) {
    gate_runtime *runtime = start(1);
    struct use first = use_stack(), second = use_stack();
    cr_assert_leq(first.before, (size_t)PAGE);
    cr_assert_geq(first.depth, (size_t)DEPTH * FRAME);
    cr_assert(first.after >= first.depth && first.after < first.depth + 2 * PAGE);
    cr_assert_eq(second.before, first.after, "the same stack");
    cr_assert_eq(gate_task_stack_used(gate_task_current()), 0u);
    stop(runtime);
}

Test(task, its_use_of_a_poisoned_stack_is_its_own_and_exact_but_for_a_frame) {
    use_setting("stackpoison=1");
    gate_runtime *runtime = start(1);
    for (int i = 0; i < 2; i++) {
        struct use use = use_stack();
        cr_assert_lt(use.before, (size_t)LITTLE);
        cr_assert_geq(use.depth, (size_t)DEPTH * FRAME);
        cr_assert(use.after >= use.depth && use.after < use.depth + FRAME, "%zu bytes down to %zu", use.after,
                  use.depth);
    }
    stop(runtime);
    use_setting("stackpoison=0");
}

static void *go_down_often(void *depth) {
    while (!atomic_load(&enough))
        go_down(DEPTH, depth);
    return NULL;
}

static void measure_while_it_runs(void) {
    gate_runtime *runtime = start(2);
    const volatile char *lowest = NULL;
    size_t most = 0;
    atomic_store(&enough, false);
    gate_task *task = spawn("busy", go_down_often, &lowest);
    for (int i = 0; i < 1000 || most < (size_t)DEPTH * FRAME; i++) {
        size_t used = gate_task_stack_used(task);
        cr_assert(used >= most && used < (size_t)(DEPTH + 8) * FRAME);
        most = used;
    }
    atomic_store(&enough, true);
    join(task);
    stop(runtime);
}

Test(task, its_use_of_the_stack_can_be_asked_for_while_it_runs) {
    measure_while_it_runs();
    use_setting("stackpoison=1");
    measure_while_it_runs();
    use_setting("stackpoison=0");
}

/* Memory of parked tasks: what a million needs, for a tenth of that. Builds that add to each frame take more. */

#if !defined(__SANITIZE_ADDRESS__) && !defined(GATE_TEST_PLAIN) && !GATE_HOSTILE

enum { BYTES_OF_EACH = 4600, MAPPINGS_OF_A_PROCESS = 65530 };

static void *park_until_readied(void *unused) {
    gate_task_park("the end");
    return unused;
}

Test(task, many_that_are_parked_take_a_page_each_and_leave_mappings_for_a_million) {
    unsigned share = kernel_has_guard_pages() ? 50 : 100, count = 1000 * 1000 / share;
    gate_runtime *runtime = start(1);
    gate_task **tasks = malloc(count * sizeof *tasks);
    struct gate_task_config config = {.main = park_until_readied, .stack_size = 64 * 1024};
    memset(tasks, 1, count * sizeof *tasks);
    size_t memory = process_size().resident, mappings = count_mappings();
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(gate_task_spawn(runtime, &config, &tasks[i]), 0);
        gate_task_yield();
    }
    cr_assert_leq((process_size().resident - memory) / count, BYTES_OF_EACH);
    if (share == 50)
        cr_assert_leq((count_mappings() - mappings) * share, MAPPINGS_OF_A_PROCESS);
    for (unsigned i = 0; i < count; i++) {
        gate_task_ready(tasks[i]);
        join(tasks[i]);
    }
    free(tasks);
    stop(runtime);
}

#endif
