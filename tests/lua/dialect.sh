#!/bin/sh
# Scripts that luajit runs, too, print the same on a stock Lua.
#
#   dialect.sh FOLDER LUA [NAME=VALUE ...]    the folder of callgate.so, which Lua, and what its environment is to have
#
# SPDX-License-Identifier: MIT
set -eu

folder=$1 lua=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

passed=0
for script in tests/lua/luajit/*.lua; do
    case $lua:$script in
        *:*/run.lua) continue ;;
        lua5.1:*/names.lua) continue ;; # which has no goto
        lua5.2:*/replacements.lua) continue ;; # whose gsub refuses them
    esac
    luajit "$script" >"$work/wanted"
    env "$@" LUA_CPATH="$folder/?.so" "$lua" tests/lua/luajit/run.lua "$script" >"$work/got"
    diff -u "$work/wanted" "$work/got" || { echo "$script: $lua has printed something else"; exit 1; }
    passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
