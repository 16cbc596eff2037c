/* Signals: the handlers of faults, what was there before them, and the stacks that handlers run on.
 *
 * A fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL) of C in a guarded call ends that call with an error (guard.c). Any other
 * goes where it would have gone without us: to the handler that was there before ours, or the process dies of that very
 * signal, since the default action is put back and the instruction faults again, so that a core shows the task. Before
 * that it is reported (report.c), if a runtime knows the thread, and has called what is running there:
 *
 *   it touched the guard page of its task:   as the overflow that it is
 *   it is anything else:                     with the task, the call and both stacks
 *
 * A handler that was there before may mend a fault and return, as an interpreter's write barrier by mprotect does. The
 * report would read like a death, so a host whose handler does that says so at the start (older_handler_mends): it gets
 * all without a word then, but for overflows, which nobody mends. So it does, in any case, with a fault of its own: those
 * below the frame that has called it, on the stack that handlers have. A fault of another signal's handler, there, is
 * reported as any.
 *
 * It may return although no host has said so. That is said, and the same fault is not reported again while it comes
 * again and again: mended or not, it is no news. An overflow is not passed on a second time, and kills. Nothing is held
 * while an older handler runs: it may wait for other threads that fault, or leave by siglongjmp.
 *
 * Go's runtime forwards what it doesn't know of in the same way, and says nothing where there is somebody to forward it
 * to. So did we, and whoever had a crash reporter was not told of task and call.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/trap.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

_Static_assert(offsetof(gate_m, signal_stack.base) == GATE__M_SIGNAL_STACK, "layout.h");
_Static_assert(offsetof(gate_m, signal_stack.size) == GATE__M_SIGNAL_STACK + 8, "layout.h");

/* A handler of ours takes a few KiB, and the unwinder a few more; one that was there before may want as much. */
enum { ALTERNATE_SIZE = 64 * 1024, LEAST_SIZE = 16 * 1024, SIGNALS = 65 };

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static struct installation {
    void (*handler)(const struct gate__signal *signal);
    struct sigaction previous;
} installed[SIGNALS];

static void on_signal(int number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    installed[number].handler(&(struct gate__signal){number, info, context});
    errno = saved_errno;
}

