/* SPDX-License-Identifier: MIT */
/*
 * otlp_conventions.c - see otlp_conventions.h. The surprise: a pool that is known by its sockets alone and leads to port 80 or 443 is taken for one of HTTP,
 * and a pool of a library at the same port is not: who has a library that pools connections there may speak anything.
 */
#include "exporters/otlp_conventions.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	int port;
	const char *system;
} ports[] = {
#define DATABASE_PORT(port, system, why) { port, system },
#include "exporters/otlp_databases.def"
};

static const struct {
	const char *part, *system;
} sockets[] = {
#define DATABASE_SOCKET(part, system, why) { part, system },
#include "exporters/otlp_databases.def"
};

static const struct {
	const char *library, *system;
} libraries[] = {
#define DATABASE_LIBRARY(library, system, why) { library, system },
#include "exporters/otlp_databases.def"
};

static const int http_ports[] = {
#define HTTP_PORT(port, why) port,
#include "exporters/otlp_databases.def"
};

#define N(array) (sizeof(array) / sizeof(*(array)))

/* "10.0.0.1:5432", "[::1]:5432", "/run/x.sock", "@abstract". */
static void split_endpoint(const char *endpoint, struct conventions *ret)
{
	const char *colon = endpoint ? strrchr(endpoint, ':') : NULL;
	const char *from = endpoint;
	char *end = NULL;
	long port;
	size_t n;

	if (!endpoint || !*endpoint)
		return;
	port = colon && colon[1] ? strtol(colon + 1, &end, 10) : 0;
	if (*endpoint == '/' || *endpoint == '@' || !colon || !end || *end || port <= 0 ||
	    port > 65535) {
		text_clean(endpoint, SIZE_MAX, ret->address, sizeof(ret->address));
		return;
	}
	n = (size_t)(colon - endpoint);
	if (n >= 2 && from[0] == '[' && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	text_clean(from, n, ret->address, sizeof(ret->address));
	ret->port = (int)port;
}

static bool find_database(const struct pool_row *p, struct conventions *ret)
{
	bool is_one = false;

	for (size_t i = 0; p->library && i < N(libraries); i++) {
		if (!strcmp(p->library, libraries[i].library)) {
			ret->system = libraries[i].system;
			is_one = true;
		}
	}
	for (size_t i = 0; ret->port && !ret->system && i < N(ports); i++) {
		if (ret->port == ports[i].port)
			ret->system = ports[i].system;
	}
	for (size_t i = 0; ret->address[0] == '/' && !ret->system && i < N(sockets); i++) {
		if (strstr(ret->address, sockets[i].part))
			ret->system = sockets[i].system;
	}
	return is_one || ret->system;
}

void conventions_of_pool(const struct pool_row *p, struct conventions *ret)
{
	*ret = (struct conventions){ .is = CONVENTION_NONE };
	if (p->kind != PS_KIND_connection)
		return;
	split_endpoint(p->endpoint, ret);
	if (find_database(p, ret)) {
		ret->is = CONVENTION_DATABASE;
		return;
	}
	for (size_t i = 0; i < N(http_ports); i++) {
		if (ret->port == http_ports[i] && p->source && !strncmp(p->source, "inferred", 8))
			ret->is = CONVENTION_HTTP;
	}
}
