/* Signatures: the types of functions, prepared for calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bridge/internal.h"

struct gate__allocation {
    struct gate__allocation *next;
    max_align_t data[];
};

void *gate__signature_allocate(gate_signature *owner, size_t size) {
    struct gate__allocation *allocation = calloc(1, sizeof *allocation + size);
    if (!allocation)
        return NULL;
    allocation->next = owner->owned;
    owner->owned = allocation;
    return allocation->data;
}

void gate_signature_free(gate_signature *signature) {
    if (!signature)
        return;
    while (signature->owned) {
        struct gate__allocation *allocation = signature->owned;
        signature->owned = allocation->next;
        free(allocation);
    }
    gate__scope_release(signature->decls);
    free(signature);
}

/* A signature for calls, of a function's type. */
static int make(gate_decls *decls, const gate_type *type, gate_signature **result, gate_error *error) {
    gate_signature *signature = malloc(sizeof *signature);
    if (!signature)
        return gate__fail(error, -ENOMEM, "no memory for a signature");
    *signature = *type->function;
    signature->decls = decls;
    gate__scope_retain(decls);
    int failed = gate__ffi_prepare(signature, error);
    if (!failed)
        failed = gate__plan_make(signature, error);
    if (failed)
        gate_signature_free(signature);
    else
        *result = signature;
    return failed;
}

/* The type of the function that the text names, and nothing else; NULL if it does not. */
static const gate_type *declared(const struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    if (!gate__lex_sees_name(r))
        return NULL;
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
    return entry && entry->decl.kind == GATE_DECL_FUNCTION ? entry->decl.type : NULL;
}

static void read_function(struct gate__reader *r, void *data) {
    const gate_type **type = data, *made = declared(r);
    if (made)
        gate__lex_advance(r);
    else
        made = gate__decl_function(r);
    if (r->lexer.token.kind != GATE__END)
        gate__lex_expected(r, "the end");
    *type = made;
}

int gate_decls_signature(gate_decls *decls, const char *text, gate_signature **signature, gate_error *error) {
    const gate_type *type = NULL;
    int failed = gate__decls_run(decls, text, read_function, &type, error);
    return failed ? failed : make(decls, type, signature, error);
}

int gate_signature_parse(const char *text, gate_signature **signature, gate_error *error) {
    gate_decls *decls = gate__scope_make();
    if (!decls)
        return gate__fail(error, -ENOMEM, "no memory for a signature");
    int failed = gate_decls_signature(decls, text, signature, error);
    gate__scope_release(decls);
    return failed;
}

const gate_type *gate_signature_result(const gate_signature *signature) {
    return signature->result;
}

size_t gate_signature_count(const gate_signature *signature) {
    return signature->count;
}

const gate_type *gate_signature_parameter(const gate_signature *signature, size_t index) {
    return index < signature->count ? signature->parameters[index] : NULL;
}

bool gate_signature_variadic(const gate_signature *signature) {
    return signature->variadic;
}
