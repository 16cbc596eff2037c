/* Interrupts: a foreign function's system call ends with EINTR, whenever the interrupt comes. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"

static int pipe_ends[2];

static int read_pipe(void) {
    char byte;
    return (int)read(pipe_ends[0], &byte, 1);
}

static int sleep_for_long(void) {
    return nanosleep(&(struct timespec){1000, 0}, NULL);
}

static int poll_pipe(void) {
    return poll(&(struct pollfd){pipe_ends[0], POLLIN, 0}, 1, 1000 * 1000);
}

/* Calls function for ever; returns errno. */
static int call(int (*address)(void)) {
    gate_function function = make_function("int (void)", address_of(address), "waiting");
    int result = 0;
    cr_assert_eq(gate_call(&function, &result, NULL), 0);
    cr_assert_eq(result, -1);
    free_function(function);
    return gate_errno();
}

static void *wait_in(void *address) {
    return (void *)(intptr_t)call((int (*)(void))address);
}

static void *wait_pinned(void *address) {
    gate_m *m = gate_m_acquire();
    int number = call((int (*)(void))address);
    gate_m_release(m);
    return (void *)(intptr_t)number;
}

static void interrupt(gate_task *task) {
    bool done = false;
    wait_until((block_ms(1), done = done || gate_task_interrupt(task) == 0));
}

static void open_pipe(void) {
    cr_assert_eq(pipe(pipe_ends), 0);
}

static void interrupt_in(gate_task_main body, int (*address)(void)) {
    gate_task *task = spawn("waits", body, (void *)address);
    interrupt(task);
    cr_assert_eq((intptr_t)join(task), EINTR);
}

Test(interrupt, ends_read_nanosleep_and_poll) {
    open_pipe();
    gate_runtime *runtime = start(1);
    interrupt_in(wait_in, read_pipe);
    interrupt_in(wait_in, sleep_for_long);
    interrupt_in(wait_in, poll_pipe);
    interrupt_in(wait_pinned, read_pipe);
    stop(runtime);
}

/* Root tasks and adopted threads are interrupted by a task, which has their slot meanwhile. */

static void *interrupt_task(void *task) {
    interrupt(task);
    return NULL;
}

Test(interrupt, ends_a_root_tasks_call) {
    open_pipe();
    gate_runtime *runtime = start(1);
    gate_task *interrupter = spawn("interrupts", interrupt_task, gate_task_current());
    cr_assert_eq(call(read_pipe), EINTR);
    join(interrupter);
    stop(runtime);
}

static gate_task *_Atomic adopted;
static _Atomic int adopted_got;

static int wait_in_callback(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    atomic_store(&adopted, gate_task_current());
    atomic_store(&adopted_got, call(read_pipe));
    return 0;
}

static void *call_callback(void *address) {
    ((int (*)(void))address)();
    return NULL;
}

/* In a call that a thread of C's own makes below a callback. */
static void interrupt_outside(const gate_callback *callback) {
    pthread_t thread;
    atomic_store(&adopted, NULL);
    cr_assert_eq(pthread_create(&thread, NULL, call_callback, (void *)gate_callback_address(callback)), 0);
    wait_until((block_ms(1), atomic_load(&adopted) != NULL));
    interrupt(atomic_load(&adopted));
    gate__foreign_call(join_thread, &thread);
}

Test(interrupt, ends_a_call_of_an_adopted_thread) {
    open_pipe();
    gate_runtime *runtime = start(1);
    gate_signature *signature = parse("int (void)");
    gate_callback *callback = make_callback(runtime, signature, wait_in_callback, NULL);
    interrupt_outside(callback);
    cr_assert_eq(atomic_load(&adopted_got), EINTR);
    gate_callback_free(callback);
    gate_signature_free(signature);
    stop(runtime);
}

static void *park_once(void *unused) {
    gate_task_park("test");
    return unused;
}

Test(interrupt, of_a_task_that_is_in_no_call_is_esrch) {
    gate_runtime *runtime = start(1);
    cr_assert_eq(gate_task_interrupt(gate_task_current()), -ESRCH);
    gate_task *task = spawn("parks", park_once, NULL);
    cr_assert_eq(gate_task_interrupt(task), -ESRCH);
    gate_task_yield();
    cr_assert_eq(gate_task_interrupt(task), -ESRCH);
    gate_task_ready(task);
    join(task);
    stop(runtime);
}

