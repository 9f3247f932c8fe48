/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - see kernel.h. The surprise: whether the probe program is a uprobe_multi or a perf uprobe program is fixed when it
 * is loaded, so the feature is tried beforehand with a program of two instructions on our own executable.
 */
#include "probe/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/capability.h>

#include "base/cleanup.h"
#include "probe/multi.h"

#include "poolscope.skel.h"

/*
 * What the threads of processes with connections do. The state of a thread that goes to sleep is told since 5.18, lengths on a socket
 * since 6.3; before, the functions of TCP are traced, where the kernel can do that at all.
 */
enum tier { TIER_LENGTHS, TIER_FUNCTIONS, TIER_NONE };

struct kernel {
	struct poolscope_bpf *skel;
	bool has_multi, has_filter;
	bool has_unix; /* the functions of Unix sockets can be traced; they may be a module's */
	enum tier tier;
	char hook_error[256];
	int pass_fd; /* of the pass over all sockets that is going on; -1 = none */
	size_t pass_held; /* bytes of `pass` that are read and not taken */
	struct ps_inventory pass[64];
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* What a person must do when the kernel says no. */
static int explain(struct diag *d, int error)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t has_bpf = CAP_CLEAR, has_perfmon = CAP_CLEAR, has_admin = CAP_CLEAR;

	if (caps) {
		cap_get_flag(caps, CAP_BPF, CAP_EFFECTIVE, &has_bpf);
		cap_get_flag(caps, CAP_PERFMON, CAP_EFFECTIVE, &has_perfmon);
		cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &has_admin);
		cap_free(caps);
	}
	if (has_admin == CAP_CLEAR && (has_bpf == CAP_CLEAR || has_perfmon == CAP_CLEAR))
		return diag_set(
			d, -EPERM,
			"loading probes needs the capabilities CAP_BPF and CAP_PERFMON, and this user has not got them: "
			"run as root (sudo), or ask the running agent (poolscope --socket PATH)");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return diag_set(
			d, error,
			"this kernel has no BTF (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF=y, "
			"Debian's and Fedora's kernels since 5.15 have it");
	return diag_set(d, error, "the kernel refused the BPF object: %s", strerror(-error));
}

static void set_limit(struct bpf_map *map, uint32_t n)
{
	if (n)
		bpf_map__set_max_entries(map, n);
}

void kernel_limits_read(const struct kernel *k, struct kernel_limits *ret)
{
	const struct poolscope_bpf *skel = k->skel;

	*ret = (struct kernel_limits){
		.pools = bpf_map__max_entries(skel->maps.ps_pools),
		.pools_per_process = skel->rodata->ps_pools_per_process,
		.leases = bpf_map__max_entries(skel->maps.ps_leases),
		.waiters = bpf_map__max_entries(skel->maps.ps_waiters),
		.processes = bpf_map__max_entries(skel->maps.ps_procs),
		.sockets = bpf_map__max_entries(skel->maps.ps_socks),
		.endpoints = bpf_map__max_entries(skel->maps.ps_endpoints),
		.threads = skel->rodata->ps_threads_max,
		.no_progress_ms = (uint32_t)(skel->rodata->ps_no_progress_ns / 1000000),
		.is_traffic_off = !kernel_traffic_tier(k),
		.is_perf_forced = !k->has_multi,
	};
}

/* The coarse clock stands still for a tick of the kernel: that is its resolution. */
static uint64_t jiffy_ns(void)
{
	struct timespec t = { 0 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_nsec;
}

static void apply_limits(struct poolscope_bpf *skel, const struct kernel_limits *l)
{
	set_limit(skel->maps.ps_pools, l->pools);
	set_limit(skel->maps.ps_hist_of, l->pools);
	set_limit(skel->maps.ps_leases, l->leases);
	set_limit(skel->maps.ps_waiters, l->waiters);
	set_limit(skel->maps.ps_tasks, l->waiters); /* a task in a queue is one that waits */
	set_limit(skel->maps.ps_procs, l->processes);
	set_limit(skel->maps.ps_standstills, l->processes);
	set_limit(skel->maps.ps_socks, l->sockets);
	set_limit(skel->maps.ps_endpoints, l->endpoints);
	set_limit(skel->maps.ps_wires, l->endpoints);
	set_limit(skel->maps.ps_unix, l->endpoints / 2);
	if (l->pools_per_process)
		skel->rodata->ps_pools_per_process = l->pools_per_process;
	if (l->threads)
		skel->rodata->ps_threads_max = l->threads;
	if (l->sockets)
		skel->rodata->ps_unix_socks_max = l->sockets / 2;
	if (l->no_progress_ms)
		skel->rodata->ps_no_progress_ns = l->no_progress_ms * 1000000ull;
	skel->rodata->ps_agent_tgid = (uint32_t)getpid();
	skel->rodata->ps_jiffy_ns = jiffy_ns();
}

/* Whether the kernel has a tracepoint that hands over so many arguments. */
static bool has_tracepoint(const struct btf *btf, const char *type, unsigned int n_args)
{
	const struct btf_type *t;
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);

	t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL;
	if (t && btf_is_ptr(t))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) && btf_vlen(t) > n_args; /* and one of its own */
}

