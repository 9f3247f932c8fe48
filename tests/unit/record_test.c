/* SPDX-License-Identifier: MIT */
/*
 * record_test.c - what is recorded is what was there: a host is made up tick by tick, recorded, and played again; and files that were cut, altered
 * or made by somebody else are refused with the offset.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "api/choice.h"
#include "api/json.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "detect/detect.h"
#include "model/model.h"
#include "model/pace.h"
#include "record/block.h"
#include "record/file.h"
#include "record/player.h"
#include "record/recorder.h"
#include "base/squeeze.h"
#include "record/tick.h"

#define S 1000000000ll
#define MS 1000000ll

static uint64_t seed;

static uint64_t any(uint64_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (seed >> 33) % below;
}

/* ---- squeezing ------------------------------------------------------------------------------------------------------------ */

static void what_was_squeezed_comes_back(void **state)
{
	(void)state;
	seed = 1;
	for (int i = 0; i < 2000; i++) {
		unsigned char a[300], b[300], out[SQUEEZED_MOST(300)], back[300];
		size_t n = any(sizeof(a) + 1), n_out;
		struct bytes in;

		for (size_t j = 0; j < n; j++) {
			b[j] = (unsigned char)any(3);
			a[j] = any(8) ? b[j] : (unsigned char)any(256);
		}
		n_out = squeeze(a, i % 2 ? b : NULL, n, out);
		assert_true(n_out <= SQUEEZED_MOST(n));
		memcpy(back, b, n);
		if (!(i % 2))
			memset(back, 0, n);
		in = (struct bytes){ .at = out, .end = out + n_out };
		unsqueeze(&in, back, n);
		assert_false(in.is_bad);
		assert_ptr_equal(in.at, in.end);
		if (n)
			assert_memory_equal(back, a, n);
	}
}

static void what_is_squeezed_into_too_little_is_bad(void **state)
{
	unsigned char a[64], out[SQUEEZED_MOST(64)], back[64] = { 0 };
	struct bytes in = { .at = out };

	(void)state;
	memset(a, 7, sizeof(a));
	in.end = out + squeeze(a, NULL, sizeof(a), out);
	unsqueeze(&in, back, sizeof(back) - 1);
	assert_true(in.is_bad);
	for (size_t i = 0; i < sizeof(back); i++)
		assert_int_equal(back[i], 0);
}

/* ---- a host that is made up ------------------------------------------------------------------------------------------------- */

#define POOLS 7
#define ITEMS 5

struct host {
	struct model *model;
	struct detect *detect;
	struct recorder *recorder;
	int64_t t_ns;
	struct ps_pool books[POOLS], fed[POOLS]; /* as the model has them */
	uint64_t n_quiet; /* to which nothing had happened, and that were not fed */
	struct ps_hists hists[POOLS];
	bool is_out[POOLS][ITEMS];
	uint64_t since_ns[POOLS][ITEMS];
	uint64_t n_waiting[POOLS];
	struct ps_endpoint endpoint;
	struct ps_wire wire;
	struct ps_standstill standstill;
	struct ps_hist stalls;
	struct ps_lock lock;
	const struct snapshot *snapshot;
	uint64_t ticks;
	struct pace_mark pace;
};

static const struct detect_limits limits = { .leak_ns = 5 * S, .wait_ns = 1 * S };

static struct ps_proc_key proc_of(size_t pool)
{
	return (struct ps_proc_key){ .tgid = 100 + (uint32_t)pool % 3, .incarnation = 5 };
}

static struct ps_pool_key key_of(size_t pool)
{
	return (struct ps_pool_key){ .pool = 0x7f0000001000 + pool * 64, .proc = proc_of(pool) };
}

static struct ps_endpoint_key endpoint_key(void)
{
	struct ps_endpoint_key key = { .proc = proc_of(0), .role = PS_SOCK_CONNECT, .netns = 9 };

	key.addr.family = 10;
	key.addr.port = 5432;
	key.addr.ip[15] = 1;
	return key;
}

static void host_begin(struct host *h, int64_t keep_ns, size_t keep_bytes)
{
	const struct recorder_limits l = { .keep_ns = keep_ns, .keep_bytes = keep_bytes };

	memset(h, 0, sizeof(*h));
	seed = 42;
	h->t_ns = 1000 * S;
	h->model = model_new();
	assert_non_null(h->model);
	assert_int_equal(detect_new(&limits, &h->detect), 0);
	assert_int_equal(recorder_new(h->model, &l, &h->recorder), 0);
	for (size_t i = 0; i < POOLS; i++) {
		h->books[i].since_ns = 1000 * S;
		h->books[i].kind = PS_KIND_connection;
		h->books[i].capacity = ITEMS;
		h->books[i].capacity_since_ns = 1000 * S;
		snprintf(h->books[i].name, sizeof(h->books[i].name), "db-%zu", i);
	}
	h->lock.word = 0x55550000;
	h->lock.id = 1;
	h->lock.proc = proc_of(1);
	h->lock.flags = PS_LOCK_SURE | PS_LOCK_SHARED;
}

static void host_end(struct host *h)
{
	snapshot_unref(h->snapshot);
	recorder_free(h->recorder);
	detect_free(h->detect);
	model_free(h->model);
}

