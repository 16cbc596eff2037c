/* Tallies: what is said of times is near them, and what was counted is told once for each function. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/trace.h"

static const char here, there; /* addresses of functions, which nobody calls */

static void add_times(const char *name, const uint64_t *times, size_t count) {
    struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, &here, name);
    for (size_t i = 0; i < count; i++)
        gate__tally_add(tally, &(struct gate__span){.took = times[i]});
}

static void assert_near(uint64_t told, uint64_t time) {
    uint64_t least = time - time / 32, most = time + time / 32;
    cr_assert(told >= least && told <= most, "%llu is told as %llu", (unsigned long long)time,
              (unsigned long long)told);
}

Test(tally, tells_times_of_any_magnitude_to_1_in_32_and_the_longest_exactly) {
    for (unsigned bits = 0; bits < 48; bits++) {
        for (unsigned part = 0; part < 64; part++) {
            uint64_t time = ((uint64_t)1 << bits) + (part * ((uint64_t)1 << bits) >> 6), longest = UINT64_MAX;
            gate__tally_forget();
            add_times("time", (uint64_t[]){time, time, longest}, 3);
            struct gate_trace_info info = counted("time");
            assert_near(info.p50, time);
            cr_assert_eq(info.most, longest);
            cr_assert_eq(info.calls, 3u);
        }
    }
}

Test(tally, tells_times_below_16_ns_exactly) {
    for (uint64_t time = 0; time < 16; time++) {
        gate__tally_forget();
        add_times("short", (uint64_t[]){time, time, time, 1000}, 4);
        cr_assert_eq(counted("short").p50, time);
        cr_assert_eq(counted("short").nanoseconds, 3 * time + 1000);
    }
}

Test(tally, that_is_forgotten_has_nothing_of_what_was_counted_before) {
    struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, &here, "forgotten");
    gate__tally_add(tally, &(struct gate__span){.took = 900, .in_callbacks = 800, .handoffs = 7, .callbacks = 6});
    gate__tally_forget();
    cr_assert_eq(counted("forgotten").calls, 0u);
    gate__tally_add(tally, &(struct gate__span){.took = 5, .in_callbacks = 4, .handoffs = 3, .callbacks = 2});
    struct gate_trace_info info = counted("forgotten");
    cr_assert(info.calls == 1 && info.nanoseconds == 5 && info.p50 == 5 && info.p99 == 5 && info.most == 5);
    cr_assert(info.callback_nanoseconds == 4 && info.handoffs == 3 && info.callbacks == 2);
}

/* In whatever order they come: 1 us, 2 us, ... */
static void add_microseconds(const char *name, size_t count) {
    for (size_t i = 0; i < count; i++)
        add_times(name, (uint64_t[]){1000 * (1 + i * 7919 % count)}, 1);
}

Test(tally, tells_what_half_and_99_of_100_took_at_most) {
    add_microseconds("hundred", 100);
    assert_near(counted("hundred").p50, 50 * 1000);
    assert_near(counted("hundred").p99, 99 * 1000);
    add_microseconds("many", 10000);
    assert_near(counted("many").p50, 5000 * 1000);
    assert_near(counted("many").p99, 9900 * 1000);
    for (int i = 0; i < 100; i++)
        add_times("two of it are long", (uint64_t[]){i < 98 ? 10 : 1000 * 1000}, 1);
    assert_near(counted("two of it are long").p99, 1000 * 1000);
    add_microseconds("one", 1);
    cr_assert_eq(counted("one").p50, 1000u, "no more than the longest");
    cr_assert_eq(counted("one").p99, 1000u);
    cr_assert_eq(counted("hundred").most, 100u * 1000);
    cr_assert_eq(counted("hundred").nanoseconds, 5050u * 1000);
}

Test(tally, is_one_for_a_name_an_address_and_a_kind) {
    char name[] = "name", same[] = "name";
    struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, &here, name);
    cr_assert(gate__tally_of(GATE_TRACE_CALLS, &here, same) == tally);
    cr_assert(gate__tally_of(GATE_TRACE_CALLS, &there, name) != tally);
    cr_assert(gate__tally_of(GATE_TRACE_CALLBACKS, &here, name) != tally);
    same[0] = 'g';
    cr_assert(gate__tally_of(GATE_TRACE_CALLS, &here, same) != tally);
    cr_assert_str_eq(gate__tally_name(tally), "name");
}

Test(tally, has_a_name_of_63_bytes_at_most) {
    char name[200];
    memset(name, 'n', sizeof name);
    name[100] = '\0';
    struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, &here, name);
    cr_assert_eq(strlen(gate__tally_name(tally)), 63u);
    name[80] = 'x';
    cr_assert(gate__tally_of(GATE_TRACE_CALLS, &here, name) == tally);
    name[62] = 'x';
    cr_assert(gate__tally_of(GATE_TRACE_CALLS, &here, name) != tally);
}

