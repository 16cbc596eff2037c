/* Everything at once, at random: tasks that spawn, park, sleep, poll, call, are called back, pin, move, list each
 * other, fork, trace and stop the world, beside threads of C's own, another runtime, and some that start and stop; and
 * the main thread's own task yields, polls and parks beside its guests. What has to hold all the while is asserted here
 * and, at the highest debug level, in the library.
 *
 * One time of two, threads are few, so that tasks wait for one all the time. Then a pinned task makes none that it
 * would wait for: such threads could be all that there are.
 *
 *   stress SECONDS SLOTS [SEED]
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "callgate.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { TASKS = 48, DEEPEST = 3, THREADS = 4 };

#define require(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static uint64_t seed;
static gate_runtime *runtime;
static gate_runtime *_Atomic other; /* which a thread of its own has started */
static _Atomic bool over;
static bool few_threads;
static bool is_child; /* of a fork */

/* What a fork's child may do. AddressSanitizer's allocator may have been locked by a thread that is gone (gcc's holds none
 * of its locks over a fork, nor does clang 14's): a child that allocates hangs. ThreadSanitizer hears nothing of the thread
 * that forked from then on, and takes what new ones do for races with those that are gone. So under both a child does what
 * needs neither memory nor a thread; what is done in the parent around a fork is all the same. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { MAY_DO_ALL_IN_CHILD = 0 };
#else
enum { MAY_DO_ALL_IN_CHILD = 1 };
#endif

static _Noreturn void fail(const char *what, int line) {
    fprintf(stderr, "stress: line %d, seed %llu: %s\n", line, (unsigned long long)seed, what);
    abort();
}

/* What a task has for itself. */
struct life {
    uint64_t random;
    int depth; /* of spawns and callbacks */
    gate_task *_Atomic task;
    _Atomic unsigned readied, woken;
};

static struct life lives[TASKS];

static unsigned draw(struct life *life, unsigned below) {
    life->random ^= life->random << 13;
    life->random ^= life->random >> 7;
    life->random ^= life->random << 17;
    return (unsigned)(life->random >> 33) % below;
}

/* Who is in interpreter code: at most as many as there are slots, and nobody but the stopper in a stopped world. */
static _Atomic int inside;
static _Atomic bool stopped;

static void begin_interpreting(void) {
    int now = atomic_fetch_add(&inside, 1) + 1;
    require(now <= (int)runtime->slot_count);
    require(!atomic_load(&stopped));
}

static void end_interpreting(void) {
    atomic_fetch_sub(&inside, 1);
}

/* The functions in C */

static struct functions {
    gate_function nothing, nap, call_back, make_thread, wait_for_child, fault;
    gate_signature *int_int;
    gate_callback *callback, *of_other;
} c;

static int wait_for_child(int pid) {
    int status;
    while (waitpid(pid, &status, 0) != pid)
        require(errno == EINTR);
    require(status == 0);
    return pid + 1;
}

static volatile int *volatile nowhere = (volatile int *)64; /* which the compiler is not to know */

static int fault(int x) {
    *nowhere = x;
    return x;
}

static int do_nothing(int x) {
    return x + 1;
}

static int nap(int us) {
    usleep((useconds_t)us);
    return us + 1;
}

static int call_back(int (*callback)(int), int x) {
    return callback(x) + 1;
}

static void *call_back_often(void *callback) {
    for (int i = 0; i < 20; i++)
        require(((int (*)(int))callback)(i) == i + 1);
    return NULL;
}

