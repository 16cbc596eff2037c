/* gate_call: on a thread, in a root task and in a stackful task alike. */
#include <complex.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/bridge.h"

static int add(int a, int b) {
    return a + b;
}

static double mix(signed char a, double b, unsigned long c, float d, const char *e, long double f, _Bool g, short h,
                  int *i, unsigned char j) {
    *i = 77;
    return a + b + (double)c + (double)d + (double)strlen(e) + (double)f + g + h + j;
}

static const char *called_on;

static int note_stack(void) {
    called_on = __builtin_frame_address(0);
    return 0;
}

static void call_add(void) {
    gate_function function = make_function("int (int, int)", address_of(add), "add");
    int a = 40, b = 2, result = 0;
    void *arguments[] = {&a, &b};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, 42);
    cr_assert_eq(gate_call(&function, NULL, arguments), 0, "a result that nobody wants");
    free_function(function);
}

static void call_mix(void) {
    gate_function function = make_function("double (signed char, double, unsigned long, float, const char *, "
                                           "long double, _Bool, short, int *, unsigned char)",
                                           address_of(mix), "mix");
    signed char a = -3;
    double b = 0.5, result = 0;
    unsigned long c = 1ul << 40;
    float d = 0.25f;
    const char *e = "four";
    long double f = 2;
    _Bool g = 1;
    short h = -1000;
    int i = 0, *address = &i;
    unsigned char j = 255;
    void *arguments[] = {&a, &b, &c, &d, &e, &f, &g, &h, &address, &j};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, mix(a, b, c, d, e, f, g, h, &i, j));
    cr_assert_eq(i, 77);
    free_function(function);
}

static void call_for_errno(void) {
    gate_function function = make_function("int (int)", address_of(exchange_errno), "exchange_errno");
    int number = EXDEV, before = -1;
    void *arguments[] = {&number};
    errno = EBADF;
    gate_call(&function, &before, arguments);
    cr_assert_eq(before, 0, "a function starts with errno 0");
    cr_assert_eq(gate_errno(), EXDEV);
    number = 0;
    gate_call(&function, &before, arguments);
    cr_assert_eq(gate_errno(), 0);
    free_function(function);
}

static void *all_of_it(void *unused) {
    call_add();
    call_mix();
    call_for_errno();
    return unused;
}

Test(call, passes_arguments_and_results_without_a_runtime) {
    all_of_it(NULL);
}

Test(call, passes_arguments_and_results_in_a_root_task) {
    run_root(all_of_it);
}

Test(call, passes_arguments_and_results_in_a_stackful_task) {
    run_task(all_of_it, NULL);
}

static void *call_and_compare_stacks(void *unused) {
    gate_task *self = gate_task_current();
    gate_function function = make_function("int (void)", address_of(note_stack), NULL);
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    cr_assert(called_on < self->stack.base || called_on >= self->stack.base + self->stack.size);
    free_function(function);
    return unused;
}

Test(call, from_a_stackful_task_runs_on_the_system_stack) {
    run_task(call_and_compare_stacks, NULL);
}

/* More stack than a task has: only the system stack can give it. */
static int use_stack(void) {
    volatile char room[1024 * 1024];
    for (size_t i = 0; i < sizeof room; i += 4096)
        room[i] = 1;
    return room[4096];
}

static void *call_deep(void *unused) {
    gate_function function = make_function("int (void)", address_of(use_stack), "use_stack");
    int result = 0;
    cr_assert_eq(gate_call(&function, &result, NULL), 0);
    cr_assert_eq(result, 1);
    free_function(function);
    return unused;
}

Test(call, gives_c_more_stack_than_the_task_has) {
    run_task(call_deep, NULL);
}

static int sleep_and_fail(int number) {
    usleep(3000);
    errno = number;
    return -1;
}

static void *fail_with(void *number) {
    gate_function function = make_function("int (int)", address_of(sleep_and_fail), "sleep_and_fail");
    int wanted = (int)(intptr_t)number, result = 0;
    void *arguments[] = {&wanted};
    cr_assert_eq(gate_errno(), 0, "it has not called yet");
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(gate_call(&function, &result, arguments), 0);
        gate_task_yield();
        cr_assert_eq(gate_errno(), wanted, "another task's errno");
    }
    free_function(function);
    return NULL;
}

Test(call, each_task_keeps_its_errno_while_calls_overlap_and_threads_change) {
    gate_runtime *runtime = start(2);
    gate_task *tasks[8];
    for (int round = 0; round < 2; round++) {
        for (intptr_t i = 0; i < 8; i++)
            tasks[i] = spawn("failing", fail_with, (void *)(i + 1));
        for (int i = 0; i < 8; i++)
            join(tasks[i]);
    }
    stop(runtime);
}

