# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;

my %count;
$count{$_}++ for split //, "hello";
print "Hello from Perl: ", join(" ", map { "$_$count{$_}" } sort keys %count), "\n";
