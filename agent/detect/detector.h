/* SPDX-License-Identifier: MIT */
/*
 * detector.h - one kind of finding: what is looked at, and what is said.
 *
 * A detector is a function of what it is given (struct look) and has no memory: how long something has held is kept by detect.c. Each
 * file says at its head what its finding means, what could fool it, and what it costs.
 */
#ifndef POOLSCOPE_DETECT_DETECTOR_H
#define POOLSCOPE_DETECT_DETECTOR_H

#include <stdbool.h>

#include "detect/detect.h"
#include "detect/past.h"

/* A pool is full and callers wait: why? The answers exclude each other (pressure.c). */
enum pressure {
	PRESSURE_NONE,	/* it is not; or it is a deadlock, which is said as such */
	PRESSURE_STALLS,	/* the process stood still: the pool is not to blame */
	PRESSURE_STUCK,	/* items are out for very long with holders that have not gone on */
	PRESSURE_LEAKED,	/* items are out for very long with holders that are gone, or have taken others since */
	PRESSURE_HOLDS,	/* all holds have become longer */
	PRESSURE_SIZE,	/* holds as ever, and more arrivals than the pool can carry */
	PRESSURE_UNCLEAR	/* full, and no reason is surer than another one */
};

struct look {
	const struct snapshot *s;
	const struct detect_limits *limits;
	struct detect *all;	/* for past_of() and neighbours() */
	const struct pool_row *pool;	/* NULL where it is about a process */
	const struct stall_row *stall;	/* NULL where it is about a pool */
	const struct past *past;	/* of the one that is not NULL */
	struct sample tick, window;	/* growth over the last tick, and over the last WINDOW_TICKS */
	double window_s;
	int64_t full_ns;	/* so long is_full() has held, the window included; 0 = it does not */
	const struct pool_row *deadlock;	/* deadlocked_with() */
	enum pressure pressure;
	int64_t unusual_ns;	/* of the pool */
	int64_t longest_ns;	/* hold so far; while a leak is told, that of before */
	int64_t down_ns;	/* when the pool got no connection for the last time; 0 = never */
	bool is_open;	/* the finding that is asked for */
};

#define FINDING_ITEMS 16

/* What is said; advice and evidence may be left empty. */
struct told {
	enum severity severity;
	char text[480];
	char advice[256];
	char evidence[400];
	uint64_t item[FINDING_ITEMS]; /* those that it is about, the oldest first; none: all */
	size_t n_items;
};

/* True = it holds at this moment. The texts are asked for in the same call, as they are cheap beside a wrong order of two. */
typedef bool look_fn(const struct look *l, struct told *ret);

/* Each in the file of its name; those of processes are in stall.c. */
look_fn look_pool_deadlock, look_endpoint_down, look_recovered, look_leak, look_slow_holders,
	look_too_small, look_saturation, look_starvation, look_imbalance, look_stale_socket,
	look_backpressure, look_churn, look_stepped_down, look_stall, look_convoy;

enum about { ABOUT_POOL, ABOUT_PROCESS };

struct detector {
	const char *type;
	enum about about;
	look_fn *look;
	int64_t opens_ns;	/* it has held for so long */
	int64_t closes_ns;	/* it has not held for so long */
	bool is_pressure;	/* it closes at once when there is another reason why the pool is full */
	const char *ended;	/* said of one that has closed; NULL = nothing */
};

extern const struct detector detectors[];
extern const unsigned int n_detectors;

/* "1.25ms": for use in one printf() each. */
struct duration {
	char text[32];
};
struct duration duration(double seconds);

/* "main-db of orders": as the texts name a pool. */
struct pool_title {
	char text[96];
};
struct pool_title pool_title(const struct pool_row *pool);

/* "3 callers wait", or without the number where it is not known. */
struct callers {
	char text[40];
};
struct callers callers(const struct pool_row *pool);

typedef bool holder_fn(const struct look *l, const struct ref_row *h);

/* "thread 4711 (load-3, ended) for 12s; ...": appends those holders to the evidence, as far as there is room; and their items. */
void tell_holders(const struct look *l, holder_fn *is_one, struct told *ret);

/* ", taken by load-3 in get_connection < handle_order": of the first of those items, as far as it is known. */
struct taken_text {
	char text[192];
};
struct taken_text taken_by(const struct look *l, const struct told *told);

/* How many of those that the row shows, and how old the oldest of them is; 0 = there is none. */
size_t n_holders_that(const struct look *l, holder_fn *is_one, int64_t *ret_oldest_ns);

/* ---- what several ask ------------------------------------------------------------------------------------------------------ */

/* NULL = it has none yet. */
const struct past *past_of(const struct look *l, const struct pool_row *pool);

const struct past *past_of_stall(const struct look *l, const struct stall_row *stall);

/* Pools of the same process, itself among them, NEIGHBOURS_MAX at most; without memory there are none. */
#define NEIGHBOURS_MAX 64
const struct pool_row *const *neighbours(const struct look *l, size_t *ret_n);

/*
 * No detector has anything to say of this pool, unless it has said something before: what each of them asks for first is not there. Most pools are so
 * most of the time, and are looked at no further.
 */
bool is_calm(const struct look *l);

/* Callers wait, and the pool has been full for nearly all of the window. */
bool is_full(const struct pool_row *pool, const struct sample *window);

/* Longer than this is no ordinary hold of the pool: a second at least. */
int64_t unusual_ns(const struct pool_row *pool);

/* Out for longer than that. */
bool is_unusual(const struct look *l, const struct ref_row *h);

/* Out for longer than a leak must be: with a thread that is done with it, or with one that may be at it still. */
bool is_leaked(const struct look *l, const struct ref_row *h);
bool is_long_held(const struct look *l, const struct ref_row *h);

/* The pool whose items its holders wait for, while the holders of that one wait for its own; it may be the same. NULL = none. */
const struct pool_row *deadlocked_with(const struct look *l);

enum pressure pressure_of(const struct look *l);

/* Erlangs offered to each item: arrivals x mean hold / capacity; NaN = not known. */
double offered_load(const struct look *l);

#endif
