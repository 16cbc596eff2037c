-- Draws lanes of time to a PNG, with cairo. Of libpng's functions and cairo's, these are for who has lines and words, and not
-- pixels: it knows edges that lie between pixels, and fonts.
--
--     require "draw" ("picture.png", "A title", {
--         {name = "a task", spans = {{state = "lua", from = 0, to = 12}, {state = "c", label = "read", from = 12, to = 80}}},
--     })
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"

ffi.cdef [[
    typedef struct _cairo cairo_t;
    typedef struct _cairo_surface cairo_surface_t;
    typedef struct {
        double x_bearing, y_bearing, width, height, x_advance, y_advance;
    } cairo_text_extents_t;
    enum { CAIRO_STATUS_SUCCESS, CAIRO_FORMAT_RGB24 = 1, CAIRO_FONT_SLANT_NORMAL = 0 };
    enum { CAIRO_FONT_WEIGHT_NORMAL, CAIRO_FONT_WEIGHT_BOLD };
    typedef int (*cairo_write_func_t)(void *closure, const unsigned char *data, unsigned length);

    cairo_surface_t *cairo_image_surface_create(int format, int width, int height);
    int cairo_surface_status(cairo_surface_t *surface);
    int cairo_surface_write_to_png_stream(cairo_surface_t *surface, cairo_write_func_t write, void *closure);
    void cairo_surface_destroy(cairo_surface_t *surface);
    cairo_t *cairo_create(cairo_surface_t *surface);
    void cairo_destroy(cairo_t *cairo);
    int cairo_status(cairo_t *cairo);
    const char *cairo_status_to_string(int status);

    void cairo_scale(cairo_t *cairo, double x, double y);
    void cairo_set_source_rgb(cairo_t *cairo, double red, double green, double blue);
    void cairo_set_line_width(cairo_t *cairo, double width);
    void cairo_rectangle(cairo_t *cairo, double x, double y, double width, double height);
    void cairo_move_to(cairo_t *cairo, double x, double y);
    void cairo_line_to(cairo_t *cairo, double x, double y);
    void cairo_fill(cairo_t *cairo);
    void cairo_stroke(cairo_t *cairo);
    void cairo_select_font_face(cairo_t *cairo, const char *family, int slant, int weight);
    void cairo_set_font_size(cairo_t *cairo, double size);
    void cairo_text_extents(cairo_t *cairo, const char *text, cairo_text_extents_t *extents);
    void cairo_show_text(cairo_t *cairo, const char *text);
]]
local lib = ffi.load "libcairo.so.2"
local C = ffi.C

-- All in points, of which each is SCALE pixels wide.
local SCALE <const> = 2
local WIDTH <const>, LEFT <const>, RIGHT <const>, TOP <const>, BOTTOM <const> = 1100, 110, 30, 96, 44
local ROW <const>, BAR <const> = 40, 20

local PAPER <const>, INK <const>, PALE_INK <const>, RULE <const> = 0xfcfbf8, 0x2b2d33, 0x858890, 0xe6e4dd
local STATES <const> = {
    {state = "lua", words = "runs Lua: one at a time", color = 0xe8893c, label = 0xffffff},
    {state = "c", words = "in C: any number at once", color = 0x3f74b5, label = 0xffffff},
    {state = "waits", words = "waits", color = 0xc9ccd3, height = 3},
    {state = "ready", words = "could run, has no turn", color = 0xf6d9bd, label = INK},
}
local style_of <const> = {}
for _, style in ipairs(STATES) do style_of[style.state] = style end

-- A picture, and what is drawn on it.
local Pen = {}
Pen.__index = Pen

local function check(status)
    if status ~= C.CAIRO_STATUS_SUCCESS then error("cairo: " .. ffi.string(lib.cairo_status_to_string(status)), 0) end
end

local function new_pen(width, height)
    local surface = ffi.gc(lib.cairo_image_surface_create(C.CAIRO_FORMAT_RGB24, width * SCALE, height * SCALE),
        lib.cairo_surface_destroy)
    check(lib.cairo_surface_status(surface))
    local cairo = ffi.gc(lib.cairo_create(surface), lib.cairo_destroy)
    lib.cairo_scale(cairo, SCALE, SCALE)
    return setmetatable({surface = surface, cairo = cairo}, Pen)
end

function Pen:color(rgb)
    lib.cairo_set_source_rgb(self.cairo, (rgb >> 16) / 255, (rgb >> 8 & 255) / 255, (rgb & 255) / 255)
end

function Pen:box(x, y, width, height, rgb)
    self:color(rgb)
    lib.cairo_rectangle(self.cairo, x, y, width, height)
    lib.cairo_fill(self.cairo)
end