static _Atomic int over;

static int spin(void) {
    while (!atomic_load(&over))
        ;
    return 0;
}

static void *spin_in_a_call(void *function) {
    gate_call(function, NULL, NULL);
    return NULL;
}

Test(call, is_named_by_stop_while_it_lasts_and_is_ready_when_it_waits_for_a_slot) {
    gate_runtime *runtime = start(1);
    gate_error error = {0, ""};
    gate_function function = make_function("int (void)", address_of(spin), "spin");
    atomic_store(&over, 0);
    gate_task *task = spawn("spinner", spin_in_a_call, &function);
    wait_until((block_ms(1), gate__task_call(task) != NULL));
    cr_assert_eq(gate_runtime_stop(runtime, &error), -EBUSY);
    cr_assert_str_eq(error.message, "1 task is left: 'spinner' (#2) in a call of spin");
    atomic_store(&over, 1);              /* it returns while this task has the slot, and waits */
    wait_until(!atomic_load(&task->on)); /* it waits for a slot */
    cr_assert_eq(gate_runtime_stop(runtime, &error), -EBUSY);
    cr_assert_str_eq(error.message, "1 task is left: 'spinner' (#2) ready");
    join(task);
    stop(runtime);
    free_function(function);
}

static _Atomic int is_in_call;

static int fail_when_over(void) {
    atomic_store(&is_in_call, 1);
    while (!atomic_load(&over))
        usleep(1000);
    errno = EXDEV;
    return 42;
}

static void *call_on_an_adopted_thread(void *function) {
    int result = 0;
    gate_m_release(gate_m_acquire());
    cr_assert_eq(gate_call(function, &result, NULL), 0);
    cr_assert_eq(result, 42);
    cr_assert_eq(gate_errno(), EXDEV);
    return NULL;
}

Test(call, outside_of_all_handlers_outlives_the_runtime_that_has_adopted_its_thread) {
    gate_runtime *runtime = start(1);
    gate_function function = make_function("int (void)", address_of(fail_when_over), "fail_when_over");
    pthread_t thread;
    atomic_store(&over, 0);
    atomic_store(&is_in_call, 0);
    pthread_create(&thread, NULL, call_on_an_adopted_thread, &function);
    wait_until((block_ms(1), atomic_load(&is_in_call)));
    stop(runtime);
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
    free_function(function);
}

/* Structs, long doubles and variadic functions */

static void *call_div(void *unused) {
    gate_function function = make_function("struct { int quot, rem; } (int, int)", address_of(div), "div");
    int numerator = -17, denominator = 5;
    div_t result;
    void *arguments[] = {&numerator, &denominator};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert(result.quot == -3 && result.rem == -2);
    free_function(function);
    return unused;
}

Test(call, returns_a_struct_in_a_register) {
    run_each_way(call_div);
}

struct volume {
    double width, height, depth;
};

static struct volume turn(struct volume v, int times) {
    return times == 0 ? v : turn((struct volume){v.height, v.depth, v.width}, times - 1);
}

#define VOLUME "struct volume { double width, height, depth; }"

static gate_function make_turn(enum gate_call_class call_class) {
    gate_function function = make_function(VOLUME " (struct volume, int)", address_of(turn), "turn");
    function.call_class = call_class;
    return function;
}

static void *call_turn(void *class) {
    gate_function function = make_turn((enum gate_call_class)(uintptr_t) class);
    struct volume volume = {1, 2, 3}, result = {0, 0, 0};
    int times = 4;
    void *arguments[] = {&volume, &times};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert(result.width == 2 && result.height == 3 && result.depth == 1);
    cr_assert_eq(gate_call(&function, &volume, arguments), 0, "over its own argument");
    cr_assert(volume.width == 2 && volume.height == 3 && volume.depth == 1);
    free_function(function);
    return NULL;
}

Test(call, passes_and_returns_a_struct_in_memory) {
    run_each_way(call_turn);
}

Test(call, of_any_class_returns_a_struct_in_memory) {
    run_task(call_turn, (void *)GATE_CALL_LEAF);
    run_task(call_turn, (void *)GATE_CALL_BLOCKING);
    run_task(call_turn, (void *)GATE_CALL_GUARDED);
}

static struct mixed {
    long number;
    double scale;
} mix_up(struct mixed m) {
    return (struct mixed){(long)m.scale, (double)m.number};
}

