/* Where things lie that gate_call needs, for C and assembly, and the ways to make a call by it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ARCH_BY_VALUE_H
#define CALLGATE_BRIDGE_ARCH_BY_VALUE_H

#define GATE__FUNCTION_SIGNATURE 0
#define GATE__FUNCTION_ADDRESS 8
#define GATE__FUNCTION_NAME 16
#define GATE__FUNCTION_CLASS 24
#define GATE__CLASS_LEAF 1
#define GATE__SIGNATURE_CALL 0

#define GATE__CALL_FUNCTION 0 /* in a record of a call, */
#define GATE__CALL_ERROR_NUMBER 16
#define GATE__CALL_STATUS 20
#define GATE__CALL_SIZE 24 /* and all of it */

#ifndef __ASSEMBLER__
#include "bridge/bridge.h"

/* gate_call for functions of class default or leaf that take no more than two values: all of it, on a thread without a task or
 * from a task; where they can't, they leave it to gate__call_values. Their names are the functions' types: i is an int or what
 * is extended like one, l another word, d a double; an int result has four bytes, a long one eight. */
typedef int gate__by_value(const gate_function *function, void *result, void *const arguments[]);

#define GATE__BY_VALUE(arguments)                                                                                 \
    gate__arch_value_##arguments##_void, gate__arch_value_##arguments##_int, gate__arch_value_##arguments##_long, \
        gate__arch_value_##arguments##_double

gate__by_value GATE__BY_VALUE(none), GATE__BY_VALUE(i), GATE__BY_VALUE(l), GATE__BY_VALUE(d), GATE__BY_VALUE(ii),
    GATE__BY_VALUE(il), GATE__BY_VALUE(id), GATE__BY_VALUE(li), GATE__BY_VALUE(ll), GATE__BY_VALUE(ld),
    GATE__BY_VALUE(di), GATE__BY_VALUE(dl), GATE__BY_VALUE(dd);
#endif

#endif
