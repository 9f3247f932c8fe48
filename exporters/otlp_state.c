/* SPDX-License-Identifier: MIT */
/*
 * otlp_state.c - see otlp_state.h. The surprise: the start of a series is worked out once and kept. Worked out anew from two clocks it would move by
 * some microseconds at each export, and to a receiver each move is a restart of the counter.
 */
#include "exporters/otlp_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "exporters/otlp_counted.h"
#include "exporters/otlp_resource.h"

/* Start times of one process that differ by less are one: they are measured in ticks, by a clock that is set. */
#define SAME_START_NS 2000000000

/* ---- ends ------------------------------------------------------------------------------------------------------------------ */

static void set_free(struct set *s)
{
	if (!s)
		return;
	offset_free(s);
	attributes_done(&s->attributes);
	if (s->by_convention)
		attributes_done(s->by_convention);
	free(s->by_convention);
	free(s->starts_ns);
	free(s);
}

static void proc_free(struct proc *p)
{
	struct set *s, *next;

	HASH_ITER (hh, p->sets, s, next) {
		HASH_DEL(p->sets, s);
		set_free(s);
	}
	buffer_done(&p->resource);
	free(p);
}

static void free_ended(struct state *st)
{
	while (st->ended) {
		struct proc *p = st->ended;

		st->ended = p->next_ended;
		proc_free(p);
	}
}

void state_done(struct state *st)
{
	struct member *m, *next_m;
	struct proc *p, *next_p;

	HASH_ITER (hh, st->members, m, next_m) {
		HASH_DEL(st->members, m);
		member_free(m);
	}
	HASH_ITER (hh, st->procs, p, next_p) {
		HASH_DEL(st->procs, p);
		proc_free(p);
	}
	free_ended(st);
	free(st->items);
	*st = (struct state){ .n = 0 };
}

/* ---- sets ------------------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t h, const char *text)
{
	for (const char *c = text ? text : ""; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3;
	return (h ^ 0x100) * 0x100000001b3;
}

static uint64_t item_digest(const struct item *item)
{
	const struct pool_row *p = item->row;
	const struct lock_row *l = item->row;

	switch (item->class) {
	case MEMBER_POOL:
		return mix(mix(mix(mix(p->kind, p->service), p->process), p->name), p->source);
	case MEMBER_LOCK:
		return mix(mix(mix(1, l->service), l->process), l->name);
	case MEMBER_STALL:
	case MEMBER_CLASSES:
		break;
	}
	return mix(2, ((const struct stall_row *)item->row)->process);
}

/* The labels of the Prometheus side, under the same names. */
static void item_attributes(const struct snapshot *s, const struct item *item,
			    struct attributes *ret)
{
	const struct pool_row *p = item->row;
	const struct lock_row *l = item->row;
	const struct stall_row *st = item->row;
	struct process_row row;

	switch (item->class) {
	case MEMBER_POOL:
		attributes_add(ret, "process", p->service ? p->service : p->process);
		attributes_add(ret, "pool", p->name ? p->name : "unknown");
		attributes_add(ret, "kind",
			       kind_names[p->kind < PS_KIND_COUNT ? p->kind : PS_KIND_unknown]);
		attributes_add(ret, "source", p->source ? p->source : "unknown");
		break;
	case MEMBER_LOCK:
		attributes_add(ret, "process", l->service ? l->service : l->process);
		attributes_add(ret, "lock", l->name ? l->name : "unnamed");
		break;
	case MEMBER_STALL:
		row = resource_row(s, st->pid, st->process, NULL, NULL);
		attributes_add(ret, "process", resource_label(&row));
		attributes_add(ret, "cause", cause_names[st->cause]);
		break;
	case MEMBER_CLASSES:
		break;
	}
}

/* When a member began to count, CLOCK_REALTIME; 0 = not known. Only rows of pools say it; what else turns up between two exports counts since the first. */
static int64_t item_start(const struct state *st, const struct snapshot *s, const struct item *item)
{
	const struct pool_row *p = item->row;

	if (item->class != MEMBER_POOL)
		return st->sent_ns ? st->sent_ns : st->since_ns;
	if (p->since_ns <= 0 || p->since_ns > s->t_ns)
		return 0;
	return s->wall_ns - (s->t_ns - p->since_ns);
}

static struct set *set_find(struct proc *p, const struct attributes *a)
{
	struct set *s;

	HASH_FIND(hh, p->sets, a->bytes.data, a->bytes.n, s);
	return s;
}

