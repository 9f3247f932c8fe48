/* SPDX-License-Identifier: MIT */
/*
 * elffile.c - see elffile.h. The surprise: libelf is not used, though notes.c does. It reads or maps whole sections on the word of
 * their headers, and a symbol table of a stranger may claim gigabytes; here only a window of it is ever in memory.
 */
#include "discover/elffile.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM_HEADERS_MAX 1024
#define SECTIONS_MAX 4096	/* only objects that are not linked yet have more */
#define DYNAMIC_MAX 1024
#define RELOCATIONS_MAX (2u << 20)
#define NOTE_BYTES_MAX 4096	/* a build-id stands in the first of them */
#define NOTE_TYPE_GO_BUILD_ID 4

bool elf_file_read(const struct elf_file *f, uint64_t offset, void *ret, size_t n)
{
	size_t done = 0;

	if (offset > f->size || n > f->size - offset)
		return false;
	while (done < n) {
		ssize_t got = pread(f->fd, (char *)ret + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static void segment_add(struct elf_file *f, const Elf64_Phdr *p)
{
	if ((p->p_type != PT_LOAD && p->p_type != PT_DYNAMIC && p->p_type != PT_NOTE) ||
	    f->n_segments == ELF_SEGMENTS_MAX)
		return;
	if (p->p_offset > f->size || p->p_filesz > f->size - p->p_offset ||
	    p->p_filesz > p->p_memsz || p->p_memsz > UINT64_MAX - p->p_vaddr)
		return;
	f->segment[f->n_segments++] = (struct elf_segment){
		.vaddr = p->p_vaddr,
		.offset = p->p_offset,
		.n_file = p->p_filesz,
		.n_memory = p->p_memsz,
		.type = p->p_type,
		.flags = p->p_flags,
	};
}

static int segments_read(struct elf_file *f, const Elf64_Ehdr *header, struct diag *d)
{
	if (header->e_phnum && header->e_phentsize != sizeof(Elf64_Phdr))
		return diag_set(d, -EBADMSG, "its program headers have a strange size");
	for (size_t i = 0; i < header->e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
		Elf64_Phdr p;

		if (header->e_phoff > f->size ||
		    !elf_file_read(f, header->e_phoff + i * sizeof(p), &p, sizeof(p)))
			return diag_set(d, -EBADMSG, "program header %zu is not in the file", i);
		segment_add(f, &p);
	}
	return 0;
}

/* A file without a believable table of sections has none. */
static void sections_read(struct elf_file *f, const Elf64_Ehdr *header)
{
	Elf64_Shdr first;
	uint64_t n = header->e_shnum;
	uint32_t names = header->e_shstrndx;

	if (!header->e_shoff || header->e_shentsize != sizeof(first) ||
	    !elf_file_read(f, header->e_shoff, &first, sizeof(first)))
		return;
	if (!n)
		n = first.sh_size; /* too many for the field */
	if (names == SHN_XINDEX)
		names = first.sh_link;
	if (n > SECTIONS_MAX || n > (f->size - header->e_shoff) / sizeof(first))
		return;
	f->sections_at = header->e_shoff;
	f->n_sections = n;
	f->names_section = names;
}

int elf_file_init(struct elf_file *f, int fd, struct diag *d)
{
	Elf64_Ehdr header;
	struct stat st;
	int error;

	memset(f, 0, sizeof(*f));
	f->fd = fd;
	if (fstat(fd, &st))
		return diag_set(d, -errno, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_set(d, -ENOEXEC, "not a regular file");
	if ((uint64_t)st.st_size > ELF_FILE_BYTES_MAX)
		return diag_set(d, -EFBIG, "larger than %llu bytes", ELF_FILE_BYTES_MAX);
	f->size = (uint64_t)st.st_size;
	if (!elf_file_read(f, 0, &header, sizeof(header)) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return diag_set(d, -ENOEXEC, "not a 64-bit little-endian ELF file");
	f->machine = header.e_machine;
	error = segments_read(f, &header, d);
	if (!error)
		sections_read(f, &header);
	return error;
}

bool elf_file_offset(const struct elf_file *f, uint64_t vaddr, uint64_t n, uint32_t flags,
		     uint64_t *ret)
{
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];

		if (s->type != PT_LOAD || (s->flags & flags) != flags || vaddr < s->vaddr ||
		    vaddr - s->vaddr >= s->n_file || n > s->n_file - (vaddr - s->vaddr))
			continue;
		*ret = vaddr - s->vaddr + s->offset;
		return true;
	}
	return false;
}

bool elf_file_has_address(const struct elf_file *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr && vaddr - s->vaddr < s->n_memory)
			return true;
	}
	return false;
}

static bool section_header(const struct elf_file *f, uint64_t i, Elf64_Shdr *ret)
{
	return i < f->n_sections &&
	       elf_file_read(f, f->sections_at + i * sizeof(*ret), ret, sizeof(*ret));
}

static bool section_of_header(const struct elf_file *f, const Elf64_Shdr *h,
			      struct elf_section *ret)
{
	if (h->sh_type == SHT_NULL || h->sh_type == SHT_NOBITS || h->sh_offset > f->size ||
	    h->sh_size > f->size - h->sh_offset)
		return false;
	*ret = (struct elf_section){
		.vaddr = h->sh_addr,
		.offset = h->sh_offset,
		.size = h->sh_size,
		.entry_bytes = h->sh_entsize,
		.type = h->sh_type,
		.link = h->sh_link,
	};
	return true;
}

bool elf_file_section_at(const struct elf_file *f, uint64_t i, struct elf_section *ret)
{
	Elf64_Shdr h;

	return section_header(f, i, &h) && section_of_header(f, &h, ret);
}

bool elf_file_section(const struct elf_file *f, const char *name, struct elf_section *ret)
{
	size_t n = strlen(name) + 1;
	struct elf_section names;
	char found[64];
	Elf64_Shdr h;

	if (n > sizeof(found) || !elf_file_section_at(f, f->names_section, &names))
		return false;
	for (uint64_t i = 1; i < f->n_sections; i++)
		if (section_header(f, i, &h) && h.sh_name <= names.size &&
		    n <= names.size - h.sh_name &&
		    elf_file_read(f, names.offset + h.sh_name, found, n) &&
		    !memcmp(found, name, n) && section_of_header(f, &h, ret))
			return true;
	return false;
}

bool elf_file_section_of(const struct elf_file *f, uint32_t type, struct elf_section *ret)
{
	Elf64_Shdr h;

	for (uint64_t i = 1; i < f->n_sections; i++)
		if (section_header(f, i, &h) && h.sh_type == type && section_of_header(f, &h, ret))
			return true;
	return false;
}

bool elf_file_dynamic(const struct elf_file *f, int64_t tag, uint64_t *ret)
{
	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];
		Elf64_Dyn entry;

		if (s->type != PT_DYNAMIC)
			continue;
		for (size_t j = 0; j < s->n_file / sizeof(entry) && j < DYNAMIC_MAX; j++) {
			if (!elf_file_read(f, s->offset + j * sizeof(entry), &entry,
					   sizeof(entry)) ||
			    entry.d_tag == DT_NULL)
				break;
			if (entry.d_tag != tag)
				continue;
			*ret = entry.d_un.d_val;
			return true;
		}
	}
	return false;
}