static void take(struct host *h, size_t pool, size_t item, int64_t t_ns)
{
	struct ps_pool *b = &h->books[pool];

	h->is_out[pool][item] = true;
	h->since_ns[pool][item] = (uint64_t)t_ns;
	b->leases_begun++;
	b->acquires++;
	b->use_sum -= (uint64_t)t_ns;
}

static void give_back(struct host *h, size_t pool, size_t item, int64_t t_ns)
{
	struct ps_pool *b = &h->books[pool];
	uint64_t held_ns = (uint64_t)t_ns - h->since_ns[pool][item];

	h->is_out[pool][item] = false;
	b->leases_ended++;
	b->releases++;
	b->use_sum += (uint64_t)t_ns;
	h->hists[pool].h[PS_HIST_HOLD].bucket[hist_bucket_ns(held_ns)]++;
	h->hists[pool].h[PS_HIST_HOLD].sum_ns += held_ns;
	if (held_ns > h->hists[pool].h[PS_HIST_HOLD].max_ns)
		h->hists[pool].h[PS_HIST_HOLD].max_ns = held_ns;
	assert_int_equal(model_feed_story(h->model, &(struct ps_story){ .kind = PS_STORY_HOLD,
									.verb = PS_VERB_released,
									.t_ns = (uint64_t)t_ns,
									.pool = key_of(pool),
									.duration_ns = held_ns,
									.tid = 500 + (uint32_t)item,
									.comm = "load\n" }),
			 0);
}

/* Pool 0 is idle, pool 1 leaks, pool 2 is full with callers that wait, the rest works at random. */
static void host_works(struct host *h)
{
	for (size_t i = 1; i < POOLS; i++) {
		for (size_t k = 0; k < ITEMS; k++) {
			int64_t t_ns = h->t_ns - (int64_t)any(900) * MS;

			if (i == 1 && k < 2 && h->is_out[i][k])
				continue;
			if (h->is_out[i][k] && (i != 2 || any(3)))
				give_back(h, i, k, t_ns);
			if (!h->is_out[i][k] && (any(2) || i <= 2))
				take(h, i, k, t_ns + 50 * MS);
		}
	}
	h->books[2].waits_begun += h->ticks == 1 ? 2 : 0;
	if (h->ticks == 1)
		h->books[2].wait_begin_sum += 2 * (uint64_t)h->t_ns;
	h->books[2].saturated_ns = h->ticks * (uint64_t)S * 99 / 100;
	h->n_waiting[2] = h->ticks ? 2 : 0;
	h->endpoint.open = 3 + (int64_t)any(3);
	h->endpoint.opened += any(2);
	h->wire.requests += any(100);
	h->standstill.stood_ns += any(2) * 300 * MS;
	h->standstill.cause = PS_STALL_gc;
	h->standstill.since_ns = h->ticks % 4 == 3 ? (uint64_t)(h->t_ns - 100 * MS) : 0;
	h->stalls.bucket[100 + any(8)]++;
	h->stalls.sum_ns += 700 * MS;
	h->lock.wait.bucket[90 + any(5)] += 3;
	h->lock.wait.sum_ns += 3 * MS;
}

static bool has_changed(const struct host *h, size_t i)
{
	return memcmp(&h->fed[i], &h->books[i], sizeof(h->fed[i])) != 0;
}

static void feed_pool(struct host *h, size_t i)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct ps_pool_key key = key_of(i);

	extra.library = i % 2 ? "HikariCP" : NULL;
	if (!has_changed(h, i) && model_feed_quiet(h->model, &key)) {
		h->n_quiet++;
		return;
	}
	h->fed[i] = h->books[i];
	if (i == 5 && h->ticks % 3 == 2)
		model_keep_pool(h->model, &key);
	else
		assert_int_equal(model_feed_pool(h->model, &key, &h->books[i], &extra,
						 h->t_ns + (int64_t)any(2000)),
				 0);
	if (model_wants_hists(h->model, &key))
		model_feed_hists(h->model, &key, &h->hists[i]);
}

static void feed_refs(struct host *h, size_t i)
{
	for (size_t k = 0; k < ITEMS; k++) {
		struct ps_ref_key key = { .pool = key_of(i), .id = 0xc0000 + k };
		struct ps_lease lease = { .since_ns = h->since_ns[i][k],
					  .waiter = 500 + k,
					  .tid = 500 + (uint32_t)k,
					  .state = PS_LEASE_HELD };

		if (h->is_out[i][k])
			model_feed_lease(h->model, &key, &lease);
	}
	for (size_t k = 0; k < h->n_waiting[i]; k++) {
		struct ps_ref_key key = { .pool = key_of(i), .id = 900 + k };
		struct ps_waiter waiter = { .since_ns = 1001 * S, .tid = 900 + (uint32_t)k };

		model_feed_waiter(h->model, &key, &waiter);
	}
}

