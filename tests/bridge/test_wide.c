/* Vectors of 32 and 64 bytes in registers: functions that are compiled for AVX and AVX-512, and what calls back from there.
 * Where such values are passed in any signature is test_abi.c's to find. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tests/support/bridge.h"
#include "tests/support/decls.h"

/* There libffi makes the calls, and has no vectors. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

typedef float floats __attribute__((vector_size(32)));
typedef double doubles __attribute__((vector_size(64)));

#define FLOATS "float __attribute__((vector_size(32)))"
#define DOUBLES "double __attribute__((vector_size(64)))"
#define AVX __attribute__((target("avx"), noinline))
#define AVX512 __attribute__((target("avx512f"), noinline))

static bool has(unsigned bytes) {
    bool does = !__msan_unpoison && gate__abi_vector_most() >= bytes;
    if (!does && !__msan_unpoison)
        fprintf(stderr, "SKIPPED: calls with vectors of %u bytes\n", bytes);
    return does;
}

/* Without a runtime, in a root task, and in a stackful one. */
static void run_everywhere(gate_task_main body) {
    body(NULL);
    gate_runtime *runtime = start(1);
    body(NULL);
    join(spawn("calling", body, NULL));
    stop(runtime);
}

static const floats up = {1, 2, 3, 4, 5, 6, 7, 8};
static const doubles down = {-1, -2, -3, -4, -5, -6, -7, -8};

#define assert_same(one, other) cr_assert_eq(memcmp(&(one), &(other), sizeof(one)), 0)

/* Arguments and results */

AVX static floats subtract_floats(floats a, floats b) {
    errno = EDOM;
    return a - b;
}

AVX512 static doubles subtract_doubles(doubles a, doubles b) {
    errno = EDOM;
    return a - b;
}

static void *call_with_floats(void *unused) {
    gate_function function = make_function(FLOATS " (" FLOATS ", " FLOATS ")", address_of(subtract_floats), "subtract");
    floats a = up * 3, b = up, result;
    void *arguments[] = {&a, &b};
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++) {
        function.call_class = (enum gate_call_class) class;
        memset(&result, 0, sizeof result);
        cr_assert_eq(gate_call(&function, &result, arguments), 0);
        cr_assert_eq(gate_errno(), EDOM);
        floats expected = up * 2;
        assert_same(result, expected);
        cr_assert_eq(gate_call(&function, NULL, arguments), 0, "nobody asks for the result");
    }
    free_function(function);
    return unused;
}

static void *call_with_doubles(void *unused) {
    gate_function function =
        make_function(DOUBLES " (" DOUBLES ", " DOUBLES ")", address_of(subtract_doubles), "subtract");
    doubles a = down * 3, b = down, result, expected = down * 2;
    void *arguments[] = {&a, &b};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(gate_errno(), EDOM);
    assert_same(result, expected);
    cr_assert_eq(gate_call(&function, NULL, arguments), 0, "nobody asks for the result");
    free_function(function);
    return unused;
}

Test(wide, vectors_are_passed_and_returned_in_whole_registers) {
    if (has(32))
        run_everywhere(call_with_floats);
    if (has(64))
        run_everywhere(call_with_doubles);
}

static void *call_guarded(void *unused) {
    gate_function function = make_function(FLOATS " (" FLOATS ", " FLOATS ")", address_of(subtract_floats), "subtract");
    floats a = up * 3, b = up, result, expected = up * 2;
    void *arguments[] = {&a, &b};
    function.call_class = GATE_CALL_GUARDED;
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    assert_same(result, expected);
    free_function(function);
    return unused;
}

Test(wide, a_guarded_call_passes_them_too) {
    if (has(32))
        run_task(call_guarded, NULL);
}

/* Registers that the others have left: the ninth vector and the tenth are on the stack, aligned, and words go on. */

#define TEN(type) type a, int one, type b, type c, type d, type e, double f, type g, type h, type i, type j, long two
#define ALL_OF_TEN a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * g + 7 * h + 8 * i + 9 * j + (float)(one * f * (double)two)
#define TEN_TEXT(type)                                                                                          \
    type " (" type ", int, " type ", " type ", " type ", " type ", double, " type ", " type ", " type ", " type \
         ", long)"

static uintptr_t stack_places;

