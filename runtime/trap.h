/* A signal, as its handler gets it: for the files that handle some.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_TRAP_H
#define CALLGATE_RUNTIME_TRAP_H

#include <signal.h>

struct gate__signal {
    int number;
    siginfo_t *info;
    void *context;
};

#endif
