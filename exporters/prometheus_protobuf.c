/* SPDX-License-Identifier: MIT */
/*
 * prometheus_protobuf.c - io.prometheus.client.MetricFamily, each with its length before it (a varint), with native histograms (prometheus.io, "Native
 * histograms"). The surprise is that hardly a message is packed: parts of a message may stand behind each other, so the labels are bytes that
 * were packed once, and a gauge is packed once for a family, with its value in the last eight bytes. Packing each was ten times as slow.
 *
 * A family lies in memory until its length is known, and never as a tree.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "exporters/prometheus_client.pb-c.h"
#include "exporters/prometheus_form.h"

/* Short names for protoc-c's long ones. */
typedef Io__Prometheus__Client__LabelPair LabelPair;
typedef Io__Prometheus__Client__Exemplar Exemplar;
typedef Io__Prometheus__Client__Moment Moment;
typedef Io__Prometheus__Client__Bucket Bucket;
typedef Io__Prometheus__Client__BucketSpan BucketSpan;
typedef Io__Prometheus__Client__Histogram Histogram;
typedef Io__Prometheus__Client__Metric Metric;
typedef Io__Prometheus__Client__MetricFamily MetricFamily;
#define INIT(name) IO__PROMETHEUS__CLIENT__##name##__INIT

#define LENGTH_BYTES 10		/* a varint */
#define MAX_METRIC_BYTES 16384	/* without labels: 258 deltas, 16 buckets and exemplars are under 8 KiB */
#define MAX_SPANS (PS_HIST_BUCKETS / 2)
#define MAX_GAP 2		/* so many empty buckets are shorter than another span */

static size_t put_varint(uint8_t *to, uint64_t n)
{
	size_t i = 0;

	for (; n >= 0x80; n >>= 7)
		to[i++] = (uint8_t)(n | 0x80);
	to[i++] = (uint8_t)n;
	return i;
}

static void add_packed(struct buffer *b, const ProtobufCMessage *m)
{
	uint8_t bytes[1024];
	size_t n = protobuf_c_message_get_packed_size(m);

	if (n > sizeof(bytes)) {
		b->error = -ENOMEM; /* names and help are shorter */
		return;
	}
	protobuf_c_message_pack(m, bytes);
	buffer_add(b, bytes, n);
}

/* As a piece of a Metric. A clean value has at most TEXT_NAME_BYTES. */
static void protobuf_label(struct buffer *b, const char *name, const char *value)
{
	LabelPair pair = INIT(LABEL_PAIR), *all = &pair;
	Metric m = INIT(METRIC);

	pair.name = (char *)name;
	pair.value = (char *)value;
	m.n_label = 1;
	m.label = &all;
	add_packed(b, &m.base);
}

static void protobuf_begin(struct writer *w)
{
	static const Io__Prometheus__Client__MetricType types[] = {
		[TYPE_gauge] = IO__PROMETHEUS__CLIENT__METRIC_TYPE__GAUGE,
		[TYPE_counter] = IO__PROMETHEUS__CLIENT__METRIC_TYPE__COUNTER,
		[TYPE_histogram] = IO__PROMETHEUS__CLIENT__METRIC_TYPE__HISTOGRAM,
		[TYPE_info] = IO__PROMETHEUS__CLIENT__METRIC_TYPE__GAUGE,
	};
	MetricFamily f = INIT(METRIC_FAMILY);

	f.name = (char *)w->family.name;
	f.help = (char *)w->family.help;
	f.unit = (char *)w->family.unit;
	f.has_type = true;
	f.type = types[w->family.type];
	w->scratch.n = 0;
	w->n_samples = 0;
	add_packed(&w->scratch, &f.base);
}

/* The tag of a member that is a message. */
static uint64_t tag_of(const ProtobufCMessageDescriptor *d, const char *member)
{
	return (uint64_t)protobuf_c_message_descriptor_get_field_by_name(d, member)->id << 3 | 2;
}

