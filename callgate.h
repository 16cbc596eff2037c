/* Callgate: calls between an interpreter and C.
 *
 * The umbrella header, the only one a host includes, in C99 and later or C++11 and later. Link with -lcallgate.
 *
 *   runtime/mem.h      memory entry points and the hooks they go to
 *   runtime/region.h   what is mapped, and by whom
 *   runtime/heap.h     address space and memory for a heap
 *   runtime/hooks.h    hooks that are ready to use
 *   runtime/runtime.h  runtimes, tasks, thread handles
 *   bridge/decls.h     types, declarations, signatures
 *   bridge/bridge.h    calls, callbacks, libraries
 *   bridge/direct.h    calls whose arguments the compiler puts into registers
 *   bridge/async.h     calls that their caller does not wait for
 *   bridge/handle.h    handles and pins for the host's objects
 *   bridge/check.h     pointers into the host's heap, kept from C
 *   bridge/stub.h      stubs that cgen writes
 *   bridge/trace.h     what calls take
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_H
#define CALLGATE_H

#define GATE_VERSION_MAJOR 0
#define GATE_VERSION_MINOR 1
#define GATE_VERSION_PATCH 0

#include "runtime/mem.h"
#include "runtime/region.h"
#include "runtime/heap.h"
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "bridge/bridge.h"
#include "bridge/direct.h"
#include "bridge/async.h"
#include "bridge/handle.h"
#include "bridge/check.h"
#include "bridge/stub.h"
#include "bridge/trace.h"

#endif
