#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does the runner see each kind of difference? Stands in for hl with scripts that run the program natively and spoil one
# thing. Does what it started end with it? Usage: selftest.sh PLAIN RUNNER PROGRAM_WITH_CASE_sequential
set -eu
plain=$1
runner=$2
program=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# check NAME EXPECTED_EXIT EXPECTED_LAST_LINE WHAT_THE_REPORT_SAYS SCRIPT [RUNNER_OPTIONS...]
check() {
	name=$1 want=$2 last=$3 says=$4
	printf '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\n%s\n' "$5" > "$dir/hl"
	chmod +x "$dir/hl"
	shift 5
	mkdir -p "$dir/work"
	got=0
	"$runner" --work "$dir/work" --hl "$dir/hl" --platform none --only sequential "$@" "$program" > "$dir/out" 2>&1 || got=$?
	if [ "$got" = "$want" ] && [ "$(tail -n 1 "$dir/out")" = "$last" ] && grep -qF -- "$says" "$dir/out"; then
		return
	fi
	echo "FAIL: runner, $name: exit status $got"
	cat "$dir/out"
	failed=$((failed + 1))
}

echo 'fs/rw/sequential: a reason' > "$dir/expected"
one_failed='0 passed, 1 failed, 0 skipped'
check 'the same' 0 '1 passed, 0 failed, 0 skipped' passed '"$@"'
check 'stdout' 1 "$one_failed" 'stdout differs' '"$@" | sed s/read/READ/'
check 'an empty stdout' 1 "$one_failed" 'stdout differs' '"$@" > /dev/null'
check 'more stdout' 1 "$one_failed" 'stdout differs' '"$@"; echo more'
check 'stderr' 1 "$one_failed" 'stderr differs' '"$@"; echo noise >&2'
check 'exit status' 1 "$one_failed" 'exit status: native 0, here 7' '"$@"; exit 7'
check 'death by a signal' 1 "$one_failed" 'exit status: native 0, here 137' '"$@"; kill -9 $$'
check 'a file more' 1 "$one_failed" 'left in the directory' '"$@"; touch more'
check 'a file less' 1 "$one_failed" 'left in the directory' '"$@"; rm f'
check 'content of a file' 1 "$one_failed" 'left in the directory' '"$@"; printf Z | dd of=f conv=notrunc 2> /dev/null'
check 'mode of a file' 1 "$one_failed" 'left in the directory' '"$@"; chmod 600 f'
check 'a process left' 1 "$one_failed" 'left 1 processes behind' '"$@"; sleep 1000 &'
check 'no end' 1 "$one_failed" 'here no end in 5 s' '"$@"; exec sleep 1000' --timeout 5
check 'an expected difference' 0 '0 passed, 0 failed, 1 skipped' 'a reason' '"$@"; exit 7' --expected "$dir/expected"
check 'an expected difference that is gone' 1 "$one_failed" 'does not differ' '"$@"' --expected "$dir/expected"
check 'no such case' 1 'conformance: no cases selected' selected '"$@"' --only nothing

# ends NAME WHO WRAPPER...: hl goes on for ever; SIGKILL ends WHO, and hl with it.
ends() {
	name=$1 who=$2
	shift 2
	mkfifo "$dir/started" "$dir/alive"
	printf '#!/bin/sh\nexec 3> "%s"\necho $PPID > "%s"\nexec sleep 1000\n' "$dir/alive" "$dir/started" > "$dir/hl"
	setsid "$@" "$runner" --work "$dir/work" --hl "$dir/hl" --platform none --only sequential "$program" > "$dir/out" 2>&1 &
	leader=$!
	timeout 300 cat "$dir/alive" > /dev/null &
	reader=$!
	worker=$(timeout 300 cat "$dir/started")
	case $who in
	group) kill -KILL "-$leader" ;;
	leader) kill -KILL "$leader" ;;
	worker) kill -KILL "$worker" ;;
	esac
	if ! wait "$reader"; then
		echo "FAIL: runner, $name: its hl goes on"
		failed=$((failed + 1))
		kill -KILL "-$leader" "$worker" 2> /dev/null || true
	fi
	wait "$leader" 2> /dev/null || true
	rm "$dir/started" "$dir/alive"
}

ends 'killed' leader
ends 'killed with its group' group
ends 'a worker is killed' worker
ends 'the suite is killed with its group' group "$plain"
ends 'the suite is killed' leader "$plain"
[ "$failed" = 0 ] && echo 'runner: all kinds of differences seen'
exit "$((failed != 0))"
