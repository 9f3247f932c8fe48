<?php
// SPDX-License-Identifier: MIT
// Takes MS and notes when it began and ended (hrtime is CLOCK_MONOTONIC). MS=-1: never ends.
$begin = hrtime(true);
if ($_SERVER['MS'] < 0) {
    file_put_contents($_SERVER['OUT'], getmypid() . " $begin 0\n", FILE_APPEND | LOCK_EX);
    while (true) sleep(60);
}
usleep((int)$_SERVER['MS'] * 1000);
echo "ok\n";
file_put_contents($_SERVER['OUT'], getmypid() . " $begin " . hrtime(true) . "\n", FILE_APPEND | LOCK_EX);
