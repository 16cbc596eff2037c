/* A heap's transitions: what each does to memory, and that every other is refused and says why. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#ifndef _WIN32
#include <sys/syscall.h>
#endif

#include "callgate.h"
#include "tests/support/memory.h"
#include "tests/support/test.h"

enum { PAGE = 4096, PAGES = 32, LENGTH = PAGES * PAGE }; /* 128 KiB: two units of Windows' */

static char *reserve(void) {
    void *base = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_heap_reserve(LENGTH, "test", &base, &error), 0, "%s", error.message);
    return base;
}

static struct gate_region find(const void *address) {
    struct gate_region region = {0};
    cr_assert_eq(gate_region_find(address, &region), 0);
    return region;
}

static enum gate_region_state state(const void *address) {
    struct gate_region region;
    return gate_region_find(address, &region) ? GATE_REGION_NONE : region.state;
}

Test(heap, reserved_pages_have_an_address_and_no_access) {
    char *base = reserve();
    cr_assert_eq(state(base), GATE_REGION_RESERVED);
    cr_assert_eq(find(base).length, (size_t)LENGTH);
    cr_assert_eq(find(base).prot, PROT_NONE);
    cr_assert_str_eq(find(base).tag, "test");
    ptrdiff_t distance = (const char *)find(base).caller - (const char *)(uintptr_t)reserve;
    cr_assert(distance > -100000 && distance < 100000, "the caller is not in this program: %td", distance);
    cr_assert_not(can_read(base));
    cr_assert_eq(gate_heap_release(base, LENGTH, NULL), 0);
    cr_assert_eq(state(base), GATE_REGION_NONE);
}

Test(heap, committed_pages_are_zero_and_writable_and_the_others_stay) {
    char *base = reserve();
    cr_assert_eq(gate_heap_commit(base + PAGE, 2 * PAGE, NULL), 0);
    for (int i = 0; i < 2 * PAGE; i++)
        cr_assert(base[PAGE + i] == 0);
    memset(base + PAGE, 1, 2 * PAGE);
    cr_assert_not(can_read(base));
    cr_assert_not(can_read(base + 3 * PAGE));
    cr_assert_eq(state(base), GATE_REGION_RESERVED);
    cr_assert_eq(state(base + 2 * PAGE), GATE_REGION_COMMITTED);
    cr_assert_eq(find(base + PAGE).prot, PROT_READ | PROT_WRITE);
    cr_assert_eq(state(base + 3 * PAGE), GATE_REGION_RESERVED);
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, decommitted_pages_lose_their_content_and_can_be_committed_again) {
    char *base = reserve();
    gate_heap_commit(base, 4 * PAGE, NULL);
    memset(base, 1, 4 * PAGE);
    cr_assert_eq(gate_heap_decommit(base + PAGE, PAGE, NULL), 0);
    cr_assert_eq(state(base + PAGE), GATE_REGION_RESERVED);
    cr_assert_not(can_read(base + PAGE));
    cr_assert_eq(base[0], 1);
    cr_assert_eq(base[2 * PAGE], 1);
    cr_assert_eq(gate_heap_commit(base + PAGE, PAGE, NULL), 0);
    cr_assert_eq(base[PAGE], 0);
    cr_assert_eq(find(base).length, (size_t)4 * PAGE, "it is one region again");
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, release_takes_reserved_and_committed_at_once) {
    char *base = reserve();
    gate_heap_commit(base + 3 * PAGE, PAGE, NULL);
    cr_assert_eq(gate_heap_release(base, LENGTH, NULL), 0);
    cr_assert_eq(state(base + 3 * PAGE), GATE_REGION_NONE);
    cr_assert_not(can_read(base + 3 * PAGE));
}

/* Every transition from every state: allowed or refused, with the place and its state in the error. */

enum { RESERVED, COMMITTED, MAPPED, NOTHING, STATES };

