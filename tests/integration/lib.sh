# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# lib.sh - what a test needs that runs the real agent in the real kernel. A test is tests/integration/<system>/<question>:
#
#	#!/usr/bin/env bash
#	. "$(dirname "$0")/../lib.sh"
#	begin
#	start_agent
#	start_sim steady --wait --seconds 5 --linger 20
#	sim_say go
#	check "books agree" compare_truth <(sim_truth)
#
# It ends with 0 (every check passed), 1 (one failed, or something did not come up) or 77 (skipped). Whatever way it ends,
# what it started is ended by pid, last started first. With CI=1 a skip is a failure.
set -euo pipefail

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$LIB/../.." && pwd)
POOLSCOPE=${POOLSCOPE:-$ROOT/build/poolscope}
POOLSIM=${POOLSIM:-$ROOT/build/poolsim}
TMP="" OUT="" PORT="" AGENT_PID="" SIM_PID="" SIM=0
PIDS=() N_PASSED=0 N_FAILED=0 SKIPPED="" CGROUP=""

# ---- beginning and end -------------------------------------------------------------------------------------------------

# A temporary folder in $TMP, and the promise to clean up. To be called first. Tests need root.
begin() {
	TMP=$(mktemp -d "${TMPDIR:-/tmp}/poolscope-test.XXXXXX")
	chmod 755 "$TMP" # service accounts must get at their own folder in it
	export TMP
	exec {OUT}>&1 # for what is said while a command's own output goes nowhere
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ "$(id -u)" = 0 ] || skip "it loads BPF programs: needs root"
	export TRAP_TIMES=${TRAP_TIMES:-$("$LIB/trap-times")} # of this test: on a shared host it was 1.6 now and 3 an hour before
	[ "$TRAP_TIMES" = 1.00 ] || echo "    a trap takes $TRAP_TIMES times as long here as where the tolerances were found"
}

# Ends one process that the test started: SIGTERM, after 10 s SIGKILL. The result is its exit status.
end_process() {
	local pid=$1 n rc=0
	kill -TERM "$pid" 2>/dev/null || true
	for ((n = 0; n < 200; n++)); do
		is_running "$pid" || break
		sleep 0.05
	done
	! is_running "$pid" || kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || rc=$?
	forget "$pid"
	return "$rc"
}

# A zombie has ended; only its parent has not asked yet.
is_running() {
	local state
	state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
	[ -n "$state" ] && [ "$state" != Z ]
}

forget() {
	local pid kept=()
	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$1" ] || kept+=("$pid")
	done
	PIDS=("${kept[@]}")
}

finish() {
	local rc=$? log
	trap - EXIT
	set +e
	exec >&"$OUT" 2>&1
	while [ ${#PIDS[@]} -gt 0 ]; do
		end_process "${PIDS[-1]}"
	done
	if [ -n "$SKIPPED" ]; then
		rc=77
		case ${CI:-} in 1 | true) rc=1 && echo "a skip is a failure here (CI=$CI)" ;; esac
	elif [ "$N_FAILED" -gt 0 ] || { [ "$rc" = 0 ] && [ "$N_PASSED" = 0 ]; }; then
		[ "$N_FAILED" -gt 0 ] || echo "FAILED: the test checked nothing"
		rc=1
	fi
	if [ "$rc" != 0 ] && [ "$rc" != 77 ]; then
		for log in "$TMP"/*.log; do
			[ -s "$log" ] || continue
			echo "---- the end of ${log##*/}"
			tail -n 15 "$log"
		done
	fi
	rm -rf "${TMP:?}"
	[ -z "$CGROUP" ] || rmdir "$CGROUP"
	exit "$rc"
}

# ---- verdicts ----------------------------------------------------------------------------------------------------------

pass() {
	N_PASSED=$((N_PASSED + 1))
	echo "ok: $*"
}

# Notes a failure; the test goes on.
fail() {
	N_FAILED=$((N_FAILED + 1))
	echo "FAILED: $*"
}

# Ends the test as failed: what follows could not be judged.
die() {
	fail "$*" >&"${OUT:-1}"
	exit 1
}

