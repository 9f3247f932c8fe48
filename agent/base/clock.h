/* SPDX-License-Identifier: MIT */
/* clock.h - a clock of clock_gettime(2) as one number. */
#ifndef POOLSCOPE_BASE_CLOCK_H
#define POOLSCOPE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. `which` is a clock that every Linux has: CLOCK_MONOTONIC (that of the kernel side's times), CLOCK_REALTIME, those of CPU time. */
int64_t clock_ns(clockid_t which);

#endif
