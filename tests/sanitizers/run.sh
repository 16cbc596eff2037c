#!/bin/sh
# A sanitizer's false report without the hooks, which the test requires, and none with them.
#
#   run.sh WITHOUT WITH REPORT    two builds of one program, and the words of the report
#
# SPDX-License-Identifier: MIT
set -eu

without=$1 with=$2 report=$3
work=$(mktemp)
trap 'rm -f "$work"' EXIT

if "$without" >"$work" 2>&1; then
    cat "$work"
    echo "$without: no report, though nothing shows the sanitizer the mapping"
    exit 1
fi
grep -q "$report" "$work" || { cat "$work"; echo "$without: ended without '$report'"; exit 1; }
"$with" >"$work" 2>&1 || { cat "$work"; echo "$with: a report in spite of the hooks"; exit 1; }
grep -q 'read without a report' "$work"
echo '2 passed, 0 failed'
