/* Locks with ranks.
 *
 * They stand on POSIX threads, not on bare futexes: sanitizers see them even where the library
 * itself was built without instrumentation, and so does a debugger.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"

#if GATE_DEBUG_LEVEL > 0

/* One bit a rank: which locks this thread holds. No switch happens while one is held, so a task's
 * code may use its thread's own. */
static _Thread_local unsigned held __attribute__((tls_model("initial-exec")));

static void note_lock(const struct gate__lock *lock) {
    if (held >> lock->rank)
        gate__throw("locks taken out of order");
    held |= 1u << lock->rank;
}

static void note_unlock(const struct gate__lock *lock) {
    held &= ~(1u << lock->rank);
}

void gate__lock_assert_none(void) {
    if (held)
        gate__throw("a lock is held where host or foreign code runs");
}

#else

static void note_lock(const struct gate__lock *lock) {
    (void)lock;
}

static void note_unlock(const struct gate__lock *lock) {
    (void)lock;
}

#endif

void gate__lock_init(struct gate__lock *lock, enum gate__rank rank) {
    pthread_mutex_init(&lock->mutex, NULL);
    lock->rank = rank;
}

void gate__lock(struct gate__lock *lock) {
    note_lock(lock);
    if (pthread_mutex_lock(&lock->mutex))
        gate__throw("pthread_mutex_lock");
}

void gate__unlock(struct gate__lock *lock) {
    if (pthread_mutex_unlock(&lock->mutex))
        gate__throw("pthread_mutex_unlock");
    note_unlock(lock);
}
