/* SPDX-License-Identifier: MIT */
/*
 * insn.h - one x86-64 instruction, reduced to what the choice of a probe's address asks of it: where it leads, which
 * registers it may change, what it does to rsp and rbp, what it does to the stack, and what a probe on it costs. All that
 * knows the disassembler is here. Pure; the bytes are hostile.
 *
 * What is not known is said to be worse than it is: an instruction that is not in the lists changes every register.
 */
#ifndef POOLSCOPE_DISCOVER_INSN_H
#define POOLSCOPE_DISCOVER_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discover/code.h"

enum insn_flow {
	INSN_NEXT,		/* on to the following one */
	INSN_BRANCH,		/* to `target` or the following one */
	INSN_JUMP,		/* to `target` */
	INSN_JUMP_TABLE,	/* to one of many places of this function, perhaps */
	INSN_JUMP_AWAY,		/* to an address out of memory: the call of a function at the end of this one */
	INSN_CALL,		/* of `target` */
	INSN_CALL_INDIRECT,
	INSN_RET,
	INSN_STOP,		/* a trap: nothing follows */
};

/* What becomes of rsp or rbp; the other one of the two is meant by `from the other`. */
enum insn_move {
	INSN_KEEPS,
	INSN_MOVES_BY,		/* += by */
	INSN_MOVES_FROM,	/* = the other + by */
	INSN_LOSES,		/* = anything */
};

enum insn_access {
	INSN_ACCESS_NONE,
	INSN_STORES,		/* store_bytes at displacement(base) */
	INSN_TAKES_ADDRESS,	/* of displacement(base) or something above: whatever is there may be changed later */
	INSN_STORES_ELSEWHERE,	/* by another register: not to the stack, unless its address was taken */
};

struct insn {
	uint32_t offset;	/* in its function */
	uint8_t size;
	uint8_t cost;		/* enum code_cost */
	uint8_t flow;		/* enum insn_flow */
	uint8_t stack, frame;	/* enum insn_move of rsp and of rbp */
	uint8_t access;		/* enum insn_access */
	uint8_t base;		/* CODE_RSP or CODE_RBP */
	uint8_t source;		/* the register that is stored or copied as it is, or CODE_NO_REGISTER */
	uint8_t copy;		/* the register that it is copied to, all 8 bytes, or CODE_NO_REGISTER */
	int32_t stack_by, frame_by, displacement;
	uint32_t store_bytes;
	uint32_t writes;	/* CODE_REGISTER() of all that may change, without rsp */
	uint64_t target;	/* virtual address */
};

struct insn_decoder;

/* -ENOMEM. Free it with insn_decoder_free(), which takes NULL. */
int insn_decoder_new(struct insn_decoder **ret);
void insn_decoder_free(struct insn_decoder *d);

/* Decodes the instruction at bytes[offset]. False when there is none: cut off, or unknown to capstone. */
bool insn_decode(struct insn_decoder *d, const struct code *c, size_t offset, struct insn *ret);

bool insn_is_call(const struct insn *in);

#endif
