/* SPDX-License-Identifier: MIT */
/*
 * agent.c - the parts put together around one epoll loop: library loads, the tick, the stories, HTTP.
 *
 * The surprise: the tick is a timer that is allowed to be late; nothing depends on its length, since every rate is over the time
 * that really passed.
 */
#include "cmd/agent.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/evidence.h"
#include "cmd/findings_log.h"
#include "cmd/flight.h"
#include "cmd/settings.h"
#include "probe/watch.h"
#include "config/config.h"
#include "detect/detect.h"
#include "ingest/ingest.h"
#include "ingest/process_info.h"
#include "model/model.h"
#include "probe/kernel.h"
#include "probe/targets.h"
#include "symbolize/stacks.h"

#define DRAIN_MS 100
#define DRAINS_PER_TICK 10

struct agent {
	struct config config;
	struct kernel *kernel;
	struct targets *targets;
	struct watch *watch;
	struct model *model;
	struct ingest *ingest;
	struct stacks *stacks;
	struct flight *flight;
	struct server *server; /* NULL = nobody is served */
	const struct snapshot *snapshot;
	struct detect *detect;
	int epoll_fd, timer_fd, stop_fd;
	const char *recipe_folders; /* borrowed from the options or the configuration */
	struct arena *settings_arena;
	const struct setting_row *settings; /* of all snapshots: they hold while the agent runs */
	size_t n_settings;
	bool is_stopped, is_logging;
	volatile sig_atomic_t is_reload_wanted;
	unsigned int drains;
	uint64_t ticks;
	int64_t last_tick_ns;
	double tick_s, longest_tick_s, longest_tick_cpu_s;
};

