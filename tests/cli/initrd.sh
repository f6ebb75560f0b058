# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Archives: hl mkinitrd, and --initrd with archives of all makers. Part of tests/cli/run.

# A tree with something of every kind, in the directory $1.
make_tree() {
	mkdir -p "$1/bin" "$1/d/empty" "$1/d/deep/er"
	head -c 10000 /dev/zero | tr '\0' x >"$1/d/big"
	head -c 4096 /dev/zero | tr '\0' y >"$1/d/page"
	: >"$1/d/nothing"
	echo short >"$1/d/deep/er/short"
	echo 'a b' >"$1/d/a b"
	echo dash >"$1/d-dash"
	ln "$1/d/big" "$1/bin/link"
	ln "$1/d/big" "$1/z-link"
	ln -s ../d/big "$1/bin/symlink"
	ln -s nowhere "$1/dangling"
	mkfifo -m 640 "$1/fifo"
	chmod 4711 "$1/d/page"
	chmod 1777 "$1/d/empty"
	touch -d @1000000000 "$1/d/deep/er/short"
	mknod "$1/null" c 1 3 2>/dev/null || :
}

# What is to be seen of the tree $1, from wherever it came.
show_tree() {
	(cd "$1" && find . ! -name .hl-index -printf '%p %y %m %n %l %s\n' | sed '/ d /s/ [0-9]*$//' | sort &&
		find . -type f ! -name .hl-index -exec cksum {} + | sort)
}

case_mkinitrd_is_reproducible() {
	local hl=$real

	make_tree one && mkdir two && cp -a one/. two/ && rm two/dangling && ln -s nowhere two/dangling || exit 1
	touch two/d/nothing
	chown -R 1000:1000 two/d 2>/dev/null || :
	chmod 4711 two/d/page
	SOURCE_DATE_EPOCH=1600000000 try "$hl" mkinitrd one -o one.cpio
	expect_status 0
	expect_quiet
	expect_out ''
	SOURCE_DATE_EPOCH=1600000000 try "$hl" mkinitrd -o - two
	expect_status 0
	cmp one.cpio out || fail 'not the same'
	[ "$(stat -c %a one.cpio)" = 644 ] || fail "mode $(stat -c %a one.cpio)"
	SOURCE_DATE_EPOCH=1600000000 try "$hl" mkinitrd one -o again.cpio --gzip
	gzip -dc again.cpio | cmp one.cpio || fail gzip
	SOURCE_DATE_EPOCH=1600000000 try "$hl" mkinitrd --zstd one -o again.cpio
	zstd -qdc again.cpio | cmp one.cpio || fail zstd
}

case_mkinitrd_is_read_by_others() {
	local hl=$real

	make_tree tree
	show_tree tree >want
	try "$hl" mkinitrd tree -o a.cpio
	expect_status 0
	mkdir by-cpio by-bsdtar
	(cd by-cpio && cpio -idm --quiet --no-absolute-filenames <../a.cpio) || fail cpio
	(cd by-bsdtar && bsdtar xpf ../a.cpio) || fail bsdtar
	show_tree by-cpio | diff want - || fail 'by cpio'
	show_tree by-bsdtar | diff want - || fail 'by bsdtar'
	[ "$(stat -c %Y by-cpio/d/deep/er/short)" = 1000000000 ] || fail time
}

case_mkinitrd_puts_data_at_pages() {
	local hl=$real letter at

	mkdir d
	head -c 4095 /dev/zero | tr '\0' s >d/a
	head -c 4096 /dev/zero | tr '\0' p >d/b
	head -c 4097 /dev/zero | tr '\0' q >d/c
	try "$hl" mkinitrd d -o a.cpio
	expect_status 0
	for letter in p q; do
		at=$(LC_ALL=C grep -abo "$letter\{4096\}" a.cpio | cut -d: -f1)
		[ $((at % 4096)) = 0 ] || fail "$letter at $at"
	done
	[ "$(stat -c %s a.cpio)" -lt 32768 ] || fail "$(stat -c %s a.cpio) bytes"
}

