/* SPDX-License-Identifier: MIT */
/*
 * recipe_expr.c - see recipe_expr.h. The surprise: a number added before the first `->` is the same as a larger first member, so
 * it needs no place of its own; only a sum that is not read from has one.
 */
#include "discover/recipe_expr.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *begin, *at;
	struct diag *d;
};

static int refuse(const struct scan *s, const char *expected)
{
	if (s->d)
		s->d->column = (unsigned int)(s->at - s->begin) + 1;
	return diag_set(s->d, -EINVAL, "%s at column %u of \"%.100s\"", expected,
			(unsigned int)(s->at - s->begin) + 1, s->begin);
}

static void skip_blanks(struct scan *s)
{
	while (*s->at == ' ' || *s->at == '\t')
		s->at++;
}

static bool take(struct scan *s, const char *what)
{
	size_t n = strlen(what);

	skip_blanks(s);
	if (strncmp(s->at, what, n) != 0)
		return false;
	s->at += n;
	return true;
}

/* A word of letters, digits, _ and dots; 0 = there is none or it is too long. */
static size_t take_word(struct scan *s, char *ret, size_t size)
{
	size_t n = 0;

	skip_blanks(s);
	while (isalnum((unsigned char)s->at[n]) || s->at[n] == '_' || s->at[n] == '.')
		n++;
	if (!n || n >= size)
		return 0;
	memcpy(ret, s->at, n);
	ret[n] = 0;
	s->at += n;
	return n;
}

static bool take_number(struct scan *s, int64_t *ret)
{
	const char *digits;
	char *end;
	long long n;

	skip_blanks(s);
	digits = s->at + (*s->at == '-');
	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	n = strtoll(s->at, &end, 0);
	if (errno || isalnum((unsigned char)*end) || *end == '_')
		return false;
	*ret = n;
	s->at = end;
	return true;
}

/* ---- words ------------------------------------------------------------------------------------------------------------- */

struct word {
	const char *argument, *name;
	int64_t value;
};

static const struct word words[] = {
#define KIND(id, name, text) { "kind", #name, id },
#define OUTCOME(id, name, text) { "outcome", #name, id },
#include "bpf/verbs.def"
#define CLOSE_REASON(id, name, text) { "reason", #name, id },
#define REJECT_REASON(id, name, text) { "reason", #name, id },
#define STALL_CAUSE(id, name, text) { "cause", #name, id },
#include "bpf/verbs.def"
	{ "flags", "new", PS_ACQUIRED_NEW },
	{ "flags", "unheld", PS_ACQUIRED_UNHELD },
	{ "flags", "broken", PS_RELEASED_BROKEN },
};

static const struct {
	const char *names;
	unsigned int number;
} x86_regs[] = {
#define REG_X86(n, names) { names, n },
#include "bpf/regs.def"
};

/* Only whole registers: the first of each row's names. */
static bool is_register(uint16_t machine, const char *word, unsigned int *ret)
{
	size_t n = strlen(word);
	int64_t number;
	struct scan s = { word + 1, word + 1, NULL };

	if (machine == EM_AARCH64) {
		if (!strcmp(word, "sp")) {
			*ret = 31;
			return true;
		}
		if (word[0] != 'x' || !take_number(&s, &number) || *s.at || number < 0 ||
		    number > 30)
			return false;
		*ret = (unsigned int)number;
		return true;
	}
	for (size_t i = 0; i < sizeof(x86_regs) / sizeof(*x86_regs); i++) {
		if (strncmp(x86_regs[i].names, word, n) != 0 ||
		    (x86_regs[i].names[n] && x86_regs[i].names[n] != ' '))
			continue;
		*ret = x86_regs[i].number;
		return true;
	}
	return false;
}

/* "arg3": true, 3; "return": with `first` 1 when the number may be missing. */
static bool is_numbered(const char *word, const char *stem, unsigned int first, unsigned int most,
			unsigned int *ret)
{
	size_t n = strlen(stem);

	if (strncmp(word, stem, n) != 0)
		return false;
	*ret = first;
	if (!word[n])
		return first != 0;
	if (!isdigit((unsigned char)word[n]) || strlen(word + n) > 2)
		return false;
	*ret = (unsigned int)atoi(word + n);
	return *ret >= 1 && *ret <= most;
}

