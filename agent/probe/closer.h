/* SPDX-License-Identifier: MIT */
/*
 * closer.h - takes perf uprobes off without the loop waiting for it: each takes the kernel 110 ms (measured 2026-11), one after the other, and whoever closes it waits. The thread begins with the
 * first that is handed over; where uprobe_multi links are there is none.
 */
#ifndef POOLSCOPE_PROBE_CLOSER_H
#define POOLSCOPE_PROBE_CLOSER_H

#include <stddef.h>

struct bpf_link;
struct closer;

int closer_new(struct closer **ret);
/* Waits for what is handed over. NULL is allowed. */
void closer_free(struct closer *c);

/* Takes n links over, the one to come off first in front; the array itself stays the caller's. Where there is no thread or no memory for it they are off when this returns. */
void closer_take(struct closer *c, struct bpf_link *const *links, size_t n);

/* How many are still on. */
size_t closer_n(struct closer *c);

/* Returns when none is. */
void closer_wait(struct closer *c);

#endif
