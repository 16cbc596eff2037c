/* Attributes, in every place that GCC takes them. */
#include "tests/support/decls.h"

Test(attribute, they_are_taken_wherever_gcc_takes_them) {
    gate_decls *decls = read_text(
        "__attribute__((unused)) extern __attribute((cold)) int f(int __attribute__((unused)) x,\n"
        "    __attribute__((__nonnull__(1, 2))) char *p) __attribute__((pure, , __format__(printf, 1, (2))));\n"
        "extern int (__attribute__((noreturn)) *g)(void) __asm__(\"h\") __attribute__((weak)), __attribute__((unused)) "
        "i;\n"
        "struct __attribute__((may_alias)) s { int x __attribute__((unused)), *__attribute__((unused)) const y; } "
        "__attribute__((unused)) t;\n"
        "enum e { A __attribute__((deprecated(\"old\"))), B = 2 } __attribute__((unused));\n"
        "typedef void *(*__attribute__((cdecl)) k)(int *__attribute__((unused)), ...);\n"
        "int *__attribute__((unused)) *const __restrict q;\n"
        "static inline __attribute__((always_inline)) int j(int x) { return x; }\n"
        "void n(void) __attribute__((const)) __attribute((nothrow));");
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (int, char *)");
    cr_assert_str_eq(printed(find(decls, "g")->type), "int (*)(void)");
    cr_assert_str_eq(find(decls, "g")->label, "h");
    cr_assert_str_eq(printed(find(decls, "i")->type), "int");
    cr_assert_eq(find(decls, "B")->value, 2);
    cr_assert_str_eq(printed(find(decls, "k")->type), "void *(*)(int *, ...)");
    cr_assert_str_eq(printed(find(decls, "q")->type), "int **const restrict");
    find(decls, "j");
    find(decls, "n");
    gate_decls_free(decls);
}

Test(attribute, alignment_is_of_types_and_members) {
    gate_decls *decls = read_text(
        "typedef int a16 __attribute__((aligned(16))); typedef int a1 __attribute__((__aligned__(1)));\n"
        "struct s { char c; a1 x; a16 y; char z __attribute__((aligned)); };\n"
        "struct t { char c; _Alignas(long) char d; _Alignas(4) _Alignas(0) char e; };\n"
        "struct __attribute__((aligned(32))) u { char c; }; typedef struct u *up __attribute__((aligned(64)));\n"
        "struct u *__attribute__((aligned(16))) p;"
        "typedef int before, __attribute__((aligned(16))) alone, behind;");
    gate_field field;
    cr_assert_eq(type_of(decls, "before")->alignment, 4);
    cr_assert_eq(type_of(decls, "alone")->alignment, 16);
    cr_assert_eq(type_of(decls, "behind")->alignment, 4);
    cr_assert_eq(type_of(decls, "a16")->alignment, 16);
    cr_assert_eq(type_of(decls, "a16")->size, 4);
    gate_type_field(type_of(decls, "struct s"), "x", &field);
    cr_assert_eq(field.offset, 1);
    gate_type_field(type_of(decls, "struct s"), "z", &field);
    cr_assert_eq(field.offset, 32);
    gate_type_field(type_of(decls, "struct t"), "e", &field);
    cr_assert_eq(field.offset, 12);
    cr_assert_eq(type_of(decls, "struct u")->size, 32);
    cr_assert_eq(type_of(decls, "up")->alignment, 64);
    cr_assert_eq(type_of(decls, "int __attribute__((aligned(8)))")->alignment, 8);
    cr_assert_eq(find(decls, "p")->type->alignment, 16);
    gate_decls_free(decls);
    refuse_text("int x __attribute__((aligned(3)));", -EINVAL, "column 30: found '3', expected an alignment");
    refuse_text("int x __attribute__((aligned(1 << 29)));", -EINVAL, "expected an alignment");
    refuse_text("typedef int a16 __attribute__((aligned(16))); a16 x[3];", -EINVAL, "no multiple of their alignment");
}

