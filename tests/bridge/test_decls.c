/* Scopes: what a text declares, how that is found, and that a text is read as a whole or not at all. */
#include <pthread.h>

#include "tests/support/compiler.h"
#include "tests/support/decls.h"

Test(decls, names_are_found_with_what_they_were_declared_as) {
    gate_decls *decls = read_text("int f(const char *, long), *v; typedef struct point { int x, y; } point;\n"
                                  "enum color { RED, GREEN = 5, BLUE }; static const unsigned char limit = 300;\n"
                                  "extern int renamed(void) __asm__(\"real\" \"_name\"), g(int);");
    cr_assert_eq(find(decls, "f")->kind, GATE_DECL_FUNCTION);
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (const char *, long)");
    cr_assert_eq(find(decls, "v")->kind, GATE_DECL_VARIABLE);
    cr_assert_str_eq(printed(find(decls, "v")->type), "int *");
    cr_assert_eq(find(decls, "point")->kind, GATE_DECL_TYPEDEF);
    cr_assert_str_eq(printed(find(decls, "point")->type), "struct point");
    cr_assert_eq(find(decls, "BLUE")->kind, GATE_DECL_CONSTANT);
    cr_assert_eq(find(decls, "BLUE")->value, 6);
    cr_assert_eq(find(decls, "BLUE")->type->kind, GATE_INT);
    cr_assert_eq(find(decls, "limit")->value, 44, "as an unsigned char has it");
    cr_assert_str_eq(find(decls, "renamed")->label, "real_name");
    cr_assert_null(find(decls, "g")->label);
    cr_assert_null(gate_decls_find(decls, "nobody"));
    cr_assert_null(gate_decls_find(decls, "color"), "tags are names of their own");
    cr_assert_eq(gate_decls_find_tag(decls, "color")->kind, GATE_DECL_TAG);
    cr_assert_str_eq(printed(gate_decls_find_tag(decls, "point")->type), "struct point");
    cr_assert_null(gate_decls_find_tag(decls, "limit"));
    gate_decls_free(decls);
}

Test(decls, declarations_are_listed_in_their_order) {
    static const char *const order[] = {"s", "t", "A", "B", "e", "x", "f"};
    gate_decls *decls = read_text("# 1 \"a.h\"\ntypedef struct s *t; enum e { A, B } x; void f(int x);");
    size_t count = 0;
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL; count++) {
        bool is_there = false;
        for (size_t i = 0; i < 7; i++)
            is_there |= !strcmp(decl->name, order[i]);
        cr_assert(is_there, "%s", decl->name);
    }
    cr_assert_eq(count, 7);
    cr_assert_str_eq(gate_decls_next(decls, NULL)->name, "s");
    cr_assert_str_eq(gate_decls_next(decls, find(decls, "A"))->name, "B");
    cr_assert_null(gate_decls_next(decls, find(decls, "f")));
    gate_decls_free(decls);
}

Test(decls, a_text_with_an_error_leaves_the_scope_as_it_was) {
    static const char *const ends[] = {"int", "int x", "struct s { int z; }; $ $;", "enum { A = 1 / 0 };",
                                       "extern char a[5];"};
    gate_decls *decls = read_text("struct s; extern struct s *p; extern int a[]; int f(); enum { OLD = 3 };");
    char text[512];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        gate_error error;
        snprintf(text, sizeof text,
                 "# 1 \"new.h\"\nstruct s { int x; }; extern int a[7]; int f(int); typedef int t; union u { t t; };"
                 "typedef const struct s cs; enum { OLD = 3, NEW }; struct { t x[100]; } big[3]; %s",
                 ends[i]);
        cr_assert_eq(gate_decls_read(decls, text, &error), -EINVAL, "%s", text);
        cr_assert_null(gate_decls_find(decls, "t"));
        cr_assert_null(gate_decls_find(decls, "NEW"));
        cr_assert_null(gate_decls_find_tag(decls, "u"));
        cr_assert_eq(find(decls, "p")->type->target->alignment, 0, "it is incomplete again");
        cr_assert_eq(find(decls, "a")->type->count, GATE_COUNT_UNKNOWN);
        cr_assert_str_eq(printed(find(decls, "f")->type), "int ()");
        cr_assert_null(gate_decls_next(decls, find(decls, "OLD")), "nothing was added");
    }
    snprintf(text, sizeof text, "struct s { long x, y; }; extern int a[9]; int f(int); typedef int t;");
    read_more(decls, text);
    cr_assert_eq(find(decls, "p")->type->target->size, 16);
    gate_decls_free(decls);
}

Test(decls, many_names_are_found_and_taken_back) {
    static char text[1 << 20];
    gate_decls *decls = read_text("int first;");
    size_t length = 0;
    for (int i = 0; i < 20000; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "int n%d;", i);
    strcpy(text + length, "!");
    refuse_more(decls, text, -EINVAL, "found '!'");
    cr_assert_null(gate_decls_next(decls, find(decls, "first")));
    text[length] = '\0';
    read_more(decls, text);
    for (int i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        find(decls, name);
    }
    gate_decls_free(decls);
}

