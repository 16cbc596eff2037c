/* Signatures: what is made one, whatever its types have in them, and what is none for a call. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/compiler.h"
#include "tests/support/death.h"
#include "tests/support/decls.h"

static gate_signature *signature_of(const gate_type *type) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_of(type, &signature, &error), 0, "%s", error.message);
    return signature;
}

static void refuse(const char *text, int code, const char *words) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_parse(text, &signature, &error), code, "%s: %s", text, error.message);
    cr_assert_not_null(strstr(error.message, words), "'%s' gives: %s", text, error.message);
    cr_assert_null(signature);
}

Test(signature, what_can_not_be_passed_is_refused_and_named) {
    refuse("int (struct later)", -EINVAL, "parameter 1 is of type 'struct later', which is not defined");
    refuse("void (int, struct { _Alignas(8192) int x; })", -ENOTSUP, "parameter 2 is of type 'struct {");
    refuse("void (struct { _Alignas(8192) int x; })", -ENOTSUP, "', which is aligned to more than a page");
    refuse("short __attribute__((vector_size(4))) (void)", -ENOTSUP, "the result is of type 'short");
    refuse("void (short __attribute__((vector_size(4))))", -ENOTSUP,
           "', which is, or has, a vector of less than 8 bytes");
    refuse("int (struct { char v __attribute__((vector_size(4))); })", -ENOTSUP, "parameter 1");
    refuse("int (struct { struct { short v __attribute__((vector_size(4))); } s[1]; } __attribute__((packed)))",
           -ENOTSUP, "parameter 1");
    refuse("int (struct { char c[(1 << 20) + 1]; })", -ENOTSUP, "more than 1024 KiB");
    refuse("int (struct { char c[1000000]; }, struct { char c[1000000]; })", -ENOTSUP, "more than 1024 KiB");
    refuse("int (struct { char c[1l << 60]; })", -ENOTSUP, "more than 1024 KiB");
}

Test(signature, an_array_is_no_argument_of_a_variadic_function) {
    gate_decls *decls = read_text("");
    gate_signature *variadic = parse("int (int, ...)"), *made = NULL;
    const gate_type *type = type_of(decls, "int[3]");
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_extend(variadic, &type, 1, &made, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "parameter 2 is of type 'int[3]'"), "%s", error.message);
    gate_signature_free(variadic);
    gate_decls_free(decls);
}

/* Records in records, by name */

enum { LEVELS = 20 * 1000 };

static void *sign(void *data) {
    gate_decls *decls = data;
    const char *const functions[] = {"f", "g", "h", "i"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        gate_signature *signature = NULL;
        int failed = gate_decls_signature(decls, functions[i], &signature, NULL);
        if (failed == -ENOTSUP && !has_plans()) /* libffi has nothing that is empty */
            continue;
        cr_assert_eq(failed, 0, "%s", functions[i]);
        struct gate__intake *intake = NULL;
        cr_assert_eq(gate__intake_make(signature, &intake), 0);
        free(intake);
        prepare_for_ffi(signature);
        gate_signature_free(signature);
    }
    return NULL;
}

/* In a task of the least stack, and on the thread. */
static void sign_everywhere(gate_decls *decls) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {
        .main = sign, .argument = decls, .name = "small", .stack_size = GATE__STACK_LEAST};
    gate_task *task = NULL;
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
    join(task);
    sign(decls);
    stop(runtime);
}

/* Records, each with members of the one before. */
static gate_decls *read_nested(const char *keyword, const char *innermost, const char *members, unsigned levels) {
    struct writing w = {0};
    write_text(&w, "%s r0 { %s };\n", keyword, innermost);
    for (unsigned i = 1; i <= levels; i++)
        write_text(&w, "%s r%u { %s r%u %s; };\n", keyword, i, keyword, i - 1, members);
    write_text(&w, "typedef %s r%u last; struct t { char c; last inner; };\n", keyword, levels);
    write_text(&w, "last f(void); void g(last, int); void h(struct t); struct t i(struct t, last);");
    gate_decls *decls = read_text(w.text);
    free(w.text);
    return decls;
}

static void sign_nested(const char *keyword, const char *innermost, const char *members, unsigned levels) {
    gate_decls *decls = read_nested(keyword, innermost, members, levels);
    sign_everywhere(decls);
    gate_decls_free(decls);
}

