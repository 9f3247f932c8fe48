/* SPDX-License-Identifier: MIT */
/*
 * maps.h - every map of the kernel side, its limit, and what happens when it is full.
 *
 * Limits are the defaults; the agent sets them from its configuration before loading. A full table refuses the newcomer and
 * counts it (losses.def). Pools and histograms are allocated on demand (a pool is made rarely), leases and waiters in advance
 * (they come and go on the hot path).
 */
#ifndef POOLSCOPE_BPF_MAPS_H
#define POOLSCOPE_BPF_MAPS_H

#include "abi.h"
#include "hist.h"

#ifdef __bpf__
#define PS_MAP(name, type_, key_, value_, max_, flags_)                                            \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##type_);                                                \
		__uint(map_flags, flags_);                                                         \
		__uint(max_entries, max_);                                                         \
		__type(key, key_);                                                                 \
		__type(value, value_);                                                             \
	} name SEC(".maps")
#else /* the unit tests' slow maps: tests/unit/bpf_shim.h */
#define PS_MAP(name, type_, key_, value_, max_, flags_)                                            \
	static struct shim_map name = { .key_size = sizeof(key_),                                  \
					.value_size = sizeof(value_),                              \
					.limit = (max_),                                           \
					.is_array = POOLSCOPE_SHIM_IS_ARRAY_##type_ }
#endif

PS_MAP(ps_specs, ARRAY, __u32, struct ps_spec, 4096, 0);
PS_MAP(ps_targets, ARRAY, __u32, struct ps_target, 2048, 0);
PS_MAP(ps_probes, PERCPU_ARRAY, __u32, struct ps_probe_stat, 8192, 0);
PS_MAP(ps_losses, PERCPU_ARRAY, __u32, __u64, PS_LOSS_COUNT, 0);
PS_MAP(ps_zero, ARRAY, __u32, struct ps_hists, 1, 0);

PS_MAP(ps_procs, HASH, struct ps_proc_key, struct ps_proc, 8192, BPF_F_NO_PREALLOC);
PS_MAP(ps_pools, HASH, struct ps_pool_key, struct ps_pool, 16384, BPF_F_NO_PREALLOC);
PS_MAP(ps_changed_pools, ARRAY, __u32, struct ps_changed, PS_CHANGED_MAX, BPF_F_MMAPABLE);
PS_MAP(ps_hist_of, HASH, struct ps_pool_key, struct ps_hists, 16384, BPF_F_NO_PREALLOC);
PS_MAP(ps_leases, HASH, struct ps_ref_key, struct ps_lease, 65536, 0);
PS_MAP(ps_takens, HASH, struct ps_ref_key, struct ps_taken, 4096, BPF_F_NO_PREALLOC);
PS_MAP(ps_calls, HASH, struct ps_call_key, struct ps_call, 16384, 0);
PS_MAP(ps_tasks, HASH, struct ps_call_key, struct ps_task, 16384, BPF_F_NO_PREALLOC);
PS_MAP(ps_learned, HASH, struct ps_call_key, __u32, 4096, BPF_F_NO_PREALLOC);
PS_MAP(ps_waiters, HASH, struct ps_ref_key, struct ps_waiter, 16384, 0);

PS_MAP(ps_socks, HASH, __u64, struct ps_sock, 65536, BPF_F_NO_PREALLOC);
PS_MAP(ps_endpoints, HASH, struct ps_endpoint_key, struct ps_endpoint, 4096, BPF_F_NO_PREALLOC);
PS_MAP(ps_wires, HASH, __u64, struct ps_wire, 4096, BPF_F_NO_PREALLOC);
PS_MAP(ps_unix, HASH, struct ps_endpoint_key, struct ps_unix, 2048, BPF_F_NO_PREALLOC);
PS_MAP(ps_listeners, HASH, struct ps_listener_key, struct ps_listener, 4096, BPF_F_NO_PREALLOC);

PS_MAP(ps_queues, HASH, __u64, struct ps_queue, 4096, BPF_F_NO_PREALLOC);

PS_MAP(ps_families, HASH, struct ps_family_key, struct ps_family, 1024, BPF_F_NO_PREALLOC);

PS_MAP(ps_standstills, HASH, struct ps_proc_key, struct ps_standstill, 8192, BPF_F_NO_PREALLOC);
PS_MAP(ps_stalls, HASH, struct ps_stall_key, struct ps_hist, 2048, BPF_F_NO_PREALLOC);

PS_MAP(ps_words, LRU_HASH, struct ps_word_key, struct ps_word, 8192, 0);
PS_MAP(ps_given_ups, HASH, struct ps_given_up_key, struct ps_given_up, 4096, 0);

/* Made for threads of followed processes alone, where it may sleep: at fork, at use of a connection, by a pass. */
#ifdef __bpf__
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ps_thread);
} ps_threads SEC(".maps");

/* Made at the first use of a socket by a followed process. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ps_mark);
} ps_marks SEC(".maps");
#endif

/* As that one, for threads of processes that listen. */
#ifdef __bpf__
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct ps_worker);
} ps_workers SEC(".maps");
#endif

/* See locks.h. */
PS_MAP(ps_lock_waits, PERCPU_ARRAY, __u32, struct ps_lock_wait, 1, 0);

/* Per CPU: how many stories this second. */
struct ps_story_cap {
	__u64 second;
	__u64 n;
};
PS_MAP(ps_story_caps, PERCPU_ARRAY, __u32, struct ps_story_cap, 1, 0);

