/* Guarded calls: whatever faults in C, the task goes on, and is told. */
#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/arch/arch.h"
#include "tests/support/bridge.h"
#include "tests/support/faults.h"
#include "tests/support/loaded.h"

enum { FUNCTION_SIZE = 256 }; /* no more than a sanitizer makes of one here */

static WRONG int write_at(volatile int *address) {
    *address = 1;
    return 0;
}

static WRONG int trap(void) {
    __asm__ volatile("ud2");
    return 0;
}

/* A page of a file that has none. */
static int read_beyond_file(void) {
    FILE *file = tmpfile();
    cr_assert_eq(ftruncate(fileno(file), 4096), 0);
    volatile int *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
    cr_assert_eq(ftruncate(fileno(file), 0), 0);
    return *page;
}

static int jump_to_nowhere(void (*nowhere)(void)) {
    nowhere();
    return 1;
}

static int add(int a, int b) {
    return a + b;
}

static gate_function guarded(const char *text, void (*address)(void), const char *name) {
    gate_function function = make_function(text, address, name);
    function.call_class = GATE_CALL_GUARDED;
    return function;
}

/* Calls one of the above with up to two arguments; whatever it does is an error. */
static void fault_in(const char *text, void (*address)(void), const char *name, void *const arguments[], int number) {
    gate_function function = guarded(text, address, name);
    long result = 0;
    cr_assert_eq(gate_call(&function, &result, arguments), -EFAULT, "%s", name);
    cr_assert_eq(gate_errno(), EFAULT);
    const gate_trap *last = gate_trap_last();
    cr_assert_not_null(last);
    cr_assert_eq(last->signal, number, "%s: signal %d", name, last->signal);
    cr_assert_str_eq(last->function, name);
    cr_assert_geq(last->depth, 1);
    cr_assert_leq(last->depth, GATE_TRAP_FRAMES);
    cr_assert_eq(last->frames[0], last->pc);
    free_function(function);
}

static void call_add(void) {
    gate_function function = guarded("int (int, int)", address_of(add), "add");
    int a = 40, b = 2, result = 0;
    cr_assert_eq(gate_call(&function, &result, (void *[]){&a, &b}), 0);
    cr_assert_eq(result, 42);
    free_function(function);
}

static void *each_fault(void *unused) {
    volatile int *null = NULL, *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const char *string = NULL;
    int one = 1, zero = 0;
    call_add();
    cr_assert_null(gate_trap_last());
    fault_in("int (const int *)", address_of(read_at), "read_at", (void *[]){&null}, SIGSEGV);
    cr_assert_eq(gate_trap_last()->code, SEGV_MAPERR);
    cr_assert_null(gate_trap_last()->address);
    call_add();
    fault_in("int (int *)", address_of(write_at), "write_at", (void *[]){&constant}, SIGSEGV);
    cr_assert_eq(gate_trap_last()->code, SEGV_ACCERR);
    cr_assert_eq((uintptr_t)gate_trap_last()->address, (uintptr_t)constant);
    fault_in("int (int, int)", address_of(divide), "divide", (void *[]){&one, &zero}, SIGFPE);
    cr_assert_eq(gate_trap_last()->code, FPE_INTDIV);
    fault_in("int (void)", address_of(trap), "trap", NULL, SIGILL);
    fault_in("int (void)", address_of(read_beyond_file), "read_beyond_file", NULL, SIGBUS);
    fault_in("size_t (const char *)", address_of(strlen), "strlen", (void *[]){&string}, SIGSEGV);
    fault_in("int (void)", address_of(use_up_stack), "use_up_stack", NULL, SIGSEGV);
    fault_in("int (void)", address_of(use_up_stack), "use_up_stack", NULL, SIGSEGV);
    call_add();
    return unused;
}

Test(guard, makes_an_error_of_each_fault_in_a_stackful_task) {
    run_task(each_fault, NULL);
}