Test(signature, records_may_be_nested_by_name_as_deep_as_a_text_is_long) {
    sign_nested("struct", "char c;", "inner", LEVELS);
    sign_nested("struct", "char c[100];", "inner", LEVELS);
    sign_nested("union", "float x; int n;", "inner", LEVELS);
}

Test(signature, what_lies_in_one_place_again_and_again_is_looked_at_once) {
    sign_nested("struct", "", "a, b", 64);
    sign_nested("struct", "", "a[1000 * 1000]", 3);
    sign_nested("union", "double x;", "a, b", 64);
    gate_signature_free(parse("void (struct { char c; struct {} a[1000000000000000]; })"));
    gate_signature_free(parse("void (struct { int i; long a[0][1000000000000000]; })"));
}

static struct gate__step first_step(const char *text) {
    gate_signature *signature = parse(text);
    struct gate__step step = signature->plan->steps[0];
    gate_signature_free(signature);
    return step;
}

Test(signature, depth_does_not_change_how_a_record_is_passed) {
    gate_decls *decls = read_nested("struct", "float x[2];", "inner", 100);
    gate_signature *signature = NULL;
    cr_assert_eq(gate_decls_signature(decls, "g", &signature, NULL), 0);
    cr_assert(!signature->plan || signature->plan->steps[0].cell == GATE__WORDS, "in a vector register");
    gate_signature_free(signature);
    gate_decls_free(decls);
}

/* As GCC has it, which looks at the first element of an array of none, and takes what is large for memory. */
Test(signature, an_array_of_none_counts_by_its_first_element) {
    if (!has_plans())
        return;
    cr_assert_eq(first_step("void (struct { int i; int z[0][3]; })").cell, 0);
    cr_assert_eq(first_step("void (struct { int i; int z[0][4]; })").cell, GATE__STACK);
    cr_assert_eq(first_step("void (struct { int i; float z[0][10]; })").cell, GATE__STACK);
    cr_assert_eq(first_step("void (struct { int i; struct { int a[3]; } z[0][1]; })").cell, 0);
    cr_assert_eq(first_step("void (struct { int i; struct { int a[3]; } z[0][2]; })").cell, GATE__STACK);
    cr_assert_eq(first_step("void (struct { int i; char z[0][13]; })").cell, GATE__STACK);
}

Test(signature, what_is_empty_is_passed_nowhere) {
    if (!has_plans())
        return;
    cr_assert_eq(first_step("void (struct {}, int)").argument, 1);
    cr_assert_eq(first_step("void (union { long : 0; }, int)").argument, 1);
    cr_assert_eq(first_step("void (struct { union { long : 0; } none; struct {} a[3]; }, int)").cell, 0);
}

/* As GCC has it: what only pads has a register while there is one, and nothing on the stack. */
Test(signature, what_only_pads_is_not_on_the_stack) {
    if (!has_plans())
        return;
    cr_assert_eq(first_step("void (struct { int : 5; }, int)").argument, 0);
    gate_signature *signature = parse("void (long, long, long, long, long, long, struct { int : 5; }, long)");
    cr_assert_eq(signature->plan->count, 7u);
    cr_assert_eq(signature->plan->steps[6].argument, 7);
    cr_assert_eq(signature->plan->steps[6].cell, (uint32_t)GATE__STACK);
    gate_signature_free(signature);
}

/* The signatures of types */

static int apply(int (*function)(int), int value) {
    return function(value);
}

static int handle(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    *(int *)result = *(const int *)arguments[0] + 1;
    return 0;
}

/* Calls a function that takes a callback; the callback's signature is of the parameter's type. */
static int call_with_callback(const gate_signature *signature) {
    gate_runtime *runtime = start(1);
    gate_signature *inner = signature_of(gate_signature_parameter(signature, 0));
    gate_callback *callback = make_callback(runtime, inner, handle, NULL);
    void (*address)(void) = gate_callback_address(callback);
    int value = 41, result = 0;
    void *arguments[] = {&address, &value};
    gate_function function = {.signature = signature, .address = address_of(apply)};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(inner);
    stop(runtime);
    return result;
}

Test(signature, a_parameters_type_makes_a_callbacks_signature) {
    gate_signature *signature = parse("int (int (*)(int), int)");
    cr_assert_eq(call_with_callback(signature), 42);
    gate_signature_free(signature);
}

