# SPDX-License-Identifier: LGPL-2.1-or-later

# A recipe for Perl with Glib::Object::Introspection: the items of a view over the memory itself, through
# FFI::Platypus, and locks that end by themselves. Copy this file and use it:
#
#   use TbufItems;
#
#   my $arena = Tbuf::Arena->open('measurements', []);
#   my $view = $arena->get_view('A');
#   TbufItems::locked($view, sub {
#       my $items = TbufItems->new($view);
#       $items->set(0, map { $_ * 2 } $items->all);
#   });

package TbufItems;

use strict;
use warnings;

use FFI::Platypus 1.00;
use FFI::Platypus::Buffer 1.00 qw(scalar_to_pointer window);
use FFI::Platypus::Memory qw(memcpy);
use Glib::Object::Introspection;

Glib::Object::Introspection->setup(basename => 'Tbuf', version => '1', package => 'Tbuf');

# How pack() calls an item. A complex one is two, and a 16-bit float its bits.
my %formats = (
    bool => 'C', int8 => 'c', int16 => 's', int32 => 'l', int64 => 'q',
    uint8 => 'C', uint16 => 'S', uint32 => 'L', uint64 => 'Q',
    float16 => 'S', float32 => 'f', float64 => 'd', complex64 => 'f', complex128 => 'd',
);
my $native = pack('S', 1) eq "\x01\x00" ? 'little' : 'big';

# The memory stays mapped for as long as the object lives.
sub new {
    my ($class, $view) = @_;

    die "the items do not lie one after another\n" unless $view->is_contiguous;
    die "the items are not in this machine's byte order\n"
        if $view->get_byte_order ne $native && $view->get_item_size > 1;
    $view->check_access(0);

    my $format = $formats{$view->get_dtype};
    my $self = bless {
        bytes => $view->get_bytes,
        address => $view->get_address,
        format => $format,
        item_size => length pack($format, 0),
        writable => scalar eval { $view->check_access(1) },
    }, $class;
    $self->{size} = $view->get_n_bytes / $self->{item_size};
    # A string over the memory, which can only be read: unpack() and substr() copy no more than they return.
    window(my $window, $self->{address}, $view->get_n_bytes) if $self->{size};
    $self->{window} = \$window;
    return $self;
}

sub size { $_[0]{size} }

sub place {
    my ($self, $first, $n) = @_;

    die "there are no $n items from $first on, but $self->{size} items\n"
        if $first < 0 || $n < 0 || $first > $self->{size} || $n > $self->{size} - $first;
    return $first * $self->{item_size};
}

# $n items from $first on.
sub get {
    my ($self, $first, $n) = @_;
    $n //= 1;
    my $place = $self->place($first, $n);

    return unless $n;
    my @items = unpack "\@$place$self->{format}$n", ${ $self->{window} };
    return wantarray ? @items : $items[0];
}

sub all { $_[0]->get(0, $_[0]{size}) }

# Writes items from $first on.
sub set {
    my ($self, $first, @items) = @_;
    my $place = $self->place($first, scalar @items);

    # A write to memory that is mapped for reading only would end the process.
    die "the arena is mapped for reading only\n" unless $self->{writable};
    return unless @items;
    my $packed = pack "$self->{format}*", @items;
    memcpy $self->{address} + $place, scalar_to_pointer($packed), length $packed;
    return;
}

# Calls $code while the region is locked, and gives what it returns. It unlocks also if $code dies.
sub locked {
    my ($region, $code, $mode, $timeout_us) = @_;

    $region->lock($mode // 'exclusive', $timeout_us // -1, undef);
    my @result;
    my $ok = eval { @result = wantarray ? $code->($region) : scalar $code->($region); 1 };
    my $error = $@;
    $region->unlock;
    die $error unless $ok;
    return wantarray ? @result : $result[0];
}

1;
