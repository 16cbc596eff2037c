/* Leaving a stack: the C side of switch.S, and the only place that tells sanitizers of it.
 *
 * AddressSanitizer has to know which stack a thread is on at any time: both crossings and swaps are
 * announced. ThreadSanitizer has to know which task is running: a task is a fibre of its own, and a
 * crossing, which stays within the task, is none of its business. It hears of what is ordered by plain stores
 * and atomics, too: in a library that is not instrumented it sees locks and semaphores only.
 *
 * The notices are weak symbols: a library built without sanitizers announces its switches as soon as
 * the program it is linked into brings one. Valgrind has to know what is a stack, or it takes a switch to one nearby
 * for a large frame; it is told by instructions that do nothing elsewhere.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/arch.h"
#include "runtime/internal.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define VALGRIND_MAKE_MEM_UNDEFINED(base, size) ((void)(base))
#endif

#define WEAK __attribute__((weak, visibility("default")))

WEAK
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
WEAK
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **old_bottom, size_t *old_size);
WEAK
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
WEAK
void *__tsan_get_current_fiber(void);
WEAK
void *__tsan_create_fiber(unsigned flags);
WEAK
void __tsan_destroy_fiber(void *fiber);
WEAK
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
WEAK
void __tsan_acquire(void *address);
WEAK
void __tsan_release(void *address);

struct gate__notices gate__switch_notices;

void gate__switch_init(void) {
    if (!gate__settings.annotations)
        return;
    gate__switch_notices = (struct gate__notices){
        .start_switch = __sanitizer_start_switch_fiber,
        .finish_switch = __sanitizer_finish_switch_fiber,
        .unpoison = __asan_unpoison_memory_region,
        .current_fibre = __tsan_get_current_fiber,
        .create_fibre = __tsan_create_fiber,
        .destroy_fibre = __tsan_destroy_fiber,
        .switch_fibre = __tsan_switch_to_fiber,
        .acquire = __tsan_acquire,
        .release = __tsan_release,
        .anybody = __sanitizer_start_switch_fiber || __tsan_switch_to_fiber,
        .names_stacks = RUNNING_ON_VALGRIND,
    };
}

#define tell gate__switch_notices

static inline void leave_stack(void **fake_stack, const void *bottom, size_t size) {
    if (tell.start_switch)
        tell.start_switch(fake_stack, bottom, size);
}

static inline void arrive_on_stack(void *fake_stack) {
    if (tell.finish_switch)
        tell.finish_switch(fake_stack, NULL, NULL);
}

static inline void switch_fibre(void *fibre) {
    if (tell.switch_fibre)
        tell.switch_fibre(fibre, 0);
}

/* A crossing to sp is about to call. It doesn't say so between the two, and Valgrind sees the new stack pointer only
 * when the return address is stored below it. */
static inline void expect_call(void *sp) {
    enum { ROOM = 64 };
    if (__builtin_expect(tell.names_stacks, 0))
        VALGRIND_MAKE_MEM_UNDEFINED((char *)sp - ROOM, ROOM);
}

/* Whether this very code runs on task's own stack, and not on the system stack below it. */
static inline bool on_stack_of(const gate_task *task) {
    const char *here = __builtin_frame_address(0);
    return task->stack.base && here >= task->stack.base && here < task->stack.base + task->stack.size;
}

/* What a crossing calls when a sanitizer wants to hear of both its ends. */
struct announced {
    gate_m *m;
    void (*fn)(void *);
    void *arg;
};

static void announced_on_system_stack(void *data) {
    struct announced *a = data;
    gate_task *task = a->m->task;
    arrive_on_stack(a->m->asan_fake_stack);
    a->fn(a->arg);
    leave_stack(&a->m->asan_fake_stack, task->stack.base, task->stack.size);
}

/* A handler runs on a stack of its own, from which nothing is to be crossed. */
static _Noreturn GATE__COLD_CODE void refuse_handler(const gate_m *m) {
    gate__task_misuse(m, "gate_call", "called from a signal handler, or a memory entry point was");
}

GATE__HOT_CODE void gate__switch_call(gate_m *m, void (*fn)(void *), void *arg) {
    if (!m || !m->task) {
        fn(arg);
    } else if (!on_stack_of(m->task)) {
        if (__builtin_expect(gate__trap_on_signal_stack(m), 0))
            refuse_handler(m);
        fn(arg);
    } else if (!tell.start_switch) {
        expect_call(m->system_sp);
        gate__arch_cross(m, fn, arg);
    } else {
        gate_task *task = m->task;
        struct announced a = {m, fn, arg};
        leave_stack(&task->asan_fake_stack, m->stack_bottom, m->stack_size);
        gate__arch_cross(m, announced_on_system_stack, &a);
        arrive_on_stack(task->asan_fake_stack);
    }
}

