/* What test_stubs.c defines, and calls by the stubs that cgen writes for it. */
#ifndef CALLGATE_TESTS_CALLS_H
#define CALLGATE_TESTS_CALLS_H

#include <stdarg.h>

struct pair {
    int a;
    double b;
};
typedef struct {
    char bytes[40];
} large;

int add(int a, int b);
double mix(int a, double b, short c, float d);
void store(int *at, signed char value);
struct pair swap_pair(struct pair of, int by);
large fill(large of, char with);
long double half(long double of);
__int128 many(int a, int b, int c, int d, int e, int f, __int128 g, double h);
double sum(int count, ...);
int print_to(char *to, unsigned long size, const char *format, va_list list);
int fail_with(int error_number);
unsigned char low_byte(unsigned short of);
const char *name_of(int number);
int sum_of(const int values[], int count);
int apply(int (*function)(int, int), int a, int b);
void *where_it_is_called(void);
static inline int twice(int x) {
    return 2 * x;
}
static inline int sum_all(int count, ...) {
    va_list list;
    int total = 0;
    va_start(list, count);
    while (count--)
        total += va_arg(list, int);
    va_end(list);
    return total;
}

extern int counter;
extern struct pair pairs[2];
#define COUNTER (counter + 1)
#define SECOND_PAIR (pairs[1])
#define plus add
#define SUM_OF_TWO(a, b) add((int)(a), b)
#define NAME_AT(numbers, i) name_of(sum_of(numbers, i))
#define TEN_TIMES(x) mix(0, x, 0, 0)
#define SIDE_OF(pair, side) ((pair)->side)
#define A_OF(pair) ((pair)->a)
#define RESET(x) ((void)(counter = (x)))

#endif
