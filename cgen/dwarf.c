/* Reads the debug information of a library with libdw, which nothing else includes: what its makers' compiler has found in
 * the headers of that day, in the same plain structures.
 *
 * Each unit of a library repeats what it has included: of what stands at the same place in the same file, the first is
 * taken.
 *
 * SPDX-License-Identifier: MIT */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgen/model.h"

struct reader {
    struct model *model;
    struct table items;  /* by where their entries lie */
    struct table places; /* of types that are in the model */
    bool found;          /* any debug information */
};

/* Items by their entries */

static size_t hash_entry(const void *entry) {
    return (uintptr_t)entry * 0x9e3779b97f4a7c15u >> 20;
}

static bool is_same_entry(const void *entry, const void *other) {
    return entry == other;
}

static const char *name_of(Dwarf_Die *die) {
    const char *name = dwarf_diename(die);
    return name ? memory_copy(name) : "";
}

/* The first file of a unit is what it was made from, and libdw takes its number for none. */
static const char *file_of(Dwarf_Die *die) {
    const char *file = dwarf_decl_file(die);
    Dwarf_Die unit;
    bool is_first = !file && dwarf_hasattr(die, DW_AT_decl_file) && dwarf_diecu(die, &unit, NULL, NULL);
    return is_first ? dwarf_diename(&unit) : file;
}

static struct place place_of(Dwarf_Die *die) {
    struct place place = {"", 0, 0};
    const char *file = file_of(die);
    int line = 0, column = 0;
    dwarf_decl_line(die, &line);
    dwarf_decl_column(die, &column);
    place.file = file ? memory_copy(file) : "";
    place.line = (unsigned)line;
    place.column = column ? (unsigned)column : 1;
    return place;
}

/* The item of an entry; a new one has *is_new set, and no more than its name. */
static struct item *item_of(struct reader *r, Dwarf_Die *die, enum item_kind kind, bool *is_new) {
    struct item *item = table_get(&r->items, die->addr);
    *is_new = !item;
    if (!item) {
        item = memory_take(sizeof *item);
        *item = (struct item){.kind = kind, .name = name_of(die), .place = place_of(die)};
        table_put(&r->items, die->addr, item);
    }
    return item;
}

static void add_to_model(struct model *model, struct item *item) {
    model->items = memory_grow(model->items, model->count, sizeof(struct item *));
    model->items[model->count++] = item;
}

/* Attributes */

/* A form without a sign of its own is one of whatever is positive: libdw would extend its first bit. */
static bool get_number(Dwarf_Die *die, unsigned name, long long *number) {
    Dwarf_Attribute attribute;
    Dwarf_Sword value;
    Dwarf_Word word;
    if (!dwarf_attr_integrate(die, name, &attribute))
        return false;
    bool is_signed =
        dwarf_whatform(&attribute) == DW_FORM_sdata || dwarf_whatform(&attribute) == DW_FORM_implicit_const;
    if (is_signed && dwarf_formsdata(&attribute, &value) == 0)
        *number = value;
    else if (!is_signed && dwarf_formudata(&attribute, &word) == 0)
        *number = (long long)word;
    else
        return false;
    return true;
}

static bool has_flag(Dwarf_Die *die, unsigned name) {
    Dwarf_Attribute attribute;
    bool is_set = false;
    return dwarf_attr_integrate(die, name, &attribute) && dwarf_formflag(&attribute, &is_set) == 0 && is_set;
}

static long long size_of(Dwarf_Die *die) {
    Dwarf_Word size;
    return dwarf_aggregate_size(die, &size) == 0 ? (long long)size : 0;
}

/* Types */

static const struct type *read_target(struct reader *r, Dwarf_Die *die);

