/* Constant expressions: their values and types as the compiler has them, and what is none. */
#include <errno.h>
#include <limits.h>

#include "tests/support/compiler.h"
#include "tests/support/decls.h"

/* What an expression is worth, how large it is, and whether its type is unsigned, by us and by a compiler. */
struct comparison {
    struct writing program, expected;
    unsigned count;
};

/* What expressions may name, though no constant has its value. */
static const char objects[] =
    "struct bits { unsigned a : 3, b : 32; int c : 5; _Bool d : 1; long e; char f[7]; };\n"
    "typedef float vf __attribute__((vector_size(16))); typedef unsigned vu __attribute__((vector_size(16)));\n"
    "struct bits x, *px; char c; short h; unsigned short uh; int i, arr[3], *ip;\n"
    "unsigned u; long l; float f; double d; _Complex double z; const char "
    "*cs, str[5];\n"
    "void *vp; const volatile int *cvp; vf v; vu w; int call(int); char *text(void);\n"
    "int (*fp)(int), rows[2][4]; enum e { E0, E1 }; enum e en;\n";

/* Adds an expression. Returns what reading it does. */
static int add_expression(struct comparison *c, const char *expression, gate_error *error) {
    struct writing text = {0};
    gate_decls *decls;
    write_text(&text, "static const long value = %s; enum { s = sizeof(%s), n = (__typeof__(%s))-1 < 0 };", expression,
               expression, expression);
    cr_assert_eq(gate_decls_make(&decls), 0);
    cr_assert_eq(gate_decls_read(decls, objects, error), 0, "%s", error->message);
    int failed = gate_decls_read(decls, text.text, error);
    if (!failed) {
        cr_assert_eq(gate_decls_find(decls, "value")->kind, GATE_DECL_CONSTANT, "%s", expression);
        write_text(&c->program, "p(%u, %s, sizeof(%s), (__typeof__(%s))-1 < 0);\n", c->count, expression, expression,
                   expression);
        write_text(&c->expected, "%u: %ld %d %d\n", c->count, (long)gate_decls_find(decls, "value")->value,
                   (int)gate_decls_find(decls, "s")->value, (int)gate_decls_find(decls, "n")->value);
    }
    c->count++;
    gate_decls_free(decls);
    free(text.text);
    return failed;
}

static void begin(struct comparison *c) {
    *c = (struct comparison){0};
    write_text(&c->program,
               "%sstatic void p(unsigned i, long value, int size, int is_signed) {\n"
               "__builtin_printf(\"%%u: %%ld %%d %%d\\n\", i, value, size, is_signed); }\n"
               "int main(void) {\n",
               objects);
    write_text(&c->expected, "%s", "");
}

static void compare_with(struct comparison *c, const char *compiler) {
    char *said = run_program(compiler, c->program.text);
    compare_lines(c->expected.text, said, compiler);
    free(said);
}

static void end(struct comparison *c, bool with_clang) {
    write_text(&c->program, "return 0; }\n");
    compare_with(c, "gcc");
    if (with_clang)
        compare_with(c, "clang");
    free(c->program.text);
    free(c->expected.text);
}

static void check(const char *const *expressions, size_t count) {
    struct comparison c;
    gate_error error = {0, ""};
    begin(&c);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(add_expression(&c, expressions[i], &error), 0, "%s: %s", expressions[i], error.message);
    end(&c, true);
}

/* Each is a constant, and of the type and value that compilers say. */
#define CHECK(...)                                                    \
    do {                                                              \
        static const char *const expressions[] = {__VA_ARGS__};       \
        check(expressions, sizeof expressions / sizeof *expressions); \
    } while (0)

Test(constant, numbers_have_the_type_of_their_base_size_and_suffix) {
    CHECK("0", "017", "0x7fffffff", "0x80000000", "2147483648", "0xffffffffffffffff", "0b1011", "42u", "42UL", "42lu",
          "42LL", "42ull", "037777777777", "4294967296u");
}

