/* Traces: every way of a call is seen while one is on, and whose a callback and a lost slot are. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fork.h"
#include "tests/support/step.h"
#include "tests/support/trace.h"
#include "tests/support/watch.h"

/* Where nothing is. */
static __attribute__((noinline)) int read_at(int x) {
    return *(volatile int *)(uintptr_t)(unsigned)x;
}

static int pause_ms(int milliseconds) {
    usleep((useconds_t)milliseconds * 1000);
    return 0;
}

/* MemorySanitizer has none. */
static gate_frame *make_frame(const gate_function *function) {
    size_t size = gate_frame_size(function->signature);
    gate_frame *frame = size ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
    if (frame) {
        memset(frame, 0, size);
        cr_assert_eq(gate_frame_init(frame, function), 0);
    }
    return frame;
}

/* Which calls are counted */

static void *call_in_each_class(void *unused) {
    start_trace();
    call("default", address_of(add_one), GATE_CALL_DEFAULT, 1);
    call("leaf", address_of(add_one), GATE_CALL_LEAF, 1);
    call("blocking", address_of(add_one), GATE_CALL_BLOCKING, 1);
    call("guarded", address_of(add_one), GATE_CALL_GUARDED, 1);
    gate_trace_stop();
    cr_assert_eq(counted("default").calls, 1u);
    cr_assert_eq(counted("leaf").calls, 1u);
    cr_assert_eq(counted("blocking").calls, 1u);
    cr_assert_eq(counted("guarded").calls, 1u);
    return unused;
}

Test(trace, counts_calls_of_each_class_from_tasks_of_both_sorts) {
    run_task(call_in_each_class, NULL);
    gate_runtime *runtime = start(1);
    call_in_each_class(NULL);
    stop(runtime);
}

Test(trace, counts_calls_on_a_thread_that_no_runtime_knows) {
    call("before", address_of(add_one), GATE_CALL_DEFAULT, 1);
    start_trace();
    call("plain", address_of(add_one), GATE_CALL_DEFAULT, 1);
    call("plain", address_of(add_one), GATE_CALL_LEAF, 1);
    gate_trace_stop();
    call("plain", address_of(add_one), GATE_CALL_DEFAULT, 1);
    cr_assert_eq(counted("before").calls, 0u);
    cr_assert_eq(counted("plain").calls, 2u);
    cr_assert(counted("plain").address == (const void *)(uintptr_t)add_one);
}

