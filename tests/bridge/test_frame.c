/* Frames that a host fills: each kind of value at its place, and the result at its own. */
#include <complex.h>
#include <errno.h>
#include <string.h>

#include "tests/support/bridge.h"

static void each_way(gate_task_main body) {
    if (has_frames())
        run_each_way(body);
}

static gate_frame *make_frame(const gate_function *function) {
    size_t size = gate_frame_size(function->signature);
    gate_frame *frame = aligned_alloc(16, (size + 15) / 16 * 16);
    cr_assert_geq(size, sizeof *frame);
    memset(frame, 0x5a, size);
    cr_assert_eq(gate_frame_init(frame, function), 0);
    return frame;
}

static struct gate_place place_of(const gate_signature *signature, size_t index) {
    struct gate_place places[2];
    cr_assert_eq(gate_frame_places(signature, index, places), 1);
    return places[0];
}

static void write_word(const gate_signature *signature, gate_frame *frame, size_t index, int64_t value) {
    memcpy((char *)frame + place_of(signature, index).at, &value, sizeof value);
}

static int subtract(int a, int b) {
    return a - b;
}

static void *call_with_words(void *unused) {
    gate_function function = make_function("int (int, int)", address_of(subtract), "subtract");
    gate_frame *frame = make_frame(&function);
    for (int i = 0; i < 3; i++) {
        int result = 0;
        write_word(function.signature, frame, 0, -40 - i);
        write_word(function.signature, frame, 1, 2);
        cr_assert_eq(gate_call_frame(frame), 0);
        gate_frame_get(function.signature, frame, &result);
        cr_assert_eq(result, -42 - i);
    }
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, integers_are_words) {
    each_way(call_with_words);
}

static double weigh(double a, int b, float c) {
    return a + b * (double)c;
}

static void *call_with_doubles(void *unused) {
    gate_function function = make_function("double (double, int, float)", address_of(weigh), "weigh");
    gate_frame *frame = make_frame(&function);
    double a = 0.5, result = 0;
    float c = 2.5F;
    memcpy((char *)frame + place_of(function.signature, 0).at, &a, sizeof a);
    write_word(function.signature, frame, 1, 4);
    memcpy((char *)frame + place_of(function.signature, 2).at, &c, sizeof c);
    cr_assert_eq(gate_call_frame(frame), 0);
    memcpy(&result, (char *)frame + place_of(function.signature, GATE_RESULT).at, sizeof result);
    cr_assert_eq(result, 10.5);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, doubles_and_floats_are_as_they_are) {
    each_way(call_with_doubles);
}

struct mixed {
    double x;
    int i;
};

static struct mixed swap(struct mixed a, struct mixed b) {
    return (struct mixed){b.x, a.i};
}

static void *call_with_structs(void *unused) {
    gate_function function =
        make_function("struct m { double x; int i; } (struct m, struct m)", address_of(swap), "swap");
    gate_frame *frame = make_frame(&function);
    struct mixed a = {1.5, 10}, b = {2.5, 20}, result;
    struct gate_place places[2];
    gate_frame_put(function.signature, frame, 0, &a);
    cr_assert_eq(gate_frame_places(function.signature, 1, places), 2);
    for (int i = 0; i < 2; i++)
        memcpy((char *)frame + places[i].at, (char *)&b + places[i].offset, places[i].size);
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, &result);
    cr_assert_eq(result.x, 2.5);
    cr_assert_eq(result.i, 10);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, a_struct_in_two_registers_has_two_places) {
    each_way(call_with_structs);
}

struct large {
    long values[5];
};

static struct large add_to_all(struct large large, long added, long a, long b, long c, long d, long last) {
    for (int i = 0; i < 5; i++)
        large.values[i] += added + a + b + c + d + last;
    return large;
}

