/* Types, with the names that the headers give them.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/clang/reader.h"

static unsigned qualifiers_of(CXType type) {
    return (clang_isConstQualifiedType(type) ? QUALIFIER_CONST : 0) |
           (clang_isVolatileQualifiedType(type) ? QUALIFIER_VOLATILE : 0) |
           (clang_isRestrictQualifiedType(type) ? QUALIFIER_RESTRICT : 0);
}

enum nullability reader_nullability(CXType type) {
    enum CXTypeNullabilityKind kind = clang_Type_getNullability(type);
    return kind == CXTypeNullability_NonNull    ? NULL_NEVER
           : kind == CXTypeNullability_Nullable ? NULL_ALLOWED
                                                : NULL_UNSAID;
}

/* A function that says how it is called, and not as others are: nothing of ours could. */
static bool is_called_otherwise(CXType type) {
    enum CXCallingConv how = clang_getFunctionTypeCallingConv(type);
    return how != CXCallingConv_Invalid && how != CXCallingConv_Default && how != CXCallingConv_C;
}

/* Arrays of arrays whose counts are other parameters: no type outside of the prototype says what they are. */
static bool is_of_variable_rows(const struct type *type) {
    return type->kind == TYPE_ARRAY && type->target->kind == TYPE_ARRAY &&
           (type->target->count < 0 || is_of_variable_rows(type->target));
}

static const struct type *target_of_pointer(const struct type *type) {
    return is_of_variable_rows(type) ? &type_void : type;
}

/* As it is declared, unless only the pointer that it is can be. */
static const struct type *read_parameter(struct reader *r, CXType type) {
    const struct type *as_declared = reader_type(r, type);
    if (!is_of_variable_rows(as_declared))
        return as_declared;
    struct type *pointer = memory_take(sizeof *pointer);
    *pointer = *type_passed(as_declared);
    pointer->target = target_of_pointer(pointer->target);
    return pointer;
}

static void read_function_type(struct reader *r, CXType type, struct type *result) {
    int count = clang_getNumArgTypes(type);
    if (is_called_otherwise(type)) {
        result->kind = TYPE_UNKNOWN;
        result->name = "it is called in another way than other functions";
        return;
    }
    result->kind = TYPE_FUNCTION;
    result->target = reader_type(r, clang_getResultType(type));
    result->is_unprototyped = type.kind == CXType_FunctionNoProto;
    result->is_variadic = !result->is_unprototyped && clang_isFunctionTypeVariadic(type);
    result->parameter_count = count > 0 ? (size_t)count : 0;
    result->parameters = memory_take((result->parameter_count + 1) * sizeof *result->parameters);
    for (size_t i = 0; i < result->parameter_count; i++) {
        CXType parameter = clang_getArgType(type, (unsigned)i);
        result->parameters[i] =
            (struct parameter){"", read_parameter(r, parameter), reader_nullability(parameter), false};
    }
}

static enum basic basic_of(enum CXTypeKind kind) {
    switch (kind) {
    case CXType_Void:
        return BASIC_VOID;
    case CXType_Bool:
        return BASIC_BOOL;
    case CXType_Complex:
        return BASIC_COMPLEX;
    case CXType_Float:
    case CXType_Double:
    case CXType_LongDouble:
    case CXType_Float128:
    case CXType_Half:
    case CXType_Float16:
        return BASIC_FLOATING;
    case CXType_Char_S:
    case CXType_SChar:
    case CXType_Short:
    case CXType_Int:
    case CXType_Long:
    case CXType_LongLong:
    case CXType_Int128:
        return BASIC_SIGNED;
    default:
        return BASIC_UNSIGNED;
    }
}

static void read_basic(CXType type, struct type *result) {
    CXType bare = clang_getCanonicalType(type);
    bool is_known = (bare.kind >= CXType_Void && bare.kind <= CXType_LongDouble) || bare.kind == CXType_Complex ||
                    bare.kind == CXType_Float128 || bare.kind == CXType_Float16 || bare.kind == CXType_Half;
    const char *name = reader_take(clang_getTypeSpelling(bare));
    for (size_t length; (length = strcspn(name, " ")) && name[length];) {
        if (strncmp(name, "const ", 6) != 0 && strncmp(name, "volatile ", 9) != 0)
            break;
        name += length + 1;
    }
    result->kind = is_known ? TYPE_BASIC : TYPE_UNKNOWN;
    result->name = is_known ? name : memory_format("it has a type that C does not know, '%s'", name);
    result->basic = basic_of(bare.kind);
}

