/* Whether the bridge takes every signature on standard input, a line each.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "callgate.h"

int main(void) {
    char line[4096];
    unsigned taken = 0;
    while (fgets(line, sizeof line, stdin)) {
        gate_signature *signature;
        gate_error error;
        line[strcspn(line, "\n")] = '\0';
        if (gate_signature_parse(line, &signature, &error)) {
            fprintf(stderr, "%s: %s\n", line, error.message);
            return 1;
        }
        gate_signature_free(signature);
        taken++;
    }
    return taken == 0;
}
