/* Where things lie: offsets that C and assembly share, each proved in internal.h by a _Static_assert, and what
 * lies together.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_LAYOUT_H
#define CALLGATE_RUNTIME_LAYOUT_H

#define GATE__M_SYSTEM_SP 0 /* struct gate_m: where a call made by a stackful task starts */
#define GATE__M_TASK 8      /* struct gate_m: the running task */
#define GATE__M_CALL 16     /* struct gate_m: the call that it is in, or what it does instead, which is one of these */
#define GATE__CALL_NONE 0
#define GATE__CALL_OUTSIDE 1
#define GATE__CALL_UNTOLD 2
#define GATE__M_CLAIM 24          /* struct gate_m: 32 bits, not 0 when the slot is claimed */
#define GATE__M_ASKED 28          /* struct gate_m: 32 bits, not 0 when something is asked of its slot */
#define GATE__M_SLOT 32           /* struct gate_m: the slot */
#define GATE__M_ERROR_NUMBER 40   /* struct gate_m: where the thread has errno */
#define GATE__M_SIGNAL_STACK 312  /* struct gate_m: where its signal handlers run, and behind that how many bytes */
#define GATE__THREAD_M_OR_OTHER 8 /* gate__m_current: the thread's M, or, while it has none, the one for such threads */
#define GATE__TASK_SP 0           /* struct gate_task: its stack pointer while its thread is on the system stack */
#define GATE__TASK_FLOOR 8        /* struct gate_task: from there on calls in registers may be made */
#define GATE__FLOOR_OF_ROOT (-2)  /* a root task's, while the short ways are open: no stack is above it */
#define GATE__TASK_CALL 16        /* struct gate_task: the record of a call that its M doesn't tell of */
#define GATE__TASK_WHERE 24       /* struct gate_task: what it waits for or calls, by name */
#define GATE__TASK_ARRIVAL 104    /* struct gate_task: the bridge's note of the innermost callback */
#define GATE__TASK_CALL_ERRNO 120 /* struct gate_task: the bridge's, errno of its last call */
#define GATE__TASK_SHORT_WAY 112  /* struct gate_task: for whose callbacks there is a short way to it */
#define GATE__LISTED_TO_FRAME 32  /* bytes from a call that is listed at its task's sp to the frame of who did that */

#define GATE__CELLS_WORDS 6   /* cells of a call in registers that are for the word registers, */
#define GATE__CELLS_VECTORS 8 /* and for the vector registers */
#define GATE__CELLS_WIDE 8    /* cells of each of these, where one is larger than 16 bytes */

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
