/* SPDX-License-Identifier: MIT */
/* json_test.c - the API's answers: all keys are there, unknown is null, hostile text stays text. */
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
#include "api/json.h"
#include "base/buffer.h"
#include "snapshot_fixture.h"

/* Writes it and reads it back, strictly. */
static json_t *round_trip(json_t *json)
{
	json_t *again;
	char *text;

	assert_non_null(json);
	text = json_dumps(json, JSON_COMPACT | API_JSON_FLAGS);
	assert_non_null(text);
	again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(again);
	free(text);
	json_decref(json);
	return again;
}

static json_t *first(json_t *answer, const char *key)
{
	json_t *row = json_array_get(json_object_get(answer, key), 0);

	assert_non_null(row);
	return row;
}

static void assert_keys(const json_t *o, const char *words)
{
	char key[64];
	int n;

	while (sscanf(words, "%63s%n", key, &n) == 1) {
		if (!json_object_get(o, key))
			fail_msg("there is no key %s", key);
		words += n;
	}
}

static const char contract_keys[] =
	"id name kind source library pid process service container_id endpoint capacity capacity_basis in_use idle pending "
	"utilization saturated_seconds in_use_seconds capacity_seconds acquires releases timeouts rejections opened open_failures "
	"closed reuse_ratio stalled_seconds oldest_wait_seconds oldest_hold_seconds wait hold create confidence evidence trusted "
	"verdict findings";

static void a_pool_has_all_keys_of_the_contract(void **state)
{
	struct snapshot *s = fixture_full();
	json_t *answer = round_trip(encode_pools(s)), *pool = first(answer, "pools");

	(void)state;
	assert_keys(pool, contract_keys);
	assert_keys(json_object_get(pool, "wait"),
		    "count sum_seconds p50_seconds p90_seconds p99_seconds max_seconds");
	assert_string_equal(json_string_value(json_object_get(pool, "kind")), "connection");
	assert_int_equal(json_integer_value(json_object_get(pool, "acquires")), 10007);
	assert_true(json_real_value(json_object_get(pool, "oldest_wait_seconds")) == 0.25);
	assert_true(json_real_value(json_object_get(pool, "since_seconds")) == 10);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(pool, "outcomes"), "timeout")),
		13);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(pool, "closed_by"),
							    "idle_timeout")),
			 81);
	assert_int_equal(json_array_size(json_object_get(pool, "findings")), 1);
	assert_null(json_object_get(pool, "holders"));
	json_decref(answer);
	snapshot_unref(s);
}

static void what_is_unknown_is_null_and_never_0(void **state)
{
	static const char *const unknown[] = {
		"capacity",
		"in_use",
		"idle",
		"pending",
		"utilization",
		"saturated_seconds",
		"in_use_seconds",
		"capacity_seconds",
		"acquires",
		"releases",
		"timeouts",
		"rejections",
		"opened",
		"open_failures",
		"closed",
		"reuse_ratio",
		"stalled_seconds",
		"stall_backlog_seconds",
		"stalled_hold_seconds",
		"oldest_wait_seconds",
		"oldest_hold_seconds",
		"wait",
		"hold",
		"create",
		"library",
		"service",
		"container_id",
		"endpoint",
		"outcomes",
		"closed_by",
		"open_failures_by",
		"closed_idle",
		"idle_before_close_seconds",
		"close_wait",
		"oldest_close_wait_seconds",
		"rejected_by",
		"accept_queue",
		"min_idle",
		"open",
		"mean_in_use",
	};
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	json_t *answer, *pool;

	(void)state;
	pools[0] = fixture_unknown_pool(1);
	answer = round_trip(encode_pools(s));
	pool = first(answer, "pools");
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		if (!json_is_null(json_object_get(pool, unknown[i])))
			fail_msg("%s is not null", unknown[i]);
	}
	json_decref(answer);
	snapshot_unref(s);
}

