/* cgen: the signatures of a C library's functions, from its header.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgen/model.h"

static const char usage[] =
    "usage: cgen --header FILE [--match PATTERN] [-I DIR] [-D NAME[=VALUE]] [--emit FORM] [-o FILE]\n"
    "\n"
    "Writes the signatures of the functions that a C header declares, as callgate takes them.\n"
    "\n"
    "  --header FILE     the header, as #include finds it\n"
    "  --match PATTERN   only functions whose name matches, as file names do in a shell\n"
    "  -I DIR, -D NAME   as for the compiler\n"
    "  --emit FORM       signatures (the default: a line for each function) or lua (a table)\n"
    "  -o FILE           write there; a file that cgen did not make is left alone\n"
    "\n"
    "A function that can't be bound is reported with its place and the reason. Exits with 0; 1 when the header\n"
    "does not compile, nothing matches, or the output can't be written; 2 when it is called wrongly.\n";

enum { FLAGS_MAX = 256 };

struct options {
    struct request request;
    const char *flags[FLAGS_MAX];
    const char *output; /* NULL: standard output */
    void (*emit)(const struct model *, const struct request *, FILE *);
};

static _Noreturn void stop_wrongly_called(const char *what, const char *which) {
    fprintf(stderr, "cgen: %s%s\ntry: cgen --help\n", what, which);
    exit(2);
}

static void choose_form(struct options *options, const char *form) {
    if (strcmp(form, "signatures") == 0)
        options->emit = emit_signatures;
    else if (strcmp(form, "lua") == 0)
        options->emit = emit_lua;
    else
        stop_wrongly_called("no form of output is called ", form);
}

/* Keeps "-Ivalue" for the compiler. */
static void add_flag(struct options *options, int letter, const char *value) {
    char *flag = malloc(strlen(value) + 3);
    if (!flag || options->request.flag_count == FLAGS_MAX)
        stop_wrongly_called("too many flags, at ", value);
    sprintf(flag, "-%c%s", letter, value);
    options->flags[options->request.flag_count++] = flag;
}

static void read_options(int argc, char **argv, struct options *options) {
    static const struct option names[] = {
        {"header", required_argument, NULL, 'h'},
        {"match", required_argument, NULL, 'm'},
        {"emit", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, '?' + 1},
        {NULL, 0, NULL, 0},
    };
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":I:D:o:", names, NULL)) != -1) {
        switch (option) {
        case 'h':
            options->request.header = optarg;
            break;
        case 'm':
            options->request.pattern = optarg;
            break;
        case 'e':
            choose_form(options, optarg);
            break;
        case 'o':
            options->output = optarg;
            break;
        case 'I':
        case 'D':
            add_flag(options, option, optarg);
            break;
        case '?' + 1:
            fputs(usage, stdout);
            exit(0);
        default:
            stop_wrongly_called(option == ':' ? "a value is missing behind " : "not understood: ", argv[optind - 1]);
        }
    }
    if (optind < argc)
        stop_wrongly_called("not understood: ", argv[optind]);
    if (!options->request.header)
        stop_wrongly_called("no --header was given", "");
}

/* The command line, as one text. */
static char *join_arguments(int argc, char **argv) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        exit(1);
    fputs("cgen", out);
    for (int i = 1; i < argc; i++)
        fprintf(out, " %s", argv[i]);
    fclose(out);
    return text;
}

/* Functions that can't be bound are reported, never left out in silence. */
static void report(const struct model *model) {
    for (size_t i = 0; i < model->count; i++) {
        const struct function *f = &model->functions[i];
        if (f->reason)
            fprintf(stderr, "%s:%u:%u: skipped: %s: %s\n", f->file, f->line, f->column, f->name, f->reason);
    }
}

/* Whether path may be written: it does not exist, or its first line says that cgen made it. */
static int is_ours(const char *path) {
    char line[32] = "";
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    return read && (strncmp(line, "# made by: cgen", 15) == 0 || strncmp(line, "-- made by: cgen", 16) == 0);
}

static int fail(const char *path, const char *what) {
    fprintf(stderr, "cgen: %s: %s\n", path, what);
    return 1;
}

/* Writes to a file beside the output, which takes its place when it is whole. */
static int write_file(const struct model *model, const struct options *options) {
    char *part;
    if (!is_ours(options->output))
        return fail(options->output, "exists, and was not made by cgen");
    if (asprintf(&part, "%s.part", options->output) < 0)
        return fail(options->output, "no memory");
    FILE *out = fopen(part, "w");
    int failed = !out;
    if (out) {
        options->emit(model, &options->request, out);
        failed = ferror(out);
        failed |= fclose(out) != 0;
    }
    failed = failed || rename(part, options->output) != 0;
    if (failed) {
        fail(options->output, strerror(errno));
        unlink(part);
    }
    free(part);
    return failed;
}

static int write_output(const struct model *model, const struct options *options) {
    if (options->output)
        return write_file(model, options);
    options->emit(model, &options->request, stdout);
    return fflush(stdout) || ferror(stdout) ? fail("standard output", strerror(errno)) : 0;
}

int main(int argc, char **argv) {
    struct options options = {.request = {.pattern = "*"}, .emit = emit_signatures};
    struct model model = {NULL, 0};
    char *command = join_arguments(argc, argv);
    options.request.command = command;
    options.request.flags = options.flags;
    read_options(argc, argv, &options);
    int failed = model_read(&options.request, &model);
    if (!failed && model.count == 0) {
        fprintf(stderr, "cgen: no function in %s matches '%s'\n", options.request.header, options.request.pattern);
        failed = 1;
    } else if (!failed) {
        report(&model);
        failed = write_output(&model, &options);
    }
    model_free(&model);
    for (int i = 0; i < options.request.flag_count; i++)
        free((char *)(size_t)options.flags[i]);
    free(command);
    return failed;
}
