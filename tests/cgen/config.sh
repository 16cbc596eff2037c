#!/bin/sh
# What a config says is done, and what is wrong in one is an error at its place.
#
#   config.sh CGEN
#
# SPDX-License-Identifier: MIT
. tests/cgen/facts.sh

cgen=$1
config=$work/some.conf
cat >"$work/some.h" <<'END'
struct pair { int a; double b; };
int first(int a);
int second(struct pair *of);
static inline int third(int a) { return a; }
enum color { RED, GREEN };
#define LIMIT 10
#define MAKE(a, b) ((a) * 10 + (b))
#define NEXT(a) ((a) + 1)
#define LOOP(a) do { } while (a)
#define EMPTY(a)
#define NONE() LIMIT
void *taken(void) __attribute__((malloc));
END

# The config with the text $1 is an error at the line and column $2 that says $3.
is_wrong() {
    printf "$1" >"$config"
    refuses 1 "^$config:$2: error: .*$3" --header "$work/some.h" --config "$config" --emit json
}

# The output of the form $2, with the config $1, has the words $3.
says() {
    printf "$1" >"$config"
    "$cgen" --header "$work/some.h" --config "$config" --emit "$2" >"$work/out" 2>"$work/err" ||
        { cat "$work/err"; fail "cgen refuses $1"; }
    grep -q -- "$3" "$work/out" || { cat "$work/out"; fail "$1 does not lead to $3"; }
    fact
}

says '[function first]\nowner = nobody\n' json '"owner": "nobody"'
says '[function first]\nowner = nobody\n' lua 'its owner is nobody'
says '[function taken]\nowner = first\n' lua '-- its owner is first$'
says '  [ function\tfirst ]  \r\n\tclass=leaf\r\n# all\n\n' json '"class": "leaf"'
says '[function first]\nskip = no\n' cdef '^int first('
says '[function first]\nrename = second\n[function second]\nrename = first\n' lua '\["second"\] = {"first"'
says '[function first]\nskip = yes\nrename = second\n' cdef '^int second('
says '[macro MAKE]\ntype = double (double, int)\n' cdef '^double MAKE(double'
printf '[function first]\nskip = yes\n' >"$config"
"$cgen" --header "$work/some.h" --config "$config" >"$work/out" 2>/dev/null
! grep -q first "$work/out" && grep -q second "$work/out" || fail 'what is skipped is there, or what is not is gone'
fact
long=$(printf '%3000s' '' | tr ' ' x)
says "[function first]\nowner = $long\n" json "$long"

# A config is for all of a library, although a part of it is asked for.
printf '[function first]\nclass = leaf\n[macro MAKE]\ntype = int (int, int)\n[function MAKE]\nclass = leaf\n' >"$config"
"$cgen" --header "$work/some.h" --config "$config" --match second >"$work/out" 2>"$work/err" ||
    { cat "$work/err"; fail 'a config of what is not asked for'; }
fact

