/* SPDX-License-Identifier: MIT */
/*
 * tap.c - what is fed, as records, and back again. The surprise: who begins to listen late has missed what is fed once (names, histograms that
 * do not change), so where all is wanted it is told again from what the model has.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "model/state.h"

#define ID_MOST ((uint64_t)1 << 48)
#define TIME_MOST_NS ((uint64_t)1 << 61)
#define RECORD_ATTRIBUTES_MAX 64 /* of a process; one has half of that (discover/otel.h) */

#define RECORD_NOTHING char[0]
#define RECORD(number, kind, key, value, parent, n, text)                                          \
	[number] = { .name = #kind,                                                                \
		     .key_size = sizeof(key),                                                      \
		     .value_size = sizeof(value),                                                  \
		     .lives_by = RECORD_##parent,                                                  \
		     .most = (n) },
const struct record_kind record_kinds[RECORD_END] = {
#include "model/records.def"
};

/* ---- texts ------------------------------------------------------------------------------------------------------------- */

void record_text_add(struct record_text *t, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (t->n == sizeof(t->bytes))
		return;
	if (n >= sizeof(t->bytes) - t->n)
		n = sizeof(t->bytes) - t->n - 1;
	if (n)
		memcpy(t->bytes + t->n, s, n);
	t->n += n;
	t->bytes[t->n++] = 0;
}

const char *record_text_next(const char **at, const char *end)
{
	const char *s = *at;

	if (s >= end)
		return NULL;
	*at = s + strlen(s) + 1;
	return *s ? s : NULL;
}

/* ---- out ---------------------------------------------------------------------------------------------------------------- */

void model_set_tap(struct model *m, const struct model_tap *tap)
{
	m->tap = tap ? *tap : (struct model_tap){ 0 };
	m->is_all_wanted = false;
}

void tap_begin(struct model *m)
{
	m->is_all_wanted = m->tap.put && m->tap.begin(m->tap.context, m->now_ns);
}

static bool is_tapped(const struct model *m)
{
	return m->tap.put && (!m->tap.is_on || m->tap.is_on(m->tap.context));
}

bool model_wants_all(const struct model *m)
{
	return m->is_all_wanted && is_tapped(m);
}

void tap_put(const struct model *m, enum record what, const void *key, const void *value)
{
	if (m->tap.put)
		m->tap.put(m->tap.context, what, key, value, NULL, 0);
}

void tap_put_text(const struct model *m, enum record what, const void *key, const void *value,
		  const char *const *text, size_t n)
{
	struct record_text t;

	if (!m->tap.put)
		return;
	t.n = 0;
	for (size_t i = 0; i < n; i++)
		record_text_add(&t, text[i]);
	m->tap.put(m->tap.context, what, key, value ? value : "", t.bytes, t.n);
}

void tap_put_resource(const struct model *m, const struct process *p)
{
	struct record_text t;

	if (!m->tap.put)
		return;
	t.n = 0;
	record_text_add(&t, p->service_name);
	for (size_t i = 0; i < p->n_attributes; i++) {
		record_text_add(&t, p->attributes[i].key);
		record_text_add(&t, p->attributes[i].value);
	}
	m->tap.put(m->tap.context, RECORD_resource, &p->key, "", t.bytes, t.n);
}

void tap_put_pool(const struct model *m, struct pool *p, const struct ps_pool *books,
		  const struct pool_extra *extra)
{
	struct record_pool r;

	if (!m->tap.put)
		return;
	r = (struct record_pool){
		.books = *books,
		.id = p->id,
		.read_ns = p->t_ns - m->now_ns,
		.counted_in_use = extra->counted_in_use,
		.counted_open = extra->counted_open,
		.counted_capacity = extra->counted_capacity,
		.counted_waiting = extra->counted_waiting,
		.counted_waits = extra->counted_waits,
		.counted_wait_ns = extra->counted_wait_ns,
		.stood_ns = extra->stood_ns,
		.flags = (extra->is_light ? RECORD_POOL_LIGHT : 0u) |
			 (extra->is_waitless ? RECORD_POOL_WAITLESS : 0u) |
			 (extra->is_partial ? RECORD_POOL_PARTIAL : 0u) |
			 (uint32_t)extra->watch.level << RECORD_POOL_LEVEL |
			 (uint32_t)extra->watch.reason << RECORD_POOL_REASON,
		.level_cause =
			extra->watch.cause > 0 ? (uint32_t)(1e6 * fmin(extra->watch.cause, 1)) : 0,
	};
	memcpy(r.name, extra->name, sizeof(r.name));
	p->is_told_as_of_begin = !r.read_ns;
	m->tap.put(m->tap.context, RECORD_pool, &p->key, &r, p->library,
		   p->library ? strlen(p->library) + 1 : 0);
}

