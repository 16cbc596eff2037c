/* A scope: the memory of its types, its names, and what a reading that fails takes back.
 *
 * A reading only adds: memory at the end of the arena, names at the end of the entries, and at the head of their
 * buckets. So it is taken back by going to the ends that were before. What it changes (a struct that is completed, an
 * array whose count is told later) is kept before the change.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <wchar.h>

#include "bridge/internal.h"
#include "runtime/os/os.h"

/* Memory: chunks, each filled from its beginning. */

struct gate__chunk {
    struct gate__chunk *previous;
    size_t size, used; /* bytes of data */
    max_align_t data[];
};

struct gate__change {
    struct gate__change *previous;
    void *at;
    size_t size;
    unsigned char before[];
};

static struct gate__chunk *add_chunk(struct gate__arena *arena, size_t size) {
    struct gate__chunk *last = arena->last;
    size_t usual = !last ? GATE__FIRST_CHUNK : 2 * last->size;
    if (usual > GATE__LARGEST_CHUNK)
        usual = GATE__LARGEST_CHUNK;
    struct gate__chunk *chunk = malloc(sizeof *chunk + (size > usual ? size : usual));
    if (!chunk)
        return NULL;
    *chunk = (struct gate__chunk){last, size > usual ? size : usual, 0};
    arena->last = chunk;
    return chunk;
}

static void *allocate(struct gate__arena *arena, size_t size) {
    struct gate__chunk *chunk = arena->last;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!chunk || chunk->size - chunk->used < size)
        chunk = add_chunk(arena, size);
    if (!chunk)
        return NULL;
    void *got = (char *)chunk->data + chunk->used;
    chunk->used += size;
    return memset(got, 0, size);
}

static void free_down_to(struct gate__arena *arena, const struct gate__chunk *kept) {
    while (arena->last != kept) {
        struct gate__chunk *chunk = arena->last;
        arena->last = chunk->previous;
        free(chunk);
    }
}

static void *allocated(struct gate__reader *r, void *got) {
    if (!got)
        gate__lex_fail(r, &r->lexer.token, -ENOMEM, "and no memory was left for what it declares");
    return got;
}

void *gate__scope_allocate(struct gate__reader *r, size_t size) {
    return r->failed ? NULL : allocated(r, allocate(&r->decls->arena, size));
}

void *gate__scope_scratch(struct gate__reader *r, size_t size) {
    return r->failed ? NULL : allocated(r, allocate(&r->decls->scratch, size));
}

/* Life */

static const uint64_t prime = ((uint64_t)1 << 61) - 1;
static uint64_t secret = 1; /* below the prime, and not 0: hash_of */

__attribute__((constructor)) static void choose_secret(void) {
    secret = gate__os_random() % (prime - 1) + 1;
}

gate_decls *gate__scope_make(void) {
    gate_decls *decls = calloc(1, sizeof *decls);
    if (!decls)
        return NULL;
    atomic_store(&decls->references, 1);
    decls->secret = secret;
    return decls;
}

void gate__scope_retain(gate_decls *decls) {
    atomic_fetch_add(&decls->references, 1);
}

void gate__scope_release(gate_decls *decls) {
    if (!decls || atomic_fetch_sub(&decls->references, 1) > 1)
        return;
    free_down_to(&decls->arena, NULL);
    free_down_to(&decls->scratch, NULL);
    free(decls->entries);
    free(decls->buckets);
    free(decls);
}

/* Readings */

struct gate__mark gate__scope_begin(gate_decls *decls) {
    struct gate__chunk *chunk = decls->arena.last;
    return (struct gate__mark){chunk, chunk ? chunk->used : 0, decls->count};
}

static void take_back(gate_decls *decls, const struct gate__mark *mark) {
    for (struct gate__change *change = decls->changes; change; change = change->previous)
        memcpy(change->at, change->before, change->size);
    while (decls->count > mark->count) {
        struct gate__entry *entry = decls->entries[--decls->count];
        decls->buckets[entry->hash & (decls->bucket_count - 1)] = entry->next;
    }
    free_down_to(&decls->arena, mark->chunk);
    if (mark->chunk)
        mark->chunk->used = mark->used;
}

