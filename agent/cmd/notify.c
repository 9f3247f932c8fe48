/* SPDX-License-Identifier: MIT */
/*
 * notify.c - see notify.h. The surprise: a reload says when it began by the monotonic clock, since systemd from 253 on tells by it whether the answer
 * belongs to the reload that it has just asked for (sd_notify(3), MONOTONIC_USEC).
 */
#include "cmd/notify.h"

#ifdef HAVE_LIBSYSTEMD

#include <systemd/sd-daemon.h>
#include <time.h>

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
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)now.tv_sec * 1000000 +
			   (unsigned long long)now.tv_nsec / 1000);
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
