/* Deadlocks: every task waits for what only another can do, a value, room or an end, and so all would for ever.
 *
 * The main program finds that, as in Go, and gets an error where it waits; what it does then is its own affair. It looks
 * before it parks. Whoever is the last to wait, or ends when all others wait, wakes it to look again; by the time it has
 * the slot, that one is parked or gone.
 *
 * An error where there is no deadlock would be worse than silence. So there is none while a callback is not freed: C may
 * call it on a thread that nobody knows yet. A call of ffi.async is a task that only a callback could make run Lua.
 *
 *   stuck == others + 1  <=>  no task runs, is ready, sleeps, waits for a set time or for a call, is in C or outside
 *
 * SPDX-License-Identifier: MIT */
#include "examples/lua/task/task.h"

/* How many tasks the error names: the oldest. */
enum { LISTED = 16 };

static bool is_deadlock(const struct host *host) {
    return host->stuck == host->others + 1 && !host->callbacks;
}

void deadlock_suspect(const struct host *host) {
    if (is_deadlock(host))
        gate_task_ready(host->main);
}

bool deadlock_find(const struct task *self) {
    const struct host *host = self->host;
    bool is_main = self->handle == host->main;
    if (!is_main)
        deadlock_suspect(host);
    return is_main && is_deadlock(host);
}

/* Pushes a list of the tasks, without those that a fork has left behind; returns how many they are. */
static unsigned push_present(lua_State *L) {
    size_t count;
    unsigned present = 0;
    lua_newtable(L);
    int list = lua_gettop(L);
    task_push_numbers(L);
    const struct gate_task_info *infos = task_push_infos(L, &count);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, list + 1, (lua_Integer)infos[i].number) == LUA_TNIL)
            lua_pop(L, 1); /* a call that C makes by itself */
        else
            lua_rawseti(L, list, ++present);
    }
    lua_settop(L, list);
    return present;
}

/* The oldest of the tasks that are younger than the one of that number, in the list at index; NULL if there is none. */
static const struct task *next_task(lua_State *L, int index, uint64_t number) {
    const struct task *next = NULL;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const struct task *task = lua_touserdata(L, -1);
        if (task->number > number && (!next || task->number < next->number))
            next = task;
    }
    return next;
}

/* Adds what task waits for to the words on top. */
static void add_task(lua_State *L, const struct task *task) {
    const struct task *joined = task->wait.joined;
    lua_pushfstring(L, "\n\t'%s' (#%d) waits: %s", task->name, (int)task->number, task->wait.why);
    if (joined)
        lua_pushfstring(L, ", '%s' (#%d)", joined->name, (int)joined->number);
    lua_concat(L, joined ? 3 : 2);
}

void deadlock_raise(lua_State *L) {
    unsigned listed = 0;
    luaL_checkstack(L, LUA_MINSTACK, "a deadlock");
    unsigned count = push_present(L);
    int present = lua_gettop(L);
    luaL_where(L, 1);
    lua_pushliteral(L, "deadlock: all tasks wait, and none can wake another");
    lua_concat(L, 2);
    const struct task *task = next_task(L, present, 0);
    for (; task && listed < LISTED; listed++, task = next_task(L, present, task->number))
        add_task(L, task);
    if (task) {
        lua_pushfstring(L, "\n\tand %d more", (int)(count - listed));
        lua_concat(L, 2);
    }
    lua_error(L);
}
