/* Interrupts: a signal makes the system call that a foreign function waits in end with EINTR.
 *
 * A signal that comes just before the system call is lost to it. So the M is listed, and told so by its claim, and
 * the monitor sends the signal again until that call has been left:
 *
 *   gate_task_interrupt [any]: list, send, and let the monitor know
 *   gate__interrupt_next [monitor]: send again
 *   gate__foreign_leave_slow [its M]: unlist
 *
 * Under the runtime's lock an M that is listed, or has a task, stays. Its thread may leave the call meanwhile, and get
 * the signal in what it does next: nothing of ours minds EINTR.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "runtime/trap.h"

enum { MS = 1000 * 1000, FIRST_PERIOD = MS, LAST_PERIOD = 100 * MS };

static void on_interrupt(const struct gate__signal *signal) {
    gate__trap_pass_on(signal);
}

bool gate__interrupt_may_use(int number) {
    return number > 0 && number <= SIGRTMAX && number != SIGKILL && number != SIGSTOP && number != SIGSEGV &&
           number != SIGBUS && number != SIGFPE && number != SIGILL && (number < 32 || number >= SIGRTMIN);
}

/* Of which signals the handlers are installed, or about to be. */
static _Atomic uint64_t begun, done;

/* Once, and late: ours is then above what the host has installed. It may go by a hook, so no lock is held. */
static void install(int number) {
    uint64_t bit = (uint64_t)1 << (number - 1);
    if (!(atomic_fetch_or(&begun, bit) & bit)) {
        if (gate__trap_install(number, on_interrupt))
            gate__throw("the handler for interrupts can't be installed");
        atomic_fetch_or(&done, bit);
    }
    while (!(atomic_load(&done) & bit))
        gate__os_relax();
}

void gate__interrupt_begin_anew(void) {
    atomic_store(&begun, atomic_load(&done));
}

/* Whether task is in a foreign call on m, which then unlists itself as it leaves. As in gate__foreign_claim, an M that
 * is still in a call behind the barrier sees the claim when it leaves. */
static bool finds_call(gate_m *m, gate_task *task) {
    if (!gate__m_says_in_call(atomic_load(&m->call)) || gate__m_is_outside(m))
        return false;
    atomic_fetch_or(&m->claim, GATE__CLAIM_INTERRUPTED);
    gate__foreign_heavy_barrier();
    bool calls = gate__m_says_in_call(atomic_load(&m->call)) && atomic_load(&task->on) == m;
    if (!calls && !m->interrupt.active)
        atomic_fetch_and(&m->claim, ~(uint32_t)GATE__CLAIM_INTERRUPTED);
    return calls;
}

static void list(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    if (!m->interrupt.active) {
        m->interrupt.active = true;
        m->interrupt.next = runtime->interrupted;
        runtime->interrupted = m;
    }
    m->interrupt.period = FIRST_PERIOD;
    m->interrupt.due = gate__os_now() + FIRST_PERIOD;
}

static void send(gate_m *m) {
    gate__os_signal_thread(m->thread_id, m->runtime->config.interrupt_signal);
}

int gate_task_interrupt(gate_task *task) {
    uint64_t due = 0;
    if (gate__task_is_gone(task))
        return -ESRCH;
    gate_runtime *runtime = task->runtime;
    install(runtime->config.interrupt_signal);
    gate__init_retain(runtime); /* the call, the task and the runtime may end before this has told the monitor */
    gate__lock(&runtime->lock);
    gate_m *m = atomic_load(&task->on);
    bool calls = m && finds_call(m, task);
    if (calls) {
        list(m);
        due = m->interrupt.due;
        send(m);
    }
    gate__unlock(&runtime->lock);
    if (calls)
        gate__monitor_expect(runtime, due);
    gate__init_release(runtime);
    return calls ? 0 : -ESRCH;
}

/* Sends m's signal again if it is due; false when the call is over. */
static bool goes_on(gate_m *m, uint64_t now) {
    struct gate__interrupt *interrupt = &m->interrupt;
    if (!gate__m_says_in_call(atomic_load(&m->call)))
        return false;
    if (interrupt->due <= now) {
        send(m);
        interrupt->period = interrupt->period * 2 < LAST_PERIOD ? interrupt->period * 2 : LAST_PERIOD;
        interrupt->due = now + interrupt->period;
    }
    return true;
}

uint64_t gate__interrupt_next(gate_runtime *runtime) {
    uint64_t next = GATE__TIMER_NEVER, now = gate__os_now();
    gate__lock(&runtime->lock);
    for (gate_m **link = &runtime->interrupted; *link;) {
        gate_m *m = *link;
        if (goes_on(m, now)) {
            next = m->interrupt.due < next ? m->interrupt.due : next;
            link = &m->interrupt.next;
        } else {
            m->interrupt.active = false;
            *link = m->interrupt.next;
        }
    }
    gate__unlock(&runtime->lock);
    return next;
}

void gate__interrupt_forget(gate_m *m) {
    gate_m **link = &m->runtime->interrupted;
    while (*link && *link != m)
        link = &(*link)->interrupt.next;
    if (*link)
        *link = m->interrupt.next;
    m->interrupt.active = false;
}
