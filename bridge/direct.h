/* Direct calls: whoever knows a function's type when he is compiled has its arguments put into registers by the compiler,
 * as for the function itself, and the crossing calls it with nothing in between; or the crossing is in line, and there is
 * nothing between caller and function at all. cgen writes such callers.
 *
 *   gate_direct direct;
 *   gate_direct_init(&direct, &function);
 *   int sum = GATE_CALL_DIRECT(&direct, int (*)(int, int), 40, 2);
 *   int status = gate_direct_status(&direct);
 *
 * All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_DIRECT_H
#define CALLGATE_BRIDGE_DIRECT_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* One function, ready for direct calls. The host's; all but error_number is gate_direct_init's. */
typedef struct gate_direct {
    const gate_function *function;
    void *outer;
    int error_number; /* what the last call has left in errno */
    int status;
    void (*enter)(void);
    void (*address)(void);
    ptrdiff_t m_at, errno_at; /* from here on, for calls in line */
    void (*asked)(void), (*claimed)(void);
    int inline_way;
} gate_direct;

/* Prepares direct calls of a function, as many as the host likes, one at a time. function, and what it points to, lives as
 * long, and isn't changed.
 *
 * Errors: -ENOTSUP for a function that takes something on the stack, or is variadic, or returns in memory or in registers
 * of the x87, or has a vector of 32 or 64 bytes in a register; and where there are no frames (gate_frame_size). Never
 * blocks. Any thread. */
int gate_direct_init(gate_direct *direct, const gate_function *function);

/* gate_call, with the arguments where C has them: type is a pointer to the function's own type. The function starts with
 * errno 0; what it leaves there is direct->error_number, and gate_errno tells nothing of it. direct is the call's until it
 * returns.
 *
 * Is what the function returned; gate_direct_status says whether that is to be used. Blocks, ends and threads as
 * gate_call. For C, not C++. */
#define GATE_CALL_DIRECT(direct, type, ...) \
    __builtin_call_with_static_chain(((type)(direct)->enter)(__VA_ARGS__), (direct))

/* What gate_call would have returned for the last call: to be asked after each. Never blocks. */
static inline int gate_direct_status(gate_direct *direct) {
    int status = direct->status;
    if (__builtin_expect(status != 0, 0))
        direct->status = 0;
    return status;
}

/* A direct call in line: the compiler puts the crossing, too, where the call stands, so that from a task it costs little
 * more than the same call without Callgate, for some 200 bytes of code each. cgen writes such callers. For a function
 * with no more arguments than registers, all of them integers, pointers, float or double, and a result like that or none:
 *
 *   static double scale(gate_direct *direct, const char *name, double by) { // double function(const char *, double)
 *       GATE_INLINE_WORD(0, const char *, name);
 *       GATE_INLINE_VECTOR(0, double, by);
 *       GATE_INLINE_CALL(DEFAULT, direct, 1, 1, long, double);
 *       return gate_vector; // gate_direct_status(direct) is as ever
 *   }
 *
 * First come the arguments, words and vectors counted from 0 each, with their types, but int for what is smaller; their
 * values are any expressions. Then the call: DEFAULT or LEAF is the function's class, or the call is out of line; two
 * numbers, not expressions, are how many words and vectors there were; the types are that of the result and any other. It
 * is in gate_word or gate_vector, variables that these macros declare, as are others whose names begin so: there is one
 * call in a block.
 *
 * All else is as for GATE_CALL_DIRECT, which does for where these macros aren't defined. The function that they are in
 * has a frame pointer. */
#if defined(__x86_64__) && defined(__ELF__) && !defined(__ILP32__)
#include "arch/x86_64/inline.h"
#define GATE_INLINE_WORD(number, type, value) __typeof__(type) gate_word##number = (value)
#define GATE_INLINE_VECTOR(number, type, value) __typeof__(type) gate_vector##number = (value)
#define GATE_INLINE_CALL(class, direct, words, vectors, word_type, vector_type) \
    GATE__INLINE_CALL(class, direct, words, vectors, word_type, vector_type)
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
