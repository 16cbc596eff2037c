/* The memory entry points: each goes to its hook, on the system stack, or to a raw system call.
 *
 * The table of hooks is OPEN until the first registration or the first mapping, whichever comes
 * first, and FROZEN ever after: from then on it is read without any ordering beyond the one load.
 *
 *   OPEN --register [any]--> FROZEN
 *   OPEN --first entry [any], by linked hooks--> FROZEN
 *
 * Around the system call or hook stands the region table (region.c). No lock is held in between:
 *
 *   map:           the call; add to the table; if there is no memory for that, unmap again
 *   map over what
 *   is mapped, or
 *   protect:       promise memory for the change; the call; change the table, or take the promise back
 *   unmap:         take the pages out of the table; the call, which may not fail
 *
 * An unmap comes after its change since the pages may be another thread's as soon as the kernel has them.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* The kernel, with the signatures of hooks */

static inline void unmap_or_die(void *address, size_t length) {
    int failed = gate__os_munmap(address, length);
    if (failed) {
        fprintf(stderr, "callgate: munmap(%p, %zu) failed with errno %d\n", address, length, -failed);
        gate__throw("munmap");
    }
}

static uintptr_t system_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd,
                             uint32_t offset) {
    void *at;
    int failed = gate__os_mmap(address, length, prot, flags, fd, offset, &at);
    return failed ? (uintptr_t)-failed : (uintptr_t)at;
}

static void system_munmap(void *address, uintptr_t length) {
    unmap_or_die(address, length);
}

static int32_t system_mprotect(void *address, uintptr_t length, int32_t prot) {
    return -gate__os_mprotect(address, length, prot);
}

static int32_t system_madvise(void *address, uintptr_t length, int32_t advice) {
    return -gate__os_madvise(address, length, advice);
}

static int32_t system_msync(void *address, uintptr_t length, int32_t flags) {
    return -gate__os_msync(address, length, flags);
}

static int32_t system_sigaction(int32_t number, const struct sigaction *action, struct sigaction *old) {
    return -gate__os_sigaction(number, action, old);
}

void gate_mem_hooks_complete(struct gate_mem_hooks *table) {
    if (table->size < sizeof *table)
        gate__fatal("gate_mem_hooks_complete", "the table has %zu bytes, and this library's has %zu", table->size,
                    sizeof *table);
    if (!table->mmap != !table->munmap)
        gate__fatal("gate_mem_hooks_complete", "the table has only one of mmap and munmap");
    if (!table->mmap) {
        table->mmap = system_mmap;
        table->munmap = system_munmap;
    }
    table->mprotect = table->mprotect ? table->mprotect : system_mprotect;
    table->madvise = table->madvise ? table->madvise : system_madvise;
    table->msync = table->msync ? table->msync : system_msync;
    table->sigaction = table->sigaction ? table->sigaction : system_sigaction;
}

int gate__mem_begin_layer(struct gate_mem_hooks *table, struct gate_mem_hooks *below) {
    if (table->size < sizeof *table || !table->mmap != !table->munmap)
        return -EINVAL;
    if (below->size)
        return -EBUSY;
    gate_mem_hooks_complete(table);
    *below = *table;
    return 0;
}

/* The table */

enum table_state { OPEN, FROZEN };

GATE__HOT_DATA static struct gate_mem_hooks hooks;
GATE__HOT_DATA static _Atomic uint32_t table_state;
GATE__HOT_DATA static _Atomic bool writable_code_allowed;
static struct gate_mem_hooks linked;

static void find_linked(void) {
    gate__os_layer *layers[GATE__OS_LAYERS];
    linked.size = sizeof linked;
    gate__os_find_linked(&linked, layers);
    if (!linked.mmap != !linked.munmap)
        gate__fatal("gate_hook_mmap", "the program defines only one of gate_hook_mmap and gate_hook_munmap");
    for (int i = 0; i < GATE__OS_LAYERS; i++) {
        if (layers[i])
            layers[i](&linked);
    }
}

static const struct gate_mem_hooks *linked_hooks(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_linked);
    return &linked;
}

static bool has_hooks(const struct gate_mem_hooks *table) {
    return table->mmap || table->mprotect || table->madvise || table->msync || table->sigaction;
}

/* Fills the table in, unless somebody has; false then. */
static bool fill(const struct gate_mem_hooks *table) {
    gate__region_hold();
    bool is_open = atomic_load_explicit(&table_state, memory_order_relaxed) == OPEN;
    if (is_open) {
        hooks = *table;
        hooks.size = sizeof hooks;
        atomic_store_explicit(&table_state, FROZEN, memory_order_release);
    }
    gate__region_let_go();
    return is_open;
}

static __attribute__((noinline)) void freeze_now(void) {
    fill(linked_hooks());
}

static inline void freeze(void) {
    if (__builtin_expect(atomic_load_explicit(&table_state, memory_order_acquire) != FROZEN, 0))
        freeze_now();
}

