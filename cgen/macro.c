/* What macros are: constants, values that are computed, other names of functions, functions of their arguments.
 *
 * No header says their types; they are found by compiling (model_try). A macro without arguments is set to a variable. One
 * with arguments is given a type for each of them: the config's, or else the first of these that the compiler takes without
 * a conversion that it warns of, while the other arguments are 0, which is an integer and a null pointer. Then the whole is
 * compiled with all types. What is not constant becomes a function, for which the stubs have a symbol.
 *
 * One of longs may be one of doubles just as well, (x) * (x). In C the argument says which, and a function has one type: longs,
 * because most such macros are of sizes and counts, which doubles would round. It is said of the function, for a config.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "cgen/model.h"

static const char *const choices[] = {"long", "void *", "double"};

enum { CHOICES = sizeof choices / sizeof *choices, TRIED = CHOICES - 1 };

static const char no_expression[] = "it is no expression";
static const char no_choice[] = "it is no expression of longs, void pointers or doubles: a config can say its type";

/* A macro that may be an expression, and the type of the function that it may be. */
struct candidate {
    struct item *macro;
    const struct section *config; /* what that says of it, or NULL */
    struct type *type;
    size_t doubles, attempt; /* its first: of arguments that may be doubles, and of its own */
    size_t numbers;          /* of its own with doubles for longs; 0 for none, since there is another before it */
};

struct trying {
    const struct model *model;
    struct table types; /* the model's, by their places */
    struct candidate *candidates;
    size_t count;
    struct attempt *attempts;
    size_t attempt_count;
};

static void add_attempt(struct trying *t, const char *line) {
    t->attempts = memory_grow(t->attempts, t->attempt_count, sizeof *t->attempts);
    t->attempts[t->attempt_count++] = (struct attempt){.line = line};
}

static void add_candidate(struct trying *t, const struct request *request, struct item *macro) {
    struct section *config = macro->takes_arguments ? config_find(request, SECTION_MACRO, macro->name) : NULL;
    struct type *type = memory_take(sizeof *type);
    if (config) {
        config->item = macro;
        config->is_used = true;
    }
    if (macro->reason)
        return;
    if (macro->type)
        *type = *macro->type; /* its parameters, without types */
    type->kind = TYPE_FUNCTION;
    t->candidates = memory_grow(t->candidates, t->count, sizeof *t->candidates);
    t->candidates[t->count++] = (struct candidate){macro, config, type, 0, 0, 0};
}

/* The arguments' types */

/* Its expansion, with 0 for each argument but that at index, which is p. */
static const char *call_with(const struct candidate *c, size_t index) {
    const char *call = memory_format("%s(", c->macro->name);
    for (size_t i = 0; i < c->type->parameter_count; i++)
        call = memory_format("%s%s%c", call, i ? ", " : "", i == index ? 'p' : '0');
    return memory_format("%s)", call);
}

static void try_argument(struct trying *t, const struct candidate *c, size_t index, const char *type) {
    add_attempt(t,
                memory_format("void cgen_try_%zu(%s p) { (void)(%s); }", t->attempt_count, type, call_with(c, index)));
}

static void try_arguments(struct trying *t, struct candidate *c) {
    c->attempt = t->attempt_count;
    if (c->config) {
        add_attempt(t, memory_format("__typeof__(%s) cgen_try_%zu;", c->config->type.text, t->attempt_count));
        return;
    }
    for (size_t i = 0; i < c->type->parameter_count; i++) {
        for (size_t j = 0; j < TRIED; j++)
            try_argument(t, c, i, choices[j]);
    }
}

static struct type *type_by_name(const char *name) {
    struct type *type = memory_take(sizeof *type);
    *type = (struct type){.kind = TYPE_BASIC, .name = name, .basic = BASIC_SIGNED, .size = 8, .alignment = 8};
    if (strcmp(name, "double") == 0)
        type->basic = BASIC_FLOATING;
    if (strcmp(name, "void *") == 0) {
        type->kind = TYPE_POINTER;
        type->name = NULL;
        type->target = &type_void;
    }
    return type;
}

static void choose_arguments(const struct trying *t, struct candidate *c) {
    const struct attempt *attempt = &t->attempts[c->attempt];
    for (size_t i = 0; i < c->type->parameter_count; i++, attempt += TRIED) {
        size_t j = 0;
        while (j < TRIED && !attempt[j].is_accepted)
            j++;
        c->type->parameters[i].type = type_by_name(choices[j]);
    }
}

