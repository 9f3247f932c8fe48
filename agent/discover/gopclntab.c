/* SPDX-License-Identifier: MIT */
/*
 * gopclntab.c - see gopclntab.h; the layout is that of Go's src/runtime/symtab.go and src/debug/gosym/pclntab.go. The surprise: a
 * function's size is not in it. The next one's entry is its end, and between them lies padding (int3), which is taken off again, so
 * that who looks for the returns of a function does not read beyond it.
 */
#include "discover/gopclntab.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "discover/gotext.h"

#define HEADER_BYTES 72
#define PADDING_MAX 63
#define SEARCH_STEP 8	/* Go aligns it to 32; an external linker need not */
#define SEARCH_BYTES_MAX (1ull << 30)
#define LOOKALIKES_MAX 4	/* each may cost a search for its text */

struct gopclntab_form {
	uint32_t magic;
	uint8_t word_bytes;	/* of entry and function offset; 8 = entries are addresses */
	uint8_t text_at;	/* in the header; 0 = entries are addresses */
	uint8_t names_at;	/* in the header: where the names begin; 0 = they count from the table's start */
	uint8_t functions_at;	/* in the header: where the entries begin; 0 = behind its 16 bytes */
};

static const struct gopclntab_form forms[] = {
	{ 0xfffffffb, 8, 0, 0, 0 },	/* Go 1.2 */
	{ 0xfffffffa, 8, 0, 24, 56 },	/* 1.16 */
	{ 0xfffffff0, 4, 24, 32, 64 },	/* 1.18 */
	{ 0xfffffff1, 4, 24, 32, 64 },	/* 1.20 */
};

static uint64_t word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static const struct gopclntab_form *form_of(const char *header)
{
	uint32_t magic;

	memcpy(&magic, header, sizeof(magic));
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (magic == forms[i].magic)
			return &forms[i];
	return NULL;
}

/* Behind the magic number: two bytes 0, the smallest instruction, the size of a pointer. */
static bool is_header(const char *header)
{
	return form_of(header) && !header[4] && !header[5] &&
	       (header[6] == 1 || header[6] == 2 || header[6] == 4) && header[7] == 8;
}

/* An entry, and where the function's record is; entry n is the end of the last function and has no record. */
static bool entry_decode(const struct gopclntab *g, const char *bytes, uint64_t *ret_entry,
			 uint64_t *ret_record)
{
	uint32_t half[2];

	if (g->form->word_bytes == 8) {
		*ret_entry = word_at(bytes);
		*ret_record = g->base + word_at(bytes + 8);
		return word_at(bytes + 8) <= g->size;
	}
	memcpy(half, bytes, sizeof(half));
	*ret_entry = g->text + half[0];
	*ret_record = g->base + half[1];
	return true;
}

/* Entries i and i + 1, through a window: the function from begin to end. False = unreadable. */
static bool function_get(const struct gopclntab *g, struct elf_window *w, size_t i,
			 uint64_t *ret_begin, uint64_t *ret_end, uint64_t *ret_record)
{
	size_t n_entry = 2 * g->form->word_bytes;
	uint64_t ignored;
	const char *bytes = elf_window_get(w, g->offset + g->functions + i * n_entry,
					   n_entry + g->form->word_bytes);
	char last[16] = "";

	if (!bytes || !entry_decode(g, bytes, ret_begin, ret_record))
		return false;
	memcpy(last, bytes + n_entry, g->form->word_bytes); /* of the last entry there is only half */
	return entry_decode(g, last, ret_end, &ignored);
}

/* Where the function's name stands in the names. */
static bool name_get(const struct gopclntab *g, struct elf_window *w, uint64_t record,
		     uint32_t *ret)
{
	size_t at = g->form->word_bytes; /* behind the entry, which the record repeats */
	const char *bytes;

	if (record > g->size || g->size - record < at + sizeof(*ret))
		return false;
	bytes = elf_window_get(w, g->offset + record + at, sizeof(*ret));
	if (!bytes)
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return true;
}

