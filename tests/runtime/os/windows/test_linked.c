/* Layers by linking: this program has three of them, and registers nothing. */
#include <sys/mman.h>

#include "callgate.h"
#include "tests/support/test.h"

enum { PAGE = 4096 };

static int map_and_unmap(void) {
    void *at;
    int failed = gate_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);
    return failed ? failed : gate_munmap(at, PAGE);
}

Test(linked, layers_are_found_and_in_force) {
    struct gate_mem_hooks active = {.size = sizeof active};
    gate_mem_hooks_active(&active);
    cr_assert(active.mmap && active.munmap && active.mprotect && active.madvise && active.msync);
    uint64_t before = gate_hooks_fault_calls();
    cr_assert_eq(map_and_unmap(), 0);
    cr_assert_gt(gate_hooks_fault_calls(), before);
}

static void trace_and_exceed(void *unused) {
    (void)unused;
    fprintf(stderr, "answer %d\n", map_and_unmap());
}

Test(linked, layers_are_told_by_the_environment) {
    char output[4096];
    _putenv_s("GATE_LIMIT", "1000");
    int status = dies(trace_and_exceed, NULL, output, sizeof output);
    _putenv_s("GATE_LIMIT", "");
    cr_assert_eq(status, 0);
    cr_assert_not_null(strstr(output, "answer -12"), "%s", output);
    cr_assert_not_null(strstr(output, ") = errno 12, from "), "%s", output);
}
