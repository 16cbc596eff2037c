/* C's types and declarations, read from text as it stands in headers after preprocessing.
 *
 * A scope (gate_decls) collects declarations and owns their types; a signature is the type of a function that may be
 * called, and keeps the scope that it was made from. Layouts are those of GCC for the platform. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_DECLS_H
#define CALLGATE_BRIDGE_DECLS_H

#include <stdbool.h>

#include "../runtime/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Every type of C. _Float32 is read as float, _Float32x and _Float64 as double, _Float64x as long double: they are
 * represented and passed alike, but behind "...", where C makes a double of a float, and of no _Float32. */
enum gate_kind {
    GATE_VOID,
    GATE_BOOL,
    GATE_CHAR, /* the three character types are distinct */
    GATE_SCHAR,
    GATE_UCHAR,
    GATE_SHORT,
    GATE_USHORT,
    GATE_INT,
    GATE_UINT,
    GATE_LONG,
    GATE_ULONG,
    GATE_LLONG,
    GATE_ULLONG,
    GATE_INT128,
    GATE_UINT128,
    GATE_FLOAT16,
    GATE_FLOAT,
    GATE_DOUBLE,
    GATE_LDOUBLE,
    GATE_FLOAT128,
    GATE_FLOAT16_COMPLEX,
    GATE_FLOAT_COMPLEX,
    GATE_DOUBLE_COMPLEX,
    GATE_LDOUBLE_COMPLEX,
    GATE_FLOAT128_COMPLEX,
    GATE_POINTER,
    GATE_FUNCTION,
    GATE_ARRAY,
    GATE_VECTOR, /* GCC's vector_size */
    GATE_STRUCT,
    GATE_UNION,
    GATE_ENUM,
    GATE_KINDS /* how many there are */
};

enum gate_qualifier { GATE_CONST = 1, GATE_VOLATILE = 2, GATE_RESTRICT = 4, GATE_ATOMIC = 8 };

/* Counts of arrays that have none: "[]"; "[*]" or "[n]" in a parameter; and "[?]", which is no C, but LuaJIT's: who makes one
 * says how many there are. It stands where "[]" may; a struct that ends in one is no element of an array and no member. */
#define GATE_COUNT_UNKNOWN SIZE_MAX
#define GATE_COUNT_VARIABLE (SIZE_MAX - 1)
#define GATE_COUNT_LATER (SIZE_MAX - 2)
#define GATE_COUNT_MAX (SIZE_MAX - 3) /* of those that have one */

typedef struct gate_decl gate_decl;
typedef struct gate_decls gate_decls;
typedef struct gate_field gate_field;
typedef struct gate_signature gate_signature;
typedef struct gate_type gate_type;

/* A type. It lives as long as its scope, or a signature that was made from it. A struct, union or enum that is defined
 * later is seen as complete wherever it was used before. */
struct gate_type {
    enum gate_kind kind;
    unsigned qualifiers;     /* of enum gate_qualifier */
    size_t size;             /* bytes; 0 for void, functions, and what is incomplete, empty, or of variable size */
    size_t alignment;        /* bytes; 0 for void, functions, and structs and unions that are incomplete */
    const gate_type *target; /* GATE_POINTER: what it points to; GATE_ARRAY, GATE_VECTOR: its elements;
                                       GATE_ENUM: the integer that it is (unsigned int while it is not defined) */
    const gate_signature *function; /* GATE_FUNCTION: its result and parameters, to be looked at and extended; to call
                                       or to be called by, gate_signature_of makes one of it */
    const char *tag;                /* GATE_STRUCT, GATE_UNION, GATE_ENUM: its tag, or NULL */
    size_t count;                   /* of elements, fields, or an enum's constants */
    const gate_field *fields;       /* GATE_STRUCT, GATE_UNION: count of them, in order */

    struct gate__record
        *record; /* GATE_STRUCT, GATE_UNION, GATE_ENUM: the same pointer for all types of one, however they are
                                    qualified or aligned; what it leads to, and what follows, is the library's own */
    unsigned depth, weight;
};

/* A member of a struct or union. Without a name it is an anonymous struct or union, or a bit-field that only pads. */
struct gate_field {
    const char *name;
    const gate_type *type;
    size_t offset;       /* bytes; of a bit-field, to the byte that its first bit is in */
    unsigned bit_offset; /* bits, 0 to 7, from the lowest one of that byte */
    unsigned bit_width;  /* bits */
    bool is_bit_field;
    bool is_packed;   /* its declaration, or the record's, said so */
    size_t alignment; /* bytes that its declaration asked for, or 0 */
};

enum gate_decl_kind {
    GATE_DECL_FUNCTION,
    GATE_DECL_VARIABLE,
    GATE_DECL_TYPEDEF,
    GATE_DECL_CONSTANT, /* of an enum, or a static const integer whose initializer is known: gate_decls_read */
    GATE_DECL_TAG       /* a struct, union or enum */
};

