/* Output files: all that a command writes, or none of them.
 *
 * They are made in memory, written beside their places when all are made, and take these when all are written. What was there
 * has another name until all have taken theirs, and gets its own back if one can't. A signal that would end the program meanwhile
 * waits, so that nothing is left beside them.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgen/model.h"

static int fail(const char *path, const char *what) {
    fprintf(stderr, "cgen: %s: %s\n", path ? path : "standard output", what);
    return 1;
}

/* Why path may not be written; NULL if it does not exist, or one of its first lines says that cgen made it. What is no file may
 * have nothing to read for a long time. */
static const char *problem_of(const char *path) {
    static const char is_not_ours[] = "exists, and was not made by cgen";
    char line[128] = "";
    bool found = false;
    struct stat is;
    if (stat(path, &is) == 0 && !S_ISREG(is.st_mode))
        return is_not_ours;
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT ? NULL : strerror(errno);
    for (int i = 0; i < 3 && !found && fgets(line, sizeof line, file); i++)
        found = strstr(line, "made by: cgen") || strstr(line, "\"made by\": \"cgen");
    fclose(file);
    return found ? NULL : is_not_ours;
}

/* Where links lead; NULL if that is nowhere. */
static const char *follow(const char *path) {
    struct stat is;
    char *real = realpath(path, NULL);
    const char *place = real ? memory_copy(real) : lstat(path, &is) ? path : NULL;
    free(real);
    return place;
}

int output_find(struct output *output, const char *path) {
    *output = (struct output){.path = path, .place = path ? follow(path) : NULL};
    if (path && !output->place)
        return fail(path, "is a link to what does not exist");
    const char *problem = path ? problem_of(output->place) : NULL;
    return problem ? fail(path, problem) : 0;
}

FILE *output_open(struct output *output) {
    output->file = memory_stream(&output->text, &output->size);
    return output->file;
}

/* Whether all of it came to file, which is closed, if it isn't standard output. */
static int put(const struct output *output, FILE *file) {
    errno = 0;
    bool is_bad = fwrite(output->text, 1, output->size, file) != output->size || fflush(file);
    int error_number = errno;
    if (file != stdout && fclose(file) && !is_bad) {
        is_bad = true;
        error_number = errno;
    }
    return is_bad ? fail(output->path, strerror(error_number)) : 0;
}

/* To a new file that nobody else has, with a new file's rights. */
static int write_beside(struct output *output) {
    mode_t mask = umask(0);
    umask(mask);
    output->part = memory_format("%s.XXXXXX", output->place);
    int fd = mkstemp(output->part);
    FILE *file = fd < 0 || fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
    if (file)
        return put(output, file);
    int failed = fail(output->path, strerror(errno));
    if (fd >= 0)
        close(fd);
    else
        output->part = NULL;
    return failed;
}

/* A link keeps what was there: to rename it would leave the place empty for a while. */
static int take_place(struct output *output) {
    char *kept = memory_format("%s~", output->part);
    if (link(output->place, kept) == 0)
        output->kept = kept;
    else
        output->is_first = errno == ENOENT;
    if (rename(output->part, output->place))
        return fail(output->path, strerror(errno));
    output->part = NULL;
    return 0;
}

/* Where files can't have two names, what was there is gone, and what is new stays. */
static void give_back(const struct output *output) {
    if (output->part)
        unlink(output->part);
    else if (output->is_first)
        unlink(output->place);
    else if (output->kept)
        rename(output->kept, output->place);
}

static int write_all(struct output *outputs, size_t count) {
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = outputs[i].path ? write_beside(&outputs[i]) : put(&outputs[i], stdout);
    for (size_t i = 0; i < count && !failed; i++)
        failed = outputs[i].part ? take_place(&outputs[i]) : 0;
    for (size_t i = 0; i < count; i++) {
        if (failed)
            give_back(&outputs[i]);
        if (outputs[i].kept)
            unlink(outputs[i].kept);
    }
    return failed;
}

int output_write(struct output *outputs, size_t count) {
    sigset_t all, before;
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (fclose(outputs[i].file))
            failed = fail(outputs[i].path, strerror(errno));
    }
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    failed = failed || write_all(outputs, count);
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (size_t i = 0; i < count; i++)
        free(outputs[i].text);
    return failed;
}

const char *shell_word(const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=/.,:@%^";
    if (*text && strspn(text, plain) == strlen(text))
        return text;
    char *word = memory_take(4 * strlen(text) + 3), *end = word;
    *end++ = '\'';
    for (; *text; text++) {
        if (*text == '\'')
            end = stpcpy(end, "'\\'"); /* which ends the quotes, and begins them again */
        *end++ = *text;
    }
    *end = '\'';
    return word;
}
