/* SPDX-License-Identifier: MIT */
/*
 * code_test.c - which instruction is chosen, on functions written for it and assembled by gcc at 0x1000, and on bytes that
 * are no functions. They call 0x5000, 0x6000 (which never returns) and 0x7000 (which stands for Go's morestack).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discover/code.h"

enum { RBX = 5, R9 = 8, R8 = 9, RAX = 10, RCX = 11, RDX = 12, RSI = 13, RDI = 14 };
#define MASK(reg) CODE_REGISTER(reg)
#define FUNCTION(array) ((struct code){ EM_X86_64, 0x1000, array, sizeof(array) })

static const uint8_t go_before_1_21[] = {
	0x4c, 0x8d, 0x64, 0x24, 0xc0, /* 1000: lea -0x40(%rsp),%r12 */
	0x4d, 0x3b, 0x66, 0x10, /* 1005: cmp 0x10(%r14),%r12 */
	0x76, 0x33, /* 1009: jbe 103e */
	0x48, 0x83, 0xec, 0x70, /* 100b: sub $0x70,%rsp */
	0x48, 0x89, 0x6c, 0x24, 0x68, /* 100f: mov %rbp,0x68(%rsp) */
	0x48, 0x8d, 0x6c, 0x24, 0x68, /* 1014: lea 0x68(%rsp),%rbp */
	0x48, 0x89, 0x9c, 0x24, 0x80, 0x00, 0x00, 0x00, /* 1019: mov %rbx,0x80(%rsp) */
	0x48, 0x89, 0x44, 0x24, 0x78, /* 1021: mov %rax,0x78(%rsp) */
	0x84, 0xc9, /* 1026: test %cl,%cl */
	0x74, 0x05, /* 1028: je 102f */
	0xe8, 0xd1, 0x3f, 0x00, 0x00, /* 102a: call 5000 */
	0x48, 0x8b, 0x6c, 0x24, 0x68, /* 102f: mov 0x68(%rsp),%rbp */
	0x48, 0x83, 0xc4, 0x70, /* 1034: add $0x70,%rsp */
	0xc3, /* 1038: ret */
	0xe8, 0xc2, 0x4f, 0x00, 0x00, /* 1039: call 6000 */
	0x48, 0x89, 0x44, 0x24, 0x08, /* 103e: mov %rax,0x8(%rsp) */
	0x48, 0x89, 0x5c, 0x24, 0x10, /* 1043: mov %rbx,0x10(%rsp) */
	0xe8, 0xb3, 0x5f, 0x00, 0x00, /* 1048: call 7000 */
	0x48, 0x8b, 0x44, 0x24, 0x08, /* 104d: mov 0x8(%rsp),%rax */
	0x48, 0x8b, 0x5c, 0x24, 0x10, /* 1052: mov 0x10(%rsp),%rbx */
	0xeb, 0xa7, /* 1057: jmp 1000 */
};

static const uint8_t go_since_1_21[] = {
	0x49, 0x3b, 0x66, 0x10, /* 1000: cmp 0x10(%r14),%rsp */
	0x76, 0x27, /* 1004: jbe 102d */
	0x55, /* 1006: push %rbp */
	0x48, 0x89, 0xe5, /* 1007: mov %rsp,%rbp */
	0x48, 0x83, 0xec, 0x20, /* 100a: sub $0x20,%rsp */
	0x48, 0x89, 0x44, 0x24, 0x30, /* 100e: mov %rax,0x30(%rsp) */
	0xe8, 0xe8, 0x3f, 0x00, 0x00, /* 1013: call 5000 */
	0x48, 0x8b, 0x44, 0x24, 0x30, /* 1018: mov 0x30(%rsp),%rax */
	0x48, 0x89, 0x5c, 0x24, 0x38, /* 101d: mov %rbx,0x38(%rsp) */
	0xe8, 0xd9, 0x3f, 0x00, 0x00, /* 1022: call 5000 */
	0x48, 0x83, 0xc4, 0x20, /* 1027: add $0x20,%rsp */
	0x5d, /* 102b: pop %rbp */
	0xc3, /* 102c: ret */
	0x48, 0x89, 0x44, 0x24, 0x08, /* 102d: mov %rax,0x8(%rsp) */
	0xe8, 0xc9, 0x5f, 0x00, 0x00, /* 1032: call 7000 */
	0x48, 0x8b, 0x44, 0x24, 0x08, /* 1037: mov 0x8(%rsp),%rax */
	0xeb, 0xc2, /* 103c: jmp 1000 */
};

