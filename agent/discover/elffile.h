/* SPDX-License-Identifier: MIT */
/*
 * elffile.h - an ELF file (64-bit, little-endian) of a stranger, read piece by piece. Everything it says is checked against its
 * size before a byte is read; nothing is mapped, nothing is kept but the program headers.
 */
#ifndef POOLSCOPE_DISCOVER_ELFFILE_H
#define POOLSCOPE_DISCOVER_ELFFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define ELF_FILE_BYTES_MAX (4ull << 30)	/* only tables are read, and they have limits of their own */
#define ELF_SEGMENTS_MAX 64	/* more are not looked at */
#define ELF_WINDOW_BYTES 32768
#define ELF_REFILLS_MAX 65536	/* of one window: 2 GiB in order, or half a second of jumping about */
#define ELF_BUILD_ID_BYTES 129	/* 64 bytes in hexadecimal, NUL included */

struct elf_segment {
	uint64_t vaddr, offset, n_file, n_memory;	/* n_file bytes fit the file */
	uint32_t type, flags;
};

struct elf_section {
	uint64_t vaddr, offset, size;	/* all of it fits the file */
	uint64_t entry_bytes;
	uint32_t type, link;
};

struct elf_file {
	int fd;	/* borrowed */
	uint64_t size;
	uint16_t machine;
	size_t n_segments;
	struct elf_segment segment[ELF_SEGMENTS_MAX];	/* PT_LOAD, PT_DYNAMIC and PT_NOTE */
	uint64_t sections_at, n_sections;	/* 0 = none */
	uint32_t names_section;
};

/* A view that moves over a file: cheap as long as it is asked for rising offsets. */
struct elf_window {
	const struct elf_file *file;
	uint64_t offset;
	size_t n;
	unsigned int n_refills;
	char bytes[ELF_WINDOW_BYTES];
};

/* Reads the headers. -ENOEXEC, -EBADMSG, -EFBIG, or the error of fstat(). fd must stay open as long as f is used. */
int elf_file_init(struct elf_file *f, int fd, struct diag *d);

/* Exactly n bytes, or false: outside the file, or it shrank. */
bool elf_file_read(const struct elf_file *f, uint64_t offset, void *ret, size_t n);

/* The place in the file of n bytes at an address, when they lie in one loaded segment that has all of `flags` (PF_X …). */
bool elf_file_offset(const struct elf_file *f, uint64_t vaddr, uint64_t n, uint32_t flags,
		     uint64_t *ret);

/* Whether the address lies in a loaded segment, be it in its part that is not in the file. */
bool elf_file_has_address(const struct elf_file *f, uint64_t vaddr);

/* The first section of that name, of that type, or at that index. False when there is none whose bytes lie in the file. */
bool elf_file_section(const struct elf_file *f, const char *name, struct elf_section *ret);
bool elf_file_section_of(const struct elf_file *f, uint32_t type, struct elf_section *ret);
bool elf_file_section_at(const struct elf_file *f, uint64_t i, struct elf_section *ret);

/* The value of an entry of the dynamic section (DT_SONAME …). */
bool elf_file_dynamic(const struct elf_file *f, int64_t tag, uint64_t *ret);

/* The word at an address as the loader leaves it but for the load base: a relative relocation is applied when it is 0 in the file. */
bool elf_file_pointer(const struct elf_file *f, uint64_t vaddr, uint64_t *ret);

/* The library's name; false = none, or longer than the room. */
bool elf_file_soname(const struct elf_file *f, char *ret, size_t size);

/* The GNU build-id, and whether there is a note of Go's linker. */
bool elf_file_build_id(const struct elf_file *f, char ret[static ELF_BUILD_ID_BYTES]);
bool elf_file_has_go_note(const struct elf_file *f);

void elf_window_init(struct elf_window *w, const struct elf_file *f);

/*
 * n bytes at an offset (n at most ELF_WINDOW_BYTES), valid until the next call. NULL when they do not lie in the file, or when the
 * window was moved more often than ELF_REFILLS_MAX.
 */
const void *elf_window_get(struct elf_window *w, uint64_t offset, size_t n);

/*
 * Copies the string at an offset, which must end before `end`, with its NUL. False when it does not, or not within `size`; ret is
 * spoilt then.
 */
bool elf_file_string(const struct elf_file *f, uint64_t offset, uint64_t end, char *ret,
		     size_t size);

#endif
