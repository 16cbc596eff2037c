/* Reads headers with libclang, which nothing outside of this room knows, into the structures of model.h.
 *
 * unit.c compiles a text and visits its declarations in their order. Each becomes an item when it is met first, by its own or in
 * a type; a struct's fields are read where it is defined. Types keep the names that the header gives them.
 *
 * Macros have no types. What they are is macro.c's to find out, which has lines compiled behind the headers: model_try says
 * which of them the compiler takes, and of what type the variable in them is.
 *
 * Each prototype stands under the file that has it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_CGEN_READER_H
#define CALLGATE_CGEN_READER_H

#include <clang-c/Index.h>

#include "cgen/model.h"

struct macro; /* definition.c's */

struct reader {
    struct request *request;
    struct model *model;
    struct text source;   /* cgen.c, which includes the headers */
    CXFile file;          /* it */
    struct table items;   /* by their declarations */
    struct table macros;  /* by name, the last of each */
    struct macro *macro;  /* of all, the last */
    CXFile text_file;     /* the last whose text was asked for, */
    const char *its_text; /* which libclang would look for among all files */
};

/* The tokens of a macro (its name, its parameters, its body), or of an attribute. */
struct tokens {
    const char **texts;
    size_t count;
};

/* reader.c */
struct reader reader_make(struct request *request, struct model *model);
const char *reader_take(CXString string); /* a copy; the string is disposed of */
struct place reader_place_at(const struct reader *r, CXSourceLocation location);
struct place reader_place(const struct reader *r, CXCursor cursor);
bool reader_is_in_file(CXCursor cursor); /* and not made up by the compiler */
struct tokens reader_tokens_in(CXTranslationUnit unit, CXSourceRange range);
struct tokens reader_tokens(CXCursor cursor);
const char *reader_text(struct reader *r, CXCursor cursor, CXFile file); /* a file's */
const char *reader_comment(struct reader *r, CXCursor cursor);           /* its words, or NULL */
struct item *reader_add_item(struct model *model, enum item_kind kind, const char *name, struct place place);
void reader_add_entry(struct model *model, struct item *item, bool is_definition);
/* The item of a declaration; a new one has *is_new set, and no more than its name. */
struct item *reader_item(struct reader *r, CXCursor cursor, enum item_kind kind, const char *name, bool *is_new);

/* type.c */
const struct type *reader_type(struct reader *r, CXType type);
enum nullability reader_nullability(CXType type);

/* tag.c */
struct item *reader_tag(struct reader *r, CXCursor cursor, bool is_visited); /* a struct, a union or an enum */
struct item *reader_typedef(struct reader *r, CXCursor cursor);

/* declaration.c */
void reader_function(struct reader *r, CXCursor cursor);
void reader_variable(struct reader *r, CXCursor cursor);
struct value reader_value(CXCursor variable); /* of its initializer, if that is a constant */

/* definition.c */
void reader_macro(struct reader *r, CXCursor cursor);
/* Gives macros of macros what keeps those from being expressions, when all have been read. */
void reader_share_reasons(struct reader *r);

/* unit.c */
/* Compiles source, which is cgen.c to it; NULL if libclang can't read it, which is said then. */
CXTranslationUnit reader_parse(CXIndex index, struct reader *r, const char *source, unsigned options);

#endif
