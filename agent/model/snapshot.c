/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - who still needs a snapshot. The surprise: the count changes through a const pointer; it is the only part of a
 * snapshot that ever does, and one thread owns them all.
 */
#include "model/snapshot.h"

#include <assert.h>

#include "base/arena.h"

const struct snapshot *snapshot_ref(const struct snapshot *s)
{
	struct snapshot *mine = (struct snapshot *)s;

	assert(mine->n_refs > 0);
	mine->n_refs++;
	return s;
}

void snapshot_unref(const struct snapshot *s)
{
	struct snapshot *mine = (struct snapshot *)s;

	if (!mine)
		return;
	assert(mine->n_refs > 0);
	if (--mine->n_refs == 0)
		arena_free(mine->arena);	/* the snapshot itself lies in it */
}
