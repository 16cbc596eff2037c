/* What a signal handler's context holds on Linux and x86-64.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <ucontext.h>

#include "runtime/os/os.h"

static greg_t *registers(void *context) {
    return ((ucontext_t *)context)->uc_mcontext.gregs;
}

struct gate__os_place gate__os_context_place(void *context) {
    const greg_t *r = registers(context);
    return (struct gate__os_place){(uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP]};
}

void gate__os_context_move(void *context, struct gate__os_place place) {
    registers(context)[REG_RIP] = (greg_t)place.pc;
    registers(context)[REG_RSP] = (greg_t)place.sp;
}

/* The kernel's mask is one word, and what follows it in the context isn't the mask's, whatever libc's type says. */
void gate__os_context_set_mask(void *context, uint64_t mask) {
    memcpy(&((ucontext_t *)context)->uc_sigmask, &mask, sizeof mask);
}

struct gate__os_place gate__os_caller_of(struct gate__os_place place) {
    struct gate__os_place caller = {0, place.sp + sizeof(uintptr_t)};
    gate__os_read_word(place.sp, &caller.pc);
    return caller;
}
