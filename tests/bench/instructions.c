/* SPDX-License-Identifier: MIT */
/*
 * instructions.c - what a uprobe costs by the instruction that it sits on: probes itself, one kind of instruction after the
 * other, by uprobe_multi links with an empty program, and prints ns per hit (medians), the ratio to a `nop` measured in the
 * same rounds, and what code_cost_at() says. The surprise: nobody else is needed, as a process may probe its own pages. There
 * is no `syscall` among them, as a probe on one kills the program.
 */
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "discover/code.h"
#include "probe/multi.h"

#define ROUNDS 9

/* SITE(name, before, the instruction, after): a function that runs the instruction once */
#define SITES                                                                                      \
	SITE(nop, "", "nop", "")                                                                   \
	SITE(nop2_66_90, "", ".byte 0x66,0x90", "")                                                \
	SITE(nop3_0f_1f_00, "", ".byte 0x0f,0x1f,0x00", "")                                        \
	SITE(nop4_0f_1f_40, "", ".byte 0x0f,0x1f,0x40,0x00", "")                                   \
	SITE(nop5_0f_1f_44, "", ".byte 0x0f,0x1f,0x44,0x00,0x00", "")                              \
	SITE(nop6_66_0f_1f, "", ".byte 0x66,0x0f,0x1f,0x44,0x00,0x00", "")                         \
	SITE(nop7_0f_1f_80, "", ".byte 0x0f,0x1f,0x80,0,0,0,0", "")                                \
	SITE(nop8_0f_1f_84, "", ".byte 0x0f,0x1f,0x84,0,0,0,0,0", "")                              \
	SITE(nop10_66_2e, "", ".byte 0x66,0x2e,0x0f,0x1f,0x84,0,0,0,0,0", "")                      \
	SITE(pause, "", "pause", "")                                                               \
	SITE(endbr64, "", ".byte 0xf3,0x0f,0x1e,0xfa", "")                                         \
	SITE(push_rbp, "", "push %rbp", "pop %rbp")                                                \
	SITE(push_rbx, "", "push %rbx", "pop %rbx")                                                \
	SITE(push_r12, "", "push %r12", "pop %r12")                                                \
	SITE(push_imm8, "", "push $1", "pop %rax")                                                 \
	SITE(push_memory, "", "pushq (%rsp)", "pop %rax")                                          \
	SITE(jmp_short, "", ".byte 0xeb,0x01", "nop")                                              \
	SITE(jmp_near, "", ".byte 0xe9,1,0,0,0", "nop")                                            \
	SITE(jcc_taken, "cmp %eax,%eax", ".byte 0x74,0x01", "nop")                                 \
	SITE(jcc_not_taken, "cmp %eax,%eax", ".byte 0x75,0x01", "nop")                             \
	SITE(jcc_near, "cmp %eax,%eax", ".byte 0x0f,0x84,1,0,0,0", "nop")                          \
	SITE(jrcxz, "", ".byte 0xe3,0x01", "nop")                                                  \
	SITE(jmp_register, "lea 7f(%rip),%rax", "jmp *%rax", "7:")                                 \
	SITE(call_rel32, "", "call callee", "")                                                    \
	SITE(call_register, "lea callee(%rip),%rax", "call *%rax", "")                             \
	SITE(ret, "", "ret", "")                                                                   \
	SITE(pop_rax, "push %rbx", "pop %rax", "")                                                 \
	SITE(leave, "push %rbp; mov %rsp,%rbp", "leave", "")                                       \
	SITE(sub_rsp, "", "sub $8,%rsp", "add $8,%rsp")                                            \
	SITE(mov_registers, "", "mov %rdi,%rax", "")                                               \
	SITE(mov_itself, "", "mov %rax,%rax", "")                                                  \
	SITE(mov_to_stack, "", "mov %rax,-16(%rsp)", "")                                           \
	SITE(lea, "", "lea 8(%rsp),%rax", "")                                                      \
	SITE(cmp, "", "cmp %rax,%rdi", "")                                                         \
	SITE(test, "", "test %rax,%rax", "")                                                       \
	SITE(xor, "", "xor %eax,%eax", "")                                                         \
	SITE(lock_add, "", "lock addl $0,-16(%rsp)", "")                                           \
	SITE(vpor, "", "vpor %xmm1,%xmm0,%xmm0", "")                                               \
	SITE(xchg_r8_rax, "", "xchg %r8,%rax", "")

__asm__(".text\n.p2align 4\ncallee: ret\n");
#define SITE(name, before, instruction, after)                                                     \
	__asm__(".p2align 4\n.globl run_" #name ", at_" #name "\nrun_" #name ": " before           \
		"\nat_" #name ": " instruction "\n" after "\nret\n");                              \
	extern void run_##name(void);                                                              \
	extern const uint8_t at_##name[];
SITE(reference, "", "nop", "")
SITES
#undef SITE

static const struct site {
	const char *name;
	void (*run)(void);
	const uint8_t *at;
} sites[] = {
#define SITE(name, before, instruction, after) { #name, run_##name, at_##name },
	SITES
#undef SITE
};

extern const uint8_t __executable_start[];

static double ns_per_call(void (*run)(void), long n)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long i = 0; i < n; i++)
		run();
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / (double)n;
}

static double median(double *ns)
{
	for (int i = 1; i < ROUNDS; i++)
		for (int k = i; k > 0 && ns[k] < ns[k - 1]; k--) {
			double swapped = ns[k];

			ns[k] = ns[k - 1];
			ns[k - 1] = swapped;
		}
	return ns[ROUNDS / 2];
}

static int load_empty(void)
{
	struct bpf_insn body[] = { { .code = 0xb7 }, { .code = 0x95 } }; /* return 0 */
	union bpf_attr load;

	memset(&load, 0, sizeof(load));
	load.prog_type = BPF_PROG_TYPE_KPROBE;
	load.expected_attach_type = MULTI_ATTACH_TYPE;
	load.insns = (uintptr_t)body;
	load.insn_cnt = 2;
	load.license = (uintptr_t) "Dual MIT/GPL";
	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
}

static int probe(int program, const uint8_t *at)
{
	uint64_t offset = (uint64_t)(at - __executable_start), semaphore = 0, cookie = 0;

	return multi_attach(program, "/proc/self/exe", &offset, &semaphore, &cookie, 1, false, 0);
}

static void measure(const struct site *s, int program)
{
	static const char *const names[] = { "emulated", "stepped", "refused" };
	struct code c = { EM_X86_64, 0, s->at, 16 };
	const char *says = names[code_cost_at(&c, 0)];
	double bare = ns_per_call(s->run, 100000), nop[ROUNDS], ns[ROUNDS];
	int link = probe(program, s->at);

	if (link < 0) {
		printf("| %s | - | refused | %s |\n", s->name, says);
		return;
	}
	for (int i = -1; i < ROUNDS; i++) { /* once to warm up */
		double a = ns_per_call(run_reference, 20000), b = ns_per_call(s->run, 20000);

		nop[i < 0 ? 0 : i] = a - bare;
		ns[i < 0 ? 0 : i] = b - bare;
	}
	close(link);
	printf("| %s | %.0f | %.1f | %s |\n", s->name, median(ns), median(ns) / median(nop), says);
}

int main(void)
{
	int program = load_empty(), nop;

	if (program < 0) {
		perror("instructions: loading an empty program");
		return 1;
	}
	nop = probe(program, at_reference);
	printf("| instruction | ns per hit | to nop | code_cost_at |\n|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(sites) / sizeof(*sites); i++)
		measure(&sites[i], program);
	close(nop);
	return 0;
}
