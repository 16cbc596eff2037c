/* Calls by stubs and inline callers that cgen has written for calls.h.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "calls_exports.h"
#include "calls_stubs.h"
#include "tests/support/bridge.h"
#include "tests/support/death.h"

int add(int a, int b) {
    return a + b;
}

double mix(int a, double b, short c, float d) {
    return a + 10 * b + 100 * c + 1000 * (double)d;
}

void store(int *at, signed char value) {
    *at = value;
}

struct pair swap_pair(struct pair of, int by) {
    return (struct pair){(int)of.b, of.a * by};
}

large fill(large of, char with) {
    memset(of.bytes + 1, with, sizeof of.bytes - 1);
    return of;
}

long double half(long double of) {
    return of / 2;
}

__int128 many(int a, int b, int c, int d, int e, int f, __int128 g, double h) {
    return a + b + c + d + e + f + g + (int)h;
}

double sum(int count, ...) {
    va_list list;
    double total = 0;
    va_start(list, count);
    for (int i = 0; i < count; i++)
        total += i % 2 ? va_arg(list, double) : va_arg(list, int);
    va_end(list);
    return total;
}

__attribute__((format(printf, 3, 0))) int print_to(char *to, unsigned long size, const char *format, va_list list) {
    return vsnprintf(to, size, format, list);
}

int fail_with(int error_number) {
    errno = error_number;
    return -1;
}

unsigned char low_byte(unsigned short of) {
    return (unsigned char)of;
}

const char *name_of(int number) {
    return number ? "one" : "none";
}

int sum_of(const int values[], int count) {
    int total = 0;
    for (int i = 0; i < count; i++)
        total += values[i];
    return total;
}

void *where_it_is_called(void) {
    return __builtin_return_address(0);
}

int counter = 4;
struct pair pairs[2] = {{1, 2}, {3, 4}};

int apply(int (*function)(int, int), int a, int b) {
    return function(a, b);
}

/* In the place of libffi's. */
void ffi_call(void);
void ffi_call(void) {
    cr_assert(false, "libffi is on the way");
}

static const gate_stub *find(const char *name) {
    const gate_stub *stub = gate_stubs_calls;
    while (stub->name && strcmp(stub->name, name) != 0)
        stub++;
    return stub;
}

/* What calls a function of calls.h directly. */
static gate_direct *prepare(const char *name, gate_function *function) {
    static gate_direct direct;
    gate_decls *decls;
    cr_assert(gate_decls_make(&decls) == 0);
    cr_assert(gate_function_of_stub(find(name), decls, function, NULL) == 0);
    gate_decls_free(decls);
    cr_assert(gate_direct_init(&direct, function) == 0);
    return &direct;
}

Test(stubs, words_go_in_and_a_result_comes_out) {
    struct gate_args_add f = {.p0 = 40, .p1 = 2};
    cr_assert(gate_call_stub(find("add"), &f) == 0);
    cr_assert(f.result == 42);
}

Test(stubs, types_are_passed_as_the_compiler_passes_them) {
    struct gate_args_mix m = {.p0 = 1, .p1 = 2, .p2 = 3, .p3 = 4};
    struct gate_args_many n = {.p0 = 1, .p1 = 2, .p2 = 3, .p3 = 4, .p4 = 5, .p5 = 6, .p6 = (__int128)1 << 100, .p7 = 7};
    struct gate_args_half h = {.p0 = 3};
    cr_assert(gate_call_stub(find("mix"), &m) == 0 && m.result == 4321);
    cr_assert(gate_call_stub(find("many"), &n) == 0 && n.result == ((__int128)1 << 100) + 28);
    cr_assert(gate_call_stub(find("half"), &h) == 0 && h.result == 1.5L);
}

Test(stubs, structs_go_by_value) {
    struct gate_args_swap_pair s = {.p0 = {3, 4.5}, .p1 = 2};
    struct gate_args_fill f = {.p0 = {"ab"}, .p1 = 'x'};
    cr_assert(gate_call_stub(find("swap_pair"), &s) == 0 && s.result.a == 4 && s.result.b == 6);
    cr_assert(gate_call_stub(find("fill"), &f) == 0 && memcmp(f.result.bytes, "axx", 3) == 0);
}

