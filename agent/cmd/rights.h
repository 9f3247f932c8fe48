/* SPDX-License-Identifier: MIT */
/*
 * rights.h - what the agent gives up once it has begun: capabilities that only the start needed, or nobody, and the way to get any back.
 */
#ifndef POOLSCOPE_CMD_RIGHTS_H
#define POOLSCOPE_CMD_RIGHTS_H

#include <stdbool.h>

/*
 * Keeps of what it has: CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE; needs_admin: CAP_SYS_ADMIN, too. No program that it
 * starts can get more (no_new_privs). CAP_DAC_OVERRIDE stays where `folders` (NULL at the end) has one that belongs to another user: files are written there, or removed. Of this
 * thread, and those that it makes from now on. 0 or negative errno.
 */
int rights_give_up(bool needs_admin, const char *const *folders);

#endif