static void feed_rest(struct host *h)
{
	const struct ps_endpoint_key at = endpoint_key();
	const struct ps_proc_key stands = proc_of(2);
	const struct ps_stall_key key = { .proc = stands, .cause = PS_STALL_gc };
	const struct ps_stall_key counted = { .proc = proc_of(0), .cause = PS_STALL_safepoint };
	const char *const place[] = { "cache_get (app)", "main (app)" };
	struct ps_sock sock = { .endpoint = at,
				.since_ns = 7,
				.role = PS_SOCK_CONNECT,
				.state = PS_SOCK_PEER_CLOSED,
				.wire = 1 };

	model_feed_endpoint(h->model, &at, &h->endpoint, false, UNKNOWN, UNKNOWN, h->t_ns);
	model_feed_wire(h->model, &at, &h->wire);
	model_feed_standstill(h->model, &stands, &h->standstill);
	model_feed_stalls(h->model, &key, &h->stalls);
	model_feed_counted_stalls(h->model, &counted, 2, 0.25);
	model_feed_lock(h->model, &h->lock, 1, h->t_ns - 5 * MS);
	if (model_wants_lock_name(h->model, &h->lock))
		model_name_lock(h->model, &h->lock, "app:the_lock");
	h->lock.stack_ns = 1000 * S;
	if (model_wants_lock_stack(h->model, &h->lock))
		model_feed_lock_stack(h->model, &h->lock, place, 2);
	model_feed_socket(h->model, &sock);
	model_feed_socket(h->model, &sock); /* another one of the same moment */
}

static void name_thread(void *context, uint32_t tgid, uint32_t tid, char ret[PS_COMM_MAX],
			bool *ret_gone)
{
	struct host *h = context;
	const struct record_thread_key key = { .pid = tgid, .tid = tid };
	struct record_thread t = { .is_gone = tid == 501 && h->ticks > 8 };

	snprintf(ret, PS_COMM_MAX, "load-%u", tid);
	*ret_gone = t.is_gone;
	memcpy(t.name, ret, PS_COMM_MAX);
	recorder_put(h->recorder, RECORD_thread, &key, &t, NULL, 0);
}

static bool thread_facts(void *context, int32_t pid, uint32_t tid, struct thread_facts *ret)
{
	struct host *h = context;
	const struct record_thread_key key = { .pid = (uint32_t)pid, .tid = tid };
	struct record_facts r = { .cpu_ns = h->ticks * 1000, .n_runs = h->ticks, .is_known = 1 };

	ret->cpu_ns = r.cpu_ns;
	ret->n_runs = r.n_runs;
	recorder_put(h->recorder, RECORD_facts, &key, &r, NULL, 0);
	return true;
}

static void put_rest(struct host *h, const struct snapshot *s)
{
	struct record_text text = { .n = 0 };

	recorder_put(h->recorder, RECORD_moment, NULL,
		     &(struct record_moment){
			     .seq = s->seq, .wall_ns = s->wall_ns, .window_s = s->window_s },
		     NULL, 0);
	record_text_add(&text, s->host);
	record_text_add(&text, s->version);
	recorder_put(
		h->recorder, RECORD_machine, NULL,
		&(struct record_machine){ .leak_ns = limits.leak_ns, .wait_ns = limits.wait_ns },
		text.bytes, text.n);
	recorder_put(h->recorder, RECORD_agent, NULL, &s->agent, NULL, 0);
}

/* Another thing each time, and of the text of one nothing is known. */
static void says(struct host *h, const struct ps_proc_key *key)
{
	char value[32];
	const struct attribute_row rows[] = { { .key = "tick", .value = value },
					      { .key = "empty", .value = "" } };

	snprintf(value, sizeof(value), "%d", (int)h->ticks);
	assert_int_equal(
		model_feed_resource(h->model, key,
				    &(struct process_resource){
					    .service_name = h->ticks > 12 ? "billing" : NULL,
					    .attributes = rows,
					    .n_attributes = 2 }),
		0);
}

/* Those that have changed come first, but now and then, and where all are to be fed. */
static void feed_pools(struct host *h)
{
	bool is_first[POOLS];

	for (size_t i = 0; i < POOLS; i++)
		is_first[i] = has_changed(h, i) || h->ticks % 5 == 1 || model_wants_all(h->model);
	for (size_t n = 0; n < 2 * POOLS; n++) {
		size_t i = n % POOLS;

		if (is_first[i] == (n < POOLS) && (i != 6 || h->ticks % 7 != 5)) /* one that comes and goes */
			feed_pool(h, i);
	}
}