static void *call_mix_up(void *class) {
    gate_function function =
        make_function("struct mixed { long number; double scale; } (struct mixed)", address_of(mix_up), "mix_up");
    struct mixed mixed = {-7, 42}, result = {0, 0};
    void *arguments[] = {&mixed};
    function.call_class = (enum gate_call_class)(uintptr_t) class;
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert(result.number == 42 && result.scale == -7);
    free_function(function);
    return NULL;
}

Test(call, returns_a_struct_in_registers_of_both_kinds) {
    run_each_way(call_mix_up);
    run_task(call_mix_up, (void *)GATE_CALL_LEAF);
    run_task(call_mix_up, (void *)GATE_CALL_BLOCKING);
    run_task(call_mix_up, (void *)GATE_CALL_GUARDED);
}

static struct mixed mix_up_and_fault(struct mixed m) {
    __asm__ volatile("ud2");
    return m;
}

static void *fault_with_a_struct(void *unused) {
    gate_function function = make_function("struct mixed { long number; double scale; } (struct mixed)",
                                           address_of(mix_up_and_fault), "mix_up_and_fault");
    struct mixed mixed = {-7, 42};
    void *arguments[] = {&mixed};
    function.call_class = GATE_CALL_GUARDED;
    cr_assert_eq(gate_call(&function, NULL, arguments), -EFAULT);
    call_mix_up((void *)GATE_CALL_GUARDED);
    free_function(function);
    return unused;
}

Test(call, of_class_guarded_with_a_struct_ends_in_a_fault) {
    run_task(fault_with_a_struct, NULL);
}

/* Structs of any size, one with more alignment than words have: the arguments take more than the task's stack. */

struct long_words {
    long words[3000];
};

struct long_reals {
    long double reals[70000 / sizeof(long double)];
};

static long weigh_longs(int a, struct long_words b, struct long_reals c, int d) {
    long sum = a + d + ((uintptr_t)&c % 16 != 0);
    for (size_t i = 0; i < sizeof b.words / sizeof *b.words; i++)
        sum += (long)i * b.words[i];
    return sum + (long)c.reals[0] + (long)c.reals[sizeof c.reals / sizeof *c.reals - 1];
}

static void *call_with_longs(void *unused) {
    static struct long_words b;
    static struct long_reals c;
    gate_function function = make_function("long (int, struct { long words[3000]; }, struct { long double "
                                           "reals[70000 / sizeof(long double)]; }, int)",
                                           address_of(weigh_longs), "weigh_longs");
    int a = 1, d = 2;
    void *arguments[] = {&a, &b, &c, &d};
    long expected = a + d + 1000 + 20000, result;
    for (long i = 0; i < (long)(sizeof b.words / sizeof *b.words); i++) {
        b.words[i] = i * i;
        expected += i * i * i;
    }
    c.reals[0] = 1000;
    c.reals[sizeof c.reals / sizeof *c.reals - 1] = 20000;
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_GUARDED; class ++) {
        function.call_class = (enum gate_call_class) class;
        result = 0;
        int status = gate_call(&function, &result, arguments);
        if (class == GATE_CALL_GUARDED && status == -ENOTSUP)
            continue; /* on a thread without a runtime */
        cr_assert_eq(status, 0);
        cr_assert_eq(result, expected, "class %d", class);
    }
    free_function(function);
    return unused;
}

Test(call, passes_more_by_value_than_a_task_has_stack) {
    struct gate_runtime_config config = {.slots = 1};
    run_each_way(call_with_longs);
    gate_runtime *runtime = start_with(config);
    struct gate_task_config small = {.main = call_with_longs, .name = "small", .stack_size = GATE__STACK_LEAST};
    gate_task *task = NULL;
    cr_assert_eq(gate_task_spawn(NULL, &small, &task), 0);
    join(task);
    stop(runtime);
}

/* errno behind a call that needs a frame, one of the x87's, and one by libffi. */

static int leave_errno_of_three(int a, int b, int c) {
    errno = a + b + c;
    return -1;
}

static long double leave_errno_of_real(long double number) {
    errno = (int)number;
    return number;
}

