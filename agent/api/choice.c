/* SPDX-License-Identifier: MIT */
/*
 * choice.c - see choice.h. The surprise: what a pool is compared by is put beside it once, before it is sorted; a quantile read at each comparison
 * would take longer than all the rest.
 */
#include "api/choice.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/choice_parts.h"
#include "api/json_parts.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/text.h"
#include "model/snapshot.h"

#define FULL_NAME_BYTES (2 * TEXT_NAME_BYTES + 1)
#define N_NUMBERS 5

/* ---- the question behind a path -------------------------------------------------------------------------------------------- */

#define WORD(word) word,
static const char *const orders[] = { POOL_ORDERS(WORD) };
static const char *const groups[] = { POOL_GROUPS(WORD) };
#undef WORD

static int read_word(const char *value, const char *const *words, size_t n, const char **ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(value, words[i]) != 0)
			continue;
		*ret = words[i];
		return 0;
	}
	return -EINVAL;
}

static int read_number(const char *value, uint64_t most, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || *end || n > most)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int read_bool(const char *value, bool *ret)
{
	uint64_t n;
	int r = read_number(value, 1, &n);

	if (!r)
		*ret = n;
	return r;
}

int choice_set(struct pool_choice *c, const char *key, const char *value)
{
	uint64_t n = 0;
	int r = 0;

	if (!strcmp(key, "pid")) {
		r = read_number(value, INT32_MAX, &n);
		c->pid = (int32_t)n;
	} else if (!strcmp(key, "kind")) {
		c->kind = value;
	} else if (!strcmp(key, "pool")) {
		c->pool = value;
	} else if (!strcmp(key, "text")) {
		c->text = value;
	} else if (!strcmp(key, "sick")) {
		r = read_bool(value, &c->is_sick);
	} else if (!strcmp(key, "sort")) {
		r = read_word(value, orders, sizeof(orders) / sizeof(orders[0]), &c->order);
	} else if (!strcmp(key, "reverse")) {
		r = read_bool(value, &c->is_reversed);
	} else if (!strcmp(key, "first")) {
		r = read_number(value, UINT64_MAX, &c->first);
	} else if (!strcmp(key, "limit")) {
		r = read_number(value, UINT64_MAX, &c->limit);
	} else if (!strcmp(key, "around")) {
		r = read_number(value, UINT64_MAX, &c->around);
	} else if (!strcmp(key, "group")) {
		r = read_word(value, groups, sizeof(groups) / sizeof(groups[0]), &c->group);
	} else if (!strcmp(key, "folded")) {
		r = read_bool(value, &c->is_folded);
	} else if (!strcmp(key, "of")) {
		c->of = value;
	} else if (!strcmp(key, "trend")) {
		r = read_bool(value, &c->with_trend);
	} else if (!strcmp(key, "summary")) {
		r = read_bool(value, &c->with_summary);
	} else {
		r = -EINVAL;
	}
	return r;
}

int choice_check(const struct pool_choice *c)
{
	uint64_t pid;

	if (!c->group)
		return c->is_folded || c->of ? -EINVAL : 0;
	if (!c->of || strcmp(c->group, "process") != 0)
		return 0;
	return read_number(c->of, INT32_MAX, &pid);
}

/* RFC 3986, 2.3: all but the unreserved characters are encoded. */
static void write_text(struct buffer *ret, const char *key, const char *value)
{
	if (!value)
		return;
	buffer_printf(ret, "&%s=", key);
	for (; *value; value++) {
		if (isalnum((unsigned char)*value) || strchr("-._~", *value))
			buffer_add(ret, value, 1);
		else
			buffer_printf(ret, "%%%02X", (unsigned int)(unsigned char)*value);
	}
}

static void write_number(struct buffer *ret, const char *key, uint64_t value)
{
	if (value)
		buffer_printf(ret, "&%s=%" PRIu64, key, value);
}

void choice_write(const struct pool_choice *c, struct buffer *ret)
{
	size_t begin = ret->n;

	write_number(ret, "pid", (uint64_t)c->pid);
	write_text(ret, "kind", c->kind);
	write_text(ret, "pool", c->pool);
	write_text(ret, "text", c->text);
	write_number(ret, "sick", c->is_sick);
	write_text(ret, "sort", c->order ? c->order : "worst"); /* without a question they come unordered */
	write_number(ret, "reverse", c->is_reversed);
	write_number(ret, "first", c->first);
	write_number(ret, "limit", c->limit);
	write_number(ret, "around", c->around);
	write_text(ret, "group", c->group);
	write_number(ret, "folded", c->is_folded);
	write_text(ret, "of", c->of);
	write_number(ret, "trend", c->with_trend);
	write_number(ret, "summary", c->with_summary);
	if (!ret->error && ret->n > begin)
		ret->data[begin] = '?';
}

