/* Types: what kinds there are, how one is made of another, and when two are the same.
 *
 * A struct, union or enum is one record, and a type for each set of qualifiers and each alignment that it is used with.
 * When it is completed, all of them are. Types are made of each other without end, in text that is short: so they have
 * a depth and a weight, which bound the recursion and the time of whoever walks them. What has a name ends such a
 * walk, and weighs nothing: names lead through each other as deep as a text is long. What has to be known of what is inside
 * is noted in the record when it is completed.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "bridge/internal.h"

struct gate__variant {
    gate_type type; /* first */
    size_t asked;   /* bytes: the alignment of its own, or 0 */
    struct gate__variant *next;
};

#define OF_SIZE(kind_, size_) [kind_] = {.kind = (kind_), .size = (size_), .alignment = (size_)}
#define OF_TYPE(kind_, type_) [kind_] = {.kind = (kind_), .size = sizeof(type_), .alignment = _Alignof(type_)}

/* The kinds that are complete by themselves, as the compiler lays them out; it may lack the last ones. */
static const gate_type basic[GATE_POINTER] = {
    OF_SIZE(GATE_VOID, 0),
    OF_TYPE(GATE_BOOL, _Bool),
    OF_TYPE(GATE_CHAR, char),
    OF_TYPE(GATE_SCHAR, signed char),
    OF_TYPE(GATE_UCHAR, unsigned char),
    OF_TYPE(GATE_SHORT, short),
    OF_TYPE(GATE_USHORT, unsigned short),
    OF_TYPE(GATE_INT, int),
    OF_TYPE(GATE_UINT, unsigned),
    OF_TYPE(GATE_LONG, long),
    OF_TYPE(GATE_ULONG, unsigned long),
    OF_TYPE(GATE_LLONG, long long),
    OF_TYPE(GATE_ULLONG, unsigned long long),
    OF_TYPE(GATE_INT128, __int128),
    OF_TYPE(GATE_UINT128, unsigned __int128),
    OF_TYPE(GATE_FLOAT, float),
    OF_TYPE(GATE_DOUBLE, double),
    OF_TYPE(GATE_LDOUBLE, long double),
    OF_TYPE(GATE_FLOAT_COMPLEX, float _Complex),
    OF_TYPE(GATE_DOUBLE_COMPLEX, double _Complex),
    OF_TYPE(GATE_LDOUBLE_COMPLEX, long double _Complex),
    OF_SIZE(GATE_FLOAT16, 2),
    OF_SIZE(GATE_FLOAT128, 16),
    [GATE_FLOAT16_COMPLEX] = {.kind = GATE_FLOAT16_COMPLEX, .size = 4, .alignment = 2},
    [GATE_FLOAT128_COMPLEX] = {.kind = GATE_FLOAT128_COMPLEX, .size = 32, .alignment = 16},
};

const gate_type *gate__type_basic(enum gate_kind kind) {
    return kind < GATE_POINTER ? &basic[kind] : NULL;
}

const gate_type *gate_type_basic(enum gate_kind kind) {
    return gate__type_basic(kind);
}

bool gate__type_is_record(const gate_type *type) {
    return type->kind == GATE_STRUCT || type->kind == GATE_UNION;
}

static bool has_record(const gate_type *type) {
    return gate__type_is_record(type) || type->kind == GATE_ENUM;
}

const gate_type *gate__type_plain(const gate_type *type) {
    return type->kind == GATE_ENUM ? type->target : type;
}

bool gate__type_is_integer(const gate_type *type) {
    return (type->kind >= GATE_BOOL && type->kind <= GATE_UINT128) || type->kind == GATE_ENUM;
}

bool gate__type_is_real(const gate_type *type) {
    return type->kind >= GATE_FLOAT16 && type->kind <= GATE_FLOAT128;
}

bool gate__type_is_complex(const gate_type *type) {
    return type->kind >= GATE_FLOAT16_COMPLEX && type->kind <= GATE_FLOAT128_COMPLEX;
}

bool gate__type_is_signed(const gate_type *type) {
    switch (gate__type_plain(type)->kind) {
    case GATE_CHAR:
        return (char)-1 < 0;
    case GATE_SCHAR:
    case GATE_SHORT:
    case GATE_INT:
    case GATE_LONG:
    case GATE_LLONG:
    case GATE_INT128:
        return true;
    default:
        return false;
    }
}

