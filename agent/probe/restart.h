/* SPDX-License-Identifier: MIT */
/*
 * restart.h - the books of pools that were not watched for a while begin anew, as those of a pool that was there before the agent: what was out when the probes went off has come back unseen, and
 * more may be out. To be called while no hot probe of those pools is armed, just before they are.
 */
#ifndef POOLSCOPE_PROBE_RESTART_H
#define POOLSCOPE_PROBE_RESTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/kernel.h"
#include "probe/targets.h"

/*
 * The pools of a recipe's target, by its domain; with domain 0 those of the SDK in these processes. They keep name, kind and capacity. What cannot be forgotten stays, and is one of
 * the odd events later.
 *
 * A pool that counts in a page goes on, as nothing was missed there. Only where the slow probes were off as well (were_slow_off) its waits of then have ended, nobody knows when, and how many of its items are open is
 * not known.
 */
void books_restart(struct kernel *k, uint32_t domain, bool were_slow_off,
		   const struct target_user *users, size_t n_users);

#endif