/* What a name was declared as; it lives as long as the scope. */
struct gate_decl {
    enum gate_decl_kind kind;
    const char *name;
    const gate_type *type;
    const char *label;     /* functions and variables: the symbol's name, if an asm label gives it another; else NULL */
    uint64_t value;        /* constants: extended to 64 bits by the sign that their type has */
    const char *file;      /* where it was declared first: as a line marker says, or NULL */
    unsigned line, column; /* from 1; columns count bytes */
};

/* Makes an empty scope. It knows the names of <stddef.h>, <stdint.h> and <sys/types.h>, and bool, until a text declares
 * them: as anything that C allows, but a typedef has to be of an integer with the same size and sign (bool's may be of any
 * type), or the text was meant for another platform.
 *
 * Ownership: *decls is the caller's until gate_decls_free; signatures made from it keep what they need of it longer.
 * Errors: -ENOMEM. Never blocks. Any thread; a scope is read into, and looked into, by one thread at a time. Its
 * types and declarations may be looked at by any while nobody reads text into it. Calls look at them, too, where pointers
 * are checked (check.h): a host of several slots, whose tasks may call meanwhile, reads with the world stopped
 * (gate_world_stop). */
int gate_decls_make(gate_decls **decls);

/* Frees a scope: its declarations and types, once no signature made from it is left. NULL is fine. Never blocks. Any
 * thread. */
void gate_decls_free(gate_decls *decls);

/* Reads a text of any number of declarations into the scope: all of them or, on an error, none.
 *
 * The text is C as compilers take it, with GNU's extensions, after preprocessing. Line markers name files for errors;
 * #pragma pack is heeded, other pragmas are not; attributes that change no type or layout are skipped, and so are
 * the bodies of functions. Struct tags that a parameter list declares belong to the whole scope. Declarations may come
 * again if they say the same, definitions too: many texts include one header. What each tells of a type adds up: counts of
 * arrays, and parameters, wherever in it they stand. A definition as before C89, as in "int f(a) int a; {...}", declares what
 * "int f()" does.
 *
 * Initializers are skipped, but for two things. They give arrays without a count theirs. And a static const integer of up
 * to 64 bits is a constant, which constant expressions may use, if its initializer is an integer constant expression, of
 * such constants and of numbers, floating ones too, or a builtin that is known (__builtin_popcount, clz, ctz, ffs,
 * parity, clrsb, bswap, abs, expect, constant_p, types_compatible_p, choose_expr). With any other initializer that C has, it is a
 * variable; so is what is wider or floating, whatever its initializer.
 *
 * Errors: -EINVAL for text that is no C, with file, line and column, what was found and what was expected, and for
 * what contradicts an earlier declaration, with both places; -ENOTSUP for what compilers have and this has not, as complex
 * integers, or other builtins where a constant has to be; -ENOMEM. Never blocks. Any thread. */
int gate_decls_read(gate_decls *decls, const char *text, gate_error *error);

/* What stands for a "$": a type, else a name, else a number. A type is of the scope that is read into, or of
 * gate_type_basic. A name is just that, whatever else it means: no keyword, and no typedef. */
struct gate_decls_value {
    const gate_type *type; /* or NULL */
    const char *name;      /* or NULL */
    int number;
};

/* How a text is read, if not as gate_decls_read does.
 *
 * Where declarations count once, C's rules for those that come again give way to others: what is defined (a struct, union or enum
 * by its tag, a constant) is not defined again, not even as it was; of what is declared otherwise the first declaration
 * counts. So do the known names of <stddef.h> and <stdint.h>; others of the known may become anything. */
struct gate_decls_options {
    const struct gate_decls_value *values; /* for each "$" one, in the order in which they stand */
    size_t count;
    bool once; /* declarations count once */
};

/* Reads a text as gate_decls_read does, with these options, and with values, for which each "$" stands; one that is part of a
 * name is no such. A struct or union that is given as a type is an anonymous member where no name follows it.
 *
 * Ownership: values are the caller's, and names are copied. Errors: as gate_decls_read; -EINVAL when there are more or fewer
 * "$" than values. Never blocks. Any thread. */
int gate_decls_read_with(gate_decls *decls, const char *text, const struct gate_decls_options *options,
                         gate_error *error);

/* What a name was declared as, or a tag, or the declaration behind previous (NULL: the first), in the order in
 * which they were read. NULL if there is none. Never block. Any thread. */
const gate_decl *gate_decls_find(const gate_decls *decls, const char *name);
const gate_decl *gate_decls_find_tag(const gate_decls *decls, const char *tag);
const gate_decl *gate_decls_next(const gate_decls *decls, const gate_decl *previous);

/* Reads a type's name, as in "struct point *" or "int[3]". A tag that is new is declared by it, incomplete.
 *
 * Ownership: the type is the scope's. Errors: as gate_decls_read. Never blocks. Any thread. */
int gate_decls_type(gate_decls *decls, const char *text, const gate_type **type, gate_error *error);

/* The same with options, as gate_decls_read_with has them: a host has types that no text has named, and texts of types
 * that are made of them. */
int gate_decls_type_with(gate_decls *decls, const char *text, const struct gate_decls_options *options,
                         const gate_type **type, gate_error *error);

