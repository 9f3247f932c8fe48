/* SPDX-License-Identifier: MIT */
/* detectors.c - the list of detectors.def as a table. */
#include "detect/detector.h"

#define SECONDS(n) ((n) * (int64_t)900000000) /* a tick may come a little early */

const struct detector detectors[] = {
#define DETECTOR(type, about, look, opens, closes, is_pressure, ended)                             \
	{ type, about, look, opens, closes, is_pressure, ended },
#include "detect/detectors.def"
};
const unsigned int n_detectors = sizeof(detectors) / sizeof(*detectors);
