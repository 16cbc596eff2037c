-- goto, and names that stock Luas have not. Its output is the same under luajit; 5.1 has no goto.
--
-- SPDX-License-Identifier: MIT

local goto = 1
local _ENV = {goto = goto}
print(_ENV.goto, ({goto = 2}).goto, goto)
local object = {count = 0}
function object:goto(n)
    self.count = self.count + (n or 1)
    return self
end
object:goto(2):goto():goto "3"
print(object.count)
for i = 1, 3 do
    for j = 1, 3 do
        if j == 2 then goto continue end
        io.write(i, ":", j, " ")
        ::continue::
    end
end
print()
local größe = {höhe = 1}
größe.höhe = größe.höhe + 1
print(größe["höhe"])
