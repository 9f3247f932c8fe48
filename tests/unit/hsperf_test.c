/* SPDX-License-Identifier: MIT */
/* hsperf_test.c - a JVM's own counters: where they lie, what they mean, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "discover/hsperf.h"
#include "ingest/jvms.h"

/* Memory as a JVM fills it. */
static struct {
	uint64_t word[512];
	size_t n, last; /* bytes; where the last entry begins */
	uint32_t n_entries;
} jvm;

static uint8_t *at(size_t offset)
{
	return (uint8_t *)jvm.word + offset;
}

static void put32(size_t offset, uint32_t value)
{
	memcpy(at(offset), &value, sizeof(value));
}

static int reset(void **state)
{
	static const uint8_t head[] = { 0xca, 0xfe, 0xc0, 0xc0, 1, 2, 0, 1 };

	(void)state;
	memset(&jvm, 0, sizeof(jvm));
	memcpy(at(0), head, sizeof(head));
	jvm.n = 32;
	put32(24, 32);
	return 0;
}

static void entry(const char *name, char type, const void *data, size_t size)
{
	size_t name_bytes = (strlen(name) + 8) & ~(size_t)7, value_at = 24 + name_bytes;
	uint32_t length = (uint32_t)((value_at + size + 7) & ~(size_t)7);

	put32(jvm.n, length);
	put32(jvm.n + 4, 20);
	put32(jvm.n + 8, type == 'B' ? (uint32_t)size : 0);
	*at(jvm.n + 12) = (uint8_t)type;
	put32(jvm.n + 16, (uint32_t)value_at);
	memcpy(at(jvm.n + 20), name, strlen(name) + 1);
	memcpy(at(jvm.n + value_at), data, size);
	jvm.last = jvm.n;
	jvm.n += length;
	put32(8, (uint32_t)jvm.n);
	put32(28, ++jvm.n_entries);
}

static void number(const char *name, uint64_t value)
{
	entry(name, 'J', &value, sizeof(value));
}

static void fill(const char *java)
{
	reset(NULL);
	number("sun.rt.safepoints", 7);
	number("sun.rt.safepointTime", 3000000);
	number("sun.rt.safepointSyncTime", 1000000);
	number("sun.gc.collector.0.invocations", 4);
	number("sun.gc.collector.0.time", 1500000);
	number("sun.gc.collector.1.invocations", 1);
	number("sun.gc.collector.1.time", 500000);
	number("sun.gc.collector.9.time", 1); /* one too many */
	number("sun.os.hrt.frequency", 1000000);
	entry("java.property.java.version", 'B', java, strlen(java) + 1);
}

static int parse(struct hsperf *ret)
{
	return hsperf_parse(jvm.word, jvm.n, ret);
}

static struct hsperf_counts counts(void)
{
	uint64_t value[HSPERF_COUNTERS] = { 0 };
	struct hsperf_counts c;
	struct hsperf h;

	assert_int_equal(parse(&h), 0);
	for (int i = 0; i < HSPERF_COUNTERS; i++)
		if (h.at[i])
			memcpy(&value[i], at(h.at[i]), sizeof(value[i]));
	assert_int_equal(hsperf_count(&h, value, &c), 0);
	return c;
}

static void safepoints_and_collections_are_counted_in_ticks(void **state)
{
	struct hsperf_counts c;

	(void)state;
	fill("17.0.15");
	c = counts();
	assert_int_equal(c.safepoints, 7);
	assert_int_equal(c.collections, 5);
	assert_float_equal(c.safepoint_s, 4, 1e-6);
	assert_float_equal(c.collection_s, 2, 1e-6);
}

static void the_way_to_a_safepoint_is_counted_once(void **state)
{
	(void)state;
	fill("12.0.2");
	assert_float_equal(counts().safepoint_s, 3, 1e-6);
	fill("1.8.0_432");
	assert_float_equal(counts().safepoint_s, 3, 1e-6);
	fill("13");
	assert_float_equal(counts().safepoint_s, 4, 1e-6);
	fill("strange");
	assert_float_equal(counts().safepoint_s, 4, 1e-6);
}

static void one_that_starts_is_asked_again_and_one_without_safepoints_is_not_used(void **state)
{
	struct hsperf h;

	(void)state;
	fill("17");
	*at(7) = 0;
	assert_int_equal(parse(&h), -EAGAIN);
	reset(NULL);
	number("sun.rt.safepoints", 7);
	number("sun.os.hrt.frequency", 1000000);
	assert_int_equal(parse(&h), -ENOENT);
	number("sun.rt.safepointTime", 1);
	assert_int_equal(parse(&h), 0);
	reset(NULL);
	number("sun.rt.safepoints", 7);
	number("sun.rt.safepointTime", 1);
	number("sun.os.hrt.frequency", 0);
	assert_int_equal(parse(&h), -ENOENT);
}

