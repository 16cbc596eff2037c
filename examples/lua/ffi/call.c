/* Calls. What a function's type says is read once, into a binding: for each argument how it is converted, and where in the
 * frame it goes. A call has its frame on C's stack, and allocates nothing for numbers, strings and pointers that are
 * passed.
 *
 * A string's bytes, and whatever cdata are passed, stay on Lua's stack while the call lasts: other tasks may run in this
 * state meanwhile, and the collector with them.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "examples/lua/ffi/binding.h"
#include "examples/lua/host/host.h"

enum {
    FRAME = 512,  /* bytes: what most frames need at the most */
    SMALL = 32,   /* bytes of a value that is converted on C's stack */
    ALIGNED = 64, /* where a frame lies best */
};

/* Arguments */

static const char *name_of(const gate_function *function) {
    return function->name ? function->name : "a function";
}

static int refuse(lua_State *L, const gate_function *function, int i, const char *why) {
    return luaL_error(L, "bad argument #%d to '%s' (%s)", i + 1, name_of(function), why);
}

/* One that goes into several places, or is large. */
static const char *put_value(lua_State *L, struct ffi *ffi, int index, const struct binding *binding, gate_frame *frame,
                             int i) {
    _Alignas(16) char small[SMALL];
    struct ctype *type = binding->steps[i].type;
    const struct cdata *cd = cdata_test(L, ffi, index);
    void *value = small;
    if (cd && cd->type->plain == type->plain) {
        gate_frame_put(binding->signature, frame, (size_t)i, cd->address);
        return NULL;
    }
    luaL_checkstack(L, LUA_MINSTACK, "a function's arguments");
    if (type->size > SMALL)
        value = cdata_new(L, ffi, type, type->size)->address;
    const char *why = type->to_c(L, ffi, index, type, value);
    if (!why)
        gate_frame_put(binding->signature, frame, (size_t)i, value);
    return why;
}

static __attribute__((noinline)) const char *put_other(lua_State *L, struct ffi *ffi, int index,
                                                       const struct binding *binding, gate_frame *frame, int i) {
    const struct step *step = &binding->steps[i];
    char *at = (char *)frame + step->at;
    switch (step->way) {
    case AS_INT:
    case AS_INTEGER:
        return convert_integer(L, ffi, index, step->type, (int64_t *)(void *)at);
    case AS_VALUE:
        return put_value(L, ffi, index, binding, frame, i);
    case AS_BOOL:
        *(uint64_t *)(void *)at = 0;
        return step->type->to_c(L, ffi, index, step->type, at);
    default:
        return step->type->to_c(L, ffi, index, step->type, at);
    }
}

/* Lua's own values of the usual types, with few calls of Lua's; false for all others, which go the long way. */
static inline __attribute__((always_inline)) bool put(lua_State *L, struct ffi *ffi, int index, const struct step *step,
                                                      void *at) {
    int is_exact;
    const struct cdata *cd;
    int type = lua_type(L, index);
    if (step->way == AS_INT) {
        lua_Integer value = lua_tointegerx(L, index, &is_exact);
        *(int64_t *)at = (int32_t)value;
        return type == LUA_TNUMBER && is_exact && LUA_VERSION_NUM >= 503;
    }
    if (step->way == AS_DOUBLE) {
        *(double *)at = lua_tonumber(L, index);
        return type == LUA_TNUMBER;
    }
    if (step->way == AS_TEXT && type == LUA_TSTRING) {
        *(const char **)at = lua_tostring(L, index);
        return true;
    }
    if (type != LUA_TUSERDATA || (step->way != AS_IS && step->way != AS_TEXT))
        return false;
    cd = cdata_test(L, ffi, index);
    if (!cd || cd->type != step->type)
        return false;
    *(uint64_t *)at = *(uint64_t *)cd->address;
    return true;
}

/* The call */

/* On behalf of L: callbacks below it run there. */
static inline int enter(lua_State *L, struct ffi *ffi, gate_frame *frame) {
    void *on_behalf = L;
    if (__builtin_expect(!ffi->host->runtime || gate_task_swap_host(&on_behalf) < 0, 0))
        return luaL_error(L, "'%s' can't be called: %s", name_of(frame->function),
                          ffi->host->runtime ? "this thread belongs to no runtime of callgate's"
                                             : "the Lua state closes");
    frame->error_number = ffi->error_number;
    int status = gate_call_frame(frame);
    gate_task_swap_host(&on_behalf);
    ffi->error_number = frame->error_number;
    return status;
}