static void host_tick(struct host *h)
{
	struct arena *arena = arena_new();
	struct snapshot *s = arena_alloc(arena, 1, sizeof(*s));

	h->t_ns += S + (int64_t)any(3) * MS;
	host_works(h);
	model_tick_begin(h->model, h->t_ns);
	for (uint32_t i = 0; i < 3; i++) {
		struct process_info info = { .key = proc_of(i), .name = NULL };

		if (!model_has_process(h->model, &info.key)) {
			info.name = "orders";
			info.service = i ? NULL : "orders.service";
			info.executable = "java";
			info.started_wall_ns = 1600000000 * S + i;
		}
		model_feed_process(h->model, &info);
		if (i == 1 && h->ticks % 10 == 3)
			says(h, &info.key);
	}
	feed_pools(h);
	for (size_t i = 0; i < POOLS; i++)
		feed_refs(h, i);
	feed_rest(h);
	model_tick_end(h->model);
	h->ticks++;
	s->arena = arena;
	s->n_refs = 1;
	s->seq = h->ticks;
	s->t_ns = h->t_ns;
	s->wall_ns = 1700000000 * S + h->t_ns;
	s->window_s = 1;
	s->host = "db7";
	s->version = "0.1.0";
	s->agent.ticks = h->ticks;
	pace_fill(&h->pace, s);
	assert_int_equal(model_snapshot(h->model, s, name_thread, h), 0);
	assert_int_equal(detect_tick(h->detect, s, thread_facts, h), 0);
	if (recorder_is_on(h->recorder))
		put_rest(h, s);
	assert_int_equal(recorder_tick_end(h->recorder, s->wall_ns), 0);
	snapshot_unref(h->snapshot);
	h->snapshot = s;
}

/* What only exporters tell. */
static json_t *told_to_exporters(const struct snapshot *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->n_stall_sums; i++)
		json_array_append_new(all, json_pack("[s, i, I, f]", s->stall_sums[i].process,
						     (int)s->stall_sums[i].cause,
						     (json_int_t)s->stall_sums[i].n,
						     s->stall_sums[i].sum_s));
	for (size_t i = 0; i < s->n_pools; i++)
		for (size_t k = 0; k < s->pools[i].n_slow_holds; k++) {
			const struct exemplar_row *e = &s->pools[i].slow_holds[k];

			json_array_append_new(all, json_pack("[I, f, I, i, s]",
							     (json_int_t)s->pools[i].id, e->value_s,
							     (json_int_t)e->wall_ns, (int)e->tid,
							     e->thread));
		}
	for (size_t i = 0; i < s->n_processes; i++) {
		const struct process_row *p = &s->processes[i];

		json_array_append_new(all, json_pack("[i, s, s?, s?, s?, s?, I]", (int)p->pid,
						     p->process, p->service, p->service_name,
						     p->executable, p->container_id,
						     (json_int_t)p->started_wall_ns));
		for (size_t k = 0; k < p->n_attributes; k++)
			json_array_append_new(all, json_pack("[s, s]", p->attributes[k].key,
							     p->attributes[k].value));
	}
	return all;
}

/* All that is told of a snapshot. */
static char *told(const struct snapshot *s)
{
	static const struct pool_choice screen = { .group = "process",
						   .with_trend = true,
						   .with_summary = true };
	json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "pools", encode_pools(s),
				"findings", encode_findings(s), "stalls", encode_stalls(s), "locks",
				encode_locks(s), "status", encode_status(s), "exporters",
				told_to_exporters(s), "screen", encode_pools_chosen(s, &screen));
	json_t *pools = json_object_get(json_object_get(all, "pools"), "pools");
	size_t i;
	char *text;

	for (i = 0; i < s->n_pools; i++)
		json_array_append_new(pools, encode_pool(s, &s->pools[i]));
	text = json_dumps(all, JSON_SORT_KEYS | JSON_INDENT(1));
	json_decref(all);
	assert_non_null(text);
	return text;
}

static void add_head(struct buffer *b)
{
	unsigned char head[RECORDING_HEAD_MOST];

	buffer_add(b, head, recording_head_format(head, sizeof(head)));
}

static void add_end(struct buffer *b, uint64_t seq)
{
	unsigned char bytes[BLOCK_HEAD_BYTES];

	block_head_format(&(struct block_head){ .flags = BLOCK_END, .seq = seq }, bytes);
	buffer_add(b, bytes, sizeof(bytes));
}

/* What is kept as a file. */
static void add_kept(struct host *h, struct buffer *b)
{
	uint64_t seq = recorder_first(h->recorder);

	add_head(b);
	assert_true(recorder_read(h->recorder, &seq, UINT64_MAX, SIZE_MAX / 2, 0, b));
	add_end(b, seq);
}

static int open_bytes(const void *data, size_t n, bool is_damaged, struct player **ret,
		      struct diag *d)
{
	FILE *f = fmemopen((void *)data, n, "rb");

	assert_non_null(f);
	return player_open(f, is_damaged, ret, d);
}

/* ---- recording and playing ---------------------------------------------------------------------------------------------------- */

static void what_is_played_is_what_was_there_at_every_tick(void **state)
{
	char *live[40];
	struct buffer file = { 0 };
	struct player *p = NULL;
	struct diag d = { 0 };
	struct host h;

	(void)state;
	host_begin(&h, 3600 * S, 1 << 24);
	for (size_t i = 0; i < 40; i++) {
		host_tick(&h);
		live[i] = told(h.snapshot);
	}
	assert_non_null(strstr(live[39], "\"leak\""));
	assert_non_null(strstr(live[39], "\"load?\"")); /* a slow hold */
	assert_non_null(strstr(live[39], "\"billing\"")); /* a name that came late */
	assert_non_null(strstr(live[39], "\"33\"")); /* an attribute */
	assert_non_null(h.snapshot->pools[0].trend);
	assert_int_not_equal(h.snapshot->pools[0].trend[TREND_STEPS - 15], TREND_UNKNOWN);
	assert_true(recorder_report(h.recorder).n_left_out == 0);
	assert_true(h.n_quiet >= 38); /* all but what a key has to have */
	add_kept(&h, &file);
	host_end(&h);
	assert_int_equal(open_bytes(file.data, file.n, false, &p, &d), 0);
	for (size_t i = 0; i < 40; i++) {
		char *played;

		assert_int_equal(player_next(p, &d), 0);
		played = told(player_snapshot(p));
		assert_string_equal(played, live[i]);
		free(played);
		free(live[i]);
	}
	assert_int_equal(player_next(p, &d), -ENODATA);
	player_close(p);
	buffer_done(&file);
}

