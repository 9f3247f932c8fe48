/* SPDX-License-Identifier: MIT */
/*
 * pool_view.c - see pool_view.h. The surprise: a stack that was looked at stays on the page while its holder holds, though the agent forgets it sooner;
 * so a person reads it in peace, and the agent is not asked again.
 */
#include "top/pool_view.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/choice.h"
#include "api/json.h"
#include "base/cleanup.h"
#include "cmd/field.h"
#include "cmd/rank.h"
#include "cmd/source.h"
#include "cmd/views.h"
#include "top/hist_draw.h"
#include "top/page.h"
#include "top/refs_page.h"

#define STACK_TRIES 20
#define PROBES_EVERY 8	/* refreshes; they change seldom, and each look reads what the process maps */
#define PROBES_MAX 20
#define SIZING_S 120	/* an advice looks back so far at most: load changes */

static void forget(struct pool_view *v)
{
	json_decref(v->pool);
	json_decref(v->row);
	json_decref(v->findings);
	json_decref(v->stalls);
	json_decref(v->probes);
	sizing_done(&v->sizing);
}

void pool_view_open(struct pool_view *v, uint64_t id)
{
	forget(v);
	*v = (struct pool_view){ .id = id, .now = NAN };
}

void pool_view_done(struct pool_view *v)
{
	forget(v);
	*v = (struct pool_view){ 0 };
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */

static void keep(json_t **where, json_t *answer)
{
	json_decref(*where);
	*where = answer;
}

/* The advice of what was seen; when that was for long enough, it begins anew beside it. */
static int refresh_advice(struct pool_view *v)
{
	int r = sizing_feed(&v->sizing, v->pool);

	if (r || !sizing_has_both(&v->sizing))
		return r;
	r = sizing_advise(&v->sizing, &v->advice);
	v->has_advice = v->has_advice || !r;
	if (sizing_seconds(&v->sizing) > SIZING_S) {
		sizing_done(&v->sizing);
		r = sizing_feed(&v->sizing, v->pool);
	}
	return r;
}

static bool is_looked_at(const json_t *pool)
{
	return pool_has_stacks(pool, "holders") && pool_has_stacks(pool, "waiters");
}

static int refresh_pool(struct pool_view *v, struct source *s, struct diag *d)
{
	json_t *pool = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), API_PREFIX "pools/%llu%s", (unsigned long long)v->id,
		 v->n_asked ? "?stacks" : "");
	r = source_get(s, path, &pool, d);
	v->is_gone = r == -ENODATA;
	if (r)
		return v->is_gone && v->pool ? 0 : r;
	if (v->n_asked)
		v->n_asked = is_looked_at(pool) || v->n_asked == STACK_TRIES ? 0 : v->n_asked + 1;
	if (v->pool)
		refs_carry_stacks(v->pool, pool);
	keep(&v->pool, pool);
	r = refresh_advice(v);
	return r ? diag_set(d, r, "out of memory") : 0;
}

static int refresh_row(struct pool_view *v, struct source *s, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	char id[24];
	const struct pool_choice choice = { .pool = id, .limit = 1, .with_trend = true };
	int r;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)v->id);
	r = source_get_pools(s, &choice, &answer, d);
	if (!r)
		keep(&v->row, json_incref(json_array_get(field_array(answer, "pools"), 0)));
	return r;
}

static int refresh_findings(struct pool_view *v, struct source *s, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *status = NULL;
	json_t *of_pool, *f;
	size_t i;
	int r = source_get(s, API_PREFIX "findings", &answer, d);

	if (!r)
		r = source_get(s, API_PREFIX "status", &status, d);
	if (r)
		return r;
	v->now = field_number(status, "time");
	of_pool = json_array();
	for (int is_process = 0; is_process < 2; is_process++) {
		json_array_foreach (field_array(answer, "findings"), i, f) {
			json_t *id = json_object_get(f, "pool_id");
			bool is_ours = is_process
					       ? !json_is_integer(id) &&
							 json_equal(json_object_get(f, "pid"),
								    json_object_get(v->pool, "pid"))
					       : (uint64_t)json_integer_value(id) == v->id;

			if (is_ours && !strcmp(field_text_or(f, "state", ""), "open"))
				json_array_append(of_pool, f);
		}
	}
	keep(&v->findings, of_pool);
	return 0;
}