AVX static floats sum_floats(TEN(floats)) {
    stack_places |= (uintptr_t)&i | (uintptr_t)&j;
    return ALL_OF_TEN;
}

AVX512 static doubles sum_doubles(TEN(doubles)) {
    stack_places |= (uintptr_t)&i | (uintptr_t)&j;
    return ALL_OF_TEN;
}

/* 1 + 2 + .. + 9 of the vector, and 2 * 0.5 * 10. */
static void check_ten(const char *text, void (*address)(void), const void *vector, void *result) {
    gate_function function = make_function(text, address, "sum");
    int one = 2;
    double f = 0.5;
    long two = 10;
    void *v = (void *)(uintptr_t)vector, *arguments[] = {v, &one, v, v, v, v, &f, v, v, v, v, &two};
    stack_places = 0;
    cr_assert_eq(gate_call(&function, result, arguments), 0);
    cr_assert_eq(stack_places % function.signature->result->alignment, 0);
    free_function(function);
}

static void *call_with_ten(void *unused) {
    floats result, expected = 45 * up + 10;
    check_ten(TEN_TEXT(FLOATS), address_of(sum_floats), &up, &result);
    assert_same(result, expected);
    return unused;
}

static void *call_with_ten_larger(void *unused) {
    doubles result, expected = 45 * down + 10;
    check_ten(TEN_TEXT(DOUBLES), address_of(sum_doubles), &down, &result);
    assert_same(result, expected);
    return unused;
}

Test(wide, the_ninth_is_on_the_stack_and_aligned_there) {
    if (has(32))
        run_everywhere(call_with_ten);
    if (has(64))
        run_everywhere(call_with_ten_larger);
}

/* Other results, of functions that take such vectors */

struct pair {
    double x;
    long n;
};
struct large {
    floats v;
    int n;
};

AVX static struct pair first_and_count(floats v, double x) {
    return (struct pair){(double)v[0] + x, (long)v[7]};
}

AVX static long double last(floats v) {
    return v[7] + 0.25L;
}

AVX static long double _Complex both(floats v) {
    return v[0] + v[7] * 1.0iL;
}

AVX static struct large count_it(int n, floats v) {
    return (struct large){v, n};
}

AVX static float last_of_mixed(double x, float y, floats v, __float128 z) {
    return v[7] + (float)x + y + (float)z;
}

static void check_result(const char *text, void (*address)(void), void *const arguments[], const void *expected,
                         size_t size) {
    gate_function function = make_function(text, address, "a function");
    _Alignas(64) char result[128];
    cr_assert_eq(gate_call(&function, result, arguments), 0);
    cr_assert_eq(memcmp(result, expected, size), 0, "%s", text);
    free_function(function);
}

static void *call_for_other_results(void *unused) {
    floats v = up;
    double x = 0.5;
    float y = 0.125;
    __float128 z = 4;
    int n = 42;
    struct pair pair = {1.5, 8};
    long double ldouble = 8.25L;
    long double _Complex complex = 1 + 8.0iL;
    struct large large = {up, 42};
    float sum = 12.625;
    check_result("struct { double x; long n; } (" FLOATS ", double)", address_of(first_and_count), (void *[]){&v, &x},
                 &pair, sizeof pair);
    check_result("long double (" FLOATS ")", address_of(last), (void *[]){&v}, &ldouble, 10);
    check_result("long double _Complex (" FLOATS ")", address_of(both), (void *[]){&v}, &complex, 10);
    check_result("long double _Complex (" FLOATS ")", address_of(both), (void *[]){&v}, &complex, 10);
    check_result("struct { " FLOATS " v; int n; } (int, " FLOATS ")", address_of(count_it), (void *[]){&n, &v}, &large,
                 sizeof v + sizeof n);
    check_result("float (double, float, " FLOATS ", __float128)", address_of(last_of_mixed), (void *[]){&x, &y, &v, &z},
                 &sum, sizeof sum);
    return unused;
}

Test(wide, functions_that_take_them_return_as_others_do) {
    if (has(32))
        run_everywhere(call_for_other_results);
}

/* Records */

static bool is_wide(gate_decls *decls, const char *text) {
    return gate__abi_is_wide(type_of(decls, text));
}

