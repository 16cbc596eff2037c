/* Calls by frame on x86-64 (System V ABI): what gate_call_frame goes to, where no stack arguments have to be copied.
 *
 * Each routine is gate_call, the crossing of its shape (runtime/arch/x86_64/switch.S), and gate__foreign_enter and
 * gate__foreign_leave in one, for those calls that have nothing special: see bridge/call.c, which does the same in C for
 * all others.
 *
 * int gate__arch_frame_pair(gate_frame *frame), words, registers, vector
 *
 *   in: rdi frame       out: eax status       clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp       +----------------------------+ <- m->system_sp
 *   | frame              |              | function's frames          |
 *   | task->where before | <- task->sp
 *   +--------------------+
 *
 * Behind leave's slow half the M may be another, and the task is asked for anew.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/by_frame.h"
#include "runtime/arch/asm.h"
#include "runtime/layout.h"

#define BASE %rdi
#define CELLS GATE__FRAME_CELLS
#include "runtime/arch/x86_64/cells.h"

    .text

/* Loads the arguments from the frame in rdi, and calls the function. */

    .macro call_pair
    movq GATE__FRAME_ADDRESS(%rdi), %rax
    movq WORD(1), %rsi
    movq WORD(0), %rdi
    call *%rax
    .endm

    .macro call_words
    movq GATE__FRAME_ADDRESS(%rdi), %r11
    load_words
    call *%r11
    .endm

    .macro call_registers
    load_vectors movq
    call_words
    .endm

/* Stores the result in the frame in rdi. */

    .macro store_word
    movq %rax, WORD(0)
    .endm

    .macro store_vector
    movsd %xmm0, VECTOR(0)
    .endm

    .macro by_frame shape, call, store
    .p2align 6
GATE__ROUTINE(gate__arch_frame_\shape)
    .cfi_signal_frame
    endbr64
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_PLAIN(%rax), %rcx
    testq %rcx, %rcx
    jz 1f
    pushq %rdi /* on a thread without an M: nothing but errno */
    .cfi_def_cfa_offset 16
    movl GATE__FRAME_ERROR_NUMBER(%rdi), %eax
    movl %eax, (%rcx)
    call_\call
    popq %rdi
    .cfi_def_cfa_offset 8
    store_\store
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_ERRNO(%rax), %rcx
    movl (%rcx), %ecx
    movl %ecx, GATE__FRAME_ERROR_NUMBER(%rdi)
    xorl %eax, %eax
    ret
1:  movq %fs:(%rax), %rdx
    testq %rdx, %rdx
    jz gate__call_frame
    movq GATE__M_TASK(%rdx), %rcx
    cmpq %rcx, %rsp
    jae gate__call_frame
    cmpq GATE__TASK_FLOOR(%rcx), %rsp
    jb gate__call_frame
    movq GATE__TASK_CALL(%rcx), %rax /* the call is listed */
    movq %rax, GATE__FRAME_OUTER(%rdi)
    movq %rdi, GATE__TASK_CALL(%rcx)
    movl $0, GATE__FRAME_STATUS(%rdi)
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rdi
    pushq GATE__TASK_WHERE(%rcx)
    movq GATE__FRAME_NAME(%rdi), %rax
    movq %rax, GATE__TASK_WHERE(%rcx)
    movq %rsp, GATE__TASK_SP(%rcx)
    movq GATE__M_SLOT(%rdx), %rsi /* enter */
    incl GATE__M_TICK(%rdx)
    movl $GATE__STATUS_IN_CALL, GATE__M_STATUS(%rdx)
    cmpl $0, GATE__SLOT_POLL(%rsi)
    jne 8f
2:  movq GATE__M_ERROR_NUMBER(%rdx), %rcx
    movl GATE__FRAME_ERROR_NUMBER(%rdi), %eax
    movq GATE__M_SYSTEM_SP(%rdx), %rsp
    movl %eax, (%rcx)
    call_\call
    movq -8(%rbp), %rdi
    store_\store
    movq gate__m_current@gottpoff(%rip), %rdx
    movq %fs:(%rdx), %rdx
    movq GATE__M_ERROR_NUMBER(%rdx), %rcx
    leaq -16(%rbp), %rsp
    movl (%rcx), %ecx
    movl %ecx, GATE__FRAME_ERROR_NUMBER(%rdi)
    movl $GATE__STATUS_RUNNING, GATE__M_STATUS(%rdx) /* leave */
    cmpl $0, GATE__M_CLAIM(%rdx)
    jne 9f
3:  movq GATE__M_TASK(%rdx), %rcx
    movq GATE__FRAME_OUTER(%rdi), %rax
    popq GATE__TASK_WHERE(%rcx)
    movq %rax, GATE__TASK_CALL(%rcx)
    movl GATE__FRAME_STATUS(%rdi), %eax
    .cfi_remember_state
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
8:  movq %rdx, %rdi
    call gate__foreign_enter_slow
    movq -8(%rbp), %rdi
    movq gate__m_current@gottpoff(%rip), %rdx
    movq %fs:(%rdx), %rdx
    jmp 2b
9:  movq %rdx, %rdi
    call gate__foreign_leave_slow
    movq -8(%rbp), %rdi
    movq gate__m_current@gottpoff(%rip), %rdx
    movq %fs:(%rdx), %rdx
    jmp 3b
GATE__END(gate__arch_frame_\shape)
    .endm

    by_frame pair, pair, word
    by_frame words, words, word
    by_frame registers, registers, word
    by_frame vector, registers, vector

GATE__NO_EXECUTABLE_STACK
