/* SPDX-License-Identifier: MIT */
/*
 * prometheus_test.c - the three forms of a page, judged by hand, by each other and by promtool. The surprise: without promtool its tests are
 * skipped, and say so.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/diag.h"
#include "config/config.h"
#include "exporters/prometheus.h"
#include "exporters/prometheus_client.pb-c.h"
#include "model/retired.h"
#include "snapshot_fixture.h"

#define ORDERS "process=\"orders.service\",pool=\"main-db\",kind=\"connection\",source=\"usdt\""

static struct buffer encode(const struct snapshot *s, const struct prometheus_options *options)
{
	struct buffer b = { 0 };

	assert_int_equal(prometheus_write(s, PROMETHEUS_TEXT, options, &b), 0);
	return b;
}

/* Whether there is exactly this line. */
static int has_line(const struct buffer *b, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = b->data; (at = strstr(at, line)); at++) {
		if ((at == b->data || at[-1] == '\n') && at[n] == '\n')
			return 1;
	}
	return 0;
}

static void assert_line(const struct buffer *b, const char *line)
{
	if (!has_line(b, line))
		fail_msg("there is no line: %s", line);
}

static void check_by_promtool(const struct buffer *b)
{
	FILE *tool;
	int status;

	if (system("command -v promtool >/dev/null 2>&1") != 0) {
		print_message("SKIP: promtool is not installed\n");
		skip();
	}
	tool = popen("promtool check metrics", "w");
	assert_non_null(tool);
	assert_int_equal(fwrite(b->data, 1, b->n, tool), b->n);
	status = pclose(tool);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_pool_is_written_with_all_its_families(void **state)
{
	struct snapshot *s = fixture_full();
	struct buffer b = encode(s, NULL);

	(void)state;
	assert_line(&b, "# TYPE poolscope_pool_capacity gauge");
	assert_line(&b, "poolscope_pool_capacity{" ORDERS "} 20");
	assert_line(&b, "poolscope_pool_in_use_seconds_total{" ORDERS "} 170.25");
	assert_line(&b, "poolscope_pool_acquires_total{" ORDERS "} 10007");
	assert_line(&b, "poolscope_pool_rejections_total{" ORDERS ",reason=\"queue_full\"} 7");
	assert_line(&b, "poolscope_pool_items_closed_total{" ORDERS ",reason=\"idle_timeout\"} 81");
	assert_line(&b, "poolscope_pool_utilization_ratio_max{" ORDERS "} 0.85");
	assert_line(&b, "poolscope_pool_oldest_wait_seconds{" ORDERS "} 0.25");
	assert_line(&b, "poolscope_pool_trusted{" ORDERS "} 1");
	assert_line(&b, "poolscope_findings{finding=\"too-small\",severity=\"warning\"} 1");
	assert_line(&b, "poolscope_findings{finding=\"leak\",severity=\"critical\"} 0");
	assert_line(&b, "poolscope_findings_opened_total{finding=\"leak\"} 5");
	assert_line(&b, "poolscope_pool_leaked_items{process=\"orders.service\",pool=\"main-db\","
			"kind=\"connection\",source=\"usdt\"} 3");
	assert_line(&b, "# TYPE poolscope_lock_wait_duration_seconds histogram");
	assert_line(
		&b,
		"poolscope_lock_wait_duration_seconds_count{process=\"orders\",lock=\"orders:the_lock\"} 5");
	assert_line(&b, "poolscope_lock_wait_duration_seconds_bucket{process=\"orders\","
			"lock=\"orders:the_lock\",le=\"0.00390625\"} 4");
	assert_line(&b, "poolscope_build_info{version=\"0.1.0\"} 1");
	assert_line(&b, "poolscope_agent_cpu_seconds_total{mode=\"user\"} 0.5");
	assert_line(&b, "poolscope_agent_losses_total{kind=\"story_capped\"} 3");
	assert_line(&b, "poolscope_agent_stories_total{kind=\"wait\"} 23");
	assert_line(&b, "poolscope_agent_table_limit{table=\"pools\"} 4096");
	assert_line(&b, "poolscope_agent_series_overflow 0");
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

static void classic_buckets_are_cut_exactly(void **state)
{
	/* just under a boundary, just over it, at 0, and beyond the last */
	static const uint64_t ns[] = { 0,         3906249,    3906300,      15624999,
				       999999900, 1000000100, 500000000000, 2000000000000 };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	struct hist *h = fixture_hist(s->arena, ns, sizeof(ns) / sizeof(ns[0]));
	struct buffer b;

	(void)state;
	pools[0] = fixture_known_pool(1, h, h);
	b = encode(s, NULL);
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS
			",le=\"9.5367431640625e-07\"} 1");
	assert_line(&b,
		    "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"0.00390625\"} 2");
	assert_line(&b,
		    "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"0.015625\"} 4");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"0.25\"} 4");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"1\"} 5");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"4\"} 6");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"256\"} 6");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_bucket{" ORDERS ",le=\"+Inf\"} 8");
	assert_line(&b, "poolscope_pool_hold_duration_seconds_count{" ORDERS "} 8");
	assert_line(&b, "poolscope_pool_wait_duration_seconds_bucket{" ORDERS
			",outcome=\"acquired\",le=\"1\"} 5");
	assert_line(&b,
		    "poolscope_pool_wait_duration_seconds_count{" ORDERS ",outcome=\"failed\"} 8");
	buffer_done(&b);
	snapshot_unref(s);
}

