/* SPDX-License-Identifier: MIT */
/*
 * squeeze.c - see squeeze.h. The surprise: two zeros among others are cheaper as they are than as a pair of their own.
 */
#include "record/squeeze.h"

#include <string.h>

#define GAP 3 /* so many zeros end a run of others */

size_t number_write(uint64_t n, unsigned char ret[NUMBER_BYTES])
{
	size_t i = 0;

	for (; n > 0x7f; n >>= 7)
		ret[i++] = (unsigned char)(n | 0x80);
	ret[i++] = (unsigned char)n;
	return i;
}

uint64_t number_read(struct bytes *b)
{
	uint64_t n = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (b->at == b->end)
			break;
		c = *b->at++;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return n;
	}
	b->is_bad = 1;
	b->at = b->end;
	return 0;
}

const unsigned char *bytes_take(struct bytes *b, uint64_t n)
{
	const unsigned char *at = b->at;

	if (b->is_bad || n > (uint64_t)(b->end - b->at)) {
		b->is_bad = 1;
		b->at = b->end;
		return NULL;
	}
	b->at += n;
	return at;
}

static unsigned char difference(const unsigned char *a, const unsigned char *b, size_t i)
{
	return b ? a[i] ^ b[i] : a[i];
}

/* Eight at a time, since most of it is zero. */
static size_t skip_zeros(const unsigned char *a, const unsigned char *b, size_t i, size_t n)
{
	for (; i + 8 <= n; i += 8) {
		uint64_t x, y = 0;

		memcpy(&x, a + i, 8);
		if (b)
			memcpy(&y, b + i, 8);
		if (x != y)
			break;
	}
	while (i < n && !difference(a, b, i))
		i++;
	return i;
}

static size_t skip_others(const unsigned char *a, const unsigned char *b, size_t i, size_t n)
{
	size_t n_zeros = 0;

	for (; i < n && n_zeros < GAP; i++)
		n_zeros = difference(a, b, i) ? 0 : n_zeros + 1;
	return i - n_zeros;
}

size_t squeeze(const void *a, const void *b, size_t n, unsigned char *ret)
{
	unsigned char *at = ret + 3; /* room for the length */
	size_t length, end;

	for (size_t i = 0; i < n; i = end) {
		size_t begin = skip_zeros(a, b, i, n);

		if (begin == n)
			break;
		end = skip_others(a, b, begin, n);
		at += number_write(begin - i, at);
		at += number_write(end - begin, at);
		for (size_t j = begin; j < end; j++)
			*at++ = difference(a, b, j);
	}
	length = (size_t)(at - ret) - 3;
	end = number_write(length, ret);
	memmove(ret + end, ret + 3, length);
	return end + length;
}

void unsqueeze(struct bytes *b, void *ret, size_t n)
{
	uint64_t length = number_read(b);
	const unsigned char *at = bytes_take(b, length);
	struct bytes in = { .at = at, .end = at ? at + length : NULL };
	unsigned char *to = ret;

	while (!b->is_bad && in.at < in.end) {
		uint64_t zeros = number_read(&in), others = number_read(&in);
		const unsigned char *from = bytes_take(&in, others);

		if (!from || zeros > n || others > n - zeros) {
			b->is_bad = 1;
			break;
		}
		to += zeros;
		n -= zeros + others;
		for (uint64_t i = 0; i < others; i++)
			*to++ ^= from[i];
	}
}
