/* SPDX-License-Identifier: MIT */
/*
 * abi.h - what the kernel side and the agent say to each other: map keys, map values, ring-buffer records, probe specs.
 *
 * Read by clang -target bpf, by gcc and by clang natively; all three check it with -Wpadded -Werror, because a hole in a record
 * would carry kernel memory out. Only fixed-width types; sizes are asserted. Times are CLOCK_MONOTONIC nanoseconds
 * (bpf_ktime_get_ns), durations nanoseconds, unless a name says otherwise.
 */
#ifndef POOLSCOPE_BPF_ABI_H
#define POOLSCOPE_BPF_ABI_H

#include <linux/types.h>
#include <stddef.h>

#define PS_NAME_MAX 64	/* bytes of a name with its NUL; longer names are cut */
#define PS_COMM_MAX 16
#define PS_MAX_ARGS 6
#define PS_MAX_DEREFS 4

enum ps_verb {
	PS_VERB_none = 0,
#define VERB(id, name, n_args, args, text) PS_VERB_##name = (id),
#include "verbs.def"
	PS_VERB_page,	/* the SDK's alone (tools/sdk/poolscope-page.h): the process counts acquires and releases itself from now on, or (slot 0) no more */
	PS_VERB_COUNT
};

enum ps_kind {
#define KIND(id, name, text) PS_KIND_##name = (id),
#include "verbs.def"
	PS_KIND_COUNT
};

enum ps_outcome {
#define OUTCOME(id, name, text) PS_OUTCOME_##name = (id),
#include "verbs.def"
	PS_OUTCOME_COUNT
};

enum ps_close_reason {
#define CLOSE_REASON(id, name, text) PS_CLOSE_##name = (id),
#include "verbs.def"
	PS_CLOSE_COUNT
};

enum ps_open_failure {
#define OPEN_FAILURE(id, name, text) PS_OPEN_FAILURE_##name = (id),
#include "verbs.def"
	PS_OPEN_FAILURE_COUNT
};

enum ps_reject_reason {
#define REJECT_REASON(id, name, text) PS_REJECT_##name = (id),
#include "verbs.def"
	PS_REJECT_COUNT
};

enum ps_stall_cause {
#define STALL_CAUSE(id, name, text) PS_STALL_##name = (id),
#include "verbs.def"
	PS_STALL_COUNT
};

enum ps_loss {
#define LOSS(name, text) PS_LOSS_##name,
#include "losses.def"
	PS_LOSS_COUNT
};

/* flags of `acquired`: the item was made for this caller; it was a wait alone, and nothing is held from now on */
enum { PS_ACQUIRED_NEW = 1, PS_ACQUIRED_UNHELD = 2 };
enum { PS_RELEASED_BROKEN = 1 };	/* flags of `released`: the item is not fit for use again */

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

/*
 * A process as the kernel side knows it. The incarnation mixes the start time with the count of execs, so that a reused pid or
 * a new program in the same process can never continue the books of the old one.
 */
struct ps_proc_key {
	__u32 tgid;
	__u32 incarnation;
};

struct ps_pool_key {
	__u64 pool;	/* opaque, unique within the process */
	struct ps_proc_key proc;
};

/* A lease or a waiter of one pool. */
struct ps_ref_key {
	struct ps_pool_key pool;
	__u64 id;	/* item or waiter; opaque */
};

/* ---- histogram --------------------------------------------------------------------------------------------------------- */

/*
 * Exponential histogram of scale 3 over seconds (OpenTelemetry metrics data model, "ExponentialHistogram"; Prometheus native
 * histogram schema 3): bucket i covers (2^(i/8), 2^((i+1)/8)] seconds. bucket[0] counts everything up to 2^-22 s (238 ns),
 * bucket[1 + k] is OTLP index PS_HIST_OTLP_FIRST + k, the last bucket counts everything over 2^10 s. Counts wrap at 2^32; the
 * agent adds differences.
 */
#define PS_HIST_MIN_EXP (-22)
#define PS_HIST_MAX_EXP 10
#define PS_HIST_OTLP_FIRST (8 * PS_HIST_MIN_EXP)
#define PS_HIST_INNER (8 * (PS_HIST_MAX_EXP - PS_HIST_MIN_EXP))
#define PS_HIST_BUCKETS (PS_HIST_INNER + 2)

struct ps_hist {
	__u64 sum_ns;
	__u64 max_ns;
	__u32 bucket[PS_HIST_BUCKETS];
};

enum ps_hist_of {
	PS_HIST_WAIT,		/* waits that ended in an acquire; acquires without a wait are not in it */
	PS_HIST_WAIT_FAILED,	/* waits that ended otherwise */
	PS_HIST_HOLD,
	PS_HIST_CREATE,
	PS_HIST_COUNT
};

struct ps_hists {
	struct ps_hist h[PS_HIST_COUNT];
};

/* ---- a pool's books ---------------------------------------------------------------------------------------------------- */

enum ps_pool_flag {
	PS_POOL_IMPLICIT = 1,	/* first seen by another verb than pool_create: it was there before the probes */
	PS_POOL_DESTROYED = 2,
	PS_POOL_LOST_EVENTS = 4,	/* a lease or waiter of it did not fit: in use may be off */
	PS_POOL_DESCRIBED = 8,	/* name, kind and capacity were read from the SDK's handle */
	PS_POOL_SAME_TASKS = 16,	/* two tasks with one name waited at once: whose wait was whose is not known */
	PS_POOL_UNSEEN_STAYS = 128,	/* as UNSEEN_TASKS, and the limit fell: nothing proves any more that they have ended */
	PS_POOL_BACKLOG = 256,	/* callers wait since a stall of the process, and nobody did when it ended */
	PS_POOL_UNHELD = 64,	/* its acquires are waits alone: nothing is ever out */
	PS_POOL_SUSPECTED = 512,	/* said by the agent: something may be wrong with it, so more is kept (taken.h) */
	PS_POOL_PAGED = 1024,	/* its process counts acquires and releases itself: those that come here are not counted */
	PS_POOL_PAGE_LIES = 2048,	/* said by the agent, in its own copy: what that page says makes no sense */
	PS_POOL_UNSEEN_TASKS = 32,	/* tasks that were not counted may still run; until all items are seen in use */
};

