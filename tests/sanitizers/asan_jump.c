/* A jump over frames on a task's stack, as interpreters raise errors: AddressSanitizer has to clear the stack
 * that is jumped over, and so has to know which one it is. With GATE_DEBUG=annotations=0 it doesn't: it
 * says so, and takes what was there for out of bounds.
 *
 * SPDX-License-Identifier: MIT */
#include <alloca.h>
#include <setjmp.h>

#include "tests/sanitizers/host.h"

/* The stack that jumps lies so far from the thread's, behind another, that AddressSanitizer does not clear all in
 * between, unknowing. */
enum { STACK = 128 * 1024 * 1024 };

static jmp_buf handler;
static volatile int jumps = 1;

static void touch(volatile char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = 1;
}

/* Leaves frames with poisoned zones between their variables, by a jump. */
static __attribute__((noinline)) void raise_from(int depth) {
    volatile char bytes[40];
    touch(bytes, sizeof bytes);
    if (depth > 0)
        raise_from(depth - 1);
    else if (jumps)
        longjmp(handler, 1);
}

/* Uses the same part of the stack, without telling AddressSanitizer of its frame. */
static __attribute__((noinline, no_sanitize("address"))) void use_stack(void (*fn)(volatile char *, size_t)) {
    volatile char bytes[4000];
    fn(bytes, sizeof bytes);
}

static void *raise_and_go_on(void *unused) {
    if (setjmp(handler) == 0)
        raise_from(10);
    use_stack(touch);
    return unused;
}

static void *do_nothing(void *unused) {
    return unused;
}

int main(void) {
    gate_runtime *runtime = start_with(1, STACK);
    gate_task *between = spawn("lies between", do_nothing, NULL), *jumper = spawn("jumps", raise_and_go_on, NULL);
    join(between);
    join(jumper);
    stop(runtime);
    return done();
}