/* The signal may come before the system call has begun: it is sent again. */

static _Atomic unsigned delay;

static int read_late(void) {
    for (unsigned i = atomic_load(&delay); i > 0; i--)
        __asm__ volatile("");
    return read_pipe();
}

static void *read_again_and_again(void *rounds) {
    gate_function function = make_function("int (void)", address_of(read_late), "read_late");
    for (intptr_t i = 0; i < (intptr_t)rounds; i++) {
        int result = 0;
        atomic_store(&delay, (unsigned)(i * 997 % 20000));
        cr_assert_eq(gate_call(&function, &result, NULL), 0);
        cr_assert_eq(result, -1);
        cr_assert_eq(gate_errno(), EINTR);
    }
    free_function(function);
    return NULL;
}

Test(interrupt, comes_through_at_any_time_around_the_beginning_of_a_call) {
    enum { ROUNDS = 500 };
    open_pipe();
    gate_runtime *runtime = start(2);
    uint64_t begin = gate__os_now();
    gate_task *task = spawn("reads", read_again_and_again, (void *)ROUNDS);
    /* Each 0 ends at least one round in time; -ESRCH tells that none has begun, or that all have ended. */
    while ((atomic_load(&task->state) & GATE__STATES) != GATE__DONE) {
        if (gate_task_interrupt(task) == 0)
            usleep(300);
        cr_assert_lt(gate__os_now() - begin, 100 * 1000000000ull);
    }
    join(task);
    stop(runtime);
}

Test(interrupt, has_a_handler_that_runs_on_the_threads_own_stack_for_them_as_faults_have) {
    static const int ours[] = {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    gate_runtime *runtime = start(1);
    interrupt_in(wait_in, sleep_for_long);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        struct sigaction action;
        cr_assert_eq(sigaction(ours[i], NULL, &action), 0);
        cr_assert(action.sa_flags & SA_ONSTACK && !(action.sa_flags & SA_RESTART));
    }
    stop(runtime);
}

/* One interrupt, sent before the read, is enough. */
static _Atomic bool sent;

static int read_once_interrupted(void) {
    while (!atomic_load(&sent))
        ;
    for (uint64_t end = gate__os_now() + 500 * 1000; gate__os_now() < end;)
        ;
    return read_pipe();
}

Test(interrupt, is_sent_again_until_the_call_has_returned) {
    open_pipe();
    gate_runtime *runtime = start(1);
    for (int i = 0; i < 5; i++) {
        atomic_store(&sent, false);
        gate_task *task = spawn("reads late", wait_in, (void *)read_once_interrupted);
        interrupt(task);
        atomic_store(&sent, true);
        cr_assert_eq((intptr_t)join(task), EINTR);
    }
    stop(runtime);
}

static _Atomic int older_handler_ran, signals_after;

static void older_handler(int number) {
    (void)number;
    atomic_fetch_add(&older_handler_ran, 1);
}

Test(interrupt, calls_the_handler_that_was_there_and_takes_another_signal_if_told) {
    open_pipe();
    signal(SIGUSR1, older_handler); /* with SA_RESTART, which is not asked for by ours */
    gate_runtime *runtime;
    struct gate_runtime_config config = {.interrupt_signal = SIGUSR1};
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    interrupt_in(wait_in, read_pipe);
    cr_assert_geq(atomic_load(&older_handler_ran), 1);
    signals_after = atomic_load(&older_handler_ran);
    block_ms(20);
    cr_assert_eq(atomic_load(&older_handler_ran), signals_after, "the call is over: none is sent any more");
    stop(runtime);
}

#ifndef GATE_TEST_PLAIN /* ThreadSanitizer reports such a handler, and MemorySanitizer puts its own above it */

/* Whatever that handler leaves there. */

static void change_errno(int number) {
    errno = number;
    atomic_fetch_add(&older_handler_ran, 1);
}

static int look_at_errno(void) {
    errno = EBADMSG;
    for (int before = atomic_load(&older_handler_ran); atomic_load(&older_handler_ran) == before;)
        ;
    return errno;
}

static void *call_look_at_errno(void *unused) {
    gate_function function = make_function("int (void)", address_of(look_at_errno), "look_at_errno");
    int found = 0;
    cr_assert_eq(gate_call(&function, &found, NULL), 0);
    cr_assert_eq(found, EBADMSG);
    free_function(function);
    return unused;
}

