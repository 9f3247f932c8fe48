/* SPDX-License-Identifier: MIT */
/*
 * hsperf.c - see hsperf.h. The surprise: what "safepoint time" has in it depends on the version. Up to Java 12 it is all of a safepoint;
 * since then it begins when all threads stand still, and the time until they do is another counter. So it was in 11, 17, 21 and 25, where
 * the sum is the `Total` of -Xlog:safepoint to the nanosecond (11: the time for which threads were stopped).
 * <https://github.com/openjdk/jdk/blob/jdk-17-ga/src/hotspot/share/runtime/perfMemory.hpp>
 * <https://github.com/openjdk/jdk/blob/jdk-17-ga/src/hotspot/share/services/runtimeService.cpp>
 */
#include "discover/hsperf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/remote.h"
#include "discover/mapped.h"

#define MEMORY_MAX (1 << 20) /* the JVM makes 32 KB, unless it is told otherwise */
#define ENTRIES_MAX 8192
#define SEPARATE_SYNC 13 /* the first Java whose safepoint time is without the way to it */
#define COUNT_MOST (1ull << 48)

/* As they lie there, in the order of bytes that `byte_order` says. */
struct header {
	uint8_t magic[4];
	uint8_t byte_order; /* 1 = the lowest first */
	uint8_t major, minor;
	uint8_t is_accessible;
	uint32_t used;
	uint32_t overflow;
	uint64_t modified;
	uint32_t entry_offset;
	uint32_t n_entries;
};

struct entry {
	uint32_t length;
	uint32_t name_offset;
	uint32_t vector_length; /* 0 = a single value */
	uint8_t type; /* as in a Java signature */
	uint8_t flags, unit, variability;
	uint32_t data_offset;
};

static const uint8_t magic[4] = { 0xca, 0xfe, 0xc0, 0xc0 };

/* Java before 9 called itself 1.8. */
static unsigned long java_version(const char *text)
{
	char *end;
	unsigned long major = strtoul(text, &end, 10);

	return major == 1 && *end == '.' ? strtoul(end + 1, NULL, 10) : major;
}

/* "sun.gc.collector.1.time" is number 1 of `time`. */
static bool is_collectors(const char *name, const char *what, unsigned int *ret_number)
{
	static const char prefix[] = "sun.gc.collector.";
	size_t n = sizeof(prefix) - 1;

	if (strncmp(name, prefix, n) != 0 || name[n] < '0' ||
	    name[n] >= '0' + HSPERF_COLLECTORS_MAX || name[n + 1] != '.')
		return false;
	*ret_number = (unsigned int)(name[n] - '0');
	return !strcmp(name + n + 2, what);
}

static bool which_counter(const char *name, unsigned int *ret)
{
	unsigned int number;

	if (!strcmp(name, "sun.rt.safepoints"))
		*ret = HSPERF_SAFEPOINTS;
	else if (!strcmp(name, "sun.rt.safepointTime"))
		*ret = HSPERF_SAFEPOINT_TIME;
	else if (!strcmp(name, "sun.rt.safepointSyncTime"))
		*ret = HSPERF_SYNC_TIME;
	else if (is_collectors(name, "invocations", &number))
		*ret = HSPERF_COLLECTIONS + number;
	else if (is_collectors(name, "time", &number))
		*ret = HSPERF_COLLECTION_TIME + number;
	else
		return false;
	return true;
}

struct finding {
	struct hsperf h;
	unsigned long version; /* of Java, 0 = unknown */
};

/* One entry of `length` bytes, `at` bytes from the beginning. False: it lies. */
static bool take_entry(const uint8_t *bytes, size_t at, const struct entry *e, struct finding *f)
{
	const char *name = (const char *)bytes + at + e->name_offset;
	const uint8_t *data = bytes + at + e->data_offset;
	unsigned int which;

	if (e->name_offset < sizeof(*e) || e->name_offset >= e->length ||
	    !memchr(name, 0, e->length - e->name_offset) || e->data_offset < sizeof(*e) ||
	    e->data_offset >= e->length)
		return false;
	if (e->type == 'B' && !strcmp(name, "java.property.java.version")) {
		if (!memchr(data, 0, e->length - e->data_offset))
			return false;
		f->version = java_version((const char *)data);
		return true;
	}
	if (e->type != 'J' || e->vector_length)
		return true;
	if (e->length - e->data_offset < sizeof(uint64_t))
		return false;
	if (!strcmp(name, "sun.os.hrt.frequency"))
		memcpy(&f->h.frequency, data, sizeof(f->h.frequency));
	else if (which_counter(name, &which))
		f->h.at[which] = (uint32_t)(at + e->data_offset);
	return true;
}

