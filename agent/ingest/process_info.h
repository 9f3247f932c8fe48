/* SPDX-License-Identifier: MIT */
/*
 * process_info.h - who a process is, from /proc: executable's name, systemd unit, container. All of it is foreign text and
 * comes out cleaned (base/text.h).
 */
#ifndef POOLSCOPE_INGEST_PROCESS_INFO_H
#define POOLSCOPE_INGEST_PROCESS_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "bpf/abi.h"
#include "model/snapshot.h"

struct process_names {
	char name[TEXT_NAME_BYTES];
	char service[TEXT_NAME_BYTES];	/* empty = none */
	char container_id[TEXT_NAME_BYTES];	/* empty = none */
	char executable[TEXT_NAME_BYTES];	/* name of its file; empty = not known */
	int64_t started_wall_ns;	/* CLOCK_REALTIME, to the 10 ms of the kernel's clock ticks; UNKNOWN */
};

/* 0, or -ESRCH when the process is gone. */
int process_names_read(uint32_t pid, struct process_names *ret);

/* The name of a thread; *ret_gone when it has ended. */
void thread_name_read(void *unused, uint32_t pid, uint32_t tid, char ret[PS_COMM_MAX],
		      bool *ret_gone);

/* The CPU time of a thread, and how often it was given a CPU; false = it is gone, or the kernel does not tell. */
bool thread_runs_read(uint32_t pid, uint32_t tid, uint64_t *ret_cpu_ns, uint64_t *ret_n_runs);

/* The 22nd field of /proc/PID/stat, clock ticks since the machine began; pure. False for what is no such text. */
bool stat_started_parse(const char *text, uint64_t *ret_ticks);

/* The last part of the path that /proc/PID/exe leads to, without what the kernel puts behind it when the file is gone; pure. */
void exe_name_parse(const char *path, char ret[static TEXT_NAME_BYTES]);

/* The service and the container that a line of /proc/PID/cgroup names; pure. Leaves alone what it does not find. */
void cgroup_line_parse(const char *line, struct process_names *ret);

#endif