Test(wide, a_record_is_one_if_a_vector_fills_it_and_nothing_lies_beside_that) {
    gate_decls *decls = read_text(
        "typedef float f __attribute__((vector_size(32))); typedef double d __attribute__((vector_size(64)));"
        "typedef float q __attribute__((vector_size(16))); typedef __int128 w __attribute__((vector_size(32)));"
        "struct one { f v; }; union same { f v; struct { struct one a[1]; } b; };");
    static const char *const wide[] = {
        "f",
        "d",
        "struct one",
        "union same",
        "const struct one",
        "struct { d v[1]; }",
        "struct { int n[0]; f v; struct {} e; }",
        "union { f v; q w; float x[2]; }",
        "union { d v; f w; double x; }",
        "struct { union same u; } __attribute__((packed))",
        "struct { int : 0; f v; int n[]; }",
        "union { f v; _Float16 h; float _Complex c; }",
    };
    static const char *const others[] = {
        "q",
        "w",
        "struct { q v[2]; }",
        "struct { f v[2]; }",
        "struct { f v; int n; }",
        "struct { w v; }",
        "struct { struct one s; } __attribute__((aligned(64)))",
        "union { f v; int n; }",
        "union { f v; float x[3]; }",
        "union { f v; struct { q a, b; } s; }",
        "union { f v; int : 0; }",
        "union { f v; long double x; }",
        "union { d v; f w[2]; }",
        "union { d v; struct { struct {} e; f w; } s; char c; }",
        "struct { double x[8]; }",
        "struct { char c; f v; } __attribute__((packed))",
        "struct { f v; char c; } __attribute__((packed))",
    };
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        cr_assert(is_wide(decls, wide[i]), "%s", wide[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_not(is_wide(decls, others[i]), "%s", others[i]);
    gate_decls_free(decls);
}

struct one {
    floats v;
};
union either {
    floats v;
    double x;
};

AVX static struct one unite(struct one a, int n, union either b) {
    return (struct one){a.v * (float)n + b.v};
}

static void *call_with_records(void *unused) {
    gate_function function =
        make_function("struct { " FLOATS " v; } (struct { " FLOATS " v; }, int, union { " FLOATS " v; double x; })",
                      address_of(unite), "unite");
    struct one a = {up}, result;
    union either b = {.v = up};
    int n = 4;
    void *arguments[] = {&a, &n, &b};
    floats expected = up * 5;
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    assert_same(result.v, expected);
    free_function(function);
    return unused;
}

Test(wide, a_record_of_one_is_passed_as_the_vector) {
    if (has(32))
        run_everywhere(call_with_records);
}

/* "..." A record of one vector lies there as that does; gcc 12 finds none in functions that are compiled for AVX alone. */

AVX static floats sum_unnamed(floats first, int count, ...) {
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++) {
        first += va_arg(list, floats);
        first += va_arg(list, floats);
        first += (float)va_arg(list, double);
    }
    va_end(list);
    return first;
}

static void *call_variadic(void *unused) {
    gate_decls *decls = read_text("struct one { " FLOATS " v; };");
    const gate_type *of_one = type_of(decls, "struct one"), *of_vector = type_of(decls, FLOATS);
    const gate_type *of_double = type_of(decls, "double");
    const gate_type *types[] = {of_vector, of_one, of_double, of_vector, of_one, of_double};
    gate_signature *variadic, *signature;
    cr_assert_eq(gate_decls_signature(decls, FLOATS " (" FLOATS ", int, ...)", &variadic, NULL), 0);
    cr_assert_eq(gate_signature_extend(variadic, types, 6, &signature, NULL), 0);
    gate_function function = {.signature = signature, .address = address_of(sum_unnamed), .name = "sum"};
    floats v = up, result, expected = 5 * up + 3;
    double x = 1, y = 2;
    int count = 2;
    void *arguments[] = {&v, &count, &v, &v, &x, &v, &v, &y};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    assert_same(result, expected);
    gate_signature_free(variadic);
    gate_signature_free(signature);
    gate_decls_free(decls);
    return unused;
}

Test(wide, behind_the_parameters_of_a_variadic_function_they_are_on_the_stack) {
    if (has(32))
        run_everywhere(call_variadic);
}

/* By other calls */

Test(wide, a_frame_has_room_for_them) {
    if (!has(32))
        return;
    gate_function function = make_function(FLOATS " (" FLOATS ", " FLOATS ")", address_of(subtract_floats), "subtract");
    size_t size = gate_frame_size(function.signature);
    gate_frame *frame = aligned_alloc(16, (size + 15) / 16 * 16);
    struct gate_place places[2];
    floats b = up, result, expected = up * 2;
    cr_assert_eq(gate_frame_init(frame, &function), 0);
    cr_assert_eq(gate_frame_places(function.signature, 0, places), 1);
    cr_assert(places[0].size == sizeof up && places[0].at + sizeof up <= size);
    floats a = up * 3;
    memcpy((char *)frame + places[0].at, &a, sizeof a);
    gate_frame_put(function.signature, frame, 1, &b);
    cr_assert_eq(gate_call_frame(frame), 0);
    cr_assert_eq(frame->error_number, EDOM);
    gate_frame_get(function.signature, frame, &result);
    assert_same(result, expected);
    free(frame);
    free_function(function);
}

Test(wide, a_direct_call_is_enotsup) {
    if (!has(32))
        return;
    gate_function takes = make_function("void (" FLOATS ")", address_of(subtract_floats), "takes");
    gate_function returns = make_function(FLOATS " (void)", address_of(subtract_floats), "returns");
    gate_direct direct;
    cr_assert_eq(gate_direct_init(&direct, &takes), -ENOTSUP);
    cr_assert_eq(gate_direct_init(&direct, &returns), -ENOTSUP);
    free_function(takes);
    free_function(returns);
}

Test(wide, an_asynchronous_call_keeps_its_result) {
    if (!has(32))
        return;
    gate_runtime *runtime = start(1);
    gate_function function = make_function(FLOATS " (" FLOATS ", " FLOATS ")", address_of(subtract_floats), "subtract");
    floats a = up * 3, b = up, result, expected = up * 2;
    void *arguments[] = {&a, &b};
    gate_future *future = NULL;
    int error_number = 0;
    cr_assert_eq(gate_call_async(&function, arguments, NULL, &future, NULL), 0);
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), 0);
    cr_assert_eq(gate_future_result(future, &result, &error_number), 0);
    assert_same(result, expected);
    cr_assert_eq(error_number, EDOM);
    gate_future_free(future);
    free_function(function);
    stop(runtime);
}