Test(guard, makes_an_error_of_each_fault_in_a_root_task) {
    gate_runtime *runtime = start(1);
    each_fault(NULL);
    stop(runtime);
}

static void *fault_adopted(void *data) {
    gate_m *m = gate_m_acquire();
    each_fault(data);
    gate_m_release(m);
    return data;
}

Test(guard, makes_an_error_of_each_fault_on_an_adopted_thread) {
    gate_runtime *runtime = start(1);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, fault_adopted, NULL), 0);
    block_ms(1);
    pthread_join(thread, NULL);
    stop(runtime);
}

Test(guard, is_not_to_be_had_on_a_thread_of_no_runtime) {
    gate_function function = guarded("int (int, int)", address_of(add), "add");
    int a = 1, result = 5;
    cr_assert_eq(gate_call(&function, &result, (void *[]){&a, &a}), -ENOTSUP);
    cr_assert_eq(result, 5);
    cr_assert_null(gate_trap_last());
    free_function(function);
}

/* An unwinder goes through the guard to the task. */

static bool found_task;

static __attribute__((noinline)) int call_through(const gate_function *function) {
    return gate_call(function, NULL, NULL) - 1;
}

static int look_up(void) {
    void *frames[64];
    int count = backtrace(frames, 64);
    for (int i = 0; i < count; i++)
        found_task |= (uintptr_t)frames[i] - (uintptr_t)call_through < 64;
    return 0;
}

static void *look_through(void *unused) {
    gate_function function = guarded("int (void)", address_of(look_up), "look_up");
    found_task = false;
    cr_assert_eq(call_through(&function), -1);
    cr_assert(found_task);
    free_function(function);
    return unused;
}

Test(guard, is_no_end_of_a_backtrace) {
    run_task(look_through, NULL);
}

/* On frames: the faulting function, its caller and the crossing. */

static WRONG int innermost(const volatile int *address) {
    return *address + 1;
}

static WRONG int middle(const volatile int *address) {
    return innermost(address) + 1;
}

static bool has_frame_in(const gate_trap *last, uintptr_t function, size_t size) {
    for (size_t i = 0; i < last->depth; i++) {
        if ((uintptr_t)last->frames[i] - function < size)
            return true;
    }
    return false;
}

static void *look_at_frames(void *unused) {
    const int *null = NULL;
    void *arguments[] = {&null};
    char text[4096], little[8];
    fault_in("int (const int *)", address_of(middle), "middle", arguments, SIGSEGV);
    const gate_trap *last = gate_trap_last();
    cr_assert_lt((uintptr_t)last->pc - (uintptr_t)innermost, FUNCTION_SIZE);
    cr_assert_lt((uintptr_t)last->frames[1] - (uintptr_t)middle, FUNCTION_SIZE);
    cr_assert(has_frame_in(last, (uintptr_t)gate__arch_guard, 80));
    cr_assert_not(has_frame_in(last, (uintptr_t)look_at_frames, 256), "beyond the crossing");
    size_t length = gate_trap_print(last, text, sizeof text);
    cr_assert_eq(length, strlen(text));
    cr_assert_not_null(strstr(text, "SIGSEGV at (nil) (nothing is mapped there) in a call of middle\n  "), "%s", text);
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    cr_assert_eq(lines, last->depth);
    cr_assert_eq(gate_trap_print(last, little, sizeof little), length);
    cr_assert_str_eq(little, "SIGSEGV");
    cr_assert_eq(gate_trap_print(last, NULL, 0), length);
    return unused;
}

/* Where the way back should be on the stack, there is nonsense. */
static WRONG int damage_stack(void) {
    uintptr_t *frame = __builtin_frame_address(0);
    frame[0] = frame[1] = 0x4141414141414141;
    return read_at(NULL);
}

