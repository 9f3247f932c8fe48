/* SPDX-License-Identifier: MIT */
/*
 * inventory.h - what a pass over all sockets shows that no cheap hook tells: Unix connections, and the accept queues of
 * listeners. Keeps the last pass, and makes books (struct ps_endpoint) of the differences between passes.
 *
 * A pass costs about 0.2 us per open file of the host; when it takes long, the next one is put off so that passes stay under
 * one percent of a core. It is made in slices, so that no tick is long. Who closed a connection is not known,
 * and one that lives between two passes is seen only where its traffic is followed: such pools are marked as sampled.
 */
#ifndef POOLSCOPE_INGEST_INVENTORY_H
#define POOLSCOPE_INGEST_INVENTORY_H

#include "model/model.h"
#include "probe/kernel.h"

struct inventory;

int inventory_new(struct inventory **ret);
void inventory_free(struct inventory *v);

/*
 * Begins a pass if one is due. The first one is made whole; a later one goes on for some milliseconds here, and with each
 * inventory_go_on() until it is over. 0 or negative errno.
 */
int inventory_begin(struct inventory *v, struct kernel *k, int64_t now_ns);
int inventory_go_on(struct inventory *v, struct kernel *k, int64_t now_ns);

/* The accept queues as they are now, of the listeners that passes have met. */
void inventory_read_queues(struct inventory *v, struct kernel *k);

/* When the last whole pass began; 0 = there was none. */
int64_t inventory_since(const struct inventory *v);

/* Feeds the Unix endpoints of processes that the model knows or that have one, with what those that are followed are used for. */
int inventory_feed(struct inventory *v, struct kernel *k, struct model *m, int64_t now_ns);

/* Unix endpoints whose connections are followed (those with two and more), and how often one found no room for that. */
uint32_t inventory_n_followed(const struct inventory *v);
uint64_t inventory_n_unfollowed(const struct inventory *v);

/* Queue and limit of a TCP listener, and the connections that it turned away, UNKNOWN where the last pass did not see it. */
void inventory_listener(const struct inventory *v, const struct ps_endpoint_key *key,
			int64_t *ret_queue, int64_t *ret_backlog, int64_t *ret_drops);

/* A listening socket by its inode, as of the last pass; NULL = there was none. Valid until the next pass. */
const struct listening *inventory_listening(const struct inventory *v, uint64_t inode);

/* Calls back with each process that has a Unix endpoint or the row of a listening socket. */
void inventory_processes(const struct inventory *v,
			 void (*call)(void *context, const struct ps_proc_key *key), void *context);

double inventory_seconds(const struct inventory *v);

#endif
