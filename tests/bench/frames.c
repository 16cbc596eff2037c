/* What calls cost whose arguments the caller puts in place itself, and those of other shapes: eight integers, of which two
 * go on the stack, and a struct by value; and what it costs to be called back.
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"
#include "tests/bench/bench.h"

enum { CALLS = 1000 * 1000, SLOW_CALLS = 100 * 1000 };

struct point {
    double x;
    long id;
};

static __attribute__((noinline)) int add(int a, int b) {
    return a + b;
}

static __attribute__((noinline)) double scale(double a, double b) {
    return a * b;
}

static __attribute__((noinline)) long sum(long a, long b, long c, long d, long e, long f, long g, long h) {
    return a + b + c + d + e + f + g + h;
}

static __attribute__((noinline)) struct point move(struct point p, double by) {
    return (struct point){p.x + by, p.id + 1};
}

static int (*volatile add_pointer)(int, int) = add;
static double (*volatile scale_pointer)(double, double) = scale;
static long (*volatile sum_pointer)(long, long, long, long, long, long, long, long) = sum;
static struct point (*volatile move_pointer)(struct point, double) = move;

/* Stores what was computed, as its user might. */
#define keep(value) __asm__ volatile("" : : "m"(value))

/* One by one: a loop over them takes longer than the call that is measured. */
#define POINTERS_TO_EIGHT(v) &(v)[0], &(v)[1], &(v)[2], &(v)[3], &(v)[4], &(v)[5], &(v)[6], &(v)[7]

/* A function with its frame, and where in that each argument and the result are. */
struct framed {
    gate_function function;
    gate_frame *frame;
    struct gate_place places[9][2]; /* the last is the result's */
};

static struct framed ints, doubles, longs, points;

static inline void *at(const struct framed *framed, int index) {
    return (char *)framed->frame + framed->places[index][0].at;
}

static void prepare(struct framed *framed, const char *text, void (*address)(void)) {
    framed->function = bench_function(text, address, "bench");
    const gate_signature *signature = framed->function.signature;
    framed->frame = aligned_alloc(64, (gate_frame_size(signature) + 63) / 64 * 64);
    if (!framed->frame || gate_frame_init(framed->frame, &framed->function))
        abort();
    for (size_t i = 0; i < gate_signature_count(signature); i++)
        gate_frame_places(signature, i, framed->places[i]);
    gate_frame_places(signature, GATE_RESULT, framed->places[8]);
}

/* libffi, prepared once */

static ffi_cif ints_cif, longs_cif, points_cif;

static void prepare_libffi(void) {
    static ffi_type *members[] = {&ffi_type_double, &ffi_type_slong, NULL};
    static ffi_type point = {.type = FFI_TYPE_STRUCT, .elements = members};
    static ffi_type *int_types[] = {&ffi_type_sint, &ffi_type_sint}, *point_types[] = {&point, &ffi_type_double};
    static ffi_type *long_types[8];
    for (int i = 0; i < 8; i++)
        long_types[i] = &ffi_type_slong;
    if (ffi_prep_cif(&ints_cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, int_types) ||
        ffi_prep_cif(&longs_cif, FFI_DEFAULT_ABI, 8, &ffi_type_slong, long_types) ||
        ffi_prep_cif(&points_cif, FFI_DEFAULT_ABI, 2, &point, point_types))
        abort();
}

/* Each way to call, so many times */

static double frame_ints(long count) {
    int64_t *a = at(&ints, 0), *b = at(&ints, 1);
    const int *result = at(&ints, 8);
    gate_frame *frame = ints.frame;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        *a = i;
        *b = 1;
        gate_call_frame(frame);
        keep(*result);
    }
    return bench_now() - before;
}

static double frame_doubles(long count) {
    double *a = at(&doubles, 0), *b = at(&doubles, 1);
    const double *result = at(&doubles, 8);
    gate_frame *frame = doubles.frame;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        *a = (double)i;
        *b = 2;
        gate_call_frame(frame);
        keep(*result);
    }
    return bench_now() - before;
}

static double direct_longs(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        long result = sum_pointer(i, 1, 2, 3, 4, 5, 6, 7);
        keep(result);
    }
    return bench_now() - before;
}

static double libffi_longs(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        long values[8] = {i, 1, 2, 3, 4, 5, 6, 7}, result;
        void *arguments[] = {POINTERS_TO_EIGHT(values)};
        ffi_call(&longs_cif, (void (*)(void))sum_pointer, &result, arguments);
        keep(result);
    }
    return bench_now() - before;
}

static double gate_longs(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        long values[8] = {i, 1, 2, 3, 4, 5, 6, 7}, result;
        void *arguments[] = {POINTERS_TO_EIGHT(values)};
        gate_call(&longs.function, &result, arguments);
        keep(result);
    }
    return bench_now() - before;
}

