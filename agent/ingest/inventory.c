/* SPDX-License-Identifier: MIT */
/*
 * inventory.c - see inventory.h. The surprise: one socket can be open in several processes (prefork); it is booked for the one
 * that the pass met first, as the socket's number is the key.
 */
#include "ingest/inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#define SOCKETS_MAX 200000
#define ENDPOINTS_MAX 16384
#define SHARE_OF_A_CORE 0.01
#define SLICE_NS 5000000

struct socket_seen {
	uint64_t inode;
	uint64_t pass;
	struct place *place;
	UT_hash_handle hh;
};

/* A Unix endpoint, or a listener of any family. */
struct place {
	struct ps_endpoint_key key;
	struct ps_endpoint books;
	uint64_t pass;
	int64_t queue, backlog;
	UT_hash_handle hh;
};

struct inventory {
	struct socket_seen *sockets;
	struct place *places;
	uint64_t pass;
	int64_t now_ns, due_ns;
	int64_t since_ns; /* when the last whole pass began; 0 = there was none */
	bool is_going_on;
	double seconds, spent; /* of the last pass, and of the one that is going on */
	uint64_t refused;
};

int inventory_new(struct inventory **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void inventory_free(struct inventory *v)
{
	struct socket_seen *s, *next_socket;
	struct place *p, *next_place;

	if (!v)
		return;
	HASH_ITER (hh, v->sockets, s, next_socket) {
		HASH_DEL(v->sockets, s);
		free(s);
	}
	HASH_ITER (hh, v->places, p, next_place) {
		HASH_DEL(v->places, p);
		free(p);
	}
	free(v);
}

static struct place *place_get(struct inventory *v, const struct ps_inventory *r)
{
	struct ps_endpoint_key key = { .proc = r->proc, .netns = r->netns, .addr = r->addr };
	struct place *p;

	key.role = r->role == PS_SOCK_CONNECT ? PS_SOCK_CONNECT : PS_SOCK_LISTEN;
	HASH_FIND(hh, v->places, &key, sizeof(key), p);
	if (p || HASH_COUNT(v->places) >= ENDPOINTS_MAX) {
		v->refused += !p;
		return p;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = key;
	p->books.since_ns = (uint64_t)v->now_ns;
	p->queue = p->backlog = UNKNOWN;
	HASH_ADD(hh, v->places, key, sizeof(p->key), p);
	return p;
}

static void take(void *context, const struct ps_inventory *r)
{
	struct inventory *v = context;
	bool is_unix = r->addr.family == 1;
	struct socket_seen *s;
	struct place *p;

	if (!is_unix && r->role != PS_SOCK_LISTEN)
		return; /* TCP connections are counted in the kernel */
	p = place_get(v, r);
	if (!p)
		return;
	p->pass = v->pass;
	if (r->role == PS_SOCK_LISTEN) {
		p->queue = r->queue;
		p->backlog = r->backlog;
		return;
	}
	HASH_FIND(hh, v->sockets, &r->inode, sizeof(r->inode), s);
	if (!s) {
		if (HASH_COUNT(v->sockets) >= SOCKETS_MAX || !(s = calloc(1, sizeof(*s)))) {
			v->refused++;
			return;
		}
		s->inode = r->inode;
		s->place = p;
		HASH_ADD(hh, v->sockets, inode, sizeof(s->inode), s);
		p->books.open++;
		if (v->pass == 1)
			p->books.found++;
		else
			p->books.opened++;
	}
	s->pass = v->pass;
	s->place->pass = v->pass;
}

/* Sockets that the pass did not meet are closed; who closed them is not known. Places without any are dropped. */
static void sweep(struct inventory *v)
{
	struct socket_seen *s, *next_socket;
	struct place *p, *next_place;

	HASH_ITER (hh, v->sockets, s, next_socket) {
		if (s->pass == v->pass)
			continue;
		s->place->books.open--;
		s->place->books.closed[PS_CLOSE_unknown]++;
		s->place->pass = v->pass;
		HASH_DEL(v->sockets, s);
		free(s);
	}
	HASH_ITER (hh, v->places, p, next_place) {
		if (p->pass == v->pass || p->books.open > 0)
			continue;
		if (v->pass - p->pass < 60)
			continue; /* an endpoint that rests keeps its counts for a minute of passes */
		HASH_DEL(v->places, p);
		free(p);
	}
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin_pass(struct inventory *v, int64_t now_ns)
{
	v->now_ns = now_ns;
	v->pass++;
	v->spent = 0;
	v->is_going_on = true;
}

static void end_pass(struct inventory *v, int64_t now_ns)
{
	sweep(v);
	v->since_ns = v->now_ns;
	v->seconds = v->spent;
	v->due_ns = now_ns + (int64_t)(v->seconds / SHARE_OF_A_CORE * 1e9);
	v->is_going_on = false;
}

int inventory_begin(struct inventory *v, struct kernel *k, int64_t now_ns)
{
	if (!v->is_going_on && now_ns < v->due_ns)
		return 0;
	if (!v->is_going_on)
		begin_pass(v, now_ns);
	return inventory_go_on(v, k, now_ns);
}

int inventory_go_on(struct inventory *v, struct kernel *k, int64_t now_ns)
{
	double begin = seconds_now();
	int result;

	if (!v->is_going_on)
		return 0;
	result = kernel_inventory(k, v->pass == 1 ? -1 : SLICE_NS, take, v);
	v->spent += seconds_now() - begin;
	if (result > 0)
		end_pass(v, now_ns);
	if (result < 0)
		v->is_going_on = false;
	return result < 0 ? result : 0;
}

int64_t inventory_since(const struct inventory *v)
{
	return v->since_ns;
}

int inventory_feed(struct inventory *v, struct model *m, int64_t now_ns)
{
	for (struct place *p = v->places; p; p = p->hh.next) {
		int error;

		if (p->key.addr.family != 1 || !model_has_process(m, &p->key.proc))
			continue;
		error = model_feed_endpoint(m, &p->key, &p->books, true, p->queue, p->backlog,
					    now_ns);
		if (error)
			return error;
	}
	return 0;
}

void inventory_listener(const struct inventory *v, const struct ps_endpoint_key *key,
			int64_t *ret_queue, int64_t *ret_backlog)
{
	struct place *p;

	HASH_FIND(hh, v->places, key, sizeof(*key), p);
	*ret_queue = p ? p->queue : UNKNOWN;
	*ret_backlog = p ? p->backlog : UNKNOWN;
}

void inventory_processes(const struct inventory *v,
			 void (*call)(void *context, const struct ps_proc_key *key), void *context)
{
	for (struct place *p = v->places; p; p = p->hh.next)
		if (p->key.addr.family == 1)
			call(context, &p->key.proc);
}

double inventory_seconds(const struct inventory *v)
{
	return v->seconds;
}