static int word_to_base(const struct scan *s, const char *word, const char *argument,
			uint16_t machine, struct expr *e)
{
	if (is_numbered(word, "arg", 0, 16, &e->index))
		e->base = EXPR_ARG;
	else if (is_numbered(word, "passed", 0, 16, &e->index))
		e->base = EXPR_PASSED;
	else if (is_numbered(word, "return", 1, 16, &e->index))
		e->base = EXPR_RETURN;
	else if (is_numbered(word, "saved", 0, PS_SPEC_SAVES, &e->index))
		e->base = EXPR_SAVED;
	else if (!strcmp(word, "handed"))
		e->base = EXPR_HANDED;
	else if (!strcmp(word, "thread"))
		e->base = EXPR_THREAD;
	else if (!strcmp(word, "goroutine"))
		e->base = EXPR_GOROUTINE;
	else if (is_register(machine, word, &e->index))
		e->base = EXPR_REGISTER;
	else if (is_register(machine == EM_AARCH64 ? EM_X86_64 : EM_AARCH64, word, &e->index)) {
		e->base = EXPR_REGISTER; /* the recipe is good, the probe is not for this machine */
		e->index = PS_REG_NONE;
	}
	if (e->base)
		return 0;
	for (size_t i = 0; argument && i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].argument, argument) != 0 || strcmp(words[i].name, word) != 0)
			continue;
		e->base = EXPR_NUMBER;
		e->number = words[i].value;
		return 0;
	}
	return diag_set(s->d, -EINVAL, "\"%.64s\" is no argument, register, number or word%s%s",
			word, argument ? " for " : "", argument ? argument : "");
}

/* ---- parsing ----------------------------------------------------------------------------------------------------------- */

static int take_place(struct scan *s, struct expr_member *m)
{
	m->name[0] = 0;
	m->number = 0;
	if (!take_number(s, &m->number) && !take_word(s, m->name, sizeof(m->name)))
		return refuse(s, "expected a number of bytes or the name of an [offset] section");
	if (m->number < INT32_MIN || m->number > INT32_MAX)
		return refuse(s, "expected a distance of less than 2 GiB");
	return 0;
}

static int take_member(struct scan *s, struct expr *e)
{
	int error;

	if (e->n_members == PS_MAX_DEREFS)
		return refuse(s, "more than four -> in a row");
	error = take_place(s, &e->member[e->n_members]);
	e->n_members += !error;
	return error;
}

static int take_size(struct scan *s, struct expr *e)
{
	int64_t size;

	e->is_signed = take(s, "s");
	if (!take_number(s, &size) || (size != 1 && size != 2 && size != 4 && size != 8))
		return refuse(s, "expected a size: 1, 2, 4 or 8, or s1, s2, s4");
	e->size = (uint8_t)size;
	return 0;
}

/* What may follow the first value. */
static int take_tail(struct scan *s, struct expr *e)
{
	int64_t added;
	int error = 0;

	while (!error) {
		if (take(s, "->")) {
			error = take_member(s, e);
			if (!error && e->n_members == 1 && e->number && e->base != EXPR_NUMBER) {
				if (e->member[0].name[0])
					return refuse(s, "expected a number after -> behind a sum");
				e->member[0].number += e->number;
				e->number = 0;
			}
		} else if (take(s, "+")) {
			if (e->base == EXPR_NUMBER || e->n_members || !take_number(s, &added))
				return refuse(s, "expected a number to be added to a value");
			e->number += added;
		} else if (take(s, ":")) {
			return take_size(s, e);
		} else {
			break;
		}
	}
	if (!error && e->base == EXPR_NUMBER && e->n_members)
		return refuse(s, "a number cannot be followed by ->");
	return error;
}

static int take_expr(struct scan *s, const char *argument, uint16_t machine, struct expr *ret)
{
	struct expr e = { .size = 8 };
	char word[64];
	int error;

	if (take_number(s, &e.number)) {
		e.base = EXPR_NUMBER;
	} else if (take(s, "&")) {
		if (!take_word(s, e.variable, sizeof(e.variable)))
			return refuse(s, "expected the name of a variable");
		e.base = EXPR_ADDRESS;
	} else {
		if (!take_word(s, word, sizeof(word)))
			return refuse(s, "expected a value");
		error = word_to_base(s, word, argument, machine, &e);
		if (error)
			return error;
	}
	error = take_tail(s, &e);
	if (!error)
		*ret = e;
	return error;
}