static int make_thread(int (*callback)(int), int count) {
    pthread_t threads[THREADS];
    for (int i = 0; i < count; i++)
        require(pthread_create(&threads[i], NULL, call_back_often, (void *)callback) == 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return count + 1;
}

/* Calls a function that returns one more than its last argument. */
static void call(const gate_function *function, void *pointer, int x) {
    int result = 0;
    void *with_pointer[] = {&pointer, &x}, *without[] = {&x};
    end_interpreting();
    require(gate_call(function, &result, pointer ? with_pointer : without) == 0);
    begin_interpreting();
    require(result == x + (function->address == c.call_back.address ? 2 : 1));
}

/* What a task does, each a kind of its own */

static void act(struct life *life);

static void *live_briefly(void *data) {
    struct life *life = data;
    begin_interpreting();
    for (unsigned i = draw(life, 6); i > 0; i--)
        act(life);
    end_interpreting();
    free(life);
    return (void *)(uintptr_t)42;
}

static void spawn(struct life *life) {
    struct life *child = calloc(1, sizeof *child);
    static const size_t sizes[] = {0, GATE__STACK_LEAST, 3 * GATE__STACK_LEAST};
    struct gate_task_config config = {
        .main = live_briefly, .argument = child, .name = "child", .stack_size = sizes[draw(life, 3)]};
    gate_task *task;
    void *result;
    bool joins = draw(life, 2);
    *child = (struct life){.random = life->random + 1, .depth = life->depth + 1};
    require(gate_task_spawn(NULL, &config, joins ? &task : NULL) == 0);
    if (!joins)
        return;
    end_interpreting();
    require(gate_task_join(task, &result) == 0);
    begin_interpreting();
    require(result == (void *)(uintptr_t)42);
}

static void yield(struct life *life) {
    (void)life;
    end_interpreting();
    gate_task_yield();
    begin_interpreting();
}

/* Interpreter code that asks whether it is to yield. */
static void poll(struct life *life) {
    for (int i = 0; i < 500; i++) {
        if (gate_task_should_yield())
            yield(life);
    }
}

static void nap_as_task(struct life *life) {
    end_interpreting();
    gate_task_sleep(draw(life, 300) * 1000);
    begin_interpreting();
}

static void call_nothing(struct life *life) {
    for (int i = 0; i < 50; i++)
        call(&c.nothing, NULL, i);
    (void)life;
}

static int put_in_line(gate_direct *direct, int x) {
    GATE_INLINE_WORD(0, int, x);
    GATE_INLINE_CALL(DEFAULT, direct, 1, 0, int, double);
    return gate_word;
}

static void call_in_line(struct life *life) {
    gate_direct direct;
    require(gate_direct_init(&direct, draw(life, 8) ? &c.nothing : &c.nap) == 0);
    for (int i = (int)draw(life, 50); i > 0; i--) {
        end_interpreting();
        int result = put_in_line(&direct, i);
        begin_interpreting();
        require(gate_direct_status(&direct) == 0 && result == i + 1);
    }
}

static void call_by_class(struct life *life) {
    static const enum gate_call_class classes[] = {GATE_CALL_DEFAULT, GATE_CALL_BLOCKING, GATE_CALL_LEAF};
    gate_function function = c.nap;
    function.call_class = classes[draw(life, 3)];
    call(&function, NULL, (int)draw(life, function.call_class == GATE_CALL_LEAF ? 2 : 2000));
}

static int (*callback_address(void))(int) {
    return (int (*)(int))gate_callback_address(c.callback);
}

static void be_called_back(struct life *life) {
    void *address;
    int (*callback)(int) = callback_address();
    memcpy(&address, &callback, sizeof address);
    call(&c.call_back, address, (int)draw(life, 1000));
}

/* The other runtime's handler calls back into this one, or blocks. */
static void be_called_back_by_other(struct life *life) {
    void *address;
    void (*callback)(void) = gate_callback_address(c.of_other);
    if (is_child)
        return;
    memcpy(&address, &callback, sizeof address);
    call(&c.call_back, address, (int)draw(life, 1000));
}

static void have_threads_call_back(struct life *life) {
    void *address;
    int (*callback)(int) = callback_address();
    memcpy(&address, &callback, sizeof address);
    call(&c.make_thread, address, 1 + (int)draw(life, THREADS));
}

static void pin(struct life *life) {
    gate_m *m = gate_m_acquire();
    int depth = life->depth;
    require(m);
    life->depth = few_threads ? DEEPEST : depth;
    act(life);
    life->depth = depth;
    require(gate__m() == m);
    gate_m_release(m);
}

static void stop_the_world(struct life *life) {
    end_interpreting();
    gate_world_stop();
    require(atomic_load(&inside) == 0);
    atomic_store(&stopped, true);
    int result = 0, us = (int)draw(life, 200);
    void *arguments[] = {&us};
    require(gate_call(&c.nap, &result, arguments) == 0);
    require(atomic_load(&inside) == 0);
    atomic_store(&stopped, false);
    gate_world_start();
    begin_interpreting();
}

static void visit_main(struct life *life) {
    if (is_child || gate__m()->pins || !gate_task_current()->main || gate_task_current()->home)
        return;
    end_interpreting();
    gate_task_enter_main();
    begin_interpreting();
    require(gate__m() == runtime->starter);
    act(life);
    require(gate__m() == runtime->starter);
    end_interpreting();
    gate_task_leave_main();
    begin_interpreting();
}

static void map(struct life *life) {
    void *base;
    size_t length = (1 + draw(life, 16)) * 4096;
    require(gate_mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &base) == 0);
    memset(base, 1, length);
    gate_munmap(base, length);
}

