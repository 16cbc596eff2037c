/* The language: its words, and how a text is read.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/05_interpreter/language.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One step of code: a value, or a word. */
struct operation {
    const struct operation *next;
    const struct word *word; /* NULL: value */
    struct value value;
};

struct word {
    struct word *next;
    const char *name;
    word_body *body;
    void *data;
};

/* Memory */

struct block {
    struct block *next;
    _Alignas(16) char memory[];
};

void *language_keep(struct language *language, size_t size) {
    struct block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->next = language->blocks;
    language->blocks = block;
    return block->memory;
}

void language_free(struct language *language) {
    for (struct block *block = language->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
}

/* The stack */

bool fail(struct state *state, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state->error, sizeof state->error, format, arguments);
    va_end(arguments);
    return false;
}

bool push(struct state *state, struct value value) {
    if (state->depth == STACK_SIZE)
        return fail(state, "the stack is full");
    state->stack[state->depth++] = value;
    return true;
}

bool push_integer(struct state *state, int64_t integer) {
    return push(state, (struct value){INTEGER, {.integer = integer}});
}

bool pop(struct state *state, struct value *value) {
    if (state->depth == 0) {
        fail(state, "the stack is empty");
        return false; /* which the linter doesn't see in what fail returns */
    }
    *value = state->stack[--state->depth];
    return true;
}

static bool pop_kind(struct state *state, enum value_kind kind, struct value *value) {
    static const char *const names[] = {"an integer", "a real number", "code"};
    return pop(state, value) &&
           (value->kind == kind || fail(state, "%s stands where %s should", names[value->kind], names[kind]));
}

bool pop_integer(struct state *state, int64_t *integer) {
    struct value value;
    if (!pop_kind(state, INTEGER, &value))
        return false;
    *integer = value.integer;
    return true;
}

bool pop_text(struct state *state, const char **text) {
    int64_t address;
    if (!pop_integer(state, &address))
        return false;
    *text = (const char *)(uintptr_t)address;
    return true;
}

bool pop_code(struct state *state, const struct operation **code) {
    struct value value;
    if (!pop_kind(state, CODE, &value))
        return false;
    *code = value.code;
    return true;
}

/* The language's own words */

static double real_of(struct value value) {
    return value.kind == REAL ? value.real : (double)value.integer;
}

static bool compute_real(struct state *state, char operator, double a, double b) {
    double result = operator== '+' ? a + b : operator== '-' ? a - b : operator== '*' ? a * b : a / b;
    if (operator== '<' || operator== '=')
        return push_integer(state, operator== '<' ? a < b : a == b);
    return push(state, (struct value){REAL, {.real = result}});
}

/* Integers wrap around. */
static bool compute_integer(struct state *state, char operator, uint64_t a, uint64_t b) {
    int64_t first = (int64_t)a, second = (int64_t)b;
    switch (operator) {
    case '+':
        return push_integer(state, (int64_t)(a + b));
    case '-':
        return push_integer(state, (int64_t)(a - b));
    case '*':
        return push_integer(state, (int64_t)(a * b));
    case '<':
        return push_integer(state, first < second);
    case '=':
        return push_integer(state, first == second);
    }
    if (second == 0)
        return fail(state, "a division by zero");
    return push_integer(state, second == -1 ? (int64_t)-a : first / second);
}

static bool compute(struct state *state, void *operator) {
    struct value a, b;
    if (!pop(state, &b) || !pop(state, &a))
        return false;
    if (a.kind == CODE || b.kind == CODE)
        return fail(state, "code is no number");
    if (a.kind == REAL || b.kind == REAL)
        return compute_real(state, *(char *)operator, real_of(a), real_of(b));
    return compute_integer(state, *(char *)operator,(uint64_t) a.integer, (uint64_t)b.integer);
}

static bool duplicate(struct state *state, void *unused) {
    struct value top;
    (void)unused;
    return pop(state, &top) && push(state, top) && push(state, top);
}

static bool drop(struct state *state, void *unused) {
    struct value top;
    (void)unused;
    return pop(state, &top);
}

static bool swap(struct state *state, void *unused) {
    struct value a, b;
    (void)unused;
    return pop(state, &b) && pop(state, &a) && push(state, b) && push(state, a);
}

static bool over(struct state *state, void *unused) {
    struct value a, b;
    (void)unused;
    return pop(state, &b) && pop(state, &a) && push(state, a) && push(state, b) && push(state, a);
}

