/* Calls by frame on x86-64 (System V ABI): what gate_call_frame goes to.
 *
 * Each routine is gate_call, the crossing of its shape (runtime/arch/x86_64/switch.S), and gate__foreign_enter and
 * gate__foreign_leave in one, for those calls that have nothing special: see bridge/call.c, which does the same in C for
 * all others.
 *
 * int gate__arch_frame_pair_word(gate_frame *frame), leaf_pair_word, and others: bridge/arch/by_frame.h says which
 *
 *   in: rdi frame       out: eax status       clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp,      +----------------------------+ <- m->system_sp
 *   +--------------------+    task->sp  | arguments on the stack     | 16-byte aligned
 *                                       | function's frames          |
 *                                       +----------------------------+
 *
 * What is needed behind the call is found anew: the M is the thread's, and the frame is what the M is in a call by. Status and
 * outer are 0 while no call is in progress: one store of eight bytes, on the way back, writes the status and errno.
 *
 * Processors write one or two stores a cycle, and two only if they go to the same 64 bytes. There are many here: those that
 * do stand together.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/arch/by_frame.h"
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
#include "runtime/layout.h"

#define BASE %rdi
#define CELLS GATE__FRAME_CELLS
#include "runtime/arch/x86_64/cells.h"

    .text

/* Loads the arguments from the frame in rdi, and calls the function. Variadic ones, which look into eax, have few, all or
 * whole. */

    .macro call_pair
    movq GATE__FRAME_ADDRESS(%rdi), %rax
    movq WORD(1), %rsi
    movq WORD(0), %rdi
    call *%rax
    .endm

    .macro call_doubles
    movq VECTOR(0), %xmm0
    movq GATE__FRAME_ADDRESS(%rdi), %rax
    movq VECTOR(1), %xmm1
    call *%rax
    .endm

    .macro call_few
    movq VECTOR(0), %xmm0
    movq VECTOR(1), %xmm1
    movq GATE__FRAME_ADDRESS(%rdi), %r11
    movl $2, %eax
    movq WORD(1), %rsi
    movq WORD(0), %rdi
    call *%r11
    .endm

    .macro call_words
    movq GATE__FRAME_ADDRESS(%rdi), %r11
    load_words
    call *%r11
    .endm

    .macro call_stack
    pushq STACK + 8(%rdi)
    .cfi_adjust_cfa_offset 8 * is_alone
    pushq STACK(%rdi)
    .cfi_adjust_cfa_offset 8 * is_alone
    call_words
    .if is_alone /* who isn't, has rsp from rbp */
    addq $16, %rsp
    .cfi_adjust_cfa_offset -16
    .endif
    .endm

    .macro copy_stack /* rsp is 16-byte aligned before, and after */
    movq GATE__CALL_FUNCTION(%rdi), %rsi
    movq GATE__FUNCTION_SIGNATURE(%rsi), %rsi
    movq GATE__SIGNATURE_PLAN(%rsi), %rsi
    movl GATE__PLAN_STACK_COUNT(%rsi), %esi
    testl %esi, %esi
    jz .Lcopied\@
    leaq STACK(%rdi,%rsi,8), %rax
    testl $1, %esi
    jz .Lcopy\@
    pushq %rax
.Lcopy\@:
    subq $8, %rax
    pushq (%rax)
    decl %esi
    jnz .Lcopy\@
.Lcopied\@:
    .endm

    .macro call_all
    copy_stack
    load_vectors movq
    call_words
    .endm

    .macro call_whole
    copy_stack
    load_vectors movups
    call_words
    .endm

/* Stores the result in the frame in rdi. */

    .macro store_word
    movq %rax, WORD(0)
    .endm

    .macro store_vector
    movq %xmm0, VECTOR(0)
    .endm

    .macro store_both
    movq %rax, WORD(0)
    movq %rdx, WORD(1)
    movq %xmm0, VECTOR(0)
    movq %xmm1, VECTOR(1)
    .endm

    .macro store_any
    movq %rax, WORD(0)
    movq %rdx, WORD(1)
    movups %xmm0, VECTOR(0)
    movups %xmm1, VECTOR(1)
    .endm

