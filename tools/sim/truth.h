/* SPDX-License-Identifier: MIT */
/*
 * truth.h - what a pool's books say, in the words of `poolscope list --json`.
 */
#ifndef POOLSCOPE_SIM_TRUTH_H
#define POOLSCOPE_SIM_TRUTH_H

#include <jansson.h>

#include "tools/sim/pool.h"

/* The truth about one pool since since_ns (0 = ever), taken under its lock. */
json_t *truth_pool(struct pool *p, int64_t since_ns);

#endif
