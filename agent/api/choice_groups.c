/* SPDX-License-Identifier: MIT */
/*
 * choice_groups.c - the pools of a choice under the headings of their groups; see choice.h. The surprise: who is in one group is found by sorting and
 * not by a hash table, for the names are other people's, and who made them to collide would keep the agent busy.
 */
#include "api/choice_parts.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/choice.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

/* ---- who is in which ------------------------------------------------------------------------------------------------------- */

/* What those in one group have in common: a pid, or a name ("" = none). */
struct label {
	int32_t pid;
	const char *name;
	size_t at;	/* whose it is */
};

static struct label label_of(const struct pool_choice *c, const struct pool_row *p, size_t at)
{
	struct label l = { .name = "", .at = at };
	const char *name = !strcmp(c->group, "service") ? p->service : p->container_id;

	if (!strcmp(c->group, "process"))
		l.pid = p->pid;
	else if (name)
		l.name = name;
	return l;
}

bool is_in_group(const struct pool_choice *c, const struct pool_row *p)
{
	struct label l = label_of(c, p, 0);
	char name[TEXT_NAME_BYTES];

	if (!strcmp(c->group, "process"))
		return l.pid == strtol(c->of, NULL, 10);
	text_clean(l.name, TEXT_NAME_BYTES, name, sizeof(name));
	return !strcmp(name, c->of);
}

static int compare_labels(const struct label *a, const struct label *b)
{
	return a->pid != b->pid ? (a->pid < b->pid ? -1 : 1) : strcmp(a->name, b->name);
}

static int by_label(const void *a, const void *b)
{
	const struct label *l = a, *k = b;
	int r = compare_labels(l, k);

	return r ? r : (l->at > k->at) - (l->at < k->at);
}

/* For each pool the number of its group; groups are numbered as they come. -ENOMEM */
static int number_groups(const struct pool_choice *c, const struct ranked *pool, size_t n,
			 size_t *number, size_t *ret_n)
{
	AUTO_FREE struct label *label = calloc(n + 1, sizeof(*label));
	size_t leader = 0;

	if (!label)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		label[i] = label_of(c, pool[i].row, i);
	qsort(label, n, sizeof(*label), by_label);
	for (size_t i = 0; i < n; i++) {
		if (!i || compare_labels(&label[i - 1], &label[i]))
			leader = label[i].at;
		number[label[i].at] = leader;
	}
	*ret_n = 0;
	for (size_t i = 0; i < n; i++) /* a leader comes before those that it leads */
		number[i] = number[i] == i ? (*ret_n)++ : number[number[i]];
	return 0;
}

/* ---- what they have together ----------------------------------------------------------------------------------------------- */

static void add(int64_t *sum, int64_t n)
{
	int64_t more;

	if (n == UNKNOWN)
		return;
	if (__builtin_add_overflow(*sum == UNKNOWN ? 0 : *sum, n, &more))
		more = INT64_MAX;
	*sum = more;
}

static void add_real(double *sum, double x)
{
	if (!isnan(x))
		*sum = isnan(*sum) ? x : *sum + x;
}

static void group_begin(struct pool_group *g, const struct pool_choice *c, const struct pool_row *p)
{
	bool is_process = !strcmp(c->group, "process");
	const char *name = is_process ? p->process : label_of(c, p, 0).name;

	*g = (struct pool_group){
		.name = name && *name ? name : NULL,
		.pid = is_process ? p->pid : 0,
		.in_use = UNKNOWN,
		.capacity = UNKNOWN,
		.pending = UNKNOWN,
		.acquires = UNKNOWN,
		.timeouts = UNKNOWN,
		.acquires_per_s = NAN,
		.timeouts_per_s = NAN,
		.utilization = NAN,
		.severity = -1,
	};
}

/* `utilization` is how many items were in use, until it is divided by *items. */
static void group_add(struct pool_group *g, const struct ranked *pool, double *items)
{
	const struct pool_row *p = pool->row;

	g->n_pools++;
	g->n_sick += pool->severity > SEVERITY_INFO;
	if (pool->severity > g->severity)
		g->severity = pool->severity;
	add(&g->in_use, p->in_use);
	add(&g->capacity, p->capacity);
	add(&g->pending, p->pending);
	add(&g->acquires, p->acquires);
	add(&g->timeouts, p->timeouts);
	add_real(&g->acquires_per_s, p->acquires_per_s);
	add_real(&g->timeouts_per_s, p->timeouts_per_s);
	if (p->capacity == UNKNOWN || isnan(p->utilization))
		return;
	add_real(&g->utilization, p->utilization * (double)p->capacity);
	*items += (double)p->capacity;
}

