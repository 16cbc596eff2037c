/* The prompt: lines are edited, kept and completed by libedit.
 *
 * The editor runs as Lua code does, with the slot; only its wait for a key is a call of C. So the tasks of a session
 * go on while nobody types, and a completion may look into the state.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "callgate.h"
#include "examples/lua/callgate-lua/program.h"

enum { KEPT_LINES = 1000, PATH = 4096 };

static const char history_name[] = ".callgate-lua_history"; /* in the home directory */

struct prompt {
    lua_State *L;
    EditLine *editor; /* NULL where standard input is no terminal */
    History *history;
    gate_function read;
    gate_signature *signature;
    const char *sign;
    char *line; /* getline's, without an editor */
    size_t room;
};

static struct prompt *prompt_of(EditLine *editor) {
    void *prompt = NULL;
    el_get(editor, EL_CLIENTDATA, &prompt);
    return prompt;
}

/* Keys */

/* One byte from the terminal; the other tasks run meanwhile. */
static ssize_t read_byte(struct prompt *prompt, char *byte) {
    int file = STDIN_FILENO;
    void *to = byte;
    size_t size = 1;
    ssize_t got = -1;
    return gate_call(&prompt->read, &got, (void *[]){&file, &to, &size}) ? -1 : got;
}

static int read_key(EditLine *editor, wchar_t *key) {
    mbstate_t state = {0};
    for (;;) {
        char byte;
        ssize_t got = read_byte(prompt_of(editor), &byte);
        if (got < 0 && gate_errno() == EINTR) { /* the terminal may have another size */
            el_resize(editor);
            continue;
        }
        if (got <= 0)
            return (int)got;
        size_t length = mbrtowc(key, &byte, 1, &state);
        if (length == (size_t)-1)
            *key = (unsigned char)byte; /* no character: as it is */
        if (length != (size_t)-2)
            return 1;
    }
}

static char *give_sign(EditLine *editor) {
    static char sign[4];
    snprintf(sign, sizeof sign, "%s", prompt_of(editor)->sign);
    return sign;
}

/* Completion */

/* Pushes what the loader's complete says of the text: what can be added, and what that may become. */
static bool ask_loader(lua_State *L, const char *text, size_t size) {
    program_push_loader(L, "complete");
    lua_pushlstring(L, text, size);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK)
        return true;
    lua_pop(L, 1);
    return false;
}

static unsigned char complete(EditLine *editor, int key) {
    struct prompt *prompt = prompt_of(editor);
    const LineInfo *line = el_line(editor);
    (void)key;
    if (!ask_loader(prompt->L, line->buffer, (size_t)(line->cursor - line->buffer)))
        return CC_ERROR;
    const char *more = lua_tostring(prompt->L, -2), *choices = lua_tostring(prompt->L, -1);
    unsigned char result = CC_ERROR;
    if (more && *more && el_insertstr(editor, more) == 0) {
        result = CC_REFRESH;
    } else if (choices) {
        printf("\n%s\n", choices);
        result = CC_REDISPLAY;
    }
    lua_pop(prompt->L, 2);
    return result;
}

/* Beginning and end */

static const char *history_path(char path[PATH]) {
    const char *home = getenv("HOME");
    if (!home || snprintf(path, PATH, "%s/%s", home, history_name) >= PATH)
        return NULL;
    return path;
}

static void open_editor(struct prompt *prompt) {
    char path[PATH];
    HistEvent event;
    setlocale(LC_CTYPE, "");
    prompt->editor = el_init(PROGRAM, stdin, stdout, stderr);
    prompt->history = history_init();
    if (!prompt->editor || !prompt->history)
        return;
    history(prompt->history, &event, H_SETSIZE, KEPT_LINES);
    history(prompt->history, &event, H_SETUNIQUE, 1);
    if (history_path(path))
        history(prompt->history, &event, H_LOAD, path);
    el_set(prompt->editor, EL_CLIENTDATA, prompt);
    el_set(prompt->editor, EL_PROMPT, give_sign);
    el_set(prompt->editor, EL_EDITOR, "emacs");
    el_set(prompt->editor, EL_SIGNAL, 1);
    el_set(prompt->editor, EL_HIST, history, prompt->history);
    /* In wide characters: libedit never frees its copies of others. */
    el_wset(prompt->editor, EL_ADDFN, L"callgate-complete", L"complete a name", complete);
    el_set(prompt->editor, EL_BIND, "^I", "callgate-complete", NULL);
    el_set(prompt->editor, EL_GETCFN, read_key);
    el_source(prompt->editor, NULL);
}

