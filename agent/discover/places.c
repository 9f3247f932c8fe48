/* SPDX-License-Identifier: MIT */
/*
 * places.c - see places.h. The surprise: the stack is not unwound. Optimised code has no frame pointers, and libc has none; but what
 * lies behind a call instruction and stands on a stack is hardly ever anything else than a return address.
 */
#include "discover/places.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "discover/mapped.h"
#include "discover/symbols.h"

#define CALL_BYTES 7	/* the longest of them that are looked for */
#define PATH_BYTES 512
#define TRIES_MAX 16	/* words of one stack that look like code */
#define RANGES_MAX 512

static void cleanup_symbols(struct symbols **s)
{
	symbols_free(*s);
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int place_of_data(uint32_t pid, uint64_t address, char ret[static PLACE_BYTES])
{
	CLEANUP(cleanup_symbols) struct symbols *s = NULL;
	AUTO_CLOSE int fd = -1;
	char path[PATH_BYTES], root[64];
	uint64_t offset, vaddr, begin;
	const char *name;
	int error = mapped_data_at(pid, address, &fd, &offset, path, sizeof(path));

	if (error)
		return error;
	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	error = symbols_open(fd, root, &s, NULL);
	if (error)
		return error;
	error = symbols_data_address(s, offset, &vaddr);
	if (error)
		return error;
	if (symbols_object_at(s, vaddr, &begin, &name))
		snprintf(ret, PLACE_BYTES, "%.64s+0x%llx", file_name(path),
			 (unsigned long long)vaddr);
	else if (vaddr == begin)
		snprintf(ret, PLACE_BYTES, "%.40s:%.80s", file_name(path), name);
	else
		snprintf(ret, PLACE_BYTES, "%.40s:%.60s+%llu", file_name(path), name,
			 (unsigned long long)(vaddr - begin));
	return 0;
}

/* A file of the process, kept open while the words of one stack are looked at. */
struct code {
	struct symbols *symbols;
	char path[PATH_BYTES];
};

/* On x86-64; elsewhere every place is taken for one. */
static bool is_behind_call(const struct symbols *s, uint64_t vaddr)
{
	uint8_t b[CALL_BYTES];

	if (symbols_machine(s) != EM_X86_64)
		return true;
	if (symbols_read_code(s, vaddr - CALL_BYTES, b, sizeof(b)))
		return false;
	if (b[2] == 0xe8)
		return true;
	for (int length = 2; length <= CALL_BYTES; length++) /* call *..., by its length */
		if (b[CALL_BYTES - length] == 0xff && (b[CALL_BYTES - length + 1] & 0x38) == 0x10)
			return true;
	return false;
}

static bool name_place(uint32_t pid, uint64_t word, struct code *code, char ret[static PLACE_BYTES])
{
	AUTO_CLOSE int fd = -1;
	char path[PATH_BYTES], root[64];
	uint64_t offset, vaddr;
	struct symbol symbol;
	const char *name;

	if (mapped_at(pid, word, &fd, &offset, path, sizeof(path)))
		return false;
	if (!code->symbols || strcmp(path, code->path) != 0) {
		symbols_free(code->symbols);
		code->symbols = NULL;
		snprintf(root, sizeof(root), "/proc/%u/root", pid);
		if (symbols_open(fd, root, &code->symbols, NULL))
			return false;
		strcpy(code->path, path);
	}
	if (symbols_address(code->symbols, offset, &vaddr) || !is_behind_call(code->symbols, vaddr))
		return false;
	if (symbols_at(code->symbols, vaddr - 1, &symbol, &name))
		snprintf(ret, PLACE_BYTES, "0x%llx (%.64s)", (unsigned long long)vaddr,
			 file_name(path));
	else
		snprintf(ret, PLACE_BYTES, "%.80s (%.40s)", name, file_name(path));
	return true;
}

static bool is_in(uint64_t word, const struct mapped_range *range, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (word >= range[i].start && word < range[i].end)
			return true;
	return false;
}

size_t places_of_stack(uint32_t pid, const uint64_t *word, size_t n_words, char ret[][PLACE_BYTES],
		       size_t n)
{
	struct code code = { .symbols = NULL };
	struct mapped_range range[RANGES_MAX];
	size_t n_ranges = mapped_code(pid, range, RANGES_MAX), n_found = 0, n_tried = 0;

	for (size_t i = 0; i < n_words && n_found < n && n_tried < TRIES_MAX; i++) {
		if (!is_in(word[i], range, n_ranges))
			continue;
		n_tried++;
		n_found += name_place(pid, word[i], &code, ret[n_found]);
	}
	symbols_free(code.symbols);
	return n_found;
}
