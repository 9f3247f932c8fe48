/* SPDX-License-Identifier: MIT */
/*
 * pool.c - see pool.h. The surprise: an item that is handed to a waiter counts as released at once and as acquired only when the
 * waiter runs: that is what its caller gets to feel, and what the wait time must contain.
 */
#include "tools/sim/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAILED_OPENINGS_MAX 5

void pool_init(struct pool *p, const struct pool_options *options)
{
	memset(p, 0, sizeof(*p));
	p->options = *options;
	pthread_mutex_init(&p->lock, NULL);
	pthread_mutex_lock(&p->lock);
	books_init(&p->books, options->kind, options->name, options->capacity, options->min_idle);
	pthread_mutex_unlock(&p->lock);
}

static bool has_slot(const struct pool *p)
{
	return !p->books.capacity || p->n_slots < p->books.capacity;
}

/* ---- items: opened and closed without the lock, in a slot that was taken before ---------------------------------------- */

static struct item *item_open(struct pool *p)
{
	const struct item_ops *ops = &p->options.ops;
	struct item *item = must(calloc(1, sizeof(*item)));
	bool is_open = true;

	item->fd = -1;
	item->opened_ns = now_ns();
	if (ops->open) {
		pthread_mutex_unlock(&p->lock);
		is_open = ops->open(ops->context, item);
		pthread_mutex_lock(&p->lock);
	}
	if (!is_open) {
		book_open_failed(&p->books, now_ns() - item->opened_ns);
		free(item);
		p->n_slots--;
		if (++p->failed_openings >= FAILED_OPENINGS_MAX && p->options.circuit_ns)
			p->circuit_until_ns = now_ns() + p->options.circuit_ns;
		return NULL;
	}
	p->failed_openings = 0;
	item->id = ++p->next_id;
	if (!p->options.is_token)
		book_opened(&p->books, item->id, now_ns() - item->opened_ns);
	return item;
}

/* The caller has taken the item out of the list and calls grant() some time after. */
static void item_close(struct pool *p, struct item *item, enum poolscope_close reason)
{
	const struct item_ops *ops = &p->options.ops;

	if (!p->options.is_token)
		book_closed(&p->books, item->id, reason);
	p->n_slots--;
	if (ops->close) {
		pthread_mutex_unlock(&p->lock);
		ops->close(ops->context, item);
		pthread_mutex_lock(&p->lock);
	}
	free(item);
}

static bool item_check(struct pool *p, struct item *item)
{
	const struct item_ops *ops = &p->options.ops;
	bool is_ok;

	if (!ops->check)
		return true;
	pthread_mutex_unlock(&p->lock);
	is_ok = ops->check(ops->context, item);
	pthread_mutex_lock(&p->lock);
	book_health(&p->books, item->id, is_ok);
	item->checked_ns = now_ns();
	return is_ok;
}

/* ---- the idle ones ----------------------------------------------------------------------------------------------------- */

static void idle_push(struct pool *p, struct item *item)
{
	item->next = p->idle;
	p->idle = item;
	p->n_idle++;
}

static struct item *idle_take(struct pool *p, struct item **at)
{
	struct item *item = *at;

	*at = item->next;
	item->next = NULL;
	p->n_idle--;
	return item;
}

/* An item without waiting: an idle one, or a new one while there is room. */
static struct item *take_or_open(struct pool *p, bool *ret_new)
{
	*ret_new = false;
	while (p->idle) {
		struct item *item = idle_take(p, &p->idle);

		if (!p->options.is_checked_at_use || item_check(p, item))
			return item;
		item_close(p, item, POOLSCOPE_CLOSE_BROKEN);
	}
	if (!has_slot(p))
		return NULL;
	p->n_slots++;
	*ret_new = true;
	return item_open(p);
}

/* ---- the queue --------------------------------------------------------------------------------------------------------- */

static void queue_add(struct pool *p, struct waiter *w)
{
	if (!p->first)
		p->first = p->last = w;
	else if (p->options.is_unfair) {
		w->next = p->first;
		p->first = w;
	} else {
		p->last->next = w;
		p->last = w;
	}
	p->n_queued++;
}

