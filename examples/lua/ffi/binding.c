/* Bindings: for each argument of a function's type how it is converted, and where in a call's frame it goes. A variadic
 * function has one for each list of types that it was called with.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/binding.h"

enum { ARGUMENTS_MAX = 127 };

static enum way way_of(struct ffi *ffi, const struct ctype *type, size_t places) {
    switch (type->form) {
    case FORM_VOID:
        return AS_NOTHING;
    case FORM_INTEGER:
        return type->size == sizeof(int) && !type->is_unsigned ? AS_INT : AS_INTEGER;
    case FORM_ENUM:
        return AS_INTEGER;
    case FORM_BOOL:
        return AS_BOOL;
    case FORM_REAL:
        return places != 1 || type->size > sizeof(double) ? AS_VALUE : type->size == sizeof(double) ? AS_DOUBLE : AS_IS;
    case FORM_POINTER:
        return type == ffi->text || memory_is_compatible(type, ffi->text, COMPATIBLE_TO) ? AS_TEXT : AS_IS;
    default:
        return AS_VALUE;
    }
}

/* A long double lies in its place; so do what else has one. */
static enum way way_of_result(struct ffi *ffi, const struct ctype *type) {
    enum way way = way_of(ffi, type, 1);
    return way == AS_INT || way == AS_DOUBLE || way == AS_NOTHING ? way
           : way == AS_VALUE && type->form != FORM_REAL           ? AS_VALUE
                                                                  : AS_IS;
}

static void fill_binding(lua_State *L, struct ffi *ffi, struct binding *binding) {
    const gate_signature *signature = binding->signature;
    struct gate_place places[2] = {{0, 0, 0}, {0, 0, 0}};
    for (int i = 0; i < binding->count; i++) {
        struct step *step = &binding->steps[i];
        step->type = ctype_of(L, ffi, gate_signature_parameter(signature, (size_t)i));
        size_t count = gate_frame_places(signature, (size_t)i, places);
        step->way = way_of(ffi, step->type, count);
        step->at = places[0].at;
    }
    binding->result.type = ctype_of(L, ffi, gate_signature_result(signature));
    binding->result.way = way_of_result(ffi, binding->result.type);
    binding->result_places = gate_frame_places(signature, GATE_RESULT, places);
    binding->result.at = places[0].at;
    binding->frame_size = gate_frame_size(signature);
    binding->is_variadic = gate_signature_variadic(signature);
}

/* One that has yet to get its signature. */
static struct binding *new_binding(lua_State *L, size_t count) {
    struct binding *binding = ffi_keep(L, sizeof *binding + count * sizeof *binding->steps);
    binding->count = (int)count;
    return binding;
}

/* It has its signature, which is freed when the state has closed. */
static void complete(lua_State *L, struct ffi *ffi, struct binding *binding) {
    binding->next = ffi->bindings;
    ffi->bindings = binding;
    fill_binding(L, ffi, binding);
}

void binding_stop(struct ffi *ffi) {
    for (struct binding *binding = ffi->bindings; binding; binding = binding->next)
        gate_signature_free(binding->signature);
    ffi->bindings = NULL;
}

static struct binding *make(lua_State *L, struct ctype *function, gate_error *error) {
    struct ffi *ffi = function->ffi;
    if (function->binding)
        return function->binding;
    struct binding *made = new_binding(L, gate_signature_count(function->type->function));
    if (gate_signature_of(function->type, &made->signature, error)) {
        ffi_forget(L, made);
        return NULL;
    }
    complete(L, ffi, made);
    return function->binding = made;
}

struct binding *binding_make(lua_State *L, struct ctype *function) {
    gate_error error;
    if (!function->ffi->decls)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    if (!make(L, function, &error))
        luaL_error(L, "%s", error.message);
    return function->binding;
}

struct binding *binding_find(lua_State *L, struct ctype *function) {
    return function->ffi->decls ? make(L, function, NULL) : NULL;
}

const gate_signature *binding_signature(lua_State *L, struct ctype *function) {
    return binding_of(L, function)->signature;
}

/* Variadic functions */

/* The type that an argument has by itself: numbers are doubles, as in LuaJIT. */
static struct ctype *type_of_value(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = cdata_test(L, ffi, index);
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

static bool serves(const struct binding *binding, struct ctype *const types[], int fixed, int count) {
    if (binding->count != fixed + count)
        return false;
    for (int i = 0; i < count; i++) {
        if (binding->steps[fixed + i].type != types[i])
            return false;
    }
    return true;
}

static struct binding *extend(lua_State *L, struct ffi *ffi, struct binding *variadic, struct ctype *types[],
                              int count) {
    gate_error error;
    const gate_type *extra[ARGUMENTS_MAX];
    for (int i = 0; i < count; i++)
        extra[i] = plain_gate_type(L, ffi, types[i]);
    struct binding *made = new_binding(L, (size_t)variadic->count + (size_t)count);
    if (gate_signature_extend(variadic->signature, extra, (size_t)count, &made->signature, &error)) {
        ffi_forget(L, made);
        luaL_error(L, "%s", error.message);
    }
    complete(L, ffi, made);
    for (int i = 0; i < count; i++) /* a pointer's own type */
        made->steps[variadic->count + i].type = types[i];
    made->is_variadic = false;
    made->next_variant = variadic->next_variant;
    variadic->next_variant = made;
    return made;
}

/* As C promotes them, so that one binding serves for both. */
static struct ctype *promoted(struct ffi *ffi, struct ctype *type) {
    if (type->form == FORM_REAL && type->size == sizeof(float))
        return ffi->basic[GATE_DOUBLE];
    bool is_small = (type->form == FORM_INTEGER && type->size < sizeof(int)) || type->form == FORM_BOOL;
    return is_small ? ffi->basic[GATE_INT] : type->plain;
}

struct binding *binding_find_variant(lua_State *L, struct ffi *ffi, struct binding *variadic, int first) {
    struct ctype *types[ARGUMENTS_MAX];
    int fixed = variadic->count, given = lua_gettop(L) - first + 1, count = given - fixed;
    if (count <= 0)
        return variadic;
    if (given > ARGUMENTS_MAX)
        luaL_error(L, "too many arguments for a variadic function");
    for (int i = 0; i < count; i++)
        types[i] = promoted(ffi, type_of_value(L, ffi, first + fixed + i));
    struct binding *binding = variadic->next_variant;
    while (binding && !serves(binding, types, fixed, count))
        binding = binding->next_variant;
    return binding ? binding : extend(L, ffi, variadic, types, count);
}
