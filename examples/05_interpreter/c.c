/* C for the language: everything here that knows Callgate.
 *
 * A word that calls runs as any other, on its task's small stack with the interpreter's one slot; gate_call crosses to the
 * thread's stack, and hands the slot on if C blocks: then other tasks' words run, so nothing here is left half done over a
 * call. A callback's code has a state of its own, which is its task's meanwhile. What fails in it goes to that of the code
 * that is in the call, by way of gate_call's status, and is the call's failure.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/05_interpreter/c.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST_ARGUMENTS = 16, HANDLER_FAILED = 1, MS = 1000 * 1000 };

/* The language's values are integers, addresses and real numbers: so are C's that it can pass. */

static const gate_type *plain(const gate_type *type) {
    return type->kind == GATE_ENUM ? type->target : type;
}

static bool is_real(const gate_type *type) {
    return type->kind == GATE_FLOAT || type->kind == GATE_DOUBLE;
}

static bool can_pass(const gate_type *type) {
    enum gate_kind kind = plain(type)->kind;
    return (kind >= GATE_BOOL && kind <= GATE_ULLONG) || kind == GATE_POINTER || is_real(type);
}

static bool can_call(const gate_signature *signature) {
    const gate_type *result = gate_signature_result(signature);
    size_t count = gate_signature_count(signature);
    bool can = count <= MOST_ARGUMENTS && (result->kind == GATE_VOID || can_pass(result));
    for (size_t i = 0; can && i < count; i++)
        can = can_pass(gate_signature_parameter(signature, i));
    return can && !gate_signature_variadic(signature);
}

/* A value of C's types: x86-64 has the low bytes first, so that an integer's are those of a longer one. */
union c_value {
    int64_t integer;
    double real;
    float single;
};

static bool to_c(struct state *state, const gate_type *type, union c_value *to) {
    struct value value;
    if (!pop(state, &value))
        return false;
    if (value.kind == CODE || (value.kind == REAL && !is_real(type)))
        return fail(state, "a value is %s, and C's is %s", value.kind == CODE ? "code" : "a real number",
                    is_real(type) ? "a real number" : "an integer");
    double real = value.kind == REAL ? value.real : (double)value.integer;
    if (type->kind == GATE_DOUBLE)
        to->real = real;
    else if (type->kind == GATE_FLOAT)
        to->single = (float)real;
    else
        to->integer = type->kind == GATE_BOOL ? value.integer != 0 : value.integer;
    return true;
}

static int64_t extend(const gate_type *type, const void *from) {
    switch (plain(type)->kind) {
    case GATE_CHAR:
    case GATE_SCHAR:
        return *(const signed char *)from;
    case GATE_SHORT:
        return *(const short *)from;
    case GATE_INT:
        return *(const int *)from;
    case GATE_BOOL:
    case GATE_UCHAR:
        return *(const unsigned char *)from;
    case GATE_USHORT:
        return *(const unsigned short *)from;
    case GATE_UINT:
        return *(const unsigned *)from;
    default:
        return *(const int64_t *)from;
    }
}

static bool from_c(struct state *state, const gate_type *type, const void *from) {
    if (type->kind == GATE_VOID)
        return true;
    if (!is_real(type))
        return push_integer(state, extend(type, from));
    double real = type->kind == GATE_DOUBLE ? *(const double *)from : (double)*(const float *)from;
    return push(state, (struct value){REAL, {.real = real}});
}

/* Libraries */

struct library {
    struct library *next;
    gate_library *library;
};

static bool open_library(struct c *c, const char *name, gate_error *error) {
    struct library *library = language_keep(c->language, sizeof *library);
    if (!library || gate_library_open(name, &library->library, error))
        return false;
    library->next = c->libraries;
    c->libraries = library;
    return true;
}

static bool library_word(struct state *state, void *c) {
    gate_error error = {0, "out of memory"};
    const char *name;
    return pop_text(state, &name) && (open_library(c, name, &error) || fail(state, "%s", error.message));
}

static bool find_symbol(const struct c *c, const char *name, void **address, gate_error *error) {
    for (const struct library *library = c->libraries; library; library = library->next) {
        if (gate_library_symbol(library->library, name, address, error) == 0)
            return true;
    }
    return false;
}

/* Calls */

struct function {
    struct function *next;
    struct c *c;
    const gate_decl *decl;
    gate_signature *signature;
    gate_function call; /* its address is NULL until it is found */
};

