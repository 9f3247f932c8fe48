/* SPDX-License-Identifier: MIT */
/*
 * place.h - of the stack with which an item was taken, the part that says who did: without the functions of the pool itself, and without those
 * that every thread begins with; pure.
 */
#ifndef POOLSCOPE_SYMBOLIZE_PLACE_H
#define POOLSCOPE_SYMBOLIZE_PLACE_H

#include <stddef.h>

#include "symbolize/stack.h"

#define PLACE_FRAMES 5
#define PLACE_BYTES 256

/*
 * "get_connection < handle_order < worker": the innermost first, PLACE_FRAMES at most; empty when there is none. `library` is as the pool's row names
 * it; NULL = it has probe points of its own, and which functions are the pool's is not known, but for the one that has the point.
 */
void place_of_taker(const struct stack *s, const char *library, char ret[static PLACE_BYTES]);

#endif