Test(signature, of_a_members_type_outlives_the_scope) {
    gate_decls *decls =
        read_text("struct operations { int (*apply)(int (*)(int), int); int *p; }; typedef int f(int);");
    const gate_type *operations = type_of(decls, "struct operations");
    gate_signature *signature = signature_of(operations->fields[0].type), *plain = signature_of(type_of(decls, "f"));
    gate_signature *none = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_count(plain), 1u);
    cr_assert_eq(gate_signature_of(operations->fields[1].type, &none, &error), -EINVAL);
    cr_assert_str_eq(error.message, "'int *' is no type of a function, or of a pointer to one");
    cr_assert_eq(gate_signature_of(operations, &none, NULL), -EINVAL);
    gate_signature_free(plain);
    gate_decls_free(decls);
    cr_assert_eq(call_with_callback(signature), 42);
    gate_signature_free(signature);
}

static int count_up(int count, ...) {
    __builtin_va_list list;
    int sum = 0;
    __builtin_va_start(list, count);
    for (int i = 0; i < count; i++)
        sum += __builtin_va_arg(list, int);
    __builtin_va_end(list);
    return sum;
}

Test(signature, that_a_type_points_to_is_extended) {
    gate_decls *decls = read_text("int (*pointer)(int, ...);");
    const gate_type *types[] = {gate_type_basic(GATE_SHORT), gate_type_basic(GATE_INT)};
    gate_signature *signature = NULL;
    const gate_signature *variadic = find(decls, "pointer")->type->target->function;
    cr_assert_eq(gate_signature_extend(variadic, types, 2, &signature, NULL), 0);
    gate_decls_free(decls);
    gate_function function = {.signature = signature, .address = address_of(count_up)};
    int count = 2, a = 40, b = 2, result = 0;
    void *arguments[] = {&count, &a, &b};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, 42);
    gate_signature_free(signature);
}

Test(signature, arguments_behind_the_dots_have_the_types_that_c_promotes_them_to) {
    static const char *const types[][2] = {
        {"_Bool", "int"},
        {"char", "int"},
        {"const signed char", "int"},
        {"unsigned char", "int"},
        {"short", "int"},
        {"volatile unsigned short", "int"},
        {"enum { A } __attribute__((packed))", "int"},
        {"float", "double"},
        {"_Atomic float", "double"},
        {"int", "int"},
        {"unsigned", "unsigned int"},
        {"enum e", "enum e"},
        {"long double", "long double"},
        {"float _Complex", "float _Complex"},
        {"struct s", "struct s"},
    };
    gate_decls *decls = read_text("struct s { float x; }; enum e { B };");
    gate_signature *variadic = NULL, *extended;
    cr_assert_eq(gate_decls_signature(decls, "void (float, ...)", &variadic, NULL), 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const gate_type *type = type_of(decls, types[i][0]);
        cr_assert_eq(gate_signature_extend(variadic, &type, 1, &extended, NULL), 0);
        cr_assert_str_eq(printed(gate_signature_parameter(extended, 0)), "float");
        cr_assert_str_eq(printed(gate_signature_parameter(extended, 1)), types[i][1], "%s", types[i][0]);
        gate_signature_free(extended);
    }
    gate_signature_free(variadic);
    gate_decls_free(decls);
}

Test(signature, has_127_parameters_at_most_however_it_is_made) {
    enum { MOST = 127 };
    const gate_type *types[MOST + 1];
    gate_signature *variadic = parse("void (int, int, int, ...)"), *extended = NULL;
    gate_error error = {0, ""};
    for (size_t i = 0; i <= MOST; i++)
        types[i] = gate_type_basic(GATE_INT);
    cr_assert_eq(gate_signature_extend(variadic, types, MOST - 3, &extended, NULL), 0);
    cr_assert_eq(gate_signature_count(extended), (size_t)MOST);
    gate_signature_free(extended);
    cr_assert_eq(gate_signature_extend(variadic, types, MOST - 2, &extended, &error), -EINVAL);
    cr_assert_str_eq(error.message, "3 arguments and 125 more, of which 127 are the most");
    cr_assert_eq(gate_signature_extend(variadic, types, SIZE_MAX, &extended, NULL), -EINVAL);
    gate_signature_free(variadic);
}

static const gate_signature *bare;

static void call_by_it(void *unused) {
    gate_function function = {.signature = bare, .address = address_of(apply)};
    (void)unused;
    gate_call(&function, NULL, NULL);
}