Test(constant, characters_have_the_values_of_their_escapes_and_prefixes) {
    CHECK("'a'", "'\\n'", "'\\0'", "'\\xff'", "'\\377'", "'\\\\'", "'\\''", "'\\e'", "'ab'", "'abcd'", "L'x'",
          "L'\\xffff'", "u'\\xffff'", "U'\\x12345678'", "L'\\u20ac'", "L'€'", "sizeof \"abc\"",
          "sizeof \"a\" \"b\\x41\"", "sizeof L\"ab\"", "sizeof \"€\"", "sizeof u\"\\U0001F600\"", "sizeof \"\\u20ac\"");
}

Test(constant, operators_bind_and_convert_as_in_c) {
    CHECK("1 + 2 * 3 - 4 / 2 % 3", "1 << 2 + 3", "(1 | 2) ^ 3 & 6", "-1 < 0u", "-1 < 0l", "-1l < 0u", "-1 > 0ull",
          "0u - 1", "(unsigned char)300", "(signed char)200", "(_Bool)256", "~0", "~0u", "!5 + !0", "-7 / 2", "-7 % 2",
          "-8 >> 1", "1 ? -1 : 0u", "0 ? 1 : 2 ? 3 : 4", "1 == 1 != 0", "(char)1 + (short)2", "1u << 31", "1 << 31",
          "1l << 40", "((unsigned char)-1 << 8) + 1", "(__int128)1 << 60 >> 3", "3 > 2 > 1", "1 && 0 || 1");
}

Test(constant, generic_selections_go_by_the_type_of_their_operands_value) {
    CHECK("_Generic(1, int: 2, default: 3)", "_Generic(1l, int: 2, default: 3u)", "_Generic('a', char: 1, int: 2l)",
          "_Generic((char)1, int: 1, char: 2)", "_Generic((const int)1, const int: 1, int: 2)",
          "_Generic(\"abc\", char *: 4, const char *: 5)", "_Generic(1.0f, double: 1, float: 2)",
          "_Generic(1 / 0, int: 5, default: 1 / 1)", "_Generic(0, default: 1, int: 2) + 1",
          "_Generic(0u, int: 1 / 0, unsigned: 7)", "sizeof _Generic(0, int: (short)1)",
          "_Generic((int *)0, void *: 1, int *: 2)", "_Generic(0, int: _Generic(0l, long: 3, int: 4), long: 5)",
          "_Generic((int (*)(int))0, int (*)(int): 6, default: 7)", "_Generic(*(int (*)[3])0, int *: 8, default: 9)");
}

Test(constant, floating_numbers_convert_to_integers) {
    CHECK("(int)1.5", "(int)-1.5f", "(int)(2.5 * 4)", "(long)1e10", "(int)0x1.8p3", "(int)(0.1f * 10 == 1.0)",
          "(int)(0.1 + 0.2 == 0.3)", "(unsigned)3.9L", "(int)(float)16777217", "(_Bool)0.5", "1.0 < 2.0", "!0.5");
}

Test(constant, a_conditional_has_the_type_of_both_its_results) {
    CHECK("sizeof(1 ? \"ab\" : \"abcd\")", "sizeof(1 ? arr : arr)", "sizeof(*(1 ? (void *)0 : (int *)8))",
          "_Generic(1 ? (void *)0 : (int *)0, int *: 1, void *: 2)", "_Generic(1 ? vp : ip, int *: 1, void *: 2)",
          "_Generic(1 ? cs : 0, const char *: 1, int: 2)", "sizeof(*(1 ? (void *)((long)i * 0l) : (int *)8))",
          "sizeof(*(1 ? (void *)(0 * 5l) : (int *)8))", "sizeof(*(1 ? (void *)(0 ?: 0l) : (int *)8))",
          "sizeof(*(1 ? (void *)((1 ?: 2) * 0l) : (int *)8))", "sizeof(*(1 ? (void *)(1 ? 0 : i) : (int *)8))",
          "sizeof(*(1 ? (void *)(0 && i) : (int *)8))", "sizeof(*(1 ? (void *)(0 && 1) : (int *)8))",
          "sizeof(*(1 ? (void *)(1 ? 0l : 2) : (int *)8))", "sizeof(*(1 ? (void *)(char *)0 : (int *)8))",
          "sizeof(*(1 ? (void *)(0, 0) : (int *)8))", "_Generic(1 ? (const int *)0 : ip, const int *: 1, int *: 2)",
          "sizeof(*(1 ? (int (*)[])0 : &arr))", "sizeof(**(1 ? (int (**)[])0 : (int (**)[3])0))", "sizeof(1 ? v : v)",
          "sizeof(1 ? x : x)", "_Generic(i ? x.a : x.a, int: 1, unsigned: 2)");
}

