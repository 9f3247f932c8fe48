/* SPDX-License-Identifier: MIT */
/*
 * families.c - pools of workers that were inferred (bpf/workers.h). The surprise: which threads are a pool is not told by anybody; those
 * that wait in accept() on one socket are, those that poll it are when they sleep before an answer and poll nothing else, and those of
 * one name are when all they do between two requests is sleep.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/state.h"

#define MULTIPLEXED 0.05 /* of requests that came while another was unanswered: event loops; workers have none */
#define ELSEWHERE 0.1 /* of sleeps after an answer that were not in a futex: the same */
#define RESUMED 0.02 /* of answers that went on after they had been counted */
#define REUSED 2 /* requests for each thread: one that is made for a request is of no pool */
#define COVERED_NS 60000000000 /* a new worker is not known to the better source before its first request */

static bool is_by_name(const struct family *f)
{
	return f->key.proc.tgid != 0;
}

void family_free(struct model *m, struct family *f)
{
	HASH_DEL(m->families, f);
	hist_done(&f->hold);
	free(f);
}

static struct family *family_find(const struct model *m, const struct ps_family_key *key)
{
	struct family *f;

	HASH_FIND(hh, m->families, key, sizeof(*key), f);
	return f;
}

static struct family *family_get(struct model *m, const struct ps_family_key *key)
{
	struct family *f = family_find(m, key);

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->key = *key;
	f->id = m->next_id++;
	trend_init(&f->trend);
	HASH_ADD(hh, m->families, key, sizeof(f->key), f);
	return f;
}

static bool has_workers(const struct model *m, const struct ps_proc_key *key)
{
	const struct process *p = process_find(m, key);

	return p && p->has_workers;
}

/* UNKNOWN while some of them have not been seen to wait: those at work since before the agent came. */
static int64_t family_size(const struct family *f)
{
	const struct ps_family *b = &f->books;
	int64_t n_holders = f->place.n_holders;

	if (is_by_name(f))
		return b->n_named && !b->n_unsure ? (int64_t)b->n_named : UNKNOWN;
	if (b->n <= 0 || b->n_unsure ||
	    (b->flags & PS_FAMILY_PREFORK ? b->n : 1) + (int64_t)b->n_aside < n_holders)
		return UNKNOWN;
	return b->n;
}

static void family_sum(struct family *f, int64_t t_ns)
{
	const struct ps_family *b = &f->books;
	uint64_t integral = (uint64_t)b->busy * (uint64_t)t_ns - b->begun_sum + b->ended_sum;

	f->counted_in_use_s += (double)(int64_t)(integral - f->last_integral) / 1e9;
	f->last_integral = integral;
	if (f->counted_in_use_s > f->in_use_s)
		f->in_use_s = whole_steps(f->counted_in_use_s);
	f->former = f->window;
	f->window = (struct window){ .t_ns = t_ns,
				     .in_use_s = f->in_use_s,
				     .capacity_s = f->capacity_s,
				     .acquires = b->requests };
}

int model_feed_family(struct model *m, const struct ps_family_key *key,
		      const struct ps_family *books, const struct listening *place, int64_t t_ns)
{
	struct family *f = family_get(m, key);

	if (!f)
		return -ENOMEM;
	if (f->t_ns && t_ns > f->t_ns && family_size(f) != UNKNOWN) /* the size of the last tick held until now */
		f->capacity_s = whole_steps(f->capacity_s + (double)family_size(f) *
								    (double)(t_ns - f->t_ns) / 1e9);
	if (place && memcmp(&f->place.owner, &place->owner, sizeof(place->owner)) != 0)
		f->is_grouped = false;
	if (place)
		f->place = *place;
	f->is_fed = true;
	f->books = *books;
	f->t_ns = t_ns;
	tap_put_family(m, f, place);
	family_sum(f, t_ns);
	if (has_workers(m, &key->proc) || has_workers(m, &books->first) ||
	    has_workers(m, &books->last))
		f->covered_ns = m->now_ns;
	return hist_catch_up(&f->hold, &books->hold, 0);
}

