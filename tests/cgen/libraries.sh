#!/bin/sh
# cgen against the headers of real libraries: each is written in two seconds, taken by the bridge, compiled by both compilers
# with all warnings, and called. What public functions there are is counted without cgen, by public_functions.py; 99 of 100
# have to be bound, and the others named with the reason. One of two runs has to keep to the two seconds; on a machine that is
# too busy for that, instructions are counted instead, which no load changes. Prints the table that cgen/README.md has; with
# GATE_UPDATE=1 it is put there.
#
#   libraries.sh CGEN READS LIBCALLGATE.a
#
# SPDX-License-Identifier: MIT
set -eu

cgen=$1 reads=$2 library=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
most=2000                    # milliseconds, for a library
most_instructions=7000000000 # and what a core of 2023 does meanwhile
echo '| library | public functions | bound | as declared | macros | constants | skipped |
| --- | --- | --- | --- | --- | --- | --- |' >"$work/table"

fail() {
    echo "FAILED: $1"
    exit 1
}

# A program that calls by the stubs of $1: $2 is C that ends with whether the result is right.
write_program() {
    cat >"$work/$1.c" <<END
#include "$1_stubs.h"
#include <string.h>
static void call(const char *name, void *frame) {
    const gate_stub *stub = gate_stubs_$1;
    while (strcmp(stub->name, name) != 0)
        stub++;
    if (gate_call_stub(stub, frame))
        __builtin_trap();
}
#define CALL(function, ...) struct gate_args_##function function##_ = {__VA_ARGS__}; call(#function, &function##_)
int main(void) {
    $2
}
END
}

# What can't be bound, and why, as cgen has reported it.
reasons() {
    sed -n 's/.*: skipped: \([^:]*\): \(.*\)/\1: \2/p' "$work/$1.err" | sort | paste -sd ';' | sed 's/;/; /g'
}

# Of cgen's options those that say what to read.
only_headers() {
    while [ $# -gt 0 ]; do
        case $1 in --header | --pkg | -D) echo "$1 $2" ;; esac
        shift 2
    done
}

# The text of the headers among cgen's options, with what it includes.
preprocess() {
    text= flags=
    while [ $# -gt 0 ]; do
        case $1 in
            --header) text="$text#include <$2>\n" ;;
            --pkg) flags="$flags $(pkg-config --cflags "$2")" ;;
            -D) flags="$flags -D$2" ;;
        esac
        shift 2
    done
    printf "$text" | clang -E $flags -x c - # cgen reads them as clang does
}

# Of cgen's options the patterns of files, with commas.
patterns() {
    found=
    while [ $# -gt 0 ]; do
        [ "$1" != --from ] || found="$found,$2"
        shift 2
    done
    [ -z "$found" ] && echo '*' || echo "${found#,}"
}

# Where libraries are, as the linker has them.
files_of() {
    for flag in "$@"; do
        case $flag in -l*) gcc -print-file-name="lib${flag#-l}.so" ;; /*) echo "$flag" ;; esac
    done
}

# Has cgen write what the arguments say, which takes $took ms, and no more than $most, if the machine has nothing else to do.
write_in_time() {
    for run in 1 2; do
        began=$(date +%s%N)
        "$cgen" "$@" 2>"$work/$name.err" || { cat "$work/$name.err"; fail "$name"; }
        took=$((($(date +%s%N) - began) / 1000000))
        [ "$took" -ge "$most" ] || return 0
    done
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null --log-file="$work/counted" "$cgen" "$@" 2>"$work/out"
    count=$(sed -n 's/.*I *refs: *//p' "$work/counted" | tr -d ,)
    [ "$count" -le "$most_instructions" ] || fail "$name is written in $took ms, by $count instructions"
}

# $1: name; $2: packages of pkg-config; $3: libraries; $4: the call; then cgen's options.
try() {
    name=$1 packages=$2 libraries=$3 program=$4
    shift 4
    for package in $packages; do set -- "$@" --pkg "$package"; done
    write_in_time "$@" --name "$name" --emit cdef,c,json -o "$work/"
    "$reads" "$work/$name.cdef" >"$work/count" || fail "the bridge refuses $name's declarations"
    sh tests/cgen/layouts.sh "$reads" "$work/$name.cdef" "$work/${name}_stubs.c" || fail "$name's layouts"
    (set -- $(only_headers "$@"); "$cgen" check "$@" "$work/$name.cdef") >"$work/out" || fail "$name's declarations are not its headers'"
    flags=
    [ -z "$packages" ] || flags=$(pkg-config --cflags $packages)
    write_program "$name" "$program"
    for cc in 'gcc -flto' clang; do # gcc ends before machine code, half of its time: the program has clang's
        $cc -Wall -Werror -I. $flags -c "$work/${name}_stubs.c" -o "$work/$name.o" || fail "$cc refuses $name's stubs"
    done
    gcc -Wall -Werror -I. -I"$work" $flags "$work/$name.c" "$work/$name.o" "$library" $libraries -lffi -lm -pthread \
        -no-pie -Wl,--unresolved-symbols=ignore-all -o "$work/$name" 2>"$work/linked" || { cat "$work/linked"; fail "$name: no program"; }
    "$work/$name" || fail "$name: the call's result is wrong"
    constants=$(grep -c '"kind": "macro".*"value"' "$work/$name.json" || true)
    macros=$(grep -c '"kind": "function".*"macro": true' "$work/$name.json" || true)
    preprocess "$@" | python3 tests/cgen/public_functions.py "$work/$name.cdef" "$(patterns "$@")" $(files_of $libraries) \
        >"$work/public" || fail "$name: nobody counts its functions"
    read -r public bound missing <"$work/public"
    [ "$public" -gt 0 ] && [ $((bound * 100)) -ge $((public * 99)) ] || fail "$name: $bound of $public bound, not $missing"
    for function in $missing; do
        grep -q "skipped: $function: " "$work/$name.err" || fail "$name: $function is skipped without a reason"
    done
    echo "| $name | $public | $bound | $(($(cat "$work/count") - macros)) | $macros | $constants | $(reasons "$name") |" \
        >>"$work/table"
    echo "$name: $bound functions of $public, in $took ms${missing:+, not $missing}"
    passed=$((passed + 1))
}