enum { THREADS = 20, ADDS = 5000 };

static void *add_many(void *unused) {
    for (int i = 0; i < ADDS; i++) {
        struct gate__tally *tally = gate__tally_of(GATE_TRACE_CALLS, &here, i % 2 ? "odd" : "even");
        gate__tally_add(tally, &(struct gate__span){.took = 3, .handoffs = 1, .callbacks = 2, .in_callbacks = 1});
    }
    return unused;
}

Test(tally, adds_up_what_threads_add_at_once) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
    while (counted("even").calls < 1000)
        continue;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct gate_trace_info odd = counted("odd");
    uint64_t calls = (uint64_t)THREADS * ADDS / 2;
    cr_assert_eq(odd.calls, calls);
    cr_assert_eq(odd.nanoseconds, 3 * calls);
    cr_assert_eq(odd.handoffs, calls);
    cr_assert_eq(odd.callbacks, 2 * calls);
    cr_assert_eq(odd.callback_nanoseconds, calls);
}

/* Threads one after another, which write to different parts of a tally: the n-th of them took so long. */
static void *add_rising_and_falling(void *number) {
    uint64_t n = (uintptr_t)number;
    add_times("rising", &n, 1);
    add_times("falling", (uint64_t[]){THREADS - n}, 1);
    return NULL;
}

Test(tally, tells_the_longest_of_all_threads) {
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, add_rising_and_falling, (void *)i), 0);
        pthread_join(thread, NULL);
    }
    cr_assert_eq(counted("rising").most, THREADS - 1u);
    cr_assert_eq(counted("falling").most, (uint64_t)THREADS);
}

static void visit_again(void *visits, const struct gate_trace_info *info) {
    ++*(unsigned *)visits;
    cr_assert_eq(counted(info->name).calls, info->calls);
    add_times("made by a visitor", (uint64_t[]){1}, 1);
}

Test(tally, may_be_visited_and_added_to_by_a_visitor) {
    unsigned visits = 0;
    gate__tally_forget();
    add_times("visited", (uint64_t[]){1, 2}, 2);
    gate_trace_visit(visit_again, &visits);
    cr_assert(visits == 1 || visits == 2);
    cr_assert_eq(counted("made by a visitor").calls, visits);
}

/* Reports */

static void *report_to(void *fd) {
    cr_assert_eq(gate_trace_report(*(int *)fd, NULL), 0);
    return NULL;
}

Test(tally, is_reported_with_what_took_longest_first) {
    char text[2048] = "";
    int ends[2];
    gate__tally_forget();
    add_times("short", (uint64_t[]){1000, 2000}, 2);
    add_times("long", (uint64_t[]){1234567}, 1);
    add_times("a function", (uint64_t[]){5}, 1);
    gate__tally_add(gate__tally_of(GATE_TRACE_CALLBACKS, &here, "long"), &(struct gate__span){.took = 500000});
    cr_assert_eq(pipe(ends), 0);
    run_task(report_to, &ends[1]);
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    const char *first = strstr(text, "\n         1        1.235 "), *second = strstr(text, "  callback: long\n");
    const char *third = strstr(text, "\n         2        0.003        1.007        2.000        2.000 ");
    char last[64];
    snprintf(last, sizeof last, "  a function at %p\n", (const void *)&here);
    cr_assert(first && second && third && first < second && second < third, "%s", text);
    cr_assert_gt(strstr(text, last), third, "%s", text);
    cr_assert_eq(strncmp(text, "callgate: calls of process ", strlen("callgate: calls of process ")), 0);
    close(ends[0]);
    close(ends[1]);
}

/* The table is full from here on. */

static void count_numbered(void *numbered, const struct gate_trace_info *info) {
    *(unsigned *)numbered += strncmp(info->name, "function ", strlen("function ")) == 0;
}

Test(tally, is_one_of_others_from_the_10000th_on) {
    enum { MOST = 10 * 1000, ALL = MOST + 100 };
    char name[32];
    for (int i = 0; i < ALL; i++) {
        snprintf(name, sizeof name, "function %d", i);
        add_times(name, (uint64_t[]){1}, 1);
    }
    unsigned own = 0;
    gate_trace_visit(count_numbered, &own);
    cr_assert(own > MOST / 2 && own <= MOST, "%u have tallies of their own", own);
    cr_assert_eq(counted("function 0").calls, 1u);
    cr_assert_eq(counted("others").calls, ALL - own);
    cr_assert_eq(counted_of(GATE_TRACE_CALLBACKS, "others").calls, 0u);
}
