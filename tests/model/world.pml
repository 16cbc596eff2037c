/* The world's stop, for Spin: asking for the slots, taking those of calls, the last one's post, and the start.
 *
 *   here                          stands for
 *   ask, then stop_world          gate_world_stop                                        runtime/world.c
 *   start_world                   gate_world_start
 *   take_from_call                take_from_call
 *   wait_for_others, release      wait_for_others, release
 *   push_idle                     push_idle, with gate__world_note_idle                  runtime/sched.c
 *   pop_idle, retire, wake        pop_idle, retire, wake
 *   hand_on, give                 gate__sched_hand_on, pick, give
 *   give_way                      gate__sched_yield
 *   enter, give_up, leave         gate__foreign_enter, _give_up, _leave                  runtime/foreign.c
 *   claim_slot                    gate__foreign_claim
 *   asked                         GATE__POLL_STOP in a slot's poll word
 *   lock, fence, barrier          as in handoff.pml, and so are stores: an M's to its status (m->call) go through a buffer
 *
 * Simpler than the code: what handoff.pml leaves out is left out here, too, and the monitor, which does nothing while
 * the world stops. Slots are handed on by the calls that give theirs up. The stopper makes no calls; one that is
 * alone in that keeps its slot. Who has made a call gives way if others wait.
 *
 * Safety: when a stop returns, one M runs interpreter code, all slots but its own are idle, and no post is left;
 * nobody else runs until the start; nothing comes to a stop. Liveness: a stop returns, although calls last for ever,
 * and all go on after the start. Of two that stop the world again and again, one may be late each time: it asks while the
 * other has stopped it. So that is shown of two that do so once.
 *
 *   -DMS=n -DSLOTS=n     how many
 *   -DSTOPPERS=n         so many Ms stop the world
 *   -DCALLERS=n          so many others make calls
 *   -DONCE               each stopper once
 *   -DEXCHANGE           as where the kernel has no membarrier
 *   -DSAFETY             without the liveness property
 *
 * -DWITHOUT=x leaves out one thing, and then the model has to fail:
 *
 *   BARRIER             the stopper's, between asking and its look at calls
 *   COMPILER_BARRIER    enter's order: it looks whether it is asked, and then stores that it is in one
 *   LOOK_AT_CALLS       the stopper's
 *   CLAIM_BARRIER       the barrier of a claim
 *   PICK                hand_on's look whether the slot is asked for
 *   REFUSAL             pop_idle's look whether the world stops
 *   RETIREMENT          the same of retire, before it takes the slot back
 *   DECISION            the lock while the stopper decides whether it waits
 *   LAST                push_idle's look whether the slot is the last one
 *   WAITS               its look whether the stopper waits
 *   HANDING_ON          the start's, of the slots that are idle
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define BARRIER 1
#define COMPILER_BARRIER 2
#define LOOK_AT_CALLS 3
#define CLAIM_BARRIER 4
#define PICK 5
#define REFUSAL 6
#define RETIREMENT 7
#define DECISION 8
#define LAST 9
#define WAITS 10
#define HANDING_ON 11

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif
#ifndef MS
#define MS 3
#endif
#ifndef SLOTS
#define SLOTS 3
#endif
#ifndef STOPPERS
#define STOPPERS 1
#endif
#ifndef CALLERS
#define CALLERS 1
#endif

#ifdef ONCE
#define stop_again() stops = false
#else
#define stop_again() skip
#endif

#define CALLER(m) (m >= MS - CALLERS)

#define NONE 255

/* An M: the hand-off's words, its slot, and its semaphore */

#define RUNNING 0
#define IN_CALL 1

#define UNCLAIMED 0
#define ASKED 1
#define TAKEN 2

byte status[MS];
byte claim[MS];
byte slot[MS] = NONE;
bool wake_up[MS];

/* A slot: the M that holds it, and whether it is asked for */

byte holder[SLOTS] = NONE;
bool asked[SLOTS];

/* The runtime: its lock, the slots that nobody holds, the tasks that wait; the world */

bool locked;
byte lock_waiters;
chan idle = [SLOTS] of { byte };
chan ready = [MS] of { byte };

byte stopper = NONE;
bool waits;
byte posts;

/* What the properties speak of: the M has not run since it wanted to, or since it began to stop the world; how many
 * run interpreter code; a stop has returned; the slots that threads have in hand. */

bool wants[MS];
byte running;
bool stopped;
byte hand[MS] = NONE;
chan released = [SLOTS] of { byte };

/* Scratch, which has no meaning from one step to the next. */

hidden byte s, h, places;

/* Stores */

chan buffer[MS] = [2] of { byte };

