/* What headers declare, in plain structures: clang/ fills them in, the emitters write them out, and neither knows the
 * other.
 *
 *   headers --clang/--> struct model --emit_*.c--> text
 *
 * All of it lies in memory that is given back at the end of the program (memory.c), so that anything may point to
 * anything.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_CGEN_MODEL_H
#define CALLGATE_CGEN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum type_kind {
    TYPE_BASIC,    /* name says which, as C does */
    TYPE_POINTER,  /* to target */
    TYPE_ARRAY,    /* of count targets */
    TYPE_VECTOR,   /* the same, GCC's vector_size */
    TYPE_FUNCTION, /* target is the result's type */
    TYPE_ITEM,     /* a struct, union, enum or typedef */
    TYPE_UNKNOWN   /* one that can't be bound; name is the reason */
};

/* How a basic type is passed. */
enum basic { BASIC_VOID, BASIC_BOOL, BASIC_SIGNED, BASIC_UNSIGNED, BASIC_FLOATING, BASIC_COMPLEX };

enum { QUALIFIER_CONST = 1, QUALIFIER_VOLATILE = 2, QUALIFIER_RESTRICT = 4, QUALIFIER_ATOMIC = 8 };

enum nullability { NULL_UNSAID, NULL_NEVER, NULL_ALLOWED };

struct type {
    enum type_kind kind;
    unsigned qualifiers;
    const char *name;
    enum basic basic;
    long long size, alignment; /* bytes; 0 for what has none */
    const struct type *target;
    long long count; /* -1: "[]" */
    struct parameter *parameters;
    size_t parameter_count;
    bool is_variadic, is_unprototyped;
    struct item *item;
};

struct parameter {
    const char *name; /* "" if it has none */
    const struct type *type;
    enum nullability nullability;
    bool is_taken; /* what it points to belongs to the function from then on */
};

struct place {
    const char *file; /* "": cgen's own text, or the compiler's */
    unsigned line, column;
};

struct field {
    const char *name; /* "": an anonymous struct or union, or a bit-field that only pads */
    struct place place;
    const struct type *type;
    enum nullability nullability;
    long long offset; /* bits */
    int width;        /* of a bit-field, else -1 */
};

struct constant {
    const char *name;
    struct place place;
    long long value;
    const char *comment; /* the header's, or NULL */
};

struct list {
    const char **items;
    size_t count;
};

enum item_kind { ITEM_FUNCTION, ITEM_VARIABLE, ITEM_TYPEDEF, ITEM_STRUCT, ITEM_UNION, ITEM_ENUM, ITEM_MACRO };

enum call_class { CLASS_DEFAULT, CLASS_LEAF, CLASS_BLOCKING, CLASS_GUARDED };

enum value_kind { VALUE_NONE, VALUE_INTEGER, VALUE_FLOATING, VALUE_STRING };

/* What a macro, or a constant variable, is worth. */
struct value {
    enum value_kind kind;
    long long integer; /* VALUE_INTEGER: as bits, type says with which sign they are read */
    double floating;
    const char *string;       /* in units as memory has them, without the last zero */
    size_t length, unit_size; /* units; bytes */
};

struct item {
    enum item_kind kind;
    const char *name; /* "" for a struct, union or enum without a tag */
    struct place place;
    const char *comment; /* the header's, or NULL */
    const char *reason;  /* why it can't be bound, or NULL */
    const struct type
        *type;      /* FUNCTION, VARIABLE, MACRO: its own; TYPEDEF: what it names; ENUM: the integer that it is */
    bool is_wanted; /* asked for */
    bool is_needed; /* or something that was asked for needs it */
    bool is_hosts;  /* an export: a config declares it, and no header */

    /* STRUCT, UNION, ENUM */
    bool is_complete, is_packed;
    long long size, alignment; /* a TYPEDEF's, too, which may have an alignment of its own */
    struct field *fields;
    size_t field_count;
    struct constant *constants;
    size_t constant_count;
    struct item *named_by; /* the typedef that names it, if it has no tag */
    struct list names;     /* all typedefs' that stand for it */
    bool is_embedded;      /* it has no name at all: it is written where it is used */

    /* FUNCTION, VARIABLE */
    const char *symbol; /* in the library, if its name there is another; else NULL */
    const char *rename; /* what hosts are to call it; else NULL */
    bool is_inline;     /* a static one: there is no symbol */
    bool is_defined;    /* a function: it has a body */
    bool is_noreturn, is_deprecated, is_allocating, is_pure, result_is_used;
    bool is_thread_local;
    enum nullability nullability; /* a function's result's */
    enum call_class call_class;
    const char *owner; /* what a config says of who frees the result; else NULL */

