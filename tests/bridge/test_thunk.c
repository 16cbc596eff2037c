/* Thunks: many at once, used again, and a call of a freed one. */
#include <fcntl.h>
#include <pthread.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"
#include "tests/support/refuse.h"

struct record {
    void (*target)(void);
};

static int hits[2];

static void hit_first(void) {
    hits[0]++;
}

static void hit_second(void) {
    hits[1]++;
}

Test(thunk, each_goes_where_its_record_says_across_blocks) {
    enum { MANY = 100 * 1000 }; /* a block has 256 */
    struct record records[] = {{hit_first}, {hit_second}};
    static void (*thunks[MANY])(void);
    hits[0] = hits[1] = 0;
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(gate__thunk_make(&records[i % 2], NULL, &thunks[i]), 0);
    for (int i = 0; i < MANY; i++)
        thunks[i]();
    cr_assert(hits[0] == MANY / 2 && hits[1] == MANY / 2);
    records[0].target = hit_second;
    thunks[0]();
    cr_assert_eq(hits[1], MANY / 2 + 1, "the record is read at each call");
    for (int i = 0; i < MANY; i++)
        gate__thunk_free(thunks[i]);
}

Test(thunk, a_freed_one_rests_until_a_thousand_others_were_freed_and_is_used_again_then) {
    struct record record = {hit_first};
    void (*first)(void), (*other)(void) = NULL;
    unsigned others = 0;
    gate__thunk_make(&record, NULL, &first);
    gate__thunk_free(first);
    for (; other != first && others < 200 * 1000; others++) {
        gate__thunk_make(&record, NULL, &other);
        gate__thunk_free(other);
    }
    cr_assert_eq(other, first, "used again");
    cr_assert_geq(others, 1024);
}

static bool is_among(void (*const thunks[])(void), int count, void (*thunk)(void)) {
    while (count > 0 && thunks[count - 1] != thunk)
        count--;
    return count > 0;
}

Test(thunk, as_many_as_rest_stay_where_they_are_while_none_is_freed) {
    enum { RESTING = 1024 };
    struct record record = {hit_first};
    static void (*freed[3 * RESTING])(void), (*made[2 * RESTING])(void);
    for (int i = 0; i < 3 * RESTING; i++) {
        gate__thunk_make(&record, NULL, &freed[i]);
        gate__thunk_free(freed[i]);
    }
    for (int i = 0; i < 2 * RESTING; i++) {
        cr_assert_eq(gate__thunk_make(&record, NULL, &made[i]), 0);
        cr_assert_not(is_among(freed + 2 * RESTING, RESTING, made[i]), "%d", i);
    }
    for (int i = 0; i < 2 * RESTING; i++)
        gate__thunk_free(made[i]);
}

static int next_file(void) {
    int file = open("/dev/null", O_RDONLY);
    close(file);
    return file;
}

Test(thunk, no_file_stays_open_for_them) {
    struct record record = {hit_first};
    static void (*thunks[1000])(void);
    int next = next_file();
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(gate__thunk_make(&record, NULL, &thunks[i]), 0);
    cr_assert_eq(next_file(), next);
    for (int i = 0; i < 1000; i++)
        gate__thunk_free(thunks[i]);
}

static void call_freed(void *unused) {
    struct record record = {hit_first};
    void (*thunk)(void);
    (void)unused;
    gate__thunk_make(&record, "of script.lua:12", &thunk);
    gate__thunk_free(thunk);
    thunk();
}

Test(thunk, a_call_of_a_freed_one_is_fatal_and_tells_its_name) {
    cr_assert_dies_with(call_freed, NULL, "gate_callback: C called a callback that has been freed: 'of script.lua:12'");
}

/* As many as take a block of their own. */
static void make_block(void) {
    struct record record = {hit_first};
    void (*thunk)(void);
    for (int i = 0; i < 300 && gate__thunk_make(&record, NULL, &thunk) == 0; i++)
        thunk();
    fprintf(stderr, "%d hits\n", hits[0]);
    abort();
}

static void make_where_nothing_becomes_code(void *unused) {
    (void)unused;
    hits[0] = 0;
    filter_system_call(SYS_mprotect, PROT_EXEC, SECCOMP_RET_ERRNO | EACCES);
    make_block();
}

static void make_where_no_file_is(void *unused) {
    (void)unused;
    hits[0] = 0;
    refuse_system_call(SYS_openat, ENOENT);
    make_block();
}

Test(thunk, they_are_made_where_nothing_that_was_written_may_be_executed_and_where_the_librarys_file_is_gone) {
    cr_assert_dies_with(make_where_nothing_becomes_code, NULL, "300 hits");
    cr_assert_dies_with(make_where_no_file_is, NULL, "300 hits");
}

static void make_where_no_file_may_be_executed(void *unused) {
    (void)unused;
    hits[0] = 0;
    filter_system_call(SYS_mmap, PROT_EXEC, SECCOMP_RET_ERRNO | EPERM);
    make_block();
}

Test(thunk, they_are_made_where_the_librarys_file_may_not_be_executed_any_more) {
    cr_assert_dies_with(make_where_no_file_may_be_executed, NULL, "300 hits");
}

/* As a kernel that has unmapped what is there, and then has no memory for what is to take its place. */
static uintptr_t lose_code(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    if (prot & PROT_EXEC) {
        munmap(address, length);
        return ENOMEM;
    }
    void *at = mmap(address, length, prot, flags, fd, offset);
    return at == MAP_FAILED ? (uintptr_t)errno : (uintptr_t)at;
}

static uintptr_t given_back; /* bytes */

static void give_back(void *address, uintptr_t length) {
    given_back += length;
    munmap(address, length);
}

Test(thunk, one_is_made_where_a_mapping_that_failed_took_the_pages_that_were_there_and_the_others_are_given_back) {
    struct gate_mem_hooks hooks = {.size = sizeof hooks, .mmap = lose_code, .munmap = give_back};
    pid_t child = fork_guarded();
    if (child == 0) {
        struct record record = {hit_first};
        void (*thunk)(void);
        int status = gate_mem_register_hooks(&hooks);
        if (status)
            _exit(status == -EBUSY ? WELL : 2); /* a sanitizer's are in the program */
        if (gate__thunk_make(&record, NULL, &thunk))
            _exit(1);
        thunk();
        _exit(given_back ? WELL : 3);
    }
    assert_well(child);
}

static _Atomic bool over;

static void *make_and_free(void *record) {
    while (!atomic_load(&over)) {
        void (*thunk)(void);
        gate__thunk_make(record, NULL, &thunk);
        gate__thunk_free(thunk);
    }
    return NULL;
}

Test(thunk, one_is_made_in_a_child_though_it_was_forked_while_another_thread_made_some) {
    struct record record = {hit_first};
    pthread_t thread;
    void (*thunk)(void);
    gate__thunk_make(&record, NULL, &thunk);
    atomic_store(&over, false);
    cr_assert_eq(pthread_create(&thread, NULL, make_and_free, &record), 0);
    for (int i = 0; i < 100; i++) {
        pid_t child = fork_guarded();
        if (child == 0) {
            gate__thunk_make(&record, NULL, &thunk);
            thunk();
            _exit(WELL);
        }
        assert_well(child);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    gate__thunk_free(thunk);
}
