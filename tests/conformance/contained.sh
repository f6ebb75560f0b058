#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# contained.sh DIR CMD...: runs CMD where nothing but DIR can be changed. A guest that root starts may do to the host's files what root
# may, and one that passes random arguments to chown does: nobody's machine is to be the worse for a test.
[ "$(id -u)" = 0 ] || { shift; exec "$@"; }
# shellcheck disable=SC2016 # the inner shell's own variables
exec unshare --mount --propagation private sh -ec '
	dir=$1; shift
	mount --bind "$dir" "$dir"
	for m in / /dev; do mount -o remount,ro,bind "$m"; done
	cd "$PWD"
	exec "$@"' sh "$@"
