for __hl in warm job; do [ "$__hl" = warm ] || { unset __hl; eval "$BASH_EXECUTION_STRING"; exit; }
# SPDX-License-Identifier: Apache-2.0
# The driver of bash (docs/guest.md): its modules are files that it reads. The job finds nothing of
# it.
# The code of -c runs from the first line, so that its own lines have their numbers.
__hl_ask() {
	printf %s "$1" >&"$__hl"
	mapfile -d '' -t __hl_list <&"$__hl"
}

exec {__hl}<>/dev/hl
for __hl_word; do
	__hl_name=${__hl_word%\?}
	[[ -e $__hl_name || $__hl_word = "$__hl_name" ]] || continue
	# shellcheck source=/dev/null
	. "$__hl_name" || {
		printf "hl: bash: module '%s' cannot be read\n" "$__hl_name" >&2
		exit 1
	}
	printf 'call loaded\n%s' "$__hl_name" 2>/dev/null >&"$__hl"
done
cd / || exit
printf save >&"$__hl" || exit

__hl_ask environ
for __hl_name in $(compgen -e); do
	unset "$__hl_name" 2>/dev/null
done
for __hl_word in "${__hl_list[@]}"; do
	export -- "$__hl_word" 2>/dev/null
done
__hl_ask dir
cd -- "${__hl_list[0]}" || exit
__hl_ask args
set -- "${__hl_list[@]}"
exec {__hl}>&-
RANDOM=$SRANDOM
unset -f __hl_ask
unset __hl __hl_list __hl_name __hl_word OLDPWD
SHLVL=$((SHLVL + 1))
case $1 in
-c)
	BASH_ARGV0=${3:-$0}
	BASH_EXECUTION_STRING=$2
	shift "$(($# < 3 ? 2 : 3))"
	continue
	;;
-)
	shift
	. /dev/stdin
	;;
*)
	if [[ ! -e $1 ]]; then
		echo "$0: $1: No such file or directory" >&2
		exit 127
	fi
	BASH_ARGV0=$1
	. "$@"
	;;
esac
exit
done