/* ---- choosing -------------------------------------------------------------------------------------------------------------- */

static void format_full_name(const char *process, const char *name,
			     char ret[static FULL_NAME_BYTES])
{
	snprintf(ret, FULL_NAME_BYTES, "%s/%s", process ? process : "", name ? name : "");
}

bool choice_names(const char *word, uint64_t id, const char *process, const char *name)
{
	char full[FULL_NAME_BYTES], number[24];

	snprintf(number, sizeof(number), "%" PRIu64, id);
	if (!strcmp(word, number) || (name && !strcmp(word, name)))
		return true;
	format_full_name(process, name, full);
	return !strcmp(word, full);
}

bool choice_fits(const struct pool_choice *c, uint64_t id, int32_t pid, const char *kind,
		 const char *process, const char *name)
{
	char full[FULL_NAME_BYTES];

	if ((c->pid && pid != c->pid) || (c->kind && (!kind || strcmp(kind, c->kind) != 0)))
		return false;
	if (!c->pool || choice_names(c->pool, id, process, name))
		return true;
	format_full_name(process, name, full);
	return !fnmatch(c->pool, name ? name : "", 0) || !fnmatch(c->pool, full, 0);
}

/* As users see it, and so as they type it. */
static const char *clean(const char *s, char ret[static TEXT_NAME_BYTES])
{
	text_clean(s, TEXT_NAME_BYTES, ret, TEXT_NAME_BYTES);
	return ret;
}

static bool has_text(const struct pool_choice *c, const struct pool_row *p, const char *kind)
{
	const char *const field[] = { p->name,     p->process, p->service, p->container_id,
				      p->endpoint, p->library, kind };
	char pid[16], text[TEXT_NAME_BYTES];

	snprintf(pid, sizeof(pid), "%" PRId32, p->pid);
	if (!strcmp(pid, c->text) || (p->verdict && strcasestr(p->verdict, c->text)))
		return true;
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		if (field[i] && strcasestr(clean(field[i], text), c->text))
			return true;
	}
	return false;
}

static bool is_chosen(const struct pool_choice *c, const struct pool_row *p, const char *kind,
		      int severity)
{
	char process[TEXT_NAME_BYTES] = "", name[TEXT_NAME_BYTES] = "";

	if (c->pool) { /* else the names are not looked at, and to clean those of thousands takes the longest of all this */
		clean(p->process, process);
		clean(p->name, name);
	}
	return (!c->is_sick || severity > SEVERITY_INFO) && (!c->of || is_in_group(c, p)) &&
	       choice_fits(c, p->id, p->pid, kind, process, name) &&
	       (!c->text || has_text(c, p, kind));
}

/* ---- ordering -------------------------------------------------------------------------------------------------------------- */

/* What a pool is compared by: the text rises, then the numbers fall. */
struct rank {
	const struct pool_row *row;
	int severity;
	const char *text;
	double number[N_NUMBERS];
};

static double of_count(int64_t n)
{
	return n == UNKNOWN ? NAN : (double)n;
}

static void rank_worst(struct rank *r)
{
	const struct pool_row *p = r->row;

	r->number[0] = r->severity;
	r->number[1] = of_count(p->pending);
	r->number[2] = p->timeouts_per_s;
	r->number[3] = p->utilization;
	r->number[4] = p->acquires_per_s;
}

static double number_of(const struct pool_row *p, const char *order)
{
	if (!strcmp(order, "pid"))
		return p->pid;
	if (!strcmp(order, "capacity"))
		return of_count(p->capacity);
	if (!strcmp(order, "in-use"))
		return of_count(p->in_use);
	if (!strcmp(order, "pending"))
		return of_count(p->pending);
	if (!strcmp(order, "utilization"))
		return p->utilization;
	if (!strcmp(order, "acquires"))
		return p->acquires_per_s;
	if (!strcmp(order, "wait"))
		return p->wait ? hist_quantile_s(p->wait, 0.99) : NAN;
	if (!strcmp(order, "hold"))
		return p->hold ? hist_quantile_s(p->hold, 0.99) : NAN;
	if (!strcmp(order, "wait-p50"))
		return p->wait ? hist_quantile_s(p->wait, 0.5) : NAN;
	if (!strcmp(order, "hold-p50"))
		return p->hold ? hist_quantile_s(p->hold, 0.5) : NAN;
	if (!strcmp(order, "oldest-wait"))
		return of_count(p->oldest_wait_ns);
	if (!strcmp(order, "timeout-rate"))
		return p->timeouts_per_s;
	assert(!strcmp(order, "timeouts"));
	return of_count(p->timeouts);
}

