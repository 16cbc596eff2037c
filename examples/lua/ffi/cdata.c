/* Values of C's types, as userdata.
 *
 * A userdata of Lua's is aligned to 8 bytes, or 16; a value that needs more has some room before it. Two metatables differ in
 * that one has __gc: only what has a finalizer costs the collector more. Finalizers are kept under the addresses of
 * their cdata, and not in a weak table, which each cycle of the collector would have to walk.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/host/host.h"

enum { ALIGNED = 8 };

struct cdata *cdata_check(lua_State *L, const struct ffi *ffi, int index) {
    struct cdata *cd = cdata_test(L, ffi, index);
    if (!cd)
        luaL_argerror(
            L, index,
            lua_pushfstring(L, "cdata expected, got %s", lua_isnone(L, index) ? "no value" : luaL_typename(L, index)));
    return cd;
}

/* Making */

static struct cdata *push(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size) {
    struct cdata *cd = lua_newuserdatauv(L, sizeof *cd + size, 0);
    cd->mark = (uintptr_t)cd ^ ffi->secret;
    cd->type = type;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->metatable_refs[0]);
    lua_setmetatable(L, -2);
    return cd;
}

static struct cdata *push_room(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size) {
    size_t alignment = type->alignment, padding = alignment > ALIGNED ? alignment - ALIGNED : 0;
    struct cdata *cd = push(L, ffi, type, size + padding);
    cd->address = cd + 1;
    if (padding)
        cd->address = (void *)(((uintptr_t)cd->address + alignment - 1) / alignment * alignment);
    cd->size = size;
    return cd;
}

struct cdata *cdata_new(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size) {
    struct cdata *cd = push_room(L, ffi, type, size);
    memset(cd->address, 0, size);
    return cd;
}

struct cdata *cdata_push_copy(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    struct cdata *cd = push_room(L, ffi, type, type->size);
    memcpy(cd->address, from, type->size);
    return cd;
}

struct cdata *cdata_push_reference(lua_State *L, struct ffi *ffi, struct ctype *type, void *address) {
    struct cdata *cd = push(L, ffi, type, 0);
    cd->address = address;
    cd->size = REFERENCE;
    return cd;
}

void cdata_push_pointer(lua_State *L, struct ffi *ffi, struct ctype *pointer, const void *address) {
    struct cdata *cd = push(L, ffi, pointer, sizeof address);
    cd->address = cd + 1;
    cd->size = sizeof address;
    *(const void **)cd->address = address;
}

/* Each type has one, which is the same value wherever it comes from. */
void cdata_push_ctype(lua_State *L, struct ffi *ffi, struct ctype *type) {
    if (type->object == LUA_NOREF) {
        cdata_push_pointer(L, ffi, ffi->ctype, type);
        lua_pushvalue(L, -1);
        type->object = luaL_ref(L, LUA_REGISTRYINDEX);
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, type->object);
    }
}

void cdata_push_int64(lua_State *L, struct ffi *ffi, uint64_t bits, bool is_unsigned) {
    struct cdata *cd = push(L, ffi, ffi->basic[is_unsigned ? GATE_ULONG : GATE_LONG], sizeof bits);
    cd->address = cd + 1;
    cd->size = sizeof bits;
    *(uint64_t *)cd->address = bits;
}

bool cdata_to_int64(lua_State *L, struct ffi *ffi, int index, uint64_t *bits, bool *is_unsigned, bool *is_boxed) {
    const struct cdata *cd = lua_type(L, index) == LUA_TNUMBER ? NULL : cdata_test(L, ffi, index);
    struct ctype *type = cd ? cd->type : NULL;
    int64_t value;
    if (!cd && lua_type(L, index) != LUA_TNUMBER)
        return false;
    if (cd && type->form != FORM_INTEGER && type->form != FORM_ENUM && type->form != FORM_REAL &&
        type->form != FORM_BOOL)
        return false;
    *is_boxed = cd && type->form == FORM_INTEGER && type->size == sizeof *bits;
    *is_unsigned = *is_boxed && type->is_unsigned;
    if (convert_integer(L, ffi, index, ffi->basic[*is_unsigned ? GATE_ULONG : GATE_LONG], &value))
        return false;
    *bits = (uint64_t)value;
    return true;
}

/* Finalizers */

void cdata_set_finalizer(lua_State *L, struct ffi *ffi, int cdata, int finalizer) {
    bool has_one = !lua_isnil(L, finalizer);
    cdata = lua_absindex(L, cdata);
    finalizer = lua_absindex(L, finalizer);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->finalizers);
    lua_pushvalue(L, finalizer);
    lua_rawsetp(L, -2, lua_touserdata(L, cdata));
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->metatable_refs[has_one]);
    lua_setmetatable(L, cdata);
    lua_pop(L, 1);
    if (has_one && ffi->host->made)
        host_guard(L, ffi->host);
}

/* [__gc] */
int cdata_gc(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    void *cd = lua_touserdata(L, 1);
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->finalizers);
    lua_rawgetp(L, 2, cd);
    if (lua_isnil(L, 3))
        return 0;
    lua_pushnil(L);
    lua_rawsetp(L, 2, cd);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->metatable_refs[0]); /* it may have another */
    lua_setmetatable(L, 1);
    lua_pushvalue(L, 1);
    /* Any allocation may have led here, also one between a call and the question what errno is. */
    int error_number = ffi->error_number, status = lua_pcall(L, 1, 0, 0);
    ffi->error_number = error_number;
    return status ? lua_error(L) : 0;
}
