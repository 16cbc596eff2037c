/* C calls the host back: qsort asks a handler which of two numbers is the smaller, on the task that is
 * in the call. A handler that fails comes back as the status of that call.
 *
 *   $ 03_callback
 *   sorted: 1 1 2 3 4 5 6 9
 *   a handler that failed: gate_call returned 7
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

enum { COUNT = 8, REFUSED = 7 };

static int refuse; /* the handler fails when this is set */

static int compare(void *host, void *result, void *const arguments[]) {
    const int *a = *(const int *const *)arguments[0], *b = *(const int *const *)arguments[1];
    (void)host;
    if (refuse)
        return REFUSED;
    *(int *)result = (*a > *b) - (*a < *b);
    return 0;
}

static gate_signature *parse(const char *text) {
    gate_signature *signature;
    gate_error error;
    if (gate_signature_parse(text, &signature, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return signature;
}

int main(void) {
    int numbers[COUNT] = {3, 1, 4, 1, 5, 9, 2, 6}, *base = numbers;
    size_t count = COUNT, width = sizeof(int);
    gate_runtime *runtime;
    gate_callback *comparator;
    gate_error error;
    gate_signature *compares = parse("int (const void *, const void *)");
    gate_signature *sorts = parse("void (void *, size_t, size_t, int (*)(const void *, const void *))");
    struct gate_callback_config config = {.signature = compares, .handler = compare, .name = "the comparison"};
    if (gate_runtime_start(NULL, &runtime, &error) || gate_callback_make(runtime, &config, &comparator, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    gate_function sort = {.signature = sorts, .address = (void (*)(void))qsort, .name = "qsort"};
    void (*address)(void) = gate_callback_address(comparator);
    void *arguments[] = {&base, &count, &width, &address};

    int status = gate_call(&sort, NULL, arguments);
    printf("sorted:");
    for (int i = 0; i < COUNT; i++)
        printf(" %d", numbers[i]);
    refuse = 1;
    int refused = gate_call(&sort, NULL, arguments);
    printf("\na handler that failed: gate_call returned %d\n", refused);

    gate_callback_free(comparator);
    gate_signature_free(compares);
    gate_signature_free(sorts);
    return gate_runtime_stop(runtime, &error) == 0 && status == 0 && refused == REFUSED ? 0 : 1;
}
