/* SPDX-License-Identifier: MIT */
/* symbols_fuzz.c - any bytes as an ELF file: every question, of names that the corpus has, and of addresses that came out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "discover/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes out must lie in the code, and its last byte be that of a function. */
static void check(struct symbols *s, const struct symbol *found)
{
	struct symbol around;
	const char *name;
	char byte;

	if (symbols_read_code(s, found->vaddr, &byte, 1))
		abort();
	if (!symbols_at(s, found->vaddr + (found->size ? found->size - 1 : 0), &around, &name) &&
	    strlen(name) >= SYMBOL_NAME_BYTES)
		abort();
}

static void ask(struct symbols *s)
{
	static const char *const names[] = {
		"alpha", "main.Foo[...]", "ns::Pool::acquire", "ns::Pool::f(int)", "a::operator()",
		""
	};
	struct symbol found;
	uint64_t vaddr, size;
	const char *name;
	struct diag d;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!symbols_find(s, names[i], &found, &d))
			check(s, &found);
		if (!symbols_find_object(s, names[i], &vaddr) &&
		    !symbols_object_at(s, vaddr, &size, &name) && size > vaddr)
			abort();
	}
	symbols_data_address(s, 4096, &vaddr);
	for (size_t i = 0; i < symbols_n_segments(s); i++) {
		symbols_segment(s, i, &vaddr, &size);
		if (!symbols_at(s, vaddr + size / 2, &found, &name))
			check(s, &found);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct symbols *s;
	struct diag d;

	if (fd < 0)
		fd = memfd_create("symbols", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (symbols_open(fd, NULL, &s, &d))
		return 0;
	ask(s);
	symbols_free(s);
	return 0;
}
