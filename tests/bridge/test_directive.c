/* Directives: what a preprocessor leaves of pragmas, and what it does not leave. */
#include <time.h>

#include "tests/support/decls.h"

Test(directive, what_only_a_preprocessor_understands_is_refused) {
    refuse_text("#include <stdio.h>\nint x;", -EINVAL, "line 1, column 2: found 'include', which is a directive");
    refuse_text("int x;\n#define A 1\n", -EINVAL, "line 2, column 2: found 'define', which is a directive");
}

static size_t size_with(const char *pragmas) {
    char text[512];
    snprintf(text, sizeof text, "%s\nstruct s { char c; long l; };", pragmas);
    gate_decls *decls = read_text(text);
    size_t size = type_of(decls, "struct s")->size;
    gate_decls_free(decls);
    return size;
}

Test(directive, pragma_pack_is_heeded_in_all_its_forms) {
    cr_assert_eq(size_with(""), 16);
    cr_assert_eq(size_with("#pragma pack(1)"), 9);
    cr_assert_eq(size_with("  #  pragma   pack ( 2 ) "), 10);
    cr_assert_eq(size_with("#pragma pack(1)\n#pragma pack()"), 16);
    cr_assert_eq(size_with("#pragma pack(push, 4)"), 12);
    cr_assert_eq(size_with("#pragma pack(push, 4)\n#pragma pack(push)\n#pragma pack(1)\n#pragma pack(pop)"), 12);
    cr_assert_eq(size_with("#pragma pack(push, 4)\n#pragma pack(pop)"), 16);
    cr_assert_eq(size_with("#pragma pack(2)\n#pragma pack(push, a, 4)\n#pragma pack(push, b, 1)\n#pragma pack(pop, a)"),
                 10);
    cr_assert_eq(size_with("#pragma pack(2)\n#pragma pack(pop)"), 10, "there is nothing to pop");
    cr_assert_eq(size_with("#pragma pack(push, 1)\n#pragma pack(pop, 2)"), 10);
    cr_assert_eq(size_with("#pragma pack(16)"), 16);
    refuse_text("#pragma pack(3)\nint x;", -EINVAL, "line 1, column 14: found '3', expected '#pragma pack('");
    refuse_text("#pragma pack(push, 32)\n", -EINVAL, "line 1, column 20: found '32'");
    refuse_text("#pragma pack(what)\n", -EINVAL, "found 'what'");
    refuse_text("#pragma pack 1\n", -EINVAL, "found '1'");
    refuse_text("#pragma pack(1\n", -EINVAL, "found the end");
}

Test(directive, pragma_pack_ends_with_its_text) {
    gate_decls *decls = read_text("#pragma pack(1)\nstruct a { char c; int i; };");
    read_more(decls, "struct b { char c; int i; };");
    cr_assert_eq(type_of(decls, "struct a")->size, 5);
    cr_assert_eq(type_of(decls, "struct b")->size, 8);
    gate_decls_free(decls);
}

/* Pushed so many times, and then popped by a name that is not there. */
static char *write_pushes(unsigned pushes, unsigned pops) {
    char *text = malloc(64 * (size_t)(pushes + pops) + 64), *end = text;
    for (unsigned i = 0; i < pushes; i++)
        end = stpcpy(end, "#pragma pack(push, 1)\n");
    for (unsigned i = 0; i < pops; i++)
        end = stpcpy(end, "#pragma pack(pop, other)\n");
    return text;
}

Test(directive, no_more_than_1000_packs_are_pushed_at_once) {
    char *text = write_pushes(1000, 1000);
    gate_decls_free(read_text(text));
    free(text);
    text = write_pushes(1001, 0);
    refuse_text(text, -EINVAL, "line 1001, column 20: found '1', but more than 1000 were pushed, and not popped");
    free(text);
}
