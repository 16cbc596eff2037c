/* Threads that call back often: they linger in between, with a slot, which is there for whoever wants it. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"

enum { OFTEN = 20 }; /* callbacks, after which a thread lingers */

static gate_runtime *host;
static gate_signature *int_int;
static gate_callback *add_one;
static int_to_int call_add_one;

static int handle(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    *(int *)result = *(int *)arguments[0] + 1;
    return 0;
}

static void set_up_with(struct gate_runtime_config config) {
    host = start_with(config);
    int_int = parse("int (int)");
    add_one = make_callback(host, int_int, handle, NULL);
    call_add_one = (int_to_int)gate_callback_address(add_one);
}

static void set_up(uint32_t slots) {
    set_up_with((struct gate_runtime_config){.slots = slots});
}

static void tear_down(void) {
    cr_assert_eq(gate_callback_free(add_one), 0);
    gate_signature_free(int_int);
    stop(host);
}

/* A thread of C's own, which calls back often, says that it has, and goes on when it may. */
struct visitor {
    pthread_t thread;
    void (*then)(struct visitor *visitor);
    atomic_bool lingers, may_go_on;
    gate_m *m;
    uint32_t lingers_at; /* at the end */
};

static void *visit(void *data) {
    struct visitor *visitor = data;
    for (int i = 0; i < OFTEN; i++)
        cr_assert_eq(call_add_one(i), i + 1);
    visitor->m = gate__m();
    atomic_store(&visitor->lingers, true);
    while (!atomic_load(&visitor->may_go_on))
        usleep(200);
    if (visitor->then)
        visitor->then(visitor);
    return NULL;
}

static void wait_until_it_lingers(void *visitor) {
    wait_until(atomic_load(&((struct visitor *)visitor)->lingers));
}

/* The caller's slot is free meanwhile. */
static void begin_visit(struct visitor *visitor, void (*then)(struct visitor *visitor)) {
    visitor->then = then;
    pthread_create(&visitor->thread, NULL, visit, visitor);
    gate__foreign_call(wait_until_it_lingers, visitor);
}

static void join_visitor(void *visitor) {
    pthread_join(((struct visitor *)visitor)->thread, NULL);
}

static void end_visit(struct visitor *visitor) {
    atomic_store(&visitor->may_go_on, true);
    gate__foreign_call(join_visitor, visitor);
}

/* Of two slots one is left for the test. */
Test(outside, a_thread_that_calls_back_often_keeps_a_slot_and_is_listed_outside) {
    struct visitor visitor = {0};
    struct gate_task_info infos[2];
    set_up(2);
    begin_visit(&visitor, NULL);
    cr_assert_not_null(visitor.m->slot);
    cr_assert_eq(gate_runtime_list(host, infos, 2), 2u);
    cr_assert(infos[0].state == GATE_TASK_OUTSIDE || infos[1].state == GATE_TASK_OUTSIDE);
    cr_assert_eq(gate_task_interrupt(visitor.m->root), -ESRCH, "it is in no call of the runtime's");
    end_visit(&visitor);
    cr_assert_eq(atomic_load(&host->idle_slot_count), 1, "the thread's end gives it back");
    tear_down();
}

static void *count(void *counter) {
    atomic_fetch_add((atomic_int *)counter, 1);
    return NULL;
}

Test(outside, work_takes_the_slot_of_a_thread_that_lingers) {
    struct visitor visitor = {0};
    atomic_int counter = 0;
    set_up(1);
    begin_visit(&visitor, NULL);
    for (int i = 0; i < 10; i++)
        join(spawn("works", count, &counter));
    cr_assert_eq(atomic_load(&counter), 10);
    cr_assert_null(visitor.m->slot);
    end_visit(&visitor);
    tear_down();
}

/* Between two callbacks it makes calls, which don't heed the claim: what its task lists may be gone when that is
 * read. */
Test(outside, the_slot_of_a_thread_that_lingers_is_taken_whatever_its_task_lists) {
    struct visitor visitor = {0};
    atomic_int counter = 0;
    set_up(2);
    begin_visit(&visitor, NULL);
    atomic_store(&visitor.m->task->call, (void *)(uintptr_t)64);
    join(spawn("works", count, &counter));
    atomic_store(&visitor.m->task->call, NULL);
    cr_assert_null(visitor.m->slot);
    end_visit(&visitor);
    tear_down();
}

/* Hosts that want to hear of each departure. */

static atomic_uint resumes, suspends;

static void hear_of_resume(void *unused, gate_task *task) {
    (void)unused;
    atomic_fetch_add(&resumes, strcmp(gate_task_name(task), "thread") == 0);
}

static void hear_of_suspend(void *unused, gate_task *task) {
    (void)unused;
    atomic_fetch_add(&suspends, strcmp(gate_task_name(task), "thread") == 0);
}

static void hear_of_each_handler(struct gate_runtime_hooks hooks) {
    struct visitor visitor = {0};
    atomic_store(&resumes, 0);
    atomic_store(&suspends, 0);
    set_up_with((struct gate_runtime_config){.slots = 2, .hooks = hooks});
    begin_visit(&visitor, NULL);
    end_visit(&visitor);
    tear_down();
}

