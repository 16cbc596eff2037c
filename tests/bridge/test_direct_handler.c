/* Direct handlers: functions of the callback's own type, whichever way it comes. The first callback of a task takes the
 * long way, the next ones the short one. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/bridge.h"

static gate_runtime *host;

static gate_callback *make_direct(const gate_signature *signature, void (*handler)(void), void *pointer) {
    gate_callback *callback;
    gate_error error;
    struct gate_callback_config config = {.signature = signature, .direct = handler, .host = pointer, .name = "direct"};
    cr_assert_eq(gate_callback_make(host, &config, &callback, &error), 0, "%s", error.message);
    return callback;
}

static void free_direct(gate_callback *callback) {
    cr_assert_eq(gate_callback_free(callback), 0);
}

/* Runs C from a root task and from one with a stack of its own. */
static void run_everywhere(gate_task_main body) {
    host = start(2);
    body(NULL);
    join(spawn("calls back", body, NULL));
    stop(host);
}

/* All registers */

#define TYPES                                                                                                         \
    long, int, signed char, const char *, unsigned char, long, double, float, double, double, double, double, double, \
        float
static const char types[] =
    "(long, int, signed char, const char *, unsigned char, long, double, float, double, double, "
    "double, double, double, float)";
#define VALUES -1, -2, -3, "text", 200, 1L << 40, 1.5, 2.5f, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5f

static double mix(long a, int b, signed char c, const char *d, unsigned char e, long f, double g, float h, double i,
                  double j, double k, double l, double m, float n) {
    double words = (double)(a + 2 * b + 3 * c + 4 * (long)strlen(d) + 5 * e + f / (1L << 38));
    return words + 10 * g + 20 * (double)h + 30 * i + 40 * j + 50 * k + 60 * l + 70 * m + 80 * (double)n;
}

