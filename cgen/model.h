/* What a header declares, in plain structures: clang.c fills them in, the emitters write them out, and neither
 * knows the other.
 *
 *   header --clang.c--> struct model --emit_*.c--> text
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_CGEN_MODEL_H
#define CALLGATE_CGEN_MODEL_H

#include <stddef.h>
#include <stdio.h>

/* A function of C; signature or reason is NULL. */
struct function {
    char *name;
    char *signature; /* its type, in the text that gate_signature_parse takes */
    char *reason;    /* why it can't be bound */
    char *file;
    unsigned line, column;
};

struct model {
    struct function *functions; /* count of them, in the order of their declarations */
    size_t count;
};

/* What is asked for. */
struct request {
    const char *header;
    const char *pattern;      /* of functions' names, as a shell has them */
    const char *const *flags; /* -I and -D, flag_count of them */
    int flag_count;
    const char *command; /* the command line, for the output's first line */
};

/* clang.c: reads the header; returns 0, or 1 when it does not compile, which is on standard error then. */
int model_read(const struct request *request, struct model *model);
void model_free(struct model *model);

/* One file for each form of output. */
void emit_signatures(const struct model *model, const struct request *request, FILE *out);
void emit_lua(const struct model *model, const struct request *request, FILE *out);

#endif