case_mkinitrd_add() {
	local hl=$real

	mkdir -p d/etc e && echo d >d/etc/one && echo e >e/one && echo new >new && ln -s new link || exit 1
	try "$hl" mkinitrd d -o d/a.cpio --add e:/etc --add link:/deep/down/x --add "$PWD/link"
	expect_status 0
	try "$hl" mkinitrd d -o d/a.cpio --add e:/etc --add link:/deep/down/x --add "$PWD/link"
	expect_status 0
	cpio -it --quiet <d/a.cpio >list
	! grep -q a.cpio list || fail 'the archive is in the archive'
	mkdir x && (cd x && cpio -id --quiet --no-absolute-filenames <../d/a.cpio)
	[ "$(cat x/etc/one x/deep/down/x "x/$PWD/new")" = $'e\nnew\nnew' ] || fail contents
	[ "$(readlink "x/$PWD/link")" = new ] || fail 'no link'
	[ "$(stat -c %a x/deep)" = 755 ] || fail mode
}

# What is added below a symlink of the archive goes where that leads.
case_mkinitrd_add_below_symlinks() {
	local hl=$real

	mkdir -p d/usr/bin d/usr/lib && ln -s usr/bin d/bin && ln -s ../lib d/usr/bin/lib && ln -s /bin/lib d/lib || exit 1
	echo old >d/usr/lib/x && echo new >new
	try "$hl" mkinitrd d -o a.cpio --add new:/bin/new --add new:/lib/x --add new:/lib/./deep/y
	expect_status 0
	expect_quiet
	cpio -it --quiet <a.cpio | grep -v hl-index >list
	printf '%s\n' . bin lib usr usr/bin usr/bin/lib usr/bin/new usr/lib usr/lib/deep usr/lib/deep/y usr/lib/x | diff - list || fail names
	[ "$(cpio -i --quiet --to-stdout usr/lib/x <a.cpio)" = new ] || fail 'the old one is there'
	ln -s loop d/loop
	refuses 2 '/loop/x: ' 'symbolic links' -- mkinitrd d -o x --add new:/loop/x
}

case_mkinitrd_programs() {
	local hl=$real

	printf '#!/usr/bin/env -S bash -e\necho from a script\n' >script && chmod +x script
	try "$hl" mkinitrd --program ./script busybox -o a.cpio
	expect_status 0
	expect_quiet
	mkdir x && (cd x && cpio -id --quiet --no-absolute-filenames <../a.cpio) || fail cpio
	[ -x "x/$PWD/script" ] || fail 'no script'
	if [ "$(id -u)" = 0 ]; then
		try chroot x "$PWD/script"
		expect_out 'from a script'
	fi
}

# Libraries beside the program, which is named by a symlink elsewhere; and one that dlopen(3) finds.
case_mkinitrd_finds_libraries_by_origin() {
	local here=$PWD

	mkdir -p app/bin app/lib
	printf 'int one(void) { return 1; }' | gcc -shared -fPIC -xc -o app/lib/libone.so - || fail gcc
	printf 'int one(void); int two(void) { return one() + 1; }' |
		gcc -shared -fPIC -xc -o app/lib/libtwo.so - -Lapp/lib -lone -Wl,-rpath,'$ORIGIN' || fail gcc
	printf 'int one(void); int main(void) { return one(); }' |
		gcc -xc -o app/bin/direct - -Lapp/lib -lone -Wl,-rpath,'$ORIGIN/../lib' || fail gcc
	printf '#include <dlfcn.h>
int main(void)
{
	void *lib = dlopen("%s/app/lib/libtwo.so", RTLD_NOW);
	int (*two)(void) = lib ? (int (*)(void))dlsym(lib, "two") : 0;
	return two ? two() : 9;
}' "$here" | gcc -xc -o app/bin/later - || fail gcc
	ln -s app/bin/direct link
	"$real" mkinitrd -o direct.cpio --program "$here/link" || fail 'link'
	try "$hl" --initrd direct.cpio "$here/link"
	expect_status 1
	"$real" mkinitrd -o later.cpio --program app/bin/later app/lib/libtwo.so || fail 'libtwo.so'
	try "$hl" --initrd later.cpio "$here/app/bin/later"
	expect_status 2
}

