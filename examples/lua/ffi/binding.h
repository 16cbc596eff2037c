/* How calls of a function's type are made: read from it once, and used by each call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_FFI_BINDING_H
#define CALLGATE_EXAMPLES_LUA_FFI_BINDING_H

#include "examples/lua/ffi/ffi.h"

/* How an argument gets to its place, or a result from it. */
enum way {
    AS_INT, /* an int, which is extended to a word; this and the next two are what most are */
    AS_DOUBLE,
    AS_TEXT,    /* a pointer that takes strings */
    AS_INTEGER, /* any other integer: extended to a word */
    AS_BOOL,    /* a word, but for one byte 0 */
    AS_IS,      /* written to its place, or read from there */
    AS_VALUE,   /* made elsewhere, and put there in parts */
    AS_NOTHING  /* void */
};

struct step {
    enum way way;
    uint32_t at; /* in the frame */
    struct ctype *type;
};

struct binding {
    gate_signature *signature;
    struct binding *next_variant; /* of a variadic function, for other arguments */
    struct binding *next;         /* of all */
    int count;
    size_t frame_size; /* 0 if there are none */
    bool is_variadic;
    size_t result_places;
    struct step result;
    struct step steps[];
};

/* The binding of a function's type. Raises an error while there is none. */
struct binding *binding_make(lua_State *L, struct ctype *function);
static inline struct binding *binding_of(lua_State *L, struct ctype *function) {
    return function->binding ? function->binding : binding_make(L, function);
}
/* The same, and NULL while there is none: a type that is passed may be declared later. */
struct binding *binding_find(lua_State *L, struct ctype *function);
/* The binding for the arguments from index first to the top, of a variadic function. */
struct binding *binding_find_variant(lua_State *L, struct ffi *ffi, struct binding *variadic, int first);

#endif
