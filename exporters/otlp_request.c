/* SPDX-License-Identifier: MIT */
/*
 * otlp_request.c - see otlp_request.h. The surprise: the messages around the points are written by hand. protobuf-c packs a message that is there as a
 * whole, and a request of ten thousand pools as structs would take ten times the bytes that are sent; what is around is a tag and a length.
 */
#include "exporters/otlp_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_attributes.h"

#define SCOPE_NAME "poolscope"
/* of the semantic conventions whose names are used */
#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"
/* tags and lengths around an item: request, Resource, scope, metric, data, with room */
#define AROUND_BYTES ((size_t)64 + sizeof(SCOPE_NAME) + sizeof(SCHEMA_URL) + TEXT_NAME_BYTES)

void requests_init(struct requests *r, bool is_logs, size_t max_bytes, const char *version)
{
	*r = (struct requests){ .max_bytes = max_bytes ? max_bytes : OTLP_MAX_REQUEST_BYTES,
				.is_logs = is_logs,
				.version = version };
}

static void put_head(struct buffer *b, unsigned int field, size_t length)
{
	uint8_t head[11] = { (uint8_t)(field << 3 | 2) };

	buffer_add(b, head, 1 + varint_put(length, head + 1));
}

static void put_bytes(struct buffer *b, unsigned int field, const void *data, size_t n)
{
	put_head(b, field, n);
	buffer_add(b, data, n);
}

static void put_text(struct buffer *b, unsigned int field, const char *text)
{
	if (*text)
		put_bytes(b, field, text, strlen(text));
}

static void put_number(struct buffer *b, unsigned int field, uint64_t n)
{
	uint8_t bytes[11] = { (uint8_t)(field << 3) };

	buffer_add(b, bytes, 1 + varint_put(n, bytes + 1));
}

/* Points become a metric. */
static void close_metric(struct requests *r)
{
	CLEANUP(buffer_done) struct buffer head = { 0 }, tail = { 0 };
	size_t data = r->points.n;

	if (!r->metric.name || !r->points.n)
		return;
	put_text(&head, 1, r->metric.name);
	put_text(&head, 2, r->metric.description);
	put_text(&head, 3, r->metric.unit);
	if (r->metric.kind != METRIC_GAUGE)
		put_number(&tail, 2, (uint64_t)r->metric.temporality);
	if (r->metric.kind == METRIC_SUM && r->metric.is_monotonic)
		put_number(&tail, 3, 1);
	data += tail.n;
	put_head(&r->items, 2, head.n + 1 + varint_size(data) + data);
	buffer_add(&r->items, head.data, head.n);
	put_head(&r->items, (unsigned int)r->metric.kind, data);
	buffer_add(&r->items, r->points.data, r->points.n);
	buffer_add(&r->items, tail.data, tail.n);
	r->points.n = 0;
	r->error = r->error ? r->error : head.error ? head.error : tail.error;
}

static void put_scope(const struct requests *r, struct buffer *ret)
{
	Otlp__InstrumentationScope scope = OTLP__INSTRUMENTATION_SCOPE__INIT;
	char version[TEXT_NAME_BYTES];
	uint8_t packed[sizeof(SCOPE_NAME) + TEXT_NAME_BYTES + 8];

	text_clean(r->version, SIZE_MAX, version, sizeof(version));
	scope.name = (char *)SCOPE_NAME;
	scope.version = version;
	put_bytes(ret, 1, packed, otlp__instrumentation_scope__pack(&scope, packed));
}

/* Items become a Resource of the request: resource, scope and items, schema. ScopeMetrics and ScopeLogs have the same numbers. */
static void close_resource(struct requests *r)
{
	CLEANUP(buffer_done) struct buffer scope = { 0 }, head = { 0 };
	size_t length;

	close_metric(r);
	if (!r->resource || !r->items.n)
		return;
	put_scope(r, &scope);
	put_bytes(&head, 1, r->resource->data, r->resource->n);
	put_head(&head, 2, scope.n + r->items.n);
	length = head.n + scope.n + r->items.n + 1 + varint_size(sizeof(SCHEMA_URL) - 1) +
		 sizeof(SCHEMA_URL) - 1;
	put_head(&r->body, 1, length);
	buffer_add(&r->body, head.data, head.n);
	buffer_add(&r->body, scope.data, scope.n);
	buffer_add(&r->body, r->items.data, r->items.n);
	put_text(&r->body, 3, SCHEMA_URL);
	r->items.n = 0;
	r->error = r->error ? r->error : head.error ? head.error : scope.error;
}

