/* Relays: functions that pass a pointer of the host's on. Their code is a thunk's, as a callback's is; but nothing is
 * left or entered on the way, and what they lead to runs as whatever called it does.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

struct gate_relay {
    void (*enter)(void); /* first: what a thunk's record begins with */
    void (*target)(void);
    void *data;
    void (*address)(void);
};

_Static_assert(offsetof(gate_relay, target) == GATE__RELAY_TARGET, "thunk.h");
_Static_assert(offsetof(gate_relay, data) == GATE__RELAY_DATA, "thunk.h");
_Static_assert(sizeof(gate_relay) <= GATE__THUNK_ROOM, "it lies in its thunk's room");

int gate_relay_make(void (*target)(void), void *data, gate_relay **result, gate_error *error) {
    void (*address)(void);
    if (!target)
        gate__fatal("gate_relay_make", "no target was given");
    int failed = gate__thunk_make_in_room(&address);
    if (failed)
        return gate__fail(error, failed, "no memory for a relay");
    gate_relay *relay = gate__thunk_room(address);
    *relay = (gate_relay){gate__arch_relay, target, data, address};
    *result = relay;
    return 0;
}

void (*gate_relay_address(const gate_relay *relay))(void) {
    return relay->address;
}

void gate_relay_free(gate_relay *relay) {
    if (relay)
        gate__thunk_rest(relay->address);
}
