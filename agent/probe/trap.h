/* SPDX-License-Identifier: MIT */
/*
 * trap.h - what a hit of a probe costs the program here, before any program of ours has run: measured at the start on a function of the agent's own, with a BPF program that does nothing.
 *
 * Between machines it differs by five times and more (a virtual machine within another one, mitigations), so a number from elsewhere would make a budget mean something else on each.
 */
#ifndef POOLSCOPE_PROBE_TRAP_H
#define POOLSCOPE_PROBE_TRAP_H

#include <stdbool.h>

#include "probe/kernel.h"

struct trap_costs {
	double emulated_s;	/* one hit at an instruction that the kernel emulates: nop, push, jmp, call */
	double stepped_s;	/* at any other one, which it has to single-step */
	bool is_measured;	/* false: as they were where Poolscope was made */
};

/* Takes some 20 ms; with perf uprobes 0.1 s more, and stepped_s is not measured but 20 times the other. It does not fail: what cannot be measured is assumed. */
void trap_measure(const struct kernel *k, struct trap_costs *ret);

#endif
