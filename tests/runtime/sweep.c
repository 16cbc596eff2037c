/* A runtime's whole life, for sweep.sh to fail at every mapping: a start, tasks, calls, a callback, a heap, a
 * stop. Says on standard output how far it came. Whatever fails, what was made is undone, and nothing is left
 * mapped.
 *
 * Exits with 0 when all went well, with 3 after an error that was reported. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "callgate.h"

enum { TASKS = 3, PAGE = 4096, CLEAN_ERROR = 3 };

static int failures;

static int failed(const char *what, int error) {
    printf("%s: %d\n", what, error);
    failures++;
    return error;
}

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* A call through libffi, that blocks long enough to lose its slot. */
static int nap(unsigned microseconds) {
    usleep(microseconds);
    return 7;
}

static void call_nap(void) {
    gate_signature *signature;
    gate_error error;
    unsigned microseconds = 2000;
    int result = 0;
    int refused = gate_signature_parse("int (unsigned)", &signature, &error);
    if (refused) {
        failed(error.message, refused);
        return;
    }
    gate_function function = {.signature = signature, .address = (void (*)(void))nap, .name = "nap"};
    refused = gate_call(&function, &result, (void *[]){&microseconds});
    if (refused)
        failed("call", refused);
    else if (result != 7)
        abort();
    gate_signature_free(signature);
}

static int handle(void *host, void *result, void *const arguments[]) {
    (void)host;
    *(int *)result = compare(*(void **)arguments[0], *(void **)arguments[1]);
    return 0;
}

static void call_back(gate_runtime *runtime) {
    gate_signature *signature;
    gate_callback *callback;
    gate_error error = {0, ""};
    int numbers[] = {3, 1, 2};
    if (gate_signature_parse("int (const void *, const void *)", &signature, &error)) {
        failed(error.message, error.code);
        return;
    }
    int refused = gate_callback_make(runtime, &(struct gate_callback_config){.signature = signature, .handler = handle},
                                     &callback, &error);
    if (refused) {
        failed(error.message, refused);
        gate_signature_free(signature);
        return;
    }
    qsort(numbers, 3, sizeof *numbers, (int (*)(const void *, const void *))gate_callback_address(callback));
    if (numbers[0] != 1 || numbers[2] != 3)
        abort();
    gate_callback_free(callback);
    gate_signature_free(signature);
}

static void *work(void *argument) {
    call_nap();
    gate_task_yield();
    return argument;
}

static void spawn_and_join(gate_runtime *runtime) {
    gate_task *tasks[TASKS] = {NULL};
    for (int i = 0; i < TASKS; i++) {
        struct gate_task_config config = {.main = work, .name = "works", .stack_size = (size_t)(i ? 0 : 32 * 1024)};
        int refused = gate_task_spawn(runtime, &config, &tasks[i]);
        if (refused) {
            tasks[i] = NULL;
            failed("spawn", refused);
        }
    }
    for (int i = 0; i < TASKS; i++) {
        if (tasks[i] && gate_task_join(tasks[i], NULL))
            abort();
    }
}

static void use_heap(void) {
    gate_error error = {0, ""};
    void *base;
    int refused = gate_heap_reserve(8 * PAGE, "sweep", &base, &error);
    if (refused) {
        failed(error.message, refused);
        return;
    }
    refused = gate_heap_commit((char *)base + PAGE, PAGE, &error);
    if (refused)
        failed(error.message, refused);
    else if (gate_heap_decommit((char *)base + PAGE, PAGE, &error))
        failed(error.message, error.code);
    if (gate_heap_release(base, 8 * PAGE, &error))
        abort();
}

/* What is refused at the first mapping must not wait for itself here. */
static void map_at_exit(void) {
    void *at;
    if (gate_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at) == 0)
        gate_munmap(at, PAGE);
}

int main(void) {
    atexit(map_at_exit);
    gate_runtime *runtime;
    gate_error error = {0, ""};
    struct gate_region_counts left;
    alarm(60);
    int refused = gate_runtime_start(NULL, &runtime, &error);
    if (refused) {
        failed(error.message, refused);
    } else {
        spawn_and_join(runtime);
        call_back(runtime);
        use_heap();
        if (gate_runtime_stop(runtime, &error))
            abort();
    }
    /* The pages of callbacks' code are kept for the next ones. */
    struct gate_region region;
    gate_region_counts(NULL, &left);
    for (char *at = NULL; gate_region_next(at, &region) == 0; at = (char *)region.base + region.length)
        left.regions -= region.tag && region.tag[0] == 'c';
    if (left.regions) {
        printf("%zu regions are left\n", left.regions);
        return 1;
    }
    printf("%llu calls\n", (unsigned long long)gate_hooks_fault_calls());
    return failures ? CLEAN_ERROR : 0;
}
