/* SPDX-License-Identifier: MIT */
/*
 * prometheus_openmetrics.c - OpenMetrics 1.0.0 (the specification's "Text format"). The surprise: a family and its sample need not have one name.
 * That of a counter lacks the _total of its samples, that of an info their _info; and a unit must be the end of the family's name.
 */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporters/prometheus_text.h"

/* Bounds in the canonical form: a whole number with ".0". */
static void make_bounds(struct writer *w)
{
	for (unsigned int i = 0; i < N_CLASSIC; i++) {
		char number[NUMBER_BYTES + 2];
		double bound = classic_bound(i);
		size_t n = text_number(number, bound);

		if (isfinite(bound) && bound == floor(bound)) {
			memcpy(number + n, ".0", 2);
			n += 2;
		}
		text_bound(w, i, number, n);
	}
}

/* Help has the escapes of a label's value here; ours has no backslash and no line feed. */
static void put_help(struct buffer *b, const char *help)
{
	for (const char *rest = help; *rest;) {
		size_t plain = strcspn(rest, "\"\\");

		buffer_add(b, rest, plain);
		rest += plain;
		if (*rest) {
			buffer_add(b, "\\", 1);
			buffer_add(b, rest++, 1);
		}
	}
	buffer_add(b, "\n", 1);
}

static void openmetrics_begin(struct writer *w)
{
	static const struct {
		const char *name;
		size_t suffix;	/* of the samples, which the family lacks */
	} types[] = {
		[TYPE_gauge] = { "gauge", 0 },
		[TYPE_counter] = { "counter", sizeof("_total") - 1 },
		[TYPE_histogram] = { "histogram", 0 },
		[TYPE_info] = { "info", sizeof("_info") - 1 },
	};
	const struct family *f = &w->family;
	int n = (int)(strlen(f->name) - types[f->type].suffix);

	if (f->type == TYPE_histogram && !w->n_le[0])
		make_bounds(w);
	buffer_printf(w->out, "# TYPE %.*s %s\n", n, f->name, types[f->type].name);
	if (f->unit)
		buffer_printf(w->out, "# UNIT %.*s %s\n", n, f->name, f->unit);
	buffer_printf(w->out, "# HELP %.*s ", n, f->name);
	put_help(w->out, f->help);
}

/* At most 128 characters of labels are allowed; these are 60 at most, as a thread's name has 15 bytes. */
static void put_exemplar(struct buffer *b, const struct exemplar *e)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };
	char value[NUMBER_BYTES + 1];
	struct exemplar_text text = exemplar_text(e);

	text_label(&labels, "pid", text.pid);
	text_label(&labels, "tid", text.tid);
	if (text.thread[0])
		text_label(&labels, "thread", text.thread);
	value[text_number(value, e->row->value_s)] = '\0';
	if (labels.error)
		b->error = labels.error;
	buffer_printf(b, " # {%s} %s", labels.data ? labels.data : "", value);
	if (e->row->wall_ns > 0)
		buffer_printf(b, " %lld.%03d", (long long)(e->row->wall_ns / 1000000000),
			      (int)(e->row->wall_ns % 1000000000 / 1000000));
}

static void openmetrics_histogram(struct writer *w, struct labels labels, struct labels more,
				  const struct summed *h)
{
	text_histogram_lines(w, labels, more, h, put_exemplar);
}

static void openmetrics_end(struct writer *w)
{
	(void)w;
}

static void openmetrics_end_page(struct writer *w)
{
	buffer_add_text(w->out, "# EOF\n");
}

const struct form prometheus_openmetrics = {
	.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	.label = text_label,
	.begin = openmetrics_begin,
	.value = text_value,
	.histogram = openmetrics_histogram,
	.end = openmetrics_end,
	.end_page = openmetrics_end_page,
};
