/* Writes a line for each function: its name, a tab, and its signature.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

void emit_signatures(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "# made by: %s\n", request->command);
    for (size_t i = 0; i < model->count; i++) {
        if (model->functions[i].signature)
            fprintf(out, "%s\t%s\n", model->functions[i].name, model->functions[i].signature);
    }
}
