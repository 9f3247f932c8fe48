/* SPDX-License-Identifier: MIT */
/* json_refs.c - who holds an item of a pool or waits for one, where that is, and where it took it; see json_parts.h. */
#include "api/json_parts.h"

#include <string.h>

#include "api/object.h"
#include "base/text.h"
#include "model/snapshot.h"

/* null = nobody has looked at it lately. */
static json_t *encode_present_stack(const struct snapshot *s, const struct pool_row *p,
				    const struct ref_row *ref)
{
	const struct stack_row *row = snapshot_present(s, p, ref);
	struct object o;

	if (!row)
		return json_null();
	o = object_begin();
	object_set_ns(&o, "age_seconds", row->age_ns);
	object_set_name(&o, "state", row->state);
	object_set_text(&o, "waits_for", row->waits_for);
	object_set_text(&o, "problem", row->problem);
	object_set_count(&o, "on_tid", row->on_tid ? row->on_tid : UNKNOWN);
	object_set_count(&o, "goroutine", row->goroutine_id ? (int64_t)row->goroutine_id : UNKNOWN);
	object_set_texts(&o, "frames", row->frames, row->n_frames);
	object_set_bool(&o, "is_cut", row->is_cut);
	return object_end(&o);
}

/* null = nobody has asked for it, or it is not known of such pools. */
static json_t *encode_acquire_stack(const struct snapshot *s, const struct pool_row *p,
				    const struct ref_row *ref)
{
	const struct stack_row *row = snapshot_taken(s, p, ref);
	struct object o;

	if (!row)
		return json_null();
	o = object_begin();
	object_set_name(&o, "thread", row->thread);
	object_set_text(&o, "place", row->place);
	object_set_text(&o, "problem", row->problem);
	object_set_texts(&o, "frames", row->frames, row->n_frames);
	object_set_bool(&o, "is_cut", row->is_cut);
	return object_end(&o);
}

/* The pool, of the same process and perhaps the same, in which a holder waits; NULL = in none that is known. */
static const struct pool_row *pool_waited_in(const struct snapshot *s, const struct pool_row *p,
					     const struct ref_row *ref)
{
	bool is_goroutine = ref->taker > UINT32_MAX;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *q = &s->pools[i];

		if (q->pid != p->pid)
			continue;
		for (size_t j = 0; j < q->n_waiters; j++) {
			const struct ref_row *w = &q->waiters[j];

			if (is_goroutine ? w->taker == ref->taker
					 : ref->tid && w->tid == ref->tid && w->taker <= UINT32_MAX)
				return q;
		}
	}
	return NULL;
}

/* Items and waiters are opaque 64-bit values, often addresses: as text, because JSON readers keep only 53 bits of a number. */
static struct object begin_ref(const struct snapshot *s, const struct pool_row *p,
			       const struct ref_row *row, const char *id_key)
{
	struct object o = object_begin();
	char id[24], thread[PS_COMM_MAX + 1];

	snprintf(id, sizeof(id), "0x%llx", (unsigned long long)row->id);
	/* a name that fills its field has no NUL */
	text_clean(row->thread, PS_COMM_MAX, thread, sizeof(thread));
	object_set_name(&o, id_key, id);
	object_set(&o, "tid", row->tid ? json_integer(row->tid) : json_null());
	object_set_name(&o, "thread", thread[0] ? thread : NULL);
	object_set_ns(&o, "age_seconds", row->age_ns);
	object_set_bool(&o, "is_thread_gone", row->is_thread_gone);
	object_set(&o, "stack", encode_present_stack(s, p, row));
	return o;
}

json_t *encode_holder(const struct snapshot *s, const struct pool_row *p, const struct ref_row *row)
{
	struct object o = begin_ref(s, p, row, "item");
	const struct pool_row *q = pool_waited_in(s, p, row);

	object_set(&o, "acquire_stack", encode_acquire_stack(s, p, row));
	object_set_name(&o, "waits_in", q ? q->name : NULL);
	object_set(&o, "waits_in_id", q ? json_integer((json_int_t)q->id) : json_null());
	return object_end(&o);
}

json_t *encode_holders(const struct snapshot *s, const struct pool_row *p)
{
	json_t *array = json_array();

	for (size_t i = 0; i < p->n_holders; i++)
		array_add(&array, encode_holder(s, p, &p->holders[i]));
	return array;
}

json_t *encode_waiters(const struct snapshot *s, const struct pool_row *p)
{
	json_t *array = json_array();

	for (size_t i = 0; i < p->n_waiters; i++) {
		struct object o = begin_ref(s, p, &p->waiters[i], "waiter");

		array_add(&array, object_end(&o));
	}
	return array;
}
