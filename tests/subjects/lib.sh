# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Common parts of the subjects; a subject's `run` sources this file first. What it needs installed stands
# in tools/dev/packages.
#
# A run goes: servers up -> READY pid=... -> (a line on stdin, or GO=1) -> load -> TRUTH {json} -> LINGER seconds -> DONE.
# Servers are private: 127.0.0.1 only, ports that were free, data in one temp dir; everything is ended by pid on exit.
#
# A subject that is a program of ours speaks the same protocol on its own stdin and stdout, so that it stays small:
#   it prints READY, reads a line, runs the load, writes the operations to $OPS, prints `BOOKS {json}`, reads a line, exits.
# A line of $OPS is one operation: `begin acquired release_begin release_end` in ns of CLOCK_MONOTONIC.
#   acquired 0 = gave up at release_end (timeout, refused); release_begin 0 = never given back (leaked).
# With KEEP_OPS=FILE the log of operations is copied there.
# A second pool of workers, where there is one, has its tasks in $OPS.workers (submitted, started, ended, ended).
# The surprise: a connection counts as held from `acquired` to `release_begin`; what the pool does inside its own release
# (validation, bookkeeping) is in return_sum_ms.

set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
PIDS=()
PGPORT="" REDIS_PORT="" SUBJECT_PIDS=""

die() { echo "${0##*/} ($(basename "$HERE")): $*" >&2; exit 1; }

# ---- processes and readiness -----------------------------------------------------------------------------------------

begin() { # to be called once by `run`: temp dir and clean-up
	TMP=$(mktemp -d "${TMPDIR:-/tmp}/subject.XXXXXX")
	chmod 755 "$TMP"
	OPS=$TMP/ops
	: >"$OPS"
	export TMP OPS
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# Sets an environment variable that the caller did not set: defaults THREADS=8 MAX=3
defaults() {
	local d name
	for d in "$@"; do
		name=${d%%=*}
		[ -n "${!name:-}" ] || printf -v "$name" %s "${d#*=}"
		export "${name?}"
	done
}

# Starts a server in the background, output in $TMP/LOG: spawn LOG COMMAND...   (its pid: $SPAWNED)
spawn() {
	local log=$1
	shift
	(cd / && exec "$@") </dev/null >>"$TMP/$log" 2>&1 &
	SPAWNED=$!
	PIDS+=("$SPAWNED")
}

# Waits until a command succeeds: wait_for SECONDS WHAT COMMAND...
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "$what did not come up in time; its log: $(tail -n 5 "$TMP"/*.log 2>/dev/null)"
		sleep 0.05
	done
}

port_open() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Builds a Go program from these files with Debian's Go packages: build_go NAME FILE...   (STRIP=1: without symbols; GO: the compiler)
build_go() {
	local name=$1 flags=
	shift
	[ "${STRIP:-0}" = 0 ] || flags='-s -w'
	mkdir -p "$TMP/src-$name"
	cp "$@" "$TMP/src-$name"
	(cd "$TMP/src-$name" && GO111MODULE=off GOPATH=/usr/share/gocode "${GO:-go}" build -ldflags "$flags" -o "$TMP/$name" .) ||
		die "the build failed"
}

