/* callgate-lua's two files: main.c, the program, and prompt.c, its prompt.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_PROGRAM_PROGRAM_H
#define CALLGATE_EXAMPLES_LUA_PROGRAM_PROGRAM_H

#include <stdbool.h>

#include "examples/lua/host/compat.h"

#define PROGRAM "callgate-lua"

/* main.c */

/* Pushes a function of the loader's. */
void program_push_loader(lua_State *L, const char *name);
/* Calls the function below its arguments. Returns whether that went well; else the error, with a traceback, is on top. */
bool program_call(lua_State *L, int arguments, int results);
/* Says the message on top on standard error, after the program's name if it is not that of a prompt, and pops it. */
void program_report(lua_State *L, const char *name);

/* prompt.c */

/* Reads, runs and prints until the input ends. */
void prompt_run(lua_State *L);

#endif