Test(stubs, variadic_functions_get_words_and_doubles_in_any_order) {
    struct gate_args_sum f = {.p0 = 5, .words = {1, 2, 3}, .doubles = {0.25, 0.5}};
    cr_assert(gate_call_stub(find("sum"), &f) == 0);
    cr_assert(f.result == 6.75);
}

Test(stubs, what_variadic_functions_get_beyond_registers_is_on_the_stack_in_order) {
    struct gate_args_sum f = {.p0 = 20, .words = {1, 2, 3, 4, 5}, .doubles = {.1, .2, .3, .4, .5, .6, .7, .8}};
    cr_assert(sizeof f.more == 16 * sizeof *f.more);
    double last[] = {1.5, 2.5};
    f.more[0] = 10, f.more[1] = 20, f.more[2] = 30, f.more[3] = 40, f.more[5] = 50;
    memcpy(&f.more[4], &last[0], sizeof last[0]);
    memcpy(&f.more[6], &last[1], sizeof last[1]);
    cr_assert(gate_call_stub(find("sum"), &f) == 0);
    cr_assert_float_eq(f.result, 15 + 3.6 + 150 + 4, 1e-9);
}

static int print(char *to, unsigned long size, const char *format, ...) {
    struct gate_args_print_to f = {.p0 = to, .p1 = size, .p2 = format};
    va_list list;
    va_start(list, format);
    f.p3 = list;
    int status = gate_call_stub(find("print_to"), &f);
    va_end(list);
    return status ? status : f.result;
}

Test(stubs, a_list_of_arguments_is_passed_on) {
    char text[16];
    cr_assert(print(text, sizeof text, "%d %s", 7, "up") == 4);
    cr_assert(strcmp(text, "7 up") == 0);
}

Test(stubs, errno_is_in_the_frame_and_gate_errnos) {
    struct gate_args_fail_with f = {.p0 = ENOENT};
    cr_assert(gate_call_stub(find("fail_with"), &f) == 0);
    cr_assert(f.result == -1 && f.error_number == ENOENT && gate_errno() == ENOENT);
}

Test(stubs, one_begins_with_errno_0) {
    struct gate_args_add f = {.p0 = 1, .p1 = 2, .error_number = 77};
    errno = EAGAIN;
    gate_stub_add(&f);
    cr_assert(f.result == 3 && f.error_number == 0);
}

Test(stubs, a_plain_one_leaves_errno_alone) {
    struct gate_args_add f = {.p0 = 1, .p1 = 2, .error_number = 77};
    errno = EAGAIN;
    gate_stub_plain_add(&f);
    cr_assert(f.result == 3 && f.error_number == 77 && errno == EAGAIN);
}

Test(stubs, static_inline_functions_have_stubs_and_a_symbol) {
    struct gate_args_twice f = {.p0 = 21};
    cr_assert(gate_call_stub(find("twice"), &f) == 0 && f.result == 42);
    cr_assert(gate_inline_twice(4) == 8);
}

Test(stubs, the_symbol_of_a_variadic_inline_function_passes_all_arguments) {
    cr_assert(gate_inline_sum_all(3, 10, 20, 30) == 60);
}

Test(stubs, macros_that_are_not_constant_are_functions) {
    struct gate_args_COUNTER c = {.result = 0};
    struct gate_args_SECOND_PAIR p = {.result = {0}};
    counter = 4;
    cr_assert(gate_call_stub(find("COUNTER"), &c) == 0 && c.result == 5);
    cr_assert(gate_call_stub(find("SECOND_PAIR"), &p) == 0 && p.result.a == 3 && p.result.b == 4);
    counter = 9;
    cr_assert(gate_call_stub(find("COUNTER"), &c) == 0 && c.result == 10);
}

