/* SPDX-License-Identifier: MIT */
/*
 * otel.h - what a process says of itself to OpenTelemetry: its resource, that is the name of its service and further attributes.
 *
 * There are two places. Its process context, which an SDK publishes: a mapping called OTEL_CTX (a memfd of that name, or anonymous memory named by prctl)
 * begins with struct otel_header, which leads to a message ProcessContext {1: Resource {1: KeyValue}}. Version 2 of the header is read, the one of the
 * specification ("OTEP 4719, Process Context: Sharing Resource Attributes with External Readers", opentelemetry-specification, with the message as in
 * opentelemetry-proto 1.11, processcontext/v1development); what lies beside the resource is passed over. And its environment, where it tells the SDK what
 * to say: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES ("Resource SDK, Specifying resource information via an environment variable").
 * Nothing else of the environment is kept.
 *
 * All of that is the target's, and nothing is believed: sizes are bounded, texts come out cleaned (base/text.h) and cut. The first part is pure.
 */
#ifndef POOLSCOPE_DISCOVER_OTEL_H
#define POOLSCOPE_DISCOVER_OTEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define OTEL_ATTRIBUTES_MAX 32
#define OTEL_PAYLOAD_MAX 16384u	/* bytes; a larger one is not read */
#define OTEL_ENVIRON_MAX 131072	/* bytes of an environment that are looked through */

struct otel_attribute {
	char key[TEXT_NAME_BYTES], value[TEXT_NAME_BYTES];	/* numbers and booleans as text */
};

/* All zero = nothing is said. */
struct otel_resource {
	char service_name[TEXT_NAME_BYTES];	/* empty = none, or the SDK's "unknown_service", with which it says that it was told none */
	size_t n;
	size_t n_left_out;	/* over the limit, or of types that are not text, number or boolean */
	struct otel_attribute attribute[OTEL_ATTRIBUTES_MAX];	/* without service.name; no key twice: the last one counts */
};

#define OTEL_VERSION 2

/* As it lies there, in the machine's order of bytes. */
struct otel_header {
	char signature[8];	/* "OTEL_CTX", without a NUL */
	uint32_t version;
	uint32_t payload_size;
	uint64_t published_ns;	/* CLOCK_BOOTTIME; changes with what is published; 0 = it is being written */
	uint64_t payload_at;
};

/* 0; -EAGAIN: it is being written; -EBADMSG: it is none, of another version, or too large. */
int otel_header_check(const struct otel_header *h);

/* A ProcessContext. -EBADMSG. */
int otel_payload_parse(const void *bytes, size_t n, struct otel_resource *ret);
/* "key=value,key=value", percent-encoded. -EBADMSG: as the specification wants it, one mistake discards the whole. */
int otel_attributes_parse(const char *text, size_t n, struct otel_resource *ret);

/* An environment as /proc/PID/environ has it: strings, each with its NUL; a last one without is passed over. */
void otel_environ_parse(const char *bytes, size_t n, struct otel_resource *ret);

/* ---- of a process -------------------------------------------------------------------------------------------------------- */

/* What its environment says. -ESRCH: it is gone; -EACCES. */
int otel_environ_read(uint32_t pid, struct otel_resource *ret);

/* Where its context is; reads its maps. -ENOENT; -ESRCH; -EACCES. */
int otel_context_find(uint32_t pid, uint64_t *ret_address);

/*
 * What its context says, and when that was published: read as it stood, not while it was changed. -EALREADY: it is what was published at
 * `known_ns`. -EAGAIN: it was changed each time; -EBADMSG; -EFAULT: it is not there any more.
 */
int otel_context_read(uint32_t pid, uint64_t address, uint64_t known_ns, struct otel_resource *ret,
		      uint64_t *ret_published_ns);

#endif