static void *call_any_for_errno(void *unused) {
    gate_function three = make_function("int (int, int, int)", address_of(leave_errno_of_three), "three");
    gate_function real = make_function("long double (long double)", address_of(leave_errno_of_real), "real");
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++) {
        int a = 1 + class, b = 10, c = 100, result = 0;
        long double number = 200 + class;
        void *arguments[] = {&a, &b, &c}, *of_real[] = {&number};
        three.call_class = real.call_class = (enum gate_call_class) class;
        cr_assert_eq(gate_call(&three, &result, arguments), 0);
        cr_assert_eq(result, -1);
        cr_assert_eq(gate_errno(), 111 + class);
        cr_assert_eq(gate_call(&real, NULL, of_real), 0);
        cr_assert_eq(gate_errno(), 200 + class);
    }
    free_function(three);
    free_function(real);
    return unused;
}

Test(call, of_any_arguments_captures_errno) {
    run_each_way(call_any_for_errno);
}

static void *call_by_ffi(void *unused) {
    gate_function function = make_function("int (int, int, int)", address_of(leave_errno_of_three), "three");
    gate_signature *signature = (gate_signature *)(uintptr_t)function.signature;
    int a = 1, b = 10, c = 100, result = 0;
    void *arguments[] = {&a, &b, &c};
    cr_assert(prepare_for_ffi(signature));
    signature->plan = NULL;
    cr_assert_eq(gate__way_choose(signature, NULL), 0);
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, -1);
    cr_assert_eq(gate_errno(), 111);
    free_function(function);
    return unused;
}

Test(call, by_libffi_captures_errno) {
    run_each_way(call_by_ffi);
}

/* C that is in a guarded call may make another, without leaving it. */

static int fault(int value) {
    __asm__ volatile("ud2");
    return value;
}

static int call_from_c(const gate_function *leaf) {
    int value = 1;
    void *arguments[] = {&value};
    return gate_call(leaf, NULL, arguments);
}

static void *fault_in_an_inner_leaf(void *unused) {
    gate_function leaf = make_function("int (int)", address_of(fault), "fault");
    gate_function outer = make_function("int (void *)", address_of(call_from_c), "call_from_c");
    const gate_function *address = &leaf;
    void *arguments[] = {&address};
    leaf.call_class = GATE_CALL_LEAF;
    outer.call_class = GATE_CALL_GUARDED;
    cr_assert_eq(gate_call(&outer, NULL, arguments), -EFAULT);
    assert_in_no_call();
    free_function(leaf);
    free_function(outer);
    return unused;
}

Test(call, of_class_guarded_that_ends_in_a_leaf_leaves_that_too) {
    run_task(fault_in_an_inner_leaf, NULL);
}

/* C in a call of any class makes another, and sees what is listed before it, in it and behind it. */

static const void *listed[3];
static const gate_function *listed_function;

static int look(int fails) {
    listed[1] = gate__m_call(gate__m());
    return fails ? fault(fails) : 0;
}

static int call_further(const gate_function *inner, int fails) {
    int result;
    void *arguments[] = {&fails};
    listed[0] = gate__m_call(gate__m());
    listed_function = listed[0] ? ((const struct gate__call *)listed[0])->function : NULL;
    int status = gate_call(inner, &result, arguments);
    listed[2] = gate__m_call(gate__m());
    return status;
}

static void check_list(const gate_function *outer, const gate_function *inner, int fails) {
    int status = 1;
    void *arguments[] = {&inner, &fails};
    cr_assert_eq(gate_call(outer, &status, arguments), 0);
    cr_assert_eq(status, fails ? -EFAULT : 0);
    cr_assert_eq(listed_function, outer);
    cr_assert(listed[1] && listed[1] != listed[0]);
    cr_assert_eq(listed[2], listed[0], "class %d in class %d", (int)inner->call_class, (int)outer->call_class);
    assert_in_no_call();
}

static gate_function innermost;

/* One more call is between. */
static int call_innermost(int fails) {
    void *arguments[] = {&fails};
    return gate_call(&innermost, NULL, arguments);
}

static void *call_below_each_class(void *unused) {
    gate_function inner = make_function("int (int)", address_of(look), "look"), between = inner;
    gate_function middle = make_function("int (void *, int)", address_of(call_further), "call_further");
    gate_function outer = middle;
    innermost = inner;
    between.address = address_of(call_innermost);
    between.call_class = GATE_CALL_GUARDED;
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_GUARDED; class ++) {
        outer.call_class = (enum gate_call_class) class;
        for (int further = GATE_CALL_DEFAULT; further <= GATE_CALL_GUARDED; further++) {
            inner.call_class = innermost.call_class = (enum gate_call_class)further;
            check_list(&outer, &inner, 0);
            check_list(&outer, &between, further != GATE_CALL_GUARDED);
        }
        check_list(&outer, &inner, 1);
    }
    free_function(inner);
    free_function(middle);
    return unused;
}

