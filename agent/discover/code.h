/* SPDX-License-Identifier: MIT */
/*
 * code.h - at which instruction of a function a probe costs little and still sees what it is there for: arguments, return
 * values, the return address, the caller's spill area. Bytes in, addresses out: no file is read, nothing is kept.
 *
 * The kernel emulates a few instructions and single-steps all others, which costs 16 to 19 times as much. Measured
 * 2026-11-24 on 6.18.44 in a nested VM (`make bench-instructions`; an empty program on a uprobe_multi link, ns per hit, and
 * the ratio to a nop measured beside it):
 *
 *	nop, jmp, jcc taken or not (short and near)	 710 to  950	 1.0	emulated
 *	call rel32, push of a register			 840 to 1040	 1.1 to 1.2	emulated
 *	nops of 2, 3, 4, 6, 7, 8 bytes, pause		 710 to  950	 1.0	emulated here, but taken for stepped: see below
 *	mov, lea, cmp, test, xor, sub rsp, pop, leave	11500 to 16200	16 to 19	stepped
 *	ret, endbr64, jrcxz, push $1, push (%rsp)	12500 to 16500	16 to 19	stepped
 *	call *%rax, jmp *%rax				13200 to 17700	17 to 19	stepped
 *	nop of 5 bytes					 580		 0.7	replaced by a call, which overwrites red zones: refused
 *	lock ..., nopw %cs:..., EVEX			never		-	refused by the kernel
 *	vpor and all AVX, xchg %r8, %rax, syscall	cheap, but NOT EXECUTED, or the program dies: refused
 *
 * code_cost_at() is the worst of the kernels from 5.15 to 6.19, as read in arch/x86/kernel/uprobes.c: push of a register,
 * jmp, jcc, call rel32 and the plain nop are emulated by all of them. Nops of 3, 4, 6, 7 and 8 bytes only since 6.18, `pause`
 * no more after 6.18 (8a5c6cbfe4a3), `66 90` is even refused by kernels without cefa72129e45 (6.1).
 *
 * The bytes are hostile. Functions larger than CODE_MAX_BYTES or of more than CODE_MAX_INSTRUCTIONS are refused (-E2BIG).
 * What follows a byte that cannot be decoded is unknown, and so is where a switch jumps to: answers that need it say
 * -EBADMSG, or are marked `is_repeated`. Errors that every function may return: -ENOMEM, -E2BIG, and -ENOTSUP for a machine
 * that it does not know. On aarch64 only code_entry_site() and code_ret_sites() answer, and all of it is taken for stepped.
 *
 * Two things are taken from compilers and not proved: a branch into the prologue does not come from another function, and a
 * switch jumps only to places with the stack depth that it has itself.
 */
#ifndef POOLSCOPE_DISCOVER_CODE_H
#define POOLSCOPE_DISCOVER_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_MAX_BYTES (256u << 10)
#define CODE_MAX_INSTRUCTIONS 65536u

/* Registers are numbered as in bpf/regs.def; a set of them is a mask. */
#define CODE_REGISTER(number) (1u << (number))
enum { CODE_RBP = 4, CODE_RIP = 16, CODE_RSP = 19, CODE_REGISTERS = 20, CODE_NO_REGISTER = 0xff };

enum code_cost {
	CODE_EMULATED,
	CODE_STEPPED,
	CODE_REFUSED,	/* the kernel puts no probe there, or one that would harm the program: never do */
};

/* One function. The bytes stay the caller's. */
struct code {
	uint16_t machine;	/* EM_X86_64, EM_AARCH64 */
	uint64_t vaddr;
	const uint8_t *bytes;
	size_t size;
};

struct code_site {
	uint64_t vaddr;
	enum code_cost cost;
	/*
	 * Something else in the function leads here too, or may: an entry site fires again without a new call (Go, when a
	 * stack has grown, starts the function anew), a site after a call fires without that call.
	 */
	bool is_repeated;
	int64_t depth_bytes;	/* rsp + depth_bytes = rsp at entry, where the return address lies; -1 not known */
};

/* Where a value lies at a site: in a register, or in the 8 bytes at rsp + displacement. */
struct code_value {
	uint8_t reg;		/* CODE_NO_REGISTER: it was not asked for */
	bool is_memory;		/* then reg is CODE_RSP */
	int32_t displacement;
};

/* What a probe at this address costs. CODE_REFUSED also for what is no instruction, or lies outside. */
enum code_cost code_cost_at(const struct code *c, uint64_t vaddr);

/*
 * Whether an instruction of the function begins there: decoded from its beginning, as the bytes of one instruction may read as
 * another one from their middle on. Behind a byte that cannot be decoded, nothing does.
 */
bool code_is_boundary(const struct code *c, uint64_t vaddr);

/*
 * Where to probe the entry: the first emulated instruction that every call passes, before anything else is called, at which
 * the values of all registers in the mask `needed` are still to be had (CODE_RSP in it: depth_bytes is known); else the first
 * that is stepped. ret_values[number] says where each of them lies, which need not be its register; with ret_values NULL it
 * must be. -ENOTSUP when no instruction there can take a probe.
 */
int code_entry_site(const struct code *c, uint32_t needed, struct code_site *ret,
		    struct code_value ret_values[CODE_REGISTERS]);

/*
 * Every RET, in order of address. *ret_has_other_exits: the function can also be left by a jump (a tail call, or the part
 * that gcc puts elsewhere as .cold), so that not every call ends at one of these. -E2BIG also for more than max; -EBADMSG.
 */
int code_ret_sites(const struct code *c, struct code_site *ret, size_t max, size_t *ret_n,
		   bool *ret_has_other_exits);

/* The instructions that call `target` directly. -E2BIG also for more than max; -EBADMSG. */
int code_call_sites(const struct code *c, uint64_t target, struct code_site *ret, size_t max,
		    size_t *ret_n);

/*
 * Every address in a text segment of any size whose bytes look like a direct call of `target` or like a jump to it (a tail
 * call), in order. Some may be the inside of another instruction: ask code_after_call_site() with the function around it.
 * -E2BIG for more than max.
 */
int code_scan_calls(const uint8_t *text, size_t size, uint64_t text_vaddr, uint64_t target,
		    uint64_t *ret, size_t max, size_t *ret_n);

/*
 * Where to probe the return from the call at call_vaddr: the first emulated instruction on the straight line after it at
 * which what the callee left in the registers in `needed` is still to be had, as above; else the first that is stepped. The
 * line ends where a branch of the function leads in. -EINVAL: there is no call instruction at this address; -ENOENT: nothing
 * follows it; -ENOTSUP: nothing that follows can take a probe.
 */
int code_after_call_site(const struct code *c, uint64_t call_vaddr, uint32_t needed,
			 struct code_site *ret, struct code_value ret_values[CODE_REGISTERS]);

/*
 * How far rsp is below its value at entry, before the instruction at vaddr; followed along all branches. -1 when that is not
 * known or not the same on every way, or there is no instruction. Code that only calls lead to, as after one that never
 * returns, gives way to code that branches lead to.
 */
int64_t code_stack_depth(const struct code *c, uint64_t vaddr);

/*
 * Where Go has put an argument register in the frame of the caller: a store of the whole register, as it was at entry, above
 * the return address, that every way from the entry to vaddr passes and nothing overwrites. At vaddr the value lies at rsp +
 * code_stack_depth() + *ret_displacement. -ENOENT when there is none; -EBADMSG.
 */
int code_spill_slot(const struct code *c, unsigned int reg, uint64_t vaddr,
		    int64_t *ret_displacement);

#endif
