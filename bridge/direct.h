/* Direct calls: whoever knows a function's type when he is compiled has its arguments put into registers by the compiler,
 * as for the function itself, and the crossing calls it with nothing in between. cgen writes such callers.
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
} gate_direct;

/* Prepares direct calls of a function, as many as the host likes, one at a time. function, and what it points to, lives as
 * long, and isn't changed.
 *
 * Errors: -ENOTSUP for a function that takes something on the stack, or is variadic, or returns in memory or in registers
 * of the x87; and where there are no frames (gate_frame_size). Never blocks. Any thread. */
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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
