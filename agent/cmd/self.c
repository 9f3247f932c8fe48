/* SPDX-License-Identifier: MIT */
/* self.c - see self.h. The surprise: the agent's row counts hits by those of the probes, so these must be in the snapshot before. */
#include "cmd/self.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/server.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/remote.h"
#include "cmd/flight.h"
#include "detect/detect.h"
#include "exporters/otlp.h"
#include "ingest/ingest.h"
#include "model/snapshot.h"
#include "probe/kernel.h"
#include "probe/targets.h"
#include "probe/watch.h"
#include "symbolize/stacks.h"

static uint64_t rss_bytes(void)
{
	AUTO_FCLOSE FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size = 0, resident = 0;

	if (!f || fscanf(f, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void fill_agent_row(const struct self *self, struct snapshot *s)
{
	const struct ingest_report *r = ingest_report(self->ingest);
	struct agent_row *row = &s->agent;
	struct rusage usage;
	int64_t run_ns = kernel_run_ns(self->kernel);

	getrusage(RUSAGE_SELF, &usage);
	row->cpu_user_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
	row->cpu_system_s = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6 +
			    (double)remote_report()->cpu_ns / 1e9;
	row->bpf_run_s = run_ns < 0 ? NAN : (double)run_ns / 1e9;
	row->rss_bytes = rss_bytes();
	row->stacks_taken = stacks_report(self->stacks)->n_taken;
	row->stacks_cpu_s = stacks_report(self->stacks)->cpu_s;
	memcpy(row->losses, r->losses, sizeof(row->losses));
	row->losses[PS_LOSS_stacks_refused] += stacks_report(self->stacks)->n_refused;
	row->losses[PS_LOSS_stacks_failed] += stacks_report(self->stacks)->n_failed;
	memcpy(row->stories, r->stories, sizeof(row->stories));
	row->n_targets = (int32_t)targets_n_attached(self->targets);
	row->n_targets_failed = (int32_t)targets_n_failed(self->targets);
	row->n_processes = (int32_t)r->n_processes;
	row->n_left_out = self->n_left_out;
	row->is_reloaded = self->is_reloaded;
	row->reloaded_wall_s = self->reloaded_wall_s;
	row->n_unseen = r->n_unseen;
	row->n_pools_cut = r->n_pools_cut;
	row->tick_s = self->tick_s;
	row->longest_tick_s = self->longest_tick_s;
	row->longest_tick_cpu_s = self->longest_tick_cpu_s;
	row->ticks = self->ticks;
	row->losses[PS_LOSS_suspects_full] += detect_n_refused(self->detect);
	row->losses[PS_LOSS_records_left_out] += flight_n_left_out(self->flight);
	if (self->server) {
		memcpy(row->http_requests, server_requests(self->server),
		       sizeof(row->http_requests));
		row->http_unauthorized = row->http_requests[HTTP_unauthorized];
		row->http_refused = row->http_requests[HTTP_over_rate] +
				    row->http_requests[HTTP_passwords_busy] +
				    row->http_requests[HTTP_bad_config];
	}
	row->probe_hits = targets_gone_hits(self->targets);
	for (size_t i = 0; i < s->n_probes; i++)
		row->probe_hits += s->probes[i].shares_hits ? 0 : s->probes[i].hits;
}

static int fill_tables(const struct self *self, struct snapshot *s)
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
					      .used = ingest_report(self->ingest)->used[shown[i]],
					      .limit = kernel_map_limit(self->kernel, shown[i]) };
	rows[n] = (struct table_row){ .name = "threads",
				      .used = kernel_n_threads(self->kernel),
				      .limit = kernel_threads_limit(self->kernel) };
	s->tables = rows;
	s->n_tables = n + 1;
	return 0;
}

static void add_check(struct snapshot *s, struct check_row *rows, const char *name,
		      const char *found)
{
	rows[s->n_checks++] = (struct check_row){ .name = name, .state = CHECK_OK, .found = found };
}

/* One that is not fine. */
static void add_problem(struct snapshot *s, struct check_row *rows, const char *name,
			enum check_state state, const char *found, const char *costs,
			const char *advice)
{
	rows[s->n_checks++] = (struct check_row){
		.name = name, .state = state, .found = found, .advice = advice, .costs = costs
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
	const char *found;

	for (size_t i = 0; i < s->n_recipes; i++) {
		n_wrong += s->recipes[i].problem != NULL;
		n_used += s->recipes[i].n_files > 0;
	}
	found = arena_printf(s->arena, "%zu libraries known, %zu of them in use, %zu with problems",
			     s->n_recipes, n_used, n_wrong);
	if (n_wrong)
		add_problem(s, rows, "recipes", CHECK_LOOK, found,
			    "pools of those libraries are not seen by them",
			    "`poolscope recipes` and `poolscope probes` have the reasons");
	else
		add_check(s, rows, "recipes", found);
}

/* Who may ask. */
static void add_socket_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	const char *path = self->server ? server_socket(self->server) : NULL, *problem;

	if (!path)
		return;
	problem = server_group_problem(self->server);
	if (problem)
		add_problem(
			s, rows, "who may ask", CHECK_LOOK,
			arena_printf(s->arena, "the agent's user alone, on %s: %s", path, problem),
			"nobody else can look when it is needed",
			"`groupadd --system poolscope`, `usermod -aG poolscope USER`, then start the agent again");
	else
		add_check(s, rows, "who may ask",
			  arena_printf(s->arena, "the agent's user and the group poolscope, on %s",
				       path));
}

static void add_flight_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	const char *problem, *state = flight_state(self->flight, s->arena, &problem);

	if (problem)
		add_problem(s, rows, "flight recorder", CHECK_LOOK,
			    arena_printf(s->arena, "%s; %s", state, problem),
			    "the minutes before something critical are in no file",
			    "see flight_folder and flight_megabytes in poolscope.conf(5)");
	else
		add_check(s, rows, "flight recorder", state);
}

