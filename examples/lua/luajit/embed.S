/* The loader's files in Lua, as they are.
 *
 * SPDX-License-Identifier: MIT */
    .section .rodata

    .macro file name path
    .globl \name, \name\()_end
    .hidden \name, \name\()_end
    .type \name, @object
\name:
    .incbin "\path"
\name\()_end:
    .size \name, . - \name
    .endm

    file luajit_source, examples/lua/luajit/luajit.lua
    file luajit_buffer_source, examples/lua/luajit/buffer.lua

    .section .note.GNU-stack, "", @progbits