function Pen:line(x1, y1, x2, y2, rgb)
    self:color(rgb)
    lib.cairo_set_line_width(self.cairo, 1)
    lib.cairo_move_to(self.cairo, x1, y1)
    lib.cairo_line_to(self.cairo, x2, y2)
    lib.cairo_stroke(self.cairo)
end

function Pen:font(size, is_bold)
    local weight = is_bold and C.CAIRO_FONT_WEIGHT_BOLD or C.CAIRO_FONT_WEIGHT_NORMAL
    lib.cairo_select_font_face(self.cairo, "sans-serif", C.CAIRO_FONT_SLANT_NORMAL, weight)
    lib.cairo_set_font_size(self.cairo, size)
end

function Pen:width_of(text)
    local extents = ffi.new "cairo_text_extents_t"
    lib.cairo_text_extents(self.cairo, text, extents)
    return extents.x_advance
end

-- Where x is the text's left end, with `at` its middle at 0.5, and its right end at 1.
function Pen:text(x, y, text, rgb, at)
    self:color(rgb)
    lib.cairo_move_to(self.cairo, x - self:width_of(text) * (at or 0), y)
    lib.cairo_show_text(self.cairo, text)
end

local function must(value, problem)
    return value or error(problem, 0)
end

-- By a function of ours, whose errors are Lua's: cairo's own says of a file no more than that it can't be written.
function Pen:write(path)
    check(lib.cairo_status(self.cairo))
    local file <close> = must(io.open(path, "wb"))
    local write = ffi.cast("cairo_write_func_t", function(_, data, length)
        must(file:write(ffi.string(data, length)))
        return C.CAIRO_STATUS_SUCCESS
    end)
    local ok, status = pcall(lib.cairo_surface_write_to_png_stream, self.surface, write, nil)
    write:free()
    if not ok then error(status, 0) end
    check(status)
    must(file:close())
end

-- The parts of the picture

local function end_of(lanes)
    local last = 0
    for _, lane in ipairs(lanes) do
        for _, span in ipairs(lane.spans) do last = math.max(last, span.to) end
    end
    return last
end

local function draw_head(pen, title)
    pen:font(17, true)
    pen:text(LEFT, 36, title, INK)
    pen:font(11)
    local x = LEFT
    for _, style in ipairs(STATES) do
        local height = style.height or 11
        pen:box(x, 60 - height / 2, 18, height, style.color)
        pen:text(x + 24, 64, style.words, INK)
        x = x + 24 + pen:width_of(style.words) + 26
    end
end

-- A step for the axis that is 1, 2 or 5 times a power of ten, and about a tenth of the whole.
local function step_for(whole)
    local power = 10 ^ math.floor(math.log(whole / 10, 10))
    for _, factor in ipairs {1, 2, 5} do
        if whole / (power * factor) <= 12 then return power * factor end
    end
    return power * 10
end

local function draw_axis(pen, bottom, whole, x_of)
    local step = step_for(whole)
    pen:font(10)
    for i = 0, math.floor(whole / step) do
        local x = x_of(i * step)
        pen:line(x, TOP - 8, x, bottom + 4, RULE)
        pen:text(x, bottom + 20, ("%g"):format(i * step), PALE_INK, 0.5)
    end
    pen:text(WIDTH - RIGHT, bottom + 36, "milliseconds", PALE_INK, 1)
end

local function draw_span(pen, span, middle, x_of)
    local style, x, width = style_of[span.state], x_of(span.from), x_of(span.to) - x_of(span.from)
    local height = style.height or BAR
    pen:box(x, middle - height / 2, width, height, style.color)
    if style.label and span.label and pen:width_of(span.label) + 6 < width then
        pen:text(x + width / 2, middle + 3.5, span.label, style.label, 0.5)
    end
end

local function draw_lane(pen, lane, middle, x_of)
    pen:font(12)
    pen:text(LEFT - 14, middle + 4, lane.name, INK, 1)
    pen:font(9.5)
    for _, span in ipairs(lane.spans) do draw_span(pen, span, middle, x_of) end
end

-- Draws the lanes to a file at path. The states are those of STATES, the times milliseconds from 0.
return function(path, title, lanes)
    local bottom, whole = TOP + ROW * #lanes, math.max(end_of(lanes), 0.001)
    local pen = new_pen(WIDTH, bottom + BOTTOM)
    local function x_of(time) return LEFT + (WIDTH - LEFT - RIGHT) * time / whole end
    pen:box(0, 0, WIDTH, bottom + BOTTOM, PAPER)
    draw_head(pen, title)
    draw_axis(pen, bottom, whole, x_of)
    for i, lane in ipairs(lanes) do draw_lane(pen, lane, TOP + ROW * (i - 0.5), x_of) end
    pen:write(path)
end
