#!/bin/sh
# What `cgen check` takes for the same, and what for a mistake; which files it reads, and which libraries.
#
#   check.sh CGEN
#
# SPDX-License-Identifier: MIT
. tests/cgen/facts.sh

cgen=$(realpath "$1")

# What is given to it is right; $1 says what that is.
accepts() {
    what=$1
    shift
    "$cgen" check "$@" >"$work/out" 2>"$work/err" || { cat "$work/err"; fail "$what"; }
}

# It is wrong, and $2 is among what is said of it.
complains() {
    what=$1 words=$2
    shift 2
    ! "$cgen" check "$@" >"$work/out" 2>"$work/err" || fail "$what is right"
    grep -q "$words" "$work/err" || { cat "$work/err"; fail "$what"; }
}

# Of a header with the text $1 what is written by hand in $2 is right.
agrees() {
    printf '%s\n' "$1" >"$work/some.h"
    printf '%s\n' "$2" >"$work/by_hand.h"
    accepts "not '$2' for '$1'" --header "$work/some.h" "$work/by_hand.h"
    fact
}

# It is wrong, and $3 is the first mistake.
differs() {
    printf '%s\n' "$1" >"$work/some.h"
    printf '%s\n' "$2" >"$work/by_hand.h"
    ! "$cgen" check --header "$work/some.h" "$work/by_hand.h" >"$work/out" 2>"$work/err" || fail "'$2' for '$1'"
    head -n 1 "$work/err" | sed 's/^[^ ]* error: //' >"$work/first"
    echo "$3" | diff -u - "$work/first" || fail "another mistake in '$2'"
    fact
}

# Either may be the header.
agree() {
    agrees "$1" "$2"
    agrees "$2" "$1"
}

# Types: what makes no other call is no mistake.
agree 'void f(void *p);' 'void f(struct any *p);'
agree 'int f(int (*g)(void *p));' 'int f(int (*g)(const int *p));'
agree 'void f(char *p, signed char *q);' 'void f(const unsigned char *p, _Bool *q);'
differs 'void f(char c);' 'void f(unsigned char c);' "f: parameter 1 is 'char', not 'unsigned char'"
differs 'void f(int *p);' 'void f(unsigned *p);' "f: parameter 1 is 'int *', not 'unsigned int *'"
differs 'void f(char *p);' 'void f(short *p);' "f: parameter 1 is 'char *', not 'short *'"
differs 'void f(__int128 n);' 'void f(unsigned __int128 n);' "f: parameter 1 is '__int128', not 'unsigned __int128'"
agree 'void f(long p, unsigned long *q);' 'void f(long long p, unsigned long long *q);'
agrees 'enum e { A }; void f(enum e p, enum e *q);' 'void f(int p, int *q);'
agrees 'enum e { A }; void f(enum e p);' 'void f(unsigned p);'
differs 'enum e { A }; void f(enum e p);' 'void f(long p);' "f: parameter 1 is 'enum e', not 'long'"
differs 'enum e { A }; typedef enum e t; enum o { B };' 'enum o { B }; typedef enum o t;' "t: its type is 'enum e', not 'enum o'"
agree 'extern int t[];' 'extern int t[4];'
differs 'extern int t[2][3];' 'extern int t[2][4];' "t: its type is 'int[2][3]', not 'int[2][4]'"
agree 'void f(int (*g)());' 'void f(int (*g)(const char *));'
differs 'void f(int (*g)(char *, ...));' 'void f(int (*g)(char *));' \
    "f: parameter 1 is 'int (*)(char *, ...)', not 'int (*)(char *)'"
differs 'int f(int);' 'int f(int, ...);' 'f: it is not variadic'
differs 'void f(int ****p);' 'void f(long ****p);' "f: parameter 1 is 'int ****', not 'long ****'"

agrees 'static inline int f(int x) { return x; }' 'static inline int f(int x) { return x; }'

