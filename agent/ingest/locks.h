/* SPDX-License-Identifier: MIT */
/*
 * locks.h - once a tick: the kernel's table of words at which threads wait, into the model, with names for what is new; clears what has ended.
 */
#ifndef POOLSCOPE_INGEST_LOCKS_H
#define POOLSCOPE_INGEST_LOCKS_H

#include <stdint.h>

#include "model/model.h"
#include "probe/kernel.h"

/* When the processes of the tick have been fed. Returns how many places are taken. */
uint32_t locks_read(struct kernel *k, struct model *m, int64_t now_ns);

#endif
