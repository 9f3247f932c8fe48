/* SPDX-License-Identifier: MIT */
/*
 * notify.h - what a service manager is told of the agent: sd_notify(3), as units of Type=notify expect it. Where nobody asks for it ($NOTIFY_SOCKET
 * is not set, or libsystemd was not there at build time) each of these does nothing. Errors are nobody's concern: the manager has its time limits.
 */
#ifndef POOLSCOPE_CMD_NOTIFY_H
#define POOLSCOPE_CMD_NOTIFY_H

/* It serves: at its first snapshot, and when a reload is over. */
void notify_ready(void);

/* It lives. From the loop itself and only where work was done: a loop that hangs, or ticks without a snapshot, is what the watchdog is for. */
void notify_alive(void);

/* It reads its configuration again; notify_ready() must follow. */
void notify_reloading(void);

/* It ends. */
void notify_stopping(void);

#endif
