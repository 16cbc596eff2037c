#!/bin/sh
# What is installed is found where it is looked for: by pkg-config and compilers, by each Lua, by its own name.
#
# SPDX-License-Identifier: MIT
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fail() {
    echo "FAILED: $*"
    exit 1
}

fact() {
    passed=$((passed + 1))
}

# Of the loader's cache it is enough to hear that it would have been made.
mkdir "$work/bin"
printf '#!/bin/sh\necho made >>"%s"\n' "$work/cache" >"$work/bin/ldconfig"
chmod +x "$work/bin/ldconfig"
PATH=$work/bin:$PATH

prefix=$work/here DESTDIR= sh install.sh
[ ! -w /etc/ld.so.cache ] || [ -f "$work/cache" ] || fail "the loader's cache is left as it was"
export PKG_CONFIG_PATH=$work/here/lib/pkgconfig LD_LIBRARY_PATH=$work/here/lib
echo '#include <callgate.h>
int main(void) { return !gate_type_basic(GATE_INT); }' >"$work/host.c"
cc "$work/host.c" $(pkg-config --cflags --libs callgate) -o "$work/host" || fail 'a host does not build'
"$work/host" || fail 'a host does not run'
fact

calls='local ffi, task = require "callgate.ffi", require "callgate.task"
    ffi.cdef "int abs(int);"
    assert(task.go(ffi.C.abs, -3):join() == 3)'
for version in 5.1 5.2 5.3 5.4; do
    LUA_CPATH="$work/here/lib/lua/$version/?.so" lua$version -e "$calls" || fail "the modules of Lua $version"
    fact
done

"$work/here/bin/callgate-lua" -e 'assert(bit.bor(1, 2LL) == 3)' || fail callgate-lua
"$work/here/bin/cgen" --help >"$work/out" || fail cgen
fact

# Each option that a program explains is in its manual.
for program in cgen callgate-lua; do
    "$work/here/bin/$program" --help | sed -n 's/^  \(-[^ ,]*\).*/\1/p' >"$work/options"
    [ -s "$work/options" ] || fail "$program explains no option"
    while read -r option; do
        sed 's/\\-/-/g' "$work/here/share/man/man1/$program.1" | grep -qE -- "^\.BI?R? $option\b|^\.BI?R? $option\$" || fail "$program.1 lacks $option"
    done <"$work/options"
    fact
done

# With DESTDIR the files are below it, speak of the place where they will be, and are none of this system's.
rm -f "$work/cache"
prefix=/opt/callgate DESTDIR=$work/package sh install.sh
[ ! -f "$work/cache" ] || fail "the loader's cache is made anew for a package"
grep -qx 'prefix=/opt/callgate' "$work/package/opt/callgate/lib/pkgconfig/callgate.pc" || fail 'callgate.pc of a package'
(cd "$work/here" && find . | sort) >"$work/here.list"
(cd "$work/package/opt/callgate" && find . | sort) >"$work/package.list"
diff -u "$work/here.list" "$work/package.list" || fail 'a package has other files'
fact

# One that depends on where somebody is would be found from there alone.
! prefix=here DESTDIR=$work/package sh install.sh 2>"$work/err" || fail 'a relative prefix is one'
grep -q "^install: prefix is .*, not 'here'" "$work/err" || { cat "$work/err"; fail 'nobody says what is wrong with a prefix'; }
[ ! -e "$work/packagehere" ] || fail 'files go to a prefix that is none'
fact

echo "$passed passed, 0 failed"
