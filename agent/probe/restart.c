/* SPDX-License-Identifier: MIT */
/*
 * restart.c - see restart.h. The surprise: the books are replaced and not deleted, for then the kernel side would count the pool a second time against the limit of its process.
 */
#include "probe/restart.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/books.h"

#define BATCH_BYTES (1 << 18)

struct chosen_pools {
	struct kernel *kernel;
	uint32_t domain;
	bool were_slow_off;
	const struct target_user *users;
	size_t n_users;
	uint64_t now_ns;
	struct ps_pool_key *key; /* owned; sorted once all are known */
	size_t n;
	struct ps_hists *no_hists; /* owned */
};

typedef void each_fn(struct chosen_pools *c, const void *key, const void *value);

/* Keys and values of a hash map; `each` may change or delete what it is called with. */
static void walk(struct chosen_pools *c, enum kernel_map which, size_t key_size, size_t value_size,
		 each_fn *each)
{
	int fd = kernel_map_fd(c->kernel, which), error;
	uint32_t most = (uint32_t)(BATCH_BYTES / (key_size + value_size)), position = 0, next = 0,
		 n;
	AUTO_FREE char *keys = malloc(most * key_size);
	AUTO_FREE char *values = malloc(most * value_size);
	bool is_first = true;

	if (!keys || !values)
		return;
	do {
		n = most;
		error = bpf_map_lookup_batch(fd, is_first ? NULL : &position, &next, keys, values,
					     &n, NULL);
		if (error && error != -ENOENT)
			return;
		for (uint32_t i = 0; i < n; i++)
			each(c, keys + i * key_size, values + i * value_size);
		position = next;
		is_first = false;
	} while (!error);
}

static bool is_user(const struct chosen_pools *c, uint32_t pid)
{
	for (size_t i = 0; i < c->n_users; i++)
		if (c->users[i].pid == pid)
			return true;
	return false;
}

static void each_pool(struct chosen_pools *c, const void *at, const void *value)
{
	struct ps_pool_key key, *more;
	struct ps_pool old;

	memcpy(&key, at, sizeof(key));
	memcpy(&old, value, sizeof(old));
	if (old.domain != c->domain || old.flags & PS_POOL_DESTROYED ||
	    (old.flags & PS_POOL_PAGED && !c->were_slow_off) ||
	    (!c->domain && !is_user(c, key.proc.tgid)))
		return;
	more = realloc(c->key, (c->n + 1) * sizeof(*more));
	if (!more)
		return;
	c->key = more;
	c->key[c->n++] = key;
}

/* How long the process has stood still so far. */
static uint64_t stood_of(const struct chosen_pools *c, const struct ps_proc_key *proc)
{
	struct ps_standstill s;

	if (bpf_map_lookup_elem(kernel_map_fd(c->kernel, KERNEL_MAP_STANDSTILLS), proc, &s))
		return 0;
	return ps_stood(&s, c->now_ns);
}

/* The sums are closed as when a pool is destroyed. */
static void end_waits(const struct chosen_pools *c, const struct ps_pool_key *key,
		      struct ps_pool *p)
{
	uint64_t waiting = ps_waiting(p) > 0 ? (uint64_t)ps_waiting(p) : 0;

	p->flags |= PS_POOL_IMPLICIT;
	p->waits_voided += waiting;
	p->wait_end_sum += waiting * c->now_ns;
	p->stood_wait_sum += waiting ? waiting * stood_of(c, &key->proc) : 0;
	p->waits_ended += waiting;
	bpf_map_update_elem(kernel_map_fd(c->kernel, KERNEL_MAP_POOLS), key, p, BPF_EXIST);
}