# Structs: a name of either sort, less than there is, names that are a language's words.
agree 'struct s { int x; }; void f(struct s *p);' 'typedef struct { int x; } s; void f(s *p);'
agree 'struct s; void f(struct s *p);' 'struct s { int x; }; void f(struct s *p);'
agrees 'struct s { int end; };' 'struct s { int end_; };'
agrees 'struct s { int _end; };' 'struct s { int end; };'
differs 'struct s { int end, end_; };' 'struct s { int end_, end; };' "s: 'end_' is at byte 4, not 0"
differs 'struct s { int end; };' 'struct s { int ends; };' "s: it has no field 'ends'"
differs 'struct s { int x; };' 'union s { int x; };' 's: it is a struct'
differs 'struct s { struct { int x, y; } in; };' 'struct s { struct { int x; } in; int after; };' "s: 'in' is of 8 bytes, not 4"
differs 'struct s { struct { int x; } in[2]; };' 'struct s { struct { float x; } in[2]; };' "s: 'in.x' is 'int', not 'float'"
agrees 'struct s { long a; int b[2]; };' 'struct s { long a; long : 64; };'

# Constants
differs '#define A "1.2"' 'static const char A[] = "1.2.3";' 'A: it is "1.2", not "1.2.3"'
differs '#define A L"ab"' 'static const int A[] = L"ac";' 'A: it is "ab", not "ac"'
differs '#define A "ab"' 'static const int A[] = L"ab";' 'A: it is "ab", not "ab"'
differs '#define A 0.1' 'static const double A = 0.10000000001;' 'A: it is 0.10000000000000001, not 0.10000000001000001'
agrees 'enum { B }; 
#define A 2
enum { A_TOO = A };' 'enum { A = 2 };'
agrees 'int f(void);
#define A' 'int f(void); enum { A = 1 };' # which has no value to compare with
agrees 'int f(void); extern const int A;' 'int f(void); enum { A = 1 };'
differs 'int f(void);' 'int f(void); enum { A = 1 };' 'A: no header declares it'

# Types that every scope knows, files know.
names=$(sed -n '/^} known/,/^};/p' bridge/scope.c | grep -oE '(NAMED|FIXED)\([a-z0-9_]+\)|"bool"' | tr -d '"()' | sed 's/^NAMED//; s/^FIXED//')
[ "$(echo "$names" | wc -l)" -ge 45 ] || fail 'nobody finds what a scope knows'
takes=$(for name in $names; do echo "void take_$name($name *of);"; done)
agrees "#define _GNU_SOURCE
$(for header in sys/types stdint stddef stdbool time wchar; do echo "#include <$header.h>"; done)
$takes" "$takes"
grep -q ": $(echo "$names" | wc -l) declarations" "$work/out" || { cat "$work/out"; fail 'some of the types that every scope knows'; }
fact
agrees '#include <stdarg.h>
int f(va_list list);' 'int f(va_list list);'

# Found is what the headers have, too, and a type that they don't have is none that is compared.
agrees 'typedef struct { int x; } t; int f(t *p); enum { A };' 'typedef struct { int x; } t; int f(t *p); enum { A }; typedef int own;'
grep -q ': 3 declarations found in the headers, 0 mistakes$' "$work/out" || { cat "$work/out"; fail 'how many declarations are found'; }
fact

