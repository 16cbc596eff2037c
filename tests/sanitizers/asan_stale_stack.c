/* A task that leaves poison on its stack when it ends, and another that gets the stack: nothing in it is out of
 * bounds. With GATE_DEBUG=annotations=0 AddressSanitizer is not told, and reports a use of poisoned memory.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/asan_interface.h>

#include "tests/sanitizers/host.h"

enum { SIZE = 4000 };

static void poison(volatile char *bytes) {
    ASAN_POISON_MEMORY_REGION(bytes, SIZE);
}

static void touch(volatile char *bytes) {
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = 1;
}

/* A frame that AddressSanitizer doesn't know, as those of code that is not instrumented, and so doesn't clear. */
static __attribute__((noinline, no_sanitize("address"))) void with_frame(void (*fn)(volatile char *)) {
    volatile char bytes[SIZE];
    fn(bytes);
}

static void *leave_poison(void *unused) {
    with_frame(poison);
    return unused;
}

static void *use_stack(void *unused) {
    with_frame(touch);
    return unused;
}

int main(void) {
    gate_runtime *runtime = start(1);
    join(spawn("leaves poison", leave_poison, NULL));
    join(spawn("uses the stack", use_stack, NULL));
    stop(runtime);
    return done();
}
