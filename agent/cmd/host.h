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

struct diag;

struct host {
	const char *proc, *sys;	/* "/proc" and "/sys", or a test's folders */
	int32_t agent_pid;	/* whose rights count; 0 = those of this process */
	bool is_agent;		/* there is one, running or in this process */
	const char *config;	/* the file that the agent reads; NULL = the default one */
	double config_read_s;	/* when it read that last, Unix time; 0 = not known */
};

/* Why an agent cannot work in a pid namespace of its own, and what to do. */
#define HOST_OTHER_PIDS                                                                            \
	"this is a pid namespace of its own, and the kernel tells of processes by the host's pids"
#define HOST_OTHER_PIDS_DO                                                                         \
	"start it in the host's: hostPID: true in Kubernetes, --pid=host for docker and podman"

/* 0, or -EXDEV with these in d: the process is in another pid namespace than the host's. `proc` is "/proc", or a test's folder. */
int host_check_pids(const char *proc, struct diag *d);

/* A new array of checks, see checks.h. */
json_t *host_checks(const struct host *h);

#endif
