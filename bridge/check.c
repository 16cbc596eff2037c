/* The pointer check: what an argument leads to, as far as its type tells, and whether that is a heap's. check.h has the
 * rules.
 *
 * A walk begins with a value and goes by distance: each pointer in it is asked about, and the object that it leads to is
 * noted, and looked into in its turn. So the path in the message is a short one, it is the far ones that are left out
 * when there are too many, and a cycle ends where it comes upon what has been noted. Memory behind a pointer may not be
 * there, or not be what the type says: the system reads it, which fails and doesn't fault.
 *
 * All of a walk is on the system stack, as types nest and tasks' stacks are small.
 *
 * The heaps are in a table whose readers take no lock, as a host's function is called meanwhile. A reader is counted in
 * the entry, and looks for its level again: whoever ends a check takes the level away, and waits until nobody is counted.
 *
 * SPDX-License-Identifier: MIT */
#include "bridge/check.h"

#include <errno.h>
#include <stdio.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { HEAPS = 16, OBJECTS = 128, POINTERS = 4096, WINDOW = 256 };

struct gate_check {
    struct gate_check_config config;
    bool taken;              /* under the lock */
    _Atomic int level;       /* GATE_CHECK_OFF while config isn't to be read */
    _Atomic unsigned asking; /* threads that may be reading config */
};

static struct gate__lock heaps_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static struct gate_check heaps[HEAPS];

static void forget_other_threads(void) {
    for (int i = 0; i < HEAPS; i++)
        atomic_store(&heaps[i].asking, 0);
}

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&heaps_lock);
    gate__os_at_fork(NULL, NULL, forget_other_threads);
}

/* Heaps */

static bool contains(const struct gate_check_config *heap, uintptr_t address) {
    bool may = !heap->size || address - (uintptr_t)heap->base < heap->size;
    return may && (!heap->contains || heap->contains(heap->host, (const void *)address));
}

/* Whether the address is in a heap that is checked at this level. */
static bool is_in_heap(uintptr_t address, int level) {
    bool is = false;
    for (int i = 0; i < HEAPS && !is; i++) {
        struct gate_check *heap = &heaps[i];
        if (atomic_load(&heap->level) < level)
            continue;
        atomic_fetch_add(&heap->asking, 1);
        is = atomic_load(&heap->level) >= level && contains(&heap->config, address);
        atomic_fetch_sub(&heap->asking, 1);
    }
    return is;
}

static int highest_level(void) {
    int highest = GATE_CHECK_OFF;
    for (int i = 0; i < HEAPS; i++) {
        int level = atomic_load(&heaps[i].level);
        highest = level > highest ? level : highest;
    }
    return highest;
}

/* Under the lock: calls hear whether there is anything to check. */
static void tell_calls(void) {
    if (highest_level() > GATE_CHECK_OFF)
        atomic_fetch_or(&gate__os_watch.by.reasons, GATE__WATCH_POINTERS);
    else
        atomic_fetch_and(&gate__os_watch.by.reasons, (uint16_t)~GATE__WATCH_POINTERS);
}

static bool can_read_memory(void) {
    uintptr_t there = 1, read = 0;
    return gate__os_read((uintptr_t)&there, &read, sizeof read) == sizeof read && read == there;
}

static int refuse_config(const struct gate_check_config *config, int level, gate_error *error) {
    if (config->level < GATE_CHECK_OFF || config->level > GATE_CHECK_MEMORY)
        return gate__fail(error, -EINVAL, "level %d of the pointer check, which has 0 to 2", (int)config->level);
    if (!config->size && !config->contains)
        return gate__fail(error, -EINVAL, "a heap needs its addresses, or a function that knows them");
    if (level == GATE_CHECK_MEMORY && !can_read_memory())
        return gate__fail(error, -ENOTSUP, "the system reads no memory on request, as level 2 needs");
    return 0;
}

static gate_check *take(const struct gate_check_config *config, int level) {
    gate_check *taken = NULL;
    gate__lock(&heaps_lock);
    for (int i = 0; i < HEAPS && !taken; i++)
        taken = heaps[i].taken ? NULL : &heaps[i];
    if (taken) {
        taken->taken = true;
        taken->config = *config;
        atomic_store(&taken->level, level);
        tell_calls();
    }
    gate__unlock(&heaps_lock);
    return taken;
}

