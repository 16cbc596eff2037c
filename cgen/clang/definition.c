/* Macros, as they are defined. They have no types: what they are is macro.c's to find out.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "cgen/clang/reader.h"

/* A macro, asked for or not. */
struct macro {
    struct item *item;    /* NULL: nobody asks for it */
    const char *reason;   /* one that macros of it share; else NULL */
    struct list values;   /* what in it makes it another at each place, if that is, */
    struct list pieces;   /* what makes it several arguments, */
    struct list words;    /* and what gives it a lone brace */
    struct macro *before; /* which was read before it */
};

/* Names its parameters, whose types nobody knows yet. Returns where the body begins. */
static size_t read_macro_parameters(const struct tokens *tokens, struct item *item) {
    struct type *type = memory_take(sizeof *type);
    size_t i = 2;
    type->kind = TYPE_FUNCTION;
    for (; i < tokens->count && strcmp(tokens->texts[i], ")") != 0; i++) {
        if (strcmp(tokens->texts[i], "...") == 0)
            item->reason = "it takes any number of arguments";
        if (strchr(",.", *tokens->texts[i]))
            continue;
        type->parameters = memory_grow(type->parameters, type->parameter_count, sizeof *type->parameters);
        type->parameters[type->parameter_count++] = (struct parameter){tokens->texts[i], NULL, NULL_UNSAID, false};
    }
    item->type = type;
    return i + 1;
}

static const char *comment_at_macro(struct reader *r, CXCursor cursor) {
    CXSourceRange range = clang_getCursorExtent(cursor);
    CXFile file;
    unsigned begin, end;
    clang_getExpansionLocation(clang_getRangeStart(range), &file, NULL, NULL, &begin);
    clang_getExpansionLocation(clang_getRangeEnd(range), NULL, NULL, NULL, &end);
    return comment_of_macro(reader_text(r, cursor, file), begin, end);
}

static const char is_another_elsewhere[] = "it is another at each place";

/* Whether a macro with that in it stands for something else at each place. The name of a file is no value, but a call may pass
 * it on, to say where it was made. */
static bool is_of_place(const char *text, bool is_value) {
    static const char *const names[] = {"__LINE__",      "__COUNTER__",       "__FILE__",     "__FILE_NAME__",
                                        "__BASE_FILE__", "__INCLUDE_LEVEL__", "__DATE__",     "__TIME__",
                                        "__TIMESTAMP__", "__func__",          "__FUNCTION__", "__PRETTY_FUNCTION__"};
    enum { NUMBERS = 2 }; /* the first are in a call, too */
    for (size_t i = 0; i < (is_value ? sizeof names / sizeof *names : NUMBERS); i++) {
        if (strcmp(text, names[i]) == 0)
            return true;
    }
    return false;
}

static const char *problem_of_token(const char *text) {
    if (strchr("{};", *text) || strcmp(text, "return") == 0 || strcmp(text, "_Pragma") == 0)
        return "it is no expression";
    if (*text == '#')
        return "it makes text or names of its arguments";
    return NULL;
}

static const char may_be_several[] = "what it stands for may be several arguments";

/* What is in no brackets of the macro's, nor between ? and :, where a comma would be an operator wherever the macro stands.
 * Returns whether there is one. */
static bool read_pieces(const struct tokens *tokens, size_t first, struct list *pieces) {
    int depth = 0, choices = 0;
    bool has_comma = false;
    for (size_t i = first; i < tokens->count; i++) {
        const char *text = tokens->texts[i];
        depth += strchr("([{", *text) != NULL;
        depth -= strchr(")]}", *text) != NULL;
        choices += depth == 0 && strcmp(text, "?") == 0;
        choices -= depth == 0 && strcmp(text, ":") == 0;
        if (depth == 0 && choices == 0) {
            has_comma |= strcmp(text, ",") == 0;
            list_add(pieces, text);
        }
    }
    return has_comma;
}

static const char has_lone_brace[] = "it is no expression";

/* Behind a brace that stays open, all that is tried next would be in it. */
static bool is_open(const struct tokens *tokens) {
    int depth = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        depth += strcmp(tokens->texts[i], "{") == 0;
        depth -= strcmp(tokens->texts[i], "}") == 0;
    }
    return depth != 0;
}

/* Whether a macro may be an expression; one without a body is none, and one that stands for its own name says only that
 * there is something of that name. A config that says its type says that it is one, and not several. */
