-- Lua patterns matched step by step, each step paid for: the path for patterns whose backtracking the C matcher could
-- not be stopped in. Semantics are those of Lua 5.4's patterns; only the cost differs.
local K = ...
local raw = K.raw
local type, error, select, unpack = raw.type, K.error, raw.select, raw.unpack
local byte, sub, S, concat = raw.string.byte, raw.string.sub, raw.string, raw.table.concat
local charge = K.charge
local MAX_CAPTURES, MAX_DEPTH = 32, 180
local PERCENT, OPEN, CLOSE, DOLLAR, CARET = 37, 40, 41, 36, 94
local STAR, PLUS, MINUS, QUESTION, DOT, LEFT, RIGHT = 42, 43, 45, 63, 46, 91, 93

-- %a, %d and their kin as sets of byte values, each worked out when first asked for.
local classes = {}
local function members_of(letter)
    local members = classes[letter]
    if members == nil then
        members = false
        if S.find(S.char(letter), "[acdglpsuwx]") then
            members = {}
            for c = 0, 255 do members[c] = S.find(S.char(c), "^%" .. S.char(letter)) ~= nil end
        end
        classes[letter] = members
    end
    return members
end

local function in_class(c, letter)
    local lower = letter
    if letter >= 65 and letter <= 90 then lower = letter + 32 end
    local members = members_of(lower)
    if not members then return letter == c end
    if lower ~= letter then return not members[c] end
    return members[c]
end

-- The position just after the single-character class that starts at `p`.
local function class_end(pat, p)
    local c = byte(pat, p)
    p = p + 1
    if c == PERCENT then
        if p > #pat then error("malformed pattern (ends with '%')", 0) end
        return p + 1
    elseif c ~= LEFT then
        return p
    end
    if byte(pat, p) == CARET then p = p + 1 end
    repeat
        if p > #pat then error("malformed pattern (missing ']')", 0) end
        local d = byte(pat, p)
        p = p + 1
        if d == PERCENT then p = p + 1 end
    until byte(pat, p) == RIGHT
    return p + 1
end

local function in_set(c, pat, p, last)
    local negated = byte(pat, p + 1) == CARET
    p = p + (negated and 2 or 1)
    while p < last do
        local d = byte(pat, p)
        if d == PERCENT then
            if in_class(c, byte(pat, p + 1)) then return not negated end
            p = p + 2
        elseif byte(pat, p + 1) == MINUS and p + 2 < last then
            if d <= c and c <= byte(pat, p + 2) then return not negated end
            p = p + 3
        else
            if d == c then return not negated end
            p = p + 1
        end
    end
    return negated
end

local function single(m, s, p, ep)
    local c = byte(m.s, s)
    if not c then return false end
    local d = byte(m.p, p)
    if d == DOT then return true end
    if d == PERCENT then return in_class(c, byte(m.p, p + 1)) end
    if d == LEFT then return in_set(c, m.p, p, ep - 1) end
    return c == d
end

local match

local function longest(m, s, p, ep)
    local i = 0
    while single(m, s + i, p, ep) do
        charge(2)
        i = i + 1
    end
    while i >= 0 do
        local found = match(m, s + i, ep + 1)
        if found then return found end
        i = i - 1
    end
end

local function shortest(m, s, p, ep)
    while true do
        local found = match(m, s, ep + 1)
        if found then return found end
        if not single(m, s, p, ep) then return nil end
        s = s + 1
    end
end

local function balanced(m, s, p)
    local open, shut = byte(m.p, p), byte(m.p, p + 1)
    if not shut then error("malformed pattern (missing arguments to '%b')", 0) end
    if byte(m.s, s) ~= open then return nil end
    local depth, i = 1, s + 1
    while i <= #m.s do
        charge(1)
        local c = byte(m.s, i)
        if c == shut then
            depth = depth - 1
            if depth == 0 then return i + 1 end
        elseif c == open then
            depth = depth + 1
        end
        i = i + 1
    end
end

local function frontier(m, s, p)
    if byte(m.p, p) ~= LEFT then error("missing '[' after '%f' in pattern", 0) end
    local ep = class_end(m.p, p)
    local before = s == 1 and 0 or byte(m.s, s - 1)
    local here = byte(m.s, s) or 0
    if not in_set(before, m.p, p, ep - 1) and in_set(here, m.p, p, ep - 1) then return ep end
end

local function start_capture(m, s, p, length)
    if m.level >= MAX_CAPTURES then error("too many captures", 0) end
    m.level = m.level + 1
    m.from[m.level], m.len[m.level] = s, length
    local found = match(m, s, p)
    if not found then m.level = m.level - 1 end
    return found
end

local function end_capture(m, s, p)
    for l = m.level, 1, -1 do
        if m.len[l] == -1 then
            m.len[l] = s - m.from[l]
            local found = match(m, s, p)
            if not found then m.len[l] = -1 end
            return found
        end
    end
    error("invalid pattern capture", 0)
end