/* Finds what a call needs. */
static bool find(struct state *state, struct function *function) {
    const gate_decl *decl = function->decl;
    gate_error error;
    void *address;
    if (!function->signature && gate_signature_of(decl->type, &function->signature, &error))
        return fail(state, "%s", error.message);
    if (!can_call(function->signature))
        return fail(state, "%s has a type that this language has not", decl->name);
    if (!find_symbol(function->c, decl->label ? decl->label : decl->name, &address, &error))
        return fail(state, "%s", error.message);
    function->call = (gate_function){function->signature, (void (*)(void))address, decl->name, GATE_CALL_DEFAULT, NULL};
    return true;
}

static bool call(struct state *state, void *data) {
    struct function *function = data;
    union c_value values[MOST_ARGUMENTS] = {{0}}, result = {0};
    void *arguments[MOST_ARGUMENTS];
    if (!function->call.address && !find(state, function))
        return false;
    for (size_t i = gate_signature_count(function->signature); i-- > 0; arguments[i] = &values[i]) {
        if (!to_c(state, gate_signature_parameter(function->signature, i), &values[i]))
            return false;
    }
    int status = gate_call(&function->call, &result, arguments);
    if (status == HANDLER_FAILED)
        return false; /* which has left its error in this state */
    if (status)
        return fail(state, "%s can't be called: %s", function->call.name, strerror(-status));
    return from_c(state, gate_signature_result(function->signature), &result);
}

/* A scope tells of a declaration once, however often it comes: what can't be called yet is a word, too, and looks again. */
static bool add_function(struct state *state, struct c *c, const gate_decl *decl) {
    struct function *function = language_keep(c->language, sizeof *function);
    if (!function || !language_add(c->language, decl->name, call, function))
        return fail(state, "out of memory");
    *function = (struct function){.next = c->functions, .c = c, .decl = decl};
    c->functions = function;
    return find(state, function);
}

/* What can't be called is told once: the others can, and the next text is another's affair. */
static bool c_word(struct state *state, void *data) {
    struct c *c = data;
    const char *text;
    gate_error error;
    bool are_all = true;
    if (!pop_text(state, &text))
        return false;
    if (gate_decls_read(c->decls, text, &error))
        return fail(state, "%s", error.message);
    for (const gate_decl *decl; (decl = gate_decls_next(c->decls, c->last)); c->last = decl) {
        if (decl->kind == GATE_DECL_FUNCTION && !add_function(state, c, decl))
            are_all = false;
    }
    return are_all;
}

/* Callbacks */

struct callback {
    struct callback *next;
    struct c *c;
    const struct operation *code;
    gate_signature *signature;
    gate_callback *callback;
};

static bool run_handler(struct state *state, const struct callback *callback, void *result, void *const arguments[]) {
    const gate_type *type = gate_signature_result(callback->signature);
    union c_value value;
    for (size_t i = 0; i < gate_signature_count(callback->signature); i++) {
        if (!from_c(state, gate_signature_parameter(callback->signature, i), arguments[i]))
            return false;
    }
    if (!language_run(state, callback->code) || (type->kind != GATE_VOID && !to_c(state, type, &value)))
        return false;
    if (type->kind != GATE_VOID)
        memcpy(result, &value, type->size);
    return true;
}

/* [the task's stack, with the slot] A thread of C's own has no state before, and nobody there is in a call. */
static int handle(void *data, void *result, void *const arguments[]) {
    const struct callback *callback = data;
    gate_task *task = gate_task_current();
    struct state *outer = gate_task_host(task);
    struct state state = {.language = callback->c->language, .nesting = outer ? outer->nesting : 0};
    gate_task_set_host(task, &state);
    bool is_done = run_handler(&state, callback, result, arguments);
    gate_task_set_host(task, outer);
    if (!is_done && outer)
        fail(outer, "%s", state.error);
    else if (!is_done)
        fprintf(stderr, "callback: %s\n", state.error);
    return is_done ? 0 : HANDLER_FAILED;
}

static bool make_callback(struct callback *callback, const char *text, gate_error *error) {
    if (gate_decls_signature(callback->c->decls, text, &callback->signature, error))
        return false;
    struct gate_callback_config config = {.signature = callback->signature, .handler = handle, .host = callback};
    if (can_call(callback->signature) &&
        gate_callback_make(callback->c->runtime, &config, &callback->callback, error) == 0)
        return true;
    if (!can_call(callback->signature))
        snprintf(error->message, sizeof error->message, "'%s' is a type that this language has not", text);
    gate_signature_free(callback->signature);
    return false;
}

