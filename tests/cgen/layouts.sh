#!/bin/sh
# Whether what reads cgen's declarations lays them out as the stubs have the compiler prove: the bridge, and LuaJIT, where it is
# installed.
#
#   layouts.sh READS NAME.cdef NAME_stubs.c
#
# SPDX-License-Identifier: MIT
set -eu

reads=$1 declarations=$2 stubs=$3
both=$(mktemp)
trap 'rm -f "$both"' EXIT

# Some enums are not declared as such.
{ cat "$declarations" && grep '^_Static_assert' "$stubs" | grep -v '(enum '; } |
    sed 's/(offsetof(/(__builtin_offsetof(/' >"$both"
"$reads" "$both" >/dev/null
if command -v luajit >/dev/null; then
    luajit tests/cgen/layouts.lua "$declarations" "$stubs"
else
    echo "SKIPPED: $0: LuaJIT, which is not installed"
fi