static double mix_as_handler(TYPES);
static double mix_as_handler(long a, int b, signed char c, const char *d, unsigned char e, long f, double g, float h,
                             double i, double j, double k, double l, double m, float n) {
    cr_assert_eq(gate_callback_host(), &host);
    cr_assert_not_null(gate__m()->slot);
    return mix(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}

enum { TIMES = 5 };
static useconds_t pause_of_c;

/* C calls back some times, and lasts so long before each. */
static double call_mix(double (*function)(TYPES)) {
    double sum = 0;
    for (int i = 0; i < TIMES; i++) {
        usleep(pause_of_c);
        sum += function(VALUES);
    }
    return sum;
}

static void *call_with_all(void *unused) {
    char text[160];
    snprintf(text, sizeof text, "double %s", types);
    gate_signature *signature = parse(text);
    gate_callback *callback = make_direct(signature, address_of(mix_as_handler), &host);
    gate_function function = make_function("double (void *)", address_of(call_mix), "call_mix");
    void (*address)(void) = gate_callback_address(callback);
    double sum = 0;
    cr_assert_eq(gate_call(&function, &sum, (void *[]){&address}), 0);
    cr_assert_eq(sum, TIMES * mix(VALUES));
    cr_assert_eq(((double (*)(TYPES))address)(VALUES), mix(VALUES), "interpreter code calls it");
    free_direct(callback);
    free_function(function);
    gate_signature_free(signature);
    return unused;
}

Test(direct_handler, finds_all_arguments_in_their_registers) {
    pause_of_c = 0;
    run_everywhere(call_with_all);
}

Test(direct_handler, finds_them_when_the_call_has_lost_its_slot) {
    pause_of_c = 2000;
    host = start(1);
    gate_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("calls back", call_with_all, NULL);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    stop(host);
}

static void *call_from_thread(void *address) {
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(((double (*)(TYPES))(uintptr_t)address)(VALUES), mix(VALUES));
    return NULL;
}

Test(direct_handler, runs_on_threads_that_c_has_made) {
    host = start(1);
    char text[160];
    snprintf(text, sizeof text, "double %s", types);
    gate_signature *signature = parse(text);
    gate_callback *callback = make_direct(signature, address_of(mix_as_handler), &host);
    void *address = (void *)(uintptr_t)gate_callback_address(callback);
    gate_function join_function =
        make_function("int (unsigned long, void *)", address_of(pthread_join), "pthread_join");
    pthread_t thread;
    void *none = NULL;
    int failed;
    cr_assert_eq(pthread_create(&thread, NULL, call_from_thread, address), 0);
    cr_assert_eq(gate_call(&join_function, &failed, (void *[]){&thread, &none}), 0);
    cr_assert_eq(failed, 0);
    free_direct(callback);
    free_function(join_function);
    gate_signature_free(signature);
    stop(host);
}

/* More arguments than the smallest stack has room for: they lie where C put them, and once more below the handler's. */

struct heap {
    long of[2000];
};

static long last_of(struct heap heap) {
    return heap.of[1999];
}

static long call_with_heap(long (*function)(struct heap)) {
    struct heap heap = {.of[1999] = 7};
    return function(heap);
}

static void *call_with_many(void *unused) {
    gate_signature *signature = parse("long (struct heap { long of[2000]; })");
    gate_callback *callback = make_direct(signature, address_of(last_of), NULL);
    gate_function function = make_function("long (void *)", address_of(call_with_heap), "call_with_heap");
    void (*address)(void) = gate_callback_address(callback);
    long last = 0;
    cr_assert_eq(gate_call(&function, &last, (void *[]){&address}), 0);
    cr_assert_eq(last, 7);
    free_direct(callback);
    free_function(function);
    gate_signature_free(signature);
    return unused;
}

static void call_with_many_on_the_smallest_stack(void *unused) {
    struct gate_task_config config = {
        .main = call_with_many, .name = "small", .stack_size = GATE__STACK_LEAST, .argument = unused};
    gate_task *task;
    host = start(1);
    cr_assert_eq(gate_task_spawn(host, &config, &task), 0);
    join(task);
}

Test(direct_handler, has_as_many_arguments_as_the_tasks_stack_has_room_for) {
    run_everywhere(call_with_many);
    cr_assert_dies_with(call_with_many_on_the_smallest_stack, NULL, "task small (#2) overflowed its 16 KiB stack");
}

/* Results */

struct words {
    long a, b;
};
struct mixed {
    double x;
    long i;
};
struct large {
    long of[5];
};

static struct words turn_words(struct words of) {
    return (struct words){of.b, of.a};
}

static struct mixed turn_mixed(struct mixed of) {
    return (struct mixed){(double)of.i, (long)of.x};
}

static struct large turn_large(struct large of) {
    return (struct large){{of.of[4], of.of[3], of.of[2], of.of[1], of.of[0]}};
}

static long double halve(long double of) {
    return of / 2;
}

static int call_turns(struct words (*words)(struct words), struct mixed (*mixed)(struct mixed),
                      struct large (*large)(struct large), long double (*wide)(long double)) {
    for (long i = 0; i < TIMES; i++) {
        struct words w = words((struct words){i, 2});
        struct mixed m = mixed((struct mixed){3, i});
        struct large l = large((struct large){{1, 2, 3, 4, i}});
        if (w.a != 2 || w.b != i || m.x != (double)i || m.i != 3 || l.of[0] != i || l.of[4] != 1 || wide(i) != i / 2.0L)
            return (int)i;
    }
    return TIMES;
}

static void *call_for_results(void *unused) {
    static const char *const texts[] = {"struct w { long a, b; } (struct w)",
                                        "struct m { double x; long i; } (struct m)",
                                        "struct l { long of[5]; } (struct l)", "long double (long double)"};
    void (*const handlers[])(void) = {address_of(turn_words), address_of(turn_mixed), address_of(turn_large),
                                      address_of(halve)};
    gate_signature *signatures[4];
    gate_callback *callbacks[4];
    void (*addresses[4])(void);
    for (int i = 0; i < 4; i++) {
        signatures[i] = parse(texts[i]);
        callbacks[i] = make_direct(signatures[i], handlers[i], NULL);
        addresses[i] = gate_callback_address(callbacks[i]);
    }
    gate_function function =
        make_function("int (void *, void *, void *, void *)", address_of(call_turns), "call_turns");
    int times = 0;
    cr_assert_eq(gate_call(&function, &times, (void *[]){&addresses[0], &addresses[1], &addresses[2], &addresses[3]}),
                 0);
    cr_assert_eq(times, TIMES);
    for (int i = 0; i < 4; i++) {
        free_direct(callbacks[i]);
        gate_signature_free(signatures[i]);
    }
    free_function(function);
    return unused;
}

Test(direct_handler, returns_what_takes_two_registers_or_memory_or_the_x87) {
    run_everywhere(call_for_results);
}

/* What is asked of the slot while it runs: the way back to C is a longer one. */

static struct words be_asked(struct words of) {
    gate__foreign_ask(gate__m()->slot, GATE__POLL_YIELD);
    return turn_words(of);
}

static int call_asked(struct words (*function)(struct words)) {
    int good = 0;
    for (long i = 0; i < TIMES; i++) {
        struct words w = function((struct words){i, 2});
        good += w.a == 2 && w.b == i;
    }
    return good;
}

static void *call_when_asked(void *unused) {
    gate_signature *signature = parse("struct w { long a, b; } (struct w)");
    gate_callback *callback = make_direct(signature, address_of(be_asked), NULL);
    gate_function function = make_function("int (void *)", address_of(call_asked), "call_asked");
    void (*address)(void) = gate_callback_address(callback);
    int good = 0;
    cr_assert_eq(gate_call(&function, &good, (void *[]){&address}), 0);
    cr_assert_eq(good, TIMES);
    atomic_fetch_and(&gate__m()->slot->poll, ~(uint32_t)GATE__POLL_YIELD);
    free_direct(callback);
    free_function(function);
    gate_signature_free(signature);
    return unused;
}

Test(direct_handler, keeps_its_result_when_the_slot_is_asked_for) {
    run_everywhere(call_when_asked);
}

/* errno, and failure */

static int fails_at, handled;

static int fail_or_set_errno(int i) {
    errno = ERANGE;
    handled++;
    gate_callback_set_errno(EDOM + i);
    if (i == fails_at)
        gate_callback_fail(17);
    return i + 1;
}

static int look_at_errno(int (*function)(int)) {
    int sum = 0;
    for (int i = 0; i < TIMES; i++) {
        errno = EXDEV;
        sum += function(i) + 100 * (errno == EDOM + i);
    }
    return sum;
}

static void *fail_and_set_errno(void *unused) {
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_direct(signature, address_of(fail_or_set_errno), NULL);
    gate_function function = make_function("int (void *)", address_of(look_at_errno), "look_at_errno");
    void (*address)(void) = gate_callback_address(callback);
    for (fails_at = 0; fails_at <= TIMES; fails_at++) {
        int sum = -1;
        handled = 0;
        cr_assert_eq(gate_call(&function, &sum, (void *[]){&address}), fails_at < TIMES ? 17 : 0);
        cr_assert_eq(handled, fails_at < TIMES ? fails_at + 1 : TIMES, "those behind it do nothing");
        cr_assert_eq(sum, 100 * handled + handled * (handled + 1) / 2);
    }
    free_direct(callback);
    free_function(function);
    gate_signature_free(signature);
    return unused;
}

Test(direct_handler, sets_errno_and_fails_by_its_own_word) {
    run_everywhere(fail_and_set_errno);
}

/* Misuse */

static void ask_for_host_outside(void *unused) {
    (void)unused;
    host = start(1);
    gate_callback_host();
}

static void fail_outside(void *unused) {
    (void)unused;
    host = start(1);
    gate_callback_fail(1);
}

static void call_callback(struct gate_callback_config config) {
    gate_callback *callback;
    config.signature = parse("int (int)");
    config.name = "its name";
    host = start(1);
    if (gate_callback_make(host, &config, &callback, NULL) == 0)
        ((int (*)(int))gate_callback_address(callback))(1);
}

static int fail_with_zero(int i) {
    gate_callback_fail(0);
    return i;
}

static void fail_with_no_status(void *unused) {
    (void)unused;
    call_callback((struct gate_callback_config){.direct = address_of(fail_with_zero)});
}

static int fail_in_other_handler(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    gate_callback_fail(1);
    return 0;
}

static void fail_twice_over(void *unused) {
    (void)unused;
    call_callback((struct gate_callback_config){.handler = fail_in_other_handler});
}

Test(direct_handler, misuse_is_fatal_and_names_the_function) {
    cr_assert_dies_with(ask_for_host_outside, NULL, "gate_callback_host: called outside a handler");
    cr_assert_dies_with(fail_outside, NULL, "gate_callback_fail: called outside a handler");
    cr_assert_dies_with(fail_with_no_status, NULL, "gate_callback_fail: 'its name' failed with 0");
    cr_assert_dies_with(fail_twice_over, NULL, "gate_callback_fail: 'its name' has no direct handler");
}

Test(direct_handler, there_is_one_handler) {
    host = start(1);
    gate_signature *signature = parse("int (int)");
    gate_callback *callback;
    gate_error error;
    struct gate_callback_config config = {.signature = signature};
    cr_assert_eq(gate_callback_make(host, &config, &callback, &error), -EINVAL);
    config.direct = address_of(fail_or_set_errno);
    config.handler = (gate_handler)(uintptr_t)1;
    cr_assert_eq(gate_callback_make(host, &config, &callback, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "one handler"));
    gate_signature_free(signature);
    stop(host);
}

/* The way */

static const void *came_from[TIMES];

static int note_way(int i) {
    came_from[i] = __builtin_return_address(0);
    return i;
}

static int call_each(int (*function)(int)) {
    for (int i = 0; i < TIMES; i++)
        function(i);
    return 0;
}

static void *look_at_ways(void *unused) {
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_direct(signature, address_of(note_way), NULL);
    gate_function function = make_function("int (void *)", address_of(call_each), "call_each");
    void (*address)(void) = gate_callback_address(callback);
    int result;
    gate_task_current()->short_way = 0;
    cr_assert_eq(gate_call(&function, &result, (void *[]){&address}), 0);
    for (int i = 1; i < TIMES && signature->plan && gate__foreign_is_plain(); i++)
        cr_assert_lt((uintptr_t)came_from[i] - (uintptr_t)gate__arch_arrive_direct, 4096u, "callback %d", i);
    free_direct(callback);
    free_function(function);
    gate_signature_free(signature);
    return unused;
}

Test(direct_handler, all_but_the_first_go_the_short_way) {
    run_everywhere(look_at_ways);
}

static int call_with_two_doubles(long (*function)(int, ...)) {
    int well = 0;
    for (int i = 0; i < TIMES; i++) {
        long told = function(2, 1.5, 2.5);
        well += told >= 2 && told <= 8;
    }
    return well;
}

static void *call_one_of_any_arguments(void *unused) {
    gate_signature *any = parse("long (int, ...)"), *extended = NULL;
    const gate_type *types_behind[] = {gate_type_basic(GATE_DOUBLE), gate_type_basic(GATE_DOUBLE)};
    cr_assert_eq(gate_signature_extend(any, types_behind, 2, &extended, NULL), 0);
    gate_callback *callback = make_direct(extended, address_of(tell_vectors), NULL);
    gate_function function = make_function("int (void *)", address_of(call_with_two_doubles), "calls with two");
    void (*address)(void) = gate_callback_address(callback);
    int well = 0;
    cr_assert_eq(gate_call(&function, &well, (void *[]){&address}), 0);
    cr_assert_eq(well, TIMES);
    free_direct(callback);
    free_function(function);
    gate_signature_free(extended);
    gate_signature_free(any);
    return unused;
}

Test(direct_handler, of_any_arguments_is_told_of_their_vectors) {
    run_everywhere(call_one_of_any_arguments);
}
