/* Calls and callbacks of signatures at random, against functions and callers that gcc and clang have compiled.
 *
 * What a compiled function gets, and a compiled caller gets back, it shows to see(), by its address. So the compilers alone
 * decide where values are passed, and the bits that count are compared. */
#include <dlfcn.h>
#include <stdio.h>

#include "tests/support/signatures.h"

/* MemorySanitizer takes what the compiled ends write for never written. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

enum { COMPILERS = 2, GCC = 0, CLANG = 1, BATCH = 300 };
static const char *const compilers[COMPILERS] = {"gcc", "clang"};

/* One signature, the compiled ends of it, and the values of its calls. */
struct trial {
    struct drawn drawn;
    gate_signature *signature;
    struct writing text;
    void (*callees[COMPILERS])(void);
    void (*callers[COMPILERS])(void (*function)(void), void *const values[]);
    struct value values[ARGUMENTS_MOST + 1]; /* the last is the result's */
    void *arguments[ARGUMENTS_MOST];         /* where they are */
    bool only_gcc;                           /* clang passes it in another way */
    bool gcc_errs;                           /* gcc's function looks for arguments where they are not */
};

struct batch {
    gate_decls *decls;
    const struct drawn *given; /* NULL: they are drawn */
    struct trial *trials;
    unsigned count;
    char directory[32];
    void *libraries[COMPILERS];
    gate_runtime *runtime; /* callbacks need one */
};

static unsigned no_libffi, only_gcc, gcc_errs, large, aligned, wide;

/* What the ends show, in the call that is under way. */

static struct {
    const struct trial *trial;
    const char *compiler, *how;
    unsigned seen; /* a bit for each argument, and the result */
} now;

static unsigned mismatches;

static const gate_type *type_at(const struct trial *trial, unsigned index) {
    return index == THE_RESULT ? gate_signature_result(trial->signature)
                               : gate_signature_parameter(trial->signature, index);
}

static void print_bytes(const char *what, const unsigned char *bytes, size_t size) {
    fprintf(stderr, "  %s", what);
    for (size_t i = 0; i < size; i++)
        fprintf(stderr, " %02x", bytes[i]);
    fprintf(stderr, "\n");
}

static void complain(const char *what, unsigned index) {
    mismatches++;
    fprintf(stderr, "%s, %s: %s %u of %s\n", now.compiler, now.how, what, index, now.trial->text.text);
}

static bool is_record(const gate_type *type) {
    return type->kind == GATE_STRUCT || type->kind == GATE_UNION;
}

/* What is in memory lies where the ABI has it, for code that relies on that. What is empty is anywhere. */
static bool is_aligned(const gate_type *type, const void *at) {
    return !is_record(type) || gate__abi_is_empty(type) || (uintptr_t)at % type->record->alignment == 0;
}

static void see(unsigned index, const void *bytes) {
    const gate_type *type = type_at(now.trial, index);
    const struct value *value = &now.trial->values[index];
    size_t size = type->size;
    if (__msan_unpoison)
        __msan_unpoison(bytes, size);
    now.seen |= 1u << index;
    if (!is_aligned(type, bytes))
        complain("alignment of", index);
    if (is_value(value, bytes, size))
        return;
    complain(index == THE_RESULT ? "result" : "argument", index);
    print_bytes("is       ", bytes, size);
    print_bytes("should be", value->bytes, size);
    print_bytes("in       ", value->mask, size);
}

static void see_integer(unsigned index, long long integer) {
    if (integer != integer_of(type_at(now.trial, index), &now.trial->values[index]))
        complain("sign or zeroes of", index);
}

static void give(void *result) {
    memcpy(result, now.trial->values[THE_RESULT].bytes, gate_signature_result(now.trial->signature)->size);
}

static void begin(const struct trial *trial, const char *compiler, const char *how) {
    now.trial = trial;
    now.compiler = compiler;
    now.how = how;
    now.seen = 0;
}

static void end(bool shows_result) {
    const struct trial *trial = now.trial;
    unsigned all = (1u << trial->drawn.count) - 1;
    if (shows_result && !is_void(&trial->drawn))
        all |= 1u << THE_RESULT;
    if (now.seen != all)
        complain("number of values:", (unsigned)__builtin_popcount(now.seen));
}

