/* Where a callback's arguments are: given as C left them if they are in one piece. That they are found at all is
 * test_abi.c's to prove. */
#include <stdlib.h>

#include "tests/support/bridge.h"

/* There libffi makes the callbacks. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

/* How many bytes of the arguments are copied for a handler. */
static unsigned copied(const char *text) {
    gate_signature *signature = parse(text);
    struct gate__intake *intake;
    unsigned bytes = 0;
    cr_assert_eq(gate__intake_make(signature, &intake), 0);
    for (unsigned i = 0; i < intake->move_count; i++)
        bytes += intake->moves[i].size;
    free(intake);
    gate_signature_free(signature);
    return bytes;
}

Test(intake, what_is_in_one_register_or_on_the_stack_is_not_copied) {
    static const char *const texts[] = {
        "void (void)",
        "int (char, short, int, long, void *, _Bool, signed char, unsigned)",
        "double (float, double, __attribute__((vector_size(16))) float)",
        "long double (long double, struct { long words[5]; }, int)",
        "struct { long words[5]; } (struct { double x; })",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !__msan_unpoison; i++)
        cr_assert_eq(copied(texts[i]), 0, "%s", texts[i]);
}

Test(intake, a_struct_in_two_registers_is_copied_unless_their_cells_lie_side_by_side) {
    if (!__msan_unpoison)
        cr_assert_eq(copied("void (struct { long a, b; }, struct { double x, y; }, struct { long a; double x; })"), 32);
}

Test(intake, what_is_aligned_to_16_bytes_is_copied_from_the_word_registers) {
    if (!__msan_unpoison)
        cr_assert_eq(copied("void (__int128, long, __int128)"), 32);
}

Test(intake, of_a_result_of_nothing_but_much_padding_there_is_none) {
    if (__msan_unpoison)
        return;
    gate_signature *signature = parse("struct { long : 64; long : 64; long : 64; long : 64; long : 64; } (int)");
    struct gate__intake *intake = NULL;
    cr_assert_eq(gate__intake_make(signature, &intake), 0);
    cr_assert_null(intake, "C takes it nowhere, and there is no room to give it in");
    gate_signature_free(signature);
}
