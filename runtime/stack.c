/* Guarded stacks for tasks, carved from large reservations and kept for the next task.
 *
 *   chunk:  | guard | stack 0 | guard | stack 1 | ... |
 *
 * The guard is one page below each stack. Where the kernel has guard pages of its own they leave the
 * reservation one mapping, so that their number is not bounded by vm.max_map_count; elsewhere each is
 * a mapping without access.
 *
 * Stacks of another size than the pool's are chunks of one, unmapped as soon as they are put back.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { STACKS_PER_CHUNK = 32 };

struct gate__stack_chunk {
    struct gate__stack_chunk *next;
    void *base;
    size_t length;
};

static size_t round_up(size_t size) {
    size_t page = gate__os_page_size();
    return (size + page - 1) / page * page;
}

void gate__stack_pool_init(struct gate__stack_pool *pool, size_t size) {
    *pool = (struct gate__stack_pool){.size = round_up(size)};
    gate__lock_init(&pool->lock, GATE__RANK_LEAF);
}

void gate__stack_pool_destroy(struct gate__stack_pool *pool) {
    while (pool->chunks) {
        struct gate__stack_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        gate_munmap(chunk->base, chunk->length);
        free(chunk);
    }
    pool->free = NULL;
}

static int guard(void *page, size_t size) {
    static _Atomic bool missing;
    if (!missing && gate__settings.guardpages) {
        int failed = gate_madvise(page, size, gate__os_guard_advice);
        if (failed != -EINVAL)
            return failed;
        missing = true;
    }
    return gate_mprotect(page, size, PROT_NONE);
}

/* Maps count stacks of size bytes in one piece, each with its guard. */
static int map_stacks(size_t size, size_t count, char **base) {
    size_t page = gate__os_page_size(), stride = page + size;
    void *got;
    int failed = gate__mem_map(stride * count, "task stacks", &got);
    if (failed)
        return failed;
    for (size_t i = 0; i < count && !failed; i++)
        failed = guard((char *)got + i * stride, page);
    if (failed)
        gate_munmap(got, stride * count);
    else
        *base = got;
    return failed;
}

/* The free list's link, in the last word of a free stack: the page that is in use anyway. */
static void **link_of(char *base, size_t size) {
    return (void **)(base + size) - 1;
}

static void push_free(struct gate__stack_pool *pool, char *base) {
    *link_of(base, pool->size) = pool->free;
    pool->free = base;
}

static int grow(struct gate__stack_pool *pool) {
    struct gate__stack_chunk *chunk = malloc(sizeof *chunk);
    if (!chunk)
        return -ENOMEM;
    size_t page = gate__os_page_size(), stride = page + pool->size;
    char *base;
    int failed = map_stacks(pool->size, STACKS_PER_CHUNK, &base);
    if (failed) {
        free(chunk);
        return failed;
    }
    gate__lock(&pool->lock);
    *chunk = (struct gate__stack_chunk){pool->chunks, base, stride * STACKS_PER_CHUNK};
    pool->chunks = chunk;
    for (size_t i = STACKS_PER_CHUNK; i-- > 0;)
        push_free(pool, base + i * stride + page);
    gate__unlock(&pool->lock);
    return 0;
}

static bool pop_free(struct gate__stack_pool *pool, struct gate__stack *stack) {
    gate__lock(&pool->lock);
    char *base = pool->free;
    if (base) {
        pool->free = *link_of(base, pool->size);
        *link_of(base, pool->size) = NULL;
        *stack = (struct gate__stack){base, pool->size};
    }
    gate__unlock(&pool->lock);
    return base != NULL;
}

int gate__stack_get(struct gate__stack_pool *pool, size_t size, struct gate__stack *stack) {
    size = size ? round_up(size) : pool->size;
    if (size != pool->size) {
        char *base;
        int failed = map_stacks(size, 1, &base);
        if (!failed)
            *stack = (struct gate__stack){base + gate__os_page_size(), size};
        return failed;
    }
    while (!pop_free(pool, stack)) {
        int failed = grow(pool);
        if (failed)
            return failed;
    }
    return 0;
}

void gate__stack_put(struct gate__stack_pool *pool, struct gate__stack stack) {
    size_t page = gate__os_page_size();
    if (stack.size != pool->size) {
        gate_munmap(stack.base - page, page + stack.size);
        return;
    }
    gate__lock(&pool->lock);
    push_free(pool, stack.base);
    gate__unlock(&pool->lock);
}

bool gate__stack_guards(const struct gate__stack *stack, const void *address) {
    const char *at = address;
    return at < stack->base && at >= stack->base - gate__os_page_size();
}
