/* The pointer check: which pointers count, where each kind of type leads, where it acts, and what it says. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "bridge/check.h"
#include "tests/support/bridge.h"
#include "tests/support/fork.h"
#include "tests/support/refuse.h"

static char heap[1 << 16]; /* the collected one */
static int called;

static void take(void) {
    called++;
}

static gate_check *begin_with(struct gate_check_config config) {
    gate_check *check = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_check_begin(&config, &check, &error), 0, "%s", error.message);
    return check;
}

static gate_check *begin(enum gate_check_level level) {
    return begin_with((struct gate_check_config){.base = heap, .size = sizeof heap, .level = level});
}

/* Calls take, as a function of that type. */
static int call_as(const char *type, void *const arguments[]) {
    gate_function function = make_function(type, address_of(take), "take");
    int status = gate_call(&function, NULL, arguments);
    free_function(function);
    return status;
}

static void passes(const char *type, void *const arguments[]) {
    int before = called, status = call_as(type, arguments);
    const gate_error *last = gate_check_last();
    cr_assert_eq(status, 0, "%s: %d: %s", type, status, last ? last->message : "");
    cr_assert_eq(called, before + 1);
}

static void refuses(const char *type, void *const arguments[], const char *words) {
    int before = called;
    cr_assert_eq(call_as(type, arguments), -EPERM, "%s", type);
    cr_assert_eq(called, before, "%s was called", type);
    const gate_error *last = gate_check_last();
    cr_assert(last && last->code == -EPERM);
    cr_assert_not_null(strstr(last->message, words), "'%s' is not in: %s", words, last->message);
}

static void passes_one(const char *type, const void *value) {
    void *arguments[] = {(void *)(uintptr_t)value};
    passes(type, arguments);
}

static void refuses_one(const char *type, const void *value, const char *words) {
    void *arguments[] = {(void *)(uintptr_t)value};
    refuses(type, arguments, words);
}

/* What counts */

Test(check, refuses_a_heap_pointer_that_is_not_pinned) {
    char *text = heap + 100, expected[128];
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    snprintf(expected, sizeof expected,
             "argument 1 of 'take' ('const char *') points into the heap at %p, and is not pinned", (void *)text);
    refuses_one("void (const char *)", &text, expected);
    gate_check_end(check);
}

Test(check, lets_null_and_all_other_memory_pass) {
    char other, *pointers[] = {NULL, &other, (char *)((uintptr_t)heap - 1), heap + sizeof heap};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    for (int i = 0; i < 4; i++)
        passes_one("void (char *)", &pointers[i]);
    gate_check_end(check);
}

Test(check, lets_pinned_ranges_pass_and_each_byte_in_them) {
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    cr_assert_eq(gate_pin(heap + 64, 32), 0);
    for (char *at = heap + 64; at < heap + 96; at++)
        passes_one("void (char *)", &at);
    char *before = heap + 63, *behind = heap + 96, *base = heap + 64;
    refuses_one("void (char *)", &before, "is not pinned");
    refuses_one("void (char *)", &behind, "is not pinned");
    gate_unpin(heap + 64, 32);
    refuses_one("void (char *)", &base, "is not pinned");
    gate_check_end(check);
}

Test(check, is_of_each_argument_and_names_the_first_that_is_refused) {
    char *inside = heap, *outside = NULL;
    int number = 1;
    void *first[] = {&inside, &number, &outside}, *last[] = {&outside, &number, &inside};
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    refuses("void (char *, int, void *)", first, "argument 1 of 'take' ('char *') points");
    refuses("void (char *, int, void *)", last, "argument 3 of 'take' ('void *') points");
    gate_check_end(check);
}

Test(check, takes_no_integer_for_a_pointer) {
    uintptr_t number = (uintptr_t)heap, numbers[2] = {number, number};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (uintptr_t)", &number);
    passes_one("void (struct { long a, b; })", numbers);
    gate_check_end(check);
}

Test(check, counts_pointers_to_whatever_there_is) {
    char *inside = heap;
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    refuses_one("void (void *)", &inside, "('void *')");
    refuses_one("void (struct unknown *)", &inside, "('struct unknown *')");
    refuses_one("void (int (*)(int))", &inside, "('int (*)(int)')");
    refuses_one("void (char *const *restrict)", &inside, "('char *const *restrict')");
    gate_check_end(check);
}

