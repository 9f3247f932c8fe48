/* SPDX-License-Identifier: MIT */
/*
 * inventory.c - see inventory.h. The surprise: one socket can be open in several processes (prefork); it is booked for the one
 * that the pass met first, as the socket's number is the key.
 */
#include "ingest/inventory.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"

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
	uint64_t listen_pass;
	uint64_t inode; /* of the socket that listens there, the last of several */
	int64_t queue, backlog, drops;
	int64_t queue_so_far, backlog_so_far; /* in this pass */
	uint32_t n_sockets, n_sockets_so_far, drops_before;
	uint32_t n_met; /* connections on which something may be received, so far in this pass */
	int64_t opened_before; /* the first pass after they were followed; UNKNOWN: that has not ended */
	uint64_t wire; /* of connections that are followed; 0 = they are not */
	UT_hash_handle hh;
};

/* A listening socket; forked processes share it, and it is the row of one of them. */
struct listener {
	uint64_t inode;
	uint64_t sock; /* whose queue is watched; 0 = there was no room */
	uint64_t pass, owner_pass;
	struct listening now;
	uint32_t n_holders; /* so far in this pass */
	UT_hash_handle hh;
};

struct inventory {
	struct kernel *kernel; /* of the pass that is going on */
	struct listener *listeners;
	struct socket_seen *sockets;
	struct place *places;
	uint64_t pass;
	int64_t now_ns, due_ns;
	int64_t since_ns; /* when the last whole pass began; 0 = there was none */
	bool is_going_on, is_wanted;
	double seconds, spent; /* of the last pass, and of the one that is going on */
	uint64_t refused, unfollowed;
	uint32_t n_followed;
};

