/* The hand-off, for Spin: enter, leave, claim and withdraw, and where the slot goes then.
 *
 *   here                            stands for
 *   enter, leave                    gate__foreign_enter, gate__foreign_leave                    runtime/internal.h
 *   leave_slow, come_in, go_out     gate__foreign_leave_slow, _come_in, _go_out                 runtime/foreign.c
 *   claim_slot                      gate__foreign_claim
 *   Monitor, look_at, sight         run, look, sight                                            runtime/monitor.c
 *   attach, detach, take_idle       attach, gate__sched_detach, gate__sched_take_idle           runtime/sched.c
 *   hand_on, give, retire, wake     gate__sched_hand_on, give, retire, wake
 *   wait_for_slot, wait_here        gate__sched_wait_for_slot, wait_here
 *   lock                            gate__lock of the runtime's lock
 *   fence                           a locked instruction: what an M stored is seen by all
 *   barrier                         gate__os_barrier, membarrier: a fence in each M, wherever it is
 *
 * Stores are as on x86. Those of an M go through a buffer, and are seen by others later, in their order; its loads
 * don't wait for them. The monitor's stores to claim are sequentially consistent, so they have no buffer.
 *
 * Simpler than the code: a section under the runtime's lock is one step if nobody looks without the lock meanwhile; the
 * monitor's is many. Each task is bound, so that a task that waits and its M are one, and one queue stands for all.
 * The monitor asks to be told of the next call by a flag of the M's. It looks while tasks wait, and never parks: wake.pml has that,
 * and the fences of wake and retire. After a call, interpreter code goes on or goes out, and it goes out if others wait:
 * if it didn't, calls that are all short would keep their slot, by design.
 *
 * Safety: no two Ms run interpreter code on one slot; a slot is held by one M, or idle, or in the hand of one thread;
 * nothing comes to a stop. Liveness: a call that has ended gets a slot, and so does a thread that comes in, even if
 * other calls last for ever.
 *
 *   -DMS=n -DSLOTS=n    how many
 *   -DCALLERS=n          only so many Ms make calls; the others run interpreter code
 *   -DONCE               an M that goes out stays out
 *   -DEXCHANGE           leave as where the kernel has no membarrier
 *   -DSAFETY             without the liveness property
 *
 * -DWITHOUT=x leaves out one thing, and then the model has to fail:
 *
 *   MEMBARRIER          the monitor's barrier
 *   COMPILER_BARRIER    leave's order: it loads claim and then stores RUNNING
 *   SETTLING            leave_slow's look under the lock: it goes by the claim that leave saw
 *   WITHDRAWAL          the end of a claim that came too late
 *   OWN_STATUS          an M's own status, which is what m->call says: it is the slot's, and a late leave hits the next
 *                       holder's
 *   SECOND_LOOK         retire's look at the queue
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define MEMBARRIER 1
#define COMPILER_BARRIER 2
#define SETTLING 3
#define WITHDRAWAL 4
#define OWN_STATUS 5
#define SECOND_LOOK 6

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif
#ifndef MS
#define MS 2
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef CALLERS
#define CALLERS MS
#endif
#ifndef PENDING
#define PENDING 2 /* stores in a buffer */
#endif

#define MONITOR MS /* its number among the threads */
#define NONE 255

/* An M: the protocol's three words, its slot, and its semaphore */

#define RUNNING 0
#define IN_CALL 1
#define OUTSIDE 2

#define UNCLAIMED 0
#define ASKED 1
#define TAKEN 2

byte status[MS];
byte claim[MS];
bool told_none[MS]; /* no call has begun since the monitor's last look, which saw one */
byte slot[MS] = NONE;
bool wake_up[MS];

#if WITHOUT == OWN_STATUS
#define OWNER(m, s) s
#define set_status(x) skip /* it has no slot */
#else
#define OWNER(m, s) m
#define set_status(x) status[self] = x
#endif

/* A slot: the M that holds it */

byte holder[SLOTS] = NONE;

/* The runtime: its lock, the slots that nobody holds, the tasks that wait */

bool locked;
byte lock_waiters;
chan idle = [SLOTS] of { byte };
chan ready = [MS] of { byte };

