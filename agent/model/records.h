/* SPDX-License-Identifier: MIT */
/*
 * records.h - what goes into a model and a snapshot as records of bytes (records.def), so that it can be kept and fed again later. Structs have
 * no holes: what is equal is equal byte by byte.
 */
#ifndef POOLSCOPE_MODEL_RECORDS_H
#define POOLSCOPE_MODEL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "model/snapshot.h"

enum record {
	RECORD_none = 0,
#define RECORD(number, name, key, value, lives_by, most, text) RECORD_##name = (number),
#include "model/records.def"
	RECORD_END
};

struct record_tick {
	int64_t t_ns;
};

/* Name, service, container and executable are the text. */
struct record_process {
	int64_t started_wall_ns;
};

enum record_pool_flag {
	RECORD_POOL_LIGHT = 1,
	RECORD_POOL_WAITLESS = 2,
	RECORD_POOL_PARTIAL = 4,
	RECORD_POOL_LEVEL = 8,	/* where the bits begin of enum level, four of them, */
	RECORD_POOL_REASON = 12	/* and of its reason, likewise */
};

/* As struct pool_extra. The library is the text. */
struct record_pool {
	struct ps_pool books;
	uint64_t id;		/* of the row */
	int64_t read_ns;	/* when, since the tick began */
	int64_t counted_in_use, counted_open, counted_capacity, counted_waiting;
	int64_t counted_waits, counted_wait_ns;
	uint64_t stood_ns;
	char name[PS_NAME_MAX];
	uint32_t flags;		/* enum record_pool_flag */
	uint32_t level_cause;	/* in millionths */
};

struct record_exemplar {
	uint64_t duration_ns;	/* 0 = there is none */
	uint64_t t_ns;		/* when it ended */
	uint32_t tid;
	uint32_t reserved;
	char thread[PS_COMM_MAX];
};

struct record_exemplars {
	struct record_exemplar waits[SNAPSHOT_EXEMPLARS_MAX], holds[SNAPSHOT_EXEMPLARS_MAX];
};

struct record_endpoint {
	struct ps_endpoint books;
	uint64_t id;
	int64_t accept_queue, accept_backlog;
	uint32_t is_sampled;
	uint32_t reserved;
};

struct record_drops {
	int64_t n;
};

struct record_family {
	struct ps_family books;
	uint64_t id;
	int64_t read_ns;	/* since the tick began */
	struct ps_proc_key owner;	/* and what follows: of the socket at which they wait */
	struct ps_addr addr;
	int64_t queue;
	uint32_t n_holders;
	uint32_t has_place;	/* there is such a socket */
};

struct record_counted {
	uint64_t n;
	double s;
};

struct record_lock_key {
	struct ps_proc_key proc;
	uint64_t word;
};

struct record_lock {
	uint64_t timeouts;
	uint64_t convoy_ns;
	int64_t n_waiting, oldest_since_ns;
	struct ps_hist wait;
};

struct record_lock_stack {
	uint64_t stack_ns;
};

/* Two of them may be the same: both count. */
struct record_socket_key {
	struct ps_proc_key proc;
	uint64_t since_ns;
};

struct record_thread_key {
	uint32_t pid, tid;
};

struct record_thread {
	char name[PS_COMM_MAX];
	uint32_t is_gone;
	uint32_t reserved;
};

struct record_facts {
	uint64_t cpu_ns, n_runs;
	uint32_t is_known;
	uint32_t reserved;
};

struct record_moment {
	uint64_t seq;
	int64_t wall_ns;
	double window_s;
};

struct record_machine {
	int64_t leak_ns, wait_ns;
};

struct record_number {
	uint64_t n;
};

struct record_table {
	uint64_t used, limit;
};

struct record_check {
	uint32_t state;
	uint32_t reserved;
};

struct record_stack_key {
	uint32_t pid, tid;
	uint64_t goroutine;
	uint64_t pool, item;	/* as struct stack_row has them */
	int64_t item_ns;
};

struct record_stack {
	int64_t taken_ns;
	uint64_t goroutine_id;
	uint32_t on_tid;
	uint32_t is_cut;
};

#define RECORD_TEXT_MAX 32768u	/* bytes */

/* What a record is like, by its number; name is NULL for numbers that there are not. */
struct record_kind {
	const char *name;
	uint32_t key_size, value_size;
	enum record lives_by;	/* RECORD_none = it must be in each tick */
	uint32_t most;
};

extern const struct record_kind record_kinds[RECORD_END];

/* Strings one after the other, each with its NUL; NULL goes in as an empty one, and one that does not fit is cut. */
struct record_text {
	size_t n;
	char bytes[RECORD_TEXT_MAX];
};
void record_text_add(struct record_text *t, const char *s);

/* The next string of such a text, *at moves behind it; an empty one, and what is behind the end, is NULL. */
const char *record_text_next(const char **at, const char *end);

#endif
