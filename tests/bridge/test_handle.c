/* Handles: what they stand for, how stale and foreign numbers are refused, and look-ups beside makes and deletes. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"
#include "tests/support/step.h"

static gate_handle make(void *value) {
    gate_handle handle = 0;
    cr_assert_eq(gate_handle_make(value, &handle), 0);
    return handle;
}

static void *value_of(gate_handle handle) {
    void *value = NULL;
    cr_assert_eq(gate_handle_value(handle, &value), 0);
    return value;
}

Test(handle, stands_for_its_value_until_it_is_deleted) {
    int object;
    void *value = NULL;
    gate_handle handle = make(&object), other = make(NULL);
    cr_assert_neq(handle, 0u);
    cr_assert_eq(value_of(handle), (void *)&object);
    cr_assert_null(value_of(other));
    cr_assert_eq(gate_handle_delete(handle, &value), 0);
    cr_assert_eq(value, (void *)&object);
    cr_assert_eq(gate_handle_delete(other, NULL), 0);
}

static void assert_refused(gate_handle handle, int how) {
    int object;
    void *value = &object;
    cr_assert_eq(gate_handle_value(handle, &value), how, "%#zx", (size_t)handle);
    cr_assert_eq(gate_handle_delete(handle, &value), how, "%#zx", (size_t)handle);
    cr_assert_eq(value, (void *)&object, "the result is untouched");
}

Test(handle, zero_and_what_is_none_yet_are_einval) {
    gate_handle handle = make(NULL), next_of_entry = handle + ((gate_handle)2 << 32);
    assert_refused(0, -EINVAL);
    assert_refused((gate_handle)2 << 32, -EINVAL);
    assert_refused(next_of_entry, -EINVAL);
    assert_refused((gate_handle)&handle, -EINVAL);
    cr_assert_eq(gate_handle_delete(handle, NULL), 0);
}

Test(handle, no_bit_of_one_may_be_wrong) {
    int object;
    gate_handle handle = make(&object);
    for (unsigned bit = 0; bit < 64; bit++) {
        void *value = NULL;
        int failed = gate_handle_value(handle ^ (gate_handle)1 << bit, &value);
        cr_assert(failed == -EINVAL || failed == -ESTALE, "bit %u: %d", bit, failed);
    }
    cr_assert_eq(gate_handle_delete(handle, NULL), 0);
}

Test(handle, a_deleted_one_is_estale_also_when_its_entry_serves_another) {
    enum { MANY = 3000 };
    gate_handle first = make(NULL);
    cr_assert_eq(gate_handle_delete(first, NULL), 0);
    assert_refused(first, -ESTALE);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(gate_handle_delete(make(&first), NULL), 0);
    assert_refused(first, -ESTALE);
}

static int compare(const void *a, const void *b) {
    gate_handle one = *(const gate_handle *)a, other = *(const gate_handle *)b;
    return one < other ? -1 : one > other;
}

Test(handle, no_number_is_made_twice) {
    enum { MANY = 20000 };
    gate_handle *made = calloc(MANY, sizeof *made);
    for (int i = 0; i < MANY; i++) {
        made[i] = make(NULL);
        cr_assert_leq(made[i] >> 32, GATE__HANDLE_LAST_GENERATION, "an entry serves no longer than that");
        if (i % 4)
            cr_assert_eq(gate_handle_delete(made[i], NULL), 0);
    }
    for (int i = 0; i < MANY; i += 4)
        cr_assert_eq(gate_handle_delete(made[i], NULL), 0);
    qsort(made, MANY, sizeof *made, compare);
    for (int i = 1; i < MANY; i++)
        cr_assert_neq(made[i - 1], made[i]);
    free(made);
}

/* One that was deleted serves again behind all that were free before, and before those that were deleted after it. */
Test(handle, entries_are_used_in_turn) {
    gate_handle first = make(NULL), second = make(NULL), next;
    unsigned others = 0;
    cr_assert_eq(gate_handle_delete(first, NULL), 0);
    cr_assert_eq(gate_handle_delete(second, NULL), 0);
    for (; (uint32_t)(next = make(NULL)) != (uint32_t)first; others++)
        cr_assert_neq((uint32_t)next, (uint32_t)second);
    cr_assert_gt(others, 0);
    cr_assert_eq((uint32_t)make(NULL), (uint32_t)second);
}

