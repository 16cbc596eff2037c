/* The region table: against a model that keeps a word per page, against the kernel's own list, and from
 * many threads. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "tests/support/runtime.h"

enum { PAGE = 4096, ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS, READ_WRITE = PROT_READ | PROT_WRITE };

static char *map_at(void *address, size_t length, int prot) {
    void *at = NULL;
    cr_assert_eq(gate_mmap(address, length, prot, ANONYMOUS | (address ? MAP_FIXED : 0), -1, 0, &at), 0);
    return at;
}

static char *map(size_t length) {
    return map_at(NULL, length, READ_WRITE);
}

static struct gate_region find(const void *address) {
    struct gate_region region = {0};
    cr_assert_eq(gate_region_find(address, &region), 0, "%p is in no region", address);
    return region;
}

static bool is_live(const void *address) {
    struct gate_region region;
    int failed = gate_region_find(address, &region);
    cr_assert(failed == 0 || failed == -ENOENT);
    return !failed;
}

static struct gate_region_counts counts(const gate_m *m) {
    struct gate_region_counts now;
    gate_region_counts(m, &now);
    return now;
}

static unsigned next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

Test(region, has_base_length_protection_and_who_mapped_it) {
    const char *here = (const char *)map;
    char *at = map(3 * PAGE);
    struct gate_region region = find(at + 2 * PAGE + 17);
    cr_assert_eq(region.base, at);
    cr_assert_eq(region.length, (size_t)3 * PAGE);
    cr_assert_eq(region.prot, READ_WRITE);
    cr_assert_eq(region.state, GATE_REGION_MAPPED);
    cr_assert_null(region.tag);
    cr_assert_eq(region.mapper, 0u, "this thread has no M");
    ptrdiff_t distance = (const char *)region.caller - here;
    cr_assert(distance > -100000 && distance < 100000, "the caller is not in this program: %td", distance);
    gate_munmap(at, 3 * PAGE);
    cr_assert_not(is_live(at));
}

Test(region, length_is_whole_pages) {
    char *at = map(100);
    cr_assert_eq(find(at + PAGE - 1).length, (size_t)PAGE);
    cr_assert_not(is_live(at + PAGE) && find(at + PAGE).base == at);
    cr_assert_eq(gate_munmap(at, 1), 0);
    cr_assert_not(is_live(at));
}

Test(region, protect_of_a_part_splits_and_undoing_it_merges) {
    char *at = map(5 * PAGE);
    size_t before = counts(NULL).regions;
    const void *caller = find(at).caller;
    cr_assert_not_null(caller);
    cr_assert_eq(gate_mprotect(at + PAGE, PAGE, PROT_READ), 0);
    cr_assert_eq(find(at).length, (size_t)PAGE);
    cr_assert_eq(find(at + PAGE).prot, PROT_READ);
    cr_assert_eq(find(at + 2 * PAGE).length, (size_t)3 * PAGE);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(find(at + i * PAGE).caller, caller);
    cr_assert_eq(counts(NULL).regions, before + 2);
    cr_assert_eq(gate_mprotect(at + PAGE, PAGE, READ_WRITE), 0);
    cr_assert_eq(find(at + 3 * PAGE).base, at);
    cr_assert_eq(find(at).length, (size_t)5 * PAGE);
    cr_assert_eq(counts(NULL).regions, before);
    gate_munmap(at, 5 * PAGE);
}

Test(region, a_refused_protect_changes_nothing) {
    char *at = map(2 * PAGE);
    cr_assert_eq(gate_mprotect(at + 1, PAGE, PROT_READ), -EINVAL);
    cr_assert_eq(gate_mprotect(at, PAGE, PROT_WRITE | PROT_EXEC), -EACCES);
    cr_assert_eq(find(at).length, (size_t)2 * PAGE);
    gate_munmap(at, 2 * PAGE);
    gate__region_validate();
}

Test(region, tag_names_the_owner_of_a_part) {
    char *at = map(3 * PAGE);
    cr_assert_eq(gate_region_tag(at + PAGE, PAGE, "arena"), 0);
    cr_assert_null(find(at).tag);
    cr_assert_str_eq(find(at + PAGE).tag, "arena");
    cr_assert_eq(find(at + PAGE).length, (size_t)PAGE);
    cr_assert_eq(gate_region_tag(at, 4 * PAGE, "arena"), -EINVAL);
    cr_assert_eq(gate_region_tag(at, 3 * PAGE, "arena"), 0);
    cr_assert_eq(find(at).length, (size_t)3 * PAGE);
    gate_munmap(at, 3 * PAGE);
}

Test(region, addresses_that_cannot_be_are_in_none) {
    cr_assert_not(is_live(NULL));
    cr_assert_not(is_live((void *)UINTPTR_MAX));
    cr_assert_not(is_live((void *)((uintptr_t)1 << 48)));
    cr_assert_not(is_live((void *)(((uintptr_t)1 << 48) - 1)));
    struct gate_region region;
    cr_assert_eq(gate_region_next((void *)UINTPTR_MAX, &region), -ENOENT);
}

/* More does not always fit into the addresses that ThreadSanitizer leaves. */
Test(region, a_reservation_of_a_quarter_terabyte_is_one_region) {
    size_t length = (size_t)1 << 38;
    void *at;
    cr_assert_eq(gate_mmap(NULL, length, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0, &at), 0);
    cr_assert_eq(find((char *)at + length / 2).length, length);
    cr_assert_eq(gate_mprotect((char *)at + length / 2, PAGE, READ_WRITE), 0);
    cr_assert_eq(find((char *)at + length / 2).length, (size_t)PAGE);
    cr_assert_eq(gate_munmap(at, length), 0);
    cr_assert_not(is_live((char *)at + length - 1));
}

