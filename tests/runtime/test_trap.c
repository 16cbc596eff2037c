/* Faults: an overflow is named, and every other fault goes where it went before. Handlers have stacks, and threads masks. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/bridge.h"

/* More stack than there is, in a way that no optimiser turns into a loop. */
static __attribute__((noinline)) int use_stack(volatile char *above, int depth) {
    volatile char room[1024];
    room[0] = above ? *above : 0;
    return depth ? use_stack(room, depth - 1) + room[0] : 0;
}

static void *overflow(void *unused) {
    use_stack(NULL, 1000 * 1000);
    return unused;
}

static void overflow_a_task(void *unused) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {overflow, unused, "deep", 64 * 1024, NULL};
    gate_task *task;
    gate_task_spawn(runtime, &config, &task);
    gate_task_join(task, NULL);
}

Test(trap, an_overflow_dies_with_the_tasks_name_number_and_size) {
    cr_assert_dies_with(overflow_a_task, NULL, "task deep (#2) overflowed its 64 KiB stack");
}

static void *fault(void *unused) {
    static volatile uintptr_t nowhere = 64;
    *(volatile int *)nowhere = 1;
    return unused;
}

static void older_handler(int number) {
    static const char words[] = "the older handler got it\n";
    (void)number;
    if (write(STDERR_FILENO, words, sizeof words - 1) > 0)
        _exit(3);
}

static void fault_with_a_handler(void *flags) {
    struct sigaction action = {.sa_flags = (int)(intptr_t)flags};
    action.sa_handler = older_handler;
    sigaction(SIGSEGV, &action, NULL);
    start(1);
    join(spawn("faulty", fault, NULL));
}

Test(trap, any_other_fault_goes_to_the_handler_that_was_there) {
    cr_assert_dies_with(fault_with_a_handler, NULL, "the older handler got it");
}

static void fault_without_a_handler(void *unused) {
    signal(SIGSEGV, SIG_DFL);
    start(1);
    fputs("about to fault\n", stderr);
    join(spawn("faulty", fault, unused));
}

Test(trap, any_other_fault_kills_where_no_handler_was) {
    char output[4096];
    int status = dies(fault_without_a_handler, NULL, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_null(strstr(output, "overflowed"));
}

/* A handler that was there may mend what is wrong, and then nobody says a word. */

static int *guarded_page;
static _Atomic int mended;

static void *map_guarded_page(void) {
    return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void mend(int number, siginfo_t *info, void *context) {
    if (number != SIGSEGV || info->si_addr != guarded_page || !context)
        _exit(4);
    mprotect(guarded_page, 4096, PROT_READ | PROT_WRITE);
    atomic_fetch_add(&mended, 1);
}

static int touch_page(void) {
    *(volatile int *)guarded_page = 1;
    return mprotect(guarded_page, 4096, PROT_NONE);
}

static void *touch_page_in_both(void *class) {
    gate_function function = make_function("int (void)", address_of(touch_page), "touch_page");
    function.call_class = (enum gate_call_class)(uintptr_t) class;
    cr_assert_eq(touch_page(), 0, "in interpreter code");
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    free_function(function);
    return NULL;
}

static void install_mender(int flags) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | flags};
    action.sa_sigaction = mend;
    guarded_page = map_guarded_page();
    atomic_store(&mended, 0);
    cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

static void touch_in_all_ways(void) {
    join(spawn("touches", touch_page_in_both, (void *)GATE_CALL_DEFAULT));
    touch_page_in_both((void *)GATE_CALL_LEAF);
    cr_assert_eq(atomic_load(&mended), 4);
}

static void be_mended_by_older(void *flags) {
    install_mender((int)(intptr_t)flags);
    gate_runtime *runtime = start(1);
    touch_in_all_ways();
    stop(runtime);
}

static void be_mended_by_later(void *flags) {
    gate_runtime *runtime = start(1);
    install_mender((int)(intptr_t)flags);
    touch_in_all_ways();
    stop(runtime);
}

static void assert_silent(void (*fn)(void *), void *argument) {
    char output[4096];
    int status = dies(fn, argument, output, sizeof output);
    cr_assert_eq(status, 0, "status %d: %s", status, output);
    cr_assert_str_eq(output, "");
}

static const int of_menders[] = {0, SA_ONSTACK, SA_NODEFER};

Test(trap, an_older_handler_that_mends_the_fault_goes_on_without_a_word) {
    for (int i = 0; i < 3; i++)
        assert_silent(be_mended_by_older, (void *)(intptr_t)of_menders[i]);
}

Test(trap, a_handler_that_is_installed_later_works_with_and_without_a_stack_of_its_own) {
    for (int i = 0; i < 3; i++)
        assert_silent(be_mended_by_later, (void *)(intptr_t)of_menders[i]);
}

/* A later handler that passes on what it does not know, as runtimes of other languages do: to ours. */

static struct sigaction ours;
static _Atomic int passed_on;

static void pass_on(int number, siginfo_t *info, void *context) {
    atomic_fetch_add(&passed_on, 1);
    ours.sa_sigaction(number, info, context);
}

static void install_in_between(int flags) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | flags};
    action.sa_sigaction = pass_on;
    cr_assert_eq(sigaction(SIGSEGV, &action, &ours), 0);
}