static int refuse(const char *why) {
    fprintf(stderr, "callgate: gate_mem_register_hooks: %s\n", why);
    return -EINVAL;
}

int gate_mem_register_hooks(const struct gate_mem_hooks *given) {
    struct gate_mem_hooks table = {0};
    if (given->size < sizeof given->size)
        return refuse("the table's size is not set");
    if (given->size % sizeof(void *))
        return refuse("the table's size is not that of any version");
    if (given->size > sizeof table)
        return refuse("the table is of a later version than this library");
    memcpy(&table, given, given->size); /* a shorter one is older, and leaves the rest to the kernel */
    if (table.mmap && !table.munmap)
        return refuse("the table has mmap without munmap");
    if (table.munmap && !table.mmap)
        return refuse("the table has munmap without mmap");
    return !has_hooks(linked_hooks()) && fill(&table) ? 0 : -EBUSY;
}

void gate_mem_hooks_active(struct gate_mem_hooks *active) {
    bool frozen = atomic_load_explicit(&table_state, memory_order_acquire) == FROZEN;
    size_t room = active->size < sizeof hooks ? active->size : sizeof hooks;
    memcpy(active, frozen ? &hooks : linked_hooks(), room);
    active->size = room;
}

/* Pages writable and executable */

void gate__mem_allow_writable_code(void) {
    atomic_store(&writable_code_allowed, true);
}

static bool is_refused(int prot) {
    return prot & PROT_WRITE && prot & PROT_EXEC && !atomic_load(&writable_code_allowed);
}

/* Calling hooks */

/* One request, so that a hook can be called on the system stack with a single argument. */
struct request {
    void *address;
    size_t length;
    int32_t option; /* protection, advice or flags of msync */
    int32_t flags;
    int32_t fd;
    uint32_t offset;
    uintptr_t answer;
    const void *caller;
    void (*call)(struct request *);
};

/* Who asked for what the thread's hook is doing. Used on the system stack, where no task moves away. */
static _Thread_local const void *hook_caller __attribute__((tls_model("initial-exec")));

const void *gate_mem_caller(void) {
    return hook_caller;
}

GATE__HOT_CODE static void call_mmap(struct request *r) {
    r->answer = hooks.mmap(r->address, r->length, r->option, r->flags, r->fd, r->offset);
}

GATE__HOT_CODE static void call_munmap(struct request *r) {
    hooks.munmap(r->address, r->length);
}

static void call_mprotect(struct request *r) {
    r->answer = (uintptr_t)hooks.mprotect(r->address, r->length, r->option);
}

static void call_madvise(struct request *r) {
    r->answer = (uintptr_t)hooks.madvise(r->address, r->length, r->option);
}

static void call_msync(struct request *r) {
    r->answer = (uintptr_t)hooks.msync(r->address, r->length, r->option);
}

GATE__HOT_CODE static void on_system_stack(void *data) {
    struct request *request = data;
    hook_caller = request->caller;
    request->call(request);
    hook_caller = NULL;
}

GATE__HOT_CODE static __attribute__((noinline)) void call_hook(struct request *request) {
    gate__lock_assert_none();
    gate__switch_call(gate__m(), on_system_stack, request);
}

/* The same where the answer is an error, or 0. */
static int hooked(struct request *request) {
    call_hook(request);
    return -(int)request->answer;
}

/* What the entry points do to the system: the table of regions knows nothing of it yet */

static inline int map(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, const void *caller,
                      void **result) {
    if (!hooks.mmap)
        return gate__os_mmap(address, length, prot, flags, fd, offset, result);
    struct request r = {address, length, prot, flags, fd, (uint32_t)offset, 0, caller, call_mmap};
    call_hook(&r);
    if (r.answer < 4096)
        return r.answer ? -(int)r.answer : -ENOMEM;
    *result = (void *)r.answer;
    return 0;
}

static inline void unmap(void *address, size_t length, const void *caller) {
    if (hooks.munmap)
        call_hook(&(struct request){.address = address, .length = length, .caller = caller, .call = call_munmap});
    else
        unmap_or_die(address, length);
}

static int protect(void *address, size_t length, int prot, const void *caller) {
    if (!hooks.mprotect)
        return gate__os_mprotect(address, length, prot);
    return hooked(&(struct request){
        .address = address, .length = length, .option = prot, .caller = caller, .call = call_mprotect});
}

/* The entry points */

/* A mapping over others has failed: the kernel may have unmapped these first. */
static void forget_unmapped(char *address, size_t length) {
    const void *at = address, *end = address + gate__os_in_pages(length);
    struct gate_region part;
    while (gate__region_next_part(&at, end, &part)) {
        if (!gate__os_is_mapped(part.base))
            gate__region_remove(part.base, part.length);
    }
}