static void *call_a_fault(void *unused) {
    start_trace();
    for (int i = 0; i < 3; i++)
        call("fault", address_of(read_at), GATE_CALL_GUARDED, 0x10);
    call("add_one", address_of(add_one), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    cr_assert_eq(counted("fault").calls, 3u);
    cr_assert_eq(counted("add_one").calls, 1u);
    return unused;
}

Test(trace, counts_a_guarded_call_that_a_fault_has_ended) {
    run_task(call_a_fault, NULL);
}

/* A task, or a thread, that calls by one frame all its life, and is told when to make some calls more. */
struct caller {
    sem_t go, done;
    unsigned calls;
};

static void *call_by_frame_when_told(void *data) {
    struct caller *caller = data;
    gate_function function = make_function("int (int)", address_of(add_one), "by frame");
    gate_frame *frame = make_frame(&function);
    for (int i = 0; frame && i < 5; i++)
        gate_call_frame(frame);
    sem_post(&caller->done);
    while (sem_wait(&caller->go) == 0 && caller->calls) {
        for (unsigned i = 0; frame && i < caller->calls; i++)
            gate_call_frame(frame);
        sem_post(&caller->done);
    }
    sem_post(&caller->done);
    free(frame);
    free_function(function);
    return NULL;
}

static void tell_to_call(struct caller *caller, unsigned calls) {
    caller->calls = calls;
    sem_post(&caller->go);
    while (sem_wait(&caller->done))
        continue;
}

static void begin_caller(struct caller *caller) {
    sem_init(&caller->go, 0, 0);
    sem_init(&caller->done, 0, 0);
}

/* Frames are there, and a trace starts and stops while the caller waits. */
static void trace_caller(struct caller *caller) {
    while (sem_wait(&caller->done))
        continue;
    start_trace();
    cr_assert_eq(counted("by frame").calls, 0u);
    tell_to_call(caller, 7);
    cr_assert_eq(counted("by frame").calls, 7u);
    gate_trace_stop();
    tell_to_call(caller, 3);
    cr_assert_eq(counted("by frame").calls, 7u);
    start_trace();
    tell_to_call(caller, 2);
    cr_assert_eq(counted("by frame").calls, 2u);
    gate_trace_stop();
}

Test(trace, counts_calls_by_frame_of_a_thread_that_made_some_before) {
    struct caller caller;
    pthread_t thread;
    if (!has_frames())
        return;
    begin_caller(&caller);
    cr_assert_eq(pthread_create(&thread, NULL, call_by_frame_when_told, &caller), 0);
    trace_caller(&caller);
    tell_to_call(&caller, 0);
    pthread_join(thread, NULL);
}

Test(trace, counts_calls_by_frame_of_a_task_that_made_some_before) {
    struct caller caller;
    if (!has_frames())
        return;
    begin_caller(&caller);
    gate_runtime *runtime = start(2);
    gate_task *task = spawn("caller", call_by_frame_when_told, &caller);
    trace_caller(&caller);
    tell_to_call(&caller, 0);
    join(task);
    stop(runtime);
}

static void *call_by_frame_once(void *unused) {
    gate_function function = make_function("int (int)", address_of(add_one), "once");
    gate_frame *frame = make_frame(&function);
    if (frame)
        gate_call_frame(frame);
    free(frame);
    free_function(function);
    return unused;
}

/* What is kept of a task for the next spawn is from the time before. */
Test(trace, counts_calls_by_frame_of_a_task_on_the_stack_of_one_that_ended_before) {
    gate_runtime *runtime = start(1);
    unsigned expected = has_frames();
    join(spawn("before", call_by_frame_once, NULL));
    start_trace();
    join(spawn("within", call_by_frame_once, NULL));
    cr_assert_eq(counted("once").calls, expected);
    gate_trace_stop();
    join(spawn("after", call_by_frame_once, NULL));
    cr_assert_eq(counted("once").calls, expected);
    stop(runtime);
}

static void *compare_floor(void *result) {
    gate_task *self = gate_task_current();
    *(bool *)result = atomic_load(&self->floor) == self->stack.base;
    return NULL;
}

Test(trace, leaves_tasks_their_short_way_when_it_has_stopped) {
    bool before, within, after;
    gate_runtime *runtime = start(1);
    join(spawn("before", compare_floor, &before));
    start_trace();
    join(spawn("within", compare_floor, &within));
    gate_trace_stop();
    join(spawn("after", compare_floor, &after));
    stop(runtime);
    cr_assert(!within);
    cr_assert_eq(after, before);
}

/* Each way that calls by value and by frame have, of the classes default and leaf */

struct two {
    long a, b;
};

static long add_longs(long a, long b) {
    return a + b;
}

static double add_doubles(double a, double b) {
    return a + b;
}

static double add_both(int a, double b) {
    return a + b;
}

static struct two join_doubles(double a, double b) {
    return (struct two){(long)a, (long)b};
}

static long add_six(long a, long b, long c, long d, long e, long f) {
    return a + b + c + d + e + f;
}

static long add_eight(long a, long b, long c, long d, long e, long f, long g, long h) {
    return add_six(a, b, c, d, e, f) + g + h;
}

static double add_nine(double a, double b, double c, double d, double e, double f, double g, double h, double i) {
    return a + b + c + d + e + f + g + h + i;
}

static long double double_it(long double x) {
    return x + x;
}

static const struct way {
    const char *type;
    void (*address)(void);
    const char *name;
} ways[] = {
    {"int (int)", address_of(add_one), "add_one"},
    {"long (long, long)", address_of(add_longs), "add_longs"},
    {"double (double, double)", address_of(add_doubles), "add_doubles"},
    {"double (int, double)", address_of(add_both), "add_both"},
    {"struct { long a, b; } (double, double)", address_of(join_doubles), "join_doubles"},
    {"long (long, long, long, long, long, long)", address_of(add_six), "add_six"},
    {"long (long, long, long, long, long, long, long, long)", address_of(add_eight), "add_eight"},
    {"double (double, double, double, double, double, double, double, double, double)", address_of(add_nine),
     "add_nine"},
    {"long double (long double)", address_of(double_it), "double_it"},
};

/* All arguments are zero. */
static void call_by_value(const gate_function *function) {
    static const long double zero;
    void *arguments[9];
    long double result;
    for (int i = 0; i < 9; i++)
        arguments[i] = (void *)(uintptr_t)&zero;
    cr_assert_eq(gate_call(function, &result, arguments), 0);
}

static void call_by_value_and_by_frame(const gate_function *function, gate_frame *frame, unsigned more) {
    uint64_t before = counted(function->name).calls;
    call_by_value(function);
    cr_assert_eq(counted(function->name).calls, before + more, "%s by value, class %d", function->name,
                 function->call_class);
    if (frame)
        cr_assert_eq(gate_call_frame(frame), 0);
    cr_assert_eq(counted(function->name).calls, before + more + (frame ? more : 0), "%s by frame, class %d",
                 function->name, function->call_class);
}

static void call_way(const struct way *way, enum gate_call_class class) {
    gate_function function = make_function(way->type, way->address, way->name);
    function.call_class = class;
    gate_frame *frame = make_frame(&function);
    call_by_value_and_by_frame(&function, frame, 0);
    start_trace();
    call_by_value_and_by_frame(&function, frame, 1);
    gate_trace_stop();
    call_by_value_and_by_frame(&function, frame, 0);
    free(frame);
    free_function(function);
}

static void *call_each_way(void *unused) {
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        call_way(&ways[i], GATE_CALL_DEFAULT);
        call_way(&ways[i], GATE_CALL_LEAF);
    }
    return unused;
}

