#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# snapshot.sh BENCH [PLATFORM...]: an image of python3 with numpy and json loaded, and what copies of it cost.
set -eu
bench=$1
shift
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
program='import gc, json, sys, numpy
gc.collect(); gc.freeze()
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    sys.stdout.flush()'
line='print(1)
'
[ $# -gt 0 ] || set -- process kvm
for platform; do
	echo "== $platform"
	timeout -s KILL 60 "$bench" "$platform" "$work/snap" 1 save /usr/bin/python3 -c "$program"
	timeout -s KILL 120 "$bench" "$platform" "$work/snap" 50 copy "$line"
	timeout -s KILL 120 "$bench" "$platform" "$work/snap" 200 reset "$line"
	timeout -s KILL 120 "$bench" "$platform" "$work/snap" 200 pool "$line"
	timeout -s KILL 120 "$bench" "$platform" "$work/snap" 8 memory "$line"
done