/* In the flags as well, said by the agent: waits and holds of 2^n ns and more are told one by one; 0 = only those of ps_notable_ns. */
#define PS_POOL_NOTABLE_WAIT 16	/* where the six bits of n begin */
#define PS_POOL_NOTABLE_HOLD 24
#define PS_POOL_NOTABLE_BITS 63u
#define PS_POOL_NOTABLE                                                                            \
	(PS_POOL_NOTABLE_BITS << PS_POOL_NOTABLE_WAIT | PS_POOL_NOTABLE_BITS                       \
								<< PS_POOL_NOTABLE_HOLD)

/*
 * A copy of the books is whole when no writer was at work (books.h: ps_books_are_whole). Each count that an event begins with is
 * at a higher address than the sums that it changes, and each that it ends with at a lower one; where the kernel copies map values in
 * rising addresses, a copy in which both say the same saw no half event. It does word by word; with one instruction for all (memcpy() on x86 processors with
 * fast short string moves) it does not quite, so what follows is held against the time, too: model_doubts(). The rare
 * verbs have a pair of counts of their own, seq_begin and seq_end.
 *
 * With n in use, A = sum of acquire times and R = sum of release times, the integral of use up to t is n*t - A + R, all modulo
 * 2^64; the same holds for waiters. With the time that the process has stood still until then (ps_stood()) in place of each of those
 * times, it is the part of it that lay inside of stalls.
 */
struct ps_pool {
	__u64 seq_end;

	__u64 since_ns;		/* counting began */
	__u64 destroyed_ns;	/* 0 = alive */
	__u32 flags;		/* enum ps_pool_flag */
	__u32 kind;		/* enum ps_kind */
	__u64 capacity;		/* 0 = unbounded or unknown */
	__u32 domain;		/* of the spec that showed it first: which library */
	__u32 backlog;		/* waits that came of a stall, after it: all together, in units of 1024 ns, modulo 2^32 */
	__u64 saturated_since_ns;	/* 0 = not saturated now */

	__u64 min_idle;
	__u64 capacity_since_ns;
	__u64 capacity_sum;	/* integral of capacity up to capacity_since_ns, capacity x ns, modulo 2^64 */

	__u64 saturated_ns;
	__u64 before_releases;	/* of leases that began before since_ns */
	__u64 before_sum_ns;	/* the part of those leases that lay after since_ns */
	__u64 unheld;		/* acquires that were waits alone, each a release as well */
	__u64 leases_lost;	/* acquires whose lease found no room */

	__u64 acquires_new;
	__u64 released_broken;
	__u64 opened;
	__u64 open_failures;
	__u64 health_ok;
	__u64 health_failed;
	__u64 closed[16];	/* items, by enum ps_close_reason */
	__u64 rejected[8];	/* by enum ps_reject_reason */

	__u64 odd_release;	/* of an item that was not out: twice, or never acquired */
	__u64 odd_acquire;	/* of an item that was out already */
	__u64 odd_wait;		/* wait_begin by a waiter that waits, wait_end by one that does not */

	char name[PS_NAME_MAX];

	__u64 waits_begun;	/* less waits_ended: waiting now */
	__u64 waits_ended;
	__u64 outcome[8];	/* waits that ended without an acquire, by enum ps_outcome */
	__u64 wait_begin_sum;
	__u64 wait_end_sum;
	__u64 stood_wait_sum;	/* the same of the time that the process had stood still: ends less beginnings */
	__u64 wait_begins;
	__u64 wait_ends;	/* waits that ended in any way */

	/*
	 * What each acquire and release writes, in one line of the cache: the threads of a pool take it from each other. It is one
	 * on kernels since 6.1, where a hash map's value begins 72 bytes into its slab object (asserted below).
	 */
	__u64 leases_begun;	/* less leases_ended: in use now, of those that began after since_ns */
	__u64 leases_ended;
	__u32 epoch;		/* the tick for which the peaks hold: of the last event */
	__u32 in_use_peak;
	__u32 waiting_peak;
	__u32 n_taken;		/* stacks of takers that were kept in this tick */
	__u64 use_sum;		/* R - A, without leases from before */
	__u64 stood_use_sum;	/* the same of the time that the process had stood still */
	__u64 acquires;
	__u64 releases;		/* all of them, those of leases from before too */

	__u64 leases_voided;	/* ended by the pool's end */
	__u64 waits_voided;
	__u64 seq_begin;
};

/*
 * Pools to which something happened in this tick or the one before, as the agent asks for them: by a walk in the kernel that passes the others over. A copy is made there word by
 * word, in rising addresses.
 */
#define PS_CHANGED_MAX 2048	/* in one answer */

struct ps_changed {
	__u64 read_ns;		/* after the copy */
	struct ps_pool_key key;
	struct ps_pool books;
};

struct ps_changes {
	__u32 n;		/* of them in ps_changed_pools */
	__u32 n_more;		/* found no room */
	__u32 n_all;		/* pools that there are */
	__u32 reserved;
};

/* Words of struct pt_regs, or of arm64's struct user_pt_regs; their places are those of regs.def. */
#define PS_REGISTERS 34

enum ps_lease_state { PS_LEASE_IDLE = 0, PS_LEASE_HELD = 1 };

/* An item of a pool. The record stays when the item comes back, so that a second release is seen as one. */
struct ps_lease {
	__u64 since_ns;		/* of the present state */
	__u64 waiter;		/* who took it, as the library names it */
	__u32 tid;		/* the thread that took it */
	__u32 state;		/* enum ps_lease_state */
};

/*
 * The thread that took an item, as it was then; the key is that of the lease. A copy is whole, and of a lease, when since_ns and begun_ns
 * are both that of the lease. With what the kernel puts before it, it is one page.
 */
#define PS_TAKEN_BYTES 3584
#define PS_TAKEN_PART 256	/* it is read in steps of this */

struct ps_taken {
	__u64 since_ns;
	__u32 n;		/* bytes of the stack that could be read */
	__u32 reserved;
	char comm[PS_COMM_MAX];
	__u64 word[PS_REGISTERS];
	__u8 stack[PS_TAKEN_BYTES];	/* from the stack pointer up */
	__u64 begun_ns;
};

