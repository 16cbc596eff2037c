# What cgen's tests in sh have in common: facts are counted, the first that is none ends the test.
#
# SPDX-License-Identifier: MIT
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fact() {
    passed=$((passed + 1))
}

fail() {
    echo "FAILED: $1"
    exit 1
}

# The rest of the arguments are to fail with status $1 and say $2.
refuses() {
    status=0
    wanted=$1 words=$2
    shift 2
    "$cgen" "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" -eq "$wanted" ] || { cat "$work/err"; fail "cgen $* ends with $status"; }
    grep -q -- "$words" "$work/err" || { cat "$work/err"; fail "cgen $* does not say '$words'"; }
    [ ! -s "$work/out" ] || fail "cgen $* writes though it fails"
    fact
}