/* Of who comes late only what began before is another story: the sums of seconds, and since when something is wrong. */
static void a_recording_that_begins_in_the_middle_has_what_is_there(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;
	const struct snapshot *s;
	struct diag d = { 0 };
	uint64_t seq;
	struct host h;

	(void)state;
	host_begin(&h, 0, 1 << 24);
	for (size_t i = 0; i < 30; i++)
		host_tick(&h);
	assert_false(recorder_is_on(h.recorder));
	seq = recorder_begin(h.recorder, h.t_ns);
	add_head(&file);
	for (size_t i = 0; i < 12; i++) {
		host_tick(&h);
		assert_true(recorder_read(h.recorder, &seq, UINT64_MAX, 1 << 20, h.t_ns, &file));
	}
	add_end(&file, seq);
	assert_int_equal(open_bytes(file.data, file.n, false, &p, &d), 0);
	assert_int_equal(player_go(p, INT64_MAX, &d), 0);
	s = player_snapshot(p);
	assert_int_equal(s->n_pools, h.snapshot->n_pools);
	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *a = &s->pools[i], *b = &h.snapshot->pools[i];

		assert_string_equal(a->name, b->name);
		assert_int_equal(a->id, b->id);
		assert_int_equal(a->acquires, b->acquires);
		assert_int_equal(a->in_use, b->in_use);
		assert_int_equal(a->pending, b->pending);
		assert_int_equal(a->hold ? a->hold->count : 0, b->hold ? b->hold->count : 0);
		assert_string_equal(a->process, b->process);
		assert_true(a->utilization == b->utilization ||
			    (a->utilization != a->utilization && b->utilization != b->utilization));
	}
	assert_int_equal(s->n_locks, 1);
	assert_string_equal(s->locks[0].name, "app:the_lock");
	assert_int_equal(s->locks[0].n_stack, 2);
	assert_int_equal(s->locks[0].wait->count, h.snapshot->locks[0].wait->count);
	assert_int_equal(s->n_stalls, h.snapshot->n_stalls);
	for (size_t i = 0; i < s->n_stalls; i++)
		assert_int_equal(s->stalls[i].n, h.snapshot->stalls[i].n);
	player_close(p);
	host_end(&h);
	buffer_done(&file);
}

static void the_oldest_goes_and_what_is_left_begins_with_a_key(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;
	struct diag d = { 0 };
	struct host h;

	(void)state;
	host_begin(&h, 120 * S, 1 << 24);
	for (size_t i = 0; i < 400; i++) {
		host_tick(&h);
		assert_true(recorder_report(h.recorder).kept_ns <= 190 * S);
	}
	assert_true(recorder_report(h.recorder).kept_ns >= 119 * S);
	assert_true(recorder_first(h.recorder) > 200);
	add_kept(&h, &file);
	assert_int_equal(open_bytes(file.data, file.n, false, &p, &d), 0);
	assert_int_equal(player_go(p, INT64_MAX, &d), 0);
	player_close(p);
	host_end(&h);
	buffer_done(&file);
}

static void memory_is_bounded_whatever_comes(void **state)
{
	const size_t most = 60000; /* a half of it is more than the host is at one time */
	struct host h;

	(void)state;
	host_begin(&h, 3600 * S, most);
	for (size_t i = 0; i < 300; i++) {
		host_tick(&h);
		assert_true(recorder_report(h.recorder).bytes <= 2 * most);
	}
	assert_true(recorder_report(h.recorder).bytes > 0);
	host_end(&h);
}

/* A few seconds of past for as much memory again as all that is known: that is not worth it. But who asks is told. */
static void it_rests_where_all_that_is_known_is_too_much(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;
	struct diag d = { 0 };
	struct host h;
	uint64_t seq;

	(void)state;
	host_begin(&h, 3600 * S, 5000);
	host_tick(&h);
	assert_false(recorder_is_on(h.recorder));
	for (size_t i = 0; i < 20; i++)
		host_tick(&h);
	assert_true(recorder_report(h.recorder).rests);
	assert_int_equal(recorder_report(h.recorder).n_blocks, 0);
	seq = recorder_begin(h.recorder, h.t_ns);
	add_head(&file);
	for (size_t i = 0; i < 5; i++) {
		host_tick(&h);
		assert_true(recorder_is_on(h.recorder));
		assert_true(recorder_read(h.recorder, &seq, UINT64_MAX, 1 << 24, h.t_ns, &file));
	}
	add_end(&file, seq);
	assert_int_equal(seq, 6);
	assert_int_equal(open_bytes(file.data, file.n, false, &p, &d), 0);
	assert_int_equal(player_go(p, INT64_MAX, &d), 0);
	player_close(p);
	buffer_done(&file);
	for (size_t i = 0; i < 12; i++)
		host_tick(&h);
	assert_false(recorder_is_on(h.recorder));
	assert_int_equal(recorder_report(h.recorder).bytes, 0);
	host_end(&h);
}