/* An error of the config's, which ends the program, is a reason that the caller shows. */
static void take_config(const struct trying *t, struct candidate *c) {
    const struct attempt *attempt = &t->attempts[c->attempt];
    const struct type *type = attempt->type;
    bool is_function = type && type->kind == TYPE_FUNCTION && !type->is_variadic && !type->is_unprototyped;
    if (!is_function || type->parameter_count != c->type->parameter_count) {
        c->macro->reason =
            attempt->is_accepted
                ? memory_format("its type is not that of a function with %zu parameter%s: '%s'",
                                c->type->parameter_count, string_plural(c->type->parameter_count), c->config->type.text)
                : memory_format("its type does not compile: '%s'", c->config->type.text);
        return;
    }
    c->type->target = type->target;
    for (size_t i = 0; i < type->parameter_count; i++)
        c->type->parameters[i].type = type->parameters[i].type;
}

static int find_arguments(struct trying *t, const struct request *request) {
    for (size_t i = 0; i < t->count; i++)
        try_arguments(t, &t->candidates[i]);
    int failed = model_try(request, t->attempts, t->attempt_count);
    for (size_t i = 0; i < t->count && !failed; i++) {
        if (t->candidates[i].config)
            take_config(t, &t->candidates[i]);
        else
            choose_arguments(t, &t->candidates[i]);
    }
    t->attempt_count = 0;
    return failed;
}

/* Types of another reading: what they name is found again by its place, in the model */

static size_t hash_place(const void *key) {
    const struct item *item = key;
    return (size_t)item->place.line * 1000 + item->place.column;
}

static bool has_place(const void *key, const void *other) {
    const struct item *a = key, *b = other;
    return a->place.line == b->place.line && a->place.column == b->place.column && a->kind == b->kind &&
           strcmp(a->place.file, b->place.file) == 0 && strcmp(a->name, b->name) == 0;
}

static struct table types_by_place(const struct model *model) {
    struct table types = {.hash = hash_place, .is_same = has_place};
    for (size_t i = 0; i < model->count; i++) {
        enum item_kind kind = model->items[i]->kind;
        if (kind >= ITEM_TYPEDEF && kind <= ITEM_ENUM)
            table_put(&types, model->items[i], model->items[i]);
    }
    return types;
}

static const struct type *adopt(const struct table *types, const struct type *type);

static bool adopt_parameters(const struct table *types, struct type *type) {
    struct parameter *parameters = memory_take((type->parameter_count + 1) * sizeof *parameters);
    bool all = true;
    for (size_t i = 0; i < type->parameter_count && all; i++) {
        parameters[i] = type->parameters[i];
        parameters[i].type = adopt(types, type->parameters[i].type);
        all = parameters[i].type != NULL;
    }
    type->parameters = parameters;
    return all;
}

/* NULL if the model has no such type. */
static const struct type *adopt(const struct table *types, const struct type *type) {
    struct type *copy = memory_take(sizeof *copy);
    *copy = *type;
    bool is_found = adopt_parameters(types, copy);
    if (is_found && type->item)
        is_found = (copy->item = table_get(types, type->item)) != NULL;
    if (is_found && type->target)
        is_found = (copy->target = adopt(types, type->target)) != NULL;
    return is_found ? copy : NULL;
}

/* The whole */

static const char *spell_parameters(const struct candidate *c) {
    const char *text = c->type->parameter_count ? "" : "void";
    for (size_t i = 0; i < c->type->parameter_count; i++)
        text = memory_format("%s%s%s", text, i ? ", " : "",
                             spell(c->type->parameters[i].type, memory_format("p%zu", i), SPELL_NAMED));
    return text;
}

static const char *spell_call(const struct candidate *c) {
    const char *text = c->macro->name;
    for (size_t i = 0; i < c->type->parameter_count; i++)
        text = memory_format("%s%sp%zu", text, i ? ", " : "(", i);
    return memory_format("%s%s", text, c->type->parameter_count ? ")" : c->macro->takes_arguments ? "()" : "");
}

