/* Values in C's memory: numbers of each size, which types go together, and one value as another's type. This is the
 * table of LuaJIT's manual; nothing here knows of Lua.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"

/* Numbers in memory */

/* The low bytes, on a little-endian machine. Members that are packed, and what pointers lead to, may lie anywhere. */
void memory_store(const struct ctype *type, void *to, int64_t value) {
    switch (type->size) {
    case 1:
        memcpy(to, &value, 1);
        break;
    case 2:
        memcpy(to, &value, 2);
        break;
    case 4:
        memcpy(to, &value, 4);
        break;
    default:
        memcpy(to, &value, sizeof value);
        break;
    }
}

int64_t memory_narrow(const struct ctype *type, int64_t value) {
    switch (type->size) {
    case 1:
        return type->is_unsigned ? (uint8_t)value : (int8_t)value;
    case 2:
        return type->is_unsigned ? (uint16_t)value : (int16_t)value;
    case 4:
        return type->is_unsigned ? (int64_t)(uint32_t)value : (int32_t)value;
    default:
        return value;
    }
}

int64_t memory_load(const struct ctype *type, const void *from) {
    int64_t value = 0;
    switch (type->size) {
    case 1:
        memcpy(&value, from, 1);
        break;
    case 2:
        memcpy(&value, from, 2);
        break;
    case 4:
        memcpy(&value, from, 4);
        break;
    default:
        memcpy(&value, from, sizeof value);
        break;
    }
    return memory_narrow(type, value);
}

double memory_load_real(const struct ctype *type, const void *from) {
    float single;
    double value;
    long double extended;
    if (type->size == sizeof single) {
        memcpy(&single, from, sizeof single);
        return (double)single;
    }
    if (type->size == sizeof value) {
        memcpy(&value, from, sizeof value);
        return value;
    }
    memcpy(&extended, from, sizeof extended);
    return (double)extended;
}

void memory_store_real(const struct ctype *type, void *to, double value) {
    float single = (float)value;
    long double extended = value;
    if (type->size == sizeof single)
        memcpy(to, &single, sizeof single);
    else if (type->size == sizeof value)
        memcpy(to, &value, sizeof value);
    else
        memcpy(to, &extended, sizeof extended);
}

