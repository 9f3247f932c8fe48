/* SPDX-License-Identifier: MIT */
/*
 * An apr_thread_pool of THREADS workers in front of an apr_reslist of MAX resources: ITERS tasks, one every THINK_MS; each
 * takes a resource, keeps it QUERY_MS + HOLD_MS and gives it back. LEAK resources are taken by a thread that ends.
 */
#include <apr_general.h>
#include <apr_reslist.h>
#include <apr_thread_pool.h>

#include "ops.h"

static apr_reslist_t *list;
static struct ops ops, tasks;
static double hold_ms;
static int n_done;

static apr_status_t resource_new(void **resource, void *params, apr_pool_t *pool)
{
	static intptr_t id;

	(void)params, (void)pool;
	*resource = (void *)++id;
	return APR_SUCCESS;
}

static apr_status_t resource_free(void *resource, void *params, apr_pool_t *pool)
{
	(void)resource, (void)params, (void)pool;
	return APR_SUCCESS;
}

static void use(void)
{
	int64_t begin = now_ns(), acquired, release;
	void *resource;

	if (apr_reslist_acquire(list, &resource) != APR_SUCCESS) {
		ops_log(&ops, begin, 0, 0, now_ns());
		return;
	}
	acquired = now_ns();
	sleep_ms(hold_ms);
	release = now_ns();
	apr_reslist_release(list, resource);
	ops_log(&ops, begin, acquired, release, now_ns());
}

static void *APR_THREAD_FUNC task(apr_thread_t *thread, void *submitted)
{
	int64_t started = now_ns(), ended;

	(void)thread;
	use();
	ended = now_ns();
	ops_log(&tasks, *(int64_t *)submitted, started, ended, ended);
	free(submitted);
	__atomic_add_fetch(&n_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *leak(void *arg)
{
	(void)arg;
	for (int i = 0; i < env("LEAK"); i++) {
		int64_t begin = now_ns();
		void *resource;

		if (apr_reslist_acquire(list, &resource) != APR_SUCCESS)
			die("the leaker got no resource");
		ops_log(&ops, begin, now_ns(), 0, 0);
	}
	return NULL;
}

int main(void)
{
	int threads = env("THREADS"), max = env("MAX"), iters = env("ITERS");
	apr_thread_pool_t *workers;
	apr_pool_t *pool;
	pthread_t leaker;

	hold_ms = env("QUERY_MS") + env("HOLD_MS");
	ops_open(&ops, "");
	ops_open(&tasks, ".workers");
	apr_initialize();
	apr_pool_create(&pool, NULL);
	printf("READY\n");
	wait_for_line();

	apr_reslist_create(&list, max, max, max, 0, resource_new, resource_free, NULL, pool);
	apr_reslist_timeout_set(list, (apr_interval_time_t)env("TIMEOUT_MS") * 1000);
	apr_thread_pool_create(&workers, threads, threads, pool);
	pthread_create(&leaker, NULL, leak, NULL);
	pthread_join(leaker, NULL);
	for (int i = 0; i < iters; i++) {
		int64_t *submitted = malloc(sizeof(*submitted));

		*submitted = now_ns();
		apr_thread_pool_push(workers, task, submitted, APR_THREAD_TASK_PRIORITY_NORMAL,
				     NULL);
		sleep_ms(env("THINK_MS"));
	}
	while (__atomic_load_n(&n_done, __ATOMIC_ACQUIRE) < iters)
		sleep_ms(1);
	fclose(ops.out);
	fclose(tasks.out);
	printf("BOOKS {\"pool\":\"reslist\",\"kind\":\"object\",\"library\":\"apr_reslist\",\"capacity\":%d,"
	       "\"books\":{\"in_use\":%u},"
	       "\"workers\":{\"kind\":\"worker\",\"library\":\"apr_thread_pool\",\"capacity\":%zu,"
	       "\"books\":{\"tasks_run\":%zu,\"tasks_high\":%zu,\"threads_high\":%zu,\"busy\":%zu,\"idle\":%zu}}}\n",
	       max, apr_reslist_acquired_count(list), apr_thread_pool_thread_max_get(workers),
	       apr_thread_pool_tasks_run_count(workers), apr_thread_pool_tasks_high_count(workers),
	       apr_thread_pool_threads_high_count(workers), apr_thread_pool_busy_count(workers),
	       apr_thread_pool_idle_count(workers));
	wait_for_line();
	return 0;
}