static void *look_at_damage(void *unused) {
    fault_in("int (void)", address_of(damage_stack), "damage_stack", NULL, SIGSEGV);
    cr_assert_lt((uintptr_t)gate_trap_last()->frames[0] - (uintptr_t)read_at, FUNCTION_SIZE);
    return unused;
}

Test(guard, holds_where_the_stack_is_damaged) {
    run_task(look_at_damage, NULL);
}

Test(guard, tells_the_frames_from_the_fault_to_the_call) {
    run_task(look_at_frames, NULL);
}

Test(guard, waits_for_no_thread_that_opens_a_library) {
    struct loading loading;
    gate_runtime *runtime = start(1);
    begin_loading(&loading, "loaded.so");
    join(spawn("faulty", look_at_frames, NULL));
    end_loading(&loading);
    stop(runtime);
}

static void *jump_about(void *unused) {
    uintptr_t targets[] = {0, 0x10, (uintptr_t)&found_task};
    for (int i = 0; i < 3; i++) {
        void *arguments[] = {&targets[i]};
        fault_in("int (void (*)(void))", address_of(jump_to_nowhere), "jump", arguments, SIGSEGV);
        cr_assert_eq((uintptr_t)gate_trap_last()->pc, targets[i]);
        cr_assert(has_frame_in(gate_trap_last(), (uintptr_t)jump_to_nowhere, 256), "target %d", i);
    }
    return unused;
}

Test(guard, tells_who_jumped_to_where_no_code_is) {
    run_task(jump_about, NULL);
}

static void *fault_often(void *times) {
    gate_function function = guarded("int (const int *)", address_of(read_at), "read_at");
    const int *null = NULL;
    for (intptr_t i = 0; i < (intptr_t)times; i++)
        cr_assert_eq(gate_call(&function, NULL, (void *[]){&null}), -EFAULT);
    free_function(function);
    return NULL;
}

Test(guard, holds_a_thousand_times_in_a_row) {
    run_task(fault_often, (void *)1000);
}

Test(guard, holds_on_several_threads_at_once) {
    gate_runtime *runtime = start(4);
    gate_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("faulty", fault_often, (void *)300);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    stop(runtime);
}

/* The slot is taken from a call that lasts: the task waits for another after the fault as after a return. */

static _Atomic int meanwhile;

static int fault_when_another_runs(void) {
    wait_until(atomic_load(&meanwhile) > 0);
    return read_at(NULL);
}

static void *lose_slot(void *unused) {
    gate_function function = guarded("int (void)", address_of(fault_when_another_runs), "fault_when_another_runs");
    atomic_store(&meanwhile, 0);
    cr_assert_eq(gate_call(&function, NULL, NULL), -EFAULT);
    cr_assert_eq(gate__m()->slot->holder, gate__m());
    gate_task_yield();
    free_function(function);
    return unused;
}

static void *count(void *unused) {
    while (atomic_fetch_add(&meanwhile, 1) < 10)
        gate_task_yield();
    return unused;
}

Test(guard, a_call_that_has_lost_its_slot_gets_one_after_a_fault) {
    gate_runtime *runtime = start(1);
    gate_task *loser = spawn("loses its slot", lose_slot, NULL), *other = spawn("counts", count, NULL);
    join(loser);
    join(other);
    stop(runtime);
}

/* What C changed of the thread is as it was: signal mask, rounding, errno of the next call. */

static int spoil_and_fault(void) {
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* while that is blocked a fault kills */
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    fesetround(FE_UPWARD);
    feenableexcept(FE_ALL_EXCEPT);
    __asm__ volatile("fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz; std");
    return read_at(NULL);
}

static void *look_at_thread(void *unused) {
    gate_m *m = gate_m_acquire();
    gate_function function = guarded("int (void)", address_of(spoil_and_fault), "spoil_and_fault");
    uint64_t mask = gate__os_signal_mask();
    cr_assert_eq(gate_call(&function, NULL, NULL), -EFAULT);
    cr_assert_eq(gate__os_signal_mask(), mask);
    cr_assert_eq(fegetround(), FE_TONEAREST);
    cr_assert_eq(fegetexcept(), 0);
    volatile long double x = 1, y = 3;
    cr_assert_eq(x / y * y, 1, "the x87 stack is empty");
    free_function(function);
    gate_m_release(m);
    return unused;
}

