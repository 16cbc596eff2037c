/* Any bytes as a Lua script whose declarations cgen looks for, and as a header with a macro's comment.
 *
 * Each byte of what is found stands in the script where its place says, or an escape for it does. Made by clang's libFuzzer:
 * `ninja fuzz`.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    stderr = fopen("/dev/null", "w");
    return stderr == NULL;
}

static const char *find_place(const char *script, struct place place) {
    for (; place.line > 1; place.line--)
        script = strchr(script, '\n') + 1;
    return script + place.column - 1;
}

static void require_places(const char *script, const struct text *text) {
    for (size_t i = 0; i < text->length; i++) {
        struct place place = text_place(text, i);
        const char *at = *place.file ? find_place(script, place) : NULL;
        bool is_size = text->bytes[i] == ' ' && at && *at == '?'; /* of an array: "[?]" */
        if (at && *at != text->bytes[i] && *at != '\\' && !is_size)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *script = memory_format("%.*s", (int)size, (const char *)data);
    struct text text = {.bytes = NULL};
    size_t length = strlen(script), begin = length ? data[0] % length : 0;
    script_read("script", script, &text);
    require_places(script, &text);
    comment_of_macro(script, begin, begin + (length - begin) / 2);
    memory_free_all();
    return 0;
}
