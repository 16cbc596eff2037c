/* The stack switches on x86-64 (System V ABI).
 *
 * cross goes from a task's stack to the system stack for one call, cross_back from the system stack
 * to the task's for one callback; both keep the old stack pointer in rbp, so that the frame address
 * is rbp+16 on either stack and unwinding needs nothing more. swap leaves one stack for another
 * until somebody swaps back. cross_pair and its kin are cross with all that belongs to a common call. guard leaves no stack:
 * it is where a call that ends in a fault comes back to.
 *
 * Those that leave a stack are marked as signal frames: a debugger then accepts that the caller's frame lies on
 * another stack, at a lower or a higher address.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/asm.h"
#include "runtime/arch/x86_64/crossing.h"
#include "runtime/layout.h"

#define BASE %rdi
#define CELLS 0
#include "runtime/arch/x86_64/cells.h"

#define MXCSR_MODES 0xffc0 /* the rest are exceptions that have occurred */

    .text

/* void gate__arch_cross(gate_m *m, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg) on the system stack of m, which runs a stackful task, whose stack this is on.
 *
 *   in: rdi m, rsi fn, rdx arg         clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp,      +----------------------------+ <- m->system_sp
 *   +--------------------+    task->sp  | fn's frames                |
 */
GATE__ROUTINE(gate__arch_cross)
    .cfi_signal_frame
    endbr64
    push_frame
    movq GATE__M_TASK(%rdi), %rax
    movq %rsp, GATE__TASK_SP(%rax)
    movq GATE__M_SYSTEM_SP(%rdi), %rsp
    movq %rdx, %rdi
    call *%rsi
    pop_frame
    ret
GATE__END(gate__arch_cross)

/* How a call in registers gets its arguments, in the routines below. In: rdi cells, rsi how many of them are for the
 * stack. Out: the registers, and eax as a variadic function asks for it: no less than the vector registers in use.
 * Neither touches r11. */

    .macro load_halves /* a load of more than was stored at once would wait for that */
    load_stack
    load_vectors movq
    load_words
    .endm

    .macro load_all
    load_stack
    load_vectors movups
    load_words
    .endm

/* What a call in registers leaves, in the routines below. In: what the function returned in, and rdi cells where they
 * keep anything there. Out: rax, as struct gate__returned has it. */

    .macro keep_word /* it is in rax */
    .endm

    .macro keep_vector
    movq %xmm0, %rax
    .endm

    .macro keep_registers
    movq %rax, WORD(0)
    movq %rdx, WORD(1)
    movups %xmm0, VECTOR(0)
    movups %xmm1, VECTOR(1)
    .endm

    .macro keep_x87
    fstpt VECTOR(0)
    .endm

    .macro keep_x87_pair
    fstpt VECTOR(0)
    fstpt VECTOR(1)
    .endm

/* struct gate__returned gate__arch_cross_pair(uint64_t a, uint64_t b, gate_m *m, void (*function)(void), void *call),
 *                                             and keep_pair;
 * struct gate__returned gate__arch_cross_words(uint64_t cells[], size_t stack_count, gate_m *m,
 *                                              void (*function)(void), void *call), and keep_words;
 * the same: cross_all, keep_all, and those of vector, registers, x87, x87_pair
 *
 * Make the whole of a foreign call from the stack of m's task: to the system stack; errno cleared; the arguments of the
 * shape that the name says; the call; errno read; and back. Those that cross are a call to the hand-off: they hold
 * gate__foreign_enter and gate__foreign_leave (internal.h) as they are with membarrier and without a sanitizer. Those that
 * keep are none: m keeps its slot.
 *
 *   in: rdi a or cells, rsi b or stack_count, rdx m, rcx function, r8 its record
 *   out: rax result, or, of vector, the lower half of xmm0; edx errno; of registers, what all four have is in the first
 *        two cells for words and for vectors; of x87, st0, and st1, in those for vectors
 *   clobbers: what a call does
 *
 *   task's stack                        system stack
 *   +--------------------+              +----------------------------+
 *   | return address     |              | scheduler's or C's frames  |
 *   | caller's rbp       | <- rbp,      +----------------------------+ <- m->system_sp
 *   +--------------------+    task->sp  | cells, and nothing         | registers and x87
 *                                       | arguments on the stack     | 16-byte aligned
 *                                       | function's frames          |
 *                                       +----------------------------+
 *
 * Behind the call the M is asked for anew, which costs less than to keep it; it is the same (m.c). Behind leave's slow
 * half it may be another, and nothing of it is used any more.
 *
 * What this takes is two calls with their returns, and what doesn't fit beside them: instructions, by their number and by
 * the lines of 64 bytes that they lie in. So the common way falls through, and each routine begins a line. */
    .macro crossing name, protocol, load, keep
    .p2align 6
