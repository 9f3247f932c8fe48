/* SPDX-License-Identifier: MIT */
/*
 * mapped.c - see mapped.h. The surprise: on overlay file systems the device in maps is not the one that stat gives, so the
 * comparison is only made for files opened by path, and there the inode alone decides when the devices differ in kind.
 */
#include "discover/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"

#define LINES_MAX 65536
#define NAMED_LINES_MAX 16384 /* the kernel takes 2 us to write one */
#define FILES_MAX 4096
#define LINE_BYTES (4096 + 128) /* longer lines are passed over: a path of 4096 bytes may have grown by \\012 for each newline */

static bool take_hex(char **at, char end, uint64_t *ret)
{
	char *stop;

	errno = 0;
	if (**at == '-' || **at == '+' || **at == ' ')
		return false;
	*ret = strtoull(*at, &stop, 16);
	if (stop == *at || *stop != end || errno)
		return false;
	*at = stop + 1;
	return true;
}

bool mapping_parse(char *line, struct mapping *ret)
{
	uint64_t major, minor;
	char *at = line, *stop;

	memset(ret, 0, sizeof(*ret));
	line[strcspn(line, "\n")] = 0;
	if (!take_hex(&at, '-', &ret->start) || !take_hex(&at, ' ', &ret->end) ||
	    ret->end <= ret->start)
		return false;
	if (strlen(at) < 5 || at[4] != ' ')
		return false;
	ret->is_executable = at[2] == 'x';
	ret->is_own_data = at[1] == 'w' && at[3] == 'p';
	at += 5;
	if (!take_hex(&at, ' ', &ret->offset) || !take_hex(&at, ':', &major) ||
	    !take_hex(&at, ' ', &minor))
		return false;
	ret->device_major = (uint32_t)major;
	ret->device_minor = (uint32_t)minor;
	errno = 0;
	ret->inode = strtoull(at, &stop, 10);
	if (stop == at || errno)
		return false;
	while (*stop == ' ')
		stop++;
	ret->path = stop;
	return true;
}

/* A whole line of maps. What is left of one that is too long would read as a mapping of its author's making. */
static bool next_line(FILE *maps, char line[LINE_BYTES])
{
	int c;

	while (fgets(line, LINE_BYTES, maps)) {
		if (strchr(line, '\n') || feof(maps))
			return true;
		do
			c = getc(maps);
		while (c != '\n' && c != EOF);
	}
	return false;
}

/* By a path that the process made up: nothing is opened before it is known to be the mapped file, for opening some devices acts. */
static int open_by_path(uint32_t pid, const struct mapping *m)
{
	AUTO_CLOSE int there = -1;
	char path[4200];
	struct stat st;
	int fd;

	if (m->path[0] != '/' ||
	    (size_t)snprintf(path, sizeof(path), "/proc/%u/root%s", pid, m->path) >= sizeof(path))
		return -ENOENT;
	there = open(path, O_PATH | O_CLOEXEC);
	if (there < 0)
		return -errno;
	if (fstat(there, &st) || !S_ISREG(st.st_mode) || st.st_ino != m->inode)
		return -ESTALE;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", there);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static int open_mapping(uint32_t pid, const struct mapping *m)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 ? fd : open_by_path(pid, m);
}

static int open_maps(uint32_t pid, FILE **ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	*ret = fopen(path, "re");
	return *ret ? 0 : errno == ENOENT ? -ESRCH : -errno;
}

int mapped_files(uint32_t pid, int (*take)(void *context, uint32_t pid, int fd, const char *path),
		 void *context)
{
	AUTO_FCLOSE FILE *maps = NULL;
	size_t n_seen = 0;
	char line[LINE_BYTES];
	uint64_t seen[64];
	int error = open_maps(pid, &maps);

	if (error)
		return error;
	for (int lines = 0; lines < LINES_MAX && n_seen < FILES_MAX && next_line(maps, line);
	     lines++) {
		struct mapping m;
		bool is_known = false;
		int result;

		if (!mapping_parse(line, &m) || !m.is_executable || !m.inode)
			continue;
		for (size_t i = 0; i < n_seen && i < 64; i++)
			is_known |= seen[i] == (m.inode ^ (uint64_t)m.device_major << 52 ^
						(uint64_t)m.device_minor << 40);
		if (is_known)
			continue;
		seen[n_seen++ % 64] =
			m.inode ^ (uint64_t)m.device_major << 52 ^ (uint64_t)m.device_minor << 40;
		AUTO_CLOSE int fd = open_mapping(pid, &m);

		if (fd < 0)
			continue;
		result = take(context, pid, fd, m.path);
		if (result < 0)
			return result;
	}
	return 0;
}

struct wanted {
	uint64_t address;	/* in it */
	const char *pattern;	/* or of a file whose path is like that; NULL = not asked */
};

static bool is_wanted(const struct wanted *w, const struct mapping *m)
{
	if (w->pattern)
		return m->inode && !fnmatch(w->pattern, m->path, 0);
	return w->address >= m->start && w->address < m->end;
}

