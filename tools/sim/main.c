/* SPDX-License-Identifier: MIT */
/*
 * main.c - poolsim: runs a scenario on real pools and prints its own exact truth.
 *
 * READY before any pool exists; with --wait the load begins at a line on stdin. At the end one line TRUTH. While it runs and
 * lingers, the line `truth [SINCE_NS]` on stdin asks for one more, `stood BEGIN_NS END_NS` says when somebody had stopped the process
 * (CLOCK_MONOTONIC), and `quit` ends the lingering. The surprise: pools stay until
 * the lingering is over, and nothing changes their books meanwhile, so that an agent can be compared at leisure.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/sim/load.h"
#include "tools/sim/truth.h"

struct options {
	const struct scenario *scenario;
	double seconds, rate, hold_ms, fault_ms, linger_s;
	long threads, capacity, faults, seed;
	bool is_waiting;
};

struct simulation {
	struct load load[SCENARIO_LOADS_MAX];
	struct running *running[SCENARIO_LOADS_MAX];
	size_t n;
	struct world world;
	char input[256];
	size_t n_input;
	bool is_input_over, is_quit;
};

static int usage(FILE *to, int status)
{
	fputs("Usage: poolsim SCENARIO [OPTIONS]\n"
	      "       poolsim --list\n"
	      "\n"
	      "Runs a load on real pools that carry Poolscope's probe points, and prints the\n"
	      "exact truth about them as one line of JSON.\n"
	      "\n"
	      "  --seconds N    how long the load runs (10)\n"
	      "  --rate N       acquires per second of the first pool\n"
	      "  --threads N    threads of the first pool\n"
	      "  --capacity N   items of the first pool\n"
	      "  --hold-ms D    mean time an item is held, of the first pool\n"
	      "  --faults N     how often the scenario's fault is done\n"
	      "  --fault-ms D   how long each lasts\n"
	      "  --seed N       of the random numbers (1)\n"
	      "  --linger S     stay alive for so long after the truth (0)\n"
	      "  --wait         begin at a line on standard input\n",
	      to);
	return status;
}

static int list(void)
{
	for (unsigned int i = 0; i < n_scenarios; i++)
		printf("%-14s %s\n", scenarios[i].name, scenarios[i].summary);
	return 0;
}

static bool parse_number(const char *text, double least, double most, double *ret)
{
	char *end;

	errno = 0;
	*ret = strtod(text, &end);
	return end != text && !*end && !errno && *ret >= least && *ret <= most;
}

/* 0 = go on, else the exit status + 1 */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "seconds", 1, 0, 's' }, { "rate", 1, 0, 'r' },   { "threads", 1, 0, 't' }, { "capacity", 1, 0, 'c' },
		{ "hold-ms", 1, 0, 'm' }, { "faults", 1, 0, 'f' }, { "seed", 1, 0, 'e' },    { "linger", 1, 0, 'l' },
		{ "fault-ms", 1, 0, 'F' },
		{ "wait", 0, 0, 'w' },	  { "list", 0, 0, 'L' },   { "help", 0, 0, 'h' },    { 0 },
	};
	double n = 0;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h')
			return 1 + usage(stdout, 0);
		if (c == 'L')
			return 1 + list();
		if (c == '?')
			return 1 + usage(stderr, 2);
		if (c == 'w') {
			o->is_waiting = true;
			continue;
		}
		if (!parse_number(optarg, strchr("rmlfFe", c) ? 0 : 1, c == 't' ? 2000 : 1e7, &n)) {
			fprintf(stderr, "poolsim: %s is not a number in range\n", optarg);
			return 1 + 2;
		}
		if (c == 's')
			o->seconds = n;
		else if (c == 'r')
			o->rate = n;
		else if (c == 'm')
			o->hold_ms = n;
		else if (c == 'F')
			o->fault_ms = n;
		else if (c == 'l')
			o->linger_s = n;
		else
			*(c == 't'   ? &o->threads
			  : c == 'c' ? &o->capacity
			  : c == 'f' ? &o->faults
				     : &o->seed) = (long)n;
	}
	if (optind + 1 != argc)
		return 1 + usage(stderr, 2);
	o->scenario = scenario_find(argv[optind]);
	if (o->scenario)
		return 0;
	fprintf(stderr, "poolsim: there is no scenario %s; `poolsim --list` has them\n",
		argv[optind]);
	return 1 + 2;
}

/* ---- talking ----------------------------------------------------------------------------------------------------------- */

