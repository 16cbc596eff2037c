/* Tokens: what a preprocessor leaves of lines, files and pragmas, and where errors are said to be. */
#include "tests/support/decls.h"

Test(lex, errors_name_the_file_and_line_that_a_marker_gives) {
    refuse_text("int x\n\n  y;", -EINVAL, "line 3, column 3: found 'y', expected ',' or ';'");
    refuse_text("# 12 \"a.h\"\nint x;\n\tint 7;", -EINVAL, "a.h:13:6: found '7', expected a name");
    refuse_text("#line 5 \"b.h\"\nint 7;", -EINVAL, "b.h:5:5: found '7'");
    refuse_text("# 1 \"a.h\"\n# 1 \"b.h\" 1 3 4\nint x;\n# 2 \"a.h\" 2\n7;", -EINVAL, "a.h:2:1: found '7'");
    refuse_text("# 1 \"a.h\"\nint x; # 3", -EINVAL, "a.h:1:8: found '#'");
    refuse_text("# 9\n7", -EINVAL, "line 9, column 1: found '7'");
    refuse_text("# 9 \"a.h\n7", -EINVAL, "expected a file's name");
    refuse_text("int x; /* two\nlines */ 7;", -EINVAL, "line 2, column 10: found '7'");
    refuse_text("# 1 \"/a/very/long/path/that/goes/on/and/on/and/on/and/on/until/it/does/not/fit/file.h\"\n7;", -EINVAL,
                "does/not/fit/file.h:1:1: found '7'");
}

Test(lex, a_declaration_knows_its_place) {
    gate_decls *decls = read_text("# 12 \"a.h\"\nint x,\n  y;");
    cr_assert_str_eq(find(decls, "y")->file, "a.h");
    cr_assert_eq(find(decls, "y")->line, 13);
    cr_assert_eq(find(decls, "y")->column, 3);
    read_more(decls, "int z;");
    cr_assert_null(find(decls, "z")->file);
    gate_decls_free(decls);
}

Test(lex, space_is_whatever_c_takes_for_it) {
    gate_decls *decls = read_text(
        "\n\v\f int/* a *//**/x // b\n;\\\nint\\\n y;\r\n#pragma once\n#pragma GCC poison x\n#ident \"z\"\n#\n");
    find(decls, "x");
    find(decls, "y");
    gate_decls_free(decls);
}

Test(lex, names_may_have_dollars_and_other_alphabets) {
    gate_decls *decls = read_text("int a$b, größe, _1;");
    find(decls, "a$b");
    find(decls, "größe");
    gate_decls_free(decls);
}

Test(lex, what_only_a_preprocessor_understands_is_refused) {
    refuse_text("#include <stdio.h>\nint x;", -EINVAL, "line 1, column 2: found 'include', which is a directive");
    refuse_text("int x;\n#define A 1\n", -EINVAL, "line 2, column 2: found 'define', which is a directive");
    refuse_text("/* no end", -EINVAL, "expected '*/'");
    refuse_text("_Static_assert(1, \"no end);\n", -EINVAL, "no quote that ends it");
}

static size_t size_with(const char *pragmas) {
    char text[512];
    snprintf(text, sizeof text, "%s\nstruct s { char c; long l; };", pragmas);
    gate_decls *decls = read_text(text);
    size_t size = type_of(decls, "struct s")->size;
    gate_decls_free(decls);
    return size;
}

Test(lex, pragma_pack_is_heeded_in_all_its_forms) {
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

Test(lex, pragma_pack_ends_with_its_text) {
    gate_decls *decls = read_text("#pragma pack(1)\nstruct a { char c; int i; };");
    read_more(decls, "struct b { char c; int i; };");
    cr_assert_eq(type_of(decls, "struct a")->size, 5);
    cr_assert_eq(type_of(decls, "struct b")->size, 8);
    gate_decls_free(decls);
}
