-- The loader, used by a program of a stock Lua; tests/lua/luajit/ has scripts that luajit runs, too.

local check = require "check"
local luajit = require "callgate.luajit"
local test, equal, raises = check.test, check.equal, check.raises

-- What source returns in LuaJIT's world.
local function run(source, ...) return assert(luajit.load(source, "=chunk"))(...) end

-- The translation for a version, without the names that it may begin with.
local function translated(source, version)
    return (luajit.translate(source, version or 504):gsub('^local callgate_text.-callgate%(%) ', ""))
end

local function lines(text) return select(2, text:gsub("\n", "")) end

test("a script has a world of its own", function()
    run "leaked = 1; string.new_one = nil; table.other = 1"
    equal(rawget(_G, "leaked"), nil)
    equal(table.other, nil)
    equal(luajit.env.leaked, 1)
    equal(run "return _G == getfenv(0), _VERSION", true)
    equal(run "return _G.rawlen or table.unpack or utf8", nil)
end)

test("numerals are doubles where Lua has integers, and keys stay as they are", function()
    equal(translated "x = 42 + 0x10", "x = 42.0 + 0x10p0")
    equal(translated "t[1] = {[2] = 3}", "t[1] = {[2] = 3.0}")
    equal(run "local t = {} t[9007199254740993] = 1 return t[9007199254740992]", 1)
    equal(translated("x = 42 + 0x10", 502), "x = 42 + 0x10")
    equal(translated("x = 0b101, 0x.8p1", 501), "x = 5, 1")
    equal(run "return 2^53 == 2^53 + 1, 9223372036854775807 + 1 > 0, 1 % 0 ~= 1 % 0", true)
end)

test("a numeral with a suffix is looked up, and made once", function()
    equal(translated "return 42LL", 'return callgate_literal["42LL"]')
    equal(run "local function f() return 42LL end return rawequal(f(), f())", true)
    equal(tostring(run "return 0xffffffffffffffffULL"), "18446744073709551615ULL")
    equal(tostring(run "return 0x10i"), "0+16i")
    equal(tostring(run "return -5ll"), "-5LL")
end)

test("a mark of UTF-8 and a first line with # are no source", function()
    equal(run "\239\187\191return 5", 5)
    equal(run "\239\187\191#!/usr/bin/luajit\nreturn 6", 6)
    equal(run "#\nreturn 7", 7)
end)

test("what follows a numeral still begins a statement", function()
    equal(run "local x = 42LL\n(function() end)()\nreturn type(x)", "cdata")
    equal(run "local x = '' .. 5\n(function() end)()\nreturn x", "5")
    equal(run "local x = 1LL == 2\n(function() end)()\nreturn x", false)
end)

test("operands of .. are written as LuaJIT does, strings excepted", function()
    equal(translated "return 'a' .. b .. 'c'", "return 'a' .. callgate_text(b) .. 'c'")
    equal(translated "return a + b .. c", "return callgate_text(a + b) .. callgate_text(c)")
    equal(translated("return a .. b", 502), "return a .. b")
    equal(run "return 1 .. '|' .. 10 / 2 .. '|' .. -2 ^ 2 .. '|' .. 1e15", "1|5|-4|1e+15")
    equal(run "return 'x' .. ('y' .. 1)", "xy1")
end)

test("== is a call where an operand may be a cdata, and only there", function()
    equal(translated "return a == nil", "return callgate_equal(a , nil)")
    equal(translated "return a.b ~= c", "return not callgate_equal(a.b , c)")
    equal(translated "return type(x) == 'table' and #t == 0 and not a ~= true",
          "return type(x) == 'table' and #t == 0.0 and not a ~= true")
    equal(translated "return type(x).y == 1", "return callgate_equal(type(x).y , 1.0)")
    equal(translated "return 1LL == 1", 'return callgate_equal(callgate_literal["1LL"] , 1.0)')
    equal(run "local function none() end return none() == nil and 1 ~= 2 and not ('a' ~= 'a')", true)
    equal(run "return 1 == 1 == true and 1 ~= 1 == false", true)
    equal(run "return 0 / 0 == 0 / 0", false)
    equal(run "local a, b, c = 1, 1, true return a == b == c and (a ~= b ~= c) and not (a == (b == c))", true)
end)