int gate_check_begin(const struct gate_check_config *config, gate_check **check, gate_error *error) {
    gate__init_settings();
    int asked = gate__settings.pointercheck;
    int level = asked < 0 ? (int)config->level : asked > GATE_CHECK_MEMORY ? GATE_CHECK_MEMORY : asked;
    int refused = refuse_config(config, level, error);
    if (refused)
        return refused;
    *check = take(config, level);
    return *check ? 0 : gate__fail(error, -ENOMEM, "%d heaps are checked already, and no more can be", HEAPS);
}

void gate_check_end(gate_check *check) {
    if (!check)
        return;
    gate__lock(&heaps_lock);
    bool ends = check->taken;
    atomic_store(&check->level, GATE_CHECK_OFF);
    tell_calls();
    gate__unlock(&heaps_lock);
    if (!ends)
        gate__fatal("gate_check_end", "this check has ended already");
    while (atomic_load(&check->asking))
        gate__os_relax();
    gate__lock(&heaps_lock);
    check->taken = false;
    gate__unlock(&heaps_lock);
}

/* Walks */

/* A value that is looked into: the argument, which is the first one, or what a pointer leads to. */
struct object {
    const gate_type *type;
    uintptr_t address;
    size_t offset; /* of that pointer, */
    unsigned from; /* in this object; 0 of the argument */
};

/* Where in a value a part of it is, from the inside out. */
struct step {
    const struct step *outer;
    const gate_type *whole;
    size_t index; /* of the field or the element */
    unsigned depth;
    bool in_union;
};

struct path {
    char text[64];
    size_t length; /* what has no room counts, too */
    bool begins_record;
};

struct walk {
    bool (*at_pointer)(struct walk *walk, const gate_type *type, size_t offset, const struct step *steps);
    unsigned at, count; /* the object that is looked into; how many there are */
    unsigned left;      /* pointers that may still be looked at */
    bool follows;       /* at level GATE_CHECK_MEMORY */
    uintptr_t found;    /* the address that is not to be passed; 0 while there is none */
    struct path path;   /* to it */
    size_t goal;        /* the offset that a path is told to */
    size_t begin, end;  /* what the window has of the object, from offset to offset */
    char window[WINDOW];
    struct object objects[OBJECTS];
};

/* Stops at each pointer in a value of that type at offset, until at_pointer returns true. */
static bool visit(struct walk *walk, const gate_type *type, size_t offset, const struct step *outer) {
    struct step step = {outer, type, 0, outer ? outer->depth + 1 : 1, type->kind == GATE_UNION};
    bool stops = false, is_array = type->kind == GATE_ARRAY;
    if (type->kind == GATE_POINTER)
        return walk->at_pointer(walk, type, offset, outer);
    if (!gate__type_has_pointers(type))
        return false;
    if (step.depth > GATE__DEPTH_MAX)
        return walk->left == 0 || walk->left-- == 0;
    step.in_union |= outer && outer->in_union;
    for (; step.index < type->count && !stops; step.index++) {
        const gate_type *part = is_array ? type->target : type->fields[step.index].type;
        size_t at = is_array ? step.index * part->size : type->fields[step.index].offset;
        stops = visit(walk, part, offset + at, &step);
    }
    return stops;
}

/* The pointer at offset in the object: an argument's memory is there, all other the system reads. */
static bool load(struct walk *walk, size_t offset, uintptr_t *pointer) {
    const struct object *object = &walk->objects[walk->at];
    size_t rest = object->type->size - offset;
    if (walk->at == 0) {
        memcpy(pointer, (const char *)object->address + offset, sizeof *pointer);
        return true;
    }
    if (offset < walk->begin || offset + sizeof *pointer > walk->end) {
        walk->begin = offset;
        walk->end = offset + gate__os_read(object->address + offset, walk->window, rest < WINDOW ? rest : WINDOW);
    }
    if (offset + sizeof *pointer > walk->end)
        return false;
    memcpy(pointer, walk->window + (offset - walk->begin), sizeof *pointer);
    return true;
}

