/* SPDX-License-Identifier: MIT */
/*
 * prometheus_text.c - the text form, 0.0.4 (prometheus.io, "Exposition formats"). The surprise is what takes the time: a number by printf took
 * two thirds of it, and the rest is copying the labels. So numbers are written by hand wherever that gives the same value when read back, a line is
 * written in one go where it goes, and the buckets of a histogram share what stands before and behind their bound.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exporters/prometheus_text.h"

/* Writes the digits of n, at least so many, so that they end at `end`. */
static char *put_digits(char *end, uint64_t n, int least)
{
	do {
		*--end = (char)('0' + n % 10);
		n /= 10;
		least--;
	} while (n || least > 0);
	return end;
}

/* n nanoseconds as seconds. */
static char *put_seconds(char *end, uint64_t n)
{
	uint64_t whole = n / 1000000000, fraction = n % 1000000000;
	int places = 9;

	for (; fraction % 10 == 0; fraction /= 10)
		places--;
	end = put_digits(end, fraction, places);
	*--end = '.';
	return put_digits(end, whole, 1);
}

/* A number that reads back as the same double. Those that are whole, or whole nanoseconds, need no printf. */
size_t text_number(char ret[NUMBER_BYTES], double v)
{
	char digits[NUMBER_BYTES], *end = digits + sizeof(digits), *p = end;
	uint64_t ns = v > 0 && v < 9e6 ? (uint64_t)(v * 1e9 + 0.5) : 0;

	if (v >= 0 && v < 9e15 && v == (double)(uint64_t)v)
		p = put_digits(end, (uint64_t)v, 1);
	else if (ns && (double)ns / 1e9 == v)
		p = put_seconds(end, ns);
	memcpy(ret, p, (size_t)(end - p));
	if (p < end)
		return (size_t)(end - p);
	if (isnan(v) || isinf(v))
		return (size_t)snprintf(ret, NUMBER_BYTES,
					isnan(v) ? "NaN"
					: v > 0  ? "+Inf"
						 : "-Inf");
	return (size_t)snprintf(ret, NUMBER_BYTES, "%.17g", v);
}

/* A clean value has no line feed. */
void text_label(struct buffer *b, const char *name, const char *value)
{
	if (b->n)
		buffer_add(b, ",", 1);
	buffer_add_text(b, name);
	buffer_add(b, "=\"", 2);
	while (*value) {
		size_t plain = strcspn(value, "\"\\");

		buffer_add(b, value, plain);
		value += plain;
		if (*value) {
			buffer_add(b, "\\", 1);
			buffer_add(b, value++, 1);
		}
	}
	buffer_add(b, "\"", 1);
}

/* The bounds are the same for all histograms of a page. */
void text_bound(struct writer *w, unsigned int i, const char *bound, size_t n)
{
	memcpy(w->le[i], bound, n);
	memcpy(w->le[i] + n, "\"} ", 3);
	w->n_le[i] = n + 3;
}

static void make_bounds(struct writer *w)
{
	for (unsigned int i = 0; i < N_CLASSIC; i++) {
		char number[NUMBER_BYTES];

		text_bound(w, i, number, text_number(number, classic_bound(i)));
	}
}

static void text_begin(struct writer *w)
{
	static const char *const types[] = {
		[TYPE_gauge] = "gauge",
		[TYPE_counter] = "counter",
		[TYPE_histogram] = "histogram",
		[TYPE_info] = "gauge",
	};

	if (w->family.type == TYPE_histogram && !w->n_le[0])
		make_bounds(w);
	buffer_printf(w->out, "# HELP %s %s\n# TYPE %s %s\n", w->family.name, w->family.help,
		      w->family.name, types[w->family.type]);
}

static char *put(char *to, const char *data, size_t n)
{
	if (n)
		memcpy(to, data, n);
	return to + n;
}

/* Bytes that put_name() writes at most. */
static size_t name_most(const struct writer *w, size_t n_suffix, struct labels labels,
			struct labels more)
{
	return strlen(w->family.name) + n_suffix + labels.n + more.n + w->constant.n + 3;
}

/* name{labels,more, or name when there are none. Returns where it ends. */
static char *put_name(char *to, const struct writer *w, const char *suffix, struct labels labels,
		      struct labels more)
{
	to = put(to, w->family.name, strlen(w->family.name));
	to = put(to, suffix, strlen(suffix));
	if (labels.n || more.n)
		*to++ = '{';
	to = put(to, labels.data, labels.n);
	if (labels.n && more.n)
		*to++ = ',';
	to = put(to, more.data, more.n);
	if (!w->constant.n)
		return to;
	*to++ = labels.n || more.n ? ',' : '{';
	return put(to, w->constant.data, w->constant.n);
}

static void put_sample(struct writer *w, const char *suffix, struct labels labels,
		       struct labels more, double v)
{
	size_t most = name_most(w, strlen(suffix), labels, more) + NUMBER_BYTES + 4;
	char *line = buffer_room(w->out, most), *to = line;

	if (!line)
		return;
	to = put_name(to, w, suffix, labels, more);
	if (labels.n || more.n || w->constant.n)
		*to++ = '}';
	*to++ = ' ';
	to += text_number(to, v);
	*to++ = '\n';
	buffer_take(w->out, (size_t)(to - line));
}

void text_value(struct writer *w, struct labels labels, struct labels more, double v)
{
	put_sample(w, "", labels, more, v);
}

/* What all bucket lines of a histogram begin with, in `scratch`; false without memory. */
static bool make_head(struct writer *w, struct labels labels, struct labels more)
{
	static const char suffix[] = "_bucket";
	char *head, *to;

	w->scratch.n = 0;
	head = buffer_room(&w->scratch, name_most(w, sizeof(suffix), labels, more) + 5);
	if (!head)
		return false;
	to = put_name(head, w, suffix, labels, more);
	*to++ = labels.n || more.n || w->constant.n ? ',' : '{';
	to = put(to, "le=\"", 4);
	buffer_take(&w->scratch, (size_t)(to - head));
	return true;
}

void text_histogram_lines(struct writer *w, struct labels labels, struct labels more,
			  const struct summed *h,
			  void (*behind)(struct buffer *b, const struct exemplar *e))
{
	uint64_t upto[N_CLASSIC];

	summed_cut(h, upto);
	if (!make_head(w, labels, more))
		return;
	for (unsigned int i = 0; i < N_CLASSIC; i++) {
		char *line = buffer_room(w->out, w->scratch.n + w->n_le[i] + NUMBER_BYTES + 1);
		bool has_more = behind && h->exemplar[i].row;
		char *to = line;

		if (!line)
			return;
		to = put(to, w->scratch.data, w->scratch.n);
		to = put(to, w->le[i], w->n_le[i]);
		to += text_number(to, (double)upto[i]);
		if (!has_more)
			*to++ = '\n';
		buffer_take(w->out, (size_t)(to - line));
		if (!has_more)
			continue;
		behind(w->out, &h->exemplar[i]);
		buffer_add(w->out, "\n", 1);
	}
	put_sample(w, "_sum", labels, more, h->sum_s);
	put_sample(w, "_count", labels, more, (double)h->count);
}

static void text_histogram(struct writer *w, struct labels labels, struct labels more,
			   const struct summed *h)
{
	text_histogram_lines(w, labels, more, h, NULL);
}

static void text_nothing(struct writer *w)
{
	(void)w;
}

const struct form prometheus_text = {
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.label = text_label,
	.begin = text_begin,
	.value = text_value,
	.histogram = text_histogram,
	.end = text_nothing,
	.end_page = text_nothing,
};
