/* SPDX-License-Identifier: MIT */
/*
 * trap.c - see trap.h. The surprise: the best of some short runs counts, not the mean, since whatever else the machine does only adds to it, and a budget should be
 * stepped over by the target's load and not by its neighbour's.
 */
#include "probe/trap.h"

#include <errno.h>
#include <link.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "probe/multi.h"

#define RUNS 5
#define CALLS 1000
#define STEPPED_CALLS 200
#define ASSUMED_S 550e-9	/* 2026-11, kernel 6.18 in a virtual machine */
#define STEPPED_TIMES 20	/* 17 to 20 there */

/* Each begins with the instruction in question. Global, since whoever optimises at link time may put them into another part of the program. */
#if defined(__aarch64__)
__asm__(".pushsection .text\n"
	".balign 16\n.globl poolscope_trap_nop\n.hidden poolscope_trap_nop\n.type poolscope_trap_nop, %function\npoolscope_trap_nop:\n\tnop\n\tret\n"
	".size poolscope_trap_nop, . - poolscope_trap_nop\n"
	".balign 16\n.globl poolscope_trap_mov\n.hidden poolscope_trap_mov\n.type poolscope_trap_mov, %function\npoolscope_trap_mov:\n\tmov x0, x0\n\tret\n"
	".size poolscope_trap_mov, . - poolscope_trap_mov\n"
	".popsection\n");
#else
__asm__(".pushsection .text\n"
	".balign 16\n.globl poolscope_trap_nop\n.hidden poolscope_trap_nop\n.type poolscope_trap_nop, @function\npoolscope_trap_nop:\n\tnop\n\tret\n"
	".size poolscope_trap_nop, . - poolscope_trap_nop\n"
	".balign 16\n.globl poolscope_trap_mov\n.hidden poolscope_trap_mov\n.type poolscope_trap_mov, @function\npoolscope_trap_mov:\n\tmov %rax, %rax\n\tret\n"
	".size poolscope_trap_mov, . - poolscope_trap_mov\n"
	".popsection\n");
#endif

void poolscope_trap_nop(void);
void poolscope_trap_mov(void);

typedef void trapped_fn(void);

/* ---- where it lies in our own file ------------------------------------------------------------------------------------------ */

struct place {
	uintptr_t address;
	uint64_t offset;	/* 0 = not found */
};

static int find_place(struct dl_phdr_info *info, size_t size, void *context)
{
	struct place *p = context;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && p->address >= begin && p->address - begin < h->p_filesz)
			p->offset = h->p_offset + (p->address - begin);
	}
	return 1; /* the first is the program */
}

static uint64_t offset_of(trapped_fn *function)
{
	struct place p = { .address = (uintptr_t)function };

	dl_iterate_phdr(find_place, &p);
	return p.offset;
}

/* ---- a probe with nothing behind it ----------------------------------------------------------------------------------------- */

static int load_nothing(bool has_multi)
{
	struct bpf_insn body[] = { { .code = 0xb7 }, { .code = 0x95 } }; /* r0 = 0; exit */
	union bpf_attr load;
	long fd;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_KPROBE;
	load.expected_attach_type = has_multi ? MULTI_ATTACH_TYPE : 0;
	load.insns = (uintptr_t)body;
	load.insn_cnt = 2;
	load.license = (uintptr_t) "Dual MIT/GPL";
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	return fd < 0 ? -errno : (int)fd;
}

static int attach_perf(int program, uint64_t offset)
{
	AUTO_FCLOSE FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	struct perf_event_attr attr = { .size = sizeof(attr) };
	unsigned int type;
	long fd;

	if (!f || fscanf(f, "%u", &type) != 1)
		return -ENOENT;
	attr.type = type;
	attr.config1 = (uintptr_t) "/proc/self/exe";
	attr.config2 = offset;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl((int)fd, PERF_EVENT_IOC_SET_BPF, program) ||
	    ioctl((int)fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int error = -errno;

		close((int)fd);
		return error;
	}
	return (int)fd;
}

static int attach(int program, bool has_multi, uint64_t offset)
{
	uint64_t cookie = 0;

	if (!has_multi)
		return attach_perf(program, offset);
	return multi_attach(program, "/proc/self/exe", &offset, NULL, &cookie, 1, false, 0);
}

/* ---- the measurement -------------------------------------------------------------------------------------------------------- */

static double best_s(trapped_fn *function, unsigned int n_calls)
{
	double best = INFINITY;

	for (int run = 0; run < RUNS; run++) {
		int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);

		for (unsigned int i = 0; i < n_calls; i++)
			function();
		best = fmin(best, (double)(clock_ns(CLOCK_MONOTONIC) - begin_ns) / 1e9 / n_calls);
	}
	return best;
}

/* NaN when it cannot be measured. */
static double measure(int program, bool has_multi, trapped_fn *function, unsigned int n_calls)
{
	uint64_t offset = offset_of(function);
	double without_s = best_s(function, n_calls);
	AUTO_CLOSE int link = offset ? attach(program, has_multi, offset) : -ENOENT;
	double with_s = link < 0 ? NAN : best_s(function, n_calls);

	return with_s > without_s ? with_s - without_s : NAN;
}

void trap_measure(const struct kernel *k, struct trap_costs *ret)
{
	bool has_multi = kernel_has_uprobe_multi(k);
	AUTO_CLOSE int program = load_nothing(has_multi);
	double emulated_s = NAN, stepped_s = NAN;

	if (program >= 0) {
		emulated_s = measure(program, has_multi, poolscope_trap_nop, CALLS);
		if (has_multi) /* another one of the others would take 0.1 s to come off */
			stepped_s = measure(program, true, poolscope_trap_mov, STEPPED_CALLS);
	}
	ret->is_measured = !isnan(emulated_s);
	ret->emulated_s = isnan(emulated_s) ? ASSUMED_S : emulated_s;
	ret->stepped_s = isnan(stepped_s) ? ret->emulated_s * STEPPED_TIMES : stepped_s;
}