void gate__scope_end(gate_decls *decls, const struct gate__mark *mark, bool failed) {
    if (failed)
        take_back(decls, mark);
    decls->changes = NULL;
    free_down_to(&decls->scratch, NULL);
}

bool gate__scope_save(struct gate__reader *r, void *at, size_t size) {
    struct gate__change *change = gate__scope_scratch(r, sizeof *change + size);
    if (!change)
        return false;
    change->previous = r->decls->changes;
    change->at = at;
    change->size = size;
    memcpy(change->before, at, size);
    r->decls->changes = change;
    return true;
}

/* Its link is the table's, which may grow before the reading fails. */
bool gate__scope_save_entry(struct gate__reader *r, struct gate__entry *entry) {
    return gate__scope_save(r, entry, offsetof(struct gate__entry, hash));
}

/* Names */

/* A name's hash is a polynomial at a secret point, modulo a prime: its coefficients are the name, seven bytes each, and in
 * the last one how many there are, and the space. Two names of n of them meet at n points at the most, whoever chose the
 * names. By a hash that is known to all, a header could have all its names in one bucket, and take for ever to read. */

enum { AT_ONCE = 7 };

/* Modulo the prime, but for some multiples of it. */
static inline uint64_t reduced(unsigned __int128 number) {
    return (uint64_t)(number & prime) + (uint64_t)(number >> 61);
}

static inline uint64_t add_coefficient(uint64_t hash, uint64_t coefficient, uint64_t point) {
    return reduced((unsigned __int128)reduced(hash + coefficient) * point);
}

static uint32_t hash_of(const gate_decls *decls, enum gate__space space, const char *name, size_t length) {
    uint64_t hash = 0, word = 0;
    for (; length > AT_ONCE; length -= AT_ONCE, name += AT_ONCE) {
        memcpy(&word, name, AT_ONCE);
        hash = add_coefficient(hash, word, decls->secret);
    }
    word = 4 * length + space;
    for (size_t i = length; i > 0; i--)
        word = word << 8 | (unsigned char)name[i - 1];
    hash = reduced(add_coefficient(hash, word << 8 * (AT_ONCE - length), decls->secret));
    return (uint32_t)(hash >= prime ? hash - prime : hash);
}

static bool is_named(const struct gate__entry *entry, const char *name, size_t length) {
    return strncmp(entry->decl.name, name, length) == 0 && entry->decl.name[length] == '\0';
}

struct gate__entry *gate__scope_find(const gate_decls *decls, enum gate__space space, const char *name, size_t length) {
    uint32_t hash = hash_of(decls, space, name, length);
    struct gate__entry *entry = decls->bucket_count ? decls->buckets[hash & (decls->bucket_count - 1)] : NULL;
    while (entry && (entry->hash != hash || entry->space != space || !is_named(entry, name, length)))
        entry = entry->next;
    return entry;
}

