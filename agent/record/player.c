/* SPDX-License-Identifier: MIT */
/*
 * player.c - see player.h. The surprise: the names of threads, and what they have done, are asked for while a snapshot is made, and answered from the
 * tick; of a thread that the agent did not ask for, nothing is known.
 */
#include "record/player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "detect/detect.h"
#include "model/model.h"
#include "model/pace.h"
#include "record/file.h"
#include "record/tick.h"

#define TIME_MOST_NS ((int64_t)1 << 61)
#define ROWS_MOST 64
#define STACKS_MOST 4096

struct player {
	struct recording recording;
	struct tick_reader *reader;
	struct model *model;
	struct detect *detect; /* NULL = the thresholds are not known yet */
	const struct snapshot *snapshot;
	int64_t at_ns; /* of the last tick; 0 = none yet */
	struct pace_mark pace;
	/* within a tick */
	struct snapshot *making;
	struct table_row *tables;
	struct check_row *checks;
	struct stack_row *stacks;
	bool is_begun, has_moment;
};

/* ---- records that are none of the model's -------------------------------------------------------------------------------------- */

static int begin_tick(struct player *p, const struct record_tick *tick)
{
	if (p->is_begun || tick->t_ns <= p->at_ns || tick->t_ns > TIME_MOST_NS)
		return -EBADMSG;
	p->is_begun = true;
	p->at_ns = tick->t_ns;
	model_tick_begin(p->model, tick->t_ns);
	p->making->t_ns = tick->t_ns;
	return 0;
}

static int take_moment(struct player *p, const struct record_moment *m)
{
	if (m->wall_ns < 0 || m->wall_ns > TIME_MOST_NS)
		return -EBADMSG;
	p->making->seq = m->seq;
	p->making->wall_ns = m->wall_ns;
	p->making->window_s = m->window_s;
	p->has_moment = true;
	return 0;
}

static int take_machine(struct player *p, const struct record_machine *m, const char *text,
			size_t n_text)
{
	const struct detect_limits limits = { .leak_ns = m->leak_ns, .wait_ns = m->wait_ns };
	const char *at = text;

	if (m->leak_ns <= 0 || m->wait_ns <= 0 || m->leak_ns > TIME_MOST_NS ||
	    m->wait_ns > TIME_MOST_NS)
		return -EBADMSG;
	p->making->host = arena_strdup(p->making->arena, record_text_next(&at, text + n_text));
	p->making->version = arena_strdup(p->making->arena, record_text_next(&at, text + n_text));
	return p->detect ? 0 : detect_new(&limits, &p->detect);
}

/* Room for `most` rows, when the first one comes. */
static void *rows_get(struct player *p, void *at, size_t most, size_t size)
{
	void **rows = at;

	if (!*rows)
		*rows = arena_alloc(p->making->arena, most, size);
	return *rows;
}

static int take_table(struct player *p, const struct record_table *t, const char *text,
		      size_t n_text)
{
	struct snapshot *s = p->making;

	if (!rows_get(p, &p->tables, ROWS_MOST, sizeof(*p->tables)))
		return -ENOMEM;
	if (s->n_tables == ROWS_MOST || !n_text)
		return -EBADMSG;
	p->tables[s->n_tables++] = (struct table_row){ .name = arena_strdup(s->arena, text),
						       .used = t->used,
						       .limit = t->limit };
	s->tables = p->tables;
	return 0;
}

static int take_check(struct player *p, const struct record_check *c, const char *text,
		      size_t n_text)
{
	struct snapshot *s = p->making;
	const char *at = text, *name = record_text_next(&at, text + n_text),
		   *found = record_text_next(&at, text + n_text);

	if (!rows_get(p, &p->checks, ROWS_MOST, sizeof(*p->checks)))
		return -ENOMEM;
	if (s->n_checks == ROWS_MOST || c->state > CHECK_BAD || !name || !found)
		return -EBADMSG;
	p->checks[s->n_checks++] = (struct check_row){
		.name = arena_strdup(s->arena, name),
		.state = (enum check_state)c->state,
		.found = arena_strdup(s->arena, found),
		.advice = arena_strdup(s->arena, record_text_next(&at, text + n_text)),
	};
	s->checks = p->checks;
	return 0;
}