Test(decls, a_signature_keeps_what_it_needs_of_its_scope) {
    gate_decls *decls = read_text("typedef struct node *node; int walk(node, int (*)(node));");
    gate_signature *first = NULL, *second = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_signature(decls, "walk", &first, &error), 0, "%s", error.message);
    cr_assert_eq(gate_decls_signature(decls, "node (node, size_t)", &second, &error), 0, "%s", error.message);
    gate_decls_free(decls);
    cr_assert_str_eq(printed(gate_signature_parameter(first, 1)), "int (*)(struct node *)");
    gate_signature_free(first);
    cr_assert_str_eq(printed(gate_signature_result(second)), "struct node *");
    gate_signature_free(second);
    decls = read_text("int f(void);");
    cr_assert_eq(gate_decls_signature(decls, "f", &first, NULL), 0);
    gate_signature_free(first);
    gate_decls_free(decls);
    gate_decls_free(NULL);
}

static void *free_signature(void *signature) {
    cr_assert_str_eq(gate_signature_parameter(signature, 0)->target->tag, "node");
    gate_signature_free(signature);
    return NULL;
}

Test(decls, signatures_of_a_scope_are_freed_by_any_threads) {
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    gate_decls *decls = read_text("int walk(struct node *);");
    for (int i = 0; i < THREADS; i++) {
        gate_signature *signature = NULL;
        cr_assert_eq(gate_decls_signature(decls, "walk", &signature, NULL), 0);
        cr_assert_eq(pthread_create(&threads[i], NULL, free_signature, signature), 0);
    }
    gate_decls_free(decls);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

Test(decls, what_can_not_be_called_is_a_type_all_the_same) {
    gate_decls *decls =
        read_text("struct line { int x; } __attribute__((aligned(8192))); struct line draw(struct line);"
                  "typedef short two __attribute__((vector_size(4))); two add(two, two);"
                  "struct later; struct later wait(void);");
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_signature(decls, "draw", &signature, &error), -ENOTSUP, "%s", error.message);
    cr_assert_eq(gate_decls_signature(decls, "add", &signature, &error), -ENOTSUP, "%s", error.message);
    cr_assert_eq(gate_decls_signature(decls, "wait", &signature, &error), -EINVAL, "%s", error.message);
    cr_assert_not_null(strstr(error.message, "which is not defined"), "%s", error.message);
    cr_assert_str_eq(printed(find(decls, "draw")->type), "struct line (struct line)");
    const gate_type *pointer = type_of(decls, "__typeof__(add) *");
    cr_assert_eq(pointer->target->function->parameters[0]->size, 4);
    gate_decls_free(decls);
}

Test(decls, types_are_read_from_text_in_a_scope) {
    gate_decls *decls = read_text("typedef struct { int x; } point; enum { N = 3 };");
    cr_assert_eq(type_of(decls, "point[N]")->size, 12);
    cr_assert_str_eq(printed(type_of(decls, "const point *(*[N + 1])(size_t, point)")),
                     "const point *(*[4])(unsigned long, point)");
    cr_assert_eq(type_of(decls, "struct later *")->target->alignment, 0);
    cr_assert_not_null(gate_decls_find_tag(decls, "later"));
    read_more(decls, "struct later { char c[9]; };");
    cr_assert_eq(type_of(decls, "struct later")->size, 9);
    const gate_type *type = NULL;
    gate_error error;
    cr_assert_eq(gate_decls_type(decls, "point x", &type, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "column 7: found 'x', expected the end"), "%s", error.message);
    cr_assert_eq(gate_decls_type(decls, "static int", &type, &error), -EINVAL);
    cr_assert_eq(gate_decls_type(decls, "", &type, &error), -EINVAL);
    cr_assert_eq(gate_decls_type(decls, NULL, &type, &error), -EINVAL);
    cr_assert_eq(gate_decls_type(decls, "struct fresh *[", &type, &error), -EINVAL);
    cr_assert_null(gate_decls_find_tag(decls, "fresh"));
    cr_assert_null(type);
    gate_decls_free(decls);
}

/* Redeclarations */

Test(decls, compatible_declarations_are_one) {
    gate_decls *decls = read_text("int f(); int f(int, char *); int f(int a, char *const b);"
                                  "extern int a[]; extern int a[3]; extern int a[];"
                                  "struct s; typedef struct s s; struct s { s *next; }; struct s;"
                                  "typedef unsigned long size_t; typedef int bool; typedef long int64_t;"
                                  "enum e { A = 2 }; enum e g(void); unsigned g(void);"
                                  "extern int named(void) __asm__(\"other\"); int named(void);"
                                  "static const int c; static const int c = 4;");
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (int, char *)");
    cr_assert_eq(find(decls, "a")->type->count, 3);
    cr_assert_eq(find(decls, "size_t")->type->kind, GATE_ULONG);
    cr_assert_eq(find(decls, "bool")->type->kind, GATE_INT);
    cr_assert_str_eq(find(decls, "named")->label, "other");
    cr_assert_eq(find(decls, "c")->kind, GATE_DECL_CONSTANT);
    cr_assert_eq(find(decls, "c")->value, 4);
    gate_decls_free(decls);
}

