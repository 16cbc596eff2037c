/* Direct calls on x86-64 (System V ABI): what GATE_CALL_DIRECT goes to, and GATE_INLINE_CALL when it has to (inline.h).
 *
 * Each is a crossing (runtime/arch/x86_64/switch.S), and gate__foreign_enter and gate__foreign_leave, in one, for those
 * calls that have nothing special. The arguments are in their registers already and the results stay in theirs, so none of
 * these may be touched, and no way need know which they are.
 *
 * void gate__arch_direct_frame(void), gate__arch_direct_leaf(void)
 *
 *   in: r10 a gate_direct, and a function's arguments       out: what the function returns
 *   clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp,      +----------------------------+ <- m->system_sp
 *   +--------------------+    task->sp  | function's frames          |
 *                                       +----------------------------+
 *
 * What is needed behind the call is found anew, as by_frame.S does and for its reasons; so it is with the stores that stand
 * together.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/by_frame.h"
#include "bridge/arch/direct.h"
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
#include "runtime/layout.h"

#define BASE %rsp
#define CELLS GATE__FRAME_CELLS
#include "runtime/arch/x86_64/cells.h"

#define FRAME_SIZE (STACK) /* a frame without cells for the stack */

    .text

/* void gate__arch_direct_by_frame(void)
 *
 * The same for any call: gate__direct_call makes it by a frame, in which the registers are. */
GATE__ROUTINE(gate__arch_direct_by_frame)
    endbr64
    push_frame
    pushq %r10
    subq $FRAME_SIZE + 8, %rsp /* 16-byte aligned */
    store_words
    store_vectors
    movq %r10, %rdi
    movq %rsp, %rsi
    call gate__direct_call
    movq WORD(0), %rax
    movq WORD(1), %rdx
    movaps VECTOR(0), %xmm0
    movaps VECTOR(1), %xmm1
    pop_frame
    ret
GATE__END(gate__arch_direct_by_frame)

/* On a thread without a task: nothing but errno. In: r11 task, or the one that says that calls are watched. */
    .p2align 6
GATE__ROUTINE(gate__arch_direct_alone)
    testq %r11, %r11
    jnz gate__arch_direct_by_frame
    pushq %r10
    .cfi_def_cfa_offset 16
    movq gate__m_errno_at(%rip), %rax
    movl $0, %fs:(%rax)
    movq GATE__DIRECT_ADDRESS(%r10), %rax
    call *%rax
    popq %r10
    .cfi_def_cfa_offset 8
    movq gate__m_errno_at(%rip), %rcx
    movl %fs:(%rcx), %ecx
    movl %ecx, GATE__CALL_ERROR_NUMBER(%r10)
    ret
GATE__END(gate__arch_direct_alone)

/* The call itself. In: r10 direct, rax m, r11 task. way is as in by_frame.S. */
    .macro make_call way
    push_frame
    movq %rbp, GATE__TASK_SP(%r11)
    .ifc \way, frame
    enter_call %rax, %r10, 7f
    .else
    movq %r10, GATE__TASK_CALL(%r11)
    .endif
2:  movq gate__m_errno_at(%rip), %r11
    movq GATE__M_SYSTEM_SP(%rax), %rsp
    movl $0, %fs:(%r11)
    movq GATE__DIRECT_ADDRESS(%r10), %rax
    call *%rax
    current_m %rcx
    movq gate__m_errno_at(%rip), %r8
    find_call \way
    movl %fs:(%r8), %r8d
    movl %r8d, GATE__CALL_ERROR_NUMBER(%rdi)
    leave_as \way
3:  .cfi_remember_state
    pop_frame
    ret
    .ifc \way, frame
    .cfi_restore_state
7:  pushq %r10
    subq $FRAME_SIZE + 8, %rsp
    store_words
    store_vectors
    enter_call_slow %rax
    load_vectors movaps
    load_words
    movq -8(%rbp), %r10
    current_m %rax
    jmp 2b
8:  movq %rbp, %rsp
    subq $48, %rsp
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
    .endif
    .endm

    .macro direct way
    .p2align 6
GATE__ROUTINE(gate__arch_direct_\way)
    .cfi_signal_frame
    endbr64
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_M_OR_OTHER(%rax), %rax
    movq GATE__M_TASK(%rax), %r11
    cmpq %r11, %rsp
    jae gate__arch_direct_alone
    cmpq GATE__TASK_FLOOR(%r11), %rsp
    jb gate__arch_direct_by_frame
    make_call \way
GATE__END(gate__arch_direct_\way)
    .endm

    direct frame
    direct leaf

/* The slower halves of a call in line (bridge/arch/x86_64/inline.h).
 *
 * void gate__arch_direct_asked(void)
 *
 *   in: r12 m, and a function's arguments, which stay      out: r12 m      clobbers: what else a call does */
GATE__ROUTINE(gate__arch_direct_asked)
    endbr64
    push_frame
    subq $FRAME_SIZE, %rsp
    store_words
    store_vectors
    enter_call_slow %r12
    load_vectors movaps
    load_words
    current_m %r12
    pop_frame
    ret
GATE__END(gate__arch_direct_asked)

/* void gate__arch_direct_claimed(void)
 *
 *   in: r12 m, and a function's result, which stays        clobbers: what a call does, and r12 is another thread's */
GATE__ROUTINE(gate__arch_direct_claimed)
    endbr64
    push_frame
    subq $32, %rsp
    movaps %xmm0, (%rsp)
    movq %rax, 16(%rsp)
    leave_call_slow %r12
    movaps (%rsp), %xmm0
    movq 16(%rsp), %rax
    pop_frame
    ret
GATE__END(gate__arch_direct_claimed)

GATE__NO_EXECUTABLE_STACK
