/* Vectors of 32 and 64 bytes in registers: calls of functions that are compiled for them, and callbacks from there. Where such
 * values are in any signature is test_abi.c's to find. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/bridge/wide.h"
#include "tests/support/bridge.h"
#include "tests/support/decls.h"

/* There libffi makes the calls, and has no vectors. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

#define TEXT_OF_ALL(...) #__VA_ARGS__
#define TEXT(...) TEXT_OF_ALL(__VA_ARGS__)

uintptr_t wide_stack_places;

/* What is compiled for one of the sizes, and the types of that. */
static const struct wide_ends *ends;
static gate_decls *decls;

static bool has(unsigned bytes) {
    bool does = !__msan_unpoison && gate__abi_vector_most() >= bytes;
    if (!does && !__msan_unpoison)
        fprintf(stderr, "SKIPPED: calls with vectors of %u bytes\n", bytes);
    return does;
}

/* Has test run body for each size that there are registers for. */
static void for_both(void (*test)(gate_task_main body), gate_task_main body) {
    static const struct wide_ends *const both[] = {&wide_ends_32, &wide_ends_64};
    char vector[64];
    for (int i = 0; i < 2; i++) {
        ends = both[i];
        if (!has(ends->bytes))
            continue;
        snprintf(vector, sizeof vector, "typedef long v __attribute__((vector_size(%u)));", ends->bytes);
        decls = read_text(vector);
        read_more(decls, TEXT(WIDE_TYPES));
        test(body);
        gate_decls_free(decls);
    }
}

/* In a root task, and in a stackful one. */
static void in_tasks(gate_task_main body) {
    gate_runtime *runtime = start(1);
    body(NULL);
    join(spawn("calling", body, NULL));
    stop(runtime);
}

/* Without a runtime, too. */
static void everywhere(gate_task_main body) {
    body(NULL);
    in_tasks(body);
}

static gate_signature *signature_of(const char *type) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_signature(decls, type, &signature, &error), 0, "%s", error.message);
    return signature;
}

static gate_function function_of(const char *type, void (*address)(void)) {
    return (gate_function){.signature = signature_of(type), .address = address, .name = type};
}

