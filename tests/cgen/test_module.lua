-- The module that cgen writes for module.h, with an ffi that tells what is asked of it.
--
-- SPDX-License-Identifier: MIT
local path = ...
local stubs = path .. "/words_stubs.so"
local asked = {}
local symbols = {
    words = {add = "add of words", sleep_for = "sleep_for of words", crash = "crash of words", level = 3},
    [stubs] = {twice = "twice of the stubs"},
}
package.preload["callgate.ffi"] = function()
    return {
        declare = function(text) asked.text = text end,
        load = function(name)
            asked[#asked + 1] = name
            return assert(symbols[name], name)
        end,
        leaf = function(f) return "leaf: " .. f end,
        guard = function(f) return "guarded: " .. f end,
        blocking = function(f) return "blocking: " .. f end,
        lenient = function(f) return f and f .. ", lenient" end,
    }
end
package.cpath = path .. "/nowhere/?.so;" .. path .. "/?.so"
assert(io.open(stubs, "w")):close()

local words = dofile(path .. "/words.lua")
local passed = 0
local function is(fact, what)
    assert(fact, what)
    passed = passed + 1
end

is(asked.text:find("int add(int a, int b);", 1, true), "the declarations are given to the ffi")
is(#asked == 0, "a library is opened when it is needed first")
is(words.plus == "leaf: add of words, lenient", "a function has the config's name and class")
is(words.add == nil, "and no other name")
is(words.sleep_for == "blocking: sleep_for of words, lenient", "one has its own class")
is(words.crash == "guarded: crash of words, lenient", "or that one")
is(words.twice == "twice of the stubs, lenient", "one without a symbol comes from the stubs")
is(rawget(words, "twice"), "what was looked up stays")
is(words.missing == nil, "what the library lacks does no harm until it is used")
is(words.RED == 1 and words.GREEN == 2 and words.MASK == 0xffffffff, "constants are numbers")
is(words.known == 40, "so is a variable that the header has whole")
is(words.level == 3, "a variable is the library's")
symbols.words.level = 4
is(words.level == 4 and rawget(words, "level") == nil, "and read each time")
words.level = 5
is(symbols.words.level == 5 and rawget(words, "level") == nil, "it is set there, too")
words.mine = 6
is(rawget(words, "mine") == 6, "what is none stays in the module")
is(words.HALF == 0.5 and words.WORDS == "as they are", "macros are what they are worth")
is(table.concat(asked, " ") == "words " .. stubs, "each library is opened once")
local source = assert(io.open(path .. "/words.lua")):read("a")
is(source:find('%-%-%- How loud%.\n%s*%["level"%]'), "and with variables")
is(source:find('%-%-%- Adds two numbers%.\n%s*%-%-%- \n%s*%-%-%- The sum wraps%.\n%s*%["plus"%]'), "comments stand there")
is(source:find('%-%-%- Of one%.\n%s*%["HALF"%]') and source:find('%-%-%- all bits\n%s*%["MASK"%]'), "those of macros, too")
is(source:find('%-%-%- Of several\n%s*%-%-%- lines%.\n%s*%["BELOW"%]'), "of several lines")
is(source:find('%-%-%- And of\n%s*%-%-%- these%.\n%s*%["LAST"%]'), "or of several comments")
is(source:find('"MASK"[^\n]*\n%s*%["BESIDE"%]'), "but not what is about another thing in the line above")
is(source:find('%-%-%- as blood\n%s*%["RED"%]') and source:find('1,\n%s*%["GREEN"%]'), "and an enum's constants'")
is(source:find('%["nameless"%][^\n]*{"nameless", "default"}, %-%- struct { int a; int b; } %*nameless%(void%)\n'), "a declaration is a line")
print(passed .. " passed, 0 failed")
