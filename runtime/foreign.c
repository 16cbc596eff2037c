/* The hand-off protocol: a call that lasts loses its slot, a call that doesn't pays nothing for it.
 *
 *   the M that calls                     the monitor, for an M that it saw in the same call twice
 *   enter:  tick++                       under the runtime's lock:
 *           status = IN_CALL               claim = ASKED
 *           ... the call ...               barrier on all threads (membarrier)
 *   leave:  status = RUNNING               if status is IN_CALL:  claim = TAKEN, the slot is its own
 *           (compiler barrier)             else:                  claim = NONE
 *           if claim: slow
 *   slow:   under the runtime's lock:    RUNNING is stored and claim loaded in program order; the
 *           if claim is TAKEN:           monitor's barrier falls before, between or after the two. In
 *             claim = NONE, and          no case does the M find no claim and the monitor IN_CALL of
 *             get a slot                 the call that has just been left.
 *
 * The three words live in the M and not in the slot: an M that leaves late would store RUNNING over
 * its successor's status. The M may be in its next call by the time the monitor looks: it loses the
 * slot there, and finds the claim when it leaves.
 *
 * Where the kernel has no membarrier, leave is an exchange, which orders its own store and load.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"
#include "runtime/os/os.h"

bool gate__foreign_exchange;

void gate__foreign_init(void) {
    gate__foreign_exchange = !gate__settings.membarrier || gate__os_barrier_register() != 0;
}

void gate__foreign_heavy_barrier(void) {
    atomic_thread_fence(memory_order_seq_cst);
    if (!gate__foreign_exchange)
        gate__os_barrier();
}

struct gate__slot *gate__foreign_claim(gate_m *m) {
    atomic_store(&m->claim, GATE__CLAIM_ASKED);
    if (!gate__foreign_exchange)
        gate__os_barrier();
    if (atomic_load(&m->status) != GATE__M_IN_CALL) {
        atomic_store(&m->claim, GATE__CLAIM_NONE);
        return NULL;
    }
    atomic_store(&m->claim, GATE__CLAIM_TAKEN);
    gate__switch_acquire(m);
    return gate__sched_detach(m);
}

void gate__foreign_leave_slow(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    bool taken = atomic_load(&m->claim) == GATE__CLAIM_TAKEN;
    if (taken)
        atomic_store(&m->claim, GATE__CLAIM_NONE);
    bool waits = taken && !gate__sched_take_idle(m);
    gate__unlock(&runtime->lock);
    if (waits)
        gate__sched_wait_for_slot(m);
}

bool gate__foreign_come_in(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    bool stopped = atomic_load(&runtime->stopping);
    if (!stopped)
        atomic_store(&m->status, GATE__M_RUNNING);
    bool waits = !stopped && !gate__sched_take_idle(m);
    gate__unlock(&runtime->lock);
    if (stopped)
        return false;
    if (waits)
        gate__sched_wait_for_slot(m);
    if (m->adopted && !m->announced) {
        m->announced = true;
        if (runtime->config.hooks.thread_adopt)
            runtime->config.hooks.thread_adopt(runtime->config.host, m->root);
    }
    return true;
}

void gate__foreign_go_out(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    gate__unlock(&runtime->lock);
    atomic_store(&m->status, GATE__M_OUTSIDE);
    gate__sched_hand_on(slot);
}