/* A Metric of its labels, already packed, and of what else is in it. */
static void add_metric(struct writer *w, struct labels labels, struct labels more,
		       const uint8_t *rest, size_t n_rest)
{
	uint8_t head[2 * LENGTH_BYTES];
	size_t n;

	if (!w->metric_tag)
		w->metric_tag =
			tag_of(&io__prometheus__client__metric_family__descriptor, "metric");
	n = put_varint(head, w->metric_tag);
	n += put_varint(head + n, labels.n + more.n + w->constant.n + n_rest);
	buffer_add(&w->scratch, head, n);
	buffer_add(&w->scratch, labels.data, labels.n);
	buffer_add(&w->scratch, more.data, more.n);
	buffer_add(&w->scratch, w->constant.data, w->constant.n);
	buffer_add(&w->scratch, rest, n_rest);
	w->n_samples++;
}

/* The gauge or counter of a family, whose last member is the value. */
static void make_template(struct writer *w)
{
	Io__Prometheus__Client__Gauge gauge = INIT(GAUGE);
	Io__Prometheus__Client__Counter counter = INIT(COUNTER);
	Metric m = INIT(METRIC);

	gauge.has_value = counter.has_value = true;
	if (w->family.type == TYPE_counter)
		m.counter = &counter;
	else
		m.gauge = &gauge;
	w->n_value_bytes = protobuf_c_message_get_packed_size(&m.base);
	if (w->n_value_bytes > sizeof(w->value_bytes) || w->n_value_bytes < sizeof(double)) {
		w->scratch.error = -EOVERFLOW; /* the message has become another one */
		return;
	}
	protobuf_c_message_pack(&m.base, w->value_bytes);
}

static void protobuf_value(struct writer *w, struct labels labels, struct labels more, double v)
{
	uint64_t bits;
	uint8_t *to;

	if (!w->n_samples)
		make_template(w);
	if (w->scratch.error)
		return;
	to = w->value_bytes + w->n_value_bytes - sizeof(bits);
	memcpy(&bits, &v, sizeof(bits));
	for (unsigned int i = 0; i < sizeof(bits); i++)
		to[i] = (uint8_t)(bits >> 8 * i);
	add_metric(w, labels, more, w->value_bytes, w->n_value_bytes);
}

/* ---- histograms ---------------------------------------------------------------------------------------------------------- */

/* The messages of one exemplar. */
struct exemplar_parts {
	struct exemplar_text text;
	LabelPair pair[3], *pairs[3];
	Moment moment;
	Exemplar message;
};

static Exemplar *make_exemplar(struct exemplar_parts *x, const struct exemplar *e)
{
	x->text = exemplar_text(e);
	for (unsigned int i = 0; i < 3; i++) {
		x->pair[i] = (LabelPair)INIT(LABEL_PAIR);
		x->pairs[i] = &x->pair[i];
	}
	x->pair[0].name = (char *)"pid";
	x->pair[0].value = x->text.pid;
	x->pair[1].name = (char *)"tid";
	x->pair[1].value = x->text.tid;
	x->pair[2].name = (char *)"thread";
	x->pair[2].value = x->text.thread;
	x->moment = (Moment)INIT(MOMENT);
	x->moment.has_seconds = x->moment.has_nanos = true;
	x->moment.seconds = e->row->wall_ns / 1000000000;
	x->moment.nanos = (int32_t)(e->row->wall_ns % 1000000000);
	x->message = (Exemplar)INIT(EXEMPLAR);
	x->message.label = x->pairs;
	x->message.n_label = x->text.thread[0] ? 3 : 2;
	x->message.has_value = true;
	x->message.value = e->row->value_s;
	x->message.timestamp = e->row->wall_ns > 0 ? &x->moment : NULL;
	return &x->message;
}

/* What the members of a Histogram point to. */
struct histogram_parts {
	Histogram message;
	Bucket bucket[N_CLASSIC], *buckets[N_CLASSIC];
	BucketSpan span[MAX_SPANS], *spans[MAX_SPANS];
	int64_t delta[PS_HIST_BUCKETS];
	struct exemplar_parts exemplar[N_CLASSIC];
	Exemplar *exemplars[N_CLASSIC];
};

