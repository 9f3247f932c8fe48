/* SPDX-License-Identifier: MIT */
/*
 * symtab.h - one table of ELF symbols (.symtab or .dynsym) and its names. What it finds are functions in executable segments of
 * the mapped file, which is another one than the table's when that is a debug file.
 */
#ifndef POOLSCOPE_DISCOVER_SYMTAB_H
#define POOLSCOPE_DISCOVER_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "discover/elffile.h"
#include "discover/nametable.h"
#include "discover/symbols.h"

#define SYMTAB_SYMBOLS_MAX (2u << 20)

struct symtab_range;	/* a function as symtab_at() keeps it */

struct symtab {
	const struct elf_file *mapped;
	struct name_table names;	/* names.file holds the table */
	uint64_t offset;
	size_t n;	/* symbols; 0 = there is no table */
	uint64_t versions_offset;	/* of .gnu.version; 0 = none */
	enum symbol_origin origin;
	struct symtab_range *ranges;	/* owned; by address; made by the first symtab_at() */
	size_t n_ranges;
	bool has_ranges;
};

/*
 * Looks for the table in `file`. A file that has none gives an empty one. -EFBIG over SYMTAB_SYMBOLS_MAX, -EBADMSG when its parts
 * do not fit together; the table is empty then too. Both files stay borrowed. The origin also says which table: SYMBOL_DYNSYM is
 * .dynsym, the others .symtab.
 */
int symtab_init(struct symtab *t, const struct elf_file *file, const struct elf_file *mapped,
		enum symbol_origin origin, struct diag *d);
void symtab_done(struct symtab *t);

/* The best symbol that has one of these names: -ENOENT, -ENOTUNIQ, -ENOTSUP as symbols_find() says, -EBADMSG, -ENOMEM. */
int symtab_find(const struct symtab *t, const struct name_hits *hits, bool is_object,
		struct symbol *ret, struct diag *d);

/* The variable around an address, and where its name stands in t->names; the smallest of several. -ENOENT, -EBADMSG. */
int symtab_object_at(const struct symtab *t, uint64_t vaddr, uint64_t *ret_begin,
		     uint32_t *ret_name);

/* The function around an address and where its name stands in t->names. -ENOENT, -EBADMSG, -ENOMEM. */
int symtab_at(struct symtab *t, uint64_t vaddr, struct symbol *ret, uint32_t *ret_name);

#endif
