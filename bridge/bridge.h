/* The bridge: calling C functions whose types are known only at run time, and being called by them.
 *
 * Functions return 0 or a negative errno unless they say otherwise. A gate_error, where one is
 * taken, may be NULL; its message says what was wrong, where, and what was expected. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_BRIDGE_H
#define CALLGATE_BRIDGE_BRIDGE_H

#include "../runtime/runtime.h"
#include "decls.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

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
    void *host; /* the host's own, which it may change between calls: gate_call_host */
} gate_function;

/* Calls a C function on the system stack.
 *
 * arguments[i] points to the value of parameter i, of its exact type; result to room for the
 * result's type, and may be NULL. Neither is kept. The function starts with errno 0, or what a frame says (below); what it
 * leaves there is gate_errno.
 *
 * The task gives no slot up for a short call; one that lasts loses the slot to tasks that are ready,
 * and waits for another when it returns: pointers that host code may free or move in between are the
 * host's to keep alive.
 *
 * Returns 0; or the positive status with which a callback handler failed below this call: the result
 * is then not to be used. In class guarded: -EFAULT when a fault has ended the function, whatever its callbacks'
 * handlers returned, and gate_trap_last says more; -ENOMEM, without the call, when there is no room for that;
 * -ENOTSUP, without the call, on a thread that no runtime knows (gate_m_acquire makes it known). For a host that has its
 * pointers checked: -EPERM, check.h. Guards hold as
 * long as nobody blocks these signals, or installs other handlers that don't pass on what is not theirs. A fault in a callback's
 * handler, in a call that it makes unguarded, or on a thread that C made, is not caught by the guard of the call above.
 * Blocks as long as the function does. Fatal when the function ends its thread (pthread_exit, a cancellation) instead
 * of returning.
 * Threads: any. Without a runtime it is a plain call. */
int gate_call(const gate_function *function, void *result, void *const arguments[]);

/* The host pointer of the function that the calling task's innermost call is of: in a callback's handler, of the call
 * that led there. NULL outside a call, and on a thread that runs no task. Never blocks. Any thread. */
void *gate_call_host(void);

/* What errno was when the calling task's last gate_call returned; outside a task, the calling
 * thread's. Never blocks. Any thread. */
int gate_errno(void);

/* A frame holds a call's arguments, each where C is to find it, and then the result. A host that has values of its own
 * writes each of them straight to its place, where gate_call would have it make a C value first, and copy that. */
typedef struct gate_frame gate_frame;
struct gate_frame {
    const gate_function *function; /* these are gate_frame_init's, but for error_number */
    void *outer;
    int error_number; /* errno that the function starts with, and then what it leaves there */
    int status;
    int (*enter)(gate_frame *frame);
    void (*address)(void);
    void *result;      /* room for a result that has no place: the host's */
    uint64_t cells[2]; /* as many as gate_frame_size says */
};

/* Where a value is in a frame, or a part of it. */
struct gate_place {
    uint32_t at;     /* bytes, from the frame's begin: a multiple of 8 */
    uint32_t offset; /* bytes, from the value's begin to the part's */
    uint32_t size;   /* bytes, of the part */
};

#define GATE_RESULT SIZE_MAX

/* How large a frame for calls of that signature is, in bytes; it lies at an address that 16 divides, and best at one
 * that 64 divides. There is one for every signature, and 0 is with MemorySanitizer alone, which is not to miss what they hold;
 * then there is gate_call. Never blocks. Any thread. */
size_t gate_frame_size(const gate_signature *signature);

/* Prepares a frame for calls of a function, as many as the host likes, with no argument in it yet and error_number 0. The
 * frame is the host's, of gate_frame_size; the function lives as long, and what is in it isn't changed.
 * Errors: -ENOTSUP where there are no frames. Never blocks. Any thread. */
int gate_frame_init(gate_frame *frame, const gate_function *function);

/* Where argument index goes, counted from 0, or where the result is found (GATE_RESULT): one place, or two, each for its
 * part, or none, for an empty struct, void, and a result that is stored at frame->result. An integer argument is written
 * as a whole of 8 bytes, extended by its sign; all else as it is. Returns how many.
 * Never blocks. Any thread. */
size_t gate_frame_places(const gate_signature *signature, size_t index, struct gate_place places[2]);

/* Write a C value to argument index's place, and read the result from its. Never block. Any thread. */
void gate_frame_put(const gate_signature *signature, gate_frame *frame, size_t index, const void *value);
void gate_frame_get(const gate_signature *signature, const gate_frame *frame, void *result);

/* gate_call by frame: the arguments are in it, and the result comes there, or to frame->result; so does errno, and
 * gate_errno tells nothing of it. The frame is the call's until it returns; the arguments in it are not there any more
 * then, and error_number is what the function left.
 *
 * Returns, blocks, ends and threads as gate_call; -EINVAL, without the call, where frame->result is needed and NULL. */
static inline int gate_call_frame(gate_frame *frame) {
    return frame->enter(frame);
}

typedef struct gate_callback gate_callback;

/* What a callback does. It runs as interpreter code of the callback's runtime, with a slot held: on the
 * stack of the task that is in the call, which stays on its thread as long; or, on a thread that is in no call of that
 * runtime, as the thread's root task there. In the latter case a call of another runtime that led here, if there is
 * one, gives its slot up, as one of class blocking.
 * arguments[i] points to parameter i; result to room for the result, zeroed. It must return, not
 * jump.
 *
 * Returns 0; or a positive status of the host's choosing, which the gate_call of this runtime that led
 * here returns; without one it goes to the hook callback_failed. A negative one is fatal.
 * C then gets the callback's refusal, as it does of further callbacks below the same call, whose handlers
 * do not run. */
