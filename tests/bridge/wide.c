/* See wide.h. BYTES says which vectors.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/bridge/wide.h"

#include <errno.h>
#include <stdarg.h>

#define JOINED(name, bytes) JOINED_(name, bytes)
#define JOINED_(name, bytes) name##bytes

typedef VECTOR(BYTES) v;
WIDE_TYPES

static v subtract_one(v a, v b) {
    errno = EDOM;
    return a - b;
}

static v sum_of_ten(v a, int one, v b, v c, v d, v e, double f, v g, v h, v i, v j, long two) {
    wide_stack_places |= (uintptr_t)&i | (uintptr_t)&j;
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * g + 7 * h + 8 * i + 9 * j + (long)(one * f * (double)two);
}

static struct pair make_pair(v a, double x) {
    return (struct pair){(double)a[0] + x, a[3]};
}

static long double make_x87(v a) {
    return a[3] + 0.25L;
}

static long double _Complex make_x87_pair(v a) {
    return a[0] + a[3] * 1.0iL;
}

static struct large make_large(int n, v a) {
    return (struct large){a, n};
}

static float sum_mixed(double x, float y, v a, __float128 z) {
    return (float)a[3] + (float)x + y + (float)z;
}

static struct one unite_both(struct one a, int n, union either b) {
    return (struct one){a.v * n + b.v};
}

/* gcc 12's va_arg breaks down at a struct of one where not all is compiled for it: that lies where a vector does. */
static v sum_all_of(int count, ...) {
    v all = {0};
    va_list list;
    va_start(list, count);
    for (int i = 0; i < count; i++) {
        all += va_arg(list, v);
        all += va_arg(list, v);
        all += (long)va_arg(list, double);
    }
    va_end(list);
    return all;
}

static int leave_upper_parts(v a) {
    __asm__ volatile("vmovups %0, %%ymm5" : : "m"(a) : "xmm5");
    return 0;
}

static int has_upper_part(void) {
    struct {
        uint64_t words[4];
    } found;
    __asm__ volatile("vmovups %%ymm5, %0" : "=m"(found));
    return found.words[2] || found.words[3];
}

static void call_of_ten(void (*function)(void), const void *vector, void *result) {
    v a = *(const v *)vector;
    *(v *)result = ((of_ten *)function)(a, 2, a, a, a, a, 0.5, a, a, a, a, 10);
}

static void call_to_pair(void (*function)(void), const void *vector, void *result) {
    *(struct pair *)result = ((to_pair *)function)(*(const v *)vector, 0.5);
}

static void call_to_x87(void (*function)(void), const void *vector, void *result) {
    *(long double *)result = ((to_x87 *)function)(*(const v *)vector);
}

static void call_to_memory(void (*function)(void), const void *vector, void *result) {
    *(struct large *)result = ((to_memory *)function)(42, *(const v *)vector);
}

static void call_of_six(void (*function)(void), const void *vector, void *result) {
    v a = *(const v *)vector;
    *(int *)result = ((of_six *)function)(a, a, a, a, a, a);
}

#define ADDRESS(function) ((void (*)(void))(function))

const struct wide_ends JOINED(wide_ends_, BYTES) = {
    .bytes = BYTES,
    .subtract = ADDRESS(subtract_one),
    .sum_of_ten = ADDRESS(sum_of_ten),
    .to_pair = ADDRESS(make_pair),
    .to_x87 = ADDRESS(make_x87),
    .to_x87_pair = ADDRESS(make_x87_pair),
    .to_memory = ADDRESS(make_large),
    .of_mixed = ADDRESS(sum_mixed),
    .unite = ADDRESS(unite_both),
    .sum_all = ADDRESS(sum_all_of),
    .leave_upper_parts = ADDRESS(leave_upper_parts),
    .has_upper_part = has_upper_part,
    .call_of_ten = call_of_ten,
    .call_to_pair = call_to_pair,
    .call_to_x87 = call_to_x87,
    .call_to_memory = call_to_memory,
    .call_of_six = call_of_six,
};