static void keep(struct requests *r, const struct otlp_request *request)
{
	struct otlp_request *more = reallocarray(r->done, r->n_done + 1, sizeof(*more));

	if (!more) {
		r->error = -ENOMEM;
		return;
	}
	r->done = more;
	r->done[r->n_done++] = *request;
	r->body = (struct buffer){ 0 };
}

static int first_error(const struct requests *r)
{
	return r->error         ? r->error
	       : r->body.error  ? r->body.error
	       : r->items.error ? r->items.error
				: r->points.error;
}

static void close_request(struct requests *r)
{
	struct otlp_request request;

	close_resource(r);
	if (!r->body.n || first_error(r))
		return;
	request = (struct otlp_request){ .body = r->body, .n_items = r->n_items };
	if (r->give) {
		r->body = (struct buffer){ 0 };
		r->give(r->context, &request);
		r->n_given++;
	} else {
		keep(r, &request);
	}
	r->n_items = 0;
}

void requests_resource(struct requests *r, const struct buffer *packed)
{
	close_resource(r);
	r->metric.name = NULL;
	r->resource = packed;
	r->around_bytes = AROUND_BYTES + (packed ? packed->n : 0);
}

void requests_metric(struct requests *r, const struct metric *m)
{
	close_metric(r);
	r->metric = *m;
	r->around_bytes = AROUND_BYTES + (r->resource ? r->resource->n : 0) + strlen(m->name) +
			  strlen(m->description) + strlen(m->unit);
}

/* Whether the item and all around it still goes into the open request. */
static bool has_room(const struct requests *r, size_t n)
{
	return r->body.n + r->items.n + r->points.n + r->around_bytes + n <= r->max_bytes;
}

static void add_list(struct buffer *b, const struct attributes *a, unsigned int field)
{
	size_t at = b->n;

	if (!a || !a->n)
		return;
	buffer_add(b, a->bytes.data, a->bytes.n);
	if (!b->error)
		attributes_copy(a, field, (uint8_t *)b->data + at);
}

void requests_add(struct requests *r, const ProtobufCMessage *m, unsigned int field,
		  const struct attributes *first, const struct attributes *second)
{
	struct buffer *to = r->is_logs ? &r->items : &r->points;
	size_t n = protobuf_c_message_get_packed_size(m);
	size_t all = n + (first ? first->bytes.n : 0) + (second ? second->bytes.n : 0);
	uint8_t small[512], *packed = small;
	AUTO_FREE uint8_t *large = NULL;
	size_t head;

	if (n + 11 > sizeof(small) && !(packed = large = malloc(n + 11))) {
		r->error = -ENOMEM;
		return;
	}
	if ((first && first->bytes.error) || (second && second->bytes.error))
		r->error = -ENOMEM;
	if (!has_room(r, all + 11))
		close_request(r);
	packed[0] = r->is_logs ? 2 << 3 | 2 : 1 << 3 | 2;
	head = 1 + varint_put(all, packed + 1);
	protobuf_c_message_pack(m, packed + head);
	buffer_add(to, packed, head + n);
	add_list(to, first, field);
	add_list(to, second, field);
	r->n_items++;
}

int requests_take(struct requests *r, struct otlp_request **ret, size_t *ret_n)
{
	int error;

	close_request(r);
	error = first_error(r);
	buffer_done(&r->body);
	buffer_done(&r->items);
	buffer_done(&r->points);
	if (error) {
		otlp_requests_free(r->done, r->n_done);
		return error;
	}
	*ret = r->done;
	*ret_n = r->n_done;
	return 0;
}

void otlp_requests_free(struct otlp_request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_done(&requests[i].body);
	free(requests);
}