static size_t strings_left(const char *at, const char *end)
{
	size_t n = 0;

	for (; at < end; at += strlen(at) + 1)
		n++;
	return n;
}

static int take_stack(struct player *p, const struct record_stack_key *key,
		      const struct record_stack *r, const char *text, size_t n_text)
{
	struct snapshot *s = p->making;
	const char *at = text, *end = text + n_text, **frames;
	struct stack_row *row;

	if (!rows_get(p, &p->stacks, STACKS_MOST, sizeof(*p->stacks)))
		return -ENOMEM;
	if (s->n_stacks == STACKS_MOST || r->taken_ns < 0 || r->taken_ns > TIME_MOST_NS)
		return -EBADMSG;
	row = &p->stacks[s->n_stacks++];
	*row = (struct stack_row){
		.pid = key->pid,
		.tid = key->tid,
		.goroutine = key->goroutine,
		.pool = key->pool,
		.item = key->item,
		.taken_ns = key->item_ns,
		.age_ns = s->t_ns - r->taken_ns,
		.on_tid = r->on_tid,
		.goroutine_id = r->goroutine_id,
		.is_cut = r->is_cut,
	};
	row->state = arena_strdup(s->arena, record_text_next(&at, end)); /* in this order */
	row->waits_for = arena_strdup(s->arena, record_text_next(&at, end));
	row->problem = arena_strdup(s->arena, record_text_next(&at, end));
	row->thread = arena_strdup(s->arena, record_text_next(&at, end));
	row->place = arena_strdup(s->arena, record_text_next(&at, end));
	frames = arena_alloc(s->arena, strings_left(at, end) + 1, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	while (at < end) {
		const char *frame = record_text_next(&at, end);

		frames[row->n_frames] = arena_strdup(s->arena, frame ? frame : "?");
		if (!frames[row->n_frames++])
			return -ENOMEM;
	}
	row->frames = frames;
	s->stacks = p->stacks;
	return 0;
}

static int take(void *context, enum record what, const void *key, const void *value,
		const char *text, size_t n_text)
{
	struct player *p = context;

	if (!p->is_begun && what != RECORD_tick)
		return -EBADMSG;
	if (!value && what >= RECORD_thread)
		return -EBADMSG;
	if (!text)
		text = "";
	switch (what) {
	case RECORD_tick:
		return value ? begin_tick(p, value) : -EBADMSG;
	case RECORD_thread:
	case RECORD_facts:
		return 0; /* asked for later */
	case RECORD_moment:
		return take_moment(p, value);
	case RECORD_machine:
		return take_machine(p, value, text, n_text);
	case RECORD_agent:
		memcpy(&p->making->agent, value, sizeof(p->making->agent));
		return 0;
	case RECORD_table:
		return take_table(p, value, text, n_text);
	case RECORD_check:
		return take_check(p, value, text, n_text);
	case RECORD_stack:
		return take_stack(p, key, value, text, n_text);
	default:
		return model_feed_record(p->model, what, key, value, text, n_text);
	}
}

/* ---- what a snapshot asks for ------------------------------------------------------------------------------------------------- */

static void name_thread(void *context, uint32_t tgid, uint32_t tid, char ret[PS_COMM_MAX],
			bool *ret_gone)
{
	const struct record_thread_key key = { .pid = tgid, .tid = tid };
	const struct player *p = context;
	const struct record_thread *t = tick_reader_find(p->reader, RECORD_thread, &key);

	ret[0] = 0;
	if (!t)
		return;
	memcpy(ret, t->name, PS_COMM_MAX);
	ret[PS_COMM_MAX - 1] = 0;
	*ret_gone = t->is_gone;
}

static bool thread_facts(void *context, int32_t pid, uint32_t tid, struct thread_facts *ret)
{
	const struct record_thread_key key = { .pid = (uint32_t)pid, .tid = tid };
	const struct player *p = context;
	const struct record_facts *f = tick_reader_find(p->reader, RECORD_facts, &key);

	if (!f || !f->is_known)
		return false;
	ret->cpu_ns = f->cpu_ns;
	ret->n_runs = f->n_runs;
	return true;
}

/* ---- playing ------------------------------------------------------------------------------------------------------------------ */

int player_open(FILE *file, bool is_damaged, struct player **ret, struct diag *d)
{
	struct player *p = calloc(1, sizeof(*p));
	int error;

	if (!p) {
		fclose(file);
		return diag_set(d, -ENOMEM, "out of memory");
	}
	error = recording_open(&p->recording, file, is_damaged, d);
	if (!error) {
		p->model = model_new();
		p->reader = tick_reader_new();
		if (!p->model || !p->reader)
			error = diag_set(d, -ENOMEM, "out of memory");
	}
	if (error) {
		player_close(p);
		return error;
	}
	*ret = p;
	return 0;
}

void player_close(struct player *p)
{
	if (!p)
		return;
	snapshot_unref(p->snapshot);
	recording_done(&p->recording);
	tick_reader_free(p->reader);
	model_free(p->model);
	detect_free(p->detect);
	free(p);
}

/* A tick into the snapshot that is being made. */
static int play(struct player *p, const void *data, size_t n, bool is_key, size_t *ret_at)
{
	int error = tick_read(p->reader, data, n, is_key, take, p, ret_at);

	if (p->is_begun)
		model_tick_end(p->model);
	if (!error && !(p->is_begun && p->has_moment && p->detect))
		error = -EBADMSG;
	if (!error)
		error = model_snapshot(p->model, p->making, name_thread, p);
	if (!error)
		error = detect_tick(p->detect, p->making, thread_facts, p);
	if (!error)
		pace_fill(&p->pace, p->making);
	return error;
}

static int begin_snapshot(struct player *p)
{
	struct arena *arena = arena_new();

	p->making = arena ? arena_alloc(arena, 1, sizeof(*p->making)) : NULL;
	if (!p->making) {
		arena_free(arena);
		return -ENOMEM;
	}
	p->making->arena = arena;
	p->making->n_refs = 1;
	p->tables = NULL;
	p->checks = NULL;
	p->stacks = NULL;
	p->is_begun = p->has_moment = false;
	return 0;
}

int player_next(struct player *p, struct diag *d)
{
	struct block_head h;
	const void *data;
	size_t at = 0;
	int error = recording_next(&p->recording, &h, &data, d);

	if (!error && begin_snapshot(p))
		error = diag_set(d, -ENOMEM, "out of memory");
	if (error)
		return error;
	snapshot_unref(p->snapshot);
	p->snapshot = NULL;
	error = play(p, data, h.n_raw, h.flags & BLOCK_KEY, &at);
	if (error) {
		arena_free(p->making->arena);
		p->making = NULL;
	}
	if (error == -EBADMSG)
		return diag_set(
			d, error,
			"damaged at offset %llu: what the block has at byte %zu makes no sense",
			(unsigned long long)p->recording.block_at, at);
	if (error)
		return diag_set(d, error, "out of memory at offset %llu",
				(unsigned long long)p->recording.block_at);
	p->snapshot = p->making;
	p->making = NULL;
	return 0;
}

int player_go(struct player *p, int64_t to_ns, struct diag *d)
{
	int64_t next_ns;
	int error = 0;

	while (!error) {
		int r = recording_peek(&p->recording, &next_ns);

		if (r == -ENODATA || (!r && next_ns - p->recording.first_ns > to_ns))
			break;
		error = player_next(p, d);
	}
	return error;
}

const struct snapshot *player_snapshot(const struct player *p)
{
	return p->snapshot;
}

int64_t player_at_ns(const struct player *p)
{
	return p->snapshot ? p->at_ns - p->recording.first_ns : 0;
}

int64_t player_length_ns(const struct player *p)
{
	return p->recording.last_ns - p->recording.first_ns;
}
