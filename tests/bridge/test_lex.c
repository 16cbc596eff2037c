/* Tokens, and where errors are said to be. */
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

Test(lex, a_backslash_at_the_end_of_a_line_joins_it_with_the_next_one_in_tokens_too) {
    gate_decls *decls = read_text("in\\\nt fir\\\n\\\nst; enum { A = 1\\\n2, B = 0\\\r\nx1F, C = 1 <\\\n< 4, D = "
                                  "sizeof \"a\\\nb\", E = '\\\\\nn' };"
                                  "/\\\n* a comment *\\\n/ int second; /\\\n/ another \\\n int in_it;\n"
                                  "#pra\\\ngma pack(\\\n1)\nstruct s { char c; int i; };\\\n");
    static const unsigned values[] = {12, 31, 16, 3, '\n'};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char name[2] = {(char)('A' + i), '\0'};
        cr_assert_eq(find(decls, name)->value, values[i], "%s", name);
    }
    cr_assert_eq(find(decls, "first")->line, 2);
    find(decls, "second");
    cr_assert_null(gate_decls_find(decls, "in_it"));
    cr_assert_eq(type_of(decls, "struct s")->size, 5);
    gate_decls_free(decls);
    refuse_text("int x \\ \n;", -EINVAL, "column 7: found '\\'");
    refuse_text("int x;\\", -EINVAL, "column 7: found '\\'");
    refuse_text("int x;\\\\\n\n;", -EINVAL, "column 7: found '\\'");
}

Test(lex, places_count_the_lines_that_a_backslash_joins) {
    refuse_text("int\\\n 7;", -EINVAL, "line 2, column 2: found '7'");
    refuse_text("in\\\nt 7;", -EINVAL, "line 2, column 3: found '7'");
    refuse_text("int x\\\n\\\n\n\\\ny 7;", -EINVAL, "line 5, column 1: found 'y'");
    refuse_text("\\\nint\n 7;", -EINVAL, "line 3, column 2: found '7'");
    refuse_text("int fi\\\nrst\\\n_name second;", -EINVAL, "line 3, column 7: found 'second'");
    refuse_text("int 12\\\n34;", -EINVAL, "line 1, column 5: found '1234'");
    refuse_text("int x;\\\n/* no \\\nend", -EINVAL, "line 3, column 4: found the end");
    refuse_text("int x;\\\n\n# 9 \\\n\"a\\\n.h\"\n\n 7;", -EINVAL, "a.h:10:2: found '7'");
    refuse_text("#pragma pack(\\\n 3)", -EINVAL, "line 2, column 2: found '3'");
}

Test(lex, names_may_have_dollars_and_other_alphabets) {
    gate_decls *decls = read_text("int a$b, größe, _1;");
    find(decls, "a$b");
    find(decls, "größe");
    gate_decls_free(decls);
}

Test(lex, names_may_spell_characters_by_their_numbers) {
    gate_decls *decls =
        read_text("int \\u00e9t\\u00E9, caf\\U000000e9_\\u4e2d; enum { A = sizeof(été), B = sizeof(caf\\u00e9_中) };");
    cr_assert_eq(find(decls, "été")->column, 5);
    find(decls, "café_中");
    read_more(decls, "extern int été; struct \\u00e9 { int x; };");
    cr_assert_not_null(gate_decls_find_tag(decls, "é"));
    gate_decls_free(decls);
    refuse_text("int a\\u00e9 \\u00e9b;", -EINVAL, "column 13: found 'éb', expected ',' or ';'");
    refuse_text("int a\\u0041;", -EINVAL, "column 5: found 'a\\u0041', which has no character that names may have");
    refuse_text("int \\u00e;", -EINVAL, "which has no character");
    refuse_text("int \\ud800;", -EINVAL, "which has no character");
    refuse_text("int \\U00110000;", -EINVAL, "which has no character");
    refuse_text("int \\U0000;", -EINVAL, "which has no character");
    refuse_text("int \\x;", -EINVAL, "column 5: found '\\', expected a name");
}

Test(lex, digraphs_are_the_brackets_they_stand_for) {
    gate_decls *decls = read_text("int x<:3:>; struct s <% int y; %>; int f(int a<::>) <% return a<:0:>; %> int z;");
    cr_assert_eq(find(decls, "x")->type->count, 3);
    cr_assert_eq(type_of(decls, "struct s")->size, 4);
    find(decls, "z");
    gate_decls_free(decls);
}

Test(lex, comments_and_strings_have_an_end) {
    refuse_text("/* no end", -EINVAL, "expected '*/'");
    refuse_text("_Static_assert(1, \"no end);\n", -EINVAL, "found '\"no end);', but no quote that ends it");
    refuse_text("_Static_assert(1, \"no end);\r\n", -EINVAL, "found '\"no end);', but no quote that ends it");
    refuse_text("_Static_assert(1, L\"\nx\");", -EINVAL, "found 'L\"', but no quote that ends it");
}

Test(lex, the_longest_punctuator_counts) {
    gate_decls *decls =
        read_text("char c; int i; enum { A = sizeof(++c), B = sizeof(+ +c), C = sizeof(c - --i), D = sizeof(c<<=1),"
                  "E = sizeof(c>>=1), F = 1<<2>1, G = 8>>2>=2, H = 1<=2, I = sizeof(c+++c) };");
    static const unsigned sizes[] = {1, 4, 4, 1, 1, 1, 1, 1, 4};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char name[2] = {(char)('A' + i), '\0'};
        cr_assert_eq(find(decls, name)->value, sizes[i], "%s", name);
    }
    gate_decls_free(decls);
}
