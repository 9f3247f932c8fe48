# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# deb-machine.sh - what deb and deb-sees share: the package, and a machine in which a script asks its questions.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

newest_deb() { find "$ROOT/build/deb" -name 'poolscope_*_amd64.deb' -newer "$POOLSCOPE" 2>/dev/null | sort | tail -n 1; }

# The package, its path in DEB. `make check` has made it; by itself a test takes what is there, unless the program is newer.
build_deb() {
	[ -n "$(newest_deb)" ] || make -s -C "$ROOT" deb >"$TMP/build.log" 2>&1 || die "make deb"
	DEB=$(newest_deb)
}

# Runs SCRIPT of this folder in a machine, and takes over its verdicts: run_inside SCRIPT OPTIONS-OF-tests/vm/boot...
run_inside() {
	local script=$1 rc=0 line
	shift
	"$ROOT/tests/vm/boot" --kernel "${KERNEL:-6.1}" --timeout 235 --script "$HERE/$script" --file "$HERE/deb-lib.sh:/vm/lib.sh" "$@" \
		>"$TMP/inside.log" 2>&1 || rc=$?
	while IFS= read -r line; do
		case $line in
		"ok: "*) pass "${line#ok: }" ;;
		"FAILED: "*) fail "${line#FAILED: }" ;;
		*) echo "    $line" ;;
		esac
	done <"$TMP/inside.log"
	check_equal "the machine came to its end" 0 "$rc"
	check "each question was asked" grep -q '^it is over$' "$TMP/inside.log"
}