/* What the agent says of a pool: whether something may be wrong with it, and what is notable. */
struct ps_suspicion {
	struct ps_pool_key pool;
	__u32 is_suspected;
	__u32 notable;		/* n of waits and n of holds, where they lie in the flags */
};

/* A pool that the agent has found by the page in which its process counts. What its handle says is set where that could be read. */
struct ps_page_found {
	struct ps_pool_key pool;
	__u32 is_described;
	__u32 kind;
	__u64 capacity;
	__u64 min_idle;
	char name[PS_NAME_MAX];
};

struct ps_waiter {
	__u64 since_ns;
	__u32 tid;
	__u32 backlog;		/* it came of a stall: ps_stood() then, in units of 1024 ns, and the lowest bit set; 0 = it did not */
};

/* A process that has books here. */
struct ps_proc {
	__u64 since_ns;
	__u64 gone_ns;		/* exited or replaced by exec; 0 = alive */
	__u32 n_pools;
	__u32 n_endpoints;
	__u64 pools_refused;
	__u32 n_functions;	/* that it named and that were asked for */
	__u32 n_families;	/* of like-named threads */
};

/* ---- sockets ----------------------------------------------------------------------------------------------------------- */

enum ps_sock_role { PS_SOCK_CONNECT = 1, PS_SOCK_ACCEPT = 2, PS_SOCK_LISTEN = 3 };

#define PS_UNIX_PATH_MAX 64

/* An address as it is compared: IPv4 is stored mapped into IPv6; of a Unix path the last bytes are kept. Port in host order. */
struct ps_addr {
	__u16 family;		/* AF_INET6 (also for IPv4), AF_UNIX, 0 */
	__u16 port;
	__u32 reserved;
	union {
		__u8 ip[16];
		char path[PS_UNIX_PATH_MAX];	/* abstract names begin with '@' */
	};
};

/* One row of inferred pool: a process and a remote endpoint, or a process and one of its listening addresses. */
struct ps_endpoint_key {
	struct ps_proc_key proc;
	__u32 role;		/* PS_SOCK_CONNECT or PS_SOCK_LISTEN */
	__u32 netns;		/* inode number of the network namespace */
	struct ps_addr addr;
};

struct ps_endpoint {
	__u64 since_ns;
	__u64 changed_ns;
	__s64 open;		/* established and not closed by us */
	__s64 connecting;	/* SYN sent, not answered */
	__u64 opened;		/* since since_ns */
	__u64 failed[8];	/* by enum ps_open_failure */
	__u64 closed[16];	/* by enum ps_close_reason */
	__u64 closed_idle;	/* by us, after a second or more without data */
	__u64 idle_ns;		/* without data before they were closed by us, all together */
	__s64 close_wait;	/* of the open ones: closed by the peer, and not yet by us */
	__u64 found;		/* were open when the agent came */
	__u64 wire;		/* key of its struct ps_wire; 0 = none */
	__u64 refused_ns;	/* when a connection of it last found no room; 0 = never */
	struct ps_hist create;
};

/* What the threads of a process do with its connections to one endpoint, see infer.h. */
struct ps_wire {
	__s64 open;		/* as of the endpoint */
	__s64 busy;		/* connections with something sent and no answer yet */
	__s64 held;		/* taken by a thread, and not seen to be given back: at most */
	__u64 acquires;
	__u64 releases;		/* holds whose end is known, be it only from the next one's beginning */
	__u64 handed;		/* of those: ended by a hand-off, at a known moment */
	__u64 handoffs;		/* waits for a connection */
	__u64 handoffs_long;	/* of those: longer than two threads ever hold each other up at a lock */
	__u64 contradictions;	/* of those: who ended it had begun without waiting, meanwhile */
	__u64 free_sum;		/* connections that nobody held when they ended, all together */
	__u64 sliced;		/* of those: in parts that a timer ended, or after such a wait was given up and tried again at once */
	__u64 lost;		/* before those: wakings by a user of a connection, after which the thread got none and slept on */
	__u64 unclear;		/* long waits before a connection was taken that no user of one ended */
	__u64 unclear_ns;
	__u64 multiplexed;	/* requests of a thread that still had none answered on another connection */
	__u64 requests;
	__u64 handoff_ns;	/* when the last one was */
	__u64 open_full;	/* most connections that were open when somebody waited */
	__u64 saturated_ns;	/* time during which somebody waited */
	__u64 saturated_until_ns;
	__u64 stalled_ns;	/* of `wait`: inside of stalls of the process */
	__u64 stalled_hold_ns;	/* of `hold` */
	__u64 backlog_ns;	/* waits that came of a stall, after it */
	__u64 backlog_of_ns;	/* the end of that stall */
	__u64 unfollowed;	/* sent or received by threads that are too many to follow */

	/* of event loops, see loops.h */
	__u64 looped;		/* requests */
	__u64 answered;		/* those */
	__u64 passed;		/* answers that were passed on to a client */
	__u64 passed_waits;	/* of those: the client had waited for a connection */
	__u64 passed_long;	/* and longer than a loop takes for a turn */
	__u64 passed_doubt;	/* it had waited for something else: the connection was free */
	struct ps_hist wait;
	struct ps_hist hold;
};

/* What is known of one socket; the key is the address of its struct sock. */
struct ps_sock {
	struct ps_endpoint_key endpoint;
	__u64 wire;		/* of the endpoint; 0 = none */
	__u64 since_ns;
	__u8 state;		/* enum ps_sock_state */
	__u8 role;
	__u16 flags;		/* enum ps_sock_flag */

	__u32 user;		/* thread that used it last; 0 = none yet */
	__u32 gen;		/* number of its present hold */
	__u32 is_gone;		/* a Unix socket: its end is in the books */
	__u32 hold_stood;	/* ps_stood() at hold_ns and last_ns, in units of 1024 ns, modulo 2^32 */
	__u32 last_stood;
	__u64 hold_ns;		/* when that began */
	__u64 last_ns;		/* something went over the wire */
	__u64 handoffs_seen;	/* handoffs_long of its wire, then */
	__u64 handoffs_alive;	/* a Unix socket: handoffs_long when it was last found to be open */
	__u64 peer;		/* a Unix socket: address of the other end's struct sock */
};

