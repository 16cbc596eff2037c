/* What is linked into the program for the library to use, by weak symbols: NULL where nobody defines them.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/hooks.h"
#include "runtime/mem.h"
#include "runtime/os/os.h"

#pragma weak gate_hook_mmap
#pragma weak gate_hook_munmap
#pragma weak gate_hook_mprotect
#pragma weak gate_hook_madvise
#pragma weak gate_hook_msync
#pragma weak gate_hook_sigaction
#pragma weak gate_layer_sanitizer
#pragma weak gate_layer_fault
#pragma weak gate_layer_limit
#pragma weak gate_layer_trace

void gate__os_find_linked(struct gate_mem_hooks *hooks, gate__os_layer *layers[GATE__OS_LAYERS]) {
    hooks->mmap = gate_hook_mmap;
    hooks->munmap = gate_hook_munmap;
    hooks->mprotect = gate_hook_mprotect;
    hooks->madvise = gate_hook_madvise;
    hooks->msync = gate_hook_msync;
    hooks->sigaction = gate_hook_sigaction;
    layers[0] = gate_layer_sanitizer;
    layers[1] = gate_layer_fault;
    layers[2] = gate_layer_limit;
    layers[3] = gate_layer_trace;
}
