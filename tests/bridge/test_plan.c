/* Calls by plan, against calls by libffi: every signature, both ways, the same bits. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/bridge.h"

enum { MOST = 24 };

static const struct {
    const char *name;
    size_t size;
} kinds[] = {
    {"_Bool", 1},        {"char", 1},           {"signed char", 1},  {"unsigned char", 1},
    {"short", 2},        {"unsigned short", 2}, {"int", 4},          {"unsigned", 4},
    {"long", 8},         {"unsigned long", 8},  {"long long", 8},    {"unsigned long long", 8},
    {"const char *", 8}, {"enum colour", 4},    {"int (*)(int)", 8}, {"float", 4},
    {"double", 8},
};
enum { KINDS = sizeof kinds / sizeof *kinds, FLOAT = KINDS - 2, DOUBLE = KINDS - 1 };

static uint64_t state;

static uint64_t random_bits(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 32 ^ state << 32;
}

/* A signature, and one call of it: values[i] for parameter i, and the result that the function gives. */
struct trial {
    char text[1024];
    size_t count;
    unsigned kinds[MOST];
    unsigned result_kind; /* KINDS: void */
    uint64_t values[MOST], result;
};

/* What the function got. */
struct seen {
    const struct trial *trial;
    unsigned calls;
    uint64_t values[MOST];
};

static uint64_t random_value(unsigned kind) {
    uint64_t bits = random_bits();
    if (kind == 0)
        return bits & 1;
    return bits >> (64 - 8 * kinds[kind].size);
}

/* At most so many parameters of each sort. */
static void make_trial(struct trial *trial, unsigned words, unsigned vectors) {
    trial->count = 0;
    trial->result_kind = (unsigned)(random_bits() % (KINDS + 1));
    trial->result = trial->result_kind < KINDS ? random_value(trial->result_kind) : 0;
    const char *result = trial->result_kind < KINDS ? kinds[trial->result_kind].name : "void";
    int length = snprintf(trial->text, sizeof trial->text, "%s f(", strchr(result, '(') ? "void *" : result);
    for (size_t tries = random_bits() % (MOST + 1); tries > 0; tries--) {
        unsigned kind = (unsigned)(random_bits() % 3 ? random_bits() % FLOAT : FLOAT + random_bits() % 2);
        unsigned *left = kind < FLOAT ? &words : &vectors;
        if (*left == 0)
            continue;
        --*left;
        trial->kinds[trial->count] = kind;
        trial->values[trial->count] = random_value(kind);
        length += snprintf(trial->text + length, sizeof trial->text - (size_t)length, "%s%s", trial->count ? ", " : "",
                           kinds[kind].name);
        trial->count++;
    }
    snprintf(trial->text + length, sizeof trial->text - (size_t)length, "%s)", trial->count ? "" : "void");
}

/* The function: a closure of the same signature, which libffi makes. */
static void note(void *data, void *result, void *const arguments[]) {
    struct seen *seen = data;
    const struct trial *trial = seen->trial;
    seen->calls++;
    memset(seen->values, 0, sizeof seen->values);
    for (size_t i = 0; i < trial->count; i++)
        memcpy(&seen->values[i], arguments[i], kinds[trial->kinds[i]].size);
    if (trial->result_kind < KINDS)
        memcpy(result, &trial->result, kinds[trial->result_kind].size);
}

/* One call by libffi. */
struct request {
    const gate_function *function;
    void *result;
    void *const *arguments;
};

static void call_by_ffi(void *data) {
    const struct request *r = data;
    gate__ffi_call(r->function->signature, r->function->address, r->result, r->arguments);
}

static void check(const struct trial *trial, const struct seen *seen, const void *room, const char *how) {
    unsigned char expected[16];
    size_t size = trial->result_kind < KINDS ? kinds[trial->result_kind].size : 0;
    memset(expected, 0x5a, sizeof expected);
    memcpy(expected, &trial->result, size);
    cr_assert_eq(seen->calls, 1, "%s: %s", how, trial->text);
    for (size_t i = 0; i < trial->count; i++)
        cr_assert_eq(seen->values[i], trial->values[i], "%s: argument %zu of %s", how, i, trial->text);
    cr_assert(!memcmp(room, expected, sizeof expected), "%s: the result of %s", how, trial->text);
}

