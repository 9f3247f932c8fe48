/* SPDX-License-Identifier: MIT */
/*
 * model.h - what is known of all pools, from tick to tick. Pure: no clock, no I/O; time and data are passed in.
 *
 * A tick is: model_tick_begin, any number of model_feed_*, model_tick_end (what was not fed is gone, but for what it counted,
 * see model/retired.h), model_snapshot. Feeding copies; nothing passed in is kept. All times are CLOCK_MONOTONIC ns.
 *
 * No counter of a row falls from tick to tick. Its sums of seconds are whole steps of 2^-24, so that adding up those of many
 * pools is exact.
 */
#ifndef POOLSCOPE_MODEL_MODEL_H
#define POOLSCOPE_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "model/records.h"
#include "model/snapshot.h"

struct model;

/* Who a process is, as far as its neighbours in /proc say; strings are copied, NULL = unknown. */
struct process_info {
	struct ps_proc_key key;
	const char *name;
	const char *service;
	const char *container_id;
	const char *executable;
	int64_t started_wall_ns;	/* 0 or UNKNOWN = not known */
};

/* What it says of itself to OpenTelemetry; strings are copied, and clean. */
struct process_resource {
	const char *service_name;	/* NULL = none: the one that it gave before stays */
	const struct attribute_row *attributes;	/* in place of those that it gave before */
	size_t n_attributes;
};

#define MODEL_ATTRIBUTES_BYTES (4u << 20)	/* of all processes */

/* Whether the pool's author keeps counts of his own. */
enum own_counts { OWN_COUNTS_NOT_ASKED, OWN_COUNTS_NONE, OWN_COUNTS_THERE };

/*
 * How closely a pool is watched: what is not known at a level is unknown in its row, which is not trusted and says why. Its books stand still meanwhile; where it is watched again they
 * begin anew, with a later since_ns. Zero = in full.
 */
struct pool_watch {
	enum level level;
	enum level_reason reason;
	double cause;		/* the share of its program's CPU time that stepped it down */
	int64_t sampled_ns;	/* at LEVEL_SAMPLED: how long its books have counted, or did; 0 = they have not */
};

/* What the ingest knows of a pool beside its books. */
struct pool_extra {
	int64_t counted_in_use;	/* the pool author's own count, read while the books stood still; UNKNOWN */
	int64_t counted_open;
	int64_t counted_capacity;	/* 0 = unbounded */
	int64_t counted_waiting;
	char name[PS_NAME_MAX];	/* by the pool's struct, for one without a name; as it was found, empty = none */
	const char *library;	/* NULL = the SDK's points showed it; else the recipe's name for it */
	int64_t counted_waits, counted_wait_ns;	/* since the pool was made */
	uint64_t stood_ns;	/* how long its process has stood still, read after the books */
	enum own_counts own_counts;	/* THERE also where they could not be read this time */
	bool is_light;	/* acquires, releases and waits are not counted: the library's own counts are all there is */
	bool is_waitless;	/* nothing tells who waits: that is not known, and not nobody */
	bool is_partial;	/* some probes of the recipe could not be attached: counts are incomplete */
	struct pool_watch watch;
};
#define POOL_EXTRA_UNKNOWN                                                                         \
	{                                                                                          \
		.counted_in_use = UNKNOWN, .counted_open = UNKNOWN, .counted_capacity = UNKNOWN,   \
		.counted_waiting = UNKNOWN, .counted_waits = UNKNOWN, .counted_wait_ns = UNKNOWN   \
	}

struct model *model_new(void);
void model_free(struct model *m);

void model_tick_begin(struct model *m, int64_t now_ns);

/* Each returns 0 or -ENOMEM; on -ENOMEM the pool keeps its former state. */
int model_feed_process(struct model *m, const struct process_info *info);
/*
 * Of a process that the model has. Its service name is the label of its rows from this tick on (`service`): what it counted stays with the old
 * label as long as others live there, and goes with it to the new one, so no sum falls. Attributes that find no room are left out, and counted.
 * 0 or -ENOMEM.
 */
int model_feed_resource(struct model *m, const struct ps_proc_key *key,
			const struct process_resource *r);