static void padding_cut(const struct gopclntab *g, uint64_t begin, uint64_t *end)
{
	unsigned char tail[PADDING_MAX];
	size_t n = *end - begin < sizeof(tail) ? (size_t)(*end - begin) : sizeof(tail);
	uint64_t offset;

	if (g->file->machine != EM_X86_64 ||
	    !elf_file_offset(g->file, *end - n, n, PF_X, &offset) ||
	    !elf_file_read(g->file, offset, tail, n))
		return;
	while (n > 1 && tail[n - 1] == 0xcc) {
		n--;
		(*end)--;
	}
}

static bool symbol_make(const struct gopclntab *g, uint64_t begin, uint64_t end, struct symbol *ret)
{
	uint64_t offset, whole;

	if (!elf_file_offset(g->file, begin, 1, PF_X, &offset))
		return false;
	if (end <= begin || !elf_file_offset(g->file, begin, end - begin, PF_X, &whole))
		end = begin; /* unknown */
	else
		padding_cut(g, begin, &end);
	*ret = (struct symbol){ begin, end - begin, offset, SYMBOL_GOPCLNTAB };
	return true;
}

/* The text that entries count from; its first and last entry must lie in executable segments. */
static int text_find(struct gopclntab *g, const char *header, struct elf_window *w, struct diag *d)
{
	uint64_t first, last, end, record, offset;

	if (g->form->text_at) {
		g->text = word_at(header + g->form->text_at);
		if (!g->text && !elf_file_pointer(g->file, g->vaddr + g->form->text_at, &g->text))
			return diag_set(d, -EBADMSG, "Go's table of functions is not loaded");
	}
	if (!function_get(g, w, 0, &first, &end, &record) ||
	    !function_get(g, w, g->n - 1, &last, &end, &record))
		return diag_set(d, -EBADMSG, "Go's table of functions cannot be read");
	if (g->form->text_at && !g->text) {
		if (!gotext_find(g->file, g->vaddr, first, end, &g->text))
			return diag_set(d, -EBADMSG, "the start of Go's text is not found");
		first += g->text;
		last += g->text;
	}
	if (!elf_file_offset(g->file, first, 1, PF_X, &offset) ||
	    !elf_file_offset(g->file, last, 1, PF_X, &offset))
		return diag_set(d, -EBADMSG, "Go's table of functions points outside the code");
	return 0;
}

/* A table that begins at an offset and has at most `size` bytes. */
static int table_open(struct gopclntab *g, const struct elf_file *f, uint64_t vaddr,
		      uint64_t offset, uint64_t size, struct diag *d)
{
	char header[HEADER_BYTES];
	struct elf_window w;
	uint64_t names, n;

	if (size < sizeof(header) || !elf_file_read(f, offset, header, sizeof(header)))
		return diag_set(d, -EBADMSG, "Go's table of functions is cut");
	if (!is_header(header))
		return diag_set(d, -EBADMSG,
				"Go's table of functions has a form that is not known");
	*g = (struct gopclntab){ .file = f, .vaddr = vaddr, .offset = offset, .size = size };
	g->form = form_of(header);
	names = g->form->names_at ? word_at(header + g->form->names_at) : 0;
	g->functions = g->form->functions_at ? word_at(header + g->form->functions_at) : 16;
	g->base = g->form->functions_at ? g->functions : 0;
	n = word_at(header + 8);
	if (n > GOPCLNTAB_FUNCTIONS_MAX)
		return diag_set(d, -EFBIG, "it has over %u functions", GOPCLNTAB_FUNCTIONS_MAX);
	if (!n || names >= size || g->functions >= size ||
	    (2 * n + 1) * g->form->word_bytes > size - g->functions)
		return diag_set(d, -EBADMSG, "Go's table of functions lies about its parts");
	g->n = (size_t)n;
	g->names = (struct name_table){ f, offset + names, size - names };
	if (g->form->names_at && g->functions > names) /* the names end there, need not be searched further */
		g->names.size = g->functions - names;
	elf_window_init(&w, f);
	return text_find(g, header, &w, d);
}

/* What a search for the table may still spend, and why the last place that looked like one was none. */
struct search {
	uint64_t n_bytes;
	unsigned int n_lookalikes;
	int error;
};

