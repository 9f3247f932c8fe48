/* SPDX-License-Identifier: MIT */
/*
 * choice.h - some of the pools of a snapshot, in an order, and of those a window: what fits on a screen costs what a screen costs, however many
 * there are. Pure.
 *
 * "Worst first" is not one number: pools with an open finding come before those without, the more severe first, then those where callers wait,
 * then by how many gave up, by how full they are, and by how much is taken. Unknown numbers are last, whichever way round.
 */
#ifndef POOLSCOPE_API_CHOICE_H
#define POOLSCOPE_API_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct pool_row;
struct snapshot;

/* The words that pools can be ordered by, as options have them, and what is looked at; X(word). The first is the default. */
#define POOL_ORDERS(X)                                                                             \
	X("worst")                                                                                 \
	X("process")                                                                               \
	X("pid")                                                                                   \
	X("pool")                                                                                  \
	X("kind")                                                                                  \
	X("in-use")                                                                                \
	X("pending")                                                                               \
	X("utilization")                                                                           \
	X("acquires")                                                                              \
	X("wait")                                                                                  \
	X("hold")                                                                                  \
	X("timeouts")

/* Strings are borrowed; those that are NULL choose all. */
struct pool_choice {
	int32_t pid;		/* 0 = all */
	const char *kind;
	const char *pool;	/* an id, a name, PROCESS/NAME, or a shell pattern of one of the latter two */
	const char *text;	/* it, in whatever case, in its name, process, pid, service, container, kind, endpoint or verdict */
	bool is_sick;		/* it has an open finding that is more than information */
	const char *order;	/* a word of POOL_ORDERS; NULL = "worst" */
	bool is_reversed;
	uint64_t first;		/* of the chosen ones, in this order; beyond the end, the last `limit` */
	uint64_t limit;		/* 0 = all */
	uint64_t around;	/* the id of a pool: the window is moved as far as needed for it to be in; 0 = none */
};

/* One part of the question behind a path: "sort" and "wait". -EINVAL when there is no such part, or the value is not one of it. */
int choice_set(struct pool_choice *c, const char *key, const char *value);

/* The whole question, with its "?", to be appended to a path. */
void choice_write(const struct pool_choice *c, struct buffer *ret);

/* Whether pid, kind and pool are those of the choice. For those who have pools from elsewhere. */
bool choice_fits(const struct pool_choice *c, uint64_t id, int32_t pid, const char *kind,
		 const char *process, const char *name);

/* Whether the word is exactly the pool's id, name or PROCESS/NAME. */
bool choice_names(const char *word, uint64_t id, const char *process, const char *name);

struct pools_chosen {
	const struct pool_row **row;	/* owned; those of the window */
	size_t n;
	size_t first;	/* how many of the chosen ones come before the window */
	size_t n_chosen;
};

/* -ENOMEM */
int choice_make(const struct pool_choice *c, const struct snapshot *s, struct pools_chosen *ret);
void pools_chosen_done(struct pools_chosen *p);

#endif
