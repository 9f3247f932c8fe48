/* SPDX-License-Identifier: MIT */
/*
 * server.h - the agent's HTTP server: metrics for Prometheus on TCP, the JSON API on a Unix socket.
 *
 * Over TCP it asks for what the file of --web.config.file says (web.h): TLS, certificates, passwords, a rate. The Unix socket is for those whom its mode lets in.
 *
 * It never blocks: the owner's loop waits for server_fd() to become readable, at most server_timeout_ms(), and
 * then calls server_run(). It answers from the snapshot that it was given last; encoded answers are kept until the next one.
 */
#ifndef POOLSCOPE_API_SERVER_H
#define POOLSCOPE_API_SERVER_H

#include <stdint.h>

#include "exporters/prometheus.h"

struct buffer;
struct diag;
struct server;
struct snapshot;

#define SERVER_LISTEN_ADDRESS "127.0.0.1:10766"
#define SERVER_SOCKET_PATH "/run/poolscope/poolscope.sock"
#define SERVER_MAX_ADDRESSES 16
#define SERVER_MAX_CONNECTIONS 64	/* of each listener */

struct server_options {
	const char *listen_address;	/* HOST:PORT or [IPv6]:PORT or :PORT, or several, with blanks or commas between; NULL = default, "" = no TCP */
	const char *web_config_file;	/* NULL or "" = none */
	const char *socket_path;	/* NULL = default, "" = none */
	unsigned int max_connections;	/* 0 = default */
	struct prometheus_options prometheus;
	/* Somebody asks for the stacks of a pool (pools/ID?stacks); they are in snapshots to come. NULL = there are none. */
	void (*want_stacks)(void *context, uint64_t pool);
	/* The answer to API_PREFIX "record/...", see agent_record(): -ESRCH, -ESTALE, -ENOMEM. NULL = there is none. */
	int (*record)(void *context, const char *what, struct buffer *ret);
	/* The web configuration has changed, or cannot be used any more: a sentence. NULL = nobody listens. */
	void (*tell)(void *context, const char *text);
	void *context;
};

/*
 * Listens. -EADDRINUSE: another program has the port, or a live agent the socket; -EINVAL: a bad address; else errno of the call
 * that failed. d says which, with file and line where it is the web configuration. The socket of a dead agent is replaced.
 */
int server_new(const struct server_options *options, struct server **ret, struct diag *d);

/* Closes all connections and removes the socket file if it is still ours. NULL is allowed. */
void server_free(struct server *s);

/* From now on answers from this; takes a reference of its own. */
void server_set_snapshot(struct server *s, const struct snapshot *snapshot);

/* From now on pages are written by these. */
void server_set_prometheus(struct server *s, const struct prometheus_options *options);

/* An epoll descriptor that is readable when there is something to do. Owned by the server. */
int server_fd(const struct server *s);

/* Longest time to sleep before server_run(): -1 = until server_fd() is readable. */
int server_timeout_ms(const struct server *s);

/* Accepts, reads, answers, closes idle connections; whatever can be done without waiting. */
void server_run(struct server *s);

/* The TCP port of the nth address, 0 = there is none. */
uint16_t server_port(const struct server *s, unsigned int n);

/* How many requests there were since the start, by enum http_outcome; HTTP_OUTCOME_COUNT of them, borrowed. What libmicrohttpd itself refuses is not among them. */
const uint64_t *server_requests(const struct server *s);

/* The path of the Unix socket; NULL = there is none. */
const char *server_socket(const struct server *s);

/* Why the group `poolscope` may not ask on it, as was told at start; NULL = it may. */
const char *server_group_problem(const struct server *s);

/* Whether a web configuration can be used, with all the files that it names. 0, or as server_new(). */
int server_check_web_config(const char *path, struct diag *d);

#endif
