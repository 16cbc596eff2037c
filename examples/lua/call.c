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

#include "examples/lua/ffi.h"
#include "examples/lua/host.h"

enum {
    FRAME = 512, /* bytes: what most frames need at the most */
    SMALL = 32,  /* bytes of a value that is converted on C's stack */
    ARGUMENTS_MAX = 127
};

enum way {
    AS_INTEGER, /* extended to a word */
    AS_BOOL,    /* a word, but for one byte 0 */
    AS_IS,      /* written to its place */
    AS_VALUE    /* made elsewhere, and put there in parts */
};

struct step {
    enum way way;
    uint32_t at; /* in the frame */
    struct ctype *type;
};

struct binding {
    gate_signature *signature;
    struct binding *next; /* of a variadic function, for other arguments */
    size_t count;
    size_t frame_size; /* 0 if there are none */
    bool is_variadic;
    struct ctype *result;
    size_t result_places;
    uint32_t result_at;
    struct step steps[];
};

/* Bindings */

static enum way way_of(const struct ctype *type, size_t places) {
    switch (type->form) {
    case FORM_INTEGER:
    case FORM_ENUM:
        return AS_INTEGER;
    case FORM_BOOL:
        return AS_BOOL;
    case FORM_REAL:
        return places == 1 && type->size <= 8 ? AS_IS : AS_VALUE;
    case FORM_POINTER:
        return AS_IS;
    default:
        return AS_VALUE;
    }
}

static void fill_binding(lua_State *L, struct ffi *ffi, struct binding *binding) {
    const gate_signature *signature = binding->signature;
    struct gate_place places[2] = {{0, 0, 0}, {0, 0, 0}};
    for (size_t i = 0; i < binding->count; i++) {
        struct step *step = &binding->steps[i];
        step->type = ctype_of(L, ffi, gate_signature_parameter(signature, i));
        size_t count = gate_frame_places(signature, i, places);
        step->way = way_of(step->type, count);
        step->at = places[0].at;
    }
    binding->result = ctype_of(L, ffi, gate_signature_result(signature));
    binding->result_places = gate_frame_places(signature, GATE_RESULT, places);
    binding->result_at = places[0].at;
    binding->frame_size = gate_frame_size(signature);
    binding->is_variadic = gate_signature_variadic(signature);
}

/* The host frees signatures when the state closes. */
static struct binding *keep_binding(lua_State *L, struct ffi *ffi, gate_signature *signature) {
    gate_signature **kept = lua_newuserdatauv(L, sizeof(gate_signature *), 0);
    *kept = signature;
    host_push(L, KEPT_SIGNATURES);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, kept);
    lua_pop(L, 2);
    size_t count = gate_signature_count(signature);
    struct binding *binding = ffi_keep(L, ffi, sizeof *binding + count * sizeof *binding->steps);
    binding->signature = signature;
    binding->count = count;
    fill_binding(L, ffi, binding);
    return binding;
}

static struct binding *bind(lua_State *L, struct ffi *ffi, struct ctype *function) {
    gate_error error;
    gate_signature *signature;
    if (!ffi->decls)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    if (gate_signature_of(function->type, &signature, &error))
        luaL_error(L, "%s", error.message);
    return function->binding = keep_binding(L, ffi, signature);
}

static inline struct binding *binding_of(lua_State *L, struct ffi *ffi, struct ctype *function) {
    return function->binding ? function->binding : bind(L, ffi, function);
}

const gate_signature *call_signature(lua_State *L, struct ffi *ffi, struct ctype *function) {
    return binding_of(L, ffi, function)->signature;
}

/* Variadic functions */

/* The type that an argument has by itself: numbers are doubles, as in LuaJIT. */
static struct ctype *type_of_value(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = lua_type(L, index) == LUA_TUSERDATA ? cdata_test(L, ffi, index) : NULL;
    if (cd && cd->type->form == FORM_ARRAY)
        return ctype_pointer(L, ffi, cd->type->target);
    if (cd && (cd->type->form == FORM_RECORD || cd->type->form == FORM_FUNCTION || cd->size == REFERENCE))
        return ctype_pointer(L, ffi, cd->type);
    if (cd)
        return cd->type->form == FORM_CTYPE ? ffi->basic[GATE_INT] : cd->type;
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return ffi->basic[GATE_DOUBLE];
    case LUA_TBOOLEAN:
        return ffi->basic[GATE_BOOL];
    case LUA_TSTRING:
        return ffi->text;
    default:
        return ffi->void_pointer;
    }
}

