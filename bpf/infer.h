/* SPDX-License-Identifier: MIT */
/*
 * infer.h - the pool of a process that says nothing: who took a connection, who waited for one, and who gave it back, by what its
 * threads send, receive and sleep on.
 *
 * The surprise: nothing here knows a pool. A thread that was woken out of a futex by the last user of a connection, and then uses one of the same
 * endpoint that somebody else used before, has waited for it (a hand-off). Each rule is there because a program without a pool looked
 * like one without it; which, stands with the rule. Times are CLOCK_MONOTONIC ns.
 *
 * What it cannot know is decided in the agent (model/infer.c), by counts that are kept beside: waits that contradict themselves, waits
 * that ended otherwise, threads that use many connections at once.
 */
#ifndef POOLSCOPE_BPF_INFER_H
#define POOLSCOPE_BPF_INFER_H

#include "hist.h"
#include "maps.h"
#include "process.h"
#include "stalls.h"

/* ---- who is followed: two bits a process ---------------------------------------------------------------------------------- */

/* The word with a process's bits. */
PS_INLINE __u64 *ps_followed_word(__u32 tgid)
{
	return &ps_followed[ps_slot(tgid / 32, PS_TGID_LIMIT / 32)];
}

PS_INLINE int ps_bits(__u32 tgid)
{
	return *ps_followed_word(tgid) >> (tgid % 32 * 2) & (PS_FOLLOWED | PS_SERVING);
}

PS_INLINE void ps_bits_set(__u32 tgid, __u64 bits)
{
	__sync_fetch_and_or(ps_followed_word(tgid), bits << (tgid % 32 * 2));
}

PS_INLINE void ps_bits_clear(__u32 tgid, __u64 bits)
{
	if (ps_bits(tgid) & bits)
		__sync_fetch_and_and(ps_followed_word(tgid), ~(bits << (tgid % 32 * 2)));
}

PS_INLINE int ps_is_followed(__u32 tgid)
{
	return ps_bits(tgid) & PS_FOLLOWED;
}

PS_INLINE void ps_follow(__u32 tgid)
{
	if (!ps_is_followed(tgid) && !ps_is_left_out(tgid))
		ps_bits_set(tgid, PS_FOLLOWED);
}

PS_INLINE void ps_unfollow(__u32 tgid)
{
	ps_bits_clear(tgid, PS_FOLLOWED);
}

/* The process holds a listening socket: its threads may be workers. */
PS_INLINE void ps_serve(__u32 tgid)
{
	if (ps_bits(tgid) & PS_SERVING || ps_is_left_out(tgid))
		return;
	ps_bits_set(tgid, PS_SERVING);
	__sync_fetch_and_add(&ps_n_serving, 1);
}

/* ---- a thread sleeps, is woken, and runs --------------------------------------------------------------------------------- */

/*
 * How much later a thread sleeps on the same word again when its wait is not over (it was woken for nothing, or looks at the clock). Others may have
 * its CPU meanwhile: that is left out (ps_off_ns()).
 */
#define PS_AGAIN_NS 1000000

/* How a wait with a timeout came to nothing. */
enum ps_give_up {
	PS_GIVE_UP, /* a timer ended it, and the thread did something else */
	PS_GIVE_UP_RETRIES, /* a timer ended it, and the thread waits there again at once */
	PS_GIVE_UP_IN_VAIN /* the thread was woken for a connection that another one was quicker to take */
};

/* What became of ps_given_up_add(). */
enum { PS_GIVEN_UP_NOT, PS_GIVEN_UP, PS_GIVEN_UP_KNOWN /* where threads wait for a connection */ };

PS_INLINE struct ps_given_up *ps_given_up_make(const struct ps_given_up_key *key)
{
	struct ps_given_up fresh = {}, *g;

	bpf_map_update_elem(&ps_given_ups, key, &fresh, BPF_NOEXIST);
	g = bpf_map_lookup_elem(&ps_given_ups, key);
	if (!g)
		ps_lost(PS_LOSS_given_ups_full);
	return g;
}

PS_INLINE void ps_given_up_is_known(struct ps_given_up *g, __u64 wire)
{
	__sync_fetch_and_add(&g->n_known, 1);
	g->wire = wire;
}

/*
 * Counts a wait that came to nothing. One in vain counts where threads wait for a connection; elsewhere it was a wait for something else.
 * A retry at once counts where others gave up after that long and did something else; elsewhere a timer ended a part of a wait.
 */
