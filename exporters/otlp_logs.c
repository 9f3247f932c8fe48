/* SPDX-License-Identifier: MIT */
/*
 * otlp_logs.c - findings as log records. The surprise: a critical finding is an ERROR (17) and no FATAL, which OpenTelemetry keeps for what ends a program;
 * and the end of a finding is INFO whatever it was, because from ERROR on a record says that something is wrong. What it was is in an attribute.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_encoder.h"
#include "exporters/otlp_resource.h"

/* OpenTelemetry, logs data model, "Field: SeverityNumber" */
enum { NUMBER_INFO = 9, NUMBER_WARN = 13, NUMBER_ERROR = 17 };

static int number_of(const struct finding_row *f)
{
	if (!f->is_open || f->severity == SEVERITY_INFO)
		return NUMBER_INFO;
	return f->severity == SEVERITY_WARNING ? NUMBER_WARN : NUMBER_ERROR;
}

static void add_attributes(struct attributes *a, const struct snapshot *s,
			   const struct finding_row *f)
{
	struct process_row row = resource_row(s, f->pid, f->process, NULL, NULL);

	attributes_add_int(a, "poolscope.finding.id", (int64_t)f->id);
	attributes_add(a, "poolscope.finding.type", f->type);
	attributes_add(a, "poolscope.finding.state", f->is_open ? "open" : "closed");
	attributes_add(a, "poolscope.finding.severity", severity_name(f->severity));
	attributes_add(a, "process", resource_label(&row));
	attributes_add(a, "pool", f->pool);
	attributes_add_text(a, "poolscope.finding.advice", f->advice);
	attributes_add_text(a, "poolscope.finding.evidence", f->evidence);
	if (!f->is_open && f->until_ns != UNKNOWN && f->until_ns >= f->since_ns)
		attributes_add_double(a, "poolscope.finding.duration",
				      (double)(f->until_ns - f->since_ns) / 1e9);
}

static void put_finding(struct requests *to, const struct snapshot *s, const struct finding_row *f)
{
	CLEANUP(attributes_done) struct attributes a = { .n = 0 };
	Otlp__LogRecord record = OTLP__LOG_RECORD__INIT;
	Otlp__AnyValue body = OTLP__ANY_VALUE__INIT;
	char text[OTLP_TEXT_BYTES];
	int64_t when = f->is_open ? f->since_ns : f->until_ns;

	text_clean(f->text, SIZE_MAX, text, sizeof(text));
	body.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	body.string_value = text;
	record.time_unix_nano = (uint64_t)(when > 0 ? when : s->wall_ns);
	record.observed_time_unix_nano = (uint64_t)s->wall_ns;
	record.severity_number = number_of(f);
	record.severity_text = (char *)(f->is_open ? severity_name(f->severity) : "info");
	record.body = &body;
	record.event_name = (char *)"poolscope.finding";
	add_attributes(&a, s, f);
	requests_add(to, &record.base, 6, &a, NULL);
}

/* Only those with news, by process: so each Resource is named once. */
static int by_process(const void *a, const void *b)
{
	const struct finding_row *const *x = a, *const *y = b;

	if ((*x)->pid != (*y)->pid)
		return (*x)->pid < (*y)->pid ? -1 : 1;
	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* As the metrics of the process have it, where they have been sent. */
static int resource_for(const struct otlp_encoder *e, const struct snapshot *s,
			const struct finding_row *f, struct buffer *ret)
{
	struct process_row row = resource_row(s, f->pid, f->process, NULL, NULL);
	struct proc_key key = { .digest = resource_digest(&row), .pid = (uint64_t)row.pid };
	const struct proc *p;

	HASH_FIND(hh, e->state.procs, &key, sizeof(key), p);
	if (!p)
		return resource_of_process(s, &row, true, ret);
	buffer_add(ret, p->resource.data, p->resource.n);
	return ret->error;
}

int otlp_encode_logs(struct otlp_encoder *e, const struct snapshot *s, struct otlp_request **ret,
		     size_t *ret_n)
{
	AUTO_FREE const struct finding_row **news = calloc(s->n_findings + 1, sizeof(*news));
	CLEANUP(buffer_done) struct buffer resource = { 0 };
	struct requests requests;
	size_t n = 0;

	if (!news)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_findings; i++) {
		if (s->findings[i].is_news)
			news[n++] = &s->findings[i];
	}
	qsort(news, n, sizeof(*news), by_process);
	requests_init(&requests, true, e->options.max_bytes, s->version);
	for (size_t i = 0; i < n && !requests.error; i++) {
		if (!i || news[i]->pid != news[i - 1]->pid) {
			requests_resource(&requests, NULL);
			resource.n = 0;
			requests.error = resource_for(e, s, news[i], &resource);
			requests_resource(&requests, &resource);
		}
		put_finding(&requests, s, news[i]);
	}
	return requests_take(&requests, ret, ret_n);
}