bool tap_repeat_pool(const struct model *m, struct pool *p)
{
	size_t n = p->is_told_as_of_begin ? 0 : sizeof(((struct record_pool *)NULL)->read_ns);

	if (!is_tapped(m))
		return true;
	if (m->is_all_wanted || !m->tap.repeat ||
	    !m->tap.repeat(m->tap.context, RECORD_pool, &p->key,
			   offsetof(struct record_pool, read_ns), n))
		return false;
	p->is_told_as_of_begin = true;
	return true;
}

void tap_put_endpoint(const struct model *m, const struct endpoint *e)
{
	struct record_endpoint r;

	if (!m->tap.put)
		return;
	r = (struct record_endpoint){ .books = e->books,
				      .id = e->id,
				      .accept_queue = e->accept_queue,
				      .accept_backlog = e->accept_backlog,
				      .is_sampled = e->is_sampled };
	tap_put(m, RECORD_endpoint, &e->key, &r);
}

void tap_put_family(const struct model *m, const struct family *f, bool has_place)
{
	struct record_family r;

	if (!m->tap.put)
		return;
	r = (struct record_family){ .books = f->books,
				    .id = f->id,
				    .read_ns = f->t_ns - m->now_ns };
	if (has_place) {
		r.owner = f->place.owner;
		r.addr = f->place.addr;
		r.queue = f->place.queue;
		r.n_holders = f->place.n_holders;
		r.has_place = 1;
	}
	tap_put(m, RECORD_family, &f->key, &r);
}

void tap_put_lock(const struct model *m, const struct lock *l, const struct ps_lock *books)
{
	struct record_lock r;

	if (!m->tap.put)
		return;
	r = (struct record_lock){ .timeouts = books->timeouts,
				  .convoy_ns = books->convoy_ns,
				  .n_waiting = l->n_waiting,
				  .oldest_since_ns = l->oldest_since_ns,
				  .wait = books->wait };
	tap_put(m, RECORD_lock, &l->key, &r);
	if (!m->is_all_wanted)
		return;
	if (l->is_named)
		tap_put_text(m, RECORD_lock_name, &l->key, NULL, (const char *const *)&l->name, 1);
	if (l->stack_ns)
		tap_put_text(m, RECORD_lock_stack, &l->key,
			     &(struct record_lock_stack){ .stack_ns = (uint64_t)l->stack_ns },
			     (const char *const *)l->stack, l->n_stack);
}

/* ---- and in again -------------------------------------------------------------------------------------------------------- */

/* What is later would overflow when it is counted with. */
static bool is_time(uint64_t ns)
{
	return ns <= TIME_MOST_NS;
}

static int feed_process(struct model *m, const void *key, const void *value, const char *text,
			size_t n_text)
{
	struct process_info info = { 0 };
	const struct process *known;
	struct record_process r;

	memcpy(&r, value, sizeof(r));
	if (r.started_wall_ns > (int64_t)TIME_MOST_NS)
		return -EBADMSG;
	info.started_wall_ns = r.started_wall_ns;
	memcpy(&info.key, key, sizeof(info.key));
	known = process_find(m, &info.key);
	if (!known || !known->name) { /* it does not change: another program has another key */
		const char *at = text;

		info.name = record_text_next(&at, text + n_text);
		info.service = record_text_next(&at, text + n_text);
		info.container_id = record_text_next(&at, text + n_text);
		info.executable = record_text_next(&at, text + n_text);
	}
	return model_feed_process(m, &info);
}

static int feed_resource(struct model *m, const void *at, const char *text, size_t n_text)
{
	struct attribute_row rows[RECORD_ATTRIBUTES_MAX];
	struct process_resource r = { .attributes = rows };
	const char *next = text, *end = text + n_text;
	struct ps_proc_key key;

	memcpy(&key, at, sizeof(key));
	r.service_name = record_text_next(&next, end);
	while (next < end && r.n_attributes < RECORD_ATTRIBUTES_MAX) {
		const char *name = record_text_next(&next, end),
			   *value = record_text_next(&next, end);

		if (!name)
			return -EBADMSG;
		rows[r.n_attributes++] =
			(struct attribute_row){ .key = name, .value = value ? value : "" };
	}
	return model_feed_resource(m, &key, &r);
}

/* What is new gets the id that it had. */
static bool take_id(struct model *m, uint64_t id)
{
	m->next_id = id;
	return id && id < ID_MOST;
}

