/* Calls a C function whose type is known only as text. No runtime is needed for that.
 *
 *   $ 01_call
 *   strlen("Callgate") = 8
 *   chdir("/nowhere") = -1, errno 2: No such file or directory
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

static gate_signature *parse(const char *type) {
    gate_signature *signature;
    gate_error error;
    if (gate_signature_parse(type, &signature, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return signature;
}

static gate_function bind(gate_library *library, const char *name, const gate_signature *signature) {
    gate_error error;
    void *address;
    if (gate_library_symbol(library, name, &address, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return (gate_function){.signature = signature, .address = (void (*)(void))address, .name = name};
}

int main(void) {
    gate_library *c;
    gate_error error;
    if (gate_library_open(NULL, &c, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    gate_signature *measures = parse("size_t (const char *)"), *changes = parse("int (const char *)");
    gate_function length_of = bind(c, "strlen", measures), change_to = bind(c, "chdir", changes);

    const char *text = "Callgate", *nowhere = "/nowhere";
    size_t length;
    int result;
    gate_call(&length_of, &length, (void *[]){&text});
    printf("strlen(\"%s\") = %zu\n", text, length);
    gate_call(&change_to, &result, (void *[]){&nowhere});
    printf("chdir(\"%s\") = %d, errno %d: %s\n", nowhere, result, gate_errno(), strerror(gate_errno()));

    gate_signature_free(measures);
    gate_signature_free(changes);
    gate_library_close(c, NULL);
    return length == 8 && result == -1 ? 0 : 1;
}