Test(region, a_split_that_is_undone_at_once_is_no_peak) {
    char *at = map(8 * PAGE);
    gate_mprotect(at, 4 * PAGE, PROT_READ);
    size_t peak = counts(NULL).peak_regions;
    cr_assert_eq(gate_mprotect(at + 4 * PAGE, PAGE, PROT_READ), 0); /* moves the border: a cut, and a merge */
    cr_assert_eq(counts(NULL).peak_regions, peak);
    gate_munmap(at, 8 * PAGE);
}

#ifndef _WIN32 /* where mappings go whole, and none is put over another; and there are no runtimes yet */

Test(region, unmap_of_a_part_splits) {
    char *at = map(5 * PAGE);
    cr_assert_eq(gate_munmap(at + 2 * PAGE, PAGE), 0);
    cr_assert_eq(find(at).length, (size_t)2 * PAGE);
    cr_assert_not(is_live(at + 2 * PAGE));
    cr_assert_eq(find(at + 4 * PAGE).base, at + 3 * PAGE);
    gate_munmap(at, 2 * PAGE);
    gate_munmap(at + 3 * PAGE, 2 * PAGE);
    gate__region_validate();
}

Test(region, neighbours_of_two_mappings_stay_two) {
    char *at = map(4 * PAGE);
    map_at(at + 2 * PAGE, 2 * PAGE, READ_WRITE);
    cr_assert_eq(find(at).length, (size_t)2 * PAGE);
    cr_assert_eq(find(at + 3 * PAGE).base, at + 2 * PAGE);
    cr_assert_eq(gate_munmap(at, 4 * PAGE), 0, "both at once");
    gate__region_validate();
}

Test(region, a_fixed_mapping_replaces_what_was_there) {
    char *at = map(6 * PAGE);
    gate_mprotect(at + 3 * PAGE, PAGE, PROT_READ);
    map_at(at + PAGE, 3 * PAGE, PROT_NONE);
    cr_assert_eq(find(at).length, (size_t)PAGE);
    cr_assert_eq(find(at + 2 * PAGE).base, at + PAGE);
    cr_assert_eq(find(at + 2 * PAGE).prot, PROT_NONE);
    cr_assert_eq(find(at + 4 * PAGE).length, (size_t)2 * PAGE);
    gate_munmap(at, 6 * PAGE);
    gate__region_validate();
}

Test(region, a_refused_fixed_mapping_changes_nothing) {
    char *at = map(3 * PAGE);
    void *result = NULL;
    cr_assert_eq(gate_mmap(at + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, 9999, 0, &result), -EBADF);
    cr_assert_null(result);
    cr_assert_eq(find(at).length, (size_t)3 * PAGE);
    gate__region_validate();
    gate_munmap(at, 3 * PAGE);
}

