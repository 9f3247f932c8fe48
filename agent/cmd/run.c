/* SPDX-License-Identifier: MIT */
/*
 * run.c - the agent in the foreground. The surprise: signals end it by one write to the loop's own descriptor, so that every
 * probe is detached in the ordinary way; after SIGKILL the kernel does it, for nothing is pinned.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "api/server.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/agent.h"
#include "cmd/command.h"
#include "cmd/notify.h"
#include "cmd/loaded.h"
#include "config/config.h"

static struct agent *running;

static void on_signal(int unused)
{
	(void)unused;
	agent_stop(running);
}

static void on_reload(int unused)
{
	(void)unused;
	agent_reload(running);
}

static int complain(const struct invocation *in, const struct diag *d)
{
	char line[DIAG_BYTES];

	diag_line(d, line);
	return command_fail(in, "%s", line);
}

static void cleanup_loaded(struct loaded **l)
{
	loaded_free(*l);
}

/* The file alone: the agent's environment is not ours. */
static int check_config(const struct invocation *in)
{
	CLEANUP(cleanup_loaded) struct loaded *loaded = NULL;
	struct diag d = { 0 };
	const char *web;

	if (loaded_read(in->config, LOADED_FILE, NULL, &loaded, &d))
		return complain(in, &d);
	web = in->web_config ? in->web_config : loaded->config.web_config_file;
	if (web && *web && server_check_web_config(web, &d))
		return complain(in, &d);
	printf("%s: good\n", in->config ? in->config : CONFIG_FILE);
	if (web && *web)
		printf("%s: good\n", web);
	return EXIT_DONE;
}

/*
 * Before all others, where that is allowed: it works for some ms a second, and is asked just when the CPUs are in demand. Beside 5200
 * threads on two CPUs a tick that needs 55 ms took 400, and takes 59 like this (2026-11).
 */
#define PRIORITY -15

/*
 * Blocks as large go back to the system when they are freed. glibc raises its own threshold to the largest block that was ever freed, and what a snapshot or
 * an answer leaves then stays in the heap as holes: with 10 000 pools 20 of 173 MiB; ticks are no longer for it (2026-11).
 */
#define MMAP_FROM_BYTES (256 << 10)

int command_run(const struct invocation *in)
{
	const struct agent_options options = {
		.config_file = in->config,
		.listen_address = in->listen_address,
		.web_config_file = in->web_config,
		.socket_path = in->socket,
		.recipe_folders = in->recipes,
		.is_logging = true,
	};
	struct sigaction end = { .sa_handler = on_signal }, again = { .sa_handler = on_reload };
	struct diag d = { 0 };
	int error;

	if (in->is_check_config)
		return check_config(in);
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
	if (agent_new(&options, &running, &d))
		return complain(in, &d);
	setpriority(PRIO_PROCESS, 0, PRIORITY);
	agent_give_up_rights(running);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGHUP, &again, NULL);
	error = agent_run_for(running, -1);
	notify_stopping();
	agent_free(running);
	return error ? command_fail(in, "the loop ended: %s", strerror(-error)) : EXIT_DONE;
}
