/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - see unwind.h; libdw does the work. The surprise: it would open files by names that the target made up: of the mappings, of
 * parts of debug information in other files (.dwo, .gnu_debugaltlink). The first are opened here as everywhere (discover/mapped.h); debug
 * information that has such parts is not used, and functions are named by the tables of symbols alone.
 */
#include "symbolize/unwind.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "discover/cxxname.h"
#include "discover/debugfile.h"
#include "discover/mapped.h"
#include "discover/symbols.h"

#define UNITS_MAX 20000		/* of debug information; more take too long to look through */
#define PATH_BYTES 512
#define NAME_BYTES 96
#define PLACE_LINE_BYTES 57

/* A file as the names of its functions are looked up. */
struct code {
	uint64_t start;		/* of the module */
	uint64_t bias;		/* address in memory less that in the file */
	struct symbols *symbols;	/* NULL = cannot be read */
	bool has_debug;		/* information that can be used */
	char path[PATH_BYTES];
	struct code *next;
};

struct unwinder {
	uint32_t pid;
	Dwfl *dwfl;
	Elf *elf;		/* of the program: which machine */
	int elf_fd;
	struct code *codes;
	/* while a thread is unwound: */
	const uint64_t *registers;
	uint32_t known;
	const struct unwind_memory *memory;
	uint64_t *frames;
	size_t n, n_max;
	bool is_cut;
};

/* ---- files --------------------------------------------------------------------------------------------------------------- */

static int find_file(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
		     char **ret_name, Elf **ret_elf)
{
	const struct unwinder *u = *data;
	char path[PATH_BYTES];
	uint64_t offset;
	int fd;

	if (!strncmp(name, "[vdso", 5))
		return dwfl_linux_proc_find_elf(mod, data, name, base, ret_name, ret_elf);
	if (!u || mapped_data_at(u->pid, base, &fd, &offset, path, sizeof(path)))
		return -1;
	*ret_name = strdup(path);
	return fd;
}

static int find_debug_file(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
			   const char *file, const char *link, GElf_Word crc, char **ret_name)
{
	const struct unwinder *u = *data;
	const unsigned char *id;
	char text[129], root[64];
	GElf_Addr at;
	int n = dwfl_module_build_id(mod, &id, &at), fd;

	(void)name;
	(void)base;
	(void)file;
	(void)link;
	(void)crc;
	(void)ret_name;
	if (n <= 1 || n > 64 || !u)
		return -1;
	for (int i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	snprintf(root, sizeof(root), "/proc/%u/root", u->pid);
	fd = debugfile_open(root, text);
	return fd >= 0 ? fd : debugfile_open("/", text);
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_file,
	.find_debuginfo = find_debug_file,
};

static int set_owner(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base, void *owner)
{
	(void)mod;
	(void)name;
	(void)base;
	*data = owner;
	return DWARF_CB_OK;
}

/* ---- libdw asks ---------------------------------------------------------------------------------------------------------- */

static pid_t no_next_thread(Dwfl *dwfl, void *u, void **ret)
{
	(void)dwfl;
	(void)u;
	(void)ret;
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *u, void **ret)
{
	(void)dwfl;
	(void)tid;
	*ret = u;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret, void *data)
{
	const struct unwinder *u = data;
	const struct unwind_memory *m = u->memory;

	(void)dwfl;
	if (address < m->address || m->n < sizeof(*ret) ||
	    address - m->address > m->n - sizeof(*ret))
		return false;
	memcpy(ret, m->bytes + (address - m->address), sizeof(*ret));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *data)
{
	const struct unwinder *u = data;

	for (int i = 0; i < UNWIND_REGISTERS; i++) {
		Dwarf_Word word = u->registers[i];

		if (u->known & 1u << i && !dwfl_thread_state_registers(thread, i, 1, &word))
			return false;
	}
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = no_next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

static int take_frame(Dwfl_Frame *frame, void *data)
{
	struct unwinder *u = data;
	bool is_activation;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, &is_activation) || !pc)
		return DWARF_CB_ABORT;
	if (u->n == u->n_max) {
		u->is_cut = true;
		return DWARF_CB_ABORT;
	}
	u->frames[u->n++] = is_activation ? pc : pc - 1;
	return DWARF_CB_OK;
}

