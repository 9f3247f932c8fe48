/* SPDX-License-Identifier: MIT */
/* json_parts.h - what the files of json.h share. */
#ifndef POOLSCOPE_API_JSON_PARTS_H
#define POOLSCOPE_API_JSON_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct finding_row;
struct pool_row;
struct ref_row;
struct snapshot;

/* Names of enum ps_kind. */
extern const char *const api_kinds[];

/* The open findings of a snapshot that are about a pool, in the order of the pools' ids, the most severe of a pool first. */
struct finding_index {
	const struct finding_row **row;	/* to be freed */
	size_t n;
};

/* -ENOMEM */
int index_findings(const struct snapshot *s, struct finding_index *ret);

/* Where the pool's begin; index->n when it has none there. */
size_t index_find(const struct finding_index *index, uint64_t pool_id);

/* Of its most severe one; -1 = it has none. */
int index_severity(const struct finding_index *index, uint64_t pool_id);

/* As it is among others, without holders and waiters. NULL = out of memory. */
json_t *encode_pool_row(const struct snapshot *s, const struct pool_row *p,
			const struct finding_index *index);

/* Takes the pool, and writes it behind the one before. 0, -ENOMEM for NULL, or what `put` returned. */
int write_pool_row(json_t *pool, bool is_first, json_dump_callback_t put, void *context);

/* How all is: "summary". NULL = out of memory. */
json_t *encode_summary(const struct snapshot *s, const struct finding_index *index);

/* One who holds an item, with its stacks; all of a pool. NULL = out of memory. */
json_t *encode_holder(const struct snapshot *s, const struct pool_row *p, const struct ref_row *r);
json_t *encode_holders(const struct snapshot *s, const struct pool_row *p);
json_t *encode_waiters(const struct snapshot *s, const struct pool_row *p);

#endif