static int fill_pushes(const struct self *self, struct snapshot *s)
{
	struct push_row *rows = arena_alloc(s->arena, OTLP_SIGNALS, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	s->n_pushes = otlp_rows(self->otlp, rows);
	s->pushes = rows;
	return 0;
}

static void add_kernel_checks(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	const char *hooks = kernel_hook_error(self->kernel),
		   *traffic = kernel_traffic_tier(self->kernel);
	struct utsname uts;

	uname(&uts);
	add_check(s, rows, "kernel", arena_printf(s->arena, "%s, with BTF", uts.release));
	if (kernel_has_uprobe_multi(self->kernel))
		add_check(s, rows, "uprobe method",
			  "uprobe_multi: attach and detach in milliseconds");
	else
		add_problem(s, rows, "uprobe method", CHECK_LOOK, "perf uprobes",
			    "each takes about 0.1 s to detach, also when the agent ends",
			    "a kernel from 6.6 on has uprobe_multi links");
	if (!hooks)
		add_check(s, rows, "sockets and processes", "BTF tracepoints");
	else
		add_problem(
			s, rows, "sockets and processes", CHECK_BAD, arena_strdup(s->arena, hooks),
			"socket pools are incomplete on this kernel",
			"boot a kernel from 5.15 on with BTF, and see that no other program denies BPF (lockdown, LSM)");
	if (traffic)
		add_check(s, rows, "traffic and waits", traffic);
	else
		add_problem(
			s, rows, "traffic and waits", CHECK_LOOK, "not seen",
			"who uses a connection, and who waits for one, is not inferred",
			"a kernel from 6.3 on tells the lengths on sockets; before, it must be able to trace functions (fentry)");
}

static void add_target_checks(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	size_t failed = targets_n_failed(self->targets);
	const char *found = arena_printf(s->arena, "%zu files attached, %zu failed, %zu processes",
					 targets_n_attached(self->targets), failed,
					 watch_n_processes(self->watch));

	if (!watch_problem(self->watch))
		add_check(s, rows, "library loads", "told by the kernel (perf mmap records)");
	else
		add_problem(
			s, rows, "library loads", CHECK_LOOK,
			arena_strdup(s->arena, watch_problem(self->watch)),
			"/proc is looked through every two seconds, and short programs are missed",
			"give the agent CAP_PERFMON");
	if (failed)
		add_problem(s, rows, "targets", CHECK_LOOK, found,
			    "the pools in those files are not seen by their probes",
			    "`poolscope probes` has the reasons");
	else
		add_check(s, rows, "targets", found);
}

/* What is dearest, and who is watched less. */
static void add_budget_check(struct snapshot *s, struct check_row *rows)
{
	const struct budget_row *b = &s->budget;
	const struct target_row *dearest = NULL;
	const char *trap = arena_printf(s->arena, "a hit of a probe costs %.0f ns and more here%s",
					b->trap_s * 1e9,
					b->is_trap_measured ? "" : " (assumed, not measured)"),
		   *found;
	size_t n_down = 0;

	for (size_t i = 0; i < s->n_targets; i++) {
		const struct target_row *t = &s->targets[i];

		n_down += t->level != LEVEL_FULL;
		if (t->share > 0 && (!dearest || t->share > dearest->share))
			dearest = t;
	}
	found = dearest ? arena_printf(
				  s->arena,
				  "%s; at most they take %.2g%% of a program's CPU time: %s in %s",
				  trap, 100 * dearest->share, dearest->source, dearest->file)
			: trap;
	if (b->tick_s > 1)
		found = arena_printf(
			s->arena,
			"%s; the agent looks every %.0f s, else it would take more than %.0f%% of a CPU",
			found, b->tick_s, 100 * b->agent_share);
	if (n_down)
		add_problem(
			s, rows, "budget", CHECK_LOOK,
			arena_printf(s->arena, "%s; %zu of %zu targets are not watched in full",
				     found, n_down, s->n_targets),
			"of their pools less is known, and each says what",
			"`poolscope probes` says why, and when more is tried; [budget] in poolscope.conf(5) allows more");
	else
		add_check(s, rows, "budget", found);
}

static void add_loss_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	uint64_t n = total_losses(ingest_report(self->ingest));

	if (n)
		add_problem(s, rows, "losses", CHECK_LOOK,
			    arena_printf(s->arena, "%llu events refused or lost",
					 (unsigned long long)n),
			    "what each means is told below",
			    "the list below says what helps against each");
	else
		add_check(s, rows, "losses", "nothing was refused or lost");
}