static enum tier best_tier(bool *ret_has_unix)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has_switch = btf && has_tracepoint(btf, "btf_trace_sched_switch", 4);
	bool has_length = btf && has_tracepoint(btf, "btf_trace_sock_send_length", 3);

	*ret_has_unix =
		btf && btf__find_by_name_kind(btf, "unix_stream_sendmsg", BTF_KIND_FUNC) > 0;
	btf__free(btf);
	return !has_switch ? TIER_NONE : has_length ? TIER_LENGTHS : TIER_FUNCTIONS;
}

/* A program that is not asked for is neither loaded nor attached. */
static void choose_programs(struct poolscope_bpf *skel, enum tier tier, bool has_unix)
{
	bpf_program__set_autoload(skel->progs.ps_switch, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_waking, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_fork, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_threads_pass, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_workers_pass, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_locks_pass, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_still_pass, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_still_told, tier != TIER_NONE);
	bpf_program__set_autoload(skel->progs.ps_sent, tier == TIER_LENGTHS);
	bpf_program__set_autoload(skel->progs.ps_received, tier == TIER_LENGTHS);
	bpf_program__set_autoload(skel->progs.ps_tcp_sent, tier == TIER_FUNCTIONS);
	bpf_program__set_autoload(skel->progs.ps_tcp_received, tier == TIER_FUNCTIONS);
	bpf_program__set_autoload(skel->progs.ps_unix_sent, tier == TIER_FUNCTIONS && has_unix);
	bpf_program__set_autoload(skel->progs.ps_unix_received, tier == TIER_FUNCTIONS && has_unix);
}

static int load(struct kernel *k, const struct kernel_limits *limits, enum tier tier)
{
	k->tier = tier;
	k->skel = poolscope_bpf__open();
	if (!k->skel)
		return -errno;
	apply_limits(k->skel, limits);
	choose_programs(k->skel, tier, k->has_unix);
	if (k->has_multi)
		bpf_program__set_expected_attach_type(k->skel->progs.ps_probe,
						      (enum bpf_attach_type)MULTI_ATTACH_TYPE);
	return poolscope_bpf__load(k->skel);
}

int kernel_load(const struct kernel_limits *limits, struct kernel **ret, struct diag *d)
{
	struct kernel *k = calloc(1, sizeof(*k));
	enum tier tier;
	int error;

	if (!k)
		return diag_set(d, -ENOMEM, "out of memory");
	tier = best_tier(&k->has_unix);
	if (limits->is_traffic_off)
		tier = TIER_NONE;
	k->pass_fd = -1;
	libbpf_set_print(silent);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	k->has_multi = !limits->is_perf_forced && multi_is_available();
	k->has_filter = k->has_multi && multi_filters_processes();
	error = load(k, limits, tier);
	if (error && tier == TIER_FUNCTIONS) { /* not all can trace functions */
		poolscope_bpf__destroy(k->skel);
		error = load(k, limits, TIER_NONE);
	}
	if (error) {
		kernel_free(k);
		return explain(d, error);
	}
	*ret = k;
	return 0;
}

static void end_pass(struct kernel *k);

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	end_pass(k);
	poolscope_bpf__destroy(k->skel);
	free(k);
}

static bool is_of_traffic(const struct kernel *k, const struct bpf_program *p)
{
	const struct bpf_program *const all[] = {
		k->skel->progs.ps_switch,    k->skel->progs.ps_waking,
		k->skel->progs.ps_sent,      k->skel->progs.ps_received,
		k->skel->progs.ps_tcp_sent,  k->skel->progs.ps_tcp_received,
		k->skel->progs.ps_unix_sent, k->skel->progs.ps_unix_received
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (p == all[i])
			return true;
	return false;
}

/* An iterator over a map's elements; NULL = it cannot be, and nobody needs it. */
static struct bpf_link *attach_to_map(const struct bpf_program *program, int map_fd)
{
	union bpf_iter_link_info info = { .map.map_fd = (__u32)map_fd };
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
			    .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &options);
}

