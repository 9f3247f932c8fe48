/* SPDX-License-Identifier: MIT */
/*
 * symtab.c - see symtab.h. The surprise: one name may belong to several symbols, and the choice must be the same on every host. A
 * default version wins over old ones, a global symbol over local ones, and two that are still equal but lie apart are refused.
 */
#include "discover/symtab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define VERSION_HIDDEN 0x8000
#define RANK_LOCAL 4	/* worse than every name_rank */
#define STEPS_BACK_MAX 64	/* functions that may lie inside or beside the one that covers an address */

struct symtab_range {
	uint64_t vaddr;
	uint32_t size;	/* cut at its limit; 0 = unknown */
	uint32_t name;
};

int symtab_init(struct symtab *t, const struct elf_file *file, const struct elf_file *mapped,
		enum symbol_origin origin, struct diag *d)
{
	uint32_t type = origin == SYMBOL_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB;
	struct elf_section table, names, versions;
	uint64_t n;

	memset(t, 0, sizeof(*t));
	t->mapped = mapped;
	t->origin = origin;
	t->names.file = file;
	if (!elf_file_section_of(file, type, &table))
		return 0;
	n = table.size / sizeof(Elf64_Sym);
	if (table.entry_bytes != sizeof(Elf64_Sym) ||
	    !elf_file_section_at(file, table.link, &names) || names.type != SHT_STRTAB)
		return diag_set(d, -EBADMSG, "its table of symbols is broken");
	if (n > SYMTAB_SYMBOLS_MAX)
		return diag_set(d, -EFBIG, "it has over %u symbols", SYMTAB_SYMBOLS_MAX);
	t->names.offset = names.offset;
	t->names.size = names.size;
	t->offset = table.offset;
	t->n = (size_t)n;
	if (origin == SYMBOL_DYNSYM && elf_file_section_of(file, SHT_GNU_versym, &versions) &&
	    versions.size >= 2 * n)
		t->versions_offset = versions.offset;
	return 0;
}

void symtab_done(struct symtab *t)
{
	free(t->ranges);
	t->ranges = NULL;
	t->n_ranges = 0;
	t->n = 0;
}

static bool is_defined(const Elf64_Sym *s)
{
	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_shndx != SHN_COMMON;
}

/* A function of the mapped file; its place in the file goes to *ret_offset. */
static bool is_function(const struct symtab *t, const Elf64_Sym *s, uint64_t *ret_offset)
{
	return is_defined(s) && ELF64_ST_TYPE(s->st_info) == STT_FUNC &&
	       elf_file_offset(t->mapped, s->st_value, 1, PF_X, ret_offset);
}

/* Its size; 0 = unknown, as when it would reach out of its segment. */
static uint64_t function_size(const struct symtab *t, const Elf64_Sym *s)
{
	uint64_t ignored;

	return elf_file_offset(t->mapped, s->st_value, s->st_size, PF_X, &ignored) ? s->st_size : 0;
}

static bool is_data(const struct symtab *t, const Elf64_Sym *s)
{
	return is_defined(s) &&
	       (ELF64_ST_TYPE(s->st_info) == STT_OBJECT ||
		ELF64_ST_TYPE(s->st_info) == STT_NOTYPE) &&
	       elf_file_has_address(t->mapped, s->st_value);
}

/* What a search has found so far. */
struct choice {
	Elf64_Sym best, other;	/* other: as good, but elsewhere */
	uint64_t offset;
	unsigned int rank, ifunc_rank;
	bool has_best, has_other, has_ifunc;
};

static unsigned int symbol_rank(const struct symtab *t, size_t i, const Elf64_Sym *s,
				const struct name_hit *hit)
{
	unsigned int rank = hit->rank;
	uint16_t version;

	if (t->versions_offset &&
	    elf_file_read(t->names.file, t->versions_offset + 2 * i, &version, sizeof(version)) &&
	    version & VERSION_HIDDEN)
		rank = NAME_OLD_VERSION;
	return ELF64_ST_BIND(s->st_info) == STB_LOCAL ? rank + RANK_LOCAL : rank;
}

static void choice_take(struct choice *c, const Elf64_Sym *s, uint64_t offset, unsigned int rank)
{
	if (!c->has_best || rank < c->rank) {
		c->best = *s;
		c->offset = offset;
		c->rank = rank;
		c->has_best = true;
		c->has_other = false;
	} else if (rank == c->rank && s->st_value != c->best.st_value) {
		c->other = *s;
		c->has_other = true;
	}
}

/* A function chosen at load time is met too: when nothing better has the name, that is what callers get. */
static void choice_take_ifunc(struct choice *c, unsigned int rank)
{
	if (!c->has_ifunc || rank < c->ifunc_rank)
		c->ifunc_rank = rank;
	c->has_ifunc = true;
}

static int choice_refuse(const struct symtab *t, const struct choice *c, struct diag *d)
{
	char one[100], two[100];

	if (!name_table_read(&t->names, c->best.st_name, one, sizeof(one)))
		strcpy(one, "?");
	if (!name_table_read(&t->names, c->other.st_name, two, sizeof(two)))
		strcpy(two, "?");
	return diag_set(d, -ENOTUNIQ, "there are several: %s at 0x%llx, %s at 0x%llx", one,
			(unsigned long long)c->best.st_value, two,
			(unsigned long long)c->other.st_value);
}

int symtab_find(const struct symtab *t, const struct name_hits *hits, bool is_object,
		struct symbol *ret, struct diag *d)
{
	struct choice c = { .has_best = false };
	struct elf_window w;

