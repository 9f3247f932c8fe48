/* SPDX-License-Identifier: MIT */
/*
 * gotext.c - see gotext.h. The surprise: the module data is known by what it points to. Its first word is the table, and the words
 * minpc, maxpc and text must fit the table's own entries; nothing else in a file looks like that.
 */
#include "discover/gotext.h"

#include <elf.h>
#include <string.h>

#define SEARCH_BYTES_MAX (64ull << 20)
#define LOOKALIKES_MAX 4

/* Words of runtime.moduledata since Go 1.16; for 1.26 and 1.27 as opentelemetry-go-instrumentation#3870 reports. */
enum { WORD_TABLE = 0, WORD_MINPC = 20, WORD_MAXPC = 21, WORD_TEXT = 22 };

static bool module_read(const struct elf_file *f, uint64_t module, uint64_t table, uint64_t first,
			uint64_t end, uint64_t *ret)
{
	uint64_t value, minpc, maxpc, text, offset;

	if (!elf_file_pointer(f, module + 8 * WORD_TABLE, &value) || value != table ||
	    !elf_file_pointer(f, module + 8 * WORD_MINPC, &minpc) ||
	    !elf_file_pointer(f, module + 8 * WORD_MAXPC, &maxpc) ||
	    !elf_file_pointer(f, module + 8 * WORD_TEXT, &text) || minpc != text + first ||
	    maxpc != text + end || !elf_file_offset(f, text, 1, PF_X, &offset))
		return false;
	*ret = text;
	return true;
}

bool gotext_find(const struct elf_file *f, uint64_t table, uint64_t first, uint64_t end,
		 uint64_t *ret)
{
	uint64_t budget = SEARCH_BYTES_MAX;
	unsigned int n_lookalikes = 0;
	struct elf_section module;
	struct elf_window w;

	if (elf_file_section(f, ".go.module", &module) &&
	    module_read(f, module.vaddr, table, first, end, ret))
		return true;
	elf_window_init(&w, f);
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];

		if (s->type != PT_LOAD || s->flags & PF_X)
			continue;
		for (uint64_t at = 0; s->n_file - at >= 8 && budget; at += 8, budget -= 8) {
			const char *bytes = elf_window_get(&w, s->offset + at, 8);

			if (!bytes)
				return false;
			if (memcmp(bytes, &table, 8))
				continue;
			if (module_read(f, s->vaddr + at, table, first, end, ret))
				return true;
			if (++n_lookalikes == LOOKALIKES_MAX)
				return false;
		}
	}
	return false;
}
