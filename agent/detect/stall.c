/* SPDX-License-Identifier: MIT */
/*
 * stall.c - `stall`: a process with pools stood still for a tenth of the last five seconds or more, or does so for a second now; and `convoy`:
 * the same of its threads that wait for one lock. Critical from half of the time on, but for a barrier, which is inferred, and may be how a
 * program that computes is meant to work.
 *
 * What could fool it: several causes that lie in each other (a collection in a safepoint); so it is told for the one that has most. A process
 * that somebody stopped on purpose, with a debugger; it stands still all the same. What is short and rare, as most collections are, is below
 * the tenth. Cost: a comparison; of a convoy, a pass over the locks.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "detect/detector.h"

#define SHARE 0.1
#define SHARE_BAD 0.5
#define ENDLESS_NS 1000000000

static const char *const causes[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *advice_of(enum ps_stall_cause cause)
{
	switch (cause) {
	case PS_STALL_gc:
	case PS_STALL_safepoint:
		return "look at the runtime's heap and its log of pauses";
	case PS_STALL_barrier:
		return "look at what the thread does for which all others wait";
	case PS_STALL_throttled:
		return "its cgroup's CPU quota is used up: raise it, or use fewer threads";
	case PS_STALL_stopped:
		return "somebody stopped it by a signal; SIGCONT lets it go on";
	default:
		return "";
	}
}

static double stood_s(const struct past *past, double *ret_of_s)
{
	struct sample w = past_growth(past, LONG_TICKS);

	*ret_of_s = (double)w.t_ns / 1e9;
	return w.stalled_s;
}

static bool stands(const struct look *l, struct told *ret)
{
	const struct stall_row *row = l->stall;
	double of_s, s = stood_s(l->past, &of_s);
	bool is_long = row->since_ns >= ENDLESS_NS;

	if (!is_long && (of_s < (LONG_TICKS - 1) || s < SHARE * of_s))
		return false;
	ret->severity = SEVERITY_WARNING;
	if (of_s > 0 && s >= SHARE_BAD * of_s && row->cause != PS_STALL_barrier)
		ret->severity = SEVERITY_CRITICAL;
	return true;
}

/* Another cause of the process has more. */
static bool is_minor(const struct look *l)
{
	double of_s, mine = stood_s(l->past, &of_s);

	for (size_t i = 0; i < l->s->n_stalls; i++) {
		const struct stall_row *row = &l->s->stalls[i];
		const struct past *past;
		double s;

		if (row == l->stall || row->pid != l->stall->pid || row->cause == PS_STALL_convoy)
			continue;
		past = past_of_stall(l, row);
		s = past ? stood_s(past, &of_s) : 0;
		if (s > mine || (s == mine && row->cause > l->stall->cause))
			return true;
	}
	return false;
}

static void tell(const struct look *l, const char *what, struct told *ret)
{
	const struct stall_row *row = l->stall;
	double of_s, s = stood_s(l->past, &of_s);

	if (row->since_ns >= ENDLESS_NS)
		snprintf(ret->text, sizeof(ret->text), "%.60s %s for %s now",
			 row->process ? row->process : "a process", what,
			 duration((double)row->since_ns / 1e9).text);
	else
		snprintf(ret->text, sizeof(ret->text), "%.60s %s for %.0f%% of the last %.0f s",
			 row->process ? row->process : "a process", what, fmin(100, 100 * s / of_s),
			 of_s);
}

bool look_stall(const struct look *l, struct told *ret)
{
	const struct stall_row *row = l->stall;
	size_t used;

	if (row->cause == PS_STALL_convoy || !stands(l, ret) || is_minor(l))
		return false;
	tell(l, "stood still", ret);
	used = strlen(ret->text);
	snprintf(ret->text + used, sizeof(ret->text) - used, " (%s)", causes[row->cause]);
	snprintf(ret->advice, sizeof(ret->advice), "%s", advice_of(row->cause));
	if (row->is_counted)
		snprintf(ret->evidence, sizeof(ret->evidence), "by the runtime's own counters");
	else
		snprintf(ret->evidence, sizeof(ret->evidence),
			 "%llu such stalls since it is watched, the longest of %s",
			 (unsigned long long)row->n,
			 duration((double)row->length->max_ns / 1e9).text);
	return true;
}

/* The lock at which most time is waited now. */
static const struct lock_row *main_lock(const struct look *l)
{
	const struct lock_row *found = NULL;
	double most = 0;

	for (size_t i = 0; i < l->s->n_locks; i++) {
		const struct lock_row *row = &l->s->locks[i];
		double waiting =
			(isnan(row->mean_waiting) ? 0 : row->mean_waiting) + (double)row->waiting;

		if (row->pid == l->stall->pid && waiting > most) {
			most = waiting;
			found = row;
		}
	}
	return found;
}

static void tell_lock(const struct lock_row *lock, struct told *ret)
{
	size_t used;

	snprintf(ret->evidence, sizeof(ret->evidence), "%lld threads wait",
		 (long long)lock->waiting);
	for (size_t i = 0; i < lock->n_stack && i < 4; i++) {
		used = strlen(ret->evidence);
		snprintf(ret->evidence + used, sizeof(ret->evidence) - used, "%s%.60s",
			 i ? " < " : "; one of them in ", lock->stack[i]);
	}
}

bool look_convoy(const struct look *l, struct told *ret)
{
	const struct lock_row *lock;
	char what[120] = "had its threads queue at one lock";

	if (l->stall->cause != PS_STALL_convoy || !stands(l, ret))
		return false;
	lock = main_lock(l);
	if (lock && lock->name)
		snprintf(what, sizeof(what), "had its threads queue at the lock %.80s", lock->name);
	tell(l, what, ret);
	if (lock)
		tell_lock(lock, ret);
	snprintf(ret->advice, sizeof(ret->advice), "do less while the lock is held");
	return true;
}