static const uint8_t sysv_framed[] = {
	0xf3, 0x0f, 0x1e, 0xfa, /* 1000: endbr64 */
	0x55, /* 1004: push %rbp */
	0x48, 0x89, 0xe5, /* 1005: mov %rsp,%rbp */
	0x41, 0x54, /* 1008: push %r12 */
	0x53, /* 100a: push %rbx */
	0x48, 0x83, 0xec, 0x20, /* 100b: sub $0x20,%rsp */
	0x48, 0x83, 0xe4, 0xe0, /* 100f: and $0xffffffffffffffe0,%rsp */
	0x48, 0x89, 0xfb, /* 1013: mov %rdi,%rbx */
	0xe8, 0xe5, 0x3f, 0x00, 0x00, /* 1016: call 5000 */
	0x48, 0x8d, 0x65, 0xf0, /* 101b: lea -0x10(%rbp),%rsp */
	0x5b, /* 101f: pop %rbx */
	0x41, 0x5c, /* 1020: pop %r12 */
	0x5d, /* 1022: pop %rbp */
	0xc3, /* 1023: ret */
};

static const uint8_t sysv_late[] = {
	0x48, 0x83, 0xec, 0x18, /* 1000: sub $0x18,%rsp */
	0x48, 0x89, 0xf8, /* 1004: mov %rdi,%rax */
	0x48, 0x89, 0x74, 0x24, 0x08, /* 1007: mov %rsi,0x8(%rsp) */
	0x31, 0xff, /* 100c: xor %edi,%edi */
	0x31, 0xf6, /* 100e: xor %esi,%esi */
	0xe8, 0xeb, 0x3f, 0x00, 0x00, /* 1010: call 5000 */
	0x48, 0x83, 0xc4, 0x18, /* 1015: add $0x18,%rsp */
	0xe9, 0xe2, 0x3f, 0x00, 0x00, /* 1019: jmp 5000 */
};

static const uint8_t loop_at_entry[] = {
	0x48, 0x03, 0x07, /* 1000: add (%rdi),%rax */
	0x48, 0x83, 0xc7, 0x08, /* 1003: add $0x8,%rdi */
	0x48, 0xff, 0xce, /* 1007: dec %rsi */
	0x75, 0xf4, /* 100a: jne 1000 */
	0xc3, /* 100c: ret */
};

static const uint8_t nothing_cheap[] = {
	0x48, 0x8d, 0x04, 0x37, /* 1000: lea (%rdi,%rsi,1),%rax */
	0xc3, /* 1004: ret */
};

static const uint8_t caller[] = {
	0x48, 0x83, 0xec, 0x28, /* 1000: sub $0x28,%rsp */
	0xe8, 0xf7, 0x3f, 0x00, 0x00, /* 1004: call 5000 */
	0x48, 0x89, 0xdf, /* 1009: mov %rbx,%rdi */
	0x48, 0x89, 0x44, 0x24, 0x10, /* 100c: mov %rax,0x10(%rsp) */
	0x48, 0x8b, 0x44, 0x24, 0x08, /* 1011: mov 0x8(%rsp),%rax */
	0x48, 0x8b, 0x5c, 0x24, 0x08, /* 1016: mov 0x8(%rsp),%rbx */
	0x48, 0x85, 0xff, /* 101b: test %rdi,%rdi */
	0x75, 0x08, /* 101e: jne 1028 */
	0xe8, 0xdb, 0x3f, 0x00, 0x00, /* 1020: call 5000 */
	0x48, 0x89, 0xc1, /* 1025: mov %rax,%rcx */
	0x48, 0x85, 0xc9, /* 1028: test %rcx,%rcx */
	0x74, 0x05, /* 102b: je 1032 */
	0xe8, 0xce, 0x3f, 0x00, 0x00, /* 102d: call 5000 */
	0x90, /* 1032: nop */
	0x48, 0x83, 0xc4, 0x28, /* 1033: add $0x28,%rsp */
	0xc3, /* 1037: ret */
	0xe8, 0xc3, 0x3f, 0x00, 0x00, /* 1038: call 5000 */
};

