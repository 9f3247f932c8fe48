/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - `poolscope doctor`: a person's first aid. Each check has what was found, whether that is fine, what it costs to leave it, and what mends
 * it. The surprise: that no agent can be asked is a finding like others, so there is always an answer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/again.h"
#include "cmd/checks.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/host.h"
#include "cmd/source.h"
#include "cmd/views.h"

size_t status_print(const json_t *status)
{
	CLEANUP(cleanup_json) json_t *checks = checks_of_status(status, NULL);

	checks_print(checks);
	return checks_count(checks, "bad");
}

/* What runs, or why nothing can be asked. */
static void check_agent(json_t *checks, const json_t *status, int error, const char *why)
{
	const json_t *agent = json_object_get(status, "agent");
	double uptime = field_number(status, "uptime_seconds"); /* a recording has none */
	char processes[TEXT_NUMBER_BYTES], pools[TEXT_NUMBER_BYTES], age[TEXT_NUMBER_BYTES];

	if (status) {
		text_format_count(field_number(agent, "processes"), processes);
		text_format_count(field_number(status, "pools"), pools);
		text_format_duration(uptime > 0 ? uptime : field_number(agent, "ticks"), age);
		checks_add(
			checks, "ok", "agent", NULL, NULL,
			"poolscope %s on %s has looked for %s: %s processes followed, %s pools, %.0f open findings",
			field_text_or(status, "version", "-"), field_text_or(status, "host", "-"),
			age, processes, pools, field_number(status, "findings_open"));
	} else if ((error == -EPERM || error == -EACCES) && geteuid()) {
		checks_add(
			checks, "look", "agent",
			"hooks, targets, losses, tables and exporters could not be checked",
			"sudo poolscope doctor; or start the agent (sudo systemctl start poolscope) and be in its group (sudo usermod -aG poolscope USER)",
			"%s", why);
	} else {
		checks_add(
			checks, "bad", "agent",
			"nothing is watched; hooks, targets, losses, tables and exporters could not be checked",
			"mend what is said here and above, then: sudo systemctl restart poolscope; journalctl -u poolscope has its last words",
			"%s", why);
	}
}

/* A new array. status is NULL when there is no agent. */
static json_t *all_checks(const struct invocation *in, const json_t *status, const json_t *probes,
			  int error, const char *why)
{
	const struct host host = {
		.proc = "/proc",
		.sys = "/sys",
		.agent_pid = (int32_t)json_integer_value(json_object_get(status, "agent_pid")),
		.is_agent = status != NULL,
		.config = in->config ? in->config : field_text(status, "config_file"),
		.config_read_s = field_number(json_object_get(status, "agent"),
					      "config_last_reload_success_time"),
	};
	/* a recording may be of another machine, and of another day */
	json_t *checks = in->recording ? json_array() : host_checks(&host);

	check_agent(checks, status, error, why);
	if (status) {
		CLEANUP(cleanup_json) json_t *more = checks_of_status(status, probes);

		checks_join(checks, more);
	}
	return checks;
}

static void print_result(const json_t *checks)
{
	size_t n_bad = checks_count(checks, "bad"), n_look = checks_count(checks, "look");

	checks_print(checks);
	printf("\n%zu checks: ", json_array_size(checks));
	if (n_bad || n_look)
		printf("%zu bad, %zu to look at\n", n_bad, n_look);
	else
		printf("all is fine\n");
}

static int print_checks(const struct invocation *in, json_t *status, const json_t *probes,
			int error, const char *why)
{
	CLEANUP(cleanup_json) json_t *checks = all_checks(in, status, probes, error, why);
	CLEANUP(cleanup_json) json_t *document = status ? json_incref(status) : json_object();

	if (in->is_json) {
		json_object_set(document, "checks", checks);
		print_document(in, document);
	} else {
		print_result(checks);
	}
	return checks_count(checks, "bad") ? EXIT_FAILED : EXIT_DONE;
}

static int look(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *status = NULL;
	CLEANUP(cleanup_json) json_t *probes = NULL;
	struct diag d = { 0 }, unused = { 0 };
	int error = source_get(source, API_PREFIX "status", &status, &d);

	if (!error)
		source_get(source, API_PREFIX "probes", &probes, &unused); /* a recording has none */
	return print_checks(in, error ? NULL : status, probes, error, d.text);
}

/* Each time it tries again, for an agent may have been started. */
static int look_without(const struct invocation *in, struct source *none)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	struct diag d = { 0 };
	int error = source_open(in, &source, &d);

	(void)none;
	return error ? print_checks(in, NULL, NULL, error, d.text) : look(in, source);
}

int command_doctor(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	struct diag d = { 0 };

	if (!source_open(in, &source, &d))
		return again_go_on(in, source, look);
	if (in->recording)
		return command_fail(in, "%s", d.text);
	return again_go_on(in, NULL, look_without);
}
