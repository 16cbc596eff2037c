#!/bin/sh
# The interpreter among the examples: its program, and what it says to mistakes.
#
#   interpreter.sh PROGRAM
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fail() {
    echo "FAILED: $1"
    exit 1
}

# What standard input says prints $1.
prints() {
    cat >"$work/text"
    "$program" "$work/text" >"$work/out" 2>&1 || fail "$(cat "$work/out")"
    [ "$(cat "$work/out")" = "$1" ] || fail "this printed: $(cat "$work/out")"
    passed=$((passed + 1))
}

# What it says is refused with $1, and perhaps more.
is_refused() {
    cat >"$work/text"
    if "$program" "$work/text" >"$work/out" 2>&1; then fail "this is not refused: $(cat "$work/text")"; fi
    case $(cat "$work/out") in
        "$work/text: $1"*) passed=$((passed + 1)) ;;
        *) fail "this is refused otherwise: $(cat "$work/out")" ;;
    esac
}

prints '6
5
it counted, while the other task was in C
10
20
30
40' <examples/05_interpreter/example.txt

prints '-5
0.75
2
9223372036854775807
1e+19
yes' <<'END'
-10 2 / .   3 4.0 / .   1 2 over drop drop 1 + .
9223372036854775807 .   10000000000000000000 .
1 2 < [ "yes" say ] [ "no" say ] ifelse   0 [ "no" say ] if
END
prints '255
-1
-2
256
0.5' <<'END'
"libm.so.6" library
"typedef signed char small; enum sign { MINUS = -1 };
 unsigned char toupper(int); small tolower(int); long labs(long); unsigned short htons(unsigned short); float fabsf(float);" c
255 toupper .  -1 tolower .  0 2 labs - .  1 htons .  -0.5 fabsf .
END
prints '3' <<'END'
[ [ ] drop ] go drop   [ 0 [ 1 + dup 1000 < ] while drop 3 . ] go drop   \ it ends when its tasks have
END

prints '4' <<'END'
"int usleep(unsigned);" c
[ 1000 usleep drop   [ 20000 usleep drop 4 . ] go drop ] go drop   \ and those that they have started
END
prints '3' <<'END'
"int usleep(unsigned);" c
[ "int nowhere(void); int nor_here(void);" c ] go drop   200000 usleep drop   \ which is for who joins it
"int abs(int);" c   -3 abs .
END

prints '5' <<'END'
"int usleep(unsigned);" c
[ "double hypot(double, double);" c ] go drop   200000 usleep drop
"libm.so.6" library   "double hypot(double, double);" c   \ which is where it is
3 4 hypot .
END
prints '3' <<'END'
"int pthread_create(void *, void *, void *(*)(void *), void *); int usleep(unsigned);
void *calloc(unsigned long, unsigned long); void free(void *);
unsigned long pthread_self(void); int pthread_detach(unsigned long);" c
1 8 calloc "thread" constant   1 4 calloc "begun" constant
[ pthread_self pthread_detach drop   1 begun int!   50000 usleep drop   [ 20000 usleep drop 3 . ] go drop ] "void *(void *)" callback
thread swap 0 swap 0 pthread_create drop   thread free
0 [ 1000 usleep + begun int@ 0 = ] while   begun free   \ it ends when a thread's callback has, and what that has started
END

# Longs in memory, for the texts below.
longs=': long@  dup int@ dup 0 < [ 4294967296 + ] if  swap 4 + int@ 4294967296 * + ;
: long!  over over int!  swap 4294967296 / swap 4 + int! ;'
sort='"void *calloc(unsigned long, unsigned long);
void qsort(void *, unsigned long, unsigned long, int (*)(const void *, const void *));" c   4 8 calloc "four" constant'
prints "callback: lost
callgate: the handler of 'a callback' failed with status 1 that no gate_call led to
3" <<END
$longs
"int pthread_create(void *, void *, void *(*)(void *), void *); int pthread_join(unsigned long, void **);
void *calloc(unsigned long, unsigned long); void free(void *);" c
1 8 calloc "thread" constant
: in_thread  "void *(void *)" callback thread swap 0 swap 0 pthread_create drop  thread long@ 0 pthread_join drop ;
[ "lost" fail ] in_thread   [ 3 . ] in_thread   thread free
END

is_refused "line 2: there is no word 'nothing'" <<'END'
1
nothing
END
is_refused "line 1: a division by zero" <<'END'
1 0 /
END
is_refused "line 1: what begins here has no ']'" <<'END'
[ 1
[ 2 ]

END
is_refused 'line 1: a string does not end' <<'END'
"text
END
is_refused 'line 1: the stack is empty' <<'END'
1 +
END
is_refused 'line 1: the stack is full' <<'END'
65 [ 1 ] times
END
is_refused 'line 1: code is in code more than 100 times' <<'END'
[ dup 1 swap if ] dup 1 swap if
END
is_refused 'line 1: a real number stands where an integer should' <<'END'
1.5 say
END
is_refused 'line 1: code is no number' <<'END'
1 [ ] +
END
is_refused "line 1: library 'libnothing.so.9' can't be opened: " <<'END'
"libnothing.so.9" library
END
is_refused "line 1: line 1, column 7: found the end, expected a type" <<'END'
"int f(" c
END
is_refused "line 1: symbol 'nowhere' is not in library 'the process'" <<'END'
"int nowhere(void);" c
END
is_refused "line 3: symbol 'nowhere' is not in library 'the process'" <<'END'
"int usleep(unsigned);" c
[ "int nowhere(void);" c ] go drop   200000 usleep drop   \ as was said to whoever declared it
nowhere
END
is_refused 'line 1: div has a type that this language has not' <<'END'
"typedef struct { int quot, rem; } div_t; div_t div(int, int);" c
END
is_refused 'line 2: a value is a real number, and C'"'"'s is an integer' <<'END'
"int abs(int);" c
1.5 abs
END
is_refused "line 3: no order" <<'END'
"void *calloc(unsigned long, unsigned long);
void qsort(void *, unsigned long, unsigned long, int (*)(const void *, const void *));" c
4 4 calloc 4 4 [ "no order" fail ] "int (const void *, const void *)" callback qsort
END
is_refused "line 4: no order" <<END
$sort
[ four 4 8 [ "no order" fail ] "int (const void *, const void *)" callback qsort 0 ] "compare" constant
four 4 8 compare "int (const void *, const void *)" callback qsort
END
for where in '%s' '[ %s ] go join'; do
    is_refused 'line 6: code is in code more than 100 times' <<END
$sort
$longs
[ four 2 8 four long@ qsort 0 ] "int (const void *, const void *)" callback four long!
$(printf "$where" 'four 2 8 four long@ qsort')
END
done
is_refused 'line 2: a value is code, and C'"'"'s is a real number' <<'END'
"double ldexp(double, int);" c
[ ] 1 ldexp
END
is_refused "line 1: 'int (int, ...)' is a type that this language has not" <<'END'
[ ] "int (int, ...)" callback
END
is_refused 'line 1: lost' <<'END'
[ 1 [ "lost" fail ] if ] go join
END
is_refused 'line 2: enough' <<'END'
[ [ 1 ] while ] go drop \ which would run for ever
"enough" fail
END

if "$program" "$work/nowhere" 2>"$work/out"; then fail 'a file that is not there is read'; fi
[ "$(cat "$work/out")" = "$work/nowhere: No such file or directory" ] || fail "$(cat "$work/out")"
echo "$((passed + 1)) passed, 0 failed"