static void an_empty_histogram_has_a_count_and_no_quantiles(void **state)
{
	static const struct hist none;
	struct pool_row *pools;
	struct snapshot *s = fixture_new(1, &pools);
	json_t *answer, *wait;

	(void)state;
	pools[0] = fixture_known_pool(1, &none, &none);
	answer = round_trip(encode_pools(s));
	wait = json_object_get(first(answer, "pools"), "wait");
	assert_int_equal(json_integer_value(json_object_get(wait, "count")), 0);
	assert_true(json_is_null(json_object_get(wait, "p99_seconds")));
	assert_true(json_is_null(json_object_get(wait, "max_seconds")));
	json_decref(answer);
	snapshot_unref(s);
}

struct pieces {
	struct buffer text;
	size_t most;	/* then it says no */
};

static int take_piece(const char *data, size_t n, void *context)
{
	struct pieces *p = context;

	if (p->text.n + n > p->most)
		return -1;
	buffer_add(&p->text, data, n);
	return 0;
}

static void assert_written_as_one(const struct snapshot *s)
{
	json_t *tree = encode_pools(s);
	char *whole = json_dumps(tree, JSON_COMPACT | API_JSON_FLAGS);
	struct pieces p = { .most = SIZE_MAX / 2 };

	assert_int_equal(write_pools(s, take_piece, &p), 0);
	assert_string_equal(p.text.data, whole);
	for (p.most = 0; p.most < strlen(whole); p.most += 1 + p.most / 23) {
		buffer_done(&p.text);
		assert_int_not_equal(write_pools(s, take_piece, &p), 0);
	}
	buffer_done(&p.text);
	free(whole);
	json_decref(tree);
}

static void assert_chosen_are_written_as_one(const struct snapshot *s, struct pool_choice c)
{
	json_t *tree = encode_pools_chosen(s, &c);
	char *whole = json_dumps(tree, JSON_COMPACT | API_JSON_FLAGS);
	struct pieces p = { .most = SIZE_MAX / 2 };

	assert_int_equal(write_pools_chosen(s, &c, take_piece, &p), 0);
	assert_string_equal(p.text.data, whole);
	p.most = strlen(whole) - 1;
	p.text.n = 0;
	assert_int_not_equal(write_pools_chosen(s, &c, take_piece, &p), 0);
	buffer_done(&p.text);
	free(whole);
	json_decref(tree);
}

static void pools_are_written_one_by_one_as_they_are_in_one_object(void **state)
{
	struct pool_row *pools;
	struct snapshot *s = fixture_full();

	(void)state;
	assert_written_as_one(s);
	assert_chosen_are_written_as_one(s, (struct pool_choice){ 0 });
	assert_chosen_are_written_as_one(s, (struct pool_choice){ .first = 1, .limit = 1 });
	assert_chosen_are_written_as_one(s, (struct pool_choice){ .text = "nonesuch" });
	assert_chosen_are_written_as_one(s, (struct pool_choice){ .group = "service",
								  .with_trend = true,
								  .with_summary = true });
	assert_chosen_are_written_as_one(
		s, (struct pool_choice){ .group = "process", .is_folded = true });
	snapshot_unref(s);
	s = fixture_new(3, &pools);
	assert_written_as_one(s);
	snapshot_unref(s);
	s = fixture_new(0, &pools);
	assert_written_as_one(s);
	snapshot_unref(s);
}

static void groups_come_beside_their_pools(void **state)
{
	static const struct pool_choice c = { .group = "process" };
	struct snapshot *s = fixture_full();
	json_t *answer, *group;

	(void)state;
	answer = round_trip(encode_pools_chosen(s, &c));
	assert_keys(answer, "pools first chosen chosen_pools total groups");
	group = first(answer, "groups");
	assert_keys(group,
		    "by name pid line pools sick in_use capacity pending utilization acquires "
		    "timeouts acquires_per_second timeouts_per_second severity");
	assert_string_equal(json_string_value(json_object_get(group, "name")), "orders");
	assert_string_equal(json_string_value(json_object_get(group, "severity")), "warning");
	assert_int_equal(json_integer_value(json_object_get(group, "line")), 0);
	assert_int_equal(json_integer_value(json_object_get(group, "acquires")), 10007);
	assert_int_equal(json_integer_value(json_object_get(answer, "chosen")), 2);
	assert_int_equal(json_integer_value(json_object_get(answer, "chosen_pools")), 1);
	assert_int_equal(json_integer_value(json_object_get(first(answer, "pools"), "group")), 0);
	json_decref(answer);
	answer = round_trip(encode_pools_chosen(s, &(struct pool_choice){ 0 }));
	assert_null(json_object_get(answer, "groups"));
	assert_null(json_object_get(answer, "chosen_pools"));
	assert_null(json_object_get(answer, "summary"));
	assert_null(json_object_get(first(answer, "pools"), "trend"));
	json_decref(answer);
	snapshot_unref(s);
}

