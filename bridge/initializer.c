/* Initializers are skipped, but for what they tell: how many elements an array has that is declared without a count
 * (C11 6.7.9p22).
 *
 * Braces around what is nested may be left out, so to count elements is to go through all that an element is made of,
 * an expression for each scalar. What an expression is matters only where it may be a whole array or record: strings and
 * compound literals. Nothing here is an error: whoever needs a count that can't be told says so.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

/* An array or record that is being initialized, and which part of it is next. */
struct level {
    const gate_type *type;
    size_t next;
};

/* The innermost one is the last; the first one is in braces. */
struct walk {
    struct gate__reader *r; /* a look ahead */
    struct level levels[GATE__DEPTH_MAX];
    size_t depth;
    size_t most; /* elements of the first one that are in use */
};

static void give_up(struct walk *w) {
    gate__lex_expected(w->r, "a count");
}

static bool is_aggregate(const gate_type *type) {
    return type->kind == GATE_ARRAY || gate__type_is_record(type);
}

/* Unnamed bit-fields have no initializer. */
static bool only_pads(const gate_type *type, size_t index) {
    return type->kind == GATE_STRUCT && index < type->count && type->fields[index].is_bit_field &&
           !type->fields[index].name;
}

/* The next part of the innermost one; NULL behind the last one. A union has but one. */
static const gate_type *next_part(struct walk *w) {
    struct level *level = &w->levels[w->depth - 1];
    const gate_type *type = level->type;
    while (only_pads(type, level->next))
        level->next++;
    if (type->kind == GATE_ARRAY)
        return level->next < type->count ? type->target : NULL;
    bool is_whole = level->next >= type->count || (type->kind == GATE_UNION && level->next > 0);
    return is_whole ? NULL : type->fields[level->next].type;
}

static void enter(struct walk *w, const gate_type *type) {
    if (w->depth == GATE__DEPTH_MAX)
        give_up(w);
    else
        w->levels[w->depth++] = (struct level){type, 0};
}

/* Goes on behind the part that is next. */
static void step(struct walk *w) {
    struct level *level = &w->levels[w->depth - 1];
    level->next++;
    if (w->depth == 1 && level->next > w->most)
        w->most = level->next;
}

/* Designators */

/* "[5]" or "[2 ... 5]", whose bracket has been read: goes to the last one. */
static void go_to_element(struct walk *w) {
    struct level *level = &w->levels[w->depth - 1];
    struct gate__value index = gate__constant_integer(w->r);
    if (gate__lex_accept(w->r, GATE__ELLIPSIS))
        index = gate__constant_integer(w->r);
    gate__lex_require(w->r, ']');
    if (level->type->kind != GATE_ARRAY || index.bits >= PTRDIFF_MAX)
        give_up(w);
    else
        level->next = (size_t)index.bits;
}

/* The member of that name. Those of anonymous records are left alone: they are rare here. */
static void go_to_member(struct walk *w) {
    struct level *level = &w->levels[w->depth - 1];
    struct gate__token name = w->r->lexer.token;
    const struct gate__named *named = gate__type_find(level->type, name.at, name.length);
    ptrdiff_t index = named ? named->field - level->type->fields : -1;
    gate__lex_advance(w->r);
    if (index >= 0 && (size_t)index < level->type->count)
        level->next = (size_t)index;
    else
        give_up(w);
}

/* Designators go from the braces inwards. */
static void designate(struct walk *w) {
    bool is_first = true;
    while (!w->r->failed && (gate__lex_sees(w->r, '[') || gate__lex_sees(w->r, '.'))) {
        const gate_type *part = is_first ? NULL : next_part(w);
        if (is_first)
            w->depth = 1;
        else if (part && is_aggregate(part)) {
            step(w);
            enter(w, part);
        } else
            give_up(w);
        if (gate__lex_accept(w->r, '['))
            go_to_element(w);
        else if (gate__lex_accept(w->r, '.'))
            go_to_member(w);
        is_first = false;
    }
    if (!is_first)
        gate__lex_accept(w->r, '=');
}