static void *call_below_each_class_outside(void *unused) {
    gate_m_release(gate_m_acquire());
    return call_below_each_class(unused);
}

Test(call, that_c_makes_is_listed_until_it_ends_and_then_the_one_is_that_c_is_in) {
    gate_runtime *runtime = start(1);
    pthread_t thread;
    call_below_each_class(NULL);
    join(spawn("calls", call_below_each_class, NULL));
    cr_assert_eq(pthread_create(&thread, NULL, call_below_each_class_outside, NULL), 0);
    pthread_join(thread, NULL);
    stop(runtime);
}

/* C in a call that the task itself tells of makes one that calls back, and the handler calls a leaf. */

static gate_function leaf_of_handler;

static int call_leaf(void *host, void *result, void *const arguments[]) {
    int one = 1;
    void *own[] = {&one};
    (void)host, (void)arguments;
    cr_assert_null(gate__m_call(gate__m()), "a handler is in no call");
    return gate_call(&leaf_of_handler, result, own);
}

static int call_through(const gate_function *through, int (*handler)(int)) {
    void *arguments[] = {&handler};
    const void *leaf = gate__m()->task->call;
    int status = gate_call(through, NULL, arguments);
    return status ? status : leaf && gate__m()->task->call == leaf;
}

static int call_through_by_frame(const gate_function *through, int (*handler)(int)) {
    const void *leaf = gate__m()->task->call;
    gate_frame *frame = aligned_alloc(16, (gate_frame_size(through->signature) + 15) / 16 * 16);
    int status = gate_frame_init(frame, through);
    gate_frame_put(through->signature, frame, 0, &handler);
    status = status ? status : gate_call_frame(frame);
    free(frame);
    return status ? status : leaf && gate__m()->task->call == leaf;
}

static int repeat(int (*handler)(int)) {
    const void *own = gate__m_call(gate__m());
    int sum = 0;
    for (int i = 1; i <= 3; i++) {
        sum += handler(i);
        cr_assert_eq(gate__m_call(gate__m()), own);
    }
    return sum;
}

struct through {
    const gate_function *function;
    void **arguments;
};

static void call_as_it_is(void *data) {
    const struct through *through = data;
    cr_assert_eq(gate_call(through->function, NULL, through->arguments), 0);
}

static void *call_back_below_a_leaf(void *unused) {
    gate_function through = make_function("int (int (*)(int))", address_of(repeat), "repeat");
    gate_function leaf = make_function("int (void *, void *)", address_of(call_through), "call_through");
    leaf_of_handler = make_function("int (int)", address_of(abs), "abs");
    leaf.call_class = leaf_of_handler.call_class = GATE_CALL_LEAF;
    gate_callback *callback = make_callback(gate__m()->runtime, leaf_of_handler.signature, call_leaf, NULL);
    const gate_function *address = &through;
    void (*handler)(void) = gate_callback_address(callback);
    void *own[] = {&handler}, *arguments[] = {&address, &handler};
    struct through untold = {&through, own};
    gate_function by_frame = make_function("int (void *, void *)", address_of(call_through_by_frame), "by_frame");
    by_frame.call_class = GATE_CALL_LEAF;
    for (int i = 0; i < 2; i++) { /* the first opens the short way */
        int kept = 0;
        cr_assert_eq(gate_call(&through, NULL, own), 0);
        cr_assert_eq(gate_call(&leaf, &kept, arguments), 0);
        cr_assert_eq(kept, 1);
        assert_in_no_call();
        if (has_frames()) {
            cr_assert_eq(gate_call(&through, NULL, own), 0);
            cr_assert_eq(gate_call(&by_frame, &kept, arguments), 0);
            cr_assert_eq(kept, 1);
            assert_in_no_call();
        }
        cr_assert_eq(gate_call(&through, NULL, own), 0);
        gate__foreign_call(call_as_it_is, &untold); /* in a call that has no record */
        assert_in_no_call();
    }
    cr_assert_eq(gate_callback_free(callback), 0);
    free_function(by_frame);
    free_function(leaf_of_handler);
    free_function(leaf);
    free_function(through);
    return unused;
}

Test(call, that_the_task_tells_of_is_listed_behind_a_handler_that_called_a_leaf_below_it) {
    gate_runtime *runtime = start(1);
    call_back_below_a_leaf(NULL);
    join(spawn("calls", call_back_below_a_leaf, NULL));
    stop(runtime);
}

