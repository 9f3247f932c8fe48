/* SPDX-License-Identifier: MIT */
/*
 * locks.h - who waits for a lock, by the futex word: the books of each word (struct ps_lock), and what is no lock.
 *
 * The surprise: to the kernel an idle worker and one that waits for a lock sleep alike. What tells them apart is the value with which a
 * thread goes to sleep, and what has become of it when it is woken. Each rule with its reason:
 *
 * 1. A call that locks (LOCK_PI, LOCK_PI2) is one for a lock.
 * 2. Else a lock's word says that somebody waits: 2 in glibc's mutexes, in Rust's and in Go's runtime, 3 in Qt's; or the owner's number, or a
 *    count, with the highest bit in glibc's robust mutexes, musl's and MariaDB's. A condition variable of glibc, a semaphore, a Go thread without
 *    work sleep at 0, a parked thread of Rust at -1, a std::future at the highest bit alone: those are never looked at.
 * 3. A counter comes by 2 and 3 as well (condition variables of Rust and of glibc 2.41, barriers, std::atomic::wait). It has gone up when its
 *    threads are woken; a lock's word has not. So a word is a lock when the first one was woken so, alone (latches and events wake all), and until
 *    then it is told of as little as one that is none. With the highest bit nothing counts.
 * 4. A word on which a single thread ever slept is a place to park, with whatever value; so is one in the sleeper's own stack frames (musl's
 *    condition variables).
 *
 * What it cannot see: the monitors and locks of a JVM, sync.Mutex of Go, and parking_lot, whose threads park on words of their own, and
 * Python's, which are semaphores; those who read or write under a rwlock, of whom some wait at a counter and all are woken at once; a lock
 * at which one thread alone ever waited; those who wait for the first time, as long as nobody was woken (but with LOCK_PI).
 *
 * A wait is one call that locks: from its first sleep to when it runs for the last time. A thread that was woken and sleeps there again at
 * once, without having woken anybody there, as it does when it gives the lock back, was too late for the lock. So what it was shows
 * when it leaves the CPU; until then the wait is noted for that CPU (ps_lock_waits).
 *
 * The table is an array: a word has PS_LOCK_WAYS places in it, found by a hash, and a thread remembers the last one. When all are taken
 * the word is refused and counted; the agent clears places of processes that ended, and of words that nobody waits at any more.
 */
#ifndef POOLSCOPE_BPF_LOCKS_H
#define POOLSCOPE_BPF_LOCKS_H

#include "hist.h"
#include "maps.h"
#include "stalls.h"

enum ps_lock_sign {
	PS_LOCK_NONE,
	PS_LOCK_VALUE,	/* by the value; waking shows whether it is one */
	PS_LOCK_OWNER,	/* the highest bit with a small number */
	PS_LOCK_CALL
};

#define PS_LOCK_CALLS (1u << 6 | 1u << 13)	/* LOCK_PI, LOCK_PI2 */
#define PS_LOCK_WAIT_CALLS (1u << 0 | 1u << 9)	/* WAIT, WAIT_BITSET */
#define PS_LOCK_BIT (1u << 31)
#define PS_LOCK_OWNERS (1u << 22)	/* PID_MAX_LIMIT */
#define PS_LOCK_FRAMES 4096

#define PS_LOCK_AGAIN_NS 20000	/* woken too late it sleeps again within some us */
#define PS_LOCK_LONG_NS 1000000	/* of longer waits a stack is wanted, */
#define PS_LOCK_STACK_NS 1000000000ull	/* one a second */
#define PS_CONVOY_NS 10000000
#define PS_CONVOY_THREADS 4

PS_INLINE enum ps_lock_sign ps_lock_sign_of(__u32 commands, __u32 value)
{
	__u32 owner = value & ~(PS_LOCK_BIT | 1u << 30); /* that bit: its owner died */

	if (commands & PS_LOCK_CALLS)
		return PS_LOCK_CALL;
	if (!(commands & PS_LOCK_WAIT_CALLS))
		return PS_LOCK_NONE;
	if (value == 2 || value == 3)
		return PS_LOCK_VALUE;
	return value & PS_LOCK_BIT && owner && owner < PS_LOCK_OWNERS ? PS_LOCK_OWNER
								      : PS_LOCK_NONE;
}

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

PS_INLINE struct ps_lock *ps_lock_at(__u32 place)
{
	return &ps_locks[ps_slot(place, PS_LOCKS)];
}

/* Never 0. */
PS_INLINE __u64 ps_lock_id(const struct ps_proc_key *proc, __u64 word)
{
	__u64 h = (word ^ (__u64)proc->incarnation << 32) * 0x9e3779b97f4a7c15ull;

	h = (h ^ h >> 29 ^ proc->tgid) * 0xbf58476d1ce4e5b9ull;
	return (h ^ h >> 32) | 1;
}

/* The place of a word, made if need be; PS_LOCKS = all that it may have are taken (counted). */
PS_INLINE __u32 ps_lock_place(const struct ps_proc_key *proc, __u64 word)
{
	__u64 id = ps_lock_id(proc, word), old;
	__u32 first = (__u32)(id >> 20) & (PS_LOCKS - PS_LOCK_WAYS), i;
	struct ps_lock *l;

	for (i = 0; i < PS_LOCK_WAYS; i++)
		if (ps_lock_at(first + i)->id == id)
			return first + i;
	for (i = 0; i < PS_LOCK_WAYS; i++) {
		l = ps_lock_at(first + i);
		old = __sync_val_compare_and_swap(&l->id, 0, id);
		if (old == id)
			return first + i; /* another thread has just made it */
		if (old)
			continue;
		l->proc = *proc;
		l->word = word;
		__sync_fetch_and_add(&ps_n_locks, 1);
		return first + i;
	}
	ps_lost(PS_LOSS_locks_full);
	return PS_LOCKS;
}

