/* Where things lie in a direct call, for C and assembly, and its ways.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_DIRECT_H
#define CALLGATE_BRIDGE_ARCH_DIRECT_H

#include "bridge/arch/by_value.h" /* what is the host's begins as a record of a call */

#define GATE__DIRECT_ADDRESS 32

#ifndef __ASSEMBLER__
#include "bridge/direct.h"

/* The whole of a direct call: of class default, of class leaf, and by a frame, where the others leave it, too, if they
 * can't. They are called as the function itself, with the host's gate_direct in r10. */
void gate__arch_direct_frame(void);
void gate__arch_direct_leaf(void);
void gate__arch_direct_by_frame(void);

/* For calls in line, whose registers they take, and leave: something is asked of the slot on the way to C; it is claimed
 * on the way back. */
void gate__arch_direct_asked(void);
void gate__arch_direct_claimed(void);
#endif

#endif
