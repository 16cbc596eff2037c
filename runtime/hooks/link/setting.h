/* How the objects to link read the environment.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_HOOKS_LINK_SETTING_H
#define CALLGATE_RUNTIME_HOOKS_LINK_SETTING_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void setting_refused(const char *variable, const char *text, const char *expected) {
    fprintf(stderr, "callgate: %s='%s': expected %s\n", variable, text, expected);
    _Exit(2); /* at once: what is to be done at an exit may want to map memory */
}

/* Whether a number begins at text; what follows it is in *end. */
static inline bool setting_number(const char *text, uint64_t *number, char **end) {
    errno = 0;
    *number = strtoull(text, end, 0);
    return *end != text && !errno && *text != '-';
}

#endif
