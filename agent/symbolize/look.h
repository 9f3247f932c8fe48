/* SPDX-License-Identifier: MIT */
/*
 * look.h - the present stack of a thread or goroutine, with names. It reads the files and the memory of the process, takes milliseconds to
 * seconds, and trusts that libdw survives what those hold; so it is done in a process of its own (looker.h).
 */
#ifndef POOLSCOPE_SYMBOLIZE_LOOK_H
#define POOLSCOPE_SYMBOLIZE_LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "symbolize/stack.h"

struct look;

/* How registers are read, and sampled of a thread that runs, and what was kept of one that took an item: as probe/registers.h has it. */
struct look_kernel {
	int (*read)(void *context, uint32_t tid, struct ps_registers *ret);
	int (*sample)(void *context, uint32_t tid, struct ps_registers *ret, uint8_t *stack,
		      size_t size, size_t *ret_n);
	int (*taken)(void *context, const struct ps_ref_key *lease, struct ps_taken *ret);
	void *context;
};

/* NULL when out of memory. What is known of the last process's files is kept until another one is asked for, or `forget`. */
struct look *look_new(const struct look_kernel *kernel);
void look_free(struct look *l); /* NULL is allowed */
void look_forget(struct look *l);

/* Always an answer: what could not be seen is said in its `problem`. */
void look_at(struct look *l, const struct stack_of *of, struct stack *ret);

#endif