bool gate__type_has_pointers(const gate_type *type) {
    for (; type->kind == GATE_ARRAY; type = type->target) {
        if (type->count == 0 || type->count > GATE_COUNT_MAX)
            return false;
    }
    return type->kind == GATE_POINTER || (gate__type_is_record(type) && type->record->has_pointers);
}

bool gate__type_is_complete(const gate_type *type) {
    if (type->kind == GATE_ARRAY)
        return type->count != GATE_COUNT_UNKNOWN && type->count != GATE_COUNT_LATER;
    if (gate__type_is_record(type))
        return type->record->defined;
    return type->kind != GATE_VOID && type->kind != GATE_FUNCTION;
}

/* No such struct is in another. */
bool gate__type_is_told_later(const gate_type *type) {
    if (type->kind == GATE_STRUCT && type->count)
        type = type->fields[type->count - 1].type;
    return type->kind == GATE_ARRAY && type->count == GATE_COUNT_LATER;
}

/* GCC makes what processors can exchange at once lie as they need it. */
static size_t raised_alignment(const gate_type *type, size_t alignment) {
    bool exchanged = type->size && type->size <= 16 && !(type->size & (type->size - 1));
    return type->qualifiers & GATE_ATOMIC && exchanged && alignment < type->size ? type->size : alignment;
}

size_t gate__type_natural_alignment(const gate_type *type) {
    size_t alignment = has_record(type)              ? type->record->alignment
                       : type->kind == GATE_POINTER  ? _Alignof(void *)
                       : type->kind == GATE_ARRAY    ? type->target->alignment
                       : type->kind == GATE_VECTOR   ? type->size
                       : type->kind == GATE_FUNCTION ? 0
                                                     : basic[type->kind].alignment;
    return raised_alignment(type, alignment);
}

/* Making */

static void add_part(gate_type *type, const gate_type *part) {
    type->depth = part->depth >= type->depth ? part->depth + 1 : type->depth;
    type->weight += part->weight + 1;
}

/* Bounds what was made; NULL if it is too much. */
static const gate_type *bounded(struct gate__reader *r, const gate_type *type) {
    if (type->depth > GATE__DEPTH_MAX)
        gate__lex_fail(r, &r->lexer.token, -EINVAL,
                       "and a type that is nested too deeply: " GATE__DEPTH_MAX_TEXT " levels are the most");
    if (type->weight > GATE__WEIGHT_MAX)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and a type without a name that has more than a million parts");
    return r->failed ? NULL : type;
}

static const gate_type *make(struct gate__reader *r, gate_type type) {
    gate_type *made = gate__scope_allocate(r, sizeof *made);
    if (!made)
        return NULL;
    *made = type;
    return bounded(r, made);
}

const gate_type *gate__type_pointer(struct gate__reader *r, const gate_type *target, unsigned qualifiers) {
    gate_type type = {.kind = GATE_POINTER, .qualifiers = qualifiers, .size = sizeof(void *), .target = target};
    type.alignment = _Alignof(void *);
    add_part(&type, target);
    return make(r, type);
}

const gate_type *gate__type_array(struct gate__reader *r, const gate_type *element, size_t count) {
    gate_type type = {.kind = GATE_ARRAY, .target = element, .count = count};
    type.size = count <= GATE_COUNT_MAX ? count * element->size : 0;
    type.alignment = element->alignment;
    add_part(&type, element);
    return make(r, type);
}

const gate_type *gate__type_vector(struct gate__reader *r, const gate_type *element, size_t size) {
    gate_type type = {.kind = GATE_VECTOR, .qualifiers = element->qualifiers, .size = size, .alignment = size};
    type.target = gate__type_basic(element->kind);
    type.count = size / element->size;
    add_part(&type, element);
    return make(r, type);
}

const gate_type *gate__type_function(struct gate__reader *r, gate_signature *signature) {
    gate_type type = {.kind = GATE_FUNCTION, .function = signature};
    signature->call = gate__signature_unprepared;
    signature->fixed = signature->count;
    signature->decls = r->decls;
    add_part(&type, signature->result);
    for (size_t i = 0; i < signature->count; i++)
        add_part(&type, signature->parameters[i]);
    return make(r, type);
}

/* Records */

static struct gate__variant *add_variant(struct gate__reader *r, const gate_type *type, size_t asked) {
    struct gate__variant *variant = gate__scope_allocate(r, sizeof *variant);
    struct gate__record *record = type->record;
    if (!variant || !gate__scope_save(r, &record->variants, sizeof record->variants))
        return NULL;
    variant->type = *type;
    variant->asked = asked;
    variant->next = record->variants;
    record->variants = variant;
    return variant;
}

