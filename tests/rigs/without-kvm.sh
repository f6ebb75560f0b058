#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# without-kvm.sh CMD...: runs CMD where there is no /dev/kvm: in a mount namespace with a /dev of its own.
if [ "$(id -u)" = 0 ]; then own=; else own=-Ur; fi
# shellcheck disable=SC2016,SC2086 # the inner shell's own variables; $own is a word or none
exec unshare $own --mount --propagation private sh -ec '
	old=$(mktemp -d)
	mount --rbind /dev "$old"
	mount -t tmpfs -o mode=755 none /dev
	for f in null zero full random urandom tty; do : >/dev/$f; mount --bind "$old/$f" /dev/$f; done
	for f in pts shm; do mkdir /dev/$f; mount --bind "$old/$f" /dev/$f; done
	ln -s pts/ptmx /dev/ptmx
	for f in fd stdin stdout stderr; do ln -s "$(readlink "$old/$f")" /dev/$f; done
	umount -l "$old"
	rmdir "$old"
	cd "$PWD"
	exec "$@"' sh "$@"