static void announced_on_task_stack(void *data) {
    struct announced *a = data;
    gate_task *task = a->m->task;
    arrive_on_stack(task->asan_fake_stack);
    a->fn(a->arg);
    leave_stack(&task->asan_fake_stack, a->m->stack_bottom, a->m->stack_size);
}

void gate__switch_call_back(gate_m *m, void (*fn)(void *), void *arg) {
    gate_task *task = m->task;
    if (!task->stack.base || on_stack_of(task)) {
        fn(arg);
    } else if (!tell.start_switch) {
        expect_call(task->sp);
        gate__arch_cross_back(m, fn, arg);
    } else {
        struct announced a = {m, fn, arg};
        leave_stack(&m->asan_fake_stack, task->stack.base, task->stack.size);
        gate__arch_cross_back(m, announced_on_task_stack, &a);
        arrive_on_stack(m->asan_fake_stack);
    }
}

/* A task that comes to run sees to the one that left: at once, in gate__arch_swap, unless a sanitizer is to hear first
 * that it is on another stack. */

static inline gate_m *who_arrives(gate_m *m) {
    return tell.anybody ? NULL : m;
}

static inline void arrive(void *fake_stack) {
    if (!tell.anybody)
        return;
    arrive_on_stack(fake_stack);
    gate__sched_arrive(gate__m());
}

void gate__switch_to_task(gate_m *m, gate_task *task) {
    gate__lock_assert_none();
    gate__assert(!m->task && !on_stack_of(task));
    m->task = task;
    switch_fibre(task->tsan_fiber);
    leave_stack(&m->asan_fake_stack, task->stack.base, task->stack.size);
    gate__arch_swap(&m->system_sp, task->sp, who_arrives(m));
    arrive_on_stack(m->asan_fake_stack);
    m->task = NULL;
}

/* A task that ends has no use for its fake stack any more. */
static inline void **fake_stack_of(gate_m *m, gate_task *task) {
    return m->leave == GATE__LEAVE_EXIT ? NULL : &task->asan_fake_stack;
}

void gate__switch_to_scheduler(gate_m *m) {
    gate_task *task = m->task;
    gate__lock_assert_none();
    gate__assert(on_stack_of(task));
    switch_fibre(m->tsan_fiber);
    leave_stack(fake_stack_of(m, task), m->stack_bottom, m->stack_size);
    gate__arch_swap(&task->sp, m->system_sp, NULL);
    arrive(task->asan_fake_stack);
}

void gate__switch_to_next(gate_m *m, gate_task *next) {
    gate_task *task = m->task;
    gate__lock_assert_none();
    gate__assert(on_stack_of(task) && !on_stack_of(next));
    m->task = next;
    switch_fibre(next->tsan_fiber);
    leave_stack(fake_stack_of(m, task), next->stack.base, next->stack.size);
    gate__arch_swap(&task->sp, next->sp, who_arrives(m));
    arrive(task->asan_fake_stack);
}

/* The first code of a task on its stack. */
static void begin(void *data) {
    gate_task *task = data;
    arrive(NULL);
    task->first(task);
}

void gate__switch_prepare(gate_task *task, void (*fn)(gate_task *)) {
    if (tell.create_fibre)
        task->tsan_fiber = tell.create_fibre(0);
    if (tell.names_stacks)
        task->named_stack = VALGRIND_STACK_REGISTER(task->stack.base, task->stack.base + task->stack.size);
    task->first = fn;
    task->sp = gate__arch_prepare(task, begin, task);
}

void gate__switch_enter_thread(gate_m *m) {
    if (tell.current_fibre)
        m->tsan_fiber = tell.current_fibre();
    if (tell.names_stacks)
        m->named_stack = VALGRIND_STACK_REGISTER(m->stack_bottom, (char *)m->stack_bottom + m->stack_size);
}

void gate__switch_leave_thread(gate_m *m) {
    if (tell.names_stacks)
        VALGRIND_STACK_DEREGISTER(m->named_stack);
}

void gate__switch_forget(gate_task *task) {
    if (tell.destroy_fibre)
        tell.destroy_fibre(task->tsan_fiber);
    if (tell.unpoison)
        tell.unpoison(task->stack.base, task->stack.size);
    if (tell.names_stacks)
        VALGRIND_STACK_DEREGISTER(task->named_stack);
}

void gate__switch_drop(uintptr_t lowest, uintptr_t end) {
    if (tell.unpoison)
        tell.unpoison((void *)lowest, end - lowest);
}
