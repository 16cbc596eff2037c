#!/bin/sh
# load.lua's tables are what sqlite3 reads from the same files; what it refuses leaves the database as it was.
#
#   sqlite.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
. tests/lua/programs/facts.sh

load=sqlite/load.lua

printf 'word,uses,"a ""note"""\r\nplain,1,\r\n"a, comma",2,"a ""quote"""\r\n"two\nlines",,""\r\n\303\251,4,"""\nlast"' >words.csv
sqlite3 wanted.db '.import --csv words.csv words'
holds 'it counts the records' [ "$(run $load got.db words words.csv)" = '4 records' ]
for db in wanted got; do
    sqlite3 -json $db.db 'select * from words' >$db.txt
done
same 'the rows are those of sqlite3' wanted.txt got.txt


bad() {
    printf "$2" >bad.csv
    refuses "$1" "bad.csv: $3" $load got.db words bad.csv
}
bad 'a record with a cell too few' 'a,b,c\n1,2,3\n4,5\n' 'line 3: 2 cells, 3 expected'
bad 'a record with one of several' 'a,b,c\n1\n' 'line 2: 1 cell, 3 expected'
bad 'a quote that nothing closes' 'a,b,c\n1,2,3\n"4,5,6\n7,8,9\n' 'line 3: a quote that nothing closes'
bad 'text behind a quote' 'a,b,c\n1,"2"2,3\n' 'line 2: text behind a closing quote'
bad 'a file without a line' '' 'the file is empty'
bad 'another number of columns' 'a,b\n1,2\n' 'table words has 3 columns but 2 values were supplied'
sqlite3 -json got.db 'select * from words' >again.txt
same 'a load that is refused inserts nothing' wanted.txt again.txt

sqlite3 got.db 'create table once (word text unique)'
printf 'word\na\nb\na\n' >twice.csv
refuses 'what SQLite refuses' 'twice.csv: line 4: UNIQUE constraint failed: once.word' $load got.db once twice.csv
refuses 'an index of no column' 'twice.csv: no such column: nothing' $load --index nothing got.db more twice.csv
holds 'a load that has failed makes no table' [ "$(sqlite3 got.db .tables)" = 'once   words' ]
refuses 'a file that is not there' 'no.csv: No such file or directory' $load got.db words no.csv
refuses 'a folder that is not there' 'no/got.db: unable to open database file' $load no/got.db words words.csv
refuses 'a file that is no database' 'words.csv: file is not a database' $load words.csv words words.csv
refuses 'no arguments' 'usage: load.lua [-q | -p] [--index COLUMN]... DATABASE TABLE FILE.csv' $load

awk 'BEGIN { print "word,number"; for (i = 0; i < 50000; i++) printf "word %d,%d\n", (i * 7919) % 50021, i }' >many.csv
run $load -p --index word --index number many.db many many.csv >out 2>drawn
tr '\r' '\n' <drawn >lines
for seen in 'loading many.csv  \[\.*\]   0 %' 'loading many.csv  \[##*\.*\]  *[1-9][0-9]* %' 'indexing word  ' \
    'indexing number  ' 'writing to the disk  [0-9.]* million steps'; do
    holds 'its progress is shown' grep "^$seen" lines
done
holds 'all records are there' [ "$(sqlite3 many.db 'select sum(number), count(distinct word) from many')" = '1249975000|50000' ]
holds 'the database is sound' [ "$(sqlite3 many.db 'pragma integrity_check')" = ok ]
sqlite3 many.db "explain query plan select * from many where word = 'x'" >plan
holds 'the index is used' grep 'USING INDEX many_word' plan
run $load -q more.db many many.csv >out 2>drawn
holds 'no progress is shown to those who want none' [ ! -s drawn ]
echo "$passed passed, 0 failed"
