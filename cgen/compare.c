/* Two models: what somebody declared by hand, or a header, and what is real, by the headers or a library's debug information.
 *
 * Whatever is declared is looked up by its name among what is real. What is compared is what calls and accesses depend on:
 * sizes, offsets, how a value is passed, what a constant is worth; and which struct is meant, by its tag or a typedef's
 * name for it. A pointer to void goes for any.
 *
 * What has a name on both sides is compared once, where it is declared, and not wherever it is used. A struct without a
 * name is compared, field by field, in what has it.
 *
 * A library has the types of all that it was made of, of which some have the same name: one that agrees is enough.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* Reports: what is wrong, and then where the header says so */

/* What a mistake is about, and both its places. */
struct subject {
    const char *name;
    const struct place *written, *real;
};

/* A struct without a tag has the name of its typedef. */
static const char *name_of(const struct item *item) {
    return *item->name || !item->named_by ? item->name : item->named_by->name;
}

static struct subject subject_of(const struct item *written, const struct item *real) {
    return (struct subject){name_of(written), &written->place, &real->place};
}

__attribute__((format(printf, 3, 4))) static void complain(struct comparison *c, const struct subject *of,
                                                           const char *pattern, ...) {
    char what[1024];
    va_list arguments;
    c->mistakes++;
    if (c->is_quiet)
        return;
    va_start(arguments, pattern);
    vsnprintf(what, sizeof what, pattern, arguments);
    va_end(arguments);
    report(of->written, "error", "%s%s%s", of->name, *of->name ? ": " : "", what);
    if (of->real)
        report(of->real, "note", "%s", c->note);
}

static const char *on_one_line(char *text) {
    char *to = text;
    for (char *from = text; *from; from++) {
        if (*from == '\n')
            *from = ' ';
        if (*from != ' ' || (to > text && to[-1] != ' '))
            *to++ = *from;
    }
    *to = '\0';
    return text;
}

static const char *spell_short(const struct type *type) {
    return on_one_line(spell(type, "", SPELL_NAMED));
}

static const struct item *item_of_enum(const struct type *type) {
    type = type_plain(type);
    return type->kind == TYPE_ITEM && type->item->kind == ITEM_ENUM ? type->item : NULL;
}

/* As it is declared, and what that is. */
static const char *text_of(const struct type *type) {
    const char *named = memory_format("'%s'", spell_short(type));
    const struct item *record = item_of_record(type), *as_enum = item_of_enum(type);
    const struct item *item = as_enum && as_enum->size != sizeof(int) ? as_enum : record;
    if (item && item->is_complete) /* the other may have the same name */
        return memory_format("%s of %lld byte%s", named, item->size, string_plural((size_t)item->size));
    bool is_clear = type_plain(type) == type || type_plain(type)->kind == TYPE_ITEM;
    return is_clear ? named : memory_format("%s (aka '%s')", named, spell_short(type_plain(type)));
}

/* Types */

static bool is_record(const struct item *item) {
    return item->kind == ITEM_STRUCT || item->kind == ITEM_UNION;
}

enum { DEEPEST = 12 }; /* of types in types: lists go round in rings */

static bool is_same(const struct type *a, const struct type *b, int depth);

static bool is_integer(const struct type *type) {
    return type->kind == TYPE_BASIC && type->basic >= BASIC_BOOL && type->basic <= BASIC_UNSIGNED;
}

/* What bytes behind a pointer mean is for those who read them. */
static bool is_same_integer(const struct type *a, const struct type *b, bool signs_matter, int depth) {
    bool are_chars = a->size == 1 && b->size == 1 && depth;
    return a->size == b->size && (a->basic == b->basic || are_chars || !signs_matter);
}

static bool is_same_function(const struct type *a, const struct type *b, int depth) {
    if (a->is_unprototyped || b->is_unprototyped)
        return is_same(a->target, b->target, depth);
    bool same = a->parameter_count == b->parameter_count && a->is_variadic == b->is_variadic;
    for (size_t i = 0; i < a->parameter_count && same; i++)
        same = is_same(type_passed(a->parameters[i].type), type_passed(b->parameters[i].type), depth);
    return same && is_same(a->target, b->target, depth);
}

