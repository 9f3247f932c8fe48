/* SPDX-License-Identifier: MIT */
/*
 * code.c - see code.h: the choice of an address. The surprise: a value may be had where its register is long in other use, because the
 * function has copied it or put it on its stack; so what each needed register held is followed along the straight line.
 */
#include "discover/code.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "discover/flow.h"

/* ---- where values go --------------------------------------------------------------------------------------------------- */

/* Who holds the value that a register had at the beginning of a straight line. */
struct holders {
	uint32_t registers;
	bool has_slot;
	int64_t slot;	/* displacement from rsp at entry */
};

static void pass_on(struct holders *h, const struct place *at, const struct place *after,
		    const struct insn *in)
{
	bool is_source = in->source < CODE_REGISTERS && h->registers & CODE_REGISTER(in->source);
	int64_t slot;

	h->registers &= ~in->writes;
	if (is_source && in->copy != CODE_NO_REGISTER)
		h->registers |= CODE_REGISTER(in->copy);
	if (h->has_slot && flow_is_changing(at, in, h->slot))
		h->has_slot = false;
	if (is_source && in->access == INSN_STORES && in->store_bytes == 8 &&
	    flow_displacement(at, in, &slot)) {
		h->has_slot = true;
		h->slot = slot;
	}
	if (after->depth == FLOW_UNKNOWN || h->slot < -(int64_t)after->depth)
		h->has_slot = false; /* below rsp the next push takes it */
}

static bool find_value(const struct holders *h, uint8_t reg, const struct place *at,
		       struct code_value *ret)
{
	*ret = (struct code_value){ .reg = reg };
	if (h->registers & CODE_REGISTER(reg))
		return true;
	for (uint8_t r = 0; r < CODE_REGISTERS; r++) {
		ret->reg = r;
		if (h->registers & CODE_REGISTER(r))
			return true;
	}
	if (!h->has_slot || h->slot + at->depth > INT32_MAX)
		return false;
	*ret = (struct code_value){
		.reg = CODE_RSP,
		.is_memory = true,
		.displacement = (int32_t)(h->slot + at->depth),
	};
	return true;
}

static bool find_values(const struct holders *h, uint32_t needed, const struct place *at,
			bool is_anywhere, struct code_value *ret)
{
	if (needed & CODE_REGISTER(CODE_RSP) && at->depth == FLOW_UNKNOWN)
		return false;
	for (uint8_t r = 0; r < CODE_REGISTERS; r++) {
		ret[r] = (struct code_value){ .reg = CODE_NO_REGISTER };
		if (!(needed & CODE_REGISTER(r)) || r == CODE_RSP)
			continue;
		if (!find_value(&h[r], r, at, &ret[r]) || (!is_anywhere && ret[r].reg != r))
			return false;
	}
	return true;
}

/* ---- the choice -------------------------------------------------------------------------------------------------------- */

/* Can instruction i be come to by something else than the one before it? */
static bool is_entered(const struct flow *f, size_t i, int32_t depth)
{
	bool by_switch = f->is_any_switch || (f->n_switches && depth == FLOW_UNKNOWN);

	for (unsigned int k = 0; k < f->n_switches; k++)
		by_switch |= f->switch_depths[k] == depth;
	return f->places[i].is_target || by_switch;
}

/* The cheapest on the straight line from instruction i, before which `at` holds; the first of equals. */
static int choose(const struct flow *f, size_t i, struct place at, uint32_t needed,
		  struct code_site *ret, struct code_value *ret_values)
{
	struct code_value values[CODE_REGISTERS];
	struct holders h[CODE_REGISTERS] = { 0 };
	bool is_found = false;

