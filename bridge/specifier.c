/* Specifiers: the words before a declarator, in any order (C11 6.7), and the bodies of structs, unions and enums.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"

/* Words that make up a type: a set of them is a kind. */

#define WORD(name) (1u << (GATE__##name - GATE__VOID))

static const struct {
    unsigned words;
    enum gate_kind kind;
} combinations[] = {
    {WORD(VOID), GATE_VOID},
    {WORD(BOOL), GATE_BOOL},
    {WORD(CHAR), GATE_CHAR},
    {WORD(SIGNED) | WORD(CHAR), GATE_SCHAR},
    {WORD(UNSIGNED) | WORD(CHAR), GATE_UCHAR},
    {WORD(SHORT), GATE_SHORT},
    {WORD(UNSIGNED) | WORD(SHORT), GATE_USHORT},
    {WORD(INT), GATE_INT},
    {WORD(UNSIGNED) | WORD(INT), GATE_UINT},
    {WORD(LONG), GATE_LONG},
    {WORD(UNSIGNED) | WORD(LONG), GATE_ULONG},
    {WORD(LONG) | WORD(LONG_AGAIN), GATE_LLONG},
    {WORD(UNSIGNED) | WORD(LONG) | WORD(LONG_AGAIN), GATE_ULLONG},
    {WORD(INT128), GATE_INT128},
    {WORD(UNSIGNED) | WORD(INT128), GATE_UINT128},
    {WORD(FLOAT16), GATE_FLOAT16},
    {WORD(FLOAT), GATE_FLOAT},
    {WORD(FLOAT32), GATE_FLOAT},
    {WORD(DOUBLE), GATE_DOUBLE},
    {WORD(FLOAT64), GATE_DOUBLE},
    {WORD(LONG) | WORD(DOUBLE), GATE_LDOUBLE},
    {WORD(FLOAT64X), GATE_LDOUBLE},
    {WORD(FLOAT128), GATE_FLOAT128},
    {WORD(FLOAT16) | WORD(COMPLEX), GATE_FLOAT16_COMPLEX},
    {WORD(FLOAT) | WORD(COMPLEX), GATE_FLOAT_COMPLEX},
    {WORD(FLOAT32) | WORD(COMPLEX), GATE_FLOAT_COMPLEX},
    {WORD(DOUBLE) | WORD(COMPLEX), GATE_DOUBLE_COMPLEX},
    {WORD(FLOAT64) | WORD(COMPLEX), GATE_DOUBLE_COMPLEX},
    {WORD(LONG) | WORD(DOUBLE) | WORD(COMPLEX), GATE_LDOUBLE_COMPLEX},
    {WORD(FLOAT64X) | WORD(COMPLEX), GATE_LDOUBLE_COMPLEX},
    {WORD(FLOAT128) | WORD(COMPLEX), GATE_FLOAT128_COMPLEX},
};

static enum gate_kind kind_of_words(unsigned words) {
    /* "signed" and "int" add nothing where another word says as much. */
    if (words & WORD(INT) && words & (WORD(SHORT) | WORD(LONG)))
        words &= ~WORD(INT);
    if (words & WORD(SIGNED) && !(words & (WORD(CHAR) | WORD(UNSIGNED))))
        words &= ~WORD(SIGNED);
    if (words == 0 || words == WORD(UNSIGNED))
        words |= WORD(INT);
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        if (combinations[i].words == words)
            return combinations[i].kind;
    }
    return GATE_KINDS;
}

static unsigned qualifier_of(int word) {
    return word == GATE__CONST      ? GATE_CONST
           : word == GATE__VOLATILE ? GATE_VOLATILE
           : word == GATE__RESTRICT ? GATE_RESTRICT
           : word == GATE__ATOMIC   ? GATE_ATOMIC
                                    : 0;
}

unsigned gate__specifier_qualifiers(struct gate__reader *r) {
    unsigned qualifiers = 0, qualifier;
    for (; (qualifier = qualifier_of(r->lexer.token.word)) != 0; gate__lex_advance(r))
        qualifiers |= qualifier;
    return qualifiers;
}

/* Names of types */

static const char va_list_name[] = "__builtin_va_list";
static const char va_list_text[] = "typedef struct __va_list_tag { unsigned gp_offset, fp_offset;"
                                   "void *overflow_arg_area, *reg_save_area; } __builtin_va_list[1];";

