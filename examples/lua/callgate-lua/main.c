/* callgate-lua: runs LuaJIT's programs on a stock Lua, as lua and luajit do.
 *
 * The state's world is LuaJIT's from the start (luajit.lua), and callgate's modules are built in. All that may fail runs
 * below one protected call, so that the state is closed in any case.
 *
 * SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/lua/luajit/core.h"
#include "examples/lua/callgate-lua/program.h"

int luaopen_callgate(lua_State *L);
int luaopen_callgate_ffi(lua_State *L);
int luaopen_callgate_task(lua_State *L);

#define VERSION PROGRAM " 0.1.0: LuaJIT's dialect on " LUA_RELEASE

static const char usage[] = "usage: " PROGRAM " [options] [script [arguments]]\n"
                            "  -e text   run the text\n"
                            "  -l name   require the module\n"
                            "  -i        prompt after the script\n"
                            "  -v        print the version\n"
                            "  -E        heed no variables of the environment\n"
                            "  -W        turn warnings on\n"
                            "  -j, -O    what tells LuaJIT's compiler something, is taken and forgotten\n"
                            "  --help    print this\n"
                            "  --        the options end\n"
                            "  -         the script is standard input\n";

struct options {
    int script;          /* where it stands in argv; argc if there is none */
    const char *bad;     /* one that is none, or lacks its argument; else NULL */
    const char *problem; /* which of these */
    bool help, version, interactive, ignores_environment, warns, runs_text;
};

static const char loader_key; /* its address is the registry's key */

void program_push_loader(lua_State *L, const char *name) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loader_key);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

/* Calls */

static int add_traceback(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (!message && luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
        return 1;
    if (!message)
        message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    luaL_traceback(L, L, message, 1);
    return 1;
}

static lua_State *interrupted;
static lua_Hook hook_before;
static int mask_before, count_before;

static void raise_interrupt(lua_State *L, lua_Debug *info) {
    (void)info;
    lua_sethook(L, hook_before, mask_before, count_before);
    luaL_error(L, "interrupted!");
}

/* Lua stops at its next instruction; a second signal ends the program. */
static void on_interrupt(int number) {
    signal(number, SIG_DFL);
    // NOLINTNEXTLINE(bugprone-signal-handler): Lua allows this one
    lua_sethook(interrupted, raise_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

bool program_call(lua_State *L, int arguments, int results) {
    int base = lua_gettop(L) - arguments;
    lua_pushcfunction(L, add_traceback);
    lua_insert(L, base);
    interrupted = L;
    hook_before = lua_gethook(L);
    mask_before = lua_gethookmask(L);
    count_before = lua_gethookcount(L);
    void (*before)(int) = signal(SIGINT, on_interrupt);
    int status = lua_pcall(L, arguments, results, base);
    signal(SIGINT, before);
    lua_remove(L, base);
    return status == LUA_OK;
}

void program_report(lua_State *L, const char *name) {
    const char *message = lua_tostring(L, -1);
    if (name)
        fprintf(stderr, "%s: ", name);
    fprintf(stderr, "%s\n", message ? message : "(an error without a message)");
    lua_pop(L, 1);
}

/* Calls what is below its arguments for its effects. */
static bool call_or_report(lua_State *L, int arguments) {
    bool well = program_call(L, arguments, 0);
    if (!well)
        program_report(L, PROGRAM);
    return well;
}

/* Pushes what the loader's function makes of two arguments. */
static bool load_or_report(lua_State *L, const char *function, const char *first, const char *second) {
    program_push_loader(L, function);
    lua_pushstring(L, first);
    lua_pushstring(L, second);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) {
        program_report(L, PROGRAM);
        lua_pop(L, 1);
        return false;
    }
    lua_pop(L, 1);
    return true;
}

static bool run_text(lua_State *L, const char *text, const char *name) {
    return load_or_report(L, "load", text, name) && call_or_report(L, 0);
}

static bool run_module(lua_State *L, const char *name) {
    program_push_loader(L, "require");
    lua_pushstring(L, name);
    return call_or_report(L, 1);
}

/* Options */

static bool takes_argument(char letter) {
    return letter == 'e' || letter == 'l' || letter == 'j';
}

static bool read_option(struct options *options, const char *text) {
    static const char alone[] = "ivEW";
    if (text[1] == 'j' || text[1] == 'O')
        return true;
    if (strcmp(text, "--help") == 0)
        return options->help = true;
    options->runs_text |= text[1] == 'e';
    options->version |= text[1] == 'v' || text[1] == 'i';
    options->interactive |= text[1] == 'i';
    options->ignores_environment |= text[1] == 'E';
    options->warns |= text[1] == 'W';
    return takes_argument(text[1]) || (strchr(alone, text[1]) && text[2] == '\0');
}

static struct options read_options(int argc, char **argv) {
    struct options options = {0};
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0' && !options.bad; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        const char *option = argv[i];
        bool is_known = read_option(&options, option);
        bool lacks_argument = takes_argument(option[1]) && option[2] == '\0' && ++i >= argc;
        options.bad = is_known && !lacks_argument ? NULL : option;
        options.problem = is_known ? "an argument is missing behind" : "not understood:";
    }
    options.script = i < argc ? i : argc;
    if (options.script == argc && !options.runs_text && !options.version && isatty(STDIN_FILENO))
        options.interactive = options.version = true;
    return options;
}

/* Runs those with an argument, in their order. */
static bool run_options(lua_State *L, const struct options *options, char **argv) {
    for (int i = 1; i < options->script && strcmp(argv[i], "--") != 0; i++) {
        char letter = argv[i][1];
        if (!takes_argument(letter))
            continue;
        const char *argument = argv[i][2] ? argv[i] + 2 : argv[++i];
        bool done =
            letter == 'j' || (letter == 'e' ? run_text(L, argument, "=(command line)") : run_module(L, argument));
        if (!done)
            return false;
    }
    return true;
}

/* What LUA_INIT says, which is a text or @ and a file. */
static bool run_init(lua_State *L) {
    const char *init = getenv("LUA_INIT");
    if (!init)
        return true;
    if (init[0] != '@')
        return run_text(L, init, "=LUA_INIT");
    return load_or_report(L, "loadfile", init + 1, NULL) && call_or_report(L, 0);
}

/* The script, and all arguments: those before the script have indices below 0. */
static void set_arguments(lua_State *L, int argc, char **argv, int script) {
    int base = script == argc ? 0 : script;
    lua_createtable(L, argc - base, base + 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - base);
    }
    lua_setglobal(L, "arg");
}

