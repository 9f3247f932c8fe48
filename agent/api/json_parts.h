/* SPDX-License-Identifier: MIT */
/* json_parts.h - what the files of json.h share. */
#ifndef POOLSCOPE_API_JSON_PARTS_H
#define POOLSCOPE_API_JSON_PARTS_H

#include <jansson.h>

struct pool_row;
struct ref_row;
struct snapshot;

/* Names of enum ps_kind. */
extern const char *const api_kinds[];

/* One who holds an item, with its stacks; all of a pool. NULL = out of memory. */
json_t *encode_holder(const struct snapshot *s, const struct pool_row *p, const struct ref_row *r);
json_t *encode_holders(const struct snapshot *s, const struct pool_row *p);
json_t *encode_waiters(const struct snapshot *s, const struct pool_row *p);

#endif
