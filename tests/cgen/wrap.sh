#!/bin/sh
# `cgen wrap` makes folders that build, by each compiler, and pass their own test, however the library is said.
#
#   wrap.sh CGEN LIBCALLGATE.a LUA    the Lua module is in LUA
#
# SPDX-License-Identifier: MIT
. tests/cgen/facts.sh

cgen=$(realpath $1) library=$(realpath $2) modules=$(realpath $3)
compilers=${CGEN_COMPILERS-gcc clang}
export CALLGATE_CFLAGS="-I'$PWD'" CALLGATE_LIBS="'$library' -lffi -lm -pthread"
all="0 are not in the library, 0 can't be called"
functions="functions, $all"

wrap() {
    "$cgen" wrap "$@" 2>"$work/err" || { cat "$work/err"; fail "cgen wrap $*"; }
}

# The folder $1 builds, and its test says $2.
builds() {
    for cc in $compilers; do
        CC=$cc ninja -C "$1" -t clean >/dev/null
        { CC=$cc ninja -C "$1" && ninja -C "$1" test; } >"$work/out" 2>&1 || { cat "$work/out"; fail "$cc does not build $1"; }
        grep -q "^$2\$" "$work/out" || { cat "$work/out"; fail "what $1 says of itself"; }
        fact
    done
}

# With no option but the package: a module loads what it has, and its stubs for what that has not.
wrap --header zlib.h --pkg zlib --from '*/zlib.h' -o "$work/z"
builds "$work/z" "[1-9][0-9]* $functions"
LUA_PATH="$work/z/?.lua" LUA_CPATH="$work/z/?.so;$modules/?.so" lua5.4 -e '
    local z, ffi = require "zlib", require "callgate.ffi"
    assert(ffi.tonumber(z.crc32(0, "a", 1)) == 0xe8b7be43)
    assert(arg[1] == "" or z.deflateInit(ffi.new "z_stream", 9) == z.Z_OK)' - "$compilers" </dev/null || fail 'a module of a package'
fact

# What the library lacks is told, and a function that is defined in a header may lack more. va_list is known to all compilers
# that know it to one.
cat >"$work/lacking.h" <<'END'
#include <stdio.h>
int abs(int);
int no_such_function(int);
extern int no_such_variable;
static inline int value(void) { return no_such_variable; }
#ifdef _VA_LIST
int take_list(va_list list);
#endif
END
wrap --header "$work/lacking.h" --from '*/lacking.h' -o "$work/l/"
builds "$work/l" "4 functions, 2 are not in the library, 0 can.t be called"
[ -z "$compilers" ] || grep -q '^no_such_function: is declared, and not in the library$' "$work/out" || { cat "$work/out"; fail 'what a library lacks is not told'; }
fact
printf 'int abs(int);\nint no_such_function(int);\n' >"$work/one.h"
wrap --header "$work/one.h" -o "$work/one/"
builds "$work/one" "2 functions, 1 is not in the library, 0 can.t be called"
# Where it has nothing of all, or the bridge can't call one, the test fails; and so it does where an export can't be made.
fails() {
    for cc in $compilers; do
        CC=$cc ninja -C "$1" >"$work/out" 2>&1 || { cat "$work/out"; fail "$cc does not build $1"; }
        ! ninja -C "$1" test >"$work/out" 2>&1 || { cat "$work/out"; fail "$1 passes its test"; }
        grep -q "$2" "$work/out" || { cat "$work/out"; fail "how $1 fails"; }
        fact
    done
}
echo 'int no_such_function(int);' >"$work/nothing.h"
wrap --header "$work/nothing.h" -o "$work/nothing/"
fails "$work/nothing" "^1 function, 1 is not in the library, 0 can't be called$"
printf 'struct pair { int a, b; };\nstatic inline int first(struct pair of) {\n    return of.a;\n}\n' >"$work/unknown.h"
wrap --header "$work/unknown.h" -o "$work/unknown/"
sed -i '/^struct pair/,/^}/d' "$work/unknown/unknown.cdef"
fails "$work/unknown" "^1 function, 0 are not in the library, 1 can't be called$"
printf 'struct pair { int a, b; };\nint abs(int);\n' >"$work/broken.h"
printf '[export on_pair]\ntype = int (struct pair)\n' >"$work/broken.conf"
wrap --header "$work/broken.h" --config "$work/broken.conf" --from '*/broken.h' -o "$work/broken/"
sed -i '/^struct pair/,/^}/d' "$work/broken/broken.cdef"
fails "$work/broken" "^an export can't be made: "
sed -i 's/^int abs.*/int abs(int x)/' "$work/broken/broken.cdef"
fails "$work/broken" 'broken.cdef: '
echo '#define LIMIT 3' >"$work/values.h"
wrap --header "$work/values.h" -o "$work/v/"
builds "$work/v" "0 $functions"

