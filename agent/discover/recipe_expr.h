/* SPDX-License-Identifier: MIT */
/*
 * recipe_expr.h - the expressions of a recipe: where an argument is found, from its text to what the kernel side reads.
 *
 *	VALUE [-> MEMBER]... [+ N] [: SIZE]
 *
 * VALUE is arg1, arg2, ... (of the function, by its calling convention), passed1, ... (to the one that is called here), return, return2, ..., a register (rax, x0), saved1 or
 * saved2, handed, thread, goroutine, &VARIABLE of the file, a number, or a word of the vocabulary (connection, timeout, new). `-> MEMBER` reads the memory at the
 * value plus MEMBER, a number of bytes or the name of an [offset] section. `+ N` adds at the end, or before the first `->`. SIZE is
 * the width of the last read in bytes, 1, 2, 4 or 8 (8), with an s before it when signed.
 *
 * Pure; the text may be anything.
 */
#ifndef POOLSCOPE_DISCOVER_RECIPE_EXPR_H
#define POOLSCOPE_DISCOVER_RECIPE_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "bpf/abi.h"

#define RECIPE_NAME_MAX 48 /* bytes of a label or of an offset's name, with the NUL */

enum expr_base {
	EXPR_NONE,
	EXPR_ARG,
	EXPR_RETURN,
	EXPR_PASSED,	/* what is passed to the function that is about to be called */
	EXPR_REGISTER,	/* index is its number in bpf/regs.def; PS_REG_NONE = of another machine */
	EXPR_SAVED,
	EXPR_HANDED,
	EXPR_THREAD,
	EXPR_GOROUTINE,
	EXPR_NUMBER,
	EXPR_ADDRESS,	/* of a variable of the file */
	EXPR_POOL,	/* [fields] only: the address of the pool */
};

struct expr_member {
	char name[RECIPE_NAME_MAX];	/* of an [offset] section; empty = the number */
	int64_t number;
};

struct expr {
	enum expr_base base;
	unsigned int index;	/* of args, returns and saved values from 1 */
	int64_t number;	/* the constant, or what is added */
	char variable[RECIPE_NAME_MAX];
	unsigned int n_members;
	struct expr_member member[PS_MAX_DEREFS];
	uint8_t size;
	bool is_signed;
	bool is_list;	/* [fields] only: the last member, of every element of a list */
	struct expr_member next;	/* where an element has the address of the next one */
};

/* `argument`: the verb's name for it ("kind", "outcome"), which says what words mean; NULL = numbers only. -EINVAL. */
int expr_parse(const char *text, const char *argument, uint16_t machine, struct expr *ret,
	       struct diag *d);

/* "MEMBER -> MEMBER ... [: SIZE] [along MEMBER]", of the pool's struct. -EINVAL. */
int expr_parse_field(const char *text, struct expr *ret, struct diag *d);

/* "EXPR OP NUMBER [and EXPR OP NUMBER]"; OP is == != < <= > >= &. -EINVAL. */
struct expr_cond {
	struct expr left;
	enum ps_compare compare;
	int64_t right;
};
int expr_parse_conds(const char *text, uint16_t machine, struct expr_cond ret[PS_SPEC_CONDS],
		     unsigned int *ret_n, struct diag *d);

/* What the place of a probe means for expressions. */
struct expr_place {
	uint16_t machine;
	bool is_go;	/* Go's ABIInternal, else the platform's C convention */
	bool has_args;	/* the function's arguments are where its caller put them */
	bool has_return;
	bool is_call;	/* another function is about to be called */
	/* The value of an [offset] section in this file. */
	int (*offset)(void *context, const char *name, int64_t *ret, struct diag *d);
	/* The distance of a saved copy of an argument's register from the stack pointer here; NULL = there is none. */
	int (*spill)(void *context, unsigned int reg, int64_t *ret);
	/* The distance of a variable from the instruction pointer here. */
	int (*variable)(void *context, const char *name, int64_t *ret, struct diag *d);
	void *context;
};

/* -EINVAL or -ENOENT with the reason why this cannot be read here. */
int expr_compile(const struct expr *e, const struct expr_place *place, struct ps_arg *ret,
		 struct diag *d);

/* The register of an argument or a return value from 1, PS_REG_NONE = not in a register. */
unsigned int expr_arg_register(uint16_t machine, bool is_go, unsigned int index);
unsigned int expr_return_register(uint16_t machine, bool is_go, unsigned int index);

#endif
