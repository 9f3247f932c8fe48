#!/bin/bash
# SPDX-License-Identifier: MIT
# deb-sees-inside.sh - what happens in the machine of tests/integration/packages/deb-sees, where /vm/poolscope.deb is.
. /vm/lib.sh

has_stall() { as member poolscope stalls --json --pid "$(pid_of stall)" | grep -q '"cause"'; }
# of a connection pool, which is inferred here: waits that were counted
has_waits() { rows plain | tr -d ' \n' | grep -qE '"kind":"connection".*"wait":\{"count":[1-9]'; }

check "apt installs it" apt install /vm/poolscope.deb
useradd -r -G poolscope member && useradd -r stranger
check_equal "it runs as its own user" poolscope "$(stat -c %U "/proc/$(pid_of poolscope)")"
start_service stall poolsim 'stall --seconds 900 --rate 10 --faults 180' # a stall every five seconds
start_service plain poolsim-plain 'too-small --seconds 900 --threads 4 --capacity 2 --hold-ms 60'
eventually 60 "pools of a service of another user, in a mount namespace of its own, are seen by its probe points" has_row stall '"source": "usdt"'
eventually 60 "stalls of it are seen" has_stall
eventually 60 "a pool of one without probe points is seen by its sockets" has_row plain '"source": "inferred'
eventually 60 "and who waits in it is inferred" has_waits
since "seen"
rows plain | grep -E '"(name|source|capacity|in_use|confidence)"'
as member poolscope doctor | grep -v '^ *ok'
echo "it takes $(($(property MemoryCurrent) >> 20)) MiB with tables of the kernel"
echo "it is over"
