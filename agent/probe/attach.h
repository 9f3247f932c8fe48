/* SPDX-License-Identifier: MIT */
/*
 * attach.h - the probes of one file, put on and taken off together. By uprobe_multi links where the kernel has them; else one
 * perf uprobe each, which take 110 ms each to come off (measured 2026-11), all of them one after the other.
 */
#ifndef POOLSCOPE_PROBE_ATTACH_H
#define POOLSCOPE_PROBE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "probe/kernel.h"

struct attach_site {
	uint64_t offset;	/* in the file */
	uint64_t semaphore;	/* in the file; 0 = none */
	uint64_t cookie;
	bool is_return;	/* at the return of the function that begins there */
};

struct attachment;
struct closer;

/*
 * Attaches all sites of the file open at `fd` (its path does not matter: it may be deleted or lie in a container), in one process
 * or (pid 0) in all. The attachment is the caller's; on failure nothing stays attached and the diag has the kernel's reason.
 */
int attachment_new(const struct kernel *k, int fd, const struct attach_site *sites, size_t n,
		   uint32_t pid, struct attachment **ret, struct diag *d);

/* "uprobe_multi" or "perf". */
const char *attachment_method(const struct attachment *a);

/* Detaches. NULL is allowed. */
void attachment_free(struct attachment *a);

/* How often a probe hit, by its cookie. */
typedef uint64_t attach_hits_fn(void *context, uint64_t cookie);

/* Detaches without waiting for it: links at once, perf uprobes by the closer, those with the most hits first. NULL is allowed. */
void attachment_let_go(struct attachment *a, struct closer *c, attach_hits_fn *hits, void *context);

#endif
