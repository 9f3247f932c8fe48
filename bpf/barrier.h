/* SPDX-License-Identifier: MIT */
/*
 * barrier.h - a stop of the world that nobody named: threads of a process sleep on one futex word, and one call wakes them all.
 *
 * The surprise: idle workers and those who wait for a connection are woken all at once, too. So each rule is there for a program that does
 * that and does not stand still:
 *
 *  - they sleep in FUTEX_WAIT without a time limit, as who waits for a barrier (glibc's, libgomp's, a JVM's safepoint, std::barrier). Condition
 *    variables, semaphores and locks of readers sleep in FUTEX_WAIT_BITSET, which they need for time limits; a mutex wakes one;
 *  - at least three threads, for a millisecond; two that meet are no stop of anything;
 *  - they slept at the same value, and the word has another one now;
 *  - half of them slept in the first quarter of the time, or as soon as they were given a CPU, and little of the work was theirs: in a loop that
 *    is shared out unevenly one after the other is done, and the work goes on;
 *  - meanwhile the process used the CPU, for at least a tenth of the time: idle workers sleep until somebody brings work;
 *  - when they are woken fewer other threads run than they are: a team that has nothing to do lies beside those that compute;
 *  - afterwards most of them do something else: where all are woken for one thing, the rest is back at once, before the word changes again.
 *
 * The last is known when it is too late, so a word is a barrier's when so many as PS_BARRIER_KNOWN of those whom it woke were not back, and the stop
 * that showed it is told some milliseconds after its end; those before, of a team of few, are not. A team that waits for the one thread which
 * computes alone is such a stop, whether it calls that a barrier or idle time.
 */
#ifndef POOLSCOPE_BPF_BARRIER_H
#define POOLSCOPE_BPF_BARRIER_H

#include "infer.h"
#include "stalls.h"

#define PS_BARRIER_THREADS 3
#define PS_BARRIER_NS 1000000
#define PS_BARRIER_RAN 10 /* the part of the time */
#define PS_BARRIER_SOON 4 /* the part of it in which half of them went to sleep */
#define PS_BARRIER_OWN 2 /* the part of that which those who are woken have at most used */
#define PS_BARRIER_AT_ONCE_NS 200000 /* who has had the CPU for less was given it to go to sleep */
#define PS_BARRIER_BACK_NS 100000 /* who was woken in vain is asleep again this soon, */
#define PS_BARRIER_KNOWN_NS 1000000 /* which is known this much later; */
#define PS_BARRIER_LATE_NS 100000000 /* who has not been given a CPU by then is not waited for */
#define PS_BARRIER_KNOWN 12 /* so many who were not back, all together: the word is that of a barrier */
#define PS_BARRIER_TRUST 64 /* the most that its past counts */
#define PS_MOMENT_NS 50000 /* who has the CPU for less is not added up: all threads would write the same line of the cache */

/* By the last bits of the number; who shares a place with another process may look at work when it is not, and no more. */
PS_INLINE struct ps_work *ps_work_of(__u32 tgid)
{
	return &ps_works[ps_slot(tgid, PS_WORK_SLOTS)];
}

/* ---- one thread ------------------------------------------------------------------------------------------------------------ */

/* It leaves its CPU, which it had for so long. */
PS_INLINE void ps_work_ran(struct ps_work *w, __u64 slice_ns)
{
	if (slice_ns >= PS_MOMENT_NS)
		__sync_fetch_and_add(&w->ran_ns, slice_ns);
}

/* To sleep in a futex at that value; after ps_work_ran() and ps_thread_blocks(). is_endless: the call
 * has no time limit, nor could have. slice_ns: how long it had the CPU now; used_ns: since ever. */
