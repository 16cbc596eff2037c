/* The hand-off protocol: a call that lasts loses its slot, a call that doesn't pays nothing for it.
 *
 *   the M that calls                     the monitor, for an M that it saw in the same call twice
 *   enter:  call = its record            under the runtime's lock:
 *           if asked: slow                 claim = ASKED
 *           ... the call ...               barrier on all threads (membarrier)
 *   leave:  call = RUNNING                 if call is a call:  claim = TAKEN, the slot is its own
 *           (compiler barrier)             else:               claim = NONE
 *           if claim: slow
 *   slow:   under the runtime's lock:    RUNNING is stored and claim loaded in program order; the
 *           if claim is TAKEN:           monitor's barrier falls before, between or after the two. In
 *             claim = NONE, and          no case does the M find no claim and the monitor the call
 *             get a slot                 that has just been left.
 *
 * The three words (call, claim, asked) live in the M and not in the slot: an M that leaves late would store RUNNING over
 * its successor's call. The M may be in its next call by the time the monitor looks: it loses the
 * slot there, and finds the claim when it leaves.
 *
 * Where the kernel has no membarrier, leave is an exchange, which orders its own store and load.
 *
 * Enter and leave stand in three places: in internal.h; for what is in assembly, in each arch/<name>/crossing.h; and for
 * calls in line, in each bridge/arch/<name>/inline.h.
 *
 * An M that enters a call looks whether something is asked of its slot (the slot's poll word; its own word asked, which
 * is set with it, saves the way there), behind a barrier of the same kind: whoever asks, and then passes a heavy
 * barrier, knows that an M which he does not find in a call will see the question when it enters one. At each look, the
 * monitor asks to be told of the next call: one that it sees is the same as before if none has told. It asks to be
 * woken by a call that begins while it sleeps for long; and a task that has run for long while others wait, or for
 * which the world is to stop, gives its slot up when it calls.
 *
 * An adopted thread that is called back into often *lingers* in between: it keeps its slot, as if C had been called by
 * it, and so the way back in is a return from a call. Whoever has work and finds no idle slot takes that of one that
 * lingers, and has one that runs give it up behind its handler; then the thread lingers only after twice as many
 * callbacks.
 *
 * A call that the monitor had to take a slot from is remembered with that slot, by its function. While tasks wait, the
 * next call of it gives the slot up at once, as one of class blocking does: the monitor's two looks are paid once, and
 * not for each of a thousand calls. One that is back too soon ends that; so do some calls of other functions, which
 * are on the slow way meanwhile.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "runtime/os/probe.h"

bool gate__foreign_exchange;

void gate__foreign_heavy_barrier(void) {
    atomic_thread_fence(memory_order_seq_cst);
    if (!gate__foreign_exchange)
        gate__os_barrier();
}

bool gate__foreign_is_plain(void) {
    return !gate__foreign_exchange && !gate__switch_notices.anybody && !gate__foreign_is_watched();
}

/* Where the crossings for calls in registers do not do, no stack pointer is above a task's floor. Of the two that set
 * one when a watch begins or ends, the later one sees what the earlier has done: see close_or_open. */
void gate__foreign_set_floor(gate_task *task) {
    bool plain;
    do {
        plain = gate__foreign_is_plain();
        void *of_root = (void *)(intptr_t)GATE__FLOOR_OF_ROOT;
        void *floor = !plain ? (void *)UINTPTR_MAX : task->stack.base ? task->stack.base : of_root;
        atomic_store_explicit(&task->floor, floor, memory_order_relaxed);
        gate__foreign_light_barrier();
    } while (gate__foreign_is_plain() != plain);
}

static void settle_ways(void *unused, gate_task *task, const struct gate_task_info *info) {
    (void)unused;
    (void)info;
    gate__foreign_set_floor(task);
    if (!gate__foreign_is_plain())
        atomic_store_explicit(&task->short_way, 0, memory_order_relaxed);
}

/* Closes the short ways, or opens them, as calls are watched or not. A task looks at its floor when it begins, and here
 * is seen to all that have begun. The barrier falls before or after a task's last look at the word: it sees the
 * change, or its floor is older than the one from here. */
static void close_or_open(void) {
    gate__foreign_heavy_barrier();
    gate__m_settle_none();
    gate__init_visit_tasks(settle_ways, NULL);
}

void gate__foreign_watch(enum gate__watch reason, bool begins) {
    if (begins)
        atomic_fetch_or(&gate__os_watch.by.reasons, (uint16_t)reason);
    else
        atomic_fetch_and(&gate__os_watch.by.reasons, (uint16_t)~reason);
    close_or_open();
}