/* Why a call of class guarded did not come back by itself. */
static int raise_fault(lua_State *L, const gate_function *function, int status) {
    char words[2048];
    const gate_trap *trap = status == -EFAULT ? gate_trap_last() : NULL;
    if (!trap)
        return luaL_error(L, "'%s' failed: %s", name_of(function), strerror(-status));
    gate_trap_print(trap, words, sizeof words);
    return luaL_error(L, "'%s' crashed: %s", name_of(function), words);
}

/* A positive status is a callback's, which has left the error on top. */
static __attribute__((noinline)) int fail(lua_State *L, const gate_function *function, int status) {
    return status > 0 ? lua_error(L) : raise_fault(L, function, status);
}

/* A result that is made before the call, because C may write it, or is in several places. */
static int call_with_room(lua_State *L, struct ffi *ffi, const struct binding *binding, gate_frame *frame,
                          bool *is_in_use) {
    struct ctype *type = binding->result.type->plain;
    struct cdata *made = cdata_new(L, ffi, type, type->size);
    frame->result = made->address;
    int status = enter(L, ffi, frame);
    if (!status && binding->result_places)
        gate_frame_get(binding->signature, frame, made->address);
    *is_in_use = false;
    return status ? fail(L, frame->function, status) : 1;
}

/* All of a call by a frame that is prepared. *is_in_use is true from the first argument to the result, since finalizers may
 * run between; an error of memory leaves it so. */
static inline __attribute__((always_inline)) int call_by_frame(lua_State *L, struct ffi *ffi,
                                                               const struct binding *binding, int first,
                                                               gate_frame *frame, bool *is_in_use) {
    *is_in_use = true;
    const struct step *step = binding->steps, *end = step + binding->count;
    for (int index = first; step < end; step++, index++) {
        if (__builtin_expect(put(L, ffi, index, step, (char *)frame + step->at), 1))
            continue;
        const char *why = put_other(L, ffi, index, binding, frame, index - first);
        if (why) {
            *is_in_use = false;
            return refuse(L, frame->function, index - first, why);
        }
    }
    const struct step *result = &binding->result;
    if (result->way == AS_VALUE)
        return call_with_room(L, ffi, binding, frame, is_in_use);
    int status = enter(L, ffi, frame);
    const void *at = (char *)frame + result->at;
    if (__builtin_expect(status != 0, 0)) {
        *is_in_use = false;
        return fail(L, frame->function, status);
    }
    if (result->way == AS_INT)
        lua_pushinteger(L, *(const int *)at);
    else if (result->way == AS_DOUBLE)
        lua_pushnumber(L, *(const double *)at);
    else if (result->way == AS_IS)
        result->type->to_lua(L, ffi, result->type, at);
    *is_in_use = false;
    return result->way != AS_NOTHING;
}

static gate_frame *aligned_frame(void *room) {
    return (gate_frame *)(((uintptr_t)room + ALIGNED - 1) / ALIGNED * ALIGNED);
}

/* By a frame of its own: the function's is in use, or it has none, because its type says less than there are arguments. */
static __attribute__((noinline)) int call_slowly(lua_State *L, struct ffi *ffi, struct binding *binding,
                                                 const gate_function *model, int first) {
    _Alignas(ALIGNED) char room[FRAME];
    gate_function function = *model;
    gate_frame *frame = (gate_frame *)room;
    bool is_in_use;
    int given = lua_gettop(L) - first + 1;
    if (binding->is_variadic ? given < binding->count : given != binding->count)
        return luaL_error(L, "wrong number of arguments for function call");
    if (binding->is_variadic)
        binding = binding_find_variant(L, ffi, binding, first);
    function.signature = binding->signature;
    if (!binding->frame_size)
        return luaL_error(L, "'%s' has more arguments than can be passed", name_of(&function));
    luaL_checkstack(L, LUA_MINSTACK, "a call");
    if (binding->frame_size > FRAME)
        frame = aligned_frame(lua_newuserdatauv(L, binding->frame_size + ALIGNED, 0));
    gate_frame_init(frame, &function);
    return call_by_frame(L, ffi, binding, first, frame, &is_in_use);
}

/* A function has a frame, which is prepared at its first call, and serves one call at a time. */
static bool has_frame(lua_State *L, struct bound *bound) {
    const struct binding *binding = binding_of(L, bound->type);
    if (binding->is_variadic || !binding->frame_size)
        return false;
    bound->frame = aligned_frame(ffi_keep(L, bound->ffi, binding->frame_size + ALIGNED));
    bound->binding = binding;
    bound->function.signature = binding->signature;
    gate_frame_init(bound->frame, &bound->function);
    return true;
}

