/* Memory hooks: what the runtime and the host's heap map is counted, kept to a budget, and seen by a sanitizer.
 *
 *   $ 04_hooks
 *   the heap's pages were zeroed, and are reserved: tag 'example heap', 1024 KiB
 *   mapped by hooks: 6 times, 11400 KiB; unmapped: 5 times
 *   done
 *
 * A heap poisons what it frees, so that a sanitizer finds late uses. When it gives the pages back and takes them
 * again, the kernel has zeroed them: a sanitizer has to be told, or reports the first read of each. Built with
 * -fsanitize=memory, "04_hooks raw", which registers no hooks, ends in such a false report.
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

enum { HEAP = 1024 * 1024, PAGES = 64 * 1024, BUDGET = 64 * 1024 * 1024 };

__attribute__((weak)) void __msan_poison(const volatile void *address, size_t length);

/* The host's own layer: it counts, and passes on to what is below. */
static struct gate_mem_hooks below;
static _Atomic size_t mapped, unmapped, mapped_bytes;

static uintptr_t count_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    mapped++;
    mapped_bytes += length;
    return below.mmap(address, length, prot, flags, fd, offset);
}

static void count_munmap(void *address, uintptr_t length) {
    unmapped++;
    below.munmap(address, length);
}

/* From the lowest layer up; to be done before anything is mapped. */
static int register_hooks(void) {
    struct gate_mem_hooks table = {.size = sizeof table};
    int failed = gate_hooks_sanitizer(&table);
    if (!failed)
        failed = gate_hooks_limit(&table, BUDGET);
    below = table;
    table.mmap = count_mmap;
    table.munmap = count_munmap;
    return failed ? failed : gate_mem_register_hooks(&table);
}

/* The life of some objects: their pages are committed, used, freed, given back, and taken again. */
static int use_heap(char *heap, gate_error *error) {
    if (gate_heap_commit(heap, PAGES, error))
        return error->code;
    memset(heap, 1, PAGES);
    if (__msan_poison)
        __msan_poison(heap, PAGES);
    if (gate_heap_decommit(heap, PAGES, error) || gate_heap_commit(heap, PAGES, error))
        return error->code;
    for (size_t i = 0; i < PAGES; i++) {
        if (heap[i])
            return -1;
    }
    return gate_heap_decommit(heap, PAGES, error);
}

static void *interpret(void *argument) {
    return argument;
}

static int describe(void *heap) {
    struct gate_region region;
    int failed = gate_region_find(heap, &region);
    if (!failed)
        printf("the heap's pages were zeroed, and are %s: tag '%s', %zu KiB\n",
               region.state == GATE_REGION_RESERVED ? "reserved" : "not what they should be", region.tag,
               region.length / 1024);
    return failed;
}

/* What is made is undone, whatever fails; the first error is the one to tell. */
static int keep_a_heap(gate_error *error) {
    void *heap;
    int failed = gate_heap_reserve(HEAP, "example heap", &heap, error);
    if (failed)
        return failed;
    failed = use_heap(heap, error);
    if (!failed)
        failed = describe(heap);
    int kept = gate_heap_release(heap, HEAP, failed ? NULL : error);
    return failed ? failed : kept;
}

static int run(gate_error *error) {
    gate_runtime *runtime;
    gate_task *task;
    struct gate_task_config config = {.main = interpret, .name = "interpreter"};
    if (gate_runtime_start(NULL, &runtime, error))
        return error->code;
    int failed = gate_task_spawn(runtime, &config, &task);
    if (!failed)
        failed = gate_task_join(task, NULL);
    if (!failed)
        failed = keep_a_heap(error);
    int running = gate_runtime_stop(runtime, failed ? NULL : error);
    return failed ? failed : running;
}

int main(int argc, char **argv) {
    gate_error error = {0, ""};
    bool raw = argc > 1 && strcmp(argv[1], "raw") == 0;
    int failed = raw ? 0 : register_hooks();
    if (!failed)
        failed = run(&error);
    if (failed) {
        fprintf(stderr, "04_hooks: %d %s\n", failed, error.message);
        return 1;
    }
    printf("mapped by hooks: %zu times, %zu KiB; unmapped: %zu times\n", mapped, mapped_bytes / 1024, unmapped);
    puts("done");
    return (raw ? mapped == 0 : mapped > 0 && mapped > unmapped) ? 0 : 1;
}
