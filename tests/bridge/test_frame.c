/* Frames that a host fills: each kind of value at its place, and the result at its own. */
#include <complex.h>
#include <errno.h>
#include <string.h>

#include "tests/support/bridge.h"

/* MemorySanitizer has none. */
static bool has_frames(void) {
    gate_signature *signature = parse("void (void)");
    size_t size = gate_frame_size(signature);
    gate_signature_free(signature);
    return size > 0;
}

/* On this thread without a runtime, and from a task. */
static void both_ways(gate_task_main body) {
    if (!has_frames())
        return;
    body(NULL);
    run_task(body, NULL);
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
    both_ways(call_with_words);
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
    both_ways(call_with_doubles);
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
    both_ways(call_with_structs);
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
    both_ways(call_with_memory);
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
    both_ways(call_with_x87);
}

static int exchange_errno(int number) {
    int before = errno;
    errno = number;
    return before;
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
    both_ways(call_for_errno);
}

Test(frame, more_arguments_than_it_takes_have_none) {
    char text[1024] = "void (int";
    for (int i = 1; i < 60; i++)
        strcat(text, ", int");
    gate_function function = make_function(strcat(text, ")"), address_of(subtract), "of many");
    gate_frame frame = {0};
    cr_assert_eq(gate_frame_size(function.signature), 0);
    cr_assert_eq(gate_frame_init(&frame, &function), -ENOTSUP);
    free_function(function);
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

static void *call_each_way(void *unused) {
    static const int64_t words[] = {3, 4, 5, 6, 7, 8}, swapped[] = {0, 3};
    for (int i = 0; i < 10; i++) {
        call_lasting("int (int, int)", address_of(sleep_and_add), words, 2, 0, 7);
        call_lasting("long (long, long, long, long, long, long)", address_of(sleep_and_sum), words, 6, 0, 33);
        call_lasting("int (double, int)", address_of(sleep_and_round), swapped, 2, 2.5, 5);
        call_lasting("double (int, double)", address_of(sleep_and_scale), words, 2, 2.5, 7.5);
    }
    return unused;
}

Test(frame, calls_that_last_lose_their_slot_and_end_on_any_thread) {
    if (!has_frames())
        return;
    gate_runtime *runtime = start(2);
    gate_task *tasks[8];
    atomic_store(&moves, 0);
    call_each_way(NULL);
    for (int i = 0; i < 8; i++)
        tasks[i] = spawn("calling", call_each_way, NULL);
    for (int i = 0; i < 8; i++)
        join(tasks[i]);
    stop(runtime);
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
            atomic_fetch_or(&gate__m()->slot->poll, GATE__POLL_YIELD);
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

static int call_back(int (*handler)(int), int value) {
    return handler(value) + 1;
}

static int fail_with_seven(void *host, void *result, void *const arguments[]) {
    (void)host, (void)result, (void)arguments;
    return 7;
}

static void *call_a_failing_one(void *unused) {
    gate_function function = make_function("int (int (*)(int), int)", address_of(call_back), "call_back");
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, fail_with_seven, NULL);
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