/* C11 6.2.7p3, wherever in the types it is. */
Test(decls, what_declarations_tell_of_a_type_adds_up) {
    static const struct {
        const char *text, *means;
    } cases[] = {
        {"extern int (*x)[]; extern int (*x)[7]; extern int (*x)[];", "int (*)[7]"},
        {"extern int (*x[])[2]; extern int (*x[3])[]; extern int (*x[])[];", "int (*[3])[2]"},
        {"int x(int (*)(), int (*)[]); int x(int (*)(long), int (*)[4]);", "int (int (*)(long), int (*)[4])"},
        {"int (*x(char (*)[]))[]; int (*x(char (*)[2]))[3]; int (*x())[];", "int (*(char (*)[2]))[3]"},
        {"int (*x())[3]; int (*x(int))[];", "int (*(int))[3]"},
        {"int (*x())[]; int (*x())[3];", "int (*())[3]"},
        {"void x(int n, int (*)[n], int (*)[]); void x(int, int (*)[3], int (*n)[*]);",
         "void (int, int (*)[3], int (*)[*])"},
        {"int x(enum e { A } *, const int); int x(unsigned *, int);", "int (enum e *, const int)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gate_decls *decls = read_text(cases[i].text);
        cr_assert_str_eq(printed(find(decls, "x")->type), cases[i].means, "%s", cases[i].text);
        gate_decls_free(decls);
    }
    gate_decls *decls = read_text("extern int (*x)[], (*const *y)(); extern int (*x)[7]; extern int (*const *y)(int);");
    cr_assert_eq(find(decls, "x")->type->target->size, 28);
    cr_assert_not(find(decls, "y")->type->target->target->function->unspecified);
    const gate_type *before = find(decls, "y")->type;
    read_more(decls, "extern int (*const *y)(), (*x)[];");
    cr_assert_eq(find(decls, "y")->type, before, "what tells nothing new makes nothing new");
    refuse_more(decls, "void f(int n, char (*)[1ul << 60][n]); void f(int n, char (*)[n][64]);", -EINVAL,
                "too large for any");
    gate_decls_free(decls);
}

/* They are only known as long as a text doesn't say otherwise. */
Test(decls, known_names_may_be_declared_as_anything_that_is_no_other_type) {
    gate_decls *decls = read_text(
        "extern int size_t; struct s { int time_t; long long int64_t; }; void f(int off_t); enum { pid_t = 3 };"
        "typedef long long int64_t; typedef unsigned long long uint64_t; int64_t x; char ssize_t(int id_t);");
    cr_assert_eq(find(decls, "size_t")->kind, GATE_DECL_VARIABLE);
    cr_assert_eq(find(decls, "x")->type->kind, GATE_LLONG);
    cr_assert_eq(find(decls, "ssize_t")->kind, GATE_DECL_FUNCTION);
    refuse_more(decls, "size_t y;", -EINVAL, "no type of that name is known");
    refuse_more(decls, "typedef unsigned ptrdiff_t;", -EINVAL, "which is known to be a typedef of 'long'");
    refuse_more(decls, "typedef unsigned long ptrdiff_t;", -EINVAL, "which is known to be a typedef of 'long'");
    refuse_more(decls, "typedef double time_t;", -EINVAL, "which is known to be a typedef of 'long'");
    refuse_more(decls, "typedef long *time_t;", -EINVAL, "which is known to be a typedef of 'long'");
    gate_decls_free(decls);
}

/* A call that knows no parameters promotes its arguments. */
Test(decls, a_function_without_parameters_told_takes_what_promotions_make) {
    gate_decls *decls = read_text("int f(); int f(int, double, char *); int g(long); int g();");
    gate_decls_free(decls);
    refuse_text("int f(); int f(char);", -EINVAL, "whose type is not that of its declaration");
    refuse_text("int f(float); int f();", -EINVAL, "whose type is not that of its declaration");
    refuse_text("int f(); int f(int, ...);", -EINVAL, "whose type is not that of its declaration");
    refuse_text("int f(_Bool); int (*p)() = 0; extern int (*p)(short);", -EINVAL, "whose type is not that");
}

Test(decls, a_text_may_be_read_again) {
    static const char text[] =
        "typedef struct { int x; struct { char c; } in; } point; struct s { point p; struct s *next; };"
        "enum { A = 1, B }; enum e { C = 1u << 31, D = 1ul << 40 }; union u { int i; float f; };"
        "static inline int twice(point p) { return p.x * 2; } static const int limit = 5;"
        "extern point origin; typedef int (*callback)(point *, enum e);"
        "void va(__builtin_va_list); typedef __builtin_va_list va_list;";
    gate_decls *decls = read_text(text);
    size_t count = 0;
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;)
        count++;
    read_more(decls, text);
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;)
        count--;
    cr_assert_eq(count, 0);
    gate_decls_free(decls);
}

