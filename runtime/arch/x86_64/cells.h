/* The argument registers, and their cells: arch.h. For assembly; whoever includes this has defined BASE, a register, and
 * CELLS, the distance in bytes from there to the first cell.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_CELLS_H
#define CALLGATE_RUNTIME_CELLS_H

/* This is assembly: */
/* clang-format off */

#define WORD(index) CELLS + 8 * (index)(BASE)
#define VECTOR(index) CELLS + 8 * GATE__CELLS_WORDS + 16 * (index)(BASE)
#define STACK CELLS + 8 * (GATE__CELLS_WORDS + 2 * GATE__CELLS_VECTORS)

    .macro load_words
    movq WORD(5), %r9
    movq WORD(4), %r8
    movq WORD(3), %rcx
    movq WORD(2), %rdx
    movq WORD(1), %rsi
    movq WORD(0), %rdi
    .endm

    .macro load_vectors move
    \move VECTOR(0), %xmm0
    \move VECTOR(1), %xmm1
    \move VECTOR(2), %xmm2
    \move VECTOR(3), %xmm3
    \move VECTOR(4), %xmm4
    \move VECTOR(5), %xmm5
    \move VECTOR(6), %xmm6
    \move VECTOR(7), %xmm7
    movl $GATE__CELLS_VECTORS, %eax
    .endm

/* Copies those for the stack, of which there are rsi, from rdi; rax and rsi are used up. rsp is 16-byte aligned before, and
 * after. */
    .macro load_stack
    testq %rsi, %rsi
    jz 3f
    leaq STACK(%rdi,%rsi,8), %rax
    testl $1, %esi
    jz 2f
    pushq %rax
2:  subq $8, %rax
    pushq (%rax)
    decq %rsi
    jnz 2b
3:
    .endm

    .macro store_words
    movq %rdi, WORD(0)
    movq %rsi, WORD(1)
    movq %rdx, WORD(2)
    movq %rcx, WORD(3)
    movq %r8, WORD(4)
    movq %r9, WORD(5)
    .endm

    .macro store_vectors
    movaps %xmm0, VECTOR(0)
    movaps %xmm1, VECTOR(1)
    movaps %xmm2, VECTOR(2)
    movaps %xmm3, VECTOR(3)
    movaps %xmm4, VECTOR(4)
    movaps %xmm5, VECTOR(5)
    movaps %xmm6, VECTOR(6)
    movaps %xmm7, VECTOR(7)
    .endm

#endif