static const uint8_t overwritten[] = {
	0x48, 0x83, 0xec, 0x18, /* 1000: sub $0x18,%rsp */
	0x48, 0x89, 0x44, 0x24, 0x20, /* 1004: mov %rax,0x20(%rsp) */
	0x48, 0x89, 0x5c, 0x24, 0x28, /* 1009: mov %rbx,0x28(%rsp) */
	0x48, 0x89, 0x4c, 0x24, 0x30, /* 100e: mov %rcx,0x30(%rsp) */
	0x48, 0x85, 0xff, /* 1013: test %rdi,%rdi */
	0x74, 0x0a, /* 1016: je 1022 */
	0x48, 0x89, 0x7c, 0x24, 0x20, /* 1018: mov %rdi,0x20(%rsp) */
	0x48, 0x8d, 0x44, 0x24, 0x28, /* 101d: lea 0x28(%rsp),%rax */
	0xe8, 0xd9, 0x3f, 0x00, 0x00, /* 1022: call 5000 */
	0x48, 0x83, 0xc4, 0x18, /* 1027: add $0x18,%rsp */
	0xc3, /* 102b: ret */
};

static const uint8_t conditional_spill[] = {
	0x48, 0x83, 0xec, 0x18, /* 1000: sub $0x18,%rsp */
	0x48, 0x85, 0xdb, /* 1004: test %rbx,%rbx */
	0x74, 0x05, /* 1007: je 100e */
	0x48, 0x89, 0x44, 0x24, 0x20, /* 1009: mov %rax,0x20(%rsp) */
	0xe8, 0xed, 0x3f, 0x00, 0x00, /* 100e: call 5000 */
	0x48, 0x83, 0xc4, 0x18, /* 1013: add $0x18,%rsp */
	0xc3, /* 1017: ret */
};

static const uint8_t switched[] = {
	0x48, 0x89, 0xf8, /* 1000: mov %rdi,%rax */
	0x48, 0x83, 0xfe, 0x03, /* 1003: cmp $0x3,%rsi */
	0x77, 0x17, /* 1007: ja 1020 */
	0x48, 0x8d, 0x15, 0x00, 0x10, 0x00, 0x00, /* 1009: lea 0x1000(%rip),%rdx */
	0x48, 0x63, 0x0c, 0xb2, /* 1010: movslq (%rdx,%rsi,4),%rcx */
	0x48, 0x01, 0xd1, /* 1014: add %rdx,%rcx */
	0xff, 0xe1, /* 1017: jmp *%rcx */
	0x53, /* 1019: push %rbx */
	0xe8, 0xe1, 0x3f, 0x00, 0x00, /* 101a: call 5000 */
	0x5b, /* 101f: pop %rbx */
	0xc3, /* 1020: ret */
};

static const uint8_t noreturn[] = {
	0x53, /* 1000: push %rbx */
	0x48, 0x85, 0xff, /* 1001: test %rdi,%rdi */
	0x74, 0x09, /* 1004: je 100f */
	0x48, 0x83, 0xec, 0x20, /* 1006: sub $0x20,%rsp */
	0xe8, 0xf1, 0x4f, 0x00, 0x00, /* 100a: call 6000 */
	0x5b, /* 100f: pop %rbx */
	0xc3, /* 1010: ret */
};

static const uint8_t crossed[] = {
	0x55, /* 1000: push %rbp */
	0x85, 0xff, /* 1001: test %edi,%edi */
	0x74, 0x01, /* 1003: je 1006 */
	0xf0, 0xff, 0x06, /* 1005: lock incl (%rsi) */
	0x5d, /* 1008: pop %rbp */
	0xc3, /* 1009: ret */
};

static struct code_site site;
static struct code_value values[CODE_REGISTERS];

static void expect_entry(struct code c, uint32_t needed, uint64_t vaddr, enum code_cost cost,
			 int64_t depth)
{
	assert_int_equal(code_entry_site(&c, needed, &site, NULL), 0);
	assert_true(site.vaddr == vaddr);
	assert_int_equal(site.cost, cost);
	assert_true(site.depth_bytes == depth);
}

