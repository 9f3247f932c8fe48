/* SPDX-License-Identifier: MIT */
/*
 * hsperf.h - the counters that a JVM (HotSpot) keeps in the memory behind /tmp/hsperfdata_USER/PID, where jstat reads them: how
 * often its threads stood still, and for how long in all.
 *
 * The memory is the target's: nothing in it is believed beyond its bounds, and it is read where the JVM has it mapped, so no file that
 * somebody else made is ever opened. Its entries never move, so their places are found once.
 */
#ifndef POOLSCOPE_DISCOVER_HSPERF_H
#define POOLSCOPE_DISCOVER_HSPERF_H

#include <stddef.h>
#include <stdint.h>

#define HSPERF_COLLECTORS_MAX 8

enum hsperf_counter {
	HSPERF_SAFEPOINTS,
	HSPERF_SAFEPOINT_TIME, /* ticks */
	HSPERF_SYNC_TIME, /* until all stand still; 0 = it is within the former (before Java 13) */
	HSPERF_COLLECTIONS,
	HSPERF_COLLECTION_TIME = HSPERF_COLLECTIONS + HSPERF_COLLECTORS_MAX,
	HSPERF_COUNTERS = HSPERF_COLLECTION_TIME + HSPERF_COLLECTORS_MAX
};

struct hsperf {
	uint32_t at[HSPERF_COUNTERS]; /* bytes from the beginning; 0 = it has none */
	uint64_t frequency; /* ticks a second */
};

struct hsperf_counts {
	uint64_t safepoints, collections;
	double safepoint_s, collection_s;
};

/*
 * Finds the counters in n bytes of that memory. Pure. -EINVAL: it is none, or of another order of bytes; -EAGAIN:
 * the JVM is still filling it; -ENOENT: it has no counters of safepoints.
 */
int hsperf_parse(const void *bytes, size_t n, struct hsperf *ret);

/* What the counters say, by their values in the order of enum hsperf_counter. -EINVAL: nonsense. Pure. */
int hsperf_count(const struct hsperf *h, const uint64_t value[HSPERF_COUNTERS],
		 struct hsperf_counts *ret);

/* Finds the memory in a process. 0; -ENOENT: it has none; -EAGAIN; -EINVAL; -errno. */
int hsperf_find(uint32_t pid, struct hsperf *ret, uint64_t *ret_address);

/* Reads the counters, by one call. */
int hsperf_read(uint32_t pid, const struct hsperf *h, uint64_t address, struct hsperf_counts *ret);

#endif