Test(constant, what_is_no_constant_has_a_type_all_the_same) {
    CHECK("sizeof(0, c)", "sizeof(c++)", "sizeof(--c)", "sizeof(c = 1)", "sizeof(c <<= 1)", "sizeof(++c)",
          "sizeof(v[0])", "sizeof(-v)", "sizeof(v + 1)", "sizeof(__real__ z)", "sizeof(__imag__ 1)", "sizeof(~z)",
          "sizeof(2[arr])", "sizeof(\"abc\"[1])", "&arr[3] - &arr[1]", "&rows[1] - rows",
          "_Generic(+x.a, int: 1, unsigned: 2)", "_Generic(+x.b, int: 1, unsigned: 2)", "_Generic(x.a + x.a, int: 1)",
          "_Generic(~x.c, int: 1)", "__alignof__(x.f)", "(long)__imag__ 7");
}

Test(constant, alignments_are_of_the_object_where_it_has_its_own) {
    gate_decls *decls = read_text(
        "int x __attribute__((aligned(16))), y __attribute__((aligned(2))), arr[2] __attribute__((aligned(32)));"
        "extern int again; extern int again __attribute__((aligned(64)));"
        "extern int again __attribute__((aligned(8))); extern int again;"
        "struct s { char c; int m __attribute__((aligned(32))), p __attribute__((packed)), a[2]; } s, *ps;\n"
        "#pragma pack(2)\nstruct t { char c; int m; } t;\n"
        "enum { A = __alignof__(x), B = __alignof__(y), C = __alignof__(arr), D = __alignof__(arr[0]),"
        "E = __alignof__(s.m), F = __alignof__(ps->p), G = _Alignof(s.c), H = __alignof__(t.m), I = __alignof__(+x),"
        "J = __alignof__((x)), K = __alignof__(again), L = __alignof__(ps->a), M = __alignof__(*&x) };");
    static const unsigned values[] = {16, 2, 32, 4, 32, 1, 1, 2, 4, 16, 64, 4, 4};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char name[2] = {(char)('A' + i), '\0'};
        cr_assert_eq(find(decls, name)->value, values[i], "%s", name);
    }
    gate_decls_free(decls);
}

struct sample {
    char c;
    struct {
        int a[3];
        short b;
    } in[2];
    union {
        long l;
        char d;
    };
};

