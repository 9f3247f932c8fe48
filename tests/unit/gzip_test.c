/* SPDX-License-Identifier: MIT */
/* gzip_test.c - what zlib's own inflate, and gzip(1), make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "exporters/gzip.h"

/* Like a page: many lines that are nearly the same. */
static struct buffer page(unsigned int lines)
{
	struct buffer b = { 0 };

	for (unsigned int i = 0; i < lines; i++)
		buffer_printf(&b, "poolscope_pool_capacity{process=\"orders\",pool=\"p%u\"} %u\n",
			      i, i * 7919);
	return b;
}

/* Fails unless it is one member and nothing else. */
static struct buffer inflate_all(const struct buffer *packed)
{
	struct buffer b = { 0 };
	char part[997];
	z_stream z = { .next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->n };
	int r;

	assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
	do {
		z.next_out = (Bytef *)part;
		z.avail_out = sizeof(part);
		r = inflate(&z, Z_NO_FLUSH);
		assert_true(r == Z_OK || r == Z_STREAM_END);
		buffer_add(&b, part, sizeof(part) - z.avail_out);
	} while (r == Z_OK);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	return b;
}

static void inflate_gives_back_what_went_in(void **state)
{
	static const unsigned int lines[] = { 0, 1, 2, 101, 20011 };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CLEANUP(buffer_done) struct buffer plain = page(lines[i]), packed = { 0 }, again;

		assert_int_equal(gzip_buffer(plain.data, plain.n, &packed), 0);
		again = inflate_all(&packed);
		assert_int_equal(again.n, plain.n);
		if (plain.n)
			assert_memory_equal(again.data, plain.data, plain.n);
		buffer_done(&again);
	}
}

static void pieces_of_any_length_are_the_same_bytes_again(void **state)
{
	CLEANUP(buffer_done) struct buffer plain = page(1009);

	(void)state;
	for (size_t step = 1; step < 32; step++) {
		CLEANUP(buffer_done) struct buffer packed = { 0 }, again;
		struct gzip *g = gzip_new(&packed);

		for (size_t at = 0; at < plain.n; at += step)
			gzip_add(g, plain.data + at, plain.n - at < step ? plain.n - at : step);
		assert_int_equal(gzip_end(g), 0);
		again = inflate_all(&packed);
		assert_int_equal(again.n, plain.n);
		assert_memory_equal(again.data, plain.data, plain.n);
		buffer_done(&again);
	}
}

static void a_buffer_that_drains_into_it_stays_small(void **state)
{
	CLEANUP(buffer_done) struct buffer plain = page(50021), packed = { 0 }, again;
	struct gzip *g = gzip_new(&packed);
	struct buffer b = { .drain = gzip_add, .context = g };

	(void)state;
	for (unsigned int i = 0; i < 50021; i++)
		buffer_printf(&b, "poolscope_pool_capacity{process=\"orders\",pool=\"p%u\"} %u\n",
			      i, i * 7919);
	buffer_flush(&b);
	assert_int_equal(b.n, 0);
	assert_true(b.size <= 2 * BUFFER_DRAIN_BYTES);
	assert_int_equal(gzip_end(g), 0);
	again = inflate_all(&packed);
	assert_int_equal(again.n, plain.n);
	assert_memory_equal(again.data, plain.data, plain.n);
	buffer_done(&again);
	buffer_done(&b);
}

static void gzip_itself_reads_it(void **state)
{
	CLEANUP(buffer_done) struct buffer plain = page(101), packed = { 0 };
	char name[] = "/tmp/poolscope-XXXXXX", command[64], line[256];
	FILE *f = fdopen(mkstemp(name), "w"), *out;
	size_t n = 0;

	(void)state;
	assert_int_equal(gzip_buffer(plain.data, plain.n, &packed), 0);
	fwrite(packed.data, 1, packed.n, f);
	fclose(f);
	snprintf(command, sizeof(command), "gzip -dc < %s", name);
	out = popen(command, "r");
	while (fgets(line, sizeof(line), out)) {
		assert_memory_equal(line, plain.data + n, strlen(line));
		n += strlen(line);
	}
	assert_int_equal(pclose(out), 0);
	assert_int_equal(n, plain.n);
	unlink(name);
}

static void a_header_that_takes_gzip_is_known(void **state)
{
	static const char *const yes[] = {
		"gzip",
		"GZIP",
		"x-gzip",
		"deflate, gzip",
		"gzip;q=0.5",
		"gzip ; q=1.000, identity;q=0.9",
		"*",
		"br;q=1.0, gzip;q=0.8, *;q=0.1",
		"identity;q=0.5,gzip;q=0.5",
		",, gzip ,",
		"gzip;q=0.001",
		"identity;q=0, *;q=0.3",
	};
	static const char *const no[] = {
		NULL,
		"",
		"identity",
		"gzip;q=0",
		"gzip;q=0.0",
		"gzip;q=0.000, *",
		"*;q=0",
		"br, deflate",
		"gzip;q=0.5, identity;q=0.9",
		"gzip;q=2",
		"gzip;q=",
		"gzip;q",
		"gzip;level=9",
		"gzip q=1",
		"gzip;q=0.5x",
		"gzip;q=0.5555",
		"xgzip",
		"gzipp",
		",",
		";q=1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!gzip_is_accepted(yes[i]))
			fail_msg("'%s' wants gzip", yes[i]);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (gzip_is_accepted(no[i]))
			fail_msg("'%s' does not want gzip", no[i] ? no[i] : "(none)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inflate_gives_back_what_went_in),
		cmocka_unit_test(pieces_of_any_length_are_the_same_bytes_again),
		cmocka_unit_test(a_buffer_that_drains_into_it_stays_small),
		cmocka_unit_test(gzip_itself_reads_it),
		cmocka_unit_test(a_header_that_takes_gzip_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
