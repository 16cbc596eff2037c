/* The tags and bodies of structs, unions and enums. */
#include "tests/support/decls.h"

Test(record, members_are_what_c_takes) {
    gate_decls *decls = read_text(
        "struct s { ; int a, *b, (*c)(int), d[2][3]; unsigned e : 3, : 0, f : 1; _Static_assert(1, \"\");\n"
        "  struct tagged { int x; } g; struct { int h; }; __extension__ union { int i; float j; }; enum { K = 4 } k;\n"
        "  struct declared_only; struct s *next; char zero[0]; struct {} empty; char flexible[]; };");
    const gate_type *type = type_of(decls, "struct s");
    gate_field field;
    cr_assert_eq(gate_type_field(type, "j", &field), 0);
    cr_assert_eq(gate_type_field(type, "flexible", &field), 0);
    cr_assert_eq(field.type->count, GATE_COUNT_UNKNOWN);
    cr_assert_eq(find(decls, "K")->value, 4);
    cr_assert_not_null(gate_decls_find_tag(decls, "tagged"));
    cr_assert_eq(type_of(decls, "struct {}")->size, 0);
    cr_assert_eq(type_of(decls, "struct {}")->alignment, 1);
    gate_decls_free(decls);
}

Test(record, members_that_c_does_not_have_are_refused_at_their_place) {
    refuse_text("struct s { int x; char x; };", -EINVAL,
                "column 24: found 'x', but a member of that name is there already");
    refuse_text("struct s { int x; union { char x; }; };", -EINVAL, "a member of that name is there already");
    refuse_text("struct s { struct t x; };", -EINVAL, "column 21: found 'x', but a member's type can't be incomplete");
    refuse_text("struct s { struct s x; };", -EINVAL, "can't be incomplete");
    refuse_text("struct s { struct s { int y; } x; };", -EINVAL,
                "column 19: found 's', which is being defined already");
    refuse_text("struct s { void x; };", -EINVAL, "can't be incomplete");
    refuse_text("struct s { int x(void); };", -EINVAL, "can't be a function");
    refuse_text("struct s { int x[]; int y; };", -EINVAL,
                "column 16: found 'x', but an array without a count can only be the last");
    refuse_text("union s { int x[]; };", -EINVAL, "can't be a union's member");
    refuse_text("void f(int n, struct { int x[n]; } *);", -EINVAL, "found 'x', but a member's size can't be variable");
    refuse_text("void f(int n, union { int x[n][2]; } *);", -EINVAL, "size can't be variable");
    refuse_text("void f(int n, struct { int x[2][n], y; } *);", -EINVAL, "size can't be variable");
    refuse_text("struct s { int x : 33; };", -EINVAL, "column 20: found '33', which is no width");
    refuse_text("struct s { _Bool x : 2; };", -EINVAL, "no width");
    refuse_text("struct s { int x : -1; };", -EINVAL, "no width");
    refuse_text("struct s { int x : 0; };", -EINVAL, "a bit-field that has a name has a width");
    refuse_text("struct s { float x : 3; };", -EINVAL, "only integers can be bit-fields");
    refuse_text("struct s { int; };", -EINVAL, "column 15: found ';', expected a member's name");
    refuse_text("struct s { int x }", -EINVAL, "column 18: found '}', expected ';'");
    refuse_text("struct s { int x = 3; };", -EINVAL, "found '=', expected ';'");
    refuse_text("struct s { int x;", -EINVAL, "found the end, expected a type");
    refuse_text("struct s { char x[1ul << 62], y[1ul << 62], z[1ul << 62]; };", -EINVAL, "too large for any memory");
    refuse_text("struct;", -EINVAL, "expected a tag or '{'");
    refuse_text("enum {};", -EINVAL, "expected a constant's name");
    refuse_text("enum { A B };", -EINVAL, "found 'B', expected '}'");
    refuse_text("enum { int };", -EINVAL, "expected a constant's name");
}

Test(record, a_constant_is_of_one_enum) {
    gate_decls *decls = read_text("enum e { A, B }; enum e { A, B }; enum { C }; enum { C }; typedef enum { D } d;");
    read_more(decls, "enum e { A, B }; typedef enum { D } d;");
    gate_decls_free(decls);
    refuse_text("enum e { A }; enum f { A };", -EINVAL, "column 24: found 'A', which is a constant of another enum at");
    refuse_text("enum e { A }; enum { A };", -EINVAL, "a constant of another enum");
    refuse_text("enum { A }; enum e { A };", -EINVAL, "a constant of another enum");
    refuse_text("static const int A = 0; enum { A };", -EINVAL,
                "column 32: found 'A', but it was declared as a variable");
}

/* Through anonymous records, too: 40 000 look-ups of 40 000 members take no time that can be seen. */
Test(record, members_are_found_by_their_names) {
    enum { MEMBERS = 40000 };
    char *text = malloc(MEMBERS * 40), *end = text;
    gate_field field;
    end += sprintf(end, "struct s { int first; union { long l; struct { char c, d; }; }; struct { int f; } g;");
    for (int i = 0; i < MEMBERS; i++)
        end += sprintf(end, "int m%d;", (i * 7919) % MEMBERS);
    strcpy(end, "};");
    gate_decls *decls = read_text(text);
    const gate_type *type = type_of(decls, "struct s");
    for (size_t i = 0; i < type->count; i++) {
        const gate_field *there = &type->fields[i];
        if (there->name) {
            cr_assert_eq(gate_type_field(type, there->name, &field), 0, "%s", there->name);
            cr_assert_eq(field.offset, there->offset, "%s", there->name);
        }
    }
    cr_assert_eq(gate_type_field(type, "d", &field), 0);
    cr_assert_eq(field.offset, 9);
    cr_assert_eq(gate_type_field(type, "f", &field), -ENOENT);
    cr_assert_eq(gate_type_field(type, "", &field), -ENOENT);
    cr_assert_eq(gate_type_field(type_of(decls, "struct {}"), "x", &field), -ENOENT);
    cr_assert_eq(gate_type_field(type_of(decls, "struct later"), "x", &field), -EINVAL);
    gate_decls_free(decls);
    free(text);
}
