-- Patterns that may match nothing, and places beyond a text's end. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

-- What matches nothing is a match right behind another, too.
local function matches(text, pattern)
    local found = {}
    for match in text:gmatch(pattern) do found[#found + 1] = "[" .. match .. "]" end
    return table.concat(found)
end
print(matches("a,b,,c", "[^,]*"), matches("a,b,,c", "([^,]*),?"), matches("", ".*"), matches("ab", ""), matches("ab", "()"))
print(matches("one two", "%a*"), matches("one two", "%f[%a]%a*"), matches("x]y", "[]]*"), matches("x^y", "[^^]*"))
print(matches("^^a", "^*"), matches("a-b", "[%-]*"), matches("aa", "(a?)%1"), matches("(a)", "%b()"), matches("ab", "$"))
for key, value in ("a=1,b="):gmatch "(%w*)=(%w*)" do io.write(key, ":", value, " ") end
print()

print(("abc"):gsub("%w*", "x"))
print(("hello world"):gsub("o*", "-"))
print(("hello world"):gsub("o-", "-", 3))
print(("hello"):gsub("", "<%0>"))
print(("hello"):gsub("^l*", "-"), ("hello"):gsub("^h*", "-"), ("hello"):gsub("l*$", "-"))
print(("a b"):gsub("(%a?)(%s?)", "%2%1%%"))
print(("a b"):gsub("()%a*", "%1;"))
print(("a b"):gsub("%a*", function(word) return word ~= "" and word .. #word or nil end))
print(("a b"):gsub("%a*", {a = 1, [""] = false}))
print(("%d"):gsub("%%?", "%%%%"), ("aXb"):gsub("%u*", string.lower), string.gsub(12.5, "%d?", "x"))
print(("  trimmed  "):gsub("^%s*(.-)%s*$", "%1"), (" a  b "):gsub("%s*", ""))
print(pcall(string.gsub, "a", "a*", "%2") == false, pcall(string.gsub, "a", "a*", function() return {} end) == false)
print(pcall(string.gsub, "a", "a*") == false, pcall(string.gsub, "a", "[a*", "x") == false, pcall(string.gmatch, "a") == false)

-- A place beyond the end is that behind the last character.
print(("abc"):find("", 10), ("abc"):find("%s*", 5), ("abc"):match("()", 10), ("abc"):find("c", 10), ("abc"):find("", 4.5))
print(("abc"):find("b", -10), ("abc"):match(".", -1), ("").find("", "", 7), ("abc"):find(".", 7, true))
print(("**"):gsub("^*a*", "-"), ("aab"):gsub("^a*", "-"), ("baa"):gsub("^a*", "-"), ("aab"):gsub("^", "-"), ("aab"):gsub("^a*", "-", 0))
print(("ab cd"):gsub("%f[%A]%A*", "-"), ("THE (quick) fox"):gsub("%f[%W]", "|"), ("ab"):gsub("%f[%a]%a-", "<%0>"))
