/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - our side of the BPF object: load it, switch its hooks on, hand out its maps.
 *
 * Loading tries the kernel's features by using them: uprobe_multi links (6.6 and later) before perf uprobes. Everything that
 * was attached ends with the process, however it ends, because the links are held by file descriptors and nothing is pinned.
 */
#ifndef POOLSCOPE_PROBE_KERNEL_H
#define POOLSCOPE_PROBE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "bpf/abi.h"

struct kernel;

/* How the traffic of followed threads is to be seen. One that this kernel has not got is none. */
enum kernel_traffic {
	KERNEL_TRAFFIC_AUTO, /* the best one that there is */
	KERNEL_TRAFFIC_LENGTHS, /* tracepoints of lengths on sockets, since 6.3 */
	KERNEL_TRAFFIC_FUNCTIONS, /* functions of TCP and of Unix sockets, by fexit */
	KERNEL_TRAFFIC_NONE
};

/* Sizes of the tables; 0 = the default of bpf/maps.h. */
struct kernel_limits {
	uint32_t pools;
	uint32_t pools_per_process;
	uint32_t leases;
	uint32_t waiters;
	uint32_t processes;
	uint32_t sockets;
	uint32_t endpoints;
	uint32_t threads;
	uint32_t taken;
	uint32_t no_progress_ms; /* no size: how long no thread of a process must have run for that to be told */
	bool is_taken_off;	/* it is not kept where items are taken */
	bool is_taken_always;	/* at every acquire; else at so many a second */
	enum kernel_traffic traffic;
	bool is_perf_forced;	/* perf uprobes even where uprobe_multi works: for tests of that tier */
};

/* All of them as they are in effect, none of them 0. */
void kernel_limits_read(const struct kernel *k, struct kernel_limits *ret);

enum kernel_map {
	KERNEL_MAP_SPECS,
	KERNEL_MAP_TARGETS,
	KERNEL_MAP_PROBES,
	KERNEL_MAP_LOSSES,
	KERNEL_MAP_PROCS,
	KERNEL_MAP_POOLS,
	KERNEL_MAP_HISTS,
	KERNEL_MAP_LEASES,
	KERNEL_MAP_WAITERS,
	KERNEL_MAP_CALLS,
	KERNEL_MAP_TASKS,
	KERNEL_MAP_LEARNED,
	KERNEL_MAP_SOCKS,
	KERNEL_MAP_ENDPOINTS,
	KERNEL_MAP_LISTENERS,
	KERNEL_MAP_STORIES,
	KERNEL_MAP_GIVEN_UPS,
	KERNEL_MAP_WIRES,
	KERNEL_MAP_FAMILIES,
	KERNEL_MAP_UNIX,
	KERNEL_MAP_STANDSTILLS,
	KERNEL_MAP_STALLS,
	KERNEL_MAP_TAKEN,
	KERNEL_MAP_LOCKS, /* a variable: no map of its own */
	KERNEL_MAP_COUNT
};

/* Loads the object. -EPERM with a sentence about what is missing; other errors say what the kernel refused. */
int kernel_load(const struct kernel_limits *limits, struct kernel **ret, struct diag *d);

/* Detaches and unloads. NULL is allowed. */
void kernel_free(struct kernel *k);

/* Switches the socket and process hooks on. One that fails is left out and remembered in kernel_hook_error(). */
int kernel_attach_hooks(struct kernel *k);

/* NULL = all hooks are on; else what is missing. */
const char *kernel_hook_error(const struct kernel *k);

/* How the traffic of followed threads is seen; NULL = it is not: connections are counted, and who uses them is not known. */
const char *kernel_traffic_tier(const struct kernel *k);

int kernel_map_fd(const struct kernel *k, enum kernel_map which);
uint32_t kernel_map_limit(const struct kernel *k, enum kernel_map which);
const char *kernel_map_name(enum kernel_map which);

/* True: probes are attached as uprobe_multi links; false: as perf uprobes. */
bool kernel_has_uprobe_multi(const struct kernel *k);

/* Whether probes can be on in one process alone: with all its threads, and in no other one. */
bool kernel_has_process_filter(const struct kernel *k);

/* The generic probe program, for attach.c. */
int kernel_probe_fd(const struct kernel *k);
struct bpf_program *kernel_probe_program(const struct kernel *k);

/* The program for registers.h; borrowed. */
int kernel_registers_fd(const struct kernel *k);

/* How often a probe has hit so far; from now on it counts from 0, for its place will be another one's. */
uint64_t kernel_take_hits(struct kernel *k, uint32_t probe);

/* Begins a new tick: the peaks in the pools' books are kept per tick. */
void kernel_next_epoch(struct kernel *k);

/* Changes when a function waits in KERNEL_MAP_LEARNED for its probes. */
uint32_t kernel_n_wanted(const struct kernel *k);

/* Nanoseconds that our programs ran, all together; negative when the kernel does not measure it. */
int64_t kernel_run_ns(const struct kernel *k);

/* Follows the threads that were there before their process was followed, by a pass over all threads. */
int kernel_meet_threads(struct kernel *k);

/* Looks at the threads of processes that listen: a pass over all threads, and one bit of those of others. */
int kernel_meet_workers(struct kernel *k);

/*
 * The accept queues of listening sockets that are watched, by a pass over those alone. 0 or negative errno: there is no room, or this kernel
 * cannot; then only an inventory has them. kernel_queue() is that of one as of the last reading, negative = not known.
 */
