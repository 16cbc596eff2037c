/* A system that refuses what a kernel or a container may lack, or asks a handler of signals before: one system call, from here
 * on, in this process.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_REFUSE_H
#define CALLGATE_TESTS_REFUSE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "tests/support/test.h"

/* What becomes of a system call whose third argument has all of these bits: SECCOMP_RET_. In children alone: it can't be taken
 * back. */
static inline void filter_system_call(unsigned number, unsigned bits, unsigned action) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static inline void refuse_system_call(unsigned number, unsigned error) {
    filter_system_call(number, 0, SECCOMP_RET_ERRNO | error);
}

#endif
