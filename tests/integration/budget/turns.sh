# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For tests of what build/tests/fires reaches, in $here: beside the same program without points, in turns of a second. The speed of a shared host changes by a half within seconds, so a rate of a
# minute before says nothing.

rates() { BASE=${BASE:-0} "$here/rates.py" "$TMP/sim-${OF:-1}.out" "$@"; }
is_at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }
turn() { # N: that one alone does as many as it can, for a second
	SIM=$1
	sim_say storm
	sleep 1
	sim_say calm
	sleep 0.2
}

# The first simulator is a `fires` that rests now, and has its speed when it does not.
check_speed() {
	local watched=$SIM_PID t after without
	objcopy -R .note.stapsdt "$ROOT/build/tests/fires" "$TMP/pointless"
	POOLSIM=$TMP/pointless
	start_sim pointless "$(sed -n 's/.*rounds=//p' "$TMP/sim-1.out")"
	sim_say calm
	t=$(clock)
	for _ in 1 2 3 4 5 6 7; do
		turn 2
		turn 1
	done
	read -r _ _ _ _ without < <(OF=2 rates "$t")
	read -r _ _ _ _ after < <(rates "$t")
	echo "    stepped down: $after pairs a second, without points $without: $(awk -v a="$after" -v b="$without" 'BEGIN { printf "%.3f", a / b }')"
	check "stepped down it has 0.95 of its speed or more" is_at_least "$after" "$(awk -v b="$without" 'BEGIN { print 0.95 * b }')"
	SIM=2
	sim_say quit
	SIM=1 SIM_PID=$watched
}
