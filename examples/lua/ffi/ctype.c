/* Types as Lua sees them: one ctype for all types of the bridge that are the same to a script.
 *
 * The bridge has a type for each place in a text where one was written. Here they are found by what they consist of, so
 * that types are the same if they are the same pointer, and what was learned of one (members, a metatable, how its functions are
 * called) is learned once. As in LuaJIT, types that look alike to C's code are one: long and long long, signed
 * char and char.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"

enum { FIRST_BUCKETS = 256, FIRST_FIELDS = 8, INTERNED = 40 /* Lua's longest string of which there is but one */ };

/* The registry's key of a table by the addresses of what is kept. Neither is a list: without memory for more, Lua 5.3 and its
 * elders lose some of one. */
static const char kept_key;

void *ffi_keep(lua_State *L, size_t size) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key);
    void *kept = lua_newuserdatauv(L, size, 0);
    memset(kept, 0, size);
    lua_rawsetp(L, -2, kept);
    lua_pop(L, 1);
    return kept;
}

void ffi_forget(lua_State *L, const void *kept) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key);
    lua_pushnil(L);
    lua_rawsetp(L, -2, kept);
    lua_pop(L, 1);
}

/* Finding */

static size_t hash(const struct ctype *key) {
    uint64_t h = (uint64_t)key->form * 31 + key->qualifiers;
    h = h * 0x9E3779B97F4A7C15u + (uintptr_t)key->identity;
    h = h * 0x9E3779B97F4A7C15u + (uintptr_t)key->target;
    h = h * 0x9E3779B97F4A7C15u + key->count;
    return (size_t)(h >> 17);
}

static bool is_same(const struct ctype *a, const struct ctype *b) {
    bool is_record = a->form == FORM_RECORD; /* its alignment comes with its definition */
    return a->form == b->form && a->qualifiers == b->qualifiers && a->identity == b->identity &&
           a->target == b->target && a->count == b->count && (is_record || a->alignment == b->alignment);
}

static void grow(lua_State *L, struct ffi *ffi) {
    size_t count = ffi->bucket_count ? 2 * ffi->bucket_count : FIRST_BUCKETS;
    struct ctype **buckets = ffi_keep(L, count * sizeof(struct ctype *));
    for (size_t i = 0; i < ffi->bucket_count; i++) {
        for (struct ctype *type = ffi->buckets[i], *next; type; type = next) {
            struct ctype **bucket = &buckets[hash(type) & (count - 1)];
            next = type->next;
            type->next = *bucket;
            *bucket = type;
        }
    }
    ffi->buckets = buckets;
    ffi->bucket_count = count;
}

/* A record's plain type may have been seen qualified alone, so far. */
static bool is_as_qualified(const struct ctype *type, const gate_type *seen) {
    return (seen->qualifiers & (GATE_CONST | GATE_VOLATILE)) == type->qualifiers;
}

/* The ctype that is like key, if there is one; else a copy of key. */
static struct ctype *intern(lua_State *L, struct ffi *ffi, const struct ctype *key) {
    if (ffi->type_count >= ffi->bucket_count)
        grow(L, ffi);
    struct ctype **bucket = &ffi->buckets[hash(key) & (ffi->bucket_count - 1)], *type = *bucket;
    while (type && !is_same(type, key))
        type = type->next;
    if (type && key->type && (!type->type || !is_as_qualified(type, type->type)))
        type->type = key->type;
    if (type)
        return type;
    type = ffi_keep(L, sizeof *type);
    *type = *key;
    type->ffi = ffi;
    type->next = *bucket;
    type->object = type->metatable = LUA_NOREF;
    for (int i = 0; i < RECENT; i++)
        type->recent[i].key = type; /* no name's */
    *bucket = type;
    ffi->type_count++;
    if (!type->plain)
        type->plain = type;
    convert_choose(type);
    return type;
}

/* The kinds that are complete by themselves */

static enum gate_kind usual_kind(enum gate_kind kind) {
    switch (kind) {
    case GATE_SCHAR:
        return (char)-1 < 0 ? GATE_CHAR : kind;
    case GATE_UCHAR:
        return (char)-1 < 0 ? kind : GATE_CHAR;
    case GATE_LLONG:
        return GATE_LONG;
    case GATE_ULLONG:
        return GATE_ULONG;
    default:
        return kind;
    }
}

