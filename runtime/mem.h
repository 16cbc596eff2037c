/* Memory entry points: the only way the runtime maps memory, and open to hosts.
 *
 * Each entry point goes to the hook registered for it, on the system stack, or, where none is, to
 * the kernel by a system call of our own, so that libc (and whatever intercepts it) sees exactly
 * the mappings that a hook shows it. The semantics of the mmap and munmap hooks are those of Go's
 * runtime/cgo (cgo_mmap.go: callCgoMmap and callCgoMunmap).
 *
 * For every function here, unless it says otherwise:
 *   addresses and lengths are in bytes; prot, flags and advice take the system's own constants;
 *   it returns 0 or a negative errno, and results go through out-parameters;
 *   it takes no lock that it holds during the system call or hook; it blocks only as long as those;
 *   any thread may call it, with or without a runtime, but no signal handler; since 0.1.
 *
 * Windows (8 or later) has the constants from runtime/os/windows/sys/mman.h, which the host puts on its include path,
 * and VirtualAlloc and its kin in place of the system calls. A mapping is one reservation there, or one view of a
 * file: it begins at a multiple of 64 KiB, goes as a whole, and lets none be put over it. Each function says what
 * it can't do for that reason; the answer is -ENOTSUP, with nothing done.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_MEM_H
#define CALLGATE_RUNTIME_MEM_H

#include <stddef.h>
#include <stdint.h>

struct sigaction;

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Maps length bytes, as mmap(2) does, and stores the address in *result.
 *
 * Ownership: the caller's, until gate_munmap. On error *result is untouched.
 * Errors: those of mmap(2), negated; -EACCES for pages that are writable and executable, unless a
 * runtime was started with allow_writable_code; -EOVERFLOW when a hook is registered and offset does not fit
 * the 32 bits that its signature has; -ENOTSUP for MAP_HUGETLB, whose pages the region table does not count
 * by (huge pages come by advice). One at a fixed address may have unmapped what was there all the same, as mmap(2)
 * may, and the table then knows.
 *
 * Windows: -ENOTSUP for MAP_FIXED where something is mapped, or at an address that is no multiple of 64 KiB; for
 * flags that its sys/mman.h has not; and of a file, for an offset that is no multiple of 64 KiB, pages behind the
 * file's last, which a view can't have, and PROT_EXEC, which no file that open() opened allows. Pages with an
 * access have memory promised to them at once, MAP_NORESERVE or not: Windows promises no more than it has.
 * Processes do not fork, so MAP_SHARED without a file is MAP_PRIVATE. */
int gate_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, void **result);

/* Unmaps length bytes at address, as munmap(2) does: a mapping, a part of one, or several that are adjacent.
 *
 * Errors: -EINVAL, with nothing done, for an address that is not a multiple of the page size, a length of zero,
 * and unless each page is live, mapped by gate_mmap and not unmapped since; -ENOMEM, with nothing done, when a
 * part of a mapping is unmapped and there is no memory to note that. A kernel that refuses a valid unmap
 * is fatal; address, length and errno are printed.
 *
 * Windows: -ENOTSUP, with nothing done, for a part of a mapping, since VirtualFree releases whole reservations
 * only. Several that are adjacent may go at once. */
int gate_munmap(void *address, size_t length);

/* Changes the protection of mapped pages, as mprotect(2) does. Pages that are not from gate_mmap are taken too.
 *
 * Errors: those of mprotect(2), which may then have changed a part of the pages, of which the region table
 * knows nothing; -EACCES for writable and executable, as for gate_mmap.
 *
 * Windows: -ENOMEM too when pages that were mapped with PROT_NONE get an access, and with it memory, and there
 * is none. */
int gate_mprotect(void *address, size_t length, int prot);

/* Gives advice about mapped pages, as madvise(2) does. Errors: those of madvise(2).
 *
 * Windows: MADV_DONTNEED gives the memory of anonymous pages back; those with an access get other memory, zeroed,
 * at once. No thread may touch them meanwhile, and -ENOMEM leaves them without access if there is none. It is
 * -ENOTSUP for a file's pages, which can't be given up alone. Where pages will be needed, or in which order, is
 * taken and changes nothing; MADV_FREE and advice about huge pages, which can't be changed later, are -ENOTSUP. */
