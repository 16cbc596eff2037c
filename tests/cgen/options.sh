#!/bin/sh
# What cgen is asked for on its command line, how it ends, and which files it leaves.
#
#   options.sh CGEN
#
# SPDX-License-Identifier: MIT
. tests/cgen/facts.sh

cgen=$(realpath "$1")
cat >"$work/some.h" <<END
enum color { RED, GREEN = 5 };
int first(int a);
int second(int a);
#define LIMIT 10
END
some=$work/some.h

# Options.
"$cgen" --header "$some" --match GREEN --emit cdef >"$work/out" || fail "an enum's constant matches nothing"
grep -q '\<GREEN\>' "$work/out" && ! grep -q first "$work/out" || fail 'an enum is not asked for by its constant'
fact
"$cgen" --header "$some" --emit cdef,cdef >"$work/out" || fail 'a form that is asked for twice is several'
[ "$(grep -c '^int first' "$work/out")" -eq 1 ] || fail 'a form that is asked for twice is written twice'
"$cgen" --header "$some" --emit c,h,c,cdef,json,lua,exports,signatures,h,cdef,json,lua,c -o "$work/twice" || fail 'many forms'
[ "$(ls "$work/twice" | wc -l)" -eq 8 ] || { ls "$work/twice"; fail 'other files than those of the forms'; }
fact
"$cgen" check --header "$some" --from '*/nowhere.h' "$some" >"$work/out" || fail '--from is of a meaning where a file is checked'
fact
refuses 2 "not understood: 'extra.h'" --header "$some" extra.h
grep -q '^try: cgen --help$' "$work/err" || fail 'who calls it wrongly is not told where to look'
refuses 2 "not understood: 'extra.h'" wrap --header "$some" -o "$work/x/" extra.h
echo '#ifndef EMPTY' >"$work/empty.h"
echo '#endif' >>"$work/empty.h"
refuses 1 "nothing is left to bind of '$work/empty.h'" --header "$work/empty.h"
refuses 1 "nothing is left to bind of '$some'" --header "$some" --match first --exclude first

# -I comes before what a package has.
mkdir "$work/mine" "$work/theirs"
echo 'int mine(void);' >"$work/mine/which.h"
echo 'int theirs(void);' >"$work/theirs/which.h"
printf 'Name: which\nDescription: which\nVersion: 1\nCflags: -I%s\n' "$work/theirs" >"$work/which.pc"
PKG_CONFIG_PATH=$work "$cgen" --header which.h --pkg which -I "$work/mine" | grep -q '^mine' || fail "a package's folder comes before -I"
fact
# A folder of that name is not the compiler's own.
mkdir -p "$work/clang/include"
echo 'int ours(void);' >"$work/clang/include/ours.h"
printf '#include "ours.h"\n' >"$work/outer.h"
"$cgen" --header "$work/outer.h" -I "$work/clang/include" | grep -q '^ours' || fail "a header in a folder called clang is the compiler's"
fact
# What the compiler brings is asked for if its header is, the last one, too; and of what is not asked for nobody is told.
"$cgen" --header "$some" --header stdbool.h --emit json >"$work/out"
grep -q '"name": "true"' "$work/out" || fail "a compiler's header is asked for, and left out"
printf 'struct hidden;\nint take(struct hidden by);\nint other(void);\n' >"$work/hidden.h"
"$cgen" --header "$work/hidden.h" --match other >"$work/out" 2>"$work/err"
[ ! -s "$work/err" ] || { cat "$work/err"; fail 'what nobody asks for is reported'; }
fact

printf 'char *_Nonnull one(void);\nchar *other(void);\n' >"$work/nullable.h"
"$cgen" --header "$work/nullable.h" >"$work/out" 2>"$work/err"
[ ! -s "$work/err" ] || { cat "$work/err"; fail 'a warning of what no header does wrong'; }
fact

# A file is one by each name of its own by which it is included, whichever of them the compiler has kept.
mkdir "$work/links"
printf '#ifndef REAL\n#define REAL 1\n#include "other.h"\nint real(void);\n#endif\n' >"$work/links/real.h"
printf '#include "real.h"\nint other(void);\n' >"$work/links/other.h"
ln -s real.h "$work/links/link.h"
for from in '*/link.h' '*/real.h'; do
    "$cgen" --header link.h -I "$work/links" --from "$from" --emit cdef >"$work/out" || fail "--from $from, where one is a link to the other"
    grep -q '^int real(void);$' "$work/out" && ! grep -q other "$work/out" || { cat "$work/out"; fail "what is from $from"; }
    fact
