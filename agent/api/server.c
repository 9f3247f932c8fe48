/* SPDX-License-Identifier: MIT */
/*
 * server.c - see server.h. Two libmicrohttpd daemons without threads, one for each listener, behind one epoll descriptor. What
 * can be asked for is the table `routes`. The surprise: an answer is encoded at most once for each snapshot and form, and shared by all
 * connections that send it, so many scrapers cost no more than one, and a slow one keeps only a reference. A compressed page is never
 * in memory as a whole: what is encoded drains into gzip.
 */
#include "api/server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/json.h"
#include "api/listen.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "exporters/gzip.h"
#include "model/snapshot.h"

#define TIMEOUT_S 10u			/* of a connection on which nothing moves */
#define REQUEST_BYTES ((size_t)16 << 10)	/* for the head of a request */
#define URL_BYTES 1024
#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_BYTES "application/octet-stream"

enum listener { ON_TCP, ON_UNIX, N_LISTENERS };

struct route {
	const char *path;
	bool is_on[N_LISTENERS];
	const char *type;
	int (*encode)(const struct server *s, const char *path, struct buffer *ret);	/* -ENOENT, -ENOMEM, -EAGAIN */
	bool is_metrics;	/* it is the page of metrics; type and encoding are the client's choice */
};

#define MAX_ROUTES 16

/* An answer from the snapshot; NULL = not asked for yet. */
struct kept {
	struct MHD_Response *route[MAX_ROUTES];
	struct MHD_Response *metrics[PROMETHEUS_FORMATS][2];	/* as it is, and compressed */
};

/* One of the two daemons, and what its callback needs. */
struct port {
	struct server *server;
	struct MHD_Daemon *daemon;
};

struct server {
	struct port port[N_LISTENERS];
	int epoll_fd;
	uint16_t tcp_port;
	char *socket_path;	/* owned; NULL = none */
	dev_t socket_dev;
	ino_t socket_ino;
	struct prometheus_options prometheus;
	void (*want_stacks)(void *context, uint64_t pool);
	int (*record)(void *context, const char *what, struct buffer *ret);
	void *context;
	const struct snapshot *snapshot;	/* owned reference; NULL = none yet */
	struct kept kept;	/* answers from `snapshot` */
};

/* ---- answers --------------------------------------------------------------------------------------------------------------- */

static int encode_metrics(const struct server *s, enum prometheus_format format, bool is_gzip,
			  struct buffer *ret)
{
	CLEANUP(buffer_done) struct buffer page = { 0 };
	int r, end;

	if (!s->snapshot)
		return -EAGAIN;
	if (!is_gzip)
		return prometheus_write(s->snapshot, format, &s->prometheus, ret);
	page.drain = gzip_add;
	page.context = gzip_new(ret);
	if (!page.context)
		return -ENOMEM;
	r = prometheus_write(s->snapshot, format, &s->prometheus, &page);
	buffer_flush(&page);
	end = gzip_end(page.context);
	return r ? r : end;
}

static int add_json(const char *data, size_t n, void *buffer)
{
	buffer_add(buffer, data, n);
	return 0;
}

static int encode_json(const struct server *s, const char *path, struct buffer *ret)
{
	json_t *json;
	int r;

	if (!s->snapshot)
		return -EAGAIN;
	r = encode_path(s->snapshot, path, &json);
	if (r)
		return r;
	r = json_dump_callback(json, add_json, ret, JSON_COMPACT | API_JSON_FLAGS);
	json_decref(json);
	buffer_add(ret, "\n", 1);
	return r ? -ENOMEM : ret->error;
}

static int encode_record(const struct server *s, const char *path, struct buffer *ret)
{
	return s->record ? s->record(s->context, path + strlen(API_PREFIX "record/"), ret) : -ESRCH;
}

static int encode_landing(const struct server *s, const char *path, struct buffer *ret)
{
	(void)s;
	(void)path;
	buffer_add_text(
		ret,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Poolscope</title></head>\n"
		"<body>\n<h1>Poolscope " POOLSCOPE_VERSION "</h1>\n"
		"<p>What is happening inside the pools of the processes of this host.</p>\n"
		"<ul>\n<li><a href=\"/metrics\">metrics</a> for Prometheus</li>\n"
		"<li><a href=\"/-/healthy\">healthy</a>, <a href=\"/-/ready\">ready</a></li>\n</ul>\n"
		"<p>At the terminal of this host: <code>poolscope top</code></p>\n</body>\n</html>\n");
	return ret->error;
}