Test(handle, many_live_at_once) {
    enum { MANY = 200000 };
    gate_handle *made = calloc(MANY, sizeof *made);
    for (int i = 0; i < MANY; i++)
        made[i] = make(&made[i]);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(value_of(made[i]), (void *)&made[i]);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(gate_handle_delete(made[i], NULL), 0);
    free(made);
}

/* A look-up, and what others do between two of its instructions: they delete the handle, and make others until one has its
 * entry, with another value. */

#ifndef GATE_TEST_PLAIN /* Valgrind makes no such steps, and sanitizers' own code can't be stopped anywhere */

static struct {
    gate_handle handle, next;
    void *value;
    int failed;
} overtaken;

static void look_one_up(void) {
    overtaken.failed = gate_handle_value(overtaken.handle, &overtaken.value);
}

static void replace_it(void) {
    bool serves_again = overtaken.handle >> 32 < GATE__HANDLE_LAST_GENERATION;
    cr_assert_eq(gate_handle_delete(overtaken.handle, NULL), 0);
    overtaken.next = make(&overtaken.next);
    while (serves_again && (uint32_t)overtaken.next != (uint32_t)overtaken.handle) {
        cr_assert_eq(gate_handle_delete(overtaken.next, NULL), 0);
        overtaken.next = make(&overtaken.next);
    }
}

Test(handle, a_look_up_that_is_overtaken_anywhere_finds_the_value_or_estale) {
    unsigned found = 0, stale = 0;
    if (!has_steps())
        return;
    for (unsigned steps = 1;; steps++) {
        overtaken.handle = make(&overtaken.handle);
        overtaken.value = NULL;
        if (!comes_behind(steps, replace_it, look_one_up))
            break;
        bool finds = overtaken.failed == 0 && overtaken.value == (void *)&overtaken.handle;
        bool refuses = overtaken.failed == -ESTALE && !overtaken.value;
        cr_assert(finds || refuses, "behind step %u: %d, %p", steps, overtaken.failed, overtaken.value);
        found += finds;
        stale += refuses;
        cr_assert_eq(gate_handle_delete(overtaken.next, NULL), 0);
    }
    cr_assert_eq(gate_handle_delete(overtaken.handle, NULL), 0);
    cr_assert(found && stale, "%u were found and %u refused", found, stale);
}

#endif

/* Threads. A handle stands for the cell that it is in. */
enum { THREADS = 4, CELLS = 64, TURNS = 20000 };

struct cell {
    _Atomic gate_handle handle;
    int content;
};

static struct cell cells[THREADS / 2][CELLS];
static _Atomic unsigned makers;
static _Atomic unsigned long found;

static void *make_and_delete(void *argument) {
    struct cell *own = argument;
    for (int i = 0; i < TURNS || !atomic_load(&found); i++) {
        struct cell *cell = &own[i % CELLS];
        gate_handle old = atomic_load(&cell->handle);
        void *value = NULL;
        if (old) {
            cr_assert_eq(gate_handle_delete(old, &value), 0);
            cr_assert_eq(value, (void *)cell);
        }
        atomic_store_explicit(&cell->handle, make(cell), memory_order_relaxed);
    }
    atomic_fetch_sub(&makers, 1);
    return NULL;
}

static void *look_up(void *argument) {
    struct cell *theirs = argument;
    for (int i = 0; atomic_load(&makers) || i < CELLS; i++) {
        struct cell *cell = &theirs[i % CELLS];
        gate_handle handle = atomic_load_explicit(&cell->handle, memory_order_relaxed);
        void *value = NULL;
        int failed = handle ? gate_handle_value(handle, &value) : -ESTALE;
        cr_assert(failed == -ESTALE || (failed == 0 && value == cell && cell->content == 7), "%d", failed);
        atomic_fetch_add_explicit(&found, !failed, memory_order_relaxed);
    }
    return NULL;
}

