/* Signatures: the types of functions, prepared for calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void discard(gate_signature *signature) {
    while (signature->owned) {
        struct gate__allocation *allocation = signature->owned;
        signature->owned = allocation->next;
        free(allocation);
    }
    free(signature);
}

/* Adds to the count of those that are to free it, and discards it if that comes to none. */
static void count(gate_signature *signature, long more) {
    gate_decls *decls = signature->decls;
    if (atomic_fetch_add_explicit(&signature->askers, more, memory_order_acq_rel) + more != 0)
        return;
    discard(signature);
    gate__scope_release(decls);
}

static void drop(gate_signature *signature) {
    count(signature, -1);
}

void gate_signature_free(gate_signature *signature) {
    if (!signature)
        return;
    gate__signature_require(signature, "gate_signature_free");
    drop(signature);
}

/* The signatures of types are there to be looked at. */

void gate__signature_require(const gate_signature *signature, const char *function) {
    if (signature->call == gate__signature_unprepared)
        gate__fatal(function, "the signature is a type's, and not prepared: gate_signature_of makes one that is");
}

int gate__signature_unprepared(const gate_function *function, void *result, void *const arguments[]) {
    (void)result, (void)arguments;
    gate__signature_require(function->signature, "gate_call");
    return -EINVAL;
}

/* Values of incomplete types can't be passed, nor are those of arrays. */
static int check(const gate_type *type, bool may_be_void, const char *what, gate_error *error) {
    char printed[96];
    bool is_there = gate__type_is_complete(type) || (may_be_void && type->kind == GATE_VOID);
    bool is_array = type->kind == GATE_ARRAY;
    const char *refusal = is_there ? gate__abi_refusal(type) : NULL;
    if (is_there && !is_array && !refusal)
        return 0;
    gate_type_print(type, printed, sizeof printed);
    if (is_array)
        return gate__fail(error, -EINVAL, "%s is of type '%s': C passes a pointer in place of an array", what, printed);
    if (!is_there)
        return gate__fail(error, -EINVAL, "%s is of type '%s', which is not defined", what, printed);
    return gate__fail(error, -ENOTSUP, "it can't be called: %s is of type '%s', %s", what, printed, refusal);
}

static int check_all(const gate_signature *signature, gate_error *error) {
    char what[32];
    int failed = check(signature->result, true, "the result", error);
    for (size_t i = 0; !failed && i < signature->count; i++) {
        snprintf(what, sizeof what, "parameter %zu", i + 1);
        failed = check(signature->parameters[i], false, what, error);
    }
    return failed;
}

static int prepare(gate_signature *signature, gate_error *error) {
    int failed = check_all(signature, error);
    if (!failed)
        failed = gate__plan_make(signature, error);
    if (!failed && !signature->plan)
        failed = gate__ffi_prepare(signature, error);
    if (!failed && !signature->plan && !signature->prepared)
        failed = gate__fail(error, -ENOTSUP, "libffi, which makes calls for MemorySanitizer, has no such types");
    if (!failed)
        failed = gate__way_choose(signature, error);
    signature->needs_room =
        signature->plan ? signature->plan->result.in == GATE__IN_MEMORY : signature->result->size > GATE__FFI_ROOM;
    signature->passes_pointers = signature->needs_room;
    for (size_t i = 0; i < signature->count; i++)
        signature->passes_pointers |= gate__type_has_pointers(signature->parameters[i]);
    return failed;
}

/* Prepares the signature, or frees it. */
static int finish(gate_signature *signature, gate_signature **result, gate_error *error) {
    int failed = prepare(signature, error);
    if (failed)
        drop(signature);
    else
        *result = signature;
    return failed;
}

