/* SPDX-License-Identifier: MIT */
/*
 * steps.c - see steps.h. The surprise: what was decided need not be so at once. Perf uprobes come off one after the other, and none is put on before they all are; until then the target is at the
 * level that it has, and nobody takes a reading for the level that it should have.
 */
#include "probe/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/snapshot.h"
#include "probe/restart.h"

#define SHORTEST_NS 150000000 /* of a reading between ticks: /proc tells CPU time in steps of 10 ms */
#define NEAR 0.25 /* of what is always allowed: from here on CPU time is read at each tick */
#define OTHERS_TICKS 10 /* and of all others so often */
#define PIDS_MOST 512 /* of a target whose CPU time is read; of more it is taken from these */
#define FORGET_NS 60000000000

/* A process's CPU time. */
struct cpu {
	uint32_t pid;
	uint64_t ticks;
	int64_t at_ns;
	double cpus; /* over the time between the last two looks; NaN = there was one */
	int64_t over_ns; /* that time */
	UT_hash_handle hh;
};

struct step {
	uint64_t id; /* target_id() */
	struct budget budget;
	int64_t read_ns; /* the last reading */
	struct target_cost cost; /* in it */
	double long_s; /* it was about so long */
	double cpus; /* in it; NaN = not known */
	double share; /* the last that is known */
	bool is_old; /* cpus is a mean over much more than the reading */
	bool was_unsure; /* the last reading told what was taken, and not of how much */
	bool is_pending; /* what the budget says is not brought about yet */
	bool is_there;
	UT_hash_handle hh;
};

struct steps {
	struct kernel *kernel;
	struct targets *targets;
	struct budget_rules rules;
	struct trap_costs traps;
	struct step *list;
	struct cpu *cpu;
	long ticks_per_s;
	uint64_t n_ticks;
	uint64_t n_down, n_up; /* of targets that are no more */
	/* within a call */
	int64_t now_ns;
	bool is_hurried;
};

int steps_new(struct kernel *k, struct targets *t, struct steps **ret)
{
	struct steps *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->kernel = k;
	s->targets = t;
	s->ticks_per_s = sysconf(_SC_CLK_TCK);
	trap_measure(k, &s->traps);
	*ret = s;
	return 0;
}

void steps_free(struct steps *s)
{
	struct step *step, *next_step;
	struct cpu *cpu, *next_cpu;

	if (!s)
		return;
	HASH_ITER (hh, s->list, step, next_step) {
		HASH_DEL(s->list, step);
		free(step);
	}
	HASH_ITER (hh, s->cpu, cpu, next_cpu) {
		HASH_DEL(s->cpu, cpu);
		free(cpu);
	}
	free(s);
}

void steps_set_rules(struct steps *s, const struct budget_rules *rules)
{
	bool is_more = rules->share > s->rules.share || rules->floor > s->rules.floor;

	s->rules = *rules;
	for (struct step *step = s->list; is_more && step; step = step->hh.next)
		budget_try_now(&step->budget);
}

/* ---- CPU time of processes -------------------------------------------------------------------------------------------------- */

/* The name in it is the process's own choice and may look like anything, so what follows the last bracket counts. */
static int read_ticks(uint32_t pid, uint64_t *ret)
{
	unsigned long long user, system;
	char path[32], text[1024];
	AUTO_CLOSE int fd = -1;
	const char *end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			   &system) != 2)
		return -EBADMSG;
	*ret = user + system;
	return 0;
}

static struct cpu *cpu_get(struct steps *s, uint32_t pid)
{
	struct cpu *c;

