/* Callbacks: functions of Lua's that C calls.
 *
 * One lives until it is freed, or the state closes: C may keep the pointer for as long as it likes, and nobody but the
 * script knows for how long. What is freed is still there for a while (FREED of them): C that calls it meets an
 * error, which the call that led there raises. A function that is passed as it is to many calls is one callback.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/host/host.h"

struct closure {
    gate_callback *callback; /* NULL when the state has closed */
    struct closure *next;
    struct ffi *ffi;
    struct ctype *type; /* of the function */
    int function;       /* the registry's reference; LUA_NOREF once it is freed */
    int kept;           /* what was returned last, which C has yet to look at */
    int refusal;        /* what C gets when the function fails */
    size_t count;
    struct ctype *result;
    struct ctype *parameters[];
};

static void *address_of(const struct closure *closure) {
    return (void *)(uintptr_t)gate_callback_address(closure->callback);
}

/* From C */

/* One call of C's, so that Lua can be entered protected with a single argument. */
struct arrival {
    struct closure *closure;
    void *result;
    void *const *arguments;
};

static int refuse_freed(lua_State *L) {
    return luaL_error(L, "bad callback");
}

/* C gets a pointer into what is returned: it is kept until the next time. */
static void keep_result(lua_State *L, struct closure *closure) {
    if (closure->kept == LUA_NOREF)
        closure->kept = luaL_ref(L, LUA_REGISTRYINDEX);
    else
        lua_rawseti(L, LUA_REGISTRYINDEX, closure->kept);
}

/* [protected] */
static int enter(lua_State *L) {
    struct arrival *a = lua_touserdata(L, 1);
    struct closure *closure = a->closure;
    struct ctype *result = closure->result;
    if (closure->function == LUA_NOREF)
        return refuse_freed(L);
    luaL_checkstack(L, (int)closure->count + LUA_MINSTACK, "a callback's arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, closure->function);
    for (size_t i = 0; i < closure->count; i++) {
        struct ctype *type = closure->parameters[i];
        if (type->form == FORM_RECORD)
            cdata_push_copy(L, closure->ffi, type->plain, a->arguments[i]);
        else
            type->to_lua(L, closure->ffi, type, a->arguments[i]);
    }
    lua_call(L, (int)closure->count, result->form != FORM_VOID);
    if (result->form == FORM_VOID)
        return 0;
    const char *why = result->to_c(L, closure->ffi, -1, result, a->result);
    if (why)
        return luaL_error(L, "%s", why);
    if (result->form == FORM_POINTER)
        keep_result(L, closure);
    return 0;
}

/* The runtime's handler, which goes on when its callback is freed meanwhile. [a slot] */
static int handle(void *data, void *result, void *const arguments[]) {
    struct arrival a = {data, result, arguments};
    struct ffi *ffi = a.closure->ffi;
    int outer = ffi->error_number;
    ffi->host->callbacks++;
    int status = host_call_back(enter, &a);
    ffi->host->callbacks--;
    ffi->error_number = outer;
    return status;
}

void closure_stop(struct ffi *ffi) {
    for (struct closure *closure = ffi->all_closures; closure; closure = closure->next) {
        gate_callback_free(closure->callback);
        closure->callback = NULL;
    }
    ffi->all_closures = NULL;
}

/* Making */

static struct closure *new_closure(lua_State *L, struct ffi *ffi, struct ctype *type, const gate_signature *signature) {
    size_t count = gate_signature_count(signature);
    struct closure *closure = ffi_keep(L, sizeof *closure + count * sizeof(struct ctype *));
    closure->ffi = ffi;
    closure->type = type;
    closure->count = count;
    closure->function = closure->kept = closure->refusal = LUA_NOREF;
    closure->result = ctype_of(L, ffi, gate_signature_result(signature));
    for (size_t i = 0; i < count; i++)
        closure->parameters[i] = ctype_of(L, ffi, gate_signature_parameter(signature, i));
    return closure;
}

/* Makes one of the function at index. C gets refusal when that fails, or zeroes if it is NULL. */
static struct closure *make(lua_State *L, struct ffi *ffi, int index, struct ctype *type, const void *refusal) {
    gate_error error;
    const gate_signature *signature = binding_signature(L, type);
    gate_runtime *runtime = host_check(L)->runtime;
    index = lua_absindex(L, index);
    struct closure *closure = new_closure(L, ffi, type, signature);
    lua_pushvalue(L, index);
    closure->function = luaL_ref(L, LUA_REGISTRYINDEX);
    struct gate_callback_config config = {
        .signature = signature, .handler = handle, .host = closure, .refusal = refusal};
    if (gate_callback_make(runtime, &config, &closure->callback, &error)) {
        luaL_unref(L, LUA_REGISTRYINDEX, closure->function);
        ffi_forget(L, closure);
        luaL_error(L, "%s", error.message);
    }
    closure->next = ffi->all_closures;
    ffi->all_closures = closure;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->closures);
    lua_pushlightuserdata(L, closure);
    lua_rawsetp(L, -2, address_of(closure));
    ffi->host->callbacks++;
    lua_pop(L, 1);
    return closure;
}

