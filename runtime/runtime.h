/* The runtime: tasks that run interpreter code, and the threads that run tasks.
 *
 * A task is a unit of interpreter work (Go's G). A slot is the right to run interpreter code (Go's
 * P): a runtime has a fixed number of them, and one is right for an interpreter with one shared
 * state. A gate_m is a thread that the runtime knows (Go's M). Interpreter code runs only while its
 * thread holds a slot; a foreign call that lasts loses the slot to another thread, and waits for one
 * when it returns.
 *
 * A task with a stack of its own may go on on another thread after it has yielded, waited or called C (bridge.h),
 * unless gate_m_acquire pins it. So a host keeps over none of these the address of a thread-local, as compilers keep
 * errno's, nor a lock that its thread has to give back, as a mutex, and in C++ stays in no catch block: what has been
 * caught is noted by the thread, for whichever task runs on it. C that a task calls without gate_call, the C library too,
 * runs on the task's small stack, and keeps the slot while it blocks.
 *
 * A process may fork, anywhere. In the child only the task goes on that forked, in a runtime that works: it may spawn
 * tasks and call, and stop the runtime if its thread has started it. All other tasks are gone, and a handle of one is
 * that of a task that isn't there (-ESRCH); what they were doing is left as it was, and no host function hears of it.
 * Threads are created when the first is needed; if that fails, the process ends with a message. If the task that forked
 * is one with a stack of its own, the child is without the thread that started the runtime: it can't be stopped
 * (-EPERM), and the process exits with 0 when that task ends. Runtimes that the forking thread does not belong to are
 * as if they had been stopped. vfork and _Fork tell nobody: exec alone may follow.
 *
 * Functions return 0 or a negative errno unless they say otherwise. A gate_error, where one is
 * taken, may be NULL. Misuse (a yield outside any task, a handle released twice) ends the process
 * with a message that names the function. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_RUNTIME_H
#define CALLGATE_RUNTIME_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct gate_runtime gate_runtime;
typedef struct gate_m gate_m;
typedef struct gate_task gate_task;

/* What went wrong, for a person: filled in by the functions that take one, when they fail. */
typedef struct gate_error {
    int code; /* the negative errno that the function returned */
    char message[252];
} gate_error;

/* Host functions that the runtime calls. Each but the last two runs with a slot held, on the thread it speaks of. */
struct gate_runtime_hooks {
    /* A thread that the runtime did not create has arrived; root is its task, the current one.
     * NULL: nothing to do. */
    void (*thread_adopt)(void *host, gate_task *root);
    /* That thread ends, and has waited for a slot to say so; or the runtime stops (then on the stopping
     * thread). NULL: nothing to do. */
    void (*thread_drop)(void *host, gate_task *root);
    /* A callback handler failed with status, and there is no gate_call to return it to: C called from a thread
     * of its own, or from a call that another runtime made. NULL: a line on standard error. */
    void (*callback_failed)(void *host, gate_task *root, int status);
    /* task goes on: it begins, or another task may have run on its thread, or with its slot, since it last did. What
     * an interpreter keeps in thread-locals, or for its one state, is to be made task's. A thread's first comes
     * after its thread_adopt; the one that starts the runtime hears of neither then. NULL: nothing to do. Neither this
     * nor task_suspend may yield, park or call C. */
    void (*task_resume)(void *host, gate_task *task);
    /* task yields, parks, ends, or leaves for C that is not called by it. A task whose foreign call loses its slot is
     * not suspended, as it is on its thread still; it is resumed when it goes on. NULL: nothing to do; and threads of
     * C's own that call back often keep their slot in between, which they don't where each departure is to be told. */
    void (*task_suspend)(void *host, gate_task *task);
    /* task stops the world, and waits for the others now; it has started the world. NULL: nothing to do. */
    void (*world_stops)(void *host, gate_task *task);
    void (*world_starts)(void *host, gate_task *task);
    /* Memory for the runtime's own records, aligned as malloc's; NULL when there is none. Both are called on any
     * thread, with and without a slot, by several threads at once, and must not call the runtime. Given together; NULL:
     * malloc and free. Task stacks and signal stacks are mapped by gate_mmap. */
    void *(*allocate)(void *host, size_t size);
    void (*deallocate)(void *host, void *memory, size_t size);
};

