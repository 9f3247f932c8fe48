/* SPDX-License-Identifier: MIT */
/*
 * acceptors.h - workers that wait for connections: a thread that sleeps in accept() is one, and all that sleep there on one socket are a
 * family, of one process or of many (prefork); each is busy from when it runs again to when it sleeps there again. So are those that sleep in
 * a poll for connections and then serve one at a time; from an event loop they differ in that they sleep before the answer, elsewhere, and
 * that nobody polls the connection beside the listening socket.
 *
 * The surprise: a worker that finds the queue full of connections does not sleep between two of them. It is busy throughout, which is right,
 * and that it is another request is told by its receiving on another connection.
 */
#ifndef POOLSCOPE_BPF_ACCEPTORS_H
#define POOLSCOPE_BPF_ACCEPTORS_H

#include "families.h"

/* What a thread waits at. */
struct ps_watched {
	__u64 listener[PS_LISTENERS]; /* inodes, the lowest first */
	__u32 n_listeners; /* may be more */
	__u32 n_conns; /* that may have come through one */
};

/* What it does else while it has a connection, or is about to. */
enum ps_elsewhere { PS_SLEEPS, PS_SLEEPS_FOR_LOCK, PS_SLEEPS_FOR_CLIENT };

PS_INLINE void ps_acceptor_key(__u64 listener, struct ps_family_key *ret)
{
	ret->proc.tgid = 0;
	ret->proc.incarnation = 0;
	ret->id = listener;
}

PS_INLINE struct ps_family *ps_acceptor_family(const struct ps_worker *w)
{
	struct ps_family_key key;

	ps_acceptor_key(w->listener, &key);
	return ps_family_find(&key);
}

/* Its request is over: at the end of the answer, if it then waited for more from its client. */
PS_INLINE void ps_acceptor_tells(struct ps_family *f, struct ps_worker *w, __u64 now)
{
	__u64 end = w->ended_ns ? w->ended_ns : now;

	if (w->is_elsewhere && w->sent_ns)
		end = w->sent_ns;
	if (w->conn && !w->is_before)
		ps_family_answered(f, w->request_ns, end);
	w->conn = w->sent_ns = w->ended_ns = 0;
	w->is_elsewhere = w->is_blocked = w->is_before = 0;
}

PS_INLINE void ps_acceptor_rests(struct ps_family *f, struct ps_worker *w, __u64 now)
{
	ps_acceptor_tells(f, w, now);
	if (w->state == PS_WORKER_BUSY)
		ps_family_ends(f, now);
}

/* It is no worker of that socket any more. */
PS_INLINE void ps_acceptor_leaves(struct ps_worker *w, __u64 now)
{
	struct ps_family *f = ps_acceptor_family(w);

	if (f) {
		ps_acceptor_rests(f, w, now);
		__sync_fetch_and_add(&f->n, -1);
	}
	w->listener = 0;
	w->state = PS_WORKER_NEW;
	w->conn = w->ended_ns = 0;
	w->is_polling = w->is_before = 0;
}

/* Of the family of whoever waits there, from now on. NULL = no room. */
PS_INLINE struct ps_family *ps_acceptor_joins(struct ps_worker *w, const struct ps_watched *at,
					      const struct ps_proc_key *by, __u64 now)
{
	struct ps_family_key key;
	struct ps_family *f;

	if (w->listener && w->listener != at->listener[0])
		ps_acceptor_leaves(w, now);
	if (w->name)
		ps_server_leaves(w, by, now);
	ps_acceptor_key(at->listener[0], &key);
	f = ps_family_get(&key, 0, by, now);
	if (!f)
		return 0;
	if (!f->n_listeners) {
		for (int i = 0; i < PS_LISTENERS - 1; i++)
			f->other[i] = at->listener[i + 1];
		f->n_listeners = at->n_listeners;
	}
	if (!w->listener) {
		w->listener = at->listener[0];
		w->state = PS_WORKER_NEW;
		w->conn = w->ended_ns = 0;
		f->n_aside -= w->is_aside && f->n_aside;
		w->is_aside = 0;
		__sync_fetch_and_add(&f->n, 1);
		if (f->first.tgid != by->tgid)
			ps_family_mark(f, PS_FAMILY_PREFORK);
	}
	f->last = *by;
	return f;
}

