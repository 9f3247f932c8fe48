/* SPDX-License-Identifier: MIT */
/*
 * argspec.c - see argspec.h. The surprise: a size's sign says whether the value is signed ("-4@%eax"), and may be missing
 * altogether in old notes, which then mean a whole register.
 */
#include "discover/argspec.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const char *begin, *at;
	const struct argspec_symbols *symbols;
	uint64_t pc_vaddr;
	struct diag *d;
};

static int refuse(struct cursor *c, int error, const char *expected)
{
	if (c->d)
		c->d->column = (unsigned int)(c->at - c->begin) + 1;
	return diag_set(c->d, error, "argument string: %s at column %u", expected,
			(unsigned int)(c->at - c->begin) + 1);
}

static bool take(struct cursor *c, char what)
{
	if (*c->at != what)
		return false;
	c->at++;
	return true;
}

static void skip_blanks(struct cursor *c)
{
	while (*c->at == ' ' || *c->at == '\t')
		c->at++;
}

static bool take_number(struct cursor *c, long long *ret)
{
	const char *digits = c->at + (*c->at == '-' || *c->at == '+');
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*ret = strtoll(c->at, &end, 0);
	if (errno == ERANGE) {
		errno = 0;
		*ret = (long long)strtoull(c->at, &end, 0);
		if (errno)
			return false;
	}
	c->at = end;
	return true;
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.')
		n++;
	return n;
}

/* ---- registers --------------------------------------------------------------------------------------------------------- */

struct reg_name {
	unsigned int number;
	const char *names;
};

static const struct reg_name x86_regs[] = {
#define REG_X86(n, names) { n, names },
#include "bpf/regs.def"
};

static bool is_one_of(const char *word, size_t n, const char *names)
{
	while (*names) {
		size_t length = strcspn(names, " ");

		if (length == n && !memcmp(word, names, n))
			return true;
		names += length + (names[length] == ' ');
	}
	return false;
}

static bool take_reg_x86(struct cursor *c, uint8_t *ret)
{
	size_t n;

	if (*c->at != '%')
		return false;
	n = word_length(c->at + 1);
	for (size_t i = 0; i < sizeof(x86_regs) / sizeof(*x86_regs); i++) {
		if (!is_one_of(c->at + 1, n, x86_regs[i].names))
			continue;
		*ret = (uint8_t)x86_regs[i].number;
		c->at += 1 + n;
		return true;
	}
	return false;
}

static bool take_reg_arm(struct cursor *c, uint8_t *ret)
{
	size_t n = word_length(c->at);
	char *end;
	long number;

	if (n == 2 && !memcmp(c->at, "sp", 2)) {
		*ret = 31;
		c->at += 2;
		return true;
	}
	if (n < 2 || n > 3 || (c->at[0] != 'x' && c->at[0] != 'w') ||
	    !isdigit((unsigned char)c->at[1]))
		return false;
	number = strtol(c->at + 1, &end, 10);
	if (end != c->at + n || number > 30)
		return false;
	*ret = (uint8_t)number;
	c->at += n;
	return true;
}

/* ---- x86-64 ------------------------------------------------------------------------------------------------------------ */

/* (%base), (%base,%index), (%base,%index,scale) after an offset */
static int parse_memory_x86(struct cursor *c, long long offset, struct ps_arg *ret)
{
	long long scale = 1;

	if (!take(c, '('))
		return refuse(c, -EINVAL, "expected '('");
	if (!take_reg_x86(c, &ret->reg))
		return refuse(c, -EINVAL, "expected a register");
	if (take(c, ',')) {
		if (!take_reg_x86(c, &ret->index_reg))
			return refuse(c, -EINVAL, "expected an index register");
		if (take(c, ',') && (!take_number(c, &scale) ||
				     (scale != 1 && scale != 2 && scale != 4 && scale != 8)))
			return refuse(c, -EINVAL, "expected a scale of 1, 2, 4 or 8");
		ret->scale = (uint8_t)scale;
	}
	if (!take(c, ')'))
		return refuse(c, -EINVAL, "expected ')'");
	if (offset < INT_MIN || offset > INT_MAX)
		return refuse(c, -EINVAL, "expected an offset of 32 bits");
	ret->kind = PS_ARG_MEM;
	ret->offset = (int32_t)offset;
	return 0;
}

/* name+offset(%rip) */
static int parse_symbol_x86(struct cursor *c, struct ps_arg *ret)
{
	char name[128];
	size_t n = word_length(c->at);
	long long offset = 0;
	uint64_t vaddr;

	if (!n || n >= sizeof(name))
		return refuse(c, -EINVAL, "expected a register, a constant or memory");
	memcpy(name, c->at, n);
	name[n] = 0;
	if (!c->symbols || !c->symbols->find(c->symbols->context, name, &vaddr))
		return refuse(c, -ENOTSUP, "the address of a variable is not known");
	c->at += n;
	if ((*c->at == '+' || *c->at == '-') && !take_number(c, &offset))
		return refuse(c, -EINVAL, "expected an offset");
	if (strncmp(c->at, "(%rip)", 6))
		return refuse(c, -EINVAL, "expected (%rip)");
	c->at += 6;
	offset = (long long)(vaddr + (uint64_t)offset - c->pc_vaddr);
	if (offset < INT_MIN || offset > INT_MAX)
		return refuse(c, -EINVAL, "expected a variable within 2 GiB");
	ret->kind = PS_ARG_IP_REL;
	ret->offset = (int32_t)offset;
	return 0;
}

