/* Specifiers, and the bodies of structs, unions and enums. */
#include "tests/support/decls.h"

static void check(const char *text, const char *means) {
    gate_decls *decls = read_text("");
    cr_assert_str_eq(printed(type_of(decls, text)), means, "'%s' reads as '%s'", text, printed(type_of(decls, text)));
    gate_decls_free(decls);
}

Test(specifier, every_scalar_is_known_by_all_its_names) {
    check("signed", "int");
    check("long unsigned int long", "unsigned long long");
    check("__signed__ char", "signed char");
    check("_Bool", "_Bool");
    check("__int128", "__int128");
    check("unsigned __int128", "unsigned __int128");
    check("__uint128_t", "unsigned __int128");
    check("_Float16", "_Float16");
    check("_Float32", "float");
    check("_Float32x", "double");
    check("_Float64", "double");
    check("_Float64x", "long double");
    check("__float80", "long double");
    check("_Float128", "_Float128");
    check("__float128", "_Float128");
    check("_Complex _Float32", "float _Complex");
    check("_Float128 _Complex", "_Float128 _Complex");
    check("double __complex__ long", "long double _Complex");
    check("wchar_t", "int");
    check("bool", "_Bool");
}

Test(specifier, qualifiers_are_kept_where_they_stand) {
    check("const int *volatile *restrict", "const int *volatile *restrict");
    check("int const volatile", "const volatile int");
    check("_Atomic int", "_Atomic int");
    check("_Atomic(int *) *", "int *_Atomic *");
    check("const int[3]", "const int[3]");
    check("__typeof__(const char *const)", "const char *const");
    gate_decls *decls =
        read_text("typedef int three[3]; extern const three c; struct s { int x[2]; }; extern const struct s s;"
                  "extern __typeof__(s.x) t; _Atomic struct { char c[8]; } a;");
    cr_assert_str_eq(printed(find(decls, "c")->type), "const int[3]");
    cr_assert_str_eq(printed(find(decls, "t")->type), "const int[2]");
    cr_assert_eq(find(decls, "a")->type->alignment, 8);
    gate_decls_free(decls);
}

Test(specifier, storage_classes_and_function_specifiers_are_taken) {
    gate_decls *decls = read_text(
        "extern int a; static int b; extern __thread int c; static _Thread_local int d; _Noreturn void e(void);\n"
        "static __inline__ int f(void) { return '}' + \"}\"[0]; } extern inline int g(register int x) { { } }\n"
        "__extension__ typedef long long h; auto int i; int typedef j; inline static int k(void);");
    cr_assert_eq(find(decls, "h")->kind, GATE_DECL_TYPEDEF);
    cr_assert_eq(find(decls, "j")->kind, GATE_DECL_TYPEDEF);
    find(decls, "k");
    gate_decls_free(decls);
    refuse_text("static extern int x;", -EINVAL, "column 8: found 'extern', but there is a storage class already");
    refuse_text("struct s { static int x; };", -EINVAL, "members have no storage class");
    refuse_text("int f(static int);", -EINVAL, "a parameter has no storage class");
}

Test(specifier, typeof_takes_types_and_expressions) {
    static const struct {
        const char *of, *means;
    } cases[] = {
        {"s->in.l", "long"},
        {"f", "int (char)"},
        {"*s->a", "int"},
        {"1 ? 2 : 3l", "long"},
        {"f('x')", "int"},
        {"&f", "int (*)(char)"},
        {"text[2]", "const char"},
        {"int[4]", "int[4]"},
        {"(char)1", "char"},
        {"\"abc\"", "char[4]"},
        {"&s->a", "int (*)[3]"},
        {"*s", "struct s"},
        {"s + 1", "struct s *"},
        {"s - s", "long"},
        {"text ? text : 0", "const char *"},
        {"!s", "int"},
        {"sizeof *s", "unsigned long"},
        {"1.0f + 1", "float"},
        {"(struct s){{0}}", "struct s"},
        {"E", "int"},
        {"*f", "int (char)"},
        {"1 == 2.0", "int"},
        {"-'a'", "int"},
        {"(unsigned char)1 << 2l", "int"},
    };
    gate_decls *decls = read_text(
        "struct s { int a[3]; struct { long l; } in; } *s; int f(char); extern const char *text; enum { E };");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        snprintf(text, sizeof text, "__typeof__(%s)", cases[i].of);
        cr_assert_str_eq(printed(type_of(decls, text)), cases[i].means, "%s", text);
    }
    read_more(decls, "__typeof__(f) g; __typeof__(1) (*h)(void) __attribute__((unused)), *i;");
    gate_decls_free(decls);
}

Test(specifier, members_are_what_c_takes) {
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

Test(specifier, members_that_c_does_not_have_are_refused_at_their_place) {
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

Test(specifier, what_compilers_have_and_this_has_not_is_enotsup) {
    refuse_text("_Decimal64 x;", -ENOTSUP, "column 1: found '_Decimal64', which is not supported");
    refuse_text("_BitInt(7) x;", -ENOTSUP, "not supported");
    refuse_text("__auto_type x = 1;", -ENOTSUP, "not supported");
    refuse_text("int x[({ 1; })];", -ENOTSUP, "statements in expressions");
}