Test(trace, counts_calls_by_each_way_of_tasks) {
    run_task(call_each_way, NULL);
    run_root(call_each_way);
}

Test(trace, counts_calls_by_each_way_of_a_thread_that_no_runtime_knows) {
    call_each_way(NULL);
}

static void *call_async(void *unused) {
    gate_function function = make_function("int (int)", address_of(add_one), "async");
    int x = 1;
    void *arguments[] = {&x};
    gate_future *future;
    start_trace();
    cr_assert_eq(gate_call_async(&function, arguments, NULL, &future, NULL), 0);
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), 0);
    gate_trace_stop();
    gate_future_free(future);
    free_function(function);
    cr_assert_eq(counted("async").calls, 1u);
    return unused;
}

Test(trace, counts_asynchronous_calls) {
    run_task(call_async, NULL);
}

static void *call_with_a_name_that_goes(void *unused) {
    char *name = strdup("short-lived");
    gate_signature *signature = parse("int (int)");
    gate_function *function = malloc(sizeof *function);
    int x = 1;
    void *arguments[] = {&x};
    *function = (gate_function){.signature = signature, .address = address_of(add_one), .name = name};
    start_trace();
    gate_call(function, NULL, arguments);
    memset(name, 'x', strlen(name));
    free(name);
    free(function);
    gate_signature_free(signature);
    gate_trace_stop();
    cr_assert_eq(counted("short-lived").calls, 1u);
    return unused;
}

Test(trace, has_a_copy_of_the_name_of_a_function_that_is_gone) {
    run_task(call_with_a_name_that_goes, NULL);
}

/* Sessions */