/* Whether the place that the thread had last is that of this word. */
PS_INLINE int ps_lock_is_last(const struct ps_thread *t, __u32 tgid, __u64 word)
{
	const struct ps_lock *l = ps_lock_at(t->last_lock);

	return l->word == word && l->proc.tgid == tgid;
}

/* ---- most threads of a process at one lock ------------------------------------------------------------------------------- */

PS_INLINE int ps_is_convoy(__s32 n_waiters, __u32 n_threads)
{
	return n_waiters >= PS_CONVOY_THREADS && 2 * (__u32)n_waiters > n_threads;
}

static __attribute__((noinline, unused)) int ps_convoy_ends(struct ps_lock *l, __u64 now)
{
	__u64 since;

	if (!l)
		return 0;
	since = __sync_lock_test_and_set(&l->convoy_ns, 0);
	if (since && now - since >= PS_CONVOY_NS && l->flags & PS_LOCK_SURE)
		ps_stall_book(&l->proc, PS_STALL_convoy, now - since);
	return 0;
}

/* ---- a thread sleeps, is woken, and runs --------------------------------------------------------------------------------- */

/* The wait that ended on this CPU goes on: the thread sleeps on the word again. */
PS_INLINE int ps_lock_is_again(const struct ps_lock_wait *w, __u64 word, __u32 tid, __u64 now)
{
	return w->place && w->word == word && w->tid == tid && !w->has_woken &&
	       now - w->end_ns < PS_LOCK_AGAIN_NS;
}

/* It sleeps at that value; `w` is that of this CPU. 1 = a look at its stack is wanted. */
PS_INLINE int ps_lock_blocks(struct ps_thread *t, __u32 tid, __u32 place, enum ps_lock_sign sign,
			     __u32 value, __u32 n_threads, struct ps_lock_wait *w, __u64 now)
{
	struct ps_lock *l = ps_lock_at(place);
	__u64 word = l->word;
	__s32 n;

	t->last_lock = place;
	if (l->flags & PS_LOCK_REFUSED)
		return 0;
	if (!l->first)
		l->first = tid;
	else if (l->first != tid && !(l->flags & PS_LOCK_SHARED))
		__sync_fetch_and_or(&l->flags, PS_LOCK_SHARED);
	if (sign == PS_LOCK_CALL && !(l->flags & PS_LOCK_SURE))
		__sync_fetch_and_or(&l->flags, PS_LOCK_SURE);
	t->lock_ns = now;
	if (ps_lock_is_again(w, word, tid, now)) {
		t->lock_ns = w->begin_ns;
		w->place = 0;
	}
	t->lock = place + 1;
	t->lock_value = value;
	l->last_ns = now;
	n = __sync_fetch_and_add(&l->waiters, 1) + 1;
	if (!l->convoy_ns && ps_is_convoy(n, n_threads))
		l->convoy_ns = now;
	if (l->stack_ns && (!l->is_long || now - l->stack_ns < PS_LOCK_STACK_NS))
		return 0;
	l->stack_ns = now;
	l->is_long = 0;
	return 1;
}

/* Somebody calls to wake up to n sleepers on the word, whose value is that; one of them slept at `slept`. */
PS_INLINE void ps_lock_judge(struct ps_lock *l, __u32 slept, __u32 n, __u32 value)
{
	if (!(slept & PS_LOCK_BIT) && value > slept)
		__sync_fetch_and_or(&l->flags, PS_LOCK_REFUSED);
	else if (n == 1)
		__sync_fetch_and_or(&l->flags, PS_LOCK_SURE);
}

/* The thread runs again; is_timed: a timer ended its sleep. What it was is noted for this CPU. */
PS_INLINE void ps_lock_runs(struct ps_thread *t, __u32 tid, int is_timed, __u32 n_threads,
			    struct ps_lock_wait *w, __u64 now)
{
	__u32 place = t->lock - 1;
	struct ps_lock *l = ps_lock_at(place);
	__s32 n;

	t->lock = 0;
	if (l->word != t->word)
		return; /* it was cleared */
	n = __sync_fetch_and_add(&l->waiters, -1) - 1;
	if (l->convoy_ns && !ps_is_convoy(n, n_threads))
		ps_convoy_ends(l, now);
	w->word = l->word;
	w->begin_ns = t->lock_ns;
	w->end_ns = now;
	w->place = place + 1;
	w->tid = tid;
	w->is_timed = (__u32)is_timed;
	w->has_woken = 0;
}

/* The thread whose wait it was leaves this CPU. */
static __attribute__((noinline, unused)) int ps_lock_books(struct ps_lock_wait *w, __u32 tid)
{
	struct ps_lock *l;
	__u64 length;

	if (!w || !w->place)
		return 0;
	l = ps_lock_at(w->place - 1);
	w->place = 0;
	if (w->tid != tid || l->word != w->word)
		return 0;
	length = w->end_ns > w->begin_ns ? w->end_ns - w->begin_ns : 0;
	ps_hist_put(&l->wait, length);
	if (w->is_timed)
		__sync_fetch_and_add(&l->timeouts, 1);
	if (length >= PS_LOCK_LONG_NS)
		l->is_long = 1;
	return 0;
}

#endif