Test(guard, puts_mask_and_floating_point_modes_back) {
    run_task(look_at_thread, NULL);
}

static void *keep_rounding(void *unused) {
    gate_m *m = gate_m_acquire();
    gate_function function = guarded("int (int)", address_of(fesetround), "fesetround");
    int upward = FE_UPWARD;
    cr_assert_eq(gate_call(&function, NULL, (void *[]){&upward}), 0);
    cr_assert_eq(fegetround(), FE_UPWARD, "what C changes stays changed, without a fault");
    fesetround(FE_TONEAREST);
    free_function(function);
    gate_m_release(m);
    return unused;
}

Test(guard, changes_nothing_of_a_call_without_a_fault) {
    run_task(keep_rounding, NULL);
}

/* Callbacks */

static gate_runtime *host;
static int handler_saw;

static int call_or_fault(int (*callback)(int), int x) {
    int result = callback(x) + 1;
    return x == 2 ? read_at(NULL) : result;
}

static int fault_below(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    fault_often((void *)1);
    handler_saw = *(int *)arguments[0];
    *(int *)result = 10 * handler_saw;
    return 0;
}

static int through_c(gate_handler handler, int x, int *result) {
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(host, signature, handler, NULL);
    gate_function function = guarded("int (int (*)(int), int)", address_of(call_or_fault), "call_or_fault");
    void (*address)(void) = gate_callback_address(callback);
    int status = gate_call(&function, result, (void *[]){&address, &x});
    cr_assert_eq(gate_callback_free(callback), 0, "none runs");
    gate_signature_free(signature);
    free_function(function);
    return status;
}

static void *nest(void *unused) {
    int result = 0;
    cr_assert_eq(through_c(fault_below, 4, &result), 0);
    cr_assert_eq(result, 41, "the handler went on, and so did C");
    cr_assert_eq(through_c(fault_below, 2, &result), -EFAULT, "the outer call's own fault, after a callback");
    cr_assert_eq(handler_saw, 2);
    cr_assert_eq(gate__m()->pins, 0);
    call_add();
    return unused;
}

Test(guard, a_fault_below_a_callback_ends_the_inner_call_alone) {
    host = start(1);
    join(spawn("nests", nest, NULL));
    stop(host);
}

static int fail_then_fault(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 7;
}

static void *fail_and_fault(void *unused) {
    cr_assert_eq(through_c(fail_then_fault, 2, NULL), -EFAULT, "and not the handler's status");
    return unused;
}

Test(guard, a_fault_outranks_a_handlers_status) {
    host = start(1);
    join(spawn("fails", fail_and_fault, NULL));
    stop(host);
}

static int fault_unguarded(void *unused, void *result, void *const arguments[]) {
    gate_function function = make_function("int (const int *)", address_of(read_at), "read_at");
    const int *null = NULL;
    (void)unused;
    gate_call(&function, result, (void *[]){&null});
    return arguments == NULL;
}

static int fault_in_handler(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    *(int *)result = read_at(NULL);
    return arguments == NULL;
}

static void *call_with(void *handler) {
    through_c((gate_handler)handler, 1, NULL);
    return NULL;
}

static void die_below_guarded(void *handler) {
    host = start(1);
    join(spawn("faulty", call_with, handler));
}

Test(guard, an_unguarded_fault_below_a_callback_dies) {
    cr_assert_dies_with(die_below_guarded, (void *)fault_unguarded,
                        "SIGSEGV at (nil) (nothing is mapped there) in a call of read_at");
    cr_assert_dies_with(die_below_guarded, (void *)fault_in_handler, "in interpreter code");
}

