/* SPDX-License-Identifier: MIT */
/*
 * code_fuzz.c - any bytes as a function. The first byte chooses the machine, the second what is asked for. What is answered
 * must lie in the function, and what is called cheap must be cheap when it is asked for alone.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>

#include "discover/code.h"

#define MAX_SITES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_site(const struct code *c, const struct code_site *site)
{
	if (site->vaddr - c->vaddr >= c->size || site->depth_bytes < -1)
		abort();
	if (site->cost != code_cost_at(c, site->vaddr))
		abort();
}

static void check_values(uint32_t needed, const struct code_value *values)
{
	for (unsigned int r = 0; r < CODE_REGISTERS; r++) {
		if (r == CODE_RSP)
			continue;
		if ((values[r].reg == CODE_NO_REGISTER) != !(needed & CODE_REGISTER(r)))
			abort();
		if (values[r].reg != CODE_NO_REGISTER && values[r].reg >= CODE_REGISTERS)
			abort();
		if (values[r].is_memory &&
		    (values[r].reg != CODE_RSP || values[r].displacement < 0))
			abort();
	}
}

static void ask_about_calls(const struct code *c, uint64_t target, uint32_t needed)
{
	struct code_value values[CODE_REGISTERS];
	struct code_site sites[MAX_SITES], site;
	uint64_t found[MAX_SITES];
	int64_t displacement;
	size_t n, n_found;

	if (code_call_sites(c, target, sites, MAX_SITES, &n) ||
	    code_scan_calls(c->bytes, c->size, c->vaddr, target, found, MAX_SITES, &n_found))
		return;
	for (size_t i = 0; i < n; i++) {
		check_site(c, &sites[i]);
		if (sites[i].depth_bytes != code_stack_depth(c, sites[i].vaddr))
			abort();
		if (!code_spill_slot(c, 10, sites[i].vaddr, &displacement) && displacement < 8)
			abort();
	}
	for (size_t i = 0; i < n_found; i++) {
		if (code_after_call_site(c, found[i], needed, &site, values))
			continue;
		check_site(c, &site);
		check_values(needed, values);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code c = { EM_X86_64, 0x1000, data + 2, size - 2 };
	struct code_value values[CODE_REGISTERS];
	struct code_site sites[MAX_SITES], site;
	uint32_t needed;
	bool has_other_exits;
	size_t n;

	if (size < 2 || size > 4096)
		return 0;
	c.machine = data[0] & 1 ? EM_AARCH64 : EM_X86_64;
	needed = (uint32_t)data[1] << 8 | (data[0] & 2 ? CODE_REGISTER(CODE_RSP) : 0);
	if (!code_entry_site(&c, needed, &site, values)) {
		check_site(&c, &site);
		if (c.machine == EM_X86_64)
			check_values(needed, values);
	}
	if (!code_ret_sites(&c, sites, MAX_SITES, &n, &has_other_exits))
		for (size_t i = 0; i < n; i++)
			check_site(&c, &sites[i]);
	ask_about_calls(&c, 0x5000, needed);
	ask_about_calls(&c, c.vaddr, needed);
	return 0;
}
