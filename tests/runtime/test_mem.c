/* The memory entry points where no hook is registered. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/runtime.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(size_t length) {
    void *at = NULL;
    cr_assert_eq(gate_mmap(NULL, length, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0, &at), 0);
    return at;
}

Test(mem, mapped_pages_are_zero_and_writable) {
    char *at = map(3 * PAGE);
    for (size_t i = 0; i < 3 * PAGE; i++)
        cr_assert_eq(at[i], 0);
    memset(at, 1, 3 * PAGE);
    cr_assert_eq(gate_munmap(at, 3 * PAGE), 0);
}

Test(mem, map_of_length_zero_is_einval_and_leaves_the_result) {
    void *at = &at;
    cr_assert_eq(gate_mmap(NULL, 0, PROT_READ, ANONYMOUS, -1, 0, &at), -EINVAL);
    cr_assert_eq(at, &at);
}

Test(mem, map_of_a_closed_file_is_ebadf) {
    void *at;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 9999, 0, &at), -EBADF);
}

Test(mem, unmap_of_a_misaligned_address_or_nothing_is_einval_and_does_nothing) {
    char *at = map(PAGE);
    cr_assert_eq(gate_munmap(at + 1, PAGE), -EINVAL);
    cr_assert_eq(gate_munmap(at, 0), -EINVAL);
    cr_assert(is_mapped(at));
    gate_munmap(at, PAGE);
    at = map(3 * PAGE);
    cr_assert_eq(gate_munmap(at + 1, PAGE), -EINVAL, "it is within the mapping");
    cr_assert(is_mapped(at) && is_mapped(at + PAGE));
    gate_munmap(at, 3 * PAGE);
}

Test(mem, advice_not_needed_zeroes_and_unknown_advice_is_einval) {
    char *at = map(PAGE);
    *at = 1;
    cr_assert_eq(gate_madvise(at, PAGE, MADV_DONTNEED), 0);
    cr_assert_eq(*at, 0);
    cr_assert_eq(gate_madvise(at, PAGE, 9999), -EINVAL);
    gate_munmap(at, PAGE);
}

Test(mem, writable_and_executable_is_eacces_and_changes_nothing) {
    void *at = &at;
    cr_assert_eq(gate_mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, ANONYMOUS, -1, 0, &at), -EACCES);
    cr_assert_eq(at, &at);
    char *page = map(PAGE);
    cr_assert_eq(gate_mprotect(page, PAGE, PROT_WRITE | PROT_EXEC), -EACCES);
    *page = 1; /* still writable */
    cr_assert_eq(gate_mprotect(page, PAGE, PROT_READ | PROT_EXEC), 0);
    gate_munmap(page, PAGE);
}

Test(mem, without_hooks_none_is_active) {
    struct gate_mem_hooks active = {.size = sizeof active};
    gate_mem_hooks_active(&active);
    cr_assert_eq(active.size, sizeof active);
    cr_assert(!active.mmap && !active.munmap && !active.mprotect && !active.madvise && !active.msync);
    cr_assert_null(active.sigaction);
}

Test(mem, hooks_after_the_first_mapping_are_ebusy_and_not_in_force) {
    struct gate_mem_hooks late = {.size = sizeof late, .mmap = system_mmap, .munmap = system_munmap};
    struct gate_mem_hooks active = {.size = sizeof active};
    gate_munmap(map(PAGE), PAGE);
    cr_assert_eq(gate_mem_register_hooks(&late), -EBUSY);
    gate_mem_hooks_active(&active);
    cr_assert(!active.mmap && !active.munmap);
}

static void complete_a_half(void *unmaps) {
    struct gate_mem_hooks half = {.size = sizeof half};
    if (unmaps)
        half.munmap = system_munmap;
    else
        half.mmap = system_mmap;
    gate_mem_hooks_complete(&half);
}

static void complete_a_small_one(void *unused) {
    struct gate_mem_hooks small = {.size = sizeof small - sizeof(void *)};
    (void)unused;
    gate_mem_hooks_complete(&small);
}

Test(mem, a_partial_table_that_is_to_be_completed_is_fatal) {
    const char *half = "fatal: gate_mem_hooks_complete: the table has only one of mmap and munmap";
    cr_assert_dies_with(complete_a_half, NULL, half);
    cr_assert_dies_with(complete_a_half, (void *)1, half);
    cr_assert_dies_with(complete_a_small_one, NULL, "fatal: gate_mem_hooks_complete: the table has ");
}