static void what_is_unknown_is_left_out_and_never_0(void **state)
{
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	struct buffer b;
	const char *line, *next;

	(void)state;
	pools[0] = fixture_unknown_pool(1);
	b = encode(s, NULL);
	/* only what is known of it: whether to trust it */
	for (line = b.data; line && *line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : NULL;
		if (!strncmp(line, "poolscope_pool_", 15))
			assert_memory_equal(line, "poolscope_pool_trusted{", 23);
	}
	assert_null(strstr(b.data, "bpf_run_seconds"));
	assert_null(strstr(b.data, "nan"));
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

/* Of three processes of a name one is not watched in full: a sum without it would be too low. */
static void a_sum_of_which_a_part_is_not_known_any_more_is_left_out(void **state)
{
	static const uint64_t ns[] = { 1000000, 2000000 };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(3, &pools);
	struct hist *h = fixture_hist(s->arena, ns, 2);
	struct buffer b;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pools[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		pools[i].pid += i;
	}
	pools[1].level = LEVEL_SLOW_PATH;
	pools[1].acquires = UNKNOWN;
	pools[1].timeouts = UNKNOWN;
	pools[1].in_use_s = NAN;
	pools[1].hold = NULL;
	pools[1].trusted = false;
	pools[1].rejected_by[PS_REJECT_dropped] = UNKNOWN;
	b = encode(s, NULL);
	assert_null(strstr(b.data, "\npoolscope_pool_acquires_total{"));
	assert_null(strstr(b.data, "\npoolscope_pool_timeouts_total{"));
	assert_null(strstr(b.data, "\npoolscope_pool_in_use_seconds_total{"));
	assert_null(strstr(b.data, "\npoolscope_pool_hold_duration_seconds"));
	assert_null(strstr(b.data, "reason=\"dropped\""));
	assert_null(strstr(b.data, "-inf"));
	assert_null(strstr(b.data, "-Inf"));
	assert_line(&b, "poolscope_pool_capacity{" ORDERS "} 60");
	assert_line(&b, "poolscope_pool_in_use{" ORDERS "} 51");
	assert_line(&b, "poolscope_pool_create_duration_seconds_count{" ORDERS "} 6");
	assert_line(&b, "poolscope_pool_trusted{" ORDERS "} 0");
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

static void targets_tell_their_level_and_what_they_cost(void **state)
{
	struct target_row targets[] = {
		{ .file = "/usr/bin/app",
		  .source = "poolscope",
		  .level = LEVEL_SLOW_PATH,
		  .reason = LEVEL_REASON_BUDGET,
		  .share = 0.25,
		  .cause = 0.5 },
		{ .file = "/usr/lib/li\"b\n.so", .source = "libzdb", .share = NAN },
	};
	struct pool_row *pools;
	struct snapshot *s = fixture_new(0, &pools);
	struct buffer b;

	(void)state;
	s->targets = targets;
	s->n_targets = 2;
	s->budget = (struct budget_row){ .n_down = 3,
					 .n_up = 2,
					 .is_trap_measured = true,
					 .trap_s = 5e-7,
					 .stepped_trap_s = 1e-5,
					 .tick_s = 2 };
	b = encode(s, NULL);
	assert_line(&b, "poolscope_agent_target_level{file=\"/usr/bin/app\",source=\"poolscope\","
			"reason=\"budget\"} 1");
	assert_line(&b, "poolscope_agent_target_cost_ratio{file=\"/usr/bin/app\","
			"source=\"poolscope\"} 0.25");
	assert_non_null(strstr(b.data, "source=\"libzdb\",reason=\"none\"} 0\n"));
	assert_null(strstr(b.data, "source=\"libzdb\"} "));
	assert_line(&b, "poolscope_agent_target_steps_total{direction=\"down\"} 3");
	assert_line(&b, "poolscope_agent_trap_seconds{instruction=\"stepped\"} 0.00001");
	assert_line(&b, "poolscope_agent_tick_interval_seconds 2");
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

static void processes_of_one_name_are_one_series_and_max_keeps_the_worst(void **state)
{
	static const uint64_t ns[] = { 1000000, 2000000 };
	struct prometheus_options with_pid = { .has_pid = true };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(3, &pools);
	struct hist *h = fixture_hist(s->arena, ns, 2);
	struct buffer b;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pools[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		pools[i].pid += i;
	}
	pools[1].utilization = 0.95;
	pools[1].oldest_wait_ns = UNKNOWN;
	pools[1].trusted = false;
	pools[2].capacity = UNKNOWN;
	b = encode(s, NULL);
	assert_line(&b, "poolscope_pool_capacity{" ORDERS "} 40");
	assert_line(&b, "poolscope_pool_in_use{" ORDERS "} 51");
	assert_line(&b, "poolscope_pool_utilization_ratio_max{" ORDERS "} 0.95");
	assert_line(&b, "poolscope_pool_oldest_wait_seconds{" ORDERS "} 0.25");
	assert_line(&b, "poolscope_pool_trusted{" ORDERS "} 0");
	assert_line(&b, "poolscope_pool_create_duration_seconds_count{" ORDERS "} 6");
	check_by_promtool(&b);
	buffer_done(&b);
	b = encode(s, &with_pid);
	assert_line(&b, "poolscope_pool_capacity{" ORDERS ",pid=\"4243\"} 20");
	assert_line(&b, "poolscope_pool_trusted{" ORDERS ",pid=\"4244\"} 1");
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

/* What is written once for rows that stand behind each other is that of each row all the same. */
static void each_series_has_the_labels_of_its_own_pool(void **state)
{
	static const struct {
		const char *process, *service, *name, *source;
		enum ps_kind kind;
	} rows[] = {
		{ "a", NULL, "one", "usdt", PS_KIND_connection },
		{ "a", NULL, "two", "usdt", PS_KIND_connection },
		{ "a", NULL, "two", "usdt", PS_KIND_worker },
		{ "b", NULL, "two", "usdt", PS_KIND_worker },
		{ "b", NULL, "two", "recipe", PS_KIND_worker },
		{ "b", "a", "three", "recipe", PS_KIND_worker },
		{ NULL, NULL, "", "usdt", PS_KIND_worker },
		{ "a", NULL, "four", NULL, PS_KIND_COUNT },
	};
	enum { N = sizeof(rows) / sizeof(*rows) };
	struct prometheus_options with_pid = { .has_pid = true };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(N, &pools);

	(void)state;
	for (int i = 0; i < N; i++) {
		pools[i] = fixture_unknown_pool((uint64_t)i + 1);
		pools[i].pid = 100 + i / 2;
		pools[i].capacity = i + 1;
		pools[i].process = rows[i].process;
		pools[i].service = rows[i].service;
		pools[i].name = rows[i].name;
		pools[i].source = rows[i].source;
		pools[i].kind = rows[i].kind;
	}
	for (int has_pid = 0; has_pid < 2; has_pid++) {
		struct buffer b = encode(s, has_pid ? &with_pid : NULL);

		for (int i = 0; i < N; i++) {
			const char *service = rows[i].service ? rows[i].service : rows[i].process;
			static const char *const kinds[] = { [PS_KIND_connection] = "connection",
							     [PS_KIND_worker] = "worker",
							     [PS_KIND_COUNT] = "unknown" };
			char pid[32] = "", line[256];

			if (has_pid)
				snprintf(pid, sizeof(pid), ",pid=\"%d\"", 100 + i / 2);
			snprintf(
				line, sizeof(line),
				"poolscope_pool_capacity{process=\"%s\",pool=\"%s\",kind=\"%s\",source=\"%s\"%s} %d",
				service ? service : "unknown", rows[i].name, kinds[rows[i].kind],
				rows[i].source ? rows[i].source : "unknown", pid, i + 1);
			assert_line(&b, line);
		}
		buffer_done(&b);
	}
	snapshot_unref(s);
}

/* Whether a line is a sample of something that may only rise, by its name. */
static int is_counter(const char *line)
{
	static const char *const ends[] = { "_total{", "_sum{", "_count{", "_bucket{" };
	const char *labels = strchr(line, '{');

	for (size_t i = 0; labels && i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(ends[i]) - 1;

		if (labels - line > (long)n && !strncmp(labels - n, ends[i], n))
			return 1;
	}
	return 0;
}

/* The value of the sample that begins as the line does, up to its value. */
static double same_sample(const struct buffer *b, const char *line)
{
	size_t n = (size_t)(strstr(line, "} ") + 2 - line);
	const char *at = b->data;

	while (at && strncmp(at, line, n) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		fail_msg("there is no sample %.*s", (int)n, line);
	return at ? strtod(at + n, NULL) : NAN;
}

/* Makes one more pool of the row's labels come and go; what stays of it is s->retired then. The caller ends *r. */
static void retire(struct snapshot *s, const struct pool_row *row, struct retired *r)
{
	struct group *group = retired_join(r, NULL, row);
	struct pool_row *rows = arena_alloc(s->arena, 1, sizeof(*rows));

	assert_ptr_equal(retired_join(r, NULL, row), group);
	retired_leave(r, group, row);
	assert_int_equal(retired_n(r), 1);
	retired_rows(r, rows);
	s->retired = rows;
	s->n_retired = 1;
}

/* Every family is asked, so a counter that the totals do not know is found here. */
static void every_counter_keeps_what_is_gone_and_no_gauge_does(void **state)
{
	struct prometheus_options with_pid = { .has_pid = true };
	CLEANUP(retired_done) struct retired retired = { 0 };
	struct snapshot *s = fixture_full();
	struct buffer alone = encode(s, NULL), pid = encode(s, &with_pid), b;
	int n_counters = 0;

	(void)state;
	retire(s, &s->pools[0], &retired);
	b = encode(s, NULL);
	for (const char *line = alone.data; line; line = strchr(line, '\n')) {
		double before, after;

		line += *line == '\n';
		if (strncmp(line, "poolscope_pool_", 15) != 0)
			continue;
		before = strtod(strstr(line, "} ") + 2, NULL);
		after = same_sample(&b, line);
		if (after != (is_counter(line) ? 2 * before : before))
			fail_msg("%.*s is %g, was %g", (int)strcspn(line, " "), line, after,
				 before);
		n_counters += is_counter(line) && before > 0;
	}
	assert_true(n_counters > 60);
	check_by_promtool(&b);
	buffer_done(&b);
	/* a series per process ends with it */
	b = encode(s, &with_pid);
	assert_string_equal(b.data, pid.data);
	buffer_done(&b);
	buffer_done(&pid);
	buffer_done(&alone);
	snapshot_unref(s);
}

static void what_is_gone_makes_no_series(void **state)
{
	CLEANUP(retired_done) struct retired retired = { 0 };
	struct snapshot *s = fixture_full();
	struct buffer before = encode(s, NULL), after;
	struct pool_row other = s->pools[0];

	(void)state;
	other.name = "other-db";
	retire(s, &other, &retired);
	after = encode(s, NULL);
	assert_string_equal(before.data, after.data);
	buffer_done(&before);
	buffer_done(&after);
	snapshot_unref(s);
}

static void hostile_names_are_cleaned_escaped_and_cut(void **state)
{
	static const char *const name[] = {
		"a\"b\\c\nd",
		"\xff\xfe\xc0\xaf",
		"x\"} 1\npoolscope_pool_capacity{pool=\"y",
		"\xe2\x80\xaegnp.exe",
		"",
		"\xed\xa0\x80",
	};
	char *huge = malloc(65537);
	struct pool_row *pools;
	struct snapshot *s = fixture_new(8, &pools);
	struct buffer b;

	(void)state;
	memset(huge, 'x', 65536);
	huge[65536] = '\0';
	for (size_t i = 0; i < 8; i++) {
		pools[i] = fixture_unknown_pool(i + 1);
		pools[i].capacity = 1;
		pools[i].name = pools[i].process = pools[i].source = i < 6    ? name[i]
								     : i == 6 ? huge
									      : NULL;
	}
	pools[0].kind = (enum ps_kind)77;
	b = encode(s, NULL);
	assert_line(
		&b,
		"poolscope_pool_capacity{process=\"a\\\"b\\\\c?d\",pool=\"a\\\"b\\\\c?d\",kind=\"unknown\","
		"source=\"a\\\"b\\\\c?d\"} 1");
	assert_line(
		&b,
		"poolscope_pool_capacity{process=\"unknown\",pool=\"unknown\",kind=\"connection\",source=\"unknown\"} 1");
	assert_null(strstr(b.data, "\npoolscope_pool_capacity{pool="));
	assert_true(b.n < 65536);
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
	free(huge);
}

static void too_many_series_are_summed_into_other_the_oldest_keep_theirs(void **state)
{
	struct prometheus_options options = { .max_series = 23 };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(101, &pools);
	struct buffer b;

	(void)state;
	for (int i = 0; i < 101; i++) {
		pools[i] = fixture_unknown_pool((uint64_t)(101 - i));	/* the newest first */
		pools[i].name =
			arena_printf(s->arena, "pool-%llu", (unsigned long long)pools[i].id);
		pools[i].in_use = 1;
	}
	b = encode(s, &options);
	assert_line(
		&b,
		"poolscope_pool_in_use{process=\"other\",pool=\"other\",kind=\"other\",source=\"other\"} 78");
	assert_line(
		&b,
		"poolscope_pool_in_use{process=\"orders\",pool=\"pool-23\",kind=\"connection\",source=\"usdt\"} 1");
	assert_null(strstr(b.data, "pool-24\""));
	assert_line(&b, "poolscope_agent_series_overflow 78");
	check_by_promtool(&b);
	buffer_done(&b);
	snapshot_unref(s);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ten_thousand_pools_are_quick(void **state)
{
	static const uint64_t ns[] = { 0, 1000, 1000000, 23000000, 1000000000 };
	struct prometheus_options all = { .max_series = 10000 };
	const struct prometheus_options *options[] = { NULL, &all };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(10000, &pools);
	struct hist *h = fixture_hist(s->arena, ns, 5);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		pools[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		pools[i].name = arena_printf(s->arena, "pool-%d", i);
	}
	for (int i = 0; i < 2 * PROMETHEUS_FORMATS; i++) {
		double begin = now_s();
		struct buffer b = { 0 };

		assert_int_equal(prometheus_write(s, i / 2, options[i % 2], &b), 0);
		print_message("10000 pools, %d series, form %d: %.0f ms, %.1f MB (under ASan)\n",
			      i % 2 ? 10000 : 2000, i / 2, (now_s() - begin) * 1e3,
			      (double)b.n / 1e6);
		buffer_done(&b);
	}
	snapshot_unref(s);
}

/* ---- the other forms ------------------------------------------------------------------------------------------------------ */

typedef Io__Prometheus__Client__MetricFamily Family;
typedef Io__Prometheus__Client__Metric Metric;
typedef Io__Prometheus__Client__Histogram Histogram;
typedef Io__Prometheus__Client__Exemplar Exemplar;

static struct buffer encode_as(const struct snapshot *s, enum prometheus_format format,
			       const struct prometheus_options *options)
{
	struct buffer b = { 0 };

	assert_int_equal(prometheus_write(s, format, options, &b), 0);
	return b;
}

struct families {
	Family *f[128];
	size_t n;
};

/* Unpacks a whole page, which must have nothing else in it and no empty family. */
static struct families unpack(const struct buffer *b)
{
	struct families all = { .n = 0 };

	for (size_t at = 0; at < b->n;) {
		uint64_t length = 0;
		unsigned int shift = 0;
		uint8_t byte;

		do {
			byte = (uint8_t)b->data[at++];
			length |= (uint64_t)(byte & 0x7f) << shift;
			shift += 7;
		} while (byte & 0x80);
		assert_true(length <= b->n - at);
		all.f[all.n] = io__prometheus__client__metric_family__unpack(
			NULL, length, (const uint8_t *)b->data + at);
		assert_non_null(all.f[all.n]);
		assert_true(all.f[all.n]->n_metric > 0);
		all.n++;
		at += length;
	}
	return all;
}

static void free_families(struct families *all)
{
	for (size_t i = 0; i < all->n; i++)
		io__prometheus__client__metric_family__free_unpacked(all->f[i], NULL);
}

static const Family *find_family(const struct families *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->f[i]->name, name))
			return all->f[i];
	fail_msg("there is no family %s", name);
	return NULL;
}

/* A sample of a protobuf page as the text would have it. */
static void add_line(struct buffer *b, const char *name, const char *suffix, const Metric *m,
		     const char *le, double v)
{
	buffer_printf(b, "%s%s", name, suffix);
	for (size_t i = 0; i < m->n_label; i++) {
		buffer_printf(b, "%s%s=\"", i ? "," : "{", m->label[i]->name);
		for (const char *c = m->label[i]->value; *c; c++)
			buffer_printf(b, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
		buffer_add_text(b, "\"");
	}
	if (le)
		buffer_printf(b, "%sle=\"%s\"", m->n_label ? "," : "{", le);
	buffer_printf(b, "%s %.17g\n", m->n_label || le ? "}" : "", v);
}

static void add_histogram_lines(struct buffer *b, const char *name, const Metric *m)
{
	const Histogram *h = m->histogram;

	for (size_t i = 0; i < h->n_bucket; i++) {
		char le[32];

		snprintf(le, sizeof(le), "%.17g", h->bucket[i]->upper_bound);
		add_line(b, name, "_bucket", m, isinf(h->bucket[i]->upper_bound) ? "+Inf" : le,
			 (double)h->bucket[i]->cumulative_count);
	}
	add_line(b, name, "_sum", m, NULL, h->sample_sum);
	add_line(b, name, "_count", m, NULL, (double)h->sample_count);
}

static struct buffer lines_of_protobuf(const struct families *all)
{
	struct buffer b = { 0 };

	for (size_t i = 0; i < all->n; i++) {
		const Family *f = all->f[i];

		for (size_t k = 0; k < f->n_metric; k++) {
			const Metric *m = f->metric[k];

			if (m->histogram)
				add_histogram_lines(&b, f->name, m);
			else
				add_line(&b, f->name, "", m, NULL,
					 m->gauge ? m->gauge->value : m->counter->value);
		}
	}
	return b;
}

/* The rest of a line behind its labels, which must be well formed: pairs in quotes, escapes of the three kinds alone, clean UTF-8. */
static const char *check_labels(const char *p)
{
	do {
		char value[512];
		size_t n = 0;

		p += 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
		assert_memory_equal(p, "=\"", 2);
		for (p += 2; *p != '"'; p++) {
			assert_true(*p && *p != '\n');
			if (*p == '\\')
				assert_non_null(strchr("\"\\n", *++p));
			value[n++] = *p;
			assert_true(n < sizeof(value));
		}
		value[n] = '\0';
		assert_true(text_is_clean(value));
		p++;
	} while (*p == ',');
	assert_int_equal(*p, '}');
	return p + 1;
}

/* The samples of a text page, without comments, exemplars and the ".0" of bounds, their values as %.17g. */
static struct buffer lines_of_text(const struct buffer *page)
{
	struct buffer b = { 0 };
	const char *next;

	for (const char *line = page->data; *line; line = next) {
		const char *labels_end, *dot;
		size_t n = strcspn(line, "\n");

		next = line + n + 1;
		if (*line == '#')
			continue;
		labels_end = line + strspn(line, "abcdefghijklmnopqrstuvwxyz_");
		if (*labels_end == '{')
			labels_end = check_labels(labels_end);
		dot = memmem(line, (size_t)(labels_end - line), ".0\"}", 4);
		if (dot && !memmem(line, n, "le=\"", 4))
			dot = NULL;
		buffer_add(&b, line, (size_t)((dot ? dot : labels_end) - line));
		buffer_printf(&b, "%s %.17g\n", dot ? "\"}" : "", strtod(labels_end + 1, NULL));
	}
	return b;
}

static void assert_same_samples(const struct snapshot *s)
{
	struct buffer text = encode_as(s, PROMETHEUS_TEXT, NULL),
		      openmetrics = encode_as(s, PROMETHEUS_OPENMETRICS, NULL),
		      protobuf = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	struct families all = unpack(&protobuf);
	struct buffer one = lines_of_text(&text), two = lines_of_text(&openmetrics),
		      three = lines_of_protobuf(&all);

	assert_string_equal(one.data, two.data);
	assert_string_equal(one.data, three.data);
	free_families(&all);
	buffer_done(&text);
	buffer_done(&openmetrics);
	buffer_done(&protobuf);
	buffer_done(&one);
	buffer_done(&two);
	buffer_done(&three);
}

static void add_stalls(struct snapshot *s, const struct hist *h, uint64_t n)
{
	struct stall_sum_row *rows = arena_alloc(s->arena, 2, sizeof(*rows));

	rows[0] = (struct stall_sum_row){ "orders", PS_STALL_gc, h, h->count, h->sum_s };
	rows[1] = (struct stall_sum_row){ "java", PS_STALL_safepoint, h, n, 2 * h->sum_s };
	s->stall_sums = rows;
	s->n_stall_sums = 2;
}

static void all_forms_have_the_same_samples_and_numbers(void **state)
{
	struct snapshot *s = fixture_full();

	(void)state;
	add_stalls(s, s->pools[0].wait, s->pools[0].wait->count);
	assert_same_samples(s);
	snapshot_unref(s);
}

static void openmetrics_names_a_family_without_the_suffix_of_its_samples(void **state)
{
	struct snapshot *s = fixture_full();
	struct buffer b = encode_as(s, PROMETHEUS_OPENMETRICS, NULL);

	(void)state;
	assert_line(&b, "# TYPE poolscope_pool_in_use_seconds counter");
	assert_line(&b, "# UNIT poolscope_pool_in_use_seconds seconds");
	assert_line(&b, "poolscope_pool_in_use_seconds_total{" ORDERS "} 170.25");
	assert_line(&b, "# UNIT poolscope_agent_resident_memory_bytes bytes");
	assert_line(&b, "# TYPE poolscope_build info");
	assert_line(&b, "poolscope_build_info{version=\"0.1.0\"} 1");
	assert_line(&b, "# TYPE poolscope_pool_capacity gauge");
	assert_null(strstr(b.data, "# UNIT poolscope_pool_capacity "));
	assert_line(
		&b,
		"# HELP poolscope_agent_series_overflow Pools that are summed into process=\\\"other\\\", "
		"pool=\\\"other\\\" because the limit of series is reached.");
	assert_non_null(strstr(b.data, ",le=\"1.0\"} "));
	assert_non_null(strstr(b.data, ",le=\"+Inf\"} "));
	assert_string_equal(b.data + b.n - 7, "\n# EOF\n");
	buffer_done(&b);
	snapshot_unref(s);
}

/* The count of one of the histogram's buckets, by spans and deltas. */
static uint64_t native_bucket(const Histogram *h, int32_t index)
{
	int32_t at = 0;
	int64_t n = 0;
	size_t d = 0;

	for (size_t i = 0; i < h->n_positive_span; i++) {
		at += h->positive_span[i]->offset;
		for (uint32_t k = 0; k < h->positive_span[i]->length; k++, at++) {
			n += h->positive_delta[d++];
			if (at == index)
				return (uint64_t)n;
		}
	}
	return 0;
}

static void native_buckets_are_the_histograms_own(void **state)
{
	/* under, at and over the first bound; neighbours, small and large gaps; at the last bound, and over it */
	static const uint64_t ns[] = {
		0,       238,     239,       260,        1000,          1090,          1400,
		1000000, 1000000, 999999999, 1000000000, 1024000000000, 1024000000001, 9000000000000
	};
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	struct hist *h = fixture_hist(s->arena, ns, sizeof(ns) / sizeof(ns[0]));
	struct families all;
	struct buffer b;
	const Histogram *m;
	uint64_t n = 0;
	size_t n_in_spans = 0;

	(void)state;
	pools[0] = fixture_known_pool(1, h, h);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	all = unpack(&b);
	assert_string_equal(find_family(&all, "poolscope_pool_hold_duration_seconds")->unit,
			    "seconds");
	m = find_family(&all, "poolscope_pool_hold_duration_seconds")->metric[0]->histogram;
	assert_int_equal(m->schema, 3);
	assert_true(m->zero_threshold == exp2(-22));
	assert_int_equal(m->zero_count, hist_get(h, 0));
	assert_int_equal(m->sample_count, h->count);
	assert_true(m->sample_sum == h->sum_s);
	for (unsigned int i = 1; i < PS_HIST_BUCKETS; i++) {
		/* index i has the upper bound 2^(i / 8), as our bucket has; the one without a bound follows */
		int32_t index = (int32_t)lround(
			8 * log2(i < PS_HIST_BUCKETS - 1 ? hist_upper_s(i) : exp2(10.125)));

		assert_int_equal(native_bucket(m, index), hist_get(h, i));
		n += native_bucket(m, index);
	}
	assert_int_equal(native_bucket(m, 81), 3);
	assert_int_equal(n + m->zero_count, m->sample_count);
	for (size_t i = 0; i < m->n_positive_span; i++)
		n_in_spans += m->positive_span[i]->length;
	assert_int_equal(n_in_spans, m->n_positive_delta);
	free_families(&all);
	buffer_done(&b);
	snapshot_unref(s);
}

static void an_empty_histogram_is_native_too(void **state)
{
	static const struct hist none = { .count = 0 };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	struct families all;
	struct buffer b;
	const Histogram *m;

	(void)state;
	pools[0] = fixture_known_pool(1, &none, &none);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	all = unpack(&b);
	m = find_family(&all, "poolscope_pool_create_duration_seconds")->metric[0]->histogram;
	assert_true(m->zero_threshold > 0 && m->has_schema);
	assert_int_equal(m->sample_count, 0);
	assert_int_equal(m->n_positive_span, 0);
	free_families(&all);
	buffer_done(&b);
	assert_same_samples(s);
	snapshot_unref(s);
}

/* Else their number would not be the sum of the native buckets, which makes a histogram invalid. */
static void stalls_known_by_number_alone_are_in_no_bucket_and_make_the_family_classic(void **state)
{
	static const uint64_t ns[] = { 1000000, 2000000 };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	struct hist *h = fixture_hist(s->arena, ns, 2);
	struct families all;
	struct buffer b;
	const Family *f;

	(void)state;
	pools[0] = fixture_known_pool(1, h, h);
	add_stalls(s, h, 23);
	b = encode(s, NULL);
	assert_line(
		&b,
		"poolscope_stall_duration_seconds_bucket{process=\"java\",cause=\"safepoint\",le=\"256\"} 2");
	assert_line(
		&b,
		"poolscope_stall_duration_seconds_bucket{process=\"java\",cause=\"safepoint\",le=\"+Inf\"} 23");
	assert_line(
		&b,
		"poolscope_stall_duration_seconds_count{process=\"java\",cause=\"safepoint\"} 23");
	assert_line(
		&b,
		"poolscope_stall_duration_seconds_sum{process=\"java\",cause=\"safepoint\"} 0.006");
	assert_line(&b,
		    "poolscope_stall_duration_seconds_count{process=\"orders\",cause=\"gc\"} 2");
	buffer_done(&b);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	all = unpack(&b);
	f = find_family(&all, "poolscope_stall_duration_seconds");
	for (size_t i = 0; i < f->n_metric; i++)
		assert_false(f->metric[i]->histogram->has_schema);
	f = find_family(&all, "poolscope_pool_hold_duration_seconds");
	assert_true(f->metric[0]->histogram->has_schema);
	free_families(&all);
	buffer_done(&b);
	assert_same_samples(s);
	add_stalls(s, h, 2);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	all = unpack(&b);
	f = find_family(&all, "poolscope_stall_duration_seconds");
	assert_true(f->metric[1]->histogram->has_schema);
	free_families(&all);
	buffer_done(&b);
	snapshot_unref(s);
}

static void assert_exemplar(const Exemplar *e, const char *tid, double value)
{
	assert_non_null(e);
	assert_int_equal(e->n_label, 3);
	assert_string_equal(e->label[0]->name, "pid");
	assert_string_equal(e->label[0]->value, "4242");
	assert_string_equal(e->label[1]->value, tid);
	assert_string_equal(e->label[2]->name, "thread");
	assert_true(e->value == value);
	assert_int_equal(e->timestamp->seconds, 1764000000);
}

static void a_slow_wait_is_the_exemplar_of_its_bucket_the_newest_of_all_pools(void **state)
{
	static const uint64_t ns[] = { 5000000, 700000000 };
	struct exemplar_row slow[] = {
		{ 0.7, 1764000000250000000, 23, "http-1" },
		{ 0.005, 1764000000125000000, 29, "a\"b\\\n\xff" },
		{ NAN, 1764000000250000000, 31, "" },
	};
	struct exemplar_row newer = { 0.6, 1764000000500000000, 37, "http-2" };
	struct pool_row *pools;
	struct snapshot *s = fixture_new(2, &pools);
	struct hist *h = fixture_hist(s->arena, ns, 2);
	struct families all;
	struct buffer b;
	const Histogram *m;

	(void)state;
	pools[0] = fixture_known_pool(1, h, h);
	pools[1] = fixture_known_pool(2, h, h);
	pools[0].slow_waits = slow;
	pools[0].n_slow_waits = 3;
	pools[1].slow_waits = &newer;
	pools[1].n_slow_waits = 1;
	b = encode_as(s, PROMETHEUS_OPENMETRICS, NULL);
	assert_line(&b, "poolscope_pool_wait_duration_seconds_bucket{" ORDERS
			",outcome=\"acquired\",le=\"1.0\"} 4"
			" # {pid=\"4242\",tid=\"37\",thread=\"http-2\"} 0.6 1764000000.500");
	assert_line(&b,
		    "poolscope_pool_wait_duration_seconds_bucket{" ORDERS
		    ",outcome=\"acquired\",le=\"0.015625\"} 2"
		    " # {pid=\"4242\",tid=\"29\",thread=\"a\\\"b\\\\??\"} 0.005 1764000000.125");
	assert_line(&b, "poolscope_pool_wait_duration_seconds_bucket{" ORDERS
			",outcome=\"failed\",le=\"1.0\"} 4");
	assert_null(strstr(b.data, "nan"));
	buffer_done(&b);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	all = unpack(&b);
	m = find_family(&all, "poolscope_pool_wait_duration_seconds")->metric[0]->histogram;
	assert_exemplar(m->bucket[10]->exemplar, "37", 0.6);
	assert_exemplar(m->bucket[7]->exemplar, "29", 0.005);
	assert_int_equal(m->n_exemplars, 2);
	assert_exemplar(m->exemplars[1], "37", 0.6);
	free_families(&all);
	buffer_done(&b);
	assert_same_samples(s);
	snapshot_unref(s);
}

/* Every line is a comment or a sample, and a sample has a number. */
static void check_lines(const struct buffer *b)
{
	const char *line = b->data;

	assert_int_equal(strlen(b->data), b->n);
	for (; *line; line++) {
		char *end;

		if (*line == '#') {
			line += strcspn(line, "\n");
		} else {
			size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz_");

			assert_memory_equal(line, "poolscope_", 10);
			line = line[n] == '{' ? check_labels(line + n) : line + n;
			assert_int_equal(*line, ' ');
			strtod(line + 1, &end);
			assert_ptr_not_equal(end, line + 1);
			line = end + (!strncmp(end, " # {", 4) ? strcspn(end, "\n") : 0);
		}
		assert_int_equal(*line, '\n');
	}
}

static void check_names(const struct buffer *b)
{
	struct families all = unpack(b);

	for (size_t i = 0; i < all.n; i++) {
		for (size_t k = 0; k < all.f[i]->n_metric; k++) {
			const Metric *m = all.f[i]->metric[k];

			for (size_t l = 0; l < m->n_label; l++)
				assert_true(text_is_clean(m->label[l]->value));
		}
	}
	free_families(&all);
}

static void hostile_names_are_valid_in_all_forms(void **state)
{
	static const char *const name[] = { "a\"b\\c\nd\r\t",
					    "\xff\xfe\xc0\xaf\xed\xa0\x80",
					    "x\"} 1\n# EOF\n",
					    "\xe2\x80\xaegnp.exe\xe2\x81\xa6",
					    "",
					    "# {pid=\"1\"} 1",
					    "\\",
					    "\xf4\x90\x80\x80" };
	static const size_t n = sizeof(name) / sizeof(name[0]);
	char *huge = malloc(65537);
	struct pool_row *pools;
	struct snapshot *s = fixture_new(n + 1, &pools);
	struct hist h = { .count = 0 };

	(void)state;
	for (size_t i = 0; i < 65536; i++)
		huge[i] = "\"\\\n\xc3\xa4"[i % 5];
	huge[65536] = '\0';
	for (size_t i = 0; i <= n; i++) {
		pools[i] = fixture_known_pool(i + 1, &h, &h);
		pools[i].name = pools[i].service = pools[i].source = i < n ? name[i] : huge;
	}
	for (enum prometheus_format f = 0; f < PROMETHEUS_FORMATS; f++) {
		struct buffer b = encode_as(s, f, NULL);

		if (f == PROMETHEUS_PROTOBUF)
			check_names(&b);
		else
			check_lines(&b);
		buffer_done(&b);
	}
	assert_same_samples(s);
	snapshot_unref(s);
	free(huge);
}

static void count_bytes(void *context, const char *data, size_t n)
{
	struct buffer *whole = context;

	assert_true(n < 8 << 20);
	buffer_add(whole, data, n);
}

static void a_page_that_drains_is_the_same_page(void **state)
{
	struct snapshot *s = fixture_full();

	(void)state;
	for (enum prometheus_format f = 0; f < PROMETHEUS_FORMATS; f++) {
		struct buffer whole = encode_as(s, f, NULL), pieces = { 0 },
			      b = { .drain = count_bytes, .context = &pieces };

		assert_int_equal(prometheus_write(s, f, NULL, &b), 0);
		buffer_flush(&b);
		assert_int_equal(pieces.n, whole.n);
		assert_memory_equal(pieces.data, whole.data, whole.n);
		buffer_done(&whole);
		buffer_done(&pieces);
		buffer_done(&b);
	}
	snapshot_unref(s);
}

/* The label that begins there, as a variable would set it. */
static int set_label_of(const char *name, size_t n)
{
	char variable[128];
	char *environment[] = { variable, NULL };
	struct config c;
	struct diag d = { 0 };
	int error;

	snprintf(variable, sizeof(variable), "POOLSCOPE_LABELS_%.*s=x", (int)n, name);
	error = config_read_environment(environment, &c, &d);
	config_done(&c);
	return error;
}

static void no_label_of_ours_can_be_one_of_the_configuration(void **state)
{
	struct prometheus_options with_pid = { .has_pid = true };
	struct snapshot *s = fixture_full();
	struct buffer b = encode_as(s, PROMETHEUS_OPENMETRICS, &with_pid);
	unsigned int n_labels = 0;

	(void)state;
	buffer_add(&b, "", 1);
	for (const char *at = b.data; (at = strstr(at, "=\"")); at += 2) {
		const char *name = at;

		while (name > b.data && (name[-1] == '_' || (name[-1] >= 'a' && name[-1] <= 'z')))
			name--;
		if (set_label_of(name, (size_t)(at - name)) != -EINVAL)
			fail_msg("%.*s is taken", (int)(at - name), name);
		n_labels++;
	}
	assert_true(n_labels > 100);
	assert_int_equal(set_label_of("datacenter", 10), 0);
	buffer_done(&b);
	snapshot_unref(s);
}

static void labels_of_the_configuration_are_at_every_sample_in_every_form(void **state)
{
	static const struct label_row labels[] = { { "rack", "a\"7\\" } };
	struct snapshot *s = fixture_full();
	struct buffer b;
	size_t n_with = 0, n_samples = 0;

	(void)state;
	s->labels = labels;
	s->n_labels = 1;
	b = encode(s, NULL);
	buffer_add(&b, "", 1);
	for (const char *line = b.data; *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n'), *label = strstr(line, "rack=\"a\\\"7\\\\\"");

		n_samples += *line != '#';
		n_with += *line != '#' && label && label < end;
	}
	assert_true(n_samples > 100);
	assert_int_equal(n_with, n_samples);
	buffer_done(&b);
	b = encode_as(s, PROMETHEUS_PROTOBUF, NULL);
	assert_non_null(memmem(b.data, b.n, "rack", 4));
	buffer_done(&b);
	snapshot_unref(s);
}

#define PROTOBUF                                                                                   \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define OPENMETRICS "application/openmetrics-text;version=1.0.0"

static void the_form_is_the_one_that_the_client_wants_most(void **state)
{
	static const struct {
		const char *accept;
		enum prometheus_format format;
	} cases[] = {
		/* Prometheus 2.42, without and with native histograms */
		{ OPENMETRICS ",application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", PROMETHEUS_OPENMETRICS },
		{ PROTOBUF "," OPENMETRICS ";q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", PROMETHEUS_PROTOBUF },
		/* 2.53 */
		{ OPENMETRICS ";q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", PROMETHEUS_OPENMETRICS },
		{ PROTOBUF ";q=0.5," OPENMETRICS ";q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", PROMETHEUS_PROTOBUF },
		/* 3.x, and one that is told to scrape text first */
		{ OPENMETRICS ";escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", PROMETHEUS_OPENMETRICS },
		{ PROTOBUF ";escaping=underscores;q=0.6," OPENMETRICS ";escaping=underscores;q=0.5,*/*;q=0.2", PROMETHEUS_PROTOBUF },
		{ "text/plain;version=0.0.4;q=0.6," OPENMETRICS ";q=0.5," PROTOBUF ";q=0.4,*/*;q=0.3", PROMETHEUS_TEXT },
		{ "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6," OPENMETRICS ";q=0.2,*/*;q=0.1", PROMETHEUS_OPENMETRICS },
		/* people and their tools */
		{ NULL, PROMETHEUS_TEXT },
		{ "", PROMETHEUS_TEXT },
		{ "*/*", PROMETHEUS_TEXT },
		{ "*", PROMETHEUS_TEXT },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PROMETHEUS_TEXT },
		{ "application/json", PROMETHEUS_TEXT },
		{ "text/*", PROMETHEUS_TEXT },
		{ "application/openmetrics-text", PROMETHEUS_OPENMETRICS },
		{ "application/openmetrics-text; version=0.0.1", PROMETHEUS_TEXT },
		{ "APPLICATION/OpenMetrics-Text ; VERSION=1.0.0 ; charset=UTF-8", PROMETHEUS_OPENMETRICS },
		{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text", PROMETHEUS_TEXT },
		{ "application/vnd.google.protobuf; proto=\"io.prometheus.client.MetricFamily\"; encoding=\"delimited\"", PROMETHEUS_PROTOBUF },
		{ "application/vnd.google.protobuf;proto=some.other.Message;encoding=delimited, */*;q=0.1", PROMETHEUS_TEXT },
		/* the range that says most decides, wherever it stands */
		{ "text/plain;q=0, */*", PROMETHEUS_OPENMETRICS },
		{ "*/*, text/plain;q=0, application/*;q=0.2, " OPENMETRICS ";q=0.1", PROMETHEUS_PROTOBUF },
		{ OPENMETRICS ";q=0, application/openmetrics-text;q=1, text/plain;q=0.1", PROMETHEUS_TEXT },
		/* what is equal is decided by who stands first */
		{ "text/plain, " OPENMETRICS, PROMETHEUS_TEXT },
		{ OPENMETRICS ", text/plain", PROMETHEUS_OPENMETRICS },
		/* nonsense is passed over */
		{ PROTOBUF ";q=2, " OPENMETRICS ";q=0.1", PROMETHEUS_OPENMETRICS },
		{ PROTOBUF ";q=abc, text/plain;q=0.1", PROMETHEUS_TEXT },
		{ ",;,=;q=,\"a,b\";q=1, /;q=1, " OPENMETRICS ";q=0.001", PROMETHEUS_OPENMETRICS },
		{ "x/y;a=\"," OPENMETRICS ";q=1\";q=1, text/plain;q=0.1", PROMETHEUS_TEXT },
		{ "x/y;a=\"never closed, " OPENMETRICS, PROMETHEUS_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (prometheus_choose(cases[i].accept) != cases[i].format)
			fail_msg("'%s' gets form %d", cases[i].accept,
				 (int)prometheus_choose(cases[i].accept));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_label_of_ours_can_be_one_of_the_configuration),
		cmocka_unit_test(labels_of_the_configuration_are_at_every_sample_in_every_form),
		cmocka_unit_test(a_pool_is_written_with_all_its_families),
		cmocka_unit_test(classic_buckets_are_cut_exactly),
		cmocka_unit_test(what_is_unknown_is_left_out_and_never_0),
		cmocka_unit_test(a_sum_of_which_a_part_is_not_known_any_more_is_left_out),
		cmocka_unit_test(targets_tell_their_level_and_what_they_cost),
		cmocka_unit_test(processes_of_one_name_are_one_series_and_max_keeps_the_worst),
		cmocka_unit_test(each_series_has_the_labels_of_its_own_pool),
		cmocka_unit_test(every_counter_keeps_what_is_gone_and_no_gauge_does),
		cmocka_unit_test(what_is_gone_makes_no_series),
		cmocka_unit_test(hostile_names_are_cleaned_escaped_and_cut),
		cmocka_unit_test(too_many_series_are_summed_into_other_the_oldest_keep_theirs),
		cmocka_unit_test(the_form_is_the_one_that_the_client_wants_most),
		cmocka_unit_test(all_forms_have_the_same_samples_and_numbers),
		cmocka_unit_test(openmetrics_names_a_family_without_the_suffix_of_its_samples),
		cmocka_unit_test(native_buckets_are_the_histograms_own),
		cmocka_unit_test(an_empty_histogram_is_native_too),
		cmocka_unit_test(
			stalls_known_by_number_alone_are_in_no_bucket_and_make_the_family_classic),
		cmocka_unit_test(a_slow_wait_is_the_exemplar_of_its_bucket_the_newest_of_all_pools),
		cmocka_unit_test(hostile_names_are_valid_in_all_forms),
		cmocka_unit_test(a_page_that_drains_is_the_same_page),
		cmocka_unit_test(ten_thousand_pools_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
