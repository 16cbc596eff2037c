/* Types as C prints and lays them out. */
#include <complex.h>
#include <string.h>

#include "tests/support/compiler.h"
#include "tests/support/decls.h"

/* Prints parameter 0 of a function that takes what is declared. */
static const char *print_parameter(const char *declared) {
    static char printed[256];
    char text[256];
    snprintf(text, sizeof text, "void (%s)", declared);
    gate_signature *signature = parse(text);
    gate_type_print(gate_signature_parameter(signature, 0), printed, sizeof printed);
    gate_signature_free(signature);
    return printed;
}

Test(type, prints_as_c_declares_it) {
    static const char *const same[] = {
        "int",
        "unsigned long long",
        "signed char",
        "long double _Complex",
        "const char *",
        "char *const",
        "const volatile int *restrict",
        "void **",
        "const void *const *",
        "struct point *",
        "const union any *",
        "enum color",
        "int (*)(void)",
        "int (*)(const void *, const void *)",
        "int (**)(int)",
        "int (*const)(int)",
        "void (*(*)(int, void (*)(int)))(int)",
        "char *(*)(char *)",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        cr_assert_str_eq(print_parameter(same[i]), same[i]);
}

Test(type, printing_is_cut_to_the_buffer_and_tells_the_whole_length) {
    gate_signature *signature = parse("void (const char *)");
    const gate_type *type = gate_signature_parameter(signature, 0);
    char buffer[8] = "xxxxxxx";
    for (size_t size = 0; size <= sizeof buffer; size++) {
        cr_assert_eq(gate_type_print(type, buffer, size), strlen("const char *"));
        if (size)
            cr_assert_eq(strncmp(buffer, "const char *", size - 1) || buffer[size - 1], 0, "size %zu", size);
    }
    gate_signature_free(signature);
}

#define CHECK_LAYOUT(declared, type)                                                  \
    do {                                                                              \
        gate_signature *signature = parse("void (" declared ")");                     \
        const gate_type *parameter = gate_signature_parameter(signature, 0);          \
        cr_assert_eq(parameter->size, sizeof(type), "size of " declared);             \
        cr_assert_eq(parameter->alignment, _Alignof(type), "alignment of " declared); \
        gate_signature_free(signature);                                               \
    } while (0)

Test(type, sizes_and_alignments_are_the_compilers) {
    CHECK_LAYOUT("_Bool", _Bool);
    CHECK_LAYOUT("char", char);
    CHECK_LAYOUT("short", short);
    CHECK_LAYOUT("int", int);
    CHECK_LAYOUT("long", long);
    CHECK_LAYOUT("long long", long long);
    CHECK_LAYOUT("float", float);
    CHECK_LAYOUT("double", double);
    CHECK_LAYOUT("long double", long double);
    CHECK_LAYOUT("float _Complex", float _Complex);
    CHECK_LAYOUT("double _Complex", double _Complex);
    CHECK_LAYOUT("long double _Complex", long double _Complex);
    CHECK_LAYOUT("void *", void *);
    CHECK_LAYOUT("int (*)(void)", int (*)(void));
    CHECK_LAYOUT("enum any", unsigned);
}

/* Which types are compatible: each of these with each. An enum and its integer are to declarations, and not to the
 * compilers' builtin, so there is none of them. */

#define DECLARED                                                                             \
    "struct s { int x; }; struct t { int x; }; union u { int x; }; typedef struct s record;" \
    "typedef const int three[3]; typedef int vector __attribute__((vector_size(16)));"

static const char *const types[] = {
    "int",
    "unsigned",
    "long",
    "long long",
    "char",
    "signed char",
    "_Bool",
    "float",
    "double",
    "const int",
    "volatile int",
    "_Atomic int",
    "int *",
    "int *const",
    "int *restrict",
    "const int *",
    "void *",
    "int[3]",
    "int[4]",
    "int[]",
    "const int[3]",
    "three",
    "int (*)[3]",
    "int (*)[]",
    "struct s",
    "record",
    "struct t",
    "struct s *",
    "struct unknown *",
    "union u",
    "vector",
    "float __attribute__((vector_size(16)))",
    "int (void)",
    "int ()",
    "int (int)",
    "int (const int)",
    "int (int, ...)",
    "int (int, int)",
    "int (char)",
    "int (float)",
    "long (int)",
    "int (int *)",
    "int (int[3])",
    "int (int (int))",
    "int (int (*)(int))",
    "int (int (*)())",
    "int (*(int))[3]",
    "int (*())[]",
};
enum { TYPES = sizeof types / sizeof *types };

static bool may_be_declared_as_both(const char *a, const char *b) {
    char text[512];
    gate_decls *decls = read_text(DECLARED);
    snprintf(text, sizeof text, "extern __typeof__(%s) *x; extern __typeof__(%s) *x;", a, b);
    int failed = gate_decls_read(decls, text, NULL);
    gate_decls_free(decls);
    cr_assert(failed == 0 || failed == -EINVAL);
    return !failed;
}

Test(type, what_is_compatible_is_the_compilers_word) {
    struct writing ours = {0}, program = {0};
    write_text(&program, "int printf(const char *, ...); struct unknown; " DECLARED "int main(void) {\n");
    for (int i = 0; i < TYPES * TYPES; i++) {
        const char *a = types[i / TYPES], *b = types[i % TYPES];
        write_text(&ours, "'%s' and '%s': %d\n", a, b, may_be_declared_as_both(a, b));
        write_text(&program, "printf(\"'%s' and '%s': %%d\\n\", ", a, b);
        write_text(&program, "__builtin_types_compatible_p(__typeof__(%s) *, __typeof__(%s) *));\n", a, b);
    }
    write_text(&program, "}\n");
    for (int i = 0; i < 2; i++) {
        const char *compiler = i ? "clang" : "gcc";
        char *theirs = run_program(compiler, program.text);
        compare_lines(ours.text, theirs, compiler);
        free(theirs);
    }
    free(ours.text);
    free(program.text);
}

Test(type, a_parameter_beyond_the_last_is_null) {
    gate_signature *signature = parse("int (int, char)");
    cr_assert_eq(gate_signature_count(signature), 2);
    cr_assert_eq(gate_signature_result(signature)->kind, GATE_INT);
    cr_assert_eq(gate_signature_parameter(signature, 1)->kind, GATE_CHAR);
    cr_assert_null(gate_signature_parameter(signature, 2));
    gate_signature_free(signature);
}

Test(type, free_of_no_signature_is_fine) {
    gate_signature_free(NULL);
}