Test(decls, contradictions_name_both_places) {
    gate_decls *decls =
        read_text("# 7 \"one.h\"\nint f(int), v; typedef int t; enum { A = 1 };\n"
                  "struct s { int x; }; enum e { B }; static const int c = 3; extern int n(void) __asm__(\"m\");"
                  "struct b { int x : 3; };\n");
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        {"int f(char);", "two.h:1:5: found 'f'", "whose type is not that of its declaration at one.h:7:5"},
        {"long v;", "two.h:1:6: found 'v'", "whose type is not that of its declaration at one.h:7:13"},
        {"int t;", "two.h:1:5", "was declared as a typedef at one.h:7:28"},
        {"typedef int f;", "two.h:1:13", "was declared as a function at one.h:7:5"},
        {"enum { A = 2 };", "two.h:1:8", "whose value is not that of its declaration at one.h:7:38"},
        {"enum { v };", "two.h:1:8", "was declared as a variable at one.h:7:13"},
        {"union s { int x; };", "two.h:1:7", "it is the tag of a struct at one.h:8:8"},
        {"struct s { char x; };", "two.h:1:8", "whose members are not those of its definition at one.h:8:8"},
        {"struct s { int y; };", "two.h:1:8", "whose members are not those"},
        {"struct s { int x; } __attribute__((aligned(8)));", "two.h:1:8", "whose members are not those"},
        {"struct b { int x : 4; };", "two.h:1:8", "whose members are not those of its definition at one.h:8:99"},
        {"enum e { B, C };", "two.h:1:6", "whose members are not those of its definition at one.h:8:27"},
        {"static const int c = 4;", "two.h:1:18", "whose value is not that of its declaration at one.h:8:53"},
        {"extern int n(void) __asm__(\"k\");", "two.h:1:12",
         "whose asm label is not that of its declaration at one.h:8:71"},
        {"typedef int size_t;", "two.h:1:13", "which is known to be a typedef of 'unsigned long'"},
        {"typedef unsigned ssize_t;", "two.h:1:18", "which is known to be a typedef of 'long'"},
        {"enum other { B };", "two.h:1:14", "which is a constant of another enum at one.h:8:31"},
        {"enum { c = 3 };", "two.h:1:8", "was declared as a variable at one.h:8:53"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "# 1 \"two.h\" 1 3\n%s", cases[i].text);
        refuse_more(decls, text, -EINVAL, cases[i].place);
        refuse_more(decls, text, -EINVAL, cases[i].words);
    }
    gate_decls_free(decls);
}

/* Later completion */

Test(decls, a_type_that_is_completed_later_is_complete_wherever_it_was_used) {
    gate_decls *decls = read_text("struct s; extern struct s *plain, *const *deep; extern const struct s *constant;"
                                  "typedef struct s alias; typedef struct s wide __attribute__((aligned(32)));"
                                  "void f(struct s, volatile alias *); union u; typedef const union u cu;"
                                  "typedef struct anonymous_later { struct s *of; } holder;");
    cr_assert_eq(find(decls, "constant")->type->target->alignment, 0);
    const gate_type *inner = find(decls, "constant")->type->target;
    cr_assert_eq(inner->size, 0);
    read_more(decls, "struct s { char c; int x[]; }; union u { short s; };");
    cr_assert_eq(inner->size, 4);
    cr_assert_eq(inner->count, 2);
    cr_assert_eq(inner->qualifiers, GATE_CONST);
    cr_assert_eq(find(decls, "plain")->type->target->alignment, 4);
    cr_assert_eq(find(decls, "deep")->type->target->target->size, 4);
    cr_assert_eq(find(decls, "wide")->type->alignment, 32);
    cr_assert_eq(find(decls, "wide")->type->size, 4);
    cr_assert_eq(find(decls, "f")->type->function->parameters[0]->size, 4);
    cr_assert_eq(find(decls, "f")->type->function->parameters[1]->target->size, 4);
    cr_assert_eq(find(decls, "cu")->type->size, 2);
    gate_decls_free(decls);
}

Test(decls, less_alignment_counts_only_if_it_is_asked_of_what_is_complete) {
    gate_decls *decls = read_text("typedef struct s before __attribute__((aligned(2))); struct s { double d; };"
                                  "typedef struct s behind __attribute__((aligned(2))); typedef const before constant;"
                                  "typedef const struct s also_behind __attribute__((aligned(2)));");
    cr_assert_eq(find(decls, "before")->type->alignment, 8);
    cr_assert_eq(find(decls, "constant")->type->alignment, 8);
    cr_assert_eq(find(decls, "behind")->type->alignment, 2);
    cr_assert_eq(find(decls, "also_behind")->type->alignment, 2);
    gate_decls_free(decls);
}

Test(decls, an_enum_is_an_unsigned_int_until_it_is_defined) {
    gate_decls *decls = read_text("enum e f(void); enum wide; enum wide *p;");
    cr_assert_eq(find(decls, "f")->type->function->result->size, 4);
    cr_assert_eq(find(decls, "f")->type->function->result->target->kind, GATE_UINT);
    read_more(decls, "enum e { MINUS = -1 };");
    cr_assert_eq(find(decls, "f")->type->function->result->target->kind, GATE_INT);
    refuse_more(decls, "enum wide { W = 1ul << 40 };", -ENOTSUP, "used before its definition");
    gate_decls_free(decls);
}

/* Records and their fields */

