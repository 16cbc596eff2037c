#!/bin/sh
# Runs a Windows program by wine, in a prefix that lives as long: nothing of the user's is read or written.
#
#   wine.sh PROGRAM [ARGUMENT...]
#
# The prefix has wine's own folder for its system's, instead of 600 MB of copies, and starts no services: what
# programs of ours need is there at once. Where wine has its files elsewhere it makes a whole prefix.
#
# What the program writes comes when it has ended, with the line ends that are usual here.
#
# SPDX-License-Identifier: MIT
set -eu

WINEPREFIX=$(mktemp -d)
WINEDEBUG=-all
HOME=$WINEPREFIX
TMPDIR=$WINEPREFIX
export WINEPREFIX WINEDEBUG HOME TMPDIR
trap 'wineserver -k || true; rm -rf "$WINEPREFIX"' EXIT
trap 'exit 1' INT TERM

system=/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
if [ -e $system/kernel32.dll ]; then
    mkdir -p "$WINEPREFIX/drive_c/windows"
    ln -s $system "$WINEPREFIX/drive_c/windows/system32"
    echo disable >"$WINEPREFIX/.update-timestamp"
fi

status=0
wine "$@" >"$WINEPREFIX/output" 2>&1 || status=$?
tr -d '\r' <"$WINEPREFIX/output"
exit $status