case_mkinitrd_errors() {
	local hl=$real

	mkdir d empty-path && echo x >d/file
	refuses 2 'needs -o' -- mkinitrd d
	refuses 2 'one directory' -- mkinitrd -o x
	refuses 2 'one directory' -- mkinitrd -o x d d
	refuses 2 'name of a program' -- mkinitrd -o x --program
	refuses 2 "'--nonsense'" -- mkinitrd --nonsense d -o x
	refuses 2 '-o needs a value' -- mkinitrd d -o
	refuses 2 "'d:relative'" -- mkinitrd -o x --add d:relative
	SOURCE_DATE_EPOCH=yesterday refuses 2 "'yesterday'" -- mkinitrd d -o x
	SOURCE_DATE_EPOCH=-1 refuses 2 "'-1'" -- mkinitrd d -o x
	refuses 125 'nowhere: No such file' -- mkinitrd nowhere -o x
	refuses 125 'nowhere/x: No such file' -- mkinitrd d -o nowhere/x
	refuses 127 'no-such-program: not found' -- mkinitrd --program no-such-program -o x
	refuses 2 '/a/b cannot be in the archive' -- mkinitrd -o x --add d/file:/a --add d/file:/a/b
	refuses 2 "'/../b' leads out" -- mkinitrd -o x --add d:/../b
	try env PATH="$PWD/empty-path" "$hl" mkinitrd d -o x --zstd
	expect_status 125
	expect_complaint 'cannot run zstd'
	printf '#!/no/such/interpreter\n' >script && chmod +x script
	refuses 127 '/no/such/interpreter: not found' -- mkinitrd --program ./script -o x
	printf '\177ELF' >broken && chmod +x broken
	refuses 125 'not an ELF file' -- mkinitrd --program ./broken -o x
	printf '#!./loop\n' >loop && chmod +x loop
	refuses 125 'no interpreter that can be added' -- mkinitrd --program ./loop -o x
	truncate -s 5G d/large
	refuses 2 '/large is too large' -- mkinitrd d -o x
	[ "$(echo x*)" = 'x*' ] || fail "left behind: $(echo x*)"
}

# ---- --initrd ----

# In `tree`: a static busybox that works as a shell, and below t something of every kind.
make_initrd_tree() {
	mkdir -p tree/bin
	cp "$(command -v busybox)" tree/bin/busybox || fail 'no busybox'
	ln -s busybox tree/bin/sh
	make_tree tree/t
	head -c 70001 /dev/urandom >tree/t/d/unaligned
	: >"tree/t/$(printf 'n%.0s' {1..255})"
	echo x >"tree/t/"$'line\nfeed \\\xff'
}

newc() { # [FORMAT]: an archive of this directory, to stdout
	find . -print0 | LC_ALL=C sort -z | cpio -o0 --quiet -H "${1:-newc}"
}

