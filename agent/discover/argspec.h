/* SPDX-License-Identifier: MIT */
/*
 * argspec.h - the argument string of a USDT note, as compilers write it ("8@%rdi -4@$5 8@-8(%rbp) 8@16(%rax,%rcx,8)",
 * "8@x0 -4@[sp, 12]"), to what the kernel side can read (struct ps_arg). Pure; the text is hostile.
 */
#ifndef POOLSCOPE_DISCOVER_ARGSPEC_H
#define POOLSCOPE_DISCOVER_ARGSPEC_H

#include <stdint.h>

#include "base/diag.h"
#include "bpf/abi.h"

/* Where a data symbol lies: for arguments like 8@counter(%rip). Returns false when it is not known. */
struct argspec_symbols {
	_Bool (*find)(void *context, const char *name, uint64_t *ret_vaddr);
	void *context;
};

/*
 * Parses up to PS_MAX_ARGS arguments; *ret_n is how many there are. pc_vaddr is the probe's address, for arguments relative to
 * it; `symbols` may be NULL. -EINVAL with what was expected and where; -ENOTSUP for forms that cannot be read (floats, high
 * bytes); -E2BIG for more than PS_MAX_ARGS.
 */
int argspec_parse(const char *text, uint16_t machine, const struct argspec_symbols *symbols,
		  uint64_t pc_vaddr, struct ps_arg ret[PS_MAX_ARGS], unsigned int *ret_n,
		  struct diag *d);

#endif
