# Reads the names of a backtrace's functions, the newest first, and requires those of expected, a line each. libffi's
# frames, libc's, and helpers that come and go with inlining may stand between: each name must follow the one before
# it, and nothing may follow the last.
#
# SPDX-License-Identifier: MIT
BEGIN { count = split(expected, want, "\n"); at = 1 }
{ last = $0 }
at <= count && $0 == want[at] { at++ }
END {
    if (at <= count) { print "no frame of " want[at] " where it belongs"; exit 1 }
    if (last != want[count]) { print "the trace goes on to " last; exit 1 }
}