/* Goes to sleep in accept() on the socket of this inode. */
PS_INLINE void ps_acceptor_sleeps(struct ps_worker *w, __u64 listener, const struct ps_proc_key *by,
				  __u64 now)
{
	struct ps_watched at = { .listener = { listener }, .n_listeners = 1 };
	struct ps_family *f = ps_acceptor_joins(w, &at, by, now);

	if (!f)
		return;
	ps_acceptor_rests(f, w, now);
	w->state = PS_WORKER_IDLE;
	w->is_polling = 0;
}

/* Runs again after a sleep in accept(). */
PS_INLINE void ps_acceptor_runs(struct ps_worker *w, __u64 now)
{
	struct ps_family *f;

	if (!w->listener || w->state != PS_WORKER_IDLE)
		return;
	f = ps_acceptor_family(w);
	w->state = PS_WORKER_BUSY;
	w->since_ns = now;
	if (f)
		ps_family_begins(f, now);
	else
		w->listener = w->state = 0; /* the agent has dropped it: it begins anew */
}

/* What a poller got is known by what it does next: it has a connection since it was woken. */
PS_INLINE void ps_poller_begins(struct ps_family *f, struct ps_worker *w, __u64 now)
{
	ps_acceptor_tells(f, w, now); /* one that slept for a lock since */
	if (w->state != PS_WORKER_WOKEN)
		w->since_ns = now;
	w->state = PS_WORKER_BUSY;
	ps_family_begins(f, w->since_ns);
}

/*
 * It receives on a connection that it accepted: another one is another request, and so is what comes after an answer (kept alive), where
 * that can be told from what goes to and fro before a request.
 */
PS_INLINE void ps_acceptor_receives(struct ps_worker *w, __u64 conn, int is_plain, __u64 now)
{
	struct ps_family *f;
	int is_first;

	if (w->conn == conn && w->state == PS_WORKER_BUSY && !(w->is_plain && w->sent_ns))
		return;
	if (w->state != PS_WORKER_BUSY && (!w->is_polling || w->state == PS_WORKER_NEW))
		return;
	f = ps_acceptor_family(w);
	if (!f)
		return;
	if (w->state != PS_WORKER_BUSY)
		ps_poller_begins(f, w, now);
	is_first = !w->conn && !w->is_before;
	ps_acceptor_tells(f, w, now);
	w->request_ns = is_first ? w->since_ns : now;
	w->conn = conn;
	w->is_plain = (__u16)is_plain;
	__sync_fetch_and_add(&f->requests, 1);
}

/* It sends on the connection of its request; what it slept after had not been the end. */
PS_INLINE void ps_acceptor_sends(struct ps_worker *w, __u64 now)
{
	struct ps_family *f;

	if (w->ended_ns) {
		f = ps_acceptor_family(w);
		if (!f)
			return;
		ps_family_resumes(f, w->ended_ns);
		w->state = PS_WORKER_BUSY;
		w->ended_ns = 0;
	}
	w->sent_ns = now;
	w->is_elsewhere = 0;
}

/* Goes to sleep in a poll of sockets that listen, and of no connection. */
PS_INLINE void ps_poller_sleeps(struct ps_worker *w, const struct ps_watched *at,
				const struct ps_proc_key *by, __u64 now)
{
	struct ps_family *f;

	if (w->is_polling && w->listener == at->listener[0] && !w->ended_ns &&
	    (w->state == PS_WORKER_IDLE || w->state == PS_WORKER_WOKEN)) {
		w->state = PS_WORKER_IDLE;
		return;
	}
	f = ps_acceptor_joins(w, at, by, now);
	if (!f)
		return;
	ps_family_mark(f, PS_FAMILY_POLLS);
	if (w->state == PS_WORKER_BUSY && w->conn && !w->sent_ns && !w->is_before)
		__sync_fetch_and_add(&f->multiplexed, 1);
	ps_acceptor_rests(f, w, now);
	w->state = PS_WORKER_IDLE;
	w->is_polling = 1;
}