static bool has_handler(const struct sigaction *action) {
    return action->sa_flags & SA_SIGINFO || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* Handlers of faults exclude each other: a fault in one that isn't guarded kills. */
static void block_faults(sigset_t *mask) {
    sigemptyset(mask);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigaddset(mask, faults[i]);
}

/* What was there before may be ours, where a fork has left a thread behind that installed it. */
int gate__trap_install(int number, void (*handler)(const struct gate__signal *signal)) {
    struct sigaction previous;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    block_faults(&action.sa_mask);
    action.sa_sigaction = on_signal;
    installed[number].handler = handler;
    int failed = gate__mem_sigaction(number, NULL, &previous);
    if (failed)
        return failed;
    if (!(previous.sa_flags & SA_SIGINFO && previous.sa_sigaction == on_signal))
        installed[number].previous = previous;
    return gate__mem_sigaction(number, &action, NULL);
}

uint64_t gate__trap_let_faults_come(void) {
    uint64_t mask = gate__os_signal_mask(), bits = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        bits |= (uint64_t)1 << (faults[i] - 1);
    gate__os_set_signal_mask(mask & ~bits);
    return mask;
}

static void call(const struct sigaction *action, const struct gate__signal *signal) {
    if (action->sa_flags & SA_SIGINFO)
        action->sa_sigaction(signal->number, signal->info, signal->context);
    else
        action->sa_handler(signal->number);
}

/* It finds the mask that it asked for, and a second signal finds the default if it asked for that. */
bool gate__trap_pass_on(const struct gate__signal *signal) {
    struct sigaction *kept = &installed[signal->number].previous, previous = *kept;
    if (!has_handler(&previous))
        return false;
    if (previous.sa_flags & SA_RESETHAND)
        *kept = (struct sigaction){.sa_handler = SIG_DFL};
    uint64_t mask = gate__trap_let_faults_come();
    if (!(previous.sa_flags & SA_NODEFER))
        sigaddset(&previous.sa_mask, signal->number);
    pthread_sigmask(SIG_BLOCK, &previous.sa_mask, NULL);
    call(&previous, signal);
    gate__os_set_signal_mask(mask);
    return true;
}

/* Does what the system would have done. A fault comes again when the handler returns; what was sent is sent again. */
static void take_default(const struct gate__signal *signal, bool sent) {
    if (sent && installed[signal->number].previous.sa_handler == SIG_IGN)
        return;
    gate__os_sigaction(signal->number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    if (sent)
        raise(signal->number);
}

/* One thread has the word: the others wait until it has said all, or for ever if that was the last of the process. */
static _Atomic uint32_t reporting;

static void begin_report(void) {
    while (atomic_exchange(&reporting, 1))
        gate__os_wait(&reporting, 1);
}

static void end_report(void) {
    atomic_store(&reporting, 0);
    gate__os_wake(&reporting);
}

void gate__trap_begin_anew(void) {
    atomic_store(&reporting, 0);
}

static struct gate__fault describe(const gate_m *m, const struct gate__signal *signal) {
    struct gate__os_place place = gate__os_context_place(signal->context);
    uint64_t task = m->task ? m->task->number : 0;
    return (struct gate__fault){signal->number, place.pc, place.sp, signal->info->si_addr, task};
}

static bool is_same(const struct gate__fault *a, const struct gate__fault *b) {
    return a->signal == b->signal && a->pc == b->pc && a->sp == b->sp && a->address == b->address && a->task == b->task;
}

static bool is_overflow(const gate_task *task, const struct gate__fault *fault) {
    return task && task->stack.base && gate__stack_guards(&task->stack, fault->address);
}

/* An adopted thread is between callbacks, in code that has nothing to do with us. */
static bool is_outside(const gate_m *m) {
    return m->task && gate__m_is_outside(m) && !gate__task_where(m->task);
}

/* It runs, or has left by a jump: until a fault elsewhere tells that, deep frames of others' handlers are taken for its. */
static bool is_of_older_handler(const gate_m *m, uintptr_t sp) {
    return gate__trap_is_on_signal_stack(m, sp) && sp < m->older_handler;
}

/* Says what it is; false if there is nothing to say. If no handler was there before, nobody has a word after it. */
static bool report(const gate_m *m, const struct gate__signal *signal, const struct gate__fault *fault) {
    bool overflow = is_overflow(m->task, fault), goes_on = has_handler(&installed[signal->number].previous);
    bool silent = goes_on && (m->runtime->config.older_handler_mends || is_of_older_handler(m, fault->sp));
    if (!overflow && (silent || is_outside(m)))
        return false;
    begin_report();
    if (overflow)
        gate__report_overflow(m->task);
    else
        gate__report_fault(m, signal);
    if (goes_on) {
        gate__report_older_handler();
        end_report();
    }
    return true;
}

static void note_return(gate_m *m, const struct gate__fault *fault) {
    m->returned_from = *fault;
    begin_report();
    gate__report_return(m);
    end_report();
}

/* What is noted is the frame that has called it first: it may jump out of the calls for its own faults. */
static bool pass_on(gate_m *m, const struct gate__signal *signal, uintptr_t sp) {
    bool is_its_own = is_of_older_handler(m, sp);
    if (!is_its_own)
        m->older_handler = (uintptr_t)__builtin_frame_address(0);
    bool passed_on = gate__trap_pass_on(signal);
    if (!is_its_own)
        m->older_handler = 0;
    return passed_on;
}

/* Outside all guards, on m's thread. */
static void hand_over(gate_m *m, const struct gate__signal *signal) {
    struct gate__fault fault = describe(m, signal);
    bool again = is_same(&fault, &m->returned_from), reported = !again && report(m, signal, &fault);
    if ((again && is_overflow(m->task, &fault)) || !pass_on(m, signal, fault.sp))
        take_default(signal, false);
    else if (reported)
        note_return(m, &fault);
}

static void on_fault(const struct gate__signal *signal) {
    bool sent = signal->info->si_code <= 0;
    gate_m *m = gate__m();
    if (m && !sent) {
        if (!gate__guard_catch(m, signal))
            hand_over(m, signal);
        return;
    }
    bool passed_on = m ? pass_on(m, signal, gate__os_context_place(signal->context).sp) : gate__trap_pass_on(signal);
    if (!passed_on)
        take_default(signal, sent);
}

void gate__trap_init(void) {
    gate__os_load_unwinder(); /* a handler must not */
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (gate__trap_install(faults[i], on_fault))
            gate__throw("a fault's handler can't be installed");
    }
}

/* The stacks of handlers */

static size_t alternate_size(void) {
    return gate__os_in_pages(ALTERNATE_SIZE + gate__os_signal_frame_size());
}

int gate__trap_prepare_thread(gate_m *m) {
    return gate__mem_map(alternate_size(), "signal stack", &m->alternate_stack);
}

void gate__trap_forget_thread(gate_m *m) {
    gate_munmap(m->alternate_stack, alternate_size());
}

static void use_stack(struct gate__signal_stack stack) {
    stack_t use = {.ss_sp = stack.base, .ss_size = stack.size, .ss_flags = stack.base ? 0 : SS_DISABLE};
    if (sigaltstack(&use, NULL))
        gate__throw("sigaltstack");
}

static stack_t current_stack(void) {
    stack_t stack;
    if (sigaltstack(NULL, &stack))
        gate__throw("sigaltstack");
    return stack;
}

/* A runtime of another language may have given the thread a stack that is just enough for that one's own handler. */
void gate__trap_enter_thread(gate_m *m) {
    stack_t stack = current_stack();
    bool has_own = !(stack.ss_flags & SS_DISABLE);
    if (has_own && stack.ss_sp == m->alternate_stack)
        return; /* another M of the thread has gone, and this one's is in use */
    m->outer_signal_stack = (struct gate__signal_stack){has_own ? stack.ss_sp : NULL, has_own ? stack.ss_size : 0};
    m->signal_stack = m->outer_signal_stack;
    if (stack.ss_flags & SS_ONSTACK || m->signal_stack.size >= LEAST_SIZE + gate__os_signal_frame_size())
        return;
    m->signal_stack = (struct gate__signal_stack){m->alternate_stack, alternate_size()};
    use_stack(m->signal_stack);
}

/* One that the host has put in its place since is the host's, and stays. */
void gate__trap_leave_thread(gate_m *m) {
    if (current_stack().ss_sp == m->alternate_stack)
        use_stack(m->outer_signal_stack);
}
