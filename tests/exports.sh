#!/bin/sh
# The shared library exports what the public headers declare and callgate.map lists: no more, no less.
#
# SPDX-License-Identifier: MIT
set -eu

headers='runtime/mem.h runtime/region.h runtime/heap.h runtime/hooks.h runtime/runtime.h bridge/bridge.h bridge/decls.h bridge/direct.h bridge/async.h bridge/handle.h bridge/check.h bridge/stub.h bridge/trace.h'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Declarations begin a line; comments and members do not.
# gate_hook_ and gate_layer_ are what a program may define, and we use.
grep -hv '^static inline' $headers | sed -n 's/^[a-z].*[ *(]\(gate_[a-z_]*\)(.*/\1/p' | grep -v '^gate_\(hook\|layer\)_' | sort -u >"$work/declared"
nm -D --defined-only build/release/libcallgate.so | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/exported"
sed -n 's/^ *\(gate_[a-z_]*\);$/\1/p' callgate.map | sort -u >"$work/mapped"

[ "$(wc -l <"$work/declared")" -gt 30 ] || { echo 'the headers were not understood'; exit 1; }
diff -u "$work/declared" "$work/exported" || { echo 'declared and exported differ'; exit 1; }
diff -u "$work/declared" "$work/mapped" || { echo 'declared and listed in callgate.map differ'; exit 1; }

# The umbrella header stands alone, in C and in C++.
echo '#include "callgate.h"' >"$work/alone.c"
clang -std=c99 -pedantic -Wall -Wextra -Werror -I. -fsyntax-only "$work/alone.c"
clang -x c++ -nostdinc++ -std=c++11 -Wall -Wextra -Werror -I. -fsyntax-only "$work/alone.c"
echo '2 passed, 0 failed'