static void begin_anew(struct chosen_pools *c, const struct ps_pool_key *key)
{
	const uint32_t of_before = PS_POOL_LOST_EVENTS | PS_POOL_SAME_TASKS | PS_POOL_BACKLOG |
				   PS_POOL_UNHELD | PS_POOL_UNSEEN_STAYS;
	int pools = kernel_map_fd(c->kernel, KERNEL_MAP_POOLS);
	struct ps_pool old, fresh;

	if (bpf_map_lookup_elem(pools, key, &old))
		return;
	if (old.flags & PS_POOL_PAGED) {
		end_waits(c, key, &old);
		return;
	}
	memset(&fresh, 0, sizeof(fresh));
	fresh.since_ns = fresh.capacity_since_ns = c->now_ns;
	fresh.flags = (old.flags & ~of_before) | PS_POOL_IMPLICIT;
	if (c->domain && old.kind == PS_KIND_worker) /* tasks that nobody saw begin may still run */
		fresh.flags |= PS_POOL_UNSEEN_TASKS;
	fresh.kind = old.kind;
	fresh.domain = old.domain;
	fresh.capacity = old.capacity;
	fresh.min_idle = old.min_idle;
	memcpy(fresh.name, old.name, sizeof(fresh.name));
	bpf_map_update_elem(pools, key, &fresh, BPF_EXIST);
	bpf_map_update_elem(kernel_map_fd(c->kernel, KERNEL_MAP_HISTS), key, c->no_hists,
			    BPF_EXIST);
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ps_pool_key));
}

static bool is_chosen(const struct chosen_pools *c, const struct ps_pool_key *key)
{
	return bsearch(key, c->key, c->n, sizeof(*c->key), compare_keys);
}

static void each_lease(struct chosen_pools *c, const void *at, const void *value)
{
	struct ps_ref_key key;

	(void)value;
	memcpy(&key, at, sizeof(key));
	if (is_chosen(c, &key.pool))
		bpf_map_delete_elem(kernel_map_fd(c->kernel, KERNEL_MAP_LEASES), &key);
}

static void each_waiter(struct chosen_pools *c, const void *at, const void *value)
{
	struct ps_ref_key key;

	(void)value;
	memcpy(&key, at, sizeof(key));
	if (is_chosen(c, &key.pool))
		bpf_map_delete_elem(kernel_map_fd(c->kernel, KERNEL_MAP_WAITERS), &key);
}

static void each_call(struct chosen_pools *c, const void *at, const void *value)
{
	struct ps_call_key key;

	(void)value;
	memcpy(&key, at, sizeof(key));
	if (key.slot == c->domain)
		bpf_map_delete_elem(kernel_map_fd(c->kernel, KERNEL_MAP_CALLS), &key);
}

static void each_task(struct chosen_pools *c, const void *at, const void *value)
{
	struct ps_call_key key;

	(void)value;
	memcpy(&key, at, sizeof(key));
	if (key.slot == c->domain)
		bpf_map_delete_elem(kernel_map_fd(c->kernel, KERNEL_MAP_TASKS), &key);
}

void books_restart(struct kernel *k, uint32_t domain, bool were_slow_off,
		   const struct target_user *users, size_t n_users)
{
	struct chosen_pools c = { .kernel = k,
				  .domain = domain,
				  .were_slow_off = were_slow_off,
				  .users = users,
				  .n_users = n_users,
				  .now_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC) };

	c.no_hists = calloc(1, sizeof(*c.no_hists));
	if (c.no_hists)
		walk(&c, KERNEL_MAP_POOLS, sizeof(struct ps_pool_key), sizeof(struct ps_pool),
		     each_pool);
	if (c.n) {
		qsort(c.key, c.n, sizeof(*c.key), compare_keys);
		walk(&c, KERNEL_MAP_LEASES, sizeof(struct ps_ref_key), sizeof(struct ps_lease),
		     each_lease);
		walk(&c, KERNEL_MAP_WAITERS, sizeof(struct ps_ref_key), sizeof(struct ps_waiter),
		     each_waiter);
	}
	if (domain) {
		walk(&c, KERNEL_MAP_CALLS, sizeof(struct ps_call_key), sizeof(struct ps_call),
		     each_call);
		walk(&c, KERNEL_MAP_TASKS, sizeof(struct ps_call_key), sizeof(struct ps_task),
		     each_task);
	}
	for (size_t i = 0; i < c.n; i++)
		begin_anew(&c, &c.key[i]);
	free(c.key);
	free(c.no_hists);
}