Test(constant, sizes_alignments_and_offsets_are_of_types_and_expressions) {
    static const char text[] =
        "struct sample { char c; struct { int a[3]; short b; } in[2]; union { long l; char d; }; };"
        "extern struct sample *sample; int twice(int); typedef int six[6];"
        "enum { A = sizeof(struct sample), B = _Alignof(struct sample),"
        "C = __builtin_offsetof(struct sample, in[1].b), D = sizeof sample->in[0].a,"
        "E = sizeof(((struct sample *)0)->in), F = (char *)&((struct sample *)0)->d - (char *)0,"
        "G = sizeof twice(1), H = sizeof(six) + sizeof(int[2][3]), I = sizeof *sample,"
        "J = sizeof(int (*)(void)), K = __alignof__(long double), L = sizeof(void),"
        "M = (unsigned long)&((struct sample *)0)->in[1].a[2], N = sizeof(char[sizeof(long)]),"
        "O = __builtin_offsetof(struct sample, d), P = sizeof &sample->c, Q = sizeof sample[3].l };";
    static const struct {
        const char *name;
        size_t value;
    } expected[] = {
        {"A", sizeof(struct sample)},
        {"B", _Alignof(struct sample)},
        {"C", offsetof(struct sample, in[1].b)},
        {"D", sizeof(int[3])},
        {"E", 32},
        {"F", offsetof(struct sample, d)},
        {"G", sizeof(int)},
        {"H", 2 * sizeof(int[6])},
        {"I", sizeof(struct sample)},
        {"J", sizeof(int (*)(void))},
        {"K", _Alignof(long double)},
        {"L", 1},
        {"M", offsetof(struct sample, in[1].a[2])},
        {"N", 8},
        {"O", offsetof(struct sample, d)},
        {"P", 8},
        {"Q", 8},
    };
    gate_decls *decls;
    gate_error error = {0, ""};
    gate_decls_make(&decls);
    cr_assert_eq(gate_decls_read(decls, text, &error), 0, "%s", error.message);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        cr_assert_eq(gate_decls_find(decls, expected[i].name)->value, expected[i].value, "%s", expected[i].name);
    gate_decls_free(decls);
}

static void refuse(const char *expression, const char *why) {
    char text[1024];
    gate_decls *decls;
    gate_error error = {0, ""};
    snprintf(text, sizeof text, "enum { V = %s };", expression);
    gate_decls_make(&decls);
    cr_assert_eq(gate_decls_read(decls, text, &error), -EINVAL, "%s: %s", text, error.message);
    cr_assert_not_null(strstr(error.message, why), "%s: %s", text, error.message);
    cr_assert_null(gate_decls_find(decls, "V"));
    gate_decls_free(decls);
}

Test(constant, what_c_does_not_define_is_an_error_that_says_so) {
    refuse("1 / 0", "column 14: found '/', which divides by zero");
    refuse("1 % (2 - 2)", "divides by zero");
    refuse("2147483647 + 1", "column 23: found '+', which overflows");
    refuse("-2147483647 - 2", "overflows");
    refuse("65536 * 65536", "overflows");
    refuse("-(-2147483647 - 1)", "overflows");
    refuse("(-2147483647 - 1) / -1", "overflows");
    refuse("(-2147483647 - 1) % -1", "overflows");
    refuse("9223372036854775807 + 1", "overflows");
    refuse("1 << 32", "shifts by");
    refuse("1 << -1", "shifts by");
    refuse("(int)1e10", "does not fit");
    refuse("1.0 / 0", "divides by zero");
}

Test(constant, what_is_not_evaluated_may_be_undefined) {
    CHECK("0 && 1 / 0", "1 || 1 / 0", "1 ? 2 : 1 / 0", "0 ? 1 << 99 : 2", "sizeof(1 / 0)");
}

Test(constant, a_generic_selection_without_a_choice_or_with_two_is_an_error) {
    refuse("_Generic(1, long: 2)", "column 12: found '_Generic', but no association is for the type of its operand");
    refuse("_Generic(1, int: 2, long: 3, int: 4)", "another association is for the same type");
    refuse("_Generic(1, default: 2, default: 3)", "another association is for the same type");
    refuse("_Generic(1)", "no association");
    refuse("_Generic(1, int 2)", "expected ':'");
    refuse("_Generic(1, 2: 2)", "expected a type");
    refuse("_Generic(int, int: 2)", "expected an expression");
}

