/* The bridge's own map: what each of its files offers the others.
 *
 * Data goes one way. lex.c makes tokens of text, and directive.c heeds what a preprocessor left of its own. decl.c,
 * declarator.c, specifier.c, record.c, attribute.c, initializer.c and, for expressions, constant.c, operand.c and
 * builtin.c read them, each one part of C's grammar, into the types of type.c, which layout.c lays out, and the names of
 * scope.c; what expressions are worth is literal.c's and value.c's. decls.c and signature.c are what a host sees of that.
 * ffi.c and plan.c prepare signatures, intake.c callbacks; call.c and callback.c use what was prepared; trace.c watches
 * them, and tally.c and timeline.c keep what it sees. Only ffi.c knows libffi; only thunk.c makes code.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_INTERNAL_H
#define CALLGATE_BRIDGE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arch/thunk.h"
#include "arch/by_frame.h"
#include "arch/by_value.h"
#include "bridge.h"
#include "direct.h"
#include "handle.h"
#include "trace.h"
#include "runtime/internal.h"

struct gate__ffi_closure;
struct gate__plan;

enum {
    GATE__PARAMETERS_MAX = 127,     /* what C11 5.2.4.1 asks of a compiler */
    GATE__WEIGHT_MAX = 1000 * 1000, /* parts that a type without a name may have, repetitions included */
    GATE__ALIGNMENT_MAX = 1 << 28   /* bytes, as GCC has it */
};

/* Levels of whatever nests, in text and in types: C11 5.2.4.1 asks for 63. And the same in a message. */
#define GATE__DEPTH_MAX 64
#define GATE__DEPTH_MAX_TEXT GATE__TEXT_OF(GATE__DEPTH_MAX)
#define GATE__TEXT_OF(macro) GATE__TEXT_OF_(macro)
#define GATE__TEXT_OF_(text) #text

/* A function's type. What a host holds has been prepared, keeps the scope, and owns what was prepared. What a type points
 * to is the type's: it does none of that, and is good for no call. */
struct gate_signature {
    int (*call)(const gate_function *function, void *result, void *const arguments[]); /* what gate_call goes to, */
    const struct gate__take *takes; /* and what it has there: way.c */
    void (*give)(void);
    const gate_type *result;
    const gate_type **parameters; /* count of them */
    size_t count;
    bool variadic;
    bool unspecified;               /* "()": any parameters may be meant */
    bool needs_room;                /* C stores the result itself */
    bool passes_pointers;           /* in an argument, as far as its type tells, or to room for the result */
    size_t fixed;                   /* the parameters before "...", where others have been added: signature.c */
    void *prepared;                 /* ffi.c's; NULL unless libffi makes the calls */
    struct gate__plan *plan;        /* plan.c's; NULL where MemorySanitizer is, and libffi makes the calls */
    _Atomic long askers;            /* who are to free it; another count while the scope keeps it: signature.c */
    struct gate__allocation *owned; /* signature.c's: what was prepared */
    gate_decls *decls;              /* the types are its */
};

/* lex.c: tokens, and errors about them */

enum gate__token_kind {
    GATE__END,
    GATE__NAME,
    GATE__NUMBER,
    GATE__CHARACTER,
    GATE__STRING,
    GATE__PUNCTUATOR,
    GATE__GIVEN /* a "$" that stands for a type or a number: the lexer's given */
};

/* What a token is: the character, for punctuators of one; else one of these. 0 is a name that is no keyword. */
enum gate__word {
    GATE__ARROW = 256,
    GATE__LEFT_SHIFT,
    GATE__RIGHT_SHIFT,
    GATE__LESS_EQUAL,
    GATE__GREATER_EQUAL,
    GATE__EQUAL,
    GATE__UNEQUAL,
    GATE__AND,
    GATE__OR,
    GATE__ELLIPSIS,
    GATE__INCREMENT,
    GATE__DECREMENT,
    GATE__ASSIGN_BY, /* "+=" and its like */

    GATE__VOID, /* specifier.c combines these, up to and with GATE__FLOAT128 */
    GATE__BOOL,
    GATE__CHAR,
    GATE__SHORT,
    GATE__INT,
    GATE__LONG,
    GATE__LONG_AGAIN,
    GATE__SIGNED,
    GATE__UNSIGNED,
    GATE__INT128,
    GATE__FLOAT,
    GATE__DOUBLE,
    GATE__COMPLEX,
    GATE__FLOAT16,
    GATE__FLOAT32,
    GATE__FLOAT64,
    GATE__FLOAT64X,
    GATE__FLOAT128,

    GATE__CONST,
    GATE__VOLATILE,
    GATE__RESTRICT,
    GATE__ATOMIC,

    GATE__STRUCT,
    GATE__UNION,
    GATE__ENUM,
    GATE__TYPEOF,

    GATE__TYPEDEF,
    GATE__EXTERN,
    GATE__STATIC,
    GATE__THREAD,
    GATE__REGISTER,
    GATE__AUTO,
    GATE__INLINE,
    GATE__NORETURN,

    GATE__ALIGNAS,
    GATE__ATTRIBUTE,
    GATE__EXTENSION,
    GATE__ASM,
    GATE__STATIC_ASSERT,
    GATE__ALIGNOF,
    GATE__SIZEOF,
    GATE__OFFSETOF,
    GATE__GENERIC,
    GATE__REAL,
    GATE__IMAGINARY,
    GATE__UNSUPPORTED /* what compilers have, and this has not */
};

struct gate__place {
    const char *file; /* NULL while no line marker has named one */
    unsigned line, column;
};

struct gate__token {
    enum gate__token_kind kind;
    int word;
    const char *at;
    size_t length;
    struct gate__place place;
};

/* Where a reading is: a copy of it is a way back. */
struct gate__lexer {
    struct gate__token token;             /* the next one */
    const struct gate_decls_value *given; /* what that stands for, if it is a "$"; else NULL */
    size_t taken;                         /* values, for as many "$" */
    const char *at;                       /* behind it */
    const char *line_start;
    const char *const *splices; /* where lines are joined, from here on, up to a NULL; or NULL for a text without */
    const char *file;
    unsigned line;
    unsigned pack;                  /* #pragma pack's bytes, or 0 */
    const struct gate__pack *packs; /* those that were pushed */
};