PS_INLINE void ps_poller_runs(struct ps_worker *w, __u64 now)
{
	if (!w->is_polling || w->state != PS_WORKER_IDLE || w->ended_ns)
		return;
	w->state = PS_WORKER_WOKEN;
	w->since_ns = now;
}

/* It polls connections beside the listening socket. */
PS_INLINE void ps_poller_loops(struct ps_worker *w, __u64 now)
{
	struct ps_family *f = w->listener ? ps_acceptor_family(w) : 0;

	if (f)
		ps_family_mark(f, PS_FAMILY_LOOPS);
	if (w->listener)
		ps_acceptor_leaves(w, now);
	w->is_loop = 1;
}

/* After its answer, or a client that said nothing, it sleeps for a lock, as others do before they poll in turn: it waits for the next one. */
PS_INLINE void ps_poller_pauses(struct ps_family *f, struct ps_worker *w, __u64 word, __u64 now)
{
	f->word = word;
	ps_family_ends(f, now);
	w->state = PS_WORKER_IDLE;
	w->ended_ns = now;
}

/* Whether a sleep elsewhere means anything. */
PS_INLINE int ps_acceptor_says(const struct ps_worker *w, enum ps_elsewhere where)
{
	if (w->state == PS_WORKER_WOKEN)
		return where == PS_SLEEPS_FOR_CLIENT;
	if (w->state != PS_WORKER_BUSY)
		return 0;
	return w->sent_ns || !w->conn ? where == PS_SLEEPS_FOR_LOCK : !w->is_blocked;
}

/* Goes to sleep elsewhere; `word` is that of a futex, or 0. */
PS_INLINE void ps_acceptor_blocks(struct ps_worker *w, enum ps_elsewhere where, __u64 word,
				  __u64 now)
{
	struct ps_family *f;

	if (w->state == PS_WORKER_BUSY && w->sent_ns && where == PS_SLEEPS_FOR_CLIENT)
		w->is_elsewhere = 1;
	if (w->state == PS_WORKER_WOKEN && where == PS_SLEEPS_FOR_LOCK)
		w->state = PS_WORKER_IDLE; /* for another turn: there was nothing, or nobody */
	if (!w->is_polling || !ps_acceptor_says(w, where))
		return;
	f = ps_acceptor_family(w);
	if (!f)
		return;
	if (w->state == PS_WORKER_WOKEN) {
		ps_poller_begins(f, w, now);
	} else if (w->sent_ns || !w->conn) {
		ps_poller_pauses(f, w, word, now);
	} else {
		w->is_blocked = 1;
		__sync_fetch_and_add(&f->blocked, 1);
	}
}

/* It receives, and has not been seen to wait where the others do; they are known. */
PS_INLINE void ps_acceptor_among(struct ps_worker *w, const struct ps_watched *at,
				 const struct ps_proc_key *by, __u64 now)
{
	struct ps_worker there = { .listener = at->listener[0] };
	struct ps_family *f = ps_acceptor_family(&there);

	if (!f || !(f->flags & PS_FAMILY_POLLS) || !ps_acceptor_joins(w, at, by, now))
		return;
	w->state = PS_WORKER_WOKEN;
	w->since_ns = now;
	w->is_polling = 1;
}

/* It sleeps for a lock where others poll, who have the same parent: for its turn at that. */
PS_INLINE void ps_poller_in_turn(struct ps_worker *w, const struct ps_watched *at,
				 const struct ps_proc_key *by, __u64 now)
{
	ps_acceptor_among(w, at, by, now);
	if (w->listener)
		w->state = PS_WORKER_IDLE;
}

/* It was at work for a connection of that socket when the agent came. */
PS_INLINE void ps_acceptor_found(struct ps_worker *w, const struct ps_watched *at, __u64 conn,
				 const struct ps_proc_key *by, __u64 now)
{
	struct ps_family *f = ps_acceptor_joins(w, at, by, now);

	if (!f)
		return;
	w->state = PS_WORKER_BUSY;
	w->since_ns = w->request_ns = now;
	w->conn = conn;
	w->is_before = 1;
	w->is_plain = 0;
	ps_family_begins(f, now);
	__sync_fetch_and_add(&f->blocked, 1);
}

#endif
