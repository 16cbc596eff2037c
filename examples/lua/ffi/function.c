/* Functions of C as Lua's. Each is one for good, which a script may have as often as it looks it up: a relay of the
 * bridge's, which passes what is known of it on to call.c, so that a call has no upvalue to ask for. A table has its
 * cdata by its address, and by all that makes it differ from others the function itself.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"

/* What makes one differ, with the name behind it. */
struct identity {
    const struct ctype *type;
    void *address;
    uint32_t call_class, is_lenient; /* and no bytes that nobody sets */
};

/* Pushes the table of functions, and the key in it. */
static void push_key(lua_State *L, struct ffi *ffi, const gate_function *function, const struct ctype *type,
                     bool is_lenient) {
    struct identity identity = {type, (void *)(uintptr_t)function->address, function->call_class, is_lenient};
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->functions);
    lua_pushlstring(L, (const char *)&identity, sizeof identity);
    lua_pushstring(L, function->name);
    lua_concat(L, 2);
}

static struct bound *push_bound(lua_State *L, struct ffi *ffi, const gate_function *function, struct ctype *type) {
    size_t length = strlen(function->name) + 1;
    struct bound *bound = cdata_new(L, ffi, type, sizeof *bound + length)->address;
    bound->address = (void *)(uintptr_t)function->address;
    bound->ffi = ffi;
    bound->type = type;
    bound->function = *function;
    bound->function.name = memcpy(bound->name, function->name, length);
    return bound;
}

/* Makes the relay, and keeps the cdata on top in the table at index, and with it the relay until the state has closed.
 * */
static lua_CFunction relay(lua_State *L, int table, struct bound *bound) {
    gate_error error;
    struct ffi *ffi = bound->ffi;
    if (gate_relay_make((void (*)(void))call_way(L, bound), bound, &bound->relay, &error))
        luaL_error(L, "%s", error.message);
    lua_CFunction function = (lua_CFunction)gate_relay_address(bound->relay);
    lua_rawsetp(L, table, (void *)(uintptr_t)function);
    bound->next = ffi->all_bound;
    ffi->all_bound = bound;
    return function;
}

static void push(lua_State *L, struct ffi *ffi, struct ctype *type, const gate_function *function, bool is_lenient) {
    luaL_checkstack(L, 5, "a function");
    push_key(L, ffi, function, type, is_lenient);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        struct bound *bound = push_bound(L, ffi, function, type);
        bound->is_lenient = is_lenient;
        lua_pushcfunction(L, relay(L, lua_absindex(L, -3), bound));
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

void function_push(lua_State *L, struct ffi *ffi, struct ctype *type, const gate_function *function) {
    push(L, ffi, type, function, false);
}

void function_stop(struct ffi *ffi) {
    for (struct bound *bound = ffi->all_bound; bound; bound = bound->next)
        gate_relay_free(bound->relay);
    ffi->all_bound = NULL;
}

struct cdata *function_cdata(lua_State *L, const struct ffi *ffi, int index) {
    lua_CFunction function = lua_tocfunction(L, index);
    if (!function)
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->functions);
    lua_rawgetp(L, -1, (void *)(uintptr_t)function);
    struct cdata *cd = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return cd;
}

struct ctype *function_check(lua_State *L, struct ffi *ffi, gate_function *function) {
    const struct cdata *cd = cdata_test(L, ffi, 1);
    struct ctype *type = cd ? cd->type : NULL;
    if (type && type->form == FORM_FUNCTION) {
        *function = ((const struct bound *)cd->address)->function;
        return type;
    }
    if (!type || type->form != FORM_POINTER || type->target->form != FORM_FUNCTION) {
        luaL_typeerror(L, 1, "C function");
        abort(); /* the analyzer doesn't know that an error never comes back */
    }
    *function = (gate_function){.address = *(void (**)(void))cd->address, .name = "a function pointer"};
    if (!function->address)
        luaL_argerror(L, 1, "a NULL pointer");
    return type->target;
}

static bool is_lenient(const struct cdata *cd) {
    return cd->type->form == FORM_FUNCTION && ((const struct bound *)cd->address)->is_lenient;
}

/* The same function, as a caller wants it. */
static int push_again(lua_State *L, struct ctype *type, const gate_function *of, enum gate_call_class call_class,
                      bool lenient) {
    push(L, ffi_of(L), type, &(gate_function){.address = of->address, .name = of->name, .call_class = call_class},
         lenient);
    return 1;
}

static int of_class(lua_State *L, enum gate_call_class call_class) {
    gate_function function;
    struct ctype *type = function_check(L, ffi_of(L), &function);
    return push_again(L, type, &function, call_class, is_lenient(cdata_check(L, ffi_of(L), 1)));
}

int function_lenient(lua_State *L) {
    gate_function function;
    struct ctype *type = function_check(L, ffi_of(L), &function);
    return push_again(L, type, &function, function.call_class, true);
}

int function_leaf(lua_State *L) {
    return of_class(L, GATE_CALL_LEAF);
}

int function_blocking(lua_State *L) {
    return of_class(L, GATE_CALL_BLOCKING);
}

int function_guard(lua_State *L) {
    return of_class(L, GATE_CALL_GUARDED);
}
