/* Structs, unions and enums: their tags and their bodies (C11 6.7.2).
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"

/* Members */

/* One of a record that is being read. */
struct member {
    gate_field field;
    struct gate__token token;
    struct member *next;
};

struct constant {
    gate_decl *decl;
    struct constant *next;
};

struct body {
    enum gate_kind kind;
    struct member *first, **last;
    size_t count;
    struct constant *constants; /* the last one first */
    size_t constant_count;
};

static struct member *add_member(struct gate__reader *r, struct body *body, const struct gate__declared *declared) {
    struct member *member = gate__scope_scratch(r, sizeof *member);
    if (!member)
        return NULL;
    member->token = declared->name;
    member->field.type = declared->type;
    member->field.alignment = declared->attributes.largest;
    member->field.is_packed = declared->attributes.is_packed;
    *body->last = member;
    body->last = &member->next;
    body->count++;
    return member;
}

/* The width behind ":", which has been read. */
static void read_width(struct gate__reader *r, struct member *member) {
    const gate_type *type = member->field.type;
    struct gate__token token = r->lexer.token;
    struct gate__value width = gate__constant_integer(r);
    size_t most = type->kind == GATE_BOOL ? 1 : 8 * type->size;
    if (!gate__type_is_integer(type))
        gate__lex_fail(r, &token, -EINVAL, "but only integers can be bit-fields");
    else if ((__int128)width.bits < 0 || width.bits > most)
        gate__lex_fail(r, &token, -EINVAL, "which is no width, in bits, that the bit-field's type has room for");
    else if (width.bits == 0 && member->token.length)
        gate__lex_fail(r, &token, -EINVAL, "but a bit-field that has a name has a width");
    member->field.is_bit_field = true;
    member->field.bit_width = (unsigned)width.bits;
}

static bool is_without_count(const gate_type *type) {
    return type->kind == GATE_ARRAY && (type->count == GATE_COUNT_UNKNOWN || type->count == GATE_COUNT_LATER);
}

static bool has_variable_size(const gate_type *type) {
    while (type->kind == GATE_ARRAY && type->count != GATE_COUNT_VARIABLE)
        type = type->target;
    return type->kind == GATE_ARRAY;
}

static void check_member(struct gate__reader *r, const struct body *body, const gate_type *type,
                         const struct gate__token *token) {
    bool is_flexible = is_without_count(type);
    if (type->kind == GATE_FUNCTION)
        gate__lex_fail(r, token, -EINVAL, "but a member can't be a function");
    else if (is_flexible && body->kind == GATE_UNION)
        gate__lex_fail(r, token, -EINVAL, "but an array without a count can't be a union's member");
    else if (!is_flexible && gate__type_is_told_later(type))
        gate__lex_fail(r, token, -EINVAL, "but no member ends in [?]: size of C type is unknown or too large");
    else if (!is_flexible && !gate__type_is_complete(type))
        gate__lex_fail(r, token, -EINVAL, "but a member's type can't be incomplete");
    else if (has_variable_size(type))
        gate__lex_fail(r, token, -EINVAL, "but a member's size can't be variable");
}

/* One declarator, or only a width. */
static void read_member(struct gate__reader *r, struct body *body, const struct gate__specifiers *specifiers) {
    struct gate__declared declared;
    if (gate__lex_sees(r, ':')) {
        declared = (struct gate__declared){.type = specifiers->type, .attributes = specifiers->attributes};
        declared.name = r->lexer.token;
        declared.name.length = 0;
    } else {
        declared = gate__declarator_read(r, specifiers, GATE__NAMED);
    }
    struct member *member = declared.type ? add_member(r, body, &declared) : NULL;
    if (!member)
        return;
    if (gate__lex_accept(r, ':')) {
        read_width(r, member);
        gate__attribute_read(r, &declared.attributes);
        member->field.alignment = declared.attributes.largest;
        member->field.is_packed = declared.attributes.is_packed;
    } else if (!r->failed) {
        check_member(r, body, declared.type, &declared.name);
    }
}

/* What stands before a ";" alone: an anonymous record, a record that was given, or a tag that is declared on the way. */
static void add_anonymous(struct gate__reader *r, struct body *body, const struct gate__specifiers *specifiers) {
    const gate_type *type = specifiers->type;
    struct gate__declared declared = {.type = type, .attributes = specifiers->attributes};
    declared.name = r->lexer.token;
    declared.name.length = 0;
    if (gate__type_is_record(type) && (specifiers->is_given || (!type->tag && specifiers->defines))) {
        check_member(r, body, type, &r->lexer.token);
        add_member(r, body, &declared);
    } else if (!type->tag && !specifiers->defines) {
        gate__lex_expected(r, "a member's name");
    }
}