static void the_numbers_are_those_of_the_list_of_registers(void **state)
{
	static const struct {
		unsigned int number;
		const char *names;
	} list[] = {
#define REG_X86(n, names) { n, names },
#include "bpf/regs.def"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		assert_true(list[i].number < CODE_REGISTERS);
		if (!strncmp(list[i].names, "rsp", 3))
			assert_int_equal(list[i].number, CODE_RSP);
		if (!strncmp(list[i].names, "rbp", 3))
			assert_int_equal(list[i].number, CODE_RBP);
		if (!strncmp(list[i].names, "rip", 3))
			assert_int_equal(list[i].number, CODE_RIP);
	}
}

static void only_what_every_kernel_emulates_is_cheap(void **state)
{
	static const struct {
		enum code_cost cost;
		uint8_t bytes[12];
		size_t size;
	} of[] = {
		{ CODE_EMULATED, { 0x90 }, 1 },				     /* nop */
		{ CODE_EMULATED, { 0x55 }, 1 },				     /* push %rbp */
		{ CODE_EMULATED, { 0x41, 0x54 }, 2 },			     /* push %r12 */
		{ CODE_EMULATED, { 0xeb, 0x10 }, 2 },			     /* jmp */
		{ CODE_EMULATED, { 0xe9, 0x10, 0, 0, 0 }, 5 },		     /* jmp */
		{ CODE_EMULATED, { 0x76, 0x10 }, 2 },			     /* jbe */
		{ CODE_EMULATED, { 0x0f, 0x86, 0x10, 0, 0, 0 }, 6 },	     /* jbe */
		{ CODE_EMULATED, { 0xe8, 0x10, 0, 0, 0 }, 5 },		     /* call */
		{ CODE_STEPPED, { 0x66, 0x90 }, 2 },			     /* xchg %ax,%ax */
		{ CODE_STEPPED, { 0x0f, 0x1f, 0x40, 0 }, 4 },		     /* nopl */
		{ CODE_STEPPED, { 0xf3, 0x90 }, 2 },			     /* pause */
		{ CODE_STEPPED, { 0xf3, 0x0f, 0x1e, 0xfa }, 4 },	     /* endbr64 */
		{ CODE_STEPPED, { 0x6a, 0x01 }, 2 },			     /* push $1 */
		{ CODE_STEPPED, { 0x48, 0x83, 0xec, 0x08 }, 4 },	     /* sub $8,%rsp */
		{ CODE_STEPPED, { 0x48, 0x89, 0xe5 }, 3 },		     /* mov %rsp,%rbp */
		{ CODE_STEPPED, { 0xc3 }, 1 },				     /* ret */
		{ CODE_STEPPED, { 0xe3, 0x10 }, 2 },			     /* jrcxz */
		{ CODE_STEPPED, { 0xff, 0xe0 }, 2 },			     /* jmp *%rax */
		{ CODE_REFUSED, { 0x0f, 0x1f, 0x44, 0, 0 }, 5 },	     /* nopl of 5 bytes */
		{ CODE_REFUSED, { 0xe9, 0, 0, 0, 0 }, 5 },		     /* jmp +0 */
		{ CODE_REFUSED, { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 }, 10 }, /* nopw %cs: */
		{ CODE_REFUSED, { 0xf0, 0xff, 0x06 }, 3 },		     /* lock incl */
		{ CODE_REFUSED, { 0x49, 0x90 }, 2 },			     /* xchg %r8,%rax */
		{ CODE_REFUSED, { 0xc5, 0xf9, 0xeb, 0xc1 }, 4 },	     /* vpor */
		{ CODE_REFUSED, { 0x0f, 0x05 }, 2 },			     /* syscall */
		{ CODE_REFUSED, { 0xcc }, 1 },				     /* int3 */
		{ CODE_REFUSED, { 0xe8, 0x10, 0 }, 3 },			     /* cut off */
		{ CODE_REFUSED, { 0x06 }, 1 },				     /* no instruction */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
		struct code c = { EM_X86_64, 0x1000, of[i].bytes, of[i].size };

		assert_int_equal(code_cost_at(&c, 0x1000), of[i].cost);
		assert_int_equal(code_cost_at(&c, 0x1000 + of[i].size), CODE_REFUSED);
		assert_int_equal(code_cost_at(&c, 0xfff), CODE_REFUSED);
	}
}

