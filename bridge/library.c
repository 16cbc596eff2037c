/* Shared libraries: their symbols, and what keeps them open.
 *
 * A library that is opened again is the same one, with one more to close it. The last close asks who still needs it:
 *
 *   uses     of functions and callbacks, which the host lists here while it has them, and of calls that have been asked
 *            for and not begun (async.c)
 *   calls    in progress. They are told of anyway (gate__m_call, struct gate__arrival), and found by the function's address: so
 *            a call pays nothing for it. Tasks go on meanwhile: what is read of a call may be gone, so the system reads
 *            it, and what has changed after is read again.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

struct gate_library {
    struct gate__loaded loaded;
    unsigned opens;                     /* closes to come */
    gate_library_use *uses, **last_use; /* the first first */
    gate_library *next;
    char name[]; /* for messages: as it was first opened */
};

static struct gate__lock libraries_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static gate_library *libraries; /* with an open that has not been closed */

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&libraries_lock);
}

/* Opening */

/* "z" is short for "libz.so"; a name with a slash or with ".so" in it is the loader's own. */
static gate_library *make(const char *name) {
    bool whole = !name || strchr(name, '/') || strstr(name, ".so");
    const char *shown = name ? name : "the process";
    size_t room = strlen(shown) + sizeof "lib.so";
    gate_library *library = calloc(1, sizeof *library + room);
    if (!library)
        return NULL;
    snprintf(library->name, room, whole ? "%s" : "lib%s.so", shown);
    library->opens = 1;
    library->last_use = &library->uses;
    return library;
}

/* Lists it, unless it is there already: then that one is opened once more, and returned. */
static gate_library *enlist(gate_library *library) {
    gate__lock(&libraries_lock);
    gate_library *known = libraries;
    while (known && known->loaded.handle != library->loaded.handle)
        known = known->next;
    if (known) {
        known->opens++;
    } else {
        library->next = libraries;
        libraries = known = library;
    }
    gate__unlock(&libraries_lock);
    return known;
}

int gate_library_open(const char *name, gate_library **result, gate_error *error) {
    struct gate__words words;
    gate_library *library = make(name);
    if (!library)
        return gate__fail(error, -ENOMEM, "no memory to open a library");
    int failed = gate__loader_open(name ? library->name : NULL, &library->loaded, &words);
    if (failed) {
        gate__fail(error, failed, "library '%.80s' can't be opened: %s", library->name, words.text);
        free(library);
        return failed;
    }
    *result = enlist(library);
    if (*result != library) {
        gate__loader_close(library->loaded.handle);
        free(library);
    }
    return 0;
}

/* Symbols */

int gate_library_symbol(gate_library *library, const char *name, void **address, gate_error *error) {
    struct gate__words words;
    const char *at = strchr(name, '@'), *version = at ? at + strspn(at, "@") : NULL;
    char *symbol = at ? strndup(name, (size_t)(at - name)) : NULL;
    if (at && !symbol)
        return gate__fail(error, -ENOMEM, "no memory for the name of a symbol");
    int failed = gate__loader_find(library->loaded.handle, symbol ? symbol : name, version, address, &words);
    free(symbol);
    if (failed)
        gate__fail(error, failed, "symbol '%.80s' is not in library '%.80s': %s", name, library->name, words.text);
    return failed;
}

int gate_library_variable(gate_library *library, const char *name, size_t size, void **address, gate_error *error) {
    void *found = NULL;
    int failed = gate_library_symbol(library, name, &found, error);
    if (failed)
        return failed;
    if (!found)
        return gate__fail(error, -ENOENT, "symbol '%.80s' of library '%.80s' is NULL: there is no variable", name,
                          library->name);
    struct gate__object object = gate__loader_describe(found);
    if (object.is_local)
        return gate__fail(error, -ENOTSUP, "variable '%.80s' of library '%.80s' is thread-local: it has no one address",
                          name, library->name);
    if (object.is_function)
        return gate__fail(error, -EINVAL, "'%.80s' of library '%.80s' is a function, not a variable", name,
                          library->name);
    if (object.size && object.size < size)
        return gate__fail(error, -EINVAL, "variable '%.80s' of library '%.80s' has %zu byte%s, not %zu", name,
                          library->name, object.size, object.size == 1 ? "" : "s", size);
    *address = found;
    return 0;
}

/* Uses */

static void append_use(gate_library *library, const char *what, gate_library_use *use) {
    *use = (gate_library_use){what, library, NULL, library->last_use};
    *library->last_use = use;
    library->last_use = &use->next;
}

void gate_library_hold(gate_library *library, const char *what, gate_library_use *use) {
    gate__lock(&libraries_lock);
    append_use(library, what, use);
    gate__unlock(&libraries_lock);
}

static bool has(const gate_library *library, uintptr_t address) {
    return address - library->loaded.base < library->loaded.size;
}

void gate__library_hold_at(void (*address)(void), const char *what, gate_library_use *use) {
    use->library = NULL;
    gate__lock(&libraries_lock);
    gate_library *library = libraries;
    while (library && !has(library, (uintptr_t)address))
        library = library->next;
    if (library)
        append_use(library, what, use);
    gate__unlock(&libraries_lock);
}

void gate_library_release(gate_library_use *use) {
    gate_library *library = use->library;
    if (!library)
        gate__fatal("gate_library_release", "nothing is held by this, or it has been released");
    gate__lock(&libraries_lock);
    *use->link = use->next;
    if (use->next)
        use->next->link = use->link;
    else
        library->last_use = use->link;
    use->library = NULL;
    gate__unlock(&libraries_lock);
}