static const char *copied(struct gate__reader *r, const struct gate__token *token) {
    char *copy = gate__scope_allocate(r, token->length + 1);
    return copy ? memcpy(copy, token->at, token->length) : NULL;
}

/* C++'s "static const int NAME = 1;", which LuaJIT's declarations may have: a constant that is the record's, and no member. */
static void read_record_constant(struct gate__reader *r, struct body *body, const struct gate__specifiers *specifiers,
                                 const struct gate__token *first) {
    struct gate__declared declared = gate__declarator_read(r, specifiers, GATE__NAMED);
    const gate_type *type = declared.type;
    struct constant *constant = gate__scope_scratch(r, sizeof *constant);
    gate_decl *decl = gate__scope_allocate(r, sizeof *decl);
    if (type && !(gate__type_is_integer(type) && type->qualifiers & GATE_CONST && type->size <= sizeof(uint64_t)))
        gate__lex_fail(r, first, -EINVAL, "but members have no storage class");
    gate__lex_require(r, '=');
    struct gate__token given = r->lexer.token;
    struct gate__value value = gate__constant_integer(r);
    if (r->failed)
        return;
    value = gate__value_convert(r, value, type, &given);
    *decl = (gate_decl){.kind = GATE_DECL_CONSTANT, .type = type, .value = (uint64_t)value.bits};
    decl->name = copied(r, &declared.name);
    constant->decl = decl;
    constant->next = body->constants;
    body->constants = constant;
    body->constant_count++;
}

static void read_members(struct gate__reader *r, struct body *body) {
    while (!r->failed && !gate__lex_sees(r, '}')) {
        if (gate__lex_accept(r, ';'))
            continue;
        if (gate__lex_accept(r, GATE__STATIC_ASSERT)) {
            gate__decl_assertion(r);
            continue;
        }
        struct gate__token first = r->lexer.token;
        struct gate__specifiers specifiers = gate__specifier_read(r);
        if (specifiers.storage && specifiers.storage != GATE__STATIC)
            gate__lex_fail(r, &first, -EINVAL, "but members have no storage class");
        if (!r->failed && specifiers.storage) {
            do
                read_record_constant(r, body, &specifiers, &first);
            while (gate__lex_accept(r, ','));
        } else if (!r->failed && gate__lex_sees(r, ';')) {
            add_anonymous(r, body, &specifiers);
        } else if (!r->failed) {
            do
                read_member(r, body, &specifiers);
            while (gate__lex_accept(r, ','));
        }
        gate__lex_require(r, ';');
    }
}

/* Records */

/* Names that one can be found by, the anonymous members' too, with the token to complain about. */
struct found {
    struct gate__named named;
    const struct gate__token *token;
    size_t index;
};

static size_t count_names(const gate_field *fields, size_t count) {
    size_t names = 0;
    for (size_t i = 0; i < count; i++) {
        bool anonymous = !fields[i].name && !fields[i].is_bit_field;
        names += anonymous ? count_names(fields[i].type->fields, fields[i].type->count) : fields[i].name != NULL;
    }
    return names;
}

static struct found *list_names(struct found *found, const gate_type *type, size_t offset,
                                const struct gate__token *token, const struct member *member) {
    for (size_t i = 0; i < type->count; i++, member = member ? member->next : NULL) {
        const gate_field *field = &type->fields[i];
        const struct gate__token *here = member ? &member->token : token;
        if (field->name)
            *found++ = (struct found){{field, offset}, here, 0};
        else if (!field->is_bit_field)
            found = list_names(found, field->type, offset + field->offset, here, NULL);
    }
    return found;
}

