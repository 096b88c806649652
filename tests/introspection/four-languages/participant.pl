# SPDX-License-Identifier: LGPL-2.1-or-later

# The Perl process of four-languages.py, for the relay. Its type is int16.

use strict;
use warnings;

use TbufItems;

use constant {
    FIRST_BATON => 16,
    FIRST_BYTE => 64,
    RELAY_BYTES => 64,
    TIMEOUT_US => 10_000_000,
};

my $arena = Tbuf::Arena->open($ARGV[0], []);

sub expected {
    my ($turn, $n) = @_;
    return map { ($turn * 31 + $_ * 7) % 1000 } 0 .. $n - 1;
}

sub relay {
    my ($me, $n, $previous, $n_rounds) = @_;
    my $batons = Tbuf::Uint32View->new($arena, FIRST_BATON, $n);
    my $own = Tbuf::Int16View->new($arena, FIRST_BYTE, RELAY_BYTES / 2);
    my $ours = TbufItems->new($own);
    my $theirs = TbufItems->new($arena->create_view($previous, FIRST_BYTE, RELAY_BYTES / Tbuf::dtype_get_item_size($previous)));
    my $following = ($me + 1) % $n;

    for my $round (1 .. $n_rounds) {
        my $turn = ($round - 1) * $n + $me;

        while ((my $baton = $batons->atomic_load($me)) != $round) {
            $batons->atomic_wait($me, $baton, TIMEOUT_US, undef);
        }
        $own->lock('exclusive', TIMEOUT_US, undef);
        if ($turn > 0) {
            my $found = join ' ', $theirs->all;
            return "turn $turn: $previous items are $found" if $found ne join ' ', expected($turn - 1, $theirs->size);
        }
        $ours->set(0, expected($turn, $ours->size));
        $own->unlock;
        $batons->atomic_store($following, $round + ($following == 0));
        $batons->atomic_notify($following);
    }
    return 'ok';
}

$| = 1;
while (my $line = <STDIN>) {
    my (undef, @arguments) = split ' ', $line;
    print relay(@arguments), "\n";
}