static void *touch_page_guarded(void *unused) {
    gate_function function = make_function("int (void)", address_of(touch_page), "touch_page");
    function.call_class = GATE_CALL_GUARDED;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(gate_call(&function, NULL, NULL), -EFAULT);
        cr_assert_eq((uintptr_t)gate_trap_last()->address, (uintptr_t)guarded_page);
    }
    free_function(function);
    return unused;
}

static void guard_behind_another(void *flags) {
    guarded_page = map_guarded_page();
    gate_runtime *runtime = start(1);
    install_in_between((int)(intptr_t)flags);
    join(spawn("touches", touch_page_guarded, NULL));
    touch_page_guarded(NULL);
    cr_assert_eq(atomic_load(&passed_on), 6);
    stop(runtime);
}

static void overflow_behind_another(void *unused) {
    start(1);
    install_in_between(SA_ONSTACK);
    join(spawn("deep", overflow, unused));
}

static void fault_behind_another(void *unused) {
    signal(SIGSEGV, SIG_DFL);
    start(1);
    install_in_between(0);
    join(spawn("faulty", fault, unused));
}

Test(trap, a_handler_that_is_installed_later_may_pass_on_what_it_does_not_know) {
    for (int i = 0; i < 3; i++)
        assert_silent(guard_behind_another, (void *)(intptr_t)of_menders[i]);
    cr_assert_dies_with(overflow_behind_another, NULL, "task deep (#2) overflowed its 256 KiB stack");
    cr_assert_dies_with(fault_behind_another, NULL, "in interpreter code\ncallgate:   task 'faulty' (#2) on M ");
}

/* What an older handler asked for: its mask, and to be called once. */

static bool defers;

static void look_at_mask(int number) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (!sigismember(&mask, SIGUSR1) || sigismember(&mask, number) != defers)
        _exit(5);
    mprotect(guarded_page, 4096, PROT_READ | PROT_WRITE);
}

static void ask_for_mask(void *flags) {
    struct sigaction action = {.sa_handler = look_at_mask, .sa_flags = (int)(intptr_t)flags};
    defers = !(action.sa_flags & SA_NODEFER);
    sigaddset(&action.sa_mask, SIGUSR1);
    guarded_page = map_guarded_page();
    sigaction(SIGSEGV, &action, NULL);
    gate_runtime *runtime = start(1);
    touch_page();
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    cr_assert(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGSEGV));
    stop(runtime);
}

Test(trap, an_older_handler_finds_the_mask_that_it_asked_for) {
    assert_silent(ask_for_mask, NULL);
    assert_silent(ask_for_mask, (void *)(intptr_t)SA_NODEFER);
}