static double frame_longs(long count) {
    const long *result = at(&longs, 8);
    long *a = at(&longs, 0), *b = at(&longs, 1), *c = at(&longs, 2), *d = at(&longs, 3);
    long *e = at(&longs, 4), *f = at(&longs, 5), *g = at(&longs, 6), *h = at(&longs, 7);
    gate_frame *frame = longs.frame;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        *a = i;
        *b = 1, *c = 2, *d = 3, *e = 4, *f = 5, *g = 6, *h = 7;
        gate_call_frame(frame);
        keep(*result);
    }
    return bench_now() - before;
}

static double direct_points(long count) {
    double before = bench_now();
    struct point point = {0, 0};
    for (long i = 0; i < count; i++) {
        point = move_pointer(point, 1);
        keep(point);
    }
    return bench_now() - before;
}

static double libffi_points(long count) {
    double before = bench_now(), by = 1;
    struct point point = {0, 0};
    for (long i = 0; i < count; i++) {
        void *arguments[] = {&point, &by};
        struct point result;
        ffi_call(&points_cif, (void (*)(void))move_pointer, &result, arguments);
        point = result;
        keep(point);
    }
    return bench_now() - before;
}

static double gate_points(long count) {
    double before = bench_now(), by = 1;
    struct point point = {0, 0};
    for (long i = 0; i < count; i++) {
        void *arguments[] = {&point, &by};
        struct point result;
        gate_call(&points.function, &result, arguments);
        point = result;
        keep(point);
    }
    return bench_now() - before;
}

static double frame_points(long count) {
    gate_frame *own = points.frame;
    char *frame = (char *)own;
    double before = bench_now(), by = 1;
    struct point point = {0, 0};
    for (long i = 0; i < count; i++) {
        memcpy(frame + points.places[0][0].at, &point.x, sizeof point.x);
        memcpy(frame + points.places[0][1].at, &point.id, sizeof point.id);
        memcpy(at(&points, 1), &by, sizeof by);
        gate_call_frame(own);
        memcpy(&point.x, frame + points.places[8][0].at, sizeof point.x);
        memcpy(&point.id, frame + points.places[8][1].at, sizeof point.id);
        keep(point);
    }
    return bench_now() - before;
}

static double task_frame_ints(long count) {
    return bench_in_task(frame_ints, count);
}

static double task_frame_doubles(long count) {
    return bench_in_task(frame_doubles, count);
}

static double task_longs(long count) {
    return bench_in_task(gate_longs, count);
}

static double task_frame_longs(long count) {
    return bench_in_task(frame_longs, count);
}

static double task_points(long count) {
    return bench_in_task(gate_points, count);
}

static double task_frame_points(long count) {
    return bench_in_task(frame_points, count);
}

/* Callbacks: C calls a function pointer so many times. */

static __attribute__((noinline)) double call_back(int (*function)(int, int), long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int result = function((int)i, 1);
        keep(result);
    }
    return bench_now() - before;
}

static double direct_back(long count) {
    return call_back(add_pointer, count);
}

static int handle(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    *(int *)result = *(int *)arguments[0] + *(int *)arguments[1];
    return 0;
}

static void handle_libffi(ffi_cif *cif, void *result, void **arguments, void *unused) {
    (void)cif;
    (void)unused;
    *(ffi_sarg *)result = *(int *)arguments[0] + *(int *)arguments[1];
}

static double libffi_back(long count) {
    void *code;
    ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
    if (!closure || ffi_prep_closure_loc(closure, &ints_cif, handle_libffi, NULL, code))
        abort();
    double elapsed = call_back((int (*)(int, int))code, count);
    ffi_closure_free(closure);
    return elapsed;
}

static int handle_directly(int a, int b) {
    return a + b;
}

static const struct gate_callback_config by_handler = {.handler = handle},
                                         by_direct_handler = {.direct = (gate_direct_handler)handle_directly};

static gate_callback *make_callback(gate_runtime *runtime, struct gate_callback_config config) {
    config.signature = ints.function.signature;
    gate_callback *callback;
    if (gate_callback_make(runtime, &config, &callback, NULL))
        abort();
    return callback;
}

static gate_function calls_back; /* double (int (*)(int, int), long) */

static gate_runtime *runtime_of_task;

static double back_to_task(long count, const struct gate_callback_config *config) {
    gate_callback *callback = make_callback(runtime_of_task, *config);
    void (*address)(void) = gate_callback_address(callback);
    void *arguments[] = {&address, &count};
    double elapsed = 0;
    if (gate_call(&calls_back, &elapsed, arguments) || gate_callback_free(callback))
        abort();
    return elapsed;
}

struct back {
    const struct gate_callback_config *config;
    long count;
    double elapsed;
};

static void *back_as_task(void *data) {
    struct back *back = data;
    back->elapsed = back_to_task(back->count, back->config);
    return NULL;
}

