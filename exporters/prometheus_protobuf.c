/* SPDX-License-Identifier: MIT */
/*
 * prometheus_protobuf.c - io.prometheus.client.MetricFamily, each with its length before it (a varint), with native histograms (prometheus.io, "Native
 * histograms"). The surprise is that hardly a message is packed: parts of a message may stand behind each other, so the labels are bytes that
 * were packed once, a gauge is packed once for a family, with its value in the last eight bytes, and a histogram is written member by member, with the
 * numbers that prometheus_client.proto has for them. Packing each was ten times as slow. What is read back by the packer's other half is the test.
 *
 * A family lies in memory until its length is known, and never as a tree.
 */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "exporters/prometheus_client.pb-c.h"
#include "exporters/prometheus_form.h"

/* Short names for protoc-c's long ones. */
typedef Io__Prometheus__Client__LabelPair LabelPair;
typedef Io__Prometheus__Client__Exemplar Exemplar;
typedef Io__Prometheus__Client__Moment Moment;
typedef Io__Prometheus__Client__Metric Metric;
typedef Io__Prometheus__Client__MetricFamily MetricFamily;
#define INIT(name) IO__PROMETHEUS__CLIENT__##name##__INIT

#define LENGTH_BYTES 10		/* a varint */
#define HEAD_BYTES (2 * LENGTH_BYTES)	/* of a member: its tag, and its length */
#define EXEMPLAR_BYTES 256	/* three labels of 15 bytes at most, with their names, a value and a time */
#define MAX_METRIC_BYTES 32768	/* a histogram without labels */
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

static uint8_t *put_bytes(uint8_t *to, const void *data, size_t n)
{
	if (n)
		memcpy(to, data, n);
	return to + n;
}

/* The eight bytes of a double. */
static uint8_t *put_fixed(uint8_t *to, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bits = htole64(bits);
	return put_bytes(to, &bits, sizeof(bits));
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
	size_t n = labels.n + more.n + w->constant.n + n_rest;
	char *metric = buffer_room(&w->scratch, HEAD_BYTES + n);
	uint8_t *to = (uint8_t *)metric;

	if (!metric)
		return;
	if (!w->metric_tag)
		w->metric_tag =
			tag_of(&io__prometheus__client__metric_family__descriptor, "metric");
	to += put_varint(to, w->metric_tag);
	to += put_varint(to, n);
	to = put_bytes(to, labels.data, labels.n);
	to = put_bytes(to, more.data, more.n);
	to = put_bytes(to, w->constant.data, w->constant.n);
	to = put_bytes(to, rest, n_rest);
	buffer_take(&w->scratch, (size_t)((char *)to - metric));
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
	if (!w->n_samples)
		make_template(w);
	if (w->scratch.error)
		return;
	put_fixed(w->value_bytes + w->n_value_bytes - sizeof(v), v);
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

/* Numbers of members in prometheus_client.proto. */
enum { METRIC_HISTOGRAM = 7 };
enum {
	HISTOGRAM_COUNT = 1,
	HISTOGRAM_SUM = 2,
	HISTOGRAM_BUCKET = 3,
	HISTOGRAM_SCHEMA = 5,
	HISTOGRAM_ZERO_THRESHOLD = 6,
	HISTOGRAM_ZERO_COUNT = 7,
	HISTOGRAM_SPAN = 12,
	HISTOGRAM_DELTA = 13,
	HISTOGRAM_EXEMPLAR = 16
};
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2, BUCKET_EXEMPLAR = 3 };
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };
enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2 };

static uint8_t *put_number(uint8_t *to, unsigned int member, uint64_t n)
{
	to += put_varint(to, member << 3 | VARINT);
	return to + put_varint(to, n);
}

