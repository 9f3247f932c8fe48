/* SPDX-License-Identifier: MIT */
/*
 * workers.c - see workers.h. The surprise: a task for which a worker is idle (or may be started) waits for nobody and has no
 * wait_begin; its worker takes it as soon as it runs.
 */
#include "tools/sim/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define TASK_IDS_FROM (1ull << 32) /* far from thread ids, which are the default names of waiters */

static void *work(void *arg);

/* ---- workers ----------------------------------------------------------------------------------------------------------- */

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

/* With the lock held: so the worker's first task can begin only after its opening is booked. */
static void worker_start(struct workers *w, struct task *task)
{
	struct worker *me = must(calloc(1, sizeof(*me)));
	int64_t begin_ns = now_ns();
	pthread_t thread;

	me->pool = w;
	me->id = ++w->next_worker;
	me->task = task;
	cond_init(&me->wake);
	errno = pthread_create(&thread, NULL, work, me);
	if (errno) {
		fprintf(stderr, "poolsim: pool %s: cannot start a thread: %s\n", w->books.name,
			strerror(errno));
		exit(1);
	}
	pthread_detach(thread);
	w->n_workers++;
	book_opened(&w->books, me->id, now_ns() - begin_ns);
}

static void worker_end(struct worker *me, enum poolscope_close reason)
{
	struct workers *w = me->pool;

	w->n_workers--;
	book_closed(&w->books, me->id, reason);
	pthread_cond_destroy(&me->wake);
	free(me);
	pthread_cond_broadcast(&w->quiet);
}

static void idle_remove(struct workers *w, struct worker *me)
{
	struct worker **at = &w->idle;

	while (*at != me)
		at = &(*at)->next;
	*at = me->next;
}

/* The next task of the queue, or NULL. */
static struct task *queue_take(struct workers *w)
{
	struct task *task = w->first;

	if (!task)
		return NULL;
	w->first = task->next;
	if (!w->first)
		w->last = NULL;
	w->n_queued--;
	pthread_cond_signal(&w->room);
	return task;
}

/* The next task; NULL: this worker shall end, and why. */
static struct task *worker_wait(struct worker *me, enum poolscope_close *ret_reason)
{
	struct workers *w = me->pool;
	int64_t deadline_ns = now_ns() + w->options.idle_timeout_ns;
	struct timespec until = { deadline_ns / 1000000000, deadline_ns % 1000000000 };
	struct task *task;
	int error = 0;

	if (me->task || (me->task = queue_take(w)))
		goto out;
	me->next = w->idle;
	w->idle = me;
	while (!me->task && !w->is_over && (error != ETIMEDOUT || !w->options.idle_timeout_ns)) {
		if (w->options.idle_timeout_ns && w->n_workers > w->options.min)
			error = pthread_cond_timedwait(&me->wake, &w->lock, &until);
		else
			pthread_cond_wait(&me->wake, &w->lock);
	}
	if (!me->task)
		idle_remove(w, me);
	*ret_reason = w->is_over ? POOLSCOPE_CLOSE_SHUTDOWN : POOLSCOPE_CLOSE_IDLE_TIMEOUT;
out:
	task = me->task;
	me->task = NULL;
	return task;
}

static void *work(void *arg)
{
	struct worker *me = arg;
	struct workers *w = me->pool;
	enum poolscope_close reason;
	struct task *task;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", (unsigned int)(me->id % 1000000));
	pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, 1);
	pthread_mutex_lock(&w->lock);
	while ((task = worker_wait(me, &reason))) {
		size_t op = book_acquired(&w->books, task->op, me->id, task->id, false);

		pthread_mutex_unlock(&w->lock);
		w->options.run(w->options.context, task->hold_ns);
		free(task);
		pthread_mutex_lock(&w->lock);
		book_released(&w->books, op, me->id, false);
		if (!--w->n_unfinished)
			pthread_cond_broadcast(&w->quiet);
	}
	worker_end(me, reason);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- tasks ------------------------------------------------------------------------------------------------------------- */

/* The queue is full. True: now there is room. */
static bool make_room(struct workers *w)
{
	struct task *oldest;

	switch (w->options.backpressure) {
	case BACKPRESSURE_REJECT:
		book_rejected(&w->books, POOLSCOPE_REJECT_QUEUE_FULL);
		return false;
	case BACKPRESSURE_DROP_OLDEST:
		oldest = queue_take(w);
		if (!oldest)
			return true;
		book_wait_end(&w->books, oldest->op, oldest->id, POOLSCOPE_OUTCOME_REJECTED);
		book_rejected(&w->books, POOLSCOPE_REJECT_DROPPED);
		w->n_unfinished--;
		free(oldest);
		return true;
	case BACKPRESSURE_BLOCK:
		book_rejected(&w->books, POOLSCOPE_REJECT_CALLER_BLOCKED);
		while (w->n_queued >= w->options.max_queue)
			pthread_cond_wait(&w->room, &w->lock);
		return true;
	}
	return false;
}

static void enqueue(struct workers *w, struct task *task)
{
	task->op = book_wait_begin(&w->books, task->id);
	if (w->last)
		w->last->next = task;
	else
		w->first = task;
	w->last = task;
	w->n_queued++;
}

static bool submit_locked(struct workers *w, int64_t hold_ns)
{
	const struct workers_options *o = &w->options;
	struct worker *idle;
	struct task *task;

	if (!w->idle && w->n_workers >= o->max && o->max_queue && w->n_queued >= o->max_queue &&
	    !make_room(w))
		return false;
	task = must(calloc(1, sizeof(*task)));
	task->id = TASK_IDS_FROM + w->next_task++;
	task->hold_ns = hold_ns;
	task->op = OP_NONE;
	w->n_unfinished++;
	idle = w->idle;
	if (idle) {
		w->idle = idle->next;
		idle->task = task;
		pthread_cond_signal(&idle->wake);
	} else if (w->n_workers < o->max) {
		worker_start(w, task);
	} else {
		enqueue(w, task);
	}
	return true;
}

bool workers_submit(struct workers *w, int64_t hold_ns)
{
	bool is_taken;

	pthread_mutex_lock(&w->lock);
	is_taken = submit_locked(w, hold_ns);
	pthread_mutex_unlock(&w->lock);
	return is_taken;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------- */

void workers_init(struct workers *w, const struct workers_options *options)
{
	memset(w, 0, sizeof(*w));
	w->options = *options;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->room, NULL);
	pthread_cond_init(&w->quiet, NULL);
	pthread_mutex_lock(&w->lock);
	books_init(&w->books, POOLSCOPE_KIND_WORKER, options->name, options->max, options->min);
	while (w->n_workers < options->min)
		worker_start(w, NULL);
	pthread_mutex_unlock(&w->lock);
}

void workers_drain(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->n_unfinished)
		pthread_cond_wait(&w->quiet, &w->lock);
	/* elastic: nothing may end of itself from now on */
	w->options.idle_timeout_ns = 0;
	pthread_mutex_unlock(&w->lock);
}

void workers_done(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->is_over = true;
	for (struct worker *i = w->idle; i; i = i->next)
		pthread_cond_signal(&i->wake);
	while (w->n_workers)
		pthread_cond_wait(&w->quiet, &w->lock);
	books_done(&w->books);
	pthread_mutex_unlock(&w->lock);
}