/* What stands between commas */

/* What a look ahead found is not forgiven, if that is no memory. */
static void without_memory(struct gate__reader *r) {
    gate__lex_fail(r, &r->lexer.token, -ENOMEM, "and no memory was left to read it");
}

static bool is_text(const gate_type *type) {
    return type->kind == GATE_ARRAY && gate__type_is_integer(type->target);
}

/* The type of a compound literal that begins here; NULL if there is none. */
static const gate_type *literal_type(struct walk *w) {
    struct gate__reader ahead = *w->r;
    if (!gate__lex_accept(&ahead, '(') || !gate__specifier_begins(&ahead))
        return NULL;
    const gate_type *type = gate__declarator_type_name(&ahead);
    if (ahead.failed == -ENOMEM)
        without_memory(w->r);
    return type;
}

static bool is_whole(const struct walk *w, const gate_type *type, const gate_type *literal) {
    bool is_record = literal && gate__type_is_record(type) && gate__type_is_record(literal);
    return !is_aggregate(type) || gate__lex_sees(w->r, '{') ||
           (w->r->lexer.token.kind == GATE__STRING && is_text(type)) || (is_record && literal->record == type->record);
}

/* One initializer goes to the next part that it is a whole of. A literal's type is read once, however deep that is: or
 * nesting would make it exponential. */
static void initialize(struct walk *w) {
    const gate_type *part;
    while (w->depth > 1 && !next_part(w))
        w->depth--;
    part = next_part(w);
    const gate_type *literal = part && is_aggregate(part) ? literal_type(w) : NULL;
    for (; !w->r->failed && part; part = next_part(w)) {
        step(w);
        if (is_whole(w, part, literal))
            break;
        enter(w, part);
    }
    gate__lex_skip_to(w->r, ',', '}');
}

/* Strings */

/* Strings that stand side by side are one; its last character is NUL. */
static size_t count_characters(struct gate__reader *r) {
    enum gate_kind kind = GATE_CHAR;
    size_t length = 0;
    for (; r->lexer.token.kind == GATE__STRING; gate__lex_advance(r))
        gate__literal_string(r, &r->lexer.token, &kind, &length, NULL);
    return length + 1;
}

/* The braces have been opened. */
static size_t count_elements(struct gate__reader *r, const gate_type *type) {
    struct walk w = {.r = r, .levels = {{type, 0}}, .depth = 1};
    if (is_text(type) && r->lexer.token.kind == GATE__STRING)
        return count_characters(r);
    while (!r->failed && !gate__lex_accept(r, '}')) {
        designate(&w);
        initialize(&w);
        if (!gate__lex_sees(r, '}'))
            gate__lex_require(r, ',');
    }
    return w.most;
}

const gate_type *gate__initializer_complete(struct gate__reader *r, const gate_type *type) {
    struct gate__reader ahead = *r;
    bool in_braces = gate__lex_sees(r, '{');
    if (gate__lex_sees(r, ',') || gate__lex_sees(r, ';'))
        gate__lex_expected(r, "an expression");
    ahead.error = NULL;
    if (type->kind == GATE_ARRAY && type->count == GATE_COUNT_UNKNOWN && !r->failed) {
        size_t count = gate__lex_accept(&ahead, '{') ? count_elements(&ahead, type)
                       : is_text(type)               ? count_characters(&ahead)
                                                     : GATE_COUNT_UNKNOWN;
        if (ahead.failed == -ENOMEM)
            without_memory(r);
        if (!ahead.failed && count < PTRDIFF_MAX / (type->target->size | 1))
            type = gate__type_array(r, type->target, count);
    }
    if (gate__lex_accept(r, '{'))
        gate__lex_skip_nested(r, '{', '}');
    if (!in_braces)
        gate__lex_skip_to(r, ',', ';');
    return type;
}
