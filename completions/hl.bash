# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion of hl
_hl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i=1

	# The first word that is neither an option nor an option's value is the program: from there on complete for it.
	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		--audit | \
			--cpus | \
			--disk | \
			-e | \
			--env | \
			--exec | \
			--files | \
			--hide | \
			--hostname | \
			--initrd | \
			--image | \
			--entrypoint | \
			--learn | \
			-m | \
			--memory | \
			--mount | \
			--net | \
			--net-allow | \
			--net-block | \
			--pids | \
			--platform | \
			--policy | \
			--publish | \
			--repeat | \
			--root | \
			--stack | \
			--sysroot | \
			--translator | \
			-t | \
			--timeout | \
			--tmpfs | \
			--user | \
			--workdir) i=$((i + 2)) ;;
		-* | =*) i=$((i + 1)) ;;
		run) if [ "$i" = 1 ]; then i=2; else break; fi ;;
		*) break ;;
		esac
	done
	if [ "$i" = 1 ] && [ "$COMP_CWORD" = 2 ] && [ "${COMP_WORDS[1]}" = doctor ]; then
		mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$cur")
		return
	fi
	if [ "$i" = 1 ] && [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = bench ]; then
		mapfile -t COMPREPLY < <(case $cur in
			-*) compgen -W '-e --exec --driver --interpreter --rounds --jobs --copies --sizes --plain
				--platform --json --html --help' -- "$cur" ;;
			*) compgen -W 'cold cold-snap copy warm-restore warm-stateful parallel memory growth' \
				-f -- "$cur" ;;
			esac)
		return
	fi
	if [ "$i" = 1 ] && [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = mkinitrd ]; then
		mapfile -t COMPREPLY < <(case $cur in
			-*) compgen -W '-o --output --program --add -z --gzip --zstd --keep-owners --help' -- "$cur" ;;
			*) compgen -f -- "$cur" ;;
			esac)
		return
	fi
	if [ "$i" = 1 ] && [ "${COMP_WORDS[1]}" = snapshot ] && [ "$COMP_CWORD" = 2 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'save run info' -- "$cur")
		return
	fi
	if [ "$i" = 1 ] && [ "${COMP_WORDS[1]}" = snapshot ] && [ "$COMP_CWORD" = 3 ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [ "$i" -lt "$COMP_CWORD" ]; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$i"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return
	fi
	case $prev in
	--initrd | --image | --policy | --audit | --learn) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--workdir | --sysroot | --root) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--mount) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--platform) mapfile -t COMPREPLY < <(compgen -W 'auto kvm process' -- "$cur") && return ;;
	--net) mapfile -t COMPREPLY < <(compgen -W 'none host namespace' -- "$cur") && return ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") && return ;;
	--env) mapfile -t COMPREPLY < <(compgen -v -- "$cur") && return ;;
	--cpus | \
		--disk | \
		-e | \
		--exec | \
		--files | \
		--hide | \
		--hostname | \
		-m | \
		--memory | \
		--net-allow | \
		--net-block | \
		--pids | \
		--publish | \
		--repeat | \
		--stack | \
		-t | \
		--timeout | \
		--tmpfs) return ;;
	esac
	[ "$prev" != --after ] || return
	[ "$prev" != --driver ] || { mapfile -t COMPREPLY < <(compgen -W 'python3 python3: node perl ruby bash' -- "$cur") && return; }
	[ "$prev" != --when ] || { mapfile -t COMPREPLY < <(compgen -W 'idle listen listen: output:' -- "$cur") && return; }
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W '
			--audit
			--clear-env
			--cpus
			--deterministic
			--disk
			--dry-run
			-e
			--env
			--exec
			--files
			-h
			--help
			--hide
			--host-priority
			--hostname
			--initrd
			--image
			--entrypoint
			--isolate
			--learn
			-m
			--memory
			--mount
			--net
			--net-allow
			--net-block
			--overlay
			--overlay=
			--pids
			--platform
			--policy
			--publish
			-q
			--quiet
			--repeat
			--root
			--self-contained
			--stack
			--core
			--gdb
			--stats
			--strace
			--strace=
			--strace=json:
			--strict-jail
			--sysroot
			--translator
			-t
			--timeout
			--tmpfs
			--user
			-V
			-v
			--verbose
			--version
			--workdir
			--workspace
			--workspace=
			' -- "$cur")
		;;
	*/*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(
		[ "$COMP_CWORD" != 1 ] || compgen -W 'run bench doctor image mkinitrd snapshot' -- "$cur"
		compgen -c -- "$cur"
	) ;;
	esac
}
complete -o filenames -F _hl hl
