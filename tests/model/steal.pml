/* Stealing, for Spin: a slot's owner uses its queue by plain stores, and a thief takes tasks out of it.
 *
 *   here                           stands for
 *   begin_use, end_use             begin_use, end_use                   runtime/sched.c
 *   push_own, pop_own              push_own, pop_own
 *   append, remove_first           append, remove_first
 *   turn                           gate_task_yield, gate__arch_turn     runtime/sched.c, arch/<name>/switch.S
 *   revoke, restore, take_half     revoke, restore, take_half
 *   membarrier                     gate__foreign_heavy_barrier: a fence in the owner, wherever it is
 *
 * Stores are as on x86. All of the owner's go through a buffer, the release of the lock too, and are seen by thieves
 * later, in their order; it sees its own at once, and taking the lock empties the buffer. A thief's stores have none:
 * a locked instruction, restore's, comes behind them before the owner may look.
 *
 * The owner pushes the tasks one by one, and pops when it likes, until none is left. What it has popped it runs to its
 * end, or it takes a turn: that task goes behind the others, before it is off its stack, and the first of these comes
 * next. A thief comes when it likes. Each task is taken by one of them, once, and off its stack; and nobody waits for
 * ever.
 *
 * Where there is no membarrier, the queue is revoked for ever: all have the lock, and nothing is left to show.
 *
 *   -DTASKS=n -DTHIEVES=n -DTURNS=n     how many
 *
 * -DWITHOUT=x leaves something out, and then the model has to fail:
 *
 *   MEMBARRIER          the thief's
 *   COMPILER_BARRIER    begin_use's order: it loads revoked before it stores in_use
 *   RELEASE             end_use's order: it stores in_use before the last change
 *   STACK               turn's order: it stores in_use before the task is off its stack
 *   WAIT                the thief's, until the owner is out
 *   RETREAT             the owner is out before it waits for the lock
 *   OWNERS_LOCK         the owner's, when it finds its queue revoked
 *   THIEVES_LOCK        a thief's
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define MEMBARRIER 1
#define COMPILER_BARRIER 2
#define RELEASE 3
#define WAIT 4
#define RETREAT 5
#define OWNERS_LOCK 6
#define THIEVES_LOCK 7
#define STACK 8

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif
#ifndef TASKS
#define TASKS 4
#endif
#ifndef TURNS
#define TURNS 1
#endif
#ifndef THIEVES
#define THIEVES 2
#endif

/* Words, as thieves see them: the queue, a list of tasks from 1 on, in which 0 is none; and what guards it */

#define COUNT 0
#define HEAD 1
#define TAIL 2
#define NEXT 2 /* NEXT + task */
#define IN_USE (NEXT + TASKS + 1)
#define REVOKED (NEXT + TASKS + 2)
#define LOCK (NEXT + TASKS + 3)
#define ON_STACK (NEXT + TASKS + 4) /* the task that the owner is on the stack of */
#define WORDS (NEXT + TASKS + 5)
byte word[WORDS];

/* What the owner has stored and nobody else sees: how many of a word, and the last. */

hidden byte which, value;
chan buffer = [5] of { byte, byte };
byte unseen[WORDS], last[WORDS];

bool taken[TASKS + 1];

inline commit() {
    buffer?which, value;
    word[which] = value;
    unseen[which]--;
    last[which] = (unseen[which] == 0 -> 0 : last[which])
}

/* A store leaves the buffer at any time. */
proctype Buffer() {
end_empty:
    do
    :: d_step { nempty(buffer) -> commit() }
    od
}

inline fence() {
    d_step {
        do
        :: len(buffer) > 0 -> commit()
        :: else -> break
        od;
        value = 0;
        which = 0
    }
}

inline take(task) {
    d_step { assert(task != 0 && !taken[task]); taken[task] = true; task = 0 }
}

inline lock(holder) {
    atomic { word[LOCK] == 0 -> word[LOCK] = holder }
}

/* The owner */

#define load(w) (unseen[w] -> last[w] : word[w])

inline store(w, v) {
    atomic { nfull(buffer) -> d_step { last[w] = v; buffer!w, last[w]; unseen[w]++ } }
}