test("words stay apart where there was no blank", function()
    equal(run "local a,b=1,1 if(a)==b then return(a)..(b)end", "11")
    equal(run "local a,b=1,1 if(a)~=b then return 1 else return(a)==b end", true)
    equal(run "local t={} function t:goto()return self end if nil==(t):goto()then return 1 end return(t):goto()==t", true)
end)

test("tokens stay on their lines", function()
    for _, source in ipairs {
        "x = [[\n\n]] .. y\nz = 1LL", "x = 'a\\\nb' --[==[\n]] ]==] .. 1\n", "x = 'a\\z\n  \n b' .. 2", "\r\nx = 1LL\r\n",
        "function t.\ngoto() end t:\ngoto()", "#!/usr/bin/luajit\nreturn 1LL", "return {\n1LL,\n2LL\n}",
    } do
        for _, version in ipairs {501, 502, 503, 504} do
            equal(lines((luajit.translate(source, version))), lines(source))
        end
    end
    local _, problem = pcall(run, "\nlocal x = 5 .. 'a'\n\nerror 'here'")
    equal(problem, "chunk:4: here")
end)

test("escapes that a version has not are written out", function()
    equal(translated([[x = "\x41\u{20ac}\065\\x\z   b"]], 501), [[x = "\065\226\130\172\065\\xb"]])
    equal(translated([[x = "\x41\u{7f}\z b"]], 502), [[x = "\x41\127\z b"]])
    equal(translated([[x = "\x41\u{7f}"]], 503), [[x = "\x41\u{7f}"]])
    equal(run [[return "\x41\u{20ac}\z
        b"]], "A\226\130\172b")
    equal(select(2, luajit.translate([[x = "\u{d800}"]], 501)), "invalid escape")
    equal(select(2, luajit.translate([[x = "\xg0"]], 501)), "invalid escape")
end)

test("names that are LuaJIT's alone are others", function()
    equal(translated "local goto = 1; goto = 2; t.goto = {goto = 3}",
          'local callgate_goto = 1.0; callgate_goto = 2.0; t["goto"] = {["goto"] = 3.0}')
    equal(translated("local goto = 1", 501), "local goto = 1")
    equal(translated "goto out ::out::", "goto out ::out::")
    equal(translated "local _ENV = {}", "local callgate__ENV = {}")
    equal(run "local größe = {höhe = 1} größe.höhe = größe.höhe + 1 return größe['höhe']", 2)
    equal(run "local t = {n = 1} function t:goto(x) return self.n + x end return t:goto(2)", 3)
    equal(run "local t = {goto = {}} function t.goto:m(x) return x end return t.goto:m(4)", 4)
    equal(run "_ENV = 5 return _G._ENV or callgate__ENV", 5)
end)

test("what can't be read is an error at its place", function()
    for source, words in pairs {
        ["x = 1LL1"] = "chunk:1: malformed number near '1LL1'",
        ["\nx = 3..2"] = "chunk:2: malformed number near '3..2'",
        ["x = 0x1p4LL"] = "malformed number", ["x = 18446744073709551616ULL"] = "malformed number",
        ["x = = 1"] = "chunk:1: unexpected symbol", ["x = 'a"] = "chunk:1: unfinished string",
        ["\n\nfor"] = "chunk:3:", ["x = [[a"] = "chunk:1: unfinished long string", ["x = 1LL 'a'"] = "chunk:1:",
        ["x = 1 +"] = "chunk:1: unexpected symbol near '<eof>'", ["if x then\n"] = "near '<eof>'",
        ["x = a .. 5 'b'"] = "chunk:1:", ["x = a == 5 {}"] = "chunk:1:", ["return ("] = "chunk:1:", ["x = $"] = "chunk:1:",
    } do
        local f, problem = luajit.load(source, "=chunk")
        equal(f, nil)
        assert(problem:find(words, 1, true), source .. ": " .. problem)
    end
    equal(luajit.load(("("):rep(1000) .. "1" .. (")"):rep(1000)), nil)
    equal(luajit.load("return " .. ("{"):rep(1000000)), nil)
    equal(luajit.load("return " .. ("a .. "):rep(190) .. "a") ~= nil, true)
end)

test("Lua's functions take numbers that aren't whole", function()
    equal(run "return ('abcdef'):sub(1.9, 7 / 2)", "abc")
    equal(run "return ('x'):rep(2.5)", "xx")
    equal(run "return string.format('%d %x %s %q', 3.7, 15.9, 4 / 2, 1 / 2)", '3 f 2 "0.5"')
    equal(run "return table.concat({1, 2 / 1, 0.5}, ' ')", "1 2 0.5")
    equal(run "return (('a1b'):gsub('%d', function(d) return d * 2 end))", "a2b")
    equal(run "return (('ab'):gsub('%a', {a = 4 / 2}))", "2b")
    equal(run "return select(2.5, 'a', 'b')", "b")
    equal(run "return (string.gsub(1234.5, '^(%d)', '%1,'))", "1,234.5")
    equal(run "return ('abc'):sub(-math.huge, math.huge)", math.type and "abc" or ("abc"):sub(-math.huge, math.huge))
    if math.type then raises("invalid value", run, "return table.concat({1, 2, 2.5}, ' ', 1, math.huge)") end
end)

test("their errors name them, and the place of the call", function()
    raises("chunk:1: bad argument #1 to 'rep' (string expected, got nil)", run, "return string.rep(nil, 1)")
    raises("chunk:2: bad argument #2 to 'format'", run, "local f = string\nreturn f.format('%d', {})")
    raises("chunk:1: bad argument #1 to 'insert' (table expected, got nil)", run, "return table.insert(nil, 1)")
end)

test("an environment is a function's, a level's or all", function()
    equal(run "local function f() return x end setfenv(f, {x = 1}) return f() + getfenv(f).x", 2)
    equal(run "setfenv(1, {y = 5}) return y", 5)
    equal(run "local function f() return 1 end setfenv(f, {z = 2}) return getfenv(f).z", 2)
    raises("cannot change environment", run, "setfenv(string.len, {})")
    raises("table expected", run, "setfenv(1, nil)")
    raises("invalid level", run, "getfenv(100)")
    equal(luajit.load("return w", "=chunk", "t", {w = 3})(), 3)
end)

test("modules are found, translated and kept", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "module(..., package.seeall) size = tostring(0x10ULL) function name() return _NAME end"
    file:close()
    luajit.env.package.path = path:gsub("[^/]+$", "?")
    local name = path:match "[^/]*$"
    local m = luajit.require(name)
    equal(m.size, "16ULL")
    equal(m.name(), name)
    equal(luajit.require(name), m)
    equal(run("return require(...)", name), m)
    os.remove(path)
    raises("module 'no.such.module' not found", luajit.require, "no.such.module")
    raises("no file '" .. path:gsub("[^/]+$", "no/such/module") .. "'", luajit.require, "no.such.module")
end)

test("a module that fails is tried again, and one that needs itself is an error", function()
    local tries = 0
    luajit.env.package.preload.failing = function()
        tries = tries + 1
        error "not yet"
    end
    raises("not yet", luajit.require, "failing")
    raises("not yet", luajit.require, "failing")
    equal(tries, 2)
    luajit.env.package.preload.looping = function() return luajit.require "looping" end
    raises("loop or previous error", luajit.require, "looping")
end)

test("ffi, bit and jit are there", function()
    equal(run "return require 'ffi' == require 'ffi' and require 'bit' == bit and require 'jit' == jit", true)
    equal(run "return require('ffi').sizeof 'int'", 4)
    equal(luajit.require "ffi", require "callgate.ffi")
    equal(run "return jit.status()", false)
    equal(run "local zone = require 'jit.zone' zone 'first' zone() return zone:get()", nil)
    equal(run "require('jit.profile').start('l', print) require('jit.profile').stop() require('jit.v').on()", nil)
    equal(run "local t = require 'table.new'(4, 4) t[1] = 1 require 'table.clear'(t) return next(t)", nil)
end)

test("a chunk may be loaded from pieces, and dumped", function()
    local pieces = {"return ", "1LL ", "+ 1"}
    equal(tostring(luajit.load(function() return table.remove(pieces, 1) end)()), "2LL")
    equal(luajit.load(string.dump(run "return function(a) return a .. 2, a == nil end"))(1), "12")
    raises("function expected", luajit.load, 5)
end)

test("many constants are one chunk's, and many chunks' constants are collected", function()
    local source = {}
    for i = 1, 1000 do source[i] = i .. "LL" end
    equal(#run("return {" .. table.concat(source, ", ") .. "}"), 1000)
    for i = 1, 10 do run("return " .. i .. "000LL") end
    collectgarbage()
    collectgarbage()
    local _, literals = nil, select(3, string.callgate())
    local left = 0
    for _ in pairs(literals) do left = left + 1 end
    assert(left < 100, left)
end)

check.finish()