static int64_t clock_ns(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the snapshot ------------------------------------------------------------------------------------------------------ */

static void probe_stat(void *context, uint32_t probe, struct probe_row *row)
{
	ingest_probe_stat(context, probe, row);
}

static uint64_t rss_bytes(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size = 0, resident = 0;

	if (!f || fscanf(f, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void fill_agent_row(struct agent *a, struct snapshot *s)
{
	const struct ingest_report *r = ingest_report(a->ingest);
	struct agent_row *row = &s->agent;
	struct rusage usage;
	int64_t run_ns = kernel_run_ns(a->kernel);

	getrusage(RUSAGE_SELF, &usage);
	row->cpu_user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
	row->cpu_system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	row->bpf_run_s = run_ns < 0 ? NAN : (double)run_ns / 1e9;
	row->rss_bytes = rss_bytes();
	row->stacks_taken = stacks_report(a->stacks)->n_taken;
	row->stacks_cpu_s = stacks_report(a->stacks)->cpu_s;
	memcpy(row->losses, r->losses, sizeof(row->losses));
	row->losses[PS_LOSS_stacks_refused] += stacks_report(a->stacks)->n_refused;
	row->losses[PS_LOSS_stacks_failed] += stacks_report(a->stacks)->n_failed;
	memcpy(row->stories, r->stories, sizeof(row->stories));
	row->n_targets = (int32_t)targets_n_attached(a->targets);
	row->n_targets_failed = (int32_t)targets_n_failed(a->targets);
	row->n_processes = (int32_t)r->n_processes;
	row->n_unseen = r->n_unseen;
	row->tick_s = a->tick_s;
	row->longest_tick_s = a->longest_tick_s;
	row->longest_tick_cpu_s = a->longest_tick_cpu_s;
	row->ticks = a->ticks;
	row->probe_hits = targets_gone_hits(a->targets);
	for (size_t i = 0; i < s->n_probes; i++)
		row->probe_hits += s->probes[i].shares_hits ? 0 : s->probes[i].hits;
}

static int fill_tables(struct agent *a, struct snapshot *s)
{
	static const enum kernel_map shown[] = { KERNEL_MAP_PROCS,     KERNEL_MAP_POOLS,
						 KERNEL_MAP_LEASES,    KERNEL_MAP_WAITERS,
						 KERNEL_MAP_ENDPOINTS, KERNEL_MAP_LISTENERS,
						 KERNEL_MAP_GIVEN_UPS, KERNEL_MAP_UNIX,
						 KERNEL_MAP_TAKEN,     KERNEL_MAP_LOCKS };
	const size_t n = sizeof(shown) / sizeof(*shown);
	struct table_row *rows = arena_alloc(s->arena, n + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct table_row){ .name = kernel_map_name(shown[i]),
					      .used = ingest_report(a->ingest)->used[shown[i]],
					      .limit = kernel_map_limit(a->kernel, shown[i]) };
	rows[n] = (struct table_row){ .name = "threads",
				      .used = kernel_n_threads(a->kernel),
				      .limit = kernel_threads_limit(a->kernel) };
	s->tables = rows;
	s->n_tables = n + 1;
	return 0;
}

static void add_check(struct snapshot *s, struct check_row *rows, const char *name,
		      enum check_state state, const char *found, const char *advice)
{
	rows[s->n_checks++] = (struct check_row){
		.name = name, .state = state, .found = found, .advice = advice
	};
}

static uint64_t total_losses(const struct ingest_report *r)
{
	uint64_t n = 0;

	for (int i = 0; i < PS_LOSS_COUNT; i++)
		n += r->losses[i];
	return n;
}

static void add_recipe_check(struct snapshot *s, struct check_row *rows)
{
	size_t n_wrong = 0, n_used = 0;

	for (size_t i = 0; i < s->n_recipes; i++) {
		n_wrong += s->recipes[i].problem != NULL;
		n_used += s->recipes[i].n_files > 0;
	}
	add_check(s, rows, "recipes", n_wrong ? CHECK_NOTE : CHECK_OK,
		  arena_printf(s->arena,
			       "%zu libraries known, %zu of them in use, %zu with problems",
			       s->n_recipes, n_used, n_wrong),
		  n_wrong ? "`poolscope recipes` and `poolscope probes` have the reasons" : NULL);
}

static void add_flight_check(struct agent *a, struct snapshot *s, struct check_row *rows)
{
	const char *problem, *state = flight_state(a->flight, s->arena, &problem);

	if (problem)
		add_check(s, rows, "flight recorder", CHECK_NOTE,
			  arena_printf(s->arena, "%s; %s", state, problem),
			  "files need [record] flight_folder, see poolscope.conf(5)");
	else
		add_check(s, rows, "flight recorder", CHECK_OK, state, NULL);
}

static int fill_checks(struct agent *a, struct snapshot *s)
{
	struct check_row *rows = arena_alloc(s->arena, 10, sizeof(*rows));
	const struct ingest_report *r = ingest_report(a->ingest);
	size_t failed = targets_n_failed(a->targets);
	struct utsname uts;

	if (!rows)
		return -ENOMEM;
	s->checks = rows;
	uname(&uts);
	add_check(s, rows, "kernel", CHECK_OK, arena_printf(s->arena, "%s, with BTF", uts.release),
		  NULL);
	if (kernel_has_uprobe_multi(a->kernel))
		add_check(s, rows, "uprobe method", CHECK_OK,
			  "uprobe_multi: attach and detach in milliseconds", NULL);
	else
		add_check(s, rows, "uprobe method", CHECK_NOTE,
			  "perf uprobes: each takes about 0.1 s to detach",
			  "a kernel from 6.6 on has uprobe_multi links");
	if (!kernel_hook_error(a->kernel))
		add_check(s, rows, "sockets and processes", CHECK_OK, "BTF tracepoints", NULL);
	else
		add_check(s, rows, "sockets and processes", CHECK_BAD,
			  arena_strdup(s->arena, kernel_hook_error(a->kernel)),
			  "socket pools are incomplete on this kernel");
	if (kernel_traffic_tier(a->kernel))
		add_check(s, rows, "traffic and waits", CHECK_OK, kernel_traffic_tier(a->kernel),
			  NULL);
	else
		add_check(
			s, rows, "traffic and waits", CHECK_NOTE,
			"not seen: who uses a connection, and who waits for one, is not inferred",
			"a kernel from 6.3 on tells the lengths on sockets; before, it must be able to trace functions (fentry)");
	if (!watch_problem(a->watch))
		add_check(s, rows, "library loads", CHECK_OK,
			  "told by the kernel (perf mmap records)", NULL);
	else
		add_check(
			s, rows, "library loads", CHECK_NOTE,
			arena_strdup(s->arena, watch_problem(a->watch)),
			"give the agent CAP_PERFMON; until then /proc is looked through every two seconds");
	add_check(s, rows, "targets", failed ? CHECK_NOTE : CHECK_OK,
		  arena_printf(s->arena, "%zu files attached, %zu failed, %zu processes",
			       targets_n_attached(a->targets), failed, watch_n_processes(a->watch)),
		  failed ? "`poolscope probes` has the reasons" : NULL);
	add_recipe_check(s, rows);
	add_check(s, rows, "losses", total_losses(r) ? CHECK_NOTE : CHECK_OK,
		  arena_printf(s->arena, "%llu events refused or lost",
			       (unsigned long long)total_losses(r)),
		  total_losses(r) ? "the list below says what each means" : NULL);
	add_check(s, rows, "socket inventory", CHECK_OK,
		  arena_printf(s->arena, "a pass takes %.1f ms", r->inventory_s * 1e3), NULL);
	add_flight_check(a, s, rows);
	return 0;
}

static int fill_snapshot(struct agent *a, struct snapshot *s, int64_t now_ns)
{
	char host[256] = "?";

	gethostname(host, sizeof(host) - 1);
	s->n_refs = 1;
	s->seq = a->ticks;
	s->t_ns = now_ns;
	s->wall_ns = clock_ns(CLOCK_REALTIME);
	s->window_s = a->last_tick_ns ? (double)(now_ns - a->last_tick_ns) / 1e9 : NAN;
	s->host = arena_strdup(s->arena, host);
	s->version = POOLSCOPE_VERSION;
	s->settings = a->settings;
	s->n_settings = a->n_settings;
	if (model_snapshot(a->model, s, flight_name_thread, a->flight) ||
	    targets_rows(a->targets, s->arena, probe_stat, a->ingest, &s->probes, &s->n_probes) ||
	    targets_recipe_rows(a->targets, s->arena, &s->recipes, &s->n_recipes) ||
	    fill_tables(a, s) || fill_checks(a, s) || evidence_fill(a->stacks, s, now_ns))
		return -ENOMEM;
	fill_agent_row(a, s);
	s->agent.losses[PS_LOSS_suspects_full] += detect_n_refused(a->detect);
	s->agent.losses[PS_LOSS_records_left_out] += flight_n_left_out(a->flight);
	return detect_tick(a->detect, s, flight_thread_facts, a->flight);
}

/* Of pools with which something may be wrong more is kept of where their items are taken. */
static void tell_suspicions(struct agent *a, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (p->key.proc.tgid && p->is_doubted != p->is_suspected)
			kernel_suspect(a->kernel, &p->key, p->is_doubted);
	}
}

/* ---- the tick ---------------------------------------------------------------------------------------------------------- */

static void tick(struct agent *a)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct arena *arena = arena_new();
	struct snapshot *s = arena ? arena_alloc(arena, 1, sizeof(*s)) : NULL;

	watch_tick(a->watch);
	targets_sweep(a->targets);
	ingest_tick(a->ingest, now_ns);
	a->ticks++;
	if (!s) {
		arena_free(arena);
		return; /* out of memory: the old snapshot stays */
	}
	s->arena = arena;
	if (fill_snapshot(a, s, now_ns)) {
		arena_free(arena);
		return;
	}
	flight_tick_end(a->flight, s);
	snapshot_unref(a->snapshot);
	a->snapshot = s;
	if (a->server)
		server_set_snapshot(a->server, s);
	evidence_want_findings(a->stacks, s, now_ns);
	tell_suspicions(a, s);
	if (a->is_logging)
		findings_log(s);
	a->last_tick_ns = now_ns;
	a->tick_s = (double)(clock_ns(CLOCK_MONOTONIC) - now_ns) / 1e9;
	cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	a->longest_tick_s = fmax(a->longest_tick_s, a->tick_s);
	a->longest_tick_cpu_s = fmax(a->longest_tick_cpu_s, (double)cpu_ns / 1e9);
}

/* ---- recipes ----------------------------------------------------------------------------------------------------------- */

static void read_recipes(struct agent *a)
{
	struct recipes recipes;

	if (recipes_read(a->recipe_folders, &recipes))
		return; /* out of memory: the old ones stay */
	if (recipes_enable(&recipes, a->config.recipes_enabled)) {
		recipes_done(&recipes);
		return;
	}
	recipes.is_fields_only = a->config.is_fields_only;
	targets_set_recipes(a->targets, &recipes);
}

void agent_reload(struct agent *a)
{
	a->is_reload_wanted = 1;
}

static void reload(struct agent *a)
{
	a->is_reload_wanted = 0;
	read_recipes(a);
	watch_look_again(a->watch);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

static int watch_for(struct agent *a, int fd)
{
	struct epoll_event interest = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &interest) ? -errno : 0;
}

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
	error = watch_for(a, a->timer_fd);
	if (!error)
		error = watch_for(a, a->stop_fd);
	if (!error)
		error = watch_for(a, watch_fd(a->watch));
	if (!error && a->server)
		error = watch_for(a, server_fd(a->server));
	return error;
}

static void on_timer(struct agent *a)
{
	uint64_t n;

	if (read(a->timer_fd, &n, sizeof(n)) != sizeof(n))
		return;
	targets_learn(a->targets);
	stacks_tick(a->stacks, clock_ns(CLOCK_MONOTONIC));
	flight_go_on(a->flight);
	if (a->drains++ % DRAINS_PER_TICK == 0 || ingest_is_pressed(a->ingest))
		tick(a);
	else
		ingest_drain(a->ingest);
}

static int time_left_ms(int64_t until_ns)
{
	int64_t left = until_ns - clock_ns(CLOCK_MONOTONIC);

	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

int agent_run_for(struct agent *a, int ms)
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
		if (a->is_reload_wanted)
			reload(a);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == a->timer_fd)
				on_timer(a);
			else if (events[i].data.fd == a->stop_fd)
				a->is_stopped = true;
			else if (events[i].data.fd == watch_fd(a->watch))
				watch_run(a->watch);
		}
		if (a->server)
			server_run(a->server);
	}
	return 0;
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