static void read_sequence(struct reader *r, CXType type, enum type_kind kind, struct type *result) {
    result->kind = kind;
    result->target = reader_type(r, clang_getElementType(type));
    result->count = clang_getNumElements(type);
}

/* A name for a type. The compiler's own names are declared nowhere. */
static void read_name(struct reader *r, CXType type, struct type *result) {
    CXCursor declaration = clang_getTypeDeclaration(type);
    if (reader_is_in_file(declaration)) {
        result->kind = TYPE_ITEM;
        result->item = reader_typedef(r, declaration);
    } else {
        result->kind = TYPE_BASIC;
        result->name = reader_take(clang_getCursorSpelling(declaration));
        result->basic = basic_of(clang_getCanonicalType(type).kind);
    }
}

/* What a va_list is behind its names, as a parameter: it has one name that compilers take from others. */
static bool is_va_list(CXType type) {
    CXType target = clang_getPointeeType(type);
    return target.kind == CXType_Record &&
           strcmp(reader_take(clang_getCursorSpelling(clang_getTypeDeclaration(target))), "__va_list_tag") == 0;
}

static void read_pointer(struct reader *r, CXType type, struct type *result) {
    if (is_va_list(type)) {
        result->kind = TYPE_BASIC;
        result->name = "__builtin_va_list";
        result->basic = BASIC_UNSIGNED;
    } else {
        result->kind = TYPE_POINTER;
        result->target = target_of_pointer(reader_type(r, clang_getPointeeType(type)));
    }
}

static void read_by_kind(struct reader *r, CXType type, struct type *result) {
    switch ((int)type.kind) {
    case CXType_Pointer:
        read_pointer(r, type, result);
        break;
    case CXType_FunctionProto:
    case CXType_FunctionNoProto:
        read_function_type(r, type, result);
        break;
    case CXType_ConstantArray:
    case CXType_IncompleteArray:
    case CXType_VariableArray:
        read_sequence(r, type, TYPE_ARRAY, result);
        break;
    case CXType_Vector:
    case CXType_ExtVector:
        read_sequence(r, type, TYPE_VECTOR, result);
        break;
    case CXType_Record:
    case CXType_Enum:
        result->kind = TYPE_ITEM;
        result->item = reader_tag(r, clang_getTypeDeclaration(type), false);
        break;
    case CXType_Typedef:
        read_name(r, type, result);
        break;
    default:
        read_basic(type, result);
    }
}

/* A type that only dresses another one. */
static bool undress(CXType *type) {
    CXType inner = *type;
    if (type->kind == CXType_Elaborated)
        inner = clang_Type_getNamedType(*type);
    else if (type->kind == CXType_Attributed)
        inner = is_called_otherwise(*type) ? clang_getCanonicalType(*type) : clang_Type_getModifiedType(*type);
    else if (type->kind == CXType_Unexposed)
        inner = clang_getCanonicalType(*type);
    bool is = inner.kind != type->kind && inner.kind != CXType_Invalid;
    if (is)
        *type = inner;
    return is;
}

const struct type *reader_type(struct reader *r, CXType type) {
    struct type *result = memory_take(sizeof *result);
    do
        result->qualifiers |= qualifiers_of(type);
    while (undress(&type));
    if (type.kind == CXType_Atomic) {
        *result = *reader_type(r, clang_Type_getValueType(type));
        result->qualifiers |= QUALIFIER_ATOMIC;
    } else {
        read_by_kind(r, type, result);
    }
    long long size = clang_Type_getSizeOf(type), alignment = clang_Type_getAlignOf(type);
    enum CXTypeKind bare = clang_getCanonicalType(type).kind; /* GNU has 1 for these */
    bool has = bare != CXType_Void && bare != CXType_FunctionProto && bare != CXType_FunctionNoProto;
    result->size = size > 0 && has ? size : 0;
    result->alignment = alignment > 0 && has ? alignment : 0;
    return result;
}
