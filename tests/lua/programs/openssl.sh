#!/bin/sh
# digest.lua prints what the coreutils' programs print, and takes the lists that they write.
#
#   openssl.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
. tests/lua/programs/facts.sh

digest=openssl/digest.lua

for i in $(seq 40); do seq $((i * i * 100)) >"file $i"; done
: >empty
head -c 65536 /dev/zero >piece
cp piece 'back\slash'
cp piece 'two
lines'
cp piece 'back\ntwo
lines'

sha256sum -- * >.sums
run $digest empty piece 'back\slash' 'back\ntwo
lines' file* two* >got
sha256sum empty piece 'back\slash' 'back\ntwo
lines' file* two* >wanted
same 'digests of many files, in their order' wanted got
for algorithm in md5 sha1 sha224 sha384 sha512; do
    run $digest -a $algorithm empty piece >got
    ${algorithm}sum empty piece >wanted
    same "digests by $algorithm" wanted got
done
sha256sum file* >wanted
(ulimit -n 30 && run $digest file*) >got
same 'more files than may be open' wanted got
run $digest -a blake2b512 empty piece >got
b2sum empty piece >wanted
same 'digests by blake2b512' wanted got
run $digest <piece >got
sha256sum <piece >wanted
same 'a digest of standard input' wanted got
run $digest - empty <piece >got
sha256sum - empty <piece >wanted
same 'the same, by its name' wanted got

run $digest -c .sums >got
sha256sum -c .sums >wanted
same 'a list of digests that are right' wanted got
run $digest file* two* >ours
holds "sha256sum takes a list of ours" sha256sum --quiet -c ours
# Who writes these comes to the first one last: that it is waited for must not keep the second from being read.
mkfifo late soon
(cat piece >soon && cat empty >late) &
run $digest late soon | cut -c -64 >got
wait
sha256sum empty piece | cut -c -64 >wanted
same 'a file that is waited for holds up no other' wanted got

printf 'x' >>'file 7'
rm 'file 9'
status=0
run $digest -c .sums >got 2>problems || status=$?
holds 'a list of digests that are not' [ "$status" -eq 1 ]
sha256sum -c .sums >wanted 2>out || true
same 'and which they are' wanted got
holds 'and why' [ "$(cat problems)" = 'file 9: No such file or directory' ]
printf '%s\nnothing to see here\n' "$(head -n 1 .sums)" >mixed
refuses 'a list with other lines' 'mixed: line 2 is no digest and name' $digest -c mixed
refuses 'a list that is not there' 'no: No such file or directory' $digest -c no

status=0
run $digest no empty . >got 2>problems || status=$?
sha256sum empty >wanted
same 'the others are digested' wanted got
printf 'no: No such file or directory\n.: Is a directory\n' >wanted
same 'although some are not' wanted problems
holds 'which is no success' [ "$status" -eq 1 ]
for algorithm in sha257 md4; do # md4 is one that OpenSSL no longer does
    refuses 'what OpenSSL refuses' "$algorithm: error:0308010C:digital envelope routines::unsupported" $digest -a $algorithm empty
done
refuses 'another option' 'usage: digest.lua [-a ALGORITHM] [-c] [FILE]...' $digest -x
echo "$passed passed, 0 failed"
