/* A small postfix language: values go on a stack, words take theirs from there and leave theirs there. It knows nothing of
 * C, nor of Callgate: c.c adds what it has of them.
 *
 *   12  1.5  "text"       a value: an integer, a real number, the address of the text
 *   [ dup * ]             code, which is a value too
 *   : square dup * ;      a new word
 *   3 "side" constant     one that leaves a value
 *   \ ...                 a comment, to the end of the line
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LANGUAGE_H
#define CALLGATE_EXAMPLES_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind { INTEGER, REAL, CODE };

struct value {
    enum value_kind kind;
    union {
        int64_t integer;
        double real;
        const struct operation *code;
    };
};

enum { STACK_SIZE = 64, MOST_NESTING = 100, ERROR_SIZE = 160 };

/* Where code runs: each task has one. */
struct state {
    struct language *language;
    unsigned nesting; /* of code that is running */
    size_t depth;
    struct value stack[STACK_SIZE];
    char error[ERROR_SIZE];
};

/* A word does what it does, or has called fail: then it returns what that returned. */
typedef bool word_body(struct state *state, void *data);

struct language {
    struct word *words;
    struct block *blocks;
    void (*poll)(void); /* what is to be done now and then, before a word */
    bool is_over;       /* whatever still runs fails at its next word */
};

/* Makes a language with its own words: + - * / < = dup drop swap over if ifelse times while constant . say fail. False
 * without memory. */
bool language_make(struct language *language, void (*poll)(void));
void language_free(struct language *language);

/* Memory that lives as long as the language, zeroed; NULL if there is none. */
void *language_keep(struct language *language, size_t size);

/* Adds a word, which takes the place of one with that name in what is read from then on. name lives as long as the
 * language. False without memory. */
bool language_add(struct language *language, const char *name, word_body *body, void *data);

/* Reads a text, and does what it says as it goes. False if that fails: state->error says why, and in which line. */
bool language_read(struct state *state, const char *text);

/* Runs code that is a value. */
bool language_run(struct state *state, const struct operation *code);

/* Notes an error; false. */
__attribute__((format(printf, 2, 3))) bool fail(struct state *state, const char *format, ...);

/* Onto the stack and from there. */
bool push(struct state *state, struct value value);
bool push_integer(struct state *state, int64_t integer);
bool pop(struct state *state, struct value *value);
bool pop_integer(struct state *state, int64_t *integer);
bool pop_text(struct state *state, const char **text);
bool pop_code(struct state *state, const struct operation **code);

#endif
