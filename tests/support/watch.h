/* Whether calls of threads without an M, which no runtime knows, go the way on which they are watched.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_WATCH_H
#define CALLGATE_TESTS_WATCH_H

#include "runtime/arch/arch.h"
#include "tests/support/runtime.h"

static inline bool none_is_watched(void) {
    const struct gate__thread *thread = (void *)(gate__arch_thread_pointer() + gate__m_at() - GATE__THREAD_M_OR_OTHER);
    return __atomic_load_n(&thread->or_other->task, __ATOMIC_RELAXED) != NULL;
}

#endif
