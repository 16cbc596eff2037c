-- The same module, on callgate.ffi, with the library and the stubs that it needs.
--
-- SPDX-License-Identifier: MIT
local words = require "words"
local passed = 0
local function is(fact, what)
    assert(fact, what)
    passed = passed + 1
end

is(words.plus(40, 2) == 42, "a function is called")
is(words.plus("40", 2.0) == 42, "with numbers as Lua's own functions take them")
is(words.twice(21) == 42, "and one that has no symbol")
words.sleep_for(0)
is(words.GREEN == 2 and words.WORDS == "as they are", "constants are there")
is(not pcall(function() return words.missing end), "what the library lacks is an error where it is used")
print(passed .. " passed, 0 failed")