/* Callbacks. What C passes, and is returned, is what the compiler has in registers. */

typedef floats of_ten_floats(TEN(floats));
typedef doubles of_ten_doubles(TEN(doubles));

AVX static void call_back_floats(of_ten_floats *function, const floats *v, floats *result) {
    *result = function(*v, 2, *v, *v, *v, *v, 0.5, *v, *v, *v, *v, 10);
}

AVX512 static void call_back_doubles(of_ten_doubles *function, const doubles *v, doubles *result) {
    *result = function(*v, 2, *v, *v, *v, *v, 0.5, *v, *v, *v, *v, 10);
}

/* Which of a handler's arguments are vectors: the others are 2, 0.5 and 10. */
static const int vectors_of_ten[] = {0, 2, 3, 4, 5, 7, 8, 9, 10};

static void check_others_of_ten(void *const arguments[]) {
    cr_assert_eq(*(int *)arguments[1], 2);
    cr_assert_eq(*(double *)arguments[6], 0.5);
    cr_assert_eq(*(long *)arguments[11], 10);
}

static int handle_floats(void *host, void *result, void *const arguments[]) {
    floats sum = {0};
    for (int i = 0; i < 9; i++) {
        cr_assert_eq((uintptr_t)arguments[vectors_of_ten[i]] % sizeof sum, 0);
        sum += (float)(i + 1) * *(floats *)arguments[vectors_of_ten[i]];
    }
    check_others_of_ten(arguments);
    cr_assert_eq((uintptr_t)result % sizeof sum, 0);
    *(floats *)result = sum + 10;
    return (int)(intptr_t)host;
}

static int handle_doubles(void *host, void *result, void *const arguments[]) {
    doubles sum = {0};
    for (int i = 0; i < 9; i++) {
        cr_assert_eq((uintptr_t)arguments[vectors_of_ten[i]] % sizeof sum, 0);
        sum += (double)(i + 1) * *(doubles *)arguments[vectors_of_ten[i]];
    }
    check_others_of_ten(arguments);
    cr_assert_eq((uintptr_t)result % sizeof sum, 0);
    *(doubles *)result = sum + 10;
    return (int)(intptr_t)host;
}