PS_INLINE int ps_given_up_add(const struct ps_proc_key *proc, __u32 name, __u64 word, __u64 length,
			      enum ps_give_up how)
{
	struct ps_given_up_key key = { .proc = *proc,
				       .name = name,
				       .bucket = ps_hist_bucket(length) };
	struct ps_word_key where = { .line = word / 64, .proc = *proc };
	struct ps_given_up *g = bpf_map_lookup_elem(&ps_given_ups, &key);
	struct ps_word *place = bpf_map_lookup_elem(&ps_words, &where);
	struct ps_word fresh = { .name = name, .bucket = key.bucket };
	__u64 wire = place ? place->wire : 0;

	if (how == PS_GIVE_UP_IN_VAIN && !wire) {
		if (g)
			__sync_fetch_and_add(&g->n_vain, 1);
		return PS_GIVEN_UP_NOT;
	}
	if (how == PS_GIVE_UP_RETRIES && !(g && g->n > g->n_retried))
		return PS_GIVEN_UP_NOT;
	if (!g)
		g = ps_given_up_make(&key);
	if (!g)
		return PS_GIVEN_UP_NOT;
	__sync_fetch_and_add(&g->n, 1);
	__sync_fetch_and_add(&g->sum_ns, length);
	if (how == PS_GIVE_UP_RETRIES)
		__sync_fetch_and_add(&g->n_retried, 1);
	if (!place) {
		__sync_fetch_and_add(&g->n_new, 1);
		bpf_map_update_elem(&ps_words, &where, &fresh, BPF_NOEXIST);
	}
	if (!wire)
		return PS_GIVEN_UP;
	if (how != PS_GIVE_UP_IN_VAIN)
		ps_given_up_is_known(g, wire);
	return PS_GIVEN_UP_KNOWN;
}

/* Threads wait for a connection here, so who gave up here before did so, too. */
PS_INLINE void ps_place_learn(const struct ps_word_key *where, __u64 wire)
{
	struct ps_word now = { .wire = wire }, *place = bpf_map_lookup_elem(&ps_words, where);
	struct ps_given_up_key key = { .proc = where->proc };
	struct ps_given_up *g;

	if (place && place->wire == wire)
		return;
	if (place && !place->wire) {
		key.name = place->name;
		key.bucket = place->bucket;
		g = bpf_map_lookup_elem(&ps_given_ups, &key);
		if (g)
			ps_given_up_is_known(g, wire);
	}
	bpf_map_update_elem(&ps_words, where, &now, BPF_ANY);
}

/* Of both words of a condition variable: see ps_is_near(). */
PS_INLINE void ps_word_learn(const struct ps_proc_key *proc, __u64 word, __u64 wire)
{
	struct ps_word_key key = { .line = word / 64, .proc = *proc };

	ps_place_learn(&key, wire);
	if (word % 64 >= 52 || word % 64 < 12) {
		key.line += word % 64 < 12 ? -1 : 1;
		ps_place_learn(&key, wire);
	}
}

struct ps_comm {
	char name[PS_COMM_MAX];
};

/* Digits do not count: "worker-1" and "worker-2" do the same. FNV-1a, without a branch: the verifier would follow both ways of each character. */
PS_GLOBAL __u32 ps_name_hash(const struct ps_comm *comm)
{
	__u32 h = 2166136261u, is_named = 1, i;

	if (!comm)
		return 0;

	for (i = 0; i < PS_COMM_MAX; i++) {
		__u32 c = (unsigned char)comm->name[i],
		      is_digit = 1 ^ (9 - ((c - '0') & 0xff)) >> 31;

		is_named &= (c + 0xff) >> 8; /* no end of it yet */
		h ^= (h ^ (h ^ c) * 16777619u) & -(is_named & ~is_digit);
	}
	return h;
}

/* glibc's condition variables take turns with words 12 bytes apart. */
PS_INLINE int ps_is_near(__u64 a, __u64 b)
{
	return (a > b ? a - b : b - a) < 64;
}

/* It slept here just now. */
PS_INLINE int ps_thread_is_again(const struct ps_thread *t, __u64 word, __u64 now)
{
	return ps_is_near(t->word, word) && now - t->ran_ns < PS_AGAIN_NS + t->off_ns;
}

/*
 * Of the time since its last sleep in a futex has ended: how long others had its CPU. 0 where it slept for something else. slept, used_ns: how often
 * and how long it has so far, with the sleep that begins now.
 */
