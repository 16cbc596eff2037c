/* Calls with vectors of 32 or 64 bytes in registers, on x86-64 (System V ABI): with AVX, or with AVX-512.
 *
 * These are rare, and there is no crossing for them: they are made on the stack that C is to have. The cells for all vector
 * registers lie behind those for the stack then, and are as large as the largest register.
 *
 * uint64_t gate__arch_call_wide32(uint64_t cells[], size_t stack_count, void (*function)(void), size_t stack_alignment),
 * and call_wide32_x87, call_wide32_x87_pair, call_wide64, call_wide64_x87, call_wide64_x87_pair
 *
 *   in: rdi cells, rsi stack_count, rdx function, rcx stack_alignment      clobbers: what a call does
 *   out: what both words and the first two vectors have, in the cells for these; of x87, st0, and st1, where they are for
 *        other calls, too
 *
 *   | return address         |
 *   | caller's rbp           | <- rbp
 *   | cells                  |
 *   | those for vectors      |
 *   | arguments on the stack | stack_alignment
 *   | function's frames      |
 *
 * While the upper parts of registers are in use, code that knows none of them is slow: so they are cleared at the end.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"

#define BASE %rdi
#define CELLS 0
#include "runtime/arch/x86_64/cells.h"

    .text

#define WIDE(index) 8 * GATE__CELLS_WIDE * (index)(%r10)

/* What a call leaves, in the routines below. In: rdi cells, r10 those for vectors. */

    .macro keep_registers register
    movq %rax, WORD(0)
    movq %rdx, WORD(1)
    vmovups %\register\()0, WIDE(0)
    vmovups %\register\()1, WIDE(1)
    .endm

    .macro keep_x87 register
    fstpt VECTOR(0)
    .endm

    .macro keep_x87_pair register
    fstpt VECTOR(0)
    fstpt VECTOR(1)
    .endm

    .macro caller name, register, keep
GATE__ROUTINE(\name)
    endbr64
    push_frame
    leaq STACK(%rdi,%rsi,8), %r10
    pushq %rdi
    pushq %r10
    negq %rcx
    andq %rcx, %rsp
    movq %rdx, %r11
    load_stack
    .irp index, 0, 1, 2, 3, 4, 5, 6, 7
    vmovups WIDE(\index), %\register\()\index
    .endr
    movl $GATE__CELLS_VECTORS, %eax
    load_words
    call *%r11
    movq -8(%rbp), %rdi
    movq -16(%rbp), %r10
    keep_\keep \register
    vzeroupper
    pop_frame
    ret
GATE__END(\name)
    .endm

    caller gate__arch_call_wide32, ymm, registers
    caller gate__arch_call_wide32_x87, ymm, x87
    caller gate__arch_call_wide32_x87_pair, ymm, x87_pair
    caller gate__arch_call_wide64, zmm, registers
    caller gate__arch_call_wide64_x87, zmm, x87
    caller gate__arch_call_wide64_x87_pair, zmm, x87_pair

GATE__NO_EXECUTABLE_STACK
