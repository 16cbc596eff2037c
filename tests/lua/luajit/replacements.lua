-- What gsub puts in for a "%" before no digit, in texts with zeros, too. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

for _, pattern in ipairs {"a", "a*"} do
    for _, replacement in ipairs {"%q", "%", "%%", "x\0%q", "x\0%", "x\0%%%", "%0\0%"} do
        print(((" a "):gsub(pattern, replacement)):byte(1, -1))
    end
end
