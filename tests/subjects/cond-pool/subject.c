/* SPDX-License-Identifier: MIT */
/*
 * A pool of MAX connections as one writes it in an afternoon: a mutex, a condition variable, a stack of free ones. THREADS threads take
 * one ITERS times each, ask a server of our own, keep it HOLD_MS more, and give it back. Each question says how long the server is to
 * take: QUERY_MS, half as much more or less. With UNIX_AT the server listens there, at a Unix socket.
 *
 * The surprise: the server is this program, too, in a process of its own, and nothing but libc is linked, so that it runs where
 * there is nothing else (a virtual machine with one program in it).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ops.h"

#define STACK_BYTES (64 * 1024) /* thousands of threads */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t given;
	int *free, n_free, n;
	int64_t acquires, releases, timeouts, wait_ns, hold_ns;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct ops ops;
static int n_iters, query_us, hold_us, think_us, timeout_ms, is_retrying;

/* ---- the server ---------------------------------------------------------------------------------------------------------- */

/* A question is the answer's delay in us. */
static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint32_t us;

	while (recv(fd, &us, sizeof(us), MSG_WAITALL) == sizeof(us)) {
		usleep(us);
		if (send(fd, &us, sizeof(us), MSG_NOSIGNAL) != sizeof(us))
			break;
	}
	close(fd);
	return NULL;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	if (pthread_create(thread, &small, run, arg))
		die("a thread could not be started");
	pthread_attr_destroy(&small);
}