/* A name that a list of parameters declares, up to its end. */
struct gate__parameter {
    struct gate__token name;
    const gate_type *type;
    const struct gate__parameter *outer;
};

/* A text that is being read. The first error counts, and makes every later step do nothing: no token is left then. */
struct gate__reader {
    struct gate__lexer lexer;
    gate_decls *decls;
    const struct gate_decls_options *options; /* or NULL: a "$" is a part of a name */
    gate_error *error;
    int failed; /* 0, or the code of the first error */
    unsigned depth;
    unsigned unevaluated; /* operands of sizeof, or of what is decided otherwise, that are being read */
    bool in_parameters;   /* where an array's count may be anything */
    const struct gate__parameter *parameters; /* that are in scope, the last one first */
    const char *unknown_type;                 /* what to say of a name that is no type */
};

/* A name in a text, for bsearch to compare. */
struct gate__name {
    const char *at;
    size_t length;
};

static inline int gate__lex_compare(const struct gate__name *name, const char *other) {
    int order = strncmp(name->at, other, name->length);
    return order ? order : -(other[name->length] != '\0');
}
/* Whether those length bytes are that name. [any] */
static inline bool gate__lex_is(const char *at, size_t length, const char *name) {
    return strlen(name) == length && memcmp(at, name, length) == 0;
}
static inline bool gate__lex_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool gate__lex_begins_name(char c) {
    unsigned char byte = (unsigned char)c; /* perhaps of a character in UTF-8 */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (byte >= 0x80 && byte <= 0xf4);
}
static inline bool gate__lex_is_name_part(char c) {
    return gate__lex_begins_name(c) || gate__lex_is_digit(c);
}
static inline const char *gate__lex_end_of_line(const char *at) {
    return at + strcspn(at, "\n");
}

/* Where that is in the text: in the line that is read, and not before what was asked for last. [any] */
struct gate__place gate__lex_place(struct gate__lexer *lexer, const char *at);
/* Takes the first token. [any] */
void gate__lex_begin(struct gate__reader *r, const char *text);
void gate__lex_advance(struct gate__reader *r);
/* Takes the token if it is that word. [any] */
bool gate__lex_accept(struct gate__reader *r, int word);
/* The same, and an error if it is not. [any] */
void gate__lex_require(struct gate__reader *r, int word);
/* An error at a token: what was found there, and what is wrong with it. [any] */
void gate__lex_fail(struct gate__reader *r, const struct gate__token *token, int code, const char *what);
/* An error at the next token, which is not what was expected. [any] */
void gate__lex_expected(struct gate__reader *r, const char *what);
/* Writes "file:line:column" or "line L, column C". [any] */
void gate__lex_print_place(const struct gate__place *place, char *buffer, size_t size);
/* Counts a level of nesting, and takes it back; false, and an error, when there are too many. [any] */
bool gate__lex_enter(struct gate__reader *r);
void gate__lex_leave(struct gate__reader *r);
/* An error unless all of the text has been read, and all values that were given with it. [any] */
void gate__lex_require_end(struct gate__reader *r);
/* Skips to behind what closes a bracket that has been read; or to one of two words that is in no bracket. [any] */
void gate__lex_skip_nested(struct gate__reader *r, int open, int close);
void gate__lex_skip_to(struct gate__reader *r, int word, int other);

static inline bool gate__lex_sees(const struct gate__reader *r, int word) {
    return r->lexer.token.word == word;
}
static inline bool gate__lex_sees_name(const struct gate__reader *r) {
    return r->lexer.token.kind == GATE__NAME && r->lexer.token.word == 0;
}

/* directive.c */

/* Reads the line that begins with a "#" at that place. [any] */
void gate__directive_read(struct gate__reader *r, const char *at);

/* scope.c: memory, names, and what a failed reading takes back */

enum gate__space { GATE__ORDINARY, GATE__TAGS, GATE__FILES };

struct gate__entry {
    gate_decl decl; /* first: hosts hold it */
    enum gate__space space;
    bool defined;             /* a constant's value was given */
    size_t alignment;         /* bytes: that a variable's or function's own declarations ask for, or 0 */
    const char *tag;          /* of the enum that a constant is of; NULL without */
    uint32_t hash;            /* from here on, what it is found by, and not what it says */
    size_t index;             /* in the order of declaration */
    struct gate__entry *next; /* in its bucket */
};

struct gate__arena {
    struct gate__chunk *last;
};

/* |entries in buckets| == count; entries are in order. */
struct gate_decls {
    _Atomic unsigned references;
    struct gate__arena arena;     /* lives as long as the scope */
    struct gate__arena scratch;   /* lives for one reading */
    struct gate__entry **entries; /* count of them, room for more */
    struct gate__entry **buckets; /* bucket_count of them, a power of two or 0 */
    size_t count, room, bucket_count;
    struct gate__change *changes; /* of the reading, the last one first */
    struct gate__kept *kept;      /* signature.c's: those made before, by their text; NULL until there is one */
    unsigned version;             /* counts the texts that were read */
    uint64_t secret;              /* that its names are hashed by */
};

/* What a reading may have to take back. */
struct gate__mark {
    struct gate__chunk *chunk;
    size_t used, count;
};

gate_decls *gate__scope_make(void);
void gate__scope_retain(gate_decls *decls);
void gate__scope_release(gate_decls *decls);
/* Begins a reading; ends it, and takes back all that it did if it failed. [any] */
struct gate__mark gate__scope_begin(gate_decls *decls);
void gate__scope_end(gate_decls *decls, const struct gate__mark *mark, bool failed);
/* Zeroed memory for as long as the scope lives, or the reading; NULL and an error when there is none. [any] */
void *gate__scope_allocate(struct gate__reader *r, size_t size);
void *gate__scope_scratch(struct gate__reader *r, size_t size);
/* Keeps what is at that address, in case that the reading fails. False when there is no memory. [any] */
bool gate__scope_save(struct gate__reader *r, void *at, size_t size);
/* The same for what a name's entry says. [any] */
bool gate__scope_save_entry(struct gate__reader *r, struct gate__entry *entry);
struct gate__entry *gate__scope_find(const gate_decls *decls, enum gate__space space, const char *name, size_t length);
/* Adds a name, of which there is none; its declaration is to be filled in. NULL when there is no memory. [any] */
struct gate__entry *gate__scope_add(struct gate__reader *r, enum gate__space space, const struct gate__token *name);
/* Whether definitions may not come again: gate_decls_options. [any] */
static inline bool gate__scope_is_once(const struct gate__reader *r) {
    return r->options && r->options->once;
}
/* Adds a declaration, or merges it with an earlier one; NULL if they contradict each other: with an error, or because the first
 * counts. [any] */