Test(trace, that_is_on_cannot_be_started_and_a_stop_keeps_what_was_counted_until_the_next_start) {
    gate_error error;
    gate_trace_stop();
    start_trace();
    cr_assert_eq(gate_trace_start(NULL, &error), -EALREADY);
    cr_assert_str_eq(error.message, "calls are being traced already");
    call("counted", address_of(add_one), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    gate_trace_stop();
    call("counted", address_of(add_one), GATE_CALL_DEFAULT, 1);
    cr_assert_eq(counted("counted").calls, 1u);
    start_trace();
    cr_assert_eq(counted("counted").calls, 0u);
    gate_trace_stop();
}

static int start_within(int x) {
    start_trace();
    return x;
}

static int stop_within(int x) {
    gate_trace_stop();
    return x;
}

static int start_anew_within(int x) {
    stop_within(x);
    return start_within(x);
}

Test(trace, does_not_count_a_call_that_is_in_progress_at_its_start_or_its_stop) {
    call("starts", address_of(start_within), GATE_CALL_DEFAULT, 1);
    call("starts anew", address_of(start_anew_within), GATE_CALL_DEFAULT, 1);
    cr_assert_eq(counted("starts anew").calls, 0u);
    call("stops", address_of(stop_within), GATE_CALL_DEFAULT, 1);
    cr_assert_eq(counted("starts").calls, 0u);
    cr_assert_eq(counted("stops").calls, 0u);
}

/* Times, callbacks and lost slots */

static gate_runtime *host;
static gate_callback *back;

static int call_back(int x) {
    return ((int_to_int)gate_callback_address(back))(x);
}

static int sleep_in_handler(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    (void)result;
    call("inner", address_of(pause_ms), GATE_CALL_BLOCKING, *(int *)arguments[0]);
    return 0;
}

static void *call_and_be_called(void *unused) {
    start_trace();
    call("outer", address_of(call_back), GATE_CALL_DEFAULT, 5);
    call("outer", address_of(call_back), GATE_CALL_DEFAULT, 20);
    gate_trace_stop();
    return unused;
}

static void run_with_callback(gate_task_main body, gate_handler handler) {
    gate_signature *signature = parse("int (int)");
    struct gate_callback_config config = {.signature = signature, .handler = handler, .name = "the handler"};
    host = start(1);
    cr_assert_eq(gate_callback_make(host, &config, &back, NULL), 0);
    join(spawn("only", body, NULL));
    cr_assert_eq(gate_callback_free(back), 0);
    stop(host);
    gate_signature_free(signature);
}

Test(trace, tells_times_and_what_of_them_was_in_callbacks) {
    enum { MS = 1000 * 1000 };
    run_with_callback(call_and_be_called, sleep_in_handler);
    struct gate_trace_info outer = counted("outer"), inner = counted("inner");
    struct gate_trace_info handler = counted_of(GATE_TRACE_CALLBACKS, "the handler");
    cr_assert_eq(outer.calls, 2u);
    cr_assert_eq(outer.callbacks, 2u);
    cr_assert_eq(handler.calls, 2u);
    cr_assert_eq(inner.calls, 2u);
    cr_assert_geq(inner.nanoseconds, 25u * MS);
    cr_assert_geq(inner.most, 20u * MS);
    cr_assert_geq(inner.p50, 5u * MS / 32 * 31);
    cr_assert_lt(inner.p50, inner.most);
    cr_assert_geq(inner.p99, inner.most / 32 * 31);
    cr_assert_geq(handler.nanoseconds, inner.nanoseconds);
    cr_assert_eq(outer.callback_nanoseconds, handler.nanoseconds);
    cr_assert_geq(outer.nanoseconds, outer.callback_nanoseconds);
    cr_assert_eq(inner.callbacks + inner.callback_nanoseconds + handler.callbacks, 0u);
    cr_assert(handler.address == (const void *)(uintptr_t)sleep_in_handler);
}

Test(trace, counts_a_lost_slot_for_the_call_that_lost_it_and_not_for_those_around) {
    run_with_callback(call_and_be_called, sleep_in_handler);
    cr_assert_eq(counted("inner").handoffs, 2u);
    cr_assert_eq(counted("outer").handoffs, 0u);
}

/* It gives its slot up on the way in, loses none in the handler's calls, and then one more behind it. */
static int call_back_and_pause(int x) {
    call_back(x);
    return pause_ms(x);
}

static void *call_back_and_block(void *unused) {
    start_trace();
    call("outer", address_of(call_back_and_pause), GATE_CALL_BLOCKING, 300);
    gate_trace_stop();
    return unused;
}

static void *tick(void *is_over) {
    while (!atomic_load((_Atomic bool *)is_over))
        gate_task_yield();
    return NULL;
}

static _Atomic bool ticking_is_over;

static int begin_ticking(void *unused, void *result, void *const arguments[]) {
    (void)arguments;
    (void)result;
    gate_task_detach(spawn("ticks", tick, &ticking_is_over));
    return unused != NULL;
}

static void *call_back_and_lose(void *unused) {
    call_back_and_block(unused);
    atomic_store(&ticking_is_over, true);
    gate_task_yield();
    gate_task_yield();
    return unused;
}

Test(trace, counts_the_slots_that_a_call_loses_before_and_behind_its_callback) {
    run_with_callback(call_back_and_lose, begin_ticking);
    cr_assert_eq(counted("outer").handoffs, 2u);
    cr_assert_eq(counted("outer").callbacks, 1u);
}

static void *call_short(void *unused) {
    start_trace();
    for (int i = 0; i < 100; i++) {
        call("short", address_of(add_one), GATE_CALL_DEFAULT, i);
        call("leaf", address_of(add_one), GATE_CALL_LEAF, i);
        call("blocking", address_of(add_one), GATE_CALL_BLOCKING, i);
    }
    gate_trace_stop();
    cr_assert_eq(counted("leaf").handoffs, 0u);
    cr_assert_eq(counted("blocking").handoffs, 100u);
    cr_assert_eq(counted("short").handoffs, 0u);
    return unused;
}

Test(trace, counts_no_lost_slot_for_calls_that_keep_it) {
    run_task(call_short, NULL);
}

static void *call_back_on_thread(void *unused) {
    call_back(1);
    return unused;
}

static int do_nothing(void *unused, void *result, void *const arguments[]) {
    (void)result;
    (void)arguments;
    return unused != NULL;
}

static void *be_called_from_elsewhere(void *unused) {
    pthread_t thread;
    start_trace();
    cr_assert_eq(pthread_create(&thread, NULL, call_back_on_thread, NULL), 0);
    call("waits", address_of(pause_ms), GATE_CALL_BLOCKING, 1);
    while (!counted_of(GATE_TRACE_CALLBACKS, "the handler").calls)
        block_ms(1);
    pthread_join(thread, NULL);
    gate_trace_stop();
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "the handler").calls, 1u);
    cr_assert_eq(counted("waits").callbacks, 0u);
    return unused;
}

