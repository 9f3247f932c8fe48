/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - see kernel.h: the maps, what is told to the loaded programs, and the passes. The surprise: a pass over all sockets is read in slices,
 * and what is left of one in the middle waits in the buffer for the next.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "probe/kernel_parts.h"

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
	case KERNEL_MAP_TAKEN:
		return k->skel->maps.ps_takens;
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
		"specs",       "targets",    "probes",       "losses",    "processes",
		"pools",       "histograms", "leases",       "waiters",   "calls",
		"tasks",       "functions",  "sockets",      "endpoints", "listeners",
		"stories",     "given-ups",  "wires",        "families",  "unix-endpoints",
		"standstills", "stalls",     "taken-stacks", "locks"
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

/* ---- where items were taken -------------------------------------------------------------------------------------------- */

uint32_t kernel_clear_taken(struct kernel *k)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options);
	const uint32_t *n = &k->skel->bss->ps_n_taken;

	if (__atomic_load_n(n, __ATOMIC_RELAXED))
		bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_taken_clear), &options);
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

int kernel_suspect(struct kernel *k, const struct ps_pool_key *pool, bool is_suspected,
		   uint32_t notable)
{
	struct ps_suspicion told = { .pool = *pool,
				     .is_suspected = is_suspected,
				     .notable = notable };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &told,
			    .ctx_size_in = sizeof(told));

	return bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_suspect), &options) ? -errno
											    : 0;
}

/* ---- pages -------------------------------------------------------------------------------------------------------------- */

int kernel_tell_page(struct kernel *k, const struct ps_page_found *found)
{
	struct ps_page_found told = *found;
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &told,
			    .ctx_size_in = sizeof(told));

	return bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_page_found), &options)
		       ? -errno
		       : 0;
}

/* ---- changed pools ------------------------------------------------------------------------------------------------------ */

int kernel_changed_pools(struct kernel *k, const struct ps_changed **ret_list, uint32_t *ret_n,
			 uint32_t *ret_n_all)
{
	struct ps_changes changes = { 0 };
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &changes,
			    .ctx_size_in = sizeof(changes));

	if (!k->changed) {
		void *at = mmap(NULL, PS_CHANGED_MAX * sizeof(*k->changed), PROT_READ, MAP_SHARED,
				bpf_map__fd(k->skel->maps.ps_changed_pools), 0);

		if (at == MAP_FAILED)
			return -errno;
		k->changed = at;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_pools_changed), &options))
		return -errno;
	*ret_list = k->changed;
	*ret_n = changes.n;
	*ret_n_all = changes.n_all;
	return changes.n_more ? -E2BIG : 0;
}

void kernel_changed_done(struct kernel *k)
{
	if (k->changed)
		munmap((void *)(uintptr_t)k->changed, PS_CHANGED_MAX * sizeof(*k->changed));
	k->changed = NULL;
}

/* ---- queues ------------------------------------------------------------------------------------------------------------- */

int kernel_read_queues(struct kernel *k)
{
	DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options);

	return bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.ps_queues_pass), &options)
		       ? -errno
		       : 0;
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

/* ---- who is left out ---------------------------------------------------------------------------------------------------- */

/* Sets and clears bits of a variable that is not mapped here (kernel_load.c). */
static int change_far(struct kernel *k, const __u64 *word, __u64 set, __u64 clear)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t at = (size_t)((const char *)word - (const char *)k->skel->bss);
	char *mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(k->skel->maps.bss), (off_t)(at / page * page));
	__u64 *far;

	if (mapped == MAP_FAILED)
		return -errno;
	far = (__u64 *)(void *)(mapped + at % page);
	if (set)
		__atomic_fetch_or(far, set, __ATOMIC_RELAXED);
	if (clear)
		__atomic_fetch_and(far, ~clear, __ATOMIC_RELAXED);
	munmap(mapped, page);
	return 0;
}

void kernel_choose(struct kernel *k, bool is_on)
{
	struct poolscope_bpf__bss *bss = k->skel->bss;

	__atomic_store_n(&bss->ps_is_choosing, is_on, __ATOMIC_RELEASE);
	for (uint32_t pid = 0; !is_on && kernel_n_left_out(k) && pid < PS_TGID_LIMIT; pid++)
		kernel_take_in(k, pid);
}

