/* Every kind of value through libffi and back, compared with the compiler's own calls. */
#include <complex.h>
#include <float.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/bridge.h"

/* For each kind: a C function that returns what it is given, called through libffi, and a callback that
 * does the same, called by C. */
#define ROUND_TRIP(name, type, text, ...)                                                          \
    static type return_##name(type x) {                                                            \
        return x;                                                                                  \
    }                                                                                              \
    static int handle_##name(void *unused, void *result, void *const arguments[]) {                \
        (void)unused;                                                                              \
        memcpy(result, arguments[0], sizeof(type));                                                \
        return 0;                                                                                  \
    }                                                                                              \
    Test(ffi, passes_##name##_both_ways) {                                                         \
        type const values[] = {__VA_ARGS__};                                                       \
        gate_runtime *runtime = start(1);                                                          \
        gate_function function = make_function(text, address_of(return_##name), #name);            \
        gate_callback *callback = make_callback(runtime, function.signature, handle_##name, NULL); \
        type (*called_by_c)(type) = (type(*)(type))gate_callback_address(callback);                \
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {                              \
            struct {                                                                               \
                type value;                                                                        \
                unsigned char behind[16];                                                          \
            } result;                                                                              \
            type value = values[i];                                                                \
            memset(&result, 0x5a, sizeof result);                                                  \
            void *arguments[] = {&value};                                                          \
            cr_assert_eq(gate_call(&function, &result.value, arguments), 0);                       \
            cr_assert(result.value == values[i], "call, value %zu", i);                            \
            for (size_t j = 0; j < sizeof result.behind; j++)                                      \
                cr_assert_eq(result.behind[j], 0x5a, "the result is wider than its type");         \
            cr_assert(called_by_c(value) == values[i], "callback, value %zu", i);                  \
        }                                                                                          \
        gate_callback_free(callback);                                                              \
        free_function(function);                                                                   \
        stop(runtime);                                                                             \
    }

ROUND_TRIP(bool, _Bool, "_Bool (_Bool)", 0, 1)
ROUND_TRIP(char, char, "char (char)", CHAR_MIN, 0, 1, CHAR_MAX)
ROUND_TRIP(schar, signed char, "signed char (signed char)", SCHAR_MIN, -1, 0, SCHAR_MAX)
ROUND_TRIP(uchar, unsigned char, "unsigned char (unsigned char)", 0, 1, 128, UCHAR_MAX)
ROUND_TRIP(short, short, "short (short)", SHRT_MIN, -1, 0, SHRT_MAX)
ROUND_TRIP(ushort, unsigned short, "unsigned short (unsigned short)", 0, 32768, USHRT_MAX)
ROUND_TRIP(int, int, "int (int)", INT_MIN, -1, 0, 1, INT_MAX)
ROUND_TRIP(uint, unsigned, "unsigned (unsigned)", 0, 1u << 31, UINT_MAX)
ROUND_TRIP(long, long, "long (long)", LONG_MIN, -1, 0, LONG_MAX)
ROUND_TRIP(ulong, unsigned long, "unsigned long (unsigned long)", 0, 1ul << 63, ULONG_MAX)
ROUND_TRIP(llong, long long, "long long (long long)", LLONG_MIN, -1, LLONG_MAX)
ROUND_TRIP(ullong, unsigned long long, "unsigned long long (unsigned long long)", 0, ULLONG_MAX)
ROUND_TRIP(float, float, "float (float)", 0, -1.5f, FLT_MAX, FLT_MIN)
ROUND_TRIP(double, double, "double (double)", 0, -1.5, DBL_MAX, DBL_MIN)
ROUND_TRIP(ldouble, long double, "long double (long double)", 0, -1.5L, LDBL_MAX, LDBL_MIN)
ROUND_TRIP(cfloat, float _Complex, "float _Complex (float _Complex)", 0, 1 + 2 * I, -FLT_MAX + I)
ROUND_TRIP(cdouble, double _Complex, "double _Complex (double _Complex)", 0, 1 + 2 * I, -DBL_MAX + I)
ROUND_TRIP(cldouble, long double _Complex, "long double _Complex (long double _Complex)", 0, 1 + 2 * I)
typedef void *pointer;

ROUND_TRIP(pointer, pointer, "void *(void *)", NULL, (void *)1, (void *)UINTPTR_MAX)
ROUND_TRIP(enum, unsigned, "enum e (enum e)", 0, 1, UINT_MAX)

/* More arguments than registers of either kind: the rest go on the stack. */
static double sum(char a, double b, int c, float d, long e, double f, short g, double h, unsigned i, double j, void *k,
                  double l, _Bool m, double n, long long o, double p, signed char q, double r, double s) {
    return a + 2 * b + 3 * c + 4 * (double)d + 5 * (double)e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j +
           11 * (double)(intptr_t)k + 12 * l + 13 * m + 14 * n + 15 * (double)o + 16 * p + 17 * q + 18 * r + 19 * s;
}

Test(ffi, arguments_that_do_not_fit_the_registers_go_on_the_stack) {
    gate_function function = make_function("double (char, double, int, float, long, double, short, double, unsigned, "
                                           "double, void *, double, _Bool, double, long long, double, signed char, "
                                           "double, double)",
                                           address_of(sum), "sum");
    char a = 1;
    double b = 2, f = 6, h = 8, j = 10, l = 12, n = 14, p = 16, r = 18, s = 19, result = 0;
    int c = -3;
    float d = 4;
    long e = 5;
    short g = -7;
    unsigned i = 9;
    void *k = (void *)11;
    _Bool m = 1;
    long long o = -15;
    signed char q = -17;
    void *arguments[] = {&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l, &m, &n, &o, &p, &q, &r, &s};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, sum(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s));
    free_function(function);
}

static void do_nothing(void) {
}

Test(ffi, a_function_without_result_leaves_the_room_for_one) {
    gate_function function = make_function("void (void)", address_of(do_nothing), "do_nothing");
    int room = 1234;
    cr_assert_eq(gate_call(&function, &room, NULL), 0);
    cr_assert_eq(room, 1234);
    free_function(function);
}

struct large {
    long words[5];
};

static long add_up(struct large a, struct large b) {
    return a.words[0] + b.words[4];
}

struct request {
    const gate_signature *signature;
    void *const *arguments;
    long result;
};

static void call_add_up(void *data) {
    struct request *r = data;
    gate__ffi_call(r->signature, address_of(add_up), &r->result, r->arguments);
}

Test(ffi, the_callers_pointers_are_left_as_they_are) {
    gate_signature *signature = parse("long (struct large { long words[5]; }, struct large)");
    struct large a = {{40, 0, 0, 0, 1}}, b = {{1, 0, 0, 0, 2}};
    void *arguments[] = {&a, &b};
    struct request request = {signature, arguments, 0};
    cr_assert(prepare_for_ffi(signature));
    gate__foreign_call(call_add_up, &request);
    cr_assert_eq(request.result, 42);
    cr_assert(arguments[0] == &a && arguments[1] == &b);
    gate_signature_free(signature);
}

static bool libffi_has(const char *text) {
    gate_signature *signature = parse(text);
    bool has = prepare_for_ffi(signature);
    gate_signature_free(signature);
    return has;
}

/* MemorySanitizer leaves all calls to libffi: there, these are none. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

Test(ffi, what_it_gets_wrong_is_left_to_plans) {
    cr_assert(libffi_has("long double (struct { long double x; })"));
    cr_assert(libffi_has("void (double, long, long, long, long, struct { long x; double y; })"));
    if (__msan_unpoison)
        return;
    cr_assert_not(libffi_has("struct { long double x; } (int)"), "it would be in memory");
    cr_assert_not(libffi_has("void (double, long, long, long, long, long, struct { long x; double y; })"),
                  "the double would be lost");
}

Test(ffi, takes_what_is_large_whatever_is_in_it) {
    cr_assert(libffi_has("void (struct { long double x[30]; })"));
    cr_assert(libffi_has("struct { __int128 x[3]; } (int, union { float __attribute__((vector_size(16))) v[2]; })"));
    cr_assert(libffi_has("int (struct { char c[1000 * 1000]; })"));
    if (__msan_unpoison)
        return;
    cr_assert_not(libffi_has("int (struct { long : 64; long : 64; long : 64; })"), "nothing is passed");
}
