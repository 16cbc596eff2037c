/* The Lua host's own map.
 *
 * One Lua state has one runtime with one slot: whoever holds the slot may touch the state, on whatever
 * thread. Each task runs on a Lua coroutine of its own, and on a C stack of its own: its Lua code is
 * called, never resumed. A callback runs on the coroutine that made the call it arrived below.
 *
 * A Lua error is a longjmp: no C function may lie between where it is raised and where it is caught.
 * So handlers run Lua protected, and leave the error object on top of the calling coroutine's stack,
 * where the call that led there finds it.
 *
 * Lua calls finalizers in an order that no script controls, and a finalizer may use what has been finalized
 * before it. So nothing that C needs is freed by one: signatures and libraries are kept until the state
 * closes, callbacks until they are freed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_HOST_H
#define CALLGATE_EXAMPLES_LUA_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "callgate.h"
#include "examples/lua/compat.h"

/* One per Lua state; the runtime's host pointer. */
struct host {
    gate_runtime *runtime; /* NULL once the state closes */
    lua_State *service;    /* a coroutine for work on behalf of no Lua code: threads that come and go */
};

/* The host's user values: the service coroutine, and tables of what is kept. */
enum kept { KEPT_SERVICE = 1, KEPT_SIGNATURES, KEPT_LIBRARIES, KEPT_CALLBACKS };

/* Returns the host; raises an error when the state closes. */
struct host *host_check(lua_State *L);
/* Pushes one of the host's user values. */
void host_push(lua_State *L, enum kept kept);

/* What Lua code holds. Each is a userdata with a metatable of that name. */
#define LIBRARY "callgate.library"
#define FUNCTION "callgate.function"
#define CALLBACK "callgate.callback"
#define POINTER "callgate.pointer"
#define TASK "callgate.task"

struct function {
    gate_function function;
    struct host *host;
    char name[64];
};

struct callback { /* user value 1: the Lua function; 2: the last pointer that it returned */
    gate_callback *callback;
    const gate_signature *signature;
};

#define UNKNOWN SIZE_MAX

struct pointer { /* user value 1: for Lua's own memory, a table of what it keeps */
    char *address;
    const gate_type *element;
    size_t bytes; /* that may be touched; UNKNOWN for C's memory */
};

/* value.c: between Lua's values and C's */

/* A cell for any value that passes. */
union cell {
    long long integer;
    long double real;
    void *pointer;
};

/* Raises an error unless every type of signature has a Lua value. */
void value_check_signature(lua_State *L, const gate_signature *signature);
/* Stores the Lua value at index in cell, as type asks. Returns NULL, or why that can't be done, as a string
 * that it has pushed. */
const char *value_to_c(lua_State *L, int index, const gate_type *type, void *cell);
/* Pushes the value in cell. */
void value_to_lua(lua_State *L, const gate_type *type, const void *cell);
void value_open(lua_State *L);

/* callback.c */

void callback_open(lua_State *L);
/* The runtime's hooks: a thread of C's own gets a coroutine, and loses it. */
void callback_thread_adopt(void *host, gate_task *root);
void callback_thread_drop(void *host, gate_task *root);
void callback_failed(void *host, gate_task *root, int status);

/* task.c */

void task_open(lua_State *L);

/* callgate.c */

/* Returns the signature that text says, or raises an error. It lives until the state closes. */
const gate_signature *parse_signature(lua_State *L, const char *text);
/* Adds the functions to the table on top, and gives metatable its methods. */
void open_metatable(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

#endif
