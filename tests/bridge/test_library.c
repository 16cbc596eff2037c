/* Libraries: opened and searched, the errors that name what is missing, and what keeps one open. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"
#include "tests/support/refuse.h"

static gate_library *open_library(const char *name) {
    gate_library *library = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_open(name, &library, &error), 0, "%s", error.message);
    return library;
}

static void *call_cosine(void *unused) {
    gate_library *m = open_library("libm.so.6");
    void *address;
    cr_assert_eq(gate_library_symbol(m, "cos", &address, NULL), 0);
    gate_function cosine = make_function("double (double)", (void (*)(void))address, "cos");
    double x = 0, result = 0;
    void *arguments[] = {&x};
    cr_assert_eq(gate_call(&cosine, &result, arguments), 0);
    cr_assert_eq(result, 1.0);
    free_function(cosine);
    cr_assert_eq(gate_library_close(m, NULL), 0);
    return unused;
}

Test(library, a_function_is_opened_found_and_called_on_a_thread_and_in_a_task) {
    call_cosine(NULL);
    run_task(call_cosine, NULL);
}

Test(library, null_is_the_process_itself) {
    gate_library *self = open_library(NULL);
    void *address = NULL;
    cr_assert_eq(gate_library_symbol(self, "strlen", &address, NULL), 0);
    cr_assert_not_null(address);
    cr_assert_eq(gate_library_close(self, NULL), 0);
}

Test(library, one_that_is_missing_is_enoent_and_the_loader_is_quoted) {
    gate_library *library = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_open("libnowhere.so.7", &library, &error), -ENOENT);
    cr_assert_eq(error.code, -ENOENT);
    cr_assert_not_null(strstr(error.message, "library 'libnowhere.so.7' can't be opened"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "cannot open shared object file"), "%s", error.message);
    cr_assert_null(library);
}

Test(library, a_short_name_stands_for_the_file) {
    gate_library *library = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_open("nowhere", &library, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "'libnowhere.so'"), "%s", error.message);
    cr_assert_eq(gate_library_open("./nowhere", &library, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "'./nowhere'"), "%s", error.message);
}

Test(library, a_script_of_the_linkers_stands_for_the_first_library_that_it_names) {
    gate_library *by_script = open_library("m"), *by_name = open_library("libm.so.6");
    cr_assert_eq(by_script, by_name);
    cr_assert_eq(gate_library_close(by_name, NULL), 0);
    cr_assert_eq(gate_library_close(by_script, NULL), 0);
}

/* Opens a file with this text in two lines. A text of NULL names the file itself. */
static int open_text(const char *before, const char *text, gate_library **library, gate_error *error) {
    char path[] = "/tmp/callgate-library-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, text ? "%s\n%s\n" : "%s\nINPUT(%s)\n", before, text ? text : path);
    fclose(file);
    int failed = gate_library_open(path, library, error);
    unlink(path);
    return failed;
}

/* One that is as long as a library's header, and one that is not. */
static void assert_no_library(const char *text, const char *why, const char *why_if_short) {
    static const char of_64_bytes[] = "The loader says something else of what is as long as a header.";
    gate_library *library;
    gate_error error;
    cr_assert_eq(open_text(of_64_bytes, text, &library, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, why), "%s", error.message);
    cr_assert_eq(open_text("", text, &library, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, why_if_short), "%s", error.message);
}

static void assert_names(const char *text, const char *name) {
    gate_library *by_script = NULL, *by_name = open_library(name);
    gate_error error = {0, ""};
    cr_assert_eq(open_text("", text, &by_script, &error), 0, "%s", error.message);
    cr_assert_eq(by_script, by_name);
    cr_assert_eq(gate_library_close(by_name, NULL), 0);
    cr_assert_eq(gate_library_close(by_script, NULL), 0);
}

Test(library, a_script_may_be_short_and_name_a_library_as_the_linkers_options_do_or_another_script) {
    assert_names("INPUT(libm.so.6 -lc)", "libm.so.6");
    assert_names("INPUT(-lffi)", "libffi.so");
    assert_names("GROUP (  -lm -lc )", "libm.so.6");
    assert_names("INPUT(libm.so)", "libm.so.6");
}

Test(library, a_script_whose_library_is_missing_is_enoent_and_names_that_one) {
    const char why[] = ": libnowhere.so.7: cannot open shared";
    assert_no_library("INPUT(libnowhere.so.7 libm.so.6)", why, why);
}

Test(library, a_script_that_names_itself_is_enoent) {
    assert_no_library(NULL, ": invalid ELF header", ": file too short");
}

