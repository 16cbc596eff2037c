/* The parser: what it takes, what it refuses and where, and that no bytes break it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <wchar.h>

#include "tests/support/decls.h"

/* Prints a whole signature, as "result (parameters)". */
static void print_signature(const gate_signature *signature, char *buffer, size_t size) {
    gate_type type = {.kind = GATE_FUNCTION, .function = signature};
    gate_type_print(&type, buffer, size);
}

static void check(const char *text, const char *means) {
    char printed[512], again[512];
    gate_signature *signature = parse(text);
    print_signature(signature, printed, sizeof printed);
    cr_assert_str_eq(printed, means, "'%s' reads as '%s', not '%s'", text, printed, means);
    gate_signature_free(signature);
    signature = parse(printed);
    print_signature(signature, again, sizeof again);
    cr_assert_str_eq(printed, again);
    gate_signature_free(signature);
}

Test(decl, specifiers_come_in_any_order) {
    check("int (unsigned)", "int (unsigned int)");
    check("long int unsigned (long unsigned int long)", "unsigned long (unsigned long long)");
    check("signed (signed char, char, char unsigned, short signed int)",
          "int (signed char, char, unsigned char, short)");
    check("double long (long _Complex double, _Complex float)", "long double (long double _Complex, float _Complex)");
    check("int (...)", "int (...)");
    check("bool (_Bool)", "_Bool (_Bool)");
    check("char const *(const char *, char const *const, volatile int const *)",
          "const char *(const char *, const char *const, const volatile int *)");
}

Test(decl, prototypes_with_names_are_taken_as_headers_have_them) {
    check("extern int puts(const char *string);", "int (const char *)");
    check("void *memcpy(void *restrict to, const void *restrict from, size_t n);",
          "void *(void *restrict, const void *restrict, unsigned long)");
    check("void qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))",
          "void (void *, unsigned long, unsigned long, int (*)(const void *, const void *))");
    check("void (*signal(int number, void (*handler)(int)))(int);", "void (*(int, void (*)(int)))(int)");
    check("int getpid()", "int ()");
    check("int getpid(void)", "int (void)");
    check(" \n\tint\n(\nint\t)\n; ", "int (int)");
}

Test(decl, parameters_are_adjusted_as_c_does) {
    check("int (int [])", "int (int *)");
    check("int (char *argv[], int a[static 4], int b[N], const char c[restrict 10])",
          "int (char **, int *, int *, const char *restrict)");
    check("int (int (int), int callback(char))", "int (int (*)(int), int (*)(char))");
    check("int (void (*[])(void))", "int (void (**)(void))");
    check("int (int [2][3], char (*rows)[80], int (*)[])", "int (int (*)[3], char (*)[80], int (*)[])");
    check("int (char (*(*)[2][0x10])(int))", "int (char (*(*)[2][16])(int))");
    check("int (*f(int))[4]", "int (*(int))[4]");
}

Test(decl, qualifiers_in_brackets_are_the_pointers) {
    check("int (int [const 3], char [static restrict volatile 2][3], int (*)[2], const int [restrict])",
          "int (int *const, char (*volatile restrict)[3], int (*)[2], const int *restrict)");
}

Test(decl, tags_are_kept_and_enums_pass_by_value) {
    check("struct tm *(const struct tm *, enum color, union sigval *)",
          "struct tm *(const struct tm *, enum color, union sigval *)");
    check("enum color (void)", "enum color (void)");
}

