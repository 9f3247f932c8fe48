/* SPDX-License-Identifier: MIT */
/* choice_test.c - some of the pools, in an order, and a window of them; and the question that asks for them. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/choice.h"
#include "base/buffer.h"
#include "snapshot_fixture.h"

#define N_POOLS 6

static struct pool_row pools[N_POOLS];
static struct finding_row findings[3];
static struct snapshot s;

/* 1 to 6. Unknown unless it is said here. */
static int begin(void **state)
{
	static const struct {
		const char *process, *name;
		int64_t pending;
		double utilization;
	} rows[N_POOLS] = {
		{ "orders", "db", 0, 0.5 },
		{ "orders", "cache", 3, 0.2 },
		{ "mail", "db", UNKNOWN, NAN },
		{ "mail", "Smtp", 0, 0.9 },
		{ "web", "workers", 7, 1 },
		{ "web", "api\x1b[2J", 0, 0 },
	};

	(void)state;
	for (int i = 0; i < N_POOLS; i++) {
		pools[i] = fixture_unknown_pool((uint64_t)i + 1);
		pools[i].process = rows[i].process;
		pools[i].name = rows[i].name;
		pools[i].pid = 100 + i / 2;
		pools[i].pending = rows[i].pending;
		pools[i].utilization = rows[i].utilization;
		pools[i].verdict = "healthy";
	}
	pools[4].kind = PS_KIND_worker;
	pools[3].endpoint = "10.0.0.7:25";
	findings[0] =
		(struct finding_row){ .severity = SEVERITY_INFO, .is_open = true, .pool_id = 1 };
	findings[1] = (struct finding_row){ .severity = SEVERITY_CRITICAL,
					    .is_open = true,
					    .pool_id = 4 };
	findings[2] = (struct finding_row){ .severity = SEVERITY_CRITICAL, .pool_id = 6 }; /* it has ended */
	s = (struct snapshot){
		.pools = pools, .n_pools = N_POOLS, .findings = findings, .n_findings = 3
	};
	return 0;
}

static struct pools_chosen chosen;

/* The ids of the window, in order. */
static const char *choose(struct pool_choice c)
{
	static char ids[64];
	size_t n = 0;

	pools_chosen_done(&chosen);
	assert_int_equal(choice_make(&c, &s, &chosen), 0);
	ids[0] = '\0';
	for (size_t i = 0; i < chosen.n; i++)
		n += (size_t)snprintf(ids + n, sizeof(ids) - n, "%d", (int)chosen.row[i]->id);
	return ids;
}

static int end(void **state)
{
	(void)state;
	pools_chosen_done(&chosen);
	return 0;
}

static void the_worst_come_first(void **state)
{
	(void)state;
	/* critical, information, then by who waits, by how full; what is not known is last */
	assert_string_equal(choose((struct pool_choice){ 0 }), "415263");
	assert_int_equal(chosen.n_chosen, N_POOLS);
	assert_int_equal(chosen.first, 0);
}

static void unknown_numbers_are_last_whichever_way_round(void **state)
{
	(void)state;
	assert_string_equal(choose((struct pool_choice){ .order = "utilization" }), "541263");
	assert_string_equal(
		choose((struct pool_choice){ .order = "utilization", .is_reversed = true }),
		"621453");
	assert_string_equal(choose((struct pool_choice){ .order = "process" }), "341256");
	assert_string_equal(choose((struct pool_choice){ .order = "pid" }), "563412");
}

static void every_order_is_one(void **state)
{
	static const char *const words[] = {
#define WORD(word) word,
		POOL_ORDERS(WORD)
#undef WORD
	};
	struct pool_choice c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(choice_set(&c, "sort", words[i]), 0);
		assert_int_equal(strlen(choose(c)), N_POOLS);
	}
	assert_int_equal(choice_set(&c, "sort", "beauty"), -EINVAL);
}

