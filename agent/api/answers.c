/* SPDX-License-Identifier: MIT */
/*
 * answers.c - see answers.h. What can be asked for is the table `routes`. The surprise: an answer is encoded at most once for each snapshot and form, and shared by
 * all connections that send it, so many scrapers cost no more than one, and a slow one keeps only a reference. A compressed page is never in
 * memory as a whole: what is encoded drains into gzip.
 */
#include "api/answers.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/choice.h"
#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "exporters/gzip.h"
#include "exporters/web_config.h"
#include "model/snapshot.h"

#define URL_BYTES 1024
#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_BYTES "application/octet-stream"

struct route {
	const char *path;
	bool is_on[N_LISTENERS];
	const char *type;
	int (*encode)(const struct answers *a, const char *path, struct buffer *ret);	/* -ENOENT, -ENOMEM, -EAGAIN */
	bool is_metrics;	/* it is the page of metrics; type and encoding are the client's choice */
};

#define MAX_ROUTES 16

/* Answers from the snapshot; NULL = not asked for yet. */
struct kept {
	struct MHD_Response *route[MAX_ROUTES];
	struct MHD_Response *metrics[PROMETHEUS_FORMATS][2];	/* as it is, and compressed */
};

struct answers {
	struct answers_options options;
	const struct snapshot *snapshot;	/* owned reference; NULL = none yet */
	struct kept kept[N_LISTENERS];	/* apart, for those over TCP bear the headers of the web configuration */
	size_t n_bytes;	/* of all answers that are kept or being sent */
	uint64_t requests[HTTP_OUTCOME_COUNT];
};

/* ---- what can be asked for --------------------------------------------------------------------------------------------------- */

static int encode_metrics(const struct answers *a, enum prometheus_format format, bool is_gzip,
			  struct buffer *ret)
{
	CLEANUP(buffer_done) struct buffer page = { 0 };
	int r, end;

	if (!a->snapshot)
		return -EAGAIN;
	if (!is_gzip)
		return prometheus_write(a->snapshot, format, &a->options.prometheus, ret);
	page.drain = gzip_add;
	page.context = gzip_new(ret);
	if (!page.context)
		return -ENOMEM;
	r = prometheus_write(a->snapshot, format, &a->options.prometheus, &page);
	buffer_flush(&page);
	end = gzip_end(page.context);
	return r ? r : end;
}

static int add_json(const char *data, size_t n, void *buffer)
{
	buffer_add(buffer, data, n);
	return 0;
}

static int encode_json(const struct answers *a, const char *path, struct buffer *ret)
{
	json_t *json;
	int r;

	if (!a->snapshot)
		return -EAGAIN;
	if (!strcmp(path, API_PREFIX "pools")) {
		r = write_pools(a->snapshot, add_json, ret);
	} else {
		r = encode_path(a->snapshot, path, &json);
		if (r)
			return r;
		r = json_dump_callback(json, add_json, ret, JSON_COMPACT | API_JSON_FLAGS);
		json_decref(json);
	}
	buffer_add(ret, "\n", 1);
	return r ? -ENOMEM : ret->error;
}

static int encode_record(const struct answers *a, const char *path, struct buffer *ret)
{
	return a->options.record ? a->options.record(a->options.context,
						     path + strlen(API_PREFIX "record/"), ret)
				 : -ESRCH;
}

static int encode_landing(const struct answers *a, const char *path, struct buffer *ret)
{
	(void)a;
	(void)path;
	buffer_add_text(
		ret,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Poolscope</title></head>\n"
		"<body>\n<h1>Poolscope</h1>\n"
		"<p>What is happening inside the pools of the processes of this host.</p>\n"
		"<p>Version: " POOLSCOPE_VERSION "</p>\n"
		"<ul>\n<li><a href=\"/metrics\">Metrics</a> for Prometheus</li>\n"
		"<li><a href=\"/-/healthy\">Healthy</a>: the agent runs</li>\n"
		"<li><a href=\"/-/ready\">Ready</a>: it has looked at the pools once</li>\n</ul>\n"
		"<p>At the terminal of this host: <code>poolscope top</code>, and <code>man poolscope</code></p>\n"
		"</body>\n</html>\n");
	return ret->error;
}