static void make_classic(struct histogram_parts *x, const struct summed *h)
{
	uint64_t upto[N_CLASSIC];

	summed_cut(h, upto);
	for (unsigned int i = 0; i < N_CLASSIC; i++) {
		Bucket *b = x->buckets[i] = &x->bucket[i];

		*b = (Bucket)INIT(BUCKET);
		b->has_cumulative_count = b->has_upper_bound = true;
		b->cumulative_count = upto[i];
		b->upper_bound = classic_bound(i);
		if (h->exemplar[i].row) {
			b->exemplar = make_exemplar(&x->exemplar[i], &h->exemplar[i]);
			if (b->exemplar->timestamp) /* here they must have one */
				x->exemplars[x->message.n_exemplars++] = b->exemplar;
		}
	}
	x->message.bucket = x->buckets;
	x->message.n_bucket = N_CLASSIC;
	x->message.exemplars = x->exemplars;
}

static void begin_span(struct histogram_parts *x, int32_t offset)
{
	BucketSpan *span = &x->span[x->message.n_positive_span];

	*span = (BucketSpan)INIT(BUCKET_SPAN);
	span->has_offset = span->has_length = true;
	span->offset = offset;
	x->spans[x->message.n_positive_span++] = span;
}

/* One bucket more at the end of the last span. */
static void add_delta(struct histogram_parts *x, uint64_t n, uint64_t *before)
{
	x->delta[x->message.n_positive_delta++] = (int64_t)(n - *before);
	x->spans[x->message.n_positive_span - 1]->length++;
	*before = n;
}

/*
 * Bucket b of ours, whose upper bound is 2^((b + PS_HIST_OTLP_FIRST) / 8) s, has just that index there. The first is their zero bucket. The last, over
 * 2^10 s and without a bound, is counted in the one that follows: a bucket of infinite width would make nonsense of a heatmap, and none at all
 * would make the histogram invalid, as its count must be the sum of all.
 */
static void make_native(struct histogram_parts *x, const struct summed *h)
{
	Histogram *m = &x->message;
	int32_t next = 0;	/* the index behind the last bucket */
	uint64_t before = 0;

	m->has_schema = m->has_zero_threshold = m->has_zero_count = true;
	m->schema = 3;
	m->zero_threshold = exp2(PS_HIST_MIN_EXP);
	m->zero_count = h->bucket[0];
	for (unsigned int b = h->first ? h->first : 1; b < h->end; b++) {
		int32_t index = (int32_t)b + PS_HIST_OTLP_FIRST;

		if (!h->bucket[b])
			continue;
		if (!m->n_positive_span || index - next > MAX_GAP) {
			begin_span(x, m->n_positive_span ? index - next : index);
			next = index;
		}
		for (; next < index; next++)
			add_delta(x, 0, &before);
		add_delta(x, h->bucket[b], &before);
		next = index + 1;
	}
	m->positive_span = x->spans;
	m->positive_delta = x->delta;
}

static void protobuf_histogram(struct writer *w, struct labels labels, struct labels more,
			       const struct summed *h)
{
	uint8_t bytes[MAX_METRIC_BYTES];
	struct histogram_parts x;
	Metric m = INIT(METRIC);
	size_t n;

	x.message = (Histogram)INIT(HISTOGRAM);
	x.message.has_sample_count = x.message.has_sample_sum = true;
	x.message.sample_count = h->count;
	x.message.sample_sum = h->sum_s;
	make_classic(&x, h);
	if (!w->family.is_partial)
		make_native(&x, h);
	m.histogram = &x.message;
	n = protobuf_c_message_get_packed_size(&m.base);
	if (n > sizeof(bytes)) {
		w->scratch.error = -EOVERFLOW; /* it never is */
		return;
	}
	protobuf_c_message_pack(&m.base, bytes);
	add_metric(w, labels, more, bytes, n);
}

/* A family without a sample is none here. */
static void protobuf_end(struct writer *w)
{
	uint8_t length[LENGTH_BYTES];

	if (!w->n_samples)
		return;
	buffer_add(w->out, length, put_varint(length, w->scratch.n));
	buffer_add(w->out, w->scratch.data, w->scratch.n);
}

static void protobuf_end_page(struct writer *w)
{
	(void)w;
}

const struct form prometheus_protobuf = {
	.content_type =
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	.label = protobuf_label,
	.begin = protobuf_begin,
	.value = protobuf_value,
	.histogram = protobuf_histogram,
	.end = protobuf_end,
	.end_page = protobuf_end_page,
};
