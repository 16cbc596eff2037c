/* The ways in which things end: an error for the caller, misuse, and a runtime that can't go on.
 *
 * SPDX-License-Identifier: MIT */
#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/internal.h"

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
    void *frames[32];
    fprintf(stderr, "callgate: fatal: %s\n", what);
    fflush(stderr);
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    abort();
}
