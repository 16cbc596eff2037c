/* Direct calls: arch/<name>/direct.S makes most of them, or, in line, the host itself by arch/<name>/inline.h. Here is which
 * way a function's go, and the long one: what is in registers becomes a frame, and the call is one by frame.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/arch/direct.h"
#include "bridge/internal.h"

_Static_assert(offsetof(struct gate__call, function) == offsetof(gate_direct, function), "it begins with a call");
_Static_assert(offsetof(struct gate__call, outer) == offsetof(gate_direct, outer), "it begins with a call");
_Static_assert(offsetof(struct gate__call, error_number) == offsetof(gate_direct, error_number), "and goes on");
_Static_assert(offsetof(struct gate__call, status) == offsetof(gate_direct, status), "and goes on");
_Static_assert(offsetof(gate_direct, address) == GATE__DIRECT_ADDRESS, "direct.h");

#ifdef GATE_INLINE_CALL
_Static_assert(GATE__INLINE_M_SYSTEM_SP == GATE__M_SYSTEM_SP && GATE__INLINE_M_TASK == GATE__M_TASK, "inline.h");
_Static_assert(GATE__INLINE_M_CALL == GATE__M_CALL && GATE__INLINE_M_CLAIM == GATE__M_CLAIM, "inline.h");
_Static_assert(GATE__INLINE_M_ASKED == GATE__M_ASKED && GATE__INLINE_TASK_SP == GATE__TASK_SP, "inline.h");
_Static_assert(GATE__INLINE_TASK_FLOOR == GATE__TASK_FLOOR && GATE__INLINE_TASK_CALL == GATE__TASK_CALL, "inline.h");
_Static_assert(offsetof(gate_direct, error_number) == GATE__INLINE_ERROR_NUMBER, "inline.h");
_Static_assert(offsetof(gate_direct, enter) == GATE__INLINE_ENTER, "inline.h");
_Static_assert(offsetof(gate_direct, address) == GATE__INLINE_ADDRESS, "inline.h");
_Static_assert(offsetof(gate_direct, m_at) == GATE__INLINE_M_AT, "inline.h");
_Static_assert(offsetof(gate_direct, errno_at) == GATE__INLINE_ERRNO_AT, "inline.h");
_Static_assert(offsetof(gate_direct, asked) == GATE__INLINE_ASKED, "inline.h");
_Static_assert(offsetof(gate_direct, claimed) == GATE__INLINE_CLAIMED, "inline.h");
_Static_assert(offsetof(gate_direct, inline_way) == GATE__INLINE_WAY, "inline.h");
#endif

/* Whether registers have all of it, whatever is passed: what is on the caller's stack is out of reach behind a switch. */
static bool goes_in_registers(const gate_signature *signature) {
    const struct gate__plan *plan = signature->plan;
    return plan && gate__plan_is_in_registers(plan) && !gate__signature_tells_vectors(signature);
}

int gate_direct_init(gate_direct *direct, const gate_function *function) {
    static void (*const ways[])(void) = {
        [GATE_CALL_DEFAULT] = gate__arch_direct_frame,
        [GATE_CALL_LEAF] = gate__arch_direct_leaf,
        [GATE_CALL_BLOCKING] = gate__arch_direct_by_frame,
        [GATE_CALL_GUARDED] = gate__arch_direct_by_frame,
    };
    static const int inline_ways[] = {
        [GATE_CALL_DEFAULT] = GATE__INLINE_DEFAULT, [GATE_CALL_LEAF] = GATE__INLINE_LEAF, [GATE_CALL_GUARDED] = 0};
    gate__signature_require(function->signature, "gate_direct_init");
    if (!goes_in_registers(function->signature))
        return -ENOTSUP;
    *direct = (gate_direct){
        .function = function,
        .enter = ways[function->call_class],
        .address = function->address,
        .m_at = gate__m_at(),
        .errno_at = gate__m_errno_at,
        .asked = gate__arch_direct_asked,
        .claimed = gate__arch_direct_claimed,
        .inline_way = inline_ways[function->call_class],
    };
    return 0;
}

void gate__direct_call(gate_direct *direct, gate_frame *frame) {
    gate_frame_init(frame, direct->function);
    direct->status = gate_call_frame(frame);
    direct->error_number = frame->error_number;
}