static int encode_healthy(const struct server *s, const char *path, struct buffer *ret)
{
	(void)s;
	(void)path;
	buffer_add_text(ret, "healthy\n");
	return ret->error;
}

static int encode_ready(const struct server *s, const char *path, struct buffer *ret)
{
	(void)path;
	if (!s->snapshot)
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

static void drop_kept(struct server *s)
{
	for (size_t i = 0; i < MAX_ROUTES; i++)
		drop(&s->kept.route[i]);
	for (size_t i = 0; i < PROMETHEUS_FORMATS; i++) {
		drop(&s->kept.metrics[i][false]);
		drop(&s->kept.metrics[i][true]);
	}
}

/* A response of the buffer's bytes, which it takes. NULL when out of memory. */
static struct MHD_Response *make_response(struct buffer *body, const char *type)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->n, body->data, MHD_RESPMEM_MUST_FREE);

	if (!response)
		return NULL;
	*body = (struct buffer){ 0 };
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	return response;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, unsigned int status,
				  const char *text)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct MHD_Response *response;
	enum MHD_Result r;

	buffer_printf(&body, "{\"error\":\"%s\"}\n", text);
	if (body.error)
		return MHD_NO;
	response = make_response(&body, TYPE_JSON);
	if (!response)
		return MHD_NO;
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

/* What an encoder returned, as an answer. */
static enum MHD_Result send_failure(struct MHD_Connection *connection, int r)
{
	switch (r) {
	case -EAGAIN:
		return send_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "the agent has just started; ask again in a second");
	case -ESRCH:
		return send_error(connection, MHD_HTTP_NOT_FOUND,
				  "there is nothing under this path");
	case -ESTALE:
		return send_error(connection, MHD_HTTP_GONE,
				  "this part of the recording is not kept any more");
	case -ENOENT:
		return send_error(connection, MHD_HTTP_NOT_FOUND, "there is no pool with this id");
	default:
		return send_error(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				  "the agent is out of memory");
	}
}

static enum MHD_Result send_route(struct server *s, struct MHD_Connection *connection,
				  const struct route *route, const char *path)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	struct MHD_Response **kept = &s->kept.route[route - routes], *response = *kept;
	enum MHD_Result result;
	int r;

	if (!response) {
		r = route->encode(s, path, &body);
		if (r)
			return send_failure(connection, r);
		response = make_response(&body, route->type);
		if (!response)
			return MHD_NO;
		if (!is_folder(route))
			*kept = response;
	}
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	if (is_folder(route))
		MHD_destroy_response(response);
	return result;
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

static enum MHD_Result send_metrics(struct server *s, struct MHD_Connection *connection)
{
	CLEANUP(buffer_done) struct buffer body = { 0 };
	CLEANUP(buffer_done) struct buffer form = read_header(connection, "Accept");
	CLEANUP(buffer_done) struct buffer coding = read_header(connection, "Accept-Encoding");
	enum prometheus_format format = prometheus_choose(form.data);
	bool is_gzip = gzip_is_accepted(coding.data);
	struct MHD_Response **kept = &s->kept.metrics[format][is_gzip];
	int r;

	if (!*kept) {
		r = encode_metrics(s, format, is_gzip, &body);
		if (r)
			return send_failure(connection, r);
		*kept = make_response(&body, prometheus_content_type(format));
		if (!*kept)
			return MHD_NO;
		MHD_add_response_header(*kept, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
		if (is_gzip)
			MHD_add_response_header(*kept, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, *kept);
}

/* The question behind the '?' of a pool's path. */
static void wants_stacks(const struct server *s, struct MHD_Connection *connection, const char *url)
{
	uint64_t pool;

	if (s->want_stacks && s->snapshot &&
	    MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND, "stacks", 6, NULL,
					  NULL) == MHD_YES &&
	    path_is_pool(s->snapshot, url, &pool))
		s->want_stacks(s->context, pool);
}

/* libmicrohttpd calls this when the head of a request is complete, and again when there is a body; the body is never read. */
static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *n_upload, void **state)
{
	struct port *port = cls;
	struct server *s = port->server;
	const struct route *route;

	(void)version;
	(void)upload;
	(void)n_upload;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
				  "only GET and HEAD are known here");
	if (strnlen(url, URL_BYTES) == URL_BYTES)
		return send_error(connection, MHD_HTTP_URI_TOO_LONG, "the path is too long");
	route = find_route(url, (enum listener)(port - s->port));
	if (!route)
		return send_error(connection, MHD_HTTP_NOT_FOUND,
				  "there is nothing under this path");
	if (route->is_metrics)
		return send_metrics(s, connection);
	wants_stacks(s, connection, url);
	return send_route(s, connection, route, url);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

