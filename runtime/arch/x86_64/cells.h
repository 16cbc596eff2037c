/* The argument registers, and the cells that they are loaded from: arch.h. For assembly; whoever includes this has defined
 * CELLS, the distance in bytes from rdi to the first cell.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_CELLS_H
#define CALLGATE_RUNTIME_CELLS_H

/* This is assembly: */
/* clang-format off */

#define WORD(index) CELLS + 8 * (index)(%rdi)
#define VECTOR(index) CELLS + 8 * GATE__CELLS_WORDS + 16 * (index)(%rdi)
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

#endif
