/* Libraries: opened and searched, and the errors that name what is missing. */
#include <errno.h>
#include <string.h>

#include "tests/support/bridge.h"

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
    gate_library_close(m);
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
    gate_library_close(self);
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

Test(library, a_symbol_that_is_missing_is_enoent_and_names_both) {
    gate_library *m = open_library("libm.so.6");
    gate_error error = {0, ""};
    void *address = &error;
    cr_assert_eq(gate_library_symbol(m, "cosmos", &address, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "symbol 'cosmos' is not in library 'libm.so.6'"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "undefined symbol"), "%s", error.message);
    cr_assert_eq(address, &error, "the result is untouched");
    gate_library_close(m);
}

Test(library, close_of_none_is_fine) {
    gate_library_close(NULL);
}