static void a_trend_has_null_where_nothing_is_known(void **state)
{
	static const struct pool_choice c = { .with_trend = true };
	static uint8_t level[TREND_STEPS];
	struct pool_row *pools;
	struct snapshot *s = fixture_new(2, &pools);
	json_t *answer, *trend;

	(void)state;
	memset(level, TREND_UNKNOWN, sizeof(level));
	level[TREND_STEPS - 3] = 0;
	level[TREND_STEPS - 2] = 83;
	level[TREND_STEPS - 1] = 250;
	pools[0] = fixture_known_pool(1, NULL, NULL);
	pools[0].trend = level;
	pools[1] = fixture_unknown_pool(2);
	answer = round_trip(encode_pools_chosen(s, &c));
	trend = json_object_get(first(answer, "pools"), "trend");
	assert_int_equal(json_array_size(trend), TREND_STEPS);
	assert_true(json_is_null(json_array_get(trend, TREND_STEPS - 4)));
	assert_true(json_real_value(json_array_get(trend, TREND_STEPS - 3)) == 0);
	assert_true(json_real_value(json_array_get(trend, TREND_STEPS - 2)) == 0.332);
	assert_true(json_real_value(json_array_get(trend, TREND_STEPS - 1)) == 1);
	trend = json_object_get(json_array_get(json_object_get(answer, "pools"), 1), "trend");
	assert_int_equal(json_array_size(trend), TREND_STEPS);
	for (size_t i = 0; i < TREND_STEPS; i++)
		assert_true(json_is_null(json_array_get(trend, i)));
	json_decref(answer);
	snapshot_unref(s);
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void the_summary_is_of_all_whatever_is_chosen(void **state)
{
	static const struct pool_choice c = { .text = "nonesuch", .with_summary = true };
	struct snapshot *s = fixture_full();
	json_t *answer, *sum;

	(void)state;
	s->pace = (struct pace){ .uptime_s = 12.5, .cpu_share = 0.25, .events_per_s = NAN };
	s->agent.losses[PS_LOSS_stacks_failed] = 4;
	answer = round_trip(encode_pools_chosen(s, &c));
	sum = json_object_get(answer, "summary");
	assert_keys(sum,
		    "host version time uptime_seconds agent losses findings pools sick processes");
	assert_true(number(sum, "uptime_seconds") == 12.5);
	assert_true(number(sum, "time") == 1764000000);
	assert_true(number(sum, "losses") == 7);
	assert_true(number(sum, "pools") == 1);
	assert_true(number(sum, "sick") == 1);
	assert_true(number(sum, "processes") == 1);
	assert_true(number(json_object_get(sum, "findings"), "critical") == 0); /* it has ended */
	assert_true(number(json_object_get(sum, "findings"), "warning") == 1);
	assert_true(number(json_object_get(sum, "findings"), "info") == 0);
	assert_true(number(json_object_get(sum, "agent"), "cpu_share") == 0.25);
	assert_true(number(json_object_get(sum, "agent"), "resident_bytes") == 5 << 20);
	assert_true(
		json_is_null(json_object_get(json_object_get(sum, "agent"), "events_per_second")));
	json_decref(answer);
	snapshot_unref(s);
}

static void one_pool_comes_with_its_holders_and_waiters(void **state)
{
	struct snapshot *s = fixture_full();
	json_t *pool, *holder;

	(void)state;
	assert_int_equal(encode_path(s, API_PREFIX "pools/1", &pool), 0);
	pool = round_trip(pool);
	assert_keys(pool, contract_keys);
	assert_int_equal(json_array_size(json_object_get(pool, "holders")), 2);
	holder = first(pool, "holders");
	assert_string_equal(json_string_value(json_object_get(holder, "item")),
			    "0xffff800012345678");
	assert_string_equal(json_string_value(json_object_get(holder, "thread")),
			    "http-nio-8080-e");
	assert_true(json_is_true(json_object_get(holder, "is_thread_gone")));
	assert_true(json_is_null(json_object_get(first(pool, "waiters"), "thread")));
	json_decref(pool);
	snapshot_unref(s);
}

/* Of a goroutine another one than of the thread that it was on when it took the item. */
static void a_holder_has_the_stack_that_is_its_own(void **state)
{
	static const char *const frames[] = { "poll (libc.so.6)",
					      "f\033[2J (orders) at main.c:12" };
	static const struct stack_row stacks[] = {
		{ .pid = 4242, .tid = 4250, .goroutine = 0xc000000180, .state = "parked" },
		{ .pid = 4243, .tid = 4250, .state = "stopped" },
		{ .pid = 4242,
		  .tid = 4250,
		  .on_tid = 4250,
		  .age_ns = 500000000,
		  .state = "sleeping",
		  .waits_for = "data from 127.0.0.1:5432 (fd 7)",
		  .frames = frames,
		  .n_frames = 2 },
	};
	struct snapshot *s = fixture_full();
	json_t *pool, *stack;

	(void)state;
	s->stacks = stacks;
	s->n_stacks = 3;
	pool = round_trip(encode_pool(s, &s->pools[0]));
	stack = json_object_get(first(pool, "holders"), "stack");
	assert_true(json_is_null(json_object_get(first(pool, "holders"), "waits_in")));
	assert_string_equal(json_string_value(json_object_get(stack, "state")), "sleeping");
	assert_true(json_number_value(json_object_get(stack, "age_seconds")) == 0.5);
	assert_true(json_is_null(json_object_get(stack, "goroutine")));
	assert_true(json_is_null(json_object_get(stack, "problem")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(stack, "frames"), 1)),
			    "f?[2J (orders) at main.c:12");
	assert_true(json_is_null(json_object_get(first(pool, "waiters"), "stack")));
	json_decref(pool);
	snapshot_unref(s);
}