/* Advice that is allowed may still be more than the system has. */
static int huge(void *base, size_t length, gate_error *error) {
    int failed = gate_heap_huge(base, length, true, error);
    return failed && strstr(error->message, "the system refused") ? 0 : failed;
}

static const struct transition {
    const char *name;
    int (*make)(void *base, size_t length, gate_error *error);
    bool allowed[STATES];
} transitions[] = {
    {"commit", gate_heap_commit, {[RESERVED] = true}},
    {"decommit", gate_heap_decommit, {[COMMITTED] = true}},
    {"release", gate_heap_release, {[RESERVED] = true, [COMMITTED] = true}},
    {"huge", huge, {[RESERVED] = true, [COMMITTED] = true}},
};

static void *page_in(int which) {
    void *base = reserve(), *mapped = NULL;
    if (which == COMMITTED)
        gate_heap_commit(base, LENGTH, NULL);
    if (which < MAPPED)
        return base;
    gate_heap_release(base, LENGTH, NULL);
    if (which == NOTHING)
        return base;
    gate_mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &mapped);
    return mapped;
}

static void try_from(const struct transition *transition, int which) {
    static const char *const names[STATES] = {"reserved", "committed", "mapped by gate_mmap", "not mapped"};
    gate_error error = {0, ""};
    void *base = page_in(which);
    enum gate_region_state before = state(base);
    int failed = transition->make(base, LENGTH, &error);
    if (transition->allowed[which]) {
        cr_assert_eq(failed, 0, "%s of what is %s: %s", transition->name, names[which], error.message);
    } else {
        cr_assert_eq(failed, -EINVAL, "%s of what is %s", transition->name, names[which]);
        cr_assert_eq(error.code, -EINVAL);
        cr_assert(strstr(error.message, transition->name) && strstr(error.message, names[which]), "%s", error.message);
        cr_assert_eq(state(base), before);
    }
    if (state(base) != GATE_REGION_NONE)
        cr_assert_eq(gate_munmap(base, LENGTH), 0);
}

Test(heap, only_the_transitions_of_the_diagram_are_allowed_and_the_state_is_named) {
    for (size_t i = 0; i < sizeof transitions / sizeof *transitions; i++) {
        for (int which = 0; which < STATES; which++)
            try_from(&transitions[i], which);
    }
}

Test(heap, a_range_with_one_page_in_another_state_is_refused_and_names_it) {
    char *base = reserve(), place[32];
    gate_error error;
    gate_heap_commit(base + 5 * PAGE, PAGE, NULL);
    snprintf(place, sizeof place, "%p", (void *)(base + 5 * PAGE));
    cr_assert_eq(gate_heap_commit(base, LENGTH, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, place), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "committed"));
    cr_assert_eq(state(base), GATE_REGION_RESERVED);
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, sizes_that_are_no_pages_are_einval) {
    void *base = reserve(), *untouched = &base;
    cr_assert_eq(gate_heap_reserve(100, NULL, &untouched, NULL), -EINVAL);
    cr_assert_eq(gate_heap_reserve(0, NULL, &untouched, NULL), -EINVAL);
    cr_assert_eq(gate_heap_commit(base, 100, NULL), -EINVAL);
    cr_assert_eq(gate_heap_commit((char *)base + 1, PAGE, NULL), -EINVAL);
    cr_assert_eq(gate_heap_decommit(base, 0, NULL), -EINVAL);
    cr_assert_eq(gate_heap_release(base, SIZE_MAX / PAGE * PAGE, NULL), -EINVAL);
    cr_assert_eq(gate_heap_commit(base, SIZE_MAX / PAGE * PAGE, NULL), -EINVAL);
    cr_assert_eq(untouched, &base);
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, more_than_there_are_addresses_is_an_error) {
    void *untouched = &untouched;
    gate_error error = {0, ""};
    cr_assert_eq(gate_heap_reserve((size_t)1 << 60, NULL, &untouched, &error), -ENOMEM);
    cr_assert_neq(error.message[0], '\0');
    cr_assert_eq(untouched, &untouched);
}