const gate_type *gate__type_record(struct gate__reader *r, enum gate_kind kind, const char *tag) {
    gate_type type = {.kind = kind, .tag = tag, .record = gate__scope_allocate(r, sizeof *type.record)};
    if (!type.record)
        return NULL;
    if (kind == GATE_ENUM) {
        type.target = &basic[GATE_UINT];
        type.size = type.target->size;
        type.alignment = type.record->alignment = type.target->alignment;
    }
    struct gate__variant *variant = add_variant(r, &type, 0);
    return variant ? &variant->type : NULL;
}

/* The variant that differs by its qualifiers or its alignment, 0 for the record's own. */
static const gate_type *variant_of(struct gate__reader *r, const gate_type *type, unsigned qualifiers, size_t asked) {
    struct gate__variant *variant = type->record->variants;
    while (variant && (variant->type.qualifiers != qualifiers || variant->asked != asked))
        variant = variant->next;
    if (variant)
        return &variant->type;
    variant = add_variant(r, type, asked);
    if (!variant)
        return NULL;
    variant->type.qualifiers = qualifiers;
    bool has_alignment = type->kind == GATE_ENUM || type->record->defined;
    variant->type.alignment = raised_alignment(&variant->type, !has_alignment ? 0
                                                               : asked        ? asked
                                                                              : type->record->alignment);
    return &variant->type;
}

static size_t asked_by(const gate_type *type) {
    return ((const struct gate__variant *)(const void *)type)->asked;
}

static const gate_type *with_qualifiers(struct gate__reader *r, const gate_type *type, unsigned qualifiers) {
    if (has_record(type))
        return variant_of(r, type, qualifiers, asked_by(type));
    gate_type other = *type;
    other.qualifiers = qualifiers;
    other.alignment = raised_alignment(&other, type->alignment);
    return make(r, other);
}

/* A pointer or an array that is as type but for these; type itself if they are its own, and NULL without a target. */
static const gate_type *with_target(struct gate__reader *r, const gate_type *type, const gate_type *target,
                                    size_t count) {
    gate_type other = *type;
    if (!target || (target == type->target && count == type->count))
        return target ? type : NULL;
    bool has_size = type->kind == GATE_ARRAY && count <= GATE_COUNT_MAX;
    if (has_size && target->size && count > PTRDIFF_MAX / target->size)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and an array that is too large for any memory");
    other.target = target;
    other.count = count;
    other.size = has_size ? count * target->size : type->size;
    other.depth = other.weight = 0;
    add_part(&other, target);
    return make(r, other);
}

/* Of an array, both are its elements' affair (C23 6.2.5). */

const gate_type *gate__type_unqualified(struct gate__reader *r, const gate_type *type) {
    if (type->kind == GATE_ARRAY)
        return with_target(r, type, gate__type_unqualified(r, type->target), type->count);
    return type->qualifiers ? with_qualifiers(r, type, 0) : type;
}

const gate_type *gate__type_qualified(struct gate__reader *r, const gate_type *type, unsigned qualifiers) {
    if (!type || type->kind == GATE_FUNCTION || !(qualifiers & ~type->qualifiers))
        return type;
    if (type->kind != GATE_ARRAY)
        return with_qualifiers(r, type, type->qualifiers | qualifiers);
    return with_target(r, type, gate__type_qualified(r, type->target, qualifiers), type->count);
}

const gate_type *gate__type_aligned(struct gate__reader *r, const gate_type *type, size_t alignment) {
    if (!type || type->alignment == alignment || type->kind == GATE_FUNCTION || type->kind == GATE_VOID)
        return type;
    if (has_record(type))
        return variant_of(r, type, type->qualifiers, alignment);
    gate_type other = *type;
    other.alignment = alignment;
    return make(r, other);
}

/* What less alignment was asked of an incomplete one is nothing to GCC; asked of the complete one, it is. */
static void complete_variant(struct gate__reader *r, struct gate__variant *variant, const gate_type *definition) {
    gate_type *type = &variant->type;
    if (!gate__scope_save(r, variant, sizeof *variant))
        return;
    if (variant->asked < definition->alignment)
        variant->asked = 0;
    size_t alignment = variant->asked ? variant->asked : definition->alignment;
    type->size = definition->size;
    type->alignment = raised_alignment(type, alignment);
    type->target = definition->target;
    type->count = definition->count;
    type->fields = definition->fields;
    type->depth = definition->depth;
    type->weight = definition->weight;
}