/* What the loader writes at an address: load base + addend. */
static bool relocation_find(const struct elf_file *f, uint64_t vaddr, uint64_t *ret)
{
	uint32_t relative = f->machine == EM_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	uint64_t table, size, offset;
	struct elf_window w;

	if (!elf_file_dynamic(f, DT_RELA, &table) || !elf_file_dynamic(f, DT_RELASZ, &size) ||
	    size / sizeof(Elf64_Rela) > RELOCATIONS_MAX ||
	    !elf_file_offset(f, table, size, 0, &offset))
		return false;
	elf_window_init(&w, f);
	for (uint64_t at = 0; size - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
		const char *bytes = elf_window_get(&w, offset + at, sizeof(Elf64_Rela));
		Elf64_Rela r;

		if (!bytes)
			return false;
		memcpy(&r, bytes, sizeof(r));
		if (r.r_offset != vaddr || ELF64_R_TYPE(r.r_info) != relative)
			continue;
		*ret = (uint64_t)r.r_addend;
		return true;
	}
	return false;
}

bool elf_file_pointer(const struct elf_file *f, uint64_t vaddr, uint64_t *ret)
{
	uint64_t offset, value;

	if (!elf_file_offset(f, vaddr, sizeof(value), 0, &offset) ||
	    !elf_file_read(f, offset, &value, sizeof(value)))
		return false;
	if (!value)
		relocation_find(f, vaddr, &value);
	*ret = value;
	return true;
}

