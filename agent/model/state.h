/* SPDX-License-Identifier: MIT */
/*
 * state.h - what the model keeps from tick to tick, as its own files share it. Nobody outside of agent/model includes this; what the
 * outside may ask is in model.h.
 */
#ifndef POOLSCOPE_MODEL_STATE_H
#define POOLSCOPE_MODEL_STATE_H

#include <uthash.h>

#include "base/text.h"
#include "model/model.h"
#include "bpf/books.h"
#include "model/retired.h"

#define NAME_BYTES (PS_UNIX_PATH_MAX + 32) /* of a pool, or of an endpoint */
_Static_assert(NAME_BYTES >= PS_NAME_MAX, "a pool's name does not fit");
#define JOIN_TICKS 3 /* so often a pool must seem to go to an endpoint before it is believed */

struct refs {
	struct ref_row *row; /* the oldest MODEL_REFS_MAX, unsorted while fed */
	uint32_t n, size;
	uint64_t total;
	int64_t oldest_since_ns; /* 0 = none */
};

struct process {
	struct ps_proc_key key;
	char *name, *service, *container_id, *executable;
	char *service_name; /* that it gave itself */
	int64_t started_wall_ns; /* UNKNOWN */
	struct attribute_row *attributes; /* and behind them their strings; NULL = none */
	size_t n_attributes, attributes_bytes;
	const struct endpoint *connects; /* within a tick: one of the endpoints that it has connections to */
	unsigned int n_connects; /* within a tick: of those */
	unsigned int n_pools; /* within a tick: of connections */
	bool has_workers; /* within a tick: a pool of them that is not inferred */
	bool has_stood; /* still, ever */
	bool is_renamed; /* in this tick */
	bool is_told; /* within a snapshot: some row is about it */
	bool is_fed;
	UT_hash_handle hh;
};

struct window {
	int64_t t_ns;
	double in_use_s, capacity_s;
	uint64_t acquires, timeouts;
};

/* Of utilization: the steps of the last two minutes, the oldest first, and what came in the present one, which is the last. */
struct trend {
	uint8_t level[TREND_STEPS];
	float in_use_s, capacity_s;
};

/* Integrals as they are told: they never fall, and are whole steps. */
struct sums {
	double in_use_s, capacity_s, pending_s, saturated_s, stalled_s, backlog_s, stalled_hold_s;
};

/* Some sums as they were: what a verdict is about is what came since. */
struct mark {
	int64_t t_ns; /* 0 = at the beginning */
	double wait_s, saturated_s, stalled_s; /* the last: inside of stalls, and what came of them */
};

/* Two of them, so that the older one is at least RECENT_NS old. */
#define RECENT_NS 10000000000
struct recent {
	struct mark older, newer;
};

/* Waits or holds that were told one by one, as the pool's row borrows them: by value, rising. */
struct slow_rows {
	struct exemplar_row row[SNAPSHOT_EXEMPLARS_MAX]; /* wall_ns is 0 until a snapshot knows the time of day */
	int64_t t_ns[SNAPSHOT_EXEMPLARS_MAX]; /* when each ended, CLOCK_MONOTONIC */
	size_t n;
};

struct slow {
	struct slow_rows waits, holds;
};

#define TORN_DOUBT 3 /* ticks: a busy pool is caught whole at a second look */

