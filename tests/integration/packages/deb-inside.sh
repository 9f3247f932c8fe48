#!/bin/bash
# SPDX-License-Identifier: MIT
# deb-inside.sh - what happens in the machine of tests/integration/packages/deb, where /vm/older.deb and /vm/poolscope.deb are.
. /vm/lib.sh

# ---- installed ---------------------------------------------------------------------------------------------------------

rm -f /var/lib/man-db/auto-update # an index of all pages takes a minute here
before=$(bpf_objects)
check "apt installs it" apt install /vm/older.deb
since "installed"
check_equal "its unit is active" active "$(systemctl is-active poolscope)"
check_equal "and enabled" enabled "$(systemctl is-enabled poolscope)"
check_equal "it runs as its own user and group" "poolscope poolscope" "$(stat -c '%U %G' "/proc/$(pid_of poolscope)")"
given=0
for bit in 2 19 38 39 40; do given=$((given | 1 << bit)); done # dac_read_search sys_ptrace perfmon bpf checkpoint_restore
dropin=""
if [ "$(printf '%s\n' 6.6 "$(uname -r)" | sort -V | head -n 1)" != 6.6 ]; then # before 6.6: sys_admin
	given=$((given | 1 << 21)) dropin=/run/systemd/generator/poolscope.service.d/before-6.6.conf
fi
check_equal "the drop-in for old kernels is there where it is needed" "$dropin" "$(property DropInPaths)"
for set in CapBnd CapInh; do
	check_equal "it can never have more capabilities than its unit has ($set)" "$(printf %016x $given)" "$(sed -n "s/^$set:\t//p" "/proc/$(pid_of poolscope)/status")"
done
has=$((0x$(sed -n 's/^CapPrm:\t//p' "/proc/$(pid_of poolscope)/status")))
check_equal "and has no other" 0 $((has & ~given))
check_equal "who may read the configuration" "root poolscope 640" "$(stat -c '%U %G %a' $conf)"
check_equal "who may reach the socket" "poolscope poolscope 750 poolscope poolscope 660" \
	"$(stat -c '%U %G %a' /run/poolscope /run/poolscope/poolscope.sock | paste -sd' ')"
check_equal "it listens on loopback alone" "127.0.0.1:10766" "$(ss -Hltnup | grep '"poolscope' | awk '{ print $5 }')"

# ---- asked -------------------------------------------------------------------------------------------------------------

useradd -r -G poolscope member && useradd -r stranger
check "a member of the group may ask" as member poolscope list
check_equal "who is none may not" 1 "$(as stranger poolscope list >/dev/null 2>&1; echo $?)"
start_service steady poolsim 'steady --seconds 900 --rate 10'
eventually 60 "/metrics has the pool of a service" has_metric '^poolscope_pool_capacity{.*orders-db'
since "asked"
check_equal "the journal has nothing of it but start and stop" "" "$(said -p warning; journalctl -q --no-pager -o cat _SYSTEMD_UNIT=poolscope.service | grep -v '^finding')"
echo "it takes $(($(property MemoryCurrent) >> 20)) MiB with tables of the kernel, $(property TasksCurrent) tasks"

# ---- reloaded ----------------------------------------------------------------------------------------------------------

pid=$(pid_of poolscope)
printf '\n[web]\npid_label = yes\n' >>$conf
check "a changed configuration is taken" systemctl reload poolscope
eventually 30 "and holds" has_metric '^poolscope_pool_capacity{.*pid='
cp -p $conf /root/good.conf
printf 'pid_label = perhaps\n' >>$conf
check_equal "one with a mistake makes the reload fail" 1 "$(systemctl reload poolscope >/dev/null 2>&1; echo $?)"
eventually 10 "and what is wrong is told" has_said "$conf.*pid_label"
kill -HUP "$pid"
sleep 3
check_equal "who sends SIGHUP all the same has the old process" "active $pid" "$(systemctl is-active poolscope) $(pid_of poolscope)"
check "with what held before" has_metric '^poolscope_pool_capacity{.*pid='
cp -p /root/good.conf $conf
since "reloaded"

# ---- restarted, and hung -----------------------------------------------------------------------------------------------

target=$(pid_of steady)
# as the unit has it, but for the times
mkdir -p /run/systemd/system/poolscope.service.d
printf '[Service]\nWatchdogSec=8\nTimeoutAbortSec=1\nRestartSec=0\n' >/run/systemd/system/poolscope.service.d/sooner.conf
systemctl daemon-reload
check "it is restarted under load" systemctl restart poolscope
check_equal "and is ready when systemctl comes back" 200 "$(curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:10766/-/ready)"
eventually 60 "it sees the pool again" has_metric '^poolscope_pool_capacity{.*orders-db'
since "restarted"
pid=$(pid_of poolscope)
kill -STOP "$pid"
eventually 60 "one whose loop hangs is ended and started again" sh -c '[ "$(systemctl is-active poolscope)" = active ] && [ "$(systemctl show -p MainPID --value poolscope)" != '"$pid"' ]'
check "by its watchdog" sh -c 'journalctl -q -u poolscope | grep -q "Watchdog timeout"'
rm -r /run/systemd/system/poolscope.service.d
systemctl daemon-reload
since "hung, and back"

# ---- upgraded ----------------------------------------------------------------------------------------------------------

pid=$(pid_of poolscope)
check "it is upgraded" apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install /vm/poolscope.deb
since "upgraded"
check_equal "another process runs" "active yes" "$(systemctl is-active poolscope) $([ "$(pid_of poolscope)" = "$pid" ] || echo yes)"
check "what was changed is kept" cmp /root/good.conf $conf
check_equal "and so is who may read it" "root poolscope 640" "$(stat -c '%U %G %a' $conf)"
check_equal "what the new version ships lies beside it" 0 "$(grep -c '0\.0\.9' $conf.dpkg-dist)"
eventually 60 "it sees the pool again" has_metric '^poolscope_pool_capacity{.*orders-db'

# ---- removed, purged ---------------------------------------------------------------------------------------------------

check "the kernel has programs of it" [ "$before" != "$(bpf_objects)" ]
as poolscope touch /var/lib/poolscope/flight-1.psr
check "apt removes it" apt remove poolscope
since "removed"
check_equal "no process is left" "" "$(pgrep -u poolscope)"
check_equal "no program and no link is left in the kernel" "$before" "$(bpf_objects)"
check_equal "the process that was watched goes on" "active $target" "$(systemctl is-active steady) $(pid_of steady)"
check "its configuration is kept" cmp /root/good.conf $conf
check "apt purges it" apt purge poolscope
check_equal "no file of it is left" "" "$(find / -xdev \( -user poolscope -o -group poolscope -o -ipath '*poolscope*' \) ! -path '/proc/*' ! -path '/vm/*' ! -path '*/tmp/*' ! -path '/run/systemd/*')"
check_equal "no unit" "" "$(systemctl list-unit-files --no-legend 'poolscope*'; systemctl list-units --all --no-legend 'poolscope*')"
since "purged"
echo "it is over"
