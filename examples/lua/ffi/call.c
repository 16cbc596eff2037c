/* Calls. What a function's type says is read once, into a binding: for each argument how it is converted, and where in the
 * frame it goes. A function has a frame, and allocates nothing for numbers, strings and pointers that are passed; calls
 * beside one that lasts have theirs on C's stack.
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

static int refuse(lua_State *L, const gate_function *function, int i, const char *why) {
    return luaL_error(L, "bad argument #%d to '%s' (%s)", i + 1, function->name, why);
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

/* A string that says a number becomes it, as arguments of Lua's own functions do. */
static void make_number(lua_State *L, int index) {
    int is_number;
    lua_Number number = lua_tonumberx(L, index, &is_number);
#if LUA_VERSION_NUM >= 503
    int is_integer;
    lua_Integer integer = lua_tointegerx(L, index, &is_integer);
    if (is_integer)
        lua_pushinteger(L, integer);
    else
#endif
        lua_pushnumber(L, number);
    if (is_number)
        lua_replace(L, index);
    else
        lua_pop(L, 1);
}

static __attribute__((noinline)) const char *put_other(lua_State *L, struct ffi *ffi, int index,
                                                       const struct binding *binding, gate_frame *frame, int i,
                                                       bool is_lenient) {
    const struct step *step = &binding->steps[i];
    char *at = (char *)frame + step->at;
    bool takes_number = step->type->form == FORM_INTEGER || step->type->form == FORM_REAL;
    if (is_lenient && takes_number && lua_type(L, index) == LUA_TSTRING)
        make_number(L, index);
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

/* Lua's own values of the usual types, with few calls of Lua's, none of which runs code; false for all others. */
static inline __attribute__((always_inline)) bool put(lua_State *L, int index, enum way way, void *to) {
    if (way == AS_INT) {
        if (LUA_VERSION_NUM < 503 || !lua_isinteger(L, index))
            return false;
        int64_t value = (int32_t)lua_tointegerx(L, index, NULL);
        *(int64_t *)to = value;
        return true;
    }
    if (way == AS_DOUBLE && __builtin_expect(lua_type(L, index) == LUA_TNUMBER, 1)) {
        double value = lua_tonumberx(L, index, NULL);
        *(double *)to = value;
        return true;
    }
    if (way == AS_TEXT && __builtin_expect(lua_type(L, index) == LUA_TSTRING, 1)) {
        const char *value = lua_tostring(L, index);
        *(const char **)to = value;
        return true;
    }
    return false;
}

/* The same for a pointer that is of the very type. */
static bool put_pointer(lua_State *L, struct ffi *ffi, int index, const struct step *step, void *to) {
    if (step->way != AS_IS && step->way != AS_TEXT)
        return false;
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (!cd || cd->type != step->type)
        return false;
    *(uint64_t *)to = *(uint64_t *)cd->address;
    return true;
}

/* The call */

/* errno mostly is what it was, and is written only if it isn't: there are more stores in a call than a processor makes beside the
 * rest. */
static inline int enter(lua_State *L, struct ffi *ffi, gate_function *function, gate_frame *frame) {
    host_call_for(L, ffi->host, function);
    if (__builtin_expect(frame->error_number != ffi->error_number, 0))
        frame->error_number = ffi->error_number;
    int status = gate_call_frame(frame);
    if (__builtin_expect(ffi->error_number != frame->error_number, 0))
        ffi->error_number = frame->error_number;
    return status;
}

int call_raise(lua_State *L, const char *name, int status, const gate_trap *trap) {
    char words[2048];
    if (!trap)
        return luaL_error(L, "'%s' failed: %s", name, strerror(-status));
    gate_trap_print(trap, words, sizeof words);
    return luaL_error(L, "'%s' crashed: %s", name, words);
}

/* A positive status is a callback's, which has left the error on top. */
static __attribute__((noinline)) int fail(lua_State *L, const gate_function *function, int status) {
    return status > 0 ? lua_error(L)
                      : call_raise(L, function->name, status, status == -EFAULT ? gate_trap_last() : NULL);
}

/* A result that is made before the call, because C may write it, or is in several places. */
static int call_with_room(lua_State *L, struct ffi *ffi, const struct binding *binding, gate_function *function,
                          gate_frame *frame) {
    struct ctype *type = binding->result.type->plain;
    struct cdata *made = cdata_new(L, ffi, type, type->size);
    frame->result = made->address;
    int status = enter(L, ffi, function, frame);
    if (!status && binding->result_places)
        gate_frame_get(binding->signature, frame, made->address);
    return status;
}

/* Pushes what is in its place, and returns how many values that is. */
static inline __attribute__((always_inline)) int push_result(lua_State *L, struct ffi *ffi, enum way way,
                                                             const struct binding *binding, const void *at) {
    if (way == AS_INT)
        lua_pushinteger(L, *(const int *)at);
    else if (way == AS_DOUBLE)
        lua_pushnumber(L, *(const double *)at);
    else if (way == AS_IS)
        binding->result.type->to_lua(L, ffi, binding->result.type, at);
    return way != AS_NOTHING;
}

/* All of a call by a frame that is prepared, with arguments from index first to the top. It goes to *free behind that:
 * finalizers may run in between. An error of memory leaves it taken. */
static int call_by_frame(lua_State *L, struct ffi *ffi, const struct binding *binding, gate_function *function,
                         int first, gate_frame *frame, gate_frame **free, bool is_lenient) {
    for (int i = 0; i < binding->count; i++) {
        const struct step *step = &binding->steps[i];
        void *to = (char *)frame + step->at;
        if (put(L, first + i, step->way, to) || put_pointer(L, ffi, first + i, step, to))
            continue;
        const char *why = put_other(L, ffi, first + i, binding, frame, i, is_lenient);
        if (why) {
            *free = frame;
            return refuse(L, function, i, why);
        }
    }
    enum way way = binding->result.way;
    bool has_room = way == AS_VALUE;
    int status = has_room ? call_with_room(L, ffi, binding, function, frame) : enter(L, ffi, function, frame);
    int count = status || has_room ? 1 : push_result(L, ffi, way, binding, (char *)frame + binding->result.at);
    *free = frame;
    return status ? fail(L, function, status) : count;
}

static gate_frame *aligned_frame(void *room) {
    return (gate_frame *)(((uintptr_t)room + ALIGNED - 1) / ALIGNED * ALIGNED);
}

/* By a frame of its own: the function's is in use, or it has none, because its type says less than there are arguments. */
static __attribute__((noinline)) int call_slowly(lua_State *L, struct ffi *ffi, struct binding *binding,
                                                 const gate_function *model, int first, bool is_lenient) {
    _Alignas(ALIGNED) char room[FRAME];
    gate_function function = *model;
    gate_frame *frame = (gate_frame *)room, *unused;
    host_arrive(L, ffi->host, &function);
    int given = lua_gettop(L) - first + 1;
    if (binding->is_variadic ? given < binding->count : given != binding->count)
        return luaL_error(L, "wrong number of arguments for function call");
    if (binding->is_variadic)
        binding = binding_find_variant(L, ffi, binding, first);
    function.signature = binding->signature;
    if (!binding->frame_size)
        return luaL_error(L, "'%s' has more arguments than can be passed", function.name);
    luaL_checkstack(L, LUA_MINSTACK, "a call");
    if (binding->frame_size > FRAME)
        frame = aligned_frame(lua_newuserdatauv(L, binding->frame_size + ALIGNED, 0));
    gate_frame_init(frame, &function);
    return call_by_frame(L, ffi, binding, &function, first, frame, &unused, is_lenient);
}

/* Functions that are bound have a frame, which is prepared at the first call, and serves one call at a time. */

static void prepare(lua_State *L, struct bound *bound) {
    host_arrive(L, bound->ffi->host, &bound->function); /* or else the type's signature may be gone */
    struct binding *binding = binding_of(L, bound->type);
    bound->binding = binding;
    bound->function.signature = binding->signature;
    if (binding->is_variadic || !binding->frame_size)
        return;
    bound->result_at = binding->result.at;
    bound->frame = aligned_frame(ffi_keep(L, binding->frame_size + ALIGNED));
    gate_frame_init(bound->frame, &bound->function);
}

static int call_bound(lua_State *L, struct bound *bound) {
    if (__builtin_expect(!bound->binding, 0))
        prepare(L, bound);
    gate_frame *frame = bound->frame;
    if (__builtin_expect(!frame || lua_gettop(L) != bound->binding->count, 0))
        return call_slowly(L, bound->ffi, bound->binding, &bound->function, 1, bound->is_lenient);
    bound->frame = NULL;
    return call_by_frame(L, bound->ffi, bound->binding, &bound->function, 1, frame, &bound->frame, bound->is_lenient);
}

/* Where an argument lies behind one of way before, and a result behind nothing: words in a row, and doubles in one of their
 * own. has_usual_places looks whether it is so. */
static inline __attribute__((always_inline)) uint32_t place_of(enum way way, enum way before) {
    enum { WORDS = offsetof(gate_frame, cells), DOUBLES = WORDS + 6 * sizeof(uint64_t) };
    bool is_second = before != AS_NOTHING && (before == AS_DOUBLE) == (way == AS_DOUBLE);
    return way == AS_DOUBLE ? DOUBLES + 16u * is_second : WORDS + 8u * is_second;
}

/* An argument, behind one of way before; *is_put is 0 if it is left to call_bound. Lenient: a number is taken as Lua's own
 * functions take theirs, which is one call of Lua's. */
static inline __attribute__((always_inline)) void put_at_once(lua_State *L, struct bound *bound, gate_frame *frame,
                                                              int i, enum way way, enum way before, bool is_lenient,
                                                              int *is_put) {
    void *to = (char *)frame + place_of(way, before);
    if (is_lenient && way == AS_INT && LUA_VERSION_NUM >= 503)
        *(int64_t *)to = (int32_t)lua_tointegerx(L, i + 1, is_put);
    else if (is_lenient && way == AS_DOUBLE)
        *(double *)to = lua_tonumberx(L, i + 1, is_put);
    else
        *is_put = way == AS_NOTHING || put(L, i + 1, way, to) ||
                  (way == AS_TEXT && put_pointer(L, bound->ffi, i + 1, &bound->binding->steps[i], to));
}

/* The same for functions of few arguments, with ways that are known when this is compiled. What Lua has to convert is
 * left to call_bound. */
static inline __attribute__((always_inline)) int call_at_once(lua_State *L, struct bound *bound, enum way first,
                                                              enum way second, enum way result, bool is_lenient) {
    int is_first, is_second;
    gate_frame *frame = bound->frame;
    if (__builtin_expect(!frame || lua_gettop(L) != (first != AS_NOTHING) + (second != AS_NOTHING), 0))
        return call_bound(L, bound);
    put_at_once(L, bound, frame, 0, first, AS_NOTHING, is_lenient, &is_first);
    if (!is_lenient && !is_first)
        return call_bound(L, bound);
    put_at_once(L, bound, frame, 1, second, first, is_lenient, &is_second);
    if (!(is_first & is_second))
        return call_bound(L, bound);
    bound->frame = NULL;
    int status = enter(L, bound->ffi, &bound->function, frame);
    void *at = (char *)frame + (result == AS_IS ? bound->result_at : place_of(result, AS_NOTHING));
    int count = status ? 1 : push_result(L, bound->ffi, result, bound->binding, at);
    bound->frame = frame;
    return status ? fail(L, frame->function, status) : count;
}

/* One for each result, strict and lenient. */
#define AT_ONCE_TO(name, first, second, result)                      \
    static int call_##name(lua_State *L, struct bound *bound) {      \
        return call_at_once(L, bound, first, second, result, false); \
    }                                                                \
    static int take_##name(lua_State *L, struct bound *bound) {      \
        return call_at_once(L, bound, first, second, result, true);  \
    }
