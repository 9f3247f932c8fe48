/* SPDX-License-Identifier: MIT */
/*
 * queue.c - see queue.h: a simulation by events. The surprise: nothing in it knows who a caller is. One that leaves is replaced by
 * one that comes, now or after a while, so callers are counts; only those who wait have a place each, for the order and for the limit
 * of time.
 */
#include "advise/queue.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "bpf/abi.h"

#define WARM_UP 5000	/* callers before any is counted, and more for each caller of a closed system */
#define COUNTED 100000
#define NEVER INFINITY
#define NONE UINT32_MAX

/* ---- holds ----------------------------------------------------------------------------------------------------------------- */

struct holds {
	double until[PS_HIST_BUCKETS];	/* share of holds in the buckets up to this one */
	uint16_t bucket[PS_HIST_BUCKETS];
	unsigned int n;
	double scale;	/* so that their mean is that of the histogram's sum */
};

static double lower_s(unsigned int bucket)
{
	return bucket ? hist_upper_s(bucket - 1) : 0;
}

/* The last one has no upper bound. */
static double ratio_of(unsigned int bucket)
{
	return bucket + 1 < PS_HIST_BUCKETS ? hist_upper_s(bucket) / lower_s(bucket) : 2;
}

/* Of values spread evenly over a bucket's logarithms. */
static double bucket_mean_s(unsigned int bucket)
{
	if (!bucket)
		return hist_upper_s(0) / 2;
	return lower_s(bucket) * (ratio_of(bucket) - 1) / log(ratio_of(bucket));
}

static double mean_by_buckets(const struct hist *h)
{
	double sum = 0;

	for (struct hist_walk w = hist_walk(h); hist_next(&w);)
		sum += (double)w.n * bucket_mean_s(w.bucket);
	return h->count ? sum / (double)h->count : NAN;
}

double queue_mean_s(const struct hist *h)
{
	return h->count && h->sum_s > 0 ? h->sum_s / (double)h->count : mean_by_buckets(h);
}

static void holds_init(struct holds *ret, const struct hist *h)
{
	double seen = 0;

	ret->n = 0;
	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		seen += (double)w.n;
		ret->until[ret->n] = seen / (double)h->count;
		ret->bucket[ret->n++] = (uint16_t)w.bucket;
	}
	ret->scale = queue_mean_s(h) / mean_by_buckets(h);
}

