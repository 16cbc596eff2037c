/* The compilers' word: programs that a test writes, compiled and run; and numbers to draw them by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_COMPILER_H
#define CALLGATE_TESTS_COMPILER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

/* Text that grows. */
struct writing {
    char *text;
    size_t length, room;
};

__attribute__((format(printf, 2, 3), unused)) static void write_text(struct writing *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(w->text ? w->text + w->length : NULL, w->room - w->length, format, arguments);
    va_end(arguments);
    if (w->length + (size_t)length >= w->room) {
        w->room = 2 * (w->length + (size_t)length) + 4096;
        w->text = realloc(w->text, w->room);
        va_start(arguments, format);
        vsnprintf(w->text + w->length, w->room - w->length, format, arguments);
        va_end(arguments);
    }
    w->length += (size_t)length;
}

/* What a shell command writes to its standard output; input, unless NULL, is what it reads. Fails the test if the
 * command fails, unless it may. The caller frees the text. */
__attribute__((unused)) static char *run_command(const char *command, const char *input, bool may_fail) {
    char directory[] = "/tmp/callgate-test-XXXXXX", line[512];
    struct writing output = {0};
    cr_assert_not_null(mkdtemp(directory));
    snprintf(line, sizeof line, "%s/input", directory);
    FILE *file = fopen(line, "w");
    fputs(input ? input : "", file);
    fclose(file);
    snprintf(line, sizeof line, "cd %s && { %s; } <input", directory, command);
    FILE *pipe = popen(line, "r");
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, pipe)) > 0;)
        write_text(&output, "%.*s", (int)got, part);
    write_text(&output, "%s", "");
    int status = pclose(pipe);
    snprintf(line, sizeof line, "rm -r %s", directory);
    if (status && !may_fail)
        fprintf(stderr, "%s: what it read is in %s\n", command, directory);
    else if (system(line))
        fprintf(stderr, "%s stays\n", directory);
    cr_assert(status == 0 || may_fail, "%s ends with %d: %s", command, status, output.text);
    return output.text;
}

/* Compiles a program, and returns what it prints. */
__attribute__((unused)) static char *run_program(const char *compiler, const char *text) {
    char command[256];
    snprintf(command, sizeof command,
             "%s -w -std=gnu11 -fuse-ld=gold -x c - -o program 2>errors && ./program || { cat errors; exit 1; }",
             compiler);
    return run_command(command, text, false);
}

/* Fails at the first line that differs. */
__attribute__((unused)) static void compare_lines(const char *ours, const char *theirs, const char *who) {
    while (*ours || *theirs) {
        size_t length = strcspn(ours, "\n"), other = strcspn(theirs, "\n");
        cr_assert(length == other && !memcmp(ours, theirs, length), "here '%.*s', but %s says '%.*s'", (int)length,
                  ours, who, (int)other, theirs);
        ours += length + (ours[length] == '\n');
        theirs += other + (theirs[other] == '\n');
    }
}

/* GATE_SEED in the environment repeats a run, GATE_RANDOM=n makes n trials instead of the usual number. The usual ones are
 * the same each time: compilers differ in rare ways of their own, and a build is not to fail by chance. */
static uint64_t random_state;

__attribute__((unused)) static void seed_random(const char *what) {
    const char *given = getenv("GATE_SEED");
    struct timespec now = {1, 0};
    if (getenv("GATE_RANDOM"))
        clock_gettime(CLOCK_REALTIME, &now);
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_nsec + (uint64_t)now.tv_sec;
    fprintf(stderr, "%s: GATE_SEED=%llu\n", what, (unsigned long long)random_state);
    random_state = random_state * 0x9e3779b97f4a7c15u + 1;
}

__attribute__((unused)) static unsigned draw(unsigned below) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 20) % below;
}

__attribute__((unused)) static unsigned count_trials(unsigned usual) {
    const char *given = getenv("GATE_RANDOM");
    return given ? (unsigned)strtoul(given, NULL, 10) : usual;
}

#endif