typedef int (*gate_handler)(void *host, void *result, void *const arguments[]);

/* Or a function of the signature's own type is called, which finds the arguments where C has put them, and whose result C
 * gets: a direct handler, for who knows the type when he is compiled. All else is as above; what it asks for its host
 * pointer is gate_callback_host, and it fails by gate_callback_fail. */
typedef void (*gate_direct_handler)(void);

/* What happens to a thread that calls back, in no call of the callback's runtime, while all slots are taken. */
enum gate_callback_busy {
    GATE_BUSY_WAITS, /* it waits for a slot */
    GATE_BUSY_REFUSES /* it waits for as long as patience says, which may be not at all; then C gets the default result, and
                         the handler is not called */
};

struct gate_callback_config {
    const gate_signature *signature; /* lives as long as the callback */
    gate_handler handler;
    void *host;          /* passed to the handler */
    const char *name;    /* for messages: where it was made, say; copied, and cut to 55 bytes. NULL is "a callback" */
    const void *refusal; /* the result where the handler has failed, or is not called: copied. NULL is zero */
    enum gate_callback_busy busy;
    uint64_t patience;          /* nanoseconds */
    gate_direct_handler direct; /* in place of handler */
};

/* Makes a C function pointer that calls a handler.
 *
 * Ownership: config is the caller's; *callback is, too, until gate_callback_free. A thread that runtime does not know is
 * adopted into it, and dropped when it ends, even if it is another runtime's.
 * Errors: -EINVAL without a runtime, a signature or one handler; -ENOMEM; -ENOTSUP for a signature that can't be called back
 * by: under MemorySanitizer, libffi makes callbacks, which has no 128-bit integers and no vectors. Never blocks. Any
 * thread. */
int gate_callback_make(gate_runtime *runtime, const struct gate_callback_config *config, gate_callback **callback,
                       gate_error *error);

/* Sets what C finds in errno when the handler that runs in the calling task has returned; without it, what was there
 * when C called. Fatal outside a handler. Never blocks. Tasks. */
void gate_callback_set_errno(int error_number);

/* The host pointer of the callback whose handler runs in the calling task, the innermost one. Fatal outside a handler. Never
 * blocks. Tasks. */
void *gate_callback_host(void);

/* The direct handler that runs in the calling task fails with this status, which is positive, as others do by returning one;
 * but C gets what it returns. Fatal outside a direct handler. Never blocks. Tasks. */
void gate_callback_fail(int status);

/* The function pointer to give to C. It may be called from any thread, until the callback is freed: a call then is fatal,
 * and names the callback, as long as its address is not another one's, which it may be once 1024 others have been freed
 * after it. Called after its runtime was stopped it is fatal, and on a thread that there is no memory to adopt. Never
 * blocks. Any thread. */
void (*gate_callback_address(const gate_callback *callback))(void);

/* Frees a callback. Errors: -EBUSY while it runs, and nothing is freed; a fork while another thread runs it leaves it so
 * in the child. NULL is fine.
 * Never blocks. Any thread. */
int gate_callback_free(gate_callback *callback);

typedef struct gate_relay gate_relay;

/* Makes a C function that takes a word, and calls target with that word and data behind it: for interfaces whose
 * functions are given no pointer of the host's, as an interpreter's own may be. It is no callback: whoever calls it has
 * called target, where it is and as it is.
 *
 * Ownership: *relay is the caller's until gate_relay_free.
 * Errors: -ENOMEM. Fatal without a target. Never blocks. Any thread. */
int gate_relay_make(void (*target)(void), void *data, gate_relay **relay, gate_error *error);

/* The function. Never blocks. Any thread. */
void (*gate_relay_address(const gate_relay *relay))(void);

/* Gives the function up. It is the same until it is another relay's or callback's, which it may be once 1024 others
 * have been freed after it: calls that come late still get to target, and it is the host's to know what they find. NULL
 * is fine. Never blocks. Any thread. */
void gate_relay_free(gate_relay *relay);

typedef struct gate_library gate_library;

/* Opens a shared library by the loader's search: "libz.so.1", a path with a slash, or a short name,
 * where "z" stands for "libz.so". NULL is the process itself, with all it has loaded. Where a file is a script of the
 * linker's, as libm.so and libc.so are, it is the first library that the script names.
 *
 * Its constructors run on the system stack, as a foreign call. Ownership: *library is the
 * caller's until gate_library_close. One that is open already is the same, to be closed once for each open.
 * Errors: -ENOENT, and the message names the library and gives the loader's words; -ENOMEM.
 * Blocks while the loader reads. Any thread. */
int gate_library_open(const char *name, gate_library **library, gate_error *error);

/* Finds the address of a function or a variable. "name@VERSION" is the one of that version, else it is the
 * default one.
 *
 * Errors: -ENOENT, and the message names symbol and library; -ENOMEM for one with a version. Blocks while another thread is
 * in the loader. Any thread. */
int gate_library_symbol(gate_library *library, const char *name, void **address, gate_error *error);

/* The same for a variable that is to be used as one of size bytes; 0 if that is not known. Its type is the caller's to know.
 *
 * Errors: besides, -EINVAL for a function, or when the variable has fewer bytes; -ENOTSUP when it is thread-local; -ENOENT
 * for a symbol whose value is NULL. Blocks as that does. Any thread. */
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