size_t unwind(struct unwinder *u, const uint64_t registers[static UNWIND_REGISTERS], uint32_t known,
	      const struct unwind_memory *memory, uint64_t *ret, size_t n, bool *ret_is_cut)
{
	u->registers = registers;
	u->known = known;
	u->memory = memory;
	u->frames = ret;
	u->n = 0;
	u->n_max = n;
	u->is_cut = false;
	dwfl_getthread_frames(u->dwfl, (pid_t)u->pid, take_frame, u);
	*ret_is_cut = u->is_cut;
	return u->n;
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

/* Whether parts of it lie in other files, or there is too much of it. */
static bool is_debug_usable(Dwarf *dw)
{
	Dwarf_Off at = 0, next;
	const char *name;
	const void *id;
	size_t header;

	if (dwelf_dwarf_gnu_debugaltlink(dw, &name, &id) != 0)
		return false;
	for (int i = 0; i < UNITS_MAX; i++) {
		Dwarf_Die unit;

		if (dwarf_nextcu(dw, at, &next, &header, NULL, NULL, NULL))
			return i > 0;
		if (!dwarf_offdie(dw, at + header, &unit) || dwarf_hasattr(&unit, DW_AT_dwo_name) ||
		    dwarf_hasattr(&unit, DW_AT_GNU_dwo_name))
			return false;
		at = next;
	}
	return false;
}

static struct code *code_of(struct unwinder *u, Dwfl_Module *mod, uint64_t address)
{
	AUTO_CLOSE int fd = -1;
	Dwarf_Addr start, bias;
	uint64_t offset, vaddr;
	struct code *c;
	char root[64];
	Dwarf *dw;

	dwfl_module_info(mod, NULL, &start, NULL, NULL, NULL, NULL, NULL);
	for (c = u->codes; c; c = c->next)
		if (c->start == start)
			return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->start = start;
	c->next = u->codes;
	u->codes = c;
	snprintf(root, sizeof(root), "/proc/%u/root", u->pid);
	if (!mapped_at(u->pid, address, &fd, &offset, c->path, sizeof(c->path)) &&
	    !symbols_open(fd, root, &c->symbols, NULL)) {
		if (!symbols_address(c->symbols, offset, &vaddr))
			c->bias = address - vaddr;
		else {
			symbols_free(c->symbols);
			c->symbols = NULL;
		}
	}
	dw = dwfl_module_getdwarf(mod, &bias);
	c->has_debug = dw && is_debug_usable(dw);
	return c;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *compiled_name(const struct code *c, uint64_t address,
				 char ret[static NAME_BYTES])
{
	struct symbol symbol;
	const char *name;

	if (!c->symbols || symbols_at(c->symbols, address - c->bias, &symbol, &name))
		return NULL;
	if (!cxx_demangle(name, ret, NAME_BYTES))
		snprintf(ret, NAME_BYTES, "%s", name);
	return ret;
}

/* " at file.c:12"; empty when it is not known. */
static void format_line(Dwfl_Module *mod, uint64_t address, char *ret, size_t size)
{
	Dwfl_Line *line = dwfl_module_getsrc(mod, address);
	const char *file;
	int number = 0;

	ret[0] = 0;
	file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	if (file && number > 0)
		snprintf(ret, size, " at %.40s:%d", file_name(file), number);
}

static void add_frame(char ret[static STACK_FRAME_BYTES], const char *name, const char *path,
		      const char *place)
{
	snprintf(ret, STACK_FRAME_BYTES, "%.95s (%.32s)%.56s", name, file_name(path), place);
}

static bool is_function(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_subprogram;
}

/* " at file.c:12", of the call that was inlined. */
static void format_call(Dwarf_Die *unit, Dwarf_Die *call, char *ret, size_t size)
{
	Dwarf_Word line = 0, number = 0;
	Dwarf_Attribute attribute;
	const char *file = NULL;
	Dwarf_Files *files;
	size_t n_files;

	ret[0] = 0;
	if (dwarf_attr(call, DW_AT_call_file, &attribute) &&
	    !dwarf_formudata(&attribute, &number) && !dwarf_getsrcfiles(unit, &files, &n_files) &&
	    number < n_files)
		file = dwarf_filesrc(files, number, NULL, NULL);
	if (file && dwarf_attr(call, DW_AT_call_line, &attribute) &&
	    !dwarf_formudata(&attribute, &line))
		snprintf(ret, size, " at %.40s:%llu", file_name(file), (unsigned long long)line);
}

/* The innermost function around an address of a unit, if that is an inlined one. */
static bool find_inlined(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die *ret)
{
	Dwarf_Die *around = NULL;
	int n = dwarf_getscopes(unit, address, &around), i = 0;
	bool is_inlined;

	while (i < n && !is_function(&around[i]))
		i++;
	is_inlined = i < n && dwarf_tag(&around[i]) == DW_TAG_inlined_subroutine;
	if (is_inlined)
		*ret = around[i];
	free(around);
	return is_inlined;
}

/* The inlined functions around an address, and where the next one outward was called from. */
static size_t inlined_names(Dwfl_Module *mod, const struct code *c, uint64_t address, char *place,
			    size_t place_size, char (*ret)[STACK_FRAME_BYTES], size_t n)
{
	Dwarf_Die *scope = NULL, first;
	size_t n_found = 0;
	Dwarf_Addr bias;
	Dwarf_Die *unit = dwfl_module_addrdie(mod, address, &bias);
	int n_scopes = unit && find_inlined(unit, address - bias, &first)
			       ? dwarf_getscopes_die(&first, &scope)
			       : 0;

	for (int i = 0; i < n_scopes && n_found < n && dwarf_tag(&scope[i]) != DW_TAG_subprogram;
	     i++) {
		const char *name;

		if (dwarf_tag(&scope[i]) != DW_TAG_inlined_subroutine)
			continue;
		name = dwarf_diename(&scope[i]);
		add_frame(ret[n_found++], name ? name : "?", c->path, place);
		format_call(unit, &scope[i], place, place_size);
	}
	free(scope);
	return n_found;
}

size_t unwind_names(struct unwinder *u, uint64_t address, char (*ret)[STACK_FRAME_BYTES], size_t n)
{
	Dwfl_Module *mod = dwfl_addrmodule(u->dwfl, address);
	struct code *c = mod ? code_of(u, mod, address) : NULL;
	char name[NAME_BYTES], place[PLACE_LINE_BYTES] = "";
	size_t n_found = 0;

	if (!c || !n)
		return 0;
	if (c->has_debug) {
		format_line(mod, address, place, sizeof(place));
		n_found = inlined_names(mod, c, address, place, sizeof(place), ret, n - 1);
	}
	if (!compiled_name(c, address, name)) {
		const char *of_debug = dwfl_module_addrname(mod, address);

		if (of_debug)
			snprintf(name, sizeof(name), "%s", of_debug);
		else
			snprintf(name, sizeof(name), "0x%llx",
				 (unsigned long long)(address - c->bias));
	}
	add_frame(ret[n_found], name, c->path[0] ? c->path : "vdso", place);
	return n_found + 1;
}

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

int unwinder_new(uint32_t pid, struct unwinder **ret)
{
	struct unwinder *u = calloc(1, sizeof(*u));
	char path[64];
	int error;

	if (!u)
		return -ENOMEM;
	u->pid = pid;
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	u->elf_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	error = u->elf_fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : 0;
	elf_version(EV_CURRENT);
	if (!error) {
		u->elf = elf_begin(u->elf_fd, ELF_C_READ_MMAP, NULL);
		u->dwfl = dwfl_begin(&callbacks);
		error = u->elf && u->dwfl ? 0 : -ENOMEM;
	}
	if (!error && dwfl_linux_proc_report(u->dwfl, (pid_t)pid))
		error = -ESRCH;
	if (!error && (dwfl_report_end(u->dwfl, NULL, NULL) ||
		       dwfl_getmodules(u->dwfl, set_owner, u, 0) < 0 ||
		       !dwfl_attach_state(u->dwfl, u->elf, (pid_t)pid, &thread_callbacks, u)))
		error = -ENOTSUP;
	if (error) {
		unwinder_free(u);
		return error;
	}
	*ret = u;
	return 0;
}

void unwinder_free(struct unwinder *u)
{
	if (!u)
		return;
	while (u->codes) {
		struct code *c = u->codes;

		u->codes = c->next;
		symbols_free(c->symbols);
		free(c);
	}
	if (u->dwfl)
		dwfl_end(u->dwfl);
	if (u->elf)
		elf_end(u->elf);
	if (u->elf_fd >= 0)
		close(u->elf_fd);
	free(u);
}