bool elf_file_soname(const struct elf_file *f, char *ret, size_t size)
{
	uint64_t name, table, table_size, offset;

	return elf_file_dynamic(f, DT_SONAME, &name) && elf_file_dynamic(f, DT_STRTAB, &table) &&
	       elf_file_dynamic(f, DT_STRSZ, &table_size) &&
	       elf_file_offset(f, table, table_size, 0, &offset) && name < table_size &&
	       elf_file_string(f, offset + name, offset + table_size, ret, size);
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* The content of the note of that owner and type among the n bytes; NULL = none. Go counts the padding into the owner's size. */
static const char *notes_find(const char *bytes, size_t n, const char *owner, uint32_t type,
			      size_t *ret_n)
{
	size_t at = 0, n_owner = strlen(owner) + 1;

	while (n - at >= sizeof(Elf64_Nhdr)) {
		const char *name = bytes + at + sizeof(Elf64_Nhdr);
		Elf64_Nhdr h;

		memcpy(&h, bytes + at, sizeof(h));
		at += sizeof(h);
		if (h.n_namesz > n - at || padded(h.n_namesz) > n - at ||
		    h.n_descsz > n - at - padded(h.n_namesz))
			return NULL;
		if (h.n_type == type && h.n_namesz >= n_owner &&
		    padded(h.n_namesz) == padded(n_owner) && !memcmp(name, owner, n_owner)) {
			*ret_n = h.n_descsz;
			return name + padded(h.n_namesz);
		}
		at += padded(h.n_namesz);
		at += padded(h.n_descsz) > n - at ? n - at : padded(h.n_descsz);
	}
	return NULL;
}

/* The note's content goes to ret, which has room for `size` bytes; -1 = none, or larger. */
static ssize_t note_read(const struct elf_file *f, const char *owner, uint32_t type, char *ret,
			 size_t size)
{
	char bytes[NOTE_BYTES_MAX];

	for (size_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segment[i];
		size_t found = 0, n = s->n_file < sizeof(bytes) ? s->n_file : sizeof(bytes);
		const char *content;

		if (s->type != PT_NOTE || !elf_file_read(f, s->offset, bytes, n))
			continue;
		content = notes_find(bytes, n, owner, type, &found);
		if (!content || found > size)
			continue;
		memcpy(ret, content, found);
		return (ssize_t)found;
	}
	return -1;
}

bool elf_file_build_id(const struct elf_file *f, char ret[static ELF_BUILD_ID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char id[ELF_BUILD_ID_BYTES / 2];
	ssize_t n = note_read(f, "GNU", NT_GNU_BUILD_ID, id, sizeof(id));

	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n; i++) {
		ret[2 * i] = digits[(unsigned char)id[i] >> 4];
		ret[2 * i + 1] = digits[id[i] & 15];
	}
	ret[2 * n] = 0;
	return true;
}

bool elf_file_has_go_note(const struct elf_file *f)
{
	char id[256];

	return note_read(f, "Go", NOTE_TYPE_GO_BUILD_ID, id, sizeof(id)) >= 0;
}

void elf_window_init(struct elf_window *w, const struct elf_file *f)
{
	w->file = f;
	w->offset = 0;
	w->n = 0;
	w->n_refills = 0;
}

const void *elf_window_get(struct elf_window *w, uint64_t offset, size_t n)
{
	const struct elf_file *f = w->file;

	if (n > sizeof(w->bytes) || offset > f->size || n > f->size - offset)
		return NULL;
	if (offset < w->offset || offset - w->offset > w->n || n > w->n - (offset - w->offset)) {
		uint64_t left = f->size - offset;

		w->n = 0;
		if (++w->n_refills > ELF_REFILLS_MAX)
			return NULL;
		w->offset = offset;
		left = left < sizeof(w->bytes) ? left : sizeof(w->bytes);
		if (!elf_file_read(f, offset, w->bytes, (size_t)left))
			return NULL;
		w->n = (size_t)left;
	}
	return w->bytes + (offset - w->offset);
}

bool elf_file_string(const struct elf_file *f, uint64_t offset, uint64_t end, char *ret,
		     size_t size)
{
	uint64_t n;

	if (end > f->size || offset >= end)
		return false;
	n = end - offset < size ? end - offset : size;
	return elf_file_read(f, offset, ret, (size_t)n) && memchr(ret, 0, (size_t)n);
}
