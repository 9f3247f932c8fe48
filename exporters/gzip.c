/* SPDX-License-Identifier: MIT */
/*
 * gzip.c - see gzip.h. The surprise: the header has no time and no name in it, so that the same page is the same bytes.
 */
#include "exporters/gzip.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/buffer.h"

#define GZIP_WINDOW (MAX_WBITS + 16)	/* zlib's way to ask for a gzip header */

struct gzip {
	z_stream z;
	struct buffer *to;
};

struct gzip *gzip_new(struct buffer *to)
{
	struct gzip *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->to = to;
	if (deflateInit2(&g->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(g);
		return NULL;
	}
	return g;
}

/* Until nothing is left to be written, which a part of the output that is not full tells. */
static void deflate_all(struct gzip *g, int flush)
{
	unsigned char out[16384];

	do {
		g->z.next_out = out;
		g->z.avail_out = sizeof(out);
		deflate(&g->z, flush);
		buffer_add(g->to, out, sizeof(out) - g->z.avail_out);
	} while (g->z.avail_out == 0);
}

void gzip_add(void *gzip, const char *data, size_t n)
{
	struct gzip *g = gzip;

	while (n) {
		size_t part = n < INT_MAX ? n : INT_MAX;

		g->z.next_in = (Bytef *)(uintptr_t)data;
		g->z.avail_in = (uInt)part;
		deflate_all(g, Z_NO_FLUSH);
		data += part;
		n -= part;
	}
}

int gzip_end(struct gzip *g)
{
	struct buffer *to = g->to;

	g->z.next_in = NULL;
	g->z.avail_in = 0;
	deflate_all(g, Z_FINISH);
	deflateEnd(&g->z);
	free(g);
	return to->error;
}

int gzip_buffer(const char *data, size_t n, struct buffer *ret)
{
	struct gzip *g = gzip_new(ret);

	if (!g)
		return -ENOMEM;
	gzip_add(g, data, n);
	return gzip_end(g);
}

/* ---- who wants it ---------------------------------------------------------------------------------------------------------- */

#define Q_MOST 1000
#define UNNAMED (-1)

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* The weight behind a name, in thousandths: 1000 when there is none, 0 when it is malformed. Stands at ',' or the end then. */
static int parse_weight(const char **at)
{
	const char *s = skip_blanks(*at);
	int q = Q_MOST, digit = 100;

	*at += strcspn(*at, ",");
	if (*s != ';')
		return s == *at ? Q_MOST : 0;
	s = skip_blanks(s + 1);
	if ((*s != 'q' && *s != 'Q') || s[1] != '=' || (s[2] != '0' && s[2] != '1'))
		return 0;
	q = (s[2] - '0') * Q_MOST;
	s += 3;
	if (*s == '.') {
		for (s++; isdigit((unsigned char)*s) && digit; s++, digit /= 10)
			q += (*s - '0') * digit;
	}
	return skip_blanks(s) == *at && q <= Q_MOST ? q : 0;
}

bool gzip_is_accepted(const char *accept_encoding)
{
	int gzip = UNNAMED, identity = UNNAMED, other = UNNAMED;
	const char *s = accept_encoding ? accept_encoding : "";

	while (*s) {
		const char *name = skip_blanks(s);
		size_t n = strcspn(name, " \t;,");
		int q;

		s = name + n;
		q = parse_weight(&s);
		s += *s == ',';
		if ((n == 4 && !strncasecmp(name, "gzip", 4)) ||
		    (n == 6 && !strncasecmp(name, "x-gzip", 6)))
			gzip = q;
		else if (n == 8 && !strncasecmp(name, "identity", 8))
			identity = q;
		else if (n == 1 && *name == '*')
			other = q;
	}
	if (gzip == UNNAMED)
		gzip = other == UNNAMED ? 0 : other;
	return gzip > 0 && gzip >= identity;
}
