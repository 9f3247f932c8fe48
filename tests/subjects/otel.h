/* SPDX-License-Identifier: MIT */
/*
 * otel.h - publishes a process context as OTEP 4719 says it ("Process Context: Sharing Resource Attributes with External Readers", publication and
 * updating protocol), for programs that are to be read. Little-endian machines; room for small messages alone.
 */
#ifndef POOLSCOPE_TESTS_SUBJECTS_OTEL_H
#define POOLSCOPE_TESTS_SUBJECTS_OTEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

struct otel_message {
	size_t n;
	unsigned char bytes[8192];
};

static inline void otel_put_byte(struct otel_message *m, unsigned int byte)
{
	if (m->n == sizeof(m->bytes))
		abort();
	m->bytes[m->n++] = (unsigned char)byte;
}

static inline void otel_put_varint(struct otel_message *m, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		otel_put_byte(m, (unsigned int)(v & 0x7f) | 0x80);
	otel_put_byte(m, (unsigned int)v);
}

static inline void otel_put_bytes(struct otel_message *m, unsigned int field, const void *bytes,
				  size_t n)
{
	otel_put_varint(m, field << 3 | 2);
	otel_put_varint(m, n);
	for (size_t i = 0; i < n; i++)
		otel_put_byte(m, ((const unsigned char *)bytes)[i]);
}

static inline void otel_put_message(struct otel_message *m, unsigned int field,
				    const struct otel_message *inner)
{
	otel_put_bytes(m, field, inner->bytes, inner->n);
}

/* A KeyValue with that AnyValue, into a Resource. */
static inline void otel_put_value(struct otel_message *resource, const char *key,
				  const struct otel_message *value)
{
	struct otel_message pair = { .n = 0 };

	otel_put_bytes(&pair, 1, key, strlen(key));
	otel_put_message(&pair, 2, value);
	otel_put_message(resource, 1, &pair);
}

static inline void otel_put_text(struct otel_message *resource, const char *key, const char *text)
{
	struct otel_message value = { .n = 0 };

	otel_put_bytes(&value, 1, text, strlen(text));
	otel_put_value(resource, key, &value);
}

struct otel_published {
	char signature[8];
	uint32_t version, size;
	volatile uint64_t published_ns;
	uint64_t at;
};

/* The mapping, without anything in it; NULL. */
static inline struct otel_published *otel_map(bool is_anonymous)
{
	int fd = is_anonymous ? -1 : memfd_create("OTEL_CTX", MFD_CLOEXEC);
	int flags = is_anonymous ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *at;

	if (!is_anonymous && (fd < 0 || ftruncate(fd, 4096)))
		return NULL;
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return NULL;
	madvise(at, 4096, MADV_DONTFORK);
	return at;
}

static inline uint64_t otel_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What is published from now on; it stays the caller's, and must stay. */
static inline void otel_publish(struct otel_published *p, const struct otel_message *context)
{
	p->published_ns = 0;
	__sync_synchronize();
	p->version = 2;
	p->size = (uint32_t)context->n;
	p->at = (uint64_t)(uintptr_t)context->bytes;
	__sync_synchronize();
	p->published_ns = otel_now_ns();
	__sync_synchronize();
	memcpy(p->signature, "OTEL_CTX", 8);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, 4096, "OTEL_CTX"); /* some kernels cannot */
}

#endif