static bool is_va_list(const struct gate__token *token) {
    return token->length == sizeof va_list_name - 1 && memcmp(token->at, va_list_name, token->length) == 0;
}

/* Declares the compiler's own type when a text first needs it. */
static void declare_va_list(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    gate__lex_begin(r, va_list_text);
    gate__decl_read(r);
    if (!r->failed)
        r->lexer = before;
}

static bool names_type(const struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    if (!gate__lex_sees_name(r))
        return false;
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
    if (entry)
        return entry->decl.kind == GATE_DECL_TYPEDEF;
    return is_va_list(token) || gate__scope_known(token->at, token->length);
}

/* The type of a name that names one. */
static const gate_type *named_type(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token.at, token.length);
    if (!entry && is_va_list(&token)) {
        declare_va_list(r);
        entry = gate__scope_find(r->decls, GATE__ORDINARY, token.at, token.length);
    }
    gate__lex_advance(r);
    return r->failed ? NULL : entry ? entry->decl.type : gate__scope_known(token.at, token.length);
}

bool gate__specifier_begins(const struct gate__reader *r) {
    int word = r->lexer.token.word;
    return (word >= GATE__VOID && word <= GATE__ATTRIBUTE) || names_type(r);
}

/* Members */

/* One of a record that is being read. */
struct member {
    gate_field field;
    struct gate__token token;
    struct member *next;
};

