/* Where things lie in a frame that a host fills, for C and assembly, and the ways to make a call by one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_BY_FRAME_H
#define CALLGATE_BRIDGE_ARCH_BY_FRAME_H

#define GATE__FRAME_OUTER 8
#define GATE__FRAME_STATUS 16
#define GATE__FRAME_ERROR_NUMBER 20
#define GATE__FRAME_ADDRESS 32
#define GATE__FRAME_NAME 40
#define GATE__FRAME_CELLS 64

#ifndef __ASSEMBLER__
#include "bridge/bridge.h"

/* A call by frame of class default, with no argument on the stack, and a result in a word or the lower half of a vector
 * register: all of it, on a thread without an M or from a task; where they can't, they leave it to gate__call_frame.
 * registers are the arguments of GATE__SHAPE_ALL, the others' shapes have their names. */
typedef int gate__by_frame(gate_frame *frame);
gate__by_frame gate__arch_frame_pair, gate__arch_frame_words, gate__arch_frame_registers, gate__arch_frame_vector;
#endif

#endif
