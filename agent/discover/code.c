/* SPDX-License-Identifier: MIT */
/*
 * code.c - see code.h. The surprise: nobody says which calls return. Go ends a function with a call of panicIndex, and the
 * block behind it belongs to another branch with another stack depth. So depths are followed twice: first without going on
 * after calls, which gives what is certain, then with it, and there what is certain wins.
 */
#include "discover/code.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "discover/insn.h"

#define UNKNOWN INT32_MIN
#define ALL_REGISTERS 0xffffffffu
#define MAX_SWITCHES 8
#define NOT_FOUND SIZE_MAX

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
	uint32_t *queue;
	size_t n, n_max, n_queued;
	bool is_whole;		/* all bytes were decoded */
	bool is_crossed;	/* a branch leads into the middle of an instruction */
	bool has_outside;	/* a conditional branch leaves: what it leads to may come back anywhere */
	bool is_any_switch;	/* more switches than fit, or one whose depth is not known */
	int32_t switch_depths[MAX_SWITCHES];
	unsigned int n_switches;
};

/* ---- decoding ---------------------------------------------------------------------------------------------------------- */

static void flow_done(struct flow *f)
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

/* The instruction that holds this byte; NOT_FOUND outside of what was decoded. */
static size_t index_around(const struct flow *f, uint64_t vaddr)
{
	uint64_t offset = vaddr - f->code->vaddr;
	size_t low = 0, high = f->n;

	if (!f->n || offset >= f->insns[f->n - 1].offset + (uint64_t)f->insns[f->n - 1].size)
		return NOT_FOUND;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (f->insns[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint64_t vaddr_of(const struct flow *f, size_t i)
{
	return f->code->vaddr + f->insns[i].offset;
}

static size_t index_at(const struct flow *f, uint64_t vaddr)
{
	size_t i = index_around(f, vaddr);

	return i != NOT_FOUND && vaddr_of(f, i) == vaddr ? i : NOT_FOUND;
}

static bool is_inside(const struct flow *f, uint64_t vaddr)
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
		if (in->flow == INSN_BRANCH && !is_inside(f, in->target))
			f->has_outside = true;
		to = index_around(f, in->target);
		if (to == NOT_FOUND)
			continue;
		f->places[to].is_target = true;
		if (vaddr_of(f, to) != in->target)
			f->is_crossed = true;
	}
}

/* ---- following --------------------------------------------------------------------------------------------------------- */

static int32_t moved(uint8_t move, int32_t by, int32_t self, int32_t other)
{
	int64_t depth;

	if (move == INSN_KEEPS)
		return self;
	if (move == INSN_LOSES || (move == INSN_MOVES_BY ? self : other) == UNKNOWN)
		return UNKNOWN;
	depth = (int64_t)(move == INSN_MOVES_BY ? self : other) - by;
	return depth < -INT32_MAX || depth > INT32_MAX ? UNKNOWN : (int32_t)depth;
}

static struct place place_after(const struct place *p, const struct insn *in)
{
	struct place next = { .is_reached = true };

	next.depth = moved(in->stack, in->stack_by, p->depth, p->frame);
	next.frame = moved(in->frame, in->frame_by, p->frame, p->depth);
	next.intact = p->intact & ~in->writes;
	if (next.depth < 0) /* above the return address there is nothing of ours */
		next.depth = UNKNOWN;
	return next;
}

static int32_t joined(int32_t a, int32_t b)
{
	return a == b ? a : UNKNOWN;
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

static bool is_call(const struct insn *in)
{
	return in->flow == INSN_CALL || in->flow == INSN_CALL_INDIRECT;
}

static void follow_from(struct flow *f, size_t i, bool is_after_calls)
{
	const struct insn *in = &f->insns[i];
	const struct place lost = { .depth = UNKNOWN, .frame = UNKNOWN };
	struct place next = place_after(&f->places[i], in);
	size_t to = index_at(f, in->target);

	if (in->flow == INSN_NEXT || in->flow == INSN_BRANCH || (is_call(in) && is_after_calls))
		reach(f, i + 1, &next);
	if (to == NOT_FOUND)
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
		if (!p->is_reached || p->depth == UNKNOWN || k == MAX_SWITCHES)
			f->is_any_switch = true;
		else if (k == f->n_switches)
			f->switch_depths[f->n_switches++] = p->depth;
	}
}

static void follow(struct flow *f)
{
	f->places[0].intact = ALL_REGISTERS;
	f->places[0].frame = UNKNOWN;
	f->places[0].is_reached = true;
	follow_from(f, 0, false);
	drain(f, false);
	for (size_t i = 0; i < f->n; i++)
		f->places[i].is_certain = f->places[i].is_reached && f->places[i].depth != UNKNOWN;
	for (size_t i = 0; i < f->n; i++)
		if (f->places[i].is_reached && is_call(&f->insns[i]))
			follow_from(f, i, true);
	drain(f, true);
	note_switches(f);
}

/* f is zeroed. Also after an error it is flow_done() that frees it. */
static int flow_init(struct flow *f, const struct code *c)
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

/* All branches are known and lead where we think. */
static bool is_understood(const struct flow *f)
{
	return f->is_whole && !f->is_crossed;
}

/* ---- where values go --------------------------------------------------------------------------------------------------- */

/* Who holds the value that a register had at the beginning of a straight line. */
struct holders {
	uint32_t registers;
	bool has_slot;
	int64_t slot;	/* displacement from rsp at entry */
};

/* The bytes from rsp at entry to what an instruction accesses; false when that is not known. */
static bool displacement_of(const struct place *at, const struct insn *in, int64_t *ret)
{
	int32_t depth = in->base == CODE_RSP ? at->depth : at->frame;

	if (!at->is_reached || depth == UNKNOWN)
		return false;
	*ret = (int64_t)in->displacement - depth;
	return true;
}

/* May the instruction, before which `at` holds, change the 8 bytes of the slot? */
static bool is_changing(const struct place *at, const struct insn *in, int64_t slot)
{
	int64_t begin;

	if (in->access == INSN_ACCESS_NONE)
		return false;
	if (in->access == INSN_STORES_ELSEWHERE || !displacement_of(at, in, &begin))
		return true;
	return begin < slot + 8 &&
	       (in->access == INSN_TAKES_ADDRESS || begin + (int64_t)in->store_bytes > slot);
}

static void pass_on(struct holders *h, const struct place *at, const struct place *after,
		    const struct insn *in)
{
	bool is_source = in->source < CODE_REGISTERS && h->registers & CODE_REGISTER(in->source);
	int64_t slot;

	h->registers &= ~in->writes;
	if (is_source && in->copy != CODE_NO_REGISTER)
		h->registers |= CODE_REGISTER(in->copy);
	if (h->has_slot && is_changing(at, in, h->slot))
		h->has_slot = false;
	if (is_source && in->access == INSN_STORES && in->store_bytes == 8 &&
	    displacement_of(at, in, &slot)) {
		h->has_slot = true;
		h->slot = slot;
	}
	if (after->depth == UNKNOWN || h->slot < -(int64_t)after->depth)
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
	if (needed & CODE_REGISTER(CODE_RSP) && at->depth == UNKNOWN)
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
	bool by_switch = f->is_any_switch || (f->n_switches && depth == UNKNOWN);

	for (unsigned int k = 0; k < f->n_switches; k++)
		by_switch |= f->switch_depths[k] == depth;
	return f->places[i].is_target || by_switch;
}

static struct code_site site_of(const struct flow *f, size_t i, int32_t depth)
{
	return (struct code_site){
		.vaddr = vaddr_of(f, i),
		.cost = f->insns[i].cost,
		.depth_bytes = depth == UNKNOWN ? -1 : depth,
	};
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
		struct place after = place_after(&at, in);

		if (i != first && (is_entered(f, i, at.depth) || !f->is_whole))
			break;
		if (!find_values(h, needed, &at, ret_values, values))
			break;
		if (in->cost == CODE_EMULATED || (in->cost == CODE_STEPPED && !is_found)) {
			*ret = site_of(f, i, at.depth);
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
		ret->is_repeated = is_entered(&f, 0, 0) || !is_understood(&f);
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
	i = index_at(&f, call_vaddr);
	if (i == NOT_FOUND || !is_call(&f.insns[i]))
		return -EINVAL;
	if (i + 1 == f.n)
		return -ENOENT;
	after = f.places[i]; /* and not places[i + 1], where others may come in */
	if (!after.is_reached || !is_understood(&f)) {
		after.depth = UNKNOWN;
		after.frame = UNKNOWN;
	}
	error = choose(&f, i + 1, after, needed, ret, ret_values);
	if (!error)
		ret->is_repeated =
			is_entered(&f, i + 1, after.depth) || !is_understood(&f) || f.has_outside;
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
		return is_inside(&(struct flow){ .code = c }, vaddr) && (vaddr - c->vaddr) % 4 == 0;
	return !flow_init(&f, c) && index_at(&f, vaddr) != NOT_FOUND;
}

/* ---- returns and calls ------------------------------------------------------------------------------------------------- */

static int add_site(struct code_site site, struct code_site *ret, size_t max, size_t *n)
{
	if (*n == max)
		return -E2BIG;
	ret[(*n)++] = site;
	return 0;
}

static uint32_t word_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static int ret_sites_arm(const struct code *c, struct code_site *ret, size_t max, size_t *ret_n,
			 bool *ret_has_other_exits)
{
	bool has_other_exits = false;
	size_t n = 0;

	for (size_t at = 0; at + 4 <= c->size; at += 4) {
		uint32_t word = word_at(c->bytes + at);
		int64_t jump = (int64_t)(int32_t)(word << 6) >> 4; /* b: 26 bits, in words */

		if ((word & 0xfffffc1f) == 0xd65f0000 || (word | 0x400) == 0xd65f0fff) { /* ret, retaa */
			struct code_site site = { .vaddr = c->vaddr + at, .cost = CODE_STEPPED };

			if (add_site(site, ret, max, &n))
				return -E2BIG;
		}
		if ((word & 0xfc000000) == 0x14000000 && at + (uint64_t)jump >= c->size)
			has_other_exits = true;
		if ((word & 0xfffffc1f) == 0xd61f0000) /* br */
			has_other_exits = true;
	}
	*ret_n = n;
	*ret_has_other_exits = has_other_exits;
	return 0;
}

static bool is_other_exit(const struct flow *f, const struct insn *in)
{
	if (in->flow == INSN_JUMP || in->flow == INSN_BRANCH)
		return !is_inside(f, in->target);
	return in->flow == INSN_JUMP_AWAY || in->flow == INSN_JUMP_TABLE;
}

int code_ret_sites(const struct code *c, struct code_site *ret, size_t max, size_t *ret_n,
		   bool *ret_has_other_exits)
{
	CLEANUP(flow_done) struct flow f = { 0 };
	bool has_other_exits = false;
	size_t n = 0;
	int error;

	if (c->machine == EM_AARCH64)
		return ret_sites_arm(c, ret, max, ret_n, ret_has_other_exits);
	error = flow_init(&f, c);
	if (!error && !f.is_whole)
		error = -EBADMSG;
	for (size_t i = 0; i < f.n && !error; i++) {
		has_other_exits |= is_other_exit(&f, &f.insns[i]);
		if (f.insns[i].flow == INSN_RET)
			error = add_site(site_of(&f, i, 0), ret, max, &n);
	}
	if (error)
		return error;
	*ret_n = n;
	*ret_has_other_exits = has_other_exits;
	return 0;
}

int code_call_sites(const struct code *c, uint64_t target, struct code_site *ret, size_t max,
		    size_t *ret_n)
{
	CLEANUP(flow_done) struct flow f = { 0 };
	size_t n = 0;
	int error = flow_init(&f, c);

	if (!error && !f.is_whole)
		error = -EBADMSG;
	for (size_t i = 0; i < f.n && !error; i++) {
		const struct place *p = &f.places[i];

		if (f.insns[i].flow != INSN_CALL || f.insns[i].target != target)
			continue;
		error = add_site(
			site_of(&f, i, p->is_reached && is_understood(&f) ? p->depth : UNKNOWN),
			ret, max, &n);
	}
	if (!error)
		*ret_n = n;
	return error;
}

int code_scan_calls(const uint8_t *text, size_t size, uint64_t text_vaddr, uint64_t target,
		    uint64_t *ret, size_t max, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i + 5 <= size; i++) {
		if ((text[i] & 0xfe) != 0xe8) /* call rel32, jmp rel32 */
			continue;
		if (text_vaddr + i + 5 + (uint64_t)(int64_t)(int32_t)word_at(text + i + 1) !=
		    target)
			continue;
		if (n == max)
			return -E2BIG;
		ret[n++] = text_vaddr + i;
	}
	*ret_n = n;
	return 0;
}

/* ---- the stack --------------------------------------------------------------------------------------------------------- */

int64_t code_stack_depth(const struct code *c, uint64_t vaddr)
{
	CLEANUP(flow_done) struct flow f = { 0 };
	size_t i;

	if (flow_init(&f, c) || !is_understood(&f))
		return -1;
	i = index_at(&f, vaddr);
	if (i == NOT_FOUND || !f.places[i].is_reached || f.places[i].depth == UNKNOWN)
		return -1;
	return f.places[i].depth;
}

/* Does instruction i put register `reg`, unchanged since entry, into a slot above the return address? */
static bool is_spill(const struct flow *f, size_t i, unsigned int reg, int64_t *ret)
{
	const struct insn *in = &f->insns[i];
	const struct place *at = &f->places[i];

	return in->access == INSN_STORES && in->source == reg && in->store_bytes == 8 &&
	       at->intact & CODE_REGISTER(reg) && displacement_of(at, in, ret) && *ret >= 8;
}

/* Could this instruction, or somebody to whom it gives an address, change the slot to another value? */
static bool is_threat(const struct flow *f, size_t i, unsigned int reg, int64_t slot)
{
	const struct insn *in = &f->insns[i];
	const struct place *at = &f->places[i];
	int64_t where;

	if (in->access != INSN_STORES && in->access != INSN_TAKES_ADDRESS)
		return false;
	if (!displacement_of(at, in, &where)) /* code that only a switch may lead to; rbp as a register like any other */
		return in->base == CODE_RSP &&
		       (at->is_reached || f->n_switches || f->is_any_switch);
	if (in->access == INSN_TAKES_ADDRESS && where < 8)
		return false; /* something of our own frame, which ends there */
	return is_changing(at, in, slot) && !(is_spill(f, i, reg, &where) && where == slot);
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
		size_t i = f->queue[--f->n_queued], next[2] = { NOT_FOUND, NOT_FOUND };
		const struct insn *in = &f->insns[i];

		if (i == avoided)
			continue;
		if (i == to || in->flow == INSN_JUMP_TABLE)
			return true;
		if (in->flow == INSN_NEXT || in->flow == INSN_BRANCH || is_call(in))
			next[0] = i + 1;
		if (in->flow == INSN_JUMP || in->flow == INSN_BRANCH || in->flow == INSN_CALL)
			next[1] = index_at(f, in->target);
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
	if (!is_understood(&f))
		return -EBADMSG;
	to = index_at(&f, vaddr);
	if (to == NOT_FOUND || !f.places[to].is_reached || reg > 31)
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
