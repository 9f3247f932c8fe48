/* SPDX-License-Identifier: MIT */
/*
 * pool.c - see pool.h. The surprise: an item that is handed to a waiter counts as released at once and as acquired only when the
 * waiter runs: that is what its caller gets to feel, and what the wait time must contain.
 */
#include "tools/sim/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OPS_MAX (32u << 20)

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *must(void *memory)
{
	if (!memory) {
		fprintf(stderr, "poolsim: out of memory\n");
		exit(1);
	}
	return memory;
}

void pool_init(struct pool *p, const struct pool_options *options)
{
	memset(p, 0, sizeof(*p));
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	poolscope_pool_counters(&p->scope, &p->n_in_use, &p->n_open);
	poolscope_pool_create(&p->scope, options->kind, options->name, options->capacity, 0);
}

/* ---- items ------------------------------------------------------------------------------------------------------------- */

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Called with the lock held, and gives it up while it connects: n_open is already raised. */
static struct item *item_open(struct pool *p)
{
	int64_t begin = now_ns(), took;
	struct item *item = must(calloc(1, sizeof(*item)));

	item->fd = -1;
	p->n_open++;
	if (p->options.port) {
		pthread_mutex_unlock(&p->lock);
		item->fd = connect_to(p->options.port);
		pthread_mutex_lock(&p->lock);
	}
	took = now_ns() - begin;
	if (p->options.port && item->fd < 0) {
		p->n_open--;
		p->open_failures++;
		poolscope_item_opened(&p->scope, 0, (uint64_t)took, POOLSCOPE_OUTCOME_FAILED);
		free(item);
		return NULL;
	}
	item->id = ++p->next_id;
	item->opened_ns = begin;
	p->opened++;
	if (p->n_creates == p->creates_room) {
		p->creates_room = p->creates_room ? 2 * p->creates_room : 256;
		p->create_ns = must(realloc(p->create_ns, p->creates_room * sizeof(*p->create_ns)));
	}
	p->create_ns[p->n_creates++] = took;
	poolscope_item_opened(&p->scope, item->id, (uint64_t)took, POOLSCOPE_OUTCOME_OK);
	return item;
}

static void item_close(struct pool *p, struct item *item, enum poolscope_close why)
{
	p->n_open--;
	p->closed++;
	poolscope_item_closed(&p->scope, item->id, why);
	if (item->fd >= 0)
		close(item->fd);
	free(item);
}

/* ---- the queue --------------------------------------------------------------------------------------------------------- */

static void queue_remove(struct pool *p, struct waiter *w)
{
	struct waiter **at = &p->first, *before = NULL;

	for (; *at != w; at = &(*at)->next)
		before = *at;
	*at = w->next;
	if (p->last == w)
		p->last = before;
	p->n_waiting--;
}

/* Blocks until an item is handed over; NULL = the time is up. */
static struct item *queue_wait(struct pool *p, int64_t deadline_ns)
{
	struct timespec until = { deadline_ns / 1000000000, deadline_ns % 1000000000 };
	struct waiter w = { 0 };
	pthread_condattr_t attr;
	int error = 0;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.wake, &attr);
	if (p->last)
		p->last->next = &w;
	else
		p->first = &w;
	p->last = &w;
	p->n_waiting++;
	while (!w.item && error != ETIMEDOUT)
		error = deadline_ns ? pthread_cond_timedwait(&w.wake, &p->lock, &until)
				    : pthread_cond_wait(&w.wake, &p->lock);
	if (!w.item)
		queue_remove(p, &w);
	pthread_cond_destroy(&w.wake);
	pthread_condattr_destroy(&attr);
	return w.item;
}

/* ---- acquire and release ----------------------------------------------------------------------------------------------- */