static int encode_healthy(const struct answers *a, const char *path, struct buffer *ret)
{
	(void)a;
	(void)path;
	buffer_add_text(ret, "healthy\n");
	return ret->error;
}

static int encode_ready(const struct answers *a, const char *path, struct buffer *ret)
{
	(void)path;
	if (!a->snapshot)
		return -EAGAIN;
	buffer_add_text(ret, "ready\n");
	return ret->error;
}

/* A path that ends in '/' (but for "/") stands for all below it, and is not kept. */
static const struct route routes[] = {
	{ "/", { [ON_TCP] = true }, TYPE_HTML, encode_landing, false },
	{ "/metrics", { [ON_TCP] = true, [ON_UNIX] = true }, NULL, NULL, true },
	{ "/-/healthy", { [ON_TCP] = true, [ON_UNIX] = true }, TYPE_TEXT, encode_healthy, false },
	{ "/-/ready", { [ON_TCP] = true, [ON_UNIX] = true }, TYPE_TEXT, encode_ready, false },
	{ API_PREFIX "metrics", { [ON_UNIX] = true }, NULL, NULL, true },
	{ API_PREFIX "pools", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "pools/", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "findings", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "stalls", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "locks", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "status", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "probes", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "config", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "recipes", { [ON_UNIX] = true }, TYPE_JSON, encode_json, false },
	{ API_PREFIX "record/", { [ON_UNIX] = true }, TYPE_BYTES, encode_record, false },
};

#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))
_Static_assert(N_ROUTES <= MAX_ROUTES, "MAX_ROUTES is too small");

static bool is_folder(const struct route *route)
{
	size_t n = strlen(route->path);

	return n > 1 && route->path[n - 1] == '/';
}

static const struct route *find_route(const char *path, enum listener listener)
{
	for (size_t i = 0; i < N_ROUTES; i++) {
		const struct route *route = &routes[i];

		if (!route->is_on[listener])
			continue;
		if (is_folder(route) ? !strncmp(path, route->path, strlen(route->path))
				     : !strcmp(path, route->path))
			return route;
	}
	return NULL;
}

static void drop(struct MHD_Response **response)
{
	if (*response)
		MHD_destroy_response(*response);	/* a connection that sends it holds its own reference */
	*response = NULL;
}

void answers_drop(struct answers *a)
{
	for (int l = 0; l < N_LISTENERS; l++) {
		for (size_t i = 0; i < MAX_ROUTES; i++)
			drop(&a->kept[l].route[i]);
		for (size_t i = 0; i < PROMETHEUS_FORMATS; i++) {
			drop(&a->kept[l].metrics[i][false]);
			drop(&a->kept[l].metrics[i][true]);
		}
	}
}

void answers_set_prometheus(struct answers *a, const struct prometheus_options *options)
{
	a->options.prometheus = *options;
	answers_drop(a);
}

/* The bytes of a response, so that it is known how many there are until the last connection has sent it. */
struct body {
	size_t *total;
	size_t n;
	char *data;
};

static void free_body(void *cls)
{
	struct body *b = cls;

	*b->total -= b->n;
	free(b->data);
	free(b);
}

static void add_headers(struct MHD_Response *response, const struct web_config *c)
{
	for (unsigned int i = 0; c && i < WEB_HEADERS; i++) {
		if (c->headers[i] && strcmp(web_header_name(i), "X-Content-Type-Options") != 0)
			MHD_add_response_header(response, web_header_name(i), c->headers[i]);
	}
}

/* A response of the buffer's bytes, which it takes. NULL when out of memory. */
static struct MHD_Response *make_response(struct answers *a, struct buffer *body, const char *type,
					  const struct web_config *c)
{
	struct body *b = malloc(sizeof(*b));
	struct MHD_Response *response;

	buffer_fit(body);
	response = b ? MHD_create_response_from_buffer_with_free_callback_cls(body->n, body->data,
									      free_body, b)
		     : NULL;
	if (!response) {
		free(b);
		return NULL;
	}
	*b = (struct body){ &a->n_bytes, body->n, body->data };
	a->n_bytes += body->n;
	*body = (struct buffer){ 0 };
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	add_headers(response, c);
	return response;
}

/* Each request comes here once. NULL = there is no memory for its answer. */
static int queue(struct answers *a, struct MHD_Connection *connection, unsigned int status,
		 enum http_outcome outcome, struct MHD_Response *response)
{
	enum MHD_Result r = response ? MHD_queue_response(connection, status, response) : MHD_NO;