Test(handle, look_ups_beside_makes_and_deletes_find_the_value_or_estale) {
    pthread_t threads[THREADS];
    atomic_store(&makers, THREADS / 2);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < CELLS; j++)
            cells[i / 2][j].content = 7;
        pthread_create(&threads[i], NULL, i % 2 ? look_up : make_and_delete, cells[i / 2]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_gt(atomic_load(&found), 0u);
    for (int i = 0; i < THREADS / 2 * CELLS; i++)
        cr_assert_eq(gate_handle_delete(cells[i / CELLS][i % CELLS].handle, NULL), 0);
}

/* What the maker wrote before, whoever looks the handle up can read: also when the number came by a relaxed way. */
static _Atomic gate_handle passed;

static void *write_and_pass(void *content) {
    *(int *)content = 5;
    atomic_store_explicit(&passed, make(content), memory_order_relaxed);
    return NULL;
}

Test(handle, orders_the_makers_writes_before_the_look_up) {
    int content = 0;
    pthread_t thread;
    atomic_store(&passed, 0);
    pthread_create(&thread, NULL, write_and_pass, &content);
    wait_until(atomic_load_explicit(&passed, memory_order_relaxed) != 0);
    cr_assert_eq(*(int *)value_of(passed), 5);
    pthread_join(thread, NULL);
    cr_assert_eq(gate_handle_delete(passed, NULL), 0);
}

static _Atomic int winners;

static void *delete_it(void *handles) {
    for (int i = 0; i < CELLS; i++) {
        void *value = NULL;
        int failed = gate_handle_delete(((gate_handle *)handles)[i], &value);
        cr_assert(failed ? failed == -ESTALE && !value : value == handles);
        atomic_fetch_add(&winners, !failed);
    }
    return NULL;
}

Test(handle, deleted_by_several_threads_one_alone_gets_the_value) {
    pthread_t threads[THREADS];
    gate_handle handles[CELLS];
    atomic_store(&winners, 0);
    for (int i = 0; i < CELLS; i++)
        handles[i] = make(handles);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, delete_it, handles);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&winners), CELLS);
}

static void *use_in_a_task(void *object) {
    gate_handle handle = make(object);
    gate_task_yield();
    cr_assert_eq(value_of(handle), object);
    cr_assert_eq(gate_handle_delete(handle, NULL), 0);
    return object;
}

Test(handle, serves_tasks) {
    int object;
    cr_assert_eq(run_task(use_in_a_task, &object), (void *)&object);
}

/* Forks, while another thread makes and deletes */

static _Atomic bool forked_enough;

static void *churn(void *unused) {
    while (!atomic_load(&forked_enough))
        cr_assert_eq(gate_handle_delete(make(NULL), NULL), 0);
    return unused;
}

static void use_in_child(gate_handle of_parent, void *object) {
    gate_handle handle = make(&handle);
    bool well = value_of(of_parent) == object && value_of(handle) == (void *)&handle;
    _exit(well && gate_handle_delete(of_parent, NULL) == 0 ? WELL : 1);
}

Test(handle, the_table_goes_on_in_the_child_of_a_fork) {
    pthread_t thread;
    int object;
    gate_handle handle = make(&object);
    atomic_store(&forked_enough, false);
    if (MAY_FORK_BUSY)
        pthread_create(&thread, NULL, churn, NULL);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork_guarded();
        if (child == 0)
            use_in_child(handle, &object);
        assert_well(child);
    }
    atomic_store(&forked_enough, true);
    if (MAY_FORK_BUSY)
        pthread_join(thread, NULL);
    cr_assert_eq(value_of(handle), (void *)&object, "what the child deleted is its own");
    cr_assert_eq(gate_handle_delete(handle, NULL), 0);
}