static bool has_name(const struct item *item) {
    return *item->name || item->names.count;
}

static bool is_called(const struct item *item, const char *name) {
    bool is = strcmp(item->name, name) == 0;
    for (size_t i = 0; i < item->names.count && !is; i++)
        is = strcmp(item->names.items[i], name) == 0;
    return is && *name;
}

/* As C has it, but for this: a typedef's name is as good as a tag. */
static bool has_name_of(const struct item *a, const struct item *b) {
    bool has = is_called(b, a->name);
    for (size_t i = 0; i < a->names.count && !has; i++)
        has = is_called(b, a->names.items[i]);
    return has;
}

static bool has_same_fields(const struct item *a, const struct item *b);

/* Behind a pointer its size is no matter: where it is declared it is compared by itself. */
static bool is_same_record(const struct item *a, const struct item *b, int depth) {
    if (a->kind != b->kind)
        return false;
    if (!has_name(a) || !has_name(b))
        return has_same_fields(a, b);
    return has_name_of(a, b) && (depth || !a->is_complete || !b->is_complete || a->size == b->size);
}

/* Each has the names of its own constants, by which hosts take them. */
static bool is_other_enum(const struct type *a, const struct type *b) {
    const struct item *one = item_of_enum(a), *other = item_of_enum(b);
    return one && other && has_name(one) && has_name(other) && !has_name_of(one, other);
}

static bool is_same_enum(const struct type *a, const struct type *b) {
    const struct item *one = item_of_enum(a), *other = item_of_enum(b);
    return one && other && has_name_of(one, other);
}

static bool has_one_typedef(const struct type *a, const struct type *b) {
    bool are_items = a->kind == TYPE_ITEM && b->kind == TYPE_ITEM;
    return are_items && a->item->kind == ITEM_TYPEDEF && b->item->kind == ITEM_TYPEDEF && a->size == b->size &&
           strcmp(a->item->name, b->item->name) == 0;
}

static bool is_same_plain(const struct type *a, const struct type *b, int depth) {
    switch (a->kind) {
    case TYPE_POINTER:
        return type_is_void(a->target) || type_is_void(b->target) || is_same(a->target, b->target, depth + 1);
    case TYPE_ARRAY:
    case TYPE_VECTOR:
        return (a->count == b->count || a->count < 0 || b->count < 0) && is_same(a->target, b->target, depth + 1);
    case TYPE_FUNCTION:
        return is_same_function(a, b, depth + 1);
    case TYPE_ITEM:
        return is_same_record(a->item, b->item, depth);
    default:
        return a->basic == b->basic && a->size == b->size;
    }
}

static bool is_same(const struct type *a, const struct type *b, int depth) {
    bool is_enum = item_of_enum(a) || item_of_enum(b);
    if (depth > DEEPEST || has_one_typedef(a, b))
        return true;
    if (is_other_enum(a, b))
        return false;
    if (depth && is_same_enum(a, b))
        return true;
    a = type_bare(a);
    b = type_bare(b);
    bool has_one_name = a->kind == TYPE_BASIC && b->kind == TYPE_BASIC && strcmp(a->name, b->name) == 0;
    bool is_unknown = a->kind == TYPE_UNKNOWN || b->kind == TYPE_UNKNOWN; /* as of functions in assembly */
    if (has_one_name || is_unknown)
        return true;
    if (is_integer(a) && is_integer(b))
        return is_same_integer(a, b, !is_enum, depth);
    return a->kind == b->kind && is_same_plain(a, b, depth);
}

/* Structs and unions */

/* A record within the one that is compared: at which bits of that it lies on both sides, and what comes before the names
 * of its fields. */
struct within {
    struct subject whole;
    const char *path;
    const struct item *real;
    long long written_at, real_at;
};

