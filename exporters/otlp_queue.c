/* SPDX-License-Identifier: MIT */
/* otlp_queue.c - see otlp_queue.h. The surprise: a small request counts for more than its bytes, or a million empty ones would fit. */
#include "exporters/otlp_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define OVERHEAD_BYTES (sizeof(struct otlp_entry) + 64)	/* with what malloc() takes */

size_t otlp_entry_bytes(size_t body)
{
	return body + OVERHEAD_BYTES;
}

void otlp_entry_free(struct otlp_entry *e)
{
	if (!e)
		return;
	buffer_done(&e->body);
	free(e);
}

void otlp_queue_done(struct otlp_queue *q)
{
	struct otlp_entry *e;

	while ((e = otlp_queue_take(q, false)))
		otlp_entry_free(e);
}

bool otlp_queue_has_room(const struct otlp_queue *q, size_t body)
{
	return q->bytes + otlp_entry_bytes(body) <= q->max_bytes;
}

int otlp_queue_add(struct otlp_queue *q, struct buffer *body, uint64_t n_items, int64_t now_ns)
{
	struct otlp_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->body = TAKE_AS(*body, (struct buffer){ 0 });
	e->n_items = n_items;
	e->added_ns = now_ns;
	if (q->last)
		q->last->next = e;
	else
		q->first = e;
	q->last = e;
	q->n++;
	q->bytes += otlp_entry_bytes(e->body.n);
	return 0;
}

struct otlp_entry *otlp_queue_take(struct otlp_queue *q, bool is_first_busy)
{
	struct otlp_entry *before = is_first_busy ? q->first : NULL;
	struct otlp_entry *e = is_first_busy ? (before ? before->next : NULL) : q->first;

	if (!e)
		return NULL;
	if (before)
		before->next = e->next;
	else
		q->first = e->next;
	if (q->last == e)
		q->last = before;
	q->n--;
	q->bytes -= otlp_entry_bytes(e->body.n);
	e->next = NULL;
	return e;
}