PS_INLINE __u32 ps_off_ns(const struct ps_thread *t, __u64 slept, __u64 used_ns, __u64 now)
{
	__u64 since = now - t->ran_ns;
	__u32 used = (__u32)used_ns - t->ran_used_ns;

	if (since >> 32 || (__u32)slept - t->ran_slept != 1 || used >= since)
		return 0;
	return (__u32)since - used;
}

/* The next wait of the thread is another one. */
PS_INLINE void ps_thread_rests(struct ps_thread *t)
{
	t->sum_ns = 0;
	t->sum_stood_ns = 0;
	t->n_lost = 0;
	t->wait_ns = 0;
	t->best_ns = 0;
	t->longest_ns = 0;
	t->ran_ns = 0; /* its next wait is another one */
	t->vain_ns = 0; /* it got one */
	t->given_up_ns = 0; /* it was not: a timer looked whether all is well */
	t->best.sock = 0;
}

/* What was given up is told: it is no part of the next wait. */
PS_INLINE void ps_thread_gave_up(struct ps_thread *t, enum ps_give_up how, int what)
{
	if (how == PS_GIVE_UP_IN_VAIN)
		t->vain_ns = 0;
	else if (what == PS_GIVEN_UP_KNOWN)
		ps_thread_rests(t);
	if (how == PS_GIVE_UP_RETRIES && what) {
		t->given_up_ns = 0;
		t->ran_ns = 0;
	}
}

/* 1 = a wait that ended by being woken came to nothing: the thread would have used its connection by now. */
PS_INLINE int ps_thread_was_in_vain(const struct ps_thread *t, __u64 now)
{
	return t->vain_ns && now - t->vain_end_ns >= PS_LONG_WAIT_NS + t->off_ns;
}

/* This, ps_thread_runs() and what goes over the wire come with ps_stood() of the process in t->stood_ns. */
PS_INLINE void ps_thread_blocks(struct ps_thread *t, __u64 word, int has_timeout, __u64 now)
{
	if (ps_thread_is_again(t, word, now)) {
		t->vain_ns = 0; /* it waits on */
		t->n_timed += !!t->given_up_ns;
		t->n_lost += t->is_given;
	} else {
		t->chain_ns = now;
		t->chain_stood_ns = t->stood_ns;
		t->n_timed = 0;
	}
	t->given_up_ns = 0;
	t->is_given = 0;
	if ((t->woken_word && t->woken_word != word) || now - t->woken_ns >= PS_AGAIN_NS)
		t->is_woken = 0; /* that was told before, and for another sleep */
	t->word = word;
	t->has_timeout = (__u32)has_timeout;
	t->block_stood_ns = t->stood_ns;
	t->block_ns = now; /* a waking may have been told before: it is kept */
}

/*
 * What a waker has to give: the connection that it used last, if nobody has used it since and its hold has not been given away yet.
 * Else what it got itself when it was woken (a pool that passes through a queue of its own, or a thread that only wakes the next).
 */
PS_INLINE void ps_token_of(const struct ps_thread *waker, __u32 tid, __u64 now,
			   struct ps_token *ret)
{
	__u64 id = waker->last_sock;
	struct ps_sock *s = id ? bpf_map_lookup_elem(&ps_socks, &id) : 0;
	struct ps_wire *w;

	if (s && s->user == tid && s->gen == waker->last_gen && s->flags & PS_SOCK_HELD) {
		ret->sock = id;
		ret->wire = s->wire;
		ret->wake_ns = now;
		ret->wake_stood = ps_stood_short(waker->stood_ns);
		ret->hold_ns = s->hold_ns;
		ret->gen = s->gen;
		ret->hops = 0;
		ret->has_waited = !!(s->flags & PS_SOCK_WAITED);
		w = bpf_map_lookup_elem(&ps_wires, &ret->wire);
		ret->n_free = w && w->open > w->held ? (__u32)(w->open - w->held) : 0;
		return;
	}
	*ret = waker->inherited;
	if (!ret->sock || ++ret->hops > PS_TOKEN_HOPS)
		ret->sock = 0;
}

/*
 * A thread of the same process is just calling futex() to wake who sleeps on `word` (0 = on one of two). All else that wakes is a
 * timer, a signal, the network. Timers also fire while such a thread is in the midst of waking somebody else, so the words are compared.
 * `waker` is NULL when it is not followed.
 */
