/* Turns on a thread that tasks are bound to, for Spin: the main thread, its own task, and guests, one of which is
 * pinned at times.
 *
 *   here                          stands for
 *   line_up, begin_wait           line_up, begin_wait with choose                        runtime/bound.c
 *   Thread                        gate__bound_yield, gate__bound_park, run_guest, wait_here, and
 *                                 gate__foreign_leave_slow where a call has lost its slot
 *   Slots                         whoever has a slot: pick, give                         runtime/sched.c
 *   Waker                         gate__task_wake                                        runtime/task.c
 *   Monitor, notice               look, park; gate__bound_notice                         runtime/monitor.c
 *
 * Simpler than the code: there are slots for all who are queued, and no other tasks. What a lock is held for is one
 * step; that a monitor which parks and one who notices it don't miss each other is wake.pml's. A task goes on for ever
 * unless it is asked to yield, or parks, or calls; a guest that is pinned isn't twice in a row.
 *
 * Safety: whoever picks a task finds its thread waiting for it. Liveness: each task runs again and again.
 *
 *   -DGUESTS=n           how many
 *   -DSAFETY             without the liveness property, and with wakes that come before the park
 *
 * -DWITHOUT=x leaves out one thing, and then the model has to fail:
 *
 *   QUEUED       that only one is queued for the thread at a time
 *   PIN          that the thread of one that is pinned waits for that alone
 *   ORDER        that a thread waits before its task is seen to be parked
 *   LATER        begin_wait's look at those that wait for the thread
 *   TURNS        the thread's own task goes behind those when it yields
 *   RETURN       one whose call has lost its slot goes behind them
 *   NOTICE       line_up's
 *   GIVE_NOTICE  the one of who gives the thread a slot
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define QUEUED 1
#define PIN 2
#define ORDER 3
#define LATER 4
#define TURNS 5
#define RETURN 6
#define NOTICE 7
#define GIVE_NOTICE 8

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif
#ifndef GUESTS
#define GUESTS 2
#endif

#define TASKS (GUESTS + 1)
#define ROOT 0
#define PINNED 1 /* at times */
#define NONE 255

byte waits_for = NONE;
byte queued = NONE;
byte given = NONE;
bool has_slot = true;
chan later = [TASKS] of { byte };
chan queue = [TASKS] of { byte };

bool parked[TASKS];
bool woken[TASKS]; /* and has not parked since */

bool asked;          /* to yield */
bool monitor_parked;

byte runs = ROOT; /* of the properties: who runs on the thread */

inline notice() {
    monitor_parked = false
}

inline notice_unless_left_out() {
#if WITHOUT != NOTICE
    notice()
#else
    skip
#endif
}

#if WITHOUT == QUEUED
#define nobody_is_queued true
#else
#define nobody_is_queued (queued == NONE)
#endif
#if WITHOUT == PIN
#define lets_in(task) (waits_for != NONE)
#else
#define lets_in(task) (waits_for == task || waits_for == ROOT)
#endif

/* next is the caller's. */
inline line_up(task) {
    atomic {
        next = NONE;
        if
        :: nobody_is_queued && lets_in(task) -> queued = task; next = task
        :: else -> later!task
        fi
    }
    if
    :: next != NONE -> queue!next
    :: else -> notice_unless_left_out()
    fi
}

/* For who, which is ready or not. */
inline begin_wait() {
    atomic {
        has_slot = false;
        asked = false;
        runs = NONE;
        waits_for = who;
        next = NONE;
        if
#if WITHOUT == TURNS
        :: is_ready -> next = who
#else
        :: is_ready && who != ROOT -> next = who
#endif
        :: else ->
            if
            :: is_ready -> later!who
            :: else
            fi;
            if
#if WITHOUT != LATER
            :: who == ROOT && (len(later) > 0) -> later?next
#endif
            :: else
            fi
        fi;
        queued = next
    }
    if
    :: next != NONE -> queue!next
    :: else
    fi
}

