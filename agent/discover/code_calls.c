/* SPDX-License-Identifier: MIT */
/*
 * code_calls.c - the part of code.h about leaving a function: its returns, the calls in it, and the calls of it anywhere.
 */
#include <elf.h>
#include <errno.h>

#include "base/cleanup.h"
#include "discover/code.h"
#include "discover/flow.h"

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
		return !flow_is_inside(f, in->target);
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
			error = add_site(flow_site(&f, i, 0), ret, max, &n);
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
		error = add_site(flow_site(&f, i,
					   p->is_reached && flow_is_understood(&f) ? p->depth
										   : FLOW_UNKNOWN),
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
