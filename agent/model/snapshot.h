/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - everything the outside may know, frozen at one tick. Exporters, the API and the commands read this and nothing
 * else.
 *
 * A snapshot is made by the model, never changes afterwards, and owns all it points to (strings and arrays live in its arena), but for
 * the rows of pools, their names, trends, exemplars and histograms: those are the model's own, and are good until it is fed the next tick. Nobody keeps a
 * snapshot over that. It is shared by counting references within the agent's one thread. UNKNOWN (-1) in an int64_t, NaN in a double and NULL for a
 * string or a histogram mean "cannot be known"; they leave as null, never as 0.
 */
#ifndef POOLSCOPE_MODEL_SNAPSHOT_H
#define POOLSCOPE_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/level.h"
#include "bpf/abi.h"

#define UNKNOWN ((int64_t)-1)

/* What the thread that took an item has done since, as far as it was looked at: only where the item is out for long. */
enum ref_does {
	REF_UNKNOWN,
	REF_LOOKED_AT,	/* since a moment ago */
	REF_SLEEPS,	/* it has not run */
	REF_COMPUTES,	/* it has run for most of the time */
	REF_GOES_ON,	/* it has run now and then */
	REF_WENT_ON	/* and has come for other items of the pool */
};

/* One item out, or one caller waiting. */
struct ref_row {
	uint64_t id;		/* item, or waiter */
	uint64_t taker;		/* of an item: who took it, as the library names it: a goroutine; 0 = not known */
	uint32_t tid;
	char thread[PS_COMM_MAX];	/* name; empty = not known */
	int64_t since_ns;	/* CLOCK_MONOTONIC */
	int64_t age_ns;
	bool is_thread_gone;	/* the thread that took it has ended */
	enum ref_does does;	/* of holders */
};

/* One of the waits or holds in a histogram, that took long: who it was. */
struct exemplar_row {
	double value_s;
	int64_t wall_ns;	/* when it ended, CLOCK_REALTIME */
	uint32_t tid;		/* who ended it: took the item, or gave it back; of the row's process */
	char thread[PS_COMM_MAX];	/* its name then, clean; empty = not known */
};

#define SNAPSHOT_EXEMPLARS_MAX 4

struct pool_row {
	uint64_t id;		/* stable for the life of the agent */
	struct ps_pool_key key;	/* as the kernel side has it; zero where it has no books of items */
	const char *name;
	enum ps_kind kind;
	const char *source;	/* "usdt", "recipe", "inferred:RULE" */
	const char *library;	/* NULL = unknown */
	int32_t pid;
	const char *process;	/* name of the executable */
	const char *service;	/* systemd unit or OpenTelemetry service name; NULL = none */
	const char *container_id;	/* NULL = none */
	const char *endpoint;	/* "127.0.0.1:5432", "/run/x.sock"; NULL = unknown */

	int64_t since_ns;	/* counting began, CLOCK_MONOTONIC */
	int64_t capacity;	/* UNKNOWN also for unbounded */
	const char *capacity_basis;	/* "configured", "inferred", "unknown" */
	int64_t min_idle;
	int64_t open;		/* items that exist */
	int64_t in_use;
	int64_t idle;
	int64_t pending;
	int64_t in_use_peak;	/* since the tick before */
	int64_t pending_peak;
	double utilization;	/* over the last window; 0..1 */
	double mean_in_use;	/* over the last window */
	const uint8_t *trend;	/* of utilization, TREND_STEPS levels, the oldest first; NULL = all are unknown */

	double in_use_s;	/* integrals since since_ns, in seconds */
	double capacity_s;
	double pending_s;
	double saturated_s;
	double stalled_s;	/* of pending_s: inside of stalls of the process */
	double backlog_s;	/* of pending_s, of waits that have ended: they came of a stall, after it */
	double stalled_hold_s;	/* of in_use_s, but for leases that began before since_ns */

