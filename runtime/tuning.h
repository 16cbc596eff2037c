/* How much is kept, taken and waited for: figures that change no result. A build with GATE_HOSTILE has them as small as
 * can be, so that every limit is met all the time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_TUNING_H
#define CALLGATE_RUNTIME_TUNING_H

#ifndef GATE_HOSTILE
#define GATE_HOSTILE 0
#endif

#define GATE__TUNED(usual, hostile) (GATE_HOSTILE ? (hostile) : (usual))

enum {
    /* init.c */
    GATE__DEFAULT_STACK = GATE__TUNED(64 * 1024, 16 * 1024), /* bytes of a task's */

    /* task.c: ended tasks kept with each slot, and numbers that it has in advance */
    GATE__KEPT_WITH_SLOT = GATE__TUNED(64, 1),
    GATE__NUMBERS_AT_ONCE = GATE__TUNED(256, 1),

    /* stack.c: how many stacks are made warm at once, from the first time to the last, and how many stay so */
    GATE__FIRST_BATCH = GATE__TUNED(4, 1),
    GATE__LARGEST_BATCH = GATE__TUNED(64, 1),
    GATE__KEPT_WARM = GATE__TUNED(256, 1),

    /* sched.c: every how many picks the runtime's queue comes first; tasks stolen at once; looks of one that
     * searches */
    GATE__LOOK_AT_RUNTIME_EVERY = GATE__TUNED(61, 2),
    GATE__MOST_STOLEN = GATE__TUNED(64, 1),
    GATE__SEARCHES = GATE__TUNED(400, 1),

    /* foreign.c: for how many calls of others it is remembered that one has lasted */
    GATE__OTHER_CALLS = GATE__TUNED(16, 1),
    /* after how many visits a thread outside begins to linger: at first, and after its slot was taken many times */
    GATE__VISITS_FEWEST = GATE__TUNED(2, 1),
    GATE__VISITS_MOST = GATE__TUNED(1 << 16, 64),

    /* monitor.c, nanoseconds: its periods, and how long a task may hold its slot */
    GATE__FIRST_LOOK = GATE__TUNED(20 * 1000, 1000),
    GATE__LOOK_AT_CALLS = GATE__TUNED(200 * 1000, 2000),
    GATE__LAST_LOOK = GATE__TUNED(5 * 1000 * 1000, 100 * 1000),
    GATE__RUNS_LONG = GATE__TUNED(10 * 1000 * 1000, 50 * 1000),

    /* scope.c, bytes: what memory for types is taken in */
    GATE__FIRST_CHUNK = GATE__TUNED(1024, 0),
    GATE__LARGEST_CHUNK = GATE__TUNED(64 * 1024, 0),

    /* worker.c, nanoseconds: when a thread that was started is late, at first and when many are */
    GATE__LATE_THREAD = GATE__TUNED(100 * 1000, 1000),
    GATE__LATEST_THREAD = GATE__TUNED(100 * 1000 * 1000, 1000 * 1000),

    /* bridge/handle.c: the first block of its table has 2^this entries, each of which serves up to this generation,
     * odd */
    GATE__HANDLE_BLOCK_SHIFT = GATE__TUNED(8, 0),

    /* bridge/pin.c: its table's first size, a power of two */
    GATE__PIN_BUCKETS = GATE__TUNED(256, 1)
};
#define GATE__HANDLE_LAST_GENERATION GATE__TUNED(UINT32_MAX - 2, 7u)

#endif