static void queue_remove(struct pool *p, struct waiter *w)
{
	struct waiter **at = &p->first, *before = NULL;

	for (; *at != w; at = &(*at)->next)
		before = *at;
	*at = w->next;
	if (p->last == w)
		p->last = before;
	p->n_queued--;
}

/* Gives what is free to those who wait. To be called after every change that may have freed something. */
static void grant(struct pool *p)
{
	while (p->first && (p->idle || has_slot(p))) {
		struct waiter *w = p->first;

		queue_remove(p, w);
		if (p->idle)
			w->item = idle_take(p, &p->idle);
		else
			w->may_open = true, p->n_slots++;
		pthread_cond_signal(&w->wake);
	}
}

/* Blocks until something is handed over, the time is up (at 0: never) or the wait is cancelled. */
static void queue_wait(struct pool *p, struct waiter *w, int64_t deadline_ns)
{
	struct timespec until = { deadline_ns / 1000000000, deadline_ns % 1000000000 };
	pthread_condattr_t attr;
	int error = 0;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	queue_add(p, w);
	grant(p); /* something may have become free between the look and the queue */
	while (!w->item && !w->may_open && !w->is_cancelled && error != ETIMEDOUT)
		error = deadline_ns ? pthread_cond_timedwait(&w->wake, &p->lock, &until)
				    : pthread_cond_wait(&w->wake, &p->lock);
	if (!w->item && !w->may_open && !w->is_cancelled)
		queue_remove(p, w);
	pthread_cond_destroy(&w->wake);
	pthread_condattr_destroy(&attr);
}

/* ---- acquire and release ----------------------------------------------------------------------------------------------- */

static struct item *acquire_waiting(struct pool *p, int64_t timeout_ns, enum poolscope_outcome *why)
{
	struct waiter w = { 0 };
	size_t op = book_wait_begin(&p->books, 0);

	queue_wait(p, &w, timeout_ns ? p->books.ops[op].begin_ns + timeout_ns : 0);
	*why = w.is_cancelled ? POOLSCOPE_OUTCOME_CANCELLED : POOLSCOPE_OUTCOME_TIMEOUT;
	if (w.may_open) {
		*why = POOLSCOPE_OUTCOME_FAILED;
		w.item = item_open(p);
	}
	if (w.item) {
		w.item->op = book_acquired(&p->books, op, w.item->id, 0, w.may_open);
		return w.item;
	}
	book_wait_end(&p->books, op, 0, *why);
	return NULL;
}

static struct item *acquire_locked(struct pool *p, int64_t timeout_ns, enum poolscope_outcome *why)
{
	struct item *item = NULL;
	bool is_new = false;

	if (p->circuit_until_ns && now_ns() < p->circuit_until_ns) {
		book_rejected(&p->books, POOLSCOPE_REJECT_CIRCUIT_OPEN);
		*why = POOLSCOPE_OUTCOME_REJECTED;
		return NULL;
	}
	if (!p->first)
		item = take_or_open(p, &is_new);
	if (item) {
		item->op = book_acquired(&p->books, OP_NONE, item->id, 0, is_new);
		return item;
	}
	if (is_new) {
		*why = POOLSCOPE_OUTCOME_FAILED;
		return NULL;
	}
	if (p->options.max_waiters && p->n_queued >= p->options.max_waiters) {
		book_rejected(&p->books, POOLSCOPE_REJECT_QUEUE_FULL);
		*why = POOLSCOPE_OUTCOME_REJECTED;
		return NULL;
	}
	return acquire_waiting(p, timeout_ns, why);
}

struct item *pool_acquire(struct pool *p, int64_t timeout_ns, enum poolscope_outcome *ret_why)
{
	enum poolscope_outcome why = POOLSCOPE_OUTCOME_OK;
	struct item *item;

	pthread_mutex_lock(&p->lock);
	item = acquire_locked(p, timeout_ns, &why);
	if (!item)
		grant(p);
	pthread_mutex_unlock(&p->lock);
	if (ret_why)
		*ret_why = why;
	return item;
}