struct pool {
	struct ps_pool_key key;
	uint64_t id;
	/* the small ones side by side: there are very many of these */
	bool is_grouped; /* by its present labels */
	bool is_named; /* by its books or its struct, and not by us */
	bool has_own_row; /* it lies by itself: the pool is not shown, or was not at the last snapshot */
	bool is_partial, is_light, is_waitless;
	bool has_no_own_counts;
	bool is_resumed; /* it was not watched for a while */
	bool has_slow_news; /* that the tap has not */
	bool is_told_as_of_begin; /* to the tap: as it was when the tick began */
	bool has_new_hists; /* in this tick */
	bool is_fed;
	uint32_t place; /* of its row among the others, where it has no own */
	uint32_t last_backlog;
	unsigned int drift_ticks;
	unsigned int joined_ticks; /* it seemed to be `joined`, in a row */
	unsigned int n_torn; /* ticks in a row without a whole copy of its books */
	struct group *group; /* NULL = in none */
	struct pool *next_fed; /* the one that was fed after it the last time; NULL = no guess */
	struct pool_row *row; /* labels and counters as of the books, and what was shown last; never NULL */
	struct pool_row *counted; /* those counters where `row` does not show them (unwatched.c); owned, NULL = it does */
	char *name; /* of the row, clean; owned, NULL = it was not fed yet */
	char *library;
	struct { /* what else of them is asked for later */
		uint64_t capacity, before_releases, n_events, n_waitless;
		int64_t since_ns, destroyed_ns, open; /* UNKNOWN */
		int64_t in_use, waiting; /* not less than 0 */
		uint32_t in_use_peak, waiting_peak;
		uint32_t kind, flags;
		uint32_t n_rare; /* events of the rare verbs, modulo 2^32 */
		bool is_busy; /* something is out, or somebody waits */
	} books;
	int64_t t_ns; /* of the books */
	struct hist hist[PS_HIST_COUNT];
	uint64_t hists_seen; /* n_events at the last histograms */
	double counted_in_use_s, counted_pending_s, counted_capacity_s; /* integrals of what the books count */
	uint64_t last_in_use_integral, last_pending_integral, last_capacity_integral;
	struct sums sums;
	double counted_backlog_s;
	int64_t last_capacity;
	uint64_t waitless;	/* acquires that did not wait, so far */
	int64_t before_total, before_candidate; /* UNKNOWN */
	int64_t counted_open, counted_capacity, counted_waiting; /* by the library itself; UNKNOWN */
	int64_t drift, drift_candidate; /* its count of items in use less ours */
	struct pool_watch watch;
	struct ps_endpoint_key *joined; /* the endpoint that its connections seem to go to; owned, NULL = none yet */
	int64_t first_waits, first_wait_ns; /* as the library had them when we came; UNKNOWN */
	int64_t counted_in_use;
	double sampled_in_use_s, sampled_waiting_s; /* of a light one: by what was read at each tick */
	struct hist *own_waits; /* count and sum alone, no buckets; of a light one, once they are known */
	struct refs holders, waiters;
	struct slow *slow; /* owned, NULL = nothing was told */
	struct window window, former;
	struct trend trend;
	struct recent recent;
	UT_hash_handle hh;
};

enum rule { RULE_STATE, RULE_WIRE, RULE_PROXY, RULE_HANDOFF };

struct endpoint_fit {
	struct ps_proc_key proc;
	int64_t open;
};

struct endpoint {
	struct ps_endpoint_key key;
	uint64_t id;
	struct group *group; /* NULL = in none */
	bool is_grouped; /* by its present labels */
	struct ps_endpoint books;
	struct ps_wire wire;
	struct hist create, wait, hold;
	uint64_t open_full; /* most connections that were open at a tick in which somebody waited */
	double n_free; /* connections that nobody held when waits ended, by the last ones */
	int64_t timeouts; /* UNKNOWN until somebody has waited, and while it is not known of most whether they gave up: */
	bool is_retried; /* they waited there again at once */
	int64_t n_silent, n_silent_held, silent_since_ns; /* connections that nobody can be given; UNKNOWN */
	uint64_t n_quiet; /* requests in ticks without a wait */
	uint64_t waitless; /* connections that were taken without waiting */
	int64_t close_wait_since_ns; /* of the oldest one that only the peer has closed; UNKNOWN */
	bool is_sampled, is_fed;
	enum rule rule; /* the one that told the most of it so far */
	bool is_folded; /* into the row of a pool that is known better */
	int64_t accept_queue, accept_backlog, drops;
	struct recent recent;
	struct endpoint_fit fit; /* within a tick, as what follows: of a process, how many are open */
	unsigned int n_fits; /* endpoints of which that is true */
	UT_hash_handle hh, hh_fit;
};

/* Waits that timers ended, within a tick. */
struct given_up {
	struct ps_given_up_key key;
	struct ps_given_up value;
};

/* Of one process and cause. */
struct stall {
	struct ps_stall_key key;
	struct hist length;
	bool is_counted; /* its runtime has told number and sum of some, which are not in there */
	uint64_t n_counted;
	double counted_s;
	int64_t since_ns; /* of one that goes on; 0 = none does */
	struct recent recent;
	struct hist summed; /* of `length`, and of what was counted: what is in a struct stall_sum */
	uint64_t n_summed;
	double summed_s;
	bool is_fed;
	UT_hash_handle hh;
};

#define STALL_SUMS_MAX 1000

struct stall_sum_key {
	char process[TEXT_NAME_BYTES];
	uint32_t cause;
};

struct stall_sum {
	struct stall_sum_key key;
	struct hist length;
	uint64_t n_counted;
	double counted_s;
	bool is_fed; /* in this tick a process of that name has such stalls, or there is one at least */
	UT_hash_handle hh;
};

#define LOCK_STACK_MAX 8
#define LOCK_STACK_AGE_NS 10000000000ll /* then another waiter's stack is looked at */
#define CONVOY_SHOWN_NS 10000000 /* as the kernel counts those that have ended */