	HASH_FIND(hh, s->cpu, &pid, sizeof(pid), c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->pid = pid;
	c->cpus = NAN;
	HASH_ADD(hh, s->cpu, pid, sizeof(c->pid), c);
	if (c->hh.tbl)
		return c;
	free(c);
	return NULL;
}

/* CPUs that a process takes; NaN when this is the first look at it. One that is gone takes none. */
static double cpus_of(struct steps *s, uint32_t pid)
{
	struct cpu *c = cpu_get(s, pid);
	uint64_t ticks;

	if (!c)
		return NAN;
	if (c->at_ns == s->now_ns)
		return c->cpus;
	if (read_ticks(pid, &ticks))
		return 0;
	c->cpus = c->at_ns && ticks >= c->ticks
			  ? (double)(ticks - c->ticks) / (double)s->ticks_per_s * 1e9 /
				    (double)(s->now_ns - c->at_ns)
			  : NAN;
	c->ticks = ticks;
	c->over_ns = c->at_ns ? s->now_ns - c->at_ns : 0;
	c->at_ns = s->now_ns;
	return c->cpus;
}

/* Those that are met the first time are taken for as busy as the others; NaN when that is nobody. *ret_over_ns: the longest time that one of them is a mean over. */
static double cpus_of_users(struct steps *s, const struct target_user *users, size_t n_users,
			    int64_t *ret_over_ns)
{
	size_t n_known = 0;
	double sum = 0;

	*ret_over_ns = 0;
	for (size_t i = 0; i < n_users && i < PIDS_MOST; i++) {
		double one = cpus_of(s, users[i].pid);
		const struct cpu *c;

		if (isnan(one))
			continue;
		c = cpu_get(s, users[i].pid);
		if (c && c->over_ns > *ret_over_ns)
			*ret_over_ns = c->over_ns;
		sum += one;
		n_known++;
	}
	return n_known ? sum * (double)n_users / (double)n_known : NAN;
}

static void forget_cpus(struct steps *s)
{
	struct cpu *c, *next;

	HASH_ITER (hh, s->cpu, c, next) {
		if (s->now_ns - c->at_ns < FORGET_NS)
			continue;
		HASH_DEL(s->cpu, c);
		free(c);
	}
}

/* ---- bringing about --------------------------------------------------------------------------------------------------------- */

struct change {
	struct steps *s;
	unsigned int kinds;
	int error;
};

static void learned_off(void *context, struct target *g)
{
	const struct change *c = context;

	target_off(targets_store(c->s->targets), g, c->kinds);
}

static void learned_on(void *context, struct target *g)
{
	struct change *c = context;

	if (target_is_attached(g))
		c->error = c->error ? c->error
				    : target_on(targets_store(c->s->targets), g,
						c->kinds & target_kinds(g));
}

static void learned_arm(void *context, struct target *g)
{
	const struct change *c = context;

	target_arm(targets_store(c->s->targets), g);
}

/* Also functions that were learned meanwhile. */
static void put_off(struct steps *s, struct target *g, unsigned int kinds)
{
	struct change c = { .s = s, .kinds = kinds };

	target_off(targets_store(s->targets), g, kinds);
	targets_each_learned(s->targets, g, learned_off, &c);
}

/* Of the SDK's points a process may have several targets (its libraries), and its pools are those of any. */
struct others {
	struct steps *s;
	const struct target *but;
	const struct target_user *users;
	size_t n_users;
	bool are_to_count;
};

static bool is_one_of(uint32_t pid, const struct target_user *users, size_t n_users)
{
	for (size_t i = 0; i < n_users; i++)
		if (users[i].pid == pid)
			return true;
	return false;
}

static void each_other(void *context, struct target *g, const struct target_user *users,
		       size_t n_users)
{
	const struct others *o = context;
	bool is_meant = false;

	if (g == o->but || target_domain(g) || !target_is_attached(g))
		return;
	for (size_t i = 0; i < n_users && !is_meant; i++)
		is_meant = is_one_of(users[i].pid, o->users, o->n_users);
	if (is_meant && o->are_to_count)
		target_arm(targets_store(o->s->targets), g);
	else if (is_meant)
		target_disarm(targets_store(o->s->targets), g);
}

/* While books begin anew nobody counts in them. */
static void restart(struct steps *s, struct target *g, bool were_slow_off,
		    const struct target_user *users, size_t n_users)
{
	struct others o = { .s = s, .but = g, .users = users, .n_users = n_users };

	if (!target_domain(g))
		targets_each(s->targets, each_other, &o);
	books_restart(s->kernel, target_domain(g), were_slow_off, users, n_users);
	o.are_to_count = true;
	if (!target_domain(g))
		targets_each(s->targets, each_other, &o);
}

/* All on, then the books anew, then all counts. */
static int put_on(struct steps *s, struct target *g, unsigned int kinds,
		  const struct target_user *users, size_t n_users)
{
	struct change c = { .s = s, .kinds = kinds };
	int64_t over_ns;

	c.error = target_on(targets_store(s->targets), g, kinds);
	if (!c.error)
		targets_each_learned(s->targets, g, learned_on, &c);
	if (c.error)
		return c.error;
	cpus_of_users(s, users, n_users, &over_ns); /* so that the first reading has a beginning */
	restart(s, g, kinds & TARGET_SLOW, users, n_users);
	target_arm(targets_store(s->targets), g);
	targets_each_learned(s->targets, g, learned_arm, &c);
	return 0;
}

static unsigned int kinds_of(const struct budget *b)
{
	return (budget_has_hot(b) ? TARGET_HOT : 0u) | (budget_has_slow(b) ? TARGET_SLOW : 0u);
}

static unsigned int kinds_on(const struct target_watch *w)
{
	const struct budget as = { .level = w->level, .is_on = w->is_on };

	return kinds_of(&as);
}

/* -ENOMEM. */
static int note(struct steps *s, struct target *g, const struct budget *b)
{
	struct target_watch w = *target_watch(g);

	if (w.level != b->level)
		w.on_ns = w.off_ns = 0;
	if (b->is_on && !w.is_on)
		w.on_ns = s->now_ns;
	if (!b->is_on && w.is_on)
		w.off_ns = s->now_ns;
	w.level = b->level;
	w.reason = b->reason;
	w.is_on = b->is_on;
	w.since_ns = b->since_ns;
	w.cause = b->cause;
	return targets_set_watch(s->targets, g, &w);
}

/* What the budget says, as far as that can be at once. Probes that the kernel does not take again leave the target as it was. */
static void bring_about(struct steps *s, struct step *step, struct target *g,
			const struct target_user *users, size_t n_users)
{
	struct target_watch before = *target_watch(g);
	unsigned int has = kinds_on(&before), wanted = kinds_of(&step->budget);
	int error = 0;

	put_off(s, g, ~wanted);
	if (wanted & ~has && s->is_hurried) { /* the books begin anew, so what they count is to be read just before: at the tick */
		step->is_pending = true;
		return;
	}
	if (wanted & ~has)
		error = put_on(s, g, wanted & ~has, users, n_users);
	step->is_pending = error == -EAGAIN;
	if (error && !step->is_pending) {
		put_off(s, g, ~has);
		budget_refuse(&step->budget,
			      before.level == LEVEL_SAMPLED ? LEVEL_FIELDS : before.level,
			      s->now_ns);
	}
	if (!step->is_pending)
		step->is_pending = note(s, g, &step->budget);
}

/* ---- readings --------------------------------------------------------------------------------------------------------------- */

static struct step *step_get(struct steps *s, uint64_t id)
{
	struct step *step;