struct gate_runtime_config {
    uint32_t slots;         /* how many threads may run interpreter code at once; 0 is 1 */
    size_t task_stack_size; /* bytes for each task, rounded up to a power of two; 0 is 64 KiB, the least 16 KiB */
    uint32_t most_threads;  /* that it may create to run tasks; 0 is 10 000. Beyond them, ready tasks wait for a call to
                                end. A pinned task that waits, and one that waits in a callback's handler, keep theirs:
                                if all do, no other task runs, though slots are idle */
    int interrupt_signal;   /* which gate_task_interrupt uses; 0 is SIGURG */
    int allow_writable_code; /* not 0: gate_mmap and gate_mprotect may make pages writable and executable */
    int older_handler_mends; /* not 0: the handler of faults that was there before the first start may mend one of this
                                runtime's tasks and return, as a write barrier by mprotect does, or a JVM's. It gets
                                them without a report then, but for overflows of tasks' stacks */
    struct gate_runtime_hooks hooks;
    void *host; /* passed to the hooks */
};

/* Starts a runtime and makes the calling thread's code its first root task, with a slot.
 *
 * config may be NULL for the defaults; it is copied. Blocks only to create two threads.
 * Ownership: the caller's, until gate_runtime_stop. Several runtimes may exist in a process.
 * Signals: its threads begin with the calling thread's mask. The first start installs handlers for SIGSEGV, SIGBUS,
 * SIGFPE and SIGILL. A fault of a task, in C or in interpreter code, is reported on standard error, unless
 * older_handler_mends says otherwise, and goes to the handler that was there before; if there was none, it kills as ever.
 * If that handler returns, the task goes on, and what faults there again and again is reported once; but a task that
 * has overflowed its stack does not go on. Signals that are sent, other threads' faults, and those of the handler that was
 * there before find what was there, without a word.
 * Errors: -EALREADY when this thread belongs to a runtime; -EINVAL for a configuration out of range; -ENOMEM or -EAGAIN
 * when memory or a thread is not to be had. Threads: any that no runtime knows. */
int gate_runtime_start(const struct gate_runtime_config *config, gate_runtime **runtime, gate_error *error);

/* Stops a runtime in which no task is left but the caller, and frees it once its last callback is.
 *
 * Blocks until the runtime's own threads have ended. Fatal in a callback, and in a foreign call of that runtime.
 * Errors: -EBUSY when tasks are left, and the message says how many and where the first ones are;
 * then nothing changes. -EPERM on another thread than the one that started the runtime, also in a child, in a
 * handler of another runtime, and in a task that has entered the main thread.
 * Threads: the one that started it. If that ends without, outside all calls, the other tasks go on, and the runtime
 * can't be stopped any more; fatal if one of them is to run on that thread (gate_task_enter_main). */
int gate_runtime_stop(gate_runtime *runtime, gate_error *error);

/* What a task is doing. */
enum gate_task_state {
    GATE_TASK_READY,   /* it could go on, and waits for a slot */
    GATE_TASK_RUNNING, /* its interpreter code, a callback's handler too */
    GATE_TASK_IN_CALL, /* C that it called */
    GATE_TASK_PARKED,  /* it waits for a wake, or for the end of a task that it joins */
    GATE_TASK_OUTSIDE, /* an adopted thread's root task between callbacks: C that the runtime did not call */
    GATE_TASK_ENDED    /* it is to be joined, detached or freed */
};

/* What is known of a task without asking it. */
struct gate_task_info {
    uint64_t number;
    char name[32];
    enum gate_task_state state;
    const char *where; /* PARKED: why; IN_CALL: the function's name, if it has one. NULL in other states */
    uint64_t thread;   /* the number (gate_m_number) of the thread that runs it or has it in C; 0 if none does */
    size_t stack_size; /* bytes; 0 for a root task */
    void *host;        /* gate_task_host */
};

/* Lists the runtime's tasks, the roots first, in no other order: fills at most room entries of infos, and
 * returns how many tasks there are, as snprintf does. infos may be NULL if room is 0.
 *
 * Tasks go on meanwhile. Each entry is true of its task at some moment of the call, and two of them perhaps of
 * no moment in common: one that is made or ends meanwhile may be there or not. Ownership: where is the pointer that
 * the host gave, and not a copy. What host points to may be gone.
 * Never waits for a slot, but keeps others from getting or giving up one: some 0.1 us for each task.
 * Threads: any, inside the runtime or not, as long as the runtime is not being stopped. */
size_t gate_runtime_list(gate_runtime *runtime, struct gate_task_info *infos, size_t room);

