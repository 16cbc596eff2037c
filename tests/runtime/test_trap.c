/* Faults: each is reported, and goes where it went before. Handlers have stacks, and threads masks. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/bridge.h"
#include "tests/support/faults.h"
#include "tests/support/fork.h"

#define REPORT "callgate: fatal: SIGSEGV at "
#define GOES_ON "callgate:   it goes to the handler that was there before\n"
#define RETURNED "callgate: the handler that was there before has returned, and M "

static void install(void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
}

static unsigned count(const char *output, const char *words) {
    unsigned found = 0;
    for (const char *at = output; (at = strstr(at, words)) != NULL; at++)
        found++;
    return found;
}

/* More stack than there is, in a way that no optimiser turns into a loop. */
static __attribute__((noinline)) int use_small_frames(volatile char *above, int depth) {
    volatile char room[1024];
    room[0] = above ? *above : 0;
    return depth ? use_small_frames(room, depth - 1) + room[0] : 0;
}

static void *overflow(void *unused) {
    use_small_frames(NULL, 1000 * 1000);
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

static void fault_with_a_handler(void *unused) {
    install(older_handler, 0);
    start(1);
    join(spawn("faulty", fault, unused));
}

Test(trap, any_other_fault_is_reported_and_goes_to_the_handler_that_was_there) {
    const char *output = words_before_older(fault_with_a_handler, NULL);
    static const char first[] = REPORT "0x40 (nothing is mapped there) in interpreter code\n"
                                       "callgate:   task 'faulty' (#2) on M ";
    cr_assert_eq(strncmp(output, first, sizeof first - 1), 0, "%s", output);
    cr_assert_str_eq(output + strlen(output) - strlen(GOES_ON), GOES_ON);
}

static void overflow_with_a_handler(void *mends) {
    install(older_handler, 0);
    start_with((struct gate_runtime_config){.older_handler_mends = (int)(intptr_t)mends});
    join(spawn("deep", overflow, NULL));
}

Test(trap, an_overflow_goes_to_the_handler_that_was_there_but_never_without_a_word) {
    for (int mends = 0; mends < 2; mends++) {
        const char *output = words_before_older(overflow_with_a_handler, (void *)(intptr_t)mends);
        cr_assert_not_null(strstr(output, "task deep (#2) overflowed its 256 KiB stack"), "%s", output);
    }
}

static void fault_without_a_handler(void *disposition) {
    signal(SIGSEGV, (void (*)(int))disposition);
    start(1);
    fputs("about to fault\n", stderr);
    join(spawn("faulty", fault, NULL));
}

Test(trap, any_other_fault_kills_where_no_handler_was_though_it_was_ignored) {
    void (*const dispositions[])(int) = {SIG_DFL, SIG_IGN};
    for (int i = 0; i < 2; i++) {
        char output[4096];
        int status = dies(fault_without_a_handler, (void *)dispositions[i], output, sizeof output);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
        cr_assert_null(strstr(output, "overflowed"));
    }
}

/* A handler that was there may mend what is wrong: nobody says a word, if the host has said so. */

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

static gate_runtime *start_mended(void) {
    return start_with((struct gate_runtime_config){.older_handler_mends = 1});
}

static void be_mended_by_older(void *flags) {
    install_mender((int)(intptr_t)flags);
    gate_runtime *runtime = start_mended();
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

Test(trap, an_older_handler_that_is_said_to_mend_faults_goes_on_without_a_word) {
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
    gate_runtime *runtime = start_mended();
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

static void ask_for_one_call(void *mends) {
    install(say_once, (int)SA_RESETHAND);
    start_with((struct gate_runtime_config){.older_handler_mends = (int)(intptr_t)mends});
    join(spawn("faulty", fault, NULL));
}

/* The process dies of SIGSEGV, after that handler has said its word once, and the report. */
static const char *words_with_one_call(void (*fn)(void *), void *argument, const char *report) {
    static char output[64 * 1024];
    int status = dies(fn, argument, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_eq(count(output, report), 1, "%s", output);
    cr_assert_eq(count(output, "once "), 1, "%s", output);
    return output;
}

Test(trap, an_older_handler_that_is_to_be_called_once_is) {
    const char *output = words_with_one_call(ask_for_one_call, NULL, REPORT);
    cr_assert_not_null(strstr(output, GOES_ON "once " RETURNED), "%s", output);
    output = words_with_one_call(ask_for_one_call, (void *)1, REPORT);
    cr_assert_eq(strncmp(output, "once " REPORT, strlen("once " REPORT)), 0, "%s", output);
}

/* An older handler that returns, though nobody has said that it mends faults. */

static void return_from_overflow(void *unused) {
    install(say_once, 0);
    start(1);
    join(spawn("deep", overflow, unused));
}

Test(trap, an_overflow_kills_although_the_older_handler_returns) {
    words_with_one_call(return_from_overflow, NULL, "overflowed its 256 KiB stack");
}

static void mend_at_third(int number) {
    static _Atomic int calls;
    if (number == SIGSEGV && atomic_fetch_add(&calls, 1) >= 2)
        mprotect(guarded_page, 4096, PROT_READ | PROT_WRITE);
}

static void *touch_page_often(void *unused) {
    for (int i = 0; i < 10; i++)
        cr_assert_eq(touch_page(), 0);
    return unused;
}

static void be_mended_unasked(void *unused) {
    guarded_page = map_guarded_page();
    install(mend_at_third, 0);
    gate_runtime *runtime = start(1);
    join(spawn("touches", touch_page_often, unused));
    join(spawn("touches", touch_page_often, unused));
    stop(runtime);
}

static void assert_goes_on(void (*fn)(void *), void *argument, unsigned reports, unsigned returns) {
    static char output[64 * 1024];
    int status = dies(fn, argument, output, sizeof output);
    cr_assert_eq(status, 0, "status %d: %s", status, output);
    cr_assert_eq(count(output, REPORT), reports, "%s", output);
    cr_assert_eq(count(output, GOES_ON), reports, "%s", output);
    cr_assert_eq(count(output, RETURNED), returns, "%s", output);
}

Test(trap, what_an_older_handler_returns_from_is_reported_once_for_a_task_and_a_place) {
    assert_goes_on(be_mended_unasked, NULL, 2, 2);
}

/* Other addresses that one instruction touches, and another depth of its function, are others' places. */

static void mend_where_it_is(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    mprotect((void *)((uintptr_t)info->si_addr & -4096ul), 4096, PROT_READ | PROT_WRITE);
}

static __attribute__((noinline)) int touch_page_deeper(void) {
    volatile char room[256] = "";
    return touch_page() + room[255];
}

static void *touch_three_pages_and_deeper(void *unused) {
    int *pages[3];
    for (int i = 0; i < 3; i++)
        pages[i] = map_guarded_page();
    for (int i = 0; i < 3; i++) {
        guarded_page = pages[i];
        cr_assert_eq(touch_page(), 0);
    }
    cr_assert_eq(touch_page_deeper(), 0);
    return unused;
}

static void be_mended_elsewhere(void *unused) {
    struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = mend_where_it_is};
    cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
    gate_runtime *runtime = start(1);
    join(spawn("touches", touch_three_pages_and_deeper, unused));
    stop(runtime);
}

Test(trap, what_an_older_handler_returns_from_is_reported_where_address_or_stack_is_another) {
    assert_goes_on(be_mended_elsewhere, NULL, 4, 4);
}

static void be_mended_in_a_child_too(void *unused) {
    (void)unused;
    guarded_page = map_guarded_page();
    install(mend_at_third, 0);
    wait_until_quiet(start(1));
    for (int i = 0; i < 2; i++) {
        touch_page();
        pid_t child = i == 0 ? fork_guarded() : 0;
        if (child)
            _exit(wait_for(child) != 0);
    }
}

Test(trap, the_child_of_a_fork_reports_what_its_parent_has) {
    assert_goes_on(be_mended_in_a_child_too, NULL, 2, 2);
}

/* Each of two threads is in the handler at once. */

static _Atomic int arrived;

static void mend_when_both_are_there(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    atomic_fetch_add(&arrived, 1);
    for (int i = 0; i < 10 * 1000 && atomic_load(&arrived) < 2; i++)
        usleep(1000);
    if (atomic_load(&arrived) != 2)
        _exit(7);
    mprotect(info->si_addr, 4096, PROT_READ | PROT_WRITE);
}

static void *touch_page_of_its_own(void *unused) {
    volatile int *page = map_guarded_page();
    *page = 1;
    return unused;
}

static void fault_twice_at_once(void *unused) {
    struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = mend_when_both_are_there};
    cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
    gate_runtime *runtime = start(2);
    gate_task *one = spawn("one", touch_page_of_its_own, unused),
              *other = spawn("other", touch_page_of_its_own, unused);
    join(one);
    join(other);
    stop(runtime);
}

Test(trap, a_thread_that_faults_while_another_is_in_the_older_handler_is_reported_and_goes_there) {
    assert_goes_on(fault_twice_at_once, NULL, 2, 2);
}

/* C has a handler of its own, from before, that ends what faulted by a jump. */

static sigjmp_buf back;

static void jump_back(int number) {
    siglongjmp(back, number);
}

static int try_to_fault(void) {
    if (sigsetjmp(back, 1) == 0)
        read_at((const int *)0x40);
    return 0;
}

static void *try_often(void *unused) {
    gate_function function = make_function("int (void)", address_of(try_to_fault), "try_to_fault");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    free_function(function);
    return unused;
}

static void be_jumped_from(void *unused) {
    install(jump_back, 0);
    gate_runtime *runtime = start(1);
    join(spawn("tries", try_often, unused));
    stop(runtime);
}

Test(trap, each_fault_that_an_older_handler_has_jumped_from_is_reported) {
    assert_goes_on(be_jumped_from, NULL, 3, 0);
}

/* The older handler faults itself, and gets that. */

static void fault_once(int number) {
    static bool faulted;
    if (!faulted) {
        faulted = true;
        fault(NULL);
    }
    older_handler(number);
}

static void fault_in_older(void *unused) {
    install(fault_once, SA_NODEFER);
    start(1);
    join(spawn("faulty", fault, unused));
}

Test(trap, a_fault_of_an_older_handler_is_none_of_the_task) {
    cr_assert_eq(count(words_before_older(fault_in_older, NULL), REPORT), 1);
}

static sigjmp_buf probed;
static volatile sig_atomic_t probes;

/* It looks at memory that may not be there, as a crash reporter does. */
static void probe(int number) {
    if (probes++ > 0)
        siglongjmp(probed, 1);
    while (probes < 4) {
        if (sigsetjmp(probed, 1) == 0)
            fault(NULL);
    }
    older_handler(number);
}

static void probe_in_older(void *unused) {
    install(probe, SA_NODEFER);
    start(1);
    join(spawn("faulty", fault, unused));
}

Test(trap, faults_that_an_older_handler_jumps_out_of_are_none_of_the_task) {
    cr_assert_eq(count(words_before_older(probe_in_older, NULL), REPORT), 1);
}

static void fault_in_older_that_was_sent_for(void *unused) {
    (void)unused;
    install(fault_once, SA_NODEFER);
    start(1);
    raise(SIGSEGV);
}

Test(trap, a_fault_of_an_older_handler_that_runs_for_what_was_sent_is_none_of_the_task) {
    cr_assert_str_eq(words_before_older(fault_in_older_that_was_sent_for, NULL), "");
}

/* A fault of the handler of another signal, on the handlers' stack. */

static void block(int number, int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(how, &set, NULL);
}

/* ThreadSanitizer blocks all signals in a handler. */
static void fault_in_handler(int number) {
    (void)number;
    block(SIGSEGV, SIG_UNBLOCK);
    fault(NULL);
}

static void touch_page_in_handler(int number) {
    (void)number;
    block(SIGSEGV, SIG_UNBLOCK);
    touch_page();
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
    free_function(function);
    return unused;
}

static void handle_usr1(void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static void be_interrupted_by_a_fault(void *body) {
    install(older_handler, 0);
    handle_usr1(fault_in_handler);
    start(1);
    join(spawn("interrupted", (gate_task_main)body, NULL));
}

static void require_report_of_handler(gate_task_main body, const char *interrupted) {
    const char *output = words_before_older(be_interrupted_by_a_fault, (void *)body);
    cr_assert_eq(count(output, REPORT), 1, "%s", output);
    cr_assert_eq(count(output, " in a signal handler that interrupted "), 1, "%s", output);
    cr_assert_eq(count(output, interrupted), 1, "%s", output);
    cr_assert_eq(count(output, "callgate:   task 'interrupted' (#2) on M "), 1, "%s", output);
    cr_assert_eq(count(output, "callgate:   the handlers' stack: 0x"), 1, "%s", output);
    cr_assert_eq(count(output, "not on it"), 0, "%s", output);
    cr_assert_str_eq(output + strlen(output) - strlen(GOES_ON), GOES_ON);
}

Test(trap, a_fault_of_another_signals_handler_is_reported_and_goes_to_the_older_one) {
    require_report_of_handler(signal_itself, "interrupted interpreter code\n");
    require_report_of_handler(signal_c, "interrupted a call of raise_usr1\n");
}

static void be_mended_in_handler(void *unused) {
    install_mender(0);
    handle_usr1(touch_page_in_handler);
    gate_runtime *runtime = start_mended();
    join(spawn("interrupted", signal_itself, unused));
    cr_assert_eq(atomic_load(&mended), 1);
    stop(runtime);
}

Test(trap, a_fault_of_another_signals_handler_is_mended_without_a_word_if_the_host_has_said_so) {
    assert_silent(be_mended_in_handler, NULL);
}

/* Two runtimes, of which one host knows what the handler does. */

static void *touch_in_another(void *unused) {
    gate_runtime *runtime = start(1);
    touch_page();
    stop(runtime);
    return unused;
}

static void be_mended_in_one(void *unused) {
    pthread_t thread;
    install_mender(0);
    gate_runtime *runtime = start_mended();
    touch_page();
    cr_assert_eq(pthread_create(&thread, NULL, touch_in_another, unused), 0);
    pthread_join(thread, NULL);
    touch_page();
    stop(runtime);
}

Test(trap, what_a_host_says_of_an_older_handler_holds_for_its_own_runtime) {
    assert_goes_on(be_mended_in_one, NULL, 1, 1);
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

static void send_handled(void *unused) {
    (void)unused;
    install(older_handler, 0);
    start(1);
    raise(SIGSEGV);
}

Test(trap, a_signal_that_is_sent_does_what_it_did_before) {
    char output[4096];
    assert_silent(send_ignored, NULL);
    cr_assert_str_eq(words_before_older(send_handled, NULL), "");
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

/* A thread in two runtimes: its Ms go one after the other. */

static gate_runtime *_Atomic other_runtime;
static _Atomic bool other_may_stop;

static void *keep_other(void *unused) {
    gate_runtime *runtime = start(1);
    atomic_store(&other_runtime, runtime);
    while (!atomic_load(&other_may_stop))
        block_ms(1);
    stop(runtime);
    return unused;
}

static int do_nothing(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 0;
}

/* The other runtime knows this thread by a callback. */
static void *be_known_to_two(void *unused) {
    struct gate__signal_stack before = current_stack();
    gate_signature *signature = parse("void (void)");
    gate_m_release(gate_m_acquire());
    gate_callback *callback = make_callback(atomic_load(&other_runtime), signature, do_nothing, NULL);
    gate_callback_address(callback)();
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    gate__m_drop_root(gate__m_of_thread()->thread_next);
    cr_assert_eq(current_stack().base, gate__m()->signal_stack.base);
    gate__m_drop_root(gate__m());
    cr_assert_eq(current_stack().base, before.base);
    return unused;
}

Test(trap, a_thread_that_two_runtimes_knew_has_its_own_signal_stack_again) {
    pthread_t keeper, thread;
    gate_runtime *runtime = start(1);
    pthread_create(&keeper, NULL, keep_other, NULL);
    wait_until(atomic_load(&other_runtime));
    pthread_create(&thread, NULL, be_known_to_two, NULL);
    gate__foreign_call(join_thread, &thread);
    atomic_store(&other_may_stop, true);
    gate__foreign_call(join_thread, &keeper);
    stop(runtime);
}

/* Masks */

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
