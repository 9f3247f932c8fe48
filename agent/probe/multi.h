/* SPDX-License-Identifier: MIT */
/*
 * multi.h - uprobe_multi links by the bare system call: kernels have them since 6.6 (89ae89f53d20), Debian 12's libbpf 1.1 has
 * no call for them. One link holds all probes of a file; closing its descriptor removes them together.
 */
#ifndef POOLSCOPE_PROBE_MULTI_H
#define POOLSCOPE_PROBE_MULTI_H

#include <stdbool.h>
#include <stdint.h>

#define MULTI_ATTACH_TYPE 48	/* BPF_TRACE_UPROBE_MULTI */

/* Tries one on our own executable. */
bool multi_is_available(void);
/* Whether a link for one process fires in all its threads. */
bool multi_filters_processes(void);

/*
 * Attaches n probes of one file, all at the instruction or all at the return of the function that begins there. The three arrays
 * have n members each; a semaphore offset of 0 means none. pid: in that process alone; 0 = in all. (Before 6.6.33 and 6.9.4 only in
 * its main thread: 46ba0e49b642.) Returns the link's descriptor or negative errno.
 */
int multi_attach(int program_fd, const char *path, const uint64_t *offsets,
		 const uint64_t *semaphores, const uint64_t *cookies, uint32_t n, bool is_return,
		 uint32_t pid);

#endif
