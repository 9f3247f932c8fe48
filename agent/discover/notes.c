/* SPDX-License-Identifier: MIT */
/*
 * notes.c - see notes.h. The surprise: libelf maps or reads what the headers claim, so the section's bounds are checked against
 * the file before its data is asked for; and the note's address must be moved by the difference of .stapsdt.base, which a
 * prelinked file has elsewhere than the note says.
 */
#include "discover/notes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gelf.h>
#include <libelf.h>

#define SECTION_MAX (16u << 20)
#define SEGMENTS_MAX 256
#define NOTE_TYPE_STAPSDT 3

struct image {
	Elf *elf;
	uint64_t size;
	size_t n_segments;
	GElf_Phdr segment[SEGMENTS_MAX];
	uint64_t base;	/* address of .stapsdt.base, 0 = none */
};

void notes_done(struct notes *n)
{
	free(n->list);
	n->list = NULL;
	n->n = 0;
}

static int image_read(struct image *im, struct notes *ret, struct diag *d)
{
	GElf_Ehdr header;
	size_t n;

	if (elf_kind(im->elf) != ELF_K_ELF || !gelf_getehdr(im->elf, &header) ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
		return diag_set(d, -ENOEXEC, "not a 64-bit little-endian ELF file");
	ret->machine = header.e_machine;
	if (elf_getphdrnum(im->elf, &n))
		return diag_set(d, -EBADMSG, "its program headers cannot be read");
	for (size_t i = 0; i < n && im->n_segments < SEGMENTS_MAX; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(im->elf, (int)i, &p))
			return diag_set(d, -EBADMSG, "program header %zu cannot be read", i);
		if (p.p_type == PT_LOAD && p.p_offset <= im->size &&
		    p.p_filesz <= im->size - p.p_offset)
			im->segment[im->n_segments++] = p;
	}
	return 0;
}

/* The place in the file of an address in a segment that has all of `flags`. The memory part counts too: a semaphore may be
 * in a segment whose tail is not in the file, but then it has no place there. */
static bool image_offset(const struct image *im, uint64_t vaddr, uint32_t flags, uint64_t *ret)
{
	for (size_t i = 0; i < im->n_segments; i++) {
		const GElf_Phdr *p = &im->segment[i];

		if ((p->p_flags & flags) != flags || vaddr < p->p_vaddr ||
		    vaddr - p->p_vaddr >= p->p_filesz)
			continue;
		*ret = vaddr - p->p_vaddr + p->p_offset;
		return true;
	}
	return false;
}

/* Copies a string that must end within the data. Returns the bytes used, 0 = it does not end. Too long ones are refused. */
static size_t take_string(const char *at, size_t left, char *ret, size_t size)
{
	const char *end = memchr(at, 0, left);
	size_t n;

	if (!end)
		return 0;
	n = (size_t)(end - at);
	if (n >= size)
		return 0;
	memcpy(ret, at, n + 1);
	return n + 1;
}

static bool note_decode(const struct image *im, const char *desc, size_t size, struct note *ret)
{
	uint64_t word[3], shift, semaphore;
	size_t used, at = sizeof(word);

	if (size < sizeof(word))
		return false;
	memcpy(word, desc, sizeof(word));
	used = take_string(desc + at, size - at, ret->provider, sizeof(ret->provider));
	if (!used)
		return false;
	at += used;
	used = take_string(desc + at, size - at, ret->name, sizeof(ret->name));
	if (!used)
		return false;
	at += used;
	if (!take_string(desc + at, size - at, ret->args, sizeof(ret->args)))
		return false;
	shift = im->base && word[1] ? im->base - word[1] : 0;
	ret->pc_vaddr = word[0] + shift;
	semaphore = word[2] ? word[2] + shift : 0;
	ret->semaphore_offset = 0;
	if (!image_offset(im, ret->pc_vaddr, PF_X, &ret->pc_offset))
		return false;
	return !semaphore || image_offset(im, semaphore, PF_W, &ret->semaphore_offset);
}

