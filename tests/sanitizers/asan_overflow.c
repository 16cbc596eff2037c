/* Mistakes in the host's own code, to be found on whichever stack they are made: in a C function that a task
 * calls, in the task, and in a handler that C calls back.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/sanitizers/host.h"

static volatile size_t count = 10;
static gate_runtime *runtime;

static __attribute__((noinline)) void overflow(void) {
    volatile char bytes[10] = {0};
    bytes[count] = bytes[1];
}

static __attribute__((noinline)) void use_after_free(void) {
    volatile char *volatile bytes = malloc(count), *volatile freed = bytes;
    free((void *)(uintptr_t)bytes);
    freed[1] = 1;
}

static void in_c(int which) {
    if (which)
        use_after_free();
    else
        overflow();
}

static void *in_a_call(void *which) {
    call_with("void (int)", (void (*)(void))in_c, which);
    return NULL;
}

static void *in_a_task(void *unused) {
    overflow();
    return unused;
}

static int handle(void *host, void *result, void *const arguments[]) {
    (void)host;
    (void)result;
    (void)arguments;
    overflow();
    return 0;
}

static void call_back(void (*function)(void)) {
    function();
}

static void *in_a_callback(void *unused) {
    gate_signature *signature = NULL;
    gate_callback *callback = NULL;
    need(gate_signature_parse("void (void)", &signature, NULL), "gate_signature_parse");
    need(gate_callback_make(runtime, &(struct gate_callback_config){.signature = signature, .handler = handle},
                            &callback, NULL),
         "gate_callback_make");
    void (*address)(void) = gate_callback_address(callback);
    call_with("void (void (*)(void))", (void (*)(void))call_back, &address);
    gate_callback_free(callback);
    gate_signature_free(signature);
    return unused;
}

int main(int argc, char **argv) {
    int zero = 0, one = 1;
    const char *where = argc == 2 ? argv[1] : "";
    runtime = start(1);
    if (strcmp(where, "call") == 0)
        join(spawn("calls", in_a_call, &zero));
    else if (strcmp(where, "freed") == 0)
        join(spawn("calls", in_a_call, &one));
    else if (strcmp(where, "task") == 0)
        join(spawn("errs", in_a_task, NULL));
    else if (strcmp(where, "callback") == 0)
        join(spawn("is called back", in_a_callback, NULL));
    else
        return 99;
    stop(runtime);
    return done();
}