/* Where clang 14 passes values in another way than gcc 12, whose way is the library's:
 * - it has no _Float16 without flags;
 * - in records of up to 16 bytes: __float128 has it all in memory, and so has a record that lies askew, whatever is in
 *   it; members that a typedef aligns are askew where that says so; bit-fields that only pad count for nothing, nor do
 *   arrays of none; bit-fields of unions are classified by their bits, and not as integers; what lies in a union beside a
 *   float and its padding in another member is lost;
 * - what is empty, and larger than 16 bytes, has room in memory;
 * - a vector of one double is returned in a register;
 * - the register that says where a vector in memory is returned to is not counted, and so a struct that finds one less than it
 *   needs is half in a register and half on the stack;
 * - __int128 may be half in a register and half on the stack, and is not aligned there;
 * - float _Complex has 16 bytes on the stack if there is no register of any kind left;
 * - it counts no register for a __float128, and so may find one for what follows, where there is none; and its va_start
 *   and va_arg take it to be on the stack, where no caller has it;
 * - a vector of more than 16 bytes is on the stack if the function is variadic, although it has a name; and a union of some
 *   vectors may be in a register for those, although it is no such vector. */

static bool is_half(const gate_type *type) {
    return type->kind == GATE_FLOAT16 || type->kind == GATE_FLOAT16_COMPLEX;
}

/* Whether a value of that type is, or has, what is asked for; NULL asks for nothing of a field. */
static bool has(const gate_type *type, bool (*is_type)(const gate_type *type),
                bool (*is_field)(const gate_type *record, const gate_field *field)) {
    if (type->kind == GATE_ARRAY)
        return has(type->target, is_type, is_field);
    bool found = is_type && is_type(type);
    for (size_t i = 0; is_record(type) && !found && i < type->count; i++)
        found = (is_field && is_field(type, &type->fields[i])) || has(type->fields[i].type, is_type, is_field);
    return found;
}

static bool is_float(const gate_type *type) {
    return type->kind == GATE_FLOAT;
}

static bool is_disputed(const gate_type *record, const gate_field *field) {
    const gate_type *type = field->type;
    if (record->kind == GATE_UNION && type->kind == GATE_STRUCT && has(type, is_float, NULL))
        return true;
    if (field->is_bit_field)
        return !field->name || record->kind == GATE_UNION;
    for (; type->kind == GATE_ARRAY; type = type->target) {
        if (type->count == 0)
            return true;
    }
    bool is_askew = is_record(type) && field->offset % type->alignment;
    return is_askew || type->kind == GATE_FLOAT128 || type->alignment != gate__type_natural_alignment(type);
}

static bool is_vector(const gate_type *type) {
    return type->kind == GATE_VECTOR;
}

static bool is_large_union(const gate_type *type) {
    bool is_large = type->kind == GATE_UNION && type->size > 16 && type->size <= 64;
    return is_large && has(type, is_vector, NULL) && !gate__abi_is_wide(type);
}

static bool clang_differs(const gate_type *type) {
    bool is_by_members = type->size <= 16 || gate__abi_is_wide(type);
    bool has_room = gate__abi_is_empty(type) && type->size > 16;
    return has_room || has(type, is_half, NULL) || has(type, is_large_union, NULL) ||
           (is_by_members && has(type, NULL, is_disputed));
}

static bool clang_differs_by_place(const gate_signature *signature, size_t index) {
    enum gate_kind kind = gate_signature_parameter(signature, index)->kind;
    bool is_on_stack = !signature->plan;
    for (uint32_t i = 0; !is_on_stack && i < signature->plan->count; i++)
        is_on_stack = signature->plan->steps[i].argument == index && signature->plan->steps[i].cell >= GATE__STACK;
    bool is_misplaced = kind == GATE_INT128 || kind == GATE_UINT128 || kind == GATE_FLOAT_COMPLEX;
    bool is_variadic = gate_signature_variadic(signature);
    bool counts = is_variadic || !signature->plan || signature->plan->stack_count;
    bool is_named = is_variadic && gate__abi_is_wide(gate_signature_parameter(signature, index));
    return (is_misplaced && is_on_stack) || (kind == GATE_FLOAT128 && counts) || is_named;
}

