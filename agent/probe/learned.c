/* SPDX-License-Identifier: MIT */
/*
 * learned.c - see learned.h. The surprise: the answer is written after the probes are armed, and the kernel side counts a task only
 * once it has the answer; so no task is counted whose beginning cannot be seen.
 */
#include "probe/learned.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "discover/mapped.h"
#include "discover/symbols.h"

#define POLL_MS 20 /* the longest that one look takes, but for the file that it is at */

struct function {
	struct ps_call_key key;
	struct target *target; /* owned */
};

struct learned {
	struct kernel *kernel;
	struct target_store *store;
	struct function *function; /* owned */
	size_t n;
	uint32_t n_answered;
};

int learned_new(struct kernel *k, struct target_store *s, struct learned **ret)
{
	struct learned *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->kernel = k;
	l->store = s;
	*ret = l;
	return 0;
}

static int map_fd(const struct learned *l)
{
	return kernel_map_fd(l->kernel, KERNEL_MAP_LEARNED);
}

static void forget(struct learned *l, size_t i)
{
	bpf_map_delete_elem(map_fd(l), &l->function[i].key);
	target_free(l->store, l->function[i].target);
	l->function[i] = l->function[--l->n];
}

void learned_free(struct learned *l)
{
	if (!l)
		return;
	while (l->n)
		forget(l, l->n - 1);
	free(l->function);
	free(l);
}

static size_t count_of(const struct learned *l, uint32_t pid)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->function[i].key.proc.tgid == pid;
	return n;
}

/* What the process was before it executed another program. */
static void forget_former(struct learned *l, const struct ps_proc_key *proc)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->function[i].key.proc.tgid == proc->tgid &&
		    l->function[i].key.proc.incarnation != proc->incarnation)
			forget(l, i);
}

/* The symbols of the file that was read last: the functions of one program come together, and its tables may be large. */
struct reading {
	struct symbols *symbols;
	dev_t device;
	ino_t inode;
};

static int symbols_of(struct reading *r, int fd, uint32_t pid, struct diag *d)
{
	char root[32];
	struct stat st;

	if (fstat(fd, &st))
		return diag_set(d, -errno, "its file cannot be read: %s", strerror(errno));
	if (r->symbols && r->device == st.st_dev && r->inode == st.st_ino)
		return 0;
	symbols_free(r->symbols);
	r->symbols = NULL;
	r->device = st.st_dev;
	r->inode = st.st_ino;
	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	return symbols_open(fd, root, &r->symbols, d);
}

/* Only -ENOMEM; else a target, with a problem when it could not be attached. */
static int attach(struct learned *l, const struct ps_call_key *key, const struct target *parent,
		  struct reading *reading, struct target **ret)
{
	AUTO_CLOSE int fd = -1;
	uint32_t pid = key->proc.tgid;
	char path[4096] = "?", why[160];
	struct diag d = { 0 };
	uint64_t offset = 0;
	int error;

	snprintf(why, sizeof(why), "the function at 0x%llx of process %u is in no file's code",
		 (unsigned long long)key->context, pid);
	if (!kernel_has_process_filter(l->kernel))
		error = diag_set(&d, -ENOTSUP,
				 "this kernel cannot probe one process alone: 6.6.33 or later can");
	else if (l->n >= LEARNED_MAX)
		error = diag_set(&d, -ENOSPC, "more than %d functions are learned", LEARNED_MAX);
	else if (count_of(l, pid) >= PS_FUNCTIONS_PER_PROCESS)
		error = diag_set(&d, -ENOSPC, "process %u has named more than %d functions", pid,
				 PS_FUNCTIONS_PER_PROCESS);
	else
		error = mapped_at(pid, key->context, &fd, &offset, path, sizeof(path));
	if (!error)
		error = symbols_of(reading, fd, pid, &d);
	if (error && d.text[0])
		snprintf(why, sizeof(why), "%.150s", d.text);
	return target_new_learned(l->store, error ? -1 : fd, path, parent, reading->symbols, offset,
				  pid, why, ret);
}

