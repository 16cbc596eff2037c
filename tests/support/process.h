/* What Linux tells a test of its process, and what a test takes from it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_PROCESS_H
#define CALLGATE_TESTS_PROCESS_H

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "tests/support/test.h"

/* How many bytes of addresses the process has, and of memory. */
struct process_size {
    size_t addresses, resident;
};

static inline struct process_size process_size(void) {
    size_t pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(file, "%zu %zu", &pages, &resident), 2);
    fclose(file);
    return (struct process_size){pages * gate__os_page_size(), resident * gate__os_page_size()};
}

#define GIB ((size_t)1024 * 1024 * 1024)

/* So many new threads are to be had from now on: each asks for a stack of 1 GiB. */
static inline void leave_room_for_threads(size_t count) {
    struct rlimit limit;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, GIB);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = process_size().addresses + count * GIB + GIB / 2;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

/* No file is opened from now on, until the limit that is returned is set again. glibc can't read then what /proc tells it
 * of the first thread's stack. */
static inline struct rlimit open_no_more_files(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max}), 0);
    return limit;
}

/* Whether the kernel guards pages without a mapping for each guard. */
static inline bool kernel_has_guard_pages(void) {
    void *page;
    size_t size = gate__os_page_size();
    cr_assert_eq(gate_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &page), 0);
    bool has = gate_madvise(page, size, gate__os_guard_advice) == 0;
    gate_munmap(page, size);
    return has;
}

/* How many mappings the process has. */
static inline unsigned count_mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned lines = 0;
    for (int c; (c = getc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

#endif