static bool is_only_gccs(const gate_signature *signature) {
    const gate_type *result = gate_signature_result(signature);
    bool is_one_double = result->kind == GATE_VECTOR && result->count == 1 && result->target->kind == GATE_DOUBLE;
    bool is_in_memory = result->kind == GATE_VECTOR && result->size > 16 && !gate__abi_is_wide(result);
    bool is = clang_differs(result) || is_one_double || is_in_memory;
    for (size_t i = 0; !is && i < gate_signature_count(signature); i++)
        is = clang_differs(gate_signature_parameter(signature, i)) || clang_differs_by_place(signature, i);
    return is;
}

/* What gcc 12's own functions get wrong, whoever calls them: one that is variadic takes a parameter that is empty, but has a
 * size, for one that has room on the stack, if it is too large for registers, or none are left. No caller makes such room, and
 * gcc finds the named ones where they are. But va_start leaves out the room, and so va_arg reads what lies behind the
 * arguments on the stack. */

static bool has_place(const gate_signature *signature, size_t index) {
    bool has = false;
    for (uint32_t i = 0; !has && i < signature->plan->count; i++)
        has = signature->plan->steps[i].argument == index;
    return has;
}

static bool is_gccs_error(const gate_signature *signature, size_t fixed) {
    bool errs = false, reads_stack = false;
    if (!signature->plan || !gate_signature_variadic(signature))
        return false;
    for (size_t i = 0; !errs && i < fixed; i++)
        errs = gate_signature_parameter(signature, i)->size && !has_place(signature, i);
    for (uint32_t i = 0; errs && !reads_stack && i < signature->plan->count; i++)
        reads_stack = signature->plan->steps[i].argument >= fixed && signature->plan->steps[i].cell >= GATE__STACK;
    return reads_stack;
}

/* Making a batch */

/* The call's own signature: a variadic one's with its arguments, which are promoted. */
static int extend(struct batch *batch, struct trial *trial, gate_error *error) {
    struct drawn *drawn = &trial->drawn;
    const gate_type *types[ARGUMENTS_MOST];
    gate_signature *variadic = trial->signature;
    unsigned count = drawn->count - drawn->fixed;
    for (unsigned i = 0; i < count; i++)
        types[i] = type_of(batch->decls, drawn->arguments[drawn->fixed + i]);
    int failed = gate_signature_extend(variadic, types, count, &trial->signature, error);
    gate_signature_free(variadic);
    for (unsigned i = 0; !failed && i < count; i++) {
        const gate_type *type = gate_signature_parameter(trial->signature, drawn->fixed + i);
        if (type != types[i])
            gate_type_print(type, drawn->arguments[drawn->fixed + i], sizeof *drawn->arguments);
    }
    return failed;
}

static void make_signature(struct batch *batch, struct trial *trial) {
    struct writing *text = &trial->text;
    gate_error error = {0, ""};
    if (batch->given)
        trial->drawn = *batch->given;
    else
        draw_signature(batch->decls, &trial->drawn);
    write_text(text, "%s (", trial->drawn.result);
    write_parameters(text, &trial->drawn, NULL);
    write_text(text, ")");
    int failed = gate_decls_signature(batch->decls, text->text, &trial->signature, &error);
    if (!failed && is_variadic(&trial->drawn))
        failed = extend(batch, trial, &error);
    for (unsigned i = trial->drawn.fixed; i < trial->drawn.count; i++)
        write_text(text, "%s %s", i == trial->drawn.fixed ? ", with" : ",", trial->drawn.arguments[i]);
    bool may_fail = __msan_unpoison && failed == -ENOTSUP; /* for want of libffi's */
    cr_assert(!failed || may_fail, "%s: %s", text->text, error.message);
    if (failed)
        trial->signature = NULL;
}

static void count_ways(const struct trial *trial) {
    const gate_signature *signature = trial->signature;
    cr_assert(__msan_unpoison || (signature->plan && gate_frame_size(signature)), "%s", trial->text.text);
    no_libffi += !signature || !prepare_for_ffi(signature);
    only_gcc += trial->only_gcc;
    gcc_errs += trial->gcc_errs;
    large += signature && signature->plan && signature->plan->stack_count > GATE__CELLS - GATE__STACK;
    wide += signature && signature->plan && gate__plan_is_wide(signature->plan);
    aligned += signature && signature->plan && gate__plan_is_aligned(signature->plan);
}

static void make_trials(struct batch *batch) {
    for (unsigned i = 0; i < batch->count; i++) {
        struct trial *trial = &batch->trials[i];
        make_signature(batch, trial);
        trial->only_gcc = trial->signature && is_only_gccs(trial->signature);
        trial->gcc_errs = trial->signature && is_gccs_error(trial->signature, trial->drawn.fixed);
        count_ways(trial);
    }
}

