/* SPDX-License-Identifier: MIT */
/*
 * registers.h - where a thread of any process will go on in its program, told by the kernel: nothing is stopped, and no signal is sent.
 */
#ifndef POOLSCOPE_PROBE_REGISTERS_H
#define POOLSCOPE_PROBE_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

/* program_fd is kernel_registers_fd(), perhaps handed down to another process. -ESRCH: there is no such thread; or what the kernel says. */
int registers_read(int program_fd, uint32_t tid, struct ps_registers *ret);

/*
 * The same of a thread that is on a CPU, with its stack from its pointer on, at the next tick of a clock (1 ms) that counts while it runs. -ETIMEDOUT: it
 * has not run for so long within 10 ms; -EOPNOTSUPP where it cannot be told. Of `ret` the registers alone are set.
 */
int registers_sample(uint32_t tid, struct ps_registers *ret, uint8_t *stack, size_t size,
		     size_t *ret_n);

/* What is kept of the thread that took an item, if anything is; map_fd is that of KERNEL_MAP_TAKEN, perhaps handed down. -ENOENT. */
int registers_taken(int map_fd, const struct ps_ref_key *lease, struct ps_taken *ret);

#endif