static void pools_are_chosen_by_what_they_are(void **state)
{
	(void)state;
	assert_string_equal(choose((struct pool_choice){ .pid = 101 }), "43");
	assert_string_equal(choose((struct pool_choice){ .kind = "worker" }), "5");
	assert_string_equal(choose((struct pool_choice){ .kind = "nonesuch" }), "");
	assert_string_equal(choose((struct pool_choice){ .pool = "db" }), "13");
	assert_string_equal(choose((struct pool_choice){ .pool = "mail/db" }), "3");
	assert_string_equal(choose((struct pool_choice){ .pool = "2" }), "2");
	assert_string_equal(choose((struct pool_choice){ .pool = "*/db" }), "13");
	assert_string_equal(choose((struct pool_choice){ .pool = "api?[2J" }), "6"); /* as it is shown */
	assert_string_equal(choose((struct pool_choice){ .is_sick = true }), "4");
}

static void text_is_looked_for_wherever_a_person_sees_some(void **state)
{
	(void)state;
	assert_string_equal(choose((struct pool_choice){ .text = "SMTP" }), "4");
	assert_string_equal(choose((struct pool_choice){ .text = "0.0.7" }), "4");
	assert_string_equal(choose((struct pool_choice){ .text = "order" }), "12");
	assert_string_equal(choose((struct pool_choice){ .text = "102" }), "56");
	assert_string_equal(choose((struct pool_choice){ .text = "work" }), "5");
	assert_string_equal(choose((struct pool_choice){ .text = "ealth" }), "415263");
	assert_string_equal(choose((struct pool_choice){ .text = "nonesuch" }), "");
	assert_int_equal(chosen.n_chosen, 0);
}

static void a_window_stays_within_what_there_is(void **state)
{
	(void)state;
	assert_string_equal(choose((struct pool_choice){ .limit = 2 }), "41");
	assert_string_equal(choose((struct pool_choice){ .first = 2, .limit = 2 }), "52");
	assert_int_equal(chosen.first, 2);
	assert_int_equal(chosen.n_chosen, N_POOLS);
	assert_string_equal(choose((struct pool_choice){ .first = UINT64_MAX, .limit = 2 }), "63");
	assert_string_equal(choose((struct pool_choice){ .first = 3, .limit = UINT64_MAX }),
			    "415263");
	assert_string_equal(
		choose((struct pool_choice){ .text = "nonesuch", .first = 3, .limit = 2 }), "");
}

static void a_window_follows_a_pool(void **state)
{
	(void)state;
	assert_string_equal(choose((struct pool_choice){ .limit = 2, .around = 2 }), "52");
	assert_string_equal(choose((struct pool_choice){ .limit = 2, .around = 3 }), "63");
	assert_string_equal(choose((struct pool_choice){ .first = 4, .limit = 2, .around = 1 }),
			    "15");
	assert_string_equal(choose((struct pool_choice){ .first = 1, .limit = 3, .around = 5 }),
			    "152");
	assert_string_equal(choose((struct pool_choice){ .limit = 2, .around = 77 }), "41");
}

/* Lines of the window as a reader of the answer puts them together: a group is its letter, and in brackets where only its pools are there. */
static const char *lines(struct pool_choice c)
{
	static char text[256];
	size_t n = 0, next = 0, n_headings = 0;

	choose(c);
	assert_int_equal(choice_check(&c), 0);
	text[0] = '\0';
	for (size_t k = 0; k < chosen.n_groups; k++)
		n_headings += chosen.group[k].line >= 0;
	for (size_t i = 0; i < chosen.n + n_headings; i++) {
		const struct pool_group *g = chosen.group, *end = g + chosen.n_groups;

		while (g < end && g->line != (ptrdiff_t)i)
			g++;
		if (g < end) {
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s:", g->name ? g->name : "-");
			continue;
		}
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d", (int)chosen.row[next]->id);
		assert_true(chosen.in[next++] < chosen.n_groups);
	}
	return text;
}

