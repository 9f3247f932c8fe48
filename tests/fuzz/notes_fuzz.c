/* SPDX-License-Identifier: MIT */
/* notes_fuzz.c - any bytes as an ELF file; the arguments of the notes that come out are parsed as well. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "discover/argspec.h"
#include "discover/notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct ps_arg args[PS_MAX_ARGS];
	struct notes notes;
	struct diag d;
	unsigned int n;

	if (fd < 0)
		fd = memfd_create("notes", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	notes_read(fd, NULL, 64, &notes, &d);
	for (size_t i = 0; i < notes.n; i++)
		argspec_parse(notes.list[i].args, notes.machine, NULL, notes.list[i].pc_vaddr, args,
			      &n, &d);
	if (notes.n > 64)
		abort();
	notes_done(&notes);
	return 0;
}