static void tell_truth(struct simulation *s, int64_t since_ns)
{
	json_t *pools = json_array(), *all;

	for (size_t i = 0; i < s->n; i++) {
		json_array_append_new(pools,
				      truth_of(load_books(s->running[i]), &s->world, since_ns));
		load_books_end(s->running[i]);
	}
	all = json_pack("{s:i s:o s:o s:o}", "pid", (int)getpid(), "pools", pools, "faults",
			world_faults(&s->world), "stalls", world_stalls(&s->world));
	fputs("TRUTH ", stdout);
	json_dumpf(all, stdout, JSON_COMPACT);
	fputs("\n", stdout);
	fflush(stdout);
	json_decref(all);
}

static void obey(struct simulation *s, const char *line)
{
	int64_t begin_ns, end_ns;

	if (!strcmp(line, "quit"))
		s->is_quit = true;
	else if (sscanf(line, "stood %" SCNd64 " %" SCNd64, &begin_ns, &end_ns) == 2)
		world_stood_still(&s->world, begin_ns, end_ns);
	else if (!strncmp(line, "truth", 5))
		tell_truth(s, strtoll(line + 5, NULL, 10));
}

/* Listens to stdin until the time; an end of the input is no order to quit. */
static void listen_until(struct simulation *s, int64_t until_ns)
{
	while (!s->is_quit && now_ns() < until_ns) {
		struct pollfd in = { .fd = s->is_input_over ? -1 : 0, .events = POLLIN };
		int64_t left_ms = (until_ns - now_ns()) / 1000000 + 1;
		ssize_t n;
		char *end;

		if (poll(&in, 1, left_ms > 1000 ? 1000 : (int)left_ms) <= 0)
			continue;
		n = read(0, s->input + s->n_input, sizeof(s->input) - 1 - s->n_input);
		if (n <= 0) {
			s->is_input_over = true;
			continue;
		}
		s->n_input += (size_t)n;
		s->input[s->n_input] = 0;
		while ((end = strchr(s->input, '\n'))) {
			*end = 0;
			obey(s, s->input);
			s->n_input -= (size_t)(end + 1 - s->input);
			memmove(s->input, end + 1, s->n_input + 1);
		}
		if (s->n_input >= sizeof(s->input) - 1)
			s->n_input = 0; /* a line without an end */
	}
}

static void wait_for_start(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

/* ---- the steps --------------------------------------------------------------------------------------------------------- */

static void plan(struct simulation *s, const struct options *o)
{
	struct load *first = &s->load[0];

	memcpy(s->load, o->scenario->load, sizeof(s->load));
	while (s->n < SCENARIO_LOADS_MAX && s->load[s->n].pool)
		s->n++;
	if (o->rate >= 0)
		first->rate = o->rate;
	if (o->hold_ms >= 0)
		first->hold_ms = o->hold_ms;
	if (o->threads >= 0)
		first->threads = (uint32_t)o->threads;
	if (o->capacity >= 0)
		first->capacity = (uint32_t)o->capacity;
	if (o->faults >= 0)
		first->faults = (uint32_t)o->faults;
	if (o->fault_ms >= 0)
		first->fault_ms = o->fault_ms;
}

static void start(struct simulation *s, const struct options *o)
{
	world_init(&s->world, o->seconds);
	for (size_t i = 0; i < s->n; i++)
		s->running[i] = load_open(&s->load[i], &s->world);
	for (size_t i = 0; i < s->n; i++)
		if (s->load[i].behind)
			load_behind(s->running[i], s->running[s->load[i].behind - 1]);
	for (size_t i = 0; i < s->n; i++)
		load_start(s->running[i], (unsigned int)o->seed + (unsigned int)i);
}

static void finish(struct simulation *s)
{
	for (size_t i = 0; i < s->n; i++)
		load_close(s->running[i]);
	world_done(&s->world);
}

int main(int argc, char **argv)
{
	struct options o = { .seconds = 10,
			     .rate = -1,
			     .hold_ms = -1,
			     .fault_ms = -1,
			     .threads = -1,
			     .capacity = -1,
			     .faults = -1,
			     .seed = 1 };
	static struct simulation s;
	int status = parse(argc, argv, &o);

	if (status)
		return status - 1;
	signal(SIGPIPE, SIG_IGN);
	plan(&s, &o);
	printf("READY pid=%d\n", (int)getpid());
	fflush(stdout);
	if (o.is_waiting)
		wait_for_start();
	start(&s, &o);
	listen_until(&s, s.world.end_ns);
	for (size_t i = 0; i < s.n; i++)
		load_join(s.running[i]);
	tell_truth(&s, 0);
	s.is_quit = false;
	listen_until(&s, now_ns() + (int64_t)(o.linger_s * 1e9));
	finish(&s);
	return 0;
}
