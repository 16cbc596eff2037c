/* The code of callbacks on x86-64: one page, copied as it stands to wherever callbacks live.
 *
 * The page after each copy is its data: entry i of that page belongs to thunk i of this one, and its
 * first word points to a record whose first word is where to go. All thunks are alike, since the
 * distance from a thunk to its entry is the same for each.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/thunk.h"
#include "runtime/arch/asm.h"
#include "runtime/layout.h"

#define BASE %rbp
#define CELLS -GATE__INTAKE_CELLS
#include "runtime/arch/x86_64/cells.h"

    .section .rodata
    .balign GATE__THUNK_PAGE
    .globl gate__thunk_code
    .hidden gate__thunk_code
    .type gate__thunk_code, %object
gate__thunk_code:
    .rept GATE__THUNK_PAGE / GATE__THUNK_SIZE
0:  endbr64
    movq 0b + GATE__THUNK_PAGE(%rip), %r10 /* the record; r10 is the ABI's static chain */
    jmp *(%r10)                            /* no frame: C's caller is the next one's */
    .balign GATE__THUNK_SIZE, 0xcc
    .endr
    .size gate__thunk_code, . - gate__thunk_code

/* void gate__thunk_freed(void)
 *
 * Tells the name of the thunk that led here, for ever.
 *
 *   in: r10 the record */
    .text
GATE__ROUTINE(gate__thunk_freed)
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    leaq GATE__THUNK_NAME(%r10), %rdi
    call gate__thunk_tell_freed
    hlt
GATE__END(gate__thunk_freed)

/* Where the thunks of callbacks lead: gate__callback_arrive, with C's registers in cells (runtime/arch/arch.h).
 *
 *   in: r10 the callback, and whatever C passes      out: what C is returned
 *
 *   C's stack   | C's stack arguments  |
 *               | return address       |
 *               | C's rbp              | <- rbp, the frame
 *               | note                 |
 *               | cells                |
 *               | room                 | <- rsp, 16-byte aligned
 */
GATE__ROUTINE(gate__arch_arrive)
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    subq $GATE__INTAKE_SIZE, %rsp
    store_words
    store_vectors
    movq %r10, %rdi
    movq %rbp, %rsi
    call gate__callback_arrive
    cmpl $GATE__RETURNS_X87, %eax
    je 2f
    cmpl $GATE__RETURNS_X87_PAIR, %eax
    je 1f
    movq WORD(0), %rax
    movq WORD(1), %rdx
    movups VECTOR(0), %xmm0
    movups VECTOR(1), %xmm1
    leave
    .cfi_remember_state
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
1:  fldt VECTOR(1)
2:  fldt VECTOR(0)
    leave
    .cfi_def_cfa %rsp, 8
    ret
GATE__END(gate__arch_arrive)

GATE__NO_EXECUTABLE_STACK
