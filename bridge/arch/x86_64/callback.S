/* The code of callbacks on x86-64: one page, which stands once more wherever callbacks live.
 *
 * The page after each of these is its data: entry i of that page belongs to thunk i of this one, and its
 * first word points to a record whose first word is where to go. All thunks are alike, since the
 * distance from a thunk to its entry is the same for each.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/thunk.h"
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
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
    push_frame
    leaq GATE__THUNK_NAME(%r10), %rdi
    call gate__thunk_tell_freed
    hlt
GATE__END(gate__thunk_freed)

/* void gate__arch_relay(void): to the target of the relay that led here.
 *
 *   in: r10 the relay, rdi whatever is passed */
GATE__ROUTINE(gate__arch_relay)
    endbr64
    movq GATE__RELAY_DATA(%r10), %rsi
    jmp *GATE__RELAY_TARGET(%r10)
GATE__END(gate__arch_relay)

/* In: enum gate__in in eax, and the result in the cells. */
    .macro return_result
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
    .cfi_remember_state
1:  fldt VECTOR(1)
2:  fldt VECTOR(0)
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
    .endm

/* Where thunks of callbacks may lead: gate__callback_arrive, with C's registers in cells (runtime/arch/arch.h).
 *
 *   in: r10 the callback, and whatever C passes      out: what C is returned
 *
 *   C's stack   | C's stack arguments  |
 *               | return address       |
 *               | C's rbp              | <- rbp, the frame
 *               | note                 |
 *               | cells                |
 *               | room                 | <- rsp, 16-byte aligned
 *               | wide, 64-byte aligned| of those that have it
 */
GATE__ROUTINE(gate__arch_arrive)
    endbr64
    push_frame
    subq $GATE__INTAKE_SIZE, %rsp
    store_words
    store_vectors
    movq %r10, %rdi
    movq %rbp, %rsi
    call gate__callback_arrive
    return_result
GATE__END(gate__arch_arrive)

/* void gate__arch_arrive_wide32(void), arrive_wide64: the same where vector registers have more than 16 bytes, or are to, with
 * these in wide, below the frame. That their upper parts are in use would make code slow that knows none of them. */
    .macro arrive_wide name, register
GATE__ROUTINE(\name)
    endbr64
    push_frame
    subq $GATE__INTAKE_SIZE + GATE__WIDE_SIZE, %rsp
    andq $-GATE__WIDE_REGISTER, %rsp
    store_words
    store_vectors
    .irp index, 0, 1, 2, 3, 4, 5, 6, 7
    vmovaps %\register\()\index, GATE__WIDE_REGISTER * \index(%rsp)
    .endr
    vzeroupper
    movq %r10, %rdi
    movq %rbp, %rsi
    movq %rsp, %rdx
    call gate__callback_arrive_wide
    cmpl $GATE__RETURNS_WIDE, %eax
    je 3f
    return_result
3:  vmovups VECTOR(0), %\register\()0
    leave
    .cfi_def_cfa %rsp, 8
    ret
GATE__END(\name)
    .endm

    arrive_wide gate__arch_arrive_wide32, ymm
    arrive_wide gate__arch_arrive_wide64, zmm

/* The same for a task that is in a call of the callback's runtime, when there is nothing that gate__callback_arrive would do
 * but this (bridge/callback.c: open_short_way); else they leave it to arrive. Each is leave and enter of the hand-off
 * (runtime/internal.h), cross_back (runtime/arch/x86_64/switch.S), and the handler's call, in one.
 *
 * void gate__arch_arrive_pair_word4(void), pair_word8, any_word4, any_word8, any_vector4, any_vector8
 *
 *   pair: the arguments are in the first words, each in one: one or two, or none. any: all have places.
 *   word: the result is in rax; vector: in xmm0. 4, 8: its bytes, or no more than these.
 *
 *   in: r10 the callback, and whatever C passes      out: what C is returned      clobbers: what a call does
 *
 *   C's stack                                          task's stack
 *   +----------------------+                           +---------------------+
 *   | return address       |                           | the call's frame    |
 *   | C's rbp              | <- rbp                    +---------------------+ <- task->sp; and rsp, behind the
 *   | note                 | <- task->arrival          | the handler's frames|    handler, which finds it again
 *   | cells, result        |
 *   | pointers to arguments| <- rsp, m->system_sp
 *   +----------------------+
 *
 * The note makes the task keep its thread. A root task's handler has C's stack, below that; its sp and system_sp are left
 * alone. The routine of the same name with _root behind is for those. callgate-gdb.py reads the note. */

#define NOTE -GATE__INTAKE_NOTE(%rbp)