static void list(struct life *life) {
    struct gate_task_info infos[20];
    size_t room = draw(life, 20), count = gate_runtime_list(runtime, infos, room);
    require(count > 0);
    for (size_t i = 0; i < count && i < room; i++)
        require(infos[i].number > 0);
}

static void fail_guarded(struct life *life) {
    int x = (int)draw(life, 100);
    void *arguments[] = {&x};
    end_interpreting();
    require(gate_call(&c.fault, NULL, arguments) == -EFAULT);
    begin_interpreting();
    require(gate_trap_last()->address == (const volatile void *)nowhere);
}

/* A sleep that is cut short does no harm here. */
static void interrupt(struct life *life) {
    gate_task *task = atomic_load(&lives[draw(life, TASKS)].task);
    int failed = task ? gate_task_interrupt(task) : 0;
    require(failed == 0 || failed == -ESRCH);
}

static void look_at_trace(void *unused, const struct gate_trace_info *info) {
    (void)unused;
    require(info->name[0] && info->calls > 0 && info->p50 <= info->p99);
}

static void trace(struct life *life) {
    unsigned what = draw(life, 3);
    int started = what == 0 ? gate_trace_start(NULL, NULL) : 0;
    require(started == 0 || started == -EALREADY);
    if (what == 1)
        gate_trace_stop();
    else
        gate_trace_visit(look_at_trace, NULL);
}

static void validate(struct life *life) {
    (void)life;
    gate__lock(&runtime->lock);
    gate__sched_validate(runtime);
    gate__unlock(&runtime->lock);
}

/* What takes no memory and no thread. */
static void act_quietly(struct life *life) {
    static void (*const acts[])(struct life *) = {yield, call_nothing, map, list, validate, poll};
    acts[draw(life, sizeof acts / sizeof *acts)](life);
}

/* The child does a few things, too, in a runtime that has only this task at first. */
static void fork_and_wait(struct life *life) {
    if (is_child)
        return;
    pid_t pid = fork();
    require(pid >= 0);
    if (pid > 0) {
        call(&c.wait_for_child, NULL, pid);
        return;
    }
    alarm(60);
    is_child = true;
    atomic_store(&inside, 1);
    if (!MAY_DO_ALL_IN_CHILD)
        gate_trace_stop(); /* a traced call may take memory */
    for (int i = 0; i < 5; i++)
        MAY_DO_ALL_IN_CHILD ? act(life) : act_quietly(life);
    _exit(0);
}

static void act(struct life *life) {
    static void (*const acts[])(struct life *) = {yield, nap_as_task, call_nothing, call_in_line, call_by_class, map,
                                                  list,  validate,    fail_guarded, interrupt,    poll};
    static void (*const deep[])(struct life *) = {spawn,      be_called_back, pin,
                                                  visit_main, spawn,          be_called_back_by_other};
    life->depth++;
    if (life->depth < DEEPEST && draw(life, 2))
        deep[draw(life, sizeof deep / sizeof *deep)](life);
    else if (draw(life, 300) == 0)
        stop_the_world(life);
    else if (draw(life, 500) == 0)
        fork_and_wait(life);
    else if (draw(life, 100) == 0)
        have_threads_call_back(life);
    else if (draw(life, 50) == 0)
        trace(life);
    else
        acts[draw(life, sizeof acts / sizeof *acts)](life);
    life->depth--;
}

/* The handler of the callback: x and one more, after something random. */
static int handle(void *host, void *result, void *const arguments[]) {
    static _Atomic uint64_t count;
    struct life life = {.random = seed + ++count, .depth = DEEPEST - 1};
    (void)host;
    begin_interpreting();
    act(&life);
    end_interpreting();
    *(int *)result = *(int *)arguments[0] + 1;
    return 0;
}

static int handle_in_other(void *host, void *result, void *const arguments[]) {
    int x = *(int *)arguments[0], below = 0;
    int (*callback)(int) = callback_address();
    (void)host;
    require(gate__m()->runtime == other);
    if (x % 3)
        require(gate_call(&c.call_back, &below, (void *[]){&callback, &x}) == 0 && below == x + 2);
    else
        require(gate_call(&c.nap, &below, (void *[]){&x}) == 0 && below == x + 1);
    require(gate__m()->runtime == other);
    *(int *)result = x + 1;
    return 0;
}

/* The tasks that live from begin to end; each is readied by its neighbour, and counts the wakes. */