/* A call of C, which calls back; and what is to come of it. */
struct trip {
    const char *type; /* the callback's */
    void (*c)(void);
    gate_handler handler;
    const void *vector;
    int status; /* the handler's */
    _Alignas(64) char result[64];
};

static void *make_trip(void *data) {
    struct trip *trip = data;
    gate_signature *signature = parse(trip->type);
    gate_callback *callback =
        make_callback(gate__m()->runtime, signature, trip->handler, (void *)(intptr_t)trip->status);
    gate_function function = make_function("void (void *, const void *, void *)", trip->c, "calls back");
    void *address = (void *)(uintptr_t)gate_callback_address(callback), *result = trip->result;
    void *arguments[] = {&address, &trip->vector, &result};
    memset(trip->result, 0x5a, sizeof trip->result);
    cr_assert_eq(gate_call(&function, NULL, arguments), trip->status);
    cr_assert_eq(gate_callback_free(callback), 0);
    free_function(function);
    gate_signature_free(signature);
    return NULL;
}

static void check_trips(struct trip *trip, const void *expected, size_t size) {
    gate_runtime *runtime = start(1);
    make_trip(trip);
    cr_assert_eq(memcmp(trip->result, expected, size), 0);
    join(spawn("calling", make_trip, trip));
    cr_assert_eq(memcmp(trip->result, expected, size), 0);
    stop(runtime);
}

Test(wide, callbacks_get_them_aligned_and_return_them_in_whole_registers) {
    floats small = 45 * up + 10;
    doubles large = 45 * down + 10;
    struct trip of_floats = {
        .type = TEN_TEXT(FLOATS), .c = address_of(call_back_floats), .handler = handle_floats, .vector = &up};
    struct trip of_doubles = {
        .type = TEN_TEXT(DOUBLES), .c = address_of(call_back_doubles), .handler = handle_doubles, .vector = &down};
    if (has(32))
        check_trips(&of_floats, &small, sizeof small);
    if (has(64))
        check_trips(&of_doubles, &large, sizeof large);
}

Test(wide, a_handler_that_fails_returns_zeroes) {
    floats small = {0};
    struct trip of_floats = {.type = TEN_TEXT(FLOATS),
                             .c = address_of(call_back_floats),
                             .handler = handle_floats,
                             .vector = &up,
                             .status = 7};
    if (has(32))
        check_trips(&of_floats, &small, sizeof small);
}

AVX static void call_back_for_others(void *function, const floats *v, void *unused) {
    (void)unused;
    struct pair pair = ((struct pair(*)(floats, double))function)(*v, 0.5);
    cr_assert(pair.x == 1.5 && pair.n == 8);
}

static int handle_for_pair(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    floats v = *(floats *)arguments[0];
    *(struct pair *)result = (struct pair){(double)v[0] + *(double *)arguments[1], (long)v[7]};
    return 0;
}

AVX static void call_back_for_ldouble(void *function, const floats *v, void *unused) {
    (void)unused;
    cr_assert_eq(((long double (*)(floats))function)(*v), 8.25L);
}

static int handle_for_ldouble(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    *(long double *)result = (*(floats *)arguments[0])[7] + 0.25L;
    return 0;
}

AVX static void call_back_for_large(void *function, const floats *v, struct large *result) {
    *result = ((struct large(*)(int, floats))function)(42, *v);
}

static int handle_for_large(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    memcpy(result, arguments[1], sizeof up);
    memcpy((char *)result + sizeof up, arguments[0], sizeof(int));
    return 0;
}

Test(wide, callbacks_that_get_them_return_as_others_do) {
    struct trip pair = {"struct { double x; long n; } (" FLOATS ", double)",
                        address_of(call_back_for_others),
                        handle_for_pair,
                        &up,
                        0,
                        {0}};
    struct trip ldouble = {
        "long double (" FLOATS ")", address_of(call_back_for_ldouble), handle_for_ldouble, &up, 0, {0}};
    struct trip large = {"struct { " FLOATS " v; int n; } (int, " FLOATS ")",
                         address_of(call_back_for_large),
                         handle_for_large,
                         &up,
                         0,
                         {0}};
    struct large expected = {up, 42};
    if (!has(32))
        return;
    check_trips(&pair, NULL, 0);
    check_trips(&ldouble, NULL, 0);
    check_trips(&large, &expected, sizeof up + sizeof(int));
}