/* A signature for calls, with what model says of types, and nothing prepared yet; NULL without memory. */
static gate_signature *derive(gate_decls *decls, const gate_signature *model, gate_error *error) {
    gate_signature *signature = malloc(sizeof *signature);
    if (!signature) {
        gate__fail(error, -ENOMEM, "no memory for a signature");
        return NULL;
    }
    *signature = *model;
    signature->askers = 1;
    signature->takes = NULL;
    signature->prepared = NULL;
    signature->plan = NULL;
    signature->owned = NULL;
    signature->decls = decls;
    gate__scope_retain(decls);
    return signature;
}

static int make(const gate_type *type, gate_signature **result, gate_error *error) {
    gate_signature *signature = derive(type->function->decls, type->function, error);
    return signature ? finish(signature, result, error) : -ENOMEM;
}

int gate_signature_of(const gate_type *type, gate_signature **signature, gate_error *error) {
    char printed[96];
    const gate_type *function = type->kind == GATE_POINTER ? type->target : type;
    if (function->kind == GATE_FUNCTION)
        return make(function, signature, error);
    gate_type_print(type, printed, sizeof printed);
    return gate__fail(error, -EINVAL, "'%s' is no type of a function, or of a pointer to one", printed);
}

/* What an argument's type becomes where no parameter says it (C11 6.5.2.2p6). */
static const gate_type *promote(const gate_type *type) {
    const gate_type *plain = gate__type_plain(type);
    if (plain->kind == GATE_FLOAT)
        return gate__type_basic(GATE_DOUBLE);
    if (gate__type_is_integer(plain) && plain->size < sizeof(int))
        return gate__type_basic(GATE_INT);
    return type;
}

static int refuse_extension(const gate_signature *signature, gate_error *error) {
    bool takes_more = signature->variadic || signature->unspecified;
    return takes_more ? 0 : gate__fail(error, -EINVAL, "the function takes no more arguments than its parameters");
}

int gate_signature_extend(const gate_signature *variadic, const gate_type *const types[], size_t count,
                          gate_signature **result, gate_error *error) {
    size_t fixed = variadic->fixed, total = fixed + count;
    int refused = refuse_extension(variadic, error);
    if (refused)
        return refused;
    if (count > GATE__PARAMETERS_MAX || total > GATE__PARAMETERS_MAX)
        return gate__fail(error, -EINVAL, "%zu arguments and %zu more, of which %d are the most", fixed, count,
                          GATE__PARAMETERS_MAX);
    gate_signature *signature = derive(variadic->decls, variadic, error);
    if (!signature)
        return -ENOMEM;
    const gate_type **parameters = gate__signature_allocate(signature, (total + 1) * sizeof *parameters);
    if (!parameters) {
        drop(signature);
        return gate__fail(error, -ENOMEM, "no memory for a signature");
    }
    for (size_t i = 0; i < total; i++)
        parameters[i] = i < fixed ? variadic->parameters[i] : promote(types[i - fixed]);
    signature->parameters = parameters;
    signature->count = total;
    return finish(signature, result, error);
}

static bool is_alone(const struct gate__reader *r) {
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    gate__lex_advance(&ahead);
    gate__lex_accept(&ahead, ';');
    return ahead.lexer.token.kind == GATE__END && !ahead.failed;
}

/* The type of the function that the text names, and nothing else; NULL if it does not. A name alone that is no type's is
 * meant to be a function's, too. */
static const gate_type *declared(struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    if (!gate__lex_sees_name(r))
        return NULL;
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
    if (entry && entry->decl.kind == GATE_DECL_FUNCTION)
        return entry->decl.type;
    if (!gate__specifier_begins(r) && is_alone(r))
        gate__lex_fail(r, token, -EINVAL, entry ? "which is no function" : "no function of that name was declared");
    return NULL;
}

static void read_function(struct gate__reader *r, void *data) {
    const gate_type **type = data, *made = declared(r);
    if (made)
        gate__lex_advance(r);
    else if (!r->failed)
        made = gate__decl_function(r);
    if (r->lexer.token.kind != GATE__END)
        gate__lex_expected(r, "the end");
    *type = made;
}

