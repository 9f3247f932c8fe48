/* SPDX-License-Identifier: MIT */
/*
 * pages.c - see pages.h. The surprise: nothing is lost, since only what was never written to is unmapped: the parts of a file that are mapped without
 * the right to write. Where a library was relocated its pages are of a writable part, and stay.
 */
#include "cmd/pages.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int give_back(struct dl_phdr_info *info, size_t size, void *unused)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)unused;
	for (unsigned int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = (info->dlpi_addr + part->p_vaddr + page - 1) / page * page;
		uintptr_t end = (info->dlpi_addr + part->p_vaddr + part->p_filesz) / page * page;

		if (part->p_type != PT_LOAD || part->p_flags & PF_W || begin >= end)
			continue;
		madvise((void *)begin, end - begin, MADV_DONTNEED); /* refused: they stay */
	}
	return 0;
}

void pages_give_back(void)
{
	dl_iterate_phdr(give_back, NULL);
}