/* C that makes a guarded call by itself is in its own again behind that. */

static int call_and_fault(void) {
    gate_function inner = guarded("int (void)", address_of(trap), "trap");
    if (gate_call(&inner, NULL, NULL) != -EFAULT)
        return 1;
    free_function(inner);
    return read_at(NULL);
}

static void *nest_in_c(void *unused) {
    gate_function outer = guarded("int (void)", address_of(call_and_fault), "call_and_fault");
    cr_assert_eq(gate_call(&outer, NULL, NULL), -EFAULT);
    cr_assert_eq(gate_trap_last()->signal, SIGSEGV);
    free_function(outer);
    return unused;
}

Test(guard, a_fault_below_a_call_that_c_makes_by_itself_ends_that_alone) {
    run_task(nest_in_c, NULL);
}

/* A signal that somebody sends is no fault. */

static int send_segv(void) {
    raise(SIGSEGV);
    return 0;
}

static void *be_sent(void *unused) {
    gate_function function = guarded("int (void)", address_of(send_segv), "send_segv");
    gate_call(&function, NULL, NULL);
    return unused;
}

static void die_of_sent(void *unused) {
    signal(SIGSEGV, SIG_DFL);
    run_task(be_sent, unused);
}

Test(guard, catches_faults_and_no_signals_that_are_sent) {
    char output[4096];
    int status = dies(die_of_sent, NULL, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_str_eq(output, "");
}

/* From a guarded call through another runtime's handler back into the first: the guard is not the inner handler's. */

static gate_runtime *_Atomic second;

static void *keep_second(void *unused) {
    atomic_store(&second, start(2)); /* this thread keeps one */
    pause();
    return unused;
}

static int call_back_first(void *unused, void *result, void *const arguments[]) {
    gate_signature *signature = parse("int (int)");
    gate_callback *callback = make_callback(host, signature, fault_in_handler, NULL);
    gate_function function = make_function("int (int (*)(int), int)", address_of(call_or_fault), "call_or_fault");
    void (*address)(void) = gate_callback_address(callback);
    int one = 1;
    (void)unused, (void)arguments;
    return gate_call(&function, result, (void *[]){&address, &one});
}

static void *call_second(void *unused) {
    gate_callback *callback = make_callback(atomic_load(&second), parse("int (int)"), call_back_first, NULL);
    gate_function function = guarded("int (int (*)(int), int)", address_of(call_or_fault), "call_or_fault");
    void (*address)(void) = gate_callback_address(callback);
    int one = 1;
    gate_call(&function, NULL, (void *[]){&address, &one});
    return unused;
}

static void die_in_nest(void *unused) {
    pthread_t keeper;
    pthread_create(&keeper, NULL, keep_second, unused);
    while (!atomic_load(&second))
        usleep(100);
    host = start(1);
    join(spawn("nests", call_second, NULL));
}

Test(guard, is_none_of_what_comes_back_through_another_runtime) {
    cr_assert_dies_with(die_in_nest, NULL, "in interpreter code\ncallgate:   task 'nests'");
}

/* Where there is no memory to note a fault in, nothing is called. */

static int count_calls(void) {
    return ++handler_saw;
}

static void *call_without_memory(void *unused) {
    gate_function function = guarded("int (void)", address_of(count_calls), "count_calls");
    handler_saw = 0;
    atomic_store(&has_memory, false);
    cr_assert_eq(gate_call(&function, NULL, NULL), -ENOMEM);
    cr_assert_eq(handler_saw, 0);
    atomic_store(&has_memory, true);
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    cr_assert_eq(handler_saw, 1);
    free_function(function);
    return unused;
}

Test(guard, without_memory_for_it_nothing_is_called) {
    struct gate_runtime_hooks hooks = {.allocate = allocate_if_there_is, .deallocate = release_memory};
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .hooks = hooks});
    join(spawn("calls", call_without_memory, NULL));
    stop(runtime);
}