cleanup() {
	local rc=$? i pid n
	trap - EXIT
	exec 3>&- 4<&- || true
	for ((i = ${#PIDS[@]} - 1; i >= 0; i--)); do # last started ends first
		pid=${PIDS[i]}
		kill -TERM "$pid" 2>/dev/null || continue
		for ((n = 0; n < 100; n++)); do
			kill -0 "$pid" 2>/dev/null || break
			[ $n -ne 30 ] || kill -INT "$pid" 2>/dev/null || true
			[ $n -ne 80 ] || kill -KILL "$pid" 2>/dev/null || true
			sleep 0.05
		done
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "${TMP:?}"
	exit $rc
}

# ---- servers ---------------------------------------------------------------------------------------------------------

# A command prefix that gives up root for a service account: read -ra words <<<"$(as_user postgres)"
as_user() { [ "$(id -u)" != 0 ] || echo "setpriv --reuid=$1 --regid=$(id -gn "$1") --init-groups"; }

# PostgreSQL with database `app`, user postgres without password. Sets PGHOST PGPORT PGUSER PGDATABASE.
start_postgres() {
	local bin as
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	[ -x "$bin/postgres" ] || die "PostgreSQL is not installed: make check installs it"
	mkdir "$TMP/pg"
	[ "$(id -u)" != 0 ] || chown postgres "$TMP/pg"
	read -ra as <<<"$(as_user postgres)"
	(cd / && "${as[@]}" "$bin/initdb" --no-sync -A trust -U postgres -E UTF8 --no-locale -D "$TMP/pg/data") \
		>"$TMP/initdb.log" 2>&1 || die "initdb failed: $(tail -n 3 "$TMP/initdb.log")"
	export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=app
	PGPORT=$(free_port)
	export PGPORT
	spawn pg.log "${as[@]}" "$bin/postgres" -D "$TMP/pg/data" -p "$PGPORT" -k "$TMP/pg" -c listen_addresses=127.0.0.1 \
		-c fsync=off -c shared_buffers=32MB -c max_connections=100 -c log_connections=on -c log_disconnections=on "$@"
	wait_for 30 PostgreSQL "$bin/pg_isready" -q -d postgres
	"$bin/createdb" app
}

# Redis without persistence. Sets REDIS_PORT.
start_redis() {
	command -v redis-server >/dev/null || die "redis-server is not installed: make check installs it"
	REDIS_PORT=$(free_port)
	export REDIS_PORT
	spawn redis.log redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' --loglevel verbose --dir "$TMP"
	wait_for 10 Redis grep -q 'Ready to accept' "$TMP/redis.log"
}

# How many client connections the server saw opened and closed so far, from the server's own log.
count() { grep -c -E "$1" "$2" || true; }
server_opened() {
	[ -z "$PGPORT" ] || count 'connection authorized: .*database=app' "$TMP/pg.log"
	[ -z "$REDIS_PORT" ] || count 'Accepted 127.0.0.1' "$TMP/redis.log"
}
server_closed() {
	[ -z "$PGPORT" ] || count 'disconnection: .*database=app' "$TMP/pg.log"
	[ -z "$REDIS_PORT" ] || count 'Client closed connection' "$TMP/redis.log"
}

# A threaded HTTP server on $1 that takes QUERY_MS (or ?ms=) per request and writes `n begin end` to $TMP/server.ops, where
# n is the number in the query string. `opened` and `closed` connections are in its log.
start_http_backend() {
	cat >"$TMP/backend.py" <<-'PY'
	import http.server, os, socketserver, sys, threading, time, urllib.parse

	OUT = open(os.environ["TMP"] + "/server.ops", "a", buffering=1)
	DELAY_MS = float(os.environ["QUERY_MS"])

	class Handler(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    wbufsize = -1  # one segment per answer

	    def do_GET(self):
	        begin = time.monotonic_ns()
	        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
	        time.sleep(float(query.get("ms", [DELAY_MS])[0]) / 1000)
	        self.send_response(200)
	        self.send_header("Content-Length", "3")
	        self.end_headers()
	        self.wfile.write(b"ok\n")
	        end = time.monotonic_ns()
	        self.wfile.flush()
	        if "n" in query:
	            OUT.write("%s %d %d\n" % (query["n"][0], begin, end))

	    def setup(self):
	        super().setup()
	        print("opened", flush=True)

	    def finish(self):
	        super().finish()
	        print("closed", flush=True)

	    def log_message(self, *args):
	        pass

	class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
	    daemon_threads = True
	    request_queue_size = 128

	server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
	print("listening", flush=True)
	server.serve_forever()
	PY
	: >"$TMP/server.ops"
	chmod 666 "$TMP/server.ops"
	spawn backend.log python3 "$TMP/backend.py" "$1"
	wait_for 10 "the HTTP backend" grep -q listening "$TMP/backend.log"
}

# THREADS clients with ITERS requests each to URL $1, THINK_MS between them; then $OPS = begin at the client, acquired and
# release at the server that wrote $TMP/server.ops (one line `n begin end` per request; TIMEOUT_MS and 5xx become timeouts).
http_load() {
	python3 - "$1" <<-'PY' || die "the HTTP load failed"
	import http.client, os, sys, threading, time, urllib.parse

	url = urllib.parse.urlsplit(sys.argv[1])
	env = {k: int(os.environ[k]) for k in ("THREADS", "ITERS", "THINK_MS", "TIMEOUT_MS")}
	client = {}

	def worker(t):
	    conn = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
	    for i in range(env["ITERS"]):
	        n = t * env["ITERS"] + i
	        begin = time.monotonic_ns()
	        conn.request("GET", "%s?n=%d" % (url.path, n))
	        answer = conn.getresponse()
	        answer.read()
	        client[n] = (begin, time.monotonic_ns(), answer.status)
	        time.sleep(env["THINK_MS"] / 1000)

	threads = [threading.Thread(target=worker, args=(t,)) for t in range(env["THREADS"])]
	[t.start() for t in threads]
	[t.join() for t in threads]
	time.sleep(0.05)
	server = {int(n): (int(b), int(e)) for n, b, e in map(str.split, open(os.environ["TMP"] + "/server.ops"))}
	with open(os.environ["OPS"], "w") as out:
	    for n, (begin, end, status) in sorted(client.items()):
	        if n in server:
	            out.write("%d %d %d %d\n" % (begin, *server[n], end))
	        elif status >= 500:
	            out.write("%d 0 0 %d\n" % (begin, end))
	        else:
	            sys.exit("request %d was answered with %d but the server has no record of it" % (n, status))
	if len(client) != env["THREADS"] * env["ITERS"]:
	    sys.exit("only %d requests were answered" % len(client))
	PY
}

# ---- the protocol ----------------------------------------------------------------------------------------------------

# Announces the subject's pids and waits for the start: ready PID...
ready() {
	SUBJECT_PIDS=$*
	OPENED_BEFORE=$(server_opened)
	echo "READY pid=$*"
	[ "${GO:-}" = 1 ] || read -r _ || die "stdin ended before the start line (send a line, or set GO=1)"
}

# Prints TRUTH from the facts (a JSON object: pool, kind, capacity, books, ...), KEY=VALUE pairs, and the operations in $OPS.
# A number that the pool's books also count must agree with the log, or the run fails.
truth() {
	[ -z "${KEEP_OPS:-}" ] || cp "$OPS" "$KEEP_OPS"
	[ -z "${KEEP_OPS:-}" ] || [ ! -e "$OPS.workers" ] || cp "$OPS.workers" "$KEEP_OPS.workers"
	python3 - "$SUBJECT_PIDS" "$OPS" "$@" <<-'PY' || die "no truth to tell"
	import json, math, os, sys

	pids = sys.argv[1].split()
	facts = json.loads(sys.argv[3])
	facts.update((k, json.loads(v)) for k, v in (a.split("=", 1) for a in sys.argv[4:]))
	WAITED_NS = 1_000_000  # a wait shorter than this is the cost of the call, not a queue

	def ms(ns): return round(ns / 1e6, 3)

	def quantile(values, q): return ms(values[max(0, math.ceil(q * len(values)) - 1)]) if values else 0

	def peak(intervals):
	    now = top = 0
	    for _, step in sorted([(a, 1) for a, b in intervals] + [(b, -1) for a, b in intervals]):
	        now += step
	        top = max(top, now)
	    return top

	def stats(path):
	    ops = [tuple(map(int, line.split())) for line in open(path)]
	    if not ops:
	        return {}
	    got = [o for o in ops if o[1]]
	    back = [o for o in got if o[2]]
	    start, end = min(o[0] for o in ops), max(max(o) for o in ops)
	    waits = sorted(g - b for b, g, _, _ in got)
	    holds = sorted(r - g for _, g, r, _ in back)
	    spans = [(g, r or end) for _, g, r, _ in got]
	    pending = [(b, g or e) for b, g, _, e in ops if (g or e) - b > WAITED_NS]
	    return dict(
	        acquires=len(got), releases=len(back), timeouts=len(ops) - len(got), leaked=len(got) - len(back),
	        waits=sum(w > WAITED_NS for w in waits), wait_sum_ms=ms(sum(waits)), wait_p50_ms=quantile(waits, .5),
	        wait_p90_ms=quantile(waits, .9), wait_p99_ms=quantile(waits, .99), wait_max_ms=quantile(waits, 1),
	        timeout_wait_sum_ms=ms(sum(e - b for b, g, _, e in ops if not g)),
	        hold_sum_ms=ms(sum(holds)), hold_p50_ms=quantile(holds, .5), hold_p90_ms=quantile(holds, .9),
	        hold_p99_ms=quantile(holds, .99), hold_max_ms=quantile(holds, 1),
	        return_sum_ms=ms(sum(e - r for _, _, r, e in back)), in_use_integral_ms=ms(sum(b - a for a, b in spans)),
	        peak_in_use=peak(spans), peak_pending=peak(pending), start_ns=start, end_ns=end)

	def sockets_to(port):
	    """ESTABLISHED TCP sockets of the subject to a remote port."""
	    inodes = set()
	    for table in ("tcp", "tcp6"):
	        for line in list(open("/proc/%s/net/%s" % (pids[0], table)))[1:]:
	            f = line.split()
	            if f[3] == "01" and int(f[2].rsplit(":", 1)[1], 16) == port:
	                inodes.add("socket:[%s]" % f[9])
	    links = set()
	    for pid in pids:
	        for fd in os.listdir("/proc/%s/fd" % pid):
	            try: links.add(os.readlink("/proc/%s/fd/%s" % (pid, fd)))
	            except OSError: pass
	    return len(inodes & links)

	def accepted_at(path):
	    """Connections that a server has at its Unix socket, whose only client is the subject."""
	    return sum(f[5] == "03" and f[7:] == [path] for f in map(str.split, open("/proc/net/unix")))

	out = {"process": open("/proc/%s/comm" % pids[0]).read().strip(), "pid": int(pids[0])}
	if len(pids) > 1:
	    out["pids"] = [int(p) for p in pids]
	for key in ("pool", "kind", "library", "endpoint", "capacity"):
	    if key in facts:
	        out[key] = facts.pop(key)
	out.update(stats(sys.argv[2]))
	if os.path.exists(sys.argv[2] + ".workers"):
	    facts["workers"].update(stats(sys.argv[2] + ".workers"))
	if "endpoint" in out:
	    is_unix = out["endpoint"].startswith("/")
	    out["connections_open"] = accepted_at(out["endpoint"]) if is_unix else sockets_to(int(out["endpoint"].rsplit(":", 1)[1]))
	out.update(facts)
	for key in ("acquires", "releases", "timeouts", "opened", "closed"):
	    own = out.get("books", {}).get(key)
	    if own is not None and key in out and own != out[key]:
	        sys.exit("%s: the pool's books say %s, the log says %s" % (key, own, out[key]))
	print("TRUTH", json.dumps(out))
	PY
}

# Prints TRUTH of the pauses in file $2 (one pause in ms per line) and the facts $1: for runtimes that stop the world.
truth_pauses() {
	python3 - "$SUBJECT_PIDS" "$@" <<-'PY' || die "no truth to tell"
	import json, sys

	pid = sys.argv[1].split()[0]
	pauses = [float(line) for line in open(sys.argv[3])]
	if not pauses:
	    sys.exit("there was no pause at all")
	out = {"process": open("/proc/%s/comm" % pid).read().strip(), "pid": int(pid), "kind": "stall", "count": len(pauses),
	       "pauses_over_1ms": sum(p > 1 for p in pauses), "pauses_about_1ms": sum(0.9 < p < 1.1 for p in pauses), "pause_sum_ms": round(sum(pauses), 3),
	       "pause_over_1ms_sum_ms": round(sum(p for p in pauses if p > 1), 3), "pause_max_ms": round(max(pauses), 3),
	       "pause_p99_ms": round(sorted(pauses)[-(-99 * len(pauses) // 100) - 1], 3)}
	out.update(json.loads(sys.argv[2]))
	print("TRUTH", json.dumps(out))
	PY
}

# What the server at the other end knows, as KEY=VALUE for truth().
server_facts() {
	local port=${PGPORT:-$REDIS_PORT}
	[ -n "$port" ] || return 0
	local endpoint=127.0.0.1:$port
	[ "${UNIX:-0}" = 0 ] || endpoint=$TMP/pg/.s.PGSQL.$PGPORT
	echo "endpoint=\"$endpoint\" opened=$(server_opened) opened_before_ready=$OPENED_BEFORE closed=$(server_closed)"
}

# Turns the BOOKS line of a program into TRUTH; a subject whose truth is elsewhere defines its own.
tell() { # shellcheck disable=SC2046
	truth "$1" $(server_facts)
}

load_begins() { :; } # a subject that has something to note just before the load defines its own

# Runs a program that speaks the protocol: run_program COMMAND...
run_program() {
	local line
	mkfifo "$TMP/in" "$TMP/out"
	"$@" <"$TMP/in" >"$TMP/out" 2>"$TMP/program.log" &
	PIDS+=($!)
	exec 3>"$TMP/in" 4<"$TMP/out"
	expect READY
	ready "${PIDS[-1]}"
	load_begins
	echo go >&3
	expect BOOKS
	tell "${line#BOOKS }"
	linger
	echo quit >&3
	wait "${PIDS[-1]}" || die "the program failed at the end: $(tail -n 3 "$TMP/program.log")"
	unset 'PIDS[-1]'
	echo DONE
}

# Reads the program's output up to a line that begins with $1 (into the caller's $line).
expect() {
	while IFS= read -r line <&4; do
		case $line in "$1"*) return ;; esac
	done
	die "the program ended before $1: $(tail -n 5 "$TMP/program.log")"
}

linger() { # a trap waits for a foreground command, but not for `wait`
	sleep "${LINGER:-0}" &
	PIDS+=($!)
	wait $! || true
}

# The end of a run whose subject is a server.
finish() {
	linger
	echo DONE
}