static void *live(void *data) {
    struct life *life = data, *neighbour = &lives[(life - lives + 1) % TASKS];
    atomic_store(&life->task, gate_task_current());
    begin_interpreting();
    while (!atomic_load(&over)) {
        act(life);
        gate_task *task = atomic_load(&neighbour->task);
        if (task)
            neighbour->readied += gate_task_ready(task) == 0;
        if (!is_child)
            gate_task_ready(runtime->starter->root);
        end_interpreting();
        life->woken += gate_task_park_for("a neighbour", draw(life, 500) * 1000) == 0;
        begin_interpreting();
    }
    end_interpreting();
    return NULL;
}

static void prepare(void) {
    static gate_signature *int_int, *with_callback;
    require(gate_signature_parse("int (int)", &int_int, NULL) == 0);
    require(gate_signature_parse("int (int (*)(int), int)", &with_callback, NULL) == 0);
    c.int_int = int_int;
    c.nothing = (gate_function){.signature = int_int, .address = (void (*)(void))do_nothing, .name = "do_nothing"};
    c.nap = (gate_function){.signature = int_int, .address = (void (*)(void))nap, .name = "nap"};
    c.call_back =
        (gate_function){.signature = with_callback, .address = (void (*)(void))call_back, .name = "call_back"};
    c.make_thread =
        (gate_function){.signature = with_callback, .address = (void (*)(void))make_thread, .name = "make_thread"};
    c.wait_for_child =
        (gate_function){.signature = int_int, .address = (void (*)(void))wait_for_child, .name = "wait_for_child"};
    c.fault = (gate_function){
        .signature = int_int, .address = (void (*)(void))fault, .name = "fault", .call_class = GATE_CALL_GUARDED};
    require(gate_callback_make(runtime, &(struct gate_callback_config){.signature = int_int, .handler = handle},
                               &c.callback, NULL) == 0);
    require(gate_callback_make(other, &(struct gate_callback_config){.signature = int_int, .handler = handle_in_other},
                               &c.of_other, NULL) == 0);
}

/* The main thread's own task, one time of four by each of its ways to let guests in, or by none. */
static void live_on_main(struct life *life, uint64_t end) {
    for (uint64_t now; (now = gate__os_now()) < end;) {
        unsigned what = draw(life, 4);
        if (what == 0)
            gate_task_park_for("guests, and the end", end - now < 1000 * 1000 ? end - now : 1000 * 1000);
        else if (what == 1)
            require(gate_call(&c.nap, NULL, (void *[]){&(int){100}}) == 0);
        begin_interpreting();
        if (what == 2)
            poll(life);
        else if (what == 3)
            yield(life);
        end_interpreting();
    }
}

static void run(uint64_t nanoseconds) {
    struct life main_life = {.random = seed + TASKS};
    gate_task *tasks[TASKS];
    prepare();
    for (int i = 0; i < TASKS; i++) {
        struct gate_task_config config = {.main = live, .argument = &lives[i], .name = "lives"};
        lives[i].random = seed * TASKS + (uint64_t)i + 1;
        require(gate_task_spawn(NULL, &config, &tasks[i]) == 0);
    }
    live_on_main(&main_life, gate__os_now() + nanoseconds);
    atomic_store(&over, true);
    for (int i = 0; i < TASKS; i++)
        require(gate_task_join(tasks[i], NULL) == 0);
    for (int i = 0; i < TASKS; i++)
        require(lives[i].readied - lives[i].woken <= 1); /* the last may have come after the last park */
}

/* Waits for the detached children, and until all slots but this task's are idle, and stops. */
static void finish(void) {
    gate_error error = {0, ""};
    gate_trace_stop();
    require(!gate__foreign_is_watched());
    uint64_t give_up = gate__os_now() + 30ull * 1000 * 1000 * 1000;
    while (atomic_load(&runtime->idle_slot_count) < runtime->slot_count - 1) {
        require(gate__os_now() < give_up);
        gate_task_sleep(1000 * 1000);
    }
    while (gate_runtime_stop(runtime, &error)) {
        if (gate__os_now() > give_up)
            fail(error.message, __LINE__);
        gate_task_sleep(1000 * 1000);
    }
    gate_callback_free(c.callback);
}

static _Atomic bool other_may_stop;

static void wait_for_the_end(void *unused) {
    (void)unused;
    while (!atomic_load(&other_may_stop))
        usleep(1000);
}

static void *keep_other(void *unused) {
    gate_runtime *started;
    require(gate_runtime_start(NULL, &started, NULL) == 0);
    atomic_store(&other, started);
    gate__foreign_call_blocking(gate__m(), wait_for_the_end, unused, GATE__M_UNTOLD);
    require(gate_runtime_stop(started, NULL) == 0);
    return unused;
}

/* Runtimes that start and stop, one after the other, on a thread of their own. Threads that have called back into one
 * end as it stops, and the host hears of each once. */

