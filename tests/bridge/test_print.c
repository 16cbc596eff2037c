/* Types as C writes them, and that what is written reads back to the same type. */
#include "tests/support/compiler.h"
#include "tests/support/decls.h"

static void check(const char *declarations, const char *text, const char *means) {
    gate_decls *decls = read_text(declarations);
    cr_assert_str_eq(printed(type_of(decls, text)), means, "'%s' is written '%s'", text, printed(type_of(decls, text)));
    gate_decls_free(decls);
}

Test(print, what_has_a_name_is_written_by_it) {
    check("struct s { int x; };", "const struct s *", "const struct s *");
    check("typedef struct { int x; } point;", "const point[2]", "const point[2]");
    check("typedef struct { int x; } *pointer, point;", "pointer", "point *");
    check("typedef enum { A } color; typedef color other;", "other", "color");
    check("typedef union u { int x; } renamed;", "renamed", "union u");
    check("typedef struct { int x; } wide __attribute__((aligned(16))), plain;", "plain *", "plain *");
}

Test(print, what_has_no_name_is_written_with_its_members) {
    check("", "struct { int a, *b; unsigned c : 3, : 0; struct { char d; }; int e[]; } *",
          "struct { int a; int *b; unsigned int c : 3; unsigned int : 0; struct { char d; }; int e[]; } *");
    check("", "enum { A = -1, B }", "enum { A = -1, B = 0, }");
    check("", "enum { A = 3 } __attribute__((packed))", "enum { A = 3, } __attribute__((mode(QI)))");
    check("", "enum { A = -9223372036854775807 - 1 }",
          "enum { A = -9223372036854775807 - 1, } __attribute__((mode(DI)))");
    check("", "struct { char c; int i; } __attribute__((packed))",
          "struct { char c __attribute__((packed)); int i __attribute__((packed)); }");
    check("", "struct { char c; } __attribute__((aligned(8)))", "struct { char c; } __attribute__((aligned(8)))");
    check("", "struct { char c __attribute__((aligned(4))); }", "struct { char c __attribute__((aligned(4))); }");
}

Test(print, a_function_of_any_parameters_is_no_function_of_none) {
    check("", "int ()", "int ()");
    check("", "int (void)", "int (void)");
    check("", "int (*(*)())(void)", "int (*(*)())(void)");
    check("", "int (int (*)(), int (*)(void))", "int (int (*)(), int (*)(void))");
    check("int f(a) int a; { return a; }", "__typeof__(f) *", "int (*)()");
}

Test(print, what_standard_c_has_no_words_for_is_written_in_gnus) {
    check("typedef int a16 __attribute__((aligned(16)));", "a16 *", "__typeof__(__attribute__((aligned(16))) int) *");
    check("typedef int a16[4] __attribute__((aligned(16)));", "a16", "__typeof__(__attribute__((aligned(16))) int[4])");
    check("typedef float v __attribute__((vector_size(16)));", "const v *",
          "const float __attribute__((vector_size(16))) *");
    check("", "void (int n, int a[n][n])", "void (int, int (*)[*])");
    check("", "int (const char *, ...)", "int (const char *, ...)");
}

/* Types at random, by their text */

static void write_declarator(struct writing *w, const char *inner, unsigned depth);

static void write_type(struct writing *w, unsigned depth);

static void write_base(struct writing *w, unsigned depth) {
    static const char *const bases[] = {
        "int",
        "unsigned char",
        "long double",
        "_Bool",
        "__int128",
        "_Float16",
        "_Float128 _Complex",
        "double _Complex",
        "struct tagged",
        "union later",
        "enum color",
        "point",
        "choice",
        "a16",
        "v4",
        "__builtin_va_list",
        "char",
        "size_t",
    };
    static const char *const qualifiers[] = {"", "", "", "const ", "volatile ", "_Atomic "};
    unsigned what = draw(12);
    write_text(w, "%s", qualifiers[draw(6)]);
    if (what == 0 && depth < 3) {
        write_text(w, "%s { ", draw(2) ? "struct" : "union");
        for (unsigned i = 0; i <= draw(4); i++) {
            struct writing member = {0};
            write_text(&member, "m%u", i);
            if (draw(5) == 0)
                write_text(w, "unsigned : %u; ", draw(9));
            else if (draw(4) == 0)
                write_text(w, "int m%u : %u%s; ", i, draw(32) + 1, draw(4) ? "" : " __attribute__((packed))");
            else
                write_text(w, "%s m%u%s%s; ", bases[draw(8)], i, draw(3) ? "" : "[3]",
                           draw(4) ? "" : " __attribute__((packed, aligned(2)))");
            free(member.text);
        }
        write_text(w, "}%s%s", draw(5) ? "" : " __attribute__((packed))",
                   draw(5) ? "" : " __attribute__((aligned(8)))");
    } else {
        write_text(w, "%s", bases[draw(sizeof bases / sizeof *bases)]);
    }
}