static void link_entry(gate_decls *decls, struct gate__entry *entry) {
    struct gate__entry **bucket = &decls->buckets[entry->hash & (decls->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
}

/* Room for one more entry, in order and in the buckets. */
static bool make_room(gate_decls *decls) {
    if (decls->count < decls->room)
        return true;
    size_t room = decls->room ? 2 * decls->room : 16;
    struct gate__entry **entries = realloc(decls->entries, room * sizeof *entries);
    if (!entries)
        return false;
    decls->entries = entries;
    struct gate__entry **buckets = calloc(room, sizeof *buckets);
    if (!buckets)
        return false;
    free(decls->buckets);
    decls->buckets = buckets;
    decls->bucket_count = decls->room = room;
    for (size_t i = 0; i < decls->count; i++)
        link_entry(decls, decls->entries[i]);
    return true;
}

struct gate__entry *gate__scope_add(struct gate__reader *r, enum gate__space space, const struct gate__token *name) {
    gate_decls *decls = r->decls;
    struct gate__entry *entry = gate__scope_allocate(r, sizeof *entry);
    char *copy = gate__scope_allocate(r, name->length + 1);
    if (!copy || !allocated(r, make_room(decls) ? decls : NULL))
        return NULL;
    memcpy(copy, name->at, name->length);
    entry->decl.name = copy;
    entry->decl.file = name->place.file;
    entry->decl.line = name->place.line;
    entry->decl.column = name->place.column;
    entry->space = space;
    entry->hash = hash_of(decls, space, name->at, name->length);
    entry->index = decls->count;
    decls->entries[decls->count++] = entry;
    link_entry(decls, entry);
    return entry;
}

/* Names that are known from the start: what each stands for is the compiler's word, not ours. */

/* clang-format off */
#define KIND_OF(type)                        \
    _Generic((type)0,                        \
        _Bool: GATE_BOOL,                    \
        char: GATE_CHAR,                     \
        signed char: GATE_SCHAR,             \
        unsigned char: GATE_UCHAR,           \
        short: GATE_SHORT,                   \
        unsigned short: GATE_USHORT,         \
        int: GATE_INT,                       \
        unsigned: GATE_UINT,                 \
        long: GATE_LONG,                     \
        unsigned long: GATE_ULONG,           \
        long long: GATE_LLONG,               \
        unsigned long long: GATE_ULLONG,     \
        __int128: GATE_INT128,               \
        unsigned __int128: GATE_UINT128)
#define NAMED(type) {#type, KIND_OF(type), false}
#define FIXED(type) {#type, KIND_OF(type), true}
/* clang-format on */

static const struct known {
    const char *name;
    enum gate_kind kind;
    bool is_fixed; /* where declarations count once */
} known[] = {
    /* in the order of strcmp */
    NAMED(__int128_t),     NAMED(__uint128_t),    NAMED(blkcnt_t),      NAMED(blksize_t),    {"bool", GATE_BOOL, false},
    NAMED(clock_t),        NAMED(clockid_t),      NAMED(dev_t),         NAMED(gid_t),        NAMED(id_t),
    NAMED(ino_t),          FIXED(int16_t),        FIXED(int32_t),       FIXED(int64_t),      FIXED(int8_t),
    FIXED(int_fast16_t),   FIXED(int_fast32_t),   FIXED(int_fast64_t),  FIXED(int_fast8_t),  FIXED(int_least16_t),
    FIXED(int_least32_t),  FIXED(int_least64_t),  FIXED(int_least8_t),  FIXED(intmax_t),     FIXED(intptr_t),
    NAMED(key_t),          NAMED(mode_t),         NAMED(nlink_t),       NAMED(off_t),        NAMED(pid_t),
    FIXED(ptrdiff_t),      FIXED(size_t),         FIXED(ssize_t),       NAMED(suseconds_t),  NAMED(time_t),
    NAMED(uid_t),          FIXED(uint16_t),       FIXED(uint32_t),      FIXED(uint64_t),     FIXED(uint8_t),
    FIXED(uint_fast16_t),  FIXED(uint_fast32_t),  FIXED(uint_fast64_t), FIXED(uint_fast8_t), FIXED(uint_least16_t),
    FIXED(uint_least32_t), FIXED(uint_least64_t), FIXED(uint_least8_t), FIXED(uintmax_t),    FIXED(uintptr_t),
    NAMED(useconds_t),     FIXED(wchar_t),        NAMED(wint_t),
};

static int compare_known(const void *key, const void *element) {
    return gate__lex_compare(key, ((const struct known *)element)->name);
}

static const struct known *find_known(const char *name, size_t length) {
    struct gate__name key = {name, length};
    return bsearch(&key, known, sizeof known / sizeof *known, sizeof *known, compare_known);
}

const gate_type *gate__scope_known(const char *name, size_t length) {
    const struct known *found = find_known(name, length);
    return found ? gate__type_basic(found->kind) : NULL;
}

/* Declarations of a name that is declared already */

void gate__scope_conflict(struct gate__reader *r, const struct gate__token *name, const gate_decl *earlier,
                          const char *what) {
    struct gate__place place = {earlier->file, earlier->line, earlier->column};
    char at[96], message[200];
    gate__lex_print_place(&place, at, sizeof at);
    snprintf(message, sizeof message, "%s at %s", what, at);
    gate__lex_fail(r, name, -EINVAL, message);
}

/* A static const integer is a variable until its value is told. */
static bool same_kinds(const gate_decl *old, const gate_decl *decl) {
    bool told = (old->kind == GATE_DECL_VARIABLE && decl->kind == GATE_DECL_CONSTANT) ||
                (old->kind == GATE_DECL_CONSTANT && decl->kind == GATE_DECL_VARIABLE);
    bool are_const = (old->type->qualifiers & GATE_CONST) && (decl->type->qualifiers & GATE_CONST);
    return old->kind == decl->kind || (told && are_const);
}

/* Why a declaration can't be one of what was declared before, or NULL. */
static const char *contradiction(const struct gate__entry *old, const gate_decl *decl, bool are_constants) {
    static const char *const kinds[] = {"but it was declared as a function", "but it was declared as a variable",
                                        "but it was declared as a typedef", "but it was declared as a constant"};
    if (!same_kinds(&old->decl, decl))
        return kinds[old->decl.kind];
    if (!are_constants && !gate__type_compatible(old->decl.type, decl->type))
        return "whose type is not that of its declaration";
    if (are_constants && old->decl.value != decl->value)
        return "whose value is not that of its declaration";
    if (old->decl.label && decl->label && strcmp(old->decl.label, decl->label) != 0)
        return "whose asm label is not that of its declaration";
    return NULL;
}

/* False if it can't be merged. */
static bool merge(struct gate__reader *r, const struct gate__token *name, struct gate__entry *old,
                  const gate_decl *decl, bool defined) {
    const char *why = contradiction(old, decl, old->defined && defined);
    bool once = gate__scope_is_once(r);
    if (once && defined && (why || old->defined))
        gate__scope_conflict(r, name, &old->decl, "which is there already, declared");
    else if (why && !once)
        gate__scope_conflict(r, name, &old->decl, why);
    const gate_type *type = why || r->failed ? NULL : gate__type_composite(r, old->decl.type, decl->type);
    if (!type || !gate__scope_save_entry(r, old))
        return false;
    old->decl.type = type;
    old->decl.label = old->decl.label ? old->decl.label : decl->label;
    if (defined) {
        old->decl.kind = decl->kind;
        old->decl.value = decl->value;
        old->defined = true;
    }
    return true;
}

/* A name that scopes know may become any that C has: but a typedef of it, bool aside, which many define, has to be
 * represented as the one that is known. One that is not was meant for another platform, or doesn't count. Whether it
 * may. */
static bool may_become(struct gate__reader *r, const struct gate__token *name, const gate_decl *decl) {
    const struct known *found = find_known(name->at, name->length);
    char what[96], printed[40];
    if (!found || found->kind == GATE_BOOL || decl->kind != GATE_DECL_TYPEDEF)
        return true;
    const gate_type *type = gate__type_basic(found->kind);
    bool are_alike = gate__type_is_integer(decl->type) && decl->type->size == type->size &&
                     gate__type_is_signed(decl->type) == gate__type_is_signed(type);
    if (are_alike || gate__scope_is_once(r))
        return are_alike || !found->is_fixed;
    gate_type_print(type, printed, sizeof printed);
    snprintf(what, sizeof what, "which is known to be a typedef of '%s'", printed);
    gate__lex_fail(r, name, -EINVAL, what);
    return false;
}

struct gate__entry *gate__scope_declare(struct gate__reader *r, const struct gate__token *name, gate_decl decl,
                                        bool defined) {
    if (r->failed)
        return NULL;
    struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, name->at, name->length);
    if (entry)
        return merge(r, name, entry, &decl, defined) ? entry : NULL;
    if (!may_become(r, name, &decl))
        return NULL;
    entry = gate__scope_add(r, GATE__ORDINARY, name);
    if (!entry)
        return NULL;
    entry->decl.kind = decl.kind;
    entry->decl.type = decl.type;
    entry->decl.label = decl.label;
    entry->decl.value = decl.value;
    entry->defined = defined;
    return entry;
}