/* Takes the descriptor over, also when it fails. */
static int start_daemon(struct server *s, enum listener listener, int fd,
			unsigned int max_connections)
{
	struct port *port = &s->port[listener];
	const union MHD_DaemonInfo *info;
	struct epoll_event event = { .events = EPOLLIN };

	port->server = s;
	port->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, answer, port, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
		TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, MHD_OPTION_END);
	if (!port->daemon) {
		close(fd);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(port->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event))
		return -ENOMEM;
	return 0;
}

static int open_tcp(struct server *s, const struct server_options *options, unsigned int max,
		    struct diag *d)
{
	const char *address =
		options->listen_address ? options->listen_address : SERVER_LISTEN_ADDRESS;
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof(addr);
	int fd, r;

	if (!*address)
		return 0;
	fd = listen_tcp(address, d);
	if (fd < 0)
		return fd;
	if (!getsockname(fd, (struct sockaddr *)&addr, &n))
		s->tcp_port =
			ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
							 : ((struct sockaddr_in *)&addr)->sin_port);
	r = start_daemon(s, ON_TCP, fd, max);
	return r ? diag_set(d, r, "cannot start the HTTP server on %s", address) : 0;
}

static int open_unix(struct server *s, const struct server_options *options, unsigned int max,
		     struct diag *d)
{
	const char *path = options->socket_path ? options->socket_path : SERVER_SOCKET_PATH;
	struct stat st;
	int fd, r;

	if (!*path)
		return 0;
	fd = listen_unix(path, d);
	if (fd < 0)
		return fd;
	s->socket_path = strdup(path);
	if (s->socket_path && !stat(path, &st)) {
		s->socket_dev = st.st_dev;
		s->socket_ino = st.st_ino;
	}
	r = start_daemon(s, ON_UNIX, fd, max);
	return r ? diag_set(d, r, "cannot start the HTTP server on %s", path) : 0;
}

int server_new(const struct server_options *options, struct server **ret, struct diag *d)
{
	unsigned int max =
		options->max_connections ? options->max_connections : SERVER_MAX_CONNECTIONS;
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return diag_set(d, -ENOMEM, "out of memory");
	s->prometheus = options->prometheus;
	s->want_stacks = options->want_stacks;
	s->record = options->record;
	s->context = options->context;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = s->epoll_fd < 0
		    ? diag_set(d, -errno, "cannot make an epoll descriptor: %s", strerror(errno))
		    : 0;
	if (!r)
		r = open_unix(s, options, max, d);
	if (!r)
		r = open_tcp(s, options, max, d);
	if (r) {
		server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

static void remove_socket(const struct server *s)
{
	struct stat st;

	if (s->socket_path && !lstat(s->socket_path, &st) && st.st_dev == s->socket_dev &&
	    st.st_ino == s->socket_ino)
		unlink(s->socket_path);
}

void server_free(struct server *s)
{
	if (!s)
		return;
	remove_socket(s);
	for (int i = 0; i < N_LISTENERS; i++) {
		if (s->port[i].daemon)
			MHD_stop_daemon(s->port[i].daemon);
	}
	drop_kept(s);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	snapshot_unref(s->snapshot);
	free(s->socket_path);
	free(s);
}

void server_set_snapshot(struct server *s, const struct snapshot *snapshot)
{
	const struct snapshot *old = s->snapshot;

	s->snapshot = snapshot ? snapshot_ref(snapshot) : NULL;
	snapshot_unref(old);
	drop_kept(s);
}

int server_fd(const struct server *s)
{
	return s->epoll_fd;
}

int server_timeout_ms(const struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms, least = ULLONG_MAX;

	for (int i = 0; i < N_LISTENERS; i++) {
		if (s->port[i].daemon && MHD_get_timeout(s->port[i].daemon, &ms) == MHD_YES &&
		    ms < least)
			least = ms;
	}
	return least == ULLONG_MAX ? -1 : least > INT_MAX ? INT_MAX : (int)least;
}

void server_run(struct server *s)
{
	for (int i = 0; i < N_LISTENERS; i++) {
		if (s->port[i].daemon)
			MHD_run(s->port[i].daemon);
	}
}

uint16_t server_port(const struct server *s)
{
	return s->tcp_port;
}