typedef bool naming(const char *name, const char *other);

static bool is_equal(const char *name, const char *other) {
    return strcmp(name, other) == 0;
}

/* But for underscores around it, which a name gets that is a keyword of a script's. */
static bool is_nearly(const char *name, const char *other) {
    name += strspn(name, "_");
    other += strspn(other, "_");
    while (*name && *name == *other)
        name++, other++;
    return name[strspn(name, "_")] == '\0' && other[strspn(other, "_")] == '\0';
}

/* A field of item's, or of what has no name in it; *at is the bit where item lies, and then it. */
static const struct field *find_field(const struct item *item, const char *name, naming *is_name, long long *at) {
    for (size_t i = 0; i < item->field_count; i++) {
        const struct field *field = &item->fields[i];
        const struct item *inner = *field->name ? NULL : item_of_record(field->type);
        long long offset = *at + field->offset;
        const struct field *found = is_name(field->name, name) ? field
                                    : inner                    ? find_field(inner, name, is_name, &offset)
                                                               : NULL;
        if (found) {
            *at = offset;
            return found;
        }
    }
    return NULL;
}

static void check_fields(struct comparison *c, const struct within *in, const struct item *written);

/* What two arrays of one length have. */
static void skip_arrays(const struct type **a, const struct type **b) {
    while (type_plain(*a)->kind == TYPE_ARRAY && type_plain(*b)->kind == TYPE_ARRAY &&
           type_plain(*a)->count == type_plain(*b)->count) {
        *a = type_plain(*a)->target;
        *b = type_plain(*b)->target;
    }
}

/* One that is written where it is used is compared there. */
static bool check_nameless(struct comparison *c, const struct subject *of, const char *name, const struct type *a,
                           const struct type *b) {
    skip_arrays(&a, &b);
    const struct item *written = item_of_record(a), *real = item_of_record(b);
    if (!written || !real || (has_name(written) && has_name(real)) || written->kind != real->kind)
        return false;
    if (written->size != real->size)
        complain(c, of, "'%s' is of %lld byte%s, not %lld", name, real->size, string_plural((size_t)real->size),
                 written->size);
    check_fields(c, &(struct within){*of, memory_format("%s.", name), real, 0, 0}, written);
    return true;
}

static void check_place(struct comparison *c, const struct subject *of, const char *name, long long written,
                        long long real) {
    if (real != written && (real % 8 || written % 8))
        complain(c, of, "'%s' is at bit %lld, not %lld", name, real, written);
    else if (real != written)
        complain(c, of, "'%s' is at byte %lld, not %lld", name, real / 8, written / 8);
}

static void check_field(struct comparison *c, const struct within *in, const struct field *written) {
    long long real_at = in->real_at;
    const struct field *exact = find_field(in->real, written->name, is_equal, &real_at);
    const struct field *real = exact ? exact : find_field(in->real, written->name, is_nearly, &real_at);
    const char *name = memory_format("%s%s", in->path, written->name);
    struct subject field = {in->whole.name, &written->place, real ? &real->place : in->whole.real};
    if (!real) {
        complain(c, &field, "it has no field '%s'", name);
        return;
    }
    check_place(c, &field, name, in->written_at + written->offset, real_at);
    if (real->width != written->width)
        complain(c, &field, "'%s' has another width, of bits", name);
    if (!check_nameless(c, &field, name, written->type, real->type) && !is_same(written->type, real->type, 0))
        complain(c, &field, "'%s' is %s, not %s", name, text_of(real->type), text_of(written->type));
}

static void check_fields(struct comparison *c, const struct within *in, const struct item *written) {
    for (size_t i = 0; i < written->field_count; i++) {
        const struct field *field = &written->fields[i];
        const struct item *inner = item_of_record(field->type);
        struct within deeper = *in;
        deeper.written_at += field->offset;
        if (*field->name)
            check_field(c, in, field);
        else if (inner)
            check_fields(c, &deeper, inner);
    }
}

