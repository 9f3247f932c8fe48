/* SPDX-License-Identifier: MIT */
/*
 * fields.h - members of a library's own pool struct, out of the target's memory, as a recipe says where they are.
 */
#ifndef POOLSCOPE_INGEST_FIELDS_H
#define POOLSCOPE_INGEST_FIELDS_H

#include <stdint.h>

#include "discover/resolve.h"
#include "model/model.h"

/*
 * Reads the members of the pool at `address` in process `pid` into the counted_* members of *ret and its name; what cannot be read,
 * or makes no sense, is UNKNOWN. The memory is the target's: it may say anything.
 */
void fields_read(uint32_t pid, uint64_t address,
		 const struct recipe_field_plan plan[RECIPE_FIELD_COUNT], struct pool_extra *ret);

#endif
