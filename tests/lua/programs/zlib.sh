#!/bin/sh
# What gzip.lua packs, gzip unpacks, and the other way round; in pieces, as it comes.
#
#   zlib.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
. tests/lua/programs/facts.sh

gzip=zlib/gzip.lua

seq 300000 >numbers # 2 MB: some pieces
head -c 1000000 /dev/urandom >noise
: >nothing
for file in numbers noise nothing; do
    run $gzip <$file >packed.gz
    holds "gzip takes $file, packed" gzip -t packed.gz
    gzip -dc packed.gz >back
    holds "gzip unpacks $file" cmp back $file
    gzip -c $file | run $gzip -d >back
    holds "$file, packed by gzip, is unpacked" cmp back $file
done
run $gzip -1 <numbers >fast.gz
run $gzip -9 <numbers >small.gz
holds 'there are levels' [ "$(stat -c %s small.gz)" -lt "$(stat -c %s fast.gz)" ]

run $gzip numbers noise
gzip -dc numbers.gz >back
same 'several files are packed: the first' numbers back
gzip -dc noise.gz >back
same 'and the second' noise back
mkdir other
mv numbers.gz noise.gz other
run $gzip -d other/numbers.gz other/noise.gz
same 'several files are unpacked: the first' numbers other/numbers
same 'and the second' noise other/noise

# Members end anywhere in the pieces.
cat other/numbers.gz other/noise.gz other/numbers.gz >members.gz
cat numbers noise numbers >wanted
run $gzip -d <members.gz >back
same 'members one behind the other' wanted back

# The output begins before the input ends.
mkfifo input
run $gzip <input >stream.gz &
packing=$!
exec 3>input
cat noise >&3
for _ in $(seq 500); do
    [ -s stream.gz ] && break
    sleep 0.02
done
holds 'a stream is packed as it comes' [ -s stream.gz ]
cat numbers >&3
exec 3>&-
wait $packing
cat noise numbers >wanted
gzip -dc stream.gz >back
same 'and to its end' wanted back

head -c 200000 other/numbers.gz >short.gz
refuses 'a file that ends too early' 'short.gz: the file ends too early' $gzip -d short.gz
holds 'nothing is left of what could not be unpacked' [ ! -e short ]
cp noise text.gz
printf 'text' | dd of=text.gz conv=notrunc status=none
refuses 'a file that was not packed' 'text.gz: zlib: incorrect header check' $gzip -d text.gz
cp other/numbers.gz wrong.gz
printf 'wrong' | dd of=wrong.gz bs=1 seek=$(($(stat -c %s wrong.gz) - 8)) conv=notrunc status=none
refuses 'a wrong checksum' 'wrong.gz: zlib: incorrect data check' $gzip -d wrong.gz
holds 'which leaves no file either' [ ! -e wrong ]
refuses 'a result that is there' 'numbers: the file is there already' $gzip -d numbers.gz
seq 300000 >wanted
same 'and stays as it was' wanted numbers
refuses 'another name' 'numbers: the name does not end in .gz' $gzip -d numbers
refuses 'a file that is not there' 'no: No such file or directory' $gzip no
refuses 'a folder' 'other: Is a directory' $gzip other
refuses 'another option' 'usage: gzip.lua [-d] [-1 ... -9] [FILE]...' $gzip -x
holds 'a file is packed although another is not there' [ ! -e nothing.gz ]
refuses 'one of two' 'no: No such file or directory' $gzip no nothing
holds 'but the other' gzip -t nothing.gz
if [ -e /dev/full ]; then
    for file in numbers nothing; do
        status=0
        run $gzip <$file >/dev/full 2>out || status=$?
        holds "a full disk, with $file" [ "$status: $(cat out)" = '1: No space left on device' ]
    done
fi
echo "$passed passed, 0 failed"
