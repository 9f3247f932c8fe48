/* SPDX-License-Identifier: MIT */
/* The loop queues ITERS pieces of work, one each THINK_MS; each runs QUERY_MS + HOLD_MS in a thread of libuv's pool, or for ever. */
#include <uv.h>

#include "ops.h"

struct work {
	uv_work_t request;
	int64_t queued;
	int is_warm_up, is_endless;
};

static struct ops ops;
static double run_ms;
static int n_left, n_done, n_cancelled;
static uv_timer_t timer;

static void run(uv_work_t *request)
{
	struct work *w = request->data;
	int64_t started = now_ns(), ended;

	if (w->is_warm_up)
		return;
	if (w->is_endless) {
		ops_log(&ops, w->queued, started, 0, 0);
		__atomic_add_fetch(&n_done, 1, __ATOMIC_RELEASE);
		pause();
	}
	sleep_ms(run_ms);
	ended = now_ns();
	ops_log(&ops, w->queued, started, ended, ended);
	__atomic_add_fetch(&n_done, 1, __ATOMIC_RELEASE);
}

static void after(uv_work_t *request, int status)
{
	if (status == UV_ECANCELED)
		n_cancelled++;
	free(request->data);
}

static struct work *queue(int is_warm_up, int is_endless)
{
	struct work *w = calloc(1, sizeof(*w));

	w->request.data = w;
	w->is_warm_up = is_warm_up;
	w->is_endless = is_endless;
	w->queued = now_ns();
	if (uv_queue_work(uv_default_loop(), &w->request, run, after))
		die("uv_queue_work failed");
	return w;
}

static void on_timer(uv_timer_t *t)
{
	if (n_left-- > 0)
		queue(0, 0);
	else
		uv_timer_stop(t);
}

int main(void)
{
	int iters = env("ITERS"), leaks = env("LEAK"), cancels = env("CANCEL");

	run_ms = env("QUERY_MS") + env("HOLD_MS");
	n_left = iters;
	ops_open(&ops, "");
	printf("READY\n");
	wait_for_line();

	if (env("SHARED")) /* the first piece tells the function; it is not in the log, as it is not counted */
		queue(1, 0);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	sleep_ms(env("WARM_MS"));
	for (int i = 0; i < leaks; i++)
		queue(0, 1);
	uv_timer_init(uv_default_loop(), &timer);
	uv_timer_start(&timer, on_timer, 0, (uint64_t)env("THINK_MS"));
	while (__atomic_load_n(&n_done, __ATOMIC_ACQUIRE) < iters + leaks) {
		uv_run(uv_default_loop(), UV_RUN_NOWAIT);
		if (cancels > 0 && n_left < iters / 2 &&
		    !uv_cancel((uv_req_t *)&queue(0, 0)->request))
			cancels--;
		sleep_ms(0.2);
	}
	fclose(ops.out);
	printf("BOOKS {\"pool\":\"libuv\",\"kind\":\"worker\",\"library\":\"libuv\",\"capacity\":%d,"
	       "\"books\":{\"cancelled\":%d}}\n",
	       env("MAX"), n_cancelled);
	wait_for_line();
	return 0;
}
