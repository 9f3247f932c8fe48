/* SPDX-License-Identifier: MIT */
/*
 * truth.h - what a pool's books say, in the words of `poolscope list --json`.
 */
#ifndef POOLSCOPE_SIM_TRUTH_H
#define POOLSCOPE_SIM_TRUTH_H

#include <jansson.h>

#include "tools/sim/books.h"
#include "tools/sim/world.h"

/* The truth since since_ns (0 = ever); the books are locked by the caller. A new reference. */
json_t *truth_of(const struct books *b, struct world *w, int64_t since_ns);

#endif