/* Notes an object, unless it is there. */
static void note(struct walk *walk, const gate_type *type, uintptr_t address, size_t offset) {
    unsigned i = 0;
    while (i < walk->count && (walk->objects[i].address != address || walk->objects[i].type != type))
        i++;
    if (i == walk->count && i < OBJECTS)
        walk->objects[walk->count++] = (struct object){type, address, offset, walk->at};
}

static bool may_not_pass(uintptr_t address, int level) {
    return is_in_heap(address, level) && !gate_pin_is_pinned((const void *)address);
}

static bool look_at(struct walk *walk, const gate_type *type, size_t offset, const struct step *steps) {
    uintptr_t address = 0;
    if (walk->left-- == 0)
        return true;
    if (!load(walk, offset, &address) || !address)
        return false;
    int level = walk->at == 0 ? GATE_CHECK_ARGUMENTS : GATE_CHECK_MEMORY;
    if (may_not_pass(address, level)) {
        walk->found = address;
        walk->goal = offset;
        return true;
    }
    bool leads_on = walk->follows && !(steps && steps->in_union) && gate__type_has_pointers(type->target);
    if (leads_on)
        note(walk, type->target, address, offset);
    return false;
}

/* Paths, told as C writes them */

static void put(struct path *path, const char *text) {
    size_t room = path->length < sizeof path->text ? sizeof path->text - path->length : 0;
    int length = snprintf(room ? path->text + path->length : NULL, room, "%s", text);
    path->length += (size_t)length;
}

static void put_steps(struct path *path, const struct step *step) {
    char index[24];
    if (!step)
        return;
    put_steps(path, step->outer);
    if (step->whole->kind == GATE_ARRAY) {
        snprintf(index, sizeof index, "[%zu]", step->index);
        put(path, index);
    } else if (step->whole->fields[step->index].name) {
        put(path, path->begins_record ? "->" : ".");
        put(path, step->whole->fields[step->index].name);
        path->begins_record = false;
    }
}

static bool tell(struct walk *walk, const gate_type *type, size_t offset, const struct step *steps) {
    (void)type;
    if (offset == walk->goal)
        put_steps(&walk->path, steps);
    return offset == walk->goal;
}

/* From the argument to the pointer at offset in the object of that number. */
static void tell_path(struct walk *walk, unsigned number, size_t offset) {
    const struct object *object = &walk->objects[number];
    bool is_record = gate__type_is_record(object->type);
    if (number)
        tell_path(walk, object->from, object->offset);
    if (number && !is_record)
        put(&walk->path, "[0]");
    walk->path.begins_record = number && is_record;
    walk->goal = offset;
    walk->left = POINTERS;
    walk->at_pointer = tell;
    visit(walk, object->type, 0, NULL);
}

static void tell_found(struct walk *walk) {
    struct path *path = &walk->path;
    tell_path(walk, walk->at, walk->goal);
    if (path->length >= sizeof path->text)
        memcpy(path->text + sizeof path->text - 4, "...", 4);
}

/* Walks from a value; whether it leads to what is not to be passed. */
static bool walk_from(struct walk *walk, const gate_type *type, const void *value, int level) {
    walk->at_pointer = look_at;
    walk->found = 0;
    walk->left = POINTERS;
    walk->follows = level == GATE_CHECK_MEMORY;
    walk->objects[0] = (struct object){type, (uintptr_t)value, 0, 0};
    walk->count = 1;
    for (walk->at = 0; walk->at < walk->count; walk->at++) {
        walk->begin = walk->end = 0;
        if (visit(walk, walk->objects[walk->at].type, 0, NULL))
            break;
    }
    return walk->found != 0;
}

/* What is to be checked: the arguments of a call, by values or by frame, or a result. */
struct request {
    const gate_signature *signature;
    const char *name;
    void *const *arguments;
    const gate_frame *frame;
    const void *room;   /* that C is to store the result in itself, or NULL */
    const void *result; /* or NULL: of a call */
    gate_error refusal; /* code 0 if all may be passed */
};

