#!/bin/sh
# What Spin says of the hand-off, of wake-ups, of the monitor's alarm, of stealing, of threads that tasks are bound to,
# of the world's stop and of handles: the models hold, each searched to its end and with no step that is never reached; and each model that
# leaves one thing out fails, for the reason that it should.
#
# SPDX-License-Identifier: MIT
set -eu

models=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
passed=0

fail() {
    cat "$work/out"
    echo "$*"
    exit 1
}

# verify "compiler" TABLE safety|liveness MODEL [-D...]: 100 s, 1.5 GB and that depth at most; a hash table of 2^TABLE places.
depth=200000
verify() {
    compiler=$1 table=$2 kind=$3 model=$4
    shift 4
    rm -f pan pan.*
    case $kind in
    safety) defines=-DSAFETY search= ;;
    liveness) defines=-DNFAIR=3 search='-a -f' ;;
    esac
    spin -a $defines "$@" "$models/$model" >out 2>&1 &&
        $compiler -w $defines -DCOLLAPSE -DMEMLIM=1500 -o pan pan.c >>out 2>&1 ||
        fail "$model $*: not understood"
    timeout 100 ./pan -w$table -m$depth $search >out 2>&1 || fail "$model $*: not finished"
    grep -q 'errors:' out || fail "$model $*: not finished"
}

# The whole model was searched, and is right.
holds() {
    verify 'gcc -Og' 22 "$@"
    grep -q 'errors: 0$' out || fail "$*: fails"
    ! grep -q -e 'Search not completed' -e 'max search depth too small' -e 'out of memory' out ||
        fail "$*: not the whole search"
    # Steps that this model didn't reach, of those that none before it did; an -end- is no step.
    awk '/^unreached in/ { process = $NF; is_claim = / claim / }
         /, state [0-9]/ && !/"-end-"/ && !is_claim { print process, $0 }' out | sort >unreached.now
    [ -f "unreached.$2" ] || cp unreached.now "unreached.$2"
    comm -12 "unreached.$2" unreached.now >unreached.all
    mv unreached.all "unreached.$2"
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' out)
    echo "holds: $* ($states states)"
    passed=$((passed + 1))
}

# It has to fail, with these words; that is found at once, so what takes time is to compile it.
fails() {
    words=$1
    shift
    verify clang 16 "$@"
    grep -q '^pan:1: '"$words" out || fail "$*: does not fail by '$words'"
    echo "fails: $*: $(sed -n 's/^pan:1: //p' out)"
    passed=$((passed + 1))
}

reaches_all() {
    [ ! -s "unreached.$1" ] || { cp "unreached.$1" out; fail "$1: steps that are never reached"; }
    passed=$((passed + 1))
}

two_on_a_slot='assertion violated (runs_on\[mine\]==1)'

for leave in -DBARRIER -DEXCHANGE; do
    holds safety handoff.pml $leave
    holds liveness handoff.pml $leave
done
holds safety handoff.pml -DMS=3 -DONCE
holds safety handoff.pml -DMS=3 -DSLOTS=2 -DCALLERS=1 -DONCE
reaches_all handoff.pml
fails "$two_on_a_slot" safety handoff.pml -DWITHOUT=MEMBARRIER
fails "$two_on_a_slot" safety handoff.pml -DWITHOUT=COMPILER_BARRIER
fails "$two_on_a_slot" safety handoff.pml -DWITHOUT=SETTLING
fails 'assertion violated (claim\[self\]!=1)' safety handoff.pml -DWITHOUT=WITHDRAWAL
fails 'acceptance cycle' liveness handoff.pml -DWITHOUT=OWN_STATUS
fails 'acceptance cycle' liveness handoff.pml -DWITHOUT=SECOND_LOOK

two_slots='-DSLOTS=2 -DTASKS=2'
for leave in -DBARRIER -DEXCHANGE; do
    holds safety wake.pml $leave
    holds safety wake.pml -DNEWCOMERS=1 $leave
    holds safety wake.pml $two_slots -DNEWCOMERS=1 $leave
    holds safety wake.pml $two_slots -DBUSY=0 -DNEWCOMERS=2 $leave
done
reaches_all wake.pml
fails 'assertion violated' safety wake.pml -DWITHOUT=MEMBARRIER
fails 'assertion violated' safety wake.pml -DWITHOUT=RETIRE_BARRIER
fails 'assertion violated' safety wake.pml -DWITHOUT=PARK_BARRIER
fails 'assertion violated' safety wake.pml -DNEWCOMERS=1 -DWITHOUT=ARRIVAL_BARRIER
fails 'assertion violated' safety wake.pml $two_slots -DBUSY=0 -DNEWCOMERS=2 -DWITHOUT=ARRIVAL_BARRIER
fails 'assertion violated' safety wake.pml $two_slots -DNEWCOMERS=1 -DWITHOUT=ORDER
fails 'assertion violated' safety wake.pml -DEXCHANGE -DWITHOUT=WAKE_FENCE

holds safety alarm.pml -DBARRIER
holds safety alarm.pml -DEXCHANGE
reaches_all alarm.pml
for part in MEMBARRIER COMPILER_BARRIER LOOK STATE SECOND_LOOK; do
    fails 'assertion violated' safety alarm.pml -DWITHOUT=$part
done

holds safety steal.pml
reaches_all steal.pml
for part in MEMBARRIER COMPILER_BARRIER RELEASE WAIT OWNERS_LOCK THIEVES_LOCK; do
    fails 'assertion violated ((running!=0)&& !(taken\[running\]))' safety steal.pml -DWITHOUT=$part
done
fails 'assertion violated (word\[((2+4)+4)\]!=first)' safety steal.pml -DWITHOUT=STACK
fails 'assertion violated taken\[i\]' safety steal.pml -DWITHOUT=RETREAT

holds safety bound.pml
depth=2000000
holds liveness bound.pml
depth=200000
reaches_all bound.pml
for part in QUEUED PIN; do
    fails 'assertion violated' safety bound.pml -DWITHOUT=$part
done
for part in ORDER LATER TURNS RETURN NOTICE GIVE_NOTICE; do
    fails 'acceptance cycle' liveness bound.pml -DWITHOUT=$part
done

holds safety world.pml
holds liveness world.pml
holds safety world.pml -DSLOTS=2 -DCALLERS=2
holds safety world.pml -DEXCHANGE -DCALLERS=2
holds liveness world.pml -DEXCHANGE -DSLOTS=2
holds safety world.pml -DSLOTS=2 -DSTOPPERS=2
holds liveness world.pml -DSLOTS=2 -DSTOPPERS=2 -DONCE
reaches_all world.pml
for part in BARRIER COMPILER_BARRIER LOOK_AT_CALLS DECISION; do
    fails 'invalid end state' safety world.pml -DWITHOUT=$part
done
fails 'assertion violated (running==1)' safety world.pml -DWITHOUT=CLAIM_BARRIER
for part in REFUSAL RETIREMENT LAST; do
    fails 'assertion violated (q_len(idle)==(3-1))' safety world.pml -DWITHOUT=$part
done
fails 'assertion violated (posts==0)' safety world.pml -DWITHOUT=WAITS
fails 'acceptance cycle' liveness world.pml -DWITHOUT=PICK
fails 'acceptance cycle' liveness world.pml -DWITHOUT=HANDING_ON

holds safety handle.pml
reaches_all handle.pml
fails 'assertion violated (found==handle)' safety handle.pml -DWITHOUT=SECOND_LOOK
fails 'assertion violated (found==handle)' safety handle.pml -DWITHOUT=ORDER
echo "$passed passed, 0 failed"