# Files: empty ones, and those with odd names; a script is one by its first line, too.
printf 'int puts(const char *);\nint putchar(int);\n' >"$work/some.h"
: >"$work/empty.h"
refuses 1 "^cgen: $work/empty.h: it is empty" check --header "$work/some.h" "$work/empty.h"
printf 'long puts(const char *);' >"$work/a\\b.h"
complains 'a file with a backslash in its name' "puts: it returns 'int', not 'long'" --header "$work/some.h" "$work/a\\b.h"
fact
printf '#!/usr/bin/env lua\nrequire "ffi".cdef "long puts(const char *);"\n' >"$work/script"
complains 'a script without an ending' "script:2:26: error: puts: it returns 'int', not 'long'" --header "$work/some.h" "$work/script"
fact
# A function of the script's own is no text that is not read.
printf 'local m = {}\nfunction m.cdef(text) end\nfunction m:declare(text) end\nrequire "ffi".cdef "int puts(const char *);"\n' >"$work/own.lua"
accepts "a script's own functions" --header "$work/some.h" "$work/own.lua"
fact
# What a file includes is found beside it, from elsewhere and from there; and its last line may lack an end.
mkdir "$work/by hand"
printf 'typedef int number;\n' >"$work/by hand/number.h"
printf '#include "number.h"\nnumber puts(const char *);\n#define MINE' >"$work/by hand/first.h"
printf 'int putchar(int);' >"$work/by hand/second.h"
accepts 'what a file includes' --header "$work/some.h" "$work/by hand/first.h" "$work/by hand/second.h"
grep -q 'second.h: 1 declaration found' "$work/out" || { cat "$work/out"; fail 'what stands behind a line without an end'; }
(cd "$work/by hand" && "$cgen" check --header "$work/some.h" first.h >"$work/out" 2>"$work/err") || { cat "$work/err"; fail 'what a file includes here'; }
fact
# What could not be read is a mistake where all else is right.
printf 'local ffi = require "ffi"\nffi.cdef "int puts(const char *);"\nffi.cdef(text)\n' >"$work/half.lua"
! "$cgen" check --header "$work/some.h" "$work/half.lua" >"$work/out" 2>"$work/err" || fail 'a script that is half read is right'
grep -q 'half.lua: 1 declaration found in the headers, 0 mistakes' "$work/out" || { cat "$work/out"; fail 'a script that is half read'; }
fact

# Libraries: of a package's each that has debug information, where a script for the linker is none; a mistake is one wherever it
# is. Of types with one name one that agrees is enough.
printf 'enum first { WORTH = 1 } first;\nstruct node { int x; };\nint one(struct node *of) { return of->x; }\n' >"$work/one.c"
printf 'enum second { WORTH = 2 } second;\nstruct node { long x; };\nlong two(struct node *of) { return of->x; }\n' >"$work/two.c"
printf 'int three(int a) { return a; }\n' >"$work/three.c"
printf 'struct node { long x; };\nint one(struct node *of);\nlong two(struct node *of);\nint three(int a);\nenum second { WORTH = 2 };\n' >"$work/some.h"
gcc -g -shared -fPIC "$work/one.c" "$work/two.c" -o "$work/libpair.so"
gcc -g -shared -fPIC "$work/three.c" -o "$work/libthree.so"
echo 'INPUT(-lpair)' >"$work/libscript.so"
printf 'Name: all\nDescription: all\nVersion: 1\nLibs: -L%s -lscript -lpair -lthree\n' "$work" >"$work/all.pc"
export PKG_CONFIG_PATH="$work"
accepts 'two types of one name' --header "$work/some.h" --pkg all
[ "$(grep -c ', 0 mistakes$' "$work/out")" -eq 2 ] || { cat "$work/out"; fail "a package's libraries"; }
fact
# A library by its name, or its file's, in a folder.
for library in three libthree.so; do
    accepts "--library $library" --header "$work/some.h" -L "$work" --library $library
    grep -q "1 declaration found in $work/libthree.so, 0 mistakes" "$work/out" || { cat "$work/out"; fail "what --library $library is"; }
    fact
done
sed -i 's/int three(int/int three(long/' "$work/some.h"
! "$cgen" check --header "$work/some.h" --pkg all >"$work/out" 2>"$work/err" || fail "a package's last library"
fact
! "$cgen" check --header "$work/some.h" --pkg all "$work/some.h" >"$work/out" 2>"$work/err" || fail 'what only a library says otherwise is right'
grep -q "some.h:4:5: error: three: parameter 1 is 'int', not 'long'" "$work/err" && grep -q 'found in the headers, 0 mistakes' "$work/out" ||
    { cat "$work/out" "$work/err"; fail 'what only a library says otherwise'; }
fact

echo "$passed passed, 0 failed"