static void run_trial(const struct trial *trial) {
    static const char *const ways[] = {"default", "leaf", "blocking", "libffi"};
    struct seen seen = {.trial = trial};
    struct gate__ffi_closure *closure = NULL;
    gate_function function = make_function(trial->text, NULL, "f");
    void *arguments[MOST];
    uint64_t values[MOST];
    cr_assert(prepare_for_ffi(function.signature));
    cr_assert_eq(gate__ffi_closure_make(function.signature, NULL, note, &seen, &closure, &function.address, NULL), 0);
    for (unsigned way = 0; way < 4; way++) {
        unsigned char room[16];
        struct request request = {&function, room, arguments};
        memset(room, 0x5a, sizeof room);
        for (size_t i = 0; i < trial->count; i++)
            arguments[i] = memcpy(&values[i], &trial->values[i], kinds[trial->kinds[i]].size);
        seen.calls = 0;
        function.call_class = (enum gate_call_class)way;
        if (way < 3)
            cr_assert_eq(gate_call(&function, room, arguments), 0);
        else
            gate__foreign_call(call_by_ffi, &request);
        check(trial, &seen, room, ways[way]);
    }
    gate__ffi_closure_free(closure);
    free_function(function);
}

static void *run_trials(void *unused) {
    struct trial trial;
    state = 1;
    for (int i = 0; i < 150; i++) {
        make_trial(&trial, 6, 8);
        run_trial(&trial);
        make_trial(&trial, 2, 0);
        run_trial(&trial);
        make_trial(&trial, MOST, MOST);
        run_trial(&trial);
    }
    return unused;
}

Test(plan, passes_what_libffi_passes_without_a_runtime) {
    run_trials(NULL);
}

Test(plan, passes_what_libffi_passes_in_a_root_task) {
    gate_runtime *runtime = start(1);
    run_trials(NULL);
    stop(runtime);
}

Test(plan, passes_what_libffi_passes_in_a_stackful_task) {
    run_task(run_trials, NULL);
}

/* MemorySanitizer doesn't see what plans do. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

static bool has_plan(const char *text) {
    gate_signature *signature = parse(text);
    bool has = signature->plan != NULL;
    gate_signature_free(signature);
    return has;
}

static bool has_plan_of_integers(unsigned count) {
    char text[2048] = "void (int";
    while (--count)
        strcat(text, ", int");
    return has_plan(strcat(text, ")"));
}

Test(plan, is_there_for_all_that_goes_in_cells) {
    if (__msan_unpoison) {
        cr_assert(!has_plan("int (int)"));
        return;
    }
    cr_assert(has_plan("void (void)"));
    cr_assert(has_plan("double (float, enum e, void *, _Bool, long long)"));
    cr_assert(has_plan("int (long double)"));
    cr_assert(has_plan("long double _Complex (float _Complex, double _Complex)"));
    cr_assert(has_plan("__int128 (_Float16, __float128, float __attribute__((vector_size(16))))"));
    cr_assert(has_plan("struct { int x, y; } (union { long l; double d; }, struct { char c[24]; })"));
    cr_assert(has_plan("int (const char *, ...)"));
    cr_assert(has_plan_of_integers(GATE__WORDS + GATE__CELLS - GATE__STACK));
    cr_assert(has_plan_of_integers(GATE__WORDS + GATE__CELLS - GATE__STACK + 1), "a cell more than on a task's stack");
    cr_assert(has_plan_of_integers(GATE__PARAMETERS_MAX));
    cr_assert(has_plan("int (struct { char c[1 << 20]; })"));
}

/* What is in each register and on the stack: more than a callee may look at. */
static uint64_t raw[18];

static int note_raw(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, double g, double h,
                    double i, double j, double k, double l, double m, double n, uint64_t o, uint64_t p, uint64_t q,
                    uint64_t r) {
    uint64_t const words[] = {a, b, c, d, e, f}, stack[] = {o, p, q, r};
    double const vectors[] = {g, h, i, j, k, l, m, n};
    memcpy(raw, words, sizeof words);
    memcpy(raw + 6, vectors, sizeof vectors);
    memcpy(raw + 14, stack, sizeof stack);
    return 0;
}