static size_t op_new(struct pool *p, int64_t begin_ns)
{
	if (p->n_ops == p->room) {
		if (p->room >= OPS_MAX) {
			fprintf(stderr,
				"poolsim: pool %s: more than %u operations, the truth would be incomplete\n",
				p->options.name, OPS_MAX);
			exit(1);
		}
		p->room = p->room ? 2 * p->room : 65536;
		p->ops = must(realloc(p->ops, p->room * sizeof(*p->ops)));
	}
	p->ops[p->n_ops] = (struct op){ .begin_ns = begin_ns };
	return p->n_ops++;
}

static void book_acquired(struct pool *p, struct item *item, size_t op, bool is_new)
{
	p->n_in_use++;
	p->acquires++;
	item->op = op;
	p->ops[op].acquired_ns = now_ns();
	poolscope_acquired(&p->scope, item->id, 0, is_new ? POOLSCOPE_NEW : 0);
}

/* An item without waiting: an idle one, or a new one while there is room. Gives the lock up while it opens. */
static struct item *take_or_open(struct pool *p, bool *ret_new)
{
	struct item *item = p->idle;

	*ret_new = false;
	if (item) {
		p->idle = item->next;
		return item;
	}
	if (p->options.capacity && p->n_open >= p->options.capacity)
		return NULL;
	item = item_open(p);
	*ret_new = item != NULL;
	return item;
}

struct item *pool_acquire(struct pool *p, int64_t timeout_ns)
{
	struct item *item = NULL;
	bool is_new = false;
	size_t op;

	pthread_mutex_lock(&p->lock);
	if (!p->first)
		item = take_or_open(p, &is_new);
	if (item) {
		int64_t begin = now_ns();

		op = op_new(p, begin);
		p->ops[op].begin_ns = begin;
		book_acquired(p, item, op, is_new);
		p->ops[op].begin_ns = p->ops[op].acquired_ns; /* waited for nothing: what it took was the opening */
		pthread_mutex_unlock(&p->lock);
		return item;
	}
	if (p->options.max_waiters && p->n_waiting >= p->options.max_waiters) {
		p->rejections++;
		poolscope_rejected(&p->scope, POOLSCOPE_REJECT_QUEUE_FULL);
		pthread_mutex_unlock(&p->lock);
		return NULL;
	}
	op = op_new(p, now_ns());
	poolscope_wait_begin(&p->scope, 0);
	item = queue_wait(p, timeout_ns ? p->ops[op].begin_ns + timeout_ns : 0);
	if (item) {
		p->waited++;
		book_acquired(p, item, op, false);
	} else {
		p->timeouts++;
		p->ops[op].end_ns = now_ns();
		poolscope_wait_end(&p->scope, 0, POOLSCOPE_OUTCOME_TIMEOUT);
	}
	pthread_mutex_unlock(&p->lock);
	return item;
}

/* An item that is free goes to the first waiter, or to the idle ones. */
static void pass_on(struct pool *p, struct item *item)
{
	struct waiter *w = p->first;

	if (!w) {
		item->next = p->idle;
		p->idle = item;
		return;
	}
	queue_remove(p, w);
	w->item = item;
	pthread_cond_signal(&w->wake);
}

void pool_release(struct pool *p, struct item *item, bool is_broken)
{
	struct item *replacement;

	pthread_mutex_lock(&p->lock);
	p->n_in_use--;
	p->releases++;
	p->ops[item->op].end_ns = now_ns();
	poolscope_released(&p->scope, item->id, is_broken ? POOLSCOPE_BROKEN : 0);
	if (is_broken || !p->options.is_reused) {
		item_close(p, item, is_broken ? POOLSCOPE_CLOSE_BROKEN : POOLSCOPE_CLOSE_SHRINK);
		if (p->first) {
			replacement = item_open(p);
			if (replacement)
				pass_on(p, replacement);
		}
	} else {
		pass_on(p, item);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_done(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->idle) {
		struct item *item = p->idle;

		p->idle = item->next;
		item_close(p, item, POOLSCOPE_CLOSE_SHUTDOWN);
	}
	poolscope_pool_destroy(&p->scope);
	pthread_mutex_unlock(&p->lock);
	free(p->ops);
	free(p->create_ns);
	p->ops = NULL;
	p->create_ns = NULL;
}