Test(check, is_over_at_level_0_and_when_it_has_ended) {
    char *inside = heap;
    gate_check *off = begin(GATE_CHECK_OFF);
    passes_one("void (char *)", &inside);
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    refuses_one("void (char *)", &inside, "is not pinned");
    cr_assert(gate__check_is_on());
    gate_check_end(check);
    cr_assert_not(gate__check_is_on(), "calls take no longer for it");
    passes_one("void (char *)", &inside);
    gate_check_end(off);
    gate_check_end(NULL);
}

/* Arguments that are no pointers themselves */

struct names {
    long count;
    char *names[4];
};

Test(check, counts_the_pointers_in_structs_arrays_and_unions_by_value) {
    struct names names = {4, {NULL, NULL, heap, NULL}};
    struct {
        double number;
        char *name;
    } small = {1, heap};
    union {
        char *name;
        long number;
    } either = {heap};
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    refuses_one("void (struct names { long count; char *names[4]; })", &names, "('struct names'): .names[2] points");
    refuses_one("void (struct { double number; char *name; })", &small, ": .name points");
    refuses_one("void (struct { struct { double number; }; struct { char *name; } in; })", &small, ": .in.name points");
    refuses_one("void (union either { long number; char *name; })", &either, "('union either'): .name points");
    names.names[2] = small.name = either.name = NULL;
    passes_one("void (struct names { long count; char *names[4]; })", &names);
    passes_one("void (struct { double number; char *name; })", &small);
    passes_one("void (union either { long number; char *name; })", &either);
    gate_check_end(check);
}

Test(check, finds_pointers_that_are_packed) {
    struct __attribute__((packed)) {
        char letter;
        char *name;
        long more;
    } packed = {'a', heap, 0}, *pointer = &packed;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    refuses_one("void (struct __attribute__((packed)) { char letter; char *name; long more; })", &packed,
                ": .name points");
    refuses_one("void (struct __attribute__((packed)) { char letter; char *name; long more; } *)", &pointer,
                ": ->name points");
    gate_check_end(check);
}

/* What pointers lead to */

#define LIST "struct list { struct list *next; char *name; struct { int number; char *text; } data[3]; }"

struct list {
    struct list *next;
    char *name;
    struct {
        int number;
        char *text;
    } data[3];
};

Test(check, looks_into_memory_at_level_2_alone) {
    struct list list = {NULL, NULL, {{0, NULL}, {0, NULL}, {0, heap}}}, *pointer = &list;
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    passes_one("void (" LIST " *)", &pointer);
    gate_check_end(check);
    check = begin(GATE_CHECK_MEMORY);
    refuses_one("void (" LIST " *)", &pointer, "argument 1 of 'take' ('struct list *'): ->data[2].text points");
    cr_assert_eq(gate_pin(heap, 1), 0);
    passes_one("void (" LIST " *)", &pointer);
    gate_unpin(heap, 1);
    gate_check_end(check);
}

Test(check, tells_the_way_to_what_it_found) {
    struct list third = {NULL, heap, {{0, NULL}}}, second = {&third, NULL, {{0, NULL}}},
                first = {&second, NULL, {{0, NULL}}}, *pointer = &first, **two = &pointer,
                *three[3] = {NULL, NULL, &third}, *(*array)[3] = &three;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    refuses_one("void (" LIST " *)", &pointer, ": ->next->next->name points");
    refuses_one("void (" LIST " **)", &two, ": [0]->next->next->name points");
    refuses_one("void (" LIST " *(*)[3])", &array, ": [0][2]->name points");
    refuses_one("void (" LIST ")", &first, ": .next->next->name points");
    gate_check_end(check);
}

Test(check, follows_the_memory_of_pinned_objects_too) {
    struct list *inside = (struct list *)(void *)heap;
    *inside = (struct list){NULL, heap + 1024, {{0, NULL}}};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    cr_assert_eq(gate_pin(inside, sizeof *inside), 0);
    refuses_one("void (" LIST " *)", &inside, ": ->name points");
    gate_unpin(inside, sizeof *inside);
    gate_check_end(check);
}

Test(check, looks_at_one_element_unless_the_type_has_more) {
    char *two[2] = {NULL, heap}, **first = two, *(*both)[2] = &two;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (char **)", &first);
    passes_one("void (char *[2])", &first);
    passes_one("void (char *(*)[])", &both);
    refuses_one("void (char *(*)[2])", &both, ": [0][1] points");
    gate_check_end(check);
}

