/* Locks with ranks, and the semaphore on which a thread waits.
 *
 * Both stand on POSIX threads, not on bare futexes: sanitizers see them even where the library
 * itself was built without instrumentation, and so does a debugger.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

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

void gate__semaphore_init(struct gate__semaphore *semaphore) {
    sem_init(&semaphore->system, 0, 0);
}

void gate__semaphore_destroy(struct gate__semaphore *semaphore) {
    sem_destroy(&semaphore->system);
}

void gate__semaphore_post(struct gate__semaphore *semaphore) {
    if (sem_post(&semaphore->system))
        gate__throw("sem_post");
}

/* Waiting reads errno, whose address must not outlive a switch: these are calls of their own. */
__attribute__((noinline)) static bool interrupted(void) {
    return errno == EINTR;
}

void gate__semaphore_wait(struct gate__semaphore *semaphore) {
    gate__lock_assert_none();
    while (sem_wait(&semaphore->system)) {
        if (!interrupted())
            gate__throw("sem_wait");
    }
}

bool gate__semaphore_wait_for(struct gate__semaphore *semaphore, uint64_t nanoseconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t total = (uint64_t)until.tv_nsec + nanoseconds;
    until.tv_sec += (time_t)(total / 1000000000);
    until.tv_nsec = (long)(total % 1000000000);
    while (sem_clockwait(&semaphore->system, CLOCK_MONOTONIC, &until)) {
        if (!interrupted())
            return false;
    }
    return true;
}