/* Its parent may have been stepped down while it was looked for. */
static void follow(struct learned *l, const struct target *parent, struct target *t)
{
	const struct target_watch *w = target_watch(parent);

	if (w->level != LEVEL_FULL && !w->is_on)
		target_off(l->store, t,
			   w->level == LEVEL_SLOW_PATH ? TARGET_HOT : TARGET_HOT | TARGET_SLOW);
}

static void answer(struct learned *l, const struct ps_call_key *key, const struct target *parent,
		   struct reading *reading)
{
	struct function *more;
	struct target *t = NULL;
	uint32_t state;

	forget_former(l, &key->proc);
	more = realloc(l->function, (l->n + 1) * sizeof(*more));
	if (!more)
		return; /* it stays wanted: tasks are counted as not learned */
	l->function = more;
	if (attach(l, key, parent, reading, &t))
		return;
	follow(l, parent, t);
	state = target_is_complete(t) ? PS_LEARNED_ATTACHED : PS_LEARNED_REFUSED;
	l->function[l->n++] = (struct function){ .key = *key, .target = t };
	bpf_map_update_elem(map_fd(l), key, &state, BPF_EXIST);
}

void learned_poll(struct learned *l, const struct target *(*parent)(void *context, uint32_t slot),
		  void *context)
{
	uint32_t n_wanted = kernel_n_wanted(l->kernel), state;
	uint32_t most = kernel_map_limit(l->kernel, KERNEL_MAP_LEARNED);
	struct reading reading = { 0 };
	struct ps_call_key key, next;
	int64_t until_ms;
	int error;

	if (n_wanted == l->n_answered)
		return;
	until_ms = clock_ns(CLOCK_MONOTONIC) / 1000000 + POLL_MS;
	error = bpf_map_get_next_key(map_fd(l), NULL, &next);
	for (uint32_t i = 0;
	     !error && i < 2 * most && clock_ns(CLOCK_MONOTONIC) / 1000000 < until_ms; i++) {
		const struct target *g;

		key = next;
		error = bpf_map_get_next_key(map_fd(l), &key, &next);
		if (bpf_map_lookup_elem(map_fd(l), &key, &state) || state != PS_LEARNED_WANTED)
			continue;
		g = parent(context, key.slot);
		if (g)
			answer(l, &key, g, &reading);
		else
			bpf_map_delete_elem(map_fd(l), &key);
	}
	symbols_free(reading.symbols);
	if (error) /* all were looked at; else the next call goes on */
		l->n_answered = n_wanted;
}

void learned_sweep(struct learned *l)
{
	for (size_t i = l->n; i-- > 0;)
		if (kernel_is_left_out(l->kernel, l->function[i].key.proc.tgid) ||
		    (kill((pid_t)l->function[i].key.proc.tgid, 0) && errno == ESRCH))
			forget(l, i);
}

void learned_drop(struct learned *l, const struct target *parent)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->function[i].key.slot == target_domain(parent))
			forget(l, i);
}

bool learned_is_refused(const struct learned *l, const struct ps_proc_key *proc, uint32_t slot)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->function[i].key.slot == slot &&
		    !memcmp(&l->function[i].key.proc, proc, sizeof(*proc)) &&
		    !target_is_complete(l->function[i].target))
			return true;
	return false;
}

void learned_each(struct learned *l, const struct target *parent,
		  void (*call)(void *context, struct target *g), void *context)
{
	for (size_t i = 0; i < l->n; i++)
		if (target_recipe(parent) && l->function[i].key.slot == target_domain(parent))
			call(context, l->function[i].target);
}

size_t learned_n(const struct learned *l)
{
	return l->n;
}

const struct target *learned_target(const struct learned *l, size_t i)
{
	return l->function[i].target;
}
