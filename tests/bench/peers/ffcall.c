/* The bench's peer libffcall: calls through its avcall, and callbacks. A program of its own, as it is under another licence.
 *
 *   bench-ffcall NAME COUNT: prints one figure, for a row of the bench to read.
 *
 * SPDX-License-Identifier: MIT */
#include <avcall.h>
#include <callback.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int add(int a, int b);
extern double scale(double a, double b);
extern double call_back(int (*function)(int, int), long count);
extern double now(void);

static int (*volatile add_pointer)(int, int) = add;
static double (*volatile scale_pointer)(double, double) = scale;

static double call_ints(long count) {
    double before = now();
    for (long i = 0; i < count; i++) {
        av_alist list;
        int result;
        av_start_int(list, add_pointer, &result);
        av_int(list, (int)i);
        av_int(list, 1);
        av_call(list);
        __asm__ volatile("" : : "m"(result));
    }
    return now() - before;
}

static double call_doubles(long count) {
    double before = now();
    for (long i = 0; i < count; i++) {
        av_alist list;
        double result;
        av_start_double(list, scale_pointer, &result);
        av_double(list, (double)i);
        av_double(list, 2.0);
        av_call(list);
        __asm__ volatile("" : : "m"(result));
    }
    return now() - before;
}

static void handle(void *unused, va_alist list) {
    (void)unused;
    va_start_int(list);
    int a = va_arg_int(list), b = va_arg_int(list);
    va_return_int(list, a + b);
}

static double called_back(long count) {
    callback_t callback = alloc_callback(handle, NULL);
    double elapsed = call_back((int (*)(int, int))callback, count);
    free_callback(callback);
    return elapsed;
}

static const struct {
    const char *name;
    double (*run)(long count);
} figures[] = {{"int", call_ints}, {"double", call_doubles}, {"callback", called_back}};

int main(int argc, char **argv) {
    for (unsigned i = 0; argc == 3 && i < sizeof figures / sizeof *figures; i++) {
        if (strcmp(argv[1], figures[i].name) == 0) {
            printf("%f\n", figures[i].run(atol(argv[2])));
            return 0;
        }
    }
    fprintf(stderr, "usage: %s NAME COUNT\n", argv[0]);
    return 2;
}