    /* MACRO, and constant VARIABLEs; a FUNCTION is_macro if a macro makes it, and has a symbol in the stubs alone, but for
     * one that is another name of a function */
    bool is_macro, takes_arguments, is_constant_too; /* of an enum, by the same name */
    bool takes_any_number;                           /* and gives one like it; its type is of longs all the same */
    const char *alias;                               /* the one name that is its body, or NULL */
    struct value value;
};

/* A place in the order of declarations where an item stands: once to say that it is there, or to say what it is. */
struct entry {
    struct item *item;
    bool is_definition;
};

/* What is found by a key. Keys that are the same have one hash; without these two functions, keys are names. A set is of names
 * alone. */
struct table {
    size_t (*hash)(const void *key);
    bool (*is_same)(const void *key, const void *other);
    struct slot {
        const void *key; /* NULL: it is free */
        void *item;
    } * slots;
    size_t count, room; /* a power of two; 2 * count <= room */
};

struct model {
    struct item **items; /* in the order in which they were declared first */
    size_t count;
    struct entry *entries;
    size_t entry_count;
    struct table macros;  /* the names of all that take no arguments */
    struct list files;    /* all that were read, whatever they declare, and other names of theirs */
    struct list excluded; /* names that are left out and are no item's: of macros, and of enums' constants */
};

/* What a config says, and where it stands there. */
struct word {
    const char *text; /* NULL: nothing */
    struct place place;
};

enum section_kind { SECTION_FUNCTION, SECTION_MACRO, SECTION_EXPORT };

/* A section of a config's: of a function; of a macro, which is one of some type; or of a function of the host's that C is to be
 * able to call. */
struct section {
    enum section_kind kind;
    struct word name;
    struct word call_class, rename, owner, skip; /* FUNCTION */
    struct word type;                            /* MACRO, EXPORT */
    bool is_used;                                /* FUNCTION, MACRO: headers have it */
    struct item *item;                           /* what it is of, if that is read; else NULL */
};

/* Declarations that were put together of pieces of files: each byte of it has a place there. */
struct text {
    char *bytes;
    size_t length;
    struct piece {
        size_t begin; /* it ends where the next one begins, and lies in one line */
        struct place place;
    } * pieces;
    size_t piece_count;
};

/* What is asked for. */
struct request {
    struct list headers;
    struct list flags;         /* -I and -D */
    struct list folders;       /* -L: where the library is */
    struct list packages;      /* pkg-config's names */
    struct list package_flags; /* what it has for them; for the compiler, behind flags */
    struct list package_libs;  /* and for the linker */
    struct list match;         /* patterns of names, as a shell has them; none is "*" */
    struct list exclude;       /* of these, not those */
    struct list from;          /* patterns of files that declare them; none is "*" */
    struct section *sections;  /* the configs' */
    size_t section_count;
    const struct text *text; /* what is read behind the headers, with the types that every scope knows; else NULL */
    const char *command;     /* the command line, for the output's first line */
    bool is_weak;            /* the library may lack functions that the headers have */
    const char *library;     /* a path, or a name for the linker: NULL is the packages' */
    const char *debug_path;  /* folders with debug information, with colons; NULL: where systems have it */
    const char *name;        /* of what is made: names of files and tables begin with it */
};

/* text.c: texts of pieces, and what is said of places. */
void text_add(struct text *text, const char *bytes, size_t length, struct place place);
void text_add_own(struct text *text, const char *bytes); /* it stands nowhere */
void text_add_text(struct text *text, const struct text *other);
struct place text_place(const struct text *text, size_t offset);
void text_pass(struct place *place, char byte); /* goes on behind a byte */
__attribute__((format(printf, 3, 4))) void report(const struct place *place, const char *kind, const char *pattern,
                                                  ...); /* on standard error */

/* comment.c: what comments say; NULL for nothing. */
const char *comment_words(const char *raw);
const char *comment_of_macro(const char *text, size_t begin, size_t end);       /* which is defined there in text */
const char *comment_of_declaration(const char *text, size_t begin, size_t end); /* behind it, in its last line */
const char *comment_of_tag(const char *text, size_t begin, size_t end,
                           const struct table *macros); /* a struct's, and the like */

/* script.c: the declarations in a Lua script; returns 0, or 1 when there is one that it can't read, which is on standard error
 * then. */