Test(constant, what_is_no_constant_is_an_error_at_its_place) {
    refuse("", "column 13: found '}', expected an expression");
    refuse("1 +", "expected an expression");
    refuse("(1", "expected ')'");
    refuse("nobody", "no constant or variable of that name");
    refuse("1.5", "no integer constant");
    refuse("\"text\"", "no integer constant");
    refuse("(void)0", "no integer constant");
    refuse("1 2", "found '2', expected '}'");
    refuse("0x", "expected a number as C writes it");
    refuse("09", "expected a number");
    refuse("1lul", "expected a number");
    refuse("1e", "expected a number");
    refuse("18446744073709551616", "too large for any integer type");
    refuse("9223372036854775808", "too large for any integer type");
    refuse("'", "no quote that ends it");
    refuse("''", "a character between the quotes");
    refuse("'\\q'", "an escape that C does not have");
    refuse("'\\x100'", "too large for a character");
    refuse("\"\\x\" ? 1 : 2", "an escape");
    refuse("*3", "no pointer");
    refuse("~1.0", "nothing that it applies to");
    refuse("1.0 % 2", "floating");
    refuse("sizeof(struct nobody)", "incomplete");
    refuse("sizeof(((struct { int x; } *)0)->y)", "no member of that name");
    refuse("__builtin_offsetof(int, x)", "no member of that name");
    refuse("__builtin_offsetof(struct { int x : 3; }, x)", "a bit-field has no offset in bytes");
    refuse("sizeof(((struct { int x : 3; } *)0)->x)", "found 'sizeof', but it is applied to a bit-field");
    refuse("sizeof(__typeof__(((struct { int x : 3; } *)0)->x))", "applied to a bit-field");
    refuse("sizeof(&((struct { int x : 3; } *)0)->x)", "applied to a bit-field");
    refuse("sizeof(\"abc\"[1.5])", "found '[', but what it encloses is no integer");
    refuse("sizeof(1[2])", "no pointer");
    refuse("++3", "column 12: found '++', but what it assigns to is no object that can be");
    refuse("sizeof(\"abc\" = 0)", "column 25: found '=', but what it assigns to");
    refuse("sizeof(3++)", "column 20: found '++', but what it assigns to");
    refuse("(1, 2)", "no integer constant");
    refuse("1 ? (struct { int x; }){1} : (struct { char x; }){1}", "types that don't go together");
    refuse("\"abc\"[1]", "no integer constant");
}

/* Whether it is 0 to C, and so a null pointer: int has 4 bytes, and void has 1. */
#define NULL_OR_NOT(number) "sizeof(*(1 ? (void *)((long)(" number ") * 0l) : (int *)8))"

Test(constant, what_depends_on_addresses_or_computes_with_floating_numbers_makes_no_null_pointer) {
    CHECK(NULL_OR_NOT("&arr[1] - &arr[2]"), NULL_OR_NOT("arr != arr"), NULL_OR_NOT("&x.e > &x.e"),
          NULL_OR_NOT("(int *)8 - (int *)4"), NULL_OR_NOT("(void *)0 != 0"), NULL_OR_NOT("(_Bool)(void *)0"),
          NULL_OR_NOT("(long)(void *)0"), NULL_OR_NOT("!&i"), NULL_OR_NOT("(_Bool)arr"), NULL_OR_NOT("1 && (void *)0"),
          NULL_OR_NOT("1.0 - 1.0"), NULL_OR_NOT("1.0 < 0.5"), NULL_OR_NOT("-0.0"), NULL_OR_NOT("(double)0"),
          NULL_OR_NOT("!0.5"), NULL_OR_NOT("0.5 ? 1 : 2"), NULL_OR_NOT("1 ? 0 : 1.0"), NULL_OR_NOT("(int)1.5"),
          NULL_OR_NOT("(_Bool)1.5"));
}

