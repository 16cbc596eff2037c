/* Lua functions that C calls.
 *
 * A callback lives until it is freed, or the state closes: C may keep a function pointer for as long as
 * it likes, and nobody but the script knows for how long.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "examples/lua/host/host.h"

/* One call of C's, so that Lua can be entered protected with a single argument. */
struct arrival {
    struct callback *callback;
    void *result;
    void *const *arguments;
};

/* The host keeps a callback's userdata under its address. */

static void keep_callback(lua_State *L, struct callback *callback) {
    host_push(L, KEPT_CALLBACKS);
    lua_insert(L, -2);
    lua_rawsetp(L, -2, callback);
    lua_pop(L, 1);
}

static void push_callback(lua_State *L, struct callback *callback) {
    host_push(L, KEPT_CALLBACKS);
    lua_rawgetp(L, -1, callback);
    lua_remove(L, -2);
}

/* [protected] */
static int enter(lua_State *L) {
    struct arrival *a = lua_touserdata(L, 1);
    const gate_signature *signature = a->callback->signature;
    const gate_type *type = gate_signature_result(signature);
    size_t count = gate_signature_count(signature);
    luaL_checkstack(L, (int)count + LUA_MINSTACK, "a callback's arguments");
    push_callback(L, a->callback);
    int owner = lua_gettop(L);
    lua_getiuservalue(L, owner, 1);
    for (size_t i = 0; i < count; i++)
        value_to_lua(L, gate_signature_parameter(signature, i), a->arguments[i]);
    lua_call(L, (int)count, 1);
    const char *why = type->kind == GATE_VOID ? NULL : value_to_c(L, owner + 1, type, a->result);
    if (why)
        return luaL_error(L, "bad result of a callback (%s)", why);
    if (type->kind == GATE_POINTER) { /* C has yet to look at it */
        lua_settop(L, owner + 1);
        lua_setiuservalue(L, owner, 2);
    }
    return 0;
}

/* The runtime's handler. [a slot] */
static int handle(void *data, void *result, void *const arguments[]) {
    struct arrival a = {data, result, arguments};
    return host_call_back(enter, &a);
}

/* callgate.callback(signature, function) */
static int module_callback(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    gate_error error;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    gate_runtime *runtime = host_check(L)->runtime;
    struct callback *callback = lua_newuserdatauv(L, sizeof *callback, 2);
    *callback = (struct callback){NULL, NULL};
    luaL_setmetatable(L, CALLBACK);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    callback->signature = parse_signature(L, text);
    value_check_signature(L, callback->signature);
    lua_pushvalue(L, -1);
    keep_callback(L, callback);
    struct gate_callback_config config = {.signature = callback->signature, .handler = handle, .host = callback};
    if (gate_callback_make(runtime, &config, &callback->callback, &error)) {
        lua_pushnil(L);
        keep_callback(L, callback);
        return luaL_error(L, "%s", error.message);
    }
    return 1;
}

static int callback_free(lua_State *L) {
    struct callback *callback = luaL_checkudata(L, 1, CALLBACK);
    if (!callback->callback)
        return luaL_error(L, "the callback has been freed before");
    host_check(L);
    if (gate_callback_free(callback->callback) == -EBUSY)
        return luaL_error(L, "the callback is running");
    callback->callback = NULL;
    lua_pushnil(L);
    keep_callback(L, callback);
    return 0;
}

static const luaL_Reg callback_meta[] = {{NULL, NULL}};
static const luaL_Reg callback_methods[] = {{"free", callback_free}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"callback", module_callback}, {NULL, NULL}};

void callback_open(lua_State *L) {
    open_metatable(L, CALLBACK, callback_meta, callback_methods);
    luaL_setfuncs(L, module_functions, 0);
}