/* One after the other, and then far from each other: 4 MiB, 4 GiB and more, as the table's index is divided. */
Test(region, next_finds_what_is_far_away) {
    const struct gate__region_origin origin = {NULL, NULL, GATE_REGION_MAPPED, PROT_READ};
    const uintptr_t first = (uintptr_t)1 << 40;
    const uintptr_t distances[] = {0, PAGE, 4 << 20, 9 << 20, (uintptr_t)5 << 30, (uintptr_t)9 << 32};
    enum { COUNT = sizeof distances / sizeof *distances };
    struct gate_region region;
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(gate__region_add_new((void *)(first + distances[i]), PAGE, &origin), 0);
    const char *at = (void *)first;
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(gate_region_next(at, &region), 0);
        cr_assert_eq((uintptr_t)region.base, first + distances[i], "%d", i);
        at = (const char *)region.base + region.length;
    }
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(gate__region_remove((void *)(first + distances[i]), PAGE), 0);
    gate__region_validate();
}

Test(region, next_walks_over_all_in_order) {
    char *at = map(1000 * PAGE);
    size_t seen = 0;
    struct gate_region region;
    gate_munmap(at + 500 * PAGE, PAGE);
    gate_mprotect(at + 700 * PAGE, 100 * PAGE, PROT_READ);
    const char *expected[] = {at, at + 501 * PAGE, at + 700 * PAGE, at + 800 * PAGE};
    for (char *next = at; gate_region_next(next, &region) == 0 && (char *)region.base < at + 1000 * PAGE;
         next = (char *)region.base + region.length)
        cr_assert(seen < 4 && region.base == expected[seen++]);
    cr_assert_eq(seen, 4u);
    gate_munmap(at, 500 * PAGE);
    gate_munmap(at + 501 * PAGE, 499 * PAGE);
}

/* Against a model: random operations on a window, of which the model knows each page's mapping, protection and
 * tag. Regions must be exactly the runs of like pages. */

enum { WINDOW = 1500 }; /* pages: more than one node of the page map */

struct model_page {
    uint32_t mapping; /* 0: not mapped */
    int prot;
    const char *tag;
};

static struct model_page model[WINDOW];
static char *window;

static bool is_whole(size_t first, size_t count) {
    for (size_t i = first; i < first + count; i++) {
        if (!model[i].mapping)
            return false;
    }
    return true;
}

static bool are_alike(size_t a, size_t b) {
    return model[a].mapping == model[b].mapping && model[a].prot == model[b].prot && model[a].tag == model[b].tag;
}

static void check_page(size_t page) {
    struct gate_region region;
    bool live = gate_region_find(window + page * PAGE + page % PAGE, &region) == 0;
    cr_assert_eq(live, model[page].mapping != 0, "page %zu", page);
    if (!live)
        return;
    size_t first = (size_t)((char *)region.base - window) / PAGE, end = first + region.length / PAGE;
    cr_assert(first <= page && page < end && end <= WINDOW, "page %zu is in %zu to %zu", page, first, end);
    cr_assert_eq(region.prot, model[page].prot);
    cr_assert_eq(region.tag, model[page].tag);
    cr_assert(are_alike(first, page) && are_alike(end - 1, page), "page %zu is not like all of %zu to %zu", page, first,
              end);
    cr_assert(first == 0 || !are_alike(first - 1, first), "a region begins at %zu for no reason", first);
    cr_assert(end == WINDOW || !are_alike(end, end - 1), "a region ends at %zu for no reason", end);
}

static void set_pages(size_t first, size_t count, struct model_page page) {
    for (size_t i = first; i < first + count; i++)
        model[i] = page;
}

/* What is free in the window is libc's: nothing else is mapped there, and protecting across it succeeds. */
static void keep_free(void *at, size_t length) {
    cr_assert_eq(mmap(at, length, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0), at);
}

