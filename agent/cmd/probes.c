/* SPDX-License-Identifier: MIT */
/*
 * probes.c - `poolscope probes`: what is attached where, how often it fired and what that costs; with --available, what a file
 * offers. The surprise: probes belong to files, not to processes, so --pid, --pool and --kind choose the files that such a
 * process has mapped, as /proc/PID/maps names them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/again.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/prose.h"
#include "cmd/rank.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "discover/notes.h"

#define AVAILABLE_MAX 100000

/* ---- --available ----------------------------------------------------------------------------------------------------------- */

static json_t *encode_note(const struct note *n)
{
	char provider[TEXT_NAME_BYTES], name[TEXT_NAME_BYTES], args[2 * sizeof(n->args)];

	text_clean(n->provider, sizeof(n->provider), provider, sizeof(provider));
	text_clean(n->name, sizeof(n->name), name, sizeof(name));
	text_clean(n->args, sizeof(n->args), args, sizeof(args));
	return json_pack("{s:s, s:s, s:s, s:I, s:b}", "provider", provider, "probe", name,
			 "arguments", args, "offset", (json_int_t)n->pc_offset, "has_semaphore",
			 n->semaphore_offset != 0);
}

static int print_notes(const struct invocation *in, const struct notes *notes)
{
	static const struct column columns[] = {
		{ "PROVIDER", false, 0, 0 }, { "PROBE", false, 0, 0 }, { "OFFSET", true, 0, 0 },
		{ "SEMAPHORE", false, 1, 0 }, { "ARGUMENTS", false, 0, 0 },
	};
	CLEANUP(table_done) struct table t = { 0 };

	if (!notes->n) {
		printf("No USDT points.\n");
		return EXIT_DONE;
	}
	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < notes->n; i++) {
		const struct note *n = &notes->list[i];
		char offset[24];

		table_add(&t, n->provider);
		table_add(&t, n->name);
		snprintf(offset, sizeof(offset), "0x%" PRIx64, n->pc_offset);
		table_add(&t, offset);
		table_add(&t, n->semaphore_offset ? "yes" : "no");
		table_add(&t, n->args);
	}
	return table_print(&t) ? command_fail(in, "out of memory") : EXIT_DONE;
}

static int print_notes_json(const struct invocation *in, const struct notes *notes)
{
	json_t *list = json_array();
	CLEANUP(cleanup_json)
	json_t *all = json_pack("{s:s, s:o}", "file", in->available, "available", list);

	for (size_t i = 0; i < notes->n; i++)
		json_array_append_new(list, encode_note(&notes->list[i]));
	if (!all)
		return command_fail(in, "the path %s is not UTF-8", in->available);
	print_json(all);
	return EXIT_DONE;
}

