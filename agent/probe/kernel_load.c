/* SPDX-License-Identifier: MIT */
/*
 * kernel_load.c - see kernel.h: which programs this kernel takes, their limits, and the hooks. The surprise: whether the probe program is a
 * uprobe_multi or a perf uprobe program is fixed when it is loaded, so the feature is tried beforehand with a program of two instructions on our
 * own executable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/capability.h>

#include "base/cleanup.h"
#include "probe/kernel_parts.h"
#include "probe/multi.h"

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
		.taken = bpf_map__max_entries(skel->maps.ps_takens),
		.waiters = bpf_map__max_entries(skel->maps.ps_waiters),
		.processes = bpf_map__max_entries(skel->maps.ps_procs),
		.sockets = bpf_map__max_entries(skel->maps.ps_socks),
		.endpoints = bpf_map__max_entries(skel->maps.ps_endpoints),
		.threads = skel->rodata->ps_threads_max,
		.no_progress_ms = (uint32_t)(skel->rodata->ps_no_progress_ns / 1000000),
		.traffic = k->tier == TIER_LENGTHS     ? KERNEL_TRAFFIC_LENGTHS
			   : k->tier == TIER_FUNCTIONS ? KERNEL_TRAFFIC_FUNCTIONS
						       : KERNEL_TRAFFIC_NONE,
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

/* Stacks of takers that are kept, of a pool and a second; one takes 0.2 us, and 1 to 2 where the caches are cold (2026-11). */
#define TAKEN_USUAL 5000
#define TAKEN_SUSPECTED 20000

static void apply_taken(struct poolscope_bpf *skel, const struct kernel_limits *l)
{
	if (l->is_taken_off)
		return;
	skel->rodata->ps_taken_usual = l->is_taken_always ? UINT32_MAX : TAKEN_USUAL;
	skel->rodata->ps_taken_suspected = l->is_taken_always ? UINT32_MAX : TAKEN_SUSPECTED;
	set_limit(skel->maps.ps_takens, l->taken);
	skel->rodata->ps_taken_max = bpf_map__max_entries(skel->maps.ps_takens);
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
	apply_taken(skel, l);
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

/* How many arguments a function of the kernel has; 0 = there is no such function. */
static unsigned int n_arguments(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	return t && btf_is_func_proto(t) ? btf_vlen(t) : 0;
}

static enum tier choose_tier(enum kernel_traffic wanted, struct kernel *k)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has_switch = btf && has_tracepoint(btf, "btf_trace_sched_switch", 4);
	bool has_length = btf && has_tracepoint(btf, "btf_trace_sock_send_length", 3);

	k->has_unix = btf && n_arguments(btf, "unix_stream_sendmsg");
	k->has_address = btf && n_arguments(btf, "tcp_recvmsg") > 4;
	btf__free(btf);
	if (!has_switch || wanted == KERNEL_TRAFFIC_NONE ||
	    (wanted == KERNEL_TRAFFIC_LENGTHS && !has_length))
		return TIER_NONE;
	return has_length && wanted != KERNEL_TRAFFIC_FUNCTIONS ? TIER_LENGTHS : TIER_FUNCTIONS;
}

/* A program that is not asked for is neither loaded nor attached. */
static void choose_programs(struct poolscope_bpf *skel, const struct kernel *k, enum tier tier)
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
	bpf_program__set_autoload(skel->progs.ps_tcp_received,
				  tier == TIER_FUNCTIONS && k->has_address);
	bpf_program__set_autoload(skel->progs.ps_tcp_read,
				  tier == TIER_FUNCTIONS && !k->has_address);
	bpf_program__set_autoload(skel->progs.ps_unix_sent, tier == TIER_FUNCTIONS && k->has_unix);
	bpf_program__set_autoload(skel->progs.ps_unix_received,
				  tier == TIER_FUNCTIONS && k->has_unix);
}

static int load(struct kernel *k, const struct kernel_limits *limits, enum tier tier)
{
	k->tier = tier;
	k->skel = poolscope_bpf__open();
	if (!k->skel)
		return -errno;
	apply_limits(k->skel, limits);
	choose_programs(k->skel, k, tier);
	if (k->has_multi)
		bpf_program__set_expected_attach_type(k->skel->progs.ps_probe,
						      (enum bpf_attach_type)MULTI_ATTACH_TYPE);
	return poolscope_bpf__load(k->skel);
}

/*
 * The kernel side's variables are all mapped here, and each page of them counts as the agent's. What only it needs is put out of the
 * mapping again: 1.3 MB. The place stays taken, since libbpf unmaps all of it at the end.
 */
static void put_out(const void *variable, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)variable + page - 1) / page * page;
	uintptr_t end = ((uintptr_t)variable + size) / page * page;

	if (begin < end)
		mmap((void *)begin, end - begin, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0); /* refused: they stay */
}

int kernel_load(const struct kernel_limits *limits, struct kernel **ret, struct diag *d)
{
	struct kernel *k = calloc(1, sizeof(*k));
	enum tier tier;
	int error;

	if (!k)
		return diag_set(d, -ENOMEM, "out of memory");
	tier = choose_tier(limits->traffic, k);
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
	put_out(k->skel->bss->ps_followed, sizeof(k->skel->bss->ps_followed));
	put_out(k->skel->bss->ps_works, sizeof(k->skel->bss->ps_works));
	*ret = k;
	return 0;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	kernel_end_pass(k);
	kernel_changed_done(k);
	poolscope_bpf__destroy(k->skel);
	free(k);
}

static bool is_of_traffic(const struct kernel *k, const struct bpf_program *p)
{
	const struct bpf_program *const all[] = {
		k->skel->progs.ps_switch,    k->skel->progs.ps_waking,
		k->skel->progs.ps_sent,      k->skel->progs.ps_received,
		k->skel->progs.ps_tcp_sent,  k->skel->progs.ps_tcp_received,
		k->skel->progs.ps_unix_sent, k->skel->progs.ps_unix_received,
		k->skel->progs.ps_tcp_read
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (p == all[i])
			return true;
	return false;
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
		{ k->skel->progs.ps_tcp_read, &k->skel->links.ps_tcp_read },
		{ k->skel->progs.ps_unix_sent, &k->skel->links.ps_unix_sent },
		{ k->skel->progs.ps_unix_received, &k->skel->links.ps_unix_received },
		{ k->skel->progs.ps_threads_pass, &k->skel->links.ps_threads_pass },
		{ k->skel->progs.ps_workers_pass, &k->skel->links.ps_workers_pass },
		{ k->skel->progs.ps_locks_pass, &k->skel->links.ps_locks_pass },
		{ k->skel->progs.ps_still_pass, &k->skel->links.ps_still_pass },
		{ k->skel->progs.ps_inventory_pass, &k->skel->links.ps_inventory_pass },
	};
	int result = 0;

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