/* A process's connections to one Unix address that are followed; the key is a struct ps_endpoint_key. Made by the agent. */
struct ps_unix {
	__u64 wire;
	__u64 opened;		/* since the first whole pass after */
	__u32 n_passes;		/* whole passes over all files before */
	__u32 reserved;
};

enum ps_sock_flag {
	PS_SOCK_HELD = 1,	/* its user has not been seen to give it back */
	PS_SOCK_BUSY = 2,	/* something was sent and nothing received since */
	PS_SOCK_WAITED = 4,	/* its user had waited for it */
	PS_SOCK_CREDITED = 8,	/* the end of its hold ended somebody's wait */
	PS_SOCK_LOOP_BUSY = 16	/* a Unix socket: as PS_MARK_BUSY, which ends with the socket */
};

/* The same in the socket's own memory, where it is found sooner: all that an event loop needs. */
struct ps_mark {
	__u64 wire;		/* of a connection to a server; of a Unix socket without a role: ps_unix_gen when it was looked at */
	__u32 role;		/* enum ps_sock_role; 0 = nothing is to be known of it */
	__u32 flags;		/* enum ps_mark_flag */
	__u64 asked_ns;		/* its request, which has no answer yet; to a server: the last one */
	__u64 answered_ns;	/* a server's last answer */
	__u64 free_ns;		/* the one before its last request */
	__u64 server;		/* a client's: the connection that its last answer came from */
};

enum ps_mark_flag {
	PS_MARK_BUSY = 1,	/* as PS_SOCK_BUSY, while an event loop has the connection */
	PS_MARK_LOOPS = 2,	/* it has */
	PS_MARK_CHAINED = 4,	/* the request followed an answer that no client got */
	PS_MARK_UNIX = 8
};

/* ---- threads of processes that have connections -------------------------------------------------------------------------- */

#define PS_TGID_LIMIT (1u << 22)	/* PID_MAX_LIMIT, include/linux/threads.h */

/* Two bits of each process: it has connections; it listens for some. */
enum ps_process_bit { PS_FOLLOWED = 1, PS_SERVING = 2 };

#define PS_TOKEN_HOPS 3
#define PS_LONG_WAIT_NS 2000000
#define PS_LOCK_WAIT_NS 1000000	/* what is shorter may have been for a lock of the pool */

/* The connection whose hold may have ended when one thread woke another. */
struct ps_token {
	__u64 sock;		/* 0 = none */
	__u64 wire;
	__u64 wake_ns;
	__u64 hold_ns;		/* when the hold began */
	__u32 wake_stood;	/* ps_stood() at wake_ns, as in struct ps_sock */
	__u32 gen;
	__u16 hops;		/* threads that it went through */
	__u16 has_waited;	/* the holder, for the connection */
	__u32 n_free;		/* connections that nobody held then */
};

/* What a thread that serves many connections did last, see loops.h. */
struct ps_turn {
	__u64 client_ns;	/* it read a client's request, then; 0 = it did something else */
	__u64 server;		/* it read an answer from this connection; 0 = it did something else */
	__u64 wire;		/* of that connection, and what its struct ps_mark said */
	__u64 asked_ns;
	__u64 free_ns;
	__u32 is_chained;
	__u32 n_many;		/* clients whose request it read while another one's had no answer */
	__u64 open;		/* the client whose request it read last, if that has no answer */
	__u64 n_answers;	/* to clients */
};

/* A futex call that wakes many, as the thread that makes it goes from one to the next, see barrier.h. */
struct ps_broadcast {
	__u64 word;
	__u64 began_ns;		/* it woke the first one, */
	__u64 parked_ns;	/* which had slept since; and since then: */
	__u64 ran_ns;		/* what the process used of the CPUs, */
	__u64 own_ns;		/* and who is woken, at most, before it slept */
	__u32 value;		/* at which they slept, */
	__u32 value_now;	/* and that of the word when they are woken */
	__u32 n;		/* woken; 0 = there is no such call, or it was judged */
	__u32 n_soon;		/* of them slept as soon as they could */
	__u32 n_running;	/* threads that have a CPU or want one, beside them and the waker */
	__u32 reserved;
};

struct ps_thread {
	__u64 block_ns;		/* in a futex since; 0 = not */
	__u64 word;		/* the futex's address */
	__u64 woken_word;	/* the address in that call; 0 = it has more than one */
	__u64 woken_ns;
	__u32 has_timeout;
	__u32 n_timed;		/* of those waits: a timer ended them, and they are not told */
	__u32 is_woken;		/* by a futex call of its own process */
	__u32 is_sliced;	/* `best`: a timer had ended parts of it */
	__u32 is_given;		/* a user of a connection ended the last one, which was longer than those for a lock */
	__u32 n_lost;		/* those after which it slept on */
	__u64 chain_ns;		/* the first of those waits on the word that followed each other at once */
	__u64 ran_ns;		/* end of the last one */
	__u64 lock_ns;		/* waits at a lock since */
	__u32 lock;		/* place of that, + 1; 0 = it does not */
	__u32 last_lock;	/* place of the last one */
	__u32 lock_value;	/* at which it sleeps there */
	__u32 ran_slept;	/* at ran_ns: how often it had slept, and the last bits of how long it had had a CPU */
	__u32 ran_used_ns;
	__u32 off_ns;		/* since ran_ns, when it was looked at last: without a CPU, though it did not sleep */
	__u32 is_on_cpu;	/* of a process with a CPU quota: among its n_on_cpu */
	__u32 is_runnable;	/* and it left the CPU, but not to sleep */
	__u64 given_up_ns;	/* length of a chain that a timer ended, until it is known what came of it; 0 = none */
	__u64 vain_ns;		/* the same of one with a timeout that ended by being woken, and its end and word */
	__u64 vain_end_ns;
	__u64 vain_word;
	__u64 stood_ns;		/* ps_stood() of its process: when it was looked at last, */
	__u64 block_stood_ns;	/* at block_ns, */
	__u64 chain_stood_ns;	/* and at chain_ns */
	struct ps_token incoming;	/* of that call */
	struct ps_token inherited;	/* the last one that it got */

