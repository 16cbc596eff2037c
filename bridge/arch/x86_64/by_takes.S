/* Calls by value of more arguments on x86-64 (System V ABI): what gate_call goes to for functions that by_value.S has no
 * routine for.
 *
 * A signature has a list (bridge/way.c): for each argument, or part of one, a short routine that takes it to its register or
 * to the stack, and goes on to the next. The last goes on to the call. What the function returns is given to the host by one
 * routine more. So nothing is looked at but what was found out when the signature was prepared, and no value lies in
 * memory between.
 *
 * int gate__arch_takes_cross(const gate_function *function, void *result, void *const arguments[])
 *
 *   in: rdi function, rsi result, rdx arguments       out: eax status       clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp       +----------------------------+ <- m->system_sp
 *   | result             |              | arguments on the stack     | <- rsp, while they are taken, and
 *   | the call's record  | <- task->sp  | function's frames          |    16-byte aligned at the call
 *   +--------------------+
 *
 * The stack is left before anything is taken, and the slot may be left when all is: so what goes on C's stack is pushed where it
 * belongs, and the host's memory is read with the slot held. On a thread without a task all of it is on one stack. How a call
 * goes on then is noted in its record, in the word that others have errno in: that and a status of 0 are one store.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/by_takes.h"
#include "bridge/arch/by_value.h"
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
#include "runtime/layout.h"

#define BASE %rsp
#define CELLS 0
#include "runtime/arch/x86_64/cells.h"

    .set RESULT, -8
    .set RECORD, RESULT - GATE__CALL_SIZE
    .set WAY, RECORD + GATE__CALL_ERROR_NUMBER
    .if RECORD != -GATE__LISTED_TO_FRAME
    .error "layout.h"
    .endif

    .text

/* The routines that take. In: r10 arguments, r11 this take; rbp as above. Uses rax up. */

    .macro go_on
    addq $GATE__TAKE_SIZE, %r11
    jmp *(%r11)
    .endm

    .macro find /* where the part is, to rax */
    endbr64
    movq GATE__TAKE_ARGUMENT(%r11), %rax
    movq (%r10,%rax,8), %rax
    addq GATE__TAKE_OFFSET(%r11), %rax
    .endm

    .macro load_64 register
    movq (%rax), %\register
    .endm

    .macro load_s32 register
    movslq (%rax), %\register
    .endm

    .macro load_u32 register
    movl (%rax), %eax
    movq %rax, %\register
    .endm

    .macro load_s16 register
    movswq (%rax), %\register
    .endm

    .macro load_u16 register
    movzwl (%rax), %eax
    movq %rax, %\register
    .endm

    .macro load_s8 register
    movsbq (%rax), %\register
    .endm

    .macro load_u8 register
    movzbl (%rax), %eax
    movq %rax, %\register
    .endm

    .macro take_word load
    .irp register, rdi, rsi, rdx, rcx, r8, r9
    .p2align 4
take_\load\()_\register:
    find
    load_\load \register
    go_on
    .endr
    .p2align 4
take_\load\()_stack:
    find
    load_\load rax
    pushq %rax
    go_on
    .endm

    .macro take_vector load, move
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    .p2align 4
take_\load\()_xmm\number:
    find
    \move (%rax), %xmm\number
    go_on
    .endr
    .endm

    .type takes, %function
    .p2align 6
takes:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rbp, -16
    .irp load, 64, s32, u32, s16, u16, s8, u8
    take_word \load
    .endr
    take_vector 64, movq
    take_vector u32, movd
    take_vector copy, movups

    .macro take name
    .globl \name
    .hidden \name
    .type \name, %function
    .p2align 4
\name:
    endbr64
    .endm

/* The first words in one go; two more are all that is on the stack. */

    .macro take_plain index, instruction, register
    .if several > \index
    movq 8 * \index(%rdi), %rax
    \instruction (%rax)\register
    .endif
    .endm

    .irp count, 2, 3, 4, 5, 6, 7, 8
    .set several, \count
    take gate__arch_take_\count
    movq GATE__TAKE_ARGUMENT(%r11), %rax
    leaq (%r10,%rax,8), %rdi
    .if several == 7
    pushq %rax
    .endif
    take_plain 7, pushq
    take_plain 6, pushq
    take_plain 5, movq, ", %r9"
    take_plain 4, movq, ", %r8"
    take_plain 3, movq, ", %rcx"
    take_plain 2, movq, ", %rdx"
    take_plain 1, movq, ", %rsi"
    take_plain 0, movq, ", %rdi"
    go_on
    .endr

    take gate__arch_take_nothing /* a word of the stack that no argument is in */
    pushq %rax
    go_on
    take gate__arch_take_room /* for a result in memory */
    movq RESULT(%rbp), %rdi
    go_on
    .cfi_endproc
    .size takes, . - takes