	int64_t acquires;
	int64_t acquires_new;
	int64_t releases;
	int64_t before_start;	/* leases that began before since_ns: seen to end, and still out where that is known */
	int64_t timeouts;
	int64_t outcome[PS_OUTCOME_COUNT];	/* waits that ended without an acquire */
	int64_t opened;
	int64_t open_failures;	/* sum of open_failures_by */
	int64_t open_failures_by[PS_OPEN_FAILURE_COUNT];
	int64_t closed;		/* sum of closed_by */
	int64_t closed_by[PS_CLOSE_COUNT];
	int64_t closed_idle;	/* of those that this end closed: after a second or more without data */
	double idle_before_close_s;	/* without data before this end closed them, all together */
	int64_t rejections;	/* sum of rejected_by */
	int64_t rejected_by[PS_REJECT_COUNT];
	int64_t health_ok;
	int64_t health_failed;
	double reuse_ratio;
	int64_t odd_events;	/* wrong order, duplicates, nonsense */
	double acquires_per_s;	/* over the last window */
	double timeouts_per_s;

	int64_t oldest_wait_ns;	/* UNKNOWN = unknown, 0 = nobody waits */
	int64_t oldest_hold_ns;

	const struct hist *wait;	/* ended in an acquire */
	const struct hist *wait_failed;	/* ended otherwise */
	const struct hist *hold;
	const struct hist *create;

	/*
	 * At most SNAPSHOT_EXEMPLARS_MAX of each, one for a classic bucket, the newest there, by value, rising; none where nothing is told one by
	 * one, as where pools are inferred. They stay until others take their place, so one may be old.
	 */
	const struct exemplar_row *slow_waits;	/* of `wait` */
	size_t n_slow_waits;
	const struct exemplar_row *slow_holds;	/* of `hold` */
	size_t n_slow_holds;

	const char *confidence;	/* "high", "medium", "low" */
	const char *evidence;	/* what the numbers rest on, a few words */
	enum level level;	/* how closely it is watched: what is not known at that is unknown above and below, and the pool is not trusted */
	enum level_reason level_reason;
	double level_cause;	/* the share of its program's CPU time that stepped it down; NaN = none did */
	bool trusted;
	const char *untrusted_why;	/* NULL when trusted */
	const char *verdict;	/* "healthy", or the most severe finding's text */
	bool is_doubted;	/* it has an open finding, or an item that is out for very long */
	bool is_suspected;	/* the same, as the kernel side was told */
	uint32_t notable;	/* which waits and holds are to be told one by one (PS_POOL_NOTABLE), */
	uint32_t notable_told;	/* and as the kernel side was told */
	const char *saturated_by;	/* NULL; or that stalls explain why it was full lately, a sentence */
	int64_t silent;	/* connections that did not move while others went from hand to hand: somebody has them */
	int64_t leaked;	/* items that a finding says are leaked */

	const struct ref_row *holders;	/* oldest first, at most SNAPSHOT_REFS_MAX */
	size_t n_holders;
	const struct ref_row *waiters;
	size_t n_waiters;

	int64_t close_wait;	/* connections that the peer has closed and this end has not: state CLOSE_WAIT */
	int64_t oldest_close_wait_ns;	/* UNKNOWN = unknown, 0 = there is none */
	int64_t accept_queue;	/* listeners; else UNKNOWN */
	int64_t accept_backlog;
};

#define SNAPSHOT_REFS_MAX 64

/* A trend is a level for each step of two seconds of the last two minutes, the present one too; 0 to TREND_FULL, which is all. */
#define TREND_STEPS 60
#define TREND_STEP_NS 2000000000ll
#define TREND_FULL 250.0
#define TREND_UNKNOWN 255