static void write_ends(struct writing *w, const struct batch *batch) {
    write_text(w, "%s", ends_prelude);
    for (unsigned i = 0; i < batch->count; i++) {
        const struct trial *trial = &batch->trials[i];
        if (!trial->signature)
            continue;
        write_callee(w, &trial->drawn, trial->signature, i);
        write_caller(w, &trial->drawn, trial->signature, i);
    }
}

static void *look_up(void *library, char which, unsigned number) {
    char name[32];
    snprintf(name, sizeof name, "%c%u", which, number);
    void *address = dlsym(library, name);
    cr_assert_not_null(address, "%s", name);
    return address;
}

static void open_library(struct batch *batch, unsigned compiler) {
    char name[64];
    snprintf(name, sizeof name, "%s/%s.so", batch->directory, compilers[compiler]);
    void *library = batch->libraries[compiler] = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(library, "%s", dlerror());
    *(void (**)(unsigned, const void *))dlsym(library, "see_") = see;
    *(void (**)(unsigned, long long))dlsym(library, "see_integer_") = see_integer;
    *(void (**)(void *))dlsym(library, "give_") = give;
    for (unsigned i = 0; i < batch->count; i++) {
        struct trial *trial = &batch->trials[i];
        if (!trial->signature)
            continue;
        trial->callees[compiler] = (void (*)(void))look_up(library, 'f', i);
        trial->callers[compiler] = (void (*)(void (*)(void), void *const *))look_up(library, 'c', i);
    }
}

/* The vectors that the processor has registers for are passed in these by what is compiled so. */
static const char *vector_flags(void) {
    unsigned most = gate__abi_vector_most();
    return most >= 64 ? "-mavx512f" : most >= 32 ? "-mavx" : "";
}

static void compile(struct batch *batch, const char *types, const char *ends) {
    char command[256];
    strcpy(batch->directory, "/tmp/callgate-abi-XXXXXX");
    cr_assert_not_null(mkdtemp(batch->directory));
    for (unsigned compiler = 0; compiler < COMPILERS; compiler++) {
        struct writing w = {0};
        write_text(&w, "%s%s%s", compiler == CLANG ? halves_for_clang : halves, types, ends);
        snprintf(command, sizeof command, "tee %s/%s.c | %s %s -w -std=gnu11 -O1 -shared -fPIC -x c - -o %s/%s.so 2>&1",
                 batch->directory, compilers[compiler], compilers[compiler], vector_flags(), batch->directory,
                 compilers[compiler]);
        free(run_command(command, w.text, false));
        free(w.text);
        open_library(batch, compiler);
    }
}

static struct batch make_batch(unsigned count, const struct drawn *given) {
    struct batch batch = {.decls = read_text(halves), .given = given, .count = count};
    struct writing types = {0}, ends = {0};
    batch.trials = aligned_alloc(ALIGNMENT_MOST, count * sizeof *batch.trials);
    memset(batch.trials, 0, count * sizeof *batch.trials);
    write_types(&types);
    read_more(batch.decls, types.text);
    make_trials(&batch);
    write_ends(&ends, &batch);
    compile(&batch, types.text, ends.text);
    free(types.text);
    free(ends.text);
    return batch;
}

static void free_batch(struct batch *batch) {
    char command[64];
    for (unsigned i = 0; i < batch->count; i++) {
        gate_signature_free(batch->trials[i].signature);
        free(batch->trials[i].text.text);
    }
    for (unsigned compiler = 0; compiler < COMPILERS; compiler++)
        dlclose(batch->libraries[compiler]);
    snprintf(command, sizeof command, "rm -r %s", batch->directory);
    if (mismatches)
        fprintf(stderr, "what was compiled is in %s\n", batch->directory);
    else
        cr_assert_eq(system(command), 0);
    gate_decls_free(batch->decls);
    free(batch->trials);
}

/* Running it */

static void draw_values(struct trial *trial) {
    memset(trial->values, 0, sizeof trial->values);
    for (unsigned i = 0; i < trial->drawn.count; i++) {
        draw_value(type_at(trial, i), 0, &trial->values[i]);
        trial->arguments[i] = trial->values[i].bytes;
    }
    if (!is_void(&trial->drawn))
        draw_value(type_at(trial, THE_RESULT), 0, &trial->values[THE_RESULT]);
}

