/* SPDX-License-Identifier: MIT */
/*
 * words.c - see words.h. The surprise: of a stack the first frames are the C library's own nearly always, and who is called there says how is waited
 * and not for what.
 */
#include "cmd/words.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/field.h"

void words_counts_by(const json_t *o, const char *key, struct buffer *ret)
{
	json_t *by = json_object_get(o, key), *value;
	const char *name, *gap = "";

	json_object_foreach (by, name, value) {
		if (!(json_number_value(value) > 0))
			continue;
		buffer_printf(ret, "%s%s %.0f", gap, name, json_number_value(value));
		gap = ", ";
	}
}

void words_state(const json_t *ref, struct buffer *ret)
{
	const json_t *stack = json_object_get(ref, "stack");
	double on_tid = field_number(stack, "on_tid");

	buffer_add_text(ret, field_text_or(stack, "state", "its state is not known"));
	if (!isnan(on_tid) && on_tid != field_number(ref, "tid"))
		buffer_printf(ret, " on thread %.0f", on_tid);
	if (!isnan(field_number(ref, "waits_in_id")))
		buffer_printf(ret, ", waits in pool %s (id %.0f)",
			      field_text_or(ref, "waits_in", "-"),
			      field_number(ref, "waits_in_id"));
	if (field_text(stack, "waits_for"))
		buffer_printf(ret, ", waits for %s", field_text(stack, "waits_for"));
	if (field_text(stack, "problem"))
		buffer_printf(ret, ": %s", field_text(stack, "problem"));
}

bool words_is_library(const char *frame)
{
	return strstr(frame, "(libc.") || strstr(frame, "(libpthread") ||
	       !strncmp(frame, "runtime.", strlen("runtime."));
}

const char *words_place(const json_t *frames)
{
	const json_t *frame;
	size_t i;

	json_array_foreach (frames, i, frame) {
		const char *text = json_string_value(frame);

		if (text && !words_is_library(text))
			return text;
	}
	return json_string_value(json_array_get(frames, 0));
}

void words_time(double unix_s, double now_s, struct buffer *ret)
{
	time_t t = (time_t)unix_s, now = (time_t)now_s;
	struct tm tm, today;
	char text[64] = "-";

	if (!isfinite(unix_s) || !isfinite(now_s) || fabs(unix_s) > 1e15 || fabs(now_s) > 1e15 ||
	    !localtime_r(&t, &tm) || !localtime_r(&now, &today)) {
		buffer_add_text(ret, "-");
		return;
	}
	if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	else
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buffer_add_text(ret, text);
}

/* ---- the numbers of a pool ------------------------------------------------------------------------------------------------- */

static const char *count(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_count(field_number(p, key), number);
}

static const char *duration(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_duration(field_number(p, key), number);
}

void words_gauges(const json_t *p, struct buffer *ret)
{
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES], d[TEXT_NUMBER_BYTES];

	buffer_printf(ret, "  %-12s %s (%s), min idle %s\n", "capacity", count(p, "capacity", a),
		      field_text_or(p, "capacity_basis", "unknown"), count(p, "min_idle", b));
	buffer_printf(ret, "  %-12s %s now, peak %s, mean %s; oldest %s\n", "in use",
		      count(p, "in_use", a), count(p, "in_use_peak", b), count(p, "mean_in_use", c),
		      duration(p, "oldest_hold_seconds", d));
	buffer_printf(ret, "  %-12s %s of %s open\n", "idle", count(p, "idle", a),
		      count(p, "open", b));
	buffer_printf(ret, "  %-12s %s now, peak %s; oldest %s\n", "pending",
		      count(p, "pending", a), count(p, "pending_peak", b),
		      duration(p, "oldest_wait_seconds", c));
	if (field_number(p, "close_wait") > 0)
		buffer_printf(ret,
			      "  %-12s %s closed by the other end and not by this one, oldest %s\n",
			      "close wait", count(p, "close_wait", a),
			      duration(p, "oldest_close_wait_seconds", b));
	if (!isnan(field_number(p, "accept_queue")))
		buffer_printf(ret, "  %-12s %s of %s\n", "accept queue",
			      count(p, "accept_queue", a), count(p, "accept_backlog", b));
	buffer_printf(ret, "  %-12s %s; saturated for %s\n", "utilization",
		      text_format_percent(field_number(p, "utilization"), a),
		      duration(p, "saturated_seconds", b));
	buffer_printf(ret, "  %-12s %s of the waits, %s of the holds; %s of waits came of them\n",
		      "in stalls", duration(p, "stalled_seconds", a),
		      duration(p, "stalled_hold_seconds", b),
		      duration(p, "stall_backlog_seconds", c));
}

/* " (idle_timeout 3, broken 1)", and the end of the line. */
static void add_counts_by(const json_t *p, const char *key, struct buffer *ret)
{
	CLEANUP(buffer_done) struct buffer counts = { 0 };

	words_counts_by(p, key, &counts);
	if (counts.n && !counts.error)
		buffer_printf(ret, " (%s)", counts.data);
	buffer_add_text(ret, "\n");
}

/* Of connections that this end closed. */
static void add_idle_closes(const json_t *p, struct buffer *ret)
{
	double n = field_number(json_object_get(p, "closed_by"), "local_closed");
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES];

	buffer_printf(
		ret,
		"  %-12s %s after a second or more without data; before closing, %s on average\n",
		"", count(p, "closed_idle", a),
		text_format_duration(field_number(p, "idle_before_close_seconds") / n, b));
}

void words_counters(const json_t *p, struct buffer *ret)
{
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES];
	double reuse = field_number(p, "reuse_ratio");

	buffer_printf(ret, "  %-12s %s, %s/s; %s of them new", "acquires", count(p, "acquires", a),
		      count(p, "acquires_per_second", b), count(p, "acquires_new", c));
	if (!isnan(reuse))
		buffer_printf(ret, ", reused %.1f%%", 100 * reuse);
	buffer_printf(ret, "\n  %-12s %s; %s began before the agent\n", "releases",
		      count(p, "releases", a), count(p, "before_start", b));
	buffer_printf(ret, "  %-12s %s, %s/s", "timeouts", count(p, "timeouts", a),
		      count(p, "timeouts_per_second", b));
	add_counts_by(p, "outcomes", ret);
	buffer_printf(ret, "  %-12s %s", "rejected", count(p, "rejections", a));
	add_counts_by(p, "rejected_by", ret);
	buffer_printf(ret, "  %-12s %s, %s failed", "opened", count(p, "opened", a),
		      count(p, "open_failures", b));
	add_counts_by(p, "open_failures_by", ret);
	buffer_printf(ret, "  %-12s %s", "closed", count(p, "closed", a));
	add_counts_by(p, "closed_by", ret);
	if (!isnan(field_number(p, "closed_idle")))
		add_idle_closes(p, ret);
	buffer_printf(ret, "  %-12s %s good, %s bad\n", "checks", count(p, "health_ok", a),
		      count(p, "health_failed", b));
	if (field_number(p, "odd_events") > 0)
		buffer_printf(ret, "  %-12s %s (wrong order, twice, or nonsense)\n", "odd events",
			      count(p, "odd_events", a));
}