static int count_moments(void *context, enum record what, const void *key, const void *value,
			 const char *text, size_t n_text)
{
	(void)key;
	(void)value;
	(void)text;
	(void)n_text;
	*(size_t *)context += what == RECORD_moment || what == RECORD_machine;
	return 0;
}

static int append_piece(void *context, const void *data, size_t n)
{
	struct buffer *all = context;

	assert_true(n >= TICK_PIECE_BYTES);
	buffer_add(all, data, n);
	return all->error;
}

static int refuse_piece(void *context, const void *data, size_t n)
{
	(void)data;
	(void)n;
	++*(size_t *)context;
	return -ENOMEM;
}

/* As many stacks as find room, and what a tick must have behind them. Returns what tick_writer_end() did. */
static int fill_tick(struct tick_writer *w, const void **tick, size_t *n)
{
	char *text = calloc(1, RECORD_TEXT_MAX);

	tick_writer_begin(w, true);
	tick_writer_put(w, RECORD_tick, NULL, &(struct record_tick){ .t_ns = 1 }, NULL, 0);
	for (uint32_t i = 1; !tick_writer_n_left_out(w) && i < 100000; i++)
		tick_writer_put(w, RECORD_stack, &(struct record_stack_key){ .pid = i },
				&(struct record_stack){ .taken_ns = 1 }, text, RECORD_TEXT_MAX);
	tick_writer_put(w, RECORD_moment, NULL, &(struct record_moment){ .seq = 1 }, NULL, 0);
	tick_writer_put(w, RECORD_machine, NULL, &(struct record_machine){ .leak_ns = 1 }, "a", 2);
	free(text);
	return tick_writer_end(w, tick, n);
}

/* Without those no tick can be played. */
static void what_a_tick_must_have_is_there_though_it_is_full(void **state)
{
	struct tick_writer *w = tick_writer_new(NULL, NULL);
	struct tick_reader *r = tick_reader_new();
	size_t n, at, n_found = 0;
	const void *tick;

	(void)state;
	assert_int_equal(fill_tick(w, &tick, &n), 0);
	assert_int_equal(tick_writer_n_left_out(w), 1);
	assert_true(n <= TICK_MOST_BYTES);
	assert_int_equal(tick_read(r, tick, n, true, count_moments, &n_found, &at), 0);
	assert_int_equal(n_found, 2);
	tick_writer_free(w);
	tick_reader_free(r);
}

static void a_tick_in_pieces_is_the_same_tick(void **state)
{
	struct buffer pieces = { 0 };
	struct tick_writer *whole = tick_writer_new(NULL, NULL);
	struct tick_writer *cut = tick_writer_new(append_piece, &pieces);
	const void *tick, *rest;
	size_t n, n_rest;

	(void)state;
	assert_int_equal(fill_tick(whole, &tick, &n), 0);
	assert_int_equal(fill_tick(cut, &rest, &n_rest), 0);
	assert_true(n_rest < 2 * TICK_PIECE_BYTES);
	assert_true(pieces.n > 8 * TICK_PIECE_BYTES);
	assert_int_equal(pieces.n + n_rest, n);
	assert_memory_equal(pieces.data, tick, pieces.n);
	assert_memory_equal(rest, (const char *)tick + pieces.n, n_rest);
	tick_writer_free(whole);
	tick_writer_free(cut);
	buffer_done(&pieces);
}

static void a_piece_that_finds_no_memory_ends_the_tick(void **state)
{
	size_t n_asked = 0, n;
	struct tick_writer *w = tick_writer_new(refuse_piece, &n_asked);
	const void *tick;

	(void)state;
	assert_int_equal(fill_tick(w, &tick, &n), -ENOMEM);
	assert_int_equal(n_asked, 1);
	tick_writer_free(w);
}

/* Deflated piece by piece, it is read as if it had come at once. */
static void a_block_in_pieces_is_the_same_block(void **state)
{
	static unsigned char data[300000], raw[sizeof(data)];
	struct deflater *z = deflater_new();
	struct block_head h = { .flags = BLOCK_KEY, .seq = 7 }, parsed;
	unsigned char *block;
	struct diag d = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * i >> 7);
	block_begin(z);
	assert_int_equal(block_add(z, data, 10), 0);
	block_begin(z); /* what had begun is gone */
	for (size_t at = 0, step = 1; at < sizeof(data); at += step, step = step * 3 % 70001)
		assert_int_equal(block_add(z, data + at,
					   step < sizeof(data) - at ? step : sizeof(data) - at),
				 0);
	assert_int_equal(block_add(z, data, TICK_MOST_BYTES), -ENOMEM);
	assert_int_equal(block_end(z, &h, &block, &n), 0);
	assert_int_equal(h.n_raw, sizeof(data));
	assert_int_equal(n, BLOCK_HEAD_BYTES + h.n_deflated);
	assert_int_equal(block_head_parse(block, &parsed, &d), 0);
	assert_int_equal(block_open(&parsed, block + BLOCK_HEAD_BYTES, raw, &d), 0);
	assert_memory_equal(raw, data, sizeof(data));
	free(block);
	deflater_free(z);
}

