#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Is the seam of arch/ where the CPU ends? Everything above the platforms is built for arm64, and what of the unit tests
# has no need of the host's kernel as an oracle runs under qemu-user. Last line: N passed, N failed, N skipped.
set -u
cd "$(dirname "$0")/../.." || exit 1

cross=aarch64-linux-gnu-
build=build/aarch64
run=qemu-aarch64-static
# Not those that compare with the host's mmap, terminals or openat2, which qemu-user has in a way of its own.
tests=(arena arch clock inotify loader locks mm mount pagestore ramfs rbtree timerfd)
programs=("${tests[@]/#/$build/tests/unit/test_}")
passed=0 failed=0

result() { # STATUS WHAT
	if [ "$1" = 0 ]; then
		echo "ok - $2"
		passed=$((passed + 1))
	else
		echo "not ok - $2"
		failed=$((failed + 1))
	fi
}

cross_make() {
	"${MAKE:-make}" --no-print-directory -s -j"$(nproc)" CC=${cross}gcc LD=${cross}ld AR=${cross}ar OBJCOPY=${cross}objcopy \
		STRIP=${cross}strip BUILD=$build "$@"
}

# numbers COMPILER: "name number" of the kernel's headers.
numbers() {
	"$1" -E -dM -include asm/unistd.h -x c /dev/null | awk '
		/^#define __NR/ { value[$2] = $3 }
		END {
			for (name in value) {
				n = value[name]
				while (n in value)
					n = value[n]
				if (name ~ /^__NR_/ && n ~ /^[0-9]+$/)
					print substr(name, 6), n
			}
		}' | sort
}

# ours FILE MACRO: "name number" of a table of ours, in which the number comes first.
ours() {
	sed -nE "s/^$2\(([0-9]+), (\w+).*/\2 \1/p" "$1" | sort
}

# Each number of ours that the headers know is theirs. Headers may be older than the tables.
same_numbers() { # COMPILER FILE MACRO
	local wrong

	wrong=$(join <(ours "$2" "$3") <(numbers "$1") | awk '$2 != $3 { print $1 ": " $2 " here, " $3 " in Linux" }')
	[ -z "$wrong" ] || { echo "$wrong"; false; }
}

# Each call of the headers' below the numbers that are the same everywhere is in our table.
all_numbers() { # COMPILER FILE MACRO
	local missing

	missing=$(join -v 2 <(ours "$2" "$3") <(numbers "$1") |
		awk '$2 < 424 && $1 != "arch_specific_syscall" && $1 != "syscalls" { print $1 ": missing" }')
	[ -z "$missing" ] || { echo "$missing"; false; }
}

if ! type -P ${cross}gcc $run >/dev/null; then
	echo "skip - no ${cross}gcc or no $run: scripts/setup arch"
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
fi

same_numbers "${cross}gcc" sys/syscalls_generic.def NUMBER && all_numbers "${cross}gcc" sys/syscalls_generic.def NUMBER
result $? "the numbers of the generic table"
if [ "$(gcc -dumpmachine)" = x86_64-linux-gnu ]; then
	same_numbers gcc sys/syscalls.def SYSCALL
	result $? "the numbers of x86_64"
fi

cross_make all "${programs[@]}"
result $? "all but the platforms builds for arm64"

said=$($run $build/hl /bin/true 2>&1)
[ $? = 125 ] && [ "$said" = 'hl: no platform of this version runs aarch64 programs' ]
result $? "hl says that nothing runs programs there: $said"

sum=$(RUN_WITH=$run scripts/run-tests 120 "${programs[@]}" | tee /dev/stderr | tail -1)
read -r p _ f _ s _ <<<"$sum"
echo "$((passed + p)) passed, $((failed + f)) failed, ${s:-0} skipped"
[ $((failed + f)) = 0 ]
