/* Direct calls: arguments and results stay in their registers, whichever way a call takes. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "tests/support/bridge.h"

/* On this thread without a runtime, and from a task. */
static void both_ways(gate_task_main body) {
    if (!has_plans())
        return;
    body(NULL);
    run_task(body, NULL);
}

/* Whatever registers have room for, so that each has to be as it was. */

#define ALL_TYPES                                                                                                     \
    long, int, signed char, unsigned char, const char *, long, double, float, double, double, double, double, double, \
        float
#define ALL_VALUES -1, -2, -3, 200, "text", 1L << 40, 1.5, 2.5f, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5f
static const char all_text[] = "(long, int, signed char, unsigned char, const char *, long, double, float, double, "
                               "double, double, double, double, float)";

static double mix(long a, int b, signed char c, unsigned char d, const char *e, long f, double g, float h, double i,
                  double j, double k, double l, double m, float n) {
    double words = (double)(a + 2 * b + 3 * c + 4 * d + 5 * (long)strlen(e) + f / (1L << 38));
    errno = d;
    return words + 10 * g + 20 * (double)h + 30 * i + 40 * j + 50 * k + 60 * l + 70 * m + 80 * (double)n;
}

static double mix_slowly(long a, int b, signed char c, unsigned char d, const char *e, long f, double g, float h,
                         double i, double j, double k, double l, double m, float n) {
    usleep(2000);
    return mix(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}

/* The same in line. */

#define PUT_ALL_VALUES                         \
    GATE_INLINE_WORD(0, long, -1);             \
    GATE_INLINE_WORD(1, int, -2);              \
    GATE_INLINE_WORD(2, int, -3);              \
    GATE_INLINE_WORD(3, int, 200);             \
    GATE_INLINE_WORD(4, const char *, "text"); \
    GATE_INLINE_WORD(5, long, 1L << 40);       \
    GATE_INLINE_VECTOR(0, double, 1.5);        \
    GATE_INLINE_VECTOR(1, float, 2.5f);        \
    GATE_INLINE_VECTOR(2, double, 3.5);        \
    GATE_INLINE_VECTOR(3, double, 4.5);        \
    GATE_INLINE_VECTOR(4, double, 5.5);        \
    GATE_INLINE_VECTOR(5, double, 6.5);        \
    GATE_INLINE_VECTOR(6, double, 7.5);        \
    GATE_INLINE_VECTOR(7, float, 8.5f)

static double mix_in_line(gate_direct *direct) {
    PUT_ALL_VALUES;
    GATE_INLINE_CALL(DEFAULT, direct, 6, 8, long, double);
    return gate_vector;
}

static double mix_in_line_of_leaf(gate_direct *direct) {
    PUT_ALL_VALUES;
    GATE_INLINE_CALL(LEAF, direct, 6, 8, long, double);
    return gate_vector;
}

static double mix_out_of_line(gate_direct *direct) {
    return GATE_CALL_DIRECT(direct, double (*)(ALL_TYPES), ALL_VALUES);
}

enum { WAYS = 3 };
static double (*const ways[WAYS])(gate_direct *) = {mix_out_of_line, mix_in_line, mix_in_line_of_leaf};

static void call_by(double (*way)(gate_direct *), double (*address)(ALL_TYPES), enum gate_call_class call_class) {
    char text[160];
    snprintf(text, sizeof text, "double %s", all_text);
    gate_function function = make_function(text, address_of(address), "mix");
    function.call_class = call_class;
    gate_direct direct = prepare_direct(&function);
    cr_assert_eq(way(&direct), mix(ALL_VALUES), "class %d", call_class);
    cr_assert_eq(gate_direct_status(&direct), 0);
    cr_assert_eq(direct.error_number, 200);
    free_function(function);
}

static void call_with_all(double (*address)(ALL_TYPES), enum gate_call_class call_class) {
    for (int i = 0; i < WAYS; i++)
        call_by(ways[i], address, call_class);
}

static void *call_in_each_class(void *unused) {
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++)
        call_with_all(mix, (enum gate_call_class) class);
    if (gate__m())
        call_with_all(mix, GATE_CALL_GUARDED);
    return unused;
}

Test(direct, all_registers_reach_the_function) {
    both_ways(call_in_each_class);
}

Test(direct, calls_of_a_root_task_are_as_others) {
    if (has_plans())
        run_root(call_in_each_class);
}

struct words {
    long a, b;
};
struct mixed {
    double x;
    long i;
};
typedef float four_floats __attribute__((vector_size(16)));

static struct words swap_words(struct words of) {
    return (struct words){of.b, of.a};
}

static struct mixed swap_mixed(struct mixed of) {
    return (struct mixed){(double)of.i, (long)of.x};
}

static four_floats double_each(four_floats floats) {
    return floats + floats;
}

