/* What tests of traces ask: what was counted for one name.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_TRACE_H
#define CALLGATE_TESTS_TRACE_H

#include "tests/support/bridge.h"

struct sought {
    enum gate_trace_kind kind;
    const char *name;
    struct gate_trace_info found;
    unsigned times;
};

static inline void compare_name(void *data, const struct gate_trace_info *info) {
    struct sought *sought = data;
    if (info->kind != sought->kind || strcmp(info->name, sought->name) != 0)
        return;
    sought->found = *info;
    sought->times++;
}

/* All zero if there is none of that name. */
static inline struct gate_trace_info counted_of(enum gate_trace_kind kind, const char *name) {
    struct sought sought = {.kind = kind, .name = name};
    gate_trace_visit(compare_name, &sought);
    cr_assert_leq(sought.times, 1u, "'%s' is there %u times", name, sought.times);
    return sought.found;
}

static inline struct gate_trace_info counted(const char *name) {
    return counted_of(GATE_TRACE_CALLS, name);
}

/* What is called. */
static inline int add_one(int x) {
    return x + 1;
}

static inline void call(const char *name, void (*address)(void), enum gate_call_class class, int x) {
    gate_function function = make_function("int (int)", address, name);
    void *arguments[] = {&x};
    function.call_class = class;
    gate_call(&function, NULL, arguments);
    free_function(function);
}

static inline void start_trace(void) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_trace_start(NULL, &error), 0, "%s", error.message);
}

#endif