static void who_reads_too_late_is_told(void **state)
{
	struct buffer file = { 0 };
	uint64_t seq = 1;
	struct host h;

	(void)state;
	host_begin(&h, 61 * S, 1 << 24);
	for (size_t i = 0; i < 200; i++)
		host_tick(&h);
	assert_false(recorder_read(h.recorder, &seq, UINT64_MAX, 1 << 20, 0, &file));
	assert_int_equal(seq, 1);
	assert_int_equal(file.n, 0);
	host_end(&h);
	buffer_done(&file);
}

static void it_is_off_until_somebody_reads_and_after(void **state)
{
	struct buffer file = { 0 };
	uint64_t seq;
	struct host h;

	(void)state;
	host_begin(&h, 0, 1 << 24);
	host_tick(&h);
	assert_false(recorder_is_on(h.recorder));
	seq = recorder_begin(h.recorder, h.t_ns);
	host_tick(&h);
	assert_true(recorder_is_on(h.recorder));
	assert_true(recorder_read(h.recorder, &seq, UINT64_MAX, 1 << 20, h.t_ns, &file));
	assert_int_equal(seq, 2);
	for (size_t i = 0; i < 12; i++)
		host_tick(&h);
	assert_false(recorder_is_on(h.recorder));
	assert_int_equal(recorder_report(h.recorder).bytes, 0);
	host_end(&h);
	buffer_done(&file);
}

/* ---- files that are not whole --------------------------------------------------------------------------------------------------- */

static void make_file(struct buffer *ret, size_t n_ticks)
{
	struct host h;

	host_begin(&h, 3600 * S, 1 << 24);
	for (size_t i = 0; i < n_ticks; i++)
		host_tick(&h);
	add_kept(&h, ret);
	host_end(&h);
}

static bool has_offset(const struct diag *d)
{
	unsigned long long at;

	return sscanf(d->text, "damaged at offset %llu:", &at) == 1;
}

static void a_file_that_was_cut_is_refused_wherever_that_was(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;

	(void)state;
	make_file(&file, 4);
	for (size_t n = 1; n < file.n; n++) {
		struct diag d = { 0 };

		assert_int_equal(open_bytes(file.data, n, false, &p, &d), -EBADMSG);
		if (n >= RECORDING_HEAD_LEAST) {
			unsigned long long at = 0;

			assert_true(has_offset(&d));
			sscanf(d.text, "damaged at offset %llu", &at);
			assert_int_equal(at, n); /* where it ends */
		}
	}
	buffer_done(&file);
}

static void a_file_in_which_a_byte_was_altered_is_refused_whichever_it_was(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;

	(void)state;
	make_file(&file, 3);
	for (size_t i = 0; i < file.n; i++) {
		struct diag d = { 0 };

		file.data[i] ^= (char)(1 << i % 8);
		assert_int_equal(open_bytes(file.data, file.n, false, &p, &d), -EBADMSG);
		if (i >= RECORDING_HEAD_MOST)
			assert_true(has_offset(&d));
		file.data[i] ^= (char)(1 << i % 8);
	}
	buffer_done(&file);
}

static void before_the_damage_it_can_be_played(void **state)
{
	struct buffer file = { 0 };
	struct player *p = NULL;
	struct diag d = { 0 };
	size_t n = 0;

	(void)state;
	make_file(&file, 10);
	file.data[file.n / 2] ^= 1;
	assert_int_equal(open_bytes(file.data, file.n, true, &p, &d), 0);
	while (!player_next(p, &d))
		n++;
	assert_in_range(n, 1, 9);
	player_close(p);
	buffer_done(&file);
}

/* A file of one block, of which the head says what it likes and the checksums are right. */
static int open_block(const void *tick, size_t n, uint32_t n_raw, struct diag *d)
{
	struct block_head h = { .flags = BLOCK_KEY, .seq = 1, .t_ns = 1 };
	struct deflater *z = deflater_new();
	struct buffer file = { 0 };
	struct player *p = NULL;
	unsigned char *block;
	size_t n_block;
	int r;

	assert_int_equal(block_make(z, &h, tick, n, &block, &n_block), 0);
	h.n_raw = n_raw;
	block_head_format(&h, block);
	add_head(&file);
	buffer_add(&file, block, n_block);
	add_end(&file, 2);
	r = open_bytes(file.data, file.n, false, &p, d);
	if (!r) {
		r = player_next(p, d);
		player_close(p);
	}
	free(block);
	deflater_free(z);
	buffer_done(&file);
	return r;
}

