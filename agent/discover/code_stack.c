/* SPDX-License-Identifier: MIT */
/*
 * code_stack.c - the part of code.h about the stack: how deep it is at an instruction, and in which slot an argument was kept.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "discover/code.h"
#include "discover/flow.h"

int64_t code_stack_depth(const struct code *c, uint64_t vaddr)
{
	CLEANUP(flow_done) struct flow f = { 0 };
	size_t i;

	if (flow_init(&f, c) || !flow_is_understood(&f))
		return -1;
	i = flow_index_at(&f, vaddr);
	if (i == FLOW_NOT_FOUND || !f.places[i].is_reached || f.places[i].depth == FLOW_UNKNOWN)
		return -1;
	return f.places[i].depth;
}

/* Does instruction i put register `reg`, unchanged since entry, into a slot above the return address? */
static bool is_spill(const struct flow *f, size_t i, unsigned int reg, int64_t *ret)
{
	const struct insn *in = &f->insns[i];
	const struct place *at = &f->places[i];

	return in->access == INSN_STORES && in->source == reg && in->store_bytes == 8 &&
	       at->intact & CODE_REGISTER(reg) && flow_displacement(at, in, ret) && *ret >= 8;
}

/* Could this instruction, or somebody to whom it gives an address, change the slot to another value? */
static bool is_threat(const struct flow *f, size_t i, unsigned int reg, int64_t slot)
{
	const struct insn *in = &f->insns[i];
	const struct place *at = &f->places[i];
	int64_t where;

	if (in->access != INSN_STORES && in->access != INSN_TAKES_ADDRESS)
		return false;
	if (!flow_displacement(at, in, &where)) /* code that only a switch may lead to; rbp as a register like any other */
		return in->base == CODE_RSP &&
		       (at->is_reached || f->n_switches || f->is_any_switch);
	if (in->access == INSN_TAKES_ADDRESS && where < 8)
		return false; /* something of our own frame, which ends there */
	return flow_is_changing(at, in, slot) && !(is_spill(f, i, reg, &where) && where == slot);
}

static bool is_overwritten(const struct flow *f, unsigned int reg, int64_t slot)
{
	for (size_t i = 0; i < f->n; i++)
		if (is_threat(f, i, reg, slot))
			return true;
	return false;
}

/* Is there a way from the entry to instruction `to` that does not pass `avoided`? Uses the queue; is_queued = seen. */
static bool is_avoidable(struct flow *f, size_t avoided, size_t to)
{
	for (size_t i = 0; i < f->n; i++)
		f->places[i].is_queued = i == 0;
	f->queue[0] = 0;
	f->n_queued = 1;
	while (f->n_queued) {
		size_t i = f->queue[--f->n_queued], next[2] = { FLOW_NOT_FOUND, FLOW_NOT_FOUND };
		const struct insn *in = &f->insns[i];

		if (i == avoided)
			continue;
		if (i == to || in->flow == INSN_JUMP_TABLE)
			return true;
		if (in->flow == INSN_NEXT || in->flow == INSN_BRANCH || insn_is_call(in))
			next[0] = i + 1;
		if (in->flow == INSN_JUMP || in->flow == INSN_BRANCH || in->flow == INSN_CALL)
			next[1] = flow_index_at(f, in->target);
		for (unsigned int k = 0; k < 2; k++) {
			if (next[k] >= f->n || f->places[next[k]].is_queued)
				continue;
			f->places[next[k]].is_queued = true;
			f->queue[f->n_queued++] = (uint32_t)next[k];
		}
	}
	return false;
}

int code_spill_slot(const struct code *c, unsigned int reg, uint64_t vaddr,
		    int64_t *ret_displacement)
{
	CLEANUP(flow_done) struct flow f = { 0 };
	int error = flow_init(&f, c);
	int64_t slot;
	size_t to;

	if (error)
		return error;
	if (!flow_is_understood(&f))
		return -EBADMSG;
	to = flow_index_at(&f, vaddr);
	if (to == FLOW_NOT_FOUND || !f.places[to].is_reached || reg > 31)
		return -ENOENT;
	for (size_t i = 0; i < f.n; i++) {
		if (!is_spill(&f, i, reg, &slot))
			continue;
		if (is_overwritten(&f, reg, slot) || is_avoidable(&f, i, to) || i == to)
			return -ENOENT;
		*ret_displacement = slot;
		return 0;
	}
	return -ENOENT;
}
