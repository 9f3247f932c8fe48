/* SPDX-License-Identifier: MIT */
/* severity.c - see severity.h. */
#include "top/severity.h"

#include "cmd/pools.h"

enum meaning severity_meaning(const char *severity)
{
	static const enum meaning meaning[] = { MEANS_PLAIN, MEANS_INFO, MEANS_WARNING,
						MEANS_CRITICAL };

	return meaning[severity_rank(severity) & 3];
}
