/* SPDX-License-Identifier: MIT */
/* agent_parts.h - what the files of agent.h share: agent.c has the loop, tick.c what a tick does, reload.c what the configuration says. */
#ifndef POOLSCOPE_CMD_AGENT_PARTS_H
#define POOLSCOPE_CMD_AGENT_PARTS_H

#include <signal.h>

#include "cmd/agent.h"
#include "budget/budget.h"
#include "cmd/self.h"
#include "detect/detect.h"
#include "exporters/prometheus.h"
#include "model/pace.h"

struct agent {
	struct agent_options options; /* its strings are borrowed */
	struct loaded *loaded;
	struct loaded *otlp_of; /* whose settings the exporter has; that one, or one before */
	double reloaded_wall_s; /* when it was read */
	bool is_reload_bad; /* it was read once more since, and had a mistake */
	struct kernel *kernel;
	struct chosen *chosen;
	struct targets *targets;
	struct steps *steps;
	struct budget_agent own_budget;
	int64_t own_cpu_ns; /* at the last tick */
	struct watch *watch;
	struct model *model;
	struct ingest *ingest;
	struct stacks *stacks;
	struct flight *flight;
	struct server *server; /* NULL = nobody is served */
	struct otlp *otlp; /* NULL = nothing is sent */
	const struct snapshot *snapshot;
	struct detect *detect;
	int epoll_fd, timer_fd, stop_fd;
	const char *recipe_folders; /* borrowed from the options or the configuration */
	struct detect_limits limits;
	bool is_stopped, is_logging;
	bool is_service; /* a manager of services may want to hear of it */
	bool is_ready;	/* and has heard */
	volatile sig_atomic_t is_reload_wanted;
	unsigned int drains; /* since the last tick */
	uint64_t ticks;
	int64_t began_ns, last_tick_ns;
	struct pace_mark pace;
	double tick_s, longest_tick_s, longest_tick_cpu_s;
	struct loss_time loss_times[PS_LOSS_COUNT];
	uint64_t losses_before[PS_LOSS_COUNT];
};

/* ---- agent.c ------------------------------------------------------------------------------------------------------------- */

int agent_watch_for(struct agent *a, int fd);
void agent_unwatch(struct agent *a, int fd);

/* ---- tick.c -------------------------------------------------------------------------------------------------------------- */

/* Once a second, or so: what the kernel side has becomes a snapshot, and whoever lives of snapshots is told. */
void agent_tick(struct agent *a);

/* ---- reload.c ------------------------------------------------------------------------------------------------------------ */

/* A line on stderr. */
void agent_warn(void *unused, const char *text);

/* What is made of a->loaded: limits of findings, folders of recipes and the recipes in them, labels, and who is sent something over OTLP. */
void agent_set_limits(struct agent *a);
void agent_set_budget(struct agent *a);
double agent_budget_share(const struct agent *a); /* of a CPU that the agent may take; 0 = there is no budget */
void agent_read_recipes(struct agent *a);
struct prometheus_options agent_prometheus_options(const struct agent *a);
int agent_open_otlp(struct agent *a);

/* After agent_reload(): the whole configuration once more; a bad one changes nothing. */
void agent_reload_now(struct agent *a);

#endif
