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
