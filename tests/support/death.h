/* Tests of what ends the process: the code runs in a child, and its last words are read.
 *
 * dies() runs fn(argument) in a child, and returns the child's status; output takes what it wrote to standard
 * error, cut to size.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_DEATH_H
#define CALLGATE_TESTS_DEATH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

/* There is no fork: a child is the program again, for one test. It goes the same way to the call of dies(), counted
 * from 1, that it was started for. */

static inline void set_death(int call) {
    char number[16] = "";
    if (call)
        snprintf(number, sizeof number, "%d", call);
    _putenv_s("GATE_TEST_DEATH", number);
}

/* 0: this is no child. */
static inline int get_death(void) {
    const char *number = getenv("GATE_TEST_DEATH");
    return number ? atoi(number) : 0;
}

static inline intptr_t start_child(int call, int standard_error) {
    int outer = get_death(), terminal = dup(STDERR_FILENO);
    set_death(call);
    dup2(standard_error, STDERR_FILENO);
    intptr_t child = _spawnl(_P_NOWAIT, _pgmptr, _pgmptr, plain_current->name, NULL);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    set_death(outer);
    return child;
}

/* On SIGABRT: abort() would add words of its own. */
static inline void end_silently(int number) {
    _exit(128 + number);
}

static inline int dies(void (*fn)(void *), void *argument, char *output, size_t size) {
    static const struct plain_test *test;
    static int calls;
    int ends[2], status = 0;
    size_t used = 0;
    calls = test == plain_current ? calls + 1 : 1;
    test = plain_current;
    if (get_death() == calls) {
        signal(SIGABRT, end_silently);
        fn(argument);
        _exit(0);
    }
    cr_assert_eq(_pipe(ends, 65536, O_TEXT | O_NOINHERIT), 0);
    intptr_t child = start_child(calls, ends[1]);
    close(ends[1]);
    for (int got; used + 1 < size && (got = read(ends[0], output + used, (unsigned)(size - 1 - used))) > 0;)
        used += (size_t)got;
    output[used] = '\0';
    close(ends[0]);
    cr_assert_eq(_cwait(&status, child, 0), child);
    return status;
}

#else

#include <sys/wait.h>
#include <unistd.h>

enum { DEATH_SECONDS = 60 }; /* a child that hangs is ended by SIGALRM */

static inline int dies(void (*fn)(void *), void *argument, char *output, size_t size) {
    int ends[2], status = 0;
    size_t used = 0;
    cr_assert_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(DEATH_SECONDS);
        fn(argument);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t got; used + 1 < size && (got = read(ends[0], output + used, size - 1 - used)) > 0;)
        used += (size_t)got;
    output[used] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

#endif

/* The child must end in any way but well, and must have said text. */
#define cr_assert_dies_with(fn, argument, text)                                                          \
    do {                                                                                                 \
        static char output[64 * 1024];                                                                   \
        int died = dies((fn), (argument), output, sizeof output);                                        \
        cr_assert_neq(died, 0, "the process went on");                                                   \
        cr_assert_not_null(strstr(output, (text)), "'%s' is not in the last words: %s", (text), output); \
    } while (0)

#endif
