/* The monitor's alarm, for Spin: it dozes only while nobody calls, and the next call wakes it.
 *
 *   here                     stands for
 *   Monitor                  run, sleep_for, set_alarms                   runtime/monitor.c
 *   ring                     ring, gate__monitor_ring                     runtime/foreign.c, monitor.c
 *   ask, end_asked           gate__foreign_ask, end_asked
 *   enter, leave             gate__foreign_enter, _leave                  runtime/foreign.c
 *   alarm                    GATE__POLL_ALARM in a slot's poll word
 *   asked                    the M's word of that name
 *   light, heavy             as in wake.pml
 *
 * An M's stores to its status, which is what m->call says, go through a buffer, and are seen by others later, in order;
 * its loads don't wait. All else is changed by locked instructions, which empty the buffer.
 *
 * Each M has a slot, and makes some calls; any of them may last for ever. A doze, which ends by itself after some
 * milliseconds, does not end so here: when all is still, nobody is in a call.
 *
 * -DEXCHANGE: as where the kernel has no membarrier, light and heavy are fences.
 * -DWITHOUT=x leaves something out, and then the model has to fail:
 *
 *   MEMBARRIER          heavy is a fence in its own thread, and light none
 *   COMPILER_BARRIER    enter's order: it looks at the alarm, and then stores that it is in one
 *   LOOK                the monitor's, at calls that had begun before the alarm was set
 *   STATE               the order of DOZING and the alarms: who rings before DOZING wakes nobody
 *   SECOND_LOOK         end_asked's, at an alarm that was set meanwhile
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define MEMBARRIER 1
#define COMPILER_BARRIER 2
#define LOOK 3
#define STATE 4
#define SECOND_LOOK 5

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif

#define MS 2
#define CALLS 3 /* of each */

#define RUNNING 0
#define IN_CALL 1
byte status[MS];
bool alarm[MS], asked[MS];

#define AWAKE 0
#define NAPPING 1
#define DOZING 2
byte state;
byte posts; /* of the monitor's semaphore */

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

inline light() {
#ifdef EXCHANGE
    fence(self)
#else
    skip
#endif
}

inline heavy() {
#if !defined(EXCHANGE) && WITHOUT != MEMBARRIER
    i = 0;
    do
    :: i < MS -> fence(i); i++
    :: else -> i = 0; break
    od
#else
    skip
#endif
}

/* An M */

inline ring() {
    atomic { fence(self); alarm[self] = false }
    found = state;
    if
    :: found == AWAKE
    :: else ->
        atomic {
            if
            :: state == found -> state = AWAKE; posts++
            :: else
            fi
        }
    fi;
    found = AWAKE
}

inline end_asked() {
    atomic { fence(self); asked[self] = false }
#if WITHOUT != SECOND_LOOK
    if
    :: alarm[self] -> asked[self] = true
    :: else
    fi
#endif
}

inline enter() {
#if WITHOUT == COMPILER_BARRIER
    slow = asked[self];
    buffer[self]!IN_CALL;
#else
    buffer[self]!IN_CALL;
    light();
    slow = asked[self];
#endif
    if
    :: slow ->
        slow = false;
        if
        :: alarm[self] -> ring()
        :: else
        fi;
        end_asked()
    :: else
    fi
}

inline take_time() {
    if
    :: true
    :: true -> end_for_ever: false
    fi
}

inline leave() {
    buffer[self]!RUNNING
}

proctype M(byte self) {
    byte calls, found;
    bool slow;
    do
    :: calls < CALLS -> enter(); take_time(); leave(); calls++
    :: else -> break
    od
}

/* The monitor */

inline ask(m) {
    alarm[m] = true;
    asked[m] = true
}

inline set_alarms() {
    i = 0;
    do
    :: i < MS -> ask(i); i++
    :: else -> i = 0; break
    od
}

inline look_at_calls() {
    do
    :: i < MS -> calls = calls || status[i] == IN_CALL; i++
    :: else -> i = 0; break
    od
}

proctype Monitor() {
    byte i;
    bool calls;
    do
    :: true -> /* a look that sees calls */
        state = NAPPING;
        if
        :: posts > 0 -> posts--
        :: true
        fi;
        state = AWAKE
    :: true -> /* some that see none */
#if WITHOUT == STATE
        set_alarms();
        state = DOZING;
#else
        state = DOZING;
        set_alarms();
#endif
        heavy();
#if WITHOUT != LOOK
        look_at_calls();
#endif
        if
        :: calls -> calls = false
        :: else -> end_dozes: posts > 0; posts--
        fi;
        state = AWAKE
    od
}

init {
    byte i;
    atomic {
        do
        :: i < MS -> run M(i); run Buffer(i); i++
        :: else -> break
        od;
        run Monitor()
    }
    timeout;
    assert(status[0] == RUNNING && status[1] == RUNNING)
}