/* The vector of all tests, and three times that. */
static _Alignas(64) const long up[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static _Alignas(64) const long thrice[8] = {3, 6, 9, 12, 15, 18, 21, 24};

static void *value(const void *constant) {
    return (void *)(uintptr_t)constant;
}

static void check_vector(const void *vector, long factor, long more) {
    for (unsigned i = 0; i < ends->bytes / sizeof *up; i++)
        cr_assert_eq(((const long *)vector)[i], factor * up[i] + more, "element %u of %u bytes", i, ends->bytes);
}

/* Arguments and results */

static void *call_subtract(void *unused) {
    gate_function function = function_of("subtract", ends->subtract);
    void *arguments[] = {value(thrice), value(up)};
    int classes = gate__m() ? GATE_CALL_GUARDED : GATE_CALL_BLOCKING;
    for (int class = GATE_CALL_DEFAULT; class <= classes; class ++) {
        long result[9] = {[8] = 42};
        function.call_class = (enum gate_call_class) class;
        cr_assert_eq(gate_call(&function, result, arguments), 0);
        cr_assert_eq(gate_errno(), EDOM);
        check_vector(result, 2, 0);
        cr_assert_eq(result[8], 42);
        cr_assert_eq(gate_call(&function, NULL, arguments), 0, "nobody asks for the result");
    }
    free_function(function);
    return unused;
}

Test(wide, vectors_are_passed_and_returned_in_whole_registers) {
    for_both(everywhere, call_subtract);
}

/* Some registers are left: words and doubles go on in theirs. */
static void *call_with_ten(void *unused) {
    gate_function function = function_of("of_ten", ends->sum_of_ten);
    int one = 2;
    double f = 0.5;
    long result[8], two = 10;
    void *v = value(up), *arguments[] = {v, &one, v, v, v, v, &f, v, v, v, v, &two};
    wide_stack_places = 0;
    cr_assert_eq(gate_call(&function, result, arguments), 0);
    check_vector(result, 45, 10);
    cr_assert_eq(wide_stack_places % ends->bytes, 0);
    free_function(function);
    return unused;
}

Test(wide, the_eighth_and_the_ninth_behind_a_double_are_on_the_stack_and_aligned) {
    for_both(everywhere, call_with_ten);
}

static void check_result(const char *type, void (*address)(void), void *const arguments[], const void *expected,
                         size_t size) {
    gate_function function = function_of(type, address);
    _Alignas(64) char result[128];
    cr_assert_eq(gate_call(&function, result, arguments), 0);
    cr_assert_eq(memcmp(result, expected, size), 0, "%s, with %u bytes", type, ends->bytes);
    free_function(function);
}

struct pair {
    double x;
    long n;
};

static void *call_for_other_results(void *unused) {
    double x = 0.5;
    float y = 0.125;
    __float128 z = 4;
    int n = 42;
    void *v = value(up);
    struct pair pair = {1.5, 4};
    long double x87 = 4.25L;
    float sum = 8.625;
    char large[128];
    memcpy(large, up, ends->bytes);
    memcpy(large + ends->bytes, &n, sizeof n);
    check_result("to_pair", ends->to_pair, (void *[]){v, &x}, &pair, sizeof pair);
    check_result("to_x87", ends->to_x87, (void *[]){v}, &x87, 10);
    check_result("to_memory", ends->to_memory, (void *[]){&n, v}, large, ends->bytes + sizeof n);
    check_result("of_mixed", ends->of_mixed, (void *[]){&x, &y, v, &z}, &sum, sizeof sum);
    return unused;
}

static void *call_for_x87_pair(void *unused) {
    gate_function function = function_of("to_x87_pair", ends->to_x87_pair);
    long double _Complex result = 0;
    cr_assert_eq(gate_call(&function, &result, (void *[]){value(up)}), 0);
    cr_assert(__real__ result == 1 && __imag__ result == 4);
    free_function(function);
    return unused;
}

Test(wide, functions_that_take_them_return_as_others_do) {
    for_both(everywhere, call_for_x87_pair);
    for_both(everywhere, call_for_other_results);
}

/* Records */

static bool is_wide(const char *text) {
    return gate__abi_is_wide(type_of(decls, text));
}

Test(wide, a_record_is_one_if_a_vector_fills_it_and_nothing_lies_beside_that) {
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
    decls = read_text(
        "typedef float f __attribute__((vector_size(32))), q __attribute__((vector_size(16)));"
        "typedef double d __attribute__((vector_size(64))); typedef __int128 w __attribute__((vector_size(32)));"
        "struct one { f v; }; union same { f v; struct { struct one a[1]; } b; };");
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        cr_assert(is_wide(wide[i]), "%s", wide[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_not(is_wide(others[i]), "%s", others[i]);
    gate_decls_free(decls);
}

static void *call_unite(void *unused) {
    gate_function function = function_of("unite", ends->unite);
    int n = 4;
    long result[8];
    cr_assert_eq(gate_call(&function, result, (void *[]){value(up), &n, value(thrice)}), 0);
    check_vector(result, 7, 0);
    free_function(function);
    return unused;
}

Test(wide, records_of_one_are_passed_as_the_vector) {
    for_both(everywhere, call_unite);
}

/* "..." */

static void *call_variadic(void *unused) {
    gate_signature *variadic = signature_of("sum_all"), *extended;
    const gate_type *v = type_of(decls, "v"), *one = type_of(decls, "struct one"), *real = type_of(decls, "double");
    const gate_type *types[] = {v, one, real, v, one, real};
    double x = 1, y = 2;
    int count = 2;
    long result[8];
    void *arguments[] = {&count, value(up), value(up), &x, value(up), value(thrice), &y};
    cr_assert_eq(gate_signature_extend(variadic, types, 6, &extended, NULL), 0);
    gate_function function = {.signature = extended, .address = ends->sum_all, .name = "sum"};
    cr_assert_eq(gate_call(&function, result, arguments), 0);
    check_vector(result, 6, 3);
    free_function(function);
    gate_signature_free(variadic);
    return unused;
}

Test(wide, behind_the_parameters_of_a_variadic_function_they_are_on_the_stack) {
    for_both(everywhere, call_variadic);
}

Test(wide, a_named_one_of_a_variadic_function_is_in_a_register) {
    if (!has(32))
        return;
    gate_signature *signature = parse("void (long __attribute__((vector_size(32))), ...)");
    cr_assert_eq(signature->plan->shape, GATE__SHAPE_WIDE32);
    cr_assert_eq(signature->plan->stack_count, 0);
    gate_signature_free(signature);
}

/* By other calls */

static void *call_by_frame(void *unused) {
    gate_function function = function_of("subtract", ends->subtract);
    size_t size = gate_frame_size(function.signature);
    gate_frame *frame = aligned_alloc(16, (size + 15) / 16 * 16);
    struct gate_place places[2];
    long result[8];
    cr_assert_eq(gate_frame_init(frame, &function), 0);
    cr_assert_eq(gate_frame_places(function.signature, 0, places), 1);
    cr_assert(places[0].size == ends->bytes && places[0].at + places[0].size <= size);
    memcpy((char *)frame + places[0].at, thrice, places[0].size);
    gate_frame_put(function.signature, frame, 1, up);
    cr_assert_eq(gate_call_frame(frame), 0);
    cr_assert_eq(frame->error_number, EDOM);
    cr_assert_eq(gate_frame_places(function.signature, GATE_RESULT, places), 1);
    check_vector((char *)frame + places[0].at, 2, 0);
    gate_frame_get(function.signature, frame, result);
    check_vector(result, 2, 0);
    free(frame);
    free_function(function);
    return unused;
}

Test(wide, a_frame_has_places_for_them) {
    for_both(everywhere, call_by_frame);
}

static void *prepare_direct_calls(void *unused) {
    gate_function takes = function_of("void (v)", ends->subtract), returns = function_of("v (void)", ends->subtract);
    gate_direct direct;
    cr_assert_eq(gate_direct_init(&direct, &takes), -ENOTSUP);
    cr_assert_eq(gate_direct_init(&direct, &returns), -ENOTSUP);
    free_function(takes);
    free_function(returns);
    return unused;
}

Test(wide, a_direct_call_is_enotsup) {
    for_both(everywhere, prepare_direct_calls);
}

static void *call_asynchronously(void *unused) {
    gate_function function = function_of("subtract", ends->subtract);
    gate_future *future = NULL;
    int error_number = 0;
    long result[8];
    cr_assert_eq(gate_call_async(&function, (void *[]){value(thrice), value(up)}, NULL, &future, NULL), 0);
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), 0);
    cr_assert_eq(gate_future_result(future, result, &error_number), 0);
    check_vector(result, 2, 0);
    cr_assert_eq(error_number, EDOM);
    gate_future_free(future);
    free_function(function);
    return unused;
}

Test(wide, an_asynchronous_call_keeps_the_result) {
    for_both(in_tasks, call_asynchronously);
}

/* Callbacks. What C passes, and is returned, is what its compiler has in registers. */

typedef void call_by_c(void (*function)(void), const void *vector, void *result);

/* Has C call back with the vector, and keep what it is returned. The callback is freed. */
static void call_back(call_by_c *call, gate_callback *callback, int status, void *result) {
    gate_function function = make_function("void (void *, const void *, void *)", address_of(call), "calls back");
    void (*address)(void) = gate_callback_address(callback);
    const void *vector = up;
    cr_assert_eq(gate_call(&function, NULL, (void *[]){&address, &vector, &result}), status);
    cr_assert_eq(gate_callback_free(callback), 0);
    free_function(function);
}

/* The same to a handler, which is told its status. */
static void call_back_by(const char *type, call_by_c *call, gate_handler handler, int status, void *result) {
    gate_signature *signature = signature_of(type);
    call_back(call, make_callback(gate__m()->runtime, signature, handler, (void *)(intptr_t)status), status, result);
    gate_signature_free(signature);
}

static int handle_ten(void *status, void *result, void *const arguments[]) {
    static const int vectors[] = {0, 2, 3, 4, 5, 7, 8, 9, 10};
    for (int i = 0; i < 9; i++) {
        cr_assert_eq((uintptr_t)arguments[vectors[i]] % ends->bytes, 0);
        check_vector(arguments[vectors[i]], 1, 0);
    }
    cr_assert_eq(*(int *)arguments[1], 2);
    cr_assert_eq(*(double *)arguments[6], 0.5);
    cr_assert_eq(*(long *)arguments[11], 10);
    cr_assert_eq((uintptr_t)result % ends->bytes, 0);
    memcpy(result, thrice, ends->bytes);
    return (int)(intptr_t)status;
}

static void *call_back_with_ten(void *unused) {
    _Alignas(64) long result[9] = {[8] = 42};
    call_back_by("of_ten", ends->call_of_ten, handle_ten, 0, result);
    check_vector(result, 3, 0);
    call_back_by("of_ten", ends->call_of_ten, handle_ten, 7, result);
    check_vector(result, 0, 0);
    return unused;
}

Test(wide, callbacks_get_them_aligned_and_return_one_or_zeroes_if_they_fail) {
    for_both(in_tasks, call_back_with_ten);
}

static int store_nothing(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 0;
}

static void *get_nothing(void *unused) {
    _Alignas(64) long result[9] = {0};
    call_back_by("of_ten", ends->call_of_ten, handle_ten, 0, result);
    call_back_by("of_ten", ends->call_of_ten, store_nothing, 0, result);
    check_vector(result, 0, 0);
    return unused;
}

Test(wide, a_callbacks_result_is_zero_until_it_is_stored) {
    for_both(in_tasks, get_nothing);
}

static void *call_back_to_direct_handler(void *unused) {
    gate_signature *signature = signature_of("of_ten");
    struct gate_callback_config config = {.signature = signature, .direct = ends->sum_of_ten};
    gate_callback *callback = NULL;
    _Alignas(64) long result[8];
    cr_assert_eq(gate_callback_make(gate__m()->runtime, &config, &callback, NULL), 0);
    call_back(ends->call_of_ten, callback, 0, result);
    check_vector(result, 45, 10);
    gate_signature_free(signature);
    return unused;
}

Test(wide, a_direct_handler_gets_them_in_registers) {
    for_both(in_tasks, call_back_to_direct_handler);
}

static int handle_for_pair(void *unused, void *result, void *const arguments[]) {
    check_vector(arguments[0], 1, 0);
    *(struct pair *)result = (struct pair){*(double *)arguments[1], 42};
    return (int)(intptr_t)unused;
}

static int handle_for_x87(void *unused, void *result, void *const arguments[]) {
    check_vector(arguments[0], 1, 0);
    *(long double *)result = 4.25L;
    return (int)(intptr_t)unused;
}

static int handle_for_memory(void *unused, void *result, void *const arguments[]) {
    check_vector(arguments[1], 1, 0);
    memcpy(result, thrice, ends->bytes);
    memcpy((char *)result + ends->bytes, arguments[0], sizeof(int));
    return (int)(intptr_t)unused;
}

static void *call_back_for_other_results(void *unused) {
    struct pair pair;
    long double x87;
    _Alignas(64) long large[16];
    call_back_by("to_pair", ends->call_to_pair, handle_for_pair, 0, &pair);
    cr_assert(pair.x == 0.5 && pair.n == 42);
    call_back_by("to_x87", ends->call_to_x87, handle_for_x87, 0, &x87);
    cr_assert_eq(x87, 4.25L);
    call_back_by("to_memory", ends->call_to_memory, handle_for_memory, 0, large);
    check_vector(large, 3, 0);
    cr_assert_eq((int)large[ends->bytes / sizeof *large], 42);
    return unused;
}

Test(wide, callbacks_that_get_them_return_as_others_do) {
    for_both(in_tasks, call_back_for_other_results);
}

/* A thread that C made. */
struct visit {
    void (*function)(void);
    _Alignas(64) long result[8];
};

static void *call_back_from_outside(void *data) {
    struct visit *visit = data;
    for (int i = 0; i < 50; i++) /* it lingers in the end */
        ends->call_of_ten(visit->function, up, visit->result);
    return NULL;
}

static void *wait_for_visit(void *unused) {
    gate_signature *signature = signature_of("of_ten");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, handle_ten, NULL);
    struct visit visit = {.function = gate_callback_address(callback)};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, call_back_from_outside, &visit), 0);
    while (pthread_tryjoin_np(thread, NULL))
        block_ms(1);
    check_vector(visit.result, 3, 0);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    return unused;
}

