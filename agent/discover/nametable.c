/* SPDX-License-Identifier: MIT */
/*
 * nametable.c - see nametable.h. The surprise: a name is looked for in the bytes of the table before any symbol is looked at.
 * memmem() over .strtab is faster than following each symbol to its name, needs no copy of the table, and reads the file in order
 * (7 MB of names and 110 000 symbols of node in 6 ms, 2026-11); the symbols are then searched for the few offsets found.
 */
#include "discover/nametable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discover/symbols.h"

#define CHUNK_BYTES 65536
#define CXX_CANDIDATES_MAX (4u << 20)	/* places that look like the beginning of a mangled name */

static bool hits_add(struct name_hits *h, uint64_t offset, enum name_rank rank)
{
	if ((h->n & (h->n - 1)) == 0) { /* full at each power of two */
		size_t n = h->n ? 2 * h->n : 1;
		struct name_hit *more = realloc(h->list, n * sizeof(*more));

		if (!more)
			return false;
		h->list = more;
	}
	h->list[h->n++] = (struct name_hit){ (uint32_t)offset, rank };
	return true;
}

void name_hits_done(struct name_hits *h)
{
	free(h->list);
	h->list = NULL;
	h->n = 0;
}

const struct name_hit *name_hits_at(const struct name_hits *h, uint32_t offset)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (h->list[middle].offset == offset)
			return &h->list[middle];
		if (h->list[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool name_table_read(const struct name_table *t, uint32_t offset, char *ret, size_t size)
{
	return offset < t->size &&
	       elf_file_string(t->file, t->offset + offset, t->offset + t->size, ret, size);
}

/* A piece of the table in memory: n bytes from `at`; is_last when the table ends with it. */
struct chunk {
	uint64_t at;
	size_t n;
	bool is_last;
	char bytes[CHUNK_BYTES];
};

static int chunk_read(struct chunk *c, const struct name_table *t, struct diag *d)
{
	uint64_t left = t->size - c->at;

	c->is_last = left <= sizeof(c->bytes);
	c->n = c->is_last ? (size_t)left : sizeof(c->bytes);
	if (!elf_file_read(t->file, t->offset + c->at, c->bytes, c->n))
		return diag_set(d, -EBADMSG, "its table of names cannot be read");
	return 0;
}

/* What follows a name of n bytes at p decides whether it is one. */
static bool rank_of(const struct chunk *c, const char *p, size_t n, enum name_rank *ret)
{
	size_t left = c->n - (size_t)(p - c->bytes);

	if (n >= left)
		return false;
	if (p[n] == 0)
		*ret = NAME_EXACT;
	else if (p[n] == '@')
		*ret = n + 1 < left && p[n + 1] == '@' ? NAME_DEFAULT_VERSION : NAME_OLD_VERSION;
	else
		return false;
	return true;
}

/* Only those are taken whose two following bytes are here as well: the others begin the next chunk. */
static int chunk_find(const struct chunk *c, const char *name, size_t n, struct name_hits *ret,
		      struct diag *d)
{
	const char *end = c->bytes + c->n, *p = c->bytes;
	enum name_rank rank;

	while ((p = memmem(p, (size_t)(end - p), name, n))) {
		if (!c->is_last && (size_t)(end - p) < n + 2)
			break;
		if (rank_of(c, p, n, &rank)) {
			if (ret->n == NAME_HITS_MAX)
				return diag_set(d, -EFBIG, "too many other names end in %s", name);
			if (!hits_add(ret, c->at + (size_t)(p - c->bytes), rank))
				return diag_set(d, -ENOMEM, "out of memory");
		}
		p++;
	}
	return 0;
}

int name_table_find(const struct name_table *t, const char *name, struct name_hits *ret,
		    struct diag *d)
{
	size_t n = strlen(name);
	struct chunk c;
	int error;

	ret->list = NULL;
	ret->n = 0;
	if (!n || n >= SYMBOL_NAME_BYTES)
		return 0;
	if (t->size > NAME_TABLE_BYTES_MAX)
		return diag_set(d, -EFBIG, "its names take over %u bytes", NAME_TABLE_BYTES_MAX);
	for (c.at = 0;; c.at += c.n - (n + 1)) {
		error = chunk_read(&c, t, d);
		if (!error)
			error = chunk_find(&c, name, n, ret, d);
		if (error)
			break;
		if (c.is_last)
			return 0;
	}
	name_hits_done(ret);
	return error;
}

/*
 * Asks about each "_Z" of the chunk, also inside strings: the name may be the tail of another (_GLOBAL__sub_I_ + name). *ret_used is
 * where the next chunk has to begin: at a name that does not end in this one.
 */
static int chunk_find_cxx(const struct chunk *c, struct cxx_query *q, size_t *n_candidates,
			  struct name_hits *ret, size_t *ret_used, struct diag *d)
{
	const char *end = c->bytes + c->n, *p = c->bytes;

	*ret_used = c->n - 1; /* its last byte may be half of "_Z" */
	while ((p = memmem(p, (size_t)(end - p), "_Z", 2))) {
		size_t left = (size_t)(end - p), at = (size_t)(p - c->bytes);
		size_t n = strnlen(p, left < SYMBOL_NAME_BYTES ? left : SYMBOL_NAME_BYTES);

		if (n == left && !c->is_last) {
			*ret_used = at;
			break;
		}
		if (++*n_candidates > CXX_CANDIDATES_MAX)
			return diag_set(d, -EFBIG, "it has too many C++ names");
		if (n < left && n < SYMBOL_NAME_BYTES && cxx_query_matches(q, p)) {
			if (ret->n == NAME_HITS_MAX)
				return diag_set(d, -EFBIG, "too many names are this one");
			if (!hits_add(ret, c->at + at, NAME_EXACT))
				return diag_set(d, -ENOMEM, "out of memory");
		}
		p += 2;
	}
	return 0;
}

int name_table_find_cxx(const struct name_table *t, struct cxx_query *q, struct name_hits *ret,
			struct diag *d)
{
	size_t used, n_candidates = 0;
	struct chunk c;
	int error;

	ret->list = NULL;
	ret->n = 0;
	if (t->size > NAME_TABLE_BYTES_MAX)
		return diag_set(d, -EFBIG, "its names take over %u bytes", NAME_TABLE_BYTES_MAX);
	if (!t->size)
		return 0;
	for (c.at = 0;; c.at += used) {
		error = chunk_read(&c, t, d);
		if (!error)
			error = chunk_find_cxx(&c, q, &n_candidates, ret, &used, d);
		if (error)
			break;
		if (c.is_last)
			return 0;
	}
	name_hits_done(ret);
	return error;
}
