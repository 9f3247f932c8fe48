/* SPDX-License-Identifier: MIT */
/* hsperf_fuzz.c - any bytes as a JVM's counters; and any values in the counters that were found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discover/hsperf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t value[HSPERF_COUNTERS] = { 0 };
	struct hsperf_counts c;
	struct hsperf h;

	if (hsperf_parse(data, size, &h))
		return 0;
	for (unsigned int i = 0; i < HSPERF_COUNTERS; i++) {
		if (!h.at[i])
			continue;
		if (h.at[i] > size || size - h.at[i] < sizeof(uint64_t))
			abort();
		memcpy(&value[i], data + h.at[i], sizeof(value[i]));
	}
	if (!hsperf_count(&h, value, &c) && !(c.safepoint_s >= 0 && c.collection_s >= 0))
		abort();
	return 0;
}
