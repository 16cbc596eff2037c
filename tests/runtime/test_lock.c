/* Locks with ranks, and latches. */
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

static void lock_two_of_a_rank(void *unused) {
    struct gate__lock one, other;
    (void)unused;
    gate__lock_init(&one, GATE__RANK_LEAF);
    gate__lock_init(&other, GATE__RANK_LEAF);
    gate__lock(&one);
    gate__lock(&other);
}

Test(lock, taking_locks_out_of_order_is_fatal_in_debug_builds) {
    cr_assert_dies_with(lock_backwards, NULL, "locks taken out of order");
    cr_assert_dies_with(lock_two_of_a_rank, NULL, "locks taken out of order");
}

static void lock_below_a_latch(void *unused) {
    struct gate__lock low;
    struct gate__latch latch = {GATE__LATCH_FREE};
    (void)unused;
    gate__lock_init(&low, GATE__RANK_RUNTIME);
    gate__latch(&latch);
    gate__lock(&low);
}

Test(lock, a_latch_is_the_last_that_may_be_taken) {
    cr_assert_dies_with(lock_below_a_latch, NULL, "locks taken out of order");
}

#endif

enum { THREADS = 4, ROUNDS = 10000 };

static int counter;
static struct gate__lock counter_lock;
static struct gate__latch counter_latch;

static void *count_under_lock(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        gate__lock(&counter_lock);
        counter++;
        gate__unlock(&counter_lock);
    }
    return unused;
}

static void *count_under_latch(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        gate__latch(&counter_latch);
        counter++;
        gate__unlatch(&counter_latch);
    }
    return unused;
}

static void run_threads(void *(*body)(void *)) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, body, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

Test(lock, excludes_other_threads) {
    counter = 0;
    gate__lock_init(&counter_lock, GATE__RANK_LEAF);
    run_threads(count_under_lock);
    cr_assert_eq(counter, THREADS * ROUNDS);
}

Test(lock, a_latch_excludes_other_threads) {
    counter = 0;
    run_threads(count_under_latch);
    cr_assert_eq(counter, THREADS * ROUNDS);
    cr_assert_eq(atomic_load(&counter_latch.word), GATE__LATCH_FREE);
}

static void *take_and_drop(void *unused) {
    gate__latch(&counter_latch);
    gate__unlatch(&counter_latch);
    return unused;
}

Test(lock, who_waits_for_a_latch_sleeps_and_is_woken) {
    pthread_t threads[THREADS];
    gate__latch(&counter_latch);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_drop, NULL), 0);
    wait_until(atomic_load(&counter_latch.word) == GATE__LATCH_CONTENDED);
    usleep(20 * 1000); /* most of them sleep by now */
    gate__unlatch(&counter_latch);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&counter_latch.word), GATE__LATCH_FREE);
}