struct body {
    enum gate_kind kind;
    struct member *first, **last;
    size_t count;
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

static void check_member(struct gate__reader *r, const struct body *body, const struct member *member) {
    const gate_type *type = member->field.type;
    bool is_flexible = type->kind == GATE_ARRAY && type->count == GATE_COUNT_UNKNOWN;
    if (type->kind == GATE_FUNCTION)
        gate__lex_fail(r, &member->token, -EINVAL, "but a member can't be a function");
    else if (is_flexible && body->kind == GATE_UNION)
        gate__lex_fail(r, &member->token, -EINVAL, "but an array without a count can't be a union's member");
    else if (!is_flexible && !gate__type_is_complete(type))
        gate__lex_fail(r, &member->token, -EINVAL, "but a member's type can't be incomplete");
    else if (type->kind == GATE_ARRAY && type->count == GATE_COUNT_VARIABLE)
        gate__lex_fail(r, &member->token, -EINVAL, "but a member's size can't be variable");
}

/* One declarator, or only a width. */
static void read_member(struct gate__reader *r, struct body *body, const struct gate__specifiers *specifiers) {
    struct gate__declared declared;
    if (gate__lex_sees(r, ':')) {
        declared = (struct gate__declared){.type = specifiers->type, .attributes = specifiers->attributes};
        declared.name = r->lexer.token;
        declared.name.length = 0;
    } else {
        declared = gate__decl_declarator(r, specifiers, GATE__NAMED);
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
        check_member(r, body, member);
    }
}

/* What stands before a ";" alone: an anonymous record, or a tag that is declared on the way. */
static void add_anonymous(struct gate__reader *r, struct body *body, const struct gate__specifiers *specifiers) {
    const gate_type *type = specifiers->type;
    struct gate__declared declared = {.type = type, .attributes = specifiers->attributes};
    declared.name = r->lexer.token;
    declared.name.length = 0;
    if (gate__type_is_record(type) && !type->tag && specifiers->defines)
        add_member(r, body, &declared);
    else if (!type->tag && !specifiers->defines)
        gate__lex_expected(r, "a member's name");
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
        if (specifiers.storage)
            gate__lex_fail(r, &first, -EINVAL, "but members have no storage class");
        if (!r->failed && gate__lex_sees(r, ';')) {
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
    const char *name;
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

static struct found *list_names(struct found *found, const gate_field *fields, size_t count,
                                const struct gate__token *token, const struct member *member) {
    for (size_t i = 0; i < count; i++, member = member ? member->next : NULL) {
        const struct gate__token *here = member ? &member->token : token;
        if (fields[i].name)
            *found++ = (struct found){fields[i].name, here, 0};
        else if (!fields[i].is_bit_field)
            found = list_names(found, fields[i].type->fields, fields[i].type->count, here, NULL);
    }
    return found;
}

static int compare_found(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void check_names(struct gate__reader *r, const struct body *body, const gate_field *fields) {
    size_t count = count_names(fields, body->count);
    struct found *found = gate__scope_scratch(r, count * sizeof *found);
    if (!found)
        return;
    list_names(found, fields, body->count, NULL, body->first);
    for (size_t i = 0; i < count; i++)
        found[i].index = i;
    qsort(found, count, sizeof *found, compare_found);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(found[i - 1].name, found[i].name) == 0)
            gate__lex_fail(r, found[i].token, -EINVAL, "but a member of that name is there already");
    }
}

static const char *copied(struct gate__reader *r, const struct gate__token *token) {
    char *copy = gate__scope_allocate(r, token->length + 1);
    return copy ? memcpy(copy, token->at, token->length) : NULL;
}

/* The members as fields, which are yet to be laid out. */
static gate_field *gather(struct gate__reader *r, const struct body *body) {
    gate_field *fields = gate__scope_allocate(r, body->count * sizeof *fields);
    size_t i = 0;
    for (const struct member *member = body->first; fields && member; member = member->next, i++) {
        bool is_flexible = member->field.type->kind == GATE_ARRAY && member->field.type->count == GATE_COUNT_UNKNOWN;
        fields[i] = member->field;
        if (member->token.length)
            fields[i].name = copied(r, &member->token);
        if (is_flexible && member->next)
            gate__lex_fail(r, &member->token, -EINVAL, "but an array without a count can only be the last member");
    }
    return r->failed ? NULL : fields;
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
    definition->count = body.count;
    for (size_t i = 0; fields && i < body.count; i++)
        fields[i].is_packed |= attributes->is_packed;
    if (fields)
        check_names(r, &body, fields);
    if (fields && !gate__layout_record(definition, fields, attributes->last, pack))
        gate__lex_fail(r, &end, -EINVAL, "which ends a type that is too large for any memory");
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

static bool fits_int(__int128 value) {
    return value >= INT_MIN && value <= INT_MAX;
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

static void read_constant(struct gate__reader *r, struct counting *c) {
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
    if (value.type->size > 8)
        gate__lex_fail(r, &given, -ENOTSUP, "but constants of more than 64 bits are not supported");
    if (fits_int((__int128)value.bits))
        value = gate__value_integer(GATE_INT, value.bits);
    value.type = gate__type_basic(gate__type_plain(value.type)->kind);
    gate_decl decl = {.kind = GATE_DECL_CONSTANT, .type = value.type, .value = (uint64_t)value.bits};
    struct gate__entry *entry = gate__scope_declare(r, &name, decl, true);
    if (!entry || !make_room(r, c))
        return;
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
    const gate_type *least = integer_for(c, true), *type = gate__attribute_of_base(r, least, attributes);
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
        read_constant(r, &c);
    } while (gate__lex_accept(r, ','));
    struct gate__token end = r->lexer.token;
    gate__lex_require(r, '}');
    gate__attribute_read(r, attributes);
    const gate_type *type = integer_for(&c, attributes->is_packed);
    const gate_decl **constants = gate__scope_allocate(r, c.count * sizeof *constants);
    if (!type)
        gate__lex_fail(r, &end, -EINVAL, "which ends an enum whose values no integer type has room for");
    if (type && attributes->mode[0])
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

/* A second definition has to say what the first one did. */
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
    gate_type definition = {.kind = type->kind, .record = &fresh};
    bool again = record->defined;
    if (record->being_defined)
        gate__lex_fail(r, tag, -EINVAL, "which is being defined already");
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

/* "struct", "union" or "enum", and what belongs to it. */
static const gate_type *tagged(struct gate__reader *r, struct gate__specifiers *s) {
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
            type = gate__attribute_of_declared(r, type, &(struct gate__attributes){.is_transparent = true});
    } else {
        add_attributes(&s->attributes, &attributes);
        if (!type->record->used && gate__scope_save(r, type->record, sizeof *type->record))
            type->record->used = true;
    }
    return r->failed ? NULL : type;
}

/* All together */

/* What has been read: either words, or one type. */
struct seen {
    unsigned words, qualifiers;
    const gate_type *type;
};

static void add_word(struct gate__reader *r, struct seen *seen) {
    int word = r->lexer.token.word;
    unsigned bit = 1u << (word - GATE__VOID);
    if (word == GATE__LONG && seen->words & bit)
        bit = WORD(LONG_AGAIN);
    if (seen->type)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "but there is a type already");
    else if (seen->words & bit)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "which has been said before");
    seen->words |= bit;
    gate__lex_advance(r);
}

static void add_storage(struct gate__reader *r, struct gate__specifiers *s) {
    int word = r->lexer.token.word;
    bool joins = (word == GATE__THREAD) != (s->storage == GATE__THREAD);
    if (s->storage && !joins && word != GATE__INLINE && word != GATE__NORETURN)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "but there is a storage class already");
    if (word != GATE__INLINE && word != GATE__NORETURN && (word != GATE__THREAD || !s->storage))
        s->storage = word;
    gate__lex_advance(r);
}

