/* SPDX-License-Identifier: MIT */
/*
 * targets.h - the files that carry our points: examined once, attached once however many processes map them, detached when the
 * last of those is gone.
 *
 * A file is known by device, inode and times, so that a replaced file is a new one. What was found to carry no points is
 * remembered too. One that fails to attach stays in the table with the reason and is not tried again until it changes.
 */
#ifndef POOLSCOPE_PROBE_TARGETS_H
#define POOLSCOPE_PROBE_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "probe/kernel.h"

struct targets;

int targets_new(struct kernel *k, struct targets **ret);
void targets_free(struct targets *t);

/*
 * Process `pid` maps the file that is open at `fd` (borrowed); `path` is for people. Attaches if it carries points and is new.
 * `scan` numbers the look at the process, see targets_leave(). Returns 1 when the process now uses a target, 0 when the file is of no interest, negative errno otherwise.
 */
int targets_offer(struct targets *t, int fd, const char *path, uint32_t pid, uint64_t scan);

/*
 * The process no longer uses the files that were offered before this scan; UINT64_MAX = it is gone and uses none. Files without
 * users are detached.
 */
void targets_leave(struct targets *t, uint32_t pid, uint64_t scan);

size_t targets_n_attached(const struct targets *t);
size_t targets_n_failed(const struct targets *t);

/* One row per probe site, and one per file that failed, in `arena`. `stat` fetches hits and errors of a probe. */
int targets_rows(const struct targets *t, struct arena *arena,
		 void (*stat)(void *context, uint32_t probe, uint64_t *hits, uint64_t *errors),
		 void *context, const struct probe_row **ret, size_t *ret_n);

#endif
