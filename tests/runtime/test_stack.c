/* Task stacks and their guards, with guard pages of the kernel's and with mprotect. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/runtime.h"
#include "tests/support/process.h"

enum { PAGE = 4096, SIZE = 32 * 1024 };

static bool can_touch(const void *address) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    bool touched = write(ends[1], address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return touched;
}

static void make_pool(struct gate__stack_pool *pool) {
    gate__stack_init();
    gate__stack_pool_init(pool, SIZE, NULL);
}

static void use_stacks(void) {
    struct gate__stack_pool pool;
    struct gate__stack stacks[100];
    make_pool(&pool);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(gate__stack_get(&pool, &stacks[i]), 0);
        cr_assert_eq(stacks[i].size, (size_t)SIZE);
        cr_assert_eq((uintptr_t)(stacks[i].base + SIZE) % 16, 0);
        memset(stacks[i].base, i, SIZE);
    }
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(stacks[i].base[0], i, "stacks overlap");
        cr_assert_not(can_touch(stacks[i].base - 1), "no guard below stack %d", i);
        cr_assert_not(can_touch(stacks[i].base - PAGE));
        gate__stack_put(&pool, stacks[i]);
    }
    gate__stack_pool_destroy(&pool);
}

Test(stack, each_has_its_own_memory_and_a_guard_below) {
    use_stacks();
}

Test(stack, forgotten_ones_read_as_zero_and_are_not_handed_out_again) {
    struct gate__stack_pool pool;
    struct gate__stack stacks[100], kept, again;
    make_pool(&pool);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(gate__stack_get(&pool, &stacks[i]), 0);
        memset(stacks[i].base, 1, SIZE);
    }
    kept = stacks[50];
    gate__stack_put(&pool, stacks[10]);
    gate__stack_pool_forget(&pool, &kept);
    for (int i = 0; i < 100; i++) {
        char expected = i == 50;
        for (int at = 0; at < SIZE; at += 512)
            cr_assert_eq(stacks[i].base[at], expected, "stack %d at %d", i, at);
    }
    cr_assert_not(can_touch(kept.base - 1), "the guard is gone");
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(gate__stack_get(&pool, &again), 0);
        for (int j = 0; j < 100; j++)
            cr_assert_neq(again.base, stacks[j].base);
    }
    gate__stack_pool_destroy(&pool);
    cr_assert_not(is_mapped(kept.base));
    cr_assert_not(is_mapped(stacks[0].base));
}

Test(stack, its_guard_is_the_page_below_it_and_nothing_else) {
    struct gate__stack_pool pool;
    struct gate__stack stack;
    make_pool(&pool);
    cr_assert_eq(gate__stack_get(&pool, &stack), 0);
    cr_assert(gate__stack_guards(&stack, stack.base - 1) && gate__stack_guards(&stack, stack.base - PAGE));
    cr_assert_not(gate__stack_guards(&stack, stack.base));
    cr_assert_not(gate__stack_guards(&stack, stack.base - PAGE - 1), "that is the stack below it");
    gate__stack_pool_destroy(&pool);
}

/* So many that a pool which has them back, but for one, has just trimmed some. */
enum { TO_TRIM = GATE__KEPT_WARM + 2 * GATE__LARGEST_BATCH + 1 };

static void get_all(struct gate__stack_pool *pool, struct gate__stack stacks[TO_TRIM]) {
    for (int i = 0; i < TO_TRIM; i++)
        cr_assert_eq(gate__stack_get(pool, &stacks[i]), 0);
}

/* Neighbours of one that was kept, too, when that has come back and its pages went to the system. */
Test(stack, forgotten_ones_whose_pages_the_system_has_are_not_handed_out_again) {
    static struct gate__stack stacks[TO_TRIM], others[TO_TRIM], again[TO_TRIM];
    struct gate__stack_pool pool;
    make_pool(&pool);
    get_all(&pool, stacks);
    for (int i = TO_TRIM - 1; i > 0; i--)
        gate__stack_put(&pool, stacks[i]);
    gate__stack_pool_forget(&pool, &stacks[0]);
    get_all(&pool, others);
    for (int i = 0; pool.warm_count < GATE__KEPT_WARM + GATE__LARGEST_BATCH - 1; i++)
        gate__stack_put(&pool, others[i]);
    gate__stack_put(&pool, stacks[0]);
    get_all(&pool, again);
    for (int i = 0; i < TO_TRIM; i++) {
        for (int j = 1; j < TO_TRIM; j++)
            cr_assert_neq(again[i].base, stacks[j].base);
    }
    gate__stack_pool_destroy(&pool);
}

