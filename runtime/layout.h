/* Where things lie: offsets that C and assembly share, each proved in internal.h by a _Static_assert, and what
 * lies together.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_LAYOUT_H
#define CALLGATE_RUNTIME_LAYOUT_H

#define GATE__M_SYSTEM_SP 0 /* struct gate_m: where a call made by a stackful task starts */
#define GATE__M_TASK 8      /* struct gate_m: the running task */
#define GATE__TASK_SP 0     /* struct gate_task: its stack pointer while its thread is on the system stack */

/* After a system call the processor has forgotten where pages lie, and looks up each one that is touched. What
 * the memory entry points run and read lies together, on as few pages as can be. */
#ifdef __ASSEMBLER__
/* clang-format off */
#define GATE__HOT_CODE .section .text.hot, "ax", %progbits
/* clang-format on */
#else
#define GATE__HOT_CODE __attribute__((hot)) /* the compiler puts it into .text.hot */
#define GATE__COLD_CODE __attribute__((cold, noinline))
#define GATE__HOT_DATA __attribute__((section("gate_hot")))
#endif

#endif
