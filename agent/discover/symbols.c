/* SPDX-License-Identifier: MIT */
/*
 * symbols.c - see symbols.h: the order in which the tables are asked. The surprise: a table that lies is no error as long as
 * another answers; what was wrong with it is said only when nobody does.
 */
#include "discover/symbols.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "discover/cxxname.h"
#include "discover/debugfile.h"
#include "discover/elffile.h"
#include "discover/gopclntab.h"
#include "discover/goversion.h"
#include "discover/nametable.h"
#include "discover/symtab.h"

/* An origin is also the index of its table, and their order the one in which they are asked. */
#define N_ORIGINS (SYMBOL_DEBUG_FILE + 1)

static const char *const origin_names[N_ORIGINS] = { ".symtab", ".dynsym",
						     "Go's table of functions", "the debug file" };

struct symbols {
	int fd, debug_fd;
	char *root;	/* NULL = the host's only */
	struct elf_file file, debug_file;
	struct symtab table[N_ORIGINS];	/* Go's place stays empty */
	struct gopclntab go;
	bool is_go;
	bool is_open[N_ORIGINS];
	int open_error[N_ORIGINS];
	struct diag trouble[N_ORIGINS];	/* the text of each open_error */
	char go_version[GO_VERSION_BYTES];	/* "" = unknown, also below */
	char build_id[ELF_BUILD_ID_BYTES];
	char soname[256];
	char name[SYMBOL_NAME_BYTES];	/* what symbols_at() gave out */
};

static int symbols_read_facts(struct symbols *s, struct diag *d)
{
	struct elf_section ignored;
	int error = elf_file_init(&s->file, s->fd, d);

	if (error)
		return error;
	if (!elf_file_build_id(&s->file, s->build_id))
		s->build_id[0] = 0;
	if (!elf_file_soname(&s->file, s->soname, sizeof(s->soname)))
		s->soname[0] = 0;
	s->is_go = elf_file_has_go_note(&s->file) || goversion_is_go(&s->file) ||
		   elf_file_section(&s->file, ".gopclntab", &ignored) ||
		   elf_file_section(&s->file, ".data.rel.ro.gopclntab", &ignored);
	if (s->is_go && !goversion_read(&s->file, s->go_version))
		s->go_version[0] = 0;
	return 0;
}

static void cleanup_symbols(struct symbols **s)
{
	symbols_free(*s);
}

int symbols_open(int fd, const char *root, struct symbols **ret, struct diag *d)
{
	CLEANUP(cleanup_symbols) struct symbols *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return diag_set(d, -ENOMEM, "out of memory");
	s->debug_fd = -1;
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->fd < 0)
		return diag_set(d, -errno, "cannot be kept open: %s", strerror(errno));
	if (root) {
		s->root = strdup(root);
		if (!s->root)
			return diag_set(d, -ENOMEM, "out of memory");
	}
	error = symbols_read_facts(s, d);
	if (error)
		return error;
	*ret = TAKE(s);
	return 0;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < N_ORIGINS; i++)
		symtab_done(&s->table[i]);
	if (s->fd >= 0)
		close(s->fd);
	if (s->debug_fd >= 0)
		close(s->debug_fd);
	free(s->root);
	free(s);
}

/* A debug file below a root that really belongs to this file. */
static bool debug_file_try(struct symbols *s, const char *root)
{
	AUTO_CLOSE int fd = debugfile_open(root, s->build_id);
	char id[ELF_BUILD_ID_BYTES];

	if (fd < 0 || elf_file_init(&s->debug_file, fd, NULL) ||
	    s->debug_file.machine != s->file.machine || !elf_file_build_id(&s->debug_file, id) ||
	    strcmp(id, s->build_id))
		return false;
	s->debug_fd = TAKE_FD(fd);
	return true;
}

/* Without a debug file its table stays empty. */
static int table_init(struct symbols *s, enum symbol_origin i, struct diag *d)
{
	if (i == SYMBOL_GOPCLNTAB)
		return s->is_go ? gopclntab_init(&s->go, &s->file, d) : 0;
	if (i != SYMBOL_DEBUG_FILE)
		return symtab_init(&s->table[i], &s->file, &s->file, i, d);
	if (!s->build_id[0] || !((s->root && debug_file_try(s, s->root)) || debug_file_try(s, "/")))
		return 0;
	return symtab_init(&s->table[i], &s->debug_file, &s->file, i, d);
}

