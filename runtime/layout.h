/* Offsets that C and assembly share. internal.h proves each with a _Static_assert.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_LAYOUT_H
#define CALLGATE_RUNTIME_LAYOUT_H

#define GATE__M_SYSTEM_SP 0 /* struct gate_m: where a call made by a stackful task starts */
#define GATE__M_TASK 8      /* struct gate_m: the running task */
#define GATE__TASK_SP 0     /* struct gate_task: its stack pointer while its thread is on the system stack */

#endif
