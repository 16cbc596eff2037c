/* Specifiers. */
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
    check("_Complex", "double _Complex");
    check("complex float", "float _Complex");
    check("complex double", "double _Complex");
    check("double complex *", "double _Complex *");
    check("struct { double complex, x; }", "struct { double complex; double x; }");
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
        {"s ? (const int (*)[])0 : (volatile int (*)[3])&s->a", "const volatile int (*)[3]"},
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

Test(specifier, what_compilers_have_and_this_has_not_is_enotsup) {
    refuse_text("_Decimal64 x;", -ENOTSUP, "column 1: found '_Decimal64', which is not supported");
    refuse_text("_BitInt(7) x;", -ENOTSUP, "not supported");
    refuse_text("__auto_type x = 1;", -ENOTSUP, "not supported");
    refuse_text("int x[({ 1; })];", -ENOTSUP, "statements in expressions");
    refuse_text("int _Complex x;", -ENOTSUP, "column 1: found 'int', which begins a complex type of integers");
    refuse_text("_Complex unsigned long x;", -ENOTSUP, "a complex type of integers");
}