	elf_window_init(&w, t->names.file);
	for (size_t i = 0; hits->n && i < t->n; i++) {
		const void *bytes =
			elf_window_get(&w, t->offset + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
		const struct name_hit *hit;
		uint64_t offset = 0;
		Elf64_Sym s;

		if (!bytes)
			return diag_set(d, -EBADMSG, "its table of symbols cannot be read");
		memcpy(&s, bytes, sizeof(s));
		hit = name_hits_at(hits, s.st_name);
		if (!hit)
			continue;
		if (is_object ? is_data(t, &s) : is_function(t, &s, &offset))
			choice_take(&c, &s, offset, symbol_rank(t, i, &s, hit));
		else if (!is_object && ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC && is_defined(&s))
			choice_take_ifunc(&c, symbol_rank(t, i, &s, hit));
	}
	if (c.has_ifunc && (!c.has_best || c.ifunc_rank < c.rank))
		return diag_set(d, -ENOTSUP,
				"the function is chosen at load time (STT_GNU_IFUNC); its address "
				"is that of the chooser");
	if (!c.has_best)
		return -ENOENT;
	if (c.has_other)
		return choice_refuse(t, &c, d);
	*ret = (struct symbol){ c.best.st_value, function_size(t, &c.best), c.offset, t->origin };
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct symtab_range *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

static struct symtab_range range_of(const struct symtab *t, const Elf64_Sym *s)
{
	uint64_t size = function_size(t, s);

	return (struct symtab_range){
		.vaddr = s->st_value,
		.size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
		.name = s->st_name,
	};
}

/* Walks the table; fills `ret` unless it is NULL, up to n_max. Returns how many functions there are; -1 = unreadable or more. */
static ssize_t functions_walk(const struct symtab *t, struct symtab_range *ret, size_t n_max)
{
	struct elf_window w;
	uint64_t offset;
	size_t n = 0;

	elf_window_init(&w, t->names.file);
	for (size_t i = 0; i < t->n; i++) {
		const void *bytes =
			elf_window_get(&w, t->offset + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
		Elf64_Sym s;

		if (!bytes)
			return -1;
		memcpy(&s, bytes, sizeof(s));
		if (!is_function(t, &s, &offset))
			continue;
		if (n == n_max)
			return -1;
		if (ret)
			ret[n] = range_of(t, &s);
		n++;
	}
	return (ssize_t)n;
}

/* Two walks, so that the memory is exact. The file may change between them; then neither is believed. */
static int ranges_make(struct symtab *t)
{
	AUTO_FREE struct symtab_range *ranges = NULL;
	ssize_t n = functions_walk(t, NULL, SYMTAB_SYMBOLS_MAX);

	if (n < 0)
		return -EBADMSG;
	if (n) {
		ranges = calloc((size_t)n, sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		if (functions_walk(t, ranges, (size_t)n) != n)
			return -EBADMSG;
		qsort(ranges, (size_t)n, sizeof(*ranges), compare_ranges);
	}
	t->ranges = TAKE(ranges);
	t->n_ranges = (size_t)n;
	t->has_ranges = true;
	return 0;
}

/* The number of functions that begin at the address or before it. */
static size_t ranges_up_to(const struct symtab *t, uint64_t vaddr)
{
	size_t low = 0, high = t->n_ranges;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->ranges[middle].vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int symtab_at(struct symtab *t, uint64_t vaddr, struct symbol *ret, uint32_t *ret_name)
{
	const struct symtab_range *found = NULL;
	uint64_t offset;
	size_t end;
	int error = t->has_ranges ? 0 : ranges_make(t);

	if (error)
		return error;
	end = ranges_up_to(t, vaddr);
	for (size_t i = end; i && end - i < STEPS_BACK_MAX && !found; i--) {
		const struct symtab_range *r = &t->ranges[i - 1];
		bool is_nearest = r->vaddr == t->ranges[end - 1].vaddr;

		if (vaddr - r->vaddr < r->size ||
		    (!r->size && is_nearest && (t->origin != SYMBOL_DYNSYM || r->vaddr == vaddr)))
			found = r;
	}
	if (!found || !elf_file_offset(t->mapped, vaddr, 1, PF_X, &offset) ||
	    !elf_file_offset(t->mapped, found->vaddr, vaddr - found->vaddr + 1, PF_X, &offset))
		return -ENOENT;
	*ret = (struct symbol){ found->vaddr, found->size, offset, t->origin };
	*ret_name = found->name;
	return 0;
}

int symtab_object_at(const struct symtab *t, uint64_t vaddr, uint64_t *ret_begin,
		     uint32_t *ret_name)
{
	uint64_t size = UINT64_MAX;
	struct elf_window w;

	elf_window_init(&w, t->names.file);
	for (size_t i = 0; i < t->n; i++) {
		const void *bytes =
			elf_window_get(&w, t->offset + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
		Elf64_Sym s;

		if (!bytes)
			return -EBADMSG;
		memcpy(&s, bytes, sizeof(s));
		if (ELF64_ST_TYPE(s.st_info) != STT_OBJECT || !is_data(t, &s) ||
		    vaddr < s.st_value || vaddr - s.st_value >= s.st_size || s.st_size >= size)
			continue;
		size = s.st_size;
		*ret_begin = s.st_value;
		*ret_name = s.st_name;
	}
	return size != UINT64_MAX ? 0 : -ENOENT;
}