static int refresh_stalls(struct pool_view *v, struct source *s, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	json_t *of_process, *stall;
	size_t i;
	int r = source_get(s, API_PREFIX "stalls", &answer, d);

	if (r)
		return r;
	of_process = json_array();
	json_array_foreach (field_array(answer, "stalls"), i, stall)
		if (json_equal(json_object_get(stall, "pid"), json_object_get(v->pool, "pid")))
			json_array_append(of_process, stall);
	keep(&v->stalls, of_process);
	return 0;
}

/* Of the answer those that lie in one of the files and have fired. */
static json_t *choose_probes(const json_t *answer, const json_t *files)
{
	json_t *all = field_array(answer, "probes"), *probe, *chosen, *list;
	AUTO_FREE struct rank *rank = calloc(json_array_size(all) + 1, sizeof(*rank));
	size_t i, n = 0;

	json_array_foreach (all, i, probe)
		if (rank && field_number(probe, "hits") > 0 &&
		    json_object_get(files, field_text_or(probe, "file", "")))
			rank[n++] = (struct rank){ .item = probe,
						   .text = "",
						   .number = { field_number(probe, "hits") } };
	list = rank_list("probes", rank, n < PROBES_MAX ? n : PROBES_MAX, false);
	chosen = json_incref(field_array(list, "probes"));
	json_decref(list);
	return chosen;
}

/* What cannot be seen of them is said in their place: a recording has none, and what a process maps is not everybody's to see. */
static int refresh_probes(struct pool_view *v, struct source *s)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *files = json_object();
	struct diag *d = &v->probes_problem;

	*d = (struct diag){ 0 };
	if (source_get(s, API_PREFIX "probes", &answer, d))
		return 0;
	if (probes_add_files((int)json_integer_value(json_object_get(v->pool, "pid")), files, d))
		return 0;
	keep(&v->probes, choose_probes(answer, files));
	return 0;
}

int pool_view_refresh(struct pool_view *v, struct source *s, struct diag *d)
{
	int r = refresh_pool(v, s, d);

	if (r || v->is_gone)
		return r;
	r = refresh_row(v, s, d);
	if (!r)
		r = refresh_findings(v, s, d);
	if (!r)
		r = refresh_stalls(v, s, d);
	if (!r && v->n_refreshes++ % PROBES_EVERY == 0)
		r = refresh_probes(v, s);
	return r;
}

bool pool_view_waits(const struct pool_view *v)
{
	return v->n_asked > 0;
}

/* ---- drawing --------------------------------------------------------------------------------------------------------------- */

static int draw_page(struct pool_view *v, struct page *p)
{
	enum pool_section order[SECTION_COUNT];

	pool_page_order(pool_page_worst(v), order);
	pool_page_head(v, p);
	for (int i = 0; i < SECTION_COUNT; i++) {
		v->section[i] = p->line + 1;
		pool_page_section(v, p, order[i]);
	}
	return p->line;
}

void pool_view_draw(struct pool_view *v, struct frame *f, int top, int bottom)
{
	struct page length = page_begin(NULL, f->width, 0, 0, 0), page;

	if (!v->pool) {
		frame_text(f, top, 0, f->width, MEANS_DIM,
			   v->is_gone ? "There is no such pool any more."
				      : "Nothing is known yet.");
		return;
	}
	v->n_visible = bottom > top ? bottom - top : 0;
	v->hist_lines =
		v->n_visible < 2 * HIST_DRAW_LINES ? HIST_DRAW_LINES / 2 + 1 : HIST_DRAW_LINES;
	v->n_lines = draw_page(v, &length);
	page_clamp(v->n_lines, v->n_visible, &v->first);
	page = page_begin(f, f->width, top, bottom, v->first);
	draw_page(v, &page);
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

/* The first section that begins below the top; after the last one, the head. */
static void go_to_next_section(struct pool_view *v)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		if (v->section[i] > v->first && v->first < v->n_lines - v->n_visible) {
			v->first = v->section[i];
			page_clamp(v->n_lines, v->n_visible, &v->first);
			return;
		}
	}
	v->first = 0;
}

bool pool_view_key(struct pool_view *v, int key)
{
	switch (key) {
	case '\t':
	case 'n':
		go_to_next_section(v);
		return true;
	case 's':
		v->has_stacks = !v->has_stacks;
		v->n_asked = v->has_stacks;
		return true;
	default:
		return page_key(key, v->n_lines, v->n_visible, &v->first);
	}
}
