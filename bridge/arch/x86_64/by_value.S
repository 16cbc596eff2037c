/* Calls by value on x86-64 (System V ABI): gate_call, and what it goes to for functions of few arguments.
 *
 * Each is gate_call, a crossing (runtime/arch/x86_64/switch.S), and gate__foreign_enter and gate__foreign_leave in one, for
 * those calls that have nothing special: see bridge/call.c, which does the same in C for all others.
 *
 * int gate_call(const gate_function *function, void *result, void *const arguments[])
 *
 *   in: rdi function, rsi result, rdx arguments       out: eax status       clobbers: what a call does
 *
 * It goes to where the function's signature says. There is a short routine for each type, which loads the arguments, and
 * goes on in one of three, by the result, which functions of class leaf leave for one of three others.
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp       +----------------------------+ <- m->system_sp
 *   | result             |              | function's frames          |
 *   | the call's record  | <- rsp,      +----------------------------+
 *   +--------------------+    task->sp, m->call, or task->call of a leaf
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/by_value.h"
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
#include "runtime/layout.h"

    .text

    .globl gate_call
    .type gate_call, %function
    .p2align 4
gate_call:
    .cfi_startproc
    endbr64
    movq GATE__FUNCTION_SIGNATURE(%rdi), %rax
    jmp *GATE__SIGNATURE_CALL(%rax)
GATE__END(gate_call)

/* The routines by result. In: rdi function, rsi result, rdx arguments; of the values, the words are in rcx and r8, and the
 * doubles in xmm0 and xmm1. */

    .macro store_int
    movl %eax, (%rdi)
    .endm

    .macro store_long
    movq %rax, (%rdi)
    .endm

    .macro store_double
    movsd %xmm0, (%rdi)
    .endm

    .macro call_it
    movq GATE__FUNCTION_ADDRESS(%rdi), %rax
    movq %rcx, %rdi
    movq %r8, %rsi
    call *%rax
    .endm

    .macro alone result
    .p2align 6
GATE__ROUTINE(gate__arch_value_alone_\result) /* on a thread without a task: nothing but errno */
    testq %r10, %r10
    jnz gate__call_values
    pushq %rsi
    .cfi_def_cfa_offset 16
    movq gate__m_errno_at(%rip), %rax
    movl $0, %fs:(%rax)
    call_it
    popq %rdi
    .cfi_def_cfa_offset 8
    movq gate__m_errno_at(%rip), %rcx
    movl %fs:(%rcx), %ecx
    movq gate__call_thread_errno@gottpoff(%rip), %rdx
    movl %ecx, %fs:(%rdx)
    testq %rdi, %rdi
    jz 1f
    store_\result
1:  xorl %eax, %eax
    ret
GATE__END(gate__arch_value_alone_\result)
    .endm

/* way is cross, or keep, for class leaf: m keeps its slot, and the task itself says that it is in a call. */
    .macro by_result way, result
    .p2align 6
GATE__ROUTINE(gate__arch_value_\way\()_\result)
    .cfi_signal_frame
    movq gate__m_current@gottpoff(%rip), %rax
    .ifc \way, cross
    movl GATE__FUNCTION_CLASS(%rdi), %r11d
    orl gate__os_watch(%rip), %r11d
    jnz 6f
    .endif
    movq %fs:GATE__THREAD_M_OR_OTHER(%rax), %r9
    movq GATE__M_TASK(%r9), %r10
    cmpq %r10, %rsp
    jae gate__arch_value_alone_\result
    cmpq GATE__TASK_FLOOR(%r10), %rsp
    jb gate__call_values
    push_frame
    pushq %rsi
    pushq $0 /* errno and status */
    pushq $0 /* no call outside of this one: on the task's own stack nothing is in one */
    pushq %rdi
    movq %rsp, GATE__TASK_SP(%r10)
    .ifc \way, cross
    enter_call %r9, %rsp, 7f
    .else
    movq %rsp, GATE__TASK_CALL(%r10)
    .endif
2:  movq gate__m_errno_at(%rip), %rax
    movq GATE__M_SYSTEM_SP(%r9), %rsp
    movl $0, %fs:(%rax)
    call_it
    current_m %rcx
    movq gate__m_errno_at(%rip), %rsi
    movq GATE__M_TASK(%rcx), %rdx
    movl %fs:(%rsi), %esi
    movq RESULT(%rbp), %rdi
    movl %esi, GATE__TASK_CALL_ERRNO(%rdx)
    .ifc \way, cross
    leave_call %rcx, 8f
    .else
    movq $0, GATE__TASK_CALL(%rdx)
    .endif
3:  testq %rdi, %rdi
    jz 4f
    store_\result
4:  movl RECORD + GATE__CALL_STATUS(%rbp), %eax
    .cfi_remember_state
    pop_frame
    ret
    .ifc \way, cross
6:  cmpl $GATE__CLASS_LEAF, %r11d
    je gate__arch_value_keep_\result
    jmp gate__call_values
    .cfi_restore_state
7:  subq $16, %rsp
    movsd %xmm0, (%rsp)
    movsd %xmm1, 8(%rsp)
    enter_call_slow %r9, %rdi, %rcx, %r8, %r9
    movsd (%rsp), %xmm0
    movsd 8(%rsp), %xmm1
    jmp 2b
8:  leaq RECORD - 16(%rbp), %rsp
    movsd %xmm0, (%rsp)
    movq %rax, 8(%rsp)
    leave_call_slow %rcx
    movsd (%rsp), %xmm0
    movq 8(%rsp), %rax
    movq RESULT(%rbp), %rdi
    jmp 3b
    .endif
GATE__END(gate__arch_value_\way\()_\result)
    .endm

    .set RESULT, -8
    .set RECORD, RESULT - GATE__CALL_SIZE
    .if RECORD != -GATE__LISTED_TO_FRAME
    .error "layout.h"
    .endif

    .irp result, int, long, double
    alone \result
    by_result cross, \result
    by_result keep, \result
    .endr

/* The routines by type: the arguments are loaded. */

    .macro take_word load, index
    movq 8 * \index(%rdx), %rax
    .if words == 0
    \load (%rax), %rcx
    .else
    \load (%rax), %r8
    .endif
    .set words, words + 1
    .endm

    .macro take_i index
    take_word movslq, \index
    .endm

    .macro take_l index
    take_word movq, \index
    .endm

    .macro take_d index
    movq 8 * \index(%rdx), %rax
    .if doubles == 0
    movsd (%rax), %xmm0
    .else
    movsd (%rax), %xmm1
    .endif
    .set doubles, doubles + 1
    .endm

    .macro by_type arguments, result, body, first, second
GATE__ROUTINE(gate__arch_value_\arguments\()_\result)
    endbr64
    .set words, 0
    .set doubles, 0
    .ifnb \first
    take_\first 0
    .endif
    .ifnb \second
    take_\second 1
    .endif
    .ifc \result, void
    xorl %esi, %esi
    .endif
    jmp gate__arch_value_cross_\body
GATE__END(gate__arch_value_\arguments\()_\result)
    .endm

    .macro by_arguments arguments, first, second
    by_type \arguments, void, int, \first, \second
    by_type \arguments, int, int, \first, \second
    by_type \arguments, long, long, \first, \second
    by_type \arguments, double, double, \first, \second
    .endm

    by_arguments none
    .irp first, i, l, d
    by_arguments \first, \first
    .irp second, i, l, d
    by_arguments \first\second, \first, \second
    .endr
    .endr

GATE__NO_EXECUTABLE_STACK