static void one_pool_has_the_buckets_of_its_histograms(void **state)
{
	struct snapshot *s = fixture_full();
	const struct hist *h = s->pools[0].wait;
	const json_t *pair, *buckets;
	json_t *pool;
	uint64_t sum = 0;
	size_t i;

	(void)state;
	assert_int_equal(encode_path(s, API_PREFIX "pools/1", &pool), 0);
	pool = round_trip(pool);
	buckets = json_object_get(json_object_get(pool, "wait"), "buckets");
	assert_true(json_array_size(buckets) > 0);
	json_array_foreach (buckets, i, pair) {
		double upper_s = json_number_value(json_array_get(pair, 0));
		uint64_t n = (uint64_t)json_integer_value(json_array_get(pair, 1));

		assert_true(n > 0);
		assert_int_equal(hist_get(h, hist_bucket_ns((uint64_t)(0.96e9 * upper_s))), n);
		sum += n;
	}
	assert_int_equal(sum, h->count);
	json_decref(pool);
	snapshot_unref(s);
}

static void what_is_gone_is_not_among_the_pools(void **state)
{
	struct snapshot *s = fixture_full();
	json_t *before = encode_pools(s), *after;

	(void)state;
	s->retired = s->pools;
	s->n_retired = 1;
	after = encode_pools(s);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	snapshot_unref(s);
}

static void hostile_names_stay_valid_and_are_cut(void **state)
{
	static const char *const name[] = {
		"a\"b\\c\nd",          "\xff\xfe\xc0\xaf", "\033]0;owned\007",
		"\xe2\x80\xaegnp.exe", "</script>",        "\xed\xa0\x80",
	};
	char *huge = malloc(65537);
	struct pool_row *pools;
	struct snapshot *s = fixture_new(7, &pools);
	json_t *answer, *pool;
	size_t i;

	(void)state;
	memset(huge, 'x', 65536);
	huge[65536] = '\0';
	for (i = 0; i < 7; i++) {
		pools[i] = fixture_unknown_pool(i + 1);
		pools[i].name = pools[i].process = pools[i].endpoint = pools[i].verdict =
			i < 6 ? name[i] : huge;
	}
	answer = round_trip(encode_pools(s));
	json_array_foreach (json_object_get(answer, "pools"), i, pool) {
		const char *clean = json_string_value(json_object_get(pool, "name"));

		assert_true(strlen(clean) < 128);
		assert_null(strpbrk(clean, "\n\033\007"));
	}
	json_decref(answer);
	snapshot_unref(s);
	free(huge);
}