static bool is_too_old(const struct pool *p, const struct item *item, int64_t at_ns)
{
	return p->options.max_lifetime_ns && at_ns - item->opened_ns > p->options.max_lifetime_ns;
}

void pool_release(struct pool *p, struct item *item, bool is_broken)
{
	const struct pool_options *o = &p->options;

	pthread_mutex_lock(&p->lock);
	book_released(&p->books, item->op, item->id, is_broken);
	item->idle_since_ns = p->books.ops[item->op].end_ns;
	if (is_broken)
		item_close(p, item, POOLSCOPE_CLOSE_BROKEN);
	else if (is_too_old(p, item, item->idle_since_ns))
		item_close(p, item, POOLSCOPE_CLOSE_MAX_LIFETIME);
	else if (o->is_one_way || (p->books.capacity && p->n_slots > p->books.capacity) ||
		 (o->max_idle && p->n_idle >= o->max_idle && !p->first))
		item_close(p, item, POOLSCOPE_CLOSE_SHRINK);
	else
		idle_push(p, item);
	grant(p);
	pthread_mutex_unlock(&p->lock);
}

void pool_leak(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	book_leaked(&p->books);
	pthread_mutex_unlock(&p->lock);
}

void pool_cancel(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->first) {
		struct waiter *w = p->first;

		queue_remove(p, w);
		w->is_cancelled = true;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_resize(struct pool *p, uint32_t capacity)
{
	pthread_mutex_lock(&p->lock);
	book_resize(&p->books, capacity);
	while (p->idle && capacity && p->n_slots > capacity)
		item_close(p, idle_take(p, &p->idle), POOLSCOPE_CLOSE_SHRINK);
	grant(p);
	pthread_mutex_unlock(&p->lock);
}

/* ---- housekeeping ------------------------------------------------------------------------------------------------------ */

/* The first idle item that has to go, and why; or one that is due for a check (reason OK to keep). NULL: all is well. */
static struct item *take_due(struct pool *p, int64_t at_ns, enum poolscope_close *ret_reason)
{
	const struct pool_options *o = &p->options;

	for (struct item **at = &p->idle; *at; at = &(*at)->next) {
		*ret_reason = POOLSCOPE_CLOSE_UNKNOWN;
		if (is_too_old(p, *at, at_ns))
			*ret_reason = POOLSCOPE_CLOSE_MAX_LIFETIME;
		else if (o->idle_timeout_ns && at_ns - (*at)->idle_since_ns > o->idle_timeout_ns &&
			 p->n_idle > o->min_idle)
			*ret_reason = POOLSCOPE_CLOSE_IDLE_TIMEOUT;
		else if (!o->check_every_ns || at_ns - (*at)->checked_ns < o->check_every_ns)
			continue;
		return idle_take(p, at);
	}
	return NULL;
}

void pool_tend(struct pool *p)
{
	int64_t at_ns = now_ns();
	enum poolscope_close reason;
	struct item *item;

	pthread_mutex_lock(&p->lock);
	while ((item = take_due(p, at_ns, &reason))) {
		if (reason == POOLSCOPE_CLOSE_UNKNOWN && !item_check(p, item))
			reason = POOLSCOPE_CLOSE_PEER_CLOSED;
		if (reason == POOLSCOPE_CLOSE_UNKNOWN)
			idle_push(p, item);
		else
			item_close(p, item, reason);
		grant(p);
	}
	while (p->n_idle < p->options.min_idle && has_slot(p)) {
		p->n_slots++;
		item = item_open(p);
		if (!item)
			break;
		item->idle_since_ns = item->checked_ns = now_ns();
		idle_push(p, item);
		grant(p);
	}
	pthread_mutex_unlock(&p->lock);
}

void pool_done(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->idle)
		item_close(p, idle_take(p, &p->idle), POOLSCOPE_CLOSE_SHUTDOWN);
	books_done(&p->books);
	pthread_mutex_unlock(&p->lock);
}
