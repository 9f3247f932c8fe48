/* SPDX-License-Identifier: MIT */
/* severity.h - how a severity of the API looks. Pure. */
#ifndef POOLSCOPE_TOP_SEVERITY_H
#define POOLSCOPE_TOP_SEVERITY_H

#include "term/frame.h"

/* NULL and words that are not known are plain. */
enum meaning severity_meaning(const char *severity);

#endif
