/* SPDX-License-Identifier: MIT */
/* accept_fuzz.c - any text as an Accept header: some form is chosen, and what forbids it behind everything else takes it away. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporters/prometheus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 64);
	enum prometheus_format f;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	f = prometheus_choose(text);
	if ((unsigned int)f >= PROMETHEUS_FORMATS)
		abort();
	/* nothing behind the end of a range may change it, unless a quote was left open */
	if (!strchr(text, '"')) {
		strcat(text, ", application/x-none;version=1.0.0;q=1");
		if (prometheus_choose(text) != f)
			abort();
	}
	free(text);
	return 0;
}
