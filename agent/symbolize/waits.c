/* SPDX-License-Identifier: MIT */
/*
 * waits.c - see waits.h. The surprise: the other end of a socket is looked up in the table of the process's own network, which another
 * thread of it may have left; it is only words for a person.
 */
#include "symbolize/waits.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/futex.h>

#include "base/cleanup.h"
#include "discover/places.h"

#define LINES_MAX 65536
#define NAME_BYTES 128

int waits_parse_tcp(const char *line, uint64_t inode, char *ret, size_t size)
{
	char address[33], text[INET6_ADDRSTRLEN];
	unsigned int port, word[4];
	unsigned long long its_inode;
	bool is_ipv6;

	if (sscanf(line,
		   " %*u: %*[0-9A-Fa-f]:%*x %32[0-9A-Fa-f]:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %llu",
		   address, &port, &its_inode) != 3 ||
	    its_inode != inode || port > UINT16_MAX)
		return 0;
	is_ipv6 = strlen(address) == 32;
	if (!is_ipv6 && strlen(address) != 8)
		return 0;
	for (int i = 0; i < (is_ipv6 ? 4 : 1); i++)
		if (sscanf(address + 8 * i, "%8x", &word[i]) != 1)
			return 0;
	if (!inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, word, text, sizeof(text)))
		return 0;
	snprintf(ret, size, is_ipv6 ? "[%s]:%u" : "%s:%u", text, port);
	return 1;
}

static bool find_peer(uint32_t pid, uint64_t inode, char *ret, size_t size)
{
	static const char *const tables[] = { "tcp", "tcp6" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		AUTO_FCLOSE FILE *f = NULL;
		char path[64], line[512];

		snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, tables[i]);
		f = fopen(path, "re");
		for (int n = 0; f && n < LINES_MAX && fgets(line, sizeof(line), f); n++)
			if (waits_parse_tcp(line, inode, ret, size))
				return true;
	}
	return false;
}

static void name_file(uint32_t pid, uint64_t fd, char *ret, size_t size)
{
	char path[64], link[NAME_BYTES];
	unsigned long long inode;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, (int)fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0) {
		snprintf(ret, size, "a file");
		return;
	}
	link[n] = 0;
	if (sscanf(link, "socket:[%llu]", &inode) == 1) {
		if (!find_peer(pid, inode, ret, size))
			snprintf(ret, size, "a socket");
	} else
		snprintf(ret, size, "%.100s", link);
}

static void say_file(uint32_t pid, const char *what, uint64_t fd, char *ret, size_t size)
{
	char name[NAME_BYTES];

	name_file(pid, fd, name, sizeof(name));
	snprintf(ret, size, "%s %s (fd %d)", what, name, (int)fd);
}

static void say_futex(uint32_t pid, uint64_t word, char *ret, size_t size)
{
	char place[PLACE_BYTES];

	if (place_of_data(pid, word, place))
		snprintf(ret, size, "the futex 0x%llx", (unsigned long long)word);
	else
		snprintf(ret, size, "the futex %s", place);
}

/* The first file of a set; who waits for an answer has but one. */
static void say_poll(uint32_t pid, int memory, const uint64_t *args, char *ret, size_t size)
{
	struct pollfd first;

	if (!args[1])
		snprintf(ret, size, "time to pass");
	else if (args[1] > 1)
		snprintf(ret, size, "one of %llu files", (unsigned long long)args[1]);
	else if (pread(memory, &first, sizeof(first), (off_t)args[0]) == sizeof(first))
		say_file(pid,
			 first.events & POLLOUT && !(first.events & POLLIN) ? "room to send to"
									    : "data from",
			 (uint64_t)first.fd, ret, size);
}

void waits_describe(uint32_t pid, int memory, int64_t call, const uint64_t args[static 6],
		    char *ret, size_t size)
{
	*ret = 0;
	switch (call) {
	case SYS_futex:
		say_futex(pid, args[0], ret, size);
		break;
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
		say_file(pid, "data from", args[0], ret, size);
		break;
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		say_file(pid, "room to send to", args[0], ret, size);
		break;
	case SYS_connect:
		snprintf(ret, size, "a connection to be made (fd %d)", (int)args[0]);
		break;
	case SYS_accept4:
#ifdef SYS_accept
	case SYS_accept:
#endif
		snprintf(ret, size, "somebody to connect (fd %d)", (int)args[0]);
		break;
#ifdef SYS_poll
	case SYS_poll:
#endif
	case SYS_ppoll:
		say_poll(pid, memory, args, ret, size);
		break;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
	case SYS_epoll_pwait:
		snprintf(ret, size, "events of an epoll (fd %d)", (int)args[0]);
		break;
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
		snprintf(ret, size, "time to pass");
		break;
	case SYS_wait4:
	case SYS_waitid:
		snprintf(ret, size, "a child process");
		break;
	case SYS_fsync:
	case SYS_fdatasync:
		say_file(pid, "the disk, for", args[0], ret, size);
		break;
	default:
		break;
	}
}
