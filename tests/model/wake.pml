/* No wake-up is lost, for Spin: between a thread that queues a task and one that makes its slot idle, between it and
 * the monitor that parks, and between it and a worker that is on its way.
 *
 *   here                     stands for
 *   ready, wake              push and wake in gate__sched_ready           runtime/sched.c
 *   hand_on, retire          gate__sched_hand_on, retire
 *   Monitor, notice          park, gate__monitor_notice                   runtime/monitor.c
 *   arrive                   work, and wait_for_first_work                runtime/worker.c, sched.c
 *
 *   light                           gate__foreign_light_barrier           only the compiler's, or a fence
 *   heavy                           gate__foreign_heavy_barrier           membarrier: a fence in each thread,
 *                                                                         wherever it is; or a fence
 *
 * Every store goes through its thread's buffer, the release of a lock too, and is seen by others later, in order;
 * loads don't wait. Taking a lock and a fence empty the buffer. That is less than x86 gives where counts change by
 * locked instructions, each a fence of its own. The model shows that the barriers do without that.
 *
 * Unless options say otherwise, one slot, and threads that queue a task each; the first one begins with the slot. Who has
 * it runs what it finds, and may keep it for ever. When all is still, no task waits beside an idle slot, nor while the
 * monitor is parked.
 *
 * -DNEWCOMERS=n: the last n threads queue nothing, but are workers that were started for slots while these were idle.
 * -DTASKS=n: each of the others queues n tasks.
 * -DSLOTS=2: two slots, and no monitor, which only looks after tasks that find no slot idle.
 * -DBUSY=n: the first n threads begin with a slot, and the other slots are idle.
 * -DEXCHANGE: as where the kernel has no membarrier, light and heavy are fences.
 * -DWITHOUT=x leaves something out, and then the model has to fail:
 *
 *   MEMBARRIER      heavy is a fence in its own thread, and light none
 *   RETIRE_BARRIER  retire's, between the slot's becoming idle and the look at the queue
 *   PARK_BARRIER    park's, between parked and the look at the queue
 *   ARRIVAL_BARRIER arrive's, between being awaited no more and the look at the queue
 *   WAKE_FENCE      wake's with -DEXCHANGE, between the task's queueing and the looks at the other words
 *   ORDER           take_idle's, of two slots: the one that became idle last is taken first
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define MEMBARRIER 1
#define RETIRE_BARRIER 2
#define PARK_BARRIER 3
#define WAKE_FENCE 4
#define ARRIVAL_BARRIER 5
#define ORDER 6

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif

#define THREADS 3
#define MONITOR THREADS

#ifndef TASKS
#define TASKS 1
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef BUSY
#define BUSY 1
#endif
#ifndef NEWCOMERS
#define NEWCOMERS 0
#endif

#if SLOTS == 1
#define ALL (MONITOR + 1)
#else
#define ALL THREADS
#endif

/* Words, as all see them: how many tasks wait, how many slots are idle, whether the monitor has parked, how many
 * workers are awaited, and locks */

#define READY 0
#define IDLE 1
#define PARKED 2
#define QUEUE_LOCK 3
#define RUNTIME_LOCK 4
#define AWAITED 5
byte word[6];

byte posts; /* of the monitor's semaphore */
chan idle = [SLOTS] of { byte }; /* the idle slots, under the runtime's lock */

hidden byte which, value;
chan buffer[ALL] = [3] of { byte, byte };

#define store(w, v) buffer[self]!w, v

inline commit(thread) {
    buffer[thread]?which, value;
    word[which] = value
}

/* A store leaves the buffer at any time. */
proctype Buffer(byte thread) {
end_empty:
    do
    :: d_step { nempty(buffer[thread]) -> commit(thread) }
    od
}

inline fence() {
    d_step {
        do
        :: len(buffer[self]) > 0 -> commit(self)
        :: else -> break
        od;
        value = 0
    }
}

/* A fence in every thread, one after the other. */
inline membarrier() {
    other = 0;
    do
    :: other < ALL ->
        d_step {
            do
            :: len(buffer[other]) > 0 -> commit(other)
            :: else -> break
            od;
            value = 0;
            other++
        }
    :: else -> break
    od;
    other = 0
}

inline heavy() {
    fence();
#if !defined(EXCHANGE) && WITHOUT != MEMBARRIER
    membarrier()
#endif
}

inline lock(which_lock) {
    atomic { word[which_lock] == 0 -> fence(); word[which_lock] = 1 }
}

