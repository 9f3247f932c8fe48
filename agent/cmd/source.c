/* SPDX-License-Identifier: MIT */
/*
 * source.c - see source.h. The surprise: strings are cleaned once more on the way in. The agent cleaned them, but a path given by
 * --socket may lead to anybody's socket, and JSON can carry an escape sequence past a terminal's guard as \u001b.
 */
#include "cmd/source.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/client.h"
#include "api/json.h"
#include "api/server.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/agent.h"
#include "cmd/command.h"

#define FIRST_LOOK_MS 1100	/* two ticks: rates need a difference */
#define STARTING_TRIES 15
#define STARTING_MS 200
#define STRING_BYTES 4096

struct source {
	const char *socket_path;	/* of the running agent; NULL = in-process */
	struct agent *agent;		/* owned; NULL = none */
};

static void sleep_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void clean_strings(json_t *json)
{
	char clean[STRING_BYTES];
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach (json, key, value)
		clean_strings(value);
	json_array_foreach (json, i, value)
		clean_strings(value);
	if (json_is_string(json) && !text_is_clean(json_string_value(json))) {
		text_clean(json_string_value(json), SIZE_MAX, clean, sizeof(clean));
		json_string_set(json, clean);
	}
}

/* The running agent; one that has just started is given some seconds. */
static int open_running(const char *path, struct diag *d)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < STARTING_TRIES; i++) {
		CLEANUP(cleanup_json) json_t *status = NULL;

		if (i)
			sleep_ms(STARTING_MS);
		r = client_get(path, API_PREFIX "status", &status, d);
	}
	return r;
}

static int open_in_process(struct source *s, struct diag *d)
{
	const struct agent_options options = { .listen_address = "",
					       .socket_path = "",
					       .in_process = true };
	int r;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "No agent runs; watching for a moment …\n");
	r = agent_new(&options, &s->agent, d);
	if (!r)
		r = source_wait(s, FIRST_LOOK_MS, d);
	if (!r && !agent_snapshot(s->agent))
		r = diag_set(d, -ETIMEDOUT, "the agent saw nothing within %d ms", FIRST_LOOK_MS);
	return r;
}

int source_open(const struct invocation *in, struct source **ret, struct diag *d)
{
	struct source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return diag_set(d, -ENOMEM, "out of memory");
	s->socket_path = in->socket ? in->socket : SERVER_SOCKET_PATH;
	r = open_running(s->socket_path, d);
	if ((r == -ENOENT || r == -ECONNREFUSED) && !in->socket) {
		s->socket_path = NULL;
		r = open_in_process(s, d);
	}
	if (r) {
		source_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void source_close(struct source *s)
{
	if (!s)
		return;
	agent_free(s->agent);
	free(s);
}

/* As the server does it. */
static int get_in_process(struct source *s, const char *path, json_t **ret)
{
	size_t n = strcspn(path, "?");
	AUTO_FREE char *bare = strndup(path, n);
	uint64_t pool;

	if (!bare)
		return -ENOMEM;
	if (!strcmp(path + n, "?stacks") && path_is_pool(agent_snapshot(s->agent), bare, &pool))
		agent_want_stacks(s->agent, pool);
	return encode_path(agent_snapshot(s->agent), bare, ret);
}

int source_get(struct source *s, const char *path, json_t **ret, struct diag *d)
{
	int r;

	assert(s);
	if (s->socket_path) {
		r = client_get(s->socket_path, path, ret, d);
	} else {
		r = get_in_process(s, path, ret);
		if (r == -ENOENT)
			r = diag_set(d, -ENODATA, "there is nothing under %s", path);
		else if (r)
			diag_set(d, r, "out of memory");
	}
	if (!r)
		clean_strings(*ret);
	return r;
}

int source_wait(struct source *s, int ms, struct diag *d)
{
	int r;

	if (!s->agent) {
		sleep_ms(ms);
		return 0;
	}
	r = agent_run_for(s->agent, ms);
	return r < 0 ? diag_set(d, r, "the agent stopped: %s", strerror(-r)) : 0;
}

int source_get_once(const struct invocation *in, const char *path, json_t **ret)
{
	CLEANUP(cleanup_source) struct source *s = NULL;
	struct diag d = { 0 };

	if (source_open(in, &s, &d) || source_get(s, path, ret, &d))
		return command_fail(in, "%s", d.text);
	return EXIT_DONE;
}

void print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | API_JSON_FLAGS);
	fputc('\n', stdout);
}