static int open_server(struct agent *a, const struct agent_options *o, struct diag *d)
{
	struct server_options options = {
		.listen_address = o->listen_address ? o->listen_address : a->config.listen_address,
		.socket_path = o->socket_path ? o->socket_path : a->config.socket_path,
		.want_stacks = want_stacks,
		.record = record,
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
		.is_off = o->in_process || a->config.is_flight_off,
		.is_logging = o->is_logging,
		.minutes = a->config.flight_minutes,
		.megabytes = a->config.flight_megabytes,
		.files = a->config.flight_files,
		.folder = a->config.flight_folder,
		.limits = *limits,
	};

	return flight_new(a->model, &options, &a->flight);
}

/* Once: nothing of it changes until the agent ends. */
static int make_settings(struct agent *a, const struct agent_options *o,
			 const struct detect_limits *wrong)
{
	const struct config options = { .listen_address = (char *)o->listen_address,
					.socket_path = (char *)o->socket_path,
					.recipe_folders = (char *)o->recipe_folders };
	const struct config *file = &a->config;
	struct kernel_limits k;
	struct config effect = *file;

#define FIRST_OF(member, otherwise)                                                                \
	(options.member ? options.member : file->member ? file->member : (char *)(otherwise))
	kernel_limits_read(a->kernel, &k);
	effect.listen_address = FIRST_OF(listen_address, SERVER_LISTEN_ADDRESS);
	effect.socket_path = FIRST_OF(socket_path, SERVER_SOCKET_PATH);
	effect.recipe_folders = (char *)a->recipe_folders;
	effect.recipe_mode_text = FIRST_OF(recipe_mode_text, "full");
	effect.probe_method_text = FIRST_OF(probe_method_text, "auto");
	effect.traffic_text = FIRST_OF(traffic_text, "auto");
	effect.limit_pools = k.pools;
	effect.limit_pools_per_process = k.pools_per_process;
	effect.limit_leases = k.leases;
	effect.limit_waiters = k.waiters;
	effect.limit_processes = k.processes;
	effect.limit_sockets = k.sockets;
	effect.limit_endpoints = k.endpoints;
	effect.limit_threads = k.threads;
	effect.no_progress_ms = k.no_progress_ms;
	effect.leak_seconds = (uint32_t)(wrong->leak_ns / 1000000000);
	effect.wait_seconds = (uint32_t)(wrong->wait_ns / 1000000000);
	effect.flight_text = o->in_process ? (char *)"off" : FIRST_OF(flight_text, "on");
	effect.flight_folder = FIRST_OF(flight_folder, FLIGHT_FOLDER);
	effect.flight_minutes = file->flight_minutes ? file->flight_minutes : FLIGHT_MINUTES;
	effect.flight_megabytes =
		file->flight_megabytes ? file->flight_megabytes : FLIGHT_MEGABYTES;
	effect.flight_files = file->flight_files ? file->flight_files : FLIGHT_FILES;
#undef FIRST_OF
	a->settings_arena = arena_new();
	return a->settings_arena ? settings_fill(a->settings_arena, file, &options, &effect,
						 &a->settings, &a->n_settings)
				 : -ENOMEM;
}