void model_keep_family(struct model *m, const struct ps_family_key *key)
{
	struct family *f = family_find(m, key);

	if (!f)
		return;
	f->is_fed = true;
	tap_put(m, RECORD_family, key, NULL);
}

static bool is_share(uint64_t part, uint64_t whole, double most)
{
	return (double)part <= most * (double)whole;
}

bool family_is_shown(const struct model *m, const struct family *f)
{
	const struct ps_family *b = &f->books;

	if (f->covered_ns && m->now_ns - f->covered_ns < COVERED_NS)
		return false;
	if (b->flags & PS_FAMILY_POLLS)
		return b->n > 0 && b->blocked && !(b->flags & PS_FAMILY_LOOPS) &&
		       is_share(b->multiplexed, b->requests, MULTIPLEXED);
	if (!is_by_name(f))
		return b->n > 0 && (b->requests || b->flags & PS_FAMILY_PREFORK);
	return b->n_named >= 2 && b->slept && b->requests >= REUSED * (uint64_t)b->joined &&
	       is_share(b->multiplexed, b->requests, MULTIPLEXED) &&
	       is_share(b->resumed, b->requests, RESUMED) &&
	       is_share(b->elsewhere, b->elsewhere + b->slept, ELSEWHERE);
}

void family_row_begin(const struct model *m, const struct family *f, char name[NAME_BYTES],
		      struct pool_row *row)
{
	const struct ps_family *b = &f->books;

	*row = pool_row_unknown;
	row_process(m, is_by_name(f) ? &f->key.proc : &f->place.owner, row);
	if (!is_by_name(f)) {
		endpoint_name(&f->place.addr, name);
		row->endpoint = name;
	} else if (!text_clean(b->name, PS_COMM_MAX, name, NAME_BYTES)) {
		memcpy(name, "?", 2);
	}
	row->name = name;
	row->kind = PS_KIND_worker;
	row->source = "inferred";
	row->in_use_s = f->in_use_s;
	if (f->capacity_s > 0)
		row->capacity_s = f->capacity_s;
	if (b->periods && !b->requests)
		return; /* no traffic is seen here: requests are not told from each other */
	row->acquires = (int64_t)b->requests;
	row->releases = (int64_t)b->answered;
	row->hold = &f->hold;
}

void family_row_levels(const struct family *f, struct pool_row *row)
{
	const struct ps_family *b = &f->books;
	double seconds = (double)(f->window.t_ns - f->former.t_ns) / 1e9;
	double capacity = f->window.capacity_s - f->former.capacity_s;
	double used = fmax(0, f->window.in_use_s - f->former.in_use_s);

	row->id = f->id;
	row->since_ns = (int64_t)b->since_ns;
	row->open = row->capacity = family_size(f);
	row->capacity_basis = row->capacity != UNKNOWN ? "inferred" : "unknown";
	if (row->open != UNKNOWN && !(is_by_name(f) && b->n_unknown)) {
		row->in_use = b->busy < 0 ? 0 : b->busy > row->open ? row->open : b->busy;
		row->idle = row->open - row->in_use;
	}
	if (!is_by_name(f))
		row->pending = f->place.queue;
	if (f->former.t_ns && seconds > 0) {
		row->mean_in_use = used / seconds;
		row->acquires_per_s = (double)(f->window.acquires - f->former.acquires) / seconds;
		if (capacity > 0)
			row->utilization = fmin(1, used / capacity);
	}
	row->confidence = is_by_name(f) || row->in_use == UNKNOWN ? "medium" : "high";
	row->evidence =
		is_by_name(f) ? "threads of one name: from a request to the sleep after its answer"
		: b->flags & PS_FAMILY_POLLS
			? "from waking with a connection to the next sleep in a poll for more"
			: "all that is not spent asleep in accept()";
}