PS_INLINE void ps_thread_is_woken(struct ps_thread *t, const struct ps_thread *waker,
				  __u32 waker_tid, __u64 word, __u64 now)
{
	if (t->block_ns && word && word != t->word)
		return;
	t->is_woken = 1;
	t->woken_ns = now;
	t->woken_word = word;
	t->incoming.sock = 0;
	if (waker)
		ps_token_of(waker, waker_tid, now, &t->incoming);
}

/* It comes out of a sleep with a timeout that nobody has ended. */
PS_INLINE int ps_thread_is_by_timer(const struct ps_thread *t)
{
	return t->block_ns && !t->is_woken && t->has_timeout;
}

/* queued_ns: of a sleep that a timer ended, how long ago that was: what gave up is told by its length, and others may have had the CPU since. */
PS_INLINE void ps_thread_runs(struct ps_thread *t, __u64 now, __u64 queued_ns)
{
	__u64 begin = t->block_ns, length, stood;
	int is_woken = (int)t->is_woken, is_sliced, is_by_timer = ps_thread_is_by_timer(t);

	t->is_woken = 0;
	t->woken_word = 0;
	t->block_ns = 0;
	t->ran_ns = now;
	if (is_by_timer && now - t->chain_ns >= PS_LONG_WAIT_NS + queued_ns)
		t->given_up_ns = now - queued_ns - t->chain_ns;
	if (begin && is_woken && t->has_timeout && now - t->chain_ns >= PS_LONG_WAIT_NS) {
		t->vain_ns = now - t->chain_ns;
		t->vain_end_ns = now;
		t->vain_word = t->word;
	}
	if (!begin || !is_woken || now <= begin)
		return;
	length = now - (t->n_timed ? t->chain_ns : begin);
	stood = t->stood_ns - (t->n_timed ? t->chain_stood_ns : t->block_stood_ns);
	is_sliced = t->n_timed != 0;
	t->n_timed = 0;
	if (stood > length)
		stood = length;
	if (length - stood > t->longest_ns) /* in a stall it waits for the end of that */
		t->longest_ns = length - stood;
	if (t->incoming.sock)
		t->inherited = t->incoming;
	if (!t->incoming.sock && !t->sum_ns)
		return; /* what comes before the wait for a connection: a queue of tasks */
	t->sum_ns += length;
	t->sum_stood_ns += stood;
	if (t->incoming.sock) {
		t->wait_ns = t->sum_ns;
		t->wait_end_ns = now;
		t->wait_stood_ns = t->sum_stood_ns;
		t->wait_end_stood_ns = t->stood_ns;
	}
	t->is_given = t->incoming.sock && length >= PS_LOCK_WAIT_NS;
	if (t->incoming.sock && length > t->best_ns) {
		t->best = t->incoming;
		t->best_ns = length;
		t->best_begin_ns = begin;
		t->best_word = t->word;
		t->is_sliced = (__u32)is_sliced;
	}
}

/* ---- holds --------------------------------------------------------------------------------------------------------------- */

/* end_stood: ps_stood_short() at its end. Of its own, for the stack of those that call it has no more room. */
static __attribute__((noinline, unused)) int
ps_hold_end(struct ps_wire *w, struct ps_sock *s, __u64 end_ns, __u32 end_stood, int is_handed)
{
	__u64 held = end_ns > s->hold_ns ? end_ns - s->hold_ns : 0;
	__s32 stood = (__s32)(end_stood - s->hold_stood);

	if (!(s->flags & PS_SOCK_HELD))
		return 0;
	s->flags &= ~(__u32)PS_SOCK_HELD;
	__sync_fetch_and_add(&w->held, -1);
	__sync_fetch_and_add(&w->releases, 1);
	if (is_handed)
		__sync_fetch_and_add(&w->handed, 1);
	ps_hist_put(&w->hold, held);
	if (stood > 0)
		__sync_fetch_and_add(&w->stalled_hold_ns,
				     (__u64)stood << 10 < held ? (__u64)stood << 10 : held);
	return 0;
}

/* Several wait at once: the time during which anybody did. */
PS_INLINE void ps_saturated(struct ps_wire *w, __u64 begin_ns, __u64 end_ns)
{
	__u64 until = w->saturated_until_ns;

	if (begin_ns < until)
		begin_ns = until;
	if (end_ns <= begin_ns)
		return;
	w->saturated_until_ns = end_ns;
	__sync_fetch_and_add(&w->saturated_ns, end_ns - begin_ns);
}

