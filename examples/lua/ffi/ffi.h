/* The map of `callgate.ffi`: LuaJIT's ffi for stock Lua.
 *
 * A *ctype* is a type of C as Lua sees it: one for each, so that two that are the same are the same pointer, and with all
 * that a conversion needs. A *cdata* is a userdata: a head, and behind it the value. One that is a reference (an array
 * or struct in another, or what a pointer leads to) has its value elsewhere, and keeps nothing alive by that, as in LuaJIT:
 * the script does.
 *
 * Conversions that may fail return NULL, or why it can't be done as a string that they have pushed: whoever called
 * knows which argument, member or result it was, and raises the error.
 *
 * All that is kept for C lies in userdata that the registry has, and lives as long as the state: types, functions,
 * callbacks. Finalizers come in an order that no script controls, and may use any of it.
 *
 * The same sources serve Lua 5.1 to 5.4; lua-compat53 gives the older ones the functions of 5.3.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_FFI_FFI_H
#define CALLGATE_EXAMPLES_LUA_FFI_FFI_H

#include <stdbool.h>
#include <stdint.h>

#include "callgate.h"
#include "examples/lua/host/compat.h"

struct ctype;
struct ffi;
struct host;

/* What a type is to conversions. */
enum form {
    FORM_VOID,
    FORM_BOOL,
    FORM_INTEGER, /* of 1 to 8 bytes */
    FORM_REAL,
    FORM_COMPLEX,
    FORM_ENUM,
    FORM_POINTER,
    FORM_ARRAY,
    FORM_RECORD,
    FORM_FUNCTION,
    FORM_OPAQUE,   /* 128-bit integers, vectors and the like: they are copied, and passed */
    FORM_CTYPE,    /* a ctype as a value */
    FORM_REFERENCE /* what typeof says of a cdata that is one, and of "int &"; it counts as its target */
};

typedef const char *to_c_function(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to);
typedef void to_lua_function(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from);

/* A member of a record. */
struct field {
    const void *key; /* of its name: ctype_key */
    struct ctype *type;
    size_t offset;
    unsigned bit_offset, bit_width; /* of bit-fields; a width of 0 is none */
    struct field *next;
};

/* A member that was read or written lately of a record, or where a pointer leads, of the kinds that most are. What is in here is
 * found with few loads that wait for each other. */
struct recent {
    const void *key; /* of its name; never NULL */
    uint32_t offset;
    bool is_double; /* else it is an int */
    bool is_fixed;  /* it is const, or what it is in */
};
enum { RECENT = 8 };

struct ctype {
    struct ffi *ffi;
    enum form form;
    unsigned qualifiers; /* const and volatile */
    size_t size;         /* bytes; 0 while it is not complete, and without that of a variable array */
    size_t alignment;
    bool is_complete;
    bool is_variable; /* an array of "?" elements, or a record that ends with one */
    bool is_unsigned;
    bool has_const; /* records: a member is const, or has such a member */
    to_c_function *to_c;
    to_lua_function *to_lua;
    struct ctype *target; /* what a pointer leads to, an array consists of, an enum is; a complex number's parts */
    struct ctype *plain;  /* the same without qualifiers */
    size_t count;         /* of an array's elements; GATE_COUNT_UNKNOWN, GATE_COUNT_VARIABLE */
    const gate_type *type;

    struct recent recent[RECENT]; /* each in the place that its key says */
    struct ctype *pointer;        /* a pointer to this, once it was asked for */
    struct ctype *reference;
    struct ctype *next;   /* in its bucket */
    const void *identity; /* what makes it differ from others, with form, qualifiers, target and count */
    int object;           /* the registry's reference to its cdata, or LUA_NOREF */
    unsigned number;      /* of one without a name */
    /* plain records, complex numbers and vectors */
    int metatable;         /* the registry's reference, or LUA_NOREF */
    struct field **fields; /* by name: field_count slots, a power of two */
    size_t field_count, field_used;
    /* functions */
    struct binding *binding; /* how they are called, once one was */
};

/* A cdata's head. */
struct cdata {
    uintptr_t mark; /* tells it from the userdata of others: its address, and the state's secret */
    struct ctype *type;
    void *address; /* of the value: behind the head, or elsewhere */
    size_t size;   /* bytes behind the head; REFERENCE if the value is elsewhere */
};
#define REFERENCE SIZE_MAX

enum { FREED = 256 };

