/* Calls that nobody waits for: ffi.async(f, ...) starts one, and returns a future.
 *
 * The call is a task of its own, with a coroutine for its callbacks. What it was given stays in the future, and the future
 * in the registry, until the call has ended: C may be at it although the script has lost interest.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/host/host.h"

#define FUTURE "callgate.future"

enum { SECOND = 1000 * 1000 * 1000 };

/* Its user value is a table of what the call uses. */
struct future {
    gate_future *future; /* NULL before the start */
    struct ffi *ffi;
    struct ctype *result;
    lua_State *coroutine;
    const char *name;
};

static struct future *check(lua_State *L) {
    struct future *f = luaL_checkudata(L, 1, FUTURE);
    host_check(L);
    return f;
}

/* The registry has it under its address while C may use what it keeps. */
static void anchor(lua_State *L, struct future *f, bool is_kept) {
    if (is_kept)
        lua_pushvalue(L, -1);
    else
        lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, f);
}

/* Starting */

static void keep_for(lua_State *L, int values, struct future *f) {
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, values);
    lua_rawseti(L, -2, 1);
    lua_newtable(L);
    for (int i = 1; i < values; i++) { /* the function, and its arguments as they were given */
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i);
    }
    lua_rawseti(L, -2, 2);
    f->coroutine = lua_newthread(L);
    lua_rawseti(L, -2, 3);
    lua_setiuservalue(L, -2, 1);
}

/* ffi.async(function, ...) */
int async_start(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    gate_error error;
    gate_runtime *runtime = host_check(L)->runtime;
    gate_function function;
    void **arguments = call_values(L, ffi, &function);
    int values = lua_gettop(L);
    struct future *f = lua_newuserdatauv(L, sizeof *f, 1);
    *f = (struct future){.ffi = ffi, .name = function.name};
    f->result = ctype_of(L, ffi, gate_signature_result(function.signature));
    keep_for(L, values, f);
    luaL_setmetatable(L, FUTURE);
    anchor(L, f, true);
    struct gate_async_options options = {.runtime = runtime};
    function.host = f->coroutine;
    if (gate_call_async(&function, arguments, &options, &f->future, &error)) {
        anchor(L, f, false);
        return luaL_error(L, "%s", error.message);
    }
    return 1;
}

/* Looking */

/* Whether the call has ended; what it used may go then. */
static bool has_ended(lua_State *L, struct future *f, uint64_t nanoseconds) {
    int error_number = f->ffi->error_number; /* others run meanwhile */
    int failed = gate_future_wait(f->future, nanoseconds);
    f->ffi->error_number = error_number;
    if (failed)
        return false;
    anchor(L, f, false);
    return true;
}

/* Pushes what came of the call, or raises its error. */
static int push_result(lua_State *L, struct future *f) {
    int error_number = 0;
    struct ctype *type = f->result;
    size_t size = type->size ? type->size : 1;
    struct cdata *cd = cdata_new(L, f->ffi, type->plain, size < sizeof(uint64_t) ? sizeof(uint64_t) : size);
    int status = gate_future_result(f->future, cd->address, &error_number);
    f->ffi->error_number = error_number;
    if (status > 0 && lua_gettop(f->coroutine)) { /* a callback's, which has left the error there */
        lua_xmove(f->coroutine, L, 1);
        return lua_error(L);
    }
    if (status)
        return luaL_error(L, "'%s' failed: %s", f->name,
                          status > 0 ? "its error was raised before" : strerror(-status));
    if (type->form == FORM_VOID)
        return 0;
    if (type->form != FORM_RECORD)
        type->to_lua(L, f->ffi, type, cd->address);
    return 1;
}

/* future:wait([seconds]): what the function returned; nothing if it has not by then */
static int future_wait(lua_State *L) {
    struct future *f = check(L);
    lua_Number seconds = luaL_optnumber(L, 2, -1);
    bool is_limited = !lua_isnoneornil(L, 2) && seconds < 1e9;
    uint64_t nanoseconds = !is_limited ? GATE_FOREVER : seconds > 0 ? (uint64_t)(seconds * SECOND) : 0;
    lua_settop(L, 1);
    return has_ended(L, f, nanoseconds) ? push_result(L, f) : 0;
}

/* future:done() */
static int future_done(lua_State *L) {
    lua_pushboolean(L, has_ended(L, check(L), 0));
    return 1;
}

/* future:cancel(): whether that did anything */
static int future_cancel(lua_State *L) {
    lua_pushboolean(L, gate_future_cancel(check(L)->future) == 0);
    return 1;
}

/* [__gc] Nobody waits: has_ended was true, or the state closes. */
static int future_gc(lua_State *L) {
    struct future *f = lua_touserdata(L, 1);
    if (f->future)
        gate_future_free(f->future);
    f->future = NULL;
    return 0;
}

void async_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", future_gc}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"wait", future_wait}, {"done", future_done}, {"cancel", future_cancel}, {NULL, NULL}};
    host_open_metatable(L, FUTURE, meta, methods);
}