# What a shell sees of the tree in its directory, with the busybox $1.
# shellcheck disable=SC2016
look='b=$1
	$b find . -exec $b stat -c "%n %f %u:%g %t:%T %Y" {} \; | $b sort
	$b find . ! -type d -exec $b stat -c "%n %h %s" {} \; | $b sort
	$b find . -type f -exec $b sha1sum {} \; | $b sort
	$b find . -type l -exec $b readlink {} \; | $b sort
	for f in d/* d/deep/../deep/er/short bin/symlink z-link/x dangling none; do [ -e "$f" ] && echo "$f"; done
	$b ls -a d bin d/empty'

case_initrd_of_all_makers() {
	local maker

	[ "$(id -u)" = 0 ] || skip 'needs root, to make files of root'
	make_initrd_tree
	(cd tree/t && sh -c "$look" sh ../bin/busybox) >want
	"$real" mkinitrd tree -o mkinitrd.cpio || fail mkinitrd
	(cd tree && newc) >cpio.cpio
	(cd tree && newc crc) >crc.cpio
	bsdtar -C tree -cf - --format=newc bin t >bsdtar.cpio
	gzip -c <cpio.cpio >gzip.cpio
	zstd -qc <mkinitrd.cpio >zstd.cpio
	{ cat cpio.cpio && head -c 1000 /dev/zero && cat mkinitrd.cpio; } >twice.cpio
	mkdir early && echo x >early/file && { (cd early && newc) && cat gzip.cpio; } >early.cpio
	# without the trailer and what is behind it
	head -c "$(LC_ALL=C grep -abo '070701.\{104\}TRAILER!!!' cpio.cpio | cut -d: -f1)" cpio.cpio >no-trailer.cpio
	for maker in mkinitrd cpio crc bsdtar gzip zstd twice early no-trailer; do
		try "$hl" --initrd $maker.cpio --workdir /t sh -c "$look" sh /bin/busybox
		expect_status 0
		expect_quiet
		diff want out >differences || fail "$maker: $(head -20 differences)"
	done
}

case_initrd_is_writable() {
	local round

	make_initrd_tree
	"$real" mkinitrd tree -o a.cpio || fail mkinitrd
	cksum a.cpio >before
	for round in 1 2; do
		# shellcheck disable=SC2016
		try "$hl" --initrd a.cpio --workdir /t /bin/sh -c 'b=/bin/busybox
			$b cat d/deep/er/short d-dash && echo more >>d-dash && $b cat d-dash &&
			$b mv d/deep d/moved && $b cat d/moved/er/short && $b rm -r d/moved && $b ls d &&
			$b chmod 600 z-link && $b stat -c "%a %h" bin/link && $b truncate -s 3 d/page && $b cat d/page && echo &&
			$b mkdir -p /new/dir && echo x >/new/dir/x && $b cat /new/dir/x && $b ln d-dash linked && $b cat linked'
		expect_status 0
		expect_quiet
		expect_out "$(printf '%s\n' short dash dash more short 'a b' big empty nothing page unaligned '600 3' yyy x dash more)"
	done
	[ "$round" = 2 ] && cksum a.cpio | cmp - before || fail 'the archive has changed'
}

# The libraries are mapped: the archive's own pages, and where they cannot be, copies.
case_initrd_runs_dynamic_programs() {
	local a

	"$real" mkinitrd --program bash sed -o mkinitrd.cpio || fail mkinitrd
	mkdir x && (cd x && cpio -id --quiet --no-absolute-filenames <../mkinitrd.cpio && newc >../cpio.cpio)
	gzip -c <cpio.cpio >gzip.cpio
	for a in mkinitrd cpio gzip; do
		try "$hl" --initrd $a.cpio bash -c 'for i in {1..50}; do echo $i; done | sed -n "s/^4\(.\)/<\1>/p"; exit 3'
		expect_status 3
		expect_quiet
		expect_out "$(printf '<%s>\n' {0..9})"
	done
}

case_initrd_with_other_options() {
	make_initrd_tree
	mkdir kept
	"$real" mkinitrd tree -o a.cpio || fail mkinitrd
	try "$hl" --initrd a.cpio --overlay=kept /bin/sh -c 'echo kept >/t/new; /bin/busybox rm /t/d-dash'
	expect_status 0
	try "$hl" --initrd a.cpio --overlay=kept --tmpfs /t/d --hostname here /bin/sh -c \
		'/bin/busybox cat /t/new; /bin/busybox ls /t/d; [ -e /t/d-dash ] || /bin/busybox hostname'
	expect_out $'kept\nhere'
	refuses 2 'exclude each other' -- --initrd a.cpio --root tree sh
	refuses 2 'exclude each other' -- --initrd a.cpio --sysroot tree sh
	refuses 2 'exclude each other' -- --initrd a.cpio --isolate sh
	refuses 127 python3 'not found in PATH' -- --initrd a.cpio python3
}

case_initrd_errors() {
	local size

	make_initrd_tree
	(cd tree && newc) >a.cpio
	refuses 125 'nowhere: No such file' -- --initrd nowhere sh
	refuses 125 'tree: Is a directory' -- --initrd tree sh
	refuses 125 '/dev/zero: neither a regular file nor a pipe' -- --initrd /dev/zero sh
	: >empty
	refuses 125 'empty: no cpio archive, at byte 0' -- --initrd empty sh
	echo text >text
	refuses 125 'text: the archive ends in the middle of a header, at byte 0' -- --initrd text sh
	head -c 100000 tree/bin/busybox >program
	refuses 125 'program: no cpio header where one is due, at byte 0' -- --initrd program sh
	for size in 50 115 3000 500000; do
		head -c $size a.cpio >cut
		refuses 125 'cut: ' 'the archive ends in the middle of' 'at byte' -- --initrd cut sh
		gzip -c <cut >cut.gz
		refuses 125 'cut.gz: ' 'the archive ends in the middle of' 'at byte' -- --initrd cut.gz sh
		gzip -c <a.cpio | head -c $size >cut.gz
		refuses 125 'cut.gz: ' 'ends in the middle' 'at byte' -- --initrd cut.gz sh
	done
	# Its last bytes, which would be its size, are data.
	python3 -c 'import gzip, sys
data = open("a.cpio", "rb").read(1000) + b"\xff" * 60000
sys.stdout.buffer.write(gzip.compress(data, 0)[:5000])' >cut.gz
	refuses 125 'cut.gz: ' 'ends in the middle' 'at byte' -- -m 512Mi --initrd cut.gz sh
	sed 's|t/d/empty|t/../mpty|' a.cpio >dots
	refuses 125 "dots: entry 't/../mpty'" 'a part . or ..' 'at byte' -- --initrd dots sh
	xz -c <a.cpio >a.xz
	refuses 125 'a.xz: compressed by xz' gzip zstd -- --initrd a.xz sh
	printf '%b' '\x27\xb5\x2f\xfd' | cat - a.cpio >old.zst
	refuses 125 'old.zst: compressed by zstd 0.7, ' 'zstd (0.8 and later)' -- --initrd old.zst sh
	find tree/t/d-dash | cpio -o --quiet -H odc >odc
	refuses 125 'odc: an archive of the old format' newc -- --initrd odc sh
}

# The archive is cut off under a guest that reads it: the file is shorter then, and that is all.
case_initrd_is_shortened() {
	make_initrd_tree
	yes 'a line of text' | head -2000 >tree/z
	"$real" mkinitrd tree -o a.cpio || fail mkinitrd
	mkfifo go said
	# shellcheck disable=SC2016
	"$hl" --initrd a.cpio /bin/sh -c 'exec 3</z; echo ready; read line; n=0
		while read -r x <&3; do n=$((n + 1)); done; echo $n; /bin/busybox true; echo $?' <go >said 2>err &
	exec 8>go 9<said
	read -r line <&9
	[ "$line" = ready ] || fail "$line"
	truncate -s -20000 a.cpio
	echo go >&8
	read -r line <&9
	[ "$line" -gt 500 ] && [ "$line" -lt 2000 ] || fail "$line lines"
	read -r line <&9
	[ "$line" = 126 ] || fail "a program whose index is gone: $line"
	wait $! || fail "status $?: $(cat err)"
	[ "$(cat err)" = '/bin/sh: /bin/busybox: Input/output error' ] || fail "$(cat err)"
}

# The same under one that has mapped it, at pages of the archive and where it was copied.
case_initrd_is_shortened_under_mappings() {
	local how

	mkdir -p tree/bin && cp "$bins/cut" tree/bin/ && head -c 3000000 /dev/zero | tr '\0' x >tree/z
	"$real" mkinitrd tree -o pages || fail mkinitrd
	(cd tree && newc) >unaligned
	mkfifo go said
	for how in pages unaligned; do
		"$hl" --initrd $how /bin/cut /z <go >said 2>err &
		exec 8>go 9<said
		read -r line <&9
		[ "$line" = 'mapped ok' ] || fail "$line"
		truncate -s 2000000 $how
		echo go >&8
		exec 8>&-
		cat <&9 >out
		wait $! && status=0 || status=$?
		# What was copied is still there.
		if [ $how = pages ]; then
			expect_status 135
			expect_out $'pread EIO\nwrite EFAULT\nbegin ok'
		else
			expect_status 0
			expect_out $'pread EIO\nwrite ok\nbegin ok\nend ok'
		fi
		expect_quiet
	done
}
