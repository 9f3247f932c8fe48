/* SPDX-License-Identifier: MIT */
/*
 * workers.h - pools of workers that say nothing: who waits for work, who is at work, and for how long.
 *
 * Two kinds. A thread that sleeps in accept() waits for a connection; all that sleep there on one socket are a family, of one process or
 * of many (prefork), and each is busy from when it runs again to when it sleeps there again. So are those that sleep in a poll for
 * connections and then serve one at a time; from an event loop they differ in that they sleep before the answer, elsewhere, and that
 * nobody polls the connection beside the listening socket. And threads of one name that take requests from connections which another
 * thread accepted: busy from the first receive to the first sleep in a futex after the answer.
 *
 * The surprise: a worker that finds the queue full of connections does not sleep between two of them. It is busy throughout, which is right, and
 * that it is another request is told by its receiving on another connection. Times are CLOCK_MONOTONIC ns.
 */
#ifndef POOLSCOPE_BPF_WORKERS_H
#define POOLSCOPE_BPF_WORKERS_H

#include "hist.h"
#include "infer.h"
#include "maps.h"
#include "process.h"

#define PS_FAMILIES_PER_PROCESS 64 /* of like-named threads */
#define PS_TOLD_NS 200000000 /* an answer that has not gone on for so long is one */

/* ---- families ------------------------------------------------------------------------------------------------------------ */

PS_INLINE struct ps_family *ps_family_find(const struct ps_family_key *key)
{
	return bpf_map_lookup_elem(&ps_families, key);
}

/* NULL = no room (counted). The name is of its first thread; NULL = none. */
PS_INLINE struct ps_family *ps_family_get(const struct ps_family_key *key, const char *name,
					  const struct ps_proc_key *by, __u64 now)
{
	struct ps_family *f = ps_family_find(key);
	struct ps_proc *proc = 0;
	__u32 zero = 0;
	void *blank;

	if (f)
		return f;
	blank = bpf_map_lookup_elem(&ps_zero, &zero);
	if (name)
		proc = ps_proc_get(&key->proc, now);
	if (!blank || (name && (!proc || proc->n_families >= PS_FAMILIES_PER_PROCESS)) ||
	    bpf_map_update_elem(&ps_families, key, blank, BPF_NOEXIST)) {
		f = ps_family_find(key);
		if (!f)
			ps_lost(PS_LOSS_families_full);
		return f;
	}
	if (proc)
		__sync_fetch_and_add(&proc->n_families, 1);
	else
		__sync_fetch_and_add(&ps_n_families, 1);
	f = ps_family_find(key);
	if (!f)
		return 0;
	f->since_ns = now;
	f->first = *by;
	if (name)
		__builtin_memcpy(f->name, name, PS_COMM_MAX);
	return f;
}

/* Two may find out at once. */
PS_INLINE void ps_family_mark(struct ps_family *f, __u32 flag)
{
	if (!(f->flags & flag))
		__sync_fetch_and_or(&f->flags, flag);
}

PS_INLINE void ps_family_begins(struct ps_family *f, __u64 now)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, 1);
	__sync_fetch_and_add(&f->begun_sum, now);
	__sync_fetch_and_add(&f->periods, 1);
	__sync_fetch_and_add(&f->events_done, 1);
}

PS_INLINE void ps_family_ends(struct ps_family *f, __u64 now)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, -1);
	__sync_fetch_and_add(&f->ended_sum, now);
	__sync_fetch_and_add(&f->events_done, 1);
}

/* It had not ended then. */
PS_INLINE void ps_family_resumes(struct ps_family *f, __u64 ended_ns)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, 1);
	__sync_fetch_and_add(&f->ended_sum, -ended_ns);
	__sync_fetch_and_add(&f->events_done, 1);
}

/* Global, for the verifier: it looks at it once, and not at every call. */
PS_GLOBAL int ps_family_answered(struct ps_family *f, __u64 begin_ns, __u64 end_ns)
{
	if (!f)
		return 0;
	__sync_fetch_and_add(&f->answered, 1);
	ps_hist_put(&f->hold, end_ns > begin_ns ? end_ns - begin_ns : 0);
	return 0;
}

PS_INLINE struct ps_family *ps_server_family(const struct ps_worker *w,
					     const struct ps_proc_key *proc)
{
	struct ps_family_key key = { .proc = *proc, .id = w->name };

	return w->name ? ps_family_find(&key) : 0;
}

/* What seemed to be the end of a request was it. */
PS_INLINE void ps_server_tells(struct ps_family *f, struct ps_worker *w)
{
	if (!w->ended_ns)
		return;
	ps_family_answered(f, w->request_ns, w->ended_ns);
	__sync_fetch_and_add(&f->slept, 1);
	w->ended_ns = 0;
}

/* The thread ends, or does something else from now on. */
PS_INLINE void ps_server_leaves(struct ps_worker *w, const struct ps_proc_key *proc, __u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	if (f) {
		__sync_fetch_and_add(&f->n, -1);
		if (w->state == PS_WORKER_BUSY)
			ps_family_ends(f, now);
		ps_server_tells(f, w);
	}
	w->name = 0;
	w->state = PS_WORKER_NEW;
	w->conn = 0;
}

/* ---- who waits for connections ------------------------------------------------------------------------------------------- */

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

/* ---- who takes requests that others accepted ------------------------------------------------------------------------------ */

/* What numbers a thread at the end of its name: "exec-12", "pool-1-thread-3", "worker #4", "worker/u8:2", "[7]". */
PS_INLINE int ps_is_numbering(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '#' || c == ':' || c == ' ' ||
	       c == '.' || c == '/' || c == '[' || c == ']' || c == '(' || c == ')';
}

struct ps_comm {
	char name[PS_COMM_MAX];
};

/* The family's name, and its hash (FNV-1a); a name of nothing but numbers is one. Global as ps_family_answered() is. */
PS_GLOBAL int ps_family_hash(const struct ps_comm *comm, struct ps_comm *ret)
{
	__u32 h = 2166136261u, i, end = 0;

	if (!comm || !ret)
		return 0;
	for (i = 0; i < PS_COMM_MAX - 1; i++) {
		if (!comm->name[i])
			break;
		if (!ps_is_numbering(comm->name[i]))
			end = i + 1;
	}
	for (i = 0; i < PS_COMM_MAX; i++) {
		ret->name[i] = i < end ? comm->name[i] : 0;
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

/* What an acceptor did after its answer was to wait: see ps_poller_pauses(). */
PS_INLINE void ps_acceptor_look(struct ps_worker *w, __u64 now)
{
	struct ps_family *f;

	if (!w->ended_ns || now - w->ended_ns < PS_TOLD_NS)
		return;
	f = ps_acceptor_family(w);
	if (f)
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
