/* What is said of a fault, the last words of a process that dies of it: which task, in which call, and both stacks.
 *
 * All of it runs in a signal handler, on an alternate stack, and allocates nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "runtime/trap.h"

enum { FRAMES = 64 };

/* One line on standard error. */
static __attribute__((format(__printf__, 1, 2))) void say(const char *format, ...) {
    char line[320];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t used = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    line[used - 1] = '\n'; /* of one that is cut, too */
    gate__os_write(STDERR_FILENO, line, used);
}

static const struct {
    int signal;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}};

static const struct {
    int signal, code;
    const char *text;
} codes[] = {
    {SIGSEGV, SEGV_MAPERR, " (nothing is mapped there)"},
    {SIGSEGV, SEGV_ACCERR, " (no such access is allowed there)"},
    {SIGSEGV, SI_KERNEL, " (no address, or the kernel doesn't know which)"},
    {SIGBUS, BUS_ADRERR, " (there is no memory for it, as beyond a file's end)"},
    {SIGBUS, BUS_ADRALN, " (misaligned)"},
    {SIGFPE, FPE_INTDIV, " (integer division by zero, or out of range)"},
    {SIGFPE, FPE_FLTDIV, " (floating-point division by zero)"},
    {SIGFPE, FPE_FLTINV, " (invalid floating-point operation)"},
    {SIGILL, ILL_ILLOPN, " (no such instruction)"},
};

size_t gate__report_describe(const gate_trap *trap, char *buffer, size_t size) {
    const char *name = "a signal", *text = "";
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (signals[i].signal == trap->signal)
            name = signals[i].name;
    }
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].signal == trap->signal && codes[i].code == trap->code)
            text = codes[i].text;
    }
    int length = snprintf(buffer, size, "%s at %p%s", name, trap->address, text);
    return (size_t)length < size ? (size_t)length : size - 1;
}

static bool has(const void *base, size_t size, uintptr_t address) {
    return address - (uintptr_t)base < size;
}

/* Whether C has been called: not by a callback's handler, which is below a call, too. */
static bool is_in_call(const gate_m *m, gate_task *task) {
    bool told = atomic_load(&m->call) != GATE__M_RUNNING || atomic_load(&task->call);
    return told && gate__task_where(task);
}

/* sp 0, or size 0: nobody knows it. */
static void say_stack(const char *what, const void *base, size_t size, uintptr_t sp) {
    const char *end = (const char *)base + size;
    if (!size)
        return;
    if (!sp)
        say("callgate:   %s stack: %p to %p (%zu KiB)\n", what, base, end, size / 1024);
    else if (has(base, size, sp))
        say("callgate:   %s stack: %p to %p (%zu KiB), at %p, %zu KiB used\n", what, base, end, size / 1024, (void *)sp,
            ((uintptr_t)end - sp) / 1024);
    else
        say("callgate:   %s stack: %p to %p (%zu KiB), at %p, which is not on it\n", what, base, end, size / 1024,
            (void *)sp);
}

/* Where the system stack is used up, it ends in a page without access. */
static bool is_overflow(const gate_m *m, const struct gate__signal *signal, uintptr_t sp) {
    uintptr_t page = gate__os_page_size(), address = (uintptr_t)signal->info->si_addr;
    return signal->number == SIGSEGV && sp - (uintptr_t)m->stack_bottom + page < 2 * page &&
           address - (uintptr_t)m->stack_bottom + 16 * page < 17 * page;
}

/* Of those that a handler has interrupted, it is not known how far they are used. */
static void say_stacks_below_handler(const gate_m *m, const gate_task *task, uintptr_t sp) {
    say_stack("the handlers'", m->signal_stack.base, m->signal_stack.size, sp);
    say_stack("system", m->stack_bottom, m->stack_size, 0);
    if (task && task->stack.base)
        say_stack("the task's", task->stack.base, task->stack.size, 0);
}

static void say_stacks(const gate_m *m, const gate_task *task, uintptr_t sp) {
    bool on_task = task && task->stack.base && has(task->stack.base, task->stack.size, sp);
    say_stack("system", m->stack_bottom, m->stack_size, on_task ? (uintptr_t)m->system_sp : sp);
    if (task && task->stack.base)
        say_stack("the task's", task->stack.base, task->stack.size, on_task ? sp : (uintptr_t)task->sp);
}

/* Where a task that is in a call has its innermost frame. */
static uintptr_t frame_of(gate_task *task) {
    uintptr_t sp = (uintptr_t)task->sp;
    return (uintptr_t)gate__task_call(task) == sp ? sp + GATE__LISTED_TO_FRAME : sp;
}

/* C's frames lead to the task's, unless C is where the unwinder doesn't find a way; then these are shown, too. */
static void say_frames(gate_task *task, const struct gate__signal *signal, bool in_call) {
    void *frames[FRAMES], *beyond[FRAMES];
    size_t count = gate__guard_backtrace(signal, frames, FRAMES);
    gate__os_print_frames(frames, count);
    if (!in_call || !task->stack.base)
        return;
    size_t more = gate__os_follow_frames(frame_of(task), beyond, FRAMES);
    for (size_t i = 0; more && i < count; i++) {
        if (frames[i] == beyond[0])
            return;
    }
    say("callgate:   the task's frames:\n");
    gate__os_print_frames(beyond, more);
}

void gate__report_fault(const gate_m *m, const struct gate__signal *signal) {
    gate_task *task = m->task;
    uintptr_t sp = gate__os_context_place(signal->context).sp;
    gate_trap trap = {.signal = signal->number, .code = signal->info->si_code, .address = signal->info->si_addr};
    char what[128];
    bool in_call = task && is_in_call(m, task), in_handler = gate__trap_is_on_signal_stack(m, sp);
    gate__report_describe(&trap, what, sizeof what);
    say("callgate: fatal: %s in %s%s%s\n", what, in_handler ? "a signal handler that interrupted " : "",
        in_call ? "a call of "
        : task  ? "interpreter code"
                : "the scheduler",
        in_call ? gate__task_where(task) : "");
    if (is_overflow(m, signal, sp))
        say("callgate:   the system stack is used up\n");
    if (task)
        say("callgate:   task '%s' (#%llu) on M %llu\n", gate_task_name(task), (unsigned long long)task->number,
            (unsigned long long)m->number);
    else
        say("callgate:   no task on M %llu\n", (unsigned long long)m->number);
    if (in_handler)
        say_stacks_below_handler(m, task, sp);
    else
        say_stacks(m, task, sp);
    say_frames(task, signal, in_call);
}

void gate__report_overflow(const gate_task *task) {
    say("callgate: fatal: task %s (#%llu) overflowed its %zu KiB stack\n", gate_task_name(task),
        (unsigned long long)task->number, task->stack.size / 1024);
    gate__os_print_backtrace();
}

void gate__report_older_handler(void) {
    say("callgate:   it goes to the handler that was there before\n");
}

void gate__report_return(const gate_m *m) {
    say("callgate: the handler that was there before has returned, and M %llu goes on\n",
        (unsigned long long)m->number);
}
