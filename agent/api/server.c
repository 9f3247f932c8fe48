/* SPDX-License-Identifier: MIT */
/*
 * server.c - see server.h. libmicrohttpd daemons without threads, one for each listener, behind one epoll descriptor. The surprise: a request whose password is not
 * known yet is suspended; libmicrohttpd asks for its answer again when it goes on, and then the password is known.
 */
#include "api/server.h"

#include <assert.h>
#include <errno.h>
#include <gnutls/abstract.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/answers.h"
#include "api/auth.h"
#include "api/hasher.h"
#include "api/listen.h"
#include "api/tls.h"
#include "api/web.h"
#include "base/clock.h"
#include "base/diag.h"
#include "exporters/web_config.h"
#include "model/snapshot.h"

#define TIMEOUT_S 10u			/* of a connection on which nothing moves */
#define REQUEST_BYTES ((size_t)16 << 10)	/* for the head of a request */
#define MAX_PORTS (1 + SERVER_MAX_ADDRESSES)

/* One of the daemons, and what its callbacks need. */
struct port {
	struct server *server;
	struct MHD_Daemon *daemon;
	enum listener listener;
	uint16_t number;	/* of TCP */
};

struct server {
	struct port port[MAX_PORTS];
	unsigned int n_ports;
	int epoll_fd;
	char *socket_path;	/* owned; NULL = none */
	const char *not_group;	/* why the group may not connect to it; a literal, NULL = it may */
	dev_t socket_dev;
	ino_t socket_ino;
	struct answers *answers;
	struct web *web;	/* NULL = everybody is let in */
	struct auth *auth;	/* of web */
	struct MHD_Connection *suspended[HASHER_JOBS];	/* by the id of what they wait for; NULL = free */
};

/* ---- who is let in --------------------------------------------------------------------------------------------------------- */

static void look_at_web(struct server *s)
{
	if (web_look(s->web, clock_ns(CLOCK_MONOTONIC)))
		answers_drop(s->answers); /* they bear its headers */
}

/* A connection has come, or has gone: it keeps the TLS that it began with. */
static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct port *port = cls;
	const union MHD_ConnectionInfo *info;
	struct tls *tls;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		tls_unref(*context);
		*context = NULL;
		return;
	}
	look_at_web(port->server);
	tls = web_tls(port->server->web);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (!tls || !info || !info->tls_session)
		return; /* the daemon's own credentials let nobody in */
	tls_begin(tls, info->tls_session);
	*context = tls_ref(tls);
}

/* The certificate of a daemon whose every session gets one of its own: there is none. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
			  const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
			  gnutls_pcert_st **certificate, unsigned int *n_certificates,
			  gnutls_privkey_t *key)
{
	(void)session;
	(void)names;
	(void)n_names;
	(void)algorithms;
	(void)n_algorithms;
	(void)certificate;
	(void)n_certificates;
	(void)key;
	return -1;
}

static int find_free(const struct server *s)
{
	for (int i = 0; i < HASHER_JOBS; i++) {
		if (!s->suspended[i])
			return i;
	}
	return -1;
}

static enum auth_verdict check_password(struct server *s, struct MHD_Connection *connection)
{
	const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_AUTHORIZATION);
	int id = find_free(s);
	enum auth_verdict verdict;

	if (!web_config(s->web)->n_users)
		return AUTH_YES;
	verdict = auth_check(s->auth, web_config(s->web), header, (uint64_t)id);
	if (verdict == AUTH_WAITS) {
		assert(id >= 0); /* as many may wait there as here */
		s->suspended[id] = connection;
		MHD_suspend_connection(connection);
	}
	return verdict;
}

/* Those whose password is known now go on. */
static void resume(struct server *s)
{
	uint64_t id;

	while (s->auth && !auth_take(s->auth, &id)) {
		MHD_resume_connection(s->suspended[id]);
		s->suspended[id] = NULL;
	}
}

static int refuse(struct server *s, struct MHD_Connection *connection, unsigned int status,
		  enum http_outcome outcome, const char *text)
{
	return answers_send_error(s->answers, connection, web_config(s->web), status, outcome,
				  text);
}

/* How far a request has come; NULL = it has just begun. */
static char is_read, is_counted;

