/* The bridge: calling C functions whose types are known only at run time, and being called by them.
 *
 * Functions return 0 or a negative errno unless they say otherwise. A gate_error, where one is
 * taken, may be NULL; its message says what was wrong, where, and what was expected. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_BRIDGE_H
#define CALLGATE_BRIDGE_BRIDGE_H

#include "../runtime/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The types of C that fit a register or a pair, as the C standard names them. */
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
    GATE_FLOAT,
    GATE_DOUBLE,
    GATE_LDOUBLE,
    GATE_FLOAT_COMPLEX,
    GATE_DOUBLE_COMPLEX,
    GATE_LDOUBLE_COMPLEX,
    GATE_POINTER,
    GATE_FUNCTION, /* only as a pointer's target, as the next */
    GATE_ARRAY,
    GATE_STRUCT, /* these three only as a pointer's target, and incomplete */
    GATE_UNION,
    GATE_ENUM, /* also by value, as an unsigned int */
    GATE_KINDS /* how many there are */
};

enum gate_qualifier { GATE_CONST = 1, GATE_VOLATILE = 2, GATE_RESTRICT = 4 };

typedef struct gate_signature gate_signature;
typedef struct gate_type gate_type;

/* A type as a signature holds it; it lives as long as the signature. */
struct gate_type {
    enum gate_kind kind;
    unsigned qualifiers;            /* of enum gate_qualifier */
    size_t size;                    /* bytes; 0 for void, functions, and types and arrays of unknown size */
    size_t alignment;               /* bytes; 0 likewise */
    const gate_type *target;        /* GATE_POINTER: what it points to; GATE_ARRAY: its elements */
    const gate_signature *function; /* GATE_FUNCTION: its signature */
    const char *tag;                /* GATE_STRUCT, GATE_UNION, GATE_ENUM: its tag */
};

/* Reads the type of a C function: a declarator without a name, as in "int (const char *, size_t)",
 * or a prototype with names, as in "int puts(const char *string);". Known are the scalar types of
 * C, the names of <stddef.h>, <stdint.h> and <sys/types.h>, pointers of any depth, to functions
 * and to struct, union and enum tags too, and array parameters, which are pointers. The result is
 * prepared for calls.
 *
 * Ownership: *signature is the caller's, until gate_signature_free.
 * Errors: -EINVAL for text that is no function type, with the offset in bytes, what stands there and
 * what was expected; -ENOTSUP for what C has and this does not pass yet (variadic functions, structs
 * by value); -ENOMEM. Never blocks. Any thread. */
int gate_signature_parse(const char *text, gate_signature **signature, gate_error *error);

/* Frees a signature that no function, callback or call uses any more. NULL is fine. */
void gate_signature_free(gate_signature *signature);

/* The result's type, the number of parameters, and the type of one, counted from 0 (NULL beyond the
 * last). They live as long as the signature. Never block. Any thread. */
const gate_type *gate_signature_result(const gate_signature *signature);
size_t gate_signature_count(const gate_signature *signature);
const gate_type *gate_signature_parameter(const gate_signature *signature, size_t index);

/* Writes the type in C into buffer, cut to size bytes with its ending NUL; returns the length that
 * the whole text has, as snprintf does. Never blocks. Any thread. */
size_t gate_type_print(const gate_type *type, char *buffer, size_t size);

/* What a host knows of a function, and what becomes of the calling task's slot for that. */
enum gate_call_class {
    GATE_CALL_DEFAULT,  /* nothing: it is kept, and taken away if the call lasts while other tasks wait */
    GATE_CALL_LEAF,     /* it takes microseconds and does not call back: the slot is kept for sure. A callback is fatal;
                          GATE_DEBUG=leaf=N reports calls of more than N microseconds */
    GATE_CALL_BLOCKING, /* it is likely to block: the slot is given up before the call */
    GATE_CALL_GUARDED   /* it may fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL, or an overflow of the system stack), and that
                           is to be an error, -EFAULT; else as the default. C's frames are dropped, without unwinding:
                           locks that it held stay held, what it allocated leaks, what it was changing is half changed.
                           To be asked for by a host whose users had better be told than die; it costs a system call */
};

/* A C function that a host may call: filled in by the host, which owns it and what it points to. */
typedef struct gate_function {
    const gate_signature *signature;
    void (*address)(void);
    const char *name; /* where gate_runtime_list says that the task is, NULL is "a function": text that lives as long as
                         whoever lists tasks may look at it */
    enum gate_call_class call_class;
} gate_function;

