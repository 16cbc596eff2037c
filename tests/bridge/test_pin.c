/* Pins: which addresses they hold, how they count, that many are as fast as few, and that an unpin has its pin. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"

static char heap[1 << 20];

Test(pin, holds_each_byte_of_its_range_and_no_other) {
    for (size_t size = 1; size < 300; size += 7) {
        char *base = heap + 1000 + size * 13;
        cr_assert_eq(gate_pin(base, size), 0);
        for (size_t i = 0; i < size; i++)
            cr_assert(gate_pin_is_pinned(base + i), "%zu of %zu", i, size);
        cr_assert_not(gate_pin_is_pinned(base - 1));
        cr_assert_not(gate_pin_is_pinned(base + size));
        gate_unpin(base, size);
        cr_assert_not(gate_pin_is_pinned(base));
    }
}

Test(pin, of_no_bytes_holds_its_address) {
    cr_assert_eq(gate_pin(heap, 0), 0);
    cr_assert(gate_pin_is_pinned(heap));
    cr_assert_not(gate_pin_is_pinned(heap + 1));
    gate_unpin(heap, 0);
    cr_assert_not(gate_pin_is_pinned(heap));
}

Test(pin, counts) {
    for (int i = 0; i < 3; i++)
        cr_assert_eq(gate_pin(heap, 100), 0);
    for (int i = 0; i < 3; i++) {
        cr_assert(gate_pin_is_pinned(heap + 50));
        gate_unpin(heap, 100);
    }
    cr_assert_not(gate_pin_is_pinned(heap + 50));
}

Test(pin, those_that_end_leave_others_of_their_size) {
    for (size_t size = 1; size < 300; size += 7) {
        char *first = heap + 1000, *second = heap + 2000;
        cr_assert_eq(gate_pin(first, size), 0);
        cr_assert_eq(gate_pin(second, size), 0);
        gate_unpin(first, size);
        cr_assert_not(gate_pin_is_pinned(first));
        cr_assert(gate_pin_is_pinned(second), "%zu bytes", size);
        gate_unpin(second, size);
        cr_assert_not(gate_pin_is_pinned(second));
    }
}

Test(pin, ranges_that_overlap_count_for_themselves) {
    char *middle = heap + 5000;
    cr_assert_eq(gate_pin(heap, 10000), 0);
    cr_assert_eq(gate_pin(middle, 16), 0);
    cr_assert_eq(gate_pin(middle, 32), 0);
    gate_unpin(heap, 10000);
    cr_assert_not(gate_pin_is_pinned(middle - 1));
    cr_assert(gate_pin_is_pinned(middle + 31));
    gate_unpin(middle, 32);
    cr_assert(gate_pin_is_pinned(middle + 15));
    cr_assert_not(gate_pin_is_pinned(middle + 16));
    gate_unpin(middle, 16);
    cr_assert_not(gate_pin_is_pinned(middle));
}

Test(pin, a_range_may_be_as_large_as_an_object_can_be) {
    const void *low = (const void *)0x1000, *high = (const void *)0x7ffffffff000;
    cr_assert_eq(gate_pin(low, PTRDIFF_MAX), 0);
    cr_assert(gate_pin_is_pinned(high));
    gate_unpin(low, PTRDIFF_MAX);
    cr_assert_not(gate_pin_is_pinned(high));
    cr_assert_eq(gate_pin((const void *)UINTPTR_MAX, 1), 0);
    cr_assert(gate_pin_is_pinned((const void *)UINTPTR_MAX));
    gate_unpin((const void *)UINTPTR_MAX, 1);
}

Test(pin, what_no_object_can_have_is_einval) {
    cr_assert_eq(gate_pin(NULL, 16), -EINVAL);
    cr_assert_eq(gate_pin(heap, (size_t)PTRDIFF_MAX + 1), -EINVAL);
    cr_assert_eq(gate_pin((const void *)UINTPTR_MAX, 2), -EINVAL);
    cr_assert_not(gate_pin_is_pinned(NULL));
    cr_assert_eq(gate_pin_list(NULL, 0), 0u);
}

Test(pin, a_list_has_each_range_once_with_its_count) {
    struct gate_pinned ranges[3] = {{NULL, 0, 0}};
    cr_assert_eq(gate_pin(heap, 8), 0);
    cr_assert_eq(gate_pin(heap, 8), 0);
    cr_assert_eq(gate_pin(heap + 64, 4096), 0);
    cr_assert_eq(gate_pin_list(NULL, 0), 2u);
    cr_assert_eq(gate_pin_list(ranges, 1), 2u);
    cr_assert(ranges[0].base && !ranges[1].base, "no more than there is room for");
    cr_assert_eq(gate_pin_list(ranges, 3), 2u);
    const struct gate_pinned *twice = ranges[0].base == heap ? &ranges[0] : &ranges[1];
    const struct gate_pinned *once = twice == &ranges[0] ? &ranges[1] : &ranges[0];
    cr_assert(twice->base == heap && twice->size == 8 && twice->count == 2);
    cr_assert(once->base == heap + 64 && once->size == 4096 && once->count == 1);
    gate_unpin(heap, 8);
    gate_unpin(heap, 8);
    gate_unpin(heap + 64, 4096);
}

/* Misuse */