# Ends the test: it cannot be done here.
skip() {
	SKIPPED=$*
	echo "SKIPPED: $*"
	exit 77
}

# Passes when the command succeeds, else shows what it printed: check WHAT COMMAND...
check() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then
		pass "$what"
	else
		fail "$what ($*)"
		[ -z "$out" ] || printf '%s\n' "$out" | sed 's/^/    /'
	fi
}

# Passes when two values are the same: check_equal WHAT EXPECTED FOUND
check_equal() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected $2, found $3"; fi
}

# Waits until a command succeeds, or ends the test: wait_for SECONDS WHAT COMMAND...
wait_for() {
	local seconds=$1 what=$2 end
	end=$((SECONDS + seconds))
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "$what: not within $seconds s"
		sleep 0.05
	done
}

# Runs a command until it succeeds, for some 5 s (the agent learns the last events with its next tick); shows what it said last. For check.
eventually() {
	local i said=
	for ((i = 0; i < 25; i++)); do
		! said=$("$@" 2>&1) || break
		sleep 0.2
	done
	printf '%s\n' "$said"
	[ "$i" -lt 25 ]
}

# ---- processes ---------------------------------------------------------------------------------------------------------

# Starts a program in the background with its output in $TMP/NAME.log; its pid: $SPAWNED. spawn NAME COMMAND...
spawn() {
	local log=$TMP/$1.log
	shift
	"$@" </dev/null >>"$log" 2>&1 &
	SPAWNED=$!
	PIDS+=("$SPAWNED")
}

# A TCP port of 127.0.0.1 that was free just now.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The status line of a GET to the agent's HTTP port: http_status PATH
http_status() {
	local line
	exec 9<>"/dev/tcp/127.0.0.1/$PORT" || return 1
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&9
	read -r -t 5 line <&9 || true
	while read -r -t 5 _ <&9; do :; done # an unread answer would reset the connection
	exec 9>&-
	echo "${line%$'\r'}"
}

agent_is_ready() { [[ $( (http_status /-/ready) 2>/dev/null) == *" 200 "* ]]; }

agent_is_ready_or_gone() { ! is_running "$AGENT_PID" || agent_is_ready; }

# Starts the agent with a private socket ($TMP/sock) and port ($PORT), further arguments as given, and waits until it is ready. Its budget is off but for who
# asks for it: programs that do nothing but what is watched are over it at once, and whether a test sees what it asks for must not depend on how dear a trap is here.
start_agent() {
	[ -x "$POOLSCOPE" ] || die "$POOLSCOPE is not built: make"
	PORT=$(free_port)
	spawn agent env "POOLSCOPE_BUDGET_STEP_DOWN=${STEP_DOWN:-off}" "$POOLSCOPE" run --socket "$TMP/sock" --listen-address "127.0.0.1:$PORT" "$@"
	AGENT_PID=$SPAWNED
	wait_for 30 "the agent is ready" agent_is_ready_or_gone
	is_running "$AGENT_PID" || die "the agent ended before it was ready"
}

# Ends the agent and checks that it left in good order.
stop_agent() {
	if end_process "$AGENT_PID"; then
		pass "the agent ends with 0 on SIGTERM"
	else
		fail "the agent ends with $? on SIGTERM"
	fi
	AGENT_PID=""
}

# A command of the program under test, asking the test's own agent.
poolscope() { "$POOLSCOPE" --socket "$TMP/sock" "$@"; }

# ---- the simulator -----------------------------------------------------------------------------------------------------

