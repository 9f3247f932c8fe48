/* SPDX-License-Identifier: MIT */
/*
 * otlp_queue.h - requests that wait to be sent, oldest first, in bounded memory. The first one may be on its way: then it stays, whatever comes.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_QUEUE_H
#define POOLSCOPE_EXPORTERS_OTLP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct otlp_entry {
	struct otlp_entry *next;
	struct buffer body;	/* as it is sent, owned */
	uint64_t n_items;
	int64_t added_ns;
};

struct otlp_queue {
	struct otlp_entry *first, *last;
	size_t n, bytes, max_bytes;
};

void otlp_queue_done(struct otlp_queue *q);

/* Bytes that an entry counts for: its body, and what it takes to keep it. */
size_t otlp_entry_bytes(size_t body);

/* Takes the bytes, which must fit (otlp_queue_has_room()). -ENOMEM: they are still the caller's. */
int otlp_queue_add(struct otlp_queue *q, struct buffer *body, uint64_t n_items, int64_t now_ns);
bool otlp_queue_has_room(const struct otlp_queue *q, size_t body);

/* Takes out the oldest, or with is_first_busy the oldest but one; NULL = there is none. The caller frees it. */
struct otlp_entry *otlp_queue_take(struct otlp_queue *q, bool is_first_busy);
void otlp_entry_free(struct otlp_entry *e);

#endif