/* How many mappings more there are with 320 stacks. */
static unsigned mappings_of_stacks(void) {
    struct gate__stack_pool pool;
    struct gate__stack stack;
    gate__stack_pool_init(&pool, SIZE, NULL);
    unsigned before = count_mappings();
    for (int i = 0; i < 320; i++)
        gate__stack_get(&pool, &stack);
    unsigned more = count_mappings() - before;
    gate__stack_pool_destroy(&pool);
    return more;
}

static void use_mprotect(void) {
    use_stacks();
    fprintf(stderr, "fallback works, with %s of mappings\n", mappings_of_stacks() > 320 ? "hundreds" : "few");
    abort();
}

static void use_stacks_with_the_setting(void *unused) {
    (void)unused;
    gate__settings.guardpages = 0;
    use_mprotect();
}

static void use_locked_stacks(void *unused) {
    (void)unused;
    if (mlockall(MCL_FUTURE | MCL_ONFAULT) == 0)
        use_mprotect();
    fprintf(stderr, "no memory may be locked: fallback works, with hundreds of mappings\n");
    abort();
}

Test(stack, guards_work_without_guard_pages_in_the_kernel) {
    cr_assert_dies_with(use_stacks_with_the_setting, NULL, "fallback works, with hundreds of mappings");
}

Test(stack, guards_work_in_locked_memory) {
    cr_assert_dies_with(use_locked_stacks, NULL, "fallback works, with hundreds of mappings");
}

Test(stack, guard_pages_do_not_split_the_reservation) {
    gate__stack_init();
    unsigned more = mappings_of_stacks();
    cr_assert(kernel_has_guard_pages() ? more < 40 : more > 320, "%u mappings more for 320 stacks", more);
}

Test(stack, how_they_are_guarded_is_chosen_when_a_runtime_starts) {
    stop(start(1));
    gate__settings.guardpages = 0;
    unsigned more = mappings_of_stacks();
    gate__settings.guardpages = 1;
    cr_assert(kernel_has_guard_pages() ? more < 40 : more > 320, "%u mappings more for 320 stacks", more);
}

Test(stack, one_that_is_put_back_is_used_again) {
    struct gate__stack_pool pool;
    struct gate__stack first, second;
    make_pool(&pool);
    gate__stack_get(&pool, &first);
    gate__stack_put(&pool, first);
    gate__stack_get(&pool, &second);
    cr_assert_eq(first.base, second.base);
    gate__stack_pool_destroy(&pool);
}

Test(stack, a_class_has_twice_the_size_of_the_one_before) {
    cr_assert_eq(gate__stack_class(1), 0u);
    cr_assert_eq(gate__stack_class(GATE__STACK_LEAST), 0u);
    cr_assert_eq(gate__stack_class(GATE__STACK_LEAST + 1), 1u);
    cr_assert_eq(gate__stack_class(64 * 1024), 2u);
    cr_assert_eq(gate__stack_class(SIZE_MAX), (unsigned)GATE__STACK_CLASSES);
}

static void *count_and_allocate(void *records, size_t size) {
    ++*(int *)records;
    return malloc(size);
}

static void count_and_free(void *records, void *memory, size_t size) {
    (void)size;
    --*(int *)records;
    free(memory);
}

Test(stack, one_that_does_not_fit_the_address_space_is_enomem_and_leaves_no_record) {
    struct gate__stack_pool pool;
    struct gate__stack stack;
    int records = 0;
    struct gate_runtime_config config = {.hooks = {.allocate = count_and_allocate, .deallocate = count_and_free},
                                         .host = &records};
    gate__stack_pool_init(&pool, (size_t)1 << 50, &config);
    cr_assert_eq(gate__stack_get(&pool, &stack), -ENOMEM);
    cr_assert_eq(records, 0);
    gate__stack_pool_destroy(&pool);
}

/* Bytes of the process that are in memory. */
static size_t resident(void) {
    unsigned long pages = 0, rest;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(file, "%lu %lu", &rest, &pages), 2);
    fclose(file);
    return pages * PAGE;
}

static struct gate_region_counts mapped(void) {
    struct gate_region_counts counts;
    gate_region_counts(NULL, &counts);
    return counts;
}

