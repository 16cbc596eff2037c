/* Where gate_call goes, and the way that takes arguments by a list: what C gets, and what it returns, is what a plain call has. */
#include <errno.h>
#include <string.h>

#include "bridge/arch/by_takes.h"
#include "tests/support/bridge.h"

struct words {
    long a, b;
};

struct word_double {
    long a;
    double b;
};

struct double_word {
    double a;
    long b;
};

struct doubles {
    double a, b;
};

struct five {
    int v[5];
};

struct large {
    long v[4];
};

typedef float quad __attribute__((vector_size(16)));

#define STRUCTS                                 \
    "struct words { long a, b; };"              \
    "struct word_double { long a; double b; };" \
    "struct double_word { double a; long b; };" \
    "struct doubles { double a, b; };"          \
    "struct five { int v[5]; };"                \
    "struct large { long v[4]; };"              \
    "struct odd { char v[3]; };"                \
    "typedef float quad __attribute__((vector_size(16)));"

static bool lasts;

/* A number that each bit of the arguments has a part in. */
static uint64_t digest(uint64_t before, const void *value, size_t size) {
    const unsigned char *bytes = value;
    for (size_t i = 0; i < size; i++)
        before = (before ^ bytes[i]) * 1099511628211u;
    return before;
}

static uint64_t note(uint64_t made) {
    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0u, "the stack is aligned");
    cr_assert_eq(errno, 0);
    if (lasts)
        usleep(2000);
    errno = ERANGE;
    return made;
}

/* More than there are registers for, of each sort, in all sizes. */
#define PARAMETERS                                                                                               \
    signed char a, unsigned short b, int c, double d, struct double_word e, float f, unsigned g, quad h, long i, \
        struct five j, unsigned char k, short l, struct words m, struct doubles n, double o, double p, float q,  \
        double r, const char *s, struct large t, int u
#define TEXT                                                                                                          \
    "signed char, unsigned short, int, double, struct double_word, float, unsigned, quad, long, struct five,"         \
    "unsigned char, short, struct words, struct doubles, double, double, float, double, const char *, struct large, " \
    "int"

#define EACH(of)                                                                                                      \
    of(a) of(b) of(c) of(d) of(e) of(f) of(g) of(h) of(i) of(j) of(k) of(l) of(m) of(n) of(o) of(p) of(q) of(r) of(s) \
        of(t) of(u)

static struct {
    signed char a;
    unsigned short b;
    int c;
    double d;
    struct double_word e;
    float f;
    unsigned g;
    quad h;
    long i;
    struct five j;
    unsigned char k;
    short l;
    struct words m;
    struct doubles n;
    double o, p;
    float q;
    double r;
    const char *s;
    struct large t;
    int u;
} given = {-5,          65535,
           -70000,      0.1,
           {2.5, -1},   1.5F,
           0xfedcba98u, {1, 2, 3, 4},
           1L << 40,    {{1, 2, 3, 4, -5}},
           200,         -3,
           {7, -8},     {0.3, -0.4},
           1e300,       -2,
           0.25F,       3,
           "text",      {{9, 8, 7, 6}},
           -42};

/* clang-format off */
#define DIGEST(name) made = digest(made, &name, sizeof name);
#define VALUE(name) given.name,
#define POINTER(name) &given.name,

/* How each result is made of the digest. */
#define RESULTS(of)                                                                   \
    of(signed_char, signed char, "signed char", (signed char)made)                    \
    of(unsigned_short, unsigned short, "unsigned short", (unsigned short)made)        \
    of(int, int, "int", (int)made)                                                    \
    of(long, long, "long", (long)made)                                                \
    of(float, float, "float", (float)(made % 100003))                                 \
    of(double, double, "double", (double)(made % 1000003))                            \
    of(words, struct words, "struct words", ((struct words){(long)made, 5}))          \
    of(word_double, struct word_double, "struct word_double", ((struct word_double){(long)made, 0.5})) \
    of(double_word, struct double_word, "struct double_word", ((struct double_word){0.5, (long)made})) \
    of(doubles, struct doubles, "struct doubles", ((struct doubles){(double)(made % 1000003), 0.5}))   \
    of(quad, quad, "quad", ((quad){(float)(made % 1000003), 2, 3, 4}))                \
    of(large, struct large, "struct large", ((struct large){{1, 2, 3, (long)made}}))