Test(outside, a_host_that_hears_of_suspends_hears_of_one_for_each_handler_and_one_that_does_not_lets_threads_linger) {
    hear_of_each_handler((struct gate_runtime_hooks){.task_resume = hear_of_resume, .task_suspend = hear_of_suspend});
    cr_assert_eq(atomic_load(&resumes), OFTEN);
    cr_assert_eq(atomic_load(&suspends), OFTEN);
    hear_of_each_handler((struct gate_runtime_hooks){.task_resume = hear_of_resume});
    cr_assert_lt(atomic_load(&resumes), OFTEN);
}

static void call_once_more(struct visitor *unused) {
    (void)unused;
    cr_assert_eq(call_add_one(41), 42);
}

Test(outside, a_thread_whose_slot_was_taken_waits_for_one) {
    struct visitor visitor = {0};
    set_up(1);
    begin_visit(&visitor, call_once_more); /* the test has the slot when this returns */
    end_visit(&visitor);
    tear_down();
}

static gate_callback *impatient;
static _Atomic int refused_result;

static void make_impatient(void) {
    static const int refusal = -1;
    struct gate_callback_config config = {
        .signature = int_int, .handler = handle, .refusal = &refusal, .busy = GATE_BUSY_REFUSES};
    cr_assert_eq(gate_callback_make(host, &config, &impatient, NULL), 0);
}

static void *call_refusing(void *callback) {
    atomic_store(&refused_result, ((int_to_int)gate_callback_address(callback))(41));
    return NULL;
}

static void run_refusing(void *callback) {
    pthread_t thread;
    pthread_create(&thread, NULL, call_refusing, callback);
    pthread_join(thread, NULL);
}

static void call_refusing_again(struct visitor *unused) {
    (void)unused;
    for (int i = 0; i < OFTEN; i++)
        call_refusing(impatient);
}

static void both_refuse(void *visitor) {
    struct visitor *v = visitor;
    atomic_store(&v->may_go_on, true);
    join_visitor(v);
}

/* Neither the one that lingers nor another one is refused for the sake of a slot that nobody uses. */
Test(outside, a_callback_that_may_not_wait_takes_the_slot_of_a_thread_that_lingers) {
    struct visitor visitor = {0};
    set_up(2);
    make_impatient();
    begin_visit(&visitor, call_refusing_again);
    cr_assert_not_null(visitor.m->slot);
    run_refusing(impatient);
    cr_assert_eq(atomic_load(&refused_result), 42, "the test has the other slot");
    gate__foreign_call(both_refuse, &visitor);
    cr_assert_eq(atomic_load(&refused_result), 42);
    cr_assert_eq(gate_callback_free(impatient), 0);
    tear_down();
}

Test(outside, a_thread_whose_slot_was_taken_is_refused_by_a_callback_that_may_not_wait) {
    struct visitor visitor = {0};
    set_up(1);
    make_impatient();
    begin_visit(&visitor, call_refusing_again); /* the test has the slot when this returns */
    atomic_store(&refused_result, 0);
    atomic_store(&visitor.may_go_on, true);
    wait_until(atomic_load(&refused_result) == -1);
    end_visit(&visitor);
    cr_assert_eq(gate_callback_free(impatient), 0);
    tear_down();
}

static void visit_and_stop(void *slots) {
    struct visitor visitor = {0};
    set_up((uint32_t)(uintptr_t)slots);
    begin_visit(&visitor, call_once_more);
    stop(host);
    atomic_store(&visitor.may_go_on, true);
    join_visitor(&visitor);
}

Test(outside, a_thread_that_lingers_keeps_no_runtime_from_stopping_and_may_not_come_in_then) {
    for (uintptr_t slots = 1; slots <= 2; slots++)
        cr_assert_dies_with(visit_and_stop, (void *)slots, "was called after its runtime was stopped");
}

static void *park_once(void *unused) {
    gate_task_park("the test");
    return unused;
}

Test(outside, a_stop_that_is_refused_leaves_the_slot_of_a_thread_that_lingered_idle) {
    struct visitor visitor = {0};
    set_up(2);
    gate_task *left = spawn("left", park_once, NULL);
    wait_for_state(left, GATE__PARKED);
    begin_visit(&visitor, NULL);
    cr_assert_not_null(visitor.m->slot);
    cr_assert_eq(gate_runtime_stop(host, NULL), -EBUSY);
    cr_assert_null(visitor.m->slot);
    cr_assert_eq(atomic_load(&host->idle_slot_count), 1);
    gate_task_ready(left);
    join(left);
    end_visit(&visitor);
    tear_down();
}

Test(outside, the_world_stops_though_a_thread_lingers_and_that_waits_for_its_start) {
    struct visitor visitor = {0};
    set_up(2);
    begin_visit(&visitor, call_once_more);
    gate_world_stop();
    cr_assert_null(visitor.m->slot);
    atomic_store(&visitor.may_go_on, true);
    wait_until(atomic_load(&visitor.m->call) == GATE__M_RUNNING); /* it waits for a slot */
    usleep(20 * 1000);
    cr_assert_null(visitor.m->slot);
    gate_world_start();
    end_visit(&visitor);
    tear_down();
}