static void *extend(void *unused) {
    gate_function function =
        make_function("int (signed char, unsigned char, short, unsigned short, int, unsigned, float, float, double, "
                      "double, double, double, double, float, signed char, float, unsigned, short)",
                      address_of(note_raw), "note_raw");
    signed char a = -1, o = -2;
    unsigned char b = 255;
    short c = -1, r = -3;
    unsigned short d = 65535;
    int e = -1;
    unsigned f = UINT32_MAX, q = UINT32_MAX - 1;
    float g = -1, p = 2;
    double h = 1.5;
    void *arguments[] = {&a, &b, &c, &d, &e, &f, &g, &g, &h, &h, &h, &h, &h, &g, &o, &p, &q, &r};
    memset(raw, 0x5a, sizeof raw);
    cr_assert_eq(gate_call(&function, NULL, arguments), 0);
    const uint64_t minus_one = 0xbf800000, one_and_a_half = 0x3ff8000000000000;
    uint64_t const expected[18] = {
        UINT64_MAX,     255,       UINT64_MAX,     65535,          UINT64_MAX,     UINT32_MAX,
        minus_one,      minus_one, one_and_a_half, one_and_a_half, one_and_a_half, one_and_a_half,
        one_and_a_half, minus_one, UINT64_MAX - 1, 0x40000000,     UINT32_MAX - 1, UINT64_MAX - 2};
    for (size_t i = 0; i < 18; i++)
        cr_assert(__msan_unpoison || raw[i] == expected[i], "cell %zu is %llx", i, (unsigned long long)raw[i]);
    free_function(function);
    return unused;
}

Test(plan, makes_whole_cells_of_narrow_values) {
    extend(NULL);
    run_task(extend, NULL);
}

static int note_alignment(void) {
    return (uintptr_t)__builtin_frame_address(0) % 16 == 0;
}

static void *check_alignment(void *unused) {
    int value = 0, aligned = 0;
    void *arguments[MOST];
    for (int i = 0; i < MOST; i++)
        arguments[i] = &value;
    for (size_t count = 0; count < MOST; count++) {
        char text[256] = "int (";
        for (size_t i = 0; i < count; i++)
            strcat(text, i ? ", int" : "int");
        strcat(text, count ? ")" : "void)");
        gate_function function = make_function(text, address_of(note_alignment), NULL);
        for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_BLOCKING; class ++) {
            function.call_class = (enum gate_call_class) class;
            cr_assert_eq(gate_call(&function, &aligned, arguments), 0);
            cr_assert(aligned, "%zu arguments, class %d", count, class);
        }
        free_function(function);
    }
    return unused;
}

Test(plan, every_call_finds_the_stack_aligned) {
    check_alignment(NULL);
    run_task(check_alignment, NULL);
}

/* A call, a callback below it, a call below that, and so on: the sum of all depths. */
struct nest {
    gate_function descend;
    gate_callback *callback;
};

static double descend(int depth, double scale, int (*callback)(int), int last) {
    return depth > last ? callback(depth - 1) * scale + depth : depth;
}

static int call_down(struct nest *nest, int depth) {
    void (*callback)(void) = gate_callback_address(nest->callback);
    double scale = 1, result = -1;
    int last = 0;
    void *arguments[] = {&depth, &scale, &callback, &last};
    cr_assert_eq(gate_call(&nest->descend, &result, arguments), 0);
    return (int)result;
}

static int handle_descent(void *host, void *result, void *const arguments[]) {
    int depth, sum;
    memcpy(&depth, arguments[0], sizeof depth);
    sum = call_down(host, depth);
    memcpy(result, &sum, sizeof sum);
    return 0;
}

static void *nest_calls(void *data) {
    struct nest *nest = data;
    cr_assert_eq(call_down(nest, 30), 30 * 31 / 2);
    return NULL;
}

Test(plan, calls_nest_through_callbacks) {
    struct nest nest;
    gate_runtime *runtime = start(1);
    gate_signature *signature = parse("int (int)");
    nest.callback = make_callback(runtime, signature, handle_descent, &nest);
    nest.descend = make_function("double (int, double, int (*)(int), int)", address_of(descend), "descend");
    nest_calls(&nest);
    join(spawn("nesting", nest_calls, &nest));
    stop(runtime);
    gate_callback_free(nest.callback);
    gate_signature_free(signature);
    free_function(nest.descend);
}

/* What is written to a call's record while it lasts is seen by whoever lists tasks, and gone behind it. */
static int note_call(void) {
    gate_task *task = gate_task_current();
    const struct gate__call *call = gate__task_call(task);
    return call && !strcmp(call->function->name, "note_call") && !strcmp(gate__task_where(task), "note_call");
}

static void *look_at_the_record(void *unused) {
    gate_function function = make_function("int (void)", address_of(note_call), "note_call");
    int listed = 0;
    cr_assert_eq(gate_call(&function, &listed, NULL), 0);
    cr_assert(listed);
    cr_assert_null(gate__task_call(gate_task_current()));
    cr_assert_null(gate__task_where(gate_task_current()));
    free_function(function);
    return unused;
}

Test(plan, the_call_is_listed_while_it_lasts) {
    run_task(look_at_the_record, NULL);
}
