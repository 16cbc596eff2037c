-- The bench's peer LuaJIT: calls through its ffi, and callbacks; "luajit -joff" interprets the same.
--
--   calls.lua NAME COUNT: prints one figure, for a row of the bench to read.
--
-- SPDX-License-Identifier: MIT

local ffi = require "ffi"
ffi.cdef [[
int add(int a, int b);
double scale(double a, double b);
double call_back(int (*function)(int, int), long count);
double now(void);
]]
local callee = ffi.load "build/release/tests/bench/callee.so"
local figures = {}

-- The result goes into the next call, or a trace would leave all but one of them away.
function figures.int(count)
  local result, before = 0, callee.now()
  for _ = 1, count do
    result = callee.add(result, 1)
  end
  assert(result == count)
  return callee.now() - before
end

function figures.double(count)
  local result, before = 1, callee.now()
  for _ = 1, count do
    result = callee.scale(result, -1)
  end
  assert(result == (-1) ^ count)
  return callee.now() - before
end

-- A compiled call may not call back.
function figures.callback(count)
  local callback = ffi.cast("int (*)(int, int)", function(a, b) return a + b end)
  local elapsed = callee.call_back(callback, count)
  callback:free()
  return elapsed
end
jit.off(figures.callback)

-- LuaJIT reads the text each time, and makes types of it, of which it has room for some ten thousand.
function figures.signature(count)
  local before = callee.now()
  for _ = 1, count do
    ffi.typeof "int (*)(const char *, size_t)"
  end
  return callee.now() - before
end

local figure = figures[arg[1]]
if not figure or #arg ~= 2 then
  io.stderr:write "usage: calls.lua NAME COUNT\n"
  os.exit(2)
end
print(figure(tonumber(arg[2])))