/* A store leaves the buffer at any time. */
proctype Buffer(byte m) {
end_empty:
    do
    :: buffer[m]?status[m]
    od
}

inline fence(m) {
    d_step {
        do
        :: buffer[m]?status[m]
        :: empty(buffer[m]) -> break
        od
    }
}

inline barrier() {
#ifdef EXCHANGE
    skip
#else
    j = MS - CALLERS;
    do
    :: j < MS -> fence(j); j++
    :: else -> j = 0; break
    od
#endif
}

/* The runtime's lock. Who waits for it gets it before the next stop. */

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
        places = (holder[s] != NONE -> 1 : 0) + (idle??[eval(s)] -> 1 : 0) + (released??[eval(s)] -> 1 : 0);
        do
        :: h < MS -> places = places + (hand[h] == s -> 1 : 0); h++
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
    holder[free] = m
}

inline detach(m) {
    hand[self] = slot[m];
    holder[slot[m]] = NONE;
    slot[m] = NONE
}

/* Into the hand, if one is idle and may be taken. */
inline pop_idle() {
    if
#if WITHOUT == REFUSAL
    :: len(idle) > 0 -> idle?hand[self]
#else
    :: stopper == NONE && len(idle) > 0 -> idle?hand[self]
#endif
    :: else
    fi
}

inline push_idle() {
    idle!!hand[self];
    hand[self] = NONE;
    if
#if WITHOUT == LAST
    :: waits -> waits = false; posts++
#elif WITHOUT == WAITS
    :: stopper != NONE && len(idle) == SLOTS - 1 -> posts++
#else
    :: waits && len(idle) == SLOTS - 1 -> waits = false; posts++
#endif
    :: else
    fi
}

/* Where a slot goes */

inline give(m) {
    atomic { lock(); d_step { attach(m, hand[self]); hand[self] = NONE; wake_up[m] = true; validate() } }
}

inline retire() {
    atomic { lock(); d_step { retired = hand[self]; push_idle(); validate() } }
    if
    :: len(ready) == 0
    :: else ->
        atomic {
            lock();
            d_step {
                if
#if WITHOUT == RETIREMENT
                :: idle??[eval(retired)] ->
#else
                :: stopper == NONE && idle??[eval(retired)] ->
#endif
                    idle??eval(retired);
                    hand[self] = retired
                :: else
                fi;
                validate()
            }
        }
    fi;
    retired = NONE
}

inline hand_on() {
    do
    :: hand[self] == NONE -> break
    :: else ->
        if
#if WITHOUT != PICK
        :: asked[hand[self]]
        :: !asked[hand[self]] ->
#else
        :: true ->
#endif
            if
            :: ready?next
            :: empty(ready)
            fi
        fi;
        if
        :: next != NONE -> give(next); next = NONE
        :: else -> retire()
        fi
    od
}

/* After a task was queued. */
inline wake() {
    if
    :: len(idle) == 0
    :: else ->
        atomic { lock(); d_step { pop_idle(); validate() } }
        hand_on()
    fi
}

/* Interpreter code relies on a slot, until it stops. */
inline run_on(new) {
    mine = new;
    wants[self] = stopping;
    running++;
    assert(!stopped)
}

inline end_run() {
    running--
}

inline wait_here() {
    atomic { wake_up[self] -> d_step { wake_up[self] = false; run_on(slot[self]) } }
}

/* An M that lost its slot unawares stays where it is: the stopper finds that it runs. */
inline give_way() {
    if
    :: asked[mine] || len(ready) > 0 ->
        atomic {
            lock();
            slot[self] == mine;
            d_step { end_run(); wants[self] = true; detach(self); mine = NONE; validate() }
        }
        ready!self;
        hand_on();
        wait_here()
    :: else
    fi
}

/* Around a call */

inline enter() {
#if WITHOUT == COMPILER_BARRIER
    is_asked = asked[mine];
#endif
    atomic { end_run(); buffer[self]!IN_CALL }
#ifdef EXCHANGE
    fence(self);
#endif
#if WITHOUT != COMPILER_BARRIER
    is_asked = asked[mine];
#endif
    if
    :: is_asked -> is_asked = false; give_up()
    :: else
    fi
}

inline give_up() {
    atomic {
        lock();
        d_step {
            if
            :: slot[self] != NONE -> claim[self] = TAKEN; detach(self); validate()
            :: else
            fi
        }
    }
    hand_on()
}

/* C runs, perhaps for ever. */
inline take_time() {
    if
    :: true
    :: true -> end_for_ever: false
    fi
}

