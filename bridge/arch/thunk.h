/* The layout of callbacks' code that C and assembly share, and what each arch/<name>/callback.S offers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_THUNK_H
#define CALLGATE_BRIDGE_THUNK_H

#define GATE__THUNK_PAGE 4096 /* bytes of code, and of the data behind it */
#define GATE__THUNK_SIZE 16   /* bytes of a thunk, and of its entry in the data */

#define GATE__THUNK_NAME 8  /* in the record of one that has been freed: its name */
#define GATE__THUNK_ROOM 64 /* bytes of that record, or of another that lies in its place */

/* A relay: what its code looks at. */
#define GATE__RELAY_TARGET 8
#define GATE__RELAY_DATA 16

/* A callback's frame, in bytes from its frame address: down to its note, a word more, the cells with C's registers, 16-byte
 * aligned, and room in which arguments are put together; and up to C's stack arguments. */
#define GATE__INTAKE_NOTE 40
#define GATE__INTAKE_WORD (GATE__INTAKE_NOTE + 8)
#define GATE__INTAKE_CELLS (GATE__INTAKE_WORD + 176)
#define GATE__INTAKE_ROOM 224 /* bytes */
#define GATE__INTAKE_SIZE (GATE__INTAKE_CELLS + GATE__INTAKE_ROOM)
#define GATE__INTAKE_STACK 16

/* Behind it, where vector registers have more than 16 bytes: so much of each, and of a result. */
#define GATE__WIDE_REGISTER 64
#define GATE__WIDE_SIZE (9 * GATE__WIDE_REGISTER)

/* A callback: what its code looks at. */
#define GATE__CALLBACK_RUNTIME 8
#define GATE__CALLBACK_INTAKE 16 /* and of that: */
#define GATE__INTAKE_COUNT 0
#define GATE__INTAKE_PLACES 268
#define GATE__CALLBACK_HANDLER 32
#define GATE__CALLBACK_HOST 40
#define GATE__CALLBACK_DIRECT 80
#define GATE__CALLBACK_REFUSAL 112
#define GATE__CALLBACK_MOST 14 /* arguments that the code can point to by itself */

#define GATE__RETURNS_X87 1 /* enum gate__in */
#define GATE__RETURNS_X87_PAIR 2
#define GATE__RETURNS_WIDE 4

#ifndef __ASSEMBLER__
/* A page of thunks, good at any address. The thunk that C calls goes to the address in the
 * first word of its record, with the record in the register of the static chain. */
extern const char gate__thunk_code[GATE__THUNK_PAGE];
/* Where those that have been freed go, and who it tells. */
void gate__thunk_freed(void);
_Noreturn void gate__thunk_tell_freed(const char *name);
/* Where those of relays go: on to the target, with the data as the second argument. */
void gate__arch_relay(void);
/* Where those of callbacks go, which are their own records: arrive does for all, but for those with vector registers of more
 * than 16 bytes. Of the others there is one for each kind of arguments and result, and one for all direct handlers; to be
 * called with any they are not. */
void gate__arch_arrive(void);
void gate__arch_arrive_wide32(void);
void gate__arch_arrive_wide64(void);
void gate__arch_arrive_pair_word4(void);
void gate__arch_arrive_pair_word8(void);
void gate__arch_arrive_any_word4(void);
void gate__arch_arrive_any_word8(void);
void gate__arch_arrive_any_vector4(void);
void gate__arch_arrive_any_vector8(void);
void gate__arch_arrive_direct(void);
#endif

#endif
