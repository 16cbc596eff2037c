#!/bin/sh
# Fails each mapping call of a program once, and each time it has to end in an error that it reports: no crash,
# nothing left mapped, no leak, no hang.
#
#   sweep.sh PROGRAM    linked with the layers fault, limit and trace
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
work=$(mktemp)
trap 'rm -f "$work"' EXIT

# Runs it with settings, in one word: it has to end with one of the statuses.
run() {
    settings=$1
    shift
    status=0
    env $settings timeout 100 "$program" >"$work" 2>&1 || status=$?
    for allowed; do
        [ "$status" != "$allowed" ] || return 0
    done
    cat "$work"
    echo "$settings: ended with $status"
    exit 1
}

run GATE_FAULT= 0
calls=$(awk '/ calls$/ { print $1 }' "$work")
[ "$calls" -gt 10 ] || { echo "only $calls calls were counted"; exit 1; }

# Threads begin when they are needed: a run may make a few calls more or less than the first. The first of all asks for
# guard pages, and none is an answer.
errors=0 n=1
while [ "$n" -le $((calls + 5)) ]; do
    run "GATE_FAULT=nth=$n" 0 3
    [ "$status" = 0 ] || errors=$((errors + 1))
    n=$((n + 1))
done
[ "$errors" -ge $((calls / 3)) ] || { echo "only $errors of $calls failures were noticed"; exit 1; }

# Many at once: whatever undoes a failure meets the next.
for seed in 1 2 3 4 5 6 7 8 9 10; do
    run "GATE_FAULT=one_in=3,seed=$seed,errno=11" 0 3
done

# The other layers, linked and told by the environment, above this one.
run GATE_LIMIT=1000000 3
grep -q -- '-12' "$work"
run GATE_TRACE=1 0
grep -q '^callgate: mmap(.*from ' "$work"
# trace > limit > fault: trace sees what the others refuse, and fault nothing of what limit does, but that question.
run 'GATE_TRACE=1 GATE_FAULT=nth=2' 0 3
grep -q '^callgate: .* = errno 12, ' "$work"
run 'GATE_TRACE=1 GATE_LIMIT=1' 3
grep -q '^callgate: mmap(.* = errno 12, ' "$work"
grep -q '^1 calls$' "$work"
for wrong in GATE_FAULT=nth GATE_FAULT=third=3 GATE_FAULT=nth=x GATE_FAULT=errno=4096 GATE_LIMIT=1k GATE_TRACE=-1; do
    run "$wrong" 2
    grep -qF "callgate: ${wrong%%=*}='${wrong#*=}': expected" "$work"
done
echo "$((calls + 26)) passed, 0 failed"
