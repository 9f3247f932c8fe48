# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# workers.sh - for tests of servers whose workers wait for connections, each a subject that answers /hold when it is told to.

fact() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$TMP/subject.json" "$1"; }

# What the subject said before it was ready: said NAME
said() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" "$TMP/subject.out" | head -n 1; }

# What the row of the subject's workers says: workers KEY...
workers() {
	poolscope list --json --pid "$SUBJECT_PID" | python3 -c '
import json, sys
print(*[p[key] for p in json.load(sys.stdin)["pools"] if p["kind"] == "worker" for key in sys.argv[1:]])' "$@"
}
workers_are() { [ "$(workers "${@:2}")" = "$1" ]; }

# Sets the books of a subject beside its row: judge_workers WHAT OPTIONS-OF-compare_workers.py...
judge_workers() {
	local what=$1
	shift
	if compare_listed compare_workers.py "$@" >"$TMP/table"; then pass "$what"; else fail "$what"; fi
	sed 's/^/    /' "$TMP/table"
}

# Runs a subject under load and judges it: load_workers "OPTIONS-OF-compare_workers.py..." SUBJECT VARIABLE=VALUE...
load_workers() {
	local options=$1
	shift
	start_subject "$@"
	subject_go
	subject_truth
	# shellcheck disable=SC2086
	judge_workers "$*: its books agree" $options
}

# N clients that wait for /hold at a port: hold PORT N
hold() {
	spawn hold "$ROOT/tests/subjects/hold" "$1" "$2"
	HOLD_PID=$SPAWNED
	wait_for 10 "the requests are out" grep -q "OUT" "$TMP/hold.log"
}

# Its requests are answered, and it ends: release FOLDER-OF-THE-SUBJECT
release() {
	touch "$1/release"
	wait_for 10 "the answers" has_ended "$HOLD_PID"
	wait "$HOLD_PID" || fail "the clients: $(cat "$TMP/hold.log")"
	forget "$HOLD_PID"
	rm "$TMP/hold.log"
}
has_ended() { ! is_running "$1"; }

# What the kernel says of the queue at a port.
queue() { ss -ltnH "sport = :$1" | awk '{ print $2 }'; }
queue_is() { [ "$(queue "$1")" = "$2" ]; }

now_ns() { python3 -c 'import time; print(time.monotonic_ns())'; }

# With 10 requests that do not end, SIZE of them at the workers: workers_hold WHAT PORT SIZE
workers_hold() {
	wait_for 8 "$1: all are at work, and $((10 - $3)) wait" workers_are "$3 $3 0 $((10 - $3))" capacity in_use idle pending
	check_equal "$1: all are at work; as many wait as the kernel says" "$((10 - $3))" "$(queue "$2")"
}

# An agent that comes when all are at work: late_workers SIZE "OPTIONS..." SUBJECT VARIABLE=VALUE...
late_workers() {
	local size=$1 options=$2 port folder since
	shift 2
	start_subject "$@"
	port=$(said port) folder=$(said folder)
	hold "$port" 10
	wait_for 5 "the queue" queue_is "$port" $((10 - size))
	start_agent --recipes "$TMP/none"
	since=$(now_ns)
	workers_hold "$* late" "$port" "$size"
	wait_for 5 "$* late: used to the full" workers_are 1.0 utilization
	pass "$* late: used to the full"
	release "$folder"
	wait_for 8 "$* late: all rest" workers_are "$size 0 0" capacity in_use pending
	subject_go
	subject_truth
	# shellcheck disable=SC2086
	judge_workers "$* late: the books of what began later agree" --ops "$TMP/ops" --since "$since" $options
	end_subject
	stop_agent
}