static int parse_operand_x86(struct cursor *c, struct ps_arg *ret)
{
	long long number;

	if (take(c, '$')) {
		if (!take_number(c, &number))
			return refuse(c, -EINVAL, "expected a constant");
		ret->kind = PS_ARG_CONST;
		ret->value = (uint64_t)number;
		return 0;
	}
	if (*c->at == '%') {
		size_t n = word_length(c->at + 1);

		if (n == 2 && c->at[2] == 'h' && strchr("abcd", c->at[1]))
			return refuse(c, -ENOTSUP, "the high byte of a register is not supported");
		if (!take_reg_x86(c, &ret->reg))
			return refuse(c, -EINVAL, "expected a general register");
		ret->kind = PS_ARG_REG;
		return 0;
	}
	if (*c->at == '(')
		return parse_memory_x86(c, 0, ret);
	if (take_number(c, &number))
		return parse_memory_x86(c, number, ret);
	return parse_symbol_x86(c, ret);
}

/* ---- aarch64 ----------------------------------------------------------------------------------------------------------- */

static int parse_operand_arm(struct cursor *c, struct ps_arg *ret)
{
	long long number = 0;

	if (take(c, '[')) {
		if (!take_reg_arm(c, &ret->reg))
			return refuse(c, -EINVAL, "expected a register");
		if (take(c, ',')) {
			skip_blanks(c);
			take(c, '#');
			if (take_reg_arm(c, &ret->index_reg))
				ret->scale = 1;
			else if (!take_number(c, &number) || number < INT_MIN || number > INT_MAX)
				return refuse(c, -EINVAL, "expected an offset");
		}
		if (!take(c, ']'))
			return refuse(c, -EINVAL, "expected ']'");
		ret->kind = PS_ARG_MEM;
		ret->offset = (int32_t)number;
		return 0;
	}
	if (take_number(c, &number)) {
		ret->kind = PS_ARG_CONST;
		ret->value = (uint64_t)number;
		return 0;
	}
	if (!take_reg_arm(c, &ret->reg))
		return refuse(c, -EINVAL, "expected a register, a constant or memory");
	ret->kind = PS_ARG_REG;
	return 0;
}

/* ---- one argument, all arguments --------------------------------------------------------------------------------------- */

static int parse_size(struct cursor *c, struct ps_arg *ret)
{
	const char *sign = strchr(c->at, '@'), *blank = strchr(c->at, ' ');
	long long size;

	ret->size = 8;
	if (!sign || (blank && blank < sign))
		return 0; /* an old note: no size at all */
	if (!take_number(c, &size))
		return refuse(c, -EINVAL, "expected the size of the argument");
	if (*c->at == 'f')
		return refuse(c, -ENOTSUP, "floating point arguments are not supported");
	if (!take(c, '@'))
		return refuse(c, -EINVAL, "expected '@'");
	ret->is_signed = size < 0;
	if (size < 0)
		size = -size;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return refuse(c, -EINVAL, "expected a size of 1, 2, 4 or 8 bytes");
	ret->size = (uint8_t)size;
	return 0;
}

static int parse_one(struct cursor *c, uint16_t machine, struct ps_arg *ret)
{
	int error;

	memset(ret, 0, sizeof(*ret));
	ret->index_reg = PS_REG_NONE;
	error = parse_size(c, ret);
	if (error)
		return error;
	error = machine == EM_X86_64 ? parse_operand_x86(c, ret) : parse_operand_arm(c, ret);
	if (error)
		return error;
	if (*c->at && *c->at != ' ' && *c->at != '\t')
		return refuse(c, -EINVAL, "expected a blank");
	return 0;
}

int argspec_parse(const char *text, uint16_t machine, const struct argspec_symbols *symbols,
		  uint64_t pc_vaddr, struct ps_arg ret[PS_MAX_ARGS], unsigned int *ret_n,
		  struct diag *d)
{
	struct cursor c = {
		.begin = text, .at = text, .symbols = symbols, .pc_vaddr = pc_vaddr, .d = d
	};
	unsigned int n = 0;
	int error;

	*ret_n = 0;
	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return diag_set(d, -ENOTSUP, "no register names are known for machine %u", machine);
	for (skip_blanks(&c); *c.at; skip_blanks(&c)) {
		if (n == PS_MAX_ARGS)
			return refuse(&c, -E2BIG, "more arguments than a verb has");
		error = parse_one(&c, machine, &ret[n]);
		if (error)
			return error;
		n++;
	}
	*ret_n = n;
	return 0;
}
