/* Initializers: what they tell of an array without a count, as compilers count. */
#include "tests/support/compiler.h"
#include "tests/support/decls.h"

/* Arrays are of what precedes the name. */
static void check_count(const char *text, size_t count) {
    gate_decls *decls = read_text(text);
    cr_assert_eq(find(decls, "a")->type->count, count, "'%s' gives %zu", text, find(decls, "a")->type->count);
    gate_decls_free(decls);
}

Test(initializer, a_string_counts_its_characters_and_the_last_one) {
    check_count("char a[] = \"abc\";", 4);
    check_count("const char a[] = \"a\\x41\" \"b\" \"\";", 4);
    check_count("unsigned char a[] = { \"abc\" };", 4);
    check_count("char a[] = {\"abc\",};", 4);
    check_count("wchar_t a[] = L\"€\";", 2);
    check_count("char a[] = \"€\";", 4);
    check_count("char a[] = \"\";", 1);
    check_count("const char *a[] = { \"abc\", \"d\" \"e\" };", 2);
}

Test(initializer, braces_count_their_elements) {
    check_count("int a[] = { 1, 2, 3 };", 3);
    check_count("int a[] = { 1, 2, 3, };", 3);
    check_count("int a[] = {};", 0);
    check_count("int f(int, int); int a[] = { f(1, 2), sizeof(int[2]), (1, 2), \"a,b\"[0] };", 4);
    check_count("int a[][2] = { {1, 2}, {3} };", 2);
    check_count("int a[][2] = { 1, 2, 3 };", 2);
    check_count("struct { int x, y[2]; } a[] = { 1, 2, 3, { 4 }, 5, { 6 } };", 3);
    check_count("union { int x; char c[3]; } a[] = { 1, 2 };", 2);
    check_count("struct { int : 3; int x; int : 0; } a[] = { 1, 2 };", 2);
    check_count("char a[][4] = { \"abc\", 'd', 'e', 'f', 'g', \"hij\" };", 3);
    check_count("struct { char n[4]; int x; } a[] = { \"abc\", 1, \"def\", 2, };", 2);
    check_count("struct s { int x, y; } a[] = { (struct s){ 1, 2 }, 3, 4, (struct s){ 5, 6 } };", 3);
    check_count("struct { struct {} e; int x; } a[] = { {}, 1 };", 2);
    check_count("typedef int t[]; t b = { 1 }, a = { 1, 2 };", 2);
    check_count("extern int a[]; int a[] = { 1, 2 }; extern int a[];", 2);
}

Test(initializer, designators_say_which_element_is_next) {
    check_count("int a[] = { [4] = 1 };", 5);
    check_count("int a[] = { [4] = 1, 2, [0] = 3 };", 6);
    check_count("int a[] = { [1 ... 6] = 1 };", 7);
    check_count("enum { N = 3 }; int a[] = { [N] 1, [N - 1] = 2 };", 4);
    check_count("struct { int x, y; } a[] = { [1].y = 1, 2, 3 };", 3);
    check_count("struct { int x; struct { int y[3], z; } in; } a[] = { [2].in.y[1] = 1, 2, 3, 4 };", 4);
}

Test(initializer, a_count_that_cannot_be_told_is_no_error_but_where_it_is_asked_for) {
    check_count("struct { struct { int x; }; int y; } a[] = { [3].x = 1 };", GATE_COUNT_UNKNOWN);
    check_count("int a[] = { [__builtin_nobody_knows(3)] = 1 };", GATE_COUNT_UNKNOWN);
    refuse_text("int a[] = { [__builtin_nobody_knows(3)] = 1 }; enum { A = sizeof a };", -EINVAL, "incomplete");
}

Test(initializer, sizes_are_of_what_is_complete_then) {
    gate_decls *decls = read_text("char s[] = \"abc\"; enum { A = sizeof s, B = sizeof((int[]){ 1, 2, 3 }),"
                                  "C = sizeof(long[]){ [1] = 1 }, D = sizeof((char[]){ \"ab\" }) };");
    cr_assert_eq(find(decls, "A")->value, 4);
    cr_assert_eq(find(decls, "B")->value, 12);
    cr_assert_eq(find(decls, "C")->value, 16);
    cr_assert_eq(find(decls, "D")->value, 3);
    gate_decls_free(decls);
}

Test(initializer, nothing_is_no_initializer) {
    refuse_text("int x = ;", -EINVAL, "column 9: found ';', expected an expression");
    refuse_text("int x = , y;", -EINVAL, "column 9: found ',', expected an expression");
    refuse_text("int x[] = {1;", -EINVAL, "expected '}'");
}

/* A record of 60 000 levels would need as many below each other: that is not counted. */
Test(initializer, depth_is_bounded) {
    struct writing w = {0};
    write_text(&w, "struct s0 { int x; };");
    for (int i = 1; i < 60000; i++)
        write_text(&w, "struct s%d { struct s%d x; };", i, i - 1);
    write_text(&w, "struct s59999 a[] = { 1, 2 }; struct s40 b[] = { 1, 2 };");
    gate_decls *decls = read_text(w.text);
    cr_assert_eq(find(decls, "a")->type->count, GATE_COUNT_UNKNOWN);
    cr_assert_eq(find(decls, "b")->type->count, 2);
    gate_decls_free(decls);
    free(w.text);
}

/* At random */

enum { PARTS = 3 };

