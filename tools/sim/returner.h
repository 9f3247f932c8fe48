/* SPDX-License-Identifier: MIT */
/*
 * returner.h - one thread that gives items back when their time has come, so that eight threads can keep twenty items busy, as
 * event-driven clients do.
 */
#ifndef POOLSCOPE_SIM_RETURNER_H
#define POOLSCOPE_SIM_RETURNER_H

#include <stdint.h>

#include "tools/sim/pool.h"

struct returner;

/* Starts the thread; it calls `give` for each item that is due. */
struct returner *returner_start(void (*give)(void *context, struct item *item), void *context);

/* Any thread may call it. */
void returner_add(struct returner *r, struct item *item, int64_t due_ns);

/* Waits until every item is back, ends the thread, frees. */
void returner_join(struct returner *r);

#endif