/* Calls a C function on the system stack.
 *
 * arguments[i] points to the value of parameter i, of its exact type; result to room for the
 * result's type, and may be NULL. Neither is kept. The function starts with errno 0; what it leaves
 * there is gate_errno.
 *
 * The task gives no slot up for a short call; one that lasts loses the slot to tasks that are ready,
 * and waits for another when it returns: pointers that host code may free or move in between are the
 * host's to keep alive.
 *
 * Returns 0; or the positive status with which a callback handler failed below this call: the result
 * is then not to be used. In class guarded: -EFAULT when a fault has ended the function, whatever its callbacks'
 * handlers returned, and gate_trap_last says more; -ENOMEM, without the call, when there is no room for that;
 * -ENOTSUP, without the call, on a thread that no runtime knows (gate_m_acquire makes it known). Guards hold as
 * long as nobody blocks these signals, or installs other handlers that don't pass on what is not theirs. A fault in a callback's
 * handler, in a call that it makes unguarded, or on a thread that C made, is not caught by the guard of the call above.
 * Blocks as long as the function does. Fatal when the function ends its thread (pthread_exit, a cancellation) instead
 * of returning.
 * Threads: any. Without a runtime it is a plain call. */
int gate_call(const gate_function *function, void *result, void *const arguments[]);

/* What errno was when the calling task's last gate_call returned; outside a task, the calling
 * thread's. Never blocks. Any thread. */
int gate_errno(void);

typedef struct gate_callback gate_callback;

/* What a callback does. It runs as interpreter code of the callback's runtime, with a slot held: on the
 * stack of the task that is in the call, or, on a thread that is in no call of that runtime, as the
 * thread's root task there. In the latter case a call of another runtime that led here, if there is
 * one, gives its slot up, as one of class blocking.
 * arguments[i] points to parameter i; result to room for the result, zeroed. It must return, not
 * jump.
 *
 * Returns 0; or a positive status of the host's choosing, which the gate_call of this runtime that led
 * here returns; without one it goes to the hook callback_failed.
 * C then gets a zero result, and further callbacks below the same call return zero without running
 * the handler. */
typedef int (*gate_handler)(void *host, void *result, void *const arguments[]);

/* Makes a C function pointer of that signature that calls handler.
 *
 * host is passed to the handler. Ownership: *callback is the caller's until gate_callback_free;
 * signature must live as long. A thread that runtime does not know is adopted into it, and dropped when
 * it ends, even if it is another runtime's.
 * Errors: -EINVAL without a handler; -ENOMEM. Never blocks. Any thread. */
int gate_callback_make(gate_runtime *runtime, const gate_signature *signature, gate_handler handler, void *host,
                       gate_callback **callback, gate_error *error);

/* The function pointer to give to C. It may be called from any thread, until the callback is freed;
 * called after its runtime was stopped it is fatal. */
void (*gate_callback_address(const gate_callback *callback))(void);

/* Frees a callback. Errors: -EBUSY while it runs, and nothing is freed; a fork while another thread runs it leaves it so
 * in the child. NULL is fine.
 * Never blocks. Any thread. */
int gate_callback_free(gate_callback *callback);

typedef struct gate_library gate_library;

/* Opens a shared library by the loader's search: "libz.so.1", a path with a slash, or a short name,
 * where "z" stands for "libz.so". NULL is the process itself, with all it has loaded.
 *
 * Its constructors run on the system stack, as a foreign call. Ownership: *library is the
 * caller's until gate_library_close. One that is open already is the same, to be closed once for each open.
 * Errors: -ENOENT, and the message names the library and gives the loader's words; -ENOMEM.
 * Blocks while the loader reads. Any thread. */
int gate_library_open(const char *name, gate_library **library, gate_error *error);

/* Finds the address of a function or a variable. "name@VERSION" is the one of that version, else it is the
 * default one.
 *
 * Errors: -ENOENT, and the message names symbol and library; -ENOMEM for one with a version. Any thread. */
int gate_library_symbol(gate_library *library, const char *name, void **address, gate_error *error);

/* The same for a variable that is to be used as one of size bytes; 0 if that is not known. Its type is the caller's to know.
 *
 * Errors: besides, -EINVAL for a function, or when the variable has fewer bytes; -ENOTSUP when it is thread-local. Any
 * thread. */
int gate_library_variable(gate_library *library, const char *name, size_t size, void **address, gate_error *error);

/* One use of a library: it lies in whatever the host has for a function or a callback, and stays where it is until it is
 * released. Only the library reads and writes it. */
typedef struct gate_library_use {
    const char *what;
    gate_library *library;
    struct gate_library_use *next, **link;
} gate_library_use;

/* Keeps library open until the matching gate_library_release: for each function of it that the host may still call, each
 * callback that it may still call, each variable.
 *
 * what is shown when a close is refused: text that lives as long as use; NULL is "a function". Ownership: use is the
 * host's, and need not be set before. Cannot fail. Never blocks. Any thread. */
void gate_library_hold(gate_library *library, const char *what, gate_library_use *use);

/* Ends a use. Fatal when it has been released. Never blocks. Any thread. */
void gate_library_release(gate_library_use *use);

/* Closes a library; its symbols are not to be used any more. NULL is fine. Its destructors run as a foreign call.
 *
 * Errors: -EBUSY for the last close while something needs the library, and nothing changes: while it is held, and while a
 * task is in a call of one of its functions, or has one waiting below a callback. The message says how many, and names the
 * first. Calls on threads that no runtime knows are not seen, nor one that begins at the same time: a host that holds a
 * library for each function has neither to fear.
 * Blocks while the loader unloads. Any thread. */
int gate_library_close(gate_library *library, gate_error *error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