/* A result, and what lies behind it, which nobody may write to. */
struct room {
    _Alignas(ALIGNMENT_MOST) unsigned char bytes[LARGEST + 16];
};

static struct room empty_room(void) {
    struct room room;
    memset(&room, 0x5a, sizeof room);
    return room;
}

static void check_room(const struct room *room) {
    size_t size = type_at(now.trial, THE_RESULT)->size;
    if (!is_void(&now.trial->drawn))
        see(THE_RESULT, room->bytes);
    for (size_t i = size; i < sizeof room->bytes; i++) {
        if (room->bytes[i] != 0x5a) {
            complain("what lies behind the result, at", (unsigned)(i - size));
            break;
        }
    }
    end(true);
}

/* A step on the system stack. */
struct step {
    const struct trial *trial;
    void (*function)(void);
    void *result;
    unsigned compiler;
};

static void call_by_ffi(void *data) {
    const struct step *step = data;
    gate__ffi_call(step->trial->signature, step->function, step->result, step->trial->arguments);
}

static void call_compiled(void *data) {
    const struct step *step = data;
    step->trial->callers[step->compiler](step->function, step->trial->arguments);
}

static void check_calls(const struct trial *trial, unsigned compiler) {
    static const char *const names[] = {"default", "leaf"};
    gate_function function = {.signature = trial->signature, .address = trial->callees[compiler]};
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_LEAF; class ++) {
        struct room room = empty_room();
        function.call_class = (enum gate_call_class) class;
        begin(trial, compilers[compiler], names[class]);
        cr_assert_eq(gate_call(&function, room.bytes, trial->arguments), 0);
        check_room(&room);
    }
    begin(trial, compilers[compiler], "without a result");
    function.call_class = GATE_CALL_DEFAULT;
    cr_assert_eq(gate_call(&function, NULL, trial->arguments), 0);
    end(false);
}

static void check_frame(const struct trial *trial, unsigned compiler) {
    gate_function function = {.signature = trial->signature, .address = trial->callees[compiler]};
    size_t size = gate_frame_size(trial->signature);
    gate_frame *frame = size ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
    struct room room = empty_room();
    if (!frame)
        return;
    begin(trial, compilers[compiler], "frame");
    cr_assert_eq(gate_frame_init(frame, &function), 0);
    for (unsigned i = 0; i < trial->drawn.count; i++)
        gate_frame_put(trial->signature, frame, i, trial->arguments[i]);
    frame->result = room.bytes;
    cr_assert_eq(gate_call_frame(frame), 0);
    gate_frame_get(trial->signature, frame, room.bytes);
    check_room(&room);
    free(frame);
}

static void check_ffi(const struct trial *trial, unsigned compiler) {
    struct room room = empty_room();
    struct step step = {.trial = trial, .function = trial->callees[compiler], .result = room.bytes};
    if (!trial->signature->prepared)
        return;
    begin(trial, compilers[compiler], "libffi");
    gate__foreign_call(call_by_ffi, &step);
    check_room(&room);
}

/* The callback's handler. */
static int handle(void *trial, void *result, void *const arguments[]) {
    const struct drawn *drawn = &((const struct trial *)trial)->drawn;
    for (unsigned i = 0; i < drawn->count; i++)
        see(i, arguments[i]);
    give(result);
    return 0;
}

static void check_callback(const struct batch *batch, struct trial *trial, unsigned compiler) {
    struct gate_callback_config config = {.signature = trial->signature, .handler = handle, .host = trial};
    gate_callback *callback = NULL;
    int failed = gate_callback_make(batch->runtime, &config, &callback, NULL);
    cr_assert_eq(failed, 0);
    struct step step = {.trial = trial, .function = gate_callback_address(callback), .compiler = compiler};
    begin(trial, compilers[compiler], "callback");
    gate__foreign_call(call_compiled, &step);
    end(true);
    cr_assert_eq(gate_callback_free(callback), 0);
}

static void handle_for_ffi(void *trial, void *result, void *const arguments[]) {
    handle(trial, result, arguments);
}