/* One segment, for the first bytes of a table. */
static bool segment_search(struct gopclntab *g, const struct elf_file *f,
			   const struct elf_segment *s, struct search *left, struct diag *d)
{
	struct elf_window w;

	elf_window_init(&w, f);
	for (uint64_t at = 0; s->n_file - at >= HEADER_BYTES && left->n_bytes; at += SEARCH_STEP) {
		const char *bytes = elf_window_get(&w, s->offset + at, SEARCH_STEP);

		if (!bytes)
			break;
		left->n_bytes -= SEARCH_STEP;
		if (!is_header(bytes))
			continue;
		if (!left->n_lookalikes)
			break;
		left->n_lookalikes--;
		left->error = table_open(g, f, s->vaddr + at, s->offset + at, s->n_file - at, d);
		if (!left->error)
			return true;
	}
	return false;
}

static int tables_search(struct gopclntab *g, const struct elf_file *f, struct diag *d)
{
	struct search left = { SEARCH_BYTES_MAX, LOOKALIKES_MAX, -ENOENT };

	diag_set(d, -ENOENT, "it has no table of Go functions");

	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];

		if (s->type == PT_LOAD && !(s->flags & PF_X) && s->n_file >= HEADER_BYTES &&
		    segment_search(g, f, s, &left, d))
			return 0;
	}
	return left.error;
}

int gopclntab_init(struct gopclntab *g, const struct elf_file *file, struct diag *d)
{
	struct elf_section s;
	int error;

	if (elf_file_section(file, ".gopclntab", &s) ||
	    elf_file_section(file, ".data.rel.ro.gopclntab", &s))
		error = table_open(g, file, s.vaddr, s.offset, s.size, d);
	else
		error = tables_search(g, file, d);
	if (error)
		memset(g, 0, sizeof(*g));
	return error;
}

static int two_refuse(const char *name, const struct symbol *one, const struct symbol *two,
		      struct diag *d)
{
	return diag_set(d, -ENOTUNIQ, "there are several: %s at 0x%llx and at 0x%llx", name,
			(unsigned long long)one->vaddr, (unsigned long long)two->vaddr);
}

int gopclntab_find(const struct gopclntab *g, const struct name_hits *hits, struct symbol *ret,
		   struct diag *d)
{
	struct elf_window functions, records;
	struct symbol found, best = { .vaddr = 0 };
	bool has_best = false;

	elf_window_init(&functions, g->file);
	elf_window_init(&records, g->file);
	for (size_t i = 0; hits->n && i < g->n; i++) {
		uint64_t begin, end, record;
		const struct name_hit *hit;
		uint32_t name;

		if (!function_get(g, &functions, i, &begin, &end, &record))
			return diag_set(d, -EBADMSG, "Go's table of functions cannot be read");
		if (!name_get(g, &records, record, &name))
			continue;
		hit = name_hits_at(hits, name);
		if (!hit || hit->rank != NAME_EXACT || !symbol_make(g, begin, end, &found))
			continue;
		if (has_best && found.vaddr != best.vaddr) {
			char text[120] = "?";

			name_table_read(&g->names, name, text, sizeof(text));
			return two_refuse(text, &best, &found, d);
		}
		best = found;
		has_best = true;
	}
	if (!has_best)
		return -ENOENT;
	*ret = best;
	return 0;
}

int gopclntab_at(const struct gopclntab *g, uint64_t vaddr, struct symbol *ret, uint32_t *ret_name)
{
	uint64_t begin, end, record;
	size_t low = 0, high = g->n;
	struct elf_window w;
	struct symbol found;

	elf_window_init(&w, g->file);
	while (low < high) { /* the first function that ends behind the address */
		size_t middle = low + (high - low) / 2;

		if (!function_get(g, &w, middle, &begin, &end, &record))
			return -EBADMSG;
		if (end <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == g->n || !function_get(g, &w, low, &begin, &end, &record))
		return -ENOENT;
	if (vaddr < begin || vaddr >= end || !symbol_make(g, begin, end, &found) ||
	    vaddr - begin >= found.size || !name_get(g, &w, record, ret_name))
		return -ENOENT;
	*ret = found;
	return 0;
}