Test(trace, counts_callbacks_on_threads_of_cs_own_and_for_no_call) {
    run_with_callback(be_called_from_elsewhere, do_nothing);
}

/* The first callback of a task opens a short way for the next ones: closed while they are watched, and opened again. */

static unsigned handled;

static int start_at_the_third(void *unused, void *result, void *const arguments[]) {
    (void)result;
    (void)arguments;
    if (++handled == 3)
        start_trace();
    return unused != NULL;
}

static int call_back_five_times(int x) {
    for (int i = 0; i < 5; i++)
        call_back(x);
    return x;
}

static void *call_back_around_a_trace(void *unused) {
    const gate_task *self = gate_task_current();
    call("before", address_of(call_back_five_times), GATE_CALL_DEFAULT, 1);
    call("within", address_of(call_back_five_times), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    call("after", address_of(call_back_five_times), GATE_CALL_DEFAULT, 1);
    cr_assert_eq(atomic_load(&self->short_way) != 0, gate__foreign_is_plain());
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "the handler").calls, 2u + 5u);
    cr_assert_eq(counted("within").callbacks, 5u);
    return unused;
}

Test(trace, counts_callbacks_of_a_task_whose_callbacks_had_a_short_way) {
    handled = 0;
    run_with_callback(call_back_around_a_trace, start_at_the_third);
}

/* A thread that no runtime knows calls C, which calls back. */
static void *call_plainly(void *unused) {
    call("plain", address_of(call_back), GATE_CALL_DEFAULT, 1);
    return unused;
}

static void *start_a_plain_caller(void *unused) {
    pthread_t thread;
    start_trace();
    cr_assert_eq(pthread_create(&thread, NULL, call_plainly, NULL), 0);
    while (!counted("plain").calls)
        block_ms(1);
    pthread_join(thread, NULL);
    gate_trace_stop();
    cr_assert_eq(counted("plain").callbacks, 1u);
    return unused;
}

Test(trace, counts_a_callback_for_a_call_on_a_thread_that_was_adopted_in_it) {
    run_with_callback(start_a_plain_caller, do_nothing);
}

/* The handler of the thread's own task waits while a guest of that thread has C call back, by no gate_call. */

static void call_back_once(void *unused) {
    (void)unused;
    call_back(0);
}

static void *be_called_as_guest(void *root) {
    gate_task_enter_main();
    gate__foreign_call(call_back_once, NULL);
    gate_task_leave_main();
    gate_task_ready(root);
    return NULL;
}

static int wait_for_guest(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result;
    if (*(int *)arguments[0])
        gate_task_park("a guest");
    return 0;
}

Test(trace, counts_no_callback_of_a_guest_for_the_call_below_whose_handler_its_thread_waits) {
    gate_signature *signature = parse("int (int)");
    host = start(1);
    back = make_callback(host, signature, wait_for_guest, NULL);
    start_trace();
    gate_task *guest = spawn("guest", be_called_as_guest, gate_task_current());
    call("waits", address_of(call_back), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    join(guest);
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "a callback").calls, 2u);
    cr_assert_eq(counted("waits").callbacks, 1u);
    cr_assert_eq(gate_callback_free(back), 0);
    stop(host);
    gate_signature_free(signature);
}

/* Its handler has C call back, too, by no gate_call. */
static int call_back_again(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result;
    if (*(int *)arguments[0])
        gate__foreign_call(call_back_once, NULL);
    return 0;
}

static void *lose_one_slot(void *unused) {
    start_trace();
    call("blocking", address_of(call_back), GATE_CALL_BLOCKING, 1);
    gate_trace_stop();
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "the handler").calls, 2u);
    cr_assert_eq(counted("blocking").callbacks, 1u);
    cr_assert_eq(counted("blocking").handoffs, 1u);
    return unused;
}

Test(trace, counts_for_a_call_what_it_lost_and_called_back_by_itself) {
    run_with_callback(lose_one_slot, call_back_again);
}

/* Two runtimes on one thread: the call is of one, the callback of the other, whose handler calls C itself. */

static int call_in_second(void *unused, void *result, void *const arguments[]) {
    (void)result;
    (void)arguments;
    call("in second", address_of(add_one), GATE_CALL_DEFAULT, 1);
    return unused != NULL;
}

static void wait_to_go(void *caller) {
    while (sem_wait(&((struct caller *)caller)->go))
        continue;
}