static int compare_found(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    int order = strcmp(x->named.field->name, y->named.field->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Lists the members of a record that has been laid out, by name. No name may be there twice. */
static void list_members(struct gate__reader *r, const struct body *body, gate_type *definition) {
    size_t count = count_names(definition->fields, definition->count);
    struct found *found = gate__scope_scratch(r, count * sizeof *found);
    struct gate__named *named = gate__scope_allocate(r, count * sizeof *named);
    if (!found || !named)
        return;
    list_names(found, definition, 0, NULL, body->first);
    for (size_t i = 0; i < count; i++)
        found[i].index = i;
    qsort(found, count, sizeof *found, compare_found);
    for (size_t i = 0; i < count; i++) {
        if (i && strcmp(found[i - 1].named.field->name, found[i].named.field->name) == 0)
            gate__lex_fail(r, found[i].token, -EINVAL, "but a member of that name is there already");
        named[i] = found[i].named;
    }
    definition->record->named = named;
    definition->record->named_count = count;
}

/* The members as fields, which are yet to be laid out. */
static gate_field *gather(struct gate__reader *r, const struct body *body) {
    gate_field *fields = gate__scope_allocate(r, body->count * sizeof *fields);
    size_t i = 0;
    for (const struct member *member = body->first; fields && member; member = member->next, i++) {
        bool is_flexible = is_without_count(member->field.type);
        fields[i] = member->field;
        if (member->token.length)
            fields[i].name = copied(r, &member->token);
        if (is_flexible && member->next)
            gate__lex_fail(r, &member->token, -EINVAL, "but an array without a count can only be the last member");
    }
    return r->failed ? NULL : fields;
}

static const gate_decl **gather_constants(struct gate__reader *r, const struct body *body) {
    const gate_decl **constants = gate__scope_allocate(r, body->constant_count * sizeof *constants);
    size_t i = body->constant_count;
    for (const struct constant *c = body->constants; constants && c; c = c->next)
        constants[--i] = c->decl;
    return constants;
}

/* Reads members up to and with "}", and the attributes behind it, into a definition. */
static void read_record(struct gate__reader *r, gate_type *definition, struct gate__attributes *attributes) {
    struct body body = {.kind = definition->kind, .last = &body.first};
    if (gate__lex_enter(r))
        read_members(r, &body);
    gate__lex_leave(r);
    struct gate__token end = r->lexer.token;
    size_t pack = r->lexer.pack;
    gate__lex_require(r, '}');
    gate__attribute_read(r, attributes);
    gate_field *fields = gather(r, &body);
    definition->record->constants = gather_constants(r, &body);
    definition->record->constant_count = body.constant_count;
    definition->count = body.count;
    for (size_t i = 0; fields && i < body.count; i++)
        fields[i].is_packed |= attributes->is_packed;
    if (fields && !gate__layout_record(definition, fields, attributes->last, pack))
        gate__lex_fail(r, &end, -EINVAL, "which ends a type that is too large for any memory");
    if (!r->failed)
        list_members(r, &body, definition);
}

/* Enums */

/* What the next constant is worth, and the range of those so far. */
struct counting {
    struct gate__value next;
    bool overflows;
    __int128 least, most;
    const gate_decl **constants;
    size_t count, room;
};

static bool fits_int(const struct gate__value *value) {
    __int128 exact = (__int128)value->bits;
    bool is_exact = exact >= 0 || gate__type_is_signed(value->type);
    return is_exact && exact >= INT_MIN && exact <= INT_MAX;
}

/* Room for one more, in scratch memory that is twice as large each time. */
static bool make_room(struct gate__reader *r, struct counting *c) {
    if (c->count < c->room)
        return true;
    size_t room = c->room ? 2 * c->room : 8;
    const gate_decl **constants = gate__scope_scratch(r, room * sizeof *constants);
    if (!constants)
        return false;
    if (c->count)
        memcpy(constants, c->constants, c->count * sizeof *constants);
    c->constants = constants;
    c->room = room;
    return true;
}

static void count_on(struct counting *c, struct gate__value value) {
    __int128 exact = (__int128)value.bits;
    c->least = c->count && c->least < exact ? c->least : exact;
    c->most = c->count && c->most > exact ? c->most : exact;
    struct gate__value next = gate__value_integer(value.type->kind, value.bits + 1);
    c->overflows = (__int128)next.bits != exact + 1;
    c->next = next;
}

/* Texts may be read again, but no two enums have one constant. Those without tags can't be told apart. */
static void check_owner(struct gate__reader *r, const struct gate__token *name, const char *tag) {
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, name->at, name->length);
    if (entry && entry->defined && entry->decl.type->qualifiers)
        gate__scope_conflict(r, name, &entry->decl, "but it was declared as a variable");
    else if (entry && entry->defined && entry->tag != tag)
        gate__scope_conflict(r, name, &entry->decl, "which is a constant of another enum");
}

static void read_constant(struct gate__reader *r, struct counting *c, const char *tag) {
    struct gate__token name = r->lexer.token;
    struct gate__attributes ignored = {0};
    if (!gate__lex_sees_name(r)) {
        gate__lex_expected(r, "a constant's name");
        return;
    }
    gate__lex_advance(r);
    gate__attribute_read(r, &ignored);
    struct gate__value value = c->next;
    struct gate__token given = r->lexer.token;
    if (gate__lex_accept(r, '='))
        value = gate__constant_integer(r);
    else if (c->overflows)
        gate__lex_fail(r, &name, -EINVAL, "whose value would overflow");
    if (fits_int(&value))
        value = gate__value_integer(GATE_INT, value.bits);
    if (value.type->size > 8)
        gate__lex_fail(r, &given, -ENOTSUP, "but constants of more than 64 bits are not supported");
    value.type = gate__type_basic(gate__type_plain(value.type)->kind);
    gate_decl decl = {.kind = GATE_DECL_CONSTANT, .type = value.type, .value = (uint64_t)value.bits};
    check_owner(r, &name, tag);
    struct gate__entry *entry = gate__scope_declare(r, &name, decl, true);
    if (!entry || !make_room(r, c))
        return;
    entry->tag = tag;
    count_on(c, value);
    c->constants[c->count++] = &entry->decl;
}

/* The least integer type, as GCC has it: unsigned unless a value is negative, and an int at least unless packed. */
static const gate_type *integer_for(const struct counting *c, bool is_packed) {
    static const enum gate_kind kinds[] = {GATE_UCHAR, GATE_SCHAR, GATE_USHORT, GATE_SHORT,
                                           GATE_UINT,  GATE_INT,   GATE_ULONG,  GATE_LONG};
    bool is_signed = c->count && c->least < 0;
    for (unsigned i = (is_packed ? 0 : 4) + is_signed; i < 8; i += 2) {
        const gate_type *type = gate__type_basic(kinds[i]);
        __int128 most = ((__int128)1 << (8 * type->size - is_signed)) - 1;
        if (c->count == 0 || (c->most <= most && (!is_signed || c->least >= -most - 1)))
            return type;
    }
    return NULL;
}

/* The integer of a machine mode that was asked for. */
static const gate_type *in_mode(struct gate__reader *r, const struct gate__token *end, const struct counting *c,
                                const struct gate__attributes *attributes) {
    const gate_type *least = integer_for(c, true), *type = gate__attribute_of_type(r, least, attributes);
    if (type && type->size < least->size)
        gate__lex_fail(r, end, -EINVAL, "which ends an enum whose machine mode is too small for its values");
    return type;
}

/* Constants that an int is too small for are of the enum's type. */
static void retype(struct gate__reader *r, const struct counting *c, const gate_type *type) {
    for (size_t i = 0; i < c->count; i++) {
        gate_decl *decl = (gate_decl *)(uintptr_t)c->constants[i];
        if (decl->type->kind != GATE_INT && decl->type != type && gate__scope_save(r, decl, sizeof *decl))
            decl->type = type;
    }
}

static void read_enum(struct gate__reader *r, gate_type *definition, struct gate__attributes *attributes) {
    struct counting c = {.next = gate__value_integer(GATE_INT, 0)};
    do {
        if (gate__lex_sees(r, '}') && c.count)
            break;
        read_constant(r, &c, definition->tag);
    } while (gate__lex_accept(r, ','));
    struct gate__token end = r->lexer.token;
    gate__lex_require(r, '}');
    gate__attribute_read(r, attributes);
    const gate_type *type = integer_for(&c, attributes->is_packed);
    const gate_decl **constants = gate__scope_allocate(r, c.count * sizeof *constants);
    if (!type)
        gate__lex_fail(r, &end, -EINVAL, "which ends an enum whose values no integer type has room for");
    if (type && attributes->mode)
        type = in_mode(r, &end, &c, attributes);
    if (r->failed || !type || !c.constants)
        return;
    memcpy(constants, c.constants, c.count * sizeof *constants);
    retype(r, &c, type);
    definition->target = type;
    definition->size = type->size;
    definition->alignment = attributes->last > type->alignment ? attributes->last : type->alignment;
    definition->count = c.count;
    definition->record->constants = constants;
}

/* Tags */

static const char *const tag_words[] = {[GATE_STRUCT] = "struct", [GATE_UNION] = "union", [GATE_ENUM] = "enum"};

static enum gate_kind tag_kind(int word) {
    return word == GATE__STRUCT ? GATE_STRUCT : word == GATE__UNION ? GATE_UNION : GATE_ENUM;
}

/* The tag's type, declared here if it isn't yet; without a tag, a new one. */
static const gate_type *find_record(struct gate__reader *r, const struct gate__token *tag, enum gate_kind kind) {
    char what[64];
    if (tag->length == 0)
        return gate__type_record(r, kind, NULL);
    struct gate__entry *entry = gate__scope_find(r->decls, GATE__TAGS, tag->at, tag->length);
    if (!entry) {
        entry = gate__scope_add(r, GATE__TAGS, tag);
        if (!entry)
            return NULL;
        entry->decl.kind = GATE_DECL_TAG;
        entry->decl.type = gate__type_record(r, kind, entry->decl.name);
    } else if (entry->decl.type->kind != kind) {
        snprintf(what, sizeof what, "but it is the tag of a %s", tag_words[entry->decl.type->kind]);
        gate__scope_conflict(r, tag, &entry->decl, what);
    }
    return r->failed ? NULL : entry->decl.type;
}

/* A second definition has to say what the first one did, if there may be one at all. */
static void check_again(struct gate__reader *r, const struct gate__token *tag, const gate_type *type,
                        const gate_type *definition) {
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__TAGS, tag->at, tag->length);
    if (!r->failed && !gate__type_same_members(type, definition))
        gate__scope_conflict(r, tag, &entry->decl, "whose members are not those of its definition");
}