void gate__type_complete(struct gate__reader *r, const gate_type *type, const gate_type *definition) {
    struct gate__record *record = type->record;
    gate_type complete = *definition;
    bool has_fields = type->kind != GATE_ENUM;
    for (size_t i = 0; !type->tag && i < definition->count; i++)
        add_part(&complete, has_fields ? definition->fields[i].type : &basic[GATE_INT]);
    if (r->failed || !bounded(r, &complete) || !gate__scope_save(r, record, sizeof *record))
        return;
    record->defined = true;
    for (size_t i = 0; has_fields && i < definition->count; i++)
        record->has_pointers |= gate__type_has_pointers(definition->fields[i].type);
    if (has_fields)
        record->passing = gate__abi_note(definition);
    record->alignment = definition->alignment;
    record->constants = definition->record->constants;
    record->constant_count = definition->record->constant_count;
    record->named = definition->record->named;
    record->named_count = definition->record->named_count;
    for (struct gate__variant *variant = record->variants; variant; variant = variant->next)
        complete_variant(r, variant, &complete);
}

const gate_type *gate__type_copy(struct gate__reader *r, const gate_type *type) {
    const gate_type *copy = gate__type_record(r, type->kind, NULL);
    gate_type definition = *type;
    definition.depth = definition.weight = 0;
    definition.alignment = type->record->alignment;
    if (copy && type->record->defined)
        gate__type_complete(r, copy, &definition);
    return r->failed ? NULL : gate__type_qualified(r, copy, type->qualifiers);
}

void gate__type_name(struct gate__reader *r, const gate_type *type, const char *name) {
    struct gate__record *record = has_record(type) ? type->record : NULL;
    if (!record || type->tag || record->name || type->qualifiers || asked_by(type) ||
        !gate__scope_save(r, record, sizeof *record))
        return;
    record->name = name;
    for (struct gate__variant *variant = record->variants; variant; variant = variant->next) {
        if (!gate__scope_save(r, &variant->type, sizeof variant->type))
            return;
        variant->type.depth = variant->type.weight = 0;
    }
}

/* Sameness */

static bool are_compatible(const gate_type *a, const gate_type *b, unsigned ignored);

/* Whether a call that knows no parameters passes them right (C11 6.7.6.3p15). */
static bool takes_promoted(const gate_signature *signature) {
    for (size_t i = 0; i < signature->count; i++) {
        const gate_type *type = gate__type_plain(signature->parameters[i]);
        if (type->kind == GATE_FLOAT || (gate__type_is_integer(type) && type->size < sizeof(int)))
            return false;
    }
    return !signature->variadic;
}

static bool same_signatures(const gate_signature *a, const gate_signature *b) {
    if (!are_compatible(a->result, b->result, ~0u))
        return false;
    if (a->unspecified || b->unspecified)
        return takes_promoted(a) && takes_promoted(b);
    if (a->count != b->count || a->variadic != b->variadic)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!are_compatible(a->parameters[i], b->parameters[i], ~0u))
            return false;
    }
    return true;
}