static void *call_for_results(void *unused) {
    static const enum gate_call_class classes[] = {GATE_CALL_DEFAULT, GATE_CALL_LEAF, GATE_CALL_BLOCKING};
    for (size_t i = 0; i < 3; i++) {
        gate_function words = make_function("struct w { long a, b; } (struct w)", address_of(swap_words), "swap");
        gate_function mixed =
            make_function("struct m { double x; long i; } (struct m)", address_of(swap_mixed), "swap");
        gate_function whole =
            make_function("float __attribute__((vector_size(16))) (float __attribute__((vector_size(16))))",
                          address_of(double_each), "each");
        words.call_class = mixed.call_class = whole.call_class = classes[i];
        gate_direct w = prepare_direct(&words), m = prepare_direct(&mixed), f = prepare_direct(&whole);
        struct words swapped = GATE_CALL_DIRECT(&w, struct words(*)(struct words), (struct words){1, 2});
        struct mixed turned = GATE_CALL_DIRECT(&m, struct mixed(*)(struct mixed), (struct mixed){3, 4});
        four_floats doubled = GATE_CALL_DIRECT(&f, four_floats(*)(four_floats), (four_floats){1, 2, 3, 4});
        cr_assert(swapped.a == 2 && swapped.b == 1);
        cr_assert(turned.x == 4 && turned.i == 3);
        cr_assert(doubled[0] == 2 && doubled[3] == 8);
        free_function(words);
        free_function(mixed);
        free_function(whole);
    }
    return unused;
}

Test(direct, results_of_two_registers_and_of_whole_vectors_come_back) {
    both_ways(call_for_results);
}

static void refuse(const char *text) {
    gate_function function = make_function(text, address_of(abort), "refused");
    gate_direct direct;
    cr_assert_eq(gate_direct_init(&direct, &function), -ENOTSUP, "%s", text);
    free_function(function);
}

Test(direct, what_registers_have_no_room_for_is_refused) {
    refuse("int (long, long, long, long, long, long, long)");
    refuse("struct { long a, b, c; } (void)");
    refuse("int (struct { long a, b, c; })");
    refuse("long double (int)");
    refuse("int (int, ...)");
    refuse("int ()");
}

static void *call_for_errno(void *unused) {
    gate_function function = make_function("int (int)", address_of(exchange_errno), "exchange_errno");
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++) {
        function.call_class = (enum gate_call_class) class;
        gate_direct direct = prepare_direct(&function);
        for (int i = 0; i < 3; i++) {
            errno = ERANGE;
            cr_assert_eq(GATE_CALL_DIRECT(&direct, int (*)(int), EDOM + i), 0);
            cr_assert_eq(direct.error_number, EDOM + i);
        }
    }
    free_function(function);
    return unused;
}

Test(direct, each_begins_with_errno_0_and_keeps_what_it_leaves_there) {
    both_ways(call_for_errno);
}

/* Calls that last, and calls with a slot that others ask for: both have a slower half, which has to spare all registers. */

static _Atomic unsigned moves;

static void *call_lasting(void *unused) {
    for (int i = 0; i < 10; i++) {
        uint64_t thread = gate_m_number(gate__m());
        call_with_all(mix_slowly, GATE_CALL_DEFAULT);
        call_with_all(mix_slowly, GATE_CALL_BLOCKING);
        atomic_fetch_add(&moves, gate_m_number(gate__m()) != thread);
    }
    return unused;
}

Test(direct, calls_that_last_lose_their_slot_and_end_on_any_thread) {
    if (!has_plans())
        return;
    atomic_store(&moves, 0);
    run_tasks(call_lasting, 8);
    cr_assert_gt(atomic_load(&moves), 0, "no call lost its slot");
}

static double mix_without_slot(long a, int b, signed char c, unsigned char d, const char *e, long f, double g, float h,
                               double i, double j, double k, double l, double m, float n) {
    return gate__m()->slot ? 0 : mix(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}

static void *call_when_asked(void *unused) {
    for (int i = 0; i < WAYS; i++) {
        gate__foreign_ask(gate__m()->slot, GATE__POLL_YIELD);
        call_by(ways[i], mix_without_slot, GATE_CALL_DEFAULT);
        atomic_fetch_and(&gate__m()->slot->poll, ~(uint32_t)GATE__POLL_YIELD);
    }
    return unused;
}

Test(direct, a_call_gives_up_a_slot_that_is_asked_for) {
    if (has_plans())
        run_task(call_when_asked, NULL);
}

/* Callbacks */

static void *fail_and_go_on(void *unused) {
    int status = 0;
    gate_function function = make_function("int (int (*)(int), int)", address_of(call_it), "call_it");
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, return_41, &status);
    int (*handler)(int) = (int (*)(int))gate_callback_address(callback);
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class += GATE_CALL_BLOCKING) {
        function.call_class = (enum gate_call_class) class;
        gate_direct direct = prepare_direct(&function);
        for (int i = 0; i < 4; i++) {
            status = i % 2 ? 0 : 7;
            int result = GATE_CALL_DIRECT(&direct, int (*)(int (*)(int), int), handler, 1);
            cr_assert_eq(gate_direct_status(&direct), status);
            cr_assert_eq(gate_direct_status(&direct), 0, "it is told once");
            cr_assert_eq(result, status ? 1 : 42);
        }
    }
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free_function(function);
    return unused;
}

