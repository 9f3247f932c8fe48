/* SPDX-License-Identifier: MIT */
/* perfmap_fuzz.c - any text as /tmp/perf-PID.map: what is found has a name that a line of the text ends with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbolize/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perfmap_name names[] = {
		{ 0x1000, "" }, { 0xfff, "" }, { UINT64_MAX, "" }, { 0, "" }
	};
	static int fd = -1;
	char *line = malloc(size + 1);
	uint64_t start, end;
	const char *name;

	if (fd < 0)
		fd = memfd_create("perfmap", MFD_CLOEXEC);
	if (!line || fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	perfmap_read(fd, names, sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!memmem(data, size, names[i].name, strlen(names[i].name)))
			abort();
	memcpy(line, data, size);
	line[size] = 0;
	if (perfmap_line_parse(line, &start, &end, &name) &&
	    (end <= start || name <= line || name > line + size || !*name))
		abort();
	free(line);
	return 0;
}