/* One for a Lua state. Each function of this module has it as its first upvalue. */
struct ffi {
    struct host *host;
    uintptr_t secret;
    gate_decls *decls;     /* NULL once the state has closed */
    int metatable_refs[2]; /* the registry's references: of cdata, and of those with a finalizer */
    int texts;             /* to a table: ctypes by their text */
    int finalizers;        /* to a table: by the address of their cdata */
    int functions;         /* to a table: function.c's */
    int closures;          /* to a table: by the address that C has */
    int passed;            /* to a table: by function, those that were made of functions that were passed, by type */
    int error_number;      /* errno, as the last call left it */
    struct ctype *basic[GATE_POINTER];
    struct ctype *ctype, *void_pointer, *text, *const_pointer;
    struct ctype **buckets;
    size_t bucket_count, type_count;
    unsigned numbers;
    struct binding *bindings; /* what is freed when the state has closed */
    struct bound *all_bound;
    struct closure *all_closures;
    struct closure *freed[FREED]; /* the last ones: C that calls them meets an error */
    unsigned freed_next;
    struct future *oldest, *newest; /* of the calls that nobody knows to have ended */
    struct library *libraries;
    gate_library *process;
};

static inline struct ffi *ffi_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* What other rooms need: `bit` takes and gives 64-bit integers. */

/* The state's ffi, which `callgate.ffi` is loaded for if need be; it lives as long as the state. Pushes nothing. */
struct ffi *ffi_get(lua_State *L);
/* Returns the cdata at index, or NULL. A function of C is one, although Lua has it as a function. */
static inline struct cdata *cdata_test(lua_State *L, const struct ffi *ffi, int index);
/* Whether the value at index is a number, or a cdata of a number or an enum; *bits is then its 64 bits, converted as to
 * int64_t, and *is_unsigned whether it was an uint64_t, *is_boxed whether it was a cdata of 64 bits. */
bool cdata_to_int64(lua_State *L, struct ffi *ffi, int index, uint64_t *bits, bool *is_unsigned, bool *is_boxed);
/* Pushes a boxed int64_t or uint64_t. */
void cdata_push_int64(lua_State *L, struct ffi *ffi, uint64_t bits, bool is_unsigned);

struct cdata *function_cdata(lua_State *L, const struct ffi *ffi, int index);

static inline struct cdata *cdata_test(lua_State *L, const struct ffi *ffi, int index) {
    struct cdata *cd = lua_touserdata(L, index);
    if (!cd)
        return function_cdata(L, ffi, index);
    bool is_one = lua_rawlen(L, index) >= sizeof *cd && cd->mark == ((uintptr_t)cd ^ ffi->secret);
    return is_one ? cd : NULL;
}

/* ctype.c: types */

void ctype_open(lua_State *L, struct ffi *ffi);
/* The ctype of a type of the scope, or of gate_type_basic. */
struct ctype *ctype_of(lua_State *L, struct ffi *ffi, const gate_type *type);
struct ctype *ctype_pointer(lua_State *L, struct ffi *ffi, struct ctype *target);
struct ctype *ctype_reference(lua_State *L, struct ffi *ffi, struct ctype *target);
/* The type for the bridge. One that no text has named is made. */
const gate_type *ctype_gate_type(lua_State *L, struct ffi *ffi, struct ctype *type);
/* Looks again whether a record or an enum has been defined: an enum has its size before, but not its sign. */
bool ctype_complete(struct ctype *type);
/* Whether an array or a record has a const element or member, at any depth. */
bool ctype_has_const(struct ctype *type);
/* The bytes of one with count variable elements; false if that is too large, or not known at all. */
bool ctype_variable_size(lua_State *L, struct ffi *ffi, struct ctype *type, lua_Integer count, size_t *size);
/* A member, also of anonymous ones, by its name, the string at index; NULL if there is none. It lives as long as the state, or
 * is put into room. */
const struct field *ctype_field(lua_State *L, struct ctype *record, int index, struct field *room);
/* Where Lua has the string at index; NULL for what is none, or something that no string is. Lua has a short string
 * once, so that one which is kept is found again by that. */
static inline const void *ctype_key(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 504
    return lua_topointer(L, index);
#else
    return lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : NULL;
#endif
}
/* The same member, if it was found by that key before; NULL also for what is no record. */
static inline const struct field *ctype_known_field(const struct ctype *record, const void *key) {
    const struct ctype *plain = record->plain;
    const struct field *f = plain->fields ? plain->fields[((uintptr_t)key >> 4) & (plain->field_count - 1)] : NULL;
    while (f && f->key != key)
        f = f->next;
    return f;
}
static inline struct recent *ctype_recent(struct ctype *type, const void *key) {
    return &type->recent[((uintptr_t)key >> 5) % RECENT];
}
/* The width of a bit-field; 0 for what is like other members. */
unsigned ctype_bit_width(const gate_field *field);
/* A constant of an enum by its name. */
bool ctype_constant(const struct ctype *type, const char *name, uint64_t *value);
/* Whether it is an array that does not say how long it is. */
static inline bool ctype_is_open(const struct ctype *type) {
    return type->form == FORM_ARRAY && !type->is_complete;
}
static inline bool ctype_is_vector(const struct ctype *type) {
    return type->form == FORM_OPAQUE && type->target;
}
/* Whether a value of that type can't be assigned to. */
static inline bool ctype_is_fixed(struct ctype *type) {
    return type->qualifiers & GATE_CONST ||
           ((type->form == FORM_ARRAY || type->form == FORM_RECORD) && ctype_has_const(type));
}
/* Memory that lives as long as the state, zeroed. */
void *ffi_keep(lua_State *L, size_t size);
/* Has the collector free some of it before that. */
void ffi_forget(lua_State *L, const void *kept);
static inline bool ctype_is_const(const struct ctype *type) {
    return type->qualifiers & GATE_CONST;
}

