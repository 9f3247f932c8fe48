/* SPDX-License-Identifier: MIT */
/*
 * prometheus.c - see prometheus.h. A page is made in three steps that do not know each other: pools are joined into series (series.h), the families
 * are walked over them (prometheus_families.c), and a form writes what they give (prometheus_form.h). The surprise is where the form comes in
 * first: the series' labels are already written by it.
 */
#include "exporters/prometheus.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "exporters/prometheus_form.h"

void prometheus_label(const struct form *form, struct buffer *labels, const char *name,
		      const char *value)
{
	char clean[TEXT_NAME_BYTES];

	text_clean(value ? value : "unknown", SIZE_MAX, clean, sizeof(clean));
	form->label(labels, name, clean);
}

static void add_text_label(struct buffer *labels, const char *name, const char *value)
{
	prometheus_label(&prometheus_text, labels, name, value);
}

static void add_openmetrics_label(struct buffer *labels, const char *name, const char *value)
{
	prometheus_label(&prometheus_openmetrics, labels, name, value);
}

static void add_protobuf_label(struct buffer *labels, const char *name, const char *value)
{
	prometheus_label(&prometheus_protobuf, labels, name, value);
}

static const struct {
	const struct form *form;
	series_label *add_label;
} forms[PROMETHEUS_FORMATS] = {
	[PROMETHEUS_TEXT] = { &prometheus_text, add_text_label },
	[PROMETHEUS_OPENMETRICS] = { &prometheus_openmetrics, add_openmetrics_label },
	[PROMETHEUS_PROTOBUF] = { &prometheus_protobuf, add_protobuf_label },
};

const char *prometheus_content_type(enum prometheus_format format)
{
	return forms[format].form->content_type;
}

int prometheus_write(const struct snapshot *snapshot, enum prometheus_format format,
		     const struct prometheus_options *options, struct buffer *ret)
{
	bool has_pid = options && options->has_pid;
	size_t max = options && options->max_series ? options->max_series : PROMETHEUS_MAX_SERIES;
	CLEANUP(series_done) struct series_set set = { 0 };
	CLEANUP(buffer_done) struct buffer constant = { 0 };
	struct writer w = { .form = forms[format].form, .out = ret };
	int r = series_init(&set, snapshot, has_pid, max, forms[format].add_label,
			    &prometheus_sums);

	for (size_t i = 0; i < snapshot->n_labels; i++)
		prometheus_label(w.form, &constant, snapshot->labels[i].name,
				 snapshot->labels[i].value);
	r = r ? r : constant.error;
	if (r)
		return r;
	w.constant = (struct labels){ constant.data, constant.n };
	prometheus_families(&w, snapshot, &set);
	w.form->end_page(&w);
	r = w.scratch.error ? w.scratch.error : ret->error;
	buffer_done(&w.scratch);
	return r;
}