#ifdef __bpf__
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ps_stories SEC(".maps");
#define PS_KNOB const volatile
#define PS_SHARED
#else
static int ps_stories;
#define PS_KNOB static
#define PS_SHARED static
#endif

/* Knobs that the agent sets before loading. */
PS_KNOB __u32 ps_pools_per_process = 4096;
PS_KNOB __u32 ps_endpoints_per_process = 256;
PS_KNOB __u32 ps_stories_per_second = 2000; /* per CPU */
PS_KNOB __u64 ps_notable_ns = 100000000; /* of pools of which the agent has said nothing else; 0 = all are told */
PS_KNOB __u32 ps_taken_usual = 0; /* stacks of takers that are kept, of a pool and a tick; 0 = none */
PS_KNOB __u32 ps_taken_suspected = 0; /* of a pool under suspicion */
PS_KNOB __u32 ps_taken_max = 4096; /* of all */
PS_KNOB __u64 ps_jiffy_ns = 0; /* how long a tick of the kernel is */
PS_KNOB __u32 ps_threads_max = 32768;
PS_KNOB __u32 ps_unix_socks_max = 32768; /* of ps_socks: those of TCP keep room */
PS_KNOB __u64 ps_no_progress_ns = 1000000000;
PS_KNOB __u32 ps_agent_tgid = 0; /* our own sockets are nobody's pool */

/*
 * The place of a number in an array of so many, a power of two: by its last bits. The mask is for the verifier, and hidden from a compiler
 * that knows better.
 */
PS_INLINE __u32 ps_slot(__u32 number, __u32 places)
{
#ifdef __bpf__
	asm volatile("" : "+r"(number));
#endif
	return number & (places - 1);
}

/* Written by the agent at each tick: the peaks in a pool's books are of this epoch. */
PS_SHARED __u32 ps_epoch = 0;

/* Entries of ps_takens; the agent takes some away. */
PS_SHARED __u32 ps_n_taken = 0;

/* Threads that are followed now. */
PS_SHARED __u64 ps_n_threads = 0;

/* Families at sockets, so far: with each, it is counted anew who has its socket and is no worker. */
PS_SHARED __u32 ps_n_families = 0;

/* Threads that may be workers now. */
PS_SHARED __u64 ps_n_workers = 0;

/* When the pass over all files that is going on is to pause; set by the agent before it reads on. */
PS_SHARED __u64 ps_pass_until_ns = 0;
PS_SHARED __u32 ps_pass_files = 0;

/* Passes over all files that came to their end. */
PS_SHARED __u32 ps_n_passes = 0;

/* Unix sockets in ps_socks; raised with each entry of ps_unix. */
PS_SHARED __u64 ps_n_unix_socks = 0;
PS_SHARED __u64 ps_unix_gen = 0;

/* Keys of ps_wires so far. */
PS_SHARED __u64 ps_n_wires = 0;

/* Two bits for each process: PS_FOLLOWED and PS_SERVING. */
PS_SHARED __u64 ps_followed[PS_TGID_LIMIT / 32];

/* A bit for each process that is left out, how many there are, and whether there are rules at all; see agent/probe/chosen.h. */
PS_SHARED __u64 ps_left_out[PS_TGID_LIMIT / 64];
PS_SHARED __u32 ps_n_left_out = 0;
PS_SHARED __u32 ps_is_choosing = 0;

/* Raised with each process that is found to listen: its threads are to be looked at (ps_workers_pass). */
PS_SHARED __u32 ps_n_serving = 0;

/* A bit for each port at which somebody listens, or did: what has another local port came from no listener. */
PS_SHARED __u64 ps_ports[65536 / 64];

/* Processes with books that have ended, so far. */
PS_SHARED __u32 ps_n_gone = 0;

/* Processes that are stopped, by the last bits of their number. */
#define PS_STOPPED_SLOTS 64
PS_SHARED __u32 ps_stopped[PS_STOPPED_SLOTS];

/* What processes of several threads with connections did, by the last bits of their number. */
#define PS_WORK_SLOTS 4096
PS_SHARED struct ps_work ps_works[PS_WORK_SLOTS];
/* See progress.h; the agent sets that of a process that it knows. */
PS_SHARED __u32 ps_ran[PS_RAN_SLOTS];

/* Words at which threads wait as for a lock, and how many places were ever taken (locks.h); the agent clears them. */
PS_SHARED struct ps_lock ps_locks[PS_LOCKS];
PS_SHARED __u32 ps_n_locks = 0;

/* Raised before each pass over threads that wait for locks. */
PS_SHARED __u32 ps_lock_pass = 0;

/* Processes that have ever stood still, by the last bits of their number; so all others need not be looked up. Never cleared. */
#define PS_STOOD_BITS 65536
PS_SHARED __u64 ps_has_stood[PS_STOOD_BITS / 64];

/* Raised with each entry of ps_learned that waits for the agent. */
PS_SHARED __u32 ps_n_wanted = 0;

/*
 * Adds what must not be there yet: 0, or a negative error. It is looked at as an int: until 6.4 (d7ba4cc900bf) a map's own function returned one, and the
 * upper half of the register was not its sign, so that no error was ever equal to -EEXIST.
 */
PS_INLINE int ps_map_add(void *map, const void *key, const void *value)
{
	return (int)bpf_map_update_elem(map, key, value, BPF_NOEXIST);
}

PS_INLINE void ps_lost(enum ps_loss what)
{
	__u32 key = what;
	__u64 *n = bpf_map_lookup_elem(&ps_losses, &key);

	if (n)
		*n += 1;
}

#endif
