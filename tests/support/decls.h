/* What tests of declarations begin with: scopes from their C text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_DECLS_H
#define CALLGATE_TESTS_DECLS_H

#include <errno.h>

#include "tests/support/bridge.h"

__attribute__((unused)) static void read_more(gate_decls *decls, const char *text) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_read(decls, text, &error), 0, "%s: %s", strlen(text) < 200 ? text : "", error.message);
}

__attribute__((unused)) static gate_decls *read_text(const char *text) {
    gate_decls *decls = NULL;
    cr_assert_eq(gate_decls_make(&decls), 0);
    read_more(decls, text);
    return decls;
}

/* The text is refused with that code, and the message has those words. */
__attribute__((unused)) static void refuse_more(gate_decls *decls, const char *text, int code, const char *words) {
    gate_error error = {0, ""};
    const char *shown = strlen(text) < 200 ? text : "";
    cr_assert_eq(gate_decls_read(decls, text, &error), code, "'%s' gives %d: %s", shown, error.code, error.message);
    cr_assert_not_null(strstr(error.message, words), "'%s' gives: %s", shown, error.message);
}

__attribute__((unused)) static void refuse_text(const char *text, int code, const char *words) {
    gate_decls *decls = read_text("");
    refuse_more(decls, text, code, words);
    cr_assert_null(gate_decls_next(decls, NULL), "'%s' leaves something", text);
    gate_decls_free(decls);
}

__attribute__((unused)) static const gate_decl *find(const gate_decls *decls, const char *name) {
    const gate_decl *decl = gate_decls_find(decls, name);
    cr_assert_not_null(decl, "%s", name);
    return decl;
}

__attribute__((unused)) static const gate_type *type_of(gate_decls *decls, const char *text) {
    const gate_type *type = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_type(decls, text, &type, &error), 0, "%s: %s", text, error.message);
    return type;
}

/* How C writes the type; the next call of it writes over it. */
__attribute__((unused)) static const char *printed(const gate_type *type) {
    static char text[1 << 16];
    cr_assert_lt(gate_type_print(type, text, sizeof text), sizeof text);
    return text;
}

#endif
