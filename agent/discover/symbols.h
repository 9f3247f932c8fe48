/* SPDX-License-Identifier: MIT */
/*
 * symbols.h - where a function lies in an ELF file of another process: the name of a recipe's probe point to an address and a place
 * in the file, and an address back to the function around it.
 *
 * Four tables are asked, in this order: .symtab, .dynsym, Go's own table of functions (it survives `strip`), and the .symtab of a
 * separate debug file with the same build-id. A function counts only when it lies in an executable segment of the file itself.
 *
 * The file is hostile. It is read with pread() alone, never mapped (a mapped file that shrinks kills its reader), each table has a
 * limit, and a table that does not fit the file is left out as if it were not there. Questions by name stream over the tables and
 * keep nothing; symbols_at() keeps 16 bytes for each function. One thread; nothing is opened or read before it is asked for, but
 * for the headers and the facts that have no error (is_go, build-id, soname).
 */
#ifndef POOLSCOPE_DISCOVER_SYMBOLS_H
#define POOLSCOPE_DISCOVER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define SYMBOL_NAME_BYTES 2048	/* a longer name is never found; NUL included */

enum symbol_origin { SYMBOL_SYMTAB, SYMBOL_DYNSYM, SYMBOL_GOPCLNTAB, SYMBOL_DEBUG_FILE };

struct symbol {
	uint64_t vaddr;
	uint64_t size;	/* 0 = unknown */
	uint64_t offset;	/* in the mapped file */
	enum symbol_origin origin;
};

struct symbols;	/* of one ELF file */

/*
 * Opens the tables of a file. fd is duplicated, so it may be closed afterwards. `root` is the root folder of the process (say
 * /proc/PID/root), below which a separate debug file is looked for before the host's own; NULL = only the host's. -ENOEXEC when it
 * is no 64-bit little-endian ELF file, -EBADMSG when its headers lie, -ENOMEM.
 */
int symbols_open(int fd, const char *root, struct symbols **ret, struct diag *d);
void symbols_free(struct symbols *s); /* NULL is allowed */

/*
 * The function of that name. The name is matched exactly; a version after it in the file (name@V1, name@@V2) is ignored and the
 * default version preferred, as are global functions over local ones. When nothing has it and it contains "::" or "(", it is taken
 * as a C++ name as c++filt prints it: with the list of parameters or, in a namespace, without ("ns::Pool::acquire", "acquire(int)").
 * -ENOENT; -ENOTUNIQ when it stands for several functions, of which the text names two; -ENOTSUP for a function that is chosen at
 * load time (STT_GNU_IFUNC); -EBADMSG or -EFBIG when a table lies, has a form that is not known or is over its limit, and no other
 * table has the name; -ENOMEM.
 */
int symbols_find(struct symbols *s, const char *name, struct symbol *ret, struct diag *d);

/* The separate debug file (borrowed), opened at the first question; -1 = there is none. */
int symbols_debug_fd(struct symbols *s);

/* The address of a data symbol, for arguments like 8@counter(%rip). -ENOENT, -ENOTUNIQ, -EBADMSG, -ENOMEM. */
int symbols_find_object(struct symbols *s, const char *name, uint64_t *ret_vaddr);

/*
 * The function around an address, and its name as it stands in the table (valid until the next call for s). A function of unknown
 * size reaches to the next one. -ENOENT when no table covers the address, -ENOMEM.
 */
int symbols_at(struct symbols *s, uint64_t vaddr, struct symbol *ret, const char **ret_name);

/*
 * The variable around an address, where it begins and its name (valid as above). symbols_data_address() is the address of a place in the file, or behind
 * it, of a segment that can be written. -ENOENT; -ERANGE.
 */
int symbols_object_at(struct symbols *s, uint64_t vaddr, uint64_t *ret_begin,
		      const char **ret_name);
int symbols_data_address(const struct symbols *s, uint64_t offset, uint64_t *ret_vaddr);

bool symbols_is_go(const struct symbols *s);
const char *symbols_go_version(const struct symbols *s); /* "1.19.8"; NULL = unknown */
const char *symbols_soname(const struct symbols *s); /* NULL = none */
const char *symbols_build_id(const struct symbols *s); /* lower-case hexadecimal; NULL = none */
uint16_t symbols_machine(const struct symbols *s); /* EM_X86_64, EM_AARCH64 */

/* Copies n bytes of code; -ERANGE when they do not lie in one executable segment, -EIO when the file cannot be read. */
int symbols_read_code(const struct symbols *s, uint64_t vaddr, void *ret, size_t n);

/* The address of a place in the file, when that is code. -ERANGE. */
int symbols_address(const struct symbols *s, uint64_t offset, uint64_t *ret_vaddr);

/* The executable segments, as far as they are in the file. */
size_t symbols_n_segments(const struct symbols *s);
void symbols_segment(const struct symbols *s, size_t i, uint64_t *ret_vaddr, uint64_t *ret_size);

#endif
