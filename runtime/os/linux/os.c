/* Linux behind os.h.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/os/os.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/arch/arch.h"
#include "runtime/layout.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* since Linux 6.13 */
#endif

GATE__HOT_CODE int gate__os_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset,
                                 void **result) {
    long got = gate__syscall(SYS_mmap, (long)address, (long)length, prot, flags, fd, (long)offset);
    if (got < 0 && got > -4096)
        return (int)got;
    *result = (void *)got;
    return 0;
}

GATE__HOT_CODE int gate__os_munmap(void *address, size_t length) {
    return (int)gate__syscall(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
}

int gate__os_mprotect(void *address, size_t length, int prot) {
    return (int)gate__syscall(SYS_mprotect, (long)address, (long)length, prot, 0, 0, 0);
}

int gate__os_madvise(void *address, size_t length, int advice) {
    return (int)gate__syscall(SYS_madvise, (long)address, (long)length, advice, 0, 0, 0);
}

int gate__os_msync(void *address, size_t length, int flags) {
    return (int)gate__syscall(SYS_msync, (long)address, (long)length, flags, 0, 0, 0);
}

/* By the descriptor of this very process, which is open no longer than the call: a child that is forked has none of
 * its parent's. */
int gate__os_madvise_all(const struct gate__os_range *ranges, size_t count, int advice) {
    _Static_assert(sizeof(struct gate__os_range) == sizeof(struct iovec), "they are the same to the kernel");
    static _Atomic bool is_absent;
    size_t total = 0;
    if (atomic_load_explicit(&is_absent, memory_order_relaxed))
        return -ENOSYS;
    for (size_t i = 0; i < count; i++)
        total += ranges[i].length;
    long self = gate__syscall(SYS_pidfd_open, getpid(), 0, 0, 0, 0, 0);
    if (self == -ENOSYS)
        atomic_store_explicit(&is_absent, true, memory_order_relaxed);
    if (self < 0)
        return -ENOSYS;
    long advised = gate__syscall(SYS_process_madvise, self, (long)ranges, (long)count, advice, 0, 0);
    gate__syscall(SYS_close, self, 0, 0, 0, 0, 0);
    return advised == (long)total ? 0 : -ENOSYS;
}

GATE__HOT_DATA _Atomic size_t gate__os_known_page_size;

size_t gate__os_find_page_size(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    atomic_store_explicit(&gate__os_known_page_size, size, memory_order_relaxed);
    return size;
}

bool gate__os_is_mapped(void *address) {
    unsigned char resident;
    uintptr_t page = (uintptr_t)address & -gate__os_page_size();
    return gate__syscall(SYS_mincore, (long)page, 1, (long)&resident, 0, 0, 0) == 0;
}

const void *gate__os_first_resident(const void *base, const void *end) {
    unsigned char resident[256] = {0};
    size_t page = gate__os_page_size();
    for (const char *at = base; at < (const char *)end; at += sizeof resident * page) {
        size_t pages = (size_t)((const char *)end - at) / page;
        pages = pages < sizeof resident ? pages : sizeof resident;
        if (gate__syscall(SYS_mincore, (long)at, (long)(pages * page), (long)resident, 0, 0, 0))
            return at;
        for (size_t i = 0; i < pages; i++) {
            if (resident[i] & 1)
                return at + i * page;
        }
    }
    return end;
}

void gate__os_at_fork(void (*before)(void), void (*after)(void), void (*after_in_child)(void)) {
    pthread_atfork(before, after, after_in_child);
}

const bool gate__os_unmaps_parts = true;
const int gate__os_guard_advice = MADV_GUARD_INSTALL;
const int gate__os_populate_advice = MADV_POPULATE_WRITE;

int gate__os_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    int saved_errno = errno, failed = sigaction(number, action, old) ? -errno : 0;
    errno = saved_errno;
    return failed;
}

uint64_t gate__os_set_signal_mask(uint64_t mask) {
    uint64_t old = 0;
    gate__syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&old, sizeof mask, 0, 0);
    return old;
}

uint64_t gate__os_signal_mask(void) {
    uint64_t mask = 0;
    gate__syscall(SYS_rt_sigprocmask, SIG_SETMASK, 0, (long)&mask, sizeof mask, 0, 0);
    return mask;
}