Test(check, knows_nothing_of_what_types_do_not_tell) {
    struct list list = {NULL, heap, {{0, NULL}}};
    void *pointer = &list;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (void *)", &pointer);
    passes_one("void (struct list *)", &pointer);
    passes_one("void (char *)", &pointer);
    passes_one("void (long *)", &pointer);
    passes_one("void (void (*)(struct list *))", &pointer);
    gate_check_end(check);
}

Test(check, takes_flexible_arrays_for_empty) {
    struct {
        long count;
        char *names[2];
    } names = {2, {heap, heap}}, *pointer = &names;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (struct { long count; char *names[]; } *)", &pointer);
    passes_one("void (struct { long count; char *names[0]; } *)", &pointer);
    refuses_one("void (struct { long count; char *names[1]; } *)", &pointer, ": ->names[0] points");
    gate_check_end(check);
}

Test(check, counts_the_pointers_of_a_union_and_follows_none) {
    char *name = heap, **names = &name;
    union {
        long number;
        char **names;
    } either = {.names = names}, *pointer = &either;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (union { long number; char **names; } *)", &pointer);
    either.number = (long)heap;
    refuses_one("void (union { long number; char **names; } *)", &pointer, ": ->names points");
    refuses_one("void (struct { union { struct { long number; }; struct { char *name; } in; }; } *)", &pointer,
                ": ->in.name points");
    either.names = names;
    passes_one("void (struct { union { long number; struct { char **names; } in; }; } *)", &pointer);
    gate_check_end(check);
}

Test(check, looks_at_members_of_a_union_in_any_order) {
    struct {
        char *early, padding[1000], *late;
    } value = {heap, "", NULL}, *pointer = &value;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    refuses_one("void (union { struct { char padding[1008], *late; } whole; char *early; } *)", &pointer,
                ": ->early points");
    gate_check_end(check);
}

Test(check, ends_in_cycles) {
    struct list first = {NULL, NULL, {{0, NULL}}}, second = {&first, NULL, {{0, NULL}}}, *pointer = &first;
    first.next = &second;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (" LIST " *)", &pointer);
    second.next = &second;
    passes_one("void (" LIST " *)", &pointer);
    second.name = heap;
    refuses_one("void (" LIST " *)", &pointer, ": ->next->name points");
    gate_check_end(check);
}

Test(check, looks_into_each_object_once) {
    struct twin {
        struct twin *one, *other;
        char *name;
    } twins[100] = {{NULL, NULL, NULL}}, *pointer = twins;
    for (int i = 0; i < 99; i++) {
        twins[i].one = &twins[i];
        twins[i].other = &twins[i + 1];
    }
    twins[99].name = heap;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    refuses_one("void (struct twin { struct twin *one, *other; char *name; } *)", &pointer, ": ->other->other->");
    gate_check_end(check);
}

Test(check, survives_memory_that_is_not_there) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)pages, MAP_FAILED);
    cr_assert_eq(mprotect(pages + page, page, PROT_NONE), 0);
    char **last = (char **)(void *)(pages + page) - 1;
    void *nowhere[] = {(void *)8, (void *)(UINTPTR_MAX - 3), pages + page, last};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    for (int i = 0; i < 4; i++)
        passes_one("void (" LIST " *)", &nowhere[i]);
    *last = heap;
    refuses_one("void (struct { char *first, *second; } *)", &nowhere[3], ": ->first points");
    refuses_one("void (" LIST " *)", &nowhere[3], ": ->next points");
    gate_check_end(check);
    munmap(pages, 2 * page);
}

/* Its first half can be read, and its second half would be that of the pointer before. */
Test(check, takes_half_a_pointer_for_none) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *object = pages + page - 12, *pointers[] = {heap + sizeof heap, heap};
    memcpy(object, pointers, 12);
    cr_assert_eq(mprotect(pages + page, page, PROT_NONE), 0);
    gate_check *check = begin(GATE_CHECK_MEMORY);
    passes_one("void (struct { char *first, *second; } *)", &object);
    gate_check_end(check);
    munmap(pages, 2 * page);
}

/* Memory is read by pieces, and a pointer may be in two. */
Test(check, finds_pointers_wherever_they_lie) {
    enum { MOST = 600 };
    static char object[sizeof(char *) + MOST + sizeof(char *)];
    char *at = object, *inside = heap, type[128];
    gate_check *check = begin(GATE_CHECK_MEMORY);
    for (size_t gap = 0; gap < MOST; gap++) {
        memset(object, 0, sizeof object);
        memcpy(object + sizeof(char *) + gap, &inside, sizeof inside);
        snprintf(type, sizeof type, "void (struct { char *first, gap[%zu], *last; } __attribute__((packed)) *)", gap);
        refuses_one(type, &at, ": ->last points");
    }
    gate_check_end(check);
}

