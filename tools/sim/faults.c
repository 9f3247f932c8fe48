/* SPDX-License-Identifier: MIT */
/*
 * faults.c - see faults.h. The surprise: a scheduled fault that lasts is over before the load is, so that the run also shows how
 * the pool recovers.
 */
#include "tools/sim/faults.h"

#include <stdlib.h>

#include "tools/sim/running.h"

bool fault_is_due(struct running *r)
{
	int64_t now = now_ns(), begin = r->world->begin_ns, end = r->world->end_ns;

	return r->faults_left && now > begin + (end - begin) / 4 && now < end;
}

bool fault_take(struct running *r, const char *what, int64_t took_ns)
{
	bool is_mine;

	if (!fault_is_due(r))
		return false;
	pthread_mutex_lock(&r->lock);
	is_mine = r->faults_left > 0;
	r->faults_left -= is_mine;
	pthread_mutex_unlock(&r->lock);
	if (is_mine)
		world_fault(r->world, what, r->load->pool, took_ns);
	return is_mine;
}

/* ---- one of each kind -------------------------------------------------------------------------------------------------- */

static void exhaust(struct running *r, int64_t ns)
{
	uint32_t n = 0, room = r->load->capacity ? r->load->capacity : 1;
	struct item **item = must(calloc(room, sizeof(*item)));

	for (uint32_t i = 0; i < room; i++) {
		item[n] = pool_acquire(&r->pool, ns, NULL);
		n += item[n] != NULL;
	}
	sleep_until(now_ns() + ns);
	while (n--)
		pool_release(&r->pool, item[n], false);
	free(item);
}

static const char *do_fault(struct running *r, int64_t ns)
{
	uint32_t capacity = r->load->capacity;

	switch (r->load->fault) {
	case FAULT_EXHAUST:
		exhaust(r, ns);
		return "exhaust";
	case FAULT_BREAK:
		server_break(r->server);
		sleep_until(now_ns() + ns);
		server_heal(r->server);
		return "endpoint";
	case FAULT_STALE:
		return server_close_idle(r->server, 1) ? "stale-socket" : NULL;
	case FAULT_STALL:
		world_stop(r->world, ns);
		return "stall";
	case FAULT_RESIZE:
		pool_resize(&r->pool, capacity + (capacity + 1) / 2);
		sleep_until(now_ns() + ns);
		pool_resize(&r->pool, capacity);
		return "resize";
	default:
		return NULL;
	}
}

void *faults_run(void *running)
{
	struct running *r = running;
	int64_t lasts_ns = (int64_t)(r->load->fault_ms * 1e6), begin_ns;
	int64_t every_ns = (r->world->end_ns - r->world->begin_ns) / (r->load->faults + 1);
	const char *what;

	pthread_setname_np(pthread_self(), "director");
	if (lasts_ns > every_ns * 3 / 4)
		lasts_ns = every_ns * 3 / 4;
	for (uint32_t i = 1; i <= r->load->faults; i++) {
		sleep_until(r->world->begin_ns + (int64_t)i * every_ns);
		begin_ns = now_ns();
		what = do_fault(r, lasts_ns);
		if (what)
			world_fault(r->world, what, r->load->pool, now_ns() - begin_ns);
	}
	return NULL;
}