/* The host gives the thread a stack for handlers of its own, behind the start. */
static void install_stack(void *unused) {
    static char room[256 * 1024];
    stack_t own = {.ss_sp = room, .ss_size = sizeof room}, found;
    (void)unused;
    gate_runtime *runtime = start(1);
    cr_assert_eq(sigaltstack(&own, NULL), 0);
    stop(runtime);
    cr_assert_eq(sigaltstack(NULL, &found), 0);
    cr_assert_eq(found.ss_sp, own.ss_sp);
    cr_assert_not(found.ss_flags & SS_DISABLE);
}

Test(trap, a_stop_leaves_the_thread_the_stack_that_the_host_has_installed_since) {
    assert_silent(install_stack, NULL);
}

static void say_once(int number) {
    static const char words[] = "once ";
    (void)number;
    if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
        _exit(6);
}

static void ask_for_one_call(void *unused) {
    struct sigaction action = {.sa_handler = say_once, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGSEGV, &action, NULL);
    start(1);
    join(spawn("faulty", fault, unused));
}

Test(trap, an_older_handler_that_is_to_be_called_once_is) {
    char output[4096];
    int status = dies(ask_for_one_call, NULL, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_eq(strncmp(output, "once callgate: fatal: SIGSEGV", 29), 0, "%s", output);
}

/* Signals that somebody sends are no faults. */

static void send_ignored(void *unused) {
    (void)unused;
    signal(SIGFPE, SIG_IGN);
    gate_runtime *runtime = start(1);
    raise(SIGFPE);
    stop(runtime);
}

static void send_default(void *unused) {
    (void)unused;
    signal(SIGFPE, SIG_DFL);
    start(1);
    raise(SIGFPE);
}

Test(trap, a_signal_that_is_sent_does_what_it_did_before) {
    char output[4096];
    assert_silent(send_ignored, NULL);
    int status = dies(send_default, NULL, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE, "status %d: %s", status, output);
    cr_assert_str_eq(output, "");
}

/* The stacks of handlers */

static struct gate__signal_stack current_stack(void) {
    stack_t stack;
    cr_assert_eq(sigaltstack(NULL, &stack), 0);
    return (struct gate__signal_stack){stack.ss_flags & SS_DISABLE ? NULL : stack.ss_sp, stack.ss_size};
}

static void give_stack(void *base, size_t size) {
    stack_t stack = {.ss_sp = base, .ss_size = size, .ss_flags = base ? 0 : SS_DISABLE};
    cr_assert_eq(sigaltstack(&stack, NULL), 0);
}

static void *look_at_stacks(void *unused) {
    size_t frame = gate__os_signal_frame_size(), small = frame + 4096, large = frame + 64 * 1024;
    char *own = malloc(large);
    size_t sizes[] = {0, small, large};
    struct gate__signal_stack before = current_stack(); /* a sanitizer's, perhaps */
    for (int i = 0; i < 3; i++) {
        give_stack(sizes[i] ? own : NULL, sizes[i]);
        gate_runtime *runtime = start(1);
        struct gate__signal_stack stack = current_stack();
        cr_assert_geq(stack.size, 16 * 1024 + frame);
        cr_assert_eq(stack.base == own, sizes[i] == large, "one that is large enough is used");
        cr_assert_eq(stack.base, gate__m()->signal_stack.base);
        stop(runtime);
        cr_assert_eq(current_stack().base, sizes[i] ? own : NULL, "it has its own again");
    }
    give_stack(before.base, before.size);
    free(own);
    return unused;
}

Test(trap, a_thread_keeps_a_signal_stack_of_its_own_if_that_is_large_enough) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, look_at_stacks, NULL), 0);
    pthread_join(thread, NULL);
}

/* Masks */

static void block(int number, int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(how, &set, NULL);
}

