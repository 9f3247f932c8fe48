/* SPDX-License-Identifier: MIT */
/*
 * labels.c - what a row is called and what it counts. The surprise: it is asked for twice, for the snapshot and for the groups of pools with
 * the same labels, so it borrows everything. That of a pool is kept from tick to tick, and made anew when its books have changed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/state.h"

void row_process(const struct model *m, const struct ps_proc_key *key, struct pool_row *row)
{
	struct process *p = process_find(m, key);

	row->pid = (int32_t)key->tgid;
	row->process = p && p->name ? p->name : "?";
	row->service = p ? process_service(p) : NULL;
	row->container_id = p ? p->container_id : NULL;
	if (p)
		p->is_told = true;
}

const char *process_label(const struct process *p)
{
	if (p && process_service(p))
		return process_service(p);
	return p && p->name ? p->name : "?";
}

void pool_row_sums(struct pool *p, const struct ps_pool *b)
{
	struct pool_row *row = p->row;

	row->in_use_s = p->sums.in_use_s;
	row->capacity_s = b->capacity || p->sums.capacity_s > 0 ? p->sums.capacity_s : NAN;
	row->pending_s = p->sums.pending_s;
	row->saturated_s = b->capacity || pool_capacity(p) <= 0 ? p->sums.saturated_s : NAN;
	row->stalled_s = p->sums.stalled_s;
	row->backlog_s = p->sums.backlog_s;
	row->stalled_hold_s = b->flags & PS_POOL_PAGED ? NAN : p->sums.stalled_hold_s;
}

static void pool_counters(const struct ps_pool *b, struct pool_row *row)
{
	row->acquires = (int64_t)b->acquires;
	row->acquires_new = (int64_t)b->acquires_new;
	row->releases = (int64_t)b->releases;
	row->timeouts = (int64_t)b->outcome[PS_OUTCOME_timeout];
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = (int64_t)b->outcome[i];
	row->opened = (int64_t)b->opened;
	row->open_failures = (int64_t)b->open_failures;
	row->open_failures_by[PS_OPEN_FAILURE_unknown] = row->open_failures;
	row->closed = (int64_t)sum_counts(b->closed, PS_CLOSE_COUNT);
	for (int i = 0; i < PS_CLOSE_COUNT; i++)
		row->closed_by[i] = (int64_t)b->closed[i];
	row->rejections = (int64_t)sum_counts(b->rejected, PS_REJECT_COUNT);
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		row->rejected_by[i] = (int64_t)b->rejected[i];
	row->health_ok = (int64_t)b->health_ok;
	row->health_failed = (int64_t)b->health_failed;
	row->odd_events = (int64_t)(b->odd_release + b->odd_acquire + b->odd_wait);
}

/* What only hot probes count was not counted. */
static void pool_forget_hot(struct pool_row *row)
{
	row->saturated_s = row->stalled_s = row->backlog_s = row->stalled_hold_s = NAN;
	row->acquires = row->acquires_new = row->releases = row->timeouts = UNKNOWN;
	row->health_ok = row->health_failed = row->rejections = UNKNOWN;
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = UNKNOWN;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		row->rejected_by[i] = UNKNOWN;
}

/* Its recipe has no probe where a wait begins. */
static void pool_forget_waits(struct pool_row *row)
{
	row->wait = row->wait_failed = NULL;
	row->saturated_s = row->pending_s = row->stalled_s = row->backlog_s = NAN;
	row->timeouts = UNKNOWN;
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = UNKNOWN;
}

void pool_row_count(struct pool *p, const struct ps_pool *b)
{
	struct pool_row *row = p->row;
	uint32_t notable = row->notable;

	free(TAKE(p->counted));
	*row = pool_row_unknown;
	row->notable = notable; /* by histograms, which come with the next */
	row->name = p->name;
	row->kind = b->kind < PS_KIND_COUNT ? (enum ps_kind)b->kind : PS_KIND_unknown;
	row->source = p->library ? "recipe" : "usdt";
	row->min_idle = (int64_t)b->min_idle;
	pool_row_sums(p, b);
	pool_counters(b, row);
	if (p->is_light) {
		row->wait = p->own_waits;
		pool_forget_hot(row);
		return;
	}
	row->wait = &p->hist[PS_HIST_WAIT];
	row->wait_failed = &p->hist[PS_HIST_WAIT_FAILED];
	row->hold = &p->hist[PS_HIST_HOLD];
	row->create = &p->hist[PS_HIST_CREATE];
	if (p->is_waitless)
		pool_forget_waits(row);
}

const struct pool_row *pool_row_labelled(const struct model *m, const struct pool *p)
{
	struct pool_row *row = p->counted ? p->counted : p->row;

	row_process(m, &p->key.proc, row);
	return row;
}

void endpoint_name(const struct ps_addr *a, char ret[NAME_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t any[16];
	char hex[64] = "";

	if (a->family == 1) {
		text_clean(a->path, PS_UNIX_PATH_MAX - 1, ret, NAME_BYTES);
		return;
	}
	if (!memcmp(a->ip, any, 16)) {
		snprintf(ret, NAME_BYTES, "*:%u", a->port);
		return;
	}
	if (!memcmp(a->ip, mapped, 12)) {
		snprintf(ret, NAME_BYTES, "%u.%u.%u.%u:%u", a->ip[12], a->ip[13], a->ip[14],
			 a->ip[15], a->port);
		return;
	}
	for (int i = 0; i < 16; i += 2)
		snprintf(hex + strlen(hex), sizeof(hex) - strlen(hex), "%s%x", i ? ":" : "",
			 a->ip[i] << 8 | a->ip[i + 1]);
	snprintf(ret, NAME_BYTES, "[%s]:%u", hex, a->port);
}

void endpoint_row_begin(const struct model *m, const struct endpoint *e, char name[NAME_BYTES],
			struct pool_row *row)
{
	bool is_listener = e->key.role == PS_SOCK_LISTEN;

	*row = pool_row_unknown;
	row_process(m, &e->key.proc, row);
	endpoint_name(&e->key.addr, name);
	row->name = row->endpoint = name;
	row->kind = is_listener ? PS_KIND_listener : PS_KIND_connection;
	row->source = endpoint_source(e);
	endpoint_row_ends(e, row);
	endpoint_row_count(e, row);
	if (is_listener && e->drops != UNKNOWN) {
		memset(row->rejected_by, 0, sizeof(row->rejected_by));
		row->rejections = row->rejected_by[PS_REJECT_queue_full] = e->drops;
	}
	if (!is_listener && !e->is_sampled)
		row->create = &e->create;
}