/* What the properties speak of, whatever the words say: the M's call has ended, or it came in, and it has not run
 * since; how many run interpreter code on a slot; the slot that a thread has in hand. */

bool wants[MS];
byte runs_on[SLOTS];
byte hand[MS + 1] = NONE;

/* Scratch, which has no meaning from one step to the next. */

hidden byte owner, value, s, h, places;

/* Stores */

chan buffer[CALLERS] = [PENDING] of { byte, byte };

inline commit(m) {
    buffer[m]?owner, value;
    status[owner] = value
}

/* A store leaves the buffer at any time. */
proctype Buffer(byte m) {
end_empty:
    do
    :: d_step { nempty(buffer[m]) -> commit(m) }
    od
}

inline fence(m) {
    d_step {
        do
        :: m < CALLERS && len(buffer[m]) > 0 -> commit(m)
        :: else -> break
        od;
        value = 0
    }
}

inline barrier() {
    do
    :: j < CALLERS -> fence(j); j++
    :: else -> j = 0; break
    od
}

/* The runtime's lock. Those who wait for it get it while the monitor sleeps. */

inline lock() {
    fence(self);
    lock_waiters++;
    !locked;
    lock_waiters--
}

/* Slots: under the lock, each in one step */

inline validate() {
    s = 0;
    do
    :: s < SLOTS ->
        h = 0;
        places = (holder[s] != NONE -> 1 : 0) + (idle??[eval(s)] -> 1 : 0);
        do
        :: h <= MS -> places = places + (hand[h] == s -> 1 : 0); h++
        :: else -> break
        od;
        assert(places == 1);
        assert(holder[s] == NONE || slot[holder[s]] == s);
        s++
    :: else -> break
    od;
    s = 0
}

inline attach(m, free) {
    assert(slot[m] == NONE && holder[free] == NONE);
    slot[m] = free;
    holder[free] = m;
    told_none[m] = false;
#if WITHOUT == OWN_STATUS
    status[free] = RUNNING
#endif
}

inline take_idle() {
    d_step {
        if
        :: idle?s -> attach(self, s); run_on(s)
        :: empty(idle) -> mine = NONE
        fi;
        validate()
    }
}

inline detach(m) {
    told_none[m] = false;
    hand[self] = slot[m];
    holder[slot[m]] = NONE;
    slot[m] = NONE
}

/* Where a slot goes */

inline give(m) {
    atomic { lock(); d_step { attach(m, hand[self]); hand[self] = NONE; wake_up[m] = true; validate() } }
}

inline retire() {
    atomic { lock(); d_step { idle!!hand[self]; retired = hand[self]; hand[self] = NONE; validate() } }
#if WITHOUT != SECOND_LOOK
    if
    :: len(ready) == 0
    :: else ->
        atomic {
            lock();
            d_step {
                if
                :: idle??[eval(retired)] -> idle??eval(retired); hand[self] = retired; got = true
                :: else
                fi;
                validate()
            }
        }
    fi;
#endif
    retired = NONE
}

inline hand_on() {
    do
    :: ready?next -> give(next); next = NONE; break
    :: empty(ready) ->
        retire();
        if
        :: got -> got = false
        :: else -> break
        fi
    od
}

/* After a task was queued. An M that holds no slot has one in hand, if it finds it idle. */
inline wake() {
    if
    :: len(idle) == 0
    :: else ->
        atomic {
            lock();
            d_step {
                if
                :: idle?hand[self] -> got = true
                :: empty(idle)
                fi;
                validate()
            }
        }
        if
        :: got -> got = false; hand_on()
        :: else
        fi
    fi
}

/* Interpreter code relies on a slot, until it stops. */
inline run_on(new) {
    mine = new;
    wants[self] = false;
    runs_on[mine]++;
    assert(runs_on[mine] == 1)
}

inline stop() {
    runs_on[mine]--
}

inline wait_here() {
    atomic { wake_up[self] -> d_step { wake_up[self] = false; run_on(slot[self]) } }
}

inline wait_for_slot() {
    ready!self;
    wake();
    wait_here()
}

/* Around a call */

inline enter() {
    atomic { stop(); buffer[self]!OWNER(self, mine), IN_CALL }
    if
    :: told_none[self] -> atomic { fence(self); told_none[self] = false }
    :: else
    fi
}

