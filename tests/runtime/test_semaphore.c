/* Semaphores. */
#include <signal.h>

#include "tests/support/runtime.h"

#if GATE_DEBUG_LEVEL > 0

static void wait_with_a_lock(void *unused) {
    struct gate__lock lock;
    struct gate__semaphore semaphore;
    (void)unused;
    gate__lock_init(&lock, GATE__RANK_LEAF);
    gate__semaphore_init(&semaphore);
    gate__lock(&lock);
    gate__semaphore_wait(&semaphore);
}

Test(semaphore, waiting_with_a_lock_held_is_fatal_in_debug_builds) {
    cr_assert_dies_with(wait_with_a_lock, NULL, "a lock is held");
}

#endif

Test(semaphore, a_timed_wait_ends_with_the_time_or_with_a_post) {
    struct gate__semaphore semaphore;
    gate__semaphore_init(&semaphore);
    uint64_t before = gate__os_now();
    cr_assert_not(gate__semaphore_wait_until(&semaphore, before + 20 * 1000 * 1000));
    cr_assert_geq(gate__os_now() - before, 20 * 1000 * 1000ull);
    gate__semaphore_post(&semaphore);
    cr_assert(gate__semaphore_wait_until(&semaphore, gate__os_now() + 1000));
    gate__semaphore_destroy(&semaphore);
}

#ifndef GATE_TEST_PLAIN /* ThreadSanitizer keeps a signal until the thread calls something that it knows */

/* A thread that waits gets signals, and then the post. */

static struct gate__semaphore awaited;
static _Atomic int interrupted;
static _Atomic bool has_it;

static void note_signal(int number) {
    (void)number;
    atomic_fetch_add(&interrupted, 1);
}

static void *wait_for_it(void *with_a_time) {
    if (!with_a_time)
        gate__semaphore_wait(&awaited);
    else
        cr_assert(gate__semaphore_wait_until(&awaited, gate__os_now() + 60 * 1000ull * 1000 * 1000));
    atomic_store(&has_it, true);
    return NULL;
}

static void interrupt_wait(void *with_a_time) {
    pthread_t thread;
    atomic_store(&interrupted, 0);
    atomic_store(&has_it, false);
    gate__semaphore_init(&awaited);
    pthread_create(&thread, NULL, wait_for_it, with_a_time);
    for (int i = 1; i <= 5; i++) {
        usleep(1000);
        pthread_kill(thread, SIGUSR1);
        wait_until(atomic_load(&interrupted) == i);
    }
    usleep(1000);
    cr_assert_not(atomic_load(&has_it));
    gate__semaphore_post(&awaited);
    pthread_join(thread, NULL);
    gate__semaphore_destroy(&awaited);
}

Test(semaphore, a_wait_goes_on_behind_a_signal) {
    struct sigaction action = {.sa_handler = note_signal}; /* without SA_RESTART */
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    interrupt_wait(NULL);
    interrupt_wait(&action);
}

#endif
