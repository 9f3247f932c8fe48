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

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "discover/mapped.h"
#include "discover/symbols.h"

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

static size_t count_of(const struct learned *l, const struct ps_proc_key *proc)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += !memcmp(&l->function[i].key.proc, proc, sizeof(*proc));
	return n;
}

static void cleanup_symbols(struct symbols **s)
{
	symbols_free(*s);
}

/* Only -ENOMEM; else a target, with a problem when it could not be attached. */
static int attach(struct learned *l, const struct ps_call_key *key, const struct target *parent,
		  struct target **ret)
{
	CLEANUP(cleanup_symbols) struct symbols *symbols = NULL;
	AUTO_CLOSE int fd = -1;
	uint32_t pid = key->proc.tgid;
	char path[4096], root[32], why[96];
	struct diag d = { 0 };
	uint64_t offset = 0;

	snprintf(why, sizeof(why), "the function at 0x%llx of process %u is in no file",
		 (unsigned long long)key->context, pid);
	snprintf(path, sizeof(path), "?");
	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	if (count_of(l, &key->proc) >= LEARNED_PER_PROCESS)
		snprintf(why, sizeof(why), "process %u has named more than %d functions", pid,
			 LEARNED_PER_PROCESS);
	else if (!mapped_at(pid, key->context, &fd, &offset, path, sizeof(path)) &&
		 symbols_open(fd, root, &symbols, &d)) {
		snprintf(why, sizeof(why), "%.90s", d.text);
		close(fd);
		fd = -1;
	}
	return target_new_learned(l->store, fd, path, parent, symbols, offset, pid, why, ret);
}

static void answer(struct learned *l, const struct ps_call_key *key, const struct target *parent)
{
	struct function *more = realloc(l->function, (l->n + 1) * sizeof(*more));
	struct target *t = NULL;
	uint32_t state;

	if (!more)
		return; /* it stays wanted: tasks are counted as not learned */
	l->function = more;
	if (attach(l, key, parent, &t))
		return;
	state = target_is_complete(t) ? PS_LEARNED_ATTACHED : PS_LEARNED_REFUSED;
	l->function[l->n++] = (struct function){ .key = *key, .target = t };
	bpf_map_update_elem(map_fd(l), key, &state, BPF_EXIST);
}

void learned_poll(struct learned *l, const struct target *(*parent)(void *context, uint32_t slot),
		  void *context)
{
	uint32_t n_wanted = kernel_n_wanted(l->kernel), state;
	uint32_t most = kernel_map_limit(l->kernel, KERNEL_MAP_LEARNED);
	struct ps_call_key key, next;
	int error;

	if (n_wanted == l->n_answered)
		return;
	l->n_answered = n_wanted;
	error = bpf_map_get_next_key(map_fd(l), NULL, &next);
	for (uint32_t i = 0; !error && i < 2 * most; i++) {
		const struct target *g;

		key = next;
		error = bpf_map_get_next_key(map_fd(l), &key, &next);
		if (bpf_map_lookup_elem(map_fd(l), &key, &state) || state != PS_LEARNED_WANTED)
			continue;
		g = parent(context, key.slot);
		if (g)
			answer(l, &key, g);
		else
			bpf_map_delete_elem(map_fd(l), &key);
	}
}

void learned_sweep(struct learned *l)
{
	for (size_t i = l->n; i-- > 0;)
		if (kill((pid_t)l->function[i].key.proc.tgid, 0) && errno == ESRCH)
			forget(l, i);
}

void learned_drop(struct learned *l, const struct target *parent)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->function[i].key.slot == target_slot(parent))
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

size_t learned_n(const struct learned *l)
{
	return l->n;
}

const struct target *learned_target(const struct learned *l, size_t i)
{
	return l->function[i].target;
}