enum { OBJECTS = 128, POINTERS = 4096 };

Test(check, looks_into_the_nearest_objects_and_no_farther) {
    static struct list lists[OBJECTS];
    struct list *pointer = &lists[0];
    for (int i = 0; i + 1 < OBJECTS; i++)
        lists[i].next = &lists[i + 1];
    gate_check *check = begin(GATE_CHECK_MEMORY);
    lists[OBJECTS - 1].name = heap; /* the argument is the first object */
    passes_one("void (" LIST " *)", &pointer);
    lists[OBJECTS - 2].name = heap;
    refuses_one("void (" LIST " *)", &pointer, "->next->next->next...");
    gate_check_end(check);
}

Test(check, looks_at_so_many_pointers_and_no_more) {
    static char *many[POINTERS];
    char *(*pointer)[POINTERS] = &many;
    char *last = heap;
    void *arguments[] = {&pointer, &last};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    many[POINTERS - 1] = heap; /* the argument is the first pointer */
    passes_one("void (char *(*)[4096])", &pointer);
    refuses("void (char *(*)[4096], char *)", arguments, "argument 2");
    many[POINTERS - 2] = heap;
    refuses_one("void (char *(*)[4096])", &pointer, ": [0][4094] points");
    gate_check_end(check);
}

/* A header that would have the check overflow its stack, or take for ever. */
Test(check, bounds_types_that_nest) {
    enum { LEVELS = 2000, ROOM = 100 * 1000 };
    char *inside = heap, **pointer = &inside, *text = malloc(ROOM);
    size_t length = (size_t)snprintf(text, ROOM, "struct s0 { char *p; };");
    for (int i = 1; i < LEVELS; i++)
        length += (size_t)snprintf(text + length, ROOM - length, "struct s%d { struct s%d a[1]; };", i, i - 1);
    snprintf(text + length, ROOM - length,
             "void shallow(struct s30 *); void deep(struct s1999 *); void wide(struct s40 (*)[1 << 30]);");
    gate_decls *decls;
    cr_assert_eq(gate_decls_make(&decls), 0);
    cr_assert_eq(gate_decls_read(decls, text, NULL), 0);
    static const char *const names[] = {"shallow", "deep", "wide"};
    static const int expected[] = {-EPERM, 0, 0};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    for (int i = 0; i < 3; i++) {
        gate_function function = {.address = address_of(take)};
        gate_signature *signature = NULL;
        void *arguments[] = {&pointer};
        cr_assert_eq(gate_decls_signature(decls, names[i], &signature, NULL), 0);
        function.signature = signature;
        cr_assert_eq(gate_call(&function, NULL, arguments), expected[i], "%s", names[i]);
        gate_signature_free(signature);
    }
    gate_check_end(check);
    gate_decls_free(decls);
    free(text);
}

/* Heaps */

static int is_odd(void *host, const void *address) {
    cr_assert_eq(host, (void *)heap);
    return (uintptr_t)address % 2;
}

Test(check, asks_the_host_which_of_its_addresses_are_in_the_heap) {
    char *even = heap + 2, *odd = heap + 3, other[2], *outside = other + (((uintptr_t)other & 1) ^ 1);
    struct gate_check_config config = {heap, sizeof heap, is_odd, heap, GATE_CHECK_ARGUMENTS};
    gate_check *check = begin_with(config);
    passes_one("void (char *)", &even);
    passes_one("void (char *)", &outside);
    refuses_one("void (char *)", &odd, "is not pinned");
    gate_check_end(check);
    config.size = 0;
    check = begin_with(config);
    passes_one("void (char *)", &even);
    refuses_one("void (char *)", &outside, "is not pinned");
    gate_check_end(check);
}

Test(check, has_a_level_for_each_heap) {
    static char other[64];
    char *first = heap, *second = other, **to_first = &first, **to_second = &second;
    gate_check *memory = begin(GATE_CHECK_MEMORY);
    gate_check *arguments =
        begin_with((struct gate_check_config){other, sizeof other, NULL, NULL, GATE_CHECK_ARGUMENTS});
    refuses_one("void (char *)", &first, "");
    refuses_one("void (char *)", &second, "");
    refuses_one("void (char **)", &to_first, ": [0] points");
    passes_one("void (char **)", &to_second);
    gate_check_end(memory);
    gate_check_end(arguments);
}

