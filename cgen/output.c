/* Output files: each is written beside its place, and takes it when it is whole.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgen/model.h"

static int fail(const char *path, const char *what) {
    fprintf(stderr, "cgen: %s: %s\n", path ? path : "standard output", what);
    return 1;
}

/* Whether path may be written: it does not exist, or one of its first lines says that cgen made it. */
static bool is_ours(const char *path) {
    char line[128] = "";
    bool found = false;
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT;
    for (int i = 0; i < 3 && !found && fgets(line, sizeof line, file); i++)
        found = strstr(line, "made by: cgen") || strstr(line, "\"made by\": \"cgen");
    fclose(file);
    return found;
}

/* A new file that nobody else has, with a new file's rights. */
static FILE *open_beside(const char *path, char **part) {
    mode_t mask = umask(0);
    umask(mask);
    *part = memory_format("%s.XXXXXX", path);
    int fd = mkstemp(*part);
    FILE *file = fd < 0 || fchmod(fd, 0666 & ~mask) ? NULL : fdopen(fd, "w");
    if (!file && fd >= 0) {
        unlink(*part);
        close(fd);
    }
    return file;
}

int output_open(struct output *output, const char *path) {
    *output = (struct output){path, NULL, stdout};
    if (!path)
        return 0;
    if (!is_ours(path))
        return fail(path, "exists, and was not made by cgen");
    output->file = open_beside(path, &output->part);
    return output->file ? 0 : fail(path, strerror(errno));
}

int output_close(struct output *output, int failed) {
    errno = 0;
    bool is_bad = fflush(output->file) || ferror(output->file);
    int error_number = errno;
    if (output->path && fclose(output->file) && !is_bad) {
        is_bad = true;
        error_number = errno;
    }
    if (output->path && !failed && !is_bad && rename(output->part, output->path)) {
        is_bad = true;
        error_number = errno;
    }
    if (output->path && (failed || is_bad))
        unlink(output->part);
    return is_bad ? fail(output->path, strerror(error_number)) : failed;
}