/* A wait has ended that may have come of a stall; stood_ns: what of it lay inside of one. To be called before ps_saturated(). */
static __attribute__((noinline, unused)) int ps_backlog_ended(struct ps_wire *w,
							      const struct ps_sock *s,
							      __u64 begin_ns, __u64 wait_ns,
							      __u64 stood_ns)
{
	struct ps_proc_key proc = s->endpoint.proc;
	int is_first = begin_ns >= w->saturated_until_ns;
	struct ps_standstill *stall;
	enum ps_backlog how;

	if (!ps_may_have_stood(proc.tgid))
		return 0;
	stall = bpf_map_lookup_elem(&ps_standstills, &proc);
	how = stall ? ps_backlog_begins(stall, begin_ns, is_first) : PS_BACKLOG_NO;
	if (how == PS_BACKLOG_FIRST)
		w->backlog_of_ns = stall->stood_until_ns;
	else if (how == PS_BACKLOG_NO || is_first || w->backlog_of_ns != stall->stood_until_ns)
		return 0;
	if (wait_ns > stood_ns)
		__sync_fetch_and_add(&w->backlog_ns, wait_ns - stood_ns);
	return 0;
}

/* Whether the connection is held as it was when the token was made. (A new one may have the address of an old one.) */
PS_INLINE int ps_token_is_of(const struct ps_token *token, const struct ps_sock *x)
{
	return x && x->gen == token->gen && x->hold_ns == token->hold_ns && x->wire == token->wire;
}

/*
 * Whether the thread has waited for a connection of this endpoint. Not when it was the last user itself (Python's lock is waited for
 * in the middle of a hold); and what came through other hands only while that hold is the present one and nobody was given it
 * (an executor's tasks would be waits for whoever submitted them).
 */
PS_INLINE int ps_is_handoff(const struct ps_thread *t, const struct ps_sock *s, __u32 tid)
{
	__u64 from = t->best.sock;
	struct ps_sock *x;

	if (!from || t->best.wire != s->wire || s->user == tid)
		return 0;
	x = bpf_map_lookup_elem(&ps_socks, &from);
	if (ps_token_is_of(&t->best, x)) /* not when the giver goes on with it */
		return !(x->flags & PS_SOCK_CREDITED) && x->last_ns <= t->best.wake_ns;
	return !t->best.hops; /* somebody has it by now */
}

/* The wait ends the hold of whoever woke it. */
PS_INLINE void ps_handoff(struct ps_wire *w, const struct ps_sock *s, const struct ps_thread *t)
{
	__u64 from = t->best.sock;
	struct ps_sock *x = bpf_map_lookup_elem(&ps_socks, &from);

	__sync_fetch_and_add(&w->handoffs, 1);
	if (t->best.hold_ns > t->best_begin_ns && !t->best.has_waited)
		__sync_fetch_and_add(&w->contradictions, 1); /* there was a free one, and this thread did not take it */
	__sync_fetch_and_add(&w->free_sum, t->best.n_free);
	if (t->n_lost)
		__sync_fetch_and_add(&w->lost, t->n_lost);
	ps_hist_put(&w->wait, t->wait_ns);
	if (t->wait_stood_ns)
		__sync_fetch_and_add(&w->stalled_ns, t->wait_stood_ns);
	if (t->wait_ns >= PS_LOCK_WAIT_NS) {
		__sync_fetch_and_add(&w->handoffs_long, 1);
		if (t->is_sliced)
			__sync_fetch_and_add(&w->sliced, 1);
		ps_word_learn(&s->endpoint.proc, t->best_word, s->wire);
	}
	ps_backlog_ended(w, s, t->wait_end_ns - t->wait_ns, t->wait_ns, t->wait_stood_ns);
	ps_saturated(w, t->wait_end_ns - t->wait_ns, t->wait_end_ns);
	w->handoff_ns = t->wait_end_ns;
	if (t->wait_ns >= PS_LOCK_WAIT_NS && w->open > (__s64)w->open_full)
		w->open_full = (__u64)w->open;
	if (!ps_token_is_of(&t->best, x))
		return;
	x->flags |= PS_SOCK_CREDITED;
	ps_hold_end(w, x, t->best.wake_ns, t->best.wake_stood, 1);
}

