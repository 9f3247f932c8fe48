/* SPDX-License-Identifier: MIT */
/*
 * agent.c - the parts put together around one epoll loop: library loads, the tick, the stories, HTTP.
 *
 * The surprise: the tick is a timer that is allowed to be late; nothing depends on its length, since every rate is over the time
 * that really passed.
 */
#include "cmd/agent_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/meter.h"
#include "base/remote.h"
#include "base/text.h"
#include "cmd/evidence.h"
#include "cmd/flight.h"
#include "cmd/host.h"
#include "cmd/loaded.h"
#include "cmd/rights.h"
#include "config/config.h"
#include "detect/detect.h"
#include "exporters/otlp.h"
#include "ingest/ingest.h"
#include "model/model.h"
#include "probe/chosen.h"
#include "probe/kernel.h"
#include "probe/steps.h"
#include "probe/targets.h"
#include "probe/watch.h"
#include "symbolize/stacks.h"

#define DRAIN_MS 100
#define DRAINS_PER_TICK 10
#define FINISH_MS 2000	/* for what is still to be sent over OTLP at the end */

/* ---- descriptors -------------------------------------------------------------------------------------------------------- */

int agent_watch_for(struct agent *a, int fd)
{
	struct epoll_event interest = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &interest) ? -errno : 0;
}

void agent_unwatch(struct agent *a, int fd)
{
	epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

static int open_loop(struct agent *a)
{
	struct itimerspec every = { .it_interval.tv_nsec = DRAIN_MS * 1000000,
				    .it_value.tv_nsec = 1 };
	int error;

	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	a->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (a->epoll_fd < 0 || a->timer_fd < 0 || a->stop_fd < 0 ||
	    timerfd_settime(a->timer_fd, 0, &every, NULL))
		return -errno;
	error = agent_watch_for(a, a->timer_fd);
	if (!error)
		error = agent_watch_for(a, a->stop_fd);
	if (!error)
		error = agent_watch_for(a, watch_fd(a->watch));
	if (!error && a->server)
		error = agent_watch_for(a, server_fd(a->server));
	if (!error && a->otlp)
		error = agent_watch_for(a, otlp_fd(a->otlp));
	return error;
}

/* Once a second, or less often where the agent's budget says so; the first at once. */
static bool is_tick_due(struct agent *a)
{
	unsigned int s = a->own_budget.tick_s ? a->own_budget.tick_s : 1;

	return a->drains++ >= s * DRAINS_PER_TICK - 1 || !a->ticks || ingest_is_pressed(a->ingest);
}

static void on_timer(struct agent *a)
{
	uint64_t n;

	if (read(a->timer_fd, &n, sizeof(n)) != sizeof(n))
		return;
	targets_learn(a->targets);
	stacks_tick(a->stacks, clock_ns(CLOCK_MONOTONIC));
	flight_go_on(a->flight);
	if (is_tick_due(a)) {
		agent_tick(a);
		a->drains = 0;
	} else {
		ingest_drain(a->ingest);
	}
	steps_hurry(a->steps, clock_ns(CLOCK_MONOTONIC));
}

static int time_left_ms(int64_t until_ns)
{
	int64_t left = until_ns - clock_ns(CLOCK_MONOTONIC);

	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

/* With fd, which is -1 otherwise, an end is what is read there, and a signal. */
static int run(struct agent *a, int ms, int fd)
{
	int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (int64_t)ms * 1000000;
	struct epoll_event events[16];

	a->is_stopped = false;
	while (!a->is_stopped) {
		int timeout = ms < 0 ? -1 : time_left_ms(until_ns);
		int n;

		if (ms >= 0 && timeout == 0)
			return 0;
		if (a->server) {
			int wish = server_timeout_ms(a->server);

			if (wish >= 0 && (timeout < 0 || wish < timeout))
				timeout = wish;
		}
		n = epoll_wait(a->epoll_fd, events, 16, timeout);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0 && fd >= 0)
			a->is_stopped = true;
		if (a->is_reload_wanted)
			agent_reload_now(a);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == a->timer_fd)
				on_timer(a);
			else if (events[i].data.fd == a->stop_fd)
				a->is_stopped = true;
			else if (events[i].data.fd == watch_fd(a->watch))
				watch_run(a->watch);
			else if (events[i].data.fd == otlp_fd(a->otlp))
				otlp_run(a->otlp, clock_ns(CLOCK_MONOTONIC));
			else if (events[i].data.fd == fd &&
				 events[i].events & (EPOLLHUP | EPOLLERR))
				agent_unwatch(a, fd); /* nobody is there any more: it would be an end again and again */
			else if (events[i].data.fd == fd)
				a->is_stopped = true;
		}
		if (a->server)
			server_run(a->server);
	}
	return 0;
}