static void unpin_what_is_not(void *unused) {
    (void)unused;
    gate_unpin((const void *)0x1234, 16);
}

static void unpin_another_size(void *unused) {
    (void)unused;
    gate_pin(heap, 16);
    gate_unpin(heap, 15);
}

static void unpin_twice(void *unused) {
    (void)unused;
    gate_pin(heap, 16);
    gate_unpin(heap, 16);
    gate_unpin(heap, 16);
}

Test(pin, an_unpin_without_its_pin_is_fatal) {
    cr_assert_dies_with(unpin_what_is_not, NULL, "gate_unpin: 16 bytes at 0x1234 are not pinned");
    cr_assert_dies_with(unpin_another_size, NULL, "gate_unpin: 15 bytes at");
    cr_assert_dies_with(unpin_twice, NULL, "gate_unpin: 16 bytes at");
}

/* Many */

enum { MANY = 100000, STRIDE = 48, LOOKS = 20000 };

static const char *object(size_t number) {
    return (const char *)0x10000000 + number * STRIDE;
}

/* Objects of all sizes up to 40 bytes. */
static size_t size_of(size_t number) {
    return 1 + number % 40;
}

/* The thread's own time: a busy machine may stop it. */
static uint64_t thread_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000 * 1000 * 1000 + (uint64_t)now.tv_nsec;
}

static uint64_t time_looks(size_t pinned) {
    uint64_t begin = thread_time();
    for (size_t i = 0; i < LOOKS; i++)
        cr_assert(gate_pin_is_pinned(object(i * 7919 % pinned)));
    return thread_time() - begin;
}

static uint64_t least_of_three(size_t pinned) {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        uint64_t took = time_looks(pinned);
        least = took < least ? took : least;
    }
    return least;
}

Test(pin, a_look_among_many_takes_about_as_long_as_among_few) {
    for (size_t i = 0; i < 40; i++)
        cr_assert_eq(gate_pin(object(i), size_of(i)), 0);
    uint64_t few = least_of_three(40);
    for (size_t i = 40; i < MANY; i++)
        cr_assert_eq(gate_pin(object(i), size_of(i)), 0);
    uint64_t many = least_of_three(MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_not(gate_pin_is_pinned(object(i) + size_of(i)));
    for (size_t i = 0; i < MANY; i++)
        gate_unpin(object(i), size_of(i));
    cr_assert_eq(gate_pin_list(NULL, 0), 0u);
    cr_assert_lt(many, 50 * few, "%llu ns for few, %llu for many", (unsigned long long)few, (unsigned long long)many);
}

/* Threads */

enum { THREADS = 4, TURNS = 5000 };

static void *pin_and_unpin(void *own) {
    for (int i = 0; i < TURNS; i++) {
        const char *base = (const char *)own + i % 16 * 64;
        cr_assert_eq(gate_pin(base, 40), 0);
        cr_assert_eq(gate_pin(heap, 40), 0);
        cr_assert(gate_pin_is_pinned(base + 39) && gate_pin_is_pinned(heap + 39));
        gate_unpin(base, 40);
        gate_unpin(heap, 40);
        cr_assert_not(gate_pin_is_pinned(base));
    }
    return NULL;
}

Test(pin, serves_all_threads_at_once) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, pin_and_unpin, heap + (i + 1) * 4096);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(gate_pin_list(NULL, 0), 0u);
}

static _Atomic bool forked_enough;

static void *churn(void *unused) {
    while (!atomic_load(&forked_enough)) {
        cr_assert_eq(gate_pin(heap + 4096, 100), 0);
        gate_unpin(heap + 4096, 100);
    }
    return unused;
}

Test(pin, the_table_goes_on_in_the_child_of_a_fork) {
    pthread_t thread;
    cr_assert_eq(gate_pin(heap, 100), 0);
    atomic_store(&forked_enough, false);
    if (MAY_FORK_BUSY)
        pthread_create(&thread, NULL, churn, NULL);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork_guarded();
        if (child == 0) {
            bool well = gate_pin_is_pinned(heap) && gate_pin(heap + 8192, 1) == 0;
            gate_unpin(heap, 100);
            _exit(well ? WELL : 1);
        }
        assert_well(child);
    }
    atomic_store(&forked_enough, true);
    if (MAY_FORK_BUSY)
        pthread_join(thread, NULL);
    gate_unpin(heap, 100);
}
