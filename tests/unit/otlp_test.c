/* SPDX-License-Identifier: MIT */
/*
 * otlp_test.c - what the encoder sends, unpacked again by protobuf-c and looked at point by point. The surprise: a request is only ever looked at as
 * bytes, so what is compared is what a receiver sees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/text.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_series.h"
#include "snapshot_fixture.h"

#define SECOND_NS 1000000000
#define MAX_REQUESTS 256

/* An export, unpacked. */
struct export
{
	struct otlp_request *requests;
	size_t n;
	Otlp__ExportMetricsServiceRequest *message[MAX_REQUESTS];
	Otlp__ExportLogsServiceRequest *logs[MAX_REQUESTS];
};

/* One point of any kind, with all around it. */
struct point {
	const Otlp__Resource *resource;
	const Otlp__Metric *metric;
	Otlp__KeyValue **attributes;
	size_t n_attributes;
	uint64_t start, time;
	uint32_t flags;
	double value;	/* of numbers; of histograms the count */
	const Otlp__NumberDataPoint *number;
	const Otlp__HistogramDataPoint *hist;
	const Otlp__ExponentialHistogramDataPoint *exponential;
};

static struct otlp_encoder *new_encoder(struct otlp_encode_options options)
{
	struct otlp_encoder *e;

	assert_int_equal(otlp_encoder_new(&options, &e), 0);
	return e;
}

static struct otlp_encoder *cumulative(void)
{
	return new_encoder((struct otlp_encode_options){ .histogram = OTLP_EXPONENTIAL });
}

static struct otlp_encoder *delta(void)
{
	return new_encoder((struct otlp_encode_options){ .temporality = OTLP_DELTA,
							 .histogram = OTLP_EXPONENTIAL });
}

static struct export encode(struct otlp_encoder *e, const struct snapshot *s)
{
	struct export x = { .n = 0 };

	assert_int_equal(otlp_encode_metrics(e, s, &x.requests, &x.n), 0);
	assert_true(x.n <= MAX_REQUESTS);
	for (size_t i = 0; i < x.n; i++) {
		x.message[i] = otlp__export_metrics_service_request__unpack(
			NULL, x.requests[i].body.n, (uint8_t *)x.requests[i].body.data);
		assert_non_null(x.message[i]);
	}
	return x;
}

static void export_done(struct export *x)
{
	for (size_t i = 0; i < x->n; i++) {
		if (x->message[i])
			otlp__export_metrics_service_request__free_unpacked(x->message[i], NULL);
		if (x->logs[i])
			otlp__export_logs_service_request__free_unpacked(x->logs[i], NULL);
	}
	otlp_requests_free(x->requests, x->n);
}

/* An attribute as text; NULL = there is none. */
static const char *text_of(Otlp__KeyValue **list, size_t n, const char *key)
{
	static char number[2][32];
	static int which;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i]->key, key) != 0)
			continue;
		assert_null(found); /* twice */
		if (list[i]->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE) {
			found = list[i]->value->string_value;
			continue;
		}
		found = number[which ^= 1];
		if (list[i]->value->value_case == OTLP__ANY_VALUE__VALUE_BOOL_VALUE)
			snprintf(number[which], sizeof(*number), "%s",
				 list[i]->value->bool_value ? "true" : "false");
		else if (list[i]->value->value_case == OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE)
			snprintf(number[which], sizeof(*number), "%g",
				 list[i]->value->double_value);
		else
			snprintf(number[which], sizeof(*number), "%lld",
				 (long long)list[i]->value->int_value);
	}
	return found;
}

static const char *attribute(const struct point *p, const char *key)
{
	return text_of(p->attributes, p->n_attributes, key);
}

static const char *resource_attribute(const Otlp__Resource *r, const char *key)
{
	return text_of(r->attributes, r->n_attributes, key);
}

typedef void visit_fn(const struct point *p, void *context);

static void visit_numbers(struct point *p, Otlp__NumberDataPoint **list, size_t n, visit_fn *visit,
			  void *context)
{
	for (size_t i = 0; i < n; i++) {
		const Otlp__NumberDataPoint *d = list[i];

		p->number = d;
		p->attributes = d->attributes;
		p->n_attributes = d->n_attributes;
		p->start = d->start_time_unix_nano;
		p->time = d->time_unix_nano;
		p->flags = d->flags;
		p->value = d->value_case == OTLP__NUMBER_DATA_POINT__VALUE_AS_INT
				   ? (double)d->as_int
				   : d->as_double;
		visit(p, context);
	}
	p->number = NULL;
}

static void visit_metric(struct point *p, visit_fn *visit, void *context)
{
	const Otlp__Metric *m = p->metric;

	switch (m->data_case) {
	case OTLP__METRIC__DATA_GAUGE:
		visit_numbers(p, m->gauge->data_points, m->gauge->n_data_points, visit, context);
		break;
	case OTLP__METRIC__DATA_SUM:
		visit_numbers(p, m->sum->data_points, m->sum->n_data_points, visit, context);
		break;
	case OTLP__METRIC__DATA_HISTOGRAM:
		for (size_t i = 0; i < m->histogram->n_data_points; i++) {
			const Otlp__HistogramDataPoint *d = m->histogram->data_points[i];

			p->hist = d;
			p->attributes = d->attributes;
			p->n_attributes = d->n_attributes;
			p->start = d->start_time_unix_nano;
			p->time = d->time_unix_nano;
			p->flags = d->flags;
			p->value = (double)d->count;
			visit(p, context);
		}
		p->hist = NULL;
		break;
	case OTLP__METRIC__DATA_EXPONENTIAL_HISTOGRAM:
		for (size_t i = 0; i < m->exponential_histogram->n_data_points; i++) {
			const Otlp__ExponentialHistogramDataPoint *d =
				m->exponential_histogram->data_points[i];

			p->exponential = d;
			p->attributes = d->attributes;
			p->n_attributes = d->n_attributes;
			p->start = d->start_time_unix_nano;
			p->time = d->time_unix_nano;
			p->flags = d->flags;
			p->value = (double)d->count;
			visit(p, context);
		}
		p->exponential = NULL;
		break;
	default:
		fail_msg("%s has no data", m->name);
	}
}

static void visit_all(const struct export *x, visit_fn *visit, void *context)
{
	for (size_t i = 0; i < x->n; i++) {
		for (size_t k = 0; k < x->message[i]->n_resource_metrics; k++) {
			const Otlp__ResourceMetrics *rm = x->message[i]->resource_metrics[k];

			assert_int_equal(rm->n_scope_metrics, 1);
			assert_string_equal(rm->scope_metrics[0]->scope->name, "poolscope");
			assert_string_equal(rm->scope_metrics[0]->scope->version, "0.1.0");
			assert_string_equal(rm->schema_url,
					    "https://opentelemetry.io/schemas/1.44.0");
			for (size_t m = 0; m < rm->scope_metrics[0]->n_metrics; m++) {
				struct point p = { .resource = rm->resource,
						   .metric = rm->scope_metrics[0]->metrics[m] };

				visit_metric(&p, visit, context);
			}
		}
	}
}

/* ---- finding points -------------------------------------------------------------------------------------------------------- */

struct search {
	const char *metric;
	const char *key[2], *value[2];	/* NULL = any */
	int32_t pid;	/* 0 = any */
	struct point found;
	size_t n;
};

static void match(const struct point *p, void *context)
{
	struct search *s = context;
	const char *pid = resource_attribute(p->resource, "process.pid");

	if (strcmp(p->metric->name, s->metric) != 0)
		return;
	for (int i = 0; i < 2; i++) {
		const char *value = s->key[i] ? attribute(p, s->key[i]) : NULL;

		if (s->key[i] && (!value || strcmp(value, s->value[i]) != 0))
			return;
	}
	if (s->pid && (!pid || atoi(pid) != s->pid))
		return;
	s->found = *p;
	s->n++;
}

static size_t count(const struct export *x, struct search s)
{
	visit_all(x, match, &s);
	return s.n;
}

/* The only point that is so. */
static struct point get(const struct export *x, struct search s)
{
	visit_all(x, match, &s);
	if (s.n != 1)
		fail_msg("%zu points of %s where one was expected", s.n, s.metric);
	return s.found;
}

static struct point get_of(const struct export *x, const char *metric)
{
	return get(x, (struct search){ .metric = metric });
}

/* ---- snapshots ------------------------------------------------------------------------------------------------------------- */

static void at(struct snapshot *s, int second)
{
	s->seq = 7 + (uint64_t)second;
	s->t_ns = 11000000000 + (int64_t)second * SECOND_NS;
	s->wall_ns = 1764000000000000000 + (int64_t)second * SECOND_NS;
}

