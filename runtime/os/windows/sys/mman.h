/* Windows has no <sys/mman.h>: the names that the memory entry points (mem.h) take there, with the values that they
 * have on Linux. A host puts this folder, runtime/os/windows, on its include path.
 *
 * What is not here Windows can't do. A flag of mmap that is not is -ENOTSUP, any other constant -EINVAL.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_OS_WINDOWS_SYS_MMAN_H
#define CALLGATE_RUNTIME_OS_WINDOWS_SYS_MMAN_H

#define PROT_NONE 0x0
#define PROT_READ 0x1
#define PROT_WRITE 0x2 /* and read */
#define PROT_EXEC 0x4

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_FIXED 0x10 /* of addresses that are free */
#define MAP_ANONYMOUS 0x20
#define MAP_NORESERVE 0x4000 /* changes nothing: memory is promised when pages get an access */
#define MAP_STACK 0x20000    /* changes nothing */
#define MAP_HUGETLB 0x40000  /* is refused, as everywhere */
#define MAP_FIXED_NOREPLACE 0x100000

#define MADV_NORMAL 0 /* changes nothing, as the next three */
#define MADV_RANDOM 1
#define MADV_SEQUENTIAL 2
#define MADV_WILLNEED 3
#define MADV_DONTNEED 4
#define MADV_FREE 8      /* -ENOTSUP, as the next two */
#define MADV_HUGEPAGE 14 /* large pages are chosen when memory is reserved */
#define MADV_NOHUGEPAGE 15

#define MS_ASYNC 1
#define MS_INVALIDATE 2
#define MS_SYNC 4

#endif
