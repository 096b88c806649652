# SPDX-License-Identifier: LGPL-2.1-or-later

# The Ruby process of four-languages.py, for the relay. Its type is uint32.

require "tbuf_items"

FIRST_BATON = 16
FIRST_BYTE = 64
RELAY_BYTES = 64
TIMEOUT_US = 10_000_000

ARENA = Tbuf::Arena.open(ARGV[0], :none)

def expected(turn, index)
  (turn * 31 + index * 7) % 1000
end

def relay(me, n, previous, n_rounds)
  batons = Tbuf::Uint32View.new(ARENA, FIRST_BATON, n)
  own = Tbuf::Uint32View.new(ARENA, FIRST_BYTE, RELAY_BYTES / 4)
  ours = own.items
  size = [0].pack(Tbuf::Items::FORMATS[previous]).bytesize
  theirs = ARENA.create_view(previous.to_sym, FIRST_BYTE, RELAY_BYTES / size).items
  following = (me + 1) % n

  1.upto(n_rounds) do |round|
    turn = (round - 1) * n + me
    until (baton = batons.atomic_load(me)) == round
      batons.atomic_wait(me, baton, TIMEOUT_US, nil)
    end
    own.lock(:exclusive, TIMEOUT_US, nil)
    theirs.each_with_index do |item, index|
      return "turn #{turn}: #{previous} item #{index} is #{item}" if turn.positive? && item != expected(turn - 1, index)
    end
    ours.size.times { |index| ours[index] = expected(turn, index) }
    own.unlock
    batons.atomic_store(following, round + (following.zero? ? 1 : 0))
    batons.atomic_notify(following)
  end
  "ok"
end

$stdout.sync = true
$stdin.each_line do |line|
  _, me, n, previous, n_rounds = line.split
  puts relay(me.to_i, n.to_i, previous, n_rounds.to_i)
end

# Debian 13's Ruby now and then frees an object of the gem twice while it ends: docs/other-languages.md.
exit!(true)