# Starts `poolsim SCENARIO OPTIONS...` and waits for READY; its pid: $SIM_PID. sim_say and sim_truth mean the one started last;
# for an earlier one put its number into SIM (the first is 1).
start_sim() {
	local fd
	[ -x "$POOLSIM" ] || die "$POOLSIM is not built: make"
	N_SIMS=$((${N_SIMS:-0} + 1))
	SIM=$N_SIMS
	mkfifo "$TMP/sim-$SIM.in"
	exec {fd}<>"$TMP/sim-$SIM.in" # open for both, so that neither side waits for the other
	SIM_FD[SIM]=$fd
	"$POOLSIM" "$@" <"$TMP/sim-$SIM.in" >"$TMP/sim-$SIM.out" 2>"$TMP/sim-$SIM.log" &
	SIM_PID=$!
	SIM_PIDS[SIM]=$SIM_PID
	PIDS+=("$SIM_PID")
	wait_for 20 "poolsim $1 says READY" sim_said READY
}

# The simulator printed a line that begins so; or it has ended and never will, which ends the test.
sim_said() {
	grep -q "^$1" "$TMP/sim-$SIM.out" && return
	is_running "${SIM_PIDS[SIM]}" || grep -q "^$1" "$TMP/sim-$SIM.out" || die "poolsim ended before $1"
	return 1
}

sim_say() { printf '%s\n' "$*" >&"${SIM_FD[SIM]}"; }

# Waits for the TRUTH line (at most SIM_TIMEOUT seconds, 120) and prints its JSON.
sim_truth() {
	wait_for "${SIM_TIMEOUT:-120}" "poolsim tells its truth" sim_said TRUTH >&2
	sed -n 's/^TRUTH //p' "$TMP/sim-$SIM.out"
}

# ---- other people's pools ----------------------------------------------------------------------------------------------

# Starts the subject tests/subjects/NAME with settings as VARIABLE=VALUE, and waits for READY; its pid: $SUBJECT_PID.
start_subject() {
	local name=$1
	shift
	mkfifo "$TMP/subject.in"
	exec {SUBJECT_FD}<>"$TMP/subject.in"
	env KEEP_OPS="$TMP/ops" LINGER=60 "$@" "$ROOT/tests/subjects/$name/run" <"$TMP/subject.in" >"$TMP/subject.out" 2>"$TMP/subject.log" &
	SUBJECT_RUN=$!
	PIDS+=("$SUBJECT_RUN")
	wait_for 120 "the subject $name says READY" subject_said READY
	SUBJECT_PID=$(sed -n 's/^READY pid=\([0-9]*\).*/\1/p' "$TMP/subject.out")
}

subject_said() {
	grep -q "^$1" "$TMP/subject.out" && return
	is_running "$SUBJECT_RUN" || grep -q "^$1" "$TMP/subject.out" || die "the subject ended before $1"
	return 1
}

subject_go() { printf 'go\n' >&"$SUBJECT_FD"; }

# Waits for the subject's TRUTH; it is in $TMP/subject.json then.
subject_truth() {
	wait_for 120 "the subject tells its truth" subject_said TRUTH
	sed -n 's/^TRUTH //p' "$TMP/subject.out" >"$TMP/subject.json"
}

end_subject() {
	end_process "$SUBJECT_RUN" || true
	exec {SUBJECT_FD}>&-
	rm -f "$TMP/subject.in" "$TMP/subject.out" "$TMP/ops" "$TMP/ops.workers"
}

# True when a recipe's probes are on the files of a process: recipe_is_attached RECIPE PID
recipe_is_attached() {
	poolscope probes --pid "$2" --json | python3 -c '
import json, sys
rows = [p for p in json.load(sys.stdin)["probes"] if p["provider"] == sys.argv[1]]
sys.exit(not rows or not any(p["attached"] for p in rows))' "$1"
}

# As compare_truth, for a subject: compare_subject OPTIONS-OF-compare_subject.py...
compare_subject() {
	[ ! -s "$TMP/ops" ] || set -- "$@" --log "$TMP/ops"
	compare_listed compare_subject.py "$@"
}

# The same for a subject of which nothing is known but its sockets and futexes: compare_inferred OPTIONS-OF-compare_inferred.py...
compare_inferred() { compare_listed compare_inferred.py "$@"; }

# Passes when compare_inferred does, and shows its table in any case: judge_inferred WHAT OPTIONS-OF-compare_inferred.py...
judge_inferred() {
	local what=$1
	shift
	if compare_inferred "$@" >"$TMP/table"; then pass "$what"; else fail "$what"; fi
	sed 's/^/    /' "$TMP/table"
}

