/* The bridge's own map: what each of its files offers the others.
 *
 * Data goes one way: decl.c reads text into the types of type.c; ffi.c prepares them; call.c and
 * callback.c use what was prepared. Only ffi.c knows libffi; only thunk.c makes code.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_INTERNAL_H
#define CALLGATE_BRIDGE_INTERNAL_H

#include <stdbool.h>
#include <string.h>

#include "bridge.h"
#include "handle.h"
#include "runtime/internal.h"

struct gate__ffi_closure;

enum { GATE__PARAMETERS_MAX = 127 }; /* what C11 5.2.4.1 asks of a compiler */

/* A signature owns everything its types point to: one list of allocations, freed with it.
 * Types that need nothing of their own (int, void, char) are shared constants. */
struct gate_signature {
    const gate_type *result;
    const gate_type **parameters; /* count of them */
    size_t count;
    void *prepared;                 /* ffi.c's; NULL in the signature of a pointer's target */
    struct gate__plan *plan;        /* plan.c's; NULL where libffi makes the calls */
    struct gate__allocation *owned; /* type.c's; everything above but the shared constants */
};

/* type.c */

/* The shared constant for a kind that is complete by itself; NULL for the others. [any] */
const gate_type *gate__type_basic(enum gate_kind kind);
/* Zeroed memory that the signature owns; NULL when there is none. [any] */
void *gate__type_allocate(gate_signature *owner, size_t size);
/* Frees all that the signature owns. [any] */
void gate__type_free_owned(gate_signature *owner);

/* decl.c */

/* Reads text into *signature, which is zeroed and owns what it gets, even on error. [any] */
int gate__decl_parse(const char *text, gate_signature *signature, gate_error *error);

/* ffi.c */

/* Prepares the signature for calls and callbacks. [any] */
int gate__ffi_prepare(gate_signature *signature, gate_error *error);
/* Calls address; result takes exactly the result type's bytes, or is NULL. [system stack] */
void gate__ffi_call(const gate_signature *signature, void (*address)(void), void *result, void *const arguments[]);

/* What a callback's code calls, on the thread and stack that C called it on; result is zeroed room for
 * the result's type. */
typedef void (*gate__ffi_target)(void *data, void *result, void *const arguments[]);

/* Makes a function of signature that calls target with data; it stays readable until it is freed.
 * -ENOMEM. [any] */
int gate__ffi_closure_make(const gate_signature *signature, gate__ffi_target target, void *data,
                           struct gate__ffi_closure **closure, gate_error *error);
void (*gate__ffi_closure_address(const struct gate__ffi_closure *closure))(void);
void gate__ffi_closure_free(struct gate__ffi_closure *closure);

/* thunk.c */

/* Makes a function that goes to the address in record's first word, with record in the register of the
 * static chain. Negative errno. [any] */
int gate__thunk_make(void *record, void (**address)(void));
/* A call of it is fatal from now on, until it is made again. [any] */
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

/* call.c */

/* A call in progress, on the stack of the code that makes it; its task points to the innermost. library.c has the system
 * read the first two. */
struct gate__call {
    const gate_function *function;
    struct gate__call *outer; /* the call below whose callback this one is made, or NULL */
    void *result;
    void *const *arguments;
    int error_number; /* what errno was on the return */
    int status;       /* of the first callback handler below this call that failed */
};

/* Calls the function, on the stack that it is to have. data is a struct gate__call. [system stack] */
void gate__call_run(void *data);

/* plan.c: calls in registers, without libffi */

/* How a value becomes a cell of a frame: by its size, and whether it has a sign to extend. */
enum gate__load {
    GATE__LOAD_NONE, /* it takes more than a cell */
    GATE__LOAD_64,
    GATE__LOAD_S32,
    GATE__LOAD_U32,
    GATE__LOAD_S16,
    GATE__LOAD_U16,
    GATE__LOAD_S8,
    GATE__LOAD_U8
};

/* One argument: how it is loaded, and the cell that it goes to. */
struct gate__step {
    uint8_t load;
    uint8_t cell;
};

struct gate__plan {
    enum gate__shape shape;
    uint32_t stack_count; /* cells for the stack */
    uint32_t result_size; /* bytes */
    uint32_t count;       /* of steps */
    struct gate__step steps[];
};

/* Finds the signature's plan, if it has one. -ENOMEM. [any] */
int gate__plan_make(gate_signature *signature, gate_error *error);
/* The next function for the kinds that are less common. */
uint64_t gate__plan_load_narrow(enum gate__load load, const void *value);

/* The cell that a value makes. [any] */
static inline uint64_t gate__plan_load(struct gate__step step, const void *value) {
    int32_t small;
    uint64_t word;
    if (__builtin_expect(step.load == GATE__LOAD_S32, 1)) {
        memcpy(&small, value, sizeof small);
        return (uint64_t)(int64_t)small;
    }
    if (__builtin_expect(step.load != GATE__LOAD_64, 0))
        return gate__plan_load_narrow((enum gate__load)step.load, value);
    memcpy(&word, value, sizeof word);
    return word;
}

/* Fills the cells of a call of function, and makes its frame of them. [any] */
static inline struct gate__frame gate__plan_fill(const struct gate__plan *plan, const gate_function *function,
                                                 void *const arguments[], uint64_t cells[GATE__CELLS]) {
    bool keeps_slot = function->call_class == GATE_CALL_LEAF;
    for (uint32_t i = 0; i < plan->count; i++)
        cells[plan->steps[i].cell] = gate__plan_load(plan->steps[i], arguments[i]);
    return (struct gate__frame){function->address, cells, plan->stack_count, plan->shape, keeps_slot};
}

/* Stores what a call returned as the result's type, unless result is NULL. [any] */
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

/* trace.c */

/* Whether a setting for debugging asks for what follows. [any] */
static inline bool gate__trace_is_on(void) {
    return gate__settings.calltrace | gate__settings.leaf;
}
/* gate__call_run, measured and reported. [system stack] */
void gate__trace_run(void *data);

#endif
