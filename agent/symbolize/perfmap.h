/* SPDX-License-Identifier: MIT */
/*
 * perfmap.h - names of code that a runtime made while it ran: /tmp/perf-PID.map, which node --perf-basic-prof, Java agents and others write for
 * perf. The watched program writes it, so it says what it likes; what is read of it is bounded.
 */
#ifndef POOLSCOPE_SYMBOLIZE_PERFMAP_H
#define POOLSCOPE_SYMBOLIZE_PERFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERFMAP_NAME_BYTES 128
#define PERFMAP_BYTES_MAX (64u << 20)	/* what is behind is not read */

struct perfmap_name {
	uint64_t address;	/* asked for */
	char name[PERFMAP_NAME_BYTES];	/* "" = not found */
};

/* A line "START SIZE name", numbers hexadecimal; pure. The name lies in the line. False for what is no such line. */
bool perfmap_line_parse(char *line, uint64_t *ret_start, uint64_t *ret_end, const char **ret_name);

/* Looks for all of them in a file's text; the last line that covers an address counts, for code is moved. */
void perfmap_read(int fd, struct perfmap_name *names, size_t n);

/* Opens the file of a process, as its own /tmp has it: a regular file of the same user. -ENOENT. */
int perfmap_open(uint32_t pid);

#endif
