-- Runs a script of LuaJIT's on a stock Lua: the script's name and its arguments follow.
--
-- SPDX-License-Identifier: MIT

require("callgate.luajit").install()
assert(loadfile(arg[1]))(select(2, unpack(arg)))
