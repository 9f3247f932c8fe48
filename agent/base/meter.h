/* SPDX-License-Identifier: MIT */
/*
 * meter.h - who wants to know how far long work is. What works tells it, as often as it likes; what becomes of that is not its concern.
 */
#ifndef POOLSCOPE_BASE_METER_H
#define POOLSCOPE_BASE_METER_H

#include <stddef.h>
#include <stdint.h>

struct meter {
	void (*tell)(struct meter *m, const char *what, uint64_t done, uint64_t of);
};

/* "WHAT: DONE of OF"; of 0 = how much there is is not known. `what` is a literal. NULL = nobody wants to know. */
static inline void meter_tell(struct meter *m, const char *what, uint64_t done, uint64_t of)
{
	if (m)
		m->tell(m, what, done, of);
}

#endif
