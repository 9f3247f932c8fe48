/* SPDX-License-Identifier: MIT */
/* A GThreadPool of MAX workers; THREADS threads push ITERS tasks together, each of which runs QUERY_MS + HOLD_MS or for ever. */
#include <glib.h>
#include <string.h>
#include <sys/mman.h>

#include "ops.h"

struct task {
	int64_t pushed;
	int is_endless;
};

static GThreadPool *pool;
static struct ops ops;
static double run_ms;
static int n_left, n_done, n_endless;

static void run(gpointer data, gpointer user_data)
{
	struct task *t = data;
	int64_t started = now_ns(), ended;

	(void)user_data;
	if (t->is_endless) {
		ops_log(&ops, t->pushed, started, 0, 0);
		__atomic_add_fetch(&n_endless, 1, __ATOMIC_RELEASE);
		pause();
	}
	sleep_ms(run_ms);
	ended = now_ns();
	ops_log(&ops, t->pushed, started, ended, ended);
	g_free(t);
	__atomic_add_fetch(&n_done, 1, __ATOMIC_RELEASE);
}

static void push(int is_endless)
{
	struct task *t = g_new(struct task, 1);

	t->is_endless = is_endless;
	t->pushed = now_ns();
	g_thread_pool_push(pool, t, NULL);
}

/* The function again, made at run time and in no file: mov $run, %rax; jmp *%rax */
static GFunc generated(void)
{
	unsigned char code[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 };
	void (*target)(gpointer, gpointer) = run;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GFunc function;

	if (page == MAP_FAILED)
		die("no page for code");
	memcpy(code + 2, &target, 8);
	memcpy(page, code, sizeof(code));
	memcpy(&function, &page, sizeof(function));
	return function;
}

static void *pusher(void *unused)
{
	(void)unused;
	while (__atomic_fetch_sub(&n_left, 1, __ATOMIC_RELAXED) > 0) {
		push(0);
		sleep_ms(env("THINK_MS"));
	}
	return NULL;
}

int main(void)
{
	int max = env("MAX"), iters = env("ITERS"), leaks = env("LEAK"), threads = env("THREADS");
	pthread_t thread[64];

	run_ms = env("QUERY_MS") + env("HOLD_MS");
	n_left = iters;
	ops_open(&ops, "");
	printf("READY\n");
	wait_for_line();

	pool = g_thread_pool_new(env("GENERATED") ? generated() : run, NULL, max, env("EXCLUSIVE"),
				 NULL);
	sleep_ms(env("WARM_MS"));
	for (int i = 0; i < leaks; i++)
		push(1);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&thread[i], NULL, pusher, NULL);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(thread[i], NULL);
	while (__atomic_load_n(&n_done, __ATOMIC_ACQUIRE) < iters ||
	       __atomic_load_n(&n_endless, __ATOMIC_ACQUIRE) < leaks)
		sleep_ms(1);
	fclose(ops.out);
	printf("BOOKS {\"pool\":\"GThreadPool\",\"kind\":\"worker\",\"library\":\"GThreadPool\",\"capacity\":%d,"
	       "\"books\":{\"unprocessed\":%u,\"threads\":%u}}\n",
	       g_thread_pool_get_max_threads(pool), g_thread_pool_unprocessed(pool),
	       g_thread_pool_get_num_threads(pool));
	wait_for_line();
	return 0;
}