PS_INLINE void ps_work_parks(struct ps_work *w, struct ps_thread *t, int is_endless, __u32 value,
			     __u64 slice_ns, __u64 used_ns)
{
	__u64 own = slice_ns < PS_BARRIER_AT_ONCE_NS ? slice_ns : used_ns - t->awake_used_ns;

	t->park_is_endless = (__u32)is_endless;
	if (!is_endless)
		return;
	t->park_value = value;
	t->park_ran_ns = w->ran_ns;
	t->park_own_ns = own < ~0u ? (__u32)own : ~0u;
	if (!w->asked_ns || w->word != t->word || t->block_ns - t->awake_ns >= PS_BARRIER_BACK_NS)
		return;
	if (w->value == value)
		__sync_fetch_and_add(&w->n_back, 1);
	else if (t->woken_of == (__u32)w->asked_ns) /* the next stop, or the next thing that all want: of no use */
		__sync_fetch_and_add(&w->n_out, -1);
}

/* It comes out of a futex and has a CPU again; before ps_thread_runs(). n_left: how often it has left one so far. */
PS_INLINE void ps_work_wakes(struct ps_work *w, struct ps_thread *t, __u64 used_ns, __u32 n_left,
			     __u64 now)
{
	t->awake_used_ns = used_ns;
	t->awake_ns = now;
	t->awake_left = n_left;
	if (w->asked_ns && t->park_is_endless && w->word == t->word && t->block_ns < w->asked_ns) {
		__sync_fetch_and_add(&w->n_out, 1);
		t->woken_of = (__u32)w->asked_ns;
		w->out_ns = now;
	}
}

/* What a thread that runs used of the CPU since then, if it has not left it; no clock of the scheduler's is up to date. */
PS_INLINE __u64 ps_work_now(const struct ps_thread *t, __u32 n_left, __u64 slice_ns, __u64 since,
			    __u64 now)
{
	if (n_left != t->awake_left)
		return slice_ns < now - since ? slice_ns : now - since;
	return now - (t->awake_ns > since ? t->awake_ns : since);
}

/* ---- one call that wakes many ---------------------------------------------------------------------------------------------- */

/* 0 = none, or it has been judged. */
PS_INLINE int ps_broadcast_is_open(const struct ps_broadcast *b)
{
	return b->n >= PS_BARRIER_THREADS;
}

/* The same call wakes one more: it slept before that began, at the same value. */
PS_INLINE int ps_broadcast_is_same(const struct ps_broadcast *b, const struct ps_thread *t)
{
	return b->word == t->word && b->value == t->park_value && t->block_ns < b->began_ns;
}

PS_INLINE void ps_broadcast_begins(struct ps_broadcast *b, const struct ps_thread *t,
				   const struct ps_work *w, __u64 now)
{
	*b = (struct ps_broadcast){
		.word = t->word,
		.began_ns = now,
		.parked_ns = t->block_ns,
		.ran_ns = w->ran_ns - t->park_ran_ns,
		.value = t->park_value,
		.value_now = t->park_value,
	};
}

PS_INLINE void ps_broadcast_wakes(struct ps_broadcast *b, const struct ps_thread *t)
{
	__u64 late = t->block_ns > b->parked_ns ? t->block_ns - b->parked_ns : 0;

	b->n++;
	b->n_soon += PS_BARRIER_SOON * late <= b->began_ns - b->parked_ns ||
		     t->park_own_ns < PS_BARRIER_AT_ONCE_NS;
	b->own_ns += late < t->park_own_ns ? late : t->park_own_ns;
}

PS_INLINE int ps_broadcast_is_long(const struct ps_broadcast *b)
{
	return b->began_ns - b->parked_ns >= PS_BARRIER_NS;
}

PS_INLINE int ps_broadcast_is_stop(const struct ps_broadcast *b)
{
	return ps_broadcast_is_long(b) && b->value_now != b->value &&
	       PS_BARRIER_RAN * b->ran_ns >= b->began_ns - b->parked_ns &&
	       PS_BARRIER_OWN * b->own_ns <= b->ran_ns && 2 * b->n_soon >= b->n &&
	       b->n_running < b->n;
}