/* _Atomic, which is a qualifier unless "(" and a type follow. */
static void add_atomic(struct gate__reader *r, struct seen *seen) {
    gate__lex_advance(r);
    seen->qualifiers |= GATE_ATOMIC;
    if (!gate__lex_sees(r, '('))
        return;
    gate__lex_advance(r);
    seen->type = gate__decl_type_name(r);
    gate__lex_require(r, ')');
}

/* _Float32 and its kin are no keywords to compilers that lack them: their headers make typedefs of these. */
static bool is_float_name(const struct gate__reader *r, const struct seen *seen) {
    int word = r->lexer.token.word;
    return word >= GATE__FLOAT16 && word <= GATE__FLOAT128 && (seen->type || seen->words & ~WORD(COMPLEX));
}

/* Reads one specifier; false when there is none. */
static bool read_one(struct gate__reader *r, struct gate__specifiers *s, struct seen *seen) {
    if (is_float_name(r, seen))
        r->lexer.token.word = 0;
    int word = r->lexer.token.word;
    bool has_type = seen->type || seen->words;
    if (word >= GATE__VOID && word <= GATE__FLOAT128) {
        add_word(r, seen);
    } else if (word == GATE__ATOMIC) {
        add_atomic(r, seen);
    } else if (qualifier_of(word)) {
        seen->qualifiers |= gate__specifier_qualifiers(r);
    } else if (word >= GATE__TYPEDEF && word <= GATE__NORETURN) {
        add_storage(r, s);
    } else if (word == GATE__ATTRIBUTE) {
        gate__attribute_read(r, &s->attributes);
    } else if (word == GATE__EXTENSION) {
        gate__lex_advance(r);
    } else if (gate__lex_accept(r, GATE__ALIGNAS)) {
        gate__attribute_alignas(r, &s->attributes);
    } else if (!has_type && word >= GATE__STRUCT && word <= GATE__ENUM) {
        seen->type = tagged(r, s);
    } else if (!has_type && gate__lex_accept(r, GATE__TYPEOF)) {
        seen->type = gate__constant_type_of(r);
    } else if (!has_type && names_type(r)) {
        seen->type = named_type(r);
    } else {
        return false;
    }
    return !r->failed;
}

static void reject_unknown(struct gate__reader *r) {
    if (gate__lex_sees(r, GATE__UNSUPPORTED))
        gate__lex_fail(r, &r->lexer.token, -ENOTSUP, "which is not supported");
    else if (gate__lex_sees_name(r))
        gate__lex_fail(r, &r->lexer.token, -EINVAL, r->unknown_type);
    else
        gate__lex_expected(r, "a type");
}

struct gate__specifiers gate__specifier_read(struct gate__reader *r) {
    struct gate__token first = r->lexer.token;
    struct gate__specifiers s = {0};
    struct seen seen = {0};
    while (read_one(r, &s, &seen))
        ;
    if (!r->failed && !seen.type && !seen.words)
        reject_unknown(r);
    if (r->failed)
        return s;
    if (!seen.type)
        seen.type = gate__type_basic(kind_of_words(seen.words));
    if (!seen.type)
        gate__lex_fail(r, &first, -EINVAL, "which begins a combination of words that is no type");
    s.type = gate__type_qualified(r, seen.type, seen.qualifiers);
    return s;
}
