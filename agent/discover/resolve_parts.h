/* SPDX-License-Identifier: MIT */
/*
 * resolve_parts.h - within resolve: where a probe goes (resolve.c) and what is read there (resolve_spec.c).
 */
#ifndef POOLSCOPE_DISCOVER_RESOLVE_PARTS_H
#define POOLSCOPE_DISCOVER_RESOLVE_PARTS_H

#include "discover/code.h"
#include "discover/notes.h"
#include "discover/resolve.h"

struct resolving {
	const struct recipe *recipe;
	int fd;
	struct symbols *symbols;
	bool is_go;
	uint16_t machine;
	uint64_t version;
	struct recipe_plan *plan;
	size_t room;
	struct diag d;
};

/* Where a probe goes and what can be read there. */
struct spot {
	uint64_t vaddr;
	bool is_return, is_dear, is_call, has_args, has_return;
	const struct code *code; /* for copies of arguments; NULL = none */
	const struct code_value *values; /* where registers of the entry or the return lie here; NULL = in their place */
	const struct note *note; /* of a USDT point; NULL = none */
};

/* What the kernel side does there. -EINVAL or -ENOENT with the reason in r->d. */
int resolve_spec(struct resolving *r, const struct recipe_probe *p, const struct spot *spot,
		 struct ps_spec *spec);

/* The value of an [offset] section in this file. -ENOENT. */
int resolve_offset_of(struct resolving *r, const char *name, int64_t *ret, struct diag *d);

/* Whether a call of the function is over after the probe. */
bool probe_ends_call(const struct recipe_probe *p);

/* Marks the specs after which none of their chain can run. */
void resolve_mark_last(struct recipe_plan *plan);

#endif
