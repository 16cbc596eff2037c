/* What a host asks for around its calls: handles, pins, and calls that it doesn't wait for.
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
    add_function = bench_function("int (int, int)", (void (*)(void))add, "add");
}

const struct bench_row bench_host[] = {
    {"handle", "direct", "look-up", direct_looks, .count = LOOKS},
    {"handle", "callgate", "look-up", handle_looks, .count = LOOKS},
    {"handle", "callgate", "make and delete", handle_lives, .count = LOOKS},
    {"pin", "callgate", "pin and unpin", pin_lives, .count = LOOKS},
    {"pin", "callgate", "look-up among 100000", pin_looks, .count = LOOKS},
    {"async", "callgate", "start, wait, free", async_waits, .count = CALLS},
    {0},
};