/* ---- what came of it, and what is known of the word ------------------------------------------------------------------------- */

/* What something else has told of the same time is the same stall. */
PS_INLINE void ps_barrier_book(const struct ps_proc_key *proc, __u64 parked_ns, __u64 length_ns)
{
	const struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, proc);

	if (!s || (!s->since_ns && s->stood_until_ns <= parked_ns))
		ps_stall_book_of(proc, PS_STALL_barrier, length_ns, parked_ns + length_ns);
}

/* By what is known of its word. */
PS_INLINE int ps_barrier_is_one(const struct ps_work *w)
{
	return w->trust >= PS_BARRIER_KNOWN;
}

/* All have had their time, but for two that may have been out before it was known that there are so many; or it is no use to wait longer. */
PS_INLINE int ps_barrier_is_known(const struct ps_work *w, __u64 now)
{
	if (!w->asked_ns || !w->n)
		return 0;
	return (w->n_out + 2 >= w->n && now - w->out_ns >= PS_BARRIER_KNOWN_NS) ||
	       now - w->asked_ns >= PS_BARRIER_LATE_NS;
}

/*
 * By those who were woken last and have had their time. What less than half of them did proves nothing; each that is not back is a sign of a
 * barrier, each that is back one against it, which counts for more.
 */
PS_INLINE void ps_barrier_judge(struct ps_work *w, const struct ps_proc_key *proc)
{
	__s32 n_out = (__s32)w->n_out, n_back = (__s32)w->n_back;
	int is_known = n_out > 0 && 2 * n_out >= (__s32)w->n;
	__u64 asked = w->asked_ns;

	if (!asked || __sync_val_compare_and_swap(&w->asked_ns, asked, 0) != asked)
		return; /* two threads may leave their CPUs at once */
	if (is_known)
		w->trust += n_back ? -4 * n_back : n_out;
	if (w->trust > PS_BARRIER_TRUST)
		w->trust = PS_BARRIER_TRUST;
	if (w->trust < -PS_BARRIER_TRUST)
		w->trust = -PS_BARRIER_TRUST;
	if (is_known && !n_back && ps_barrier_is_one(w) && w->length_ns)
		ps_barrier_book(proc, asked - w->length_ns, w->length_ns);
}

/* Of a process one word is remembered, until another one is met more often. */
PS_INLINE int ps_barrier_is_word(struct ps_work *w, __u32 tgid, __u64 word)
{
	if (w->tgid == tgid && w->word == word)
		return 1;
	if (w->tgid == tgid && w->trust > 0) {
		w->trust -= 4;
		return 0;
	}
	w->tgid = tgid;
	w->word = word;
	w->trust = 0;
	return 1;
}

/* One call has woken PS_BARRIER_THREADS: from now on it is counted what becomes of them. */
PS_INLINE void ps_broadcast_opens(struct ps_broadcast *b, struct ps_work *w,
				  const struct ps_proc_key *proc)
{
	ps_barrier_judge(w, proc);
	if (!ps_barrier_is_word(w, proc->tgid, b->word))
		return;
	w->n = w->n_out = w->n_back = 0;
	w->length_ns = 0;
	w->value = b->value_now;
	w->asked_ns = b->began_ns;
}

/* The call is over. */
PS_INLINE void ps_broadcast_ends(struct ps_broadcast *b, struct ps_work *w,
				 const struct ps_proc_key *proc)
{
	int is_stop = ps_broadcast_is_stop(b);

	if (w->asked_ns == b->began_ns && w->word == b->word) {
		w->n = b->n;
		if (is_stop && ps_barrier_is_one(w))
			ps_barrier_book(proc, b->parked_ns, b->began_ns - b->parked_ns);
		else if (is_stop)
			w->length_ns = b->began_ns - b->parked_ns;
	}
	b->n = 0;
}

#endif
