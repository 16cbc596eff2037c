-- Modules as they were written for 5.1, environments, and what goes with them. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

-- setfenv on a function, a level, and a chunk.
local function reader() return name end
setfenv(reader, {name = "mine"})
print(reader(), getfenv(reader).name, name, getfenv(1) == _G, getfenv(0) == _G, getfenv(print) == _G)

local function scoped()
    setfenv(1, setmetatable({}, {__index = _G}))
    inside = 1
    return getfenv(1).inside, _G.inside
end
print(scoped())

local chunk = loadstring "counter = (counter or 0) + 1 return counter"
local world = {}
setfenv(chunk, world)
print(chunk(), chunk(), world.counter, counter)

-- Inner functions have the environment of the one that makes them.
local function make() return function() return value end end
setfenv(make, {value = "inherited"})
print(make()())

-- module, with and without package.seeall.
package.preload["sample.shapes"] = function(...)
    module(..., package.seeall)
    function area(w, h) return w * h end
    private = tostring(_NAME) .. " in " .. tostring(_PACKAGE)
end
local shapes = require "sample.shapes"
print(shapes.area(3, 4), shapes.private, sample.shapes == shapes, package.loaded["sample.shapes"] == shapes)
print(require "sample.shapes" == shapes, shapes._M == shapes)

-- load in its forms.
print(load("return ...", "=name")(1, 2))
local pieces, at = {"return ", "4", "2"}, 0
print(load(function()
    at = at + 1
    return pieces[at]
end)())
print(load("return x", "=name", "t", {x = "given"})())
print((load("x =", "=broken")))
print(select("#", load "return 1"), (load("\27Lua", "=binary", "t")))
print(pcall(loadstring("local t = nil; return t.x", "=(indexed)")) == false)

-- What was dumped works.
local dumped = string.dump(function(a, b) return a .. b, 42LL end)
print(load(dumped, "=dumped")(1.5, 2))

-- newproxy, xpcall with arguments, pcall's results.
local proxy = newproxy(true)
getmetatable(proxy).__index = function(_, key) return key .. "!" end
getmetatable(proxy).__len = function() return 7 end
print(proxy.hello, #proxy, type(proxy), getmetatable(newproxy(proxy)) == getmetatable(proxy))
print(xpcall(function(...) return select("#", ...), ... end, debug.traceback, nil, 2))
print(xpcall(function(x) error(x, 0) end, function(message) return "handled " .. message end, "it"))
print(pcall(error, {1}) == false, select(2, pcall(error, nil)))

print(coroutine.running(), type(coroutine.wrap(function() return coroutine.running() end)()))
print(jit.os, jit.arch, jit.version_num, type(jit.version), type(jit.opt), jit.on(), jit.off(function() end))
print(_VERSION, math.pow(2, 10), math.ldexp(0.5, 3), math.frexp(10), math.log10(1000), math.cosh(0))
print(os.execute "exit 3", os.execute "true", type(os.time {year = 2020, month = 1, day = 1.5}))
