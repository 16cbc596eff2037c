/* Signatures at random: their types, values of them, and C that shows how a compiler passes these.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_SIGNATURES_H
#define CALLGATE_TESTS_SIGNATURES_H

#include "tests/support/compiler.h"
#include "tests/support/decls.h"

enum {
    ARGUMENTS_MOST = 20,
    LARGEST = 2000, /* bytes, of what is passed */
    ALIGNMENT_MOST = 128,
    RECORDS = 150,
    DEPTH_MOST = 3
};

/* Types. Their text is read by the compilers, and by a scope. */

/* clang 14 has no _Float16 on x86-64 without flags, and gets something of that size. */
static const char halves[] = "typedef _Float16 half; typedef _Float16 _Complex half_complex;\n";
static const char halves_for_clang[] = "typedef short half; typedef struct { short real, imaginary; } half_complex;\n";

static const char named_types[] =
    "typedef _Complex float quad_complex __attribute__((mode(TC)));\n"
    "typedef int (*function)(void);\n"
    "enum tiny_ { TINY } __attribute__((packed)); typedef enum tiny_ tiny;\n"
    "typedef enum { SIGNED = -1 } signed_enum; typedef enum { PLAIN } plain_enum; typedef enum { WIDE = 1l << 40 } "
    "wide;\n"
    "typedef char chars8 __attribute__((vector_size(8))); typedef float floats8 __attribute__((vector_size(8)));\n"
    "typedef long long8 __attribute__((vector_size(8))); typedef double double8 __attribute__((vector_size(8)));\n"
    "typedef short shorts16 __attribute__((vector_size(16))); typedef long longs16 __attribute__((vector_size(16)));\n"
    "typedef float floats16 __attribute__((vector_size(16))); typedef double doubles16 "
    "__attribute__((vector_size(16)));\n"
    "typedef int ints128 __attribute__((vector_size(128))); typedef __int128 words32 "
    "__attribute__((vector_size(32)));\n"
    "typedef int ints32 __attribute__((vector_size(32))); typedef double doubles32 __attribute__((vector_size(32)));\n"
    "typedef half halves32 __attribute__((vector_size(32)));\n"
    "typedef char chars64 __attribute__((vector_size(64))); typedef double doubles64 "
    "__attribute__((vector_size(64)));\n"
    "typedef int raised_int __attribute__((aligned(16))); typedef long lowered_long __attribute__((aligned(2)));\n"
    "typedef double lowered_double __attribute__((aligned(4)));\n"
    "typedef struct {} empty; typedef struct { int none[0]; long : 64, : 64, : 64; } padding;\n";

/* What is alike lies together. First come those that libffi has, too, and that the compilers agree on. */
static const char *const scalars[] = {
    "_Bool",
    "char",
    "signed char",
    "unsigned char",
    "tiny",
    "short",
    "unsigned short",
    "int",
    "unsigned",
    "signed_enum",
    "plain_enum",
    "long",
    "unsigned long",
    "long long",
    "unsigned long long",
    "wide",
    "void *",
    "function",
    "double",
    "double _Complex",
    "float _Complex",
    "float",
    "float",
    "long double",
    "long double _Complex",
    "__int128",
    "unsigned __int128",
    "raised_int",
    "lowered_long",
    "empty",
    "long8",
    "chars8",
    "shorts16",
    "longs16",
    "doubles16",
    "floats16",
    "floats8",
    "double8",
    "half",
    "lowered_double",
    "__float128",
    "quad_complex",
    "half_complex", /* not in a record: gcc 12 loses half of one that is alone in the second eight bytes */
    "ints128",
    "words32",
    "ints32", /* in registers of AVX, */
    "doubles32",
    "halves32",
    "chars64", /* and of AVX-512 */
    "doubles64",
};
enum { SCALARS = sizeof scalars / sizeof *scalars, TAME_SCALARS = 25, TAME_RECORDS = RECORDS / 2 };

/* Those that there are registers for. */
static unsigned count_scalars(void) {
    unsigned most = gate__abi_vector_most();
    return most >= 64 ? SCALARS : most >= 32 ? SCALARS - 2 : SCALARS - 5;
}

/* What a record has: scalars that are alike, or any; and whether that is all, but for arrays and other such records. */
struct palette {
    unsigned first, count;
    bool is_tame;
};