static void *call_with_memory(void *unused) {
    gate_function function = make_function("struct large { long values[5]; } "
                                           "(struct large, long, long, long, long, long, long)",
                                           address_of(add_to_all), "add_to_all");
    gate_frame *frame = make_frame(&function);
    struct large large = {{1, 2, 3, 4, 5}}, result = {{0}};
    struct gate_place places[2];
    gate_frame_put(function.signature, frame, 0, &large);
    for (size_t i = 1; i < 7; i++)
        write_word(function.signature, frame, i, 10);
    cr_assert_eq(gate_call_frame(frame), -EINVAL, "there is no room for the result");
    frame->result = &result;
    cr_assert_eq(gate_frame_places(function.signature, GATE_RESULT, places), 0);
    cr_assert_eq(gate_call_frame(frame), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(result.values[i], i + 61);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, what_registers_have_no_room_for_is_on_the_stack_and_such_a_result_where_the_host_says) {
    each_way(call_with_memory);
}

static long double _Complex turn(long double _Complex z) {
    return z * (long double _Complex)I;
}

static void *call_with_x87(void *unused) {
    gate_function function = make_function("long double _Complex (long double _Complex)", address_of(turn), "turn");
    gate_frame *frame = make_frame(&function);
    long double _Complex z = 3, result = 0;
    gate_frame_put(function.signature, frame, 0, &z);
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, &result);
    cr_assert_eq(cimagl(result), 3.0L);
    cr_assert_eq(creall(result), 0.0L);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, results_of_the_x87_are_found_too) {
    each_way(call_with_x87);
}

/* Each way through by_frame.S that copies arguments to the stack: an even number and an odd one, and what is beside them. */

static long digits_of_8(long a, long b, long c, long d, long e, long f, long g, long h) {
    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0u, "the stack is aligned");
    return ((((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f) * 10 + g) * 10 + h;
}

static long digits_of_7(long a, long b, long c, long d, long e, long f, long g) {
    return digits_of_8(0, a, b, c, d, e, f, g);
}

static long digits_and_a_double(double x, long a, long b, long c, long d, long e, long f, long g) {
    return digits_of_8((long)x, a, b, c, d, e, f, g);
}

static double half_of_digits(double x, long a, long b, long c, long d, long e, long f, long g) {
    return 0.5 * (double)digits_and_a_double(x, a, b, c, d, e, f, g);
}

static struct mixed digits_and_last(double x, long a, long b, long c, long d, long e, long f, long g) {
    return (struct mixed){half_of_digits(x, a, b, c, d, e, f, g), (int)g};
}

static void call_with_digits(const char *text, void (*address)(void), void *result) {
    gate_function function = make_function(text, address, "digits");
    gate_frame *frame = make_frame(&function);
    double x = 1;
    for (size_t i = 0; i < gate_signature_count(function.signature); i++) {
        if (gate_signature_parameter(function.signature, i)->kind == GATE_DOUBLE)
            gate_frame_put(function.signature, frame, i, &x);
        else
            write_word(function.signature, frame, i, (int64_t)i + 1);
    }
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, result);
    free(frame);
    free_function(function);
}

#define DIGITS "(double, long, long, long, long, long, long, long)"

static void *call_with_stack(void *unused) {
    long word = 0;
    double half = 0;
    struct mixed mixed = {0, 0};
    call_with_digits("long (long, long, long, long, long, long, long, long)", address_of(digits_of_8), &word);
    cr_assert_eq(word, 12345678);
    call_with_digits("long (long, long, long, long, long, long, long)", address_of(digits_of_7), &word);
    cr_assert_eq(word, 1234567);
    call_with_digits("long " DIGITS, address_of(digits_and_a_double), &word);
    cr_assert_eq(word, 12345678);
    call_with_digits("double " DIGITS, address_of(half_of_digits), &half);
    cr_assert_eq(half, 12345678 / 2);
    call_with_digits("struct m { double x; int i; } " DIGITS, address_of(digits_and_last), &mixed);
    cr_assert_eq(mixed.x, 12345678 / 2);
    cr_assert_eq(mixed.i, 8);
    return unused;
}

Test(frame, arguments_on_the_stack_are_copied_there) {
    each_way(call_with_stack);
}

struct words {
    long a, b;
};

static struct words swap_words(long a, long b) {
    return (struct words){b, a};
}

static double _Complex conjugate(double _Complex z) {
    return conj(z);
}

typedef float four_floats __attribute__((vector_size(16)));

static four_floats double_each(four_floats floats) {
    return floats + floats;
}

static void call_with_one(const char *text, void (*address)(void), const void *value, void *result) {
    gate_function function = make_function(text, address, "one");
    gate_frame *frame = make_frame(&function);
    gate_frame_put(function.signature, frame, 0, value);
    if (gate_signature_count(function.signature) == 2)
        gate_frame_put(function.signature, frame, 1, (const char *)value + sizeof(long));
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, result);
    free(frame);
    free_function(function);
}

