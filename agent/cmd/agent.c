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
#include <pwd.h>
#include <signal.h>
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
#include "base/arena.h"
#include "base/diag.h"
#include "base/meter.h"
#include "base/text.h"
#include "cmd/evidence.h"
#include "cmd/findings_log.h"
#include "cmd/flight.h"
#include "cmd/host.h"
#include "cmd/loaded.h"
#include "cmd/notify.h"
#include "cmd/pages.h"
#include "cmd/rights.h"
#include "cmd/self.h"
#include "cmd/settings.h"
#include "config/choose.h"
#include "config/config.h"
#include "detect/detect.h"
#include "exporters/otlp.h"
#include "exporters/otlp_settings.h"
#include "ingest/ingest.h"
#include "model/model.h"
#include "model/pace.h"
#include "probe/chosen.h"
#include "probe/kernel.h"
#include "probe/targets.h"
#include "probe/watch.h"
#include "symbolize/stacks.h"

#define DRAIN_MS 100
#define DRAINS_PER_TICK 10
#define PAGES_TICKS 60	/* so often pages that only the start needed, or a command, are given back, */
#define PAGES_FIRST 3	/* and first when all that runs is attached to */
#define FINISH_MS 2000	/* for what is still to be sent over OTLP at the end */

struct agent {
	struct agent_options options; /* its strings are borrowed */
	struct loaded *loaded;
	struct loaded *otlp_of; /* whose settings the exporter has; that one, or one before */
	double reloaded_wall_s; /* when it was read */
	bool is_reload_bad; /* it was read once more since, and had a mistake */
	struct kernel *kernel;
	struct chosen *chosen;
	struct targets *targets;
	struct watch *watch;
	struct model *model;
	struct ingest *ingest;
	struct stacks *stacks;
	struct flight *flight;
	struct server *server; /* NULL = nobody is served */
	struct otlp *otlp; /* NULL = nothing is sent */
	const struct snapshot *snapshot;
	struct detect *detect;
	int epoll_fd, timer_fd, stop_fd;
	const char *recipe_folders; /* borrowed from the options or the configuration */
	struct detect_limits limits;
	bool is_stopped, is_logging;
	bool is_service; /* a manager of services may want to hear of it */
	bool is_ready;	/* and has heard */
	volatile sig_atomic_t is_reload_wanted;
	unsigned int drains;
	uint64_t ticks;
	int64_t began_ns, last_tick_ns;
	struct pace_mark pace;
	double tick_s, longest_tick_s, longest_tick_cpu_s;
	struct loss_time loss_times[PS_LOSS_COUNT];
	uint64_t losses_before[PS_LOSS_COUNT];
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

static int fill_self(struct agent *a, struct snapshot *s)
{
	const struct self self = {
		.kernel = a->kernel,
		.targets = a->targets,
		.watch = a->watch,
		.ingest = a->ingest,
		.stacks = a->stacks,
		.flight = a->flight,
		.detect = a->detect,
		.server = a->server,
		.otlp = a->otlp,
		.ticks = a->ticks,
		.tick_s = a->tick_s,
		.longest_tick_s = a->longest_tick_s,
		.longest_tick_cpu_s = a->longest_tick_cpu_s,
		.loss_times = a->loss_times,
		.losses_before = a->losses_before,
		.config_file = a->options.config_file ? a->options.config_file : CONFIG_FILE,
		.n_left_out = kernel_n_left_out(a->kernel),
		.is_choosing = chosen_is_on(a->chosen),
		.is_reloaded = !a->is_reload_bad,
		.reloaded_wall_s = a->reloaded_wall_s,
	};

	return self_fill(&self, s);
}

/* Anew each time, since a reload changes them, and who has an older snapshot still reads its own. */
static int fill_settings(const struct agent *a, struct snapshot *s)
{
	const struct config *c = &a->loaded->config;
	struct label_row *labels = arena_alloc(s->arena, CONFIG_LABELS, sizeof(*labels));
	struct kernel_limits in_effect;

	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_labels; i++) {
		labels[i].name = arena_strdup(s->arena, c->label[i].name);
		labels[i].value = arena_strdup(s->arena, c->label[i].value);
		if (!labels[i].name || !labels[i].value)
			return -ENOMEM;
	}
	s->labels = labels;
	s->n_labels = c->n_labels;
	kernel_limits_read(a->kernel, &in_effect);
	return settings_make(s->arena, a->loaded, &a->options, a->recipe_folders, &in_effect,
			     &a->limits, &s->settings, &s->n_settings);
}

