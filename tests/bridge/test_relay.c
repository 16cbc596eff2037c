/* Relays: what they pass on, and what they are when they have been freed. */
#include "tests/support/bridge.h"
#include "tests/support/fork.h"

typedef int word_to_int(const int *word);

static int add_data(const int *word, const int *data) {
    return *word + *data;
}

static gate_relay *make_relay(const int *data) {
    gate_relay *relay = NULL;
    gate_error error = {0, ""};
    void (*target)(void) = address_of(add_data);
    cr_assert_eq(gate_relay_make(target, (void *)(uintptr_t)data, &relay, &error), 0, "%s", error.message);
    return relay;
}

static int call(const gate_relay *relay, int word) {
    return ((word_to_int *)gate_relay_address(relay))(&word);
}

/* MemorySanitizer takes a pointer that it did not see passed for one that nobody set. */
static bool has_relays(void) {
    return !__has_feature(memory_sanitizer);
}

Test(relay, each_passes_its_own_pointer_behind_the_word_that_it_is_called_with) {
    enum { MANY = 1000 }; /* a block of thunks has 256 */
    static gate_relay *relays[MANY];
    static int data[MANY];
    if (!has_relays())
        return;
    for (int i = 0; i < MANY; i++) {
        data[i] = i;
        relays[i] = make_relay(&data[i]);
    }
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(call(relays[i], 40), 40 + i);
    for (int i = 0; i < MANY; i++)
        gate_relay_free(relays[i]);
    gate_relay_free(NULL);
}

Test(relay, a_freed_one_is_the_same_until_a_thousand_others_were_freed_and_is_used_again_then) {
    int one = 1, two = 2, others = 0;
    if (!has_relays())
        return;
    gate_relay *first = make_relay(&one), *other = NULL;
    void (*address)(void) = gate_relay_address(first);
    gate_relay_free(first);
    for (; other != first && others < 200 * 1000; others++) {
        cr_assert(others > 1024 || call(first, 40) == 41);
        other = make_relay(&two);
        gate_relay_free(other);
    }
    cr_assert_eq(gate_relay_address(other), address, "used again");
    cr_assert_eq(call(other, 40), 42);
    cr_assert_geq(others, 1024);
}

static void make_without_target(void *unused) {
    gate_relay *relay;
    (void)unused;
    gate_relay_make(NULL, NULL, &relay, NULL);
}

Test(relay, one_without_a_target_is_fatal) {
    cr_assert_dies_with(make_without_target, NULL, "gate_relay_make: no target was given");
}