static void *call_long_double(void *unused) {
    gate_function root = make_function("long double (long double)", address_of(sqrtl), "sqrtl");
    gate_function conjugate = make_function("long double _Complex (long double _Complex)", address_of(conjl), "conjl");
    long double two = 2, result = 0;
    long double _Complex z = __builtin_complex(1.0L, -0.0L), mirrored = 0;
    void *of_root[] = {&two}, *of_conjugate[] = {&z};
    for (int i = 0; i < 20; i++) { /* more often than the x87 has registers */
        cr_assert_eq(gate_call(&root, NULL, of_root), 0);
        cr_assert_eq(gate_call(&conjugate, NULL, of_conjugate), 0);
    }
    cr_assert_eq(gate_call(&root, &result, of_root), 0);
    cr_assert(result == sqrtl(2));
    cr_assert_eq(gate_call(&conjugate, &mirrored, of_conjugate), 0);
    cr_assert(creall(mirrored) == 1 && cimagl(mirrored) == 0 && !signbit(cimagl(mirrored)));
    free_function(root);
    free_function(conjugate);
    return unused;
}

Test(call, leaves_nothing_in_the_x87) {
    run_each_way(call_long_double);
}

static void *call_without_results(void *unused) {
    struct volume volume = {1, 2, 3};
    struct mixed mixed = {1, 2};
    int one = 1, three = 3;
    gate_function in_memory = make_turn(GATE_CALL_DEFAULT);
    gate_function in_registers =
        make_function("struct mixed { long number; double scale; } (struct mixed)", address_of(mix_up), "mix_up");
    gate_function in_a_word = make_function("struct { int quot, rem; } (int, int)", address_of(div), "div");
    void *of_turn[] = {&volume, &one}, *of_mix_up[] = {&mixed}, *of_div[] = {&three, &one};
    cr_assert_eq(gate_call(&in_memory, NULL, of_turn), 0);
    cr_assert_eq(gate_call(&in_registers, NULL, of_mix_up), 0);
    cr_assert_eq(gate_call(&in_a_word, NULL, of_div), 0);
    free_function(in_memory);
    free_function(in_registers);
    free_function(in_a_word);
    return unused;
}

Test(call, drops_structs_that_nobody_asked_for) {
    run_each_way(call_without_results);
}

/* What C sees of a function whose result it stores itself: where that goes. */
static void *room;

static void *note_room(void *result) {
    return room = result;
}

static void *call_for_aligned_result(void *unused) {
    gate_function function =
        make_function("struct { _Alignas(4096) int x; } (void)", address_of(note_room), "note_room");
    room = NULL;
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    cr_assert_not_null(room);
    cr_assert_eq((uintptr_t)room % 4096, 0);
    free_function(function);
    return unused;
}

Test(call, has_room_of_its_types_alignment_for_a_result_that_nobody_asked_for) {
    run_each_way(call_for_aligned_result);
}

static void *print(void *unused) {
    gate_signature *variadic = parse("int (char *, size_t, const char *, ...)"), *signature = NULL;
    const gate_type *types[] = {gate_type_basic(GATE_CHAR), gate_type_basic(GATE_FLOAT), gate_type_basic(GATE_LDOUBLE),
                                gate_type_basic(GATE_ULLONG)};
    cr_assert(gate_signature_variadic(variadic));
    cr_assert_eq(gate_signature_extend(variadic, types, 4, &signature, NULL), 0);
    gate_signature_free(variadic);
    cr_assert_eq(gate_signature_parameter(signature, 3)->kind, GATE_INT, "a char is promoted");
    cr_assert_eq(gate_signature_parameter(signature, 4)->kind, GATE_DOUBLE, "a float is promoted");
    gate_function function = {.signature = signature, .address = address_of(snprintf), .name = "snprintf"};
    char buffer[64], *at = buffer;
    const char *format = "%c %g %Lg %llu";
    size_t size = sizeof buffer;
    int c = 'x', length = 0;
    double d = 0.5;
    long double e = -1.25L;
    unsigned long long f = UINT64_MAX;
    void *arguments[] = {&at, &size, &format, &c, &d, &e, &f};
    cr_assert_eq(gate_call(&function, &length, arguments), 0);
    cr_assert_str_eq(buffer, "x 0.5 -1.25 18446744073709551615");
    cr_assert_eq((size_t)length, strlen(buffer));
    gate_signature_free(signature);
    return unused;
}

Test(call, of_a_variadic_function_promotes_its_arguments) {
    run_each_way(print);
}