uint64_t kernel_n_skipped(const struct kernel *k)
{
	struct bpf_program *p;
	uint64_t n = 0;

	bpf_object__for_each_program(p, k->skel->obj)
	{
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_program__fd(p) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
			n += info.recursion_misses;
	}
	return n;
}

uint32_t kernel_n_left_out(const struct kernel *k)
{
	return __atomic_load_n(&k->skel->bss->ps_n_left_out, __ATOMIC_RELAXED);
}

bool kernel_is_left_out(const struct kernel *k, uint32_t tgid)
{
	const __u64 *word = &k->skel->bss->ps_left_out[tgid % PS_TGID_LIMIT / 64];

	return __atomic_load_n(word, __ATOMIC_ACQUIRE) >> (tgid % 64) & 1;
}

void kernel_take_in(struct kernel *k, uint32_t tgid)
{
	__u64 *word = &k->skel->bss->ps_left_out[tgid % PS_TGID_LIMIT / 64],
	      bit = 1ull << (tgid % 64);

	if (kernel_is_left_out(k, tgid) && __atomic_fetch_and(word, ~bit, __ATOMIC_ACQ_REL) & bit)
		__atomic_fetch_sub(&k->skel->bss->ps_n_left_out, 1, __ATOMIC_RELAXED);
}

void kernel_leave_out(struct kernel *k, uint32_t tgid)
{
	struct poolscope_bpf__bss *bss = k->skel->bss;
	__u64 *word = &bss->ps_left_out[tgid % PS_TGID_LIMIT / 64], bit = 1ull << (tgid % 64);

	if (!(__atomic_fetch_or(word, bit, __ATOMIC_ACQ_REL) & bit))
		__atomic_fetch_add(&bss->ps_n_left_out, 1, __ATOMIC_RELAXED);
	change_far(k, &bss->ps_followed[tgid % PS_TGID_LIMIT / 32], 0,
		   (__u64)(PS_FOLLOWED | PS_SERVING) << (tgid % 32 * 2));
	__atomic_store_n(&bss->ps_ran[tgid % PS_RAN_SLOTS], PS_RAN_UNWANTED, __ATOMIC_RELAXED);
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
	    key->proc.tgid >= PS_TGID_LIMIT || kernel_is_left_out(k, key->proc.tgid))
		return -EOPNOTSUPP;
	u.wire = __atomic_add_fetch(&bss->ps_n_wires, 1, __ATOMIC_RELAXED);
	if (bpf_map_update_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &u.wire, blank, BPF_NOEXIST))
		return -E2BIG;
	if (bpf_map_update_elem(kernel_map_fd(k, KERNEL_MAP_UNIX), key, &u, BPF_ANY)) {
		bpf_map_delete_elem(kernel_map_fd(k, KERNEL_MAP_WIRES), &u.wire);
		return -E2BIG;
	}
	__atomic_add_fetch(&bss->ps_unix_gen, 1, __ATOMIC_RELAXED);
	if (change_far(k, &bss->ps_followed[key->proc.tgid / 32],
		       (__u64)PS_FOLLOWED << (key->proc.tgid % 32 * 2), 0)) {
		kernel_forget_unix(k, key, u.wire);
		return -E2BIG;
	}
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

void kernel_end_pass(struct kernel *k)
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
	} while (n < 0 && (errno == EAGAIN || errno == EINTR) &&
		 clock_ns(CLOCK_MONOTONIC) < until_ns);
	return n;
}

int kernel_inventory(struct kernel *k, int64_t budget_ns,
		     void (*take)(void *context, const struct ps_inventory *r), void *context)
{
	int64_t until_ns = budget_ns < 0 ? INT64_MAX : clock_ns(CLOCK_MONOTONIC) + budget_ns;
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

			kernel_end_pass(k);
			return error;
		}
		k->pass_held += (size_t)n;
		for (size_t i = 0; i < k->pass_held / size; i++)
			if (k->pass[i].role)
				take(context, &k->pass[i]);
		memmove(k->pass, (char *)k->pass + k->pass_held - k->pass_held % size,
			k->pass_held % size);
		k->pass_held %= size;
	} while (clock_ns(CLOCK_MONOTONIC) < until_ns);
	return 0;
}