inline leave() {
#ifdef EXCHANGE
    atomic { fence(self); status[self] = RUNNING; wants[self] = true }
#else
    atomic { buffer[self]!RUNNING; wants[self] = true }
#endif
    if
    :: atomic { claim[self] == UNCLAIMED -> run_on(mine) }
    :: else -> leave_slow()
    fi
}

inline leave_slow() {
    atomic {
        lock();
        d_step {
            if
            :: claim[self] == TAKEN -> claim[self] = UNCLAIMED; take_idle()
            :: else -> run_on(mine)
            fi
        }
    }
    if
    :: mine == NONE -> ready!self; wake(); wait_here()
    :: else
    fi
}

inline take_idle() {
    mine = NONE;
    pop_idle();
    if
    :: hand[self] != NONE -> attach(self, hand[self]); hand[self] = NONE; run_on(slot[self])
    :: else
    fi;
    validate()
}

/* The world */

inline ask() {
    lock_waiters == 0;
    atomic {
        lock();
        d_step {
            stopping = true;
            wants[self] = true;
            if
            :: stopper == NONE ->
                stopper = self;
                s = 0;
                do
                :: s < SLOTS -> asked[s] = (s != slot[self]); s++
                :: else -> break
                od;
                s = 0
            :: else
            fi
        }
    }
}

inline claim_slot() {
    claim[m] = ASKED;
#if WITHOUT != CLAIM_BARRIER
    barrier();
#endif
    if
    :: status[m] == IN_CALL -> d_step { claim[m] = TAKEN; detach(m); validate() }
    :: else -> claim[m] = UNCLAIMED
    fi
}

inline take_from_call() {
    atomic {
        lock();
        if
        :: holder[i] == NONE || holder[i] == self
        :: else ->
            if
            :: status[holder[i]] == IN_CALL -> m = holder[i]; locked = true
            :: else
            fi
        fi
    }
    if
    :: m != NONE ->
        claim_slot();
        atomic { locked = false; m = NONE }
        hand_on()
    :: else
    fi
}

inline wait_for_others() {
#if WITHOUT == DECISION
    must_wait = (len(idle) != SLOTS - 1);
    waits = must_wait;
#else
    atomic { lock(); d_step { must_wait = (len(idle) != SLOTS - 1); waits = must_wait } }
#endif
    if
    :: must_wait -> posts > 0; posts--
    :: else
    fi;
    must_wait = false
}

inline stop_world() {
#if WITHOUT != BARRIER
    barrier();
#endif
#if WITHOUT != LOOK_AT_CALLS
    do
    :: i < SLOTS -> take_from_call(); i++
    :: else -> i = 0; break
    od;
#endif
    wait_for_others();
    d_step {
        assert(running == 1);
        assert(len(idle) == SLOTS - 1);
        assert(posts == 0);
        stopped = true;
        stopping = false;
        wants[self] = false
    }
}

inline release() {
    stopper = NONE;
    do
    :: idle?s -> released!s
    :: empty(idle) -> break
    od;
    s = 0;
    do
    :: s < SLOTS -> asked[s] = false; s++
    :: else -> break
    od;
    s = 0
}

inline start_world() {
    atomic { lock(); d_step { assert(len(idle) == SLOTS - 1); stopped = false; release(); validate() } }
    do
#if WITHOUT == HANDING_ON
    :: released?hand[self] -> atomic { lock(); d_step { push_idle(); validate() } }
#else
    :: released?hand[self] -> hand_on()
#endif
    :: empty(released) -> break
    od
}

proctype M(byte self) {
    byte mine = NONE; /* the slot that its interpreter code relies on */
    byte next = NONE, retired = NONE, i, j, m = NONE;
    bool stops = (self < STOPPERS), stopping, is_asked, must_wait;

    wait_here();
    do
    ::
        if
        :: stops ->
            ask();
            if
            :: stopper == self -> stop_world(); start_world(); stop_again()
            :: else
            fi
        :: CALLER(self) -> enter(); take_time(); leave()
        :: !stops
        fi;
        if
        :: stops && STOPPERS == 1
        :: else -> give_way()
        fi
    od
}

init {
    byte m;
    atomic {
        do
        :: m < MS ->
            if
            :: m < SLOTS -> slot[m] = m; holder[m] = m; wake_up[m] = true
            :: else -> ready!m
            fi;
            run M(m);
            if
            :: CALLER(m) -> run Buffer(m)
            :: else
            fi;
            m++
        :: else -> break
        od;
        m = 0
    }
}

#ifndef SAFETY
ltl goes_on { ([]<> !wants[0]) && ([]<> !wants[1]) && ([]<> !wants[MS - 1]) }
#endif