struct lock_key {
	struct ps_proc_key proc;
	uint64_t word;
};

struct lock_window {
	int64_t t_ns;
	uint64_t waits;
	double wait_s;
};

/* A futex word at which threads of a process wait. */
struct lock {
	struct lock_key key;
	struct hist wait;
	uint64_t timeouts;
	int64_t n_waiting, oldest_since_ns;
	char *name; /* NULL = none, or not yet asked for */
	bool is_named; /* it was asked for */
	char *stack[LOCK_STACK_MAX];
	size_t n_stack;
	int64_t stack_ns; /* when it was copied; 0 = never */
	uint64_t seen_ns; /* sum of the kernel's histogram when it was read last */
	struct hist summed; /* of `wait`: what is in a struct lock_sum */
	struct lock_window window, former;
	bool is_fed;
	UT_hash_handle hh;
};

#define LOCK_SUMS_MAX 200

struct lock_sum_key {
	char process[NAME_BYTES], lock[NAME_BYTES];
};

struct lock_sum {
	struct lock_sum_key key;
	struct hist wait;
	bool is_fed;
	UT_hash_handle hh;
};

struct family {
	struct ps_family_key key;
	uint64_t id;
	struct group *group; /* NULL = in none */
	bool is_grouped; /* by its present labels */
	struct ps_family books;
	struct listening place; /* of those that wait at a socket */
	int64_t t_ns;
	struct hist hold;
	uint64_t last_integral;
	double counted_in_use_s, in_use_s, capacity_s; /* the second never falls */
	struct window window, former;
	struct trend trend;
	int64_t covered_ns; /* when a better source had workers in one of its processes; 0 = never */
	bool is_fed;
	UT_hash_handle hh;
};

/* One that came since the last tick began. */
#define TOLD_MAX 8192
struct told_story {
	struct ps_pool_key pool;
	struct record_exemplar e;
	bool is_wait;
};

struct model {
	struct process *processes;
	struct process *recent; /* the one that was asked for last; NULL = no guess */
	struct family *families;
	struct stall *stalls;
	struct lock *locks;
	struct lock_sum *lock_sums;
	struct stall_sum *stall_sums;
	struct pool *pools;
	struct pool *fed_pool; /* the one that was fed last, as its histograms come next; NULL = no guess */
	struct pool *next_pool; /* the one that is likely fed next; NULL = no guess */
	struct pool_row *rows; /* those of the pools that are shown, in their order, then of those that are new, or of all that is no pool; owned */
	size_t n_rows; /* there is room for */
	size_t n_placed; /* of them up to the last one that is a pool's */
	struct endpoint *endpoints;
	struct told_story *told;
	size_t n_told, n_told_max, told_at; /* the last: of the oldest, when there are TOLD_MAX */
	struct given_up *given_ups;
	size_t n_given_ups, n_given_ups_max;
	struct retired retired;
	uint64_t next_id;
	int64_t now_ns;
	int64_t trend_step; /* the one that the last tick was in */
	struct model_tap tap; /* put = NULL: there is none */
	bool is_all_wanted; /* by the tap, in this tick */
	bool has_renamed; /* processes, in this tick */
	size_t attributes_bytes; /* of all processes */
	uint64_t n_attributes_left_out;
};

/* ---- model.c ----------------------------------------------------------------------------------------------------------- */

struct process *process_find(const struct model *m, const struct ps_proc_key *key);

/* Replaces an owned string by a copy; NULL is allowed. -ENOMEM leaves it. */
int replace_string(char **at, const char *with);

/* ---- processes.c ------------------------------------------------------------------------------------------------------- */

/* The service that a row shows: its own word, or its unit; NULL = none. */
const char *process_service(const struct process *p);
/* What is fed once goes to who began to listen late. */
void process_tell(const struct model *m, const struct process *p);
void process_free(struct model *m, struct process *p);
/* Rows of those that others are about. 0 or -ENOMEM. */
int processes_snapshot(struct model *m, struct snapshot *s);

/* ---- tap.c: what is fed, for the tap ------------------------------------------------------------------------------------ */

void tap_begin(struct model *m);
void tap_put(const struct model *m, enum record what, const void *key, const void *value);
void tap_put_text(const struct model *m, enum record what, const void *key, const void *value,
		  const char *const *text, size_t n);
void tap_put_resource(const struct model *m, const struct process *p);
void tap_put_pool(const struct model *m, struct pool *p, const struct ps_pool *books,
		  const struct pool_extra *extra);