Test(decls, fields_are_listed_and_found_through_anonymous_members) {
    gate_decls *decls = read_text(
        "struct s { char c; union { struct { int deep; int : 3; unsigned bits : 5; }; long l; }; int : 0; };");
    const gate_type *type = type_of(decls, "struct s");
    gate_field field;
    cr_assert_eq(type->count, 3);
    cr_assert_str_eq(type->fields[0].name, "c");
    cr_assert_null(type->fields[1].name);
    cr_assert_eq(type->fields[1].type->kind, GATE_UNION);
    cr_assert(type->fields[2].is_bit_field);
    cr_assert_eq(gate_type_field(type, "l", &field), 0);
    cr_assert_eq(field.offset, 8);
    cr_assert_eq(gate_type_field(type, "bits", &field), 0);
    cr_assert_eq(field.offset, 12);
    cr_assert_eq(field.bit_offset, 3);
    cr_assert_eq(field.bit_width, 5);
    cr_assert_eq(gate_type_field(type, "nobody", &field), -ENOENT);
    cr_assert_eq(gate_type_field(type_of(decls, "int"), "x", &field), -EINVAL);
    cr_assert_eq(gate_type_field(type_of(decls, "struct unknown"), "x", &field), -EINVAL);
    gate_decls_free(decls);
}

Test(decls, an_enum_has_the_integer_that_gcc_chooses_and_lists_its_constants) {
    static const struct {
        const char *text;
        enum gate_kind kind;
    } cases[] = {
        {"enum { A }", GATE_UINT},
        {"enum { A = -1 }", GATE_INT},
        {"enum { A = 4294967295 }", GATE_UINT},
        {"enum { A = 4294967295, B = -1 }", GATE_LONG},
        {"enum { A = 4294967296 }", GATE_ULONG},
        {"enum { A = 9223372036854775807, B = -1 }", GATE_LONG},
        {"enum { A } __attribute__((packed))", GATE_UCHAR},
        {"enum __attribute__((__packed__)) { A = -129 }", GATE_SHORT},
        {"enum { A = 65536 } __attribute__((packed))", GATE_UINT},
        {"enum { A } __attribute__((mode(QI)))", GATE_UCHAR},
        {"enum { A = -1 } __attribute__((mode(DI)))", GATE_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gate_decls *decls = read_text("");
        const gate_type *type = type_of(decls, cases[i].text);
        cr_assert_eq(type->target->kind, cases[i].kind, "%s", cases[i].text);
        cr_assert_eq(type->size, type->target->size);
        cr_assert_str_eq(gate_type_constant(type, 0)->name, "A");
        cr_assert_null(gate_type_constant(type, type->count));
        gate_decls_free(decls);
    }
    refuse_text("enum { A = 2147483647, B };", -EINVAL, "column 24: found 'B', whose value would overflow");
    refuse_text("enum { A = 18446744073709551615u, B = -1 };", -EINVAL, "no integer type has room for");
    refuse_text("enum { A = 256 } __attribute__((mode(QI)));", -EINVAL, "machine mode is too small for its values");
    refuse_text("enum { A = (__int128)1 << 40 };", -ENOTSUP, "more than 64 bits");
    refuse_text("enum { A = (unsigned __int128)-1 };", -ENOTSUP, "more than 64 bits");
}

Test(decls, constants_have_their_types) {
    gate_decls *decls =
        read_text("enum e { A = 1u, B = 2147483648, C = 'c' }; enum l { D = 1ul << 40, E = 2147483648 };"
                  "enum { F = (__int128)-1, G };");
    cr_assert_eq(find(decls, "A")->type->kind, GATE_INT);
    cr_assert_eq(find(decls, "B")->type->kind, GATE_UINT);
    cr_assert_eq(find(decls, "B")->value, 2147483648u);
    cr_assert_eq(find(decls, "C")->type->kind, GATE_INT);
    cr_assert_eq(find(decls, "D")->type->kind, GATE_ULONG);
    cr_assert_eq(find(decls, "E")->type->kind, GATE_ULONG);
    cr_assert_eq(find(decls, "F")->type->kind, GATE_INT);
    cr_assert_eq(find(decls, "G")->value, 0);
    gate_decls_free(decls);
}

/* Headers of the system */

static void read_header(gate_decls *decls, const char *name) {
    char include[128];
    snprintf(include, sizeof include, "#include <%s>\n", name);
    char *text = run_command("gcc -D_GNU_SOURCE -std=gnu11 -E -x c -", include, false);
    read_more(decls, text);
    free(text);
}

Test(decls, headers_that_include_the_same_ones_are_read_into_one_scope) {
    static const char *const names[] = {"stdio.h",   "stdlib.h",  "string.h",    "sys/socket.h", "netdb.h",
                                        "signal.h",  "pthread.h", "math.h",      "complex.h",    "wchar.h",
                                        "sqlite3.h", "zlib.h",    "immintrin.h", "stdio.h",      "sqlite3.h"};
    gate_decls *decls = read_text("");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        read_header(decls, names[i]);
    cr_assert_str_eq(printed(find(decls, "bind")->type), "int (int, const struct sockaddr *restrict, unsigned int)");
    cr_assert_str_eq(printed(find(decls, "fopen")->type),
                     "struct _IO_FILE *(const char *restrict, const char *restrict)");
    cr_assert_str_eq(printed(find(decls, "cpow")->type), "double _Complex (double _Complex, double _Complex)");
    cr_assert_eq(find(decls, "SOCK_STREAM")->value, 1);
    cr_assert_eq(type_of(decls, "__m256d")->size, 32);
    cr_assert_eq(type_of(decls, "pthread_mutex_t")->size, sizeof(pthread_mutex_t));
    cr_assert_not_null(find(decls, "sqlite3_open")->file);
    gate_decls_free(decls);
}

Test(decls, a_declared_function_is_called) {
    gate_decls *decls = read_text("");
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    unsigned long length = 0;
    const char *text = "twelve bytes";
    void *arguments[] = {&text};
    read_header(decls, "string.h");
    cr_assert_eq(gate_decls_signature(decls, "strlen", &signature, &error), 0, "%s", error.message);
    gate_function function = {.signature = signature, .address = address_of(strlen)};
    cr_assert_eq(gate_call(&function, &length, arguments), 0);
    cr_assert_eq(length, 12);
    gate_signature_free(signature);
    gate_decls_free(decls);
}

Test(decls, a_declared_function_is_asked_for_by_its_name_and_nothing_else) {
    gate_decls *decls = read_text("int f(int);");
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_signature(decls, "f f", &signature, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "column 3: found 'f', expected the end"), "%s", error.message);
    cr_assert_null(signature);
    gate_decls_free(decls);
}