static int feed_pool(struct model *m, const void *at, const void *value, const char *text,
		     size_t n_text)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct ps_pool_key key;
	struct record_pool r;

	memcpy(&key, at, sizeof(key));
	if (!value) {
		model_keep_pool(m, &key);
		return 0;
	}
	memcpy(&r, value, sizeof(r));
	if (!take_id(m, r.id) || r.books.kind >= PS_KIND_COUNT || r.read_ns < 0 ||
	    r.read_ns > 3600000000000 || !is_time(r.books.since_ns) ||
	    !is_time(r.books.saturated_since_ns))
		return -EBADMSG;
	extra.counted_in_use = r.counted_in_use;
	extra.counted_open = r.counted_open;
	extra.counted_capacity = r.counted_capacity;
	extra.counted_waiting = r.counted_waiting;
	extra.counted_waits = r.counted_waits;
	extra.counted_wait_ns = r.counted_wait_ns;
	extra.stood_ns = r.stood_ns;
	extra.library = n_text ? text : NULL;
	extra.is_light = r.flags & RECORD_POOL_LIGHT;
	extra.is_waitless = r.flags & RECORD_POOL_WAITLESS;
	extra.is_partial = r.flags & RECORD_POOL_PARTIAL;
	extra.watch.level = (enum level)(r.flags >> RECORD_POOL_LEVEL & 15);
	extra.watch.reason = (enum level_reason)(r.flags >> RECORD_POOL_REASON & 15);
	extra.watch.cause = r.level_cause / 1e6;
	if (extra.watch.level >= LEVEL_COUNT || extra.watch.reason >= LEVEL_REASON_COUNT)
		return -EBADMSG;
	memcpy(extra.name, r.name, sizeof(extra.name));
	return model_feed_pool(m, &key, &r.books, &extra, m->now_ns + r.read_ns);
}

static bool is_role(uint32_t role)
{
	return role == PS_SOCK_CONNECT || role == PS_SOCK_ACCEPT || role == PS_SOCK_LISTEN;
}

static int feed_of_endpoint(struct model *m, enum record what, const void *at, const void *value)
{
	struct ps_endpoint_key key;
	struct ps_wire wire;

	memcpy(&key, at, sizeof(key));
	if (!is_role(key.role))
		return -EBADMSG;
	if (what == RECORD_endpoint) {
		struct record_endpoint r;

		memcpy(&r, value, sizeof(r));
		if (!take_id(m, r.id) || !is_time(r.books.since_ns))
			return -EBADMSG;
		return model_feed_endpoint(m, &key, &r.books, r.is_sampled, r.accept_queue,
					   r.accept_backlog, m->now_ns);
	}
	if (what == RECORD_drops) {
		struct record_drops r;

		memcpy(&r, value, sizeof(r));
		model_feed_drops(m, &key, r.n);
		return 0;
	}
	memcpy(&wire, value, sizeof(wire));
	return is_time(wire.handoff_ns) ? model_feed_wire(m, &key, &wire) : -EBADMSG;
}

static int feed_family(struct model *m, const void *at, const void *value)
{
	struct ps_family_key key;
	struct listening place;
	struct record_family r;

	memcpy(&key, at, sizeof(key));
	if (!value) {
		model_keep_family(m, &key);
		return 0;
	}
	memcpy(&r, value, sizeof(r));
	if (!take_id(m, r.id) || r.read_ns < 0 || r.read_ns > 3600000000000 ||
	    !is_time(r.books.since_ns))
		return -EBADMSG;
	r.books.name[sizeof(r.books.name) - 1] = 0;
	place = (struct listening){
		.owner = r.owner, .addr = r.addr, .n_holders = r.n_holders, .queue = r.queue
	};
	return model_feed_family(m, &key, &r.books, r.has_place ? &place : NULL,
				 m->now_ns + r.read_ns);
}

/* Its runtime's counters are told as what was added. */
static int feed_counted(struct model *m, const struct ps_stall_key *key, const void *value)
{
	struct record_counted r;
	const struct stall *s;

	memcpy(&r, value, sizeof(r));
	HASH_FIND(hh, m->stalls, key, sizeof(*key), s);
	if (!(r.s >= 0 && r.s < 1e24) || (s && (r.n < s->n_counted || r.s < s->counted_s)))
		return -EBADMSG;
	return model_feed_counted_stalls(m, key, s ? r.n - s->n_counted : r.n,
					 s ? r.s - s->counted_s : r.s);
}

static int feed_of_stalls(struct model *m, enum record what, const void *at, const void *value)
{
	struct ps_stall_key key;

	memcpy(&key, at, sizeof(key));
	if (key.cause >= PS_STALL_COUNT)
		return -EBADMSG;
	return what == RECORD_stalls ? model_feed_stalls(m, &key, value)
				     : feed_counted(m, &key, value);
}

static int feed_standstill(struct model *m, const void *at, const void *value)
{
	struct ps_standstill now;
	struct ps_proc_key key;

	memcpy(&key, at, sizeof(key));
	memcpy(&now, value, sizeof(now));
	return now.cause < PS_STALL_COUNT && is_time(now.since_ns)
		       ? model_feed_standstill(m, &key, &now)
		       : -EBADMSG;
}