#ifdef _WIN32

Test(heap, a_part_of_a_reservation_cannot_be_released_and_stays) {
    char *base = reserve();
    cr_assert_eq(gate_heap_release(base, PAGE, NULL), -ENOTSUP);
    cr_assert_eq(gate_heap_release(base + LENGTH - PAGE, PAGE, NULL), -ENOTSUP);
    cr_assert_eq(state(base), GATE_REGION_RESERVED);
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, huge_pages_are_enotsup) {
    char *base = reserve();
    cr_assert_eq(gate_heap_huge(base, LENGTH, true, NULL), -ENOTSUP);
    gate_heap_release(base, LENGTH, NULL);
}

#else

Test(heap, a_part_of_a_reservation_can_be_released) {
    char *base = reserve();
    cr_assert_eq(gate_heap_release(base + PAGE, 2 * PAGE, NULL), 0);
    cr_assert_eq(state(base), GATE_REGION_RESERVED);
    cr_assert_eq(state(base + PAGE), GATE_REGION_NONE);
    cr_assert_eq(gate_heap_release(base, PAGE, NULL), 0);
    cr_assert_eq(gate_heap_release(base + 3 * PAGE, LENGTH - 3 * PAGE, NULL), 0);
}

/* Whether the kernel has the advice for the mapping at address, by the flags in /proc/self/smaps. */
static bool is_advised(void *address, const char *flag) {
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long first, end;
    bool here = false, found = false;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
            here = (unsigned long)address >= first && (unsigned long)address < end;
        if (here && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(maps);
    return found;
}

Test(heap, locked_pages_are_not_decommitted_and_stay_as_they_are) {
    char *base = reserve();
    gate_error error = {0, ""};
    cr_assert_eq(gate_heap_commit(base, LENGTH, NULL), 0);
    base[0] = 1;
    if (syscall(SYS_mlock, base, PAGE)) /* sanitizers have libc's do nothing */
        return;
    cr_assert_eq(gate_heap_decommit(base, LENGTH, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "decommit: the system kept the memory at 0x"), "%s", error.message);
    cr_assert_eq(find(base).length, (size_t)LENGTH);
    cr_assert_eq(state(base), GATE_REGION_COMMITTED);
    cr_assert_eq(base[0], 1);
    cr_assert(can_write(base) && can_write(base + LENGTH - PAGE));
    gate_heap_release(base, LENGTH, NULL);
}

Test(heap, huge_pages_are_advised_and_advised_against) {
    char *base = reserve();
    gate_heap_commit(base, LENGTH, NULL);
    int failed = gate_heap_huge(base, LENGTH, true, NULL);
    cr_assert(failed == 0 || failed == -EINVAL, "a kernel may be built without");
    cr_assert_eq(is_advised(base, " hg"), failed == 0);
    cr_assert_eq(gate_heap_huge(base, LENGTH, false, NULL), failed);
    cr_assert_eq(is_advised(base, " nh"), failed == 0);
    cr_assert_eq(state(base), GATE_REGION_COMMITTED);
    gate_heap_release(base, LENGTH, NULL);
}

#endif

Test(heap, neighbours_of_two_reservations_go_through_a_transition_together) {
    char *base = reserve();
    gate_heap_commit(base, LENGTH / 2, NULL);
    gate_heap_commit(base + LENGTH / 2, LENGTH / 2, NULL);
    cr_assert_eq(find(base).length, (size_t)LENGTH);
    cr_assert_eq(gate_heap_decommit(base + PAGE, LENGTH - 2 * PAGE, NULL), 0);
    cr_assert_eq(find(base + PAGE).length, (size_t)LENGTH - 2 * PAGE);
    gate_heap_release(base, LENGTH, NULL);
}