struct gate__entry *gate__scope_declare(struct gate__reader *r, const struct gate__token *name, gate_decl decl,
                                        bool defined);
/* The type of a name that scopes know from their start; NULL for others. [any] */
const gate_type *gate__scope_known(const char *name, size_t length);
/* The error of a declaration that contradicts an earlier one. [any] */
void gate__scope_conflict(struct gate__reader *r, const struct gate__token *name, const gate_decl *earlier,
                          const char *what);

/* type.c: with a reader, they return NULL, and it has an error, when there is no memory or the type can't be. [any] */

/* A member that a record can be asked for by its name, perhaps one of an anonymous record in it. */
struct gate__named {
    const gate_field *field;
    size_t offset; /* bytes: from the record's beginning to that of the one that has it as a field */
};

/* How a struct or union is passed, as far as it counts for those that it is a part of: arch/<name>/abi.c's. */
struct gate__passing {
    bool is_empty;         /* nothing is in it, but padding and arrays of none */
    bool has_small_vector; /* of less than 8 bytes */
    bool is_wide;          /* it is in one vector register of more than 16 */
    uint8_t classes[16];   /* of one of at most 16 bytes: by where it begins in another */
};

/* What the types of one struct, union or enum share, qualified and aligned as they may be. */
struct gate__record {
    struct gate__variant *variants;
    const char *name;            /* the typedef that names it, if it has no tag */
    bool used;                   /* by its tag alone */
    bool defined, being_defined; /* it is complete; its members are being read */
    bool transparent;            /* a union that is passed as its first member */
    bool has_pointers;           /* once it is complete: gate__type_has_pointers */
    struct gate__passing passing;
    size_t alignment;                /* bytes: its own */
    const gate_decl **constants;     /* an enum's, or those that a struct or union has */
    size_t constant_count;           /* of the latter */
    const struct gate__named *named; /* of a struct or union: named_count of them, in the order of strcmp */
    size_t named_count;
};

/* The shared constant for a kind that is complete by itself; NULL for the others. [any] */
const gate_type *gate__type_basic(enum gate_kind kind);
const gate_type *gate__type_pointer(struct gate__reader *r, const gate_type *target, unsigned qualifiers);
const gate_type *gate__type_array(struct gate__reader *r, const gate_type *element, size_t count);
const gate_type *gate__type_vector(struct gate__reader *r, const gate_type *element, size_t size);
const gate_type *gate__type_function(struct gate__reader *r, gate_signature *signature);
const gate_type *gate__type_record(struct gate__reader *r, enum gate_kind kind, const char *tag);
/* Another struct or union, without a tag, with the same members. [any] */
const gate_type *gate__type_copy(struct gate__reader *r, const gate_type *record);
/* The type without qualifiers. [any] */
const gate_type *gate__type_unqualified(struct gate__reader *r, const gate_type *type);
/* The type with more qualifiers, or with an alignment of its own. [any] */
const gate_type *gate__type_qualified(struct gate__reader *r, const gate_type *type, unsigned qualifiers);
const gate_type *gate__type_aligned(struct gate__reader *r, const gate_type *type, size_t alignment);
/* Completes a record, wherever it is used, with what definition says of size, alignment, target, count and fields. */
void gate__type_complete(struct gate__reader *r, const gate_type *record, const gate_type *definition);
/* Gives a record without a tag the name of its typedef. [any] */
void gate__type_name(struct gate__reader *r, const gate_type *type, const char *name);
bool gate__type_is_complete(const gate_type *type);
/* An array "[?]", or a struct that ends in one: who makes one tells its length. [any] */
bool gate__type_is_told_later(const gate_type *type);
bool gate__type_is_integer(const gate_type *type);
/* A floating type, and no complex one; a complex one. [any] */
bool gate__type_is_real(const gate_type *type);
bool gate__type_is_complex(const gate_type *type);
/* A struct or a union. [any] */
bool gate__type_is_record(const gate_type *type);
bool gate__type_is_signed(const gate_type *type);
/* Whether its values have pointers in them, as far as it tells: not of what may be behind an array of no count. [any] */
bool gate__type_has_pointers(const gate_type *type);
/* An enum's integer; any other type itself. [any] */
const gate_type *gate__type_plain(const gate_type *type);
/* The alignment that the type has without asking for another. [any] */
size_t gate__type_natural_alignment(const gate_type *type);
/* The member of that name of a struct or union, or of an anonymous one in it; NULL if there is none. [any] */
const struct gate__named *gate__type_find(const gate_type *type, const char *name, size_t length);
/* Whether two declarations with these types are of one thing (C11 6.2.7); and whether two definitions are. [any] */
bool gate__type_compatible(const gate_type *a, const gate_type *b);
bool gate__type_same_members(const gate_type *a, const gate_type *b);
/* What two compatible types come to (C11 6.2.7p3): a, with those counts and parameters that b alone tells. */
const gate_type *gate__type_composite(struct gate__reader *r, const gate_type *a, const gate_type *b);

/* layout.c */

/* Lays the fields of definition out, whose kind and count are given; alignment is what the record asks for, and pack
 * what #pragma pack allows, in bytes, or 0. False when it is too large for any memory. [any] */
bool gate__layout_record(gate_type *definition, gate_field *fields, size_t alignment, size_t pack);

/* value.c: what an expression is */

/* To whom a value is a constant. */
enum gate__constancy {
    GATE__LENT,   /* to us alone: the values of static const variables */
    GATE__FOLDED, /* to compilers: what they can compute, by addresses and floating numbers, too, and as 0 && x */
    GATE__STRICT, /* to C itself, as null pointers have to be */
};

