/* SPDX-License-Identifier: MIT */
/* argspec_test.c - argument strings as compilers write them, and as they never should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "discover/argspec.h"

static struct ps_arg args[PS_MAX_ARGS];
static unsigned int n;
static struct diag d;

static int parse(const char *text, uint16_t machine)
{
	memset(&d, 0, sizeof(d));
	return argspec_parse(text, machine, NULL, 0, args, &n, &d);
}

static void registers_constants_and_memory_of_x86_are_read(void **state)
{
	(void)state;
	assert_int_equal(
		parse("8@%rdi -4@$-5 4@-8(%rbp) 8@16(%rax,%rcx,8) 1@%r9b 2@(%rsp)", EM_X86_64), 0);
	assert_int_equal(n, 6);
	assert_int_equal(args[0].kind, PS_ARG_REG);
	assert_int_equal(args[0].reg, 14);
	assert_int_equal(args[1].kind, PS_ARG_CONST);
	assert_true(args[1].value == (uint64_t)-5);
	assert_true(args[1].is_signed);
	assert_int_equal(args[2].kind, PS_ARG_MEM);
	assert_int_equal(args[2].reg, 4);
	assert_int_equal(args[2].offset, -8);
	assert_int_equal(args[2].size, 4);
	assert_int_equal(args[3].reg, 10);
	assert_int_equal(args[3].index_reg, 11);
	assert_int_equal(args[3].scale, 8);
	assert_int_equal(args[4].reg, 8);
	assert_int_equal(args[4].size, 1);
	assert_int_equal(args[5].index_reg, PS_REG_NONE);
}

static void registers_constants_and_memory_of_arm64_are_read(void **state)
{
	(void)state;
	assert_int_equal(parse("8@x0 -4@w30 4@5 8@[sp, 12] 8@[x1] 8@[x1, x2]", EM_AARCH64), 0);
	assert_int_equal(n, 6);
	assert_int_equal(args[1].reg, 30);
	assert_int_equal(args[3].reg, 31);
	assert_int_equal(args[3].offset, 12);
	assert_int_equal(args[5].index_reg, 2);
}

static void an_old_note_without_sizes_means_whole_registers(void **state)
{
	(void)state;
	assert_int_equal(parse("%rdi $5", EM_X86_64), 0);
	assert_int_equal(n, 2);
	assert_int_equal(args[0].size, 8);
}

static _Bool find(void *context, const char *name, uint64_t *ret)
{
	(void)context;
	*ret = 0x5000;
	return !strcmp(name, "counter");
}

static void a_variable_is_read_relative_to_the_probe(void **state)
{
	const struct argspec_symbols symbols = { find, NULL };

	(void)state;
	assert_int_equal(
		argspec_parse("8@counter+8(%rip)", EM_X86_64, &symbols, 0x4000, args, &n, &d), 0);
	assert_int_equal(args[0].kind, PS_ARG_IP_REL);
	assert_int_equal(args[0].offset, 0x1008);
	assert_int_equal(argspec_parse("8@other(%rip)", EM_X86_64, &symbols, 0x4000, args, &n, &d),
			 -ENOTSUP);
}

static void what_cannot_be_read_is_refused_with_its_column(void **state)
{
	static const struct {
		const char *text;
		int error;
		unsigned int column;
	} bad[] = {
		{ "8@%zzz", -EINVAL, 3 },	   { "3@%rdi", -EINVAL, 3 },	     { "8f@%xmm0", -ENOTSUP, 2 },
		{ "1@%ah", -ENOTSUP, 3 },	   { "8@(%rax", -EINVAL, 8 },	     { "8@(%rax,%rbx,3)", -EINVAL, 15 },
		{ "8@%rdix", -EINVAL, 3 },	   { "8@$", -EINVAL, 4 },	     { "8@9999999999(%rax)", -EINVAL, 19 },
		{ "8@$1 8@$1 8@$1 8@$1 8@$1 8@$1 8@$1", -E2BIG, 31 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(parse(bad[i].text, EM_X86_64), bad[i].error);
		assert_int_equal(d.column, bad[i].column);
		assert_true(d.text[0] != 0);
	}
	assert_int_equal(parse("8@%rdi", EM_386), -ENOTSUP);
}

static void an_empty_string_has_no_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("  ", EM_X86_64), 0);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_constants_and_memory_of_x86_are_read),
		cmocka_unit_test(registers_constants_and_memory_of_arm64_are_read),
		cmocka_unit_test(an_old_note_without_sizes_means_whole_registers),
		cmocka_unit_test(a_variable_is_read_relative_to_the_probe),
		cmocka_unit_test(what_cannot_be_read_is_refused_with_its_column),
		cmocka_unit_test(an_empty_string_has_no_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
