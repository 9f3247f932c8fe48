/* SPDX-License-Identifier: MIT */
/*
 * pace.h - what the agent does at present, by what it had done at the tick before. Pure. Of a recording it is found again by the same rows.
 */
#ifndef POOLSCOPE_MODEL_PACE_H
#define POOLSCOPE_MODEL_PACE_H

#include <stdint.h>

struct snapshot;

/* As things were at the last tick. All zero = there was none. */
struct pace_mark {
	int64_t t_ns;
	double cpu_s;
	uint64_t hits;
};

/* Fills s->pace in, but for how long the agent has run, which is unknown; the snapshot's moment and its agent row are there. */
void pace_fill(struct pace_mark *mark, struct snapshot *s);

#endif