/* GCC's names of types, as everybody else writes them. */
static const char *short_name(const char *name) {
    static const char *const names[][2] = {
        {"short int", "short"},         {"short unsigned int", "unsigned short"},
        {"long int", "long"},           {"long unsigned int", "unsigned long"},
        {"long long int", "long long"}, {"long long unsigned int", "unsigned long long"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    }
    return name;
}

static void read_basic(Dwarf_Die *die, struct type *type) {
    static const enum basic basics[] = {[DW_ATE_boolean] = BASIC_BOOL,          [DW_ATE_signed] = BASIC_SIGNED,
                                        [DW_ATE_signed_char] = BASIC_SIGNED,    [DW_ATE_float] = BASIC_FLOATING,
                                        [DW_ATE_unsigned] = BASIC_UNSIGNED,     [DW_ATE_unsigned_char] = BASIC_UNSIGNED,
                                        [DW_ATE_complex_float] = BASIC_COMPLEX, [DW_ATE_UTF] = BASIC_UNSIGNED};
    long long encoding = 0;
    get_number(die, DW_AT_encoding, &encoding);
    bool is_known = encoding > 0 && encoding < (long long)(sizeof basics / sizeof *basics) && basics[encoding];
    type->kind = is_known ? TYPE_BASIC : TYPE_UNKNOWN;
    type->name = short_name(name_of(die));
    type->basic = is_known ? basics[encoding] : BASIC_VOID;
}

static bool is_va_list(const struct type *type) {
    return type->kind == TYPE_ITEM && strcmp(type->item->name, "__va_list_tag") == 0;
}

/* clang/type.c has a va_list by the same name. */
static void make_va_list(struct type *type) {
    type->kind = TYPE_BASIC;
    type->name = "__builtin_va_list";
    type->basic = BASIC_UNSIGNED;
    type->target = NULL;
}

static void read_pointer(struct reader *r, Dwarf_Die *die, struct type *type) {
    type->kind = TYPE_POINTER;
    type->size = sizeof(void *);
    type->target = read_target(r, die);
    if (is_va_list(type->target))
        make_va_list(type);
}

/* Of one dimension, whose elements are those of the next. */
static const struct type *read_dimension(struct reader *r, Dwarf_Die *array, Dwarf_Die *range, enum type_kind kind) {
    struct type *type = memory_take(sizeof *type);
    Dwarf_Die next;
    long long last;
    type->kind = kind;
    if (!get_number(range, DW_AT_count, &type->count))
        type->count = get_number(range, DW_AT_upper_bound, &last) ? last + 1 : -1;
    bool is_last = dwarf_siblingof(range, &next) != 0;
    type->target = is_last ? read_target(r, array) : read_dimension(r, array, &next, kind);
    type->size = type->count > 0 ? type->count * type->target->size : 0;
    return type;
}

static void read_array(struct reader *r, Dwarf_Die *die, struct type *type) {
    enum type_kind kind = has_flag(die, DW_AT_GNU_vector) ? TYPE_VECTOR : TYPE_ARRAY;
    Dwarf_Die range;
    if (dwarf_child(die, &range) == 0)
        *type = *read_dimension(r, die, &range, kind);
    if (type->target && is_va_list(type->target))
        make_va_list(type);
}

/* A function's, of its own entry or of a pointer's to one. */
static void read_function(struct reader *r, Dwarf_Die *die, struct type *type) {
    Dwarf_Die child;
    type->kind = TYPE_FUNCTION;
    type->target = read_target(r, die);
    for (int has = dwarf_child(die, &child); has == 0; has = dwarf_siblingof(&child, &child)) {
        if (dwarf_tag(&child) == DW_TAG_unspecified_parameters)
            type->is_variadic = true;
        if (dwarf_tag(&child) != DW_TAG_formal_parameter)
            continue;
        type->parameters = memory_grow(type->parameters, type->parameter_count, sizeof *type->parameters);
        type->parameters[type->parameter_count++] =
            (struct parameter){name_of(&child), read_target(r, &child), NULL_UNSAID, false};
    }
    /* Old style definitions have no prototype, and all their parameters. */
    type->is_unprototyped = !type->parameter_count && !has_flag(die, DW_AT_prototyped);
}

static unsigned qualifier_of(int tag) {
    return tag == DW_TAG_const_type      ? QUALIFIER_CONST
           : tag == DW_TAG_volatile_type ? QUALIFIER_VOLATILE
           : tag == DW_TAG_restrict_type ? QUALIFIER_RESTRICT
           : tag == DW_TAG_atomic_type   ? QUALIFIER_ATOMIC
                                         : 0;
}

static struct item *read_typedef(struct reader *r, Dwarf_Die *die);
static struct item *read_tag(struct reader *r, Dwarf_Die *die);

static void read_by_tag(struct reader *r, Dwarf_Die *die, struct type *type) {
    switch (dwarf_tag(die)) {
    case DW_TAG_base_type:
        read_basic(die, type);
        break;
    case DW_TAG_pointer_type:
        read_pointer(r, die, type);
        break;
    case DW_TAG_array_type:
        read_array(r, die, type);
        break;
    case DW_TAG_subroutine_type:
        read_function(r, die, type);
        break;
    case DW_TAG_typedef:
        type->kind = TYPE_ITEM;
        type->item = read_typedef(r, die);
        break;
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
        type->kind = TYPE_ITEM;
        type->item = read_tag(r, die);
        break;
    default:
        type->kind = TYPE_UNKNOWN;
        type->name = name_of(die);
    }
}

/* A type that lies in a unit of its own is declared where it is used. */
static void find_definition(Dwarf_Die *die) {
    Dwarf_Attribute signature;
    Dwarf_Die definition;
    if (dwarf_attr(die, DW_AT_signature, &signature) && dwarf_formref_die(&signature, &definition))
        *die = definition;
}

static const struct type *read_type(struct reader *r, Dwarf_Die *die) {
    struct type *type = memory_take(sizeof *type);
    find_definition(die);
    unsigned qualifier = qualifier_of(dwarf_tag(die));
    if (qualifier) {
        *type = *read_target(r, die);
        type->qualifiers |= qualifier;
        return type;
    }
    type->size = size_of(die);
    read_by_tag(r, die, type);
    return type;
}

/* The type that an entry says that it has; none is void. */
static const struct type *read_target(struct reader *r, Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    Dwarf_Die target;
    bool has = dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, &target);
    return has ? read_type(r, &target) : &type_void;
}

