/* SPDX-License-Identifier: MIT */
/*
 * books.c - see books.h. The surprise: room in the logs is made before the time is taken, so that no reallocation ever lies
 * between an instant and its probe.
 */
#include "tools/sim/books.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_MAX (32u << 20)

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void *must(void *memory)
{
	if (!memory) {
		fprintf(stderr, "poolsim: out of memory\n");
		exit(1);
	}
	return memory;
}

/* Room for one more row; returns the log, which may have moved. */
static void *with_room(const struct books *b, void *log, size_t n, size_t *room, size_t row_bytes)
{
	if (n < *room)
		return log;
	if (n >= LOG_MAX) {
		fprintf(stderr,
			"poolsim: pool %s: more than %u operations, the truth would be incomplete\n",
			b->name, LOG_MAX);
		exit(1);
	}
	*room = *room ? 2 * *room : 4096;
	return must(realloc(log, *room * row_bytes));
}

static void mark_new(struct books *b, enum mark_what what, uint32_t reason, int64_t took_ns)
{
	b->marks = with_room(b, b->marks, b->n_marks, &b->marks_room, sizeof(*b->marks));
	b->marks[b->n_marks++] = (struct mark){ now_ns(), took_ns, what, reason };
}

/* After each change of in use, waiting or capacity, and the verb that tells of it. Returns how long after. */
static int64_t book_level(struct books *b, int64_t at_ns)
{
	bool is_saturated = b->capacity && b->n_in_use >= b->capacity && b->n_waiting;
	int64_t late_ns = now_ns() - at_ns;

	if (is_saturated == (b->saturated.begin_ns != 0))
		return late_ns;
	if (is_saturated) {
		b->saturated = (struct span){ .begin_ns = at_ns, .begin_late_ns = late_ns };
		return late_ns;
	}
	b->saturated.end_ns = at_ns;
	b->saturated.end_late_ns = late_ns;
	b->spans = with_room(b, b->spans, b->n_spans, &b->spans_room, sizeof(*b->spans));
	b->spans[b->n_spans++] = b->saturated;
	b->saturated.begin_ns = 0;
	return late_ns;
}

void books_init(struct books *b, enum poolscope_kind kind, const char *name, uint32_t capacity,
		uint32_t min_idle)
{
	memset(b, 0, sizeof(*b));
	b->kind = kind;
	b->name = name;
	b->capacity = capacity;
	mark_new(b, MARK_CAPACITY, capacity, 0);
	poolscope_pool_counters(&b->scope, &b->n_in_use, &b->n_open);
	poolscope_pool_create(&b->scope, kind, name, capacity, min_idle);
}

void books_done(struct books *b)
{
	poolscope_pool_destroy(&b->scope);
	free(b->ops);
	free(b->marks);
	free(b->spans);
	b->ops = NULL;
	b->marks = NULL;
	b->spans = NULL;
}

void book_resize(struct books *b, uint32_t capacity)
{
	b->capacity = capacity;
	mark_new(b, MARK_CAPACITY, capacity, 0);
	poolscope_pool_resize(&b->scope, capacity);
	book_level(b, b->marks[b->n_marks - 1].at_ns);
}

/* ---- waits and leases -------------------------------------------------------------------------------------------------- */

static size_t op_new(struct books *b)
{
	b->ops = with_room(b, b->ops, b->n_ops, &b->ops_room, sizeof(*b->ops));
	b->ops[b->n_ops] = (struct op){ 0 };
	return b->n_ops++;
}

size_t book_wait_begin(struct books *b, uint64_t waiter)
{
	size_t op = op_new(b);

	b->n_waiting++;
	b->ops[op].begin_ns = now_ns();
	poolscope_wait_begin(&b->scope, waiter);
	b->ops[op].begin_late_ns = book_level(b, b->ops[op].begin_ns);
	return op;
}

void book_wait_end(struct books *b, size_t op, uint64_t waiter, enum poolscope_outcome outcome)
{
	b->n_waiting--;
	b->ops[op].outcome = outcome;
	b->ops[op].end_ns = now_ns();
	poolscope_wait_end(&b->scope, waiter, outcome);
	b->ops[op].end_late_ns = book_level(b, b->ops[op].end_ns);
}

size_t book_acquired(struct books *b, size_t op, uint64_t item, uint64_t waiter, bool is_new)
{
	bool has_waited = op != OP_NONE;

	if (!has_waited)
		op = op_new(b);
	b->n_waiting -= has_waited;
	b->n_in_use++;
	b->ops[op].is_new = is_new;
	b->ops[op].acquired_ns = now_ns();
	poolscope_acquired(&b->scope, item, waiter, is_new ? POOLSCOPE_NEW : 0);
	if (!has_waited)
		b->ops[op].begin_ns = b->ops[op].acquired_ns;
	b->ops[op].acquired_late_ns = book_level(b, b->ops[op].acquired_ns);
	return op;
}

void book_released(struct books *b, size_t op, uint64_t item, bool is_broken)
{
	b->n_in_use--;
	b->ops[op].end_ns = now_ns();
	poolscope_released(&b->scope, item, is_broken ? POOLSCOPE_BROKEN : 0);
	b->ops[op].end_late_ns = book_level(b, b->ops[op].end_ns);
}

void book_leaked(struct books *b)
{
	b->n_leaked++;
}

/* ---- items, backpressure, health --------------------------------------------------------------------------------------- */

void book_opened(struct books *b, uint64_t item, int64_t took_ns)
{
	b->n_open++;
	mark_new(b, MARK_OPENED, 0, took_ns);
	poolscope_item_opened(&b->scope, item, (uint64_t)took_ns, POOLSCOPE_OUTCOME_OK);
}

void book_open_failed(struct books *b, int64_t took_ns)
{
	mark_new(b, MARK_OPEN_FAILED, 0, took_ns);
	poolscope_item_opened(&b->scope, 0, (uint64_t)took_ns, POOLSCOPE_OUTCOME_FAILED);
}

void book_closed(struct books *b, uint64_t item, enum poolscope_close reason)
{
	b->n_open--;
	mark_new(b, MARK_CLOSED, reason, 0);
	poolscope_item_closed(&b->scope, item, reason);
}

void book_rejected(struct books *b, enum poolscope_reject reason)
{
	mark_new(b, MARK_REJECTED, reason, 0);
	poolscope_rejected(&b->scope, reason);
}

void book_health(struct books *b, uint64_t item, bool is_ok)
{
	poolscope_health(&b->scope, item, is_ok ? POOLSCOPE_OUTCOME_OK : POOLSCOPE_OUTCOME_FAILED);
}