int inventory_new(struct inventory **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void place_free(struct inventory *v, struct kernel *k, struct place *p)
{
	if (p->wire && k) {
		kernel_forget_unix(k, &p->key, p->wire);
		v->n_followed--;
	}
	HASH_DEL(v->places, p);
	free(p);
}

void inventory_free(struct inventory *v)
{
	struct socket_seen *s, *next_socket;
	struct place *p, *next_place;
	struct listener *l, *next_listener;

	if (!v)
		return;
	HASH_ITER (hh, v->sockets, s, next_socket) {
		HASH_DEL(v->sockets, s);
		free(s);
	}
	HASH_ITER (hh, v->places, p, next_place)
		place_free(v, NULL, p);
	HASH_ITER (hh, v->listeners, l, next_listener) {
		HASH_DEL(v->listeners, l);
		free(l);
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
	p->queue = p->backlog = p->drops = p->opened_before = UNKNOWN;
	HASH_ADD(hh, v->places, key, sizeof(p->key), p);
	if (p->hh.tbl)
		return p;
	free(p);
	v->refused++;
	return NULL;
}

/*
 * Sockets that share an address share its queue, too: of more than one the sum is told when the pass is over, as it may take many ticks. What was
 * turned away before the first pass is not of our time.
 */
static void place_listens(struct place *p, const struct ps_inventory *r, uint64_t pass)
{
	bool is_more = p->listen_pass == pass;

	if (!p->listen_pass)
		p->drops_before = pass == 1 ? r->drops : 0;
	p->queue_so_far = is_more ? p->queue_so_far + r->queue : r->queue;
	p->backlog_so_far = is_more ? p->backlog_so_far + r->backlog : r->backlog;
	p->n_sockets_so_far = is_more ? p->n_sockets_so_far + 1 : 1;
	p->listen_pass = p->pass = pass;
	p->inode = r->inode;
	if (p->n_sockets > 1)
		return;
	p->queue = p->queue_so_far;
	p->backlog = p->backlog_so_far;
	if (r->addr.family != 1)
		p->drops = (int64_t)(uint32_t)(r->drops - p->drops_before);
}

/* The pass is over, and met it. */
static void place_sums(struct place *p)
{
	p->n_sockets = p->n_sockets_so_far;
	p->queue = p->queue_so_far;
	p->backlog = p->backlog_so_far;
	if (p->n_sockets > 1)
		p->drops = UNKNOWN; /* which of them is which is not known from pass to pass */
}

static struct listener *listener_get(struct inventory *v, const struct ps_inventory *r)
{
	struct listener *l;

	HASH_FIND(hh, v->listeners, &r->inode, sizeof(r->inode), l);
	if (l)
		return l;
	if (HASH_COUNT(v->listeners) >= ENDPOINTS_MAX || !(l = calloc(1, sizeof(*l)))) {
		v->refused++;
		return NULL;
	}
	l->inode = r->inode;
	l->now.owner = r->proc;
	l->owner_pass = v->pass;
	l->now.addr = r->addr;
	HASH_ADD(hh, v->listeners, inode, sizeof(l->inode), l);
	if (l->hh.tbl)
		return l;
	free(l);
	v->refused++;
	return NULL;
}

/* True when the record is of the process whose row it is; when that one is gone it is another's from the next pass on. */
static bool take_listener(struct inventory *v, const struct ps_inventory *r)
{
	struct listener *l = listener_get(v, r);

	if (!l)
		return false;
	if (l->pass != v->pass)
		l->n_holders = 0;
	l->pass = v->pass;
	l->n_holders++;
	if (l->sock != r->sock)
		l->sock = kernel_watch_queue(v->kernel, r->inode, r->sock) ? 0 : r->sock;
	l->now.queue = r->queue;
	if (memcmp(&l->now.owner, &r->proc, sizeof(r->proc)) != 0) {
		if (l->owner_pass + 1 >= v->pass)
			return false;
		l->now.owner = r->proc;
	}
	l->owner_pass = v->pass;
	return true;
}

static void take(void *context, const struct ps_inventory *r)
{
	struct inventory *v = context;
	bool is_unix = r->addr.family == 1;
	struct socket_seen *s;
	struct place *p;

	if (!is_unix && r->role != PS_SOCK_LISTEN)
		return; /* TCP connections are counted in the kernel */
	if (r->role == PS_SOCK_LISTEN && !take_listener(v, r) && is_unix)
		return;
	p = place_get(v, r);
	if (!p)
		return;
	if (r->role == PS_SOCK_LISTEN) {
		place_listens(p, r, v->pass);
		return;
	}
	if (p->pass != v->pass)
		p->n_met = 0;
	p->pass = v->pass;
	HASH_FIND(hh, v->sockets, &r->inode, sizeof(r->inode), s);
	if (!s) {
		if (HASH_COUNT(v->sockets) >= SOCKETS_MAX || !(s = calloc(1, sizeof(*s)))) {
			v->refused++;
			return;
		}
		s->inode = r->inode;
		s->place = p;
		HASH_ADD(hh, v->sockets, inode, sizeof(s->inode), s);
		if (!s->hh.tbl) {
			free(s);
			v->refused++;
			return;
		}
		p->books.open++;
		if (v->pass == 1)
			p->books.found++;
		else
			p->books.opened++;
	}
	if (s->pass != v->pass && s->place == p)
		p->n_met += !r->is_one_way;
	s->pass = v->pass;
	s->place->pass = v->pass;
}

/* ---- the end of a pass ------------------------------------------------------------------------------------------------- */

/* Two connections to one address are the least that a pool has, and what a process has to a log or a bus is one. */
static bool is_pool(const struct inventory *v, const struct place *p)
{
	return p->key.role == PS_SOCK_CONNECT && p->key.addr.family == 1 && p->pass == v->pass &&
	       p->n_met >= 2;
}

/* What their threads do with such connections is told from now on; another pass at once tells the kernel which ones there are. */
static void follow(struct inventory *v, struct kernel *k, int64_t now_ns)
{
	for (struct place *p = v->places; p; p = p->hh.next) {
		int error;

		if (p->wire || !is_pool(v, p))
			continue;
		error = kernel_follow_unix(k, &p->key, &p->wire);
		if (error == -E2BIG)
			v->unfollowed++;
		if (error)
			continue;
		p->books.wire = p->wire;
		p->books.since_ns = (uint64_t)now_ns;
		v->n_followed++;
		v->is_wanted = true;
	}
	if (v->is_wanted)
		kernel_meet_threads(k);
}

/* Connections that lived between two passes, but not without a word: the kernel has counted them, and all are closed but those that are open. */
static void take_opened(struct place *p, const struct kernel *k)
{
	struct ps_endpoint *b = &p->books;
	int64_t opened = kernel_unix_opened(k, &p->key);
	uint64_t closed;

	if (opened < 0)
		return;
	if (p->opened_before == UNKNOWN)
		p->opened_before = (int64_t)b->opened - opened;
	if (p->opened_before + opened > (int64_t)b->opened)
		b->opened = (uint64_t)(p->opened_before + opened);
	closed = b->found + b->opened - (uint64_t)b->open;
	if (closed > b->closed[PS_CLOSE_unknown])
		b->closed[PS_CLOSE_unknown] = closed;
}

static bool is_gone(const struct place *p)
{
	return kill((pid_t)p->key.proc.tgid, 0) && errno == ESRCH;
}

/* Sockets that the pass did not meet are closed; who closed them is not known. Places without any are dropped. */
static void sweep(struct inventory *v, struct kernel *k)
{
	struct socket_seen *s, *next_socket;
	struct place *p, *next_place;
	struct listener *l, *next_listener;

	HASH_ITER (hh, v->sockets, s, next_socket) {
		if (s->pass == v->pass)
			continue;
		s->place->books.open--;
		s->place->books.closed[PS_CLOSE_unknown]++;
		s->place->pass = v->pass;
		HASH_DEL(v->sockets, s);
		free(s);
	}
	HASH_ITER (hh, v->listeners, l, next_listener) {
		l->now.n_holders = l->n_holders;
		if (l->pass == v->pass)
			continue;
		kernel_forget_queue(v->kernel, l->inode);
		HASH_DEL(v->listeners, l);
		free(l);
	}
	HASH_ITER (hh, v->places, p, next_place) {
		if (p->listen_pass == v->pass)
			place_sums(p);
		if (p->pass == v->pass || p->books.open > 0)
			continue;
		if (v->pass - p->pass < 60 && !is_gone(p) &&
		    !kernel_is_left_out(k, p->key.proc.tgid))
			continue; /* an endpoint that rests keeps its counts for a minute of passes */
		place_free(v, k, p);
	}
}

static void begin_pass(struct inventory *v, int64_t now_ns)
{
	v->now_ns = now_ns;
	v->pass++;
	v->spent = 0;
	v->is_going_on = true;
}

static void end_pass(struct inventory *v, struct kernel *k, int64_t now_ns)
{
	v->is_wanted = false;
	sweep(v, k);
	for (struct place *p = v->places; p; p = p->hh.next)
		if (p->wire)
			take_opened(p, k);
	follow(v, k, now_ns);
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
	double begin = (double)clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1e9;
	int result;

	if (!v->is_going_on && !v->is_wanted)
		return 0;
	if (!v->is_going_on)
		begin_pass(v, now_ns);
	v->kernel = k;
	result = kernel_inventory(k, v->pass == 1 ? -1 : SLICE_NS, take, v);
	v->spent += (double)clock_ns(CLOCK_THREAD_CPUTIME_ID) / 1e9 - begin;
	if (result > 0)
		end_pass(v, k, now_ns);
	if (result < 0)
		v->is_going_on = false;
	return result < 0 ? result : 0;
}

void inventory_read_queues(struct inventory *v, struct kernel *k)
{
	struct listener *l;

	if (kernel_read_queues(k))
		return;
	for (l = v->listeners; l; l = l->hh.next) {
		int64_t n = l->sock ? kernel_queue(k, l->inode) : -1;

		if (n >= 0)
			l->now.queue = n;
	}
	for (struct place *p = v->places; p; p = p->hh.next) {
		HASH_FIND(hh, v->listeners, &p->inode, sizeof(p->inode), l);
		if (l && l->sock && p->n_sockets_so_far == 1 && p->n_sockets <= 1)
			p->queue = l->now.queue;
	}
}

int64_t inventory_since(const struct inventory *v)
{
	return v->since_ns;
}

static void feed_wire(struct kernel *k, const struct place *p, struct model *m)
{
	struct ps_wire wire;

	if (p->wire && !bpf_map_lookup_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &p->wire, &wire))
		model_feed_wire(m, &p->key, &wire);
}

int inventory_feed(struct inventory *v, struct kernel *k, struct model *m, int64_t now_ns)
{
	for (struct place *p = v->places; p; p = p->hh.next) {
		int error;

		if (p->key.addr.family != 1 || !model_has_process(m, &p->key.proc))
			continue;
		error = model_feed_endpoint(m, &p->key, &p->books, true, p->queue, p->backlog,
					    now_ns);
		if (error)
			return error;
		feed_wire(k, p, m);
	}
	return 0;
}

void inventory_listener(const struct inventory *v, const struct ps_endpoint_key *key,
			int64_t *ret_queue, int64_t *ret_backlog, int64_t *ret_drops)
{
	struct place *p;

	HASH_FIND(hh, v->places, key, sizeof(*key), p);
	*ret_queue = p ? p->queue : UNKNOWN;
	*ret_backlog = p ? p->backlog : UNKNOWN;
	*ret_drops = p ? p->drops : UNKNOWN;
}

const struct listening *inventory_listening(const struct inventory *v, uint64_t inode)
{
	struct listener *l;

	HASH_FIND(hh, v->listeners, &inode, sizeof(inode), l);
	return l ? &l->now : NULL;
}

void inventory_processes(const struct inventory *v,
			 void (*call)(void *context, const struct ps_proc_key *key), void *context)
{
	for (struct place *p = v->places; p; p = p->hh.next)
		if (p->key.addr.family == 1)
			call(context, &p->key.proc);
	for (struct listener *l = v->listeners; l; l = l->hh.next)
		call(context, &l->now.owner);
}

uint32_t inventory_n_followed(const struct inventory *v)
{
	return v->n_followed;
}

uint64_t inventory_n_unfollowed(const struct inventory *v)
{
	return v->unfollowed;
}

double inventory_seconds(const struct inventory *v)
{
	return v->seconds;
}
