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

#include "api/json_parts.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/text.h"
#include "model/snapshot.h"

#define FULL_NAME_BYTES (2 * TEXT_NAME_BYTES + 1)
#define N_NUMBERS 5

/* ---- the question behind a path -------------------------------------------------------------------------------------------- */

static const char *order_word(const char *word)
{
	static const char *const words[] = {
#define WORD(word) word,
		POOL_ORDERS(WORD)
#undef WORD
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(word, words[i]))
			return words[i];
	}
	return NULL;
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
		c->order = order_word(value);
		r = c->order ? 0 : -EINVAL;
	} else if (!strcmp(key, "reverse")) {
		r = read_bool(value, &c->is_reversed);
	} else if (!strcmp(key, "first")) {
		r = read_number(value, UINT64_MAX, &c->first);
	} else if (!strcmp(key, "limit")) {
		r = read_number(value, UINT64_MAX, &c->limit);
	} else if (!strcmp(key, "around")) {
		r = read_number(value, UINT64_MAX, &c->around);
	} else {
		r = -EINVAL;
	}
	return r;
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
	char process[TEXT_NAME_BYTES], name[TEXT_NAME_BYTES];

	return (!c->is_sick || severity > SEVERITY_INFO) &&
	       choice_fits(c, p->id, p->pid, kind, clean(p->process, process),
			   clean(p->name, name)) &&
	       (!c->text || has_text(c, p, kind));
}

/* ---- ordering -------------------------------------------------------------------------------------------------------------- */

/* What a pool is compared by: the text rises, then the numbers fall. */
struct rank {
	const struct pool_row *row;
	const char *text;
	double number[N_NUMBERS];
};

static double of_count(int64_t n)
{
	return n == UNKNOWN ? NAN : (double)n;
}

static void rank_worst(struct rank *r, double severity)
{
	const struct pool_row *p = r->row;

	r->number[0] = severity;
	r->number[1] = of_count(p->pending);
	r->number[2] = p->timeouts_per_s;
	r->number[3] = p->utilization;
	r->number[4] = p->acquires_per_s;
}

static double number_of(const struct pool_row *p, const char *order)
{
	if (!strcmp(order, "pid"))
		return p->pid;
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
	assert(!strcmp(order, "timeouts"));
	return of_count(p->timeouts);
}

static struct rank rank_of(const struct pool_row *p, const char *order, double severity,
			   const char *kind)
{
	struct rank r = { .row = p, .text = "" };

	if (!strcmp(order, "worst"))
		rank_worst(&r, severity);
	else if (!strcmp(order, "process"))
		r.text = p->process ? p->process : "";
	else if (!strcmp(order, "pool"))
		r.text = p->name ? p->name : "";
	else if (!strcmp(order, "kind"))
		r.text = kind;
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

static size_t window_first(const struct pool_choice *c, const struct rank *rank, size_t n)
{
	size_t limit = c->limit && c->limit < n ? (size_t)c->limit : n;
	size_t first = c->first < n - limit ? (size_t)c->first : n - limit;

	for (size_t i = 0; c->around && i < n; i++) {
		if (rank[i].row->id != c->around)
			continue;
		if (i < first)
			first = i;
		if (i >= first + limit)
			first = i - limit + 1;
		break;
	}
	return first;
}

static int take_window(const struct pool_choice *c, const struct rank *rank, size_t n,
		       struct pools_chosen *ret)
{
	size_t limit = c->limit && c->limit < n ? (size_t)c->limit : n;

	ret->n_chosen = n;
	ret->first = window_first(c, rank, n);
	ret->row = calloc(limit + 1, sizeof(struct pool_row *));
	if (!ret->row)
		return -ENOMEM;
	for (; ret->n < limit; ret->n++)
		ret->row[ret->n] = rank[ret->first + ret->n].row;
	return 0;
}

int choice_make(const struct pool_choice *c, const struct snapshot *s, struct pools_chosen *ret)
{
	AUTO_FREE struct rank *rank = calloc(s->n_pools + 1, sizeof(*rank));
	const char *order = c->order ? c->order : "worst";
	struct finding_index index;
	size_t n = 0;

	*ret = (struct pools_chosen){ 0 };
	if (!rank || index_findings(s, &index))
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
	return take_window(c, rank, n, ret);
}

void pools_chosen_done(struct pools_chosen *p)
{
	free(p->row);
	*p = (struct pools_chosen){ 0 };
}
