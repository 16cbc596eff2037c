/* Writes a Lua table from functions' names to their signatures.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

void emit_lua(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "-- made by: %s\nreturn {\n", request->command);
    for (size_t i = 0; i < model->count; i++) {
        if (model->functions[i].signature)
            fprintf(out, "    [\"%s\"] = \"%s\",\n", model->functions[i].name, model->functions[i].signature);
    }
    fputs("}\n", out);
}
