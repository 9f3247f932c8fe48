/* SPDX-License-Identifier: MIT */
/*
 * goversion.c - see goversion.h; the layout is that of Go's src/debug/buildinfo. The surprise: there are two forms. Since Go 1.18
 * the text stands behind the header, with its length as a varint; before, the header points to a Go string, which points to the text.
 */
#include "discover/goversion.h"

#include <elf.h>
#include <string.h>

#define MAGIC "\xff Go buildinf:"
#define HEADER_BYTES 32
#define FLAG_BIG_ENDIAN 1
#define FLAG_INLINE 2
#define SEARCH_BYTES_MAX (64ull << 20)
#define SEARCH_STEP 16	/* its alignment */

static bool is_header(const char *bytes)
{
	return !memcmp(bytes, MAGIC, sizeof(MAGIC) - 1);
}

/* Sections gone: it stands near the start of the first writable segment, but nothing promises that. */
static bool header_search(const struct elf_file *f, uint64_t *ret_offset)
{
	uint64_t budget = SEARCH_BYTES_MAX;
	struct elf_window w;

	elf_window_init(&w, f);
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];

		if (s->type != PT_LOAD || s->flags & PF_X)
			continue;
		for (uint64_t at = 0; s->n_file - at >= HEADER_BYTES && budget;
		     at += SEARCH_STEP, budget -= SEARCH_STEP) {
			const char *bytes = elf_window_get(&w, s->offset + at, HEADER_BYTES);

			if (!bytes)
				return false;
			if (!is_header(bytes))
				continue;
			*ret_offset = s->offset + at;
			return true;
		}
	}
	return false;
}

static bool header_find(const struct elf_file *f, uint64_t *ret_offset)
{
	struct elf_section s;

	if (elf_file_section(f, ".go.buildinfo", &s)) {
		*ret_offset = s.offset;
		return s.size >= HEADER_BYTES;
	}
	return (!f->n_sections || elf_file_has_go_note(f)) && header_search(f, ret_offset);
}

/* One byte of length is enough: a version is short. */
static bool inline_read(const struct elf_file *f, uint64_t offset, char *ret, size_t size,
			size_t *ret_n)
{
	unsigned char n;

	if (!elf_file_read(f, offset + HEADER_BYTES, &n, 1) || n >= size ||
	    !elf_file_read(f, offset + HEADER_BYTES + 1, ret, n))
		return false;
	*ret_n = n;
	return true;
}

static bool pointed_read(const struct elf_file *f, const char *header, char *ret, size_t size,
			 size_t *ret_n)
{
	uint64_t string, text, n, offset;

	memcpy(&string, header + 16, sizeof(string));
	if (header[14] != 8 || string > UINT64_MAX - 8 || !elf_file_pointer(f, string, &text) ||
	    !elf_file_offset(f, string + 8, sizeof(n), 0, &offset) ||
	    !elf_file_read(f, offset, &n, sizeof(n)) || n >= size ||
	    !elf_file_offset(f, text, n, 0, &offset) || !elf_file_read(f, offset, ret, (size_t)n))
		return false;
	*ret_n = (size_t)n;
	return true;
}

/* Digits and dots, and what a pre-release adds: "1.22rc1". */
static bool version_cut(const char *text, char ret[static GO_VERSION_BYTES])
{
	size_t n;

	if (strncmp(text, "go", 2) || text[2] < '0' || text[2] > '9')
		return false;
	n = strspn(text + 2, "0123456789.abcdefghijklmnopqrstuvwxyz-+");
	if (n >= GO_VERSION_BYTES || (text[2 + n] && text[2 + n] != ' '))
		return false;
	memcpy(ret, text + 2, n);
	ret[n] = 0;
	return true;
}

bool goversion_is_go(const struct elf_file *f)
{
	uint64_t offset;

	return header_find(f, &offset);
}

bool goversion_read(const struct elf_file *f, char ret[static GO_VERSION_BYTES])
{
	char header[HEADER_BYTES], text[128] = "";
	uint64_t offset;
	size_t n = 0;

	if (!header_find(f, &offset) || !elf_file_read(f, offset, header, sizeof(header)) ||
	    !is_header(header))
		return false;
	if (header[15] & FLAG_INLINE ? !inline_read(f, offset, text, sizeof(text), &n)
				     : header[15] & FLAG_BIG_ENDIAN ||
					       !pointed_read(f, header, text, sizeof(text), &n))
		return false;
	text[n] = 0;
	return version_cut(text, ret);
}