local function back_reference(m, s, digit)
    local l = digit - 48
    if l < 1 or l > m.level or m.len[l] == -1 then error("invalid capture index", 0) end
    local text = sub(m.s, m.from[l], m.from[l] + m.len[l] - 1)
    charge(1 + #text / 32)
    if sub(m.s, s, s + #text - 1) == text then return s + #text end
end

-- `%b`, `%f` and `%1`: the position after it in the subject, the position after it in the pattern; or no match.
local function special(m, s, p, d)
    if d == 98 then return balanced(m, s, p + 2), p + 4 end
    if d == 102 then
        local ep = frontier(m, s, p + 2)
        return ep and s, ep
    end
    return back_reference(m, s, d), p + 2
end

local function repeated(m, s, p, ep, c)
    if c == STAR then return longest(m, s, p, ep) end
    if c == PLUS then return single(m, s, p, ep) and longest(m, s + 1, p, ep) or nil end
    return shortest(m, s, p, ep)
end

local function step(m, s, p)
    local pat = m.p
    while true do
        charge(4)
        if p > #pat then return s end
        local c, d = byte(pat, p), byte(pat, p + 1)
        if c == OPEN then
            if d == CLOSE then return start_capture(m, s, p + 2, -2) end
            return start_capture(m, s, p + 1, -1)
        elseif c == CLOSE then
            return end_capture(m, s, p + 1)
        elseif c == DOLLAR and p == #pat then
            return s == #m.s + 1 and s or nil
        elseif c == PERCENT and d and (d == 98 or d == 102 or (d >= 48 and d <= 57)) then
            s, p = special(m, s, p, d)
            if not s then return nil end
        else
            local ep = class_end(pat, p)
            local q = byte(pat, ep)
            if q == STAR or q == PLUS or q == MINUS then return repeated(m, s, p, ep, q) end
            local one = single(m, s, p, ep)
            if q == QUESTION then
                local found = one and match(m, s + 1, ep + 1)
                if found then return found end
                p = ep + 1
            elseif one then
                s, p = s + 1, ep
            else
                return nil
            end
        end
    end
end

function match(m, s, p)
    m.depth = m.depth + 1
    if m.depth > MAX_DEPTH then error("the pattern is too complex", 0) end
    local found = step(m, s, p)
    m.depth = m.depth - 1
    return found
end

local function attempt(m, s, p)
    m.level, m.depth = 0, 0
    return match(m, s, p)
end

local function capture(m, l)
    if m.len[l] == -2 then return m.from[l] end
    if m.len[l] == -1 then error("unfinished capture", 0) end
    return sub(m.s, m.from[l], m.from[l] + m.len[l] - 1)
end

local function captures(m, s, e, whole)
    if m.level == 0 then
        if whole then return sub(m.s, s, e - 1) end
        return
    end
    local all = {}
    for l = 1, m.level do all[l] = capture(m, l) end
    return unpack(all, 1, m.level)
end

local function start(s, p, init)
    init = init or 1
    if init < 0 then init = #s + 1 + init end
    if init < 1 then init = 1 end
    local anchored = byte(p, 1) == CARET
    return { s = s, p = p, from = {}, len = {}, level = 0, depth = 0 }, init, anchored and 2 or 1, anchored
end

local function search(m, at, first, anchored)
    while at <= #m.s + 1 do
        local e = attempt(m, at, first)
        if e then return at, e end
        if anchored then return nil end
        at = at + 1
    end
end

local matcher = {}
K.matcher = matcher

function matcher.find(s, p, init)
    local m, at, first, anchored = start(s, p, init)
    local b, e = search(m, at, first, anchored)
    if b then return b, e - 1, captures(m, b, e, false) end
end

function matcher.match(s, p, init)
    local m, at, first, anchored = start(s, p, init)
    local b, e = search(m, at, first, anchored)
    if b then return captures(m, b, e, true) end
end

function matcher.gmatch(s, p)
    local m, at, last = start(s, p), 1, nil
    return function()
        while at <= #s + 1 do
            local e = attempt(m, at, 1)
            if e and e ~= last then
                local b = at
                at, last = e, e
                return captures(m, b, e, true)
            end
            at = at + 1
        end
    end
end

local function expand(m, replacement, s, e)
    return (S.gsub(replacement, "%%(.)", function(d)
        if d == "0" then return sub(m.s, s, e - 1) end
        if d == "%" then return "%" end
        local l = byte(d) - 48
        if l < 1 or l > 9 then error("invalid use of '%' in replacement string", 0) end
        if l == 1 and m.level == 0 then return sub(m.s, s, e - 1) end
        if l > m.level then error("invalid capture index %" .. l .. " in replacement string", 0) end
        return raw.tostring(capture(m, l))
    end))
end

local function replaced(m, replacement, s, e)
    local result
    if type(replacement) == "string" then
        result = expand(m, replacement, s, e)
    elseif type(replacement) == "table" then
        result = replacement[(captures(m, s, e, true))]
    else
        result = replacement(captures(m, s, e, true))
    end
    if not result then return sub(m.s, s, e - 1) end
    if type(result) == "number" then return K.env.tostring(result) end
    if type(result) ~= "string" then error("invalid replacement value (a " .. type(result) .. ")", 0) end
    return result
end

function matcher.gsub(s, p, replacement, limit)
    local m, at, first, anchored = start(s, p)
    local out, n, hits, bytes, last = {}, 0, 0, 0, nil
    limit = limit or #s + 1
    while hits < limit do
        local e = attempt(m, at, first)
        local piece
        if e and e ~= last then
            hits = hits + 1
            piece = replaced(m, replacement, at, e)
            at, last = e, e
        elseif at <= #s then
            piece = sub(s, at, at)
            at = at + 1
        else
            break
        end
        n, bytes = n + 1, bytes + #piece
        out[n] = piece
        K.check_string(bytes)
        if anchored then break end
    end
    if at <= #s then out[n + 1] = sub(s, at) end
    return concat(out), hits
end
