/* SPDX-License-Identifier: MIT */
/*
 * perfmap.c - see perfmap.h. The surprise: the pid in the file's name is the one that the process has for itself, in a container another
 * one than ours.
 */
#include "symbolize/perfmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "discover/debugfile.h"

#define LINE_BYTES 1024	/* longer ones are passed over */

/* strtoull() would take blanks and signs. */
static bool take_number(char **at, uint64_t *ret)
{
	char *stop;

	if (!strchr("0123456789abcdefABCDEF", **at) || !**at)
		return false;
	errno = 0;
	*ret = strtoull(*at, &stop, 16);
	if (errno || *stop != ' ')
		return false;
	*at = stop + 1;
	return true;
}

bool perfmap_line_parse(char *line, uint64_t *ret_start, uint64_t *ret_end, const char **ret_name)
{
	uint64_t start, size;
	char *at = line;

	line[strcspn(line, "\n")] = 0;
	if (!take_number(&at, &start) || !take_number(&at, &size) || !*at || !size ||
	    start + size < start)
		return false;
	*ret_start = start;
	*ret_end = start + size;
	*ret_name = at;
	return true;
}

static void take_line(char *line, struct perfmap_name *names, size_t n)
{
	uint64_t start, end;
	const char *name;

	if (!perfmap_line_parse(line, &start, &end, &name))
		return;
	for (size_t i = 0; i < n; i++)
		if (names[i].address >= start && names[i].address < end)
			snprintf(names[i].name, sizeof(names[i].name), "%s", name);
}

void perfmap_read(int fd, struct perfmap_name *names, size_t n)
{
	AUTO_FREE char *text = malloc(64 * LINE_BYTES + 1);
	size_t n_held = 0, n_read = 0;
	bool is_rest = false; /* of a line that is too long */
	ssize_t got;

	if (!text)
		return;
	while (n_read < PERFMAP_BYTES_MAX &&
	       (got = read(fd, text + n_held, 64 * LINE_BYTES - n_held)) > 0) {
		char *line = text, *end;

		n_read += (size_t)got;
		n_held += (size_t)got;
		text[n_held] = 0;
		while ((end = memchr(line, '\n', n_held - (size_t)(line - text)))) {
			*end = 0;
			if (!is_rest && end - line < LINE_BYTES)
				take_line(line, names, n);
			is_rest = false;
			line = end + 1;
		}
		n_held -= (size_t)(line - text);
		if (n_held >= LINE_BYTES) {
			is_rest = true;
			n_held = 0;
		}
		memmove(text, line, n_held);
	}
}

static uint32_t own_pid(uint32_t pid, uint32_t *ret_uid)
{
	AUTO_FCLOSE FILE *f = NULL;
	char path[64], line[256];
	uint32_t own = pid;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *last = strrchr(line, '\t');
		unsigned int uid;

		if (!strncmp(line, "NSpid:", 6) && last)
			own = (uint32_t)strtoul(last, NULL, 10);
		if (sscanf(line, "Uid: %*u %u", &uid) == 1)
			*ret_uid = uid;
	}
	return own;
}

int perfmap_open(uint32_t pid)
{
	uint32_t uid = (uint32_t)-1, own = own_pid(pid, &uid);
	AUTO_CLOSE int fd = -1;
	char root[64], path[64];
	struct stat st;

	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	snprintf(path, sizeof(path), "tmp/perf-%u.map", own);
	fd = debugfile_open_below(root, path);
	if (fd < 0 || fstat(fd, &st) || st.st_uid != uid)
		return -ENOENT;
	return TAKE_FD(fd);
}