static enum form form_of_basic(enum gate_kind kind) {
    if (kind == GATE_VOID)
        return FORM_VOID;
    if (kind == GATE_BOOL)
        return FORM_BOOL;
    if (kind >= GATE_CHAR && kind <= GATE_ULLONG)
        return FORM_INTEGER;
    if (kind == GATE_FLOAT || kind == GATE_DOUBLE || kind == GATE_LDOUBLE)
        return FORM_REAL;
    return kind == GATE_FLOAT_COMPLEX || kind == GATE_DOUBLE_COMPLEX ? FORM_COMPLEX : FORM_OPAQUE;
}

static bool is_unsigned_kind(enum gate_kind kind) {
    return kind == GATE_BOOL || kind == GATE_UCHAR || kind == GATE_USHORT || kind == GATE_UINT || kind == GATE_ULONG ||
           kind == GATE_ULLONG || (kind == GATE_CHAR && (char)-1 > 0);
}

static struct ctype *of_basic(lua_State *L, struct ffi *ffi, const gate_type *type, unsigned qualifiers) {
    enum gate_kind kind = usual_kind(type->kind);
    struct ctype key = {.form = form_of_basic(kind), .qualifiers = qualifiers, .type = type};
    key.identity = gate_type_basic(kind);
    key.size = type->size;
    key.alignment = type->alignment;
    key.is_complete = kind != GATE_VOID;
    key.is_unsigned = is_unsigned_kind(kind);
    if (key.form == FORM_COMPLEX)
        key.target = ffi->basic[kind == GATE_FLOAT_COMPLEX ? GATE_FLOAT : GATE_DOUBLE];
    key.plain = qualifiers ? ffi->basic[type->kind] : NULL;
    return intern(L, ffi, &key);
}

/* Types that are made of others */

static struct ctype *of_pointer(lua_State *L, struct ffi *ffi, struct ctype *target, const gate_type *type,
                                unsigned qualifiers) {
    struct ctype key = {.form = FORM_POINTER, .qualifiers = qualifiers, .target = target, .type = type};
    key.size = sizeof(void *);
    key.alignment = _Alignof(void *);
    key.is_complete = key.is_unsigned = true;
    key.plain = qualifiers ? ctype_pointer(L, ffi, target) : NULL;
    return intern(L, ffi, &key);
}

struct ctype *ctype_pointer(lua_State *L, struct ffi *ffi, struct ctype *target) {
    if (!target->pointer)
        target->pointer = of_pointer(L, ffi, target, NULL, 0);
    return target->pointer;
}

struct ctype *ctype_reference(lua_State *L, struct ffi *ffi, struct ctype *target) {
    struct ctype key = {.form = FORM_REFERENCE, .target = target};
    if (!target->reference)
        target->reference = intern(L, ffi, &key);
    return target->reference;
}

static struct ctype *of_array(lua_State *L, struct ffi *ffi, const gate_type *type) {
    struct ctype key = {.form = FORM_ARRAY, .count = type->count, .type = type};
    key.target = ctype_of(L, ffi, type->target);
    key.size = type->size;
    key.alignment = type->alignment;
    key.is_variable = type->count == GATE_COUNT_LATER;
    key.is_complete = type->count <= GATE_COUNT_MAX;
    key.qualifiers = key.target->qualifiers;
    return intern(L, ffi, &key);
}

static struct ctype *of_enum(lua_State *L, struct ffi *ffi, const gate_type *type, unsigned qualifiers) {
    struct ctype key = {.form = FORM_ENUM, .qualifiers = qualifiers, .identity = type->record, .type = type};
    key.size = type->size;
    key.alignment = type->alignment;
    key.is_unsigned = is_unsigned_kind(type->target->kind);
    struct ctype *made = intern(L, ffi, &key);
    ctype_complete(made);
    return made;
}

static struct ctype *of_record(lua_State *L, struct ffi *ffi, const gate_type *type, unsigned qualifiers) {
    struct ctype key = {.form = FORM_RECORD, .qualifiers = qualifiers, .identity = type->record, .type = type};
    struct ctype plain = key;
    plain.qualifiers = 0;
    if (type->tag && qualifiers) /* the tag is that of the plain type */
        plain.type = gate_decls_find_tag(ffi->decls, type->tag)->type;
    key.plain = qualifiers ? intern(L, ffi, &plain) : NULL;
    struct ctype *made = intern(L, ffi, &key);
    if (!made->number && !type->tag)
        made->number = qualifiers && made->plain->number ? made->plain->number : ++ffi->numbers;
    ctype_complete(made);
    return made;
}