static void groups_come_in_the_order_of_their_worst_pool(void **state)
{
	(void)state;
	pools[0].service = pools[5].service = "shop.service";
	pools[1].service = "";
	pools[4].service = "a\x1b[2J";
	assert_string_equal(lines((struct pool_choice){ .group = "process" }),
			    "mail:43orders:12web:56");
	assert_int_equal(chosen.n_lines, 9);
	assert_int_equal(chosen.n_chosen, 6);
	assert_int_equal(chosen.group[0].pid, 101);
	assert_string_equal(lines((struct pool_choice){ .group = "process", .order = "process" }),
			    "mail:34orders:12web:56");
	assert_string_equal(lines((struct pool_choice){
				    .group = "process", .order = "pid", .is_reversed = true }),
			    "orders:21mail:43web:65");
	assert_string_equal(lines((struct pool_choice){ .group = "service" }),
			    "-:423shop.service:16a\x1b[2J:5");
	assert_int_equal(chosen.group[0].pid, 0);
	assert_string_equal(lines((struct pool_choice){ .group = "container" }), "-:415263");
	assert_string_equal(lines((struct pool_choice){ .group = "process", .text = "db" }),
			    "orders:1mail:3");
	assert_string_equal(lines((struct pool_choice){ .group = "process", .text = "nonesuch" }),
			    "");
	assert_int_equal(chosen.n_lines, 0);
}

static void a_group_can_be_alone_and_folded(void **state)
{
	(void)state;
	pools[0].service = "a\x1b[2J";
	assert_string_equal(lines((struct pool_choice){ .group = "process", .is_folded = true }),
			    "mail:orders:web:");
	assert_int_equal(chosen.n, 0);
	assert_int_equal(chosen.n_lines, 3);
	assert_int_equal(chosen.n_chosen, 6);
	assert_string_equal(lines((struct pool_choice){ .group = "process", .of = "102" }),
			    "web:56");
	assert_string_equal(lines((struct pool_choice){ .group = "process", .of = "7" }), "");
	assert_string_equal(lines((struct pool_choice){ .group = "service", .of = "a?[2J" }),
			    "a\x1b[2J:1"); /* as it is shown */
	assert_string_equal(lines((struct pool_choice){ .group = "service", .of = "" }), "-:45263");
}

static void a_window_of_groups_has_headings_and_pools(void **state)
{
	struct pool_choice c = { .group = "process", .limit = 3 };

	(void)state;
	assert_string_equal(lines(c), "mail:43");
	c.first = 1; /* the heading is above */
	assert_string_equal(lines(c), "43orders:");
	assert_int_equal(chosen.n_groups, 2);
	assert_int_equal(chosen.group[0].line, -1);
	assert_int_equal(chosen.group[1].line, 2);
	assert_int_equal(chosen.group[1].n_pools, 2);
	c.first = 99;
	assert_string_equal(lines(c), "web:56");
	assert_int_equal(chosen.first, 6);
	c.first = 0;
	c.around = 5;
	assert_string_equal(lines(c), "2web:5");
	c.is_folded = true; /* the pool has no line, but its group has */
	c.limit = 1;
	assert_string_equal(lines(c), "web:");
	assert_int_equal(chosen.first, 2);
	c.around = 77;
	assert_string_equal(lines(c), "mail:");
}

static void a_heading_sums_what_is_known(void **state)
{
	const struct pool_group *g;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pools[i].in_use = 3 + i;
		pools[i].capacity = 10 * (i + 1);
		pools[i].acquires = i ? INT64_MAX : 5;
		pools[i].acquires_per_s = 1.5;
	}
	pools[2].capacity = 7; /* how much of it is used is not known */
	pools[3].capacity = 2;
	lines((struct pool_choice){ .group = "process" });
	g = chosen.group;
	assert_int_equal(g[0].severity, SEVERITY_CRITICAL);
	assert_int_equal(g[0].n_sick, 1);
	assert_int_equal(g[0].capacity, 9);
	assert_int_equal(g[0].pending, 0);
	assert_int_equal(g[0].in_use, UNKNOWN);
	assert_true(g[0].utilization == 0.9);
	assert_true(isnan(g[0].timeouts_per_s));
	assert_int_equal(g[1].severity, SEVERITY_INFO);
	assert_int_equal(g[1].n_sick, 0);
	assert_int_equal(g[1].in_use, 7);
	assert_int_equal(g[1].pending, 3);
	assert_true(fabs(g[1].utilization - (0.5 * 10 + 0.2 * 20) / 30) < 1e-12);
	assert_true(g[1].acquires == INT64_MAX);
	assert_true(g[1].acquires_per_s == 3);
	assert_int_equal(g[2].severity, -1);
	assert_true(isnan(g[2].utilization));
}

