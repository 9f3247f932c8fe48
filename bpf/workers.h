/* SPDX-License-Identifier: MIT */
/*
 * workers.h - pools of workers that say nothing: who waits for work, who is at work, and for how long.
 *
 * Two kinds. A thread that sleeps in accept() waits for a connection; all that sleep there on one socket are a family, of one process or
 * of many (prefork), and each is busy from when it runs again to when it sleeps there again. And threads of one name that take
 * requests from connections which another thread accepted: busy from the first receive to the first sleep in a futex after the answer.
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
	f = ps_family_find(key);
	if (!f)
		return 0;
	f->since_ns = now;
	f->first = *by;
	if (name)
		__builtin_memcpy(f->name, name, PS_COMM_MAX);
	return f;
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

PS_INLINE void ps_family_answered(struct ps_family *f, __u64 begin_ns, __u64 end_ns)
{
	__sync_fetch_and_add(&f->answered, 1);
	ps_hist_put(&f->hold, end_ns > begin_ns ? end_ns - begin_ns : 0);
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

/* ---- who waits in accept() ----------------------------------------------------------------------------------------------- */

PS_INLINE void ps_acceptor_key(__u64 listener, struct ps_family_key *ret)
{
	ret->proc.tgid = 0;
	ret->proc.incarnation = 0;
	ret->id = listener;
}

/* Its request has ended, if it had one. */
PS_INLINE void ps_acceptor_rests(struct ps_family *f, struct ps_worker *w, __u64 now)
{
	if (w->conn)
		ps_family_answered(f, w->request_ns, now);
	w->conn = 0;
	if (w->state == PS_WORKER_BUSY)
		ps_family_ends(f, now);
}

/* It is no worker of that socket any more. */
PS_INLINE void ps_acceptor_leaves(struct ps_worker *w, __u64 now)
{
	struct ps_family_key key;
	struct ps_family *f;

	ps_acceptor_key(w->listener, &key);
	f = ps_family_find(&key);
	w->listener = 0;
	if (f) {
		ps_acceptor_rests(f, w, now);
		__sync_fetch_and_add(&f->n, -1);
	}
	w->state = PS_WORKER_NEW;
	w->conn = 0;
}

/* Goes to sleep in accept() on the socket of this inode. */
PS_INLINE void ps_acceptor_sleeps(struct ps_worker *w, __u64 listener, const struct ps_proc_key *by,
				  __u64 now)
{
	struct ps_family_key key;
	struct ps_family *f;

	if (w->listener && w->listener != listener)
		ps_acceptor_leaves(w, now);
	if (w->name)
		ps_server_leaves(w, by, now);
	ps_acceptor_key(listener, &key);
	f = ps_family_get(&key, 0, by, now);
	if (!f)
		return;
	if (!w->listener) {
		w->listener = listener;
		w->state = PS_WORKER_NEW;
		w->conn = 0;
		__sync_fetch_and_add(&f->n, 1);
		if (f->first.tgid != by->tgid)
			f->flags |= PS_FAMILY_PREFORK;
	}
	f->last = *by;
	ps_acceptor_rests(f, w, now);
	w->state = PS_WORKER_IDLE;
}

/* Runs again after a sleep in accept(). */
PS_INLINE void ps_acceptor_runs(struct ps_worker *w, __u64 now)
{
	struct ps_family_key key;
	struct ps_family *f;

	if (!w->listener || w->state != PS_WORKER_IDLE)
		return;
	ps_acceptor_key(w->listener, &key);
	f = ps_family_find(&key);
	w->state = PS_WORKER_BUSY;
	w->since_ns = now;
	if (f)
		ps_family_begins(f, now);
	else
		w->listener = w->state = 0; /* the agent has dropped it: it begins anew */
}

/* It receives on a connection that it accepted: another one is another request. */
PS_INLINE void ps_acceptor_receives(struct ps_worker *w, __u64 conn, __u64 now)
{
	struct ps_family_key key;
	struct ps_family *f;

	if (w->state != PS_WORKER_BUSY)
		return;
	ps_acceptor_key(w->listener, &key);
	f = ps_family_find(&key);
	if (!f)
		return;
	if (w->conn)
		ps_family_answered(f, w->request_ns, now);
	w->request_ns = w->conn ? now : w->since_ns;
	w->conn = conn;
	__sync_fetch_and_add(&f->requests, 1);
}

/* ---- who takes requests that others accepted ------------------------------------------------------------------------------ */

/* What numbers a thread at the end of its name: "exec-12", "pool-1-thread-3", "worker #4", "worker/u8:2", "[7]". */
PS_INLINE int ps_is_numbering(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '#' || c == ':' || c == ' ' ||
	       c == '.' || c == '/' || c == '[' || c == ']' || c == '(' || c == ')';
}

/* The family's name, and its hash (FNV-1a); a name of nothing but numbers is one. */
PS_INLINE __u32 ps_family_name(const char comm[PS_COMM_MAX], char ret[PS_COMM_MAX])
{
	__u32 h = 2166136261u, i, end = 0;

	for (i = 0; i < PS_COMM_MAX - 1; i++) {
		if (!comm[i])
			break;
		if (!ps_is_numbering(comm[i]))
			end = i + 1;
	}
	for (i = 0; i < PS_COMM_MAX; i++) {
		ret[i] = i < end ? comm[i] : 0;
		h = (h ^ (unsigned char)ret[i]) * 16777619u;
	}
	return h ? h : 1;
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
PS_INLINE void ps_server_sleeps(struct ps_worker *w, const struct ps_proc_key *proc, __u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	w->state = PS_WORKER_IDLE;
	w->ended_ns = now;
	if (f)
		ps_family_ends(f, now);
}

/* ---- a pass over all threads of processes that listen, once a tick --------------------------------------------------------- */

/* Counts the thread among those of its name, if any of them serves. */
PS_INLINE void ps_worker_count(struct ps_worker *w, const struct ps_proc_key *proc,
			       const char comm[PS_COMM_MAX], __u64 now)
{
	char name[PS_COMM_MAX];
	struct ps_family_key key = { .proc = *proc, .id = ps_family_name(comm, name) };
	struct ps_family *f = w->listener ? 0 : ps_family_find(&key);

	if (!f)
		return;
	if (w->state == PS_WORKER_IDLE && w->ended_ns && now - w->ended_ns >= PS_TOLD_NS)
		ps_server_tells(f, w);
	if (f->pass != ps_epoch) {
		f->pass = ps_epoch;
		f->n_named = f->n_unknown = 0;
	}
	f->n_named++;
	f->n_unknown += !w->is_known;
}

#endif