	a->requests[r == MHD_YES ? outcome : HTTP_failed]++;
	return (int)r;
}

int answers_send_error(struct answers *a, struct MHD_Connection *connection,
		       const struct web_config *c, unsigned int status, enum http_outcome outcome,
		       const char *text)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct MHD_Response *response;
	int r;

	buffer_printf(&body, "{\"error\":\"%s\"}\n", text);
	response = body.error ? NULL : make_response(a, &body, TYPE_JSON, c);
	if (!response)
		return queue(a, connection, status, outcome, NULL);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					"Basic realm=\"poolscope\"");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE || status == MHD_HTTP_TOO_MANY_REQUESTS)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	r = queue(a, connection, status, outcome, response);
	MHD_destroy_response(response);
	return r;
}

/* What is asked, by whom. */
struct question {
	struct answers *a;
	struct MHD_Connection *connection;
	enum listener listener;
	const struct web_config *web;
};

static int send_error(const struct question *q, unsigned int status, enum http_outcome outcome,
		      const char *text)
{
	return answers_send_error(q->a, q->connection, q->web, status, outcome, text);
}

/* NULL = out of memory. */
static int send_response(const struct question *q, struct MHD_Response *response)
{
	return queue(q->a, q->connection, MHD_HTTP_OK, HTTP_answered, response);
}

/* What an encoder returned, as an answer. */
static int send_failure(const struct question *q, int r)
{
	switch (r) {
	case -EAGAIN:
		return send_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, HTTP_not_ready,
				  "the agent has just started; ask again in a second");
	case -EBUSY:
		return send_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, HTTP_sending_full,
				  "too much is being sent to others; ask again in a second");
	case -ESRCH:
		return send_error(q, MHD_HTTP_NOT_FOUND, HTTP_not_found,
				  "there is nothing under this path");
	case -ESTALE:
		return send_error(q, MHD_HTTP_GONE, HTTP_not_found,
				  "this part of the recording is not kept any more");
	case -ENOENT:
		return send_error(q, MHD_HTTP_NOT_FOUND, HTTP_not_found,
				  "there is no pool with this id");
	default:
		return send_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, HTTP_failed,
				  "the agent is out of memory");
	}
}

static int send_route(const struct question *q, const struct route *route, const char *path)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct MHD_Response **kept = &q->a->kept[q->listener].route[route - routes];
	struct MHD_Response *response = *kept;
	int r;

	if (!response) {
		r = q->a->n_bytes > ANSWERS_MAX_BYTES ? -EBUSY : route->encode(q->a, path, &body);
		if (r)
			return send_failure(q, r);
		response = make_response(q->a, &body, route->type, q->web);
		if (!is_folder(route))
			*kept = response;
	}
	r = send_response(q, response);
	if (response && is_folder(route))
		MHD_destroy_response(response);
	return r;
}

struct header {
	const char *name;
	struct buffer value;
};

static enum MHD_Result add_value(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct header *h = cls;

	(void)kind;
	if (!value || strcasecmp(name, h->name) != 0)
		return MHD_YES;
	if (h->value.data)
		buffer_add_text(&h->value, ", ");
	buffer_add_text(&h->value, value);
	return MHD_YES;
}

/* The values of all headers of a name, which are one list. Its data is NULL when there is none, or no memory for it. */
static struct buffer read_header(struct MHD_Connection *connection, const char *name)
{
	struct header h = { .name = name };

	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_value, &h);
	return h.value;
}

