/* SPDX-License-Identifier: MIT */
/*
 * unwind.h - the callers of a thread of another process, by its registers and a copy of its stack. The process is not stopped and need not be
 * built in any way: where the tables of its files (.eh_frame) say nothing, frame pointers are followed (Go, code made at run time).
 */
#ifndef POOLSCOPE_SYMBOLIZE_UNWIND_H
#define POOLSCOPE_SYMBOLIZE_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/stack.h"

#define UNWIND_REGISTERS 17	/* as DWARF numbers those of x86-64; the last is the place in the code */
#define UNWIND_BP 6
#define UNWIND_SP 7
#define UNWIND_PC 16

struct unwinder;	/* of one process, as it has its files mapped now */

/* A copy of memory. */
struct unwind_memory {
	uint64_t address;
	size_t n;
	const uint8_t *bytes;
};

/* -ESRCH, -EACCES, -ENOMEM, -ENOTSUP for another machine than x86-64. */
int unwinder_new(uint32_t pid, struct unwinder **ret);
void unwinder_free(struct unwinder *u); /* NULL is allowed */

/*
 * Addresses in the code, the innermost first, each inside of the instruction that runs or calls. Of the registers those in `known` (a bit each)
 * are known. Returns how many; *ret_is_cut: there are more than n.
 */
size_t unwind(struct unwinder *u, const uint64_t registers[static UNWIND_REGISTERS], uint32_t known,
	      const struct unwind_memory *memory, uint64_t *ret, size_t n, bool *ret_is_cut);

/*
 * What is called at an address, the innermost first: the inlined functions, then the one that was compiled: "function (file) at source.c:12".
 * Returns how many of at most n; 0 = the address lies in no file.
 */
size_t unwind_names(struct unwinder *u, uint64_t address, char (*ret)[STACK_FRAME_BYTES], size_t n);

#endif
