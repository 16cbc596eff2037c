/* cgen: binds a C library from its headers.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "callgate.h" /* for its version */
#include "cgen/model.h"

static const char usage[] =
    "usage: cgen --header FILE [--match PATTERN] [--emit FORM,...] [-o FILE or FOLDER/] [more]\n"
    "       cgen check --header FILE [--library NAME] [more] [FILE...]\n"
    "       cgen wrap --header FILE [--pkg NAME] [--library NAME] [more] -o FOLDER/\n"
    "\n"
    "Reads C headers as the compiler does, and writes what calls their functions; or compares them with what\n"
    "somebody has declared by hand, in C or in the cdef of a Lua script, and both with the debug information of the\n"
    "library, where it has any. wrap writes all forms, and what builds and tests them: cd FOLDER && ninja test\n"
    "\n";

static const char statuses[] =
    "\n"
    "A function that can't be bound is reported with its place and the reason. Exits with 0; 1 when a header does not\n"
    "compile, a pattern matches nothing, a config is wrong, a package or a library is not found, an output can't be\n"
    "written, or check has found a mistake; 2 when it is called wrongly.\n";

struct form {
    const char *name, *ending;
    emitter *emit;
};

static const struct form forms[] = {
    {"signatures", ".signatures", emit_signatures},
    {"cdef", ".cdef", emit_cdef},
    {"json", ".json", emit_json},
    {"h", "_stubs.h", emit_h},
    {"c", "_stubs.c", emit_c},
    {"lua", ".lua", emit_lua},
    {"exports.h", "_exports.h", emit_export_h},
    {"exports", "_exports.c", emit_export},
    {"smoke", "_smoke.c", emit_smoke},
    {"ninja", NULL, emit_ninja}, /* build.ninja, whatever the name */
};

enum { FORMS = sizeof forms / sizeof *forms };

struct options {
    struct request request;
    const char *output; /* NULL: standard output */
    const struct form *forms[FORMS];
    size_t form_count;
    bool is_verbose;
    bool checks; /* files, in place of writing */
    bool wraps;  /* writes all that makes a folder */
    struct list files;
};

static int complain(const char *what, const char *which) {
    fprintf(stderr, which ? "cgen: %s'%s'\n" : "cgen: %s\n", what, which);
    return 1;
}

/* which may be NULL. */
static _Noreturn void stop_wrongly_called(const char *what, const char *which) {
    complain(what, which);
    fputs("try: cgen --help\n", stderr);
    exit(2);
}

static void choose_form(struct options *options, const char *name) {
    if (strcmp(name, "c") == 0)
        choose_form(options, "h"); /* it includes that */
    if (strcmp(name, "exports") == 0)
        choose_form(options, "exports.h");
    size_t i = 0;
    while (i < FORMS && strcmp(forms[i].name, name) != 0)
        i++;
    if (i == FORMS)
        stop_wrongly_called("no form of output is called ", name);
    for (size_t j = 0; j < options->form_count; j++) {
        if (options->forms[j] == &forms[i])
            return;
    }
    options->forms[options->form_count++] = &forms[i];
}

static void choose_forms(struct options *options, const char *names) {
    char *copy = memory_copy(names);
    if (!names[strspn(names, ",")])
        choose_form(options, names);
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
        choose_form(options, name);
}

/* All that a folder needs to build itself. */
static void choose_all(struct options *options) {
    if (!options->output)
        stop_wrongly_called("wrap needs a folder, -o FOLDER/", NULL);
    if (options->form_count)
        stop_wrongly_called("wrap writes all forms: there is no --emit", NULL);
    choose_forms(options, "cdef,json,c,lua,smoke,ninja");
    if (config_next(&options->request, SECTION_EXPORT, NULL))
        choose_form(options, "exports");
    options->request.is_weak = true;
}

/* Options: a letter is one, and a number stands for a name. */

