#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# snapshot.sh BENCH HL [PLATFORM...]: an image of python3 with numpy and json loaded, and what copies of it cost;
# then how that grows with the size of an image, and with the pages that a copy writes.
# SIZES="MiB..." (4096 wants 10 GB of memory and 5 of disk), COPIES=n: how many are alive at once.
set -eu
bench=$1 hl=$2
shift 2
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
program='import gc, json, sys, numpy
gc.collect(); gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    sys.stdout.flush()'
line='print(1)
'
# Pages that differ, all of them in the image.
large='import gc, sys
n = int(sys.argv[1]) << 20
x = bytearray(n)
for i in range(0, n, 4096):
    x[i:i + 8] = i.to_bytes(8, "little")
gc.collect(); gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    sys.stdout.flush()'

row() { timeout -s KILL 300 "$bench" "$platform" "$work/snap" "$@"; }

[ $# -gt 0 ] || set -- process kvm
for platform; do
	echo "== $platform"
	row 1 save /usr/bin/python3 -c "$program"
	row 50 copy "$line"
	row 200 reset "$line"
	row 200 pool "$line"
	row 50 run "$line" "$hl"
	row 100 memory "$line"
	[ "$platform" = kvm ] || row "${COPIES:-1000}" memory "$line"
	for size in ${SIZES:-10 100 1000}; do
		echo "-- an image of $size MiB"
		row 1 save /usr/bin/python3 -c "$large" "$size"
		row 20 copy "$line"
	done
	for pages in 10 100 1000 10000; do
		echo "-- $pages pages written"
		row 10 copy "x[:$pages * 4096:4096] = bytes([1]) * $pages; print(1)
"
	done
done