static void *write_nothing(void *path) {
    close(open(path, O_WRONLY));
    return NULL;
}

/* Whoever would read it once more waits for one who writes. */
Test(library, a_pipe_is_read_once) {
    char path[] = "/tmp/callgate-library-XXXXXX/pipe";
    *strrchr(path, '/') = '\0';
    cr_assert_not_null(mkdtemp(path));
    path[strlen(path)] = '/';
    cr_assert_eq(mkfifo(path, 0600), 0);
    pid_t child = fork_guarded();
    if (child == 0) {
        pthread_t thread;
        gate_library *library;
        pthread_create(&thread, NULL, write_nothing, path);
        int opened = gate_library_open(path, &library, NULL);
        pthread_join(thread, NULL);
        _exit(opened == -ENOENT ? WELL : 1);
    }
    assert_well(child);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

Test(library, a_file_that_is_neither_library_nor_script_is_enoent_as_the_loader_says) {
    assert_no_library("GROUP", ": invalid ELF header", ": file too short");
}

Test(library, a_symbol_that_is_missing_is_enoent_and_names_both) {
    gate_library *m = open_library("libm.so.6");
    gate_error error = {0, ""};
    void *address = &error;
    cr_assert_eq(gate_library_symbol(m, "cosmos", &address, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "symbol 'cosmos' is not in library 'libm.so.6'"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "undefined symbol"), "%s", error.message);
    cr_assert_eq(address, &error, "the result is untouched");
    cr_assert_eq(gate_library_close(m, NULL), 0);
}

Test(library, close_of_none_is_fine) {
    cr_assert_eq(gate_library_close(NULL, NULL), 0);
}

/* The library beside this program. */

static gate_library *open_fixture(void) {
    char path[PATH_MAX] = "";
    cr_assert_gt(readlink("/proc/self/exe", path, sizeof path - 1), 0);
    strcpy(strrchr(path, '/'), "/fixture.so");
    return open_library(path);
}

static void *find(gate_library *library, const char *name) {
    void *address = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_symbol(library, name, &address, &error), 0, "%s", error.message);
    return address;
}

static gate_function bind(gate_library *library, const char *name, const char *signature) {
    return make_function(signature, (void (*)(void))find(library, name), name);
}

static void close_library(gate_library *library) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_close(library, &error), 0, "%s", error.message);
}

static void assert_stays_open(gate_library *library, const char *why) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_library_close(library, &error), -EBUSY);
    cr_assert_eq(error.code, -EBUSY);
    cr_assert_not_null(strstr(error.message, why), "'%s' is not in: %s", why, error.message);
}

static int answer(gate_library *library, const char *name) {
    return ((int (*)(void))find(library, name))();
}

Test(library, what_is_opened_gives_the_process_no_symbols) {
    gate_library *fixture = open_fixture(), *self = open_library(NULL);
    void *address = NULL;
    cr_assert_eq(gate_library_symbol(fixture, "note_unload", &address, NULL), 0);
    cr_assert_eq(gate_library_symbol(self, "note_unload", &address, NULL), -ENOENT);
    cr_assert_eq(gate_library_close(self, NULL), 0);
    cr_assert_eq(gate_library_close(fixture, NULL), 0);
}

Test(library, a_symbol_has_the_version_that_is_asked_for_or_the_default) {
    gate_library *library = open_fixture();
    gate_error error = {0, ""};
    void *address;
    cr_assert_eq(answer(library, "answer"), 2);
    cr_assert_eq(answer(library, "answer@FIXTURE_1"), 1);
    cr_assert_eq(answer(library, "answer@@FIXTURE_2"), 2);
    cr_assert_eq(gate_library_symbol(library, "answer@FIXTURE_3", &address, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "symbol 'answer@FIXTURE_3' is not in library '/"), "%s", error.message);
    close_library(library);
}

static int refuse_variable(gate_library *library, const char *name, size_t size, const char *why) {
    void *address = NULL;
    gate_error error = {0, ""};
    int failed = gate_library_variable(library, name, size, &address, &error);
    cr_assert_not_null(strstr(error.message, why), "'%s' is not in: %s", why, error.message);
    cr_assert_null(address);
    return failed;
}