/* Makes a signature that is prepared for calls: of a function that was declared, by its name, or of a function's
 * type in text, as gate_signature_parse takes it. The scope keeps it while no more is read into it: asked for the same text
 * again, it gives the same, and each time is to be freed. The types in a text stay the scope's.
 *
 * Ownership: *signature is the caller's, until gate_signature_free, before or after gate_decls_free.
 * Errors: as gate_signature_parse. Never blocks. Any thread. */
int gate_decls_signature(gate_decls *decls, const char *text, gate_signature **signature, gate_error *error);

/* Reads the type of a C function: a declarator without a name, as in "int (const char *, size_t)",
 * or a prototype with names, as in "int puts(const char *string);". Known are the types of C, and the names that a
 * scope knows from its start; structs, unions and enums may be named by tags, or defined on the spot. The result is
 * prepared for calls.
 *
 * Vectors of 32 and 64 bytes, and structs and unions of nothing else, are passed in registers, as code has them that is
 * compiled for AVX (-mavx) and AVX-512 (-mavx512f). What is compiled without has them in memory, which no type says: that is
 * not to be called so.
 *
 * Ownership: *signature is the caller's, until gate_signature_free.
 * Errors: -EINVAL for text that is no function type, with line and column, what stands there and what was expected, and
 * for structs and unions by value that are not defined; -ENOTSUP for what can't be passed: vectors of less than 8 bytes, and
 * structs and unions of at most 64 bytes with one in them; what goes into registers of AVX, or AVX-512, that the processor or
 * the system lacks; what asks for an alignment of more than 4096 bytes; arguments that take more than 1 MiB of the stack (the
 * system stack holds them twice during a call); and, under MemorySanitizer, whose calls libffi makes, 128-bit integers,
 * vectors, arguments that are aligned to more than 16 bytes, and whatever else it lacks. -ENOMEM. Never blocks. Any
 * thread. */
int gate_signature_parse(const char *text, gate_signature **signature, gate_error *error);

/* Makes a signature that is prepared for calls, of a type that was declared or is a part of another: a function's, or a
 * pointer's to one, as a struct's member or a parameter that is a callback has it.
 *
 * Ownership: *signature is the caller's, until gate_signature_free; it keeps the scope that the type is of.
 * Errors: -EINVAL for other types; else as gate_signature_parse. Never blocks. Any thread, while nobody reads text into
 * that scope. */
int gate_signature_of(const gate_type *type, gate_signature **signature, gate_error *error);

/* Makes the signature of a call of a variadic function: its parameters, and arguments of count more types, which are
 * promoted as C does (C11 6.5.2.2): the parameters of the result say what the values have to be. A variadic signature
 * itself is that of a call with none. What is declared with "()" takes any, too.
 *
 * types are of the scope that variadic was made from, or of gate_type_basic.
 * Ownership: *signature is the caller's, until gate_signature_free, before or after variadic.
 * Errors: -EINVAL if variadic is not, or a type can't be passed; -ENOTSUP as gate_signature_parse; -ENOMEM. Never blocks.
 * Any thread. */
int gate_signature_extend(const gate_signature *variadic, const gate_type *const types[], size_t count,
                          gate_signature **signature, gate_error *error);

/* Frees a signature that no function, callback or call uses any more. NULL is fine; one that a type points to is fatal.
 * Never blocks. Any thread. */
void gate_signature_free(gate_signature *signature);

/* The result's type, the number of parameters, the type of one, counted from 0 (NULL beyond the last), and whether
 * more arguments may follow ("..."). Types live as long as the signature. Never block. Any thread. */
const gate_type *gate_signature_result(const gate_signature *signature);
size_t gate_signature_count(const gate_signature *signature);
const gate_type *gate_signature_parameter(const gate_signature *signature, size_t index);
bool gate_signature_variadic(const gate_signature *signature);

/* The type of a kind that is complete by itself, or GATE_VOID; NULL for the others. It lives for ever. Never blocks. Any
 * thread. */
const gate_type *gate_type_basic(enum gate_kind kind);

/* Writes the type in C into buffer, cut to size bytes with its ending NUL; returns the length that
 * the whole text has, as snprintf does. A struct, union or enum is written as its tag, or as the typedef that names it,
 * else with its members. In the scope that it comes from, the text reads back to the same type, if typedefs have not made
 * it deeper than text may nest. Never blocks. Any thread. */
size_t gate_type_print(const gate_type *type, char *buffer, size_t size);

/* Finds a field by its name, in a struct or union and the anonymous ones in it. *field is a copy, with the offset in
 * type.
 * Errors: -EINVAL when type is no struct or union that is complete; -ENOENT. Never blocks. Any thread. */
int gate_type_field(const gate_type *type, const char *name, gate_field *field);

/* The constant of an enum, counted from 0, or of a struct or union that has some, by "static const int NAME = 1;" between its
 * members, as in C++; NULL beyond the last. It lives as long as the type. Never blocks. Any
 * thread. */
const gate_decl *gate_type_constant(const gate_type *type, size_t index);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
