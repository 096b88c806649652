# SPDX-License-Identifier: LGPL-2.1-or-later

# A recipe for Ruby with the gobject-introspection gem: the items of a view over the memory itself, through Fiddle, and
# locks that end by themselves. Copy this file and use it:
#
#   require_relative "tbuf_items"
#
#   arena = Tbuf::Arena.open("measurements", :none)
#   view = arena.get_view("A")
#   view.locked do
#     items = view.items
#     items.each_with_index { |item, i| items[i] = item * 2 }
#   end

require "fiddle"
require "gobject-introspection"

module Tbuf
  class Loader < GObjectIntrospection::Loader
    # The other threads of Ruby go on while one waits in these.
    def should_unlock_gvl?(info, _class)
      %w[lock recover upgrade set_phase atomic_wait].include?(info.name)
    end
  end

  loader = Loader.new(self)
  loader.version = "1"
  loader.load("Tbuf")

  class Arena
    # All constructors are new(), which goes by the arguments. These say which one is meant.
    %i[create open open_fd new_for_layout].each do |constructor|
      define_singleton_method(constructor) do |*arguments|
        allocate.tap { |arena| arena.send("initialize_#{constructor}", *arguments) }
      end
    end
  end

  # The items of a view. The memory stays mapped for as long as this lives. Each item is read and written where it is;
  # complex ones are two, and 16-bit floats their bits.
  class Items
    include Enumerable

    FORMATS = {
      "bool" => "C", "int8" => "c", "int16" => "s", "int32" => "l", "int64" => "q",
      "uint8" => "C", "uint16" => "S", "uint32" => "L", "uint64" => "Q",
      "float16" => "S", "float32" => "f", "float64" => "d", "complex64" => "f", "complex128" => "d",
    }.freeze
    NATIVE = [1].pack("S") == "\x01\x00" ? "little" : "big"

    attr_reader :size

    def initialize(view)
      raise ArgumentError, "the items do not lie one after another" unless view.contiguous?
      if view.byte_order.nick != NATIVE && view.item_size > 1
        raise ArgumentError, "the items are not in this machine's byte order"
      end

      view.check_access(false)
      @writable = begin
        view.check_access(true)
      rescue Error::ReadOnly
        false
      end
      @format = FORMATS[view.dtype.nick]
      @item_size = [0].pack(@format).bytesize
      @size = view.n_bytes / @item_size
      @bytes = view.bytes
      @pointer = Fiddle::Pointer.new(view.address, view.n_bytes)
    end

    def [](index)
      @pointer[place(index), @item_size].unpack1(@format)
    end

    def []=(index, item)
      # A write to memory that is mapped for reading only would end the process.
      raise FrozenError, "the arena is mapped for reading only" unless @writable

      @pointer[place(index), @item_size] = [item].pack(@format)
    end

    def each
      @size.times { |index| yield self[index] }
    end

    private

    def place(index)
      raise IndexError, "there is no item #{index}, but #{@size} items" unless (0...@size).cover?(index)

      index * @item_size
    end
  end

  class View
    def items
      Items.new(self)
    end
  end

  class Region
    # Runs the block while this is locked, and gives what it returns. It unlocks also if the block raises.
    def locked(mode = :exclusive, timeout_us = -1)
      lock(mode, timeout_us, nil)
      begin
        yield self
      ensure
        unlock
      end
    end
  end
end
