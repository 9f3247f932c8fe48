/* SPDX-License-Identifier: MIT */
/* mapping_fuzz.c - any text as a line of /proc/PID/maps, and as one of /proc/PID/cgroup. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discover/mapped.h"
#include "ingest/process_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct process_names names = { .name = "" };
	char *line = malloc(size + 1);
	struct mapping m;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = 0;
	cgroup_line_parse(line, &names);
	if (!text_is_clean(names.service) || !text_is_clean(names.container_id))
		abort();
	if (mapping_parse(line, &m) && (m.end <= m.start || m.path < line || m.path > line + size))
		abort();
	free(line);
	return 0;
}
