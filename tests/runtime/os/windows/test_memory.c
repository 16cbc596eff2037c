/* The memory entry points, in what is Windows' own: reservations that go whole, and memory that is promised. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/runtime.h"

enum { PAGE = 4096, UNIT = 65536, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS, READ_WRITE = PROT_READ | PROT_WRITE };

static int map_at(void *address, size_t length, int prot, int flags, void **at) {
    return gate_mmap(address, length, prot, ANONYMOUS | flags, -1, 0, at);
}

static char *map(size_t length, int prot) {
    void *at = NULL;
    cr_assert_eq(map_at(NULL, length, prot, 0, &at), 0);
    return at;
}

static MEMORY_BASIC_INFORMATION query(const void *address) {
    MEMORY_BASIC_INFORMATION run;
    cr_assert_neq(VirtualQuery(address, &run, sizeof run), 0u);
    return run;
}

/* Several reservations of a unit each, side by side. */
static char *map_neighbours(size_t count) {
    char *base = map(count * UNIT, PROT_NONE);
    void *at;
    gate_munmap(base, count * UNIT);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(map_at(base + i * UNIT, UNIT, READ_WRITE, MAP_FIXED, &at), 0);
    return base;
}

Test(memory, a_fixed_mapping_goes_where_nothing_is) {
    char *base = map(2 * UNIT, PROT_NONE);
    void *at = NULL;
    gate_munmap(base, 2 * UNIT);
    cr_assert_eq(map_at(base + UNIT, PAGE, READ_WRITE, MAP_FIXED, &at), 0);
    cr_assert_eq(at, base + UNIT);
    gate_munmap(at, PAGE);
}

Test(memory, a_fixed_mapping_over_a_live_one_is_enotsup_and_changes_nothing) {
    char *base = map(2 * UNIT, READ_WRITE);
    void *at = &at;
    struct gate_region region;
    base[UNIT] = 1;
    cr_assert_eq(map_at(base + UNIT, PAGE, PROT_READ, MAP_FIXED, &at), -ENOTSUP);
    cr_assert_eq(map_at(base + UNIT, PAGE, PROT_READ, MAP_FIXED_NOREPLACE, &at), -EEXIST);
    cr_assert_eq(at, &at);
    cr_assert_eq(base[UNIT], 1);
    cr_assert_eq(gate_region_find(base + UNIT, &region), 0);
    cr_assert(region.base == base && region.length == 2 * UNIT && region.prot == READ_WRITE);
    cr_assert_eq(map_at(base + UNIT + PAGE, PAGE, PROT_READ, MAP_FIXED, &at), -ENOTSUP, "it is no multiple of 64 KiB");
    cr_assert_eq(map_at(base + UNIT + 1, PAGE, PROT_READ, MAP_FIXED, &at), -EINVAL);
    cr_assert_eq(map_at(NULL, PAGE, PROT_READ, MAP_FIXED, &at), -EINVAL);
    gate_munmap(base, 2 * UNIT);
    gate__region_validate();
}

Test(memory, an_address_that_is_taken_is_only_a_hint) {
    char *base = map(UNIT, READ_WRITE);
    void *at = NULL;
    cr_assert_eq(map_at(base + PAGE, PAGE, READ_WRITE, 0, &at), 0);
    cr_assert(at != NULL && at != base);
    gate_munmap(at, PAGE);
    gate_munmap(base, UNIT);
}

Test(memory, flags_that_windows_has_not_are_enotsup) {
    void *at = &at;
    cr_assert_eq(map_at(NULL, PAGE, READ_WRITE, 0x40000, &at), -ENOTSUP); /* Linux' MAP_HUGETLB */
    cr_assert_eq(map_at(NULL, PAGE, READ_WRITE, MAP_SHARED, &at), -EINVAL, "it is private, too");
    cr_assert_eq(map_at(NULL, PAGE, 0x10, 0, &at), -EINVAL);
    cr_assert_eq(at, &at);
}

