/* SPDX-License-Identifier: MIT */
/*
 * flow.c - see flow.h. The surprise: nobody says which calls return. Go ends a function with a call of panicIndex, and the
 * block behind it belongs to another branch with another stack depth. So depths are followed twice: first without going on
 * after calls, which gives what is certain, then with it, and there what is certain wins.
 */
#include "discover/flow.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#define ALL_REGISTERS 0xffffffffu

/* ---- decoding ---------------------------------------------------------------------------------------------------------- */

void flow_done(struct flow *f)
{
	insn_decoder_free(f->decoder);
	free(f->insns);
	free(f->places);
	free(f->queue);
}

static int append(struct flow *f, const struct insn *insn)
{
	if (f->n == CODE_MAX_INSTRUCTIONS)
		return -E2BIG;
	if (f->n == f->n_max) {
		size_t n = f->n_max ? 2 * f->n_max : 256;
		struct insn *more = realloc(f->insns, n * sizeof(*more));

		if (!more)
			return -ENOMEM;
		f->insns = more;
		f->n_max = n;
	}
	f->insns[f->n++] = *insn;
	return 0;
}

static int decode(struct flow *f)
{
	struct insn insn;
	size_t offset = 0;
	int error;

	for (; offset < f->code->size; offset += insn.size) {
		if (!insn_decode(f->decoder, f->code, offset, &insn))
			return 0;
		error = append(f, &insn);
		if (error)
			return error;
	}
	f->is_whole = true;
	return 0;
}

