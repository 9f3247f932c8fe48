/* SPDX-License-Identifier: MIT */
/*
 * arrivals.h - tells when a process maps a file executable: at exec, at library loads, at dlopen. No polling.
 *
 * The kernel writes a record per executable mapping (PERF_RECORD_MMAP2 of a dummy software event, one per CPU), whatever
 * loader or container the process uses. One descriptor to poll. Needs CAP_PERFMON.
 */
#ifndef POOLSCOPE_DISCOVER_ARRIVALS_H
#define POOLSCOPE_DISCOVER_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

struct arrivals;

int arrivals_new(struct arrivals **ret);
void arrivals_free(struct arrivals *a);

/* An epoll descriptor that is readable when something arrived. */
int arrivals_fd(const struct arrivals *a);

/*
 * Calls `take` for each record with a file (pid, inode of the file). Returns true when records were lost: the caller must look
 * through /proc once.
 */
bool arrivals_drain(struct arrivals *a, void (*take)(void *context, uint32_t pid), void *context);

#endif
