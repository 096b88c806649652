# SPDX-License-Identifier: LGPL-2.1-or-later

# The recipe for Ruby. Its folder is the argument.

require File.join(ARGV[0], "tbuf_items")

N_MADE = 20_000
CASES = {}

def test(name, &block)
  CASES[name] = block
end

def same(actual, expected)
  raise "expected #{expected.inspect}, got #{actual.inspect}" unless actual == expected
end

def fails(type, pattern = //)
  begin
    yield
  rescue type => error
    raise "another message: #{error.message}" unless pattern.match?(error.message)

    return
  end
  raise "nothing was raised"
end

def holdings
  3.times { GC.start }
  { pages: File.read("/proc/self/statm").split[1].to_i, descriptors: Dir.children("/proc/self/fd").size,
    mappings: File.read("/proc/self/maps").scan("tbuf-arena").size }
end

def flat(n)
  yield n / 10
  before = holdings
  yield n
  after = holdings
  { pages: 4096, descriptors: 8, mappings: 8 }.each do |what, slack|
    raise "#{what} grew from #{before[what]} to #{after[what]}" if after[what] > before[what] + slack
  end
end

test "items are the memory itself" do
  view = Tbuf::Float64View.new(Tbuf::Arena.new(80), 0, 10)
  items = view.items

  same items.size, 10
  items[3] = 2.5
  same view.get_item(3), 2.5
  view.set_item(4, -1)
  same items[4], -1.0
  same items.to_a, [0, 0, 0, 2.5, -1, 0, 0, 0, 0, 0]
  same items.sum, 1.5
end

test "each dtype has its format" do
  { Bool: 1, Int8: 1, Int16: 2, Int32: 4, Int64: 8, Uint8: 1, Uint16: 2, Uint32: 4, Uint64: 8,
    Float16: 2, Float32: 4, Float64: 8, Complex64: 8, Complex128: 16 }.each do |name, size|
    view = Tbuf.const_get("#{name}View").new(Tbuf::Arena.new(4 * size), 0, 4)
    items = view.items

    same items.size, name.start_with?("Complex") ? 8 : 4
    items[items.size - 1] = 1
    same items.to_a, [0] * (items.size - 1) + [1]
  end
end

test "64-bit integers are exact" do
  items = Tbuf::Int64View.new(Tbuf::Arena.new(8), 0, 1).items

  items[0] = 2**53 + 1
  same items[0], 9007199254740993
end

test "items outlive their view and their arena" do
  arena = Tbuf::Arena.new(4096)
  items = Tbuf::Int32View.new(arena, 0, 1024).items

  items[1023] = 7
  arena.close
  arena = nil
  3.times { GC.start }
  same items[1023], 7
end

test "what cannot be expressed is refused" do
  view = Tbuf::Int32View.new(Tbuf::Arena.new(80), 0, 20)

  fails(ArgumentError, /one after another/) { view.slice(0, 0, 20, 2).items }
  other = view.byte_order.nick == "little" ? :big : :little
  fails(ArgumentError, /byte order/) { view.cast(:int32, other).items }
  fails(IndexError) { view.items[20] }
  fails(IndexError) { view.items[-1] = 0 }
end

test "items of a read-only arena are not written" do
  arena = Tbuf::Arena.new(16)
  reader = Tbuf::Arena.open_fd(arena.fd, :read_only)
  items = Tbuf::Int32View.new(reader, 0, 4).items

  Tbuf::Int32View.new(arena, 0, 4).items[2] = 5
  same items[2], 5
  fails(FrozenError) { items[2] = 6 }
end

test "locked unlocks, also after an exception" do
  arena = Tbuf::Arena.new(16)
  view = Tbuf::Int32View.new(arena, 0, 4)
  other = Tbuf::Int32View.new(arena, 0, 4)

  same(view.locked { |locked|
    same locked, view
    fails(Tbuf::Error::Busy) { other.lock(:shared, 0, nil) }
    42
  }, 42)
  fails(RuntimeError, /on purpose/) { view.locked { raise "on purpose" } }
  same view.lock_state.nick, "free"
end

test "other threads go on while one waits for a lock" do
  arena = Tbuf::Arena.new(16)
  view = Tbuf::Int32View.new(arena, 0, 4)
  other = Tbuf::Int32View.new(arena, 0, 4)
  view.lock(:exclusive, -1, nil)
  waits = Queue.new
  thread = Thread.new do
    waits << true
    other.locked { 42 }
  end

  waits.pop
  view.unlock
  same thread.value, 42
end

test "arenas have names" do
  name = "tbuf-ruby-#{Process.pid}"
  arena = Tbuf::Arena.create(name, 16, :none)
  layout = Tbuf::Layout.new

  same Tbuf::Arena.open(name, :none).size, 16
  fails(Tbuf::Error::Exists) { Tbuf::Arena.create(name, 16, :none) }
  arena.close
  layout.add_array("A", :float64, [3], nil, nil)
  same Tbuf::Arena.new_for_layout(layout, nil, :none).get_view("A").items.to_a, [0.0] * 3
end

test "#{N_MADE} items made and dropped leave nothing behind" do
  arena = Tbuf::Arena.new(4096)

  flat(N_MADE) do |n|
    n.times { |i| Tbuf::Int32View.new(arena, 0, 1024).items[i % 1024] = i }
  end
end

test "arenas made and dropped leave nothing behind" do
  flat(2000) do |n|
    n.times do |i|
      Tbuf::Int32View.new(Tbuf::Arena.new(64), 0, 16).items[15] = i
      # Ruby knows nothing of mappings.
      GC.start if (i % 200).zero?
    end
  end
end

$stdout.sync = true
puts "1..#{CASES.size}"
CASES.each.with_index(1) do |(name, block), number|
  block.call
  puts "ok #{number} - #{name}"
rescue StandardError => error
  puts "not ok #{number} - #{name}"
  puts "# #{error.class}: #{error.message}".gsub("\n", "\n# "), error.backtrace.first(3).map { |line| "# #{line}" }
end

# Debian 13's Ruby now and then frees an object of the gem twice while it ends: docs/other-languages.md.
exit!(true)