/* To the bridge, any pointer is like another. */
static const gate_type *plain_gate_type(lua_State *L, struct ffi *ffi, struct ctype *type) {
    return ctype_gate_type(L, ffi, type->form == FORM_POINTER ? ffi->void_pointer : type->plain);
}

static bool serves(struct binding *binding, struct ctype *const types[], size_t fixed, size_t count) {
    if (binding->count != fixed + count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (binding->steps[fixed + i].type != types[i])
            return false;
    }
    return true;
}

static struct binding *extend(lua_State *L, struct ffi *ffi, struct binding *variadic, struct ctype *types[],
                              size_t count) {
    gate_error error;
    gate_signature *signature;
    const gate_type *extra[ARGUMENTS_MAX];
    for (size_t i = 0; i < count; i++)
        extra[i] = plain_gate_type(L, ffi, types[i]);
    if (gate_signature_extend(variadic->signature, extra, count, &signature, &error))
        luaL_error(L, "%s", error.message);
    struct binding *made = keep_binding(L, ffi, signature);
    for (size_t i = 0; i < count; i++) { /* a pointer's own type, and what was promoted */
        if (types[i]->form == FORM_POINTER)
            made->steps[variadic->count + i].type = types[i];
        types[i] = made->steps[variadic->count + i].type;
    }
    made->next = variadic->next;
    variadic->next = made;
    return made;
}

/* As C promotes them, so that one binding serves for both. */
static struct ctype *promoted(struct ffi *ffi, struct ctype *type) {
    if (type->form == FORM_REAL && type->size == sizeof(float))
        return ffi->basic[GATE_DOUBLE];
    bool is_small = (type->form == FORM_INTEGER && type->size < sizeof(int)) || type->form == FORM_BOOL;
    return is_small ? ffi->basic[GATE_INT] : type->plain;
}

/* The binding for the arguments from index 2 to the top. */
static struct binding *find_variadic(lua_State *L, struct ffi *ffi, struct binding *variadic) {
    struct ctype *types[ARGUMENTS_MAX];
    int given = lua_gettop(L) - 1;
    size_t fixed = variadic->count, count = given > (int)fixed ? (size_t)given - fixed : 0;
    if (count == 0)
        return variadic;
    if ((size_t)given > ARGUMENTS_MAX)
        luaL_error(L, "too many arguments for a variadic function");
    for (size_t i = 0; i < count; i++)
        types[i] = promoted(ffi, type_of_value(L, ffi, 2 + (int)(fixed + i)));
    struct binding *binding = variadic->next;
    while (binding && !serves(binding, types, fixed, count))
        binding = binding->next;
    return binding ? binding : extend(L, ffi, variadic, types, count);
}

/* Arguments */

static int refuse(lua_State *L, const gate_function *function, size_t i, const char *why) {
    return luaL_error(L, "bad argument #%d to '%s' (%s)", (int)i + 1, function->name ? function->name : "?", why);
}

/* One that goes into several places, or is large. */
static const char *put_value(lua_State *L, struct ffi *ffi, int index, const struct binding *binding, gate_frame *frame,
                             size_t i) {
    _Alignas(16) char small[SMALL];
    struct ctype *type = binding->steps[i].type;
    const struct cdata *cd = cdata_test(L, ffi, index);
    void *value = small;
    if (cd && cd->type->plain == type->plain) {
        gate_frame_put(binding->signature, frame, i, cd->address);
        return NULL;
    }
    if (type->size > SMALL)
        value = cdata_new(L, ffi, type, type->size)->address;
    const char *why = type->to_c(L, ffi, index, type, value);
    if (!why)
        gate_frame_put(binding->signature, frame, i, value);
    return why;
}

static inline const char *put(lua_State *L, struct ffi *ffi, const struct binding *binding, gate_frame *frame,
                              size_t i) {
    const struct step *step = &binding->steps[i];
    char *at = (char *)frame + step->at;
    int index = 2 + (int)i;
    switch (step->way) {
    case AS_INTEGER:
        return convert_integer(L, ffi, index, step->type, (int64_t *)(void *)at);
    case AS_BOOL:
        *(uint64_t *)(void *)at = 0;
        return step->type->to_c(L, ffi, index, step->type, at);
    case AS_IS:
        return step->type->to_c(L, ffi, index, step->type, at);
    default:
        return put_value(L, ffi, index, binding, frame, i);
    }
}

/* The call */