static void one_operation(uint64_t *random, uint32_t number) {
    static const char *const tags[] = {NULL, "one", "two"};
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
    size_t first = next_random(random) % WINDOW, longest = next_random(random) % 4 ? 8 : WINDOW;
    size_t count = 1 + next_random(random) % longest;
    count = count > WINDOW - first ? WINDOW - first : count;
    char *at = window + first * PAGE;
    int prot = prots[next_random(random) % 3];
    const char *tag = tags[next_random(random) % 3];
    bool whole = is_whole(first, count);
    switch (next_random(random) % 4) {
    case 0:
        map_at(at, count * PAGE, prot);
        set_pages(first, count, (struct model_page){number, prot, NULL});
        break;
    case 1:
        cr_assert_eq(gate_munmap(at, count * PAGE), whole ? 0 : -EINVAL);
        if (whole) {
            set_pages(first, count, (struct model_page){0, 0, NULL});
            keep_free(at, count * PAGE);
        }
        break;
    case 2:
        cr_assert_eq(gate_mprotect(at, count * PAGE, prot), 0);
        for (size_t i = first; i < first + count; i++)
            model[i].prot = model[i].mapping ? prot : 0;
        break;
    default:
        cr_assert_eq(gate_region_tag(at, count * PAGE, tag), whole ? 0 : -EINVAL);
        for (size_t i = first; whole && i < first + count; i++)
            model[i].tag = tag;
    }
}

/* The kernel's protection of each page in the window that the model has: from /proc/self/maps. */
static void check_against_the_kernel(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], access[8];
    uintptr_t first, end;
    while (fgets(line, sizeof line, maps)) {
        cr_assert_eq(sscanf(line, "%lx-%lx %4s", &first, &end, access), 3);
        int prot = (access[0] == 'r' ? PROT_READ : 0) | (access[1] == 'w' ? PROT_WRITE : 0);
        first = first > (uintptr_t)window ? first : (uintptr_t)window;
        end = end < (uintptr_t)window + WINDOW * PAGE ? end : (uintptr_t)window + WINDOW * PAGE;
        for (uintptr_t at = first; at < end; at += PAGE) {
            size_t page = (at - (uintptr_t)window) / PAGE;
            if (model[page].mapping)
                cr_assert_eq(prot, model[page].prot, "page %zu", page);
        }
    }
    fclose(maps);
}

static void run_model(uint64_t seed) {
    uint64_t random = seed;
    window = mmap(NULL, (size_t)WINDOW * PAGE, PROT_NONE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    set_pages(0, WINDOW, (struct model_page){0, 0, NULL});
    for (uint32_t number = 1; number <= 3000; number++) {
        one_operation(&random, number);
        for (size_t page = 0; number % 50 == 0 && page < WINDOW; page++)
            check_page(page);
        if (number % 500 == 0)
            check_against_the_kernel();
    }
    gate__region_validate();
    for (size_t i = 0; i < WINDOW; i++) {
        if (model[i].mapping)
            gate_munmap(window + i * PAGE, PAGE);
    }
    munmap(window, (size_t)WINDOW * PAGE);
}

Test(region, random_changes_agree_with_a_model_and_the_kernel) {
    struct gate_region_counts before = counts(NULL);
    for (uint64_t seed = 1; seed <= 3; seed++)
        run_model(seed);
    cr_assert_eq(counts(NULL).regions, before.regions);
    cr_assert_eq(counts(NULL).bytes, before.bytes);
}

/* Counters */

static void *map_and_leave(void *result) {
    *(char **)result = map(7 * PAGE);
    return gate_task_current();
}

Test(region, counters_and_the_mapper_are_those_of_the_m) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate_m_acquire();
    struct gate_region_counts before = counts(m), all = counts(NULL);
    char *at = map(4 * PAGE), *other = map(PAGE);
    cr_assert_eq(find(at).mapper, gate_m_number(m));
    cr_assert_gt(gate_m_number(m), 0u);
    cr_assert_eq(counts(m).regions, before.regions + 2);
    cr_assert_eq(counts(m).bytes, before.bytes + 5 * PAGE);
    cr_assert_eq(counts(NULL).bytes, all.bytes + 5 * PAGE);
    gate_munmap(other, PAGE);
    gate_munmap(at, 4 * PAGE);
    cr_assert_eq(counts(m).regions, before.regions);
    cr_assert_geq(counts(m).peak_bytes, before.bytes + 5 * PAGE);
    cr_assert_geq(counts(m).peak_regions, before.regions + 2);
    gate_m_release(m);
    stop(runtime);
}

static void *map_over(void *at) {
    return map_at(at, PAGE, PROT_NONE);
}