inline unlock(which_lock) {
    store(which_lock, 0)
}

/* Adds to a count under its lock, whose word nobody else stores meanwhile. */
inline add(count, n) {
    store(count, word[count] + n)
}

inline notice() {
    if
    :: word[PARKED] == 0
    :: else -> atomic { fence(); posts = posts + word[PARKED]; word[PARKED] = 0 }
    fi
}

inline ready() {
    lock(QUEUE_LOCK);
    add(READY, 1);
    unlock(QUEUE_LOCK)
}

/* wake_one */
inline serve() {
    if
    :: has_slot -> hand_on()
    :: else -> notice()
    fi
}

inline take_idle() {
    lock(RUNTIME_LOCK);
    if
    :: atomic {
        nempty(idle) ->
#if WITHOUT == ORDER
        idle?slot; idle!slot;
#endif
        idle?slot; add(IDLE, -1); has_slot = true
    }
    :: else
    fi;
    unlock(RUNTIME_LOCK)
}

inline wake() {
#if defined(EXCHANGE) && WITHOUT != WAKE_FENCE
    fence();
#endif
    seen = word[IDLE];
    if
    :: seen == 0 -> notice()
    :: seen > 0 && word[AWAITED] >= seen
    :: seen > 0 && word[AWAITED] < seen -> take_idle(); serve()
    fi
}

inline arrive() {
    lock(RUNTIME_LOCK);
    add(AWAITED, -1);
    unlock(RUNTIME_LOCK);
    if
    :: word[IDLE] == 1 && word[READY] > 0 -> take_idle(); serve()
    :: else ->
#if WITHOUT != ARRIVAL_BARRIER
        heavy();
#endif
        if
        :: word[IDLE] > 0 && word[READY] > 0 -> take_idle(); serve()
        :: else
        fi
    fi
}

/* Runs a task, and perhaps keeps the slot for ever. */
inline run_task() {
    if
    :: true
    :: true -> fence(); end_keeps_slot: false
    fi
}

inline retire() {
    lock(RUNTIME_LOCK);
    atomic { idle!slot; add(IDLE, 1); has_slot = false }
    unlock(RUNTIME_LOCK);
#if WITHOUT != RETIRE_BARRIER
    heavy();
#endif
    if
    :: word[READY] == 0 -> slot = 0
    :: else ->
        lock(RUNTIME_LOCK);
        if
        :: atomic { idle??[eval(slot)] -> idle??eval(slot); add(IDLE, -1); has_slot = true }
        :: else -> slot = 0
        fi;
        unlock(RUNTIME_LOCK)
    fi
}

inline hand_on() {
    do
    :: has_slot ->
        took = false;
        lock(QUEUE_LOCK);
        if
        :: word[READY] > 0 -> add(READY, -1); took = true
        :: else
        fi;
        unlock(QUEUE_LOCK);
        if
        :: took -> took = false; run_task()
        :: else -> retire()
        fi
    :: else -> break
    od
}

proctype Thread(byte self) {
    bool has_slot = (self < BUSY), took;
    byte slot = (self < BUSY -> self : 0), other, seen, queued;
    if
    :: has_slot -> hand_on()
    :: !has_slot && self >= THREADS - NEWCOMERS -> arrive()
    :: !has_slot && self < THREADS - NEWCOMERS ->
        do
        :: queued < TASKS -> ready(); queued++; wake()
        :: else -> break
        od
    fi
}

proctype Monitor(byte self) {
    byte other;
    do
    :: word[READY] == 0 ->
        store(PARKED, 1);
#if WITHOUT != PARK_BARRIER
        heavy();
#endif
        if
        :: word[READY] > 0 -> atomic { fence(); word[PARKED] = 0 }
        :: else -> end_parked: atomic { posts > 0 -> posts-- }
        fi
    :: else -> end_looks: word[READY] == 0
    od
}

init {
    byte i;
    atomic {
        word[AWAITED] = NEWCOMERS;
        word[IDLE] = SLOTS - BUSY;
        do
        :: i < THREADS -> run Thread(i); run Buffer(i); i++
        :: else -> break
        od;
#if SLOTS == 1
        run Buffer(MONITOR);
        run Monitor(MONITOR);
#endif
        i = BUSY;
        do
        :: i < SLOTS -> idle!i; i++
        :: else -> break
        od;
        i = 0
    }
    timeout;
    assert(word[READY] == 0 || word[IDLE] == 0);
    assert(word[READY] == 0 || word[PARKED] == 0 || posts > 0)
}