Test(memory, unmapping_a_part_is_enotsup_with_nothing_done) {
    char *base = map(2 * UNIT, READ_WRITE);
    struct gate_region region;
    cr_assert_eq(gate_munmap(base, UNIT), -ENOTSUP);
    cr_assert_eq(gate_munmap(base + UNIT, UNIT), -ENOTSUP);
    cr_assert_eq(gate_munmap(base + PAGE, PAGE), -ENOTSUP);
    cr_assert_eq(gate__os_munmap(base, UNIT), -ENOTSUP, "for a hook that passes on");
    cr_assert_eq(gate__os_munmap(base + UNIT, UNIT), -ENOTSUP);
    gate_mprotect(base, UNIT, PROT_READ); /* a region of its own, of the same reservation */
    cr_assert_eq(gate_munmap(base, UNIT), -ENOTSUP);
    cr_assert_eq(gate_munmap(base, 3 * UNIT), -EINVAL, "not all of it is mapped");
    gate_mprotect(base, UNIT, READ_WRITE);
    base[0] = base[2 * UNIT - 1] = 1;
    cr_assert_eq(gate_region_find(base, &region), 0);
    cr_assert_eq(region.length, (size_t)2 * UNIT);
    cr_assert_eq(gate_munmap(base, 2 * UNIT), 0);
    cr_assert_not(is_mapped(base));
    gate__region_validate();
}

Test(memory, adjacent_reservations_are_unmapped_at_once) {
    char *base = map_neighbours(4);
    cr_assert_eq(gate_munmap(base + UNIT / 2, UNIT), -ENOTSUP);
    cr_assert_eq(gate_munmap(base, UNIT + PAGE), -ENOTSUP);
    cr_assert_eq(gate_munmap(base + UNIT, 2 * UNIT), 0);
    cr_assert(is_mapped(base) && is_mapped(base + 3 * UNIT));
    cr_assert_not(is_mapped(base + UNIT) || is_mapped(base + 2 * UNIT));
    gate_munmap(base, UNIT);
    gate_munmap(base + 3 * UNIT, UNIT);
    gate__region_validate();
}

Test(memory, pages_without_access_have_no_memory_until_they_get_some) {
    char *base = map(2 * UNIT, PROT_NONE);
    cr_assert_eq(query(base).State, (DWORD)MEM_RESERVE);
    cr_assert_eq(gate_mprotect(base + PAGE, PAGE, READ_WRITE), 0);
    cr_assert_eq(query(base).State, (DWORD)MEM_RESERVE);
    cr_assert_eq(query(base + PAGE).State, (DWORD)MEM_COMMIT);
    cr_assert_eq(query(base + 2 * PAGE).State, (DWORD)MEM_RESERVE);
    base[PAGE] = 1;
    cr_assert_eq(gate_mprotect(base, 3 * PAGE, PROT_NONE), 0);
    cr_assert_not(can_read(base + PAGE));
    cr_assert_eq(gate_mprotect(base, 3 * PAGE, PROT_READ), 0);
    cr_assert_eq(base[PAGE], 1, "no access is no loss");
    cr_assert(can_read(base) && !can_write(base));
    gate_munmap(base, 2 * UNIT);
}

Test(memory, protection_is_changed_across_reservations) {
    char *base = map_neighbours(3);
    cr_assert_eq(gate_mprotect(base + UNIT - PAGE, UNIT + 2 * PAGE, PROT_READ), 0);
    cr_assert(can_write(base) && can_write(base + 2 * UNIT + PAGE));
    for (size_t i = UNIT - PAGE; i < 2 * UNIT + PAGE; i += PAGE)
        cr_assert(can_read(base + i) && !can_write(base + i));
    cr_assert_eq(gate_munmap(base + UNIT, UNIT), 0);
    cr_assert_eq(gate_mprotect(base, 3 * UNIT, PROT_READ), -ENOMEM, "there is a hole");
    cr_assert_eq(gate_mprotect(base + 1, PAGE, PROT_READ), -EINVAL);
    gate_munmap(base, UNIT);
    gate_munmap(base + 2 * UNIT, UNIT);
}

Test(memory, code_is_executable_or_writable) {
    char *base = map(UNIT, READ_WRITE);
    cr_assert_eq(gate_mprotect(base, PAGE, PROT_READ | PROT_EXEC), 0);
    cr_assert_eq(query(base).Protect, (DWORD)PAGE_EXECUTE_READ);
    cr_assert_eq(gate_mprotect(base, PAGE, READ_WRITE | PROT_EXEC), -EACCES);
    cr_assert_eq(query(base).Protect, (DWORD)PAGE_EXECUTE_READ);
    gate_munmap(base, UNIT);
}

