/* SPDX-License-Identifier: MIT */
/* connect.h - for programs that have no connections of their own, and are followed only when they have one. */
#ifndef POOLSCOPE_TESTS_SUBJECTS_CONNECT_H
#define POOLSCOPE_TESTS_SUBJECTS_CONNECT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int connected_to_self __attribute__((unused)); /* the end that has connected */

/* A connection to itself, over which something has gone both ways; it is never closed. Ends the program when there is none to be had. */
static inline void connect_self(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET, SOCK_STREAM, 0), from;
	char byte = 0;

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &size) ||
	    connect(to, (struct sockaddr *)&at, sizeof(at)) ||
	    (from = accept(listener, NULL, NULL)) < 0 || send(to, &byte, 1, 0) != 1 ||
	    recv(from, &byte, 1, 0) != 1 || send(from, &byte, 1, 0) != 1 ||
	    recv(to, &byte, 1, 0) != 1) {
		fprintf(stderr, "no connection to itself\n");
		exit(1);
	}
	connected_to_self = to;
}

#endif
