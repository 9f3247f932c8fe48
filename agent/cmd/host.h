/* SPDX-License-Identifier: MIT */
/*
 * host.h - what `doctor` sees of the machine without an agent, from /proc and /sys: whether Poolscope can work here. What may not be read is told as
 * that, with how to see it, and is not bad.
 */
#ifndef POOLSCOPE_CMD_HOST_H
#define POOLSCOPE_CMD_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct host {
	const char *proc, *sys;	/* "/proc" and "/sys", or a test's folders */
	int32_t agent_pid;	/* whose rights count; 0 = those of this process */
	bool is_agent;		/* there is one, running or in this process */
	const char *config;	/* the file that the agent reads; NULL = the default one */
};

/* A new array of checks, see checks.h. */
json_t *host_checks(const struct host *h);

#endif
