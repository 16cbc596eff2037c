-- What the tests in Lua are written with: a test is a fact and a function; an error fails it.
--
-- SPDX-License-Identifier: MIT

local check = {}
local passed, failed = 0, 0

function check.test(fact, body)
    local ok, problem = xpcall(body, debug.traceback)
    if ok then
        passed = passed + 1
    else
        failed = failed + 1
        print(("FAILED: %s\n%s"):format(fact, problem))
    end
end

function check.equal(got, wanted)
    if got ~= wanted then
        error(("got %s, wanted %s"):format(tostring(got), tostring(wanted)), 2)
    end
end

-- The function must raise an error whose text contains words.
function check.raises(words, f, ...)
    local ok, problem = pcall(f, ...)
    if ok then error("no error was raised", 2) end
    if not tostring(problem):find(words, 1, true) then
        error(("the error is '%s', without '%s'"):format(tostring(problem), words), 2)
    end
end

-- Prints the result, and ends the program if it is a bad one. A good one goes on to its end, where its state is closed: in
-- Lua 5.1, os.exit can't do that.
function check.finish()
    print(("%d passed, %d failed"):format(passed, failed))
    if failed > 0 or passed == 0 then os.exit(1) end
end

return check