/* Its type always; what it is worth, when that is known without running anything. */
struct gate__value {
    const gate_type *type;
    bool is_known;
    bool is_place;                  /* an object: its address is in bits, if it is known or has a base */
    enum gate__constancy constancy; /* GATE__LENT if it is not known and has no base */
    unsigned bit_width;             /* of a bit-field, or 0 */
    size_t alignment;               /* bytes: that an object's own declaration gives it; 0 if only its type does */
    const void *base;               /* stands for the object that bits count from, if that is not at a known address */
    unsigned __int128 bits;         /* of integers and pointers, extended by the sign that the type has */
    long double real;               /* of floating types */
};

/* What stands where an error is: nobody looks at it. [any] */
struct gate__value gate__value_nothing(void);
struct gate__value gate__value_unknown(const gate_type *type);
struct gate__value gate__value_integer(enum gate_kind kind, unsigned __int128 bits);
/* Rounded to the type; not known of those that the library has no arithmetic for. [any] */
struct gate__value gate__value_real(enum gate_kind kind, long double real);
/* A number of the type with those low bits, extended by its sign. [any] */
unsigned __int128 gate__value_narrowed(const gate_type *type, unsigned __int128 bits);
/* What an operation with both comes to. [any] */
enum gate__constancy gate__value_weaker(enum gate__constancy a, enum gate__constancy b);
/* Whether it is a null pointer constant (C11 6.3.2.3p3). [any] */
bool gate__value_is_null(const struct gate__value *value);
/* With a reader, they fail at the token. [any] */
struct gate__value gate__value_mistaken(struct gate__reader *r, const struct gate__token *token, const char *what);
/* What it is where a value is wanted: of an array or a function, a pointer. */
struct gate__value gate__value_decayed(struct gate__reader *r, struct gate__value value);
struct gate__value gate__value_convert(struct gate__reader *r, struct gate__value value, const gate_type *type,
                                       const struct gate__token *token);
struct gate__value gate__value_unary(struct gate__reader *r, int word, struct gate__value value,
                                     const struct gate__token *token);
struct gate__value gate__value_binary(struct gate__reader *r, int word, struct gate__value left,
                                      struct gate__value right, const struct gate__token *token);
/* What an assignment or an increment of an object is worth. [any] */
struct gate__value gate__value_assigned(struct gate__reader *r, struct gate__value value,
                                        const struct gate__token *token);
/* yes or no, as choice is 1 or 0, in the type that both come to (C11 6.5.15); not known, if it is -1. */
struct gate__value gate__value_chosen(struct gate__reader *r, int choice, struct gate__value yes, struct gate__value no,
                                      const struct gate__token *token);
/* Whether it is not zero. [any] */
bool gate__value_is_true(const struct gate__value *value);

/* literal.c */

/* They fail at the token. [any] */
struct gate__value gate__literal_number(struct gate__reader *r, const struct gate__token *token);
struct gate__value gate__literal_character(struct gate__reader *r, const struct gate__token *token);
/* Adds how many characters a string has to *length, and makes *kind the type of one. A buffer, unless it is NULL, gets
 * the bytes of a narrow string. */
void gate__literal_string(struct gate__reader *r, const struct gate__token *token, enum gate_kind *kind, size_t *length,
                          char *buffer);
/* Reads the digits of a universal character name into at most 4 bytes of UTF-8; returns how many, 0 for what C has
 * not. [any] */
size_t gate__literal_universal(const char *at, const char *end, size_t digits, char *utf8);

/* constant.c: expressions */

/* Any expression without a comma of its own; what is not constant is not known. [any] */
struct gate__value gate__constant_read(struct gate__reader *r);
/* The same, of what is not evaluated. [any] */
struct gate__value gate__constant_unevaluated(struct gate__reader *r);
/* Any expression. [any] */
struct gate__value gate__constant_expression(struct gate__reader *r);
/* One that has to be an integer constant. [any] */
struct gate__value gate__constant_integer(struct gate__reader *r);
/* A type's name or an expression in parentheses, as of typeof: its type. [any] */
const gate_type *gate__constant_type_of(struct gate__reader *r);

/* operand.c: what expressions begin with */

/* Reads an operand, with what stands behind it. [any] */
struct gate__value gate__operand_read(struct gate__reader *r);
/* Reads what may stand behind an operand: "[...]", ".member", and so on. [any] */
struct gate__value gate__operand_suffixes(struct gate__reader *r, struct gate__value value);
/* Reads a compound literal, whose type has been read. [any] */
struct gate__value gate__operand_compound(struct gate__reader *r, const gate_type *type);
/* What a pointer points to. [any] */
struct gate__value gate__operand_target(struct gate__reader *r, struct gate__value value,
                                        const struct gate__token *token);
/* Reads the type and the members of __builtin_offsetof, whose word has been read. [any] */
struct gate__value gate__operand_offset(struct gate__reader *r);

/* builtin.c: what compilers have as functions, and know without calling */

/* Whether a name is the compiler's own. [any] */
bool gate__builtin_is(const struct gate__token *token);
/* Reads a call of one. [any] */
struct gate__value gate__builtin_call(struct gate__reader *r);

/* initializer.c */

/* Skips an initializer, up to a "," or ";" of its declaration or behind its "}". Returns the type of what it
 * initializes: an array without a count gets the one that it gives it, if that can be told. [any] */
const gate_type *gate__initializer_complete(struct gate__reader *r, const gate_type *type);

/* attribute.c */

struct gate__attributes {
    size_t largest, last;          /* bytes: of the alignments asked for, what counts for objects, and for types */
    size_t vector;                 /* bytes, or 0 */
    const struct gate__mode *mode; /* a machine mode, or NULL */
    bool is_packed, is_transparent;
};

/* Reads attributes, as many as there are. [any] */
void gate__attribute_read(struct gate__reader *r, struct gate__attributes *attributes);
/* Reads _Alignas(...), whose word has been read. [any] */
void gate__attribute_alignas(struct gate__reader *r, struct gate__attributes *attributes);
/* The type that attributes make of what a declarator says: a mode's, or vectors; and what, of a type that is named by
 * it, is not the object's but the type's. [any] */
const gate_type *gate__attribute_of_type(struct gate__reader *r, const gate_type *type,
                                         const struct gate__attributes *attributes);
const gate_type *gate__attribute_of_declared(struct gate__reader *r, const gate_type *type,
                                             const struct gate__attributes *attributes);

