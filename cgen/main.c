/* cgen: binds a C library from its headers.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgen/model.h"

static const char usage[] =
    "usage: cgen --header FILE [--match PATTERN] [--emit FORM,...] [-o FILE or FOLDER/] [more]\n"
    "       cgen check --header FILE [--library NAME] [more] [FILE...]\n"
    "       cgen wrap --header FILE --pkg NAME [more] -o FOLDER/\n"
    "\n"
    "Reads C headers as the compiler does, and writes what calls their functions; or compares them with what\n"
    "somebody has declared by hand, in C or in the cdef of a Lua script, and both with the debug information of the\n"
    "library, where it has any. wrap writes all forms, and what builds and tests them: cd FOLDER && ninja test\n"
    "\n"
    "  --header FILE      a header, as #include finds it; may be given again, as all that have a PATTERN or DIR\n"
    "  --match PATTERN    only what has a name like this, as file names have in a shell\n"
    "  --exclude PATTERN  and not a name like this\n"
    "  --from PATTERN     only what is declared in a file like this, '*/openssl/*'\n"
    "  --pkg NAME         with the flags that pkg-config has for NAME\n"
    "  -I DIR, -D NAME    as for the compiler\n"
    "  --config FILE      classes of functions, other names, types of macros, exports: see cgen(1)\n"
    "  --emit FORM,...    what to write; several go to a folder, each to NAME.ending:\n"
    "                       signatures  a line for each function (the default)\n"
    "                       cdef        declarations for gate_decls_read, or ffi.cdef\n"
    "                       c           stubs, their table, and a proof of every layout; with h\n"
    "                       h           what the stubs take, and inline callers\n"
    "                       json        all that was read\n"
    "                       lua         a module for Lua, on callgate.ffi\n"
    "                       exports     the config's exports: functions of the host's for C to call\n"
    "  --library NAME     what a module loads; without it, as --name. What is checked; without it, the packages'\n"
    "  --debug-path PATH  folders with debug information, with colons between; without it, where this system has it\n"
    "  --name NAME        what files and tables are called; without it, as the first header\n"
    "  --weak             stubs of functions that the library lacks are no error: their address is NULL\n"
    "  --verbose          names the macros, too, that are left out\n"
    "  -o FILE            writes there; a file that cgen did not make is left alone\n"
    "\n"
    "A function that can't be bound is reported with its place and the reason. Exits with 0; 1 when a header\n"
    "does not compile, a pattern matches nothing, or the output can't be written; 2 when it is called wrongly.\n";

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

static _Noreturn void stop_wrongly_called(const char *what, const char *which) {
    fprintf(stderr, "cgen: %s%s\ntry: cgen --help\n", what, which);
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
    for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
        choose_form(options, name);
}

/* All that a folder needs to build itself. */
static void choose_all(struct options *options) {
    if (!options->output)
        stop_wrongly_called("wrap needs a folder, -o FOLDER/", "");
    options->form_count = 0;
    choose_forms(options, "cdef,json,c,lua,smoke,ninja");
    if (options->request.export_count)
        choose_form(options, "exports");
    options->request.is_weak = true;
}

enum { HELP = 256, HEADER, MATCH, EXCLUDE, FROM, PACKAGE, CONFIG, EMIT, NAME, LIBRARY, DEBUG_PATH, WEAK, VERBOSE };

static const struct option names[] = {
    {"header", required_argument, NULL, HEADER},
    {"match", required_argument, NULL, MATCH},
    {"exclude", required_argument, NULL, EXCLUDE},
    {"from", required_argument, NULL, FROM},
    {"pkg", required_argument, NULL, PACKAGE},
    {"config", required_argument, NULL, CONFIG},
    {"emit", required_argument, NULL, EMIT},
    {"name", required_argument, NULL, NAME},
    {"library", required_argument, NULL, LIBRARY},
    {"debug-path", required_argument, NULL, DEBUG_PATH},
    {"weak", no_argument, NULL, WEAK},
    {"verbose", no_argument, NULL, VERBOSE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static void print_help(void) {
    fputs(usage, stdout);
    exit(fflush(stdout) != 0);
}

static void read_other_option(struct options *options, int option, char *const *argv) {
    switch (option) {
    case 'o':
        options->output = optarg;
        break;
    case 'I':
    case 'D':
        list_add(&options->request.flags, memory_format("-%c%s", option, optarg));
        break;
    case NAME:
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
        break;
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

static void read_options(int argc, char **argv, struct options *options) {
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":I:D:o:", names, NULL)) != -1)
        read_option(options, option, argv);
    for (; options->checks && optind < argc; optind++)
        list_add(&options->files, argv[optind]);
    if (optind < argc)
        stop_wrongly_called("not understood: ", argv[optind]);
    bool has_other = options->files.count || options->request.library || options->request.packages.count;
    if (options->files.count)
        options->request.from = (struct list){NULL, 0}; /* what is declared by hand is looked up everywhere */
    if (options->checks && !has_other)
        stop_wrongly_called("no file was given to check, nor a --library", "");
    if (options->wraps)
        choose_all(options);
    if (options->request.headers.count == 0)
        stop_wrongly_called("no --header was given", "");
    if (options->form_count == 0)
        choose_form(options, "signatures");
    if (options->form_count > 1 && !options->output)
        stop_wrongly_called("several forms need a folder, -o FOLDER/", "");
    if (!options->request.name)
        options->request.name = name_of(options->request.headers.items[0]);
}

/* The command line, as one text. */
static const char *join_arguments(int argc, char **argv) {
    const char *text = "cgen";
    for (int i = 1; i < argc; i++)
        text = memory_format("%s %s", text, argv[i]);
    return text;
}

static int complain(const char *what, const char *which) {
    fprintf(stderr, "cgen: %s'%s'\n", what, which);
    return 1;
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

/* Whatever was asked for has to be there. */
static int check_request(const struct model *model, const struct request *request) {
    for (size_t i = 0; i < request->match.count; i++) {
        if (!is_matched(model, request->match.items[i]))
            return complain(memory_format("nothing in %s matches ", request->headers.items[0]),
                            request->match.items[i]);
    }
    for (size_t i = 0; i < request->override_count; i++) {
        const struct override *o = &request->overrides[i];
        if (!o->is_used) {
            report(&o->place, "error", "the config has a function that no header has: '%s'", o->name);
            return 1;
        }
    }
    for (size_t i = 0; i < request->macro_type_count; i++) {
        const struct macro_type *macro = &request->macro_types[i];
        if (!macro->is_used) {
            report(&macro->place, "error", "the config has a macro that no header has with arguments: '%s'",
                   macro->name);
            return 1;
        }
    }
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
        path && *path &&
        (path[strlen(path) - 1] == '/' || options->form_count > 1 || (!stat(path, &is) && S_ISDIR(is.st_mode)));
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
        failed = check_request(&model, &options.request);
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
