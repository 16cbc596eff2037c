/* Guarded stacks for tasks, carved from large reservations and kept for the next task.
 *
 *   chunk:  | guard | stack 0 | guard | stack 1 | ... |
 *
 * The guard is one page below each stack. Where the kernel has guard pages of its own, which is asked once, they leave
 * the reservation one mapping, so that their number is not bounded by vm.max_map_count; elsewhere, and where memory is
 * locked, which can't have them, each is a mapping without access.
 *
 * A pool has stacks of one size. Each chunk is as large as all before it, from 1 to 16 MiB: a few tasks
 * reserve little, a million some thousand mappings.
 *
 *   fresh --refill--> warm --get--> in use --put--> warm --trim--> cold --refill--> warm
 *
 * A warm stack has its guard, and its uppermost page in memory. A cold one is addresses, and a number in its chunk.
 * Refilling and trimming take many stacks at a time: advice for 64 ranges is one system call, and a page that
 * is touched before it is there costs ten times as much as one that was asked for.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { LEAST_CHUNK = 1024 * 1024, LARGEST_CHUNK = 16 * LEAST_CHUNK };

struct gate__stack_chunk {
    struct gate__stack_chunk *next;
    struct gate__stack_chunk *next_open; /* of those that have cold or fresh stacks */
    bool is_open;
    char *base;
    size_t count;          /* of stacks */
    _Atomic size_t handed; /* so many, from the first on, are not fresh any more */
    size_t cold_count;
    uint32_t cold[]; /* their numbers */
};

static bool has_guard_pages;

void gate__stack_init(void) {
    has_guard_pages = gate__settings.guardpages && gate_madvise(NULL, 0, gate__os_guard_advice) == 0;
}

void gate__stack_pool_init(struct gate__stack_pool *pool, size_t size, const struct gate_runtime_config *config) {
    *pool = (struct gate__stack_pool){.size = size, .config = config, .batch = GATE__FIRST_BATCH};
    gate__lock_init(&pool->lock, GATE__RANK_LEAF);
}

static size_t stride_of(const struct gate__stack_pool *pool) {
    return pool->size + gate__os_page_size();
}

static size_t size_of_chunk(size_t count) {
    return sizeof(struct gate__stack_chunk) + count * sizeof(uint32_t);
}

static void free_chunk(struct gate__stack_pool *pool, struct gate__stack_chunk *chunk) {
    gate__init_deallocate(pool->config, chunk, size_of_chunk(chunk->count));
}

void gate__stack_pool_destroy(struct gate__stack_pool *pool) {
    struct gate__stack_chunk *chunk = pool->chunks;
    pool->chunks = NULL;
    while (chunk) {
        struct gate__stack_chunk *next = chunk->next;
        gate_munmap(chunk->base, chunk->count * stride_of(pool));
        free_chunk(pool, chunk);
        chunk = next;
    }
}

unsigned gate__stack_class(size_t size) {
    unsigned long more = (size - 1) / GATE__STACK_LEAST;
    unsigned class = more ? 8 * sizeof more - (unsigned)__builtin_clzl(more) : 0;
    return class < GATE__STACK_CLASSES ? class : GATE__STACK_CLASSES;
}

static struct gate__stack_chunk *newest(struct gate__stack_pool *pool) {
    return atomic_load_explicit(&pool->chunks, memory_order_acquire);
}

/* How many stacks the next chunk has. */
static size_t next_count(struct gate__stack_pool *pool) {
    size_t stride = stride_of(pool), bytes = LEAST_CHUNK;
    for (struct gate__stack_chunk *chunk = newest(pool); chunk && bytes < LARGEST_CHUNK; chunk = chunk->next)
        bytes += chunk->count * stride;
    bytes = bytes < LARGEST_CHUNK ? bytes : LARGEST_CHUNK;
    return bytes > stride ? bytes / stride : 1;
}

/* The chunk has stacks that nobody uses. The lock is held. */
static void open_up(struct gate__stack_pool *pool, struct gate__stack_chunk *chunk) {
    if (chunk->is_open)
        return;
    chunk->is_open = true;
    chunk->next_open = pool->open;
    pool->open = chunk;
}

