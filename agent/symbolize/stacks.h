/* SPDX-License-Identifier: MIT */
/*
 * stacks.h - the agent's side of the looker: asks for stacks, keeps the answers for a while. Nothing here waits. Who is asked for too often is
 * answered from what is kept; what finds the queue full is refused and counted.
 */
#ifndef POOLSCOPE_SYMBOLIZE_STACKS_H
#define POOLSCOPE_SYMBOLIZE_STACKS_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/stack.h"

#define STACKS_MAX 256	/* asked for or kept */

struct stacks;

struct stacks_report {
	uint64_t n_taken;
	uint64_t n_refused;	/* the queue was full */
	uint64_t n_failed;	/* the looker ended with them */
	double cpu_s;	/* of all lookers */
};

struct kept_stack {
	struct stack stack;	/* its text is clean */
	int64_t taken_ns;	/* CLOCK_MONOTONIC */
};

/* Both are borrowed: kernel_registers_fd(), and the map KERNEL_MAP_TAKEN. NULL when out of memory. No looker is started before it is needed. */
struct stacks *stacks_new(int program_fd, int taken_fd);

/* Ends the looker. NULL is allowed. */
void stacks_free(struct stacks *s);

/*
 * Asks for one, unless it is asked for already or one is kept that is younger than fresh_ns. That of who took an item does not change:
 * it is kept as long as it is asked for.
 */
void stacks_want(struct stacks *s, const struct stack_of *of, int64_t fresh_ns, int64_t now_ns);

/* To be called often: takes answers, starts and ends the looker, forgets what is old. */
void stacks_tick(struct stacks *s, int64_t now_ns);

/* The i-th that is kept, borrowed until the next call that is not this one; NULL = there are no more. */
const struct kept_stack *stacks_at(const struct stacks *s, size_t i);

const struct stacks_report *stacks_report(const struct stacks *s);

#endif
