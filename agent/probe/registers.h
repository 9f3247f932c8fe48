/* SPDX-License-Identifier: MIT */
/*
 * registers.h - where a thread of any process will go on in its program, told by the kernel: nothing is stopped, and no signal is sent.
 */
#ifndef POOLSCOPE_PROBE_REGISTERS_H
#define POOLSCOPE_PROBE_REGISTERS_H

#include <stdint.h>

#include "bpf/abi.h"

/* program_fd is kernel_registers_fd(), perhaps handed down to another process. -ESRCH: there is no such thread; or what the kernel says. */
int registers_read(int program_fd, uint32_t tid, struct ps_registers *ret);

#endif
