# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion of pyhl
_pyhl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words

	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W 'setup run --help --version' -- "$cur")
		return
	fi
	case $prev in
	--dest | --venv | --root) mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--python) mapfile -t COMPREPLY < <(compgen -c -f -- "$cur") && return ;;
	--platform) mapfile -t COMPREPLY < <(compgen -W 'auto kvm process' -- "$cur") && return ;;
	-c | --modules | --repeat | --timeout | -t | --memory | -m | --env | --net-allow) return ;;
	esac
	case ${COMP_WORDS[1]}$cur in
	setup*) words='--modules --python --venv --root --platform --dest --force --help' ;;
	run-*) words='-c --dest --repeat --verbose --mount --net --net-allow --timeout --memory --env --deterministic --help' ;;
	*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o filenames -F _pyhl pyhl
