# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# screen.sh - a terminal for `top`, by tmux: keys go in, pictures come out. To be included after lib.sh's begin().
export LC_ALL=C.UTF-8 XDG_CONFIG_HOME=$TMP/config TZ=UTC

T() { tmux -u -f /dev/null -S "$TMP/tmux" "$@"; }
open_top() { # WIDTH HEIGHT ARGUMENTS... of poolscope
	local width=$1 height=$2
	shift 2
	T new-session -d -s top -x "$width" -y "$height" "exec '$POOLSCOPE' $* 2>'$TMP/top.log'"
	TMUX_PID=$(T display -p '#{pid}')
	PIDS+=("$TMUX_PID")
	expect "the picture is there" '^poolscope '
}
close_top() {
	end_process "$TMUX_PID" || true
	rm -f "$TMP/tmux"
}
screen() { T capture-pane -p -t top; }
key() { for k in "$@"; do T send-keys -t top "$k"; done; }
# The lines that are shown as chosen, below the titles.
chosen() { T capture-pane -e -p -t top | sed -n '5,$p' | grep -E $'\x1b\\[([0-9;]*;)?7(;[0-9;]*)?m' | grep -v '? help' | sed $'s/\x1b\\[[0-9;]*m//g' || true; }

matches() { # PATTERN or !PATTERN...
	local picture pattern
	picture=$(screen)
	for pattern in "$@"; do
		case $pattern in
		!*) ! grep -qE -- "${pattern#!}" <<<"$picture" || return 1 ;;
		*) grep -qE -- "$pattern" <<<"$picture" || return 1 ;;
		esac
	done
}
expect() { # WHAT PATTERN... within 5 s
	local what=$1 i
	shift
	for ((i = 0; i < 100; i++)); do
		! matches "$@" || return 0
		sleep 0.05
	done
	BAD="$what: not ($*) on the screen:
$(screen)"
	return 1
}
becomes() { # WHAT COMMAND VALUE
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$($2)" != "$3" ] || return 0
		sleep 0.05
	done
	BAD="$1: expected '$3', found '$($2)'"
	return 1
}
differs() { # WHAT COMMAND VALUE
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$($2)" = "$3" ] || return 0
		sleep 0.05
	done
	BAD="$1: it is still '$3'"
	return 1
}
still() { # COMMAND: what it says, when it says it twice: a picture may be half drawn
	local one two
	one=$("$1")
	for ((;;)); do
		sleep 0.08
		two=$("$1")
		[ "$one" != "$two" ] || break
		one=$two
	done
	printf '%s\n' "$one"
}
