/* Writes a line for each function: its name, its signature, which needs no header to be understood, and its symbol, if that is
 * another than the name; with tabs between.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/model.h"

static void write_function(const struct item *f, FILE *out) {
    const char *problem = spell_problem(f->type), *name = item_name(f), *symbol = item_symbol(f);
    bool is_another = strcmp(symbol, name) != 0;
    if (problem)
        report(&f->place, "skipped", "%s: %s", f->name, problem);
    else
        fprintf(out, "%s\t%s%s%s\n", name, spell(f->type, "", SPELL_RESOLVED), is_another ? "\t" : "",
                is_another ? symbol : "");
}

void emit_signatures(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "# made by: %s\n", request->command);
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->kind == ITEM_FUNCTION && item_is_bound(model->items[i]))
            write_function(model->items[i], out);
    }
}