/* Of sint32 and sint64: the sign is the lowest bit. */
static uint64_t zigzag(int64_t n)
{
	return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static uint8_t *put_double(uint8_t *to, unsigned int member, double v)
{
	to += put_varint(to, member << 3 | FIXED64);
	return put_fixed(to, v);
}

static uint8_t *put_member(uint8_t *to, unsigned int member, const uint8_t *data, size_t n)
{
	to += put_varint(to, member << 3 | BYTES);
	to += put_varint(to, n);
	return put_bytes(to, data, n);
}

/* Exemplars of a histogram, packed. */
struct packed_exemplar {
	size_t n; /* 0 = there is none */
	bool has_time;
	uint8_t bytes[EXEMPLAR_BYTES];
};

static void pack_exemplar(const struct exemplar *e, struct packed_exemplar *ret)
{
	struct exemplar_parts parts;
	Exemplar *m;

	ret->n = 0;
	if (!e->row)
		return;
	m = make_exemplar(&parts, e);
	if (protobuf_c_message_get_packed_size(&m->base) > sizeof(ret->bytes))
		return; /* it never is */
	ret->n = protobuf_c_message_pack(&m->base, ret->bytes);
	ret->has_time = m->timestamp;
}

static uint8_t *put_classic(uint8_t *to, const struct summed *h,
			    const struct packed_exemplar exemplar[N_CLASSIC])
{
	uint64_t upto[N_CLASSIC];

	summed_cut(h, upto);
	for (unsigned int i = 0; i < N_CLASSIC; i++) {
		uint8_t bucket[3 * HEAD_BYTES + EXEMPLAR_BYTES], *end = bucket;

		end = put_number(end, BUCKET_COUNT, upto[i]);
		end = put_double(end, BUCKET_BOUND, classic_bound(i));
		if (exemplar[i].n)
			end = put_member(end, BUCKET_EXEMPLAR, exemplar[i].bytes, exemplar[i].n);
		to = put_member(to, HISTOGRAM_BUCKET, bucket, (size_t)(end - bucket));
	}
	return to;
}

/* What stands in a row, and how many are left out before it. */
struct span {
	int32_t offset;
	uint32_t length;
};

struct native {
	struct span span[MAX_SPANS];
	unsigned int n_spans;
	uint8_t delta[PS_HIST_BUCKETS * LENGTH_BYTES], *end;
	uint64_t before; /* the count of the last bucket */
};

/* One bucket more at the end of the last span. */
static void add_delta(struct native *x, uint64_t n)
{
	x->end += put_varint(x->end, zigzag((int64_t)(n - x->before)));
	x->span[x->n_spans - 1].length++;
	x->before = n;
}

/*
 * Bucket b of ours, whose upper bound is 2^((b + PS_HIST_OTLP_FIRST) / 8) s, has just that index there. The first is their zero bucket. The last, over
 * 2^10 s and without a bound, is counted in the one that follows: a bucket of infinite width would make nonsense of a heatmap, and none at all
 * would make the histogram invalid, as its count must be the sum of all.
 */
static void make_native(struct native *x, const struct summed *h)
{
	int32_t next = 0;	/* the index behind the last bucket */

	x->n_spans = 0;
	x->end = x->delta;
	x->before = 0;
	for (unsigned int b = h->first ? h->first : 1; b < h->end; b++) {
		int32_t index = (int32_t)b + PS_HIST_OTLP_FIRST;

		if (!h->bucket[b])
			continue;
		if (!x->n_spans || index - next > MAX_GAP) {
			x->span[x->n_spans] =
				(struct span){ .offset = x->n_spans ? index - next : index };
			x->n_spans++;
			next = index;
		}
		for (; next < index; next++)
			add_delta(x, 0);
		add_delta(x, h->bucket[b]);
		next = index + 1;
	}
}

static uint8_t *put_native(uint8_t *to, const struct summed *h)
{
	struct native x;

	make_native(&x, h);
	to = put_number(to, HISTOGRAM_SCHEMA, zigzag(3));
	to = put_double(to, HISTOGRAM_ZERO_THRESHOLD, exp2(PS_HIST_MIN_EXP));
	to = put_number(to, HISTOGRAM_ZERO_COUNT, h->bucket[0]);
	for (unsigned int i = 0; i < x.n_spans; i++) {
		uint8_t span[2 * HEAD_BYTES], *end = span;

		end = put_number(end, SPAN_OFFSET, zigzag(x.span[i].offset));
		end = put_number(end, SPAN_LENGTH, x.span[i].length);
		to = put_member(to, HISTOGRAM_SPAN, span, (size_t)(end - span));
	}
	if (x.end == x.delta)
		return to;
	return put_member(to, HISTOGRAM_DELTA, x.delta, (size_t)(x.end - x.delta));
}

_Static_assert(2 * N_CLASSIC * (EXEMPLAR_BYTES + 4 * HEAD_BYTES) +
			       (PS_HIST_BUCKETS + MAX_SPANS) * 2 * LENGTH_BYTES <
		       MAX_METRIC_BYTES,
	       "a histogram may be larger");

static void protobuf_histogram(struct writer *w, struct labels labels, struct labels more,
			       const struct summed *h)
{
	uint8_t bytes[HEAD_BYTES + MAX_METRIC_BYTES], *begin = bytes + HEAD_BYTES, *to = begin;
	struct packed_exemplar exemplar[N_CLASSIC];
	uint8_t head[HEAD_BYTES];
	size_t n_head;

	for (unsigned int i = 0; i < N_CLASSIC; i++)
		pack_exemplar(&h->exemplar[i], &exemplar[i]);
	to = put_number(to, HISTOGRAM_COUNT, h->count);
	to = put_double(to, HISTOGRAM_SUM, h->sum_s);
	to = put_classic(to, h, exemplar);
	if (!w->family.is_partial)
		to = put_native(to, h);
	for (unsigned int i = 0; i < N_CLASSIC; i++)
		if (exemplar[i].n && exemplar[i].has_time) /* here they must have one */
			to = put_member(to, HISTOGRAM_EXEMPLAR, exemplar[i].bytes, exemplar[i].n);
	n_head = put_varint(head, METRIC_HISTOGRAM << 3 | BYTES);
	n_head += put_varint(head + n_head, (size_t)(to - begin));
	memcpy(begin - n_head, head, n_head);
	add_metric(w, labels, more, begin - n_head, (size_t)(to - begin) + n_head);
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
