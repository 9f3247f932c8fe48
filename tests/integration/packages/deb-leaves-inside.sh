#!/bin/bash
# SPDX-License-Identifier: MIT
# deb-leaves-inside.sh - what happens in the machine of tests/integration/packages/deb-leaves, where /vm/older.deb and /vm/poolscope.deb are.
. /vm/lib.sh

before=$(bpf_objects)
useradd -r stranger
start_service steady poolsim 'steady --seconds 900 --rate 10'
target=$(pid_of steady)
check "the older version is installed" dpkg -i /vm/older.deb
since "installed"
chmod 600 $conf
printf '\n[findings]\nleak_seconds = 61\n' >>$conf
cp -p $conf /root/good.conf
eventually 60 "it sees a pool" has_metric '^poolscope_pool_capacity{.*orders-db'

# ---- upgraded ----------------------------------------------------------------------------------------------------------

pid=$(pid_of poolscope)
check "it is upgraded" apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install /vm/poolscope.deb
since "upgraded"
check_equal "another process runs" "active yes" "$(systemctl is-active poolscope) $([ "$(pid_of poolscope)" = "$pid" ] || echo yes)"
check "what was changed is kept" cmp /root/good.conf $conf
check_equal "and so is its mode" "root poolscope 600" "$(stat -c '%U %G %a' $conf)"
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
rm /root/good.conf
check "apt purges it" apt purge poolscope
check_equal "no file of it is left" "" "$(find / -xdev \( -user poolscope -o -group poolscope -o -ipath '*poolscope*' \) ! -path '/proc/*' ! -path '/vm/*' ! -path '*/tmp/*' ! -path '/run/systemd/*')"
check_equal "no unit" "" "$(systemctl list-unit-files --no-legend 'poolscope*'; systemctl list-units --all --no-legend 'poolscope*')"
since "purged"
echo "it is over"