/* Has a union passed as its first member. [any] */
void gate__attribute_make_transparent(struct gate__reader *r, const gate_type *type);

/* specifier.c: what stands before a declarator */

struct gate__specifiers {
    const gate_type *type;
    int storage;   /* GATE__TYPEDEF, GATE__EXTERN, GATE__STATIC, ...; or 0 */
    bool defines;  /* a tag, or an enum's constants */
    bool is_given; /* the type, which a "$" stands for */
    struct gate__attributes attributes;
};

/* Whether a type's name or a declaration begins here. [any] */
bool gate__specifier_begins(const struct gate__reader *r);
/* Reads them. [any] */
struct gate__specifiers gate__specifier_read(struct gate__reader *r);
/* Reads qualifiers, as many as there are. [any] */
unsigned gate__specifier_qualifiers(struct gate__reader *r);

/* record.c */

/* Reads "struct", "union" or "enum", and what belongs to it. [any] */
const gate_type *gate__record_read(struct gate__reader *r, struct gate__specifiers *s);

/* declarator.c */

/* Whether a declarator has to name something. */
enum gate__naming { GATE__NAMED, GATE__MAY_BE_NAMED, GATE__UNNAMED };

struct gate__declared {
    struct gate__token name; /* or, of length 0, the place */
    const gate_type *type;
    unsigned in_brackets;               /* the qualifiers in an outermost "[...]": of what a parameter becomes */
    const char *label;                  /* an asm label's, or NULL */
    struct gate__attributes attributes; /* the specifiers', too */
};

/* Reads a declarator and the attributes that belong to it. [any] */
struct gate__declared gate__declarator_read(struct gate__reader *r, const struct gate__specifiers *specifiers,
                                            enum gate__naming naming);
/* The parameter of that name that is in scope; NULL if there is none. [any] */
const struct gate__parameter *gate__declarator_parameter(const struct gate__reader *r, const struct gate__token *name);
/* Reads a type's name. [any] */
const gate_type *gate__declarator_type_name(struct gate__reader *r);
/* decl.c: declarations */

/* Reads a function's type, with names as a declaration may have them, up to the end of the text. [any] */
const gate_type *gate__decl_function(struct gate__reader *r);
/* Reads declarations up to the end of the text. [any] */
void gate__decl_read(struct gate__reader *r);
/* Reads a static assertion, whose word has been read. [any] */
void gate__decl_assertion(struct gate__reader *r);

/* decls.c */

/* Runs read on text, on the system stack, and ends the reading. [any] */
int gate__decls_run(gate_decls *decls, const char *text, void (*read)(struct gate__reader *r, void *data), void *data,
                    gate_error *error);

/* signature.c */

/* Zeroed memory that the signature owns; NULL when there is none. [any] */
void *gate__signature_allocate(gate_signature *owner, size_t size);
/* Has the scope keep none any longer. They keep its memory. [any] */
void gate__signature_forget(gate_decls *decls);
/* What gate_call goes to by the signature of a type: it is fatal. [task] */
gate__by_value gate__signature_unprepared;
/* Fatal if it is the signature of a type; function is the public one that got it. [any] */
void gate__signature_require(const gate_signature *signature, const char *function);
/* Whether argument i stands where "..." does. [any] */
static inline bool gate__signature_is_unnamed(const gate_signature *signature, size_t i) {
    return signature->variadic && i >= signature->fixed;
}
/* Whether its calls tell the function how many vector registers may be in use. [any] */
static inline bool gate__signature_tells_vectors(const gate_signature *signature) {
    return signature->variadic || signature->unspecified;
}

/* ffi.c */

enum { GATE__FFI_ROOM = 32 }; /* bytes: results that are larger have to have room, if only to be dropped */

/* Prepares the signature for calls and callbacks by libffi, if that has a way to make them. -ENOMEM. [any] */
int gate__ffi_prepare(gate_signature *signature, gate_error *error);
/* Calls address; result takes exactly the result type's bytes, or is NULL. [system stack] */
void gate__ffi_call(const gate_signature *signature, void (*address)(void), void *result, void *const arguments[]);

/* What a callback's code calls, on the thread and stack that C called it on; result is zeroed room for
 * the result's type. */
typedef void (*gate__ffi_target)(void *data, void *result, void *const arguments[]);

/* Makes a function of signature, at *address, that calls target with data. The name is for messages, and may be NULL.
 * -ENOMEM, -ENOTSUP. [any] */
int gate__ffi_closure_make(const gate_signature *signature, const char *name, gate__ffi_target target, void *data,
                           struct gate__ffi_closure **closure, void (**address)(void), gate_error *error);
void gate__ffi_closure_free(struct gate__ffi_closure *closure);

/* thunk.c */

/* Makes a function that goes to the address in record's first word, with record in the register of the
 * static chain. Negative errno. [any] */
int gate__thunk_make(void *record, const char *name, void (**address)(void));
const char *gate__thunk_name(void (*address)(void));
/* The same with a record in the thunk's own room, which its name has else: it is to be filled before the thunk is
 * called. */
int gate__thunk_make_in_room(void (**address)(void));
void *gate__thunk_room(void (*address)(void));
/* It leads where it did until it is made again. [any] */
void gate__thunk_rest(void (*address)(void));
/* A call of it is fatal from now on, and tells its name, until it is made again. [any] */
void gate__thunk_free(void (*address)(void));

/* loader.c: the system's loader. All are foreign calls. */

/* Why something was not found. */
struct gate__words {
    char text[sizeof((gate_error *)0)->message];
};

/* A library as the loader knows it; size 0 for the process itself. */
struct gate__loaded {
    void *handle;
    uintptr_t base;
    size_t size;
};

/* What is at an address. */
struct gate__object {
    size_t size; /* bytes; 0 if it isn't known */
    bool is_function, is_local;
};

/* -ENOENT, with words. [any] */
int gate__loader_open(const char *name, struct gate__loaded *loaded, struct gate__words *words);
/* version may be NULL. -ENOENT, with words. [any] */
int gate__loader_find(void *handle, const char *symbol, const char *version, void **address, struct gate__words *words);
struct gate__object gate__loader_describe(const void *address);
void gate__loader_close(void *handle);

/* library.c */

