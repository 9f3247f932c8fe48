/* SPDX-License-Identifier: MIT */
/*
 * flow.h - a function's instructions, decoded, and what is known before each of them: how deep the stack is, which registers are as
 * they were at entry, who else leads there. For the files behind code.h alone, which says what they are asked.
 *
 * An x86-64 function within the limits of code.h; the bytes are hostile. What is not known is FLOW_UNKNOWN or not is_reached, never a
 * guess; the two things that are taken from compilers stand in code.h.
 */
#ifndef POOLSCOPE_DISCOVER_FLOW_H
#define POOLSCOPE_DISCOVER_FLOW_H

#include "discover/code.h"
#include "discover/insn.h"

#define FLOW_UNKNOWN INT32_MIN
#define FLOW_MAX_SWITCHES 8
#define FLOW_NOT_FOUND SIZE_MAX

/* What is known before an instruction. Depths are bytes below rsp at entry. */
struct place {
	int32_t depth, frame;	/* of rsp, and of what rbp points to */
	uint32_t intact;	/* registers that still hold what they held at entry */
	bool is_reached, is_certain, is_target, is_queued;
};

struct flow {
	const struct code *code;
	struct insn_decoder *decoder;
	struct insn *insns;
	struct place *places;
	uint32_t *queue;	/* room for n: within a walk along the branches */
	size_t n, n_max, n_queued;
	bool is_whole;		/* all bytes were decoded */
	bool is_crossed;	/* a branch leads into the middle of an instruction */
	bool has_outside;	/* a conditional branch leaves: what it leads to may come back anywhere */
	bool is_any_switch;	/* more switches than fit, or one whose depth is not known */
	int32_t switch_depths[FLOW_MAX_SWITCHES];
	unsigned int n_switches;
};

/* f is zeroed. Also after an error it is flow_done() that frees it. -ENOMEM, -E2BIG, -ENOTSUP: another machine. */
int flow_init(struct flow *f, const struct code *c);
void flow_done(struct flow *f);

/* All branches are known and lead where we think. */
bool flow_is_understood(const struct flow *f);

uint64_t flow_vaddr(const struct flow *f, size_t i);

/* The instruction that begins there; FLOW_NOT_FOUND. */
size_t flow_index_at(const struct flow *f, uint64_t vaddr);

/* Of the function's bytes, be they decoded or not. */
bool flow_is_inside(const struct flow *f, uint64_t vaddr);

/* What is known after an instruction, when nothing else leads there. */
struct place flow_place_after(const struct place *p, const struct insn *in);

/* The bytes from rsp at entry to what an instruction accesses; false when that is not known. */
bool flow_displacement(const struct place *at, const struct insn *in, int64_t *ret);

/* May the instruction, before which `at` holds, change the 8 bytes of the slot at this displacement? */
bool flow_is_changing(const struct place *at, const struct insn *in, int64_t slot);

struct code_site flow_site(const struct flow *f, size_t i, int32_t depth);

#endif
