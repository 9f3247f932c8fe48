/* SPDX-License-Identifier: MIT */
/*
 * prometheus_text.c - the text form, 0.0.4 (prometheus.io, "Exposition formats"). The surprise is what takes the time: a number by printf took
 * two thirds of it, and the rest is copying the labels. So numbers are written by hand wherever that gives the same value when read back, and
 * the buckets of a histogram share what stands before their bound.
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
static void make_bounds(struct writer *w)
{
	for (unsigned int i = 0; i < N_CLASSIC; i++)
		w->le[i][text_number(w->le[i], classic_bound(i))] = '\0';
}

static void text_begin(struct writer *w)
{
	static const char *const types[] = {
		[TYPE_gauge] = "gauge",
		[TYPE_counter] = "counter",
		[TYPE_histogram] = "histogram",
		[TYPE_info] = "gauge",
	};

	if (w->family.type == TYPE_histogram && !w->le[0][0])
		make_bounds(w);
	buffer_printf(w->out, "# HELP %s %s\n# TYPE %s %s\n", w->family.name, w->family.help,
		      w->family.name, types[w->family.type]);
}

/* name{labels,more, or name when there are none. */
static void put_name(struct buffer *b, const struct writer *w, const char *suffix,
		     struct labels labels, struct labels more)
{
	buffer_add_text(b, w->family.name);
	buffer_add_text(b, suffix);
	if (labels.n || more.n)
		buffer_add(b, "{", 1);
	buffer_add(b, labels.data, labels.n);
	if (labels.n && more.n)
		buffer_add(b, ",", 1);
	buffer_add(b, more.data, more.n);
	if (!w->constant.n)
		return;
	buffer_add_text(b, labels.n || more.n ? "," : "{");
	buffer_add(b, w->constant.data, w->constant.n);
}

static void put_sample(struct writer *w, const char *suffix, struct labels labels,
		       struct labels more, double v)
{
	char end[NUMBER_BYTES + 4] = "} ";
	size_t n = 2 + text_number(end + 2, v);
	bool is_bare = !labels.n && !more.n && !w->constant.n;

	end[n++] = '\n';
	put_name(w->out, w, suffix, labels, more);
	buffer_add(w->out, end + is_bare, n - is_bare);
}

void text_value(struct writer *w, struct labels labels, struct labels more, double v)
{
	put_sample(w, "", labels, more, v);
}

void text_histogram_lines(struct writer *w, struct labels labels, struct labels more,
			  const struct summed *h,
			  void (*behind)(struct buffer *b, const struct exemplar *e))
{
	uint64_t upto[N_CLASSIC];

	summed_cut(h, upto);
	w->scratch.n = 0;
	put_name(&w->scratch, w, "_bucket", labels, more);
	buffer_add_text(&w->scratch, labels.n || more.n || w->constant.n ? ",le=\"" : "{le=\"");
	for (unsigned int i = 0; i < N_CLASSIC && !w->scratch.error; i++) {
		char end[NUMBER_BYTES + 4] = "\"} ";
		size_t n = 3 + text_number(end + 3, (double)upto[i]);

		buffer_add(w->out, w->scratch.data, w->scratch.n);
		buffer_add_text(w->out, w->le[i]);
		buffer_add(w->out, end, n);
		if (behind && h->exemplar[i].row)
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