	__u64 last_sock;	/* connection that it used last */
	__u32 last_gen;
	__u32 is_counted;	/* among ps_n_threads */
	__u64 asked_wire;	/* where it waits for an answer on that connection; 0 = it has it */

	/* since then */
	__u64 longest_ns;	/* longest wait that a thread of the process ended, without what lay in stalls */
	__u64 sum_ns;		/* all those, from the first on that came with a token */
	__u64 wait_ns;		/* to the last one that did, and the end of that */
	__u64 wait_end_ns;
	__u64 sum_stood_ns;	/* of those: inside of stalls */
	__u64 wait_stood_ns;
	__u64 wait_end_stood_ns;	/* ps_stood() at wait_end_ns */
	__u64 best_ns;		/* longest one that came with a token, and its token */
	__u64 best_begin_ns;
	__u64 best_word;
	struct ps_token best;

	/* of an event loop */
	struct ps_turn turn;

	/* of barriers; at the end, as most of it is for few threads */
	__u64 awake_ns;		/* it came out of a futex, */
	__u64 awake_used_ns;	/* and had used so much of the CPU then; */
	__u64 park_ran_ns;	/* its process, when it went to sleep in one, see struct ps_work */
	__u32 park_value;	/* at which it sleeps, */
	__u32 park_is_endless;	/* in a call that has no time limit, nor could have one */
	__u32 woken_of;		/* the last bits of when the call was made that woke it, if it was asked what comes of it */
	__u32 park_own_ns;	/* and what it had used of the CPU at most since others slept */
	__u32 awake_left;	/* how often it had left a CPU */
	__u32 reserved_end;
	struct ps_broadcast broadcast;
};

/* A process that stands still, or did. */
struct ps_standstill {
	__u64 since_ns;		/* 0 = it goes on */
	__u32 begun_as;		/* enum ps_stall_cause: as it was told at the beginning, */
	__u32 cause;		/* and as it was told later */
	__s64 n_on_cpu;		/* of one with a CPU quota: threads that were given a CPU and have not left it */
	__u64 ran_ns;		/* when the last of them did, */
	__u64 n_throttled;	/* and how often its cgroups had been throttled then */
	__u64 stood_ns;		/* its stalls all together, as far as stood_until_ns: ps_stood() adds the one that goes on */
	__u64 stood_until_ns;
	__u64 last_ns;		/* how long the last one was */
};

/* In `begun_as`, with the cause: the kernel has told it, so its end is not lost. */
#define PS_STALL_SEEN 0x100

/* What the threads of a process did, see barrier.h. */
struct ps_work {
	__u64 ran_ns;		/* had the CPU, without moments */
	__u64 word;		/* at which many were woken by one call */
	__u64 asked_ns;		/* the last such call, of which it is not known yet what came of it; 0 = it is */
	__u64 length_ns;	/* a stop that it ended, to be told then; 0 = it was none, or is told */
	__u64 out_ns;		/* the last of those whom it woke was given a CPU */
	__u32 n;		/* woken by it, */
	__u32 n_out;		/* those of them who were given a CPU, */
	__u32 n_back;		/* and who sleep there again */
	__u32 tgid;
	__s32 trust;		/* what came of those before, see ps_barrier_judge() */
	__u32 caller;		/* thread that woke many and has not left its CPU since */
	__u32 value;		/* of the word since that call */
	__u32 reserved;
};

/* Its stalls of one cause have a struct ps_hist. */
struct ps_stall_key {
	struct ps_proc_key proc;
	__u32 cause;
	__u32 reserved;
};

/* ---- no progress, see progress.h ------------------------------------------------------------------------------------------- */

/* When a process last left a CPU: twice the kernel's jiffies, modulo 2^32, and one more if that thread would have gone on. */
#define PS_RAN_SLOTS 65536
enum { PS_RAN_UNWANTED = 0, PS_RAN_UNKNOWN = 1 };

enum ps_still {
	PS_STILL_NOT = 0,	/* it sleeps until something happens, or is stopped, or has ended */
	PS_STILL_RUNS,
	PS_STILL_RUNNABLE,	/* and was given no CPU */
	PS_STILL_BLOCKED,	/* in a sleep that nothing but the kernel ends: a disk, a fault */
	PS_STILL_FROZEN		/* by its cgroup */
};

enum ps_still_flag {
	PS_STILL_IN_PLACE = 1,	/* frozen: in its sleep, it did not run for that */
	PS_STILL_AT_WORK = 2,	/* frozen: it did not sleep */
	PS_STILL_UNREAD = 4	/* frozen: its process has a socket with something that was not read */
};

/* A thread of a process of which none has run for long. */
struct ps_still_thread {
	struct ps_proc_key proc;
	__u32 kind;		/* enum ps_still */
	__u32 flags;		/* enum ps_still_flag */
	__u64 since_ns;		/* it waits for a CPU since; 0 = not known */
	__u64 ran_ns;		/* a thread of its process left a CPU last, */
	__u32 ran;		/* as it is noted */
	__u32 reserved;
};

/* The agent has found that a process makes no progress since then; 0 = it goes on. */
struct ps_still_told {
	struct ps_proc_key proc;
	__u64 since_ns;
};

/* ---- locks, see locks.h ---------------------------------------------------------------------------------------------------- */

#define PS_LOCKS 1024
#define PS_LOCK_WAYS 4
#define PS_LOCK_STACK 64	/* words */

enum ps_lock_flag {
	PS_LOCK_SURE = 1,	/* it is one */
	PS_LOCK_REFUSED = 2,	/* it is none */
	PS_LOCK_SHARED = 4	/* more threads than one have waited there */
};

/* A futex word at which threads of a process wait, as for a lock. All zero = free. */
struct ps_lock {
	__u64 id;		/* a hash of the next two */
	__u64 word;
	struct ps_proc_key proc;
	__u32 flags;		/* enum ps_lock_flag */
	__s32 waiters;
	__u64 last_ns;		/* when one went to sleep */
	__u64 convoy_ns;	/* most threads of the process wait here since; 0 = they do not */
	__u64 timeouts;		/* waits that a timer ended */
	__u32 first;		/* thread that slept here first */
	__u32 pass;		/* number of the pass over threads that counted: */
	__u32 n_waiting;
	__u32 is_long;		/* somebody has waited long since the stack was copied */
	__u64 oldest_ns;	/* when the first of those began */
	__u64 stack_ns;		/* when that was */
	__u64 stack[PS_LOCK_STACK]; /* of one who goes to sleep */
	struct ps_hist wait;	/* those that a timer ended, too */
};