static bool run_if(struct state *state, void *unused) {
    const struct operation *then;
    int64_t flag;
    (void)unused;
    return pop_code(state, &then) && pop_integer(state, &flag) && (!flag || language_run(state, then));
}

static bool run_either(struct state *state, void *unused) {
    const struct operation *then, *otherwise;
    int64_t flag;
    (void)unused;
    return pop_code(state, &otherwise) && pop_code(state, &then) && pop_integer(state, &flag) &&
           language_run(state, flag ? then : otherwise);
}

static bool run_times(struct state *state, void *unused) {
    const struct operation *body;
    int64_t count;
    (void)unused;
    if (!pop_code(state, &body) || !pop_integer(state, &count))
        return false;
    for (; count > 0; count--) {
        if (!language_run(state, body))
            return false;
    }
    return true;
}

/* The body leaves whether it is to run once more. */
static bool run_while(struct state *state, void *unused) {
    const struct operation *body;
    int64_t again = 1;
    (void)unused;
    if (!pop_code(state, &body))
        return false;
    while (again) {
        if (!language_run(state, body) || !pop_integer(state, &again))
            return false;
    }
    return true;
}

static bool print(struct state *state, void *unused) {
    struct value value;
    (void)unused;
    if (!pop(state, &value))
        return false;
    if (value.kind == CODE)
        puts("[ ... ]");
    else if (value.kind == REAL)
        printf("%g\n", value.real);
    else
        printf("%lld\n", (long long)value.integer);
    return true;
}

static bool say(struct state *state, void *unused) {
    const char *text;
    (void)unused;
    if (!pop_text(state, &text))
        return false;
    puts(text);
    return true;
}

static bool fail_with(struct state *state, void *unused) {
    const char *text;
    (void)unused;
    return pop_text(state, &text) && fail(state, "%s", text);
}

bool language_add(struct language *language, const char *name, word_body *body, void *data) {
    struct word *word = language_keep(language, sizeof *word);
    if (!word)
        return false;
    *word = (struct word){language->words, name, body, data};
    language->words = word;
    return true;
}

static bool push_constant(struct state *state, void *value) {
    return push(state, *(struct value *)value);
}

static bool define_constant(struct state *state, void *unused) {
    const char *name;
    struct value *value = language_keep(state->language, sizeof *value);
    (void)unused;
    if (!value)
        return fail(state, "out of memory");
    return pop_text(state, &name) && pop(state, value) &&
           (language_add(state->language, name, push_constant, value) || fail(state, "out of memory"));
}

bool language_make(struct language *language, void (*poll)(void)) {
    static char operators[][2] = {"+", "-", "*", "/", "<", "="};
    static const struct {
        const char *name;
        word_body *body;
    } others[] = {{"dup", duplicate},   {"drop", drop},       {"swap", swap},
                  {"over", over},       {"if", run_if},       {"ifelse", run_either},
                  {"times", run_times}, {"while", run_while}, {"constant", define_constant},
                  {".", print},         {"say", say},         {"fail", fail_with}};
    bool has_all = true;
    *language = (struct language){.poll = poll};
    for (size_t i = 0; has_all && i < sizeof operators / sizeof *operators; i++)
        has_all = language_add(language, operators[i], compute, operators[i]);
    for (size_t i = 0; has_all && i < sizeof others / sizeof *others; i++)
        has_all = language_add(language, others[i].name, others[i].body, NULL);
    if (!has_all)
        language_free(language);
    return has_all;
}

static bool run(struct state *state, const struct operation *operation) {
    state->language->poll();
    if (state->language->is_over)
        return fail(state, "the program is over");
    return operation->word ? operation->word->body(state, operation->word->data) : push(state, operation->value);
}

bool language_run(struct state *state, const struct operation *code) {
    if (state->nesting == MOST_NESTING)
        return fail(state, "code is in code more than %d times", MOST_NESTING);
    state->nesting++;
    while (code && run(state, code))
        code = code->next;
    state->nesting--;
    return !code;
}

/* Reading */

struct reader {
    struct state *state;
    const char *at, *token; /* token: where the last one begins, which ends at at */
    unsigned line, at_line; /* where token is, and at */
    unsigned nesting;
};