/* A process that says much of itself, for the pools of pid 4242. */
static void add_process(struct snapshot *s)
{
	static const struct attribute_row attributes[] = {
		{ "deployment.environment.name", "prod" },
		{ "process.pid", "1" },
		{ "service.instance.id", "orders-7" },
		{ "bad\xff\nkey", "bad\xfevalue" },
	};
	struct process_row *row = arena_alloc(s->arena, 1, sizeof(*row));

	*row = (struct process_row){ .pid = 4242,
				     .process = "java",
				     .service = "orders.service",
				     .service_name = "orders",
				     .executable = "java",
				     .container_id = "3f4e",
				     .started_wall_ns = 1763999000123000000,
				     .attributes = attributes,
				     .n_attributes = 4 };
	s->processes = row;
	s->n_processes = 1;
}

static struct snapshot *one_pool(struct pool_row **ret, int second)
{
	static const uint64_t waits[] = { 0, 0, 1000, 2000000, 250000000 };
	struct snapshot *s = fixture_new(1, ret);
	struct hist *h = fixture_hist(s->arena, waits, 5);

	at(s, second);
	(*ret)[0] = fixture_known_pool(1, h, h);
	return s;
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------- */

static void a_process_is_a_resource_that_it_cannot_forge(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct export x;
	const Otlp__Resource *r;

	(void)state;
	add_process(s);
	x = encode(e, s);
	r = get_of(&x, "poolscope.pool.in_use").resource;
	assert_string_equal(resource_attribute(r, "service.name"), "orders");
	assert_string_equal(resource_attribute(r, "service.instance.id"), "orders-7");
	assert_string_equal(resource_attribute(r, "process.pid"), "4242");
	assert_string_equal(resource_attribute(r, "process.creation.time"),
			    "2025-11-24T15:43:20.123Z");
	assert_string_equal(resource_attribute(r, "process.executable.name"), "java");
	assert_string_equal(resource_attribute(r, "container.id"), "3f4e");
	assert_string_equal(resource_attribute(r, "host.name"), "db-1");
	assert_string_equal(resource_attribute(r, "os.type"), "linux");
	assert_string_equal(resource_attribute(r, "deployment.environment.name"), "prod");
	assert_string_equal(resource_attribute(r, "bad??key"), "bad?value");
	r = get_of(&x, "poolscope.agent.ticks").resource;
	assert_string_equal(resource_attribute(r, "service.name"), "poolscope");
	assert_string_equal(resource_attribute(r, "service.version"), "0.1.0");
	assert_null(resource_attribute(r, "process.pid"));
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void a_resource_has_a_name_and_an_instance_whatever_is_known(void **state)
{
	static const struct {
		const char *process, *service, *container, *name;
	} cases[] = {
		{ "orders", NULL, NULL, "orders" },
		{ "orders", "orders.service", NULL, "orders.service" },
		{ "orders", NULL, "3f4e", "3f4e" },
		{ NULL, NULL, NULL, "unknown_service" },
		{ "?", NULL, NULL, "unknown_service" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct otlp_encoder *e = cumulative();
		struct pool_row *p;
		struct snapshot *s = one_pool(&p, 0);
		struct export x;
		const Otlp__Resource *r;
		const char *name, *id;

		p->process = cases[i].process;
		p->service = cases[i].service;
		p->container_id = cases[i].container;
		x = encode(e, s);
		r = get_of(&x, "poolscope.pool.in_use").resource;
		name = resource_attribute(r, "service.name");
		if (!i)
			assert_string_equal(name, "unknown_service:orders");
		else
			assert_string_equal(name, cases[i].name);
		id = resource_attribute(r, "service.instance.id");
		assert_int_equal(strlen(id), 36);
		assert_int_equal(id[14], '5');
		export_done(&x);
		otlp_encoder_free(e);
		snapshot_unref(s);
	}
}

/* Prefork: all workers have the same environment. Receivers make the label `instance` of the id, and two series of one name would be one. */
static void an_instance_id_that_two_processes_have_is_of_one_of_them(void **state)
{
	static const struct attribute_row id = { "service.instance.id", "same" };
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(2, &p);
	struct process_row *rows = arena_alloc(s->arena, 2, sizeof(*rows));
	char first[64];

	(void)state;
	for (int i = 0; i < 2; i++) {
		p[i] = fixture_unknown_pool((uint64_t)i + 1);
		p[i].pid = 100 + i;
		p[i].in_use = 1;
		rows[i] = (struct process_row){ .pid = 100 + i,
						.process = "w",
						.executable = "w",
						.started_wall_ns = 1763999000000000000,
						.attributes = &id,
						.n_attributes = 1 };
	}
	s->processes = rows;
	s->n_processes = 2;
	for (int second = 0; second < 3; second++) {
		struct export x;
		struct point a, b;
		const char *of_b;

		at(s, second);
		x = encode(e, s);
		a = get(&x, (struct search){ .metric = "poolscope.pool.in_use", .pid = 100 });
		b = get(&x, (struct search){ .metric = "poolscope.pool.in_use", .pid = 101 });
		assert_string_equal(resource_attribute(a.resource, "service.instance.id"), "same");
		of_b = resource_attribute(b.resource, "service.instance.id");
		assert_string_not_equal(of_b, "same");
		if (second)
			assert_string_equal(of_b, first);
		snprintf(first, sizeof(first), "%s", of_b);
		export_done(&x);
	}
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void a_pool_has_all_its_families_with_unit_type_and_labels(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct snapshot *s = fixture_full();
	struct export x = encode(e, s);
	struct point p = get_of(&x, "poolscope.pool.capacity");

	(void)state;
	assert_int_equal(p.metric->data_case, OTLP__METRIC__DATA_GAUGE);
	assert_string_equal(p.metric->unit, "{item}");
	assert_string_equal(p.metric->description,
			    "Most items that the pool may have; absent when unbounded or unknown.");
	assert_int_equal(p.number->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_INT);
	assert_int_equal(p.number->as_int, 20);
	assert_int_equal(p.n_attributes, 4);
	assert_string_equal(attribute(&p, "process"), "orders.service");
	assert_string_equal(attribute(&p, "pool"), "main-db");
	assert_string_equal(attribute(&p, "kind"), "connection");
	assert_string_equal(attribute(&p, "source"), "usdt");
	assert_int_equal(p.time, s->wall_ns);
	p = get_of(&x, "poolscope.pool.in_use_seconds");
	assert_int_equal(p.metric->data_case, OTLP__METRIC__DATA_SUM);
	assert_true(p.metric->sum->is_monotonic);
	assert_int_equal(p.metric->sum->aggregation_temporality, 2);
	assert_string_equal(p.metric->unit, "s");
	assert_int_equal(p.number->value_case, OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE);
	assert_true(p.value == 170.25);
	assert_true(get_of(&x, "poolscope.pool.acquires").value == 10007);
	assert_true(get_of(&x, "poolscope.pool.oldest_wait").value == 0.25);
	assert_true(get_of(&x, "poolscope.pool.trusted").value == 1);
	assert_true(get_of(&x, "poolscope.pool.leaked_items").value == 3);
	p = get(&x, (struct search){ .metric = "poolscope.pool.rejections",
				     .key = { "reason" },
				     .value = { "queue_full" } });
	assert_true(p.value == 7);
	assert_int_equal(p.n_attributes, 5);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.items_closed" }),
			 PS_CLOSE_COUNT);
	p = get(&x, (struct search){ .metric = "poolscope.pool.wait_duration",
				     .key = { "outcome" },
				     .value = { "failed" } });
	assert_true(p.value == 5);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.wait_duration" }), 2);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void the_agent_the_findings_and_the_locks_are_told(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct snapshot *s = fixture_full();
	struct stall_row stall = { .pid = 4242,
				   .process = "orders",
				   .cause = PS_STALL_gc,
				   .length = s->locks->wait,
				   .n = 5,
				   .sum_s = s->locks->wait->sum_s };
	struct export x;
	struct point p;

	(void)state;
	s->stalls = &stall;
	s->n_stalls = 1;
	x = encode(e, s);
	assert_true(get(&x, (struct search){ .metric = "poolscope.agent.cpu",
					     .key = { "mode" },
					     .value = { "user" } })
			    .value == 0.5);
	assert_true(get(&x, (struct search){ .metric = "poolscope.agent.losses",
					     .key = { "kind" },
					     .value = { "story_capped" } })
			    .value == 3);
	p = get_of(&x, "poolscope.agent.resident_memory");
	assert_string_equal(p.metric->unit, "By");
	assert_int_equal(p.number->as_int, 5 << 20);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.agent.bpf_run" }), 0);
	p = get(&x, (struct search){ .metric = "poolscope.findings",
				     .key = { "finding", "severity" },
				     .value = { "too-small", "warning" } });
	assert_true(p.value == 1);
	p = get(&x, (struct search){ .metric = "poolscope.findings",
				     .key = { "finding", "severity" },
				     .value = { "leak", "critical" } });
	assert_true(p.value == 0);
	p = get(&x, (struct search){ .metric = "poolscope.findings_opened",
				     .key = { "finding" },
				     .value = { "leak" } });
	assert_true(p.value == 5 && p.metric->sum->is_monotonic);
	p = get_of(&x, "poolscope.build_info");
	assert_string_equal(attribute(&p, "version"), "0.1.0");
	p = get_of(&x, "poolscope.lock.wait_duration");
	assert_string_equal(attribute(&p, "lock"), "orders:the_lock");
	assert_string_equal(attribute(&p, "process"), "orders");
	assert_string_equal(resource_attribute(p.resource, "process.pid"), "4242");
	assert_true(p.value == 5 && p.exponential);
	p = get_of(&x, "poolscope.stall.duration");
	assert_string_equal(attribute(&p, "cause"), "gc");
	assert_true(p.value == 5 && p.exponential);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void nothing_but_what_is_known_is_sent(const struct point *p, void *context)
{
	(void)context;
	if (!strncmp(p->metric->name, "poolscope.agent.", 16) ||
	    !strncmp(p->metric->name, "poolscope.build", 15))
		return;
	assert_string_equal(p->metric->name, "poolscope.pool.trusted");
}

static void what_is_unknown_has_no_point(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(1, &p);
	struct export x;

	(void)state;
	p[0] = fixture_unknown_pool(1);
	x = encode(e, s);
	visit_all(&x, nothing_but_what_is_known_is_sent, NULL);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.trusted" }), 1);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void exponential_buckets_are_the_kernels_own(void **state)
{
	/* zero bucket: 238 ns and less; 1 s is the end of index -1; 1.05 s is in index 0; 2000 s is over the last */
	static const uint64_t ns[] = { 0, 200, 1000000000, 1050000000, 2000000000000 };
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(1, &p);
	struct export x;
	const Otlp__ExponentialHistogramDataPoint *d;
	uint64_t n = 0;

	(void)state;
	p[0] = fixture_unknown_pool(1);
	p[0].hold = fixture_hist(s->arena, ns, 5);
	x = encode(e, s);
	d = get_of(&x, "poolscope.pool.hold_duration").exponential;
	assert_non_null(d);
	assert_int_equal(d->scale, 3);
	assert_int_equal(d->zero_count, 2);
	assert_true(d->zero_threshold == 0x1p-22);
	assert_int_equal(d->count, 5);
	assert_true(fabs(d->sum - 2002.05) < 1e-6);
	assert_int_equal(d->_max_case, OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___MAX_MAX);
	assert_true(d->max == 2000);
	assert_int_equal(d->positive->offset, -1);
	assert_int_equal(d->positive->n_bucket_counts, 82);
	assert_int_equal(d->positive->bucket_counts[0], 1);
	assert_int_equal(d->positive->bucket_counts[1], 1);
	assert_int_equal(d->positive->bucket_counts[81], 1); /* index 80: over 2^10 s */
	for (size_t i = 0; i < d->positive->n_bucket_counts; i++)
		n += d->positive->bucket_counts[i];
	assert_int_equal(n + d->zero_count, d->count);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void explicit_buckets_are_cut_exactly(void **state)
{
	static const uint64_t ns[] = { 0,         3906249,    3906300,      15624999,
				       999999900, 1000000100, 500000000000, 2000000000000 };
	struct otlp_encoder *e = new_encoder((struct otlp_encode_options){ .max_bytes = 0 });
	struct pool_row *p;
	struct snapshot *s = fixture_new(1, &p);
	struct export x;
	const Otlp__HistogramDataPoint *d;
	uint64_t n = 0;

	(void)state;
	p[0] = fixture_unknown_pool(1);
	p[0].hold = fixture_hist(s->arena, ns, 8);
	x = encode(e, s);
	d = get_of(&x, "poolscope.pool.hold_duration").hist;
	assert_non_null(d);
	assert_int_equal(d->n_explicit_bounds, 15);
	assert_int_equal(d->n_bucket_counts, 16);
	assert_true(d->explicit_bounds[6] == 0x1p-8 && d->explicit_bounds[14] == 256);
	assert_int_equal(d->bucket_counts[0], 1);
	assert_int_equal(d->bucket_counts[6], 1);
	assert_int_equal(d->bucket_counts[7], 2);
	assert_int_equal(d->bucket_counts[10], 1); /* up to 1 s */
	assert_int_equal(d->bucket_counts[11], 1);
	assert_int_equal(d->bucket_counts[15], 2);
	for (size_t i = 0; i < 16; i++)
		n += d->bucket_counts[i];
	assert_int_equal(n, d->count);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* A hole in a table, which a number of its enum skips, is a name that is NULL; the agent would end there with the first process. */
static void every_series_has_its_name(void **state)
{
	(void)state;
	for (int i = 0; i < S_POOL_COUNT; i++)
		assert_true(pool_series()[i].name && pool_series()[i].unit);
	for (int i = 0; i < A_COUNT; i++)
		assert_true(agent_series[i].name && agent_series[i].unit);
}

/* A process that executes another program while it is read has its pid twice in one snapshot: what was and what is. */
static void a_pid_that_is_there_twice_ends(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct snapshot *s = fixture_full();
	struct lock_row locks[2] = { s->locks[0], s->locks[0] };
	struct stall_row stalls[2];
	struct export x;

	(void)state;
	stalls[0] = stalls[1] = (struct stall_row){ .pid = 4242,
						    .process = "orders",
						    .cause = PS_STALL_gc,
						    .length = s->locks->wait,
						    .n = 5,
						    .sum_s = s->locks->wait->sum_s };
	s->locks = locks;
	s->n_locks = 2;
	s->stalls = stalls;
	s->n_stalls = 2;
	alarm(20); /* a list of members that leads into itself has no end */
	for (int i = 0; i < 2; i++) {
		x = encode(e, s);
		assert_true(get_of(&x, "poolscope.lock.wait_duration").value == 5);
		assert_true(get_of(&x, "poolscope.stall.duration").value == 5);
		export_done(&x);
		s->wall_ns += 1000000000;
		s->t_ns += 1000000000;
	}
	alarm(0);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* A pool whose struct counts its waits, and a runtime that counts its stalls. */
static void a_histogram_of_which_only_the_sum_is_known_has_no_buckets(void **state)
{
	static const uint64_t ns[] = { 1000000 };
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(2, &p);
	struct hist sum = { .count = 23, .sum_s = 1.5 };
	struct export x;
	struct point q;

	(void)state;
	for (int i = 0; i < 2; i++)
		p[i] = fixture_unknown_pool((uint64_t)i + 1);
	p[0].wait = &sum;
	p[1].wait = fixture_hist(s->arena, ns, 1);
	p[1].name = "other";
	x = encode(e, s);
	q = get(&x, (struct search){ .metric = "poolscope.pool.wait_duration",
				     .key = { "pool" },
				     .value = { "main-db" } });
	assert_non_null(q.hist);
	assert_true(q.hist->count == 23 && q.hist->sum == 1.5 && !q.hist->n_bucket_counts);
	q = get(&x, (struct search){ .metric = "poolscope.pool.wait_duration",
				     .key = { "pool" },
				     .value = { "other" } });
	assert_non_null(q.exponential);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void a_sum_of_0_arrives(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(1, &p);
	struct hist none = { 0 };
	struct export x;
	const Otlp__ExponentialHistogramDataPoint *d;

	(void)state;
	p[0] = fixture_unknown_pool(1);
	p[0].wait = &none;
	p[0].acquires = 0;
	x = encode(e, s);
	d = get_of(&x, "poolscope.pool.wait_duration").exponential;
	assert_int_equal(d->_sum_case, OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___SUM_SUM);
	assert_true(d->sum == 0 && d->count == 0);
	assert_int_equal(d->_max_case, OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___MAX__NOT_SET);
	assert_int_equal(get_of(&x, "poolscope.pool.acquires").number->value_case,
			 OTLP__NUMBER_DATA_POINT__VALUE_AS_INT);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* The wall clock of a snapshot and the monotonic one are read one after the other, so their difference moves. */
static void the_start_of_a_series_never_moves(void **state)
{
	struct otlp_encoder *e = cumulative();
	uint64_t start = 0;

	(void)state;
	for (int second = 0; second < 10; second++) {
		struct pool_row *p;
		struct snapshot *s = one_pool(&p, second);
		struct export x;
		struct point q;

		s->wall_ns += second * 1237;
		x = encode(e, s);
		q = get_of(&x, "poolscope.pool.acquires");
		if (!second)
			start = q.start;
		assert_int_equal(q.start, start);
		assert_int_equal(q.start, 1764000000000000000 - 10 * (uint64_t)SECOND_NS);
		assert_int_equal(q.time, s->wall_ns);
		assert_int_equal(get(&x, (struct search){ .metric = "poolscope.pool.wait_duration",
							  .key = { "outcome" },
							  .value = { "acquired" } })
					 .start,
				 start);
		assert_int_equal(get_of(&x, "poolscope.pool.in_use").start, 0);
		export_done(&x);
		snapshot_unref(s);
	}
	otlp_encoder_free(e);
}

static void a_series_with_an_unknown_start_begins_without_duration(void **state)
{
	struct otlp_encoder *e = cumulative(), *d = delta();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct export x;
	struct point q;

	(void)state;
	p->since_ns = 0;
	x = encode(e, s);
	q = get_of(&x, "poolscope.pool.acquires");
	assert_int_equal(q.start, q.time);
	assert_true(q.value == 10007);
	/* and so do the agent's, of which nobody said when it began */
	q = get_of(&x, "poolscope.agent.ticks");
	assert_int_equal(q.start, q.time);
	export_done(&x);
	x = encode(d, s);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.acquires" }), 0);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.agent.ticks" }), 0);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.wait_duration" }), 0);
	export_done(&x);
	at(s, 10);
	p->acquires += 5;
	s->agent.ticks += 10;
	x = encode(e, s);
	q = get_of(&x, "poolscope.pool.acquires");
	assert_int_equal(q.start, 1764000000000000000);
	assert_true(q.value == 10012);
	export_done(&x);
	x = encode(d, s);
	q = get_of(&x, "poolscope.pool.acquires");
	assert_int_equal(q.start, 1764000000000000000);
	assert_true(q.value == 5);
	assert_true(get_of(&x, "poolscope.agent.ticks").value == 10);
	export_done(&x);
	otlp_encoder_free(e);
	otlp_encoder_free(d);
	snapshot_unref(s);
}

static void the_agents_counters_begin_with_the_agent(void **state)
{
	struct otlp_encode_options options = { .since_wall_ns = 1763999990000000000 };
	struct otlp_encoder *e = new_encoder(options);
	struct snapshot *s = fixture_full();
	struct export x = encode(e, s);

	(void)state;
	assert_int_equal(get_of(&x, "poolscope.agent.ticks").start, options.since_wall_ns);
	assert_int_equal(get_of(&x, "poolscope.lock.wait_duration").start, options.since_wall_ns);
	assert_int_equal(get_of(&x, "poolscope.agent.resident_memory").start, 0);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* A snapshot in which everything has gone on, by numbers that nobody would guess. */
static struct snapshot *grown(int step)
{
	struct pool_row *p;
	struct snapshot *s = fixture_new(2, &p);
	uint64_t ns[64];

	at(s, 10 * step);
	for (int i = 0; i < 2 + 5 * step; i++)
		ns[i] = (uint64_t)(i * i + 1) * 1234567u;
	for (int i = 0; i < 2; i++) {
		struct hist *h = fixture_hist(s->arena, ns, (size_t)(2 + 5 * step - i));

		p[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		p[i].acquires = 101 * step * step + i;
		p[i].in_use_s = 1.25 * step + i;
		p[i].rejected_by[PS_REJECT_queue_full] = 3 * step;
	}
	fixture_add_lock(s, p[0].wait);
	s->agent.ticks = (uint64_t)(7 + 10 * step);
	return s;
}

struct total {
	double acquires, in_use_s, rejections, count, sum, buckets, locks, ticks;
	uint64_t last_time;
};

static void add_up(const struct point *p, void *context)
{
	struct total *t = context;

	if (!strcmp(p->metric->name, "poolscope.pool.acquires")) {
		t->acquires += p->value;
		assert_int_equal(p->metric->sum->aggregation_temporality, 1);
		if (t->last_time)
			assert_int_equal(p->start, t->last_time);
		t->last_time = p->time;
	} else if (!strcmp(p->metric->name, "poolscope.pool.in_use_seconds")) {
		t->in_use_s += p->value;
	} else if (!strcmp(p->metric->name, "poolscope.pool.rejections")) {
		t->rejections += p->value;
	} else if (!strcmp(p->metric->name, "poolscope.pool.hold_duration")) {
		t->count += p->value;
		t->sum += p->exponential->sum;
		t->buckets += (double)p->exponential->zero_count;
		for (size_t i = 0;
		     p->exponential->positive && i < p->exponential->positive->n_bucket_counts; i++)
			t->buckets += (double)p->exponential->positive->bucket_counts[i];
		assert_int_equal(p->exponential->_max_case,
				 OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___MAX__NOT_SET);
	} else if (!strcmp(p->metric->name, "poolscope.lock.wait_duration")) {
		t->locks += p->value;
	} else if (!strcmp(p->metric->name, "poolscope.agent.ticks")) {
		t->ticks += p->value;
	}
}

static void deltas_of_many_exports_add_up_to_the_cumulative(void **state)
{
	struct otlp_encoder *e = cumulative(), *d = delta();
	struct total t = { 0 };

	(void)state;
	for (int step = 1; step <= 11; step++) {
		struct snapshot *s = grown(step);
		struct export x = encode(d, s), y = encode(e, s);

		visit_all(&x, add_up, &t);
		assert_true(get_of(&y, "poolscope.pool.acquires").value == t.acquires);
		assert_true(t.acquires == 2 * 101 * step * step + 1);
		assert_true(fabs(get_of(&y, "poolscope.pool.in_use_seconds").value - t.in_use_s) <
			    1e-9);
		assert_true(get(&y, (struct search){ .metric = "poolscope.pool.rejections",
						     .key = { "reason" },
						     .value = { "queue_full" } })
				    .value == t.rejections);
		assert_true(get_of(&y, "poolscope.pool.hold_duration").value == t.count);
		assert_true(t.buckets == t.count);
		assert_true(fabs(get_of(&y, "poolscope.pool.hold_duration").exponential->sum -
				 t.sum) < 1e-9);
		/* of these the first export was only the beginning */
		assert_true(get_of(&y, "poolscope.lock.wait_duration").value == t.locks + 7);
		assert_true(get_of(&y, "poolscope.agent.ticks").value == t.ticks + 17);
		assert_int_equal(get_of(&x, "poolscope.pool.in_use").metric->data_case,
				 OTLP__METRIC__DATA_GAUGE);
		export_done(&x);
		export_done(&y);
		snapshot_unref(s);
	}
	otlp_encoder_free(e);
	otlp_encoder_free(d);
}

static void a_series_that_ends_says_so_once(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0), *without = fixture_new(0, &p);
	struct export x = encode(e, s);
	struct point q;

	(void)state;
	export_done(&x);
	for (int second = 1; second < 4; second++) {
		at(without, second);
		x = encode(e, without);
		if (second == 1) {
			q = get_of(&x, "poolscope.pool.acquires");
			assert_int_equal(q.flags, 1);
			assert_int_equal(q.number->value_case,
					 OTLP__NUMBER_DATA_POINT__VALUE__NOT_SET);
			assert_string_equal(attribute(&q, "pool"), "main-db");
			assert_string_equal(resource_attribute(q.resource, "process.pid"), "4242");
			assert_int_equal(get_of(&x, "poolscope.pool.in_use").flags, 1);
			assert_int_equal(get_of(&x, "poolscope.pool.hold_duration").flags, 1);
			assert_int_equal(get_of(&x, "db.client.connection.max").flags, 1);
		} else {
			assert_int_equal(
				count(&x, (struct search){ .metric = "poolscope.pool.acquires" }),
				0);
		}
		assert_int_equal(get_of(&x, "poolscope.agent.ticks").flags, 0);
		export_done(&x);
	}
	/* and when it comes again it is new */
	at(s, 5);
	x = encode(e, s);
	assert_int_equal(get_of(&x, "poolscope.pool.acquires").flags, 0);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
	snapshot_unref(without);
}

static void what_becomes_unknown_ends_alone(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct export x = encode(e, s);

	(void)state;
	export_done(&x);
	at(s, 1);
	p->capacity = UNKNOWN;
	p->wait_failed = NULL;
	x = encode(e, s);
	assert_int_equal(get_of(&x, "poolscope.pool.capacity").flags, 1);
	assert_int_equal(get_of(&x, "poolscope.pool.in_use").flags, 0);
	assert_int_equal(get(&x, (struct search){ .metric = "poolscope.pool.wait_duration",
						  .key = { "outcome" },
						  .value = { "failed" } })
				 .flags,
			 1);
	export_done(&x);
	at(s, 2);
	x = encode(e, s);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.capacity" }), 0);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void a_counter_that_fell_begins_anew(void **state)
{
	struct otlp_encoder *e = cumulative(), *d = delta();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct export x = encode(e, s), y = encode(d, s);
	struct point q;

	(void)state;
	export_done(&x);
	export_done(&y);
	at(s, 10);
	p->acquires = 23;
	x = encode(e, s);
	y = encode(d, s);
	q = get_of(&x, "poolscope.pool.acquires");
	assert_int_equal(q.start, 1764000000000000000); /* the last export */
	assert_true(q.value == 23);
	q = get_of(&x, "poolscope.pool.releases"); /* which did not fall */
	assert_int_equal(q.start, 1764000000000000000 - 10 * (uint64_t)SECOND_NS);
	assert_true(get_of(&y, "poolscope.pool.acquires").value == 23);
	assert_true(get_of(&y, "poolscope.pool.releases").value == 0);
	export_done(&x);
	export_done(&y);
	at(s, 20);
	p->acquires = 30;
	x = encode(e, s);
	y = encode(d, s);
	q = get_of(&x, "poolscope.pool.acquires");
	assert_int_equal(q.start, 1764000000000000000);
	assert_true(q.value == 30);
	assert_true(get_of(&y, "poolscope.pool.acquires").value == 7);
	export_done(&x);
	export_done(&y);
	otlp_encoder_free(e);
	otlp_encoder_free(d);
	snapshot_unref(s);
}

/* Single writer: two pools of a process with the same labels are one series, and its sum does not fall when one of them goes. */
static void pools_with_the_same_labels_are_one_series_that_does_not_fall(void **state)
{
	struct otlp_encoder *e = cumulative(), *d = delta();
	struct pool_row *p;
	struct snapshot *s = fixture_new(2, &p);
	static const uint64_t ns[] = { 1000000, 2000000 };
	struct hist *h = fixture_hist(s->arena, ns, 2);
	struct export x, y;
	double deltas = 0;

	(void)state;
	at(s, 0);
	for (int i = 0; i < 2; i++) {
		p[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		p[i].acquires = 1000 * (i + 1);
	}
	p[1].oldest_wait_ns = 500000000;
	p[1].trusted = false;
	for (int second = 0; second < 4; second++) {
		struct point q;

		at(s, second);
		if (second == 2)
			s->n_pools = 1; /* the one with 2000 goes */
		if (second == 3)
			p[0].acquires += 7;
		x = encode(e, s);
		y = encode(d, s);
		q = get_of(&x, "poolscope.pool.acquires");
		assert_true(q.value == (second == 3 ? 3007 : 3000));
		assert_int_equal(q.start, 1764000000000000000 - 10 * (uint64_t)SECOND_NS);
		deltas += get_of(&y, "poolscope.pool.acquires").value;
		assert_true(deltas == q.value);
		q = get_of(&x, "poolscope.pool.hold_duration");
		assert_true(q.value == 4);
		assert_int_equal(q.exponential->zero_count, 0);
		assert_true(get_of(&x, "poolscope.pool.capacity").value == (second < 2 ? 40 : 20));
		assert_true(get_of(&x, "poolscope.pool.oldest_wait").value ==
			    (second < 2 ? 0.5 : 0.25));
		assert_true(get_of(&x, "poolscope.pool.trusted").value == (second < 2 ? 0 : 1));
		export_done(&x);
		export_done(&y);
	}
	/* the other one is replaced: then it is another series in the same place */
	at(s, 4);
	p[0].id = 9;
	p[0].acquires = 3;
	p[0].since_ns = s->t_ns - SECOND_NS / 2;
	x = encode(e, s);
	assert_true(get_of(&x, "poolscope.pool.acquires").value == 3);
	assert_int_equal(get_of(&x, "poolscope.pool.acquires").start, s->wall_ns - SECOND_NS / 2);
	export_done(&x);
	otlp_encoder_free(e);
	otlp_encoder_free(d);
	snapshot_unref(s);
}

static void a_pid_that_is_another_process_is_another_resource(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct process_row *row;
	struct export x;

	(void)state;
	add_process(s);
	fixture_add_lock(s, p->wait);
	row = (struct process_row *)s->processes;
	x = encode(e, s);
	export_done(&x);
	at(s, 1);
	row->started_wall_ns += 3000; /* measured anew */
	x = encode(e, s);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.in_use" }), 1);
	export_done(&x);
	at(s, 100);
	row->started_wall_ns += 90ll * SECOND_NS;
	p->id = 2;
	p->since_ns = s->t_ns - 5ll * SECOND_NS;
	x = encode(e, s);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.in_use" }), 2);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.lock.wait_duration" }), 2);
	export_done(&x);
	at(s, 101);
	x = encode(e, s);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.in_use" }), 1);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.lock.wait_duration" }), 1);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void series_over_the_limit_are_one_whose_sums_are_right(void **state)
{
	struct otlp_encoder *e = new_encoder((struct otlp_encode_options){ .max_series = 3 });
	struct pool_row *p;
	struct snapshot *s = fixture_new(10, &p);
	static const uint64_t ns[] = { 1000000 };
	struct hist *h = fixture_hist(s->arena, ns, 1);
	char names[10][8];
	double sum = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(names[i], sizeof(names[i]), "p%d", i);
		p[i] = fixture_known_pool((uint64_t)(10 - i), h, h); /* the last is the oldest */
		p[i].name = names[i];
		p[i].acquires = 1 << i;
	}
	for (int second = 0; second < 3; second++) {
		struct export x;
		struct search all = { .metric = "poolscope.pool.acquires" };
		struct point q;

		at(s, second);
		if (second == 2)
			s->n_pools = 9; /* the oldest goes; who is in the overflow stays there */
		x = encode(e, s);
		assert_int_equal(count(&x, all), 4);
		q = get(&x, (struct search){ .metric = "poolscope.pool.acquires",
					     .key = { "otel.metric.overflow" },
					     .value = { "true" } });
		assert_int_equal(q.n_attributes, 1);
		assert_true(q.value == (1 << 7) - 1);
		sum = q.value;
		for (int i = 7; i < 10; i++) {
			q = get(&x, (struct search){ .metric = "poolscope.pool.acquires",
						     .key = { "pool" },
						     .value = { names[i] } });
			assert_int_equal(q.flags, second == 2 && i == 9);
			sum += q.value;
		}
		assert_true(sum == (second == 2 ? (1 << 9) - 1 : (1 << 10) - 1));
		assert_true(get(&x, (struct search){ .metric = "poolscope.pool.hold_duration",
						     .key = { "otel.metric.overflow" },
						     .value = { "true" } })
				    .value == 7);
		assert_true(get_of(&x, "poolscope.agent.series_overflow").value == 7);
		export_done(&x);
	}
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* ---- conventions ----------------------------------------------------------------------------------------------------------- */

static void a_database_pool_has_the_conventions_names_too(void **state)
{
	struct otlp_encoder *e = delta();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct export x = encode(e, s);
	struct point q;

	(void)state;
	q = get(&x, (struct search){ .metric = "db.client.connection.count",
				     .key = { "db.client.connection.state" },
				     .value = { "used" } });
	assert_true(q.value == 17);
	assert_int_equal(q.metric->data_case, OTLP__METRIC__DATA_SUM);
	assert_false(q.metric->sum->is_monotonic);
	assert_int_equal(q.metric->sum->aggregation_temporality, 2); /* also where counters are deltas */
	assert_string_equal(q.metric->unit, "{connection}");
	assert_string_equal(attribute(&q, "db.client.connection.pool.name"), "main-db");
	assert_string_equal(attribute(&q, "db.system.name"), "postgresql");
	assert_string_equal(attribute(&q, "server.address"), "127.0.0.1");
	assert_string_equal(attribute(&q, "server.port"), "5432");
	assert_null(attribute(&q, "pool"));
	q = get(&x, (struct search){ .metric = "db.client.connection.count",
				     .key = { "db.client.connection.state" },
				     .value = { "idle" } });
	assert_true(q.value == 3);
	assert_true(get_of(&x, "db.client.connection.max").value == 20);
	assert_true(get_of(&x, "db.client.connection.idle.min").value == 5);
	assert_true(get_of(&x, "db.client.connection.pending_requests").value == 2);
	q = get_of(&x, "db.client.connection.timeouts");
	assert_true(q.value == 13 && q.metric->sum->is_monotonic);
	assert_int_equal(q.metric->sum->aggregation_temporality, 1);
	q = get_of(&x, "db.client.connection.wait_time");
	assert_true(q.value == 5);
	assert_null(attribute(&q, "outcome"));
	assert_true(get_of(&x, "db.client.connection.use_time").value == 5);
	assert_true(get_of(&x, "db.client.connection.create_time").value == 5);
	assert_int_equal(count(&x, (struct search){ .metric = "http.client.open_connections" }), 0);
	export_done(&x);
	at(s, 1);
	p->timeouts += 4;
	x = encode(e, s);
	assert_true(get_of(&x, "db.client.connection.timeouts").value == 4);
	assert_true(get_of(&x, "poolscope.pool.timeouts").value == 4);
	assert_true(get_of(&x, "db.client.connection.max").value == 20);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void what_a_pool_is_follows_from_library_port_and_path(void **state)
{
	static const struct {
		const char *source, *library, *endpoint;
		enum ps_kind kind;
		const char *system;	/* "" = a database, not known which; NULL = none */
		bool is_http;
	} cases[] = {
		{ "inferred:hand-off", NULL, "10.0.0.1:5432", PS_KIND_connection, "postgresql", false },
		{ "inferred:hand-off", NULL, "[2001:db8::1]:3306", PS_KIND_connection, "mysql", false },
		{ "inferred:hand-off", NULL, "/run/postgresql/.s.PGSQL.5432", PS_KIND_connection, "postgresql", false },
		{ "inferred:hand-off", NULL, "/tmp/x.sock", PS_KIND_connection, NULL, false },
		{ "inferred:hand-off", NULL, "10.0.0.1:443", PS_KIND_connection, NULL, true },
		{ "inferred:hand-off", NULL, "10.0.0.1:8080", PS_KIND_connection, NULL, false },
		{ "usdt", NULL, "10.0.0.1:443", PS_KIND_connection, NULL, false },
		{ "usdt", NULL, "10.0.0.1:6379", PS_KIND_connection, "redis", false },
		{ "recipe", "database/sql", NULL, PS_KIND_connection, "", false },
		{ "recipe", "database/sql", "10.0.0.1:1433", PS_KIND_connection, "microsoft.sql_server", false },
		{ "recipe", "redigo", "10.0.0.1:7000", PS_KIND_connection, "redis", false },
		{ "recipe", "apr_reslist", "10.0.0.1:7000", PS_KIND_connection, NULL, false },
		{ "inferred:listener", NULL, "*:5432", PS_KIND_listener, NULL, false },
		{ "inferred:hand-off", NULL, "10.0.0.1:54321", PS_KIND_connection, NULL, false },
		{ "inferred:hand-off", NULL, "garbage", PS_KIND_connection, NULL, false },
		{ "inferred:hand-off", NULL, ":", PS_KIND_connection, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct otlp_encoder *e = cumulative();
		struct pool_row *p;
		struct snapshot *s = one_pool(&p, 0);
		struct export x;
		struct search db = { .metric = "db.client.connection.max" };
		struct search http = { .metric = "http.client.open_connections",
				       .key = { "http.connection.state" },
				       .value = { "active" } };

		p->source = cases[i].source;
		p->library = cases[i].library;
		p->endpoint = cases[i].endpoint;
		p->kind = cases[i].kind;
		x = encode(e, s);
		assert_int_equal(count(&x, db), cases[i].system != NULL);
		assert_int_equal(count(&x, http), cases[i].is_http);
		if (cases[i].system) {
			struct point q = get(&x, db);
			const char *system = attribute(&q, "db.system.name");

			assert_string_equal(system ? system : "", cases[i].system);
		}
		if (cases[i].is_http) {
			struct point q = get(&x, http);

			assert_true(q.value == 17);
			assert_int_equal(q.n_attributes, 3);
			assert_string_equal(attribute(&q, "server.address"), "10.0.0.1");
			assert_string_equal(attribute(&q, "server.port"), "443");
		}
		export_done(&x);
		otlp_encoder_free(e);
		snapshot_unref(s);
	}
}

static void two_database_pools_of_one_name_keep_apart(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = fixture_new(2, &p);
	struct export x;

	(void)state;
	for (int i = 0; i < 2; i++) {
		p[i] = fixture_known_pool((uint64_t)i + 1, NULL, NULL);
		p[i].source = i ? "recipe" : "usdt";
	}
	x = encode(e, s);
	get(&x, (struct search){ .metric = "db.client.connection.max",
				 .key = { "db.client.connection.pool.name" },
				 .value = { "main-db" } });
	get(&x, (struct search){ .metric = "db.client.connection.max",
				 .key = { "db.client.connection.pool.name" },
				 .value = { "main-db#2" } });
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* ---- exemplars -------------------------------------------------------------------------------------------------------------- */

static void exemplars_are_sent_once_with_their_thread(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct exemplar_row rows[] = {
		{ .value_s = 0.25, .wall_ns = 1763999999000000000, .tid = 4250, .thread = "http\xff-1" },
		{ .value_s = 0.002, .wall_ns = 1763999998000000000, .tid = 4251, .thread = "" },
	};
	struct search wait = { .metric = "poolscope.pool.wait_duration",
			       .key = { "outcome" },
			       .value = { "acquired" } };
	struct export x;
	const Otlp__ExponentialHistogramDataPoint *d;

	(void)state;
	p->slow_waits = rows;
	p->n_slow_waits = 2;
	x = encode(e, s);
	d = get(&x, wait).exponential;
	assert_int_equal(d->n_exemplars, 2);
	assert_true(d->exemplars[0]->as_double == 0.25);
	assert_int_equal(d->exemplars[0]->time_unix_nano, 1763999999000000000);
	assert_string_equal(text_of(d->exemplars[0]->filtered_attributes,
				    d->exemplars[0]->n_filtered_attributes, "thread.id"),
			    "4250");
	assert_string_equal(text_of(d->exemplars[0]->filtered_attributes,
				    d->exemplars[0]->n_filtered_attributes, "thread.name"),
			    "http?-1");
	assert_int_equal(d->exemplars[1]->n_filtered_attributes, 1);
	assert_int_equal(get_of(&x, "poolscope.pool.hold_duration").exponential->n_exemplars, 0);
	export_done(&x);
	at(s, 5);
	rows[1].wall_ns = s->wall_ns - SECOND_NS;
	x = encode(e, s);
	d = get(&x, wait).exponential;
	assert_int_equal(d->n_exemplars, 1);
	assert_true(d->exemplars[0]->as_double == 0.002);
	export_done(&x);
	otlp_encoder_free(e);
	e = new_encoder((struct otlp_encode_options){ .has_no_exemplars = true,
						      .histogram = OTLP_EXPONENTIAL });
	x = encode(e, s);
	assert_int_equal(get(&x, wait).exponential->n_exemplars, 0);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

/* ---- sizes and bad names ----------------------------------------------------------------------------------------------------- */

/* What a point is called, in full. */
static void add_identity(const struct point *p, void *context)
{
	struct buffer *b = context;

	buffer_printf(b, "%s/%s", resource_attribute(p->resource, "service.instance.id"),
		      p->metric->name);
	for (size_t i = 0; i < p->n_attributes; i++)
		buffer_printf(b, ",%s=%s", p->attributes[i]->key,
			      text_of(p->attributes, p->n_attributes, p->attributes[i]->key));
	buffer_printf(b, "=%.17g\n", p->value);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The points of an export, each a line, sorted; a stream that is in two places shows as two lines that are equal. */
static char *list(const struct export *x, size_t *ret_n)
{
	struct buffer b = { 0 }, sorted = { 0 };
	char **lines = NULL, *save = NULL;
	size_t n = 0;

	visit_all(x, add_identity, &b);
	for (char *line = strtok_r(b.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		lines = realloc(lines, (n + 1) * sizeof(*lines));
		lines[n++] = line;
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		char *value = strrchr(lines[i], '=');

		if (i && !strncmp(lines[i], lines[i - 1], (size_t)(value - lines[i]) + 1))
			fail_msg("two points of one series: %s", lines[i]);
		buffer_printf(&sorted, "%s\n", lines[i]);
	}
	free(lines);
	buffer_done(&b);
	*ret_n = n;
	return sorted.data;
}

static struct snapshot *many(int n, int n_of_a_process)
{
	static const uint64_t ns[] = { 0, 1000000, 2000000, 77000000, 300000000 };
	struct pool_row *p;
	struct snapshot *s = fixture_new((size_t)n, &p);
	struct hist *h = fixture_hist(s->arena, ns, 5);

	for (int i = 0; i < n; i++) {
		p[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		p[i].pid = 1000 + i / n_of_a_process;
		p[i].name = arena_printf(s->arena, "pool-%d", i);
		p[i].endpoint = arena_printf(s->arena, "10.0.0.%d:5432", i % 250);
	}
	return s;
}

static void requests_are_split_and_no_point_is_lost(void **state)
{
	static const size_t limits[] = { 3000, 4096, 20001, 65536 };
	struct snapshot *s = many(40, 8);
	struct otlp_encoder *e = cumulative();
	struct export whole = encode(e, s);
	size_t n_whole;
	char *all = list(&whole, &n_whole);

	(void)state;
	assert_int_equal(whole.n, 1);
	assert_int_equal(whole.requests[0].n_items, n_whole);
	otlp_encoder_free(e);
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct export x;
		char *parts;
		size_t n, n_items = 0;

		e = new_encoder((struct otlp_encode_options){ .histogram = OTLP_EXPONENTIAL,
							      .max_bytes = limits[i] });
		x = encode(e, s);
		assert_true(x.n > 1);
		for (size_t k = 0; k < x.n; k++) {
			assert_true(x.requests[k].body.n <= limits[i]);
			n_items += x.requests[k].n_items;
		}
		parts = list(&x, &n);
		assert_int_equal(n, n_whole);
		assert_int_equal(n_items, n_whole);
		assert_string_equal(parts, all);
		free(parts);
		export_done(&x);
		otlp_encoder_free(e);
	}
	free(all);
	export_done(&whole);
	snapshot_unref(s);
}

struct given {
	struct otlp_request requests[MAX_REQUESTS];
	size_t n;
};

static void give(void *context, struct otlp_request *request)
{
	struct given *g = context;

	assert_true(g->n < MAX_REQUESTS);
	g->requests[g->n++] = *request;
}

static void requests_that_are_given_one_by_one_are_the_same(void **state)
{
	struct snapshot *s = many(40, 8);
	struct otlp_encode_options options = { .max_bytes = 20001, .temporality = OTLP_DELTA };
	struct otlp_encoder *e = new_encoder(options), *each = new_encoder(options);

	(void)state;
	for (int second = 0; second < 3; second++) {
		struct export x;
		struct given g = { .n = 0 };

		at(s, second);
		x = encode(e, s);
		assert_int_equal(otlp_encode_metrics_each(each, s, give, &g), 0);
		assert_int_equal(g.n, x.n);
		for (size_t i = 0; i < g.n; i++) {
			assert_int_equal(g.requests[i].n_items, x.requests[i].n_items);
			assert_int_equal(g.requests[i].body.n, x.requests[i].body.n);
			assert_memory_equal(g.requests[i].body.data, x.requests[i].body.data,
					    x.requests[i].body.n);
			buffer_done(&g.requests[i].body);
		}
		export_done(&x);
	}
	otlp_encoder_free(e);
	otlp_encoder_free(each);
	snapshot_unref(s);
}

static void check_utf8(const struct point *p, void *context)
{
	char clean[2048];

	(void)context;
	for (size_t i = 0; i < p->n_attributes; i++) {
		const char *value = p->attributes[i]->value->string_value;

		if (p->attributes[i]->value->value_case != OTLP__ANY_VALUE__VALUE_STRING_VALUE)
			continue;
		assert_true(text_is_clean(value));
		assert_true(strlen(value) < TEXT_NAME_BYTES);
		text_clean(value, SIZE_MAX, clean, sizeof(clean));
		assert_string_equal(value, clean);
	}
	for (size_t i = 0; i < p->resource->n_attributes; i++) {
		assert_true(text_is_clean(p->resource->attributes[i]->key));
		if (p->resource->attributes[i]->value->value_case ==
		    OTLP__ANY_VALUE__VALUE_STRING_VALUE)
			assert_true(text_is_clean(p->resource->attributes[i]->value->string_value));
	}
}

static void hostile_names_come_out_as_utf8_and_within_the_limit(void **state)
{
	struct otlp_encoder *e = new_encoder((struct otlp_encode_options){ .max_bytes = 16384 });
	struct pool_row *p;
	struct snapshot *s = one_pool(&p, 0);
	struct process_row *row = arena_alloc(s->arena, 1, sizeof(*row));
	struct attribute_row *attributes = arena_alloc(s->arena, 1000, sizeof(*attributes));
	struct exemplar_row slow = { .value_s = 1, .wall_ns = s->wall_ns, .tid = 1 };
	char *longest = malloc(65537);
	struct export x;

	(void)state;
	for (int i = 0; i < 65536; i++)
		longest[i] = (char)(i % 255 + 1);
	longest[65536] = '\0';
	for (int i = 0; i < 1000; i++)
		attributes[i] =
			(struct attribute_row){ arena_printf(s->arena, "%d%.300s", i, longest + i),
						longest + i };
	*row = (struct process_row){ .pid = p->pid,
				     .process = longest,
				     .service = longest,
				     .service_name = longest,
				     .executable = longest,
				     .container_id = longest,
				     .started_wall_ns = UNKNOWN,
				     .attributes = attributes,
				     .n_attributes = 1000 };
	s->processes = row;
	s->n_processes = 1;
	p->name = "a\"b\\c\nd\xff\xc0\x80";
	p->process = p->service = p->source = longest;
	p->endpoint = longest;
	s->host = longest;
	memset(slow.thread, 0xff, sizeof(slow.thread));
	p->slow_waits = &slow;
	p->n_slow_waits = 1;
	x = encode(e, s);
	visit_all(&x, check_utf8, NULL);
	for (size_t i = 0; i < x.n; i++)
		assert_true(x.requests[i].body.n <= 16384);
	assert_int_equal(count(&x, (struct search){ .metric = "poolscope.pool.in_use",
						    .key = { "pool" },
						    .value = { "a\"b\\c?d???" } }),
			 1);
	assert_true(get_of(&x, "poolscope.pool.in_use").resource->dropped_attributes_count > 900);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
	free(longest);
}

/* ---- logs ------------------------------------------------------------------------------------------------------------------ */

static void findings_that_are_news_are_log_records(void **state)
{
	struct otlp_encoder *e = cumulative();
	struct snapshot *s = fixture_full();
	struct finding_row *f = (struct finding_row *)s->findings;
	struct export x = { .n = 0 };
	const Otlp__ResourceLogs *rl;
	Otlp__LogRecord **r;

	(void)state;
	assert_int_equal(otlp_encode_logs(e, s, &x.requests, &x.n), 0);
	assert_int_equal(x.n, 0);
	f[0].is_news = f[1].is_news = true;
	assert_int_equal(otlp_encode_logs(e, s, &x.requests, &x.n), 0);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.requests[0].n_items, 2);
	x.logs[0] = otlp__export_logs_service_request__unpack(NULL, x.requests[0].body.n,
							      (uint8_t *)x.requests[0].body.data);
	assert_non_null(x.logs[0]);
	assert_int_equal(x.logs[0]->n_resource_logs, 1);
	rl = x.logs[0]->resource_logs[0];
	assert_string_equal(resource_attribute(rl->resource, "process.pid"), "4242");
	assert_string_equal(rl->scope_logs[0]->scope->name, "poolscope");
	assert_int_equal(rl->scope_logs[0]->n_log_records, 2);
	r = rl->scope_logs[0]->log_records;
	assert_int_equal(r[0]->time_unix_nano, 1763999990000000000);
	assert_int_equal(r[0]->observed_time_unix_nano, s->wall_ns);
	assert_int_equal(r[0]->severity_number, 13);
	assert_string_equal(r[0]->severity_text, "warning");
	assert_string_equal(r[0]->body->string_value, "too small: 17 of 20 in use and 2 wait");
	assert_string_equal(r[0]->event_name, "poolscope.finding");
	assert_string_equal(text_of(r[0]->attributes, r[0]->n_attributes, "poolscope.finding.type"),
			    "too-small");
	assert_string_equal(
		text_of(r[0]->attributes, r[0]->n_attributes, "poolscope.finding.state"), "open");
	assert_string_equal(text_of(r[0]->attributes, r[0]->n_attributes, "poolscope.finding.id"),
			    "1");
	assert_string_equal(text_of(r[0]->attributes, r[0]->n_attributes, "pool"), "main-db");
	assert_string_equal(
		text_of(r[0]->attributes, r[0]->n_attributes, "poolscope.finding.advice"),
		"raise the capacity");
	/* the end of a critical one is nothing critical */
	assert_int_equal(r[1]->severity_number, 9);
	assert_int_equal(r[1]->time_unix_nano, 1763999985000000000);
	assert_string_equal(
		text_of(r[1]->attributes, r[1]->n_attributes, "poolscope.finding.state"), "closed");
	assert_string_equal(
		text_of(r[1]->attributes, r[1]->n_attributes, "poolscope.finding.severity"),
		"critical");
	assert_string_equal(
		text_of(r[1]->attributes, r[1]->n_attributes, "poolscope.finding.duration"), "5");
	export_done(&x);
	f[0].severity = SEVERITY_CRITICAL;
	x = (struct export){ .n = 0 };
	assert_int_equal(otlp_encode_logs(e, s, &x.requests, &x.n), 0);
	x.logs[0] = otlp__export_logs_service_request__unpack(NULL, x.requests[0].body.n,
							      (uint8_t *)x.requests[0].body.data);
	assert_int_equal(
		x.logs[0]->resource_logs[0]->scope_logs[0]->log_records[0]->severity_number, 17);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

static void many_findings_are_split_too(void **state)
{
	struct otlp_encoder *e = new_encoder((struct otlp_encode_options){ .max_bytes = 4096 });
	struct pool_row *p;
	struct snapshot *s = fixture_new(0, &p);
	struct finding_row *f = arena_alloc(s->arena, 101, sizeof(*f));
	char *longest = malloc(65537);
	struct export x = { .n = 0 };
	size_t n = 0, n_items = 0;

	(void)state;
	memset(longest, '\xc3', 65536);
	longest[65536] = '\0';
	for (int i = 0; i < 101; i++)
		f[i] = (struct finding_row){ .id = (uint64_t)i,
					     .type = "leak",
					     .is_open = true,
					     .is_news = true,
					     .pid = i % 7,
					     .process = "x",
					     .since_ns = s->wall_ns,
					     .until_ns = UNKNOWN,
					     .text = i % 2 ? longest : "short",
					     .advice = longest,
					     .evidence = longest,
					     .pool = longest };
	s->findings = f;
	s->n_findings = 101;
	assert_int_equal(otlp_encode_logs(e, s, &x.requests, &x.n), 0);
	assert_true(x.n > 10 && x.n <= MAX_REQUESTS);
	for (size_t i = 0; i < x.n; i++) {
		assert_true(x.requests[i].body.n <= 4096);
		n_items += x.requests[i].n_items;
		x.logs[i] = otlp__export_logs_service_request__unpack(
			NULL, x.requests[i].body.n, (uint8_t *)x.requests[i].body.data);
		assert_non_null(x.logs[i]);
		for (size_t k = 0; k < x.logs[i]->n_resource_logs; k++)
			n += x.logs[i]->resource_logs[k]->scope_logs[0]->n_log_records;
	}
	assert_int_equal(n, 101);
	assert_int_equal(n_items, 101);
	export_done(&x);
	otlp_encoder_free(e);
	snapshot_unref(s);
	free(longest);
}

/* ---- names ------------------------------------------------------------------------------------------------------------------ */

/* What receivers make of name, unit and kind for Prometheus (OpenTelemetry's compatibility specification, "OTLP Metric points to Prometheus"). */
static void check_name(const char *prefix, const char *otlp, const char *unit, const char *type,
		       const char *name)
{
	static const char *const words[][2] = { { "s", "_seconds" }, { "By", "_bytes" } };
	char made[256];

	snprintf(made, sizeof(made), "%s%s", prefix, otlp);
	for (char *c = made; *c; c++)
		*c = *c == '.' ? '_' : *c;
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(made), k = strlen(words[i][1]);

		if (!strcmp(unit, words[i][0]) && (n < k || strcmp(made + n - k, words[i][1]) != 0))
			strcat(made, words[i][1]);
	}
	if (!strcmp(type, "counter"))
		strcat(made, "_total");
	assert_string_equal(made, name);
}

static void receivers_make_the_names_of_prometheus_of_ours(void **state)
{
	(void)state;
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help)                                 \
	check_name("poolscope.pool.", otlp, unit, #type, "poolscope_pool_" name);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	check_name("poolscope.pool.", otlp, unit, "counter", "poolscope_pool_" name);
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help)                                 \
	check_name("poolscope.pool.", otlp, unit, "histogram", "poolscope_pool_" name);
#define AGENT_VALUE(id, name, otlp, unit, type, value, help)                                       \
	check_name("poolscope.agent.", otlp, unit, #type, "poolscope_agent_" name);
#define AGENT_FAMILY(id, name, otlp, unit, type, help)                                             \
	check_name("poolscope.agent.", otlp, unit, #type, "poolscope_agent_" name);
#define FAMILY(id, name, otlp, unit, type, help) check_name("", otlp, unit, #type, name);
#include "exporters/metrics.def"
}

/* ---- many pools ------------------------------------------------------------------------------------------------------------ */

/* Under the sanitizers this is some ten times as slow as it is; the bench prints the true time. The limit is one that a search in a list would pass. */
static void ten_thousand_pools_are_encoded_in_time(void **state)
{
	struct snapshot *s = many(10000, 5);
	struct otlp_encoder *e = cumulative();
	struct timespec from, to;
	struct otlp_request *requests;
	size_t n, n_items = 0;
	double seconds;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(otlp_encode_metrics(e, s, &requests, &n), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	for (size_t i = 0; i < n; i++) {
		assert_true(requests[i].body.n <= OTLP_MAX_REQUEST_BYTES);
		n_items += requests[i].n_items;
	}
	print_message("%zu points in %zu requests, %.2f s under the sanitizers\n", n_items, n,
		      seconds);
	assert_true(n_items > 400000);
	assert_true(seconds < 20);
	otlp_requests_free(requests, n);
	otlp_encoder_free(e);
	snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_a_resource_that_it_cannot_forge),
		cmocka_unit_test(a_resource_has_a_name_and_an_instance_whatever_is_known),
		cmocka_unit_test(an_instance_id_that_two_processes_have_is_of_one_of_them),
		cmocka_unit_test(a_pool_has_all_its_families_with_unit_type_and_labels),
		cmocka_unit_test(the_agent_the_findings_and_the_locks_are_told),
		cmocka_unit_test(every_series_has_its_name),
		cmocka_unit_test(a_pid_that_is_there_twice_ends),
		cmocka_unit_test(what_is_unknown_has_no_point),
		cmocka_unit_test(exponential_buckets_are_the_kernels_own),
		cmocka_unit_test(explicit_buckets_are_cut_exactly),
		cmocka_unit_test(a_histogram_of_which_only_the_sum_is_known_has_no_buckets),
		cmocka_unit_test(a_sum_of_0_arrives),
		cmocka_unit_test(the_start_of_a_series_never_moves),
		cmocka_unit_test(a_series_with_an_unknown_start_begins_without_duration),
		cmocka_unit_test(the_agents_counters_begin_with_the_agent),
		cmocka_unit_test(deltas_of_many_exports_add_up_to_the_cumulative),
		cmocka_unit_test(a_series_that_ends_says_so_once),
		cmocka_unit_test(what_becomes_unknown_ends_alone),
		cmocka_unit_test(a_counter_that_fell_begins_anew),
		cmocka_unit_test(pools_with_the_same_labels_are_one_series_that_does_not_fall),
		cmocka_unit_test(a_pid_that_is_another_process_is_another_resource),
		cmocka_unit_test(series_over_the_limit_are_one_whose_sums_are_right),
		cmocka_unit_test(a_database_pool_has_the_conventions_names_too),
		cmocka_unit_test(what_a_pool_is_follows_from_library_port_and_path),
		cmocka_unit_test(two_database_pools_of_one_name_keep_apart),
		cmocka_unit_test(exemplars_are_sent_once_with_their_thread),
		cmocka_unit_test(requests_are_split_and_no_point_is_lost),
		cmocka_unit_test(requests_that_are_given_one_by_one_are_the_same),
		cmocka_unit_test(hostile_names_come_out_as_utf8_and_within_the_limit),
		cmocka_unit_test(findings_that_are_news_are_log_records),
		cmocka_unit_test(many_findings_are_split_too),
		cmocka_unit_test(receivers_make_the_names_of_prometheus_of_ours),
		cmocka_unit_test(ten_thousand_pools_are_encoded_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
