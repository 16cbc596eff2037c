/* Channels, as Go has them: queues of values between tasks.
 *
 * Whoever can't go on is queued, in order, and parked. Whoever lets it go on does for it what it waited for: a value goes
 * from one coroutine's stack to the other's, and stays Lua's on its way. So nobody is woken in vain, no other task gets in
 * between, and
 *
 *   a receiver waits only while the channel is empty, and no sender waits
 *   a sender waits only while the channel is full, and no receiver waits
 *   a closed channel has no waiters
 *
 * A task that waits for no set time is kept by nothing but its channels. If the collector finds that no other task has
 * them, nobody can wake it, and it is made to end (task_collect). Go keeps such tasks for ever.
 *
 * Waiters lie in userdata and not on stacks: in a process that has forked, the stacks of those that were left behind read as
 * zero. They are skipped.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "examples/lua/task/task.h"

struct queue {
    struct waiter *first, *last;
};

/* The user value is a table: the values, a ring of capacity from 1, and the tasks that wait, by their address. */
struct channel {
    int capacity, first, count; /* of the values: count of them, from first on */
    bool is_closed;
    struct queue senders, receivers;
};

static struct channel *check_channel(lua_State *L, int index) {
    return luaL_checkudata(L, index, CHANNEL);
}

/* Queues */

static struct queue *queue_of(struct waiter *waiter) {
    return waiter->value ? &waiter->channel->senders : &waiter->channel->receivers;
}

static void enqueue(struct waiter *waiter) {
    struct queue *queue = queue_of(waiter);
    waiter->previous = queue->last;
    waiter->next = NULL;
    *(queue->last ? &queue->last->next : &queue->first) = waiter;
    queue->last = waiter;
}

static void dequeue(struct waiter *waiter) {
    struct queue *queue = queue_of(waiter);
    *(waiter->previous ? &waiter->previous->next : &queue->first) = waiter->next;
    *(waiter->next ? &waiter->next->previous : &queue->last) = waiter->previous;
}

static void dequeue_all(struct wait *wait) {
    for (int i = 0; i < wait->count; i++)
        dequeue(&wait->waiters[i]);
    wait->count = 0;
}

/* The first that waits, NULL if none does. It is awake, but has no slot before we have done our part. */
static struct waiter *first(struct queue *queue) {
    struct waiter *waiter;
    while ((waiter = queue->first) != NULL && gate_task_ready(waiter->task->handle) == -ESRCH)
        dequeue_all(&waiter->task->wait);
    return waiter;
}

/* What it waited for has been done. */
static void choose(struct waiter *waiter, bool ok) {
    struct wait *wait = &waiter->task->wait;
    wait->chosen = (int)(waiter - wait->waiters);
    wait->ok = ok;
    dequeue_all(wait);
    task_set_stuck(waiter->task, false);
}

/* The value that a sender has ready: pushed on L. */
static void push_value_of(lua_State *L, struct waiter *sender) {
    lua_State *from = sender->task->wait.L;
    lua_pushvalue(from, sender->value);
    lua_xmove(from, L, 1);
}

/* Sending and receiving, if that can be done at once. The channel is at index, or the value that is sent. */

static int place(const struct channel *channel, int nth) {
    return (channel->first + nth) % channel->capacity + 1;
}

static bool can_send(struct channel *channel) {
    return channel->is_closed || channel->count < channel->capacity || first(&channel->receivers);
}

static bool can_receive(struct channel *channel) {
    return channel->is_closed || channel->count || first(&channel->senders);
}

static void send(lua_State *L, int index, int value) {
    struct channel *channel = lua_touserdata(L, index);
    struct waiter *receiver = first(&channel->receivers);
    if (channel->is_closed)
        luaL_error(L, "send to a closed channel");
    lua_pushvalue(L, value);
    if (receiver) {
        lua_xmove(L, receiver->task->wait.L, 1);
        choose(receiver, true);
    } else {
        lua_getiuservalue(L, index, 1);
        lua_insert(L, -2);
        lua_rawseti(L, -2, place(channel, channel->count));
        lua_pop(L, 1);
        channel->count++;
    }
}

/* Pushes the oldest value; the first sender's takes the place at the end, which is the same. */
static void receive_stored(lua_State *L, int index, struct channel *channel) {
    struct waiter *sender = first(&channel->senders);
    lua_getiuservalue(L, index, 1);
    lua_rawgeti(L, -1, place(channel, 0));
    if (sender)
        push_value_of(L, sender);
    else
        lua_pushnil(L);
    lua_rawseti(L, -3, place(channel, 0));
    lua_remove(L, -2);
    channel->first = (channel->first + 1) % channel->capacity;
    if (sender)
        choose(sender, true);
    else
        channel->count--;
}