Test(memory, decommit_gives_the_memory_back) {
    void *base = NULL;
    cr_assert_eq(gate_heap_reserve(4 * UNIT, "test", &base, NULL), 0);
    cr_assert_eq(query(base).State, (DWORD)MEM_RESERVE);
    cr_assert_eq(gate_heap_commit(base, 2 * UNIT, NULL), 0);
    cr_assert_eq(query(base).State, (DWORD)MEM_COMMIT);
    cr_assert_eq(query(base).RegionSize, (size_t)2 * UNIT);
    cr_assert_eq(gate_heap_decommit((char *)base + PAGE, UNIT, NULL), 0);
    cr_assert_eq(query(base).RegionSize, (size_t)PAGE);
    cr_assert_eq(query((char *)base + PAGE).State, (DWORD)MEM_RESERVE);
    cr_assert_eq(query((char *)base + PAGE).RegionSize, (size_t)UNIT);
    cr_assert_eq(gate_heap_release(base, 4 * UNIT, NULL), 0);
}

Test(memory, advice_not_needed_keeps_the_access) {
    char *base = map_neighbours(2);
    memset(base, 1, 2 * UNIT);
    cr_assert_eq(gate_mprotect(base, PAGE, PROT_READ), 0);
    cr_assert_eq(gate_madvise(base, 2 * UNIT - PAGE, MADV_DONTNEED), 0);
    cr_assert(base[0] == 0 && base[UNIT] == 0 && base[2 * UNIT - 1] == 1);
    cr_assert(can_read(base) && !can_write(base) && can_write(base + PAGE));
    cr_assert_eq(gate_madvise(base, UNIT, MADV_WILLNEED), 0);
    cr_assert_eq(gate_madvise(base, UNIT, MADV_FREE), -ENOTSUP);
    cr_assert_eq(gate_madvise(base, UNIT, MADV_HUGEPAGE), -ENOTSUP);
    gate_munmap(base, 2 * UNIT);
    cr_assert_eq(gate_madvise(base, UNIT, MADV_DONTNEED), -ENOMEM);
}

/* Files */

enum { FILE_BYTES = UNIT + 10 };

/* A file of ones and, from the second unit on, twos; it goes when it is closed. */
static int open_file(int access) {
    char folder[MAX_PATH], name[MAX_PATH], *bytes = calloc(1, FILE_BYTES);
    memset(bytes, 1, UNIT);
    memset(bytes + UNIT, 2, FILE_BYTES - UNIT);
    cr_assert_neq(GetTempPathA(sizeof folder, folder), 0u);
    cr_assert_neq(GetTempFileNameA(folder, "gate", 0, name), 0u);
    int fd = open(name, O_BINARY | O_RDWR);
    cr_assert_eq(write(fd, bytes, FILE_BYTES), FILE_BYTES);
    close(fd);
    free(bytes);
    return open(name, access | O_BINARY | O_TEMPORARY);
}

static int map_file(int fd, size_t length, int prot, int flags, uint64_t offset, char **at) {
    void *result = NULL;
    int failed = gate_mmap(NULL, length, prot, flags, fd, offset, &result);
    *at = result;
    return failed;
}

static char byte_of(int fd, long offset) {
    char byte;
    lseek(fd, offset, SEEK_SET);
    cr_assert_eq(read(fd, &byte, 1), 1);
    return byte;
}

Test(memory, a_private_view_of_a_file_keeps_writes_to_itself) {
    int fd = open_file(O_RDONLY);
    char *at;
    cr_assert_eq(map_file(fd, UNIT + PAGE, PROT_READ, MAP_PRIVATE, 0, &at), 0);
    cr_assert(at[0] == 1 && at[UNIT - 1] == 1 && at[UNIT] == 2 && at[FILE_BYTES - 1] == 2 && at[FILE_BYTES] == 0);
    cr_assert_not(can_write(at));
    cr_assert_eq(gate_mprotect(at, UNIT, READ_WRITE), 0);
    at[0] = 7;
    cr_assert_eq(gate_mprotect(at, UNIT, PROT_READ), 0);
    cr_assert_eq(at[0], 7);
    cr_assert_eq(byte_of(fd, 0), 1);
    cr_assert_eq(gate_madvise(at, PAGE, MADV_DONTNEED), -ENOTSUP);
    cr_assert_eq(gate_munmap(at, PAGE), -ENOTSUP);
    cr_assert_eq(gate_munmap(at, UNIT + PAGE), 0);
    cr_assert_not(is_mapped(at));
    close(fd);
}