/* Calls in progress */

/* What is read of a call, as words. */
struct sight {
    uintptr_t function, outer, address, name;
};

static bool read_call(uintptr_t call, struct sight *sight) {
    *sight = (struct sight){0, 0, 0, 0};
    return gate__os_read_word(call + offsetof(struct gate__call, function), &sight->function) &&
           gate__os_read_word(call + offsetof(struct gate__call, outer), &sight->outer) &&
           gate__os_read_word(sight->function + offsetof(gate_function, address), &sight->address) &&
           gate__os_read_word(sight->function + offsetof(gate_function, name), &sight->name);
}

/* Whether one of the calls from innermost outwards is of library; *sight is that one then. */
static bool find_call(const gate_library *library, uintptr_t innermost, struct sight *sight) {
    for (uintptr_t call = innermost; call && read_call(call, sight); call = sight->outer) {
        if (has(library, sight->address))
            return true;
    }
    return false;
}

/* A count of what holds a library, and the first of them in words. */
struct holders {
    const gate_library *library;
    size_t count, used;
    char names[80];
};

__attribute__((format(__printf__, 2, 3))) static void note(struct holders *holders, const char *format, ...) {
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    size_t room = sizeof holders->names - holders->used;
    if (holders->used + strlen(name) + 4 < sizeof holders->names)
        holders->used +=
            (size_t)snprintf(holders->names + holders->used, room, "%s%s", holders->count ? ", " : "", name);
    holders->count++;
}

enum { TRIES = 64 };

/* And so for the calls that its handlers run below. */
static bool find_outer_call(const gate_library *library, uintptr_t arrival, struct sight *sight) {
    uintptr_t call, outer;
    while (arrival && gate__os_read_word(arrival + offsetof(struct gate__arrival, call), &call) &&
           gate__os_read_word(arrival + offsetof(struct gate__arrival, outer), &outer)) {
        if (gate__m_says_which((void *)call) && find_call(library, call, sight))
            return true;
        arrival = outer;
    }
    return false;
}

/* Whether one of the calls that task is in is of library. Of the two that tell of a call, the task's note and its M, the latter
 * is looked at last: a handler that ends tells its M first. */
static bool look_for_call(const gate_library *library, gate_task *task, struct sight *sight) {
    return find_outer_call(library, (uintptr_t)atomic_load(&task->arrival), sight) ||
           find_call(library, (uintptr_t)gate__task_call(task), sight);
}

/* A task on a thread goes from C to handlers and back meanwhile, and so may be seen in neither. One that is held comes from a
 * handler and goes to another at the most: of three looks, one sees it where it stays. */
static bool look_while_held(const gate_library *library, gate_task *task, gate_m *m, struct sight *sight) {
    enum { LOOKS = 3 };
    bool found = false;
    if (m)
        gate__foreign_hold(m);
    for (int i = 0; i < LOOKS && !found; i++)
        found = look_for_call(library, task, sight);
    if (m)
        gate__foreign_let(m);
    return found;
}

/* Whether task is in a call of library. One that ended while it was read of is none. */
static bool is_in_call_of(const gate_library *library, gate_task *task, struct sight *sight) {
    const void *innermost = gate__task_call(task);
    bool found = look_for_call(library, task, sight);
    if (found && gate__task_call(task) == innermost)
        return true;
    for (int i = 0; i < TRIES; i++) {
        gate_m *m = atomic_load(&task->on);
        found = look_while_held(library, task, m, sight);
        if (found || atomic_load(&task->on) == m)
            break;
    }
    return found;
}

static void note_call(void *data, gate_task *task, const struct gate_task_info *info) {
    struct holders *holders = data;
    struct sight sight;
    if (is_in_call_of(holders->library, task, &sight))
        note(holders, "'%.20s' by task '%s'", sight.name ? (const char *)sight.name : "a function", info->name);
}

/* Closing */

static void note_uses(struct holders *holders) {
    for (const gate_library_use *use = holders->library->uses; use; use = use->next)
        note(holders, "'%.30s'", use->what ? use->what : "a function");
}

static void delist(gate_library *library) {
    gate_library **link = &libraries;
    while (*link != library)
        link = &(*link)->next;
    *link = library->next;
}

static int refuse(const struct holders *uses, const struct holders *calls, gate_error *error) {
    char text[2][128] = {"", ""};
    if (uses->count)
        snprintf(text[0], sizeof text[0], ", %zu hold%s it: %s", uses->count, uses->count == 1 ? "s" : "", uses->names);
    if (calls->count)
        snprintf(text[1], sizeof text[1], ", %zu call%s in progress: %s", calls->count,
                 calls->count == 1 ? " is" : "s are", calls->names);
    return gate__fail(error, -EBUSY, "library '%.40s' stays open%s%s", uses->library->name, text[0], text[1]);
}

int gate_library_close(gate_library *library, gate_error *error) {
    if (!library)
        return 0;
    struct holders uses = {.library = library}, calls = {.library = library};
    gate__init_visit_tasks(note_call, &calls);
    gate__lock(&libraries_lock);
    bool last = library->opens == 1;
    if (last)
        note_uses(&uses);
    bool busy = last && (uses.count || calls.count);
    if (last && !busy)
        delist(library);
    else if (!last)
        library->opens--;
    gate__unlock(&libraries_lock);
    if (busy)
        return refuse(&uses, &calls, error);
    if (last) {
        gate__loader_close(library->loaded.handle);
        free(library);
    }
    return 0;
}
