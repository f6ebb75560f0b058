#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the suites say where there is no /dev/kvm: the kvm platform's part is skipped, by name and counted, and is a
# failure with HL_REQUIRE_KVM=1; the process platform's part runs. A few cases of each suite stand for it.
# Last line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

suites='check-platform: check-cli:*dashes check-conformance:wait check-badargs:seed_1 check-programs:'

run_here() { # REQUIRE PLATFORM SUITE ONLY
	HL_REQUIRE_KVM=$1 tests/rigs/without-kvm.sh "${MAKE:-make}" -s "$3" PLATFORM="$2" ONLY="$4" >"$out" 2>&1
}

# Sums of the last lines' numbers in p, f, s.
counts() {
	read -r p f s < <(awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
		END { print p + 0, f + 0, s + 0 }' "$out")
}

judge() { # NAME CONDITION...
	if eval "$2"; then
		echo "ok - $1"
		passed=$((passed + 1))
	else
		echo "not ok - $1: $p passed, $f failed, $s skipped, status $rc"
		tail -5 "$out"
		failed=$((failed + 1))
	fi
}

# shellcheck disable=SC2016 # for judge to evaluate
for suite in $suites; do
	only=${suite#*:} suite=${suite%%:*}
	rc=0
	run_here 0 kvm "$suite" "$only" || rc=$?
	counts
	judge "$suite without /dev/kvm is skipped" '[ $rc = 0 ] && [ $f = 0 ] && [ $p = 0 ] && [ $s -gt 0 ] &&
		grep -qE "^skip - kvm .*/dev/kvm: No such file" "$out"'
	rc=0
	run_here 1 kvm "$suite" "$only" || rc=$?
	counts
	judge "$suite with HL_REQUIRE_KVM=1 fails" '[ $rc != 0 ] && [ $f -gt 0 ] &&
		grep -qE "^not ok - kvm .*/dev/kvm: No such file" "$out"'
	[ "$suite" != check-programs ] || only=selftest
	rc=0
	run_here 1 process "$suite" "$only" || rc=$?
	counts
	judge "$suite on the process platform runs" '[ $rc = 0 ] && [ $f = 0 ] && [ $p -gt 0 ]'
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
