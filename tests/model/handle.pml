/* A look-up of a handle beside makes and deletes, for Spin: what it finds is what the handle stands for.
 *
 *   here                     stands for
 *   Host                     take, gate_handle_delete                     bridge/handle.c
 *   Looker                   gate_handle_value                            bridge/handle.c
 *   generation, value        an entry's
 *
 * There is one entry, whose handles are its odd generations, and each stands for a value of its own: the generation.
 * Makes and deletes hold a lock, so there is one Host. Stores are seen in their order, which is what release means
 * here, and loads are made in theirs, which acquire means.
 *
 * -DWITHOUT=x leaves something out, and then the model has to fail:
 *
 *   SECOND_LOOK         at the generation, behind that at the value
 *   ORDER               of a make: it stores the generation, and then the value
 *
 * SPDX-License-Identifier: MIT */

#define NOTHING 0
#define SECOND_LOOK 1
#define ORDER 2

#ifndef WITHOUT
#define WITHOUT NOTHING
#endif

#define LIVES 3

byte generation, value;

#if WITHOUT == ORDER
inline make() {
    generation++;
    value = generation
}
#else
inline make() {
    value = generation + 1;
    generation++
}
#endif

active proctype Host() {
    byte i;
    for (i : 1 .. LIVES) {
        make();
        generation++ /* a delete */
    }
}

/* Of the handle of the first life, or a later one; it may not have been made yet. */
active proctype Looker() {
    byte handle, found;
    select (handle : 0 .. LIVES - 1);
    handle = 2 * handle + 1;
    if
    :: generation == handle -> found = value
    :: else -> goto refused
    fi;
    if
    :: WITHOUT == SECOND_LOOK || generation == handle -> assert(found == handle)
    :: else -> goto refused
    fi;
refused:
    skip
}