Test(attribute, modes_and_vectors_choose_other_types) {
    gate_decls *decls = read_text(
        "typedef int byte __attribute__((mode(QI))), word __attribute__((__mode__(__word__)));\n"
        "typedef unsigned u64 __attribute__((mode(DI))); typedef float d __attribute__((mode(DF)));\n"
        "typedef _Complex float c __attribute__((mode(DC))); typedef int *p __attribute__((mode(pointer)));\n"
        "typedef float v4 __attribute__((vector_size(16))); v4 *f(v4, const int __attribute__((vector_size(8))));");
    cr_assert_eq(type_of(decls, "byte")->kind, GATE_SCHAR);
    cr_assert_eq(type_of(decls, "word")->kind, GATE_LONG);
    cr_assert_eq(type_of(decls, "u64")->kind, GATE_ULONG);
    cr_assert_eq(type_of(decls, "d")->kind, GATE_DOUBLE);
    cr_assert_eq(type_of(decls, "c")->kind, GATE_DOUBLE_COMPLEX);
    const gate_type *v4 = type_of(decls, "v4");
    cr_assert_eq(v4->kind, GATE_VECTOR);
    cr_assert_eq(v4->count, 4);
    cr_assert_eq(v4->alignment, 16);
    const gate_type *f = find(decls, "f")->type;
    cr_assert_eq(f->function->result->target->kind, GATE_VECTOR);
    cr_assert_eq(f->function->parameters[1]->count, 2);
    gate_decls_free(decls);
    refuse_text("typedef float d __attribute__((mode(SI)));", -EINVAL, "a machine mode that is none of its type");
    refuse_text("typedef int d __attribute__((mode(V4SI)));", -ENOTSUP, "no such machine mode");
    refuse_text("typedef int d __attribute__((vector_size(12)));", -EINVAL, "a power of 2");
    refuse_text("typedef long d __attribute__((vector_size(4)));", -EINVAL, "elements don't fill");
    refuse_text("struct s { int x; } v __attribute__((vector_size(16)));", -EINVAL, "of no numbers");
}

Test(attribute, vectors_are_of_what_a_pointer_array_or_function_leads_to) {
    gate_decls *decls = read_text(
        "float *__attribute__((vector_size(16))) p; float *__attribute__((vector_size(16))) *q;"
        "typedef float *fp; fp __attribute__((vector_size(16))) r; int f(int) __attribute__((vector_size(8)));"
        "short a[3] __attribute__((vector_size(4))); int *const __attribute__((vector_size(8))) *s;");
    cr_assert_str_eq(printed(find(decls, "p")->type), "float __attribute__((vector_size(16))) *");
    cr_assert_str_eq(printed(find(decls, "q")->type), "float __attribute__((vector_size(16))) **");
    cr_assert_str_eq(printed(find(decls, "r")->type), "float __attribute__((vector_size(16))) *");
    cr_assert_str_eq(printed(find(decls, "f")->type), "int __attribute__((vector_size(8))) (int)");
    cr_assert_str_eq(printed(find(decls, "a")->type), "short __attribute__((vector_size(4)))[3]");
    cr_assert_str_eq(printed(find(decls, "s")->type), "int __attribute__((vector_size(8))) *const *");
    cr_assert_str_eq(printed(find(decls, "fp")->type), "float *");
    gate_decls_free(decls);
    refuse_text("void *__attribute__((vector_size(16))) p;", -EINVAL, "of no numbers");
}

Test(attribute, a_mode_is_of_the_whole_declarator) {
    gate_decls *decls =
        read_text("typedef int *p __attribute__((mode(pointer))); typedef int __attribute__((mode(DI))) x, *y;"
                  "typedef unsigned u __attribute__((__mode__(__unwind_word__)));");
    cr_assert_str_eq(printed(find(decls, "p")->type), "int *");
    cr_assert_str_eq(printed(find(decls, "x")->type), "long");
    cr_assert_str_eq(printed(find(decls, "y")->type), "int *");
    cr_assert_str_eq(printed(find(decls, "u")->type), "unsigned long");
    gate_decls_free(decls);
    refuse_text("int *p __attribute__((mode(QI)));", -EINVAL, "a machine mode that is none of its type");
    refuse_text("int f(void) __attribute__((mode(DI)));", -EINVAL, "a machine mode that is none of its type");
}