/* In the order of exporter-toolkit: the file, the rate, the password. */
static int admit(struct server *s, struct MHD_Connection *connection, const char *method,
		 const char *url, void **state)
{
	look_at_web(s);
	if (!web_config(s->web))
		return refuse(s, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, HTTP_bad_config,
			      "the web configuration cannot be used; the agent's log says why");
	if (*state != &is_counted && !web_is_in_rate(s->web, clock_ns(CLOCK_MONOTONIC)))
		return refuse(s, connection, MHD_HTTP_TOO_MANY_REQUESTS, HTTP_over_rate,
			      "there are more requests than rate_limit allows");
	*state = &is_counted;
	switch (check_password(s, connection)) {
	case AUTH_YES:
		break;
	case AUTH_WAITS:
		return MHD_YES;
	case AUTH_BUSY:
		return refuse(s, connection, MHD_HTTP_SERVICE_UNAVAILABLE, HTTP_passwords_busy,
			      "too many passwords are being compared; ask again in a second");
	case AUTH_NO:
		return refuse(s, connection, MHD_HTTP_UNAUTHORIZED, HTTP_unauthorized,
			      "a user and a password are needed");
	}
	return answers_send(s->answers, connection, ON_TCP, web_config(s->web), method, url);
}

/*
 * libmicrohttpd calls this when the head of a request is complete, and again for its body, which is not read, and at its end, if there is no answer yet. One that is
 * given at once closes the connection, so who may ask again gets it at the end, and who sends what nobody wants at once.
 */
static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *n_upload, void **state)
{
	struct port *port = cls;
	struct server *s = port->server;

	(void)version;
	(void)upload;
	if (*n_upload) {
		*n_upload = 0;
		return MHD_YES;
	}
	if (!*state &&
	    (!strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD))) {
		*state = &is_read;
		return MHD_YES;
	}
	if (s->web && port->listener == ON_TCP)
		return (enum MHD_Result)admit(s, connection, method, url, state);
	return (enum MHD_Result)answers_send(s->answers, connection, port->listener, NULL, method,
					     url);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static int watch_for(const struct server *s, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Takes the descriptor over, also when it fails. */
static int start_daemon(struct server *s, enum listener listener, int fd,
			unsigned int max_connections, struct port **ret)
{
	bool has_tls = listener == ON_TCP && s->web && web_has_tls(s->web);
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, &s->port[s->n_ports] },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct port *port = &s->port[s->n_ports++];
	const union MHD_DaemonInfo *info;

	port->server = s;
	port->listener = listener;
	port->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (has_tls ? MHD_USE_TLS : 0), 0, NULL,
		NULL, answer, port, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		max_connections, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES, MHD_OPTION_ARRAY,
		has_tls ? tls : tls + 2, MHD_OPTION_END);
	if (!port->daemon) {
		close(fd);
		return -ENOMEM;
	}
	*ret = port;
	info = MHD_get_daemon_info(port->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info && !watch_for(s, info->epoll_fd) ? 0 : -ENOMEM;
}

static int open_address(struct server *s, const char *address, unsigned int max, struct diag *d)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof(addr);
	struct port *port = NULL;
	int fd = listen_tcp(address, d), r;

	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&addr, &n))
		addr.ss_family = 0;
	r = start_daemon(s, ON_TCP, fd, max, &port);
	if (r)
		return diag_set(d, r, "cannot start the HTTP server on %s", address);
	port->number = addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
						  : ((struct sockaddr_in *)&addr)->sin_port;
	port->number = ntohs(port->number);
	return 0;
}

static int open_tcp(struct server *s, const struct server_options *options, unsigned int max,
		    struct diag *d)
{
	const char *at = options->listen_address ? options->listen_address : SERVER_LISTEN_ADDRESS;
	int r = 0;

	at += strspn(at, " \t,");
	for (unsigned int i = 0; *at && !r; i++) {
		size_t n = strcspn(at, " \t,");
		char *address;

		if (i == SERVER_MAX_ADDRESSES)
			return diag_set(d, -EINVAL, "more than %d addresses to listen on",
					SERVER_MAX_ADDRESSES);
		address = strndup(at, n);
		r = address ? open_address(s, address, max, d)
			    : diag_set(d, -ENOMEM, "out of memory");
		free(address);
		at += n;
		at += strspn(at, " \t,");
	}
	return r;
}

const char *server_group_problem(const struct server *s)
{
	return s->not_group;
}

static int open_unix(struct server *s, const struct server_options *options, unsigned int max,
		     struct diag *d)
{
	const char *path = options->socket_path ? options->socket_path : SERVER_SOCKET_PATH;
	char text[256];
	struct port *port;
	struct stat st;
	int fd, r;