static void refuse_signature(gate_decls *decls, const char *text, const char *message) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_signature(decls, text, &signature, &error), -EINVAL, "%s", text);
    cr_assert_not_null(strstr(error.message, message), "%s: %s", text, error.message);
    cr_assert_null(signature);
}

Test(decls, a_name_alone_that_is_no_function_is_refused_as_what_it_is) {
    gate_decls *decls = read_text("int v; enum { N = 3 }; typedef int number; typedef int unary(int);");
    refuse_signature(decls, "nothing", "column 1: found 'nothing', no function of that name was declared");
    refuse_signature(decls, " nothing ;", "column 2: found 'nothing', no function of that name was declared");
    refuse_signature(decls, "nothing @", "found 'nothing', no type of that name is known");
    refuse_signature(decls, "v", "found 'v', which is no function");
    refuse_signature(decls, "N", "found 'N', which is no function");
    refuse_signature(decls, "number", "found the end, expected '(' and parameters");
    refuse_signature(decls, "size_t", "found the end, expected '(' and parameters");
    refuse_signature(decls, "nothing (int)", "found 'nothing', no type of that name is known");
    refuse_signature(decls, "v (int)", "found 'v', no type of that name is known");
    gate_signature *signature = NULL;
    cr_assert_eq(gate_decls_signature(decls, "unary", &signature, NULL), 0);
    gate_signature_free(signature);
    gate_decls_free(decls);
}

Test(decls, a_signature_seen_before_is_the_same_and_outlives_its_scope) {
    gate_decls *decls = NULL;
    gate_signature *first = NULL, *again = NULL, *other = NULL;
    cr_assert_eq(gate_decls_make(&decls), 0);
    cr_assert_eq(gate_decls_signature(decls, "int (struct later *)", &first, NULL), 0);
    cr_assert_eq(gate_decls_signature(decls, "int (struct later *)", &again, NULL), 0);
    cr_assert_eq(gate_decls_signature(decls, "int (struct later  *)", &other, NULL), 0);
    cr_assert_eq(first, again);
    cr_assert_neq(first, other);
    gate_signature_free(first);
    gate_decls_free(decls);
    gate_signature_free(other);
    cr_assert_eq(gate_signature_count(again), 1u);
    gate_signature_free(again);
}

Test(decls, a_signature_seen_before_is_made_anew_once_its_text_may_mean_another) {
    gate_decls *decls = NULL;
    gate_signature *before = NULL, *after = NULL;
    cr_assert_eq(gate_decls_make(&decls), 0);
    cr_assert_eq(gate_decls_read(decls, "int f();", NULL), 0);
    cr_assert_eq(gate_decls_signature(decls, "f", &before, NULL), 0);
    cr_assert_eq(gate_decls_read(decls, "int f(int, char *);", NULL), 0);
    cr_assert_eq(gate_decls_signature(decls, "f", &after, NULL), 0);
    cr_assert_eq(gate_signature_count(before), 0u);
    cr_assert_eq(gate_signature_count(after), 2u);
    gate_signature_free(before);
    gate_signature_free(after);
    gate_decls_free(decls);
}

/* What stands for a "$" */

static void read_with(gate_decls *decls, const char *text, const struct gate_decls_value values[], size_t count) {
    struct gate_decls_options options = {.values = values, .count = count};
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_read_with(decls, text, &options, &error), 0, "%s: %s", text, error.message);
}

static void refuse_with(gate_decls *decls, const char *text, const struct gate_decls_value values[], size_t count,
                        const char *words) {
    struct gate_decls_options options = {.values = values, .count = count};
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_read_with(decls, text, &options, &error), -EINVAL, "%s", text);
    cr_assert_not_null(strstr(error.message, words), "'%s' gives: %s", text, error.message);
}

