/* Calls that nobody waits for: ffi.async(f, ...) starts one, and returns a future.
 *
 * The call is a task of its own, with a coroutine for its callbacks. What it was given stays in the future, and the future
 * in the registry, until the call has ended: C may be at it although the script has lost interest.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/lua/ffi/ffi.h"
#include "examples/lua/task/task.h"

#define FUTURE "callgate.future"

enum { SWEPT = 2 };

/* Its user value is a table of what the call uses. */
struct future {
    gate_future *future; /* NULL before the start, and when it is closed and nobody waits for it */
    struct ffi *ffi;
    struct ctype *result;
    lua_State *coroutine;
    const char *name;
    struct future *older, *newer; /* in the ffi's list, while it is anchored */
    bool is_anchored;
    bool is_closed; /* by a state that closes */
    unsigned waiters;
};

static struct future *check(lua_State *L) {
    struct future *f = luaL_checkudata(L, 1, FUTURE);
    host_check(L);
    if (f->is_closed)
        luaL_error(L, "the Lua state closes");
    return f;
}

/* The registry has it under its address while C may use what it keeps. */

static void anchor(lua_State *L, struct future *f) {
    struct ffi *ffi = f->ffi;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, f);
    f->is_anchored = true;
    f->older = ffi->newest;
    *(f->older ? &f->older->newer : &ffi->oldest) = f;
    ffi->newest = f;
}

static void let_go(lua_State *L, struct future *f) {
    struct ffi *ffi = f->ffi;
    if (!f->is_anchored)
        return;
    *(f->older ? &f->older->newer : &ffi->oldest) = f->newer;
    *(f->newer ? &f->newer->older : &ffi->newest) = f->older;
    f->older = f->newer = NULL;
    f->is_anchored = false;
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, f);
}

/* Whether the call has ended; what it used may go then. */
static bool has_ended(lua_State *L, struct future *f) {
    if (gate_future_wait(f->future, 0))
        return false;
    let_go(L, f);
    return true;
}

/* What nobody asks for goes with later calls: each looks at some that began before. */
static void sweep(lua_State *L, const struct ffi *ffi) {
    for (int i = 0; i < SWEPT && ffi->oldest; i++) {
        struct future *f = ffi->oldest;
        if (has_ended(L, f))
            continue;
        lua_rawgetp(L, LUA_REGISTRYINDEX, f);
        let_go(L, f);
        anchor(L, f); /* as the newest */
        lua_pop(L, 1);
    }
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
    sweep(L, ffi);
    void **arguments = call_values(L, ffi, &function);
    int values = lua_gettop(L);
    struct future *f = lua_newuserdatauv(L, sizeof *f, 1);
    *f = (struct future){.ffi = ffi, .name = function.name};
    f->result = ctype_of(L, ffi, gate_signature_result(function.signature));
    keep_for(L, values, f);
    luaL_setmetatable(L, FUTURE);
    anchor(L, f);
    struct gate_async_options options = {.runtime = runtime};
    function.host = f->coroutine;
    if (gate_call_async(&function, arguments, &options, &f->future, &error)) {
        let_go(L, f);
        return luaL_error(L, "%s", error.message);
    }
    return 1;
}

/* Looking */

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
    if (status > 0)
        return luaL_error(L, "'%s' failed: its error was raised before", f->name);
    if (status)
        return call_raise(L, f->name, status, gate_future_trap(f->future));
    if (type->form == FORM_VOID)
        return 0;
    if (type->form != FORM_RECORD)
        type->to_lua(L, f->ffi, type, cd->address);
    return 1;
}

/* A state that closes leaves it to the last of those who wait. */
static void free_unused(struct future *f) {
    if (f->waiters > 0)
        return;
    gate_future_free(f->future);
    f->future = NULL;
}

/* future:wait([seconds]): what the function returned; nothing if it has not by then */
static int future_wait(lua_State *L) {
    struct future *f = check(L);
    uint64_t then = task_deadline(L, 2);
    struct task *self = task_self(L);
    task_check_cancel(L, self);
    lua_settop(L, 1);
    f->waiters++;
    enum outcome outcome = task_wait_for_call(self, f->future, then);
    f->waiters--;
    if (f->is_closed)
        free_unused(f);
    if (outcome == WAIT_CANCELLED)
        task_check_cancel(L, self);
    check(L);
    if (outcome == WAIT_TIMED_OUT)
        return 0;
    let_go(L, f);
    return push_result(L, f);
}

/* future:done() */
static int future_done(lua_State *L) {
    lua_pushboolean(L, has_ended(L, check(L)));
    return 1;
}

/* future:cancel(): whether that did anything */
static int future_cancel(lua_State *L) {
    lua_pushboolean(L, gate_future_cancel(check(L)->future) == 0);
    return 1;
}

/* [__gc] The call has ended, or the state closes. */
static int future_gc(lua_State *L) {
    struct future *f = lua_touserdata(L, 1);
    f->is_closed = true;
    if (!f->future)
        return 0;
    gate_future_cancel(f->future);
    free_unused(f);
    return 0;
}

void async_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__gc", future_gc}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"wait", future_wait}, {"done", future_done}, {"cancel", future_cancel}, {NULL, NULL}};
    host_open_metatable(L, FUTURE, meta, methods);
}
