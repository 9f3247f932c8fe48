/* SPDX-License-Identifier: MIT */
/*
 * books.h - the exact truth about one pool, and the one door through which it changes.
 *
 * Each function takes the time, writes down what happened and fires the SDK's verb, side by side; so what the probes report and
 * what the truth says are the same events at the same instants (the probe's own few hundred ns apart). The caller holds the
 * lock of the pool that the books belong to.
 */
#ifndef POOLSCOPE_SIM_BOOKS_H
#define POOLSCOPE_SIM_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/sdk/poolscope.h"

#define OP_NONE SIZE_MAX

/*
 * One acquire. acquired_ns 0: it waits, or gave up at end_ns. Else the item is out, or came back at end_ns. 0 = not yet. The verb that
 * tells of it fired at most ..._late_ns after.
 */
struct op {
	int64_t begin_ns, acquired_ns, end_ns;
	int64_t begin_late_ns, acquired_late_ns, end_late_ns;
	enum poolscope_outcome outcome;
	bool is_new;	/* the item was made for this acquire */
};

enum mark_what { MARK_OPENED, MARK_OPEN_FAILED, MARK_CLOSED, MARK_REJECTED, MARK_CAPACITY };

/* Something else that is counted. */
struct mark {
	int64_t at_ns, took_ns; /* took_ns: of an opening */
	enum mark_what what;
	uint32_t reason;	/* or the new capacity */
};

/* The pool was full and somebody waited. */
struct span {
	int64_t begin_ns, end_ns;
	int64_t begin_late_ns, end_late_ns;
};

struct books {
	struct poolscope_pool scope;
	const char *name;
	enum poolscope_kind kind;
	uint32_t capacity;
	uint32_t n_in_use, n_open; /* the SDK is told where they are */
	uint32_t n_waiting, n_leaked;
	struct span saturated; /* since begin_ns; 0 = not now */
	struct op *ops;
	struct mark *marks;
	struct span *spans;
	size_t n_ops, n_marks, n_spans;
	size_t ops_room, marks_room, spans_room;
};

int64_t now_ns(void);

/* Ends the program with a message unless the memory is there. */
void *must(void *memory);

/* Opens the books: the pool exists. The name is borrowed. */
void books_init(struct books *b, enum poolscope_kind kind, const char *name, uint32_t capacity,
		uint32_t min_idle);

/* The pool is gone. */
void books_done(struct books *b);

void book_resize(struct books *b, uint32_t capacity);

/* A wait, by the calling thread (0) or somebody else; returns what the end of it has to name. */
size_t book_wait_begin(struct books *b, uint64_t waiter);
void book_wait_end(struct books *b, size_t op, uint64_t waiter, enum poolscope_outcome outcome);

/* An item is taken, after the wait `op` or without one (OP_NONE); returns what its release has to name. */
size_t book_acquired(struct books *b, size_t op, uint64_t item, uint64_t waiter, bool is_new);
void book_released(struct books *b, size_t op, uint64_t item, bool is_broken);

/* An item that is out will never come back. */
void book_leaked(struct books *b);

void book_opened(struct books *b, uint64_t item, int64_t took_ns);
void book_open_failed(struct books *b, int64_t took_ns);
void book_closed(struct books *b, uint64_t item, enum poolscope_close reason);
void book_rejected(struct books *b, enum poolscope_reject reason);
void book_health(struct books *b, uint64_t item, bool is_ok);

#endif