static void serve(int listener)
{
	pthread_t thread;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		start_thread(&thread, serve_one, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
	_exit(1);
}

/* Where the server listens. */
static struct {
	union {
		struct sockaddr any;
		struct sockaddr_in tcp;
		struct sockaddr_un unix_;
	} at;
	socklen_t size;
	char name[128];
} server;

static void choose_address(void)
{
	const char *path = getenv("UNIX_AT");

	if (path && *path) {
		server.at.unix_ = (struct sockaddr_un){ .sun_family = AF_UNIX };
		strncpy(server.at.unix_.sun_path, path, sizeof(server.at.unix_.sun_path) - 1);
		server.size = sizeof(server.at.unix_);
		return;
	}
	server.at.tcp = (struct sockaddr_in){ .sin_family = AF_INET,
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	server.size = sizeof(server.at.tcp);
}

static void name_address(void)
{
	if (server.at.any.sa_family == AF_UNIX)
		snprintf(server.name, sizeof(server.name), "%s", server.at.unix_.sun_path);
	else
		snprintf(server.name, sizeof(server.name), "127.0.0.1:%d",
			 ntohs(server.at.tcp.sin_port));
}

static void start_server(void)
{
	int listener;

	choose_address();
	listener = socket(server.at.any.sa_family, SOCK_STREAM, 0);
	if (bind(listener, &server.at.any, server.size) || listen(listener, 1024) ||
	    getsockname(listener, &server.at.any, &server.size))
		die("no address to listen at");
	name_address();
	if (!fork())
		serve(listener);
	close(listener);
}

/* ---- the pool ------------------------------------------------------------------------------------------------------------ */

static void connect_all(int n)
{
	int one = 1;

	pool.free = calloc((size_t)n, sizeof(*pool.free));
	for (int i = 0; pool.free && i < n; i++) {
		int fd = socket(server.at.any.sa_family, SOCK_STREAM, 0);

		if (connect(fd, &server.at.any, server.size))
			die("the server does not answer");
		if (server.at.any.sa_family == AF_INET)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		pool.free[pool.n_free++] = fd;
	}
	pool.n = n;
}

static struct timespec in_ms(int ms)
{
	int64_t t = now_ns() + ms * 1000000LL;

	return (struct timespec){ .tv_sec = t / 1000000000, .tv_nsec = t % 1000000000 };
}

/* A connection, or -1 when the timeout is over. */
static int pool_take(int64_t begin, int64_t *ret_acquired)
{
	struct timespec until = in_ms(timeout_ms);
	int fd = -1, error = 0;

	pthread_mutex_lock(&pool.lock);
	while (!pool.n_free && error != ETIMEDOUT)
		error = timeout_ms ? pthread_cond_timedwait(&pool.given, &pool.lock, &until)
				   : pthread_cond_wait(&pool.given, &pool.lock);
	*ret_acquired = now_ns();
	if (pool.n_free) {
		fd = pool.free[--pool.n_free];
		pool.acquires++;
		pool.wait_ns += *ret_acquired - begin;
	} else {
		pool.timeouts++;
	}
	pthread_mutex_unlock(&pool.lock);
	return fd;
}

static int64_t pool_give(int fd, int64_t acquired)
{
	int64_t now;

	pthread_mutex_lock(&pool.lock);
	now = now_ns();
	pool.releases++;
	pool.hold_ns += now - acquired;
	pool.free[pool.n_free++] = fd;
	pthread_mutex_unlock(&pool.lock);
	pthread_cond_signal(&pool.given);
	return now;
}

/* ---- the load ------------------------------------------------------------------------------------------------------------ */

static void ask(int fd, uint32_t us)
{
	if (send(fd, &us, sizeof(us), 0) != sizeof(us) ||
	    recv(fd, &us, sizeof(us), MSG_WAITALL) != sizeof(us))
		die("the server went away");
}

static void nap(int us)
{
	if (us > 0)
		usleep((useconds_t)us);
}

static void *work(void *arg)
{
	unsigned int seed = (unsigned int)(intptr_t)arg;

	nap((int)((double)think_us * rand_r(&seed) / RAND_MAX));
	for (int i = 0; i < n_iters; i++) {
		int64_t begin = now_ns(), acquired, release;
		int fd = pool_take(begin, &acquired);

		if (fd < 0) {
			ops_log(&ops, begin, 0, 0, acquired);
			nap(is_retrying ? 0 : think_us); /* whoever is told of it takes a moment */
			continue;
		}
		ask(fd, (uint32_t)(query_us * (0.5 + (double)rand_r(&seed) / RAND_MAX)));
		nap(hold_us);
		release = pool_give(fd, acquired);
		ops_log(&ops, begin, acquired, release, now_ns());
		nap(think_us);
	}
	return NULL;
}

static void run(int n)
{
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));

	for (int i = 0; threads && i < n; i++)
		start_thread(&threads[i], work, (void *)(intptr_t)(i + 1));
	for (int i = 0; threads && i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static void init(void)
{
	struct rlimit files = { 65536, 65536 };
	pthread_condattr_t how;

	n_iters = env("ITERS");
	query_us = env("QUERY_MS") * 1000;
	hold_us = env("HOLD_MS") * 1000;
	think_us = env("THINK_MS") * 1000;
	timeout_ms = env("TIMEOUT_MS");
	is_retrying = env("RETRY");
	setrlimit(RLIMIT_NOFILE, &files);
	pthread_condattr_init(&how);
	pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
	pthread_cond_init(&pool.given, &how);
	ops_open(&ops, "");
}

int main(void)
{
	int64_t end;

	init();
	start_server();
	connect_all(env("MAX"));
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	run(env("THREADS"));
	end = now_ns();
	fclose(ops.out);
	printf("BOOKS {\"pool\":\"cond-pool\",\"kind\":\"connection\",\"library\":\"none\",\"capacity\":%d,"
	       "\"endpoint\":\"%s\",\"books\":{\"pid\":%d,\"acquires\":%lld,\"releases\":%lld,\"timeouts\":%lld,"
	       "\"wait_sum_ms\":%.3f,\"hold_sum_ms\":%.3f,\"connections_open\":%d,\"end_ns\":%lld}}\n",
	       pool.n, server.name, (int)getpid(), (long long)pool.acquires,
	       (long long)pool.releases, (long long)pool.timeouts, (double)pool.wait_ns / 1e6,
	       (double)pool.hold_ns / 1e6, pool.n, (long long)end);
	wait_for_line();
	return 0;
}