static const char *draw_scalar(const struct palette *palette) {
    return scalars[(palette->first + draw(palette->count)) % (palette->is_tame ? TAME_SCALARS : count_scalars())];
}

static void write_attributes(struct writing *w, const struct palette *palette, unsigned one_of) {
    if (!palette->is_tame && draw(one_of) == 0)
        write_text(w, " __attribute__((packed))");
    if (!palette->is_tame && draw(one_of) == 0)
        write_text(w, " __attribute__((aligned(%u)))", 1u << draw(8));
}

static void write_bits(struct writing *w, unsigned member) {
    static const struct {
        const char *type;
        unsigned width;
    } types[] = {{"_Bool", 1}, {"char", 8},      {"unsigned short", 16}, {"int", 32},
                 {"int", 32},  {"unsigned", 32}, {"long", 64},           {"signed_enum", 32}};
    unsigned which = draw(sizeof types / sizeof *types), width = 1 + draw(types[which].width);
    if (draw(6))
        write_text(w, "%s m%u : %u", types[which].type, member, width);
    else
        write_text(w, "%s : %u", types[which].type, draw(3) ? width : 0);
}

static void write_counts(struct writing *w, const struct palette *palette) {
    bool is_none = !palette->is_tame && draw(4) == 0;
    write_text(w, "[%u]", is_none ? 0 : 1 + draw(draw(5) ? 3 : 40));
    if (draw(is_none ? 2 : 8) == 0)
        write_text(w, "[%u]", 1 + draw(5));
}

static void write_scalar(struct writing *w, const struct palette *palette, unsigned member) {
    const char *type = draw_scalar(palette);
    if (!strcmp(type, "half_complex"))
        type = "half";
    write_text(w, "%s m%u", type, member);
    if (draw(4) == 0 && strcmp(type, "raised_int"))
        write_counts(w, palette);
    write_attributes(w, palette, 24);
}

static void write_members(struct writing *w, const struct palette *palette, unsigned record, unsigned *member,
                          unsigned depth);

/* A record in the record; what it has is its own, or the outer one's. */
static void write_inner(struct writing *w, const struct palette *palette, unsigned record, unsigned *member,
                        unsigned depth) {
    write_text(w, "%s {\n", draw(3) ? "struct" : "union");
    write_members(w, palette, record, member, depth + 1);
    write_text(w, "}");
    write_attributes(w, palette, 16);
    if (draw(2))
        write_text(w, " m%u", (*member)++);
}

static void write_members(struct writing *w, const struct palette *palette, unsigned record, unsigned *member,
                          unsigned depth) {
    for (unsigned count = 1 + draw(draw(4) ? 3 : 6); count > 0; count--) {
        unsigned what = draw(12);
        if (what == 0 && record) {
            write_text(w, "r%u m%u", draw(record), (*member)++);
        } else if (what == 1 && depth < DEPTH_MOST) {
            write_inner(w, palette, record, member, depth);
        } else if (what == 2 && !palette->is_tame) {
            write_bits(w, (*member)++);
        } else {
            write_scalar(w, palette, (*member)++);
        }
        write_text(w, ";\n");
    }
}

/* The types that all signatures of a batch share. */
static void write_types(struct writing *w) {
    write_text(w, "%s", named_types);
    for (unsigned record = 0; record < RECORDS; record++) {
        unsigned all = count_scalars();
        struct palette palette = {draw(all), draw(3) ? 1 + draw(4) : all, record < TAME_RECORDS};
        unsigned member = 0;
        write_text(w, "typedef %s {\n", draw(4) ? "struct" : "union");
        write_members(w, &palette, record, &member, 0);
        write_text(w, "}");
        write_attributes(w, &palette, 10);
        write_text(w, " r%u;\n", record);
    }
}

/* Signatures */

/* A function: arguments behind the fixed ones are such of a variadic one. */
struct drawn {
    unsigned count, fixed;
    char result[24], arguments[ARGUMENTS_MOST][24];
};

static bool is_variadic(const struct drawn *drawn) {
    return drawn->fixed < drawn->count;
}

static bool has_members(const gate_type *type) {
    bool has = type->kind < GATE_STRUCT;
    for (size_t i = 0; (type->kind == GATE_STRUCT || type->kind == GATE_UNION) && !has && i < type->count; i++)
        has = type->fields[i].is_bit_field ? type->fields[i].name != NULL : has_members(type->fields[i].type);
    return has;
}