static void refuse_config(struct gate_check_config config, int code, const char *words) {
    gate_check *check = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_check_begin(&config, &check, &error), code);
    cr_assert_not_null(strstr(error.message, words), "%s", error.message);
    cr_assert_null(check);
}

Test(check, of_no_heap_or_of_no_level_is_einval) {
    refuse_config((struct gate_check_config){.level = GATE_CHECK_ARGUMENTS}, -EINVAL, "a heap needs its addresses");
    refuse_config((struct gate_check_config){heap, 1, NULL, NULL, (enum gate_check_level)3}, -EINVAL, "level 3");
}

static void begin_unread(void *unused) {
    struct gate_check_config config = {heap, sizeof heap, NULL, NULL, GATE_CHECK_MEMORY};
    gate_check *check;
    gate_error error = {0, ""};
    refuse_system_call(SYS_process_vm_readv, EPERM);
    int memory = gate_check_begin(&config, &check, &error);
    config.level = GATE_CHECK_ARGUMENTS;
    fprintf(stderr, "memory %d: %s; arguments %d\n", memory == -ENOTSUP, error.message,
            gate_check_begin(&config, &check, NULL));
    abort();
    (void)unused;
}

Test(check, of_memory_that_the_system_does_not_read_is_enotsup) {
    cr_assert_dies_with(begin_unread, NULL,
                        "memory 1: the system reads no memory on request, as level 2 needs; arguments 0");
}

Test(check, has_room_for_sixteen_heaps_again_and_again) {
    gate_check *checks[16];
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 16; i++)
            checks[i] = begin(GATE_CHECK_ARGUMENTS);
        refuse_config((struct gate_check_config){heap, 1, NULL, NULL, 1}, -ENOMEM, "16 heaps are checked already");
        for (int i = 0; i < 16; i++)
            gate_check_end(checks[i]);
    }
}

static void end_twice(void *unused) {
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    gate_check_end(check);
    gate_check_end(check);
    (void)unused;
}

Test(check, that_ends_twice_is_fatal) {
    cr_assert_dies_with(end_twice, NULL, "gate_check_end: this check has ended already");
}

static void call_with_setting(void *setting) {
    char *inside = heap, **pointer = &inside;
    setenv("GATE_DEBUG", setting, 1);
#ifdef GATE_TEST_PLAIN /* a test before this one, in the same process, has had them read */
    gate__init_read_settings();
#endif
    begin(GATE_CHECK_ARGUMENTS);
    fprintf(stderr, "argument %d, ", call_as("void (char *)", (void *[]){&inside}));
    fprintf(stderr, "memory %d\n", call_as("void (char **)", (void *[]){&pointer}));
    abort();
}

Test(check, has_the_level_of_a_setting_if_there_is_one) {
    static char none[] = "pointercheck=0", arguments[] = "pointercheck=1", memory[] = "pointercheck=2",
                other[] = "leaf=0";
    cr_assert_dies_with(call_with_setting, none, "argument 0, memory 0");
    cr_assert_dies_with(call_with_setting, arguments, "argument -1, memory 0");
    cr_assert_dies_with(call_with_setting, memory, "argument -1, memory -1");
    cr_assert_dies_with(call_with_setting, other, "argument -1, memory 0");
}

/* Where it acts */

static void check_class(enum gate_call_class class) {
    char *inside = heap;
    void *arguments[] = {&inside};
    gate_function function = make_function("void (char *)", address_of(take), "take");
    function.call_class = class;
    int before = called;
    cr_assert_eq(gate_call(&function, NULL, arguments), -EPERM);
    inside = NULL;
    cr_assert_eq(called, before);
    cr_assert_eq(gate_call(&function, NULL, arguments), 0);
    cr_assert_eq(called, before + 1);
    free_function(function);
}

static void *call_in_each_class(void *unused) {
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_GUARDED; class ++)
        check_class((enum gate_call_class) class);
    return unused;
}

Test(check, is_made_in_tasks_for_each_class) {
    gate_runtime *runtime = start(1);
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    call_in_each_class(NULL);
    join(spawn("caller", call_in_each_class, NULL));
    gate_check_end(check);
    stop(runtime);
}

static struct names make_names(void) {
    return (struct names){1, {NULL, NULL, NULL, NULL}};
}