/* And errno behind it. In: rdi frame. Out: eax status. */
    .macro store_outcome result
    store_\result
    movq gate__m_errno_at(%rip), %rdx
    movl GATE__CALL_STATUS(%rdi), %eax
    movl %fs:(%rdx), %edx
    movq %rdx, GATE__CALL_ERROR_NUMBER(%rdi) /* and status */
    .endm

/* The hand-off's protocol around the call, by the class. A leaf's M keeps its slot, and the task itself says that it is in a
 * call. In: rdi frame, rdx m, rcx task; the slow half is at 7. leave_as (crossing.h) ends it. */
    .macro enter_as way
    .ifc \way, frame
    enter_call %rdx, %rdi, 7f
    .else
    movq %rdi, GATE__TASK_CALL(%rcx)
    .endif
    .endm

/* On a thread without a task, and without the one that says that calls are watched (runtime/m.c): nothing but errno. In: rdi
 * frame. Out: eax. Where a copy of arguments lies on the stack, rbp says where that began. */

    .set is_alone, 0
    .macro alone arguments, result, copies
    .p2align 6
GATE__ROUTINE(gate__arch_alone_\arguments\()_\result)
    .if \copies
    push_frame
    pushq %rdi
    .endif
    pushq %rdi
    .if \copies == 0
    .cfi_def_cfa_offset 16
    .endif
    movq gate__m_errno_at(%rip), %rcx
    movl GATE__CALL_ERROR_NUMBER(%rdi), %eax
    movl %eax, %fs:(%rcx)
    .set is_alone, 1
    call_\arguments
    .set is_alone, 0
    .if \copies
    movq -8(%rbp), %rdi
    pop_frame
    .else
    popq %rdi
    .cfi_def_cfa_offset 8
    .endif
    store_\result
    movq gate__m_errno_at(%rip), %rcx
    movl %fs:(%rcx), %ecx
    movl %ecx, GATE__CALL_ERROR_NUMBER(%rdi)
    xorl %eax, %eax
    ret
GATE__END(gate__arch_alone_\arguments\()_\result)
    .endm

/* From a root task, which has no stack to leave, and which keeps its thread: all else is as for others, below. What it
 * calls is told by its name, too, if it has one: its record lies on the thread's own stack, and who looks when the thread
 * has ended inside the call finds other things there. In: rdi frame, rdx m, rcx task or NULL. Out: eax.
 *
 *   | return address            |
 *   | caller's rbp              | <- rbp
 *   | m                         |
 *   | frame                     |
 *   | the name above, and room  | below a call that has one, in whose callback this is
 *   | arguments on the stack    | 16-byte aligned
 *
 * There, both classes go on in one routine, which puts that name back. */

#define OWN_M -8(%rbp)
#define OWN_FRAME -16(%rbp)
#define OUTER_NAME -24(%rbp)

    .macro begin_from_root /* in: rdi frame, rdx m. Out: rax function, r8 its name */
    push_frame
    movq GATE__CALL_FUNCTION(%rdi), %rax
    pushq %rdx
    pushq %rdi
    movq GATE__FUNCTION_NAME(%rax), %r8
    .endm

    .macro call_from_root arguments /* in: rdi frame, rdx m. Out: rdi frame, rcx m, rsi task, eax */
    movl GATE__CALL_ERROR_NUMBER(%rdi), %eax
    set_errno %eax, %rcx
    call_\arguments
    movq OWN_M, %rcx
    movq OWN_FRAME, %rdi
    movq GATE__M_TASK(%rcx), %rsi
    .endm

    .macro from_root way, arguments, result
    .p2align 6
GATE__ROUTINE(gate__arch_root_\way\()_\arguments\()_\result)
    testq %rcx, %rcx
    jz gate__arch_alone_\arguments\()_\result
    cmpq $GATE__FLOOR_OF_ROOT, GATE__TASK_FLOOR(%rcx)
    jne gate__call_frame
    cmpq $GATE__CALL_NONE, GATE__M_CALL(%rdx)
    jne gate__call_frame
    movq %rsp, %rax
    subq GATE__M_SIGNAL_STACK(%rdx), %rax
    cmpq GATE__M_SIGNAL_STACK + 8(%rdx), %rax
    jb gate__call_frame
    cmpq $0, GATE__TASK_CALL(%rcx) /* C in a call that the task tells of */
    jne gate__call_frame
    cmpq $0, GATE__TASK_WHERE(%rcx)
    jne gate__arch_root_below_\arguments\()_\result
    begin_from_root
    movq %r8, GATE__TASK_WHERE(%rcx)
    enter_as \way
