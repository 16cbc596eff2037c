/* Layouts: those of the compilers, for the records of system headers, and for records that nobody would write. */
#include "tests/support/compiler.h"
#include "tests/support/decls.h"

/* A program that prints what a scope's records look like, and what the scope says to that: the same lines. */
struct comparison {
    struct writing program, expected;
};

static const char prelude[] = "static void probe_(const char *name, const unsigned char *bytes, unsigned long size) {\n"
                              "    unsigned long first = 0, count = 0;\n"
                              "    for (unsigned long i = 8 * size; i-- > 0;)\n"
                              "        if (bytes[i / 8] >> i % 8 & 1) { first = i; count++; }\n"
                              "    __builtin_printf(\"%s bits %lu, %lu\\n\", name, first, count);\n"
                              "}\n"
                              "int main(void) {\n";

static void add_fields(struct comparison *c, const char *record, const gate_type *top, const gate_type *type,
                       const char *path, size_t offset);

static void add_field(struct comparison *c, const char *record, const gate_type *top, const gate_field *field,
                      const char *path, size_t offset) {
    char name[512];
    const gate_type *inner = field->type;
    snprintf(name, sizeof name, "%s%s", path, field->name);
    if (!*path) {
        gate_field found;
        cr_assert_eq(gate_type_field(top, field->name, &found), 0, "%s has no %s", record, field->name);
        cr_assert_eq(found.offset, offset + field->offset, "the place of %s in %s", field->name, record);
    }
    if (field->is_bit_field) {
        write_text(&c->program,
                   "{ %s v; __builtin_memset(&v, 0, sizeof v); v.%s = -1; probe_(\"%s\", (void *)&v, sizeof v); }\n",
                   record, name, name);
        write_text(&c->expected, "%s bits %zu, %u\n", name, 8 * (offset + field->offset) + field->bit_offset,
                   field->bit_width);
        return;
    }
    write_text(&c->program, "__builtin_printf(\"%s at %%lu\\n\", __builtin_offsetof(%s, %s));\n", name, record, name);
    write_text(&c->expected, "%s at %zu\n", name, offset + field->offset);
    for (; inner->kind == GATE_ARRAY && inner->count && inner->count < GATE_COUNT_VARIABLE; inner = inner->target)
        strncat(name, "[0]", sizeof name - strlen(name) - 1);
    strncat(name, ".", sizeof name - strlen(name) - 1);
    bool is_record = inner->kind == GATE_STRUCT || inner->kind == GATE_UNION;
    if (is_record && !inner->tag)
        add_fields(c, record, top, inner, name, offset + field->offset);
}

static void add_fields(struct comparison *c, const char *record, const gate_type *top, const gate_type *type,
                       const char *path, size_t offset) {
    for (size_t i = 0; i < type->count; i++) {
        const gate_field *field = &type->fields[i];
        if (field->name)
            add_field(c, record, top, field, path, offset);
        else if (!field->is_bit_field)
            add_fields(c, record, top, field->type, path, offset + field->offset);
    }
}

static void add_record(struct comparison *c, const char *name, const gate_type *type) {
    write_text(&c->program, "__builtin_printf(\"%s: %%lu, %%lu\\n\", sizeof(%s), _Alignof(%s));\n", name, name, name);
    write_text(&c->expected, "%s: %zu, %zu\n", name, type->size, type->alignment);
    if (type->kind != GATE_ENUM)
        add_fields(c, name, type, type, "", 0);
}

static bool is_complete_record(const gate_type *type) {
    return (type->kind == GATE_STRUCT || type->kind == GATE_UNION || type->kind == GATE_ENUM) && type->alignment &&
           (type->kind != GATE_ENUM || type->count);
}

/* All that have a tag or a typedef; returns how many. */
static unsigned add_records(struct comparison *c, const gate_decls *decls) {
    static const char *const words[] = {[GATE_STRUCT] = "struct", [GATE_UNION] = "union", [GATE_ENUM] = "enum"};
    unsigned count = 0;
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;) {
        char name[256];
        bool is_tag = decl->kind == GATE_DECL_TAG;
        if (!is_complete_record(decl->type) || (!is_tag && decl->kind != GATE_DECL_TYPEDEF) ||
            !strcmp(decl->name, "__va_list_tag"))
            continue;
        snprintf(name, sizeof name, "%s %s", is_tag ? words[decl->type->kind] : "", decl->name);
        add_record(c, name + !is_tag, decl->type);
        count++;
    }
    return count;
}