/* A thread that C made. */
struct visit {
    void (*function)(void);
    floats result;
};

static void *call_back_from_outside(void *data) {
    struct visit *visit = data;
    for (int i = 0; i < 50; i++) /* it lingers in the end */
        call_back_floats((of_ten_floats *)visit->function, &up, &visit->result);
    return NULL;
}

Test(wide, threads_that_no_runtime_knows_call_back_with_them) {
    if (!has(32))
        return;
    gate_runtime *runtime = start(1);
    gate_signature *signature = parse(TEN_TEXT(FLOATS));
    gate_callback *callback = make_callback(runtime, signature, handle_floats, NULL);
    struct visit visit = {.function = gate_callback_address(callback)};
    floats expected = 45 * up + 10;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, call_back_from_outside, &visit), 0);
    block_ms(1);
    while (pthread_tryjoin_np(thread, NULL))
        block_ms(1);
    assert_same(visit.result, expected);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    stop(runtime);
}

/* Behind all that, code which knows none of the upper parts is not to be slowed down by them. */

AVX static int leave_upper_parts(floats v) {
    __asm__ volatile("vmovups %0, %%ymm5" : : "m"(v) : "xmm5");
    return 0;
}

AVX static bool has_upper_part(void) {
    floats v;
    __asm__ volatile("vmovups %%ymm5, %0" : "=m"(v));
    uint64_t upper[2];
    memcpy(upper, (char *)&v + 16, sizeof upper);
    return upper[0] || upper[1];
}

static int look_for_upper_parts(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    *(int *)result = has_upper_part();
    return 0;
}

AVX static void leave_upper_parts_and_call_back(void *function, const floats *v, int *result) {
    typedef int of_six(floats, floats, floats, floats, floats, floats);
    *result = ((of_six *)function)(*v, *v, *v, *v, *v, *v);
}

Test(wide, the_upper_parts_of_registers_are_clear_behind_a_call_and_in_a_handler) {
    if (!has(32))
        return;
    gate_function function = make_function("int (" FLOATS ")", address_of(leave_upper_parts), "leave");
    floats v = up;
    void *arguments[] = {&v};
    cr_assert_eq(gate_call(&function, NULL, arguments), 0);
    cr_assert_not(has_upper_part());
    free_function(function);
    struct trip trip = {.type = "int (" FLOATS ", " FLOATS ", " FLOATS ", " FLOATS ", " FLOATS ", " FLOATS ")",
                        .c = address_of(leave_upper_parts_and_call_back),
                        .handler = look_for_upper_parts,
                        .vector = &up};
    check_trips(&trip, &(int){0}, sizeof(int));
}

/* Processors */

static void refuse(const char *text, const char *words) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_parse(text, &signature, &error), -ENOTSUP, "%s", text);
    cr_assert_not_null(strstr(error.message, words), "'%s' gives: %s", text, error.message);
}

Test(wide, without_registers_for_them_there_are_no_calls) {
    if (!has(64))
        return;
    atomic_store(&gate__abi_known_vector_most, 32);
    gate_signature_free(parse(FLOATS " (struct { " FLOATS " v; })"));
    refuse("void (" DOUBLES ")", "goes into a register of AVX-512, and this processor or system has none");
    atomic_store(&gate__abi_known_vector_most, 16);
    refuse("void (int, " FLOATS ")", "parameter 2 is of type 'float __attribute__((vector_size(32)))', which goes into "
                                     "a register of AVX, and this processor or system has none");
    refuse("struct { " FLOATS " v[1]; } (void)", "the result is of type 'struct {");
    gate_signature_free(parse("void (float __attribute__((vector_size(16))), struct { " FLOATS " v; int n; })"));
}

Test(wide, libffi_is_asked_for_none) {
    if (!has(64))
        return;
    static const char *const texts[] = {"void (" FLOATS ")", "void (struct { " DOUBLES " v; })",
                                        "union { " FLOATS " v; float x; } (void)"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gate_signature *signature = parse(texts[i]);
        cr_assert_not(prepare_for_ffi(signature), "%s", texts[i]);
        gate_signature_free(signature);
    }
}
