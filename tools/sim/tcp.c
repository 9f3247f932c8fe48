/* SPDX-License-Identifier: MIT */
/*
 * tcp.c - see tcp.h. The surprise: other threads never touch the server's descriptors. They leave an order and wait until the
 * server's thread has done it, else an event of a closed connection could be taken for one of the next that got its number.
 */
#include "tools/sim/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define REQUEST_BYTES 64
#define ANSWER_TIMEOUT_S 2

enum order { ORDER_NONE, ORDER_BREAK, ORDER_HEAL, ORDER_CLOSE_IDLE };

struct server {
	uint16_t port;
	int listener, poll, orders; /* listener -1: broken */
	int64_t used_ns[CONNECTIONS_MAX]; /* by descriptor; 0 = none of ours */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	enum order order;
	unsigned int n;
};

/* ---- the server's thread ----------------------------------------------------------------------------------------------- */

static int listen_at(uint16_t port, uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
	socklen_t size = sizeof(at);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&at, size) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&at, &size)) {
		fprintf(stderr, "poolsim: the echo server cannot listen on 127.0.0.1: %s\n",
			strerror(errno));
		exit(1);
	}
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void watch(struct server *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(s->poll, EPOLL_CTL_ADD, fd, &e)) {
		fprintf(stderr, "poolsim: epoll: %s\n", strerror(errno));
		exit(1);
	}
}

static void hang_up(struct server *s, int fd, bool is_reset)
{
	struct linger now = { .l_onoff = 1 };

	if (is_reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	s->used_ns[fd] = 0;
	close(fd);
}

static void take_calls(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (fd >= CONNECTIONS_MAX) {
			close(fd);
			continue;
		}
		s->used_ns[fd] = now_ns();
		watch(s, fd);
	}
}

static void echo(struct server *s, int fd)
{
	char data[4096];
	ssize_t n = read(fd, data, sizeof(data));

	if (n > 0 && write(fd, data, (size_t)n) == n)
		s->used_ns[fd] = now_ns();
	else if (n >= 0 || errno != EAGAIN)
		hang_up(s, fd, false);
}

static int most_silent(const struct server *s)
{
	int found = -1;

	for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
		if (s->used_ns[fd] && (found < 0 || s->used_ns[fd] < s->used_ns[found]))
			found = fd;
	return found;
}

static void obey(struct server *s)
{
	uint64_t n;
	unsigned int done = 0;
	int fd;

	if (read(s->orders, &n, sizeof(n)) != sizeof(n))
		return;
	pthread_mutex_lock(&s->lock);
	if (s->order == ORDER_BREAK && s->listener >= 0) {
		close(s->listener);
		s->listener = -1;
		for (fd = 0; fd < CONNECTIONS_MAX; fd++)
			if (s->used_ns[fd])
				hang_up(s, fd, true);
	} else if (s->order == ORDER_HEAL && s->listener < 0) {
		s->listener = listen_at(s->port, &s->port);
		watch(s, s->listener);
	} else if (s->order == ORDER_CLOSE_IDLE) {
		for (; done < s->n && (fd = most_silent(s)) >= 0; done++)
			hang_up(s, fd, false);
		s->n = done;
	}
	s->order = ORDER_NONE;
	pthread_cond_broadcast(&s->done);
	pthread_mutex_unlock(&s->lock);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct epoll_event e[64];
	bool has_order;
	int n;

	pthread_setname_np(pthread_self(), "echo-server");
	for (;;) {
		n = epoll_wait(s->poll, e, 64, -1);
		has_order = false;
		for (int i = 0; i < n; i++) {
			if (e[i].data.fd == s->orders)
				has_order = true;
			else if (e[i].data.fd == s->listener)
				take_calls(s);
			else
				echo(s, e[i].data.fd);
		}
		if (has_order) /* last: no event of this round may outlive its connection */
			obey(s);
	}
	return NULL;
}

struct server *server_start(void)
{
	struct server *s = must(calloc(1, sizeof(*s)));
	pthread_t thread;

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->done, NULL);
	s->listener = listen_at(0, &s->port);
	s->poll = epoll_create1(EPOLL_CLOEXEC);
	s->orders = eventfd(0, EFD_CLOEXEC);
	if (s->poll < 0 || s->orders < 0) {
		fprintf(stderr, "poolsim: the echo server cannot start: %s\n", strerror(errno));
		exit(1);
	}
	watch(s, s->listener);
	watch(s, s->orders);
	errno = pthread_create(&thread, NULL, serve, s);
	if (errno) {
		fprintf(stderr, "poolsim: the echo server cannot start: %s\n", strerror(errno));
		exit(1);
	}
	pthread_detach(thread);
	return s;
}

/* ---- orders from other threads ----------------------------------------------------------------------------------------- */

static unsigned int give_order(struct server *s, enum order order, unsigned int n)
{
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	while (s->order)
		pthread_cond_wait(&s->done, &s->lock);
	s->order = order;
	s->n = n;
	if (write(s->orders, &one, sizeof(one)) != sizeof(one))
		exit(1);
	while (s->order)
		pthread_cond_wait(&s->done, &s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void server_break(struct server *s)
{
	give_order(s, ORDER_BREAK, 0);
}

void server_heal(struct server *s)
{
	give_order(s, ORDER_HEAL, 0);
}

unsigned int server_close_idle(struct server *s, unsigned int n)
{
	return give_order(s, ORDER_CLOSE_IDLE, n);
}

/* ---- connections ------------------------------------------------------------------------------------------------------- */

static bool tcp_open(void *context, struct item *item)
{
	const struct server *s = context;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(s->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return false;
	}
	item->fd = fd;
	return true;
}

static bool tcp_check(void *context, struct item *item)
{
	char c;

	(void)context;
	return recv(item->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void tcp_close(void *context, struct item *item)
{
	(void)context;
	close(item->fd);
}

struct item_ops tcp_items(struct server *s)
{
	return (struct item_ops){ tcp_open, tcp_check, tcp_close, s };
}

bool tcp_send(struct item *item)
{
	static const char request[REQUEST_BYTES] = "what is the answer?";

	return send(item->fd, request, sizeof(request), MSG_NOSIGNAL) == sizeof(request);
}

bool tcp_receive(struct item *item)
{
	char answer[REQUEST_BYTES];

	return recv(item->fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer);
}
