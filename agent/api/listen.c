/* SPDX-License-Identifier: MIT */
/*
 * listen.c - see listen.h. The surprise: a Unix socket gets its mode by the umask while it is bound, not by a chmod() after, so
 * there is no moment in which anybody else may connect.
 */
#include "api/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"

#define BACKLOG 64
#define GROUP "poolscope"

/* getaddrinfo() takes 99999999999 for a port and keeps its lower bits. */
static bool is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n > 0 && n <= 5 && !s[n] && atoi(s) <= 65535;
}

/* Splits HOST:PORT at the last colon; a host in [] loses them. */
static int parse_address(const char *address, char *ret_host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t n;

	if (!colon || !is_port(colon + 1))
		return -EINVAL;
	n = (size_t)(colon - address);
	if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
		address++;
		n -= 2;
	} else if (memchr(address, ':', n)) {
		return -EINVAL; /* IPv6 needs the brackets */
	}
	if (n >= size)
		return -EINVAL;
	memcpy(ret_host, address, n);
	ret_host[n] = '\0';
	if (!strcmp(ret_host, "localhost"))
		snprintf(ret_host, size, "127.0.0.1");
	*ret_port = colon + 1;
	return 0;
}

int listen_tcp(const char *address, struct diag *d)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	AUTO_CLOSE int fd = -1;
	struct addrinfo *found;
	const char *port;
	char host[64];
	int r, one = 1;

	if (parse_address(address, host, sizeof(host), &port) ||
	    getaddrinfo(host[0] ? host : NULL, port, &hints, &found))
		return diag_set(
			d, -EINVAL,
			"cannot listen on '%s': expected ADDRESS:PORT with a numeric address, "
			"as 127.0.0.1:10766 or [::]:10766",
			address);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : 0;
	if (!r) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, BACKLOG))
			r = -errno;
	}
	freeaddrinfo(found);
	if (r == -EADDRINUSE)
		return diag_set(
			d, r,
			"cannot listen on %s: another program does already (another agent?); "
			"choose an address with --listen-address",
			address);
	if (r)
		return diag_set(d, r, "cannot listen on %s: %s", address, strerror(-r));
	return TAKE_FD(fd);
}

static int make_folder(const char *path, struct diag *d)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];

	if (!slash || slash == path)
		return 0;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	if (mkdir(folder, 0755) && errno != EEXIST) {
		int r = -errno;

		return diag_set(d, r, "cannot make the folder %s for the socket: %s", folder,
				strerror(-r));
	}
	return 0;
}

/* Whether the path is free, or holds the socket of a dead agent (then *ret_is_stale). */
static int check_path(const struct sockaddr_un *addr, bool *ret_is_stale, struct diag *d)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	*ret_is_stale = false;
	if (lstat(addr->sun_path, &st))
		return errno == ENOENT ? 0
				       : diag_set(d, -errno, "cannot look at %s: %s",
						  addr->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return diag_set(d, -EEXIST, "%s exists and is no socket; move it away",
				addr->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return diag_set(d, -errno, "cannot make a socket: %s", strerror(errno));
	/* EAGAIN: the backlog of a live one is full */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return diag_set(d, -EADDRINUSE, "an agent runs already: it answers on %s",
				addr->sun_path);
	*ret_is_stale = errno == ECONNREFUSED;
	if (*ret_is_stale || errno == ENOENT)
		return 0;
	return diag_set(d, -errno, "cannot tell whether an agent runs: connect to %s: %s",
			addr->sun_path, strerror(errno));
}

/* For the group where it exists. Without the right to give it away the socket stays with its owner, which is safe. Returns why it is not the group's. */
static const char *give_to_group(const char *path)
{
	const struct group *group = getgrnam(GROUP);

	if (!group)
		return "there is no group `" GROUP "`";
	if (chown(path, (uid_t)-1, group->gr_gid))
		return "the socket could not be given to the group `" GROUP "`";
	return NULL;
}

int listen_unix(const char *path, const char **ret_not_group, struct diag *d)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_CLOSE int fd = -1;
	bool is_stale;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path))
		return diag_set(d, -ENAMETOOLONG, "the path of the socket is too long: %s", path);
	strcpy(addr.sun_path, path);
	r = make_folder(path, d);
	if (!r)
		r = check_path(&addr, &is_stale, d);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return diag_set(d, -errno, "cannot make a socket: %s", strerror(errno));
	if (is_stale)
		unlink(path);
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG) ? -errno
											  : 0;
	umask(mask);
	if (r)
		return diag_set(d, r, "cannot make the socket %s: %s", path, strerror(-r));
	*ret_not_group = give_to_group(path);
	return TAKE_FD(fd);
}