Test(wide, threads_that_no_runtime_knows_call_back_with_them) {
    for_both(in_tasks, wait_for_visit);
}

/* Behind all that, code which knows none of the upper parts is not to be slowed down by them. */

static int look_for_upper_parts(void *status, void *result, void *const arguments[]) {
    (void)arguments;
    *(int *)result = ends->has_upper_part();
    return (int)(intptr_t)status;
}

static void *look_behind_calls(void *unused) {
    gate_function function = function_of("int (v)", ends->leave_upper_parts);
    int found = 1;
    cr_assert_eq(gate_call(&function, NULL, (void *[]){value(up)}), 0);
    cr_assert_not(ends->has_upper_part());
    call_back_by("of_six", ends->call_of_six, look_for_upper_parts, 0, &found);
    cr_assert_not(found);
    free_function(function);
    return unused;
}

Test(wide, the_upper_parts_of_registers_are_clear_behind_a_call_and_in_a_handler) {
    for_both(in_tasks, look_behind_calls);
}

/* Where there are none */

static void refuse(const char *text, const char *words) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_parse(text, &signature, &error), -ENOTSUP, "%s", text);
    cr_assert_not_null(strstr(error.message, words), "'%s' gives: %s", text, error.message);
}

#define V32 "long __attribute__((vector_size(32)))"
#define V64 "char __attribute__((vector_size(64)))"