enum {
    HELP = 256,
    VERSION,
    HEADER,
    MATCH,
    EXCLUDE,
    FROM,
    PACKAGE,
    CONFIG,
    EMIT,
    NAME,
    LIBRARY,
    DEBUG_PATH,
    WEAK,
    VERBOSE
};

static const struct {
    int key;
    const char *name, *value; /* "--header", "FILE"; NULL: there is none */
    const char *help;         /* in lines */
} table[] = {
    {HEADER, "--header", "FILE",
     "a header, as #include finds it; may be given again, as all\nthat have a PATTERN or DIR, and --pkg and --config"},
    {MATCH, "--match", "PATTERN", "only what has a name like this, as file names have in a shell"},
    {EXCLUDE, "--exclude", "PATTERN", "and not a name like this"},
    {FROM, "--from", "PATTERN",
     "only what is declared in a file like this, '*/openssl/*'; without it,\nin any but the compiler's own"},
    {PACKAGE, "--pkg", "NAME", "with the flags that pkg-config has for NAME"},
    {'I', "-I", "DIR", "as for the compiler"},
    {'D', "-D", "NAME[=VALUE]", "as for the compiler"},
    {'L', "-L", "DIR", "where the --library is, as for the linker"},
    {CONFIG, "--config", "FILE",
     "what no header says: classes of functions, other names,\nowners of results, types of macros, exports: see "
     "cgen(1)"},
    {EMIT, "--emit", "FORM,...",
     "what to write; several go to a folder, each to NAME.ending:\n"
     "  signatures  a line for each function (the default)\n"
     "  cdef        declarations for gate_decls_read, or ffi.cdef\n"
     "  c           stubs, their table, and a proof of every layout; with h\n"
     "  h           what the stubs take, and inline callers\n"
     "  json        all that was read\n"
     "  lua         a module for Lua, on callgate.ffi\n"
     "  exports     the config's exports: functions of the host's for C to call"},
    {NAME, "--name", "NAME", "what files and tables are called; without it, as the first header"},
    {LIBRARY, "--library", "NAME",
     "what a module loads, and what is wrapped or checked: a path, or a name\nas for -l; without it, what the packages "
     "have"},
    {DEBUG_PATH, "--debug-path", "PATH",
     "folders with debug information, with colons between; without it,\nwhere this system has it"},
    {WEAK, "--weak", NULL, "stubs of functions that the library lacks are no error: their address is NULL"},
    {VERBOSE, "--verbose", NULL, "names the macros, too, that are left out"},
    {'o', "-o", "PATH", "a file, or a folder/; a file that cgen did not make is left alone"},
    {HELP, "--help", NULL, "prints this"},
    {VERSION, "--version", NULL, "prints Callgate's version"},
};

enum { OPTIONS = sizeof table / sizeof *table };

static void print_option(size_t i) {
    enum { WIDTH = 19 };
    const char *head = memory_format("%s %s", table[i].name, table[i].value ? table[i].value : "");
    char *lines = memory_copy(table[i].help);
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), head = "")
        printf("  %-*s%s\n", WIDTH, head, line);
}

static _Noreturn void print_help(void) {
    fputs(usage, stdout);
    for (size_t i = 0; i < OPTIONS; i++)
        print_option(i);
    fputs(statuses, stdout);
    exit(fflush(stdout) != 0);
}

static _Noreturn void print_version(void) {
    printf("cgen %d.%d.%d\n", GATE_VERSION_MAJOR, GATE_VERSION_MINOR, GATE_VERSION_PATCH);
    exit(fflush(stdout) != 0);
}