Test(interrupt, leaves_the_errno_of_c_as_it_was) {
    signal(SIGURG, change_errno);
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("looks", call_look_at_errno, NULL);
    interrupt(task);
    join(task);
    stop(runtime);
}

#endif

/* C that does not mind signals: the call goes on, and they come more and more seldom, whoever asks again. */

/* With a signal of its own: others may want ours to be there for the usual one, and without SA_RESTART. */
static gate_runtime *start_counting(uint32_t slots) {
    signal(SIGUSR2, older_handler);
    return start_with((struct gate_runtime_config){.slots = slots, .interrupt_signal = SIGUSR2});
}

static int count_signals_for_100_ms(void) {
    int before = atomic_load(&older_handler_ran);
    for (uint64_t end = gate__os_now() + 100 * 1000 * 1000; gate__os_now() < end;)
        usleep(1000);
    return atomic_load(&older_handler_ran) - before;
}

static void *call_count_signals(void *unused) {
    gate_function function = make_function("int (void)", address_of(count_signals_for_100_ms), "count_signals");
    int count = 0;
    (void)unused;
    cr_assert_eq(gate_call(&function, &count, NULL), 0);
    free_function(function);
    return (void *)(intptr_t)count;
}

Test(interrupt, may_be_asked_for_twice_and_comes_more_and_more_seldom) {
    gate_runtime *runtime = start_counting(1);
    gate_task *task = spawn("counts", call_count_signals, NULL);
    interrupt(task);
    cr_assert_eq(gate_task_interrupt(task), 0);
    intptr_t count = (intptr_t)join(task);
    cr_assert(count >= 2 && count <= 20, "%zd", (ssize_t)count);
    stop(runtime);
}

/* A handler that C calls is none of the call's, which may be interrupted again behind it. */

static _Atomic int stage;

static int count_in_handler(void *in_handler, void *result, void *const arguments[]) {
    (void)result, (void)arguments;
    *(int *)in_handler = count_signals_for_100_ms();
    return 0;
}

static void wait_for_signals(int more) {
    int before = atomic_load(&older_handler_ran);
    wait_until(atomic_load(&older_handler_ran) >= before + more);
}

static int call_back_between(int (*callback)(void)) {
    wait_for_signals(1);
    callback();
    atomic_store(&stage, 1);
    wait_for_signals(3);
    return 0;
}

static void *call_back_once(void *in_handler) {
    gate_signature *signature = parse("int (void)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, count_in_handler, in_handler);
    gate_function function = make_function("int (int (*)(void))", address_of(call_back_between), "call_back_between");
    void (*address)(void) = gate_callback_address(callback);
    cr_assert_eq(gate_call(&function, NULL, (void *[]){&address}), 0);
    free_function(function);
    gate_callback_free(callback);
    gate_signature_free(signature);
    return NULL;
}

Test(interrupt, is_none_of_a_handler_below_the_call_and_comes_again_behind_it) {
    int in_handler = -1;
    gate_runtime *runtime = start_counting(2);
    gate_task *task = spawn("calls back", call_back_once, &in_handler);
    interrupt(task);
    wait_until((block_ms(1), atomic_load(&stage) == 1));
    interrupt(task);
    join(task);
    cr_assert(in_handler >= 0 && in_handler <= 2, "%d signals in the handler", in_handler);
    stop(runtime);
}

enum { MS = 1000 * 1000, SELDOM = 100 * MS };

/* As if it had been sent for long: the next comes after as long as before, and no longer. */
static void make_seldom(gate_m *m) {
    gate__lock(&m->runtime->lock);
    m->interrupt.period = SELDOM;
    m->interrupt.due = gate__os_now();
    gate__unlock(&m->runtime->lock);
    gate__monitor_expect(m->runtime, gate__os_now());
}

/* 0 while the next is due. */
static uint64_t period_after_the_next(gate_m *m) {
    gate__lock(&m->runtime->lock);
    uint64_t period = m->interrupt.due > gate__os_now() ? m->interrupt.period : 0;
    gate__unlock(&m->runtime->lock);
    return period;
}

static atomic_bool may_return;

static int wait_until_told(void) {
    wait_until(atomic_load(&may_return));
    return 0;
}

static void *call_wait_until_told(void *unused) {
    gate_function function = make_function("int (void)", address_of(wait_until_told), "wait_until_told");
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    free_function(function);
    return unused;
}

Test(interrupt, comes_after_100_ms_at_the_latest) {
    gate_runtime *runtime = start_counting(2);
    gate_task *task = spawn("waits", call_wait_until_told, NULL);
    uint64_t period = 0;
    interrupt(task);
    gate_m *m = atomic_load(&task->on);
    make_seldom(m);
    wait_until((period = period ? period : period_after_the_next(m)) > 0);
    cr_assert_eq(period, (uint64_t)SELDOM);
    atomic_store(&may_return, true);
    join(task);
    stop(runtime);
}

Test(interrupt, takes_no_signal_that_others_need) {
    gate_runtime *runtime;
    gate_error error = {0, ""};
    static const int wrong[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, -1, 32, 65};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct gate_runtime_config config = {.interrupt_signal = wrong[i]};
        cr_assert_eq(gate_runtime_start(&config, &runtime, &error), -EINVAL, "%d", wrong[i]);
    }
    cr_assert_str_eq(error.message, "signal 65 can't be the one for interrupts");
    struct gate_runtime_config last = {.interrupt_signal = SIGRTMAX};
    cr_assert_eq(gate_runtime_start(&last, &runtime, NULL), 0);
    stop(runtime);
}

