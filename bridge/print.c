/* Types as C writes them. A declarator is written around what it declares: what stands before the place of the name,
 * and what stands behind it.
 *
 * What C has no words for is said with GNU's: __typeof__ of a type with an alignment of its own, since attributes in
 * a declaration would be those of the whole. #pragma pack is written as the members' own attributes.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "bridge/internal.h"

static const char *const names[GATE_KINDS] = {
    [GATE_VOID] = "void",
    [GATE_BOOL] = "_Bool",
    [GATE_CHAR] = "char",
    [GATE_SCHAR] = "signed char",
    [GATE_UCHAR] = "unsigned char",
    [GATE_SHORT] = "short",
    [GATE_USHORT] = "unsigned short",
    [GATE_INT] = "int",
    [GATE_UINT] = "unsigned int",
    [GATE_LONG] = "long",
    [GATE_ULONG] = "unsigned long",
    [GATE_LLONG] = "long long",
    [GATE_ULLONG] = "unsigned long long",
    [GATE_INT128] = "__int128",
    [GATE_UINT128] = "unsigned __int128",
    [GATE_FLOAT16] = "_Float16",
    [GATE_FLOAT] = "float",
    [GATE_DOUBLE] = "double",
    [GATE_LDOUBLE] = "long double",
    [GATE_FLOAT128] = "_Float128",
    [GATE_FLOAT16_COMPLEX] = "_Float16 _Complex",
    [GATE_FLOAT_COMPLEX] = "float _Complex",
    [GATE_DOUBLE_COMPLEX] = "double _Complex",
    [GATE_LDOUBLE_COMPLEX] = "long double _Complex",
    [GATE_FLOAT128_COMPLEX] = "_Float128 _Complex",
    [GATE_STRUCT] = "struct",
    [GATE_UNION] = "union",
    [GATE_ENUM] = "enum",
};

struct text {
    char *buffer;
    size_t size, length; /* length counts what does not fit, too */
    char last;
};

static void put(struct text *text, const char *string) {
    for (; *string; string++, text->length++) {
        if (text->length + 1 < text->size)
            text->buffer[text->length] = *string;
        text->last = *string;
    }
}

static void put_number(struct text *text, const char *before, size_t number, const char *behind) {
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", number);
    put(text, before);
    put(text, digits);
    put(text, behind);
}

static void put_qualifiers(struct text *text, unsigned qualifiers) {
    static const char *const words[] = {"const ", "volatile ", "restrict ", "_Atomic "};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (qualifiers & 1u << i)
            put(text, words[i]);
    }
}

static void put_declaration(struct text *text, const gate_type *type, const char *name);

/* The space that ends a specifier or a qualifier is for a name, a star or a function's parameters. */
static void drop_space(struct text *text) {
    if (text->last == ' ')
        text->length--;
    text->last = '\0';
}

/* Functions */

static void put_parameters(struct text *text, const gate_signature *signature) {
    put(text, "(");
    for (size_t i = 0; i < signature->count; i++) {
        put(text, i ? ", " : "");
        put_declaration(text, signature->parameters[i], "");
    }
    const char *more = signature->count ? ", ...)" : "...)";
    bool has_none = !signature->count && !signature->unspecified;
    put(text, signature->variadic ? more : has_none ? "void)" : ")");
}

/* Members */

static void put_field_attributes(struct text *text, const gate_field *field) {
    if (!field->is_packed && !field->alignment)
        return;
    put(text, " __attribute__((");
    put(text, field->is_packed ? "packed" : "");
    put(text, field->is_packed && field->alignment ? ", " : "");
    if (field->alignment)
        put_number(text, "aligned(", field->alignment, ")");
    put(text, "))");
}

static void put_field(struct text *text, const gate_field *field) {
    put_declaration(text, field->type, field->name ? field->name : "");
    if (field->is_bit_field)
        put_number(text, " : ", field->bit_width, "");
    put_field_attributes(text, field);
    put(text, "; ");
}

static void put_constant(struct text *text, const gate_decl *constant) {
    char value[40];
    if (!gate__type_is_signed(constant->type))
        snprintf(value, sizeof value, " = %lluu, ", (unsigned long long)constant->value);
    else if ((int64_t)constant->value == INT64_MIN) /* C has no literal of it */
        snprintf(value, sizeof value, " = %lld - 1, ", (long long)INT64_MIN + 1);
    else
        snprintf(value, sizeof value, " = %lld, ", (long long)constant->value);
    put(text, constant->name);
    put(text, value);
}

/* An enum that is no int was packed, or its values asked for more: the machine mode says so in any case. */
static void put_constants(struct text *text, const gate_type *type) {
    size_t size = type->target->size;
    put(text, "{ ");
    for (size_t i = 0; i < type->count; i++)
        put_constant(text, type->record->constants[i]);
    put(text, "}");
    if (size != sizeof(int))
        put(text, size == 1   ? " __attribute__((mode(QI)))"
                  : size == 2 ? " __attribute__((mode(HI)))"
                              : " __attribute__((mode(DI)))");
}