size_t gate__os_signal_frame_size(void) {
    size_t size = getauxval(AT_MINSIGSTKSZ); /* since Linux 5.14 */
    return size ? size : 4096;               /* enough for AVX-512 */
}

int gate__os_process_id(void) {
    return (int)gate__syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

int gate__os_thread_id(void) {
    return (int)gate__syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void gate__os_signal_thread(int thread, int number) {
    gate__syscall(SYS_tgkill, getpid(), thread, number, 0, 0, 0);
}

static long read_memory(uintptr_t address, void *to, size_t size) {
    struct iovec room = {to, size}, from = {(void *)address, size};
    return gate__syscall(SYS_process_vm_readv, getpid(), (long)&room, 1, (long)&from, 1, 0);
}

size_t gate__os_read(uintptr_t address, void *to, size_t size) {
    long got = read_memory(address, to, size);
    return got > 0 && (size_t)got <= size ? (size_t)got : 0;
}

/* A sandbox may refuse the system call that reads. One that sets a signal mask reads it before it finds that there is no
 * such way to set one: then the word, and all of its page, was there a moment ago. */
static bool probe(uintptr_t address) {
    enum { NO_WAY = 1000 };
    size_t size = sizeof(uint64_t);
    return gate__syscall(SYS_rt_sigprocmask, NO_WAY, (long)(address & -size), 0, (long)size, 0, 0) != -EFAULT;
}

#define READS_ANYTHING GATE__READS_UNSEEN __attribute__((no_sanitize("undefined")))

static READS_ANYTHING bool probe_and_read(uintptr_t address, uintptr_t *word) {
    if (!probe(address))
        return false;
    *word = *(const volatile uintptr_t *)address;
    return true;
}

static READS_ANYTHING void load(uintptr_t address, char *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        to[i] = ((const volatile char *)address)[i];
}

/* Page by page: the symbols of a large library are 100 000 words. */
static size_t probe_and_load(uintptr_t address, char *to, size_t size) {
    size_t page = gate__os_page_size(), got = 0;
    while (got < size && probe(address + got)) {
        size_t rest = page - (address + got) % page, part = rest < size - got ? rest : size - got;
        load(address + got, to + got, part);
        got += part;
    }
    return got;
}

size_t gate__os_read_or_load(uintptr_t address, void *to, size_t size) {
    long got = read_memory(address, to, size);
    if (got > 0 && (size_t)got <= size)
        return (size_t)got;
    return got == -EFAULT ? 0 : probe_and_load(address, to, size);
}

bool gate__os_read_word(uintptr_t address, uintptr_t *word) {
    *word = 0; /* a sanitizer doesn't see what the system stores */
    long got = read_memory(address, word, sizeof *word);
    return got == sizeof *word || (got != -EFAULT && address % sizeof *word == 0 && probe_and_read(address, word));
}

enum { MOST_FRAMES = 64, HANDLER_FRAMES = 16 };

void gate__os_load_unwinder(void) {
    void *frame;
    backtrace(&frame, 1);
}

/* The stack of a signal handler from pc on, where the signal came. */
static size_t backtrace_from(uintptr_t pc, void **frames, size_t most) {
    void *all[HANDLER_FRAMES + MOST_FRAMES];
    size_t count = (size_t)backtrace(all, HANDLER_FRAMES + MOST_FRAMES), first = 0;
    while (first < count && (uintptr_t)all[first] != pc)
        first++;
    count = count - first < most ? count - first : most;
    memcpy(frames, all + first, count * sizeof *frames);
    return count;
}

/* A jump to where no code is has no frame of its own, and its caller's can be found as if it had returned. The unwinder
 * must not see such a pc: it looks for what code is there. */
size_t gate__os_backtrace(void *context, void **frames, size_t most) {
    struct gate__os_place place = gate__os_context_place(context);
    uintptr_t code;
    size_t count = gate__os_read_word(place.pc, &code) ? backtrace_from(place.pc, frames, most) : 0;
    if (count > 1)
        return count;
    struct gate__os_place caller = gate__os_caller_of(place);
    frames[0] = (void *)place.pc;
    if (!gate__os_read_word(caller.pc, &code))
        return 1;
    gate__os_context_move(context, caller);
    count = backtrace_from(caller.pc, frames + 1, most - 1) + 1;
    gate__os_context_move(context, place);
    return count;
}

size_t gate__os_follow_frames(uintptr_t record, void **frames, size_t most) {
    size_t count = 0;
    uintptr_t next = 0, address = 0;
    for (; count < most && record % sizeof record == 0; record = next) {
        if (!gate__os_read_word(record, &next) || !gate__os_read_word(record + sizeof record, &address) || !address)
            break;
        frames[count++] = (void *)address;
        if (next <= record)
            break;
    }
    return count;
}

struct search {
    uintptr_t address;
    struct gate__os_origin found;
};

/* The loader has no name for the program itself. */
static int search_object(struct dl_phdr_info *info, size_t size, void *data) {
    struct search *search = data;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t at = search->address - (info->dlpi_addr + segment->p_vaddr);
        if (segment->p_type != PT_LOAD || at >= segment->p_filesz)
            continue;
        search->found.file = *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
        search->found.offset = segment->p_offset + at;
        return 1;
    }
    return 0;
}

struct gate__os_origin gate__os_origin_of(const void *constant) {
    struct search search = {(uintptr_t)constant, {NULL, 0}};
    dl_iterate_phdr(search_object, &search);
    return search.found;
}

static bool has_bytes(int fd, uint64_t offset, const char *bytes, size_t size) {
    char part[256] = "";
    long got = 1;
    for (size_t done = 0; done < size && got > 0; done += (size_t)got) {
        size_t rest = size - done;
        got = gate__syscall(SYS_pread64, fd, (long)part, (long)(rest < sizeof part ? rest : sizeof part),
                            (long)(offset + done), 0, 0);
        if (got > 0 && memcmp(part, bytes + done, (size_t)got) != 0)
            got = 0;
    }
    return got > 0;
}

int gate__os_open_origin(const struct gate__os_origin *origin, const void *bytes, size_t size) {
    if (!origin->file)
        return -ENOENT;
    int fd = (int)gate__syscall(SYS_openat, AT_FDCWD, (long)origin->file, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd >= 0 && !has_bytes(fd, origin->offset, bytes, size)) {
        gate__os_close(fd);
        return -ENOENT;
    }
    return fd;
}

void gate__os_write(int fd, const char *text, size_t length) {
    gate__syscall(SYS_write, fd, (long)text, (long)length, 0, 0, 0);
}

void gate__os_close(int fd) {
    gate__syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

int gate__os_event_make(void) {
    return (int)gate__syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0, 0, 0);
}

void gate__os_event_signal(int event) {
    uint64_t once = 1;
    gate__syscall(SYS_write, event, (long)&once, sizeof once, 0, 0, 0);
}

void gate__os_print_backtrace(void) {
    void *frames[32];
    gate__os_print_frames(frames, (size_t)backtrace(frames, 32));
}

void gate__os_relax(void) {
    gate__syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void gate__os_wait(_Atomic uint32_t *word, uint32_t value) {
    gate__syscall(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}

void gate__os_wake(_Atomic uint32_t *word) {
    gate__syscall(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

int gate__os_barrier_register(void) {
    return (int)gate__syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
}

void gate__os_barrier(void) {
    gate__syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
}

uint64_t gate__os_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t gate__os_random(void) {
    uint64_t random = 0;
    if (gate__syscall(SYS_getrandom, (long)&random, sizeof random, GRND_NONBLOCK, 0, 0, 0) != sizeof random)
        random = (gate__os_now() ^ (uintptr_t)&random ^ (uint64_t)getpid() << 40) * 0x9e3779b97f4a7c15u;
    return random;
}

void gate__os_precise_waits(void) {
    prctl(PR_SET_TIMERSLACK, 1ul);
}

int gate__os_stack_bounds(void **bottom, size_t *size) {
    pthread_attr_t attributes;
    int failed = pthread_getattr_np(pthread_self(), &attributes);
    if (failed)
        return -failed;
    pthread_attr_getstack(&attributes, bottom, size);
    pthread_attr_destroy(&attributes);
    return 0;
}
