/* SPDX-License-Identifier: MIT */
/*
 * processes.c - who the processes are. The surprise: what a process says of itself may come later than its first counts, and give them another label.
 * Its pools then leave one group and join another, as if they had been given that name: the one they leave keeps what they counted while others are in
 * it, so no sum falls on either side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/state.h"

void process_free(struct model *m, struct process *p)
{
	if (m->recent == p)
		m->recent = NULL;
	HASH_DEL(m->processes, p);
	m->attributes_bytes -= p->attributes_bytes;
	free(p->attributes);
	free(p->service_name);
	free(p->executable);
	free(p->name);
	free(p->service);
	free(p->container_id);
	free(p);
}

const char *process_service(const struct process *p)
{
	return p->service_name ? p->service_name : p->service;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* ---- as /proc tells --------------------------------------------------------------------------------------------------------- */

static int process_take(struct model *m, const struct process_info *info)
{
	struct process *p = process_find(m, &info->key);
	bool is_new = !p;

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->key = info->key;
		p->started_wall_ns = UNKNOWN;
		HASH_ADD(hh, m->processes, key, sizeof(p->key), p);
	}
	p->is_fed = true;
	if (!info->name)
		return 0;
	if (!is_new && (!is_same(p->name, info->name) || !is_same(p->service, info->service)))
		p->is_renamed = m->has_renamed = true;
	if (info->started_wall_ns > 0)
		p->started_wall_ns = info->started_wall_ns;
	if (replace_string(&p->name, info->name) || replace_string(&p->service, info->service) ||
	    replace_string(&p->container_id, info->container_id) ||
	    replace_string(&p->executable, info->executable))
		return -ENOMEM;
	return 0;
}

int model_feed_process(struct model *m, const struct process_info *info)
{
	int error = process_take(m, info);
	const struct process *p = error ? NULL : process_find(m, &info->key);

	if (p)
		process_tell(m, p);
	return error;
}

/* ---- as it says itself ------------------------------------------------------------------------------------------------------ */

static size_t bytes_of(const struct process_resource *r)
{
	size_t bytes = r->n_attributes * sizeof(*r->attributes);

	for (size_t i = 0; i < r->n_attributes; i++)
		bytes += strlen(r->attributes[i].key) + strlen(r->attributes[i].value) + 2;
	return bytes;
}

static const char *put(char **at, const char *s)
{
	size_t n = strlen(s) + 1;
	const char *copy = memcpy(*at, s, n);

	*at += n;
	return copy;
}

/* One block: the table, and behind it the strings. NULL when out of memory. */
static struct attribute_row *attributes_copy(const struct process_resource *r, size_t bytes)
{
	struct attribute_row *rows = malloc(bytes);
	char *at = (char *)(rows + r->n_attributes);

	for (size_t i = 0; rows && i < r->n_attributes; i++) {
		rows[i].key = put(&at, r->attributes[i].key);
		rows[i].value = put(&at, r->attributes[i].value);
	}
	return rows;
}

static int attributes_take(struct model *m, struct process *p, const struct process_resource *r)
{
	size_t bytes = bytes_of(r);
	struct attribute_row *rows = NULL;

	if (m->attributes_bytes - p->attributes_bytes + bytes > MODEL_ATTRIBUTES_BYTES) {
		m->n_attributes_left_out += r->n_attributes;
		bytes = 0;
	}
	if (bytes) {
		rows = attributes_copy(r, bytes);
		if (!rows)
			return -ENOMEM;
	}
	free(p->attributes);
	p->attributes = rows;
	p->n_attributes = rows ? r->n_attributes : 0;
	m->attributes_bytes += bytes - p->attributes_bytes;
	p->attributes_bytes = bytes;
	return 0;
}

int model_feed_resource(struct model *m, const struct ps_proc_key *key,
			const struct process_resource *r)
{
	struct process *p = process_find(m, key);

	if (!p)
		return 0;
	if (r->service_name && !is_same(process_service(p), r->service_name))
		p->is_renamed = m->has_renamed = true;
	if (r->service_name && replace_string(&p->service_name, r->service_name))
		return -ENOMEM;
	if (attributes_take(m, p, r))
		return -ENOMEM;
	tap_put_resource(m, p);
	return 0;
}

uint64_t model_n_attributes_left_out(const struct model *m)
{
	return m->n_attributes_left_out;
}

void process_tell(const struct model *m, const struct process *p)
{
	tap_put_text(m, RECORD_process, &p->key,
		     &(struct record_process){ .started_wall_ns = p->started_wall_ns },
		     (const char *const[]){ p->name, p->service, p->container_id, p->executable },
		     4);
	if (m->is_all_wanted && (p->service_name || p->attributes))
		tap_put_resource(m, p);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

static int row_fill(const struct process *p, struct process_row *row, struct arena *arena)
{
	struct attribute_row *attributes =
		arena_alloc(arena, p->n_attributes + 1, sizeof(*attributes));

	*row = (struct process_row){ .pid = (int32_t)p->key.tgid,
				     .process = p->name ? p->name : "?",
				     .service = process_service(p),
				     .service_name = p->service_name,
				     .executable = p->executable,
				     .container_id = p->container_id,
				     .started_wall_ns = p->started_wall_ns,
				     .attributes = attributes,
				     .n_attributes = p->n_attributes };
	if (!attributes || string_keep(&row->process, arena) || string_keep(&row->service, arena) ||
	    string_keep(&row->service_name, arena) || string_keep(&row->executable, arena) ||
	    string_keep(&row->container_id, arena))
		return -ENOMEM;
	for (size_t i = 0; i < p->n_attributes; i++) {
		attributes[i] = p->attributes[i];
		if (string_keep(&attributes[i].key, arena) ||
		    string_keep(&attributes[i].value, arena))
			return -ENOMEM;
	}
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct process_row *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int processes_snapshot(struct model *m, struct snapshot *s)
{
	struct process_row *rows =
		arena_alloc(s->arena, HASH_COUNT(m->processes) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct process *p = m->processes; p; p = p->hh.next)
		if (p->is_told && row_fill(p, &rows[n++], s->arena))
			return -ENOMEM;
	qsort(rows, n, sizeof(*rows), by_pid);
	s->processes = rows;
	s->n_processes = n;
	return 0;
}