int kernel_attach_hooks(struct kernel *k)
{
	struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} hooks[] = {
		{ k->skel->progs.ps_exec, &k->skel->links.ps_exec },
		{ k->skel->progs.ps_exit, &k->skel->links.ps_exit },
		{ k->skel->progs.ps_inet_state, &k->skel->links.ps_inet_state },
		{ k->skel->progs.ps_switch, &k->skel->links.ps_switch },
		{ k->skel->progs.ps_waking, &k->skel->links.ps_waking },
		{ k->skel->progs.ps_fork, &k->skel->links.ps_fork },
		{ k->skel->progs.ps_sent, &k->skel->links.ps_sent },
		{ k->skel->progs.ps_received, &k->skel->links.ps_received },
		{ k->skel->progs.ps_tcp_sent, &k->skel->links.ps_tcp_sent },
		{ k->skel->progs.ps_tcp_received, &k->skel->links.ps_tcp_received },
		{ k->skel->progs.ps_unix_sent, &k->skel->links.ps_unix_sent },
		{ k->skel->progs.ps_unix_received, &k->skel->links.ps_unix_received },
		{ k->skel->progs.ps_threads_pass, &k->skel->links.ps_threads_pass },
		{ k->skel->progs.ps_workers_pass, &k->skel->links.ps_workers_pass },
		{ k->skel->progs.ps_locks_pass, &k->skel->links.ps_locks_pass },
		{ k->skel->progs.ps_still_pass, &k->skel->links.ps_still_pass },
		{ k->skel->progs.ps_inventory_pass, &k->skel->links.ps_inventory_pass },
	};
	int result = 0;

	k->skel->links.ps_queues_pass =
		attach_to_map(k->skel->progs.ps_queues_pass, bpf_map__fd(k->skel->maps.ps_queues));
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		if (!bpf_program__autoload(hooks[i].program))
			continue;
		*hooks[i].link = bpf_program__attach(hooks[i].program);
		if (*hooks[i].link)
			continue;
		result = -errno;
		if (is_of_traffic(k, hooks[i].program))
			k->tier = TIER_NONE; /* loaded is not attached: some can load what traces functions, and no more */
		snprintf(k->hook_error, sizeof(k->hook_error), "%s: %s",
			 bpf_program__name(hooks[i].program), strerror(errno));
	}
	return result;
}

const char *kernel_traffic_tier(const struct kernel *k)
{
	static const char *const names[] = {
		[TIER_LENGTHS] = "lengths sent and received",
		[TIER_FUNCTIONS] = "TCP's functions",
	};

	return k->tier == TIER_NONE ? NULL : names[k->tier];
}

const char *kernel_hook_error(const struct kernel *k)
{
	return k->hook_error[0] ? k->hook_error : NULL;
}

static struct bpf_map *map_of(const struct kernel *k, enum kernel_map which)
{
	switch (which) {
	case KERNEL_MAP_SPECS:
		return k->skel->maps.ps_specs;
	case KERNEL_MAP_TARGETS:
		return k->skel->maps.ps_targets;
	case KERNEL_MAP_PROBES:
		return k->skel->maps.ps_probes;
	case KERNEL_MAP_LOSSES:
		return k->skel->maps.ps_losses;
	case KERNEL_MAP_PROCS:
		return k->skel->maps.ps_procs;
	case KERNEL_MAP_POOLS:
		return k->skel->maps.ps_pools;
	case KERNEL_MAP_HISTS:
		return k->skel->maps.ps_hist_of;
	case KERNEL_MAP_LEASES:
		return k->skel->maps.ps_leases;
	case KERNEL_MAP_WAITERS:
		return k->skel->maps.ps_waiters;
	case KERNEL_MAP_CALLS:
		return k->skel->maps.ps_calls;
	case KERNEL_MAP_TASKS:
		return k->skel->maps.ps_tasks;
	case KERNEL_MAP_LEARNED:
		return k->skel->maps.ps_learned;
	case KERNEL_MAP_SOCKS:
		return k->skel->maps.ps_socks;
	case KERNEL_MAP_ENDPOINTS:
		return k->skel->maps.ps_endpoints;
	case KERNEL_MAP_LISTENERS:
		return k->skel->maps.ps_listeners;
	case KERNEL_MAP_STORIES:
		return k->skel->maps.ps_stories;
	case KERNEL_MAP_GIVEN_UPS:
		return k->skel->maps.ps_given_ups;
	case KERNEL_MAP_WIRES:
		return k->skel->maps.ps_wires;
	case KERNEL_MAP_FAMILIES:
		return k->skel->maps.ps_families;
	case KERNEL_MAP_UNIX:
		return k->skel->maps.ps_unix;
	case KERNEL_MAP_STANDSTILLS:
		return k->skel->maps.ps_standstills;
	case KERNEL_MAP_STALLS:
		return k->skel->maps.ps_stalls;
	case KERNEL_MAP_LOCKS:
	case KERNEL_MAP_COUNT:
		break;
	}
	return NULL;
}