#define FUNCTION(name, type, text, value)                  \
    static type return_##name(PARAMETERS) {                \
        uint64_t made = 14695981039346656037u;             \
        EACH(DIGEST)                                       \
        made = note(made);                                 \
        return value;                                      \
    }                                                      \
    static void directly_##name(void *result) {            \
        errno = 0;                                         \
        type made = CALL(return_##name, EACH(VALUE));      \
        memcpy(result, &made, sizeof made);                \
    }
#define CALL(function, ...) CALL_(function, (__VA_ARGS__))
#define CALL_(function, values) function WITHOUT_LAST_COMMA values
#define WITHOUT_LAST_COMMA(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, none) \
    (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)

RESULTS(FUNCTION)

static const struct row {
    const char *result;
    size_t size;
    void (*address)(void);
    void (*directly)(void *result);
} rows[] = {
#define ROW(name, type, text, value) {text, sizeof(type), address_of(return_##name), directly_##name},
    RESULTS(ROW)
};
enum { ROWS = sizeof rows / sizeof *rows };

static const void *const arguments[] = {EACH(POINTER)};
/* clang-format on */

/* Of a text that may name these structs. */
static gate_signature *parse_with_structs(const char *text) {
    gate_decls *decls;
    gate_signature *signature;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_make(&decls), 0);
    cr_assert_eq(gate_decls_read(decls, STRUCTS, &error), 0, "%s", error.message);
    cr_assert_eq(gate_decls_signature(decls, text, &signature, &error), 0, "%s: %s", text, error.message);
    gate_decls_free(decls);
    return signature;
}

static void require_way(const char *text, gate__by_value *expected) {
    gate_signature *signature = parse_with_structs(text);
    cr_assert_eq(signature->call, expected, "%s", text);
    gate_signature_free(signature);
}

Test(way, is_a_list_for_whatever_each_part_has_a_routine) {
    if (!has_plans())
        return;
    require_way("int (int, int, int)", gate__arch_takes_cross);
    require_way("void (long, long, long, long, long, long, long, long, long, long, int)", gate__arch_takes_cross);
    require_way("float (float)", gate__arch_takes_cross);
    require_way("int (const char *, ...)", gate__arch_takes_cross);
    require_way("double (struct double_word, struct large, quad)", gate__arch_takes_cross);
    require_way("struct words (_Bool)", gate__arch_takes_cross);
    require_way("struct large (int)", gate__arch_takes_cross_room);
    require_way("int (long double)", gate__arch_takes_cross);
}

Test(way, is_a_frame_for_parts_of_odd_sizes_and_the_long_one_for_what_no_frame_has) {
    if (!has_plans())
        return;
    require_way("int (struct odd)", gate__call_by_frame);
    require_way("struct odd (int)", gate__call_by_frame);
    require_way("long double (int)", gate__call_values);
}

static gate_function function_of(const struct row *row) {
    char text[512];
    snprintf(text, sizeof text, "%s (" TEXT ")", row->result);
    return (gate_function){.signature = parse_with_structs(text), .address = row->address, .name = row->result};
}

static void call_row(const struct row *row, enum gate_call_class class) {
    char expected[64], got[64];
    memset(expected, 0x5a, sizeof expected);
    memset(got, 0x5a, sizeof got);
    row->directly(expected);
    gate_function function = function_of(row);
    function.call_class = class;
    cr_assert_eq(gate_call(&function, got, (void *const *)(uintptr_t)arguments), 0);
    cr_assert_eq(gate_errno(), ERANGE);
    cr_assert_eq(memcmp(got, expected, sizeof got), 0, "%s, and not more than its %zu bytes", row->result, row->size);
    cr_assert_eq(gate_call(&function, NULL, (void *const *)(uintptr_t)arguments), 0, "nobody has to take the result");
    free_function(function);
}

static void *call_all(void *unused) {
    for (int i = 0; i < ROWS; i++)
        call_row(&rows[i], GATE_CALL_DEFAULT);
    return unused;
}

static void *call_leaves(void *unused) {
    for (int i = 0; i < ROWS; i++) {
        call_row(&rows[i], GATE_CALL_LEAF);
        cr_assert_not(gate_task_current() && atomic_load(&gate_task_current()->call));
    }
    return unused;
}

Test(way, by_a_list_passes_and_returns_what_a_plain_call_does) {
    if (!has_plans())
        return;
    call_all(NULL);
    call_leaves(NULL);
    run_task(call_all, NULL);
    run_task(call_leaves, NULL);
}

/* The slot is taken meanwhile, and a call may end on another thread. */
Test(way, by_a_list_returns_that_from_calls_that_last) {
    if (!has_plans())
        return;
    lasts = true;
    run_tasks(call_all, 4);
    lasts = false;
}

