/* Types and signatures: what kinds there are, how they read in C, and who owns what they need.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

#define BASIC(kind, type, name) [kind] = {{kind, 0, sizeof(type), _Alignof(type), NULL, NULL, NULL}, name}
#define SIZELESS(kind, name) [kind] = {{kind, 0, 0, 0, NULL, NULL, NULL}, name}

/* Every kind: its type without qualifiers, as the compiler lays it out, and its name. */
static const struct {
    gate_type type;
    const char *name;
} kinds[GATE_KINDS] = {
    SIZELESS(GATE_VOID, "void"),
    BASIC(GATE_BOOL, _Bool, "_Bool"),
    BASIC(GATE_CHAR, char, "char"),
    BASIC(GATE_SCHAR, signed char, "signed char"),
    BASIC(GATE_UCHAR, unsigned char, "unsigned char"),
    BASIC(GATE_SHORT, short, "short"),
    BASIC(GATE_USHORT, unsigned short, "unsigned short"),
    BASIC(GATE_INT, int, "int"),
    BASIC(GATE_UINT, unsigned, "unsigned int"),
    BASIC(GATE_LONG, long, "long"),
    BASIC(GATE_ULONG, unsigned long, "unsigned long"),
    BASIC(GATE_LLONG, long long, "long long"),
    BASIC(GATE_ULLONG, unsigned long long, "unsigned long long"),
    BASIC(GATE_FLOAT, float, "float"),
    BASIC(GATE_DOUBLE, double, "double"),
    BASIC(GATE_LDOUBLE, long double, "long double"),
    BASIC(GATE_FLOAT_COMPLEX, float _Complex, "float _Complex"),
    BASIC(GATE_DOUBLE_COMPLEX, double _Complex, "double _Complex"),
    BASIC(GATE_LDOUBLE_COMPLEX, long double _Complex, "long double _Complex"),
    BASIC(GATE_POINTER, void *, "pointer"),
    SIZELESS(GATE_FUNCTION, "function"),
    SIZELESS(GATE_ARRAY, "array"),
    SIZELESS(GATE_STRUCT, "struct"),
    SIZELESS(GATE_UNION, "union"),
    BASIC(GATE_ENUM, unsigned, "enum"),
};

const gate_type *gate__type_basic(enum gate_kind kind) {
    return kind < GATE_POINTER ? &kinds[kind].type : NULL;
}

/* Ownership */

struct gate__allocation {
    struct gate__allocation *next;
    max_align_t data[];
};

void *gate__type_allocate(gate_signature *owner, size_t size) {
    struct gate__allocation *allocation = calloc(1, sizeof *allocation + size);
    if (!allocation)
        return NULL;
    allocation->next = owner->owned;
    owner->owned = allocation;
    return allocation->data;
}

void gate__type_free_owned(gate_signature *owner) {
    while (owner->owned) {
        struct gate__allocation *allocation = owner->owned;
        owner->owned = allocation->next;
        free(allocation);
    }
}

/* Signatures */

/* One request to parse, so that it can be run on the system stack with a single argument. */
struct request {
    const char *text;
    gate_signature *signature;
    gate_error *error;
    int failed;
};

static void parse(void *data) {
    struct request *r = data;
    r->failed = gate__decl_parse(r->text, r->signature, r->error);
    if (!r->failed)
        r->failed = gate__ffi_prepare(r->signature, r->error);
    if (!r->failed)
        r->failed = gate__plan_make(r->signature, r->error);
}

int gate_signature_parse(const char *text, gate_signature **result, gate_error *error) {
    gate_signature *signature = calloc(1, sizeof *signature);
    if (!signature)
        return gate__fail(error, -ENOMEM, "no memory for a signature");
    struct request r = {text, signature, error, 0};
    gate__switch_call(gate__m(), parse, &r);
    if (r.failed)
        gate_signature_free(signature);
    else
        *result = signature;
    return r.failed;
}

void gate_signature_free(gate_signature *signature) {
    if (!signature)
        return;
    gate__type_free_owned(signature);
    free(signature);
}

const gate_type *gate_signature_result(const gate_signature *signature) {
    return signature->result;
}

size_t gate_signature_count(const gate_signature *signature) {
    return signature->count;
}

const gate_type *gate_signature_parameter(const gate_signature *signature, size_t index) {
    return index < signature->count ? signature->parameters[index] : NULL;
}

/* Printing. A declarator is written around what it declares: what stands before the place of the name,
 * and what stands behind it. */

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

static void put_qualifiers(struct text *text, unsigned qualifiers) {
    static const char *const names[] = {"const ", "volatile ", "restrict "};
    for (unsigned i = 0; i < 3; i++) {
        if (qualifiers & 1u << i)
            put(text, names[i]);
    }
}

static void put_type(struct text *text, const gate_type *type);

static void put_parameters(struct text *text, const gate_signature *signature) {
    put(text, "(");
    for (size_t i = 0; i < signature->count; i++) {
        put(text, i ? ", " : "");
        put_type(text, signature->parameters[i]);
    }
    put(text, signature->count ? ")" : "void)");
}

/* A pointer to these needs parentheses, as what stands behind the name binds more tightly. */
static bool stands_behind(const gate_type *type) {
    return type->kind == GATE_FUNCTION || type->kind == GATE_ARRAY;
}

static void put_before(struct text *text, const gate_type *type) {
    if (type->kind == GATE_POINTER) {
        put_before(text, type->target);
        put(text, stands_behind(type->target) ? "(*" : "*");
        put_qualifiers(text, type->qualifiers);
    } else if (stands_behind(type)) {
        put_before(text, type->kind == GATE_ARRAY ? type->target : type->function->result);
    } else {
        put_qualifiers(text, type->qualifiers);
        put(text, kinds[type->kind].name);
        put(text, " ");
        put(text, type->tag ? type->tag : "");
        put(text, type->tag ? " " : "");
    }
}

static void put_count(struct text *text, const gate_type *array) {
    char count[24] = "";
    if (array->size)
        snprintf(count, sizeof count, "%zu", array->size / array->target->size);
    put(text, "[");
    put(text, count);
    put(text, "]");
}

static void put_behind(struct text *text, const gate_type *type) {
    if (type->kind == GATE_POINTER) {
        put(text, stands_behind(type->target) ? ")" : "");
        put_behind(text, type->target);
    } else if (type->kind == GATE_ARRAY) {
        put_count(text, type);
        put_behind(text, type->target);
    } else if (type->kind == GATE_FUNCTION) {
        put_parameters(text, type->function);
        put_behind(text, type->function->result);
    }
}

/* The space that ends a specifier or a qualifier is for a name or a star: nothing may follow it. */
static void drop_space(struct text *text) {
    if (text->last == ' ')
        text->length--;
    text->last = '\0';
}

static void put_type(struct text *text, const gate_type *type) {
    put_before(text, type);
    if (!stands_behind(type))
        drop_space(text);
    put_behind(text, type);
}

size_t gate_type_print(const gate_type *type, char *buffer, size_t size) {
    struct text text = {buffer, size, 0, '\0'};
    put_type(&text, type);
    if (size)
        buffer[text.length < size ? text.length : size - 1] = '\0';
    return text.length;
}