/* Returns how many records were compared. */
static unsigned compare_with(const char *compiler, const char *text, const char *what) {
    struct comparison c = {0};
    char who[128];
    gate_decls *decls = read_text(text);
    write_text(&c.program, "%s\n%s", text, prelude);
    write_text(&c.expected, "%s", "");
    unsigned count = add_records(&c, decls);
    write_text(&c.program, "return 0; }\n");
    char *said = run_program(compiler, c.program.text);
    snprintf(who, sizeof who, "%s, of %s,", compiler, what);
    compare_lines(c.expected.text, said, who);
    free(said);
    free(c.program.text);
    free(c.expected.text);
    gate_decls_free(decls);
    return count;
}

static const struct {
    const char *name;
    unsigned records; /* at least so many */
} headers[] = {
    {"stdio.h", 4},
    {"stdlib.h", 8},
    {"sys/stat.h", 3},
    {"sys/socket.h", 15},
    {"netinet/in.h", 20},
    {"netdb.h", 15},
    {"dirent.h", 1},
    {"time.h", 5},
    {"signal.h", 20},
    {"pthread.h", 15},
    {"termios.h", 1},
    {"sys/epoll.h", 3},
    {"elf.h", 40},
    {"link.h", 5},
    {"math.h", 0},
    {"wchar.h", 2},
    {"sqlite3.h", 10},
    {"zlib.h", 3},
    {"ucontext.h", 8},
    {"linux/perf_event.h", 20},
    {"linux/io_uring.h", 15},
    {"spawn.h", 3},
    {"sys/ptrace.h", 3},
    {"arpa/inet.h", 10},
    {"linux/tcp.h", 5},
    {"unwind.h", 1},
    {"regex.h", 3},
    {"complex.h", 0},
    {"stdatomic.h", 1},
    {"fenv.h", 2},
    {"sys/user.h", 2},
    {"aio.h", 1},
    {"glob.h", 1},
    {"search.h", 3},
    {"obstack.h", 2},
    {"argp.h", 3},
    {"linux/bpf.h", 30},
    {"linux/videodev2.h", 30},
};

static unsigned compare_header(const char *compiler, const char *name) {
    char include[256], command[128];
    snprintf(include, sizeof include, "#include <stdint.h>\n#include <stdio.h>\n#include <%s>\n", name);
    snprintf(command, sizeof command, "%s -D_GNU_SOURCE -std=gnu11 -E -x c -", compiler);
    char *text = run_command(command, include, false);
    unsigned count = compare_with(compiler, text, name);
    free(text);
    return count;
}

/* GATE_HEADERS="a.h b.h" in the environment takes others. */
static void compare_headers(const char *compiler) {
    char *others = getenv("GATE_HEADERS");
    for (char *name = others ? strtok(others, " ") : NULL; name; name = strtok(NULL, " "))
        fprintf(stderr, "%s: %s: %u records\n", compiler, name, compare_header(compiler, name));
    for (size_t i = 0; !others && i < sizeof headers / sizeof *headers; i++) {
        unsigned count = compare_header(compiler, headers[i].name);
        cr_assert_geq(count, headers[i].records, "%s: %u", headers[i].name, count);
    }
}

Test(layout, records_of_system_headers_are_as_gcc_lays_them_out) {
    compare_headers("gcc");
}

Test(layout, records_of_system_headers_are_as_clang_lays_them_out) {
    compare_headers("clang");
}

/* Records at random */

static const char *const scalars[] = {
    "_Bool",
    "char",
    "signed char",
    "unsigned char",
    "short",
    "unsigned short",
    "int",
    "unsigned",
    "long",
    "unsigned long",
    "long long",
    "unsigned long long",
    "__int128",
    "unsigned __int128",
    "float",
    "double",
    "long double",
    "float _Complex",
    "double _Complex",
    "long double _Complex",
    "void *",
    "int (*)(void)",
    "vc",
    "vf",
    "vi",
    "a1",
    "a2",
    "a16",
    "e1",
    "e2",
    "e4",
    "e8",
    "__float128",
    "_Atomic int",
};
enum { GCC_ONLY = 2 }; /* so many at the end */

/* What else clang and GCC see differently is left out for clang. */
static bool for_clang;

static void write_member(struct writing *w, unsigned record, unsigned index, unsigned depth);

static void write_members(struct writing *w, unsigned record, unsigned *index, unsigned depth) {
    unsigned count = draw(depth ? 3 : 6) + (depth > 0);
    for (unsigned i = 0; i < count; i++)
        write_member(w, record, (*index)++, depth);
}