/* name.c: types in words */

/* Pushes the type as LuaJIT writes it, with a "&" behind it for references. */
const char *name_push(lua_State *L, struct ffi *ffi, const struct ctype *type, bool is_reference);
/* Pushes the type of a value for messages: LuaJIT's name of a cdata's type, or Lua's. */
const char *name_push_value(lua_State *L, struct ffi *ffi, int index);

/* text.c: declarations and types by their text */

/* Raises an error for what is no type. */
struct ctype *text_read(lua_State *L, struct ffi *ffi, const char *text);
/* The ctype that the value at index names: a text, a ctype, or a cdata, which has one. Raises an error for others. */
struct ctype *text_check_type(lua_State *L, struct ffi *ffi, int index);
/* The same, but that a reference stays one. A text's "$" stand for the values from index first to the top. */
struct ctype *text_check_parameterized(lua_State *L, struct ffi *ffi, int index, int first);
int text_cdef(lua_State *L);
int text_declare(lua_State *L);

/* cdata.c: values */

/* Pushes a cdata of its own memory, zeroed. */
struct cdata *cdata_new(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size);
struct cdata *cdata_push_copy(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from);
struct cdata *cdata_push_reference(lua_State *L, struct ffi *ffi, struct ctype *type, void *address);
void cdata_push_pointer(lua_State *L, struct ffi *ffi, struct ctype *pointer, const void *address);
void cdata_push_ctype(lua_State *L, struct ffi *ffi, struct ctype *type);
/* The ctype that a cdata of form FORM_CTYPE is. */
static inline struct ctype *cdata_ctype(const struct cdata *cd) {
    struct ctype *type = *(struct ctype **)cd->address;
    return type->form == FORM_REFERENCE ? type->target : type;
}
struct cdata *cdata_check(lua_State *L, const struct ffi *ffi, int index);
/* Gives a cdata the finalizer at index, or takes it away for nil. */
void cdata_set_finalizer(lua_State *L, struct ffi *ffi, int cdata, int finalizer);
int cdata_gc(lua_State *L);

/* convert.c: between Lua's values and C's */

void convert_choose(struct ctype *type); /* fills in to_c and to_lua */
/* The 64 bits of the value at index as an integer of that type, and extended by its sign. */
const char *convert_integer(lua_State *L, struct ffi *ffi, int index, struct ctype *type, int64_t *value);
/* An argument that is to be an integer; raises an error for what is none. */
int64_t convert_check_integer(lua_State *L, struct ffi *ffi, int index);
/* As ffi.cast does it: pointers and integers into each other, and whatever converts. */
const char *convert_cast(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to);
/* A C value as one of another type. */
const char *convert_value(lua_State *L, struct ffi *ffi, struct ctype *to_type, void *to, struct ctype *from_type,
                          const void *from, bool is_cast);
const char *convert_refuse(lua_State *L, struct ffi *ffi, int index, struct ctype *type);
void convert_push_field(lua_State *L, struct ffi *ffi, const struct field *field, const char *record);
const char *convert_set_field(lua_State *L, struct ffi *ffi, int index, const struct field *field, char *record);
/* Pushes an integer as a number, if it has at most 4 bytes or Lua has integers; for ffi.tonumber and constants. */
void convert_push_number(lua_State *L, int64_t value, bool is_unsigned);

/* memory.c: values in C's memory */

/* Stores the low bytes, and reads them, extended by the type's sign. */
void memory_store(const struct ctype *type, void *to, int64_t value);
int64_t memory_load(const struct ctype *type, const void *from);
int64_t memory_narrow(const struct ctype *type, int64_t value);
double memory_load_real(const struct ctype *type, const void *from);
void memory_store_real(const struct ctype *type, void *to, double value);
int64_t memory_from_double(const struct ctype *type, double value);
/* Whether a pointer to from may be taken for one to to. */
enum compatible { COMPATIBLE_TO, COMPATIBLE_BUT_FOR_QUALIFIERS, COMPATIBLE_SAME };
bool memory_is_compatible(const struct ctype *to, const struct ctype *from, enum compatible how);
void memory_store_address(void *to, const void *address);
/* Stores a value as one of another type; false if they don't convert. */
bool memory_convert(struct ctype *to_type, void *to, struct ctype *from_type, const void *from, bool is_cast);

