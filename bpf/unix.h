/* SPDX-License-Identifier: MIT */
/*
 * unix.h - connections over Unix stream sockets, as far as their use is followed.
 *
 * The surprise: nothing tells that such a connection is made or closed. Which ones there are, and to where, is found by the passes over
 * all files; the agent says which endpoints are to be followed (ps_unix), and a connection to one of those is taken into the books by a
 * pass or at its first traffic. That it is closed is read from the memory where it was: unix_release_sock() sets the state and takes the
 * peer away, and who gets the memory next has another one, or no mark in its own storage.
 */
#ifndef POOLSCOPE_BPF_UNIX_H
#define POOLSCOPE_BPF_UNIX_H

#include "infer.h"
#include "kernel.h"

PS_INLINE int ps_sock_is_unix(const struct ps_sock *s)
{
	return s->endpoint.addr.family == PS_AF_UNIX;
}

/* Taken into the books when it was this socket, and not by one that had the address before: a mark dies with its socket. */
PS_INLINE int ps_unix_is_known(const struct ps_sock *s, const struct ps_mark *m)
{
	return s && m && m->role == PS_SOCK_CONNECT && ps_sock_is_unix(s) && !s->is_gone;
}

/* The connection ends, at the time of its last traffic. Two may see it at once. */
PS_INLINE void ps_unix_end(struct ps_sock *s)
{
	__u64 wire = s->wire;
	struct ps_wire *w;

	if (__sync_lock_test_and_set(&s->is_gone, 1))
		return;
	__sync_fetch_and_add(&ps_n_unix_socks, -1);
	w = bpf_map_lookup_elem(&ps_wires, &wire);
	if (!w)
		return;
	__sync_fetch_and_add(&w->open, -1);
	if (s->flags & PS_SOCK_LOOP_BUSY)
		s->flags |= PS_SOCK_BUSY;
	ps_wire_closed(w, s);
}

/*
 * Takes a connection into the books. `fresh` says where it goes, what its peer is, and who uses it for the first time (0 = a pass found it):
 * that one has made it, and did not wait for it, if no pass has found it before. 0 = it is in the books.
 */
PS_INLINE int ps_unix_take(__u64 id, struct ps_sock *fresh, __u64 now)
{
	struct ps_unix *u = bpf_map_lookup_elem(&ps_unix, &fresh->endpoint);
	__u64 wire = u ? u->wire : 0;
	struct ps_wire *w = wire ? bpf_map_lookup_elem(&ps_wires, &wire) : 0;
	struct ps_sock *stale;
	int error;

	if (!u || !w)
		return -1;
	stale = bpf_map_lookup_elem(&ps_socks, &id);
	if (stale && ps_sock_is_unix(stale))
		ps_unix_end(stale);
	if (stale)
		bpf_map_delete_elem(&ps_socks, &id);
	fresh->wire = wire;
	fresh->since_ns = now;
	fresh->state = PS_SOCK_OPEN;
	fresh->role = PS_SOCK_CONNECT;
	fresh->handoffs_seen = w->handoffs_long;
	if (ps_n_passes == u->n_passes)
		fresh->user = 0;
	error = ps_n_unix_socks < ps_unix_socks_max ? ps_map_add(&ps_socks, &id, fresh) : -PS_E2BIG;
	if (error == -PS_EEXIST)
		return 0; /* another thread uses it for the first time as well */
	if (error) {
		ps_lost(PS_LOSS_sockets_full);
		__sync_fetch_and_add(&w->unfollowed, 1);
		return -1;
	}
	__sync_fetch_and_add(&ps_n_unix_socks, 1);
	__sync_fetch_and_add(&w->open, 1);
	if (ps_n_passes != u->n_passes)
		__sync_fetch_and_add(&u->opened, 1);
	return 0;
}

/* What an event loop has under way is in the mark alone, which ends with the socket. */
PS_INLINE void ps_unix_loops(__u64 id, const struct ps_mark *m)
{
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);

	if (!s)
		return;
	s->flags &= ~(__u32)PS_SOCK_LOOP_BUSY;
	if (m->flags & PS_MARK_BUSY)
		s->flags |= PS_SOCK_LOOP_BUSY;
}

/* What is at the address of a socket may be anything by now; it is read, and not followed. */
PS_INLINE int ps_unix_is_open(__u64 id, const struct ps_sock *s)
{
	struct unix_sock *u = (struct unix_sock *)(unsigned long)id;
	unsigned char state = 0;
	__u64 peer = 0;

	bpf_probe_read_kernel(&state, sizeof(state), (const void *)&u->sk.__sk_common.skc_state);
	bpf_probe_read_kernel(&peer, sizeof(peer), &u->peer);
	return state == PS_TCP_ESTABLISHED && peer == s->peer;
}

/*
 * A thread asks on another connection than before. When that one is closed, its last words (a goodbye) had no answer and never will: by
 * them the thread would seem to serve many at once.
 */
PS_INLINE void ps_unix_leave(__u64 id)
{
	struct ps_sock *s = bpf_map_lookup_elem(&ps_socks, &id);

	if (!s || !ps_sock_is_unix(s) || !(s->flags & PS_SOCK_BUSY) || ps_unix_is_open(id, s))
		return;
	ps_unix_end(s);
	bpf_map_delete_elem(&ps_socks, &id);
}

/* At the end of a whole pass, for each entry of ps_socks. */
PS_INLINE void ps_unix_look_at(__u64 id, struct ps_sock *s)
{
	__u64 wire = s->wire;
	struct ps_wire *w;

	if (!ps_sock_is_unix(s))
		return;
	if (!s->is_gone && ps_unix_is_open(id, s)) {
		w = bpf_map_lookup_elem(&ps_wires, &wire);
		if (w)
			s->handoffs_alive = w->handoffs_long;
		return;
	}
	ps_unix_end(s);
	bpf_map_delete_elem(&ps_socks, &id);
}

#endif
