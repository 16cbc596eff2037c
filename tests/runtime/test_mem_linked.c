/* Hooks by linking: this program defines two of the functions, and registers nothing. */
#include <errno.h>
#include <sys/mman.h>

#include "tests/support/runtime.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

static int mapped, unmapped, mapped_in_constructor;

uintptr_t gate_hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    mapped++;
    return system_mmap(address, length, prot, flags, fd, offset);
}

void gate_hook_munmap(void *address, uintptr_t length) {
    unmapped++;
    system_munmap(address, length);
}

__attribute__((constructor)) static void map_early(void) {
    void *at;
    if (gate_mmap(NULL, PAGE, PROT_READ, ANONYMOUS, -1, 0, &at) == 0)
        gate_munmap(at, PAGE);
    mapped_in_constructor = mapped && unmapped;
}

Test(mem_linked, hooks_are_in_force_before_main) {
    cr_assert(mapped_in_constructor);
}

Test(mem_linked, hooks_are_told_by_active_and_the_rest_is_the_kernels) {
    struct gate_mem_hooks active = {.size = sizeof active};
    gate_mem_hooks_active(&active);
    cr_assert(active.mmap == gate_hook_mmap && active.munmap == gate_hook_munmap);
    cr_assert(!active.mprotect && !active.madvise && !active.msync && !active.sigaction);
}

Test(mem_linked, hooks_leave_no_room_for_registered_ones) {
    struct gate_mem_hooks none = {.size = sizeof none}, active = {.size = sizeof active};
    cr_assert_eq(gate_mem_register_hooks(&none), -EBUSY);
    gate_mem_hooks_active(&active);
    cr_assert(active.mmap == gate_hook_mmap && active.munmap == gate_hook_munmap);
}

#ifndef _WIN32 /* there are no runtimes yet */

Test(mem_linked, hooks_see_a_runtimes_mappings) {
    int before = mapped, live = mapped - unmapped;
    stop(start(1));
    cr_assert_gt(mapped, before);
    cr_assert_eq(mapped - unmapped, live);
}

#endif