	HASH_FIND(hh, s->list, &id, sizeof(id), step);
	if (step)
		return step;
	step = calloc(1, sizeof(*step));
	if (!step)
		return NULL;
	step->id = id;
	step->cpus = step->share = NAN;
	budget_begin(&step->budget);
	HASH_ADD(hh, s->list, id, sizeof(step->id), step);
	if (step->hh.tbl)
		return step;
	free(step);
	return NULL;
}

struct counting {
	struct steps *s;
	struct target_cost *cost;
};

static void count_learned(void *context, struct target *g)
{
	const struct counting *c = context;

	target_read(targets_store(c->s->targets), g, &c->s->traps, c->cost);
}

static struct target_cost read_cost(struct steps *s, struct target *g)
{
	struct target_cost cost = { 0 };
	struct counting c = { s, &cost };

	target_read(targets_store(s->targets), g, &s->traps, &cost);
	targets_each_learned(s->targets, g, count_learned, &c);
	return cost;
}

/* Costs in CPUs that are worth a look at the CPU time of the processes; of the others now and then. */
static bool is_near(const struct steps *s, double cpus)
{
	return cpus > NEAR * s->rules.floor ||
	       (cpus > 0 && !s->is_hurried && s->n_ticks % OTHERS_TICKS == 0);
}

static bool wants_reading(const struct steps *s, const struct step *step)
{
	int64_t ago_ns = s->now_ns - step->read_ns;

	if (!s->is_hurried)
		return true;
	if (step->is_pending)
		return false;
	if (step->budget.level == LEVEL_SAMPLED)
		return step->budget.is_on && ago_ns >= BUDGET_WINDOW_NS;
	if (step->budget.level != LEVEL_FULL && !step->budget.is_trial)
		return false; /* more is tried at a tick */
	return ago_ns >= BUDGET_WINDOW_NS || (step->budget.is_trial && ago_ns >= SHORTEST_NS &&
					      s->now_ns - step->budget.since_ns < BUDGET_WINDOW_NS);
}

static void take_reading(struct steps *s, struct step *step, struct target *g,
			 const struct target_user *users, size_t n_users)
{
	int64_t long_ns = step->read_ns ? s->now_ns - step->read_ns : 0, over_ns = 0;
	double watching;

	step->cost = read_cost(s, g);
	step->read_ns = s->now_ns;
	step->long_s = (double)long_ns / 1e9;
	if (!long_ns) { /* the first: since when it counts is not known */
		cpus_of_users(s, users, n_users, &over_ns);
		return;
	}
	watching = (step->cost.hot_s + step->cost.slow_s) / step->long_s;
	step->cpus = is_near(s, watching) ? cpus_of_users(s, users, n_users, &over_ns) : NAN;
	step->is_old = over_ns > 2 * long_ns;
	if (step->cpus >= 0)
		step->share = fmin(watching / fmax(step->cpus, watching), 1);
	else if (!(watching > 0))
		step->share = 0;
}

/*
 * The CPU time of its processes is not known, or that of a minute that was mostly calm: the next reading has it. But where watching takes more than all CPUs may there is nothing to be known; and
 * processes that are new at each reading are believed at the second.
 */
static bool is_unsure(const struct steps *s, struct step *step, double watching_s)
{
	double most_s = BUDGET_AT_ONCE * s->rules.share * fmax(s->rules.cpus, 1) * step->long_s;

	step->was_unsure = !step->was_unsure && (isnan(step->cpus) || step->is_old) &&
			   watching_s > NEAR * s->rules.floor * step->long_s &&
			   watching_s <= most_s;
	return step->was_unsure;
}

static void each_target(void *context, struct target *g, const struct target_user *users,
			size_t n_users)
{
	struct steps *s = context;
	struct step *step = target_is_attached(g) ? step_get(s, target_id(g)) : NULL;
	unsigned int on = kinds_on(target_watch(g)); /* others may hit while they come off, which is not what this level costs */
	struct budget_reading r;

	if (!step)
		return;
	step->is_there = true;
	if (!wants_reading(s, step))
		return;
	take_reading(s, step, g, users, n_users);
	if (step->is_pending) {
		bring_about(s, step, g, users, n_users);
		return;
	}
	r = (struct budget_reading){ .t_ns = s->now_ns,
				     .long_ns = (int64_t)(step->long_s * 1e9),
				     .hot_s = on & TARGET_HOT ? step->cost.hot_s : 0,
				     .slow_s = on & TARGET_SLOW ? step->cost.slow_s : 0,
				     .cpu_s = step->cpus * step->long_s,
				     .has_hot = target_kinds(g) & TARGET_HOT,
				     .has_slow = target_kinds(g) & TARGET_SLOW };
	if (is_unsure(s, step, r.hot_s + r.slow_s))
		return;
	if (budget_tick(&step->budget, &s->rules, &r))
		bring_about(s, step, g, users, n_users);
}

static void sweep(struct steps *s)
{
	struct step *step, *next;

	HASH_ITER (hh, s->list, step, next) {
		if (step->is_there) {
			step->is_there = false;
			continue;
		}
		s->n_down += step->budget.n_down;
		s->n_up += step->budget.n_up;
		HASH_DEL(s->list, step);
		free(step);
	}
}

void steps_tick(struct steps *s, int64_t now_ns)
{
	s->now_ns = now_ns;
	s->is_hurried = false;
	targets_each(s->targets, each_target, s);
	sweep(s);
	if (s->n_ticks++ % OTHERS_TICKS == 0)
		forget_cpus(s);
}

void steps_hurry(struct steps *s, int64_t now_ns)
{
	bool is_any = false;

	s->now_ns = now_ns;
	s->is_hurried = true;
	for (const struct step *step = s->list; step && !is_any; step = step->hh.next)
		is_any = wants_reading(s, step);
	if (!is_any)
		return;
	targets_each(s->targets, each_target, s);
	for (struct step *step = s->list; step; step = step->hh.next)
		step->is_there = false;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

struct filling {
	const struct steps *s;
	struct arena *arena;
	struct target_row *rows;
	size_t n;
	int error;
};

static double added(double a, double b)
{
	return isnan(a) ? b : isnan(b) ? a : a + b;
}

/* Files of one path, as of two containers, are one row: the one that is watched less says how, and what they cost is added. */
static void row_join(struct target_row *row, const struct target_row *more)
{
	struct target_row both = more->level > row->level ? *more : *row;

	both.hits_per_s = added(row->hits_per_s, more->hits_per_s);
	both.watching_cpus = added(row->watching_cpus, more->watching_cpus);
	both.cpus = added(row->cpus, more->cpus);
	both.share = fmax(row->share, more->share);
	both.n_down = row->n_down + more->n_down;
	both.n_up = row->n_up + more->n_up;
	both.n_processes = row->n_processes + more->n_processes;
	*row = both;
}

/* The last row. */
static void row_settle(struct filling *f)
{
	const struct target_row *last = &f->rows[f->n - 1];

	if (!last->file || !last->source) {
		f->error = -ENOMEM;
		return;
	}
	for (struct target_row *row = f->rows; row < last; row++)
		if (!strcmp(row->file, last->file) && !strcmp(row->source, last->source)) {
			row_join(row, last);
			f->n--;
			return;
		}
}

static void each_row(void *context, struct target *g, const struct target_user *users,
		     size_t n_users)
{
	struct filling *f = context;
	const struct target_watch *w = target_watch(g);
	uint64_t id = target_id(g);
	struct target_row *row = &f->rows[f->n];
	const struct step *step;

	(void)users;
	HASH_FIND(hh, f->s->list, &id, sizeof(id), step);
	if (!step)
		return;
	f->n++;
	*row = (struct target_row){
		.file = arena_strdup(f->arena, target_path(g)),
		.source = arena_strdup(f->arena, target_source(g)),
		.level = w->level,
		.reason = w->reason,
		.since_ns = w->since_ns ? w->since_ns : UNKNOWN,
		.try_ns = w->level != LEVEL_FULL ? step->budget.try_ns : UNKNOWN,
		.period_s = w->level == LEVEL_SAMPLED ? (double)step->budget.period_ns / 1e9 : NAN,
		.hits_per_s = step->long_s > 0 ? (double)step->cost.hits / step->long_s : NAN,
		.watching_cpus = step->long_s > 0
					 ? (step->cost.hot_s + step->cost.slow_s) / step->long_s
					 : NAN,
		.cpus = step->cpus,
		.share = step->share,
		.cause = w->cause,
		.n_down = step->budget.n_down,
		.n_up = step->budget.n_up,
		.n_processes = (int32_t)n_users,
	};
	row_settle(f);
}

int steps_fill(const struct steps *s, struct snapshot *to)
{
	struct filling f = { .s = s, .arena = to->arena };

	to->budget = (struct budget_row){
		.share = s->rules.share > 0 ? s->rules.share : NAN,
		.agent_share = NAN,
		.trap_s = s->traps.emulated_s,
		.stepped_trap_s = s->traps.stepped_s,
		.is_trap_measured = s->traps.is_measured,
		.tick_s = NAN,
		.n_down = s->n_down,
		.n_up = s->n_up,
	};
	f.rows = arena_alloc(to->arena, HASH_COUNT(s->list) + 1, sizeof(*f.rows));
	if (!f.rows)
		return -ENOMEM;
	targets_each(s->targets, each_row, &f);
	to->targets = f.rows;
	to->n_targets = f.n;
	for (size_t i = 0; i < f.n; i++) {
		to->budget.n_down += f.rows[i].n_down;
		to->budget.n_up += f.rows[i].n_up;
	}
	return f.error;
}
