/* SPDX-License-Identifier: MIT */
/*
 * closes.c - how the connections of an endpoint end, and do not come about (bpf/closes.h), as numbers of a row. The surprise: of sockets
 * that are only looked at now and then nobody knows who closed them, and whether any could not be made.
 */
#include "model/state.h"

void endpoint_note_close_wait(struct endpoint *e, const struct ps_sock *sock)
{
	int64_t since = (int64_t)sock->since_ns;

	if (sock->state == PS_SOCK_PEER_CLOSED &&
	    (e->close_wait_since_ns == UNKNOWN || since < e->close_wait_since_ns))
		e->close_wait_since_ns = since;
}

static void row_failures(const struct ps_endpoint *b, struct pool_row *row)
{
	row->open_failures = (int64_t)sum_counts(b->failed, PS_OPEN_FAILURE_COUNT);
	for (int i = 0; i < PS_OPEN_FAILURE_COUNT; i++)
		row->open_failures_by[i] = (int64_t)b->failed[i];
}

void endpoint_row_ends(const struct endpoint *e, struct pool_row *row)
{
	const struct ps_endpoint *b = &e->books;

	row->opened = (int64_t)b->opened;
	row->closed = (int64_t)sum_counts(b->closed, PS_CLOSE_COUNT);
	for (int i = 0; i < PS_CLOSE_COUNT; i++)
		row->closed_by[i] = (int64_t)b->closed[i];
	if (e->is_sampled)
		return;
	row->closed_idle = (int64_t)b->closed_idle;
	row->idle_before_close_s = (double)b->idle_ns / 1e9;
	if (e->key.role == PS_SOCK_CONNECT)
		row_failures(b, row);
}

void endpoint_row_close_wait(const struct endpoint *e, int64_t now_ns, struct pool_row *row)
{
	int64_t n = e->books.close_wait > 0 ? e->books.close_wait : 0;

	if (e->is_sampled)
		return;
	row->close_wait = n;
	if (!n)
		row->oldest_close_wait_ns = 0;
	else if (e->close_wait_since_ns != UNKNOWN && now_ns > e->close_wait_since_ns)
		row->oldest_close_wait_ns = now_ns - e->close_wait_since_ns;
}