/* Pushes a value, or nil; returns whether it is one. */
static bool receive(lua_State *L, int index) {
    struct channel *channel = lua_touserdata(L, index);
    struct waiter *sender = first(&channel->senders);
    if (channel->count) {
        receive_stored(L, index, channel);
    } else if (sender) {
        push_value_of(L, sender);
        choose(sender, true);
    } else {
        lua_pushnil(L);
        return false;
    }
    return true;
}

/* Waiting */

/* Has each channel keep the task at index self, or forget it. The channels are at first, and every step from there. */
static void keep_self(lua_State *L, int self, int first_channel, int step, int count, bool keeps) {
    const struct task *task = lua_touserdata(L, self);
    for (int i = 0; i < count; i++) {
        lua_getiuservalue(L, first_channel + i * step, 1);
        if (keeps)
            lua_pushvalue(L, self);
        else
            lua_pushnil(L);
        lua_rawsetp(L, -2, task);
        lua_pop(L, 1);
    }
}

/* Parks the task at index self until one of its waiters, which are set, is chosen. */
static enum outcome wait_in_queues(lua_State *L, int self, const char *why, uint64_t then) {
    struct task *task = lua_touserdata(L, self);
    bool may_be_collected = then == NEVER && !task->is_root;
    for (int i = 0; i < task->wait.count; i++)
        enqueue(&task->wait.waiters[i]);
    if (may_be_collected)
        task_let_go(L, task);
    enum outcome outcome = task_wait(task, why, then);
    dequeue_all(&task->wait);
    if (may_be_collected) {
        lua_pushvalue(L, self);
        task_anchor(L, task);
    }
    return outcome;
}

/* Waits on the channel at index 1, to send the value at index 2 if sends. */
static struct task *wait_alone(lua_State *L, bool sends) {
    struct task *self = task_self(L);
    int index = lua_gettop(L);
    task_check_cancel(L, self);
    self->one = (struct waiter){.task = self, .channel = lua_touserdata(L, 1), .value = sends ? 2 : 0};
    keep_self(L, index, 1, 0, 1, true);
    self->wait = (struct wait){.L = L, .waiters = &self->one, .count = 1, .chosen = NONE};
    enum outcome outcome = wait_in_queues(L, index, sends ? "send to a channel" : "receive from a channel", NEVER);
    keep_self(L, index, 1, 0, 1, false);
    task_check_outcome(L, self, outcome);
    return self;
}

/* channel:send(value) */
static int channel_send(lua_State *L) {
    struct channel *channel = check_channel(L, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    task_poll_cancel(L, host_check(L));
    if (can_send(channel))
        send(L, 1, 2);
    else if (!wait_alone(L, true)->wait.ok)
        luaL_error(L, "the channel was closed");
    return 0;
}

/* channel:receive(): a value and true, or nil and false when it is closed */
static int channel_receive(lua_State *L) {
    struct channel *channel = check_channel(L, 1);
    lua_settop(L, 1);
    task_poll_cancel(L, host_check(L));
    bool ok = can_receive(channel) ? receive(L, 1) : wait_alone(L, false)->wait.ok;
    lua_pushboolean(L, ok);
    return 2;
}

static void close_channel(struct channel *channel) {
    struct waiter *waiter;
    channel->is_closed = true;
    while ((waiter = first(&channel->senders)) != NULL)
        choose(waiter, false);
    while ((waiter = first(&channel->receivers)) != NULL) {
        lua_pushnil(waiter->task->wait.L);
        choose(waiter, false);
    }
}

/* channel:close() */
static int channel_close(lua_State *L) {
    struct channel *channel = check_channel(L, 1);
    if (channel->is_closed)
        return luaL_error(L, "the channel has been closed before");
    close_channel(channel);
    return 0;
}

/* [__close, of Lua 5.4] */
static int channel_leave(lua_State *L) {
    struct channel *channel = check_channel(L, 1);
    if (!channel->is_closed)
        close_channel(channel);
    return 0;
}

static int channel_length(lua_State *L) {
    lua_pushinteger(L, check_channel(L, 1)->count);
    return 1;
}

static int channel_tostring(lua_State *L) {
    const struct channel *channel = check_channel(L, 1);
    lua_pushfstring(L, "channel: %p (%d of %d values%s)", (const void *)channel, channel->count, channel->capacity,
                    channel->is_closed ? ", closed" : "");
    return 1;
}

/* task.channel([capacity]) */
static int module_channel(lua_State *L) {
    lua_Integer capacity = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, capacity >= 0 && capacity <= 1000000000, 1, "a capacity from 0 to 1000000000 expected");
    host_check(L);
    struct channel *channel = lua_newuserdatauv(L, sizeof *channel, 1);
    *channel = (struct channel){.capacity = (int)capacity};
    luaL_setmetatable(L, CHANNEL);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* Selecting. The stack is: the cases; the task; the waiters; then a channel and a value to send, or nil, for each. */

enum { CASES = 1, SELF, WAITERS, FIRST_CHANNEL, STEP = 2 };

static int channel_at(int nth) {
    return FIRST_CHANNEL + nth * STEP;
}

/* Pushes the channel and the value of the nth case, which is on top, and pops that. */
static void push_case(lua_State *L, int nth, struct waiter *waiter) {
    int value = channel_at(nth) + 1;
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "value");
        lua_getfield(L, -2, "send");
        waiter->value = lua_isnil(L, -1) ? 0 : value;
        if (!waiter->value) {
            lua_pop(L, 1);
            lua_getfield(L, -2, "receive");
        }
        lua_replace(L, -3);
    } else {
        lua_pushnil(L);
        waiter->value = 0;
    }
    waiter->channel = luaL_testudata(L, channel_at(nth), CHANNEL);
    waiter->task = lua_touserdata(L, SELF);
    if (!waiter->channel)
        luaL_error(L, "case %d is neither a channel, nor {receive = channel}, nor {send = channel, value = ...}",
                   nth + 1);
}