static bool is_double(const struct type *type) {
    return type->kind == TYPE_BASIC && type->basic == BASIC_FLOATING;
}

/* Arguments that are doubles because nothing else goes: whether that does, which few do. */
static void try_doubles(struct trying *t, struct candidate *c) {
    c->doubles = t->attempt_count;
    for (size_t i = 0; i < c->type->parameter_count && !c->config; i++) {
        if (is_double(c->type->parameters[i].type))
            try_argument(t, c, i, "double");
    }
}

static bool is_long(const struct type *type) {
    return type->kind == TYPE_BASIC && type->basic == BASIC_SIGNED;
}

/* With doubles for its longs. */
static void try_numbers(struct trying *t, struct candidate *c) {
    const char *call = spell_call(c);
    struct type type = *c->type;
    struct candidate other = {.macro = c->macro, .type = &type};
    bool has_long = false;
    type.parameters = memory_take((type.parameter_count + 1) * sizeof *type.parameters);
    for (size_t i = 0; i < type.parameter_count; i++) {
        bool is = is_long(c->type->parameters[i].type);
        type.parameters[i] = c->type->parameters[i];
        if (is)
            type.parameters[i].type = type_by_name("double");
        has_long |= is;
    }
    c->numbers = has_long ? t->attempt_count : 0;
    if (has_long)
        add_attempt(t, memory_format("void cgen_try_%zu(%s) { __auto_type value = (%s); }", t->attempt_count,
                                     spell_parameters(&other), call));
}

static bool takes_any_number(const struct trying *t, const struct candidate *c, const struct type *result) {
    const struct attempt *other = &t->attempts[c->numbers];
    const struct type *plain = type_plain(result);
    bool is_integer = plain->kind == TYPE_BASIC && (plain->basic == BASIC_SIGNED || plain->basic == BASIC_UNSIGNED);
    return c->numbers && is_integer && other->is_accepted && is_double(type_plain(other->type));
}

/* Set to a variable, which has the type; or, with arguments, to none, as what is void. A bit-field's type is what it is in
 * a sum. */
static void try_whole(struct trying *t, struct candidate *c) {
    const char *parameters = spell_parameters(c), *call = spell_call(c);
    bool is_typed = c->type->target && !type_is_void(c->type->target);
    try_doubles(t, c);
    const char *value = is_typed ? spell(c->type->target, "value", SPELL_NAMED) : "__auto_type value";
    c->attempt = t->attempt_count;
    bool is_call = c->macro->takes_arguments; /* others may be lists, which are no expressions */
    add_attempt(t, memory_format("void cgen_try_%zu(%s) { %s = %s%s%s; }", t->attempt_count, parameters, value,
                                 is_call ? "(" : "", call, is_call ? ")" : ""));
    if (c->macro->takes_arguments) {
        add_attempt(t, memory_format("void cgen_try_%zu(%s) { (void)(%s); }", t->attempt_count, parameters, call));
        add_attempt(t,
                    memory_format("void cgen_try_%zu(%s) { %s = +(%s); }", t->attempt_count, parameters, value, call));
    }
    if (c->macro->takes_arguments && !c->config)
        try_numbers(t, c);
}

/* A function's other name, without arguments of its own. */
static bool take_alias(const struct model *model, struct item *macro) {
    for (size_t i = 0; i < model->count && macro->alias; i++) {
        const struct item *f = model->items[i];
        if (f->kind != ITEM_FUNCTION || strcmp(f->name, macro->alias) != 0 || f->is_inline)
            continue;
        struct item was = *macro;
        *macro = *f;
        macro->name = was.name;
        macro->place = was.place;
        macro->comment = was.comment ? was.comment : f->comment;
        macro->symbol = f->symbol ? f->symbol : f->name;
        macro->is_macro = true;
        return true;
    }
    return false;
}

static void take_function(const struct trying *t, struct candidate *c, const struct type *result) {
    struct item *macro = c->macro;
    c->type->target = c->type->target ? c->type->target : result;
    const struct type *type = adopt(&t->types, c->type);
    if (!type) {
        macro->reason = "its type has no name here";
        return;
    }
    macro->kind = ITEM_FUNCTION;
    macro->type = type;
    macro->is_macro = macro->is_inline = true;
    item_find_problem(macro);
}