Test(region, a_cut_by_another_thread_is_a_peak_of_the_m_whose_region_it_is) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate_m_acquire();
    char *at = map(3 * PAGE);
    pthread_t other;
    struct gate_region_counts before = counts(m);
    cr_assert_eq(before.peak_regions, before.regions, "it has never had more");
    pthread_create(&other, NULL, map_over, at + PAGE);
    pthread_join(other, NULL);
    cr_assert_eq(find(at + PAGE).mapper, 0u);
    cr_assert_eq(counts(m).regions, before.regions + 1, "there is one on each side");
    cr_assert_eq(counts(m).peak_regions, before.regions + 1);
    gate_munmap(at, 3 * PAGE);
    gate_m_release(m);
    stop(runtime);
}

Test(region, what_an_m_mapped_stays_its_own_when_it_is_gone) {
    gate_runtime *runtime = start(1);
    char *at;
    join(spawn("maps", map_and_leave, &at));
    uint64_t mapper = find(at).mapper;
    stop(runtime);
    cr_assert_neq(mapper, 0u);
    cr_assert_eq(find(at).mapper, mapper);
    struct gate__account *others[16]; /* are not in its place */
    for (uint64_t i = 0; i < 16; i++)
        cr_assert_eq(gate__region_open_account(mapper + 1000 + i, &others[i]), 0);
    cr_assert_eq(find(at).mapper, mapper);
    for (int i = 0; i < 16; i++)
        gate__region_close_account(others[i]);
    gate_munmap(at, 7 * PAGE);
    gate__region_validate();
}

static void start_map_and_stop(size_t most) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate_m_acquire();
    cr_assert_eq(counts(m).peak_bytes, counts(m).bytes, "it has never had more");
    gate_munmap(map(most), most);
    cr_assert_geq(counts(m).peak_bytes, most);
    gate_m_release(m);
    stop(runtime);
}

Test(region, a_new_m_has_the_peaks_of_none_before_it) {
    start_map_and_stop(100 * PAGE);
    start_map_and_stop(PAGE);
}

Test(region, a_runtimes_mappings_have_an_owner_and_go_with_it) {
    struct gate_region_counts before = counts(NULL);
    gate_runtime *runtime = start(2);
    struct gate_region region;
    unsigned stacks = 0, others = 0;
    char *left;
    join(spawn("any", map_and_leave, &left));
    for (char *at = NULL; gate_region_next(at, &region) == 0; at = (char *)region.base + region.length) {
        stacks += region.tag && !strcmp(region.tag, "task stacks");
        others += region.tag && !strcmp(region.tag, "signal stack");
    }
    cr_assert_gt(stacks, 0u);
    cr_assert_gt(others, 0u);
    stop(runtime);
    cr_assert_eq(counts(NULL).regions, before.regions + 1, "what the task left");
    gate_munmap(left, 7 * PAGE);
}

#endif

/* Threads */

enum { THREADS = 8, EACH = 125000, KEPT = 16 };

static void *map_and_drop(void *unused) {
    char *kept[KEPT] = {NULL};
    uint64_t random = (uintptr_t)&kept;
    for (int i = 0; i < EACH; i++) {
        size_t slot = next_random(&random) % KEPT;
        if (kept[slot])
            gate_munmap(kept[slot], 2 * PAGE);
        kept[slot] = map(2 * PAGE);
        struct gate_region region = find(kept[slot] + PAGE);
        cr_assert(region.base == kept[slot] && region.length == 2 * PAGE);
    }
    for (size_t i = 0; i < KEPT; i++) {
        if (kept[i])
            gate_munmap(kept[i], 2 * PAGE);
    }
    return unused;
}

Test(region, a_million_mappings_from_8_threads_leave_the_table_empty) {
    pthread_t threads[THREADS];
    struct gate_region region;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, map_and_drop, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(counts(NULL).regions, 0u);
    cr_assert_eq(counts(NULL).bytes, 0u);
    cr_assert_eq(gate_region_next(NULL, &region), -ENOENT);
    gate__region_validate();
}

/* Readers see each region as it was at some time, never a mixture of two: what is read-only is one page, and
 * what is found has the address. A region that is being cut may be seen in more pieces than it will have. */

static _Atomic bool flipping;
static char *flipped;