/* A thread that ends, or a runtime that stops, while it is listed. */

Test(interrupt, forgets_threads_that_end) {
    open_pipe();
    gate_runtime *runtime = start(1);
    gate_signature *signature = parse("int (void)");
    gate_callback *callback = make_callback(runtime, signature, wait_in_callback, NULL);
    for (int i = 0; i < 20; i++) {
        interrupt_outside(callback);
        cr_assert_null(runtime->interrupted);
    }
    gate_callback_free(callback);
    gate_signature_free(signature);
    stop(runtime);
}

/* A fork while another thread installs the handler, by the hook for that: before it has, or behind. */

static _Atomic bool hook_waits, hook_may_go_on;
static bool waits_behind;

static int32_t install_with_leisure(int32_t number, const struct sigaction *action, struct sigaction *old) {
    int32_t failed = 0;
    if (number != SIGURG || !action || waits_behind)
        failed = -gate__os_sigaction(number, action, old);
    if (number != SIGURG || !action)
        return failed;
    atomic_store(&hook_waits, true);
    wait_until(atomic_load(&hook_may_go_on));
    return waits_behind ? failed : -gate__os_sigaction(number, action, old);
}

static void *interrupt_from_outside(void *task) {
    gate_task_interrupt(task);
    return NULL;
}

static void fork_during_an_install(void *behind) {
    struct gate_mem_hooks hooks = {.size = sizeof hooks, .sigaction = install_with_leisure};
    waits_behind = behind != NULL;
    if (gate_mem_register_hooks(&hooks))
        _exit(WELL); /* a sanitizer's are in the program */
    open_pipe();
    start(1);
    pthread_t thread;
    pthread_create(&thread, NULL, interrupt_from_outside, gate_task_current());
    wait_until(atomic_load(&hook_waits));
    pid_t child = fork_guarded();
    atomic_store(&hook_may_go_on, true);
    if (child > 0)
        _exit(WEXITSTATUS(wait_for(child)));
    gate_task *interrupter = spawn("interrupts", interrupt_task, gate_task_current());
    int number = call(read_pipe);
    join(interrupter);
    _exit(number == EINTR ? WELL : 1);
}

Test(interrupt, ends_a_call_in_a_child_though_another_thread_was_at_its_handler) {
    char output[4096];
    if (!MAY_FORK_BUSY)
        return;
    for (int behind = 0; behind < 2; behind++) {
        int status = dies(fork_during_an_install, behind ? &waits_behind : NULL, output, sizeof output);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == WELL, "status %#x: %s", status, output);
    }
}

/* The end of a call ends its interrupts: the next one on that thread is left alone, but for one that was on its way. */

static unsigned nap_interrupted(void) {
    unsigned count = 0;
    for (int i = 0; i < 5; i++)
        count += nanosleep(&(struct timespec){0, 20 * 1000 * 1000}, NULL) != 0;
    return count;
}