Test(constant, what_a_builtin_makes_of_anything_that_can_be_computed_makes_a_null_pointer) {
    CHECK(NULL_OR_NOT("__builtin_bswap16(0 && i)"), NULL_OR_NOT("__builtin_bswap16(1 || call(1))"),
          NULL_OR_NOT("__builtin_popcount(1 ? 0 : i)"), NULL_OR_NOT("__builtin_expect(0 && i, 0)"),
          NULL_OR_NOT("__builtin_bswap16((_Bool)*rows)"), NULL_OR_NOT("__builtin_bswap16(!&i)"),
          NULL_OR_NOT("__builtin_bswap16(&i && 1)"), NULL_OR_NOT("__builtin_bswap16(&arr[2] - &arr[0])"),
          NULL_OR_NOT("__builtin_bswap16((_Bool)(char *)8)"), NULL_OR_NOT("__builtin_bswap16((long)&px->e)"),
          NULL_OR_NOT("__builtin_bswap16((long)&((struct bits *)0)->e)"), NULL_OR_NOT("__builtin_bswap16(i++)"),
          NULL_OR_NOT("__builtin_choose_expr(1, 0 && i, 0)"), NULL_OR_NOT("0 && i"), "!&i", "(_Bool)arr",
          NULL_OR_NOT("__builtin_constant_p(i && 0)"));
}

/* Expressions at random */

static void write_expression(struct writing *w, unsigned depth);

static void write_literal(struct writing *w) {
    static const char *const suffixes[] = {"", "", "u", "l", "ul", "ll", "ull"};
    static const char *const special[] = {
        "2147483647", "0x80000000", "4294967295u", "9223372036854775807", "0x8000000000000000", "(-2147483647-1)",
        "'a'",        "'\\xff'",    "L'x'"};
    if (draw(4) == 0)
        write_text(w, "%s", special[draw(sizeof special / sizeof *special)]);
    else
        write_text(w, "%s%u%s", draw(3) ? "" : "0x", draw(draw(2) ? 10 : 100000),
                   suffixes[draw(sizeof suffixes / sizeof *suffixes)]);
}

static void write_cast(struct writing *w, unsigned depth) {
    static const char *const types[] = {"_Bool", "char",           "signed char", "unsigned char",
                                        "short", "unsigned short", "int",         "unsigned",
                                        "long",  "unsigned long",  "long long"};
    write_text(w, "(%s)", types[draw(sizeof types / sizeof *types)]);
    write_expression(w, depth + 1);
}

/* What is no constant, and only asked for its type */

static void write_number(struct writing *w, unsigned depth);

/* With "$n" for a number, "$p" for a pointer, "$o" for an integer object, and "$v" for a vector. */
static void write_form(struct writing *w, const char *form, unsigned depth);

static void write_one_of(struct writing *w, const char *const *forms, size_t count, unsigned depth) {
    write_form(w, forms[draw((unsigned)count)], depth);
}

#define WRITE_ONE_OF(w, depth, ...)                                          \
    do {                                                                     \
        static const char *const forms[] = {__VA_ARGS__};                    \
        write_one_of((w), forms, sizeof forms / sizeof *forms, (depth) + 1); \
    } while (0)

static void write_object(struct writing *w, unsigned depth) {
    if (depth > 3)
        WRITE_ONE_OF(w, depth, "i", "c", "h", "uh", "u", "l", "x.a", "x.b", "x.c", "x.d", "px->e", "en");
    else
        WRITE_ONE_OF(w, depth, "i", "c", "u", "x.a", "px->b", "arr[$n]", "($n)[arr]", "*ip", "ip[$n]", "($o)",
                     "(px + $n)->c", "x.f[$n]", "*(&rows[$n][$n] - $n)", "rows[$n][1]", "w[$n]");
}

static void write_pointer(struct writing *w, unsigned depth) {
    if (depth > 3)
        WRITE_ONE_OF(w, depth, "arr", "ip", "cs", "str", "vp", "cvp", "px", "fp", "&i", "\"abc\"", "px->f", "(void *)0",
                     "(const char *)0", "rows", "text()", "&h", "call");
    else
        WRITE_ONE_OF(w, depth, "($n ? $p : $p)", "($n ? $p : 0)", "($n ? (void *)0 : $p)", "($n, $p)",
                     "(ip = arr + $n)", "(cs++)", "(--cs)", "(ip += $n)", "&arr[$n]", "&px->f", "&*$p", "rows[$n]",
                     "(char *)$p", "(struct bits[2]){}", "($n ? \"ab\" : \"abcd\")", "($n ? (void *)(long)$n : ip)",
                     "&rows[$n]", "*rows", "(int[]){1, 2}");
}

