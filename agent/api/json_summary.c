/* SPDX-License-Identifier: MIT */
/* json_summary.c - how all is, in a few numbers: what a screen has at its top; see json_parts.h. */
#include "api/json_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "api/object.h"
#include "base/cleanup.h"
#include "model/snapshot.h"

static json_t *encode_agent(const struct snapshot *s)
{
	struct object o = object_begin();

	object_set_real(&o, "cpu_share", s->pace.cpu_share);
	object_set_total(&o, "resident_bytes", s->agent.rss_bytes);
	object_set_real(&o, "events_per_second", s->pace.events_per_s);
	return object_end(&o);
}

static json_t *encode_n_findings(const struct snapshot *s)
{
	int64_t n[SEVERITY_COUNT] = { 0 };
	struct object o = object_begin();

	for (size_t i = 0; i < s->n_findings; i++)
		n[s->findings[i].severity] += s->findings[i].is_open;
	for (int i = SEVERITY_COUNT - 1; i >= 0; i--)
		object_set_count(&o, severity_name((enum severity)i), n[i]);
	return object_end(&o);
}

static uint64_t count_losses(const struct snapshot *s)
{
	uint64_t n = 0;

	for (int i = 0; i < PS_LOSS_COUNT; i++)
		n += s->agent.losses[i];
	return n;
}

/* Targets. */
static uint64_t count_stepped_down(const struct snapshot *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_targets; i++)
		n += s->targets[i].level != LEVEL_FULL;
	return n;
}

static size_t count_sick(const struct snapshot *s, const struct finding_index *index)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_pools && index->n; i++)
		n += index_severity(index, s->pools[i].id) > SEVERITY_INFO;
	return n;
}

static int compare_pids(const void *a, const void *b)
{
	const int32_t *p = a, *q = b;

	return (*p > *q) - (*p < *q);
}

/* That have pools. -ENOMEM */
static int count_processes(const struct snapshot *s, size_t *ret)
{
	AUTO_FREE int32_t *pid = calloc(s->n_pools + 1, sizeof(*pid));
	size_t n = 0;

	if (!pid)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_pools; i++)
		if (!n || pid[n - 1] != s->pools[i].pid) /* mostly one process comes after the other */
			pid[n++] = s->pools[i].pid;
	qsort(pid, n, sizeof(*pid), compare_pids);
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret += !i || pid[i - 1] != pid[i];
	return 0;
}

json_t *encode_summary(const struct snapshot *s, const struct finding_index *index)
{
	struct object o;
	size_t n_processes;

	if (count_processes(s, &n_processes))
		return NULL;
	o = object_begin();
	object_set_name(&o, "host", s->host);
	object_set_name(&o, "version", s->version);
	object_set_ns(&o, "time", s->wall_ns);
	object_set_real(&o, "uptime_seconds", s->pace.uptime_s);
	object_set(&o, "agent", encode_agent(s));
	object_set_total(&o, "losses", count_losses(s));
	object_set_total(&o, "stepped_down", count_stepped_down(s));
	object_set(&o, "findings", encode_n_findings(s));
	object_set_total(&o, "pools", s->n_pools);
	object_set_total(&o, "sick", count_sick(s, index));
	object_set_total(&o, "processes", n_processes);
	return object_end(&o);
}