Test(memory, a_shared_view_of_a_file_writes_to_it) {
    int fd = open_file(O_RDWR);
    char *at;
    cr_assert_eq(map_file(fd, 10, PROT_READ, MAP_SHARED, UNIT, &at), 0);
    cr_assert_eq(at[9], 2);
    cr_assert_eq(gate_mprotect(at, 10, READ_WRITE), 0);
    at[9] = 7;
    cr_assert_eq(gate_msync(at, 10, MS_SYNC), 0);
    cr_assert_eq(byte_of(fd, UNIT + 9), 7);
    cr_assert_eq(gate_munmap(at, 10), 0);
    close(fd);
}

Test(memory, a_shared_view_of_a_file_that_is_open_for_reading_is_not_writable) {
    int fd = open_file(O_RDONLY);
    char *at;
    cr_assert_eq(map_file(fd, PAGE, READ_WRITE, MAP_SHARED, 0, &at), -EACCES);
    cr_assert_eq(map_file(fd, PAGE, PROT_READ, MAP_SHARED, 0, &at), 0);
    cr_assert_eq(gate_mprotect(at, PAGE, READ_WRITE), -EACCES);
    gate_munmap(at, PAGE);
    close(fd);
}

Test(memory, a_view_that_windows_cannot_make_is_enotsup) {
    int fd = open_file(O_RDONLY);
    char *at;
    cr_assert_eq(map_file(fd, PAGE, PROT_READ, MAP_PRIVATE, 100, &at), -EINVAL);
    cr_assert_eq(map_file(fd, PAGE, PROT_READ, MAP_PRIVATE, PAGE, &at), -ENOTSUP);
    cr_assert_eq(map_file(fd, UNIT + PAGE + 1, PROT_READ, MAP_PRIVATE, 0, &at), -ENOTSUP, "it is behind the file");
    cr_assert_eq(map_file(fd, PAGE, PROT_READ, MAP_PRIVATE, (uint64_t)1 << 40, &at), -ENOTSUP);
    cr_assert_eq(map_file(fd, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0, &at), -ENOTSUP);
    cr_assert_null(at);
    close(fd);
}

/* The rest of os.h */

Test(os, tells_the_threads_stack_and_a_time_that_goes_on) {
    void *bottom;
    size_t size;
    char here;
    cr_assert_eq(gate__os_stack_bounds(&bottom, &size), 0);
    cr_assert(&here >= (char *)bottom && &here < (char *)bottom + size);
    uint64_t before = gate__os_now();
    Sleep(20);
    cr_assert_gt(gate__os_now() - before, 10ull * 1000 * 1000);
    cr_assert_lt(gate__os_now() - before, 20ull * 1000 * 1000 * 1000);
}

Test(os, has_a_barrier_and_no_signals) {
    cr_assert_eq(gate__os_barrier_register(), 0);
    gate__os_barrier();
    cr_assert_eq(gate__os_sigaction(11, NULL, NULL), -ENOTSUP);
    cr_assert_eq(gate__os_page_size(), (size_t)PAGE);
}

Test(memory, the_first_resident_page_is_the_lowest_that_was_touched) {
    enum { COUNT = 200 };
    char *at = map(COUNT * PAGE, READ_WRITE), *end = at + COUNT * PAGE;
    cr_assert_eq(gate__os_first_resident(at, end), end);
    at[150 * PAGE] = 1;
    at[170 * PAGE] = 1;
    cr_assert_eq(gate__os_first_resident(at, end), at + 150 * PAGE);
    cr_assert_eq(gate__os_first_resident(at, at + 150 * PAGE), at + 150 * PAGE);
    gate_munmap(at, COUNT * PAGE);
}