/* The value of an argument in a frame: where it is, or put together in room. */
static const void *value_in(const gate_frame *frame, size_t index, const gate_type *type, char *room) {
    const struct gate__plan *plan = frame->function->signature->plan;
    const uint64_t *cells = frame->cells;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct gate__step *step = &plan->steps[i];
        if (step->argument != index)
            continue;
        if (step->offset == 0 && step->size == type->size)
            return &cells[step->cell];
        memcpy(room + step->offset, &cells[step->cell], step->size);
    }
    return room;
}

static void refuse(struct request *request, struct walk *walk, const char *what, const gate_type *type) {
    char printed[48];
    const char *name = request->name ? request->name : request->result ? "a callback" : "a function";
    gate_type_print(type, printed, sizeof printed);
    tell_found(walk);
    gate__fail(&request->refusal, -EPERM, "%s of '%.40s' ('%s')%s%s points into the heap at %p, and is not pinned",
               what, name, printed, walk->path.length ? ": " : "", walk->path.text, (const void *)walk->found);
}

static void check_room(struct request *request) {
    uintptr_t room = (uintptr_t)request->room;
    if (room && may_not_pass(room, GATE_CHECK_ARGUMENTS))
        gate__fail(&request->refusal, -EPERM,
                   "the room for the result of '%.40s' is in the heap at %p, and is not pinned",
                   request->name ? request->name : "a function", request->room);
}

static void check_arguments(struct request *request, struct walk *walk, int level) {
    const gate_signature *signature = request->signature;
    char what[32], room[GATE__PARTS_MOST * 16];
    for (size_t i = 0; i < signature->count && !request->refusal.code; i++) {
        const gate_type *type = signature->parameters[i];
        if (!gate__type_has_pointers(type))
            continue;
        const void *value = request->frame ? value_in(request->frame, i, type, room) : request->arguments[i];
        if (!walk_from(walk, type, value, level))
            continue;
        snprintf(what, sizeof what, "argument %zu", i + 1);
        refuse(request, walk, what, type);
    }
}

/* [system stack] */
static void run(void *data) {
    struct request *request = data;
    int level = highest_level();
    struct walk walk;
    memset(walk.window, 0, sizeof walk.window); /* MemorySanitizer doesn't see the system write there */
    walk.path = (struct path){"", 0, false};
    if (!request->result) {
        check_room(request);
        check_arguments(request, &walk, level);
    } else if (walk_from(&walk, request->signature->result, request->result, level)) {
        refuse(request, &walk, "the result", request->signature->result);
    }
}

/* Refusals */

/* One that no task had. Never inlined: a task may be on another thread each time. */
static __attribute__((noinline)) gate_error *refusal_of_thread(void) {
    static _Thread_local gate_error refusal;
    return &refusal;
}

static int check(struct request *request) {
    gate__switch_call(gate__m(), run, request);
    if (request->refusal.code == 0)
        return 0;
    gate_task *task = gate_task_current();
    struct gate__mishaps *mishaps = task ? gate__task_mishaps(task) : NULL;
    if (mishaps)
        mishaps->refusal = request->refusal;
    else if (!task)
        *refusal_of_thread() = request->refusal;
    return request->refusal.code;
}

int gate__check_arguments(const gate_function *function, const void *result, void *const arguments[]) {
    struct request request = {.signature = function->signature, .name = function->name, .arguments = arguments};
    request.room = function->signature->needs_room ? result : NULL;
    return check(&request);
}

int gate__check_cells(const gate_frame *frame) {
    const gate_function *function = frame->function;
    struct request request = {.signature = function->signature, .name = function->name, .frame = frame};
    request.room = function->signature->needs_room ? frame->result : NULL;
    return check(&request);
}

int gate__check_returned(const gate_signature *signature, const char *name, const void *result) {
    struct request request = {.signature = signature, .name = name, .result = result};
    return check(&request);
}

const gate_error *gate_check_last(void) {
    gate_task *task = gate_task_current();
    const gate_error *last = !task ? refusal_of_thread() : task->mishaps ? &task->mishaps->refusal : NULL;
    return last && last->code ? last : NULL;
}