static int read(gate_decls *decls, const char *text, gate_signature **signature, gate_error *error) {
    const gate_type *type = NULL;
    int failed = gate__decls_run(decls, text, read_function, &type, error);
    return failed ? failed : make(type, signature, error);
}

int gate_signature_parse(const char *text, gate_signature **signature, gate_error *error) {
    gate_decls *decls = gate__scope_make();
    if (!decls)
        return gate__fail(error, -ENOMEM, "no memory for a signature");
    int failed = read(decls, text, signature, error);
    gate__scope_release(decls);
    return failed;
}

/* A scope keeps the signatures that it was asked for, and gives them again: as long as nothing more is read into it, since
 * a text may mean another type then. One thread at a time asks, and any frees, so the askers are counted in two places:
 * those that came here, with what is kept, and in the signature, below zero, those that have freed it since. Both are added
 * up when it is kept no longer. So to have it again costs one atomic instruction, not two. */

enum { BUCKETS = 256 };

struct kept {
    struct kept *next;
    gate_signature *signature;
    long asked; /* times */
    uint64_t hash;
    size_t length;
    char text[];
};

struct gate__kept {
    unsigned version; /* of the scope, when they were made */
    struct kept *buckets[BUCKETS];
};

static uint64_t mix(uint64_t hash, const char *at, size_t size) {
    uint64_t word = 0;
    memcpy(&word, at, size);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 by the golden ratio */
    return hash ^ hash >> 32;
}

/* Eight bytes at a time, and the last eight, some of them again. */
static uint64_t hash_of(const char *text, size_t length) {
    uint64_t hash = length;
    if (length < sizeof hash)
        return mix(hash, text, length);
    for (size_t done = 0; done + sizeof hash < length; done += sizeof hash)
        hash = mix(hash, text + done, sizeof hash);
    return mix(hash, text + length - sizeof hash, sizeof hash);
}

void gate__signature_forget(gate_decls *decls) {
    for (int i = 0; decls->kept && i < BUCKETS; i++) {
        for (struct kept *kept = decls->kept->buckets[i], *next; kept; kept = next) {
            next = kept->next;
            count(kept->signature, kept->asked);
            free(kept);
        }
    }
    free(decls->kept);
    decls->kept = NULL;
}

static struct kept *find(gate_decls *decls, const char *text, size_t length, uint64_t hash) {
    if (decls->kept && decls->kept->version != decls->version)
        gate__signature_forget(decls);
    struct kept *kept = decls->kept ? decls->kept->buckets[hash % BUCKETS] : NULL;
    while (kept && (kept->hash != hash || kept->length != length || memcmp(kept->text, text, length) != 0))
        kept = kept->next;
    return kept;
}

/* Without memory for it, the signature is its asker's alone. */
static void keep(gate_decls *decls, const char *text, size_t length, uint64_t hash, gate_signature *signature) {
    struct kept *kept = malloc(sizeof *kept + length);
    if (!decls->kept && (decls->kept = calloc(1, sizeof *decls->kept)))
        decls->kept->version = decls->version;
    if (!kept || !decls->kept) {
        free(kept);
        return;
    }
    struct kept **bucket = &decls->kept->buckets[hash % BUCKETS];
    *kept = (struct kept){*bucket, signature, 1, hash, length};
    memcpy(kept->text, text, length);
    *bucket = kept;
    signature->askers = 0;
}

int gate_decls_signature(gate_decls *decls, const char *text, gate_signature **signature, gate_error *error) {
    if (!text)
        return gate__fail(error, -EINVAL, "no text was given");
    size_t length = strlen(text);
    uint64_t hash = hash_of(text, length);
    struct kept *kept = find(decls, text, length, hash);
    if (kept) {
        kept->asked++;
        *signature = kept->signature;
        return 0;
    }
    int failed = read(decls, text, signature, error);
    if (!failed)
        keep(decls, text, length, hash, *signature);
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
