/* Pins: which ranges of the host's memory must stay where they are.
 *
 * A range of up to 2^c bytes, c its class, lies in one cell of 2^c bytes or two that are side by side. It is found
 * under the cell that its base is in. So what contains an address is, for each class, under the address's cell or the
 * one before, and there are few classes: a look takes as long with many pins as with few. (A tree of ranges takes
 * longer the more there are; a hash by page has a large range under each of its pages.)
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

enum { CLASSES = 64 };

struct pin {
    uintptr_t base;
    size_t size, count;
    struct pin *next; /* in its bucket */
};

static struct gate__lock pins_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static struct pin *first_buckets[GATE__PIN_BUCKETS];
static struct pin **buckets = first_buckets;
static size_t bucket_count = GATE__PIN_BUCKETS; /* a power of two */
static size_t pin_count, count_of_class[CLASSES];
static uint64_t classes; /* bit c: count_of_class[c] > 0 */

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&pins_lock);
}

static unsigned class_of(size_t size) {
    return size > 1 ? 64 - (unsigned)__builtin_clzll(size - 1) : 0;
}

/* The bucket of a cell, which is counted in its class's size. */
static struct pin **bucket_of(unsigned class, uintptr_t cell) {
    uint64_t mixed = (cell + class) * 0x9e3779b97f4a7c15u;
    return &buckets[(mixed ^ mixed >> 32) & (bucket_count - 1)];
}

static struct pin **bucket_of_range(uintptr_t base, size_t size) {
    unsigned class = class_of(size);
    return bucket_of(class, base >> class);
}

/* What points to the range's pin, or would; all under the lock, as the next four. */
static struct pin **find(uintptr_t base, size_t size) {
    struct pin **link = bucket_of_range(base, size);
    while (*link && ((*link)->base != base || (*link)->size != size))
        link = &(*link)->next;
    return link;
}

static void insert(struct pin *pin) {
    struct pin **bucket = bucket_of_range(pin->base, pin->size);
    unsigned class = class_of(pin->size);
    pin->next = *bucket;
    *bucket = pin;
    pin_count++;
    count_of_class[class]++;
    classes |= (uint64_t)1 << class;
}

static void take_out(struct pin **link) {
    unsigned class = class_of((*link)->size);
    *link = (*link)->next;
    pin_count--;
    if (--count_of_class[class] == 0)
        classes &= ~((uint64_t)1 << class);
}

static bool covers(const struct pin *bucket, uintptr_t address) {
    while (bucket && address - bucket->base >= bucket->size)
        bucket = bucket->next;
    return bucket != NULL;
}

static void move_to(struct pin **larger, size_t count) {
    struct pin **old = buckets;
    size_t old_count = bucket_count;
    buckets = larger;
    bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct pin *pin = old[i], *next; pin; pin = next) {
            struct pin **bucket = bucket_of_range(pin->base, pin->size);
            next = pin->next;
            pin->next = *bucket;
            *bucket = pin;
        }
    }
}

/* Makes the table of count buckets larger, unless somebody has meanwhile. Without memory, looks take longer. */
static void grow(size_t count) {
    struct pin **larger = calloc(2 * count, sizeof *larger), **freed = larger;
    if (!larger)
        return;
    gate__lock(&pins_lock);
    if (bucket_count == count) {
        freed = buckets == first_buckets ? NULL : buckets;
        move_to(larger, 2 * count);
    }
    gate__unlock(&pins_lock);
    free((void *)freed);
}

int gate_pin(const void *address, size_t size) {
    uintptr_t base = (uintptr_t)address;
    size += !size;
    if (!base || size > PTRDIFF_MAX || size - 1 > UINTPTR_MAX - base)
        return -EINVAL;
    struct pin *made = malloc(sizeof *made);
    if (!made)
        return -ENOMEM;
    *made = (struct pin){base, size, 1, NULL};
    gate__lock(&pins_lock);
    struct pin *known = *find(base, size);
    if (known)
        known->count++;
    else
        insert(made);
    size_t count = bucket_count;
    bool full = pin_count > count;
    gate__unlock(&pins_lock);
    if (known)
        free(made);
    if (full)
        grow(count);
    return 0;
}

void gate_unpin(const void *base, size_t size) {
    size += !size;
    gate__lock(&pins_lock);
    struct pin **link = find((uintptr_t)base, size), *pin = *link;
    bool ends = pin && --pin->count == 0;
    if (ends)
        take_out(link);
    gate__unlock(&pins_lock);
    if (!pin)
        gate__fatal("gate_unpin", "%zu bytes at %p are not pinned", size, base);
    if (ends)
        free(pin);
}

int gate_pin_is_pinned(const void *pointer) {
    uintptr_t address = (uintptr_t)pointer;
    bool found = false;
    gate__lock(&pins_lock);
    for (uint64_t left = classes; left && !found; left &= left - 1) {
        unsigned class = (unsigned)__builtin_ctzll(left);
        uintptr_t cell = address >> class;
        found = covers(*bucket_of(class, cell), address) || covers(*bucket_of(class, cell - 1), address);
    }
    gate__unlock(&pins_lock);
    return found;
}

size_t gate_pin_list(struct gate_pinned *ranges, size_t room) {
    size_t count = 0;
    gate__lock(&pins_lock);
    for (size_t i = 0; i < bucket_count; i++) {
        for (const struct pin *pin = buckets[i]; pin; pin = pin->next, count++) {
            if (count < room)
                ranges[count] = (struct gate_pinned){(const void *)pin->base, pin->size, pin->count};
        }
    }
    gate__unlock(&pins_lock);
    return count;
}