/* What a thread or goroutine did when it was looked at, or when it took an item; found by snapshot_present() and snapshot_taken(). */
struct stack_row {
	uint32_t pid, tid;
	uint64_t goroutine;	/* as a pool names it; 0 = the thread was looked at */
	uint64_t pool, item;	/* that it took, as the kernel side names them */
	int64_t taken_ns;	/* when it took it, CLOCK_MONOTONIC; 0 = it was looked at as it was */
	const char *thread;	/* its name then, which it may have no more; NULL = not known */
	const char *place;	/* of who took an item: "get_connection < handle_order", without the pool's own functions; NULL = not known */
	int64_t age_ns;		/* since then */
	const char *state;	/* "on cpu", "runnable", "sleeping", "blocked", "stopped", "parked" (a goroutine), "gone"; NULL = not known */
	const char *waits_for;	/* "data from 10.0.0.1:5432 (fd 7)"; NULL = nothing, or not known */
	const char *problem;	/* why there are no frames; NULL = there are */
	uint32_t on_tid;	/* of the goroutine's thread; 0 = it has none now */
	uint64_t goroutine_id;	/* as Go numbers it; 0 = not known */
	const char *const *frames;	/* "function (file) at source.c:12", the innermost first */
	size_t n_frames;
	bool is_cut;		/* there are more frames */
};

/* A row of which nothing is known, and nothing doubted. */
extern const struct pool_row pool_row_unknown;

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL, SEVERITY_COUNT };

/* As users see it, everywhere. */
const char *severity_name(enum severity severity);

struct finding_row {
	uint64_t id;
	const char *type;
	enum severity severity;
	bool is_open;
	bool is_news;	/* it opened, or closed, in this tick */
	int32_t pid;
	const char *process;
	const char *pool;	/* NULL = it is about the process */
	uint64_t pool_id;	/* 0 = none */
	int64_t since_ns;	/* when it began to hold, CLOCK_REALTIME */
	int64_t until_ns;	/* when it held last; UNKNOWN while open */
	const char *text;
	const char *advice;
	const char *evidence;
	const uint64_t *items;	/* that it is about, the first few; none: those that are out longest */
	size_t n_items;
};

/* How many findings of a type have opened since the agent began. */
struct finding_count {
	const char *type;
	uint64_t opened;
};

/* The stalls of one process and cause. */
struct stall_row {
	int32_t pid;
	const char *process;
	enum ps_stall_cause cause;
	const struct hist *length;
	bool is_counted;	/* some are known by number and sum alone, and not in `length` */
	uint64_t n;	/* all of them */
	double sum_s;
	int64_t since_ns;	/* how long the one that goes on has lasted; 0 = none does */
};

/* A lock at which threads of a process have waited. */
struct lock_row {
	int32_t pid;
	const char *process;
	const char *service;	/* NULL = none */
	uint64_t address;	/* of the futex word */
	const char *name;	/* "app:the_lock", "libc.so.6+0x1d2c60"; NULL = it lies in no file, or is not yet known */
	const struct hist *wait;	/* those that timed out, too */
	int64_t timeouts;
	int64_t waiting;	/* threads, now */
	int64_t oldest_wait_ns;	/* 0 = nobody waits */
	double waits_per_s;	/* over the last window */
	double mean_waiting;	/* likewise: seconds of waiting that ended, for each second */
	const char *const *stack;	/* "function (file)" of one who waited, the innermost first */
	size_t n_stack;
};

/* The locks of one name in all processes of one name; what those counted that have ended is in it as long as one lives. */
struct lock_sum_row {
	const char *process;	/* service, or name of the executable */
	const char *lock;	/* "unnamed" = those that lie in no file; "other", of process "other" = what is over a limit */
	const struct hist *wait;
};

/* The stalls of one cause in all processes of one name; those of processes that have ended are in it as long as one lives. */
struct stall_sum_row {
	const char *process;	/* service, or name of the executable */
	enum ps_stall_cause cause;
	const struct hist *length;
	uint64_t n;		/* all of them, those too that are not in `length` */
	double sum_s;
};

/* Something that a process says of itself, as OpenTelemetry names it: "deployment.environment.name", "prod". */
struct attribute_row {
	const char *key;
	const char *value;
};

