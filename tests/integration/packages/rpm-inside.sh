#!/bin/bash
# SPDX-License-Identifier: MIT
# rpm-inside.sh - what happens in the machine of tests/integration/packages/rpm: /vm/first.rpm and /vm/next.rpm are there. Prints `ok: ` or `FAILED: ` for
# each question, and what else is of interest.
conf=/etc/poolscope/poolscope.conf

# check WHAT COMMAND...
check() {
	local what=$1 said
	shift
	if said=$("$@" 2>&1); then echo "ok: $what"; else printf 'FAILED: %s (%s)\n%s\n' "$what" "$*" "$said"; fi
}
check_equal() { # WHAT EXPECTED FOUND
	if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: expected $2, found $3"; fi
}
wait_for() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || {
			echo "FAILED: $what: not in time"
			return
		}
		sleep 0.3
	done
}
since() { echo "    at $SECONDS s: $*"; }
main_pid() { systemctl show -p MainPID --value poolscope; }
rpms() { rpm --force-debian "$@"; } # Debian's rpm asks for that word
as() { runuser -u "$1" -- "${@:2}"; }

# Objects that BPF programs made and that are there now: "programs links", of all that the kernel has.
bpf_objects() {
	python3 - <<'PY'
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
def count(command): # BPF_PROG_GET_NEXT_ID 11, BPF_LINK_GET_NEXT_ID 31: the next id after the given one
    n, last = 0, 0
    while True:
        attr = ctypes.create_string_buffer(struct.pack("III", last, 0, 0) + bytes(108))
        if libc.syscall(321, command, attr, 120) < 0:
            return n
        last = struct.unpack("III", attr.raw[:12])[1]
        n += 1
print(count(11), count(31))
PY
}
# The capabilities that the agent has and its unit does not give, as bits.
more_than_unit() {
	local name given=0
	declare -A bit=([cap_dac_read_search]=2 [cap_sys_ptrace]=19 [cap_sys_admin]=21 [cap_sys_nice]=23 [cap_perfmon]=38 [cap_bpf]=39 [cap_checkpoint_restore]=40)
	for name in $(systemctl show -p AmbientCapabilities --value poolscope); do given=$((given | 1 << ${bit[$name]})); done
	echo $((0x$(sed -n 's/^CapPrm:\t//p' "/proc/$(main_pid)/status") & ~given))
}
sees_pool() { as member poolscope list --json --pid "$sim" | grep -q '"source": "usdt"'; }
journal() { journalctl -q --no-pager -o cat "$@"; }

# ---- installed ---------------------------------------------------------------------------------------------------------

before=$(bpf_objects)
check "it is installed" rpms -i --nodeps /vm/first.rpm
check "rpm finds every file as it was packed" rpms -V --nodeps poolscope
check_equal "it has a user of its own" "poolscope /var/lib/poolscope /usr/sbin/nologin" "$(getent passwd poolscope | cut -d : -f 1,6,7 | tr : ' ')"
check_equal "who may read the configuration" "root poolscope 640" "$(stat -c '%U %G %a' $conf)"
check_equal "nothing was started" inactive "$(systemctl is-active poolscope)"
systemctl enable -q --now poolscope && since "started"
check_equal "the unit is active" active "$(systemctl is-active poolscope)"
check_equal "it runs as its own user" poolscope "$(stat -c %U "/proc/$(main_pid)")"
check_equal "it has no capability but the unit's" 0 "$(more_than_unit)"

# ---- asked -------------------------------------------------------------------------------------------------------------

useradd -G poolscope member && useradd stranger
as stranger poolsim steady --seconds 600 --rate 20 >/dev/null 2>&1 &
sim=$!
sleep 0.5
sim=$(pgrep -x -u stranger poolsim)
wait_for 40 "a member of the group sees the pools of another user's process" sees_pool
check "a member of the group sees the pools of another user's process" sees_pool
check_equal "a stranger may not ask" 1 "$(as stranger poolscope list >/dev/null 2>&1; echo $?)"
check_equal "it listens on loopback alone" "127.0.0.1:10766" "$(ss -Hltnp | grep poolscope | awk '{ print $4 }')"
check "/metrics has the pool" sh -c 'curl -s 127.0.0.1:10766/metrics | grep -q "^poolscope_pool_capacity.*orders-db"'
check_equal "the journal has no warning" "" "$(journal -u poolscope -p warning)"
check_equal "and the agent said nothing" "" "$(journal _SYSTEMD_UNIT=poolscope.service)"
since "asked"

# ---- reloaded ----------------------------------------------------------------------------------------------------------

pid=$(main_pid)
knows_mine() { as member poolscope recipes | grep -q '^mine '; }
sed 's/^library = .*/library = a library of mine/' /usr/share/poolscope/recipes.d/libzdb.recipe >/etc/poolscope/recipes.d/mine.recipe
printf '\n[findings]\nleak_seconds = 30\n' >>$conf
check "what was changed is read again" systemctl reload poolscope
wait_for 10 "a new recipe is known" knows_mine
check "a new recipe is known" knows_mine
rm /etc/poolscope/recipes.d/mine.recipe
cp -p $conf /root/good.conf
echo 'leak_seconds = soon' >>$conf
check_equal "one with a mistake is refused" 1 "$(systemctl reload poolscope >/dev/null 2>&1; echo $?)"
check "and the journal says where the mistake is" grep -q "$conf.*leak_seconds" <(journal -u poolscope)
check_equal "all the while it was the same process" "$pid" "$(main_pid)"
check "which still answers" poolscope list
cp -p /root/good.conf $conf
since "reloaded"

# ---- upgraded ----------------------------------------------------------------------------------------------------------

check "it is upgraded" rpms -U --nodeps /vm/next.rpm
since "upgraded"
check "what was changed is kept" cmp /root/good.conf $conf
check "what the new one ships lies beside it" grep -q 'next release' $conf.rpmnew
check_equal "the unit is active" active "$(systemctl is-active poolscope)"
check "it is another process" [ "$pid" != "$(main_pid)" ]
check_equal "it is enabled as before" enabled "$(systemctl is-enabled poolscope)"
wait_for 40 "it sees the pool again" sees_pool
check "it sees the pool again" sees_pool

# ---- erased ------------------------------------------------------------------------------------------------------------

check "the kernel had programs of it" [ "$before" != "$(bpf_objects)" ]
check "it is erased" rpms -e poolscope
since "erased"
check_equal "no process is left" "" "$(pgrep -x poolscope)"
check_equal "no unit is left" "" "$(systemctl list-unit-files --no-legend 'poolscope*'; ls /etc/systemd/system/multi-user.target.wants | grep poolscope)"
check_equal "no program and no link is left in the kernel" "$before" "$(bpf_objects)"
check_equal "the process that was watched goes on" "$sim" "$(pgrep -x -u stranger poolsim)"
check_equal "no file is left but what was changed" "$conf.rpmsave" \
	"$(find /etc /usr /run /var/lib -xdev -iname '*poolscope*' ! -type d ! -path '/var/lib/rpm/*' ! -path '/var/lib/systemd/*' | grep -v '^/etc/poolscope/poolscope.conf.rpmnew$')"
check "its folder for recordings, which was empty, is gone" [ ! -e /var/lib/poolscope ]
kill "$sim"
echo "it is over"