Test(call, takes_no_more_arguments_than_a_function_that_is_not_variadic) {
    gate_signature *signature = parse("int (int)"), *extended = NULL;
    const gate_type *type = gate_type_basic(GATE_INT);
    cr_assert_eq(gate_signature_extend(signature, &type, 1, &extended, NULL), -EINVAL);
    gate_signature_free(signature);
}

/* Classes of calls */

static bool had_slot;

static int note_slot(void) {
    gate_m *m = gate__m();
    gate__lock(&m->runtime->lock);
    had_slot = m->slot != NULL;
    gate__unlock(&m->runtime->lock);
    return 0;
}

static void *note_slot_in_a_call(void *class) {
    gate_function function = make_function("int (void)", address_of(note_slot), "note_slot");
    function.call_class = (enum gate_call_class)(uintptr_t) class;
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    cr_assert_not_null(gate__m()->slot);
    free_function(function);
    return NULL;
}

Test(call, of_class_blocking_has_given_its_slot_up_when_the_function_begins) {
    run_task(note_slot_in_a_call, (void *)GATE_CALL_BLOCKING);
    cr_assert_not(had_slot);
    run_task(note_slot_in_a_call, (void *)GATE_CALL_DEFAULT);
    cr_assert(had_slot, "one of class default keeps it at first");
}

static _Atomic bool other_ran;

static void *run_other(void *unused) {
    atomic_store(&other_ran, true);
    return unused;
}

static uint64_t looks_for; /* nanoseconds at the most */

static int look_for_other(void) {
    had_slot = true;
    for (uint64_t end = gate__os_now() + looks_for; had_slot && gate__os_now() < end;)
        had_slot = !atomic_load(&other_ran);
    return 0;
}

static void *call_beside_other(void *class) {
    gate_function function = make_function("int (void)", address_of(look_for_other), "look_for_other");
    function.call_class = (enum gate_call_class)(uintptr_t) class;
    atomic_store(&other_ran, false);
    gate_task *other = spawn("other", run_other, NULL);
    gate_call(&function, NULL, NULL);
    join(other);
    free_function(function);
    return NULL;
}

Test(call, of_class_leaf_keeps_its_slot_however_long_it_takes) {
    looks_for = 50 * 1000 * 1000;
    run_task(call_beside_other, (void *)GATE_CALL_LEAF);
    cr_assert(had_slot);
    looks_for = 5000ull * 1000 * 1000;
    run_task(call_beside_other, (void *)GATE_CALL_DEFAULT);
    cr_assert_not(had_slot, "one of class default loses it");
}

static struct gate_task_info seen;

static int see_self_in_c(void) {
    seen = own_info();
    return 0;
}

static void *see_self_in_a_call(void *class) {
    gate_function function = make_function("int (void)", address_of(see_self_in_c), "see_self_in_c");
    function.call_class = (enum gate_call_class)(uintptr_t) class;
    gate_call(&function, NULL, NULL);
    cr_assert_eq(seen.state, GATE_TASK_IN_CALL);
    cr_assert_str_eq(seen.where, "see_self_in_c");
    seen = own_info();
    cr_assert_eq(seen.state, GATE_TASK_RUNNING);
    cr_assert_null(seen.where);
    free_function(function);
    return NULL;
}

Test(call, of_any_class_is_where_its_task_is_listed_and_no_longer_than_it_lasts) {
    run_task(see_self_in_a_call, (void *)GATE_CALL_DEFAULT);
    run_task(see_self_in_a_call, (void *)GATE_CALL_LEAF);
    run_task(see_self_in_a_call, (void *)GATE_CALL_BLOCKING);
}

static int wait_2_ms(void) {
    usleep(2000);
    return 0;
}

static void *call_slow_leaf(void *unused) {
    gate_function function = make_function("int (void)", address_of(wait_2_ms), "wait_2_ms");
    function.call_class = GATE_CALL_LEAF;
    gate_call(&function, NULL, NULL);
    gate_call(&function, NULL, NULL);
    fprintf(stderr, "end of slow leaves\n");
    free_function(function);
    return unused;
}

static void *call_with_long_name(void *unused) {
    char name[400];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    gate_function function = make_function("int (void)", address_of(getpid), name);
    int process;
    gate_call(&function, &process, NULL);
    fprintf(stderr, "end of the call\n");
    free_function(function);
    return unused;
}

static void set(const char *setting) {
    setenv("GATE_DEBUG", setting, 1);
    gate__init_read_settings();
    gate__foreign_init();
}

static void run_with_setting(void *setting) {
    set(setting);
    run_task(call_slow_leaf, NULL);
    abort();
}

static void show_long_name(void *unused) {
    set("calltrace=1");
    run_task(call_with_long_name, unused);
    abort();
}