/* The instruction that holds this byte; FLOW_NOT_FOUND outside of what was decoded. */
static size_t index_around(const struct flow *f, uint64_t vaddr)
{
	uint64_t offset = vaddr - f->code->vaddr;
	size_t low = 0, high = f->n;

	if (!f->n || offset >= f->insns[f->n - 1].offset + (uint64_t)f->insns[f->n - 1].size)
		return FLOW_NOT_FOUND;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->insns[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

uint64_t flow_vaddr(const struct flow *f, size_t i)
{
	return f->code->vaddr + f->insns[i].offset;
}

size_t flow_index_at(const struct flow *f, uint64_t vaddr)
{
	size_t i = index_around(f, vaddr);

	return i != FLOW_NOT_FOUND && flow_vaddr(f, i) == vaddr ? i : FLOW_NOT_FOUND;
}

bool flow_is_inside(const struct flow *f, uint64_t vaddr)
{
	return vaddr - f->code->vaddr < f->code->size;
}

static void mark_targets(struct flow *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct insn *in = &f->insns[i];
		size_t to;

		if (in->flow != INSN_BRANCH && in->flow != INSN_JUMP && in->flow != INSN_CALL)
			continue;
		if (in->flow == INSN_CALL && in->target == f->code->vaddr)
			continue; /* recursion: a call as any other */
		if (in->flow == INSN_BRANCH && !flow_is_inside(f, in->target))
			f->has_outside = true;
		to = index_around(f, in->target);
		if (to == FLOW_NOT_FOUND)
			continue;
		f->places[to].is_target = true;
		if (flow_vaddr(f, to) != in->target)
			f->is_crossed = true;
	}
}

/* ---- following --------------------------------------------------------------------------------------------------------- */

static int32_t moved(uint8_t move, int32_t by, int32_t self, int32_t other)
{
	int64_t depth;

	if (move == INSN_KEEPS)
		return self;
	if (move == INSN_LOSES || (move == INSN_MOVES_BY ? self : other) == FLOW_UNKNOWN)
		return FLOW_UNKNOWN;
	depth = (int64_t)(move == INSN_MOVES_BY ? self : other) - by;
	return depth < -INT32_MAX || depth > INT32_MAX ? FLOW_UNKNOWN : (int32_t)depth;
}

struct place flow_place_after(const struct place *p, const struct insn *in)
{
	struct place next = { .is_reached = true };

	next.depth = moved(in->stack, in->stack_by, p->depth, p->frame);
	next.frame = moved(in->frame, in->frame_by, p->frame, p->depth);
	next.intact = p->intact & ~in->writes;
	if (next.depth < 0) /* above the return address there is nothing of ours */
		next.depth = FLOW_UNKNOWN;
	return next;
}

static int32_t joined(int32_t a, int32_t b)
{
	return a == b ? a : FLOW_UNKNOWN;
}

/* One more way leads to instruction i. The entry stays as it is: a jump to it begins the function anew. */
static void reach(struct flow *f, size_t i, const struct place *from)
{
	struct place *p, next;

	if (i == 0 || i >= f->n)
		return;
	p = &f->places[i];
	next = *p;
	if (p->is_certain && p->depth != from->depth)
		return; /* by a call that never returns */
	next.is_reached = true;
	next.depth = p->is_reached ? joined(p->depth, from->depth) : from->depth;
	next.frame = p->is_reached ? joined(p->frame, from->frame) : from->frame;
	next.intact = p->is_reached ? p->intact & from->intact : from->intact;
	if (p->is_reached && p->depth == next.depth && p->frame == next.frame &&
	    p->intact == next.intact)
		return;
	*p = next;
	if (!p->is_queued)
		f->queue[f->n_queued++] = (uint32_t)i;
	p->is_queued = true;
}

static void follow_from(struct flow *f, size_t i, bool is_after_calls)
{
	const struct insn *in = &f->insns[i];
	const struct place lost = { .depth = FLOW_UNKNOWN, .frame = FLOW_UNKNOWN };
	struct place next = flow_place_after(&f->places[i], in);
	size_t to = flow_index_at(f, in->target);

	if (in->flow == INSN_NEXT || in->flow == INSN_BRANCH ||
	    (insn_is_call(in) && is_after_calls))
		reach(f, i + 1, &next);
	if (to == FLOW_NOT_FOUND)
		return;
	if (in->flow == INSN_BRANCH || in->flow == INSN_JUMP)
		reach(f, to, &next);
	else if (in->flow == INSN_CALL)
		reach(f, to, &lost);
}

static void drain(struct flow *f, bool is_after_calls)
{
	while (f->n_queued) {
		size_t i = f->queue[--f->n_queued];

		f->places[i].is_queued = false;
		follow_from(f, i, is_after_calls);
	}
}

static void note_switches(struct flow *f)
{
	for (size_t i = 0; i < f->n && !f->is_any_switch; i++) {
		const struct place *p = &f->places[i];
		unsigned int k = 0;

		if (f->insns[i].flow != INSN_JUMP_TABLE)
			continue;
		while (k < f->n_switches && f->switch_depths[k] != p->depth)
			k++;
		if (!p->is_reached || p->depth == FLOW_UNKNOWN || k == FLOW_MAX_SWITCHES)
			f->is_any_switch = true;
		else if (k == f->n_switches)
			f->switch_depths[f->n_switches++] = p->depth;
	}
}

static void follow(struct flow *f)
{
	f->places[0].intact = ALL_REGISTERS;
	f->places[0].frame = FLOW_UNKNOWN;
	f->places[0].is_reached = true;
	follow_from(f, 0, false);
	drain(f, false);
	for (size_t i = 0; i < f->n; i++)
		f->places[i].is_certain =
			f->places[i].is_reached && f->places[i].depth != FLOW_UNKNOWN;
	for (size_t i = 0; i < f->n; i++)
		if (f->places[i].is_reached && insn_is_call(&f->insns[i]))
			follow_from(f, i, true);
	drain(f, true);
	note_switches(f);
}

int flow_init(struct flow *f, const struct code *c)
{
	int error;

	f->code = c;
	if (c->machine != EM_X86_64)
		return -ENOTSUP;
	if (c->size > CODE_MAX_BYTES)
		return -E2BIG;
	error = insn_decoder_new(&f->decoder);
	if (!error)
		error = decode(f);
	if (error || !f->n)
		return error;
	f->places = calloc(f->n, sizeof(*f->places));
	f->queue = calloc(f->n, sizeof(*f->queue));
	if (!f->places || !f->queue)
		return -ENOMEM;
	mark_targets(f);
	follow(f);
	return 0;
}

bool flow_is_understood(const struct flow *f)
{
	return f->is_whole && !f->is_crossed;
}

/* ---- what follows from it ---------------------------------------------------------------------------------------------- */

bool flow_displacement(const struct place *at, const struct insn *in, int64_t *ret)
{
	int32_t depth = in->base == CODE_RSP ? at->depth : at->frame;

	if (!at->is_reached || depth == FLOW_UNKNOWN)
		return false;
	*ret = (int64_t)in->displacement - depth;
	return true;
}

bool flow_is_changing(const struct place *at, const struct insn *in, int64_t slot)
{
	int64_t begin;

	if (in->access == INSN_ACCESS_NONE)
		return false;
	if (in->access == INSN_STORES_ELSEWHERE || !flow_displacement(at, in, &begin))
		return true;
	return begin < slot + 8 &&
	       (in->access == INSN_TAKES_ADDRESS || begin + (int64_t)in->store_bytes > slot);
}

struct code_site flow_site(const struct flow *f, size_t i, int32_t depth)
{
	return (struct code_site){
		.vaddr = flow_vaddr(f, i),
		.cost = f->insns[i].cost,
		.depth_bytes = depth == FLOW_UNKNOWN ? -1 : depth,
	};
}