int kernel_map_fd(const struct kernel *k, enum kernel_map which)
{
	return bpf_map__fd(map_of(k, which));
}

uint32_t kernel_map_limit(const struct kernel *k, enum kernel_map which)
{
	return which == KERNEL_MAP_LOCKS ? PS_LOCKS : bpf_map__max_entries(map_of(k, which));
}

const char *kernel_map_name(enum kernel_map which)
{
	static const char *const names[KERNEL_MAP_COUNT] = {
		"specs",      "targets",        "probes",      "losses",  "processes", "pools",
		"histograms", "leases",         "waiters",     "calls",   "tasks",     "functions",
		"sockets",    "endpoints",      "listeners",   "stories", "given-ups", "wires",
		"families",   "unix-endpoints", "standstills", "stalls",  "locks"
	};

	return names[which];
}

bool kernel_has_uprobe_multi(const struct kernel *k)
{
	return k->has_multi;
}

bool kernel_has_process_filter(const struct kernel *k)
{
	return !k->has_multi || k->has_filter;
}

int kernel_probe_fd(const struct kernel *k)
{
	return bpf_program__fd(k->skel->progs.ps_probe);
}

struct bpf_program *kernel_probe_program(const struct kernel *k)
{
	return k->skel->progs.ps_probe;
}

uint32_t kernel_n_wanted(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->bss->ps_n_wanted, __ATOMIC_ACQUIRE);
}

uint32_t kernel_n_gone(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->bss->ps_n_gone, __ATOMIC_RELAXED);
}

uint32_t kernel_n_threads(const struct kernel *k)
{
	uint64_t n = __atomic_load_n(&k->skel->bss->ps_n_threads, __ATOMIC_RELAXED),
		 n_workers = __atomic_load_n(&k->skel->bss->ps_n_workers, __ATOMIC_RELAXED);

	return (uint32_t)(n > n_workers ? n : n_workers);
}

uint32_t kernel_threads_limit(const struct kernel *k)
{
	return k->skel->rodata->ps_threads_max;
}

void kernel_next_epoch(struct kernel *k)
{
	k->skel->bss->ps_epoch++;
}

int64_t kernel_run_ns(const struct kernel *k)
{
	struct bpf_program *p;
	uint64_t ns = 0, runs = 0;

	bpf_object__for_each_program(p, k->skel->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
			continue;
		ns += info.run_time_ns;
		runs += info.run_cnt;
	}
	return runs ? (int64_t)ns : -1;
}

/* Runs an iterator that writes nothing. */
static int run_pass(const struct bpf_link *link)
{
	AUTO_CLOSE int fd = -1;
	char nothing[64];
	ssize_t n;

	if (!link)
		return -EOPNOTSUPP;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	do
		n = read(fd, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	return n < 0 ? -errno : 0;
}

int kernel_meet_threads(struct kernel *k)
{
	return run_pass(k->skel->links.ps_threads_pass);
}

int kernel_meet_workers(struct kernel *k)
{
	return run_pass(k->skel->links.ps_workers_pass);
}

int kernel_registers_fd(const struct kernel *k)
{
	return bpf_program__fd(k->skel->progs.ps_registers_pass);
}

uint64_t kernel_take_hits(struct kernel *k, uint32_t probe)
{
	int n_cpus = libbpf_num_possible_cpus(), fd = kernel_map_fd(k, KERNEL_MAP_PROBES);
	AUTO_FREE struct ps_probe_stat *stat =
		calloc(n_cpus > 0 ? (size_t)n_cpus : 1, sizeof(*stat));
	uint64_t hits = 0;

	if (!stat || n_cpus < 1 || bpf_map_lookup_elem(fd, &probe, stat))
		return 0;
	for (int cpu = 0; cpu < n_cpus; cpu++)
		hits += stat[cpu].hits;
	memset(stat, 0, (size_t)n_cpus * sizeof(*stat));
	bpf_map_update_elem(fd, &probe, stat, BPF_ANY);
	return hits;
}

const struct ps_lock *kernel_locks(const struct kernel *k)
{
	return k->skel->bss->ps_locks;
}

uint32_t kernel_locks_taken(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->bss->ps_n_locks, __ATOMIC_ACQUIRE);
}