void gate__foreign_init(void) {
    gate__foreign_exchange = !gate__settings.membarrier || gate__os_barrier_register() != 0;
    close_or_open();
}

/* m's call, of the function where, has lost its slot. The runtime's lock is held. */
static void note_loss(gate_m *m, const char *where) {
    uint32_t lost = atomic_load_explicit(&m->lost, memory_order_relaxed);
    if (gate__foreign_is_watched())
        atomic_store_explicit(&m->lost_at, gate__os_now(), memory_order_relaxed);
    atomic_store_explicit(&m->lost, lost + 1, memory_order_release);
    gate__os_probe_handoff(where, gate_task_number(m->task), m->number);
}

void gate__foreign_give_up(gate_m *m) {
    gate__lock(&m->runtime->lock);
    struct gate__slot *slot = m->slot;
    bool mine = slot && !(atomic_load(&slot->poll) & GATE__POLL_STOPPER);
    if (mine) {
        atomic_fetch_or(&m->claim, GATE__CLAIM_TAKEN);
        note_loss(m, gate__task_where(m->task));
        gate__sched_detach(m);
    }
    gate__unlock(&m->runtime->lock);
    if (mine)
        gate__sched_hand_on(slot);
}

void gate__foreign_learn(gate_m *m, struct gate__slot *slot) {
    atomic_store_explicit(&slot->calls.lasting, gate__task_look_where(m->task), memory_order_relaxed);
    atomic_store_explicit(&slot->calls.others, 0, memory_order_relaxed);
    gate__foreign_ask(slot, GATE__POLL_LASTS);
}

static void unlearn(struct gate__slot *slot) {
    atomic_fetch_and(&slot->poll, ~(uint32_t)GATE__POLL_LASTS);
}

/* Whether the call that m has begun is likely to last, and tasks wait. */
static bool is_expected_to_last(gate_m *m, struct gate__slot *slot) {
    struct gate__calls *calls = &slot->calls;
    if (gate__task_where(m->task) == atomic_load_explicit(&calls->lasting, memory_order_relaxed))
        return gate__queue_any_waits(m->runtime);
    uint32_t others = atomic_load_explicit(&calls->others, memory_order_relaxed) + 1;
    atomic_store_explicit(&calls->others, others, memory_order_relaxed);
    if (others >= GATE__OTHER_CALLS)
        unlearn(slot);
    return false;
}

/* The call that m has begun wakes the monitor, which finds here when that was: until the next one tells otherwise. */
static void ring(gate_m *m, struct gate__slot *slot) {
    atomic_fetch_and(&slot->poll, ~(uint32_t)GATE__POLL_ALARM);
    atomic_store(&slot->calls.rang_at, gate__os_now());
    atomic_fetch_or(&slot->poll, GATE__POLL_TELL);
    gate__monitor_ring(m->runtime);
}

/* This is another call than the monitor has seen, or the one that rang. */
static void tell(struct gate__slot *slot) {
    atomic_store(&slot->calls.rang_at, 0);
    atomic_fetch_and(&slot->poll, ~(uint32_t)GATE__POLL_TELL);
}

void gate__foreign_ask(struct gate__slot *slot, uint32_t what) {
    gate_m *m = slot->holder;
    atomic_fetch_or(&slot->poll, what);
    if (m)
        atomic_store(&m->asked, 1);
}

/* Whoever asks sets the poll word first, and then asked: either that is seen here, or asked stays set. */
static void end_asked(gate_m *m, struct gate__slot *slot) {
    atomic_store(&m->asked, 0);
    if (atomic_load(&slot->poll))
        atomic_store(&m->asked, 1);
}

void gate__foreign_enter_slow(gate_m *m, struct gate__slot *slot) {
    void *sp = m->task->sp; /* is kept already, and to give the slot up may take a crossing of its own */
    if (!slot)
        return;
    uint32_t asked = atomic_load(&slot->poll);
    if (asked & GATE__POLL_TELL)
        tell(slot);
    if (asked & (GATE__POLL_YIELD | GATE__POLL_STOP)) {
        gate__foreign_give_up(m);
    } else if (asked & GATE__POLL_LASTS && is_expected_to_last(m, slot)) {
        m->expected = slot;
        m->expected_at = gate__os_now();
        gate__foreign_give_up(m);
    } else if (asked & GATE__POLL_ALARM) {
        ring(m, slot);
    }
    end_asked(m, slot);
    m->task->sp = sp;
}