static void *call_for_two_registers(void *unused) {
    struct words words = {1, 2}, swapped = {0, 0};
    double _Complex z = 3, result = 0;
    four_floats floats = {1, 2, 3, 4}, doubled = {0};
    __imag__ z = 4;
    call_with_one("struct w { long a, b; } (long, long)", address_of(swap_words), &words, &swapped);
    cr_assert(swapped.a == 2 && swapped.b == 1);
    call_with_one("double _Complex (double _Complex)", address_of(conjugate), &z, &result);
    cr_assert(creal(result) == 3 && cimag(result) == -4);
    call_with_one("float __attribute__((vector_size(16))) (float __attribute__((vector_size(16))))",
                  address_of(double_each), &floats, &doubled);
    cr_assert(doubled[0] == 2 && doubled[3] == 8);
    return unused;
}

Test(frame, results_in_two_registers_or_in_a_whole_vector_are_stored) {
    each_way(call_for_two_registers);
}

static void *call_for_errno(void *unused) {
    gate_function function = make_function("int (int)", address_of(exchange_errno), "exchange_errno");
    gate_frame *frame = make_frame(&function);
    int before = -1;
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++) {
        function.call_class = (enum gate_call_class) class;
        frame->error_number = ERANGE;
        write_word(function.signature, frame, 0, EDOM);
        cr_assert_eq(gate_call_frame(frame), 0);
        gate_frame_get(function.signature, frame, &before);
        cr_assert_eq(before, ERANGE);
        cr_assert_eq(frame->error_number, EDOM);
    }
    free(frame);
    free_function(function);
    return unused;
}

static void *call_guarded_for_errno(void *unused) {
    gate_function function = make_function("int (int)", address_of(exchange_errno), "exchange_errno");
    function.call_class = GATE_CALL_GUARDED;
    gate_frame *frame = make_frame(&function);
    int before = -1;
    frame->error_number = ERANGE;
    write_word(function.signature, frame, 0, EDOM);
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, &before);
    cr_assert_eq(before, ERANGE);
    cr_assert_eq(frame->error_number, EDOM);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, errno_is_set_before_a_guarded_call_too) {
    if (has_frames())
        run_task(call_guarded_for_errno, NULL);
}

Test(frame, errno_is_set_before_the_call_and_captured_after_it) {
    each_way(call_for_errno);
}

/* More arguments than gate_call has cells for on a task's stack. */

enum { MANY = GATE__PARAMETERS_MAX };

static int sum_many(int count, ...) {
    __builtin_va_list list;
    int sum = 0;
    __builtin_va_start(list, count);
    for (int i = 1; i < count; i++)
        sum += i * __builtin_va_arg(list, int);
    __builtin_va_end(list);
    return sum;
}

static void *call_with_many(void *unused) {
    gate_signature *variadic = parse("int (int, ...)"), *signature = NULL;
    const gate_type *types[MANY - 1];
    int expected = 0, result = 0;
    for (int i = 0; i < MANY - 1; i++)
        types[i] = gate_type_basic(GATE_INT);
    cr_assert_eq(gate_signature_extend(variadic, types, MANY - 1, &signature, NULL), 0);
    gate_function function = {.signature = signature, .address = address_of(sum_many)};
    gate_frame *frame = make_frame(&function);
    write_word(signature, frame, 0, MANY);
    for (int i = 1; i < MANY; i++) {
        write_word(signature, frame, (size_t)i, i - 50);
        expected += i * (i - 50);
    }
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(signature, frame, &result);
    cr_assert_eq(result, expected);
    free(frame);
    gate_signature_free(signature);
    gate_signature_free(variadic);
    return unused;
}

Test(frame, there_is_one_for_as_many_arguments_as_can_be) {
    each_way(call_with_many);
}

/* At such an address: a way that loads it into rax and leaves eax as the count of vectors says that there are none. */
static __attribute__((aligned(256))) double sum_doubles(double first, ...) {
    __builtin_va_list list;
    __builtin_va_start(list, first);
    for (int i = 0; i < 1; i++)
        first += __builtin_va_arg(list, double);
    __builtin_va_end(list);
    return first;
}