/* Before it is defined, an enum counts as an unsigned int, and may have been used as one. */
static void check_enum(struct gate__reader *r, const struct gate__token *tag, const gate_type *type,
                       const gate_type *definition) {
    if (type->kind == GATE_ENUM && type->record->used && definition->size != type->size)
        gate__lex_fail(r, tag, -ENOTSUP, "an enum that was used before its definition, and is no int");
}

/* The body of a record, whose "{" has been read. */
static void define(struct gate__reader *r, const struct gate__token *tag, const gate_type *type,
                   struct gate__attributes *attributes) {
    struct gate__record *record = type->record, fresh = {0};
    gate_type definition = {.kind = type->kind, .tag = type->tag, .record = &fresh};
    bool again = record->defined;
    if (record->being_defined)
        gate__lex_fail(r, tag, -EINVAL, "which is being defined already");
    if (again && gate__scope_is_once(r))
        gate__scope_conflict(r, tag, gate_decls_find_tag(r->decls, type->tag), "which is there already, declared");
    if (r->failed || !gate__scope_save(r, record, sizeof *record))
        return;
    record->being_defined = true;
    if (type->kind == GATE_ENUM)
        read_enum(r, &definition, attributes);
    else
        read_record(r, &definition, attributes);
    record->being_defined = false;
    if (r->failed)
        return;
    if (again)
        check_again(r, tag, type, &definition);
    else
        check_enum(r, tag, type, &definition);
    if (!again)
        gate__type_complete(r, type, &definition);
}

