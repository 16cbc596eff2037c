/* What the ways into C and back are made of, for assembly: their frames, the thread's M, and the hand-off's fast halves,
 * which are gate__foreign_enter and gate__foreign_leave (runtime/internal.h) as they are with membarrier and without a
 * sanitizer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_CROSSING_H
#define CALLGATE_RUNTIME_CROSSING_H

#include "runtime/layout.h"

/* This is assembly: */
/* clang-format off */

/* rbp keeps the old stack pointer: the caller's frame is 16 bytes above it, on whichever stack rsp is. */
    .macro push_frame
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    .endm

/* The way out, from wherever rsp is. */
    .macro pop_frame
    movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
    .endm

    .macro current_m register
    movq gate__m_current@gottpoff(%rip), \register
    movq %fs:(\register), \register
    .endm

/* errno becomes value, a register, which is what an earlier call has left in memory. Mostly it is that already; to store it
 * again would have each call wait for the one before, by two words. Uses at up. */
    .macro set_errno value, at
    movq gate__m_errno_at(%rip), \at
    cmpl \value, %fs:(\at)
    je .Lset\@
    movl \value, %fs:(\at)
.Lset\@:
    .endm

/* m's task goes into C by call, a register with its record; to slow if something is asked of its slot. */
    .macro enter_call m, call, slow
    movq \call, GATE__M_CALL(\m)
    cmpl $0, GATE__M_ASKED(\m)
    jne \slow
    .endm

/* It comes back; to slow if the slot is claimed. */
    .macro leave_call m, slow
    movq $GATE__CALL_NONE, GATE__M_CALL(\m)
    cmpl $0, GATE__M_CLAIM(\m)
    jne \slow
    .endm

/* Behind a call, what it is told by: the M, or of class leaf, which the hand-off knows nothing of, the task. In: rcx m. Out: rdi
 * its record, and rsi the task of a leaf. way is frame or leaf. */
    .macro find_call way
    .ifc \way, frame
    movq GATE__M_CALL(%rcx), %rdi
    .else
    movq GATE__M_TASK(%rcx), %rsi
    movq GATE__TASK_CALL(%rsi), %rdi
    .endif
    .endm

/* And out of the call, by the class. In: as find_call leaves it. The slow half is at 8. */
    .macro leave_as way
    .ifc \way, frame
    leave_call %rcx, 8f
    .else
    movq $0, GATE__TASK_CALL(%rsi)
    .endif
    .endm

/* The slow halves. The registers that are named are kept; with them on the stack, it is 16-byte aligned. */
    .macro enter_call_slow m, kept, others:vararg
    .ifb \kept
    movq \m, %rdi
    movq GATE__M_SLOT(\m), %rsi
    call gate__foreign_enter_slow
    .else
    pushq \kept
    enter_call_slow \m, \others
    popq \kept
    .endif
    .endm

    .macro leave_call_slow m, kept, others:vararg
    .ifb \kept
    movq \m, %rdi
    call gate__foreign_leave_slow
    .else
    pushq \kept
    leave_call_slow \m, \others
    popq \kept
    .endif
    .endm

#endif