inline leave() {
#if defined(EXCHANGE)
    atomic { fence(self); status[self] = RUNNING; wants[self] = true }
#elif WITHOUT != COMPILER_BARRIER
    atomic { buffer[self]!OWNER(self, mine), RUNNING; wants[self] = true }
#endif
    if
#if WITHOUT == COMPILER_BARRIER
    :: claim[self] == UNCLAIMED -> atomic { buffer[self]!self, RUNNING; run_on(mine) }
#elif WITHOUT == SETTLING
    :: atomic { claim[self] != TAKEN -> run_on(mine) }
#else
    :: atomic { claim[self] == UNCLAIMED -> run_on(mine) }
#endif
    :: else ->
#if WITHOUT == COMPILER_BARRIER
        buffer[self]!self, RUNNING;
#endif
        leave_slow()
    fi
}

inline leave_slow() {
    atomic {
        lock();
        assert(claim[self] != ASKED);
        if
        :: claim[self] == TAKEN -> claim[self] = UNCLAIMED; take_idle()
        :: else -> run_on(mine)
        fi
    }
}

inline come_in() {
    atomic { lock(); set_status(RUNNING); wants[self] = true; take_idle() }
}

/* An M that lost its slot unawares stays where it is: it runs on, and the next holder finds it there. */
inline go_out() {
    atomic {
        lock();
        slot[self] == mine;
        d_step { stop(); detach(self); mine = NONE; set_status(OUTSIDE); validate() }
    }
    hand_on()
}

/* C runs, perhaps for ever, whether the runtime called it or not. */
inline take_time() {
    if
    :: true
    :: true -> end_for_ever: false
    fi
}

inline stay_out() {
#ifdef ONCE
    if
    :: true -> end_gone: false
    fi
#else
    take_time()
#endif
}

proctype M(byte self) {
    byte mine = NONE; /* the slot that its interpreter code relies on */
    byte next = NONE, retired = NONE;
    bool got;

    come_in();
    do
    :: mine == NONE -> wait_for_slot()
    :: else ->
        if
        :: self < CALLERS -> enter(); take_time(); leave()
        :: else
        fi;
        if
        :: mine == NONE
        :: mine != NONE && len(ready) == 0
        :: mine != NONE -> go_out(); stay_out(); come_in()
        fi
    od
}

/* The monitor */

inline sight() {
    in_call = false;
    if
    :: m == NONE
    :: else -> in_call = (status[OWNER(m, i)] == IN_CALL)
    fi;
    d_step {
        same = in_call && told_none[m];
        if
        :: m != NONE -> told_none[m] = in_call
        :: else
        fi
    }
}

inline claim_slot() {
    claim[m] = ASKED;
#if WITHOUT != MEMBARRIER && !defined(EXCHANGE)
    barrier();
#endif
    if
    :: status[OWNER(m, i)] == IN_CALL -> d_step { claim[m] = TAKEN; detach(m); got = true; validate() }
    :: else ->
#if WITHOUT != WITHDRAWAL
        claim[m] = UNCLAIMED
#endif
    fi
}

inline look_at() {
    atomic { !locked -> locked = true; m = holder[i] }
    sight();
    if
    :: same -> claim_slot()
    :: else
    fi;
    atomic { locked = false; m = NONE; same = false; in_call = false }
    if
    :: got -> got = false; hand_on()
    :: else
    fi
}

proctype Monitor(byte self) {
    byte i, j, m = NONE, next = NONE, retired = NONE;
    bool in_call, same, got;
end_nothing_waits:
    do
    :: len(ready) > 0 && lock_waiters == 0 -> /* it slept */
        do
        :: i < SLOTS -> look_at(); i++
        :: else -> i = 0; break
        od
    od
}

init {
    byte m;
    atomic {
        do
        :: m < SLOTS -> idle!!m; m++
        :: else -> break
        od;
        m = 0;
        do
        :: m < MS -> run M(m);
            if
            :: m < CALLERS -> run Buffer(m)
            :: else
            fi;
            m++
        :: else -> break
        od;
        run Monitor(MONITOR)
    }
}

#ifndef SAFETY
ltl gets_a_slot { ([]<> !wants[0]) && ([]<> !wants[1]) }
#endif