	for (unsigned int r = 0; r < CODE_REGISTERS; r++)
		h[r].registers = CODE_REGISTER(r);
	for (size_t first = i; i < f->n; i++) {
		const struct insn *in = &f->insns[i];
		struct place after = flow_place_after(&at, in);

		if (i != first && (is_entered(f, i, at.depth) || !f->is_whole))
			break;
		if (!find_values(h, needed, &at, ret_values, values))
			break;
		if (in->cost == CODE_EMULATED || (in->cost == CODE_STEPPED && !is_found)) {
			*ret = flow_site(f, i, at.depth);
			if (ret_values)
				memcpy(ret_values, values, sizeof(values));
			is_found = true;
		}
		if (in->cost == CODE_EMULATED || in->flow != INSN_NEXT)
			break;
		for (unsigned int r = 0; r < CODE_REGISTERS; r++)
			pass_on(&h[r], &at, &after, in);
		at = after;
	}
	return is_found ? 0 : -ENOTSUP;
}

static int entry_site_arm(const struct code *c, struct code_site *ret,
			  struct code_value *ret_values)
{
	if (c->size < 4)
		return -ENOTSUP;
	for (uint8_t r = 0; ret_values && r < CODE_REGISTERS; r++)
		ret_values[r] = (struct code_value){ .reg = r };
	*ret = (struct code_site){ .vaddr = c->vaddr, .cost = CODE_STEPPED };
	return 0;
}

int code_entry_site(const struct code *c, uint32_t needed, struct code_site *ret,
		    struct code_value ret_values[CODE_REGISTERS])
{
	CLEANUP(flow_done) struct flow f = { 0 };
	int error;

	if (c->machine == EM_AARCH64)
		return entry_site_arm(c, ret, ret_values);
	error = flow_init(&f, c);
	if (error)
		return error;
	if (!f.n)
		return -ENOTSUP;
	error = choose(&f, 0, f.places[0], needed, ret, ret_values);
	if (!error)
		ret->is_repeated = is_entered(&f, 0, 0) || !flow_is_understood(&f);
	return error;
}

int code_after_call_site(const struct code *c, uint64_t call_vaddr, uint32_t needed,
			 struct code_site *ret, struct code_value ret_values[CODE_REGISTERS])
{
	CLEANUP(flow_done) struct flow f = { 0 };
	struct place after;
	int error = flow_init(&f, c);
	size_t i;

	if (error)
		return error;
	i = flow_index_at(&f, call_vaddr);
	if (i == FLOW_NOT_FOUND || !insn_is_call(&f.insns[i]))
		return -EINVAL;
	if (i + 1 == f.n)
		return -ENOENT;
	after = f.places[i]; /* and not places[i + 1], where others may come in */
	if (!after.is_reached || !flow_is_understood(&f)) {
		after.depth = FLOW_UNKNOWN;
		after.frame = FLOW_UNKNOWN;
	}
	error = choose(&f, i + 1, after, needed, ret, ret_values);
	if (!error)
		ret->is_repeated = is_entered(&f, i + 1, after.depth) || !flow_is_understood(&f) ||
				   f.has_outside;
	return error;
}

enum code_cost code_cost_at(const struct code *c, uint64_t vaddr)
{
	struct insn_decoder *decoder;
	enum code_cost cost = CODE_REFUSED;
	struct insn insn;

	if (vaddr - c->vaddr >= c->size)
		return CODE_REFUSED;
	if (c->machine == EM_AARCH64)
		return (vaddr - c->vaddr) % 4 || c->size - (vaddr - c->vaddr) < 4 ? CODE_REFUSED
										  : CODE_STEPPED;
	if (c->machine != EM_X86_64 || insn_decoder_new(&decoder))
		return CODE_REFUSED;
	if (insn_decode(decoder, c, vaddr - c->vaddr, &insn))
		cost = insn.cost;
	insn_decoder_free(decoder);
	return cost;
}

bool code_is_boundary(const struct code *c, uint64_t vaddr)
{
	CLEANUP(flow_done) struct flow f = { 0 };

	if (c->machine == EM_AARCH64)
		return flow_is_inside(&(struct flow){ .code = c }, vaddr) &&
		       (vaddr - c->vaddr) % 4 == 0;
	return !flow_init(&f, c) && flow_index_at(&f, vaddr) != FLOW_NOT_FOUND;
}