/* Structs, unions, enums and their names */

/* As DWARF 2 has it: what is to be done with a struct's address to get its member's. */
static long long located_at(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    Dwarf_Op *steps;
    size_t count;
    bool is_known = dwarf_attr_integrate(die, DW_AT_data_member_location, &attribute) &&
                    dwarf_getlocation(&attribute, &steps, &count) == 0 && count == 1 &&
                    steps[0].atom == DW_OP_plus_uconst;
    return is_known ? (long long)steps[0].number : 0;
}

/* In bits, from the beginning of the struct. Before DWARF 4 a bit-field was told by the bits above it in its unit. */
static long long offset_of(Dwarf_Die *die, const struct type *type, int width) {
    long long bytes = 0, bits, above, unit = type->size;
    if (!get_number(die, DW_AT_data_member_location, &bytes))
        bytes = located_at(die);
    if (get_number(die, DW_AT_data_bit_offset, &bits))
        return bits;
    if (!get_number(die, DW_AT_bit_offset, &above))
        return 8 * bytes;
    get_number(die, DW_AT_byte_size, &unit);
    return 8 * (bytes + unit) - above - width;
}

static void read_field(struct reader *r, Dwarf_Die *die, struct item *item) {
    const struct type *type = read_target(r, die);
    long long width = -1;
    get_number(die, DW_AT_bit_size, &width);
    item->fields = memory_grow(item->fields, item->field_count, sizeof *item->fields);
    item->fields[item->field_count++] =
        (struct field){name_of(die), place_of(die), type, NULL_UNSAID, offset_of(die, type, (int)width), (int)width};
}

static void read_constant(Dwarf_Die *die, struct item *item) {
    struct constant constant = {name_of(die), item->place, 0, NULL}; /* whose own place is not told */
    get_number(die, DW_AT_const_value, &constant.value);
    item->constants = memory_grow(item->constants, item->constant_count, sizeof *item->constants);
    item->constants[item->constant_count++] = constant;
}

/* The integer that an enum is, which DWARF 2 doesn't tell. */
static const struct type *integer_of(struct reader *r, Dwarf_Die *die, const struct item *item) {
    if (dwarf_hasattr(die, DW_AT_type))
        return read_target(r, die);
    struct type *type = memory_take(sizeof *type);
    *type = (struct type){.kind = TYPE_BASIC, .name = "an integer", .basic = BASIC_UNSIGNED, .size = item->size};
    for (size_t i = 0; i < item->constant_count; i++) {
        if (item->constants[i].value < 0)
            type->basic = BASIC_SIGNED;
    }
    return type;
}

