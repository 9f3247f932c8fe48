/* SPDX-License-Identifier: MIT */
/*
 * resources.c - see resources.h. The surprise: what costs is not to read a context but to find that there is none, for that takes all of the process's
 * maps; so who has none is asked four times and never again.
 */
#include "ingest/resources.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"

#define S 1000000000ll
#define EACH_NS (60 * S)
#define LATER_NS (10 * S) /* where it could not be looked at */

static const int64_t looks_ns[] = { 0, 1 * S, 5 * S, 30 * S }; /* after it was met */
#define N_LOOKS (sizeof(looks_ns) / sizeof(*looks_ns))

struct resource_look {
	struct ps_proc_key key;
	int64_t met_ns, next_ns; /* INT64_MAX = never again */
	uint64_t address, published_ns; /* of its context; 0 = none was found */
	unsigned int n_looks, n_changes;
	bool is_fed;
	UT_hash_handle hh;
};

static void look_free(struct resources *r, struct resource_look *v)
{
	HASH_DEL(r->table, v);
	free(v);
}

void resources_done(struct resources *r)
{
	struct resource_look *v, *next;

	HASH_ITER (hh, r->table, v, next)
		look_free(r, v);
	memset(r, 0, sizeof(*r));
}

void resources_tick_begin(struct resources *r, int64_t now_ns)
{
	r->now_ns = now_ns;
	r->spent_ns = 0;
	for (struct resource_look *v = r->table; v; v = v->hh.next)
		v->is_fed = false;
}

void resources_tick_end(struct resources *r)
{
	struct resource_look *v, *next;

	HASH_ITER (hh, r->table, v, next)
		if (!v->is_fed)
			look_free(r, v);
}

static struct resource_look *look_get(struct resources *r, const struct ps_proc_key *key)
{
	struct resource_look *v;

	HASH_FIND(hh, r->table, key, sizeof(*key), v);
	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->key = *key;
	v->met_ns = v->next_ns = r->now_ns;
	HASH_ADD(hh, r->table, key, sizeof(v->key), v);
	if (!v->hh.tbl) {
		free(v);
		return NULL;
	}
	return v;
}

/* ---- a look ---------------------------------------------------------------------------------------------------------------- */

static void tell(struct resources *r, struct model *m, const struct resource_look *v,
		 const struct otel_resource *said)
{
	struct attribute_row rows[OTEL_ATTRIBUTES_MAX];

	for (size_t i = 0; i < said->n; i++)
		rows[i] = (struct attribute_row){ .key = said->attribute[i].key,
						  .value = said->attribute[i].value };
	r->n_left_out += said->n_left_out;
	model_feed_resource(m, &v->key,
			    &(struct process_resource){ .service_name = said->service_name[0]
										? said->service_name
										: NULL,
							.attributes = rows,
							.n_attributes = said->n });
}

/* Where it was found before it may be gone: it is looked for once more then. */
static int context_read(struct resource_look *v, struct otel_resource *ret)
{
	int error = -ENOENT;

	if (v->address)
		error = otel_context_read(v->key.tgid, v->address, v->published_ns, ret,
					  &v->published_ns);
	if (error != -ENOENT && error != -EFAULT && error != -EBADMSG)
		return error;
	error = otel_context_find(v->key.tgid, &v->address);
	return error ? error
		     : otel_context_read(v->key.tgid, v->address, v->published_ns, ret,
					 &v->published_ns);
}

static int64_t next_look_ns(const struct resource_look *v, int64_t now_ns)
{
	if (v->n_changes >= RESOURCES_CHANGES_MAX)
		return INT64_MAX;
	if (v->n_looks < N_LOOKS)
		return v->met_ns + looks_ns[v->n_looks];
	return v->published_ns ? now_ns + EACH_NS : INT64_MAX;
}

/* What base/remote.h could not do now it may do later. */
static bool is_for_now(int error)
{
	return error == -EBUSY || error == -EAGAIN || error == -ETIMEDOUT;
}

static void look(struct resources *r, struct model *m, struct resource_look *v)
{
	struct otel_resource said;
	int error = 0;

	if (!context_read(v, &said)) {
		v->n_changes++;
		tell(r, m, v, &said);
	} else if (!v->n_looks) { /* its environment stays what it was */
		error = otel_environ_read(v->key.tgid, &said);
		if (!error && (said.service_name[0] || said.n || said.n_left_out))
			tell(r, m, v, &said);
	}
	if (is_for_now(error)) {
		v->next_ns = r->now_ns + LATER_NS;
		return;
	}
	v->n_looks++;
	v->next_ns = next_look_ns(v, r->now_ns);
}

void resources_feed(struct resources *r, struct model *m, const struct ps_proc_key *key)
{
	struct resource_look *v = look_get(r, key);
	int64_t begun_ns;

	if (!v)
		return;
	v->is_fed = true;
	if (v->next_ns > r->now_ns || r->spent_ns > RESOURCES_NS)
		return;
	begun_ns = clock_ns(CLOCK_MONOTONIC);
	look(r, m, v);
	r->spent_ns += clock_ns(CLOCK_MONOTONIC) - begun_ns;
}