GATE__ROUTINE(\name)
    .cfi_signal_frame
    endbr64
    push_frame
    movq GATE__M_TASK(%rdx), %rax
    movq %rbp, GATE__TASK_SP(%rax)
    .ifc \protocol, enter
    enter_call %rdx, %r8, 8f
    .endif
1:  movq GATE__M_SYSTEM_SP(%rdx), %rsp
    movq GATE__M_ERROR_NUMBER(%rdx), %r8
    xorl %eax, %eax
    movl %eax, (%r8)
    .ifnc \keep, word
    .ifnc \keep, vector
    pushq %rdi
    pushq %rdi
    .endif
    .endif
    .ifc \load, pair
    call *%rcx
    .else
    movq %rcx, %r11
    load_\load
    call *%r11
    .endif
    current_m %rcx
    .ifnc \keep, word
    .ifnc \keep, vector
    movq GATE__M_SYSTEM_SP(%rcx), %rdi
    movq -8(%rdi), %rdi
    .endif
    .endif
    keep_\keep
    movq GATE__M_ERROR_NUMBER(%rcx), %rdx
    movq %rbp, %rsp
    movl (%rdx), %edx
    .ifc \protocol, enter
    leave_call %rcx, 9f
    .endif
    popq %rbp
    .cfi_remember_state
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_restore_state
    .ifc \protocol, enter
8:  enter_call_slow %rdx, %rdi, %rsi, %rdx, %rcx
    jmp 1b
9:  leave_call_slow %rcx, %rax, %rdx
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .endif
GATE__END(\name)
    .endm

    .macro crossings way, protocol
    crossing gate__arch_\way\()_pair, \protocol, pair, word
    crossing gate__arch_\way\()_words, \protocol, words, word
    crossing gate__arch_\way\()_all, \protocol, halves, word
    crossing gate__arch_\way\()_vector, \protocol, halves, vector
    crossing gate__arch_\way\()_registers, \protocol, all, registers
    crossing gate__arch_\way\()_x87, \protocol, all, x87
    crossing gate__arch_\way\()_x87_pair, \protocol, all, x87_pair
    .endm

    crossings cross, enter
    crossings keep, stay

/* uint64_t gate__arch_call(uint64_t cells[], size_t stack_count, void (*function)(void), size_t stack_alignment), and
 * call_words, call_vector, call_registers, call_x87, call_x87_pair
 *
 * Make a call in registers on this stack; the result as above. What goes on the stack is aligned as asked for.
 *
 *   in: rdi cells, rsi stack_count, rdx function, rcx stack_alignment      out: rax      clobbers: what a call does
 */
    .macro caller name, load, keep
GATE__ROUTINE(\name)
    endbr64
    push_frame
    pushq %rdi
    negq %rcx
    andq %rcx, %rsp
    movq %rdx, %r11
    load_\load
    call *%r11
    movq -8(%rbp), %rdi
    keep_\keep
    pop_frame
    ret
GATE__END(\name)
    .endm

    caller gate__arch_call_words, words, word
    caller gate__arch_call, halves, word
    caller gate__arch_call_vector, halves, vector
    caller gate__arch_call_registers, all, registers
    caller gate__arch_call_x87, all, x87
    caller gate__arch_call_x87_pair, all, x87_pair

