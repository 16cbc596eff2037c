/* The peers that are programs of their own: a row names one in place of a function, and reads the figure that it
 * prints.
 *
 * The one in Go is built at the start, if go is installed, from the files in tests/bench/peers.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

static bool go, python;

bool bench_has_go(void) {
    return go;
}

bool bench_has_python(void) {
    return python;
}

void bench_peers_prepare(void) {
    if (system("command -v go >/dev/null") == 0)
        go = system("GO111MODULE=off GOCACHE=$PWD/build/go-cache go build -o build/bench-go tests/bench/peers/*.go") ==
             0;
    python = system("command -v python3 >/dev/null") == 0;
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
