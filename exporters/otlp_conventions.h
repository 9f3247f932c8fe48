/* SPDX-License-Identifier: MIT */
/*
 * otlp_conventions.h - which pools go out under names of OpenTelemetry's semantic conventions too, and with which attributes. All of them are of state
 * Development: db.client.connection.* and http.client.open_connections. Pure.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_CONVENTIONS_H
#define POOLSCOPE_EXPORTERS_OTLP_CONVENTIONS_H

#include <stdbool.h>

#include "base/text.h"
#include "model/snapshot.h"

enum convention { CONVENTION_NONE, CONVENTION_DATABASE, CONVENTION_HTTP };

struct conventions {
	enum convention is;
	const char *system;	/* db.system.name; NULL = not known */
	char address[TEXT_NAME_BYTES];	/* server.address: an IP address without brackets, or the path of a socket; "" = not known */
	int port;		/* server.port; 0 = none */
};

/* What a pool is by the table in otlp_databases.def. */
void conventions_of_pool(const struct pool_row *p, struct conventions *ret);

#endif
