/* The memory calls of os.h on Windows.
 *
 * A mapping is a reservation: one call of VirtualAlloc, or a view of a file. Windows takes it away as a whole, and
 * puts none over another; parts of one have memory or not:
 *
 *   PROT_NONE from mmap --> reserved   --mprotect, with an access-------------> committed
 *   an access from mmap --> committed  --mprotect, PROT_NONE; MADV_DONTNEED---> reserved
 *
 * PROT_NONE alone keeps pages committed, with what is in them. Memory is promised when pages are committed, so
 * a heap's transitions (heap.c) are Windows' own.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <io.h>
#include <sys/mman.h>
#include <windows.h>
#include <psapi.h>

#include "runtime/os/os.h"

enum {
    UNIT = 65536, /* reservations begin at multiples of it */
    PROTS = PROT_READ | PROT_WRITE | PROT_EXEC,
    FIXED_FLAGS = MAP_FIXED | MAP_FIXED_NOREPLACE,
    FLAGS = MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | FIXED_FLAGS,
};

/* Asked after a mapping over others has failed: Windows has changed nothing then. */
bool gate__os_is_mapped(void *address) {
    (void)address;
    return true;
}

const void *gate__os_first_resident(const void *base, const void *end) {
    PSAPI_WORKING_SET_EX_INFORMATION pages[64];
    size_t page = gate__os_page_size();
    for (const char *at = base; at < (const char *)end;) {
        DWORD count = 0;
        for (; count < sizeof pages / sizeof *pages && at < (const char *)end; at += page)
            pages[count++].VirtualAddress = (void *)(uintptr_t)at;
        if (!QueryWorkingSetEx(GetCurrentProcess(), pages, count * sizeof *pages))
            return pages[0].VirtualAddress;
        for (DWORD i = 0; i < count; i++) {
            if (pages[i].VirtualAttributes.Valid)
                return pages[i].VirtualAddress;
        }
    }
    return end;
}

const bool gate__os_unmaps_parts = false;
const int gate__os_guard_advice = -1; /* no advice of Windows' */
const int gate__os_populate_advice = -1;

/* What a call that has just failed says. Arguments are checked before it: where Windows finds one wrong it is
 * the length, more than there are addresses. */
static int last_error(void) {
    switch (GetLastError()) {
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NO_SYSTEM_RESOURCES:
    case ERROR_INVALID_PARAMETER:
    case ERROR_INVALID_ADDRESS:
        return -ENOMEM;
    case ERROR_ACCESS_DENIED:
        return -EACCES;
    default:
        return -EINVAL;
    }
}

/* The access to pages; copies says that they are a file's, of which each write makes a private copy. */
static DWORD protection_of(int prot, bool copies) {
    if (prot & PROT_EXEC)
        return prot & PROT_WRITE ? PAGE_EXECUTE_READWRITE : PAGE_EXECUTE_READ;
    if (prot & PROT_WRITE)
        return copies ? PAGE_WRITECOPY : PAGE_READWRITE;
    return prot & PROT_READ ? PAGE_READONLY : PAGE_NOACCESS;
}

/* Mapping */

struct wanted {
    size_t length;
    int prot;
    HANDLE section; /* NULL: anonymous memory */
    DWORD access;   /* to the section, by the view */
    uint64_t offset;
};

/* Whether the request is one that Windows can do, the file aside. */
static int check(const void *address, size_t length, int prot, int flags) {
    if (length == 0 || prot & ~PROTS || !(flags & MAP_SHARED) == !(flags & MAP_PRIVATE))
        return -EINVAL;
    if (flags & ~FLAGS)
        return -ENOTSUP;
    if (!(flags & FIXED_FLAGS))
        return 0;
    if (!address || (uintptr_t)address % gate__os_page_size())
        return -EINVAL;
    return (uintptr_t)address % UNIT ? -ENOTSUP : 0;
}

/* How much of length bytes the file has, or 0 if it does not have each of their pages: a view can't reach beyond
 * the file's end, but has the whole page that it lies in. */