static const char *value_of(const struct snapshot *s, const char *section, const char *name)
{
	for (size_t i = 0; i < s->n_settings; i++)
		if (!strcmp(s->settings[i].section, section) && !strcmp(s->settings[i].name, name))
			return s->settings[i].value;
	return NULL;
}

static void add_listener_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	const char *address = value_of(s, "web", "listen_address"), *found;
	const uint64_t *n;
	uint64_t n_refused;

	if (!self->server || !server_port(self->server, 0)) {
		add_check(s, rows, "prometheus", "off: nothing listens for who scrapes");
		return;
	}
	n = server_requests(self->server);
	n_refused = n[HTTP_unauthorized] + n[HTTP_over_rate] + n[HTTP_passwords_busy] +
		    n[HTTP_sending_full] + n[HTTP_bad_config];
	found = arena_printf(s->arena, "http(s)://%s/metrics, %llu requests refused",
			     address ? address : "?", (unsigned long long)n_refused);
	if (n[HTTP_bad_config])
		add_problem(s, rows, "prometheus", CHECK_BAD, found,
			    "nobody can scrape: the file of web.config_file cannot be used",
			    "`poolscope run --check-config` says what is wrong with it");
	else if (n_refused)
		add_problem(s, rows, "prometheus", CHECK_LOOK, found,
			    "who was refused has no metrics",
			    "compare the password there with the file of web.config_file");
	else
		add_check(s, rows, "prometheus", found);
}

static void add_choice_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	if (!self->is_choosing)
		add_check(s, rows, "chosen processes", "all are watched");
	else
		add_check(s, rows, "chosen processes",
			  arena_printf(s->arena,
				       "%u are left out by [processes] of the configuration",
				       self->n_left_out));
}

static void add_reload_check(const struct self *self, struct snapshot *s, struct check_row *rows)
{
	if (self->is_reloaded)
		return;
	add_problem(
		s, rows, "reload", CHECK_LOOK,
		"the configuration had a mistake when it was read again",
		"the one from before holds",
		"`poolscope run --check-config` says where; then: sudo systemctl reload poolscope");
}

#define CHECKS_MOST 16

static int fill_checks(const struct self *self, struct snapshot *s)
{
	struct check_row *rows = arena_alloc(s->arena, CHECKS_MOST, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	s->checks = rows;
	add_kernel_checks(self, s, rows);
	add_target_checks(self, s, rows);
	add_budget_check(s, rows);
	add_recipe_check(s, rows);
	add_loss_check(self, s, rows);
	add_choice_check(self, s, rows);
	add_reload_check(self, s, rows);
	add_check(s, rows, "socket inventory",
		  arena_printf(s->arena, "a pass takes %.1f ms",
			       ingest_report(self->ingest)->inventory_s * 1e3));
	add_socket_check(self, s, rows);
	add_flight_check(self, s, rows);
	add_listener_check(self, s, rows);
	otlp_check(self->otlp, s->t_ns, s->arena, &rows[s->n_checks++]);
	return 0;
}

/* Of which something is lost since the last tick that was lost about now. */
static int fill_loss_times(const struct self *self, struct snapshot *s)
{
	struct loss_time *times = arena_alloc(s->arena, PS_LOSS_COUNT, sizeof(*times));

	if (!times)
		return -ENOMEM;
	for (int i = 0; i < PS_LOSS_COUNT; i++) {
		struct loss_time *t = &self->loss_times[i];

		if (s->agent.losses[i] > self->losses_before[i]) {
			t->last_ns = s->wall_ns;
			if (!t->first_ns)
				t->first_ns = s->wall_ns;
		}
		self->losses_before[i] = s->agent.losses[i];
		times[i] = *t;
	}
	s->loss_times = times;
	return 0;
}

int self_fill(const struct self *self, struct snapshot *s)
{
	int error = fill_tables(self, s);

	if (!error)
		error = fill_pushes(self, s);
	if (!error)
		error = fill_checks(self, s);
	if (error)
		return error;
	fill_agent_row(self, s);
	s->agent_pid = (int32_t)getpid();
	s->config_file = arena_strdup(s->arena, self->config_file);
	return fill_loss_times(self, s);
}
