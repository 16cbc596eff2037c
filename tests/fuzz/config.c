/* Any bytes as a config of cgen's.
 *
 * It is refused with words, or nothing in it is lost: what was taken of it, written as a config, is read to the same. Made by
 * clang's libFuzzer: `ninja fuzz`.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *words; /* where cgen says what is wrong */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    words = stderr = tmpfile();
    return words == NULL;
}

static void require(bool holds, const char *what, const char *text) {
    if (holds)
        return;
    dprintf(2, "not so: %s: %s\n", what, text);
    abort();
}

static int read_text(const char *text, size_t size, struct request *request) {
    FILE *file = fmemopen((void *)(uintptr_t)text, size, "r");
    rewind(words);
    int failed = config_read_stream(file, "text", request);
    require(!failed || ftell(words) > 0, "it is refused with words", text);
    fclose(file);
    return failed;
}

static void write_setting(const char *name, const struct word *word, FILE *out) {
    if (word->text)
        fprintf(out, "%s = %s\n", name, word->text);
}

static void write_section(const struct section *section, FILE *out) {
    static const char *const kinds[] = {"function", "macro", "export"};
    fprintf(out, "[%s %s]\n", kinds[section->kind], section->name.text);
    write_setting("class", &section->call_class, out);
    write_setting("rename", &section->rename, out);
    write_setting("owner", &section->owner, out);
    write_setting("skip", &section->skip, out);
    write_setting("type", &section->type, out);
}

static char *write_text(const struct request *request, size_t *size) {
    char *text;
    FILE *out = open_memstream(&text, size);
    for (size_t i = 0; i < request->section_count; i++)
        write_section(&request->sections[i], out);
    fclose(out);
    return text;
}

/* No two sections are of one name, so that each stands for itself. */
static void check(const struct request *request) {
    for (size_t i = 0; i < request->section_count; i++) {
        const struct section *section = &request->sections[i];
        require(config_find(request, section->kind, section->name.text) == section, "it is found", section->name.text);
        require(config_is_name(section->name.text), "it is a name", section->name.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct request first = {.section_count = 0}, second = {.section_count = 0};
    if (size && read_text((const char *)data, size, &first) == 0 && first.section_count) {
        size_t written, again;
        char *text = write_text(&first, &written);
        require(read_text(text, written, &second) == 0, "what it says is taken", text);
        char *other = write_text(&second, &again);
        require(strcmp(text, other) == 0, "it says the same", text);
        check(&first);
        free(text);
        free(other);
    }
    memory_free_all();
    return 0;
}
