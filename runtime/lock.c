/* Locks with ranks.
 *
 * They stand on POSIX threads: sanitizers see them even where the library itself was built without
 * instrumentation, and so does a debugger. A latch does not. What it guards is nobody's but the library's, and
 * a POSIX lock's code and linkage are some 20 ns more at each turn of an entry point that is to cost no more
 * than its system call.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"
#include "runtime/os/os.h"

#if GATE_DEBUG_LEVEL > 0

/* One bit a rank: which locks this thread holds. No switch happens while one is held, so a task's
 * code may use its thread's own. */
static _Thread_local unsigned held __attribute__((tls_model("initial-exec")));

void gate__lock_note(enum gate__rank rank) {
    if (held >> rank)
        gate__throw("locks taken out of order");
    held |= 1u << rank;
}

void gate__lock_note_unlock(enum gate__rank rank) {
    held &= ~(1u << rank);
}

void gate__lock_assert_none(void) {
    if (held)
        gate__throw("a lock is held where host or foreign code runs");
}

#endif

void gate__lock_init(struct gate__lock *lock, enum gate__rank rank) {
    pthread_mutex_init(&lock->mutex, NULL);
    lock->rank = rank;
}

void gate__lock_hold(struct gate__lock *lock) {
    if (pthread_mutex_lock(&lock->mutex))
        gate__throw("pthread_mutex_lock");
}

void gate__lock_let_go(struct gate__lock *lock) {
    if (pthread_mutex_unlock(&lock->mutex))
        gate__throw("pthread_mutex_unlock");
}

/* Of what is the process's, other rooms' tables above all: the child keeps that. */
static struct gate__lock *kept;

static void hold_kept(void) {
    for (struct gate__lock *lock = kept; lock; lock = lock->next_kept)
        gate__lock_hold(lock);
}

static void let_go_of_kept(void) {
    for (struct gate__lock *lock = kept; lock; lock = lock->next_kept)
        gate__lock_let_go(lock);
}

void gate__lock_keep(struct gate__lock *lock) {
    if (!kept)
        gate__os_at_fork(hold_kept, let_go_of_kept, let_go_of_kept);
    lock->next_kept = kept;
    kept = lock;
}

void gate__lock(struct gate__lock *lock) {
    gate__lock_note(lock->rank);
    gate__lock_hold(lock);
}

void gate__unlock(struct gate__lock *lock) {
    gate__lock_let_go(lock);
    gate__lock_note_unlock(lock->rank);
}

void gate__lock_wait_for_latch(struct gate__latch *latch) {
    while (atomic_exchange_explicit(&latch->word, GATE__LATCH_CONTENDED, memory_order_acquire) != GATE__LATCH_FREE)
        gate__os_wait(&latch->word, GATE__LATCH_CONTENDED);
}

void gate__lock_wake_for_latch(struct gate__latch *latch) {
    gate__os_wake(&latch->word);
}