/* Forgets that calls last, if this one did not. */
static void check_expectation(gate_m *m) {
    if (m->expected && gate__os_now() - m->expected_at < GATE__FIRST_LOOK)
        unlearn(m->expected);
    m->expected = NULL;
}

void gate__foreign_enter_blocking(gate_m *m, void *call) {
    gate__foreign_enter(m, call);
    gate__foreign_give_up(m);
}

void gate__foreign_call_blocking(gate_m *m, void (*fn)(void *), void *arg, void *call) {
    bool interpreter = gate__m_runs(m);
    gate__lock_assert_none();
    if (interpreter)
        gate__foreign_enter_blocking(m, call);
    gate__switch_call(m, fn, arg);
    if (interpreter)
        gate__foreign_leave(m);
}

struct gate__returned gate__foreign_run_registers(const struct gate__frame *frame, int first_errno) {
    static gate__caller *const callers[GATE__SHAPES_AND_WIDE] = {
        NULL,
        gate__arch_call_words,
        gate__arch_call,
        gate__arch_call_vector,
        gate__arch_call_registers,
        gate__arch_call_x87,
        gate__arch_call_x87_pair,
        gate__arch_call_wide32,
        gate__arch_call_wide32_x87,
        gate__arch_call_wide32_x87_pair,
        gate__arch_call_wide64,
        gate__arch_call_wide64_x87,
        gate__arch_call_wide64_x87_pair,
    };
    int *error_number = &errno; /* this stack stays on its thread */
    uint64_t *cells = frame->cells, word;
    *error_number = first_errno;
    if (frame->shape == GATE__SHAPE_PAIR)
        word = ((uint64_t(*)(uint64_t, uint64_t))frame->function)(cells[0], cells[1]);
    else
        word = callers[frame->shape](cells, frame->stack_count, frame->function, frame->stack_alignment);
    return (struct gate__returned){word, *error_number};
}

/* One call in registers, so that it can be made on the system stack with a single argument. */
struct carried {
    const struct gate__frame *frame;
    struct gate__returned returned;
};

static void run_carried(void *data) {
    struct carried *c = data;
    c->returned = gate__foreign_run_registers(c->frame, 0);
}

struct gate__returned gate__foreign_call_registers_slow(gate_m *m, const struct gate__frame *frame) {
    struct carried carried = {.frame = frame};
    if (!frame->call)
        gate__switch_call(m, run_carried, &carried);
    else
        gate__foreign_call_from(m, run_carried, &carried, frame->call);
    return carried.returned;
}

struct gate__returned gate__foreign_call_pair_slow(gate_m *m, void (*function)(void), uint64_t a, uint64_t b,
                                                   void *call) {
    uint64_t cells[] = {a, b};
    struct gate__frame frame = {.function = function, .cells = cells, .shape = GATE__SHAPE_PAIR, .call = call};
    return gate__foreign_call_registers_slow(m, &frame);
}

void gate__foreign_hold(gate_m *m) {
    atomic_fetch_or(&m->claim, GATE__CLAIM_ASKED);
    gate__foreign_heavy_barrier();
}

void gate__foreign_let(gate_m *m) {
    atomic_fetch_and(&m->claim, ~(uint32_t)GATE__CLAIM_ASKED);
}

struct gate__slot *gate__foreign_claim(gate_m *m) {
    gate__foreign_hold(m);
    if (!gate__m_says_in_call(atomic_load(&m->call))) {
        gate__foreign_let(m);
        return NULL;
    }
    atomic_fetch_xor(&m->claim, GATE__CLAIM_ASKED | GATE__CLAIM_TAKEN);
    gate__switch_acquire(m);
    note_loss(m, gate__task_look_where(m->task)); /* one that lingers makes calls that don't wait for this */
    return gate__sched_detach(m);
}

/* m has left the call. Whether it has lost its slot there. The runtime's lock is held. */
static bool end_claim(gate_m *m) {
    uint32_t claim = atomic_exchange(&m->claim, GATE__CLAIM_NONE);
    gate__assert(!(claim & GATE__CLAIM_ASKED));
    if (claim & GATE__CLAIM_INTERRUPTED)
        gate__interrupt_forget(m);
    return claim & GATE__CLAIM_TAKEN;
}