static void a_block_becomes_what_its_head_says_and_no_byte_more(void **state)
{
	const size_t n = 1 << 20;
	char *zeros = calloc(1, n);
	struct diag d = { 0 };

	(void)state;
	assert_int_equal(open_block(zeros, n, 100, &d), -EBADMSG);
	assert_true(has_offset(&d));
	assert_int_equal(open_block(zeros, n, (uint32_t)n + 1, &d), -EBADMSG);
	assert_true(has_offset(&d));
	assert_int_equal(open_block(zeros, n, UINT32_MAX, &d), -EBADMSG);
	assert_true(has_offset(&d));
	assert_int_equal(open_block(zeros, n, (uint32_t)n, &d), -EBADMSG); /* what is in it is nothing */
	assert_true(has_offset(&d));
	free(zeros);
}

static void ticks_that_make_no_sense_are_refused(void **state)
{
	static const char *const ticks[] = {
		"",			/* no tick begins */
		"\x03\x01",		/* a kind, and no key */
		"\x03\xff\x01",		/* a kind that there is not */
		"\x03\x63",		/* likewise */
		"\x00\x01",		/* what was there before */
		"\x05\x00",		/* at a place where nothing is */
		"\x03\x02\x00\x00",	/* a process before the tick */
		"\x40",			/* no such flag */
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",	/* a number without an end */
	};
	static const size_t lengths[] = { 0, 2, 3, 2, 2, 2, 4, 1, 12 };

	(void)state;
	for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
		struct diag d = { 0 };

		assert_int_equal(open_block(ticks[i], lengths[i], (uint32_t)lengths[i], &d),
				 -EBADMSG);
		assert_true(has_offset(&d));
	}
}

/* The structs are a stranger's: what is later than any clock would overflow when an age is made of it. */
static void times_that_cannot_be_are_refused(void **state)
{
	struct ps_ref_key key = { .pool = key_of(0), .id = 1 };
	struct ps_lease lease = { .state = PS_LEASE_HELD, .since_ns = (uint64_t)1 << 63 };
	struct ps_waiter waiter = { .since_ns = (uint64_t)1 << 63 };
	struct record_pool pool = { .id = 1 };
	struct model *m = model_new();

	(void)state;
	model_tick_begin(m, 10 * S);
	assert_int_equal(model_feed_record(m, RECORD_pool, &key.pool, &pool, NULL, 0), 0);
	assert_int_equal(model_feed_record(m, RECORD_lease, &key, &lease, NULL, 0), -EBADMSG);
	assert_int_equal(model_feed_record(m, RECORD_waiter, &key, &waiter, NULL, 0), -EBADMSG);
	pool.books.since_ns = (uint64_t)1 << 63;
	assert_int_equal(model_feed_record(m, RECORD_pool, &key.pool, &pool, NULL, 0), -EBADMSG);
	model_free(m);
}

static void another_version_is_told(void **state)
{
	unsigned char head[RECORDING_HEAD_MOST];
	size_t n = recording_head_format(head, sizeof(head));
	struct player *p = NULL;
	struct diag d = { 0 };

	(void)state;
	head[8] = 99;
	assert_int_equal(open_bytes(head, n, false, &p, &d), -EBADMSG);
	assert_non_null(strstr(d.text, "version 99"));
	head[8] = RECORDING_VERSION;
	head[RECORDING_HEAD_LEAST + 8]++; /* the size of a tick */
	{
		uint32_t crc = (uint32_t)crc32(0, head, (unsigned int)n - 4);

		memcpy(head + n - 4, &crc, 4);
	}
	assert_int_equal(open_bytes(head, n, false, &p, &d), -EBADMSG);
	assert_non_null(strstr(d.text, "another build"));
	assert_int_equal(open_bytes("PSRECORX with something behind it, so that it is long enough",
				    60, false, &p, &d),
			 -EBADMSG);
	assert_non_null(strstr(d.text, "no recording"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_squeezed_comes_back),
		cmocka_unit_test(what_is_squeezed_into_too_little_is_bad),
		cmocka_unit_test(what_is_played_is_what_was_there_at_every_tick),
		cmocka_unit_test(a_recording_that_begins_in_the_middle_has_what_is_there),
		cmocka_unit_test(the_oldest_goes_and_what_is_left_begins_with_a_key),
		cmocka_unit_test(memory_is_bounded_whatever_comes),
		cmocka_unit_test(it_rests_where_all_that_is_known_is_too_much),
		cmocka_unit_test(what_a_tick_must_have_is_there_though_it_is_full),
		cmocka_unit_test(a_tick_in_pieces_is_the_same_tick),
		cmocka_unit_test(a_piece_that_finds_no_memory_ends_the_tick),
		cmocka_unit_test(a_block_in_pieces_is_the_same_block),
		cmocka_unit_test(who_reads_too_late_is_told),
		cmocka_unit_test(it_is_off_until_somebody_reads_and_after),
		cmocka_unit_test(a_file_that_was_cut_is_refused_wherever_that_was),
		cmocka_unit_test(a_file_in_which_a_byte_was_altered_is_refused_whichever_it_was),
		cmocka_unit_test(before_the_damage_it_can_be_played),
		cmocka_unit_test(a_block_becomes_what_its_head_says_and_no_byte_more),
		cmocka_unit_test(ticks_that_make_no_sense_are_refused),
		cmocka_unit_test(times_that_cannot_be_are_refused),
		cmocka_unit_test(another_version_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