done
# So is one whose last name is the same, in another folder, or whose name is in folders itself.
mkdir -p "$work/tree/a" "$work/tree/b" "$work/tree/own"
echo 'int named(void);' >"$work/tree/b/z.h"
ln -s ../b/z.h "$work/tree/a/z.h"
ln -s ../b/z.h "$work/tree/own/z.h"
ln -s real.h "$work/tree/a/link.h"
echo 'int folder(void);' >"$work/tree/a/real.h"
printf '#include "z.h"\n#include <b/z.h>\n#include <a/z.h>\n#include <a/link.h>\n#include <a/real.h>\n' >"$work/tree/own/all.h"
finds_from() {
    "$cgen" --header own/all.h -I "$work/tree" --from "$1" --emit cdef >"$work/out" || fail "--from $1, among links in folders"
    [ "$(grep -c "^int $2(void);$" "$work/out")" -eq 1 ] && [ "$(grep -c '^int' "$work/out")" -eq 1 ] || { cat "$work/out"; fail "what is from $1"; }
    fact
}
finds_from '*/a/z.h' named
finds_from '*/b/z.h' named
finds_from '*/own/z.h' named
finds_from '*/a/link.h' folder
finds_from '*/a/real.h' folder
# In a folder that the compiler knows by itself, or a package's.
printf 'Name: tree\nDescription: tree\nVersion: 1\nCflags: -I%s\n' "$work/tree" >"$work/tree.pc"
PKG_CONFIG_PATH=$work "$cgen" --header own/all.h --pkg tree --from '*/b/z.h' | grep -q '^named' || fail "a name in a package's folder"
CPATH=$work/tree "$cgen" --header own/all.h --from '*/b/z.h' | grep -q '^named' || fail 'a name in a folder of the compiler'
fact
refuses 1 "no file is read that matches '\*/a/a/\*'" --header own/all.h -I "$work/tree" --from '*/a/a/*'

# Names of files and tables.
mkdir -p "$work/a.b" "$work/there"
cp "$some" "$work/a.b/my-own.name.h"
"$cgen" --header "$work/a.b/my-own.name.h" --emit h,json -o "$work/there"
[ "$(ls "$work/there" | tr '\n' ' ')" = 'my_own.json my_own_stubs.h ' ] || { ls "$work/there"; fail 'names of files'; }
grep -q 'gate_stubs_my_own\[' "$work/there/my_own_stubs.h" || fail "a table's name"
"$cgen" --header "$some" --emit json -o "$work/there" || fail 'one form into a folder that is there'
[ -e "$work/there/some.json" ] || fail 'a folder that is there is not one without a slash'
fact

# The command that made a file makes it again, whatever is in it.
cd "$work"
"$cgen" --header some.h --exclude 'sec?nd' -D "A='*' ~ #" -D 'B="$HOME `x` \\"' --debug-path '' --debug-path '~' --library '#' >"$work/made"
sed -n 's|^# made by: cgen|"$cgen"|p' "$work/made" >"$work/command"
touch "$work/secund"
. "$work/command" >"$work/again"
diff -u "$work/made" "$work/again" || fail 'the command in a file is another'
cd - >/dev/null
fact

# It is text in each form, and so are paths; what a module loads is said by --library before a package has it.
odd=$(printf 'caf\351.h')
printf 'int odd(void);\n' >"$work/$odd"
(cd "$work" && "$cgen" --header 'some.h' --header "$odd" -D 'A="\x"' --pkg zlib --library 'a"\b.so' --name odd --emit json,lua -o "$work/odd/") 2>"$work/err" ||
    { cat "$work/err"; fail 'odd words'; }
python3 -c 'import json, sys
read = json.load(open(sys.argv[1], encoding="utf-8"))
assert "A=\"\\x\"" in read["made by"], read["made by"]
assert read["items"][-1]["file"].endswith("caf\u00e9.h"), read["items"][-1]' "$work/odd/odd.json" || fail 'odd words in JSON'
grep -qF 'library_name, stubs_name = "a\"\\b.so", "odd_stubs"' "$work/odd/odd.lua" || fail 'odd words in a module'
fact

# A full disk, or a file that can't be closed, is named wherever cgen writes.
for option in --help --version; do
    ! "$cgen" $option >/dev/full 2>"$work/err" || fail "a full disk goes unnoticed by $option"
    fact
done
! "$cgen" --header "$some" --match first >/dev/full 2>"$work/err" || fail 'a full disk goes unnoticed by a few bytes'
grep -q 'standard output: No space left on device' "$work/err" || { cat "$work/err"; fail 'a full disk is not named'; }
fact
cat >"$work/closing.c" <<END
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
int fclose(FILE *file) {
    int is_written = fileno(file) >= 0 && !__freading(file);
    int failed = ((int (*)(FILE *))dlsym(RTLD_NEXT, "fclose"))(file);
    if (is_written)
        errno = EDQUOT;
    return is_written ? EOF : failed;
}
END
gcc -shared -fPIC "$work/closing.c" -o "$work/closing.so"
mkdir "$work/closed"
status=0
ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$work/closing.so "$cgen" --header "$some" --emit cdef,json -o "$work/closed" 2>"$work/err" || status=$?
[ "$status" -eq 1 ] && grep -q 'some.cdef: Disk quota exceeded' "$work/err" || { cat "$work/err"; fail 'a file that is not closed goes unnoticed'; }
[ -z "$(ls -A "$work/closed")" ] || fail 'a file that is not closed is left'
fact

echo "$passed passed, 0 failed"
