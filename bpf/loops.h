/* SPDX-License-Identifier: MIT */
/*
 * loops.h - event loops, and what they pass on: one thread serves many connections, so what it sleeps on says nothing.
 *
 * The surprise: a proxy still tells who waited for what. It reads a client's request, and when it has a connection to a server it sends
 * it there; it reads the answer and at once sends it to that client. So the answer shows which client the connection was used for, and
 * the client waited from its request to the connection's. It waited for the connection only if that was at work for another one
 * meanwhile; else the time is the loop's own, or a timer's. Whether it is a proxy at all the agent decides, by the share of answers
 * that were passed on (agent/model/infer.c).
 */
#ifndef POOLSCOPE_BPF_LOOPS_H
#define POOLSCOPE_BPF_LOOPS_H

#include "infer.h"

#define PS_LOOP_REQUESTS 1000
#define PS_LOOP_TURN_NS 1000000
#define PS_LOOP_CLIENTS 3

/* The threads of these connections serve many at once, beyond doubt and for good. (A process of one thread has no other way to wait.) */
PS_INLINE int ps_wire_is_loop(const struct ps_wire *w)
{
	return w->multiplexed >= PS_LOOP_REQUESTS && w->multiplexed >= w->acquires / 4;
}

/* A thread that often reads a request before it has answered another one. (A client may leave without an answer, now and then.) */
PS_INLINE int ps_turn_is_loop(const struct ps_turn *turn)
{
	return turn->n_many >= PS_LOOP_CLIENTS && turn->n_many >= turn->n_answers / 4;
}

/* A loop has the connection from now on (or, is_loop = 0, no more): what is known of it goes from one book to the other. */
PS_INLINE void ps_mark_moves(struct ps_mark *m, struct ps_sock *s, struct ps_wire *w, int is_loop)
{
	__u32 is_busy = is_loop ? s->flags & PS_SOCK_BUSY : m->flags & PS_MARK_BUSY;

	m->flags &= PS_MARK_UNIX;
	m->flags |= (is_loop ? PS_MARK_LOOPS : 0) | (is_loop && is_busy ? PS_MARK_BUSY : 0);
	s->flags &= ~(__u32)(PS_SOCK_BUSY | PS_SOCK_LOOP_BUSY);
	if (is_loop)
		ps_hold_end(w, s, s->last_ns, s->last_stood, 0);
	else if (is_busy)
		s->flags |= PS_SOCK_BUSY;
}

/* A request goes out to a server. `now` is not asked for when the thread has just read the client's. */
PS_INLINE void ps_loop_asks(struct ps_wire *w, struct ps_mark *m, struct ps_turn *turn, __u64 id,
			    __u64 now)
{
	int is_chained = turn->server == id;

	turn->client_ns = 0;
	turn->server = 0;
	if (m->flags & PS_MARK_BUSY)
		return;
	m->flags &= ~(__u32)PS_MARK_CHAINED;
	m->flags |= PS_MARK_BUSY | (is_chained ? PS_MARK_CHAINED : 0);
	m->asked_ns = now;
	m->free_ns = m->answered_ns;
	__sync_fetch_and_add(&w->busy, 1);
	__sync_fetch_and_add(&w->looped, 1);
}

PS_INLINE void ps_loop_is_answered(struct ps_wire *w, struct ps_mark *m, struct ps_turn *turn,
				   __u64 id, __u64 now)
{
	turn->client_ns = 0;
	if (!(m->flags & PS_MARK_BUSY)) /* the rest of an answer */
		return;
	m->flags &= ~(__u32)PS_MARK_BUSY;
	m->answered_ns = now;
	turn->server = id;
	turn->wire = m->wire;
	turn->asked_ns = m->asked_ns;
	turn->free_ns = m->free_ns;
	turn->is_chained = m->flags & PS_MARK_CHAINED;
	__sync_fetch_and_add(&w->busy, -1);
	__sync_fetch_and_add(&w->answered, 1);
}

PS_INLINE void ps_client_asks(struct ps_mark *m, struct ps_turn *turn, __u64 id, __u64 now)
{
	if (turn->open && turn->open != id)
		turn->n_many++;
	turn->open = id;
	turn->server = 0;
	turn->client_ns = now;
	if (!m->asked_ns) /* else more of the same */
		m->asked_ns = now;
}

/* 1 = the answer that was just read goes to a client who asked: ps_client_waited() with the wire of the turn. */
PS_INLINE int ps_client_is_answered(struct ps_mark *m, const struct ps_turn *turn)
{
	return turn->server && m->asked_ns && m->asked_ns <= turn->asked_ns;
}

PS_INLINE void ps_client_waited(struct ps_wire *w, struct ps_mark *m, const struct ps_turn *turn)
{
	__u64 wait_ns = turn->asked_ns - m->asked_ns;
	int is_used = turn->free_ns > m->asked_ns, is_again = m->server == turn->server;

	__sync_fetch_and_add(&w->passed, 1);
	m->server = turn->server;
	if (turn->is_chained)
		return; /* a second question for the same client: when it could have had the connection is not known */
	if (!is_used && wait_ns >= PS_LOOP_TURN_NS)
		__sync_fetch_and_add(&w->passed_doubt, 1);
	if (!is_used && is_again)
		return; /* it goes on with the connection that it has */
	ps_hist_put(&w->wait, is_used ? wait_ns : 0);
	if (!is_used)
		return;
	__sync_fetch_and_add(&w->passed_waits, 1);
	ps_saturated(w, m->asked_ns, turn->asked_ns);
	if (wait_ns < PS_LOOP_TURN_NS)
		return;
	__sync_fetch_and_add(&w->passed_long, 1);
	w->handoff_ns = turn->asked_ns;
	if (w->open > (__s64)w->open_full)
		w->open_full = (__u64)w->open;
}

/* Whatever was sent to a client, it has its answer. */
PS_INLINE void ps_client_rests(struct ps_mark *m, struct ps_turn *turn, __u64 id)
{
	if (turn->open == id)
		turn->open = 0;
	if (m->asked_ns)
		turn->n_answers++;
	turn->client_ns = 0;
	turn->server = 0;
	m->asked_ns = 0;
}

#endif