static struct rank rank_of(const struct pool_row *p, const char *order, int severity,
			   const char *kind)
{
	struct rank r = { .row = p, .severity = severity, .text = "" };

	if (!strcmp(order, "worst"))
		rank_worst(&r);
	else if (!strcmp(order, "process"))
		r.text = p->process ? p->process : "";
	else if (!strcmp(order, "pool"))
		r.text = p->name ? p->name : "";
	else if (!strcmp(order, "kind"))
		r.text = kind;
	else if (!strcmp(order, "source"))
		r.text = p->source ? p->source : "";
	else if (!strcmp(order, "endpoint"))
		r.text = p->endpoint ? p->endpoint : "";
	else
		r.number[0] = number_of(p, order);
	return r;
}

/* Greater first. Unknown ones are last, so here they are the smaller ones whichever way the rest is turned. */
static int compare_numbers(double p, double q, int sign)
{
	if (isnan(p) || isnan(q))
		return isnan(p) - isnan(q);
	return sign * ((p < q) - (p > q));
}

static int compare(const struct rank *p, const struct rank *q, int sign)
{
	int r = sign * strcmp(p->text, q->text);

	for (int i = 0; !r && i < N_NUMBERS; i++)
		r = compare_numbers(p->number[i], q->number[i], sign);
	if (!r) /* who came first */
		r = sign * ((p->row->id > q->row->id) - (p->row->id < q->row->id));
	return r;
}

static int compare_forward(const void *a, const void *b)
{
	return compare(a, b, 1);
}

static int compare_backward(const void *a, const void *b)
{
	return compare(a, b, -1);
}

/* ---- the window ------------------------------------------------------------------------------------------------------------ */

struct window window_of(const struct pool_choice *c, size_t n, size_t around)
{
	struct window w = { .n = c->limit && c->limit < n ? (size_t)c->limit : n };

	w.first = c->first < n - w.n ? (size_t)c->first : n - w.n;
	if (around < n && around < w.first)
		w.first = around;
	if (around < n && around >= w.first + w.n)
		w.first = around - w.n + 1;
	return w;
}

size_t window_around(const struct pool_choice *c, const struct ranked *pool, size_t n)
{
	size_t i = 0;

	if (!c->around)
		return n;
	while (i < n && pool[i].row->id != c->around)
		i++;
	return i;
}

static int take_window(const struct pool_choice *c, const struct ranked *pool, size_t n,
		       struct pools_chosen *ret)
{
	struct window w = window_of(c, n, window_around(c, pool, n));

	ret->n_chosen = ret->n_lines = n;
	ret->first = w.first;
	ret->row = calloc(w.n + 1, sizeof(struct pool_row *));
	if (!ret->row)
		return -ENOMEM;
	for (; ret->n < w.n; ret->n++)
		ret->row[ret->n] = pool[w.first + ret->n].row;
	return 0;
}

/* Those that are chosen, in their order. -ENOMEM */
static int rank_pools(const struct pool_choice *c, const struct snapshot *s, struct rank *rank,
		      size_t *ret_n)
{
	const char *order = c->order ? c->order : "worst";
	struct finding_index index;
	size_t n = 0;

	if (index_findings(s, &index))
		return -ENOMEM;
	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];
		const char *kind = api_kinds[p->kind < PS_KIND_COUNT ? p->kind : PS_KIND_unknown];
		int severity = index_severity(&index, p->id);

		if (is_chosen(c, p, kind, severity))
			rank[n++] = rank_of(p, order, severity, kind);
	}
	free(index.row);
	qsort(rank, n, sizeof(*rank), c->is_reversed ? compare_backward : compare_forward);
	*ret_n = n;
	return 0;
}

int choice_make(const struct pool_choice *c, const struct snapshot *s, struct pools_chosen *ret)
{
	AUTO_FREE struct rank *rank = calloc(s->n_pools + 1, sizeof(*rank));
	AUTO_FREE struct ranked *pool = calloc(s->n_pools + 1, sizeof(*pool));
	size_t n;

	*ret = (struct pools_chosen){ 0 };
	if (!rank || !pool || rank_pools(c, s, rank, &n))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		pool[i] = (struct ranked){ rank[i].row, rank[i].severity };
	return c->group ? take_groups(c, pool, n, ret) : take_window(c, pool, n, ret);
}

void pools_chosen_done(struct pools_chosen *p)
{
	free(p->row);
	free(p->group);
	free(p->in);
	*p = (struct pools_chosen){ 0 };
}