uint64_t model_n_attributes_left_out(const struct model *m);
bool model_has_process(const struct model *m, const struct ps_proc_key *key);
/* In this tick. */
bool model_is_fed(const struct model *m, const struct ps_proc_key *key);

bool model_has_pool(const struct model *m, const struct ps_pool_key *key);

/* The books of one pool as they were at t_ns, copied while nobody wrote. */
int model_feed_pool(struct model *m, const struct ps_pool_key *key, const struct ps_pool *books,
		    const struct pool_extra *extra, int64_t t_ns);
/*
 * Whether its books cannot have become these by t_ns: more item seconds than items times seconds. So they look that were copied while an event was half counted, and whole
 * nonetheless: what a processor copies with one instruction it reads in no order, and a sum without its count is off by the time since the machine was started. Read once more they are right.
 */
bool model_doubts(const struct model *m, const struct ps_pool_key *key, const struct ps_pool *books,
		  int64_t t_ns);
/*
 * Nothing has happened to it since it was fed, and the time has come: as model_feed_pool() with the same books and nothing else to say. False: of this pool there may be more to say (items out,
 * waits, a library's own counts, not watched in full, about to go), or who taps wants all of it, and it has not been fed. It is told as of the beginning of the tick, so that to a tap it
 * is the same from tick to tick.
 */
bool model_feed_quiet(struct model *m, const struct ps_pool_key *key);
/* Calls back with each pool that was not fed in this tick. What it feeds may be any of these. */
void model_each_unfed(struct model *m, void (*each)(void *context, const struct ps_pool_key *key),
		      void *context);
/* The kernel side was told so of it (probe/kernel.h): its books say so from now on, and that is no news of the pool. */
void model_note_suspicion(struct model *m, const struct ps_pool_key *key, bool is_suspected,
			  uint32_t notable);
/* Somebody keeps what it is fed with, and wants all of it in this tick. */
bool model_wants_all(const struct model *m);
/* The pool is there, but its books could not be read whole this time: its numbers stay. */
void model_keep_pool(struct model *m, const struct ps_pool_key *key);
/* False while its author is known to keep none, but for one tick in OWN_COUNTS_TICKS, as he may have begun to. */
#define OWN_COUNTS_TICKS 16
bool model_wants_own_counts(const struct model *m, const struct ps_pool_key *key);
/* True when the pool's histograms have changed since they were fed last. */
bool model_wants_hists(const struct model *m, const struct ps_pool_key *key);
int model_feed_hists(struct model *m, const struct ps_pool_key *key, const struct ps_hists *hists);
int model_feed_lease(struct model *m, const struct ps_ref_key *key, const struct ps_lease *lease);
int model_feed_waiter(struct model *m, const struct ps_ref_key *key,
		      const struct ps_waiter *waiter);

/*
 * A wait or a hold of a pool that was told one by one; at any time, between ticks too: the next one takes it. Kept are those that ended as the pool's
 * histograms have them, the newest of each classic bucket (struct exemplar_row); of a pool that was not fed yet none. The name in it may be anything.
 * 0 or -ENOMEM.
 */
int model_feed_story(struct model *m, const struct ps_story *story);

/* A connection or listener pool seen from its sockets. is_sampled: counted by passes, so short lives are missed. */
int model_feed_endpoint(struct model *m, const struct ps_endpoint_key *key,
			const struct ps_endpoint *books, bool is_sampled, int64_t accept_queue,
			int64_t accept_backlog, int64_t t_ns);

/* What the threads of the process do with the connections of an endpoint that was fed before. 0 or -ENOMEM. */
int model_feed_wire(struct model *m, const struct ps_endpoint_key *key, const struct ps_wire *wire);

/* Connections that a listener turned away since it was fed first; UNKNOWN. */
void model_feed_drops(struct model *m, const struct ps_endpoint_key *key, int64_t drops);

/* A listening socket: whose row it is, and how many processes hold it. */
struct listening {
	struct ps_proc_key owner;
	struct ps_addr addr;
	uint32_t n_holders;
	int64_t queue; /* UNKNOWN */
};

/*
 * Workers that wait for the same thing: a whole copy of their books, read at t_ns. `place` is the socket at which they wait, NULL for threads of
 * one name. 0 or -ENOMEM.
 */
