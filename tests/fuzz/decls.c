/* Any bytes as declarations: texts that NULs divide, read into one scope.
 *
 * A text is taken as a whole, and every type in it is written and read back to the same, and every function can be called,
 * or is refused with words; or the text is refused with a place, and leaves nothing. Made by clang's libFuzzer: `ninja fuzz`.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"

enum { WRITTEN = 1 << 14, HEAVY = 500 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, const char *text) {
    if (holds)
        return;
    fprintf(stderr, "not so: %s: %s\n", what, text);
    abort();
}

/* Deeper than text may nest, a type may be by typedefs. */
static void check_type(gate_decls *decls, const gate_type *type) {
    static char first[WRITTEN], second[WRITTEN];
    const gate_type *again;
    gate_error error = {0, ""};
    if (type->weight > HEAVY || gate_type_print(type, first, sizeof first) >= sizeof first)
        return;
    if (gate_decls_type(decls, first, &again, &error)) {
        require(strstr(error.message, "nested too deeply") != NULL, error.message, first);
        return;
    }
    gate_type_print(again, second, sizeof second);
    require(gate__type_compatible(type, again), "it reads back to the same type", first);
    require(strcmp(first, second) == 0, first, second);
    require(type->size == again->size && type->alignment == again->alignment, "of the same size", first);
}

/* As a call, by libffi as well, and as a callback. */
static void prepare(gate_signature *signature) {
    struct gate__intake *intake;
    if (gate__intake_make(signature, &intake) || gate__ffi_prepare(signature, NULL))
        abort();
    free(intake);
    gate_signature_free(signature);
}

static void require_refusal(int code, const gate_error *error, const char *text) {
    require(code == -EINVAL || code == -ENOTSUP, error->message, text);
    require(error->message[0] != '\0', "it is refused with words", text);
}

static void sign(gate_decls *decls, const gate_decl *decl) {
    gate_signature *signature;
    gate_error error = {0, ""};
    int code = decl->kind == GATE_DECL_FUNCTION ? gate_decls_signature(decls, decl->name, &signature, &error)
                                                : gate_signature_of(decl->type, &signature, &error);
    if (code == 0)
        prepare(signature);
    else
        require_refusal(code, &error, decl->name);
}

static void check_all(gate_decls *decls) {
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;) {
        require(decl->type != NULL, "a declaration has a type", decl->name);
        check_type(decls, decl->type);
        sign(decls, decl);
    }
}

static size_t count(const gate_decls *decls) {
    size_t declared = 0;
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;)
        declared++;
    return declared;
}

static void read_text(gate_decls *decls, const char *text) {
    gate_error error = {0, ""};
    size_t before = count(decls);
    int code = gate_decls_read(decls, text, &error);
    if (code) {
        require(code == -EINVAL || code == -ENOTSUP, error.message, text);
        require(strstr(error.message, ": found ") != NULL, error.message, text);
        require(count(decls) == before, "it leaves nothing", text);
    }
    check_all(decls);
}

static void read_signature(const char *text) {
    gate_signature *signature = NULL;
    if (gate_signature_parse(text, &signature, NULL) == 0)
        prepare(signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    gate_decls *decls;
    memcpy(text, data, size);
    text[size] = '\0';
    if (gate_decls_make(&decls))
        abort();
    for (size_t at = 0; at < size; at += strlen(text + at) + 1)
        read_text(decls, text + at);
    gate_decls_free(decls);
    read_signature(text);
    free(text);
    return 0;
}