static int feed_of_lock(struct model *m, enum record what, const void *at, const void *value,
			const char *text, size_t n_text)
{
	struct ps_lock books = { .flags = PS_LOCK_SURE | PS_LOCK_SHARED };
	const char *next = text, *place[LOCK_STACK_MAX];
	struct record_lock_stack stack;
	struct record_lock_key key;
	struct record_lock r;
	size_t n = 0;

	memcpy(&key, at, sizeof(key));
	books.proc = key.proc;
	books.word = key.word;
	switch (what) {
	case RECORD_lock:
		memcpy(&r, value, sizeof(r));
		if (!is_time(r.convoy_ns) || !is_time((uint64_t)r.oldest_since_ns + 1))
			return -EBADMSG;
		books.timeouts = r.timeouts;
		books.convoy_ns = r.convoy_ns;
		books.wait = r.wait;
		return model_feed_lock(m, &books, r.n_waiting, r.oldest_since_ns);
	case RECORD_lock_name:
		return model_name_lock(m, &books, record_text_next(&next, text + n_text));
	default:
		memcpy(&stack, value, sizeof(stack));
		books.stack_ns = stack.stack_ns;
		while (n < LOCK_STACK_MAX &&
		       (place[n] = record_text_next(&next, text + n_text)) != NULL)
			n++;
		return model_feed_lock_stack(m, &books, place, n);
	}
}

static int feed_ref(struct model *m, enum record what, const void *at, const void *value)
{
	struct ps_ref_key key;
	struct ps_lease lease;
	struct ps_waiter waiter;

	memcpy(&key, at, sizeof(key));
	if (what == RECORD_lease) {
		memcpy(&lease, value, sizeof(lease));
		if (!is_time(lease.since_ns))
			return -EBADMSG;
		return model_feed_lease(m, &key, &lease);
	}
	memcpy(&waiter, value, sizeof(waiter));
	if (!is_time(waiter.since_ns))
		return -EBADMSG;
	return model_feed_waiter(m, &key, &waiter);
}

static int feed_exemplars(struct model *m, const void *at, const void *value)
{
	struct ps_pool_key key;
	struct record_exemplars r;

	memcpy(&key, at, sizeof(key));
	memcpy(&r, value, sizeof(r));
	for (size_t i = 0; i < SNAPSHOT_EXEMPLARS_MAX; i++)
		if (!is_time(r.waits[i].t_ns) || !is_time(r.holds[i].t_ns))
			return -EBADMSG;
	return exemplars_feed(m, &key, &r);
}

static int feed_given_up(struct model *m, const void *at, const void *value)
{
	struct ps_given_up_key key;
	struct ps_given_up g;

	memcpy(&key, at, sizeof(key));
	memcpy(&g, value, sizeof(g));
	return key.bucket < PS_HIST_BUCKETS ? model_feed_given_up(m, &key, &g) : -EBADMSG;
}

static int feed_socket(struct model *m, const void *value)
{
	struct ps_sock sock;

	memcpy(&sock, value, sizeof(sock));
	if (!is_role(sock.endpoint.role) || !is_time(sock.since_ns) || !is_time(sock.last_ns))
		return -EBADMSG;
	model_feed_socket(m, &sock);
	return 0;
}

int model_feed_record(struct model *m, enum record what, const void *key, const void *value,
		      const char *text, size_t n_text)
{
	struct ps_pool_key pool;

	if (!value && what != RECORD_pool && what != RECORD_family)
		return -EBADMSG;
	if (!text)
		text = "";
	switch (what) {
	case RECORD_process:
		return feed_process(m, key, value, text, n_text);
	case RECORD_resource:
		return feed_resource(m, key, text, n_text);
	case RECORD_pool:
		return feed_pool(m, key, value, text, n_text);
	case RECORD_hists:
		memcpy(&pool, key, sizeof(pool));
		return model_feed_hists(m, &pool, value);
	case RECORD_exemplars:
		return feed_exemplars(m, key, value);
	case RECORD_lease:
	case RECORD_waiter:
		return feed_ref(m, what, key, value);
	case RECORD_endpoint:
	case RECORD_drops:
	case RECORD_wire:
		return feed_of_endpoint(m, what, key, value);
	case RECORD_family:
		return feed_family(m, key, value);
	case RECORD_stalls:
	case RECORD_counted_stalls:
		return feed_of_stalls(m, what, key, value);
	case RECORD_standstill:
		return feed_standstill(m, key, value);
	case RECORD_lock:
	case RECORD_lock_name:
	case RECORD_lock_stack:
		return feed_of_lock(m, what, key, value, text, n_text);
	case RECORD_given_up:
		return feed_given_up(m, key, value);
	case RECORD_socket:
		return feed_socket(m, value);
	default:
		return -EBADMSG;
	}
}