static void *call_with_variadic_doubles(void *unused) {
    gate_signature *variadic = parse("double (double, ...)"), *signature = NULL;
    const gate_type *type = gate_type_basic(GATE_DOUBLE);
    double values[] = {40.5, 1.5}, result = 0;
    cr_assert_eq(gate_signature_extend(variadic, &type, 1, &signature, NULL), 0);
    gate_function function = {.signature = signature, .address = address_of(sum_doubles)};
    gate_frame *frame = make_frame(&function);
    for (size_t i = 0; i < 2; i++)
        gate_frame_put(signature, frame, i, &values[i]);
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(signature, frame, &result);
    cr_assert_eq(result, 42.0);
    free(frame);
    gate_signature_free(signature);
    gate_signature_free(variadic);
    return unused;
}

Test(frame, a_variadic_function_hears_of_doubles_that_are_alone) {
    each_way(call_with_variadic_doubles);
}

/* Each way through by_frame.S, with calls that last: the slot is taken meanwhile, and they may end on another thread. */

static int sleep_and_add(int a, int b) {
    usleep(2000);
    errno = a;
    return a + b;
}

static long sleep_and_sum(long a, long b, long c, long d, long e, long f) {
    return sleep_and_add((int)a, (int)(b + c + d + e + f));
}

static int sleep_and_round(double x, int a) {
    return sleep_and_add(a, (int)x);
}

static double sleep_and_scale(int a, double x) {
    return sleep_and_add(a, 0) * x;
}

static _Atomic unsigned moves;

static void call_lasting(const char *text, void (*address)(void), const int64_t words[], size_t count, double x,
                         double expected) {
    gate_function function = make_function(text, address, "lasting");
    gate_frame *frame = make_frame(&function);
    uint64_t thread = gate_m_number(gate__m());
    const gate_type *type = gate_signature_result(function.signature);
    uint64_t result = 0;
    for (size_t i = 0; i < count; i++) {
        if (gate_signature_parameter(function.signature, i)->kind == GATE_DOUBLE)
            memcpy((char *)frame + place_of(function.signature, i).at, &x, sizeof x);
        else
            write_word(function.signature, frame, i, words[i]);
    }
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, &result);
    double real;
    memcpy(&real, &result, sizeof real);
    cr_assert_eq(type->kind == GATE_DOUBLE ? real : (double)result, expected, "%s", text);
    cr_assert_eq(frame->error_number, 3);
    atomic_fetch_add(&moves, gate_m_number(gate__m()) != thread);
    free(frame);
    free_function(function);
}

static long sleep_and_sum_all(long a, long b, long c, long d, long e, long f, long g, long h, long i) {
    return sleep_and_sum(a, b, c, d, e, f + g + h + i);
}

static void *call_each_way(void *unused) {
    static const int64_t words[] = {3, 4, 5, 6, 7, 8, 9, 10, 11}, swapped[] = {0, 3};
    for (int i = 0; i < 10; i++) {
        call_lasting("int (int, int)", address_of(sleep_and_add), words, 2, 0, 7);
        call_lasting("long (long, long, long, long, long, long)", address_of(sleep_and_sum), words, 6, 0, 33);
        call_lasting("long (long, long, long, long, long, long, long, long, long)", address_of(sleep_and_sum_all),
                     words, 9, 0, 63);
        call_lasting("int (double, int)", address_of(sleep_and_round), swapped, 2, 2.5, 5);
        call_lasting("double (int, double)", address_of(sleep_and_scale), words, 2, 2.5, 7.5);
    }
    return unused;
}

Test(frame, calls_that_last_lose_their_slot_and_end_on_any_thread) {
    if (!has_frames())
        return;
    atomic_store(&moves, 0);
    run_root(call_each_way);
    run_tasks(call_each_way, 8);
    cr_assert_gt(atomic_load(&moves), 0, "no call lost its slot");
}

static int note_slot(int a, int b) {
    (void)b;
    return gate__m()->slot ? a : -a;
}

