/* Writes a line for each function: its name, a tab, and its signature, which needs no header to be understood.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

void emit_signatures(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "# made by: %s\n", request->command);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *f = model->items[i];
        if (f->kind != ITEM_FUNCTION || !item_is_bound(f) || f->is_inline)
            continue;
        const char *problem = spell_problem(f->type);
        if (problem)
            report(&f->place, "skipped", "%s: %s", f->name, problem);
        else
            fprintf(out, "%s\t%s\n", item_name(f), spell(f->type, "", SPELL_RESOLVED));
    }
}
