/* Locks with ranks, and semaphores. */
#include "tests/support/runtime.h"

#if GATE_DEBUG_LEVEL > 0

static void lock_backwards(void *unused) {
    struct gate__lock high, low;
    (void)unused;
    gate__lock_init(&high, GATE__RANK_LEAF);
    gate__lock_init(&low, GATE__RANK_RUNTIME);
    gate__lock(&high);
    gate__lock(&low);
}

static void wait_with_a_lock(void *unused) {
    struct gate__lock lock;
    struct gate__semaphore semaphore;
    (void)unused;
    gate__lock_init(&lock, GATE__RANK_LEAF);
    gate__semaphore_init(&semaphore);
    gate__lock(&lock);
    gate__semaphore_wait(&semaphore);
}

Test(lock, taking_locks_out_of_order_is_fatal_in_debug_builds) {
    cr_assert_dies_with(lock_backwards, NULL, "locks taken out of order");
}

Test(lock, waiting_with_a_lock_held_is_fatal_in_debug_builds) {
    cr_assert_dies_with(wait_with_a_lock, NULL, "a lock is held");
}

#endif

Test(lock, a_timed_wait_ends_with_the_time_or_with_a_post) {
    struct gate__semaphore semaphore;
    gate__semaphore_init(&semaphore);
    uint64_t before = gate__os_now();
    cr_assert_not(gate__semaphore_wait_for(&semaphore, 20 * 1000 * 1000));
    cr_assert_geq(gate__os_now() - before, 20 * 1000 * 1000ull);
    gate__semaphore_post(&semaphore);
    cr_assert(gate__semaphore_wait_for(&semaphore, 1000));
    gate__semaphore_destroy(&semaphore);
}

static int counter;
static struct gate__lock counter_lock;

static void *count(void *unused) {
    for (int i = 0; i < 10000; i++) {
        gate__lock(&counter_lock);
        counter++;
        gate__unlock(&counter_lock);
    }
    return unused;
}

Test(lock, excludes_other_threads) {
    pthread_t threads[4];
    gate__lock_init(&counter_lock, GATE__RANK_LEAF);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(counter, 40000);
}
