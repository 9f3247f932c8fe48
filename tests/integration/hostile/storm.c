/* SPDX-License-Identifier: MIT */
/*
 * storm.c - more of everything than a table holds, from a program that does nothing wrong. Prints READY, does it when a line comes on
 * stdin, prints TRUTH, and stays until the next line. The surprise: it counts what it did itself, so that the agent's numbers can be
 * set beside it: a storm must not make them wrong.
 *
 *   forks N      N processes, LIVE at a time: each connects to this one, asks, is answered, ends; each tenth listens somewhere, too
 *   sockets N    N connections from CLIENTS processes to SERVERS others, one endpoint each; both ends stay open
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE 32
#define CLIENTS 4
#define SERVERS 4

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void wait_for_line(void)
{
	char c = 0;

	fflush(stdout);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static int listen_somewhere(struct sockaddr_in *ret)
{
	socklen_t size = sizeof(*ret);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*ret = (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)ret, sizeof(*ret)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)ret, &size))
		die("listen");
	return fd;
}

static int connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		die("connect");
	return fd;
}

/* A process that ends with this one. */
static pid_t fork_bound(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* ---- forks --------------------------------------------------------------------------------------------------------------- */

static void short_life(const struct sockaddr_in *at, int is_listener)
{
	struct sockaddr_in own;
	char c = 'x';
	int fd;

	if (is_listener)
		listen_somewhere(&own);
	fd = connect_to(at);
	if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
		_exit(1);
	_exit(0);
}

static void answer(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char c;

	if (fd < 0 || read(fd, &c, 1) != 1 || write(fd, &c, 1) != 1)
		die("answer");
	close(fd);
}

static void forks(int n)
{
	struct sockaddr_in at;
	int listener = listen_somewhere(&at), n_live = 0, n_failed = 0, status;

	for (int i = 0; i < n; i++) {
		if (!fork_bound())
			short_life(&at, i % 10 == 0);
		if (++n_live < LIVE)
			continue;
		for (; n_live; n_live--)
			answer(listener);
		while (waitpid(-1, &status, WNOHANG) > 0)
			n_failed += status != 0;
	}
	for (; n_live; n_live--)
		answer(listener);
	while (waitpid(-1, &status, 0) > 0)
		n_failed += status != 0;
	printf("TRUTH {\"pid\":%d,\"processes\":%d,\"failed\":%d,\"endpoint\":\"127.0.0.1:%d\",\"opened\":%d}\n",
	       (int)getpid(), n, n_failed, ntohs(at.sin_port), n);
	wait_for_line();
}

/* ---- sockets ------------------------------------------------------------------------------------------------------------- */

/* Takes what comes, tells how many there are when there are enough, and keeps them. */
static void server(int listener, int n, int tell)
{
	for (int i = 0; i < n; i++)
		if (accept(listener, NULL, NULL) < 0)
			die("accept");
	if (write(tell, "x", 1) != 1)
		die("tell");
	pause();
}

static void client(const struct sockaddr_in at[SERVERS], int n, int tell)
{
	for (int i = 0; i < n; i++)
		connect_to(&at[i % SERVERS]);
	if (write(tell, "x", 1) != 1)
		die("tell");
	pause();
}

static void print_pids(const char *name, const pid_t pids[], int n)
{
	printf("\"%s\":[", name);
	for (int i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", (int)pids[i]);
	printf("],");
}

static void sockets(int n)
{
	int per_pair = n / (CLIENTS * SERVERS), listener[SERVERS], told[2];
	pid_t servers[SERVERS], clients[CLIENTS];
	struct sockaddr_in at[SERVERS];
	char c;

	if (pipe(told))
		die("pipe");
	for (int i = 0; i < SERVERS; i++)
		listener[i] = listen_somewhere(&at[i]);
	for (int i = 0; i < SERVERS; i++)
		if (!(servers[i] = fork_bound()))
			server(listener[i], per_pair * CLIENTS, told[1]);
	for (int i = 0; i < CLIENTS; i++)
		if (!(clients[i] = fork_bound()))
			client(at, per_pair * SERVERS, told[1]);
	for (int i = 0; i < SERVERS + CLIENTS; i++)
		if (read(told[0], &c, 1) != 1)
			die("read");
	printf("TRUTH {\"pid\":%d,", (int)getpid());
	print_pids("servers", servers, SERVERS);
	print_pids("clients", clients, CLIENTS);
	printf("\"per_pair\":%d}\n", per_pair);
	wait_for_line();
	for (int i = 0; i < SERVERS; i++)
		kill(servers[i], SIGKILL);
	for (int i = 0; i < CLIENTS; i++)
		kill(clients[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int n = argc == 3 ? atoi(argv[2]) : 0;

	if (n < 1)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	if (!strcmp(argv[1], "forks"))
		forks(n);
	else if (!strcmp(argv[1], "sockets"))
		sockets(n);
	else
		return 2;
	return 0;
}