static int at_end(struct scan *s)
{
	skip_blanks(s);
	return *s->at ? refuse(s, "expected the end") : 0;
}

int expr_parse(const char *text, const char *argument, uint16_t machine, struct expr *ret,
	       struct diag *d)
{
	struct scan s = { text, text, d };
	struct expr e;
	int error = take_expr(&s, argument, machine, &e);

	if (!error)
		error = at_end(&s);
	if (!error)
		*ret = e;
	return error;
}

int expr_parse_field(const char *text, struct expr *ret, struct diag *d)
{
	struct scan s = { text, text, d };
	struct expr e = { .base = EXPR_POOL, .size = 8 };
	int error = take_member(&s, &e);

	if (!error)
		error = take_tail(&s, &e);
	if (!error && take(&s, "along ")) {
		e.is_list = true;
		error = e.n_members < 2 ? refuse(&s, "expected MEMBER -> MEMBER before along")
					: take_place(&s, &e.next);
	}
	if (!error)
		error = at_end(&s);
	if (!error)
		*ret = e;
	return error;
}

static int take_compare(struct scan *s, enum ps_compare *ret)
{
	/* the longer ones first */
	static const struct {
		const char *text;
		enum ps_compare compare;
	} signs[] = {
		{ "==", PS_COMPARE_EQ }, { "!=", PS_COMPARE_NE }, { "<=", PS_COMPARE_LE },
		{ ">=", PS_COMPARE_GE }, { "<", PS_COMPARE_LT },  { ">", PS_COMPARE_GT },
		{ "&", PS_COMPARE_BITS },
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		if (!take(s, signs[i].text))
			continue;
		*ret = signs[i].compare;
		return 0;
	}
	return refuse(s, "expected one of == != < <= > >= &");
}

int expr_parse_conds(const char *text, uint16_t machine, struct expr_cond ret[PS_SPEC_CONDS],
		     unsigned int *ret_n, struct diag *d)
{
	struct scan s = { text, text, d };
	unsigned int n = 0;
	int error;

	do {
		if (n == PS_SPEC_CONDS)
			return refuse(&s, "more than two conditions");
		error = take_expr(&s, NULL, machine, &ret[n].left);
		if (!error)
			error = take_compare(&s, &ret[n].compare);
		if (!error && !take_number(&s, &ret[n].right))
			error = refuse(&s, "expected a number to compare with");
		n++;
	} while (!error && take(&s, "and "));
	if (!error)
		error = at_end(&s);
	if (!error)
		*ret_n = n;
	return error;
}

/* ---- what the kernel side reads ---------------------------------------------------------------------------------------- */

/*
 * System V AMD64 ABI, 3.2.3; Procedure Call Standard for the Arm 64-bit Architecture, 6.4; Go's ABIInternal,
 * src/cmd/compile/abi-internal.md (since 1.17 on amd64, 1.18 on arm64).
 */
unsigned int expr_arg_register(uint16_t machine, bool is_go, unsigned int index)
{
	static const uint8_t c[] = { 14, 13, 12, 11, 9, 8 };
	static const uint8_t go[] = { 10, 5, 11, 14, 13, 9, 8, 7, 6 };

	if (machine == EM_AARCH64)
		return index >= 1 && index <= (is_go ? 16 : 8) ? index - 1 : PS_REG_NONE;
	if (!index || index > (is_go ? sizeof(go) : sizeof(c)))
		return PS_REG_NONE;
	return is_go ? go[index - 1] : c[index - 1];
}

unsigned int expr_return_register(uint16_t machine, bool is_go, unsigned int index)
{
	if (is_go || machine == EM_AARCH64)
		return index <= (is_go ? 16 : 2) ? expr_arg_register(machine, is_go, index)
						 : PS_REG_NONE;
	return index == 1 ? 10 : index == 2 ? 12 : PS_REG_NONE;
}

static int use_register(struct ps_arg *a, unsigned int reg, const char *what, unsigned int index,
			struct diag *d)
{
	if (reg == PS_REG_NONE)
		return diag_set(d, -EINVAL, "%s%u is in no register by this calling convention",
				what, index);
	a->kind = PS_ARG_REG;
	a->reg = (uint8_t)reg;
	return 0;
}

