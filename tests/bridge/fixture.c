/* A library for tests of libraries: versions, variables, functions that wait or call back, and an end that is noted.
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <unistd.h>

#pragma GCC visibility push(default)

int answer_as_1(void);
int answer_as_2(void);
int wait_for_go(_Atomic int *step);
int call_it(int (*callback)(int), int x);
void note_unload(int *count);
extern int number;
extern _Thread_local int local;

__asm__(".symver answer_as_1, answer@FIXTURE_1");
__asm__(".symver answer_as_2, answer@@FIXTURE_2");

int answer_as_1(void) {
    return 1;
}

int answer_as_2(void) {
    return 2;
}

int number = 42;
char letter = 'x';
__asm__(".globl at_null\n.set at_null, 0");
_Thread_local int local = 7;

/* Sets *step to 1, and returns when somebody has set it to 2. */
int wait_for_go(_Atomic int *step) {
    atomic_store(step, 1);
    while (atomic_load(step) != 2)
        usleep(200);
    return 3;
}

int call_it(int (*callback)(int), int x) {
    return callback(x) + 1;
}

static int *unloads;

void note_unload(int *count) {
    unloads = count;
}

#pragma GCC visibility pop

__attribute__((destructor)) static void end(void) {
    if (unloads)
        ++*unloads;
}