Test(check, is_made_of_room_that_c_stores_a_result_in) {
    gate_function function =
        make_function("struct names { long count; char *names[4]; } (void)", address_of(make_names), "make_names");
    struct names outside = {0, {NULL}}, *inside = (struct names *)(void *)heap;
    size_t size = gate_frame_size(function.signature);
    gate_frame *frame = size ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    inside->count = 0;
    cr_assert_eq(gate_call(&function, inside, NULL), -EPERM);
    cr_assert_eq(inside->count, 0);
    const char *message = gate_check_last()->message;
    cr_assert_not_null(strstr(message, "the room for the result of 'make_names' is in the heap at "), "%s", message);
    cr_assert_eq(gate_call(&function, NULL, NULL), 0);
    cr_assert_eq(gate_call(&function, &outside, NULL), 0);
    cr_assert_eq(outside.count, 1);
    if (frame) {
        cr_assert_eq(gate_frame_init(frame, &function), 0);
        frame->result = inside;
        cr_assert_eq(gate_call_frame(frame), -EPERM);
        frame->result = &outside;
        cr_assert_eq(gate_call_frame(frame), 0);
    }
    cr_assert_eq(gate_pin(inside, sizeof *inside), 0);
    cr_assert_eq(gate_call(&function, inside, NULL), 0);
    cr_assert_eq(inside->count, 1);
    gate_unpin(inside, sizeof *inside);
    gate_check_end(check);
    free(frame);
    free_function(function);
}

Test(check, is_made_of_calls_that_only_libffi_can_make) {
    char text[2048] = "void (char *";
    void *arguments[100];
    char *inside = heap;
    long number = 0;
    arguments[0] = &inside;
    for (int i = 1; i < 100; i++) {
        strcat(text, ", long");
        arguments[i] = &number;
    }
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    refuses(strcat(text, ")"), arguments, "argument 1");
    inside = NULL;
    passes(text, arguments);
    gate_check_end(check);
}

Test(check, is_made_of_the_arguments_behind_the_dots) {
    gate_signature *variadic = parse("void (int, ...)"), *other = parse("void (char *)"), *extended = NULL;
    const gate_type *text = gate_signature_parameter(other, 0);
    cr_assert_eq(gate_signature_extend(variadic, &text, 1, &extended, NULL), 0);
    gate_function function = {.signature = extended, .address = address_of(take), .name = "take"};
    char *inside = heap;
    int number = 0;
    void *arguments[] = {&number, &inside};
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    cr_assert_eq(gate_call(&function, NULL, arguments), -EPERM);
    cr_assert_not_null(strstr(gate_check_last()->message, "argument 2 of 'take' ('char *')"));
    gate_check_end(check);
    gate_signature_free(extended);
    gate_signature_free(other);
    gate_signature_free(variadic);
}

/* The value is argument index, of a function of that type. */
static void check_frame(const char *type, size_t index, const void *value, const char *words) {
    gate_function function = make_function(type, address_of(take), NULL);
    size_t size = gate_frame_size(function.signature);
    gate_frame *frame = size ? aligned_alloc(16, (size + 15) / 16 * 16) : NULL;
    int before = called;
    if (frame) {
        memset(frame, 0, size);
        cr_assert_eq(gate_frame_init(frame, &function), 0);
        cr_assert_eq(gate_call_frame(frame), 0, "there are only zeros in it");
        gate_frame_put(function.signature, frame, index, value);
        cr_assert_eq(gate_call_frame(frame), -EPERM, "%s", type);
        cr_assert_not_null(strstr(gate_check_last()->message, words), "%s", gate_check_last()->message);
        cr_assert_eq(called, before + 1);
    }
    free(frame);
    free_function(function);
}

static void *check_frames(void *unused) {
    char *inside = heap;
    struct {
        double number;
        char *name;
    } small = {1, heap};
    struct names names = {1, {NULL, NULL, NULL, heap}};
    check_frame("void (char *)", 0, &inside, "argument 1 of 'a function' ('char *') points");
    check_frame("int (long, char *)", 1, &inside, "argument 2");
    check_frame("double (double, char *)", 1, &inside, "argument 2");
    check_frame("void (long, long, long, long, long, long, long, char *)", 7, &inside, "argument 8");
    check_frame("void (struct { double number; char *name; })", 0, &small, ": .name points");
    check_frame("void (int, struct names { long count; char *names[4]; })", 1, &names,
                "argument 2 of 'a function' "
                "('struct names'): .names[3]");
    return unused;
}

