# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for poolscope; built from this and the program's own table of commands.
#
# Names of pools are what other processes call them. So none is ever expanded: no eval, no `compgen -W` (which expands its words), no pattern without
# quotes; and what is put onto the line is quoted for the kind of quotes that are open there. Nothing of bash-completion is needed.

@TABLES@

# Takes the line apart up to the cursor, as the shell would but without expanding anything: words (the last one is being typed), mode (the quote that is
# open) and cut (how much of that word readline keeps: it replaces what is behind a quote or one of COMP_WORDBREAKS).
_poolscope_split() {
	local line=${COMP_LINE:0:COMP_POINT} word='' is_begun='' i c
	words=() mode='' cut=0
	for ((i = 0; i < ${#line}; i++)); do
		c=${line:i:1}
		if [ -n "$mode" ] && [ "$c" = "$mode" ]; then
			mode='' cut=${#word}
		elif [ "$mode" = "'" ]; then
			word+=$c
		elif [ "$c" = \\ ]; then
			i=$((i + 1)) is_begun=1
			c=${line:i:1}
			if [ "$mode" = '"' ]; then
				case $c in '$' | '`' | '"' | \\) ;; *) word+=\\ ;; esac
			fi
			word+=$c
		elif [ -n "$mode" ]; then
			word+=$c
		elif [ "$c" = "'" ] || [ "$c" = '"' ]; then
			mode=$c cut=${#word} is_begun=1
		elif [ "$c" = ' ' ] || [ "$c" = $'\t' ]; then
			[ -z "$is_begun" ] || words+=("$word")
			word='' is_begun='' cut=0
		else
			word+=$c is_begun=1
			case $COMP_WORDBREAKS in *"$c"*) cut=${#word} ;; esac
		fi
	done
	words+=("$word")
}

# One proposal, when the word that is being typed begins so.
_poolscope_add() {
	local full=$lead$1 tail
	[[ $full == "$current"* ]] || return 0
	tail=${full:cut}
	case $mode in
	"'") tail=${tail//\'/\'\\\'\'} ;;
	'"')
		case $tail in *'!'*) return 0 ;; esac # the shell's history is looked up there, and nothing prevents it
		tail=${tail//\\/\\\\}
		tail=${tail//\"/\\\"}
		tail=${tail//\$/\\\$}
		tail=${tail//\`/\\\`}
		;;
	*) [ -z "$tail" ] || printf -v tail %q "$tail" ;;
	esac
	COMPREPLY+=("$tail")
}

_poolscope_offer() { # CLASS
	local name
	case $1 in
	files) compopt -o default 2>/dev/null ;;
	folders) compopt -o dirnames 2>/dev/null ;;
	pools | pids)
		[ ${#of_replay[@]} = 0 ] || return 0 # the agent does not know what is in a recording
		while IFS= read -r name; do
			_poolscope_add "${name%%$'\t'*}"
		done < <(command poolscope "${socket[@]}" completion "$1" -- "${current#"$lead"}" 2>/dev/null </dev/null)
		;;
	commands) for name in "${commands[@]%%:*}"; do _poolscope_add "$name"; done ;;
	recorded) for name in "${recorded[@]%%:*}"; do _poolscope_add "$name"; done ;;
	options) for name in "${options[@]%%:*}"; do _poolscope_add "$name"; done ;;
	kinds) for name in $kinds; do _poolscope_add "$name"; done ;;
	orders) for name in $orders; do _poolscope_add "$name"; done ;;
	words*) for name in ${1#words}; do _poolscope_add "$name"; done ;;
	esac
}

_poolscope() {
	local IFS=$' \t\n' words mode cut socket=() plain=() pending='' lead='' current takes i n
	local options orders arguments commands recorded kinds of_replay=()
	COMPREPLY=()
	_poolscope_split
	while [ ${#words[@]} -gt 1 ] && [ "${words[0]##*/}" != "${1##*/}" ]; do words=("${words[@]:1}"); done
	n=$((${#words[@]} - 1))
	current=${words[n]}
	for ((i = 1; i < n; i++)); do
		case ${words[i]} in
		--socket=*) socket=("${words[i]}") ;;
		--*=*) ;;
		-*)
			_poolscope_takes "${words[i]}" || continue
			[ $((i + 1)) -lt $n ] || pending=$takes.
			[ "${words[i]}" != --socket ] || [ -n "$pending" ] || socket=("--socket=${words[i + 1]}")
			i=$((i + 1))
			;;
		*) plain+=("${words[i]}") ;;
		esac
	done
	n=${#plain[@]}
	_poolscope_table "${plain[0]-}"
	if [ "$n" = 0 ]; then
		_poolscope_table "${commands[0]%%:*}"
		arguments=(commands)
	else
		n=$((n - 1))
	fi
	if [ "${plain[0]-}" = replay ] && [ "$n" -ge 2 ]; then
		of_replay=("${options[@]}") n=$((n - 2))
		_poolscope_table "${plain[2]}"
		options+=("${of_replay[@]}")
	fi
	case $current in
	*) [ -z "$pending" ] || { _poolscope_offer "${pending%.}" && return; } ;;&
	--*=*)
		lead=${current%%=*}=
		if _poolscope_takes "${current%%=*}"; then _poolscope_offer "$takes"; fi
		;;
	-*) _poolscope_offer options ;;
	*) _poolscope_offer "${arguments[n]-}" ;;
	esac
}

complete -F _poolscope poolscope