Test(stubs, macros_take_the_arguments_that_the_compiler_takes) {
    int numbers[] = {1, -1, 1};
    struct gate_args_SUM_OF_TWO s = {.p0 = 40, .p1 = 2};
    struct gate_args_NAME_AT n = {.p0 = numbers, .p1 = 3};
    struct gate_args_TEN_TIMES t = {.p0 = 2.5};
    struct gate_args_RESET r = {.p0 = 7};
    cr_assert(gate_call_stub(find("SUM_OF_TWO"), &s) == 0 && s.result == 42);
    cr_assert(gate_call_stub(find("NAME_AT"), &n) == 0 && strcmp(n.result, "one") == 0);
    cr_assert(gate_call_stub(find("TEN_TIMES"), &t) == 0 && t.result == 25);
    cr_assert(gate_call_stub(find("RESET"), &r) == 0 && counter == 7);
    cr_assert(find("RESET")->call_class == GATE_CALL_LEAF);
}

Test(stubs, a_config_says_the_type_of_a_macro) {
    struct gate_args_A_OF a = {.p0 = &pairs[1]};
    cr_assert(gate_call_stub(find("A_OF"), &a) == 0 && a.result == 3);
    cr_assert_str_eq(find("A_OF")->signature, "int A_OF(const struct pair *pair)");
    cr_assert(!find("SIDE_OF")->name, "nobody says the type of this one");
}

Test(stubs, a_macro_that_is_another_name_calls_the_function) {
    struct gate_args_plus f = {.p0 = 1, .p1 = 2};
    cr_assert(gate_call_stub(find("plus"), &f) == 0 && f.result == 3);
    cr_assert(find("plus")->address == (void (*)(void))add);
}

Test(stubs, arrays_and_functions_are_passed_as_pointers) {
    int values[] = {1, 2, 3};
    struct gate_args_sum_of s = {.p0 = values, .p1 = 3};
    struct gate_args_apply a = {.p0 = add, .p1 = 1, .p2 = 2};
    cr_assert(gate_call_stub(find("sum_of"), &s) == 0 && s.result == 6);
    cr_assert(gate_call_stub(find("apply"), &a) == 0 && a.result == 3);
}

Test(stubs, the_table_has_what_gate_call_needs) {
    const gate_stub *stub = find("add");
    gate_function function;
    gate_decls *decls;
    int a = 1, b = 2, result = 0;
    void *const arguments[] = {&a, &b};
    cr_assert(gate_decls_make(&decls) == 0);
    cr_assert(gate_function_of_stub(stub, decls, &function, NULL) == 0);
    cr_assert(gate_call(&function, &result, arguments) == 0 && result == 3);
    cr_assert(stub->frame_size == sizeof(struct gate_args_add) && stub->call_class == GATE_CALL_DEFAULT);
    free_function(function);
    gate_decls_free(decls);
}

Test(stubs, classes_are_the_configs) {
    cr_assert(find("store")->call_class == GATE_CALL_LEAF);
    cr_assert(find("fail_with")->call_class == GATE_CALL_BLOCKING);
}

Test(callers, words_and_doubles_are_passed_on) {
    gate_function function;
    gate_direct *direct = prepare("mix", &function);
    double result = 0;
    cr_assert(gate_caller_mix(direct, &result, 1, 2, 3, 4) == 0 && result == 4321);
    cr_assert(gate_caller_mix(direct, &result, -1, 2, -3, 4) == 0 && result == 3719);
    free_function(function);
}

Test(callers, narrow_values_are_extended_by_their_sign) {
    gate_function function;
    int at = 0;
    cr_assert(gate_caller_store(prepare("store", &function), &at, -5) == 0 && at == -5);
    free_function(function);
    unsigned char low = 0;
    cr_assert(gate_caller_low_byte(prepare("low_byte", &function), &low, 0xabcd) == 0 && low == 0xcd);
    free_function(function);
}

Test(callers, errno_is_kept) {
    gate_function function;
    int result = 0;
    gate_direct *direct = prepare("fail_with", &function);
    cr_assert(gate_caller_fail_with(direct, &result, EPERM) == 0 && result == -1);
    cr_assert(direct->error_number == EPERM);
    free_function(function);
}

#ifdef GATE_INLINE_CALL
/* All of the section is one function. */
extern char __start_in_line[], __stop_in_line[];