/* Over pages that may be mapped already: there is no way back, so the table has its memory before. */
static __attribute__((noinline)) int map_fixed(void *address, size_t length, int flags, int fd, uint64_t offset,
                                               const struct gate__region_origin *origin, void **result) {
    if (!gate__region_fits(address, length))
        return -ENOMEM;
    int failed = gate__region_expect();
    if (failed)
        return failed;
    failed = map(address, length, origin->prot, flags, fd, offset, origin->caller, result);
    if (!failed) {
        gate__region_add(*result, length, origin);
        return 0;
    }
    forget_unmapped(address, length);
    gate__region_forget();
    return failed;
}

static inline int map_listed(void *address, size_t length, int flags, int fd, uint64_t offset,
                             const struct gate__region_origin *origin, void **result) {
    void *at = NULL;
    freeze();
    if (is_refused(origin->prot))
        return -EACCES;
    if (hooks.mmap && offset > UINT32_MAX)
        return -EOVERFLOW;
    if (flags & (MAP_FIXED | MAP_HUGETLB))
        return flags & MAP_HUGETLB ? -ENOTSUP : map_fixed(address, length, flags, fd, offset, origin, result);
    int failed = map(address, length, origin->prot, flags, fd, offset, origin->caller, &at);
    if (failed)
        return failed;
    failed = gate__region_add_new(at, length, origin);
    if (failed)
        unmap(at, length, origin->caller);
    else
        *result = at;
    return failed;
}

GATE__HOT_CODE int gate_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset,
                             void **result) {
    struct gate__region_origin origin = {NULL, __builtin_return_address(0), GATE_REGION_MAPPED, prot};
    return map_listed(address, length, flags, fd, offset, &origin, result);
}

int gate__mem_map_as(size_t length, const struct gate__region_origin *origin, void **base) {
    return map_listed(NULL, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, origin, base);
}

int gate__mem_map(size_t length, const char *tag, void **base) {
    struct gate__region_origin origin = {tag, __builtin_return_address(0), GATE_REGION_MAPPED, PROT_READ | PROT_WRITE};
    return gate__mem_map_as(length, &origin, base);
}

int gate__mem_map_stack(void *near, size_t length, const char *tag, void **base) {
    struct gate__region_origin origin = {tag, __builtin_return_address(0), GATE_REGION_MAPPED, PROT_READ | PROT_WRITE};
    return map_listed(near, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0, &origin, base);
}

int gate__mem_map_code(void *at, size_t length, const char *tag, int file, uint64_t offset) {
    struct gate__region_origin origin = {tag, __builtin_return_address(0), GATE_REGION_MAPPED, PROT_READ | PROT_EXEC};
    return map_listed(at, length, MAP_PRIVATE | MAP_FIXED, file, offset, &origin, &at);
}

void gate__mem_renew(void *base, size_t length) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    if (gate__os_mmap(base, length, PROT_READ | PROT_WRITE, flags, -1, 0, &base))
        gate__throw("memory that a fork has left can't be given back");
}

int gate__mem_map_unlisted(size_t length, void **base) {
    freeze();
    return map(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, NULL, base);
}

GATE__HOT_CODE int gate_munmap(void *address, size_t length) {
    freeze();
    int failed = gate__region_remove(address, length);
    if (!failed)
        unmap(address, length, __builtin_return_address(0));
    return failed;
}

int gate_mprotect(void *address, size_t length, int prot) {
    freeze();
    if (is_refused(prot))
        return -EACCES;
    int failed = gate__region_expect();
    if (failed)
        return failed;
    failed = protect(address, length, prot, __builtin_return_address(0));
    if (failed)
        gate__region_forget();
    else
        gate__region_protect(address, length, prot);
    return failed;
}

int gate_madvise(void *address, size_t length, int advice) {
    freeze();
    if (!hooks.madvise)
        return gate__os_madvise(address, length, advice);
    return hooked(&(struct request){.address = address,
                                    .length = length,
                                    .option = advice,
                                    .caller = __builtin_return_address(0),
                                    .call = call_madvise});
}

int gate__mem_advise_all(const struct gate__os_range *ranges, size_t count, int advice) {
    freeze();
    int failed = hooks.madvise ? -ENOSYS : gate__os_madvise_all(ranges, count, advice);
    if (failed != -ENOSYS)
        return failed;
    failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = gate_madvise(ranges[i].base, ranges[i].length, advice);
    return failed;
}

int gate_msync(void *address, size_t length, int flags) {
    freeze();
    if (!hooks.msync)
        return gate__os_msync(address, length, flags);
    return hooked(&(struct request){.address = address,
                                    .length = length,
                                    .option = flags,
                                    .caller = __builtin_return_address(0),
                                    .call = call_msync});
}

int gate__mem_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    freeze();
    gate__lock_assert_none();
    return hooks.sigaction ? -hooks.sigaction(number, action, old) : gate__os_sigaction(number, action, old);
}
