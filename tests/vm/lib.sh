# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# lib.sh - what root, kernel and boot share: where their results are kept, and who may make them. A result is made once, in a folder beside its
# own, and renamed when it is whole: what is there can be used.
set -euo pipefail
VM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$VM/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-/var/cache}/poolscope-tests/vm
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
WORK=""

die() {
	echo "${0##*/}: $*" >&2
	exit 125
}

# Only one makes something at a time, here and in other checkouts of the same machine; it has the empty folder $WORK for that, until it ends.
begin_making() {
	mkdir -p "$CACHE"
	exec {LOCK}>"$CACHE/lock"
	flock -w 900 "$LOCK" || die "somebody else has made things in $CACHE for 15 minutes"
	WORK=$(mktemp -d "$CACHE/making.XXXXXX")
	trap 'rm -rf "$WORK"' EXIT
}

# Runs a command whose output is of interest only when it fails: quietly WHAT COMMAND... (Beside this shell: after `||` nothing in it would end it.)
quietly() {
	local what=$1 begin=$SECONDS
	shift
	"$@" >"$WORK/log" 2>&1 </dev/null &
	wait $! || {
		tail -n 20 "$WORK/log" >&2
		die "could not $what"
	}
	echo "${0##*/}: $what: $((SECONDS - begin)) s" >&2
}
