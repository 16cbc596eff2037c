/* The ways in which things end: an error for the caller, misuse, and a runtime that can't go on. */
#include <errno.h>
#include <string.h>

#include "tests/support/runtime.h"

Test(error, fail_fills_in_the_code_and_the_message_and_returns_the_code) {
    gate_error error = {0, ""};
    cr_assert_eq(gate__fail(&error, -ENOENT, "no %s at %d", "thing", 7), -ENOENT);
    cr_assert_eq(error.code, -ENOENT);
    cr_assert_str_eq(error.message, "no thing at 7");
}

Test(error, fail_without_an_error_returns_the_code) {
    cr_assert_eq(gate__fail(NULL, -EBUSY, "nobody reads this"), -EBUSY);
}

Test(error, a_message_that_is_too_long_is_cut) {
    gate_error error;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    gate__fail(&error, -EINVAL, "%s", text);
    cr_assert_eq(strlen(error.message), sizeof error.message - 1);
}

static void misuse(void *unused) {
    (void)unused;
    gate__fatal("gate_function", "used %d times", 2);
}

static __attribute__((noinline)) void give_up(void *unused) {
    (void)unused;
    gate__throw("nothing works");
}

Test(error, fatal_names_the_function_and_what_was_wrong) {
    cr_assert_dies_with(misuse, NULL, "callgate: fatal: gate_function: used 2 times");
}

Test(error, throw_says_what_and_shows_the_stack) {
    char output[16 * 1024];
    dies(give_up, NULL, output, sizeof output);
    cr_assert_not_null(strstr(output, "callgate: fatal: nothing works\n"), "%s", output);
    unsigned lines = 0;
    for (const char *at = output; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    cr_assert_gt(lines, 3, "no backtrace: %s", output);
}