struct shape {
    enum { NUMBER, TEXT, ARRAY, STRUCT, UNION } kind;
    unsigned count;
    struct shape *parts[PARTS]; /* ARRAY: the first one, for all */
};

static struct shape *make_shape(unsigned depth) {
    struct shape *shape = calloc(1, sizeof *shape);
    shape->kind = depth > 2 ? draw(2) : draw(5);
    shape->count = 1 + draw(PARTS);
    for (unsigned i = 0; shape->kind >= ARRAY && i < shape->count; i++)
        shape->parts[i] = shape->kind == ARRAY && i ? shape->parts[0] : make_shape(depth + 1);
    return shape;
}

static void free_shape(struct shape *shape) {
    for (unsigned i = 0; shape->kind >= ARRAY && i < (shape->kind == ARRAY ? 1 : shape->count); i++)
        free_shape(shape->parts[i]);
    free(shape);
}

static void write_declaration(struct writing *w, const struct shape *shape, const char *name) {
    char inner[64];
    if (shape->kind == NUMBER) {
        write_text(w, "%s %s", draw(2) ? "int" : "char", name);
    } else if (shape->kind == TEXT) {
        write_text(w, "char %s[%u]", name, shape->count);
    } else if (shape->kind == ARRAY) {
        snprintf(inner, sizeof inner, "%s[%u]", name, shape->count);
        write_declaration(w, shape->parts[0], inner);
    } else {
        write_text(w, "%s { ", shape->kind == STRUCT ? "struct" : "union");
        for (unsigned i = 0; i < shape->count; i++) {
            snprintf(inner, sizeof inner, "m%u", i);
            write_declaration(w, shape->parts[i], inner);
            write_text(w, "; %s", draw(6) ? "" : "int : 3; ");
        }
        write_text(w, "} %s", name);
    }
}

static void write_value(struct writing *w, const struct shape *shape, bool is_bare);

static void write_parts(struct writing *w, const struct shape *shape, unsigned count, bool is_bare) {
    for (unsigned i = 0; i < count; i++) {
        write_text(w, "%s", i ? ", " : "");
        if (shape->kind == TEXT)
            write_text(w, "'t'");
        else
            write_value(w, shape->parts[i], is_bare && i == 0);
    }
}

static void write_designated(struct writing *w, const struct shape *shape) {
    unsigned index = draw(shape->count);
    write_text(w, shape->kind <= ARRAY ? "{ [%u] = " : "{ .m%u = ", index);
    if (shape->kind == TEXT)
        write_text(w, "'d'");
    else
        write_value(w, shape->parts[index], false);
    write_text(w, " }");
}

/* With braces, not all parts need a value; without, those behind would go to the rest. A bare one doesn't begin with a
 * brace: that would be taken for one of what it is in. */
static void write_value(struct writing *w, const struct shape *shape, bool is_bare) {
    unsigned count = shape->kind == UNION ? 1 : shape->count;
    if (shape->kind == NUMBER) {
        write_text(w, is_bare || draw(6) ? "%u" : "{ %u }", draw(100));
    } else if (shape->kind == TEXT && draw(2)) {
        write_text(w, "\"%.*s\"", (int)draw(shape->count), "ab");
    } else if (is_bare || draw(2)) {
        write_parts(w, shape, count, true);
    } else if (draw(3) == 0) {
        write_designated(w, shape);
    } else {
        write_text(w, "{ ");
        write_parts(w, shape, draw(4) ? count : 1 + draw(count), false);
        write_text(w, " }");
    }
}

/* In braces: GCC loses its way where one that had a value before is filled again part by part. */
static void write_designated_element(struct writing *w, const struct shape *shape) {
    write_text(w, draw(2) ? "[%u] = { " : "[1 ... %u] = { ", draw(7) + 1);
    if (shape->kind == NUMBER)
        write_text(w, "1");
    else
        write_parts(w, shape, 1, false);
    write_text(w, " }");
}

static void write_array(struct writing *w, unsigned number) {
    struct shape *shape = make_shape(0);
    char name[32];
    unsigned elements = 1 + draw(4);
    snprintf(name, sizeof name, "a%u[]", number);
    write_declaration(w, shape, name);
    write_text(w, " = { ");
    for (unsigned i = 0; i < elements; i++) {
        if (draw(5) == 0)
            write_designated_element(w, shape);
        else
            write_value(w, shape, false);
        write_text(w, i + 1 < elements || draw(3) == 0 ? ", " : "");
    }
    write_text(w, " };\n");
    free_shape(shape);
}

static void compare_random(const char *compiler) {
    struct writing text = {0}, program = {0}, expected = {0};
    unsigned count = count_trials(1000);
    seed_random("initializer");
    for (unsigned i = 0; i < count; i++)
        write_array(&text, i);
    gate_decls *decls = read_text(text.text);
    write_text(&program, "%sint main(void) {\n", text.text);
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%u", i);
        write_text(&program, "__builtin_printf(\"%%zu of %s\\n\", sizeof %s);\n", name, name);
        write_text(&expected, "%zu of %s\n", find(decls, name)->type->size, name);
    }
    write_text(&program, "return 0; }\n");
    char *said = run_program(compiler, program.text);
    compare_lines(expected.text, said, compiler);
    free(said);
    free(text.text);
    free(program.text);
    free(expected.text);
    gate_decls_free(decls);
}

Test(initializer, random_ones_count_as_gcc_counts) {
    compare_random("gcc");
}

Test(initializer, random_ones_count_as_clang_counts) {
    compare_random("clang");
}