/* Without a body, the attributes are those of what is declared. */
static void add_attributes(struct gate__attributes *to, const struct gate__attributes *from) {
    to->last = from->last ? from->last : to->last;
    to->largest = from->largest > to->largest ? from->largest : to->largest;
    to->is_packed |= from->is_packed;
    to->is_transparent |= from->is_transparent;
}

const gate_type *gate__record_read(struct gate__reader *r, struct gate__specifiers *s) {
    enum gate_kind kind = tag_kind(r->lexer.token.word);
    struct gate__attributes attributes = {0};
    gate__lex_advance(r);
    gate__attribute_read(r, &attributes);
    struct gate__token tag = r->lexer.token;
    if (gate__lex_sees_name(r))
        gate__lex_advance(r);
    else if (gate__lex_sees(r, '{'))
        tag.length = 0;
    else
        gate__lex_expected(r, "a tag or '{'");
    const gate_type *type = r->failed ? NULL : find_record(r, &tag, kind);
    if (!type)
        return NULL;
    s->defines |= tag.length != 0;
    if (gate__lex_accept(r, '{')) {
        s->defines = true;
        define(r, &tag, type, &attributes);
        if (!r->failed && attributes.is_transparent)
            gate__attribute_make_transparent(r, type);
    } else {
        add_attributes(&s->attributes, &attributes);
        if (!type->record->used && gate__scope_save(r, type->record, sizeof *type->record))
            type->record->used = true;
    }
    return r->failed ? NULL : type;
}