static void write_record_attributes(struct writing *w) {
    if (draw(6) == 0)
        write_text(w, " __attribute__((packed))");
    if (draw(6) == 0)
        write_text(w, " __attribute__((aligned(%u)))", 1u << draw(6));
}

static void write_member_attributes(struct writing *w) {
    if (draw(6) == 0)
        write_text(w, " __attribute__((packed))");
    if (draw(8) == 0)
        write_text(w, " __attribute__((aligned(%u)))", 1u << draw(6));
}

static void write_nested(struct writing *w, unsigned record, unsigned index, unsigned depth) {
    unsigned inner = 100 * (depth + 1) + 10 * index;
    write_text(w, "%s {", draw(3) ? "struct" : "union");
    write_members(w, record, &inner, depth + 1);
    write_text(w, "}");
    write_record_attributes(w);
    if (draw(2))
        write_text(w, " m%u_%u", depth, index);
}

static void write_bit_field(struct writing *w, unsigned depth, unsigned index) {
    static const struct {
        const char *name;
        unsigned width;
    } types[] = {{"_Bool", 1},     {"char", 8},  {"unsigned char", 8},       {"short", 16}, {"int", 32},
                 {"unsigned", 32}, {"long", 64}, {"unsigned long long", 64}, {"e1", 8},     {"e4", 32},
                 {"a1", 32}};
    unsigned which = draw(sizeof types / sizeof *types - for_clang), kind = draw(8);
    if (kind == 0 && !for_clang)
        write_text(w, "%s : 0", types[which].name);
    else if (kind <= 1)
        write_text(w, "%s : %u", types[which].name, draw(types[which].width) + 1);
    else
        write_text(w, "%s m%u_%u : %u", types[which].name, depth, index, draw(types[which].width) + 1);
    if (!for_clang)
        write_member_attributes(w);
}

static void write_scalar(struct writing *w, unsigned depth, unsigned index) {
    unsigned count = sizeof scalars / sizeof *scalars;
    const char *type = scalars[draw(count - (for_clang ? GCC_ONLY : 0))];
    if (strchr(type, '('))
        write_text(w, "int (*m%u_%u)(void)", depth, index);
    else
        write_text(w, "%s m%u_%u", type, depth, index);
    if (draw(4) == 0 && !strstr(type, "a16") && !strchr(type, '('))
        write_text(w, "[%u]", draw(5));
    write_member_attributes(w);
}

static void write_member(struct writing *w, unsigned record, unsigned index, unsigned depth) {
    unsigned what = draw(10);
    if (what == 0 && record)
        write_text(w, "struct r%u m%u_%u", draw(record), depth, index);
    else if (what == 1 && depth < 2)
        write_nested(w, record, index, depth);
    else if (what < 6)
        write_bit_field(w, depth, index);
    else
        write_scalar(w, depth, index);
    write_text(w, ";\n");
}

static void write_record(struct writing *w, unsigned record) {
    unsigned pack = draw(5) == 0 ? 1u << draw(5) : 0, index = 0;
    if (pack)
        write_text(w, "#pragma pack(push, %u)\n", pack);
    write_text(w, "%s r%u {\n", "struct", record);
    write_members(w, record, &index, 0);
    write_text(w, "}");
    write_record_attributes(w);
    write_text(w, ";\n");
    if (pack)
        write_text(w, "#pragma pack(pop)\n");
}

static void compare_random(const char *compiler, unsigned count) {
    struct writing w = {0};
    seed_random(compiler);
    write_text(&w,
               "typedef char vc __attribute__((vector_size(16))); typedef float vf __attribute__((vector_size(16)));\n"
               "typedef int vi __attribute__((vector_size(8)));\n"
               "typedef int a1 __attribute__((aligned(1)));\ntypedef int a2 __attribute__((aligned(2)));\n"
               "typedef int a16 __attribute__((aligned(16)));\n"
               "enum e1_ { A1 } __attribute__((packed)); typedef enum e1_ e1;\n"
               "enum e2_ { A2 = -1, B2 = 200 } __attribute__((packed)); typedef enum e2_ e2;\n"
               "typedef enum e4_ { A4 = -1 } e4; typedef enum e8_ { A8 = 1ul << 40 } e8;\n");
    for (unsigned i = 0; i < count; i++)
        write_record(&w, i);
    compare_with(compiler, w.text, "random records");
    free(w.text);
}

Test(layout, random_records_are_as_gcc_lays_them_out) {
    compare_random("gcc", count_trials(200));
}

Test(layout, random_records_are_as_clang_lays_them_out) {
    for_clang = true;
    compare_random("clang", count_trials(200));
}
