/* The monitor: when it takes a slot, and when it costs nothing. */
#include "tests/support/runtime.h"

Test(monitor, parks_in_an_idle_runtime) {
    gate_runtime *runtime = start(1);
    wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
    stop(runtime);
}

Test(monitor, leaves_a_long_call_its_slot_while_no_task_waits) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate__m();
    gate__foreign_enter(m);
    usleep(50 * 1000);
    gate__lock(&runtime->lock);
    bool kept = m->slot != NULL;
    gate__unlock(&runtime->lock);
    gate__foreign_leave(m);
    cr_assert(kept);
    stop(runtime);
}

static _Atomic bool ran;

static void *run(void *unused) {
    atomic_store(&ran, true);
    return unused;
}

Test(monitor, takes_it_as_soon_as_one_does_even_when_it_was_parked) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate__m();
    wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
    gate__foreign_enter(m);
    struct gate_task_config config = {.main = run};
    gate_task *task;
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    wait_until(atomic_load(&ran));
    gate__foreign_leave(m);
    cr_assert_not_null(m->slot);
    join(task);
    stop(runtime);
}