static struct waiter *push_cases(lua_State *L, int count) {
    struct waiter *waiters = lua_newuserdatauv(L, (size_t)count * sizeof *waiters, 0);
    luaL_checkstack(L, count * STEP + LUA_MINSTACK, "too many cases");
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, CASES, i + 1);
        push_case(L, i, &waiters[i]);
    }
    return waiters;
}

static uint32_t draw(struct host *host) {
    host->random = host->random * 1664525 + 1013904223;
    return host->random >> 8;
}

/* Each of those that are ready with the same chance, so that none starves; NONE if none is. */
static int pick(struct host *host, struct waiter *waiters, int count) {
    int picked = NONE;
    uint32_t ready = 0;
    for (int i = 0; i < count; i++) {
        bool can = waiters[i].value ? can_send(waiters[i].channel) : can_receive(waiters[i].channel);
        if (can && draw(host) % ++ready == 0)
            picked = i;
    }
    return picked;
}

/* Pushes what select returns of the case that was done; what it received is on top. */
static int push_selected(lua_State *L, int nth, bool sends, bool ok) {
    lua_pushinteger(L, nth + 1);
    if (sends)
        return 1;
    lua_insert(L, -2);
    lua_pushboolean(L, ok);
    return 3;
}

static int push_none(lua_State *L, const char *why) {
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

static int do_at_once(lua_State *L, int nth, bool sends) {
    bool ok = true;
    if (sends)
        send(L, channel_at(nth), channel_at(nth) + 1);
    else
        ok = receive(L, channel_at(nth));
    return push_selected(L, nth, sends, ok);
}

static int wait_for_one(lua_State *L, struct task *self, struct waiter *waiters, int count, uint64_t then) {
    keep_self(L, SELF, FIRST_CHANNEL, STEP, count, true);
    self->wait = (struct wait){.L = L, .waiters = waiters, .count = count, .chosen = NONE};
    enum outcome outcome = wait_in_queues(L, SELF, "select", then);
    keep_self(L, SELF, FIRST_CHANNEL, STEP, count, false);
    task_check_outcome(L, self, outcome);
    if (outcome == WAIT_TIMED_OUT)
        return push_none(L, "timeout");
    bool sends = waiters[self->wait.chosen].value;
    if (sends && !self->wait.ok)
        luaL_error(L, "the channel was closed");
    return push_selected(L, self->wait.chosen, sends, self->wait.ok);
}

/* task.select{case, ..., timeout = seconds, default = true} */
static int module_select(lua_State *L) {
    struct host *host = host_check(L);
    luaL_checktype(L, CASES, LUA_TTABLE);
    lua_settop(L, CASES);
    struct task *self = task_self(L);
    lua_getfield(L, CASES, "default");
    bool waits = !lua_toboolean(L, -1);
    lua_getfield(L, CASES, "timeout");
    task_check_option(L, "timeout", lua_tonumber(L, -1) >= 0 && lua_isnumber(L, -1),
                      "a time of no less than 0 seconds");
    uint64_t then = task_deadline(L, -1);
    lua_settop(L, SELF);
    int count = (int)lua_rawlen(L, CASES);
    struct waiter *waiters = push_cases(L, count);
    task_check_cancel(L, self);
    int picked = pick(host, waiters, count);
    if (picked != NONE)
        return do_at_once(L, picked, waiters[picked].value);
    if (!waits)
        return push_none(L, "default");
    if (!count && then == NEVER)
        luaL_error(L, "nothing to select from");
    return wait_for_one(L, self, waiters, count, then);
}

static const luaL_Reg channel_meta[] = {
    {"__call", channel_receive},
    {"__len", channel_length},
    {"__tostring", channel_tostring},
    {"__close", channel_leave},
    {NULL, NULL},
};
static const luaL_Reg channel_methods[] = {
    {"send", channel_send}, {"receive", channel_receive}, {"close", channel_close}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"channel", module_channel}, {"select", module_select}, {NULL, NULL}};

void channel_open(lua_State *L) {
    host_open_metatable(L, CHANNEL, channel_meta, channel_methods);
    luaL_setfuncs(L, module_functions, 0);
}
