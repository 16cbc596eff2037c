/* How the objects to link read the environment.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_HOOKS_LINK_SETTING_H
#define CALLGATE_RUNTIME_HOOKS_LINK_SETTING_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void setting_refused(const char *variable, const char *text, const char *expected) {
    fprintf(stderr, "callgate: %s='%s': expected %s\n", variable, text, expected);
    _Exit(2); /* at once: what is to be done at an exit may want to map memory */
}

/* A number, with what follows it in *end; ends the program if there is none. */
static inline uint64_t setting_number(const char *variable, const char *text, char **end, const char *expected) {
    errno = 0;
    uint64_t number = strtoull(text, end, 0);
    if (*end == text || errno || *text == '-')
        setting_refused(variable, text, expected);
    return number;
}

#endif
