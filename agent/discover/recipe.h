/* SPDX-License-Identifier: MIT */
/*
 * recipe.h - a library known by data: one INI file that says which files it is in, where its pools are taken from and given back
 * to, and how to read what the verbs need. The format is described in poolscope-recipes(5).
 *
 * Parsing is pure and takes any bytes. What was parsed never changes; it is shared by counting references within the agent's
 * one thread, because probes of a recipe outlive its replacement for a moment.
 */
#ifndef POOLSCOPE_DISCOVER_RECIPE_H
#define POOLSCOPE_DISCOVER_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "discover/recipe_expr.h"

#define RECIPE_TEXT_MAX 200	/* bytes of a line, as libinih reads it */
#define RECIPE_PROBES_MAX 64
#define RECIPE_OFFSETS_MAX 64
#define RECIPE_RANGES_MAX 8
#define RECIPE_BUILD_ID_MAX 64

enum recipe_where {
	RECIPE_AT_NONE,
#define WHERE(id, word, form, text) RECIPE_AT_##id,
#include "discover/recipe.def"
};

enum recipe_field {
#define FIELD(id, name, text) RECIPE_FIELD_##id,
#include "discover/recipe.def"
	RECIPE_FIELD_COUNT
};

enum recipe_language { RECIPE_C, RECIPE_GO };

/* "1.16..1.22", "1.19", "1.21..": both ends belong to it. A version is up to three numbers; 0.0.0 and the largest = no end. */
struct recipe_range {
	uint64_t from, to;
};

struct recipe_probe {
	char label[RECIPE_NAME_MAX];
	enum recipe_where where;
	char function[RECIPE_TEXT_MAX];	/* or the provider; of `learned`: "entry" or "return" */
	char other[RECIPE_TEXT_MAX];	/* of `call`: the function that is called; of `usdt`: the point */
	int64_t distance;	/* of `offset` */
	enum ps_verb verb;	/* PS_VERB_none: saves only */
	struct expr arg[PS_MAX_ARGS];	/* in the order of the verb; base EXPR_NONE = not given */
	struct expr save[PS_SPEC_SAVES];
	struct expr task;	/* what work is known by that goes from one thread to another */
	struct expr hand;	/* what is handed over with it */
	struct expr learn;	/* the address of a function that will run */
	struct expr_cond cond[PS_SPEC_CONDS];
	unsigned int n_conds;
	char otherwise[RECIPE_TEXT_MAX];	/* within the parser: `else`, which becomes a probe of its own */
	bool is_dear_allowed;	/* also on an instruction that must be single-stepped */
	bool is_optional;	/* a file without the function is none the worse for it: it cannot call it */
	bool uses_saved, uses_handed;
	unsigned int line;
};

struct recipe_offset {
	char name[RECIPE_NAME_MAX];
	char type[RECIPE_TEXT_MAX];	/* in the debug information; empty = not there */
	char member[RECIPE_NAME_MAX];
	struct {
		struct recipe_range versions;	/* of Go; without a build-id */
		char build_id[RECIPE_BUILD_ID_MAX];	/* its beginning, hexadecimal; empty = by version */
		int64_t value;
	} range[RECIPE_RANGES_MAX];
	unsigned int n_ranges;
};

struct recipe {
	unsigned int n_refs;
	char name[RECIPE_NAME_MAX];	/* of its file, without folder and suffix */
	uint64_t hash;	/* of the text */
	char library[RECIPE_NAME_MAX];
	enum ps_kind kind;	/* PS_KIND_unknown: it has no pools */
	enum recipe_language language;
	char soname[RECIPE_TEXT_MAX];	/* glob; empty = any */
	char path[RECIPE_TEXT_MAX];	/* glob over the whole path */
	char build_id[RECIPE_BUILD_ID_MAX];	/* its beginning, hexadecimal */
	bool is_dear_allowed;	/* for all probes */
	bool is_off;	/* `enabled = no`, and nobody has asked for it: recipes_enable() */
	char requires[RECIPE_TEXT_MAX];	/* a function that the file must have */
	char without[RECIPE_TEXT_MAX];	/* a function that it must not have */
	struct recipe_range versions;	/* of Go */
	struct recipe_probe *probe;	/* owned */
	size_t n_probes;
	struct recipe_offset *offset;	/* owned */
	size_t n_offsets;
	bool tells_waits;	/* some probe is for wait_begin */
	bool tells_stalls;	/* some probe is for stall_begin */
	bool has_learned;	/* probes at functions that are learned at run time */
	struct expr field[RECIPE_FIELD_COUNT];	/* base EXPR_NONE = not given */
	bool has_fields;
};

/*
 * Parses n bytes of text; `name` is the recipe's. -EINVAL with line and reason, -ENOMEM. The caller gets the one reference.
 */
int recipe_parse(const char *name, const char *text, size_t n, struct recipe **ret, struct diag *d);

/* Reads a file and parses it; the diag names the file. Also -errno of opening, -EFBIG over 64 KiB. */
int recipe_read(const char *path, struct recipe **ret, struct diag *d);

struct recipe *recipe_ref(struct recipe *r);
/* NULL is allowed. */
void recipe_unref(struct recipe *r);

/* "1.19.8" to a number that compares as versions do; 0 = no version. */
uint64_t recipe_version(const char *text);
bool recipe_range_holds(const struct recipe_range *r, uint64_t version);

/* The offset section of this name, NULL = none. */
const struct recipe_offset *recipe_find_offset(const struct recipe *r, const char *name);

/* For people: "entry", "return". */
const char *recipe_where_name(enum recipe_where where);
const char *recipe_field_name(enum recipe_field field);

#endif