/* Writes a value over a whole one, in the last entry from `offset` = 0 on, or in the header; and puts it right again. */
static void refused(size_t offset, uint32_t value, int error)
{
	struct hsperf h;

	fill("17");
	number("sun.rt.safepoints", 7);
	put32(offset < 32 ? offset : jvm.last + offset - 32, value);
	assert_int_equal(parse(&h), error);
}

static void what_lies_is_refused(void **state)
{
	struct hsperf h;

	(void)state;
	refused(0, 0xcafec0c0, -EINVAL); /* the magic, turned round */
	refused(4, 0x01000200, -EINVAL); /* the other order of bytes */
	refused(4, 0x01000301, -EINVAL); /* another version */
	refused(8, 0xffffffff, -EINVAL); /* used: more than there is */
	refused(8, 31, -EINVAL); /* less than the header */
	refused(24, 8, -EINVAL); /* entries within the header, */
	refused(24, 0xfffffff8, -EINVAL); /* outside */
	refused(28, 12, -EINVAL); /* one more than there are */
	refused(28, 0xffffffff, -EINVAL);
	refused(32 + 0, 0, -EINVAL); /* an entry without end, */
	refused(32 + 0, 0xffffffff, -EINVAL); /* over the end, */
	refused(32 + 4, 0xffffffff, -EINVAL); /* with its name elsewhere, */
	refused(32 + 4, 19, -EINVAL); /* in its own head */
	refused(32 + 16, 0xfffffff8, -EINVAL); /* its value elsewhere, */
	refused(32 + 16, 52, -EINVAL); /* half of it over the end */
	fill("17");
	number("sun.rt.safepoints", 7);
	memset(at(jvm.last + 20), 'a', jvm.n - jvm.last - 20); /* a name without end */
	assert_int_equal(parse(&h), -EINVAL);
	fill("17");
	for (size_t n = 0; n < jvm.n; n++)
		assert_int_equal(hsperf_parse(jvm.word, n, &h), -EINVAL);
}

static void counters_that_cannot_be_are_refused(void **state)
{
	uint64_t value[HSPERF_COUNTERS] = { 0 };
	struct hsperf_counts c;
	struct hsperf h;

	(void)state;
	fill("17");
	assert_int_equal(parse(&h), 0);
	for (int i = 0; i < HSPERF_COUNTERS; i++) {
		value[i] = UINT64_MAX;
		assert_int_equal(hsperf_count(&h, value, &c), -EINVAL);
		value[i] = 0;
	}
	assert_int_equal(hsperf_count(&h, value, &c), 0);
}

static void split(uint64_t safepoints, double safepoint_s, uint64_t collections,
		  double collection_s, uint64_t gc, double gc_s)
{
	struct hsperf_counts former = { 10, 5, 1, 0.5 }, ret,
			     now = { 10 + safepoints, 5 + collections, 1 + safepoint_s,
				     0.5 + collection_s };

	jvms_split(&former, &now, &ret);
	assert_int_equal(ret.collections, gc);
	assert_float_equal(ret.collection_s, gc_s, 1e-6);
	assert_int_equal(ret.safepoints, safepoints - gc);
	assert_float_equal(ret.safepoint_s, safepoint_s - gc_s, 1e-6);
}

static void a_safepoint_is_told_once_as_a_collection_or_as_another(void **state)
{
	struct hsperf_counts former = { 10, 5, 1, 0.5 }, ret, now = { 9, 6, 2, 0.75 };

	(void)state;
	split(3, 0.25, 3, 0.125, 3, 0.25); /* all collect: with what is around the collection */
	split(3, 0.25, 0, 0, 0, 0); /* none does */
	split(3, 0.25, 1, 0.125, 1, 0.125);
	split(1, 0.25, 2, 0.125, 1, 0.25); /* two collections in one */
	split(1, 0, 1, 0, 1, 0); /* it goes on, */
	split(0, 0.25, 0, 0.125, 0, 0.25); /* and has ended: a collection, */
	split(0, 0.25, 0, 0, 0, 0); /* another one */
	split(2, 0.125, 1, 0.25, 1, 0.125); /* its time is there before its safepoint's */
	split(0, 0, 0, 0, 0, 0);
	jvms_split(&former, &now, &ret); /* it has fallen */
	assert_int_equal(ret.safepoints + ret.collections, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(safepoints_and_collections_are_counted_in_ticks, reset),
		cmocka_unit_test_setup(the_way_to_a_safepoint_is_counted_once, reset),
		cmocka_unit_test_setup(
			one_that_starts_is_asked_again_and_one_without_safepoints_is_not_used,
			reset),
		cmocka_unit_test_setup(what_lies_is_refused, reset),
		cmocka_unit_test_setup(counters_that_cannot_be_are_refused, reset),
		cmocka_unit_test(a_safepoint_is_told_once_as_a_collection_or_as_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
