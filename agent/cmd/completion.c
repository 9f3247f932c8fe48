/* SPDX-License-Identifier: MIT */
/*
 * completion.c - `poolscope completion`: what shells complete from. The surprise: it is silent whatever happens, and ends after a second, since a
 * person who pressed a key has no use for an error, and would see it in the middle of the line that is being typed.
 */
#include "cmd/completion.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/choice.h"
#include "api/client.h"
#include "api/json.h"
#include "api/server.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"

#define MAX_NAMES 500
#define TIMEOUT_S 1

/* ---- what can stand where -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *word;	/* of the usage text */
	const char *class;
} classes[] = {
	{ "FILE", "files" },
	{ "PATH", "files" },
	{ "FOLDERS", "folders" },
	{ "PID", "pids" },
	{ "POOL", "pools" },
	{ "KIND", "kinds" },
	{ "KEY", "orders" },
	{ "COMMAND", "recorded" },
	{ "WHAT", "words pools pids sh fish" },
	{ "X", "words max" },
	{ "N", "" },
	{ "SECONDS", "" },
	{ "ADDR", "" },
	{ "PREFIX", "" },
};

const char *completion_class(const char *word)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (!strcmp(classes[i].word, word))
			return classes[i].class;
	}
	return NULL;
}

const char *completion_argument(const struct command *c, size_t n)
{
	const char *s = c->arguments;
	char word[32];

	if (n >= (size_t)c->max_arguments)
		return NULL;
	for (;; n--) {
		s += strspn(s, " []");
		if (!n || !*s)
			break;
		s += strcspn(s, " []");
	}
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(s, " []"), s);
	return completion_class(word);
}

/* A word of the usage text that nobody knows would be completed by nothing, unnoticed. */
static const char *find_unknown(void)
{
	const struct option_row *o;
	const struct command *c;

	for (size_t i = 0; (o = command_option(NULL, i)); i++) {
		if (o->argument && !completion_class(o->argument))
			return o->argument;
	}
	for (size_t i = 0; (c = command_at(i)); i++) {
		for (int n = 0; n < c->max_arguments; n++) {
			if (!completion_argument(c, (size_t)n))
				return c->arguments;
		}
	}
	return NULL;
}

/* ---- names from the agent -------------------------------------------------------------------------------------------------- */

static void on_alarm(int unused)
{
	(void)unused;
	_exit(EXIT_FAILED);
}

/* One line, when it begins so and is another one than the last. */
static void print_name(const char *name, const char *prefix, const char *what, char *last,
		       size_t size)
{
	char clean[2 * TEXT_NAME_BYTES], text[TEXT_NAME_BYTES];

	text_clean(name, SIZE_MAX, clean, sizeof(clean));
	text_clean(what, SIZE_MAX, text, sizeof(text));
	if (!*clean || strncmp(clean, prefix, strlen(prefix)) || !strcmp(clean, last))
		return;
	printf("%s\t%s\n", clean, text);
	snprintf(last, size, "%s", clean);
}

/* In the order of their names, once by the name and once with the process before it. */
static void print_pools(const json_t *answer, const char *prefix)
{
	char full[2 * TEXT_NAME_BYTES], last[2][2 * TEXT_NAME_BYTES] = { "", "" };
	const json_t *pool;
	size_t i;

	json_array_foreach (field_array(answer, "pools"), i, pool) {
		const char *name = field_text_or(pool, "name", ""),
			   *process = field_text_or(pool, "process", "");
		char what[2 * TEXT_NAME_BYTES];

		snprintf(what, sizeof(what), "%s of %s", field_text_or(pool, "kind", "pool"),
			 process);
		print_name(name, prefix, what, last[0], sizeof(last[0]));
		snprintf(full, sizeof(full), "%s/%s", process, name);
		print_name(full, prefix, field_text_or(pool, "kind", "pool"), last[1],
			   sizeof(last[1]));
	}
}

static void print_pids(const json_t *answer, const char *prefix)
{
	char pid[24], last[24] = "";
	const json_t *pool;
	size_t i;

	json_array_foreach (field_array(answer, "pools"), i, pool) {
		snprintf(pid, sizeof(pid), "%.0f", field_number(pool, "pid"));
		print_name(pid, prefix, field_text_or(pool, "process", ""), last, sizeof(last));
	}
}

/* The agent looks for a text in the name or in the process, so what is before the last slash of PROCESS/NAME is left out. */
static int ask(const struct invocation *in, const char *prefix, const char *order, json_t **ret)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	const char *slash = strrchr(prefix, '/'), *text = slash ? slash + 1 : prefix;
	const struct pool_choice choice = {
		.text = *text ? text : NULL,
		.order = order,
		.limit = MAX_NAMES,
	};
	struct diag d = { 0 };

	signal(SIGALRM, on_alarm);
	alarm(TIMEOUT_S);
	buffer_add_text(&path, API_PREFIX "pools");
	choice_write(&choice, &path);
	if (path.error ||
	    client_get(in->socket ? in->socket : SERVER_SOCKET_PATH, path.data, ret, &d))
		return EXIT_FAILED;
	return EXIT_DONE;
}

int command_completion(const struct invocation *in)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	const char *what = in->argument ? in->argument : "",
		   *prefix = in->argument2 ? in->argument2 : "", *unknown = find_unknown();
	bool is_pids = !strcmp(what, "pids");

	if (unknown)
		return command_fail(in, "it is not known what can stand for %s", unknown);
	if (!strcmp(what, "sh")) {
		completion_print_sh();
		return EXIT_DONE;
	}
	if (!strcmp(what, "fish")) {
		completion_print_fish();
		return EXIT_DONE;
	}
	if (!is_pids && strcmp(what, "pools"))
		return command_misused(in, "'%s' is none of: pools pids sh fish", what);
	if (ask(in, prefix, is_pids ? "pid" : "pool", &answer))
		return EXIT_FAILED;
	if (is_pids)
		print_pids(answer, prefix);
	else
		print_pools(answer, prefix);
	return EXIT_DONE;
}