/* A process that is in a row of pools, stalls or locks, and who it is. */
struct process_row {
	int32_t pid;
	const char *process;	/* as in the other rows */
	const char *service;	/* likewise: service_name, or its systemd unit; NULL = none */
	const char *service_name;	/* that it gave itself, by its OpenTelemetry context or environment; NULL = none */
	const char *executable;	/* name of its file; NULL = unknown */
	const char *container_id;	/* NULL = none */
	int64_t started_wall_ns;	/* CLOCK_REALTIME, known to 10 ms; as the time of day was when the agent met it; UNKNOWN */
	const struct attribute_row *attributes;	/* further ones that it gave itself, without service.name */
	size_t n_attributes;
};

/* One probe site of one file. */
struct probe_row {
	const char *file;
	const char *provider;	/* "poolscope", or the recipe's name */
	const char *probe;	/* the verb of the SDK's points, the label of a recipe's */
	const char *symbol;	/* "return apr_reslist_acquire"; NULL for the SDK's */
	uint64_t offset;	/* in the file */
	const char *verb;
	const char *method;	/* "uprobe_multi", "perf", "none" */
	uint64_t hits;
	bool shares_hits;	/* they are counted at another probe of the same place */
	uint64_t errors;	/* arguments that could not be read */
	double cost_ns;		/* of our program per hit, without the trap; NaN = not measured */
	uint64_t taken;		/* stacks of those who took an item that were kept */
	double taken_cost_ns;	/* of one of them; it is in cost_ns, as far as there was one; NaN = not measured */
	const char *cost_class;	/* of the trap: "emulated", "stepped" (about 20 times as dear); NULL = not attached */
	const char *problem;	/* NULL = attached, or */
	bool is_stepped_down;	/* off, because its target is watched less (struct target_row) */
	int32_t n_processes;	/* that map the file now */
};

/* The probes of one source in one file, and what they cost the processes that map it: those are watched together. Files of one path are one row. */
struct target_row {
	const char *file;
	const char *source;	/* "poolscope", or the recipe's name */
	enum level level;
	enum level_reason reason;
	int64_t since_ns;	/* at this level, CLOCK_MONOTONIC; UNKNOWN = since it was attached */
	int64_t try_ns;		/* when the next level up is tried; UNKNOWN = not */
	double period_s;	/* at LEVEL_SAMPLED, from window to window; else NaN */
	double hits_per_s;	/* over the last window */
	double watching_cpus;	/* what they cost, in CPUs: over the last window */
	double cpus;		/* what its processes take, that within; NaN = not known, as where watching costs next to nothing */
	double share;		/* of the one in the other, when both were known last; NaN = never */
	double cause;		/* the share that stepped it down; NaN = none did */
	uint64_t n_down, n_up;	/* steps so far */
	int32_t n_processes;
};

/* What the budget says. */
struct budget_row {
	double share;		/* of a target's CPU time that watching may take; NaN = there is no budget */
	double agent_share;	/* of a CPU that the agent may take; likewise */
	double trap_s, stepped_trap_s;	/* a hit, before our program, by the kind of instruction */
	bool is_trap_measured;	/* else they are assumed */
	double tick_s;		/* between two ticks */
	uint64_t n_down, n_up;	/* steps of all targets, also of those that are no more */
};

/* A library known by data. */
struct recipe_row {
	const char *name;
	const char *library;
	enum ps_kind kind;
	bool is_off;	/* there for who asks for it, or of no use */
	int32_t n_files;	/* that it matches */
	int32_t n_processes;	/* that map one of them */
	int32_t n_probes;	/* attached */
	const char *problem;	/* NULL = none; of the recipe, or of the first probe that has one */
};

/* A label of every metric, by the configuration. */
struct label_row {
	const char *name, *value;
};

/* A key of the configuration and its value in effect. A key that holds a secret has no row. */
struct setting_row {
	const char *section, *name;
	const char *value;	/* "" = none */
	const char *from;	/* "default", "file", "environment", "option" */
};

/* One check of `doctor`. */
enum check_state { CHECK_OK, CHECK_LOOK, CHECK_BAD };

struct check_row {
	const char *name;	/* "kernel", "uprobe method" */
	enum check_state state;
	const char *found;
	const char *advice;	/* what mends it; NULL = nothing to do */
	const char *costs;	/* what it costs to leave it so; NULL = nothing */
};