/* void gate__arch_cross_back(gate_m *m, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg) on the stack of m's task, below the frame that cross left there. Calls that fn makes
 * start below this frame on the system stack; both stack pointers are put back at the end.
 *
 *   in: rdi m, rsi fn, rdx arg         clobbers: what a call does
 *
 *   system stack                        task's stack
 *   +--------------------+              +---------------------+
 *   | return address     |              | cross's frame       |
 *   | caller's rbp       | <- rbp       +---------------------+ <- task->sp on entry
 *   | old m->system_sp   |              | fn's frames         |
 *   | old task->sp       |
 *   | m                  |
 *   | task               | <- m->system_sp
 *   +--------------------+
 *
 * callgate-gdb.py reads this, too. */
GATE__ROUTINE(gate__arch_cross_back)
    .cfi_signal_frame
    endbr64
    push_frame
    movq GATE__M_TASK(%rdi), %rax
    pushq GATE__M_SYSTEM_SP(%rdi)
    pushq GATE__TASK_SP(%rax)
    pushq %rdi
    pushq %rax
    movq %rsp, GATE__M_SYSTEM_SP(%rdi)
    movq GATE__TASK_SP(%rax), %rsp
    movq %rdx, %rdi
    call *%rsi
    leaq -32(%rbp), %rsp
    popq %rax
    popq %rdi
    popq GATE__TASK_SP(%rax)
    popq GATE__M_SYSTEM_SP(%rdi)
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
GATE__END(gate__arch_cross_back)

/* What a call preserves, as swap and guard keep it on the stack: the registers, then mxcsr and the x87 control word. */
    .macro push_one register
    pushq \register
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset \register, 0
    .endm

    .macro pop_one register
    popq \register
    .cfi_adjust_cfa_offset -8
    .cfi_restore \register
    .endm

    .macro push_saved
    push_one %rbp
    push_one %rbx
    push_one %r12
    push_one %r13
    push_one %r14
    push_one %r15
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    .endm

    .macro pop_saved
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    pop_one %r15
    pop_one %r14
    pop_one %r13
    pop_one %r12
    pop_one %rbx
    pop_one %rbp
    .endm

/* From the stack that push_saved has left as it is, to the one whose pointer is in rsi. A load of mxcsr or of the control
 * word takes some 20 ns where it changes anything. What differs is mostly mxcsr's exceptions, which a call need not
 * preserve. So they are loaded, behind the routine by load_modes, only if a mode differs. Uses eax and ecx up. */
    .macro go_to_saved
    movl (%rsp), %eax
    xorl (%rsi), %eax
    movzwl 4(%rsp), %ecx
    xorw 4(%rsi), %cx
    andl $MXCSR_MODES, %eax
    movq %rsi, %rsp
    orl %ecx, %eax
    jnz 7f
    .cfi_remember_state
6:
    .endm

    .macro load_modes
    .cfi_restore_state
7:  ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp 6b
    .endm

/* void gate__arch_swap(void **save, void *load, gate_m *arrives)
 *
 * Saves the registers that a call preserves on this stack and its pointer in *save, and goes on where
 * the stack pointer load was saved. That is a task's, which has to arrive, unless arrives, its M from now on, is NULL:
 * then gate__sched_arrive is called there, as if by whoever goes on behind that.
 *
 *   in: rdi save, rsi load, rdx arrives   clobbers: what a call does
 *
 *   every stack that is swapped out     +--------------------+
 *                                       | return address     |
 *                                       | rbp rbx r12 .. r15 |
 *                                       | mxcsr, x87 control | <- saved pointer, 16-byte aligned
 *                                       +--------------------+
 *
 * callgate-gdb.py reads this, too. */
GATE__ROUTINE(gate__arch_swap)
    .cfi_signal_frame
    endbr64
    push_saved
    movq %rsp, (%rdi)
    go_to_saved
    pop_saved
    movq %rdx, %rdi
    testq %rdx, %rdx
    jnz gate__sched_arrive
    ret
    load_modes
GATE__END(gate__arch_swap)

/* void gate__arch_turn(void **save, void *load, _Atomic uint32_t *in_use)
 *
 * The same for a task that is in its slot's queue already, and whose last act on its stack this is: what it leaves to
 * be done is to end the use of that queue.
 *
 *   in: rdi save, rsi load, rdx in_use    clobbers: what a call does */
