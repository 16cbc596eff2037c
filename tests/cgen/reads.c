/* Reads declarations with the bridge, all of a file: what cgen writes as cdef has to be what the compiler has.
 *
 *   reads FILE            prints how many functions it could call
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (!file || getdelim(&text, &size, '\0', file) < 0) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return text;
}

/* Whether each function that was declared can be called. */
static unsigned count_callable(gate_decls *decls) {
    unsigned count = 0;
    for (const gate_decl *decl = gate_decls_next(decls, NULL); decl; decl = gate_decls_next(decls, decl)) {
        gate_signature *signature;
        gate_error error;
        if (decl->kind != GATE_DECL_FUNCTION || !decl->name)
            continue;
        if (gate_decls_signature(decls, decl->name, &signature, &error)) {
            fprintf(stderr, "%s: %s\n", decl->name, error.message);
            exit(1);
        }
        gate_signature_free(signature);
        count++;
    }
    return count;
}

int main(int argc, char **argv) {
    gate_decls *decls;
    gate_error error;
    char *text = read_file(argv[argc - 1]);
    if (gate_decls_make(&decls) || gate_decls_read(decls, text, &error)) {
        fprintf(stderr, "%s: %s\n", argv[argc - 1], error.message);
        return 1;
    }
    printf("%u\n", count_callable(decls));
    gate_decls_free(decls);
    free(text);
    return 0;
}