/* Takes the attributes. NULL when out of memory, then they are freed. */
static struct set *set_new(struct proc *p, enum member_class class, struct attributes *a)
{
	struct set *s = a->bytes.error ? NULL : calloc(1, sizeof(*s));

	if (!s) {
		attributes_done(a);
		return NULL;
	}
	s->proc = p;
	s->class = class;
	attributes_trim(a);
	s->attributes = *a;
	*a = (struct attributes){ .n = 0 };
	HASH_ADD_KEYPTR(hh, p->sets, s->attributes.bytes.data, s->attributes.bytes.n, s);
	if (!s->hh.tbl) {
		set_free(s);
		return NULL;
	}
	return s;
}

/* Where those go that find no place: one of each class, told apart by a byte that is not sent. */
static struct set *overflow_get(struct proc *p, enum member_class class)
{
	struct attributes a = { .n = 0 };
	struct set *s;

	for (s = p->sets; s; s = s->hh.next) {
		if (s->is_overflow && s->class == class)
			return s;
	}
	for (int i = 0; i <= (int)class; i++)
		attributes_add_bool(&a, "otel.metric.overflow", true);
	s = set_new(p, class, &a);
	if (!s)
		return NULL;
	s->is_overflow = true;
	s->attributes.bytes.n /= (size_t) class + 1; /* the key keeps its length */
	s->attributes.n = 1;
	return s;
}

static struct set *set_get(struct state *st, const struct snapshot *snapshot,
			   const struct item *item)
{
	struct proc *p = item->proc;
	struct attributes a = { .n = 0 };
	struct set *s;

	item_attributes(snapshot, item, &a);
	s = a.bytes.error ? NULL : set_find(p, &a);
	if (s || a.bytes.error) {
		attributes_done(&a);
		return s;
	}
	if (p->n_sets[item->class] >= st->max_series) {
		attributes_done(&a);
		return overflow_get(p, item->class);
	}
	s = set_new(p, item->class, &a);
	if (s)
		p->n_sets[item->class]++;
	return s;
}

static bool is_taken(const struct set *mine, const struct attributes *a)
{
	for (const struct set *s = mine->proc->sets; s; s = s->hh.next) {
		if (s != mine && s->by_convention && s->by_convention->bytes.n == a->bytes.n &&
		    !memcmp(s->by_convention->bytes.data, a->bytes.data, a->bytes.n))
			return true;
	}
	return false;
}

/* As the conventions want it: its name, else where it leads. One that another pool of the process has is made unique by the pool's number. */
static void database_attributes(const struct pool_row *p, const struct conventions *c,
				bool is_numbered, struct attributes *ret)
{
	char name[2 * TEXT_NAME_BYTES], unique[2 * TEXT_NAME_BYTES + 24];

	text_clean(p->name && *p->name ? p->name : p->endpoint, SIZE_MAX, name,
		   TEXT_NAME_BYTES - 24);
	snprintf(unique, sizeof(unique), "%s#%llu", name, (unsigned long long)p->id);
	attributes_add(ret, "db.client.connection.pool.name", is_numbered ? unique : name);
	attributes_add(ret, "db.system.name", c->system);
	if (c->address[0])
		attributes_add(ret, "server.address", c->address);
	if (c->port)
		attributes_add_int(ret, "server.port", c->port);
}

/* Once, when it is seen what the pool is. */
static int set_convention(struct set *s, const struct pool_row *p)
{
	struct attributes a = { .n = 0 };
	struct conventions c;

	if (s->is_overflow || s->by_convention)
		return 0;
	conventions_of_pool(p, &c);
	if (c.is == CONVENTION_NONE)
		return 0;
	if (c.is == CONVENTION_HTTP) {
		attributes_add(&a, "server.address", c.address);
		attributes_add_int(&a, "server.port", c.port);
	} else {
		database_attributes(p, &c, false, &a);
	}
	if (!a.bytes.error && is_taken(s, &a)) {
		attributes_done(&a);
		if (c.is == CONVENTION_HTTP)
			return 0;
		database_attributes(p, &c, true, &a);
	}
	s->by_convention = a.bytes.error ? NULL : calloc(1, sizeof(a));
	if (!s->by_convention) {
		attributes_done(&a);
		return -ENOMEM;
	}
	attributes_trim(&a);
	*s->by_convention = a;
	s->convention = c.is;
	return 0;
}

static bool is_same_start(int64_t a, int64_t b)
{
	return a == UNKNOWN || b == UNKNOWN || llabs(a - b) < SAME_START_NS;
}