static void make_a_callback_of_it(void *runtime) {
    struct gate_callback_config config = {.signature = bare, .handler = handle};
    gate_callback *callback = NULL;
    gate_callback_make(runtime, &config, &callback, NULL);
}

static void free_it(void *unused) {
    (void)unused;
    gate_signature_free((gate_signature *)(uintptr_t)bare);
}

static void ask_for_its_frames(void *unused) {
    (void)unused;
    gate_frame_size(bare);
}

static void make_a_frame_of_it(void *unused) {
    gate_function function = {.signature = bare, .address = address_of(apply)};
    gate_frame frame;
    (void)unused;
    gate_frame_init(&frame, &function);
}

Test(signature, that_a_type_points_to_is_good_for_nothing_else) {
    gate_decls *decls = read_text("int f(void);");
    gate_runtime *runtime = start(1);
    bare = find(decls, "f")->type->function;
    cr_assert_dies_with(call_by_it, NULL, "gate_call: the signature is a type's");
    cr_assert_dies_with(make_a_callback_of_it, runtime, "gate_callback_make: the signature is a type's");
    cr_assert_dies_with(free_it, NULL, "gate_signature_free: the signature is a type's");
    cr_assert_dies_with(ask_for_its_frames, NULL, "gate_frame_size: the signature is a type's");
    cr_assert_dies_with(make_a_frame_of_it, NULL, "gate_frame_init: the signature is a type's");
    stop(runtime);
    gate_decls_free(decls);
}

/* What a scope keeps */

static long askers(const gate_signature *signature) {
    return atomic_load(&signature->askers);
}

Test(signature, a_scope_keeps_none_that_its_text_may_not_mean_any_more) {
    gate_decls *decls = read_text("");
    gate_signature *before = NULL, *again = NULL, *after = NULL;
    cr_assert_eq(gate_decls_signature(decls, "int (int)", &before, NULL), 0);
    cr_assert_eq(gate_decls_signature(decls, "int (int)", &again, NULL), 0);
    cr_assert_eq(before, again);
    gate_signature_free(again);
    read_more(decls, "int x;");
    cr_assert_eq(gate_decls_signature(decls, "int (int)", &after, NULL), 0);
    cr_assert_neq(before, after);
    cr_assert_eq(askers(before), 1, "it goes with its last one");
    gate_signature_free(before);
    gate_decls_free(decls);
    cr_assert_eq(gate_signature_count(after), 1u);
    gate_signature_free(after);
}

Test(signature, is_kept_though_all_who_asked_have_freed_it) {
    gate_decls *decls = read_text("");
    gate_signature *first = NULL, *again = NULL;
    cr_assert_eq(gate_decls_signature(decls, "int (int)", &first, NULL), 0);
    gate_signature_free(first);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(gate_decls_signature(decls, "int (int)", &again, NULL), 0);
        cr_assert_eq(again, first);
        cr_assert_eq(gate_signature_count(again), 1u);
        gate_signature_free(again);
    }
    gate_decls_free(decls);
}

/* What a thread has to free, while another asks for more. */
struct handed {
    gate_decls *decls;
    gate_signature *_Atomic signature; /* NULL: none, or it was freed */
};

enum { HANDED = 1000 };

static void *free_what_is_handed(void *data) {
    struct handed *handed = data;
    for (int i = 0; i < HANDED; i++) {
        gate_signature *signature;
        while (!(signature = atomic_exchange(&handed->signature, NULL)))
            sched_yield();
        gate_signature_free(signature);
    }
    return NULL;
}

/* Under a sanitizer, this shows that none is freed too early, late, or twice. */
Test(signature, is_freed_by_another_thread_than_the_one_that_asks) {
    struct handed handed = {.decls = read_text("")};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, free_what_is_handed, &handed), 0);
    for (int i = 0; i < HANDED; i++) {
        gate_signature *signature = NULL;
        if (i % 10 == 0)
            read_more(handed.decls, "int x;");
        cr_assert_eq(gate_decls_signature(handed.decls, "int (int)", &signature, NULL), 0);
        cr_assert_eq(gate_signature_count(signature), 1u);
        while (atomic_load(&handed.signature))
            sched_yield();
        atomic_store(&handed.signature, signature);
    }
    gate_decls_free(handed.decls);
    pthread_join(thread, NULL);
}