static int grow(struct gate__stack_pool *pool) {
    size_t count = next_count(pool);
    struct gate__stack_chunk *chunk = gate__init_allocate(pool->config, size_of_chunk(count));
    if (!chunk)
        return -ENOMEM;
    chunk->count = count;
    void *base;
    int failed =
        count > SIZE_MAX / stride_of(pool) ? -ENOMEM : gate__mem_map(count * stride_of(pool), "task stacks", &base);
    if (failed) {
        free_chunk(pool, chunk);
        return failed;
    }
    chunk->base = base;
    gate__lock(&pool->lock);
    chunk->next = pool->chunks;
    atomic_store_explicit(&pool->chunks, chunk, memory_order_release);
    open_up(pool, chunk);
    gate__unlock(&pool->lock);
    return 0;
}

/* A warm stack's link to the next, in its last words. */
static struct gate__stack *link_of(struct gate__stack stack) {
    return (struct gate__stack *)(void *)(stack.base + stack.size) - 1;
}

static char *stack_of(const struct gate__stack_pool *pool, const struct gate__stack_chunk *chunk, size_t index) {
    return chunk->base + index * stride_of(pool) + gate__os_page_size();
}

/* Takes stacks that nobody uses, cold or fresh ones, as many as there are up to the pool's batch. */
static size_t claim(struct gate__stack_pool *pool, struct gate__stack *stacks) {
    size_t count = 0;
    gate__lock(&pool->lock);
    while (count < pool->batch && pool->open) {
        struct gate__stack_chunk *chunk = pool->open;
        size_t index = chunk->cold_count ? chunk->cold[--chunk->cold_count] : chunk->handed++;
        stacks[count++] = (struct gate__stack){stack_of(pool, chunk, index), pool->size, chunk};
        if (!chunk->cold_count && chunk->handed == chunk->count) {
            pool->open = chunk->next_open;
            chunk->is_open = false;
        }
    }
    if (pool->batch < GATE__LARGEST_BATCH)
        pool->batch *= 2;
    gate__unlock(&pool->lock);
    return count;
}

static void put_cold(struct gate__stack_pool *pool, const struct gate__stack *stacks, size_t count) {
    gate__lock(&pool->lock);
    while (count-- > 0) {
        struct gate__stack_chunk *chunk = stacks[count].chunk;
        chunk->cold[chunk->cold_count++] = (uint32_t)((size_t)(stacks[count].base - chunk->base) / stride_of(pool));
        open_up(pool, chunk);
    }
    gate__unlock(&pool->lock);
}

static void push_warm(struct gate__stack_pool *pool, struct gate__stack stack) {
    *link_of(stack) = pool->warm;
    pool->warm = stack;
    pool->warm_count++;
}

static bool pop_warm(struct gate__stack_pool *pool, struct gate__stack *stack) {
    if (!pool->warm.base)
        return false;
    *stack = pool->warm;
    pool->warm = *link_of(*stack);
    pool->warm_count--;
    return true;
}

/* Gives advice on length bytes at an offset of each stack. */
static int advise(const struct gate__stack *stacks, size_t count, ptrdiff_t offset, size_t length, int advice) {
    struct gate__os_range ranges[GATE__LARGEST_BATCH];
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct gate__os_range){stacks[i].base + offset, length};
    return gate__mem_advise_all(ranges, count, advice);
}

/* Makes the page below each stack one that must not be touched, if it isn't yet. */
static int guard(const struct gate__stack *stacks, size_t count) {
    size_t page = gate__os_page_size();
    int failed = has_guard_pages ? advise(stacks, count, -(ptrdiff_t)page, page, gate__os_guard_advice) : -EINVAL;
    if (failed != -EINVAL)
        return failed;
    failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = gate_mprotect(stacks[i].base - page, page, PROT_NONE);
    return failed;
}

/* Makes some stacks warm. */
static int refill(struct gate__stack_pool *pool) {
    struct gate__stack stacks[GATE__LARGEST_BATCH];
    size_t page = gate__os_page_size(), count = claim(pool, stacks);
    if (!count)
        return grow(pool);
    int failed = guard(stacks, count);
    if (failed) {
        put_cold(pool, stacks, count);
        return failed;
    }
    advise(stacks, count, (ptrdiff_t)(pool->size - page), page, gate__os_populate_advice); /* or a fault does it */
    gate__lock(&pool->lock);
    while (count-- > 0)
        push_warm(pool, stacks[count]);
    gate__unlock(&pool->lock);
    return 0;
}

