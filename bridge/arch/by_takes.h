/* Calls by value whose arguments are taken to their registers one by one, for C and assembly: what a signature has for them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_BY_TAKES_H
#define CALLGATE_BRIDGE_ARCH_BY_TAKES_H

#define GATE__SIGNATURE_TAKES 8
#define GATE__SIGNATURE_GIVE 16

#define GATE__TAKE_ARGUMENT 8
#define GATE__TAKE_OFFSET 16
#define GATE__TAKE_SIZE 24

#ifndef __ASSEMBLER__
#include "bridge/arch/by_value.h"
#include "runtime/arch/arch.h"

/* Not to be called: they know where things are in each other. */
typedef void gate__piece(void);

/* A part of an argument, and what takes it to its place. A list of these ends with one of no_more. What is on the stack
 * is taken from the last to the first, all words of it, and is an even number of words. */
struct gate__take {
    gate__piece *routine;
    size_t argument, offset;
};

/* enum gate__load up to where vectors have any; 0 for what none takes. The last of the words is on the stack. */
enum { GATE__TAKES_OF_WORDS = 8, GATE__TAKES_OF_VECTORS = 4 };
extern gate__piece *const gate__arch_take_words[GATE__TAKES_OF_WORDS][GATE__WORDS + 1];
extern gate__piece *const gate__arch_take_vectors[GATE__TAKES_OF_VECTORS][GATE__VECTORS];

/* The first so many words, which are arguments one behind the other, of eight bytes each; of seven and eight the last are
 * all that is on the stack. */
gate__piece gate__arch_take_2, gate__arch_take_3, gate__arch_take_4, gate__arch_take_5, gate__arch_take_6,
    gate__arch_take_7, gate__arch_take_8;

gate__piece gate__arch_take_nothing; /* a word of the stack that no argument is in */
gate__piece gate__arch_take_room;    /* where a result in memory goes, to the first word */
gate__piece gate__arch_take_no_more;

/* What gives the host a result: bits of a word, of a vector, or both halves of sixteen bytes. */
gate__piece gate__arch_give_nothing, gate__arch_give_8, gate__arch_give_16, gate__arch_give_32, gate__arch_give_64,
    gate__arch_give_float, gate__arch_give_double, gate__arch_give_vector, gate__arch_give_words,
    gate__arch_give_word_double, gate__arch_give_double_word, gate__arch_give_doubles;

/* gate_call for functions that have both; room if C stores the result itself. */
gate__by_value gate__arch_takes_cross, gate__arch_takes_cross_room;
#endif

#endif