static void check_record(struct comparison *c, const struct item *a, const struct item *b) {
    struct subject both = subject_of(a, b);
    if (a->kind != b->kind)
        complain(c, &both, "it is a %s", word_of_kind(b->kind));
    if (!a->is_complete || !b->is_complete)
        return; /* to say less is no mistake */
    if (a->size != b->size)
        complain(c, &both, "its size is %lld byte%s, not %lld", b->size, string_plural((size_t)b->size), a->size);
    if (a->alignment != b->alignment && b->alignment) /* which debug information doesn't tell */
        complain(c, &both, "its alignment is %lld, not %lld", b->alignment, a->alignment);
    check_fields(c, &(struct within){both, "", b, 0, 0}, a);
}

static bool has_same_fields(const struct item *a, const struct item *b) {
    struct comparison quiet = {.is_quiet = true};
    check_record(&quiet, a, b);
    return !quiet.mistakes;
}

/* Enums, of which the constants are compared each by itself */

static void check_enum(struct comparison *c, const struct item *a, const struct item *b) {
    struct subject both = subject_of(a, b);
    if (a->is_complete && b->is_complete && a->size != b->size)
        complain(c, &both, "its size is %lld byte%s, not %lld", b->size, string_plural((size_t)b->size), a->size);
}

/* Functions, variables, typedefs */

static void check_function(struct comparison *c, const struct item *a, const struct item *b) {
    const struct type *written = a->type, *real = b->type;
    struct subject both = subject_of(a, b);
    bool is_unsaid = real->is_unprototyped || (written->is_unprototyped && !c->is_all); /* by hand, it takes nothing */
    if (!is_unsaid && written->parameter_count != real->parameter_count)
        complain(c, &both, "it takes %zu parameter%s, not %zu", real->parameter_count,
                 string_plural(real->parameter_count), written->parameter_count);
    if (!is_unsaid && written->is_variadic != real->is_variadic)
        complain(c, &both, real->is_variadic ? "it is variadic" : "it is not variadic");
    if (!is_same(written->target, real->target, 0))
        complain(c, &both, "it returns %s, not %s", text_of(real->target), text_of(written->target));
    for (size_t i = 0; i < written->parameter_count && i < real->parameter_count; i++) {
        const struct type *from = written->parameters[i].type, *to = real->parameters[i].type;
        if (!is_same(type_passed(from), type_passed(to), 0))
            complain(c, &both, "parameter %zu is %s, not %s", i + 1, text_of(to), text_of(from));
    }
}

/* A name that only a header's macro or static function has is in no library. */
static void check_callable(struct comparison *c, const struct item *written, const struct item *real) {
    bool is_no_function = real->is_inline || real->is_macro;
    struct subject both = subject_of(written, real);
    if (is_no_function && !written->symbol && !written->is_inline)
        complain(c, &both, "it is a %s, and no function of a library's", real->is_macro ? "macro" : "static function");
    else if (!(real->is_macro && real->is_inline)) /* what it takes is no header's word */
        check_function(c, written, real);
}

static void complain_of_type(struct comparison *c, const struct item *a, const struct item *b) {
    struct subject both = subject_of(a, b);
    complain(c, &both, "its type is %s, not %s", text_of(b->type), text_of(a->type));
}

static void check_variable(struct comparison *c, const struct item *a, const struct item *b) {
    bool are_texts =
        a->value.kind == VALUE_STRING && b->value.kind == VALUE_STRING; /* arrays or pointers, as you like */
    if (!are_texts && !is_same(a->type, b->type, 0))
        complain_of_type(c, a, b);
}

/* Whether it has another tag than the real one, and that is another's. */
static bool has_tag_of_other(const struct model *model, const struct item *written, const struct item *real) {
    bool has = false;
    for (size_t i = 0; i < model->count && !has; i++)
        has = (is_record(model->items[i]) || model->items[i]->kind == ITEM_ENUM) &&
              strcmp(model->items[i]->name, written->name) == 0;
    return has && *written->name && strcmp(written->name, real->name) != 0;
}

