/* Scopes: how their names are hashed, and that a reading that finds no memory says so and leaves nothing behind. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/support/decls.h"
#include "tests/support/refuse.h"

/* Names */

enum { BLOCK = 6, LEVELS = 13, TRIED = 1 << 19 };

static uint32_t fnv(uint32_t hash, const char *text) {
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static void write_block(char block[BLOCK + 1], uint32_t number) {
    number *= 2654435769u; /* so that blocks which follow each other are not alike */
    for (int i = 0; i < BLOCK; i++, number /= 26)
        block[i] = (char)('a' + number % 26);
    block[BLOCK] = '\0';
}

/* Finds two blocks that lead from one state of the hash to the same next one, which is returned. */
static uint32_t find_two(uint32_t state, char two[2][BLOCK + 1]) {
    static uint32_t tried[TRIED]; /* the number of a block, and 1, by what it leads to */
    memset(tried, 0, sizeof tried);
    for (uint32_t number = 0;; number++) {
        write_block(two[0], number);
        uint32_t next = fnv(state, two[0]), *place = &tried[next % TRIED];
        if (*place) {
            write_block(two[1], *place - 1);
            if (fnv(state, two[1]) == next)
                return next;
        }
        *place = number + 1;
    }
}

/* An enum of 2^LEVELS names that FNV-1a, which has no secret, has in one bucket. */
static char *write_colliding(void) {
    char blocks[LEVELS][2][BLOCK + 1];
    char *text = malloc((LEVELS * BLOCK + 2) << LEVELS), *end = text;
    uint32_t state = fnv(2166136261u, "");
    for (int level = 0; level < LEVELS; level++)
        state = find_two(state, blocks[level]);
    end += sprintf(end, "enum { ");
    for (int number = 0; number < 1 << LEVELS; number++) {
        for (int level = 0; level < LEVELS; level++)
            end = stpcpy(end, blocks[level][number >> level & 1]);
        *end++ = ',';
    }
    strcpy(end, "};");
    return text;
}

static size_t longest_bucket(const gate_decls *decls) {
    size_t longest = 0;
    for (size_t i = 0; i < decls->bucket_count; i++) {
        size_t length = 0;
        for (const struct gate__entry *entry = decls->buckets[i]; entry; entry = entry->next)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

Test(scope, names_that_were_chosen_to_collide_are_spread) {
    char *text = write_colliding();
    gate_decls *decls = read_text(text);
    cr_assert_eq(decls->count, (size_t)1 << LEVELS);
    cr_assert_lt(longest_bucket(decls), 40u);
    gate_decls_free(decls);
    free(text);
}

Test(scope, names_that_differ_little_are_spread) {
    char *text = malloc(64 << LEVELS), *end = text;
    for (int number = 0; number < 1 << LEVELS; number++)
        end += sprintf(end, "struct s%d; int s%d, seven%07d;", number, number, number);
    gate_decls *decls = read_text(text);
    cr_assert_eq(decls->count, (size_t)3 << LEVELS);
    cr_assert_lt(longest_bucket(decls), 40u);
    gate_decls_free(decls);
    free(text);
}

static uint32_t hash_with(uint64_t secret, const char *name) {
    gate_decls *decls = read_text("");
    char text[64];
    decls->secret = secret;
    snprintf(text, sizeof text, "int %s;", name);
    read_more(decls, text);
    uint32_t hash = decls->entries[0]->hash;
    gate_decls_free(decls);
    return hash;
}

Test(scope, hashes_names_by_a_secret_of_the_process) {
    gate_decls *one = read_text(""), *other = read_text("");
    cr_assert_gt(one->secret, UINT32_MAX);
    cr_assert_eq(one->secret, other->secret);
    cr_assert_neq(hash_with(one->secret, "x"), hash_with(one->secret / 3, "x"));
    cr_assert_neq(hash_with(one->secret, "longer_than_seven"), hash_with(one->secret / 3, "longer_than_seven"));
    cr_assert_neq(gate__os_random(), gate__os_random());
    gate_decls_free(one);
    gate_decls_free(other);
}

static void draw_without_the_system(void *unused) {
    refuse_system_call(SYS_getrandom, ENOSYS);
    uint64_t one = gate__os_random(), other = gate__os_random();
    fprintf(stderr, "%s\n", one && other && one != other ? "two of them" : "");
    abort();
    (void)unused;
}

Test(scope, has_a_secret_where_the_system_gives_none) {
    cr_assert_dies_with(draw_without_the_system, NULL, "two of them");
}

/* The table grows between a change of what is known of some names and the end of the reading, which fails. */
Test(scope, has_all_its_names_when_a_reading_is_taken_back) {
    enum { KNOWN = 16000, MORE = 16500 };
    static char text[64 * MORE];
    char name[16], *end = text;
    gate_decls *decls = read_text("");
    for (int i = 0; i < KNOWN; i++)
        end += sprintf(end, "extern int name%d[];", i);
    read_more(decls, text);
    end = text;
    for (int i = 0; i < MORE; i += i < KNOWN ? 2 : 1)
        end += sprintf(end, "extern int name%d[7]; extern int name%d[7];", i, i);
    strcpy(end, "unknown x;");
    refuse_more(decls, text, -EINVAL, "unknown");
    for (int i = 0; i < MORE; i++) {
        sprintf(name, "name%d", i);
        const gate_decl *decl = gate_decls_find(decls, name);
        cr_assert(i < KNOWN ? decl && decl->type->count == GATE_COUNT_UNKNOWN : !decl, "%s", name);
    }
    gate_decls_free(decls);
}

Test(scope, finds_names_of_any_length) {
    char text[256], name[100] = "";
    gate_decls *decls = read_text("");
    for (size_t length = 1; length < 60; length++) {
        memset(name, 'n', length);
        snprintf(text, sizeof text, "int %s; struct %s;", name, name);
        read_more(decls, text);
    }
    for (size_t length = 1; length < 60; length++) {
        name[length] = '\0';
        memset(name, 'n', length);
        cr_assert_str_eq(find(decls, name)->name, name);
        cr_assert_str_eq(gate_decls_find_tag(decls, name)->name, name);
    }
    gate_decls_free(decls);
}

/* Memory. The build has the library's allocations come here (--wrap). */

static long left = -1; /* allocations that succeed; -1: all */
static bool for_ever;  /* whether all that come then fail, or one */
static unsigned failures;
static long live; /* allocations that have not been freed */

static bool fails(void) {
    if (left < 0 || left-- > 0)
        return false;
    left = for_ever ? 0 : -1;
    failures++;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);

static void *counted(void *memory) {
    live += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size) {
    void *memory = fails() ? NULL : __real_realloc(old, size);
    return old ? memory : counted(memory);
}

void __wrap_free(void *memory) {
    live -= memory != NULL;
    __real_free(memory);
}

static void begin_failing(long after, bool ever) {
    left = after;
    for_ever = ever;
    failures = 0;
}

static unsigned end_failing(void) {
    left = -1;
    return failures;
}

static const char before[] =
    "struct s; extern struct s *p; extern int a[]; int f(); enum { OLD = 3 }; typedef int number;"
    "typedef struct { int x; } nameless; static const int later;";

/* Something for each place that takes memory, or has changed what was there before. */
static const char added[] =
    "# 1 \"new.h\" 1\n"
    "struct s { struct s *next; struct t { char c; } __attribute__((packed)) t; union { int i; float f; }; int bits : "
    "3; };\n"
    "#pragma pack(push, 1)\n"
    "struct packed { char c; long l; };\n"
    "#pragma pack(pop)\n"
    "extern int a[7]; int f(int); enum { OLD = 3, NEW = OLD * 2 }; static const int later = sizeof(struct s);\n"
    "enum named { ONE = 1, TWO } __attribute__((packed)); typedef enum named const *names[2][3];\n"
    "typedef const volatile struct s cs; typedef struct { number x[100]; } big, *bigger; extern big *b;\n"
    "int (*signal(int number, void (*handler)(int)))(int), g(void) __asm__(\"real\" \"_name\");\n"
    "typedef float vector __attribute__((vector_size(16))); typedef int aligned __attribute__((aligned(32)));\n"
    "extern __typeof__(b->x[0]) typed; extern int long_name_1, long_name_2, long_name_3, long_name_4, long_name_5;\n"
    "_Static_assert(sizeof(\"text\") == 5, \"why\"); static inline int body(int a, ...) { return a; }\n"
    "struct flexible { int count; struct { _Alignas(16) char c; nameless n; } elements[]; };\n"
    "int sized[] = { [2] = sizeof(struct s), (int)3 }, \\u00e9[] = { 1 }; union u { int *i; };\n"
    "typedef char lent[sizeof((char[]){ \"text\" \"more\" })]; struct { nameless n; } in[] = { (nameless){ 1 }, 2 };\n"
    "typedef union u thin __attribute__((transpa\\\nrent_union)); int old(a) thin a; { } extern float *\n"
    "__attribute__((vector_size(16))) behind; static const int count = __builtin_nobody(1, 2);\n"
    "_Complex double z(long double, _Bool, int [static 3], nameless, union late { int i; } *);\n";

/* All that a host can see of a scope, as text that is the caller's and libc's. */
static char *listed(const gate_decls *decls) {
    char *list = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&list, &size);
    for (const gate_decl *decl = NULL; (decl = gate_decls_next(decls, decl)) != NULL;) {
        const gate_type *type = decl->type;
        fprintf(file, "%d %s: %s; %zu %zu %zu %p, %d at %s:%u:%u, %s, %llu\n", decl->kind, decl->name, printed(type),
                type->size, type->alignment, type->count, (const void *)type->fields, (int)type->kind,
                decl->file ? decl->file : "-", decl->line, decl->column, decl->label ? decl->label : "-",
                (unsigned long long)decl->value);
    }
    fclose(file);
    return list;
}

/* Reads the text with each allocation failing, until none does. */
static unsigned read_failing(bool ever) {
    long live_before = live;
    gate_decls *decls = read_text(before);
    char *as_before = listed(decls);
    unsigned failed = 0;
    for (long after = 0;; after++) {
        gate_error error = {0, ""};
        begin_failing(after, ever);
        int status = gate_decls_read(decls, added, &error);
        if (!end_failing()) {
            cr_assert_eq(status, 0, "%s", error.message);
            break;
        }
        char *now = listed(decls);
        cr_assert_eq(status, -ENOMEM, "%ld: %d: %s", after, status, error.message);
        cr_assert_eq(error.code, -ENOMEM);
        cr_assert_not_null(strstr(error.message, "no memory was left"), "%s", error.message);
        cr_assert_str_eq(now, as_before, "%ld", after);
        __real_free(now);
        failed++;
    }
    cr_assert_str_eq(find(decls, "g")->label, "real_name");
    cr_assert_eq(gate_decls_find_tag(decls, "s")->type->count, 4u);
    __real_free(as_before);
    gate_decls_free(decls);
    cr_assert_eq(live, live_before);
    return failed;
}

Test(scope, without_memory_a_text_is_enomem_and_the_scope_as_it_was) {
    cr_assert_gt(read_failing(false), 5u);
    cr_assert_gt(read_failing(true), 5u);
}

Test(scope, without_memory_is_not_made) {
    gate_decls *decls = NULL;
    begin_failing(0, false);
    cr_assert_eq(gate_decls_make(&decls), -ENOMEM);
    cr_assert_null(decls);
    end_failing();
}

/* make(data) gives 0 or -ENOMEM with a message, however many allocations succeed, and undoes what it made itself.
 * spared is how many may fail and not be missed. */
static void make_failing(int (*make)(gate_decls *decls, gate_error *error), unsigned spared) {
    long live_before = live;
    gate_decls *decls = read_text(before);
    unsigned failed = 0;
    read_more(decls, added);
    for (long after = 0;; after++) {
        gate_error error = {0, ""};
        begin_failing(after, after % 2);
        int status = make(decls, &error);
        if (!end_failing()) {
            cr_assert_eq(status, 0, "%s", error.message);
            break;
        }
        failed += status != 0;
        if (status == 0 && spared-- > 0)
            continue;
        cr_assert_eq(status, -ENOMEM, "%ld: %d: %s", after, status, error.message);
        cr_assert_eq(error.code, -ENOMEM);
        cr_assert_not_null(strstr(error.message, "no memory"), "%s", error.message);
    }
    cr_assert_gt(failed, 0u);
    gate_decls_free(decls);
    cr_assert_eq(live, live_before);
}

/* A new one each time, that needs a new chunk, too. */
static int make_type(gate_decls *decls, gate_error *error) {
    static int number;
    char member[1500], name[sizeof member + 100];
    const gate_type *type;
    memset(member, 'm', sizeof member);
    snprintf(name, sizeof name, "struct new%d { int %.1400s; } *(*[3])(union other%d *)", number, member, number);
    number++;
    return gate_decls_type(decls, name, &type, error);
}

/* What a look ahead reads needs a new chunk, too: an array's designators, or the type of a literal. */
static int make_sized(gate_decls *decls, const char *begin, const char *end, gate_error *error) {
    static int number;
    char member[2500], text[sizeof member + 200];
    memset(member, 'm', sizeof member);
    snprintf(text, sizeof text, "struct v%d { int x, y; } sized%d[] = { %s struct new_%d { int %.2400s; } %s };",
             number, number, begin, number, member, end);
    int status = gate_decls_read(decls, text, error);
    snprintf(text, sizeof text, "sized%d", number++);
    if (status == 0)
        cr_assert_eq(find(decls, text)->type->count, 5u);
    return status;
}

static int make_designated(gate_decls *decls, gate_error *error) {
    return make_sized(decls, "[sizeof(", ")] = { 1 }", error);
}

static int make_literals(gate_decls *decls, gate_error *error) {
    return make_sized(decls, "[4] = (", "){ 1 }", error);
}

static int make_signature(gate_decls *decls, gate_error *error) {
    gate_signature *signature = NULL;
    int status = gate_decls_signature(decls, "nameless (struct s, struct packed *, double, struct new_one *)",
                                      &signature, error);
    gate_signature_free(signature);
    return status;
}

static int make_named_signature(gate_decls *decls, gate_error *error) {
    gate_signature *signature = NULL;
    int status = gate_decls_signature(decls, "z", &signature, error);
    gate_signature_free(signature);
    return status;
}

static int parse_signature(gate_decls *decls, gate_error *error) {
    gate_signature *signature = NULL;
    int status = gate_signature_parse("struct { double d; int i; } (union { long l; } *, struct { char c[9]; }, ...)",
                                      &signature, error);
    (void)decls;
    gate_signature_free(signature);
    return status;
}

static gate_signature *variadic;

static int extend_signature(gate_decls *decls, gate_error *error) {
    const gate_type *types[] = {gate_type_basic(GATE_FLOAT), gate_decls_find(decls, "nameless")->type};
    gate_signature *signature = NULL;
    int status = gate_signature_extend(variadic, types, 2, &signature, error);
    gate_signature_free(signature);
    return status;
}

Test(scope, without_memory_a_type_is_enomem) {
    make_failing(make_type, 0);
}

Test(scope, without_memory_an_initializer_that_tells_a_count_is_enomem) {
    make_failing(make_designated, 0);
    make_failing(make_literals, 0);
}

Test(scope, without_memory_a_signature_is_enomem_or_not_kept) {
    make_failing(make_signature, 2);
    make_failing(make_named_signature, 2);
    make_failing(parse_signature, 0);
}

Test(scope, without_memory_a_signature_is_not_extended) {
    variadic = parse("int (const char *, ...)");
    make_failing(extend_signature, 0);
    gate_signature_free(variadic);
}
