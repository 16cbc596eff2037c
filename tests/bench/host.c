/* What a host asks for around its calls: handles, pins, the pointer check, and calls that it doesn't wait for.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "callgate.h"
#include "tests/bench/bench.h"

enum { LOOKS = 1000 * 1000, HANDLES = 1024, PINS = 100000, STRIDE = 64, CALLS = 10000 };

static gate_handle handles[HANDLES];
static void *objects[HANDLES];
static gate_function add_function;
static void *volatile sink;

/* An index into an array is what a handle costs more than. */
static double direct_looks(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        sink = objects[handles[i % HANDLES] % HANDLES];
    return bench_now() - before;
}

static double handle_looks(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        void *value;
        if (gate_handle_value(handles[i % HANDLES], &value))
            abort();
        sink = value;
    }
    return bench_now() - before;
}

static double handle_lives(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_handle handle;
        if (gate_handle_make(&handle, &handle) || gate_handle_delete(handle, NULL))
            abort();
    }
    return bench_now() - before;
}

static const char *pinned(long number) {
    return (const char *)0x100000000 + number * STRIDE;
}

static double pin_lives(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        if (gate_pin(pinned(i), 48))
            abort();
        gate_unpin(pinned(i), 48);
    }
    return bench_now() - before;
}

/* Objects of four sizes. */
static double pin_looks(long count) {
    for (long i = 0; i < PINS; i++) {
        if (gate_pin(pinned(i), (size_t)8 << i % 4))
            abort();
    }
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        if (!gate_pin_is_pinned(pinned(i * 7919 % PINS)))
            abort();
    }
    double elapsed = bench_now() - before;
    for (long i = 0; i < PINS; i++)
        gate_unpin(pinned(i), (size_t)8 << i % 4);
    return elapsed;
}

/* A call with a pointer to a list of two, one of which the heap has and is pinned. */

struct list {
    struct list *next;
    char *name;
};

static gate_function length_function;
static struct list list[2];
static char heap[4096];

static int length_of(const struct list *first) {
    int length = 0;
    for (; first; first = first->next)
        length++;
    return length;
}

static double length_calls(long count) {
    const struct list *first = list;
    void *arguments[] = {&first};
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int result;
        if (gate_call(&length_function, &result, arguments) || result != 2)
            abort();
    }
    return bench_now() - before;
}

static double checked_calls(long count, enum gate_check_level level) {
    struct gate_check_config config = {.base = heap, .size = sizeof heap, .level = level};
    gate_check *check;
    if (gate_pin(heap, sizeof heap) || gate_check_begin(&config, &check, NULL))
        abort();
    double elapsed = bench_in_task(length_calls, count);
    gate_check_end(check);
    gate_unpin(heap, sizeof heap);
    return elapsed;
}

static double unchecked(long count) {
    return bench_in_task(length_calls, count);
}

static double checks_arguments(long count) {
    return checked_calls(count, GATE_CHECK_ARGUMENTS);
}

static double checks_memory(long count) {
    return checked_calls(count, GATE_CHECK_MEMORY);
}

static int add(int a, int b) {
    return a + b;
}

static double waits(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int a = (int)i, b = 1, result;
        void *arguments[] = {&a, &b};
        gate_future *future;
        if (gate_call_async(&add_function, arguments, NULL, &future, NULL) || gate_future_wait(future, GATE_FOREVER) ||
            gate_future_result(future, &result, NULL))
            abort();
        gate_future_free(future);
    }
    return bench_now() - before;
}

static double async_waits(long count) {
    return bench_in_task(waits, count);
}

void bench_host_prepare(void) {
    for (int i = 0; i < HANDLES; i++) {
        objects[i] = &objects[i];
        if (gate_handle_make(objects[i], &handles[i]))
            abort();
    }
    list[0] = (struct list){&list[1], heap};
    length_function = bench_function("int (const struct list { struct list *next; char *name; } *)",
                                     (void (*)(void))length_of, "length_of");
    add_function = bench_function("int (int, int)", (void (*)(void))add, "add");
}

const struct bench_row bench_host[] = {
    {"handle", "direct", "look-up", direct_looks, .count = LOOKS},
    {"handle", "callgate", "look-up", handle_looks, .count = LOOKS},
    {"handle", "callgate", "make and delete", handle_lives, .count = LOOKS},
    {"pin", "callgate", "pin and unpin", pin_lives, .count = LOOKS},
    {"pin", "callgate", "look-up among 100000", pin_looks, .count = LOOKS},
    {"check", "direct", "a list of two", unchecked, .count = LOOKS},
    {"check", "level 1", "a list of two", checks_arguments, .count = LOOKS},
    {"check", "level 2", "a list of two", checks_memory, .count = CALLS},
    {"async", "callgate", "start, wait, free", async_waits, .count = CALLS},
    {0},
};