int hsperf_parse(const void *bytes, size_t n, struct hsperf *ret)
{
	struct finding f = { 0 };
	struct header h;
	struct entry e;
	size_t at;

	if (n < sizeof(h) || n > MEMORY_MAX)
		return -EINVAL;
	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 ||
	    h.byte_order != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) || h.major != 2)
		return -EINVAL;
	if (!h.is_accessible)
		return -EAGAIN;
	if (h.used > n || h.entry_offset < sizeof(h) || h.n_entries > ENTRIES_MAX)
		return -EINVAL;
	at = h.entry_offset;
	for (uint32_t i = 0; i < h.n_entries; i++, at += e.length) {
		if (at > h.used || h.used - at < sizeof(e))
			return -EINVAL;
		memcpy(&e, (const uint8_t *)bytes + at, sizeof(e));
		if (e.length < sizeof(e) || e.length > h.used - at ||
		    !take_entry(bytes, at, &e, &f))
			return -EINVAL;
	}
	if (!f.h.at[HSPERF_SAFEPOINTS] || !f.h.at[HSPERF_SAFEPOINT_TIME] || !f.h.frequency)
		return -ENOENT;
	if (f.version && f.version < SEPARATE_SYNC)
		f.h.at[HSPERF_SYNC_TIME] = 0;
	*ret = f.h;
	return 0;
}

int hsperf_count(const struct hsperf *h, const uint64_t value[HSPERF_COUNTERS],
		 struct hsperf_counts *ret)
{
	double second = (double)h->frequency;
	struct hsperf_counts c = { .safepoints = value[HSPERF_SAFEPOINTS] };

	for (unsigned int i = 0; i < HSPERF_COUNTERS; i++)
		if (value[i] > COUNT_MOST * (i == HSPERF_SAFEPOINTS ? 1 : 8))
			return -EINVAL;
	c.safepoint_s = (double)(value[HSPERF_SAFEPOINT_TIME] + value[HSPERF_SYNC_TIME]) / second;
	for (unsigned int i = 0; i < HSPERF_COLLECTORS_MAX; i++) {
		c.collections += value[HSPERF_COLLECTIONS + i];
		c.collection_s += (double)value[HSPERF_COLLECTION_TIME + i] / second;
	}
	*ret = c;
	return 0;
}

int hsperf_find(uint32_t pid, struct hsperf *ret, uint64_t *ret_address)
{
	AUTO_FREE void *bytes = NULL;
	uint64_t start, end;
	int error = mapped_like(pid, "*/hsperfdata_*/[0-9]*", &start, &end);

	if (error)
		return error;
	if (end - start > MEMORY_MAX)
		return -EINVAL;
	bytes = malloc(end - start);
	if (!bytes)
		return -ENOMEM;
	error = remote_read_all(pid, start, bytes, end - start);
	if (!error)
		error = hsperf_parse(bytes, end - start, ret);
	if (!error)
		*ret_address = start;
	return error;
}

int hsperf_read(uint32_t pid, const struct hsperf *h, uint64_t address, struct hsperf_counts *ret)
{
	struct iovec local[HSPERF_COUNTERS], remote[HSPERF_COUNTERS];
	uint64_t value[HSPERF_COUNTERS] = { 0 };
	size_t n = 0;
	ssize_t got;

	for (unsigned int i = 0; i < HSPERF_COUNTERS; i++) {
		if (!h->at[i])
			continue;
		local[n] = (struct iovec){ &value[i], sizeof(value[i]) };
		remote[n++] =
			(struct iovec){ (void *)(uintptr_t)(address + h->at[i]), sizeof(value[i]) };
	}
	got = remote_read(pid, local, remote, n);
	if (got < 0)
		return (int)got;
	return got == (ssize_t)(n * sizeof(value[0])) ? hsperf_count(h, value, ret) : -EFAULT;
}