/* Records and enums are compared as such, unless it is another that has the name here. Those that may be void are behind pointers. */
static void check_typedef(struct comparison *c, const struct item *a, const struct item *b) {
    const struct item *written = item_of_record(a->type), *real = item_of_record(b->type);
    const struct item *one = item_of_enum(a->type), *other = item_of_enum(b->type);
    bool are_enums = one && other && !is_other_enum(a->type, b->type);
    bool are_any = are_enums || ((written || type_is_void(a->type)) && (real || type_is_void(b->type)));
    bool is_other = (written && real && has_tag_of_other(c->real, written, real)) ||
                    (are_enums && has_tag_of_other(c->real, one, other));
    if (is_other || (!are_any && !is_same(a->type, b->type, 0)))
        complain_of_type(c, a, b);
}

/* Whatever has the name, but for tags, which are names of their own. */
static const struct item *find_named(const struct model *model, const char *name) {
    for (size_t i = 0; i < model->count; i++) {
        if (!is_record(model->items[i]) && model->items[i]->kind != ITEM_ENUM &&
            strcmp(model->items[i]->name, name) == 0)
            return model->items[i];
    }
    return NULL;
}

/* Constants */

/* A constant and where it is declared: an enum's, or a macro or variable. */
struct worth {
    struct value value;
    const struct type *type; /* of an integer */
    const struct place *place;
};

static struct worth worth_of(const struct constant *constant, const struct item *of) {
    return (struct worth){{.kind = VALUE_INTEGER, .integer = constant->value}, of->type, &constant->place};
}

static double number_of(const struct value *value) {
    return value->kind == VALUE_INTEGER ? (double)value->integer : value->floating;
}

static bool is_same_value(const struct value *a, const struct value *b) {
    if (a->kind == VALUE_STRING || b->kind == VALUE_STRING)
        return a->kind == b->kind && a->unit_size == b->unit_size && a->length == b->length &&
               memcmp(a->string, b->string, a->length * a->unit_size) == 0;
    return a->kind == b->kind && a->kind == VALUE_INTEGER ? a->integer == b->integer : number_of(a) == number_of(b);
}

static const char *text_of_string(const struct value *value) {
    char *text;
    size_t size;
    FILE *out = memory_stream(&text, &size);
    write_json_literal(value, out);
    fclose(out);
    const char *copy = memory_copy(text);
    free(text);
    return copy;
}

static const char *text_of_worth(const struct worth *of) {
    const struct value *value = &of->value;
    return value->kind == VALUE_STRING     ? text_of_string(value)
           : value->kind == VALUE_FLOATING ? memory_format("%.17g", value->floating)
                                           : spell_integer(value->integer, of->type);
}

/* Of the constant that has the name in item, or nowhere. */
static struct worth worth_in(const struct item *item, const char *name) {
    if (item->value.kind != VALUE_NONE && strcmp(item->name, name) == 0)
        return (struct worth){item->value, item->type, &item->place};
    for (size_t i = 0; i < item->constant_count; i++) {
        if (strcmp(item->constants[i].name, name) == 0)
            return worth_of(&item->constants[i], item);
    }
    return (struct worth){.place = NULL};
}

/* Of all that have the name one that agrees, if there is any. */
static struct worth find_constant(const struct model *model, const char *name, const struct value *written) {
    struct worth first = {.place = NULL};
    for (size_t i = 0; i < model->count; i++) {
        struct worth worth = worth_in(model->items[i], name);
        if (worth.place && is_same_value(&worth.value, written))
            return worth;
        if (!first.place)
            first = worth;
    }
    return first;
}

