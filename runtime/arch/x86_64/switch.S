/* The stack switches on x86-64 (System V ABI).
 *
 * cross goes from a task's stack to the system stack for one call, cross_back from the system stack
 * to the task's for one callback; both keep the old stack pointer in rbp, so that the frame address
 * is rbp+16 on either stack and unwinding needs nothing more. swap leaves one stack for another
 * until somebody swaps back. guard leaves none: it is where a call that ends in a fault comes back to.
 *
 * Those that leave a stack are marked as signal frames: a debugger then accepts that the caller's frame lies on
 * another stack, at a lower or a higher address.
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

/* What a call preserves, as swap and guard keep it on the stack: the registers, then mxcsr and the x87 control word. */
    .macro push_one register
    pushq \register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
    .endm

    .macro pop_one register
    popq \register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
    .endm

    .macro push_saved
    push_one %rbp
    push_one %rbx
    push_one %r12
    push_one %r13
    push_one %r14
    push_one %r15
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    .endm

    .macro pop_saved
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    pop_one %r15
    pop_one %r14
    pop_one %r13
    pop_one %r12
    pop_one %rbx
    pop_one %rbp
    .endm

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
    push_saved
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    pop_saved
    ret
GATE__END(gate__arch_swap)

/* void gate__arch_guard(void **landing, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg), on this stack. A signal handler may end that call: it has the thread go on at
 * gate__arch_guard_landing, with *landing as its stack pointer. Then this returns with what a call preserves
 * as it was, the floating-point modes too, and what fn had on the stack is gone.
 *
 *   in: rdi landing, rsi fn, rdx arg   clobbers: what a call does
 *
 *   the stack                           +--------------------+
 *                                       | return address     |
 *                                       | rbp rbx r12 .. r15 |
 *                                       | mxcsr, x87 control | <- *landing, 16-byte aligned
 *                                       +--------------------+
 *                                       | fn's frames        |
 */
    .globl gate__arch_guard_landing
    .hidden gate__arch_guard_landing
GATE__ROUTINE(gate__arch_guard)
    endbr64
    push_saved
    movq %rsp, (%rdi)
    movq %rdx, %rdi
    call *%rsi
    jmp 1f
gate__arch_guard_landing:
    cld
    fninit /* the x87 stack may be full, and an exception pending */
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
1:  pop_saved
    ret
GATE__END(gate__arch_guard)

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
