/* SPDX-License-Identifier: MIT */
/*
 * self.h - what the agent says of itself, in the rows of a snapshot: its cost and losses, how full its tables are, and the checks of `doctor`.
 */
#ifndef POOLSCOPE_CMD_SELF_H
#define POOLSCOPE_CMD_SELF_H

#include <stdbool.h>
#include <stdint.h>

struct detect;
struct flight;
struct ingest;
struct kernel;
struct loss_time;
struct server;
struct otlp;
struct snapshot;
struct stacks;
struct targets;
struct watch;

/* Its parts, borrowed, and its ticks so far. */
struct self {
	struct kernel *kernel;
	struct targets *targets;
	struct watch *watch;
	struct ingest *ingest;
	struct stacks *stacks;
	struct flight *flight;
	struct detect *detect;
	struct server *server;	/* NULL = nobody is served */
	const struct otlp *otlp;
	uint64_t ticks;
	double tick_s, longest_tick_s, longest_tick_cpu_s;
	struct loss_time *loss_times;	/* of each loss; brought up to date, as are */
	uint64_t *losses_before;	/* the losses of the last tick */
	const char *config_file;
	uint32_t n_left_out;	/* processes, by the configuration; is_choosing: it has rules for that */
	bool is_choosing;
	bool is_reloaded;	/* the last reading of the configuration was taken */
	double reloaded_wall_s;	/* when one was */
};

/* Into the agent's row, tables and checks; probes and recipes are in the snapshot already. 0 or -ENOMEM. */
int self_fill(const struct self *self, struct snapshot *s);

#endif
