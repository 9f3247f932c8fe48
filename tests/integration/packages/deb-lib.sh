# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# deb-lib.sh - what the scripts share that run in the machines of tests/integration/packages/deb and deb-sees; it is /vm/lib.sh there. They print `ok: ` or
# `FAILED: ` for each question, and what else is of interest.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
conf=/etc/poolscope/poolscope.conf

check() { # WHAT COMMAND...
	local what=$1 said
	shift
	if said=$("$@" 2>&1 </dev/null); then echo "ok: $what"; else printf 'FAILED: %s (%s)\n%s\n' "$what" "$*" "$(tail -n 15 <<<"$said")"; fi
}
check_equal() { # WHAT EXPECTED FOUND
	if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: expected '$2', found '$3'"; fi
}
eventually() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || break
		sleep 0.3
	done
	check "$what" "$@"
}
since() { echo "at $SECONDS s: $*"; }
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@"; }
as() { runuser -u "$1" -- "${@:2}"; }
pid_of() { systemctl show -p MainPID --value "$1"; }
property() { systemctl show -p "$1" --value poolscope; }
metrics() { curl -sf 127.0.0.1:10766/metrics; }
has_metric() { metrics | grep -q "$1"; }
# what the agent or systemd said of the unit, but findings, which are about the load
said() { journalctl -q --no-pager -o cat -u poolscope "$@" | grep -v '^finding, \|^ended, '; }
has_said() { said | grep -q "$1"; }
rows() { as member poolscope list --json --pid "$(pid_of "$1")"; }
has_row() { rows "$1" | grep -q "$2"; }

# Programs and links that the kernel has of BPF: the next id after the given one, BPF_PROG_GET_NEXT_ID (11) and BPF_LINK_GET_NEXT_ID (31) of bpf(2).
bpf_objects() {
	python3 - <<-'END'
		import ctypes, struct
		libc = ctypes.CDLL(None)
		def count(command):
		    n = last = 0
		    while True:
		        words = ctypes.create_string_buffer(struct.pack("3I", last, 0, 0), 120)
		        if libc.syscall(321, command, words, 120) < 0:
		            return n
		        last, n = struct.unpack("3I", words.raw[:12])[1], n + 1
		print(count(11), "programs", count(31), "links")
	END
}

# A service of another user, with a /tmp and mounts of its own, whose program lies in that /tmp.
start_service() { # NAME PROGRAM ARGUMENTS
	cat >"/run/systemd/system/$1.service" <<-END
		[Service]
		User=stranger
		PrivateTmp=yes
		PrivateMounts=yes
		ProtectSystem=strict
		ProtectHome=yes
		ExecStartPre=/bin/cp /usr/local/bin/$2 /tmp/$1
		ExecStart=/tmp/$1 $3
	END
	systemctl daemon-reload
	systemctl start "$1"
}