/* To arrive, unless the thread is in a call. Leaves m in rax, in r11 for whose callbacks the short way is; all arguments are
 * where they were. */
    .macro require_call
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_M_OR_OTHER(%rax), %rax
    cmpq $GATE__CALL_OUTSIDE, GATE__M_CALL(%rax) /* or none */
    jbe gate__arch_arrive
    movq GATE__M_TASK(%rax), %r11
    movq GATE__TASK_SHORT_WAY(%r11), %r11
    .endm

/* All of the note but errno. Leaves the task in r11. */
    .macro push_note where
    push_frame
    movq GATE__M_TASK(%rax), %r11
    pushq %r10
    pushq GATE__TASK_ARRIVAL(%r11)
    pushq GATE__M_CALL(%rax)
    .ifc \where, task
    pushq GATE__M_SYSTEM_SP(%rax)
    .else
    pushq $0
    .endif
    .endm

/* The arguments into cells, pointers to these at rsp, a zero for the result; and the note, with errno, is the task's. */

    .set result_of_pair, -GATE__INTAKE_NOTE - 8
    .macro take_pair
    movq GATE__M_ERROR_NUMBER(%rax), %rcx
    movl (%rcx), %ecx
    pushq %rcx
    movq %rsp, GATE__TASK_ARRIVAL(%r11)
    pushq $0
    pushq %rdi
    pushq %rsi
    pushq %rsp /* where the second is */
    leaq 16(%rsp), %rdi
    pushq %rdi
    .endm

    .set result_of_any, -GATE__INTAKE_CELLS - 8
    .macro take_any
    subq $GATE__INTAKE_CELLS - GATE__INTAKE_NOTE + 8 + 16 + 8 * GATE__CALLBACK_MOST, %rsp
    store_words
    store_vectors
    movq GATE__M_ERROR_NUMBER(%rax), %rcx
    movl (%rcx), %ecx
    movq %rcx, NOTE
    leaq NOTE, %rcx
    movq %rcx, GATE__TASK_ARRIVAL(%r11)
    movq $0, result_of_any(%rbp)
    movq GATE__CALLBACK_INTAKE(%r10), %rsi
    movl GATE__INTAKE_COUNT(%rsi), %ecx
    jmp 11f
10: movslq GATE__INTAKE_PLACES(%rsi,%rcx,4), %rdx
    addq %rbp, %rdx
    movq %rdx, (%rsp,%rcx,8)
11: decl %ecx
    jns 10b
    .endm

    .macro load_word4 at
    movl \at, %eax
    .endm

    .macro load_word8 at
    movq \at, %rax
    .endm

    .macro load_vector4 at
    movss \at, %xmm0
    .endm

    .macro load_vector8 at
    movsd \at, %xmm0
    .endm

/* From C's stack to the task's, below the call's frame. In: rax m, r11 task. */
    .macro to_task_stack where
    .ifc \where, task
    movq %rsp, GATE__M_SYSTEM_SP(%rax)
    movq GATE__TASK_SP(%r11), %rsp
    .endif
    .endm

/* And back into the call, behind the note; to slow if something is asked of the slot. Leaves what C is to find in errno. */
    .macro pop_note where, m, error_number, slow
    movq GATE__M_TASK(\m), %r11
    .ifc \where, task
    movq %rsp, GATE__TASK_SP(%r11)
    leaq NOTE, %rsp
    popq \error_number
    popq GATE__M_SYSTEM_SP(\m)
    .else
    leaq NOTE, %rsp
    popq \error_number
    addq $8, %rsp
    .endif
    popq GATE__M_CALL(\m) /* before the note is the task's no more: one of the two tells of the call */
    popq GATE__TASK_ARRIVAL(%r11)
    cmpl $0, GATE__M_ASKED(\m)
    jne \slow
    .endm

/* m is used up. */
    .macro return_to_c m, error_number
    movq GATE__M_ERROR_NUMBER(\m), \m
    movl \error_number, (\m)
    leave
    .cfi_remember_state
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
    .endm

    .macro arrival arguments, result, where
    push_note \where
    take_\arguments
    leave_call %rax, 9f
1:  movq GATE__CALLBACK_HOST(%r10), %rdi
    leaq result_of_\arguments(%rbp), %rsi
    movq %rsp, %rdx
    to_task_stack \where
    call *GATE__CALLBACK_HANDLER(%r10)
    testl %eax, %eax
    jnz 7f
2:  load_\result result_of_\arguments(%rbp)
    current_m %rdx
    pop_note \where, %rdx, %rcx, 8f