/* ---- procs ----------------------------------------------------------------------------------------------------------------- */

/* Whether a living process that came before uses the id. */
static bool is_id_taken(const struct state *st, const struct snapshot *s, uint64_t pid, uint64_t id)
{
	for (const struct proc *p = st->procs; p; p = p->hh.next) {
		if (p->own_id == id && p->key.pid != pid &&
		    resource_is_there(s, (int32_t)p->key.pid))
			return true;
	}
	return false;
}

static struct proc *proc_new(struct state *st, const struct snapshot *s,
			     const struct process_row *row, const struct proc_key *key)
{
	const char *own_id = resource_own_id(row);
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->key = *key;
	p->started_wall_ns = row->started_wall_ns;
	p->own_id = own_id ? mix(mix(1, own_id), row->service_name) : 0;
	if (own_id && is_id_taken(st, s, key->pid, p->own_id))
		p->own_id = 0;
	if (!resource_of_process(s, row, p->own_id != 0, &p->resource))
		HASH_ADD(hh, st->procs, key, sizeof(p->key), p);
	if (!p->hh.tbl) {
		proc_free(p);
		return NULL;
	}
	return p;
}

static struct proc *proc_get(struct state *st, const struct snapshot *s,
			     const struct process_row *row)
{
	struct proc_key key = { .digest = resource_digest(row), .pid = (uint64_t)row->pid };
	struct proc *p;

	HASH_FIND(hh, st->procs, &key, sizeof(key), p);
	if (p && !is_same_start(p->started_wall_ns, row->started_wall_ns)) {
		HASH_DEL(st->procs, p);
		p->next_ended = st->ended;
		st->ended = p;
		p = NULL;
	}
	if (!p)
		p = proc_new(st, s, row, &key);
	if (p)
		p->seen = st->n;
	return p;
}

/* ---- an export ------------------------------------------------------------------------------------------------------------- */

static int by_process(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* By process, and by age: so that when there are too many it is the newcomers that find no place. */
static int list_items(struct state *st, const struct snapshot *s)
{
	size_t n = 0;

	free(st->items);
	st->n_items = s->n_pools + s->n_locks + s->n_stalls;
	st->items = calloc(st->n_items + 1, sizeof(*st->items));
	if (!st->items)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_pools; i++)
		st->items[n++] = (struct item){ .pid = s->pools[i].pid,
						.class = MEMBER_POOL,
						.id = s->pools[i].id,
						.row = &s->pools[i] };
	for (size_t i = 0; i < s->n_locks; i++)
		st->items[n++] = (struct item){ .pid = s->locks[i].pid,
						.class = MEMBER_LOCK,
						.id = s->locks[i].address,
						.row = &s->locks[i] };
	for (size_t i = 0; i < s->n_stalls; i++)
		st->items[n++] = (struct item){ .pid = s->stalls[i].pid,
						.class = MEMBER_STALL,
						.id = s->stalls[i].cause,
						.row = &s->stalls[i] };
	qsort(st->items, n, sizeof(*st->items), by_process);
	return 0;
}

static struct process_row item_process(const struct snapshot *s, const struct item *item)
{
	const struct pool_row *p = item->row;
	const struct lock_row *l = item->row;
	const struct stall_row *st = item->row;

	switch (item->class) {
	case MEMBER_POOL:
		return resource_row(s, p->pid, p->process, p->service, p->container_id);
	case MEMBER_LOCK:
		return resource_row(s, l->pid, l->process, l->service, NULL);
	case MEMBER_STALL:
	case MEMBER_CLASSES:
		break;
	}
	return resource_row(s, st->pid, st->process, NULL, NULL);
}

static struct member *member_get(struct state *st, const struct item *item)
{
	struct member_key key = { .class = item->class,
				  .a = item->class == MEMBER_POOL ? item->id : (uint64_t)item->pid,
				  .b = item->class == MEMBER_POOL ? 0 : item->id };
	struct member *m;

	HASH_FIND(hh, st->members, &key, sizeof(key), m);
	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->key = key;
	m->hist = calloc(member_n_hist(m), sizeof(*m->hist));
	if (item->class == MEMBER_POOL)
		m->last = calloc(pool_series_n_last(), sizeof(*m->last));
	if (m->hist && (m->last || item->class != MEMBER_POOL))
		HASH_ADD(hh, st->members, key, sizeof(m->key), m);
	if (!m->hh.tbl) {
		member_free(m);
		return NULL;
	}
	return m;
}