	if (!*path)
		return 0;
	fd = listen_unix(path, &s->not_group, d);
	if (fd < 0)
		return fd;
	if (s->not_group && options->tell) {
		snprintf(text, sizeof(text), "only this user may ask on %s: %s", path,
			 s->not_group);
		options->tell(options->context, text);
	}
	s->socket_path = strdup(path);
	if (s->socket_path && !stat(path, &st)) {
		s->socket_dev = st.st_dev;
		s->socket_ino = st.st_ino;
	}
	r = start_daemon(s, ON_UNIX, fd, max, &port);
	return r ? diag_set(d, r, "cannot start the HTTP server on %s", path) : 0;
}

static int open_web(struct server *s, const struct server_options *options, struct diag *d)
{
	const char *path = options->web_config_file;
	int r;

	if (!path || !*path)
		return 0;
	r = web_new(path, options->tell, options->context, &s->web, d);
	if (r)
		return r;
	r = auth_new(&s->auth);
	if (!r)
		r = watch_for(s, auth_fd(s->auth));
	return r ? diag_set(d, r, "cannot compare passwords: %s", strerror(-r)) : 0;
}

static int open_all(struct server *s, const struct server_options *options, struct diag *d)
{
	const struct answers_options answers = {
		.prometheus = options->prometheus,
		.want_stacks = options->want_stacks,
		.record = options->record,
		.context = options->context,
	};
	unsigned int max =
		options->max_connections ? options->max_connections : SERVER_MAX_CONNECTIONS;
	int r;

	s->answers = answers_new(&answers);
	if (!s->answers)
		return diag_set(d, -ENOMEM, "out of memory");
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return diag_set(d, -errno, "cannot make an epoll descriptor: %s", strerror(errno));
	r = open_unix(s, options, max, d);
	if (!r)
		r = open_web(s, options, d);
	return r ? r : open_tcp(s, options, max, d);
}

int server_new(const struct server_options *options, struct server **ret, struct diag *d)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return diag_set(d, -ENOMEM, "out of memory");
	s->epoll_fd = -1;
	r = open_all(s, options, d);
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
	auth_free(s->auth);
	for (int i = 0; i < HASHER_JOBS; i++) {
		if (s->suspended[i]) /* a daemon with one that is suspended cannot be stopped */
			MHD_resume_connection(s->suspended[i]);
	}
	for (unsigned int i = 0; i < s->n_ports; i++) {
		if (s->port[i].daemon)
			MHD_stop_daemon(s->port[i].daemon);
	}
	answers_free(s->answers);
	web_free(s->web);
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s->socket_path);
	free(s);
}

void server_set_prometheus(struct server *s, const struct prometheus_options *options)
{
	answers_set_prometheus(s->answers, options);
}

void server_set_snapshot(struct server *s, const struct snapshot *snapshot)
{
	answers_set_snapshot(s->answers, snapshot);
}

/* ---- the loop's ------------------------------------------------------------------------------------------------------------ */

int server_fd(const struct server *s)
{
	return s->epoll_fd;
}

int server_timeout_ms(const struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms, least = ULLONG_MAX;

	for (unsigned int i = 0; i < s->n_ports; i++) {
		if (s->port[i].daemon && MHD_get_timeout(s->port[i].daemon, &ms) == MHD_YES &&
		    ms < least)
			least = ms;
	}
	return least == ULLONG_MAX ? -1 : least > INT_MAX ? INT_MAX : (int)least;
}

void server_run(struct server *s)
{
	resume(s);
	for (unsigned int i = 0; i < s->n_ports; i++) {
		if (s->port[i].daemon)
			MHD_run(s->port[i].daemon);
	}
}

uint16_t server_port(const struct server *s, unsigned int n)
{
	for (unsigned int i = 0; i < s->n_ports; i++) {
		if (s->port[i].listener == ON_TCP && !n--)
			return s->port[i].number;
	}
	return 0;
}

const char *server_socket(const struct server *s)
{
	return s->socket_path;
}

const uint64_t *server_requests(const struct server *s)
{
	return answers_requests(s->answers);
}

int server_check_web_config(const char *path, struct diag *d)
{
	struct web *w;
	int r = web_new(path, NULL, NULL, &w, d);

	if (!r)
		web_free(w);
	return r;
}