static bool are_doubles(const struct trying *t, const struct candidate *c) {
    size_t i = c->doubles;
    while (i < c->attempt && t->attempts[i].is_accepted)
        i++;
    return i == c->attempt;
}

static void finish(const struct trying *t, struct candidate *c) {
    const struct attempt *typed = &t->attempts[c->attempt];
    struct item *macro = c->macro;
    if (typed->is_accepted && !macro->takes_arguments && typed->value.kind != VALUE_NONE) {
        const struct type *type = adopt(&t->types, typed->type);
        macro->type = type ? type : typed->type;
        macro->value = typed->value;
    } else if (typed->is_accepted && take_alias(t->model, macro)) {
        return;
    } else if (are_doubles(t, c) && (typed->is_accepted || (macro->takes_arguments && typed[1].is_accepted))) {
        bool is_bit_field = !typed->is_accepted && typed[2].is_accepted;
        take_function(t, c, is_bit_field ? typed[2].type : typed->is_accepted ? typed->type : &type_void);
        macro->takes_any_number = typed->is_accepted && takes_any_number(t, c, typed->type);
    } else {
        macro->reason = c->config                  ? memory_format("it does not compile as '%s'", c->config->type.text)
                        : c->type->parameter_count ? no_choice
                                                   : no_expression;
    }
}

/* Macros that the C library and the compiler have for themselves take what they like. */
static bool is_theirs(const struct item *macro) {
    const char *name = macro->name;
    return macro->takes_arguments && name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
}

/* No function may have the name of one that the compiler has built in. */
static bool is_built_in(const char *name) {
    static const char *const names[] = {"va_start", "va_arg", "va_end", "va_copy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* Functions of these names are what a host wants, whatever a macro does in their place. */
static void drop_hidden(struct model *model) {
    struct table names = {.count = 0};
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->kind == ITEM_FUNCTION || model->items[i]->kind == ITEM_VARIABLE)
            set_add(&names, model->items[i]->name);
    }
    for (size_t i = 0; i < model->count; i++) {
        struct item *item = model->items[i];
        if (item->kind == ITEM_MACRO && !item->reason && set_has(&names, item->name))
            item->reason = "a function or a variable has its name";
        else if (item->kind == ITEM_MACRO && !item->reason && is_built_in(item->name))
            item->reason = "the compiler has it built in";
        else if (item->kind == ITEM_MACRO && !item->reason && is_theirs(item))
            item->reason = "its name is reserved to the implementation";
    }
}

/* What became a function needs types that are declared behind the macro. */
static void move_functions(struct model *model) {
    struct entry *entries = NULL;
    size_t count = 0;
    for (int last = 0; last < 2; last++) {
        for (size_t i = 0; i < model->entry_count; i++) {
            if (model->entries[i].item->is_macro != (last == 1))
                continue;
            entries = memory_grow(entries, count, sizeof *entries);
            entries[count++] = model->entries[i];
        }
    }
    model->entries = entries;
}

/* Of those that are none, as their parameters have no types. */
static void drop_types(struct model *model) {
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->kind == ITEM_MACRO && model->items[i]->takes_arguments)
            model->items[i]->type = NULL;
    }
}

/* A type is said of what is no function of its arguments. */
static int complain_of_config(const struct request *request) {
    int failed = 0;
    for (const struct section *macro = NULL; (macro = config_next(request, SECTION_MACRO, macro)) != NULL;) {
        if (macro->item && macro->item->reason)
            failed = config_complain(&macro->type, "%s: %s", macro->name.text, macro->item->reason);
    }
    return failed;
}

int macro_read(struct model *model, struct request *request) {
    struct trying t = {.model = model, .types = types_by_place(model)};
    drop_hidden(model);
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->kind == ITEM_MACRO)
            add_candidate(&t, request, model->items[i]);
    }
    int failed = find_arguments(&t, request);
    for (size_t i = 0; i < t.count && !failed; i++) {
        if (!t.candidates[i].macro->reason)
            try_whole(&t, &t.candidates[i]);
    }
    failed = failed || model_try(request, t.attempts, t.attempt_count);
    for (size_t i = 0; i < t.count && !failed; i++) {
        if (!t.candidates[i].macro->reason)
            finish(&t, &t.candidates[i]);
    }
    move_functions(model);
    drop_types(model);
    return failed || complain_of_config(request);
}