/* A thread uses a connection that is not its own: it has taken it. */
PS_INLINE void ps_hold_begin(struct ps_wire *w, struct ps_sock *s, struct ps_thread *t, __u32 tid,
			     __u64 now)
{
	int is_waited = ps_is_handoff(t, s, tid);

	if (is_waited) {
		ps_handoff(w, s, t);
	} else if (t->longest_ns >= PS_LONG_WAIT_NS && s->user != tid) {
		__sync_fetch_and_add(&w->unclear, 1);
		__sync_fetch_and_add(&w->unclear_ns, t->longest_ns);
	}
	ps_hold_end(w, s, s->last_ns, s->last_stood, 0);
	s->gen++;
	s->user = tid;
	s->hold_ns = is_waited ? t->wait_end_ns : now;
	s->hold_stood = ps_stood_short(is_waited ? t->wait_end_stood_ns : t->stood_ns);
	s->flags &= ~(__u32)(PS_SOCK_WAITED | PS_SOCK_CREDITED);
	s->flags |= PS_SOCK_HELD | (is_waited ? PS_SOCK_WAITED : 0);
	__sync_fetch_and_add(&w->held, 1);
	__sync_fetch_and_add(&w->acquires, 1);
}

/* ---- the wire ------------------------------------------------------------------------------------------------------------ */

/* Hardly a thread holds two at once: what it had before was given back. */
PS_INLINE void ps_hold_leave(struct ps_wire *w, const struct ps_sock *s, const struct ps_thread *t,
			     __u32 tid)
{
	__u64 id = t->last_sock;
	struct ps_sock *last = id ? bpf_map_lookup_elem(&ps_socks, &id) : 0;

	if (last && last != s && last->wire == s->wire && last->user == tid &&
	    last->gen == t->last_gen && !(last->flags & PS_SOCK_BUSY))
		ps_hold_end(w, last, last->last_ns, last->last_stood, 0);
}

/* It asked before on another connection, and if that is open still and without an answer it serves many, as an event loop does. */
PS_INLINE void ps_many_at_once(struct ps_wire *w, const struct ps_thread *t)
{
	__u64 id = t->last_sock;
	const struct ps_sock *last = bpf_map_lookup_elem(&ps_socks, &id);

	if (last && last->flags & PS_SOCK_BUSY && last->gen == t->last_gen)
		__sync_fetch_and_add(&w->multiplexed, 1);
}

PS_INLINE void ps_wire_sent(struct ps_wire *w, struct ps_sock *s, __u64 id, struct ps_thread *t,
			    __u32 tid, __u64 now)
{
	int is_split = s->user == tid && t->longest_ns >= PS_LONG_WAIT_NS;

	if (t->asked_wire == s->wire && t->last_sock != id)
		ps_many_at_once(w, t);
	if (s->user != tid || !(s->flags & PS_SOCK_HELD) || is_split) {
		ps_hold_begin(w, s, t, tid, now);
		if (t->last_sock != id)
			ps_hold_leave(w, s, t, tid);
	}
	t->asked_wire = s->wire;
	if (!(s->flags & PS_SOCK_BUSY)) {
		s->flags |= PS_SOCK_BUSY;
		__sync_fetch_and_add(&w->requests, 1);
		__sync_fetch_and_add(&w->busy, 1);
	}
	s->last_ns = now;
	s->last_stood = ps_stood_short(t->stood_ns);
	s->handoffs_seen = w->handoffs_long;
	t->last_sock = id;
	t->last_gen = s->gen;
	ps_thread_rests(t);
}

PS_INLINE void ps_wire_received(struct ps_wire *w, struct ps_sock *s, __u64 id, struct ps_thread *t,
				__u32 tid, __u64 now)
{
	if (s->flags & PS_SOCK_BUSY) {
		s->flags &= ~(__u32)PS_SOCK_BUSY;
		__sync_fetch_and_add(&w->busy, -1);
	}
	s->last_ns = now;
	s->last_stood = ps_stood_short(t->stood_ns);
	s->handoffs_seen = w->handoffs_long;
	if (s->user != tid)
		return; /* another one reads what this one asked for */
	if (t->last_sock == id)
		t->asked_wire = 0;
	ps_thread_rests(t);
}

/* A connection ends. */
PS_INLINE void ps_wire_closed(struct ps_wire *w, struct ps_sock *s)
{
	if (s->flags & PS_SOCK_BUSY)
		__sync_fetch_and_add(&w->busy, -1);
	s->flags &= ~(__u32)PS_SOCK_BUSY;
	ps_hold_end(w, s, s->last_ns, s->last_stood, 0);
}

#endif
