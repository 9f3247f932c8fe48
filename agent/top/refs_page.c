/* SPDX-License-Identifier: MIT */
/*
 * refs_page.c - see refs_page.h. The surprise: most of a stack is the same for all holders, and its ends are the C library's. So library frames are
 * counted and not listed, and a stack that was listed already is only referred to.
 */
#include "top/refs_page.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/field.h"
#include "cmd/words.h"
#include "top/page.h"

#define AGE_X 1
#define AGE_WIDTH 7
#define THREAD_X 10
#define THREAD_WIDTH 15
#define TID_X 26
#define TID_WIDTH 7
#define STATE_X 35
#define FRAME_X 12
#define OLD_S 2.0	/* a look that is older says so */

const json_t *ref_stack(const json_t *ref)
{
	const json_t *stack = json_object_get(ref, "stack");
	double held_s = field_number(ref, "age_seconds"),
	       looked_s = field_number(stack, "age_seconds");

	return json_is_object(stack) && !(looked_s > held_s) ? stack : NULL;
}

/* ---- stacks ---------------------------------------------------------------------------------------------------------------- */

static bool is_library(const json_t *frames, size_t i)
{
	const char *frame = json_string_value(json_array_get(frames, i));

	return frame && words_is_library(frame);
}

static void draw_library(struct page *p, size_t n)
{
	if (!n)
		return;
	page_printf(p, FRAME_X, MEANS_DIM, "(%zu frame%s of the C library or the runtime)", n,
		    n > 1 ? "s" : "");
	page_next(p);
}

static void draw_frames(struct page *p, const json_t *stack)
{
	const json_t *frames = field_array(stack, "frames");
	size_t n = json_array_size(frames), first = 0, end = n;

	while (first < n && is_library(frames, first))
		first++;
	while (end > first && is_library(frames, end - 1))
		end--;
	draw_library(p, first);
	for (size_t i = first; i < end; i++) {
		const char *frame = json_string_value(json_array_get(frames, i));

		page_text(p, FRAME_X, INT_MAX, MEANS_PLAIN, frame ? frame : "-");
		page_next(p);
	}
	draw_library(p, n - end);
	if (field_bool(stack, "is_cut")) {
		page_text(p, FRAME_X, INT_MAX, MEANS_DIM, "and more");
		page_next(p);
	}
}

static const json_t *stack_of(const json_t *ref, const char *key)
{
	const json_t *stack = json_object_get(ref, key);

	if (!strcmp(key, "stack"))
		return ref_stack(ref);
	return json_is_object(stack) ? stack : NULL;
}

/* The thread whose stack before this one is the same; NULL = none. */
static const char *same_before(const json_t *refs, size_t i, const char *key)
{
	const json_t *frames = field_array(stack_of(json_array_get(refs, i), key), "frames");

	for (size_t k = 0; k < i && json_array_size(frames); k++) {
		const json_t *other = json_array_get(refs, k);

		if (json_equal(field_array(stack_of(other, key), "frames"), frames))
			return field_text_or(other, "thread", "the one above");
	}
	return NULL;
}

static void draw_stack(struct page *p, const json_t *refs, size_t i, const char *key,
		       const char *head)
{
	const json_t *stack = stack_of(json_array_get(refs, i), key);
	const char *same = same_before(refs, i, key);

	if (!stack)
		return;
	page_printf(p, THREAD_X, MEANS_HEAD, "%s%s%s%s%s", head, same ? " as " : "",
		    same ? same : "", field_text(stack, "problem") ? ": " : "",
		    field_text_or(stack, "problem", ""));
	page_next(p);
	if (!same)
		draw_frames(p, stack);
}

static void draw_stacks(struct page *p, const json_t *refs, size_t i, bool is_taken_first)
{
	const json_t *stack = ref_stack(json_array_get(refs, i));
	double age_s = field_number(stack, "age_seconds");
	char now[64] = "is in", number[TEXT_NUMBER_BYTES];

	if (age_s >= OLD_S)
		snprintf(now, sizeof(now), "was, %s ago, in", text_format_duration(age_s, number));
	if (is_taken_first)
		draw_stack(p, refs, i, "acquire_stack", "took it in");
	draw_stack(p, refs, i, "stack", now);
	if (!is_taken_first)
		draw_stack(p, refs, i, "acquire_stack", "took it in");
}

/* ---- lines ----------------------------------------------------------------------------------------------------------------- */

static void draw_titles(struct page *p)
{
	page_text_right(p, AGE_X, AGE_WIDTH, MEANS_HEAD, "AGE");
	page_text(p, THREAD_X, THREAD_WIDTH, MEANS_HEAD, "THREAD");
	page_text_right(p, TID_X, TID_WIDTH, MEANS_HEAD, "TID");
	page_text(p, STATE_X, INT_MAX, MEANS_HEAD, "NOW");
	page_next(p);
}