Test(direct, a_handlers_status_is_told_of_its_call_and_of_no_other) {
    if (has_plans())
        run_task(fail_and_go_on, NULL);
}

static gate_direct inner_direct;
static char inner_name[32], outer_names[2][32];
static void *outer_of_inner;

static double see_inner(double value) {
    see_where(inner_name);
    outer_of_inner = call_of_handler();
    return 2 * value;
}

static double see_outer(int (*handler)(int), double value) {
    see_where(outer_names[0]);
    handler(0);
    see_where(outer_names[1]);
    return value;
}

static int call_inner(void *host, void *result, void *const arguments[]) {
    (void)host, (void)result, (void)arguments;
    cr_assert_eq(GATE_CALL_DIRECT(&inner_direct, double (*)(double), 21), 42);
    return gate_direct_status(&inner_direct);
}

static void *call_below_another(void *class) {
    gate_function outer = make_function("double (int (*)(int), double)", address_of(see_outer), "outer");
    gate_function inner = make_function("double (double)", address_of(see_inner), "inner");
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, call_inner, NULL);
    int (*handler)(int) = (int (*)(int))gate_callback_address(callback);
    inner.call_class = *(enum gate_call_class *)class;
    gate_direct direct = prepare_direct(&outer);
    inner_direct = prepare_direct(&inner);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(GATE_CALL_DIRECT(&direct, double (*)(int (*)(int), double), handler, 1.5), 1.5);
        cr_assert_eq(gate_direct_status(&direct), 0);
        cr_assert_str_eq(outer_names[0], "outer");
        cr_assert_str_eq(inner_name, "inner");
        cr_assert_not_null(outer_of_inner);
        cr_assert_str_eq(outer_names[1], "outer", "when the inner one is over");
        memset(inner_name, 0, sizeof inner_name);
        cr_assert_eq(GATE_CALL_DIRECT(&inner_direct, double (*)(double), 2), 4);
        cr_assert_str_eq(inner_name, "inner");
        cr_assert_null(outer_of_inner);
        assert_in_no_call();
    }
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free_function(inner);
    free_function(outer);
    return NULL;
}

Test(direct, a_call_below_another_is_listed_and_when_it_is_over_the_other_is) {
    enum gate_call_class classes[] = {GATE_CALL_DEFAULT, GATE_CALL_LEAF};
    for (int i = 0; i < 2 && has_plans(); i++)
        run_task(call_below_another, &classes[i]);
}

static int see_leaf(int number) {
    assert_in_leaf();
    return number;
}

static void *call_a_leaf(void *unused) {
    gate_function function = make_function("int (int)", address_of(see_leaf), "see_leaf");
    function.call_class = GATE_CALL_LEAF;
    gate_direct direct = prepare_direct(&function);
    cr_assert_eq(GATE_CALL_DIRECT(&direct, int (*)(int), 3), 3);
    assert_in_no_call();
    free_function(function);
    return unused;
}

Test(direct, one_of_class_leaf_keeps_its_slot) {
    if (has_plans())
        run_task(call_a_leaf, NULL);
}

/* Calls that something is to be done besides */

static int fault(int *at) {
    if (!at)
        __builtin_trap();
    return *at;
}

static void *call_a_fault(void *unused) {
    gate_function function = make_function("int (int *)", address_of(fault), "fault");
    function.call_class = GATE_CALL_GUARDED;
    gate_direct direct = prepare_direct(&function);
    int good = 5;
    GATE_CALL_DIRECT(&direct, int (*)(int *), NULL);
    cr_assert_eq(gate_direct_status(&direct), -EFAULT);
    cr_assert_eq(direct.error_number, EFAULT);
    cr_assert_eq(GATE_CALL_DIRECT(&direct, int (*)(int *), &good), 5);
    cr_assert_eq(gate_direct_status(&direct), 0);
    free_function(function);
    return unused;
}

Test(direct, a_guarded_one_ends_in_an_error) {
    if (has_plans())
        run_task(call_a_fault, NULL);
}

static void count_watched(void *count, const struct gate_trace_info *info) {
    if (strcmp(info->name, "watched") == 0)
        *(uint64_t *)count += info->calls;
}

static void *call_while_watched(void *unused) {
    uint64_t count = 0;
    gate_function function = make_function("int (int)", address_of(exchange_errno), "watched");
    gate_direct direct = prepare_direct(&function);
    GATE_CALL_DIRECT(&direct, int (*)(int), 1);
    cr_assert_eq(gate_trace_start(&(struct gate_trace_config){.no_events = 1}, NULL), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(GATE_CALL_DIRECT(&direct, int (*)(int), 1), 0);
    gate_trace_stop();
    GATE_CALL_DIRECT(&direct, int (*)(int), 1);
    gate_trace_visit(count_watched, &count);
    cr_assert_eq(count, 5u);
    free_function(function);
    return unused;
}

Test(direct, those_that_are_traced_are_counted) {
    both_ways(call_while_watched);
}
