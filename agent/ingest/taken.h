/* SPDX-License-Identifier: MIT */
/*
 * taken.h - makes room in the table of where items were taken (bpf/taken.h): what is kept of items that have come back, or are no more.
 */
#ifndef POOLSCOPE_INGEST_TAKEN_H
#define POOLSCOPE_INGEST_TAKEN_H

#include "bpf/abi.h"
#include "probe/kernel.h"

/* How far the walk over the table has come; zero = it begins. */
struct taken {
	struct ps_ref_key key;
	bool is_under_way;
};

/* Goes on with the walk: a few entries, and more of them when the table is half full. Returns how many entries there are. */
uint32_t taken_tick(struct taken *t, struct kernel *k);

#endif
