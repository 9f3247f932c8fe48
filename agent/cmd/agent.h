/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the whole agent as one object: what `poolscope run` runs, and what a read command runs in-process when no agent
 * does. One thread; one per process.
 */
#ifndef POOLSCOPE_CMD_AGENT_H
#define POOLSCOPE_CMD_AGENT_H

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct buffer;
struct diag;
struct meter;
struct snapshot;

struct agent_options {
	const char *config_file;	/* NULL = default */
	const char *listen_address;	/* one or several, see struct server_options; NULL = default, "" = no TCP */
	const char *web_config_file;	/* NULL = default, "" = none */
	const char *socket_path;	/* NULL = default, "" = none */
	const char *recipe_folders;	/* NULL = default, "" = none */
	bool is_logging;	/* each finding that opens or ends, on stderr */
	struct meter *meter;	/* is told how far it is with beginning; NULL = nobody is */
	bool in_process;		/* for a read command: no signals, no notify */
};

/* Loads the kernel side and listens. On an error d has a sentence about what is missing and how to get it. */
int agent_new(const struct agent_options *options, struct agent **ret, struct diag *d);

/*
 * Gives up the capabilities that only the beginning needed, see rights.h; for the agent as a process of its own, before its loop. Where that fails it goes on with
 * them, and a line says so; doctor shows what it holds.
 */
void agent_give_up_rights(struct agent *a);

/* Detaches everything. NULL is allowed. */
void agent_free(struct agent *a);

/* Runs its loop for so long; -1 = until agent_stop(). 0 or negative errno. */
int agent_run_for(struct agent *a, int ms);

/* Likewise, but it ends, too, when a byte can be read from fd, or a signal came while it waited. */
int agent_run_for_or(struct agent *a, int ms, int fd);

/* The newest snapshot, borrowed until the agent runs again; NULL before the first tick. */
const struct snapshot *agent_snapshot(struct agent *a);

/* Looks at the stacks of those who hold or wait in a pool, soon; they are in the snapshots after. */
void agent_want_stacks(struct agent *a, uint64_t pool);

/* What is asked for under "record/", see flight_read() in flight.h. */
int agent_record(struct agent *a, const char *what, struct buffer *ret);

/* Makes agent_run_for() return soon; may be called by a signal handler. */
void agent_stop(struct agent *a);

/* Reads the recipes again, soon; may be called by a signal handler. */
void agent_reload(struct agent *a);

#endif