static void *wait_and_nap(void *function) {
    unsigned interrupted = 0;
    gate_m *m = gate_m_acquire(); /* or the calls might be two threads' */
    int number = call(read_pipe);
    cr_assert_eq(gate_call(function, &interrupted, NULL), 0);
    gate_m_release(m);
    cr_assert_leq(interrupted, 1u);
    return (void *)(intptr_t)number;
}

Test(interrupt, does_not_go_on_in_the_next_call_of_the_thread) {
    gate_function function = make_function("unsigned (void)", address_of(nap_interrupted), "nap_interrupted");
    open_pipe();
    gate_runtime *runtime = start(2); /* or it would wait for a slot between the two, and be seen in no call */
    gate_task *task = spawn("waits", wait_and_nap, &function);
    interrupt(task);
    cr_assert_eq((intptr_t)join(task), EINTR);
    stop(runtime);
    free_function(function);
}

/* A fork in the call that is interrupted: the child, which goes on in it, is interrupted anew. */

static void *interrupt_once(void *task) {
    while (gate_task_interrupt(task))
        usleep(200);
    atomic_store(&sent, true);
    return NULL;
}

/* The first signal comes before the sleep. */
static int sleep_once_interrupted(gate_task *task) {
    pthread_t thread;
    atomic_store(&sent, false);
    pthread_create(&thread, NULL, interrupt_once, task);
    pthread_join(thread, NULL);
    return nanosleep(&(struct timespec){10, 0}, NULL);
}

static int fork_interrupted(void) {
    gate_task *task = gate__m()->task;
    if (sleep_once_interrupted(task) == 0)
        return 1;
    cr_assert_not_null(gate__m()->runtime->interrupted);
    pid_t child = fork_guarded();
    if (child == 0)
        _exit(sleep_once_interrupted(task) ? WELL : 1);
    int status;
    while (waitpid(child, &status, 0) != child)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == WELL ? 0 : 1;
}

static void *fork_in_a_call(void *function) {
    int failed = -1;
    cr_assert_eq(gate_call(function, &failed, NULL), 0);
    return (void *)(intptr_t)failed;
}

Test(interrupt, of_a_call_that_has_forked_is_sent_again_in_the_child_too) {
    if (!MAY_FORK_BUSY)
        return;
    gate_function function = make_function("int (void)", address_of(fork_interrupted), "fork_interrupted");
    gate_runtime *runtime = start(1);
    cr_assert_eq((intptr_t)join(spawn("forks", fork_in_a_call, &function)), 0);
    stop(runtime);
    free_function(function);
}

/* A fork beside a call that is interrupted: that thread is gone. */

static _Atomic bool sleeps_on;

static int sleep_on(void) {
    atomic_store(&sleeps_on, true);
    while (atomic_load(&sleeps_on))
        usleep(1000);
    errno = EINTR;
    return -1;
}

static void fork_beside_an_interrupt(void *child) {
    gate_runtime *runtime = gate__m()->runtime;
    *(pid_t *)child = fork_guarded();
    if (*(pid_t *)child == 0)
        _exit(runtime->interrupted ? 1 : WELL);
}

Test(interrupt, of_a_task_that_a_fork_has_left_behind_ends_in_the_child) {
    pid_t child = -1;
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("sleeps on", wait_in, (void *)sleep_on);
    wait_until((block_ms(1), atomic_load(&sleeps_on)));
    interrupt(task);
    cr_assert_not_null(runtime->interrupted);
    gate__foreign_call(fork_beside_an_interrupt, &child);
    atomic_store(&sleeps_on, false);
    assert_well(child);
    cr_assert_eq((intptr_t)join(task), EINTR);
    stop(runtime);
}

/* A fork gives the thread another number. */

static void *do_nothing(void *unused) {
    return unused;
}

static void be_interrupted(void *unused) {
    gate_task *interrupter = spawn("interrupts", interrupt_task, gate_task_current());
    (void)unused;
    if (call(read_pipe) != EINTR)
        _exit(1);
    join(interrupter);
}

Test(interrupt, ends_a_call_in_the_child_of_a_fork) {
    char output[4096];
    open_pipe();
    gate_runtime *runtime = start(1);
    join(spawn("only", do_nothing, NULL));
    wait_until_quiet(runtime);
    int status = dies(be_interrupted, NULL, output, sizeof output);
    cr_assert_eq(status, 0, "status %d: %s", status, output);
    stop(runtime);
}
