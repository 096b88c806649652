-- SPDX-License-Identifier: LGPL-2.1-or-later

-- The recipe for LuaJIT. Its folder is the argument.

package.path = arg[1] .. '/?.lua;' .. package.path

local lgi = require 'lgi'
local tbuf = require 'tbuf_items'
local Tbuf = lgi.require('Tbuf', '1')

local N_MADE = 10000

local cases = {}

local function test(name, f)
  table.insert(cases, {name, f})
end

local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, 'nothing was raised')
  assert(tostring(message):find(pattern), 'another error: ' .. tostring(message))
end

local function contents(path)
  local file = assert(io.open(path))
  local text = file:read('*a')
  file:close()
  return text
end

test('items are the memory itself', function()
  local view = Tbuf.Float64View.new(Tbuf.Arena.new(80), 0, 10)
  local items, n = tbuf.items(view)

  assert(n == 10)
  items[3] = 2.5
  assert(view:get_item(3) == 2.5)
  view:set_item(4, -1)
  assert(items[4] == -1)
end)

test('each dtype has its type', function()
  local sizes = {
    Bool = 1, Int8 = 1, Int16 = 2, Int32 = 4, Int64 = 8, Uint8 = 1, Uint16 = 2, Uint32 = 4, Uint64 = 8,
    Float16 = 2, Float32 = 4, Float64 = 8, Complex64 = 8, Complex128 = 16,
  }
  for name, size in pairs(sizes) do
    local arena = Tbuf.Arena.new(4 * size)
    local view = Tbuf[name .. 'View'].new(arena, 0, 4)
    local items, n = tbuf.items(view)
    local bytes = tbuf.items(Tbuf.Uint8View.new(arena, 0, 4 * size))

    assert(n == (name:find('Complex') and 8 or 4))
    items[n - 1] = 1
    local sum = 0
    for i = 0, 4 * size - 1 do
      sum = sum + (i < 4 * size - size and bytes[i] or 0)
    end
    assert(sum == 0 and items[n - 1] == 1, name)
  end
end)

test('64-bit integers are exact', function()
  local items = tbuf.items(Tbuf.Int64View.new(Tbuf.Arena.new(8), 0, 1))

  items[0] = 9007199254740993LL
  assert(items[0] == 9007199254740993LL and items[0] ~= 9007199254740992LL)
end)

test('items outlive their view and their arena', function()
  local arena = Tbuf.Arena.new(4096)
  local items = tbuf.items(Tbuf.Int32View.new(arena, 0, 1024))

  items[1023] = 7
  arena:close()
  arena = nil
  for _ = 1, 3 do collectgarbage() end
  assert(items[1023] == 7)
end)

test('what a pointer cannot express is refused', function()
  local arena = Tbuf.Arena.new(80)
  local view = Tbuf.Int32View.new(arena, 0, 20)

  fails('one after another', tbuf.items, view:slice(0, 0, 20, 2))
  local other = view.byte_order == 'LITTLE' and 'BIG' or 'LITTLE'
  fails('byte order', tbuf.items, view:cast('INT32', other))
end)

test('items of a read-only arena are constants', function()
  local arena = Tbuf.Arena.new(16)
  local reader = assert(Tbuf.Arena.open_fd(arena:get_fd(), {READ_ONLY = true}))
  local items = tbuf.items(Tbuf.Int32View.new(reader, 0, 4))

  tbuf.items(Tbuf.Int32View.new(arena, 0, 4))[2] = 5
  assert(items[2] == 5)
  fails('constant', function() items[2] = 6 end)
end)

test('locked() unlocks, also after an error', function()
  local arena = Tbuf.Arena.new(16)
  local view, other = Tbuf.Int32View.new(arena, 0, 4), Tbuf.Int32View.new(arena, 0, 4)

  assert(tbuf.locked(view, function(locked)
    assert(locked == view and view.held_mode == 'EXCLUSIVE')
    local ok, err = other:lock('SHARED', 0)
    assert(not ok and err:matches(Tbuf.Error, 'BUSY'))
    return 42
  end) == 42)
  fails('on purpose', tbuf.locked, view, function() error('on purpose') end)
  assert(view.lock_state == 'FREE')
end)

local function collected_kilobytes()
  for _ = 1, 3 do collectgarbage() end
  return tonumber(contents('/proc/self/statm'):match('%d+ (%d+)')) * 4
end

test(N_MADE .. ' items made and dropped leave nothing behind', function()
  local arena = Tbuf.Arena.new(4096)
  local function make(n)
    for i = 1, n do
      local items = tbuf.items(Tbuf.Int32View.new(arena, 0, 1024))
      items[i % 1024] = i
      if i % 1000 == 0 then collectgarbage() end
    end
  end

  make(N_MADE / 10)
  local before = collected_kilobytes()
  make(N_MADE)
  local after = collected_kilobytes()
  assert(after < before + 8192, before .. ' kB became ' .. after)
end)

test('arenas made and dropped leave nothing behind', function()
  local function make(n)
    for i = 1, n do
      tbuf.items(Tbuf.Int32View.new(Tbuf.Arena.new(64), 0, 16))[0] = i
      if i % 100 == 0 then collectgarbage() collectgarbage() end
    end
  end
  local function mappings()
    for _ = 1, 3 do collectgarbage() end
    local _, n = contents('/proc/self/maps'):gsub('tbuf%-arena', '')
    return n
  end

  make(200)
  local before = mappings()
  make(1000)
  local after = mappings()
  assert(after <= before + 2, before .. ' mappings became ' .. after)
end)

print('1..' .. #cases)
for i, case in ipairs(cases) do
  local ok, message = pcall(case[2])
  print((ok and 'ok ' or 'not ok ') .. i .. ' - ' .. case[1])
  if not ok then print('# ' .. tostring(message)) end
end
