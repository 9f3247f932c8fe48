/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. */
#include "base/clock.h"

int64_t clock_ns(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
