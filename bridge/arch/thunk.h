/* The layout of callbacks' code that C and assembly share, and what each arch/<name>/callback.S offers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_THUNK_H
#define CALLGATE_BRIDGE_THUNK_H

#define GATE__THUNK_PAGE 4096 /* bytes of code, and of the data behind it */
#define GATE__THUNK_SIZE 16   /* bytes of a thunk, and of its entry in the data */

#ifndef __ASSEMBLER__
/* A page of thunks that may be copied to any address. The thunk that C calls goes to the address in the
 * first word of its record, with the record in the register of the static chain. */
extern const char gate__thunk_code[GATE__THUNK_PAGE];
#endif

#endif