static bool open_prompt(struct prompt *prompt) {
    if (gate_signature_parse("ssize_t (int, void *, size_t)", &prompt->signature, NULL))
        return false;
    prompt->read = (gate_function){
        .signature = prompt->signature, .address = (void (*)(void))read, .name = "read", .host = prompt->L};
    if (isatty(STDIN_FILENO))
        open_editor(prompt);
    return true;
}

static void close_prompt(struct prompt *prompt) {
    if (prompt->editor)
        el_end(prompt->editor);
    if (prompt->history)
        history_end(prompt->history);
    gate_signature_free(prompt->signature);
    free(prompt->line);
}

/* Reading */

/* A line without its end, or NULL when there is none; it is good until the next. */
static const char *read_line(struct prompt *prompt, const char *sign, int *length) {
    prompt->sign = sign;
    if (prompt->editor) {
        el_set(prompt->editor, EL_PREP_TERM, 1); /* before the sign is seen, and somebody types ^D */
        return el_gets(prompt->editor, length);
    }
    fputs(sign, stdout);
    fflush(stdout);
    ssize_t got = getline(&prompt->line, &prompt->room, stdin);
    *length = (int)got;
    return got < 0 ? NULL : prompt->line;
}

/* A session may end anywhere, by os.exit, an interrupt or a crash: the file has each line at once. */
static void keep_line(const struct prompt *prompt, const char *line) {
    char path[PATH];
    HistEvent event;
    history(prompt->history, &event, H_ENTER, line);
    if (history_path(path))
        history(prompt->history, &event, H_SAVE, path);
}

/* read(sign): the next line, which is kept; nil at the end */
static int next_line(lua_State *L) {
    struct prompt *prompt = lua_touserdata(L, lua_upvalueindex(1));
    int length = 0;
    const char *line = read_line(prompt, luaL_checkstring(L, 1), &length);
    if (!line)
        return 0;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    lua_pushlstring(L, line, (size_t)length);
    if (prompt->history && length > 0)
        keep_line(prompt, lua_tostring(L, -1));
    return 1;
}

/* Pushes a function, from as many lines as it takes, or reports what is none. Returns false at the end. */
static bool read_chunk(struct prompt *prompt) {
    lua_State *L = prompt->L;
    program_push_loader(L, "read_chunk");
    lua_pushlightuserdata(L, prompt);
    lua_pushcclosure(L, next_line, 1);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2))
        return false;
    if (lua_toboolean(L, -2))
        lua_pop(L, 1);
    else
        program_report(L, NULL);
    return true;
}

static void print_results(lua_State *L, int base) {
    int count = lua_gettop(L) - base;
    if (count == 0)
        return;
    luaL_checkstack(L, 1, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, base + 1);
    if (!program_call(L, count, 0))
        program_report(L, NULL);
}

void prompt_run(lua_State *L) {
    struct prompt prompt = {.L = L};
    int base = lua_gettop(L);
    if (!open_prompt(&prompt)) {
        fputs(PROGRAM ": not enough memory\n", stderr);
        return;
    }
    while (read_chunk(&prompt)) {
        if (lua_toboolean(L, -1)) {
            if (program_call(L, 0, LUA_MULTRET))
                print_results(L, base);
            else
                program_report(L, NULL);
        }
        lua_settop(L, base);
    }
    lua_settop(L, base);
    putchar('\n');
    close_prompt(&prompt);
}
