/* A fault in a C function that a task calls: it is the runtime's to report, and then the sanitizer's, whose handler
 * was there before.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/sanitizers/host.h"

static int read_at(const volatile int *address) {
    return *address;
}

static void *call(void *unused) {
    const int *address = (const int *)64;
    call_with("int (const int *)", (void (*)(void))read_at, &address);
    return unused;
}

int main(void) {
    gate_runtime *runtime = start(1);
    join(spawn("faulty", call, NULL));
    stop(runtime);
    return done();
}