/* The slot is asked for: it is given up when all arguments have been taken. */
static void *call_when_asked(void *unused) {
    for (int i = 0; i < ROWS; i++) {
        gate__foreign_ask(gate__m()->slot, GATE__POLL_YIELD);
        call_row(&rows[i], GATE_CALL_DEFAULT);
        cr_assert_not_null(gate__m()->slot);
    }
    return unused;
}

Test(way, by_a_list_keeps_what_is_taken_when_the_slot_is_given_up) {
    if (!has_plans())
        return;
    run_task(call_when_asked, NULL);
}

/* Words in a row, which one routine takes: so many, and of more the last on the stack. */

static long add_up(long a, long b, long c, long d, long e, long f, long g, long h, long i) {
    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0u, "the stack is aligned");
    return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g + 10000000 * h + 100000000 * i;
}

static long of_three(long a, long b, long c) {
    return add_up(a, b, c, 0, 0, 0, 0, 0, 0);
}

static long of_four(double x, long a, long b, long c, long d) {
    return add_up(a, b, c, d, (long)x, 0, 0, 0, 0);
}

static long of_six(long a, long b, long c, long d, long e, long f) {
    return add_up(a, b, c, d, e, f, 0, 0, 0);
}

static long of_seven(long a, long b, long c, long d, long e, long f, long g) {
    return add_up(a, b, c, d, e, f, g, 0, 0);
}

static long of_eight(long a, long b, long c, long d, long e, long f, long g, long h) {
    return add_up(a, b, c, d, e, f, g, h, 0);
}

static long of_ints_between(long a, int b, long c, int d, long e) {
    return add_up(a, b, c, d, e, 0, 0, 0, 0);
}

static void call_words(const char *text, void (*address)(void), const void *const values[], long expected) {
    gate_function function = make_function(text, address, "words");
    long result = -1;
    cr_assert_eq(gate_call(&function, &result, (void *const *)(uintptr_t)values), 0);
    cr_assert_eq(result, expected, "%s: %ld", text, result);
    free_function(function);
}

static void *call_rows_of_words(void *unused) {
    static const long v[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const double five = 5;
    static const int two = 2, minus = -4;
    const void *const all[] = {&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]};
    call_words("long (long, long, long)", address_of(of_three), all, 321);
    call_words("long (double, long, long, long, long)", address_of(of_four),
               (const void *[]){&five, &v[0], &v[1], &v[2], &v[3]}, 54321);
    call_words("long (long, long, long, long, long, long)", address_of(of_six), all, 654321);
    call_words("long (long, long, long, long, long, long, long)", address_of(of_seven), all, 7654321);
    call_words("long (long, long, long, long, long, long, long, long)", address_of(of_eight), all, 87654321);
    call_words("long (long, long, long, long, long, long, long, long, long)", address_of(add_up), all, 987654321);
    call_words("long (long, int, long, int, long)", address_of(of_ints_between),
               (const void *[]){&v[0], &two, &v[2], &minus, &v[4]}, 1 + 20 + 300 - 4000 + 50000);
    return unused;
}

Test(way, by_a_list_takes_words_in_a_row) {
    call_rows_of_words(NULL);
    run_task(call_rows_of_words, NULL);
}

/* errno, by each way */

struct odd {
    char v[3];
};

static int fail_for_int(int number) {
    return errno = number;
}

static int fail_for_odd(struct odd odd) {
    return errno = odd.v[2];
}

static long double fail_for_x87(int number) {
    return errno = number;
}

static void assert_tells_errno(const char *text, void (*address)(void), const void *value, int expected) {
    gate_function function = {.signature = parse_with_structs(text), .address = address, .name = text};
    long double room;
    cr_assert_eq(gate_call(&function, &room, (void *[]){(void *)(uintptr_t)value}), 0);
    cr_assert_eq(gate_errno(), expected, "%s", text);
    free_function(function);
}

static void *tell_errno(void *unused) {
    static const struct odd odd = {{1, 2, ENOTTY}};
    static const int one = EDOM, other = ERANGE;
    assert_tells_errno("int (int)", address_of(fail_for_int), &one, EDOM);
    assert_tells_errno("int (struct odd)", address_of(fail_for_odd), &odd, ENOTTY);
    assert_tells_errno("long double (int)", address_of(fail_for_x87), &other, ERANGE);
    assert_tells_errno("int (int)", address_of(fail_for_int), &one, EDOM);
    return unused;
}

Test(way, each_tells_errno) {
    run_each_way(tell_errno);
}
