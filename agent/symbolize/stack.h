/* SPDX-License-Identifier: MIT */
/*
 * stack.h - what is said of a thread or a goroutine: the message between the agent and the process that looks (looker.h). All text in it is
 * foreign until it is cleaned.
 */
#ifndef POOLSCOPE_SYMBOLIZE_STACK_H
#define POOLSCOPE_SYMBOLIZE_STACK_H

#include <stdint.h>

#include "bpf/abi.h"

#define STACK_FRAMES_MAX 40
#define STACK_FRAME_BYTES 192
#define STACK_TEXT_BYTES 192

enum stack_state {
	STACK_UNKNOWN,
	STACK_ON_CPU,
	STACK_RUNNABLE,	/* it wants a CPU */
	STACK_SLEEPING,
	STACK_BLOCKED,	/* sleeps so that no signal wakes it: a disk, mostly */
	STACK_STOPPED,
	STACK_PARKED,	/* a goroutine that waits */
	STACK_GONE,
	STACK_STATE_COUNT
};

/* Who is looked at: as he is, or as he was when he took an item. */
struct stack_of {
	uint32_t pid;
	uint32_t tid;
	uint64_t goroutine;	/* address of its g; 0 = the thread is meant */
	struct ps_ref_key lease;	/* of the item */
	uint64_t taken_ns;	/* when he took it; 0 = he is meant as he is now */
};

struct stack {
	struct stack_of of;
	uint32_t state;		/* enum stack_state */
	uint32_t n_frames;
	uint32_t on_tid;	/* the thread that runs the goroutine; else tid; 0 = none does */
	uint32_t is_cut;	/* there are more frames */
	uint64_t goroutine_id;	/* as Go's own tracebacks number it; 0 = not known */
	uint64_t cpu_ns;	/* of the looking process, so far */
	char thread[PS_COMM_MAX];	/* the name of who took an item, then; "" = not known */
	char waits_for[STACK_TEXT_BYTES];	/* "" = nothing, or not known */
	char problem[STACK_TEXT_BYTES];	/* why there are no frames; "" = there are */
	char frame[STACK_FRAMES_MAX][STACK_FRAME_BYTES];	/* the innermost first: "function (file) at source.c:12" */
};

#endif
