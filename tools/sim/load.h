/* SPDX-License-Identifier: MIT */
/*
 * load.h - a pool and the threads that use it as a scenario says. Arrivals are an open loop: a thread that was made to wait
 * catches up, as users do.
 */
#ifndef POOLSCOPE_SIM_LOAD_H
#define POOLSCOPE_SIM_LOAD_H

#include "tools/sim/scenario.h"
#include "tools/sim/world.h"

struct running;

/* Makes the pool (and its server). `load` and `world` are borrowed for good. */
struct running *load_open(const struct load *load, struct world *world);

/* The pool that is used while an item of r is held; may be r itself. Before load_start(). */
void load_behind(struct running *r, struct running *behind);

/* Starts the threads; they end with the world's time. */
void load_start(struct running *r, unsigned int seed);

/* Waits until all threads are done and everything but what was leaked is back; then nothing changes the books any more. */
void load_join(struct running *r);

/* The books, locked; and given back. */
struct books *load_books(struct running *r);
void load_books_end(struct running *r);

/* The pool is destroyed. Frees; no thread may use it any more. */
void load_close(struct running *r);

#endif