int script_read(const char *path, const char *script, struct text *text);

/* memory.c: memory for as long as the program runs. What there isn't any for ends it. */
void *memory_take(size_t size);                            /* zeroed */
void *memory_grow(void *array, size_t count, size_t size); /* room for one more than count elements */
char *memory_copy(const char *text);
FILE *memory_stream(char **text, size_t *size); /* the text is there when it is closed, to be freed by the caller */
__attribute__((sentinel)) char *memory_join(const char *first, ...); /* texts up to a NULL */
__attribute__((format(printf, 1, 2))) char *memory_format(const char *pattern, ...);
void list_add(struct list *list, const char *item);
void list_add_all(struct list *list, const struct list *items);
bool list_matches(const struct list *list, const char *name); /* one of them, as a pattern */
bool list_matches_file(const struct list *list,
                       const char *file);                /* with or without "./" before it, if it is relative */
void list_add_file(struct list *list, const char *file); /* a pattern that no other file matches */
bool list_is_matched(const struct list *list, const char *pattern); /* by one of them */
void *table_get(const struct table *table, const void *key);        /* NULL: there is none */
void table_put(struct table *table, const void *key, void *item);   /* in the place of another; the key stays in use */
bool set_add(struct table *set, const char *name);                  /* whether it is new */
bool set_has(const struct table *set, const char *name);
void memory_free_all(void);

/* clang/unit.c: reads the headers, or the request's text; returns 0, or 1 when they do not compile, which is on standard
 * error then: of a text the model has what does. */
int model_read(struct request *request, struct model *model);

/* A line of C that may be compiled behind the headers, or not. */
struct attempt {
    const char *line; /* a function with one variable or with none, or its declaration; it is called as no other */
    bool is_accepted;
    const struct type *type; /* the variable's; if there is none, the function's */
    struct value value;      /* the variable's, if it is constant */
};
int model_try(const struct request *request, struct attempt *attempts, size_t count);

/* macro.c: finds out what the model's macros are; returns 0, or 1 when a config is wrong about one. */
int macro_read(struct model *model, struct request *request);

/* model.c */
const struct type *type_plain(const struct type *type);  /* what it is behind all typedefs */
const struct type *type_bare(const struct type *type);   /* and, of an enum, the integer that it is */
const struct type *type_passed(const struct type *type); /* what it becomes as a parameter: a pointer, if an array */
extern const struct type type_void;
bool type_is_void(const struct type *type);
const char *type_problem(const struct type *type); /* why nobody can write it, or NULL */
bool type_is_nameless(const struct type *type);    /* a struct or union without a tag and a typedef */
bool type_is_va_list(const struct type *type);     /* an array, which is passed as a pointer that has no name */
bool item_is_usual_enum(const struct item *item);  /* an int or an unsigned, as its constants ask for and no more */
void item_find_problem(struct item *item);         /* a function's or a variable's: its reason */
const struct item *item_of_record(const struct type *type);              /* the struct or union that it is, or NULL */
bool model_asks(const struct item *item, const struct request *request); /* for it, by name and place */
void model_choose(struct model *model, const struct request *request);
/* Whether each exclusion leaves something out, of the headers, or of what files declare (NULL: there are none); once both are
 * chosen. Returns 0, or 1 with those that don't on standard error. */
int model_check_exclusions(const struct model *headers, const struct model *written, const struct request *request);
void model_report(const struct model *model, bool macros_too); /* what can't be bound, and why */
size_t model_count(const struct model *model, enum item_kind kind);
bool item_is_compilers(const struct item *item);  /* of a header that comes with it, which others have otherwise */
void item_find_names(struct item *item);          /* a typedef's: it is one of what it stands for */
bool item_is_bound(const struct item *item);      /* asked for, and can be */
const char *item_name(const struct item *item);   /* for hosts */
const char *item_symbol(const struct item *item); /* in the library, or in the stubs */
const char *word_of_class(enum call_class call_class);
int class_of_word(const char *word); /* -1: it is none */
const char *word_of_kind(enum item_kind kind);

/* spell.c: what attributes and a config say of a function, in words; "" for nothing. */
const char *spell_notes(const struct item *item);