/* Holds the open library that has address, if one has; use->library is NULL otherwise. [any] */
void gate__library_hold_at(void (*address)(void), const char *what, gate_library_use *use);

/* frame.c */

/* The ways of calls of class default and of class leaf whose cells are filled, for a plan that is complete but for that; NULL
 * if there is nothing for it in assembly. [any] */
gate__by_frame *const *gate__frame_ways(const gate_signature *signature, const struct gate__plan *plan);

/* direct.c */

/* Makes a direct call by frame, which has room for all registers; the arguments are in it, and the result is then. [task] */
void gate__direct_call(gate_direct *direct, gate_frame *frame);

/* call.c */

/* A call in progress: gate__task_call. A frame begins with the same. library.c has the system read the first two. */
struct gate__call {
    const gate_function *function;
    void *outer;      /* the call that C was in when it made this one, or NULL */
    int error_number; /* what errno was on the return */
    int status;       /* of the first callback handler below this call that failed */
};

_Static_assert(offsetof(struct gate__call, function) == offsetof(gate_frame, function), "a frame begins with a call");
_Static_assert(offsetof(struct gate__call, outer) == offsetof(gate_frame, outer), "a frame begins with a call");
_Static_assert(offsetof(struct gate__call, status) == offsetof(gate_frame, status), "a frame begins with a call");
_Static_assert(offsetof(struct gate__call, error_number) == offsetof(gate_frame, error_number), "and goes on");

_Static_assert(offsetof(struct gate__call, function) == offsetof(struct gate__listed, function), "runtime/internal.h");
_Static_assert(offsetof(gate_function, name) == offsetof(struct gate__listed_function, name), "runtime/internal.h");

/* One that gate_call makes. */
struct gate__value_call {
    struct gate__call call; /* first */
    void *result;
    void *const *arguments;
};

/* gate_call, for whatever the ways in bridge/arch have nothing for: by a frame of its own, if the signature has ways to make
 * calls by one; else step by step. [any] */
gate__by_value gate__call_by_frame;
gate__by_value gate__call_values;
/* gate_call_frame, for whatever the ways in bridge/arch have nothing for. [task] */
int gate__call_frame(gate_frame *frame);
/* Calls the function, on the stack that it is to have. data is a struct gate__value_call. [system stack] */
void gate__call_run(void *data);

/* way.c */

/* Where gate_call goes for functions of that signature, whose plan is made, if it has one; it gets what that needs. -ENOMEM.
 * [any] */
int gate__way_choose(gate_signature *signature, gate_error *error);

/* arch/<name>/abi.c: where the platform's ABI has arguments and results */

/* The cells that the arguments before have taken, of each sort: arch.h. */
struct gate__abi {
    unsigned words, vectors, stack;
    unsigned alignment; /* bytes, that one on the stack asks for; 0: none does */
    bool is_unnamed;    /* the next one is where "..." stands */
};

/* Bytes: what an argument may have the stack aligned to, at the most. One that asks for more than a page
 * would have a call step over the page that guards the stack. */
enum { GATE__STACK_ALIGNMENT_MOST = 4096 };

/* So many cells, and more up to a multiple of alignment bytes, 8 or more. [any] */
static inline unsigned gate__abi_rounded(unsigned cells, unsigned alignment) {
    unsigned unit = alignment / (unsigned)sizeof(uint64_t);
    return (cells + unit - 1) / unit * unit;
}

/* A part of a value: size bytes from offset on, and the first of the cells that they go to. */
struct gate__part {
    unsigned cell;
    size_t offset, size;
};

enum { GATE__PARTS_MOST = 2 };

enum gate__in {
    GATE__IN_REGISTERS,
    GATE__IN_X87,
    GATE__IN_X87_PAIR,
    GATE__IN_MEMORY,
    GATE__IN_WIDE /* in one vector register, of which it has more than 16 bytes */
};

struct gate__result {
    enum gate__in in;
    unsigned count; /* of parts, which only those in registers have, wide ones too */
    struct gate__part parts[GATE__PARTS_MOST];
};

/* The parts of the next argument, and how many there are: none of an empty struct's. [any] */
unsigned gate__abi_argument(struct gate__abi *abi, const gate_type *type, struct gate__part parts[]);
void gate__abi_result(const gate_type *type, struct gate__result *result);
/* Whether values of the type are in one vector register, of which they have more than 16 bytes. [any] */
bool gate__abi_is_wide(const gate_type *type);
/* Bytes of the largest vector registers that there are here, which is looked for once. [any] */
unsigned gate__abi_vector_most(void);
extern _Atomic unsigned gate__abi_known_vector_most;
/* Why values of the type can't be passed, in words; NULL if they can. [any] */
const char *gate__abi_refusal(const gate_type *type);
/* Whether they are not, since nothing is in them. [any] */
bool gate__abi_is_empty(const gate_type *type);
/* What is to be noted of a struct or union with these fields, whose own are complete. [any] */
struct gate__passing gate__abi_note(const gate_type *record);

/* plan.c: calls in registers, without libffi */

/* How a part of a value becomes a cell: by its size, and whether it has a sign to extend. */
enum gate__load {
    GATE__LOAD_COPY, /* as it is, of any size, into one cell or several */
    GATE__LOAD_64,
    GATE__LOAD_S32,
    GATE__LOAD_U32,
    GATE__LOAD_S16,
    GATE__LOAD_U16,
    GATE__LOAD_S8,
    GATE__LOAD_U8
};

/* One part of an argument: how it is loaded, and the cell that it goes to. */
struct gate__step {
    uint8_t load;
    uint8_t argument;
    uint8_t offset; /* bytes, to the part */
    uint32_t cell, size;
};

enum { GATE__ARGUMENTS_MOST = 1 << 20 }; /* bytes of them on the stack: decls.h */

struct gate__plan {
    enum gate__shape shape;
    uint32_t stack_count; /* cells for the stack, up to a multiple of its alignment if that is not the usual one */
    gate__by_frame *const *by_frame; /* the ways of calls whose cells are filled, by their class; NULL for none */
    uint32_t result_size; /* bytes: of one in registers its first part's; 0 of one in memory, which C stores itself */
    uint32_t count;       /* of steps */
    uint32_t stack_alignment; /* bytes */
    uint32_t cell_count;      /* all of them */
    struct gate__result result;
    struct gate__step steps[];
};

