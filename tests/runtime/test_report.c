/* Last words: a fault that nobody catches names the task, the call and both stacks. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tests/support/bridge.h"
#include "tests/support/faults.h"
#include "tests/support/loaded.h"
#include "tests/support/process.h"

/* Frames that the unwinder can't pass: there are no rules for this code, nor a frame pointer. */
int without_rules(const int *address);
__asm__(".text\n"
        ".type without_rules, %function\n"
        "without_rules:\n"
        "pushq %rbp\n"
        "subq $64, %rsp\n"
        "xorl %ebp, %ebp\n"
        "movl (%rdi), %eax\n"
        "addq $64, %rsp\n"
        "popq %rbp\n"
        "ret\n"
        ".size without_rules, . - without_rules\n");

static int call_back(int (*callback)(void)) {
    return callback();
}

static void *interpret_read(void *unused) {
    gate_function function = make_function("int (const int *)", address_of(read_at), "read_at");
    const int *address = (const int *)0x40;
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

static void *interpret_read_as_leaf(void *unused) {
    gate_function function = make_function("int (const int *)", address_of(read_at), "read_at");
    function.call_class = GATE_CALL_LEAF;
    const int *address = (const int *)0x40;
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

static void *interpret_divide(void *unused) {
    gate_function function = make_function("int (int, int)", address_of(divide), "divide");
    int one = 1, zero = 0;
    gate_call(&function, NULL, (void *[]){&one, &zero});
    return unused;
}

static void *interpret_use_up_stack(void *unused) {
    gate_function function = make_function("int (void)", address_of(use_up_stack), "use_up_stack");
    gate_call(&function, NULL, NULL);
    return unused;
}

static void *interpret_without_rules(void *unused) {
    gate_function function = make_function("int (const int *)", address_of(without_rules), "without_rules");
    const int *address = (const int *)0x40;
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

/* What is returned in the x87's registers has to be stored behind the call: its way is another. */
static void *interpret_long_double_without_rules(void *unused) {
    gate_function function = make_function("long double (const int *)", address_of(without_rules), "without_rules");
    const int *address = (const int *)0x40;
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

static void *interpret_itself(void *unused) {
    read_at((const int *)0x40);
    return unused;
}

static int handle_by_reading(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return read_at((const int *)0x40);
}

static void *interpret_callback(void *unused) {
    gate_signature *signature = parse("int (void)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, handle_by_reading, NULL);
    gate_function function = make_function("int (int (*)(void))", address_of(call_back), "call_back");
    void (*address)(void) = gate_callback_address(callback);
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

static void put_defaults(void) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGFPE, SIG_DFL);
}

static void die_in_task(void *body) {
    put_defaults();
    start(1);
    join(spawn("faulty", (gate_task_main)body, NULL));
}

static void end_in_older(void *body) {
    signal(SIGSEGV, older_handler);
    start(1);
    join(spawn("faulty", (gate_task_main)body, NULL));
}

static void die_in_root(void *body) {
    put_defaults();
    start(1);
    ((gate_task_main)body)(NULL);
}

static void *be_adopted(void *body) {
    gate_m *m = gate_m_acquire();
    ((gate_task_main)body)(NULL);
    gate_m_release(m);
    return NULL;
}

static void die_adopted(void *body) {
    pthread_t thread;
    put_defaults();
    start(1);
    pthread_create(&thread, NULL, be_adopted, body);
    pthread_join(thread, NULL);
}

/* What the process says before it dies of number. */
static const char *last_words(void (*fn)(void *), gate_task_main body, int number) {
    static char output[64 * 1024];
    int status = dies(fn, (void *)body, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == number, "status %d: %s", status, output);
    return output;
}

#define assert_says(output, words) \
    cr_assert_not_null(strstr((output), (words)), "'%s' is not in: %s", (words), (output))
#define assert_says_not(output, words) cr_assert_null(strstr((output), (words)), "'%s' is in: %s", (words), (output))

static void assert_names_task_function_and_stacks(const char *output) {
    assert_says(output, "callgate: fatal: SIGSEGV at 0x40 (nothing is mapped there) in a call of read_at\n");
    assert_says(output, "callgate:   task 'faulty' (#2) on M ");
    assert_says(output, "callgate:   system stack: 0x");
    assert_says(output, "callgate:   the task's stack: 0x");
    assert_says(output, "(256 KiB), at 0x");
    assert_says_not(output, "not on it");
    assert_says_not(output, "used up");
    assert_says_not(output, "the task's frames");
}

Test(report, of_a_fault_in_a_call_names_task_function_and_stacks) {
    const char *output = last_words(die_in_task, interpret_read, SIGSEGV);
    assert_names_task_function_and_stacks(output);
    assert_says_not(output, "the handler that was there before");
}

Test(report, comes_before_the_handler_that_was_there) {
    const char *output = words_before_older(end_in_older, (void *)interpret_read);
    assert_names_task_function_and_stacks(output);
    assert_says(output, "callgate:   it goes to the handler that was there before\n");
}

Test(report, of_a_fault_in_a_call_goes_across_the_crossing) {
    const char *output = last_words(die_in_task, interpret_read, SIGSEGV);
    unsigned lines = 0;
    for (const char *at = strstr(output, "(256 KiB)"); at && (at = strchr(at, '\n')) != NULL; at++)
        lines += at[1] != '\0';
    cr_assert_geq(lines, 5, "C, gate_call, and the task's first three: %s", output);
}

Test(report, knows_calls_of_class_leaf_by_their_stack) {
    assert_says(last_words(die_in_task, interpret_read_as_leaf, SIGSEGV), "in a call of read_at\n");
    assert_says(last_words(die_in_root, interpret_read_as_leaf, SIGSEGV), "in a call of read_at\n");
}

Test(report, knows_root_tasks_and_adopted_threads) {
    const char *output = last_words(die_in_root, interpret_divide, SIGFPE);
    assert_says(output, "callgate: fatal: SIGFPE at 0x");
    assert_says(output, " (integer division by zero, or out of range) in a call of divide\n");
    assert_says(output, "callgate:   task 'main' (#1) on M ");
    assert_says_not(output, "the task's stack");
    output = last_words(die_adopted, interpret_read, SIGSEGV);
    assert_says(output, "in a call of read_at\n");
    assert_says(output, "callgate:   task 'thread' (#");
}

static void die_in_root_of_unknown_stack(void *body) {
    open_no_more_files();
    die_in_root(body);
}

Test(report, says_nothing_of_a_system_stack_whose_bounds_nobody_told) {
    const char *output = last_words(die_in_root_of_unknown_stack, interpret_read, SIGSEGV);
    assert_says(output, "in a call of read_at\n");
    assert_says(output, "callgate:   task 'main' (#1) on M ");
    assert_says_not(output, "system stack");
}

Test(report, says_that_the_system_stack_is_used_up_and_shows_the_task_too) {
    const char *output = last_words(die_in_task, interpret_use_up_stack, SIGSEGV);
    assert_says(output, "in a call of use_up_stack\n");
    assert_says(output, "callgate:   the system stack is used up\n");
    assert_says(strstr(output, "callgate:   the task's frames:\n"), "(");
}

static void require_lines_behind(const char *output, const char *words, unsigned least) {
    const char *at = strstr(output, words);
    cr_assert_not_null(at, "%s", output);
    unsigned lines = 0;
    for (; (at = strchr(at, '\n')) != NULL; at++)
        lines += at[1] != '\0';
    cr_assert_geq(lines, least, "%s", output);
}

static void require_the_tasks_frames(gate_task_main body) {
    const char *output = last_words(die_in_task, body, SIGSEGV);
    assert_says(output, "in a call of without_rules\n");
    require_lines_behind(output, "callgate:   the task's frames:\n", 3);
}

Test(report, shows_the_task_where_c_cannot_be_unwound) {
    require_the_tasks_frames(interpret_without_rules);
    require_the_tasks_frames(interpret_long_double_without_rules);
}

Test(report, of_a_fault_in_interpreter_code_says_so) {
    const char *output = last_words(die_in_task, interpret_itself, SIGSEGV);
    assert_says(output, "callgate: fatal: SIGSEGV at 0x40 (nothing is mapped there) in interpreter code\n");
    assert_says(output, "callgate:   task 'faulty' (#2) on M ");
    assert_says_not(output, "not on it");
    output = last_words(die_in_task, interpret_callback, SIGSEGV);
    assert_says(output, "in interpreter code\n");
    output = last_words(die_in_root, interpret_callback, SIGSEGV);
    assert_says(output, "in interpreter code\n");
}

/* A start waits for the loader: it loads the unwinder. */
static void die_while_another_loads(void *body) {
    struct loading loading;
    put_defaults();
    start(1);
    begin_loading(&loading, "loaded.so");
    join(spawn("faulty", (gate_task_main)body, NULL));
}

static void *overflow(void *unused) {
    use_up_stack();
    return unused;
}

Test(report, waits_for_no_thread_that_opens_a_library) {
    const char *output = last_words(die_while_another_loads, interpret_read, SIGSEGV);
    assert_names_task_function_and_stacks(output);
    output = last_words(die_while_another_loads, overflow, SIGSEGV);
    assert_says(output, "callgate: fatal: task faulty (#2) overflowed its 256 KiB stack\n");
}

/* What the kernel says of it, in words. */
Test(report, describes_each_signal_and_code_and_no_more_than_there_is_room_for) {
    static const struct {
        int signal, code;
        const char *words;
    } known[] = {
        {SIGSEGV, SEGV_MAPERR, "SIGSEGV at 0x40 (nothing is mapped there)"},
        {SIGSEGV, SEGV_ACCERR, "SIGSEGV at 0x40 (no such access is allowed there)"},
        {SIGSEGV, SI_KERNEL, "SIGSEGV at 0x40 (no address, or the kernel doesn't know which)"},
        {SIGBUS, BUS_ADRERR, "SIGBUS at 0x40 (there is no memory for it, as beyond a file's end)"},
        {SIGBUS, BUS_ADRALN, "SIGBUS at 0x40 (misaligned)"},
        {SIGFPE, FPE_INTDIV, "SIGFPE at 0x40 (integer division by zero, or out of range)"},
        {SIGFPE, FPE_FLTDIV, "SIGFPE at 0x40 (floating-point division by zero)"},
        {SIGFPE, FPE_FLTINV, "SIGFPE at 0x40 (invalid floating-point operation)"},
        {SIGILL, ILL_ILLOPN, "SIGILL at 0x40 (no such instruction)"},
        {SIGILL, SI_KERNEL, "SIGILL at 0x40"},
    };
    char words[128], few[16];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        gate_trap trap = {.signal = known[i].signal, .code = known[i].code, .address = (void *)0x40};
        cr_assert_eq(gate__report_describe(&trap, words, sizeof words), strlen(known[i].words));
        cr_assert_str_eq(words, known[i].words);
        cr_assert_eq(gate__report_describe(&trap, few, sizeof few), i < 9 ? sizeof few - 1 : strlen(known[i].words));
    }
}

/* A name that is longer than a line: what is cut is its end, and the line has one. */
static void *interpret_read_by_a_long_name(void *unused) {
    static char name[1000];
    memset(name, 'n', sizeof name - 1);
    gate_function function = make_function("int (const int *)", address_of(read_at), name);
    const int *address = (const int *)0x40;
    gate_call(&function, NULL, (void *[]){&address});
    return unused;
}

Test(report, cuts_a_line_that_is_too_long) {
    assert_says(last_words(die_in_task, interpret_read_by_a_long_name, SIGSEGV),
                "nnnn\ncallgate:   task 'faulty' (#2) on M ");
}

/* How much of a stack is used, by the report's own words. */
static size_t used_of(const char *output, const char *stack) {
    size_t size = 0, used = 0;
    const char *at = strstr(output, stack);
    cr_assert_not_null(at, "%s", output);
    cr_assert_eq(sscanf(at + strlen(stack), " stack: %*p to %*p (%zu KiB), at %*p, %zu KiB used", &size, &used), 2,
                 "%s", output);
    return used;
}

Test(report, tells_how_much_of_each_stack_is_used) {
    const char *output = last_words(die_in_task, interpret_read, SIGSEGV);
    cr_assert_leq(used_of(output, "the task's"), 128u);
    cr_assert_leq(used_of(output, "system"), 512u);
}

/* C on a stack of its own. */

static ucontext_t elsewhere, back;

static void read_elsewhere(void) {
    read_at((const int *)0x40);
}

static int go_elsewhere(void) {
    static char stack[64 * 1024];
    getcontext(&elsewhere);
    elsewhere.uc_stack.ss_sp = stack;
    elsewhere.uc_stack.ss_size = sizeof stack;
    elsewhere.uc_link = &back;
    makecontext(&elsewhere, read_elsewhere, 0);
    return swapcontext(&back, &elsewhere);
}

static void *interpret_go_elsewhere(void *unused) {
    gate_function function = make_function("int (void)", address_of(go_elsewhere), "go_elsewhere");
    gate_call(&function, NULL, NULL);
    return unused;
}

Test(report, says_when_c_is_on_another_stack) {
    const char *output = last_words(die_in_task, interpret_go_elsewhere, SIGSEGV);
    const char *system = strstr(output, "callgate:   system stack: ");
    cr_assert_not_null(system, "%s", output);
    char *end = strchr(system, '\n');
    *end = '\0';
    assert_says(system, ", which is not on it");
    assert_says(end + 1, " KiB used\n"); /* the task's */
}

/* Between tasks there is none to name. */

static void die_between_tasks(void *body) {
    put_defaults();
    start(1);
    gate__m()->task = NULL;
    ((gate_task_main)body)(NULL);
}

Test(report, knows_the_scheduler) {
    const char *output = last_words(die_between_tasks, interpret_itself, SIGSEGV);
    assert_says(output, "callgate: fatal: SIGSEGV at 0x40 (nothing is mapped there) in the scheduler\n");
    assert_says(output, "callgate:   no task on M ");
}

Test(report, of_an_overflow_shows_frames) {
    require_lines_behind(last_words(die_in_task, overflow, SIGSEGV), "task faulty (#2) overflowed its 256 KiB stack\n",
                         5);
}

static void *fault_outside(void *unused) {
    gate_m_release(gate_m_acquire());
    return interpret_itself(unused);
}

static void *fault_apart(void *unused) {
    return interpret_itself(unused);
}

static void die_on_thread(void *body) {
    pthread_t thread;
    put_defaults();
    start(1);
    pthread_create(&thread, NULL, (void *(*)(void *))body, NULL);
    pthread_join(thread, NULL);
}

static void end_in_older_on_thread(void *body) {
    pthread_t thread;
    signal(SIGSEGV, older_handler);
    start(1);
    pthread_create(&thread, NULL, (void *(*)(void *))body, NULL);
    pthread_join(thread, NULL);
}

Test(report, is_not_made_of_threads_that_are_none_of_ours) {
    cr_assert_str_eq(last_words(die_on_thread, fault_apart, SIGSEGV), "");
    cr_assert_str_eq(last_words(die_on_thread, fault_outside, SIGSEGV), "");
    cr_assert_str_eq(words_before_older(end_in_older_on_thread, (void *)fault_apart), "");
    cr_assert_str_eq(words_before_older(end_in_older_on_thread, (void *)fault_outside), "");
}
