/* gmatch and gsub for patterns that may match nothing. LuaJIT finds such a match right behind another, too: ("ab"):gsub("%a*",
 * "-") is "--" there, and "-" in Lua since 5.3. All other patterns are Lua's own functions' affair.
 *
 * The upvalues of both are Lua's function of that name and its find, which goes from one match to the next.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/luajit/core.h"

/* Whether a pattern may match nothing. What is no pattern may not. */

static bool is_one_of(char c, const char *which) {
    return c != '\0' && strchr(which, c);
}

/* The end of the character, class or set that begins there. */
static const char *skip_item(const char *at, const char *end) {
    if (*at == '%')
        return at + 2;
    if (*at != '[')
        return at + 1;
    at += at + 1 < end && at[1] == '^' ? 2 : 1;
    do /* a bracket that comes first is one of the set */
        at += at < end && *at == '%' ? 2 : 1;
    while (at < end && *at != ']');
    return at + 1;
}

static bool may_be_empty(const char *at, const char *end) {
    while (at < end) {
        bool is_escape = *at == '%' && at + 1 < end;
        if (is_one_of(*at, "()") || (*at == '$' && at + 1 == end)) {
            at++;
        } else if (is_escape && at[1] == 'f') {
            at = at + 2 < end ? skip_item(at + 2, end) : end + 1;
        } else if (is_escape && is_one_of(at[1], "0123456789")) {
            at += 2; /* what a capture has matched may be nothing */
        } else {
            at = skip_item(at, end);
            if (at >= end || !is_one_of(*at, "*?-"))
                return false;
            at++;
        }
    }
    return at == end;
}

/* Pushes the first match from a place on: where it begins and ends, and its captures; all of it, if it has none. */
static bool push_match(lua_State *L, int text, int pattern, int find, lua_Integer from) {
    int top = lua_gettop(L);
    lua_pushvalue(L, find);
    lua_pushvalue(L, text);
    lua_pushvalue(L, pattern);
    lua_pushinteger(L, from);
    lua_call(L, 3, LUA_MULTRET);
    luaL_checkstack(L, LUA_MINSTACK, NULL); /* there may be as many captures as it has room for */
    if (lua_isnil(L, top + 1))
        return false;
    if (lua_gettop(L) == top + 2) {
        lua_Integer first = lua_tointeger(L, top + 1), last = lua_tointeger(L, top + 2);
        lua_pushlstring(L, lua_tostring(L, text) + first - 1, (size_t)(last - first + 1));
    }
    return true;
}

/* Where to look on behind the match whose places are at index and above. */
static lua_Integer place_behind(lua_State *L, int index) {
    lua_Integer first = lua_tointeger(L, index), last = lua_tointeger(L, index + 1);
    return last < first ? first + 1 : last + 1;
}

static bool is_left_to_lua(lua_State *L) {
    size_t size;
    const char *pattern = luaL_checklstring(L, 2, &size);
    return !may_be_empty(pattern, pattern + size);
}

/* gmatch */

/* Its upvalues are the text, the pattern, find, and from where on it looks. */
static int next_match(lua_State *L) {
    const int from = lua_upvalueindex(4);
    lua_settop(L, 0);
    if (!push_match(L, lua_upvalueindex(1), lua_upvalueindex(2), lua_upvalueindex(3), lua_tointeger(L, from)))
        return 0;
    lua_pushinteger(L, place_behind(L, 1));
    lua_replace(L, from);
    return lua_gettop(L) - 2;
}