/* Types in C. inner is the declarator that stands in them, "" for none. */
enum spelling {
    SPELL_NAMED,    /* as the header has it */
    SPELL_DECLARED, /* as the cdef text declares it: an enum that isn't a usual one is an integer */
    SPELL_RESOLVED  /* without any name but tags behind pointers: it means the same without the header */
};
char *spell(const struct type *type, const char *inner, enum spelling how);
char *spell_record(const struct item *item); /* its definition, without a semicolon */
const char *spell_floating(double value);    /* a finite one, which no reader takes for an integer */
const char *spell_integer(long long value, const struct type *type); /* with the type's sign */
const char *spell_constant(const struct constant *constant);         /* as an enum's definition has it */
const char *spell_problem(const struct type *type);                  /* why SPELL_RESOLVED can't say it, or NULL */

/* config.c: reads a file of sections; returns 0, or 1 when it is wrong, which is on standard error then. */
int config_read(const char *path, struct request *request);
int config_read_stream(FILE *file, const char *path, struct request *request); /* path is for messages */
bool config_is_name(const char *text);                                         /* one in C */
int config_check(const struct model *model, const struct request *request);    /* the same, of what is asked for */
/* The next one of a kind; NULL behind the last, and the first behind NULL. */
struct section *config_next(const struct request *request, enum section_kind kind, const struct section *before);
struct section *config_find(const struct request *request, enum section_kind kind, const char *name);
/* Of an error; returns 1. */
__attribute__((format(printf, 2, 3))) int config_complain(const struct word *word, const char *pattern, ...);

/* installed.c: what this system has. The next two return 0, or 1 with what is wrong on standard error. */
bool installed_may_be(const char *name);                                    /* the name of a package or a library */
int installed_package(const char *name, struct request *request);           /* adds what that has */
const char *installed_name(const struct request *request);                  /* of what a loader finds it by */
int installed_libraries(const struct request *request, struct list *paths); /* where those are that it is about */

/* dwarf.c: reads the debug information of a library, if *found, from itself or from folders (NULL: the usual ones); returns 0,
 * or 1 when it is no library, which is on standard error then. */
int dwarf_read(const char *path, const char *folders, struct model *model, bool *found);

/* compare.c: two models. */
struct comparison {
    const struct model *real;
    const char *where; /* it is from, for whoever reads the result */
    const char *note;  /* what is at the other place of a mistake */
    bool is_all;       /* it is a mistake to declare what isn't there */
    bool is_quiet;     /* mistakes are counted alone */
    size_t mistakes, found;
};
/* Of written, what was asked for, or is needed for that, in files as from has them; mistakes are on standard error then. */
void compare_items(struct comparison *c, const struct model *written, const struct list *from);

/* check.c: compares what files declare, or the headers, if there are none, with the headers' declarations and with the
 * libraries' debug information; returns 0, or 1 when there are mistakes, which are on standard error then. */
int check_all(const struct model *headers, const struct request *request, const struct list *files);

/* output.c: files that appear whole, and all of them, or not at all, and take the place of none that cgen did not make. What
 * returns an int returns 0, or 1 with what is wrong on standard error. */
struct output {
    const char *path;  /* NULL: standard output */
    const char *place; /* behind links */
    char *part;        /* the file beside it, until it is in its place */
    char *kept;        /* the other name of what was there */
    bool is_first;     /* nothing was */
    FILE *file;        /* where it is made, in memory: text */
    char *text;
    size_t size;
};
int output_find(struct output *output, const char *path); /* where it goes: before anything is made */
FILE *output_open(struct output *output);
int output_write(struct output *outputs, size_t count);

/* One file for each form of output. */
typedef void emitter(const struct model *model, const struct request *request, FILE *out);
emitter emit_signatures, emit_lua, emit_cdef, emit_json, emit_c, emit_h, emit_export, emit_export_h, emit_ninja,
    emit_smoke;
/* emit_c.c: the headers, with what is defined for them; and what depends on whether the processor has the registers that a
 * function takes. */
void write_headers(const struct request *request, FILE *out);
void write_if(const struct item *item, FILE *out);
void write_endif(const struct item *item, FILE *out);
const char *shell_word(const char *text); /* output.c: quoted, where a shell needs that */

/* string.c */
struct value string_of_literal(const char *literal);
const char *string_plural(size_t count); /* the ending of what so many are */
unsigned long string_unit(const struct value *value, size_t index);
void write_string(const char *text, FILE *out); /* in quotes, as Lua has it, and C but for control characters */
void write_bytes(const char *bytes, size_t length, FILE *out); /* the same */
void write_json_string(const char *text, FILE *out);           /* what is no UTF-8 as Latin-1 */
void write_json_literal(const struct value *value, FILE *out); /* an array of its units, if it is no Unicode */

#endif
