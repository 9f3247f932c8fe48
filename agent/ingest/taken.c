/* SPDX-License-Identifier: MIT */
/*
 * taken.c - see taken.h. The surprise: an item that is taken again writes over what was kept of it, so nothing need be cleared for most pools;
 * this is for those whose items have a new name each time.
 */
#include "ingest/taken.h"

#include <bpf/bpf.h>

#define AT_REST 64 /* entries in a tick; each takes three system calls */
#define PRESSED 1024

static bool is_of_lease(const struct kernel *k, const struct ps_ref_key *key)
{
	struct ps_lease lease;

	return !bpf_map_lookup_elem(kernel_map_fd(k, KERNEL_MAP_LEASES), key, &lease) &&
	       lease.state == PS_LEASE_HELD;
}

uint32_t taken_tick(struct taken *t, struct kernel *k)
{
	int fd = kernel_map_fd(k, KERNEL_MAP_TAKEN);
	uint32_t used = kernel_n_taken(k), limit = kernel_map_limit(k, KERNEL_MAP_TAKEN),
		 n = used > limit / 2 ? PRESSED : AT_REST;
	struct ps_ref_key next;

	for (uint32_t i = 0; i < n && i < used; i++) {
		/* the key before may be none any more; then it begins anew */
		if (bpf_map_get_next_key(fd, t->is_under_way ? &t->key : NULL, &next)) {
			t->is_under_way = false;
			break;
		}
		if (t->is_under_way && !is_of_lease(k, &t->key))
			kernel_forget_taken(k, &t->key);
		t->key = next;
		t->is_under_way = true;
	}
	return kernel_n_taken(k);
}
