/* Where things lie in a frame that a host fills, for C and assembly, and the ways to make a call by one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_BY_FRAME_H
#define CALLGATE_BRIDGE_ARCH_BY_FRAME_H

#include "bridge/arch/by_value.h" /* a frame begins as a record of a call */

#define GATE__FRAME_ADDRESS 32
#define GATE__FRAME_CELLS 48

/* And how many of its cells go on the stack. */
#define GATE__SIGNATURE_PLAN 72
#define GATE__PLAN_STACK_COUNT 4

#ifndef __ASSEMBLER__
#include "bridge/bridge.h"

/* A call by frame of class default, or of class leaf: all of it, on a thread without a task, from a root task, or from
 * another; where they can't, they leave it to gate__call_frame. The first word of their names says which arguments they
 * load:
 *
 *   pair      the first two words                    few     the first two words, and as doubles
 *   words     the words                              all     the words, the vectors' lower halves, and the stack's
 *   stack     the words, and two on the stack        whole   the words, the vectors, and the stack's
 *   doubles   the lower halves of two vectors
 *
 * and the second which results they store: a word, the lower half of a vector, both (two of each), or any: two words and two
 * vectors. */
typedef int gate__by_frame(gate_frame *frame);

#define GATE__BY_FRAME(name) gate__arch_frame_##name, gate__arch_leaf_##name

/* By a call's class. */
enum { GATE__BY_FRAME_WAYS = GATE_CALL_LEAF + 1 };

gate__by_frame GATE__BY_FRAME(pair_word), GATE__BY_FRAME(words_word), GATE__BY_FRAME(stack_word),
    GATE__BY_FRAME(doubles_word), GATE__BY_FRAME(doubles_vector), GATE__BY_FRAME(doubles_both),
    GATE__BY_FRAME(few_word), GATE__BY_FRAME(few_vector), GATE__BY_FRAME(few_both), GATE__BY_FRAME(all_word),
    GATE__BY_FRAME(all_vector), GATE__BY_FRAME(all_both), GATE__BY_FRAME(whole_any);
#endif

#endif