static void *run_second(void *data) {
    struct caller *caller = data;
    host = start(1);
    gate_signature *signature = parse("int (int)");
    struct gate_callback_config config = {.signature = signature, .handler = call_in_second, .name = "second's"};
    cr_assert_eq(gate_callback_make(host, &config, &back, NULL), 0);
    sem_post(&caller->done);
    gate__foreign_call(wait_to_go, caller);
    cr_assert_eq(gate_callback_free(back), 0);
    stop(host);
    gate_signature_free(signature);
    return NULL;
}

static void *call_from_first(void *unused) {
    start_trace();
    call("in first", address_of(call_back), GATE_CALL_DEFAULT, 1);
    gate_trace_stop();
    return unused;
}

Test(trace, counts_a_callback_of_one_runtime_for_the_call_of_another) {
    struct caller caller;
    pthread_t thread;
    begin_caller(&caller);
    cr_assert_eq(pthread_create(&thread, NULL, run_second, &caller), 0);
    while (sem_wait(&caller.done))
        continue;
    run_task(call_from_first, NULL);
    sem_post(&caller.go);
    pthread_join(thread, NULL);
    cr_assert_eq(counted("in first").callbacks, 1u);
    cr_assert_eq(counted("in first").handoffs, 1u, "it gave its slot up for the other's handler");
    cr_assert_eq(counted("in second").calls, 1u);
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "second's").calls, 1u);
}

/* Many at once */

enum { CALLERS = 4, CALLS = 2000 };

static void *call_many(void *unused) {
    for (int i = 0; i < CALLS; i++)
        call("one of many", address_of(add_one), GATE_CALL_DEFAULT, i);
    return unused;
}

static void *call_many_in_runtime(void *unused) {
    run_tasks(call_many, 2);
    return unused;
}

static void run_callers(gate_task_main body, void (*meanwhile)(void)) {
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, body, NULL), 0);
    if (meanwhile)
        meanwhile();
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

Test(trace, counts_all_calls_of_threads_and_of_runtimes_at_once) {
    start_trace();
    run_callers(call_many, NULL);
    run_callers(call_many_in_runtime, NULL);
    gate_trace_stop();
    cr_assert_eq(counted("one of many").calls, (uint64_t)CALLERS * CALLS * 3);
}

static void start_and_stop(void) {
    gate_trace_start(NULL, NULL);
    gate_trace_stop();
}

static void *start_and_stop_on_thread(void *unused) {
    for (int i = 0; i < 50; i++)
        start_and_stop();
    return unused;
}

static void start_stop_and_look(void) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, start_and_stop_on_thread, NULL), 0);
    start_and_stop_on_thread(NULL);
    pthread_join(thread, NULL);
    start_trace();
    counted("one of many");
    gate_trace_stop();
}

Test(trace, may_start_and_stop_in_any_thread_while_others_call) {
    run_callers(call_many_in_runtime, start_stop_and_look);
}

/* Two threads that start and stop once in each round, both at the same time. */
enum { ROUNDS = 2000 };
static _Atomic unsigned rounds_begun, rounds_ended;

static void *take_part(void *unused) {
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&rounds_begun) < i)
            gate__os_relax();
        start_and_stop();
        atomic_store(&rounds_ended, i);
    }
    return unused;
}

Test(trace, that_two_threads_start_and_stop_at_once_is_off_then) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, take_part, NULL), 0);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        atomic_store(&rounds_begun, i);
        start_and_stop();
        while (atomic_load(&rounds_ended) < i)
            gate__os_relax();
        cr_assert(!gate__foreign_is_watched());
    }
    pthread_join(thread, NULL);
}

/* Tracers of the system's */

static gate_function seeing;

/* Such a call sees what a tracer has done. */
static void see(void) {
    int x = 1;
    cr_assert_eq(gate_call(&seeing, NULL, (void *[]){&x}), 0);
}

static bool comes_late; /* the call has told already that there is no tracer any more */

/* A tracer comes, and another call sees no change. */
static void come_and_see(void) {
    atomic_store(&gate__os_watch.by.tracers, 1);
    comes_late = !(atomic_load(&gate__os_watch.by.reasons) & GATE__WATCH_TRACERS);
    if (!comes_late)
        see();
}

static void let_tracers(unsigned count) {
    atomic_store(&gate__os_watch.by.tracers, (uint16_t)count);
    see();
}

Test(trace, sees_a_tracer_go_that_came_when_another_ones_end_was_about_to_be_told) {
    if (!has_steps_for_locks())
        return;
    seeing = make_function("int (int)", address_of(add_one), "sees");
    comes_late = false;
    for (unsigned steps = 1; !comes_late; steps++) {
        let_tracers(1);
        atomic_store(&gate__os_watch.by.tracers, 0);
        cr_assert(comes_behind(steps, come_and_see, see));
        cr_assert(none_is_watched(), "behind step %u", steps);
        let_tracers(0);
        cr_assert(!none_is_watched(), "behind step %u", steps);
    }
    free_function(seeing);
}

