/* An interpreter with C: a host to start from. language.c is the interpreter, c.c gives it C; this runs a script.
 *
 *   $ 05_interpreter examples/05_interpreter/example.txt
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/05_interpreter/c.h"

/* Between words: other tasks' turn, if they have waited for 10 ms. */
static void poll(void) {
    if (gate_task_should_yield())
        gate_task_yield();
}

/* The file's text, with a NUL; the caller frees it. */
static char *read_file(const char *name) {
    size_t size = 0, got;
    char *text = NULL, *more;
    FILE *file = fopen(name, "r");
    if (!file)
        return NULL;
    do {
        more = realloc(text, size + 4096 + 1);
        if (!more)
            break;
        text = more;
        got = fread(text + size, 1, 4096, file);
        size += got;
        text[size] = '\0';
    } while (got > 0);
    bool is_whole = more && !ferror(file);
    fclose(file);
    if (is_whole)
        return text;
    free(text);
    return NULL;
}

static bool run(const char *name, const char *text, gate_runtime *runtime) {
    struct language language;
    struct state state = {.language = &language};
    struct c c;
    gate_error error;
    if (!language_make(&language, poll)) {
        fprintf(stderr, "out of memory\n");
        return false;
    }
    gate_task_set_host(gate_task_current(), &state);
    bool is_done = c_add(&c, &language, runtime, &error);
    if (!is_done) {
        fprintf(stderr, "%s\n", error.message);
    } else {
        is_done = language_read(&state, text);
        if (!is_done)
            fprintf(stderr, "%s: %s\n", name, state.error);
        language.is_over = !is_done;
        c_free(&c);
    }
    language_free(&language);
    return is_done;
}

int main(int count, char *arguments[]) {
    gate_runtime *runtime;
    gate_error error;
    if (count != 2) {
        fprintf(stderr, "usage: 05_interpreter FILE\n");
        return 2;
    }
    char *text = read_file(arguments[1]);
    if (!text) {
        fprintf(stderr, "%s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    if (gate_runtime_start(NULL, &runtime, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    bool is_done = run(arguments[1], text, runtime);
    free(text);
    if (gate_runtime_stop(runtime, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    return is_done ? 0 : 1;
}