static int fill_snapshot(struct agent *a, struct snapshot *s, int64_t now_ns)
{
	char host[256] = "?";

	gethostname(host, sizeof(host) - 1);
	s->n_refs = 1;
	s->seq = a->ticks;
	s->t_ns = now_ns;
	s->wall_ns = clock_ns(CLOCK_REALTIME) - (clock_ns(CLOCK_MONOTONIC) - now_ns);
	s->window_s = a->last_tick_ns ? (double)(now_ns - a->last_tick_ns) / 1e9 : NAN;
	s->host = arena_strdup(s->arena, host);
	s->version = POOLSCOPE_VERSION;
	if (fill_settings(a, s) || model_snapshot(a->model, s, flight_name_thread, a->flight) ||
	    targets_rows(a->targets, s->arena, probe_stat, a->ingest, &s->probes, &s->n_probes) ||
	    targets_recipe_rows(a->targets, s->arena, &s->recipes, &s->n_recipes) ||
	    fill_self(a, s) || evidence_fill(a->stacks, s, now_ns))
		return -ENOMEM;
	pace_fill(&a->pace, s);
	s->pace.uptime_s = (double)(now_ns - a->began_ns) / 1e9;
	return detect_tick(a->detect, s, flight_thread_facts, a->flight);
}

#define NOTABLE_TOLD_PER_TICK 500	/* some us each; the others are told by the next ticks */

/* Of pools with which something may be wrong more is kept of where their items are taken; and of each the slowest waits and holds are told. */
static void tell_suspicions(struct agent *a, const struct snapshot *s)
{
	unsigned int n_told = 0;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (!p->key.proc.tgid)
			continue;
		if (p->is_doubted != p->is_suspected ||
		    (p->notable != p->notable_told && n_told++ < NOTABLE_TOLD_PER_TICK))
			kernel_suspect(a->kernel, &p->key, p->is_doubted, p->notable);
	}
}

/* Takes it over; NULL = there is none now. */
static void set_snapshot(struct agent *a, const struct snapshot *s)
{
	snapshot_unref(a->snapshot);
	a->snapshot = s;
	if (a->server)
		server_set_snapshot(a->server, s);
}

static void tell_manager(struct agent *a)
{
	if (!a->is_service)
		return;
	if (!a->is_ready)
		notify_ready();
	a->is_ready = true;
	notify_alive();
}

/* ---- the tick ---------------------------------------------------------------------------------------------------------- */

static void tick(struct agent *a)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	struct arena *arena = arena_new();
	struct snapshot *s = arena ? arena_alloc(arena, 1, sizeof(*s)) : NULL;

	watch_tick(a->watch);
	targets_sweep(a->targets);
	set_snapshot(a, NULL); /* its histograms change; and of many pools two at once would be the most that the agent needs */
	ingest_tick(a->ingest, now_ns);
	a->ticks++;
	if (s)
		s->arena = arena;
	if (!s || fill_snapshot(a, s, now_ns)) {
		arena_free(arena);
		return; /* out of memory: there is none until the next tick, and who asks is told so */
	}
	flight_tick_end(a->flight, s);
	set_snapshot(a, s);
	evidence_want_findings(a->stacks, s, now_ns);
	tell_suspicions(a, s);
	otlp_tick(a->otlp, s);
	if (a->is_logging)
		findings_log(s);
	if (a->ticks % PAGES_TICKS == PAGES_FIRST)
		pages_give_back();
	a->last_tick_ns = now_ns;
	a->tick_s = (double)(clock_ns(CLOCK_MONOTONIC) - now_ns) / 1e9;
	cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	a->longest_tick_s = fmax(a->longest_tick_s, a->tick_s);
	a->longest_tick_cpu_s = fmax(a->longest_tick_cpu_s, (double)cpu_ns / 1e9);
	tell_manager(a);
}

/* ---- descriptors -------------------------------------------------------------------------------------------------------- */

static int watch_for(struct agent *a, int fd)
{
	struct epoll_event interest = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, fd, &interest) ? -errno : 0;
}