# Options for all headers of a folder, but for those behind it.
headers() {
    prefix=$1
    shift
    for header in "$@"; do printf -- '--header %s%s.h ' "$prefix" "$header"; done
}

set -f
try zlib zlib '-lz' 'CALL(crc32, 0, (const Bytef *)"hello", 5); return crc32_.result != 0x3610a686;' \
    --header zlib.h --from '*/zlib.h'
try sqlite3 sqlite3 '-lsqlite3' 'CALL(sqlite3_libversion_number, 0); return sqlite3_libversion_number_.result / 1000000 != 3;' \
    --header sqlite3.h --from '*/sqlite3.h'
try png libpng '-lpng' 'CALL(png_access_version_number, 0); return png_access_version_number_.result != PNG_LIBPNG_VER;' \
    --header png.h --from '*/png*.h'
try curl libcurl '-lcurl' 'CALL(curl_strequal, "Host", "hOST"); return curl_strequal_.result != 1;' \
    --header curl/curl.h --from '*/curl/*'
try openssl openssl '-lssl -lcrypto' 'CALL(OBJ_sn2nid, "SHA256"); return OBJ_sn2nid_.result != NID_sha256;' \
    $(headers openssl/ evp bio bn rsa ec ssl x509 x509v3 pem sha err rand hmac aes asn1 pkcs12 ocsp cms ts ct engine ui conf \
        store provider params param_build core_dispatch decoder encoder objects) --from '*/openssl/*'
try uv libuv '-luv' 'CALL(uv_version, 0); return uv_version_.result >> 16 != UV_VERSION_MAJOR;' \
    --header uv.h --from '*/uv.h' --from '*/uv/*'
try git2 libgit2 '-lgit2' 'CALL(git_oid_fmt, (char[48]){0}, &(git_oid){{0xab}}); return memcmp(git_oid_fmt_.p0, "ab00", 4);' \
    --header git2.h --from '*/git2.h' --from '*/git2/*'
try SDL2 sdl2 '-lSDL2' 'CALL(SDL_crc32, 0, "hello", 5); return SDL_crc32_.result != 0x3610a686;' \
    --header SDL.h --from '*/SDL2/*'
try xml2 libxml-2.0 '-lxml2' 'CALL(xmlStrlen, (const xmlChar *)"hello"); return xmlStrlen_.result != 5;' \
    $(headers libxml/ parser tree xpath HTMLparser xmlreader xmlwriter xmlschemas relaxng schematron xinclude catalog xmlsave \
        xpointer c14n debugXML pattern uri valid SAX2 xmlregexp nanohttp nanoftp threads encoding xmlIO hash list dict) \
    --from '*/libxml/*'
try zstd libzstd '-lzstd' 'CALL(ZSTD_compressBound, 1000); return ZSTD_compressBound_.result < 1000;' \
    --header zstd.h --from '*/zstd.h'
try sodium libsodium '-lsodium' 'CALL(sodium_is_zero, (const unsigned char *)"\0\0", 2); return sodium_is_zero_.result != 1;' \
    --header sodium.h --from '*/sodium.h' --from '*/sodium/*'
try libc '' "$(gcc -print-file-name=libc.so.6) $(gcc -print-file-name=libm.so.6)" 'CALL(div, 17, 5); CALL(strlen, "hello"); return div_.result.rem != 2 || strlen_.result != 5;' \
    $(headers '' stdio stdlib string math unistd fcntl time errno signal pthread sys/socket sys/stat netdb poll locale wchar \
        wctype ctype dirent pwd grp sys/mman sys/wait sys/time sys/resource sched semaphore termios dlfcn inttypes complex \
        fenv setjmp search glob regex iconv langinfo sys/epoll sys/eventfd sys/uio syslog spawn ucontext utime arpa/inet \
        net/if sys/select sys/statvfs sys/utsname strings uchar) -D _GNU_SOURCE
set +f

cat "$work/table"
if [ -n "${GATE_UPDATE:-}" ]; then
    awk -v table="$work/table" '
        /^\| library / { while ((getline line <table) > 0) print line; skip = 1 }
        skip && !/^\|/ { skip = 0 }
        !skip' cgen/README.md >"$work/README.md"
    cp "$work/README.md" cgen/README.md
fi
echo "$passed passed, 0 failed"