/* A type's name must mean what it means to the compiler that built this. */
#define CHECK_NAME(type)                                                        \
    do {                                                                        \
        gate_signature *signature = parse("void (" #type ")");                  \
        const gate_type *parameter = gate_signature_parameter(signature, 0);    \
        char printed[64];                                                       \
        gate_type_print(parameter, printed, sizeof printed);                    \
        cr_assert_eq(parameter->size, sizeof(type), #type);                     \
        bool is_unsigned = !strncmp(printed, "unsigned", 8);                    \
        cr_assert_eq(is_unsigned, (type)-1 > (type)0, #type " is %s", printed); \
        gate_signature_free(signature);                                         \
    } while (0)

Test(decl, names_of_types_mean_what_the_compiler_says) {
    CHECK_NAME(size_t);
    CHECK_NAME(ssize_t);
    CHECK_NAME(ptrdiff_t);
    CHECK_NAME(intptr_t);
    CHECK_NAME(uintptr_t);
    CHECK_NAME(intmax_t);
    CHECK_NAME(uintmax_t);
    CHECK_NAME(int8_t);
    CHECK_NAME(uint8_t);
    CHECK_NAME(int16_t);
    CHECK_NAME(uint16_t);
    CHECK_NAME(int32_t);
    CHECK_NAME(uint32_t);
    CHECK_NAME(int64_t);
    CHECK_NAME(uint64_t);
    CHECK_NAME(int_fast8_t);
    CHECK_NAME(int_fast16_t);
    CHECK_NAME(uint_fast32_t);
    CHECK_NAME(uint_least16_t);
    CHECK_NAME(wchar_t);
    CHECK_NAME(wint_t);
    CHECK_NAME(off_t);
    CHECK_NAME(pid_t);
    CHECK_NAME(uid_t);
    CHECK_NAME(mode_t);
    CHECK_NAME(time_t);
    CHECK_NAME(clock_t);
    CHECK_NAME(useconds_t);
    CHECK_NAME(dev_t);
    CHECK_NAME(ino_t);
}

static void refuse(const char *text, int code, const char *place, const char *why) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_parse(text, &signature, &error), code, "'%s' gives %d: %s", text, error.code,
                 error.message);
    cr_assert_eq(error.code, code);
    cr_assert_not_null(strstr(error.message, place), "'%s' gives: %s", text, error.message);
    cr_assert_not_null(strstr(error.message, why), "'%s' gives: %s", text, error.message);
    cr_assert_null(signature);
}

Test(decl, errors_say_where_what_was_found_and_what_was_expected) {
    refuse("", -EINVAL, "line 1, column 1: found the end", "expected a type");
    refuse("int", -EINVAL, "line 1, column 4: found the end", "expected '(' and parameters");
    refuse("int (int", -EINVAL, "line 1, column 9: found the end", "expected ')'");
    refuse("int (int,)", -EINVAL, "line 1, column 10: found ')'", "expected a type");
    refuse("int (int) x", -EINVAL, "line 1, column 11: found 'x'", "expected the end");
    refuse("int (int))", -EINVAL, "line 1, column 10: found ')'", "expected the end");
    refuse("int (char **, 7)", -EINVAL, "line 1, column 15: found '7'", "expected a type");
    refuse("int (struct *)", -EINVAL, "line 1, column 13: found '*'", "expected a tag");
    refuse("int (struct int *)", -EINVAL, "line 1, column 13: found 'int'", "expected a tag");
    refuse("int (int [4)", -EINVAL, "line 1, column 12: found ')'", "expected ']'");
    refuse("int (@)", -EINVAL, "line 1, column 6: found '@'", "expected a type");
    refuse("int \xff(void)", -EINVAL, "line 1, column 5: found", "expected '(' and parameters");
}

Test(decl, an_unknown_type_is_named_and_told_how_to_write) {
    refuse("int (sqlite3 *, int)", -EINVAL, "line 1, column 6: found 'sqlite3'", "no type of that name is known");
    refuse("szie_t (int)", -EINVAL, "line 1, column 1: found 'szie_t'", "void *");
}

Test(decl, combinations_that_c_does_not_have_are_refused) {
    refuse("short long (void)", -EINVAL, "line 1, column 1: found 'short'", "no type");
    refuse("int (unsigned float)", -EINVAL, "line 1, column 6: found 'unsigned'", "no type");
    refuse("int (long long long)", -EINVAL, "line 1, column 16: found 'long'", "said before");
    refuse("int (int int)", -EINVAL, "line 1, column 10: found 'int'", "said before");
    refuse("int (_Complex void)", -EINVAL, "line 1, column 6", "no type");
}

Test(decl, types_that_are_no_functions_are_refused) {
    refuse("int *", -EINVAL, "line 1, column 6: found the end", "expected '('");
    refuse("int (*)(void)", -EINVAL, "line 1, column 1", "no function's");
    refuse("int x[3]", -EINVAL, "line 1, column 1", "no function's");
    refuse("int (void)(void)", -EINVAL, "line 1, column 11: found '('", "can't return a function");
    refuse("int f(void)[3]", -EINVAL, "line 1, column 12: found '['", "can't return a function or an array");
    refuse("int (int a[3](void))", -EINVAL, "line 1, column 12: found '3'", "no arrays of void or of functions");
    refuse("int (void [])", -EINVAL, "line 1, column 12: found ']'", "no arrays of void");
    refuse("int (int [3x])", -EINVAL, "line 1, column 11: found '3x'", "expected a number");
    refuse("int (int (*)[-1])", -EINVAL, "line 1, column 14: found '-'", "no fewer than 0");
    refuse("int (int [99999999999999999999])", -EINVAL, "line 1, column 11", "too large for any integer type");
    refuse("int (long [4611686018427387904])", -EINVAL, "line 1, column 12", "too large");
}

Test(decl, void_is_a_parameter_only_alone_and_only_in_parentheses) {
    refuse("int (int, void)", -EINVAL, "line 1, column 11: found 'void'", "can't be void");
    refuse("int (void, int)", -EINVAL, "line 1, column 6: found 'void'", "can't be void");
    refuse("int (void x)", -EINVAL, "line 1, column 6: found 'void'", "can't be void");
    refuse("int (const void)", -EINVAL, "line 1, column 6: found 'const'", "can't be void");
    gate_decls *decls = read_text("typedef void V; int f(V); V g(V *, int (*)(V));");
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (void)");
    cr_assert_eq(find(decls, "f")->type->function->unspecified, false);
    cr_assert_str_eq(printed(find(decls, "g")->type), "void (void *, int (*)(void))");
    refuse_more(decls, "int h(V x);", -EINVAL, "can't be void");
    gate_decls_free(decls);
}

Test(decl, what_has_no_place_in_a_call_is_enotsup) {
    refuse("int (char __attribute__((vector_size(2))))", -ENOTSUP, "", "can't be called");
    refuse("char __attribute__((vector_size(4))) (void)", -ENOTSUP, "", "can't be called");
    refuse("int (struct { int x __attribute__((aligned(8192))); })", -ENOTSUP, "", "can't be called");
}

Test(decl, values_of_what_is_not_defined_are_einval) {
    refuse("int (int, struct point)", -EINVAL, "parameter 2", "'struct point', which is not defined");
    refuse("union u (int)", -EINVAL, "the result", "'union u', which is not defined");
}

Test(decl, no_text_is_einval) {
    gate_signature *signature = NULL;
    gate_error error;
    cr_assert_eq(gate_signature_parse(NULL, &signature, &error), -EINVAL);
    cr_assert_eq(gate_signature_parse("int", &signature, NULL), -EINVAL, "an error nobody wants");
}

static char *repeat(const char *begin, const char *part, unsigned times, const char *end) {
    char *text = calloc(1, strlen(begin) + strlen(part) * times + strlen(end) + 1), *at = stpcpy(text, begin);
    for (unsigned i = 0; i < times; i++)
        at = stpcpy(at, part);
    strcpy(at, end);
    return text;
}

Test(decl, takes_127_parameters_and_not_one_more) {
    gate_error error;
    char *text = repeat("int (int", ", int", 126, ")");
    gate_signature *signature = parse(text);
    cr_assert_eq(gate_signature_count(signature), 127);
    gate_signature_free(signature);
    free(text);
    text = repeat("int (int", ", int", 127, ")");
    cr_assert_eq(gate_signature_parse(text, &signature, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "127 is the most"), "%s", error.message);
    free(text);
}

/* Everything that nests: what begins it, a level, what is in the middle, and what ends a level and the whole. */
static const struct {
    const char *begin, *open, *middle, *close, *end;
} nests[] = {
    {"int ", "(", "x", ")", ";"},
    {"int ", "*", "x", "", ";"},
    {"int *", "const *volatile ", "x", "", ";"},
    {"int x", "[1]", "", "", ";"},
    {"int x", "[1", "", "]", ";"},
    {"int ", "(*", "x", ")[2]", ";"},
    {"int ", "(*", "x", ")(void)", ";"},
    {"void f(", "int (*)(", "", ")", ");"},
    {"void f(", "int (", "", ")", ");"},
    {"", "struct {", "int x;", "} x;", ""},
    {"", "struct s { struct {", "int x;", "}; };", ""},
    {"", "union {", "int x;", "};", ""},
    {"int x[", "(", "1", ")", "];"},
    {"int x[", "1+(", "1", ")", "];"},
    {"int x[", "- ", "1", "", "];"},
    {"int x[", "!", "1", "", "];"},
    {"int x[", "~ + -", "1", "", "];"},
    {"int x[", "*&", "1", "", "];"},
    {"int x[", "(int)", "1", "", "];"},
    {"int x[", "(__typeof__(", "1", "))1", "];"},
    {"int x[", "sizeof ", "1", "", "];"},
    {"int x[", "sizeof(char[", "1", "])", "];"},
    {"int x[", "1?", "1", ":1", "];"},
    {"int x[", "1?1:", "1", "", "];"},
    {"int x[", "(1?", "1", ":2)", "];"},
    {"int x[", "\"a\"[", "1", "]", "];"},
    {"int x[", "1 || (2 && ", "1", ")", "];"},
    {"int x[", "__builtin_offsetof(struct { int y[", "1", "]; }, y)", "];"},
    {"int x[", "sizeof(struct { int y[", "1", "]; })", "];"},
    {"int x[", "(int){", "1", "}", "];"},
    {"int x[", "__extension__ ", "1", "", "];"},
    {"", "__typeof__(", "int", ")", " x;"},
    {"", "_Atomic(", "int", ")", " x;"},
    {"int x ", "__attribute__((aligned(", "1", ")))", ";"},
    {"int x __attribute__((aligned(", "(", "1", ")", ")));"},
    {"int x __attribute__((unused(", "(", "1", ")", ")));"},
    {"int x ", "__attribute__((vector_size(sizeof(int ", "", "))))", ";"},
    {"int ", "(__attribute__((aligned(sizeof(int ", "*", "))))*)", ";"},
    {"_Alignas(", "_Alignof(int[", "1", "])", ") int x;"},
    {"_Static_assert(", "(", "1", ")", ", \"\");"},
    {"int f(void) ", "{", "", "}", ""},
    {"int x = ", "{(", "", ")}", ";"},
    {"enum { A = ", "sizeof(enum { A", "", "})", "};"},
    {"typedef int t; ", "typedef t *", "t", "", ";"},
};

static char *nest(size_t which, unsigned levels) {
    char *opened = repeat(nests[which].begin, nests[which].open, levels, nests[which].middle);
    char *text = repeat(opened, nests[which].close, levels, nests[which].end);
    free(opened);
    return text;
}

static void *parse_deep_text(void *unused) {
    static const unsigned levels[] = {1, 10, 60, 63, 64, 65, 70, 130, 1000, 20000};
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        for (size_t j = 0; j < sizeof levels / sizeof *levels; j++) {
            gate_error error = {0, ""};
            gate_decls *decls;
            char *text = nest(i, levels[j]);
            gate_decls_make(&decls);
            int code = gate_decls_read(decls, text, &error);
            cr_assert(code == 0 || code == -EINVAL, "%u times %s: %d, %s", levels[j], nests[i].open, code,
                      error.message);
            if (levels[j] <= 10 && strstr(error.message, "nested"))
                cr_assert(false, "%u times %s: %s", levels[j], nests[i].open, error.message);
            gate_decls_free(decls);
            free(text);
        }
    }
    return unused;
}

