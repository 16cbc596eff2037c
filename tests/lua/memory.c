/* A host whose memory ends: it runs a script twice for each allocation that Lua makes in it, which fails, alone and with all that
 * follow. The script returns two functions: one in which that happens, and one for which memory is there again, and which
 * has to find that all works.
 *
 * SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* Lua collects when it gets nothing, and asks again. */
enum { ONE = 2, ALL = 1000000 };

struct memory {
    bool ends;
    long asked, left; /* so often; how often it is there yet */
    long refused;     /* how often it is not there then */
};

static void *allocate(void *data, void *block, size_t before, size_t size) {
    struct memory *memory = data;
    if (size == 0) {
        free(block);
        return NULL;
    }
    bool grows = !block || size > before;
    if (memory->ends && grows) {
        memory->asked++;
        if (memory->left-- <= 0 && memory->left >= -memory->refused)
            return NULL;
    }
    return realloc(block, size);
}

static void check(lua_State *L, int status, long nth) {
    if (!status)
        return;
    printf("FAILED: allocation %ld: %s\n", nth, lua_tostring(L, -1));
    exit(1);
}

/* Whether the script has asked for as many. */
static bool run(const char *script, long nth, long refused) {
    struct memory memory = {.left = nth, .refused = refused};
    lua_State *L = lua_newstate(allocate, &memory);
    luaL_openlibs(L);
    check(L, luaL_loadfile(L, script) || lua_pcall(L, 0, 2, 0), nth);
    lua_pushvalue(L, 1);
    memory.ends = true;
    lua_pcall(L, 0, 0, 0);
    memory.ends = false;
    lua_settop(L, 2);
    check(L, lua_pcall(L, 0, 0, 0), nth);
    lua_close(L);
    return memory.asked > nth;
}

int main(int argc, char **argv) {
    long nth = 0;
    if (argc != 2)
        return 1;
    while (run(argv[1], nth, ONE) && run(argv[1], nth, ALL))
        nth++;
    printf("%ld allocations failed\n", nth);
    return nth < 100;
}