static struct ctype *of_function(lua_State *L, struct ffi *ffi, const gate_type *type) {
    struct ctype key = {.form = FORM_FUNCTION, .identity = type->function, .type = type};
    return intern(L, ffi, &key);
}

static struct ctype *of_vector(lua_State *L, struct ffi *ffi, const gate_type *type, unsigned qualifiers) {
    struct ctype key = {.form = FORM_OPAQUE, .qualifiers = qualifiers, .count = type->count, .type = type};
    key.target = ctype_of(L, ffi, type->target);
    key.size = type->size;
    key.alignment = type->alignment;
    key.is_complete = true;
    return intern(L, ffi, &key);
}

struct ctype *ctype_of(lua_State *L, struct ffi *ffi, const gate_type *type) {
    unsigned qualifiers = type->qualifiers & (GATE_CONST | GATE_VOLATILE);
    luaL_checkstack(L, 4, "a type that is nested deeply");
    switch (type->kind) {
    case GATE_POINTER:
        return of_pointer(L, ffi, ctype_of(L, ffi, type->target), type, qualifiers);
    case GATE_ARRAY:
        return of_array(L, ffi, type);
    case GATE_STRUCT:
    case GATE_UNION:
        return of_record(L, ffi, type, qualifiers);
    case GATE_ENUM:
        return of_enum(L, ffi, type, qualifiers);
    case GATE_FUNCTION:
        return of_function(L, ffi, type);
    case GATE_VECTOR:
        return of_vector(L, ffi, type, qualifiers);
    default:
        return of_basic(L, ffi, type, qualifiers);
    }
}

static bool ends_variable(const gate_type *type) {
    const gate_type *last = type->kind == GATE_STRUCT && type->count ? type->fields[type->count - 1].type : type;
    return last->kind == GATE_ARRAY && last->count == GATE_COUNT_LATER;
}

/* Whether a member of it, or of one, is const. */
static bool has_const(const gate_type *record) {
    bool has = false;
    for (size_t i = 0; i < record->count && !has; i++) {
        const gate_type *type = record->fields[i].type;
        while (type->kind == GATE_ARRAY)
            type = type->target;
        bool is_record = type->kind == GATE_STRUCT || type->kind == GATE_UNION;
        has = (type->qualifiers & GATE_CONST) || (is_record && has_const(type));
    }
    return has;
}

bool ctype_complete(struct ctype *type) {
    const gate_type *found = type->type;
    if (!type->is_complete && type->form == FORM_RECORD && found->alignment) {
        type->size = found->size;
        type->alignment = found->alignment;
        type->is_variable = ends_variable(found);
        type->has_const = has_const(found);
        type->is_complete = true;
    }
    if (!type->is_complete && type->form == FORM_ENUM && gate_type_constant(found, 0)) {
        type->is_unsigned = is_unsigned_kind(found->target->kind);
        type->is_complete = true;
    }
    return type->is_complete;
}

bool ctype_has_const(struct ctype *type) {
    while (type->form == FORM_ARRAY)
        type = type->target;
    return ctype_is_const(type) || (type->form == FORM_RECORD && ctype_complete(type) && type->has_const);
}

bool ctype_variable_size(lua_State *L, struct ffi *ffi, struct ctype *type, lua_Integer count, size_t *size) {
    const gate_type *last = type->type;
    if (last->kind == GATE_STRUCT)
        last = last->fields[last->count - 1].type;
    size_t element = ctype_of(L, ffi, last->target)->size, limit = INT32_MAX; /* as in LuaJIT */
    if (count < 0 || (element && (size_t)count > (limit - type->size) / element))
        return false;
    *size = type->size + (size_t)count * element;
    return true;
}

/* For the bridge */