/* [a function of Lua's] Its upvalue is the function's cdata. */
static int call_bound(lua_State *L) {
    const struct cdata *cd = lua_touserdata(L, lua_upvalueindex(1));
    struct bound *bound = cd->address;
    bool is_ready = __builtin_expect(bound->frame != NULL, 1) || has_frame(L, bound);
    if (__builtin_expect(!is_ready || bound->is_in_use || lua_gettop(L) != bound->binding->count, 0))
        return call_slowly(L, bound->ffi, binding_of(L, bound->type), &bound->function, 1);
    return call_by_frame(L, bound->ffi, bound->binding, 1, bound->frame, &bound->is_in_use);
}

int call_pointer(lua_State *L, const struct cdata *cd) {
    struct ctype *type = cd->type->target;
    gate_function function = {.address = *(void (**)(void))cd->address, .name = "a function pointer"};
    if (!function.address)
        return luaL_error(L, "attempt to call a NULL pointer of type '%s'", name_push(L, type->ffi, cd->type, false));
    return call_slowly(L, type->ffi, binding_of(L, type), &function, 2);
}

struct cdata *call_cdata(lua_State *L, int index) {
    if (lua_tocfunction(L, index) != call_bound)
        return NULL;
    lua_getupvalue(L, index, 1);
    struct cdata *cd = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return cd;
}

/* By values */

/* The function, or what a pointer leads to. */
static struct ctype *check_function(lua_State *L, struct ffi *ffi, gate_function *function) {
    const struct cdata *cd = cdata_check(L, ffi, 1);
    struct ctype *type = cd->type;
    if (type->form == FORM_FUNCTION) {
        *function = ((const struct bound *)cd->address)->function;
        return type;
    }
    if (type->form != FORM_POINTER || type->target->form != FORM_FUNCTION)
        luaL_argerror(L, 1, "a function expected");
    *function = (gate_function){.address = *(void (**)(void))cd->address, .name = "a function pointer"};
    if (!function->address)
        luaL_argerror(L, 1, "a NULL pointer");
    return type->target;
}

static size_t room_of(const struct ctype *type) {
    return (type->size + 15) / 16 * 16; /* no argument is aligned to more */
}

void **call_values(lua_State *L, struct ffi *ffi, gate_function *function) {
    struct binding *binding = binding_of(L, check_function(L, ffi, function));
    int given = lua_gettop(L) - 1;
    if (binding->is_variadic ? given < binding->count : given != binding->count)
        luaL_error(L, "wrong number of arguments for function call");
    if (binding->is_variadic)
        binding = binding_find_variant(L, ffi, binding, 2);
    function->signature = binding->signature;
    size_t size = (size_t)binding->count * sizeof(void *) + 16;
    for (int i = 0; i < binding->count; i++)
        size += room_of(binding->steps[i].type);
    void **arguments = lua_newuserdatauv(L, size, 0);
    uintptr_t at = ((uintptr_t)(arguments + binding->count) + 15) / 16 * 16;
    for (int i = 0; i < binding->count; i++) {
        struct ctype *type = binding->steps[i].type;
        arguments[i] = memset((void *)at, 0, type->size);
        const char *why = type->to_c(L, ffi, 2 + i, type, arguments[i]);
        if (why)
            refuse(L, function, i, why);
        at += room_of(type);
    }
    return arguments;
}

/* Functions as values */

void call_push_function(lua_State *L, struct ffi *ffi, struct ctype *type, void *address, const char *name,
                        enum gate_call_class call_class) {
    size_t length = strlen(name) + 1;
    struct cdata *cd = cdata_new(L, ffi, type, sizeof(struct bound) + length);
    struct bound *bound = cd->address;
    bound->address = address;
    bound->ffi = ffi;
    bound->type = type;
    bound->function.address = (void (*)(void))address;
    bound->function.call_class = call_class;
    bound->function.name = memcpy(bound->name, name, length);
    lua_pushcclosure(L, call_bound, 1);
}

/* The same function, of another class. */
static int of_class(lua_State *L, enum gate_call_class call_class) {
    struct ffi *ffi = ffi_of(L);
    gate_function function;
    struct ctype *type = check_function(L, ffi, &function);
    call_push_function(L, ffi, type, (void *)(uintptr_t)function.address, name_of(&function), call_class);
    return 1;
}

int call_leaf(lua_State *L) {
    return of_class(L, GATE_CALL_LEAF);
}

int call_blocking(lua_State *L) {
    return of_class(L, GATE_CALL_BLOCKING);
}

int call_guard(lua_State *L) {
    return of_class(L, GATE_CALL_GUARDED);
}

/* ffi.errno([new]) */
int call_errno(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    int before = ffi->error_number;
    if (!lua_isnone(L, 1))
        ffi->error_number = (int)convert_check_integer(L, ffi, 1);
    lua_pushinteger(L, before);
    return 1;
}