static struct {
    int (*callback)(int);
    _Atomic unsigned adopted, dropped, done;
} brief;

static void note_adopted(void *host, gate_task *root) {
    (void)host, (void)root;
    atomic_fetch_add(&brief.adopted, 1);
}

static void note_dropped(void *host, gate_task *root) {
    (void)host, (void)root;
    atomic_fetch_add(&brief.dropped, 1);
}

enum { LAST = 1000 };

static int handle_briefly(void *host, void *result, void *const arguments[]) {
    int x = *(int *)arguments[0];
    (void)host;
    if (x % 8 == 7)
        gate_task_yield();
    if (x == LAST)
        atomic_fetch_add(&brief.done, 1);
    *(int *)result = x + 1;
    return 0;
}

static void *visit_and_end(void *random) {
    struct life life = {.random = (uintptr_t)random};
    for (int i = 0, calls = (int)draw(&life, 40); i < calls; i++)
        require(brief.callback(i) == i + 1);
    require(brief.callback(LAST) == LAST + 1);
    for (unsigned i = draw(&life, 300); i > 0; i--)
        gate__os_relax();
    return NULL;
}

static void *sleep_briefly(void *random) {
    struct life life = {.random = (uintptr_t)random};
    gate_task_sleep(draw(&life, 100) * 1000);
    return NULL;
}

static void start_visitors(struct life *life, pthread_t threads[]) {
    for (int i = 0; i < THREADS; i++) {
        void *random = (void *)(uintptr_t)(draw(life, 1u << 30) + 1);
        require(pthread_create(&threads[i], NULL, visit_and_end, random) == 0);
    }
}

/* Stops it as soon as the last callbacks of all threads have begun: those threads come in once more to end, or find
 * that they can't. */
static void stop_as_they_end(gate_runtime *started) {
    int failed;
    while (atomic_load(&brief.done) < THREADS)
        gate_task_sleep(20 * 1000);
    while ((failed = gate_runtime_stop(started, NULL)) == -EBUSY)
        gate_task_yield();
    require(failed == 0);
}

static void run_once(struct life *life, const gate_signature *int_int) {
    struct gate_callback_config handler = {.signature = int_int, .handler = handle_briefly};
    struct gate_runtime_config config = {.slots = 1 + draw(life, 3),
                                         .hooks = {.thread_adopt = note_adopted, .thread_drop = note_dropped}};
    struct gate_task_config task = {.main = sleep_briefly, .argument = (void *)(uintptr_t)(draw(life, 1000) + 1)};
    pthread_t threads[THREADS];
    gate_runtime *started;
    gate_callback *callback;
    brief.adopted = brief.dropped = brief.done = 0;
    require(gate_runtime_start(&config, &started, NULL) == 0);
    require(gate_callback_make(started, &handler, &callback, NULL) == 0);
    brief.callback = (int (*)(int))gate_callback_address(callback);
    start_visitors(life, threads);
    for (unsigned i = draw(life, 4); i > 0; i--)
        require(gate_task_spawn(NULL, &task, NULL) == 0);
    stop_as_they_end(started);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    require(brief.adopted == THREADS && brief.dropped == THREADS);
    require(gate_callback_free(callback) == 0);
}

static void *start_and_stop(void *unused) {
    struct life life = {.random = seed + TASKS};
    gate_signature *int_int;
    require(gate_signature_parse("int (int)", &int_int, NULL) == 0);
    while (!atomic_load(&over))
        run_once(&life, int_int);
    gate_signature_free(int_int);
    return unused;
}

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: stress SECONDS SLOTS [SEED]\n");
        return 2;
    }
    struct gate_runtime_config config = {.slots = (uint32_t)atoi(words[2])};
    seed = count > 3 ? strtoull(words[3], NULL, 10) : gate__os_now();
    few_threads = seed % 2;
    config.most_threads = few_threads ? config.slots + 1 : 64;
    pthread_t keeper, starter;
    require(pthread_create(&keeper, NULL, keep_other, NULL) == 0);
    while (!atomic_load(&other))
        usleep(1000);
    require(gate_runtime_start(&config, &runtime, NULL) == 0);
    require(pthread_create(&starter, NULL, start_and_stop, NULL) == 0);
    run((uint64_t)atoi(words[1]) * 1000 * 1000 * 1000);
    pthread_join(starter, NULL);
    finish();
    atomic_store(&other_may_stop, true);
    pthread_join(keeper, NULL);
    gate_callback_free(c.of_other);
    printf("stress: seed %llu\n1 passed, 0 failed\n", (unsigned long long)seed);
    return 0;
}