/* As the processor truncates, with what it makes of numbers out of range. */
static int64_t truncated(double value) {
    return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

int64_t memory_from_double(const struct ctype *type, double value) {
    if (type->size > 4)
        return type->is_unsigned && value >= 0x1p63 ? (int64_t)((uint64_t)truncated(value - 0x1p63) ^ 1ull << 63)
                                                    : truncated(value);
    if (type->size == 4 && type->is_unsigned)
        return (uint32_t)truncated(value);
    bool fits = value > -0x1p31 - 1 && value < 0x1p31;
    return memory_narrow(type, fits ? (int32_t)value : INT32_MIN);
}

static double to_double(const struct ctype *type, int64_t value) {
    return type->is_unsigned && type->size == sizeof value ? (double)(uint64_t)value : (double)value;
}

/* Which types go together */

static int class_of(const struct ctype *type) {
    switch (type->form) {
    case FORM_BOOL:
    case FORM_INTEGER:
    case FORM_ENUM:
    case FORM_REAL:
        return FORM_INTEGER;
    case FORM_COMPLEX:
    case FORM_OPAQUE:
        return FORM_ARRAY;
    default:
        return (int)type->form;
    }
}

static bool are_same_numbers(const struct ctype *a, const struct ctype *b) {
    return (a->form == FORM_BOOL) == (b->form == FORM_BOOL) && (a->form == FORM_REAL) == (b->form == FORM_REAL);
}

bool memory_is_compatible(const struct ctype *to, const struct ctype *from, enum compatible how) {
    const struct ctype *a = to->target;
    const struct ctype *b = from->form == FORM_RECORD || from->form == FORM_FUNCTION ? from : from->target;
    unsigned asked = a->qualifiers, given = from->form == FORM_RECORD ? 0 : b->qualifiers;
    if (to == from)
        return true;
    if (how == COMPATIBLE_SAME && asked != given)
        return false;
    if (how == COMPATIBLE_TO) {
        if ((asked & given) != given)
            return false;
        if (a->form == FORM_VOID || b->form == FORM_VOID)
            return true;
    }
    if (class_of(a) != class_of(b) || a->size != b->size)
        return false;
    switch (class_of(a)) {
    case FORM_INTEGER:
        return are_same_numbers(a, b);
    case FORM_POINTER:
        return memory_is_compatible(a, b, COMPATIBLE_SAME);
    case FORM_ARRAY:
        return a->form == b->form && (a->form == FORM_ARRAY || ctype_is_vector(a))
                   ? memory_is_compatible(a, b, COMPATIBLE_SAME)
                   : a->plain == b->plain;
    case FORM_RECORD:
        return a->plain == b->plain;
    case FORM_FUNCTION: /* LuaJIT looks no further */
        return gate_signature_count(a->type->function) == gate_signature_count(b->type->function);
    default:
        return true;
    }
}

/* From one C value to another */

static bool is_integral(const struct ctype *type) {
    return type->form == FORM_BOOL || type->form == FORM_INTEGER || type->form == FORM_ENUM;
}

static bool is_pointer(const struct ctype *type) {
    return type->form == FORM_POINTER || type->form == FORM_FUNCTION;
}

/* A pointer's value; of an array or record, its address. */
static void *address_of(const struct ctype *type, const void *value) {
    void *address = (void *)(uintptr_t)value;
    if (is_pointer(type))
        memcpy(&address, value, sizeof address);
    return address;
}

void memory_store_address(void *to, const void *address) {
    memcpy(to, &address, sizeof address);
}

static bool to_bool(void *to, const struct ctype *from_type, const void *from) {
    if (is_integral(from_type))
        *(bool *)to = memory_load(from_type, from) != 0;
    else if (from_type->form == FORM_REAL)
        *(bool *)to = memory_load_real(from_type, from) != 0;
    else
        return false;
    return true;
}

static bool to_integer(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from,
                       bool is_cast) {
    if (is_integral(from_type))
        memory_store(to_type, to, memory_load(from_type, from));
    else if (from_type->form == FORM_REAL)
        memory_store(to_type, to, memory_from_double(to_type, memory_load_real(from_type, from)));
    else if (from_type->form == FORM_COMPLEX)
        memory_store(to_type, to, memory_from_double(to_type, memory_load_real(from_type->target, from)));
    else if (is_cast && (is_pointer(from_type) || from_type->form == FORM_ARRAY))
        memory_store(to_type, to, (int64_t)(uintptr_t)address_of(from_type, from));
    else
        return false;
    return true;
}

static bool to_real(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    if (is_integral(from_type))
        memory_store_real(to_type, to, to_double(from_type, memory_load(from_type, from)));
    else if (from_type->form == FORM_REAL && from_type->size == to_type->size)
        memcpy(to, from, to_type->size);
    else if (from_type->form == FORM_REAL)
        memory_store_real(to_type, to, memory_load_real(from_type, from));
    else if (from_type->form == FORM_COMPLEX)
        memory_store_real(to_type, to, memory_load_real(from_type->target, from));
    else
        return false;
    return true;
}

static bool to_complex(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    const struct ctype *part = to_type->target;
    double imaginary = 0;
    if (from_type->form == FORM_BOOL)
        return false;
    if (from_type->form == FORM_COMPLEX)
        imaginary = memory_load_real(from_type->target, (const char *)from + from_type->target->size);
    if (!to_real(part, to, from_type, from))
        return false;
    memory_store_real(part, (char *)to + part->size, imaginary);
    return true;
}

static bool to_pointer(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from,
                       bool is_cast) {
    if (is_cast && is_integral(from_type) && from_type->form != FORM_BOOL) {
        memory_store(to_type, to, memory_load(from_type, from));
        return true;
    }
    if (!is_pointer(from_type) && from_type->form != FORM_ARRAY && from_type->form != FORM_RECORD)
        return false;
    if (!is_cast && !memory_is_compatible(to_type, from_type, COMPATIBLE_TO))
        return false;
    memory_store_address(to, address_of(from_type, from));
    return true;
}

/* Aggregates are copied, if they are the same. */
static bool to_same(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    bool is_array = to_type->form == FORM_ARRAY && from_type->form == FORM_ARRAY;
    bool is_same = is_array
                       ? to_type->size == from_type->size && memory_is_compatible(to_type, from_type, COMPATIBLE_TO)
                       : to_type->plain == from_type->plain;
    if (!is_same || to_type->is_variable || !to_type->is_complete || to_type->form == FORM_CTYPE)
        return false;
    memmove(to, from, to_type->size);
    return true;
}

bool memory_convert(struct ctype *to_type, void *to, struct ctype *from_type, const void *from, bool is_cast) {
    switch (to_type->form) {
    case FORM_BOOL:
        return to_bool(to, from_type, from);
    case FORM_INTEGER:
    case FORM_ENUM:
        return to_integer(to_type, to, from_type, from, is_cast);
    case FORM_REAL:
        return to_real(to_type, to, from_type, from);
    case FORM_COMPLEX:
        return to_complex(to_type, to, from_type, from);
    case FORM_POINTER:
        return to_pointer(to_type, to, from_type, from, is_cast);
    case FORM_VOID:
    case FORM_FUNCTION:
        return false;
    default:
        return to_same(to_type, to, from_type, from);
    }
}