static void unwatch(struct agent *a, int fd)
{
	epoll_ctl(a->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* ---- what the configuration says ---------------------------------------------------------------------------------------- */

static void warn(void *unused, const char *text)
{
	(void)unused;
	fprintf(stderr, "poolscope: %s\n", text);
}

static int open_otlp(struct agent *a)
{
	const struct otlp_settings *settings = &a->otlp_of->otlp;

	for (int i = 0; i < OTLP_SIGNALS; i++)
		if (settings->signal[i].url)
			return otlp_new(settings, clock_ns(CLOCK_REALTIME), &a->otlp);
	return 0;
}

static void set_limits(struct agent *a)
{
	const struct config *c = &a->loaded->config;

	a->limits = detect_limits_default;
	if (c->leak_seconds)
		a->limits.leak_ns = (int64_t)c->leak_seconds * 1000000000;
	if (c->wait_seconds)
		a->limits.wait_ns = (int64_t)c->wait_seconds * 1000000000;
}

static void set_recipe_folders(struct agent *a)
{
	const char *own = a->loaded->config.recipe_folders;

	a->recipe_folders = a->options.recipe_folders ? a->options.recipe_folders
			    : own                     ? own
						      : recipes_default_folders();
}

static struct prometheus_options prometheus_options(const struct agent *a)
{
	return (struct prometheus_options){ .has_pid = a->loaded->config.has_pid_label,
					    .max_series = a->loaded->config.web_max_series };
}

/* ---- recipes ----------------------------------------------------------------------------------------------------------- */

static void read_recipes(struct agent *a)
{
	struct recipes recipes;

	if (recipes_read(a->recipe_folders, &recipes))
		return; /* out of memory: the old ones stay */
	if (recipes_enable(&recipes, a->loaded->config.recipes_enabled)) {
		recipes_done(&recipes);
		return;
	}
	recipes.is_fields_only = a->loaded->config.is_fields_only;
	targets_set_recipes(a->targets, &recipes);
}

void agent_reload(struct agent *a)
{
	a->is_reload_wanted = 1;
}

/* A restart would make it hold; until then the old value does. */
static void tell_kept(void *agent, const char *section, const char *name)
{
	const struct agent *a = agent;

	if (a->is_logging)
		fprintf(stderr,
			"poolscope run: [%s] %s has changed: it needs a restart, and until then the old value holds\n",
			section, name);
}

static void tell_bad(const struct agent *a, const struct diag *d)
{
	char clean[sizeof(d->file) + sizeof(d->text) + 32], text[sizeof(clean)];

	if (d->line)
		snprintf(text, sizeof(text), "%s:%u: %s", d->file, d->line, d->text);
	else
		snprintf(text, sizeof(text), "%s%s%s", d->file, d->file[0] ? ": " : "", d->text);
	text_clean(text, SIZE_MAX, clean, sizeof(clean));
	if (a->is_logging)
		fprintf(stderr, "poolscope run: %s; the configuration from before holds\n", clean);
}

/* Whoever was to be told over OTLP by the old settings is told no more; what still waited is dropped with them. */
static void reload_otlp(struct agent *a, const struct loaded *before)
{
	struct loaded *used = a->otlp_of;

	if (config_is_same(&before->config, &a->loaded->config, "otlp") &&
	    config_is_same(&before->config, &a->loaded->config, "labels"))
		return;
	if (a->otlp)
		unwatch(a, otlp_fd(a->otlp));
	otlp_free(a->otlp);
	a->otlp = NULL;
	a->otlp_of = a->loaded;
	if (used != before)
		loaded_free(used);
	if (open_otlp(a) || (a->otlp && watch_for(a, otlp_fd(a->otlp))))
		fprintf(stderr,
			"poolscope run: nothing is sent over OTLP: out of memory or descriptors\n");
}

/* All that may change while the agent runs. */
static void take_over(struct agent *a, struct loaded *fresh)
{
	struct loaded *before = a->loaded;

	a->loaded = fresh;
	set_limits(a);
	detect_set_limits(a->detect, &a->limits);
	if (a->server) {
		const struct prometheus_options prometheus = prometheus_options(a);

		server_set_prometheus(a->server, &prometheus);
	}
	chosen_set_rules(a->chosen, &fresh->choose);
	set_recipe_folders(a);
	read_recipes(a);
	reload_otlp(a, before);
	if (a->otlp_of != before)
		loaded_free(before);
}

static void reload_config(struct agent *a)
{
	struct loaded *fresh = NULL;
	struct diag d = { 0 };
	int error =
		loaded_read(a->options.config_file, LOADED_FILE_AND_ENVIRONMENT, warn, &fresh, &d);

	if (!error && loaded_keep(fresh, a->loaded, tell_kept, a)) {
		loaded_free(fresh);
		error = diag_set(&d, -ENOMEM, "out of memory");
	}
	a->is_reload_bad = error;
	if (error) {
		tell_bad(a, &d);
		read_recipes(a);
		return;
	}
	a->reloaded_wall_s = (double)clock_ns(CLOCK_REALTIME) / 1e9;
	take_over(a, fresh);
}

static void reload(struct agent *a)
{
	a->is_reload_wanted = 0;
	if (a->is_ready)
		notify_reloading();
	reload_config(a);
	watch_look_again(a->watch);
	if (a->is_ready)
		notify_ready();
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
	error = watch_for(a, a->timer_fd);
	if (!error)
		error = watch_for(a, a->stop_fd);
	if (!error)
		error = watch_for(a, watch_fd(a->watch));
	if (!error && a->server)
		error = watch_for(a, server_fd(a->server));
	if (!error && a->otlp)
		error = watch_for(a, otlp_fd(a->otlp));
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
			reload(a);
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
				unwatch(a, fd); /* nobody is there any more: it would be an end again and again */
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

	if (watch_for(a, fd))
		return run(a, ms, -1); /* a file: it would never wait */
	r = run(a, ms, fd);
	unwatch(a, fd);
	return r;
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
		.prometheus = prometheus_options(a),
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
	set_limits(a);
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
		error = ingest_new(a->kernel, a->model, a->targets, a->chosen, &a->ingest);
	if (error)
		return diag_set(d, error, "starting failed: %s", strerror(-error));
	set_recipe_folders(a);
	read_recipes(a);
	a->otlp_of = a->loaded;
	error = open_otlp(a);
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
				    options->in_process ? NULL : warn, &a->loaded, d);
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
