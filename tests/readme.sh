#!/bin/sh
# The README's script is the one that is there, and prints what the README says.
#
# SPDX-License-Identifier: MIT
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/^```lua$/,/^```$/p' README.md | sed '1d;$d' >"$work/script.lua"
diff -u examples/lua/quickstart.lua "$work/script.lua"
LUA_CPATH='build/release/lua/?.so' lua5.4 "$work/script.lua" >"$work/printed"
grep -qxF "$(cat "$work/printed")" README.md || { cat "$work/printed"; echo 'is not what the README says'; exit 1; }
echo '2 passed, 0 failed'