static int send_metrics(const struct question *q)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	CLEANUP(buffer_done) struct buffer form = read_header(q->connection, "Accept");
	CLEANUP(buffer_done) struct buffer coding = read_header(q->connection, "Accept-Encoding");
	enum prometheus_format format = prometheus_choose(form.data);
	bool is_gzip = gzip_is_accepted(coding.data);
	struct MHD_Response **kept = &q->a->kept[q->listener].metrics[format][is_gzip];
	int r;

	if (!*kept) {
		r = q->a->n_bytes > ANSWERS_MAX_BYTES
			    ? -EBUSY
			    : encode_metrics(q->a, format, is_gzip, &body);
		if (r)
			return send_failure(q, r);
		*kept = make_response(q->a, &body, prometheus_content_type(format), q->web);
		if (!*kept)
			return send_response(q, NULL);
		MHD_add_response_header(*kept, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
		if (is_gzip)
			MHD_add_response_header(*kept, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	}
	return send_response(q, *kept);
}

/* ---- some of the pools ----------------------------------------------------------------------------------------------------- */

struct asked {
	struct pool_choice choice;
	bool is_wrong;
};

/* A NUL within would hide what is behind it. */
static enum MHD_Result ask(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_n,
			   const char *value, size_t value_n)
{
	struct asked *asked = cls;

	(void)kind;
	if (!value || strlen(key) != key_n || strlen(value) != value_n ||
	    choice_set(&asked->choice, key, value))
		asked->is_wrong = true;
	return MHD_YES;
}

static int encode_chosen(const struct answers *a, const struct pool_choice *c, struct buffer *ret)
{
	int r = write_pools_chosen(a->snapshot, c, add_json, ret);

	buffer_add(ret, "\n", 1);
	return r ? -ENOMEM : ret->error;
}

/* Nobody else asks for just these, so the answer is not kept. */
static int send_chosen(const struct question *q)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct MHD_Response *response;
	struct asked asked = { 0 };
	int r;

	MHD_get_connection_values_n(q->connection, MHD_GET_ARGUMENT_KIND, ask, &asked);
	if (asked.is_wrong || choice_check(&asked.choice))
		return send_error(
			q, MHD_HTTP_BAD_REQUEST, HTTP_bad_request,
			"pools cannot be chosen like this; poolscope(1) has how they can");
	if (!q->a->snapshot)
		return send_failure(q, -EAGAIN);
	r = q->a->n_bytes > ANSWERS_MAX_BYTES ? -EBUSY : encode_chosen(q->a, &asked.choice, &body);
	if (r)
		return send_failure(q, r);
	response = make_response(q->a, &body, TYPE_JSON, q->web);
	r = send_response(q, response);
	if (response)
		MHD_destroy_response(response);
	return r;
}

static bool has_question(struct MHD_Connection *connection)
{
	return MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) > 0;
}

/* ---- all answers ----------------------------------------------------------------------------------------------------------- */

/* The question behind the '?' of a pool's path. */
static void wants_stacks(const struct answers *a, struct MHD_Connection *connection,
			 const char *url)
{
	uint64_t pool;

	if (a->options.want_stacks && a->snapshot &&
	    MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "stacks", 6, NULL,
					  NULL) == MHD_YES &&
	    path_is_pool(a->snapshot, url, &pool))
		a->options.want_stacks(a->options.context, pool);
}

int answers_send(struct answers *a, struct MHD_Connection *connection, enum listener listener,
		 const struct web_config *c, const char *method, const char *url)
{
	const struct question q = { a, connection, listener, c };
	const struct route *route;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_error(&q, MHD_HTTP_METHOD_NOT_ALLOWED, HTTP_bad_request,
				  "only GET and HEAD are known here");
	if (strnlen(url, URL_BYTES) == URL_BYTES)
		return send_error(&q, MHD_HTTP_URI_TOO_LONG, HTTP_bad_request,
				  "the path is too long");
	route = find_route(url, listener);
	if (!route)
		return send_error(&q, MHD_HTTP_NOT_FOUND, HTTP_not_found,
				  "there is nothing under this path");
	if (route->is_metrics)
		return send_metrics(&q);
	if (!strcmp(route->path, API_PREFIX "pools") && has_question(connection))
		return send_chosen(&q);
	wants_stacks(a, connection, url);
	return send_route(&q, route, url);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

struct answers *answers_new(const struct answers_options *options)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a)
		a->options = *options;
	return a;
}

void answers_free(struct answers *a)
{
	if (!a)
		return;
	answers_drop(a);
	snapshot_unref(a->snapshot);
	free(a);
}

void answers_set_snapshot(struct answers *a, const struct snapshot *snapshot)
{
	const struct snapshot *old = a->snapshot;

	a->snapshot = snapshot ? snapshot_ref(snapshot) : NULL;
	snapshot_unref(old);
	answers_drop(a);
}

const uint64_t *answers_requests(const struct answers *a)
{
	return a->requests;
}