static void check_constant(struct comparison *c, const struct item *of, const char *name, struct worth written) {
    struct worth real = find_constant(c->real, name, &written.value);
    struct subject subject = {real.place ? name_of(of) : name, written.place, real.place};
    const char *which = strcmp(name, of->name) == 0 ? "it" : name;
    c->found += real.place != NULL;
    if (real.place && !is_same_value(&real.value, &written.value))
        complain(c, &subject, "%s is %s, not %s", which, text_of_worth(&real), text_of_worth(&written));
    else if (!real.place && c->is_all && !find_named(c->real, name) && !set_has(&c->real->macros, name))
        complain(c, &subject, "no header declares it");
}

/* All */

static void check_against(struct comparison *c, const struct item *written, const struct item *real) {
    if (written->kind == ITEM_FUNCTION)
        check_callable(c, written, real);
    else if (written->kind == ITEM_VARIABLE)
        check_variable(c, written, real);
    else if (written->kind == ITEM_TYPEDEF)
        check_typedef(c, written, real);
    else if (written->kind == ITEM_ENUM)
        check_enum(c, written, real);
    else if (is_record(written))
        check_record(c, written, real);
}

/* What an item of the other side may have in common with it: a tag, or any name for what has tags, or what the linker
 * calls a function, if the text itself has other names for all. */
typedef bool likeness(const struct item *written, const struct item *real);

static bool has_its_name(const struct item *written, const struct item *real) {
    bool is_alike = is_record(written) ? is_record(real) : written->kind == real->kind;
    return is_alike && *written->name && strcmp(real->name, written->name) == 0;
}

static bool has_another_name(const struct item *written, const struct item *real) {
    if (is_record(written))
        return is_record(real) && has_name_of(written, real);
    if (written->kind == ITEM_ENUM)
        return real->kind == ITEM_ENUM && has_name_of(written, real);
    return written->symbol && real->kind == written->kind && strcmp(real->name, written->symbol) == 0;
}

/* What is to be compared with written: of those that are alike one that agrees, if there is any. */
static const struct item *find_alike(const struct comparison *c, const struct item *written, likeness *is_alike) {
    const struct item *first = NULL;
    for (size_t i = 0; i < c->real->count; i++) {
        const struct item *item = c->real->items[i];
        struct comparison quiet = {.real = c->real, .is_quiet = true};
        if (!is_alike(written, item))
            continue;
        check_against(&quiet, written, item);
        if (!quiet.mistakes)
            return item;
        first = first ? first : item;
    }
    return first;
}

static const struct item *find(const struct comparison *c, const struct item *written) {
    const struct item *real = find_alike(c, written, has_its_name);
    return real ? real : find_alike(c, written, has_another_name);
}

static void complain_of_none(struct comparison *c, const struct item *written) {
    const struct item *other = find_named(c->real, written->name);
    struct subject subject = {written->name, &written->place, other ? &other->place : NULL};
    if (other)
        complain(c, &subject, "it is a %s, not a %s", other->is_macro ? "macro" : word_of_kind(other->kind),
                 word_of_kind(written->kind));
    else
        complain(c, &subject, "no header declares it");
}

static void check_item(struct comparison *c, const struct item *written) {
    for (size_t i = 0; i < written->constant_count; i++)
        check_constant(c, written, written->constants[i].name, worth_of(&written->constants[i], written));
    if (written->value.kind != VALUE_NONE)
        check_constant(c, written, written->name, (struct worth){written->value, written->type, &written->place});
    const struct item *real = find(c, written);
    bool has_symbol = (written->kind == ITEM_FUNCTION || written->kind == ITEM_VARIABLE) && !written->is_inline;
    bool is_counted = written->value.kind != VALUE_NONE || !*written->name; /* as a constant, or by its typedef */
    c->found += real && !is_counted;
    if (real)
        check_against(c, written, real);
    else if (has_symbol && c->is_all)
        complain_of_none(c, written);
}

void compare_items(struct comparison *c, const struct model *written, const struct list *from) {
    for (size_t i = 0; i < written->count; i++) {
        const struct item *item = written->items[i];
        if (item->is_needed && (from->count == 0 || list_matches_file(from, item->place.file)))
            check_item(c, item);
    }
}