int model_feed_family(struct model *m, const struct ps_family_key *key,
		      const struct ps_family *books, const struct listening *place, int64_t t_ns);
/* Its books could not be read whole this time. */
void model_keep_family(struct model *m, const struct ps_family_key *key);

/* The stalls of one process and cause so far, and the one that goes on. 0 or -ENOMEM. */
int model_feed_stalls(struct model *m, const struct ps_stall_key *key,
		      const struct ps_hist *length);
/*
 * The same by a runtime's own counters: that many more have ended since they were fed last, of that length together; nothing is known of each.
 */
int model_feed_counted_stalls(struct model *m, const struct ps_stall_key *key, uint64_t n,
			      double seconds);
int model_feed_standstill(struct model *m, const struct ps_proc_key *proc,
			  const struct ps_standstill *now);
/* Whether, as of the last feeding, somebody has something of its pools or waits for it: its own threads, or clients in a queue. */
bool model_has_work(const struct model *m, const struct ps_proc_key *proc);
/* Whether the process has ever stood still, as far as it was fed. */
bool model_has_stood(const struct model *m, const struct ps_proc_key *proc);

/*
 * A futex word: what is a lock has a row from now on. n_waiting threads wait now, the first since oldest_since_ns. 0 or -ENOMEM; the others do
 * nothing for what has none. A name is asked for once (NULL = it has none), places of a stack now and then, the innermost first.
 */
int model_feed_lock(struct model *m, const struct ps_lock *books, int64_t n_waiting,
		    int64_t oldest_since_ns);
bool model_has_lock(const struct model *m, const struct ps_lock *books);
bool model_wants_lock_name(const struct model *m, const struct ps_lock *books);
int model_name_lock(struct model *m, const struct ps_lock *books, const char *name);
bool model_wants_lock_stack(const struct model *m, const struct ps_lock *books);
int model_feed_lock_stack(struct model *m, const struct ps_lock *books, const char *const *place,
			  size_t n);

/* A connection of an endpoint that was fed. */
void model_feed_socket(struct model *m, const struct ps_sock *sock);
/* Waits that timers ended, of a process that was fed. 0 or -ENOMEM. */
int model_feed_given_up(struct model *m, const struct ps_given_up_key *key,
			const struct ps_given_up *value);
/* True when the connections one by one tell something: somebody has waited, or the peer has closed one. */
bool model_wants_sockets(const struct model *m);

void model_tick_end(struct model *m);

size_t model_n_pools(const struct model *m);

/* Names the thread of a holder or waiter; empty = unknown. *ret_gone is set when the thread has ended. */
typedef void thread_name_fn(void *context, uint32_t tgid, uint32_t tid, char ret[PS_COMM_MAX],
			    bool *ret_gone);

/*
 * Who keeps what goes in (record/recorder.h). `begin` is called as a tick begins, and answers whether all is wanted this time, and not only what
 * has changed; then `put` for each thing that is fed, in the order of the calls. A value of NULL: it is there, and nothing new is known.
 */
struct model_tap {
	bool (*begin)(void *context, int64_t now_ns);
	void (*put)(void *context, enum record what, const void *key, const void *value,
		    const char *text, size_t n_text);
	void *context;
	bool (*is_on)(void *context);	/* what is put is kept, in this tick; NULL = always */
	/*
	 * It is as it was put in the last tick, but that n bytes of its value at `at` are 0; n = 0: it is the same. False: of that nothing is known, and it is to be put; NULL =
	 * always.
	 */
	bool (*repeat)(void *context, enum record what, const void *key, size_t at, size_t n);
};

/* Copied; NULL = nobody, from now on. */
void model_set_tap(struct model *m, const struct model_tap *tap);

/*
 * Feeds what a tap was given. Bytes may be a stranger's: -EBADMSG where they make no sense. The value has the size of its kind, and so has the key;
 * a text ends with a NUL. -ENOMEM.
 */
int model_feed_record(struct model *m, enum record what, const void *key, const void *value,
		      const char *text, size_t n_text);

/* Writes the pools' rows into s (its arena). 0 or -ENOMEM. */
int model_snapshot(struct model *m, struct snapshot *s, thread_name_fn *name_thread, void *context);

#endif