Test(attribute, an_alignment_of_zero_asks_for_nothing) {
    gate_decls *decls = read_text("struct s { char c; _Alignas(8) _Alignas(0) char d; };"
                                  "struct t { char c; struct { _Alignas(16) _Alignas(0) char d; } in; };");
    cr_assert_eq(type_of(decls, "struct s")->size, 16);
    cr_assert_eq(type_of(decls, "struct t")->size, 32);
    read_more(decls, "typedef struct { char c; } __attribute__((aligned(8))) _Alignas(0) u;");
    cr_assert_eq(type_of(decls, "u")->size, 8);
    cr_assert_eq(type_of(decls, "int __attribute__((aligned(16))) _Alignas(0)")->alignment, 16);
    gate_decls_free(decls);
}

Test(attribute, a_transparent_typedef_leaves_its_union_as_it_was) {
    static const char text[] =
        "union w { int *i; long l; }; typedef union w T __attribute__((transparent_union)); typedef T U;"
        "void f(union w); void g(T, const U, T *); typedef union w V;"
        "typedef union { char *c; } const W __attribute__((transparent_union)); void h(V, W);";
    gate_decls *decls = read_text(text);
    cr_assert_str_eq(printed(find(decls, "f")->type), "void (union w)");
    cr_assert_str_eq(printed(find(decls, "g")->type), "void (int *, int *, T *)");
    cr_assert_str_eq(printed(find(decls, "h")->type), "void (union w, char *)");
    cr_assert_eq(type_of(decls, "T")->size, 8);
    gate_field field;
    cr_assert_eq(gate_type_field(type_of(decls, "T"), "l", &field), 0);
    cr_assert_not(gate__type_compatible(type_of(decls, "T"), type_of(decls, "union w")));
    read_more(decls, text);
    gate_decls_free(decls);
}

Test(attribute, a_transparent_union_is_passed_as_its_first_member) {
    gate_decls *decls =
        read_text("typedef union { int *i; const char *c; } u __attribute__((__transparent_union__)); int f(u, int);\n"
                  "union t { long l; int i; } __attribute__((transparent_union)); int g(union t);");
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (int *, int)");
    cr_assert_str_eq(printed(find(decls, "g")->type), "int (long)");
    cr_assert_eq(type_of(decls, "u")->kind, GATE_UNION);
    gate_decls_free(decls);
    refuse_text("typedef int u __attribute__((transparent_union));", -EINVAL, "a transparent union that is none");
}

Test(attribute, what_would_change_calls_or_memory_unseen_is_refused) {
    refuse_text("int f(int) __attribute__((ms_abi));", -ENOTSUP, "found 'ms_abi', an attribute that is not supported");
    refuse_text("struct s { int x; } __attribute__((scalar_storage_order(\"big-endian\")));", -ENOTSUP,
                "not supported");
    refuse_text("struct __attribute__((__ms_struct__)) s { int x; };", -ENOTSUP, "not supported");
}

Test(attribute, broken_ones_are_errors_at_their_place) {
    refuse_text("int x __attribute__(unused);", -EINVAL, "column 21: found 'unused', expected '('");
    refuse_text("int x __attribute__((unused);", -EINVAL, "column 29: found ';', expected ')'");
    refuse_text("int x __attribute__((7));", -EINVAL, "expected an attribute's name");
    refuse_text("int x __attribute__((format(printf));", -EINVAL, "expected ')'");
    refuse_text("int x __attribute__((format(printf", -EINVAL, "found the end, expected ')'");
    refuse_text("struct s { int x; } __attribute__((aligned(nobody)));", -EINVAL, "no constant or variable");
}
