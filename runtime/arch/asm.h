/* What every routine in assembly is written with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_ASM_H
#define CALLGATE_RUNTIME_ASM_H

/* This is assembly: */
/* clang-format off */

/* A routine that only this library sees. */
#define GATE__ROUTINE(name) \
    .globl name;            \
    .hidden name;           \
    .type name, %function;  \
    .p2align 4;             \
    name:                   \
    .cfi_startproc

#define GATE__END(name) \
    .cfi_endproc;       \
    .size name, . - name

#define GATE__NO_EXECUTABLE_STACK .section .note.GNU-stack, "", %progbits

#endif