/* Returns the calling thread's handle, and pins the running task to this thread until the matching
 * gate_m_release. Calls nest. A task that parks so keeps its thread, of which there are most_threads, and hands its
 * slot on. A thread that no runtime knows is adopted into the runtime that was started first, without a slot, and
 * dropped when it ends. A thread that several know has a handle in each: in a callback's handler it is that of the
 * callback's runtime.
 *
 * Returns NULL when no runtime is started, or there is no memory to adopt the thread. Never blocks.
 * Any thread. */
gate_m *gate_m_acquire(void);

/* Undoes one gate_m_acquire. Fatal when m is not this thread's handle or is not held.
 * Never blocks. */
void gate_m_release(gate_m *m);

/* The handle's number, from 1 and never used twice in a process: what the region table and tools name it
 * by. Never blocks; any thread, while m lives. */
uint64_t gate_m_number(const gate_m *m);

/* What a new task does. Its result goes to gate_task_join. */
typedef void *(*gate_task_main)(void *argument);

struct gate_task_config {
    gate_task_main main;
    void *argument;
    const char *name;  /* copied, at most 31 bytes; NULL is "task" */
    size_t stack_size; /* bytes, rounded up likewise; 0 is the runtime's task_stack_size */
    void *host;        /* the task's first gate_task_host */
};

/* Makes a task on a stack of its own and lets it run when a slot is free.
 *
 * runtime may be NULL for that of the calling task. Ownership: *task is the caller's until it is
 * joined or detached; with task NULL it is detached from the start. Never waits for a slot.
 * Errors: -EINVAL for no main, or a stack below 16 KiB; -ENOMEM. Fatal without a runtime.
 * Threads: any, inside the runtime or not. */
int gate_task_spawn(gate_runtime *runtime, const struct gate_task_config *config, gate_task **task);

/* Waits until task ends, stores what its main returned in *result (which may be NULL), and frees it.
 *
 * Errors: -EDEADLK for the calling task itself; -EBUSY when another task is joining it; -ESRCH when a fork has left it
 * behind.
 * Blocks the calling task, not its slot; a task that has ended is joined at once, and no other runs in between. Threads: only
 * tasks with a slot. */
int gate_task_join(gate_task *task, void **result);

/* Gives the handle up: the task is freed when it ends. Fatal when a task is joining it. Does nothing when a fork has
 * left it behind.
 * Never blocks. Any thread. */
void gate_task_detach(gate_task *task);

/* Goes behind the other tasks of its slot that are ready, and returns. One that has become ready elsewhere, in a call
 * that lasted or on a thread without a slot, comes after at most 61 others and 20 ms, and as much for each such task
 * before it.
 * Threads: only tasks with a slot. */
void gate_task_yield(void);

/* Suspends the calling task until gate_task_ready is called for it; returns at once if it was called
 * since the last park, so a ready that comes first is not lost, but for what gate_task_should_yield would ask: then
 * others run first. why says what the task waits for, and is the where of gate_runtime_list: a constant string, or one
 * that lives as long as whoever lists tasks may look at it. Threads: only tasks with a slot. */
void gate_task_park(const char *why);

/* Whether the calling task is to yield: it has held its slot for 10 ms while others wait for one, or for its thread; or
 * the world stops for another task. For an interpreter's loop, which asks at its back edges and calls; a few
 * nanoseconds. A task that does not ask, or does not yield then, gives way in its next foreign call. 0 outside a task.
 * Never blocks. Any thread. */
int gate_task_should_yield(void);

/* Suspends the calling task for so many nanoseconds, and no less. 0 returns at once.
 * Threads: only tasks with a slot. */
void gate_task_sleep(uint64_t nanoseconds);

/* As gate_task_park, for so many nanoseconds at most. Returns 0 when gate_task_ready was called, -ETIMEDOUT
 * when the time has passed without. Threads: only tasks with a slot. */
int gate_task_park_for(const char *why, uint64_t nanoseconds);

/* Moves the calling task to the thread that started its runtime, as GUI libraries need: what it does and
 * calls from here on, it does there, whenever that thread's own task waits: parks, sleeps, joins or yields. It waits
 * for that, and takes turns with others that have moved there, and with that task. While one of them is pinned there
 * and waits, the thread is for that one alone.
 * Does nothing when it is there already. Fatal for another thread's own task, when the task is pinned, and when that
 * thread has ended.
 * Threads: only tasks with a slot. */
void gate_task_enter_main(void);

/* Undoes that: any thread may run the task again. Threads: only tasks with a slot. */
void gate_task_leave_main(void);

