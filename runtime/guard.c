/* Guarded calls: a fault in C ends the call, and is an error.
 *
 *   gate__guard_call        notes the signal mask, says in m->guard that it is there, and calls C by
 *   gate__arch_guard        which keeps the registers on the system stack, below whatever C will put there.
 *   C faults, and the kernel calls trap.c's handler on the alternate stack, which asks
 *   gate__guard_catch       whether m->guard is set. It notes the fault in the task, and has the thread go on
 *   gate__arch_guard_landing  when the handler returns, with the mask that was noted. C's frames are gone;
 *   gate__guard_call        goes on below the crossing, and the call is left as any other.
 *
 * m->guard is the innermost guarded call, and NULL while a callback's handler runs below it: a fault in interpreter
 * code, or in an unguarded call that it makes, is none of the outer call's.
 *
 * Whether a fault came is told by memory, not by a result of gate__arch_guard: MemorySanitizer would take what the
 * dropped code left in place of a result for that.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "runtime/arch/arch.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "runtime/trap.h"

/* Lies in the frame of gate__guard_call. */
struct gate__guard {
    gate_trap *trap;  /* where the fault is noted, or NULL */
    void *landing;    /* gate__arch_guard's; NULL until it has kept the registers */
    uint64_t mask;    /* of signals, before the call */
    uintptr_t lowest; /* where the stack pointer was in the fault; 0 if there was none */
    struct gate__guard *outer;
};

int gate__guard_prepare(gate_task *task, gate_trap **trap) {
    struct gate__mishaps *mishaps = gate__task_mishaps(task);
    *trap = mishaps ? &mishaps->trap : NULL;
    return mishaps ? 0 : -ENOMEM;
}

/* The dropped frames lie between where the fault was and gate__arch_guard's. On a stack of C's own they may be
 * anywhere, and those that led there are above the bottom of this one. */
static void drop_frames(const gate_m *m, const struct gate__guard *guard) {
    uintptr_t bottom = (uintptr_t)m->stack_bottom, end = (uintptr_t)guard->landing;
    if (end - guard->lowest <= m->stack_size)
        gate__switch_drop(guard->lowest, end);
    else if (end - bottom <= m->stack_size)
        gate__switch_drop(bottom, end);
}

int gate__guard_call(gate_trap *trap, void (*fn)(void *), void *arg) {
    gate_m *m = gate__m();
    struct gate__guard guard = {.trap = trap, .outer = m->guard, .mask = gate__os_signal_mask()};
    m->guard = &guard;
    if (m->task)
        atomic_store_explicit(&m->task->short_way, 0, memory_order_relaxed); /* a callback has to leave the guard */
    gate__arch_guard(&guard.landing, fn, arg);
    m->guard = guard.outer;
    if (!guard.lowest)
        return 0;
    drop_frames(m, &guard);
    return -EFAULT;
}

/* The unwinder reads what C may have overwritten: it is guarded itself. */

struct backtrace {
    void *context;
    void **frames;
    size_t most, count;
};

static void unwind(void *data) {
    struct backtrace *b = data;
    b->count = gate__os_backtrace(b->context, b->frames, b->most);
}

size_t gate__guard_backtrace(const struct gate__signal *signal, void **frames, size_t most) {
    struct backtrace b = {signal->context, frames, most, 1};
    struct gate__os_place place = gate__os_context_place(signal->context);
    uint64_t mask = gate__trap_let_faults_come();
    if (gate__guard_call(NULL, unwind, &b)) {
        gate__os_context_move(signal->context, place);
        frames[0] = (void *)place.pc;
    }
    gate__os_set_signal_mask(mask);
    return b.count;
}

/* How many of the frames are C's, and gate__arch_guard's, which called it. */
static size_t count_to_guard(const gate_trap *trap) {
    uintptr_t first = (uintptr_t)gate__arch_guard, last = (uintptr_t)gate__arch_guard_landing;
    for (size_t i = 0; i < trap->depth; i++) {
        if ((uintptr_t)trap->frames[i] - first <= last - first)
            return i + 1;
    }
    return trap->depth;
}

static void note(gate_trap *trap, const char *function, const struct gate__signal *signal) {
    trap->signal = signal->number;
    trap->code = signal->info->si_code;
    trap->address = signal->info->si_addr;
    trap->pc = (void *)gate__os_context_place(signal->context).pc;
    snprintf(trap->function, sizeof trap->function, "%s", function ? function : "");
    trap->depth = gate__guard_backtrace(signal, trap->frames, GATE_TRAP_FRAMES);
    trap->depth = count_to_guard(trap);
}

bool gate__guard_catch(gate_m *m, const struct gate__signal *signal) {
    struct gate__guard *guard = m->guard;
    if (!guard || !guard->landing)
        return false;
    if (guard->trap)
        note(guard->trap, gate__task_where(m->task), signal);
    guard->lowest = gate__os_context_place(signal->context).sp;
    gate__os_context_move(signal->context,
                          (struct gate__os_place){(uintptr_t)gate__arch_guard_landing, (uintptr_t)guard->landing});
    gate__os_context_set_mask(signal->context, guard->mask);
    return true;
}

/* What a host reads of it */

const gate_trap *gate_trap_last(void) {
    gate_task *task = gate_task_current();
    return task && task->mishaps && task->mishaps->trap.signal ? &task->mishaps->trap : NULL;
}

/* A text that may be longer than its room. */
struct text {
    char *buffer;
    size_t size, length;
};

static void append(struct text *text, const char *words, size_t length) {
    size_t room = text->length < text->size ? text->size - text->length : 0;
    if (room)
        snprintf(text->buffer + text->length, room, "%.*s", (int)length, words);
    text->length += length;
}

struct printing {
    const gate_trap *trap;
    struct text text;
};

/* May have to ask the loader for names: then it waits for its lock, and so may whoever has that for a slot.
 * [system stack] */
static void print(void *data) {
    struct printing *p = data;
    char line[512];
    append(&p->text, line, gate__report_describe(p->trap, line, sizeof line));
    append(&p->text, line, (size_t)snprintf(line, sizeof line, " in a call of %s", p->trap->function));
    for (size_t i = 0; i < p->trap->depth; i++) {
        append(&p->text, "\n  ", 3);
        append(&p->text, line, gate__os_describe_code(p->trap->frames[i], line, sizeof line));
    }
}

size_t gate_trap_print(const gate_trap *trap, char *buffer, size_t size) {
    struct printing printing = {trap, {buffer, size, 0}};
    if (size)
        buffer[0] = '\0';
    gate__foreign_call(print, &printing);
    return printing.text.length;
}
