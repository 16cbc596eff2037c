#!/bin/sh
# cgen against headers: features whose every form is known and compiles, real ones whose every line the bridge must
# take, and what it does when something is wrong.
#
#   run.sh CGEN FOLDER LIBCALLGATE.a LUA    takes and reads are in FOLDER, the Lua module in LUA; with GATE_UPDATE=1
#                                           what is expected is written anew
#
# SPDX-License-Identifier: MIT
. tests/cgen/facts.sh

cgen=$1 takes=$2/takes reads=$2/reads library=$PWD/$3 modules=$4
# None where it is cgen itself that is looked at.
compilers=${CGEN_COMPILERS-gcc clang}
# For ninja: when one of these changes, or there is another, the test runs again.
echo "$2/run.ok:" tests/cgen/* tests/cgen/*/* cgen/* cgen/*/* callgate.pc.in >"$2/run.d"

# One room reads headers, and one file debug information.
[ "$(grep -rl 'clang-c/' cgen)" = cgen/clang/reader.h ] && [ "$(grep -rl 'clang/reader.h"' cgen | grep -vc '^cgen/clang/')" = 0 ] && [ "$(grep -rl 'elfutils/' cgen)" = cgen/dwarf.c ] || fail 'others know libclang or libdw'
fact

# Each feature: as expected, read by the bridge, compiled by both compilers.
for header in tests/cgen/features/*.h; do
    name=$(basename "$header" .h)
    for form in cdef json; do
        "$cgen" --header "$header" -I. --from '*/features/*' --emit $form >"$work/$name.$form" 2>"$work/err" ||
            { cat "$work/err"; fail "$header"; }
        [ -z "${GATE_UPDATE:-}" ] || cp "$work/$name.$form" "tests/cgen/features/$name.$form"
        diff -u "tests/cgen/features/$name.$form" "$work/$name.$form" || fail "$header reads otherwise, as $form"
        fact
    done
    "$reads" "$work/$name.cdef" >/dev/null || fail "the bridge refuses $name.cdef"
    gcc -fsyntax-only -Wall -Werror -x c "$work/$name.cdef" || fail "gcc refuses $name.cdef"
    # Not twice in one process: output must not depend on where things happen to lie.
    "$cgen" --header "$header" -I. --from '*/features/*' --name "$name" --emit c -o "$work/" 2>/dev/null
    for file in "$work/${name}_stubs.h" "$work/${name}_stubs.c"; do
        cat -s "$file" | diff - "$file" || fail "two empty lines in a row in $file"
    done
    fact
    # Stubs are declared as they are defined.
    sed -n 's/^\(void gate_stub_.*\);$/\1/p' "$work/${name}_stubs.h" >"$work/declared"
    sed -n 's/^\(void gate_stub_.*\) {$/\1/p' "$work/${name}_stubs.c" | diff "$work/declared" - || fail "stubs of $header"
    fact
    [ ! -e "tests/cgen/features/$name.proof" ] || {
        grep '^_Static_assert' "$work/${name}_stubs.c" >"$work/$name.proof"
        [ -z "${GATE_UPDATE:-}" ] || cp "$work/$name.proof" "tests/cgen/features/$name.proof"
        diff -u "tests/cgen/features/$name.proof" "$work/$name.proof" || fail "$header is proved otherwise"
        fact
    }
    sh tests/cgen/layouts.sh "$reads" "$work/$name.cdef" "$work/${name}_stubs.c" || fail "$name.cdef is laid out otherwise"
    fact
    for cc in $compilers; do
        $cc -Wall -Werror -I. -c "$work/${name}_stubs.c" -o "$work/$name.o" ||
            fail "$cc refuses the stubs of $header"
        fact
    done
done
# What LuaJIT does not know is told, whatever it is.
knows_no() {
    echo "$2" >"$work/unknown.h"
    "$cgen" --header "$work/unknown.h" --emit cdef >"$work/out"
    grep -q "^// not for the ffi.cdef of LuaJIT, which knows no $1\$" "$work/out" || { cat "$work/out"; fail "LuaJIT knows $1"; }
    fact
}
knows_no _Atomic 'int f(_Atomic int *at);'
knows_no __int128 'int f(int (*at)(__int128));'
knows_no 'vectors of more than 16 bytes' 'typedef float eight __attribute__((vector_size(32))); int f(eight *at);'
knows_no 'bit-fields of 64 bits' 'struct s { long a : 40; }; int f(struct s *at);'
knows_no 'members that are a va_list' 'struct s { __builtin_va_list a; }; int f(struct s *at);'
knows_no 'pointers to types without a name that are packed or aligned' 'extern struct { char a; int b; } __attribute__((packed)) *at;'

# An inline caller is there for what fits registers, of a function that has a symbol.
cat >"$work/registers.h" <<END
int words(int a, int b, int c, int d, int e, int f);
int too_many_words(int a, int b, int c, int d, int e, int f, int g);
int doubles(double a, double b, double c, double d, float e, float f, float g, float h);
int too_many_doubles(double a, double b, double c, double d, float e, float f, float g, float h, float i);
long double too_wide(void);
int too_wide_too(__int128 a);
int variadic(int a, ...);
static inline int in_line(int a) { return a; }
END
"$cgen" --header "$work/registers.h" --emit h >"$work/registers_stubs.h"
[ "$(grep -oE 'gate_caller_[a-z_]+' "$work/registers_stubs.h" | tr '\n' ' ')" = 'gate_caller_words gate_caller_doubles ' ] || fail 'inline callers'
fact
# Whoever includes them is warned as before.
printf '#include "%s"\nint call(void) {\n    return old();\n}\n' "$work/attributes_stubs.h" >"$work/warned.c"
! gcc -Werror -I. -fsyntax-only "$work/warned.c" 2>"$work/err" || fail 'nobody is warned behind the stubs'
grep -q 'deprecated' "$work/err" || { cat "$work/err"; fail 'who includes stubs is told something else'; }
fact
# A compiler that lays types out in another way refuses the stubs.
for flag in structs:-fpack-struct=1 enums:-fshort-enums bit_fields:-mms-bitfields; do
    ! gcc "${flag#*:}" -w -I. -fsyntax-only "$work/${flag%:*}_stubs.c" 2>"$work/err" || fail "stubs compile with ${flag#*:}"
    grep -q 'static assertion failed' "$work/err" || fail "another layout by ${flag#*:} is not what is refused"
    fact
done
# The stubs of functions that pass vectors of AVX's are there if they are compiled for it, and so are exports.
printf '[export on_eight]\ntype = eight (eight)\n' >"$work/wide.conf"
"$cgen" --header tests/cgen/features/wide.h -I. --from '*/wide.h' --config "$work/wide.conf" --name wide --emit exports -o "$work/"
for flags in '-mno-avx 2' '-mavx 7' '-mavx512f 8'; do
    for cc in $compilers; do
        $cc ${flags% *} -Wall -Werror -I. -c "$work/wide_stubs.c" -o "$work/wide.o" || fail "$cc ${flags% *} refuses stubs"
        [ "$(nm "$work/wide.o" | grep -c ' T gate_stub_plain_')" -eq "${flags#* }" ] || fail "stubs that $cc ${flags% *} makes"
        $cc ${flags% *} -Wall -Werror -I. -c "$work/wide_exports.c" -o "$work/wide.o" || fail "$cc ${flags% *} refuses exports"
        [ "$(nm "$work/wide.o" | grep -c ' T .*on_eight')" -eq $((${flags#* } > 2 ? 3 : 0)) ] || fail "exports that $cc ${flags% *} makes"
        fact
    done
done

# What it has written is what the headers say; what somebody wrote by hand is told, mistake by mistake.
for header in tests/cgen/features/*.h; do
    "$cgen" check --header "$header" -I. "${header%.h}.cdef" >"$work/out" || fail "$header is not what was written of it"
    fact
done
"$cgen" check --header tests/cgen/check/right.h -I. tests/cgen/check/right.lua >"$work/out" 2>"$work/err" ||
    { cat "$work/err"; fail 'mistakes where there are none'; }
[ ! -s "$work/err" ] || { cat "$work/err"; fail 'warnings where there is no mistake'; }
fact
finds_mistakes() {
    expected=${2%.*}.expect
    if "$cgen" check --header "tests/cgen/check/$1" "$2" >"$work/out" 2>"$work/mistakes"; then
        fail "no mistake is found in $2"
    fi
    [ -z "${GATE_UPDATE:-}" ] || cp "$work/mistakes" "$expected"
    diff -u "$expected" "$work/mistakes" || fail "other mistakes are found in $2"
    fact
}
finds_mistakes right.h tests/cgen/check/wrong.lua
# Another struct or enum, what has no name in others, signs; a typedef's name is as good as a tag.
finds_mistakes records.h tests/cgen/check/records.lua
finds_mistakes constants.h tests/cgen/check/constants.cdef
# What no header has, and what no library has since it is a macro or static; types of the script's own are no mistake.
finds_mistakes names.h tests/cgen/check/names.lua
# Texts that are joined, escapes, comments; each byte has its place.
finds_mistakes right.h tests/cgen/check/texts.lua
# A text that is no string is not passed over.
finds_mistakes right.h tests/cgen/check/unread.lua
# What does not compile is told, and the rest is compared.
finds_mistakes right.h tests/cgen/check/twice.lua
printf 'local ffi = require "ffi"\nlocal sizeof = ffi.sizeof "int"\n' >"$work/nothing.lua"
! "$cgen" check --header zlib.h "$work/nothing.lua" >"$work/out" 2>"$work/err" || fail 'a script without declarations is right'
grep -q '^cgen: error: nothing is declared that the headers have' "$work/err" || fail 'nobody says that nothing was compared'
fact
! "$cgen" check --header tests/cgen/check/right.h --match say tests/cgen/check/wrong.lua >"$work/out" 2>"$work/err" ||
    fail 'what is asked for is right'
[ "$(grep -c 'error:' "$work/err")" -eq 1 ] || { cat "$work/err"; fail 'what was not asked for is compared'; }
fact
# A file's name is no pattern, and what stands behind a NUL is not passed over.
printf 'long puts(const char *);' >"$work/[puts]?.h"
! "$cgen" check --header stdio.h "$work/[puts]?.h" >"$work/out" 2>"$work/err" || fail 'a file is not read for its name'
grep -q "puts: it returns 'int', not 'long'" "$work/err" || { cat "$work/err"; fail 'a file with a name like a pattern'; }
printf 'int puts(const char *);\0long putchar(int);' >"$work/nul.h"
! "$cgen" check --header stdio.h "$work/nul.h" >"$work/out" 2>"$work/err" || fail 'what is behind a NUL is passed over'
grep -q 'nul.h: a NUL is in it' "$work/err" || { cat "$work/err"; fail 'nobody says that there is a NUL'; }
fact
# A program's files may use each other's types.
printf 'require "ffi".cdef "typedef unsigned long handle; typedef int mine"' >"$work/types.lua"
printf 'require "ffi".cdef "handle open_it(const char *path, mine mode)"' >"$work/functions.lua"
"$cgen" check --header tests/cgen/check/right.h "$work/types.lua" "$work/functions.lua" >"$work/out" ||
    fail "another file's types are not known"
grep -q 'functions.lua: 1 declaration found in the headers, 0 mistakes' "$work/out" || { cat "$work/out"; fail 'the second of two files'; }
fact

# So is what the library was compiled with, where it says that, in itself or in a file of its own.
checks_library() {
    "$cgen" check --header tests/cgen/check/library.h --from '*/library.h' --library "$work/libold.so" "$@" >"$work/out" \
        2>"$work/mistakes"
}
count_mistakes() {
    grep -c ': error: ' "$work/mistakes" || true
}
for flags in 'gcc -gdwarf-5' 'gcc -gdwarf-4' 'gcc -gdwarf-2 -gstrict-dwarf' 'gcc -fdebug-types-section' clang; do
    $flags -g -w -shared -fPIC -Wl,--build-id tests/cgen/check/library.c -o "$work/libold.so"
    ! checks_library || fail "no mistake is found in what $flags has made"
    sed "s|$work|.|; s|$PWD/||" "$work/mistakes" >"$work/$(echo "$flags" | tr ' ' _)"
    [ "$(count_mistakes)" -eq 19 ] || { cat "$work/mistakes"; fail "other mistakes are found in what $flags has made"; }
    grep -q '^tests/cgen/check/library.h: 39 declarations found in .*libold.so, 19 mistakes$' "$work/out" ||
        { cat "$work/out"; fail "other declarations are found in what $flags has made"; }
    ! grep ' note: ' "$work/mistakes" | grep -v 'tests/cgen/check/library.c:[1-9]' || fail "places in what $flags has made"
    fact
done
[ -z "${GATE_UPDATE:-}" ] || cp "$work/gcc_-gdwarf-5" tests/cgen/check/library.expect
diff -u tests/cgen/check/library.expect "$work/gcc_-gdwarf-5" || fail 'other mistakes are found in a library'
fact
objcopy --only-keep-debug "$work/libold.so" "$work/libold.debug"
echo 'long length_of(char of) { return of; }' >"$work/none.c"
strip --strip-debug "$work/libold.so"
checks_library || { cat "$work/mistakes"; fail 'no debug information is a mistake'; }
grep -q 'libold.so: note: it has no debug information' "$work/mistakes" || fail 'nobody says that there is no debug information'
fact
id=$(readelf -n "$work/libold.so" | sed -n 's/.*Build ID: //p')
by_id=$work/debug/.build-id/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-).debug
mkdir -p "$(dirname "$by_id")"
cp "$work/libold.debug" "$by_id"
! checks_library --debug-path "/nowhere:$work/debug" || fail 'debug information is not found by its build id'
[ "$(count_mistakes)" -eq 19 ] || { cat "$work/mistakes"; fail 'other mistakes are found by a build id'; }
fact
gcc -g -shared -fPIC -Wl,--build-id=0x"$(echo "$id" | tr 0-9a-f 1-9a-f0)" -x c - -o "$work/other.so" <"$work/none.c"
objcopy --only-keep-debug "$work/other.so" "$by_id"
checks_library --debug-path "$work/debug" || { cat "$work/mistakes"; fail "another library's debug information is taken"; }
grep -q 'libold.so: note: it has no debug information' "$work/mistakes" || fail "nobody says that a file is another library's"
fact
objcopy --add-gnu-debuglink="$work/libold.debug" "$work/libold.so"
! checks_library || fail 'debug information in another file is not found'
fact
! checks_library tests/cgen/check/library.cdef || fail 'what the headers say otherwise is no mistake'
[ "$(count_mistakes)" -eq 5 ] && ! grep -q 'libold.so was compiled' "$work/mistakes" || { cat "$work/mistakes"; fail 'a file that the library agrees with'; }
grep -q 'library.cdef: 2 declarations found in .*libold.so, 0 mistakes' "$work/out" || { cat "$work/out"; fail 'a file against a library'; }
fact
"$cgen" check --header callgate.h -I. --from '*/bridge/*' --from '*/runtime/*' --library "$library" >"$work/out" 2>"$work/err" ||
    { cat "$work/err"; fail "Callgate's own library"; }
grep -q '^callgate.h: [1-9][0-9][0-9]* declarations found in .*, 0 mistakes$' "$work/out" || { cat "$work/out"; fail "Callgate's own debug information"; }
fact
refuses 1 "no library is found that is called 'nowhere'" check --header zlib.h --library nowhere
refuses 1 "$work/out: .*ELF" check --header zlib.h --library "$work/out"

# A newcomer who copies the README's samples sees what they say, but for where the headers have it, and can use its config.
mkdir "$work/samples"
sed '/^`cgen wrap`/,$d' cgen/README.md | awk -v to="$work/samples" '
    /^```/ { is_sample = !is_sample; next }
    !is_sample { next }
    !is_text && !/^\$ / { print >(to "/expected"); next }
    { sub(/^\$ /, ""); print >(to "/commands"); is_text = /<<END$/ || (is_text && !/^END$/) }'
ln -s "$PWD/$cgen" "$work/samples/cgen"
(cd "$work/samples" && sed -i 's|build/release/cgen|./cgen|' commands && sh commands >printed 2>&1 || true)
sed -i 's|/[a-z].*/zlib.h:[0-9:]*|zlib.h:|; s|^/.*/point.c|point.c|; /^sqlite3/s/  /\n/g' "$work/samples/printed" "$work/samples/expected"
diff -u "$work/samples/expected" "$work/samples/printed" || fail "the README's samples"
fact
for page in cgen/README.md cgen/cgen.1; do
    sed -n '/^\[function/,/^type = int (void/p' "$page" >"$work/sample.conf"
    "$cgen" --header zlib.h --config "$work/sample.conf" --emit json,exports -o "$work/samples/" 2>/dev/null || fail "the config in $page"
    grep -q '"name": "deflate",.*"rename": "pack"' "$work/samples/zlib.json" || fail "the config in $page says nothing"
    fact
done

for header in zlib.h sqlite3.h string.h stdlib.h stdio.h math.h unistd.h pthread.h; do
    "$cgen" --header "$header" >"$work/real" 2>"$work/skipped"
    grep -v '^#' "$work/real" | cut -f 2 >"$work/signatures"
    "$takes" <"$work/signatures" || fail "a signature of $header is refused"
    fact
done

# Every function has a line, or a reason why it has none; its symbol is there, where it isn't its name.
cat >"$work/named.h" <<END
int plain(int);
int labelled(int) __asm__("other_symbol");
static inline int in_line(int x) { return x; }
#define MACRO(x) plain(x)
enum later;
void look(enum later *at);
struct pair { int a, b; };
int take(struct pair pair);
int old();
typedef struct { int a; } *behind;
behind reach(behind of);
typedef float four __attribute__((vector_size(16)));
four scale(four of);
enum color { RED };
enum color paint(enum color with);
struct pair give(void);
END
printf '[function plain]\nrename = simple\n' >"$work/named.conf"
"$cgen" --header "$work/named.h" --config "$work/named.conf" >"$work/out" 2>"$work/err" || fail 'signatures'
grep -v '^#' "$work/out" | tr '\t' '|' >"$work/named"
cat <<END | diff -u - "$work/named" || fail 'signatures of functions with other symbols'
MACRO|int (long)|gate_inline_MACRO
simple|int (int)|plain
labelled|int (int)|other_symbol
in_line|int (int)|gate_inline_in_line
look|void (enum later *)
old|int (void)
reach|void *(void *)
paint|unsigned int (unsigned int)
END
grep -q 'named.h:8:5: skipped: take: it passes a struct' "$work/err" || fail 'a signature is left out silently'
grep -q 'named.h:13:6: skipped: scale: it passes a vector' "$work/err" || { cat "$work/err"; fail 'a signature with a vector is left out silently'; }
grep -q 'named.h:16:13: skipped: give: it passes a struct' "$work/err" || fail 'a result is left out silently'
fact

"$cgen" --header zlib.h --match 'crc*' --library z --emit lua -o "$work/crc.lua"
"$cgen" --header zlib.h --match 'crc*' --library z --emit lua -o "$work/crc.lua" || fail 'its own output is not replaced'
echo precious >"$work/crc.lua.part"
(umask 027 && "$cgen" --header zlib.h --match 'crc*' --library z --emit lua -o "$work/crc.lua")
grep -q precious "$work/crc.lua.part" || fail "somebody's file beside the output is gone"
[ "$(stat -c %a "$work/crc.lua")" = 640 ] || fail 'an output has other rights than a new file'
fact
LUA_PATH="$work/?.lua" LUA_CPATH="$modules/?.so" \
    lua5.4 -e "assert(require 'callgate.ffi'.tonumber(require 'crc'.crc32(0, 'a', 1)) == 0xe8b7be43)" || fail 'a checksum'
fact

"$cgen" --header tests/cgen/module.h -I. --from '*/module.h' --config tests/cgen/module.conf --name words --emit lua \
    -o "$work/" 2>/dev/null
lua5.4 tests/cgen/test_module.lua "$work" || fail 'the module'
"$cgen" --header tests/cgen/module.h -I. --from '*/module.h' --config tests/cgen/module.conf --name words --emit c \
    --weak -o "$work/" 2>/dev/null
cat >"$work/library.c" <<END
int level = 3, other_name = 7;
struct place { int x; } place = {8};
const int limits[2] = {10, 20};
int add(int a, int b) { return a + b; }
int crash(const int *at) { return *at; }
void sleep_for(int s) { (void)s; }
int change_level(int to) {
    int was = level;
    level = to;
    return was;
}
END
gcc -shared -fPIC "$work/library.c" -o "$work/libwords.so"
gcc -Wall -Werror -I. -shared -fPIC "$work/words_stubs.c" -Wl,-z,lazy -o "$work/words_stubs.so" -L"$work" -lwords
for version in 5.4 5.3 5.2 5.1; do
    of_version=$modules$([ $version = 5.4 ] || echo $version)
    LD_LIBRARY_PATH=$work LUA_PATH="$work/?.lua" LUA_CPATH="$of_version/?.so;$work/?.so" lua$version tests/cgen/words.lua ||
        fail "the module on callgate.ffi of Lua $version"
    fact
    LUA_PATH="$work/?.lua" LUA_CPATH="$of_version/?.so" lua$version -e 'require "words".twice(21)' 2>&1 |
        grep -q ':1: twice is in words_stubs.so alone, to which package.cpath does not lead' || fail "stubs that Lua $version does not find"
    fact
done

# Values: as Lua has them, and in JSON that any reader takes.
"$cgen" --header tests/cgen/features/values.h -I. --from '*/values.h' --emit lua -o "$work/values.lua" 2>/dev/null
LUA_PATH="$work/?.lua;;" LUA_CPATH="$modules/?.so" lua5.4 tests/cgen/values.lua || fail 'a value in Lua'
fact
LUA_PATH="$work/?.lua;;" LUA_CPATH="${modules}5.1/?.so" lua5.1 -e 'local values = require "values"
    assert(values.LARGEST_EXACT == 2 ^ 53 and tostring(values.INEXACT) == "9007199254740993LL")
    assert(tostring(values.NEGATIVE_INEXACT) == "-9007199254740993LL" and tostring(values.SMALLEST) == "-9223372036854775808LL")
    assert(tostring(values.UNSIGNED_INEXACT) == "9007199254740993ULL" and 1 / values.MINUS_NOTHING == -math.huge)' ||
    fail 'a value in Lua that has doubles alone'
fact
# Comments are the same where lines end as Windows' do.
sed 's/$/\r/' tests/cgen/features/comments.h >"$work/comments.h"
"$cgen" --header "$work/comments.h" --emit json | grep -v 'made by' | sed "s|$work|./tests/cgen/features|" >"$work/out"
grep -v 'made by' tests/cgen/features/comments.json | diff -u - "$work/out" || fail "comments in lines that end as Windows'"
fact
printf '/* one\r two */\nint carriage(void);\n' >"$work/carriage.h"
"$cgen" --header "$work/carriage.h" --emit lua >"$work/carriage.lua"
LUA_PATH="$work/?.lua;;" LUA_CPATH="$modules/?.so" lua5.4 -e "require 'carriage'" || fail 'a line of a comment is one of Lua'
fact
# A backslash joins lines of comments, too.
printf '#define ONE 1 /* two li\\\nnes */\n#define TWO 2 // that are \\\r\njoined\n/* as \\\n are these */\nint joined(void);\n' >"$work/joined.h"
"$cgen" --header "$work/joined.h" --emit json 2>/dev/null | grep -o '"comment": "[^"]*"' >"$work/joined"
printf '"comment": "%s"\n' 'two lines' 'that are joined' 'as  are these' | diff - "$work/joined" || fail 'a comment whose lines a backslash joins'
fact
# And those above a macro; what is joined to another's is that one's.
printf '// first \\\nsecond\n#define ONE 1\n#define TWO 2 // that are \\\r\n// joined\n#define THREE 3\n// of \\\nseveral\n#define \\\nFOUR 4\n' >"$work/joined.h"
"$cgen" --header "$work/joined.h" --emit json 2>/dev/null | grep -o '"comment": "[^"]*"' >"$work/joined"
printf '"comment": "%s"\n' 'first second' 'that are // joined' 'of several' | diff - "$work/joined" || fail 'comments above macros, which a backslash joins'
fact
# A declaration that ends in another file than it begins has none: neither's text is all of it.
echo 'f(void); // about f' >"$work/end.h"
printf '%*s\nint\n#include "end.h"\n' 5000000 ';' >"$work/begin.h"
"$cgen" --header "$work/begin.h" --emit json >"$work/out" || fail 'a declaration that ends in another file, which is shorter'
grep -q '"name": "f"' "$work/out" && ! grep -q 'comment' "$work/out" || { cat "$work/out"; fail 'a comment in another file'; }
fact
printf '/* caf\351 \303\251 */\nint latin(void);\n' >"$work/latin.h"
"$cgen" --header "$work/latin.h" --emit json -o "$work/latin.json"
python3 -c 'import json, sys
def whole(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)
for path in sys.argv[1:]: json.load(open(path, encoding="utf-8"), object_pairs_hook=whole, parse_constant=0)
assert json.load(open(sys.argv[1]))["items"][0]["comment"] == "caf\u00e9 \u00e9"' "$work"/latin.json tests/cgen/features/*.json ||
    fail 'JSON that is none, or has a key twice'
fact

# GCC's way to say who frees a result is an error of clang's, and of no header's.
cat >"$work/freed.h" <<END
void put_back(void *p);
void *get(int n) __attribute__((malloc(put_back, 1)));
void *take(int n) __attribute__((__malloc__(put_back)));
END
"$cgen" --header "$work/freed.h" >"$work/out" 2>"$work/err" || { cat "$work/err"; fail "GCC's malloc attribute"; }
[ "$(grep -c '^[gt].*	void \*(int)$' "$work/out")" -eq 2 ] && [ ! -s "$work/err" ] || { cat "$work/out" "$work/err"; fail 'functions of that attribute'; }
fact
echo 'void *get(int n) __attribute__((malloc, aligned("a")));' >>"$work/freed.h"
refuses 1 'freed.h:4:49: error: ' --header "$work/freed.h"

# What can't be bound is reported, with its place and the reason.
printf 'struct hidden;\nvoid take(struct hidden h);\nint other;\nstatic const char *const own[] = {"a"};\nstruct {\n    int a;\n} nameless(void);\n' >"$work/hidden.h"
"$cgen" --header "$work/hidden.h" --emit cdef >"$work/out" 2>"$work/err"
grep -q 'hidden.h:2:6: skipped: take: it passes a struct that is not defined' "$work/err" || fail 'a silent skip'
grep -q 'hidden.h:4:26: skipped: own: it has no symbol, and no value' "$work/err" || fail "a header's own variable is skipped silently"
grep -q 'hidden.h:7:3: skipped: nameless: it passes a struct that has no name' "$work/err" || fail 'a result without a name'
fact
printf 'static int unknown(int x);\nint known;\n' >"$work/bodiless.h"
"$cgen" --header "$work/bodiless.h" --emit json >"$work/out" 2>"$work/err"
grep -q 'bodiless.h:1:12: skipped: unknown: it is static, and has no body' "$work/err" || fail 'a function without a body and a symbol'
fact
cat >"$work/windows.h" <<END
int __attribute__((ms_abi)) call(int a);
int __attribute__((sysv_abi)) plain(int a);
int give(int (__attribute__((ms_abi)) *f)(int a));
END
"$cgen" --header "$work/windows.h" >"$work/out" 2>"$work/err"
[ "$(grep -c '^plain	' "$work/out")" -eq 1 ] && [ "$(grep -c ': it is called in another way' "$work/err")" -eq 2 ] ||
    { cat "$work/out" "$work/err"; fail "Windows' functions"; }
fact
# What C has no name for is bytes in a struct, and nothing by itself.
cat >"$work/unknown.h" <<END
typedef _BitInt(17) narrow;
struct holder { char first; narrow unknown[2]; char last; };
struct holder *look(struct holder *at);
int take(narrow n);
int pass(struct holder by);
int call(void (*with)(narrow *n));
extern narrow nowhere;
END
"$cgen" --header "$work/unknown.h" --emit cdef,c -o "$work/unknown/" 2>"$work/err"
cat <<END | diff -u - "$work/err" || fail 'a type that C does not know'
$work/unknown.h:1:21: skipped: narrow: it has a type that C does not know, '_BitInt(17)'
$work/unknown.h:2:8: skipped: holder: its field 'unknown' is bytes: it has a type that C does not know, '_BitInt(17)'
$work/unknown.h:4:5: skipped: take: it has a type that C does not know, '_BitInt(17)'
$work/unknown.h:5:5: skipped: pass: it passes a struct that has a field that C does not know
$work/unknown.h:6:5: skipped: call: it has a type that C does not know, '_BitInt(17)'
$work/unknown.h:7:15: skipped: nowhere: it has a type that C does not know, '_BitInt(17)'
END
sh tests/cgen/layouts.sh "$reads" "$work/unknown/unknown.cdef" "$work/unknown/unknown_stubs.c" || fail 'layouts with bytes'
fact
# Bits of it only pad, and all else is where it was. What has such a struct in it has such a field itself.
cat >"$work/unknown.h" <<END
struct bits { int a : 20; _BitInt(17) x : 15; int b : 17; _BitInt(60) y : 50; char last; };
union both { unsigned _BitInt(100) x : 90; char first; };
union packed { _BitInt(17) x : 17; char first; } __attribute__((packed));
struct loose { char first; _BitInt(100) x : 90; unsigned b : 5; _BitInt(100) y : 90; };
struct aligns { char first; _BitInt(17) : 0; char last; _BitInt(9) : 3; };
typedef struct { _BitInt(9) x : 5, : 2; int a : 20, b : 20; } named;
struct outer { struct { char first; _BitInt(17) x; } in; union { _BitInt(9) u; int v; }; };
struct around { struct bits in[2]; int last; };
void look(struct bits *, union both *, union packed *, struct loose *, named *, struct outer *, struct around *);
int pass(struct around by);
int padded(struct aligns *by);
END
"$cgen" --header "$work/unknown.h" --emit cdef,c -o "$work/unknown/" 2>"$work/err"
cat <<END | diff -u - "$work/err" || fail 'bits of a type that C does not know'
$work/unknown.h:1:8: skipped: bits: its field 'x' only pads: it has a type that C does not know, '_BitInt(17)'; its field 'y' only pads: it has a type that C does not know, '_BitInt(60)'
$work/unknown.h:2:7: skipped: both: its field 'x' only pads: it has a type that C does not know, 'unsigned _BitInt(100)'
$work/unknown.h:3:7: skipped: packed: its field 'x' only pads: it has a type that C does not know, '_BitInt(17)'
$work/unknown.h:4:8: skipped: loose: its field 'x' only pads: it has a type that C does not know, '_BitInt(100)'; its field 'y' only pads: it has a type that C does not know, '_BitInt(100)'
$work/unknown.h:6:63: skipped: named: its field 'x' only pads: it has a type that C does not know, '_BitInt(9)'
$work/unknown.h:7:8: skipped: outer: its field 'in' has a field that C does not know; a member without a name has a field that C does not know
$work/unknown.h:8:8: skipped: around: its field 'in' has a field that C does not know
$work/unknown.h:10:5: skipped: pass: it passes a struct that has a field that C does not know
END
clang -Wall -Werror -I. -fsyntax-only "$work/unknown/unknown_stubs.c" || fail 'stubs with bits that pad'
sh tests/cgen/layouts.sh "$reads" "$work/unknown/unknown.cdef" "$work/unknown/unknown_stubs.c" || fail 'layouts with bits that pad'
gcc -fsyntax-only -Wall -Werror -x c "$work/unknown/unknown.cdef" || fail 'gcc refuses bits that pad'
fact
# A function may have any name.
printf 'int f(int frame, ...);\nint frame(int f);\n' >"$work/short.h"
"$cgen" --header "$work/short.h" --emit c -o "$work/short/"
for cc in $compilers; do
    $cc -Wall -Werror -I. -c "$work/short/short_stubs.c" -o "$work/short.o" || fail "$cc refuses functions with short names"
    fact
done
# Types that have a name by way of an array or a pointer alone.
cat >"$work/behind.h" <<END
typedef struct { int a; } four[4];
typedef struct { int a; } __attribute__((aligned(16))) *aligned;
void pass(four by, const four constant, aligned at);
struct { int a; } *none(void);
static inline struct { int a; } *in_line(void) {
    return 0;
}
extern struct { int a; } place;
#define PLACE (&place)
END
"$cgen" --header "$work/behind.h" --emit cdef,c -o "$work/behind/"
for cc in $compilers; do
    $cc -Wall -Werror -I. -c "$work/behind/behind_stubs.c" -o "$work/behind.o" || fail "$cc refuses what is behind a name"
    fact
done
sh tests/cgen/layouts.sh "$reads" "$work/behind/behind.cdef" "$work/behind/behind_stubs.c" || fail 'layouts behind a name'
fact

[ "$("$cgen" --version)" = "cgen $(sed -n 's/^Version: //p' callgate.pc.in)" ] || fail "the version is not the package's"
fact
"$cgen" --help >"$work/out" && grep -q '^usage: cgen --header FILE' "$work/out" || fail '--help'
fact
"$cgen" --header zlib.h --match 'crc*' --exclude '*_combine*' >"$work/out"
grep -q '^crc32	' "$work/out" && ! grep -q '^crc32_combine' "$work/out" || fail 'what is excluded is there'
fact
# So are an enum's constants, which leaves it the integer that it was; and an enum, but for one that something else needs.
cat >"$work/enums.h" <<END
enum color { RED, GREEN = 5 };
typedef enum { UNUSED } unused;
enum { ALONE = 7 };
enum sign { NEGATIVE = -1, POSITIVE = 1 };
enum color paint(enum color color, enum sign sign);
END
excludes() {
    pattern=$1
    shift
    for form in cdef json lua; do
        "$cgen" --header "$work/enums.h" --exclude "$pattern" --emit $form | grep -v 'made by' >"$work/out"
        for word; do ! grep -q "\<$word\>" "$work/out" || fail "$word is there, as $form, although $pattern is excluded"; done
        grep -q '\<GREEN\>' "$work/out" || fail "an enum is gone, as $form, that is needed"
        fact
    done
}
excludes RED RED
excludes unused unused UNUSED
excludes ALONE ALONE
excludes color
excludes NEGATIVE NEGATIVE
"$cgen" --header "$work/enums.h" --exclude NEGATIVE --emit cdef | grep -q 'paint(enum color color, int sign)' || fail 'an enum without its sign'
fact
# One that is needed, and has no constant left, is that integer, too.
"$cgen" --header "$work/enums.h" --exclude RED --exclude GREEN --emit cdef >"$work/out"
grep -q 'unsigned int paint(unsigned int color,' "$work/out" || { cat "$work/out"; fail 'an enum without constants'; }
fact
[ "$("$cgen" --header zlib.h --match zError --emit cdef | grep -c .)" -eq 2 ] || fail 'what nobody uses is declared'
fact

# --help is what cgen knows itself: the manual has the same options, with the same values, and ends in the same ways; and what
# the README speaks of is there.
"$cgen" --help | awk '/^  -/ { print $1 ($2 ~ /^[A-Z]/ ? " " $2 : "") }' | sort >"$work/helped"
sed -n '/^\.SH OPTIONS/,/^\.SH CONFIG/p' cgen/cgen.1 | grep -A 1 '^\.TP' | sed -n 's/^\.BI* \\-/-/p' |
    sed 's/\\f.//g; s/[\\"]//g; s/  / /' | sort >"$work/manual"
diff -u "$work/helped" "$work/manual" || fail 'the manual has other options than --help'
[ "$(wc -l <"$work/manual")" -ge 18 ] || { cat "$work/manual"; fail 'nobody finds the options'; }
fact
"$cgen" --help | tr '\n' ' ' | sed 's/.*Exits with \(.*\)\. *$/\1/' >"$work/helped.ends"
sed -n '/^\.SH EXIT STATUS/,/^\.SH EXAMPLES/p' cgen/cgen.1 | grep -v '^\.' | tr '\n' ' ' | sed 's/\. *$//' >"$work/manual.ends"
diff -u "$work/helped.ends" "$work/manual.ends" || fail 'the manual ends otherwise than --help'
fact
for option in $(grep -v '^\$ cc ' cgen/README.md | grep -oE -- '[^a-z-]--[a-z][a-z-]*' | cut -c 2- | sort -u); do
    grep -q -- "^$option\b" "$work/helped" || fail "the README has an option $option"
done
fact

mkdir "$work/include"
printf '#ifdef WITH\nint with(void);\n#else\nint without(void);\n#endif\nint level[LEVEL];\n' >"$work/include/defined.h"
"$cgen" --header defined.h -I "$work/include" -D WITH -D LEVEL=3 --emit cdef >"$work/out" || fail '-I and -D'
grep -q '^int with(void);$' "$work/out" && grep -q 'level\[3\];$' "$work/out" && ! grep -q without "$work/out" || fail 'what is defined'
fact
refuses 1 'file not found' --header defined.h -D WITH -D LEVEL=3
"$cgen" --header tests/cgen/features/macros.h -I. --emit cdef >"$work/out" 2>"$work/err"
grep -q '^cgen: macros left out, .*: [1-9][0-9]*;' "$work/err" && ! grep -q LOOP "$work/err" || fail 'macros that are left out are not counted'
"$cgen" --header tests/cgen/features/macros.h -I. --emit cdef --verbose >"$work/out" 2>"$work/err"
grep -q 'macros.h:19:9: skipped: LOOP: it is no expression' "$work/err" || fail '--verbose does not name them'
fact
# What may be several arguments is no function of C's comma operator, unless a config says so.
for name in BOTH OF_BOTH; do
    grep -q "skipped: $name: what it stands for may be several arguments" "$work/err" && ! grep -q "\<$name\>" "$work/out" || fail "$name is a function"
    fact
done
"$cgen" --header tests/cgen/features/macros.h -I. --match MARK --emit cdef 2>/dev/null | grep -q '^} mark;$' || fail "what a macro's type needs is not declared"
fact
"$cgen" --header tests/cgen/features/macros.h -I. --match OF_BOTH --emit cdef 2>/dev/null | grep -q 'OF_BOTH(' &&
    fail "OF_BOTH is a function, if BOTH is not asked for"
printf '[macro BOTH]\ntype = int (long)\n' >"$work/both.conf"
"$cgen" --header tests/cgen/features/macros.h -I. --match BOTH --config "$work/both.conf" --emit cdef | grep -q '^int BOTH(long x)' ||
    fail "a config's list"
fact
"$cgen" --header zlib.h --match zError --emit h -o "$work/alone.h"
grep -q '^struct gate_args_zError {' "$work/alone.h" || fail 'the header of stubs alone'
fact

# The same each time, with the command that made it, and as somebody would write it.
mkdir "$work/first" "$work/second"
for which in first second; do
    "$cgen" --header tests/cgen/calls.h -I. --from '*/calls.h' --config tests/cgen/calls.conf \
        --emit signatures,cdef,json,c,lua,exports -o "$work/$which/" 2>/dev/null
    sed -i "s|/$which/|/it/|" "$work/$which"/*
done
diff -r "$work/first" "$work/second" || fail 'an output is another each time'
grep -q 'GATE_INLINE_CALL(LEAF, direct, 2, 0, long, double);' "$work/first/calls_stubs.h" || fail 'the inline caller of a leaf'
fact
# A call in line is of no other class; and the caller extends what is small.
caller_of() {
    sed -n "/^static inline .* gate_caller_$1(/,/^}/p" "$work/first/calls_stubs.h"
}
caller_of fail_with | grep -q GATE_CALL_DIRECT && ! caller_of fail_with | grep -q GATE_INLINE_CALL || fail 'the inline caller of what blocks'
caller_of store | grep -q 'GATE_INLINE_WORD(1, int, p1);' || fail 'a small argument of an inline caller'
fact
for file in "$work/first"/*; do
    head -n 1 "$file" | grep -q "made by\"*: \"*cgen --header tests/cgen/calls.h .* -o .*/it/" || fail "nobody says who made $file"
    ! grep -n '[[:blank:]]$' "$file" || fail "blanks at ends of lines in $file"
    [ -z "$(tail -c 1 "$file")" ] || fail "$file does not end with a line"
    fact
done
for file in "$work/first"/*.[ch]; do
    clang-format --style='{BasedOnStyle: LLVM, IndentWidth: 4, ColumnLimit: 0, AllowShortFunctionsOnASingleLine: None,
        SortIncludes: Never}' "$file" | sed 's/ & \([a-z_]*)\)/\&\1/' >"$work/out"
    diff -b "$file" "$work/out" || fail "$file is badly formatted"
    fact
done

# What attributes say, in words beside a module's functions and the stubs; a macro's numbers.
for form in lua h; do
    "$cgen" --header tests/cgen/features/attributes.h -I. --from '*/attributes.h' --emit $form >"$work/out" 2>/dev/null
    "$cgen" --header tests/cgen/features/ownership.h -I. --from '*/ownership.h' --emit $form >>"$work/out" 2>/dev/null
    for words in 'parameter 2 is never NULL' 'may be NULL' 'is deprecated' "is the caller's to free" "what is the function's from then on"; do
        grep -qF "$words" "$work/out" || fail "as $form nobody says what $words"
    done
    fact
done
macros='--header tests/cgen/features/macros.h -I. --match TWICE'
"$cgen" $macros --emit lua | grep -q 'in C it takes any numbers' || fail 'nobody says that a macro takes any number'
printf '[macro TWICE]\ntype = double (double)\n' >"$work/doubles.conf"
"$cgen" $macros --config "$work/doubles.conf" --emit lua >"$work/out"
grep -q 'double TWICE(double' "$work/out" && ! grep -q 'any numbers' "$work/out" || fail "a config's numbers"
fact

echo precious >"$work/precious"
refuses 1 'was not made by cgen' --header zlib.h -o "$work/precious"
grep -q precious "$work/precious" || fail 'a file of somebody else is gone'
mkfifo "$work/pipe"
refuses 1 'pipe: exists, and was not made by cgen' --header zlib.h -o "$work/pipe"
# Where one can't be written, none is; a link stays one, and leads to what was made.
mkdir "$work/some" "$work/linked"
echo precious >"$work/some/zlib_stubs.c"
refuses 1 'zlib_stubs.c: exists, and was not made by cgen' --header zlib.h --emit cdef,json,c -o "$work/some"
[ "$(ls -A "$work/some")" = zlib_stubs.c ] || fail 'some outputs are written where others are refused'
ln -s ../linked/real.cdef "$work/some/link.cdef"
refuses 1 'link.cdef: is a link to what does not exist' --header zlib.h --emit cdef -o "$work/some/link.cdef"
echo '// made by: cgen' >"$work/linked/real.cdef"
"$cgen" --header zlib.h --match zError --emit cdef -o "$work/some/link.cdef"
[ -L "$work/some/link.cdef" ] && grep -q zError "$work/linked/real.cdef" || fail 'a link is replaced'
echo precious >"$work/linked/real.cdef"
refuses 1 'link.cdef: exists, and was not made by cgen' --header zlib.h --emit cdef -o "$work/some/link.cdef"
grep -q precious "$work/linked/real.cdef" || fail 'a file of somebody else is gone, by a link'
# Whoever is ended while it writes ends when that is done.
cat >"$work/ending.c" <<END
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
int mkstemp(char *path) {
    int fd = ((int (*)(char *))dlsym(RTLD_NEXT, "mkstemp"))(path);
    raise(SIGTERM);
    return fd;
}
END
gcc -shared -fPIC "$work/ending.c" -o "$work/ending.so"
mkdir "$work/ended"
status=0
ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$work/ending.so "$cgen" --header zlib.h --emit cdef,json -o "$work/ended" 2>"$work/err" || status=$?
[ "$status" -eq 143 ] || { cat "$work/err"; fail "who is ended ends with $status"; }
[ "$(ls -A "$work/ended" | tr '\n' ' ')" = 'zlib.cdef zlib.json ' ] || fail 'whoever is ended leaves other files'
fact
# Where one can't take its place, those before it give theirs back.
cat >"$work/barring.c" <<END
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
int mkstemp(char *path) {
    char place[4096];
    snprintf(place, sizeof place, "%s", path);
    *strrchr(place, '.') = '\\0';
    if (strstr(place, ".json"))
        mkdir(place, 0777);
    return ((int (*)(char *))dlsym(RTLD_NEXT, "mkstemp"))(path);
}
END
gcc -shared -fPIC "$work/barring.c" -o "$work/barring.so"
mkdir "$work/barred"
echo '// made by: cgen, before' >"$work/barred/zlib.cdef"
status=0
ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$work/barring.so "$cgen" --header zlib.h --emit cdef,lua,json,c -o "$work/barred" 2>"$work/err" || status=$?
[ "$status" -eq 1 ] && grep -q 'zlib.json: Is a directory' "$work/err" || { cat "$work/err"; fail 'what is barred is written'; }
[ "$(ls -A "$work/barred" | tr '\n' ' ')" = 'zlib.cdef zlib.json ' ] || { ls -A "$work/barred"; fail 'some outputs took their places where another could not'; }
grep -q before "$work/barred/zlib.cdef" || fail 'what was there is gone, and one output could not be written'
rmdir "$work/barred/zlib.json"
"$cgen" --header zlib.h --match zError --emit cdef,json -o "$work/barred"
[ "$(ls -A "$work/barred" | tr '\n' ' ')" = 'zlib.cdef zlib.json ' ] && grep -q zError "$work/barred/zlib.cdef" || fail 'what was there is there, or beside it'
fact
refuses 1 "nothing in zlib.h matches 'nothing\*'" --header zlib.h --match 'nothing*'
# Also where others are matched, by a function, a macro, an enum's constant.
refuses 1 "nothing in zlib.h is excluded by 'nothing\*'" --header zlib.h --exclude deflate --exclude 'nothing*'
refuses 1 "nothing in $work/enums.h is excluded by 'GRENE'" --header "$work/enums.h" --exclude RED --exclude GRENE
"$cgen" --header zlib.h --exclude 'crc32_*' --exclude crc32_combine --exclude Z_FINISH --exclude deflateInit >"$work/out" 2>"$work/err" ||
    { cat "$work/err"; fail 'what two patterns exclude, and macros'; }
fact
# A name that other systems have is in what is checked alone.
printf 'int plain(int);\nint theirs(int);\n' >"$work/theirs.h"
"$cgen" check --header "$work/named.h" --exclude theirs --exclude MACRO "$work/theirs.h" >"$work/out" || fail 'what only a file has is excluded'
fact
refuses 1 "nothing in the headers or the files is excluded by 'nobodys'" check --header "$work/named.h" --exclude theirs \
    --exclude nobodys "$work/theirs.h"
refuses 1 "no file is read that matches '\*/nowhere.h'" --header zlib.h --from '*/zlib.h' --from '*/nowhere.h'
# A file that is found by a relative folder is one of any folder, and one of that.
mkdir -p "$work/here/include"
echo 'int placed(int);' >"$work/here/include/placed.h"
absolute=$(realpath "$cgen")
asks_here() {
    (cd "$work/here/$1" && "$absolute" --header placed.h -I "$2" --from "$3" 2>&1 | grep -q '^placed') || fail "--from $3 is not -I $2"
    fact
}
for pattern in '*/placed.h' '*/include/*' 'include/*' './include/*'; do
    asks_here . include "$pattern"
done
for pattern in '*/placed.h' 'placed.h' './placed.h'; do
    asks_here include . "$pattern"
done
echo '#include <zlib.h>' >"$work/all.h"
"$cgen" --header "$work/all.h" --from '*/all.h' --from '*/zlib.h' >"$work/out" || fail 'a file that declares nothing'
fact
refuses 1 "^cgen: fatal error: 'no-such-header.h' file not found" --header no-such-header.h
refuses 1 'No such file or directory' --header zlib.h -o "$work/no/such/folder"
echo 'int f(unknown_name);' >"$work/bad.h"
refuses 1 'bad.h:1:7: error: ' --header "$work/bad.h"
refuses 1 'bad.h:1:7: error: ' --header "$work/bad.h" --emit c,cdef,json,lua -o "$work/nothing/"
[ ! -e "$work/nothing" ] || fail 'a header that does not compile leaves files'
refuses 2 'no --header was given' --match x
refuses 2 "not understood: '--nonsense'" --nonsense
refuses 2 "a value is missing behind '--header'" --header
refuses 2 "no form of output is called 'xml'" --header zlib.h --emit xml
refuses 2 "no form of output is called ''" --header zlib.h --emit ''
refuses 2 "no form of output is called ','" --header zlib.h --emit ,
refuses 2 "-o is a file or a folder, not ''" --header zlib.h -o ''
refuses 2 'no file was given to check, nor a --library' check --header zlib.h
refuses 1 'nowhere.lua: No such file or directory' check --header zlib.h nowhere.lua
refuses 2 'several forms need a folder' --header zlib.h --emit cdef,json
refuses 1 "$work/bad.h/.*: Not a directory" --header zlib.h --emit cdef,json -o "$work/bad.h"
refuses 2 'check writes nothing' check --header zlib.h --emit cdef "$work/bad.h"
refuses 2 'check writes nothing' check --header zlib.h -o "$work/nothing" "$work/bad.h"
refuses 1 "pkg-config does not know 'no-such-package'" --header zlib.h --pkg no-such-package
refuses 2 "no package is called '; echo'" --header zlib.h --pkg '; echo'

# Control characters are kept.
printf '%s\n' '#define ESCAPE "a\r\n\x1b[0m\0011"' >"$work/escape.h"
"$cgen" --header "$work/escape.h" --library c --emit lua,json --name escape -o "$work/"
python3 -c 'import json, sys
assert [item["value"] for item in json.load(open(sys.argv[1]))["items"]] == ["a\r\n\x1b[0m\x011"]' "$work/escape.json" ||
    fail 'a control character is lost in JSON'
LUA_CPATH="$modules/?.so" lua5.4 -e 'assert(dofile(arg[1]).ESCAPE == "a\r\n\27[0m\0011")' - "$work/escape.lua" </dev/null ||
    fail 'a control character is lost in Lua'
fact

# A full disk is named, and leaves nothing.
if "$cgen" --header zlib.h >/dev/full 2>"$work/err"; then fail 'a full disk goes unnoticed'; fi
grep -q 'No space left on device' "$work/err" || fail 'a full disk is not named'
fact
if (ulimit -f 1; trap '' XFSZ; exec "$cgen" --header sqlite3.h --emit cdef -o "$work/large") 2>"$work/err"; then
    fail 'a file that was cut goes unnoticed'
fi
[ -z "$(find "$work" -name 'large*')" ] || fail 'half a file is left'
fact
echo '// made by: cgen, whole' >"$work/large"
if (ulimit -f 1; trap '' XFSZ; exec "$cgen" --header sqlite3.h --emit cdef -o "$work/large") 2>"$work/err"; then
    fail 'a file that was cut goes unnoticed where one was'
fi
mkdir "$work/full"
if (ulimit -f 1; trap '' XFSZ; exec "$cgen" --header zlib.h --match zError --emit cdef,lua -o "$work/full/") 2>"$work/err"; then
    fail 'one of several files that was cut goes unnoticed'
fi
[ -z "$(ls -A "$work/full")" ] || fail 'one of several files is left without the others'
fact
grep -q 'whole' "$work/large" && [ "$(find "$work" -name 'large*' | wc -l)" -eq 1 ] || fail 'what was whole is gone'
fact

echo "$passed passed, 0 failed"
