/* The ways in which things end: an error for the caller, misuse, and a runtime that can't go on.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

int gate__fail(gate_error *error, int code, const char *format, ...) {
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return code;
}

void gate__fatal(const char *function, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "callgate: fatal: %s: %s\n", function, message);
    abort();
}

void gate__throw(const char *what) {
    fprintf(stderr, "callgate: fatal: %s\n", what);
    fflush(stderr);
    gate__os_print_backtrace();
    abort();
}
