/* Tests of what ends the process: the code runs in a child, and its last words are read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_DEATH_H
#define CALLGATE_TESTS_DEATH_H

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEATH_SECONDS = 60 }; /* a child that hangs is ended by SIGALRM */

/* Runs fn(argument) in a child, and returns the child's status; output takes what it wrote to standard
 * error, cut to size. */
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

/* The child must end in any way but well, and must have said text. */
#define cr_assert_dies_with(fn, argument, text)                                                          \
    do {                                                                                                 \
        static char output[64 * 1024];                                                                   \
        int died = dies((fn), (argument), output, sizeof output);                                        \
        cr_assert_neq(died, 0, "the process went on");                                                   \
        cr_assert_not_null(strstr(output, (text)), "'%s' is not in the last words: %s", (text), output); \
    } while (0)

#endif