Test(decl, nesting_is_bounded_even_on_a_tasks_stack) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config config = {.main = parse_deep_text, .name = "small", .stack_size = 128 * 1024};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    join(task);
    stop(runtime);
}

Test(decl, what_nests_too_deeply_says_so) {
    static const unsigned nested[] = {0, 1, 3, 5, 6, 7, 9, 11, 12, 14, 18, 22, 23, 31, 34};
    for (size_t i = 0; i < sizeof nested / sizeof *nested; i++) {
        char *text = nest(nested[i], 1000);
        refuse_text(text, -EINVAL, "nested too deeply: 64 levels are the most");
        free(text);
    }
}

/* 64 levels are taken, with those of the innermost and of a declarator around, and not one more: the message is true. */
Test(decl, just_64_levels_may_nest) {
    static const struct {
        size_t nest;
        unsigned levels;
    } cases[] = {{0, 63}, {1, 64}, {9, 63}, {12, 62}, {15, 62}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = nest(cases[i].nest, cases[i].levels);
        gate_decls_free(read_text(text));
        free(text);
        text = nest(cases[i].nest, cases[i].levels + 1);
        refuse_text(text, -EINVAL, "nested too deeply: 64 levels are the most");
        free(text);
    }
}

Test(decl, what_typedefs_make_of_each_other_is_bounded_too) {
    char text[64 * 1024];
    size_t length = (size_t)sprintf(text, "typedef int t0;");
    for (int i = 1; i < 200; i++)
        length += (size_t)sprintf(text + length, "typedef t%d *t%d;", i - 1, i);
    refuse_text(text, -EINVAL, "nested too deeply: 64 levels are the most");
    length = (size_t)sprintf(text, "typedef void f0(int);");
    for (int i = 1; i < 60; i++)
        length += (size_t)sprintf(text + length, "typedef void f%d(f%d *, f%d *, f%d *);", i, i - 1, i - 1, i - 1);
    refuse_text(text, -EINVAL, "more than a million parts");
    length = (size_t)sprintf(text, "typedef struct { int x; } *s0;");
    for (int i = 1; i < 30; i++)
        length += (size_t)sprintf(text + length, "typedef struct { s%d a, b, c, d; } *s%d;", i - 1, i);
    refuse_text(text, -EINVAL, "more than a million parts");
    length = (size_t)sprintf(text, "typedef struct { int x; } s0;");
    for (int i = 1; i < 500; i++)
        length += (size_t)sprintf(text + length, "typedef struct { s%d *a, *b; } s%d;", i - 1, i);
    gate_decls_free(read_text(text));
}