const gate_type *ctype_gate_type(lua_State *L, struct ffi *ffi, struct ctype *type) {
    gate_error error;
    if (!type->type) { /* a pointer that no text has named */
        struct gate_decls_value target = {.type = ctype_gate_type(L, ffi, type->target)};
        struct gate_decls_options options = {.values = &target, .count = 1};
        if (gate_decls_type_with(ffi->decls, "$ *", &options, &type->type, &error))
            luaL_error(L, "%s", error.message);
    }
    return type->type;
}

/* Members */

static void add_field(lua_State *L, struct ctype *record, struct field *field) {
    size_t mask = record->field_count - 1;
    if (2 * record->field_used >= record->field_count) {
        size_t count = record->field_count ? 2 * record->field_count : FIRST_FIELDS;
        struct field **fields = ffi_keep(L, count * sizeof *fields);
        mask = count - 1;
        for (size_t i = 0; i < record->field_count; i++) {
            for (struct field *f = record->fields[i], *next; f; f = next) {
                size_t slot = ((uintptr_t)f->key >> 4) & mask;
                next = f->next;
                f->next = fields[slot];
                fields[slot] = f;
            }
        }
        record->fields = fields;
        record->field_count = count;
    }
    size_t slot = ((uintptr_t)field->key >> 4) & mask;
    field->next = record->fields[slot];
    record->fields[slot] = field;
    record->field_used++;
}

/* A bit-field that has all of its type's bits, and its bytes for itself, is a member like others. */
unsigned ctype_bit_width(const gate_field *field) {
    if (!field->is_bit_field)
        return 0;
    bool is_whole = field->bit_width == 8 * field->type->size && field->bit_offset == 0;
    return is_whole && field->offset % field->type->size == 0 ? 0 : field->bit_width;
}

static bool find_field(lua_State *L, struct ffi *ffi, const struct ctype *record, const char *name,
                       struct field *field) {
    gate_field found;
    if (gate_type_field(record->type, name, &found))
        return false;
    *field = (struct field){.offset = found.offset, .bit_offset = found.bit_offset};
    field->bit_width = ctype_bit_width(&found);
    field->type = ctype_of(L, ffi, found.type);
    return true;
}

/* One that was found for the first time: its name and it are kept. */
static const struct field *keep_field(lua_State *L, struct ctype *plain, int index, const struct field *field) {
    index = lua_absindex(L, index);
    struct field *kept = ffi_keep(L, sizeof *kept);
    *kept = *field;
    kept->key = ctype_key(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_key);
    lua_pushvalue(L, index);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    add_field(L, plain, kept);
    return kept;
}

static const struct field *learn_field(lua_State *L, struct ctype *record, int index, struct field *room) {
    size_t length;
    const char *name = lua_tolstring(L, index, &length);
    if (!record->ffi->decls || strlen(name) != length || !find_field(L, record->ffi, record, name, room))
        return NULL;
    return length > INTERNED ? room : keep_field(L, record->plain, index, room);
}

const struct field *ctype_field(lua_State *L, struct ctype *record, int index, struct field *room) {
    const struct field *known = ctype_known_field(record, ctype_key(L, index));
    return known ? known : learn_field(L, record, index, room);
}

bool ctype_constant(const struct ctype *type, const char *name, uint64_t *value) {
    const gate_decl *constant = NULL;
    for (size_t i = 0; (constant = gate_type_constant(type->type, i)); i++) {
        if (strcmp(constant->name, name) == 0) {
            *value = constant->value;
            return true;
        }
    }
    return false;
}

void ctype_open(lua_State *L, struct ffi *ffi) {
    static const enum gate_kind first[] = {GATE_FLOAT, GATE_DOUBLE}; /* others consist of them */
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_key);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        ffi->basic[first[i]] = of_basic(L, ffi, gate_type_basic(first[i]), 0);
    for (int kind = 0; kind < GATE_POINTER; kind++)
        ffi->basic[kind] = of_basic(L, ffi, gate_type_basic((enum gate_kind)kind), 0);
    ffi->text = text_read(L, ffi, "const char *");
    ffi->const_pointer = text_read(L, ffi, "const void *");
    ffi->void_pointer = ctype_pointer(L, ffi, ffi->basic[GATE_VOID]);
    struct ctype key = {.form = FORM_CTYPE, .size = sizeof(void *), .alignment = _Alignof(void *)};
    key.is_complete = true;
    ffi->ctype = intern(L, ffi, &key);
}