struct gate__step gate__plan_step(const gate_type *type, const struct gate__part *part, size_t argument);
/* Finds the signature's plan: none where MemorySanitizer is. -ENOMEM; -ENOTSUP for too many arguments. [any] */
int gate__plan_make(gate_signature *signature, gate_error *error);
/* Whether its cells are more than are to be had on a task's stack. [any] */
static inline bool gate__plan_is_large(const struct gate__plan *plan) {
    return plan->cell_count > GATE__CELLS;
}
/* Whether it has vector registers of more than 16 bytes: then it is large. [any] */
static inline bool gate__plan_is_wide(const struct gate__plan *plan) {
    return plan->shape >= GATE__SHAPE_WIDE32;
}
/* Whether registers that every processor has have all of it: there is nothing on the stack, and the result in neither
 * memory nor the x87. [any] */
static inline bool gate__plan_is_in_registers(const struct gate__plan *plan) {
    return !plan->stack_count && plan->result.in == GATE__IN_REGISTERS && !gate__plan_is_wide(plan);
}
/* Whether they are to be aligned, on the stack, as no crossing does it. [any] */
static inline bool gate__plan_is_aligned(const struct gate__plan *plan) {
    return plan->stack_alignment > GATE__STACK_ALIGNMENT;
}
/* The next functions for what is less common. */
void gate__plan_load_other(const struct gate__step *step, const void *part, uint64_t *cell);
void gate__plan_store_parts(const struct gate__plan *plan, const uint64_t *cells, void *result);

/* The cell that a part of a value makes, or its cells. [any] */
static inline void gate__plan_load(const struct gate__step *step, const void *part, uint64_t *cell) {
    int32_t small;
    if (__builtin_expect(step->load == GATE__LOAD_64, 1)) {
        memcpy(cell, part, sizeof *cell);
    } else if (__builtin_expect(step->load == GATE__LOAD_S32, 1)) {
        memcpy(&small, part, sizeof small);
        *cell = (uint64_t)(int64_t)small;
    } else {
        gate__plan_load_other(step, part, cell);
    }
}

/* The crossing's frame of a call of function with cells. result is the room for one that C stores itself. [any] */
static inline struct gate__frame gate__plan_frame(const gate_function *function, void *result, uint64_t *cells) {
    const struct gate__plan *plan = function->signature->plan;
    if (__builtin_expect(plan->result.in == GATE__IN_MEMORY, 0))
        cells[0] = (uint64_t)(uintptr_t)result;
    return (struct gate__frame){.function = function->address,
                                .cells = cells,
                                .stack_count = plan->stack_count,
                                .stack_alignment = plan->stack_alignment,
                                .shape = plan->shape};
}

/* The same, and fills the cells. [any] */
static inline struct gate__frame gate__plan_fill(const gate_function *function, void *result, void *const arguments[],
                                                 uint64_t *cells) {
    const struct gate__plan *plan = function->signature->plan;
    const struct gate__step *end = plan->steps + plan->count;
    for (const struct gate__step *step = plan->steps; step != end; step++)
        gate__plan_load(step, (const char *)arguments[step->argument] + step->offset, &cells[step->cell]);
    return gate__plan_frame(function, result, cells);
}

/* Stores a word that a call returned as the result's type, unless result is NULL. [any] */
static inline void gate__plan_store(const struct gate__plan *plan, uint64_t word, void *result) {
    if (__builtin_expect(!result, 0))
        return;
    if (plan->result_size == sizeof(uint32_t))
        memcpy(result, &word, sizeof(uint32_t));
    else if (plan->result_size == sizeof word)
        memcpy(result, &word, sizeof word);
    else
        memcpy(result, &word, plan->result_size);
}

/* The same for one that is in the word or in the cells. [any] */
static inline void gate__plan_store_any(const struct gate__plan *plan, uint64_t word, const uint64_t *cells,
                                        void *result) {
    if (plan->shape <= GATE__SHAPE_VECTOR)
        gate__plan_store(plan, word, result);
    else if (result)
        gate__plan_store_parts(plan, cells, result);
}

/* intake.c: what a callback gets, without libffi */

/* Room for a result that C takes from registers. */
union gate__room {
    uint64_t word;
    long double x87[2];
} __attribute__((aligned(16)));

/* Bytes to be copied, by where they are from the frame. */
struct gate__move {
    int32_t from, to;
    uint32_t size;
};

/* Vector registers of which there are more than 16 bytes, and room for such a result. */
struct gate__wide {
    unsigned char registers[GATE__VECTORS][GATE__WIDE_REGISTER];
    unsigned char result[GATE__WIDE_REGISTER];
} __attribute__((aligned(GATE__WIDE_REGISTER)));

_Static_assert(sizeof(struct gate__wide) == (size_t)GATE__WIDE_SIZE, "thunk.h");
_Static_assert(GATE__WIDE * sizeof(uint64_t) == GATE__WIDE_REGISTER, "thunk.h");

/* How the result becomes cells, part by part. */
struct gate__giving {
    struct gate__result result;
    struct gate__step steps[GATE__PARTS_MOST];
};

struct gate__intake {
    unsigned count; /* of parameters */
    unsigned move_count;
    struct gate__giving giving;
    struct gate__move moves[GATE__WORDS + GATE__VECTORS];
    uint8_t in_wide
        [GATE__VECTORS];  /* the parameters that are in a register of more than 16 bytes: one more than which, or 0 */
    uint32_t vector_most; /* bytes of such a register, or of a result in one; 0 if there is none */
    int32_t places[];     /* where they are, in bytes from the frame, when that is done */
};

/* Finds out where the arguments are; *intake is the caller's to free, or NULL if there is none. -ENOMEM. [any] */
int gate__intake_make(const gate_signature *signature, struct gate__intake **intake);
/* Points to each of the arguments that C has passed. frame is where the callback's code has what C's registers held:
 * arch/<name>/callback.S. [C's stack] */
void gate__intake_take(const struct gate__intake *intake, char *frame, void *arguments[]);
/* To those that are in wide. [C's stack] */
void gate__intake_take_wide(const struct gate__intake *intake, struct gate__wide *wide, void *arguments[]);
/* Where the result is to be stored: where C wants it, or in the caller's own. [C's stack] */
void *gate__intake_room(const struct gate__intake *intake, char *frame, void *own);
/* Puts the result where the callback's code takes it from; how it is to return it. [C's stack] */
enum gate__in gate__intake_give(const struct gate__giving *giving, char *frame, const void *result);

