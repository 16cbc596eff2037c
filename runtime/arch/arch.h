/* What the runtime asks of a processor: each routine is described above its code in
 * arch/<name>/switch.S and syscall.S.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_ARCH_H
#define CALLGATE_RUNTIME_ARCH_H

#include "runtime/runtime.h"

long gate__syscall(long number, long a, long b, long c, long d, long e, long f);

void gate__arch_cross(gate_m *m, void (*fn)(void *), void *arg);
void gate__arch_cross_back(gate_m *m, void (*fn)(void *), void *arg);
void gate__arch_swap(void **save, void *load);
void gate__arch_guard(void **landing, void (*fn)(void *), void *arg);
void gate__arch_guard_landing(void); /* not to be called: an address */
void gate__arch_pause(void);
void *gate__arch_prepare(void *top, void (*fn)(void *), void *arg);

#endif