int kernel_watch_queue(struct kernel *k, uint64_t inode, uint64_t sock);
void kernel_forget_queue(struct kernel *k, uint64_t inode);
int kernel_read_queues(struct kernel *k);

/*
 * Pools to which something happened since the last tick, or in the one before that: *ret_list is the kernel's memory, until kernel_changed_done(): a megabyte and more, that nobody needs between two ticks. *ret_n_all = how many pools there are. 0;
 * -E2BIG: they are more than PS_CHANGED_MAX; another negative errno.
 */
int kernel_changed_pools(struct kernel *k, const struct ps_changed **ret_list, uint32_t *ret_n,
			 uint32_t *ret_n_all);
void kernel_changed_done(struct kernel *k);
int64_t kernel_queue(const struct kernel *k, uint64_t inode);

/* Changes when a process is found to listen. */
uint32_t kernel_n_serving(const struct kernel *k);

/*
 * Goes on with the pass over all sockets, or begins one, for about budget_ns (negative = to its end), and calls `take` per record.
 * 1 = it is over, 0 = there is more; negative errno when the iterator fails, which ends the pass.
 */
int kernel_inventory(struct kernel *k, int64_t budget_ns,
		     void (*take)(void *context, const struct ps_inventory *r), void *context);

/*
 * Follows a process's connections to a Unix address from now on: passes and their traffic take them into the books of a new wire.
 * Between two passes only. -EOPNOTSUPP where the kernel tells of no traffic, -E2BIG when a table is full.
 */
int kernel_follow_unix(struct kernel *k, const struct ps_endpoint_key *key, uint64_t *ret_wire);
/* Connections made to it since the first whole pass after; -1 = that has not come to its end yet, or it is not followed. */
int64_t kernel_unix_opened(const struct kernel *k, const struct ps_endpoint_key *key);
void kernel_forget_unix(struct kernel *k, const struct ps_endpoint_key *key, uint64_t wire);

/*
 * The table of words at which threads wait (PS_LOCKS places), as the kernel writes it. Places are cleared by kernel_clear_lock().
 * kernel_locks_taken() changes with each place that is taken; kernel_meet_lock_waiters() counts who waits, into those whose `pass` is its result then.
 */
const struct ps_lock *kernel_locks(const struct kernel *k);
uint32_t kernel_locks_taken(const struct kernel *k);
void kernel_clear_lock(struct kernel *k, size_t place);
/* So many threads wait there, and not as many as the kernel has counted; too few for a convoy, which is forgotten. */
void kernel_correct_lock(struct kernel *k, size_t place, int32_t n_waiting);
uint32_t kernel_meet_lock_waiters(struct kernel *k);

/*
 * When a process last left a CPU, as bpf/progress.h notes it; kernel_note_runs() begins that for one that is known now. kernel_find_still() calls
 * `take` for each thread that does not run, or just does, of processes that left one longer ago than the limit, in a pass over all threads. What
 * follows from that is told by kernel_tell_still(): since when the process makes no progress, or 0: it goes on. 0 or negative errno.
 */
void kernel_note_runs(struct kernel *k, uint32_t tgid);
uint32_t kernel_ran(const struct kernel *k, uint32_t tgid);
int64_t kernel_no_progress_ns(const struct kernel *k);
int kernel_find_still(struct kernel *k,
		      void (*take)(void *context, const struct ps_still_thread *t), void *context);
int kernel_tell_still(struct kernel *k, const struct ps_proc_key *proc, int64_t since_ns);

/* Where items were taken (bpf/taken.h): drops what is of no use, and returns how much is kept. After leases of the dead are dropped. */
uint32_t kernel_clear_taken(struct kernel *k);

/* More is kept of a pool that is suspected; notable: which of its waits and holds are told one by one (PS_POOL_NOTABLE). 0 or negative errno. */
int kernel_suspect(struct kernel *k, const struct ps_pool_key *pool, bool is_suspected,
		   uint32_t notable);

/* A pool that is counted in a page of its process: makes its books if need be, and marks them. 0 or negative errno; that there is no room is counted there. */
int kernel_tell_page(struct kernel *k, const struct ps_page_found *found);

/* Processes with books that have ended, so far; wraps. */
uint32_t kernel_n_gone(const struct kernel *k);

/*
 * Who is left out, see chosen.h. kernel_choose() says whether there are rules: without them nobody is left out any more, with them each program that begins is until it is
 * taken in. One that is left out is followed no more; what the books have of it is the caller's to drop.
 */
void kernel_choose(struct kernel *k, bool is_on);
bool kernel_is_left_out(const struct kernel *k, uint32_t tgid);
void kernel_leave_out(struct kernel *k, uint32_t tgid);
void kernel_take_in(struct kernel *k, uint32_t tgid);
uint32_t kernel_n_left_out(const struct kernel *k);

/*
 * How often one of our programs was not run since its CPU was within it already (bpf_prog_info.recursion_misses; not told of those of uprobes, which are
 * always run). Some us: a call into the kernel for each.
 */
uint64_t kernel_n_skipped(const struct kernel *k);

/* Threads that are followed, and how many may be. */
uint32_t kernel_n_threads(const struct kernel *k);
uint32_t kernel_threads_limit(const struct kernel *k);

#endif