/* It is as it was in the tick before, as of the beginning of this one. False: it is to be put. */
bool tap_repeat_pool(const struct model *m, struct pool *p);
void tap_put_endpoint(const struct model *m, const struct endpoint *e);
void tap_put_family(const struct model *m, const struct family *f, bool has_place);
void tap_put_lock(const struct model *m, const struct lock *l, const struct ps_lock *books);

/* ---- pools.c: one pool's books from tick to tick ----------------------------------------------------------------------- */

struct pool *pool_find(const struct model *m, const struct ps_pool_key *key);

/* What it has counted so far goes to those that are gone, for the sums of its group; its own counts are the caller's to begin anew. */
void pool_retire_counts(struct model *m, struct pool *p);

/* ---- unwatched.c ------------------------------------------------------------------------------------------------------- */

/* Takes out of the row what is not known at the pool's level, and says so; nothing at LEVEL_FULL. 0 or -ENOMEM. */
int row_unwatch(struct pool *p, struct arena *arena);

static inline int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Items that were taken before the agent came and are out still. */
int64_t pool_before_out(const struct pool *p);

/* 0 = unbounded or unknown. */
int64_t pool_capacity(const struct pool *p);

/* Items that exist; UNKNOWN. */
int64_t pool_open(const struct pool *p);

uint64_t sum_counts(const __u64 *counts, size_t n);

/* Seconds as they are told. */
double whole_steps(double s);

/* Adds what the kernel has counted since. -ENOMEM. */
int hist_catch_up(struct hist *h, const struct ps_hist *kernel, uint64_t n_nothing);

/* ---- exemplars.c ------------------------------------------------------------------------------------------------------- */

/* All of a pool, as they were recorded. 0 or -ENOMEM. */
int exemplars_feed(struct model *m, const struct ps_pool_key *key,
		   const struct record_exemplars *r);
/* Takes what has come since the last one: nobody has borrowed the others now. */
void exemplars_tick_begin(struct model *m);
/* What is new goes to the tap. */
void exemplars_tell(const struct model *m, struct pool *p);
/* Into the pool's row, as far as the histograms that they belong to are in it; borrowed. */
void exemplars_rows(struct pool *p, const struct snapshot *s);
/* PS_POOL_NOTABLE of a pool with these histograms (NULL = unknown) after so many seconds: a few are to be told a second. `told` is what holds now. */
uint32_t exemplars_notable(const struct hist *wait, const struct hist *hold, double seconds,
			   uint32_t told);

/* ---- labels.c: labels and counters of a row, all borrowed: the name from `name`, the rest from the model ---------------- */

/* The row of a pool anew, by books that have changed: what else is in it is unknown again. Who its process is stays open. */
void pool_row_count(struct pool *p, const struct ps_pool *books);
/* The sums of seconds in it, which change with the time alone. */
void pool_row_sums(struct pool *p, const struct ps_pool *books);
/* Not before the pool was fed. Borrowed. */
const struct pool_row *pool_row_labelled(const struct model *m, const struct pool *p);
void endpoint_row_begin(const struct model *m, const struct endpoint *e, char name[NAME_BYTES],
			struct pool_row *row);

void row_process(const struct model *m, const struct ps_proc_key *key, struct pool_row *row);

/* The label of a process where all of one name are summed: its service, or else its name. */
const char *process_label(const struct process *p);

/* "127.0.0.1:5432", "[::1]:80", "*:80", "/run/x.sock" */
void endpoint_name(const struct ps_addr *a, char ret[NAME_BYTES]);

/* ---- rows.c: copies of what is borrowed, for a snapshot: 0 or -ENOMEM ------------------------------------------------------- */

/* A place for the row of a pool that is new, behind all others: what lay there was of the last snapshot. 0 or -ENOMEM. */
int row_place(struct model *m, struct pool *p);

int string_keep(const char **s, struct arena *arena);

/* ---- trend.c ----------------------------------------------------------------------------------------------------------- */

void trend_init(struct trend *t);
/* When all has been fed. */
void trends_tick_end(struct model *m);
/* Its levels, the oldest first, good until the next tick ends; NULL where nothing is known. */
const uint8_t *trend_levels(const struct trend *t);

/* ---- stalls.c ---------------------------------------------------------------------------------------------------------- */

void stall_free(struct model *m, struct stall *s);
/* As model_feed_standstill(), of what follows from something else that was fed. */
int stalls_take_standstill(struct model *m, const struct ps_proc_key *proc,
			   const struct ps_standstill *now);
