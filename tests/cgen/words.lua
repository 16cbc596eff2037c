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
is(not pcall(words.crash, nil) and words.crash(words.limits) == 10, "one is guarded")
is(words.GREEN == 2 and words.WORDS == "as they are", "constants are there")
is(words.level == 3 and words.change_level(4) == 3 and words.level == 4, "a variable is what C has made it")
words.level = 5
is(words.change_level(6) == 5, "and C sees what it is set to")
is(words.named == 7, "it has a symbol of its own")
words.place.x = words.place.x + 1
is(words.place.x == 9, "so is a struct, whatever its type is called")
is(words.limits[1] == 20, "an array is one of the ffi's")
is(not pcall(function() words.limits = nil end), "what is constant can't be set")
is(not pcall(function() return words.missing end), "what the library lacks is an error where it is used")
print(passed .. " passed, 0 failed")