__attribute__((noinline, section("in_line"))) static int call_in_line(gate_direct *direct, void **result) {
    return gate_caller_where_it_is_called(direct, result);
}

static void *find_where(void *direct) {
    char *at = NULL;
    cr_assert(call_in_line(direct, (void **)&at) == 0);
    if (gate__foreign_is_plain())
        cr_assert(at > __start_in_line && at < __stop_in_line);
    return NULL;
}

Test(callers, c_returns_to_who_called_with_nothing_in_between) {
    gate_function function;
    gate_direct *direct = prepare("where_it_is_called", &function);
    if (has_plans())
        run_task(find_where, direct);
    free_function(function);
}
#endif

/* The same from a task, whose stack is small. */
static void *call_from_task(void *data) {
    struct gate_args_apply f = {.p0 = add, .p1 = 20, .p2 = 22};
    struct gate_args_fail_with e = {.p0 = ERANGE};
    cr_assert(gate_call_stub(find("apply"), &f) == 0 && f.result == 42);
    cr_assert(gate_call_stub(find("fail_with"), &e) == 0 && e.error_number == ERANGE && gate_errno() == ERANGE);
    return data;
}

Test(stubs, they_run_on_the_system_stack_of_a_task) {
    run_task(call_from_task, NULL);
}

/* Exports: the host's functions, as C calls them */

static int subtract(void *host, void *result, void *const arguments[]) {
    ++*(int *)host;
    *(int *)result = *(int *)arguments[0] - *(int *)arguments[1];
    return 0;
}

static int weigh(void *host, void *result, void *const arguments[]) {
    const struct pair *of = arguments[0];
    ++*(int *)host;
    *(double *)result = of->a * of->b;
    return 0;
}

static void *call_from_thread(void *result) {
    *(int *)result = on_pair(50, 8);
    return NULL;
}

static void *call_exports(void *data) {
    struct gate_args_apply f = {.p0 = on_pair, .p1 = 44, .p2 = 2};
    (void)data;
    cr_assert(gate_call_stub(find("apply"), &f) == 0 && f.result == 42);
    cr_assert(on_struct((struct pair){3, 1.5}) == 4.5);
    return NULL;
}

static int subtract_directly(int a, int b) {
    ++*(int *)gate_callback_host();
    return a - b;
}

static double weigh_directly(struct pair of) {
    ++*(int *)gate_callback_host();
    return of.a * of.b;
}

Test(exports, c_calls_the_hosts_functions_by_name_from_tasks_and_threads) {
    gate_runtime *runtime = start(2);
    gate_decls *decls;
    gate_error error;
    int calls = 0, result = 0;
    pthread_t thread;
    cr_assert(gate_decls_make(&decls) == 0);
    cr_assert(gate_decls_read(decls, "struct pair { int a; double b; };", NULL) == 0);
    cr_assert(gate_export_on_pair(runtime, NULL, subtract, &calls, NULL) == 0);
    cr_assert(gate_export_on_struct(runtime, decls, weigh, &calls, NULL) == 0);
    cr_assert(gate_export_on_struct(runtime, NULL, weigh, NULL, &error) < 0, "without a scope nobody knows its struct");
    call_exports(NULL);
    cr_assert(pthread_create(&thread, NULL, call_from_thread, &result) == 0);
    cr_assert(pthread_join(thread, NULL) == 0);
    cr_assert(result == 42 && calls == 3);
    cr_assert(gate_export_direct_on_pair(runtime, NULL, subtract_directly, &calls, NULL) == 0);
    cr_assert(gate_export_direct_on_struct(runtime, decls, weigh_directly, &calls, NULL) == 0);
    call_exports(NULL);
    cr_assert(calls == 5);
    gate_decls_free(decls);
    stop(runtime);
}

static void call_nothing(void *data) {
    (void)data;
    on_nothing();
}

Test(exports, one_that_has_no_handler_yet_ends_the_program) {
    cr_assert_dies_with(call_nothing, NULL, "on_nothing is called, and no host has exported it\n");
}