enum { MANY = 3000 };

Test(stack, many_that_are_put_back_give_their_pages_to_the_system_and_are_used_again) {
    static struct gate__stack stacks[MANY];
    struct gate__stack_pool pool;
    make_pool(&pool);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(gate__stack_get(&pool, &stacks[i]), 0);
        memset(stacks[i].base, 1, SIZE);
    }
    size_t full = resident(), reserved = mapped().bytes;
    unsigned mappings = count_mappings();
    for (int i = 0; i < MANY; i++)
        gate__stack_put(&pool, stacks[i]);
    cr_assert_lt(resident(), full - (size_t)MANY * SIZE / 2);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(gate__stack_get(&pool, &stacks[i]), 0);
        stacks[i].base[0] = 1;
        cr_assert_not(can_touch(stacks[i].base - 1), "the guard is gone");
    }
    cr_assert_leq(count_mappings(), mappings + 1);
    cr_assert_eq(mapped().bytes, reserved, "others were reserved in place of those that were put back");
    gate__stack_pool_destroy(&pool);
}

/* 100 MiB of stacks: as many bytes as there are already, each time, and no more than 16 MiB. */
Test(stack, a_few_are_of_a_small_reservation_and_many_of_few) {
    if (!kernel_has_guard_pages())
        return; /* each guard is a region */
    gate__stack_init();
    struct gate__stack_pool pool;
    struct gate__stack stack;
    struct gate_region_counts before = mapped();
    gate__stack_pool_init(&pool, SIZE, NULL);
    cr_assert_eq(gate__stack_get(&pool, &stack), 0);
    cr_assert_leq(mapped().bytes - before.bytes, 1024u * 1024);
    for (int i = 0; i < 100 * 1024 * 1024 / SIZE; i++)
        cr_assert_eq(gate__stack_get(&pool, &stack), 0);
    cr_assert_leq(mapped().regions - before.regions, 12u);
    gate__stack_pool_destroy(&pool);
}

static void mark(void *argument, struct gate__stack stack) {
    (void)argument;
    ++*(uint32_t *)(void *)(stack.base + SIZE / 2);
}

Test(stack, a_visit_sees_each_that_was_ever_in_use_once) {
    struct gate__stack_pool pool;
    struct gate__stack stacks[100];
    make_pool(&pool);
    for (int i = 0; i < 100; i++)
        gate__stack_get(&pool, &stacks[i]);
    gate__stack_put(&pool, stacks[7]);
    gate__stack_visit(&pool, mark, NULL);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(*(uint32_t *)(void *)(stacks[i].base + SIZE / 2), 1u);
    gate__stack_pool_destroy(&pool);
}

Test(stack, the_use_of_a_poisoned_one_is_known_to_a_word) {
    struct gate__stack_pool pool;
    struct gate__stack stack;
    make_pool(&pool);
    gate__stack_get(&pool, &stack);
    gate__settings.stackpoison = 1;
    memset(stack.base, 1, SIZE - 512); /* by its last user */
    gate__stack_poison(&stack, stack.base + SIZE - 512);
    cr_assert_eq(gate__stack_used(&stack), 512u);
    stack.base[20003] = 1; /* in the word from 20000 on */
    cr_assert_eq(gate__stack_used(&stack), (size_t)SIZE - 20000);
    stack.base[30000] = 1;
    cr_assert_eq(gate__stack_used(&stack), (size_t)SIZE - 20000, "the lowest counts");
    stack.base[0] = 1;
    cr_assert_eq(gate__stack_used(&stack), (size_t)SIZE);
    gate__settings.stackpoison = 0;
    gate__stack_pool_destroy(&pool);
}

Test(stack, the_use_of_another_is_known_in_pages_and_outlives_its_users) {
    struct gate__stack_pool pool;
    struct gate__stack stack;
    make_pool(&pool);
    gate__stack_get(&pool, &stack);
    cr_assert_eq(gate__stack_used(&stack), (size_t)PAGE);
    stack.base[SIZE - 2 * PAGE - 1] = 1;
    cr_assert_eq(gate__stack_used(&stack), (size_t)3 * PAGE);
    gate__stack_put(&pool, stack);
    gate__stack_get(&pool, &stack);
    cr_assert_eq(gate__stack_used(&stack), (size_t)3 * PAGE);
    gate__stack_pool_destroy(&pool);
}