/* One after the other, each has to take the only slot from the one before. */

static struct visitor rivals[2];

static void wait_for_rivals(void *unused) {
    (void)unused;
    for (int i = 0; i < 2; i++)
        wait_until_it_lingers(&rivals[i]);
    for (int i = 0; i < 2; i++)
        atomic_store(&rivals[i].may_go_on, true);
    for (int i = 0; i < 2; i++)
        join_visitor(&rivals[i]);
}

static void call_in_turns(struct visitor *visitor) {
    static atomic_int turn;
    int own = (int)(visitor - rivals);
    for (int i = 0; i < 100; i++) {
        while (atomic_load(&turn) % 2 != own)
            usleep(50);
        call_once_more(visitor);
        atomic_fetch_add(&turn, 1);
    }
    cr_assert_not(gate__foreign_lingers(visitor->m));
    visitor->lingers_at = atomic_load(&visitor->m->lingers_at);
}

Test(outside, threads_that_want_each_others_slot_linger_less_and_less) {
    set_up(1);
    for (int i = 0; i < 2; i++) {
        rivals[i].then = call_in_turns;
        pthread_create(&rivals[i].thread, NULL, visit, &rivals[i]);
    }
    gate__foreign_call(wait_for_rivals, NULL);
    cr_assert_gt(rivals[0].lingers_at + rivals[1].lingers_at, 10 * GATE__VISITS_FEWEST);
    tear_down();
}

static void fork_here(struct visitor *unused) {
    (void)unused;
    pid_t child = fork_guarded();
    if (child == 0) {
        for (int i = 0; i < OFTEN; i++)
            call_once_more(NULL);
        _exit(WELL);
    }
    assert_well(child);
}

Test(outside, the_child_of_a_fork_by_a_thread_that_lingers_goes_on) {
    struct visitor visitor = {0};
    atomic_int counter = 0;
    set_up(2);
    join(spawn("only", count, &counter));
    begin_visit(&visitor, fork_here);
    wait_until_quiet(host);
    end_visit(&visitor);
    tear_down();
}

static void fault(void) {
    *(volatile int *)16 = 1;
}

static const char *name_of_fault;

static void call_and_fault(struct visitor *unused) {
    gate_function function = make_function("void (void)", fault, name_of_fault);
    (void)unused;
    gate_call(&function, NULL, NULL);
}

static void visit_and_fault(void *unused) {
    struct visitor visitor = {0};
    (void)unused;
    set_up(2);
    begin_visit(&visitor, call_and_fault);
    end_visit(&visitor);
}

Test(outside, a_call_that_faults_in_a_thread_that_lingers_is_reported) {
    cr_assert_dies_with(visit_and_fault, NULL, "in a call of a function\n");
    name_of_fault = "fault";
    cr_assert_dies_with(visit_and_fault, NULL, "in a call of fault\n");
}

static void end_in_handler(struct visitor *unused) {
    (void)unused;
    pthread_exit(NULL);
}

Test(outside, a_thread_that_lingers_may_end_anywhere_in_c) {
    struct visitor visitor = {0};
    set_up(2);
    begin_visit(&visitor, end_in_handler);
    end_visit(&visitor);
    cr_assert_eq(atomic_load(&host->idle_slot_count), 1);
    tear_down();
}

/* What the host does when it hears of the end: the thread has a slot then, and is in no call any more. */

static atomic_uint drops;

static void do_nothing(void *unused) {
    (void)unused;
}

static void look_and_call(void *unused, gate_task *root) {
    (void)unused;
    cr_assert_eq(root, gate_task_current());
    cr_assert_eq(own_info().state, GATE_TASK_RUNNING);
    gate__foreign_call(do_nothing, NULL);
    cr_assert_not_null(gate__m()->slot);
    atomic_fetch_add(&drops, 1);
}

static gate_signature *of_exit;

static void end_in_a_call(struct visitor *unused) {
    gate_function function = {.signature = of_exit, .address = address_of(pthread_exit), .name = "pthread_exit"};
    void *nothing = NULL;
    (void)unused;
    gate_call(&function, NULL, (void *[]){&nothing});
}

static void let_it_end(void (*then)(struct visitor *visitor), bool is_taken) {
    struct visitor visitor = {0};
    atomic_int counter = 0;
    atomic_store(&drops, 0);
    set_up_with((struct gate_runtime_config){.slots = 1, .hooks = {.thread_drop = look_and_call}});
    begin_visit(&visitor, then);
    if (is_taken)
        join(spawn("works", count, &counter));
    end_visit(&visitor);
    cr_assert_eq(atomic_load(&drops), 1u);
    tear_down();
}

Test(outside, a_thread_that_ends_may_call_when_the_host_hears_of_it_whatever_became_of_its_slot) {
    of_exit = parse("void (void *)");
    let_it_end(NULL, false);
    let_it_end(NULL, true);
    let_it_end(end_in_a_call, false);
    let_it_end(end_in_a_call, true);
    gate_signature_free(of_exit);
}