int gate_madvise(void *address, size_t length, int advice);

/* Writes changed pages of a file mapping back, as msync(2) does. Errors: those of msync(2).
 * Blocks, with MS_SYNC, until the device has the pages; on Windows until it was told to write them
 * (FlushFileBuffers, on the file, waits for it). */
int gate_msync(void *address, size_t length, int flags);

/* C functions that take the place of the system calls. A member left NULL stays with the kernel;
 * mmap and munmap come together.
 *
 * mmap returns the address, or an errno below 4096. munmap must not fail. The others return 0 or
 * an errno. Each runs on the system stack of the thread that asked; it may be called from several
 * threads at once, before any runtime exists, and must not call the entry points above.
 *
 * sigaction is called for the handlers that a runtime installs (Go's x_cgo_sigaction); NULL is libc's, and on
 * Windows, where there are no such handlers, -ENOTSUP. */
struct gate_mem_hooks {
    size_t size; /* sizeof(struct gate_mem_hooks), the version of the table */
    uintptr_t (*mmap)(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset);
    void (*munmap)(void *address, uintptr_t length);
    int32_t (*mprotect)(void *address, uintptr_t length, int32_t prot);
    int32_t (*madvise)(void *address, uintptr_t length, int32_t advice);
    int32_t (*msync)(void *address, uintptr_t length, int32_t flags);
    int32_t (*sigaction)(int32_t number, const struct sigaction *action, struct sigaction *old);
};

/* Registers the hooks, once for the life of the process, before the first call of an entry point freezes the table.
 *
 * Ownership: the table is copied. Blocks: never.
 * Errors: -EINVAL for a table of a later version than this library knows, or that has only one of mmap and
 * munmap, and a line on standard error says which; -EBUSY when hooks are registered or linked in, or an entry
 * point has been called. Nothing changes then. */
int gate_mem_register_hooks(const struct gate_mem_hooks *hooks);

/* Stores the hooks that are in force, with NULL for what goes to the kernel. hooks->size says how much room there
 * is before the call, and how much was filled after it. Never blocks. */
void gate_mem_hooks_active(struct gate_mem_hooks *hooks);

/* Puts the kernel's own functions in the place of all that is NULL in table: for a hook that passes on what
 * it gets. Those calls are raw, and munmap ends the process if the kernel refuses. Fatal for a table that is smaller
 * than this library's, or has only one of mmap and munmap. Never blocks. */
void gate_mem_hooks_complete(struct gate_mem_hooks *table);

/* For a hook to call: the code address that the entry point which called it was called from; NULL for
 * memory of the region table's own. Never blocks. */
const void *gate_mem_caller(void);

/* The other way to hook: define some of these in an object that is linked into the program. They are in
 * force from the first instruction, with the meaning of the members above; nothing has to be called.
 *
 * Windows has no weak symbols that work. There the program exports what it defines of these, as the declarations
 * say, and the library looks among the exports of the program or DLL that it is linked into: whoever defines
 * one includes this header. */
#ifdef _WIN32
#define GATE_FOUND_BY_NAME __declspec(dllexport)
#else
#define GATE_FOUND_BY_NAME
#endif

GATE_FOUND_BY_NAME uintptr_t gate_hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd,
                                            uint32_t offset);
GATE_FOUND_BY_NAME void gate_hook_munmap(void *address, uintptr_t length);
GATE_FOUND_BY_NAME int32_t gate_hook_mprotect(void *address, uintptr_t length, int32_t prot);
GATE_FOUND_BY_NAME int32_t gate_hook_madvise(void *address, uintptr_t length, int32_t advice);
GATE_FOUND_BY_NAME int32_t gate_hook_msync(void *address, uintptr_t length, int32_t flags);
GATE_FOUND_BY_NAME int32_t gate_hook_sigaction(int32_t number, const struct sigaction *action, struct sigaction *old);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