static size_t bytes_of(HANDLE file, uint64_t offset, size_t length) {
    LARGE_INTEGER size;
    if (!GetFileSizeEx(file, &size) || offset >= (uint64_t)size.QuadPart)
        return 0;
    uint64_t page = gate__os_page_size(), there = (uint64_t)size.QuadPart - offset;
    if (length <= there)
        return length;
    return length - there <= -there % page ? there : 0;
}

/* A private view copies whatever is written, so its file need not be open for that. A shared one may be made
 * writable later if the file is. */
static int open_section(int fd, int flags, struct wanted *wanted) {
    int saved_errno = errno;
    HANDLE file = (HANDLE)_get_osfhandle(fd);
    errno = saved_errno;
    if (file == INVALID_HANDLE_VALUE)
        return -EBADF;
    if (wanted->offset % gate__os_page_size())
        return -EINVAL;
    wanted->length = bytes_of(file, wanted->offset, wanted->length);
    if (wanted->prot & PROT_EXEC || wanted->offset % UNIT || !wanted->length)
        return -ENOTSUP;
    bool private = flags & MAP_PRIVATE;
    wanted->access = private ? FILE_MAP_COPY : FILE_MAP_WRITE;
    wanted->section = CreateFileMappingW(file, NULL, private ? PAGE_WRITECOPY : PAGE_READWRITE, 0, 0, NULL);
    if (!wanted->section && !private && !(wanted->prot & PROT_WRITE)) {
        wanted->access = FILE_MAP_READ;
        wanted->section = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    }
    return wanted->section ? 0 : last_error();
}

/* Makes the mapping at address, or anywhere if that is NULL. */
static void *make(const struct wanted *wanted, void *address) {
    DWORD protection = protection_of(wanted->prot, wanted->access == FILE_MAP_COPY), old;
    if (!wanted->section)
        return VirtualAlloc(address, wanted->length, wanted->prot ? MEM_RESERVE | MEM_COMMIT : MEM_RESERVE, protection);
    void *at = MapViewOfFileEx(wanted->section, wanted->access, (DWORD)(wanted->offset >> 32), (DWORD)wanted->offset,
                               wanted->length, address);
    if (at && !VirtualProtect(at, wanted->length, protection, &old)) {
        UnmapViewOfFile(at);
        at = NULL;
    }
    return at;
}

/* Makes it where the flags say: at a fixed address, or near the one that was given, or elsewhere. */
static int place(const struct wanted *wanted, void *address, int flags, void **result) {
    void *at = make(wanted, (char *)address - (uintptr_t)address % UNIT);
    if (!at && flags & FIXED_FLAGS && GetLastError() == ERROR_INVALID_ADDRESS)
        return flags & MAP_FIXED_NOREPLACE ? -EEXIST : -ENOTSUP;
    if (!at && !(flags & FIXED_FLAGS))
        at = make(wanted, NULL);
    if (!at)
        return last_error();
    *result = at;
    return 0;
}

int gate__os_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, void **result) {
    struct wanted wanted = {.length = length, .prot = prot, .offset = offset};
    int failed = check(address, length, prot, flags);
    if (!failed && !(flags & MAP_ANONYMOUS))
        failed = open_section(fd, flags, &wanted);
    if (failed)
        return failed;
    failed = place(&wanted, address, flags, result);
    if (wanted.section)
        CloseHandle(wanted.section); /* the view keeps it */
    return failed;
}

/* Unmapping */

/* Where the reservation that begins at base ends; base, if none begins there. */
static char *end_of(char *base) {
    MEMORY_BASIC_INFORMATION run;
    char *at = base;
    while (VirtualQuery(at, &run, sizeof run) && run.State != MEM_FREE && run.AllocationBase == base)
        at = (char *)run.BaseAddress + run.RegionSize;
    return at;
}

static bool release(char *base) {
    MEMORY_BASIC_INFORMATION run;
    VirtualQuery(base, &run, sizeof run);
    return run.Type == MEM_MAPPED ? UnmapViewOfFile(base) : VirtualFree(base, 0, MEM_RELEASE);
}