int luajit_gmatch(lua_State *L) {
    luajit_change(L, "ss");
    luaL_checkstring(L, 1);
    lua_settop(L, 2);
    if (is_left_to_lua(L))
        return luajit_call_own(L);
    if (*lua_tostring(L, 2) == '^') { /* which holds nothing here, but is one of the characters */
        lua_pushliteral(L, "%");
        lua_insert(L, 2);
        lua_concat(L, 2);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushinteger(L, 1);
    lua_pushcclosure(L, next_match, 4);
    return 1;
}

/* gsub. Its stack has the arguments, a list of the new text's pieces, and the last match with its captures. */

enum { TEXT = 1, PATTERN, REPLACEMENT, MOST, PIECES, FIRST, LAST, CAPTURES };

/* Adds what is on top to the pieces, and pops it. */
static void add(lua_State *L) {
    lua_rawseti(L, PIECES, (lua_Integer)lua_rawlen(L, PIECES) + 1);
}

/* Pushes the text from a place up to another, which is not one of it. */
static void push_part(lua_State *L, lua_Integer from, lua_Integer to) {
    lua_pushlstring(L, lua_tostring(L, TEXT) + from - 1, (size_t)(to - from));
}

/* Adds a replacement that is text, in which %1 is the first capture, and %0 the match. */
static void add_text(lua_State *L) {
    size_t size;
    int captures = lua_gettop(L) - LAST;
    const char *at = lua_tolstring(L, REPLACEMENT, &size), *end = at + size, *escape;
    for (; (escape = memchr(at, '%', (size_t)(end - at))) != NULL; at = escape + 2) {
        lua_pushlstring(L, at, (size_t)(escape - at));
        add(L);
        int which = escape[1] - '0';
        if (escape[1] == '%')
            lua_pushliteral(L, "%");
        else if (which == 0)
            push_part(L, lua_tointeger(L, FIRST), lua_tointeger(L, LAST) + 1);
        else if (which <= captures)
            lua_pushvalue(L, LAST + which);
        else
            luaL_error(L, "invalid capture index");
        add(L);
    }
    lua_pushlstring(L, at, (size_t)(end - at));
    add(L);
}

/* Adds what a function makes of the captures. A table is a function, too, by now. */
static void add_result(lua_State *L) {
    lua_pushvalue(L, REPLACEMENT);
    lua_insert(L, CAPTURES);
    lua_call(L, lua_gettop(L) - CAPTURES, 1);
    if (!lua_toboolean(L, -1))
        push_part(L, lua_tointeger(L, FIRST), lua_tointeger(L, LAST) + 1);
    else if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    add(L);
}

static void push_pieces(lua_State *L) {
    luaL_Buffer buffer;
    lua_Integer count = (lua_Integer)lua_rawlen(L, PIECES);
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, PIECES, i);
        luaL_addvalue(&buffer);
    }
    luaL_pushresult(&buffer);
}

/* Leaves the new text on top, and how many matches it has replaced. */
static int replace(lua_State *L, lua_Integer most) {
    lua_Integer count = 0, copied = 1, from = 1;
    for (; count < most && push_match(L, TEXT, PATTERN, lua_upvalueindex(2), from); count++) {
        push_part(L, copied, lua_tointeger(L, FIRST));
        add(L);
        if (lua_isfunction(L, REPLACEMENT))
            add_result(L);
        else
            add_text(L);
        copied = lua_tointeger(L, LAST) + 1;
        from = place_behind(L, FIRST);
        lua_settop(L, PIECES);
    }
    lua_settop(L, PIECES);
    push_part(L, copied, (lua_Integer)lua_rawlen(L, TEXT) + 1);
    add(L);
    push_pieces(L);
    lua_pushinteger(L, count);
    return 2;
}

int luajit_gsub(lua_State *L) {
    luajit_change(L, "ssri");
    luaL_checkstring(L, TEXT);
    if (is_left_to_lua(L) || !(lua_isstring(L, REPLACEMENT) || lua_isfunction(L, REPLACEMENT)))
        return luajit_call_own(L);
    lua_Integer most = luaL_optinteger(L, MOST, INT64_MAX);
    if (most > 1 && *lua_tostring(L, PATTERN) == '^')
        most = 1;
    lua_settop(L, MOST);
    lua_newtable(L);
    return replace(L, most);
}
