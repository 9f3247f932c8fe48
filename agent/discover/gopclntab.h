/* SPDX-License-Identifier: MIT */
/*
 * gopclntab.h - Go's own table of functions. The runtime needs it to walk stacks, so it is in every Go program, also in one that
 * was linked with -s -w or stripped; only the names of cgo's C functions are not in it.
 *
 * Known forms: Go 1.2 to 1.15, 1.16 and 1.17, 1.18 and 1.19, 1.20 and later (reported the same up to 1.27). Entries of the later
 * forms count from the start of Go's text; since 1.26 the table does not say where that is, and runtime.firstmoduledata is asked,
 * which has to agree with the table in four places. Without an answer there is no table: a guess would put probes into the middle
 * of functions.
 */
#ifndef POOLSCOPE_DISCOVER_GOPCLNTAB_H
#define POOLSCOPE_DISCOVER_GOPCLNTAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "discover/elffile.h"
#include "discover/nametable.h"
#include "discover/symbols.h"

#define GOPCLNTAB_FUNCTIONS_MAX (2u << 20)

struct gopclntab_form;

struct gopclntab {
	const struct elf_file *file;
	const struct gopclntab_form *form;
	uint64_t vaddr, offset, size;	/* of the table; size may reach beyond its end */
	uint64_t text;	/* entries count from here */
	size_t n;	/* functions; 0 = there is no table */
	uint64_t functions, base;	/* from offset: the entries, and what their second word counts from */
	struct name_table names;
};

/*
 * Looks for the table: by the names that its section has, and when it has none (external linking, sections stripped) by its first
 * bytes in the data of the file. -ENOENT: there is none; -EBADMSG: it lies, or has a form that is not known, or its text is not
 * found; -EFBIG. `g` is an empty table after each error. The file stays borrowed; there is nothing to free.
 */
int gopclntab_init(struct gopclntab *g, const struct elf_file *file, struct diag *d);

/* The function that has one of these names (places in g->names). -ENOENT, -ENOTUNIQ, -EBADMSG. */
int gopclntab_find(const struct gopclntab *g, const struct name_hits *hits, struct symbol *ret,
		   struct diag *d);

/* The function around an address and where its name stands in g->names. -ENOENT, -EBADMSG. */
int gopclntab_at(const struct gopclntab *g, uint64_t vaddr, struct symbol *ret, uint32_t *ret_name);

#endif