# Runs a subject beside the agent and asks one question: check_inferred SUBJECT QUESTION VARIABLE=VALUE...
check_inferred() {
	local name=$1 question=$2
	shift 2
	start_subject "$name" "$@"
	subject_go
	subject_truth
	judge_inferred "$name $*: $question" "$question" --log "$TMP/ops"
	end_subject
}

# The agent has seen that the subject's connections over a Unix socket are a pool's, and nothing has gone over them since.
is_followed() {
	poolscope list --json --pid "$SUBJECT_PID" | python3 -c '
import json, sys
sys.exit(not any("since they are followed" in p["evidence"] for p in json.load(sys.stdin)["pools"]))'
}

# As check_inferred, by Unix sockets, for a pool that is full before READY: all of its load is known.
check_followed() {
	local name=$1 question=$2
	shift 2
	start_subject "$name" UNIX=1 "$@"
	wait_for 5 "its connections are followed" is_followed
	subject_go
	subject_truth
	judge_inferred "$name $*: $question" "$question" --log "$TMP/ops"
	check_equal "$name $*: opened and closed" "$(true_ends)" "$(listed_ends)"
	end_subject
}

listed_ends() {
	poolscope list --json --pid "$SUBJECT_PID" | python3 -c '
import json, sys
print([(p["opened"] + p["before_start"], p["closed"]) for p in json.load(sys.stdin)["pools"]
       if p["source"].startswith("inferred:") and p["kind"] == "connection"])'
}

true_ends() { # by the server's log; a pool that has no such server opens its connections once
	python3 -c 'import json, sys
t = json.load(open(sys.argv[1]))
print([(t.get("opened", t["capacity"]), t.get("closed", 0))])' "$TMP/subject.json"
}

compare_listed() { # SCRIPT OPTIONS...
	local script=$1 end out
	shift
	end=$((SECONDS + 8))
	until poolscope list --json >"$TMP/list.json" && out=$("$LIB/$script" "$TMP/subject.json" "$TMP/list.json" "$@" 2>&1); do
		[ $SECONDS -lt $end ] || {
			printf '%s\n' "$out"
			return 1
		}
		sleep 0.2
	done
	printf '%s\n' "$out"
}

# As compare_subject, where something cannot be known: passes when just these rows of the table, $out, differ.
# check_differs WHAT "capacity trusted" OPTIONS-OF-compare_subject.py...
check_differs() {
	local what=$1 expected=$2 mismatches i
	shift 2
	for ((i = 0; i < 40; i++)); do
		out=$(poolscope list --json | "$LIB/compare_subject.py" "$TMP/subject.json" /dev/stdin "$@" 2>&1 || true)
		mismatches=$(awk '/MISMATCH/ { printf "%s%s", sep, $1; sep = " " }' <<<"$out")
		grep -q '^negative' <<<"$out" || mismatches="no table"
		[ "$mismatches" != "$expected" ] || break
		sleep 0.2
	done
	check_equal "$what" "$expected" "$mismatches"
	[ "$mismatches" = "$expected" ] || printf '%s\n' "$out"
}

# Sets a truth beside what the agent lists, until they agree: the agent learns the last events with its next tick, so it has 5 s.
# The simulator must be alive still (--linger). compare_truth FILE OPTIONS-OF-compare_truth.py...
compare_truth() {
	local end out
	cat "$1" >"$TMP/truth.json" # waits when it is a pipe
	shift
	end=$((SECONDS + 5))
	until poolscope list --json >"$TMP/list.json" && poolscope stalls --json >"$TMP/stalls.json" &&
		out=$("$LIB/compare_truth.py" "$TMP/truth.json" "$TMP/list.json" --stalls "$TMP/stalls.json" "$@"); do
		[ $SECONDS -lt $end ] || break
		sleep 0.2
	done
	printf '%s\n' "${out:-the agent lists nothing}"
	[ "${out##*, }" = "0 mismatches" ]
}
