/* SPDX-License-Identifier: MIT */
/*
 * threads_of.h - threads of a process in a PID namespace of its own (a container), by the numbers that it knows them by.
 *
 * The kernel tells both numbers in /proc/PID/task/TID/status, a file for each thread. So they are read when one is asked for that is not known, at most once in
 * THREADS_OF_NS, and at most THREADS_OF_MAX of a process.
 */
#ifndef POOLSCOPE_INGEST_THREADS_OF_H
#define POOLSCOPE_INGEST_THREADS_OF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREADS_OF_NS 10000000000ll
#define THREADS_OF_MAX 1024

struct thread_numbers {
	uint32_t inside, outside;
};

/* All zero = nothing was read yet. */
struct threads_of {
	struct thread_numbers *list;	/* owned */
	size_t n;
	int64_t read_ns;
};

void threads_of_done(struct threads_of *t);

/* Our number of the thread that process `pid` (ours) knows as `tid`; 0 = there is no such one, or it is not known. */
uint32_t threads_of_find(struct threads_of *t, uint32_t pid, uint32_t tid, int64_t now_ns);

/* The first and the last number of the line NSpid in such a file. Pure. False: there is none. */
bool threads_of_parse(const char *status, struct thread_numbers *ret);

#endif