/* Wakes a parked task, or lets the next park of one that is not parked return at once: so does a second call, before the
 * task that the first has woken goes on. Who parks looks each time whether what he waits for is there.
 *
 * The handle must be alive. Errors: -EALREADY when its next park returns at once already; -ESRCH when it has
 * ended, or a fork has left it behind. Never blocks. Any thread, from inside a foreign call too, but no signal
 * handler. */
int gate_task_ready(gate_task *task);

/* Makes a system call that the task's foreign function waits in end with EINTR.
 *
 * The thread that has the task in a call gets a signal whose handler does nothing, installed without SA_RESTART at
 * the first interrupt; a handler that was there before runs as well. The signal is sent again, after 1 ms and up to
 * 100 ms later each time, until that very call has returned, or called back: none is lost between two system calls. A
 * function that goes on after EINTR is not stopped, nor one whose thread blocks the signal; and a call that begins on
 * that thread right after may meet one EINTR more.
 * Returns 0; -ESRCH when the task is in no foreign call, or in one of class leaf. The handle must be alive.
 * Never blocks. Any thread, from inside a foreign call too, but no signal handler. */
int gate_task_interrupt(gate_task *task);

/* Stops the world, for a collector: returns when the calling task alone of its runtime runs interpreter code, and
 * none else does until gate_world_start. Foreign calls go on, and wait on their return; callbacks wait.
 *
 * How long that takes is up to the tasks that run: each stops when it yields, parks, ends or calls C, or polls
 * gate_task_should_yield and yields then. A task that finds the world being stopped by another waits until it is
 * started, and then stops it. The calling task may call C meanwhile, and is not told to yield; to yield, park or end is
 * fatal.
 * Blocks as long as the others take. Threads: only tasks with a slot. */
void gate_world_stop(void);

/* Lets all tasks go on. Fatal for a task that has not stopped the world. Never blocks.
 * Threads: only tasks with a slot. */
void gate_world_start(void);

/* The calling thread's task, in a handler that of the callback's runtime; NULL on a thread that no runtime
 * knows. Never blocks. */
gate_task *gate_task_current(void);

/* The task's name and its number, from 1, never used again in this runtime. Valid while the handle
 * is. Never block. Any thread. */
const char *gate_task_name(const gate_task *task);
uint64_t gate_task_number(const gate_task *task);

/* A pointer that the host keeps with each task. Never block. Threads: the task itself, or any while
 * it can't run. */
void *gate_task_host(const gate_task *task);
void gate_task_set_host(gate_task *task, void *host);

/* How many bytes of its stack the task has used, from the stack's upper end down to the lowest byte that was ever
 * touched: at most its stack_size. A few hundred are the runtime's own. 0 for a root task.
 *
 * It is an upper bound, in whole pages: what earlier tasks on the same stack touched counts, unless the system has
 * had those pages back (a page that was swapped out does not count). With GATE_DEBUG=stackpoison=1 it is this task's
 * own, exact to a word but for frames whose lower end was never written.
 * Not in gate_runtime_list, since it costs a system call, and one more for each MiB; with stackpoison, a read of what
 * is unused. Never waits for a slot. Any thread, while the handle is alive. */
size_t gate_task_stack_used(const gate_task *task);

/* A fault in C that a guarded call (bridge.h: GATE_CALL_GUARDED) has made an error of. */
enum { GATE_TRAP_FRAMES = 32 };
typedef struct gate_trap {
    int signal;                     /* SIGSEGV, SIGBUS, SIGFPE or SIGILL */
    int code;                       /* the signal's si_code: SEGV_MAPERR ... */
    const void *address;            /* that was touched; for SIGFPE and SIGILL, of the instruction */
    const void *pc;                 /* the instruction */
    char function[48];              /* the name of the function that was called, cut */
    size_t depth;                   /* how many frames there are */
    void *frames[GATE_TRAP_FRAMES]; /* pc, and the return addresses from there to the call, as far as they go */
} gate_trap;

/* The last fault in the calling task's guarded calls; NULL if there was none. It is the task's, valid until the next
 * one, or the task's end. Never blocks. Any thread. */
const gate_trap *gate_trap_last(void);

/* Writes what happened, for a person: the signal, the address and the function called, and a line for each frame,
 * with names as far as the loader knows them. Cut to size bytes with its ending NUL; returns the
 * length that the whole text has, as snprintf does. Blocks while the loader loads. Any thread. */
size_t gate_trap_print(const gate_trap *trap, char *buffer, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
