# SPDX-License-Identifier: LGPL-2.1-or-later

# The recipe for Perl. Its folder is the argument.

use strict;
use warnings;

use lib $ARGV[0];
use TbufItems;

use constant N_MADE => 20_000;

my @cases;

sub test {
    my ($name, $code) = @_;
    push @cases, [$name, $code];
}

sub ok {
    my ($condition, $what) = @_;
    die(($what // 'not so') . ' at line ' . (caller)[2] . "\n") unless $condition;
}

# Of items, too.
sub is {
    my ($actual, $expected) = map { ref ? "@$_" : $_ } @_[0, 1];
    die "expected $expected, got $actual at line " . (caller)[2] . "\n" unless $actual eq $expected;
}

sub fails_with {
    my ($pattern, $code) = @_;

    ok(!eval { $code->(); 1 }, 'nothing was thrown');
    ok($@ =~ $pattern, "another error: $@");
}

sub contents {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/ = undef;
    return <$file>;
}

sub holdings {
    my @mappings = contents('/proc/self/maps') =~ /tbuf-arena/g;
    my @descriptors = glob '/proc/self/fd/*';
    return (pages => (split ' ', contents('/proc/self/statm'))[1], mappings => scalar @mappings,
        descriptors => scalar @descriptors);
}

sub is_flat {
    my ($n, $code) = @_;

    $code->($_) for 1 .. $n / 10;
    my %before = holdings();
    $code->($_) for 1 .. $n;
    my %after = holdings();
    my %slack = (pages => 4096, mappings => 4, descriptors => 4);
    for my $what (sort keys %slack) {
        ok($after{$what} <= $before{$what} + $slack{$what}, "$what grew from $before{$what} to $after{$what}");
    }
}

test 'items are the memory itself' => sub {
    my $view = Tbuf::Float64View->new(Tbuf::Arena->new(80), 0, 10);
    my $items = TbufItems->new($view);

    is($items->size, 10);
    $items->set(3, 2.5, 3.5);
    is($view->get_item(3), 2.5);
    $view->set_item(5, -1);
    is($items->get(5), -1);
    is([$items->all], [0, 0, 0, 2.5, 3.5, -1, 0, 0, 0, 0]);
    is([$items->get(3, 2)], [2.5, 3.5]);
};

test 'each dtype has its format' => sub {
    my %sizes = (Bool => 1, Int8 => 1, Int16 => 2, Int32 => 4, Int64 => 8, Uint8 => 1, Uint16 => 2, Uint32 => 4,
        Uint64 => 8, Float16 => 2, Float32 => 4, Float64 => 8, Complex64 => 8, Complex128 => 16);

    for my $name (sort keys %sizes) {
        my $items = TbufItems->new("Tbuf::${name}View"->new(Tbuf::Arena->new(4 * $sizes{$name}), 0, 4));

        is($items->size, $name =~ /Complex/ ? 8 : 4);
        $items->set($items->size - 1, 1);
        is([$items->all], [(0) x ($items->size - 1), 1]);
    }
};

test '64-bit integers are exact' => sub {
    my $items = TbufItems->new(Tbuf::Int64View->new(Tbuf::Arena->new(8), 0, 1));

    $items->set(0, 9007199254740993);
    is($items->get(0), '9007199254740993');
};

test 'items outlive their view and their arena' => sub {
    my $arena = Tbuf::Arena->new(4096);
    my $items = TbufItems->new(Tbuf::Int32View->new($arena, 0, 1024));

    $items->set(1023, 7);
    $arena->close;
    undef $arena;
    is($items->get(1023), 7);
};

test 'what cannot be expressed is refused' => sub {
    my $view = Tbuf::Int32View->new(Tbuf::Arena->new(80), 0, 20);
    my $other = $view->get_byte_order eq 'little' ? 'big' : 'little';

    fails_with(qr/one after another/, sub { TbufItems->new($view->slice(0, 0, 20, 2)) });
    fails_with(qr/byte order/, sub { TbufItems->new($view->cast('int32', $other)) });
    fails_with(qr/no 1 items from 20/, sub { TbufItems->new($view)->get(20) });
    fails_with(qr/no 2 items from 19/, sub { TbufItems->new($view)->set(19, 1, 2) });
};

test 'items of a read-only arena are not written' => sub {
    my $arena = Tbuf::Arena->new(16);
    my $reader = Tbuf::Arena->open_fd($arena->get_fd, ['read-only']);
    my $items = TbufItems->new(Tbuf::Int32View->new($reader, 0, 4));

    TbufItems->new(Tbuf::Int32View->new($arena, 0, 4))->set(2, 5);
    is($items->get(2), 5);
    fails_with(qr/reading only/, sub { $items->set(2, 6) });
};

test 'locked() unlocks, also after an error' => sub {
    my $arena = Tbuf::Arena->new(16);
    my ($view, $other) = map { Tbuf::Int32View->new($arena, 0, 4) } 1 .. 2;

    is(TbufItems::locked($view, sub {
        ok(!eval { $other->lock('shared', 0, undef) });
        ok($@->matches('Tbuf::Error', 'busy'));
        return 42;
    }), 42);
    fails_with(qr/on purpose/, sub { TbufItems::locked($view, sub { die "on purpose\n" }) });
    is($view->get_lock_state, 'free');
};

test N_MADE . ' items made and dropped leave nothing behind' => sub {
    my $arena = Tbuf::Arena->new(4096);

    is_flat(N_MADE, sub { TbufItems->new(Tbuf::Int32View->new($arena, 0, 1024))->set($_[0] % 1024, $_[0]) });
};

test 'arenas made and dropped leave nothing behind' => sub {
    is_flat(2000, sub { TbufItems->new(Tbuf::Int32View->new(Tbuf::Arena->new(64), 0, 16))->set(15, $_[0]) });
};

print '1..', scalar @cases, "\n";
while (my ($i, $case) = each @cases) {
    my ($name, $code) = @$case;
    my $ok = eval { $code->(); 1 };
    my $error = $@;

    print $ok ? 'ok ' : 'not ok ', $i + 1, " - $name\n";
    print "# $_\n" for $ok ? () : split /\n/, $error;
}