static int print_available(const struct invocation *in)
{
	CLEANUP(notes_done) struct notes notes = { 0 };
	AUTO_CLOSE int fd = open(in->available, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct diag d = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return command_fail(in, "cannot open %s: %s", in->available, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return command_fail(in, "%s is no regular file; give a program or a shared library",
				    in->available);
	r = notes_read(fd, NULL, AVAILABLE_MAX, &notes, &d);
	if (r)
		return command_fail(in, "%s: %s", in->available, d.text[0] ? d.text : strerror(-r));
	if (notes.n_bad || notes.n_over)
		fprintf(stderr,
			"poolscope probes: %s: %zu notes are malformed, %zu are over the limit; they are left out\n",
			in->available, notes.n_bad, notes.n_over);
	return in->is_json ? print_notes_json(in, &notes) : print_notes(in, &notes);
}

/* ---- choosing and ordering ------------------------------------------------------------------------------------------------- */

int probes_add_files(int pid, json_t *set, struct diag *d)
{
	AUTO_FREE char *line = NULL;
	AUTO_FCLOSE FILE *maps = NULL;
	char path[32];
	size_t size = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return diag_set(d, -errno, "cannot see what process %d maps: %s: %s", pid, path,
				strerror(errno));
	while ((n = getline(&line, &size, maps)) > 0) {
		char *file = strchr(line, '/');

		if (!file)
			continue;
		line[n - 1] = '\0';
		json_object_set_new(set, file, json_true());	/* one that is not UTF-8 is no file of ours */
	}
	return 0;
}

/* The files of the chosen processes; NULL in *ret when all are. */
static int get_files(const struct invocation *in, struct source *source, json_t **ret,
		     struct diag *d)
{
	CLEANUP(cleanup_json) json_t *pools = NULL;
	CLEANUP(cleanup_json) json_t *files = json_object();
	const json_t *pool;
	size_t i;
	int r;

	if (!in->pid && !in->pool && !in->kind)
		return 0;
	if (in->pid) {
		r = probes_add_files(in->pid, files, d);
		if (r)
			return r;
	}
	if (in->pool || in->kind) {
		r = pools_get(in, NULL, source, &pools, d);
		if (r)
			return r;
		json_object_clear(files);
		json_array_foreach (field_array(pools, "pools"), i, pool) {
			/* a process may be gone by now */
			probes_add_files((int)field_number(pool, "pid"), files, NULL);
		}
	}
	*ret = TAKE(files);
	return 0;
}

static struct rank rank_probe(json_t *probe, const char *sort)
{
	struct rank r = {
		.item = probe,
		.text = field_text_or(probe, "file", ""),
		.number = { -field_number(probe, "offset") },
	};

	if (sort && !strcmp(sort, "verb"))
		r.text = field_text_or(probe, "verb", "");
	else if (sort && strcmp(sort, "file") != 0)
		r.first = field_number(probe, sort);
	return r;
}

static json_t *select_probes(const struct invocation *in, const json_t *answer, const json_t *files)
{
	json_t *all = field_array(answer, "probes"), *probe;
	AUTO_FREE struct rank *rank = calloc(json_array_size(all) + 1, sizeof(*rank));
	size_t i, n = 0;

	json_array_foreach (all, i, probe) {
		if (rank && (!files || json_object_get(files, field_text_or(probe, "file", ""))))
			rank[n++] = rank_probe(probe, in->sort);
	}
	return rank_list("probes", rank, n, false);
}

/* Likewise the targets; and the budget. */
static void add_targets(json_t *to, const json_t *answer, const json_t *files)
{
	json_t *all = field_array(answer, "targets"), *chosen = json_array(), *target;
	size_t i;

	json_array_foreach (all, i, target)
		if (!files || json_object_get(files, field_text_or(target, "file", "")))
			json_array_append(chosen, target);
	json_object_set_new(to, "targets", chosen);
	json_object_set(to, "budget", json_object_get(answer, "budget"));
}

int probes_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *files = NULL;
	int r = source_get(source, API_PREFIX "probes", &answer, d);

	if (!r)
		r = get_files(in, source, &files, d);
	if (r)
		return r;
	*ret = select_probes(in, answer, files);
	add_targets(*ret, answer, files);
	return 0;
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

/* Of the CPU time of the programs: 0.4 % is something. */
static const char *format_share(double share, char ret[static TEXT_NUMBER_BYTES])
{
	if (isnan(share))
		return NULL;
	snprintf(ret, TEXT_NUMBER_BYTES, "%.1f%%", 100 * share);
	return ret;
}

static bool is_stepped_down(const json_t *probe)
{
	return !field_bool(probe, "attached") && !field_text(probe, "problem") &&
	       strcmp(field_text_or(probe, "level", "full"), "full") != 0;
}

void probes_tabulate(struct table *t, const json_t *probes)
{
	static const struct column columns[] = {
		{ "PROBE", false, 0, 20 }, { "VERB", false, 3, 0 }, { "METHOD", false, 4, 0 },
		{ "OFFSET", true, 6, 0 }, { "PROCESSES", true, 7, 0 }, { "HITS", true, 0, 0 },
		{ "ERRORS", true, 2, 0 }, { "COST", true, 1, 0 }, { "STACKS", true, 8, 0 },
		{ "EACH", true, 8, 0 }, { "TRAP", false, 5, 0 }, { "TAKES", true, 1, 0 },
		{ "SYMBOL", false, 0, 16 }, { "FILE", false, 0, 0 },
	};
	const json_t *probe;
	size_t i;

	table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(probes, "probes"), i, probe) {
		char number[TEXT_NUMBER_BYTES], name[2 * TEXT_NAME_BYTES], file[2048];

		snprintf(name, sizeof(name), "%s:%s", field_text_or(probe, "provider", "-"),
			 field_text_or(probe, "probe", "-"));
		table_add(t, name);
		table_add(t, field_text(probe, "verb"));
		table_add(t, field_text(probe, "method"));
		snprintf(number, sizeof(number), "0x%" PRIx64,
			 (uint64_t)json_integer_value(json_object_get(probe, "offset")));
		table_add(t, number);
		table_add(t, text_format_count(field_number(probe, "processes"), number));
		table_add(t, text_format_count(field_number(probe, "hits"), number));
		table_add(t, text_format_count(field_number(probe, "errors"), number));
		table_add(t, text_format_duration(field_number(probe, "cost_ns") / 1e9, number));
		table_add(t, text_format_count(field_number(probe, "stacks"), number));
		table_add(t,
			  text_format_duration(field_number(probe, "stack_cost_ns") / 1e9, number));
		table_add(t, field_text(probe, "cost_class"));
		table_add(t, format_share(field_number(probe, "target_cost_ratio"), number));
		table_add(t, field_text(probe, "symbol"));
		if (field_text(probe, "problem"))
			snprintf(file, sizeof(file), "%s (not attached: %s)",
				 field_text_or(probe, "file", "-"), field_text(probe, "problem"));
		else if (is_stepped_down(probe))
			snprintf(file, sizeof(file), "%s (off: %s)",
				 field_text_or(probe, "file", "-"),
				 field_text_or(probe, "level", "-"));
		else
			snprintf(file, sizeof(file), "%s", field_text_or(probe, "file", "-"));
		table_add(t, file);
	}
}

/* What is not watched in full, why, and until when. */
static void print_stepped_down(const json_t *probes)
{
	const json_t *target;
	size_t i;

	json_array_foreach (field_array(probes, "targets"), i, target) {
		const char *level = field_text_or(target, "level", "full");
		char share[TEXT_NUMBER_BYTES], since[TEXT_NUMBER_BYTES], next[TEXT_NUMBER_BYTES];
		char text[4096];
		double cause = field_number(target, "cause_ratio");

		if (!strcmp(level, "full"))
			continue;
		snprintf(text, sizeof(text), "%s in %s for %s (%s). %s%s%s more is tried in %s.",
			 field_text_or(target, "source", "-"), field_text_or(target, "file", "-"),
			 text_format_duration(field_number(target, "since_seconds"), since),
			 field_text_or(target, "level_text", "-"),
			 isnan(cause) ? "The kernel did not take all of its probes again;"
				      : "Watching it took ",
			 isnan(cause) ? "" : format_share(cause, share),
			 isnan(cause) ? "" : " of its program's CPU time;",
			 text_format_duration(field_number(target, "next_try_seconds"), next));
		prose_print("stepped down: ", 14, text);
	}
}

int probes_print(const json_t *probes)
{
	CLEANUP(table_done) struct table t = { 0 };
	int r;

	probes_tabulate(&t, probes);
	r = table_print(&t);
	if (!r)
		print_stepped_down(probes);
	return r;
}

static int look(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *probes = NULL;
	struct diag d = { 0 };

	if (probes_get(in, source, &probes, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json) {
		print_document(in, probes);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(probes, "probes"))) {
		printf("No probes%s.\n", in->pid || in->pool || in->kind
						 ? " match"
						 : ": no process maps a file that has any");
		return EXIT_DONE;
	}
	return probes_print(probes) ? command_fail(in, "out of memory") : EXIT_DONE;
}

int command_probes(const struct invocation *in)
{
	return in->available ? print_available(in) : again_run(in, look);
}