Test(library, a_variable_is_found_and_its_size_checked) {
    gate_library *library = open_fixture();
    void *address = NULL;
    cr_assert_eq(gate_library_variable(library, "number", sizeof(int), &address, NULL), 0);
    cr_assert_eq(*(int *)address, 42);
    cr_assert_eq(gate_library_variable(library, "number", 0, &address, NULL), 0);
    cr_assert_eq(refuse_variable(library, "number", 8, "variable 'number' of library '/"), -EINVAL);
    cr_assert_eq(refuse_variable(library, "number", 8, "has 4 bytes, not 8"), -EINVAL);
    cr_assert_eq(refuse_variable(library, "letter", 4, "has 1 byte, not 4"), -EINVAL);
    cr_assert_eq(refuse_variable(library, "call_it", 4, "is a function"), -EINVAL);
    cr_assert_eq(refuse_variable(library, "local", 4, "is thread-local"), -ENOTSUP);
    cr_assert_eq(refuse_variable(library, "at_null", 4, "is NULL: there is no variable"), -ENOENT);
    cr_assert_eq(refuse_variable(library, "nothing", 4, "symbol 'nothing' is not in library"), -ENOENT);
    close_library(library);
}

Test(library, a_function_that_the_loader_has_chosen_for_the_processor_is_no_variable) {
    gate_library *c = open_library("libc.so.6");
    cr_assert_eq(refuse_variable(c, "strlen", 0, "'strlen' of library 'libc.so.6' is a function"), -EINVAL);
    close_library(c);
}

/* What keeps one open */

static gate_library *open_noting(int *unloads) {
    gate_library *library = open_fixture();
    ((void (*)(int *))find(library, "note_unload"))(unloads);
    return library;
}

Test(library, stays_open_while_it_is_held_and_close_says_by_what) {
    int unloads = 0;
    gate_library *library = open_noting(&unloads);
    gate_library_use first, second, third;
    gate_library_hold(library, "answer", &first);
    gate_library_hold(library, NULL, &second);
    gate_library_hold(library, "callback 'compare'", &third);
    assert_stays_open(library, "3 hold it: 'answer', 'a function', 'callback 'compare''");
    gate_library_release(&second);
    assert_stays_open(library, "2 hold it: 'answer', 'callback 'compare''");
    gate_library_release(&third);
    gate_library_hold(library, "number", &second);
    gate_library_release(&first);
    assert_stays_open(library, "1 holds it: 'number'");
    gate_library_release(&second);
    cr_assert_eq(unloads, 0);
    close_library(library);
    cr_assert_eq(unloads, 1);
}

Test(library, a_close_that_is_refused_counts_all_and_names_the_first) {
    enum { MANY = 1000 };
    static gate_library_use uses[MANY];
    gate_library *library = open_fixture();
    for (int i = 0; i < MANY; i++)
        gate_library_hold(library, i ? "one of those behind it" : "the first", &uses[i]);
    assert_stays_open(library, "1000 hold it: 'the first', 'one of those behind it'");
    for (int i = 0; i < MANY; i++)
        gate_library_release(&uses[i]);
    close_library(library);
}

Test(library, opened_twice_is_one_and_closed_by_the_second_close) {
    int unloads = 0;
    gate_library *library = open_noting(&unloads);
    gate_library_use use;
    cr_assert_eq(open_fixture(), library);
    gate_library_hold(library, "answer", &use);
    close_library(library);
    cr_assert_eq(answer(library, "answer"), 2);
    assert_stays_open(library, "1 holds it");
    gate_library_release(&use);
    close_library(library);
    cr_assert_eq(unloads, 1);
}

static void release_twice(void *unused) {
    gate_library_use use;
    (void)unused;
    gate_library_hold(open_library(NULL), "once", &use);
    gate_library_release(&use);
    gate_library_release(&use);
}

Test(library, a_release_without_its_hold_is_fatal) {
    cr_assert_dies_with(release_twice, NULL, "gate_library_release: nothing is held by this");
}

/* Calls in progress. step: 1 once C waits, 2 for it to return */

static _Atomic int step;

static void *call_and_wait(void *function) {
    void *at = &step, *arguments[] = {&at};
    int result = 0;
    cr_assert_eq(gate_call(function, &result, arguments), 0);
    cr_assert_eq(result, 3);
    return NULL;
}

static void *refuse_then_let_go(void *library) {
    wait_until((block_ms(1), atomic_load(&step) == 1));
    assert_stays_open(library, "1 call is in progress: 'wait_for_go' by task '");
    atomic_store(&step, 2);
    return NULL;
}

static void close_beside_a_call(gate_task_main one, void *its, gate_task_main other, void *others) {
    gate_runtime *runtime = start(1);
    atomic_store(&step, 0);
    gate_task *task = spawn("other", one, its);
    other(others);
    join(task);
    stop(runtime);
}

