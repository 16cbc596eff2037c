/* The ways of gate_call for functions of few arguments: each type that there is one for. */
#include <errno.h>
#include <string.h>

#include "tests/support/bridge.h"

static bool lasts;
static double noted;

/* What each function does with its arguments, of which it may have none. */
static double note(double a, double b) {
    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0u, "the stack is aligned");
    cr_assert_eq(errno, 0);
    if (lasts)
        usleep(2000);
    else
        noted = 1000 * a + b;
    errno = ERANGE;
    return 1000 * a + b;
}

static int as_int(double value) {
    return (int)((long)value % 1000003);
}

static long as_long(double value) {
    return (long)value * 1001;
}

/* clang-format off */
#define FUNCTIONS(name, parameters, a, b)                                        \
    static void void_##name parameters { note(a, b); }                           \
    static int int_##name parameters { return as_int(note(a, b)); }              \
    static long long_##name parameters { return as_long(note(a, b)); }           \
    static double double_##name parameters { return note(a, b) + 0.25; }

FUNCTIONS(none, (void), 0, 0)
FUNCTIONS(i, (int a), a, 0)
FUNCTIONS(l, (long a), (double)a, 0)
FUNCTIONS(d, (double a), a, 0)
FUNCTIONS(ii, (int a, int b), a, b)
FUNCTIONS(il, (int a, long b), a, (double)b)
FUNCTIONS(id, (int a, double b), a, b)
FUNCTIONS(li, (long a, int b), (double)a, b)
FUNCTIONS(ll, (long a, long b), (double)a, (double)b)
FUNCTIONS(ld, (long a, double b), (double)a, b)
FUNCTIONS(di, (double a, int b), a, b)
FUNCTIONS(dl, (double a, long b), a, (double)b)
FUNCTIONS(dd, (double a, double b), a, b)

enum result { VOID, INT, LONG, DOUBLE, RESULTS };

#define ROW(name, parameters)                                                                            \
    {#name, parameters,                                                                                  \
     {address_of(void_##name), address_of(int_##name), address_of(long_##name), address_of(double_##name)}, \
     {GATE__BY_VALUE(name)}}

static const struct row {
    const char *name; /* a letter for each argument */
    const char *parameters;
    void (*addresses[RESULTS])(void);
    gate__by_value *ways[RESULTS];
} rows[] = {
    ROW(none, "void"), ROW(i, "int"), ROW(l, "long"), ROW(d, "double"),
    ROW(ii, "int, int"), ROW(il, "int, long"), ROW(id, "int, double"),
    ROW(li, "long, int"), ROW(ll, "long, long"), ROW(ld, "long, double"),
    ROW(di, "double, int"), ROW(dl, "double, long"), ROW(dd, "double, double"),
};
/* clang-format on */

static const char *const result_names[] = {"void", "int", "long", "double"};

/* The values that all are called with. */

union value {
    int i;
    long l;
    double d;
};

static const union value ints[] = {{.i = -3}, {.i = 7}};
static const union value longs[] = {{.l = 1L << 33}, {.l = -5}};
static const union value doubles[] = {{.d = 2.5}, {.d = -0.125}};

static double number(char letter, int index) {
    return letter == 'i' ? ints[index].i : letter == 'l' ? (double)longs[index].l : doubles[index].d;
}

static bool takes(const struct row *row, int index) {
    return strcmp(row->name, "none") != 0 && strlen(row->name) > (size_t)index;
}

static double expected_of(const struct row *row) {
    double a = takes(row, 0) ? number(row->name[0], 0) : 0, b = takes(row, 1) ? number(row->name[1], 1) : 0;
    return 1000 * a + b;
}

static void check_result(enum result kind, const char *bytes, double expected, const char *text) {
    static const size_t sizes[] = {0, sizeof(int), sizeof(long), sizeof(double)};
    union value result = {.l = 0};
    memcpy(&result, bytes, sizes[kind]);
    if (kind == INT)
        cr_assert_eq(result.i, as_int(expected), "%s", text);
    else if (kind == LONG)
        cr_assert_eq(result.l, as_long(expected), "%s", text);
    else if (kind == DOUBLE)
        cr_assert_eq(result.d, expected + 0.25, "%s", text);
    for (size_t i = sizes[kind]; i < 16; i++)
        cr_assert_eq(bytes[i], 0x5a, "%s writes more than its result", text);
}

static void call_row(const struct row *row, enum result kind) {
    char text[64], bytes[16];
    const void *arguments[2] = {NULL, NULL};
    for (int i = 0; i < 2 && takes(row, i); i++)
        arguments[i] = row->name[i] == 'i' ? &ints[i] : row->name[i] == 'l' ? &longs[i] : &doubles[i];
    snprintf(text, sizeof text, "%s (%s)", result_names[kind], row->parameters);
    gate_function function = make_function(text, row->addresses[kind], row->name);
    memset(bytes, 0x5a, sizeof bytes);
    cr_assert_eq(gate_call(&function, bytes, (void *const *)(uintptr_t)arguments), 0);
    check_result(kind, bytes, expected_of(row), text);
    cr_assert_eq(gate_errno(), ERANGE);
    if (!lasts)
        cr_assert_eq(noted, expected_of(row), "%s", text);
    cr_assert_eq(gate_call(&function, NULL, (void *const *)(uintptr_t)arguments), 0, "nobody has to take the result");
    free_function(function);
}

static void *call_all(void *unused) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int kind = VOID; kind < RESULTS; kind++)
            call_row(&rows[i], (enum result)kind);
    }
    return unused;
}

