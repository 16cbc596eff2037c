/* Callgate: calls between an interpreter and C.
 *
 * The umbrella header, the only one a host includes. Link with -lcallgate.
 *
 *   runtime/mem.h      memory entry points and the hooks they go to
 *   runtime/runtime.h  runtimes, tasks, thread handles
 *   bridge/bridge.h    signatures, calls, callbacks, libraries
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_H
#define CALLGATE_H

#define GATE_VERSION_MAJOR 0
#define GATE_VERSION_MINOR 1
#define GATE_VERSION_PATCH 0

#include "runtime/mem.h"
#include "runtime/runtime.h"
#include "bridge/bridge.h"

#endif