static double task_back_by(const struct gate_callback_config *callback, long count) {
    struct back back = {callback, count, 0};
    gate_task *task;
    struct gate_task_config config = {.main = back_as_task, .argument = &back};
    if (gate_runtime_start(NULL, &runtime_of_task, NULL) || gate_task_spawn(NULL, &config, &task) ||
        gate_task_join(task, NULL) || gate_runtime_stop(runtime_of_task, NULL))
        abort();
    return back.elapsed;
}

static double task_back(long count) {
    return task_back_by(&by_handler, count);
}

static double task_back_directly(long count) {
    return task_back_by(&by_direct_handler, count);
}

struct adopted {
    gate_callback *callback;
    long count;
    double elapsed;
};

static void *call_back_adopted(void *data) {
    struct adopted *adopted = data;
    adopted->elapsed = call_back((int (*)(int, int))gate_callback_address(adopted->callback), adopted->count);
    return NULL;
}

static double adopted_back_by(const struct gate_callback_config *config, long count) {
    struct adopted adopted = {NULL, count, 0};
    gate_runtime *runtime;
    pthread_t thread;
    if (gate_runtime_start(&(struct gate_runtime_config){.slots = 2}, &runtime, NULL))
        abort();
    adopted.callback = make_callback(runtime, *config);
    if (pthread_create(&thread, NULL, call_back_adopted, &adopted))
        abort();
    pthread_join(thread, NULL);
    if (gate_callback_free(adopted.callback) || gate_runtime_stop(runtime, NULL))
        abort();
    return adopted.elapsed;
}

static double adopted_back(long count) {
    return adopted_back_by(&by_handler, count);
}

static double adopted_back_directly(long count) {
    return adopted_back_by(&by_direct_handler, count);
}

void bench_frames_prepare(void) {
    prepare_libffi();
    prepare(&ints, "int (int, int)", (void (*)(void))add_pointer);
    prepare(&doubles, "double (double, double)", (void (*)(void))scale_pointer);
    prepare(&longs, "long (long, long, long, long, long, long, long, long)", (void (*)(void))sum_pointer);
    prepare(&points, "struct point { double x; long id; } (struct point, double)", (void (*)(void))move_pointer);
    calls_back = bench_function("double (int (*)(int, int), long)", (void (*)(void))call_back, "call_back");
}

const struct bench_row bench_frames[] = {
    {"call", "frame-thread", "int(int,int)", frame_ints, .count = CALLS},
    {"call", "frame-task", "int(int,int)", task_frame_ints, .count = CALLS},
    {"call", "frame-thread", "double(double,double)", frame_doubles, .count = CALLS},
    {"call", "frame-task", "double(double,double)", task_frame_doubles, .count = CALLS},
    {"call", "direct", "8 longs", direct_longs, .count = CALLS},
    {"call", "libffi", "8 longs", libffi_longs, .count = CALLS},
    {"call", "callgate-thread", "8 longs", gate_longs, .count = CALLS},
    {"call", "callgate-task", "8 longs", task_longs, .count = CALLS},
    {"call", "frame-thread", "8 longs", frame_longs, .count = CALLS},
    {"call", "frame-task", "8 longs", task_frame_longs, .count = CALLS},
    {"call", "direct", "struct by value", direct_points, .count = CALLS},
    {"call", "libffi", "struct by value", libffi_points, .count = CALLS},
    {"call", "callgate-thread", "struct by value", gate_points, .count = CALLS},
    {"call", "callgate-task", "struct by value", task_points, .count = CALLS},
    {"call", "frame-thread", "struct by value", frame_points, .count = CALLS},
    {"call", "frame-task", "struct by value", task_frame_points, .count = CALLS},
    {"callback", "direct", "int(int,int)", direct_back, .count = CALLS},
    {"callback", "libffi", "int(int,int)", libffi_back, .count = CALLS},
    {"callback", "callgate-task", "int(int,int)", task_back, .count = CALLS},
    {"callback", "callgate-adopted", "int(int,int)", adopted_back, .count = CALLS},
    {"callback", "callgate-task, direct", "int(int,int)", task_back_directly, .count = CALLS},
    {"callback", "callgate-adopted, direct", "int(int,int)", adopted_back_directly, .count = CALLS},
    {"callback", "go", "int(int,int)", .count = SLOW_CALLS, BENCH_GO("callback")},
    {"callback", "libffcall", "int(int,int)", .count = CALLS, BENCH_FFCALL("callback")},
    {"callback", "luajit", "int(int,int)", .count = SLOW_CALLS, BENCH_LUAJIT("callback")},
    {"callback", "luajit, no jit", "int(int,int)", .count = SLOW_CALLS, BENCH_LUAJIT_OFF("callback")},
    {"callback", "ctypes", "int(int,int)", .count = SLOW_CALLS, BENCH_CTYPES("callback")},
    {"callback", "cffi", "int(int,int)", .count = SLOW_CALLS, BENCH_CFFI("callback")},
    {0},
};
