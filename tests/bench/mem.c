/* What the memory entry points cost: against the system calls, against a hook called directly, and a look into
 * the region table.
 *
 * A process has one table of hooks. The hooked rows are measured in a child that has registered its own before
 * anything was mapped; it is asked over a pipe, in turn with the other rows.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "callgate.h"
#include "runtime/os/os.h"
#include "tests/bench/bench.h"

enum { LENGTH = 64 * 1024, PAIRS = 2000, REGIONS = 10000, LOOKS = 1000 * 1000, ADDRESSES = 1 << 14, PAGE = 4096 };
enum { READ_WRITE = PROT_READ | PROT_WRITE, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

/* Raw: the two system calls, and the entry points over them */

static double system_pairs(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        void *at;
        if (gate__os_mmap(NULL, LENGTH, READ_WRITE, ANONYMOUS, -1, 0, &at) || gate__os_munmap(at, LENGTH))
            abort();
    }
    return bench_now() - before;
}

static double gate_pairs(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        void *at;
        if (gate_mmap(NULL, LENGTH, READ_WRITE, ANONYMOUS, -1, 0, &at) || gate_munmap(at, LENGTH))
            abort();
    }
    return bench_now() - before;
}

/* Hooked: the hook itself, and the entry points over it */

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    void *at = mmap(address, length, prot, flags, fd, offset);
    return at == MAP_FAILED ? (uintptr_t)errno : (uintptr_t)at;
}

static void hook_munmap(void *address, uintptr_t length) {
    munmap(address, length);
}

static struct gate_mem_hooks hooks = {.size = sizeof hooks, .mmap = hook_mmap, .munmap = hook_munmap};

static double hook_pairs(long count) {
    struct gate_mem_hooks *volatile table = &hooks;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        uintptr_t at = table->mmap(NULL, LENGTH, READ_WRITE, ANONYMOUS, -1, 0);
        if (at < PAGE)
            abort();
        table->munmap((void *)at, LENGTH);
    }
    return bench_now() - before;
}

struct question {
    double (*run)(long count);
    long count;
};

static int questions[2], answers[2];

/* The child's life: it ends with its last question. */
static void answer_questions(void) {
    struct question question;
    if (gate_mem_register_hooks(&hooks))
        abort();
    close(questions[1]);
    while (read(questions[0], &question, sizeof question) == sizeof question) {
        double elapsed = question.run(question.count);
        if (write(answers[1], &elapsed, sizeof elapsed) != sizeof elapsed)
            break;
    }
    _exit(0);
}

static double ask(double (*run)(long), long count) {
    struct question question = {run, count};
    double elapsed;
    if (write(questions[1], &question, sizeof question) != sizeof question ||
        read(answers[0], &elapsed, sizeof elapsed) != sizeof elapsed)
        abort();
    return elapsed;
}

static double child_hook_pairs(long count) {
    return ask(hook_pairs, count);
}

static double child_gate_pairs(long count) {
    return ask(gate_pairs, count);
}

/* Look-ups, at random addresses in 10 000 regions */

static const char *addresses[ADDRESSES];
static volatile size_t sink;

static __attribute__((noinline)) size_t add(const void *address, size_t *more) {
    return (size_t)address + *more;
}

static size_t (*volatile add_pointer)(const void *, size_t *) = add;

static double direct_calls(long count) {
    size_t more = 1;
    double before = bench_now();
    for (long i = 0; i < count; i++)
        sink = add_pointer(addresses[i % ADDRESSES], &more);
    return bench_now() - before;
}

static double looks(long count) {
    struct gate_region region;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        if (gate_region_find(addresses[i % ADDRESSES], &region))
            abort();
        sink = region.length;
    }
    return bench_now() - before;
}

static void map_regions(void) {
    static char *bases[REGIONS];
    static size_t lengths[REGIONS];
    srandom(1);
    for (int i = 0; i < REGIONS; i++) {
        void *at;
        lengths[i] = (size_t)(1 + random() % 16) * PAGE;
        if (gate_mmap(NULL, lengths[i], READ_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0, &at))
            abort();
        bases[i] = at;
    }
    for (int i = 0; i < ADDRESSES; i++) {
        long which = random() % REGIONS;
        addresses[i] = bases[which] + (size_t)random() % lengths[which];
    }
}

void bench_mem_prepare(void) {
    if (pipe(questions) || pipe(answers))
        abort();
    pid_t child = fork();
    if (child < 0)
        abort();
    if (child == 0)
        answer_questions();
    map_regions();
}

const struct bench_row bench_mem[] = {
    {"memory", "direct", "map+unmap 64 KiB", system_pairs, .count = PAIRS},
    {"memory", "callgate", "map+unmap 64 KiB", gate_pairs, .count = PAIRS},
    {"memory", "direct", "map+unmap, hooked", child_hook_pairs, .count = PAIRS},
    {"memory", "callgate", "map+unmap, hooked", child_gate_pairs, .count = PAIRS},
    {"memory", "direct", "look-up in 10000", direct_calls, .count = LOOKS},
    {"memory", "callgate", "look-up in 10000", looks, .count = LOOKS},
    {0},
};
