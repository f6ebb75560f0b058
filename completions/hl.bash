# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion of hl
_hl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i=1

	# The first word that is neither an option nor an option's value is the program: from there on complete for it.
	while [ "$i" -lt "$COMP_CWORD" ]; do
		case ${COMP_WORDS[i]} in
		-t | --timeout | -m | --memory | --stack | --pids | --files | --disk | --cpus | -e | --exec | --repeat | --env | --workdir | --sysroot | --platform | --root | --initrd | --mount | --tmpfs | --user | --hostname | --net | --net-allow | --net-block | --publish | --policy | --hide | --audit | --learn) i=$((i + 2)) ;;
		-* | =*) i=$((i + 1)) ;;
		run) if [ "$i" = 1 ]; then i=2; else break; fi ;;
		*) break ;;
		esac
	done
	if [ "$i" = 1 ] && [ "$COMP_CWORD" = 2 ] && [ "${COMP_WORDS[1]}" = doctor ]; then
		mapfile -t COMPREPLY < <(compgen -W '--json --help' -- "$cur")
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
	--initrd | --policy | --audit | --learn) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--workdir | --sysroot | --root) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--mount) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--platform) mapfile -t COMPREPLY < <(compgen -W 'auto kvm process' -- "$cur") && return ;;
	--net) mapfile -t COMPREPLY < <(compgen -W 'none host' -- "$cur") && return ;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") && return ;;
	--env) mapfile -t COMPREPLY < <(compgen -v -- "$cur") && return ;;
	-t | --timeout | -m | --memory | --stack | --pids | --files | --disk | --cpus | -e | --exec | --repeat | --tmpfs | --hide | --hostname | --net-allow | --net-block | --publish) return ;;
	esac
	[ "$prev" != --after ] || return
	[ "$prev" != --when ] || { mapfile -t COMPREPLY < <(compgen -W idle -- "$cur") && return; }
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W '-h --help --initrd -V --version -v --verbose -q --quiet -t --timeout -m --memory --stack --pids --files --disk --cpus --strace
			--strace= --strace=json: --stats --platform --sysroot --host-priority --strict-jail --env --clear-env --workdir
			-e --exec --repeat --root --overlay --overlay= --isolate --mount --tmpfs --user --hostname --net --net-allow --net-block --publish --policy --workspace --workspace= --hide --dry-run --audit --learn' -- "$cur")
		;;
	*/*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(
		[ "$COMP_CWORD" != 1 ] || compgen -W 'run doctor mkinitrd snapshot' -- "$cur"
		compgen -c -- "$cur"
	) ;;
	esac
}
complete -o filenames -F _hl hl
