/* Scopes as hosts see them: texts are read into them, and names looked up.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/internal.h"

int gate_decls_make(gate_decls **decls) {
    *decls = gate__scope_make();
    return *decls ? 0 : -ENOMEM;
}

void gate_decls_free(gate_decls *decls) {
    if (decls)
        gate__signature_forget(decls);
    gate__scope_release(decls);
}

/* One reading, so that it can be run on the system stack with a single argument. */
struct request {
    struct gate__reader reader;
    const char *text;
    void (*read)(struct gate__reader *r, void *data);
    void *data;
};

static void run(void *data) {
    struct request *request = data;
    struct gate__reader *r = &request->reader;
    struct gate__mark mark = gate__scope_begin(r->decls);
    gate__lex_begin(r, request->text);
    request->read(r, request->data);
    gate__scope_end(r->decls, &mark, r->failed);
}

static int run_with(gate_decls *decls, const char *text, const struct gate_decls_options *options,
                    void (*read)(struct gate__reader *r, void *data), void *data, gate_error *error) {
    if (!text)
        return gate__fail(error, -EINVAL, "no text was given");
    struct request request = {.text = text, .read = read, .data = data};
    request.reader.decls = decls;
    request.reader.options = options;
    request.reader.error = error;
    request.reader.unknown_type = "no type of that name is known";
    gate__switch_call(gate__m(), run, &request);
    return request.reader.failed;
}

int gate__decls_run(gate_decls *decls, const char *text, void (*read)(struct gate__reader *r, void *data), void *data,
                    gate_error *error) {
    return run_with(decls, text, NULL, read, data, error);
}

static void read_all(struct gate__reader *r, void *data) {
    (void)data;
    gate__decl_read(r);
    gate__lex_require_end(r);
}

int gate_decls_read_with(gate_decls *decls, const char *text, const struct gate_decls_options *options,
                         gate_error *error) {
    decls->version++;
    return run_with(decls, text, options, read_all, NULL, error);
}

int gate_decls_read(gate_decls *decls, const char *text, gate_error *error) {
    return gate_decls_read_with(decls, text, NULL, error);
}

static void read_type(struct gate__reader *r, void *data) {
    const gate_type **type = data, *made = gate__declarator_type_name(r);
    gate__lex_require_end(r);
    if (!r->failed)
        *type = made;
}

int gate_decls_type_with(gate_decls *decls, const char *text, const struct gate_decls_options *options,
                         const gate_type **type, gate_error *error) {
    return run_with(decls, text, options, read_type, type, error);
}

int gate_decls_type(gate_decls *decls, const char *text, const gate_type **type, gate_error *error) {
    return gate_decls_type_with(decls, text, NULL, type, error);
}

/* Looking up */

const gate_decl *gate_decls_find(const gate_decls *decls, const char *name) {
    const struct gate__entry *entry = gate__scope_find(decls, GATE__ORDINARY, name, strlen(name));
    return entry ? &entry->decl : NULL;
}

const gate_decl *gate_decls_find_tag(const gate_decls *decls, const char *tag) {
    const struct gate__entry *entry = gate__scope_find(decls, GATE__TAGS, tag, strlen(tag));
    return entry ? &entry->decl : NULL;
}

const gate_decl *gate_decls_next(const gate_decls *decls, const gate_decl *previous) {
    const struct gate__entry *before = (const struct gate__entry *)(const void *)previous;
    for (size_t i = before ? before->index + 1 : 0; i < decls->count; i++) {
        if (decls->entries[i]->space != GATE__FILES)
            return &decls->entries[i]->decl;
    }
    return NULL;
}
