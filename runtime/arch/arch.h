/* What the runtime asks of a processor: each routine is described above its code in
 * arch/<name>/switch.S and syscall.S.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_ARCH_H
#define CALLGATE_RUNTIME_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/layout.h"
#include "runtime/runtime.h"

/* The calling thread's M, or NULL. One load, in assembly or in a function that is never inlined: a task's code may
 * go on on another thread after any call, where the compiler may keep neither the M nor a thread-local's address.
 * [any, signal] */
#if defined(__x86_64__) && defined(__ELF__)
static inline gate_m *gate__m(void) {
    gate_m *m;
    __asm__ volatile("movq gate__m_current@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:(%0), %0"
                     : "=r"(m)
                     :
                     : "memory");
    return m;
}
#else
gate_m *gate__m(void);
#endif

/* What the thread-locals of the calling thread are at fixed distances from. */
static inline char *gate__arch_thread_pointer(void) {
    char *pointer;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

long gate__syscall(long number, long a, long b, long c, long d, long e, long f);

void gate__arch_cross(gate_m *m, void (*fn)(void *), void *arg);
void gate__arch_cross_back(gate_m *m, void (*fn)(void *), void *arg);
void gate__arch_swap(void **save, void *load, gate_m *arrives);
void gate__arch_turn(void **save, void *load, _Atomic uint32_t *in_use);
_Noreturn void gate__arch_go(void *unused, void *load);
void gate__arch_guard(void **landing, void (*fn)(void *), void *arg);
void gate__arch_guard_landing(void); /* not to be called: an address */
void gate__arch_pause(void);
void *gate__arch_prepare(void *top, void (*fn)(void *), void *arg);

/* A call in registers takes its arguments from cells of 8 bytes: first those for the word registers, then two for each
 * vector register, all of which are there if only to be loaded in vain; then those that go on the stack, 16-byte
 * aligned, or more where that is said (whose number is a multiple of it then). What it returns in more than one register,
 * or in those of the x87, comes back in the first of them. Where a vector register is to have more than 16 bytes, or has in
 * the end, each has GATE__WIDE cells, behind those for the stack; only the x87's results stay where they were. */
enum {
    GATE__WORDS = GATE__CELLS_WORDS,
    GATE__VECTORS = GATE__CELLS_VECTORS,
    GATE__WIDE = GATE__CELLS_WIDE,
    GATE__STACK = GATE__WORDS + 2 * GATE__VECTORS, /* the first one */
    GATE__CELLS = 64
};

/* Whether a cell is a vector register's, and the number of that. */
static inline bool gate__arch_is_in_vector(unsigned cell) {
    return cell >= GATE__WORDS && cell < GATE__STACK;
}
static inline unsigned gate__arch_vector_of(unsigned cell) {
    return (cell - GATE__WORDS) / 2;
}

/* What it returns in a register, and what it leaves in errno. */
struct gate__returned {
    uint64_t word;
    int error_number;
};

/* Which of the cells a call takes, and where its result comes from. */
enum gate__shape {
    GATE__SHAPE_PAIR,      /* the first two words */
    GATE__SHAPE_WORDS,     /* the words */
    GATE__SHAPE_ALL,       /* all, but of vectors the lower halves */
    GATE__SHAPE_VECTOR,    /* the same, and the result is the lower half of a vector register */
    GATE__SHAPE_REGISTERS, /* all, and the result is in two registers, or in a whole one for vectors, or as before */
    GATE__SHAPE_X87,       /* all, and the result is a long double */
    GATE__SHAPE_X87_PAIR,  /* or a complex one */
    GATE__SHAPES,          /* for which there are crossings */

    GATE__SHAPE_WIDE32 =
        GATE__SHAPES,       /* all, and a vector register has at most 32 bytes; the result is in registers, */
    GATE__SHAPE_WIDE32_X87, /* or in those of the x87 */
    GATE__SHAPE_WIDE32_X87_PAIR,
    GATE__SHAPE_WIDE64, /* the same, and it has at most 64 */
    GATE__SHAPE_WIDE64_X87,
    GATE__SHAPE_WIDE64_X87_PAIR,
    GATE__SHAPES_AND_WIDE
};

typedef struct gate__returned gate__crossing(uint64_t cells[], size_t stack_count, gate_m *m, void (*function)(void),
                                             void *call);
typedef struct gate__returned gate__crossing_of_pair(uint64_t a, uint64_t b, gate_m *m, void (*function)(void),
                                                     void *call);
gate__crossing_of_pair gate__arch_cross_pair, gate__arch_keep_pair;
gate__crossing gate__arch_cross_words, gate__arch_cross_all, gate__arch_cross_vector, gate__arch_cross_registers,
    gate__arch_cross_x87, gate__arch_cross_x87_pair;
gate__crossing gate__arch_keep_words, gate__arch_keep_all, gate__arch_keep_vector, gate__arch_keep_registers,
    gate__arch_keep_x87, gate__arch_keep_x87_pair;

typedef uint64_t gate__caller(uint64_t cells[], size_t stack_count, void (*function)(void), size_t stack_alignment);
gate__caller gate__arch_call_words, gate__arch_call, gate__arch_call_vector, gate__arch_call_registers,
    gate__arch_call_x87, gate__arch_call_x87_pair, gate__arch_call_wide32, gate__arch_call_wide32_x87,
    gate__arch_call_wide32_x87_pair, gate__arch_call_wide64, gate__arch_call_wide64_x87,
    gate__arch_call_wide64_x87_pair;

#endif
