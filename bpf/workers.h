/* SPDX-License-Identifier: MIT */
/*
 * workers.h - workers that take requests from connections which another thread accepted: threads of one name, busy from the first receive
 * to the first sleep in a futex after the answer. And what a pass over all threads counts, of these and of acceptors.h.
 */
#ifndef POOLSCOPE_BPF_WORKERS_H
#define POOLSCOPE_BPF_WORKERS_H

#include "acceptors.h"

#define PS_TOLD_NS 200000000 /* an answer that has not gone on for so long is one */

/* ---- who takes requests that others accepted ------------------------------------------------------------------------------ */

/* What numbers a thread at the end of its name: "exec-12", "pool-1-thread-3", "worker #4", "worker/u8:2", "[7]". A bit for each from ' ' to '_'. */
#define PS_NUMBER(c) (1ull << ((c) - ' '))
#define PS_NUMBERING                                                                               \
	(PS_NUMBER(' ') | PS_NUMBER('#') | PS_NUMBER('(') | PS_NUMBER(')') | PS_NUMBER('-') |      \
	 PS_NUMBER('.') | PS_NUMBER('/') | 1023 * PS_NUMBER('0') | PS_NUMBER(':') |                \
	 PS_NUMBER('[') | PS_NUMBER(']') | PS_NUMBER('_'))

/* 0 or 1, without a branch: the verifier would follow both ways of each of a name's characters. */
PS_INLINE __u32 ps_is_numbering(unsigned char c)
{
	__u32 i = ((__u32)c - ' ') & 0xff, is_within = 1 ^ (63 - i) >> 31;

	return (__u32)(PS_NUMBERING >> (i & 63)) & is_within;
}

/* The family's name, and its hash (FNV-1a); a name of nothing but numbers is one. Global as ps_family_answered() is. */
PS_GLOBAL int ps_family_hash(const struct ps_comm *comm, struct ps_comm *ret)
{
	__u32 h = 2166136261u, i, is_named = 1, kept = 0; /* kept: a bit for each character */

	if (!comm || !ret)
		return 0;
	for (i = 0; i < PS_COMM_MAX - 1; i++) {
		is_named &= ((unsigned char)comm->name[i] + 0xffu) >> 8; /* no end of it yet */
		kept |= (is_named & ~ps_is_numbering((unsigned char)comm->name[i])) << i;
	}
	kept |= kept >> 1; /* and all before the last of them */
	kept |= kept >> 2;
	kept |= kept >> 4;
	kept |= kept >> 8;
	for (i = 0; i < PS_COMM_MAX; i++) {
		ret->name[i] = (char)(comm->name[i] & -(kept >> i & 1));
		h = (h ^ (unsigned char)ret->name[i]) * 16777619u;
	}
	return h ? (int)h : 1;
}

PS_INLINE __u32 ps_family_name(const char comm[PS_COMM_MAX], char ret[PS_COMM_MAX])
{
	return (__u32)ps_family_hash((const struct ps_comm *)comm, (struct ps_comm *)ret);
}

PS_INLINE void ps_server_begins(struct ps_family *f, struct ps_worker *w, __u64 conn, __u64 now)
{
	ps_server_tells(f, w);
	w->state = PS_WORKER_BUSY;
	w->is_known = 1;
	w->conn = conn;
	w->sent_ns = 0;
	w->is_elsewhere = 0;
	w->request_ns = now;
	__sync_fetch_and_add(&f->requests, 1);
	ps_family_begins(f, now);
}

/* Its thread has another name now: it belongs to others. */
PS_INLINE void ps_server_joins(struct ps_family *f, struct ps_worker *w, __u32 name,
			       const struct ps_proc_key *proc)
{
	struct ps_family *before = ps_server_family(w, proc);

	if (before) {
		ps_server_tells(before, w);
		__sync_fetch_and_add(&before->n, -1);
	}
	w->name = name;
	w->ended_ns = 0;
	__sync_fetch_and_add(&f->n, 1);
	__sync_fetch_and_add(&f->joined, 1);
}

/*
 * It receives on a connection that somebody accepted, and is not at work. A request on the connection of its last one is one as well: it was
 * kept alive.
 */
PS_INLINE void ps_server_takes(struct ps_worker *w, const struct ps_proc_key *proc,
			       const char comm[PS_COMM_MAX], __u64 conn, __u64 now)
{
	char name[PS_COMM_MAX];
	struct ps_family_key key = { .proc = *proc, .id = ps_family_name(comm, name) };
	struct ps_family *f = ps_family_get(&key, name, proc, now);

	if (!f)
		return;
	if (w->name != (__u32)key.id)
		ps_server_joins(f, w, (__u32)key.id, proc);
	ps_server_begins(f, w, conn, now);
}

/* It is an event loop (loops.h): what it serves at once is no request at a time, and its family is none of workers. */
PS_INLINE void ps_server_loops(struct ps_worker *w, const struct ps_proc_key *proc, __u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	if (f)
		__sync_fetch_and_add(&f->multiplexed, f->requests);
	ps_server_leaves(w, proc, now);
	w->state = PS_WORKER_NEW;
	w->is_loop = 1;
}

/* It receives while it is at work. Only after an answer, or on another connection, does it mean anything. */
PS_INLINE void ps_server_receives(struct ps_worker *w, const struct ps_proc_key *proc, __u64 conn,
				  __u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	if (!f) {
		w->state = PS_WORKER_NEW;
		return;
	}
	if (!w->sent_ns) {
		w->conn = conn;
		__sync_fetch_and_add(&f->multiplexed, 1);
		return;
	}
	if (w->is_elsewhere)
		__sync_fetch_and_add(&f->elsewhere, 1);
	ps_family_answered(f, w->request_ns, w->sent_ns);
	ps_family_ends(f, w->sent_ns);
	ps_server_begins(f, w, conn, now);
}