int agent_run_for(struct agent *a, int ms)
{
	return run(a, ms, -1);
}

int agent_run_for_or(struct agent *a, int ms, int fd)
{
	int r;

	if (agent_watch_for(a, fd))
		return run(a, ms, -1); /* a file: it would never wait */
	r = run(a, ms, fd);
	agent_unwatch(a, fd);
	return r;
}

void agent_reload(struct agent *a)
{
	a->is_reload_wanted = 1;
}

void agent_want_stacks(struct agent *a, uint64_t pool)
{
	if (a->snapshot)
		evidence_want(a->stacks, a->snapshot, pool, clock_ns(CLOCK_MONOTONIC));
}

int agent_record(struct agent *a, const char *what, struct buffer *ret)
{
	return flight_read(a->flight, what, clock_ns(CLOCK_MONOTONIC), ret);
}

void agent_stop(struct agent *a)
{
	uint64_t one = 1;
	int saved = errno;

	if (write(a->stop_fd, &one, sizeof(one)) != sizeof(one))
		a->is_stopped = true;
	errno = saved;
}

const struct snapshot *agent_snapshot(struct agent *a)
{
	return a->snapshot;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------- */

static void want_stacks(void *agent, uint64_t pool)
{
	agent_want_stacks(agent, pool);
}

static int record(void *agent, const char *what, struct buffer *ret)
{
	return agent_record(agent, what, ret);
}

static void tell(void *agent, const char *text)
{
	const struct agent *a = agent;
	char clean[1024];

	text_clean(text, SIZE_MAX, clean, sizeof(clean));
	if (a->is_logging)
		fprintf(stderr, "poolscope run: %s\n", clean);
}

static int open_server(struct agent *a, const struct agent_options *o, struct diag *d)
{
	struct server_options options = {
		.listen_address =
			o->listen_address ? o->listen_address : a->loaded->config.listen_address,
		.socket_path = o->socket_path ? o->socket_path : a->loaded->config.socket_path,
		.web_config_file =
			o->web_config_file ? o->web_config_file : a->loaded->config.web_config_file,
		.prometheus = agent_prometheus_options(a),
		.want_stacks = want_stacks,
		.record = record,
		.tell = tell,
		.context = a,
	};

	if (options.listen_address && !options.listen_address[0] && options.socket_path &&
	    !options.socket_path[0])
		return 0;
	return server_new(&options, &a->server, d);
}

static int open_flight(struct agent *a, const struct agent_options *o,
		       const struct detect_limits *limits)
{
	const struct flight_options options = {
		.is_off = o->in_process || a->loaded->config.is_flight_off,
		.is_logging = o->is_logging,
		.minutes = a->loaded->config.flight_minutes,
		.megabytes = a->loaded->config.flight_megabytes,
		.files = a->loaded->config.flight_files,
		.folder = a->loaded->config.flight_folder,
		.limits = *limits,
	};

	return flight_new(a->model, &options, &a->flight);
}

static int open_parts(struct agent *a, const struct agent_options *o, struct diag *d)
{
	static const enum kernel_traffic traffic[] = {
		[CONFIG_TRAFFIC_AUTO] = KERNEL_TRAFFIC_AUTO,
		[CONFIG_TRAFFIC_LENGTHS] = KERNEL_TRAFFIC_LENGTHS,
		[CONFIG_TRAFFIC_FUNCTIONS] = KERNEL_TRAFFIC_FUNCTIONS,
		[CONFIG_TRAFFIC_NONE] = KERNEL_TRAFFIC_NONE,
	};
	const struct kernel_limits limits = {
		.pools = a->loaded->config.limit_pools,
		.pools_per_process = a->loaded->config.limit_pools_per_process,
		.leases = a->loaded->config.limit_leases,
		.taken = a->loaded->config.limit_taken_stacks,
		.is_taken_off = a->loaded->config.taken_stacks == CONFIG_TAKEN_NONE,
		.is_taken_always = a->loaded->config.taken_stacks == CONFIG_TAKEN_ALL,
		.waiters = a->loaded->config.limit_waiters,
		.processes = a->loaded->config.limit_processes,
		.sockets = a->loaded->config.limit_sockets,
		.endpoints = a->loaded->config.limit_endpoints,
		.threads = a->loaded->config.limit_threads,
		.no_progress_ms = a->loaded->config.no_progress_ms,
		.traffic = traffic[a->loaded->config.traffic],
		.is_perf_forced = a->loaded->config.probe_method == CONFIG_PROBE_PERF,
	};
	int error = open_server(a, o, d); /* first: a second agent on this host must not attach anything */

	meter_tell(o->meter, "loading the kernel side", 0, 0);
	if (!error)
		error = kernel_load(&limits, &a->kernel, d);
	if (error)
		return error;
	agent_set_limits(a);
	error = chosen_new(a->kernel, &a->loaded->choose, &a->chosen);
	if (error)
		return diag_set(d, error, "out of memory");
	kernel_attach_hooks(a->kernel); /* what fails shows in doctor */
	a->model = model_new();
	a->stacks = stacks_new(kernel_registers_fd(a->kernel),
			       kernel_map_fd(a->kernel, KERNEL_MAP_TAKEN));
	if (!a->model || !a->stacks || detect_new(&a->limits, &a->detect) ||
	    open_flight(a, o, &a->limits))
		return diag_set(d, -ENOMEM, "out of memory");
	error = targets_new(a->kernel, &a->targets);
	if (!error)
		error = steps_new(a->kernel, a->targets, &a->steps);
	if (!error)
		error = ingest_new(a->kernel, a->model, a->targets, a->chosen, &a->ingest);
	if (error)
		return diag_set(d, error, "starting failed: %s", strerror(-error));
	agent_set_budget(a);
	agent_read_recipes(a);
	a->otlp_of = a->loaded;
	error = agent_open_otlp(a);
	if (!error)
		error = watch_new(a->targets, a->chosen, o->meter, &a->watch);
	if (!error)
		error = open_loop(a);
	return error ? diag_set(d, error, "starting failed: %s", strerror(-error)) : 0;
}

int agent_new(const struct agent_options *options, struct agent **ret, struct diag *d)
{
	struct agent *a = calloc(1, sizeof(*a));
	int error;

	if (!a)
		return diag_set(d, -ENOMEM, "out of memory");
	a->epoll_fd = a->timer_fd = a->stop_fd = -1;
	a->is_logging = options->is_logging;
	a->is_service = !options->in_process;
	a->began_ns = clock_ns(CLOCK_MONOTONIC);
	a->options = *options;
	error = host_check_pids("/proc", d);
	if (!error)
		error = loaded_read(options->config_file, LOADED_FILE_AND_ENVIRONMENT,
				    options->in_process ? NULL : agent_warn, &a->loaded, d);
	if (!error)
		a->reloaded_wall_s = (double)clock_ns(CLOCK_REALTIME) / 1e9;
	if (!error)
		error = open_parts(a, options, d);
	if (error) {
		agent_free(a);
		return error;
	}
	*ret = a;
	return 0;
}

/* Perf uprobes ask for CAP_SYS_ADMIN each time that one is attached. */
void agent_give_up_rights(struct agent *a)
{
	const char *flight = a->loaded->config.flight_folder,
		   *socket = a->server ? server_socket(a->server) : NULL;
	char of_socket[PATH_MAX] = "/";
	const char *folders[] = { flight ? flight : FLIGHT_FOLDER, of_socket, NULL };
	int error;

	if (socket && strrchr(socket, '/'))
		snprintf(of_socket, sizeof(of_socket), "%.*s/",
			 (int)(strrchr(socket, '/') - socket), socket);
	remote_done(); /* the next reader has the rights that are kept */
	error = rights_give_up(!kernel_has_uprobe_multi(a->kernel), folders);
	if (error)
		fprintf(stderr, "poolscope run: it keeps capabilities that it does not need: %s\n",
			strerror(-error));
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	server_free(a->server);
	otlp_finish(a->otlp, a->snapshot, FINISH_MS);
	otlp_free(a->otlp);
	snapshot_unref(a->snapshot);
	watch_free(a->watch);
	stacks_free(a->stacks);
	ingest_free(a->ingest);
	remote_done();
	steps_free(a->steps);
	targets_free(a->targets);
	flight_free(a->flight);
	model_free(a->model);
	detect_free(a->detect);
	chosen_free(a->chosen);
	kernel_free(a->kernel);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	if (a->timer_fd >= 0)
		close(a->timer_fd);
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	if (a->otlp_of != a->loaded)
		loaded_free(a->otlp_of);
	loaded_free(a->loaded);
	free(a);
}