static bool callback_word(struct state *state, void *data) {
    struct c *c = data;
    gate_error error;
    const char *text;
    struct callback *callback = language_keep(c->language, sizeof *callback);
    if (!callback)
        return fail(state, "out of memory");
    callback->c = c;
    if (!pop_text(state, &text) || !pop_code(state, &callback->code))
        return false;
    if (!make_callback(callback, text, &error))
        return fail(state, "%s", error.message);
    callback->next = c->callbacks;
    c->callbacks = callback;
    return push_integer(state, (int64_t)(uintptr_t)gate_callback_address(callback->callback));
}

/* Tasks */

/* Bytes of a task's stack for each level of code, which may be a callback's. What is not used takes no memory. */
enum { STACK_OF_LEVEL = 8 << 10 };

struct job {
    struct job *next;
    struct state state;
    const struct operation *code;
    gate_task *task; /* NULL: it has been joined */
};

static void *run_job(void *data) {
    struct job *job = data;
    return language_run(&job->state, job->code) ? NULL : job;
}

static bool go(struct state *state, void *data) {
    struct c *c = data;
    struct job *job = language_keep(c->language, sizeof *job);
    if (!job)
        return fail(state, "out of memory");
    struct gate_task_config config = {.main = run_job, .argument = job, .name = "go", .host = &job->state};
    config.stack_size = (size_t)MOST_NESTING * STACK_OF_LEVEL;
    job->state.language = c->language;
    if (!pop_code(state, &job->code))
        return false;
    if (gate_task_spawn(c->runtime, &config, &job->task))
        return fail(state, "no task is to be had");
    job->next = c->jobs;
    c->jobs = job;
    return push_integer(state, (int64_t)(uintptr_t)job);
}

static bool join(struct state *state, void *unused) {
    void *failed;
    int64_t address;
    (void)unused;
    if (!pop_integer(state, &address))
        return false;
    struct job *job = (struct job *)(uintptr_t)address;
    if (!job->task || gate_task_join(job->task, &failed))
        return fail(state, "this task can't be joined, or not any more");
    job->task = NULL;
    return !failed || fail(state, "%s", job->state.error);
}

/* Memory */

static bool read_int(struct state *state, void *unused) {
    int64_t address;
    (void)unused;
    return pop_integer(state, &address) && push_integer(state, *(int *)(uintptr_t)address);
}

static bool write_int(struct state *state, void *unused) {
    int64_t address, value;
    (void)unused;
    if (!pop_integer(state, &address) || !pop_integer(state, &value))
        return false;
    *(int *)(uintptr_t)address = (int)value;
    return true;
}

static bool add_words(struct c *c) {
    static const struct {
        const char *name;
        word_body *body;
    } words[] = {{"library", library_word}, {"c", c_word},      {"callback", callback_word}, {"go", go}, {"join", join},
                 {"int@", read_int},        {"int!", write_int}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!language_add(c->language, words[i].name, words[i].body, c))
            return false;
    }
    return true;
}

bool c_add(struct c *c, struct language *language, gate_runtime *runtime, gate_error *error) {
    *c = (struct c){.language = language, .runtime = runtime};
    *error = (gate_error){0, "out of memory"};
    if (add_words(c) && gate_decls_make(&c->decls) == 0 && open_library(c, NULL, error))
        return true;
    c_free(c);
    return false;
}

static void end_job(struct c *c, const struct job *job) {
    c->jobs = job->next;
    if (job->task)
        gate_task_join(job->task, NULL);
}

/* A thread of C's own may still be in it. */
static void end_callback(struct c *c, const struct callback *callback) {
    c->callbacks = callback->next;
    while (gate_callback_free(callback->callback) == -EBUSY)
        gate_task_sleep(MS);
    gate_signature_free(callback->signature);
}

void c_free(struct c *c) {
    while (c->jobs || c->callbacks) { /* which may make others before they end */
        if (c->jobs)
            end_job(c, c->jobs);
        else
            end_callback(c, c->callbacks);
    }
    for (struct function *function = c->functions; function; function = function->next)
        gate_signature_free(function->signature);
    for (struct library *library = c->libraries; library; library = library->next)
        gate_library_close(library->library, NULL);
    gate_decls_free(c->decls);
}
