/* A thread that holds the loader's lock: it opens a library whose constructor waits (tests/runtime/loaded.c).
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_LOADED_H
#define CALLGATE_TESTS_LOADED_H

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/test.h"

/* Opens what lies there, seen from the program's folder; returns dlopen's handle. */
__attribute__((unused)) static void *open_beside_program(const char *name) {
    char path[2 * PATH_MAX] = "";
    cr_assert_gt(readlink("/proc/self/exe", path, PATH_MAX), 0);
    snprintf(strrchr(path, '/'), PATH_MAX, "/%s", name);
    void *library = dlopen(path, RTLD_NOW);
    cr_assert_not_null(library, "%s", dlerror());
    return library;
}

struct loading {
    pthread_t thread;
    int there[2], go[2]; /* pipes */
};

static void *load(void *name) {
    return dlclose(open_beside_program(name)) ? NULL : name;
}

/* name is the library's. Returns when the thread holds the lock, as it does until end_loading. */
__attribute__((unused)) static void begin_loading(struct loading *loading, const char *name) {
    char pipes[32], byte;
    cr_assert_eq(pipe(loading->there) | pipe(loading->go), 0);
    snprintf(pipes, sizeof pipes, "%d %d", loading->there[1], loading->go[0]);
    setenv("GATE_TEST_LOADED", pipes, 1);
    cr_assert_eq(pthread_create(&loading->thread, NULL, load, (void *)(uintptr_t)name), 0);
    cr_assert_eq(read(loading->there[0], &byte, 1), 1);
}

__attribute__((unused)) static void end_loading(struct loading *loading) {
    close(loading->go[1]);
    pthread_join(loading->thread, NULL);
    unsetenv("GATE_TEST_LOADED");
    close(loading->go[0]);
    close(loading->there[0]);
    close(loading->there[1]);
}

#endif