/* When something was lost, CLOCK_REALTIME; 0 = it never was. */
struct loss_time {
	int64_t first_ns, last_ns;
};

/* A table of limited size, in the kernel or in the agent. */
struct table_row {
	const char *name;
	uint64_t used;
	uint64_t limit;
};

/* What came of a request over HTTP; X(id). */
#define HTTP_OUTCOMES(X)                                                                           \
	X(answered)                                                                                \
	X(bad_request) /* a method, a path or a question that cannot be: 400, 405, 414 */          \
	X(unauthorized) /* without the right password: 401 */                                      \
	X(not_found) /* nothing is there, or not any more: 404, 410 */                             \
	X(over_rate) /* beyond rate_limit: 429 */                                                  \
	X(passwords_busy) /* beyond the passwords that are compared at one time: 503 */            \
	X(sending_full) /* beyond what is sent at one time: 503 */                                 \
	X(not_ready) /* before there was a snapshot: 503 */                                        \
	X(bad_config) /* while the web configuration could not be used: 500 */                     \
	X(failed)		/* out of memory: 500, or no answer at all */

enum http_outcome {
#define HTTP_OUTCOME(id) HTTP_##id,
	HTTP_OUTCOMES(HTTP_OUTCOME)
#undef HTTP_OUTCOME
		HTTP_OUTCOME_COUNT
};

static inline const char *http_outcome_name(enum http_outcome outcome)
{
	static const char *const names[HTTP_OUTCOME_COUNT] = {
#define HTTP_OUTCOME(id) #id,
		HTTP_OUTCOMES(HTTP_OUTCOME)
#undef HTTP_OUTCOME
	};

	return names[outcome];
}

/* How a request over OTLP may end; X(id). All but `retry` are ends. */
#define PUSH_OUTCOMES(X)                                                                                 \
	X(success) /* all of it was taken */                                                             \
	X(partial_success) /* it was taken but for some items, which the receiver rejected */            \
	X(retry) /* lost, or refused for now: it is sent again */                                        \
	X(refused) /* refused for good */                                                                \
	X(answer_too_large) /* given up in the midst of the answer: whether it was taken is not known */ \
	X(expired) /* sent again and again for too long */                                               \
	X(queue_full) /* the oldest of a queue that had no more room */                                  \
	X(too_large)		/* it was larger than any receiver has to take */

enum push_outcome {
#define PUSH_OUTCOME(id) PUSH_##id,
	PUSH_OUTCOMES(PUSH_OUTCOME)
#undef PUSH_OUTCOME
		PUSH_OUTCOME_COUNT
};

static inline const char *push_outcome_name(enum push_outcome outcome)
{
	static const char *const names[PUSH_OUTCOME_COUNT] = {
#define PUSH_OUTCOME(id) #id,
		PUSH_OUTCOMES(PUSH_OUTCOME)
#undef PUSH_OUTCOME
	};

	return names[outcome];
}

/* Items are lost by it. */
static inline bool push_outcome_drops(enum push_outcome outcome)
{
	return outcome != PUSH_success && outcome != PUSH_retry;
}

/* What became of the requests of one signal; counters since the agent began, but for the queue. */
struct push_row {
	const char *signal;	/* "metrics", "logs" */
	uint64_t requests[PUSH_OUTCOME_COUNT];
	uint64_t items[PUSH_OUTCOME_COUNT];	/* data points or log records in them; of a partial success those that were rejected */
	uint64_t sent_items;
	uint64_t queued_requests;	/* now */
	uint64_t queued_bytes;
	uint64_t queue_limit_bytes;
};

