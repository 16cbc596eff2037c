/* System calls on x86-64 (System V ABI, appendix A.2.1).
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/asm.h"
#include "runtime/layout.h"

    GATE__HOT_CODE

/* long gate__syscall(long number, long a, long b, long c, long d, long e, long f)
 *
 *   number rdi -> rax    a rsi -> rdi    b rdx -> rsi    c rcx -> rdx
 *   d      r8  -> r10    e r9  -> r8     f 8(rsp) -> r9
 *
 * Returns what the kernel returns: a result, or a negative errno. Clobbers rcx and r11 beside the
 * registers above; memory as the call does. */
GATE__ROUTINE(gate__syscall)
    endbr64
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    ret
GATE__END(gate__syscall)

GATE__NO_EXECUTABLE_STACK