Test(decls, a_dollar_stands_for_a_type_that_is_that_very_one) {
    gate_decls *decls = read_text("extern struct { int x; char y; } v, *w; extern struct { int x; char y; } other;");
    const struct gate_decls_value values[] = {{.type = find(decls, "v")->type}, {.type = find(decls, "other")->type}};
    struct gate_decls_options options = {.values = values, .count = 1};
    const gate_type *pointer = NULL;
    gate_error error;
    read_with(decls, "typedef $ first; struct both { $ a; const $ b[2]; };",
              (struct gate_decls_value[]){values[0], values[0], values[1]}, 3);
    const gate_type *both = gate_decls_find_tag(decls, "both")->type;
    cr_assert_eq(find(decls, "first")->type->record, values[0].type->record);
    cr_assert_eq(both->fields[0].type->record, values[0].type->record);
    cr_assert_eq(both->fields[1].type->target->record, values[1].type->record, "and not the one that is written alike");
    cr_assert_eq(both->size, 24);
    cr_assert_eq(gate_decls_type_with(decls, "$ *", &options, &pointer, &error), 0, "%s", error.message);
    cr_assert_eq(pointer->target->record, find(decls, "w")->type->target->record);
    gate_decls_free(decls);
}

Test(decls, a_record_that_is_given_alone_is_an_anonymous_member) {
    gate_decls *decls = read_text("struct point { int x, y; };");
    gate_field field;
    read_with(decls, "struct s { int n; $; };",
              (struct gate_decls_value[]){{.type = gate_decls_find_tag(decls, "point")->type}}, 1);
    cr_assert_eq(gate_type_field(gate_decls_find_tag(decls, "s")->type, "y", &field), 0);
    cr_assert_eq(field.offset, 8);
    gate_decls_free(decls);
}

Test(decls, a_dollar_stands_for_a_name_that_is_no_keyword_and_no_typedef) {
    gate_decls *decls = read_text("typedef char t;");
    gate_field field;
    read_with(decls, "struct s { short $, $, $; };",
              (struct gate_decls_value[]){{.name = "int"}, {.name = "t"}, {.name = "two words"}}, 3);
    cr_assert_eq(gate_type_field(gate_decls_find_tag(decls, "s")->type, "int", &field), 0);
    cr_assert_eq(gate_type_field(gate_decls_find_tag(decls, "s")->type, "t", &field), 0);
    cr_assert_eq(gate_type_field(gate_decls_find_tag(decls, "s")->type, "two words", &field), 0);
    refuse_with(decls, "extern $ x;", (struct gate_decls_value[]){{.name = "t"}}, 1, "column 8: found 't'");
    refuse_with(decls, "int $;", (struct gate_decls_value[]){{.name = ""}}, 1, "a name of no letters");
    refuse_with(decls, "int $x;", (struct gate_decls_value[]){{.name = "y"}}, 1,
                "found '$', which is no part of a name");
    gate_decls_free(decls);
}

Test(decls, a_dollar_stands_for_a_number) {
    gate_decls *decls = read_text("");
    read_with(decls, "enum { LESS = $, MORE = 2 - $ }; extern int a[$ * 2];",
              (struct gate_decls_value[]){{.number = -3}, {.number = -3}, {.number = 5}}, 3);
    cr_assert_eq((int64_t)find(decls, "LESS")->value, -3);
    cr_assert_eq(find(decls, "MORE")->value, 5);
    cr_assert_eq(find(decls, "a")->type->count, 10);
    gate_decls_free(decls);
}

Test(decls, there_are_as_many_dollars_as_values) {
    gate_decls *decls = read_text("");
    const struct gate_decls_value two[] = {{.number = 1}, {.number = 2}};
    refuse_with(decls, "extern int a[$];", NULL, 0, "column 14: found '$', but a wrong number of type parameters");
    refuse_with(decls, "extern int a[$];", two, 2, "found the end, but a wrong number of type parameters");
    read_with(decls, "/* $ */ enum { DOLLAR = '$' }; extern int a[$]; // $", two, 1);
    cr_assert_eq(find(decls, "DOLLAR")->value, '$');
    read_more(decls, "extern int $dollar$;"); /* without options it is a letter */
    gate_decls_free(decls);
}

/* Declarations that count once */

static void read_once(gate_decls *decls, const char *text) {
    struct gate_decls_options options = {.once = true};
    gate_error error = {0, ""};
    cr_assert_eq(gate_decls_read_with(decls, text, &options, &error), 0, "%s: %s", text, error.message);
}

Test(decls, where_declarations_count_once_nothing_is_defined_again) {
    static const char *const again[] = {"struct s { int x; };",
                                        "union s;",
                                        "enum e { A };",
                                        "enum { A };",
                                        "enum { K };",
                                        "static const int K = 1;",
                                        "enum { f };",
                                        "struct new { struct s { int x; } s; };",
                                        "struct new { int x; }; struct new { int x; };"};
    struct gate_decls_options options = {.once = true};
    gate_decls *decls = read_text("struct s { int x; }; enum e { A }; static const int K = 1; int f(void);");
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        gate_error error = {0, ""};
        cr_assert_eq(gate_decls_read_with(decls, again[i], &options, &error), -EINVAL, "%s", again[i]);
        read_once(decls, "struct s; enum e; extern struct s *p;");
    }
    cr_assert_null(gate_decls_find_tag(decls, "new"));
    read_more(decls, "struct s { int x; }; enum e { A }; static const int K = 1;"); /* where they don't */
    gate_decls_free(decls);
}