static void write_declarator(struct writing *w, const char *inner, unsigned depth) {
    struct writing outer = {0};
    unsigned what = depth > 3 ? 0 : draw(6);
    if (what == 1 || what == 2) {
        write_text(&outer, "*%s%s", draw(3) ? "" : "const ", inner);
        write_declarator(w, outer.text, depth + 1);
    } else if (what == 3) {
        write_text(&outer, "(*%s)[%u]", inner, draw(4));
        write_declarator(w, outer.text, depth + 1);
    } else if (what == 4) {
        struct writing parameter = {0};
        write_type(&parameter, depth + 2);
        write_text(&outer, "(*%s)(%s%s)", inner, parameter.text, draw(3) ? "" : ", ...");
        free(parameter.text);
        write_declarator(w, outer.text, depth + 1);
    } else {
        write_text(w, " %s", inner);
    }
    free(outer.text);
}

static void write_type(struct writing *w, unsigned depth) {
    write_base(w, depth);
    write_declarator(w, "", depth);
}

/* Reads what is written of the type in the scope that has its names. */
static void check_again(gate_decls *decls, const char *text) {
    const gate_type *type = NULL, *again;
    gate_error error;
    char *first;
    if (gate_decls_type(decls, text, &type, &error))
        return; /* an array of what is incomplete, and the like */
    first = strdup(printed(type));
    again = type_of(decls, first);
    cr_assert(gate__type_compatible(type, again), "'%s' is written '%s', which is another type", text, first);
    cr_assert_eq(type->size, again->size, "%s", first);
    cr_assert_eq(type->alignment, again->alignment, "%s", first);
    cr_assert_str_eq(printed(again), first);
    free(first);
}

Test(print, what_is_written_reads_back_to_the_same_type) {
    static const char text[] =
        "struct tagged { int x; }; union later; enum color { RED }; typedef struct { char c; } point;"
        "typedef enum { ONE = 1 } choice; typedef int a16 __attribute__((aligned(16)));"
        "typedef float v4 __attribute__((vector_size(16)));";
    seed_random("print");
    for (unsigned i = count_trials(3000); i-- > 0;) {
        static gate_decls *decls;
        struct writing w = {0};
        if (i % 100 == 0 || !decls) {
            gate_decls_free(decls);
            decls = read_text(text);
        }
        write_type(&w, 0);
        check_again(decls, w.text);
        free(w.text);
        if (i == 0)
            gate_decls_free(decls);
    }
}

Test(print, packed_records_read_back_to_the_same_layout) {
    static const char *const records[] = {
        "struct { char c; int i; long l; }",
        "struct { char c; int b : 3, d : 30; short s; unsigned e : 7; }",
        "struct { char c; struct { char d; int i; } in; union { long l; char e; }; }",
        "struct { char c; int : 5; long x : 40; int y[3]; double _Complex z; }",
        "struct { char c; int i __attribute__((aligned(8))); short b : 9 __attribute__((aligned(4))); }",
        "union { char c; int b : 20; long l; }",
    };
    for (unsigned pack = 1; pack <= 16; pack *= 2) {
        for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
            char text[512];
            snprintf(text, sizeof text, "#pragma pack(%u)\ntypedef %s *pointer;\n", pack, records[i]);
            gate_decls *decls = read_text(text);
            const gate_type *type = type_of(decls, "pointer")->target;
            const gate_type *again = type_of(decls, printed(type));
            cr_assert(gate__type_compatible(type, again), "%s: %s", text, printed(type));
            gate_decls_free(decls);
        }
    }
}