/* Two watches, the host's and that of a tracer of the system's: at each turn both begin or end, at the same time, but for
 * each fifth, at which the tracer stays as it is. A thread that no runtime knows calls by frame all the time. */
enum { TURNS = 500 };
static _Atomic unsigned turn, tracers_turn;
static atomic_bool ends;

static bool has_tracer(unsigned at) {
    return (at + at / 5) % 2;
}

static void *trace_in_turns(void *unused) {
    for (unsigned i = 1; i <= TURNS; i++) {
        while (atomic_load(&turn) < i)
            gate__os_relax();
        let_tracers(has_tracer(i));
        atomic_store(&tracers_turn, i);
    }
    return unused;
}

static void *call_by_frame_until_the_end(void *unused) {
    gate_function function = make_function("int (int)", address_of(add_one), "meanwhile");
    gate_frame *frame = make_frame(&function);
    while (!atomic_load(&ends))
        gate_call_frame(frame);
    free(frame);
    free_function(function);
    return unused;
}

static void take_turn(unsigned i, gate_frame *frame) {
    bool starts = i % 2;
    atomic_store(&turn, i);
    if (starts)
        start_trace();
    else
        gate_trace_stop();
    gate_call_frame(frame);
    cr_assert_eq(counted("checked").calls, 1u, "turn %u", i);
    while (atomic_load(&tracers_turn) < i)
        gate__os_relax();
    cr_assert(!starts || none_is_watched(), "turn %u", i);
    cr_assert(!has_tracer(i) || none_is_watched(), "turn %u", i);
    wait_until(none_is_watched() == (starts || has_tracer(i)));
}

Test(trace, and_a_tracer_may_begin_and_end_at_once_while_a_thread_that_no_runtime_knows_calls_by_frame) {
    pthread_t tracer, caller;
    if (!has_frames())
        return;
    gate_function function = make_function("int (int)", address_of(add_one), "checked");
    gate_frame *frame = make_frame(&function);
    seeing = make_function("int (int)", address_of(add_one), "sees");
    cr_assert_eq(pthread_create(&tracer, NULL, trace_in_turns, NULL), 0);
    cr_assert_eq(pthread_create(&caller, NULL, call_by_frame_until_the_end, NULL), 0);
    for (unsigned i = 1; i <= TURNS; i++)
        take_turn(i, frame);
    atomic_store(&ends, true);
    pthread_join(caller, NULL);
    pthread_join(tracer, NULL);
    cr_assert(!gate__foreign_is_watched());
    free(frame);
    free_function(function);
    free_function(seeing);
}

/* Forks */

static int count_in_child(void) {
    bool begins_empty = counted("before").calls == 0;
    call("within", address_of(add_one), GATE_CALL_DEFAULT, 1);
    bool counts = counted("within").calls == 1;
    gate_trace_stop();
    start_trace();
    gate_trace_stop();
    return begins_empty && counts ? WELL : 1;
}

static pid_t child;

static int fork_within(int x) {
    child = fork_guarded();
    return x;
}

Test(trace, begins_empty_in_a_forks_child_and_goes_on_counting_there) {
    start_trace();
    call("before", address_of(add_one), GATE_CALL_DEFAULT, 1);
    call("forks", address_of(fork_within), GATE_CALL_DEFAULT, 1);
    if (child == 0)
        _exit(counted("forks").calls == 0 ? count_in_child() : 1);
    assert_well(child);
    gate_trace_stop();
    cr_assert_eq(counted("before").calls, 1u);
    cr_assert_eq(counted("forks").calls, 1u);
    cr_assert_eq(counted("within").calls, 0u);
}

static _Atomic bool is_held_over;

static void *hold_sessions(void *unused) {
    while (!atomic_load(&is_held_over)) {
        gate__trace_hold_session();
        gate__trace_let_session_go();
    }
    return unused;
}

Test(trace, can_be_started_in_a_forks_child_whatever_other_threads_were_doing_with_it) {
    pthread_t thread;
    if (!MAY_FORK_BUSY)
        return;
    cr_assert_eq(pthread_create(&thread, NULL, hold_sessions, NULL), 0);
    for (int i = 0; i < 50; i++) {
        pid_t each = fork_guarded();
        if (each == 0) {
            gate_error error;
            int failed = gate_trace_start(NULL, &error);
            _exit(failed ? 1 : WELL);
        }
        assert_well(each);
    }
    atomic_store(&is_held_over, true);
    pthread_join(thread, NULL);
}

/* What GATE_DEBUG asks for */