static struct item *read_tag(struct reader *r, Dwarf_Die *die) {
    int tag = dwarf_tag(die);
    bool is_new;
    struct item *item = item_of(r, die,
                                tag == DW_TAG_enumeration_type ? ITEM_ENUM
                                : tag == DW_TAG_union_type     ? ITEM_UNION
                                                               : ITEM_STRUCT,
                                &is_new);
    Dwarf_Die child;
    if (!is_new)
        return item;
    item->is_complete = !has_flag(die, DW_AT_declaration);
    item->size = size_of(die);
    for (int has = dwarf_child(die, &child); has == 0; has = dwarf_siblingof(&child, &child)) {
        if (dwarf_tag(&child) == DW_TAG_member)
            read_field(r, &child, item);
        else if (dwarf_tag(&child) == DW_TAG_enumerator)
            read_constant(&child, item);
    }
    if (item->kind == ITEM_ENUM)
        item->type = integer_of(r, die, item);
    return item;
}

static struct item *read_typedef(struct reader *r, Dwarf_Die *die) {
    bool is_new;
    struct item *item = item_of(r, die, ITEM_TYPEDEF, &is_new);
    if (!is_new)
        return item;
    item->type = &type_void; /* while that is read, which may come back here */
    item->type = read_target(r, die);
    item_find_names(item);
    return item;
}

/* What a unit declares */

static void read_symbol(struct reader *r, Dwarf_Die *die, enum item_kind kind) {
    bool is_new;
    if (!has_flag(die, DW_AT_external) || has_flag(die, DW_AT_declaration))
        return;
    struct item *item = item_of(r, die, kind, &is_new);
    struct type *type = memory_take(sizeof *type);
    if (kind == ITEM_FUNCTION)
        read_function(r, die, type);
    item->type = kind == ITEM_FUNCTION ? type : read_target(r, die);
    add_to_model(r->model, item);
}

/* A type that has a name, if only a typedef's, unless another unit has it from the same place. */
static void read_named(struct reader *r, Dwarf_Die *die) {
    struct place place = place_of(die);
    const char *name = name_of(die);
    const char *key = memory_format("%d %s %s:%u", dwarf_tag(die), name, place.file, place.line);
    if (has_flag(die, DW_AT_declaration) || !set_add(&r->places, key))
        return;
    struct item *item = dwarf_tag(die) == DW_TAG_typedef ? read_typedef(r, die) : read_tag(r, die);
    if (*name || item->kind == ITEM_ENUM)
        add_to_model(r->model, item);
    struct item *named = item->kind == ITEM_TYPEDEF ? item->type->item : NULL;
    if (named && (named->kind == ITEM_STRUCT || named->kind == ITEM_UNION) && !*named->name)
        add_to_model(r->model, named);
}

static void read_unit(struct reader *r, Dwarf_Die *unit) {
    Dwarf_Die die;
    for (int has = dwarf_child(unit, &die); has == 0; has = dwarf_siblingof(&die, &die)) {
        switch (dwarf_tag(&die)) {
        case DW_TAG_subprogram:
            read_symbol(r, &die, ITEM_FUNCTION);
            break;
        case DW_TAG_variable:
            read_symbol(r, &die, ITEM_VARIABLE);
            break;
        case DW_TAG_typedef:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
            read_named(r, &die);
            break;
        default:
            break;
        }
    }
}

/* The library itself */

/* Of a library, or of each object in an archive. */
static int read_module(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr start, void *reader) {
    struct reader *r = reader;
    Dwarf *dwarf = dwfl_module_getdwarf(module, &start);
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    (void)data, (void)name;
    while (dwarf && dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
        if (dwarf_tag(&die) == DW_TAG_compile_unit || dwarf_tag(&die) == DW_TAG_type_unit)
            read_unit(r, &die);
        r->found = true;
    }
    return DWARF_CB_OK;
}

int dwarf_read(const char *path, const char *folders, struct model *model, bool *found) {
    struct reader r = {.model = model, .items = {.hash = hash_entry, .is_same = is_same_entry}};
    char *debug_path = folders ? memory_copy(folders) : NULL;
    const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo, /* in a file of its own, by link or build id */
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &debug_path,
    };
    Dwfl *dwfl = dwfl_begin(&callbacks);
    Dwfl_Module *module = dwfl ? dwfl_report_offline(dwfl, path, path, -1) : NULL;
    if (!module || dwfl_report_end(dwfl, NULL, NULL)) {
        fprintf(stderr, "cgen: %s: %s\n", path, dwfl_errmsg(-1));
        dwfl_end(dwfl);
        return 1;
    }
    dwfl_getmodules(dwfl, read_module, &r, 0);
    *found = r.found;
    dwfl_end(dwfl);
    return 0;
}
