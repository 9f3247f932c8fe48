/* SPDX-License-Identifier: MIT */
/*
 * closes.h - why a TCP connection ended, or was never made.
 *
 * The surprise: the change of state tells most of it, and the socket's error the rest. What ends without a FIN of either side goes to
 * CLOSE at once: by a reset or a timeout, which set the error before (tcp_reset(), tcp_write_err()), or by our own close() with something
 * unread or SO_LINGER 0, which sets it after, if at all (tcp_disconnect()).
 */
#ifndef POOLSCOPE_BPF_CLOSES_H
#define POOLSCOPE_BPF_CLOSES_H

#include "books.h"
#include "kernel.h"

/* include/uapi/asm-generic/errno.h */
enum { PS_ENETUNREACH = 101, PS_ETIMEDOUT = 110, PS_ECONNREFUSED = 111, PS_EHOSTUNREACH = 113 };

#define PS_IDLE_CLOSE_NS 1000000000ull

PS_INLINE enum ps_open_failure ps_open_failure_of(int error)
{
	switch (error) {
	case 0:
		return PS_OPEN_FAILURE_given_up;
	case PS_ECONNREFUSED:
		return PS_OPEN_FAILURE_refused;
	case PS_ETIMEDOUT:
		return PS_OPEN_FAILURE_timed_out;
	case PS_ENETUNREACH:
	case PS_EHOSTUNREACH:
		return PS_OPEN_FAILURE_unreachable;
	}
	return PS_OPEN_FAILURE_unknown;
}

/* The peer's FIN comes first, whatever comes after it. */
PS_INLINE enum ps_close_reason ps_close_reason_of(enum ps_sock_state state, int to, int error)
{
	if (state == PS_SOCK_PEER_CLOSED)
		return PS_CLOSE_peer_closed;
	if (to != PS_TCP_CLOSE || !error)
		return PS_CLOSE_local_closed;
	/* what does not answer may be said to be out of reach by a router on the way */
	if (error == PS_ETIMEDOUT || error == PS_EHOSTUNREACH || error == PS_ENETUNREACH)
		return PS_CLOSE_timed_out;
	return PS_CLOSE_reset;
}

PS_INLINE void ps_endpoint_failed(struct ps_endpoint *ep, int error)
{
	__sync_fetch_and_add(&ep->connecting, -1);
	__sync_fetch_and_add(&ep->failed[ps_open_failure_of(error) & 7], 1);
}

/* The other end will send nothing more; the connection is still ours, and a pool may hand it out. */
PS_INLINE void ps_endpoint_peer_closed(struct ps_endpoint *ep, struct ps_sock *s, __u64 now)
{
	if (s->state != PS_SOCK_OPEN)
		return;
	s->state = PS_SOCK_PEER_CLOSED;
	s->since_ns = now;
	__sync_fetch_and_add(&ep->close_wait, 1);
}

/* An open connection has ended, after so long without a byte of data. */
PS_INLINE void ps_endpoint_closed(struct ps_endpoint *ep, const struct ps_sock *s,
				  enum ps_close_reason reason, __u64 idle_ns)
{
	__sync_fetch_and_add(&ep->open, -1);
	__sync_fetch_and_add(&ep->closed[reason & 15], 1);
	if (s->state == PS_SOCK_PEER_CLOSED)
		__sync_fetch_and_add(&ep->close_wait, -1);
	if (reason != PS_CLOSE_local_closed)
		return;
	__sync_fetch_and_add(&ep->idle_ns, idle_ns);
	if (idle_ns >= PS_IDLE_CLOSE_NS)
		__sync_fetch_and_add(&ep->closed_idle, 1);
}

#endif