/* An argument whose register may be gone: where the function keeps a copy of it. */
static int use_argument(const struct expr *e, const struct expr_place *place, struct ps_arg *a,
			struct diag *d)
{
	unsigned int reg = expr_arg_register(place->machine, place->is_go, e->index);
	int64_t distance;

	if (place->has_args)
		return use_register(a, reg, "arg", e->index, d);
	if (reg == PS_REG_NONE || !place->spill || place->spill(place->context, reg, &distance))
		return diag_set(d, -EINVAL,
				"arg%u is not in its place any more here: save it at the entry",
				e->index);
	if (e->number)
		return diag_set(d, -EINVAL, "nothing can be added to arg%u here", e->index);
	a->kind = PS_ARG_MEM;
	a->reg = place->machine == EM_AARCH64 ? 31 : 19;
	a->offset = distance;
	return 0;
}

/* An address at a fixed distance from the instruction. */
static int use_variable(const struct expr *e, const struct expr_place *place, struct ps_arg *a,
			struct diag *d)
{
	int64_t distance;
	int error = place->variable ? place->variable(place->context, e->variable, &distance, d)
				    : diag_set(d, -EINVAL, "there are no variables here");

	if (error)
		return error;
	a->kind = PS_ARG_REG;
	a->reg = place->machine == EM_AARCH64 ? 32 : 16;
	a->offset = distance;
	return 0;
}

static int compile_base(const struct expr *e, const struct expr_place *place, struct ps_arg *a,
			struct diag *d)
{
	switch (e->base) {
	case EXPR_ARG:
		return use_argument(e, place, a, d);
	case EXPR_RETURN:
		if (!place->has_return)
			return diag_set(d, -EINVAL, "there is no return value here");
		return use_register(a, expr_return_register(place->machine, place->is_go, e->index),
				    "return", e->index, d);
	case EXPR_PASSED:
		if (!place->is_call)
			return diag_set(d, -EINVAL, "passed%u is for `at = call`", e->index);
		return use_register(a, expr_arg_register(place->machine, place->is_go, e->index),
				    "passed", e->index, d);
	case EXPR_REGISTER:
		if (e->index == PS_REG_NONE)
			return diag_set(d, -EINVAL, "this machine has no such register");
		return use_register(a, e->index, "register ", e->index, d);
	case EXPR_SAVED:
		a->kind = PS_ARG_SAVED;
		a->value = e->index - 1;
		return 0;
	case EXPR_HANDED:
		a->kind = PS_ARG_HANDED;
		return 0;
	case EXPR_THREAD:
		a->kind = PS_ARG_THREAD;
		return 0;
	case EXPR_ADDRESS:
		return use_variable(e, place, a, d);
	case EXPR_GOROUTINE: /* g: R14 on amd64, R28 on arm64 */
		if (!place->is_go)
			return diag_set(d, -EINVAL, "there are goroutines only in Go");
		return use_register(a, place->machine == EM_AARCH64 ? 28 : 1, "g", 0, d);
	case EXPR_NUMBER:
		a->kind = PS_ARG_CONST;
		a->value = (uint64_t)e->number;
		return 0;
	default:
		return diag_set(d, -EINVAL, "the pool's address is only known in [fields]");
	}
}

int expr_compile(const struct expr *e, const struct expr_place *place, struct ps_arg *ret,
		 struct diag *d)
{
	struct ps_arg a = { .size = e->size, .is_signed = e->is_signed, .index_reg = PS_REG_NONE };
	int error = compile_base(e, place, &a, d);

	if (error)
		return error;
	if (a.kind == PS_ARG_REG || a.kind == PS_ARG_SAVED || a.kind == PS_ARG_HANDED)
		a.offset += e->number;
	for (unsigned int i = 0; i < e->n_members; i++) {
		int64_t offset = e->member[i].number;

		if (e->member[i].name[0]) {
			error = place->offset(place->context, e->member[i].name, &offset, d);
			if (error)
				return error;
		}
		if (offset < INT32_MIN || offset > INT32_MAX)
			return diag_set(d, -EINVAL, "the offset %lld is out of range",
					(long long)offset);
		a.deref[a.n_derefs++] = (int32_t)offset;
	}
	*ret = a;
	return 0;
}