/* Whether it is parked. */
inline enter_park(task) {
    atomic {
        if
        :: woken[task] -> woken[task] = false; waits = false
        :: else -> parked[task] = true; waits = true
        fi
    }
}

#define YIELDS 0
#define PARKS 1
#define GOES_ON 2

/* What the running task does next. One whose call comes back without its slot does as one that yields. */
inline act() {
    if
    :: asked -> what = YIELDS
    :: !asked -> end_computes: asked -> what = YIELDS
    :: !asked -> what = PARKS
    :: task == ROOT ->
        atomic { has_slot = false; asked = false; runs = NONE };
        if
#if WITHOUT == RETURN
        :: atomic { true -> has_slot = true; runs = ROOT; what = GOES_ON }
#else
        :: atomic { len(later) == 0 -> has_slot = true; runs = ROOT; what = GOES_ON }
        :: len(later) > 0 -> what = YIELDS
#endif
        fi
    fi
}

/* A guest that is not pinned is off the thread, and ready or parked, before that waits for its own task: line_up, while
 * the thread is busy. */
inline see_off() {
    waits = false;
    if
    :: what == PARKS -> enter_park(task)
    :: else -> runs = NONE
    fi;
    if
    :: waits
    :: !waits -> later!task; notice_unless_left_out()
    fi
}

/* What is read no more makes no states of its own. */
inline forget() {
    what = 0; who = 0; next = NONE; keeps = false; waits = false; is_ready = false
}

proctype Thread() {
    byte task = ROOT, next, what, who;
    bool keeps, waits, is_ready, pinned;
    do
    :: if
       :: task == ROOT -> keeps = true
       :: task == PINNED && !pinned -> keeps = true; pinned = true
       :: task != ROOT -> keeps = false; pinned = false
       fi;
       act();
       if
       :: what == GOES_ON
       :: what != GOES_ON ->
          if
          :: keeps
          :: !keeps -> see_off()
          fi;
#if WITHOUT == ORDER
          if
          :: keeps && what == PARKS -> enter_park(task)
          :: else
          fi;
#endif
          atomic {
             if
             :: keeps -> who = task
             :: else -> who = ROOT
             fi;
             is_ready = keeps && what == YIELDS
          };
          begin_wait();
          if
          :: keeps && what == PARKS ->
#if WITHOUT != ORDER
             enter_park(task);
#endif
             if
             :: waits
             :: !waits -> line_up(task)
             fi
          :: else
          fi;
          atomic { given != NONE -> task = given; given = NONE; runs = task; forget() }
       fi
    od
}

proctype Slots() {
    byte task;
    bool others;
    do
    :: queue?task ->
       atomic {
           assert(!has_slot && given == NONE && (waits_for == task || waits_for == ROOT));
           given = task;
           has_slot = true;
           waits_for = NONE;
           queued = NONE;
           others = (len(later) > 0)
       };
       if
#if WITHOUT != GIVE_NOTICE
       :: atomic { others -> notice(); others = false; task = NONE }
#endif
       :: atomic { else -> others = false; task = NONE }
       fi
    od
}

proctype Waker(byte task) {
    byte next;
    do
    :: atomic { parked[task] -> parked[task] = false };
       line_up(task);
       next = NONE
#ifdef SAFETY
    :: atomic { !parked[task] && !woken[task] -> woken[task] = true }
#endif
    od
}

#define some_wait ((len(later) > 0) && has_slot)

proctype Monitor() {
    do
    :: atomic { !monitor_parked && some_wait && !asked -> asked = true }
    :: atomic { !monitor_parked && !some_wait -> monitor_parked = true }
    od
}

init {
    byte i;
    atomic {
        run Thread();
        run Slots();
        run Monitor();
        run Waker(ROOT);
        i = 1;
        do
        :: i < TASKS -> parked[i] = true; run Waker(i); i++
        :: else -> break
        od
    }
}

#ifndef SAFETY
ltl all_run { [] <> (runs == ROOT) && [] <> (runs == 1) && [] <> (runs == GUESTS) }
#endif