2:  call_from_root \arguments
    store_outcome \result
    leave_as \way
3:  movq $0, GATE__TASK_WHERE(%rsi)
    .cfi_remember_state
    pop_frame
    ret
    .ifc \way, frame
    .cfi_restore_state
7:  enter_call_slow %rdx, %rdi, %rdx
    jmp 2b
8:  leave_call_slow %rcx, %rax, %rsi
    jmp 3b
    .endif
GATE__END(gate__arch_root_\way\()_\arguments\()_\result)
    .endm

    .macro from_root_below arguments, result
GATE__ROUTINE(gate__arch_root_below_\arguments\()_\result)
    begin_from_root
    pushq GATE__TASK_WHERE(%rcx)
    pushq $0
    movq %r8, GATE__TASK_WHERE(%rcx)
    cmpl $GATE__CLASS_LEAF, GATE__FUNCTION_CLASS(%rax)
    je 6f
    enter_call %rdx, %rdi, 7f
2:  call_from_root \arguments
    store_outcome \result
    movq GATE__CALL_FUNCTION(%rdi), %r8
    cmpl $GATE__CLASS_LEAF, GATE__FUNCTION_CLASS(%r8)
    je 9f
    leave_call %rcx, 8f
3:  movq OUTER_NAME, %rcx
    movq %rcx, GATE__TASK_WHERE(%rsi)
    .cfi_remember_state
    pop_frame
    ret
    .cfi_restore_state
6:  movq %rdi, GATE__TASK_CALL(%rcx)
    jmp 2b
7:  enter_call_slow %rdx, %rdi, %rdx
    jmp 2b
8:  leave_call_slow %rcx, %rax, %rsi
    jmp 3b
9:  movq $0, GATE__TASK_CALL(%rsi)
    jmp 3b
GATE__END(gate__arch_root_below_\arguments\()_\result)
    .endm

/* The call itself. In: rdi frame, rdx m, rcx task. Out: eax. way is frame or leaf. */
    .macro make_call way, arguments, result
    push_frame
    movq %rbp, GATE__TASK_SP(%rcx)
    enter_as \way
2:  movl GATE__CALL_ERROR_NUMBER(%rdi), %eax
    movq GATE__M_SYSTEM_SP(%rdx), %rsp
    set_errno %eax, %rcx
    call_\arguments
    current_m %rcx
    find_call \way
    store_outcome \result
    leave_as \way
3:  .cfi_remember_state
    pop_frame
    ret
    .ifc \way, frame
    .cfi_restore_state
7:  enter_call_slow %rdx, %rdi, %rdx
    jmp 2b
8:  movq %rbp, %rsp
    leave_call_slow %rcx, %rdi, %rax
    jmp 3b
    .endif
    .endm

    .macro by_frame way, arguments, result
    .p2align 6
GATE__ROUTINE(gate__arch_\way\()_\arguments\()_\result)
    .cfi_signal_frame
    endbr64
    movq gate__m_current@gottpoff(%rip), %rax
    movq %fs:GATE__THREAD_M_OR_OTHER(%rax), %rdx
    movq GATE__M_TASK(%rdx), %rcx
    cmpq %rcx, %rsp
    jae gate__arch_root_\way\()_\arguments\()_\result
    cmpq GATE__TASK_FLOOR(%rcx), %rsp
    jb gate__arch_root_\way\()_\arguments\()_\result
    make_call \way, \arguments, \result
GATE__END(gate__arch_\way\()_\arguments\()_\result)
    .endm

    .macro ways arguments, result, copies=0
    alone \arguments, \result, \copies
    from_root frame, \arguments, \result
    from_root leaf, \arguments, \result
    from_root_below \arguments, \result
    by_frame frame, \arguments, \result
    by_frame leaf, \arguments, \result
    .endm

    ways pair, word
    ways words, word
    ways stack, word
    ways doubles, word
    ways doubles, vector
    ways doubles, both
    ways few, word
    ways few, vector
    ways few, both
    ways all, word, 1
    ways all, vector, 1
    ways all, both, 1
    ways whole, any, 1

GATE__NO_EXECUTABLE_STACK