Test(library, stays_open_while_a_task_is_in_a_call_of_it) {
    int unloads = 0;
    gate_library *library = open_noting(&unloads);
    gate_function waits = bind(library, "wait_for_go", "int (void *)");
    close_beside_a_call(call_and_wait, &waits, refuse_then_let_go, library);
    close_beside_a_call(refuse_then_let_go, library, call_and_wait, &waits);
    waits.call_class = GATE_CALL_BLOCKING;
    close_beside_a_call(call_and_wait, &waits, refuse_then_let_go, library);
    waits.call_class = GATE_CALL_GUARDED;
    close_beside_a_call(call_and_wait, &waits, refuse_then_let_go, library);
    cr_assert_eq(unloads, 0);
    close_library(library);
    cr_assert_eq(unloads, 1);
    free_function(waits);
}

/* A sandbox that refuses to read memory: neither library may seem to be unused. */
static void close_unseen(void *unused) {
    refuse_system_call(SYS_process_vm_readv, EPERM);
    gate_library *library = open_fixture();
    gate_function waits = bind(library, "wait_for_go", "int (void *)");
    close_beside_a_call(call_and_wait, &waits, refuse_then_let_go, library);
    close_library(library);
    fprintf(stderr, "well\n");
    abort();
    (void)unused;
}

Test(library, stays_open_while_a_task_is_in_a_call_of_it_where_the_system_reads_no_memory_too) {
    cr_assert_dies_with(close_unseen, NULL, "well");
}

static int close_quietly(gate_library *library) {
    return gate_library_close(library, NULL);
}

/* A call that ends while a close reads what is listed of it: the system is asked for a word at a time, and before one of
 * them is told, the call ends. */

#ifndef GATE_TEST_PLAIN /* Valgrind has no such signals */

static volatile int words_to_go;
static _Atomic bool has_ended;

static void *call_and_tell(void *function) {
    call_and_wait(function);
    atomic_store(&has_ended, true);
    return NULL;
}

static void let_it_end(void) {
    atomic_store(&step, 2);
    wait_until(atomic_load(&has_ended));
}