static bool read_body(const struct reader *r, CXCursor cursor, struct item *item, struct macro *macro) {
    struct tokens tokens = reader_tokens(cursor);
    size_t first = item->takes_arguments ? read_macro_parameters(&tokens, item) : 1;
    bool is_name = !item->takes_arguments && tokens.count == 2;
    bool is_one = item->takes_arguments && config_find(r->request, SECTION_MACRO, item->name);
    for (size_t i = 0; item->takes_arguments && i < item->type->parameter_count; i++) {
        if (tokens.count == first + 1 && strcmp(tokens.texts[first], item->type->parameters[i].name) == 0)
            item->reason = "it is what it is given";
    }
    for (size_t i = first; i < tokens.count && !item->reason; i++) {
        item->reason = problem_of_token(tokens.texts[i]);
        if (is_of_place(tokens.texts[i], !item->takes_arguments))
            item->reason = macro->reason = is_another_elsewhere;
    }
    if (is_open(&tokens))
        macro->reason = has_lone_brace;
    if (!is_one && read_pieces(&tokens, first, &macro->pieces) && !macro->reason)
        macro->reason = may_be_several;
    macro->words = (struct list){tokens.texts, tokens.count};
    if (!item->takes_arguments)
        macro->values = macro->words;
    item->reason = item->reason ? item->reason : macro->reason;
    item->alias = is_name ? tokens.texts[1] : NULL;
    return tokens.count > first && !(is_name && strcmp(tokens.texts[1], item->name) == 0);
}

static bool has_of_reason(const struct reader *r, const struct list *names, const char *reason) {
    for (size_t i = 0; i < names->count; i++) {
        const struct macro *macro = table_get(&r->macros, names->items[i]);
        if (macro && macro->reason == reason)
            return true;
    }
    return false;
}

/* Macros of macros, which may be defined before those that they are made of. */
void reader_share_reasons(struct reader *r) {
    for (bool is_shared = true; is_shared;) {
        is_shared = false;
        for (struct macro *macro = r->macro; macro; macro = macro->before) {
            if (macro->reason)
                continue;
            macro->reason = has_of_reason(r, &macro->values, is_another_elsewhere) ? is_another_elsewhere
                            : has_of_reason(r, &macro->pieces, may_be_several)     ? may_be_several
                            : has_of_reason(r, &macro->words, has_lone_brace)      ? has_lone_brace
                                                                                   : NULL;
            is_shared |= macro->reason != NULL;
            if (macro->item && !macro->item->reason)
                macro->item->reason = macro->reason;
        }
    }
}

/* One that is defined again is worth what the last one says. */
static struct macro *add_macro(struct reader *r, const char *name) {
    const struct macro *earlier = table_get(&r->macros, name);
    struct macro *macro = memory_take(sizeof *macro);
    if (earlier && earlier->item && !earlier->item->reason)
        earlier->item->reason = "it is defined again";
    macro->before = r->macro;
    r->macro = macro;
    table_put(&r->macros, name, macro);
    return macro;
}

/* A config may say something of a macro that nobody asks for. */
static void mark_sections(const struct request *request, const struct item *macro) {
    struct section *as_macro = config_find(request, SECTION_MACRO, macro->name);
    struct section *as_function = config_find(request, SECTION_FUNCTION, macro->name);
    if (as_macro && macro->takes_arguments)
        as_macro->is_used = true;
    if (as_function)
        as_function->is_used = true;
}

void reader_macro(struct reader *r, CXCursor cursor) {
    struct item tried = {
        .kind = ITEM_MACRO, .name = reader_take(clang_getCursorSpelling(cursor)), .place = reader_place(r, cursor)};
    if (!clang_Cursor_isMacroFunctionLike(cursor) && *tried.place.file)
        set_add(&r->model->macros, tried.name);
    bool is_of_headers = *tried.place.file && !clang_Cursor_isMacroBuiltin(cursor);
    bool is_asked_for = is_of_headers && model_asks(&tried, r->request);
    tried.takes_arguments = clang_Cursor_isMacroFunctionLike(cursor);
    struct macro *macro = add_macro(r, tried.name);
    bool may_be_one = is_of_headers && read_body(r, cursor, &tried, macro);
    if (is_of_headers && !is_asked_for)
        mark_sections(r->request, &tried);
    if (is_of_headers && list_matches(&r->request->exclude, tried.name))
        list_add(&r->model->excluded, tried.name);
    if (!is_asked_for || !may_be_one)
        return;
    struct item *item = reader_add_item(r->model, ITEM_MACRO, tried.name, tried.place);
    tried.comment = comment_at_macro(r, cursor);
    *item = tried;
    reader_add_entry(r->model, item, true);
    macro->item = item;
}