GATE__ROUTINE(gate__arch_turn)
    .cfi_signal_frame
    endbr64
    push_saved
    movq %rsp, (%rdi)
    go_to_saved
    movl $0, (%rdx)
    pop_saved
    ret
    load_modes
GATE__END(gate__arch_turn)

/* void gate__arch_go(void *unused, void *load)
 *
 * Goes on where the stack pointer load was saved, and leaves this stack for ever.
 *
 *   in: rsi load */
GATE__ROUTINE(gate__arch_go)
    .cfi_signal_frame
    endbr64
    subq $56, %rsp
    .cfi_adjust_cfa_offset 56
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    go_to_saved
    .cfi_rel_offset %rbp, 48
    .cfi_rel_offset %rbx, 40
    .cfi_rel_offset %r12, 32
    .cfi_rel_offset %r13, 24
    .cfi_rel_offset %r14, 16
    .cfi_rel_offset %r15, 8
    pop_saved
    ret
    load_modes
GATE__END(gate__arch_go)

/* void gate__arch_guard(void **landing, void (*fn)(void *), void *arg)
 *
 * Calls fn(arg), on this stack. A signal handler may end that call: it has the thread go on at
 * gate__arch_guard_landing, with *landing as its stack pointer. Then this returns with what a call preserves
 * as it was, the floating-point modes too, and what fn had on the stack is gone.
 *
 *   in: rdi landing, rsi fn, rdx arg   clobbers: what a call does
 *
 *   the stack                           +--------------------+
 *                                       | return address     |
 *                                       | rbp rbx r12 .. r15 |
 *                                       | mxcsr, x87 control | <- *landing, 16-byte aligned
 *                                       +--------------------+
 *                                       | fn's frames        |
 */
    .globl gate__arch_guard_landing
    .hidden gate__arch_guard_landing
GATE__ROUTINE(gate__arch_guard)
    endbr64
    push_saved
    movq %rsp, (%rdi)
    movq %rdx, %rdi
    call *%rsi
    jmp 1f
gate__arch_guard_landing:
    cld
    fninit /* the x87 stack may be full, and an exception pending */
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
1:  pop_saved
    ret
GATE__END(gate__arch_guard)

/* void *gate__arch_prepare(void *top, void (*fn)(void *), void *arg)
 *
 * Lays out a new stack, whose end (16-byte aligned) is top, so that the first swap to the pointer it
 * returns calls fn(arg), which must not return.
 *
 *   in: rdi top, rsi fn, rdx arg       out: rax       clobbers: rcx
 *
 *   top -> +-----------------------+
 *          | 0                     |   keeps fn's frame aligned
 *          | start, as return addr |   behind its first byte: it is one for gate__sched_arrive
 *          | rbp 0, rbx fn, r12 arg|
 *          | r13 .. r15 0          |
 *          | mxcsr, x87 control    |   this thread's
 *   rax -> +-----------------------+
 */
GATE__ROUTINE(gate__arch_prepare)
    endbr64
    leaq -72(%rdi), %rax
    andq $-16, %rax
    stmxcsr (%rax)
    fnstcw 4(%rax)
    movq $0, 8(%rax)
    movq $0, 16(%rax)
    movq $0, 24(%rax)
    movq %rdx, 32(%rax)
    movq %rsi, 40(%rax)
    movq $0, 48(%rax)
    leaq start + 1(%rip), %rcx
    movq %rcx, 56(%rax)
    movq $0, 64(%rax)
    ret
GATE__END(gate__arch_prepare)

/* A task's first frame: no return address and a zero frame pointer end every backtrace here. */
    .type start, %function
    .p2align 4
start:
    .cfi_startproc
    .cfi_undefined %rip
    nop
    endbr64
    movq %r12, %rdi
    call *%rbx
    ud2
    .cfi_endproc
    .size start, . - start

/* void gate__arch_pause(void)
 *
 * A moment for the other half of the core, in a loop that waits. Clobbers nothing. */
GATE__ROUTINE(gate__arch_pause)
    endbr64
    pause
    ret
GATE__END(gate__arch_pause)

GATE__NO_EXECUTABLE_STACK