/* The first one; its path lies in `line`. */
static int find_mapping(uint32_t pid, const struct wanted *w, char line[static LINE_BYTES],
			struct mapping *ret)
{
	AUTO_FCLOSE FILE *maps = NULL;
	int error = open_maps(pid, &maps);

	if (error)
		return error;
	for (int lines = 0; lines < LINES_MAX && next_line(maps, line); lines++)
		if (mapping_parse(line, ret) && is_wanted(w, ret))
			return 0;
	return -ENOENT;
}

int mapped_at(uint32_t pid, uint64_t address, int *ret_fd, uint64_t *ret_offset, char *path,
	      size_t path_size)
{
	char line[LINE_BYTES];
	struct mapping m;
	int error = find_mapping(pid, &(struct wanted){ .address = address }, line, &m);

	if (error)
		return error;
	if (!m.is_executable || !m.inode)
		return -ENOENT;
	*ret_fd = open_mapping(pid, &m);
	if (*ret_fd < 0)
		return *ret_fd;
	*ret_offset = m.offset + (address - m.start);
	snprintf(path, path_size, "%s", m.path);
	return 0;
}

int mapped_like(uint32_t pid, const char *pattern, uint64_t *ret_start, uint64_t *ret_end)
{
	char line[LINE_BYTES];
	struct mapping m;
	int error = find_mapping(pid, &(struct wanted){ .pattern = pattern }, line, &m);

	if (error)
		return error;
	*ret_start = m.start;
	*ret_end = m.end;
	return 0;
}

int mapped_named(uint32_t pid, const char *const *names, uint64_t *ret_start)
{
	AUTO_FCLOSE FILE *maps = NULL;
	char line[LINE_BYTES];
	int error = open_maps(pid, &maps);

	if (error)
		return error;
	for (int lines = 0; lines < NAMED_LINES_MAX && next_line(maps, line); lines++) {
		struct mapping m;

		if (!mapping_parse(line, &m))
			continue;
		for (const char *const *name = names; *name; name++) {
			if (strcmp(m.path, *name) != 0)
				continue;
			*ret_start = m.start;
			return 0;
		}
	}
	return -ENOENT;
}

int mapped_data_at(uint32_t pid, uint64_t address, int *ret_fd, uint64_t *ret_offset, char *path,
		   size_t path_size)
{
	AUTO_FCLOSE FILE *maps = NULL;
	char line[LINE_BYTES], last_path[LINE_BYTES] = "";
	struct mapping m, last = { 0 };
	int error = open_maps(pid, &maps);

	if (error)
		return error;
	for (int lines = 0; lines < LINES_MAX && next_line(maps, line); lines++) {
		if (!mapping_parse(line, &m))
			continue;
		if (address >= m.start && address < m.end) {
			if (!m.inode && !*m.path && last.end == m.start) {
				m = last; /* what the file's segment has in memory alone */
				m.path = last_path;
			}
			if (!m.inode)
				return -ENOENT;
			*ret_fd = open_mapping(pid, &m);
			if (*ret_fd < 0)
				return *ret_fd;
			*ret_offset = m.offset + (address - m.start);
			snprintf(path, path_size, "%s", m.path);
			return 0;
		}
		last = m;
		strcpy(last_path, m.path);
	}
	return -ENOENT;
}

/* Of file systems in layers the device is another one here than stat's, and the file itself has to say. */
static bool is_of_file(uint32_t pid, const struct mapping *m, uint64_t device, uint64_t inode)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (m->inode != inode)
		return false;
	if (makedev(m->device_major, m->device_minor) == device)
		return true;
	fd = open_mapping(pid, m);
	return fd >= 0 && !fstat(fd, &st) && st.st_dev == device && st.st_ino == inode;
}

int mapped_data_of(uint32_t pid, uint64_t device, uint64_t inode, uint64_t offset,
		   uint64_t *ret_address)
{
	AUTO_FCLOSE FILE *maps = NULL;
	char line[LINE_BYTES];
	struct mapping m;
	int error = open_maps(pid, &maps);

	if (error)
		return error;
	for (int lines = 0; lines < LINES_MAX && next_line(maps, line); lines++) {
		if (!mapping_parse(line, &m) || !m.is_own_data || offset < m.offset ||
		    offset - m.offset >= m.end - m.start || !is_of_file(pid, &m, device, inode))
			continue;
		*ret_address = m.start + (offset - m.offset);
		return 0;
	}
	return -ENOENT;
}

size_t mapped_code(uint32_t pid, struct mapped_range *ret, size_t n)
{
	AUTO_FCLOSE FILE *maps = NULL;
	char line[LINE_BYTES];
	size_t n_found = 0;

	if (open_maps(pid, &maps))
		return 0;
	for (int lines = 0; lines < LINES_MAX && n_found < n && next_line(maps, line); lines++) {
		struct mapping m;

		if (mapping_parse(line, &m) && m.is_executable && m.inode)
			ret[n_found++] = (struct mapped_range){ m.start, m.end };
	}
	return n_found;
}
