-- SPDX-License-Identifier: LGPL-2.1-or-later

-- A recipe for LuaJIT with lgi: the items of a view as a C array over the memory itself, and locks that end by
-- themselves. Copy this file and use it:
--
--   local lgi = require 'lgi'
--   local tbuf = require 'tbuf_items'
--   local Tbuf = lgi.require('Tbuf', '1')
--
--   local arena = assert(Tbuf.Arena.open('measurements', {}))
--   local view = assert(arena:get_view('A'))
--   tbuf.locked(view, function()
--     local items, n = tbuf.items(view)
--     for i = 0, n - 1 do items[i] = items[i] * 2 end
--   end)

local ffi = require 'ffi'
local lgi = require 'lgi'
local Tbuf = lgi.require('Tbuf', '1')

-- What an item is in C, and of how many of these it consists.
local types = {
  BOOL = {'uint8_t', 1},
  INT8 = {'int8_t', 1}, INT16 = {'int16_t', 1}, INT32 = {'int32_t', 1}, INT64 = {'int64_t', 1},
  UINT8 = {'uint8_t', 1}, UINT16 = {'uint16_t', 1}, UINT32 = {'uint32_t', 1}, UINT64 = {'uint64_t', 1},
  FLOAT16 = {'uint16_t', 1}, FLOAT32 = {'float', 1}, FLOAT64 = {'double', 1},
  COMPLEX64 = {'float', 2}, COMPLEX128 = {'double', 2},
}
local native = ffi.abi('le') and 'LITTLE' or 'BIG'

local recipe = {}

-- The items as a pointer that counts from 0, and their number. The memory stays mapped for as long as this very
-- pointer lives; one that is computed from it does not keep it. Where the arena is mapped for reading only, it is a
-- pointer to constants, through which LuaJIT does not write. As in C, nobody checks an index.
function recipe.items(view)
  if not view.is_contiguous then
    error('the items do not lie one after another', 2)
  elseif view.byte_order ~= native and view.item_size > 1 then
    error('the items are not in this machine\'s byte order', 2)
  end
  assert(view:check_access(false))

  local type, parts = unpack(types[view.dtype])
  local prefix = view:check_access(true) and '' or 'const '
  local bytes = view:get_bytes()
  local items = ffi.cast(prefix .. type .. ' *', view:get_address())

  return ffi.gc(items, function() bytes = nil end), view.n_items * parts
end

-- Calls f(view) while the view is locked, and gives what it returns. It unlocks also if f raises an error.
function recipe.locked(view, f, mode, timeout_us)
  assert(view:lock(mode or 'EXCLUSIVE', timeout_us or -1))

  local result = {pcall(f, view)}
  assert(view:unlock())
  if not result[1] then
    error(result[2], 0)
  end
  return unpack(result, 2)
end

return recipe