static void *call_some(void *unused) {
    call("some function", address_of(pause_ms), GATE_CALL_BLOCKING, 2);
    call("some function", address_of(pause_ms), GATE_CALL_BLOCKING, 3);
    call("another", address_of(add_one), GATE_CALL_DEFAULT, 0);
    return unused;
}

static char file_name[64];

static void run_with_setting(void *setting) {
    setenv("GATE_DEBUG", setting, 1);
    setenv("GATE_TRACE_FILE", file_name, 1);
    gate__init_read_settings();
    gate__foreign_init();
    run_task(call_some, NULL);
    exit(0);
}

Test(trace, reports_at_exit_what_calls_took_if_a_setting_asks) {
    static char output[16 * 1024];
    cr_assert_eq(dies(run_with_setting, (void *)(uintptr_t) "callstats=1", output, sizeof output), 0, "%s", output);
    const char *head = strstr(output, "callgate: calls of process ");
    cr_assert_not_null(head, "%s", output);
    const char *columns = strchr(head, '\n') + 1, *first = strchr(columns, '\n') + 1, *second = strchr(first, '\n') + 1;
    unsigned long long calls, handoffs, callbacks;
    double total, p50, p99, most;
    char name[64];
    cr_assert_eq(sscanf(first, "%llu %lf %lf %lf %lf %llu %llu  %63[^\n]", &calls, &total, &p50, &p99, &most, &handoffs,
                        &callbacks, name),
                 8, "%s", output);
    cr_assert_str_eq(name, "some function");
    cr_assert(calls == 2 && handoffs == 2 && callbacks == 0 && total >= 5 && p50 >= 1900 && p99 >= 2900 && most >= 3000,
              "%s", output);
    cr_assert_not_null(strstr(second, "  another\n"), "%s", output);
}

/* Bytes; the file is gone then. */
static size_t take_file(const char *suffix) {
    char name[96], text[16];
    snprintf(name, sizeof name, "%s%s", file_name, suffix);
    FILE *file = fopen(name, "r");
    size_t size = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    unlink(name);
    return size;
}

Test(trace, writes_a_file_at_exit_if_a_setting_asks) {
    static char output[16 * 1024];
    snprintf(file_name, sizeof file_name, "/tmp/callgate-test-trace-%d", (int)getpid());
    cr_assert_eq(dies(run_with_setting, (void *)(uintptr_t) "chrometrace=1", output, sizeof output), 0, "%s", output);
    cr_assert_gt(take_file(""), 0u);
    cr_assert_null(strstr(output, "calls of process"), "%s", output);
    snprintf(file_name, sizeof file_name, "/nowhere/at/all");
    dies(run_with_setting, (void *)(uintptr_t) "chrometrace=1", output, sizeof output);
    cr_assert_not_null(
        strstr(output,
               "callgate: GATE_DEBUG=chrometrace: '/nowhere/at/all' can't be written: No such file or directory\n"),
        "%s", output);
}

/* Tells its child's number. */
static void fork_with_settings(void *unused) {
    (void)unused;
    setenv("GATE_DEBUG", "callstats=1,chrometrace=1", 1);
    setenv("GATE_TRACE_FILE", file_name, 1);
    gate__init_read_settings();
    gate__foreign_init();
    run_task(call_some, NULL);
    child = fork_guarded();
    if (child == 0) {
        call("the child's", address_of(add_one), GATE_CALL_DEFAULT, 0);
    } else {
        waitpid(child, NULL, 0);
        fprintf(stderr, "the child is %d\n", (int)child);
    }
    exit(0);
}

Test(trace, of_a_forks_child_is_reported_and_written_by_itself) {
    static char output[16 * 1024];
    char suffix[16];
    int number;
    snprintf(file_name, sizeof file_name, "/tmp/callgate-test-trace-%d", (int)getpid());
    cr_assert_eq(dies(fork_with_settings, NULL, output, sizeof output), 0, "%s", output);
    const char *own = strstr(output, "calls of process "), *others = own ? strstr(own, "the child is ") : NULL;
    cr_assert_not_null(others, "%s", output);
    cr_assert_eq(sscanf(others, "the child is %d", &number), 1);
    cr_assert_eq(atoi(own + strlen("calls of process ")), number);
    const char *calls = strstr(own, "the child's");
    cr_assert(calls && calls < others, "%s", output);
    cr_assert_gt(strstr(own, "some function"), others, "%s", output);
    cr_assert_null(strstr(others, "the child's"), "%s", output);
    snprintf(suffix, sizeof suffix, ".%d", number);
    cr_assert_gt(take_file(suffix), 0u);
    cr_assert_gt(take_file(""), 0u);
}