static bool run_script(lua_State *L, int argc, char **argv, int script) {
    bool is_input = script == argc || (strcmp(argv[script], "-") == 0 && strcmp(argv[script - 1], "--") != 0);
    int arguments = script == argc ? 0 : argc - script - 1;
    if (!load_or_report(L, "loadfile", is_input ? NULL : argv[script], NULL))
        return false;
    luaL_checkstack(L, arguments, "too many arguments to script");
    for (int i = 0; i < arguments; i++)
        lua_pushstring(L, argv[script + 1 + i]);
    return call_or_report(L, arguments);
}

/* The state */

static void open_world(lua_State *L, const struct options *options) {
    static const luaL_Reg modules[] = {{"callgate", luaopen_callgate},
                                       {"callgate.ffi", luaopen_callgate_ffi},
                                       {"callgate.task", luaopen_callgate_task},
                                       {"callgate.bit", luaopen_callgate_bit},
                                       {"callgate.luajit", luaopen_callgate_luajit},
                                       {NULL, NULL}};
    if (options->ignores_environment) { /* LUA_PATH and its like are read by the libraries */
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "callgate.luajit");
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loader_key);
    lua_getfield(L, -1, "install");
    lua_call(L, 0, 0);
    lua_pop(L, 1);
}

/* Returns whether all went well. */
static bool run(lua_State *L, int argc, char **argv, const struct options *options) {
    bool has_script = options->script < argc;
    set_arguments(L, argc, argv, options->script);
    if (options->warns)
        lua_warning(L, "@on", 0);
    if (!options->ignores_environment && !run_init(L))
        return false;
    if (!run_options(L, options, argv))
        return false;
    if (has_script && !run_script(L, argc, argv, options->script))
        return false;
    if (options->interactive)
        prompt_run(L);
    else if (!has_script && !options->runs_text && !options->version)
        return run_script(L, argc, argv, argc);
    return true;
}

static int run_protected(lua_State *L) {
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    struct options options = read_options(argc, argv);
    if (options.bad) {
        fprintf(stderr, PROGRAM ": %s '%s'\n%s", options.problem, options.bad, usage);
        return 0;
    }
    if (options.help) {
        lua_pushboolean(L, fputs(usage, stdout) >= 0);
        return 1;
    }
    if (options.version)
        puts(VERSION);
    open_world(L, &options);
    lua_pushboolean(L, run(L, argc, argv, &options));
    return 1;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    if (!L) {
        fputs(PROGRAM ": not enough memory\n", stderr);
        return EXIT_FAILURE;
    }
    lua_pushcfunction(L, run_protected);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = lua_pcall(L, 2, 1, 0);
    if (status != LUA_OK)
        program_report(L, PROGRAM);
    bool well = status == LUA_OK && lua_toboolean(L, -1);
    lua_close(L);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