struct agent_row {
	double cpu_user_s;
	double cpu_system_s;
	double bpf_run_s;	/* NaN unless kernel.bpf_stats_enabled */
	uint64_t probe_hits;
	uint64_t rss_bytes;
	uint64_t losses[PS_LOSS_COUNT];
	uint64_t stories[PS_STORY_COUNT];	/* by kind */
	int32_t n_targets;	/* files attached */
	int32_t n_targets_failed;
	int32_t n_processes;	/* followed */
	uint32_t n_left_out;	/* processes, by [processes] of the configuration */
	bool is_reloaded;	/* the last time that the configuration was read, it was taken */
	double reloaded_wall_s;	/* when that was, the last time that it was: Unix time */
	uint64_t n_unseen;	/* processes that came and went between two ticks: what they did is in no row */
	uint64_t n_pools_cut;	/* pools whose process ended while they counted: what they did since the tick before is in no row */
	double tick_s;		/* how long the last tick took */
	double longest_tick_s;
	uint64_t stacks_taken;
	double stacks_cpu_s;	/* of the process that looks at stacks */
	double longest_tick_cpu_s;	/* the most CPU time of one: what it takes where nobody else wants the CPU */
	uint64_t ticks;
	uint64_t http_unauthorized;	/* requests over TCP without the right password */
	uint64_t http_refused;	/* for another cause of the web configuration's */
	uint64_t http_requests[HTTP_OUTCOME_COUNT];	/* those two among them */
};

/* What the agent does at present; NaN = unknown. */
struct pace {
	double uptime_s;
	double cpu_share;	/* over the last window, of one CPU */
	double events_per_s;	/* likewise: hits of probes */
};

struct snapshot {
	unsigned int n_refs;
	uint64_t seq;		/* ticks since the agent began */
	int64_t t_ns;		/* CLOCK_MONOTONIC */
	int64_t wall_ns;	/* the same moment by CLOCK_REALTIME */
	double window_s;	/* the time the rates and utilization are over */
	const char *host;
	const char *version;
	int32_t agent_pid;	/* 0 = not known, as of a recording */
	const char *config_file;	/* that the agent has read, or would have; NULL = not known */

	const struct pool_row *pools;
	size_t n_pools;
	/*
	 * For those who sum pools by process, name, kind and source: counters and histograms of what is gone, so that a sum does
	 * not fall while a pool of the same labels lives. Only labels, counters and histograms are set, the rest is as in
	 * pool_row_unknown; several rows may have the same labels. A row without a pool of its labels stands for nothing.
	 */
	const struct pool_row *retired;
	size_t n_retired;
	const struct stack_row *stacks;	/* of those holders and waiters that were asked for lately */
	size_t n_stacks;
	const struct finding_row *findings;
	size_t n_findings;
	const struct finding_count *finding_counts;	/* all types that there are */
	size_t n_finding_counts;
	const struct stall_row *stalls;
	size_t n_stalls;
	const struct lock_row *locks;
	size_t n_locks;
	const struct lock_sum_row *lock_sums;
	size_t n_lock_sums;
	const struct stall_sum_row *stall_sums;
	size_t n_stall_sums;
	const struct process_row *processes;	/* by pid, rising; twice within the second of an exec */
	size_t n_processes;
	const struct probe_row *probes;
	size_t n_probes;
	const struct target_row *targets;
	size_t n_targets;
	struct budget_row budget;
	const struct recipe_row *recipes;
	size_t n_recipes;
	const struct label_row *labels;
	size_t n_labels;
	const struct setting_row *settings;
	size_t n_settings;
	const struct check_row *checks;
	size_t n_checks;
	const struct table_row *tables;
	size_t n_tables;
	const struct loss_time *loss_times;	/* of each of agent.losses; NULL = not known */
	const struct push_row *pushes;	/* of the signals that are sent over OTLP */
	size_t n_pushes;
	struct agent_row agent;
	struct pace pace;

	struct arena *arena;	/* owns everything above */
};

/* The stack of a holder or a waiter as it is now, and of a holder as he took the item; NULL = not known, or nobody has looked. */
const struct stack_row *snapshot_present(const struct snapshot *s, const struct pool_row *p,
					 const struct ref_row *ref);
const struct stack_row *snapshot_taken(const struct snapshot *s, const struct pool_row *p,
				       const struct ref_row *ref);

/* One more owner. */
const struct snapshot *snapshot_ref(const struct snapshot *s);

/* Gives up one owner; the last one frees. NULL is allowed. */
void snapshot_unref(const struct snapshot *s);

#endif