Test(check, is_made_of_frames_wherever_their_arguments_are) {
    gate_runtime *runtime;
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    check_frames(NULL);
    runtime = start(1);
    check_frames(NULL);
    join(spawn("caller", check_frames, NULL));
    gate_check_end(check);
    stop(runtime);
}

Test(check, of_an_asynchronous_call_is_made_at_once) {
    char *inside = heap, *outside = NULL;
    void *bad[] = {&inside}, *good[] = {&outside};
    gate_runtime *runtime = start(1);
    gate_function function = make_function("void (char *)", address_of(take), "take");
    struct gate_async_call calls[] = {{&function, good}, {&function, bad}};
    gate_future *futures[2] = {(gate_future *)(void *)heap, (gate_future *)(void *)heap};
    gate_error error = {0, ""};
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    cr_assert_eq(gate_call_async_all(calls, 2, NULL, futures, &error), -EPERM);
    cr_assert(!futures[0] && !futures[1] && error.code == -EPERM);
    cr_assert_not_null(strstr(error.message, "argument 1 of 'take'"), "%s", error.message);
    gate_check_end(check);
    free_function(function);
    stop(runtime);
}

Test(check, of_an_asynchronous_call_is_made_again_when_it_begins) {
    char *inside = heap;
    void *arguments[] = {&inside};
    gate_runtime *runtime = start(1);
    gate_function function = make_function("void (char *)", address_of(take), "take");
    gate_future *future = NULL;
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    cr_assert_eq(gate_pin(heap, 1), 0);
    cr_assert_eq(gate_call_async(&function, arguments, NULL, &future, NULL), 0);
    gate_unpin(heap, 1);
    int before = called;
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), 0);
    cr_assert_eq(gate_future_result(future, NULL, NULL), -EPERM);
    cr_assert_eq(called, before);
    gate_future_free(future);
    gate_check_end(check);
    free_function(function);
    stop(runtime);
}

/* Callbacks */

static char *got;

static void keep_what_it_returns(char *(*function)(void)) {
    got = function();
}

static int return_host(void *host, void *result, void *const arguments[]) {
    (void)arguments;
    memcpy(result, &host, sizeof host);
    return 0;
}

static int call_back(gate_runtime *runtime, void *returned) {
    gate_function function = make_function("void (char *(*)(void))", address_of(keep_what_it_returns), "keep");
    gate_signature *signature = parse("char *(void)");
    gate_callback *callback = make_callback(runtime, signature, return_host, returned);
    void (*address)(void) = gate_callback_address(callback);
    void *arguments[] = {&address};
    int status = gate_call(&function, NULL, arguments);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free_function(function);
    return status;
}

static void *call_backs(void *runtime) {
    char other;
    cr_assert_eq(call_back(runtime, &other), 0);
    cr_assert_eq(got, &other);
    cr_assert_eq(call_back(runtime, heap), -EPERM);
    cr_assert_null(got, "C gets a zero");
    const char *message = gate_check_last()->message;
    cr_assert_not_null(strstr(message, "the result of 'a callback' ('char *') points into the heap"), "%s", message);
    cr_assert_eq(gate_pin(heap, 1), 0);
    cr_assert_eq(call_back(runtime, heap), 0);
    cr_assert_eq(got, heap);
    gate_unpin(heap, 1);
    return NULL;
}

Test(check, is_made_of_what_handlers_return) {
    gate_runtime *runtime = start(1);
    gate_check *check = begin(GATE_CHECK_ARGUMENTS);
    call_backs(runtime);
    join(spawn("caller", call_backs, runtime));
    gate_check_end(check);
    stop(runtime);
}

/* What was last refused */

static void *refuse_in_task(void *unused) {
    char *inside = heap;
    cr_assert_null(gate_check_last());
    refuses_one("void (char *)", &inside, "argument 1");
    return unused;
}

static void in_thread(void *(*body)(void *)) {
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, body, NULL), 0);
    pthread_join(thread, NULL);
}

static void *refuse_in_each(void *unused) {
    char *inside = heap, **pointer = &inside;
    cr_assert_null(gate_check_last());
    refuses_one("void (char **)", &pointer, "[0]");
    in_thread(refuse_in_task);
    cr_assert_not_null(strstr(gate_check_last()->message, "[0]"));
    gate_runtime *runtime = start(1);
    cr_assert_null(gate_check_last(), "a thread's root task is a task");
    refuses_one("void (char **)", &pointer, "[0]");
    join(spawn("caller", refuse_in_task, NULL));
    cr_assert_not_null(strstr(gate_check_last()->message, "[0]"));
    stop(runtime);
    return unused;
}