static int open_parts(struct agent *a, const struct agent_options *o, struct diag *d)
{
	const struct kernel_limits limits = {
		.pools = a->config.limit_pools,
		.pools_per_process = a->config.limit_pools_per_process,
		.leases = a->config.limit_leases,
		.taken = a->config.limit_taken_stacks,
		.is_taken_off = a->config.taken_stacks == CONFIG_TAKEN_NONE,
		.is_taken_always = a->config.taken_stacks == CONFIG_TAKEN_ALL,
		.waiters = a->config.limit_waiters,
		.processes = a->config.limit_processes,
		.sockets = a->config.limit_sockets,
		.endpoints = a->config.limit_endpoints,
		.threads = a->config.limit_threads,
		.no_progress_ms = a->config.no_progress_ms,
		.is_traffic_off = a->config.is_traffic_off,
		.is_perf_forced = a->config.probe_method == CONFIG_PROBE_PERF,
	};
	struct detect_limits wrong = detect_limits_default;
	int error = open_server(a, o, d); /* first: a second agent on this host must not attach anything */

	if (!error)
		error = kernel_load(&limits, &a->kernel, d);
	if (error)
		return error;
	if (a->config.leak_seconds)
		wrong.leak_ns = (int64_t)a->config.leak_seconds * 1000000000;
	if (a->config.wait_seconds)
		wrong.wait_ns = (int64_t)a->config.wait_seconds * 1000000000;
	kernel_attach_hooks(a->kernel); /* what fails shows in doctor */
	a->model = model_new();
	a->stacks = stacks_new(kernel_registers_fd(a->kernel),
			       kernel_map_fd(a->kernel, KERNEL_MAP_TAKEN));
	if (!a->model || !a->stacks || detect_new(&wrong, &a->detect) || open_flight(a, o, &wrong))
		return diag_set(d, -ENOMEM, "out of memory");
	error = targets_new(a->kernel, &a->targets);
	if (!error)
		error = ingest_new(a->kernel, a->model, a->targets, &a->ingest);
	if (error)
		return diag_set(d, error, "starting failed: %s", strerror(-error));
	a->recipe_folders = o->recipe_folders          ? o->recipe_folders
			    : a->config.recipe_folders ? a->config.recipe_folders
						       : recipes_default_folders();
	read_recipes(a);
	error = make_settings(a, o, &wrong);
	if (!error)
		error = watch_new(a->targets, &a->watch);
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
	error = config_read(options->config_file, &a->config, d);
	if (!error)
		error = open_parts(a, options, d);
	if (error) {
		agent_free(a);
		return error;
	}
	*ret = a;
	return 0;
}

void agent_free(struct agent *a)
{
	if (!a)
		return;
	server_free(a->server);
	snapshot_unref(a->snapshot);
	watch_free(a->watch);
	stacks_free(a->stacks);
	ingest_free(a->ingest);
	targets_free(a->targets);
	flight_free(a->flight);
	model_free(a->model);
	detect_free(a->detect);
	kernel_free(a->kernel);
	arena_free(a->settings_arena);
	if (a->epoll_fd >= 0)
		close(a->epoll_fd);
	if (a->timer_fd >= 0)
		close(a->timer_fd);
	if (a->stop_fd >= 0)
		close(a->stop_fd);
	config_done(&a->config);
	free(a);
}