void gate__foreign_leave_slow(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    check_expectation(m);
    gate__lock(&runtime->lock);
    if (m->adopted && atomic_load(&runtime->stopping)) /* it lingered */
        gate__fatal("gate_callback", "a callback was called after its runtime was stopped");
    bool taken = end_claim(m);
    if (taken && m->adopted)
        /* a thread that lingers is to come in by the long way, on which it may cease to */
        atomic_store_explicit(&m->task->short_way, 0, memory_order_relaxed);
    bool waits = taken && !gate__sched_take_idle(m);
    gate__unlock(&runtime->lock);
    if (waits)
        gate__sched_wait_for_slot(m);
    else if (taken)
        gate__sched_resume(m);
}

/* Threads outside */

bool gate__foreign_lingers(const gate_m *m) {
    return gate__m_is_outside(m) && gate__m_says_in_call(atomic_load(&m->call));
}

/* Its slot is wanted elsewhere. */
static void discourage(gate_m *m) {
    uint32_t at = atomic_load_explicit(&m->lingers_at, memory_order_relaxed);
    atomic_store_explicit(&m->visits, 0, memory_order_relaxed);
    atomic_store_explicit(&m->lingers_at, at < GATE__VISITS_MOST ? 2 * at : GATE__VISITS_MOST, memory_order_relaxed);
}

struct gate__slot *gate__foreign_reclaim(gate_runtime *runtime) {
    struct gate__slot *reclaimed = NULL;
    bool any = false;
    for (uint32_t i = 0; i < runtime->slot_count && !reclaimed && !runtime->world.stopper; i++) {
        struct gate__slot *slot = &runtime->slots[i];
        gate_m *m = slot->holder;
        if (!m || !m->adopted)
            continue;
        any = true;
        if (gate__foreign_lingers(m))
            reclaimed = gate__foreign_claim(m);
        if (!reclaimed)
            gate__foreign_ask(slot, GATE__POLL_YIELD);
        discourage(m);
    }
    atomic_store(&runtime->may_linger, any);
    return reclaimed;
}

void gate__foreign_stop_lingering(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    end_claim(m);
    atomic_store(&m->call, GATE__M_OUTSIDE);
    gate__unlock(&runtime->lock);
    if (slot)
        gate__sched_hand_on(slot);
}

/* Waits for a slot, unless none comes by deadline: then the thread is outside again. */
static bool wait_outside(gate_m *m, uint64_t deadline) {
    bool came = true;
    if (deadline == GATE__TIMER_NEVER)
        gate__sched_wait_for_slot(m);
    else
        came = gate__bound_wait_for_slot_until(m, deadline);
    if (!came) {
        atomic_store(&m->came_in, false);
        atomic_store(&m->call, GATE__M_OUTSIDE);
    }
    return came;
}

int gate__foreign_come_in(gate_m *m, uint64_t deadline) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    bool stopped = atomic_load(&runtime->stopping);
    if (!stopped) {
        atomic_store(&m->came_in, true);
        atomic_store(&m->call, GATE__M_RUNNING);
    }
    bool waits = !stopped && !gate__sched_take_idle(m);
    gate__unlock(&runtime->lock);
    if (stopped)
        return -ECANCELED;
    if (waits && !wait_outside(m, deadline))
        return -EBUSY;
    if (m->adopted && !m->announced) {
        m->announced = true;
        if (runtime->config.hooks.thread_adopt)
            runtime->config.hooks.thread_adopt(runtime->config.host, m->root);
        waits = false;
    }
    if (!waits)
        gate__sched_resume(m);
    return 0;
}

/* Whether m, which was called back into once more, has come often enough, and nobody waits, nor wants to hear of each
 * time that it goes. */
static bool is_to_linger(gate_m *m) {
    uint32_t visits = atomic_load_explicit(&m->visits, memory_order_relaxed) + 1;
    atomic_store_explicit(&m->visits, visits, memory_order_relaxed);
    return visits > atomic_load_explicit(&m->lingers_at, memory_order_relaxed) &&
           !m->runtime->config.hooks.task_suspend && !gate__queue_any_waits(m->runtime);
}

void gate__foreign_go_out(gate_m *m, bool may_linger) {
    if (may_linger && is_to_linger(m)) {
        atomic_store(&m->runtime->may_linger, true);
        atomic_store(&m->came_in, false);
        gate__foreign_enter(m, GATE__M_UNTOLD);
        return;
    }
    gate__sched_suspend(m);
    struct gate__slot *slot = gate__sched_let_go(m);
    atomic_store(&m->came_in, false);
    atomic_store(&m->call, GATE__M_OUTSIDE);
    gate__sched_hand_on(slot);
}
