/* The semaphore on which a thread waits.
 *
 * It stands on POSIX threads, as locks do, for the same reason: sanitizers and debuggers know it.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "runtime/internal.h"

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

bool gate__semaphore_wait_until(struct gate__semaphore *semaphore, uint64_t deadline) {
    struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    while (sem_clockwait(&semaphore->system, CLOCK_MONOTONIC, &until)) {
        if (!interrupted())
            return false;
    }
    gate__switch_acquire(&semaphore->system); /* ThreadSanitizer knows sem_post, but not sem_clockwait */
    return true;
}