/* Any bytes: an answer or an error with a place, never a crash, a hang or a leak. */

static void parse_anything(const char *text) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    int code = gate_signature_parse(text, &signature, &error);
    if (code == 0) {
        char printed[4096];
        print_signature(signature, printed, sizeof printed);
        gate_signature_free(signature);
        signature = parse(printed);
        gate_signature_free(signature);
        return;
    }
    cr_assert(code == -EINVAL || code == -ENOTSUP, "'%s' gives %d", text, code);
    size_t line = 0, column = SIZE_MAX;
    bool has_place = sscanf(error.message, "line %zu, column %zu: found", &line, &column) == 2;
    cr_assert(has_place ? column <= strlen(text) + 1 : code == -ENOTSUP, "'%s' gives: %s", text, error.message);
}

static const char *const corpus[] = {
    "int (const char *, size_t)",
    "void (*signal(int number, void (*handler)(int)))(int);",
    "unsigned long long int f(struct a *x[3], enum b y, union c **z)",
    "extern char *(*g(long double _Complex, int (*[])(void)))(char *restrict const)",
    "int (*f(char (*)[2][3], int a[static 4][5]))[6]",
};

Test(decl, every_mutation_of_good_text_gives_an_answer_or_a_place) {
    static const char bytes[] = "()*[],;. \nx0i\xff\x01";
    char text[256];
    for (size_t c = 0; c < sizeof corpus / sizeof *corpus; c++) {
        size_t length = strlen(corpus[c]);
        for (size_t at = 0; at < length; at++) {
            snprintf(text, sizeof text, "%.*s", (int)at, corpus[c]);
            parse_anything(text);
            snprintf(text, sizeof text, "%.*s%s", (int)at, corpus[c], corpus[c] + at + 1);
            parse_anything(text);
            for (size_t b = 0; b < sizeof bytes - 1; b++) {
                snprintf(text, sizeof text, "%.*s%c%s", (int)at, corpus[c], bytes[b], corpus[c] + at + 1);
                parse_anything(text);
            }
        }
    }
}