Test(decls, where_declarations_count_once_the_first_does) {
    gate_decls *decls = read_text("");
    read_once(decls, "typedef int t; typedef double t; int f(int); double f(void); extern int v[]; extern char v;"
                     "extern int v[3]; int t(void); typedef struct { int x; } u; typedef struct { int x; } u;");
    cr_assert_eq(find(decls, "t")->type->kind, GATE_INT);
    cr_assert_str_eq(printed(find(decls, "f")->type), "int (int)");
    cr_assert_eq(find(decls, "v")->type->count, 3, "what completes it does count");
    refuse_more(decls, "typedef double t;", -EINVAL, "whose type is not that of its declaration");
    gate_decls_free(decls);
}

Test(decls, where_declarations_count_once_known_names_stay_what_c_has_made_them_and_others_may_become_anything) {
    gate_decls *decls = read_text("");
    read_once(decls, "typedef unsigned size_t; typedef struct { int x, y, z; } key_t; typedef char time_t;"
                     "extern size_t s; extern key_t k; extern time_t t;");
    cr_assert_eq(find(decls, "s")->type->size, sizeof(size_t));
    cr_assert_eq(find(decls, "k")->type->size, 12);
    cr_assert_eq(find(decls, "t")->type->size, 1);
    refuse_more(decls, "typedef unsigned ptrdiff_t;", -EINVAL, "which is known to be a typedef of 'long'");
    gate_decls_free(decls);
}

Test(decls, an_array_whose_count_is_told_later_stands_where_one_without_may) {
    gate_decls *decls = read_text("struct s { int n; short rest[?]; }; typedef int list[?];");
    const gate_type *s = gate_decls_find_tag(decls, "s")->type, *list = find(decls, "list")->type;
    cr_assert_eq(s->size, 4);
    cr_assert_eq(s->fields[1].type->count, GATE_COUNT_LATER);
    cr_assert_eq(list->count, GATE_COUNT_LATER);
    cr_assert_str_eq(printed(list), "int[?]");
    cr_assert_eq(gate_decls_read(decls, "struct t { int first[?]; int n; };", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "union u { int n[?]; };", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "int x[sizeof(list)];", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "int x[2][?];", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "int x[?2];", NULL), -EINVAL);
    gate_decls_free(decls);
}

Test(decls, what_ends_in_an_array_whose_count_is_told_later_is_no_element_and_no_member) {
    gate_decls *decls = read_text("struct s { int n; short rest[?]; }; struct u;");
    refuse_more(decls, "struct s x[2];", -EINVAL,
                "line 1, column 12: found '2', but there are no arrays of what ends in [?]");
    refuse_more(decls, "struct s x[?];", -EINVAL, "no arrays of what ends in [?]");
    refuse_more(decls, "int x[2][?];", -EINVAL, "no arrays of what ends in [?]");
    refuse_more(decls, "void f(struct s x[]);", -EINVAL, "no arrays of what ends in [?]");
    refuse_more(decls, "struct t { int n; struct s s; };", -EINVAL, "found 's', but no member ends in [?]");
    refuse_more(decls, "union t { struct s s; int n; };", -EINVAL, "found 's', but no member ends in [?]");
    refuse_more(decls, "struct t { int n; struct { int rest[?]; }; };", -EINVAL,
                "found ';', but no member ends in [?]");
    struct gate_decls_value incomplete = {.type = gate_decls_find_tag(decls, "u")->type};
    struct gate_decls_options options = {.values = &incomplete, .count = 1};
    cr_assert_eq(gate_decls_read_with(decls, "struct t { int n; $; };", &options, NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "struct t { struct s *one; }; struct s f(struct s);", NULL), 0);
    gate_decls_free(decls);
}

Test(decls, a_struct_may_have_constants_which_are_no_members) {
    gate_decls *decls = read_text("enum { N = 2 }; struct s { static const int A = N, B = -3; int x; };");
    const gate_type *s = gate_decls_find_tag(decls, "s")->type;
    cr_assert_eq(s->size, sizeof(int));
    cr_assert_eq(s->count, 1);
    cr_assert_str_eq(gate_type_constant(s, 0)->name, "A");
    cr_assert_eq(gate_type_constant(s, 0)->value, 2);
    cr_assert_eq((int64_t)gate_type_constant(s, 1)->value, -3);
    cr_assert_null(gate_type_constant(s, 2));
    cr_assert_null(gate_type_constant(find(decls, "N")->type, 0));
    cr_assert_eq(gate_decls_read(decls, "struct t { static int x; };", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "struct t { static const int x; };", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "struct t { static const double x = 1; };", NULL), -EINVAL);
    cr_assert_eq(gate_decls_read(decls, "struct t { extern const int x = 1; };", NULL), -EINVAL);
    gate_decls_free(decls);
}
