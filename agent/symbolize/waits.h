/* SPDX-License-Identifier: MIT */
/*
 * waits.h - what a system call in which a thread sleeps waits for, in a few words: "data from 127.0.0.1:5432 (fd 7)", "the futex app:the_mutex".
 */
#ifndef POOLSCOPE_SYMBOLIZE_WAITS_H
#define POOLSCOPE_SYMBOLIZE_WAITS_H

#include <stddef.h>
#include <stdint.h>

/* The number of the call and its arguments, as the registers have them; `memory` is /proc/PID/mem. ret is empty for what is not known. */
void waits_describe(uint32_t pid, int memory, int64_t call, const uint64_t args[static 6],
		    char *ret, size_t size);

/* The other end in a line of /proc/net/tcp or tcp6 when it is that socket's: "10.0.0.1:80"; pure. ret is as it was, and the result 0, if not. */
int waits_parse_tcp(const char *line, uint64_t inode, char *ret, size_t size);

#endif
