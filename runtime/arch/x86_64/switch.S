/* The stack switches on x86-64 (System V ABI).
 *
 * cross goes from a task's stack to the system stack for one call, cross_back from the system stack
 * to the task's for one callback; both keep the old stack pointer in rbp, so that the frame address
 * is rbp+16 on either stack and unwinding needs nothing more. swap leaves one stack for another
 * until somebody swaps back.
 *
 * All are marked as signal frames: a debugger then accepts that the caller's frame lies on another
 * stack, at a lower or a higher address.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/asm.h"
#include "runtime/layout.h"

    .text

/* void gate__arch_cross(gate_m *m, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg) on the system stack of m, which runs a stackful task, whose stack this is on.
 *
 *   in: rdi m, rsi fn, rdx arg         clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp,      +----------------------------+ <- m->system_sp
 *   +--------------------+    task->sp  | fn's frames                |
 */
GATE__ROUTINE(gate__arch_cross)
    .cfi_signal_frame
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq GATE__M_TASK(%rdi), %rax
    movq %rsp, GATE__TASK_SP(%rax)
    movq GATE__M_SYSTEM_SP(%rdi), %rsp
    movq %rdx, %rdi
    call *%rsi
    movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
GATE__END(gate__arch_cross)

/* void gate__arch_cross_back(gate_m *m, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg) on the stack of m's task, below the frame that cross left there. Calls that fn makes
 * start below this frame on the system stack; both stack pointers are put back at the end.
 *
 *   in: rdi m, rsi fn, rdx arg         clobbers: what a call does
 *
 *   system stack                        task's stack
 *   +--------------------+              +---------------------+
 *   | return address     |              | cross's frame       |
 *   | caller's rbp       | <- rbp       +---------------------+ <- task->sp on entry
 *   | old m->system_sp   |              | fn's frames         |
 *   | old task->sp       |
 *   | m                  |
 *   | task               | <- m->system_sp
 *   +--------------------+
 *
 * callgate-gdb.py reads this, too. */
GATE__ROUTINE(gate__arch_cross_back)
    .cfi_signal_frame
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq GATE__M_TASK(%rdi), %rax
    pushq GATE__M_SYSTEM_SP(%rdi)
    pushq GATE__TASK_SP(%rax)
    pushq %rdi
    pushq %rax
    movq %rsp, GATE__M_SYSTEM_SP(%rdi)
    movq GATE__TASK_SP(%rax), %rsp
    movq %rdx, %rdi
    call *%rsi
    leaq -32(%rbp), %rsp
    popq %rax
    popq %rdi
    popq GATE__TASK_SP(%rax)
    popq GATE__M_SYSTEM_SP(%rdi)
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
GATE__END(gate__arch_cross_back)

/* void gate__arch_swap(void **save, void *load)
 *
 * Saves the registers that a call preserves on this stack and its pointer in *save, and goes on where
 * the stack pointer load was saved.
 *
 *   in: rdi save, rsi load             clobbers: what a call does
 *
 *   every stack that is swapped out     +--------------------+
 *                                       | return address     |
 *                                       | rbp rbx r12 .. r15 |
 *                                       | mxcsr, x87 control | <- saved pointer, 16-byte aligned
 *                                       +--------------------+
 *
 * callgate-gdb.py reads this, too. */
GATE__ROUTINE(gate__arch_swap)
    .cfi_signal_frame
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    ret
GATE__END(gate__arch_swap)

/* void *gate__arch_prepare(void *top, void (*fn)(void *), void *arg)
 *
 * Lays out a new stack, whose end (16-byte aligned) is top, so that the first swap to the pointer it
 * returns calls fn(arg), which must not return.
 *
 *   in: rdi top, rsi fn, rdx arg       out: rax       clobbers: rcx
 *
 *   top -> +-----------------------+
 *          | 0                     |   keeps fn's frame aligned
 *          | start, as return addr |
 *          | rbp 0, rbx fn, r12 arg|
 *          | r13 .. r15 0          |
 *          | mxcsr, x87 control    |   this thread's
 *   rax -> +-----------------------+
 */
GATE__ROUTINE(gate__arch_prepare)
    endbr64
    leaq -72(%rdi), %rax
    andq $-16, %rax
    stmxcsr (%rax)
    fnstcw 4(%rax)
    movq $0, 8(%rax)
    movq $0, 16(%rax)
    movq $0, 24(%rax)
    movq %rdx, 32(%rax)
    movq %rsi, 40(%rax)
    movq $0, 48(%rax)
    leaq start(%rip), %rcx
    movq %rcx, 56(%rax)
    movq $0, 64(%rax)
    ret
GATE__END(gate__arch_prepare)

/* A task's first frame: no return address and a zero frame pointer end every backtrace here. */
    .type start, %function
    .p2align 4
start:
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    movq %r12, %rdi
    call *%rbx
    ud2
    .cfi_endproc
    .size start, . - start

/* void gate__arch_pause(void)
 *
 * A moment for the other half of the core, in a loop that waits. Clobbers nothing. */
GATE__ROUTINE(gate__arch_pause)
    endbr64
    pause
    ret
GATE__END(gate__arch_pause)

GATE__NO_EXECUTABLE_STACK