is_wrong '# one\n[function first]\nclass = fast\n' 3:9 "no class is called 'fast'"
is_wrong '[function first]\n  skip =  true\n' 2:11 "yes or no, not 'true'"
is_wrong '[function first]\nrename = 2nd\n' 2:10 "'2nd' is no name in C"
is_wrong '[function first]\nrename = a"b\n' 2:10 'is no name in C'
is_wrong '[function first]\nowner = a */ b\n' 2:11 'would end the comment'
is_wrong '[function first]\nrename =\n' 2:1 'a setting has no value'
is_wrong '[function first]\nrename\n' 2:1 'a setting has no value'
is_wrong '[function first]\n type = int\n' 2:2 "there is no setting here called 'type'"
is_wrong 'class = leaf\n' 1:1 "there is no setting here called 'class'"
is_wrong '[function first]\nclass = leaf\nclass = leaf\n' 3:1 "the 'class' is said already, in line 2"
is_wrong '[function first]\n\n[function first]\n' 3:11 "the function 'first' has a section already, $config:1"
is_wrong '[fun first]\n' 1:2 "no section is called 'fun'"
is_wrong '[function first\n' 1:1 "no ']' at its end"
is_wrong '[function first] x\n' 1:1 "no ']' at its end"
is_wrong '[function]\n' 1:10 "'' is no name in C"
is_wrong '[function one two]\n' 1:11 "'one two' is no name in C"
is_wrong '[function first]\nowner = a\000b\n' 2:10 'a NUL'
is_wrong '[function fourth]\n' 1:11 'no header has a function called'
is_wrong '[function LIMIT]\n' 1:11 'no header has a function called'
is_wrong '[function first]\nrename = second\n' 2:10 "another has the name 'second'"
is_wrong '[function first]\nrename = GREEN\n' 2:10 "another has the name 'GREEN'"
is_wrong '[function first]\nrename = LIMIT\n' 2:10 "another has the name 'LIMIT'"
is_wrong '[function first]\nrename = x\n[function second]\nrename = x\n' 4:10 "another has the name 'x'"
is_wrong '[macro FIRST]\ntype = int (int)\n' 1:8 'no header has a macro with arguments called'
is_wrong '[macro LIMIT]\ntype = int (int)\n' 1:8 'no header has a macro with arguments called'
is_wrong '[macro MAKE]\n' 1:8 "the macro 'MAKE' has no type"
is_wrong '[macro MAKE]\ntype = int (unknown, int)\n' 2:8 "MAKE: its type does not compile: 'int (unknown, int)'"
is_wrong '[macro MAKE]\ntype = int (int)\n' 2:8 "MAKE: its type is not that of a function with 2 parameters: 'int (int)'"
is_wrong '[macro NEXT]\ntype = int (void)\n' 2:8 "NEXT: its type is not that of a function with 1 parameter: 'int (void)'"
is_wrong '[macro MAKE]\ntype = int (int, int, ...)\n' 2:8 'not that of a function with 2 parameters'
is_wrong '[macro MAKE]\ntype = int (char *, int)\n' 2:8 "MAKE: it does not compile as 'int (char \*, int)'"
is_wrong '[macro NONE]\ntype = int ()\n' 2:8 'not that of a function with 0 parameters'
is_wrong '[macro LOOP]\ntype = void (int)\n' 2:8 'LOOP: it is no expression'
is_wrong '[macro EMPTY]\ntype = void (int)\n' 1:8 'EMPTY'
is_wrong '[export on_row]\n' 1:9 "the export 'on_row' has no type"
is_wrong '[export on_row]\ntype = int (int, ...)\n' 2:8 'no handler gets any number of arguments'
is_wrong '[export on_row]\ntype = int ()\n' 2:8 'does not say its parameters'
is_wrong '[export on_row]\ntype = int\n' 2:8 "its type is not a function's"
is_wrong '[export on_row]\ntype = int (struct none { int a; } *)\n' 2:25 "there is no '{' in a function's type"
for byte in '"' "'" '#' ';' '}' /; do
    is_wrong "[export on_row]\ntype = int (int $byte)\n" 2:17 "there is no '$byte' in a function's type"
done
is_wrong '[export on_row]\ntype = int (\\\\)\n' 2:13 'in a function'
is_wrong '[export on_row]\ntype = int (struct none *)\n' 2:20 'will not be visible outside'
is_wrong '[export on_row]\ntype = int (struct color)\n' 2:13 'color'
is_wrong '[export on_row]\ntype = int (none)\n' 2:13 ''
is_wrong '[export on_row]\ntype = int (int\n' 2:16 "a ')' is missing"
is_wrong '[export on_row]\ntype = int (int))\n' 2:17 "a ')' too many"
is_wrong '# two\n\n[export int]\ntype = int (int)\n' 3:9 ''
is_wrong '[export first]\ntype = double (double)\n' 1:9 'conflicting types'
is_wrong '[export third]\ntype = int (int)\n' 2:8 'a header defines it'
is_wrong '[function fourth]\n[function first]\nrename = GREEN\n' 1:11 'no header has a function called'
grep -q "^$config:3:10: error: another has the name 'GREEN'" "$work/err" || fail 'of two mistakes one is told'
refuses 1 "cgen: $work/none.conf: No such file" --header "$work/some.h" --config "$work/none.conf"
refuses 1 "cgen: $work: Is a directory" --header "$work/some.h" --config "$work"

echo "$passed passed, 0 failed"
