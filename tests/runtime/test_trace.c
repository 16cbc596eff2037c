/* Lines about the scheduler. */
#include <stdlib.h>

#include "tests/support/runtime.h"

static void sleep_traced(uint32_t slots, uint64_t milliseconds) {
    setenv("GATE_DEBUG", "schedtrace=20", 1);
    gate__init_read_settings();
    gate_runtime *runtime = start(slots);
    gate_task_sleep(milliseconds * 1000 * 1000);
    stop(runtime);
    abort();
}

static void sleep_long(void *unused) {
    (void)unused;
    sleep_traced(3, 200);
}

Test(trace, a_line_comes_at_each_period_even_when_nothing_happens) {
    static char output[64 * 1024];
    cr_assert_neq(dies(sleep_long, NULL, output, sizeof output), 0);
    unsigned lines = 0, milliseconds = 0; /* of the last one, since the start */
    for (const char *at = output; (at = strstr(at, "callgate: ")) != NULL; at++)
        lines += sscanf(at, "callgate: %u ms: slots 3, idle ", &milliseconds) == 1;
    cr_assert_geq(lines, 3u, "%s", output);
    cr_assert_leq(milliseconds, DEATH_SECONDS * 1000u, "%s", output);
    cr_assert_leq(lines, milliseconds / 20 + 1, "%s", output);
    cr_assert_not_null(strstr(output, "slots 3, idle 3; threads 1, idle 1; ready 0 [0 0 0]\n"), "%s", output);
}

static void sleep_in_many_slots(void *unused) {
    (void)unused;
    sleep_traced(1000, 50);
}

Test(trace, a_line_of_very_many_slots_is_cut_and_ends) {
    static char output[64 * 1024];
    cr_assert_neq(dies(sleep_in_many_slots, NULL, output, sizeof output), 0);
    const char *line = strstr(output, "slots 1000, idle ");
    cr_assert_not_null(line, "%s", output);
    const char *end = strstr(line, "0 0 0]\n");
    cr_assert(end && end - line < 512, "%s", output);
}