/* What the system says is that there is no such way to read. */
static void end_before_a_word(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    if (--words_to_go == 0)
        let_it_end();
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

/* Whether so many were read. */
static bool close_while_a_call_ends(int words) {
    int unloads = 0;
    gate_runtime *runtime = start(2);
    gate_library *library = open_noting(&unloads);
    gate_function waits = bind(library, "wait_for_go", "int (void *)");
    atomic_store(&step, 0);
    atomic_store(&has_ended, false);
    gate_task *task = spawn("calls", call_and_tell, &waits);
    wait_until(atomic_load(&step) == 1);
    words_to_go = words;
    int closed = close_quietly(library);
    bool ended = atomic_load(&has_ended);
    cr_assert_eq(closed, ended ? 0 : -EBUSY, "before word %d: %d", words, closed);
    if (!ended) {
        let_it_end();
        close_library(library);
    }
    cr_assert_eq(unloads, 1);
    join(task);
    free_function(waits);
    stop(runtime);
    return ended;
}

static void close_while_calls_end(void *unused) {
    enum { WORDS_OF_A_CALL = 4 };
    struct sigaction action = {.sa_sigaction = end_before_a_word, .sa_flags = SA_SIGINFO};
    int words = 1;
    (void)unused;
    cr_assert_eq(sigaction(SIGSYS, &action, NULL), 0);
    filter_system_call(SYS_process_vm_readv, 0, SECCOMP_RET_TRAP);
    while (close_while_a_call_ends(words))
        words++;
    cr_assert_gt(words, WORDS_OF_A_CALL);
    fprintf(stderr, "well\n");
    abort();
}

Test(library, a_call_that_ends_while_a_close_looks_at_it_does_not_keep_it_open) {
    cr_assert_dies_with(close_while_calls_end, NULL, "well");
}

#endif

/* Calls the library's function, which calls address. */
static void call_through(gate_library *library, int (*address)(int), enum gate_call_class call_class) {
    gate_function calls = bind(library, "call_it", "int (int (*)(int), int)");
    int x = 4, result = 0;
    void *arguments[] = {&address, &x};
    calls.call_class = call_class;
    cr_assert_eq(gate_call(&calls, &result, arguments), 0);
    cr_assert_eq(result, 5);
    free_function(calls);
}

/* A call of the library leads to a handler, which makes another call, of something else. */
static int close_from_below(void *library, void *result, void *const arguments[]) {
    *(int *)result = *(int *)arguments[0];
    assert_stays_open(library, "1 call is in progress: 'call_it' by task 'only'");
    gate_function other = make_function("int (void *)", address_of(close_quietly), "close_quietly");
    void *call_arguments[] = {&library};
    int closed = 0;
    cr_assert_eq(gate_call(&other, &closed, call_arguments), 0);
    cr_assert_eq(closed, -EBUSY);
    free_function(other);
    return 0;
}

static void *close_in_a_callback(void *library) {
    gate_signature *int_int = parse("int (int)");
    gate_callback *callback = make_callback(gate_task_current()->runtime, int_int, close_from_below, library);
    call_through(library, (int (*)(int))gate_callback_address(callback), GATE_CALL_DEFAULT);
    gate_callback_free(callback);
    gate_signature_free(int_int);
    return NULL;
}

Test(library, stays_open_while_a_call_of_it_waits_below_a_callback) {
    gate_library *library = open_fixture();
    run_task(close_in_a_callback, library);
    close_library(library);
}

/* A task is in one call of the library all along, which calls back as often as it can, while others try to close that. */

static atomic_bool has_begun, has_to_end;

static int begin_and_go_on(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    atomic_store(&has_begun, true);
    *(int *)result = *(int *)arguments[0];
    return 0;
}

static int (*to_call_back)(int);

/* C that the library calls, and that is in no call of its own. */
static int call_all_along(int x) {
    while (!atomic_load(&has_to_end))
        to_call_back(x);
    return x;
}

static void *call_back_all_along(void *library) {
    gate_signature *int_int = parse("int (int)");
    gate_callback *callback = make_callback(gate__m()->runtime, int_int, begin_and_go_on, NULL);
    to_call_back = (int (*)(int))gate_callback_address(callback);
    call_through(library, call_all_along, GATE_CALL_DEFAULT);
    gate_callback_free(callback);
    gate_signature_free(int_int);
    return NULL;
}

Test(library, stays_open_while_a_task_goes_from_a_call_of_it_to_handlers_and_back) {
    enum { TIMES = 20000 };
    gate_runtime *runtime = start(2);
    gate_library *library = open_fixture();
    gate_task *task = spawn("calls", call_back_all_along, library);
    wait_until(atomic_load(&has_begun));
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(close_quietly(library), -EBUSY, "the %dth time", i);
    atomic_store(&has_to_end, true);
    join(task);
    stop(runtime);
    close_library(library);
}

/* C in a call of the library, of class leaf, makes a call by frame. */

static gate_frame *closes;

static int close_by_frame(int x) {
    return gate_call_frame(closes) ? -1 : x;
}

static void *close_in_a_leaf(void *library) {
    gate_function closing = make_function("int (void *)", address_of(close_quietly), "close_quietly");
    int closed = 0;
    closes = aligned_alloc(16, (gate_frame_size(closing.signature) + 15) / 16 * 16);
    cr_assert(closes && gate_frame_init(closes, &closing) == 0);
    gate_frame_put(closing.signature, closes, 0, &library);
    call_through(library, close_by_frame, GATE_CALL_LEAF);
    gate_frame_get(closing.signature, closes, &closed);
    cr_assert_eq(closed, -EBUSY);
    free(closes);
    free_function(closing);
    return NULL;
}

Test(library, stays_open_while_a_leaf_of_it_makes_a_call) {
    gate_library *library = open_fixture();
    gate_runtime *runtime = start(1);
    if (has_frames()) {
        close_in_a_leaf(library);
        join(spawn("calls", close_in_a_leaf, library));
    }
    stop(runtime);
    close_library(library);
}

/* Calls of other functions, as many as can be, while a library is opened and closed */

static _Atomic bool over;

static int add_one(int x) {
    return x + 1;
}

static void *call_others(void *function) {
    while (!atomic_load(&over)) {
        int x = 1, result = 0;
        void *arguments[] = {&x};
        cr_assert_eq(gate_call(function, &result, arguments), 0);
        cr_assert_eq(result, 2);
        if (gate_task_should_yield())
            gate_task_yield();
    }
    return NULL;
}

Test(library, calls_of_other_functions_do_not_keep_one_open) {
    gate_task *tasks[3];
    gate_function adds = make_function("int (int)", address_of(add_one), "add_one");
    gate_runtime *runtime = start(2);
    atomic_store(&over, false);
    for (int i = 0; i < 3; i++)
        tasks[i] = spawn("calls", call_others, &adds);
    for (int i = 0; i < 100; i++)
        close_library(open_fixture());
    atomic_store(&over, true);
    for (int i = 0; i < 3; i++)
        join(tasks[i]);
    stop(runtime);
    free_function(adds);
}