static double holds_draw(const struct holds *h, double at, double within)
{
	unsigned int low = 0, high = h->n - 1;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (h->until[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	if (!h->bucket[low])
		return h->scale * within * hist_upper_s(0);
	return h->scale * lower_s(h->bucket[low]) * pow(ratio_of(h->bucket[low]), within);
}

/* ---- state ----------------------------------------------------------------------------------------------------------------- */

/* A place in the queue: in a list by their beginning, and in an array from which any can be drawn. */
struct place {
	double since;
	uint32_t before, after, at;
};

struct event {
	double at;
	bool is_return;	/* a caller has thought enough; else an item is given back */
};

struct state {
	const struct queue *q;
	struct holds holds;
	uint64_t random;
	double now, next_arrival;
	uint32_t n_free;	/* items */
	uint32_t n_inside, n_outside;	/* QUEUE_LIMITED */

	struct event *heap;	/* owned, as are the next two */
	uint32_t n_events;
	struct place *place;
	uint32_t *waiting;	/* numbers of places: the first n_waiting are taken, the others free */
	uint32_t n_waiting, n_places;
	uint32_t oldest, newest;

	uint32_t n_warm_up, n_ended;
	double begin, busy_s;	/* of what is counted */
	uint64_t n_timeouts;
	struct hist wait;
	bool is_full;	/* more wait than there are places */
	int error;
};

/* splitmix64, Steele, Lea and Flood 2014; over 0 and below 1. */
static double draw(struct state *s)
{
	uint64_t z = s->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	z ^= z >> 31;
	return ((double)(z >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(struct state *s, double mean)
{
	return -log(draw(s)) * mean;
}

static void heap_push(struct state *s, double at, bool is_return)
{
	uint32_t i = s->n_events++;

	for (; i && s->heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = (struct event){ at, is_return };
}

static struct event heap_pop(struct state *s)
{
	struct event top = s->heap[0], last = s->heap[--s->n_events];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < s->n_events) {
		child += child + 1 < s->n_events && s->heap[child + 1].at < s->heap[child].at;
		if (s->heap[child].at >= last.at)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = last;
	return top;
}

/* ---- who waits ------------------------------------------------------------------------------------------------------------- */

static void queue_add(struct state *s)
{
	uint32_t i;

	if (s->n_waiting == s->n_places) {
		s->is_full = true;
		return;
	}
	i = s->waiting[s->n_waiting];
	s->place[i] = (struct place){ s->now, s->newest, NONE, s->n_waiting++ };
	if (s->newest != NONE)
		s->place[s->newest].after = i;
	else
		s->oldest = i;
	s->newest = i;
}

static void queue_remove(struct state *s, uint32_t i)
{
	struct place *p = &s->place[i];
	uint32_t last = s->waiting[--s->n_waiting];

	s->waiting[p->at] = last;
	s->place[last].at = p->at;
	s->waiting[s->n_waiting] = i;
	if (p->before != NONE)
		s->place[p->before].after = p->after;
	else
		s->oldest = p->after;
	if (p->after != NONE)
		s->place[p->after].before = p->before;
	else
		s->newest = p->before;
}

static uint32_t queue_next(struct state *s)
{
	switch (s->q->order) {
	case QUEUE_FIRST:
		break;
	case QUEUE_ANY:
		return s->waiting[(uint32_t)(draw(s) * s->n_waiting)];
	case QUEUE_LAST:
		return s->newest;
	}
	return s->oldest;
}

/* ---- what happens ---------------------------------------------------------------------------------------------------------- */

static void count(struct state *s, double waited_s, bool is_timeout)
{
	if (++s->n_ended < s->n_warm_up)
		return;
	if (s->n_ended == s->n_warm_up) {
		s->begin = s->now;
		s->busy_s = 0;
		return;
	}
	s->n_timeouts += is_timeout;
	if (hist_record_ns(&s->wait, (uint64_t)(waited_s * 1e9)))
		s->error = -ENOMEM;
}

static void hold(struct state *s)
{
	double at = draw(s), within = draw(s);

	heap_push(s, s->now + holds_draw(&s->holds, at, within), false);
}

static void ask(struct state *s)
{
	if (!s->n_free) {
		queue_add(s);
		return;
	}
	s->n_free--;
	count(s, 0, false);
	hold(s);
}

static void arrive(struct state *s)
{
	if (s->q->arrivals != QUEUE_LIMITED) {
		ask(s);
	} else if (s->n_inside < s->q->callers) {
		s->n_inside++;
		ask(s);
	} else {
		s->n_outside++;
	}
}

static void leave(struct state *s)
{
	if (s->q->arrivals == QUEUE_CLOSED) {
		heap_push(s, s->now + exponential(s, s->q->think_s), true);
	} else if (s->q->arrivals == QUEUE_LIMITED && s->n_outside) {
		s->n_outside--;
		ask(s);
	} else if (s->q->arrivals == QUEUE_LIMITED) {
		s->n_inside--;
	}
}

static void give_back(struct state *s)
{
	uint32_t i;

	if (s->n_waiting) {
		i = queue_next(s);
		count(s, s->now - s->place[i].since, false);
		queue_remove(s, i);
		hold(s);
	} else {
		s->n_free++;
	}
	leave(s);
}

static void give_up(struct state *s)
{
	count(s, s->now - s->place[s->oldest].since, true);
	queue_remove(s, s->oldest);
	leave(s);
}

static void step(struct state *s)
{
	double event = s->n_events ? s->heap[0].at : NEVER, timeout = NEVER, next;

	if (s->q->timeout_s > 0 && s->oldest != NONE)
		timeout = s->place[s->oldest].since + s->q->timeout_s;
	next = fmin(fmin(event, timeout), s->next_arrival);
	s->busy_s += (s->q->capacity - s->n_free) * (next - s->now);
	s->now = next;
	if (event <= next) {
		if (heap_pop(s).is_return)
			ask(s);
		else
			give_back(s);
	} else if (timeout <= next) {
		give_up(s);
	} else {
		arrive(s);
		s->next_arrival = s->now + exponential(s, 1 / s->q->per_s);
	}
}

/* ---- the answer ------------------------------------------------------------------------------------------------------------ */

static int state_init(struct state *s, const struct queue *q)
{
	bool is_open = q->arrivals == QUEUE_OPEN;
	uint32_t callers = is_open ? 0 : q->callers;

	s->q = q;
	s->n_free = q->capacity;
	s->n_warm_up = WARM_UP + 10 * callers;
	s->n_places = is_open ? WARM_UP + COUNTED : callers;
	s->oldest = s->newest = NONE;
	s->heap = calloc(q->capacity + callers + 1, sizeof(*s->heap));
	s->place = calloc(s->n_places, sizeof(*s->place));
	s->waiting = calloc(s->n_places, sizeof(*s->waiting));
	if (!s->heap || !s->place || !s->waiting)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_places; i++)
		s->waiting[i] = i;
	holds_init(&s->holds, q->hold);
	s->next_arrival = NEVER;
	if (q->arrivals != QUEUE_CLOSED)
		s->next_arrival = exponential(s, 1 / q->per_s);
	for (uint32_t i = 0; q->arrivals == QUEUE_CLOSED && i < callers; i++)
		heap_push(s, exponential(s, q->think_s), true);
	return 0;
}

static void state_done(struct state *s)
{
	free(s->heap);
	free(s->place);
	free(s->waiting);
	hist_done(&s->wait);
}

static void answer(const struct state *s, struct queue_answer *ret)
{
	double took_s = s->now - s->begin, n = (double)s->wait.count;

	*ret = (struct queue_answer){
		.is_stable = true,
		.utilization = fmin(1, s->busy_s / took_s / s->q->capacity),
		.per_s = n / took_s,
		.timeout_ratio = (double)s->n_timeouts / n,
		.mean_s = s->wait.sum_s / n,
		.p50_s = hist_quantile_s(&s->wait, 0.5),
		.p90_s = hist_quantile_s(&s->wait, 0.9),
		.p99_s = hist_quantile_s(&s->wait, 0.99),
	};
}

/* Who comes to an open queue that nobody gives up comes to stay when all items together cannot keep up. */
static bool is_stable(const struct queue *q)
{
	return q->arrivals == QUEUE_CLOSED || q->timeout_s > 0 ||
	       q->per_s * queue_mean_s(q->hold) < q->capacity;
}

int queue_ask(const struct queue *q, struct queue_answer *ret)
{
	CLEANUP(state_done) struct state s = { 0 };
	int r;

	assert(q->capacity && q->capacity <= QUEUE_MAX && q->hold->count);
	assert(q->arrivals == QUEUE_OPEN || (q->callers && q->callers <= QUEUE_MAX));
	if (!is_stable(q)) {
		*ret = (struct queue_answer){ false, 1, NAN, NAN, NAN, NAN, NAN, NAN };
		return 0;
	}
	r = state_init(&s, q);
	while (!r && !s.is_full && s.n_ended < s.n_warm_up + COUNTED) {
		step(&s);
		r = s.error;
	}
	if (r)
		return r;
	if (s.is_full)
		*ret = (struct queue_answer){ false, 1, NAN, NAN, NAN, NAN, NAN, NAN };
	else
		answer(&s, ret);
	return 0;
}