static void a_lock_has_its_waits_and_a_clean_stack(void **state)
{
	struct snapshot *s = fixture_full();
	json_t *answer = round_trip(encode_locks(s)), *lock = first(answer, "locks");

	(void)state;
	assert_keys(lock,
		    "pid process lock symbol address wait timeouts waiting oldest_wait_seconds "
		    "waits_per_second mean_waiting stack");
	assert_string_equal(json_string_value(json_object_get(lock, "lock")), "orders:the_lock");
	assert_string_equal(json_string_value(json_object_get(lock, "address")),
			    "0xffff800012345678");
	assert_true(json_is_null(json_object_get(lock, "waits_per_second")));
	assert_null(
		strchr(json_string_value(json_array_get(json_object_get(lock, "stack"), 1)), '\n'));
	json_decref(answer);
	((struct lock_row *)s->locks)->name = NULL;
	answer = round_trip(encode_locks(s));
	lock = first(answer, "locks");
	assert_string_equal(json_string_value(json_object_get(lock, "lock")), "0xffff800012345678");
	assert_true(json_is_null(json_object_get(lock, "symbol")));
	json_decref(answer);
	snapshot_unref(s);
}

static void where_an_item_was_taken_stands_with_its_holder(void **state)
{
	static const char *const frames[] = { "take\033 (orders) at main.c:12" };
	static const struct stack_row stacks[] = {
		{ .pid = 4242, .pool = 9, .item = 1, .taken_ns = 49, .place = "before" },
		{ .pid = 4242, .pool = 8, .item = 1, .taken_ns = 50, .place = "of another pool" },
		{ .pid = 4242, .pool = 9, .item = 2, .taken_ns = 50, .place = "another" },
		{ .pid = 4242,
		  .pool = 9,
		  .item = 1,
		  .taken_ns = 50,
		  .thread = "load-1",
		  .place = "take < main",
		  .frames = frames,
		  .n_frames = 1 },
	};
	static const uint64_t items[] = { 3, 1 };
	struct ref_row holders[] = { { .id = 2, .since_ns = 20, .tid = 7 },
				     { .id = 3, .since_ns = 30, .tid = 8 },
				     { .id = 1, .since_ns = 50, .tid = 9 } };
	struct snapshot *s = fixture_full();
	struct pool_row *p = (struct pool_row *)s->pools;
	struct finding_row *f = (struct finding_row *)s->findings;
	json_t *answer, *list, *stack;

	(void)state;
	s->stacks = stacks;
	s->n_stacks = 4;
	p->key.pool = 9;
	p->holders = holders;
	p->n_holders = 3;
	f->items = items;
	f->n_items = 2;
	answer = round_trip(encode_findings(s));
	list = json_object_get(first(answer, "findings"), "holders");
	assert_int_equal(json_array_size(list), 2); /* those that it is about */
	assert_true(json_is_null(json_object_get(json_array_get(list, 0), "acquire_stack")));
	stack = json_object_get(json_array_get(list, 1), "acquire_stack");
	assert_keys(stack, "thread place problem frames is_cut");
	assert_string_equal(json_string_value(json_object_get(stack, "place")), "take < main");
	assert_string_equal(json_string_value(json_object_get(stack, "thread")), "load-1");
	assert_string_equal(json_string_value(json_array_get(json_object_get(stack, "frames"), 0)),
			    "take? (orders) at main.c:12");
	json_decref(answer);
	snapshot_unref(s);
}

