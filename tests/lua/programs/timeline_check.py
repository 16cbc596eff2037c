#!/usr/bin/env python3
"""Looks at what timeline.lua has made: pictures, decoded by Python's own zlib, and sums.

    timeline_check.py drawn PICTURE            the lanes of test_timeline.lua are there, as long as they are said to be
    timeline_check.py one PICTURE              nowhere do two lanes run Lua at once
    timeline_check.py sums SUMS TRACE          the calls that it counts are those of a file of Chrome's trace events, and lasted
                                               no less

SPDX-License-Identifier: MIT"""

import json
import struct
import sys
import zlib

LUA, C, WAITS, READY = 0xE8893C, 0x3F74B5, 0xC9CCD3, 0xF6D9BD


def unfilter(kind, line, above, size):
    """A line of a PNG from what it differs in from its neighbours, in bytes that lie size apart."""
    for i in range(len(line)):
        left, up = line[i - size] if i >= size else 0, above[i]
        corner = above[i - size] if i >= size else 0
        estimate = left + up - corner
        paeth = min((abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2, corner))[2]
        line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return line


def read_png(path):
    """The rows of a picture: lists of 0xrrggbb."""
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at, parts = 8, {}
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0], f"the checksum of {kind}"
        parts[kind] = parts.get(kind, b"") + body
        at += 12 + size
    assert b"IEND" in parts, "the end is missing"
    width, height, depth, color = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, color) == (8, 2), "not of 24 bits"
    lines, above, rows = zlib.decompress(parts[b"IDAT"]), bytes(width * 3), []
    for y in range(height):
        kind, line = lines[y * (width * 3 + 1)], bytearray(lines[y * (width * 3 + 1) + 1:(y + 1) * (width * 3 + 1)])
        if kind == 2 and rows and not any(line):  # the same again, as most are
            rows.append(rows[-1])
            continue
        above = unfilter(kind, line, above, 3)
        rows.append([above[x] << 16 | above[x + 1] << 8 | above[x + 2] for x in range(0, len(above), 3)])
    return rows


def below_legend(rows):
    return rows[2 * 80:]


def extent(rows, color):
    """The left and right ends of a color, and how many rows have it."""
    places = [[x for x, pixel in enumerate(row) if pixel == color] for row in rows if color in row]
    return min(map(min, places)), max(map(max, places)) + 1, len(places)


def drawn(path):
    rows = read_png(path)
    assert sum(pixel == 0x2B2D33 for row in rows[:2 * 40] for pixel in row) > 500, "there is no title"
    lanes = below_legend(rows)
    first = [row for row in lanes if LUA in row or WAITS in row]
    second = [row for row in lanes if C in row and LUA not in row]
    left, right, _ = extent(second, C)
    scale = (right - left) / 80
    wanted = {LUA: (0, 10, 40), C: (10, 40, 40), WAITS: (40, 60, 6), READY: (60, 80, 40)}
    for color, (begin, end, height) in wanted.items():
        got = extent(first, color)
        for place, time in zip(got, (begin, end)):
            assert abs(place - left - time * scale) <= 2, f"{color:x} is at {place}, and not at {left + time * scale}"
        assert abs(got[2] - height) <= 2, f"{color:x} is {got[2]} high"
    assert sum(pixel == 0xFFFFFF for row in first for pixel in row) > 20, "there is no label"


def one(path):
    lanes = below_legend(read_png(path))
    middles = [y for y in range(1, len(lanes)) if LUA in lanes[y] and LUA not in lanes[y - 1]]
    assert len(middles) >= 3, "main, packer and producer, at least, take longer than a pixel is wide"
    for x in range(len(lanes[0])):
        running = [y for y in middles if all(lanes[y + i][x] == LUA for i in range(10))]
        assert len(running) <= 1, f"two run Lua at {x}: {running}"


def sums(path, trace_path):
    counts, durations = {}, {}
    for event in json.load(open(trace_path))["traceEvents"]:
        if event["ph"] == "X" and event["cat"] == "call" and event["name"] != "clock_gettime":
            name = event["args"]["task"].split(" #")[0]
            counts[name] = counts.get(name, 0) + 1
            durations[name] = durations.get(name, 0) + event["dur"] / 1000
    lines = [line.split() for line in open(path)][1:]
    assert [line[0] for line in lines] == ["main", "sleeper", "packer", "sorter", "producer", "consumer", "ticker"]
    for name, _, c, calls, _, _ in lines[1:]:  # main draws the picture, besides
        assert int(calls) == counts.get(name, 0), f"{name} makes {calls} calls, and in the trace {counts.get(name, 0)}"
        if name != "sorter":  # in whose calls there is Lua
            assert float(c) >= durations.get(name, 0) - 0.1, f"{name} is in C for {c} ms, and in the trace {durations[name]}"
    asleep = {line[0]: float(line[2]) for line in lines}
    assert asleep["sleeper"] >= 120 and asleep["consumer"] >= 48, asleep
    waiting = {line[0]: float(line[4]) for line in lines}
    assert waiting["ticker"] >= 120, waiting


{"drawn": drawn, "one": one, "sums": sums}[sys.argv[1]](*sys.argv[2:])