/* Its id goes last: from then on it may be taken. */
void kernel_clear_lock(struct kernel *k, size_t place)
{
	struct ps_lock *l = &k->skel->bss->ps_locks[place];

	memset((char *)l + sizeof(l->id), 0, sizeof(*l) - sizeof(l->id));
	__atomic_store_n(&l->id, 0, __ATOMIC_RELEASE);
}

void kernel_correct_lock(struct kernel *k, size_t place, int32_t n_waiting)
{
	struct ps_lock *l = &k->skel->bss->ps_locks[place];
	int32_t seen = __atomic_load_n(&l->waiters, __ATOMIC_RELAXED);

	if (seen > n_waiting &&
	    __atomic_compare_exchange_n(&l->waiters, &seen, n_waiting, false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED) &&
	    n_waiting < 4)
		__atomic_store_n(&l->convoy_ns, 0, __ATOMIC_RELAXED);
}

uint32_t kernel_meet_lock_waiters(struct kernel *k)
{
	uint32_t pass = ++k->skel->bss->ps_lock_pass;

	run_pass(k->skel->links.ps_locks_pass);
	return pass;
}

/* ---- no progress -------------------------------------------------------------------------------------------------------- */

/* Numbers whose last bits are those of the idle tasks have no note. */
void kernel_note_runs(struct kernel *k, uint32_t tgid)
{
	uint32_t *ran = &k->skel->bss->ps_ran[tgid % PS_RAN_SLOTS];

	if (*ran == PS_RAN_UNWANTED && tgid % PS_RAN_SLOTS)
		*ran = PS_RAN_UNKNOWN;
}

uint32_t kernel_ran(const struct kernel *k, uint32_t tgid)
{
	return __atomic_load_n(&k->skel->bss->ps_ran[tgid % PS_RAN_SLOTS], __ATOMIC_ACQUIRE);
}

int64_t kernel_no_progress_ns(const struct kernel *k)
{
	return (int64_t)k->skel->rodata->ps_no_progress_ns;
}

int kernel_find_still(struct kernel *k,
		      void (*take)(void *context, const struct ps_still_thread *t), void *context)
{
	AUTO_CLOSE int fd = -1;
	struct ps_still_thread found[64];
	size_t held = 0;
	ssize_t n;

	if (!k->skel->links.ps_switch || !k->skel->links.ps_still_pass)
		return -EOPNOTSUPP;
	fd = bpf_iter_create(bpf_link__fd(k->skel->links.ps_still_pass));
	if (fd < 0)
		return -errno;
	for (;;) {
		n = read(fd, (char *)found + held, sizeof(found) - held);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		held += (size_t)n;
		for (size_t i = 0; i < held / sizeof(*found); i++)
			take(context, &found[i]);
		memmove(found, (char *)found + held - held % sizeof(*found), held % sizeof(*found));
		held %= sizeof(*found);
	}
}

int kernel_tell_still(struct kernel *k, const struct ps_proc_key *proc, int64_t since_ns)
{
	struct ps_still_told told = { .proc = *proc, .since_ns = (uint64_t)since_ns };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &told,
			    .ctx_size_in = sizeof(told));

	return bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_still_told), &options)
		       ? -errno
		       : 0;
}

/* ---- queues ------------------------------------------------------------------------------------------------------------- */

int kernel_read_queues(struct kernel *k)
{
	return run_pass(k->skel->links.ps_queues_pass);
}

int kernel_watch_queue(struct kernel *k, uint64_t inode, uint64_t sock)
{
	struct ps_queue q = { .sock = sock };

	return bpf_map_update_elem(bpf_map__fd(k->skel->maps.ps_queues), &inode, &q, BPF_ANY)
		       ? -errno
		       : 0;
}

void kernel_forget_queue(struct kernel *k, uint64_t inode)
{
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.ps_queues), &inode);
}