static void *call_when_asked(void *unused) {
    gate_function function = make_function("int (int, int)", address_of(note_slot), "note_slot");
    gate_frame *frame = make_frame(&function);
    int result = 0;
    for (int asked = 0; asked < 2; asked++) {
        write_word(function.signature, frame, 0, 5);
        if (asked)
            gate__foreign_ask(gate__m()->slot, GATE__POLL_YIELD);
        cr_assert_eq(gate_call_frame(frame), 0);
        gate_frame_get(function.signature, frame, &result);
        cr_assert_eq(result, asked ? -5 : 5);
        cr_assert_not_null(gate__m()->slot);
        atomic_fetch_and(&gate__m()->slot->poll, ~(uint32_t)GATE__POLL_YIELD);
    }
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, a_call_gives_up_a_slot_that_is_asked_for) {
    if (has_frames())
        run_task(call_when_asked, NULL);
}

static void *call_a_failing_one(void *unused) {
    gate_function function = make_function("int (int (*)(int), int)", address_of(call_it), "call_it");
    gate_signature *signature = parse("int (int)");
    int status = 7;
    gate_callback *callback = make_callback(gate__m()->runtime, signature, return_41, &status);
    gate_frame *frame = make_frame(&function);
    write_word(function.signature, frame, 0, (int64_t)(uintptr_t)gate_callback_address(callback));
    write_word(function.signature, frame, 1, 1);
    cr_assert_eq(gate_call_frame(frame), 7);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, a_handlers_status_is_returned_by_its_call) {
    if (has_frames())
        run_task(call_a_failing_one, NULL);
}

static void *fail_and_go_on(void *unused) {
    int status = 0;
    gate_function function = make_function("int (int (*)(int), int)", address_of(call_it), "call_it");
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, return_41, &status);
    gate_frame *frame = make_frame(&function);
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class += GATE_CALL_BLOCKING) {
        function.call_class = (enum gate_call_class) class;
        cr_assert_eq(gate_frame_init(frame, &function), 0);
        for (int i = 0; i < 4; i++) {
            int result = 0;
            status = i % 2 ? 0 : 7;
            write_word(function.signature, frame, 0, (int64_t)(uintptr_t)gate_callback_address(callback));
            cr_assert_eq(gate_call_frame(frame), status);
            cr_assert_eq(frame->status, 0, "assembly has it so between calls");
            gate_frame_get(function.signature, frame, &result);
            cr_assert_eq(result, status ? 1 : 42);
        }
    }
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, the_next_call_does_not_know_of_a_handler_that_failed) {
    if (has_frames())
        run_task(fail_and_go_on, NULL);
}

/* A frame that the task calls by at times, and a handler below one of its calls at others. */

static gate_frame *inner_frame;
static char inner_name[32], outer_names[2][32];
static void *outer_of_inner;

static int see_inner(int unused) {
    see_where(inner_name);
    outer_of_inner = call_of_handler();
    return unused;
}

static int see_outer(int (*handler)(int), int unused) {
    see_where(outer_names[0]);
    handler(unused);
    see_where(outer_names[1]);
    return unused;
}

static int call_inner(void *host, void *result, void *const arguments[]) {
    (void)host, (void)result, (void)arguments;
    return gate_call_frame(inner_frame);
}

static void *call_below_another(void *unused) {
    gate_function outer = make_function("int (int (*)(int), int)", address_of(see_outer), "outer");
    gate_function inner = make_function("int (int)", address_of(see_inner), NULL);
    gate_callback *callback = make_callback(gate__m()->runtime, inner.signature, call_inner, NULL);
    gate_frame *frame = make_frame(&outer);
    inner_frame = make_frame(&inner);
    for (int i = 0; i < 3; i++) {
        write_word(outer.signature, frame, 0, (int64_t)(uintptr_t)gate_callback_address(callback));
        cr_assert_eq(gate_call_frame(frame), 0);
        cr_assert_str_eq(outer_names[0], "outer");
        cr_assert_str_eq(inner_name, "a function");
        cr_assert_eq(outer_of_inner, (void *)frame);
        cr_assert_str_eq(outer_names[1], "outer", "when the inner one is over");
        memset(inner_name, 0, sizeof inner_name);
        cr_assert_eq(gate_call_frame(inner_frame), 0);
        cr_assert_str_eq(inner_name, "a function");
        cr_assert_null(outer_of_inner);
        assert_in_no_call();
    }
    cr_assert_eq(gate_callback_free(callback), 0);
    free(frame);
    free(inner_frame);
    free_function(inner);
    free_function(outer);
    return unused;
}