3:  return_to_c %rdx, %ecx
7:  movl %eax, %edi /* the handler has failed */
    call gate__callback_fail
    movq -8(%rbp), %r10
    movq GATE__CALLBACK_REFUSAL(%r10), %rcx
    movq %rcx, result_of_\arguments(%rbp)
    jmp 2b
8:  subq $24, %rsp /* something is asked of the slot; one word lies above */
    movq %rax, (%rsp)
    movsd %xmm0, 8(%rsp)
    movq %rcx, 16(%rsp)
    enter_call_slow %rdx
    movq (%rsp), %rax
    movsd 8(%rsp), %xmm0
    movq 16(%rsp), %rcx
    current_m %rdx
    jmp 3b
9:  leave_call_slow %rax /* the slot is claimed */
    movq -8(%rbp), %r10
    current_m %rax
    movq GATE__M_TASK(%rax), %r11
    jmp 1b
    .endm

    .macro arrive arguments, result
    .p2align 6
GATE__ROUTINE(gate__arch_arrive_\arguments\()_\result)
    .cfi_signal_frame
    endbr64
    require_call
    cmpq %r11, GATE__CALLBACK_RUNTIME(%r10)
    jne gate__arch_arrive_\arguments\()_\result\()_root
    arrival \arguments, \result, task
GATE__END(gate__arch_arrive_\arguments\()_\result)

GATE__ROUTINE(gate__arch_arrive_\arguments\()_\result\()_root)
    .cfi_signal_frame
    decq %r11 /* a root task's has one more */
    cmpq %r11, GATE__CALLBACK_RUNTIME(%r10)
    jne gate__arch_arrive
    arrival \arguments, \result, root
GATE__END(gate__arch_arrive_\arguments\()_\result\()_root)
    .endm

    arrive pair, word4
    arrive pair, word8
    arrive any, word4
    arrive any, word8
    arrive any, vector4
    arrive any, vector8

/* The same for direct handlers: arguments and result stay in their registers, so all else has rax, r10 and r11 on the way
 * to the handler, and what doesn't return anything on the way back.
 *
 * void gate__arch_arrive_direct(void)
 *
 *   in: r10 the callback, and whatever C passes      out: what the handler returns      clobbers: what a call does
 *
 *   C's stack, below the return address and C's rbp, where rbp is
 *   | note | <- task->arrival
 *   | m    | <- rsp, m->system_sp */

#define DIRECT_M -GATE__INTAKE_WORD(%rbp)

    .macro arrival_direct where
    push_note \where
    movq GATE__M_ERROR_NUMBER(%rax), %r10
    movl (%r10), %r10d
    pushq %r10
    movq %rsp, GATE__TASK_ARRIVAL(%r11)
    pushq %rax
    leave_call %rax, 9f
1:  movq -8(%rbp), %r10
    to_task_stack \where
    call *GATE__CALLBACK_DIRECT(%r10)
    movq DIRECT_M, %rcx
    pop_note \where, %rcx, %rsi, 8f
3:  return_to_c %rcx, %esi
8:  subq $56, %rsp /* something is asked of the slot; one word lies above */
    movq %rax, (%rsp)
    movq %rdx, 8(%rsp)
    movaps %xmm0, 16(%rsp)
    movaps %xmm1, 32(%rsp)
    movq %rsi, 48(%rsp)
    enter_call_slow %rcx
    movq (%rsp), %rax
    movq 8(%rsp), %rdx
    movaps 16(%rsp), %xmm0
    movaps 32(%rsp), %xmm1
    movq 48(%rsp), %rsi
    current_m %rcx
    jmp 3b
9:  leaq -GATE__INTAKE_CELLS(%rbp), %rsp /* the slot is claimed */
    store_words
    store_vectors
    leave_call_slow %rax
    load_vectors movaps
    load_words
    current_m %rax
    leaq NOTE, %rsp
    pushq %rax
    movq GATE__M_TASK(%rax), %r11
    jmp 1b
    .endm

    .p2align 6
GATE__ROUTINE(gate__arch_arrive_direct)
    .cfi_signal_frame
    endbr64
    require_call
    cmpq %r11, GATE__CALLBACK_RUNTIME(%r10)
    jne gate__arch_arrive_direct_root
    arrival_direct task
GATE__END(gate__arch_arrive_direct)

GATE__ROUTINE(gate__arch_arrive_direct_root)
    .cfi_signal_frame
    decq %r11
    cmpq %r11, GATE__CALLBACK_RUNTIME(%r10)
    jne gate__arch_arrive
    arrival_direct root
GATE__END(gate__arch_arrive_direct_root)

GATE__NO_EXECUTABLE_STACK