/* Against the list without groups: each pool once, under its process; every window is a part of the whole. */
static void any_window_is_a_part_of_all_lines(void **state)
{
	char all[256];

	(void)state;
	snprintf(all, sizeof(all), "%s", lines((struct pool_choice){ .group = "process" }));
	for (uint64_t first = 0; first < 10; first++) {
		for (uint64_t limit = 1; limit < 11; limit++) {
			const char *part = lines((struct pool_choice){
				.group = "process", .first = first, .limit = limit });

			assert_non_null(strstr(all, part));
			assert_int_equal(chosen.n_lines, 9);
			assert_true(chosen.first <= first);
		}
	}
}

static void a_question_is_written_so_that_it_can_be_asked(void **state)
{
	const struct pool_choice c = { .pid = 42,
				       .pool = "a b/é&*",
				       .is_sick = true,
				       .order = "wait",
				       .first = 7,
				       .limit = 40,
				       .around = UINT64_MAX };
	struct buffer text = { 0 };

	(void)state;
	choice_write(&c, &text);
	assert_string_equal(text.data,
			    "?pid=42&pool=a%20b%2F%C3%A9%26%2A&sick=1&sort=wait&first=7&limit=40"
			    "&around=18446744073709551615");
	text.n = 0;
	choice_write(&(struct pool_choice){ .group = "service",
					    .is_folded = true,
					    .of = "",
					    .with_trend = true,
					    .with_summary = true },
		     &text);
	assert_string_equal(text.data, "?sort=worst&group=service&folded=1&of=&trend=1&summary=1");
	text.n = 0;
	choice_write(&(struct pool_choice){ 0 }, &text);
	assert_string_equal(text.data, "?sort=worst");
	buffer_done(&text);
}

static void nonsense_is_no_question(void **state)
{
	static const char *const wrong[][2] = {
		{ "pid", "-1" },      { "pid", "4294967296" }, { "pid", "" },	{ "first", "1e9" },
		{ "limit", "0x10" },  { "sick", "2" },	       { "sort", "" },	{ "reverse", "yes" },
		{ "group", "" },      { "group", "pid" },      { "folded", "" }, { "trend", "60" },
		{ "summary", "-0" },  { "group", "Process" },
		{ "nonesuch", "1" },  { "", "" },	       { "around", " 1" }, { "limit", "99999999999999999999" },
	};
	struct pool_choice c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(choice_set(&c, wrong[i][0], wrong[i][1]), -EINVAL);
	assert_int_equal(choice_set(&c, "limit", "18446744073709551615"), 0);
	assert_true(c.limit == UINT64_MAX);
}

static void parts_must_go_together(void **state)
{
	(void)state;
	assert_int_equal(choice_check(&(struct pool_choice){ 0 }), 0);
	assert_int_equal(choice_check(&(struct pool_choice){ .is_folded = true }), -EINVAL);
	assert_int_equal(choice_check(&(struct pool_choice){ .of = "" }), -EINVAL);
	assert_int_equal(choice_check(&(struct pool_choice){ .group = "process", .of = "mail" }),
			 -EINVAL);
	assert_int_equal(choice_check(&(struct pool_choice){ .group = "process", .of = "" }),
			 -EINVAL);
	assert_int_equal(
		choice_check(&(struct pool_choice){ .group = "process", .of = "4294967397" }),
		-EINVAL);
	assert_int_equal(choice_check(&(struct pool_choice){ .group = "container", .of = "mail" }),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(the_worst_come_first),
		TEST(unknown_numbers_are_last_whichever_way_round),
		TEST(every_order_is_one),
		TEST(pools_are_chosen_by_what_they_are),
		TEST(text_is_looked_for_wherever_a_person_sees_some),
		TEST(a_window_stays_within_what_there_is),
		TEST(a_window_follows_a_pool),
		TEST(groups_come_in_the_order_of_their_worst_pool),
		TEST(a_group_can_be_alone_and_folded),
		TEST(a_window_of_groups_has_headings_and_pools),
		TEST(a_heading_sums_what_is_known),
		TEST(any_window_is_a_part_of_all_lines),
		TEST(parts_must_go_together),
		TEST(a_question_is_written_so_that_it_can_be_asked),
		TEST(nonsense_is_no_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