/* What gcc 12 gets wrong in its own variadic functions is not passed to them: it forgets that a record of nothing but
 * padding has no room on the stack, its va_arg loads records that are aligned to 16 bytes from registers that it has
 * saved at addresses that are not, and unions of vectors of more than 16 bytes from registers that it has not saved. */
static bool can_be_passed(const gate_type *type, bool is_variadic, bool is_fixed) {
    bool is_record = type->kind == GATE_STRUCT || type->kind == GATE_UNION;
    size_t most = is_fixed || type->kind < GATE_STRUCT || type->size > 16 ? ALIGNMENT_MOST : 8;
    bool is_padding = type->size && is_record && !has_members(type);
    bool is_wrong = (is_variadic && is_padding) || (!is_fixed && is_record && gate__abi_is_wide(type));
    return type->size <= LARGEST && type->alignment <= most && !is_wrong;
}

static void draw_type(bool is_tame, char name[24]) {
    struct palette all = {0, count_scalars(), is_tame};
    if (draw(2))
        snprintf(name, 24, "%s", draw_scalar(&all));
    else
        snprintf(name, 24, "r%u", draw(is_tame ? TAME_RECORDS : RECORDS));
}

static void draw_signature(gate_decls *decls, struct drawn *drawn) {
    bool is_tame = draw(2), has_result = draw(10);
    drawn->count = draw(draw(2) ? 7 : ARGUMENTS_MOST + 1);
    drawn->fixed = drawn->count > 1 && draw(5) == 0 ? 1 + draw(drawn->count - 1) : drawn->count;
    strcpy(drawn->result, "void");
    do {
        if (has_result)
            draw_type(is_tame, drawn->result);
    } while (!can_be_passed(type_of(decls, drawn->result), false, true));
    for (unsigned i = 0; i < drawn->count; i++) {
        do
            draw_type(is_tame, drawn->arguments[i]);
        while (!can_be_passed(type_of(decls, drawn->arguments[i]), is_variadic(drawn), i < drawn->fixed));
    }
}

/* Writes the parameters, with names, or with none for a NULL. */
static void write_parameters(struct writing *w, const struct drawn *drawn, const char *name) {
    for (unsigned i = 0; i < drawn->fixed; i++) {
        write_text(w, "%s%s", i ? ", " : "", drawn->arguments[i]);
        if (name)
            write_text(w, " %s%u", name, i);
    }
    write_text(w, "%s", is_variadic(drawn) ? ", ..." : drawn->count ? "" : "void");
}

/* The C of both ends. What they get they show to see_ and see_integer_, what they give they are given. The types of
 * variadic arguments are those that they are promoted to. */

enum { THE_RESULT = ARGUMENTS_MOST };

static const char ends_prelude[] = "void (*see_)(unsigned, const void *), (*see_integer_)(unsigned, long long);\n"
                                   "void (*give_)(void *);\n";

static bool is_void(const struct drawn *drawn) {
    return !strcmp(drawn->result, "void");
}

/* A narrow integer is looked at as a wide one, too: compilers rely on how it was widened. */
static void write_look(struct writing *w, const gate_type *type, const char *value, unsigned index) {
    write_text(w, "    see_(%u, &%s);\n", index, value);
    if (gate__type_is_integer(type) && type->size < 8)
        write_text(w, "    see_integer_(%u, %s);\n", index, value);
}

static void write_callee(struct writing *w, const struct drawn *drawn, const gate_signature *signature,
                         unsigned number) {
    char name[16];
    write_text(w, "%s f%u(", drawn->result, number);
    write_parameters(w, drawn, "a");
    write_text(w, ") {\n");
    if (is_variadic(drawn))
        write_text(w, "    __builtin_va_list list;\n    __builtin_va_start(list, a%u);\n", drawn->fixed - 1);
    for (unsigned i = 0; i < drawn->count; i++) {
        snprintf(name, sizeof name, "a%u", i);
        if (i >= drawn->fixed)
            write_text(w, "    %s a%u = __builtin_va_arg(list, %s);\n", drawn->arguments[i], i, drawn->arguments[i]);
        write_look(w, gate_signature_parameter(signature, i), name, i);
    }
    if (!is_void(drawn))
        write_text(w, "    %s result;\n    give_(&result);\n    return result;\n", drawn->result);
    write_text(w, "}\n");
}

