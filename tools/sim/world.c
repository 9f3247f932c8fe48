/* SPDX-License-Identifier: MIT */
/*
 * world.c - see world.h. The surprise: a thread that sleeps or waits for an item does not come by the safepoint, so it does not
 * stand still there; it is held up as soon as it goes on, as a runtime's thread in native code is.
 */
#include "tools/sim/world.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t is_stopped; /* the futex word */

void world_init(struct world *w, double seconds)
{
	*w = (struct world){ .faults = json_array() };
	pthread_mutex_init(&w->lock, NULL);
	w->begin_ns = now_ns();
	w->end_ns = w->begin_ns + (int64_t)(seconds * 1e9);
}

void world_done(struct world *w)
{
	json_decref(w->faults);
	free(w->stood);
}

void sleep_until(int64_t at_ns)
{
	struct timespec t = { at_ns / 1000000000, at_ns % 1000000000 };

	if (now_ns() >= at_ns)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

void world_fault(struct world *w, const char *what, const char *pool, int64_t took_ns)
{
	int64_t at_ns = now_ns() - took_ns;
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	pthread_mutex_lock(&w->lock);
	json_array_append_new(
		w->faults, json_pack("{s:s s:s s:I s:s s:I s:f}", "fault", what, "pool", pool,
				     "tid", (json_int_t)syscall(SYS_gettid), "thread", name,
				     "at_ns", (json_int_t)at_ns, "seconds", (double)took_ns / 1e9));
	pthread_mutex_unlock(&w->lock);
}

void world_safepoint(void)
{
	while (__atomic_load_n(&is_stopped, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &is_stopped, FUTEX_WAIT_PRIVATE, 1, NULL);
}

void world_stop(struct world *w, int64_t ns)
{
	int64_t begin_ns = now_ns(), took_ns;

	poolscope_stall_begin(POOLSCOPE_STALL_SAFEPOINT);
	__atomic_store_n(&is_stopped, 1, __ATOMIC_RELEASE);
	sleep_until(begin_ns + ns);
	__atomic_store_n(&is_stopped, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &is_stopped, FUTEX_WAKE_PRIVATE, INT_MAX);
	took_ns = now_ns() - begin_ns;
	poolscope_stall_end(POOLSCOPE_STALL_SAFEPOINT);
	world_stood_still(w, begin_ns, begin_ns + took_ns);
	pthread_mutex_lock(&w->lock);
	w->n_stalls++;
	w->stalls_sum_ns += took_ns;
	if (took_ns > w->stalls_max_ns)
		w->stalls_max_ns = took_ns;
	pthread_mutex_unlock(&w->lock);
}

void world_stood_still(struct world *w, int64_t begin_ns, int64_t end_ns)
{
	pthread_mutex_lock(&w->lock);
	if (w->n_stood == w->stood_room) {
		w->stood_room = w->stood_room ? 2 * w->stood_room : 16;
		w->stood = must(realloc(w->stood, w->stood_room * sizeof(*w->stood)));
	}
	w->stood[w->n_stood++] = (struct span){ .begin_ns = begin_ns, .end_ns = end_ns };
	pthread_mutex_unlock(&w->lock);
}

int64_t world_stood_within(struct world *w, int64_t begin_ns, int64_t end_ns)
{
	int64_t sum_ns = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n_stood; i++) {
		const struct span *s = &w->stood[i];
		int64_t from = s->begin_ns > begin_ns ? s->begin_ns : begin_ns;
		int64_t to = s->end_ns < end_ns ? s->end_ns : end_ns;

		sum_ns += to > from ? to - from : 0;
	}
	pthread_mutex_unlock(&w->lock);
	return sum_ns;
}

json_t *world_faults(struct world *w)
{
	json_t *copy;

	pthread_mutex_lock(&w->lock);
	copy = json_deep_copy(w->faults);
	pthread_mutex_unlock(&w->lock);
	return copy;
}

json_t *world_stalls(struct world *w)
{
	json_t *stalls = json_array();

	pthread_mutex_lock(&w->lock);
	if (w->n_stalls)
		json_array_append_new(stalls,
				      json_pack("{s:s s:I s:f s:f}", "cause", "safepoint", "count",
						(json_int_t)w->n_stalls, "sum_seconds",
						(double)w->stalls_sum_ns / 1e9, "max_seconds",
						(double)w->stalls_max_ns / 1e9));
	pthread_mutex_unlock(&w->lock);
	return stalls;
}
