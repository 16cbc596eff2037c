/* Writes a Lua table from functions' names to their signatures.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

void emit_lua(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "-- made by: %s\nreturn {\n", request->command);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *f = model->items[i];
        if (f->kind == ITEM_FUNCTION && item_is_bound(f) && !f->is_inline && !spell_problem(f->type))
            fprintf(out, "    [\"%s\"] = \"%s\",\n", item_name(f), spell(f->type, "", SPELL_RESOLVED));
    }
    fputs("}\n", out);
}
