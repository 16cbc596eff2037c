/* Builtins: what the compiler's own functions are worth. */
#include <limits.h>

#include "tests/support/decls.h"

#define CHECK(expression) \
    { #expression, (long)(expression) }

Test(builtin, counts_and_swaps_are_the_compilers) {
    const struct {
        const char *text;
        long value;
    } cases[] = {
        CHECK(__builtin_popcount(7)),
        CHECK(__builtin_popcount(-1)),
        CHECK(__builtin_popcountl(-1)),
        CHECK(__builtin_popcountll(1ull << 63)),
        CHECK(__builtin_parity(7)),
        CHECK(__builtin_parityl(3)),
        CHECK(__builtin_ffs(0)),
        CHECK(__builtin_ffs(8)),
        CHECK(__builtin_ffsl(1ul << 40)),
        CHECK(__builtin_clz(1)),
        CHECK(__builtin_clzl(1)),
        CHECK(__builtin_clzll(-1)),
        CHECK(__builtin_ctz(8)),
        CHECK(__builtin_ctzl(1ul << 40)),
        CHECK(__builtin_clrsb(0)),
        CHECK(__builtin_clrsb(-1)),
        CHECK(__builtin_clrsb(INT_MIN)),
        CHECK(__builtin_clrsbl(255)),
        CHECK(__builtin_bswap16(0x1234)),
        CHECK(__builtin_bswap32(0x12345678)),
        CHECK(__builtin_bswap64(0x123456789abcdef)),
        CHECK(__builtin_abs(-3)),
        CHECK(__builtin_labs(-3l)),
        {"__builtin_popcount(1.5)", __builtin_popcount((unsigned)1.5)},
        CHECK(__builtin_expect(5, 1)),
        CHECK(sizeof(__builtin_bswap16(1))),
        CHECK(sizeof(__builtin_expect(1, 1))),
    };
    gate_decls *decls = read_text("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "enum { INT_MIN = -2147483647 - 1 }; enum { A%zu = %s };", i, cases[i].text);
        read_more(decls, text);
        snprintf(text, sizeof text, "A%zu", i);
        cr_assert_eq((long)find(decls, text)->value, cases[i].value, "%s", cases[i].text);
    }
    gate_decls_free(decls);
}

Test(builtin, constants_are_told_from_what_is_none) {
    gate_decls *decls = read_text(
        "int x; static const int c = 3; enum { E = 1, A = __builtin_constant_p(1 + E), B = __builtin_constant_p(x),"
        "C = __builtin_constant_p(\"text\"), D = __builtin_constant_p(&x), F = __builtin_constant_p(1.5),"
        "G = __builtin_constant_p(c), H = __builtin_constant_p(1 / 0), I = __builtin_constant_p(\"text\"[x]),"
        "J = __builtin_constant_p(0 && x), K = __builtin_constant_p(1 ? 0 : c), L = __builtin_constant_p(!&x),"
        "M = __builtin_constant_p((_Bool)(char *)8), N = __builtin_constant_p(x && 0),"
        "O = __builtin_constant_p(x * 0) };");
    for (const char *name = "ABCDFGHIJKLMNO"; *name; name++) {
        char text[2] = {*name, '\0'};
        cr_assert_eq(find(decls, text)->value, strchr("ACFJKLM", *name) != NULL, "%s", text);
    }
    gate_decls_free(decls);
}

Test(builtin, types_choose_expressions) {
    gate_decls *decls = read_text(
        "enum { A = __builtin_types_compatible_p(int, const int), B = __builtin_types_compatible_p(int *, const int *),"
        "C = __builtin_types_compatible_p(int[], int[3]), D = __builtin_types_compatible_p(long, long long),"
        "E = __builtin_choose_expr(1, 2, 1 / 0), F = __builtin_choose_expr(0, 1 / 0, 3),"
        "G = sizeof(__builtin_choose_expr(__builtin_types_compatible_p(int, int), (char)1, 1l)),"
        "H = __builtin_types_compatible_p(const int[3][2], volatile int[][2]),"
        "I = __builtin_types_compatible_p(const int (*)[3], int (*)[3]) };"
        "_Static_assert(__builtin_types_compatible_p(__typeof__(1), int), \"\");"
        "extern __typeof__(__builtin_choose_expr(0, 1, (int *)0)) p;");
    static const unsigned values[] = {1, 0, 1, 0, 2, 3, 1, 1, 0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char name[2] = {(char)('A' + i), '\0'};
        cr_assert_eq(find(decls, name)->value, values[i], "%s", name);
    }
    cr_assert_str_eq(printed(find(decls, "p")->type), "int *");
    gate_decls_free(decls);
}

Test(builtin, one_that_is_not_known_is_enotsup_where_it_matters) {
    refuse_text("enum { A = __builtin_frame_address(0) };", -ENOTSUP,
                "column 12: found '__builtin_frame_address', a builtin that is not supported");
    refuse_text("int x[__builtin_ctz(0)];", -EINVAL, "expected a count");
    refuse_text("enum { A = __builtin_popcount };", -EINVAL, "expected '('");
    refuse_text("enum { A = __builtin_popcount(1, 2) };", -EINVAL, "expected ')'");
    refuse_text("enum { A = __builtin_choose_expr(x, 1, 2) };", -EINVAL, "no constant or variable of that name");
    gate_decls *decls = read_text("static const int x = __builtin_nobody_knows(3, sizeof(int)), y = 2; extern int z;");
    cr_assert_eq(find(decls, "x")->kind, GATE_DECL_VARIABLE);
    cr_assert_eq(find(decls, "y")->kind, GATE_DECL_CONSTANT);
    gate_decls_free(decls);
}