/* At the first question; what was wrong is remembered. */
static int table_open(struct symbols *s, enum symbol_origin i, struct diag *d)
{
	if (!s->is_open[i]) {
		s->is_open[i] = true;
		s->open_error[i] = table_init(s, i, &s->trouble[i]);
	}
	return s->open_error[i] ? diag_set(d, s->open_error[i], "%s", s->trouble[i].text) : 0;
}

static const struct name_table *table_names(const struct symbols *s, enum symbol_origin i)
{
	if (i == SYMBOL_GOPCLNTAB)
		return s->go.n ? &s->go.names : NULL;
	return s->table[i].n ? &s->table[i].names : NULL;
}

/* A question by name: exactly, or as a C++ name when there is a query. */
struct question {
	const char *name;
	struct cxx_query *query;
	bool is_object;
};

static int table_ask(struct symbols *s, enum symbol_origin i, const struct question *q,
		     struct symbol *ret, struct diag *d)
{
	CLEANUP(name_hits_done) struct name_hits hits = { .list = NULL };
	const struct name_table *names;
	int error = table_open(s, i, d);

	if (error)
		return error;
	names = table_names(s, i);
	if (!names || (i == SYMBOL_GOPCLNTAB && (q->is_object || q->query)))
		return -ENOENT;
	error = q->query ? name_table_find_cxx(names, q->query, &hits, d)
			 : name_table_find(names, q->name, &hits, d);
	if (error)
		return error;
	return i == SYMBOL_GOPCLNTAB ? gopclntab_find(&s->go, &hits, ret, d)
				     : symtab_find(&s->table[i], &hits, q->is_object, ret, d);
}

/* A broken table does not end the search; its error is the answer when no other has one. */
static int tables_ask(struct symbols *s, const struct question *q, struct symbol *ret,
		      struct diag *d)
{
	int error = -ENOENT;

	for (enum symbol_origin i = 0; i < N_ORIGINS; i++) {
		struct diag trouble = { .text = "" };
		int answer = table_ask(s, i, q, ret, &trouble);
		bool is_final = !answer || answer == -ENOTUNIQ || answer == -ENOTSUP;

		if (answer && (is_final || error == -ENOENT) && answer != -ENOENT)
			error = diag_set(d, answer, "%s", trouble.text);
		if (is_final)
			return answer;
	}
	return error;
}

static int nothing_found(const struct symbols *s, const char *name, const struct cxx_query *q,
			 struct diag *d)
{
	char tables[100] = "", left_out[100] = "";
	size_t n = 0;

	for (enum symbol_origin i = 0; i < N_ORIGINS; i++)
		if (table_names(s, i))
			n += (size_t)snprintf(tables + n, sizeof(tables) - n, "%s%s", n ? ", " : "",
					      origin_names[i]);
	if (q->n_left_out)
		snprintf(left_out, sizeof(left_out),
			 "; %zu C++ names are too involved to compare, give the mangled name",
			 q->n_left_out);
	if (!n)
		return diag_set(d, -ENOENT, "it is stripped, and there is no debug file for it");
	return diag_set(d, -ENOENT, "no function %s in %s%s", name, tables, left_out);
}

int symbols_find(struct symbols *s, const char *name, struct symbol *ret, struct diag *d)
{
	struct question q = { .name = name };
	struct cxx_query query = { .want = NULL };
	int error = tables_ask(s, &q, ret, d);

	if (error == -ENOENT && (strstr(name, "::") || strchr(name, '('))) {
		cxx_query_init(&query, name);
		q.query = &query;
		error = tables_ask(s, &q, ret, d);
	}
	return error == -ENOENT ? nothing_found(s, name, &query, d) : error;
}

int symbols_debug_fd(struct symbols *s)
{
	table_open(s, SYMBOL_DEBUG_FILE, NULL);
	return s->debug_fd;
}

