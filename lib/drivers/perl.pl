# SPDX-License-Identifier: Apache-2.0
# The driver of perl (docs/guest.md). A job is the text of an eval, so that it sees nothing of this
# file but a frame below its own.
sub HL::job { package main; eval $HL::code }
sub HL::read_all {
	my ($file, $all, $n) = ($_[0], '');
	do { $n = sysread $file, $all, 1 << 20, length $all } while $n;
	$all;
}
sub HL::ask { syswrite $HL::device, $_[0]; map { chop; $_ } HL::read_all($HL::device) =~ /[^\0]*\0/g }
sub HL::tell { syswrite $HL::device, "call loaded\n$_[0]" }

sub HL::load {
	for my $word (@_) {
		(my $name = $word) =~ s/\?$//;
		(my $file = "$name.pm") =~ s,::,/,g;
		if (!eval { require $file; 1 }) {
			next if $word ne $name && $@ =~ /^Can't locate \Q$file\E /;
			syswrite STDERR, "hl: perl: module '$name': " . ($@ =~ s/\n.*//sr) . "\n";
			exit 1;
		}
		HL::tell($name);
	}
}

# What the interpreter does with its command line: the code, and the name that messages have.
sub HL::read_job {
	my ($option, @rest) = @_;
	if ($option eq '-e') {
		(my $code, @ARGV) = @rest;
		return ($code, '-e');
	}
	@ARGV = @rest;
	my $file = \*STDIN;
	if ($option ne '-' && !open $file, '<', $option) {
		print STDERR "Can't open perl script \"$option\": $!\n";
		exit 2;
	}
	(HL::read_all($file), $option);
}

sub HL::run {
	my ($code, $name) = HL::read_job(@_);
	$code = '' if !defined $code;
	$0 = $name;
	$^W = 1 if $code =~ /^#!.*perl.*\s-\w*w/;
	if ($code =~ /^__(?:END|DATA)__[^\n]*\n/m) {
		my $rest = substr $code, $+[0];
		open main::DATA, '<', \$rest;
	}
	my $quoted = $name =~ s/(["\\])/\\$1/gr;
	$HL::code = "\$HL::began = 1;\n#line 1 \"$quoted\"\n$code\n";
	$! = 0;
	$@ = '';
}

open $HL::device, '+<', '/dev/hl' or die "hl: perl: /dev/hl: $!\n";
HL::load(@ARGV);
$HL::work = 1;
chdir '/';
syswrite($HL::device, 'save') or die "hl: perl: cannot be saved: $!\n";

%ENV = map { split /=/, $_, 2 } grep { /=/ } HL::ask('environ');
chdir((HL::ask('dir'))[0]);
@HL::words = HL::ask('args');
close $HL::device;
open STDIN, '<&=', 0;
open STDOUT, '>&=', 1;
open STDERR, '>&=', 2;
$^T = time;
srand;
if (defined &Net::SSLeay::RAND_add) {
	open my $random, '<:raw', '/dev/urandom';
	sysread $random, my $bytes, 48;
	Net::SSLeay::RAND_add($bytes, 48);
}
HL::run(@HL::words);
HL::job();
my ($errno, $child) = ($!+0, $?);
if (ref $@ || $@ ne '') {
	my $status = $errno || $child >> 8 || 255;
	print STDERR $@;
	print STDERR "Execution of $0 aborted due to compilation errors.\n"
		if !$HL::began && $@ !~ /compilation aborted/ && $@ !~ /aborted due to/;
	exit $status;
}
exit 0;
