/* The peers that are programs of their own: a row names one in place of a function, and reads the figure that it
 * prints.
 *
 * Those in Go, and with libffcall, are built at the start, from the files in tests/bench/peers, if they can be.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

static bool go, ffcall, luajit, python, cffi;

bool bench_has_go(void) {
    return go;
}

bool bench_has_ffcall(void) {
    return ffcall;
}

bool bench_has_luajit(void) {
    return luajit;
}

bool bench_has_python(void) {
    return python;
}

bool bench_has_cffi(void) {
    return cffi;
}

static bool works(const char *command) {
    return system(command) == 0;
}

void bench_peers_prepare(void) {
    if (works("command -v go >/dev/null"))
        go = works("GO111MODULE=off GOCACHE=$PWD/build/go-cache go build -o build/bench-go tests/bench/peers/*.go");
    if (works("echo '#include <avcall.h>' | cc -E -x c - >/dev/null 2>&1"))
        ffcall = works("cc -O2 tests/bench/peers/ffcall.c tests/bench/peers/callee.c -o build/bench-ffcall -lffcall");
    luajit = works("command -v luajit >/dev/null");
    python = works("command -v python3 >/dev/null");
    cffi = python && works("python3 -c 'import cffi' 2>/dev/null");
}

double bench_ask_peer(const char *command, long count) {
    char line[256];
    double figure;
    snprintf(line, sizeof line, "%s %ld", command, count);
    FILE *answer = popen(line, "r");
    if (!answer || fscanf(answer, "%lf", &figure) != 1 || pclose(answer)) {
        fprintf(stderr, "bench: no figure from %s\n", line);
        exit(1);
    }
    return figure;
}