Test(check, tells_each_task_and_each_thread_its_own_refusal) {
    gate_check *check = begin(GATE_CHECK_MEMORY);
    in_thread(refuse_in_each);
    gate_check_end(check);
}

Test(check, has_room_for_its_whole_message_however_long_the_names) {
    struct list list = {NULL, heap, {{0, NULL}}}, *pointer = &list;
    char name[300], type[800];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    snprintf(type, sizeof type, "void (struct %.200s { void *next; char *%.200s; } *)", name, name);
    gate_function function = make_function(type, address_of(take), name);
    void *arguments[] = {&pointer};
    gate_check *check = begin(GATE_CHECK_MEMORY);
    cr_assert_eq(gate_call(&function, NULL, arguments), -EPERM);
    cr_assert_not_null(strstr(gate_check_last()->message, "... points into the heap at "));
    cr_assert_not_null(strstr(gate_check_last()->message, ", and is not pinned"));
    gate_check_end(check);
    free_function(function);
}

/* Threads */

enum { THREADS = 3, TURNS = 300 };

static void *pin_and_call(void *own) {
    char *object = own, **pointer = &object;
    void *arguments[] = {&pointer};
    gate_function function = make_function("void (char **)", address_of(getpid), "getpid");
    for (int i = 0; i < TURNS; i++) {
        cr_assert_eq(gate_pin(object, 32), 0);
        cr_assert_eq(gate_call(&function, NULL, arguments), 0);
        gate_unpin(object, 32);
        cr_assert_eq(gate_call(&function, NULL, arguments), -EPERM);
    }
    free_function(function);
    return NULL;
}

static _Atomic bool over;

static int is_alive(void *host, const void *address) {
    (void)address;
    cr_assert(atomic_load((_Atomic bool *)host), "its check has ended");
    return 0;
}

static void *begin_and_end(void *unused) {
    while (!atomic_load(&over)) {
        _Atomic bool alive;
        atomic_init(&alive, true);
        gate_check *check =
            begin_with((struct gate_check_config){.contains = is_alive, .host = &alive, .level = GATE_CHECK_MEMORY});
        usleep(100);
        gate_check_end(check);
        atomic_store(&alive, false);
    }
    return unused;
}

Test(check, serves_all_threads_while_others_pin_and_checks_come_and_go) {
    pthread_t threads[THREADS], other;
    gate_check *check = begin(GATE_CHECK_MEMORY);
    pthread_create(&other, NULL, begin_and_end, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, pin_and_call, heap + 4096 * i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&over, true);
    pthread_join(other, NULL);
    gate_check_end(check);
}

static _Atomic bool asked, may_answer, ended;

static int wait_to_answer(void *host, const void *address) {
    (void)host;
    (void)address;
    atomic_store(&asked, true);
    while (!atomic_load(&may_answer))
        usleep(100);
    return 0;
}

static void *call_and_be_asked(void *unused) {
    char *pointer = heap;
    passes_one("void (char *)", &pointer);
    return unused;
}

/* A check whose host is being asked by the thread. */
static gate_check *begin_asking(pthread_t *thread) {
    gate_check *check =
        begin_with((struct gate_check_config){.contains = wait_to_answer, .level = GATE_CHECK_ARGUMENTS});
    atomic_store(&asked, false);
    atomic_store(&may_answer, false);
    cr_assert_eq(pthread_create(thread, NULL, call_and_be_asked, NULL), 0);
    wait_until(atomic_load(&asked));
    return check;
}

static void *end(void *check) {
    gate_check_end(check);
    atomic_store(&ended, true);
    return NULL;
}

Test(check, ends_when_the_host_has_answered) {
    pthread_t thread, ending;
    gate_check *check = begin_asking(&thread);
    cr_assert_eq(pthread_create(&ending, NULL, end, check), 0);
    usleep(20 * 1000);
    cr_assert_not(atomic_load(&ended));
    atomic_store(&may_answer, true);
    pthread_join(ending, NULL);
    pthread_join(thread, NULL);
}

Test(check, can_end_in_the_child_of_a_fork_while_another_thread_asked) {
    pthread_t thread;
    if (!MAY_FORK_BUSY)
        return;
    gate_check *check = begin_asking(&thread);
    pid_t child = fork_guarded();
    if (child == 0) {
        gate_check_end(check);
        _exit(WELL);
    }
    assert_well(child);
    atomic_store(&may_answer, true);
    pthread_join(thread, NULL);
    gate_check_end(check);
}