Test(decl, random_words_give_an_answer_or_a_place) {
    static const char *const pieces[] = {"int",    "(",    ")",        "*",      ",",      "[",        "]",   "3",
                                         "char",   "void", "long",     "struct", "x",      "const",    "...", ";",
                                         "double", "enum", "unsigned", "size_t", "static", "_Complex", "()",  "(*"};
    uint64_t seed = 88172645463325252ull;
    for (int round = 0; round < 30000; round++) {
        char text[256] = "int (";
        for (int i = 0; i < 12; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            strcat(text, pieces[seed % (sizeof pieces / sizeof *pieces)]);
            strcat(text, " ");
        }
        parse_anything(text);
    }
}

/* Declarations */

Test(decl, declarators_of_any_form_declare_their_names) {
    static const struct {
        const char *text, *name, *means;
    } cases[] = {
        {"int (x);", "x", "int"},
        {"int *(*(x))[3], y;", "x", "int *(*)[3]"},
        {"extern int (f)(int), (*g(char))(long);", "g", "int (*(char))(long)"},
        {"typedef int f(int); f *h, i;", "i", "int (int)"},
        {"void (*signal(int, void (*)(int)))(int);", "signal", "void (*(int, void (*)(int)))(int)"},
        {"int f(int (x), int (*y)[2], int z[static const 3], int (size_t), int (int));", "f",
         "int (int, int (*)[2], int *const, int (*)(unsigned long), int (*)(int))"},
        {"int f(int time_t, struct s { int x; } *p);", "f", "int (int, struct s *)"},
        {"int f(int n, int a[n], int b[n * 2][n], int c[*], int (*d)[*]);", "f",
         "int (int, int *, int (*)[*], int *, int (*)[*])"},
        {"int x[], y[0], z[2][3];", "z", "int[2][3]"},
        {"void f(char n, int *p, int a[*p], int b[2][p[n] + g(n)], int c[1][sizeof(long)]);", "f",
         "void (char, int *, int *, int (*)[*], int (*)[8])"},
        {"const struct { int y; } x = { .y = 1 }, z[] = { [0] = { 1, (2, 3) } };", "z", "const struct { int y; }[1]"},
        {"int f(void) { if (1) { return '{'; } \"}\"; }; int x;", "x", "int"},
        {"int x = sizeof(int) + f(1, 2), y = ({ 1, 2; });", "y", "int"},
        {"__asm__(\".globl x; y:\"); asm volatile (\"\"); ;; int x;", "x", "int"},
        {"_Static_assert(sizeof(int) == 4, \"as\" \"ever\"); _Static_assert(1); int x;", "x", "int"},
        {"struct s { int y; } x, *z;", "z", "struct s *"},
        {"void f(__builtin_va_list);", "f", "void (struct __va_list_tag *)"},
        {"void f(__builtin_ms_va_list, __builtin_sysv_va_list);", "f", "void (char *, struct __va_list_tag *)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gate_decls *decls = read_text(cases[i].text);
        const char *means = printed(find(decls, cases[i].name)->type);
        cr_assert_str_eq(means, cases[i].means, "'%s' declares '%s'", cases[i].text, means);
        gate_decls_free(decls);
    }
}

Test(decl, a_parameter_hides_what_else_has_its_name) {
    gate_decls *decls = read_text(
        "char *index(const char *, int); enum { count = 3 }; typedef int T; typedef char name;"
        "void f(int index, double a[index], char (*b)[index + 1]); void g(int count, char (*a)[count], char (*)[4]);"
        "void h(int T, char (*a)[T], int (*)(int T, char (*)[T])); void i(name name, char (*a)[sizeof name + "
        "sizeof(T)]);"
        "void j(int size_t, char (*a)[size_t]); void k(T n, size_t m, char (*a)[count]);"
        "void (*l(int count))(char (*)[count]); void m(int a[later], int later);");
    cr_assert_str_eq(printed(find(decls, "f")->type), "void (int, double *, char (*)[*])");
    cr_assert_str_eq(printed(find(decls, "g")->type), "void (int, char (*)[*], char (*)[4])");
    cr_assert_str_eq(printed(find(decls, "h")->type), "void (int, char (*)[*], int (*)(int, char (*)[*]))");
    cr_assert_str_eq(printed(find(decls, "i")->type), "void (char, char (*)[5])");
    cr_assert_str_eq(printed(find(decls, "j")->type), "void (int, char (*)[*])");
    cr_assert_str_eq(printed(find(decls, "k")->type), "void (int, unsigned long, char (*)[3])");
    cr_assert_str_eq(printed(find(decls, "l")->type), "void (*(int))(char (*)[3])");
    gate_decls_free(decls);
}

Test(decl, definitions_as_before_c89_are_taken) {
    gate_decls *decls = read_text(
        "int f(a, b) int a; register char *b, c[2]; { return a; } int x;"
        "static int *g(s) struct s { int y; } s; { { } } int p(char); int p(c) char c; { return c; } extern int y;");
    cr_assert_str_eq(printed(find(decls, "g")->type), "int *()");
    cr_assert(find(decls, "f")->type->function->unspecified);
    cr_assert_str_eq(printed(find(decls, "p")->type), "int (char)");
    find(decls, "x");
    find(decls, "y");
    gate_decls_free(decls);
    refuse_text("int f(a) int a;", -EINVAL, "found the end, expected '{'");
    refuse_text("int f(a) int a; int b", -EINVAL, "found the end, expected ';'");
    refuse_text("int f(a) nobody a; { }", -EINVAL, "column 7: found 'a', no type of that name");
}

Test(decl, a_static_const_is_a_constant_if_its_initializer_is_one) {
    gate_decls *decls = read_text(
        "int twice(int); static const int a = 3, b = a * 2; static const char c = 300; static const _Bool d = 5;"
        "static const unsigned long e = -1; static const int f = sizeof(int[a]) + 1.5;"
        "static const int g = twice(a), h = (int)&a; static const int *i = 0; const int j = 1;"
        "static int k = 2; static const struct { int x; } l = { 1 };"
        "static const double m = 1.5; enum { N = b };");
    cr_assert_eq(find(decls, "b")->value, 6);
    cr_assert_eq(find(decls, "c")->value, 44);
    cr_assert_eq(find(decls, "d")->value, 1);
    cr_assert_eq(find(decls, "e")->value, UINT64_MAX);
    cr_assert_eq(find(decls, "f")->value, 13);
    cr_assert_eq(find(decls, "N")->value, 6);
    for (const char *name = "hijklm"; *name; name++) {
        char text[2] = {*name, '\0'};
        cr_assert_eq(find(decls, text)->kind, GATE_DECL_VARIABLE, "%s", text);
    }
    gate_decls_free(decls);
    refuse_text("static const int a = 1 / 0;", -EINVAL, "divides by zero");
    refuse_text("static const int a = nobody;", -EINVAL, "no constant or variable of that name");
    refuse_text("static const int a = 'x;", -EINVAL, "column 22: found ''x;', but no quote that ends it");
    refuse_text("static const int a = 3 4;", -EINVAL, "column 24: found '4', expected ',' or ';'");
}

Test(decl, a_static_const_that_cannot_be_evaluated_is_a_variable) {
    gate_decls *decls = read_text(
        "extern int i; static const int a = (1, 2), b = __builtin_nobody_knows(1, (2)), c = (int)(_Decimal32)1, d = 4;"
        "static const double e = 1.5; static const __int128 f = 3; static const int g = i ? 1 : 2, h = \"abc\"[1];");
    for (const char *name = "abcefgh"; *name; name++) {
        char text[2] = {*name, '\0'};
        cr_assert_eq(find(decls, text)->kind, GATE_DECL_VARIABLE, "%s", text);
    }
    cr_assert_eq(find(decls, "d")->value, 4);
    gate_decls_free(decls);
    gate_error error = {7, "as it was"};
    gate_decls_make(&decls);
    cr_assert_eq(gate_decls_read(decls, "static const int a = __builtin_nobody_knows();", &error), 0);
    cr_assert_eq(error.code, 7, "what is taken back was no error");
    gate_decls_free(decls);
}

Test(decl, what_is_no_declaration_is_refused_at_its_place) {
    refuse_text("7", -EINVAL, "column 1: found '7', expected a type");
    refuse_text("foo x;", -EINVAL, "column 1: found 'foo', no type of that name is known");
    refuse_text("int;", -EINVAL, "column 4: found ';', expected a name");
    refuse_text("int x", -EINVAL, "found the end, expected ',' or ';'");
    refuse_text("int x,;", -EINVAL, "column 7: found ';', expected a name");
    refuse_text("int x y;", -EINVAL, "column 7: found 'y'");
    refuse_text("int f(void) { int x;", -EINVAL, "found the end, expected '}'");
    refuse_text("void x;", -EINVAL, "column 6: found 'x', but a variable can't be void");
    refuse_text("int f(a, b);", -EINVAL, "column 7: found 'a', no type of that name");
    refuse_text("int f(a, b) { }", -EINVAL, "column 7: found 'a', no type of that name");
    refuse_text("struct s x[3];", -EINVAL, "no arrays of what is incomplete");
    refuse_text("int x[-1];", -EINVAL, "column 7: found '-', but an array has no fewer than 0 elements");
    refuse_text("int x[n];", -EINVAL, "no constant or variable of that name");
    refuse_text("extern int n; int x[n];", -EINVAL, "expected a count: a constant integer");
    refuse_text("int f(int n), x[n];", -EINVAL, "column 17: found 'n', expected an expression");
    refuse_text("extern int n; int f(int), x[n];", -EINVAL, "expected a count: a constant integer");
    refuse_text("int x[1.0];", -EINVAL, "expected a count");
    refuse_text("int x[*];", -EINVAL, "expected an expression");
    refuse_text("_Static_assert(sizeof(int) == 5, \"wide\");", -EINVAL,
                "column 34: found '\"wide\"', an assertion that does not hold");
    refuse_text("_Static_assert(0);", -EINVAL, "column 16: found '0', an assertion that does not hold");
    refuse_text("int f(void) asm();", -EINVAL, "a symbol's name in quotes");
    refuse_text("int x = {1;", -EINVAL, "expected '}'");
    refuse_text("}", -EINVAL, "found '}', expected a type");
    refuse_text("unsigned float x;", -EINVAL, "a combination of words that is no type");
}