int symbols_find_object(struct symbols *s, const char *name, uint64_t *ret_vaddr)
{
	struct question q = { .name = name, .is_object = true };
	struct symbol found;
	int error = tables_ask(s, &q, &found, NULL);

	if (!error)
		*ret_vaddr = found.vaddr;
	return error;
}

int symbols_object_at(struct symbols *s, uint64_t vaddr, uint64_t *ret_begin, const char **ret_name)
{
	for (enum symbol_origin i = 0; i < N_ORIGINS; i++) {
		uint32_t name;

		if (i == SYMBOL_GOPCLNTAB || table_open(s, i, NULL) || !table_names(s, i) ||
		    symtab_object_at(&s->table[i], vaddr, ret_begin, &name) ||
		    !name_table_read(table_names(s, i), name, s->name, sizeof(s->name)))
			continue;
		*ret_name = s->name;
		return 0;
	}
	return -ENOENT;
}

int symbols_at(struct symbols *s, uint64_t vaddr, struct symbol *ret, const char **ret_name)
{
	for (enum symbol_origin i = 0; i < N_ORIGINS; i++) {
		struct symbol found;
		uint32_t name;
		int error = table_open(s, i, NULL);

		if (error || !table_names(s, i))
			continue;
		error = i == SYMBOL_GOPCLNTAB ? gopclntab_at(&s->go, vaddr, &found, &name)
					      : symtab_at(&s->table[i], vaddr, &found, &name);
		if (error == -ENOMEM)
			return error;
		if (error || !name_table_read(table_names(s, i), name, s->name, sizeof(s->name)))
			continue;
		*ret = found;
		*ret_name = s->name;
		return 0;
	}
	return -ENOENT;
}

bool symbols_is_go(const struct symbols *s)
{
	return s->is_go;
}

static const char *unless_empty(const char *text)
{
	return text[0] ? text : NULL;
}

const char *symbols_go_version(const struct symbols *s)
{
	return unless_empty(s->go_version);
}

const char *symbols_soname(const struct symbols *s)
{
	return unless_empty(s->soname);
}

const char *symbols_build_id(const struct symbols *s)
{
	return unless_empty(s->build_id);
}

uint16_t symbols_machine(const struct symbols *s)
{
	return s->file.machine;
}

int symbols_read_code(const struct symbols *s, uint64_t vaddr, void *ret, size_t n)
{
	uint64_t offset;

	if (!elf_file_offset(&s->file, vaddr, n, PF_X, &offset))
		return -ERANGE;
	return elf_file_read(&s->file, offset, ret, n) ? 0 : -EIO;
}

static bool is_code(const struct elf_segment *s)
{
	return s->type == PT_LOAD && s->flags & PF_X && s->n_file;
}

int symbols_address(const struct symbols *s, uint64_t offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < s->file.n_segments; i++) {
		const struct elf_segment *segment = &s->file.segment[i];

		if (!is_code(segment) || offset < segment->offset ||
		    offset - segment->offset >= segment->n_file)
			continue;
		*ret_vaddr = segment->vaddr + (offset - segment->offset);
		return 0;
	}
	return -ERANGE;
}

int symbols_data_address(const struct symbols *s, uint64_t offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < s->file.n_segments; i++) {
		const struct elf_segment *segment = &s->file.segment[i];

		if (segment->type != PT_LOAD || !(segment->flags & PF_W) ||
		    offset < segment->offset || offset - segment->offset >= segment->n_memory)
			continue;
		*ret_vaddr = segment->vaddr + (offset - segment->offset);
		return 0;
	}
	return -ERANGE;
}

size_t symbols_n_segments(const struct symbols *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->file.n_segments; i++)
		n += is_code(&s->file.segment[i]);
	return n;
}

void symbols_segment(const struct symbols *s, size_t i, uint64_t *ret_vaddr, uint64_t *ret_size)
{
	for (size_t j = 0; j < s->file.n_segments; j++) {
		const struct elf_segment *segment = &s->file.segment[j];

		if (!is_code(segment) || i--)
			continue;
		*ret_vaddr = segment->vaddr;
		*ret_size = segment->n_file;
		return;
	}
	assert(!"segment index out of range");
}