/* It sends on the connection of its request; after a sleep it goes on with an answer that seemed to be over. */
PS_INLINE void ps_server_sends(struct ps_worker *w, const struct ps_proc_key *proc, __u64 conn,
			       __u64 now)
{
	struct ps_family *f;

	if (w->conn != conn)
		return;
	if (w->state == PS_WORKER_BUSY) {
		w->sent_ns = now;
		w->is_elsewhere = 0;
		return;
	}
	f = ps_server_family(w, proc);
	if (!f)
		return;
	if (!w->ended_ns) {
		__sync_fetch_and_add(&f->resumed, 1);
		return;
	}
	ps_family_resumes(f, w->ended_ns);
	w->state = PS_WORKER_BUSY;
	w->ended_ns = 0;
	w->sent_ns = now;
}

/* It goes to sleep in a futex: after an answer it waits for the next request. */
PS_INLINE void ps_server_sleeps(struct ps_worker *w, const struct ps_proc_key *proc, __u64 word,
				__u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	w->state = PS_WORKER_IDLE;
	w->ended_ns = now;
	if (!f)
		return;
	f->word = word;
	ps_family_ends(f, now);
}

/* ---- a pass over all threads of processes that listen, once a tick --------------------------------------------------------- */

PS_INLINE void ps_family_pass(struct ps_family *f)
{
	if (f->pass == ps_epoch)
		return;
	f->pass = ps_epoch;
	f->n_named = f->n_unknown = f->n_unsure = 0;
}

/* A glibc condition variable is two words, 12 bytes apart. */
PS_INLINE int ps_is_one_word(__u64 a, __u64 b)
{
	return a && b && (a > b ? a - b : b - a) <= 12;
}

/* What is known of a thread beside its record. */
struct ps_counted {
	char comm[PS_COMM_MAX];
	char leader[PS_COMM_MAX]; /* its process's name */
	__u64 word; /* the futex in which it sleeps; 0 = in none */
	__u32 is_leader;
	__u32 is_unrecorded; /* there are too many */
};

/* Counts the thread among those of its name, if any of them serves. */
PS_INLINE void ps_worker_count(struct ps_worker *w, const struct ps_proc_key *proc,
			       const struct ps_counted *c, __u64 now)
{
	char name[PS_COMM_MAX];
	struct ps_family_key key = { .proc = *proc, .id = ps_family_name(c->comm, name) };
	struct ps_family *f;

	if (w->listener || w->is_loop)
		return;
	f = ps_family_find(&key);
	if (!f)
		return;
	if (w->state == PS_WORKER_IDLE && w->ended_ns && now - w->ended_ns >= PS_TOLD_NS)
		ps_server_tells(f, w);
	ps_family_pass(f);
	if (ps_family_name(c->leader, name) == (__u32)key.id)
		ps_family_mark(f, PS_FAMILY_UNNAMED);
	if (f->flags & PS_FAMILY_UNNAMED && !w->name && !ps_is_one_word(f->word, c->word)) {
		f->n_unsure += !c->is_leader; /* the first thread has other work, if it never served */
		return;
	}
	f->n_named++;
	f->n_unknown += c->is_unrecorded || (!w->is_known && !ps_is_one_word(f->word, c->word));
}

/*
 * A thread whose process's first thread polls for connections, and which was not seen to. Where others waited for their turn, it does.
 */
PS_INLINE void ps_poller_sibling(struct ps_worker *w, const struct ps_worker *leader, __u64 word,
				 const struct ps_proc_key *by, __u64 now)
{
	struct ps_watched at = { .listener = { leader->listener }, .n_listeners = 1 };
	struct ps_family *f = ps_acceptor_family(leader);

	if (!f)
		return;
	ps_family_pass(f);
	if (!ps_is_one_word(f->word, word)) {
		f->n_unsure++;
		return;
	}
	if (!ps_acceptor_joins(w, &at, by, now))
		return;
	w->state = PS_WORKER_IDLE;
	w->is_polling = 1;
}

/*
 * One of the family, in a pass: what it did after its answer was to wait (ps_poller_pauses()). Doubt of the pass before is over, also where
 * whoever gave cause for it has joined since: then nobody else would say so.
 */
PS_INLINE void ps_acceptor_look(struct ps_worker *w, __u64 now)
{
	struct ps_family *f = ps_acceptor_family(w);

	if (!f)
		return;
	ps_family_pass(f);
	if (w->ended_ns && now - w->ended_ns >= PS_TOLD_NS)
		ps_acceptor_tells(f, w, now);
}

/* Files are looked at once a window, so that a pass is short; and sooner so many times, until it is known what the process is. */
#define PS_WINDOW 8 /* passes */
#define PS_SCANS 16

PS_INLINE __u16 ps_window(void)
{
	return (__u16)(ps_epoch / PS_WINDOW + ps_n_families + 1);
}

PS_INLINE int ps_is_scan_due(struct ps_worker *w)
{
	if (w->window == ps_window() && (w->is_aside || w->listener || w->n_scans >= PS_SCANS))
		return 0;
	w->window = ps_window();
	w->n_scans += w->n_scans < PS_SCANS;
	return 1;
}

/* The process has that socket, and is no worker of it. */
PS_INLINE void ps_acceptor_aside(__u64 listener)
{
	struct ps_worker at = { .listener = listener };
	struct ps_family *f = ps_acceptor_family(&at);

	if (!f)
		return;
	if (f->window != ps_window()) {
		f->window = ps_window();
		f->n_aside = 0;
	}
	f->n_aside++;
}

#endif
