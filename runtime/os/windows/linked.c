/* What is linked into the program for the library to use: found by name among what the program exports, since the
 * headers have whoever defines one of these export it.
 *
 * Not by weak symbols: the address of one that nobody defines is not NULL but any, as GNU ld makes it.
 *
 * SPDX-License-Identifier: MIT */
#include <windows.h>

#include "runtime/hooks.h"
#include "runtime/mem.h"
#include "runtime/os/os.h"

/* Sets a pointer to a function of any type. */
#define find(program, pointer, name) \
    ((pointer) = (__typeof__(pointer))(void (*)(void))GetProcAddress((program), (name)))

void gate__os_find_linked(struct gate_mem_hooks *hooks, gate__os_layer *layers[GATE__OS_LAYERS]) {
    HMODULE program = NULL; /* or the DLL that this library is a part of */
    DWORD how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    GetModuleHandleExW(how, (LPCWSTR)(void *)gate__os_find_linked, &program);
    find(program, hooks->mmap, "gate_hook_mmap");
    find(program, hooks->munmap, "gate_hook_munmap");
    find(program, hooks->mprotect, "gate_hook_mprotect");
    find(program, hooks->madvise, "gate_hook_madvise");
    find(program, hooks->msync, "gate_hook_msync");
    find(program, hooks->sigaction, "gate_hook_sigaction");
    find(program, layers[0], "gate_layer_sanitizer");
    find(program, layers[1], "gate_layer_fault");
    find(program, layers[2], "gate_layer_limit");
    find(program, layers[3], "gate_layer_trace");
}