/* The microseconds in a report that begins with text; the rest of the output is *rest. */
static double reported(const char *output, const char *text, const char **rest) {
    const char *report = strstr(output, text);
    cr_assert_not_null(report, "'%s' is not in: %s", text, output);
    *rest = report + strlen(text);
    return strtod(*rest, NULL);
}

Test(call, of_class_leaf_that_takes_long_is_reported_once_if_a_setting_asks) {
    char output[1024];
    const char *rest;
    cr_assert_neq(dies(run_with_setting, (void *)(uintptr_t) "leaf=1000", output, sizeof output), 0);
    cr_assert_geq(reported(output, "task 'only' (#2): wait_2_ms is of class leaf, and took ", &rest), 2000);
    cr_assert_null(strstr(rest, "wait_2_ms"), "%s", output);
    cr_assert_neq(dies(run_with_setting, (void *)(uintptr_t) "leaf=1000000", output, sizeof output), 0);
    cr_assert_null(strstr(output, "wait_2_ms"), "%s", output);
}

Test(call, is_shown_with_its_time_if_a_setting_asks) {
    char output[1024];
    const char *rest;
    cr_assert_neq(dies(run_with_setting, (void *)(uintptr_t) "calltrace=1", output, sizeof output), 0);
    cr_assert_geq(reported(output, "task 'only' (#2): wait_2_ms took ", &rest), 2000);
    cr_assert_geq(reported(rest, "task 'only' (#2): wait_2_ms took ", &rest), 2000);
}

Test(call, whose_name_is_long_is_shown_in_a_line_with_its_time) {
    char output[1024];
    const char *rest;
    cr_assert_neq(dies(show_long_name, NULL, output, sizeof output), 0);
    cr_assert_geq(reported(output, "x took ", &rest), 0);
    cr_assert_not_null(strstr(rest, " us\nend of the call\n"), "%s", output);
}

/* C that ends its thread */

static void end_thread(void) {
    pthread_exit(NULL);
}

static void let_go(void *unused) {
    fprintf(stderr, "cleaned up\n");
    (void)unused;
}

static void end_thread_that_cleans_up(void) {
    pthread_cleanup_push(let_go, NULL);
    pthread_exit(NULL);
    pthread_cleanup_pop(0);
}

static void cancel_thread(void) {
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static void *call_and_end(void *function) {
    gate_call(function, NULL, NULL);
    return NULL;
}

struct ending {
    void (*address)(void);
    enum gate_call_class call_class;
};

static gate_function make_ending(const struct ending *ending) {
    gate_function function = make_function("void (void)", ending->address, "f");
    function.call_class = ending->call_class;
    return function;
}

static void end_a_worker(void *ending) {
    gate_function function = make_ending(ending);
    start(1);
    join(spawn("x", call_and_end, &function));
}

static void end_the_starter(void *ending) {
    gate_function function = make_ending(ending);
    start(1);
    call_and_end(&function);
}

static void *start_and_call(void *ending) {
    end_the_starter(ending);
    return NULL;
}

static void end_a_starter_that_is_not_main(void *ending) {
    pthread_t thread;
    pthread_create(&thread, NULL, start_and_call, ending);
    pthread_join(thread, NULL);
}

Test(call, of_a_function_that_ends_its_thread_is_fatal_and_names_task_and_function) {
    enum gate_call_class classes[] = {GATE_CALL_DEFAULT, GATE_CALL_LEAF, GATE_CALL_BLOCKING};
    const char *of_task = "gate_call: the thread of task 'x' (#2) ended in a call of 'f'";
    const char *of_main = "gate_call: the thread of task 'main' (#1) ended in a call of 'f'";
    for (int i = 0; i < 3; i++) {
        struct ending exits = {end_thread, classes[i]}, is_cancelled = {cancel_thread, classes[i]};
        cr_assert_dies_with(end_a_worker, &exits, unless_on_a_fibre(of_task));
        cr_assert_dies_with(end_a_worker, &is_cancelled, of_task);
        cr_assert_dies_with(end_the_starter, &exits, of_main);
        cr_assert_dies_with(end_a_starter_that_is_not_main, &is_cancelled, of_main);
    }
}

Test(call, that_ends_its_thread_has_cs_frames_clean_up_before_that_is_reported) {
    struct ending ending = {end_thread_that_cleans_up, GATE_CALL_DEFAULT};
    cr_assert_dies_with(end_the_starter, &ending, "cleaned up\ncallgate: fatal: gate_call: ");
}