static void check_ffi_callback(struct trial *trial, unsigned compiler) {
    struct gate__ffi_closure *closure;
    struct step step = {.trial = trial, .compiler = compiler};
    if (!trial->signature->prepared)
        return;
    cr_assert_eq(gate__ffi_closure_make(trial->signature, NULL, handle_for_ffi, trial, &closure, &step.function, NULL),
                 0);
    begin(trial, compilers[compiler], "libffi's callback");
    gate__foreign_call(call_compiled, &step);
    end(true);
    gate__ffi_closure_free(closure);
}

/* The compilers among themselves. */
static void check_compilers(const struct trial *trial, unsigned caller, unsigned callee) {
    struct step step = {.trial = trial, .function = trial->callees[callee], .compiler = caller};
    begin(trial, compilers[caller], caller == callee ? "calls its own" : "calls the other's");
    gate__foreign_call(call_compiled, &step);
    end(true);
}

static void check_callee(const struct trial *trial, unsigned compiler) {
    check_compilers(trial, compiler, compiler);
    if (!trial->only_gcc)
        check_compilers(trial, !compiler, compiler);
    check_calls(trial, compiler);
    check_frame(trial, compiler);
    check_ffi(trial, compiler);
}

static void check_trial(const struct batch *batch, struct trial *trial, unsigned compiler) {
    draw_values(trial);
    if (compiler != GCC || !trial->gcc_errs)
        check_callee(trial, compiler);
    check_ffi_callback(trial, compiler);
    if (batch->runtime)
        check_callback(batch, trial, compiler);
}

static void *check_batch(void *data) {
    struct batch *batch = data;
    for (unsigned i = 0; i < batch->count; i++) {
        struct trial *trial = &batch->trials[i];
        unsigned count = !trial->signature ? 0 : trial->only_gcc ? 1 : COMPILERS;
        for (unsigned compiler = 0; compiler < count; compiler++)
            check_trial(batch, trial, compiler);
    }
    return NULL;
}

/* Without a runtime, in a root task, and in a stackful one. */
static void check_everywhere(struct batch *batch) {
    check_batch(batch);
    batch->runtime = start(1);
    check_batch(batch);
    join(spawn("calling", check_batch, batch));
    stop(batch->runtime);
}

Test(abi, random_signatures_are_called_and_called_back_as_compilers_do) {
    unsigned count = count_trials(BATCH);
    seed_random("signatures");
    gate__switch_init();
    for (unsigned done = 0; done < count && !mismatches; done += BATCH) {
        struct batch batch = make_batch(count - done < BATCH ? count - done : BATCH, NULL);
        check_everywhere(&batch);
        free_batch(&batch);
    }
    fprintf(
        stderr,
        "%u signatures: %u have more cells than a task's stack, %u have the stack aligned, %u have vectors of more "
        "than 16 bytes in registers, %u nothing of libffi's, %u are not clang's, and %u gcc's functions get wrong\n",
        count, large, aligned, wide, no_libffi, only_gcc, gcc_errs);
    cr_assert_eq(mismatches, 0);
    cr_assert(__msan_unpoison || large > count / 40, "%u", large);
    cr_assert(__msan_unpoison || aligned > count / 40, "%u", aligned);
    cr_assert(__msan_unpoison || gate__abi_vector_most() == 16 || wide > count / 40, "%u", wide);
    cr_assert_lt(no_libffi, __msan_unpoison ? count : count / 2);
    cr_assert_lt(only_gcc, count / 2);
    cr_assert_leq(gcc_errs, count / 100 + 2);
}

/* One of those that are drawn too seldom to rely on. */
static struct drawn make_gccs_error(void) {
    struct drawn drawn = {.count = ARGUMENTS_MOST, .fixed = 2, .result = "void", .arguments = {"padding"}};
    for (unsigned i = 1; i < drawn.count; i++)
        strcpy(drawn.arguments[i], "int");
    return drawn;
}

Test(abi, gccs_variadic_functions_leave_out_room_that_an_empty_parameter_does_not_have) {
    struct drawn drawn = make_gccs_error();
    if (__msan_unpoison) /* no call is planned there */
        return;
    seed_random("signatures");
    gate__switch_init();
    struct batch batch = make_batch(1, &drawn);
    struct trial *trial = &batch.trials[0];
    cr_assert(trial->gcc_errs);
    check_everywhere(&batch);
    cr_assert_eq(mismatches, 0, "but for gcc's function, all is well");
    check_compilers(trial, GCC, GCC);
    cr_assert_gt(mismatches, 0u, "and that gets wrong what gcc's own caller passes");
    mismatches = 0;
    free_batch(&batch);
}