static void write_vector(struct writing *w, unsigned depth) {
    if (depth > 3)
        WRITE_ONE_OF(w, depth, "v", "w");
    else
        WRITE_ONE_OF(w, depth, "v", "w", "- $v", "($v + 1)", "(w + w)", "(v * v)", "(w = w)", "($n, $v)", "(v < v)",
                     "~w", "(w >> 1)");
}

/* To builtins, it gives nothing that GCC alone makes a constant of, as it does of i && 0. */
static void write_number(struct writing *w, unsigned depth) {
    if (depth > 3)
        WRITE_ONE_OF(w, depth, "1", "2u", "3l", "'a'", "$o", "$o", "E1");
    else
        WRITE_ONE_OF(w, depth, "$o", "($o = $n)", "($o += $n)", "($o <<= $n)", "($o)++", "--i", "(x.a, $o)", "($n, $n)",
                     "+ $n", "- $n", "~$o", "!$p", "($n + $n)", "($n * $n)", "($n << $n)", "($n < $n)", "($n && $p)",
                     "($n ? $n : $n)", "($n ?: $o)", "($p == $p)", "(&arr[$n] - &arr[$n])", "call($n)", "fp($n)",
                     "sizeof($p)", "sizeof *px", "__alignof__(x.f)", "__builtin_popcount($o)",
                     "__builtin_bswap16(0 && $n)", "__builtin_expect(1 || $p, 0)", "__builtin_bswap16((_Bool)&i)",
                     "(unsigned char)$n", "(_Bool)$p", "(int)d", "__builtin_choose_expr(0, $p, $n)", "\"abc\"[$n]",
                     "(*fp)($n)", "(px->a)++", "(struct bits){$n}.e", "(short){$n}");
}

static void write_form(struct writing *w, const char *form, unsigned depth) {
    for (; *form; form++) {
        if (*form != '$')
            write_text(w, "%c", *form);
        else if (*++form == 'n')
            write_number(w, depth);
        else if (*form == 'o')
            write_object(w, depth);
        else if (*form == 'p')
            write_pointer(w, depth);
        else
            write_vector(w, depth);
    }
}

static bool asks_for_types; /* of what is no constant */

/* What type something has, as a number. Compilers have types of their own for bit-fields: these are promoted. */
static void write_type_question(struct writing *w) {
    static const char choices[] =
        "int: 1, unsigned: 2, long: 3, unsigned long: 4, float: 5, double: 6, char: 7, int *: 10, const char *: 11,"
        "char *: 12, void *: 13, const void *: 14, const volatile int *: 15, int (*)[4]: 16, short *: 17,"
        "struct bits *: 18, int (*)(int): 19, const volatile void *: 20, char (*)[7]: 21, vf: 22, vu: 23,"
        "char **: 24, _Bool: 25, unsigned *: 26, default: 99)";
    switch (draw(8)) {
    case 0:
        write_form(w, "sizeof(+($n))", 0);
        break;
    case 1:
        write_form(w, "sizeof(__real__ ($n * z))", 0);
        break;
    case 2:
        write_form(w, "sizeof(*($n ? (void *)((long)$n * 0l) : (int *)8))", 0);
        break;
    case 3:
        write_form(w, "sizeof($v)", 0);
        break;
    case 4:
        write_form(w, "sizeof($n * f)", 0);
        break;
    default:
        write_text(w, "_Generic(");
        write_form(w, draw(2) ? "$p" : draw(3) ? "+($n)" : "$v", 0);
        write_text(w, ", %s", choices);
    }
}

