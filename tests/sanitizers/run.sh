#!/bin/sh
# What sanitizers say of hosts: false reports where they are told nothing, which the test requires; none where they
# are told; and true reports in either case.
#
#   run.sh SANITIZER FOLDER    of programs
#
# SPDX-License-Identifier: MIT
set -eu

sanitizer=$1 hosts=$2
work=$(mktemp)
trap 'rm -f "$work"' EXIT
passed=0
unset GATE_DEBUG

fail() {
    cat "$work"
    echo "$*"
    exit 1
}

# The program has to end in a failure, with these words.
reports() {
    words=$1
    shift
    if "$@" >"$work" 2>&1; then
        fail "$*: no report"
    fi
    grep -q -- "$words" "$work" || fail "$*: ended without '$words'"
    passed=$((passed + 1))
}

# A fault is the runtime's to report, and then the sanitizer's.
reports_fault() {
    reports 'ERROR: [A-Z][a-z]*Sanitizer: SEGV' env ASAN_OPTIONS= TSAN_OPTIONS= MSAN_OPTIONS= "$@"
    sed '/Sanitizer/,$d' "$work" | grep -q 'in a call of a C function$' || fail "$*: not reported first"
}

# It has to come to its end without a report.
is_silent() {
    "$@" >"$work" 2>&1 || fail "$*: a report"
    grep -q '^done$' "$work" || fail "$*: did not come to its end"
    passed=$((passed + 1))
}

case $sanitizer in
asan)
    # What was poisoned is mapped again, or gets its access back; what is reachable by mappings alone.
    reports 'use-after-poison' "$hosts/asan_stale_poison.raw" mapping
    is_silent "$hosts/asan_stale_poison" mapping
    reports 'use-after-poison' "$hosts/asan_stale_poison.raw" protection
    is_silent "$hosts/asan_stale_poison" protection
    reports '1000 byte(s) leaked' "$hosts/asan_leak.raw" mapping
    is_silent "$hosts/asan_leak" mapping
    reports '1000 byte(s) leaked' "$hosts/asan_leak.raw" task
    is_silent "$hosts/asan_leak" task
    # What a task leaves on its stack.
    reports 'use-after-poison' env GATE_DEBUG=annotations=0 "$hosts/asan_stale_stack"
    is_silent "$hosts/asan_stale_stack"
    # Which stack a thread is on.
    reports 'stack-buffer-' env GATE_DEBUG=annotations=0 "$hosts/asan_jump"
    is_silent "$hosts/asan_jump"
    # True mistakes.
    reports '1000 byte(s) leaked' "$hosts/asan_leak" lost
    reports 'stack-buffer-overflow' "$hosts/asan_overflow" call
    reports 'heap-use-after-free' "$hosts/asan_overflow" freed
    reports 'stack-buffer-overflow' "$hosts/asan_overflow" task
    reports 'stack-buffer-overflow' "$hosts/asan_overflow" callback
    reports_fault "$hosts/asan_fault"
    ;;
tsan)
    # What one thread unmaps and another maps.
    reports 'data race' "$hosts/tsan_stale_shadow.raw"
    is_silent "$hosts/tsan_stale_shadow"
    reports 'data race' "$hosts/tsan_map_order.raw"
    is_silent "$hosts/tsan_map_order"
    # What the runtime orders without a lock.
    reports 'data race' env GATE_DEBUG=annotations=0 "$hosts/tsan_order" slot
    is_silent "$hosts/tsan_order" slot
    reports 'data race' env GATE_DEBUG=annotations=0 "$hosts/tsan_order" ready
    is_silent "$hosts/tsan_order" ready
    # True mistakes.
    reports 'data race' "$hosts/tsan_race" call
    reports 'data race' "$hosts/tsan_race" task
    reports_fault "$hosts/tsan_fault"
    ;;
msan)
    # What was poisoned is mapped again, or zeroed by advice.
    reports 'use-of-uninitialized-value' "$hosts/tests/sanitizers/msan_stale_shadow.raw"
    is_silent "$hosts/tests/sanitizers/msan_stale_shadow"
    reports 'use-of-uninitialized-value' "$hosts/examples/04_hooks" raw
    is_silent "$hosts/examples/04_hooks"
    # A true mistake.
    reports 'use-of-uninitialized-value' "$hosts/tests/sanitizers/msan_uninitialised"
    reports_fault "$hosts/tests/sanitizers/msan_fault"
    ;;
esac
echo "$passed passed, 0 failed"