static void go_is_probed_at_the_branch_that_grows_the_stack(void **state)
{
	const uint32_t needed = MASK(RAX) | MASK(RBX) | MASK(1) | MASK(CODE_RSP);

	(void)state;
	expect_entry(FUNCTION(go_before_1_21), needed, 0x1009, CODE_EMULATED, 0);
	assert_true(site.is_repeated);
	expect_entry(FUNCTION(go_since_1_21), needed, 0x1004, CODE_EMULATED, 0);
	assert_true(site.is_repeated);
}

static void a_register_that_changes_before_moves_the_site(void **state)
{
	(void)state;
	/* r12 is used by the check itself */
	expect_entry(FUNCTION(go_before_1_21), MASK(3), 0x1000, CODE_STEPPED, 0);
	expect_entry(FUNCTION(sysv_framed), MASK(RDI) | MASK(RSI), 0x1004, CODE_EMULATED, 0);
	assert_false(site.is_repeated);
	expect_entry(FUNCTION(nothing_cheap), MASK(RDI), 0x1000, CODE_STEPPED, 0);
	expect_entry(FUNCTION(loop_at_entry), MASK(RDI), 0x1000, CODE_STEPPED, 0);
	assert_true(site.is_repeated);
}

static void a_value_is_followed_into_other_registers_and_the_stack(void **state)
{
	struct code c = FUNCTION(sysv_late);

	(void)state;
	expect_entry(c, MASK(RDI) | MASK(RSI), 0x1000, CODE_STEPPED, 0);
	assert_int_equal(code_entry_site(&c, MASK(RDI) | MASK(RSI) | MASK(RDX), &site, values), 0);
	assert_true(site.vaddr == 0x1010);
	assert_int_equal(site.cost, CODE_EMULATED);
	assert_int_equal(site.depth_bytes, 0x18);
	assert_int_equal(values[RDI].reg, RAX);
	assert_false(values[RDI].is_memory);
	assert_true(values[RSI].is_memory);
	assert_int_equal(values[RSI].reg, CODE_RSP);
	assert_int_equal(values[RSI].displacement, 8);
	assert_int_equal(values[RDX].reg, RDX);
	assert_int_equal(values[RAX].reg, CODE_NO_REGISTER);
}

static void every_ret_is_found_and_leaving_otherwise_is_told(void **state)
{
	struct code_site sites[4];
	bool has_other_exits;
	size_t n;
	struct code c = FUNCTION(go_since_1_21);

	(void)state;
	assert_int_equal(code_ret_sites(&c, sites, 4, &n, &has_other_exits), 0);
	assert_int_equal(n, 1);
	assert_true(sites[0].vaddr == 0x102c);
	assert_int_equal(sites[0].depth_bytes, 0);
	assert_false(has_other_exits);
	assert_int_equal(code_ret_sites(&c, sites, 0, &n, &has_other_exits), -E2BIG);
	c = FUNCTION(sysv_late);
	assert_int_equal(code_ret_sites(&c, sites, 4, &n, &has_other_exits), 0);
	assert_int_equal(n, 0);
	assert_true(has_other_exits);
}

static void calls_are_found_with_the_depth_of_the_stack_there(void **state)
{
	struct code_site sites[4];
	size_t n;
	struct code c = FUNCTION(go_since_1_21);

	(void)state;
	assert_int_equal(code_call_sites(&c, 0x5000, sites, 4, &n), 0);
	assert_int_equal(n, 2);
	assert_true(sites[1].vaddr == 0x1022);
	assert_int_equal(sites[1].depth_bytes, 0x28);
	assert_int_equal(sites[1].cost, CODE_EMULATED);
	assert_int_equal(code_call_sites(&c, 0x5000, sites, 1, &n), -E2BIG);
	assert_int_equal(code_call_sites(&c, 0x5001, sites, 4, &n), 0);
	assert_int_equal(n, 0);
}