static void *look_at_worker_mask(void *unused) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    cr_assert(sigismember(&mask, SIGUSR1), "the starter's");
    cr_assert_not(sigismember(&mask, SIGUSR2), "that of whoever needed a thread");
    return unused;
}

static void *need_a_thread(void *unused) {
    gate_m *m = gate_m_acquire();
    block(SIGUSR1, SIG_UNBLOCK);
    block(SIGUSR2, SIG_BLOCK);
    gate_task *others[3];
    for (int i = 0; i < 3; i++)
        others[i] = spawn("looks", look_at_worker_mask, NULL);
    for (int i = 0; i < 3; i++)
        join(others[i]);
    block(SIGUSR1, SIG_BLOCK);
    block(SIGUSR2, SIG_UNBLOCK);
    gate_m_release(m);
    return unused;
}

Test(trap, workers_have_the_mask_of_the_thread_that_started_the_runtime) {
    block(SIGUSR1, SIG_BLOCK);
    gate_runtime *runtime = start(1);
    need_a_thread(NULL);                                /* the first worker */
    join(spawn("needs a thread", need_a_thread, NULL)); /* it waits on the first: a second is created */
    stop(runtime);
    block(SIGUSR1, SIG_UNBLOCK);
}

/* What must not be called from a handler, is not: on the handlers' stack, whatever was interrupted. */

static gate_function something;

static void call_something(int number) {
    (void)number;
    gate_call(&something, NULL, NULL);
}

static void yield(int number) {
    (void)number;
    gate_task_yield();
}

static void *signal_itself(void *unused) {
    raise(SIGUSR1);
    return unused;
}

static int raise_usr1(void) {
    return raise(SIGUSR1);
}

static void *signal_c(void *unused) {
    gate_function function = make_function("int (void)", address_of(raise_usr1), "raise_usr1");
    gate_call(&function, NULL, NULL);
    return unused;
}

static void handle_with(void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    something = make_function("int (void)", address_of(touch_page), "touch_page");
    sigaction(SIGUSR1, &action, NULL);
    start(1);
}

static void call_in_handler(void *body) {
    handle_with(call_something, SA_ONSTACK);
    join(spawn("signalled", (gate_task_main)body, NULL));
}

static void call_in_root_handler(void *body) {
    handle_with(call_something, SA_ONSTACK);
    ((gate_task_main)body)(NULL);
}

static void yield_in_handler(void *body) {
    handle_with(yield, SA_ONSTACK);
    join(spawn("signalled", (gate_task_main)body, NULL));
}

static void yield_on_cs_stack(void *body) {
    handle_with(yield, 0);
    join(spawn("signalled", (gate_task_main)body, NULL));
}

#define FROM_HANDLER "called from a signal handler"
#define SIGNALLED ", in task 'signalled' (#2)\n"
#define FATAL_CALL "fatal: gate_call: " FROM_HANDLER ", or a memory entry point was"
#define FATAL_YIELD "fatal: gate_task_yield: "

Test(trap, a_call_from_a_signal_handler_is_fatal) {
    cr_assert_dies_with(call_in_handler, (void *)signal_itself, FATAL_CALL SIGNALLED);
    cr_assert_dies_with(call_in_handler, (void *)signal_c, FATAL_CALL SIGNALLED);
    cr_assert_dies_with(call_in_root_handler, (void *)signal_itself, FATAL_CALL ", in task 'main' (#1)\n");
    cr_assert_dies_with(call_in_root_handler, (void *)signal_c, FATAL_CALL ", in task 'main' (#1)\n");
}

Test(trap, a_yield_from_a_signal_handler_is_fatal) {
    cr_assert_dies_with(yield_in_handler, (void *)signal_itself, FATAL_YIELD FROM_HANDLER SIGNALLED);
    cr_assert_dies_with(yield_in_handler, (void *)signal_c, FATAL_YIELD FROM_HANDLER SIGNALLED);
    cr_assert_dies_with(yield_on_cs_stack, (void *)signal_c, FATAL_YIELD "called from C, without a slot" SIGNALLED);
}