/* callback.c */

/* A callback was called: a note of that in the task that takes it, which keeps its thread as long. Where the callback's code
 * has a frame, the note lies uppermost in it. The notes of a task are linked, the innermost first. */
struct gate__arrival {
    uint64_t error_number; /* what C is to find in errno */
    void *system_sp;       /* what that was before, if the code itself has changed it: callback.S */
    void *call;            /* what C is in that called it: as m->call, or what the task told of */
    struct gate__arrival *outer;
    gate_callback *callback;
};

_Static_assert(sizeof(struct gate__arrival) == GATE__INTAKE_NOTE, "thunk.h");

/* The call below which its handler runs, perhaps that of another handler which called the thunk by itself; NULL if there is none.
 * [the task] */
static inline struct gate__call *gate__arrival_call(const struct gate__arrival *arrival) {
    while (arrival && !gate__m_says_which(arrival->call))
        arrival = arrival->outer;
    return arrival ? arrival->call : NULL;
}

/* Where the code of callbacks leads, with its frame. [C's stack, or task, slot] */
enum gate__in gate__callback_arrive(gate_callback *callback, char *frame);
enum gate__in gate__callback_arrive_wide(gate_callback *callback, char *frame, struct gate__wide *wide);

/* A handler has failed: the call that C came from gets its status. [task, slot] */
void gate__callback_fail(int status);

/* check.c */

/* Whether a host has asked for the pointer check. [any] */
static inline bool gate__check_is_on(void) {
    return atomic_load_explicit(&gate__os_watch.by.reasons, memory_order_relaxed) & GATE__WATCH_POINTERS;
}
/* -EPERM, and gate_check_last, for what must not be passed to C: an argument of a call, of one by frame, what a callback's
 * handler returns. The next three are for when the check is on. [any] */
int gate__check_arguments(const gate_function *function, const void *result, void *const arguments[]);
int gate__check_cells(const gate_frame *frame);
int gate__check_returned(const gate_signature *signature, const char *name, const void *result);

static inline int gate__check_call(const gate_function *function, const void *result, void *const arguments[]) {
    bool may = __builtin_expect(gate__check_is_on(), 0) && function->signature->passes_pointers;
    return may ? gate__check_arguments(function, result, arguments) : 0;
}
static inline int gate__check_frame(const gate_frame *frame) {
    bool may = __builtin_expect(gate__check_is_on(), 0) && frame->function->signature->passes_pointers;
    return may ? gate__check_cells(frame) : 0;
}
static inline int gate__check_result(const gate_signature *signature, const char *name, const void *result) {
    bool may = __builtin_expect(gate__check_is_on(), 0) && gate__type_has_pointers(signature->result);
    return may ? gate__check_returned(signature, name, result) : 0;
}

/* trace.c: what calls go through while they are watched */

static inline bool gate__trace_is_on(void) {
    return gate__foreign_is_watched();
}

/* A watched call, on its caller's stack. */
struct gate__traced {
    void (*fn)(void *); /* what makes the call, and its argument */
    void *data;
    const struct gate__call *call;
    gate_m *m;                  /* the caller's; NULL on a thread without */
    struct gate__traced *outer; /* of the thread: below whose callback this one is made, or NULL */
    struct gate__tally *tally;  /* of the function; NULL while nothing is counted */
    uint32_t session;           /* trace.c's: in which it began */
    uint32_t lost;              /* m->lost, as far as it is counted */
    uint64_t began;
    uint64_t in_callbacks; /* nanoseconds */
    uint32_t handoffs, callbacks;
};

/* Prepares a call that gate__trace_run is to make: before its slot can be lost. m may be NULL. [any] */
void gate__trace_prepare(struct gate__traced *traced, gate_m *m, const struct gate__call *call, void (*fn)(void *),
                         void *data);
/* Runs fn, measured, counted and shown; data is a struct gate__traced. [system stack] */
void gate__trace_run(void *data);

/* A callback of C's, on C's stack. */
struct gate__traced_callback {
    bool is_on;
    struct gate__traced *owner; /* the call that C is in; NULL if it is not watched, or C in none */
    struct gate__tally *tally;
    uint32_t session;
    uint64_t began;
};

/* m's thread leaves C for a handler, and has its slot; and goes back. [system stack, slot] */
void gate__trace_callback_begins(struct gate__traced_callback *traced, const gate_m *m, const char *name,
                                 const void *handler);
void gate__trace_callback_ends(struct gate__traced_callback *traced, const gate_m *m);

/* No session begins between the two, for whoever reads its timeline. Which one it is. [any] */
uint32_t gate__trace_hold_session(void);
void gate__trace_let_session_go(void);

/* tally.c: what was counted of each function */

/* One call or callback that has ended. */
struct gate__span {
    uint64_t began, took, in_callbacks; /* nanoseconds */
    uint32_t handoffs, callbacks;
};

/* The tally of a function or of callbacks, which is there for ever; one for many, if there is no room. [any] */
struct gate__tally *gate__tally_of(enum gate_trace_kind kind, const void *address, const char *name);
const char *gate__tally_name(const struct gate__tally *tally);
enum gate_trace_kind gate__tally_kind(const struct gate__tally *tally);
void gate__tally_add(struct gate__tally *tally, const struct gate__span *span);
/* Forgets what was counted; what is added at the same time may stay. [any, fork] */
void gate__tally_forget(void);

/* timeline.c: calls one by one, for a viewer */

/* Forgets all events; a session begins that there never was. No timeline is being read. [any, fork] */
void gate__timeline_begin(void);
/* How many are kept from now on. [any] */
void gate__timeline_limit(size_t most_events);
/* Keeps a call or a callback of tally, or the moment when it lost its slot. m may be NULL. [any] */
void gate__timeline_add(uint32_t session, const struct gate__tally *tally, const gate_m *m,
                        const struct gate__span *span);
void gate__timeline_add_handoff(uint32_t session, const struct gate__tally *tally, const gate_m *m, uint64_t when);

#endif
