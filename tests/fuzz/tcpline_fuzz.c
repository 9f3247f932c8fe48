/* SPDX-License-Identifier: MIT */
/* tcpline_fuzz.c - any text as a line of /proc/net/tcp, and any bytes as a goroutine's record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbolize/goroutine.h"
#include "symbolize/waits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), peer[64] = "as it was";
	static int fd = -1;
	struct goroutine g;

	if (fd < 0)
		fd = memfd_create("record", MFD_CLOEXEC);
	if (!line || fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	memcpy(line, data, size);
	line[size] = 0;
	if (!waits_parse_tcp(line, 12345, peer, sizeof(peer)) && strcmp(peer, "as it was"))
		abort();
	if (!goroutine_read(fd, "1.19.8", 0, &g) && g.tid && g.is_waiting)
		abort();
	goroutine_read(fd, line, 0, &g);
	free(line);
	return 0;
}
