/* How long reading declarations takes, and preparing a signature.
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <stdio.h>
#include <stdlib.h>

#include "callgate.h"
#include "tests/bench/bench.h"

static char *sqlite3;

/* Milliseconds, to read sqlite3.h and what it includes into a scope. */
static double parse_sqlite3(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_decls *decls;
        if (gate_decls_make(&decls) || gate_decls_read(decls, sqlite3, NULL))
            abort();
        gate_decls_free(decls);
    }
    return (bench_now() - before) / 1e6;
}

static double parse_signature(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_signature *signature;
        if (gate_signature_parse("int (const char *, size_t)", &signature, NULL))
            abort();
        gate_signature_free(signature);
    }
    return bench_now() - before;
}

static double signature_seen_before(long count) {
    gate_decls *decls;
    if (gate_decls_make(&decls))
        abort();
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_signature *signature;
        if (gate_decls_signature(decls, "int (const char *, size_t)", &signature, NULL))
            abort();
        gate_signature_free(signature);
    }
    double elapsed = bench_now() - before;
    gate_decls_free(decls);
    return elapsed;
}

/* libffi has no text to read, nor anything to find again. */
static double libffi_prepares(long count) {
    ffi_type *types[] = {&ffi_type_pointer, &ffi_type_ulong};
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        ffi_cif cif;
        if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, types))
            abort();
        __asm__ volatile("" : : "m"(cif));
    }
    return bench_now() - before;
}

/* The build has made the text. */
void bench_parse_prepare(void) {
    enum { MOST = 4 << 20 };
    FILE *file = fopen("build/release/tests/bench/sqlite3.i", "r");
    sqlite3 = calloc(1, MOST);
    if (!file || !sqlite3 || fread(sqlite3, 1, MOST - 1, file) == 0)
        abort();
    fclose(file);
}

const struct bench_row bench_parse[] = {
    {"parse", "callgate", "sqlite3.h", parse_sqlite3, .count = 10, .unit = "ms"},
    {"parse", "callgate", "int(char*,size_t)", parse_signature, .count = 10000},
    {"parse", "callgate", "the same, seen before", signature_seen_before, .count = 1000 * 1000},
    {"parse", "libffi", "the same, seen before", libffi_prepares, .count = 1000 * 1000},
    {"parse", "luajit", "the same, seen before", .count = 10 * 1000, BENCH_LUAJIT("signature")},
    {"parse", "ctypes", "the same, seen before", .count = 100 * 1000, BENCH_CTYPES("signature")},
    {"parse", "cffi", "the same, seen before", .count = 100 * 1000, BENCH_CFFI("signature")},
    {0},
};