void stalls_tick_begin(struct model *m);
void stalls_tick_end(struct model *m);
/* The cause of which the process had most lately. */
enum ps_stall_cause stalls_main_cause(const struct model *m, const struct ps_proc_key *proc);
/* A stop that nobody named, of a process whose runtime counts all of them: it has no row. */
bool stall_is_counted_already(const struct model *m, const struct stall *s);
/* 0 or -ENOMEM. */
int stalls_snapshot(struct model *m, struct snapshot *s);

/* ---- stall_sums.c ------------------------------------------------------------------------------------------------------ */

void stall_sums_done(struct model *m);
void stall_sums_tick_end(struct model *m);
/* 0 or -ENOMEM. */
int stall_sums_snapshot(struct model *m, struct snapshot *s);

/* ---- locks.c ----------------------------------------------------------------------------------------------------------- */

void lock_free(struct model *m, struct lock *l);
void locks_tick_begin(struct model *m);
void locks_tick_end(struct model *m);
/* 0 or -ENOMEM. */
int locks_snapshot(struct model *m, struct snapshot *s);

/* ---- lock_sums.c ------------------------------------------------------------------------------------------------------- */

/* Adds to `sum` what came to h since the last time, as `seen` has it; what finds no memory comes with the next. */
void hist_pass_on(const struct hist *h, struct hist *seen, struct hist *sum);

void lock_sums_done(struct model *m);
void lock_sums_tick_end(struct model *m);
/* 0 or -ENOMEM. */
int lock_sums_snapshot(struct model *m, struct snapshot *s);

/* ---- saturated_by.c --------------------------------------------------------------------------------------------------- */

/* Once a tick. */
void recent_roll(struct recent *r, const struct mark *now);

/* Says so where waits inside of stalls explain that the pool was saturated lately; waited_s: all waits so far. 0 or -ENOMEM. */
int row_saturated_by(const struct model *m, const struct ps_proc_key *proc,
		     const struct recent *recent, double waited_s, struct pool_row *row,
		     struct arena *arena);

/* ---- join.c ------------------------------------------------------------------------------------------------------------ */

/* Finds for each pool of connections the endpoint that they go to; once a tick, when all has been fed. */
void join_endpoints(struct model *m);

/* ---- families.c: pools of workers that were inferred ------------------------------------------------------------------------ */

void family_free(struct model *m, struct family *f);

/* Whether it is a pool of workers beyond doubt, and no better source tells of it. */
bool family_is_shown(const struct model *m, const struct family *f);

/* Labels and counters, as in labels.c. */
void family_row_begin(const struct model *m, const struct family *f, char name[NAME_BYTES],
		      struct pool_row *row);
/* The rest of the row; nothing in it is copied. */
void family_row_levels(const struct family *f, struct pool_row *row);

/* ---- infer.c: what the traffic of an endpoint lets us say, each with what stands above it ---------------------------------- */

enum inferred {
	INFERRED_NOTHING,	/* who is connected */
	INFERRED_WIRE,	/* which connections are at work */
	INFERRED_DOUBT,	/* no more than that, though its threads wait */
	INFERRED_PASSED, /* how long its clients waited for a connection */
	INFERRED_WAITS,	/* who waited for a connection, and how long */
	INFERRED_HOLDS,	/* and who held one how long */
};

enum inferred endpoint_inferred(const struct endpoint *e);

/* 0 or -ENOMEM. */
int endpoint_take_wire(struct endpoint *e, const struct ps_wire *wire);

/* One of its connections by us, in this tick. */
void endpoint_take_socket(struct endpoint *e, const struct ps_sock *sock);

/* ---- closes.c: how its connections end, and do not come about ---------------------------------------------------------------- */

/* One of its connections, in either direction, in this tick. */
void endpoint_note_close_wait(struct endpoint *e, const struct ps_sock *sock);

/* Counters, for labels.c. */
void endpoint_row_ends(const struct endpoint *e, struct pool_row *row);

/* Those that wait for our close(), now; also into the row of the pool that they are the items of. */
void endpoint_row_close_wait(const struct endpoint *e, int64_t now_ns, struct pool_row *row);

/* ---- infer.c again ------------------------------------------------------------------------------------------------------ */

/* At a tick's end: which of the waits that timers ended were for a connection. */
void infer_timeouts(struct model *m);

/* The rule as part of its labels, a literal. It rises and never falls: a series that goes and comes back would count twice. */
const char *endpoint_source(const struct endpoint *e);

/* At a tick's end. True when the source is another one now. */
bool endpoint_source_rises(struct endpoint *e);

/* The counters among it, for labels.c. */
void endpoint_row_count(const struct endpoint *e, struct pool_row *row);

/* Sets what is known, and how well; the rest of the row stays. */
void endpoint_row_infer(const struct endpoint *e, int64_t now_ns, struct pool_row *row);

#endif