/* On behalf of L: callbacks below it run there. */
static inline int enter(lua_State *L, struct ffi *ffi, gate_frame *frame) {
    gate_task *task = gate_task_current();
    if (!task || !ffi->decls)
        return luaL_error(L, "'%s' can't be called: %s", frame->function->name,
                          task ? "the Lua state closes" : "this thread belongs to no runtime of callgate's");
    void *outer = gate_task_host(task);
    frame->error_number = ffi->error_number;
    gate_task_set_host(task, L);
    int status = gate_call_frame(frame);
    gate_task_set_host(task, outer);
    ffi->error_number = frame->error_number;
    return status;
}

/* Why a call of class guarded did not come back by itself. */
static int raise_fault(lua_State *L, const gate_function *function, int status) {
    struct gate_trap *trap = NULL;
    (void)trap;
    return luaL_error(L, "'%s' failed: %s", function->name ? function->name : "a function", strerror(-status));
}

/* A positive status is a callback's, which has left the error on top. */
static int fail(lua_State *L, const gate_function *function, int status) {
    return status > 0 ? lua_error(L) : raise_fault(L, function, status);
}

static bool is_made_before(const struct ctype *result) {
    return result->form == FORM_RECORD || result->form == FORM_COMPLEX || result->form == FORM_OPAQUE;
}

static int call_by_frame(lua_State *L, struct ffi *ffi, const struct binding *binding, const gate_function *function,
                         gate_frame *frame) {
    struct cdata *made = NULL;
    gate_frame_init(frame, function);
    for (size_t i = 0; i < binding->count; i++) {
        const char *why = put(L, ffi, binding, frame, i);
        if (why)
            return refuse(L, function, i, why);
    }
    if (is_made_before(binding->result)) {
        made = cdata_new(L, ffi, binding->result->plain, binding->result->size);
        frame->result = made->address;
    }
    int status = enter(L, ffi, frame);
    if (status)
        return fail(L, function, status);
    if (made && binding->result_places)
        gate_frame_get(binding->signature, frame, made->address);
    if (!made)
        binding->result->to_lua(L, ffi, binding->result, (char *)frame + binding->result_at);
    return binding->result->form != FORM_VOID;
}

static int call(lua_State *L, struct ffi *ffi, struct binding *binding, gate_function *function) {
    _Alignas(64) char room[FRAME];
    int given = lua_gettop(L) - 1;
    if (binding->is_variadic ? given < (int)binding->count : given != (int)binding->count)
        return luaL_error(L, "wrong number of arguments for function call");
    if (binding->is_variadic)
        binding = find_variadic(L, ffi, binding);
    function->signature = binding->signature;
    luaL_checkstack(L, LUA_MINSTACK + given, "a call");
    gate_frame *frame = (gate_frame *)room;
    if (binding->frame_size > FRAME) {
        uintptr_t made = (uintptr_t)lua_newuserdatauv(L, binding->frame_size + 64, 0);
        frame = (gate_frame *)((made + 63) / 64 * 64);
    }
    if (!binding->frame_size)
        return luaL_error(L, "a function with so many arguments can't be called");
    return call_by_frame(L, ffi, binding, function, frame);
}

int call_bound(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    struct bound *bound = cd->address;
    return call(L, ffi, binding_of(L, ffi, cd->type), &bound->function);
}

int call_pointer(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    gate_function function = {.address = *(void (**)(void))cd->address, .name = "a function pointer"};
    if (!function.address)
        return luaL_error(L, "attempt to call a NULL pointer of type '%s'", name_push(L, ffi, cd->type, false));
    return call(L, ffi, binding_of(L, ffi, cd->type->target), &function);
}

/* Functions as values */

void call_push_function(lua_State *L, struct ffi *ffi, struct ctype *type, void *address, const char *name,
                        enum gate_call_class call_class) {
    size_t length = strlen(name) + 1;
    struct cdata *cd = cdata_new(L, ffi, type, sizeof(struct bound) + length);
    struct bound *bound = cd->address;
    bound->address = address;
    bound->function.address = (void (*)(void))address;
    bound->function.call_class = call_class;
    bound->function.name = memcpy(bound->name, name, length);
}

static int of_class(lua_State *L, enum gate_call_class call_class) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = cdata_check(L, ffi, 1);
    struct ctype *type = cd->type;
    bool is_pointer = type->form == FORM_POINTER && type->target->form == FORM_FUNCTION;
    if (type->form != FORM_FUNCTION && !is_pointer)
        return luaL_argerror(L, 1, "a function expected");
    const struct bound *bound = cd->address;
    call_push_function(L, ffi, is_pointer ? type->target : type, bound->address,
                       is_pointer ? "a function pointer" : bound->name, call_class);
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