/* Those of which a line is in the window. -ENOMEM */
static int sum_groups(const struct pool_choice *c, const struct ranked *pool, size_t n,
		      const size_t *number, size_t first, struct pools_chosen *ret)
{
	AUTO_FREE double *items = calloc(ret->n_groups + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t k = number[i] - first;

		if (number[i] < first || k >= ret->n_groups)
			continue;
		if (!ret->group[k].n_pools)
			group_begin(&ret->group[k], c, pool[i].row);
		group_add(&ret->group[k], &pool[i], &items[k]);
	}
	for (size_t k = 0; k < ret->n_groups; k++)
		ret->group[k].utilization /= items[k]; /* NaN stays */
	return 0;
}

/* ---- lines ----------------------------------------------------------------------------------------------------------------- */

/* All lines that are chosen; of a heading `pool` is NULL. */
struct line {
	const struct pool_row *pool;
	size_t group;
};

/* Room for a heading of each group and for all pools. */
static size_t draw_lines(const struct pool_choice *c, const struct ranked *pool, size_t n,
			 const size_t *number, size_t n_groups, size_t *next, struct line *line)
{
	size_t n_lines = 0;

	for (size_t i = 0; i < n && !c->is_folded; i++)
		next[number[i]]++;
	for (size_t g = 0; g < n_groups; g++) {
		size_t n_pools = next[g];

		line[n_lines].group = g;
		next[g] = n_lines + 1;
		n_lines += 1 + n_pools;
	}
	for (size_t i = 0; i < n && !c->is_folded; i++)
		line[next[number[i]]++] = (struct line){ pool[i].row, number[i] };
	return n_lines;
}

static size_t line_around(const struct pool_choice *c, const struct ranked *pool, size_t n,
			  const size_t *number, const struct line *line, size_t n_lines)
{
	size_t i = window_around(c, pool, n), at = 0;

	if (i == n)
		return n_lines;
	while (at < n_lines &&
	       (c->is_folded ? line[at].group != number[i] : line[at].pool != pool[i].row))
		at++;
	return at;
}

/* The rows of the window, and places for its groups, of which only the lines are known yet. */
static int take_lines(const struct line *line, struct window w, struct pools_chosen *ret)
{
	size_t first_group = w.n ? line[w.first].group : 0;

	ret->n_groups = w.n ? line[w.first + w.n - 1].group - first_group + 1 : 0;
	ret->row = calloc(w.n + 1, sizeof(struct pool_row *));
	ret->in = calloc(w.n + 1, sizeof(*ret->in));
	ret->group = calloc(ret->n_groups + 1, sizeof(*ret->group));
	if (!ret->row || !ret->in || !ret->group)
		return -ENOMEM;
	for (size_t i = w.first; i < w.first + w.n; i++) {
		if (!line[i].pool)
			continue;
		ret->row[ret->n] = line[i].pool;
		ret->in[ret->n++] = line[i].group - first_group;
	}
	return 0;
}

static void note_headings(const struct line *line, struct window w, struct pools_chosen *ret)
{
	for (size_t k = 0; k < ret->n_groups; k++)
		ret->group[k].line = -1;
	for (size_t i = 0; i < w.n; i++) {
		const struct line *at = &line[w.first + i];

		if (!at->pool)
			ret->group[at->group - line[w.first].group].line = (ptrdiff_t)i;
	}
}

int take_groups(const struct pool_choice *c, const struct ranked *pool, size_t n,
		struct pools_chosen *ret)
{
	AUTO_FREE size_t *number = calloc(n + 1, sizeof(*number));
	AUTO_FREE size_t *next = calloc(n + 1, sizeof(*next));
	AUTO_FREE struct line *line = calloc(2 * n + 1, sizeof(*line));
	struct window w;
	size_t n_groups;

	if (!number || !next || !line || number_groups(c, pool, n, number, &n_groups))
		return -ENOMEM;
	ret->n_chosen = n;
	ret->n_lines = draw_lines(c, pool, n, number, n_groups, next, line);
	w = window_of(c, ret->n_lines, line_around(c, pool, n, number, line, ret->n_lines));
	ret->first = w.first;
	if (take_lines(line, w, ret) ||
	    sum_groups(c, pool, n, number, w.n ? line[w.first].group : 0, ret))
		return -ENOMEM;
	note_headings(line, w, ret);
	return 0;
}
