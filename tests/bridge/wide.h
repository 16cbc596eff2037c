/* C that is compiled for vectors of 32 bytes, and again for 64: what test_wide.c calls, and is called by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_WIDE_H
#define CALLGATE_TESTS_WIDE_H

#include <stddef.h>
#include <stdint.h>

#define VECTOR(bytes) long __attribute__((vector_size(bytes)))

/* The types that have a "v", in C's text. Whoever compiles them has made v first. */
#define WIDE_TYPES                                                  \
    struct one {                                                    \
        v v;                                                        \
    };                                                              \
    union either {                                                  \
        v v;                                                        \
        double x;                                                   \
    };                                                              \
    struct pair {                                                   \
        double x;                                                   \
        long n;                                                     \
    };                                                              \
    struct large {                                                  \
        v v;                                                        \
        int n;                                                      \
    };                                                              \
    typedef v subtract(v, v);                                       \
    typedef v of_ten(v, int, v, v, v, v, double, v, v, v, v, long); \
    typedef struct pair to_pair(v, double);                         \
    typedef long double to_x87(v);                                  \
    typedef long double _Complex to_x87_pair(v);                    \
    typedef struct large to_memory(int, v);                         \
    typedef float of_mixed(double, float, v, __float128);           \
    typedef struct one unite(struct one, int, union either);        \
    typedef v sum_all(int, ...);                                    \
    typedef int of_six(v, v, v, v, v, v);

struct wide_ends {
    unsigned bytes;
    void (*subtract)(void); /* and errno is EDOM */
    void (*sum_of_ten)(void);
    void (*to_pair)(void), (*to_x87)(void), (*to_x87_pair)(void), (*to_memory)(void), (*of_mixed)(void);
    void (*unite)(void);
    void (*sum_all)(void);
    void (*leave_upper_parts)(void);
    int (*has_upper_part)(void);
    /* They call the function, which is of the type that their name says, with the vector, and keep what it returns. */
    void (*call_of_ten)(void (*function)(void), const void *vector, void *result);
    void (*call_to_pair)(void (*function)(void), const void *vector, void *result);
    void (*call_to_x87)(void (*function)(void), const void *vector, void *result);
    void (*call_to_memory)(void (*function)(void), const void *vector, void *result);
    void (*call_of_six)(void (*function)(void), const void *vector, void *result);
};

extern const struct wide_ends wide_ends_32, wide_ends_64;

/* Where sum_of_ten had the arguments that are on the stack. */
extern uintptr_t wide_stack_places;

#endif