/* Goes to the next token; false at the end. A string is a token with both its quotes. */
static bool next(struct reader *r) {
    for (; *r->at && (strchr(" \t\r\n", *r->at) || *r->at == '\\'); r->at++) {
        if (*r->at == '\\')
            r->at += strcspn(r->at, "\n");
        r->at_line += *r->at == '\n';
        if (!*r->at)
            return false;
    }
    r->token = r->at;
    r->line = r->at_line;
    if (*r->at == '"') {
        for (r->at++; *r->at && *r->at != '"'; r->at++)
            r->at_line += *r->at == '\n';
        r->at += *r->at == '"';
    } else {
        r->at += strcspn(r->at, " \t\r\n");
    }
    return r->at != r->token;
}

static bool is(const struct reader *r, const char *text) {
    size_t length = strlen(text);
    return (size_t)(r->at - r->token) == length && !memcmp(r->token, text, length);
}

/* A copy that lives as long as the language. */
static char *keep_text(const struct reader *r, const char *begin, const char *end) {
    char *copy = language_keep(r->state->language, (size_t)(end - begin) + 1);
    if (copy)
        memcpy(copy, begin, (size_t)(end - begin));
    else
        fail(r->state, "out of memory");
    return copy;
}

static bool read_string(const struct reader *r, struct value *value) {
    if (r->at - r->token < 2 || r->at[-1] != '"')
        return fail(r->state, "a string does not end");
    const char *text = keep_text(r, r->token + 1, r->at - 1);
    *value = (struct value){INTEGER, {.integer = (int64_t)(uintptr_t)text}};
    return text != NULL;
}

static bool is_number(const struct reader *r, struct value *value) {
    char *end;
    errno = 0;
    *value = (struct value){INTEGER, {.integer = strtoll(r->token, &end, 0)}};
    if (end == r->at && errno == 0)
        return true;
    *value = (struct value){REAL, {.real = strtod(r->token, &end)}};
    return end == r->at;
}

static bool find_word(const struct reader *r, const struct word **found) {
    for (*found = r->state->language->words; *found; *found = (*found)->next) {
        if (is(r, (*found)->name))
            return true;
    }
    return fail(r->state, "there is no word '%.*s'", (int)(r->at - r->token), r->token);
}

static bool read_code(struct reader *r, const char *end, const struct operation **code);

static bool read_operation(struct reader *r, struct operation *operation) {
    *operation = (struct operation){0};
    if (*r->token == '"')
        return read_string(r, &operation->value);
    if (is_number(r, &operation->value))
        return true;
    if (!is(r, "["))
        return find_word(r, &operation->word);
    operation->value = (struct value){.kind = CODE};
    return read_code(r, "]", &operation->value.code);
}

/* Up to the token that ends it. */
static bool read_code(struct reader *r, const char *end, const struct operation **code) {
    const struct operation **last = code;
    struct operation *operation;
    unsigned begun = r->line;
    *code = NULL;
    if (r->nesting++ == MOST_NESTING)
        return fail(r->state, "code is in code more than %d times", MOST_NESTING);
    while (next(r)) {
        if (is(r, end)) {
            r->nesting--;
            return true;
        }
        operation = language_keep(r->state->language, sizeof *operation);
        if (!operation)
            return fail(r->state, "out of memory");
        if (!read_operation(r, operation))
            return false;
        *last = operation;
        last = &operation->next;
    }
    r->line = begun;
    return fail(r->state, "what begins here has no '%s'", end);
}

static bool run_word(struct state *state, void *code) {
    return language_run(state, code);
}

static bool read_definition(struct reader *r) {
    const struct operation *code;
    if (!next(r))
        return fail(r->state, "':' has no name behind it");
    const char *name = keep_text(r, r->token, r->at);
    return name && read_code(r, ";", &code) &&
           (language_add(r->state->language, name, run_word, (void *)(uintptr_t)code) ||
            fail(r->state, "out of memory"));
}

bool language_read(struct state *state, const char *text) {
    struct reader r = {.state = state, .at = text, .line = 1, .at_line = 1};
    struct operation operation;
    while (next(&r)) {
        bool is_done = is(&r, ":") ? read_definition(&r) : read_operation(&r, &operation) && run(state, &operation);
        if (!is_done) {
            char why[ERROR_SIZE];
            memcpy(why, state->error, sizeof why);
            return fail(state, "line %u: %.140s", r.line, why);
        }
    }
    return true;
}