/* The routines that give. In: the result as C returns it, rdi where it goes, ecx status. Out: eax status. */

    .macro give_nothing
    .endm

    .macro give_8
    movb %al, (%rdi)
    .endm

    .macro give_16
    movw %ax, (%rdi)
    .endm

    .macro give_32
    movl %eax, (%rdi)
    .endm

    .macro give_64
    movq %rax, (%rdi)
    .endm

    .macro give_float
    movss %xmm0, (%rdi)
    .endm

    .macro give_double
    movsd %xmm0, (%rdi)
    .endm

    .macro give_vector
    movups %xmm0, (%rdi)
    .endm

    /* By one store: a host that copies a struct may load all of it at once, which would wait for two. */

    .macro give_words
    movq %rax, %xmm0
    movq %rdx, %xmm1
    punpcklqdq %xmm1, %xmm0
    movups %xmm0, (%rdi)
    .endm

    .macro give_word_double
    movq %rax, %xmm1
    punpcklqdq %xmm0, %xmm1
    movups %xmm1, (%rdi)
    .endm

    .macro give_double_word
    movq %rax, %xmm1
    punpcklqdq %xmm1, %xmm0
    movups %xmm0, (%rdi)
    .endm

    .macro give_doubles
    punpcklqdq %xmm1, %xmm0
    movups %xmm0, (%rdi)
    .endm

    .irp result, nothing, 8, 16, 32, 64, float, double, vector, words, word_double, double_word, doubles
GATE__ROUTINE(gate__arch_give_\result)
    endbr64
    give_\result
    movl %ecx, %eax
    ret
GATE__END(gate__arch_give_\result)
    .endr

/* The call. It goes on, when all is taken, by the way that it began: WAY is ALONE on a thread without a task, where there is
 * nothing but errno; KEEP in class leaf: m keeps its slot, and the task itself says that it is in a call; else 0. */

    .set KEEP, 1
    .set ALONE, 2

    .macro begin way
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_M_OR_OTHER(%rax), %r9
    movq GATE__M_TASK(%r9), %r8
    cmpq %r8, %rsp
    jae gate__arch_takes_alone
    cmpq GATE__TASK_FLOOR(%r8), %rsp
    jb gate__call_values
    push_frame
    pushq %rsi
    pushq $\way /* and no status */
    pushq $0 /* no call outside of this one */
    pushq %rdi
    movq %rsp, GATE__TASK_SP(%r8)
    movq GATE__M_SYSTEM_SP(%r9), %rsp
    .endm

    .macro take_all
    movq GATE__FUNCTION_SIGNATURE(%rdi), %rax
    movq GATE__SIGNATURE_TAKES(%rax), %r11
    movq %rdx, %r10
    jmp *(%r11)
    .endm

    .p2align 6
GATE__ROUTINE(gate__arch_takes_cross)
    .cfi_signal_frame
    endbr64
    movl GATE__FUNCTION_CLASS(%rdi), %eax
    orl gate__os_watch(%rip), %eax
    jnz 1f
    begin 0
    take_all
    .cfi_def_cfa %rsp, 8
    .cfi_restore %rbp
1:  cmpl $GATE__CLASS_LEAF, %eax
    jne gate__call_values
    begin KEEP
    take_all
GATE__END(gate__arch_takes_cross)

GATE__ROUTINE(gate__arch_takes_alone)
    testq %r8, %r8
    jnz gate__call_values
    push_frame
    pushq %rsi
    pushq $ALONE
    pushq %rax
    pushq %rdi
    take_all
GATE__END(gate__arch_takes_alone)

    .macro call_function /* and errno in esi */
    movq RECORD + GATE__CALL_FUNCTION(%rbp), %r11
    movl $GATE__CELLS_VECTORS, %eax /* no less than are in use, for a variadic one */
    call *GATE__FUNCTION_ADDRESS(%r11)
    movq gate__m_errno_at(%rip), %rsi
    movl %fs:(%rsi), %esi
    .endm