int64_t kernel_queue(const struct kernel *k, uint64_t inode)
{
	struct ps_queue q;

	if (bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.ps_queues), &inode, &q) || !q.is_read)
		return -1;
	return q.n;
}

uint32_t kernel_n_serving(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->bss->ps_n_serving, __ATOMIC_RELAXED);
}

/* ---- connections over Unix sockets -------------------------------------------------------------------------------------- */

int kernel_follow_unix(struct kernel *k, const struct ps_endpoint_key *key, uint64_t *ret_wire)
{
	struct poolscope_bpf__bss *bss = k->skel->bss;
	struct ps_unix u = { .n_passes = bss->ps_n_passes };
	AUTO_FREE struct ps_wire *blank = calloc(1, sizeof(*blank));

	if (!blank)
		return -ENOMEM;
	if (k->tier == TIER_NONE || (k->tier == TIER_FUNCTIONS && !k->has_unix) ||
	    key->proc.tgid >= PS_TGID_LIMIT)
		return -EOPNOTSUPP;
	u.wire = __atomic_add_fetch(&bss->ps_n_wires, 1, __ATOMIC_RELAXED);
	if (bpf_map_update_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &u.wire, blank, BPF_NOEXIST))
		return -E2BIG;
	if (bpf_map_update_elem(kernel_map_fd(k, KERNEL_MAP_UNIX), key, &u, BPF_ANY)) {
		bpf_map_delete_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &u.wire);
		return -E2BIG;
	}
	__atomic_add_fetch(&bss->ps_unix_gen, 1, __ATOMIC_RELAXED);
	__atomic_fetch_or(&bss->ps_followed[key->proc.tgid / 32],
			  (uint64_t)PS_FOLLOWED << (key->proc.tgid % 32 * 2), __ATOMIC_RELAXED);
	*ret_wire = u.wire;
	return 0;
}

int64_t kernel_unix_opened(const struct kernel *k, const struct ps_endpoint_key *key)
{
	struct ps_unix u;

	if (bpf_map_lookup_elem(kernel_map_fd(k, KERNEL_MAP_UNIX), key, &u) ||
	    u.n_passes == k->skel->bss->ps_n_passes)
		return -1;
	return (int64_t)u.opened;
}

void kernel_forget_unix(struct kernel *k, const struct ps_endpoint_key *key, uint64_t wire)
{
	bpf_map_delete_elem(kernel_map_fd(k, KERNEL_MAP_UNIX), key);
	bpf_map_delete_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &wire);
}

/* ---- the inventory ------------------------------------------------------------------------------------------------------ */

static int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void end_pass(struct kernel *k)
{
	if (k->pass_fd >= 0)
		close(k->pass_fd);
	k->pass_fd = -1;
	k->pass_held = 0;
}

/* A read ends with the pass, when the buffer is full, or soon after ps_pass_until_ns. 0 = the pass is over. */
static ssize_t read_pass(struct kernel *k, int64_t until_ns)
{
	ssize_t n;

	do {
		k->skel->bss->ps_pass_until_ns = (uint64_t)until_ns;
		n = read(k->pass_fd, (char *)k->pass + k->pass_held,
			 sizeof(k->pass) - k->pass_held);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR) && monotonic_ns() < until_ns);
	return n;
}

int kernel_inventory(struct kernel *k, int64_t budget_ns,
		     void (*take)(void *context, const struct ps_inventory *r), void *context)
{
	int64_t until_ns = budget_ns < 0 ? INT64_MAX : monotonic_ns() + budget_ns;
	const size_t size = sizeof(*k->pass);
	ssize_t n;

	if (!k->skel->links.ps_inventory_pass)
		return -EOPNOTSUPP;
	if (k->pass_fd < 0)
		k->pass_fd = bpf_iter_create(bpf_link__fd(k->skel->links.ps_inventory_pass));
	if (k->pass_fd < 0)
		return -errno;
	do {
		n = read_pass(k, until_ns);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			int error = n < 0 ? -errno : 1;

			end_pass(k);
			return error;
		}
		k->pass_held += (size_t)n;
		for (size_t i = 0; i < k->pass_held / size; i++)
			if (k->pass[i].role)
				take(context, &k->pass[i]);
		memmove(k->pass, (char *)k->pass + k->pass_held - k->pass_held % size,
			k->pass_held % size);
		k->pass_held %= size;
	} while (monotonic_ns() < until_ns);
	return 0;
}