Test(frame, a_call_below_another_is_listed_and_when_it_is_over_the_other_is) {
    if (has_frames())
        run_task(call_below_another, NULL);
}

static double see_leaf(double a, double b) {
    see_where(inner_name);
    assert_in_leaf();
    return a - b;
}

static void *call_a_leaf(void *unused) {
    gate_function function = make_function("double (double, double)", address_of(see_leaf), "see_leaf");
    function.call_class = GATE_CALL_LEAF;
    gate_frame *frame = make_frame(&function);
    double values[] = {2.5, 1}, result = 0;
    for (size_t i = 0; i < 2; i++)
        gate_frame_put(function.signature, frame, i, &values[i]);
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(function.signature, frame, &result);
    cr_assert_eq(result, 1.5);
    cr_assert_str_eq(inner_name, "see_leaf");
    assert_in_no_call();
    free(frame);
    free_function(function);
    return unused;
}

Test(frame, one_of_class_leaf_keeps_its_slot_and_is_listed) {
    if (has_frames())
        run_task(call_a_leaf, NULL);
}

static void *call_here_and_there(void *frame) {
    cr_assert_eq(gate_call_frame(frame), 0);
    return NULL;
}

Test(frame, one_frame_does_for_a_thread_and_for_tasks) {
    if (!has_frames())
        return;
    gate_function function = make_function("int (int, int)", address_of(subtract), "subtract");
    gate_frame *frame = make_frame(&function);
    for (int i = 0; i < 4; i++) {
        int result = 0;
        write_word(function.signature, frame, 0, -40 - i);
        write_word(function.signature, frame, 1, 2);
        if (i % 2)
            run_task(call_here_and_there, frame);
        else
            call_here_and_there(frame);
        gate_frame_get(function.signature, frame, &result);
        cr_assert_eq(result, -42 - i);
    }
    free(frame);
    free_function(function);
}

static void *compute(void *done) {
    while (!atomic_load((_Atomic bool *)done))
        gate_task_yield();
    return NULL;
}

/* Root tasks have a way of their own, which has to do all that is done for others. */
Test(frame, a_root_task_makes_its_calls_without_a_stack_to_leave) {
    static void *(*const bodies[])(void *) = {call_a_failing_one, fail_and_go_on, call_below_another, call_a_leaf};
    if (!has_frames())
        return;
    _Atomic bool done = true;
    gate_task *task; /* a second one to list */
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = compute, .argument = &done};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        bodies[i](NULL);
    cr_assert_eq(gate_task_join(task, NULL), 0);
    stop(runtime);
}

/* What a root task's call lies on is gone when that is reported. */
static int end_thread(int a, int b) {
    (void)a, (void)b;
    pthread_exit(NULL);
}

static void *end_by_frame(void *function) {
    gate_frame *frame = make_frame(function);
    gate_call_frame(frame);
    return NULL;
}

static int called;

static int count_call(void) {
    return ++called;
}

Test(frame, a_guarded_call_on_a_thread_that_no_runtime_knows_is_enotsup_and_is_not_made) {
    if (!has_frames())
        return;
    gate_function function = make_function("int (void)", address_of(count_call), "count_call");
    function.call_class = GATE_CALL_GUARDED;
    gate_frame *frame = make_frame(&function);
    cr_assert_eq(gate_call_frame(frame), -ENOTSUP);
    cr_assert_eq(gate_call(&function, NULL, NULL), -ENOTSUP);
    cr_assert_eq(called, 0);
    gate_runtime *runtime = start(1);
    cr_assert_eq(gate_call_frame(frame), 0);
    cr_assert_eq(called, 1);
    stop(runtime);
    free(frame);
    free_function(function);
}

/* Functions of any arguments */

static void assert_told(const gate_function *function, void *const arguments[], size_t doubles) {
    const gate_signature *signature = function->signature;
    long least = doubles < 8 ? (long)doubles : 8, told = -1;
    cr_assert_eq(gate_call(function, &told, arguments), 0);
    cr_assert(told >= least && told <= 8, "%s, %zu doubles: %ld", function->name, doubles, told);
    gate_frame *frame = make_frame(function);
    for (size_t i = 0; i < gate_signature_count(signature); i++)
        gate_frame_put(signature, frame, i, arguments[i]);
    frame->error_number = 200;
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(signature, frame, &told);
    cr_assert(told >= least && told <= 8, "%s, %zu doubles, by frame: %ld", function->name, doubles, told);
    free(frame);
}

