/* SPDX-License-Identifier: MIT */
/*
 * nametable.h - where names stand in a table of strings (.strtab, .dynstr, Go's table of function names). The table is streamed
 * once for each question; so it may be large, and nothing of it stays in memory but the places found.
 */
#ifndef POOLSCOPE_DISCOVER_NAMETABLE_H
#define POOLSCOPE_DISCOVER_NAMETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "discover/cxxname.h"
#include "discover/elffile.h"

#define NAME_TABLE_BYTES_MAX (256u << 20)
#define NAME_HITS_MAX 65536

struct name_table {
	const struct elf_file *file;
	uint64_t offset, size;	/* fits the file */
};

/* How a name was met: alone, with its default version (name@@V2), with an older one (name@V1). The lowest is the best. */
enum name_rank { NAME_EXACT, NAME_DEFAULT_VERSION, NAME_OLD_VERSION };

struct name_hit {
	uint32_t offset;	/* in the table */
	enum name_rank rank;
};

struct name_hits {
	struct name_hit *list;	/* owned; by rising offset */
	size_t n;
};

/*
 * Every place where the name begins and ends a string; linkers let a short name be the tail of a longer one, so it need not be the
 * whole of it. -EFBIG: the table is over its limit, or the name is the end of too many others; -EBADMSG: cannot be read; -ENOMEM.
 */
int name_table_find(const struct name_table *t, const char *name, struct name_hits *ret,
		    struct diag *d);

/* Every place of a mangled C++ name that demangled is the one asked for. Errors as above. */
int name_table_find_cxx(const struct name_table *t, struct cxx_query *q, struct name_hits *ret,
			struct diag *d);

/* NULL = not among them. */
const struct name_hit *name_hits_at(const struct name_hits *h, uint32_t offset);
void name_hits_done(struct name_hits *h);

/* The string at an offset, into ret. False when it does not end in the table or within `size`. */
bool name_table_read(const struct name_table *t, uint32_t offset, char *ret, size_t size);

#endif
