/* SPDX-License-Identifier: MIT */
/*
 * evidence.h - which stacks the agent asks for, and how they come into a snapshot: those of the holders and waiters of a pool that somebody
 * looks at, and of pools with a finding; and where items were taken that are out for very long.
 */
#ifndef POOLSCOPE_CMD_EVIDENCE_H
#define POOLSCOPE_CMD_EVIDENCE_H

#include <stdint.h>

struct snapshot;
struct stacks;

#define EVIDENCE_STACKS 16	/* of holders, and of waiters: the oldest of a pool */

/* Those of one pool of the snapshot, for somebody who looks at it now. */
void evidence_want(struct stacks *stacks, const struct snapshot *s, uint64_t pool, int64_t now_ns);

/* Those of pools with an open finding that is more than a note, the first few, from time to time; and of suspects where they took their items. */
void evidence_want_findings(struct stacks *stacks, const struct snapshot *s, int64_t now_ns);

/* What is known of stacks, into a snapshot that is being made. 0 or -ENOMEM. */
int evidence_fill(const struct stacks *stacks, struct snapshot *s, int64_t now_ns);

#endif
