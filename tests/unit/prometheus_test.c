/* SPDX-License-Identifier: MIT */
/*
 * prometheus_test.c - the text format, judged by hand and by promtool. The surprise: without promtool its tests are skipped, and
 * say so.
 */
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
#include "exporters/prometheus.h"
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
	for (int i = 0; i < 2; i++) {
		double begin = now_s();
		struct buffer b = encode(s, options[i]);

		print_message("10000 pools, %d series: %.0f ms, %.1f MB (under ASan)\n",
			      i ? 10000 : 2000, (now_s() - begin) * 1e3, (double)b.n / 1e6);
		buffer_done(&b);
	}
	snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_is_written_with_all_its_families),
		cmocka_unit_test(classic_buckets_are_cut_exactly),
		cmocka_unit_test(what_is_unknown_is_left_out_and_never_0),
		cmocka_unit_test(processes_of_one_name_are_one_series_and_max_keeps_the_worst),
		cmocka_unit_test(every_counter_keeps_what_is_gone_and_no_gauge_does),
		cmocka_unit_test(what_is_gone_makes_no_series),
		cmocka_unit_test(hostile_names_are_cleaned_escaped_and_cut),
		cmocka_unit_test(too_many_series_are_summed_into_other_the_oldest_keep_theirs),
		cmocka_unit_test(ten_thousand_pools_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