Test(by_value, words_and_doubles_are_passed_and_returned) {
    call_all(NULL);
    run_task(call_all, NULL);
}

Test(by_value, each_of_these_types_has_its_way) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows && has_plans(); i++) {
        for (int kind = VOID; kind < RESULTS; kind++) {
            char text[64];
            snprintf(text, sizeof text, "%s (%s)", result_names[kind], rows[i].parameters);
            gate_signature *signature = parse(text);
            cr_assert_eq(signature->call, rows[i].ways[kind], "%s", text);
            gate_signature_free(signature);
        }
    }
}

/* With calls that last: the slot is taken meanwhile, and they may end on another thread. */
Test(by_value, a_call_that_lasts_returns_what_it_would_have) {
    lasts = true;
    run_tasks(call_all, 4);
    lasts = false;
}

/* The functions of two arguments, with a slot that is asked for: it is given up before they run. */

static void *call_when_asked(void *unused) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        atomic_fetch_or(&gate__m()->slot->poll, GATE__POLL_YIELD);
        call_row(&rows[i], DOUBLE);
        cr_assert_not_null(gate__m()->slot);
        atomic_fetch_and(&gate__m()->slot->poll, ~(uint32_t)GATE__POLL_YIELD);
    }
    return unused;
}

Test(by_value, a_call_that_gives_its_slot_up_has_its_arguments_still) {
    run_task(call_when_asked, NULL);
}

static long see_leaf(int a, int b) {
    assert_in_leaf();
    return (long)a << 40 | b;
}

static void *call_a_leaf(void *unused) {
    gate_function function = make_function("long (int, int)", address_of(see_leaf), "see_leaf");
    function.call_class = GATE_CALL_LEAF;
    int a = 3, b = 4;
    long result = 0;
    void *arguments[] = {&a, &b};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, 3L << 40 | 4);
    assert_in_no_call();
    free_function(function);
    return unused;
}

Test(by_value, one_of_class_leaf_keeps_its_slot_and_is_listed) {
    run_task(call_a_leaf, NULL);
}

static void *call_in_each_class(void *unused) {
    gate_function function = make_function("int (int, int)", address_of(int_ii), "int_ii");
    const void *arguments[] = {&ints[0], &ints[1]};
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_GUARDED; class ++) {
        int result = 0;
        function.call_class = (enum gate_call_class) class;
        cr_assert_eq(gate_call(&function, &result, (void *const *)(uintptr_t)arguments), 0);
        cr_assert_eq(result, as_int(-2993));
        cr_assert_eq(gate_errno(), ERANGE);
    }
    free_function(function);
    return unused;
}

Test(by_value, functions_of_other_classes_are_called_as_well) {
    run_task(call_in_each_class, NULL);
}