/* In: ecx status. */
    .macro give
    movq RESULT(%rbp), %rdi
    movq RECORD + GATE__CALL_FUNCTION(%rbp), %rsi
    .cfi_remember_state
    pop_frame
    testq %rdi, %rdi
    jz 4f
    movq GATE__FUNCTION_SIGNATURE(%rsi), %rsi
    jmp *GATE__SIGNATURE_GIVE(%rsi)
4:  movl %ecx, %eax
    ret
    .cfi_restore_state
    .endm

    .macro make_call way
    leaq RECORD(%rbp), %rax
    .ifc \way, cross
    enter_call %r10, %rax, 7f
    .else
    movq GATE__M_TASK(%r10), %r11
    movq %rax, GATE__TASK_CALL(%r11)
    .endif
2:  movq gate__m_errno_at(%rip), %rax
    movl $0, %fs:(%rax)
    call_function
    current_m %rcx
    movq GATE__M_TASK(%rcx), %r8
    movl %esi, GATE__TASK_CALL_ERRNO(%r8)
    .ifc \way, cross
    leave_call %rcx, 8f
    .else
    movq $0, GATE__TASK_CALL(%r8)
    .endif
3:  movl RECORD + GATE__CALL_STATUS(%rbp), %ecx
    give
    .endm

    .p2align 6
GATE__ROUTINE(gate__arch_take_no_more)
    .cfi_signal_frame
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rbp, -16
    endbr64
    cmpl $KEEP, WAY(%rbp)
    ja 6f
    je 5f
    current_m %r10
    make_call cross
7:  movq %rsp, %rax /* something is asked of the slot: back to the task's stack */
    leaq RECORD(%rbp), %rsp
    xchgq %rax, GATE__M_SYSTEM_SP(%r10) /* what was taken there stays there */
    pushq %r10
    pushq %rax
    subq $STACK, %rsp
    store_words
    store_vectors
    enter_call_slow %r10
    load_vectors movaps
    load_words
    addq $STACK, %rsp
    popq %rax
    popq %r10
    movq GATE__M_SYSTEM_SP(%r10), %rsp
    movq %rax, GATE__M_SYSTEM_SP(%r10)
    jmp 2b
8:  leaq RECORD - 48(%rbp), %rsp /* the slot is claimed */
    movaps %xmm0, (%rsp)
    movaps %xmm1, 16(%rsp)
    movq %rax, 32(%rsp)
    movq %rdx, 40(%rsp)
    leave_call_slow %rcx
    movaps (%rsp), %xmm0
    movaps 16(%rsp), %xmm1
    movq 32(%rsp), %rax
    movq 40(%rsp), %rdx
    jmp 3b
5:  current_m %r10
    make_call keep
6:  movq gate__m_errno_at(%rip), %rax
    movl $0, %fs:(%rax)
    call_function
    movq gate__call_thread_errno@gottpoff(%rip), %rcx
    movl %esi, %fs:(%rcx)
    xorl %ecx, %ecx
    give
GATE__END(gate__arch_take_no_more)

/* For a result in memory, which has to have room there. */
GATE__ROUTINE(gate__arch_takes_cross_room)
    endbr64
    testq %rsi, %rsi
    jz gate__call_values
    jmp gate__arch_takes_cross
GATE__END(gate__arch_takes_cross_room)

/* The tables of the routines that take, by how the part is loaded (enum gate__load), and by where it goes: a word's register,
 * or, behind these, the stack; a vector's register. 0 where there is none. */

    .macro table name
    .globl \name
    .hidden \name
    .type \name, %object
\name:
    .endm

    .macro words load
    .irp to, rdi, rsi, rdx, rcx, r8, r9, stack
    .quad take_\load\()_\to
    .endr
    .endm

    .macro vectors load
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7
    .quad take_\load\()_xmm\number
    .endr
    .endm

    .section .data.rel.ro, "aw", %progbits
    .balign 8
    table gate__arch_take_words
    .zero 8 * (GATE__CELLS_WORDS + 1)
    .irp load, 64, s32, u32, s16, u16, s8, u8
    words \load
    .endr
    .size gate__arch_take_words, . - gate__arch_take_words

    table gate__arch_take_vectors
    .irp load, copy, 64
    vectors \load
    .endr
    .zero 8 * GATE__CELLS_VECTORS
    vectors u32
    .size gate__arch_take_vectors, . - gate__arch_take_vectors

GATE__NO_EXECUTABLE_STACK
