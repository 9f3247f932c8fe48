/* SPDX-License-Identifier: MIT */
/*
 * otlp_resource.c - see otlp_resource.h. The surprise is service.instance.id. Receivers that translate for Prometheus make the label `instance` of it and of
 * nothing else, so without it two processes of one service would be one series that jumps; and prefork servers hand the same one down to all their
 * workers. So there always is one: the process's own while nobody else has it, else a UUID of version 5 made of host, pid and start.
 */
#include "exporters/otlp_resource.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_attributes.h"
#include "model/snapshot.h"

#define INSTANCE_ID "service.instance.id"

static int by_pid(const void *key, const void *row)
{
	int32_t pid = *(const int32_t *)key, other = ((const struct process_row *)row)->pid;

	return (pid > other) - (pid < other);
}

static const struct process_row *find(const struct snapshot *s, int32_t pid)
{
	return s->n_processes
		       ? bsearch(&pid, s->processes, s->n_processes, sizeof(*s->processes), by_pid)
		       : NULL;
}

bool resource_is_there(const struct snapshot *s, int32_t pid)
{
	return find(s, pid);
}

struct process_row resource_row(const struct snapshot *s, int32_t pid, const char *process,
				const char *service, const char *container_id)
{
	const struct process_row *row = find(s, pid);

	if (row)
		return *row;
	return (struct process_row){ .pid = pid,
				     .process = process,
				     .service = service,
				     .container_id = container_id,
				     .started_wall_ns = UNKNOWN };
}

const char *resource_label(const struct process_row *row)
{
	return row->service ? row->service : row->process;
}

const char *resource_own_id(const struct process_row *row)
{
	for (size_t i = 0; i < row->n_attributes; i++) {
		if (row->attributes[i].key && !strcmp(row->attributes[i].key, INSTANCE_ID))
			return row->attributes[i].value;
	}
	return NULL;
}

static uint64_t mix(uint64_t h, const char *text)
{
	for (const char *c = text ? text : "\1"; *c; c++)
		h = (h ^ (uint8_t)*c) * 0x100000001b3;
	return (h ^ 0x100) * 0x100000001b3;
}

uint64_t resource_digest(const struct process_row *row)
{
	uint64_t h = 0xcbf29ce484222325;

	h = mix(h, row->process);
	h = mix(h, row->service);
	h = mix(h, row->service_name);
	h = mix(h, row->executable);
	h = mix(h, row->container_id);
	for (size_t i = 0; i < row->n_attributes; i++)
		h = mix(mix(h, row->attributes[i].key), row->attributes[i].value);
	return h;
}

/* RFC 3339, with milliseconds: the start of a process is known in hundredths. */
static void add_time(struct attributes *a, const char *key, int64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char text[64];
	struct tm tm;
	size_t n;

	if (ns == UNKNOWN || !gmtime_r(&seconds, &tm))
		return;
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ns / 1000000 % 1000));
	attributes_add(a, key, text);
}

/*
 * RFC 4122, version 5, in the namespace that the conventions name for service.instance.id. Where SHA-1 is forbidden, the text it would be made of.
 */
static void add_instance_id(struct attributes *a, const char *host, int32_t pid, int64_t started_ns)
{
	static const uint8_t namespace[16] = { 0x4d, 0x63, 0x00, 0x9a, 0x8d, 0x0f, 0x11, 0xee,
					       0xaa, 0xd7, 0x4c, 0x79, 0x6e, 0xd8, 0xe3, 0x20 };
	char text[16 + TEXT_NAME_BYTES + 64];
	char *name = text + sizeof(namespace);
	uint8_t hash[20], *u = hash;
	char uuid[40];
	int n;

	memcpy(text, namespace, sizeof(namespace));
	n = snprintf(name, sizeof(text) - sizeof(namespace), "%.*s/%" PRId32 "/%" PRId64,
		     TEXT_NAME_BYTES, host ? host : "", pid, started_ns / 1000000);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, sizeof(namespace) + (size_t)n, hash)) {
		attributes_add(a, INSTANCE_ID, name);
		return;
	}
	u[6] = (u[6] & 0x0f) | 0x50;
	u[8] = (u[8] & 0x3f) | 0x80;
	snprintf(uuid, sizeof(uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
	attributes_add(a, INSTANCE_ID, uuid);
}

static void add_service_name(struct attributes *a, const struct process_row *row)
{
	const char *name = row->service_name                           ? row->service_name
			   : row->service                              ? row->service
			   : row->container_id && row->container_id[0] ? row->container_id
			   : row->executable                           ? row->executable
								       : NULL;
	char unknown[TEXT_NAME_BYTES + 32] = "unknown_service";

	if (name && *name) {
		attributes_add(a, "service.name", name);
		return;
	}
	if (row->process && *row->process && strcmp(row->process, "?") != 0)
		snprintf(unknown, sizeof(unknown), "unknown_service:%.*s", TEXT_NAME_BYTES,
			 row->process);
	attributes_add(a, "service.name", unknown);
}

static int pack(struct attributes *a, struct buffer *ret)
{
	Otlp__Resource rest = OTLP__RESOURCE__INIT;
	uint8_t packed[16];
	int r = a->bytes.error;

	rest.dropped_attributes_count = a->n_dropped;
	if (!r) {
		buffer_add(ret, a->bytes.data, a->bytes.n);
		if (!ret->error)
			attributes_copy(a, 1, (uint8_t *)ret->data);
		buffer_add(ret, packed, otlp__resource__pack(&rest, packed));
	}
	return r ? r : ret->error;
}

/* Of the configuration. They come before what the process says of itself, so it cannot take their names. */
static void add_labels(struct attributes *a, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_labels; i++)
		attributes_add_foreign(a, s->labels[i].name, s->labels[i].value);
}

int resource_of_process(const struct snapshot *s, const struct process_row *row, bool is_own_id,
			struct buffer *ret)
{
	CLEANUP(attributes_done) struct attributes a = { .n = 0 };
	const char *own_id = is_own_id ? resource_own_id(row) : NULL;

	add_service_name(&a, row);
	if (own_id)
		attributes_add(&a, INSTANCE_ID, own_id);
	else
		add_instance_id(&a, s->host, row->pid, row->started_wall_ns);
	attributes_add_int(&a, "process.pid", row->pid);
	add_time(&a, "process.creation.time", row->started_wall_ns);
	attributes_add(&a, "process.executable.name",
		       row->executable ? row->executable : row->process);
	attributes_add(&a, "container.id", row->container_id);
	attributes_add(&a, "host.name", s->host);
	attributes_add(&a, "os.type", "linux");
	add_labels(&a, s);
	for (size_t i = 0; i < row->n_attributes; i++)
		attributes_add_foreign(&a, row->attributes[i].key, row->attributes[i].value);
	return pack(&a, ret);
}

int resource_of_agent(const struct snapshot *s, struct buffer *ret)
{
	CLEANUP(attributes_done) struct attributes a = { .n = 0 };

	attributes_add(&a, "service.name", "poolscope");
	attributes_add(&a, "service.version", s->version);
	add_instance_id(&a, s->host, 0, 0);
	attributes_add(&a, "host.name", s->host);
	attributes_add(&a, "os.type", "linux");
	add_labels(&a, s);
	return pack(&a, ret);
}
