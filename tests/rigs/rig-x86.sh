#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command on an emulated x86_64 machine that has hardware virtualisation: AMD SVM with nested paging, from
# QEMU's own CPU emulation, so that /dev/kvm is the real kvm_amd. No KVM is needed on this host.
#
#   rig-x86.sh [-c CPU] [-m MEMORY] [-s CPUS] [-t SECONDS] [-k KVM_AMD_PARAMETERS] [-a KERNEL_ARGUMENTS] -- COMMAND...
#
# The machine sees this host's files, read-only under an overlay in memory: what COMMAND writes is gone afterwards. It
# starts in the current directory. Exit status: COMMAND's; 125: the rig itself failed, or ran out of time.
# Needs qemu-system-x86 cpio gzip binutils xz-utils, and once apt-get for a kernel and a static busybox, kept in
# $RIG_CACHE.
set -eu

cpu=EPYC memory=3G cpus=1 seconds=300 kvm_amd='' kernel_args=''
while getopts c:m:s:t:k:a: option; do
	case $option in
	c) cpu=$OPTARG ;;
	m) memory=$OPTARG ;;
	s) cpus=$OPTARG ;;
	t) seconds=$OPTARG ;;
	k) kvm_amd=$OPTARG ;;
	a) kernel_args=$OPTARG ;;
	*) exit 125 ;;
	esac
done
shift $((OPTIND - 1))
cache=${RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hl-rig-x86}

fail() {
	echo "rig-x86: $*" >&2
	exit 125
}

for tool in qemu-system-x86_64 cpio gzip strings xz; do
	command -v $tool >/dev/null || fail "$tool is missing: apt-get install qemu-system-x86 cpio gzip binutils xz-utils"
done

# The distribution's generic kernel; its cloud kernel has no 9p.
kernel_fetch() {
	local package
	package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	[ -n "$package" ] || fail "apt-get update has not been run, or there is no linux-image-amd64"
	(cd "$1" && apt-get download "$package" busybox-static >&2 && mkdir kernel busybox &&
		dpkg-deb -x linux-image-*.deb kernel && dpkg-deb -x busybox-static*.deb busybox && rm ./*.deb) ||
		fail "cannot download a kernel"
}

# Adds a module and what it depends on to directory $2, in the order of loading.
module_add() {
	local file name dependency
	name=$(echo "$1" | sed 's/[-_]/[-_]/g')
	file=$(find "$modules" -name "$name.ko" | head -1)
	[ -n "$file" ] && [ ! -e "$2/m/$(basename "$file")" ] || return 0 # built in, or there
	for dependency in $(strings -n 8 "$file" | sed -n 's/^depends=//p' | tr , ' '); do
		module_add "$dependency" "$2"
	done
	strip --strip-debug -o "$2/m/$(basename "$file")" "$file"
	basename "$file" >>"$2/modules"
}

# PVH boot of the uncompressed kernel: its own decompressor takes long under emulation.
kernel_unpack() {
	local at
	at=$(LC_ALL=C grep -aobP '\xFD7zXZ\x00' "$1" | head -1 | cut -d: -f1)
	[ -n "$at" ] && tail -c +$((at + 1)) "$1" | xz -dc --single-stream >"$2" 2>/dev/null
	[ -s "$2" ] || cp "$1" "$2"
}

init_write() {
	cat >"$1" <<'EOF'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sysfs /sys; $b mount -t devtmpfs dev /dev
for word in $($b cat /proc/cmdline); do
	case $word in
	rig.date=*) $b date -s @${word#*=} >/dev/null ;;
	rig.kvm_amd=*) parameters=$(echo "${word#*=}" | $b tr , ' ') ;;
	esac
done
for module in $($b cat /modules); do
	case $module in kvm-amd.ko) extra=$parameters ;; *) extra= ;; esac
	$b insmod /m/$module $extra || echo "RIG: module $module"
done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /low || echo "RIG: 9p"
$b mount -t tmpfs -o size=75% upper /upper; $b mkdir /upper/u /upper/w
$b mount -t overlay -o lowerdir=/low,upperdir=/upper/u,workdir=/upper/w overlay /new || echo "RIG: overlay"
for dir in proc sys dev; do $b mkdir -p /new/$dir; $b mount --move /$dir /new/$dir; done
$b mkdir -p /new/dev/pts /new/dev/shm /new/run/rig /new/tmp
$b mount -t devpts devpts /new/dev/pts; $b mount -t tmpfs shm /new/dev/shm
[ -e /in-tmp ] || $b mount -t tmpfs tmp /new/tmp
$b ip link set lo up
$b cp /bin/busybox /command /new/run/rig/
echo "RIG: started after $($b cut -d' ' -f1 /new/proc/uptime) s"
$b chroot /new /run/rig/busybox sh -c '
	b=/run/rig/busybox; $b stty -F /dev/ttyS1 raw -echo
	$b setsid /bin/bash /run/rig/command </dev/null >/dev/ttyS1 2>&1; echo "RIG_EXIT=$?"'
$b echo o >/new/proc/sysrq-trigger; $b sleep 20
EOF
	chmod +x "$1"
}

# Everything that does not depend on the command; made aside, then put in place at once.
cache_make() {
	local new modules version
	mkdir -p "$(dirname "$cache")"
	new=$(mktemp -d "$cache.XXXXXX")
	kernel_fetch "$new"
	version=$(basename "$new"/kernel/boot/vmlinuz-* | sed s/vmlinuz-//)
	modules=$new/kernel/lib/modules/$version
	kernel_unpack "$new/kernel/boot/vmlinuz-$version" "$new/vmlinux"
	mkdir -p "$new"/root/{bin,proc,sys,dev,m,low,upper,new}
	cp "$new/busybox/bin/busybox" "$new/root/bin/"
	for module in virtio_pci overlay 9pnet_virtio 9p kvm-amd; do module_add $module "$new/root"; done
	rm -rf "$new/kernel" "$new/busybox"
	rm -rf "$cache"
	mv "$new" "$cache"
}

[ -s "$cache/vmlinux" ] || cache_make
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -a "$cache/root" "$work/root"
init_write "$work/root/init"
{
	export -p | grep -E 'declare -x (PATH|HOME|USER|LANG|LC_ALL|HL_[A-Z_]*)='
	printf 'cd %q\nexec' "$PWD"
	printf ' %q' "$@"
	echo
} >"$work/root/command"
# Where the current directory lies there, the host's /tmp must be seen.
case $PWD/ in /tmp/*) : >"$work/root/in-tmp" ;; esac
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

timeout -k 5 "$seconds" qemu-system-x86_64 -M pc -accel tcg,thread=multi -cpu "$cpu" -smp "$cpus" -m "$memory" \
	-nographic -nodefaults -no-reboot -serial file:"$work/console" -serial stdio \
	-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
	-kernel "$cache/vmlinux" -initrd "$work/initrd" \
	-append "console=ttyS0 panic=-1 quiet mitigations=off rig.kvm_amd=$kvm_amd rig.date=$(date +%s) $kernel_args" \
	</dev/null 2>"$work/errors" || fail "emulator ended with status $? (124: after $seconds seconds); $(cat "$work/errors")"

[ -z "${RIG_LOG:-}" ] || cp "$work/console" "$RIG_LOG"
status=$(tr -d '\r' <"$work/console" | sed -n 's/.*RIG_EXIT=//p' | tail -1)
[ -n "$status" ] || fail "no exit status; the console ends: $(tail -20 "$work/console")"
exit "$status"
