"""The public functions of a library, found without cgen: what the library exports as code, and what its headers, as the
compiler has preprocessed them, have in front of a parenthesis.

    cc -E ... | public_functions.py CDEF PATTERN,... LIBRARY...

PATTERN says of which files the text counts. Prints how many there are, how many of them CDEF declares, and those that it
does not.

SPDX-License-Identifier: MIT"""
import fnmatch
import re
import subprocess
import sys


def exported(path):
    lines = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    names = set()
    for line in lines.splitlines():
        _, kind, name = line.split()
        if kind in "TWi":
            names.add(name.split("@")[0])
    return names


def mentioned(text, patterns):
    """Names in front of a parenthesis, in lines from files like these; not tags, nor pointers to functions: (*name)(."""
    names, counts = set(), False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "(.*)"', line)
        if marker:
            counts = any(fnmatch.fnmatch(marker.group(1), pattern) for pattern in patterns)
        elif counts:
            for named in re.finditer(r"(struct\s+|union\s+|enum\s+|\(\s*\*\s*)?\b([A-Za-z_]\w*)(\s*\))?\s*(?=\(|$)", line):
                before, name, closed = named.groups()
                is_pointer = before and before.startswith("(")
                if not before or (is_pointer and not closed):
                    names.add(name)
    return names


cdef, patterns, libraries = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
public = mentioned(sys.stdin.read(), patterns) & set().union(*map(exported, libraries))
text = open(cdef).read()
declared = set(re.findall(r'([A-Za-z_]\w*)\(', text)) | set(re.findall(r'__asm__\("(\w+)"\)', text))
missing = sorted(public - declared)
print(len(public), len(public) - len(missing), *missing)