Test(wide, without_registers_for_them_there_are_no_calls) {
    if (__msan_unpoison)
        return;
    atomic_store(&gate__abi_known_vector_most, 32);
    gate_signature_free(parse(V32 " (struct { " V32 " v; })"));
    refuse("void (" V64 ")", "which goes into a register of AVX-512, and this processor or system has none");
    atomic_store(&gate__abi_known_vector_most, 16);
    refuse("void (int, " V32 ")", "parameter 2 is of type 'long __attribute__((vector_size(32)))', which goes into "
                                  "a register of AVX, and this processor or system has none");
    refuse("struct { " V32 " v[1]; } (void)", "the result is of type 'struct {");
    gate_signature_free(parse("void (long __attribute__((vector_size(16))), struct { " V32 " v; int n; })"));
}

Test(wide, libffi_has_none) {
    static const char *const texts[] = {"void (" V32 ")", "void (struct { " V64 " v; })",
                                        "union { " V32 " v; float x; } (void)"};
    atomic_store(&gate__abi_known_vector_most, 64);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (__msan_unpoison) {
            refuse(texts[i], "libffi, which makes calls for MemorySanitizer, has no such types");
            continue;
        }
        gate_signature *signature = parse(texts[i]);
        cr_assert_not(prepare_for_ffi(signature), "%s", texts[i]);
        gate_signature_free(signature);
    }
}
