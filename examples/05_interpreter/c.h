/* What the language has of C.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_C_H
#define CALLGATE_EXAMPLES_C_H

#include "callgate.h"
#include "examples/05_interpreter/language.h"

struct c {
    struct language *language;
    gate_runtime *runtime;
    gate_decls *decls;
    const gate_decl *last; /* of decls, that was made a word */
    struct library *libraries;
    struct function *functions;
    struct callback *callbacks;
    struct job *jobs;
};

/* Adds words to the language, which lives longer than *c:
 *
 *   "name" library                      opens a shared library, in which C's functions are looked for, too
 *   "int f(int); ..." c                 makes words of functions: arguments are taken, and the result is left. What no
 *                                       library has is told, and looked for again when it is called
 *   [ ... ] "int (int)" callback        leaves the address of a function that C can call
 *   [ ... ] go, join                    runs code in a task of its own, which it leaves; waits until that has ended
 *   int@ int!                           reads and writes an int at an address
 *
 * False if that fails: error says why. The calling task's host pointer is the state in which code runs. */
bool c_add(struct c *c, struct language *language, gate_runtime *runtime, gate_error *error);

/* Waits for the tasks that are left, and for callbacks that run, and frees what the words have made: threads of C's own
 * begin no callback any more. */
void c_free(struct c *c);

#endif