/* Of a CPU: a wait of the thread that runs there, which has ended if it does not sleep again at once. */
struct ps_lock_wait {
	__u64 word;
	__u64 begin_ns;
	__u64 end_ns;
	__u32 place;		/* + 1; 0 = there is none */
	__u32 tid;
	__u32 is_timed;		/* a timer ended its last sleep */
	__u32 has_woken;	/* the thread has woken another one there since */
};

/* Where a thread has waited for a connection: 64 bytes of a process's memory. */
struct ps_word_key {
	__u64 line;		/* address / 64 */
	struct ps_proc_key proc;
};

/* Waits in a futex that a timer ended, of threads of one name (but for its digits) and about one length. */
struct ps_given_up_key {
	struct ps_proc_key proc;
	__u32 name;		/* a hash */
	__u32 bucket;		/* of the length, ps_hist_bucket() */
};

struct ps_given_up {
	__u64 n;
	__u64 sum_ns;
	__u64 n_known;		/* where threads waited for a connection, before or after */
	__u64 wire;		/* of the last one of those */
	__u64 n_new;		/* where nobody had waited so before */
	__u64 n_vain;		/* not among n: somebody woke the thread, but it did not use a connection then; where, is not known */
	__u64 n_retried;	/* of n: the thread waited there again at once */
};

/* What is known of a place: threads wait for a connection there, or (wire = 0) a timer ended a wait of that name and length. */
struct ps_word {
	__u64 wire;
	__u32 name;
	__u32 bucket;
};

enum ps_sock_state {
	PS_SOCK_CONNECTING = 1,
	PS_SOCK_OPEN = 2,
	PS_SOCK_PEER_CLOSED = 3,
	PS_SOCK_LISTENING = 4
};

struct ps_listener_key {
	__u32 netns;
	__u32 port;
	__u8 ip[16];		/* as in ps_addr; all zero = any address */
};

struct ps_listener {
	struct ps_proc_key proc;
	struct ps_addr addr;	/* as the endpoint's row has it */
};

/* ---- workers, see families.h ------------------------------------------------------------------------------------------------ */

enum ps_worker_state {
	PS_WORKER_NEW = 0,	/* not yet seen to wait for work */
	PS_WORKER_IDLE = 1,
	PS_WORKER_BUSY = 2,
	PS_WORKER_WOKEN = 3	/* out of a poll for connections: whether it got one is not known yet */
};

struct ps_worker {
	__u64 listener;		/* inode of the socket at which it waits for connections; 0 = at none */
	__u64 since_ns;		/* busy, or woken, since */
	__u64 request_ns;	/* the present request began */
	__u64 conn;		/* of the present or the last request; 0 = none */
	__u64 sent_ns;		/* on that, since it received something last; 0 = nothing */
	__u64 ended_ns;		/* the request seems to have ended, and is not counted yet; 0 = not so */
	__u64 looked_ns;	/* what it polls was looked at; 0 = never */
	__u32 state;		/* enum ps_worker_state */
	__u32 name;		/* hash of its family's name; 0 = in none */
	__u32 wait_fd;		/* the epoll at which it waits for connections */
	__u32 n_vain;		/* polls that were looked at in a row and had no listening socket */
	__u16 is_known;		/* it cannot be at work since before it was followed */
	__u16 is_elsewhere;	/* after the answer it slept: a thread of a name, and not in a futex; at a socket, for its client */
	__u16 is_loop;		/* an event loop, so no worker */
	__u16 is_polling;	/* it waits by poll, select or epoll */
	__u16 is_blocked;	/* it has slept before its answer */
	__u16 is_before;	/* its present request began before the agent did */
	__u16 is_plain;		/* a receive after an answer on this connection is another request: it is not encrypted */
	__u16 is_aside;		/* it has the listening socket, and neither waits there nor serves: a parent */
	__u32 is_counted;	/* among ps_n_workers */
	__u16 window;		/* in which its process's files were looked at */
	__u16 n_scans;		/* that decided nothing */
};

#define PS_LISTENERS 4	/* at which a worker may wait at once, so that the queue is known */

struct ps_family_key {
	struct ps_proc_key proc;	/* of threads with one name; zero: of whoever waits at one socket */
	__u64 id;		/* a hash of the name; inode of the socket */
};

/*
 * Workers that wait for the same thing. A copy is whole when events_begun and events_done are the same: the kernel copies in rising
 * addresses. Busy time up to t is busy * t - begun_sum + ended_sum, modulo 2^64.
 */
struct ps_family {
	__u64 events_done;
	__u64 since_ns;
	__s64 n;		/* workers that were seen to wait or to serve, and have not ended */
	__s64 busy;
	__u64 begun_sum;
	__u64 ended_sum;
	__u64 periods;		/* of being busy */
	__u64 requests;
	__u64 answered;		/* of those whose end was seen; they are in `hold` */
	__u64 slept;		/* of those: their thread slept in a futex after it had answered */
	__u64 elsewhere;	/* of those: it slept otherwise, as an event loop does */
	__u64 multiplexed;	/* requests that came to a thread which had another one unanswered */
	__u64 resumed;		/* answers that went on after they had been counted */
	__u64 blocked;		/* requests before whose answer it slept: no event loop does */
	__u64 word;		/* futex in which one of them slept after its answer; 0 = in none */
	__u64 other[PS_LISTENERS - 1];	/* inodes of more sockets at which they wait */
	struct ps_proc_key first, last;	/* of one socket: workers' processes, the first and the last that waited */
	__u32 flags;		/* enum ps_family_flag */
	__u32 joined;		/* threads of the name that ever served */
	__u32 pass;		/* the epoch in which these were counted: */
	__u32 n_named;		/* threads of the name */
	__u32 n_unknown;	/* of those: nobody knows whether they are at work since before */
	__u32 n_unsure;		/* threads that may be of them: of their name, or of a process of theirs */
	__u32 n_listeners;	/* at which they wait */
	__u32 n_aside;		/* processes that have the socket and are no workers, and the window in which they were counted */
	__u32 window;
	__u32 reserved;
	char name[PS_COMM_MAX];	/* of threads, without what numbers them */
	struct ps_hist hold;
	__u64 events_begun;
};