#define AT_ONCE(arguments, first, second)                    \
    AT_ONCE_TO(arguments##_int, first, second, AS_INT)       \
    AT_ONCE_TO(arguments##_double, first, second, AS_DOUBLE) \
    AT_ONCE_TO(arguments##_other, first, second, AS_IS)      \
    AT_ONCE_TO(arguments##_nothing, first, second, AS_NOTHING)

AT_ONCE(none, AS_NOTHING, AS_NOTHING)
AT_ONCE(i, AS_INT, AS_NOTHING)
AT_ONCE(d, AS_DOUBLE, AS_NOTHING)
AT_ONCE(t, AS_TEXT, AS_NOTHING)
AT_ONCE(ii, AS_INT, AS_INT)
AT_ONCE(id, AS_INT, AS_DOUBLE)
AT_ONCE(it, AS_INT, AS_TEXT)
AT_ONCE(di, AS_DOUBLE, AS_INT)
AT_ONCE(dd, AS_DOUBLE, AS_DOUBLE)
AT_ONCE(dt, AS_DOUBLE, AS_TEXT)
AT_ONCE(ti, AS_TEXT, AS_INT)
AT_ONCE(td, AS_TEXT, AS_DOUBLE)
AT_ONCE(tt, AS_TEXT, AS_TEXT)

enum { WAYS = AS_NOTHING + 1 };

#define BY_RESULT(arguments)                                                             \
    {                                                                                    \
        [AS_INT] = {call_##arguments##_int, take_##arguments##_int},                     \
        [AS_DOUBLE] = {call_##arguments##_double, take_##arguments##_double},            \
        [AS_IS] = {call_##arguments##_other, take_##arguments##_other}, [AS_NOTHING] = { \
            call_##arguments##_nothing,                                                  \
            take_##arguments##_nothing                                                   \
        }                                                                                \
    }

/* By the ways of the first argument, the second and the result; the second of two is lenient. */
static call_function *const at_once[WAYS][WAYS][WAYS][2] = {
    [AS_INT] =
        {[AS_INT] = BY_RESULT(ii), [AS_DOUBLE] = BY_RESULT(id), [AS_TEXT] = BY_RESULT(it), [AS_NOTHING] = BY_RESULT(i)},
    [AS_DOUBLE] =
        {[AS_INT] = BY_RESULT(di), [AS_DOUBLE] = BY_RESULT(dd), [AS_TEXT] = BY_RESULT(dt), [AS_NOTHING] = BY_RESULT(d)},
    [AS_TEXT] =
        {[AS_INT] = BY_RESULT(ti), [AS_DOUBLE] = BY_RESULT(td), [AS_TEXT] = BY_RESULT(tt), [AS_NOTHING] = BY_RESULT(t)},
    [AS_NOTHING] = {[AS_NOTHING] = BY_RESULT(none)},
};

static enum way way_at(const struct binding *binding, int i) {
    return i < binding->count ? binding->steps[i].way : AS_NOTHING;
}

/* Whether all is where call_at_once looks for it. */
static bool has_usual_places(const struct binding *binding) {
    for (int i = 0; i < binding->count; i++) {
        const struct step *step = &binding->steps[i];
        if (step->at != place_of(step->way, i ? binding->steps[0].way : AS_NOTHING))
            return false;
    }
    bool is_number = binding->result.way == AS_INT || binding->result.way == AS_DOUBLE;
    return !is_number || binding->result.at == place_of(binding->result.way, AS_NOTHING);
}

call_function *call_way(lua_State *L, const struct bound *bound) {
    const struct binding *binding = binding_find(L, bound->type);
    call_function *way = NULL;
    if (binding && !binding->is_variadic && binding->count <= AT_ONCE_MAX && has_usual_places(binding))
        way = at_once[way_at(binding, 0)][way_at(binding, 1)][binding->result.way][bound->is_lenient];
    return way ? way : call_bound;
}

int call_pointer(lua_State *L, const struct cdata *cd) {
    struct ctype *type = cd->type->target;
    gate_function function = {.address = *(void (**)(void))cd->address, .name = "a function pointer"};
    if (!function.address)
        return luaL_error(L, "attempt to call a NULL pointer of type '%s'", name_push(L, type->ffi, cd->type, false));
    return call_slowly(L, type->ffi, binding_of(L, type), &function, 2, false);
}

/* By values */

static size_t room_of(const struct ctype *type) {
    return (type->size + 15) / 16 * 16; /* no argument is aligned to more */
}

void **call_values(lua_State *L, struct ffi *ffi, gate_function *function) {
    struct binding *binding = binding_of(L, function_check(L, ffi, function));
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

/* ffi.errno([new]) */
int call_errno(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    int before = ffi->error_number;
    if (!lua_isnone(L, 1))
        ffi->error_number = (int)convert_check_integer(L, ffi, 1);
    lua_pushinteger(L, before);
    return 1;
}