inline append(task) {
    seen = load(TAIL);
    if
    :: seen == 0 -> store(HEAD, task)
    :: else -> store(NEXT + seen, task)
    fi;
    store(TAIL, task);
    seen = load(COUNT);
    store(COUNT, seen + 1);
    seen = 0
}

inline remove_first() {
    first = load(HEAD);
    if
    :: first == 0
    :: else ->
        seen = load(NEXT + first);
        store(HEAD, seen);
        if
        :: seen == 0 -> store(TAIL, 0)
        :: else
        fi;
        seen = load(COUNT);
        store(COUNT, seen - 1);
        seen = 0;
        running = first;
        first = 0;
        store(ON_STACK, running)
    fi
}

/* Whether may_use: without the lock. */
inline begin_use() {
#if WITHOUT == COMPILER_BARRIER
    may_use = (load(REVOKED) == 0);
    store(IN_USE, 1);
#else
    store(IN_USE, 1);
    may_use = (load(REVOKED) == 0);
#endif
    if
    :: may_use
#if WITHOUT == RELEASE
        -> store(IN_USE, 0)
#endif
    :: else
#if WITHOUT != RETREAT
        -> store(IN_USE, 0)
#endif
#if WITHOUT != OWNERS_LOCK
        ; atomic { lock(1); fence() }
#endif
    fi
}

inline end_use() {
    if
    :: may_use
#if WITHOUT != RELEASE
        -> store(IN_USE, 0)
#endif
    :: else
#if WITHOUT != OWNERS_LOCK
        -> store(LOCK, 0)
#endif
#if WITHOUT == RETREAT
        ; store(IN_USE, 0)
#endif
    fi;
    may_use = false
}

inline push_own(task) {
    begin_use();
    append(task);
    end_use()
}

inline pop_own() {
    begin_use();
    remove_first();
    end_use()
}

/* The count stays what it is. Where the queue is revoked, the task goes on. */
inline turn() {
    begin_use();
    if
    :: may_use && load(HEAD) != 0 ->
        first = load(HEAD);
        seen = load(TAIL);
        store(NEXT + running, 0);
        store(NEXT + seen, running);
        store(TAIL, running);
        seen = load(NEXT + first);
        store(HEAD, seen);
        running = first;
        first = 0;
        seen = 0;
#if WITHOUT == STACK
        store(IN_USE, 0);
#endif
        store(ON_STACK, running)
    :: else
    fi;
    end_use();
    turns++
}

proctype Owner() {
    byte first, running, seen, pushed, turns;
    bool may_use;
    do
    :: pushed < TASKS -> pushed++; push_own(pushed)
    :: running == 0 && load(COUNT) > 0 -> pop_own()
    :: running != 0 && turns < TURNS -> turn()
    :: running != 0 -> store(ON_STACK, 0); take(running)
    :: pushed == TASKS && load(COUNT) == 0 && running == 0 -> break
    od
}

/* A thief */

inline revoke() {
    word[REVOKED] = 1;
#if WITHOUT != MEMBARRIER
    fence();
#endif
#if WITHOUT != WAIT
    word[IN_USE] == 0
#endif
}

inline restore() {
    word[REVOKED] = 0
}

inline steal_first() {
    first = word[HEAD];
    assert(word[ON_STACK] != first);
    word[HEAD] = word[NEXT + first];
    if
    :: word[HEAD] == 0 -> word[TAIL] = 0
    :: else
    fi;
    word[COUNT] = word[COUNT] - 1;
    take(first)
}

inline take_half() {
#if WITHOUT != THIEVES_LOCK
    lock(2);
#endif
    revoke();
    half = (word[COUNT] + 1) / 2;
    do
    :: half > 0 -> steal_first(); half--
    :: else -> break
    od;
    restore();
#if WITHOUT != THIEVES_LOCK
    word[LOCK] = 0
#endif
}

proctype Thief() {
    byte first, half;
end_never_comes:
    word[COUNT] > 0;
    take_half()
}

init {
    byte i;
    atomic {
        run Owner();
        run Buffer();
        for (i : 1 .. THIEVES) { run Thief() }
    }
    i = 1;
    timeout;
    do
    :: i <= TASKS -> assert(taken[i]); i++
    :: else -> break
    od
}