static void write_builtin(struct writing *w, unsigned depth) {
    static const char *const around[][2] = {
        {"popcount(", ")"},
        {"popcountll(", ")"},
        {"parity(", ")"},
        {"ffs(", ")"},
        {"ffsl(", ")"},
        {"clz(1 | (", "))"},
        {"ctzl(1 | (", "))"},
        {"clrsb(", ")"},
        {"bswap16(", ")"},
        {"bswap32(", ")"},
        {"bswap64(", ")"},
        {"choose_expr(1, ", ", 1 / 0)"},
        {"choose_expr(0, i, ", ")"},
        {"expect(1, ", ")"},
    };
    unsigned which = draw(sizeof around / sizeof *around);
    write_text(w, "__builtin_%s", around[which][0]);
    write_expression(w, depth + 1);
    write_text(w, "%s", around[which][1]);
}

static void write_expression(struct writing *w, unsigned depth) {
    static const char *const binary[] = {"+",  "-", "*", "/",  "%",  "&",  "|",  "^",  "<<",
                                         ">>", "<", ">", "<=", ">=", "==", "!=", "&&", "||"};
    static const char unary[] = "+-~!";
    unsigned what = draw(asks_for_types ? 13 : 11);
    if (what > 10) {
        write_type_question(w);
    } else if (what == 10 && depth < 4) {
        write_builtin(w, depth);
    } else if (depth > 3 || what == 0) {
        write_literal(w);
    } else if (what == 1) {
        write_cast(w, depth);
    } else if (what == 2) {
        write_text(w, "%c ", unary[draw(4)]);
        write_expression(w, depth + 1);
    } else if (what == 3) {
        write_text(w, "(");
        write_expression(w, depth + 1);
        write_text(w, " ? ");
        write_expression(w, depth + 1);
        write_text(w, " : ");
        write_expression(w, depth + 1);
        write_text(w, ")");
    } else {
        bool parentheses = draw(2);
        write_text(w, "%s", parentheses ? "(" : "");
        write_expression(w, depth + 1);
        const char *word = binary[draw(sizeof binary / sizeof *binary)];
        write_text(w, " %s ", word);
        if (word[1] == word[0] && strchr("<>", *word))
            write_text(w, "%u", draw(34));
        else
            write_expression(w, depth + 1);
        write_text(w, "%s", parentheses ? ")" : "");
    }
}

/* Those that we refuse, a line each, the compiler refuses too, by the letter of C. */
static void check_refused(const char *refused, unsigned count) {
    struct writing text = {0};
    write_text(&text, "%s#line 1\n%s", objects, refused);
    char *said = run_command("gcc -std=c11 -pedantic-errors -fsyntax-only -fmax-errors=0 -x c - 2>&1", text.text, true);
    for (unsigned i = 1; i <= count; i++) {
        char place[32];
        snprintf(place, sizeof place, "<stdin>:%u:", i);
        const char *line = refused;
        for (unsigned skip = 1; skip < i; skip++)
            line = strchr(line, '\n') + 1;
        cr_assert_not_null(strstr(said, place), "gcc takes '%.*s'", (int)strcspn(line, "\n"), line);
    }
    free(said);
    free(text.text);
}

static void compare_random(bool with_clang) {
    struct comparison c;
    struct writing refused = {0};
    unsigned count = count_trials(1000), refusals = 0;
    seed_random("constant");
    begin(&c);
    write_text(&refused, "%s", "");
    for (unsigned i = 0; i < count; i++) {
        struct writing e = {0};
        gate_error error;
        write_expression(&e, 0);
        if (add_expression(&c, e.text, &error)) {
            write_text(&refused, "enum { v%u = (long)(%s) };\n", i, e.text);
            refusals++;
        }
        free(e.text);
    }
    cr_assert_lt(refusals, count / 2);
    check_refused(refused.text, refusals);
    free(refused.text);
    end(&c, with_clang);
}

Test(constant, random_expressions_are_worth_what_compilers_say) {
    compare_random(true);
}

/* clang has other types for bit-fields that were assigned to, and takes more for null pointers. */
Test(constant, random_expressions_that_are_not_evaluated_have_gccs_types) {
    asks_for_types = true;
    compare_random(false);
}