/* One that was made of the same function before, for the same type. */
static void *make_once(lua_State *L, struct ffi *ffi, int index, struct ctype *type) {
    index = lua_absindex(L, index);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->passed);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, index);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_rawgetp(L, -1, type);
    void *address = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!address) {
        address = address_of(make(L, ffi, index, type, NULL));
        lua_pushlightuserdata(L, address);
        lua_rawsetp(L, -2, type);
    }
    lua_pop(L, 2);
    return address;
}

const char *closure_make(lua_State *L, struct ffi *ffi, int index, struct ctype *pointer, bool is_cast, void *to) {
    struct ctype *type = pointer->target;
    if (type->form != FORM_FUNCTION || gate_signature_variadic(type->type->function))
        return convert_refuse(L, ffi, index, pointer);
    void *address = is_cast ? address_of(make(L, ffi, index, type, NULL)) : make_once(L, ffi, index, type);
    memcpy(to, &address, sizeof address);
    return NULL;
}

/* ffi.callback(type, function [, refusal]) */
int closure_new(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *pointer = text_check_type(L, ffi, 1), *function = pointer->target;
    bool is_one = pointer->form == FORM_POINTER && function->form == FORM_FUNCTION;
    luaL_argcheck(L, is_one && !gate_signature_variadic(function->type->function), 1,
                  "a function pointer's type expected, without ...");
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 3);
    struct ctype *result = ctype_of(L, ffi, gate_signature_result(binding_signature(L, function)));
    void *refusal = lua_isnil(L, 3) ? NULL : cdata_new(L, ffi, result, result->size)->address;
    const char *why = refusal ? result->to_c(L, ffi, 3, result, refusal) : NULL;
    luaL_argcheck(L, !why, 3, why);
    struct closure *closure = make(L, ffi, 2, function, refusal);
    cdata_push_pointer(L, ffi, pointer->plain, address_of(closure));
    lua_pushvalue(L, 3); /* it may be what a pointer leads to */
    closure->refusal = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}

/* Methods */

/* The callback that the value at index 1 is, or NULL. */
static struct closure *find_closure(lua_State *L, const struct ffi *ffi) {
    const struct cdata *cd = cdata_check(L, ffi, 1);
    if (cd->type->form != FORM_POINTER || cd->type->target->form != FORM_FUNCTION)
        return NULL;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->closures);
    lua_rawgetp(L, -1, *(void **)cd->address);
    struct closure *closure = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return closure;
}

static struct closure *check_closure(lua_State *L, const struct ffi *ffi) {
    struct closure *closure = find_closure(L, ffi);
    if (!closure || !closure->callback)
        luaL_error(L, closure ? "callgate has stopped: the Lua state closes" : "bad callback");
    return closure;
}

/* A function that is passed again is another callback. */
static void forget_passed(lua_State *L, struct ffi *ffi, const struct closure *closure) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->passed);
    lua_rawgeti(L, LUA_REGISTRYINDEX, closure->function);
    lua_rawget(L, -2);
    if (lua_istable(L, -1)) {
        lua_rawgetp(L, -1, closure->type);
        bool is_it = lua_touserdata(L, -1) == address_of(closure);
        lua_pop(L, 1);
        if (is_it) {
            lua_pushnil(L);
            lua_rawsetp(L, -2, closure->type);
        }
    }
    lua_pop(L, 2);
}

/* The one that was freed longest ago goes for good, unless it runs. */
static void let_go(lua_State *L, struct ffi *ffi, struct closure *closure) {
    struct closure **link = &ffi->all_closures;
    if (gate_callback_free(closure->callback))
        return;
    while (*link != closure)
        link = &(*link)->next;
    *link = closure->next;
    luaL_unref(L, LUA_REGISTRYINDEX, closure->refusal);
    ffi_forget(L, closure);
}

static void end(lua_State *L, struct ffi *ffi, struct closure *closure) {
    struct closure **rests = &ffi->freed[ffi->freed_next++ % FREED];
    forget_passed(L, ffi, closure);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->closures);
    lua_pushnil(L);
    lua_rawsetp(L, -2, address_of(closure));
    luaL_unref(L, LUA_REGISTRYINDEX, closure->function);
    luaL_unref(L, LUA_REGISTRYINDEX, closure->kept);
    closure->function = closure->kept = LUA_NOREF;
    ffi->host->callbacks--;
    if (*rests)
        let_go(L, ffi, *rests);
    *rests = closure;
    lua_pop(L, 1);
}

/* cb:free() */
static int closure_free(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    end(L, ffi, check_closure(L, ffi));
    return 0;
}

void closure_close(lua_State *L, struct ffi *ffi) {
    struct closure *closure = find_closure(L, ffi);
    if (closure && closure->callback)
        end(L, ffi, closure);
}

/* cb:set(f) */
static int closure_set(lua_State *L) {
    struct closure *closure = check_closure(L, ffi_of(L));
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_rawseti(L, LUA_REGISTRYINDEX, closure->function);
    return 0;
}

int closure_method(lua_State *L, struct ffi *ffi, const char *name) {
    bool is_free = strcmp(name, "free") == 0;
    if (!is_free && strcmp(name, "set") != 0)
        return luaL_error(L, "'%s' has no member named '%s'", name_push_value(L, ffi, 1), name);
    lua_pushlightuserdata(L, ffi);
    lua_pushcclosure(L, is_free ? closure_free : closure_set, 1);
    return 1;
}
