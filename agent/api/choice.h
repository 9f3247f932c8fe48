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
	X("source")                                                                                \
	X("endpoint")                                                                              \
	X("capacity")                                                                              \
	X("in-use")                                                                                \
	X("pending")                                                                               \
	X("utilization")                                                                           \
	X("acquires")                                                                              \
	X("wait")                                                                                  \
	X("wait-p50")                                                                              \
	X("hold")                                                                                  \
	X("hold-p50")                                                                              \
	X("oldest-wait")                                                                           \
	X("timeouts")                                                                              \
	X("timeout-rate")

/* What pools can be grouped by; X(word). */
#define POOL_GROUPS(X)                                                                             \
	X("process")                                                                               \
	X("service")                                                                               \
	X("container")

/* Strings are borrowed; those that are NULL choose all. */
struct pool_choice {
	int32_t pid;		/* 0 = all */
	const char *kind;
	const char *pool;	/* an id, a name, PROCESS/NAME, or a shell pattern of one of the latter two */
	const char *text;	/* it, in whatever case, in its name, process, pid, service, container, kind, endpoint or verdict */
	bool is_sick;		/* it has an open finding that is more than information */
	const char *order;	/* a word of POOL_ORDERS; NULL = "worst" */
	bool is_reversed;
	uint64_t first;		/* of the lines of the chosen ones, in this order; beyond the end, the last `limit` */
	uint64_t limit;		/* 0 = all */
	uint64_t around;	/* the id of a pool: the window is moved as far as needed for its line to be in; 0 = none */
	const char *group;	/* a word of POOL_GROUPS; NULL = a line is a pool, and there are no groups */
	bool is_folded;		/* groups only: the lines are their headings alone */
	const char *of;		/* groups only: that of this name alone, as it is shown; of a process its pid; "" = those in none */
	bool with_trend;	/* wanted in the answer: what was used in the last two minutes, */
	bool with_summary;	/* and how all is, whatever is chosen */
};

/* One part of the question behind a path: "sort" and "wait". -EINVAL when there is no such part, or the value is not one of it. */
int choice_set(struct pool_choice *c, const char *key, const char *value);

/* Whether the parts go together: 0 or -EINVAL. */
int choice_check(const struct pool_choice *c);

/* The whole question, with its "?", to be appended to a path. */
void choice_write(const struct pool_choice *c, struct buffer *ret);

/* Whether pid, kind and pool are those of the choice. For those who have pools from elsewhere. */
bool choice_fits(const struct pool_choice *c, uint64_t id, int32_t pid, const char *kind,
		 const char *process, const char *name);

/* Whether the word is exactly the pool's id, name or PROCESS/NAME. */
bool choice_names(const char *word, uint64_t id, const char *process, const char *name);

/*
 * A group's heading is a line, and those of its pools that are chosen follow it. Groups come in the order of their first pools, and within a group
 * pools in the order of all. Sums are of what is known of the pools that are chosen, UNKNOWN and NaN where nothing is.
 */
struct pool_group {
	const char *name;	/* borrowed, not clean; NULL = the pools that are in none */
	int32_t pid;		/* of a process; else 0 */
	ptrdiff_t line;		/* of its heading, in the window; -1 = it is above */
	size_t n_pools, n_sick;
	int64_t in_use, capacity, pending, acquires, timeouts;
	double acquires_per_s, timeouts_per_s;
	double utilization;	/* of all items of pools of which it is known */
	int severity;		/* the most severe of open findings; -1 = there is none */
};

struct pools_chosen {
	const struct pool_row **row;	/* owned; those of the window */
	size_t n;
	struct pool_group *group;	/* owned; those that have a line in the window, in their order */
	size_t n_groups;
	size_t *in;	/* owned; of each row in the window, which of these; NULL = there are no groups */
	size_t first;	/* how many lines come before the window */
	size_t n_lines;	/* of all that are chosen; without groups, a pool is a line */
	size_t n_chosen;
};

/* -ENOMEM. The choice has passed choice_check(). */
int choice_make(const struct pool_choice *c, const struct snapshot *s, struct pools_chosen *ret);
void pools_chosen_done(struct pools_chosen *p);

#endif