static void read_other_option(struct options *options, int option, char *const *argv) {
    switch (option) {
    case 'o':
        if (!*optarg)
            stop_wrongly_called("-o is a file or a folder, not ", optarg);
        options->output = optarg;
        break;
    case 'I':
    case 'D':
        list_add(&options->request.flags, memory_format("-%c%s", option, optarg));
        break;
    case 'L':
        list_add(&options->request.folders, optarg);
        break;
    case NAME:
        if (!config_is_name(optarg))
            stop_wrongly_called("--name is a name in C, not ", optarg);
        options->request.name = optarg;
        break;
    case LIBRARY:
        options->request.library = optarg;
        break;
    case DEBUG_PATH:
        options->request.debug_path = optarg;
        break;
    case WEAK:
        options->request.is_weak = true;
        break;
    case VERBOSE:
        options->is_verbose = true;
        break;
    case HELP:
        print_help();
    case VERSION:
        print_version();
    default:
        stop_wrongly_called(option == ':' ? "a value is missing behind " : "not understood: ", argv[optind - 1]);
    }
}

static void read_option(struct options *options, int option, char *const *argv) {
    struct request *request = &options->request;
    switch (option) {
    case HEADER:
        list_add(&request->headers, optarg);
        break;
    case MATCH:
        list_add(&request->match, optarg);
        break;
    case EXCLUDE:
        list_add(&request->exclude, optarg);
        break;
    case FROM:
        list_add(&request->from, optarg);
        break;
    case PACKAGE:
        if (!installed_may_be(optarg))
            stop_wrongly_called("no package is called ", optarg);
        if (installed_package(optarg, request))
            exit(1);
        break;
    case EMIT:
        choose_forms(options, optarg);
        break;
    case CONFIG:
        if (config_read(optarg, request))
            exit(1);
        break;
    default:
        read_other_option(options, option, argv);
    }
}

/* What a header is called, without its folder and ending: a name in C. */
static const char *name_of(const char *header) {
    const char *slash = strrchr(header, '/');
    char *name = memory_copy(slash ? slash + 1 : header);
    name[strcspn(name, ".")] = '\0';
    for (char *at = name; *at; at++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", *at))
            *at = '_';
    }
    return name;
}

static void read_each_option(int argc, char **argv, struct options *options) {
    struct option names[OPTIONS + 1] = {{NULL, 0, NULL, 0}};
    const char *letters = ":";
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++) {
        bool has_value = table[i].value != NULL;
        if (table[i].key < HELP)
            letters = memory_format("%s%c%s", letters, table[i].key, has_value ? ":" : "");
        else
            names[count++] = (struct option){table[i].name + 2, has_value, NULL, table[i].key};
    }
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, letters, names, NULL)) != -1;)
        read_option(options, option, argv);
}

static void read_options(int argc, char **argv, struct options *options) {
    read_each_option(argc, argv, options);
    for (; options->checks && optind < argc; optind++)
        list_add(&options->files, argv[optind]);
    if (optind < argc)
        stop_wrongly_called("not understood: ", argv[optind]);
    bool has_other = options->files.count || options->request.library || options->request.packages.count;
    if (options->files.count)
        options->request.from = (struct list){NULL, 0}; /* what is declared by hand is looked up everywhere */
    if (options->checks && !has_other)
        stop_wrongly_called("no file was given to check, nor a --library", NULL);
    if (options->checks && (options->form_count || options->output))
        stop_wrongly_called("check writes nothing: there is neither --emit nor -o", NULL);
    if (options->wraps)
        choose_all(options);
    if (options->request.headers.count == 0)
        stop_wrongly_called("no --header was given", NULL);
    if (options->form_count == 0)
        choose_form(options, "signatures");
    if (options->form_count > 1 && !options->output)
        stop_wrongly_called("several forms need a folder, -o FOLDER/", NULL);
    if (!options->request.name)
        options->request.name = name_of(options->request.headers.items[0]);
}

/* The command line, as one line of text. */
static const char *join_arguments(int argc, char **argv) {
    const char *text = "cgen";
    for (int i = 1; i < argc; i++) {
        if (strpbrk(argv[i], "\r\n"))
            stop_wrongly_called("a line ends within ", argv[i]);
        text = memory_format("%s %s", text, shell_word(argv[i]));
    }
    return text;
}

