-- SPDX-License-Identifier: LGPL-2.1-or-later

-- The Lua process of four-languages.py, for the relay. Its type is float64.

package.path = arg[1] .. '/?.lua;' .. package.path

local lgi = require 'lgi'
local tbuf = require 'tbuf_items'
local Tbuf = lgi.require('Tbuf', '1')

local FIRST_BATON = 16
local FIRST_BYTE = 64
local RELAY_BYTES = 64
local TIMEOUT_US = 10000000

local arena = assert(Tbuf.Arena.open(arg[2], {}))

local function expected(turn, i)
  return (turn * 31 + i * 7) % 1000
end

local function relay(me, n, previous, n_rounds)
  local batons = Tbuf.Uint32View.new(arena, FIRST_BATON, n)
  local own = Tbuf.Float64View.new(arena, FIRST_BYTE, RELAY_BYTES / 8)
  local ours, n_ours = tbuf.items(own)
  local dtype = previous:upper()
  local theirs, n_theirs = tbuf.items(
    arena:create_view(dtype, FIRST_BYTE, RELAY_BYTES / Tbuf.dtype_get_item_size(dtype)))
  local following = (me + 1) % n

  for round = 1, n_rounds do
    local turn = (round - 1) * n + me
    local baton = batons:atomic_load(me)
    while baton ~= round do
      assert(batons:atomic_wait(me, baton, TIMEOUT_US))
      baton = batons:atomic_load(me)
    end
    assert(own:lock('EXCLUSIVE', TIMEOUT_US))
    for i = 0, turn > 0 and n_theirs - 1 or -1 do
      if tonumber(theirs[i]) ~= expected(turn - 1, i) then
        return ('turn %d: %s item %d is %s'):format(turn, previous, i, tostring(theirs[i]))
      end
    end
    for i = 0, n_ours - 1 do
      ours[i] = expected(turn, i)
    end
    assert(own:unlock())
    assert(batons:atomic_store(following, round + (following == 0 and 1 or 0)))
    assert(batons:atomic_notify(following))
  end
  return 'ok'
end

for line in io.lines() do
  local me, n, previous, n_rounds = line:match('^relay (%d+) (%d+) (%w+) (%d+)$')
  print(relay(tonumber(me), tonumber(n), previous, tonumber(n_rounds)))
  io.flush()
end
