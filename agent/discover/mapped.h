/* SPDX-License-Identifier: MIT */
/*
 * mapped.h - which files a process runs code from: its executable mappings, and each of those files opened safely.
 *
 * /proc text is foreign: a path there is what the target says. Files are opened through /proc/PID/map_files (the mapping
 * itself, also for deleted files and other mount namespaces), else through /proc/PID/root and compared with the mapping.
 */
#ifndef POOLSCOPE_DISCOVER_MAPPED_H
#define POOLSCOPE_DISCOVER_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uint64_t start, end, offset, inode;
	uint32_t device_major, device_minor;
	bool is_executable;
	bool is_own_data;	/* it may be written, and what is written is of the process alone */
	const char *path;	/* into the line; "" = anonymous */
};

/* Parses one line of /proc/PID/maps in place (the newline goes). Pure. False for what is no such line. */
bool mapping_parse(char *line, struct mapping *ret);

/*
 * Calls `take` with each file that is mapped executable, once per file and open; the descriptor is closed afterwards. Bounded:
 * at most 65536 lines are read. 0; -ESRCH when the process is gone; -EACCES; or what `take` returned when negative.
 */
int mapped_files(uint32_t pid, int (*take)(void *context, uint32_t pid, int fd, const char *path),
		 void *context);

/*
 * The file in which a process has code at an address, opened as above, and the place in the file. `path` is for people. -ENOENT:
 * no code is there, or none of a file; -ESRCH; -EACCES.
 */
int mapped_at(uint32_t pid, uint64_t address, int *ret_fd, uint64_t *ret_offset, char *path,
	      size_t path_size);

/* Where a process has a file mapped whose path is like a pattern of fnmatch(3): the first such mapping. -ENOENT; -ESRCH; -EACCES. */
int mapped_like(uint32_t pid, const char *pattern, uint64_t *ret_start, uint64_t *ret_end);

/* The same of data: also where a segment has more in memory than in the file, whose place is then behind what the file has of it. */
int mapped_data_at(uint32_t pid, uint64_t address, int *ret_fd, uint64_t *ret_offset, char *path,
		   size_t path_size);

/*
 * Where a process has the data that lies at this place in a file (of that device and inode, as stat has them): the first mapping of it that may be written
 * privately. -ENOENT; -ESRCH; -EACCES.
 */
int mapped_data_of(uint32_t pid, uint64_t device, uint64_t inode, uint64_t offset,
		   uint64_t *ret_address);

/*
 * Where the first mapping begins that is called one of these (up to a NULL), be it of a file or not; among the first 16384. Takes 2 to 4 us a mapping (2026-11).
 * -ENOENT; -ESRCH; -EACCES.
 */
int mapped_named(uint32_t pid, const char *const *names, uint64_t *ret_start);

/* Where files are mapped executable, in rising order: at most n of them. Returns how many; none of a process that is gone. */
struct mapped_range {
	uint64_t start, end;
};
size_t mapped_code(uint32_t pid, struct mapped_range *ret, size_t n);

#endif