static bool is_plausible(const struct gate_region *region, const char *address) {
    const char *base = region->base, *end = base + region->length;
    if (address < base || address >= end || base < flipped || end > flipped + 5 * PAGE)
        return false;
    return region->prot == READ_WRITE ||
           (region->prot == PROT_READ && base == flipped + 2 * PAGE && region->length == PAGE);
}

static void *read_while_it_changes(void *unused) {
    struct gate_region region;
    for (size_t i = 0; atomic_load(&flipping); i++) {
        cr_assert_eq(gate_region_find(flipped + i % 5 * PAGE, &region), 0);
        cr_assert(is_plausible(&region, flipped + i % 5 * PAGE), "page %zu: %zu pages from %p, %d", i % 5,
                  region.length / PAGE, region.base, region.prot);
    }
    return unused;
}

/* The writer's thread is interrupted, where there are signals, and the handler reads. */

#ifdef _WIN32

static void block_interruptions(bool block) {
    (void)block;
}

static void interrupt_every(int microseconds) {
    (void)microseconds;
}

static bool is_interrupted_enough(void) {
    return true;
}

#else

static _Atomic int signals_taken;

static void find_in_handler(int number) {
    struct gate_region region;
    (void)number;
    if (gate_region_find(flipped + 2 * PAGE, &region) || !is_plausible(&region, flipped + 2 * PAGE))
        abort();
    signals_taken++;
}

static void block_interruptions(bool block) {
    sigset_t profiling;
    sigemptyset(&profiling);
    sigaddset(&profiling, SIGPROF);
    pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &profiling, NULL);
}

/* 0: no more. */
static void interrupt_every(int microseconds) {
    struct itimerval often = {{0, microseconds}, {0, microseconds}};
    signal(SIGPROF, find_in_handler);
    setitimer(ITIMER_PROF, &often, NULL);
}

static bool is_interrupted_enough(void) {
    return signals_taken >= 20;
}

#endif

Test(region, readers_see_what_was_true_while_it_changes_even_in_a_signal_handler) {
    pthread_t readers[2];
    flipped = map(5 * PAGE);
    atomic_store(&flipping, true);
    block_interruptions(true); /* the readers' too */
    for (int i = 0; i < 2; i++)
        pthread_create(&readers[i], NULL, read_while_it_changes, NULL);
    block_interruptions(false);
    interrupt_every(200);
    for (int i = 0; i < 20000 || (!is_interrupted_enough() && i < 10000000); i++)
        cr_assert_eq(gate_mprotect(flipped + 2 * PAGE, PAGE, i % 2 ? READ_WRITE : PROT_READ), 0);
    interrupt_every(0);
    atomic_store(&flipping, false);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    cr_assert(is_interrupted_enough());
    gate_munmap(flipped, 5 * PAGE);
}

#ifndef _WIN32 /* which has no signals */

/* The other way round: a reader is interrupted, and the handler changes what it reads, in two steps. A reader holds
 * no latch, so the handler may. */

static const int steps_prot[] = {PROT_NONE, PROT_READ, READ_WRITE};
static const char *const steps_tag[] = {"0", "1", "2"};
static _Atomic unsigned steps;

static void take_a_step(int number) {
    unsigned next = ++steps % 3;
    (void)number;
    if (gate_mprotect(flipped, PAGE, steps_prot[next]) || gate_region_tag(flipped, PAGE, steps_tag[next]))
        abort();
}

/* How many of so many readings have the protection of one step, and the tag of another. */
static unsigned count_mixtures(unsigned readings) {
    unsigned mixtures = 0;
    while (readings-- > 0) {
        struct gate_region region = {0};
        mixtures += gate_region_find(flipped, &region) != 0 || region.prot != steps_prot[*region.tag - '0'];
    }
    return mixtures;
}

Test(region, a_reader_that_changes_interrupt_sees_all_of_them_or_none) {
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    flipped = map(PAGE);
    take_a_step(0);
    signal(SIGALRM, take_a_step);
    setitimer(ITIMER_REAL, &often, NULL);
    for (uint64_t end = gate__os_now() + 600000000; steps < 6000 && gate__os_now() < end;)
        cr_assert_eq(count_mixtures(10000), 0u);
    setitimer(ITIMER_REAL, &never, NULL);
    cr_assert_gt(steps, 20u);
    gate_munmap(flipped, PAGE);
}

#endif
