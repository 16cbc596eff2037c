/* Memory that nobody has set, read by a C function across a crossing: a mistake, to be found.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/sanitizers/host.h"

static volatile int sink;

static void read_it(const int *number) {
    if (*number)
        sink = 1;
}

static void *call(void *unused) {
    int *number = malloc(sizeof *number);
    call_with("void (const int *)", (void (*)(void))read_it, &number);
    free(number);
    return unused;
}

int main(void) {
    gate_runtime *runtime = start(1);
    join(spawn("calls", call, NULL));
    stop(runtime);
    return done();
}