static bool same_texts(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_fields(const gate_type *a, const gate_type *b) {
    for (size_t i = 0; i < a->count; i++) {
        const gate_field *x = &a->fields[i], *y = &b->fields[i];
        if (!same_texts(x->name, y->name) || x->offset != y->offset || x->bit_offset != y->bit_offset ||
            x->bit_width != y->bit_width || x->is_bit_field != y->is_bit_field || !are_compatible(x->type, y->type, 0))
            return false;
    }
    return true;
}

static bool same_constants(const gate_type *a, const gate_type *b) {
    for (size_t i = 0; i < a->count; i++) {
        const gate_decl *x = a->record->constants[i], *y = b->record->constants[i];
        if (strcmp(x->name, y->name) != 0 || x->value != y->value)
            return false;
    }
    return a->target == b->target;
}

bool gate__type_same_members(const gate_type *a, const gate_type *b) {
    if (a->kind != b->kind || a->count != b->count || a->size != b->size || a->alignment != b->alignment)
        return false;
    return a->kind == GATE_ENUM ? same_constants(a, b) : same_fields(a, b);
}

/* Those without tags are the same if they look the same: a text may have been read before, and not be named yet. */
static bool same_records(const gate_type *a, const gate_type *b) {
    if (a->record == b->record)
        return true;
    const char *x = a->record->name, *y = b->record->name;
    return !a->tag && !b->tag && a->record->defined && b->record->defined && (!x || !y || same_texts(x, y)) &&
           gate__type_same_members(a, b);
}

static bool same_counts(const gate_type *a, const gate_type *b) {
    return a->count == b->count || a->count > GATE_COUNT_MAX || b->count > GATE_COUNT_MAX;
}

static bool are_compatible(const gate_type *a, const gate_type *b, unsigned ignored) {
    if (a == b)
        return true;
    if ((a->qualifiers ^ b->qualifiers) & ~ignored)
        return false;
    if (a->kind != b->kind)
        return (a->kind == GATE_ENUM || b->kind == GATE_ENUM) && gate__type_plain(a)->kind == gate__type_plain(b)->kind;
    switch (a->kind) {
    case GATE_POINTER:
        return are_compatible(a->target, b->target, 0);
    case GATE_ARRAY:
        return same_counts(a, b) && are_compatible(a->target, b->target, 0);
    case GATE_VECTOR:
        return a->count == b->count && are_compatible(a->target, b->target, ~0u);
    case GATE_FUNCTION:
        return same_signatures(a->function, b->function);
    case GATE_STRUCT:
    case GATE_UNION:
    case GATE_ENUM:
        return same_records(a, b);
    default:
        return true;
    }
}

bool gate__type_compatible(const gate_type *a, const gate_type *b) {
    return are_compatible(a, b, 0);
}

static const gate_type *composite_function(struct gate__reader *r, const gate_type *a, const gate_type *b) {
    const gate_signature *x = a->function->unspecified ? b->function : a->function;
    const gate_signature *y = b->function->unspecified ? x : b->function;
    const gate_type *result = gate__type_composite(r, a->function->result, b->function->result);
    const gate_type **parameters = gate__scope_scratch(r, x->count * sizeof *parameters);
    bool is_new = result != x->result;
    if (!parameters)
        return NULL;
    for (size_t i = 0; i < x->count; i++) {
        parameters[i] = gate__type_composite(r, x->parameters[i], y->parameters[i]);
        is_new |= parameters[i] != x->parameters[i];
    }
    if (!is_new)
        return x == a->function ? a : b;
    gate_signature *both = gate__scope_allocate(r, sizeof *both);
    const gate_type **kept = gate__scope_allocate(r, x->count * sizeof *kept);
    if (!kept)
        return NULL;
    *both = (gate_signature){.result = result, .parameters = kept, .count = x->count, .variadic = x->variadic};
    both->unspecified = x->unspecified;
    memcpy(kept, parameters, x->count * sizeof *kept);
    return gate__type_function(r, both);
}

const gate_type *gate__type_composite(struct gate__reader *r, const gate_type *a, const gate_type *b) {
    if (a == b || a->kind != b->kind) /* an enum and its integer */
        return a;
    if (a->kind == GATE_FUNCTION)
        return composite_function(r, a, b);
    if (a->kind != GATE_POINTER && a->kind != GATE_ARRAY)
        return a;
    size_t count = a->count < b->count ? a->count : b->count; /* what is no count is a larger number */
    return with_target(r, a, gate__type_composite(r, a->target, b->target), count);
}

/* What hosts ask */

static int compare_named(const void *key, const void *element) {
    return gate__lex_compare(key, ((const struct gate__named *)element)->field->name);
}

const struct gate__named *gate__type_find(const gate_type *type, const char *name, size_t length) {
    struct gate__name key = {name, length};
    const struct gate__record *record = gate__type_is_record(type) ? type->record : NULL;
    if (!record || !record->named_count)
        return NULL;
    return bsearch(&key, record->named, record->named_count, sizeof *record->named, compare_named);
}

int gate_type_field(const gate_type *type, const char *name, gate_field *field) {
    if (!gate__type_is_record(type) || !type->record->defined)
        return -EINVAL;
    const struct gate__named *named = gate__type_find(type, name, strlen(name));
    if (!named)
        return -ENOENT;
    *field = *named->field;
    field->offset += named->offset;
    return 0;
}

const gate_decl *gate_type_constant(const gate_type *type, size_t index) {
    if (!has_record(type) || !type->record->constants)
        return NULL;
    size_t count = type->kind == GATE_ENUM ? type->count : type->record->constant_count;
    return index < count ? type->record->constants[index] : NULL;
}