/* What is waited in says most, then where. */
static void write_state(const json_t *ref, struct buffer *ret)
{
	const json_t *stack = ref_stack(ref);
	const char *place = words_place(field_array(stack, "frames"));

	if (field_bool(ref, "is_thread_gone"))
		buffer_add_text(ret, "its thread has ended");
	else if (!isnan(field_number(ref, "waits_in_id")))
		buffer_printf(ret, "waits in pool %s (id %.0f)",
			      field_text_or(ref, "waits_in", "-"),
			      field_number(ref, "waits_in_id"));
	else if (stack)
		buffer_printf(ret, "%s%s%s",
			      field_text_or(stack, "state", "its state is not known"),
			      place ? " in " : "", place ? place : "");
	else
		buffer_add_text(ret, "-");
	if (stack && field_text(stack, "waits_for") && isnan(field_number(ref, "waits_in_id")))
		buffer_printf(ret, ", waits for %s", field_text(stack, "waits_for"));
}

static void draw_line(struct page *p, const json_t *ref)
{
	CLEANUP(buffer_done) struct buffer state = { 0 };
	char number[TEXT_NUMBER_BYTES];

	page_text_right(p, AGE_X, AGE_WIDTH, MEANS_STRONG,
			text_format_duration(field_number(ref, "age_seconds"), number));
	page_text(p, THREAD_X, THREAD_WIDTH, MEANS_STRONG, field_text_or(ref, "thread", "-"));
	snprintf(number, sizeof(number), "%.0f", field_number(ref, "tid"));
	page_text_right(p, TID_X, TID_WIDTH, MEANS_PLAIN,
			isnan(field_number(ref, "tid")) ? "-" : number);
	write_state(ref, &state);
	page_text(p, STATE_X, INT_MAX, MEANS_PLAIN, state.error ? "-" : state.data);
}

static void draw_ref(struct page *p, const json_t *refs, size_t i, bool has_stacks,
		     bool is_taken_first)
{
	const json_t *ref = json_array_get(refs, i);
	const char *place = field_text(stack_of(ref, "acquire_stack"), "place");

	if (page_is_seen(p))
		draw_line(p, ref);
	page_next(p);
	if (i >= REFS_STACKS)
		return;
	if (has_stacks) {
		draw_stacks(p, refs, i, is_taken_first);
	} else if (place) {
		page_text(p, THREAD_X, 11, MEANS_DIM, "took it in ");
		page_text(p, THREAD_X + 11, INT_MAX, MEANS_PLAIN, place);
		page_next(p);
	}
}

void refs_draw(struct page *p, const json_t *pool, const char *key, bool has_stacks,
	       bool is_taken_first)
{
	const json_t *refs = field_array(pool, key);
	size_t n = json_array_size(refs), n_shown = n < REFS_MAX ? n : REFS_MAX;

	if (!n) {
		page_printf(p, 2, MEANS_DIM, "none that is known");
		page_next(p);
		return;
	}
	draw_titles(p);
	for (size_t i = 0; i < n_shown; i++)
		draw_ref(p, refs, i, has_stacks, is_taken_first);
	if (n_shown < n) {
		page_printf(p, 2, MEANS_DIM, "and %zu more; `poolscope show` has all", n - n_shown);
		page_next(p);
	}
}

/* ---- from answer to answer ------------------------------------------------------------------------------------------------- */

static double moment_of(const json_t *pool)
{
	return field_number(pool, "since_seconds");
}

/* An object of the refs that have a stack, by what identifies them. */
static json_t *index_stacks(const json_t *pool, const char *key, const char *id_key)
{
	json_t *index = json_object(), *ref;
	size_t i;

	json_array_foreach (field_array(pool, key), i, ref) {
		if (i == REFS_STACKS)
			break;
		if (field_text(ref, id_key) &&
		    (json_is_object(json_object_get(ref, "stack")) ||
		     json_is_object(json_object_get(ref, "acquire_stack"))))
			json_object_set(index, field_text(ref, id_key), ref);
	}
	return index;
}

static void carry(const json_t *former, json_t *ref, double passed_s)
{
	json_t *stack = json_object_get(former, "stack"),
	       *taken = json_object_get(former, "acquire_stack");

	/* the same item in other hands */
	if (!json_equal(json_object_get(former, "tid"), json_object_get(ref, "tid")) ||
	    field_number(ref, "age_seconds") < field_number(former, "age_seconds"))
		return;
	if (json_is_object(taken) && !json_is_object(json_object_get(ref, "acquire_stack")))
		json_object_set(ref, "acquire_stack", taken);
	if (json_is_object(stack) && !json_is_object(json_object_get(ref, "stack"))) {
		json_t *copy = json_copy(stack);

		json_object_set_new(copy, "age_seconds",
				    json_real(field_number(stack, "age_seconds") + passed_s));
		json_object_set_new(ref, "stack", copy);
	}
}

static void carry_all(const json_t *former, json_t *pool, const char *key, const char *id_key)
{
	json_t *index = index_stacks(former, key, id_key), *ref;
	double passed_s = moment_of(pool) - moment_of(former);
	size_t i;

	json_array_foreach (field_array(pool, key), i, ref) {
		const json_t *was = i < REFS_STACKS
					    ? json_object_get(index, field_text_or(ref, id_key, ""))
					    : NULL;

		if (was && passed_s >= 0)
			carry(was, ref, passed_s);
	}
	json_decref(index);
}

void refs_carry_stacks(const json_t *former, json_t *pool)
{
	carry_all(former, pool, "holders", "item");
	carry_all(former, pool, "waiters", "waiter");
}