enum ps_family_flag {
	PS_FAMILY_PREFORK = 1,	/* its workers are of several processes */
	PS_FAMILY_POLLS = 2,	/* they wait by poll, select or epoll */
	PS_FAMILY_LOOPS = 4,	/* one of them is an event loop */
	PS_FAMILY_UNNAMED = 8	/* the name is that of the process: all its threads have it */
};

/* How many connections wait to be accepted at a listening socket; the key is its inode. */
struct ps_queue {
	__u64 sock;		/* as the inventory met it */
	__u32 n;		/* as of the last reading */
	__u32 is_read;		/* it is that socket still */
};

/* A thread as it is now. Its registers are those with which it will go on in its program, unless it is on a CPU. */
struct ps_registers {
	__u32 tid;
	__u32 tgid;
	__u32 state;		/* as in the kernel: 0 = it runs or wants to, 1 = it sleeps, 2 = so that no signal wakes it */
	__u32 is_on_cpu;
	__u32 incarnation;	/* of its process, see struct ps_proc_key */
	__u32 reserved;
	__u64 switches;		/* how often it has left a CPU */
	__u64 word[PS_REGISTERS];
};

/* A record of the socket inventory (iterator over tasks and files). */
struct ps_inventory {
	struct ps_proc_key proc;
	__u64 sock;
	__u64 inode;
	__u32 role;		/* enum ps_sock_role */
	__u32 netns;
	__u32 queue;		/* listeners: connections not yet accepted */
	__u32 backlog;		/* listeners: the limit of that */
	__u32 tcp_state;	/* as in the kernel; 0 for Unix sockets */
	__u32 drops;		/* TCP listeners: connections turned away, each try of them, modulo 2^32 */
	__u32 is_one_way;	/* a Unix connection on which nothing is to be received, as to a log */
	__u32 reserved;
	struct ps_addr addr;
};

/* ---- probes ------------------------------------------------------------------------------------------------------------ */

enum ps_arg_kind {
	PS_ARG_NONE,
	PS_ARG_CONST,		/* value */
	PS_ARG_REG,		/* register + offset */
	PS_ARG_MEM,		/* *(register + index register * scale + offset) */
	PS_ARG_IP_REL,		/* *(probe address + offset): a variable of the file */
	PS_ARG_THREAD,		/* id of the calling thread */
	PS_ARG_SAVED,		/* what another probe of the same call saved: number `value`, + offset */
	PS_ARG_HANDED,		/* what came with the task, + offset */
	PS_ARG_ASKED,		/* what the first condition read; it is not read again */
	PS_ARG_KIND_COUNT
};

#define PS_REG_NONE 0xff

/* How to read one argument. Registers are numbered per architecture, see bpf/regs.def. */
struct ps_arg {
	__u8 kind;		/* enum ps_arg_kind */
	__u8 size;		/* bytes of the value: 1, 2, 4, 8 */
	__u8 is_signed;
	__u8 reg;
	__u8 index_reg;		/* PS_REG_NONE = none */
	__u8 scale;
	__u8 n_derefs;		/* then, so often: value = *(value + deref[i]), 8 bytes each but the last, which has `size` */
	__u8 reserved;
	__s64 offset;
	__u64 value;
	__s32 deref[PS_MAX_DEREFS];
};

enum ps_compare {
	PS_COMPARE_EQ,
	PS_COMPARE_NE,
	PS_COMPARE_LT,
	PS_COMPARE_LE,
	PS_COMPARE_GT,
	PS_COMPARE_GE,
	PS_COMPARE_BITS
};

/* A comparison, signed, or (BITS) "has any of these bits". */
struct ps_cond {
	__u32 compare;		/* enum ps_compare */
	__u32 reserved;
	__s64 value;
	struct ps_arg arg;
};

enum ps_spec_flag {
	PS_SPEC_SDK_HANDLE = 1,	/* the pool argument points to a struct poolscope_pool */
	PS_SPEC_CALL = 2,	/* saves values or reads saved ones: look the call up */
	PS_SPEC_CALL_ENDS = 4,	/* when it has run, forget what was saved, after the rest of its chain */
	PS_SPEC_RELAXED = 8,	/* a wait that begins twice or ends without a beginning is no mistake of the library's */
	PS_SPEC_HANDS = 16,	/* hands `hand` over to whoever takes the task */
	PS_SPEC_TAKES = 32,	/* looks up what was handed over; without HANDS it takes the task: that is forgotten after the chain */
	PS_SPEC_BEFORE_RET = 256,	/* at the RET instruction, the return address is still on the stack */
	PS_SPEC_LAST = 128,	/* when it has run, no other of its chain can: their conditions say the opposite */
	PS_SPEC_LEARNS = 64,	/* `learn` is a function that will run: nothing happens until its own probes are on */
};

#define PS_FUNCTIONS_PER_PROCESS 64	/* that may be learned */

#define PS_SPEC_CONDS 2
#define PS_SPEC_SAVES 2
#define PS_SPEC_CHAIN 4		/* most specs at one address */

/*
 * A probe as data: which verb, and where its arguments are. The lower half of the attach cookie is the index of the first spec;
 * each of its chain whose conditions all hold is run. A spec without a verb only saves.
 */
struct ps_spec {
	__u32 verb;
	__u32 n_args;
	__u32 target;		/* index into ps_targets */
	__u32 flags;		/* enum ps_spec_flag */
	__u32 next;		/* index of the next spec at this address; 0 = none */
	__u32 kind;		/* enum ps_kind of pools that this probe is the first to show */
	__u32 domain;		/* which library; 0 = the SDK */
	__u32 slot;		/* the namespace of saved values: the same for all probes of one library */
	__u32 n_conds;
	__u32 n_saves;
	__u32 function;	/* a number for the function that the probe is in; 0 = none */
	__u32 reserved;
	struct ps_arg context;	/* who calls: what one call is known by from probe to probe */
	struct ps_arg save[PS_SPEC_SAVES];
	struct ps_arg task;	/* work that goes from one thread to another: what it is known by */
	struct ps_arg hand;
	struct ps_arg learn;
	struct ps_cond cond[PS_SPEC_CONDS];
	struct ps_arg arg[PS_MAX_ARGS];
};

