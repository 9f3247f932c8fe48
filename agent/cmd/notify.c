/* SPDX-License-Identifier: MIT */
/*
 * notify.c - see notify.h. The surprise: a reload says when it began by the monotonic clock, since systemd from 253 on tells by it whether the answer
 * belongs to the reload that it has just asked for (sd_notify(3), MONOTONIC_USEC).
 */
#include "cmd/notify.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>

#include "base/clock.h"

void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

void notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)clock_ns(CLOCK_MONOTONIC) / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

#else

void notify_ready(void)
{
}

void notify_alive(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

#endif