static void findings_stalls_status_and_probes_have_the_keys_of_the_contract(void **state)
{
	struct snapshot *s = fixture_full();
	json_t *answer = round_trip(encode_findings(s));

	(void)state;
	assert_keys(
		first(answer, "findings"),
		"id type severity state pid process pool since until text advice evidence holders");
	assert_int_equal(json_array_size(json_object_get(first(answer, "findings"), "holders")), 2);
	assert_int_equal(
		json_array_size(json_object_get(
			json_array_get(json_object_get(answer, "findings"), 1), "holders")),
		0);
	assert_true(json_is_null(json_object_get(first(answer, "findings"), "until")));
	json_decref(answer);
	answer = round_trip(encode_stalls(s));
	assert_int_equal(json_array_size(json_object_get(answer, "stalls")), 0);
	assert_true(json_is_array(json_object_get(answer, "stalls")));
	json_decref(answer);
	answer = round_trip(encode_status(s));
	assert_keys(answer, "version host agent checks tables losses");
	assert_int_equal(json_array_size(json_object_get(answer, "losses")), PS_LOSS_COUNT);
	assert_keys(first(answer, "losses"), "kind count text");
	assert_true(
		json_is_null(json_object_get(json_object_get(answer, "agent"), "bpf_run_seconds")));
	json_decref(answer);
	answer = round_trip(encode_probes(s));
	assert_keys(
		first(answer, "probes"),
		"file provider probe offset verb method attached hits errors cost_ns stacks stack_cost_ns problem processes");
	json_decref(answer);
	snapshot_unref(s);
}

static void paths_that_do_not_exist_are_refused(void **state)
{
	static const char *const path[] = {
		"",
		"/",
		API_PREFIX,
		API_PREFIX "pool",
		API_PREFIX "pools/",
		API_PREFIX "pools/2",
		API_PREFIX "pools/-1",
		API_PREFIX "pools/+1",
		API_PREFIX "pools/1x",
		API_PREFIX "pools/99999999999999999999999",
		API_PREFIX "pools/1/x",
	};
	struct snapshot *s = fixture_full();
	json_t *answer = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++)
		assert_int_equal(encode_path(s, path[i], &answer), -ENOENT);
	assert_null(answer);
	snapshot_unref(s);
}

/* jansson allocates by a function that can be replaced: make each one fail in turn. */
static int n_until_failure;

static void *failing_malloc(size_t n)
{
	return n_until_failure-- > 0 ? malloc(n) : NULL;
}

static void each_failing_allocation_gives_null_and_leaks_nothing(void **state)
{
	static const struct pool_choice c = { .group = "process",
					      .with_trend = true,
					      .with_summary = true };
	struct snapshot *s = fixture_full();
	int n_failed = 0;

	(void)state;
	for (int n = 0; n < 2000; n++) {
		json_t *pool, *status, *chosen;

		json_set_alloc_funcs(failing_malloc, free);
		n_until_failure = n;
		pool = encode_pool(s, &s->pools[0]);
		if (!pool)
			n_failed++;
		n_until_failure = n;
		status = encode_status(s);
		n_until_failure = n;
		chosen = encode_pools_chosen(s, &c);
		if (!chosen)
			n_failed++;
		json_set_alloc_funcs(malloc, free);
		json_decref(chosen);
		json_decref(status);
		json_decref(pool);
	}
	assert_true(n_failed > 200 && n_failed < 3999);
	snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_has_all_keys_of_the_contract),
		cmocka_unit_test(what_is_unknown_is_null_and_never_0),
		cmocka_unit_test(an_empty_histogram_has_a_count_and_no_quantiles),
		cmocka_unit_test(pools_are_written_one_by_one_as_they_are_in_one_object),
		cmocka_unit_test(groups_come_beside_their_pools),
		cmocka_unit_test(a_trend_has_null_where_nothing_is_known),
		cmocka_unit_test(the_summary_is_of_all_whatever_is_chosen),
		cmocka_unit_test(one_pool_comes_with_its_holders_and_waiters),
		cmocka_unit_test(where_an_item_was_taken_stands_with_its_holder),
		cmocka_unit_test(a_holder_has_the_stack_that_is_its_own),
		cmocka_unit_test(one_pool_has_the_buckets_of_its_histograms),
		cmocka_unit_test(what_is_gone_is_not_among_the_pools),
		cmocka_unit_test(hostile_names_stay_valid_and_are_cut),
		cmocka_unit_test(a_lock_has_its_waits_and_a_clean_stack),
		cmocka_unit_test(findings_stalls_status_and_probes_have_the_keys_of_the_contract),
		cmocka_unit_test(paths_that_do_not_exist_are_refused),
		cmocka_unit_test(each_failing_allocation_gives_null_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