/* The first of a set in this export. */
static void set_touch(struct state *st, struct set *s)
{
	if (s->seen == st->n)
		return;
	s->seen = st->n;
	s->members = NULL;
	s->n_members = s->n_stayed = 0;
	memset(s->has, 0, sizeof(s->has));
}

static int member_place(struct state *st, const struct snapshot *snapshot, struct item *item)
{
	struct member *m = item->member;
	uint64_t digest = item_digest(item);
	struct set *s = m->set;
	int r = 0;

	if (!s || s->proc != item->proc || m->digest != digest) {
		s = set_get(st, snapshot, item);
		if (!s)
			return -ENOMEM;
	}
	if (m->set && !is_same_start(m->set->proc->started_wall_ns, s->proc->started_wall_ns))
		member_forget(m);
	set_touch(st, s);
	if (s == m->set)
		s->n_stayed += m->is_sent;
	else
		r = set_leave(st, m->set, m);
	m->set = s;
	m->digest = digest;
	m->row = item->row;
	m->seen = st->n;
	m->next = s->members;
	s->members = m;
	s->n_members++;
	if (!r && item->class == MEMBER_POOL)
		r = set_convention(s, item->row);
	return r;
}

/* A set of which no member is left that was there before counts from its new ones' beginning, after what was sent of it. */
static void set_begin(const struct state *st, const struct snapshot *snapshot, struct set *s,
		      const struct item *item)
{
	int64_t start = item_start(st, snapshot, item);

	offset_free(s);
	free(s->starts_ns);
	s->starts_ns = NULL;
	s->start_ns = start && start < s->sent_ns ? s->sent_ns : start;
	if (s->start_ns >= snapshot->wall_ns)
		s->start_ns = snapshot->wall_ns - 1;
}

/* The starts of sets that are new: the oldest member's, and the list has the oldest first. */
static void begin_sets(struct state *st, const struct snapshot *s)
{
	for (size_t i = st->n_items; i-- > 0;) {
		struct set *set = st->items[i].member->set;

		if (!set->n_stayed)
			set_begin(st, s, set, &st->items[i]);
	}
}

static int drop_members(struct state *st)
{
	struct member *m, *next;
	int r;

	HASH_ITER (hh, st->members, m, next) {
		if (m->seen == st->n)
			continue;
		r = m->set && m->set->seen == st->n ? set_leave(st, m->set, m) : 0;
		if (r)
			return r;
		HASH_DEL(st->members, m);
		member_free(m);
	}
	return 0;
}

int state_begin(struct state *st, const struct snapshot *s)
{
	int r = list_items(st, s);

	st->n++;
	for (size_t i = 0; !r && i < st->n_items; i++) {
		struct item *item = &st->items[i];

		if (i && item->pid == item[-1].pid) {
			item->proc = item[-1].proc;
		} else {
			struct process_row row = item_process(s, item);

			item->proc = proc_get(st, s, &row);
		}
		item->member = item->proc ? member_get(st, item) : NULL;
		if (!item->member)
			r = -ENOMEM;
		else if (item->member->seen != st->n) /* a pid can be there twice, before and after an exec: one counts */
			r = member_place(st, s, item);
	}
	if (!r)
		r = drop_members(st);
	if (!r)
		begin_sets(st, s);
	for (size_t i = 0; !r && i < st->n_items; i++) {
		r = member_take_falls(st, st->items[i].member);
		if (!r)
			r = member_reserve(st, st->items[i].member);
	}
	return r;
}

static void commit_sets(struct state *st, struct proc *p, int64_t time_ns)
{
	struct set *s, *next;

	HASH_ITER (hh, p->sets, s, next) {
		if (s->seen == st->n) {
			memcpy(s->had, s->has, sizeof(s->had));
			s->start_ns = s->start_ns ? s->start_ns : time_ns;
			s->sent_ns = time_ns;
			s->n_sent = s->n_members;
			continue;
		}
		HASH_DEL(p->sets, s);
		p->n_sets[s->class] -= !s->is_overflow;
		set_free(s);
	}
}

void state_commit(struct state *st, int64_t time_ns)
{
	struct proc *p, *next;

	for (size_t i = 0; i < st->n_items; i++) {
		member_commit(st, st->items[i].member);
	}
	HASH_ITER (hh, st->procs, p, next) {
		commit_sets(st, p, time_ns);
		if (p->seen == st->n)
			continue;
		HASH_DEL(st->procs, p);
		proc_free(p);
	}
	free_ended(st);
	st->sent_ns = time_ns;
	free(st->items);
	st->items = NULL;
	st->n_items = 0;
}