static bool is_matched(const struct model *model, const char *pattern) {
    struct list one = {&pattern, 1};
    for (size_t i = 0; i < model->count; i++) {
        if (list_matches(&one, model->items[i]->name))
            return true;
        for (size_t j = 0; j < model->items[i]->constant_count; j++) {
            if (list_matches(&one, model->items[i]->constants[j].name))
                return true;
        }
    }
    return false;
}

static bool is_read(const struct model *model, const char *pattern) {
    const struct list one = {&pattern, 1};
    size_t i = 0;
    while (i < model->files.count && !list_matches_file(&one, model->files.items[i]))
        i++;
    return i < model->files.count;
}

/* Whatever was asked for has to be there. */
static int check_request(const struct model *model, const struct request *request, bool has_files) {
    for (size_t i = 0; i < request->match.count; i++) {
        if (!is_matched(model, request->match.items[i]))
            return complain(memory_format("nothing in %s matches ", request->headers.items[0]),
                            request->match.items[i]);
    }
    if (!has_files && model_check_exclusions(model, NULL, request))
        return 1;
    for (size_t i = 0; i < request->from.count; i++) {
        if (!is_read(model, request->from.items[i]))
            return complain("no file is read that matches ", request->from.items[i]);
    }
    if (config_check(model, request))
        return 1;
    size_t wanted = 0;
    for (int kind = ITEM_FUNCTION; kind <= ITEM_MACRO; kind++)
        wanted += model_count(model, (enum item_kind)kind);
    return wanted ? 0 : complain("nothing is left to bind of ", request->headers.items[0]);
}

/* A form's file: -o, or the form's own in the folder that -o is. */
static const char *path_of_form(const struct options *options, bool is_folder, const struct form *form) {
    const char *path = options->output;
    if (!is_folder)
        return path;
    const char *slash = path[strlen(path) - 1] != '/' ? "/" : "";
    return form->ending ? memory_format("%s%s%s%s", path, slash, options->request.name, form->ending)
                        : memory_format("%s%sbuild.ninja", path, slash);
}

static int write_forms(const struct model *model, const struct options *options) {
    const char *path = options->output;
    struct output outputs[FORMS];
    struct stat is;
    bool is_folder =
        path && (path[strlen(path) - 1] == '/' || options->form_count > 1 || (!stat(path, &is) && S_ISDIR(is.st_mode)));
    if (is_folder && mkdir(path, 0777) && errno != EEXIST) {
        fprintf(stderr, "cgen: %s: %s\n", path, strerror(errno));
        return 1;
    }
    for (size_t i = 0; i < options->form_count; i++) {
        if (output_find(&outputs[i], path_of_form(options, is_folder, options->forms[i])))
            return 1;
    }
    for (size_t i = 0; i < options->form_count; i++)
        options->forms[i]->emit(model, &options->request, output_open(&outputs[i]));
    return output_write(outputs, options->form_count);
}

int main(int argc, char **argv) {
    struct options options = {.output = NULL};
    struct model model = {.count = 0};
    options.request.command = join_arguments(argc, argv);
    options.checks = argc > 1 && strcmp(argv[1], "check") == 0;
    options.wraps = argc > 1 && strcmp(argv[1], "wrap") == 0;
    optind = options.checks || options.wraps ? 2 : 1;
    read_options(argc, argv, &options);
    int failed = model_read(&options.request, &model);
    if (!failed) {
        model_choose(&model, &options.request);
        failed = check_request(&model, &options.request, options.files.count > 0);
    }
    if (!failed && options.checks) {
        failed = check_all(&model, &options.request, &options.files);
    } else if (!failed) {
        model_report(&model, options.is_verbose);
        failed = write_forms(&model, &options);
    }
    memory_free_all();
    return failed;
}