/* init.c: initialisers */

/* Initialises size bytes at to, zeroed, by the values from index first to the top. */
const char *init_value(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size, void *to, int first);
/* An aggregate by a table, a string or a cdata. An array that does not say how long it is takes what is given, as in C. */
const char *init_array(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to);
/* The same for one of those that has room bytes. What is behind what is given stays as it is. */
const char *init_open_array(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to, size_t room);
const char *init_vector(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to);
const char *init_record(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to);

/* index.c: members and elements */

int index_get(lua_State *L);
int index_set(lua_State *L);

/* arith.c: arithmetic and comparison */

void arith_open(lua_State *L, struct ffi *ffi, int metatable);
/* Calls the metamethod of either operand (1 and 2), else raises LuaJIT's error. */
int arith_meta(lua_State *L, struct ffi *ffi, const char *event);

/* meta.c: metamethods */

/* Pushes a metamethod that ffi.metatype gave the type of cd, or what it points to; false if there is none. */
bool meta_push(lua_State *L, struct ffi *ffi, const struct ctype *type, const char *event);
int meta_type(lua_State *L);
void meta_open(lua_State *L, struct ffi *ffi, int metatable);

/* binding.c: how functions are called; binding.h has the rest */

/* The signature of calls by that type; it lives until the state closes. */
const gate_signature *binding_signature(lua_State *L, struct ctype *function);

/* function.c: functions of C as Lua's */

enum { AT_ONCE_MAX = 2 };

/* What a cdata of a function holds. */
struct bound {
    void *address; /* first: it is the cdata's value */
    struct ffi *ffi;
    struct ctype *type;
    gate_function function;
    struct binding *binding; /* once it was called: that, and a frame, which serves one call at a time; */
    gate_frame *frame;       /* NULL meanwhile, and for what has none */
    uint32_t result_at;      /* where in the frame its result is */
    gate_relay *relay;
    bool is_lenient;    /* it takes numbers as Lua's own functions do */
    struct bound *next; /* of all */
    char name[];
};

/* Pushes a function of Lua's for what function says, but for its signature, which type is for. */
void function_push(lua_State *L, struct ffi *ffi, struct ctype *type, const gate_function *function);
/* The function at index 1, or what the pointer there leads to; raises an error for others. */
struct ctype *function_check(lua_State *L, struct ffi *ffi, gate_function *function);
/* ffi.leaf, ffi.blocking, ffi.guard, ffi.lenient */
int function_leaf(lua_State *L);
int function_blocking(lua_State *L);
int function_guard(lua_State *L);
int function_lenient(lua_State *L);

/* call.c: calls */

/* Calls what bound says, with the arguments on the stack, as a function of Lua's does. */
typedef int call_function(lua_State *L, struct bound *bound);
/* What does so for that one. */
call_function *call_way(lua_State *L, const struct bound *bound);
/* Calls what the cdata at index 1 points to, with the arguments from index 2 to the top. */
int call_pointer(lua_State *L, const struct cdata *cd);
/* ffi.errno */
int call_errno(lua_State *L);
/* Raises why a call of class guarded did not come back by itself: trap is the fault, NULL if it was none. */
int call_raise(lua_State *L, const char *name, int status, const gate_trap *trap);

/* For a call by values of the function at index 1: converts the arguments from index 2 to the top, pushes what they lie in, and
 * fills function in. */
void **call_values(lua_State *L, struct ffi *ffi, gate_function *function);

/* async.c: calls that nobody waits for */

int async_start(lua_State *L);
void async_open(lua_State *L);

/* closure.c: functions of Lua's that C calls */

/* Makes one of the function at index, as a pointer of that type, and stores it. It lives until it is freed. */
const char *closure_make(lua_State *L, struct ffi *ffi, int index, struct ctype *pointer, bool is_cast, void *to);
/* ffi.callback */
int closure_new(lua_State *L);
/* Pushes the method of a function pointer: free or set. */
int closure_method(lua_State *L, struct ffi *ffi, const char *name);
/* Frees the callback that the value at index 1 is, if it is one and has not been freed. */
void closure_close(lua_State *L, struct ffi *ffi);
/* Frees what was made of signatures, functions, callbacks and libraries, when the state has closed. */
void closure_stop(struct ffi *ffi);
void binding_stop(struct ffi *ffi);
void function_stop(struct ffi *ffi);
void clib_stop(struct ffi *ffi);

/* clib.c: libraries */

/* ffi.load(name, global) */
int clib_load(lua_State *L);
/* Pushes ffi.C. */
void clib_open(lua_State *L, struct ffi *ffi);

/* ffi.c */

/* ffi.new(type, [count,] ...), and the call of a ctype */
int ffi_new(lua_State *L);

#endif
