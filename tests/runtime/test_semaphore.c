/* Semaphores. */
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