/* The function is declared so, and called with so many words and then doubles. */
static void call_with_any(const char *text, size_t words, size_t doubles) {
    static double value = 1.5;
    static long word = -1;
    const gate_type *types[20];
    void *arguments[20];
    gate_signature *any = parse(text), *extended = NULL;
    size_t fixed = gate_signature_count(any), count = words + doubles;
    for (size_t i = 0; i < count; i++) {
        types[i] = gate_type_basic(i < words ? GATE_LONG : GATE_DOUBLE);
        arguments[i] = i < words ? (void *)&word : &value;
    }
    cr_assert_eq(gate_signature_extend(any, types + fixed, count - fixed, &extended, NULL), 0);
    gate_function function = {.signature = extended, .address = address_of(tell_vectors), .name = text};
    for (int i = GATE_CALL_DEFAULT; i <= GATE_CALL_BLOCKING; i++) {
        function.call_class = (enum gate_call_class)i;
        assert_told(&function, arguments, doubles);
    }
    gate_signature_free(extended);
    gate_signature_free(any);
}

static void *call_with_all(void *unused) {
    for (size_t doubles = 0; doubles < 10; doubles++) {
        for (size_t words = 0; words < 10; words++) {
            call_with_any("long ()", words, doubles);
            if (words)
                call_with_any("long (long, ...)", words, doubles);
        }
        if (doubles)
            call_with_any("long (double, ...)", 0, doubles);
    }
    return unused;
}

Test(frame, functions_of_any_arguments_are_told_of_their_vectors) {
    each_way(call_with_all);
}

struct ending {
    const char *name;
    enum gate_call_class call_class;
};

static void end_the_starter(void *data) {
    const struct ending *ending = data;
    gate_function function = make_function("int (int, int)", address_of(end_thread), ending->name);
    function.call_class = ending->call_class;
    start(1);
    end_by_frame(&function);
}

static void end_a_worker(void *data) {
    const struct ending *ending = data;
    gate_function function = make_function("int (int, int)", address_of(end_thread), ending->name);
    gate_task *task;
    function.call_class = ending->call_class;
    struct gate_task_config config = {.main = end_by_frame, .argument = &function, .name = "x"};
    gate_task_spawn(start(1), &config, &task);
    gate_task_join(task, NULL);
}

Test(frame, a_call_that_ends_its_thread_is_told_by_its_name_if_it_has_one) {
    if (!has_frames())
        return;
    for (enum gate_call_class class = GATE_CALL_DEFAULT; class <= GATE_CALL_LEAF; class ++) {
        struct ending named = {"f", class}, nameless = {NULL, class};
        cr_assert_dies_with(end_the_starter, &named, "the thread of task 'main' (#1) ended in a call of 'f'");
        cr_assert_dies_with(end_the_starter, &nameless,
                            "the thread of task 'main' (#1) ended in a call of 'a function'");
        cr_assert_dies_with(end_a_worker, &named, unless_on_a_fibre("of task 'x' (#2) ended in a call of 'f'"));
        cr_assert_dies_with(end_a_worker, &nameless,
                            unless_on_a_fibre("of task 'x' (#2) ended in a call of 'a function'"));
    }
}

static uint32_t lost_before;

static int last_until_a_slot_is_lost(int a, int b) {
    wait_until(atomic_load(&gate__m()->lost) > lost_before);
    return a + b;
}

Test(frame, a_root_tasks_call_that_lasts_loses_its_slot) {
    if (!has_frames())
        return;
    _Atomic bool done = false;
    gate_task *task;
    gate_runtime *runtime = start(1);
    gate_function function = make_function("int (int, int)", address_of(last_until_a_slot_is_lost), "lasts");
    gate_frame *frame = make_frame(&function);
    struct gate_task_config config = {.main = compute, .argument = &done};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    write_word(function.signature, frame, 0, 1);
    write_word(function.signature, frame, 1, 2);
    lost_before = atomic_load(&gate__m()->lost);
    cr_assert_eq(gate_call_frame(frame), 0);
    atomic_store(&done, true);
    cr_assert_eq(gate_task_join(task, NULL), 0);
    free(frame);
    free_function(function);
    stop(runtime);
}