/* Values saved at one probe for another one of the same call. */
struct ps_call_key {
	struct ps_proc_key proc;
	__u64 context;
	__u32 slot;
	__u32 reserved;
};

struct ps_call {
	__u64 since_ns;
	__u64 stack;	/* the stack pointer then; 0 = not known (Go moves its stacks) */
	__u32 function;	/* of the spec that saved */
	__u32 reserved;
	__u64 value[PS_SPEC_SAVES];
};

/* What was handed over with a task; the key is a ps_call_key whose context is the task. */
struct ps_task {
	__u64 since_ns;
	__u64 value;
	__u64 n;	/* handed over so often and not yet taken; more than 1: tasks with the same name */
};

/*
 * A function whose address the target told; the key is a ps_call_key whose context is the address. Written here as WANTED, by the
 * agent as one of the others.
 */
enum ps_learned { PS_LEARNED_WANTED = 1, PS_LEARNED_ATTACHED = 2, PS_LEARNED_REFUSED = 3 };

/* Probes of a file that are on or off together. Events count only once they are armed, so that all begin at one instant. */
struct ps_target {
	__u64 armed_ns;		/* 0 = not yet */
};

/* The upper half of the attach cookie is the index of the probe. */
struct ps_probe_stat {
	__u64 hits;
	__u64 errors;
	__u64 timed;		/* hits whose time was taken: one in PS_TIMED_EVERY */
	__u64 timed_ns;		/* what our program took for those; the trap comes on top */
	__u64 taken;		/* stacks that were kept */
	__u64 taken_timed;	/* of those: in timed hits */
	__u64 taken_ns;		/* what that took; it is in timed_ns */
};
#define PS_TIMED_EVERY 64

/* What the SDK's handle looks like in the target's memory; tools/sdk/poolscope.h has the same layout. */
#define PS_HANDLE_MAGIC 0x31304c4f4f505350ull	/* "PSPOOL01" */

struct ps_handle {
	__u64 magic;
	__u32 version;
	__u32 kind;
	__u64 capacity;
	__u64 min_idle;
	__u64 in_use_at;	/* address of the pool's own 32-bit count of items in use, 0 = none */
	__u64 open_at;		/* address of the pool's own 32-bit count of open items, 0 = none */
	__u64 reserved[2];
	char name[PS_NAME_MAX];
};

/* ---- stories ----------------------------------------------------------------------------------------------------------- */

enum ps_story_kind { PS_STORY_VERB = 1, PS_STORY_WAIT, PS_STORY_HOLD, PS_STORY_COUNT };

/* One thing that a person or a detector would want to read. */
struct ps_story {
	__u16 kind;		/* enum ps_story_kind */
	__u16 size;
	__u32 verb;		/* enum ps_verb */
	__u64 t_ns;
	struct ps_pool_key pool;
	__u64 item;
	__u64 waiter;
	__u64 duration_ns;	/* of a wait, a hold, an opening */
	__u32 detail;		/* outcome, reason, flags, cause: by the verb */
	__u32 tid;
	char comm[PS_COMM_MAX];
};

/* See struct ps_pool: 16 bytes of its key, 48 of struct htab_elem and 8 of the allocator come before it. */
_Static_assert((offsetof(struct ps_pool, leases_begun) + 72) % 64 == 0,
	       "not at a line of the cache");

#define PS_ASSERT_SIZE(type, n) _Static_assert(sizeof(type) == (n), #type " has another size")
PS_ASSERT_SIZE(struct ps_pool_key, 16);
PS_ASSERT_SIZE(struct ps_ref_key, 24);
PS_ASSERT_SIZE(struct ps_hist, 16 + 4 * PS_HIST_BUCKETS);
PS_ASSERT_SIZE(struct ps_pool, 656);
PS_ASSERT_SIZE(struct ps_lease, 24);
PS_ASSERT_SIZE(struct ps_registers, 32 + 8 * PS_REGISTERS);
PS_ASSERT_SIZE(struct ps_waiter, 16);
PS_ASSERT_SIZE(struct ps_taken, 40 + 8 * PS_REGISTERS + PS_TAKEN_BYTES);
PS_ASSERT_SIZE(struct ps_suspicion, 24);
PS_ASSERT_SIZE(struct ps_page_found, 104);
PS_ASSERT_SIZE(struct ps_proc, 40);
PS_ASSERT_SIZE(struct ps_addr, 72);
PS_ASSERT_SIZE(struct ps_endpoint_key, 88);
PS_ASSERT_SIZE(struct ps_inventory, 128);
PS_ASSERT_SIZE(struct ps_sock, 168);
PS_ASSERT_SIZE(struct ps_unix, 24);
PS_ASSERT_SIZE(struct ps_listener_key, 24);
PS_ASSERT_SIZE(struct ps_queue, 16);
PS_ASSERT_SIZE(struct ps_worker, 96);
PS_ASSERT_SIZE(struct ps_family_key, 16);
PS_ASSERT_SIZE(struct ps_family, 224 + sizeof(struct ps_hist));
PS_ASSERT_SIZE(struct ps_lock, 88 + 8 * PS_LOCK_STACK + sizeof(struct ps_hist));
PS_ASSERT_SIZE(struct ps_lock_wait, 40);
PS_ASSERT_SIZE(struct ps_still_thread, 40);
PS_ASSERT_SIZE(struct ps_still_told, 16);
PS_ASSERT_SIZE(struct ps_arg, 40);
PS_ASSERT_SIZE(struct ps_cond, 56);
PS_ASSERT_SIZE(struct ps_spec, 640);
PS_ASSERT_SIZE(struct ps_call_key, 24);
PS_ASSERT_SIZE(struct ps_call, 40);
PS_ASSERT_SIZE(struct ps_task, 24);
PS_ASSERT_SIZE(struct ps_handle, 128);
PS_ASSERT_SIZE(struct ps_story, 80);

#endif