static int notes_add(struct notes *ret, const struct note *note, size_t limit)
{
	struct note *more;

	if (ret->n >= limit) {
		ret->n_over++;
		return 0;
	}
	if ((ret->n & (ret->n - 1)) == 0) { /* full at each power of two */
		more = realloc(ret->list, (ret->n ? 2 * ret->n : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		ret->list = more;
	}
	ret->list[ret->n++] = *note;
	return 0;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Walks the notes of one section; stops at the first whose sizes lie. */
static int section_walk(const struct image *im, const char *data, size_t size, const char *provider,
			size_t limit, struct notes *ret)
{
	size_t at = 0;

	while (size - at >= 12) {
		uint32_t head[3];
		const char *name, *desc;
		struct note note;
		int error;

		memcpy(head, data + at, sizeof(head));
		at += sizeof(head);
		if (padded(head[0]) > size - at || padded(head[0]) < head[0] ||
		    head[1] > size - at - padded(head[0])) {
			ret->n_bad++;
			break;
		}
		name = data + at;
		desc = name + padded(head[0]);
		at += padded(head[0]);
		at += padded(head[1]) > size - at ? size - at : padded(head[1]);
		if (head[2] != NOTE_TYPE_STAPSDT || head[0] != sizeof("stapsdt") ||
		    memcmp(name, "stapsdt", sizeof("stapsdt")))
			continue;
		memset(&note, 0, sizeof(note));
		if (!note_decode(im, desc, head[1], &note)) {
			if (!provider || !note.provider[0] || !strcmp(note.provider, provider))
				ret->n_bad++;
			continue;
		}
		if (provider && strcmp(note.provider, provider))
			continue;
		error = notes_add(ret, &note, limit);
		if (error)
			return error;
	}
	return 0;
}

static int image_walk(struct image *im, const char *provider, size_t limit, struct notes *ret,
		      struct diag *d)
{
	Elf_Scn *section = NULL;
	GElf_Shdr h, found[8];
	Elf_Scn *found_section[8];
	size_t names, n = 0;

	if (elf_getshdrstrndx(im->elf, &names))
		return 0; /* no section headers: stripped to the bone, and no points */
	while ((section = elf_nextscn(im->elf, section))) {
		const char *name;

		if (!gelf_getshdr(section, &h) ||
		    (h.sh_type != SHT_NOTE &&
		     !(h.sh_type == SHT_PROGBITS && h.sh_flags & SHF_ALLOC)))
			continue;
		name = elf_strptr(im->elf, names, h.sh_name);
		if (!name)
			continue;
		if (!strcmp(name, ".stapsdt.base"))
			im->base = h.sh_addr;
		if (h.sh_type == SHT_NOTE && !strcmp(name, ".note.stapsdt") && n < 8) {
			found[n] = h;
			found_section[n++] = section;
		}
	}
	for (size_t i = 0; i < n; i++) {
		Elf_Data *data;
		int error;

		if (found[i].sh_offset > im->size ||
		    found[i].sh_size > im->size - found[i].sh_offset ||
		    found[i].sh_size > SECTION_MAX) {
			ret->n_bad++;
			return diag_set(d, -EBADMSG,
					".note.stapsdt does not fit the file or is over %u bytes",
					SECTION_MAX);
		}
		data = elf_rawdata(found_section[i], NULL);
		if (!data || !data->d_buf)
			continue;
		error = section_walk(im, data->d_buf, data->d_size, provider, limit, ret);
		if (error)
			return error;
	}
	return 0;
}

int notes_read(int fd, const char *provider, size_t limit, struct notes *ret, struct diag *d)
{
	struct image *im;
	struct stat st;
	char magic[4];
	int error;

	memset(ret, 0, sizeof(*ret));
	if (fstat(fd, &st))
		return diag_set(d, -errno, "cannot be examined: %s", strerror(errno));
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, ELFMAG, SELFMAG))
		return diag_set(d, -ENOEXEC, "not an ELF file");
	im = calloc(1, sizeof(*im));
	if (!im)
		return diag_set(d, -ENOMEM, "out of memory");
	elf_version(EV_CURRENT);
	im->size = (uint64_t)st.st_size;
	im->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (im->elf) {
		error = image_read(im, ret, d);
		if (!error)
			error = image_walk(im, provider, limit, ret, d);
		elf_end(im->elf);
	} else {
		error = diag_set(d, -EBADMSG, "libelf refuses it: %s", elf_errmsg(-1));
	}
	free(im);
	return error;
}