int gate__stack_get(struct gate__stack_pool *pool, struct gate__stack *stack) {
    for (;;) {
        gate__lock(&pool->lock);
        bool taken = pop_warm(pool, stack);
        gate__unlock(&pool->lock);
        if (taken)
            return 0;
        int failed = refill(pool);
        if (failed)
            return failed;
    }
}

/* Gives the pages of some warm stacks back to the system. */
static void trim(struct gate__stack_pool *pool) {
    struct gate__stack stacks[GATE__LARGEST_BATCH];
    size_t count = 0;
    gate__lock(&pool->lock);
    while (count < GATE__LARGEST_BATCH && pool->warm_count > GATE__KEPT_WARM && pop_warm(pool, &stacks[count]))
        count++;
    gate__unlock(&pool->lock);
    advise(stacks, count, 0, pool->size, MADV_DONTNEED);
    put_cold(pool, stacks, count);
}

void gate__stack_put(struct gate__stack_pool *pool, struct gate__stack stack) {
    gate__lock(&pool->lock);
    push_warm(pool, stack);
    bool enough = pool->warm_count >= GATE__KEPT_WARM + GATE__LARGEST_BATCH;
    gate__unlock(&pool->lock);
    if (enough)
        trim(pool);
}

void gate__stack_visit(struct gate__stack_pool *pool, void (*fn)(void *argument, struct gate__stack stack),
                       void *argument) {
    for (struct gate__stack_chunk *chunk = newest(pool); chunk; chunk = chunk->next) {
        for (size_t i = 0, end = chunk->handed; i < end; i++)
            fn(argument, (struct gate__stack){stack_of(pool, chunk, i), pool->size, chunk});
    }
}

/* Poison: what a stack is filled with, so that its use leaves traces */

enum { POISON = 0xb5 };

/* The lowest word without poison; end if there is none. They are words of frames that may be in use by now. */
static GATE__READS_UNSEEN const char *first_clean(const char *base, const char *end) {
    const uintptr_t poison = UINTPTR_MAX / 0xff * POISON;
    while (base < end && *(const volatile uintptr_t *)(const void *)base == poison)
        base += sizeof poison;
    return base;
}

void gate__stack_poison(const struct gate__stack *stack, const void *end) {
    memset(stack->base, POISON, (size_t)((const char *)end - stack->base));
}

size_t gate__stack_used(const struct gate__stack *stack) {
    const char *end = stack->base + stack->size;
    const char *lowest =
        gate__settings.stackpoison ? first_clean(stack->base, end) : gate__os_first_resident(stack->base, end);
    return (size_t)(end - lowest);
}

/* Forks */

/* No stack of the chunk is handed out any more. Only the one that kept has, if it has that, keeps its content. */
static void forget(const struct gate__stack_pool *pool, struct gate__stack_chunk *chunk,
                   const struct gate__stack *kept) {
    char *end = chunk->base + chunk->count * stride_of(pool);
    chunk->cold_count = 0;
    chunk->is_open = false;
    if (!kept || kept->chunk != chunk) {
        chunk->handed = 0;
        gate__mem_renew(chunk->base, (size_t)(end - chunk->base));
        return;
    }
    char *guard = kept->base - gate__os_page_size(), *above = kept->base + kept->size;
    if (guard > chunk->base)
        gate__mem_renew(chunk->base, (size_t)(guard - chunk->base));
    if (end > above)
        gate__mem_renew(above, (size_t)(end - above));
}

void gate__stack_pool_forget(struct gate__stack_pool *pool, const struct gate__stack *kept) {
    gate__lock_init(&pool->lock, GATE__RANK_LEAF);
    pool->warm = (struct gate__stack){NULL, 0, NULL};
    pool->warm_count = 0;
    pool->batch = GATE__FIRST_BATCH;
    pool->open = NULL;
    for (struct gate__stack_chunk *chunk = newest(pool); chunk; chunk = chunk->next)
        forget(pool, chunk, kept);
}

bool gate__stack_guards(const struct gate__stack *stack, const void *address) {
    const char *at = address;
    return at < stack->base && at >= stack->base - gate__os_page_size();
}