static char *end_of_pages(char *address, size_t length) {
    size_t page = gate__os_page_size();
    return address + (length + page - 1) / page * page;
}

int gate__os_munmap(void *address, size_t length) {
    char *at = address, *next, *end = end_of_pages(address, length);
    for (; at < end; at = next) {
        next = end_of(at);
        if (next == at || next > end)
            return -ENOTSUP;
    }
    for (at = address; at < end; at = next) {
        next = end_of(at);
        if (!release(at))
            return last_error();
    }
    return 0;
}

/* Changing pages, which may be of several reservations */

/* Changes size bytes at address, all in run. */
typedef int change(void *address, size_t size, const MEMORY_BASIC_INFORMATION *run, int option);

/* Makes the change for each run of pages that are alike, up to the first that fails; -ENOMEM where none are. */
static int each_run(void *address, size_t length, change *make_change, int option) {
    char *at = address, *end = end_of_pages(address, length);
    if ((uintptr_t)address % gate__os_page_size())
        return -EINVAL;
    if (end < at || (size_t)(end - at) < length)
        return -ENOMEM;
    while (at < end) {
        MEMORY_BASIC_INFORMATION run;
        if (!VirtualQuery(at, &run, sizeof run) || run.State == MEM_FREE)
            return -ENOMEM;
        char *run_end = (char *)run.BaseAddress + run.RegionSize;
        size_t size = (size_t)((run_end < end ? run_end : end) - at);
        int failed = make_change(at, size, &run, option);
        if (failed)
            return failed;
        at += size;
    }
    return 0;
}

static int protect(void *address, size_t size, const MEMORY_BASIC_INFORMATION *run, int prot) {
    DWORD protection = protection_of(prot, run->AllocationProtect == PAGE_WRITECOPY), old;
    if (run->State == MEM_RESERVE)
        return !prot || VirtualAlloc(address, size, MEM_COMMIT, protection) ? 0 : last_error();
    if (VirtualProtect(address, size, protection, &old))
        return 0;
    return run->Type == MEM_MAPPED ? -EACCES : last_error();
}

int gate__os_mprotect(void *address, size_t length, int prot) {
    return prot & ~PROTS ? -EINVAL : each_run(address, length, protect, prot);
}

/* Pages without access stay without memory, until mprotect commits them. */
static int discard(void *address, size_t size, const MEMORY_BASIC_INFORMATION *run, int unused) {
    (void)unused;
    if (run->Type == MEM_MAPPED)
        return -ENOTSUP;
    if (run->State == MEM_RESERVE)
        return 0;
    if (!VirtualFree(address, size, MEM_DECOMMIT))
        return last_error();
    return run->Protect == PAGE_NOACCESS || VirtualAlloc(address, size, MEM_COMMIT, run->Protect) ? 0 : last_error();
}

static int leave(void *address, size_t size, const MEMORY_BASIC_INFORMATION *run, int unused) {
    (void)address, (void)size, (void)run, (void)unused;
    return 0;
}

int gate__os_madvise(void *address, size_t length, int advice) {
    switch (advice) {
    case MADV_DONTNEED:
        return each_run(address, length, discard, 0);
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
        return each_run(address, length, leave, 0);
    case MADV_FREE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
        return -ENOTSUP;
    default:
        return -EINVAL;
    }
}

static int flush(void *address, size_t size, const MEMORY_BASIC_INFORMATION *run, int flags) {
    bool writes = run->Type == MEM_MAPPED && flags & MS_SYNC;
    return !writes || FlushViewOfFile(address, size) ? 0 : -EIO;
}

int gate__os_madvise_all(const struct gate__os_range *ranges, size_t count, int advice) {
    (void)ranges;
    (void)count;
    (void)advice;
    return -ENOSYS;
}

int gate__os_msync(void *address, size_t length, int flags) {
    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC))
        return -EINVAL;
    return each_run(address, length, flush, flags);
}

_Atomic size_t gate__os_known_page_size;

size_t gate__os_find_page_size(void) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    atomic_store_explicit(&gate__os_known_page_size, info.dwPageSize, memory_order_relaxed);
    return info.dwPageSize;
}