static void a_scan_finds_calls_and_jumps_to_a_function(void **state)
{
	uint64_t found[4];
	size_t n;

	(void)state;
	assert_int_equal(
		code_scan_calls(sysv_late, sizeof(sysv_late), 0x1000, 0x5000, found, 4, &n), 0);
	assert_int_equal(n, 2);
	assert_true(found[0] == 0x1010);
	assert_true(found[1] == 0x1019);
	assert_int_equal(
		code_scan_calls(sysv_late, sizeof(sysv_late), 0x1000, 0x5000, found, 1, &n),
		-E2BIG);
	assert_int_equal(
		code_scan_calls(sysv_late, sizeof(sysv_late) - 1, 0x1000, 0x5000, found, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(code_scan_calls(sysv_late, 4, 0x1000, 0x5000, found, 4, &n), 0);
	assert_int_equal(n, 0);
}

static void after_a_call_the_line_ends_where_a_branch_leads_in(void **state)
{
	const uint32_t needed = MASK(RAX) | MASK(RBX);
	struct code c = FUNCTION(caller);

	(void)state;
	assert_int_equal(code_after_call_site(&c, 0x1004, needed, &site, values), 0);
	assert_true(site.vaddr == 0x101e);
	assert_int_equal(site.cost, CODE_EMULATED);
	assert_int_equal(site.depth_bytes, 0x28);
	assert_false(site.is_repeated);
	assert_int_equal(values[RBX].reg, RDI);
	assert_true(values[RAX].is_memory);
	assert_int_equal(values[RAX].displacement, 0x10);
	/* 0x1028 is entered from elsewhere */
	assert_int_equal(code_after_call_site(&c, 0x1020, MASK(RAX), &site, values), 0);
	assert_true(site.vaddr == 0x1025);
	assert_int_equal(site.cost, CODE_STEPPED);
	assert_false(site.is_repeated);
	/* and so is the very next one of the third call: then it is said */
	assert_int_equal(code_after_call_site(&c, 0x102d, MASK(RAX), &site, NULL), 0);
	assert_true(site.vaddr == 0x1032);
	assert_true(site.is_repeated);
}

static void after_a_call_needs_a_call(void **state)
{
	struct code c = FUNCTION(caller);

	(void)state;
	assert_int_equal(code_after_call_site(&c, 0x1005, 0, &site, NULL), -EINVAL);
	assert_int_equal(code_after_call_site(&c, 0x1009, 0, &site, NULL), -EINVAL);
	assert_int_equal(code_after_call_site(&c, 0x2000, 0, &site, NULL), -EINVAL);
	assert_int_equal(code_after_call_site(&c, 0x1038, 0, &site, NULL), -ENOENT);
}

static void the_stack_is_followed_through_frames_and_branches(void **state)
{
	static const struct {
		uint64_t vaddr;
		int64_t depth;
	} framed[] = { { 0x1000, 0 },  { 0x1005, 8 },  { 0x100a, 16 }, { 0x100f, 56 },
		       { 0x1013, -1 }, { 0x101b, -1 }, { 0x101f, 24 }, { 0x1022, 8 },
		       { 0x1023, 0 },  { 0x1001, -1 }, { 0xfff, -1 },  { 0x1024, -1 } };
	struct code c = FUNCTION(sysv_framed);

	(void)state;
	for (size_t i = 0; i < sizeof(framed) / sizeof(*framed); i++)
		assert_int_equal(code_stack_depth(&c, framed[i].vaddr), framed[i].depth);
	c = FUNCTION(go_before_1_21);
	assert_int_equal(code_stack_depth(&c, 0x102f), 0x70);
	assert_int_equal(code_stack_depth(&c, 0x1038), 0);
}

static void a_call_that_never_returns_does_not_spoil_the_depth(void **state)
{
	struct code c = FUNCTION(noreturn);

	(void)state;
	assert_int_equal(code_stack_depth(&c, 0x100f), 8);
	assert_int_equal(code_stack_depth(&c, 0x1010), 0);
	c = FUNCTION(go_before_1_21);
	assert_int_equal(code_stack_depth(&c, 0x103e), 0);
}

static void go_spills_its_arguments_above_the_return_address(void **state)
{
	struct code c = FUNCTION(go_before_1_21);
	int64_t displacement = 0;

	(void)state;
	assert_int_equal(code_spill_slot(&c, RAX, 0x102a, &displacement), 0);
	assert_int_equal(displacement, 8);
	assert_int_equal(code_spill_slot(&c, RBX, 0x102a, &displacement), 0);
	assert_int_equal(displacement, 16);
	assert_int_equal(code_spill_slot(&c, RCX, 0x102a, &displacement), -ENOENT);
	assert_int_equal(code_spill_slot(&c, RAX, 0x1021, &displacement), -ENOENT);
	c = FUNCTION(go_since_1_21);
	assert_int_equal(code_spill_slot(&c, RAX, 0x1013, &displacement), 0);
	assert_int_equal(displacement, 8);
	/* stored after a call, when it is no argument any more */
	assert_int_equal(code_spill_slot(&c, RBX, 0x1022, &displacement), -ENOENT);
}

static void a_slot_that_may_change_or_stay_empty_is_none(void **state)
{
	struct code c = FUNCTION(overwritten);
	int64_t displacement;

	(void)state;
	assert_int_equal(code_spill_slot(&c, RAX, 0x1022, &displacement), -ENOENT);
	assert_int_equal(code_spill_slot(&c, RBX, 0x1022, &displacement), -ENOENT);
	assert_int_equal(code_spill_slot(&c, RCX, 0x1022, &displacement), -ENOENT);
	c = FUNCTION(conditional_spill);
	assert_int_equal(code_spill_slot(&c, RAX, 0x100e, &displacement), -ENOENT);
	assert_int_equal(code_spill_slot(&c, 77, 0x100e, &displacement), -ENOENT);
}

static void a_switch_may_lead_anywhere_at_its_depth(void **state)
{
	struct code c = FUNCTION(switched);

	(void)state;
	/* 0x1007 is cheap, but a case of the switch could begin in front of it */
	expect_entry(c, MASK(RDI), 0x1000, CODE_STEPPED, 0);
	assert_true(site.is_repeated);
	assert_int_equal(code_stack_depth(&c, 0x101a), -1);
	assert_int_equal(code_after_call_site(&c, 0x101a, 0, &site, NULL), 0);
	assert_true(site.is_repeated);
}

static void a_branch_into_an_instruction_makes_all_unknown(void **state)
{
	struct code c = FUNCTION(crossed);
	int64_t displacement;

	(void)state;
	expect_entry(c, MASK(RDI), 0x1000, CODE_EMULATED, 0);
	assert_true(site.is_repeated);
	assert_int_equal(code_stack_depth(&c, 0x1008), -1);
	assert_int_equal(code_spill_slot(&c, RAX, 0x1008, &displacement), -EBADMSG);
}

static void what_cannot_be_decoded_is_said(void **state)
{
	struct code c = FUNCTION(go_before_1_21);
	struct code_site sites[4];
	bool has_other_exits;
	int64_t displacement;
	size_t n;

	(void)state;
	c.size -= 1; /* the last jump is cut off */
	assert_int_equal(code_ret_sites(&c, sites, 4, &n, &has_other_exits), -EBADMSG);
	assert_int_equal(code_call_sites(&c, 0x5000, sites, 4, &n), -EBADMSG);
	assert_int_equal(code_spill_slot(&c, RAX, 0x102a, &displacement), -EBADMSG);
	assert_int_equal(code_stack_depth(&c, 0x102a), -1);
	/* somebody may jump to the jbe */
	expect_entry(c, MASK(RAX), 0x1000, CODE_STEPPED, 0);
	assert_true(site.is_repeated);
	c.size = 0;
	assert_int_equal(code_entry_site(&c, 0, &site, NULL), -ENOTSUP);
	assert_int_equal(code_stack_depth(&c, 0x1000), -1);
}

static void too_much_is_refused(void **state)
{
	uint8_t *nops = malloc(CODE_MAX_BYTES + 1);
	struct code c = { EM_X86_64, 0x1000, nops, CODE_MAX_BYTES + 1 };

	(void)state;
	assert_non_null(nops);
	memset(nops, 0x90, CODE_MAX_BYTES + 1);
	assert_int_equal(code_entry_site(&c, 0, &site, NULL), -E2BIG);
	c.size = CODE_MAX_INSTRUCTIONS + 1;
	assert_int_equal(code_entry_site(&c, 0, &site, NULL), -E2BIG);
	c.size = CODE_MAX_INSTRUCTIONS;
	assert_int_equal(code_entry_site(&c, 0, &site, NULL), 0);
	free(nops);
}

static void aarch64_has_its_entry_and_its_returns(void **state)
{
	static const uint8_t bytes[] = {
		0xfd, 0x7b, 0xbf, 0xa9, /* 1000: stp x29, x30, [sp, #-16]! */
		0x60, 0x00, 0x00, 0xb4, /* 1004: cbz x0, 1010 */
		0xfd, 0x7b, 0xc1, 0xa8, /* 1008: ldp x29, x30, [sp], #16 */
		0xc0, 0x03, 0x5f, 0xd6, /* 100c: ret */
		0xfd, 0x7b, 0xc1, 0xa8, /* 1010: ldp x29, x30, [sp], #16 */
		0xff, 0x0b, 0x5f, 0xd6, /* 1014: retaa */
		0xfa, 0xff, 0xff, 0x17, /* 1018: b 1000 */
	};
	struct code c = { EM_AARCH64, 0x1000, bytes, sizeof(bytes) };
	struct code_site sites[4];
	bool has_other_exits;
	size_t n;

	(void)state;
	expect_entry(c, 1, 0x1000, CODE_STEPPED, 0);
	assert_int_equal(code_ret_sites(&c, sites, 4, &n, &has_other_exits), 0);
	assert_int_equal(n, 2);
	assert_true(sites[0].vaddr == 0x100c);
	assert_true(sites[1].vaddr == 0x1014);
	assert_false(has_other_exits);
	c.vaddr += 4;
	c.bytes += 4;
	c.size -= 4;
	assert_int_equal(code_ret_sites(&c, sites, 4, &n, &has_other_exits), 0);
	assert_true(has_other_exits);
	assert_int_equal(code_call_sites(&c, 0, sites, 4, &n), -ENOTSUP);
	assert_int_equal(code_after_call_site(&c, 0x1004, 0, &site, NULL), -ENOTSUP);
	assert_int_equal(code_stack_depth(&c, 0x1004), -1);
	assert_int_equal(code_cost_at(&c, 0x1004), CODE_STEPPED);
	assert_int_equal(code_cost_at(&c, 0x1006), CODE_REFUSED);
	c.machine = EM_386;
	assert_int_equal(code_entry_site(&c, 0, &site, NULL), -ENOTSUP);
}

static void the_middle_of_an_instruction_is_no_boundary(void **state)
{
	const struct code c = FUNCTION(go_before_1_21);

	(void)state;
	assert_true(code_is_boundary(&c, 0x1000));
	assert_true(code_is_boundary(&c, 0x1005));
	assert_false(code_is_boundary(&c, 0x1001)); /* reads as an instruction, but is none */
	assert_int_not_equal(code_cost_at(&c, 0x1001), CODE_REFUSED);
	assert_false(code_is_boundary(&c, 0xfff));
	assert_false(code_is_boundary(&c, 0x1000 + sizeof(go_before_1_21)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_numbers_are_those_of_the_list_of_registers),
		cmocka_unit_test(only_what_every_kernel_emulates_is_cheap),
		cmocka_unit_test(go_is_probed_at_the_branch_that_grows_the_stack),
		cmocka_unit_test(a_register_that_changes_before_moves_the_site),
		cmocka_unit_test(a_value_is_followed_into_other_registers_and_the_stack),
		cmocka_unit_test(every_ret_is_found_and_leaving_otherwise_is_told),
		cmocka_unit_test(calls_are_found_with_the_depth_of_the_stack_there),
		cmocka_unit_test(a_scan_finds_calls_and_jumps_to_a_function),
		cmocka_unit_test(after_a_call_the_line_ends_where_a_branch_leads_in),
		cmocka_unit_test(the_middle_of_an_instruction_is_no_boundary),
		cmocka_unit_test(after_a_call_needs_a_call),
		cmocka_unit_test(the_stack_is_followed_through_frames_and_branches),
		cmocka_unit_test(a_call_that_never_returns_does_not_spoil_the_depth),
		cmocka_unit_test(go_spills_its_arguments_above_the_return_address),
		cmocka_unit_test(a_slot_that_may_change_or_stay_empty_is_none),
		cmocka_unit_test(a_switch_may_lead_anywhere_at_its_depth),
		cmocka_unit_test(a_branch_into_an_instruction_makes_all_unknown),
		cmocka_unit_test(what_cannot_be_decoded_is_said),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(aarch64_has_its_entry_and_its_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