/* The least that the members ask for: what is above it was asked for by the record. */
static size_t members_alignment(const gate_type *type) {
    size_t least = 1;
    for (size_t i = 0; i < type->count; i++) {
        const gate_field *field = &type->fields[i];
        size_t usual = field->is_packed ? 1 : field->type->alignment;
        size_t asked = field->is_bit_field && !field->name ? 1 : usual > field->alignment ? usual : field->alignment;
        least = asked > least ? asked : least;
    }
    return least;
}

static void put_fields(struct text *text, const gate_type *type) {
    put(text, "{ ");
    for (size_t i = 0; i < type->count; i++)
        put_field(text, &type->fields[i]);
    put(text, "}");
}

static void put_body(struct text *text, const gate_type *type) {
    bool is_enum = type->kind == GATE_ENUM;
    size_t usual = is_enum ? type->target->alignment : members_alignment(type);
    if (is_enum)
        put_constants(text, type);
    else
        put_fields(text, type);
    if (type->record->alignment > usual)
        put_number(text, " __attribute__((aligned(", type->record->alignment, ")))");
    put(text, " ");
}

static void put_record(struct text *text, const gate_type *type) {
    if (!type->tag && type->record->name) {
        put(text, type->record->name);
        put(text, " ");
        return;
    }
    put(text, names[type->kind]);
    put(text, " ");
    if (type->tag) {
        put(text, type->tag);
        put(text, " ");
    } else if (type->record->defined) {
        put_body(text, type);
    }
}

/* Declarators */

/* A pointer to these needs parentheses, as what stands behind the name binds more tightly. */
static bool stands_behind(const gate_type *type) {
    return type->kind == GATE_FUNCTION || type->kind == GATE_ARRAY;
}

static bool has_own_alignment(const gate_type *type) {
    return type->alignment && type->kind != GATE_FUNCTION && type->alignment != gate__type_natural_alignment(type);
}

/* A type with an alignment of its own is a specifier, whatever it is. */
static void put_aligned(struct text *text, const gate_type *type) {
    gate_type plain = *type;
    plain.alignment = gate__type_natural_alignment(type);
    put_number(text, "__typeof__(__attribute__((aligned(", type->alignment, "))) ");
    put_declaration(text, &plain, "");
    put(text, ") ");
}

static void put_before(struct text *text, const gate_type *type) {
    if (has_own_alignment(type)) {
        put_aligned(text, type);
    } else if (type->kind == GATE_POINTER) {
        put_before(text, type->target);
        put(text, stands_behind(type->target) && !has_own_alignment(type->target) ? "(*" : "*");
        put_qualifiers(text, type->qualifiers);
    } else if (stands_behind(type)) {
        put_before(text, type->kind == GATE_ARRAY ? type->target : type->function->result);
    } else if (type->kind == GATE_VECTOR) {
        put_qualifiers(text, type->qualifiers);
        put(text, names[type->target->kind]);
        put_number(text, " __attribute__((vector_size(", type->size, "))) ");
    } else {
        put_qualifiers(text, type->qualifiers);
        if (type->kind >= GATE_STRUCT) {
            put_record(text, type);
        } else {
            put(text, names[type->kind]);
            put(text, " ");
        }
    }
}

static void put_count(struct text *text, const gate_type *array) {
    if (array->count == GATE_COUNT_UNKNOWN)
        put(text, "[]");
    else if (array->count == GATE_COUNT_VARIABLE)
        put(text, "[*]");
    else if (array->count == GATE_COUNT_LATER)
        put(text, "[?]");
    else
        put_number(text, "[", array->count, "]");
}

static void put_behind(struct text *text, const gate_type *type) {
    if (has_own_alignment(type))
        return;
    if (type->kind == GATE_POINTER) {
        put(text, stands_behind(type->target) && !has_own_alignment(type->target) ? ")" : "");
        put_behind(text, type->target);
    } else if (type->kind == GATE_ARRAY) {
        put_count(text, type);
        put_behind(text, type->target);
    } else if (type->kind == GATE_FUNCTION) {
        put_parameters(text, type->function);
        put_behind(text, type->function->result);
    }
}

static void put_declaration(struct text *text, const gate_type *type, const char *name) {
    put_before(text, type);
    put(text, name);
    if (type->kind != GATE_FUNCTION)
        drop_space(text);
    put_behind(text, type);
}

/* One request, so that it can be run on the system stack with a single argument. */
struct request {
    struct text text;
    const gate_type *type;
};

static void print(void *data) {
    struct request *request = data;
    put_declaration(&request->text, request->type, "");
}

size_t gate_type_print(const gate_type *type, char *buffer, size_t size) {
    struct request request = {{buffer, size, 0, '\0'}, type};
    gate__switch_call(gate__m(), print, &request);
    size_t length = request.text.length;
    if (size)
        buffer[length < size ? length : size - 1] = '\0';
    return length;
}