static void write_caller(struct writing *w, const struct drawn *drawn, const gate_signature *signature,
                         unsigned number) {
    write_text(w, "void c%u(%s (*f)(", number, drawn->result);
    write_parameters(w, drawn, NULL);
    write_text(w, "), void *const values[]) {\n    ");
    if (!is_void(drawn))
        write_text(w, "%s result = ", drawn->result);
    write_text(w, "f(");
    for (unsigned i = 0; i < drawn->count; i++)
        write_text(w, "%s*(%s *)values[%u]", i ? ", " : "", drawn->arguments[i], i);
    write_text(w, ");\n");
    if (!is_void(drawn))
        write_look(w, gate_signature_result(signature), "result", THE_RESULT);
    write_text(w, "}\n");
}

/* Values: bytes, and which of their bits count. */

struct value {
    _Alignas(ALIGNMENT_MOST) unsigned char bytes[LARGEST], mask[LARGEST];
};

static void put_bit(struct value *value, size_t bit, bool is_set) {
    unsigned char one = (unsigned char)(1u << bit % 8);
    value->mask[bit / 8] |= one;
    value->bytes[bit / 8] = (unsigned char)((value->bytes[bit / 8] & ~one) | (is_set ? one : 0));
}

/* Any bits, and those that are special: zeroes, ones (a NaN that is negative), the upper one (a negative zero), and those
 * of infinities and NaNs that would trap. */
static void draw_bits(struct value *value, size_t from, size_t count) {
    unsigned how = draw(8);
    for (size_t i = 0; i < count; i++) {
        bool is_upper = i + 1 == count, is_set = draw(2);
        if (how < 2)
            is_set = how;
        else if (how == 2)
            is_set = is_upper;
        else if (how == 3)
            is_set = i > count / 2 ? !is_upper : i == 1;
        put_bit(value, from + i, is_set);
    }
}

static void draw_value(const gate_type *type, size_t offset, struct value *value);

static void draw_members(const gate_type *type, size_t offset, struct value *value) {
    for (size_t i = 0; i < type->count; i++) {
        const gate_field *field = &type->fields[i];
        size_t at = offset + field->offset;
        if (!field->is_bit_field)
            draw_value(field->type, at, value);
        else if (field->name)
            draw_bits(value, 8 * at + field->bit_offset, field->bit_width);
    }
}

/* Valgrind has doubles in the x87's registers. */
static void draw_x87(struct value *value, size_t offset) {
    long double number = draw(1000) + draw(1000) / 1024.0L;
    draw_bits(value, 8 * offset, 80);
    if (gate__switch_notices.names_stacks)
        memcpy(value->bytes + offset, &number, 10);
}

static bool is_x87(const gate_type *type) {
    return type->kind == GATE_LDOUBLE || type->kind == GATE_LDOUBLE_COMPLEX;
}

static void draw_value(const gate_type *type, size_t offset, struct value *value) {
    if (type->kind == GATE_STRUCT || type->kind == GATE_UNION) {
        draw_members(type, offset, value);
    } else if (type->kind == GATE_ARRAY) {
        for (size_t i = 0; i < type->count; i++)
            draw_value(type->target, offset + i * type->target->size, value);
    } else if (is_x87(type)) {
        for (size_t i = 0; i < type->size; i += 16)
            draw_x87(value, offset + i);
    } else {
        draw_bits(value, 8 * offset, 8 * type->size);
        for (unsigned bit = 1; type->kind == GATE_BOOL && bit < 8; bit++)
            put_bit(value, 8 * offset + bit, false);
    }
}

static bool is_value(const struct value *value, const void *bytes, size_t size) {
    const unsigned char *seen = bytes;
    bool same = true;
    for (size_t i = 0; i < size; i++)
        same = same && !((seen[i] ^ value->bytes[i]) & value->mask[i]);
    return same;
}

/* An integer of at most 4 bytes. */
static long long integer_of(const gate_type *type, const struct value *value) {
    uint64_t bits = 0;
    memcpy(&bits, value->bytes, type->size);
    unsigned unused = 64 - 8 * (unsigned)type->size;
    return gate__type_is_signed(type) ? (long long)(bits << unused) >> unused : (long long)bits;
}

#endif