# What a compiler brings is not another's, and nobody asks for it who does not name it.
wrap --header stddef.h -o "$work/own/"
builds "$work/own" "1 function, $all"
printf '#include <immintrin.h>\n#include <pthread.h>\nint abs(int);\n' >"$work/vectors.h"
wrap --header "$work/vectors.h" --match '_mm_*' --match abs --match '__*' -o "$work/vectors/"
builds "$work/vectors" "[1-9][0-9]* $functions"

# By folders that are relative, whose names nobody would choose, beside a package; of several headers; with definitions, with
# functions of the host's that the library calls, from another folder.
odd="$work/it's a \$HOME, \\ 100% \"odd\""
mkdir -p "$odd/include/odd" "$odd/lib"
cat >"$odd/include/odd/one.h" <<'END'
#include <zlib.h>
#define TWICE(n) PLUS(n, n)
struct counter { COUNT count; uLong sum; };
typedef int visitor(struct counter *of);
int count_all(struct counter *of);
END
echo 'char *name_of(void);' >"$odd/include/odd/two.h"
echo 'void last(void);' >"$odd/three.h"
cat >"$work/odd.c" <<'END'
#include <odd/one.h>
__attribute__((weak)) int on_count(struct counter *of);
int count_all(struct counter *of) { return on_count(of); }
char *name_of(void) { return NAME; }
void last(void) {}
END
printf '[export on_count]\ntype = visitor\n[export on_other]\ntype = double (struct counter, char *)\n' >"$work/odd.conf"
gcc -w -shared -fPIC -I"$odd/include" -DCOUNT=long -DNAME='"a  b"' "$work/odd.c" -Wl,-soname,libodd.so -o "$odd/lib/libodd.so"
(cd "$odd" && wrap --header odd/one.h --header odd/two.h --header three.h -I include -D COUNT=long -D 'NAME="a  b"' \
    -D 'PLUS(a, b)=((a) + (b))' --pkg zlib -L lib --library odd --from '*/odd/*' --from '*three.h' --name odd \
    --config "$work/odd.conf" -o 'to here')
builds "$odd/to here" "4 $functions"
for file in "$odd/to here"/odd_exports.h "$odd/to here"/build.ninja; do
    head -n 1 "$file" | grep -qF -- "made by: cgen wrap --header odd/one.h --header odd/two.h --header three.h -I include -D COUNT=long -D 'NAME=\"a  b\"' -D 'PLUS(a, b)=" ||
        fail "the command in $file"
done
fact
for name in gate_export_on_count gate_export_direct_on_count; do
    [ "$(grep -c "$name\\b" "$odd/to here/odd_exports.h")" -eq 2 ] || fail "nobody says what $name is for"
done
grep -q 'a scope that has read odd.cdef' "$odd/to here/odd_exports.h" || fail 'nobody says which scope an export needs'
fact
[ -z "$compilers" ] || nm "$odd/to here/odd_smoke" | grep -q 'T on_count$' || fail 'exports are not linked'
fact

# By a path, and by a file's name.
cp -r "$odd" "$work/a b"
wrap --header "$work/a b/include/odd/two.h" --library "$work/a b/lib/libodd.so" -o "$work/path/"
builds "$work/path" "1 function, $all"
wrap --header zlib.h --library libz.so.1 --match 'crc*' -o "$work/file/"
builds "$work/file" "[1-9] $functions"

[ -z "$compilers" ] || { ninja -C "$work/file" -t clean >/dev/null && ! CC=false ninja -C "$work/file" >"$work/out"; } ||
    fail 'another compiler builds than $CC'
fact

# By a package in a folder of its own.
mkdir "$work/a b/pkgconfig"
printf 'prefix=%s\nName: odd\nDescription: odd\nVersion: 1\nCflags: -I"${prefix}/include" -DCOUNT=int\nLibs: -L"${prefix}/lib" -lodd\n' \
    "$work/a b" >"$work/a b/pkgconfig/odd.pc"
export PKG_CONFIG_PATH="$work/a b/pkgconfig"
wrap --header odd/two.h --pkg odd -o "$work/package/"
builds "$work/package" "1 function, $all"
grep -q '^#define COUNT int$' "$work/package/two_stubs.h" || fail "what a package defines is not defined"
fact

refuses 2 'wrap needs a folder' wrap --header zlib.h
refuses 2 'there is no --emit' wrap --header zlib.h --emit json -o "$work/x/"
refuses 2 "--name is a name in C, not 'a b'" wrap --header zlib.h --name 'a b' -o "$work/x/"
refuses 2 'a line ends within' wrap --header zlib.h -D 'A=
B' -o "$work/x/"
refuses 2 "no package is called '--version'" wrap --header zlib.h --pkg --version -o "$work/x/"
[ ! -e "$work/x" ] || fail 'a folder is made though nothing is written'

echo "$passed passed, 0 failed"
