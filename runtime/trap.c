/* Faults: a touched guard page is reported as the overflow that it is, anything else goes to the
 * handler that was there before.
 *
 * The handler runs on an alternate stack, since the task's is used up. When it has reported, it puts
 * the default action back and returns: the instruction faults again and the process dies of it, with
 * a core that shows the task.
 *
 * SPDX-License-Identifier: MIT */
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/internal.h"

enum { ALTERNATE_SIZE = 64 * 1024 };

static struct sigaction previous;

static void report(const gate_task *task) {
    char text[160];
    void *frames[64];
    int length = snprintf(text, sizeof text, "callgate: fatal: task %s (#%llu) overflowed its %zu KiB stack\n",
                          gate_task_name(task), (unsigned long long)task->number, task->stack.size / 1024);
    if (write(STDERR_FILENO, text, (size_t)length) < 0)
        return;
    backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    gate_m *m = gate__m();
    gate_task *task = m ? m->task : NULL;
    bool overflow = task && task->stack.base && gate__stack_guards(&task->stack, info->si_addr);
    if (overflow)
        report(task);
    if (!overflow && previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(number, info, context);
    else if (!overflow && previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
    else
        signal(number, SIG_DFL);
}

void gate__trap_init(void) {
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    void *frame;
    backtrace(&frame, 1); /* loads the unwinder now: a handler must not */
    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    if (gate__mem_sigaction(SIGSEGV, &action, &previous))
        gate__throw("the handler of SIGSEGV can't be installed");
}

int gate__trap_prepare_thread(gate_m *m) {
    return gate__mem_map(ALTERNATE_SIZE, "signal stack", &m->alternate_stack);
}

void gate__trap_forget_thread(gate_m *m) {
    gate_munmap(m->alternate_stack, ALTERNATE_SIZE);
}

void gate__trap_enter_thread(gate_m *m) {
    stack_t stack;
    if (sigaltstack(NULL, &stack) || !(stack.ss_flags & SS_DISABLE))
        return;
    stack = (stack_t){.ss_sp = m->alternate_stack, .ss_size = ALTERNATE_SIZE};
    m->uses_alternate_stack = sigaltstack(&stack, NULL) == 0;
}

void gate__trap_leave_thread(gate_m *m) {
    stack_t none = {.ss_flags = SS_DISABLE};
    if (m->uses_alternate_stack)
        sigaltstack(&none, NULL);
    m->uses_alternate_stack = false;
}
